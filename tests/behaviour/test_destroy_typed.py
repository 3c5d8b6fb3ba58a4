"""`plumbline destroy` as somebody types it."""

from __future__ import annotations

import pytest

from tests.plane import Plane, small
from tests.stack import Person

HERE = ("--stack", "plumbline", "--poll", "0")


@pytest.fixture
def person(plane: Plane) -> Person:
    made = Person(plane)
    plane.publish(small())
    plane.converge()
    return made


def names(person: Person) -> list[str]:
    person.plane.world.clock.advance(person.plane.world.max_lag * 2)
    found = person.plane.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return [alarm["AlarmName"] for alarm in found]


def test_it_is_shown_done_and_stays_done(person: Person) -> None:
    code, out, err = person.types("destroy", "shop", *HERE, "--yes")
    assert (code, err) == (0, "")
    assert "- Alarm/errors: to be deleted" in out
    assert "kept LogGroup/app: it holds data (--with-data)" in out
    assert "gone Alarm/errors" in out
    assert "shop: 0 left to delete, 1 kept" in out
    assert "plumbline pause shop --resume" in out
    for _ in range(3):
        person.plane.tick()
    assert names(person) == []
    _, out, _ = person.types("history", "shop", "--stack", "plumbline")
    assert "cloudwatch:DeleteAlarms" in out
    _, out, _ = person.types("status", "shop", "--stack", "plumbline")
    assert "being destroyed, or destroyed, by" in out
    code, out, _ = person.types("destroy", "shop", *HERE, "--yes")
    assert (code, "0 left to delete, 1 kept" in out) == (0, True)


@pytest.mark.parametrize(
    ("typed", "says"),
    [(None, "nobody can be asked here: say --yes"), ("shopp", "nothing was done")],
)
def test_without_its_name_nothing_is_done(person: Person, typed: str | None, says: str) -> None:
    from controller.cli import destroy

    if typed:
        patch = person.plane.patch
        patch.setattr(destroy.sys, "stdin", type("Tty", (), {"isatty": lambda _: True})())
        patch.setattr(destroy.click, "prompt", lambda text, default: typed)
    code, _, err = person.types("destroy", "shop", *HERE)
    assert (code, err.count("\n")) == (1, 1)
    assert says in err
    assert names(person)
    assert person.plane.store.list("pauses/") == []


def test_an_unknown_environment_is_one_clear_line(person: Person) -> None:
    code, _, err = person.types("destroy", "nowhere", *HERE, "--yes")
    assert (code, err.count("\n")) == (1, 1)
    assert person.plane.store.list("pauses/") == []


def test_a_pass_under_way_is_waited_for(person: Person) -> None:
    from controller import lease
    from controller.cli import destroy

    clock = person.plane.world.clock.now
    held = [lease.acquire(person.plane.store, "shop", "a pass", clock)]
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if held:
            held.pop().release(well=False)

    person.plane.patch.setattr(destroy.time, "sleep", sleep)
    code, _, err = person.types("destroy", "shop", *HERE, "--yes")
    assert (code, err) == (0, "")
    assert waited
    assert names(person) == []


def test_with_nothing_to_delete_nothing_is_paused(person: Person) -> None:
    person.plane.publish(small().partition("kind: Alarm")[0].rpartition("---\n")[0])
    person.types("destroy", "shop", *HERE, "--yes")
    person.types("pause", "shop", "--resume", "--stack", "plumbline")
    # Until then the index of tags may tell of what is gone.
    person.plane.world.clock.advance(person.plane.world.max_lag * 2)
    code, out, _ = person.types("destroy", "shop", *HERE, "--yes")
    assert (code, "0 left to delete, 1 kept" in out) == (0, True)
    assert "paused" not in out
    assert person.plane.store.list("pauses/") == []
