"""ElastiCache: creating, reading and deleting replication groups of Redis OSS and Valkey."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.behaviours.elasticache_groups import cluster_mode, parameter_group, subnet_group
from sandbox.data_services import (
    clash,
    drop_tags,
    invalid,
    key_arn,
    name_of,
    overlapping,
    page,
    put_tags,
    random_windows,
    security_groups,
    tag_list,
)
from sandbox.elasticache_access import access_at_creation
from sandbox.elasticache_rules import (
    check_durability,
    check_encryption,
    check_node_type,
    check_nodes,
    check_settings,
    check_shape,
    check_windows,
    logs,
)
from sandbox.elasticache_state import (
    VERSIONS,
    clusters,
    current,
    default_group,
    family,
    find,
    forget,
    full_version,
    groups,
    jitter,
    later,
    members,
    new_cluster,
    set_members,
    wire_cluster,
    wire_group,
)
from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
ACCEPTS = """
    ReplicationGroupId ReplicationGroupDescription AutomaticFailoverEnabled MultiAZEnabled
    NumCacheClusters PreferredCacheClusterAZs NumNodeGroups ReplicasPerNodeGroup CacheNodeType
    Engine EngineVersion CacheParameterGroupName CacheSubnetGroupName SecurityGroupIds Tags
    PreferredMaintenanceWindow Port NotificationTopicArn AutoMinorVersionUpgrade
    SnapshotRetentionLimit SnapshotWindow AuthToken TransitEncryptionEnabled TransitEncryptionMode
    AtRestEncryptionEnabled KmsKeyId LogDeliveryConfigurations DataTieringEnabled NetworkType
    IpDiscovery ClusterMode UserGroupIds Durability
