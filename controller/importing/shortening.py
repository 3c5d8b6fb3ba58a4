"""What need not be written, because it is so anyway: our defaults and AWS's. Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from controller.fields import Field
from controller.policies import AnyWhenUndeclared, Doc, ServerDefault, Situation

Path = tuple[str | int, ...]


def shorten(root: Field, spec: Doc, same: Callable[[Doc], bool], situation: Situation) -> Doc:
    """The spec without what is the same unsaid; `same` judges whether a shorter one says the same.

    What would be AWS's free choice if it were not written stays: nobody would notice its change.
    What AWS moves by itself goes: nobody is to be told of that.
    """
    short = copy.deepcopy(spec)
    for path, field in _members(root, short):
        holder, name = _at(short, path[:-1]), path[-1]
        if _must_be_said(field, holder[name], situation):
            continue
        order = list(holder)
        held = holder.pop(name)
        if not same(short):
            holder[name] = held
            _reorder(holder, order)
    return short


def _must_be_said(field: Field, value: Any, situation: Situation) -> bool:
    free = field.policy(AnyWhenUndeclared)
    if free is None or free.moves:
        return False
    default = field.policy(ServerDefault)
    return default is None or default.of(situation) != value


def _members(node: Field, value: Any, path: Path = ()) -> Iterator[tuple[Path, Field]]:
    """Members of objects, the innermost first, wherever they stand."""
    if node.shape == "object" and isinstance(value, dict):
        for name, member in node.members.items():
            if name in value:
                yield from _members(member, value[name], (*path, name))
                yield (*path, name), member
    elif node.item is not None and isinstance(value, dict):
        for key in value:
            yield from _members(node.item, value[key], (*path, key))
    elif node.item is not None and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _members(node.item, item, (*path, index))


def _at(doc: Any, path: Path) -> Any:
    for part in path:
        doc = doc[part]
    return doc


def _reorder(holder: Doc, order: list[str]) -> None:
    """What was taken out and put back stands where it stood."""
    items = {name: holder[name] for name in order}
    holder.clear()
    holder.update(items)
