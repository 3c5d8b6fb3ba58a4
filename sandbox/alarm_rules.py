"""What CloudWatch refuses in an alarm's definition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sandbox.errors import AwsError

ANOMALY_OPERATORS = {
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
}
ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_OF_A_METRIC = (
    "MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic",
)  # fmt: skip
_NOT_WITH_CRITERIA = (
    *_OF_A_METRIC, "Metrics", "Threshold", "ComparisonOperator", "ThresholdMetricId",
    "EvaluationPeriods", "DatapointsToAlarm", "EvaluationWindow",
)  # fmt: skip
MOST_METRICS = 10
_PERCENT = r"(\d{1,2}(\.\d{0,10})?|100(\.0{0,10})?)"
_EXTENDED = re.compile(
    rf"^((p|tm|tc|ts|wm){_PERCENT}|IQM|(PR|TC|TM|TS|WM)\(\S+:\S*\)|(PR|TC|TM|TS|WM)\(:\S+\))$"
)
_SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(rf"^p{_PERCENT}$")
_ACTION = re.compile(r"^arn:[a-z-]+:(sns|lambda|autoscaling|ssm|ssm-incidents|swf|automate|aiops):")
_ASCII = re.compile(r"(?=.*\S)[\x20-\x7e]+")


def refusal(message: str) -> AwsError:
    """The error that CloudWatch answers bad input with."""
    return AwsError("ValidationError", message)


def check_alarm(params: dict[str, Any], region: str) -> None:
    """Refuse a metric alarm that CloudWatch would refuse."""
    for problem in _problems(params, region):
        raise refusal(problem)


def check_actions(params: dict[str, Any], region: str) -> None:
    """Refuse actions that are not ARNs of what an alarm can do, or topics of another region."""
    for problem in _action_problems(params, region):
        raise refusal(problem)


def _problems(params: dict[str, Any], region: str) -> Iterator[str]:
    if any(ord(c) < 32 or ord(c) == 127 for c in params["AlarmName"]):
        yield "AlarmName must not contain ASCII control characters"
    yield from _action_problems(params, region)
    treatment = params.get("TreatMissingData", "missing")
    if treatment not in ("breaching", "notBreaching", "ignore", "missing"):
        yield f"Invalid TreatMissingData value: {treatment}"
    yield from _new_problems(params)
    if "EvaluationCriteria" in params:
        yield from _criteria_problems(params)
        return
    if "EvaluationInterval" in params:
        yield "EvaluationInterval can only be used with EvaluationCriteria"
    for name in ("EvaluationPeriods", "ComparisonOperator"):
        if name not in params:
            yield f"The parameter {name} is required"
    if params.get("DatapointsToAlarm", 1) > params["EvaluationPeriods"]:
        yield "DatapointsToAlarm must be less than or equal to EvaluationPeriods"
    low = params.get("EvaluateLowSampleCountPercentile")
    if low is not None and low not in ("evaluate", "ignore"):
        yield f"Option {low} is not supported for EvaluateLowSampleCountPercentile"
    if low is not None and not _PERCENTILE.match(params.get("ExtendedStatistic", "")):
        yield "EvaluateLowSampleCountPercentile can only be used with a percentile"
    yield from _threshold_problems(params)
    if "Metrics" in params:
        both = [name for name in _OF_A_METRIC if name in params]
        if both:
            yield f"Metrics can't be combined with {', '.join(both)}"
        yield from _query_problems(params)
    else:
        yield from _metric_problems(params)


def _new_problems(params: dict[str, Any]) -> Iterator[str]:
    window = params.get("EvaluationWindow")
    if window is not None and len(window) != 1:
        yield "EvaluationWindow must be either a SlidingWindow or a WallClockWindow"
    tags = params.get("ActionConfiguration", {}).get("AlarmTagsPropagation", {})
    if {"IncludedTagKeys", "ExcludedTagKeys"} <= set(tags):
        yield "IncludedTagKeys and ExcludedTagKeys can't be specified together"


def _criteria_problems(params: dict[str, Any]) -> Iterator[str]:
    both = [name for name in _NOT_WITH_CRITERIA if name in params]
    if both:
        yield f"EvaluationCriteria can't be combined with {', '.join(both)}"
    if "PromQLCriteria" not in params["EvaluationCriteria"]:
        yield "EvaluationCriteria must hold PromQLCriteria"
    interval = params.get("EvaluationInterval")
    if interval is None:
        yield "EvaluationInterval is required with EvaluationCriteria"
    elif interval not in (10, 20, 30) and interval % 60:
        yield "EvaluationInterval must be 10, 20, 30 or a multiple of 60"


def _threshold_problems(params: dict[str, Any]) -> Iterator[str]:
    band = params.get("ThresholdMetricId")
    if (band is None) == ("Threshold" not in params):
        yield "Specify either Threshold or ThresholdMetricId"
    if (band is None) == (params["ComparisonOperator"] in ANOMALY_OPERATORS):
        yield f"ComparisonOperator {params['ComparisonOperator']} does not fit the threshold"
    if band is not None:
        if "Metrics" not in params:
            yield "ThresholdMetricId needs Metrics"
        bands = {
            query["Id"]
            for query in params.get("Metrics", ())
            if query.get("Expression", "").startswith("ANOMALY_DETECTION_BAND")
        }
        if band not in bands:
            yield "ThresholdMetricId must be the Id of an ANOMALY_DETECTION_BAND expression"


def _metric_problems(params: dict[str, Any]) -> Iterator[str]:
    for name in ("MetricName", "Namespace", "Period"):
        if name not in params:
            yield f"The parameter {name} is required, unless Metrics is given"
    if ("Statistic" in params) == ("ExtendedStatistic" in params):
        yield "Specify either Statistic or ExtendedStatistic"
    if not _EXTENDED.match(params.get("ExtendedStatistic", "p99")):
        yield f"The value {params['ExtendedStatistic']} for ExtendedStatistic is not supported"
    yield from _dimension_problems(params.get("Dimensions", []))
    yield from _period_problems(params["Period"], params["EvaluationPeriods"])


def _dimension_problems(dimensions: list[dict[str, str]]) -> Iterator[str]:
    names = [dimension["Name"] for dimension in dimensions]
    if len(set(names)) < len(names):
        yield "A dimension is given twice"
    for dimension in dimensions:
        name, value = dimension["Name"], dimension["Value"]
        if name.startswith(":") or not _ASCII.fullmatch(name):
            yield f"Invalid dimension name: {name}"
        if not _ASCII.fullmatch(value):
            yield f"Invalid value of the dimension {name}"


def _period_problems(
    period: int, times: int, short: tuple[int, ...] = (10, 20, 30)
) -> Iterator[str]:
    if period not in short and period % 60:
        yield f"Period must be one of {short} or a multiple of 60"
    longest, name = (86400, "a day") if period < 3600 else (604800, "7 days")
    if period * times > longest:
        yield (
            f"Metrics cannot be checked across more than {name}"
            f" (EvaluationPeriods * Period must be <= {longest})."
        )


def _query_problems(params: dict[str, Any]) -> Iterator[str]:
    queries = params["Metrics"]
    ids = [query["Id"] for query in queries]
    if not queries:
        yield "Metrics must not be empty"
    if len(set(ids)) < len(ids):
        yield "The Ids in Metrics must be unique"
    if sum("MetricStat" in query for query in queries) > MOST_METRICS:
        yield f"An alarm can't hold more than {MOST_METRICS} individual metrics"
    times, short = params["EvaluationPeriods"], (1, 5, 10, 20, 30)
    for query in queries:
        if not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", query["Id"]):
            yield f"Invalid metric Id: {query['Id']}"
        if ("MetricStat" in query) == ("Expression" in query):
            yield f"{query['Id']}: specify either MetricStat or Expression"
        if re.search(r"\bSEARCH\s*\(", query.get("Expression", ""), re.IGNORECASE):
            yield "SEARCH is not supported on metric alarms"
        if stat := query.get("MetricStat"):
            if stat["Stat"] not in _SIMPLE and not _EXTENDED.match(stat["Stat"]):
                yield f"The value {stat['Stat']} for Stat is not supported"
            if not {"Namespace", "MetricName"} <= set(stat["Metric"]):
                yield f"{query['Id']}: a metric needs Namespace and MetricName"
            yield from _dimension_problems(stat["Metric"].get("Dimensions", []))
            yield from _period_problems(stat["Period"], times, short)
        elif "Period" in query:
            yield from _period_problems(query["Period"], times, short)
    band = params.get("ThresholdMetricId")
    returned = [q["Id"] for q in queries if q.get("ReturnData", True) and q["Id"] != band]
    if len(returned) != 1:
        yield "Exactly one of the Metrics must have ReturnData true"


def _action_problems(params: dict[str, Any], region: str) -> Iterator[str]:
    dimensions = {dimension["Name"] for dimension in params.get("Dimensions", ())}
    for kind in ACTIONS:
        for arn in params.get(kind, ()):
            if not _ACTION.match(arn):
                yield f"Invalid arn syntax: {arn}"
                continue
            service, place = arn.split(":")[2:4]
            if service == "sns" and place != region:
                yield f"Invalid region {place} specified. Only {region} is supported."
            if service == "autoscaling" and "ThresholdMetricId" in params:
                yield "Anomaly detection alarms can't have Auto Scaling actions"
            if service in ("automate", "swf") and "InstanceId" not in dimensions:
                yield "EC2 actions need a metric with the dimension InstanceId"
