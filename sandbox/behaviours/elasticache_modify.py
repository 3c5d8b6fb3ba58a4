"""ElastiCache: changing replication groups.

A change is refused unless the group and all its members are available. Node changes (engine, node
type, parameter group) and availability, AUTH and TLS wait for the maintenance window without
ApplyImmediately; with it, everything that is pending goes along.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from sandbox.behaviours.elasticache_groups import cluster_mode, parameter_group, subnet_group
from sandbox.behaviours.elasticache_replication_groups import add_cluster, check_family
from sandbox.data_services import clash, invalid, security_groups
from sandbox.elasticache_rules import check_nodes, check_settings, logs
from sandbox.elasticache_state import (
    VERSIONS,
    at_next_window,
    clusters,
    current,
    default_group,
    find,
    flush,
    forget,
    full_version,
    later,
    members,
    set_members,
    show_pending,
    start,
    wire_group,
)
from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
ACCEPTS = """
    ReplicationGroupId ApplyImmediately ReplicationGroupDescription PrimaryClusterId
    SnapshottingClusterId AutomaticFailoverEnabled MultiAZEnabled SecurityGroupIds
    PreferredMaintenanceWindow NotificationTopicArn NotificationTopicStatus CacheParameterGroupName
    Engine EngineVersion AutoMinorVersionUpgrade SnapshotRetentionLimit SnapshotWindow CacheNodeType
    AuthToken AuthTokenUpdateStrategy LogDeliveryConfigurations IpDiscovery TransitEncryptionEnabled
    TransitEncryptionMode
