"""A pass as the world hears of it: log lines, metrics, typed events on a bus, a text for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from controller.kindlib.reading import batches
from controller.reconciler import Report
from controller.telemetry import Metric, drifted_by_kind, metrics
from handlers.emf import emit
from handlers.settings import Settings

WARNINGS = ("ActionBlocked", "ActionFailed", "DesiredStateInvalid", "DriftDetected")
"""Events that a person should hear of."""

HAPPENINGS = ("ActionsFailed",)
"""Metrics that are also written without dimensions. Levels are, too, but by every tick."""

SOURCE = "plumbline"
_MOST_ENTRIES, _MOST_BYTES, _MOST_SUBJECT = 10, 250_000, 100


def tell(
    report: Report,
    reason: str,
    now: datetime,
    logger: Logger,
    clients: Callable[[str], Any],
    settings: Settings,
    who: Callable[[str], str],
) -> None:
    """Everything about one pass. What can't be sent is logged; it never fails the pass.

    who: tells of a physical name who changed it last; empty if no change event did.
    """
    name = report.environment
    happened = _with_who(report, who)
    for row in happened:
        say = logger.warning if row["type"] in WARNINGS else logger.info
        say(row["type"], environment=name, event=row)
    found = metrics(report, now)
    logger.info(
        "pass",
        environment=name,
        reason=reason,
        mode=report.mode,
        paused=report.paused,
        refused=report.desired.refused,
        converged=report.converged,
        metrics={m.name: m.value for m in found},
    )
    emit(found, Environment=name)
    emit([m for m in found if m.name in HAPPENINGS])
    for kind, count in drifted_by_kind(report).items():
        emit([Metric("DriftedResources", "Count", float(count))], Environment=name, Kind=kind)
    try:
        if settings.bus:
            put_events(clients("events"), settings.bus, name, happened)
        if settings.topic:
            notify(clients("sns"), settings.topic, name, happened)
    except (ClientError, BotoCoreError) as error:
        logger.error("not told", environment=name, reason=type(error).__name__)


def _with_who(report: Report, who: Callable[[str], str]) -> list[dict[str, Any]]:
    """What happened, and who did it, as far as change events told by now."""
    rows = report.status.events if report.status else ()
    drifted = {str(row["resource"]) for row in rows if row["type"] == "DriftDetected"}
    by = {key: who(report.assessments[key].target.name) for key in drifted}
    return [
        {**row, "by": by[row["resource"]]}
        if row["type"] == "DriftDetected" and by[row["resource"]]
        else row
        for row in rows
    ]


def put_events(events: Any, bus: str, name: str, happened: Sequence[Mapping[str, Any]]) -> None:
    """Typed events: source `plumbline`, the type as `DetailType`.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    """
    entries = [
        {
            "Source": SOURCE,
            "DetailType": str(row["type"]),
            "EventBusName": bus,
            "Detail": json.dumps({"environment": name, **_without_type(row)}, default=str),
        }
        for row in happened
    ]
    for batch in batches([e for e in entries if len(e["Detail"]) < _MOST_BYTES], _MOST_ENTRIES):
        events.put_events(Entries=list(batch))


def notify(sns: Any, topic: str, name: str, happened: Sequence[Mapping[str, Any]]) -> None:
    """One text a pass, of what a person should know, and of its end.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    rows = [row for row in happened if row["type"] in WARNINGS]
    if not rows:
        return
    lines = [line(row) for row in rows]
    count = f"{len(rows)} things" if len(rows) > 1 else str(rows[0]["type"])
    subject = f"Plumbline: {name}: {count}"[:_MOST_SUBJECT]
    text = "\n".join([*lines, "", f"plumbline status {name} tells how it stands."])
    sns.publish(TopicArn=topic, Subject=subject, Message=text[:_MOST_BYTES])


def line(row: Mapping[str, Any]) -> str:
    """An event as one line for people."""
    where = " ".join(str(row[k]) for k in ("resource", "path", "call") if row.get(k))
    if row["type"] == "DriftDetected" and row.get("path"):
        told = f"DriftDetected {where}: was {row['was']}, is {row['is']}, wanted {row['wanted']}"
        return f"{told}; by {row['by']}" if row.get("by") else told
    why = row.get("message") or row.get("note") or row.get("reason") or ""
    told = f"{row['type']} {where}".rstrip()
    return f"{told}: {why}" if why else told


def _without_type(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k != "type"}
