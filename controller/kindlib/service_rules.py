"""What ECS refuses of a service, known before the call.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
Services that others made long ago, or run by another deployment controller, may be so all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.kindlib.autoscaling import autoscaling_problems
from controller.kindlib.service_connect import connect_problems, port_names
from controller.kindlib.service_deployment import deployment_problems
from controller.kindlib.service_parts import FARGATE, strategy_problems
from controller.kindlib.service_volumes import volumes_problems
from controller.kindlib.task_rules import task_problems
from controller.kindlib.within import items, known, mapping, maps

Spec = Mapping[str, Any]

REFUSED = {
    "role": "AWS uses its service-linked role, AWSServiceRoleForECS, which alone works with awsvpc "
    "(case 33)",
    "taskDefinition": "it is made of `containers` and the task's other fields, and registered when "
    "they change",
    "deploymentConfiguration": "it is called `deployment` here",
    "forceNewDeployment": "a flag of the call: Plumbline sets it where AWS wants it, and when a "
    "secret that tasks read at their start has a new version",
    "clientToken": "a flag of the call: Plumbline makes one",
    "serviceName": "the name is metadata.name, or metadata.externalName",
    "family": "task definitions are named as the service: metadata.name, or metadata.externalName",
    "containerDefinitions": "it is a map by name here: `containers`",
    "minimumHealthyPercent": "it stands in `deployment`",
    "maximumPercent": "it stands in `deployment`",
    "gatewayConnectors": "AWS shows them in service revisions only: a change behind our back would "
    "not be seen",
    "monitoring": "AWS shows it in service revisions only: a change behind our back would not be "
    "seen",
}
"""Parameters of the calls that can't be written, and what to do instead."""


def service_problems(spec: Spec) -> Iterator[str]:
    """What ECS refuses of a service. Texts that wait for references pass."""
    yield from task_problems(spec)
    yield from where_it_runs(spec)
    yield from network_problems(spec)
    yield from _counts(spec)
    yield from _balancers(spec)
    yield from placement_problems(spec)
    yield from deployment_problems(spec)
    yield from connect_problems(spec)
    yield from volumes_problems(spec)
    yield from autoscaling_problems(spec)
    if spec.get("enableExecuteCommand") is True and spec.get("taskRoleArn") is None:
        yield "enableExecuteCommand: ECS Exec needs taskRoleArn"


def on_fargate(spec: Spec) -> bool:
    """Whether tasks run on Fargate."""
    providers = mapping(spec.get("capacityProviderStrategy"))
    return spec.get("launchType") == "FARGATE" or any(p in FARGATE for p in providers)


def where_it_runs(spec: Spec) -> Iterator[str]:
    """What ECS refuses of launch type, capacity providers and platform."""
    launch, strategy = spec.get("launchType"), spec.get("capacityProviderStrategy")
    yield from strategy_problems(strategy, "capacityProviderStrategy")
    fits = items(spec.get("requiresCompatibilities"))
    if fits and known(launch) is not None and launch not in fits:
        yield f"launchType: {launch} is not among requiresCompatibilities {', '.join(fits)}"
    if launch == "MANAGED_INSTANCES":
        yield "launchType: managed instances are chosen by capacityProviderStrategy"
    if spec.get("platformVersion") and not on_fargate(spec) and known(launch) is not None:
        yield f"platformVersion: goes with Fargate, not with {launch}"
    controller = known(spec.get("deploymentController"))
    if controller not in (None, "ECS"):
        yield (
            f"deploymentController: Plumbline rolls out by ECS; a service of {controller} can be "
            "adopted, not made"
        )


def network_problems(spec: Spec) -> Iterator[str]:
    """What ECS refuses of the network configuration."""
    mode, network = spec.get("networkMode"), spec.get("networkConfiguration")
    if mode == "awsvpc" and network is None:
        yield "networkConfiguration: networkMode awsvpc needs it"
    for member, most in (("subnets", 16), ("securityGroups", 5)):
        held = items(mapping(network).get(member))
        if len(held) > most:
            yield f"networkConfiguration.{member}: at most {most}, not {len(held)}"


def _counts(spec: Spec) -> Iterator[str]:
    if spec.get("schedulingStrategy") == "DAEMON":
        if on_fargate(spec):
            yield "schedulingStrategy: DAEMON is not for Fargate"
        if spec.get("placementStrategy"):
            yield "placementStrategy: a DAEMON runs everywhere"
    elif spec.get("desiredCount") is None and spec.get("autoscaling") is None:
        yield "desiredCount or autoscaling is needed"


def _balancers(spec: Spec) -> Iterator[str]:
    balancers = maps(spec.get("loadBalancers"))
    if len(balancers) > 5:
        yield f"loadBalancers: at most 5, not {len(balancers)}"
    for balancer in balancers:
        if balancer.get("loadBalancerName") and spec.get("networkMode") == "awsvpc":
            yield "loadBalancers: networkMode awsvpc needs target groups, no loadBalancerName"
    registries = maps(spec.get("serviceRegistries"))
    if len(registries) > 1:
        yield f"serviceRegistries: at most one, not {len(registries)}"
    for registry in registries:
        if registry.get("port") and registry.get("containerPort"):
            yield "serviceRegistries: port or containerPort, not both"
        if (registry.get("containerName") is None) != (registry.get("containerPort") is None):
            yield "serviceRegistries: containerName and containerPort go together"
        name, containers = known(registry.get("containerName")), known(spec.get("containers"))
        if name is not None and containers and name not in containers:
            yield f"serviceRegistries: no container {name}"
    ports = port_names(spec)
    for target in maps(spec.get("vpcLatticeConfigurations")):
        port = known(target.get("portName"))
        if ports is not None and port is not None and port not in ports:
            yield f"vpcLatticeConfigurations: no container has a portMapping named {port}"


def placement_problems(spec: Spec) -> Iterator[str]:
    """What ECS refuses of placement constraints and strategies."""
    fargate = on_fargate(spec)
    for member, most in (("placementConstraints", 10), ("placementStrategy", 5)):
        held = items(spec.get(member))
        if held and fargate:
            yield f"{member}: not on Fargate"
        if len(held) > most:
            yield f"{member}: at most {most}, not {len(held)}"
    for constraint in maps(spec.get("placementConstraints")):
        expression = constraint.get("expression")
        if constraint.get("type") == "distinctInstance" and expression:
            yield "placementConstraints: distinctInstance has no expression"
        if constraint.get("type") == "memberOf" and not expression:
            yield "placementConstraints: memberOf needs an expression"
    for strategy in maps(spec.get("placementStrategy")):
        kind, field = strategy.get("type"), known(strategy.get("field"))
        if kind == "binpack" and field and str(field).lower() not in ("cpu", "memory"):
            yield f"placementStrategy: binpack has field cpu or memory, not {field}"
        if kind in ("spread", "binpack") and not strategy.get("field"):
            yield f"placementStrategy: {kind} needs a field"
        if kind == "random" and field:
            yield "placementStrategy: random has no field"
