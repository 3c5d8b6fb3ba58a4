"""CloudWatch Logs: log groups, their retention, keys, tags and deletion protection."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.behaviours.logs_account_policies import (
    API,
    BAD,
    RETENTION_DAYS,
    apply_account_policies,
)
from sandbox.behaviours.logs_metric_filters import forget_metric_filters
from sandbox.errors import AwsError, NotSimulated
from sandbox.moto_state import kms_key_usable
from sandbox.paging import page
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import MAX_TAGS, forget_tags, put_tags, remove_tags, tags_of
from sandbox.world import Store

DELIVERY_DAYS = 2
UNSUPPORTED = "This operation is not supported for Delivery log class"
CLASS_SOURCE = "https://github.com/hashicorp/terraform-provider-aws/issues/42657 (class DELIVERY)"
NEWER = ("logGroupClass", "deletionProtectionEnabled", "bearerTokenAuthenticationEnabled")
"""Members that replies did not have when most recordings were made."""


def _groups(store: Store) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = store.setdefault("groups", {})
    return groups


def _group(ctx: Context, name: str) -> dict[str, Any]:
    try:
        return _groups(ctx.store)[name]
    except KeyError:
        raise AwsError(
            "ResourceNotFoundException", "The specified log group does not exist."
        ) from None


def _with_retention(ctx: Context, name: str) -> dict[str, Any]:
    """A group whose retention may be set: AWS sets that of the class DELIVERY itself."""
    group = _group(ctx, name)
    if group["logGroupClass"] == "DELIVERY":
        raise AwsError("ValidationException", UNSUPPORTED)
    return group


def _name(ctx: Context, identifier: str) -> str:
    """The name of a log group given by name or ARN."""
    return identifier.removeprefix(ctx.arn("log-group:")).removesuffix(":*")


def _check_key(key: str) -> None:
    if not key.startswith("arn:") or ":key/" not in key:
        raise AwsError(BAD, f"KMS key must be given by its ARN: {key}")
    if not kms_key_usable(key):
        raise AwsError(BAD, "The specified KMS key does not exist or is not allowed to be used.")


@behaviour(
    "logs", "CreateLogGroup", "logGroupName kmsKeyId tags logGroupClass deletionProtectionEnabled",
    evidence="documented", source=API + f"API_CreateLogGroup.html; {CLASS_SOURCE}",
)  # fmt: skip
def create_log_group(ctx: Context, params: Params) -> Reply:
    name = params["logGroupName"]
    if name.startswith("aws/"):
        raise AwsError(BAD, f"Invalid log group name: {name}")
    if "kmsKeyId" in params:
        _check_key(params["kmsKeyId"])
    if name in _groups(ctx.store):
        raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
    arn = ctx.arn(f"log-group:{name}")
    put_tags(ctx.store, arn, params.get("tags") or {}, BAD)
    group = {
        "logGroupName": name,
        "creationTime": int(ctx.now.timestamp() * 1000),
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": 0,
        "logGroupClass": params.get("logGroupClass", "STANDARD"),
        "deletionProtectionEnabled": params.get("deletionProtectionEnabled", False),
        "bearerTokenAuthenticationEnabled": False,
        "_streams": {},
    }
    if group["logGroupClass"] == "DELIVERY":
        group["retentionInDays"] = DELIVERY_DAYS
    if "kmsKeyId" in params:
        group["kmsKeyId"] = params["kmsKeyId"]
    _groups(ctx.store)[name] = group
    return {}


@behaviour(
    "logs", "DescribeLogGroups",
    "logGroupNamePrefix logGroupNamePattern nextToken limit logGroupClass logGroupIdentifiers",
    evidence="recorded", source="logs/DescribeLogGroups; " + API + "API_DescribeLogGroups.html",
)  # fmt: skip
def describe_log_groups(ctx: Context, params: Params) -> Reply:
    prefix, pattern = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
    wanted, klass = params.get("logGroupIdentifiers"), params.get("logGroupClass")
    if prefix is not None and pattern is not None:
        raise AwsError(
            BAD, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    if wanted is not None and {prefix, pattern, klass} != {None}:
        raise AwsError(BAD, "logGroupIdentifiers can't be combined with other filters.")
    if any(identifier.startswith("arn:") for identifier in wanted or ()):
        raise AwsError(BAD, "Only log group names can be specified in this account.")
    cheap = {"INFREQUENT_ACCESS", "ESSENTIALS"}
    classes = cheap if klass in cheap else {klass}
    found = {
        name: _public(ctx, group, brief=bool(pattern))
        for name, group in ctx.view.get("groups", {}).items()
        if name.startswith(prefix or "")
        and (pattern or "") in name
        and (wanted is None or name in wanted)
        and (klass is None or group["logGroupClass"] in classes)
    }
    refusal = AwsError(BAD, "The specified nextToken is invalid.")
    groups, token = page(found, params.get("nextToken"), params.get("limit", 50), refusal)
    return {"logGroups": groups} | ({"nextToken": token} if token else {})


def _public(ctx: Context, group: dict[str, Any], *, brief: bool) -> dict[str, Any]:
    """A group as AWS shows it; newer members with their defaults are shown, or not yet."""
    names = ("arn", "creationTime", "logGroupName") if brief else tuple(group)
    shown = {k: copy.deepcopy(group[k]) for k in names if not k.startswith("_")}
    if ctx.world.seed % 3 == 0:
        shown = {k: v for k, v in shown.items() if k not in NEWER or v not in (False, "STANDARD")}
    if not brief:
        apply_account_policies(ctx, shown)
    return shown


@behaviour(
    "logs", "DeleteLogGroup", "logGroupName",
    evidence="documented",
    source=API + "API_DeleteLogGroup.html; "
    "assumed: the code for deletion protection",
)  # fmt: skip
def delete_log_group(ctx: Context, params: Params) -> Reply:
    group = _group(ctx, params["logGroupName"])
    if group["deletionProtectionEnabled"]:
        raise AwsError("ValidationException", "Deletion protection is enabled on the log group.")
    del _groups(ctx.store)[group["logGroupName"]]
    forget_tags(ctx.store, group["logGroupArn"])
    forget_metric_filters(ctx.store, group["logGroupName"])
    return {}


@behaviour(
    "logs", "PutRetentionPolicy", "logGroupName retentionInDays",
    evidence="documented", source=API + f"API_PutRetentionPolicy.html; {CLASS_SOURCE}",
)  # fmt: skip
def put_retention_policy(ctx: Context, params: Params) -> Reply:
    group = _with_retention(ctx, params["logGroupName"])
    if params["retentionInDays"] not in RETENTION_DAYS:
        raise AwsError(BAD, f"Invalid retention value: {params['retentionInDays']}")
    group["retentionInDays"] = params["retentionInDays"]
    return {}


@behaviour(
    "logs", "DeleteRetentionPolicy", "logGroupName",
    evidence="documented", source=API + f"API_DeleteRetentionPolicy.html; {CLASS_SOURCE}",
)  # fmt: skip
def delete_retention_policy(ctx: Context, params: Params) -> Reply:
    _with_retention(ctx, params["logGroupName"]).pop("retentionInDays", None)
    return {}


def _key_target(ctx: Context, params: Params) -> dict[str, Any]:
    name, identifier = params.get("logGroupName"), params.get("resourceIdentifier")
    if (name is None) == (identifier is None):
        raise AwsError(BAD, "Specify either logGroupName or resourceIdentifier.")
    if identifier and ":query-result:" in identifier:
        raise NotSimulated("logs: keys for query results")
    return _group(ctx, name or _name(ctx, str(identifier)))


@behaviour(
    "logs", "AssociateKmsKey", "logGroupName kmsKeyId resourceIdentifier",
    evidence="documented", source=API + "API_AssociateKmsKey.html",
)  # fmt: skip
def associate_kms_key(ctx: Context, params: Params) -> Reply:
    group = _key_target(ctx, params)
    _check_key(params["kmsKeyId"])
    group["kmsKeyId"] = params["kmsKeyId"]
    return {}


@behaviour(
    "logs", "DisassociateKmsKey", "logGroupName resourceIdentifier",
    evidence="documented", source=API + "API_DisassociateKmsKey.html",
)  # fmt: skip
def disassociate_kms_key(ctx: Context, params: Params) -> Reply:
    _key_target(ctx, params).pop("kmsKeyId", None)
    return {}


@behaviour(
    "logs", "PutLogGroupDeletionProtection", "logGroupIdentifier deletionProtectionEnabled",
    evidence="documented", source=API + "API_PutLogGroupDeletionProtection.html",
)  # fmt: skip
def put_log_group_deletion_protection(ctx: Context, params: Params) -> Reply:
    group = _group(ctx, _name(ctx, params["logGroupIdentifier"]))
    group["deletionProtectionEnabled"] = params["deletionProtectionEnabled"]
    return {}


@behaviour(
    "logs", "PutBearerTokenAuthentication", "logGroupIdentifier bearerTokenAuthenticationEnabled",
    evidence="documented", source=API + "API_PutBearerTokenAuthentication.html",
)  # fmt: skip
def put_bearer_token_authentication(ctx: Context, params: Params) -> Reply:
    group = _group(ctx, _name(ctx, params["logGroupIdentifier"]))
    group["bearerTokenAuthenticationEnabled"] = params["bearerTokenAuthenticationEnabled"]
    return {}


def _tagged(ctx: Context, arn: str) -> str:
    """The ARN if its log group exists. The form that ends in `:*` breaks the model's pattern."""
    _group(ctx, _name(ctx, arn))
    return arn


