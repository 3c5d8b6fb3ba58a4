"""Cases 618 and 619: tiers that AWS chooses and never lowers, types; a parameter end to end."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.world import World
from tests.harness import Plant, environment, explain, resource

NAME = "litellm-production-mode"


def made(world: World, spec: str) -> Plant:
    """One parameter, converged."""
    plant = Plant(world, environment(resource("Parameter", "mode", spec)))
    plant.converge()
    plant.checkpoint()
    return plant


def shown(plant: Plant) -> dict[str, Any]:
    plant.later()
    (found,) = plant.aws.client("ssm").describe_parameters()["Parameters"]
    value = plant.aws.client("ssm").get_parameter(Name=NAME)["Parameter"]["Value"]
    return {**found, "Value": value}


@pytest.mark.case(618, "echo")
@pytest.mark.parametrize(("size", "tier"), [(100, "Standard"), (5000, "Advanced")])
def test_the_tier_that_it_came_to_is_no_drift(world: World, size: int, tier: str) -> None:
    plant = made(world, f"value: {'x' * size}, tier: Intelligent-Tiering")
    assert shown(plant)["Tier"] == tier
    for _ in range(3):
        report = plant.run()
        assert report.converged, explain(report)
        plant.later(600)
    assert plant.writes() == []


@pytest.mark.case(618, "change")
def test_a_tier_that_somebody_raised_is_named_and_stays(world: World) -> None:
    plant = made(world, "value: x, tier: Standard")
    plant.aws.client("ssm").put_parameter(Name=NAME, Value="y", Tier="Advanced", Overwrite=True)
    plant.later()
    drift = {c.path for c in plant.run().assessments["Parameter/mode"].drift}
    assert drift == {"value", "tier"}
    plant.later()
    plant.run()
    assert (shown(plant)["Value"], shown(plant)["Tier"]) == ("x", "Advanced")
    blocked = plant.status()["resources"]["Parameter/mode"]["conditions"]["Blocked"]
    assert blocked["status"] == "True"


@pytest.mark.case(619, "echo")
@pytest.mark.case(619, "change")
def test_a_type_that_somebody_changed_is_put_back(world: World) -> None:
    plant = made(world, "value: 'a,b', type: StringList, description: x")
    assert plant.run().converged
    ssm = plant.aws.client("ssm")
    ssm.put_parameter(Name=NAME, Value="a,b", Type="String", Overwrite=True)
    plant.later()
    plant.run()
    assert (shown(plant)["Type"], shown(plant)["Description"]) == ("StringList", "x")
    assert [c.name for c in plant.writes()] == ["ssm:PutParameter"]


@pytest.mark.parametrize("fault", ["lost", "throttle"])
def test_a_lost_reply_makes_no_second_version(world: World, fault: str) -> None:
    plant = Plant(world, environment(resource("Parameter", "mode", "value: x")))
    world.fault(fault, "ssm:PutParameter", times=1)
    plant.converge()
    assert shown(plant)["Version"] == 1


def test_a_secure_string_of_that_name_is_left_alone(world: World) -> None:
    plant = Plant(world, environment(resource("Parameter", "mode", "value: x")))
    plant.aws.client("ssm").put_parameter(Name=NAME, Type="SecureString", Value="hunter2")
    report = plant.run()
    assert not report.converged
    assert plant.writes() == []
    assert "hunter2" not in str(plant.status())
