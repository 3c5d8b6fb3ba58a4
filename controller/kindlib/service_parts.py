"""Parts of an ECS service: what may be written about them, and their shapes in AWS.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from controller.kindlib.shapes import not_empty, objects
from controller.policies import Doc, ServerDefault, Unordered
from controller.spec import Arn, Model, holds_reference


class NetworkConfiguration(Model):
    """Where the tasks' network interfaces are (AWS's `awsvpcConfiguration`)."""

    subnets: Annotated[list[str], Unordered(cases=(47,)), Field(min_length=1, max_length=16)]
    """Subnets, in several zones; private ones with a way out (NAT or endpoints)."""

    security_groups: Annotated[
        Annotated[list[str], Field(max_length=5)] | None, Unordered(cases=(47,))
    ] = None
    """Security groups, all of them. AWS's default is the VPC's default group."""

    assign_public_ip: Annotated[bool, ServerDefault(False, cases=(46,))] = False
    """Give tasks a public address. AWS's default is false."""


class LoadBalancer(Model):
    """A target group that the tasks are registered in."""

    target_group_arn: Arn | None = None
    """ARN of the target group, of type `ip` with `awsvpc`; a listener must use it already."""

    load_balancer_name: str | None = None
    """Name of a Classic Load Balancer, instead of a target group."""

    container_name: str
    """Container that gets the traffic, a key of `containers`."""

    container_port: Annotated[int, Field(ge=0, le=65535)]
    """Its port, one of its `portMappings`."""


def check_load_balancers(balancers: Any, containers: Any) -> None:
    """Refuse target groups of containers and ports that are not there. Raises `ValueError`."""
    if holds_reference(balancers) or holds_reference(containers):
        return
    for balancer in balancers:
        if (balancer.target_group_arn is None) == (balancer.load_balancer_name is None):
            raise ValueError("loadBalancers: targetGroupArn or loadBalancerName, exactly one")
        if holds_reference(balancer.container_name):
            continue
        container = containers.get(balancer.container_name)
        if container is None:
            raise ValueError(
                f"loadBalancers: no container {balancer.container_name}; the task has "
                f"{', '.join(sorted(containers))}"
            )
        if holds_reference(container.port_mappings):
            continue
        ports = [p.container_port for p in container.port_mappings]
        if any(holds_reference(p) for p in (*ports, balancer.container_port)):
            continue
        if balancer.container_port not in ports:
            raise ValueError(
                f"loadBalancers: container {balancer.container_name} has no port "
                f"{balancer.container_port} in portMappings"
            )


class ServiceRegistry(Model):
    """A Cloud Map service that the tasks are registered in."""

    registry_arn: Arn
    """ARN of the Cloud Map service."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port for SRV records."""

    container_name: str | None = None
    """Container for SRV records with `bridge` or `host`."""

    container_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port."""


class CapacityProviderShare(Model):
    """How many of the tasks a capacity provider gets."""

    weight: Annotated[int, Field(ge=0, le=1000)] = 1
    """Share of the tasks beyond `base`, 0-1000. AWS's own default is 0: none of them."""

    base: Annotated[Annotated[int, Field(ge=0, le=100_000)] | None, ServerDefault(0)] = None
    """Tasks that it gets first; one provider may have some. AWS's default is 0."""


Strategy = dict[str, CapacityProviderShare]


def check_strategy(strategy: Any, where: str) -> None:
    """Refuse what ECS refuses of a capacity provider strategy. Raises `ValueError`."""
    if not isinstance(strategy, Mapping) or not strategy:
        return
    shares = [s for s in strategy.values() if isinstance(s, CapacityProviderShare)]
    if sum(1 for s in shares if s.base) > 1:
        raise ValueError(f"{where}: only one capacity provider may have a base")
    if not any(s.weight for s in shares):
        raise ValueError(f"{where}: at least one capacity provider needs a weight above 0")
    fargate = [name for name in strategy if name in ("FARGATE", "FARGATE_SPOT")]
    if fargate and len(fargate) != len(strategy):
        raise ValueError(f"{where}: FARGATE and FARGATE_SPOT don't mix with other providers")


def strategy_spec(raw: Any) -> Doc:
    """A capacity provider strategy as a map by provider."""
    return {
        s["capacityProvider"]: {"weight": s.get("weight", 0), "base": s.get("base", 0)}
        for s in raw or ()
    }


def strategy_request(strategy: Mapping[str, Mapping[str, Any]]) -> list[Doc]:
    """A capacity provider strategy as AWS's list."""
    return objects(strategy, "capacityProvider")


class DeploymentThreshold(Model):
    """When the circuit breaker opens."""

    type: str
    """`BOUNDED_PERCENT` (3 to 200 tasks), `UNBOUNDED_PERCENT` or `COUNT`."""

    value: int
    """Percent of the desired tasks, or tasks."""


