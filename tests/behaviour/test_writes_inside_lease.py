"""I10 over whole convergences: each write finds the stored lease held by the pass that makes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from controller.aws import CALL_BOUND_S
from sandbox.pytest_plugin import new_world
from sandbox.tamper import DEEDS
from sandbox.world import READ_PREFIXES, Fault
from tests.behaviour.scenario import EIGHT
from tests.harness import Plant, production


class Watch(Fault):
    """Looks at the lease whenever AWS gets a write; lets the call take its time."""

    def __init__(self, plant: Plant, seconds: float) -> None:
        super().__init__("none", lambda *_: True)
        self.plant = plant
        self.seconds = seconds
        self.holder = ""
        self.seen = 0
        self.wrong: list[str] = []

    def strikes(self, service: str, operation: str, params: dict[str, Any]) -> bool:
        if service == "s3" or operation.startswith(READ_PREFIXES):
            return False
        self.seen += 1
        found = self.plant.store.get(f"leases/{self.plant.name}.json")
        body = found.json if found else {}
        now = self.plant.world.clock.now()
        left = (datetime.fromisoformat(body["expires"]) - now).total_seconds() if found else 0
        if body.get("holder") != self.holder or body.get("released") or left < CALL_BOUND_S:
            self.wrong.append(f"{service}:{operation}: {body.get('holder')}, {left:.0f} s left")
        return False


@pytest.mark.parametrize(
    ("story", "seconds"), [("made", 0), ("made", 20), ("made", 45), ("healed", 0), ("healed", 45)]
)
def test_each_write_finds_the_lease_held_by_its_pass(story: str, seconds: float) -> None:
    """However slow each call is: a pass that can't end in its lease renews it or stops."""
    plant = Plant(new_world(2), EIGHT if story == "made" else production())
    if story == "healed":
        plant.converge()
        for deed in DEEDS:
            deed.do(plant.aws)
        plant.later(7200)
    watch = Watch(plant, seconds)
    plant.world.faults.append(watch)

    def slow(key: str, what: str, detail: str) -> None:
        if what != "observed":
            plant.later(seconds)

    for number in range(60):
        watch.holder = f"pass {number}"
        report = plant.run(holder=watch.holder, progress=slow)
        plant.later(60)
        if report.converged:
            break
    assert report.converged
    assert watch.seen >= 12
    assert watch.wrong == []
