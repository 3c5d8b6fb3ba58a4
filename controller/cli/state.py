"""`status` and `pause`: the commands that only look at, or write, Plumbline's own state."""

from __future__ import annotations

import getpass
import json
import re
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console

from controller import pause as pauses
from controller.cli import render
from controller.cli.passes import output_option, state_option
from controller.cli.tools import CliError, open_store
from controller.manifest import DesiredStateError, load
from controller.store import Conflict, StoreFailure


def environment_name(what: str) -> str:
    """The environment meant: its name, or a file that declares it."""
    from pathlib import Path

    path = Path(what)
    if not path.is_file():
        return what
    try:
        return load(path.read_bytes(), what).name
    except DesiredStateError as error:
        raise CliError(str(error)) from None


@click.command()
@click.argument("file_or_environment")
@state_option
@output_option
def status(file_or_environment: str, state: str | None, output: str) -> None:
    """Show how the last pass left the environment. Asks AWS nothing.

    Exit code 0: converged. 2: not converged. 1: no pass yet, or an error.
    """
    name = environment_name(file_or_environment)
    try:
        found = open_store(state).get(f"status/{name}.json")
    except StoreFailure as error:
        raise CliError(f"state: {error}") from None
    if found is None:
        raise CliError(f"no pass over {name} has been recorded here")
    document = found.json
    if output == "json":
        click.echo(json.dumps(document, indent=2))
    else:
        console = Console(soft_wrap=True)
        word = "[green]converged[/]" if document["converged"] else "[yellow]not converged[/]"
        console.print(
            f"{name}: {word}, revision {document['revision']}, mode {document['mode']}"
            + (f", {document['paused']}" if document["paused"] else ""),
            highlight=False,
        )
        if not document["desiredState"]["valid"]:
            console.print(f"[red]{document['desiredState']['reason']}[/]")
            for problem in document["desiredState"]["problems"]:
                console.print(f"  {problem}", highlight=False, markup=False)
        console.print(render.status_table(document))
    raise SystemExit(0 if document["converged"] else 2)


@click.command()
@click.argument("environment")
@click.option("--for", "duration", metavar="TIME", help="How long: 30m, 2h, 1d (at most 7d).")
@click.option("--reason", default="", help="Why; shown wherever the pause is.")
@click.option("--resume", is_flag=True, help="End the pause.")
@state_option
def pause(
    environment: str, duration: str | None, reason: str, resume: bool, state: str | None
) -> None:
    """Stop all writes to an environment for a while. Works whatever its file says."""
    store = open_store(state)
    try:
        if resume:
            pauses.resume(store, environment)
            click.echo(f"{environment}: resumed")
            return
        if not duration:
            raise click.UsageError("--for TIME is needed (or --resume)")
        until = datetime.now(UTC) + _span(duration)
        pauses.pause(store, environment, until, getpass.getuser(), reason or "no reason given")
    except (StoreFailure, Conflict) as error:
        raise CliError(f"state: {error}") from None
    click.echo(f"{environment}: paused until {until:%Y-%m-%d %H:%M} UTC")


def _span(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9]\d{0,3})([mhd])", text)
    span = match and timedelta(minutes=int(match[1]) * {"m": 1, "h": 60, "d": 1440}[match[2]])
    if not span or span > timedelta(days=7):
        raise click.UsageError(f"--for: found {text}, allowed a time like 30m, 2h or 1d, up to 7d")
    return span
