"""Other values for one leaf of what AWS shows, each valid by botocore's shape.

other        another value: another member of an enumeration, the other truth, another number,
             another text, another time, and nothing (0) where there is something
letter case  the same text in the other letter case
gone         the member is not shown, where other recordings do not show it either
appears      the member is shown as another recording shows it, where this one does not
removed      one entry less of a list or map
added        one entry more
reordered    a list the other way round
another      another one of several members of which exactly one is there
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from botocore.model import Shape

from tests.fidelity.corpus.leaves import Table

Deed = Literal[
    "other", "letter case", "gone", "appears", "removed", "added", "reordered", "another"
]  # fmt: skip
Step = str | int
GONE = object()
Edit = Callable[[Any], Any]
UNIONS = {
    "Condition", "CookieMatchPattern", "DefaultAction", "FieldToMatch", "HeaderMatchPattern",
    "JsonMatchPattern", "OverrideAction", "RateBasedStatementCustomKey", "RuleAction", "Statement",
}  # fmt: skip
"""Shapes of WAF of which exactly one member is there."""


@dataclass(frozen=True)
class Mutation:
    """One change. steps: the way to what is changed; path: the same, dotted, without positions.

    edit: makes the new value of the old one (`GONE` takes it out). below: what of it is a list or
    map entry that comes or goes (its shape), for a change that is not in one leaf.
    """

    path: str
    steps: tuple[Step, ...]
    deed: Deed
    edit: Edit
    detail: str = ""
    entry: Any = None

    def apply(self, thing: Any) -> Any:
        """The thing with the change made."""
        return edited(thing, self.steps, self.edit)

    def __str__(self) -> str:
        where = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.steps)
        return f"{where.lstrip('.')} {self.deed}{f' {self.detail}' if self.detail else ''}"


def edited(value: Any, steps: Sequence[Step], edit: Edit) -> Any:
    """A copy that shares all but the way to what is edited. What is not there stays so."""
    if not steps:
        return edit(value)
    head, *rest = steps
    if isinstance(value, list):
        if not isinstance(head, int) or head >= len(value):
            return value
        out = list(value)
        out[head] = edited(value[head], rest, edit)
        return out
    if not isinstance(value, Mapping) or (head not in value and rest):
        return value
    new = edited(value.get(head), rest, edit)
    if new is GONE:
        return {k: v for k, v in value.items() if k != head}
    return {**value, head: new}


def to(new: Any) -> Edit:
    """What makes it `new`, whatever it was."""
    return lambda old: new


def without(at: int) -> Edit:
    """What takes one entry out of a list."""
    return lambda old: [*old[:at], *old[at + 1 :]] if isinstance(old, list) else old


def with_more(entry: Any) -> Edit:
    """What puts one more entry to the end of a list."""
    return lambda old: [*(old or ()), entry]


Census = Mapping[str, Mapping[str, Any]]
"""Dotted path of a structure → member → how some recording shows it (`GONE`: one does not)."""


def census(shape: Shape, things: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Which members are shown here and not there, of all recorded things of a shape."""
    shown: dict[str, dict[str, Any]] = {}
    times: dict[str, int] = {}

    def walk(shape: Shape, value: Any, path: str) -> None:
        if shape.type_name == "structure":
            times[path] = times.get(path, 0) + 1
            here = shown.setdefault(path, {})
            for name, inner in value.items():
                here.setdefault(name, [0, inner])[0] += 1
                walk(shape.members[name], inner, f"{path}.{name}" if path else name)
        elif shape.type_name == "list":
            for item in value:
                walk(shape.member, item, path)
        elif shape.type_name == "map":
            for item in value.values():
                walk(shape.value, item, path)

    for thing in things:
        walk(shape, thing, "")
    return {
        path: {name: value for name, (count, value) in here.items() if count < times[path]}
        for path, here in shown.items()
    }


def mutations(shape: Shape, thing: Any, table: Table, sometimes: Census) -> Iterator[Mutation]:
    """Every change of a thing, one at a time."""
    return _Walk(table, sometimes).walk(shape, thing, (), "")


