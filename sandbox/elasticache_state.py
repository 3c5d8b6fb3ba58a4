"""ElastiCache replication groups: engines, what readers see, and how changes take time.

The store holds `groups` (replication groups) and `clusters` (their members, one per node). A
group's `_shards` say who is in it; `_pending` holds node changes that wait for the window, which
show on the members only (or not at all, for parameter groups).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.data_services import (
    clash,
    drop_tags,
    minute_of_week,
    minutes,
    tag_list,
    until_window,
)
from sandbox.elasticache_access import apply_users
from sandbox.errors import AwsError
from sandbox.registry import Context
from sandbox.world import Store

Item = dict[str, Any]

VERSIONS = {
    "redis": {
        "4.0.10": "4.0.10", "5.0.6": "5.0.6", "6.0": "6.0.5", "6.2": "6.2.6", "7.0": "7.0.7",
        "7.1": "7.1.0",
    },
    "valkey": {
        "7.2": "7.2.6", "8.0": "8.0.1", "8.1": "8.1.0", "8.2": "8.2.0", "9.0": "9.0.1",
        "9.1": "9.1.0",
    },
}  # fmt: skip
"""What may be asked for, and what then runs."""
FAMILIES = (
    "redis4.0", "redis5.0", "redis6.x", "redis7", "valkey7", "valkey8", "valkey9",
)  # fmt: skip
SHOWN_ON_MEMBERS = ("EngineVersion", "CacheNodeType")
_TAKES = {"EngineVersion": 6, "Engine": 6, "CacheNodeType": 8}


def full_version(engine: str, asked: str | None) -> str:
    """The version that runs when asked for `asked` (the newest one, by default)."""
    known = VERSIONS[engine]
    if asked is None:
        return list(known.values())[-1]
    if asked == "6.x" and engine == "redis":
        return known["6.2"]
    if asked in known:
        return known[asked]
    if asked in known.values():
        raise clash(
            f"Specific version selection is not allowed for '{asked}', please use "
            f"'{asked.rpartition('.')[0]}'"
        )
    raise clash(f"Cannot find version {asked} for {engine}")


def family(engine: str, version: str) -> str:
    """Parameter group family of a version: `redis7` for 7.1.0."""
    major, minor, *_ = version.split(".")
    if engine == "redis" and int(major) < 6:
        return f"redis{major}.{minor}"
    return "redis6.x" if (engine, major) == ("redis", "6") else f"{engine}{major}"


def default_group(engine: str, version: str, clustered: bool) -> str:
    """Name of the default parameter group."""
    return f"default.{family(engine, version)}" + (".cluster.on" if clustered else "")


# --- reading ---


def groups(store: Store) -> dict[str, Item]:
    """Replication groups by id."""
    found: dict[str, Item] = store.setdefault("groups", {})
    return found


def clusters(store: Store) -> dict[str, Item]:
    """Member clusters by id."""
    found: dict[str, Item] = store.setdefault("clusters", {})
    return found


def find(store: Store, group_id: str) -> Item:
    """The replication group of that id, in any case."""
    held: dict[str, Item] = store.get("groups", {})
    if group_id.lower() not in held:
        raise AwsError(
            "ReplicationGroupNotFoundFault", f"ReplicationGroup {group_id.lower()} not found.", 404
        )
    return held[group_id.lower()]


def members(store: Store, group: Item) -> list[Item]:
    """All clusters of a group, those that are being deleted too."""
    return [c for c in clusters(store).values() if c["ReplicationGroupId"] == group["_id"]]


def current(group: Item) -> list[str]:
    """Ids of the clusters that belong to the group, by shard."""
    return [name for shard in group["_shards"] for name in shard["members"]]


def _endpoint(ctx: Context, kind: str, group: Item, member: str = "") -> dict[str, Any]:
    """An address, made as recorded: TLS names the kind in front, others behind the zone."""
    region = "".join(part[:1] if n else part for n, part in enumerate(ctx.region.split("-")))
    name, zone = group["_id"], group["_zone"]
    if group["TransitEncryptionEnabled"]:
        host = f"{member or kind}.{name}.{zone}"
    else:
        host = {
            "clustercfg": f"{name}.{zone}.clustercfg",
            "master": f"{name}.{zone}.ng.0001",
            "replica": f"{name}-ro.{zone}.ng.0001",
        }.get(kind, f"{member}.{zone}.0001")
    return {"Address": f"{host}.{region}.cache.amazonaws.com", "Port": group["_port"]}


def wire_group(ctx: Context, store: Store, group: Item) -> Item:
    """The replication group as the API shows it: nothing of its nodes' settings (case 101)."""
    out = {k: copy.deepcopy(v) for k, v in group.items() if not k.startswith("_")}
    out["ReplicationGroupId"] = group["_id"]
    key = "sse-kms" if "KmsKeyId" in group else "sse-elasticache"
    durable = group["Durability"] in ("sync", "async")
    encrypted = group["AtRestEncryptionEnabled"] or durable
    out["StorageEncryptionType"] = key if encrypted else "none"
    out["EffectiveDurability"] = group["Durability"] if durable else "disabled"
    if group["Status"] == "deleting":
        return out
    out["MemberClusters"] = ctx.shuffled(current(group))
    if group["Status"] == "creating":
        return out
    if group["ClusterMode"] != "disabled":
        out["ConfigurationEndpoint"] = _endpoint(ctx, "clustercfg", group)
    out["NodeGroups"] = []
    for shard in group["_shards"]:
        node_group: Item = {"NodeGroupId": shard["id"], "Status": group["Status"]}
        if group["ClusterEnabled"]:
            if shard["slots"]:
                node_group["Slots"] = shard["slots"]
        else:
            node_group["PrimaryEndpoint"] = _endpoint(ctx, "master", group)
            node_group["ReaderEndpoint"] = _endpoint(ctx, "replica", group)
        node_group["NodeGroupMembers"] = []
        for member in shard["members"]:
            cluster = store["clusters"][member]
            node = {
                "CacheClusterId": member,
                "CacheNodeId": "0001",
                "PreferredAvailabilityZone": cluster["PreferredAvailabilityZone"],
            }
            if not group["ClusterEnabled"]:
                node["ReadEndpoint"] = _endpoint(ctx, "node", group, member)
                node["CurrentRole"] = "primary" if member == shard["primary"] else "replica"
            node_group["NodeGroupMembers"].append(node)
        node_group["NodeGroupMembers"] = ctx.shuffled(node_group["NodeGroupMembers"])
        out["NodeGroups"].append(node_group)
    return out


