"""One field of a declared resource moved to another value that the model takes, in each direction.

Begins with the manifests of `tests/perturbation/full.py`, converged in the sandbox: what is
observed is what the sandbox shows of them. A field that none of them declares is added with the
value that another one has.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from controller.assess import Assessment
from controller.fields import Field, fields_of
from controller.kinds import handler_for
from controller.policies import ActionOption, Doc
from tests.fidelity.schemas.said import read
from tests.fidelity.updates.values import ADDED, TOGETHER, VALUES
from tests.perturbation.leaves import Leaf, leaves, with_value, without

GREATER, SMALLER, ON, OFF = "more", "less", "on", "off"
ADD, REMOVE, OTHER, SET = "add an entry", "remove an entry", "another value", "declare it"


@dataclass(frozen=True)
class Move:
    """A field changed. field: its path, `[*]` for entries. how: in which direction."""

    field: str
    how: str
    was: Any
    to: Any
    seen: Assessment
    spec: Doc


def moves(kind: str, subjects: Sequence[Assessment]) -> Iterator[Move]:
    """Every field of the kind, moved every way; an equal move of an equal value once."""
    done: set[tuple[str, str, str]] = set()
    for seen in subjects:
        for leaf in leaves(kind, seen.target.spec):
            if leaf.path.startswith("tags[plumbline:"):
                continue
            for how, value in _directions(kind, leaf, seen.target.name):
                same = (leaf.general, how, repr(leaf.value))
                if same in done:
                    continue
                spec = _changed(kind, seen, leaf, value)
                if spec is not None and spec != seen.target.spec:
                    done.add(same)
                    yield Move(leaf.general, how, leaf.value, value, seen, spec)
        for (of, field), change in TOGETHER.items():
            for how, after in change(seen.target.spec).items() if of == kind else ():
                spec = _legal(kind, after, seen.target.spec)
                if spec is not None:
                    yield Move(field, how, seen.target.spec.get(field), spec[field], seen, spec)
        yield from _added(kind, seen, subjects)


GONE = object()


def _directions(kind: str, leaf: Leaf, name: str) -> Iterator[tuple[str, Any]]:
    """(direction, candidate): of those with one direction the first that is legal counts."""
    if leaf.deed in ("gone", "fewer"):
        yield REMOVE, GONE if leaf.deed == "gone" else leaf.value[1:]
        if leaf.deed == "fewer":
            yield REMOVE, leaf.value[:-1]
        return
    listed = VALUES.get((kind, f"{leaf.general} more" if leaf.deed == "more" else leaf.general))
    if leaf.deed == "more":
        if listed is not None:
            yield ADD, listed(leaf.value) if callable(listed) else listed
        elif isinstance(leaf.value, list):
            for value in _others(leaf.field.item.annotation if leaf.field.item else None,
                                 leaf.value[0]):  # fmt: skip
                yield ADD, [*leaf.value, value[1]]
        else:
            yield ADD, "another"
        return
    if listed is not None:
        found = listed(leaf.value) if callable(listed) else listed
        for how, value in found.items() if isinstance(found, dict) else ((OTHER, found),):
            yield how, value
        return
    yield from _others(leaf.field.annotation, leaf.value)


def _others(annotation: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """Other values of the same sort, by direction."""
    if isinstance(value, bool):
        yield (OFF if value else ON), not value
    elif words := [c for c in _words(annotation) if c != value]:
        numbers = [w for w in words if isinstance(w, int)]
        if isinstance(value, int) and numbers:
            yield from ((_way(value, n), n) for n in numbers)
            yield from (("none", word) for word in words if not isinstance(word, int))
        else:
            yield from ((f"{value} → {word}", word) for word in words)
    elif isinstance(value, (int, float)):
        for up in (value + 1, value + 10, value + 60, value + 100, value * 2, value * 10):
            yield _way(value, up), up
        for down in (value - 1, value - 10, value - 60, value - 100, value // 2, 0):
            if down < value:
                yield _way(value, down), down
    elif isinstance(value, str):
        yield from ((OTHER, text) for text in _texts(value))
    elif isinstance(value, list) and value:
        for how, item in _others(None, value[0]):
            yield OTHER if how != ON else how, [item, *value[1:]]
    elif isinstance(value, dict) and value:
        for key in sorted(value, reverse=True):
            for _, item in _others(None, value[key]):
                yield OTHER, {**value, key: item}


def _way(value: float, to: float) -> str:
    """A number's direction; zero often switches off."""
    if value == 0 or to == 0:
        return "from 0" if value == 0 else "to 0"
    return GREATER if to > value else SMALLER


