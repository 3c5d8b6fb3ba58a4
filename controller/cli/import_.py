"""`plumbline import`: a desired-state file from what is there."""

from __future__ import annotations

import re

import click

from controller.cli.main import Failed
from controller.cli.output import console
from controller.cli.tools import connector
from controller.complaints import unknown
from controller.envelope import Metadata
from controller.kinds import KINDS

_TAG = re.compile(r"(?P<key>[^=]{1,128})(=(?P<value>.{0,256}))?")


@click.command("import", short_help="Write a desired-state file from what is there.")
@click.argument("environment")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only of this kind.")
@click.option("--name", "names", multiple=True, metavar="PATTERN",
              help="Only what is named so in AWS; * stands for anything.")  # fmt: skip
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY[=VALUE]", help="Only what carries this tag."
)
@click.option("--all", "everything", is_flag=True, help="The whole account, in this region.")
@click.option("--adopt", is_flag=True, help="Have the environment take the resources over.")
def import_(
    environment: str,
    kinds: tuple[str, ...],
    names: tuple[str, ...],
    tags: tuple[str, ...],
    everything: bool,
    adopt: bool,
) -> int:
    """Write a desired-state file from live resources, on stdout.

    The file is short (what is AWS's default or ours is not written), has references where one
    resource needs another, holds no secret, and plans empty. It only observes, unless --adopt is
    given. --kind, --name and --tag may be repeated: kinds and names add up, tags must all be there.
    Reads only. Exit code 2: something could not be read; the file and stderr say what.
    """
    from rich.markup import escape

    from controller.importing.finding import Selection, Unreadable
    from controller.importing.importer import import_file
    from controller.importing.writing import printable
    from controller.manifest import DesiredStateError

    if not (kinds or names or tags or everything):
        raise click.UsageError("say what: --kind, --name, --tag, or --all for the whole account")
    if everything and (kinds or names or tags):
        raise click.UsageError("--all goes without --kind, --name and --tag")
    _check(environment, kinds)
    selection = Selection(kinds, names, dict(_tag(each) for each in tags))
    aws = connector()(None)
    title = f"Imported from account {aws.account}, region {aws.region}, by plumbline import."
    screen = console(stderr=True)
    try:
        with screen.status("reading AWS"):
            made = import_file(aws, environment, selection, adopt=adopt, title=title)
    except Unreadable as error:
        raise Failed(str(error)) from None
    except DesiredStateError as error:
        raise Failed(f"{error}\nImport less at a time: --kind, --name, --tag") from None
    click.echo(made.text, nl=False)
    for line in made.unread:
        screen.print(f"[red]not read[/] {escape(printable(line))}")
    for line in made.left_out:
        screen.print(f"[yellow]left out[/] {escape(printable(line))}")
    for line in made.ignored:
        screen.print(f"[yellow]left alone[/] {escape(printable(line))}")
    screen.print(f"{len(made.keys)} resources")
    return 2 if made.unread else 0


def _check(environment: str, kinds: tuple[str, ...]) -> None:
    from controller.complaints import validate

    _, wrong = validate(Metadata, {"name": environment})
    if wrong:
        raise Failed(f"environment: {wrong[0].message}")
    for kind in kinds:
        if kind not in KINDS:
            raise Failed(unknown("kind", kind, KINDS))


def _tag(text: str) -> tuple[str, str]:
    match = _TAG.fullmatch(text)
    if match is None:
        raise click.UsageError(f"--tag: found {text}, allowed: KEY or KEY=VALUE")
    return match["key"], match["value"] or ""