@behaviour(
    "logs", "TagResource", "resourceArn tags",
    evidence="documented", source=API + "API_TagResource.html",
)  # fmt: skip
def tag_resource(ctx: Context, params: Params) -> Reply:
    there = tags_of(ctx.store, _tagged(ctx, params["resourceArn"]))
    if len({**there, **params["tags"]}) > MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A resource can have at most {MAX_TAGS} tags")
    put_tags(ctx.store, _tagged(ctx, params["resourceArn"]), params["tags"], BAD)
    return {}


@behaviour(
    "logs", "UntagResource", "resourceArn tagKeys",
    evidence="documented", source=API + "API_UntagResource.html",
)  # fmt: skip
def untag_resource(ctx: Context, params: Params) -> Reply:
    remove_tags(ctx.store, _tagged(ctx, params["resourceArn"]), params["tagKeys"], BAD)
    return {}


@behaviour(
    "logs", "ListTagsForResource", "resourceArn",
    evidence="documented", source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    arn = _tagged(ctx, params["resourceArn"])
    return {"tags": dict(ctx.view.get("_tags", {}).get(arn, {}))}


@behaviour(
    "logs", "ListTagsLogGroup", "logGroupName",
    evidence="documented", source=API + "API_ListTagsLogGroup.html (deprecated)",
)  # fmt: skip
def list_tags_log_group(ctx: Context, params: Params) -> Reply:
    return {"tags": dict(tags_of(ctx.store, _group(ctx, params["logGroupName"])["logGroupArn"]))}


@behaviour(
    "logs", "CreateLogStream", "logGroupName logStreamName",
    evidence="documented", source=API + "API_CreateLogStream.html",
)  # fmt: skip
def create_log_stream(ctx: Context, params: Params) -> Reply:
    streams = _group(ctx, params["logGroupName"])["_streams"]
    if params["logStreamName"] in streams:
        raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
    streams[params["logStreamName"]] = []
    return {}


@behaviour(
    "logs", "PutLogEvents", "logGroupName logStreamName logEvents sequenceToken",
    evidence="documented", source=API + "API_PutLogEvents.html",
)  # fmt: skip
def put_log_events(ctx: Context, params: Params) -> Reply:
    group = _group(ctx, params["logGroupName"])
    try:
        stream = group["_streams"][params["logStreamName"]]
    except KeyError:
        raise AwsError(
            "ResourceNotFoundException", "The specified log stream does not exist."
        ) from None
    stamps = [event["timestamp"] for event in params["logEvents"]]
    if stamps != sorted(stamps):
        raise AwsError(BAD, "Log events in a single PutLogEvents request must be in order.")
    stream.extend(copy.deepcopy(params["logEvents"]))
    group["storedBytes"] += sum(len(event["message"]) + 26 for event in params["logEvents"])
    return {"nextSequenceToken": ctx.token(length=56)}
