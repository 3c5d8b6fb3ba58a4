"""`plumbline destroy`: delete what an environment holds."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from controller.cli import render
from controller.cli.main import Failed
from controller.cli.output import console
from controller.cli.tools import failing, place, state_option, tools
from controller.destruction import Destruction, NothingKnown
from controller.destruction import destroy as one_pass
from controller.lease import Held

if TYPE_CHECKING:
    from rich.console import Console

    from controller.reconciler import Tools


@click.command(short_help="Delete what an environment holds.")
@click.argument("file_or_environment")
@click.option("--with-data", is_flag=True, help="Databases, caches, logs and secrets as well.")
@click.option("--yes", is_flag=True, help="Ask nobody.")
@click.option("--timeout", default=45.0, show_default=True, help="Minutes to wait at most.")
@click.option("--poll", default=5.0, show_default=True, help="Seconds between two passes.")
@state_option
def destroy(
    file_or_environment: str,
    with_data: bool,
    yes: bool,
    timeout: float,
    poll: float,
    state: str | None,
) -> int:
    """Delete all resources that the environment made or adopted, those that use others first.

    It shows what would go and asks for the environment's name. Passes of the control plane stop
    from then on, and stay stopped, until `plumbline pause ENVIRONMENT --resume`. What holds data
    stays without --with-data, and so does what that needs; with it, databases leave a final
    snapshot and secrets can be restored for a while. Deletion protection, windows and freezes hold.
    Exit code 0: all is gone that was to go. 2: something stands in the way, or the time was up. 1:
    error. Ctrl-C is safe at any time: the same command goes on.
    """
    found = place(file_or_environment, state)
    kit, name, screen = tools(found), found.environment, console()
    first = _pass(name, kit, with_data=with_data, write=False)
    _show(screen, first)
    if not first.going:
        screen.print(f"{name}: {_sum(first)}")
        return 2 if first.stopped else 0
    if not yes:
        _ask(name)
    end, shown = time.monotonic() + timeout * 60, dict(first.going)
    there = {**first.going, **first.stopped}
    while True:
        try:
            done = _pass(name, kit, with_data=with_data, write=True)
        except Held as held:  # a pass that is under way ends soon
            if time.monotonic() > end:
                raise Failed(str(held)) from None
            time.sleep(max(poll, 1))
            continue
        for key, why in done.going.items():
            if shown.get(key) != why:
                screen.print(f"  {escape(key)}: {render.value(why)}")
                shown[key] = why
        for key in [k for k in there if k not in done.going and k not in done.stopped]:
            screen.print(f"  [green]gone[/] {escape(key)}")
            there.pop(key)
        if done.over or time.monotonic() > end:
            break
        time.sleep(poll)
    _list(screen, "[red]stands[/]", done.stopped)
    screen.print(f"{name}: {_sum(done)}; passes are paused until `plumbline pause {name} --resume`")
    return 2 if done.going or done.stopped else 0


def _sum(done: Destruction) -> str:
    return f"{len(done.going) + len(done.stopped)} left to delete, {len(done.kept)} kept"


def _pass(name: str, kit: Tools, *, with_data: bool, write: bool) -> Destruction:
    """One pass of it. Raises `Held`, `Failed`."""
    try:
        with failing(wait=write):
            return one_pass(name, kit, getpass.getuser(), with_data=with_data, write=write)
    except NothingKnown as error:
        raise Failed(f"nothing is known of what {name} holds: {error}") from None


def _show(screen: Console, first: Destruction) -> None:
    _list(screen, "[red]-[/]", first.going)
    _list(screen, "[red]stands[/]", first.stopped)
    _list(screen, "kept", first.kept)


def _list(screen: Console, word: str, rows: Mapping[str, str]) -> None:
    for key, why in rows.items():
        screen.print(f"  {word} {escape(key)}: {render.value(why)}")


def _ask(name: str) -> None:
    if not sys.stdin.isatty():
        raise Failed("nobody can be asked here: say --yes")
    if click.prompt("Type the environment's name to delete these", default="") != name:
        raise Failed("that is not its name: nothing was done")
