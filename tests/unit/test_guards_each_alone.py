"""Guards one at a time: each condition both ways, each boundary, each word that is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller import guards
from controller.approval import token
from controller.diff import Change, Entry
from controller.guards import Veto
from controller.handler import Absent, Action, Observation, Present, Readiness, Unknown
from controller.inventory import BORN, Record, digest
from controller.kindlib.reading import ENVIRONMENT_TAG
from controller.ownership import Claim
from controller.windows import Season
from tests.unit.guarded import (
    CHANGE,
    CREATE,
    DELETE,
    KEY,
    change,
    judgement,
    resource,
    says,
    step,
)

DRIFT, PENDING = change(), change(cause="pending")
DISRUPTIVE = replace(CHANGE, risk="disruptive")
DESTRUCTIVE = replace(CHANGE, risk="destructive")
IRREVERSIBLE = replace(CHANGE, risk="irreversible")
REMOVED = frozenset({KEY})
TEN = 36_000.0
"""Ten o'clock."""


def test_the_numbers_and_lists_that_others_go_by() -> None:
    assert (guards.TRIES, guards.BETWEEN_TRIES_S) == (3, (60, 600))
    assert (guards.CONTESTED, guards.CALM_S, guards.LONGEST_CALM_S) == (3, 600, 6 * 3600)
    assert guards.DISRUPTIVE == ("disruptive", "irreversible")
    assert guards.CALENDAR == ("Frozen", "OutsideWindow")


def test_what_is_not_said_of_a_veto_and_of_what_is_known() -> None:
    assert not Veto("Paused", "").waiting
    known = judgement({})
    assert (known.approved, known.season, known.now) == ((), Season(), 0.0)


@pytest.mark.parametrize(
    ("paused", "mode", "own", "why"),
    [
        ("", "enforce", "enforce", None),
        ("", "observe", "observe", None),
        ("by Ann", "enforce", "enforce", "by Ann"),
        ("by Ann", "paused", "paused", "by Ann"),
        ("", "paused", "enforce", "mode: paused"),
        ("", "enforce", "paused", "mode: paused"),
        ("", "paused", "paused", "mode: paused"),
    ],
)
def test_pause(paused: str, mode: str, own: str, why: str | None) -> None:
    it = resource(lifecycle={"mode": own})
    found = says(guards.pause, it, paused=paused, mode=mode)
    assert found == (None if why is None else Veto("Paused", why))


def test_observe_of_the_environment_or_of_the_resource() -> None:
    for mode, own in (("observe", "enforce"), ("enforce", "observe"), ("observe", "observe")):
        it = resource(lifecycle={"mode": own})
        assert says(guards.mode, it, mode=mode) == Veto("ObserveMode", "mode: observe")
    for mode in ("enforce", "paused"):
        assert says(guards.mode, resource(lifecycle={"mode": mode}), mode=mode) is None


@pytest.mark.parametrize(
    ("action", "it", "undone"),
    [
        (CHANGE, resource(changes=(DRIFT,)), True),
        (CHANGE, resource(changes=(DRIFT, change("tags", "pending"))), True),
        (CHANGE, resource(changes=(PENDING,)), False),
        (CHANGE, resource(changes=(PENDING, change("tags", "drift"))), False),
        (CHANGE, resource(changes=(change(cause="both"),)), False),
        (replace(CHANGE, changes=("port", "tags")),
         resource(changes=(DRIFT, change("tags", "pending"))), False),
        (CHANGE, resource(changes=()), False),
        (CHANGE, resource(changes=(change("tags", "drift"),)), False),
        (CREATE, resource(Absent(), vanished=True), True),
        (CREATE, resource(Absent()), False),
        (CHANGE, resource(Absent(), changes=(DRIFT,)), False),
        (CHANGE, resource(vanished=True, changes=(PENDING,)), False),
    ],
)  # fmt: skip
def test_in_a_freeze_only_drift_is_undone_and_only_where_it_says_so(
    action: Action, it: Any, undone: bool
) -> None:
    veto = Veto("Frozen", "holidays", waiting=True)
    mends = Season("holidays", repairs=True)
    assert says(guards.freeze, it, action, season=mends) == (None if undone else veto)
    assert says(guards.freeze, it, action, season=Season("holidays")) == veto
    assert says(guards.freeze, it, replace(action, risk="disruptive"), season=mends) == veto
    assert says(guards.freeze, it, action, season=Season()) is None
    assert says(guards.freeze, it, action, season=Season(repairs=True, closed="till two")) is None


