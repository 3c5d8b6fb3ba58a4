"""What in an alarm contradicts itself: AWS would refuse it, whatever else there is.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.kindlib.alarm_parts import MetricQuery
from controller.kindlib.alarm_request import NOT_WITH_CRITERIA
from controller.spec import holds_reference

WAYS = ("statistic", "extendedStatistic", "metrics", "evaluationCriteria")
"""Fields of which an alarm has exactly one: they say how it watches."""
BAND = (
    "LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
)  # fmt: skip
"""Operators that compare with an anomaly detection band."""
MOST_METRICS = 10
"""Metrics of one alarm; calculations with them are not counted."""
_DAY, _HOUR = 86_400, 3_600

Said = Mapping[str, Any]


def contradictions(said: Said) -> Iterator[str]:
    """What is wrong with the declared fields. Of what a reference will be nothing is said."""
    ways = [name for name in WAYS if name in said]
    if len(ways) > 1:
        yield f"needs exactly one of {', '.join(WAYS)}, not {len(ways)}"
    yield from _of_criteria(said)
    yield from _of_threshold(said)
    if "metrics" in said:
        yield from _of_metrics(said, said["metrics"])
    yield from _of_periods(said)
    yield from _of_actions(said)
    low = said.get("evaluateLowSampleCountPercentile")
    if low is not None and not str(said.get("extendedStatistic", "")).startswith(("p", "$")):
        yield "evaluateLowSampleCountPercentile is for a percentile (p90, …)"


def _of_criteria(said: Said) -> Iterator[str]:
    if "evaluationCriteria" not in said:
        if "evaluationInterval" in said:
            yield "evaluationInterval goes with evaluationCriteria"
        return
    wrong = [n for n in NOT_WITH_CRITERIA if n in said and n != "treatMissingData"]
    if wrong:
        yield f"has evaluationCriteria, so {', '.join(wrong)} have no place"


def _of_threshold(said: Said) -> Iterator[str]:
    band, operator = said.get("thresholdMetricId"), said.get("comparisonOperator")
    metrics: Mapping[str, MetricQuery] = said.get("metrics") or {}
    if band is not None and "threshold" in said:
        yield "needs threshold, or thresholdMetricId for an anomaly band"
    if band is not None and not holds_reference(band):
        if band not in metrics:
            yield f"thresholdMetricId: no {band} in metrics"
        elif not str(metrics[band].expression).startswith(("ANOMALY_DETECTION_BAND", "$")):
            yield f"thresholdMetricId: {band} is no ANOMALY_DETECTION_BAND(…)"
    if operator is None or holds_reference(operator):
        return
    compared = band is not None or "threshold" in said
    if compared and (operator in BAND) != (band is not None):
        yield f"{operator} and thresholdMetricId do not fit"


def _of_metrics(said: Said, metrics: Mapping[str, MetricQuery]) -> Iterator[str]:
    single = ("namespace", "metricName", "period", "unit", "dimensions")
    if any(name in said for name in single):
        yield "has metrics: namespace, metricName, … belong into them"
    for name, query in metrics.items():
        if not re.fullmatch(r"[a-z][a-zA-Z0-9_]{0,254}", name):
            yield f"metrics: {name!r} must begin with a-z"
        if re.search(r"\bSEARCH\s*\(", str(query.expression), re.IGNORECASE):
            yield f"metrics: {name}: no alarm can watch a SEARCH(…)"
    measured = [query for query in metrics.values() if query.expression is None]
    if len(measured) > MOST_METRICS:
        yield f"metrics: at most {MOST_METRICS} metrics, not {len(measured)}"
    band = said.get("thresholdMetricId")
    returned = {name: query.return_data for name, query in metrics.items() if name != band}
    known = not any(holds_reference(value) for value in returned.values())
    if known and list(returned.values()).count(True) != 1:
        yield "metrics: exactly one entry may have returnData: true"


def _of_periods(said: Said) -> Iterator[str]:
    periods, datapoints = said.get("evaluationPeriods"), said.get("datapointsToAlarm")
    if not isinstance(periods, int):
        return
    if isinstance(datapoints, int) and datapoints > periods:
        yield "datapointsToAlarm is greater than evaluationPeriods"
    lengths = [said.get("period"), *(q.period for q in (said.get("metrics") or {}).values())]
    longest = max((p for p in lengths if isinstance(p, int)), default=0)
    limit = 7 * _DAY if longest >= _HOUR else _DAY
    if longest * periods > limit:
        yield f"period × evaluationPeriods is at most {limit} seconds"


def _of_actions(said: Said) -> Iterator[str]:
    """EC2 actions are for an instance's own metric, and a band calls no autoscaler.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/UsingAlarmActions.html
    """
    lists = ("alarmActions", "okActions", "insufficientDataActions")
    services = {
        str(arn).split(":")[2]
        for name in lists
        for arn in said.get(name, ())
        if str(arn).count(":") >= 2 and not holds_reference(arn)
    }
    of_instance = "metricName" not in said or "InstanceId" in said.get("dimensions", {})
    if services & {"automate", "swf"} and not of_instance:
        yield "actions of EC2 need the dimension InstanceId"
    if "autoscaling" in services and "thresholdMetricId" in said:
        yield "an alarm on a band can have no action of Auto Scaling"
