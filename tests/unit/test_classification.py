"""The published table of `docs/reference/classification.md`, run row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from controller.diff import Views, diff
from controller.fields import fields_of
from controller.policies import (
    CreateOnly,
    Keyed,
    OwnedBy,
    ServerDefault,
    Situation,
    TakenAtStart,
    Withdrawn,
    WriteOnly,
)
from controller.spec import Model, Spec
from controller.versioned import marked

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "classification.md"
VALUES = {"a": "apple", "b": "berry", "c": "cherry", "—": None}


class Part(Model):
    """A resource of its own."""

    size: int = 1


class Entry(Model):
    """One of a map."""

    size: int = 1
    spare: Annotated[int | None, ServerDefault(0)] = None


class Sample(Spec):
    """One field of each sort that the table speaks of."""

    scalar: str | None = None
    atomic: dict[str, str] = Field(default_factory=dict)
    keyed: Annotated[dict[str, str], Keyed()] = Field(default_factory=dict)
    entries: dict[str, Entry] = Field(default_factory=dict)
    fixed: Annotated[str | None, CreateOnly()] = None
    shared: Annotated[str | None, OwnedBy("a robot", lambda s, d, v: v == "robot")] = None
    hidden: Annotated[str | None, WriteOnly()] = None
    started: Annotated[str | None, TakenAtStart(lambda s: s.raw.get("started"))] = None
    part: Annotated[Part | None, Withdrawn()] = None


def rows() -> list[tuple[str, ...]]:
    """(section, L, D, V, cause, written) of each row in the three tables."""
    found: list[tuple[str, ...]] = []
    sections = iter(("scalar", "atomic", "keyed"))
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| L | D | V |"):
            section = next(sections)
        cells = [c.strip() for c in line.strip("|").split("|")]
        if section and len(cells) == 6 and cells[0] in (*VALUES, "?"):
            found.append((section, *cells[:5]))
    return found


def test_the_tables_are_all_there() -> None:
    assert len(rows()) == 14 + 4 + 3
    assert {r[0] for r in rows()} == {"scalar", "atomic", "keyed"}


@pytest.mark.parametrize("row", rows(), ids="-".join)
def test_cause(row: tuple[str, ...]) -> None:
    section, last, desired, live, cause, written = row

    def doc(value: str) -> dict[str, Any]:
        held = VALUES[value]
        if section == "scalar":
            return {} if held is None else {"scalar": held}
        return {section: {} if held is None else {"key": held}}

    baseline = None if last == "?" else doc(last)
    views = _views(doc(desired), doc(live), baseline)
    changes = diff(fields_of(Sample), views)
    if cause == "in sync":
        assert changes == []
        return
    (change,) = changes
    assert change.path == ("scalar" if section == "scalar" else f"{section}[key]")
    assert (change.now, change.wanted) == (VALUES[live], VALUES[desired])
    assert (change.cls == "differs") == (written == "yes")
    assert cause == (change.cls if change.cls == "undeclared" else change.cause)
    assert change.is_drift == (cause in ("drift", "both"))


def test_class_in_flight_and_failed() -> None:
    wanted = {"scalar": "new"}
    moving = _views(wanted, {"scalar": "old"}, wanted, pending={"scalar": "new"})
    assert [c.cls for c in diff(fields_of(Sample), moving)] == ["in_flight"]
    undone = _views(wanted, {"scalar": "old"}, wanted, failed={"scalar": "new"})
    assert [c.cls for c in diff(fields_of(Sample), undone)] == ["failed"]


def test_an_entry_that_a_rolled_back_revision_dropped_is_failed() -> None:
    undone = _views(
        {"atomic": {"a": "1"}}, {"atomic": {"a": "1", "b": "2"}}, {"atomic": {"a": "1", "b": "2"}},
        failed={"atomic": {"a": "1"}},
    )  # fmt: skip
    assert [(c.path, c.cls) for c in diff(fields_of(Sample), undone)] == [("atomic[b]", "failed")]


def test_an_empty_entry_is_an_entry() -> None:
    added = _views({"atomic": {"a": ""}}, {"atomic": {}}, {"atomic": {}})
    assert [(c.path, c.cause) for c in diff(fields_of(Sample), added)] == [("atomic[a]", "pending")]
    same = _views({"atomic": {"a": ""}}, {"atomic": {"a": ""}}, {"atomic": {"a": ""}})
    assert diff(fields_of(Sample), same) == []


def test_what_aws_is_about_to_do_counts_not_what_it_shows() -> None:
    wanted = {"scalar": "new"}
    leaving = _views(wanted, {"scalar": "new"}, wanted, pending={"scalar": "other"})
    (change,) = diff(fields_of(Sample), leaving)
    assert (change.cls, change.cause, change.now) == ("differs", "drift", "other")


def test_class_immutable_owned_unknown_and_write_only() -> None:
    fields = fields_of(Sample)
    (fixed,) = diff(fields, _views({"fixed": "a"}, {"fixed": "b"}, {"fixed": "a"}))
    assert (fixed.cls, fixed.cause) == ("immutable", "drift")
    (shared,) = diff(fields, _views({"shared": "a"}, {"shared": "robot"}, {"shared": "a"}))
    assert (shared.cls, shared.note, shared.is_drift) == ("owned", "a robot", False)
    (unsaid,) = diff(fields, _views({}, {"shared": "robot"}, {}))
    assert (unsaid.cls, unsaid.note, unsaid.is_drift) == ("owned", "a robot", False)
    (anyones,) = diff(fields, _views({}, {"shared": "human"}, {}))
    assert anyones.cls == "undeclared"
    (taken,) = diff(fields, _views({"shared": "a"}, {"shared": "human"}, {"shared": "a"}))
    assert (taken.cls, taken.cause) == ("differs", "drift")
    (hidden,) = diff(fields, _views({"scalar": "a"}, {}, None, unknown={"scalar": "denied"}))
    assert (hidden.cls, hidden.note) == ("unknown", "denied")
    new, old = "${Secret.s.value@2}", "${Secret.s.value@1}"
    (stale,) = diff(fields, _views({"hidden": new}, {}, {"hidden": old}))
    assert (stale.cls, stale.cause) == ("write_only_stale", "pending")
    assert diff(fields, _views({"hidden": new}, {}, {"hidden": new})) == []
    assert diff(fields, _views({"hidden": new}, {}, None)) == []


def test_an_entry_that_aws_shows_with_its_defaults_was_not_touched() -> None:
    live, ours = {"entries": {"a": {"size": 2, "spare": 0}}}, {"entries": {"a": {"size": 2}}}
    (gone,) = diff(fields_of(Sample), _views({"entries": {}}, live, ours))
    assert (gone.path, gone.cause) == ("entries[a]", "pending")


def test_a_secret_that_is_read_at_start() -> None:
    one, two, other = (
        marked(f"arn:{arn}", letter * 32, 1000)
        for arn, letter in (("s", "a"), ("s", "b"), ("t", "b"))
    )
    fields, live = fields_of(Sample), {"started": "arn:s"}
    (stale,) = diff(fields, _views({"started": two}, live, {"started": one}))
    assert (stale.cls, stale.cause, stale.note) == (
        "write_only_stale", "pending", "new secret version",
    )  # fmt: skip
    for began, classes in ((999, ["write_only_stale"]), (1001, [])):
        views = _views({"started": two}, live, {"started": one}, raw={"started": began})
        assert [c.cls for c in diff(fields, views)] == classes
    for last in (None, {}, {"started": "arn:s"}, {"started": two}, {"started": other}):
        assert diff(fields, _views({"started": two}, live, last)) == []
    (another,) = diff(fields, _views({"started": other}, live, {"started": one}))
    assert (another.cls, another.cause) == ("differs", "pending")


def test_a_part_that_is_taken_out_of_the_file_ends() -> None:
    live, ours = {"part": {"size": 1}}, {"part": {"size": 1}}
    (gone,) = diff(fields_of(Sample), _views({}, live, ours))
    assert (gone.path, gone.cls, gone.cause, gone.wanted) == ("part", "differs", "pending", None)
    (both,) = diff(fields_of(Sample), _views({}, {"part": {"size": 2}}, ours))
    assert (both.cls, both.cause) == ("differs", "both")
    for never in ({}, None):
        (theirs,) = diff(fields_of(Sample), _views({}, live, never))
        assert (theirs.path, theirs.cls) == ("part.size", "undeclared")
    assert diff(fields_of(Sample), _views({}, {}, ours)) == []


def test_an_unresolved_reference_is_no_drift() -> None:
    held = {"scalar": "x"}
    views = _views({"scalar": "${DBInstance.main.endpoint.address}"}, held, held)
    (change,) = diff(fields_of(Sample), views)
    assert (change.cls, change.is_drift) == ("unknown", False)


def _views(desired: dict[str, Any], live: dict[str, Any], last: Any, **more: Any) -> Views:
    return Views(
        desired, live, last, more.get("pending", {}), more.get("failed", {}),
        more.get("unknown", {}), Situation(desired, live, more.get("raw", {})),
    )  # fmt: skip