def test_only_what_nobody_notices_is_done_outside_a_window() -> None:
    closed = Season(closed="till two")
    veto = Veto("OutsideWindow", "till two", waiting=True)
    for action in (DISRUPTIVE, DESTRUCTIVE, IRREVERSIBLE):
        assert says(guards.window, action=action, season=closed) == veto
        assert says(guards.window, action=action, season=Season("holidays")) is None
    assert says(guards.window, action=CHANGE, season=closed) is None


OTHERS = Veto("NotOwned", "its tags say that another environment or resource owns it")
NOBODYS = "env-main exists and was not made here; lifecycle.adopt: true takes it"
UNTOLD = Veto("OwnershipUnknown", "its tags could not be read", waiting=True)


@pytest.mark.parametrize(
    ("claim", "veto", "adopting"),
    [
        (Claim.OURS, None, None),
        (Claim.UNKNOWN, UNTOLD, UNTOLD),
        (Claim.NOBODY, Veto("NotOwned", NOBODYS), None),
        (Claim.OTHER, OTHERS, OTHERS),
    ],
)
def test_ownership(claim: Claim, veto: Veto | None, adopting: Veto | None) -> None:
    assert says(guards.ownership, resource(claim=claim)) == veto
    adopted = resource(claim=claim, lifecycle={"adopt": True})
    assert says(guards.ownership, adopted) == adopting
    forbidden = resource(Present({"forbidden": "made by AWS"}), claim=claim)
    assert says(guards.ownership, forbidden) == Veto("NotOwned", "made by AWS")
    for unseen in (Absent(), Unknown("denied")):
        assert says(guards.ownership, resource(unseen, claim=claim)) is None


def test_what_only_a_memory_could_tell_to_be_ours() -> None:
    it = resource(claim=Claim.NOBODY, handler={"held_by": "inventory"})
    assert guards.not_owned(it) == (
        "env-main exists and nothing here remembers having made it (AWS keeps no tags of it); "
        "lifecycle.adopt: true takes it"
    )


@pytest.mark.parametrize(
    ("observation", "paths", "removed", "why"),
    [
        (Unknown("throttled"), (), False, "throttled"),
        (Absent(), ("port",), True, None),
        (Present({}), ("port",), True, None),
        (Present({}, {"users": "denied", "tags": "late"}), (), True, "denied"),
        (Present({}, {"users": "denied"}), ("port",), False, None),
        (Present({}, {"users": "denied"}), (), False, None),
        (Present({}, {"port": "denied"}), ("tags", "port"), False, "denied"),
        (Present({}, {"logs": "denied"}), ("logs.bucket",), False, "denied"),
        (Present({}, {"bucket": "denied"}), ("logs.bucket",), False, None),
        (Present({}, {"rules": "denied"}), ("rules[a]",), False, "denied"),
        (Present({}, {"rules": "denied"}), ("rules[a.b].port",), False, "denied"),
        (Present({}, {"a]": "denied"}), ("rules[a]",), False, None),
    ],
)
def test_evidence(
    observation: Observation, paths: tuple[str, ...], removed: bool, why: str | None
) -> None:
    found = says(
        guards.evidence, resource(observation), replace(CHANGE, changes=paths),
        removed=REMOVED if removed else frozenset({"Other/x"}),
    )  # fmt: skip
    assert found == (why and Veto("ObservationUnknown", why, waiting=True))


ASK = Veto(
    "ApprovalRequired", "rds:ModifyDBInstance is destructive: approve it, or retain it"
)  # fmt: skip
ASK_ABOUT_DRIFT = Veto(
    "ApprovalRequired",
    "rds:ModifyDBInstance can't be taken back and no commit asks for it: approve it, or change the "
    "file",
)


