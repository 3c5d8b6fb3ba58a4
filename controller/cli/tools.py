"""What commands that talk to AWS share: credentials, the state's place, a pass's tools."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import botocore.session
import click
from botocore.exceptions import BotoCoreError, ClientError

from controller import sessions
from controller.aws import Aws
from controller.cli.files import load_file
from controller.cli.main import Failed
from controller.lease import Held
from controller.manifest import DesiredStateError
from controller.rates import Budget
from controller.reconciler import Progress, Report, Tools, WrongPlace, reconcile
from controller.sources import FileSource, Source, StoreSource
from controller.store import Conflict, DirectoryStore, S3Store, Store, StoreFailure

STATE_HELP = (
    "Where lease, inventory and status live: s3://bucket[/prefix] or a directory "
    "[env PLUMBLINE_STATE; default .plumbline]"
)


state_option = click.option("--state", metavar="PLACE", help=STATE_HELP)


@dataclass(frozen=True)
class Place:
    """An environment and where it and its state are found."""

    environment: str
    source: Source
    store: Store


def place(what: str, state: str | None) -> Place:
    """What the user named: a desired-state file, or an environment in the state bucket.

    Raises `Failed` for a broken file, or if there is no such thing.
    """
    name = environment_name(what)
    store = open_store(state)
    path = Path(what)
    return Place(name, FileSource(path) if path.is_file() else StoreSource(store), store)


def environment_name(what: str) -> str:
    """The environment meant: its name, or a file that declares it. Raises `Failed`."""
    path = Path(what)
    if path.is_file() or path.suffix in (".yaml", ".yml") or "/" in what:
        try:
            return load_file(path).name
        except DesiredStateError as error:
            raise Failed(str(error)) from None
    return what


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
    found = sessions.session()
    if not found.get_config_variable("region"):
        raise Failed("no AWS region: set AWS_DEFAULT_REGION or a region in your AWS profile")
    return found


def connector() -> Callable[[Callable[[str], None] | None], Aws]:
    """Makes the door to AWS for each pass; asks once whose account it is."""
    core = session()
    try:
        if core.get_credentials() is None:
            raise Failed("no AWS credentials: set AWS_PROFILE, or run `aws configure`")
        account = core.create_client("sts").get_caller_identity()["Account"]
    except (ClientError, BotoCoreError) as error:
        raise Failed(f"AWS can't be asked whose account this is: {error}") from None
    region = core.get_config_variable("region")
    share = float(os.environ.get("PLUMBLINE_RATE_SHARE", "1"))
    aws = Aws(core, region=region, account=account, budget=Budget(share))
    return aws.fresh


def tools(found: Place, progress: Progress | None = None) -> Tools:
    """The tools of a pass made by a person."""
    holder = f"{os.environ.get('USER', 'someone')}@{socket.gethostname()} (pid {os.getpid()})"
    made = Tools(found.store, found.source, connector(), holder, may_start=False)
    return replace(made, progress=progress) if progress else made


def make_pass(environment: str, kit: Tools, *, write: bool) -> Report:
    """One pass. Raises `Failed` where another pass or the state's place stands in the way."""
    try:
        return reconcile(environment, kit, write=write)
    except Held as held:
        raise Failed(str(held)) from None
    except WrongPlace as error:
        raise Failed(str(error)) from None
    except (StoreFailure, Conflict) as error:
        raise Failed(f"state: {error}") from None


def one_pass(what: str, state: str | None) -> Report:
    """One pass that writes nothing, over what the user named. Raises `Failed`."""
    found = place(what, state)
    return make_pass(found.environment, tools(found), write=False)
