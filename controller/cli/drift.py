"""`plumbline drift`: what somebody changed behind Plumbline's back."""

from __future__ import annotations

from typing import Any

import click

from controller.cli import render
from controller.cli.output import console, output_option, print_json
from controller.cli.tools import one_pass, state_option
from controller.status import change_row


@click.command(short_help="Show what somebody changed behind its back.")
@click.argument("file_or_environment")
@state_option
@output_option
def drift(file_or_environment: str, state: str | None, output: str) -> int:
    """Show drift: what somebody changed in AWS. Pending changes of the file are left out.

    Writes nothing at all. Exit code 0: no drift. 2: drift. 1: error.
    """
    report = one_pass(file_or_environment, state)
    drifted = {k: a for k, a in report.assessments.items() if a.drift or a.vanished}
    told = report.status.document["resources"] if report.status else {}
    by = {key: told.get(key, {}).get("lastDrift", {}).get("by", "") for key in drifted}
    if output == "json":
        rows: list[dict[str, Any]] = []
        for key, seen in drifted.items():
            who = {"by": by[key]} if by[key] else {}
            rows += [{"resource": key, **change_row(c), **who} for c in seen.drift]
            if seen.vanished:
                gone = {"resource": key, "path": "", "note": "it was made and is gone"}
                rows.append(gone | who)
        print_json(rows)
    else:
        screen = console()
        for key, seen in drifted.items():
            screen.print(f"[yellow]~[/] {key} ({render.value(seen.target.name)})")
            if by[key]:
                screen.print(f"    changed by {by[key]}", markup=False, highlight=False)
            if seen.vanished:
                screen.print("    it was made and is gone")
            for change in seen.drift:
                screen.print(f"    {render.change_line(change)}")
        screen.print(f"{len(drifted)} of {len(report.assessments)} resources drifted")
    return 2 if drifted else 0
