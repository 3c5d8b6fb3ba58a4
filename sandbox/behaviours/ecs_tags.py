"""Tags of ECS clusters, services, tasks and task definitions."""

from __future__ import annotations

from sandbox.behaviours.ecs_common import (
    API,
    cluster,
    invalid,
    part,
    read_tags,
    tag_list,
    tags_of,
)
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store


def _must_exist(store: Store, arn: str) -> None:
    kind, _, path = arn.split(":", 5)[-1].partition("/")
    if not arn.startswith("arn:aws:ecs:") or not path:
        raise invalid("The ARN provided is invalid.")
    if kind == "cluster":
        cluster(store, path)
    elif kind == "service":
        found = store.get("services", {}).get(path)
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        if found["status"] != "ACTIVE":
            raise invalid(
                "The specified service is inactive. Specify an active service and try again."
            )
    elif kind == "task-definition":
        family, _, revision = path.partition(":")
        if revision not in store.get("families", {}).get(family, {}):
            raise invalid("The specified task definition does not exist.")
    elif kind == "task":
        if path not in store.get("tasks", {}):
            raise invalid("The specified task does not exist.")
    else:
        raise AwsError("ResourceNotFoundException", "The specified resource was not found.")


@behaviour(
    "ecs", "TagResource", "resourceArn tags",
    evidence="documented", source=API + "API_TagResource.html",
)  # fmt: skip
def tag_resource(ctx: Context, params: Params) -> Reply:
    arn = params["resourceArn"]
    _must_exist(ctx.store, arn)
    tags = {**tags_of(ctx.store, arn), **read_tags(params["tags"])}
    if len(tags) > 50:
        raise invalid("Tags can have a maximum of 50 entries.")
    part(ctx.store, "_tags")[arn] = tags
    return {}


@behaviour(
    "ecs", "UntagResource", "resourceArn tagKeys",
    evidence="documented", source=API + "API_UntagResource.html",
)  # fmt: skip
def untag_resource(ctx: Context, params: Params) -> Reply:
    arn = params["resourceArn"]
    _must_exist(ctx.store, arn)
    if any(k.lower().startswith("aws:") for k in params["tagKeys"]):
        raise invalid("aws: prefixed tag key names are not allowed for external use.")
    tags = tags_of(ctx.store, arn)
    part(ctx.store, "_tags")[arn] = {k: v for k, v in tags.items() if k not in params["tagKeys"]}
    return {}


@behaviour(
    "ecs", "ListTagsForResource", "resourceArn",
    evidence="documented", source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    _must_exist(ctx.store, params["resourceArn"])
    return {"tags": ctx.shuffled(tag_list(tags_of(ctx.view, params["resourceArn"])))}
