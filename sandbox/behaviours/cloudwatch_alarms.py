"""CloudWatch alarms: `store["alarms"]`, name → the dict that DescribeAlarms returns.

Application Auto Scaling puts its `TargetTracking-…` alarms there, too. An alarm with an
`AlarmRule` is a composite one.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from sandbox.alarm_rules import ACTIONS, check_actions, check_alarm, refusal
from sandbox.behaviours.cloudwatch_dashboards import dashboard_arn, kept, seen
from sandbox.composite_rules import check_composite, named_in
from sandbox.errors import AwsError
from sandbox.paging import page
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import forget_tags, from_pairs, put_tags, remove_tags, to_pairs
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"
BAD_VALUE = "InvalidParameterValue"


def _alarms(store: Store) -> dict[str, dict[str, Any]]:
    alarms: dict[str, dict[str, Any]] = store.setdefault("alarms", {})
    return alarms


def _refers_to(alarm: dict[str, Any]) -> set[str]:
    """The names or ARNs of the alarms in a composite alarm's rule."""
    return set(named_in(alarm.get("AlarmRule", "")))


def _named(ctx: Context, name: str) -> dict[str, Any]:
    try:
        return _alarms(ctx.store)[name]
    except KeyError:
        raise AwsError("ResourceNotFound", f"Alarm {name} does not exist", 404) from None


def _save(ctx: Context, alarm: dict[str, Any], tags: dict[str, str]) -> None:
    """Create or overwrite: the state and its dates stay, tags count only at creation."""
    name, alarms = alarm["AlarmName"], _alarms(ctx.store)
    old = alarms.get(name)
    if old is not None and ("AlarmRule" in old) != ("AlarmRule" in alarm):
        raise refusal(f"An alarm of another type named {name} already exists")
    alarm |= {
        "AlarmArn": ctx.arn(f"alarm:{name}"),
        "AlarmConfigurationUpdatedTimestamp": ctx.now,
        "ActionsEnabled": alarm.get("ActionsEnabled", True),
        **{kind: list(dict.fromkeys(alarm.get(kind, []))) for kind in ACTIONS},
    }
    state = (
        "StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp",
        "StateTransitionedTimestamp",
    )  # fmt: skip
    if old is not None:
        alarm |= {key: old[key] for key in state if key in old}
    else:
        put_tags(ctx.store, alarm["AlarmArn"], tags, BAD_VALUE)
        first = "OK" if "EvaluationCriteria" in alarm else "INSUFFICIENT_DATA"
        _set_state(ctx, alarm, first, "Unchecked: Initial alarm creation")
        wait = timedelta(seconds=ctx.world.rng.uniform(60, 300))
        _evaluate_after(ctx, wait, name)
    alarms[name] = alarm


def _set_state(ctx: Context, alarm: dict[str, Any], value: str, reason: str) -> None:
    if alarm.get("StateValue") != value:
        alarm["StateTransitionedTimestamp"] = ctx.now
    alarm |= {"StateValue": value, "StateReason": reason, "StateUpdatedTimestamp": ctx.now}
    alarm.pop("StateReasonData", None)


def _evaluate_after(ctx: Context, wait: timedelta, name: str) -> None:
    """Nothing breaches here: the next evaluation finds the alarm OK."""
    store = ctx.store

    def evaluate() -> None:
        alarm = _alarms(store).get(name)
        if alarm is not None and alarm["StateValue"] != "OK":
            _set_state(ctx, alarm, "OK", "Threshold Crossed: no datapoint was breaching.")

    ctx.world.clock.after(wait, evaluate)


@behaviour(
    "cloudwatch", "PutMetricAlarm",
    "AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions"
    " MetricName Namespace Statistic ExtendedStatistic Dimensions Period Unit EvaluationPeriods"
    " DatapointsToAlarm Threshold ComparisonOperator TreatMissingData"
    " EvaluateLowSampleCountPercentile Metrics Tags ThresholdMetricId EvaluationWindow"
    " WarmUpConfiguration EvaluationCriteria EvaluationInterval ActionConfiguration",
    evidence="documented",
    source=API + "API_PutMetricAlarm.html; "
    "https://github.com/aws/aws-cdk/issues/27144 (ten metrics); "
    "https://github.com/aws/aws-cdk/issues/29331 (EC2 actions); "
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html"
    " (no SEARCH); assumed: ValidationError for all that is refused",
)  # fmt: skip
def put_metric_alarm(ctx: Context, params: Params) -> Reply:
    check_alarm(params, ctx.region)
    alarm = copy.deepcopy({k: v for k, v in params.items() if k != "Tags"})
    if "Metrics" in alarm:
        for query in alarm["Metrics"]:
            query.setdefault("ReturnData", True)
    elif "MetricName" in alarm:
        alarm.setdefault("Dimensions", [])
    _save(ctx, alarm, from_pairs(params.get("Tags"), BAD_VALUE))
    return {}


