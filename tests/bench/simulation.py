"""Up to ten thousand environments: does the control plane keep up, at AWS's rates and no faster?

A discrete-event simulation. Ticks, batches, the hash that spreads environments, token buckets and
when a read is due anew are the product's own; what a pass asks for is what was measured
(`profile.json`); how long AWS takes is `profile.AT_AWS`. A call waits for its worker's bucket, and
beside it AWS's own bucket counts whether it would have been refused.

Simplified: a worker's calls are sent one wave after the other, sixteen at a time; nothing fails and
nothing drifts; a round waits for the one before it as a whole.
"""

from __future__ import annotations

import heapq
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil

from controller.batching import batches
from controller.kept import FLOOR_S, TOLD_S
from controller.messages import ROUND
from controller.rates import Budget, rate_of
from controller.timetable import Entry, due
from tests.bench.profile import AT_AWS, WHOLE_CPU_MB, Profile, anew, steady

MEMORY_MB, THREADS, PASS_THREADS = 512, 16, 8
START = datetime(2026, 1, 1, tzinfo=UTC)
TICK_S, WARM_UP_S = 60.0, 1800.0


@dataclass(frozen=True)
class Setting:
    """environments: in all, spread over accounts. workers, share: MaximumConcurrency and RateShare
    of the template."""

    environments: int
    accounts: int = 1
    interval_s: int = 300
    workers: int = 5
    share: float = 0.2
    hours: float = 1.0


@dataclass
class Outcome:
    """What happened after the warm-up. gaps: seconds between passes over one environment. calls: on
    AWS, by account and call. oldest: seconds that the oldest message had waited."""

    setting: Setting
    seconds: float = 0.0
    gaps: list[float] = field(default_factory=list)
    passes: int = 0
    batches: int = 0
    busy_s: float = 0.0
    longest_s: float = 0.0
    calls: Counter[tuple[int, str]] = field(default_factory=Counter)
    refused: int = 0
    deepest: int = 0
    oldest_s: float = 0.0

    @property
    def late(self) -> float:
        """The gap that one of a hundred passes exceeds, in seconds."""
        ordered = sorted(self.gaps)
        return ordered[int(len(ordered) * 0.99)] if ordered else float("inf")

    @property
    def kept(self) -> bool:
        """Intervals are kept: but for one pass in a hundred, to the tick."""
        return self.late <= self.setting.interval_s + TICK_S

    @property
    def tightest(self) -> tuple[str, float, float]:
        """The call nearest to AWS's rate in the busiest account: its rate and that limit."""
        rates = [(call, n / self.seconds, rate_of(call)[1]) for (_, call), n in self.calls.items()]
        return max(rates, key=lambda one: one[1] / one[2])

    @property
    def calls_each(self) -> float:
        """Calls on AWS for each pass."""
        return sum(self.calls.values()) / max(1, self.passes)


