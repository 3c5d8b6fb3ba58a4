"""The lease: one pass at a time over an environment, and no action outside of it.

An object `leases/<environment>.json`, taken by a conditional write. A holder that dies is waited
out. Time is each machine's own: a lease is `TTL_S` long, much more than clocks are apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from controller.aws import CALL_BOUND_S, NotPermitted
from controller.store import Conflict, Store, to_body

TTL_S = 420
"""Longer than the function's time-out (300 s), so that a live pass never loses it unawares; shorter
than the queue hides a message (480 s), so that what a killed pass left is free when it returns."""

RENEW_S = 30
"""A lease is renewed with so much left beside what one call may take."""

WORKER = "lambda request"
"""How the control plane's holders begin: they go by what is published, and nothing else."""

APART = timedelta(seconds=5)
"""So far two machines' clocks may be apart before one's word about time is not taken."""


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
    """A held lease.

    last_started: when the pass before this one began, if known. steady: nothing but its interval
    asked for the pass, which may go by what was read before. mark: the same as long as passes find
    all as it should be; one that does not leaves another, so that nobody goes by what was before.
    kept: what passes have read and may go by (controller/kept.py); it travels here because the
    lease is read and written by each pass anyway.
    """

    store: Store
    key: str
    holder: str
    clock: Callable[[], datetime]
    version: str
    expires: datetime
    started: datetime
    last_started: datetime | None
    steady: bool = False
    mark: str = ""
    kept: list[Any] = field(default_factory=list)

    def remaining_s(self) -> float:
        """Seconds until it ends."""
        return (self.expires - self.clock()).total_seconds()

    def permit(self, call: str) -> None:
        """Raise `NotPermitted` unless a call begun now must end inside the lease."""
        if self.remaining_s() <= CALL_BOUND_S:
            raise NotPermitted(f"{call}: the lease ends in {self.remaining_s():.0f} s")

    def keep(self) -> None:
        """Renew it when little is left. Raises `NotPermitted` if it was lost.

        Within the function's time-out that is never, so that what a kill leaves is free when its
        message returns.
        """
        if self.remaining_s() > CALL_BOUND_S + RENEW_S:
            return
        expires = self.clock() + timedelta(seconds=TTL_S)
        try:
            self.version = self.store.put(self.key, self._body(expires), self.version)
        except Conflict:
            self.expires = self.clock()
            raise NotPermitted("the lease was taken over by another pass") from None
        self.expires = expires

    def release(self, *, well: bool = False) -> None:
        """Give it back; the object stays and remembers when this pass began.

        well: the pass found all as it should be.
        """
        if not well:
            self.mark, self.kept = uuid.uuid4().hex, []
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
                "steady": self.steady,
                "mark": self.mark,
                "kept": self.kept,
            }
        )


def acquire(
    store: Store,
    environment: str,
    holder: str,
    clock: Callable[[], datetime],
    *,
    started: datetime | None = None,
    steady: bool = False,
) -> Lease:
    """Take the environment's lease. started: since when the pass has looked at anything; default
    now. Raises `Held`, or `StoreFailure`."""
    key = f"leases/{environment}.json"
    found = store.get(key)
    now = clock()
    expires = now + timedelta(seconds=TTL_S)
    lease = Lease(store, key, holder, clock, "", expires, started or now, None, steady)
    if found is not None:
        try:
            body = found.json
            by, free = str(body["holder"]), body["released"] is True
            until = datetime.fromisoformat(body["expires"])
            lease.last_started = datetime.fromisoformat(body["started"])
            lease.mark, lease.kept = str(body.get("mark", "")), list(body.get("kept", ()))
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


@dataclass(frozen=True, slots=True)
class Last:
    """The last pass that took the lease, as far as can be told.

    started: when it began to look; None if nobody knows. ended: it came to its end. published: it
    went by what is published, as the control plane does. steady: it went by what was read before.
    until: when its lease ends if it does not give it back.
    """

    started: datetime | None = None
    ended: bool = False
    published: bool = False
    steady: bool = False
    until: datetime | None = None

    def killed(self, now: datetime) -> bool:
        """Whether it never came to its end, and has had its time."""
        return not self.ended and self.until is not None and self.until <= now

    def saw(self, moment: datetime, now: datetime, *, steady: bool) -> bool:
        """Whether it has seen what happened before a moment. Clocks may be a second apart, and one
        that runs far ahead proves nothing. steady: going by what was read before is enough."""
        return (
            self.started is not None
            and self.ended
            and self.published
            and (steady or not self.steady)
            and moment + timedelta(seconds=1) < self.started <= now + APART
        )


def last(store: Store, environment: str) -> Last:
    """What the lease tells of the last pass. Raises `StoreFailure`."""
    found = store.get(f"leases/{environment}.json")
    try:
        body = found.json if found else {}
        return Last(
            datetime.fromisoformat(body["started"]),
            body["released"] is True,
            str(body["holder"]).startswith(WORKER),
            bool(body.get("steady")),
            datetime.fromisoformat(body["expires"]),
        )
    except (ValueError, KeyError, TypeError):
        return Last()
