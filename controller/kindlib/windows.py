"""Backup and maintenance windows, as RDS and ElastiCache write them: always UTC.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Maintenance.html
Daily: `hh24:mi-hh24:mi`. Weekly: `ddd:hh24:mi-ddd:hh24:mi`.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from controller.policies import CaseInsensitive
from controller.spec import holds_reference

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
WEEK = 7 * DAY
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_DAILY = re.compile(f"{_TIME}-{_TIME}")
_WEEKLY = re.compile(rf"({'|'.join(DAYS)}):{_TIME}-({'|'.join(DAYS)}):{_TIME}")


def daily(window: str) -> tuple[int, int]:
    """Start and length of a daily window, in minutes. Raises `ValueError`."""
    match = _DAILY.fullmatch(window)
    if not match:
        raise ValueError("must be hh:mm-hh:mm in UTC, as 03:00-04:00")
    start, end = (int(match[n]) * 60 + int(match[n + 1]) for n in (1, 3))
    return start, (end - start) % DAY


def weekly(window: str) -> tuple[int, int]:
    """Start (from Monday 00:00) and length of a weekly window, in minutes. Raises `ValueError`."""
    match = _WEEKLY.fullmatch(window.lower())
    if not match:
        raise ValueError("must be ddd:hh:mm-ddd:hh:mm in UTC, as sun:04:00-sun:05:00")
    start, end = (
        DAYS.index(match[n]) * DAY + int(match[n + 1]) * 60 + int(match[n + 2]) for n in (1, 4)
    )
    return start, (end - start) % WEEK


def overlap(daily_window: str, weekly_window: str) -> bool:
    """True if the daily window, on any day, shares a minute with the weekly one."""
    start, length = daily(daily_window)
    begin, lasts = weekly(weekly_window)
    return any(
        (start + day * DAY - begin) % WEEK < lasts or (begin - start - day * DAY) % WEEK < length
        for day in range(7)
    )


def _at_least(minutes: int, *, each: str) -> AfterValidator:
    def check(window: str) -> str:
        if holds_reference(window):
            return window
        length = (daily if each == "day" else weekly)(window)[1]
        if length < minutes:
            raise ValueError(f"must last at least {minutes} minutes")
        if each == "week" and length >= DAY:
            raise ValueError("must be shorter than 24 hours")
        return window

    return AfterValidator(check)


HalfHourDaily = Annotated[str, _at_least(30, each="day")]
"""RDS's backup window."""
HalfHourWeekly = Annotated[str, _at_least(30, each="week"), CaseInsensitive()]
"""RDS's maintenance window."""
HourDaily = Annotated[str, _at_least(60, each="day")]
"""ElastiCache's snapshot window."""
HourWeekly = Annotated[str, _at_least(60, each="week"), CaseInsensitive()]
"""ElastiCache's maintenance window."""