def _words(annotation: Any) -> tuple[Any, ...]:
    """The values of a `Literal`, in whatever is around it."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _words(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(word for arm in get_args(annotation) for word in _words(arm))
    return ()


def _texts(value: str) -> Iterator[str]:
    """Texts that differ in one place."""
    if "@" in value and value.startswith("${"):  # a secret: another version of it
        yield value.replace("@", "@other-", 1)
        return
    yield value + "x"
    swapped = "1" if value[-1:] != "1" else "2"
    yield value[:-1] + swapped
    yield value[:-2] + swapped + value[-1:]


def _changed(kind: str, seen: Assessment, leaf: Leaf, value: Any) -> Doc | None:
    """The declared spec with the move made; None if the model refuses it."""
    spec = seen.target.spec
    if value is GONE:
        return _legal(kind, without(spec, leaf.steps), spec)
    return _legal(kind, with_value(spec, leaf.steps, value), spec)


def _legal(kind: str, spec: Doc, before: Doc) -> Doc | None:
    """The spec as the model reads it, with the ownership tags that it had."""
    own = {k: v for k, v in before.get("tags", {}).items() if k.startswith("plumbline:")}
    plain = copy.deepcopy(spec)
    for name in own:
        plain.get("tags", {}).pop(name, None)
    try:
        read = handler_for(kind).spec.model_validate(plain)
    except ValidationError:
        return None
    doc: Doc = read.model_dump(by_alias=True, exclude_none=True)
    doc["tags"] = {**doc.get("tags", {}), **own}
    return doc


def _added(kind: str, seen: Assessment, subjects: Sequence[Assessment]) -> Iterator[Move]:
    """What this one doesn't declare, with the value that another one or a sample has."""
    extra: Doc = {}
    for (of, name), value in ADDED.items():
        if of == kind:
            extra = _with(extra, tuple(name.split(".")), value)
    sources = [*(o.target.spec for o in subjects), *(read("samples", kind) or ()), extra]
    spec = seen.target.spec
    for field, steps, value in _lacking(fields_of(handler_for(kind).spec), spec, sources, "", ()):
        after = _legal(kind, _with(spec, steps, value), spec)
        if after is not None and after != spec:
            yield Move(field, SET, None, value, seen, after)


def _lacking(
    field: Field, doc: Any, sources: list[Any], path: str, steps: tuple[Any, ...]
) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """(field, way, value) of what the document has not and a source has, the widest part each."""
    if field.shape == "object" and isinstance(doc, dict):
        for name, member in field.members.items():
            here = f"{path}.{name}" if path else name
            held = [s[name] for s in sources if isinstance(s, dict) and name in s]
            if member.policy(ActionOption):
                continue
            if doc.get(name) not in (None, [], {}):
                yield from _lacking(member, doc[name], held, here, (*steps, name))
            else:
                yield from ((here, (*steps, name), value) for value in held)
    elif field.item is not None and doc and isinstance(doc, (dict, list)):
        key = next(iter(doc)) if isinstance(doc, dict) else 0
        inside = [v for s in sources for v in (s.values() if isinstance(s, dict) else s)]
        yield from _lacking(field.item, doc[key], inside, f"{path}[*]", (*steps, key))


def _with(doc: Any, steps: tuple[Any, ...], value: Any) -> Any:
    if not steps:
        return value
    new = dict(doc) if isinstance(doc, dict) else list(doc)
    if isinstance(new, dict):
        new[steps[0]] = _with(new.get(steps[0], {}), steps[1:], value)
    else:
        new[steps[0]] = _with(new[steps[0]], steps[1:], value)
    return new
