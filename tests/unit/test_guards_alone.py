"""I6: guards by themselves, where in a whole pass something else would stand in the way too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.diff import Change
from controller.guards import judge
from controller.handler import Absent, Action, Present, Readiness, Unknown
from tests.unit.guarded import CHANGE, CREATE, DELETE, KEY, judgement, resource, step


def reasons(*actions: Action, it: Any = None, orphan: bool = False, **others: Any) -> list[str]:
    """Why each action may not be made; empty if it may."""
    steps = [step(a) for a in actions]
    known = judgement(
        {KEY: it or resource(), **others},
        creating=frozenset(s.key for s in steps if s.action.creates),
        removed=frozenset({KEY} if orphan else ()),
    )
    vetoes = judge(steps, known)
    return [vetoes[s.id].reason if s.id in vetoes else "" for s in steps]


def test_without_a_reason_it_may() -> None:
    assert reasons(CHANGE) == [""]


def test_a_part_that_was_not_read_is_not_written() -> None:
    assert reasons(CHANGE, it=resource(Present({}, {"port": "denied"}))) == ["ObservationUnknown"]
    assert reasons(CHANGE, it=resource(Present({}, {"tags": "denied"}))) == [""]
    inside = replace(CHANGE, changes=("logging.destination", "rules[a].priority"))
    for top in ("logging", "rules"):
        assert reasons(inside, it=resource(Present({}, {top: "?"}))) == ["ObservationUnknown"]


def test_what_was_not_read_is_not_written() -> None:
    assert reasons(CHANGE, it=resource(Unknown("denied"))) == ["ObservationUnknown"]


def test_what_is_protected_is_not_deleted() -> None:
    for name in ("deletionProtection", "deletionProtectionEnabled"):
        it = resource(live={name: True})
        assert reasons(DELETE, it=it, orphan=True) == ["DeletionProtected"]
        assert reasons(DELETE, it=resource(live={name: False}), orphan=True) == [""]


def test_what_is_busy_is_left_alone() -> None:
    assert reasons(CHANGE, it=resource(busy="modifying")) == ["InProgress"]


def test_one_disruptive_step_at_a_time() -> None:
    first = replace(CHANGE, risk="disruptive")
    second = replace(first, step="reboot")
    assert reasons(first, second) == ["", "OneDisruptiveStep"]


def test_nothing_is_made_before_what_it_needs() -> None:
    it = resource(Absent())
    it.resource.depends_on = ("Other/x",)
    coming = resource(readiness=Readiness("in-progress", "creating", "creating"))
    for other in (resource(Absent()), resource(Unknown("denied")), coming):
        assert reasons(CREATE, it=it, **{"Other/x": other}) == ["DependencyNotReady"]
    assert reasons(CREATE, it=it, **{"Other/x": resource()}) == [""]


def test_what_comes_after_a_vetoed_step_is_vetoed() -> None:
    first = replace(CHANGE, changes=("port",))
    then = replace(CHANGE, step="then", changes=("tags",), after=("modify",))
    it = resource(Present({}, {"port": "denied"}))
    assert reasons(first, then, it=it) == ["ObservationUnknown"] * 2


def test_what_the_file_says_to_wait_for_holds_back_what_a_commit_asks_for() -> None:
    def it(cause: str) -> Any:
        made = resource(changes=(Change(("port",), 1, 2, 3, "differs", cause),))
        made.resource.lifecycle.depends_on = ("Other/x",)
        return made

    behind = resource(changes=(Change(("run",), 1, None, 1, "differs", "pending"),))
    running = resource(readiness=Readiness("in-progress", "Running", "run 1"))
    for other in (resource(Absent()), resource(Unknown("denied")), running, behind):
        for cause in ("pending", "both", "baseline-unknown"):
            assert reasons(CHANGE, it=it(cause), **{"Other/x": other}) == ["DependencyNotReady"]
        assert reasons(CHANGE, it=it("drift"), **{"Other/x": other}) == [""]
    assert reasons(CHANGE, it=it("pending"), **{"Other/x": resource()}) == [""]