@behaviour(
    "cloudwatch", "PutCompositeAlarm",
    "AlarmName AlarmDescription AlarmRule ActionsEnabled OKActions AlarmActions"
    " InsufficientDataActions Tags ActionsSuppressor ActionsSuppressorWaitPeriod"
    " ActionsSuppressorExtensionPeriod ActionConfiguration",
    evidence="documented",
    source=API + "API_PutCompositeAlarm.html; "
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html; "
    "https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_cloudwatch.AtLeastOptions.html; "
    "assumed: ValidationError, and its words, for all that is refused",
)  # fmt: skip
def put_composite_alarm(ctx: Context, params: Params) -> Reply:
    check_actions(params, ctx.region)
    check_composite(params)
    alarm = copy.deepcopy({k: v for k, v in params.items() if k != "Tags"})
    known = {name for a in _alarms(ctx.store).values() for name in (a["AlarmName"], a["AlarmArn"])}
    missing = _refers_to(alarm) - known
    if missing:
        raise refusal(
            f"Could not save the composite alarm as alarms {sorted(missing)} in the alarm rule"
            " do not exist"
        )
    if params.get("ActionsSuppressor", next(iter(known), "")) not in known | {""}:
        raise refusal(f"The suppressor alarm {params['ActionsSuppressor']} does not exist")
    _save(ctx, alarm, from_pairs(params.get("Tags"), BAD_VALUE))
    return {}


@behaviour(
    "cloudwatch", "DescribeAlarms",
    "AlarmNames AlarmNamePrefix AlarmTypes StateValue ActionPrefix MaxRecords NextToken",
    evidence="recorded", source="monitoring/DescribeAlarms; " + API + "API_DescribeAlarms.html",
)  # fmt: skip
def describe_alarms(ctx: Context, params: Params) -> Reply:
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
    if names is not None and prefix is not None:
        raise refusal("AlarmNames and AlarmNamePrefix are mutually exclusive")
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    found = {}
    for name, alarm in ctx.view.get("alarms", {}).items():
        kind = "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm"
        actions = [arn for action in ACTIONS for arn in alarm.get(action, ())]
        if (
            kind in types
            and (not names or name in names)
            and name.startswith(prefix or "")
            and params.get("StateValue") in (None, alarm["StateValue"])
            and ("ActionPrefix" not in params
                 or any(arn.startswith(params["ActionPrefix"]) for arn in actions))
        ):  # fmt: skip
            found[name] = alarm
    refused = AwsError("InvalidNextToken", "Invalid token")
    alarms, token = page(found, params.get("NextToken"), params.get("MaxRecords", 50), refused)
    shown = ctx.shuffled(_public(ctx, alarm) for alarm in alarms)
    reply = {
        "MetricAlarms": [alarm for alarm in shown if "AlarmRule" not in alarm],
        "CompositeAlarms": [alarm for alarm in shown if "AlarmRule" in alarm],
        "LogAlarms": [],
    }
    return reply | ({"NextToken": token} if token else {})


