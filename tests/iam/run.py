"""The calls of a whole run, and what IAM is asked for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controller.assess import assess
from controller.handler import Action, Present
from controller.inventory import Record
from controller.kinds import KINDS, handler_for
from controller.plan import plan
from sandbox.world import CallRecord
from tests.fidelity.updates.moves import moves
from tests.fidelity.updates.outcomes import NOW, settled
from tests.iam.asked import AT, asked
from tests.iam.evaluate import Request
from tests.permissions import ACCOUNT
from tests.plane import PLUMBLINE, Plane, sample, small

REGISTRY = """\
apiVersion: plumbline.dev/v1
kind: Registry
spec:
  default: {{account: "{account}", region: us-east-1, mode: enforce}}
  environments:
    kept: {{account: "{account}", region: us-east-1, mode: enforce, source: parameterStore}}
"""


@dataclass(frozen=True)
class Call:
    """One call: what was, or would be, sent to AWS."""

    service: str
    operation: str
    params: str

    @classmethod
    def of(cls, service: str, operation: str, params: Any, account: str) -> Call:
        """Of any account, which becomes the templates'."""
        text = json.dumps(params, default=str, sort_keys=True).replace(account, ACCOUNT)
        return cls(service, operation, text)

    @property
    def asks(self) -> list[Request]:
        """What IAM is asked."""
        return asked(self.service, self.operation, json.loads(self.params))


def requests(calls: Iterable[Call]) -> set[Request]:
    """All that IAM is asked for them, each thing once."""
    return {request for call in set(calls) for request in call.asks}


def passes() -> Iterator[Call]:
    """Of an environment with rich manifests of all kinds: made from nothing and brought to rest;
    then every field moved each way, and everything deleted, as far as the plan."""
    bench = settled()
    account = bench.world.account
    for call in bench.world.calls:
        if call.access_key == PLUMBLINE:
            yield Call.of(call.service, call.operation, call.params, account)
    for action in _planned():
        yield Call.of(action.service, action.operation, action.params, account)


def _planned() -> Iterator[Action]:
    seen = dict(settled().reports[-1].assessments)
    for kind in KINDS:
        handler, done = handler_for(kind), set()
        subjects = [it for key, it in sorted(seen.items()) if key.startswith(f"{kind}/full")]
        for move in moves(kind, subjects):
            way = (*re.split(r"[.\[]", move.field)[:2], move.how)
            if way in done:
                continue
            done.add(way)
            was = move.seen
            target = replace(was.target, spec=move.spec, tags=move.spec.get("tags", {}))
            record = Record(last=was.target.spec, identity=was.identity, physical=target.name)
            now = assess(was.resource, target, handler, was.observation, record, now=NOW)
            for step in plan([now], []).steps:
                yield _registered(step.action, target.name)
        for it in subjects:
            assert isinstance(it.observation, Present)
            yield from handler.delete(it.target, it.observation)


def _registered(action: Action, family: str) -> Action:
    """With the revision that the action before it would have made."""
    arn = f"arn:aws:ecs:{AT}:task-definition/{family}:1"
    text = json.dumps(action.params, default=str).replace("${self.taskDefinitionArn}", arn)
    return replace(action, params=json.loads(text))


def control_plane(plane: Plane, patch: pytest.MonkeyPatch) -> dict[str, list[Call]]:
    """Function → the calls that it makes under its own role: two environments, one of them kept in
    Parameter Store, made, tampered with, healed, broken, paused by an upload."""
    found: dict[str, list[Call]] = {}
    log, call = plane.world.calls, plane._call

    def noted(module: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
        before = len(log)
        result = call(module, name, event)
        found.setdefault(name, []).extend(_own(plane, log[before:]))
        return result

    patch.setattr(plane, "_call", noted)
    text = REGISTRY.format(account=plane.world.account)
    plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=text.encode())
    ssm = plane.aws.client("ssm")
    kept = small("kept", interval="1m")
    ssm.put_parameter(Name="/plumbline/environments/kept", Value=kept, Type="String")
    plane.upload(small(interval="1m"))
    plane.drain()
    plane.converge("shop", "kept")
    plane.tamper()
    for _ in range(2):  # EventBridge may say it twice
        plane.change(sample("cloudtrail-put-retention-policy"))
    plane.drain()
    plane.upload("broken")
    plane.drain()
    plane.tick()
    return found


def _own(plane: Plane, calls: Iterable[CallRecord]) -> Iterator[Call]:
    """What was called under the function's own role, with the templates' names."""
    for each in calls:
        if each.access_key == PLUMBLINE and each.service == "s3":  # which the sandbox logs raw
            listed = "list-type=2" in each.params["Query"]
            operation = "ListObjectsV2" if listed else f"{each.operation}Object"
            where = {} if listed else {"Key": each.params["Key"].removeprefix("/")}
            yield Call.of("s3", operation, {"Bucket": "state", **where}, plane.world.account)
        elif each.access_key == PLUMBLINE:
            yield Call.of(each.service, each.operation, each.params, plane.world.account)
