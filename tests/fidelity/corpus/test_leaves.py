"""The tables of leaves say of each member of botocore's shapes once what a change of it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from controller.fields import fields_of
from controller.kinds import KINDS, handler_for
from tests.fidelity.corpus.expected import CONDITIONS
from tests.fidelity.corpus.leaves import (
    ANYWHERE,
    FOLDER,
    NOT_SHOWN,
    PARTS,
    Table,
    leaf_paths,
    nodes_of,
    owners,
    tables,
    thing_shape,
)

PART = [(kind, call) for kind, parts in PARTS.items() for call in parts]
SECTIONS = {
    "ordered", "letter case", "values", "may be unset", "silent", "with", "presence", "one entry",
    "never empty", "alike", "names", "not tried",
}  # fmt: skip
parts = pytest.mark.parametrize(("kind", "call"), PART)


def paths_of(kind: str, call: str) -> list[str]:
    """Every leaf of a part, as botocore has it."""
    return list(dict.fromkeys(leaf_paths(thing_shape(call, PARTS[kind][call].items))))


@parts
def test_each_leaf_is_said_to_be_something(kind: str, call: str) -> None:
    table, wrong = tables(kind)[call], []
    for path in paths_of(kind, call):
        said = table.said(path)
        if not said:
            wrong.append(f"{path}: nothing is said of it")
        elif said.startswith("- "):
            if not re.fullmatch(rf"- ({'|'.join(NOT_SHOWN)}): .{{2,}}", said):
                wrong.append(f"{path}: {said!r} is no word with a reason")
        else:
            try:
                nodes_of(kind, said)
            except KeyError as missing:
                wrong.append(f"{path}: the spec has no {said} ({missing})")
    assert not wrong, "\n".join(wrong)


@parts
def test_nothing_is_said_twice_or_of_nothing(kind: str, call: str) -> None:
    table, leaves = tables(kind)[call], paths_of(kind, call)
    bare = Table(kind, call, {}, {})
    wrong = []
    for own, said in table.by_hand.items():
        about = [p for p in leaves if p == own or p.startswith(f"{own}.")]
        decided = [p for p in about if not any(
            p == other or p.startswith(f"{other}.")
            for other in table.by_hand if other.startswith(f"{own}."))]  # fmt: skip
        if not decided:
            wrong.append(f"{own}: no leaf is said to be anything by it")
        elif all(bare.said(p) == said for p in decided):
            wrong.append(f"{own}: tests/unit/members says so already")
    assert not wrong, "\n".join(wrong)


@parts
def test_what_is_modelled_is_not_called_omitted(kind: str, call: str) -> None:
    table, bare = tables(kind)[call], Table(kind, call, {}, {})
    fields = {name.lower() for name in fields_of(handler_for(kind).spec).members}
    front = PARTS[kind][call].front
    wrong = []
    for path in paths_of(kind, call):
        if table.said(path).startswith(("- omitted", "- undeclared")):
            derived = bare.said(path)
            named = path.removeprefix(front).lower() in fields
            if named or (derived and not derived.startswith("- ")):
                wrong.append(f"{path}: {table.said(path)}, but the spec has it")
    assert not wrong, "\n".join(wrong)


@parts
def test_sections_are_about_what_is_there(kind: str, call: str) -> None:
    table, leaves, wrong = tables(kind)[call], paths_of(kind, call), []
    assert set(table.notes) <= SECTIONS
    for section, said in table.notes.items():
        for path in said if section != "names" else ():
            end = path.removeprefix(ANYWHERE)
            if not any(f"{end}." in f"{leaf}." for leaf in leaves):
                wrong.append(f"{section}: botocore has no {path}")
    for path, condition in table.notes.get("silent", {}).items():
        if str(condition).partition(" (")[0] not in CONDITIONS:
            wrong.append(f"silent: {path}: {condition} is no condition")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", sorted(PARTS))
def test_owners_hold_fields_that_are_there(kind: str) -> None:
    for path, conditions in owners(kind).items():
        assert path == "*" or nodes_of(kind, path)
        assert {c.partition(" (")[0] for c in conditions} <= set(CONDITIONS)


def test_a_file_for_each_kind() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(PARTS) == set(KINDS)


def _counts() -> Iterator[str]:
    for kind, call in PART:
        table = tables(kind)[call]
        said = [table.said(path) for path in paths_of(kind, call)]
        shown = sum(not s.startswith("- ") for s in said)
        yield f"{kind} {call}: {shown} of {len(said)} leaves are fields of the spec"


def test_told() -> None:
    print("\n".join(_counts()))
