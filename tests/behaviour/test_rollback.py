"""`plumbline rollback`: the last revision that converged comes back, as a publication like any."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from controller import revisions
from controller.revisions import Revision
from tests.plane import Plane, small
from tests.stack import Person

HERE = ("--stack", "plumbline")


@pytest.fixture
def person(plane: Plane, tmp_path: Path) -> Person:
    """Revisions of 30, 60 and 90 days; while the last one came into force AWS took no change."""
    made = Person(plane)
    for days in (30, 60):
        publish(made, tmp_path / "shop.yaml", days)
        settle(plane, days)
    plane.world.fault("deny", "logs:PutRetentionPolicy")
    publish(made, tmp_path / "shop.yaml", 90)
    while plane.status()["commit"] != "c90":
        plane.tick()
        plane.world.clock.advance(timedelta(minutes=1))
    plane.world.faults.clear()
    assert plane.retention() == 60
    return made


def publish(person: Person, file: Path, days: int) -> None:
    file.write_text(small(days=days))
    words = ("--yes", "--commit", f"c{days}", "--author", "zoe")
    assert person.types("publish", str(file), *HERE, *words)[0] == 0


def settle(plane: Plane, days: int) -> None:
    """Passes until the bucket's file has converged, and AWS shows it."""
    for _ in range(20):
        plane.tick()
        plane.world.clock.advance(timedelta(minutes=1))
        if plane.status()["converged"] and plane.retention() == days:
            return
    pytest.fail(f"not at {days} days: {plane.status()}")


def in_force(person: Person) -> str:
    found = person.plane.store.get("environments/shop.yaml")
    assert found is not None
    return found.body.decode()


def test_the_last_one_that_converged_comes_back(person: Person) -> None:
    code, out, err = person.types("rollback", "shop", *HERE, "--yes")
    assert (code, err) == (0, "")
    assert "commit c60 by zoe" in out
    assert "revert the commit as well" in out
    assert in_force(person) == small(days=60)
    settle(person.plane, 60)
    assert person.plane.status()["commit"] == "rollback to c60"


def test_one_can_be_named_and_all_are_listed(person: Person) -> None:
    _, out, _ = person.types("rollback", "shop", *HERE, "--list")
    first, second, third = [line for line in out.splitlines() if line]
    assert "c90" in first
    assert first.endswith("never converged  in force")
    assert "c60" in second
    assert "c30" in third
    assert "never" not in second + third
    code, out, err = person.types("rollback", "shop", *HERE, "--yes", "--to", "c30")
    assert (code, err) == (0, "")
    settle(person.plane, 30)


def test_who_goes_back_twice_goes_back_further(person: Person) -> None:
    assert person.types("rollback", "shop", *HERE, "--yes")[0] == 0
    settle(person.plane, 60)
    code, out, _ = person.types("rollback", "shop", *HERE, "--yes")
    assert (code, "c30" in out) == (0, True)
    settle(person.plane, 30)
    code, _, err = person.types("rollback", "shop", *HERE, "--yes")
    assert (code, "no earlier revision" in err) == (1, True)
    assert person.types("rollback", "shop", *HERE, "--yes", "--to", "c60")[0] == 0
    settle(person.plane, 60)


@pytest.mark.parametrize(
    ("there", "in_force", "before"),
    [
        ("", "a", ""),
        ("cba", "c", "ba"),
        ("cba", "d", "cba"),
        ("bcba", "b", "a"),
        ("abcba", "a", ""),
        ("acaba", "a", "b"),
        ("acaba", "", "acaba"),
    ],
)
def test_what_lies_before(there: str, in_force: str, before: str) -> None:
    """Newest first. Of one that came back, what was there before it came the first time."""
    found = [Revision(each, each.encode(), "", "", "") for each in there]
    text = in_force.encode() if in_force else None
    assert "".join(r.revision for r in revisions.before(found, text)) == before


def test_from_parameter_store_as_well(plane: Plane, tmp_path: Path) -> None:
    person = Person(plane)
    person.register("  environments: {shop: {mode: enforce, source: parameterStore}}\n")
    for days in (30, 60):
        publish(person, tmp_path / "shop.yaml", days)
        settle(plane, days)
    assert person.types("rollback", "shop", *HERE, "--yes")[0] == 0
    settle(plane, 30)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["shop", "--yes", "--to", "c7"], "found c7, none of that name"),
        (["shop", "--yes", "--to", "c"], "found c, several of them"),
        (["shop"], "nobody can be asked here: say --yes"),
        (["nowhere", "--yes"], "nowhere"),
    ],
)
def test_what_can_not_be_is_one_clear_line(person: Person, args: list[str], says: str) -> None:
    before = in_force(person)
    code, _, err = person.types("rollback", *args, *HERE)
    assert (code, err.count("\n")) == (1, 1)
    assert says in err
    assert in_force(person) == before


def test_the_first_revision_has_none_before_it(plane: Plane, tmp_path: Path) -> None:
    person = Person(plane)
    publish(person, tmp_path / "shop.yaml", 30)
    plane.converge()
    code, _, err = person.types("rollback", "shop", *HERE, "--yes")
    assert code == 1
    assert "no earlier revision is known that converged" in err
