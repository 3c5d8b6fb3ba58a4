"""Spec paths, and what stands at them: a type with all that is said about it.

A path is written as in `tests/unit/members`: dotted, `*` for any entry of a map or list, and
`(the key)` for the keys of a map. Unlike `controller.fields` it leads into parts that are compared
as a whole, and keeps what a type's `Annotated` says, so that values can be tried on it.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from controller.kindlib.whole import Whole
from controller.kinds import handler_for
from controller.policies import Policy
from controller.spec import Spec, text

KEY = " (the key)"
NAME = "metadata.name"


@dataclass(frozen=True)
class Place:
    """What stands at a path. at: the same by the model it is in, however one got there. above:
    what it is in, outermost first. owner: the model it is a member of."""

    path: str
    at: str
    annotation: Any
    info: FieldInfo | None = None
    above: tuple[Place, ...] = ()
    owner: type[BaseModel] | None = None

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """The policies written at it, in whatever arm of a union."""
        return tuple(m for m in marks(self.annotation) if isinstance(m, Policy))

    def policy(self, of: type, *, inherited: bool = False) -> Any:
        """Its policy of that class; inherited: or of something it is in."""
        for place in (self, *reversed(self.above)) if inherited else (self,):
            for policy in place.policies:
                if isinstance(policy, of):
                    return policy
        return None

    @cached_property
    def choices(self) -> tuple[Any, ...]:
        """The values of its `Literal`, if it is one and nothing else."""
        kinds = list(arms(self.annotation))
        if all(get_origin(a) is Literal for a in kinds):
            return tuple(c for a in kinds for c in get_args(a))
        return ()

    @cached_property
    def sort(self) -> str:
        """text, number, whole number, switch, list, map, object; several joined by `or`."""
        return " or ".join(dict.fromkeys(_sort(a) for a in arms(self.annotation)))


def place(kind: str, path: str) -> Place | None:
    """What is at a path of a kind's spec; `metadata.name` is the physical name."""
    handler = handler_for(kind)
    if path == NAME:
        check = AfterValidator(text(handler.name_pattern))
        return Place(NAME, NAME, Annotated[str, check])
    keys = path.endswith(KEY)
    found: Place | None = root(kind)
    steps = path.removesuffix(KEY).split(".")
    for step in steps:
        found = _step(found, step) if found else None
    if found is None or not keys:
        return found
    for arm in arms(found.annotation):
        if get_origin(arm) is dict:
            return Place(path, found.at + KEY, get_args(arm)[0], None, (*found.above, found))
    return Place(path, found.at + KEY, str, None, (*found.above, found))  # a list aligned by key


def root(kind: str) -> Place:
    """The spec as a whole."""
    return Place("", "", handler_for(kind).spec)


@cache
def _model(arm: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in arm.model_fields.items()}


def _step(here: Place, step: str) -> Place | None:
    way = f"{here.path}.{step}" if here.path else step
    for arm in arms(here.annotation):
        origin = get_origin(arm)
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            if info := _model(arm).get(step):
                kind: Any = info.annotation
                for mark in reversed(info.metadata):
                    kind = Annotated[kind, mark]
                at = step if issubclass(arm, Spec) else f"{arm.__name__}.{step}"
                return Place(way, at, kind, info, (*here.above, here), arm)
        elif origin is list:
            item = get_args(arm)[0]
            entry = Place(f"{here.path}.*", f"{here.at}.*", item, None, (*here.above, here))
            found = entry if step == "*" else _step(entry, step)
            if found:
                return found
        elif origin is dict and step == "*":
            return Place(way, f"{here.at}.*", get_args(arm)[1], None, (*here.above, here))
    return None


def paths(kind: str) -> list[str]:
    """Every path of a kind's spec that something can be written at; a model inside itself once."""
    return list(_paths(root(kind), ()))


def _paths(here: Place, above: tuple[Any, ...]) -> Iterator[str]:
    for arm in arms(here.annotation):
        origin = get_origin(arm)
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            if arm in above:
                continue
            for name in _model(arm):
                found = _step(here, name)
                assert found
                yield found.path
                yield from _paths(found, (*above, arm))
        elif origin in (list, dict):
            found = _step(here, "*")
            assert found
            yield from _paths(found, above)


def arms(annotation: Any) -> Iterator[Any]:
    """The plain types of an annotation: unions opened, `Annotated` and `Whole` taken off."""
    origin = get_origin(annotation)
    if origin is Annotated:
        whole = [m for m in annotation.__metadata__ if isinstance(m, Whole)]
        yield from arms(whole[0].of() if whole else get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for arm in get_args(annotation):
            if arm is not type(None):
                yield from arms(arm)
    else:
        yield annotation


def marks(annotation: Any) -> Iterator[Any]:
    """All that `Annotated` says, of the whole and of the arms of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from annotation.__metadata__
        yield from marks(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for arm in get_args(annotation):
            yield from marks(arm)


def _sort(arm: Any) -> str:
    origin = get_origin(arm)
    if origin is Literal:
        return " or ".join(dict.fromkeys(_sort(type(c)) for c in get_args(arm)))
    if origin in (list, dict):
        return "list" if origin is list else "map"
    if isinstance(arm, type) and issubclass(arm, BaseModel):
        return "object"
    return {str: "text", bool: "switch", int: "whole number", float: "number"}.get(arm, "anything")
