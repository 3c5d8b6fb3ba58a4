"""`plumbline approve`: let what loses data, or can't be taken back, happen: exactly this plan."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.markup import escape

from controller import approval as approvals
from controller.approval import LONGEST, Approval, Request
from controller.cli.main import Failed
from controller.cli.output import console
from controller.cli.span import span
from controller.cli.tools import environment_name, open_store, state_option
from controller.store import Conflict, Store, StoreFailure


@click.command(short_help="Let a plan that loses data happen.")
@click.argument("file_or_environment")
@click.argument("fingerprint", required=False)
@click.option(
    "--for", "duration", metavar="TIME", default="1d", show_default=True,
    help="How long it is good: 30m, 2h, 1d (at most 7d).",
)  # fmt: skip
@click.option("--reason", default="", help="Why; shown in the history.")
@click.option("--withdraw", is_flag=True, help="Take back all approvals of the environment.")
@state_option
def approve(
    file_or_environment: str,
    fingerprint: str | None,
    duration: str,
    reason: str,
    withdraw: bool,
    state: str | None,
) -> int:
    """Let what waits for an approval happen: exactly the plan with this fingerprint.

    Without a fingerprint: show what waits, as the last pass left it. An approval stands for these
    calls on these resources as they are now, is good for each of them once, and ends by itself. All
    other guards stand. Exit code 0: approved, or nothing waits. 2: something waits. 1: error.
    """
    name = environment_name(file_or_environment)
    store = open_store(state)
    try:
        if withdraw:
            approvals.withdraw(store, name)
            click.echo(f"{name}: no approval is left")
            return 0
        status = _status(store, name)
        asks = approvals.asked(status)
        if not asks.steps:
            if fingerprint:
                raise Failed(f"{name}: nothing waits for an approval, found {fingerprint}")
            click.echo(f"{name}: nothing waits for an approval")
            return 0
        if not fingerprint:
            _show(name, asks, status)
            return 2
        if fingerprint != asks.fingerprint:
            raise Failed(
                f"{name}: found {fingerprint}, but the plan that waits is {asks.fingerprint}: look "
                f"at it with `plumbline approve {name}`"
            )
        until = datetime.now(UTC) + span(duration, LONGEST)
        why = reason or "no reason given"
        given = Approval(getpass.getuser(), why, until, frozenset(asks.steps.values()))
        approvals.approve(store, name, given)
    except (StoreFailure, Conflict) as error:
        raise Failed(f"state: {error}") from None
    click.echo(f"{name}: {len(asks.steps)} steps approved until {until:%Y-%m-%d %H:%M} UTC")
    return 0


def _status(store: Store, name: str) -> Mapping[str, Any]:
    found = store.get(f"status/{name}.json")
    if found is None:
        raise Failed(f"no pass over {name} has been recorded here")
    try:
        document: Mapping[str, Any] = found.json
    except ValueError:
        raise Failed(f"the status of {name} can't be read: the next pass writes it anew") from None
    return document


def _show(name: str, asks: Request, status: Mapping[str, Any]) -> None:
    screen = console()
    screen.print(f"{name}: {len(asks.steps)} steps wait for an approval")
    for step in asks.steps:
        key = step.partition("#")[0]
        blocked = status["resources"].get(key, {}).get("conditions", {}).get("Blocked", {})
        screen.print(f"  {escape(step)}: {escape(str(blocked.get('message', '')))}")
    screen.print(f"all of it: plumbline approve {name} {asks.fingerprint}")
