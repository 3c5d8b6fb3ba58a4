"""ECS task definitions: immutable revisions of a family."""

from __future__ import annotations

import re
from typing import Any

from sandbox.behaviours.ecs_common import (
    API,
    caller,
    client,
    invalid,
    pages,
    part,
    public,
    read_tags,
    set_tags,
    tag_list,
    tags_of,
)
from sandbox.behaviours.ecs_task_rules import (
    check_fargate_size,
    check_task,
    containers,
    fits_fargate,
    size,
    volumes,
)
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

FAMILY = re.compile(r"^[A-Za-z0-9_-]{1,255}$")
ATTRIBUTES = (
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "ecs.capability.execution-role-awslogs",
    "com.amazonaws.ecs.capability.docker-remote-api.1.19",
    "ecs.capability.task-eni",
)


def split(identifier: str) -> tuple[str, str | None]:
    """Family and revision of `family`, `family:revision` or an ARN."""
    family, colon, revision = identifier.rpartition("/")[2].partition(":")
    if colon and not revision.isdigit():
        raise invalid(f"Invalid revision number. Number: {revision}")
    return family, revision or None


def find(store: Store, identifier: str) -> dict[str, Any] | None:
    """The revision named, or the newest ACTIVE one of a bare family."""
    family, revision = split(identifier)
    revisions: dict[str, dict[str, Any]] = store.get("families", {}).get(family, {})
    if revision is not None:
        return revisions.get(revision)
    active = [d for d in revisions.values() if d["status"] == "ACTIVE"]
    return max(active, key=lambda d: int(d["revision"]), default=None)


def usable(store: Store, identifier: str) -> dict[str, Any]:
    """The revision that a service may run, or ECS's refusal."""
    found = find(store, identifier)
    if found is None:
        raise client("TaskDefinition not found.")
    if found["status"] != "ACTIVE":
        raise client("TaskDefinition is inactive")
    return found


def _role(ctx: Context, raw: str | None) -> str | None:
    """A role's ARN from its ARN or name (documented: short names are taken)."""
    if not raw:
        return None
    if raw.startswith("arn:"):
        if not re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:role/.+", raw):
            raise client("Role is not valid")
        return raw
    return f"arn:aws:iam::{ctx.account}:role/{raw}"


def _compatibilities(params: Params, fargate: bool) -> list[str]:
    """What could run it, by what ECS can see."""
    asked = [c for c in params.get("requiresCompatibilities") or [] if c not in ("EC2", "FARGATE")]
    return ["EC2", *asked] + (["FARGATE"] if fargate else [])


def _show(ctx: Context, definition: dict[str, Any]) -> dict[str, Any]:
    """A copy in the orders that AWS does not keep (cases 1, 2, 20)."""
    out = public(definition)
    out["containerDefinitions"] = ctx.shuffled(out["containerDefinitions"])
    for container in out["containerDefinitions"]:
        for member in ("environment", "secrets"):
            if member in container:
                container[member] = ctx.shuffled(container[member])
    for member in ("compatibilities", "requiresCompatibilities", "requiresAttributes"):
        if member in out:
            out[member] = ctx.shuffled(out[member])
    return out


