"""What our models take: found out by trying values on a field, however its checks are written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml
from annotated_types import MaxLen, MinLen
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from controller.kinds import handler_for
from tests.fidelity.schemas.places import KEY, Place, marks, place
from tests.fidelity.schemas.said import read
from tests.perturbation.full import FULL

Doc = dict[str, Any]


@cache
def manifests(kind: str) -> tuple[Doc, ...]:
    """Specs of the kind that have as much in them as goes together, and `samples/<Kind>.yaml`."""
    found = (yaml.safe_load(text) for text in FULL[kind])
    return (*(m["spec"] for m in found if m["kind"] == kind), *(read("samples", kind) or ()))


def there(doc: Any, steps: list[str]) -> Iterator[list[Any]]:
    """The ways to what a path stands for in a document; `*` is any entry."""
    if not steps:
        yield []
        return
    step, rest = steps[0], steps[1:]
    keys: list[Any] = []
    if isinstance(doc, dict):
        keys = list(doc) if step == "*" else [step] if step in doc else []
    elif isinstance(doc, list) and step == "*":
        keys = list(range(len(doc)))
    for key in keys:
        yield from ([key, *way] for way in there(doc[key], rest))


def values(kind: str, path: str) -> Iterator[Any]:
    """What the rich manifests say there."""
    for doc in manifests(kind):
        for way in there(doc, path.split(".")):
            held = doc
            for step in way:
                held = held[step]
            yield held


@cache
def _adapter(kind: str, path: str) -> TypeAdapter[Any]:
    spot = place(kind, path)
    assert spot
    return TypeAdapter(spot.annotation)


def takes(kind: str, path: str, value: Any) -> bool:
    """True if the field by itself takes the value, whatever else is written."""
    try:
        _adapter(kind, path).validate_python(value)
    except ValidationError:
        return False
    return True


def refuses(kind: str, path: str, value: Any) -> bool:
    """True if the value is refused: by the field itself, or in every rich manifest that has it."""
    if not takes(kind, path, value):
        return True
    if path.endswith(KEY):
        return _renamed_nowhere(kind, path.removesuffix(KEY), value)
    tried = False
    for doc in manifests(kind):
        for way in there(doc, path.split(".")):
            tried = True
            if _whole_takes(kind, doc, way, value):
                return False
    return tried


def _renamed_nowhere(kind: str, path: str, key: Any) -> bool:
    """True if no entry of the map can be called so, in any rich manifest that has one."""
    tried = False
    for doc in manifests(kind):
        for way in there(doc, path.split(".")):
            held = doc
            for step in way:
                held = held[step]
            for old in held if isinstance(held, dict) else ():
                tried = True
                renamed = {key if k == old else k: v for k, v in held.items()}
                if _whole_takes(kind, doc, way, renamed):
                    return False
    return tried


def _whole_takes(kind: str, doc: Doc, way: list[Any], value: Any) -> bool:
    return _loads(kind, _with(doc, way, value))


def _loads(kind: str, doc: Doc) -> bool:
    """True if the model takes the spec, and its handler could make the resource of it."""
    handler = handler_for(kind)
    try:
        read = handler.spec.model_validate(doc)
    except ValidationError:
        return False
    return not handler.incomplete(read.model_dump(by_alias=True, exclude_none=True, warnings=False))


def demands(kind: str, path: str) -> bool:
    """True if no rich manifest that has it can do without the field."""
    tried = False
    for doc in manifests(kind):
        for way in there(doc, path.split(".")):
            tried = True
            if _loads(kind, _without(doc, way)):
                return False
    return tried


def emptied(kind: str, path: str) -> Iterator[Doc]:
    """Rich manifests with what is at the path empty, as the model reads them."""
    if path.endswith(KEY):
        return
    for doc in manifests(kind):
        for way in list(there(doc, path.split(".")))[:1]:
            held = doc
            for step in way:
                held = held[step]
            if isinstance(held, (list, dict)):
                spec = _with(doc, way, type(held)())
                try:
                    read = handler_for(kind).spec.model_validate(spec)
                except ValidationError:
                    continue
                yield read.model_dump(by_alias=True, exclude_none=True, warnings=False)


def _without(doc: Any, way: list[Any]) -> Any:
    new = dict(doc) if isinstance(doc, dict) else list(doc)
    if len(way) > 1:
        new[way[0]] = _without(doc[way[0]], way[1:])
    else:
        del new[way[0]]
    return new


def _with(doc: Any, way: list[Any], value: Any) -> Any:
    if not way:
        return value
    new = dict(doc) if isinstance(doc, dict) else list(doc)
    new[way[0]] = _with(doc[way[0]], way[1:], value)
    return new


def lengths(spot: Place) -> tuple[int | None, int | None]:
    """How many entries a list or map may have, as far as its type says."""
    low = high = None
    for mark in _all_marks(spot.annotation):
        if isinstance(mark, MinLen):
            low = mark.min_length
        if isinstance(mark, MaxLen):
            high = mark.max_length
    return low, high


def _all_marks(annotation: Any) -> Iterator[Any]:
    for mark in marks(annotation):
        yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)
