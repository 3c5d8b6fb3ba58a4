"""Scenarios that wait together: each is a test, but all of them begin when the first is asked for.

    @together
    def test_something(stack: Stack) -> Iterator[None]:
        ...     # before anything else goes on
        yield
        ...     # while all others go on, too

A scenario that needs no such beginning is an ordinary function.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.e2e.stack import Stack

Scenario = Callable[[Stack], Iterator[None] | None]


class Story:
    """All scenarios of a run, going on in threads of their own."""

    def __init__(self, stack: Stack, scenarios: Iterable[Scenario]) -> None:
        self._pool = ThreadPoolExecutor(32, "scenario")
        begun = [(each.__name__, _begin(each, stack)) for each in scenarios]
        self._going: dict[str, Future[None]] = {
            name: self._pool.submit(rest) for name, rest in begun
        }

    def end(self, name: str) -> None:
        """Wait for a scenario; what it raised."""
        self._going[name].result()

    def close(self) -> None:
        """None of them goes on: the stack is over for them."""
        self._pool.shutdown(cancel_futures=True)


def together(scenario: Scenario) -> Callable[[Story], None]:
    """The test that judges a scenario."""

    def test(story: Story) -> None:
        story.end(scenario.__name__)

    functools.update_wrapper(test, scenario)
    del test.__wrapped__  # type: ignore[attr-defined]  # pytest would ask for its arguments
    # Functions carry what is set on them; the fixture `story` begins all scenarios by this.
    test.scenario = scenario  # type: ignore[attr-defined]
    return test


def _begin(scenario: Scenario, stack: Stack) -> Callable[[], None]:
    """Do what comes before all others; the rest of it."""
    if not inspect.isgeneratorfunction(scenario):
        return lambda: _nothing(scenario(stack))
    steps: Any = scenario(stack)
    try:
        next(steps)
    except Exception as error:
        return functools.partial(_raise, error)
    return lambda: _nothing(next(steps, None))


def _raise(error: Exception) -> None:
    raise error


def _nothing(_: object) -> None:
    return None