def _public(ctx: Context, alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm as AWS shows it: sets in any order; a default or an empty list shown or not."""
    shown = copy.deepcopy(alarm)
    for name in (*ACTIONS, "Dimensions", "Metrics"):
        if name in shown:
            shown[name] = ctx.shuffled(shown[name])
    for query in shown.get("Metrics", ()):
        metric = query.get("MetricStat", {}).get("Metric", {})
        if "Dimensions" in metric:
            metric["Dimensions"] = ctx.shuffled(metric["Dimensions"])
    if "AlarmRule" in shown or "EvaluationCriteria" in shown:
        return shown
    if ctx.world.seed % 3 == 0:
        shown.setdefault("TreatMissingData", "missing")
        shown.setdefault("DatapointsToAlarm", shown["EvaluationPeriods"])
        shown.setdefault("EvaluationWindow", {"SlidingWindow": {}})
        numbers = {query["Id"]: n for n, query in enumerate(alarm.get("Metrics", ()))}
        for query in shown.get("Metrics", ()):
            query.setdefault("Label", f"Metric {numbers[query['Id']]}")
    if ctx.world.seed % 3 == 1:
        shown.setdefault("Metrics", [])
        shown.setdefault("Dimensions", [])
        for query in shown["Metrics"]:
            query.setdefault("AccountId", ctx.account)
    return shown


@behaviour(
    "cloudwatch", "DeleteAlarms", "AlarmNames",
    evidence="documented",
    source=API + "API_DeleteAlarms.html; "
    "assumed: those missing are refused after the others went",
)  # fmt: skip
def delete_alarms(ctx: Context, params: Params) -> Reply:
    alarms, names = _alarms(ctx.store), params["AlarmNames"]
    if sum("AlarmRule" in alarms.get(name, {}) for name in names) > 1:
        raise refusal("At most one composite alarm can be deleted in one call")
    for name in names:
        keys = {name, ctx.arn(f"alarm:{name}")}
        parents = [a["AlarmName"] for a in alarms.values() if keys & _refers_to(a)]
        if parents and name in alarms:
            raise refusal(f"Cannot delete {name} as there are composite alarm(s) depending on it.")
    missing = [name for name in names if alarms.pop(name, None) is None]
    for name in names:  # those that exist go, also when others do not
        forget_tags(ctx.store, ctx.arn(f"alarm:{name}"))
    if missing:
        raise AwsError("ResourceNotFound", f"Alarms {missing} do not exist", 404)
    return {}


def _switch(ctx: Context, params: Params, on: bool) -> Reply:
    for name in params["AlarmNames"]:
        alarm = _alarms(ctx.store).get(name)
        if alarm is not None:
            alarm["ActionsEnabled"] = on
            alarm["AlarmConfigurationUpdatedTimestamp"] = ctx.now
    return {}


@behaviour(
    "cloudwatch", "EnableAlarmActions", "AlarmNames",
    evidence="assumed", source="the model has no error for a missing alarm: ignored",
)  # fmt: skip
def enable_alarm_actions(ctx: Context, params: Params) -> Reply:
    return _switch(ctx, params, True)


@behaviour(
    "cloudwatch", "DisableAlarmActions", "AlarmNames",
    evidence="assumed", source="the model has no error for a missing alarm: ignored",
)  # fmt: skip
def disable_alarm_actions(ctx: Context, params: Params) -> Reply:
    return _switch(ctx, params, False)


@behaviour(
    "cloudwatch", "SetAlarmState", "AlarmName StateValue StateReason",
    evidence="documented", source=API + "API_SetAlarmState.html (returns to its actual state)",
)  # fmt: skip
def set_alarm_state(ctx: Context, params: Params) -> Reply:
    alarm = _named(ctx, params["AlarmName"])
    _set_state(ctx, alarm, params["StateValue"], params["StateReason"])
    if "AlarmRule" not in alarm:
        _evaluate_after(ctx, timedelta(seconds=ctx.world.rng.uniform(5, 60)), alarm["AlarmName"])
    return {}


def _tagged(ctx: Context, arn: str, *, reading: bool = False) -> Store:
    """The store with the tags of an alarm or a dashboard, if there is one with that ARN."""
    store, dashboards = (ctx.view, seen(ctx)) if reading else (ctx.store, kept(ctx))
    if any(alarm["AlarmArn"] == arn for alarm in store.get("alarms", {}).values()):
        return store
    if any(dashboard_arn(ctx, name) == arn for name in dashboards.get("dashboards", {})):
        return dashboards
    raise AwsError("ResourceNotFoundException", f"{arn} does not exist", 404)


@behaviour(
    "cloudwatch", "TagResource", "ResourceARN Tags",
    evidence="documented", source=API + "API_TagResource.html",
)  # fmt: skip
def tag_resource(ctx: Context, params: Params) -> Reply:
    arn = params["ResourceARN"]
    put_tags(_tagged(ctx, arn), arn, from_pairs(params["Tags"], BAD_VALUE), BAD_VALUE)
    return {}


@behaviour(
    "cloudwatch", "UntagResource", "ResourceARN TagKeys",
    evidence="documented", source=API + "API_UntagResource.html",
)  # fmt: skip
def untag_resource(ctx: Context, params: Params) -> Reply:
    arn = params["ResourceARN"]
    remove_tags(_tagged(ctx, arn), arn, params["TagKeys"], BAD_VALUE)
    return {}


@behaviour(
    "cloudwatch", "ListTagsForResource", "ResourceARN",
    evidence="documented", source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    arn = params["ResourceARN"]
    store = _tagged(ctx, arn, reading=True)
    return {"Tags": to_pairs(ctx, store.get("_tags", {}).get(arn, {}))}
