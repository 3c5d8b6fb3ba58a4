"""The state of the simulated AWS: stores, clock, randomness, faults and the log of all calls."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import Clock

READ_PREFIXES = (
    "Describe", "List", "Get", "Head", "BatchGet", "Check", "Lookup", "Filter", "Detect",
)  # fmt: skip
"""What operations that only read begin with: those whose IAM access level is Read or List."""
DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"

Store = dict[str, Any]


@dataclass(frozen=True)
class CallRecord:
    """One API call as the sandbox received it. `error` is the AWS error code, if refused."""

    at: datetime
    service: str
    operation: str
    params: dict[str, Any]
    account: str
    region: str
    access_key: str
    error: str | None = None

    @property
    def name(self) -> str:
        """`service:Operation`, as in an IAM action."""
        return f"{self.service}:{self.operation}"

    @property
    def writes(self) -> bool:
        """True unless the operation only reads."""
        return not self.operation.startswith(READ_PREFIXES)


@dataclass
class Fault:
    """Something to go wrong with calls that match.

    kind: `throttle`, `error` (500), `deny` (AccessDenied), `invalid` (refused), `lost`
    (applied, the reply is dropped), `reset` (not applied, connection dropped), `garbled` (a page
    of HTML comes back), `kill-before`, `kill-after` (the caller dies).
    match: called with `service`, `operation`, `params`. times: how often; after: skip so many.
    message: what a refusal (`invalid`) says of the request.
    """

    kind: str
    match: Callable[[str, str, dict[str, Any]], bool]
    times: int = 1
    after: int = 0
    hits: int = 0
    message: Callable[[dict[str, Any]], str] = lambda params: "Refused, injected"

    def strikes(self, service: str, operation: str, params: dict[str, Any]) -> bool:
        """Count this call and tell whether the fault hits it."""
        if not self.match(service, operation, params):
            return False
        self.hits += 1
        return self.after < self.hits <= self.after + self.times


def on(name: str) -> Callable[[str, str, dict[str, Any]], bool]:
    """A `Fault.match` for `service:Operation`; either part may be `*`."""
    service, _, operation = name.partition(":")
    return lambda s, o, _p: service in ("*", s) and operation in ("*", o)


@dataclass
class _History:
    """The store as it was before its last write, for reads that lag behind."""

    before: Store
    written_at: datetime
    lag: timedelta


@dataclass
class World:
    """One simulated AWS: any number of accounts and regions, one clock, one seed.

    Everything AWS would choose (ids, list orders, lag) comes from `rng`, seeded with `seed`, so a
    failing run can be repeated. `lock` is held during each call: behaviours need no locking.
    """

    seed: int = 0
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    clock: Clock = field(default_factory=Clock)
    max_lag: timedelta = timedelta(seconds=2)
    """Longest time for which an eventually consistent read may miss a write (0: never)."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.lock = threading.RLock()
        self.calls: list[CallRecord] = []
        self.faults: list[Fault] = []
        self.unsimulated: list[str] = []
        self.accounts: dict[str, str] = {}
        """Access key id → account, for callers that are not `account`."""
        self.sessions: dict[str, dict[str, str]] = {}
        """Access key id → what AssumeRole was asked for, for callers that are a role's session."""
        self.dead = False
        """True once a `kill-…` fault struck: the process under test makes no further call."""
        self.latency = 0.0
        """Seconds that each call takes, slept outside the lock (benchmarks)."""
        self.boots: Callable[[dict[str, Any]], str] | None = None
        """What becomes of a task of an ECS task definition: "" for healthy, else the event that is
        told of it, with `{task}` in it. None: only images named `broken` fail."""
        self._stores: dict[tuple[str, str, str], Store] = {}
        self._history: dict[tuple[str, str, str], _History] = {}

    def store(self, service: str, account: str | None = None, region: str | None = None) -> Store:
        """The state of one service in one account and region: a plain dict that behaviours own."""
        key = (service, account or self.account, region or self.region)
        return self._stores.setdefault(key, {})

    def remember(self, service: str, account: str, region: str) -> None:
        """Keep a copy of the store as it is before a write, for lagging reads."""
        if not self.max_lag:
            return
        lag = self.max_lag * self.rng.random()
        before = copy.deepcopy(self.store(service, account, region))
        self._history[service, account, region] = _History(before, self.clock.now(), lag)

    def lagging(self, service: str, account: str, region: str) -> Store:
        """The store as an eventually consistent read sees it: now, or just before the last write.

        The caller must not change what it gets.
        """
        past = self._history.get((service, account, region))
        if past and self.clock.now() < past.written_at + past.lag and self.rng.random() < 0.5:
            return past.before
        return self.store(service, account, region)

    def fault(self, kind: str, name: str, *, times: int = 1, after: int = 0) -> Fault:
        """Let calls to `service:Operation` (or `*`) go wrong: see `Fault`."""
        fault = Fault(kind, on(name), times, after)
        self.faults.append(fault)
        return fault

    def writes(self) -> list[CallRecord]:
        """The calls that changed something: not reads, not refused, not on Plumbline's bucket."""
        return [c for c in self.calls if c.writes and c.error is None and c.service != "s3"]
