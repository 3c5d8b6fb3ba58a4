"""The lease: one pass at a time over an environment, and no action outside of it.

An object `leases/<environment>.json`, taken by a conditional write. A holder that dies is waited
out. Time is each machine's own: a lease is `TTL_S` long, much more than clocks are apart.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.aws import CALL_BOUND_S, NotPermitted
from controller.store import Conflict, Store, to_body

TTL_S = 420
"""Longer than the function's time-out (300 s), so that a live pass never loses it unawares."""


class Held(Exception):
    """Somebody else holds the lease."""

    def __init__(self, holder: str, until: datetime) -> None:
        super().__init__(
            f"a pass by {holder} is under way (its lease ends at {until:%H:%M:%S} UTC)"
        )
        self.holder = holder
        self.until = until


@dataclass
class Lease:
    """A held lease. last_started: when the pass before this one began, if known."""

    store: Store
    key: str
    holder: str
    clock: Callable[[], datetime]
    version: str
    expires: datetime
    started: datetime
    last_started: datetime | None

    def remaining_s(self) -> float:
        """Seconds until it ends."""
        return (self.expires - self.clock()).total_seconds()

    def permit(self, call: str) -> None:
        """Raise `NotPermitted` unless a call begun now must end inside the lease."""
        if self.remaining_s() <= CALL_BOUND_S:
            raise NotPermitted(f"{call}: the lease ends in {self.remaining_s():.0f} s")

    def keep(self) -> None:
        """Renew it when less than half is left. Raises `NotPermitted` if it was lost."""
        if self.remaining_s() > TTL_S / 2:
            return
        expires = self.clock() + timedelta(seconds=TTL_S)
        try:
            self.version = self.store.put(self.key, self._body(expires), self.version)
        except Conflict:
            self.expires = self.clock()
            raise NotPermitted("the lease was taken over by another pass") from None
        self.expires = expires

    def release(self) -> None:
        """Give it back; the object stays and remembers when this pass began."""
        try:
            body = self._body(self.clock(), released=True)
            self.version = self.store.put(self.key, body, self.version)
        except Conflict:
            return
        self.expires = self.clock()

    def _body(self, expires: datetime, *, released: bool = False) -> bytes:
        return to_body(
            {
                "holder": self.holder,
                "released": released,  # said outright: another machine's clock may be behind ours
                "expires": expires.isoformat(),
                "started": self.started.isoformat(),
            }
        )


def acquire(store: Store, environment: str, holder: str, clock: Callable[[], datetime]) -> Lease:
    """Take the environment's lease. Raises `Held`, or `StoreFailure`."""
    key = f"leases/{environment}.json"
    found = store.get(key)
    now = clock()
    expires = now + timedelta(seconds=TTL_S)
    lease = Lease(store, key, holder, clock, "", expires, now, None)
    if found is not None:
        try:
            body = found.json
            by, free = str(body["holder"]), body["released"] is True
            until = datetime.fromisoformat(body["expires"])
            lease.last_started = datetime.fromisoformat(body["started"])
            free = free or until <= now
        except (ValueError, KeyError, TypeError):
            _wait_out(lease, found.version)
            raise Held("an unreadable lease", expires) from None
        if not free:
            raise Held(by, until)
    try:
        lease.version = store.put(key, lease._body(expires), found.version if found else None)
    except Conflict:
        raise Held("another pass, begun this moment", expires) from None
    return lease


def _wait_out(lease: Lease, version: str) -> None:
    """What nobody can read may be somebody's lease: put one there that ends for certain."""
    lease.holder = "nobody (an unreadable lease is being waited out)"
    with suppress(Conflict):
        lease.store.put(lease.key, lease._body(lease.expires), version)


def seen_since(store: Store, environment: str, moment: datetime) -> bool:
    """Whether a pass that began after a moment has come to its end. Raises `StoreFailure`.

    Then what happened before that moment has been seen. Clocks may be a second apart.
    """
    found = store.get(f"leases/{environment}.json")
    try:
        body = found.json if found else {}
        started = datetime.fromisoformat(body["started"])
        return body["released"] is True and started > moment + timedelta(seconds=1)
    except (ValueError, KeyError, TypeError):
        return False
