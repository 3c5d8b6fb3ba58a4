"""Which environments a tick has to wake: by their intervals, spread over time.

Keys without content, `timetable/<environment>/<seconds>`, tell all intervals with one LIST of a
thousand each: no tick reads any file. An environment's turn within its interval comes from its
name, so that a thousand of them do not all begin at the full hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from controller.envelope import EnvironmentSpec, seconds
from controller.store import Conflict, Store, to_body

PREFIX = "timetable/"
_LAST = "tick.json"

DEFAULT_S = seconds(EnvironmentSpec().interval)
LONGEST_GAP = timedelta(hours=1)
"""After a longer silence than this not everything is made up for at once: each once is enough."""


def intervals(store: Store) -> dict[str, int]:
    """Environment → seconds between two passes, of all that have ever been accepted."""
    found: dict[str, int] = {}
    for key in store.list(PREFIX):
        name, _, interval = key.removeprefix(PREFIX).partition("/")
        if interval.isdigit():
            found[name] = int(interval)
    return found


def record(store: Store, environment: str, interval_s: int) -> None:
    """Remember the interval of a newly accepted revision. Raises `StoreFailure`."""
    mine = f"{PREFIX}{environment}/"
    wanted = f"{mine}{interval_s}"
    known = store.list(mine)
    if wanted not in known:
        with suppress(Conflict):
            store.put(wanted, b"", None)
    for key in known:
        if key != wanted:
            store.delete(key)


def due(names: Mapping[str, int], since: datetime, until: datetime) -> list[str]:
    """Environments whose turn came after `since`, up to and with `until`."""
    since = max(since, until - LONGEST_GAP)
    return sorted(
        name
        for name, interval in names.items()
        if _turn(name, interval, until) > _turn(name, interval, since)
    )


def _turn(name: str, interval: int, at: datetime) -> int:
    """How many turns an environment has had by then."""
    phase = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % interval
    return int((at.timestamp() - phase) // interval)


def last_tick(store: Store, now: datetime) -> tuple[datetime, str | None]:
    """When the last tick was (a minute ago if nobody knows), and its object's version."""
    found = store.get(_LAST)
    if found is None:
        return now - timedelta(minutes=1), None
    try:
        return datetime.fromisoformat(found.json["at"]).astimezone(UTC), found.version
    except (ValueError, KeyError, TypeError):
        return now - timedelta(minutes=1), found.version


def ticked(store: Store, now: datetime, version: str | None) -> None:
    """This tick is done. Raises `StoreFailure`; another tick that was faster is as good."""
    with suppress(Conflict):
        store.put(_LAST, to_body({"at": now.isoformat()}), version)
