"""When environments are looked at: by interval, spread by name, and when something asks for it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from controller import requeue, timetable
from controller.store import DirectoryStore
from controller.timetable import Entry

START = datetime(2026, 11, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def ticks(known: dict[str, Entry], gaps: list[int]) -> list[list[str]]:
    """Who is due in ticks that come so many seconds after one another."""
    since, found = START, []
    for gap in gaps:
        now = since + timedelta(seconds=gap)
        found.append(timetable.due(known, since, now))
        since = now
    return found


def test_a_thousand_environments_are_spread_over_their_interval() -> None:
    known = {f"env-{n}": Entry(3600) for n in range(1000)}
    each = ticks(known, [60] * 60)
    assert sorted(name for names in each for name in names) == sorted(known)
    assert max(len(names) for names in each) < 50


def test_everybody_has_a_turn_an_interval_and_no_more() -> None:
    known = {"a": Entry(60), "b": Entry(300), "c": Entry(3600)}
    turns = Counter(name for names in ticks(known, [60] * 120) for name in names)
    assert turns == {"a": 120, "b": 24, "c": 2}


@given(st.lists(st.integers(50, 70), min_size=20, max_size=60), st.sampled_from([60, 300, 900]))
def test_jitter_neither_doubles_nor_loses_a_turn(gaps: list[int], interval: int) -> None:
    each = ticks({"shop": Entry(interval)}, gaps)
    made = sum(len(names) for names in each)
    assert abs(made - sum(gaps) / interval) <= 1 or max(gaps) > interval


def test_a_tick_that_was_lost_is_made_up_for_once() -> None:
    known = {"a": Entry(60), "b": Entry(300)}
    assert ticks(known, [60, 1800])[1] == ["a", "b"]


def test_nobody_is_due_for_what_came_before_a_long_silence() -> None:
    since = START - timedelta(days=3)
    due = timetable.due({f"env-{n}": Entry(86_400) for n in range(1000)}, since, START)
    assert len(due) < 100, "each once is enough, and not all at once"


def test_entries_are_as_they_were_recorded(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    bad = Entry(300, drifted=2, blocked=1, since=1_793_664_000)
    timetable.record(store, "shop", bad)
    timetable.record(store, "shop-eu", Entry(60))
    assert timetable.entries(store) == {"shop": bad, "shop-eu": Entry(60)}
    timetable.record(store, "shop", Entry(600))
    assert timetable.entries(store) == {"shop": Entry(600), "shop-eu": Entry(60)}
    assert len(store.list("timetable/")) == 2


def test_what_others_put_there_is_no_entry(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    for text in ("", "soon", "0", "300-1", "300-1-0-0-0-x", "-5"):
        store.put(f"timetable/shop/{text or 'x'}", b"", None)
    assert timetable.entries(store) == {}


def test_the_last_tick_is_remembered_and_a_broken_memory_is_a_minute_old(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    assert timetable.last_tick(store, START) == (START - MINUTE, None)
    timetable.ticked(store, START, None)
    at, version = timetable.last_tick(store, START + MINUTE)
    assert at == START
    store.put("tick.json", b"?", version)
    assert timetable.last_tick(store, START)[0] == START - MINUTE


def test_markers_are_due_in_their_minute(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    requeue.ask(store, "later", START + timedelta(minutes=5))
    requeue.ask(store, "now", START)
    requeue.ask(store, "now", START)
    assert [name for _, name in requeue.due(store, START)] == ["now"]
    found = requeue.due(store, START + timedelta(minutes=5))
    assert [name for _, name in found] == ["now", "later"]
    requeue.done(store, found[0][0])
    assert [name for _, name in requeue.due(store, START + timedelta(days=1))] == ["later"]


def test_the_longer_something_takes_the_rarer_it_is_looked_at() -> None:
    waits = [requeue.backoff(timedelta(minutes=m)) for m in (0, 5, 10, 30, 600)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=1), timedelta(minutes=10))
