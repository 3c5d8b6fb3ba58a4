"""`plumbline publish FILE`: hand desired state over to the control plane."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError

from controller import publishing
from controller.cli import provenance, render
from controller.cli.deployed import Deployed
from controller.cli.files import load_file
from controller.cli.main import Failed
from controller.cli.output import console
from controller.cli.tools import Place, connector, control_plane, make_pass, stack_option, tools
from controller.manifest import DesiredStateError, Environment
from controller.publication import TooLong
from controller.registry import Binding
from controller.sources import FileSource, Refused, Text, parameter_name
from controller.store import Conflict, Stored, StoreFailure

if TYPE_CHECKING:
    from rich.console import Console


@click.command(short_help="Hand desired state over to the control plane.")
@click.argument("file", type=click.Path(path_type=Path))
@stack_option
@click.option("--yes", is_flag=True, help="Ask nobody.")
@click.option("--no-plan", is_flag=True, help="Show no plan: the credentials only hand over.")
@click.option("--commit", help="Which commit it is; git's last one of the file by default.")
@click.option("--author", help="Whose change it is; that commit's author by default.")
def publish(file: Path, yes: bool, no_plan: bool, commit: str | None, author: str | None) -> None:
    """Check a desired-state file, show what it would do, and hand it over to the control plane.

    It goes where the registry says: into the state bucket, or to Parameter Store. Commit and author
    go with it, for status, events and history. What is there already is not handed over again.
    Without a name, the stack is that of PLUMBLINE_STACK, or `plumbline`.
    """
    try:
        environment = load_file(file)
    except DesiredStateError as error:
        raise Failed(str(error)) from None
    plane = control_plane()
    name = environment.name
    binding = plane.binding(name)
    where = _where(plane, name, binding)
    text = file.read_bytes()
    before, held = _there(plane, name, binding)
    screen = console()
    if held is not None and held.body == text:
        screen.print(f"{name}: revision {environment.revision} is published already: {where}")
        return
    if not no_plan:
        _show(screen, plane, environment, file, binding)
    if not yes:
        _ask(f"Publish to {where}?")
    told = provenance.of(file)
    commit, author = commit or told[0], author or told[1]
    _hand_over(plane, environment, text, before, binding, commit, author)
    words = render.whose({"commit": commit, "author": author})
    screen.print(f"{name}: published revision {environment.revision} {words}".rstrip())
    screen.print(f"  {where}", markup=False)


def _where(plane: Deployed, name: str, binding: Binding) -> str:
    if binding.source == "parameterStore":
        return f"parameter {parameter_name(plane.path, name)}"
    return f"s3://{plane.bucket}/environments/{name}.yaml"


def _there(plane: Deployed, name: str, binding: Binding) -> tuple[Stored | None, Text | None]:
    """The object that is there, for the condition of the next one; and the file that is there."""
    try:
        if binding.source == "bucket":
            found = plane.store.get(f"environments/{name}.yaml")
            return found, Text(found.body, "") if found else None
        return None, plane.source(name, binding).read(name)
    except Refused as error:
        if error.reason == "DesiredStateUnknown":
            raise Failed(str(error.problem)) from None
        if error.problem.field == "Type":  # which no call can change
            raise Failed(f"{error.problem}; delete that parameter first") from None
        return None, None  # what is broken there is replaced
    except StoreFailure as error:
        raise Failed(f"state: {error}") from None


def _show(
    screen: Console, plane: Deployed, environment: Environment, file: Path, binding: Binding
) -> None:
    """What it would do, and what it would not be allowed to."""
    name = environment.name
    account = connector(binding.region)(None).account
    if account != binding.account:
        raise Failed(
            f"{name} lives in account {binding.account}, these credentials are for {account}: "
            "say --no-plan to publish without a plan"
        )
    found = Place(name, FileSource(file), plane.store, binding)
    report = make_pass(name, replace(tools(found), may_start=True), write=False)
    if report.desired.refused:
        lines = "\n".join(map(str, report.desired.problems))
        raise Failed(f"{report.desired.refused}: the control plane would not take it\n{lines}")
    render.print_plan(screen, report)
    screen.print(render.summary(report))


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise Failed("nobody can be asked here: say --yes")
    click.confirm(question, abort=True)


def _hand_over(
    plane: Deployed,
    environment: Environment,
    text: bytes,
    before: Stored | None,
    binding: Binding,
    commit: str,
    author: str,
) -> None:
    name, words = environment.name, {"commit": commit, "author": author}
    try:
        if binding.source == "bucket":
            client = plane.client("s3")
            publishing.to_bucket(client, plane.bucket, name, text, before, **words)
        else:
            publishing.to_parameters(plane.client("ssm"), plane.path, name, text, **words)
    except Conflict:
        raise Failed(f"somebody else has published {name} meanwhile: look at theirs, and try again"
                     ) from None  # fmt: skip
    except TooLong as error:
        raise Failed(f"{environment.file}: {error}: too long for Parameter Store; let the registry "
                     "say source: bucket") from None  # fmt: skip
    except Refused as error:
        raise Failed(f"not published whole, try again: {error.problem}") from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        raise Failed(f"not published: {error.operation_name}: {code}") from None
    except BotoCoreError as error:
        raise Failed(f"not published: {type(error).__name__}") from None