def wire_cluster(ctx: Context, store: Store, cluster: Item, nodes: bool) -> Item:
    """A member cluster as the API shows it, with the group's settings that it repeats."""
    out = {k: copy.deepcopy(v) for k, v in cluster.items() if not k.startswith("_")}
    group = store["groups"][cluster["ReplicationGroupId"]]
    for name in (
        "SnapshotWindow", "AutoMinorVersionUpgrade", "AtRestEncryptionEnabled", "NetworkType",
        "TransitEncryptionEnabled", "TransitEncryptionMode", "AuthTokenEnabled", "IpDiscovery",
        "AuthTokenLastModifiedDate", "LogDeliveryConfigurations",
    ):  # fmt: skip
        if name in group:
            out[name] = copy.deepcopy(group[name])
    out["ReplicationGroupLogDeliveryEnabled"] = bool(group["LogDeliveryConfigurations"])
    snapshotting = group.get("SnapshottingClusterId") == cluster["CacheClusterId"]
    out["SnapshotRetentionLimit"] = group["SnapshotRetentionLimit"] if snapshotting else 0
    out["SecurityGroups"] = ctx.shuffled(out["SecurityGroups"])
    if nodes and cluster["CacheClusterStatus"] != "creating":
        out["CacheNodes"] = [
            {
                "CacheNodeId": "0001",
                "CacheNodeStatus": cluster["CacheClusterStatus"],
                "CacheNodeCreateTime": cluster["CacheClusterCreateTime"],
                "Endpoint": _endpoint(ctx, "node", group, cluster["CacheClusterId"]),
                "ParameterGroupStatus": cluster["CacheParameterGroup"]["ParameterApplyStatus"],
                "CustomerAvailabilityZone": cluster["PreferredAvailabilityZone"],
            }
        ]
    return out


def tags_of(ctx: Context, store: Store, arn: str) -> dict[str, Any]:
    """The reply of all tagging operations."""
    return {"TagList": tag_list(ctx, store, arn)}


# --- time ---


def later(
    ctx: Context, group: Item, delay: timedelta, step: Callable[[Context, Item], None]
) -> None:
    """Do `step` to the group after `delay`, if it still is the same one by then."""
    group_id, born = group["_id"], group["ReplicationGroupCreateTime"]

    def run() -> None:
        live = groups(ctx.store).get(group_id)
        if live is not None and live["ReplicationGroupCreateTime"] == born:
            step(ctx, live)

    ctx.world.clock.after(delay, run)


def jitter(ctx: Context, minutes_: float) -> timedelta:
    """About so many minutes."""
    return timedelta(minutes=minutes_ * ctx.world.rng.uniform(0.9, 1.1))


def new_cluster(ctx: Context, group: Item, name: str, settings: Item, zone: str) -> Item:
    """A member that is being created, with the settings that its siblings have."""
    return {
        "CacheClusterId": name,
        "ReplicationGroupId": group["_id"],
        "ClientDownloadLandingPage": "https://console.aws.amazon.com/elasticache/home#client-download:",
        "CacheClusterStatus": "creating",
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": zone,
        "PendingModifiedValues": {},
        "CacheSecurityGroups": [],
        "ARN": ctx.arn(f"cluster:{name}"),
        **copy.deepcopy(settings),
    }


