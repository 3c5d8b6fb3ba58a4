"""A pass as numbers: the metrics of the namespace `Plumbline`.

This module counts; the Lambda handler writes them out in CloudWatch's embedded metric format.
How many series that makes: `docs/reference/metrics.md`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from controller.orphans import parse

if TYPE_CHECKING:
    from controller.reconciler import Report

VERSION = 1
"""Of the form of typed events: `controller/happenings.py`."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number. unit: as CloudWatch names it."""

    name: str
    unit: str
    value: float


def metrics(report: Report, now: datetime) -> list[Metric]:
    """The metrics of one pass, by environment."""
    seen = list(report.assessments.values())
    status = report.status.document if report.status else {}
    since = status.get("notConvergedSince")
    minutes = (now - datetime.fromisoformat(since)).total_seconds() / 60 if since else 0.0
    changes = [c for a in seen for c in a.changes]
    counts = {
        "DriftedResources": sum(1 for a in seen if a.drift or a.vanished),
        "PendingChanges": sum(1 for c in changes if c.cause in ("pending", "both")),
        "InFlight": sum(
            1 for a in seen
            if a.readiness.state == "in-progress" or any(c.cls == "in_flight" for c in a.changes)
        ),
        "BlockedActions": sum(1 for v in report.vetoes.values() if not v.waiting)
        + sum(len(c) for c in report.plan.stuck.values()),
        "ActionsApplied": sum(1 for o in report.outcomes if o.made),
        "ActionsFailed": sum(1 for o in report.outcomes if not o.made and not o.waiting),
        "UnknownResources": sum(
            1 for r in status.get("resources", {}).values()
            if r["conditions"]["Observed"]["status"] != "True"
        ),
        "UndeclaredFields": sum(1 for c in changes if c.cls == "undeclared"),
        "OrphanedResources": sum(1 for o in parse(status.get("orphans", ())) if o.told(now)),
        "DesiredStateInvalid": int(bool(report.desired.refused)),
        "ApiCalls": sum(report.calls.values()),
        "Throttles": report.throttles,
    }  # fmt: skip
    found = [Metric(name, "Count", float(value)) for name, value in counts.items()]
    found.append(Metric("PassDuration", "Seconds", report.duration_s))
    found.append(Metric("MinutesSinceConverged", "None", minutes))
    return found


def drifted_by_kind(report: Report) -> dict[str, int]:
    """`DriftedResources` by kind; kinds without drift count 0, so that alarms recover."""
    counts = Counter({a.resource.kind: 0 for a in report.assessments.values()})
    counts.update(a.resource.kind for a in report.assessments.values() if a.drift or a.vanished)
    return dict(counts)
