"""`plumbline plan`: what a pass would do, without doing it."""

from __future__ import annotations

from typing import Any

import click

from controller.cli import render
from controller.cli.output import console, output_option, print_json
from controller.cli.tools import one_pass, state_option
from controller.reconciler import Report


@click.command(short_help="Show what differs and what would be done.")
@click.argument("file_or_environment")
@state_option
@output_option
def plan(file_or_environment: str, state: str | None, output: str) -> int:
    """Show what differs, and what a pass would do about it. Writes nothing at all.

    Exit code 0: nothing to do. 2: something to do, or blocked. 1: error.
    """
    report = one_pass(file_or_environment, state)
    if output == "json":
        print_json(as_json(report))
    else:
        screen = console()
        render.print_desired(screen, report)
        render.print_plan(screen, report)
        render.print_orphans(screen, report.status.document if report.status else {})
        render.print_asks(screen, report.environment, report.asks.fingerprint)
        screen.print(render.summary(report))
    clean = all(a.in_sync for a in report.assessments.values())
    return 0 if clean and not report.plan.steps and not report.desired.refused else 2


def as_json(report: Report) -> dict[str, Any]:
    """A planned pass for programs: the status document, and the actions with their vetoes."""
    document: dict[str, Any] = dict(report.status.document) if report.status else {}
    document["actions"] = [
        {
            "resource": s.key,
            "call": s.call,
            "changes": list(s.action.changes),
            "risk": s.action.risk,
            "veto": report.vetoes[s.id].reason if s.id in report.vetoes else "",
        }
        for s in report.plan.steps
    ]
    return document
