"""What tests of single kinds share: recordings as botocore would have parsed them, and targets."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator

from controller.diff import Change, Views, diff
from controller.fields import fields_of
from controller.handler import Absent, Action, Handler, Present, Target
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.policies import Doc, Situation
from controller.references import escape

RECORDED = Path(__file__).parents[2] / "recorded"
ACCOUNT, REGION = "123456789012", "eu-central-1"


@cache
def service(name: str) -> Any:
    """botocore's model of a service."""
    return botocore.session.get_session().get_service_model(name)


def recorded(folder: str, api: str, operation: str, skip: Iterable[str] = ()) -> list[Any]:
    """(file name, reply) of every recording that does not contradict botocore's model."""
    shape = service(api).operation_model(operation).output_shape
    return [
        (path.name, parsed(shape, json.loads(path.read_text())))
        for path in sorted((RECORDED / folder / operation).glob("*.json"))
        if path.name not in set(skip)
    ]


def parsed(shape: Shape | None, value: Any) -> Any:
    """A recorded value as botocore's parser gives it: dates, bytes, no unknown members."""
    if isinstance(value, dict) and value.get("__class__") == "datetime":
        parts = {k: v for k, v in value.items() if k != "__class__"}
        return datetime(**parts, tzinfo=UTC)
    if shape is None:
        return value
    if shape.type_name == "structure":
        return {k: parsed(shape.members[k], v) for k, v in value.items() if k in shape.members}
    if shape.type_name == "list":
        return [parsed(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: parsed(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64decode(value)
    return value


def request_problems(action: Action) -> str:
    """What botocore's model says against an action's request; empty if nothing."""
    shape = service(action.service).operation_model(action.operation).input_shape
    made = {"generate", "observedAt", "seen", "WebACLArn"}
    volatile = {k: v for k, v in action.volatile.items() if k not in made}
    report = ParamValidator().validate(_filled({**action.params, **volatile}), shape)
    return str(report.generate_report()) if report.has_errors() else ""


def _filled(value: Any) -> Any:
    """References filled in with something long enough for anything."""
    if isinstance(value, dict):
        return {k: _filled(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v) for v in value]
    if isinstance(value, str) and value.startswith("${"):
        return "arn:aws:service:region:account:resource"
    return value


def target(handler: Handler, name: str, spec: Doc) -> Target:
    """A target whose spec went through the model, as the engine hands it over."""
    tags = {ENVIRONMENT_TAG: "test", RESOURCE_TAG: f"{handler.kind}/x"}
    doc = handler.spec.model_validate({**spec, "tags": {**spec.get("tags", {}), **tags}})
    dumped = doc.model_dump(by_alias=True, exclude_none=True)
    return Target(f"{handler.kind}/x", name, dumped, dumped["tags"], ACCOUNT, REGION)


def changes(handler: Handler, aim: Target, seen: Present, last: Doc | None = None) -> list[Change]:
    """What differs, as the engine finds it. Without `last`, it was applied just as desired."""
    live = escape(handler.to_spec(seen.doc))
    views = Views(
        aim.spec, live, aim.spec if last is None else last,
        handler.pending(seen.doc), handler.failed(seen.doc), seen.unknown,
        Situation(aim.spec, live, seen.doc, ACCOUNT, REGION),
    )  # fmt: skip
    return diff(fields_of(handler.spec), views)


def differing(found: Sequence[Change]) -> dict[str, tuple[Any, Any]]:
    """path → (now, wanted) of what is to be written."""
    return {c.path: (c.now, c.wanted) for c in found if c.cls in ("differs", "write_only_stale")}


def reported(found: Sequence[Change]) -> set[str]:
    """Paths of all that is reported at all."""
    return {c.path for c in found}


def planned(handler: Handler, aim: Target, seen: Present | Absent) -> list[Action]:
    """The plan, each request checked against botocore's model."""
    todo: list[Change] = []
    if isinstance(seen, Present):
        todo = [c for c in changes(handler, aim, seen) if c.cls in ("differs", "write_only_stale")]
        if not todo:
            return []
    actions = handler.plan(aim, seen, todo)
    for action in actions:
        assert not request_problems(action), request_problems(action)
    steps = [a.step for a in actions]
    assert len(set(steps)) == len(steps)
    assert all(set(a.after) <= set(steps) for a in actions)
    return actions
