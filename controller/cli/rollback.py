"""`plumbline rollback`: put an earlier revision of desired state back in force."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import replace

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from controller import revisions
from controller.cli import handing_over, render
from controller.cli.main import Failed
from controller.cli.output import console
from controller.cli.tools import control_plane, stack_option
from controller.manifest import DesiredStateError, Environment, load
from controller.revisions import Converged, Revision
from controller.sources import GivenSource, Text
from controller.store import StoreFailure


@click.command(short_help="Put an earlier revision back in force.")
@click.argument("environment")
@click.option("--to", "wanted", metavar="REVISION", help="That one; a commit will do.")
@click.option("--list", "only_list", is_flag=True, help="Show the revisions that there were.")
@click.option("--yes", is_flag=True, help="Ask nobody.")
@stack_option
def rollback(environment: str, wanted: str | None, only_list: bool, yes: bool) -> None:
    """Publish again what was in force before: the last revision that the environment was as.

    For a deployed control plane, whose bucket keeps every revision for a while. It shows what the
    older file would do, and hands it over as `plumbline publish` does. Revert the commit as well,
    or the next publication brings it back.
    """
    plane = control_plane()
    binding = plane.binding(environment)
    screen = console()
    before, held = handing_over.there(plane, environment, binding)
    try:
        found = list(revisions.accepted(plane.client("s3"), plane.bucket, environment))
        well = revisions.Converged(plane.store, environment)
        older = revisions.before(found, held.body if held else None)
        if only_list:
            for at, each in enumerate(found):
                mark = "  in force" if at == 0 and held and each.text == held.body else ""
                says = "" if each.revision in well else "  never converged"
                screen.print(f"  {_line(each)}[dim]{says}{mark}[/]")
            return
        others = [r for r in found if held is None or r.text != held.body]
        chosen = _chosen(environment, others, older, well, wanted)
    except (ClientError, BotoCoreError) as error:
        raise Failed(f"revisions can't be read: {type(error).__name__}: {error}") from None
    except StoreFailure as error:
        raise Failed(f"state: {error}") from None
    file = f"revision {chosen.revision}"
    manifest = _loaded(chosen, file)
    screen.print(f"{environment}: back to {_line(chosen)}")
    handing_over.show(screen, plane, manifest, GivenSource(Text(chosen.text, file)), binding)
    where = handing_over.where(plane, environment, binding)
    if not yes:
        handing_over.ask(f"Publish to {where}?")
    commit = f"rollback to {chosen.commit or chosen.revision}"
    manifest = replace(manifest, file=file)
    handing_over.hand_over(plane, manifest, chosen.text, before, binding, commit, getpass.getuser())
    screen.print(f"{environment}: published revision {chosen.revision} again")
    screen.print("  revert the commit as well: the next publication brings it back", style="yellow")


def _chosen(
    environment: str,
    others: list[Revision],
    older: list[Revision],
    well: Converged,
    wanted: str | None,
) -> Revision:
    """The one that is meant: if it is named, any of the others. Raises `Failed`."""
    if wanted:
        named = [r for r in others if r.revision.startswith(wanted) or r.commit.startswith(wanted)]
        if len({r.revision for r in named}) == 1:
            return named[0]
        here = ", ".join(dict.fromkeys(r.revision for r in others)) or "none"
        what = "several of them" if named else "none of that name"
        raise Failed(f"found {wanted}, {what}; earlier revisions of {environment}: {here}")
    for each in older:
        if each.revision in well:
            return each
    raise Failed(f"{environment}: no earlier revision is known that converged (see --list, --to)")


def _line(revision: Revision) -> str:
    words: Iterable[str] = (
        revision.revision,
        revision.at[:16].replace("T", " "),
        render.whose({"commit": revision.commit, "author": revision.author}),
    )
    return "  ".join(escape(word) for word in words if word)


def _loaded(revision: Revision, file: str) -> Environment:
    try:
        return load(revision.text, file)
    except DesiredStateError as error:
        raise Failed(f"this release does not take it any more\n{error}") from None
