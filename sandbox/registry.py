"""How a behaviour is declared: the operation, the parameters it honours, and how we know."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sandbox.errors import NotSimulated
from sandbox.world import Store, World

Evidence = Literal["recorded", "documented", "assumed"]
Params = dict[str, Any]
Reply = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What a behaviour is handed: the world, and where the call came from."""

    world: World
    service: str
    operation: str
    account: str
    region: str
    access_key: str

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self.world.clock.now()

    @property
    def store(self) -> Store:
        """This service's state, to read and change. Keys are the behaviour's own choice."""
        return self.world.store(self.service, self.account, self.region)

    @property
    def view(self) -> Store:
        """This service's state as an eventually consistent read sees it: never change it."""
        return self.world.lagging(self.service, self.account, self.region)

    def other(self, service: str) -> Store:
        """Another service's state in the same account and region."""
        return self.world.store(service, self.account, self.region)

    def arn(self, resource: str, service: str | None = None) -> str:
        """An ARN in this account and region: `arn:aws:<service>:<region>:<account>:<resource>`."""
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{resource}"

    def shuffled(self, items: Any) -> list[Any]:
        """The items in an order of AWS's choosing: for lists that AWS does not order."""
        out = list(items)
        self.world.rng.shuffle(out)
        return out

    def token(self, alphabet: str = "0123456789abcdef", length: int = 8) -> str:
        """A random id part, from the world's seed."""
        return "".join(self.world.rng.choice(alphabet) for _ in range(length))

    def uuid(self) -> str:
        """A random UUID-shaped id, from the world's seed."""
        return "-".join(self.token(length=n) for n in (8, 4, 4, 4, 12))


Run = Callable[[Context, Params], Reply]


@dataclass(frozen=True)
class Behaviour:
    """One simulated operation. `accepts`: top-level parameters it honours; others end the test."""

    service: str
    operation: str
    accepts: frozenset[str]
    evidence: Evidence
    source: str
    run: Run

    def __call__(self, ctx: Context, params: Params) -> Reply:
        unknown = set(params) - self.accepts
        if unknown:
            raise NotSimulated(f"{self.service}:{self.operation} with {sorted(unknown)}")
        return self.run(ctx, params)


_BEHAVIOURS: dict[tuple[str, str], Behaviour] = {}


def behaviour(
    service: str, operation: str, accepts: str, *, evidence: Evidence, source: str
) -> Callable[[Run], Run]:
    """Register a behaviour.

    accepts: top-level parameter names, separated by blanks, exactly as botocore spells them.
    evidence and source: `recorded` (file under shared/recorded), `documented` (AWS page),
    `assumed` (why). They make the table in docs/reference/sandbox.md.
    """

    def register(run: Run) -> Run:
        key = (service, operation)
        if key in _BEHAVIOURS:
            raise ValueError(f"{service}:{operation} is simulated twice")
        names = frozenset(accepts.split())
        _BEHAVIOURS[key] = Behaviour(service, operation, names, evidence, source, run)
        return run

    return register


@cache
def behaviours() -> dict[tuple[str, str], Behaviour]:
    """All behaviours by (service, operation). Services are named as botocore names them."""
    package = importlib.import_module("sandbox.behaviours")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"sandbox.behaviours.{module.name}")
    return _BEHAVIOURS
