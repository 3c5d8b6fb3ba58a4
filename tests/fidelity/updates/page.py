"""`docs/reference/updates.md`: what a change of each field takes, as the handlers plan it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from controller.fields import fields_of
from controller.kinds import KINDS, handler_for
from controller.policies import ActionOption, CreateOnly
from tests.fidelity.updates.moves import GREATER, OFF, ON, REMOVE, SET, SMALLER
from tests.fidelity.updates.outcomes import Call, Outcome, outcomes
from tests.perturbation.leaves import model_leaves

HEAD = """\
What happens when a field is changed in the file: found out by changing each field of rich manifests
and asking the handler for its plan. A change made in AWS by hand is put right the same way.

| Effect | |
| --- | --- |
"""
EFFECTS = {
    "in place": "Nobody notices.",
    "irreversible": "Nobody notices, and there is no way back. Made if the file asks for it, never "
    "to mend drift.",
    "disruptive": "Connections drop or tasks are replaced: one such step per resource in a pass, "
    "and at most `limits.maxDisruptive` of them in all.",
    "destructive": "Data or protection is lost: shown, and left to a person.",
    "never": "No call does it, and Plumbline replaces nothing: it is reported and blocked. Change "
    "it back, or make a new resource.",
    "not ours": "Somebody else may choose this value: reported, and left alone.",
    "not compared": "It steers how calls are made, or AWS never shows it.",
}
FOOT = """\

