"""What AWS does to databases and caches by itself: for tests, not API calls.

Each function takes the world and the identifier. None of this is drift for a declared state that
leaves the matter to AWS.
"""

from __future__ import annotations

from datetime import timedelta

from sandbox import elasticache_state as cache
from sandbox import rds_state as rds
from sandbox.behaviours.rds_instances import swap_zones
from sandbox.data_services import context, until_window
from sandbox.rds_engines import engine, major
from sandbox.rds_secrets import rotate_secret
from sandbox.registry import Context
from sandbox.world import World


def _instance(world: World, identifier: str) -> tuple[Context, rds.Instance]:
    ctx = context(world, "rds")
    return ctx, rds.find(ctx.store, identifier)


def rds_failover(world: World, identifier: str) -> None:
    """The standby takes over: the availability zones change places (case 95)."""
    swap_zones(_instance(world, identifier)[1])


def rds_minor_upgrade(world: World, identifier: str, version: str | None = None) -> str:
    """AWS upgrades to the newest minor version, or `version` (case 61). Returns the version."""
    _, inst = _instance(world, identifier)
    name = inst["Engine"]
    new = version or engine(name).versions[major(name, inst["EngineVersion"])][-1]
    rds.set_version(inst, new)
    return new


def rds_rotate_ca(world: World, identifier: str, authority: str = "rds-ca-rsa4096-g1") -> None:
    """AWS moves the instance to another certificate authority (case 81)."""
    rds.set_certificate(_instance(world, identifier)[1], authority)


def rds_grow_storage(world: World, identifier: str, size: int) -> None:
    """Storage autoscaling grows the volume, which is optimized for a while then (case 68)."""
    ctx, inst = _instance(world, identifier)
    if not inst["AllocatedStorage"] < size <= inst.get("MaxAllocatedStorage", 0):
        raise ValueError(f"autoscaling would not grow {identifier} to {size} GiB")
    inst["AllocatedStorage"] = size
    told = "Finished applying autoscaling-initiated modification to allocated storage"
    rds.tell(ctx, inst, told, "configuration change")
    rds.optimize_storage(ctx, inst)


def rds_backup(world: World, identifier: str) -> None:
    """A backup runs for two minutes."""
    ctx, inst = _instance(world, identifier)
    rds.back_up(ctx, inst)


def rds_storage_full(world: World, identifier: str) -> None:
    """The volume is full: growing it is the only cure (case 92)."""
    _instance(world, identifier)[1]["DBInstanceStatus"] = "storage-full"


def rds_owned_by_backup(world: World, identifier: str, days: int = 35) -> None:
    """AWS Backup takes over retention and window (case 64)."""
    ctx, inst = _instance(world, identifier)
    inst["AwsBackupRecoveryPointArn"] = ctx.arn(f"recovery-point:continuous:{identifier}", "backup")
    inst["BackupRetentionPeriod"] = days


def rds_rotate_secret(world: World, identifier: str) -> None:
    """The managed master password rotates, as it does every seven days."""
    ctx, inst = _instance(world, identifier)
    rotate_secret(ctx, inst)

    def done(_: Context, live: rds.Instance) -> None:
        live["MasterUserSecret"]["SecretStatus"] = "active"

    rds.later(ctx, inst, timedelta(minutes=2), done)


def rds_maintenance_due(world: World, identifier: str, action: str = "system-update") -> None:
    """An action shows up in DescribePendingMaintenanceActions."""
    ctx, inst = _instance(world, identifier)
    due = ctx.now + until_window(ctx.now, inst["PreferredMaintenanceWindow"])
    ctx.store.setdefault("maintenance", {}).setdefault(inst["DBInstanceArn"], []).append(
        {"Action": action, "CurrentApplyDate": due, "Description": "New update is available"}
    )


def cache_failover(world: World, group_id: str, shard: int = 0) -> str:
    """A replica takes over from the primary (case 116). Returns the new primary."""
    ctx = context(world, "elasticache")
    members = cache.find(ctx.store, group_id)["_shards"][shard]
    replicas = [name for name in members["members"] if name != members["primary"]]
    members["primary"] = world.rng.choice(replicas)
    return str(members["primary"])


def cache_replace_node(world: World, group_id: str, zone: str) -> str:
    """AWS replaces the last node by one in another zone (case 116). Returns its id."""
    ctx = context(world, "elasticache")
    name = cache.current(cache.find(ctx.store, group_id))[-1]
    node = cache.clusters(ctx.store)[name]
    node["PreferredAvailabilityZone"] = zone
    node["CacheClusterCreateTime"] = ctx.now
    return name


def cache_minor_upgrade(world: World, group_id: str, patch: str) -> None:
    """AWS upgrades all nodes to another patch of their version: `7.1.1` (case 102)."""
    ctx = context(world, "elasticache")
    for node in cache.members(ctx.store, cache.find(ctx.store, group_id)):
        if node["EngineVersion"].rpartition(".")[0] != patch.rpartition(".")[0]:
            raise ValueError(f"{patch} is no patch of {node['EngineVersion']}")
        node["EngineVersion"] = patch


def cache_snapshot(world: World, group_id: str) -> None:
    """A snapshot is taken for two minutes: the group is `snapshotting`."""
    ctx = context(world, "elasticache")
    group = cache.find(ctx.store, group_id)
    group["Status"] = "snapshotting"
    node = group.get("SnapshottingClusterId", cache.current(group)[-1])
    cache.set_members(ctx, group, "snapshotting", [node])

    def done(_: Context, live: cache.Item) -> None:
        if live["Status"] == "snapshotting":
            live["Status"] = "available"
            cache.set_members(ctx, live, "available", [node])

    cache.later(ctx, group, timedelta(minutes=2), done)
