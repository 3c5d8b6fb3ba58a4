"""The one call that changes an alarm: PutMetricAlarm, which replaces all of it (case 161).

An alarm watches in one of three ways, and AWS refuses members of two at once. What is not to change
is sent back just as AWS showed it, words that we don't know included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.diff import Change, overlay
from controller.kindlib.alarm_words import (
    PUT,
    alarm_from_aws,
    alarm_to_aws,
    configuration,
    query_to_aws,
)
from controller.kindlib.planning import entry_key
from controller.policies import Doc
from controller.references import escape

STATISTICS = ("statistic", "extendedStatistic")
OF_METRIC = ("namespace", "metricName", "dimensions", "period", "unit", *STATISTICS)
OF_METRICS = ("metrics", "thresholdMetricId")
OF_CRITERIA = ("evaluationCriteria", "evaluationInterval")
NOT_WITH_CRITERIA = (
    *OF_METRIC, *OF_METRICS, "threshold", "comparisonOperator", "evaluationPeriods",
    "datapointsToAlarm", "treatMissingData", "evaluateLowSampleCountPercentile",
    "evaluationWindow",
)  # fmt: skip
"""Fields that an alarm on a PromQL query does not have."""


def way(spec: Mapping[str, Any]) -> str:
    """How the alarm watches: by `evaluationCriteria`, `metrics` or `metricName`; or not said."""
    for name in ("evaluationCriteria", "metrics"):
        if spec.get(name):
            return name
    single = ("metricName", "namespace", *STATISTICS)
    return "metricName" if any(spec.get(name) for name in single) else ""


def creation(spec: Mapping[str, Any]) -> Doc:
    """What is sent of a spec whose alarm is not there."""
    return alarm_to_aws({k: v for k, v in spec.items() if k not in _out_of_place(spec, way(spec))})


def overwriting(alarm: Mapping[str, Any], spec: Doc, changes: Sequence[Change]) -> Doc:
    """What is sent so that these changes are made and nothing else is."""
    live = escape(alarm_from_aws(alarm))
    merged = overlay(live, spec, changes)
    changed = {change.top for change in changes}
    wanted = way(spec) or way(live)
    if wanted != way(live):  # the new way's fields are the spec's, equal to a default or not
        own = {"metricName": OF_METRIC, "metrics": OF_METRICS}.get(wanted, OF_CRITERIA)
        changed |= {*own, "treatMissingData"} & set(spec)
        merged |= {name: spec[name] for name in changed if name in spec}
    kept = escape(configuration(alarm))
    sent = {k: v for k, v in kept.items() if k not in {PUT[name] for name in changed}}
    todo = {name: value for name, value in merged.items() if name in changed}
    if "metrics" in todo:
        todo.pop("metrics")
        sent["Metrics"] = _queries(kept.get("Metrics", []), merged["metrics"], spec, changes)
    sent |= alarm_to_aws(todo)
    gone = _out_of_place(spec, wanted)
    if _all_of_them(kept, changed, spec) or _too_many(sent):
        gone.add("datapointsToAlarm")  # AWS's default: all of the periods
    if {"namespace", "metricName"} & changed and "unit" not in spec:
        gone.add("unit")  # the unit of another metric: the alarm would never see data
    return {k: v for k, v in sent.items() if k not in {PUT[name] for name in gone}}


def _out_of_place(spec: Mapping[str, Any], wanted: str) -> set[str]:
    """Fields that would contradict what the spec says, whatever AWS had there."""
    if wanted == "evaluationCriteria":
        return set(NOT_WITH_CRITERIA)
    gone: set[str] = set(OF_CRITERIA)
    if wanted == "metrics":
        gone |= {*OF_METRIC, "evaluateLowSampleCountPercentile"}
    elif wanted == "metricName":
        gone |= set(OF_METRICS)
    if spec.get("statistic"):
        gone |= {"extendedStatistic", "evaluateLowSampleCountPercentile"}
    elif spec.get("extendedStatistic"):
        gone.add("statistic")
    if spec.get("thresholdMetricId"):
        gone.add("threshold")
    elif spec.get("threshold") is not None:
        gone.add("thresholdMetricId")
    return gone


def _queries(
    kept: Sequence[Mapping[str, Any]], merged: Mapping[str, Any], spec: Doc,
    changes: Sequence[Change],
) -> list[Doc]:  # fmt: skip
    """Entries of `metrics`: those that are to change in our words, the others as AWS shows them."""
    shown = {query["Id"]: dict(query) for query in kept}
    mine = [c for c in changes if c.top == "metrics"]
    touched = {entry_key(c) for c in mine if len(c.parts) > 1}
    whole = any(len(c.parts) == 1 for c in mine)
    out = []
    for name, query in sorted(merged.items()):
        if name in shown and not whole and name not in touched:
            out.append(shown[name])
            continue
        declared = (spec.get("metrics") or {}).get(name, query)
        if "expression" not in declared:  # a calculation of that name becomes a metric
            query = {k: v for k, v in query.items() if k != "expression"}
        out.append(query_to_aws(name, query))
    return out


def _all_of_them(kept: Mapping[str, Any], changed: set[str], spec: Mapping[str, Any]) -> bool:
    """True if all periods had to be over the threshold, and are to be another number."""
    if "evaluationPeriods" not in changed or "datapointsToAlarm" in spec:
        return False
    return kept.get("DatapointsToAlarm") == kept.get("EvaluationPeriods")


def _too_many(sent: Mapping[str, Any]) -> bool:
    """True for more datapoints than there are periods, which AWS refuses."""
    datapoints, periods = sent.get("DatapointsToAlarm"), sent.get("EvaluationPeriods")
    return isinstance(datapoints, int) and isinstance(periods, int) and datapoints > periods