Calls are made in this order. *with* names what a call takes along beside the field; where it sends
the whole resource anyway, the rest is sent as AWS shows it. `[…]` is any entry.
"""
NAMES = {"theirs": "not ours"}
Row = tuple[str, str, str, str]


def render(made: str) -> str:
    """The page. made: the line that says how it is made."""
    legend = "\n".join(f"| {effect} | {says} |" for effect, says in EFFECTS.items())
    out = ["# What a change takes", "", made, HEAD + legend + "\n" + FOOT]
    for kind in KINDS:
        out += [f"## {kind}", "", *_introduction(kind), "| Field | Change | Effect | Calls |",
                "| --- | --- | --- | --- |"]  # fmt: skip
        out += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
                for row in rows(kind)]  # fmt: skip
        out.append("")
    return "\n".join(out)


def _introduction(kind: str) -> Iterator[str]:
    """What its handler says of the order in which it does things."""
    plan = next(c.__dict__["plan"] for c in type(handler_for(kind)).__mro__ if "plan" in c.__dict__)
    for part in inspect.cleandoc(plan.__doc__ or "").split("\n\n"):
        if part:
            yield from (" ".join(part.split()), "")


def rows(kind: str) -> Iterator[Row]:
    """One row for each field and way; what is alike in all of a part is said of the part."""
    by: dict[str, Ends] = {}
    for found in outcomes(kind):
        way = (found.effect, tuple(c.operation for c in found.calls), found.why)
        end = by.setdefault(found.field, {}).setdefault(way, End())
        end.add(found)
    for field, (effect, says) in _by_policy(kind, set(by)).items():
        by[field] = {(effect, (), says): End()}
    lost = _untold(kind, by)
    assert not lost, f"{kind}: nothing is known of {', '.join(lost)}: see updates/values.py"
    tops = [n for n in fields_of(handler_for(kind).spec).members if n != "tags"] + ["tags"]
    order = list(model_leaves(kind))

    def place(field: str) -> tuple[int, int, int]:
        inside = (i for i, leaf in enumerate(order) if leaf == field or _in(leaf, field))
        return tops.index(re.split(r"[.\[]", field)[0]), next(inside, -1), len(field)

    fields = sorted(by, key=place)
    gathered = dict(_gathered({f: by[f] for f in fields}))
    for field, ends in gathered.items():
        alone = len(ends) == 1 and not any(_in(f, field) for f in gathered)
        for (effect, _, why), end in ends.items():
            yield (f"`{field.replace('[*]', '[…]')}`", end.how(alone=alone),
                   NAMES.get(effect, effect), end.calls() or why)  # fmt: skip


def _by_policy(kind: str, told: set[str]) -> dict[str, tuple[str, str]]:
    """What no move can show and the policies say: fixed at creation, or no property at all."""
    found = {}
    for name, field in fields_of(handler_for(kind).spec).members.items():
        if field.policy(ActionOption):
            found[name] = ("not compared", "steers how it is made or changed")
        elif field.policy(CreateOnly) and name not in told:
            found[name] = ("never", "fixed at creation")
    return found


def _untold(kind: str, by: Mapping[str, Ends]) -> list[str]:
    """Fields of which nothing is known: not by themselves, nor by a part that is all alike."""
    return [leaf for leaf in model_leaves(kind) if not any(
        part in by or _alike([by[f] for f in by if _in(f, part)])
        for part in _above(leaf)
    )]  # fmt: skip


class End:
    """What several moves of a field have in common: their directions and what is called."""

    def __init__(self) -> None:
        self.hows: list[str] = []
        self.sent: list[tuple[Call, ...]] = []

    def add(self, found: Outcome) -> None:
        """One more move that comes to the same."""
        if found.how not in self.hows:
            self.hows.append(found.how)
        self.sent.append(found.calls)

    def how(self, *, alone: bool) -> str:
        """In which directions; nothing if they all come to it."""
        words = [h for h in self.hows if "→" in h]
        rest = [h for h in self.hows if "→" not in h]
        if alone and set(self.hows) not in ({ON}, {OFF}, {GREATER}, {SMALLER}, {SET}, {REMOVE}):
            return ""
        return ", ".join([*rest, *(words if len(words) < 4 else ["another word"])])

    def calls(self) -> str:
        """The calls in order; what only some of the moves send along is said so."""
        said = [self._call(some) for some in zip(*self.sent, strict=True)]
        runs = [(call, len(list(same))) for call, same in groupby(said)]
        times = {1: "", 2: ", twice"}
        return "; then ".join(f"{call}{times.get(n, ' for each')}" for call, n in runs)

    @staticmethod
    def _call(same: tuple[Call, ...]) -> str:
        name = f"`{same[0].operation}`"
        if same[0].whole:
            return f"{name} with all the rest"
        always = [p for p in same[0].besides if all(p in c.besides for c in same)]
        at_times = dict.fromkeys(p for c in same for p in c.besides if p not in always)
        out = f"{name} with {_listed(always)}" if always else name
        return f"{out}{', ' if always else ' with '}at times {_listed(at_times)}" if at_times else (
            out)  # fmt: skip


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


Ends = dict[tuple[str, tuple[str, ...], str], End]


def _gathered(by: dict[str, Ends]) -> Iterator[tuple[str, Ends]]:
    """A part whose fields all come to the same as one; anything else by itself."""
    done: set[str] = set()
    for field in by:
        if field in done:
            continue
        for above in _above(field):
            inside = [f for f in by if f == above or _in(f, above)]
            if len(inside) > 1 and _alike([by[f] for f in inside]):
                done |= set(inside)
                yield above, _together([by[f] for f in inside])
                break
        else:
            done.add(field)
            yield field, by[field]


def _alike(several: list[Ends]) -> bool:
    return len({way for ends in several for way in ends}) == 1


def _together(several: list[Ends]) -> Ends:
    way, merged = next(iter(several[0])), End()
    for ends in several:
        merged.hows += [*ends[way].hows, ""]
        merged.sent += ends[way].sent
    return {way: merged}


def _in(field: str, part: str) -> bool:
    return field.startswith((f"{part}.", f"{part}["))


def _above(field: str) -> Iterator[str]:
    """The parts that a field is in, the widest first, and the field."""
    for at, char in enumerate(field):
        if char in ".[":
            yield field[:at]
    yield field
