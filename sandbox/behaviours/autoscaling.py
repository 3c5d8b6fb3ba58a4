"""Application Auto Scaling for ECS services: scalable targets, activities, tags.

The store: `targets[ResourceId]`, `policies["ResourceId policy"]`, `actions["ResourceId action"]`,
`activities` newest first, `_tags[arn]`. Only ECS services are simulated.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from sandbox.autoscaler import DIMENSION, Scaler
from sandbox.errors import AwsError, NotSimulated
from sandbox.nested import honour
from sandbox.paging import page, steady_rank
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import check_tags, forget_tags, put_tags, remove_tags, tags_of
from sandbox.world import Store

API = "https://docs.aws.amazon.com/autoscaling/application/APIReference/"
RESOURCE = re.compile(r"service/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+")
NAMESPACES = (
    "ecs", "elasticmapreduce", "ec2", "appstream", "dynamodb", "rds", "sagemaker",
    "custom-resource", "comprehend", "lambda", "cassandra", "kafka", "elasticache", "neptune",
    "workspaces",
)  # fmt: skip
MOST = {"policies": 50, "actions": 200}
"""Quotas of one scalable target (documented; they can be raised)."""
SUSPENDED = "DynamicScalingInSuspended DynamicScalingOutSuspended ScheduledScalingSuspended"


def invalid(message: str) -> AwsError:
    """How Application Auto Scaling refuses a request."""
    return AwsError("ValidationException", message)


def identity(params: Params) -> str:
    """The resource of a request, or the refusal of what can't be one."""
    namespace, resource = params["ServiceNamespace"], str(params["ResourceId"])
    if namespace not in NAMESPACES:
        raise invalid(
            f"1 validation error detected: Value '{namespace}' at 'serviceNamespace' failed to "
            "satisfy constraint: Member must satisfy enum value set"
        )
    of_ecs = RESOURCE.fullmatch(resource) and params["ScalableDimension"] == DIMENSION
    if namespace != "ecs" and not of_ecs:
        raise NotSimulated(f"application-autoscaling for {namespace}")
    if namespace != "ecs" or not of_ecs:
        raise invalid("Unsupported service namespace, resource type or scalable dimension")
    return resource


def not_found(what: str, params: Params, name: str = "") -> AwsError:
    """ObjectNotFoundException, as AWS words it."""
    return AwsError(
        "ObjectNotFoundException",
        f"{what} for service namespace: {params['ServiceNamespace']}, resource ID: "
        f"{params['ResourceId']}, scalable dimension: {params['ScalableDimension']}{name}",
    )


def scaler(ctx: Context, resource: str) -> Scaler:
    """What acts on this resource in the caller's account and region."""
    return Scaler(ctx.world, ctx.account, ctx.region, resource)


def check_quota(ctx: Context, table: str, key: str, resource: str) -> None:
    """Refuse one more of a scalable target's policies or scheduled actions than it may have."""
    held = ctx.store.get(table, {})
    mine = [k for k, v in held.items() if v["ResourceId"] == resource and k != key]
    if len(mine) >= MOST[table]:
        raise AwsError("LimitExceededException", f"At most {MOST[table]} {table} are allowed.")


def target(ctx: Context, params: Params) -> dict[str, Any]:
    """The registered scalable target of a request."""
    found: dict[str, Any] | None = ctx.store.get("targets", {}).get(identity(params))
    if found is None:
        raise not_found("No scalable target registered", params)
    return found


