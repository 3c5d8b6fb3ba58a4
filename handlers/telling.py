"""A pass as the world hears of it: log lines, metrics, typed events on a bus, a text for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from controller.attribution import printable
from controller.reconciler import Report
from controller.registry import Binding
from controller.telemetry import VERSION, Metric, drifted_by_kind, metrics
from handlers.emf import emit
from handlers.settings import Settings

WARNINGS = ("ActionBlocked", "ActionFailed", "DesiredStateInvalid", "DriftDetected")
"""Events that are warnings in the log."""

NEWS = (*WARNINGS, "DriftAttributed")
"""Events that a person should hear of."""

HAPPENINGS = ("ActionsFailed",)
"""Metrics that are also written without dimensions. Levels are, too, but by every tick."""

SOURCE = "plumbline"

MOST_ENTRIES, MOST_BYTES = 10, 250_000
"""Of one PutEvents; all its entries together may have 256 KB."""

MOST_SUBJECT, MOST_LINES, LONGEST_LINE, LONGEST_VALUE = 100, 20, 600, 120
"""Of a text for people; Amazon SNS takes subjects of less than 100 ASCII characters."""

TO_DO = {
    "DriftDetected": "Drift is put back, unless a guard vetoes it: plumbline drift {name}",
    "ActionBlocked": "Nothing happens to what is blocked until somebody acts: "
    "plumbline plan {name} says what would lift it (docs/how-to/blocked.md)",
    "ActionFailed": "AWS refused a call; it is tried three times: plumbline status {name}",
    "DesiredStateInvalid": "The last accepted revision stays in force: mend the file, publish it "
    "again (plumbline validate, plumbline publish)",
}
"""What the reader may do, by type of event."""

WATCHED = "Nothing is put back in mode {mode}: plumbline plan {name} shows what would be"


def tell(
    report: Report,
    reason: str,
    now: datetime,
    logger: Logger,
    clients: Callable[[str], Any],
    settings: Settings,
    place: Binding,
) -> None:
    """Everything about one pass. What can't be sent is logged; it never fails the pass."""
    name = report.environment
    happened = report.status.events if report.status else ()
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
    common = {
        "version": VERSION, "environment": name, "account": place.account, "region": place.region,
        "at": now.isoformat(), "mode": _mode(report),
    }  # fmt: skip
    lost: list[str] = []
    try:
        if settings.bus:
            lost += put_events(clients("events"), settings.bus, common, happened)
    except (ClientError, BotoCoreError) as error:
        lost.append(type(error).__name__)
    try:
        if settings.topic:
            notify(clients("sns"), settings.topic, report, happened)
    except (ClientError, BotoCoreError) as error:
        lost.append(type(error).__name__)
    if lost:
        logger.error("not told", environment=name, reason=", ".join(sorted(set(lost))))
    emit([Metric("NotTold", "Count", float(len(lost)))])


def put_events(
    events: Any, bus: str, common: Mapping[str, Any], happened: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Typed events: source `plumbline`, the type as `DetailType`. Returns why any were refused.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    """
    refused = []
    for batch in _batches([_entry(bus, common, row) for row in happened]):
        reply = events.put_events(Entries=batch)
        refused += [str(e["ErrorCode"]) for e in reply.get("Entries", ()) if e.get("ErrorCode")]
    return refused


def _entry(bus: str, common: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, str]:
    fields = {k: v for k, v in row.items() if k != "type"}
    detail = json.dumps({**common, **fields}, default=str)
    if len(detail) > MOST_BYTES:  # json escapes all that is not ASCII: characters are bytes
        short = {k: _short(v) if k in ("was", "is", "wanted") else v for k, v in fields.items()}
        short |= {k: short[k][:MOST_LINES] for k in ("problems", "paths") if k in short}
        detail = json.dumps({**common, **short}, default=str)
    return {
        "Source": SOURCE, "DetailType": str(row["type"]), "EventBusName": bus, "Detail": detail,
    }  # fmt: skip


def _batches(entries: Sequence[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """As many at a time as one call may take."""
    batch: list[dict[str, str]] = []
    size = 0
    for entry in entries:
        more = sum(map(len, entry.values()))
        if batch and (len(batch) == MOST_ENTRIES or size + more > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield batch


def notify(sns: Any, topic: str, report: Report, happened: Sequence[Mapping[str, Any]]) -> None:
    """One text a pass: what a person should know, who did it, and what to do.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    rows = [row for row in happened if row["type"] in NEWS]
    if not rows:
        return
    name, mode = report.environment, _mode(report)
    lines = [printable(line(row), LONGEST_LINE) for row in rows[:MOST_LINES]]
    if len(rows) > MOST_LINES:
        lines.append(f"and {len(rows) - MOST_LINES} more")
    types = {str(row["type"]): None for row in rows}
    to_do = [TO_DO[each] for each in types if each in TO_DO]
    if mode != "enforce":
        to_do = [WATCHED if each is TO_DO["DriftDetected"] else each for each in to_do]
    to_do = to_do or ["plumbline status {name} tells how it stands"]
    ends = [f"{each}.".format(name=name, mode=mode) for each in to_do]
    count = f"{len(rows)} things" if len(rows) > 1 else next(iter(types))
    sns.publish(
        TopicArn=topic,
        Subject=f"Plumbline: {name}: {count}"[: MOST_SUBJECT - 1],
        Message="\n".join([*lines, "", *ends]),
    )


def _mode(report: Report) -> str:
    return "paused" if report.paused else report.mode


def line(row: Mapping[str, Any]) -> str:
    """An event as one line for people."""
    where = " ".join(str(row[k]) for k in ("resource", "path", "call") if row.get(k))
    told = f"{row['type']} {where}".rstrip()
    if row["type"] == "DriftDetected" and row.get("path"):
        was, now, wanted = (_short(row[k]) for k in ("was", "is", "wanted"))
        told += f": was {was}, is {now}, wanted {wanted}"
    elif row["type"] == "DriftAttributed":
        told += f": {', '.join(filter(None, row['paths'])) or 'gone'}"
    else:
        problems = row.get("problems") or ()
        why = [row.get("reason"), row.get("message") or row.get("note"), *problems[:1]]
        told += "".join(f": {_short(each, 300)}" for each in why if each)
    return f"{told}; by {row['by']}" if row.get("by") else told


def _short(value: Any, longest: int = LONGEST_VALUE) -> str:
    """A value in few words."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
