"""When an environment may be disturbed, and when it is left alone: windows and freezes.

Times are those of a clock on the wall in their time zone. Where that clock jumps over the moment at
which something begins, it begins right after the jump; where an hour comes twice, it begins once.
A length is real time, on every day of the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from controller.spec import Model

_UNITS = {"m": 1, "h": 60, "d": 1440}
_LENGTH = "^[1-9][0-9]{0,3}[mhd]$"
_SHORTEST, _LONGEST = timedelta(minutes=15), timedelta(days=7)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MINUTE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", re.ASCII)


def _length(text: str) -> timedelta:
    return timedelta(minutes=int(text[:-1]) * _UNITS[text[-1]])


def _is_length(text: str) -> str:
    if not re.fullmatch(_LENGTH, text, re.ASCII) or not _SHORTEST <= _length(text) <= _LONGEST:
        raise ValueError("must be a time like 30m, 2h or 1d, from 15m to 7d")
    return text


def _is_cron(text: str) -> str:
    try:
        if len(text.split()) == 5:
            next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
            return text
    except (CronSimError, StopIteration):
        pass
    raise ValueError(
        "must be minute, hour, day, month and weekday as cron has them, like 0 2 * * TUE,THU"
    )


def _is_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ValueError("must be a time zone like Europe/Berlin or UTC") from None
    return text


def _is_moment(text: str) -> str:
    try:
        _moment(text, "UTC", last=True)
    except (ValueError, OverflowError):
        raise ValueError("must be a day like 2026-12-20, or a minute: 2026-12-20T18:00") from None
    return text


def _moment(text: str, zone: str, *, last: bool) -> datetime:
    """A day or minute as a moment. last: of that day its end; of an hour that comes twice, the
    second. Raises `ValueError`."""
    if _DAY.fullmatch(text):
        day = date.fromisoformat(text) + timedelta(days=last)
        local = datetime.combine(day, time())
    elif _MINUTE.fullmatch(text):
        local = datetime.fromisoformat(text)
    else:
        raise ValueError(text)
    return local.replace(tzinfo=ZoneInfo(zone), fold=int(last)).astimezone(UTC)


Cron = Annotated[str, AfterValidator(_is_cron)]
Length = Annotated[str, AfterValidator(_is_length), Field(json_schema_extra={"pattern": _LENGTH})]
Zone = Annotated[str, AfterValidator(_is_zone)]
Moment = Annotated[str, AfterValidator(_is_moment)]


def _next(cron: str, zone: str, after: datetime) -> datetime:
    """The next moment of a cron expression, in UTC. Asked within an hour that comes twice, cronsim
    begins with its first round, which is over."""
    moments = CronSim(cron, after.astimezone(ZoneInfo(zone)))
    return next(m for moment in moments if (m := moment.astimezone(UTC)) > after)


def _began(cron: str, length: timedelta, zone: str, now: datetime) -> datetime | None:
    """When the time in which `now` lies began, if it lies in one."""
    first = _next(cron, zone, now - length)
    return first if first <= now else None


class Window(Model):
    """A time in which what somebody may notice is done."""

    cron: Cron
    """When it opens: minute, hour, day, month and weekday as cron has them (`0 2 * * TUE,THU`)."""

    duration: Length
    """How long it stays open, from `15m` to `7d`. Steps begin within; what AWS makes of them may
    end later."""

    timezone: Zone = "UTC"
    """The clock meant: `Europe/Berlin`. Daylight saving is heeded."""

    def is_open(self, now: datetime) -> bool:
        """Whether it is open then."""
        return _began(self.cron, _length(self.duration), self.timezone, now) is not None

    def opens(self, now: datetime) -> datetime:
        """When it opens next, after that moment, in UTC."""
        return _next(self.cron, self.timezone, now)


class Freeze(Model):
    """A time in which nothing is changed: once, from `start` to `until`, or again and again by
    `cron` and `duration`."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """Why. Shown wherever it holds something up."""

    start: Moment | None = None
    """The first day of it (`2026-12-20`), or its first minute (`2026-12-20T18:00`)."""

    until: Moment | None = None
    """The last day of it, or the minute at which it ends."""

    cron: Cron | None = None
    """When it begins: minute, hour, day, month and weekday as cron has them (`0 15 * * FRI`)."""

    duration: Length | None = None
    """How long it lasts then, from `15m` to `7d`."""

    timezone: Zone = "UTC"
    """The clock meant: `Europe/Berlin`. Daylight saving is heeded."""

    repair_drift: bool = False
    """Go on undoing what others change where nobody notices, such as a port opened to the world.
    What the file newly asks for waits all the same, and so does all that disturbs."""

    @model_validator(mode="after")
    def _once_or_again(self) -> Freeze:
        given = [bool(x) for x in (self.start, self.until, self.cron, self.duration)]
        if given not in ([True, True, False, False], [False, False, True, True]):
            raise ValueError("must have start and until, or cron and duration")
        if self.start and self.until and self._once()[0] >= self._once()[1]:
            raise ValueError(f"must end after its start {self.start}, not {self.until}")
        return self

    def ends(self, now: datetime) -> datetime | None:
        """When it ends, in UTC, if it is in force then."""
        if self.cron and self.duration:
            began = _began(self.cron, _length(self.duration), self.timezone, now)
            return began + _length(self.duration) if began else None
        start, end = self._once()
        return end if start <= now < end else None

    def _once(self) -> tuple[datetime, datetime]:
        return (
            _moment(str(self.start), self.timezone, last=False),
            _moment(str(self.until), self.timezone, last=True),
        )


@dataclass(frozen=True, slots=True)
class Season:
    """What the calendar lets happen at one moment.

    frozen: why nothing is changed; empty if there is no freeze. repairs: drift is undone all the
    same. closed: why nothing that disturbs is done; empty in a window, or where there are none.
    turns: when that may be otherwise.
    """

    frozen: str = ""
    repairs: bool = False
    closed: str = ""
    turns: datetime | None = None


NO_SEASON = Season()


def season(windows: Iterable[Window], freezes: Iterable[Freeze], now: datetime) -> Season:
    """What the calendar says of that moment."""
    held = [(end, freeze) for freeze in freezes if (end := freeze.ends(now))]
    all_windows = list(windows)
    turns: list[datetime] = [end for end, _ in held]
    frozen = closed = ""
    if held:
        strict = [(end, freeze) for end, freeze in held if not freeze.repair_drift] or held
        end, freeze = max(strict, key=lambda pair: pair[0])
        frozen = f"frozen until {_told(end, freeze.timezone)}: {freeze.reason}"
    if all_windows and not any(w.is_open(now) for w in all_windows):
        opens, zone = min((w.opens(now), w.timezone) for w in all_windows)
        turns.append(opens)
        closed = f"waits for the window that opens {_told(opens, zone)}"
    repairs = all(freeze.repair_drift for _, freeze in held)
    return Season(frozen, repairs, closed, min(turns, default=None))


def _told(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