@pytest.mark.parametrize(
    ("action", "changes", "removed", "holds_data", "veto"),
    [
        (CHANGE, (DRIFT,), False, True, None),
        (DISRUPTIVE, (DRIFT,), False, False, None),
        (DESTRUCTIVE, (), False, True, ASK),
        (DESTRUCTIVE, (), False, False, ASK),
        (DESTRUCTIVE, (), True, True, ASK),
        (DESTRUCTIVE, (), True, False, None),
        (DESTRUCTIVE, (PENDING,), False, True, ASK),
        (IRREVERSIBLE, (), False, True, None),
        (IRREVERSIBLE, (PENDING,), False, True, None),
        (IRREVERSIBLE, (PENDING, change("tags")), False, True, None),
        (IRREVERSIBLE, (DRIFT,), False, True, ASK_ABOUT_DRIFT),
        (IRREVERSIBLE, (DRIFT,), True, False, ASK_ABOUT_DRIFT),
        (IRREVERSIBLE, (DRIFT, change("tags", "pending")), False, True, ASK_ABOUT_DRIFT),
        (IRREVERSIBLE, (DRIFT, PENDING), False, True, ASK_ABOUT_DRIFT),
        (IRREVERSIBLE, (change(cause="both"),), False, True, ASK_ABOUT_DRIFT),
    ],
)
def test_approval(
    action: Action, changes: tuple[Change, ...], removed: bool, holds_data: bool, veto: Veto | None
) -> None:
    it = resource(changes=changes, handler={"holds_data": holds_data})
    gone = REMOVED if removed else frozenset()
    right = token(step(action), it)
    assert says(guards.approval, it, action, removed=gone) == veto
    assert says(guards.approval, it, action, removed=gone, approved=("another",)) == veto
    assert says(guards.approval, it, action, removed=gone, approved=("another", right)) is None


@pytest.mark.parametrize("name", ["deletionProtection", "deletionProtectionEnabled"])
def test_deletion_protection(name: str) -> None:
    it, guard = resource(live={name: True}), guards.deletion_protection
    on = Veto("DeletionProtected", "deletion protection is on")
    assert says(guard, it, DELETE, removed=REMOVED) == on
    assert says(guard, it, DELETE) is None
    assert says(guard, it, CHANGE, removed=REMOVED) is None
    assert says(guard, resource(live={name: False}), DELETE, removed=REMOVED) is None
    assert says(guard, resource(), DELETE, removed=REMOVED) is None


RAW = {"class": "db.t4g.micro"}
BEFORE = Record("env-main", synced=digest(RAW))


def defaults(*changes: Change, written: Any = ("class",), record: Any = BEFORE, **more: Any) -> Any:
    it = resource(
        changes=changes, handler={"beside": ("policy",)},
        manifest={"raw": RAW, "written": frozenset(written)},
    )  # fmt: skip
    action = replace(CHANGE, changes=("port", "tags[a]", "policy"))
    if more.pop("approve", False):
        more["approved"] = (token(step(action), it),)
    return says(guards.defaults, it, action, records={KEY: record} if record else {}, **more)


def test_another_release_that_reads_the_same_file_differently_does_nothing() -> None:
    veto = Veto(
        "DefaultsChanged",
        "port is not in the file, and this release of Plumbline reads the file differently: write "
        "the value that you want, or approve this one",
    )
    for cause in ("pending", "both"):
        assert defaults(change(cause=cause)) == veto
        assert defaults(change(cause=cause), approved=("another",)) == veto
        assert defaults(change(cause=cause), approve=True) is None
    assert defaults(change("class", "pending"), DRIFT, PENDING) == veto
    for cause in ("drift", "baseline-unknown", ""):
        assert defaults(change(cause=cause)) is None
    assert defaults() is None


def test_what_is_no_default_of_ours_is_done() -> None:
    tag = Change(("tags", Entry("a")), None, None, "x", "differs", "pending")
    for other in (tag, change("policy", "pending"), change("elsewhere", "pending")):
        assert defaults(other) is None


def test_a_file_that_is_new_or_was_changed_is_done() -> None:
    for record in (None, Record("env-main"), Record("env-main", synced="another")):
        assert defaults(PENDING, record=record) is None


@pytest.mark.parametrize(
    ("written", "given"),
    [
        (("port",), True), (("port.http",), True), (("port[a]",), True),
        (("class", "port", "zone"), True), (("ports",), False), (("por",), False), ((), False),
    ],
)  # fmt: skip
def test_what_the_file_says_is_no_default(written: tuple[str, ...], given: bool) -> None:
    assert (defaults(PENDING, written=written) is None) == given


