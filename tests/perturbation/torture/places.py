"""Where something can go wrong: each call to AWS, each look at our state, each beginning of a pass.

Calls are made one after the other, in one order, so that a place has the same number each time the
story is told.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from controller.aws import Aws, AwsFailure
from controller.rates import Budget
from controller.store import Stored
from sandbox.world import Store, World
from tests.perturbation.bench import MemoryStore

What = Literal["read", "write", "get", "put", "pass"]
Make = Callable[[], Any]
At = Callable[[What, str, Make], Any]
"""Called at each place: what it is, its name, and what is to happen there."""

VERSIONS = 3
"""So many versions back are kept: a stale read may see two, and a call is made thrice."""


@dataclass(frozen=True, slots=True)
class Place:
    """number: in the order of the story. turn: which pass. what: a `read` or `write` of AWS, a
    `get` or `put` of our state, or a `pass` that begins. name: `service:Operation`, or the first
    part of the key."""

    number: int
    turn: int
    what: What
    name: str

    def __str__(self) -> str:
        return f"{self.what} {self.name} ({self.number}, pass {self.turn})"


class Door(Aws):
    """The door to AWS, one call at a time."""

    def __init__(self, session: Any, at: At, *, region: str, account: str) -> None:
        super().__init__(session, region=region, account=account, budget=Budget(10_000))
        self._at = at
        self._inside = False

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        def guarded(call: Callable[[], Any]) -> Any:
            try:
                return call()
            except AwsFailure as failure:
                return failure

        return [guarded(call) for call in calls]

    def together(self, *jobs: Callable[[], Any]) -> list[Any]:
        return [job() for job in jobs]

    def write(self, service: str, operation: str, params: Any) -> Any:
        def make() -> Any:
            self._inside = True
            try:
                return Aws.write(self, service, operation, params)
            finally:
                self._inside = False

        return self._at("write", f"{service}:{operation}", make)

    def _call(self, service: str, operation: str, params: Any, by: Any = None) -> Any:
        def make() -> Any:
            return Aws._call(self, service, operation, params, by)

        return make() if self._inside else self._at("read", f"{service}:{operation}", make)


class State(MemoryStore):
    """Our own state. versions: all bodies that ever stood under a key."""

    def __init__(self, at: At) -> None:
        super().__init__()
        self._at = at
        self.versions: dict[str, list[bytes]] = {}

    def get(self, key: str) -> Stored | None:
        found: Stored | None = self._at("get", _part(key), lambda: self.look(key))
        return found

    def put(self, key: str, body: bytes, expected: str | None) -> str:
        def make() -> str:
            version = MemoryStore.put(self, key, body, expected)
            self.versions.setdefault(key, []).append(body)
            return version

        return str(self._at("put", _part(key), make))

    def look(self, key: str) -> Stored | None:
        """The object, without anything going wrong."""
        return MemoryStore.get(self, key)

    def place(self, key: str, body: bytes | None) -> None:
        """Somebody else's write; None: it is gone."""
        self.objects.pop(key, None)
        if body is not None:
            self.count += 1
            self.objects[key] = (body, str(self.count))


def _part(key: str) -> str:
    return key.partition("/")[0]


@dataclass
class Past(World):
    """A simulated AWS that knows how each service stood before its last writes."""

    versions: dict[tuple[str, str, str], list[tuple[datetime, Store]]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def remember(self, service: str, account: str, region: str) -> None:
        kept = self.versions.setdefault((service, account, region), [])
        kept.append((self.clock.now(), copy.deepcopy(self.store(service, account, region))))
        del kept[:-VERSIONS]
        self.counts[service] += 1

    def writes_to(self, service: str) -> int:
        """How many writes a service has taken."""
        return self.counts[service]

    def before(self, service: str, back: int, within: timedelta) -> Store | None:
        """How a service stood before its last write, or the one before; None if that was too long
        ago."""
        kept = self.versions.get((service, self.account, self.region), [])
        if len(kept) < back or self.clock.now() - kept[-back][0] > within:
            return None
        return kept[-back][1]

    def seen_as(self, service: str, store: Store, make: Make) -> Any:
        """Make a call that finds the service as it stood."""
        key = (service, self.account, self.region)
        now = self._stores[key]
        self._stores[key] = store
        try:
            return make()
        finally:
            self._stores[key] = now
