"""Parts of an ECS service: what may be written about them, and their shapes in AWS.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from controller.kindlib.shapes import not_empty, objects
from controller.policies import Canonical, Doc, ServerDefault, Unordered
from controller.spec import Arn, Model, holds_reference, text


class NetworkConfiguration(Model):
    """Where the tasks' network interfaces are (AWS's `awsvpcConfiguration`)."""

    subnets: Annotated[list[str], Unordered(cases=(47,)), Field(min_length=1)]
    """Subnets, in several zones; private ones with a way out (NAT or endpoints). At most 16."""

    security_groups: Annotated[list[str] | None, Unordered(cases=(47,))] = None
    """Security groups, all of them, at most 5. AWS's default is the VPC's default group."""

    assign_public_ip: Annotated[bool, ServerDefault(False, cases=(46,))] = False
    """Give tasks a public address. AWS's default is false."""


class AdvancedConfiguration(Model):
    """How traffic is shifted to the new revision, for BLUE_GREEN, LINEAR and CANARY."""

    alternate_target_group_arn: Arn | None = None
    """ARN of the target group that takes turns with the first one."""

    production_listener_rule: Arn | None = None
    """ARN of the listener rule (for a Network Load Balancer: listener) of production traffic."""

    test_listener_rule: Arn | None = None
    """ARN of the listener rule or listener of test traffic. AWS's default is none."""

    role_arn: Arn | None = None
    """Role that ECS changes the rules with."""


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

    advanced_configuration: AdvancedConfiguration | None = None
    """How traffic is shifted, with another deployment strategy than ROLLING."""


def check_load_balancers(balancers: Any, containers: Any) -> None:
    """Refuse target groups of containers and ports that are not there. Raises `ValueError`."""
    if holds_reference(balancers) or holds_reference(containers) or not containers:
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


def registries_spec(raw: Any) -> list[Doc]:
    """Service registries in our language: 0 is no port."""
    return [not_empty({k: v or None for k, v in r.items()}) for r in raw or () if r]


class CapacityProviderShare(Model):
    """How many of the tasks a capacity provider gets."""

    weight: Annotated[int, ServerDefault(0), Field(ge=0, le=1000)] = 1
    """Share of the tasks beyond `base`, 0-1000. AWS's own default is 0: none of them."""

    base: Annotated[Annotated[int, Field(ge=0, le=100_000)] | None, ServerDefault(0)] = None
    """Tasks that it gets first; one provider may have some. AWS's default is 0."""


Strategy = dict[str, CapacityProviderShare]
FARGATE = ("FARGATE", "FARGATE_SPOT")
MOST_PROVIDERS = 20


def strategy_problems(strategy: Any, where: str) -> Iterator[str]:
    """What ECS refuses of a capacity provider strategy."""
    if not isinstance(strategy, Mapping) or not strategy:
        return
    shares = [s for s in strategy.values() if isinstance(s, Mapping)]
    waits = len(shares) < len(strategy)
    if len(strategy) > MOST_PROVIDERS:
        yield f"{where}: at most {MOST_PROVIDERS} capacity providers, not {len(strategy)}"
    if sum(1 for s in shares if s.get("base")) > 1:
        yield f"{where}: only one capacity provider may have a base"
    if not waits and not any(s.get("weight") for s in shares):
        yield f"{where}: at least one capacity provider needs a weight above 0"
    fargate = [name for name in strategy if name in FARGATE]
    if fargate and len(fargate) != len(strategy):
        yield f"{where}: FARGATE and FARGATE_SPOT don't mix with other providers"


def strategy_spec(raw: Any) -> Doc:
    """A capacity provider strategy as a map by provider."""
    return {
        item["capacityProvider"]: {"weight": item.get("weight", 0), "base": item.get("base")}
        for item in raw or ()
        if item and item.get("capacityProvider")
    }


def strategy_request(strategy: Mapping[str, Mapping[str, Any]]) -> list[Doc]:
    """A capacity provider strategy as AWS's list."""
    return objects(strategy, "capacityProvider")


class PlacementConstraint(Model):
    """Where tasks may be placed, for EC2 only."""

    type: Literal["distinctInstance", "memberOf"]
    """distinctInstance: each task on another instance. memberOf: where `expression` holds."""

    expression: Annotated[str, AfterValidator(text(high=2000))] | None = None
    """Expression in the cluster query language, with memberOf."""


def _field(value: Any) -> Any:
    """AWS echoes `cpu` as CPU; `host` is another word for `instanceId`."""
    name = str(value)
    low = name.lower()
    if low in ("cpu", "memory"):
        return low
    return "instanceId" if low in ("host", "instanceid") else name


class PlacementStrategy(Model):
    """How tasks are spread over instances, for EC2 only."""

    type: Literal["random", "spread", "binpack"]
    """spread: evenly over the values of `field`. binpack: where least of `field` is left."""

    field: Annotated[str | None, Canonical(_field)] = None
    """spread: `instanceId` or an attribute. binpack: `cpu` or `memory`."""


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
