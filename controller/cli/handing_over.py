"""What `publish` and `rollback` share: what is there, what a file would do, and handing it over."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError

from controller import publishing
from controller.cli import render
from controller.cli.deployed import Deployed
from controller.cli.main import Failed
from controller.cli.tools import Place, connector, make_pass, tools
from controller.manifest import Environment
from controller.publication import TooLong
from controller.registry import Binding
from controller.sources import Refused, Source, Text, parameter_name
from controller.store import Conflict, Stored, StoreFailure

if TYPE_CHECKING:
    from rich.console import Console


def where(plane: Deployed, name: str, binding: Binding) -> str:
    """The place of an environment's file, for people."""
    if binding.source == "parameterStore":
        return f"parameter {parameter_name(plane.path, name)}"
    return f"s3://{plane.bucket}/environments/{name}.yaml"


def there(plane: Deployed, name: str, binding: Binding) -> tuple[Stored | None, Text | None]:
    """The object that is there, for the condition of the next one; and the file that is there.

    Raises `Failed`.
    """
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


def show(
    screen: Console, plane: Deployed, environment: Environment, source: Source, binding: Binding
) -> None:
    """What it would do, and what it would not be allowed to. Raises `Failed`."""
    name = environment.name
    account = connector(binding.region)(None).account
    if account != binding.account:
        raise Failed(
            f"{name} lives in account {binding.account}, these credentials are for {account}: "
            "say --no-plan to publish without a plan"
        )
    found = Place(name, source, plane.store, binding)
    report = make_pass(name, replace(tools(found), may_start=True), write=False)
    if report.desired.refused:
        lines = "\n".join(map(str, report.desired.problems))
        raise Failed(f"{report.desired.refused}: the control plane would not take it\n{lines}")
    render.print_plan(screen, report)
    screen.print(render.summary(report))


def ask(question: str) -> None:
    """Go on if somebody says yes. Raises `Failed` where nobody can be asked, `Abort`."""
    if not sys.stdin.isatty():
        raise Failed("nobody can be asked here: say --yes")
    click.confirm(question, abort=True)


def hand_over(
    plane: Deployed,
    environment: Environment,
    text: bytes,
    before: Stored | None,
    binding: Binding,
    commit: str,
    author: str,
) -> None:
    """Put the file there. Raises `Failed`: then what was there before is there still."""
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
