"""When a schedule expression of Application Auto Scaling is due: at(…), rate(…) and cron(…)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.errors import NotSimulated

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
UNITS = {"minute": 60, "hour": 3600, "day": 86400}
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
HORIZON = 366 * 5


def next_time(expression: str, after: datetime, zone: str | None) -> datetime | None:
    """The first time after `after`, None if there is none; ValueError if it is no schedule."""
    found = re.fullmatch(r"(at|rate|cron)\((.+)\)", expression.strip())
    if found is None:
        raise ValueError(expression)
    kind, inside = found.groups()
    where = ZoneInfo(zone or "UTC")
    if kind == "rate":
        value, _, unit = inside.partition(" ")
        if int(value) < 1:
            raise ValueError(expression)
        return after + timedelta(seconds=int(value) * UNITS[unit.removesuffix("s")])
    if kind == "at":
        when = datetime.fromisoformat(inside).replace(tzinfo=where).astimezone(UTC)
        return when if when > after else None
    return _next_cron(inside.split(), after, where)


def _next_cron(parts: list[str], after: datetime, where: ZoneInfo) -> datetime | None:
    if len(parts) != 6:
        raise ValueError(parts)
    names: tuple[list[str], ...] = ([], [], [], ["", *MONTHS], ["", *DAYS], [])
    minutes, hours, days, months, weekdays, years = (
        _field(p, low, high, n) for p, (low, high), n in zip(parts, FIELDS, names, strict=True)
    )
    start = after.astimezone(where)
    for offset in range(HORIZON):
        day = start.date() + timedelta(days=offset)
        weekday = day.isoweekday() % 7 + 1
        if day.day not in days or day.month not in months or day.year not in years:
            continue
        if weekday not in weekdays:
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                when = datetime(day.year, day.month, day.day, hour, minute, tzinfo=where)
                if when > start:
                    return when.astimezone(UTC)
    return None


def _field(text: str, low: int, high: int, names: list[str]) -> set[int]:
    out: set[int] = set()
    for item in text.upper().split(","):
        body, _, step = item.partition("/")
        if body in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = body.partition("-")
            first = _number(start, names)
            last = _number(end, names) if dash else (high if step else first)
        if not low <= first <= last <= high:
            raise ValueError(text)
        out.update(range(first, last + 1, int(step or 1)))
    return out


def _number(text: str, names: list[str]) -> int:
    if text in names and text:
        return names.index(text)
    if re.search(r"[LW#]", text):
        raise NotSimulated(f"cron field {text}")
    return int(text)
