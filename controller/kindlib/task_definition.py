"""Task definitions: read once, compared by what they say, registered only when that differs.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definitions.html
A revision never changes, so it is cached by its ARN for as long as the process lives.
RegisterTaskDefinition has no client token: the family's newest revision is looked at just before,
and used if it already is what is wanted (a pass that died after registering).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from controller.aws import Aws
from controller.diff import Change, Views, diff, overlay
from controller.fields import Field, fields_of
from controller.handler import Target
from controller.kindlib.containers import container_request, container_spec
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG, tag_list, tag_map
from controller.kindlib.shapes import by_name, not_empty, objects_by_name, pairs, project
from controller.kindlib.task_spec import TaskSpec
from controller.kindlib.task_volumes import volume_request, volume_spec
from controller.policies import Doc, Situation

TASK_FIELDS = tuple(name for name in fields_of(TaskSpec).members if name != "tags")
"""Fields of a service's spec that live in its task definition."""

_SAME = (
    "executionRoleArn", "taskRoleArn", "networkMode", "requiresCompatibilities", "runtimePlatform",
    "ephemeralStorage", "pidMode", "enableFaultInjection", "ipcMode",
    "trustedExecutionConfiguration",
)  # fmt: skip

CARRIED = ("inferenceAccelerators",)
"""Members that can't be declared: a new revision takes them over as AWS shows them."""


@cache
def task_fields() -> Field:
    """The field tree of the task definition's part of a service."""
    root = fields_of(TaskSpec)
    return Field("", "object", members={n: root.members[n] for n in TASK_FIELDS})


def task_spec(raw: Mapping[str, Any]) -> Doc:
    """A task definition in our language."""
    mode = raw.get("networkMode") or "bridge"  # case 21
    out: Doc = {name: raw.get(name) for name in _SAME}
    out["networkMode"] = mode
    out["cpu"] = number(raw.get("cpu"), "vcpu")
    out["memory"] = number(raw.get("memory"), "gb")
    out["containers"] = {
        c["name"]: container_spec(c, mode) for c in raw.get("containerDefinitions") or ()
    }
    out["volumes"] = {
        name: volume_spec(volume)
        for name, volume in objects_by_name(raw.get("volumes"), "name").items()
    }
    out["taskPlacementConstraints"] = [c for c in raw.get("placementConstraints") or () if c]
    if proxy := raw.get("proxyConfiguration"):
        properties = by_name(proxy.get("properties"), "name", "value")
        out["proxyConfiguration"] = {**proxy, "properties": properties}
    spec: Doc = project(task_fields(), out)
    spec.setdefault("requiresCompatibilities", [])  # says something here: our default differs
    return spec


def number(value: Any, unit: str) -> Any:
    """Case 30: AWS has numbers as texts, in units of 1/1024 or whole (`.25 vCPU`, `1 GB`)."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(rf"\s*(\d*\.?\d+)\s*({unit})?\s*", value.lower())
    if not found:
        return value
    return round(float(found[1]) * 1024) if found[2] else int(float(found[1]))


def register_request(target: Target, spec: Mapping[str, Any], live: Mapping[str, Any]) -> Doc:
    """The RegisterTaskDefinition call that makes `spec`.

    live: the revision in force (or nothing), whose members that can't be declared go along.
    """
    out: Doc = {"family": target.name, **not_empty({m: live.get(m) for m in CARRIED})}
    out |= not_empty({m: spec.get(m) for m in _SAME})
    for member in ("cpu", "memory"):
        if member in spec:
            out[member] = str(spec[member])
    out["containerDefinitions"] = [
        container_request(name, container) for name, container in sorted(spec["containers"].items())
    ]
    if spec.get("volumes"):
        out["volumes"] = [volume_request(n, v) for n, v in sorted(spec["volumes"].items())]
    if spec.get("taskPlacementConstraints"):
        out["placementConstraints"] = [
            {"type": "memberOf", **c} for c in spec["taskPlacementConstraints"]
        ]
    if proxy := spec.get("proxyConfiguration"):
        properties = pairs(proxy.get("properties") or {}, "name", "value")
        out["proxyConfiguration"] = {**proxy, "properties": properties}
    out["tags"] = tag_list(target.tags, "key")
    return out


def task_changes(desired: Mapping[str, Any], live: Mapping[str, Any]) -> list[Change]:
    """What differs between two task parts of a spec, whoever moved."""
    wanted = {n: desired[n] for n in TASK_FIELDS if n in desired}
    views = Views(wanted, dict(live), None, {}, {}, {}, Situation(wanted, dict(live)))
    return [c for c in diff(task_fields(), views) if c.cls != "undeclared"]


def wanted_task(desired: Doc, live: Mapping[str, Any], changes: Sequence[Change]) -> Doc:
    """The task part that a new revision must hold: as it is, with these changes made.

    Changes that wait for a reference come along: a revision made without them would have to be
    replaced as soon as the reference is known.
    """
    waiting = [c for c in task_changes(desired, live) if c.cls == "unknown"]
    task = overlay(dict(live), desired, [*changes, *waiting])
    # An entry that is empty equals none to `diff`, not to ECS: a scratch volume, `EMPTY: ""`.
    _add_empty(task, desired, "volumes")
    for name, container in task["containers"].items():
        _add_empty(container, desired["containers"].get(name, {}), "environment")
    return task


def _add_empty(task: Doc, desired: Mapping[str, Any], member: str) -> None:
    empty = {k: v for k, v in (desired.get(member) or {}).items() if v in ("", {})}
    if empty:
        task[member] = {**empty, **task.get(member, {})}


def read_definition(aws: Aws, arn: str) -> Doc:
    """A revision and its tags as `{"taskDefinition", "tags"}`. Raises `AwsFailure`."""
    key = ("task-definition", arn)
    found: Doc | None = aws.cache.get(key)
    if found is None:
        reply = aws.read(
            "ecs", "DescribeTaskDefinition", {"taskDefinition": arn, "include": ["TAGS"]}
        )
        found = {
            "taskDefinition": reply["taskDefinition"],
            "tags": tag_map(reply.get("tags"), "key"),
        }
        aws.cache[key] = found
    return found


def registered_already(aws: Aws, target: Target, request: Mapping[str, Any]) -> str:
    """ARN of the family's newest revision if it is ours and says what `request` does, else empty.

    Raises `AwsFailure`.
    """
    reply = aws.read(
        "ecs",
        "ListTaskDefinitions",
        {
            "familyPrefix": request["family"],  # the whole name, whatever the member is called
            "status": "ACTIVE",
            "sort": "DESC",
            "maxResults": 1,
        },
    )
    arns = reply.get("taskDefinitionArns") or []
    if not arns:
        return ""
    newest = read_definition(aws, arns[0])
    owner = {k: target.tags.get(k) for k in (ENVIRONMENT_TAG, RESOURCE_TAG)}
    if {k: newest["tags"].get(k) for k in owner} != owner:
        return ""
    return str(arns[0]) if same_definition(request, newest["taskDefinition"]) else ""


def same_definition(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """True if two task definitions, in AWS's words, make the same tasks."""
    ours, theirs = task_spec(one), task_spec(other)
    return (
        not task_changes(ours, theirs)
        and not task_changes(theirs, ours)
        and _carried(one) == _carried(other)
    )


def _carried(raw: Mapping[str, Any]) -> Doc:
    return not_empty({m: raw.get(m) for m in CARRIED})
