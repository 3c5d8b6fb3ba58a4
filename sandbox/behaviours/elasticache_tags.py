"""ElastiCache: tags. Even reading them is refused while the replication group is busy."""

from __future__ import annotations

from typing import Any

from sandbox.behaviours.elasticache_groups import parameter_group
from sandbox.data_services import put_tags
from sandbox.elasticache_state import current, find, tags_of
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"


def _targets(ctx: Context, store: Store, arn: str) -> list[str]:
    """The resource's ARN; a replication group's tags reach its members too."""
    if not arn.startswith(ctx.arn("")):
        raise AwsError("InvalidARN", f"The ARN {arn} is not valid.")
    kind, _, name = arn.removeprefix(ctx.arn("")).partition(":")
    clusters: dict[str, Any] = store.get("clusters", {})
    match kind:
        case "replicationgroup":
            group = find(store, name)
            if group["Status"] != "available":
                raise AwsError(
                    "InvalidReplicationGroupState",
                    "Cluster not in available state to perform tagging operations.",
                )
            return [arn, *(ctx.arn(f"cluster:{member}") for member in current(group))]
        case "cluster":
            if name not in clusters:
                raise AwsError(
                    "CacheClusterNotFound", f"{name} is either not present or not available.", 404
                )
        case "subnetgroup":
            if name not in store.get("subnet_groups", {}):
                raise AwsError(
                    "CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist."
                )
        case "parametergroup":
            parameter_group(ctx, store, name)
        case _:
            raise AwsError("InvalidARN", f"The ARN {arn} is not valid.")
    return [arn]


@behaviour(
    "elasticache", "AddTagsToResource", "ResourceName Tags",
    evidence="documented", source=API + "API_AddTagsToResource.html",
)  # fmt: skip
def add_tags_to_resource(ctx: Context, params: Params) -> Reply:
    for arn in _targets(ctx, ctx.store, params["ResourceName"]):
        put_tags(ctx, arn, params["Tags"], "TagQuotaPerResourceExceeded")
    return tags_of(ctx, ctx.store, params["ResourceName"])


@behaviour(
    "elasticache", "RemoveTagsFromResource", "ResourceName TagKeys",
    evidence="documented", source=API + "API_RemoveTagsFromResource.html",
)  # fmt: skip
def remove_tags_from_resource(ctx: Context, params: Params) -> Reply:
    targets = _targets(ctx, ctx.store, params["ResourceName"])
    held = ctx.store.setdefault("_tags", {})
    missing = set(params["TagKeys"]) - set(held.get(params["ResourceName"], {}))
    if missing:
        raise AwsError("TagNotFound", f"The requested tags were not found: {sorted(missing)}", 404)
    for arn in targets:
        for key in params["TagKeys"]:
            held.get(arn, {}).pop(key, None)
    return tags_of(ctx, ctx.store, params["ResourceName"])


@behaviour(
    "elasticache", "ListTagsForResource", "ResourceName",
    evidence="documented",
    source="https://github.com/hashicorp/terraform-provider-aws/issues/33859",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    arn = _targets(ctx, view, params["ResourceName"])[0]
    return tags_of(ctx, view, arn)
