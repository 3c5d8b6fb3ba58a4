"""The leaves of a desired document: everything in it that can be changed on its own.

Generated from the spec models by the same field tree that the diff walks. Four deeds: `other` (the
value is another one), `gone` (an entry of a map is taken away), `fewer` (one of a list), `more`
(one is added).
"""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from controller.diff import Entry, Part, render
from controller.fields import Field, fields_of
from controller.kinds import handler_for
from controller.policies import ActionOption, Keyed, Unordered

Deed = Literal["other", "gone", "fewer", "more"]
Step = str | int


@dataclass(frozen=True)
class Leaf:
    """One thing to change.

    parts: the path by which the diff must name it. steps: the way to it in the document. value:
    what the document says there. general: the path with `[*]` for entries: a field of the model.
    """

    parts: tuple[Part, ...]
    steps: tuple[Step, ...]
    field: Field
    value: Any
    deed: Deed
    general: str

    @property
    def path(self) -> str:
        """As the diff renders it."""
        return render(self.parts)

    @property
    def rekeyed(self) -> bool:
        """True if it is part of what its entry is aligned by: another one is another entry."""
        last = self.parts[-1]
        return (
            self.deed == "other"
            and isinstance(last, Entry)
            and last.in_list
            and isinstance(self.steps[-1], str)
        )

    def named_by(self, path: str) -> bool:
        """True if a change of this path names it: its own, or a place inside a value that no model
        opens (`Any`), where the diff is more exact than the model."""
        inside = self.field.shape == "scalar" or (
            self.field.item is not None and self.field.item.shape == "scalar"
        )
        return path == self.path or (inside and path.startswith((f"{self.path}.", f"{self.path}[")))

    def __str__(self) -> str:
        if self.rekeyed:
            return f"{self.path} ({self.steps[-1]})"
        return self.path if self.deed == "other" else f"{self.path} {self.deed}"


def model_leaves(kind: str) -> dict[str, Field]:
    """Every field of a kind's model that a difference can be in, by general path."""
    return dict(_of_model(fields_of(handler_for(kind).spec), ""))


def _of_model(field: Field, path: str) -> Iterator[tuple[str, Field]]:
    if field.policy(ActionOption):
        return
    if field.shape == "object":
        for name, member in field.members.items():
            yield from _of_model(member, f"{path}.{name}" if path else name)
    elif _holds_objects(field) and field.item is not None:
        yield f"{path}[*]", field.item  # an entry as such: added, or gone
        yield from _of_model(field.item, f"{path}[*]")
    elif field.shape == "map" and field.item is not None and field.item.shape != "scalar":
        yield f"{path}[*]", field.item
    else:
        yield path, field


def leaves(kind: str, doc: dict[str, Any]) -> list[Leaf]:
    """All leaves of a desired document."""
    return list(_walk(fields_of(handler_for(kind).spec), doc, (), (), ""))


def _holds_objects(field: Field) -> bool:
    return field.item is not None and field.item.shape == "object"


def _keys(field: Field) -> tuple[str, ...]:
    policy = field.policy(Unordered)
    return policy.key if policy else ()


def _key_of(item: Any, keys: tuple[str, ...]) -> str:
    return "/".join(str(item[k]) for k in keys if item.get(k) is not None)


def _walk(
    field: Field, value: Any, parts: tuple[Part, ...], steps: tuple[Step, ...], general: str
) -> Iterator[Leaf]:
    if field.policy(ActionOption) or value is None:
        return
    if field.shape == "object" and isinstance(value, dict):
        for name, member in field.members.items():
            if name in value:
                path = f"{general}.{name}" if general else name
                yield from _walk(member, value[name], (*parts, name), (*steps, name), path)
        return
    if field.shape == "map" and isinstance(value, dict) and field.item is not None:
        inside = general if field.item.shape == "scalar" else f"{general}[*]"
        for key, item in value.items():
            here, way = (*parts, Entry(key)), (*steps, key)
            if field.item.shape == "object":
                yield from _walk(field.item, item, here, way, inside)
            else:
                yield Leaf(here, way, field.item, item, "other", inside)
        if value:
            key = next(iter(value))
            yield Leaf((*parts, Entry(key)), (*steps, key), field.item, value[key], "gone", inside)
        if not field.policy(Keyed):
            key = next((k for k in _choices(_key_type(field)) if k not in value), "another")
            yield Leaf((*parts, Entry(key)), (*steps, key), field.item, None, "more", inside)
        return
    if field.shape == "list" and _holds_objects(field) and field.item is not None:
        keys = _keys(field)
        for index, item in enumerate(value):
            part: Part = Entry(_key_of(item, keys), True) if keys else index
            way = (*steps, index)
            for leaf in _walk(field.item, item, (*parts, part), way, f"{general}[*]"):
                if keys and leaf.steps[-1] in keys:
                    yield Leaf((*parts, part), leaf.steps, leaf.field, leaf.value, "other",
                               leaf.general)  # fmt: skip
                else:
                    yield leaf
            if index == 0:
                where = (*parts, part) if keys else parts
                yield Leaf(where, way, field.item, item, "gone", f"{general}[*]")
        return
    yield Leaf(parts, steps, field, value, "other", general)
    if field.shape == "list" and value:
        if len(value) > 1:
            yield Leaf(parts, steps, field, value, "fewer", general)
        yield Leaf(parts, steps, field, value, "more", general)


def other(annotation: Any, value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    choices = [c for c in _choices(annotation) if c != value]
    if len(choices) > 1 or (choices and value in _choices(annotation)):
        return choices[0]
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 1.0
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        if not value:
            return ["x"]
        inner = get_args(annotation)[0] if get_origin(annotation) is list else None
        return [other(inner, value[0]), *value[1:]]
    if isinstance(value, dict) and value:
        key = sorted(value)[-1]
        return {**value, key: other(None, value[key])}
    raise TypeError(f"no other value than {value!r}")


def _key_type(field: Field) -> Any:
    """The type of a map's keys."""
    annotation = field.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    return get_args(annotation)[0] if get_origin(annotation) is dict else None


def _choices(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is Literal:
        return get_args(annotation)
    if origin is Annotated:
        return _choices(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(c for arm in get_args(annotation) for c in _choices(arm))
    return ()


def dig(doc: Any, steps: tuple[Step, ...]) -> Any:
    """The value at `steps`."""
    for step in steps:
        doc = doc[step]
    return doc


def without(doc: dict[str, Any], steps: tuple[Step, ...]) -> dict[str, Any]:
    """The document without what is at `steps`."""
    new = copy.deepcopy(doc)
    del dig(new, steps[:-1])[steps[-1]]
    return new


def with_value(doc: dict[str, Any], steps: tuple[Step, ...], value: Any) -> dict[str, Any]:
    """The document with another value at `steps`."""
    new = copy.deepcopy(doc)
    dig(new, steps[:-1])[steps[-1]] = value
    return new
