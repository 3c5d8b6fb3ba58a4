"""What botocore's models say: requests that create and modify, and what is shown of them after.

Which member stands for which field is in `tests/unit/members`; inside of parts that are listed as a
whole, a member is ours of the same name, or what `names/<service>.yaml` says (`.`: the same place).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from botocore.session import Session

from tests.fidelity.schemas.places import KEY, NAME, place
from tests.fidelity.schemas.said import Said, camel, plain, read
from tests.unit.test_members import listed, makers

MAKING = ("Create", "Register", "PutMetricAlarm", "PutScalingPolicy")
"""How operations begin that make what was not there."""
NAMING = ("Create", "RegisterTaskDefinition", "PutMetricAlarm")
"""Those that give the resource its name."""
SORTS = {
    "string": "text", "integer": "whole number", "long": "whole number", "float": "number",
    "double": "number", "boolean": "switch", "list": "list", "map": "map", "structure": "object",
    "timestamp": "timestamp", "blob": "bytes",
}  # fmt: skip


@cache
def model(service: str) -> Any:
    """botocore's model of a service."""
    return _session().get_service_model(service)


@cache
def deprecated(service: str) -> frozenset[str]:
    """Members that botocore's model marks so; its `Shape` does not tell."""
    described = _session().get_component("data_loader").load_service_model(service, "service-2")
    shapes = described["shapes"]
    return frozenset(
        f"{name}.{member}"
        for name, shape in shapes.items()
        for member, ref in shape.get("members", {}).items()
        if ref.get("deprecated") or shapes[ref["shape"]].get("deprecated")
    )


@cache
def _session() -> Session:
    return Session()


def inner(shape: Any) -> Any:
    """What a list or map holds, at any depth."""
    while shape.type_name in ("list", "map"):
        shape = shape.member if shape.type_name == "list" else shape.value
    return shape


@dataclass(frozen=True)
class Member:
    """A member of a request. at: where AWS defines it. path: None for one that is not modelled.

    lost: nothing says what it is to us. token: it makes a call idempotent.
    """

    service: str
    operation: str
    way: str
    at: str
    shape: Any
    needed: bool
    path: str | None
    wrapped: bool = False
    lost: bool = False
    token: bool = False
    deprecated: bool = False


@cache
def members(kind: str) -> tuple[Member, ...]:
    """Every member of every request that makes or changes a resource of the kind."""
    found: list[Member] = []
    for service, operations in makers().items():
        for operation, callers in operations.items():
            if kind in callers:
                shape = model(service).operation_model(operation).input_shape
                found += _below(kind, service, operation, shape, "", "", ())
    return tuple(found)


def _below(
    kind: str, service: str, operation: str, shape: Any, way: str, path: str | None,
    above: tuple[str, ...],
) -> Iterator[Member]:  # fmt: skip
    holder = inner(shape)
    if holder.type_name != "structure" or holder.name in above:
        return
    said = listed(service)[operation]
    for name, member in holder.members.items():
        here = f"{way}.{name}" if way else name
        at = f"{holder.name}.{name}"
        lost = False
        if here in said:
            leads = None if said[here].startswith("- ") else said[here]
            if leads is not None and place(kind, leads) is None:
                continue  # another kind's: the call is shared
        elif path is None:
            leads = None
        else:
            leads = _inside(kind, service, path, at, name)
            lost = leads is None and at not in read("names", service)
        needed = name in holder.required_members
        wrapped = bool(way) and leads == path
        yield Member(
            service, operation, here, at, member, needed, leads, wrapped, lost,
            bool(member.metadata.get("idempotencyToken")), at in deprecated(service),
        )  # fmt: skip
        down = (*above, holder.name)
        yield from _below(kind, service, operation, member, here, leads, down)


def _inside(kind: str, service: str, path: str, at: str, name: str) -> str | None:
    """The path of a member of what stands at `path`."""
    way = read("names", service).get(at, camel(name))
    if way.startswith("- "):
        return None
    if way == ".":
        return path
    for found in (f"{path}.{way}", f"{path}.*.{way}"):
        if place(kind, found):
            return found
    return None


@cache
def said(kind: str) -> tuple[Said, ...]:
    """What the requests say of the fields they carry."""
    found = []
    for member in members(kind):
        if member.path is None or not _of_it(member):
            continue
        spot = place(kind, member.path)
        assert spot
        source = f"{member.service}:{member.operation}.{member.way}"
        shape, path = member.shape, member.path
        one = _one(kind, path, spot.at, source, shape, member.needed and _making(member))
        found.append(replace(
            one, wrapped=member.wrapped, token=member.token, deprecated=member.deprecated
        ))  # fmt: skip
        if shape.type_name == "list" and shape.member.type_name not in ("structure", "list"):
            entry = place(kind, f"{path}.*")
            if entry:
                found.append(_one(kind, entry.path, entry.at, f"{source}[]", shape.member, False))
        if shape.type_name == "map":
            for part, end in ((shape.key, KEY), (shape.value, ".*")):
                held = place(kind, path + end)
                if held and part.type_name not in ("structure", "list"):
                    found.append(_one(kind, held.path, held.at, f"{source}[]", part, False))
    return tuple(found)


def _of_it(member: Member) -> bool:
    """False where a request only refers to the resource by its name or ARN."""
    return member.path != NAME or member.operation.startswith(NAMING)


def _making(member: Member) -> bool:
    """False for what only a change needs: the field may be left out, and the call with it."""
    return "." in member.way or member.operation.startswith(MAKING)


def _one(kind: str, path: str, at: str, source: str, shape: Any, needed: bool) -> Said:
    meta = shape.metadata
    return Said(
        kind, path, source, at, SORTS[shape.type_name], tuple(meta.get("enum", ())),
        meta.get("min"), meta.get("max"), meta.get("pattern", ""), None, needed,
        hidden=bool(meta.get("sensitive")), text=plain(shape.documentation),
    )  # fmt: skip