"""
Item = dict[str, Any]


@behaviour(
    "elasticache", "CreateReplicationGroup", ACCEPTS,
    evidence="documented", source=API + "API_CreateReplicationGroup.html",
)  # fmt: skip
def create_replication_group(ctx: Context, params: Params) -> Reply:
    """Creating takes 5 to 6 minutes; members are ready a little before their group."""
    group_id = name_of("ReplicationGroupId", params["ReplicationGroupId"], 40)
    if group_id in groups(ctx.store):
        raise AwsError(
            "ReplicationGroupAlreadyExists",
            f"Replication group {group_id} already exists. Choose a different name.",
        )
    check_settings(params)
    engine, version = _engine(params)
    node = params["CacheNodeType"]
    subnets = subnet_group(ctx, params.get("CacheSubnetGroupName"))
    shards, replicas = _shape(params)
    mode, parameters = _mode(ctx, params, engine, version, shards)
    clustered = mode == "enabled"
    failover = params.get("AutomaticFailoverEnabled", False)
    multi_az = params.get("MultiAZEnabled", False)
    check_nodes(failover, multi_az, clustered, replicas, node)
    check_node_type(node, params.get("DataTieringEnabled", False), engine, version)
    check_durability(params.get("Durability", "default"), engine, version)
    tls = _encryption(params, engine)
    mode_of_tls = params.get("TransitEncryptionMode", "required") if tls else ""
    users = access_at_creation(ctx, params, engine, version, tls, mode_of_tls)
    network, discovery = _networks(params, subnets)
    zones = sorted(set(subnets["_subnets"].values()))
    wanted = params.get("PreferredCacheClusterAZs", [])
    if wanted and (len(wanted) != shards * (1 + replicas) or not set(wanted) <= set(zones)):
        raise clash("PreferredCacheClusterAZs must name a zone of the subnet group for each node.")
    ctx.world.rng.shuffle(zones)
    window, maintenance = _windows(ctx, params)
    sgs = security_groups(ctx, params.get("SecurityGroupIds", []), subnets["VpcId"])
    group: Item = {
        "Description": params["ReplicationGroupDescription"],
        "GlobalReplicationGroupInfo": {},
        "Status": "creating",
        "PendingModifiedValues": {},
        "AutomaticFailover": "enabled" if failover else "disabled",
        "MultiAZ": "enabled" if multi_az else "disabled",
        "SnapshotRetentionLimit": params.get("SnapshotRetentionLimit", 0),
        "SnapshotWindow": window,
        "ClusterEnabled": clustered,
        "ClusterMode": mode,
        "CacheNodeType": node,
        "AuthTokenEnabled": "AuthToken" in params,
        "TransitEncryptionEnabled": tls,
        "AtRestEncryptionEnabled": params.get("AtRestEncryptionEnabled", engine == "valkey"),
        "ARN": ctx.arn(f"replicationgroup:{group_id}"),
        "LogDeliveryConfigurations": [
            {**entry, "Status": "active"}
            for entry in logs(params.get("LogDeliveryConfigurations", []), [])
        ],
        "ReplicationGroupCreateTime": ctx.now,
        "DataTiering": "enabled" if params.get("DataTieringEnabled") else "disabled",
        "AutoMinorVersionUpgrade": params.get("AutoMinorVersionUpgrade", True),
        "NetworkType": network,
        "IpDiscovery": discovery,
        "Durability": params.get("Durability", "default"),
        "Engine": engine,
        "_id": group_id,
        "_port": params.get("Port", 6379),
        "_zone": ctx.token("abcdefghijklmnopqrstuvwxyz0123456789", 6),
        "_window": maintenance,
        "_subnet_group": subnets["CacheSubnetGroupName"],
        "_pending": {},
        "_rotated": False,
    }
    if tls:
        group["TransitEncryptionMode"] = mode_of_tls
    if users:
        group["UserGroupIds"] = users
    if "AuthToken" in params:
        group["AuthTokenLastModifiedDate"] = ctx.now
    if "KmsKeyId" in params:
        group["KmsKeyId"] = key_arn(ctx, params["KmsKeyId"], "InvalidKMSKeyFault")
    settings = {
        "CacheNodeType": params["CacheNodeType"],
        "Engine": engine,
        "EngineVersion": version,
        "PreferredMaintenanceWindow": group["_window"],
        "CacheSubnetGroupName": subnets["CacheSubnetGroupName"],
        "CacheParameterGroup": {
            "CacheParameterGroupName": parameters,
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "SecurityGroups": [{"SecurityGroupId": g, "Status": "active"} for g in sgs],
    }
    if "NotificationTopicArn" in params:
        settings["NotificationConfiguration"] = {
            "TopicArn": params["NotificationTopicArn"],
            "TopicStatus": "active",
        }
    put_tags(ctx, group["ARN"], params.get("Tags", []), "TagQuotaPerResourceExceeded")
    _populate(ctx, group, shards, replicas, settings, wanted or zones)
    if group["SnapshotRetentionLimit"]:
        group["SnapshottingClusterId"] = current(group)[-1]
    groups(ctx.store)[group_id] = group
    later(ctx, group, jitter(ctx, 5), _members_ready)
    later(ctx, group, timedelta(minutes=5.75), _ready)
    return {"ReplicationGroup": wire_group(ctx, ctx.store, group)}


def _engine(params: Params) -> tuple[str, str]:
    engine = params.get("Engine", "redis").lower()
    if engine not in VERSIONS:
        raise invalid(f"Unsupported engine for a replication group: {engine}")
    if not params.get("CacheNodeType"):
        raise invalid("The parameter CacheNodeType must be provided and must not be blank.")
    return engine, full_version(engine, params.get("EngineVersion"))


def _shape(params: Params) -> tuple[int, int]:
    """Number of shards, and of replicas in each."""
    shards = params.get("NumNodeGroups", 1)
    if "NumCacheClusters" in params and ("ReplicasPerNodeGroup" in params or shards > 1):
        raise clash("NumCacheClusters can't be used with NumNodeGroups or ReplicasPerNodeGroup.")
    replicas = params.get("ReplicasPerNodeGroup", params.get("NumCacheClusters", 1) - 1)
    check_shape(shards, replicas)
    return shards, replicas


def _mode(ctx: Context, params: Params, engine: str, version: str, shards: int) -> tuple[str, str]:
    """The cluster mode, and the parameter group."""
    asked = params.get("ClusterMode")
    wanted = shards > 1 or asked in ("enabled", "compatible")
    name = params.get("CacheParameterGroupName", default_group(engine, version, wanted))
    group = parameter_group(ctx, ctx.store, name)
    check_family(group, engine, version)
    clustered = cluster_mode(group)
    if wanted and not clustered:
        raise clash(
            "Use of cluster mode needs a parameter group that has cluster-enabled set to yes."
        )
    if shards > 1 and asked in ("disabled", "compatible"):
        raise clash("More than one node group needs the cluster mode enabled.")
    if asked == "compatible":
        return asked, str(group["CacheParameterGroupName"])
    return "enabled" if clustered else "disabled", str(group["CacheParameterGroupName"])


def _networks(params: Params, subnets: Item) -> tuple[str, str]:
    """Network type and discovered addresses.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/network-type.html
    """
    network: str = params.get("NetworkType", "ipv4")
    if network not in subnets["SupportedNetworkTypes"]:
        raise clash(f"The subnet group does not support the network type {network}.")
    discovery: str = params.get("IpDiscovery", "ipv6" if network == "ipv6" else "ipv4")
    check_discovery(network, discovery)
    return network, discovery


def check_discovery(network: str, discovery: str) -> None:
    """Refuse to tell clients of addresses that nodes do not have."""
    if network != "dual_stack" and discovery != network:
        raise clash(f"The IP discovery {discovery} is not supported with network type {network}.")


def _windows(ctx: Context, params: Params) -> tuple[str, str]:
    """Snapshot and maintenance window: as asked, or of AWS's choosing, never overlapping."""
    given = "SnapshotWindow" in params and "PreferredMaintenanceWindow" in params
    while True:
        chosen, week = random_windows(ctx, 60)
        snapshot = params.get("SnapshotWindow", chosen)
        maintenance = params.get("PreferredMaintenanceWindow", week).lower()
        if given or not overlapping(snapshot, maintenance):
            break
    check_windows(snapshot, maintenance)
    return snapshot, maintenance


