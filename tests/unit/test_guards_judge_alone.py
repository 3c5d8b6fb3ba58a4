"""What is judged of all steps together: which come after which, and how much at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.assess import OWNERSHIP
from controller.envelope import Limits
from controller.guards import Veto, judge
from controller.handler import Absent, Action, Present, Unknown
from controller.ownership import Claim
from tests.unit.guarded import CHANGE, CREATE, DELETE, judgement, resource, step

UNREAD = Present({}, {"port": "denied"})
DENIED = Veto("ObservationUnknown", "denied", waiting=True)
FREE = replace(CHANGE, changes=("class",))
Told = tuple[str, Action]


def judged(resources: dict[str, Any], *steps: Told, **known: Any) -> list[Veto | None]:
    """The veto of each step."""
    known.setdefault("creating", frozenset(key for key, action in steps if action.creates))
    made = [step(action, key) for key, action in steps]
    vetoes = judge(made, judgement(resources, **known))
    assert set(vetoes) <= {s.id for s in made}
    return [vetoes.get(s.id) for s in made]


def named(name: str, *after: str, action: Action = FREE, **more: Any) -> Action:
    return replace(action, step=name, after=after, **more)


def test_what_comes_after_a_vetoed_step_waits_for_what_that_waits_for() -> None:
    found = judged(
        {"A/a": resource(UNREAD), "B/b": resource()},
        ("A/a", named("free")),
        ("A/a", named("bad", action=CHANGE)),
        ("A/a", named("then", "free", "bad")),
        ("A/a", named("last", "then")),
        ("A/a", named("other", "free")),
        ("A/a", named("own", "then", action=CHANGE)),
        ("B/b", named("elsewhere", "bad")),
    )
    after = replace(DENIED, message="comes after bad: denied")
    last = replace(DENIED, message="comes after then: comes after bad: denied")
    assert found == [None, DENIED, after, last, None, DENIED, None]


def test_what_comes_after_what_waits_for_a_person_does_not_wait() -> None:
    first = named("one", risk="destructive")
    found = judged({"A/a": resource()}, ("A/a", first), ("A/a", named("two", "one")))
    why = "rds:ModifyDBInstance is destructive: approve it, or retain it"
    assert found == [
        Veto("ApprovalRequired", why),
        Veto("ApprovalRequired", f"comes after one: {why}"),
    ]


def test_one_step_a_pass_disturbs_a_resource() -> None:
    both = {"A/a": resource(UNREAD), "B/b": resource()}
    once = Veto("OneDisruptiveStep", "one disruptive step a pass", waiting=True)
    for risk in ("disruptive", "irreversible"):
        found = judged(
            both,
            ("A/a", named("unread", action=CHANGE, risk=risk)),
            ("A/a", named("one", risk=risk)),
            ("A/a", named("safe")),
            ("A/a", named("two", risk="disruptive")),
            ("A/a", named("three", risk=risk)),
            ("A/a", named("too", action=CHANGE, risk=risk)),
            ("B/b", named("one", risk=risk)),
            ("B/b", named("after", "one")),
        )
        assert found == [DENIED, None, None, once, once, DENIED, None, None]


def test_what_is_not_made_after_all_makes_nothing_else_possible() -> None:
    def both(observation: Any) -> list[Veto | None]:
        base = resource(observation, handler={"instant": True})
        upon = resource(Absent(), manifest={"depends_on": ("A/a",)})
        return judged(
            {"A/a": base, "B/b": upon},
            ("A/a", named("tune", action=CHANGE)), ("A/a", CREATE), ("B/b", CREATE),
            creating=frozenset({"A/a", "B/b"}),
        )  # fmt: skip

    assert both(Absent()) == [None, None, None]
    lost = Veto("DependencyNotReady", "waits for A/a: not there yet", waiting=True)
    assert both(Unknown("denied")) == [DENIED, DENIED, lost]


def test_a_vetoed_change_takes_nothing_from_what_is_made() -> None:
    base = resource(Absent(), handler={"instant": True})
    upon = resource(Absent(), manifest={"depends_on": ("A/a",)})
    vetoed = named("wipe", risk="destructive")
    found = judged(
        {"A/a": base, "B/b": upon}, ("A/a", CREATE), ("A/a", vetoed), ("B/b", CREATE),
    )  # fmt: skip
    assert [v and v.reason for v in found] == [None, "ApprovalRequired", None]


def test_what_prepares_another_waits_with_it() -> None:
    found = judged(
        {"A/a": resource(UNREAD)},
        ("A/a", named("first", prepares=True)),
        ("A/a", named("second", "first", prepares=True)),
        ("A/a", named("last", "second", action=CHANGE)),
    )
    before = replace(DENIED, message="comes before last: denied")
    assert found == [
        replace(DENIED, message="comes before second: comes before last: denied"), before, DENIED
    ]  # fmt: skip


def test_why_it_waits_is_what_the_first_of_them_waits_for() -> None:
    ask = named("ask", "prepare", risk="destructive")
    read = named("read", "prepare", action=CHANGE)
    late = named("late", "prepare", action=CHANGE)
    why = "rds:ModifyDBInstance is destructive: approve it, or retain it"
    asked = Veto("ApprovalRequired", why)
    for order, expected in (
        ((ask, read, late), replace(asked, message=f"comes before ask: {why}")),
        ((read, late, ask), replace(DENIED, message="comes before read: denied")),
    ):
        found = judged(
            {"A/a": resource(UNREAD)},
            ("A/a", named("prepare", prepares=True)), *(("A/a", action) for action in order),
        )  # fmt: skip
        assert found[0] == expected


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        ((("A/a", named("p")), ("A/a", named("x", "p", action=CHANGE))), None),
        ((("A/a", named("p", prepares=True)),), None),
        ((("A/a", named("p", prepares=True)), ("A/a", named("x", "p"))), None),
        ((("A/a", named("p", prepares=True)), ("A/a", named("x", action=CHANGE))), None),
        ((("A/a", named("p", prepares=True)), ("A/a", named("x", "p", action=CHANGE)),
          ("A/a", named("y", "p"))), None),
        ((("A/a", named("p", prepares=True)), ("B/b", named("x", "p", action=CHANGE))), None),
        ((("A/a", named("p", action=CHANGE, prepares=True)), ("A/a", named("x", "p"))), DENIED),
    ],
)  # fmt: skip
def test_what_need_not_wait_does_not(steps: tuple[Told, ...], first: Veto | None) -> None:
    resources = {"A/a": resource(UNREAD), "B/b": resource(UNREAD)}
    assert judged(resources, *steps)[0] == first


def blast(name: str, number: int, allowed: Any) -> Veto:
    return Veto(
        "BlastRadius", f"{number} resources at once, allowed {allowed} (spec.limits.{name})"
    )


def upto(**said: Any) -> Limits:
    """As the file says them."""
    return Limits.model_validate(said)


def many(number: int, it: Any = None) -> dict[str, Any]:
    return {f"A/{at}": it or resource() for at in range(number)}


NONE = {"maxChanges": 0, "maxDeletes": 0, "maxDisruptive": 0}


@pytest.mark.parametrize(
    ("allowed", "there", "changed", "trips"),
    [
        (2, 4, 2, False), (2, 4, 3, True), (0, 4, 1, True), ("50%", 4, 2, False),
        ("50%", 4, 3, True), ("100%", 1, 1, False), ("34%", 3, 2, False), ("33%", 3, 2, True),
    ],
)  # fmt: skip
def test_so_many_changes_at_once(allowed: Any, there: int, changed: int, trips: bool) -> None:
    steps = [(f"A/{at}", CHANGE) for at in range(changed)]
    found = judged(many(there), *steps, limits=upto(maxChanges=allowed))
    assert found == [blast("maxChanges", changed, allowed) if trips else None] * changed


def test_what_goes_is_no_part_of_the_whole() -> None:
    gone = frozenset({"A/2", "A/3"})
    half = upto(maxChanges="50%")
    found = judged(many(4), ("A/0", CHANGE), ("A/1", CHANGE), limits=half, removed=gone)
    assert found == [blast("maxChanges", 2, "50%")] * 2
    all_of_it = upto(maxDeletes="100%")
    deletes = [(f"A/{at}", DELETE) for at in range(2)]
    found = judged(many(2), *deletes, limits=all_of_it, removed=frozenset(many(2)))
    assert found == [blast("maxDeletes", 2, "100%")] * 2
    found = judged(many(1), deletes[0], limits=all_of_it, removed=frozenset(many(1)))
    assert found == [None]


def test_deletes_count_by_themselves() -> None:
    two, gone = [("A/0", DELETE), ("A/1", DELETE)], frozenset({"A/0", "A/1"})
    assert judged(many(3), *two, limits=upto(maxChanges=0), removed=gone) == [None] * 2
    found = judged(many(3), *two, ("A/2", CHANGE), limits=upto(maxDeletes=1), removed=gone)
    assert found == [blast("maxDeletes", 2, 1)] * 3
    assert judged(many(3), *two, limits=upto(maxDeletes=0)) == [None] * 2
    found = judged(many(3), *two, limits=upto(maxChanges=1))
    assert found == [blast("maxChanges", 2, 1)] * 2
    change = ("A/0", CHANGE)
    assert judged(many(3), change, limits=upto(maxDeletes=0), removed=gone) == [None]
    found = judged(many(3), change, limits=upto(maxChanges=0), removed=gone)
    assert found == [blast("maxChanges", 1, 0)]


def test_what_disturbs_counts_besides() -> None:
    for risk in ("disruptive", "irreversible"):
        steps = [(f"A/{at}", replace(CHANGE, risk=risk)) for at in range(2)]
        assert judged(many(3), *steps, limits=upto(maxDisruptive=2)) == [None] * 2
        found = judged(many(3), *steps, ("A/2", CHANGE), limits=upto(maxDisruptive=1))
        assert found == [blast("maxDisruptive", 2, 1)] * 3
    assert judged(many(1), ("A/0", CHANGE), limits=upto(maxDisruptive=0)) == [None]


def test_a_new_thing_is_free_and_one_that_vanished_is_not() -> None:
    none = upto(**NONE)
    assert judged(many(1, resource(Absent())), ("A/0", CREATE), limits=none) == [None]
    for it in (resource(Absent(), vanished=True), resource(), resource(vanished=True)):
        found = judged(many(1, it), ("A/0", CREATE), limits=none)
        assert found == [blast("maxChanges", 1, 0)]


def test_the_tags_of_what_is_taken_over_are_free() -> None:
    def free(paths: Any, claim: Claim = Claim.NOBODY) -> bool:
        it = resource(claim=claim, lifecycle={"adopt": True})
        tag = replace(CHANGE, changes=tuple(paths))
        found = judged(many(1, it), ("A/0", tag), limits=upto(**NONE))
        assert found in ([None], [blast("maxChanges", 1, 0)])
        return found == [None]

    marks = sorted(OWNERSHIP)
    assert free(marks)
    assert free(marks[:1])
    assert not free([*marks, "port"])
    assert not free(["port"])
    assert not free([])
    assert not free(marks, Claim.OURS)
    assert not free(["port"], Claim.OURS)


def test_what_is_vetoed_anyway_does_not_count() -> None:
    both = {"A/a": resource(UNREAD), "B/b": resource()}
    steps = ("A/a", CHANGE), ("B/b", CHANGE)
    assert judged(both, *steps, limits=upto(maxChanges=1)) == [DENIED, None]
    found = judged(both, *steps, limits=upto(maxChanges=0))
    assert found == [DENIED, blast("maxChanges", 1, 0)]


def test_two_steps_of_one_resource_count_once() -> None:
    steps = ("A/0", CHANGE), ("A/0", FREE)
    assert judged(many(1), *steps, limits=upto(maxChanges=1)) == [None, None]
