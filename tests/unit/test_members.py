"""Every member of every request that creates or modifies: modelled, or listed with a reason.

`members/<service>.yaml`: operation → member (dotted) → the spec path that gives it (`metadata.name`
for the physical name; `(the key)` of a map), or `- reason` why it can't be declared. Botocore's
model is the whole of it: a member that a newer botocore brings fails this test until it is listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from botocore.session import Session
from pydantic import BaseModel

from controller.fields import Field, fields_of
from controller.kindlib.whole import Whole
from controller.kinds import KINDS, handler_for

FOLDER = Path(__file__).parent / "members"
NOT_MAKING = ("Delete", "Deregister", "Remove", "Reset", "Untag", "Disassociate")
"""Operations that neither create nor modify; they may be listed."""
LEAST = {
    "application-autoscaling": 93.7, "cloudformation": 11.3, "cloudwatch": 100.0, "ec2": 60.1,
    "ecs": 82.0, "elasticache": 74.6, "logs": 93.1, "rds": 67.6, "secretsmanager": 62.7,
    "sns": 50.0, "ssm": 73.0, "wafv2": 94.4,
}  # fmt: skip
"""Service → share of members that are modelled, in percent: may rise, never fall. (ecs: 90.0 before
`RunTask`, a sixth of it overrides and volumes, which `Task` refuses: what runs is what is
registered. logs: 93.7 before `PutMetricFilter`, whose list of exactly one stands flat.)"""


def makers() -> dict[str, dict[str, list[str]]]:
    """Service → operation that creates or modifies → kinds that call it."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind in KINDS:
        for name in handler_for(kind).writes:
            service, _, operation = name.partition(":")
            if not operation.startswith(NOT_MAKING):
                found.setdefault(service, {}).setdefault(operation, []).append(kind)
    return found


