"""A metric alarm in AWS's words and in ours.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from controller.kindlib.aws_shapes import members
from controller.policies import Doc

PLAIN = {
    "description": "AlarmDescription",
    "namespace": "Namespace",
    "metricName": "MetricName",
    "statistic": "Statistic",
    "extendedStatistic": "ExtendedStatistic",
    "period": "Period",
    "unit": "Unit",
    "evaluationPeriods": "EvaluationPeriods",
    "datapointsToAlarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "thresholdMetricId": "ThresholdMetricId",
    "comparisonOperator": "ComparisonOperator",
    "treatMissingData": "TreatMissingData",
    "evaluateLowSampleCountPercentile": "EvaluateLowSampleCountPercentile",
    "evaluationInterval": "EvaluationInterval",
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
    "insufficientDataActions": "InsufficientDataActions",
}
"""Spec field → member of the same value."""

_QUERY = {
    "expression": "Expression",
    "label": "Label",
    "returnData": "ReturnData",
    "accountId": "AccountId",
}
UNSAID: tuple[Any, ...] = (None, "", [])


def alarm_from_aws(alarm: Mapping[str, Any]) -> Doc:
    """An alarm in our words."""
    out: Doc = {ours: alarm[aws] for ours, aws in PLAIN.items() if alarm.get(aws) not in UNSAID}
    for ours, (aws, read, _) in STRUCTURED.items():
        if alarm.get(aws):
            out[ours] = read(alarm[aws])
    return out


def alarm_to_aws(spec: Mapping[str, Any]) -> Doc:
    """PutMetricAlarm's parameters for what a spec says."""
    out: Doc = {aws: spec[ours] for ours, aws in PLAIN.items() if spec.get(ours) not in UNSAID}
    for ours, (aws, _, write) in STRUCTURED.items():
        if spec.get(ours):
            out[aws] = write(spec[ours])
    return out


def configuration(alarm: Mapping[str, Any], call: str = "PutMetricAlarm") -> Doc:
    """What of an alarm that call replaces, whether we have words for it or not.

    No list in it has an order that means anything.
    """
    told = members("cloudwatch", call) - {"AlarmName", "Tags"}
    return {k: _sorted(v) for k, v in alarm.items() if k in told and v not in (*UNSAID, {})}


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _sorted(v) for k, v in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return sorted((_sorted(v) for v in value), key=repr)
    return value


def _dimensions_from_aws(pairs: Any) -> dict[str, str]:
    return {pair["Name"]: pair.get("Value", "") for pair in pairs}


def _dimensions_to_aws(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())]


def _queries_from_aws(queries: Any) -> Doc:
    return {query["Id"]: _query_from_aws(query) for query in queries}


def _queries_to_aws(queries: Mapping[str, Any]) -> list[Doc]:
    return [query_to_aws(name, query) for name, query in sorted(queries.items())]


def _query_from_aws(query: Mapping[str, Any]) -> Doc:
    out = {ours: query[aws] for ours, aws in _QUERY.items() if query.get(aws) not in UNSAID}
    if query.get("Period"):
        out["period"] = query["Period"]
    stat = query.get("MetricStat")
    if stat:
        metric = stat.get("Metric") or {}
        said = {
            "namespace": metric.get("Namespace"),
            "metricName": metric.get("MetricName"),
            "dimensions": _dimensions_from_aws(metric.get("Dimensions") or ()),
            "stat": stat.get("Stat"),
            "period": stat.get("Period"),
            "unit": stat.get("Unit"),
        }
        out |= {k: v for k, v in said.items() if v not in (*UNSAID, {})}
    return out


def query_to_aws(name: str, query: Mapping[str, Any]) -> Doc:
    """An entry of `metrics`."""
    out: Doc = {aws: query[ours] for ours, aws in _QUERY.items() if query.get(ours) not in UNSAID}
    if query.get("expression"):
        return {"Id": name} | out | ({"Period": query["period"]} if query.get("period") else {})
    metric: Doc = {"Namespace": query["namespace"], "MetricName": query["metricName"]}
    if query.get("dimensions"):
        metric["Dimensions"] = _dimensions_to_aws(query["dimensions"])
    stat: Doc = {"Metric": metric, "Period": query["period"], "Stat": query["stat"]}
    if query.get("unit"):
        stat["Unit"] = query["unit"]
    return {"Id": name} | out | {"MetricStat": stat}


def _window_from_aws(window: Mapping[str, Any]) -> Doc:
    """An empty object says which of the two it is."""
    if "WallClockWindow" not in window:
        return {"type": "sliding"}
    zone = (window["WallClockWindow"] or {}).get("Timezone")
    return {"type": "wallClock"} | ({"timezone": zone} if zone else {})


def _window_to_aws(window: Mapping[str, Any]) -> Doc:
    if window.get("type") != "wallClock":
        return {"SlidingWindow": {}}
    return {"WallClockWindow": {"Timezone": window["timezone"]} if window.get("timezone") else {}}


def _from_pascal(value: Any) -> Any:
    """A structure whose members we call as AWS does, in lower camel case."""
    if isinstance(value, Mapping):
        return {
            f"{k[0].lower()}{k[1:]}": _from_pascal(v) for k, v in value.items() if v is not None
        }
    return value


def _to_pascal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {f"{k[0].upper()}{k[1:]}": _to_pascal(v) for k, v in value.items()}
    return value


STRUCTURED: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "dimensions": ("Dimensions", _dimensions_from_aws, _dimensions_to_aws),
    "metrics": ("Metrics", _queries_from_aws, _queries_to_aws),
    "evaluationWindow": ("EvaluationWindow", _window_from_aws, _window_to_aws),
    "warmUpConfiguration": ("WarmUpConfiguration", _from_pascal, _to_pascal),
    "actionConfiguration": ("ActionConfiguration", _from_pascal, _to_pascal),
    "evaluationCriteria": ("EvaluationCriteria", _from_pascal, _to_pascal),
}
"""Spec field → member of another form, and how to read and write it."""

PUT = {**PLAIN, **{ours: aws for ours, (aws, _, _) in STRUCTURED.items()}}
"""Spec field → member of PutMetricAlarm."""
