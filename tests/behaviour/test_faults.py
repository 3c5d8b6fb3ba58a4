"""I11: faults that end delay convergence, never change its result.

Weather: any call may be throttled, refused, cut off before or after it took effect, or answered
with an error, reads, writes and our own state alike. When it has cleared, everything is as it would
have been without, and nothing is there twice.
"""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from controller.lease import Held
from controller.store import Conflict, StoreFailure
from sandbox.pytest_plugin import new_world
from sandbox.tamper import DEEDS
from sandbox.world import Fault, World
from tests.behaviour.scenario import EIGHT
from tests.harness import Plant, production
from tests.rewind import Rewind, end_state, fast_retries, unlike

PASSES = 6
"""So long the weather lasts."""

OURS = ("throttle", "error", "reset", "lost")
"""What may become of a call to our own state; a bucket that is denied to us is another story."""


class Weather(Fault):
    """Each call may fail; some operations are denied altogether for a while."""

    def __init__(self, seed: int) -> None:
        super().__init__("none", lambda *_: True)
        self.rng = random.Random(seed)
        self.chance = self.rng.choice((0.02, 0.1, 0.3))
        self.denied: set[str] = set()
        self.left = 0
        self.struck = 0

    def strikes(self, service: str, operation: str, params: dict[str, Any]) -> bool:
        name = f"{service}:{operation}"
        if self.left and service != "s3" and name in self.denied:
            self.left -= 1
            self.kind = "deny"
            return True
        if self.rng.random() >= self.chance:
            return False
        self.struck += 1
        self.kind = self.rng.choice(OURS if service == "s3" else (*OURS, "deny"))
        if self.kind == "deny":
            self.denied.add(name)
            self.left = 20
        return True


class Between(Fault):
    """Our state answers with errors from just before the second step of a pass on."""

    def __init__(self) -> None:
        super().__init__("error", lambda *_: True)
        self.looks = self.struck = 0

    def strikes(self, service: str, operation: str, params: dict[str, Any]) -> bool:
        if service != "s3":
            return False
        self.looks += params.get("Key", "").startswith("/pauses/")
        self.struck += self.looks > 2  # one at the beginning, one before each step
        return self.looks > 2


def one_pass(plant: Plant) -> bool:
    """A pass that may come to nothing. True if it ended."""
    with suppress(StoreFailure, Conflict, Held):
        plant.run()
        return True
    return False


def rest(plant: Plant) -> dict[str, Any]:
    """The end, when nothing is under way any more."""
    plant.later(600)
    plant.converge()
    plant.later(7200)
    plant.converge()
    return end_state(plant.world)


@cache
def calm(story: str) -> tuple[Plant, Rewind, dict[str, Any]]:
    """Where the story begins, and where it ends without any fault."""
    plant = Plant(new_world(7), EIGHT if story == "made" else production())
    if story == "healed":
        rest(plant)
        for deed in DEEDS:
            deed.do(plant.aws)
        plant.later(7200)
    return plant, Rewind(plant), rest(plant)


SEEDS = [("made", seed) for seed in range(10)] + [("healed", seed) for seed in range(100, 106)]


@pytest.mark.parametrize(("story", "seed"), SEEDS)
def test_weather_delays_and_changes_nothing(
    story: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_retries(monkeypatch)
    plant, rewind, end = calm(story)
    rewind()
    weather = Weather(seed)
    plant.world.faults.append(weather)
    for number in range(PASSES):
        if not one_pass(plant):
            plant.later(600)
        plant.later(15 if number % 2 else 300)
    assert weather.struck, "nothing happened"
    plant.world.faults.clear()
    found = rest(plant)
    assert found == end, unlike(end, found)
    if story == "healed":
        assert [d.title for d in DEEDS if not d.healed(plant.aws)] == []
    plant.checkpoint()
    plant.run()
    assert plant.writes() == []


def test_a_create_refused_three_times_goes_on_with_a_mended_file(world: World) -> None:
    """What came before the refused call is not held against the mended file."""
    plant = Plant(world, EIGHT)
    refuse = world.fault("invalid", "ecs:CreateService", times=99)
    for _ in range(9):
        plant.run()
        plant.later(300)
    assert refuse.hits == 3
    made = [c for c in plant.calls() if c.name == "ecs:RegisterTaskDefinition"]
    assert len(made) <= 3
    world.faults.clear()
    plant.publish(EIGHT.replace("memory: 512", "memory: 1024"))
    plant.converge(20)


def test_a_change_whose_second_half_fails_for_long_is_not_given_up(world: World) -> None:
    """A task definition is registered for its service: that is no try while the service fails."""
    plant = Plant(world, EIGHT)
    plant.converge()
    plant.later(600)
    plant.publish(EIGHT.replace("nginx:1.29", "nginx:1.30"))
    for _ in range(9):
        world.fault("error", "ecs:UpdateService", times=3)
        plant.run()
        plant.later()
    world.faults.clear()
    plant.converge(20)
    family = f"{plant.name}-gateway"
    revisions = plant.aws.client("ecs").list_task_definitions(familyPrefix=family)
    assert len(revisions["taskDefinitionArns"]) == 2, "one a wish, however often it was tried"


def test_a_create_whose_second_half_fails_for_long_is_not_given_up(world: World) -> None:
    plant = Plant(world, EIGHT)
    for _ in range(9):
        world.fault("error", "ecs:CreateService", times=3)
        plant.run()
        plant.later(900)
    world.faults.clear()
    plant.converge(20)


@pytest.mark.parametrize("change", [("nginx:1.29", "nginx:1.30"), ("memory: 512", "memory: 1024")])
def test_a_change_cut_off_half_way_is_not_given_up(world: World, change: tuple[str, str]) -> None:
    """Our state fails between the two halves, pass for pass: the second was never tried."""
    plant = Plant(world, EIGHT)
    plant.converge()
    plant.later(600)
    plant.publish(EIGHT.replace(*change))
    for _ in range(5):
        cut = Between()
        world.faults.append(cut)
        assert not one_pass(plant)
        assert cut.struck
        world.faults.clear()
        plant.later(600)
    plant.converge(20)


@pytest.mark.parametrize("read", ["ecs:DescribeClusters", "wafv2:*", "logs:DescribeLogGroups"])
def test_a_change_that_waits_for_others_for_long_is_not_given_up(world: World, read: str) -> None:
    """Nothing is registered for a service that may not be updated: that would count as tries."""
    plant = Plant(world, EIGHT)
    plant.converge()
    plant.later(600)
    plant.publish(
        EIGHT.replace("nginx:1.29", "nginx:1.30").replace("desiredCount: 2", "desiredCount: 3")
    )
    for _ in range(5):
        world.fault("deny", read, times=999)
        plant.run()
        world.faults.clear()
        plant.later(600)
    plant.converge(20)