def selected(params: Params, items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items of a Describe request's resource."""
    if params["ServiceNamespace"] != "ecs":
        return []
    if "ScalableDimension" in params and not params.get("ResourceId", params.get("ResourceIds")):
        raise invalid("If you specify a scalable dimension, you must also specify a resource ID.")
    return [i for i in items if params.get("ResourceId", i["ResourceId"]) == i["ResourceId"]]


def describe(
    ctx: Context, params: Params, member: str, items: dict[str, dict[str, Any]], most: int
) -> Reply:
    """A page of items, which AWS does not order."""
    limit = params.get("MaxResults", most)
    if not 1 <= limit <= most:
        raise invalid(f"MaxResults must be between 1 and {most}")
    refusal = AwsError("InvalidNextTokenException", "Invalid token")
    ranked = {steady_rank(ctx, k): v for k, v in items.items()}
    found, following = page(ranked, params.get("NextToken"), limit, refusal)
    reply: Reply = {member: ctx.shuffled(copy.deepcopy(found))}
    return reply | ({"NextToken": following} if following else {})


@behaviour(
    "application-autoscaling", "RegisterScalableTarget",
    "ServiceNamespace ResourceId ScalableDimension MinCapacity MaxCapacity RoleARN SuspendedState "
    "Tags",
    evidence="documented", source=API + "API_RegisterScalableTarget.html; Tags on an update: "
    "assumed to be refused",
)  # fmt: skip
def register_scalable_target(ctx: Context, params: Params) -> Reply:
    resource = identity(params)
    ecs = ctx.world.lagging("ecs", ctx.account, ctx.region)  # known: it lags behind CreateService
    service = ecs.get("services", {}).get(resource.removeprefix("service/"))
    if service is None or service["status"] != "ACTIVE":
        raise invalid(f"ECS service doesn't exist: {resource}")
    if service["schedulingStrategy"] == "DAEMON":  # documented: "you don't need … policies"
        raise invalid(f"ECS services of the DAEMON scheduling strategy can't scale: {resource}")
    targets = ctx.store.setdefault("targets", {})
    old = targets.get(resource)
    if old is None and not {"MinCapacity", "MaxCapacity"} <= set(params):
        raise invalid("Both MinCapacity and MaxCapacity are required for a new scalable target.")
    known: dict[str, Any] = old or {}
    low: int = params.get("MinCapacity", known.get("MinCapacity", 0))
    high: int = params.get("MaxCapacity", known.get("MaxCapacity", 0))
    if low < 0:
        raise invalid("Minimum capacity must be greater than or equal to 0")
    if low > high:
        raise invalid("Maximum capacity cannot be less than minimum capacity")
    honour("SuspendedState", params.get("SuspendedState") or {}, SUSPENDED)
    if old is not None and params.get("Tags"):
        raise invalid("Tags can only be set when a scalable target is created: use TagResource.")
    check_tags(params.get("Tags") or {}, "ValidationException")
    suspended = known.get("SuspendedState") or dict.fromkeys(SUSPENDED.split(), False)
    role = "AWSServiceRoleForApplicationAutoScaling_ECSService"
    arn = ctx.arn("scalable-target/0ec5" + ctx.token("abcdef0123456789", 20))
    found = {
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": DIMENSION,
        "MinCapacity": low,
        "MaxCapacity": high,
        # Documented: the service-linked role, whatever RoleARN says.
        "RoleARN": f"arn:aws:iam::{ctx.account}:role/aws-service-role/"
        f"ecs.application-autoscaling.amazonaws.com/{role}",
        "CreationTime": known.get("CreationTime", ctx.now),
        "SuspendedState": {**suspended, **(params.get("SuspendedState") or {})},
        "ScalableTargetARN": known.get("ScalableTargetARN", arn),
    }
    targets[resource] = found
    put_tags(ctx.store, found["ScalableTargetARN"], params.get("Tags") or {}, "ValidationException")
    scaler(ctx, resource).keep_in_range_soon()
    return {"ScalableTargetARN": found["ScalableTargetARN"]}


@behaviour(
    "application-autoscaling", "DescribeScalableTargets",
    "ServiceNamespace ResourceIds ScalableDimension MaxResults NextToken",
    evidence="recorded", source="recorded/application-autoscaling/DescribeScalableTargets",
)  # fmt: skip
def describe_scalable_targets(ctx: Context, params: Params) -> Reply:
    wanted = params.get("ResourceIds")
    if wanted is not None and len(wanted) > 50:
        raise invalid("At most 50 resource IDs can be specified.")
    found = selected(params, ctx.view.get("targets", {}).values())
    chosen = {t["ResourceId"]: t for t in found if not wanted or t["ResourceId"] in wanted}
    return describe(ctx, params, "ScalableTargets", chosen, 50)


@behaviour(
    "application-autoscaling", "DeregisterScalableTarget",
    "ServiceNamespace ResourceId ScalableDimension",
    evidence="documented", source=API + "API_DeregisterScalableTarget.html",
)  # fmt: skip
def deregister_scalable_target(ctx: Context, params: Params) -> Reply:
    found = target(ctx, params)
    resource = found["ResourceId"]
    alarms = ctx.other("cloudwatch").get("alarms", {})
    for policy in scaler(ctx, resource).policies():
        for alarm in policy["Alarms"]:
            alarms.pop(alarm["AlarmName"], None)
    for table in ("policies", "actions"):
        kept = ctx.store.get(table, {})
        for key in [k for k, v in kept.items() if v["ResourceId"] == resource]:
            del kept[key]
    del ctx.store["targets"][resource]
    forget_tags(ctx.store, found["ScalableTargetARN"])
    return {}


@behaviour(
    "application-autoscaling", "DescribeScalingActivities",
    "ServiceNamespace ResourceId ScalableDimension MaxResults NextToken "
    "IncludeNotScaledActivities",
    evidence="documented", source=API + "API_DescribeScalingActivities.html",
)  # fmt: skip
def describe_scaling_activities(ctx: Context, params: Params) -> Reply:
    found = selected(params, ctx.view.get("activities", []))
    limit = params.get("MaxResults", 50)
    if not 1 <= limit <= 50:
        raise invalid("MaxResults must be between 1 and 50")
    refusal = AwsError("InvalidNextTokenException", "Invalid token")
    ranked = {f"{len(found) - n:08}": a for n, a in enumerate(found)}
    chosen, following = page(ranked, params.get("NextToken"), limit, refusal, descending=True)
    reply: Reply = {"ScalingActivities": copy.deepcopy(chosen)}
    return reply | ({"NextToken": following} if following else {})


def _tagged(store: Store, arn: str) -> str:
    if arn not in [t["ScalableTargetARN"] for t in store.get("targets", {}).values()]:
        raise AwsError("ResourceNotFoundException", f"The resource {arn} was not found.")
    return arn


@behaviour(
    "application-autoscaling", "TagResource", "ResourceARN Tags",
    evidence="documented", source=API + "API_TagResource.html",
)  # fmt: skip
def tag_resource(ctx: Context, params: Params) -> Reply:
    arn = _tagged(ctx.store, params["ResourceARN"])
    check_tags(params["Tags"], "ValidationException")
    if len({**tags_of(ctx.store, arn), **params["Tags"]}) > 50:
        raise AwsError("TooManyTagsException", "The resource can have at most 50 tags.")
    put_tags(ctx.store, arn, params["Tags"], "ValidationException")
    return {}


@behaviour(
    "application-autoscaling", "UntagResource", "ResourceARN TagKeys",
    evidence="documented", source=API + "API_UntagResource.html",
)  # fmt: skip
def untag_resource(ctx: Context, params: Params) -> Reply:
    arn = _tagged(ctx.store, params["ResourceARN"])
    remove_tags(ctx.store, arn, params["TagKeys"], "ValidationException")
    return {}


@behaviour(
    "application-autoscaling", "ListTagsForResource", "ResourceARN",
    evidence="documented", source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    arn = _tagged(ctx.store, params["ResourceARN"])
    return {"Tags": dict(ctx.view.get("_tags", {}).get(arn, {}))}
