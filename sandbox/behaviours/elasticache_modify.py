"""ElastiCache: ModifyReplicationGroup.

A change is refused unless the group and all its members are available. Node changes (engine, node
type, parameter group) and availability, AUTH and TLS wait for the maintenance window without
ApplyImmediately; with it, everything that is pending goes along.
"""

from __future__ import annotations

import copy
from typing import Any

from sandbox.behaviours.elasticache_groups import cluster_mode, parameter_group, subnet_group
from sandbox.behaviours.elasticache_replication_groups import check_discovery, check_family
from sandbox.data_services import clash, security_groups
from sandbox.elasticache_access import change_access
from sandbox.elasticache_rules import (
    check_durability,
    check_node_type,
    check_nodes,
    check_settings,
    check_windows,
    logs,
    version_of,
)
from sandbox.elasticache_state import (
    VERSIONS,
    at_next_window,
    clusters,
    current,
    default_group,
    find,
    flush,
    full_version,
    members,
    show_pending,
    start,
    wire_group,
)
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
ACCEPTS = """
    ReplicationGroupId ApplyImmediately ReplicationGroupDescription PrimaryClusterId
    SnapshottingClusterId AutomaticFailoverEnabled MultiAZEnabled SecurityGroupIds
    PreferredMaintenanceWindow NotificationTopicArn NotificationTopicStatus CacheParameterGroupName
    Engine EngineVersion AutoMinorVersionUpgrade SnapshotRetentionLimit SnapshotWindow CacheNodeType
    AuthToken AuthTokenUpdateStrategy LogDeliveryConfigurations IpDiscovery TransitEncryptionEnabled
    TransitEncryptionMode ClusterMode UserGroupIdsToAdd UserGroupIdsToRemove RemoveUserGroups
    Durability
"""
MODES = {("disabled", "compatible"), ("compatible", "enabled"), ("compatible", "disabled")}
"""The ways from one cluster mode to another."""
Item = dict[str, Any]


def ready(ctx: Context, group_id: str) -> Item:
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
    live = ready(ctx, params["ReplicationGroupId"])
    if not set(params) - {"ReplicationGroupId", "ApplyImmediately"}:
        raise clash("No modifications were requested")
    check_settings(params)
    group = copy.deepcopy(live)  # kept only if nothing is refused
    version = clusters(ctx.store)[current(group)[0]]["EngineVersion"]
    _cluster_mode(ctx, group, params, version)
    _availability(group, params)
    _tls(group, params, version)
    change_access(ctx, group, params, version)
    _nodes(ctx, group, params)
    _windows(group, params)
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


def promised(group: Item) -> tuple[bool, bool]:
    """Automatic failover and Multi-AZ as they are or will be."""
    failover = {
        "AutomaticFailoverStatus": group["AutomaticFailover"],
        **group["PendingModifiedValues"],
    }
    multi_az = {"MultiAZ": group["MultiAZ"], **group["_pending"]}
    return failover["AutomaticFailoverStatus"] == "enabled", multi_az["MultiAZ"] == "enabled"


def _availability(group: Item, params: Params) -> None:
    failover, multi_az = promised(group)
    failover = params.get("AutomaticFailoverEnabled", failover)
    multi_az = params.get("MultiAZEnabled", multi_az)
    if {"AutomaticFailoverEnabled", "MultiAZEnabled"} & set(params):
        fewest = min(len(shard["members"]) for shard in group["_shards"]) - 1
        check_nodes(failover, multi_az, group["ClusterEnabled"], fewest, group["CacheNodeType"])
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


def _tls(group: Item, params: Params, version: str) -> None:
    now, mode_now = group["TransitEncryptionEnabled"], group.get("TransitEncryptionMode")
    wanted, mode = params.get("TransitEncryptionEnabled"), params.get("TransitEncryptionMode")
    if wanted is None and mode is None:
        return
    controlled = group["AuthTokenEnabled"] or group.get("UserGroupIds")
    if controlled and wanted is not None:  # even if unchanged (case 113)
        raise clash(
            "Modification of transit encryption is not supported for access control enabled"
            " clusters."
        )
    if group["Engine"] == "redis" and version_of(version) < (7,):
        raise clash("Modifying encryption in transit is supported from Redis 7.0 on.")
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


def _cluster_mode(ctx: Context, group: Item, params: Params, version: str) -> None:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html"""
    now, wanted = group["ClusterMode"], params.get("ClusterMode")
    if wanted is None:
        scaled = {"CacheNodeType", "Engine", "EngineVersion"} & set(params)
        if now == "compatible" and scaled:
            raise clash(f"{sorted(scaled)} can't be modified in the cluster mode compatible.")
        return
    alone = {"ReplicationGroupId", "ApplyImmediately", "ClusterMode", "CacheParameterGroupName"}
    if others := sorted(set(params) - alone):
        raise clash(f"{others} can't be modified together with the cluster mode.")
    if wanted != now and (now, wanted) not in MODES:
        raise clash(
            f"The cluster mode can't be changed from {now} to {wanted}. From disabled to enabled"
            " the way leads over compatible; there is none back from enabled."
        )
    if (now, wanted) == ("disabled", "compatible"):
        fewest = min(len(shard["members"]) for shard in group["_shards"]) - 1
        if group["AutomaticFailover"] != "enabled" or fewest < 1:
            raise clash("The cluster mode needs automatic failover and at least one replica.")
        if version_of(version) < (7,):
            raise clash("Changing the cluster mode is supported from Redis 7.0 on.")
    _put(group["PendingModifiedValues"], "ClusterMode", wanted, now)


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
        if to_engine == engine and version_of(to_version) < version_of(version):
            raise clash(f"Cannot downgrade the engine version from {version} to {to_version}.")
    mode = group["PendingModifiedValues"].get("ClusterMode", group["ClusterMode"])
    chosen = params.get("CacheParameterGroupName", held["CacheParameterGroupName"])
    if "CacheParameterGroupName" not in params and chosen.startswith("default."):
        chosen = default_group(to_engine, to_version, mode != "disabled")
    found = parameter_group(ctx, ctx.store, chosen)
    check_family(found, to_engine, to_version)
    if cluster_mode(found) != (mode != "disabled"):
        raise clash(
            "The parameter cluster-enabled has a different value in the requested parameter group"
            " than the current parameter group. This parameter value cannot be changed for a cache"
            " cluster"
        )
    _put(pending, "Engine", to_engine, engine)
    _put(pending, "EngineVersion", to_version, version)
    _put(pending, "CacheParameterGroupName", found["CacheParameterGroupName"], name)
    soon: Item = {**group, **params}
    check_node_type(soon["CacheNodeType"], group["DataTiering"] == "enabled", to_engine, to_version)
    check_durability(soon["Durability"], to_engine, to_version)
    check_discovery(group["NetworkType"], soon["IpDiscovery"])
    for name in ("IpDiscovery", "Durability"):
        if name in params:
            _put(pending, name, params[name], group[name])
    if "CacheNodeType" in params:
        _put(pending, "CacheNodeType", params["CacheNodeType"], group["CacheNodeType"])


def _windows(group: Item, params: Params) -> None:
    if {"SnapshotWindow", "PreferredMaintenanceWindow"} & set(params):
        soon = {"PreferredMaintenanceWindow": group["_window"], **group, **params}
        check_windows(soon["SnapshotWindow"], soon["PreferredMaintenanceWindow"].lower())


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
    if "SnapshottingClusterId" in params and group["ClusterEnabled"]:
        raise clash("Cannot set snapshotting cluster for cluster mode enabled replication group")
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