@pytest.mark.parametrize("around", ["logs", "logs.to", "rules"])
def test_what_the_file_says_something_around_is_no_default(around: str) -> None:
    inside = [
        Change(("logs", "to", "bucket"), 1, 1, 2, "differs", "pending"),
        Change(("rules", Entry("a", in_list=True)), 1, 1, 2, "differs", "pending"),
    ]
    for one in inside:
        it = resource(changes=(one,), manifest={"raw": RAW, "written": frozenset({around})})
        action = replace(CHANGE, changes=(one.path,))
        found = says(guards.defaults, it, action, records={KEY: BEFORE})
        assert (found is None) == (one.top == around.partition(".")[0])


def waiting(why: str, *, waits: bool = True) -> Veto:
    return Veto("DependencyNotReady", f"waits for Other/x: {why}", waiting=waits)


CREATING = Readiness("in-progress", "creating", "is being created")


@pytest.mark.parametrize(
    ("other", "veto"),
    [
        (resource(), None),
        (resource(Absent()), waiting("not there yet")),
        (resource(Unknown("denied")), waiting("not there yet")),
        (resource(readiness=CREATING), waiting("is being created")),
        (resource(readiness=Readiness("failed", "failed", "broke")), waiting("broke")),
        (resource(readiness=Readiness("failed")), waiting("not there yet")),
    ],
)
def test_nothing_is_made_before_what_it_refers_to(other: Any, veto: Veto | None) -> None:
    needs = {"depends_on": ("Unheard/of", "Other/x")}
    for action, it in (
        (CREATE, resource(manifest=needs)),
        (CHANGE, resource(Absent(), manifest=needs)),
        (CREATE, resource(Absent(), manifest=needs)),
    ):
        assert says(guards.dependencies, it, action, {"Other/x": other}) == veto
    assert says(guards.dependencies, resource(manifest=needs), CHANGE, {"Other/x": other}) is None


def test_what_is_there_at_once_may_be_made_in_the_same_pass() -> None:
    it = resource(Absent(), manifest={"depends_on": ("Other/x",)})
    for instant in (True, False):
        for coming in (frozenset({"Other/x"}), frozenset({KEY})):
            other = resource(Absent(), handler={"instant": instant})
            found = says(guards.dependencies, it, CREATE, {"Other/x": other}, creating=coming)
            fine = instant and "Other/x" in coming
            assert found == (None if fine else waiting("not there yet"))


def test_a_change_waits_for_an_output_it_refers_to() -> None:
    it = resource(manifest={"depends_on": ("Other/x",)})
    refers = replace(CHANGE, params={"Id": "${Other.x.id}"})
    for outputs in ({}, {"id": "i-1"}):
        for seen in (resource(outputs=outputs), resource(Absent(), outputs=outputs)):
            found = says(guards.dependencies, it, refers, {"Other/x": seen})
            veto = Veto("DependencyNotReady", "waits for Other/x", waiting=True)
            assert found == (None if outputs else veto)
            assert says(guards.dependencies, it, CHANGE, {"Other/x": seen}) is None


@pytest.mark.parametrize(
    ("other", "veto"),
    [
        (resource(), None),
        *((resource(changes=(change(cls=cls),)), None) for cls in ("undeclared", "owned")),
        (resource(changes=(change(cls="in_flight"), change(cls="owned"))), None),
        (resource(Absent()), waiting("not there yet")),
        (resource(Unknown("denied")), waiting("not there yet")),
        (resource(readiness=CREATING), waiting("is being created")),
        (resource(readiness=CREATING, changes=(DRIFT,)), waiting("is being created")),
        (resource(readiness=Readiness("failed", "", "broke")), waiting("broke", waits=False)),
        (resource(problem="no such"), waiting("no such", waits=False)),
        (resource(Absent(), problem="no such"), waiting("no such", waits=False)),
        *((resource(changes=(change(cls="owned"), change(cls=cls))),
           waiting("it is to be changed first")) for cls in ("differs", "immutable", "failed")),
    ],
)  # fmt: skip
def test_what_the_file_says_to_wait_for(other: Any, veto: Veto | None) -> None:
    needs = {"depends_on": ("Unheard/of", "Other/x")}
    both = replace(CHANGE, changes=("port", "tags"))
    for action, it in (
        (CREATE, resource(lifecycle=needs)),
        (CHANGE, resource(Absent(), lifecycle=needs)),
        (CHANGE, resource(changes=(PENDING,), lifecycle=needs)),
        (both, resource(changes=(DRIFT, change("tags", "pending")), lifecycle=needs)),
    ):
        assert says(guards.awaited, it, action, {"Other/x": other}) == veto
    for changes in (
        (),
        (DRIFT,),
        (DRIFT, change("tags", "pending")),
        (change(cause="pending", cls="write_only_stale"),),
    ):
        it = resource(changes=changes, lifecycle=needs)
        assert says(guards.awaited, it, CHANGE, {"Other/x": other}) is None


