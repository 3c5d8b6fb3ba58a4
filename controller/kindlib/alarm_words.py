"""A metric alarm in AWS's words and in ours.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from controller.policies import Doc

Unit = Literal[
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes",
    "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count",
    "Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second",
    "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
    "Terabits/Second", "Count/Second", "None",
]  # fmt: skip

_PLAIN = {
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
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
    "insufficientDataActions": "InsufficientDataActions",
}
PUT = {**_PLAIN, "dimensions": "Dimensions", "metrics": "Metrics"}
"""Spec field → member of PutMetricAlarm."""
_NOT_OURS = (
    "EvaluationWindow", "WarmUpConfiguration", "EvaluationCriteria", "EvaluationInterval",
    "ActionConfiguration",
)  # fmt: skip
"""Members that no spec field stands for: sent back as AWS shows them."""
_SINGLE = ("namespace", "metricName", "statistic", "extendedStatistic", "period", "unit")
_QUERY = {
    "expression": "Expression",
    "label": "Label",
    "returnData": "ReturnData",
    "accountId": "AccountId",
}


def configuration(alarm: Mapping[str, Any]) -> Doc:
    """What of an alarm PutMetricAlarm replaces, lists without an order of their own sorted."""
    out = {}
    for name in (*PUT.values(), *_NOT_OURS):
        value = alarm.get(name)
        if value not in (None, "", [], {}):
            out[name] = sorted(value, key=repr) if isinstance(value, list) else value
    return out


def alarm_from_aws(alarm: Mapping[str, Any]) -> Doc:
    """An alarm in our words."""
    out: Doc = {}
    for ours, aws in _PLAIN.items():
        if alarm.get(aws) not in (None, "", []):
            out[ours] = alarm[aws]
    if alarm.get("Dimensions"):
        out["dimensions"] = _dimensions(alarm["Dimensions"])
    if alarm.get("Metrics"):
        out["metrics"] = {query["Id"]: _query_from_aws(query) for query in alarm["Metrics"]}
    return out


def alarm_to_aws(
    spec: Mapping[str, Any], desired: Mapping[str, Any], live: tuple[Doc, set[str]] | None
) -> Doc:
    """PutMetricAlarm's parameters: all of `spec`, or what is live with some fields as in `spec`.

    desired: what is asked for; it says which of two exclusive ways (statistic or
    extendedStatistic, one metric or several) is meant where `spec` is merged and has both.
    """
    if live is None:
        return _members(spec, set(PUT))
    kept, only = live
    wanted = desired.get("metrics") or {}
    queries = {
        name: {k: v for k, v in query.items() if k != "expression" or k in wanted.get(name, query)}
        for name, query in (spec.get("metrics") or {}).items()
    }
    out = dict(kept)
    for ours in only:
        out.pop(PUT[ours], None)
    out |= _members({**spec, "metrics": queries}, only)
    if "metrics" in only and desired.get("metrics"):
        gone: set[str] = {*_SINGLE, "dimensions"}
    elif only & {*_SINGLE, "dimensions"} and "metrics" not in desired:
        other = "extendedStatistic" if "statistic" in desired else "statistic"
        gone = {"metrics", other}
    else:
        gone = set()
    if only & {"threshold", "thresholdMetricId"}:
        gone.add("threshold" if "thresholdMetricId" in desired else "thresholdMetricId")
    if "evaluationPeriods" in only and "datapointsToAlarm" not in desired:
        all_of_them = kept.get("DatapointsToAlarm") == kept.get("EvaluationPeriods")
        if all_of_them or out.get("DatapointsToAlarm", 0) > out["EvaluationPeriods"]:
            gone.add("datapointsToAlarm")  # AWS's default: all of the new number
    return {k: v for k, v in out.items() if k not in {PUT[g] for g in gone}}


def _members(spec: Mapping[str, Any], only: set[str]) -> Doc:
    out: Doc = {}
    for ours, aws in _PLAIN.items():
        if ours in only and spec.get(ours) not in (None, "", []):
            out[aws] = spec[ours]
    if "dimensions" in only and spec.get("dimensions"):
        out["Dimensions"] = _pairs(spec["dimensions"])
    if "metrics" in only and spec.get("metrics"):
        queries = sorted(spec["metrics"].items())
        out["Metrics"] = [{"Id": i, **_query_to_aws(query)} for i, query in queries]
    return out


def _dimensions(pairs: Any) -> dict[str, str]:
    return {pair["Name"]: pair["Value"] for pair in pairs}


def _pairs(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())]


def _query_from_aws(query: Mapping[str, Any]) -> Doc:
    out = {ours: query[aws] for ours, aws in _QUERY.items() if query.get(aws) not in (None, "")}
    if query.get("Period"):
        out["period"] = query["Period"]
    stat = query.get("MetricStat")
    if stat:
        metric = stat["Metric"]
        out |= {"namespace": metric["Namespace"], "metricName": metric["MetricName"]}
        out |= {"stat": stat["Stat"], "period": stat["Period"]}
        if metric.get("Dimensions"):
            out["dimensions"] = _dimensions(metric["Dimensions"])
        if stat.get("Unit"):
            out["unit"] = stat["Unit"]
    return out


def _query_to_aws(query: Mapping[str, Any]) -> Doc:
    out: Doc = {aws: query[ours] for ours, aws in _QUERY.items() if query.get(ours) not in
                (None, "")}  # fmt: skip
    if query.get("expression"):
        return out | ({"Period": query["period"]} if query.get("period") else {})
    metric: Doc = {"Namespace": query["namespace"], "MetricName": query["metricName"]}
    if query.get("dimensions"):
        metric["Dimensions"] = _pairs(query["dimensions"])
    stat: Doc = {"Metric": metric, "Period": query["period"], "Stat": query["stat"]}
    if query.get("unit"):
        stat["Unit"] = query["unit"]
    return out | {"MetricStat": stat}
