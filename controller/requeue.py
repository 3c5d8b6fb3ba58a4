"""When to look again: `requeue/<due>/<environment>` markers, found with one LIST.

A pass that leaves work in flight says when looking again will show something new. Markers are keys
without content: their names sort by time, so that the tick reads them from the front.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from controller.store import Conflict, Store

PREFIX = "requeue/"
_FORM = "%Y%m%dT%H%MZ"

SOON, LATEST = timedelta(minutes=1), timedelta(minutes=10)


def backoff(waiting_for: timedelta) -> timedelta:
    """How long to wait for something that has been under way for so long: a fifth of it more."""
    return max(SOON, min(LATEST, waiting_for / 5))


def ask(store: Store, environment: str, due: datetime) -> None:
    """Have the environment looked at in that minute. Raises `StoreFailure`."""
    with suppress(Conflict):  # then it has been asked for already
        store.put(f"{PREFIX}{due.strftime(_FORM)}/{environment}", b"", None)


def due(store: Store, now: datetime) -> list[tuple[str, str]]:
    """(key, environment) of the markers whose minute has come. Raises `StoreFailure`."""
    found = []
    for key in store.list(PREFIX):
        stamp, _, environment = key.removeprefix(PREFIX).partition("/")
        if stamp > now.strftime(_FORM):
            break
        found.append((key, environment))
    return found


def done(store: Store, key: str) -> None:
    """The environment has been enqueued: forget the marker. Raises `StoreFailure`."""
    store.delete(key)
