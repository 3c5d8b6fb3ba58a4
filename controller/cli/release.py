"""`plumbline release`: stop managing, delete nothing."""

from __future__ import annotations

import getpass

import click
from rich.markup import escape

from controller import letting_go
from controller.cli import render
from controller.cli.main import Failed
from controller.cli.output import console
from controller.cli.tools import failing, place, state_option, tools


@click.command(short_help="Stop managing resources; delete nothing.")
@click.argument("file_or_environment")
@click.argument("keys", nargs=-1, metavar="[KIND/NAME]...")
@click.option("--all", "everything", is_flag=True, help="Whatever the environment holds.")
@state_option
def release(
    file_or_environment: str, keys: tuple[str, ...], everything: bool, state: str | None
) -> int:
    """Let go of resources: they stay as they are, lose Plumbline's two tags, and are forgotten.

    Take their manifests out of the file as well, or passes say that they are not owned. Exit code
    0: all let go. 2: some could not be. 1: error.
    """
    if bool(keys) == everything:
        raise click.UsageError("name resources as Kind/name, or say --all")
    found = place(file_or_environment, state)
    kit = tools(found)
    with failing():
        try:
            done = letting_go.release(found.environment, kit, keys, by=getpass.getuser())
        except letting_go.NotHeld as error:
            raise Failed(str(error)) from None
    screen = console()
    for key in done.gone:
        screen.print(f"  let go: {escape(key)}")
    for key, why in done.left.items():
        screen.print(f"  [red]kept[/] {escape(key)}: {render.value(why)}")
    screen.print(f"{found.environment}: {len(done.gone)} let go, {len(done.left)} kept")
    return 2 if done.left else 0
