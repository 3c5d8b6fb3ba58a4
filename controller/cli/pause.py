"""`plumbline pause`: the hand on the brake."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import click

from controller import pause as pauses
from controller.cli.main import Failed
from controller.cli.span import span
from controller.cli.tools import deployed, open_store, state_option
from controller.store import Conflict, Store, StoreFailure

NAME = r"[a-z]([a-z0-9]|-(?=[a-z0-9])){0,39}"


@click.command(short_help="Stop all writes for a while.")
@click.argument("environment")
@click.option("--for", "duration", metavar="TIME", help="How long: 30m, 2h, 1d (at most 7d).")
@click.option("--reason", default="", help="Why; shown wherever the pause is.")
@click.option("--resume", is_flag=True, help="End the pause.")
@state_option
def pause(
    environment: str, duration: str | None, reason: str, resume: bool, state: str | None
) -> None:
    """Stop all writes to an environment for a while. Works whatever its file says."""
    if not re.fullmatch(NAME, environment):
        raise Failed(f"found {environment}, allowed: the name of an environment")
    store = open_store(state)
    plane = deployed(state)
    try:
        _known(store, environment, plane.registry.in_parameters() if plane else ())
        if resume:
            pauses.resume(store, environment)
            click.echo(f"{environment}: resumed")
            return
        if not duration:
            raise click.UsageError("--for TIME is needed (or --resume)")
        until = datetime.now(UTC) + span(duration, timedelta(days=7))
        pauses.pause(store, environment, until, getpass.getuser(), reason or "no reason given")
    except pauses.BeingDestroyed as error:
        raise Failed(f"{error} (--resume ends that)") from None
    except (StoreFailure, Conflict) as error:
        raise Failed(f"state: {error}") from None
    click.echo(f"{environment}: paused until {until:%Y-%m-%d %H:%M} UTC")


def _known(store: Store, environment: str, registered: Iterable[str]) -> None:
    """A brake must be on the right cart: the name has to be one that this state knows."""
    places = (("environments/", ".yaml"), ("accepted/", ".json"))
    known = set(registered) | {
        key.removeprefix(folder).removesuffix(end)
        for folder, end in places
        for key in store.list(folder)
        if key.endswith(end)
    }
    if environment not in known:
        here = ", ".join(sorted(known)) or "none"
        raise Failed(f"no environment {environment} in this state, known here: {here} (--state?)")
