"""I10: the lease by itself: what its object says, and what is read there by whoever comes next."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.aws import CALL_BOUND_S, NotPermitted
from controller.lease import APART, RENEW_S, TTL_S, WORKER, Held, Last, Lease, acquire, last
from controller.store import DirectoryStore, to_body

KEY = "leases/env.json"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def said(store: DirectoryStore) -> dict[str, Any]:
    found = store.get(KEY)
    assert found is not None
    return dict(found.json)


def lay(store: DirectoryStore, body: bytes) -> None:
    """Put an object there, whatever stood there."""
    found = store.get(KEY)
    store.put(KEY, body, found.version if found else None)


def take(store: DirectoryStore, clock: Clock, **more: Any) -> Lease:
    return acquire(store, "env", "me", clock, **more)


def test_it_lasts_longer_than_the_function_and_shorter_than_the_queue_hides_a_message() -> None:
    assert TTL_S == 420
    assert RENEW_S == 30
    assert timedelta(seconds=5) == APART
    assert WORKER == "lambda request"


def test_what_its_object_says(store: DirectoryStore, clock: Clock) -> None:
    lease = take(store, clock, started=NOON - SECOND)
    body = said(store)
    del body["nonce"]
    ends = NOON + timedelta(seconds=TTL_S)
    assert body == {
        "holder": "me", "released": False, "expires": ends.isoformat(),
        "started": (NOON - SECOND).isoformat(), "steady": False, "mark": "", "kept": [],
    }  # fmt: skip
    assert (lease.expires, lease.started, lease.last_started) == (ends, NOON - SECOND, None)
    assert lease.remaining_s() == TTL_S
    lease.release()
    assert said(store)["released"] is True
    assert said(store)["expires"] == NOON.isoformat()
    assert lease.remaining_s() == 0
    assert take(store, clock, steady=True).started == NOON
    assert said(store)["steady"] is True


def test_who_holds_it_and_until_when_is_told(store: DirectoryStore, clock: Clock) -> None:
    first = take(store, clock)
    with pytest.raises(Held, match=r"a pass by me is under way .*12:07:00 UTC") as refused:
        acquire(store, "env", "other", clock)
    assert (refused.value.holder, refused.value.until) == ("me", first.expires)


def test_mark_and_kept_go_on_only_where_all_was_well(store: DirectoryStore, clock: Clock) -> None:
    first = take(store, clock)
    first.mark, first.kept = "m", ["k"]
    first.release(well=True)
    second = take(store, clock)
    assert (second.mark, second.kept) == ("m", ["k"])
    second.release()
    third = take(store, clock)
    assert third.mark not in ("", "m")
    assert third.kept == []


def test_a_lease_of_before_marks_and_kept_is_read(store: DirectoryStore, clock: Clock) -> None:
    old = {
        "holder": "x",
        "released": True,
        "expires": NOON.isoformat(),
        "started": NOON.isoformat(),
    }
    lay(store, to_body(old))
    assert last(store, "env") == Last(NOON, True, False, False, NOON)
    lease = take(store, clock)
    assert (lease.mark, lease.kept, lease.last_started) == ("", [], NOON)


UNREADABLE = (b"no json", b"[]", b"{}", b'{"expires": "soon"}', to_body(
    {"holder": "x", "released": True, "expires": 1, "started": 2}
), to_body({"holder": "x", "released": True, "expires": "soon", "started": "then"}))  # fmt: skip


@pytest.mark.parametrize("body", UNREADABLE)
def test_what_nobody_can_read_is_waited_out(
    store: DirectoryStore, clock: Clock, body: bytes
) -> None:
    lay(store, body)
    assert last(store, "env") == Last()
    with pytest.raises(Held, match="an unreadable lease") as refused:
        take(store, clock)
    assert refused.value.until == NOON + timedelta(seconds=TTL_S)
    assert said(store)["expires"] == refused.value.until.isoformat()
    assert said(store)["holder"].startswith("nobody")
    clock.at = refused.value.until
    assert take(store, clock).holder == "me"


class Taken(DirectoryStore):
    """Somebody writes between each look and what follows it."""

    def put(self, key: str, body: bytes, expected: str | None) -> str:
        found = self.get(key)
        super().put(key, to_body({"by": "another"}), found.version if found else None)
        return super().put(key, body, expected)


def test_whoever_is_quicker_has_it(tmp_path: Path, clock: Clock) -> None:
    quicker = Taken(tmp_path)
    with pytest.raises(Held, match="begun this moment") as refused:
        take(quicker, clock)
    assert refused.value.until == NOON + timedelta(seconds=TTL_S)
    with pytest.raises(Held, match="unreadable"):  # and did the waiting out, too
        take(quicker, clock)


def test_a_call_must_end_inside_it(store: DirectoryStore, clock: Clock) -> None:
    lease = take(store, clock)
    clock.at = lease.expires - timedelta(seconds=CALL_BOUND_S) - SECOND
    lease.permit("rds:X")
    clock.at += SECOND
    with pytest.raises(NotPermitted, match="rds:X: the lease ends in"):
        lease.permit("rds:X")


def test_it_is_renewed_when_little_is_left_and_not_before(
    store: DirectoryStore, clock: Clock
) -> None:
    lease = take(store, clock)
    ends, version = lease.expires, lease.version
    clock.at = ends - timedelta(seconds=CALL_BOUND_S + RENEW_S) - SECOND
    lease.keep()
    assert (lease.expires, lease.version) == (ends, version)
    clock.at += SECOND
    lease.keep()
    assert lease.expires == clock.at + timedelta(seconds=TTL_S)
    assert said(store)["expires"] == lease.expires.isoformat()
    assert lease.version != version
    lease.release()
    assert said(store)["released"] is True


def test_one_that_was_lost_permits_nothing_and_is_not_given_back(
    store: DirectoryStore, clock: Clock
) -> None:
    lease = take(store, clock)
    ends = lease.expires
    lay(store, to_body({"by": "another"}))
    lease.release()
    assert (said(store)["by"], lease.expires) == ("another", ends)
    clock.at = ends - timedelta(seconds=CALL_BOUND_S)
    with pytest.raises(NotPermitted, match="taken over"):
        lease.keep()
    assert lease.remaining_s() == 0


def test_the_worker_reads_of_the_last_pass(store: DirectoryStore, clock: Clock) -> None:
    assert last(store, "env") == Last()
    lease = acquire(store, "env", f"{WORKER} 1", clock, steady=True)
    assert last(store, "env") == Last(NOON, False, True, True, lease.expires)
    lease.release()
    assert last(store, "env") == Last(NOON, True, True, True, NOON)
    body = said(store)
    for name in ("started", "released", "holder", "expires"):
        lay(store, json.dumps({k: v for k, v in body.items() if k != name}).encode())
        assert last(store, "env") == Last()
    clock.at += SECOND
    lay(store, to_body(body))
    acquire(store, "env", "plumbline apply", clock)
    assert not last(store, "env").published


def test_a_killed_pass_is_one_that_had_its_time_and_did_not_end() -> None:
    dead = Last(NOON, until=NOON)
    assert dead.killed(NOON)
    assert not dead.killed(NOON - SECOND)
    assert not replace(dead, ended=True).killed(NOON)
    assert not Last().killed(NOON)


def test_what_a_pass_has_seen() -> None:
    done = Last(NOON, ended=True, published=True)
    before = NOON - 2 * SECOND
    assert done.saw(before, NOON, steady=False)
    assert not done.saw(NOON - SECOND, NOON, steady=False)  # clocks may be a second apart
    assert not done.saw(before, NOON - APART - SECOND, steady=False)
    assert done.saw(before, NOON - APART, steady=False)
    assert not replace(done, started=None).saw(before, NOON, steady=False)
    assert not replace(done, ended=False).saw(before, NOON, steady=False)
    assert not replace(done, published=False).saw(before, NOON, steady=False)
    steady = replace(done, steady=True)
    assert not steady.saw(before, NOON, steady=False)
    assert steady.saw(before, NOON, steady=True)
    assert not Last().ended
    assert not Last(NOON, ended=True).saw(before, NOON, steady=False)
