"""CloudWatch Logs: metric filters, `store["metric_filters"]`: (log group, name) → the filter.

They carry no tags. What they would count is not simulated: no event makes a metric here.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from sandbox.behaviours.logs_account_policies import API, BAD
from sandbox.errors import AwsError
from sandbox.paging import page
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

GUIDE = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/"
PROVIDER = "https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-logs"
MOST_OF_A_GROUP = 100
MOST_DIMENSIONS = 3
MOST_EXPRESSIONS, MOST_WITH_EXPRESSIONS = 2, 5
UNSET = ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions")
SYSTEM_FIELDS = ("@aws.account", "@aws.region")
WRONG = "Invalid metric transformation: "
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_QUOTED = re.compile(r'"(\\.|[^"\\])*"')
_EXPRESSION = re.compile(r"%[^%]*%")
Filter = dict[str, Any]


def _filters(store: Store) -> dict[tuple[str, str], Filter]:
    filters: dict[tuple[str, str], Filter] = store.setdefault("metric_filters", {})
    return filters


def _group(ctx: Context, name: str) -> dict[str, Any]:
    found: dict[str, Any] | None = ctx.store.get("groups", {}).get(name)
    if found is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return found


def forget_metric_filters(store: Store, group: str) -> None:
    """A log group takes its filters with it."""
    for key in [key for key in _filters(store) if key[0] == group]:
        del _filters(store)[key]


def _expressions(pattern: str) -> int:
    """Regular expressions in a pattern: what stands between two %, not within quotes."""
    return len(_EXPRESSION.findall(_QUOTED.sub("", pattern)))


@behaviour(
    "logs", "PutMetricFilter",
    "logGroupName filterName filterPattern metricTransformations applyOnTransformedLogs"
    " fieldSelectionCriteria emitSystemFieldDimensions",
    evidence="documented",
    source=API + "API_PutMetricFilter.html; "
    + GUIDE + "FilterAndPatternSyntax.html (regular expressions and their quotas); "
    "https://github.com/aws-solutions-library-samples/guidance-for-claude-code-with-amazon-bedrock"
    "/pull/632 (a default value and dimensions); "
    + PROVIDER + "/issues/64 (dimensions and patterns), "
    + PROVIDER + "/issues/108 (dimensions are fields); "
    "assumed: what a quota says; the creation time stays when a filter is changed; what is left "
    "out is gone",
)  # fmt: skip
def put_metric_filter(ctx: Context, params: Params) -> Reply:
    key = (params["logGroupName"], params["filterName"])
    group = _group(ctx, key[0])
    if group["logGroupClass"] != "STANDARD":
        raise AwsError(
            "InvalidOperationException",
            f"Metric filters are not supported for log class {group['logGroupClass']}.",
        )
    _check(params)
    filters = _filters(ctx.store)
    others = [f for k, f in filters.items() if k[0] == key[0] and k != key]
    if len(others) >= MOST_OF_A_GROUP:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    with_expressions = [f for f in others if _expressions(f["filterPattern"])]
    if _expressions(params["filterPattern"]) and len(with_expressions) >= MOST_WITH_EXPRESSIONS:
        raise AwsError(
            "LimitExceededException",
            f"A log group can have at most {MOST_WITH_EXPRESSIONS} filter patterns with regex.",
        )
    made = filters.get(key, {}).get("creationTime", int(ctx.now.timestamp() * 1000))
    (transformation,) = copy.deepcopy(params["metricTransformations"])
    filters[key] = {
        "applyOnTransformedLogs": False, **copy.deepcopy(params), "creationTime": made,
        "metricTransformations": [{"unit": "None", **transformation}],
    }  # fmt: skip
    group["metricFilterCount"] = len(others) + 1
    return {}


def _check(params: Params) -> None:
    """What AWS refuses of a filter, wherever it is put."""
    (transformation,) = params["metricTransformations"]
    pattern = params["filterPattern"].strip()
    structured = pattern.startswith(("{", "["))
    if structured and not pattern.endswith({"{": "}", "[": "]"}[pattern[0]]):
        raise AwsError(BAD, "Invalid metric filter pattern")
    if _expressions(pattern) > MOST_EXPRESSIONS:
        raise AwsError(BAD, f"A filter pattern can have at most {MOST_EXPRESSIONS} regex.")
    for member in ("metricName", "metricNamespace", "metricValue"):
        if not transformation[member]:
            raise AwsError(BAD, f"{WRONG}{member} must not be empty")
    value, own = transformation["metricValue"], transformation.get("dimensions") or {}
    if not (_NUMBER.fullmatch(value) or (structured and value.startswith("$") and value != "$")):
        raise AwsError(BAD, f"{WRONG}metric value {value} must be a valid number")
    if own and "defaultValue" in transformation:
        raise AwsError(
            BAD, f"{WRONG}dimensions and default value are mutually exclusive properties"
        )
    emitted = params.get("emitSystemFieldDimensions", ())
    if len(own) + len(emitted) > MOST_DIMENSIONS:
        raise AwsError(BAD, f"At most {MOST_DIMENSIONS} dimensions can be specified")
    if own and not structured:
        raise AwsError(BAD, "The specified filter pattern does not support dimensions")
    if any(not name.strip() or name.startswith(":") or not name.isascii() for name in own):
        raise AwsError(BAD, f"{WRONG}invalid dimension name")
    if any(not field.startswith("$") or field == "$" for field in own.values()):
        raise AwsError(BAD, f"{WRONG}dimension value must be valid selector")
    if any(field not in SYSTEM_FIELDS for field in emitted):
        raise AwsError(BAD, f"Valid system fields are {', '.join(SYSTEM_FIELDS)}")


@behaviour(
    "logs", "DescribeMetricFilters",
    "logGroupName filterNamePrefix nextToken limit metricName metricNamespace",
    evidence="documented",
    source=API + "API_DescribeMetricFilters.html; "
    "assumed: the order among filters of one name in several groups",
)  # fmt: skip
def describe_metric_filters(ctx: Context, params: Params) -> Reply:
    group, prefix = params.get("logGroupName"), params.get("filterNamePrefix", "")
    metric, namespace = params.get("metricName"), params.get("metricNamespace")
    if (metric is None) != (namespace is None):
        raise AwsError(BAD, "metricName and metricNamespace must be specified together.")
    if group is not None and group not in ctx.view.get("groups", {}):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    found = {
        f"{name}\0{of}": _public(ctx, shown)
        for (of, name), shown in ctx.view.get("metric_filters", {}).items()
        if group is None or (of == group and name.startswith(prefix))
        if metric is None or (metric, namespace) == _metric(shown)
    }
    refusal = AwsError(BAD, "The specified nextToken is invalid.")
    filters, token = page(found, params.get("nextToken"), params.get("limit", 50), refusal)
    return {"metricFilters": filters} | ({"nextToken": token} if token else {})


def _metric(found: Filter) -> tuple[str, str]:
    (transformation,) = found["metricTransformations"]
    return transformation["metricName"], transformation["metricNamespace"]


def _public(ctx: Context, found: Filter) -> Filter:
    """A filter as AWS shows it: what nobody set is shown as what it amounts to, or not at all."""
    shown = copy.deepcopy(found)
    (transformation,) = shown["metricTransformations"]
    if not transformation.get("dimensions"):
        transformation.pop("dimensions", None)
    if ctx.world.seed % 3 == 0:
        for member in UNSET:
            if not shown.get(member):
                shown.pop(member, None)
        if transformation["unit"] == "None":
            del transformation["unit"]
    return shown


@behaviour(
    "logs", "DeleteMetricFilter", "logGroupName filterName",
    evidence="documented", source=API + "API_DeleteMetricFilter.html",
)  # fmt: skip
def delete_metric_filter(ctx: Context, params: Params) -> Reply:
    group = _group(ctx, params["logGroupName"])
    if _filters(ctx.store).pop((params["logGroupName"], params["filterName"]), None) is None:
        raise AwsError("ResourceNotFoundException", "The specified metric filter does not exist.")
    group["metricFilterCount"] -= 1
    return {}