class _Walk:
    def __init__(self, table: Table, sometimes: Census) -> None:
        self.table = table
        self.sometimes = sometimes

    def walk(
        self, shape: Shape, value: Any, steps: tuple[Step, ...], path: str
    ) -> Iterator[Mutation]:
        if path and self.table.note("not tried", path):
            return
        kind = shape.type_name
        if kind == "structure":
            yield from self.structure(shape, value, steps, path)
        elif kind == "list":
            yield from self.list(shape, value, steps, path)
        elif kind == "map":
            yield from self.map(shape, value, steps, path)
        else:
            yield from self.scalar(shape, value, steps, path)

    def structure(
        self, shape: Shape, value: Any, steps: tuple[Step, ...], path: str
    ) -> Iterator[Mutation]:
        unset = self.table.notes.get("may be unset") or {}
        sometimes = self.sometimes.get(path, {})
        if shape.name in UNIONS:
            yield from self.union(shape, value, steps, path)
            return
        for name, member in shape.members.items():
            inner = f"{path}.{name}" if path else name
            if self.table.note("not tried", inner):
                continue
            if name in value:
                yield from self.walk(member, value[name], (*steps, name), inner)
                if (name in sometimes or inner in unset) and value[name] not in (None, "", [], {}):
                    yield Mutation(inner, (*steps, name), "gone", to(GONE), entry=value[name])
            elif name in sometimes and sometimes[name] not in (None, "", [], {}):
                other = copy.deepcopy(sometimes[name])
                yield Mutation(inner, (*steps, name), "appears", to(other), entry=other)

    def union(
        self, shape: Shape, value: Any, steps: tuple[Step, ...], path: str
    ) -> Iterator[Mutation]:
        for name, inner in value.items():
            yield from self.walk(shape.members[name], inner, (*steps, name), f"{path}.{name}")
        empty = [n for n, member in shape.members.items() if not member.required_members]
        known = self.sometimes.get(path, {})
        arms = {**{n: {} for n in empty if shape.name.endswith("Action")}, **known}
        others = [n for n in arms if n not in value][:3]
        for name in others:
            new = {name: copy.deepcopy(arms[name])}
            yield Mutation(path, steps, "another", to(new), name, entry={**value, **new})

    def list(
        self, shape: Shape, value: Any, steps: tuple[Step, ...], path: str
    ) -> Iterator[Mutation]:
        inner = shape.member
        alike = self.table.note("alike", path)
        for index, item in enumerate(value[:1] if alike else value):
            yield from self.walk(inner, item, (*steps, index), path)
        least = {*(self.table.notes.get("never empty") or ()),
                 *(self.table.notes.get("one entry") or ())}  # fmt: skip
        for index in dict.fromkeys((0, len(value) - 1)) if value else ():
            if len(value) > 1 or path not in least:
                yield Mutation(
                    path, steps, "removed",
                    without(index),
                    f"[{index}]", entry=value[index],
                )  # fmt: skip
        if value and path not in (self.table.notes.get("one entry") or ()):
            more = self.one_more(inner, value, path)
            yield Mutation(path, steps, "added", with_more(more), entry=more)
        if len(value) > 1 and value != value[::-1]:
            yield Mutation(path, steps, "reordered", lambda old: list(reversed(old or ())))

    def one_more(self, shape: Shape, value: Any, path: str) -> Any:
        """An entry that is none of these."""
        choices = [c for c in getattr(shape, "enum", None) or () if c not in value]
        return choices[0] if choices else another(shape, value[-1], self.table, path)

    def map(
        self, shape: Shape, value: Any, steps: tuple[Step, ...], path: str
    ) -> Iterator[Mutation]:
        for key, item in value.items():
            yield from self.walk(shape.value, item, (*steps, key), path)
            yield Mutation(path, (*steps, key), "removed", to(GONE), entry=item)
        for key, item in list(value.items())[:1]:
            more = another(shape.value, item, self.table, path)
            yield Mutation(path, (*steps, f"{key}x"), "added", to(more),
                           entry=more)  # fmt: skip

    def scalar(
        self, shape: Shape, value: Any, steps: tuple[Step, ...], path: str
    ) -> Iterator[Mutation]:
        for other in self.others(shape, value, path):
            yield Mutation(path, steps, "other", to(other), _said(other))
        swapped = value.swapcase() if isinstance(value, str) else value
        plain = shape.type_name == "string" and not getattr(shape, "enum", None)
        if plain and swapped != value and not self.table.note("values", path):
            yield Mutation(path, steps, "letter case", to(swapped), _said(swapped))

    def others(self, shape: Shape, value: Any, path: str) -> Iterator[Any]:
        documented = self.table.note("values", path)
        choices = documented or list(getattr(shape, "enum", None) or ())
        if choices:
            left = [c for c in choices if c != value]
            yield from left if documented else dict.fromkeys([*left[:1], *left[-1:]])
        elif isinstance(value, bool):
            yield not value
        elif isinstance(value, int):
            yield value + 1
            if value not in (0, 1):
                yield 0
        elif isinstance(value, float):
            yield value + 1.5
            if value != 0:
                yield 0.0
        else:
            yield another(shape, value, self.table, path)
            if isinstance(value, str) and re.search(r"\d", value):
                yield f"{value}x"


def another(shape: Shape, value: Any, table: Table, path: str) -> Any:
    """Another value like this one: every text and number in it is another."""
    kind = shape.type_name
    if kind == "structure":
        return {
            k: another(shape.members[k], v, table, f"{path}.{k}" if path else k)
            for k, v in value.items()
        }
    if kind == "list":
        return [another(shape.member, item, table, path) for item in value]
    if kind == "map":
        return {k: another(shape.value, v, table, path) for k, v in value.items()}
    fixed = getattr(shape, "enum", None) or table.note("values", path)
    if isinstance(value, bool) or fixed:
        return value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, datetime):
        return value + timedelta(days=1)
    if isinstance(value, bytes):
        return value + b"x"
    return _next(value)


def _next(text: str) -> str:
    """The same with its last number one higher; without numbers, an x longer."""
    found = list(re.finditer(r"\d+", text))
    if not found:
        return f"{text}x"
    at = found[-1]
    raised = str(int(at[0]) + 1).zfill(len(at[0]))
    return text[: at.start()] + raised + text[at.end() :]


def _said(value: Any) -> str:
    text = repr(value)
    return f"→ {text if len(text) <= 60 else text[:57] + '...'}"
