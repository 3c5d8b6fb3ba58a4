"""The alarms of an environment on itself, made of one field of its file: `spec.alarms`.

They are `Alarm` resources like any other, planned, applied and healed with the rest: what a file
declares depends on nothing but the file, so the worker and the command line agree on it. They watch
the metrics by `Environment` that the worker writes (docs/reference/metrics.md), in windows as long
as the time between two passes: a shorter one would be empty now and then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.envelope import API_VERSION, OwnAlarms, seconds
from controller.yamlfile import Document

NAMESPACE = "Plumbline"
SHORTEST_S, HOUR_S = 300, 3600

Specs = Iterator[tuple[str, dict[str, Any]]]


def documents(environment: str, alarms: OwnAlarms, interval: str, line: int) -> Iterator[Document]:
    """One document for each alarm, as if it stood in `line`."""
    for name, spec in specs(environment, alarms, interval):
        value = {
            "apiVersion": API_VERSION, "kind": "Alarm", "metadata": {"name": f"plumbline-{name}"},
            "spec": spec,
        }  # fmt: skip
        yield Document(value, line, dict.fromkeys(_paths(value), line))


def specs(environment: str, alarms: OwnAlarms, interval: str) -> Specs:
    """Name and spec of each. interval: the environment's, such as `5m`."""
    window = max(SHORTEST_S, -(-seconds(interval) // 60) * 60)
    common = {
        "namespace": NAMESPACE, "dimensions": {"Environment": environment}, "period": window,
        "alarmActions": list(alarms.actions), "okActions": list(alarms.actions),
    }  # fmt: skip

    def above(metric: str, least: float, windows: int, says: str) -> dict[str, Any]:
        return common | {
            "metricName": metric, "statistic": "Maximum", "evaluationPeriods": windows,
            "threshold": least, "comparisonOperator": "GreaterThanOrEqualToThreshold",
            "treatMissingData": "ignore",  # how it stood holds until a pass says otherwise
            "description": says,
        }  # fmt: skip

    yield (
        "drifted",
        above("DriftedResources", 1, alarms.drift_passes, (
            f"Somebody changes resources of {environment} behind Plumbline's back, and the change "
            f"stays or keeps coming back: plumbline drift {environment}"
        )),
    )  # fmt: skip
    yield (
        "blocked",
        above("BlockedActions", 1, max(1, HOUR_S // window), (
            f"Something is to be done in {environment} and a guard vetoes it: "
            f"plumbline plan {environment}"
        )),
    )  # fmt: skip
    yield (
        "failed",
        above("ActionsFailed", 1, 1, (
            f"AWS refuses what Plumbline does in {environment}: plumbline status {environment}"
        )),
    )  # fmt: skip
    yield (
        "not-converged",
        above("MinutesSinceConverged", alarms.not_converged_minutes, 1, (
            f"{environment} has not been as desired for {alarms.not_converged_minutes} minutes: "
            f"plumbline status {environment}"
        )),
    )  # fmt: skip
    yield (
        "no-pass",
        common
        | {
            "metricName": "PassDuration", "statistic": "SampleCount", "evaluationPeriods": 3,
            "threshold": 1, "comparisonOperator": "LessThanThreshold",
            "treatMissingData": "breaching",
            "description": f"Nobody has looked at {environment} for three times its interval: "
            "see the alarms of the control plane",
        },
    )  # fmt: skip


def _paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, Mapping):
        inner = iter(value.items())
    elif isinstance(value, list):
        inner = iter(enumerate(value))
    for key, each in inner:
        yield (*at, key)
        yield from _paths(each, (*at, key))
