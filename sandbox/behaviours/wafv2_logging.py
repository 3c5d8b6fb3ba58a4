"""WAF: where a web ACL logs to."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.behaviours.wafv2_web_acls import API
from sandbox.errors import NotSimulated
from sandbox.nested import honour
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.waf_rewrites import redacted
from sandbox.waf_rules import missing, only, refusal
from sandbox.waf_store import check_scope, in_scope, listed, part

PREFIX = "aws-waf-logs-"
REDACTABLE = {"UriPath", "QueryString", "SingleHeader", "Method"}
_INVALID = (
    "The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by"
    " colons or slashes."
)


def _destination(ctx: Context, arn: str) -> str:
    """The checked ARN. That of a log group is accepted with `:*` at its end and kept without."""
    pieces = arn.split(":", 5)
    if len(pieces) < 6 or pieces[0] != "arn":
        raise refusal(_INVALID, "LOG_DESTINATION", arn)
    service, resource = pieces[2], pieces[5]
    if service == "logs":
        name = resource.removeprefix("log-group:").removesuffix(":*")
    else:
        name = resource.removeprefix("deliverystream/")
    if service not in ("logs", "s3", "firehose") or not name.startswith(PREFIX):
        raise refusal(_INVALID, "LOG_DESTINATION", arn)
    if service == "logs" and name not in ctx.other("logs").get("groups", {}):
        raise missing(f"log group {name}")
    return arn.removesuffix(":*")


@behaviour(
    "wafv2", "PutLoggingConfiguration", "LoggingConfiguration",
    evidence="documented", source=API + "API_PutLoggingConfiguration.html; "
    "https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html; "
    "redacted fields sorted: cdk-real-drift #433; "
    "assumed: `:*` is cut off, a missing log group is a nonexistent item",
)  # fmt: skip
def put_logging_configuration(ctx: Context, params: Params) -> Reply:
    wanted = copy.deepcopy(params["LoggingConfiguration"])
    honour(
        "wafv2:PutLoggingConfiguration",
        wanted,
        "ResourceArn LogDestinationConfigs RedactedFields ManagedByFirewallManager LoggingFilter"
        " LogType LogScope",
    )
    if wanted.get("LogScope", "CUSTOMER") != "CUSTOMER":
        raise NotSimulated(f"wafv2: log scope {wanted['LogScope']}")
    if wanted["ResourceArn"] not in part(ctx.store, "acls"):
        raise missing()
    if len(wanted["LogDestinationConfigs"]) != 1:
        count = len(wanted["LogDestinationConfigs"])
        raise refusal("Give exactly one log destination.", "LOG_DESTINATION", count)
    for field in wanted.get("RedactedFields", []):
        if only(field, "FIELD_TO_MATCH") not in REDACTABLE:
            raise refusal("This field can't be redacted.", "FIELD_TO_MATCH", sorted(field))
    _check_filter(wanted.get("LoggingFilter", {}))
    destinations = [_destination(ctx, arn) for arn in wanted["LogDestinationConfigs"]]
    if "RedactedFields" in wanted:
        wanted["RedactedFields"] = redacted(wanted["RedactedFields"])
    wanted |= {
        "LogDestinationConfigs": destinations,
        "ManagedByFirewallManager": False,
        "LogType": wanted.get("LogType", "WAF_LOGS"),
        "LogScope": "CUSTOMER",
    }
    part(ctx.store, "logging")[wanted["ResourceArn"]] = wanted
    return {"LoggingConfiguration": _public(ctx, wanted)}


def _check_filter(wanted: dict[str, Any]) -> None:
    for each in wanted.get("Filters", []):
        for condition in each["Conditions"]:
            only(condition, "FILTER_CONDITION")


def _public(ctx: Context, configuration: dict[str, Any]) -> dict[str, Any]:
    shown = copy.deepcopy(configuration)
    if "RedactedFields" in shown:
        shown["RedactedFields"] = ctx.shuffled(shown["RedactedFields"])
    return shown


def _read(ctx: Context, store: dict[str, Any], params: Params) -> dict[str, Any]:
    if params.get("LogScope", "CUSTOMER") != "CUSTOMER":
        raise NotSimulated(f"wafv2: log scope {params['LogScope']}")
    configuration = store.get("logging", {}).get(params["ResourceArn"])
    if configuration is None:
        raise missing()
    found: dict[str, Any] = configuration
    return found


@behaviour(
    "wafv2", "GetLoggingConfiguration", "ResourceArn LogType LogScope",
    evidence="documented", source=API + "API_GetLoggingConfiguration.html",
)  # fmt: skip
def get_logging_configuration(ctx: Context, params: Params) -> Reply:
    return {"LoggingConfiguration": _public(ctx, _read(ctx, ctx.view, params))}


@behaviour(
    "wafv2", "DeleteLoggingConfiguration", "ResourceArn LogType LogScope",
    evidence="documented", source=API + "API_DeleteLoggingConfiguration.html",
)  # fmt: skip
def delete_logging_configuration(ctx: Context, params: Params) -> Reply:
    _read(ctx, ctx.store, params)
    del part(ctx.store, "logging")[params["ResourceArn"]]
    return {}


@behaviour(
    "wafv2", "ListLoggingConfigurations", "Scope NextMarker Limit",
    evidence="documented", source=API + "API_ListLoggingConfigurations.html",
)  # fmt: skip
def list_logging_configurations(ctx: Context, params: Params) -> Reply:
    check_scope(ctx, params["Scope"])
    found = {
        arn: _public(ctx, configuration)
        for arn, configuration in ctx.view.get("logging", {}).items()
        if in_scope(ctx, arn, params["Scope"])
    }
    configurations, marker = listed(ctx, found, params)
    return {"LoggingConfigurations": configurations} | marker
