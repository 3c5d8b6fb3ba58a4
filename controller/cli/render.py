"""Passes as people read them: tables and coloured differences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.diff import Change
from controller.guards import Veto
from controller.handler import Absent, Unknown
from controller.plan import Step
from controller.reconciler import Report
from controller.redact import shown_change

CAUSES = {
    "drift": "[red]drift[/]",
    "pending": "[cyan]pending change[/]",
    "both": "[red]drift[/] and [cyan]pending change[/]",
    "baseline-unknown": "[yellow]baseline unknown[/]",
    "": "",
}


def value(it: Any) -> str:
    """A value in one short line."""
    if it is None:
        return "—"
    text = it if isinstance(it, str) else json.dumps(it, default=str)
    return escape(text if len(text) <= 90 else text[:87] + "…")


def change_line(change: Change) -> str:
    """`path  was → is, wanted …  (drift)`."""
    was, now, wanted = (value(it) for it in shown_change(change))
    words = f"[bold]{escape(change.path)}[/]: was {was}, is {now}, wanted {wanted}"
    kind = CAUSES.get(change.cause, change.cause)
    marks = [m for m in (kind, _class(change), escape(change.note)) if m]
    return f"{words}  ({'; '.join(marks)})" if marks else words


def _class(change: Change) -> str:
    return "" if change.cls in ("differs", "write_only_stale") else change.cls.replace("_", " ")


def print_plan(console: Console, report: Report) -> None:
    """What a pass found and would do."""
    for key, seen in report.assessments.items():
        shown = [c for c in seen.changes if c.cls not in ("undeclared", "owned")]
        steps = [s for s in report.plan.steps if s.key == key]
        if isinstance(seen.observation, Unknown):
            console.print(f"[yellow]?[/] {key}: not known: {escape(seen.observation.reason)}")
        elif seen.problem:
            console.print(f"[red]![/] {key}: {escape(seen.problem)}")
        elif isinstance(seen.observation, Absent):
            why = "[red]drift[/]: it was made and is gone" if seen.vanished else "to be made"
            console.print(f"[green]+[/] {key} ({escape(seen.target.name)}): {why}")
        elif shown:
            console.print(f"[yellow]~[/] {key} ({escape(seen.target.name)})")
        for change in shown:
            console.print(f"    {change_line(change)}", highlight=False)
        _steps(console, report, steps)
        for change in report.plan.stuck.get(key, ()):
            why = change.note or "no safe action makes this"
            console.print(f"    [red]blocked[/] {escape(change.path)}: {escape(why)}")
    for key, gone in report.removed.items():
        console.print(
            f"[red]-[/] {key} ({escape(gone.target.name)}): no longer declared, "
            f"prune: {gone.resource.lifecycle.prune}"
        )
        _steps(console, report, [s for s in report.plan.steps if s.key == key])


def _steps(console: Console, report: Report, steps: Iterable[Step]) -> None:
    for step in steps:
        veto = report.vetoes.get(step.id)
        risk = "" if step.action.risk == "safe" else f" [magenta]{step.action.risk}[/]"
        note = f" ({escape(step.action.note)})" if step.action.note else ""
        console.print(f"    → {step.call}{risk}{note}{_veto(veto)}", highlight=False)


def _veto(veto: Veto | None) -> str:
    if veto is None:
        return ""
    colour = "yellow" if veto.waiting else "red"
    word = "waits" if veto.waiting else "blocked"
    return f"  [{colour}]{word}[/] {veto.reason}: {escape(veto.message)}"


def print_asks(console: Console, environment: str, fingerprint: str) -> None:
    """How to let happen what waits for an approval."""
    if fingerprint:
        console.print(
            f"to approve what waits for it: plumbline approve {environment} {fingerprint}"
        )


def print_desired(console: Console, report: Report) -> None:
    """What is wrong with the newest revision, and what is in force instead."""
    if not report.desired.refused:
        return
    for problem in report.desired.problems:
        console.print(f"[red]{report.desired.refused}[/] {escape(str(problem))}", highlight=False)
    if not report.desired.problems:
        console.print(f"[red]{report.desired.refused}[/]")
    if report.desired.environment is not None:
        console.print(f"still in force: revision {report.desired.environment.revision}")


def summary(report: Report) -> str:
    """One line that says it all."""
    seen = report.assessments.values()
    drift = sum(1 for a in seen if a.drift or a.vanished)
    made = sum(1 for o in report.outcomes if o.made)
    failed = sum(1 for o in report.outcomes if not o.made and not o.waiting)
    steps = len(report.plan.steps)
    vetoed = sum(1 for v in report.vetoes.values() if not v.waiting)
    parts = [
        amount(len(report.assessments), "resource"),
        f"{drift} drifted",
        amount(made, "write") if report.outcomes else f"{amount(steps, 'action')} planned",
    ]
    if vetoed:
        parts.append(f"{vetoed} blocked")
    if failed:
        parts.append(f"{failed} failed")
    parts.append(f"{amount(sum(report.calls.values()), 'API call')}, {report.duration_s:.1f} s")
    return ", ".join(parts)


def amount(number: int, noun: str) -> str:
    """`1 action`, `2 actions`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def whose(told: Mapping[str, Any]) -> str:
    """`commit 4e711d0 by Alice`, as far as it is told."""
    commit, author = (escape(str(told.get(word, ""))) for word in ("commit", "author"))
    return " ".join(f"{word} {it}" for word, it in (("commit", commit), ("by", author)) if it)


def print_orphans(console: Console, document: Mapping[str, Any]) -> None:
    """What carries the environment's tags and is not known here; it is left alone."""
    for row in document.get("orphans", ()):
        console.print(
            f"[yellow]orphan[/] {escape(row['arn'])}: tagged {escape(row['resource'])}, seen since "
            f"{escape(row['since'][:16])}, left alone",
            highlight=False,
        )


def status_table(document: dict[str, Any]) -> Table:
    """The status of an environment."""
    table = Table(box=None, pad_edge=False)
    for name in ("resource", "synced", "ready", "drifted", "blocked", "message"):
        table.add_column(name)
    for key, resource in document["resources"].items():
        conditions = resource["conditions"]
        by = resource.get("lastDrift", {}).get("by", "")
        said = f"changed by {by}" if by and conditions["Drifted"]["status"] == "True" else ""
        message = next(
            (conditions[c]["message"] for c in ("Blocked", "Ready", "Drifted", "Synced")
             if conditions[c]["message"]),
            "",
        )  # fmt: skip
        table.add_row(
            key,
            *(_word(conditions[c], good) for c, good in
              (("Synced", "True"), ("Ready", "True"), ("Drifted", "False"), ("Blocked", "False"))),
            escape("; ".join(filter(None, (message, said)))),
        )  # fmt: skip
    return table


def _word(condition: dict[str, Any], good: str) -> str:
    status, reason = condition["status"], condition["reason"]
    colour = "green" if status == good else "yellow" if status == "Unknown" else "red"
    return f"[{colour}]{reason}[/]"
