"""What commands that talk to AWS share: credentials, the state's place, a pass's tools."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import botocore.session
import click
from botocore.exceptions import BotoCoreError, ClientError

from controller.aws import Aws
from controller.envelope import API_VERSION
from controller.manifest import load
from controller.rates import Budget
from controller.reconciler import Progress, Tools
from controller.sources import FileSource, Source, StoreSource
from controller.store import DirectoryStore, S3Store, Store

STATE_HELP = (
    "Where lease, inventory and status live: s3://bucket[/prefix] or a directory "
    "[env PLUMBLINE_STATE; default .plumbline]"
)


class CliError(click.ClickException):
    """One clear line on standard error, exit code 1."""

    def show(self, file: object = None) -> None:
        click.echo(f"plumbline: {self.format_message()}", err=True)


@dataclass(frozen=True)
class Place:
    """An environment and where it and its state are found."""

    environment: str
    source: Source
    store: Store


def place(what: str, state: str | None) -> Place:
    """What the user named: a desired-state file, or an environment in the state bucket.

    Raises `DesiredStateError` for a broken file, `CliError` if there is no such thing.
    """
    store = open_store(state)
    path = Path(what)
    if path.is_file():
        environment = load(path.read_bytes(), what)
        return Place(environment.name, FileSource(path), store)
    if path.suffix in (".yaml", ".yml") or "/" in what:
        raise CliError(f"{what}: no such file")
    return Place(what, StoreSource(store), store)


def open_store(state: str | None) -> Store:
    """The state's place, from `--state` or the environment variable."""
    where = state or os.environ.get("PLUMBLINE_STATE") or ".plumbline"
    if not where.startswith("s3://"):
        return DirectoryStore(Path(where))
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    client = session().create_client("s3")
    return S3Store(client, bucket, f"{prefix.rstrip('/')}/" if prefix else "")


def session() -> botocore.session.Session:
    """A session by the standard AWS settings: profile, credentials, region, endpoints."""
    found = botocore.session.Session()
    if not found.get_config_variable("region"):
        raise CliError("no AWS region: set AWS_DEFAULT_REGION or a region in your AWS profile")
    return found


def connector() -> Callable[[Callable[[str], None] | None], Aws]:
    """Makes the door to AWS for each pass; asks once whose account it is."""
    core = session()
    try:
        if core.get_credentials() is None:
            raise CliError("no AWS credentials: set AWS_PROFILE, or run `aws configure`")
        account = core.create_client("sts").get_caller_identity()["Account"]
    except (ClientError, BotoCoreError) as error:
        raise CliError(f"AWS does not take these credentials: {error}") from None
    region = core.get_config_variable("region")
    share = float(os.environ.get("PLUMBLINE_RATE_SHARE", "1"))
    aws = Aws(core, region=region, account=account, budget=Budget(share))
    return aws.fresh


def tools(found: Place, progress: Progress | None = None) -> Tools:
    """The tools of a pass made by a person."""
    holder = f"{os.environ.get('USER', 'someone')}@{socket.gethostname()} (pid {os.getpid()})"
    made = Tools(found.store, found.source, connector(), holder)
    return Tools(**{**made.__dict__, "progress": progress}) if progress else made


__all__ = ["API_VERSION", "STATE_HELP", "CliError", "Place", "open_store", "place", "tools"]
