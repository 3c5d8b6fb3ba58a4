"""A file of cases: replies of AWS, what it makes of them by itself, and a real change.

A list of

    id        names the case
    kind      of the resource
    source    the page that says so
    says      what it says
    replies   {SERVICE/OPERATION: reply in botocore's shape}: timestamps as ISO text, blobs base64
    echo      [{reply: SERVICE/OPERATION, path: 'services[0].runningCount', value: …}]: no drift.
              `remove: true` instead of a value takes out what is there
    change    the same: exactly one field differs
    names     words of which at least one stands in that field's path
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from botocore.model import Shape

from controller.kinds import KINDS
from tests.fidelity.corpus.shapes import contradictions, output_shape, parsed, services_of

Doc = dict[str, Any]
Steps = tuple[str | int, ...]
_STEP = re.compile(r"""\[(?P<at>\d+)\]|\[(?P<q>["'])(?P<key>.*?)(?P=q)\]|\.?(?P<name>[^.\[\]]+)""")


class Contradiction(Exception):
    """Why a case says nothing: AWS's model does not allow what it shows, or it changes nothing."""


@dataclass(frozen=True)
class Edit:
    """One change of a reply. remove: take out what is there."""

    call: str
    steps: Steps
    value: Any = None
    remove: bool = False

    def __str__(self) -> str:
        where = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.steps)
        what = "removed" if self.remove else f"= {self.value!r}"
        return f"{self.call} {where.lstrip('.')} {what}"


@dataclass(frozen=True)
class Case:
    """One case. replies: by `service:Operation`, as written."""

    id: str
    kind: str
    source: str
    says: str
    replies: Mapping[str, Doc]
    echo: tuple[Edit, ...]
    change: tuple[Edit, ...]
    names: tuple[str, ...]

    def shown(self, edits: Sequence[Edit] = ()) -> dict[str, Doc]:
        """The replies with edits made, as botocore's parser gives them. Raises `Contradiction`."""
        replies = {call: copy.deepcopy(reply) for call, reply in self.replies.items()}
        for edit in edits:
            replies[edit.call] = _edited(replies.get(edit.call, {}), edit.steps, edit)
        return {call: _typed(call, reply) for call, reply in replies.items()}


class _Plain(yaml.SafeLoader):
    """YAML in which a time is text, as the format has it."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> list[Case]:
    """All cases of a file."""
    entries = yaml.load(path.read_text(encoding="utf-8"), Loader=_Plain)
    return [_case(entry) for entry in entries]


def _case(entry: Mapping[str, Any]) -> Case:
    kinds = {kind.lower(): kind for kind in KINDS}
    return Case(
        str(entry["id"]), kinds[str(entry["kind"]).lower()], str(entry.get("source", "")),
        str(entry.get("says", "")), {_call(k): v for k, v in entry["replies"].items()},
        tuple(_edits(entry.get("echo"))), tuple(_edits(entry.get("change"))),
        tuple(str(name) for name in entry["names"]),
    )  # fmt: skip


def _call(name: str) -> str:
    service, _, operation = name.replace(":", "/").partition("/")
    return f"{services_of(service)[0]}:{operation}"


def _edits(entries: Sequence[Mapping[str, Any]] | None) -> Iterator[Edit]:
    for entry in entries or ():
        steps = tuple(_steps(str(entry["path"])))
        yield Edit(_call(entry["reply"]), steps, entry.get("value"), bool(entry.get("remove")))


def _steps(path: str) -> Iterator[str | int]:
    for found in _STEP.finditer(path.removeprefix("$")):
        if found["at"] is not None:
            yield int(found["at"])
        else:
            yield found["key"] if found["key"] is not None else found["name"]


def _edited(value: Any, steps: Steps, edit: Edit) -> Any:
    """The value with the edit made; what is on the way and not there is made."""
    if not steps:
        return copy.deepcopy(edit.value)
    head, *rest = steps
    if value is None:
        value = [] if isinstance(head, int) else {}
    if isinstance(head, int) != isinstance(value, list):
        raise Contradiction(f"{edit}: there is no {head!r} in {type(value).__name__}")
    there = head < len(value) if isinstance(head, int) else head in value
    if edit.remove and not there:
        raise Contradiction(f"{edit}: nothing is there")
    if edit.remove and not rest:
        del value[head]
    elif isinstance(head, int) and not there:
        if head != len(value):
            raise Contradiction(f"{edit}: the list has {len(value)} entries")
        value.append(_edited(None, tuple(rest), edit))
    else:
        value[head] = _edited(value[head] if there else None, tuple(rest), edit)
    return value


def _typed(call: str, reply: Any) -> Doc:
    """As botocore's parser gives it."""
    shape = output_shape(*call.split(":"))
    if shape is None:
        raise Contradiction(f"{call}: there is no such operation")
    timed = _timed(shape, reply)
    if wrong := next(contradictions(shape, timed), ""):
        raise Contradiction(f"{call}: {wrong}")
    found: Doc = parsed(shape, timed)
    return found


def _timed(shape: Shape, value: Any) -> Any:
    """With times for their texts."""
    if shape.type_name == "timestamp":
        return _time(value)
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            name: _timed(shape.members[name], inner) if name in shape.members else inner
            for name, inner in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_timed(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _timed(shape.value, item) for key, item in value.items()}
    return value


def _time(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value