def set_members(ctx: Context, group: Item, status: str, names: list[str] | None = None) -> None:
    """Put members into a status."""
    for cluster in members(ctx.store, group):
        if names is None or cluster["CacheClusterId"] in names:
            if cluster["CacheClusterStatus"] == "creating" and status == "available":
                cluster["CacheClusterCreateTime"] = ctx.now
            cluster["CacheClusterStatus"] = status


def start(ctx: Context, group: Item, takes: float, done: Callable[[Context, Item], None]) -> None:
    """Group and members are modifying; the group is done a minute before its members (case 128)."""
    busy = current(group)
    group["Status"] = "modifying"
    set_members(ctx, group, "modifying", busy)

    def finished(_: Context, live: Item) -> None:
        if live["Status"] == "deleting":
            return
        done(ctx, live)
        live["Status"] = "available"
        later(ctx, live, timedelta(minutes=1), settled)

    def settled(_: Context, live: Item) -> None:
        if live["Status"] == "deleting":
            return
        for cluster in members(ctx.store, live):
            cluster["CacheParameterGroup"]["ParameterApplyStatus"] = "in-sync"
            cluster["SecurityGroups"] = [
                {**g, "Status": "active"}
                for g in cluster["SecurityGroups"]
                if g["Status"] != "removing"
            ]
        set_members(ctx, live, "available", busy)

    later(ctx, group, jitter(ctx, takes), finished)


def at_next_window(ctx: Context, group: Item) -> None:
    """Let the next maintenance window apply what is pending."""
    later(ctx, group, until_window(ctx.now, group["_window"]), _window)


def _window(ctx: Context, group: Item) -> None:
    if minutes(group["_window"])[0] == minute_of_week(ctx.now) and group["Status"] == "available":
        flush(ctx, group)


def show_pending(ctx: Context, group: Item) -> None:
    """Members show engine versions and node types that wait; the group shows neither (case 114)."""
    shown = {k: v for k, v in group["_pending"].items() if k in SHOWN_ON_MEMBERS}
    for cluster in members(ctx.store, group):
        cluster["PendingModifiedValues"] = dict(shown)


def flush(ctx: Context, group: Item, only: tuple[str, ...] = ()) -> None:
    """Apply all that is pending (or `only` some of it)."""
    held = {**group["_pending"], **group["PendingModifiedValues"]}
    waiting = {name: value for name, value in held.items() if not only or name in only}
    if not waiting:
        return
    if "AutomaticFailoverStatus" in waiting:
        enable = waiting["AutomaticFailoverStatus"] == "enabled"
        group["AutomaticFailover"] = "enabling" if enable else "disabling"

    def done(_: Context, live: Item) -> None:
        for name, value in waiting.items():
            _apply(ctx, live, name, value)
            live["_pending"].pop(name, None)
            live["PendingModifiedValues"].pop(name, None)
        if not live["TransitEncryptionEnabled"]:
            live.pop("TransitEncryptionMode", None)
        show_pending(ctx, live)

    start(ctx, group, max(_TAKES.get(name, 2) for name in waiting), done)


def _apply(ctx: Context, group: Item, name: str, value: Any) -> None:
    match name:
        case "CacheNodeType" | "Engine":
            group[name] = value
            for cluster in members(ctx.store, group):
                cluster[name] = value
        case "EngineVersion":
            for cluster in members(ctx.store, group):
                cluster["EngineVersion"] = value
        case "CacheParameterGroupName":
            set_parameter_group(ctx, group, value)
        case "AutomaticFailoverStatus":
            group["AutomaticFailover"] = value
        case "AuthTokenStatus":
            group["AuthTokenEnabled"] = True
            group["AuthTokenLastModifiedDate"] = ctx.now
            group["_rotated"] = value == "ROTATING"
        case "LogDeliveryConfigurations":
            group[name] = [{**entry, "Status": "active"} for entry in value]
        case "UserGroups":
            apply_users(group, value)
        case "AuthTokenGone":
            group["AuthTokenEnabled"] = False
            group.pop("AuthTokenLastModifiedDate", None)
        case "ClusterMode":
            group[name] = value
            group["ClusterEnabled"] = value == "enabled"
        case "PrimaryClusterId":
            for shard in group["_shards"]:
                if value in shard["members"]:
                    shard["primary"] = value
        case _:  # MultiAZ, TransitEncryptionEnabled, TransitEncryptionMode, IpDiscovery, Durability
            group[name] = value


def set_parameter_group(ctx: Context, group: Item, name: str) -> None:
    """Associate a parameter group with all members."""
    for cluster in members(ctx.store, group):
        cluster["CacheParameterGroup"] = {
            "CacheParameterGroupName": name,
            "ParameterApplyStatus": "applying",
            "CacheNodeIdsToReboot": [],
        }


def forget(ctx: Context, group: Item, names: list[str]) -> None:
    """Members that are gone, with their tags."""
    for name in names:
        if name in clusters(ctx.store):
            del clusters(ctx.store)[name]
            drop_tags(ctx, ctx.arn(f"cluster:{name}"))