@cache
def listed(service: str) -> dict[str, dict[str, str]]:
    """The file of a service."""
    text = (FOLDER / f"{service}.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)
    return found


@cache
def known(service: str, operation: str) -> tuple[str, ...]:
    """Every member of the request in botocore's model, dotted; a shape inside itself once."""
    model = Session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    return tuple(_members(shape, "", ()))


def _members(shape: Any, path: str, above: tuple[str, ...]) -> Iterator[str]:
    if shape.type_name == "list":
        yield from _members(shape.member, path, above)
    elif shape.type_name == "map":
        yield from _members(shape.value, path, above)
    elif shape.type_name == "structure" and shape.name not in above:
        for name, member in shape.members.items():
            here = f"{path}.{name}" if path else name
            yield here
            yield from _members(member, here, (*above, shape.name))


services = pytest.mark.parametrize("service", sorted(makers()))


@services
def test_every_member_is_modelled_or_has_a_reason(service: str) -> None:
    said, problems, modelled, every = listed(service), [], 0, 0
    kinds: dict[str, list[int]] = {}
    for operation, callers in makers()[service].items():
        if operation not in said:
            problems.append(f"{operation} is not listed")
            continue
        for member in known(service, operation):
            way = _said_of(said[operation], member)
            if way is None:
                problems.append(f"{operation}: {member}")
                continue
            every += 1
            modelled += not way.startswith("-")
            for kind in callers:
                count = kinds.setdefault(kind, [0, 0])
                count[0] += not way.startswith("-")
                count[1] += 1
    assert not problems, f"{len(problems)} not listed:\n" + "\n".join(problems)
    share = 100 * modelled / every
    print(f"{service}: {modelled} of {every} members modelled ({share:.1f} %)")
    for kind, (some, all_of_it) in sorted(kinds.items()):
        print(f"  {kind}: {some} of {all_of_it}")
    assert share >= LEAST[service], "fewer members are modelled than there were"


def _said_of(said: dict[str, str], member: str) -> str | None:
    """What is said of a member: by itself, or by what it is a part of."""
    if member in said:
        return said[member]
    parts = member.split(".")
    for length in range(len(parts) - 1, 0, -1):
        above = said.get(".".join(parts[:length]))
        if above is not None:
            # Of what can't be declared no part can; a part compared as a whole speaks for its own.
            whole = above.startswith("-") or _whole(above)
            return above if whole else None
    return None


def _whole(path: str) -> bool:
    return any(_is_whole(kind, path) for kind in KINDS)


def _is_whole(kind: str, path: str) -> bool:
    found = _field(fields_of(handler_for(kind).spec), _plain(path))
    if not isinstance(found, Field):
        return found is not None  # inside of one
    held = found.item if found.item is not None else found
    return _of(found) is not None or held.annotation is Any


@services
def test_nothing_is_listed_that_is_not_there(service: str) -> None:
    writes = {n for kind in KINDS for n in handler_for(kind).writes}
    problems = []
    for operation, members in listed(service).items():
        if f"{service}:{operation}" not in writes:
            problems.append(f"{operation}: no kind calls it")
            continue
        kinds = [k for k in KINDS if f"{service}:{operation}" in handler_for(k).writes]
        there = set(known(service, operation))
        for member, said in members.items():
            if member not in there:
                problems.append(f"{operation}: botocore has no {member}")
            if said.startswith("-"):
                if not re.fullmatch(r"- .{3,}", said):
                    problems.append(f"{operation}.{member}: a reason, please")
            elif not any(_there(kind, said) for kind in kinds):
                problems.append(f"{operation}.{member}: no field {said} in {', '.join(kinds)}")
    assert not problems, "\n".join(problems)


def test_every_file_is_of_a_service_that_is_called() -> None:
    assert {f.stem for f in FOLDER.glob("*.yaml")} == set(makers())


def _plain(path: str) -> list[str]:
    return path.removesuffix(" (the key)").split(".")


def _there(kind: str, path: str) -> bool:
    if path == "metadata.name":
        return True
    return _field(fields_of(handler_for(kind).spec), _plain(path)) is not None


def _field(found: Any, steps: list[str]) -> Any:
    """What a spec path leads to, through parts that are compared as a whole too."""
    for step in steps:
        if not isinstance(found, Field):
            found = _inside(found, step)
        elif found.shape == "object":
            found = found.members.get(step)
        elif found.item is not None and found.item.annotation is Any and _of(found) is None:
            found = _inside(found.annotation, "*")
            found = found if step == "*" else _inside(found, step)
        elif found.item is not None and found.item.shape != "scalar" and step != "*":
            found = found.item.members.get(step)  # a list may be named without `*`
        elif step == "*" and found.item is not None:
            found = found.item
        else:
            found = _inside(_of(found), step)
        if found is None:
            return None
    return found


def _of(field: Field) -> Any:
    """The type of a part that is compared as a whole."""
    for source in (field.info.metadata if field.info else (), getattr(
        field.annotation, "__metadata__", ()
    )):  # fmt: skip
        for mark in source:
            if isinstance(mark, Whole):
                return mark.of()
    return None


def _inside(kind: Any, step: str) -> Any:
    """A member of a model, an entry of a list or map, of any arm of a union."""
    arms = get_args(kind) if get_origin(kind) in (Union, type(int | str)) else (kind,)
    for arm in arms:
        if get_origin(arm) is not None and hasattr(arm, "__metadata__"):
            marks = [m for m in arm.__metadata__ if isinstance(m, Whole)]
            inner = _inside(marks[0].of() if marks else get_args(arm)[0], step)
        elif isinstance(arm, type) and issubclass(arm, BaseModel):
            inner = next(
                (_held(f) for n, f in arm.model_fields.items() if (f.alias or n) == step), None
            )
        elif get_origin(arm) is list:
            held = get_args(arm)[0]
            inner = held if step == "*" else _inside(held, step)
        elif get_origin(arm) is dict:
            inner = get_args(arm)[1] if step == "*" else None
        else:
            inner = None
        if inner is not None:
            return inner
    return None


def _held(info: Any) -> Any:
    for mark in info.metadata:
        if isinstance(mark, Whole):
            return mark.of()
    return info.annotation
