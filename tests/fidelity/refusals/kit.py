"""One refusal of AWS, as a row: what is asked, what AWS answers, and who says so first.

A file of this folder lists them and hands each to `check`:

    REFUSALS = (Refusal("rds:ModifyDBInstance", "storage can't shrink", …), …)

    @pytest.mark.parametrize("refusal", REFUSALS, ids=str)
    def test_refused(refusal, world): check(refusal, world)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from controller.manifest import DesiredStateError, load
from sandbox.inprocess import session
from sandbox.world import World
from tests.harness import environment, resource

Given = Callable[[boto3.Session, World], Mapping[str, Any]]
"""Makes what must be there before, and returns what the request is to hold besides."""


@dataclass(frozen=True)
class Refusal:
    """One thing that AWS rejects.

    call: `service:Operation`, as in `Handler.writes`. why: what is wrong, in a few words. request:
    the parameters; given: makes the state before the call and returns further parameters. code:
    AWS's error code; says: a regular expression that its message meets. source: AWS's page.
    at_load: (kind, spec in flow style without its braces, what the message says) of a file that
    `plumbline validate` refuses for the same reason; or else only_aws_knows: why no file can tell.
    """

    call: str
    why: str
    request: Mapping[str, Any]
    code: str
    source: str
    says: str = ""
    given: Given | None = None
    at_load: tuple[str, str, str] | None = None
    only_aws_knows: str = ""

    def __str__(self) -> str:
        return f"{self.call} {self.why}"


_AS_IT_IS = Config(parameter_validation=False)
"""AWS is to refuse, and not botocore before it."""
_HELD: dict[str, Any] = {}
"""The world that was used last, its session and clients: many rows are judged on one world."""


def session_of(world: World) -> boto3.Session:
    """A session of that world, the same as last time if it is the same world."""
    if _HELD.get("world") is not world:
        _HELD.clear()
        _HELD.update(world=world, session=session(world))
    found: boto3.Session = _HELD["session"]
    return found


def check(refusal: Refusal, world: World) -> None:
    """The sandbox refuses it as AWS does and changes nothing; so does a file, where it can."""
    world.max_lag = timedelta(0)
    aws = session_of(world)
    request = dict(refusal.request)
    if refusal.given is not None:
        request |= refusal.given(aws, world)
    service, _, operation = refusal.call.partition(":")
    if service not in _HELD:
        _HELD[service] = aws.client(service, config=_AS_IT_IS)
    client = _HELD[service]
    with pytest.raises(ClientError, match=refusal.says or None) as caught:
        getattr(client, xform_name(operation))(**request)
    assert caught.value.response["Error"]["Code"] == refusal.code
    assert refusal.source.startswith("https://docs.aws.amazon.com/")
    assert bool(refusal.at_load) != bool(refusal.only_aws_knows), "one of the two"
    if refusal.at_load is not None:
        kind, spec, message = refusal.at_load
        secret = resource("Secret", "db", "generate: {length: 20}")
        written = environment(secret, resource(kind, "main", spec)).encode()
        with pytest.raises(DesiredStateError, match=message):
            load(written, "refusal.yaml")
