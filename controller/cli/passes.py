"""`plan`, `apply` and `drift`: the commands that make a pass."""

from __future__ import annotations

import json
import time
from typing import Any

import click
from rich.console import Console

from controller.cli import render
from controller.cli.tools import STATE_HELP, CliError, place, tools
from controller.lease import Held
from controller.reconciler import Report, reconcile
from controller.status import change_row
from controller.store import Conflict, StoreFailure

state_option = click.option("--state", metavar="PLACE", help=STATE_HELP)
output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print."
)


@click.command()
@click.argument("file_or_environment")
@state_option
@output_option
def plan(file_or_environment: str, state: str | None, output: str) -> None:
    """Show what differs and what a pass would do about it. Writes nothing.

    Exit code 0: nothing to do. 2: something to do, or blocked. 1: error.
    """
    report = _one_pass(file_or_environment, state, write=False)
    if output == "json":
        click.echo(json.dumps(as_json(report), indent=2, default=str))
    else:
        console = Console(soft_wrap=True)
        render.print_desired(console, report)
        render.print_plan(console, report)
        console.print(render.summary(report), highlight=False)
    unknown = any(a.key for a in report.assessments.values() if not a.in_sync)
    raise SystemExit(2 if report.plan.steps or report.desired.refused or unknown else 0)


@click.command()
@click.argument("file_or_environment")
@state_option
@output_option
def drift(file_or_environment: str, state: str | None, output: str) -> None:
    """Show what somebody changed behind Plumbline's back. Writes nothing.

    Exit code 0: no drift. 2: drift. 1: error.
    """
    report = _one_pass(file_or_environment, state, write=False)
    drifted = {k: a for k, a in report.assessments.items() if a.drift or a.vanished}
    if output == "json":
        rows: list[dict[str, Any]] = []
        for key, seen in drifted.items():
            rows += [{"resource": key, **change_row(c)} for c in seen.drift]
            if seen.vanished:
                rows.append({"resource": key, "path": "", "note": "it was made and is gone"})
        click.echo(json.dumps(rows, indent=2, default=str))
    else:
        console = Console(soft_wrap=True)
        for key, seen in drifted.items():
            console.print(f"[yellow]~[/] {key} ({seen.target.name})")
            if seen.vanished:
                console.print("    it was made and is gone")
            for change in seen.drift:
                console.print(f"    {render.change_line(change)}", highlight=False)
        console.print(f"{len(drifted)} of {len(report.assessments)} resources drifted")
    raise SystemExit(2 if drifted else 0)


@click.command()
@click.argument("file_or_environment")
@state_option
@click.option("--once", is_flag=True, help="Make one pass, do not wait for convergence.")
@click.option("--timeout", default=45.0, show_default=True, help="Minutes to wait at most.")
@click.option("--poll", default=5.0, show_default=True, help="Seconds between two passes.")
def apply(
    file_or_environment: str, state: str | None, once: bool, timeout: float, poll: float
) -> None:
    """Make passes until the environment is as desired and ready.

    Exit code 0: converged. 2: blocked, or still under way when the time was up. 1: error.
    """
    console = Console(soft_wrap=True)
    found = place(file_or_environment, state)
    shown: dict[str, str] = {}

    def progress(key: str, what: str, detail: str) -> None:
        if what == "observed":
            if shown.get(key) != detail:
                if key in shown or detail != "ready":
                    console.print(f"  {key}: {detail}", highlight=False)
                shown[key] = detail
        else:
            about = f" ({render.value(detail)})" if detail else ""
            console.print(f"  [green]→[/] {key}: {what}{about}", highlight=False)

    kit = tools(found, progress)
    end = time.monotonic() + timeout * 60
    seen_before: tuple[str, ...] = ()
    while True:
        report = _pass(found.environment, kit, write=True)
        if seen_before == ():
            render.print_desired(console, report)
        seen_before = _tell(console, report, seen_before)
        if report.converged:
            console.print(f"[green]converged[/]: {render.summary(report)}", highlight=False)
            return
        if once or not report.waiting or time.monotonic() > end:
            for key, seen in report.assessments.items():
                if not seen.in_sync:
                    console.print(f"  {key} is not as desired")
            console.print(f"[red]not converged[/]: {render.summary(report)}", highlight=False)
            raise SystemExit(2)
        time.sleep(poll)


def _tell(console: Console, report: Report, before: tuple[str, ...]) -> tuple[str, ...]:
    """Print what is new in this pass: drift found, vetoes, failures."""
    lines = []
    for key, seen in report.assessments.items():
        lines += [f"  [yellow]~[/] {key}: {render.change_line(c)}" for c in seen.drift]
        if seen.vanished:
            lines.append(f"  [yellow]~[/] {key}: it was made and is gone")
    for step_id, veto in report.vetoes.items():
        if not veto.waiting:
            lines.append(
                f"  [red]blocked[/] {step_id}: {veto.reason}: {render.value(veto.message)}"
            )
    for outcome in report.outcomes:
        if not outcome.made and not outcome.waiting:
            lines.append(f"  [red]failed[/] {outcome.step.id}: {render.value(outcome.message)}")
    for line in lines:
        if line not in before:
            console.print(line, highlight=False)
    return tuple(lines) or ("",)


def _one_pass(what: str, state: str | None, *, write: bool) -> Report:
    found = place(what, state)
    return _pass(found.environment, tools(found), write=write)


def _pass(environment: str, kit: Any, *, write: bool) -> Report:
    try:
        return reconcile(environment, kit, write=write)
    except Held as held:
        raise CliError(str(held)) from None
    except (StoreFailure, Conflict) as error:
        raise CliError(f"state: {error}") from None


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