def test_what_is_busy_is_left_alone() -> None:
    assert says(guards.modifiable) is None
    veto = Veto("InProgress", "rebooting", waiting=True)
    assert says(guards.modifiable, resource(busy="rebooting")) == veto


SPEC = {"port": 3}
WISHES = resource(manifest={"spec": SPEC})


def tried(times: int, **more: Any) -> dict[str, Any]:
    """Records of an action that was tried at ten, the last time."""
    found: dict[str, Any] = {
        "attempts": {"f": times}, "tried_at": {"f": TEN}, "wish": digest(SPEC)
    }  # fmt: skip
    return {KEY: Record("env-main", **{**found, **more})}


def test_a_fourth_try_is_not_made() -> None:
    told = "rds:ModifyDBInstance was tried 3 times, {}: waits for a changed desired state"
    still = Veto("NotConverging", told.format("the difference is still there"))
    refused = Veto("NotConverging", told.format("AWS said: no"))
    for times in (0, 1, 2):
        assert says(guards.three_tries, WISHES, records=tried(times)) is None
    for times in (3, 4):
        assert says(guards.three_tries, WISHES, records=tried(times)) == still
        assert says(guards.three_tries, WISHES, records=tried(times, refusal="no")) == refused
    for other in ({"wish": digest({})}, {"attempts": {"another": 3}}):
        assert says(guards.three_tries, WISHES, records=tried(3, **other)) is None
    assert says(guards.three_tries, WISHES) is None


@pytest.mark.parametrize(
    ("times", "pause_s", "told"),
    [
        (1, 60, "tried 1 times, next at 10:01 UTC"),
        (2, 600, "tried 2 times, next at 10:10 UTC"),
    ],
)
def test_a_second_and_a_third_try_wait(times: int, pause_s: int, told: str) -> None:
    records, again = tried(times), TEN + pause_s
    for now in (TEN, again - 0.5):
        found = says(guards.backoff, WISHES, records=records, now=now)
        assert found == Veto("BackingOff", told, waiting=True)
        refused = says(guards.backoff, WISHES, records=tried(times, refusal="no"), now=now)
        assert refused == Veto("BackingOff", f"{told}; AWS said: no")
    for now in (again, again + 1):
        assert says(guards.backoff, WISHES, records=records, now=now) is None


def test_other_tries_wait_for_nothing() -> None:
    for times, other in ((0, {}), (3, {}), (4, {}), (1, {"wish": digest({})})):
        assert says(guards.backoff, WISHES, records=tried(times, **other), now=TEN) is None
    assert says(guards.backoff, WISHES, now=TEN) is None
    for now, waits in ((59.5, True), (60.0, False)):
        found = says(guards.backoff, WISHES, records=tried(1, tried_at={}), now=now)
        assert (found is not None) == waits


@pytest.mark.parametrize(
    ("times", "calm_s", "next_at"),
    [
        (3, 600, "10:10"),
        (4, 1200, "10:20"),
        (5, 2400, "10:40"),
        (6, 4800, "11:20"),
        (8, 19_200, "15:20"),
        (9, 21_600, "16:00"),
        (12, 21_600, "16:00"),
    ],
)
def test_a_fight_calms_down(times: int, calm_s: int, next_at: str) -> None:
    at = [TEN - 100.0 * ago for ago in reversed(range(times))]
    records = {KEY: Record("env-main", undone_at={"f": at})}
    again = TEN + calm_s
    for now in (TEN, again - 0.5):
        found = says(guards.contested, action=DISRUPTIVE, records=records, now=now)
        assert found == Veto(
            "Contested",
            f"undone {times} times within a day, and somebody does it again each time: next at "
            f"{next_at} UTC",
        )
        assert says(guards.contested, action=CHANGE, records=records, now=now) is None
    for now in (again, again + 1):
        assert says(guards.contested, action=DISRUPTIVE, records=records, now=now) is None


def test_what_is_no_fight_yet_is_undone() -> None:
    for undone in ({}, {"f": [TEN] * 2}, {"another": [TEN] * 3}, {"f": [TEN - 86_400, TEN, TEN]}):
        records = {KEY: Record("env-main", undone_at=undone)}
        assert says(guards.contested, action=DISRUPTIVE, records=records, now=TEN) is None
    assert says(guards.contested, action=DISRUPTIVE, now=TEN) is None


