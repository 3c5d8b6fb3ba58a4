"""The calls that make and change an ECS service, built from its spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.diff import Change, overlay
from controller.handler import Action, Target
from controller.kindlib.autoscaling_calls import scaling_actions
from controller.kindlib.planning import paths, tag_changes
from controller.kindlib.reading import tag_list
from controller.kindlib.service_connect import connect_request
from controller.kindlib.service_deployment import deployment_request
from controller.kindlib.service_parts import network_request, strategy_request
from controller.kindlib.service_reading import ROLLOUT_FIELDS
from controller.kindlib.service_volumes import volumes_request
from controller.kindlib.task_definition import register_request
from controller.policies import Doc

_MEMBERS = (
    "desiredCount", "capacityProviderStrategy", "platformVersion", "networkConfiguration",
    "loadBalancers", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations",
    "vpcLatticeConfigurations", "placementConstraints", "placementStrategy",
    "healthCheckGracePeriodSeconds", "deployment", "enableExecuteCommand", "enableECSManagedTags",
    "propagateTags", "availabilityZoneRebalancing",
)  # fmt: skip
"""Fields of the spec that both CreateService and UpdateService take."""

_LISTS = (
    "loadBalancers", "serviceRegistries", "vpcLatticeConfigurations", "placementConstraints",
    "placementStrategy",
)  # fmt: skip
"""Those that an empty list clears."""


def register(
    target: Target, task: Doc, live: Mapping[str, Any], changes: Sequence[Change] = ()
) -> Action:
    """The call that registers a revision; `live`: the one in force, {} if there is no service."""
    return Action(
        "ecs", "RegisterTaskDefinition", register_request(target, task, live), paths(changes),
        prepares=True, step="task-definition", creates=not live,
        note="unless the family's newest revision is the same",
    )  # fmt: skip


def create(target: Target) -> list[Action]:
    """All calls that make a service that is not there."""
    spec = target.spec
    params: Doc = {
        "cluster": spec["cluster"],
        "serviceName": target.name,
        "taskDefinition": "${self.taskDefinitionArn}",
        "schedulingStrategy": spec["schedulingStrategy"],
        "tags": tag_list(target.tags, "key"),
    }
    scaling = spec.get("autoscaling")
    for name in _MEMBERS:
        if spec.get(name) not in (None, [], {}):
            member, value = _member(name, spec[name])
            params[member] = value
    if scaling is not None and "desiredCount" not in params:
        params["desiredCount"] = scaling["minCapacity"]
    if "launchType" in spec:
        params["launchType"] = spec["launchType"]
    if "deploymentController" in spec:
        params["deploymentController"] = {"type": spec["deploymentController"]}
    service = Action(
        "ecs", "CreateService", params, step="service", after=("task-definition",), creates=True
    )
    actions = [register(target, spec, {}), service]
    if scaling is not None:
        whole = Change(("autoscaling",), None, None, scaling, "differs")
        actions += scaling_actions(target, "${self.resourceId}", {}, [whole], after=("service",))
    return actions


def update(
    target: Target,
    service: Mapping[str, Any],
    live: Doc,
    fields: Mapping[str, Sequence[Change]],
    task: Sequence[Change],
    stale: Sequence[Change] = (),
    revision: Mapping[str, Any] | None = None,
) -> list[Action]:
    """The one UpdateService call that makes these changes, if it takes one.

    fields: changes by top-level field. task: those that the new revision makes. stale: secrets of
    which the tasks that run have an old version: any roll-out brings the new one. revision: the
    task part of the spec as it is to be.
    """
    params: Doc = {}
    done = [*task, *stale]
    if task:
        params["taskDefinition"] = "${self.taskDefinitionArn}"
        launched = any(
            (v or {}).get("configuredAtLaunch")
            for v in ((revision or {}).get("volumes") or {}).values()
        )
        if live.get("volumeConfigurations") and not launched:
            params["volumeConfigurations"] = []  # AWS refuses one without its volume
    for name in _MEMBERS:
        changes = fields.get(name)
        if not changes:
            continue
        done += changes
        wanted = overlay(live, target.spec, changes).get(name)
        member, value = _member(name, wanted)
        params[member] = value
    if changes := fields.get("launchType"):
        done += changes
        params["capacityProviderStrategy"] = []  # AWS's way back to the launch type
    rolls = task or stale or any(fields.get(n) for n in ROLLOUT_FIELDS)
    if not params and not stale:
        return []
    if "capacityProviderStrategy" in params or (stale and not _starts(task, fields)):
        params["forceNewDeployment"] = True  # AWS refuses the one without; nothing else starts it
    return [
        Action(
            "ecs",
            "UpdateService",
            {"cluster": service["clusterArn"], "service": target.name, **params},
            paths(done),
            risk="disruptive" if rolls else "safe",
            step="service",
            after=("task-definition",) if task else (),
        )
    ]


def _starts(task: Sequence[Change], fields: Mapping[str, Sequence[Change]]) -> bool:
    """True if these changes start a deployment of themselves (UpdateService says which do)."""
    return bool(task) or any(fields.get(n) for n in ROLLOUT_FIELDS)


def _member(name: str, wanted: Any) -> tuple[str, Any]:
    """A field of the spec as the service's calls take it."""
    if name == "capacityProviderStrategy":
        return name, strategy_request(wanted or {})
    if name == "networkConfiguration":
        return name, network_request(wanted)
    if name == "deployment":
        return "deploymentConfiguration", deployment_request(wanted)
    if name == "serviceConnectConfiguration":
        return name, connect_request(wanted)
    if name == "volumeConfigurations":
        return name, volumes_request(wanted)
    if name == "availabilityZoneRebalancing":
        return name, "ENABLED" if wanted else "DISABLED"
    if name in _LISTS:
        return name, wanted or []
    return name, wanted


def retag(arn: str, changes: Sequence[Change]) -> list[Action]:
    """The calls that change the tags of an ECS resource."""
    put, gone = tag_changes(changes)
    actions = []
    if put:
        done = paths([c for c in changes if c.wanted is not None])
        params: Doc = {"resourceArn": arn, "tags": tag_list(put, "key")}
        actions.append(Action("ecs", "TagResource", params, done, step="tag"))
    if gone:
        done = paths([c for c in changes if c.wanted is None])
        params = {"resourceArn": arn, "tagKeys": gone}
        actions.append(Action("ecs", "UntagResource", params, done, step="untag"))
    return actions
