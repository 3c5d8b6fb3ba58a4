"""What the three functions ask of S3 and SQS and write into their logs, counted in the sandbox."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import astuple
from datetime import timedelta

import pytest

from sandbox.pytest_plugin import new_world
from sandbox.seed import seed
from sandbox.world import CallRecord
from tests.bench.canned import Bulk
from tests.bench.fleet import Fleet, counted
from tests.bench.profile import Profile, Work
from tests.harness import production
from tests.plane import Plane, forget


class _Printed:
    """What pytest's `capsys` is to a `Plane`."""

    def __init__(self) -> None:
        self.held = io.StringIO()

    def readouterr(self) -> _Printed:
        self.out = self.held.getvalue()
        self.held.seek(0)
        self.held.truncate()
        return self


class Worked:
    """A deployed control plane in which `texts` have converged."""

    def __init__(self, texts: dict[str, str], patch: pytest.MonkeyPatch) -> None:
        forget()
        self.world = new_world(1, max_lag=timedelta(0))
        self.printed = _Printed()
        with redirect_stdout(self.printed.held):
            self.plane = Plane(self.world, patch, self.printed)
            for name, text in texts.items():
                if "${ssm:" in text:
                    seed(self.world, name)
                self.plane.publish(text, name)
            self.plane.converge(*texts, ticks=60)
            for _ in range(3):
                self.plane.tick()

    def tick(self) -> tuple[Work, dict[str, int]]:
        """One minute: what it cost, and how many passes were made."""
        with redirect_stdout(self.printed.held):
            counts = self.plane.tick()
        calls = self.world.calls[self.plane.mark :]
        return work(calls, len(self.plane.text.encode())), counts

    def series(self) -> tuple[set[str], set[str]]:
        """Metric series of environments, and of the fleet, in the last tick."""
        each = {(d.name, d.dimensions) for d in self.plane.data}
        own = {str(key) for key in each if key[1]}
        return own, {str(key) for key in each if not key[1]}


def work(calls: list[CallRecord], log_bytes: int) -> Work:
    """Calls on the state bucket and the queue's sends. Those on the queue that Lambda makes itself
    are not the functions'."""
    s3 = [(c.operation, c.params["Key"]) for c in calls if c.service == "s3"]
    return Work(
        gets=sum(how == "Get" and key != "/" for how, key in s3),
        puts=sum(how == "Put" for how, _ in s3),
        lists=sum(how == "Get" and key == "/" for how, key in s3),
        sends=sum(c.name == "sqs:SendMessageBatch" for c in calls),
        log_bytes=log_bytes,
    )


def combined(a: Work, b: Work, part: float = 1.0, minus: float = -1.0) -> Work:
    """`part` of the sum of `a` and `minus` times `b`."""
    pairs = zip(astuple(a), astuple(b), strict=True)
    return Work(*(round(part * (x + minus * y), 3) for x, y in pairs))


def state_work(text: str, few: int = 1, many: int = 3) -> tuple[Work, Work, Work, Worked]:
    """What a tick, an invocation and a pass cost: told apart by ticks that wake none, few and many
    environments. text: the file, `NAME` standing for its name, waked each minute."""
    found = []
    for size in (few, many):
        with pytest.MonkeyPatch.context() as patch:
            names = [f"env{number}" for number in range(size)]
            worked = Worked({name: text.replace("NAME", name) for name in names}, patch)
            cost, counts = worked.tick()
            assert counts["made"] == size, counts
            found.append(cost)
            if size == few:
                with redirect_stdout(worked.printed.held):
                    for name in names:  # a tick that wakes nobody
                        slow = text.replace("NAME", name).replace("interval: 1m", "interval: 24h")
                        worked.plane.publish(slow, name)
                    worked.plane.tick()
                idle, counts = worked.tick()
                assert counts["made"] == 0, counts
    each = combined(found[1], found[0], 1 / (many - few))
    batch = combined(combined(found[0], idle), each)
    return idle, batch, each, worked


def measure() -> Profile:
    """All of it, with LiteLLM in production."""
    text = production().replace("litellm-production", "NAME")
    tick, batch, each, worked = state_work(text)
    own, fleet = worked.series()
    resources = text.count("\nkind: ") - 1
    bulk = Bulk(resources)
    return Profile(
        tick, batch, each, counted(Fleet(2)), len(own) // 3, len(fleet),
        round(bulk.cpu_per_resource(10) * resources, 4),
    )  # fmt: skip
