"""Which environments a tick has to wake, by their intervals, and how they stand between passes.

Keys without content, `timetable/<environment>/<entry>`, tell both with one LIST of a thousand each:
no tick reads any file. An environment's turn within its interval comes from its name, so that a
thousand of them do not all begin at the full hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.envelope import EnvironmentSpec, seconds
from controller.store import Conflict, Store, to_body

PREFIX = "timetable/"
_LAST = "tick.json"

DEFAULT_S = seconds(EnvironmentSpec().interval)
LONGEST_GAP = timedelta(hours=1)
"""After a longer silence than this not everything is made up for at once: each once is enough."""


AT_REST = ("ObserveMode", "Paused")
"""Reasons of a block that somebody wants."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tick knows of an environment: seconds between two passes, and what the last one left.

    drifted, blocked, unknown: resources. invalid: 1 if its newest desired state is refused. since:
    when it stopped being converged, in seconds of Unix time; 0 if it is converged.
    """

    interval_s: int
    drifted: int = 0
    blocked: int = 0
    unknown: int = 0
    invalid: int = 0
    since: int = 0

    @property
    def text(self) -> str:
        """As it stands in a key: `300`, or `300-1-0-0-0-1793664000` while all is not well."""
        interval, *rest = astuple(self)
        return "-".join(str(n) for n in (interval, *(rest if any(rest) else ())))

    @classmethod
    def parse(cls, text: str) -> Entry | None:
        """The entry in a key; None if it is none."""
        parts = text.split("-")
        if len(parts) not in (1, len(fields(cls))) or not all(map(str.isdigit, parts)):
            return None
        entry = cls(*map(int, parts))
        return entry if entry.interval_s else None


def entry(status: Mapping[str, Any], interval_s: int) -> Entry:
    """What is to be known of an environment whose last pass left this status.

    One that is only looked at, or paused, waits for nobody: that it is not converged, and what its
    mode blocks, is as it should be.
    """
    conditions = [r["conditions"] for r in status.get("resources", {}).values()]
    acts = status.get("mode", "enforce") == "enforce" and not status.get("paused")
    since = status.get("notConvergedSince") if acts else ""
    return Entry(
        interval_s,
        drifted=sum(c["Drifted"]["status"] == "True" for c in conditions),
        blocked=sum(
            c["Blocked"]["status"] == "True" and c["Blocked"]["reason"] not in AT_REST
            for c in conditions
        ),
        unknown=sum(c["Observed"]["status"] != "True" for c in conditions),
        invalid=int(not status.get("desiredState", {}).get("valid", True)),
        since=int(datetime.fromisoformat(since).timestamp()) if since else 0,
    )


def entries(store: Store) -> dict[str, Entry]:
    """Environment → entry, of all that have ever been looked at. Raises `StoreFailure`."""
    found: dict[str, Entry] = {}
    for key in store.list(PREFIX):
        name, _, text = key.removeprefix(PREFIX).partition("/")
        known = Entry.parse(text)
        if known is not None:
            found[name] = known
    return found


def record(store: Store, environment: str, entry: Entry) -> None:
    """Remember the entry: written when it changed. Raises `StoreFailure`."""
    mine = f"{PREFIX}{environment}/"
    wanted = f"{mine}{entry.text}"
    known = store.list(mine)
    if wanted not in known:
        with suppress(Conflict):
            store.put(wanted, b"", None)
    for key in known:
        if key != wanted:
            store.delete(key)


def in_doubt(environment: str, previous: datetime | None, now: datetime) -> bool:
    """Whether the entry is to be looked at though nothing has changed since the pass before: one an
    hour, for that pass may have died before it wrote the entry."""
    before = None if previous is None else _turn(environment, 3600, previous)
    return before != _turn(environment, 3600, now)


def due(known: Mapping[str, Entry], since: datetime, until: datetime) -> list[str]:
    """Environments whose turn came after `since`, up to and with `until`."""
    since = max(since, until - LONGEST_GAP)
    return sorted(
        name
        for name, it in known.items()
        if _turn(name, it.interval_s, until) > _turn(name, it.interval_s, since)
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