class Simulation:
    """One setting, from the first tick to the last."""

    def __init__(self, setting: Setting, profile: Profile) -> None:
        self.setting, self.profile = setting, profile
        names = [f"env-{number}" for number in range(setting.environments)]
        each = ceil(setting.environments / setting.accounts)
        self.account = {name: number // each for number, name in enumerate(names)}
        self.size = Counter(self.account.values())
        self.known = {name: Entry(setting.interval_s) for name in names}
        self.now, self.end = 0.0, setting.hours * 3600
        self.budgets: dict[tuple[int, int], Budget] = {}
        self.sent: dict[tuple[int, str], list[float]] = defaultdict(list)
        self.queue: deque[tuple[list[str], float]] = deque()
        self.busy: set[str] = set()
        self.began: dict[str, float] = {}
        self.read: dict[str, float] = {}
        self.out = Outcome(setting)

    def run(self) -> Outcome:
        """All of it."""
        end = self.end
        events: list[tuple[float, int, str, tuple[str, ...]]] = [(0.0, -1, "tick", ())]
        free = list(range(self.setting.workers))
        while events:
            self.now, worker, what, names = heapq.heappop(events)
            if self.now >= end:
                break
            if what == "tick":
                self._tick()
                heapq.heappush(events, (self.now + TICK_S, -1, "tick", ()))
            else:
                self.busy.difference_update(names)
                free.append(worker)
            while free and (batch := self._receive()):
                worker = free.pop()
                took = self._work(worker, batch)
                heapq.heappush(events, (self.now + took, worker, "done", tuple(batch)))
        self.out.seconds = end - WARM_UP_S
        self.out.refused = sum(_refused(call, sorted(at)) for (_, call), at in self.sent.items())
        return self.out

    def _tick(self) -> None:
        at = START + timedelta(seconds=self.now)
        woken = due(self.known, at - timedelta(seconds=TICK_S), at)
        there: dict[int, list[str]] = defaultdict(list)
        for name in woken:
            there[self.account[name]].append(name)
        for names in there.values():
            self.queue.extend((list(each), self.now) for each in batches(names, ROUND))
        if self._counts:
            self.out.deepest = max(self.out.deepest, sum(len(names) for names, _ in self.queue))

    @property
    def _counts(self) -> bool:
        return self.now >= WARM_UP_S

    def _receive(self) -> list[str]:
        """The next round on which nobody works, without those that a pass has seen since."""
        skipped: list[tuple[list[str], float]] = []
        batch: list[str] = []
        while self.queue and not batch:
            names, sent = self.queue.popleft()
            if not self.busy.isdisjoint(names):
                skipped.append((names, sent))
                continue
            batch = [name for name in names if self.began.get(name, -1.0) <= sent]
            if batch and self._counts:
                self.out.oldest_s = max(self.out.oldest_s, self.now - sent)
        self.queue.extendleft(reversed(skipped))
        self.busy.update(batch)
        return batch

    def _work(self, worker: int, batch: list[str]) -> float:
        """Make the passes of a round: the seconds that it takes."""
        own, at = self.profile, AT_AWS
        groups: dict[int, list[str]] = defaultdict(list)
        for name in batch:
            groups[self.account[name]].append(name)
            if self._counts and name in self.began:
                self.out.gaps.append(self.now - self.began[name])
            self.began[name] = self.now
        state = own.batch.state_calls + own.each.state_calls * ceil(len(batch) / PASS_THREADS)
        took, made = state * at["state_latency_s"], 0
        for account, names in sorted(groups.items()):
            calls = self._calls(account, names)
            longest = max(self._send(worker, account, c, n, took) for c, n in calls.items())
            waves = ceil(sum(calls.values()) / THREADS)
            took += max(longest + at["latency_s"], max(2, waves) * at["latency_s"])
            made += sum(calls.values())
        made += int(own.batch.state_calls + own.each.state_calls * len(batch))
        cpu = own.cpu_s * len(batch) + at["cpu_s_a_call"] * made
        took = max(took, cpu * WHOLE_CPU_MB / MEMORY_MB)
        if self._counts:
            self.out.passes += len(batch)
            self.out.batches += 1
            self.out.busy_s += min(took, self.end - self.now)
            self.out.longest_s = max(self.out.longest_s, took)
        return took

    def _calls(self, account: int, names: list[str]) -> Counter[str]:
        """What a joint pass over these asks for."""
        items = self.profile.items
        calls = steady(items, len(names), self.size[account])
        for longest, wanted in ((FLOOR_S, False), (TOLD_S, True)):
            again = [name for name in names if self._turned(name, longest)]
            if again:
                found = anew(items, len(again))
                calls += Counter(
                    {c: n for c, n in found.items() if (c == "ssm:GetParameters") == wanted}
                )
        return calls

    def _turned(self, name: str, longest: float) -> bool:
        """Whether what goes by time is to be read anew."""
        key = f"{name} {longest}"
        if 2 * self.setting.interval_s > FLOOR_S:
            return True
        phase = zlib.crc32(key.encode()) % longest
        before = self.read.get(key)
        if before is not None and (before + phase) // longest == (self.now + phase) // longest:
            return False
        self.read[key] = self.now
        return True

    def _send(self, worker: int, account: int, call: str, times: int, after: float) -> float:
        """Send a call so often: seconds until the last has left. Waits as a worker does."""
        budget = self.budgets.get((worker, account))
        if budget is None:
            budget = Budget(self.setting.share, lambda: self.clock)
            self.budgets[worker, account] = budget
        self.clock = self.now + after
        waited = 0.0
        for _ in range(times):
            waited = budget.take(call)
            at = self.clock + waited
            if WARM_UP_S <= at < self.end:
                self.sent[account, call].append(at)
                self.out.calls[account, call] += 1
        return waited


def _seconds(gap: float) -> str:
    return f"{gap:,.0f} s" if gap != float("inf") else "no second pass"


def _refused(call: str, sent: list[float]) -> int:
    """How many of an account's calls AWS would refuse: those that meet its bucket empty."""
    burst, rate = rate_of(call)
    tokens, last, refused = burst, 0.0, 0
    for at in sent:
        tokens, last = min(burst, tokens + (at - last) * rate), at
        if tokens < 1 - 1e-6:
            refused += 1
        else:
            tokens -= 1
    return refused


SETTINGS = (
    Setting(1, interval_s=60), Setting(10, interval_s=60), Setting(100, interval_s=60),
    Setting(1), Setting(10), Setting(100), Setting(1_000),
    Setting(1_000, accounts=20), Setting(10_000, accounts=200, workers=20),
    Setting(10_000, accounts=200, workers=50),
    Setting(10_000, workers=20, share=0.05),
)  # fmt: skip
"""What the page tells of."""


def table(profile: Profile, settings: tuple[Setting, ...] = SETTINGS) -> str:
    """The outcomes, as text."""
    return "\n".join(rows(profile, settings))


COLUMNS = (
    "environments", "accounts", "interval", "workers", "interval kept", "99 of 100 passes within",
    "queue at most", "oldest message", "longest batch", "workers in use", "calls a pass",
    "tightest call in an account", "refused",
)  # fmt: skip


def rows(profile: Profile, settings: tuple[Setting, ...]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|" + "---|" * len(COLUMNS)
    for setting in settings:
        out = Simulation(setting, profile).run()
        call, rate, limit = out.tightest
        use = out.busy_s / (out.seconds * setting.workers)
        yield (
            f"| {setting.environments:,} | {setting.accounts} | {setting.interval_s // 60} min "
            f"| {setting.workers} | {'yes' if out.kept else '**no**'} | {_seconds(out.late)} "
            f"| {out.deepest:,} | {out.oldest_s:,.0f} s | {out.longest_s:.1f} s | {use:.0%} "
            f"| {out.calls_each:.1f} | {call} {rate:.2f} of {limit:g}/s | {out.refused} |"
        )