"""
Item = dict[str, Any]


def _ready(ctx: Context, group_id: str) -> Item:
    group = find(ctx.store, group_id)
    if group["Status"] != "available":
        raise AwsError(
            "InvalidReplicationGroupState",
            "Replication group must be in available state to modify.",
        )
    for cluster in members(ctx.store, group):
        if cluster["CacheClusterStatus"] != "available":
            raise AwsError(
                "InvalidCacheClusterState",
                f"Cache cluster {cluster['CacheClusterId']} is not in available state.",
            )
    return group


@behaviour(
    "elasticache", "ModifyReplicationGroup", ACCEPTS,
    evidence="documented", source=API + "API_ModifyReplicationGroup.html",
)  # fmt: skip
def modify_replication_group(ctx: Context, params: Params) -> Reply:
    live = _ready(ctx, params["ReplicationGroupId"])
    if not set(params) - {"ReplicationGroupId", "ApplyImmediately"}:
        raise clash("No modifications were requested")
    check_settings(params)
    group = copy.deepcopy(live)  # kept only if nothing is refused
    _availability(group, params)
    _tls(group, params)
    _auth(group, params)
    _nodes(ctx, group, params)
    touched = _logs(group, params)
    sgs = None
    if params.get("SecurityGroupIds"):
        vpc = subnet_group(ctx, group["_subnet_group"])["VpcId"]
        sgs = security_groups(ctx, params["SecurityGroupIds"], vpc)
    _at_once(ctx, group, params)
    live.clear()
    live.update(group)
    _tell_members(ctx, live, params)
    show_pending(ctx, live)
    if live["_pending"] or live["PendingModifiedValues"]:
        if params.get("ApplyImmediately"):
            flush(ctx, live)
        else:
            at_next_window(ctx, live)
    if touched and live["Status"] == "available":  # log delivery never waits
        flush(ctx, live, ("LogDeliveryConfigurations",))
    if sgs is not None:
        _set_groups(ctx, live, sgs)
    return {"ReplicationGroup": wire_group(ctx, ctx.store, live)}


def _put(pending: Item, name: str, value: Any, now: Any) -> None:
    """Make a change pending; asking for the present value takes a pending one back."""
    if value == now:
        pending.pop(name, None)
    else:
        pending[name] = value


def _promised(group: Item) -> tuple[bool, bool]:
    """Automatic failover and Multi-AZ as they are or will be."""
    failover = {
        "AutomaticFailoverStatus": group["AutomaticFailover"],
        **group["PendingModifiedValues"],
    }
    multi_az = {"MultiAZ": group["MultiAZ"], **group["_pending"]}
    return failover["AutomaticFailoverStatus"] == "enabled", multi_az["MultiAZ"] == "enabled"


def _availability(group: Item, params: Params) -> None:
    failover, multi_az = _promised(group)
    failover = params.get("AutomaticFailoverEnabled", failover)
    multi_az = params.get("MultiAZEnabled", multi_az)
    if {"AutomaticFailoverEnabled", "MultiAZEnabled"} & set(params):
        fewest = min(len(shard["members"]) for shard in group["_shards"]) - 1
        check_nodes(failover, multi_az, group["ClusterEnabled"], fewest)
    word = "enabled" if failover else "disabled"
    if "AutomaticFailoverEnabled" in params:
        pending = group["PendingModifiedValues"]
        _put(pending, "AutomaticFailoverStatus", word, group["AutomaticFailover"])
    if "MultiAZEnabled" in params:
        _put(group["_pending"], "MultiAZ", "enabled" if multi_az else "disabled", group["MultiAZ"])
    primary = params.get("PrimaryClusterId")
    if primary is not None:
        if group["ClusterEnabled"] or primary not in current(group):
            raise clash(f"{primary} cannot become the primary of {group['_id']}.")
        if group["AutomaticFailover"] == "enabled":
            raise clash("Disable automatic failover before promoting a replica.")
        now = group["_shards"][0]["primary"]
        _put(group["PendingModifiedValues"], "PrimaryClusterId", primary, now)


def _tls(group: Item, params: Params) -> None:
    now, mode_now = group["TransitEncryptionEnabled"], group.get("TransitEncryptionMode")
    wanted, mode = params.get("TransitEncryptionEnabled"), params.get("TransitEncryptionMode")
    if wanted is None and mode is None:
        return
    if mode not in (None, "preferred", "required"):
        raise invalid(f"Invalid TransitEncryptionMode: {mode}")
    if group["AuthTokenEnabled"] and wanted is not None:  # even if unchanged (case 113)
        raise clash(
            "Modification of transit encryption is not supported for access control enabled"
            " clusters."
        )
    if mode is not None and not (now if wanted is None else wanted):
        raise clash("To modify transit encryption mode, set encryption-in-transit as enabled.")
    if wanted and not now and mode != "preferred":
        raise clash("To enable encryption-in-transit, set the transit encryption mode preferred.")
    if wanted is False and now and mode_now != "preferred":
        raise clash("To disable encryption-in-transit, set its mode to preferred first.")
    pending = group["PendingModifiedValues"]
    if wanted is not None:
        _put(pending, "TransitEncryptionEnabled", wanted, now)
    if mode is not None:
        _put(pending, "TransitEncryptionMode", mode, mode_now)


def _auth(group: Item, params: Params) -> None:
    strategy = params.get("AuthTokenUpdateStrategy", "ROTATE")
    if "AuthToken" not in params:
        if "AuthTokenUpdateStrategy" in params:
            if strategy == "DELETE":
                raise invalid("Auth token update strategy delete is not supported currently")
            raise clash("AuthTokenUpdateStrategy must be specified with AuthToken.")
        return
    if not group["TransitEncryptionEnabled"]:
        raise clash("AUTH is only supported when encryption-in-transit is enabled.")
    if strategy == "DELETE":
        raise clash("AuthToken can't be given with the strategy DELETE.")
    if strategy == "SET" and not group["_rotated"]:
        raise clash("The strategy SET is allowed only after ROTATE.")
    status = "SETTING" if strategy == "SET" else "ROTATING"
    group["PendingModifiedValues"]["AuthTokenStatus"] = status


def _nodes(ctx: Context, group: Item, params: Params) -> None:
    member = clusters(ctx.store)[current(group)[0]]
    pending = group["_pending"]
    engine, version = group["Engine"], member["EngineVersion"]
    name = member["CacheParameterGroup"]["CacheParameterGroupName"]
    held = {"Engine": engine, "EngineVersion": version, "CacheParameterGroupName": name, **pending}
    to_engine = str(params.get("Engine", held["Engine"])).lower()
    if to_engine not in VERSIONS or (engine, to_engine) == ("valkey", "redis"):
        raise clash(f"Cannot change the engine from {engine} to {to_engine}.")
    to_version = held["EngineVersion"]
    if "EngineVersion" in params or to_engine != held["Engine"]:
        to_version = full_version(to_engine, params.get("EngineVersion"))
        if to_engine == engine and to_version < version:
            raise clash(f"Cannot downgrade the engine version from {version} to {to_version}.")
    chosen = params.get("CacheParameterGroupName", held["CacheParameterGroupName"])
    if "CacheParameterGroupName" not in params and chosen.startswith("default."):
        chosen = default_group(to_engine, to_version, group["ClusterEnabled"])
    found = parameter_group(ctx, ctx.store, chosen)
    check_family(found, to_engine, to_version)
    if cluster_mode(found) != group["ClusterEnabled"]:
        raise clash("A parameter group with the same cluster-enabled value is needed.")
    _put(pending, "Engine", to_engine, engine)
    _put(pending, "EngineVersion", to_version, version)
    _put(pending, "CacheParameterGroupName", found["CacheParameterGroupName"], name)
    if "CacheNodeType" in params:
        _put(pending, "CacheNodeType", params["CacheNodeType"], group["CacheNodeType"])


def _logs(group: Item, params: Params) -> bool:
    if "LogDeliveryConfigurations" not in params:
        return False
    held = group["LogDeliveryConfigurations"]
    wanted = logs(params["LogDeliveryConfigurations"], held)
    plain = [{k: v for k, v in entry.items() if k != "Status"} for entry in held]
    if sorted(map(repr, wanted)) == sorted(map(repr, plain)):
        return False
    group["PendingModifiedValues"]["LogDeliveryConfigurations"] = wanted
    kept = {entry["LogType"] for entry in wanted}
    group["LogDeliveryConfigurations"] = [
        {**entry, "Status": "modifying" if entry["LogType"] in kept else "disabling"}
        for entry in plain
    ]
    return True


def _at_once(ctx: Context, group: Item, params: Params) -> None:
    for name, field in (
        ("ReplicationGroupDescription", "Description"),
        ("AutoMinorVersionUpgrade", "AutoMinorVersionUpgrade"),
        ("SnapshotWindow", "SnapshotWindow"),
        ("SnapshotRetentionLimit", "SnapshotRetentionLimit"),
        ("SnapshottingClusterId", "SnapshottingClusterId"),
    ):
        if name in params:
            group[field] = params[name]
    if params.get("SnapshottingClusterId", current(group)[0]) not in current(group):
        raise AwsError(
            "CacheClusterNotFound", f"{params['SnapshottingClusterId']} is not in the group.", 404
        )
    if group["SnapshotRetentionLimit"] and "SnapshottingClusterId" not in group:
        group["SnapshottingClusterId"] = current(group)[-1]
    if not group["SnapshotRetentionLimit"]:
        group.pop("SnapshottingClusterId", None)
    if "NotificationTopicStatus" in params and "NotificationTopicArn" not in params:
        member = clusters(ctx.store)[current(group)[0]]
        if "NotificationConfiguration" not in member:
            raise clash("NotificationTopicStatus needs a notification topic.")


def _tell_members(ctx: Context, group: Item, params: Params) -> None:
    if "PreferredMaintenanceWindow" in params:
        group["_window"] = params["PreferredMaintenanceWindow"].lower()
        if group["_pending"] or group["PendingModifiedValues"]:
            at_next_window(ctx, group)
    for cluster in members(ctx.store, group):
        cluster["PreferredMaintenanceWindow"] = group["_window"]
        topic = cluster.get("NotificationConfiguration", {"TopicStatus": "active"})
        if params.get("NotificationTopicArn"):
            topic = {"TopicArn": params["NotificationTopicArn"], "TopicStatus": "active"}
        if "NotificationTopicStatus" in params:
            topic["TopicStatus"] = params["NotificationTopicStatus"]
        if topic.get("TopicArn"):
            cluster["NotificationConfiguration"] = topic


def _set_groups(ctx: Context, group: Item, wanted: list[str]) -> None:
    changed = False
    for cluster in members(ctx.store, group):
        held = {g["SecurityGroupId"] for g in cluster["SecurityGroups"]}
        changed = changed or held != set(wanted)
        cluster["SecurityGroups"] = [
            {"SecurityGroupId": g, "Status": "active" if g in held else "adding"} for g in wanted
        ] + [
            {"SecurityGroupId": g, "Status": "removing"} for g in sorted(held - set(wanted))
        ]  # fmt: skip
    if changed and group["Status"] == "available":
        start(ctx, group, 1, lambda _ctx, _group: None)


# --- replicas ---


def _resize(ctx: Context, params: Params) -> tuple[Item, int, int]:
    """The group, replicas per shard now and wanted."""
    group = _ready(ctx, params["ReplicationGroupId"])
    if not params["ApplyImmediately"]:
        raise clash("ApplyImmediately=False is not currently supported.")
    now = len(group["_shards"][0]["members"]) - 1
    if "NewReplicaCount" not in params and "ReplicasToRemove" not in params:
        raise clash("NewReplicaCount must be specified.")
    wanted = params.get("NewReplicaCount", now - len(params.get("ReplicasToRemove", [])))
    if not 0 <= wanted <= 5:
        raise invalid("The number of replicas must be between 0 and 5.")
    if wanted == now:
        raise AwsError("NoOperationFault", f"The group already has {now} replicas per node group.")
    return group, now, wanted


@behaviour(
    "elasticache", "IncreaseReplicaCount", "ReplicationGroupId NewReplicaCount ApplyImmediately",
    evidence="documented", source=API + "API_IncreaseReplicaCount.html",
)  # fmt: skip
def increase_replica_count(ctx: Context, params: Params) -> Reply:
    """The group is available again before its new members are (terraform #50096)."""
    group, now, wanted = _resize(ctx, params)
    if wanted < now:
        raise invalid("The new replica count must be greater than the present one.")
    zones = sorted(set(subnet_group(ctx, group["_subnet_group"])["_subnets"].values()))
    old = current(group)
    added = []
    for shard in group["_shards"]:
        prefix = shard["members"][0][:-4]
        settings = {
            k: v
            for k, v in clusters(ctx.store)[shard["primary"]].items()
            if k in (
                "CacheNodeType", "Engine", "EngineVersion", "PreferredMaintenanceWindow",
                "CacheSubnetGroupName", "CacheParameterGroup", "SecurityGroups",
                "NotificationConfiguration", "CacheClusterCreateTime",
            )
        }  # fmt: skip
        settings.pop("CacheClusterCreateTime", None)
        taken = {int(name[-3:]) for name in shard["members"]}
        for number in [n for n in range(1, 100) if n not in taken][: wanted - now]:
            name = f"{prefix}-{number:03}"
            add_cluster(ctx, group, shard, name, settings, ctx.world.rng.choice(zones))
            added.append(name)
    group["Status"] = "modifying"
    _then(ctx, group, added, old, "available")
    return {"ReplicationGroup": wire_group(ctx, ctx.store, group)}


@behaviour(
    "elasticache", "DecreaseReplicaCount",
    "ReplicationGroupId NewReplicaCount ReplicasToRemove ApplyImmediately",
    evidence="documented", source=API + "API_DecreaseReplicaCount.html",
)  # fmt: skip
def decrease_replica_count(ctx: Context, params: Params) -> Reply:
    group, now, wanted = _resize(ctx, params)
    if wanted > now:
        raise invalid("The new replica count must be less than the present one.")
    check_nodes(*_promised(group), group["ClusterEnabled"], wanted)
    chosen = params.get("ReplicasToRemove", [])
    if chosen and group["ClusterEnabled"]:
        raise NotSimulated("ReplicasToRemove in cluster mode")
    removed: list[str] = []
    for shard in group["_shards"]:
        replicas = [name for name in shard["members"] if name != shard["primary"]]
        if not set(chosen) <= set(replicas):
            raise clash(f"Not replicas of {group['_id']}: {sorted(set(chosen) - set(replicas))}")
        gone = chosen or replicas[wanted - now :]
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
