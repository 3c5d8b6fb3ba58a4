"""I3: killed at any call, and run again: the same end state, no duplicates.

Every write to a service and every write to our own state is a point at which the process dies after
AWS took the call. (To die before a write is to die after the one before it: between two writes
there are only reads. The very first is tried both ways.) At every sixth point of the first
convergence the process may also live on, and only the reply be lost.
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.errors import Killed
from sandbox.pytest_plugin import new_world
from sandbox.world import READ_PREFIXES, Fault
from tests.behaviour.scenario import EIGHT
from tests.harness import Plant, environment, resource, shape
from tests.rewind import Rewind, fast_retries

CHUNKS = 4
UPDATED = EIGHT.replace("retentionInDays: 14", "retentionInDays: 30").replace(
    "threshold: 90", "threshold: 80"
).replace("nginx:1.29", "nginx:1.30")  # fmt: skip


def is_write(service: str, operation: str, params: dict[str, Any]) -> bool:
    """A point at which something changes, in AWS or in our state."""
    return not operation.startswith(READ_PREFIXES)


def kill(plant: Plant, kind: str, at: int) -> bool:
    """Run until the `at`-th write; True if the process died there (or the reply was lost)."""
    plant.world.faults.append(fault := Fault(kind, is_write, after=at))
    try:
        for _ in range(12):
            if plant.run().converged:
                break
            plant.later()
    except Killed:
        return True
    return fault.hits > at


def settle(plant: Plant) -> dict[str, Any]:
    """The end state: converged, with nothing under way any more."""
    plant.converge()
    plant.later(7200)
    plant.converge()
    return shape(plant.world)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("story", ["create", "update"])
def test_killed_at_every_write(story: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fast_retries(monkeypatch)
    plant = Plant(new_world(1), EIGHT)
    if story == "update":
        settle(plant)
    rewind = Rewind(plant)
    text = EIGHT if story == "create" else UPDATED
    plant.publish(text)
    plant.world.faults.append(counter := Fault("kill-before", is_write, after=10**6))
    end, writes = settle(plant), counter.hits
    assert writes > (40 if story == "create" else 8)
    points = [("kill-before", 0), *(("kill-after", at) for at in range(writes))]
    if story == "create":
        points += [("lost", at) for at in range(0, writes, 6)]
    for kind, at in points[chunk::CHUNKS]:
        rewind()
        plant.publish(text)
        if kill(plant, kind, at):
            plant.revive()
            assert settle(plant) == end, f"{kind} at write {at}"


def test_a_crashed_create_that_aws_does_not_show_yet_is_not_made_twice() -> None:
    plant = Plant(new_world(1), environment(resource("LogGroup", "app", "")))
    plant.world.fault("kill-after", "logs:CreateLogGroup")
    with pytest.raises(Killed):
        plant.run()
    plant.world.dead = False
    plant.world.faults.clear()
    plant.store.delete(f"leases/{plant.name}.json")
    plant.checkpoint()
    plant.run()
    assert "logs:CreateLogGroup" not in [c.name for c in plant.writes()]
    plant.later()
    plant.converge()
