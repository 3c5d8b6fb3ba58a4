"""Windows and freezes, against a clock that is looked at minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.windows import Freeze, Season, Window, season

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def window(cron: str, duration: str, zone: str = "UTC") -> Window:
    return Window.model_validate({"cron": cron, "duration": duration, "timezone": zone})


def freeze(**fields: object) -> Freeze:
    return Freeze.model_validate({"reason": "year end", **fields})


def open_hours(it: Window, day: str, zone: str) -> list[str]:
    """The quarters of that local day at which it is open, by the wall clock and its offset."""
    begin = at(f"{day}T00:00", zone)
    quarters = [begin + timedelta(minutes=15 * n) for n in range(26 * 4)]
    local = [q.astimezone(ZoneInfo(zone)) for q in quarters if it.is_open(q)]
    return [f"{t:%H:%M%z}" for t in local if f"{t:%Y-%m-%d}" == day]


def test_an_ordinary_day() -> None:
    it = window("0 2 * * TUE,THU", "30m", BERLIN)
    assert open_hours(it, "2026-11-24", BERLIN) == ["02:00+0100", "02:15+0100"]
    assert open_hours(it, "2026-11-25", BERLIN) == []
    assert it.opens(at("2026-11-24T12:00")) == at("2026-11-26T02:00", BERLIN)


def test_the_hour_that_does_not_come() -> None:
    it = window("30 2 * * *", "45m", BERLIN)
    assert open_hours(it, "2026-03-29", BERLIN) == ["03:00+0200", "03:15+0200", "03:30+0200"]


def test_the_hour_that_comes_twice() -> None:
    it = window("30 2 * * *", "45m", BERLIN)
    assert open_hours(it, "2026-10-25", BERLIN) == ["02:30+0200", "02:45+0200", "02:00+0100"]


def test_a_length_is_real_time() -> None:
    it = window("0 22 * * SAT", "8h", BERLIN)
    assert it.is_open(at("2026-10-25T04:59", BERLIN))
    assert not it.is_open(at("2026-10-25T05:00", BERLIN)), "nine hours on the wall"
    assert it.is_open(at("2026-03-29T06:59", BERLIN))
    assert not it.is_open(at("2026-03-29T07:00", BERLIN)), "seven hours on the wall"


def test_days_of_a_freeze_are_whole() -> None:
    it = freeze(start="2026-12-20", until="2027-01-06", timezone=BERLIN)
    assert it.ends(at("2026-12-19T23:59", BERLIN)) is None
    assert it.ends(at("2026-12-20T00:00", BERLIN)) == at("2027-01-07T00:00", BERLIN)
    assert it.ends(at("2027-01-06T23:59", BERLIN)) is not None
    assert it.ends(at("2027-01-07T00:00", BERLIN)) is None


def test_a_freeze_to_the_minute_takes_the_longer_hour() -> None:
    it = freeze(start="2026-10-25T02:30", until="2026-10-25T02:30", timezone=BERLIN)
    assert it.ends(at("2026-10-25T00:30")) == at("2026-10-25T01:30")


def test_what_the_season_says() -> None:
    weekend = freeze(cron="0 15 * * FRI", duration="3d", repairDrift=True)
    dates = freeze(start="2026-11-27", until="2026-11-28", reason="launch")
    friday = at("2026-11-27T16:00")
    both = season([], [weekend, dates], friday)
    assert both == Season(
        "frozen until 2026-11-29 00:00 UTC: launch", False, "", at("2026-11-29T00:00")
    )
    assert season([], [weekend], friday).repairs
    assert season([], [weekend, dates], at("2026-11-26T00:00")) == Season(repairs=True)
    nightly = window("0 2 * * *", "1h", BERLIN)
    closed = season([nightly, window("0 5 * * *", "1h", BERLIN)], [], friday)
    assert closed.closed == "waits for the window that opens 2026-11-28 02:00 Europe/Berlin"
    assert closed.turns == at("2026-11-28T01:00")
    assert season([nightly], [], at("2026-11-28T01:30")) == Season(repairs=True)
    assert season([nightly], [weekend], friday).turns == closed.turns


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"cron": "0 2 * *", "duration": "1h"}, "minute, hour, day"),
        ({"cron": "* * * * * *", "duration": "1h"}, "minute, hour, day"),
        ({"cron": "0 25 * * *", "duration": "1h"}, "minute, hour, day"),
        ({"cron": "0 0 30 2 *", "duration": "1h"}, "minute, hour, day"),
        ({"cron": "0 2 * * *", "duration": "10m"}, "15m to 7d"),
        ({"cron": "0 2 * * *", "duration": "8d"}, "15m to 7d"),
        ({"cron": "0 2 * * *", "duration": "1h\n"}, "15m to 7d"),
        ({"cron": "0 2 * * *", "duration": "1h", "timezone": "Mars/Base"}, "time zone like"),
        ({"cron": "0 2 * * *", "duration": "1h", "timezone": "../../etc/passwd"}, "time zone like"),
        ({"cron": "0 2 * * *", "duration": "1h", "timezone": ""}, "time zone like"),
        ({"cron": "0 2 * * *"}, "start and until, or cron and duration"),
        ({"start": "2026-12-20"}, "start and until, or cron and duration"),
        ({"start": "2026-12-20", "until": "2026-12-19"}, "must end after its start"),
        ({"start": "2026-12-20T18:00", "until": "2026-12-20T18:00"}, "must end after its start"),
        ({"start": "2026-02-30", "until": "2026-12-20"}, "a day like 2026-12-20"),
        ({"start": "20261220", "until": "2026-12-20"}, "a day like 2026-12-20"),
        ({"start": "2026-12-20T18:00Z", "until": "2026-12-21"}, "a day like 2026-12-20"),
        ({"start": "9999-12-31", "until": "9999-12-31"}, "a day like 2026-12-20"),
    ],
)
def test_what_is_refused(fields: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        freeze(**fields)
    assert says in str(refused.value)


ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
TURNS = ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01")
"""Days around which clocks jump somewhere."""


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(TURNS),
    minute=st.sampled_from([0, 15, 30, 59]),
    hour=st.integers(0, 23),
    weekday=st.sampled_from(["*", "SUN", "MON-SAT"]),
    length=st.sampled_from(["15m", "1h", "3h", "1d", "2d"]),
)
@example(zone=BERLIN, day="2026-10-25", minute=30, hour=2, weekday="*", length="1h")
def test_it_is_open_as_often_and_as_long_as_it_says(
    zone: str, day: str, minute: int, hour: int, weekday: str, length: str
) -> None:
    """Over five days in steps of five minutes: open for its length after each time that the wall
    clock shows its minute first, or jumps over it; and `opens` names the next of these."""
    it = window(f"{minute} {hour} * * {weekday}", length, zone)
    long = timedelta(minutes={"15m": 15, "1h": 60, "3h": 180, "1d": 1440, "2d": 2880}[length])
    first = at(f"{day}T00:00", zone) - timedelta(days=4)
    steps = [first + timedelta(minutes=n) for n in range(7 * 1440)]
    begins, shown, before = [], set(), None
    for step in steps:
        local = step.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        wanted = local.replace(hour=hour, minute=minute, fold=0)
        right = weekday == "*" or (local.isoweekday() == 7) == (weekday == "SUN")
        passed = before is not None and before < wanted <= local
        if right and passed and wanted not in shown:
            begins.append(step)
            shown.add(wanted)
        before = max(before, local) if before else local
    for step in steps[3 * 1440 :: 5]:
        assert it.is_open(step) == any(b <= step < b + long for b in begins), step
    for step in steps[3 * 1440 :: 360]:
        later = [b for b in begins if b > step]
        if later:
            assert it.opens(step) == later[0]
