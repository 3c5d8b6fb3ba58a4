"""How a document of AWS's is changed in one place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.perturbation.leaves import Leaf

Doc = dict[str, Any]
Way = list[Any]
"""Steps into AWS's document: a member, or (member, value) for the one entry of a list."""

GONE = object()
ANY = object()
"""Any other value that AWS takes: for parts that are compared as a whole."""


def pascal(name: str) -> str:
    return name[0].upper() + name[1:]


@dataclass(frozen=True)
class Raw:
    """Another value in AWS's own words, made from what AWS shows there now (None: nothing)."""

    make: Callable[[Any], Any]


def change(raw: Any, way: Way, value: Any) -> None:
    """Set what is at `way`; `GONE` takes it away. Entries that are not there yet are added."""
    for step, following in pairwise(way):
        raw = _into(raw, step, following)
    if isinstance(value, Raw):
        value = value.make(copy.deepcopy(raw.get(way[-1])))
    last = way[-1]
    if isinstance(last, tuple):
        held = [e for e in raw if e.get(last[0]) == last[1]]
        if value is GONE:
            raw.remove(held[0])
        elif held:
            held[0].update(value)
        else:
            raw.append({last[0]: last[1], **value})
    elif value is GONE:
        del raw[last]
    else:
        raw[last] = value


def _into(raw: Any, step: Any, following: Any) -> Any:
    if not isinstance(step, tuple):
        if step not in raw:
            raw[step] = [] if isinstance(following, tuple) else {}
        return raw[step]
    for entry in raw:
        if entry.get(step[0]) == step[1]:
            return entry
    raw.append({step[0]: step[1]})
    return raw[-1]


def pairs(member: str, leaf: Leaf, key: str, value: str) -> Way:
    """A map that AWS keeps as a list of pairs."""
    entry = (key, str(leaf.steps[-1]))
    return [member, entry] if leaf.deed == "gone" else [member, entry, value]
