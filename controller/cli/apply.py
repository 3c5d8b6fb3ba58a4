"""`plumbline apply`: passes until the environment is as desired and ready."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from controller.cli import render
from controller.cli.output import console
from controller.cli.tools import make_pass, place, state_option, tools

if TYPE_CHECKING:
    from rich.console import Console

    from controller.reconciler import Report


@click.command(short_help="Make it so: passes until converged.")
@click.argument("file_or_environment")
@state_option
@click.option(
    "--take-over", is_flag=True, help="Go on with what carries the tags though the state is empty."
)
@click.option("--once", is_flag=True, help="Make one pass, do not wait for convergence.")
@click.option("--timeout", default=45.0, show_default=True, help="Minutes to wait at most.")
@click.option("--poll", default=5.0, show_default=True, help="Seconds between two passes.")
def apply(
    file_or_environment: str,
    state: str | None,
    take_over: bool,
    once: bool,
    timeout: float,
    poll: float,
) -> int:
    """Make passes until the environment is as desired and ready.

    Exit code 0: converged. 2: blocked, or still under way when the time was up. 1: error. Ctrl-C is
    safe at any time: what was begun is found again by the next pass.
    """
    screen = console()
    found = place(file_or_environment, state)
    shown: dict[str, str] = {}

    def progress(key: str, what: str, detail: str) -> None:
        if what == "observed":
            if shown.get(key) != detail:
                if key in shown or detail != "ready":
                    screen.print(f"  {key}: {detail}")
                shown[key] = detail
        else:
            about = f" ({render.value(detail)})" if detail else ""
            screen.print(f"  [green]→[/] {key}: {what}{about}")

    kit = replace(tools(found, progress), may_start=take_over)
    end = time.monotonic() + timeout * 60
    seen_before: tuple[str, ...] = ()
    while True:
        report = make_pass(found.environment, kit, write=True)
        if seen_before == ():
            render.print_desired(screen, report)
        seen_before = _tell(screen, report, seen_before)
        if report.converged:
            screen.print(f"[green]converged[/]: {render.summary(report)}")
            return 0
        if once or not report.waiting or time.monotonic() > end:
            for key, seen in report.assessments.items():
                if not seen.in_sync:
                    screen.print(f"  {key} is not as desired")
            render.print_asks(screen, report.environment, report.asks.fingerprint)
            screen.print(f"[red]not converged[/]: {render.summary(report)}")
            return 2
        time.sleep(poll)


def _tell(screen: Console, report: Report, before: tuple[str, ...]) -> tuple[str, ...]:
    """Print what is new in this pass: drift found, vetoes, failures."""
    lines = []
    for key, seen in report.assessments.items():
        lines += [f"  [yellow]~[/] {key}: {render.change_line(c)}" for c in seen.drift]
        if seen.vanished:
            lines.append(f"  [yellow]~[/] {key}: it was made and is gone")
        if seen.readiness.reason.startswith("WaitsFor"):  # for a person
            lines.append(f"  [yellow]waits[/] {key}: {escape(seen.readiness.message)}")
    for step_id, veto in report.vetoes.items():
        if not veto.waiting:
            lines.append(
                f"  [red]blocked[/] {step_id}: {veto.reason}: {render.value(veto.message)}"
            )
    for outcome in report.outcomes:
        if not outcome.made and not outcome.waiting:
            lines.append(f"  [red]failed[/] {outcome.step.id}: {render.value(outcome.message)}")
        elif outcome.made and outcome.message:
            lines.append(f"  [yellow]said[/] {outcome.step.id}: {render.value(outcome.message)}")
    for line in lines:
        if line not in before:
            screen.print(line)
    return tuple(lines) or ("",)
