"""ElastiCache: more or fewer replicas and shards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.behaviours.elasticache_groups import subnet_group
from sandbox.behaviours.elasticache_modify import promised, ready
from sandbox.behaviours.elasticache_replication_groups import add_cluster
from sandbox.data_services import clash, invalid
from sandbox.elasticache_rules import check_nodes, check_quota, check_shape
from sandbox.elasticache_state import (
    clusters,
    current,
    forget,
    jitter,
    later,
    set_members,
    wire_group,
)
from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
Item = dict[str, Any]
OF_SIBLINGS = (
    "CacheNodeType", "Engine", "EngineVersion", "PreferredMaintenanceWindow",
    "CacheSubnetGroupName", "CacheParameterGroup", "SecurityGroups", "NotificationConfiguration",
)  # fmt: skip
"""What a new node has of those that are there."""


def _resize(ctx: Context, params: Params) -> tuple[Item, dict[str, tuple[int, int]]]:
    """The group, and for each shard that is named its replicas now and wanted."""
    group = ready(ctx, params["ReplicationGroupId"])
    if group["ClusterMode"] == "compatible":
        raise clash("Scaling is not allowed in the cluster mode compatible.")
    if not params["ApplyImmediately"]:
        raise clash("ApplyImmediately=False is not currently supported.")
    ways = {"NewReplicaCount", "ReplicasToRemove", "ReplicaConfiguration"} & set(params)
    if len(ways) != 1:
        raise clash(
            "One and only one of NewReplicaCount, ReplicasToRemove and ReplicaConfiguration must be"
            " specified."
        )
    now = {shard["id"]: len(shard["members"]) - 1 for shard in group["_shards"]}
    if "ReplicaConfiguration" in params:
        wanted = {}
        for each in params["ReplicaConfiguration"]:
            if each["NodeGroupId"] not in now:
                raise invalid(f"Node group {each['NodeGroupId']} not found.")
            if "PreferredAvailabilityZones" in each or "PreferredOutpostArns" in each:
                raise NotSimulated("ReplicaConfiguration with zones")
            wanted[each["NodeGroupId"]] = each["NewReplicaCount"]
    else:
        gone = len(params.get("ReplicasToRemove", []))
        wanted = {name: params.get("NewReplicaCount", count - gone) for name, count in now.items()}
    if not all(0 <= count <= 5 for count in wanted.values()):
        raise invalid("The number of replicas must be between 0 and 5.")
    if all(count == now[name] for name, count in wanted.items()):
        raise AwsError("NoOperationFault", "The group already has that many replicas.")
    return group, {name: (now[name], count) for name, count in wanted.items()}


@behaviour(
    "elasticache", "IncreaseReplicaCount",
    "ReplicationGroupId NewReplicaCount ReplicaConfiguration ApplyImmediately",
    evidence="documented", source=API + "API_IncreaseReplicaCount.html",
)  # fmt: skip
def increase_replica_count(ctx: Context, params: Params) -> Reply:
    """The group is available again before its new members are (terraform #50096)."""
    group, counts = _resize(ctx, params)
    if any(wanted < now for now, wanted in counts.values()):
        raise invalid("The new replica count must be greater than the present one.")
    old = current(group)
    total = sum(wanted - now for now, wanted in counts.values()) + len(old)
    check_quota(total)
    added = []
    for shard in group["_shards"]:
        now, wanted = counts.get(shard["id"], (0, 0))
        added += _grow(ctx, group, shard, wanted - now)
    group["Status"] = "modifying"
    _then(ctx, group, added, old, "available")
    return {"ReplicationGroup": wire_group(ctx, ctx.store, group)}


def _grow(ctx: Context, group: Item, shard: Item, more: int, like: str = "") -> list[str]:
    """Begin to create so many nodes in a shard."""
    zones = sorted(set(subnet_group(ctx, group["_subnet_group"])["_subnets"].values()))
    prefix = f"{group['_id']}-{shard['id']}" if like else shard["members"][0][:-4]
    sibling = clusters(ctx.store)[like or shard["primary"]]
    settings = {name: sibling[name] for name in OF_SIBLINGS if name in sibling}
    taken = {int(name[-3:]) for name in shard["members"]}
    added = []
    for number in [n for n in range(1, 100) if n not in taken][:more]:
        name = f"{prefix}-{number:03}"
        add_cluster(ctx, group, shard, name, settings, ctx.world.rng.choice(zones))
        added.append(name)
    return added


@behaviour(
    "elasticache", "DecreaseReplicaCount",
    "ReplicationGroupId NewReplicaCount ReplicaConfiguration ReplicasToRemove ApplyImmediately",
    evidence="documented", source=API + "API_DecreaseReplicaCount.html",
)  # fmt: skip
def decrease_replica_count(ctx: Context, params: Params) -> Reply:
    group, counts = _resize(ctx, params)
    if any(wanted > now for now, wanted in counts.values()):
        raise invalid("The new replica count must be less than the present one.")
    fewest = min(wanted for _, wanted in counts.values())
    failover, multi_az = promised(group)
    if failover and fewest < 1 and not group["ClusterEnabled"]:
        raise invalid(
            "Must have at least 1 replica when cluster mode is disabled with auto failover enabled."
        )
    if not group["ClusterEnabled"]:
        check_nodes(failover, multi_az, group["ClusterEnabled"], fewest)
    chosen = params.get("ReplicasToRemove", [])
    if chosen and group["ClusterEnabled"]:
        raise NotSimulated("ReplicasToRemove in cluster mode")
    removed: list[str] = []
    for shard in group["_shards"]:
        now, wanted = counts.get(shard["id"], (0, 0))
        replicas = [name for name in shard["members"] if name != shard["primary"]]
        if not set(chosen) <= set(replicas):
            raise clash(f"Not replicas of {group['_id']}: {sorted(set(chosen) - set(replicas))}")
        gone = chosen or (replicas[wanted - now :] if wanted < now else [])
        shard["members"] = [name for name in shard["members"] if name not in gone]
        removed += gone
    group["Status"] = "modifying"
    if group.get("SnapshottingClusterId") in removed:
        group["SnapshottingClusterId"] = current(group)[-1]
    set_members(ctx, group, "deleting", removed)
    _then(ctx, group, removed, current(group), "deleting")
    return {"ReplicationGroup": wire_group(ctx, ctx.store, group)}


def _then(ctx: Context, group: Item, touched: list[str], old: list[str], status: str) -> None:
    """The group is done after four minutes, the added or removed members a minute later."""

    def done(_: Context, live: Item) -> None:
        if live["Status"] == "modifying":
            live["Status"] = "available"

    def settled(_: Context, live: Item) -> None:
        if live["Status"] == "deleting":
            return
        if status == "deleting":
            forget(ctx, live, touched)
        else:
            set_members(ctx, live, "available", touched)

    later(ctx, group, timedelta(minutes=4), done)
    later(ctx, group, timedelta(minutes=5), settled)
    set_members(ctx, group, "available", old)


@behaviour(
    "elasticache", "ModifyReplicationGroupShardConfiguration",
    "ReplicationGroupId NodeGroupCount ApplyImmediately NodeGroupsToRemove NodeGroupsToRetain",
    evidence="documented", source=API + "API_ModifyReplicationGroupShardConfiguration.html",
)  # fmt: skip
def modify_shard_configuration(ctx: Context, params: Params) -> Reply:
    """New shards are as large as the smallest there is; keys move for eight minutes."""
    group = ready(ctx, params["ReplicationGroupId"])
    if not params["ApplyImmediately"]:
        raise clash("ApplyImmediately=False is not currently supported.")
    if not group["ClusterEnabled"]:
        raise clash("Shards can be changed only with the cluster mode enabled.")
    held = [shard["id"] for shard in group["_shards"]]
    wanted = params["NodeGroupCount"]
    gone = _leaving(params, held, wanted)
    size = min(len(shard["members"]) for shard in group["_shards"])
    check_shape(wanted, size - 1)
    old, like = current(group), group["_shards"][0]["primary"]
    numbers = [n for n in range(1, 501) if f"{n:04}" not in held][: max(0, wanted - len(held))]
    added = []
    for number in numbers:
        shard: Item = {"id": f"{number:04}", "members": [], "slots": "", "primary": ""}
        added += _grow(ctx, group, shard, size, like)
        shard["primary"] = shard["members"][0]
        group["_shards"].append(shard)
    group["Status"] = "modifying"
    group["PendingModifiedValues"]["Resharding"] = {"SlotMigration": {"ProgressPercentage": 0.0}}
    set_members(ctx, group, "modifying", old)

    def done(_: Context, live: Item) -> None:
        if live["Status"] == "deleting":
            return
        left = [n for shard in live["_shards"] if shard["id"] in gone for n in shard["members"]]
        live["_shards"] = [shard for shard in live["_shards"] if shard["id"] not in gone]
        width = 16384 // len(live["_shards"])
        for number, each in enumerate(live["_shards"]):
            last = 16383 if number == len(live["_shards"]) - 1 else (number + 1) * width - 1
            each["slots"] = f"{number * width}-{last}"
        forget(ctx, live, left)
        live["PendingModifiedValues"].pop("Resharding", None)
        set_members(ctx, live, "available")
        live["Status"] = "available"

    later(ctx, group, jitter(ctx, 8), done)
    return {"ReplicationGroup": wire_group(ctx, ctx.store, group)}


def _leaving(params: Params, held: list[str], wanted: int) -> set[str]:
    """The shards to remove."""
    remove, retain = params.get("NodeGroupsToRemove"), params.get("NodeGroupsToRetain")
    if wanted >= len(held):
        if remove or retain:
            raise clash("NodeGroupsToRemove and NodeGroupsToRetain are for fewer node groups.")
        return set()
    if (remove is None) == (retain is None):
        raise clash("Either NodeGroupsToRemove or NodeGroupsToRetain must be specified.")
    gone = set(remove) if remove is not None else set(held) - set(retain or [])
    if not gone <= set(held) or len(held) - len(gone) != wanted:
        raise invalid("NodeGroupCount and the node groups to remove or retain do not fit.")
    return gone