def check_family(group: Item, engine: str, version: str) -> None:
    """Refuse a parameter group of another family."""
    expected, found = family(engine, version), group["CacheParameterGroupFamily"]
    if found != expected:
        raise clash(
            f"Expected a parameter group of family {expected} but found one of family {found}"
        )


def _encryption(params: Params, engine: str) -> bool:
    tls = bool(params.get("TransitEncryptionEnabled", False))
    at_rest = params.get("AtRestEncryptionEnabled", engine == "valkey")
    if "TransitEncryptionMode" in params and not tls:
        raise clash("To modify transit encryption mode, set encryption-in-transit as enabled.")
    if "KmsKeyId" in params and not at_rest:
        raise clash("KmsKeyId can be specified only with encryption at rest.")
    check_encryption(params["CacheNodeType"], tls, at_rest)
    return tls


def _populate(
    ctx: Context, group: Item, shards: int, replicas: int, settings: Item, zones: list[str]
) -> None:
    group["_shards"] = []
    count = 0
    width = 16384 // shards
    for number in range(shards):
        last = 16383 if number == shards - 1 else (number + 1) * width - 1
        shard: Item = {"id": f"{number + 1:04}", "members": [], "slots": f"{number * width}-{last}"}
        prefix = f"{group['_id']}-{shard['id']}" if group["ClusterEnabled"] else group["_id"]
        for node in range(1 + replicas):
            name = f"{prefix}-{node + 1:03}"
            add_cluster(ctx, group, shard, name, settings, zones[count % len(zones)])
            count += 1
        shard["primary"] = shard["members"][0]
        group["_shards"].append(shard)


