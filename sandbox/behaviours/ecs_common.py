"""What the ECS behaviours share: looking things up, tags, pages, and checks against moto's VPC.

The store: `clusters[name]`, `families[family][str(revision)]`, `services["cluster/name"]`,
`namespaces[name] = arn`, `_tags[arn] = {key: value}`. Members that start with `_` are ours and are
never sent.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from moto.backends import get_backend

from sandbox.errors import AwsError
from sandbox.paging import page, steady_rank
from sandbox.registry import Context, Params, Reply
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/"
Tags = dict[str, str]
MAX_TAGS = 50


def invalid(message: str) -> AwsError:
    """ECS's answer to a parameter that it understands but refuses."""
    return AwsError("InvalidParameterException", message)


def client(message: str) -> AwsError:
    """ECS's answer to a request that cannot be fulfilled as it stands."""
    return AwsError("ClientException", message)


def part(store: Store, name: str) -> dict[str, Any]:
    """A table of the store, made when first used; for writes."""
    table: dict[str, Any] = store.setdefault(name, {})
    return table


def caller(ctx: Context) -> str:
    """The ARN of whoever makes this call."""
    return f"arn:aws:iam::{ctx.account}:user/{ctx.access_key}"


def public(thing: dict[str, Any]) -> dict[str, Any]:
    """A copy of what AWS would send: without our own members."""
    return {k: copy.deepcopy(v) for k, v in thing.items() if not k.startswith("_")}


def cluster_name(identifier: str | None) -> str:
    """The name in a cluster's name or ARN; `default` if none is given."""
    return (identifier or "default").rpartition("/")[2]


def cluster(store: Store, identifier: str | None) -> dict[str, Any]:
    """An ACTIVE cluster, or ClusterNotFoundException."""
    found: dict[str, Any] | None = store.get("clusters", {}).get(cluster_name(identifier))
    if found is None:
        raise AwsError("ClusterNotFoundException", "Cluster not found.")
    if found["status"] != "ACTIVE":
        raise AwsError("ClusterNotFoundException", "The referenced cluster was inactive.")
    return found


def service_key(cluster_identifier: str | None, service: str) -> str:
    """Where a service is in the store, from its cluster and its name or ARN."""
    return f"{cluster_name(cluster_identifier)}/{service.rpartition('/')[2]}"


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as ECS sends them."""
    return [{"key": k, "value": v} for k, v in tags.items()]


def read_tags(raw: Iterable[dict[str, str]]) -> Tags:
    """Tags as ECS receives them, or its refusal."""
    tags: Tags = {}
    for item in raw:
        key, value = item.get("key", ""), item.get("value", "")
        if not key or len(key) > 128:
            raise invalid("Tag keys must be between 1 and 128 characters long.")
        if len(value) > 256:
            raise invalid("Tag values must be at most 256 characters long.")
        if key.lower().startswith("aws:") or value.lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")
        if key in tags:
            raise invalid("Duplicate tag keys found. Please note that Tag keys are case sensitive.")
        tags[key] = value
    if len(tags) > MAX_TAGS:
        raise invalid("Tags can have a maximum of 50 entries.")
    return tags


def tags_of(store: Store, arn: str) -> Tags:
    """The tags of a resource; never change what you get."""
    found: Tags = store.get("_tags", {}).get(arn, {})
    return found


def set_tags(ctx: Context, arn: str, tags: Tags) -> None:
    """Make these the tags of a resource."""
    part(ctx.store, "_tags")[arn] = dict(tags)


def pages(
    member: str, params: Params, ranked: Mapping[str, Any], most: int, *, descending: bool = False
) -> Reply:
    """A reply with one page of the items in the order of their rank."""
    refusal = invalid("Invalid token provided.")
    limit = params.get("maxResults", most)
    if not 1 <= limit <= 100:
        raise invalid("maxResults must be between 1 and 100.")
    found, token = page(ranked, params.get("nextToken"), limit, refusal, descending=descending)
    return {member: found, **({"nextToken": token} if token else {})}


def unordered(ctx: Context, arns: Iterable[str]) -> dict[str, str]:
    """The items in an order of AWS's choosing, that holds from page to page."""
    return {steady_rank(ctx, arn): arn for arn in arns}


def check_network(ctx: Context, subnets: list[str], groups: list[str]) -> None:
    """Refuse subnets and security groups that the VPC, which moto holds, does not have."""
    backend = get_backend("ec2")[ctx.account][ctx.region]
    known = {s for zone in backend.subnets.values() for s in zone}
    for subnet in subnets:
        if subnet not in known:
            raise invalid(
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' "
                "does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            )
    known = {g for vpc in backend.groups.values() for g in vpc}
    for group in groups:
        if group not in known:
            raise invalid(
                f"Error retrieving security group information for [{group}]: The security group "
                f"'{group}' does not exist (ErrorCode: InvalidGroup.NotFound)"
            )


def check_target_group(ctx: Context, arn: str, mode: str = "awsvpc", *, used: bool = True) -> None:
    """Refuse a target group that moto does not have, without load balancer, or of another type.

    mode: the task's network mode. used: whether a load balancer must use it already.
    """
    group = get_backend("elbv2")[ctx.account][ctx.region].target_groups.get(arn)
    if group is None:
        raise invalid("The specified target group does not exist.")
    if group.target_type != ("ip" if mode == "awsvpc" else "instance"):
        raise invalid(
            f"The provided target group {arn} has target type {group.target_type}, which is "
            f"incompatible with the {mode} network mode specified in the task definition."
        )
    if used and not group.load_balancer_arns:
        raise invalid(
            f"The target group with targetGroupArn {arn} does not have an associated load balancer."
        )