def test_an_interval_between_two_changes() -> None:
    def at(now: float, interval_s: int = 3600, observed: Any = None, **record: Any) -> Any:
        it = resource(observed or Present({}), lifecycle={"interval_s": interval_s})
        records = {KEY: Record("env-main", written_at=TEN, **record)}
        return says(guards.interval, it, records=records, now=now)

    veto = Veto("TooSoon", "lifecycle.interval: next at 11:00 UTC", waiting=True)
    for now in (TEN - 1, TEN, TEN + 3599.5):
        assert at(now) == veto
        assert at(now, settling=["port"]) == veto
        assert at(now, interval_s=0) is None
        assert at(now, observed=Absent()) is None
        assert at(now, settling=["port", BORN]) is None
    for now in (TEN + 3600, TEN + 3601):
        assert at(now) is None
    assert says(guards.interval, resource(lifecycle={"interval_s": 3600}), now=TEN) is None


OLD = "DBInstance/old"
SECRET = "arn:aws:secretsmanager:x"
MADE = {"port": 3, "password": f"{SECRET}#{'a' * 32}@1", "tags": {"a": "1"}}


def renamed(
    action: Action = CREATE, spec: Any = None, other: Any = None, record: Any = None, **it: Any
) -> Veto | None:
    it["target"] = {"spec": MADE if spec is None else spec, "tags": {ENVIRONMENT_TAG: "live"}} | (
        it.get("target", {})
    )
    gone = {OLD: other or resource(target={"name": "env-old"})}
    kept = {OLD: record or Record("env-old", last=MADE)}
    removed = frozenset({OLD})
    made = resource(Absent(), **it)
    return says(guards.rename, made, action, gone, records=kept, removed=removed)


TWICE = Veto(
    "Renamed",
    "DBInstance/old (env-old) has just this spec and lost its manifest: call it old again, or "
    "`plumbline release live DBInstance/old` first",
)


def test_a_new_name_makes_no_second_thing_of_the_kind() -> None:
    assert renamed() == TWICE
    assert renamed(CHANGE) is None
    for instant, holds_data in ((False, False), (True, True), (False, True)):
        assert renamed(handler={"instant": instant, "holds_data": holds_data}) == TWICE
    assert renamed(handler={"instant": True, "holds_data": False}) is None


def test_the_same_but_for_tags_and_the_version_of_a_secret() -> None:
    assert renamed(spec={**MADE, "tags": {"a": "2"}}) == TWICE
    assert renamed(spec={**MADE, "password": f"{SECRET}#{'b' * 32}@2"}) == TWICE
    assert renamed(spec={k: v for k, v in MADE.items() if k != "tags"}) == TWICE
    for spec in ({**MADE, "port": 4}, {**MADE, "more": 1}, {}, {"tags": MADE["tags"]}):
        assert renamed(spec=spec) is None


def test_another_thing_is_made() -> None:
    assert renamed(other=resource(manifest={"kind": "DBCluster"})) is None
    for claim in (Claim.NOBODY, Claim.OTHER, Claim.UNKNOWN):
        assert renamed(other=resource(claim=claim)) is None
    assert renamed(record=Record("env-old")) is None
    assert renamed(record=Record("env-old", last={}), spec={}) is None
    it = resource(Absent(), target={"spec": MADE})
    gone = {OLD: resource(target={"name": "env-old"})}
    assert says(guards.rename, it, CREATE, gone, removed=frozenset({OLD})) is None
    assert says(guards.rename, it, CREATE, gone, records={OLD: Record("x", last=MADE)}) is None


def test_of_several_the_first_by_name_is_told() -> None:
    it = resource(Absent(), target={"spec": MADE})
    keys = ("DBInstance/c", "DBInstance/b", "DBInstance/a")  # a set would be in any order
    found = says(
        guards.rename, it, CREATE, {key: resource() for key in keys},
        records={key: Record("x", last=MADE) for key in keys[1:]}, removed=keys,
    )  # fmt: skip
    assert found == Veto(
        "Renamed",
        "DBInstance/a (env-main) has just this spec and lost its manifest: call it a again, or "
        "`plumbline release ENVIRONMENT DBInstance/a` first",
    )