class CircuitBreaker(Model):
    """Gives a roll-out up whose tasks don't start."""

    enable: bool = True
    """Watch roll-outs. AWS's own default is not to: a broken one retries for ever."""

    rollback: bool = True
    """Go back to the last revision that worked. AWS's own default is not to."""

    reset_on_healthy_task: Annotated[bool | None, ServerDefault(True, cases=(38,))] = None
    """Start counting anew when a task gets healthy. AWS's default is true."""

    threshold_configuration: Annotated[
        DeploymentThreshold | None,
        ServerDefault({"type": "BOUNDED_PERCENT", "value": 50}, cases=(38,)),
    ] = None
    """Failed tasks after which it opens. AWS's default: half of the desired ones, 3 to 200."""


class DeploymentAlarms(Model):
    """Alarms that give a roll-out up."""

    alarm_names: Annotated[list[str], Unordered(), Field(min_length=1)]
    """Names of CloudWatch alarms."""

    enable: bool = True
    """Watch them."""

    rollback: bool = True
    """Go back to the last revision that worked when one fires."""


class Deployment(Model):
    """How a new revision is rolled out (AWS's `deploymentConfiguration`, strategy ROLLING)."""

    maximum_percent: Annotated[int, ServerDefault(200, cases=(36,)), Field(ge=0)] = 200
    """Most tasks during a roll-out, in percent of the desired ones. AWS's default is 200."""

    minimum_healthy_percent: Annotated[int, ServerDefault(100, cases=(36,)), Field(ge=0)] = 100
    """Fewest healthy tasks during a roll-out, in percent. AWS's default is 100."""

    circuit_breaker: CircuitBreaker = Field(default_factory=CircuitBreaker)
    """Gives a roll-out up whose tasks don't start (case 38: AWS adds the whole object)."""

    alarms: DeploymentAlarms | None = None
    """Alarms that give a roll-out up. AWS's default is none."""

    bake_time_in_minutes: Annotated[
        Annotated[int, Field(ge=0, le=1440)] | None, ServerDefault(0, cases=(37,))
    ] = None
    """Minutes that both revisions run on after a roll-out. AWS's default is 0."""

    @model_validator(mode="after")
    def _can_move(self) -> Deployment:
        low, high = self.minimum_healthy_percent, self.maximum_percent
        if holds_reference(low) or holds_reference(high):
            return self
        if low >= 100 and high <= 100:
            raise ValueError(
                f"minimumHealthyPercent {low} and maximumPercent {high} leave no room to replace "
                "a task"
            )
        return self

    def check_rebalancing(self, rebalancing: object) -> None:
        """Refuse zone rebalancing without room for it. Raises `ValueError`."""
        if rebalancing is not True or holds_reference(self.maximum_percent):
            return
        if self.maximum_percent <= 100:
            raise ValueError(
                "availabilityZoneRebalancing: needs deployment.maximumPercent above 100"
            )


def deployment_spec(raw: Mapping[str, Any]) -> Doc:
    """AWS's deployment configuration in our language."""
    breaker = raw.get("deploymentCircuitBreaker") or {}
    out: Doc = {
        "maximumPercent": raw.get("maximumPercent"),
        "minimumHealthyPercent": raw.get("minimumHealthyPercent"),
        "circuitBreaker": {"enable": False, "rollback": False, **breaker},
        "bakeTimeInMinutes": raw.get("bakeTimeInMinutes"),
    }
    alarms = raw.get("alarms") or {}
    if alarms.get("alarmNames"):
        out["alarms"] = alarms
    return out


def deployment_request(spec: Mapping[str, Any], live: Mapping[str, Any]) -> Doc:
    """Our deployment configuration in AWS's words; what can't be declared stays as it is."""
    out = copy.deepcopy(not_empty(live))
    if not (out.get("alarms") or {}).get("alarmNames"):
        out.pop("alarms", None)  # case 37: AWS's way to say none
    out |= {k: v for k, v in spec.items() if k != "circuitBreaker"}
    out["deploymentCircuitBreaker"] = dict(spec["circuitBreaker"])
    return out


def network_spec(raw: Mapping[str, Any]) -> Doc:
    """AWS's network configuration in our language."""
    vpc = (raw.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if not vpc:
        return {}
    return {**vpc, "assignPublicIp": vpc.get("assignPublicIp") == "ENABLED"}


def network_request(spec: Mapping[str, Any]) -> Doc:
    """Our network configuration in AWS's words."""
    public = "ENABLED" if spec.get("assignPublicIp") else "DISABLED"
    return {"awsvpcConfiguration": {**spec, "assignPublicIp": public}}


def revision_spec(raw: Mapping[str, Any]) -> Doc:
    """What a service and a revision of it have in common, in our language."""
    version = raw.get("platformVersion")
    return {
        "networkConfiguration": network_spec(raw),
        "capacityProviderStrategy": strategy_spec(raw.get("capacityProviderStrategy")),
        "platformVersion": None if version == "LATEST" else version,
        "loadBalancers": raw.get("loadBalancers"),
    }
