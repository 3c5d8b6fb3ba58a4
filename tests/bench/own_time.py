"""Rows on our own CPU time, and on how a large pass gets along with AWS's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.rates import Budget, rate_of
from tests.bench.canned import Bulk
from tests.bench.rows import Row

FLAT = 1.25
"""So much more a resource may cost where there are ten times as many."""


def own_time(sizes: Sequence[int] = (10, 100, 1000), passes: int = 5) -> Iterator[Row]:
    """CPU for each resource, with replies that cost nothing; and work, which knows no noise."""
    before = 0.0
    for size in sizes:
        bulk = Bulk(size)
        cost, work = bulk.cpu_per_resource(passes), bulk.work_per_resource()
        figure = f"{cost * 1e3:.2f} ms, {work:,.0f} function calls"
        if before:
            ratio = cost / before
            yield Row(f"own CPU a resource, {size:,} of them", f"{figure} ({ratio:.2f} ×)",
                      f"flat: ≤ {FLAT:.2f} × the line above", ratio <= FLAT)  # fmt: skip
        else:
            yield Row(f"own CPU a resource, {size:,} of them", figure)
        before = cost


class Limits:
    """AWS's side of the rate limits, and a clock that moves when a call has to wait for one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.budget = Budget(clock=lambda: self.now)
        self.refused = 0
        self.sent = 0
        self._tokens: dict[str, tuple[float, float]] = {}

    def wait(self, call: str, seconds: float) -> None:
        """A call is sent after a wait: AWS counts it, and would refuse one too many."""
        self.now += seconds
        self.sent += 1
        burst, rate = rate_of(call)
        tokens, at = self._tokens.get(call, (burst, self.now))
        tokens = min(burst, tokens + (self.now - at) * rate)
        if tokens < 1 - 1e-6:
            self.refused += 1
        self._tokens[call] = (tokens - 1, self.now)


def limits(size: int = 1000) -> Iterator[Row]:
    """A pass that must ask one by one (the tag index is empty), at AWS's documented rates."""
    aws = Limits()
    bulk = Bulk(size, aws.budget, aws.wait)
    bulk.door.indexed = False
    report = bulk.run()
    good = report.converged and not aws.refused and not report.throttles
    figure = f"{aws.sent:,} calls in {aws.now:.0f} simulated s, {aws.refused} refused"
    yield Row(f"{size:,} resources at AWS's limits", figure, "slows down, does not fail", good)
