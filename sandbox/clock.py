"""The sandbox's time: it stands still until advanced, or runs `speed` times as fast as the wall."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)
"""A Monday morning: early enough in a week that maintenance windows lie ahead."""


class Clock:
    """Simulated time with timers.

    Timers run in the order of their due time, during `advance` (or, when `speed` > 0, during the
    first `settle` after they fell due), with `now()` set to the moment they were due, so that a
    chain of transitions comes out the same however large the step was.
    """

    def __init__(self, start: datetime = EPOCH, speed: float = 0.0) -> None:
        self._now = start
        self._speed = speed
        self._wall = time.monotonic()
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lock = threading.RLock()
        self._busy = False

    def now(self) -> datetime:
        """The simulated time, in UTC."""
        return self._now

    def after(self, delay: timedelta, run: Callable[[], None]) -> None:
        """Run `run` once `delay` of simulated time has passed."""
        with self._lock:
            heapq.heappush(self._timers, (self._now + delay, next(self._order), run))

    def advance(self, delay: timedelta) -> None:
        """Let `delay` pass, running each timer that falls due at its own time."""
        with self._lock:
            end = self._now + delay
            while self._timers and self._timers[0][0] <= end:
                due, _, run = heapq.heappop(self._timers)
                self._now = max(self._now, due)
                self._busy = True
                try:
                    run()
                finally:
                    self._busy = False
            self._now = end

    def settle(self) -> None:
        """Catch up with the wall clock, when this clock runs by itself (`speed` > 0)."""
        if self._speed <= 0:
            return
        with self._lock:
            if self._busy:  # a timer makes calls: time stands still for it
                return
            wall = time.monotonic()
            passed, self._wall = wall - self._wall, wall
            self.advance(timedelta(seconds=passed * self._speed))
