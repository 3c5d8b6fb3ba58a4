"""Which cases of the case book have a test both ways, and which operations a refusal.

Read from the test files themselves: marks of tests, classes, modules and parameters; `REFUSALS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from _pytest.mark import Mark, ParameterSet

from controller.kinds import KINDS, handler_for

HERE = Path(__file__).parent
BOOK = HERE.parents[1] / "docs" / "case_book.yaml"
WAYS = ("echo", "change", "rule", "refused")


def applicable() -> dict[int, str]:
    """Case → the field that it is about."""
    found = yaml.safe_load(BOOK.read_text(encoding="utf-8"))
    return {entry["case"]: entry["field"] for entry in found}


@cache
def ways() -> dict[int, frozenset[str]]:
    """Case → the ways in which some test holds it."""
    found: dict[int, set[str]] = {}
    for module in _modules("cases"):
        for mark in _marks(module):
            *numbers, way = mark.args
            if way not in WAYS:
                raise ValueError(f"{module.__name__}: case{mark.args}: the way is none of {WAYS}")
            for number in numbers:
                found.setdefault(number, set()).add(way)
    return {number: frozenset(said) for number, said in found.items()}


def covered(said: Iterable[str]) -> bool:
    """Whether these ways together cover a case."""
    held = set(said)
    return {"echo", "change"} <= held or bool(held & {"rule", "refused"})


def uncovered() -> dict[int, str]:
    """Case → its field, and what there is of it, for those that are not covered."""
    held = ways()
    return {
        number: f"{field} ({', '.join(sorted(held[number]))} only)" if number in held else field
        for number, field in applicable().items()
        if not covered(held.get(number, ()))
    }


def operations() -> tuple[str, ...]:
    """Every `service:Operation` that a plan may hold."""
    return tuple(sorted({call for kind in KINDS for call in handler_for(kind).writes}))


@cache
def refusals() -> Counter[str]:
    """`service:Operation` → rows that say what AWS rejects of it."""
    return Counter(
        row.call for module in _modules("refusals") for row in getattr(module, "REFUSALS", ())
    )


def _modules(folder: str) -> Iterator[ModuleType]:
    for path in sorted((HERE / folder).glob("test_*.py")):
        yield import_module(f"tests.fidelity.{folder}.{path.stem}")


def _marks(module: ModuleType) -> Iterator[Mark]:
    held: list[Any] = [module]
    for thing in vars(module).values():
        if isinstance(thing, type) and thing.__name__.startswith("Test"):
            held += [thing, *vars(thing).values()]
        elif callable(thing) and getattr(thing, "__name__", "").startswith("test_"):
            held.append(thing)
    for thing in held:
        own = getattr(thing, "pytestmark", [])
        for mark in own if isinstance(own, list) else [own]:
            yield from _inside(mark)


def _inside(marked: Any) -> Iterator[Mark]:
    mark: Mark = getattr(marked, "mark", marked)
    if mark.name == "case":
        yield mark
    elif mark.name == "parametrize":
        for values in mark.args[1]:
            if isinstance(values, ParameterSet):
                for inner in values.marks:
                    yield from _inside(inner)