def add_cluster(
    ctx: Context, group: Item, shard: Item, name: str, settings: Item, zone: str
) -> None:
    """Begin to create a member, which gets the group's tags."""
    clusters(ctx.store)[name] = new_cluster(ctx, group, name, settings, zone)
    shard["members"].append(name)
    put_tags(ctx, ctx.arn(f"cluster:{name}"), tag_list(ctx, ctx.store, group["ARN"]))


def _members_ready(ctx: Context, group: Item) -> None:
    if group["Status"] == "creating":
        set_members(ctx, group, "available")


def _ready(_: Context, group: Item) -> None:
    if group["Status"] == "creating":
        group["Status"] = "available"


@behaviour(
    "elasticache", "DescribeReplicationGroups", "ReplicationGroupId MaxRecords Marker",
    evidence="recorded", source="shared/recorded/elasticache/DescribeReplicationGroups",
)  # fmt: skip
def describe_replication_groups(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    if "ReplicationGroupId" in params:
        found = [find(view, params["ReplicationGroupId"])]
    else:
        found = list(view.get("groups", {}).values())
    shown, marker = page(found, lambda g: str(g["_id"]), params)
    return {"ReplicationGroups": ctx.shuffled(wire_group(ctx, view, g) for g in shown), **marker}


@behaviour(
    "elasticache", "DescribeCacheClusters",
    "CacheClusterId MaxRecords Marker ShowCacheNodeInfo ShowCacheClustersNotInReplicationGroups",
    evidence="recorded", source="shared/recorded/elasticache/DescribeCacheClusters",
)  # fmt: skip
def describe_cache_clusters(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    held: dict[str, Item] = view.get("clusters", {})
    if params.get("ShowCacheClustersNotInReplicationGroups"):
        held = {}  # the sandbox has no others
    if "CacheClusterId" in params:
        name = params["CacheClusterId"].lower()
        if name not in held:
            raise AwsError("CacheClusterNotFound", f"CacheCluster {name} not found.", 404)
        held = {name: held[name]}
    shown, marker = page(held.values(), lambda c: str(c["CacheClusterId"]), params)
    nodes = params.get("ShowCacheNodeInfo", False)
    return {
        "CacheClusters": ctx.shuffled(wire_cluster(ctx, view, c, nodes) for c in shown),
        **marker,
    }


@behaviour(
    "elasticache", "DeleteReplicationGroup",
    "ReplicationGroupId RetainPrimaryCluster FinalSnapshotIdentifier",
    evidence="documented", source=API + "API_DeleteReplicationGroup.html",
)  # fmt: skip
def delete_replication_group(ctx: Context, params: Params) -> Reply:
    group = find(ctx.store, params["ReplicationGroupId"])
    if params.get("RetainPrimaryCluster"):
        raise NotSimulated("DeleteReplicationGroup with RetainPrimaryCluster")
    if group["Status"] != "available":
        raise AwsError(
            "InvalidReplicationGroupState",
            f"Replication group {group['_id']} has status {group['Status']} which is not valid for "
            "deletion.",
        )
    if "FinalSnapshotIdentifier" in params:
        snapshot = name_of("FinalSnapshotIdentifier", params["FinalSnapshotIdentifier"], 255)
        snapshots = ctx.store.setdefault("snapshots", {})
        if snapshot in snapshots:
            raise AwsError("SnapshotAlreadyExistsFault", f"Snapshot {snapshot} already exists.")
        snapshots[snapshot] = {"ReplicationGroupId": group["_id"]}
    group["Status"] = "deleting"
    set_members(ctx, group, "deleting")

    def gone(_: Context, live: Item) -> None:
        forget(ctx, live, [c["CacheClusterId"] for c in members(ctx.store, live)])
        del groups(ctx.store)[live["_id"]]
        drop_tags(ctx, live["ARN"])

    later(ctx, group, jitter(ctx, 4), gone)
    return {"ReplicationGroup": wire_group(ctx, ctx.store, group)}
