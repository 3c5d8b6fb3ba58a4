"""The memory by itself: tries, drift undone, what is written, and what is remembered as applied."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.diff import Change, Entry
from controller.inventory import (
    BORN,
    DAY_S,
    FOLLOWS,
    MOST_UNDONE,
    WHOLE,
    Inventory,
    Record,
    digest,
    remember,
)
from controller.store import Conflict, DirectoryStore, to_body

KEY = "inventory/env.json"
EMPTY = {"version": 1, "place": "", "parameters": {}, "resources": {}}
PORT = Change(("port",), 1, 2, 3, "differs", "drift")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def load(store: DirectoryStore, *, writable: bool = True) -> Inventory:
    return Inventory.load(store, "env", writable=writable)


def said(store: DirectoryStore) -> dict[str, Any]:
    found = store.get(KEY)
    assert found is not None
    return {k: v for k, v in found.json.items() if k != "nonce"}


def test_what_stands_in_objects_that_were_written_before() -> None:
    assert (WHOLE, BORN, FOLLOWS) == ("*", "+", "environment")
    assert (DAY_S, MOST_UNDONE) == (24 * 3600, 12)


def test_what_a_new_record_says() -> None:
    assert vars(Record("x")) == {
        "physical": "x", "identity": "", "last": None, "settling": [], "written_at": 0.0,
        "attempts": {}, "tried_at": {}, "undone_at": {}, "wish": "", "synced": "", "refusal": "",
        "failed": {}, "outputs": {}, "prune": "retain", "depends_on": [], "watched": False,
    }  # fmt: skip


def test_tries_are_of_one_wish() -> None:
    record, spec = Record("x"), {"port": 1}
    assert record.tries(spec, "f") == 0
    record.count(spec, "f", 10.0)
    record.count(spec, "f", 20.0)
    record.count(spec, "g", 30.0)
    assert (record.tries(spec, "f"), record.tries(spec, "g"), record.tries({}, "f")) == (2, 1, 0)
    assert record.tries(spec, "never") == 0
    assert record.tried_at == {"f": 20.0, "g": 30.0}
    record.count({}, "f", 40.0)
    assert (record.tries({}, "f"), record.attempts, record.tried_at) == (1, {"f": 1}, {"f": 40.0})


def test_what_was_no_try_is_not_counted() -> None:
    record = Record("x")
    for now in (1.0, 2.0):
        record.count({}, "f", now)
    record.discount("f")
    assert (record.attempts, record.tried_at) == ({"f": 1}, {"f": 2.0})
    for _ in range(2):
        record.discount("f")
        assert (record.attempts, record.tried_at) == ({}, {})


def test_drift_undone_is_remembered_for_a_day_and_so_often() -> None:
    record = Record("x")
    record.undid("f", 0.0)
    assert record.recently("f", DAY_S - 1) == [0.0]
    assert record.recently("f", DAY_S) == []
    assert record.recently("g", 0.0) == []
    record.undid("f", DAY_S)
    assert record.undone_at == {"f": [DAY_S]}
    for second in range(1, MOST_UNDONE + 1):
        record.undid("f", DAY_S + second)
    assert record.undone_at["f"] == [DAY_S + n for n in range(1, MOST_UNDONE + 1)]


def test_what_is_written_is_read(store: DirectoryStore) -> None:
    inventory = load(store)
    assert (inventory.found, inventory.version, inventory.place) == (False, "", "")
    inventory.record("LogGroup/a", "a").watched = True
    inventory.record("LogGroup/b", "b").written_at = 5.0
    inventory.place, inventory.parameters = "1/eu", {"/p": "v"}
    inventory.spent = {"token": "2026"}
    inventory.save()
    body = said(store)
    assert body.keys() == {*EMPTY, "spent"}
    assert body["version"] == 1
    assert body["resources"]["LogGroup/a"]["watched"] is True
    assert "watched" not in body["resources"]["LogGroup/b"]
    again = load(store)
    for name in ("records", "place", "parameters", "spent", "version"):
        assert getattr(again, name) == getattr(inventory, name)
    assert again.found
    assert again.version


def test_an_empty_one_says_nothing_of_approvals(store: DirectoryStore) -> None:
    load(store).save()
    assert said(store) == EMPTY


def test_it_is_written_only_if_it_changed(store: DirectoryStore) -> None:
    load(store).save()
    again = load(store)
    before = again.version
    again.save()
    assert again.version == before
    again.record("LogGroup/a", "a")
    again.save()
    changed = again.version
    assert changed != before
    again.save()
    assert again.version == changed
    again.record("LogGroup/b", "b")
    again.save()
    assert set(said(store)["resources"]) == {"LogGroup/a", "LogGroup/b"}
    written = again.version
    again.records = dict(reversed(again.records.items()))
    again.save()
    assert again.version == written


def test_another_pass_that_wrote_it_is_not_overwritten(store: DirectoryStore) -> None:
    one, other = load(store), load(store)
    one.save()
    other.place = "elsewhere"
    with pytest.raises(Conflict):
        other.save()


def test_one_that_only_looks_writes_nothing(store: DirectoryStore) -> None:
    looking = load(store, writable=False)
    looking.place = "1/eu"
    looking.save()
    assert store.get(KEY) is None


BROKEN = (
    b"no json", b"[]", b"[" * 100_000, json.dumps({**EMPTY, "place": 1}).encode(),
    json.dumps({**EMPTY, "parameters": {"/p": float("nan")}}).encode(),
    *(json.dumps({**EMPTY, "resources": {"LogGroup/a": {"physical": "a", "written_at": at}}})
      .encode() for at in (float("nan"), -1.0, 1e11 + 0.5, "5")),
)  # fmt: skip


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_one_is_empty_but_found(store: DirectoryStore, body: bytes) -> None:
    version = store.put(KEY, body, None)
    inventory = load(store)
    assert (inventory.found, inventory.version, inventory.records) == (True, version, {})
    inventory.save()
    assert said(store) == EMPTY


def test_moments_are_of_unix_time(store: DirectoryStore) -> None:
    records = {
        f"LogGroup/{name}": {"physical": name, "written_at": at}
        for name, at in (("a", 0.0), ("b", 1e11))
    }
    store.put(KEY, to_body({**EMPTY, "resources": records}), None)
    assert load(store).records["LogGroup/b"].written_at == 1e11


def test_a_kind_of_a_later_release_is_kept_for_it(store: DirectoryStore) -> None:
    records = {"Later/x": {"physical": "x", "more": 1}, "LogGroup/a": {"physical": "a"}}
    store.put(KEY, to_body({**EMPTY, "resources": records}), None)
    inventory = load(store)
    assert set(inventory.records) == {"LogGroup/a"}
    assert inventory.knows() == {"Later/x", "LogGroup/a"}
    inventory.place = "1/eu"
    inventory.save()
    assert set(said(store)["resources"]) == {"Later/x", "LogGroup/a"}


def test_a_record_is_of_one_name(store: DirectoryStore) -> None:
    inventory = load(store)
    first = inventory.record("LogGroup/a", "a")
    assert inventory.record("LogGroup/a", "a") is first
    other = inventory.record("LogGroup/a", "b")
    assert other is not first
    assert inventory.records == {"LogGroup/a": other}
    assert other.physical == "b"


def test_approvals_that_ended_are_forgotten(store: DirectoryStore) -> None:
    inventory, now = load(store), datetime(2026, 3, 4, tzinfo=UTC)
    soon = now.replace(hour=1).isoformat()
    inventory.spent = {"past": "2025", "now": now.isoformat(), "soon": soon}
    inventory.forget_spent(now)
    assert inventory.spent == {"soon": soon}


def test_all_that_is_done_is_remembered() -> None:
    desired = {"port": 3, "rules": [1]}
    assert remember(desired, [], None) == desired
    last = {"port": 3, "rules": [1]}
    assert remember(desired, [], last) is last
    made = remember(desired, [], {"port": 1})
    assert made == desired
    assert made is not desired


def test_what_is_left_keeps_what_was_last_applied() -> None:
    last = {"port": 1}
    assert remember({"port": 3}, [PORT], last) == {"port": 1}
    assert remember({"port": 3}, [replace(PORT, cause="pending", now=None)], last) == {"port": 1}
    same = {"port": 3}
    assert remember(same, [replace(PORT, was=9)], same) == {"port": 9}
    assert remember({"port": 3}, [PORT], None) is None
    for cls in ("undeclared", "owned"):
        left = [replace(PORT, cls=cls)]
        assert remember({"port": 3}, left, None) == {"port": 3}
        assert remember({"port": 3}, left, last) == {"port": 3}


def test_inside_a_list_the_whole_list_is_as_it_was() -> None:
    last = {"rules": [{"n": 1}, {"n": 2}]}
    desired = {"rules": [{"n": 3}, {"n": 2}]}
    for part in (0, Entry("a", True)):
        change = Change(("rules", part, "n"), 1, 2, 3, "differs", "drift")
        assert remember(desired, [change], last) == last
        longer = {"rules": [*last["rules"], {"n": 9}]}
        assert remember(longer, [change], last) == last
    tag = Change(("tags", Entry("a")), "1", "2", "3", "differs", "drift")
    assert remember({"tags": {"a": "3", "b": "x"}}, [tag], {}) == {"tags": {"a": "1", "b": "x"}}


def test_an_entry_that_a_new_map_is_yet_to_lose_is_kept_as_it_is() -> None:
    gone = Change(("tags", Entry("a")), None, "2", None, "differs", "pending")
    assert remember({"tags": {}}, [gone], {}) == {"tags": {"a": "2"}}
    for other in (
        replace(gone, cause="drift"), replace(gone, wanted="3"), replace(gone, was="1"),
    ):  # fmt: skip
        kept = {} if other.was is None else {"a": other.was}
        assert remember({"tags": {"a": "x"}}, [other], {}) == {"tags": kept}


def test_a_digest_stays_the_same() -> None:
    """Kept in the inventory: another form would forget what was tried and what was in sync."""
    assert digest({"b": 1, "a": datetime(2026, 1, 1)}) == "28b77c0f89e392a1"  # noqa: DTZ001
    assert digest({"a": datetime(2026, 1, 1), "b": 1}) == digest(  # noqa: DTZ001
        {"b": 1, "a": datetime(2026, 1, 1)}  # noqa: DTZ001
    )
