"""What commands that talk to AWS share: credentials, the state's place, a pass's tools."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import botocore.session
import click
from botocore.exceptions import BotoCoreError, ClientError

from controller import sessions
from controller.aws import Aws
from controller.cli.deployed import Deployed, find
from controller.cli.files import load_file
from controller.cli.main import Failed
from controller.lease import Held
from controller.manifest import DesiredStateError
from controller.rates import Budget
from controller.reconciler import Progress, Report, Tools, WrongPlace, reconcile
from controller.registry import Binding
from controller.sources import FileSource, Source, StoreSource
from controller.store import Conflict, DirectoryStore, S3Store, Store, StoreFailure

STATE_HELP = (
    "Where lease, inventory and status live: s3://bucket[/prefix] or a directory "
    "[env PLUMBLINE_STATE; default .plumbline]"
)
STACK_HELP = "The control plane whose state it is, by its stack's name [env PLUMBLINE_STACK]"

STACK = "plumbline"
_CHOSEN, _FOUND = "plumbline.stack", "plumbline.deployed"


def _choose(context: click.Context, _option: click.Parameter, stack: str | None) -> None:
    context.meta[_CHOSEN] = stack


stack_option = click.option(
    "--stack", metavar="NAME", expose_value=False, callback=_choose, help=STACK_HELP
)


def state_option(command: Any) -> Any:
    """`--state`, or `--stack` in its place."""
    return click.option("--state", metavar="PLACE", help=STATE_HELP)(stack_option(command))


@dataclass(frozen=True)
class Place:
    """An environment and where it and its state are found.

    binding: what the registry of a deployed control plane says. Without one: the credentials' own
    account and region, and whatever mode the file says.
    """

    environment: str
    source: Source
    store: Store
    binding: Binding | None = None


def place(what: str, state: str | None) -> Place:
    """What the user named: a desired-state file, or an environment in the state bucket.

    Raises `Failed` for a broken file, or if there is no such thing.
    """
    name = environment_name(what)
    path = Path(what)
    file = FileSource(path) if path.is_file() else None
    plane = deployed(state)
    if plane is None:
        store = open_store(state)
        return Place(name, file or StoreSource(store), store)
    binding = plane.binding(name)
    return Place(name, file or plane.source(name, binding), plane.store, binding)


def environment_name(what: str) -> str:
    """The environment meant: its name, or a file that declares it. Raises `Failed`."""
    path = Path(what)
    if path.is_file() or path.suffix in (".yaml", ".yml") or "/" in what:
        try:
            return load_file(path).name
        except DesiredStateError as error:
            raise Failed(str(error)) from None
    return what


def deployed(state: str | None) -> Deployed | None:
    """The control plane that is named, by `--stack` or the environment variable; None if a state is
    named, or nothing. Raises `Failed`."""
    context = click.get_current_context(silent=True)
    meta = context.meta if context else {}
    stack = meta.get(_CHOSEN)
    if state and stack:
        raise click.UsageError("--state and --stack: name one of them")
    if not stack and not state and not os.environ.get("PLUMBLINE_STATE"):
        stack = os.environ.get("PLUMBLINE_STACK")
    return _find(stack) if stack else None


def control_plane() -> Deployed:
    """The control plane that is named, or the one of the name that the guide gives it. Raises
    `Failed`."""
    stack = click.get_current_context().meta.get(_CHOSEN)
    return _find(stack or os.environ.get("PLUMBLINE_STACK") or STACK)


def _find(stack: str) -> Deployed:
    """Asked once a command."""
    context = click.get_current_context(silent=True)
    meta = context.meta if context else {}
    if _FOUND not in meta:
        meta[_FOUND] = find(session(), stack)
    found: Deployed = meta[_FOUND]
    return found


def open_store(state: str | None) -> Store:
    """The state's place, from `--state`, `--stack` or the environment variables."""
    if plane := deployed(state):
        return plane.store
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


def connector(region: str = "") -> Callable[[Callable[[str], None] | None], Aws]:
    """Makes the door to AWS for each pass; asks once whose account it is. region: the credentials'
    own by default."""
    core = session()
    try:
        if core.get_credentials() is None:
            raise Failed("no AWS credentials: set AWS_PROFILE, or run `aws configure`")
        account = core.create_client("sts").get_caller_identity()["Account"]
    except (ClientError, BotoCoreError) as error:
        raise Failed(f"AWS can't be asked whose account this is: {error}") from None
    region = region or core.get_config_variable("region")
    share = float(os.environ.get("PLUMBLINE_RATE_SHARE", "1"))
    aws = Aws(core, region=region, account=account, budget=Budget(share))
    return aws.fresh


def tools(found: Place, progress: Progress | None = None) -> Tools:
    """The tools of a pass made by a person."""
    holder = f"{os.environ.get('USER', 'someone')}@{socket.gethostname()} (pid {os.getpid()})"
    bound = found.binding
    door = connector(bound.region if bound else "")
    if bound and bound.account != (here := door(None).account):
        raise Failed(f"{found.environment} lives in account {bound.account}, these credentials are "
                     f"for {here}")  # fmt: skip
    mode = bound.mode if bound else "enforce"
    made = Tools(found.store, found.source, door, holder, highest_mode=mode, may_start=False)
    return replace(made, progress=progress) if progress else made


def make_pass(environment: str, kit: Tools, *, write: bool) -> Report:
    """One pass. Raises `Failed` where another pass or the state's place stands in the way."""
    with failing():
        return reconcile(environment, kit, write=write)


@contextmanager
def failing(*, wait: bool = False) -> Iterator[None]:
    """What keeps a pass from being made, as `Failed`. wait: another pass, as `Held`."""
    try:
        yield
    except Held as held:
        if wait:
            raise
        raise Failed(str(held)) from None
    except WrongPlace as error:
        raise Failed(str(error)) from None
    except (StoreFailure, Conflict) as error:
        raise Failed(f"state: {error}") from None


def one_pass(what: str, state: str | None) -> Report:
    """One pass that writes nothing, over what the user named. Raises `Failed`."""
    found = place(what, state)
    return make_pass(found.environment, tools(found), write=False)