@behaviour(
    "ecs", "RegisterTaskDefinition",
    "family taskRoleArn executionRoleArn networkMode containerDefinitions volumes "
    "placementConstraints requiresCompatibilities cpu memory tags pidMode ephemeralStorage "
    "runtimePlatform enableFaultInjection ipcMode proxyConfiguration inferenceAccelerators "
    "trustedExecutionConfiguration",
    evidence="recorded", source="recorded/ecs/DescribeTaskDefinition; refusals documented, "
    + API + "API_RegisterTaskDefinition.html; assumed: some wordings",
)  # fmt: skip
def register_task_definition(ctx: Context, params: Params) -> Reply:
    family = params["family"]
    if not FAMILY.match(family):
        raise client("Family contains invalid characters.")
    fargate = "FARGATE" in (params.get("requiresCompatibilities") or [])
    mode = params.get("networkMode", "bridge")
    if fargate and mode != "awsvpc":
        # AWS really sends these quotation marks.
        raise client("Fargate only supports network mode \N{LEFT SINGLE QUOTATION MARK}awsvpc"
                     "\N{RIGHT SINGLE QUOTATION MARK}.")  # fmt: skip
    cpu, memory = size("cpu", params.get("cpu")), size("memory", params.get("memory"))
    if fargate:
        check_fargate_size(cpu, memory)
    check_task(params, fargate)
    tags = read_tags(params.get("tags") or [])
    definition: dict[str, Any] = {
        "family": family,
        "networkMode": mode,
        "volumes": volumes(ctx, params.get("volumes") or [], fargate),
        "placementConstraints": params.get("placementConstraints") or [],
        "status": "ACTIVE",
        "compatibilities": _compatibilities(params, fits_fargate(mode, cpu, memory)),
        "requiresAttributes": [{"name": n} for n in ATTRIBUTES],
        "registeredAt": ctx.now,
        "registeredBy": caller(ctx),
    }
    optional = {
        "taskRoleArn": _role(ctx, params.get("taskRoleArn")),
        "executionRoleArn": _role(ctx, params.get("executionRoleArn")),
        "cpu": cpu,
        "memory": memory,
        **{
            m: params.get(m)
            for m in ("requiresCompatibilities", "pidMode", "ephemeralStorage", "runtimePlatform",
                      "enableFaultInjection", "ipcMode", "proxyConfiguration",
                      "trustedExecutionConfiguration")
        },
    }  # fmt: skip
    definition.update({k: v for k, v in optional.items() if v is not None})
    definition["containerDefinitions"] = containers(
        ctx, params["containerDefinitions"], definition, fargate
    )
    revisions = part(ctx.store, "families").setdefault(family, {})
    revision = max((int(r) for r in revisions), default=0) + 1
    definition["revision"] = revision
    definition["taskDefinitionArn"] = ctx.arn(f"task-definition/{family}:{revision}")
    revisions[str(revision)] = definition
    set_tags(ctx, definition["taskDefinitionArn"], tags)
    reply: Reply = {"taskDefinition": _show(ctx, definition)}
    if tags:
        reply["tags"] = tag_list(tags)
    return reply


@behaviour(
    "ecs", "DescribeTaskDefinition", "taskDefinition include",
    evidence="recorded", source="recorded/ecs/DescribeTaskDefinition",
)  # fmt: skip
def describe_task_definition(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    found = find(view, params["taskDefinition"])
    if found is None:
        raise client("Unable to describe task definition.")
    reply: Reply = {"taskDefinition": _show(ctx, found)}
    if "TAGS" in (params.get("include") or []):
        reply["tags"] = ctx.shuffled(tag_list(tags_of(view, found["taskDefinitionArn"])))
    return reply


@behaviour(
    "ecs", "DeregisterTaskDefinition", "taskDefinition",
    evidence="documented", source=API + "API_DeregisterTaskDefinition.html",
)  # fmt: skip
def deregister_task_definition(ctx: Context, params: Params) -> Reply:
    if split(params["taskDefinition"])[1] is None:
        raise client("Revision is missing.")
    found = find(ctx.store, params["taskDefinition"])
    if found is None:
        raise client("Unable to describe task definition.")
    if found["status"] != "ACTIVE":
        raise invalid(
            "The specified task definition is inactive. You may not deregister an inactive task "
            "definition."
        )
    found["status"] = "INACTIVE"
    found["deregisteredAt"] = ctx.now
    return {"taskDefinition": _show(ctx, found)}


@behaviour(
    "ecs", "ListTaskDefinitions", "familyPrefix status sort nextToken maxResults",
    evidence="documented", source=API + "API_ListTaskDefinitions.html",
)  # fmt: skip
def list_task_definitions(ctx: Context, params: Params) -> Reply:
    wanted, status = params.get("familyPrefix"), params.get("status", "ACTIVE")
    found = {
        f"{family}:{d['revision']:08}": d["taskDefinitionArn"]
        for family, revisions in ctx.view.get("families", {}).items()
        if wanted in (None, family)  # documented: the full family name, despite its name
        for d in revisions.values()
        if d["status"] == status
    }
    descending = params.get("sort") == "DESC"
    return pages("taskDefinitionArns", params, found, 100, descending=descending)


@behaviour(
    "ecs", "ListTaskDefinitionFamilies", "familyPrefix status nextToken maxResults",
    evidence="documented", source=API + "API_ListTaskDefinitionFamilies.html",
)  # fmt: skip
def list_task_definition_families(ctx: Context, params: Params) -> Reply:
    prefix, status = params.get("familyPrefix", ""), params.get("status", "ALL")
    names = {}
    for family, revisions in ctx.view.get("families", {}).items():
        active = any(d["status"] == "ACTIVE" for d in revisions.values())
        if family.startswith(prefix) and status in ("ALL", "ACTIVE" if active else "INACTIVE"):
            names[family] = family
    return pages("families", params, names, 100)
