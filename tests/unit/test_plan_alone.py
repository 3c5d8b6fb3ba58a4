"""The plan by itself: which actions of which resources, what stays stuck, and in what order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from controller.diff import Change
from controller.handler import Absent, Action, Observation, Present, Unknown
from controller.inventory import Record
from controller.ownership import Claim
from controller.plan import fingerprint, in_any_order, order_for_deletion, plan, plan_one

PORT, TAGS = (Change((top,), 1, 2, 3, "differs", "drift", "a note") for top in ("port", "tags"))
MODIFY = Action("rds", "ModifyDBInstance", {"Port": 3}, ("port",), step="modify")
THERE = Present({})
CREATE = Action("rds", "CreateDBInstance", {}, step="create", creates=True)
DELETE = Action("rds", "DeleteDBInstance", {}, step="delete", deletes=True)


def resource(observation: Observation = THERE, **more: Any) -> Any:
    """What is planned from: its handler tells what it was asked."""

    def asked(target: Any, observed: Observation, changes: Any) -> list[Action]:
        if isinstance(observed, Absent):
            assert changes == ()
            return [CREATE]
        assert isinstance(observed, Present)
        assert changes
        return [MODIFY] if PORT in changes else []

    found = {
        "key": "DBInstance/main", "observation": observation, "claim": Claim.OURS, "problem": "",
        "actionable": (), "target": "target",
        "handler": SimpleNamespace(
            plan=asked, delete=lambda target, observed: [DELETE],
            obstacle=lambda observed, change: "an obstacle" if change is TAGS else "",
        ),
    }  # fmt: skip
    return SimpleNamespace(**{**found, **more})


def test_what_is_planned_for_one() -> None:
    assert plan_one(resource(Absent())) == [CREATE]
    assert plan_one(resource(actionable=(PORT,))) == [MODIFY]
    assert plan_one(resource()) == []
    assert plan_one(resource(Unknown("denied"), actionable=(PORT,))) == []
    assert plan_one(resource(Absent(), problem="it names nothing")) == []


def test_what_no_action_makes_is_stuck_and_explained() -> None:
    found = plan([resource(actionable=(PORT, TAGS))], [])
    assert [step.id for step in found.steps] == ["DBInstance/main#modify"]
    assert found.steps[0].call == "rds:ModifyDBInstance"
    [(key, [left])] = found.stuck.items()
    assert (key, left.path, left.note) == ("DBInstance/main", "tags", "an obstacle")
    assert plan([resource(actionable=(PORT,))], []).stuck == {}
    assert plan([resource()], []).stuck == {}


def test_what_is_not_ours_is_not_stuck() -> None:
    for claim in (Claim.NOBODY, Claim.OTHER, Claim.UNKNOWN):
        assert plan([resource(actionable=(TAGS,), claim=claim)], []).stuck == {}


def test_a_note_stays_where_the_kind_knows_of_no_obstacle() -> None:
    idle = {"plan": lambda *asked: [], "obstacle": lambda observed, change: ""}
    it = resource(actionable=(PORT,), handler=SimpleNamespace(**idle))
    assert plan([it], []).stuck["DBInstance/main"][0].note == "a note"
    it = resource(Unknown("denied"), actionable=(TAGS,))
    assert plan([it], []).stuck["DBInstance/main"][0].note == "a note"


def test_only_what_is_there_and_ours_is_removed() -> None:
    assert [step.action for step in plan([], [resource()]).steps] == [DELETE]
    for other in (resource(Absent()), resource(Unknown("denied")), resource(claim=Claim.NOBODY)):
        assert plan([], [other]).steps == ()


def test_fingerprints() -> None:
    """Kept in the inventory and in approvals: another form would forget both."""
    assert fingerprint("DBInstance/main", MODIFY) == "e6a0d38c6b574f0c"
    tried = (Action("rds", "X", {"A": n}, tried_as="the same") for n in (1, 2))
    assert len({fingerprint("DBInstance/main", a) for a in tried}) == 1
    other = Action("rds", "X", {}, tried_as="another")
    assert fingerprint("DBInstance/main", other) != fingerprint(
        "DBInstance/main", Action("rds", "X", {}, tried_as="the same")
    )


def test_the_same_text_in_any_order() -> None:
    assert in_any_order({"b": [2, 1], "a": ("x",)}) == '{"a": ["x"], "b": [1, 2]}'


def test_what_needs_another_is_removed_before_it() -> None:
    records = {"A/a": Record("a"), "B/b": Record("b", depends_on=["A/a"])}
    assert order_for_deletion(["A/a", "B/b"], records) == ["B/b", "A/a"]
    assert order_for_deletion(["B/b", "A/a"], records) == ["B/b", "A/a"]
    records["A/a"].depends_on = ["B/b"]
    assert order_for_deletion(["B/b", "A/a"], records) == ["B/b", "A/a"]
    assert order_for_deletion(["A/a", "B/b"], records) == ["A/a", "B/b"]
