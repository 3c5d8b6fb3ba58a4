"""A replication group and its nodes as AWS describes them, in our language.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html
The group itself shows neither engine version nor parameter group, security groups, maintenance
window, topic or subnet group: its member clusters do (case 101). Without them these are unknown.

`doc`: `group`, `members`, `tags`, `wanted` (the spec; two spellings of the sizes of shards are
judged by it), `scaled` (the bounds of Application Auto Scaling), and `asked`: the spec's slow
fields, while AWS is modifying the group; it does not say which change it works on, so ours is taken
to be under way (case 114).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.handler import READY, Readiness
from controller.kindlib.elasticache_members import of_members, security_groups
from controller.kindlib.elasticache_pending import FIELD_OF
from controller.kindlib.elasticache_shards import shards
from controller.kindlib.elasticache_token import MARK, still_open
from controller.kindlib.versions import cache_version
from controller.policies import Doc

OF_MEMBERS = (
    "engineVersion", "cacheParameterGroupName", "securityGroupIds", "preferredMaintenanceWindow",
    "notificationTopicArn", "cacheSubnetGroupName",
)  # fmt: skip
AWS_DEFAULTS = {
    "automaticFailoverEnabled": False, "autoMinorVersionUpgrade": True, "snapshotRetentionLimit": 0,
}  # fmt: skip
"""AWS's own, of fields for which Plumbline has another default or always says a value."""
PERHAPS_OF_MEMBERS = ("engine", "cacheNodeType", "autoMinorVersionUpgrade")
"""Fields that older replies show on nodes alone."""
ONCE_CREATED = ("numNodeGroups", "replicasPerNodeGroup", "port", "clusterMode")
SLOW = (
    "cacheNodeType", "engine", "engineVersion", "numNodeGroups", "replicasPerNodeGroup",
    "replicaConfiguration", "multiAZ", "cacheParameterGroupName", "ipDiscovery", "durability",
)  # fmt: skip
"""Fields that change when a modification has finished, and of which AWS says nothing before."""
ASSOCIATED = ("userGroupIds", "allowUnauthenticated", "logDelivery")
"""Fields that a group that is being created need not show yet."""

_PLAIN = {
    "cacheNodeType": "CacheNodeType",
    "transitEncryptionEnabled": "TransitEncryptionEnabled",
    "atRestEncryptionEnabled": "AtRestEncryptionEnabled",
    "kmsKeyId": "KmsKeyId",
    "snapshotRetentionLimit": "SnapshotRetentionLimit",
    "snapshotWindow": "SnapshotWindow",
    "networkType": "NetworkType",
    "ipDiscovery": "IpDiscovery",
    "durability": "Durability",
}
_OFF_UNLESS_SHOWN = ("transitEncryptionEnabled", "atRestEncryptionEnabled", "multiAZ")
"""Older replies lack what did not exist yet: it was off."""


def to_spec(doc: Mapping[str, Any]) -> Doc:
    """What is in force now; pending values are in `pending`."""
    group, members = doc["group"], doc.get("members") or []
    spec: Doc = dict.fromkeys(_OFF_UNLESS_SHOWN, False)
    spec |= {
        field: group[member]
        for field, member in _PLAIN.items()
        if group.get(member) not in (None, "", [])
    }
    spec["tags"] = {k: v for k, v in (doc.get("tags") or {}).items() if k != MARK}
    if description := str(group.get("Description") or "").strip():
        spec["description"] = description
    if engine := group.get("Engine") or next((m.get("Engine") for m in members), None):
        spec["engine"] = str(engine).lower()
    if node := next((m["CacheNodeType"] for m in members if m.get("CacheNodeType")), None):
        spec.setdefault("cacheNodeType", node)
    if "AutomaticFailover" in group:
        spec["automaticFailoverEnabled"] = group["AutomaticFailover"] in ("enabled", "disabling")
    if "MultiAZ" in group:
        spec["multiAZ"] = group["MultiAZ"] == "enabled"
    if group.get("TransitEncryptionEnabled"):
        spec["transitEncryptionMode"] = group.get("TransitEncryptionMode") or "required"
    if "DataTiering" in group:
        spec["dataTieringEnabled"] = group["DataTiering"] == "enabled"
    if mode := _cluster_mode(group):
        spec["clusterMode"] = mode
    upgrades = [d["AutoMinorVersionUpgrade"] for d in (group, *members)
                if d.get("AutoMinorVersionUpgrade") is not None]  # fmt: skip
    if upgrades:
        spec["autoMinorVersionUpgrade"] = upgrades[0]
    if users := group.get("UserGroupIds"):
        spec["userGroupIds"] = sorted(users)
    spec["allowUnauthenticated"] = still_open(doc) or not (
        group.get("AuthTokenEnabled") or group.get("UserGroupIds")
    )
    if port := endpoint_port(group):
        spec["port"] = port
    if logs := _logs(group.get("LogDeliveryConfigurations"), "active", "modifying", "error"):
        spec["logDelivery"] = logs
    return {**spec, **shards(doc), **of_members(members)}


def _cluster_mode(group: Mapping[str, Any]) -> str:
    """What AWS says; older replies have less to say, and the oldest only their shards."""
    if mode := group.get("ClusterMode"):
        return str(mode)
    if group.get("ClusterEnabled") is None and not group.get("NodeGroups"):
        return ""
    sharded = len(group.get("NodeGroups") or []) > 1 or group.get("ConfigurationEndpoint")
    return "enabled" if group.get("ClusterEnabled", sharded) else "disabled"


def pending(doc: Mapping[str, Any]) -> Doc:
    """What AWS has accepted and has yet to put in force (cases 57, 109, 114)."""
    group, members = doc["group"], doc.get("members") or []
    waiting = group.get("PendingModifiedValues") or {}
    out: Doc = dict(doc.get("asked") or {})
    for member in members:
        for name, value in (member.get("PendingModifiedValues") or {}).items():
            if name == "EngineVersion" and value:
                out["engineVersion"] = cache_version(value)
            elif name == "CacheNodeType" and value:
                out["cacheNodeType"] = value
    if group.get("AutomaticFailover") in ("enabling", "disabling"):
        out["automaticFailoverEnabled"] = group["AutomaticFailover"] == "enabling"
    if "AutomaticFailoverStatus" in waiting:
        out["automaticFailoverEnabled"] = waiting["AutomaticFailoverStatus"] == "enabled"
    for name in ("TransitEncryptionEnabled", "TransitEncryptionMode", "ClusterMode"):
        if waiting.get(name) is not None:
            out[FIELD_OF[name]] = waiting[name]
    if not out.get("transitEncryptionEnabled", group.get("TransitEncryptionEnabled")):
        out.pop("transitEncryptionMode", None)
    if users := waiting.get("UserGroups"):
        now = set(group.get("UserGroupIds") or [])
        gone = set(users.get("UserGroupIdsToRemove") or [])
        out["userGroupIds"] = sorted((now - gone) | set(users.get("UserGroupIdsToAdd") or []))
    if out.get("userGroupIds"):
        out["allowUnauthenticated"] = False
    logs = _logs(group.get("LogDeliveryConfigurations"), "enabling", "modifying")
    if coming := {**logs, **_logs(waiting.get("LogDeliveryConfigurations"))}:
        out["logDelivery"] = coming
    soon = security_groups(members, but="removing")
    if soon != security_groups(members, but="adding"):
        out["securityGroupIds"] = soon
    return out


def imported(doc: Mapping[str, Any]) -> Doc:
    """What an import writes: what AWS has, or is on the way to. Where AWS says nothing, its own
    default holds and not ours."""
    spec = {**AWS_DEFAULTS, **to_spec(doc), **pending(doc)}
    if not spec["transitEncryptionEnabled"]:
        spec.pop("transitEncryptionMode", None)
    if not spec["atRestEncryptionEnabled"]:
        spec.pop("kmsKeyId", None)
    return spec


def readiness(doc: Mapping[str, Any]) -> Readiness:
    """Whether it can be used now: the group, and every node of it (case 128)."""
    group = doc["group"]
    status = str(group.get("Status", ""))
    broken = [s for s in (status, *_statuses(doc)) if s.endswith("-failed") or s == "failed"
              or s.startswith("incompatible")]  # fmt: skip
    if broken:
        return Readiness("failed", _reason(broken[0]), f"status {broken[0]}")
    if status not in ("available", "snapshotting"):
        return Readiness("in-progress", _reason(status), f"status {status}")
    if why := _busy_members(doc, "snapshotting"):
        return Readiness("in-progress", "NodesNotAvailable", why)
    for log in group.get("LogDeliveryConfigurations") or []:
        if log.get("Status") == "error":
            message = f"{log.get('LogType')}: {log.get('Message', 'not delivered')}"
            return Readiness("ready", "LogDeliveryFailed", message)
    member: Mapping[str, Any] = next(iter(doc.get("members") or []), {})
    parameters: Mapping[str, Any] = member.get("CacheParameterGroup") or {}
    if parameters.get("CacheNodeIdsToReboot"):
        name = parameters.get("CacheParameterGroupName")
        message = f"some parameters of {name} apply when its nodes are rebooted"
        return Readiness("ready", "NeedsReboot", message)
    return READY


def modifiable(doc: Mapping[str, Any]) -> str:
    """Empty if AWS takes a modification now: the group and all its nodes are available."""
    status = str(doc["group"].get("Status", ""))
    return f"status {status}" if status != "available" else _busy_members(doc)


def output(doc: Mapping[str, Any]) -> Doc:
    """What others refer to, as far as it is there."""
    group = doc["group"]
    out: Doc = {"name": group["ReplicationGroupId"]}
    if arn := group.get("ARN"):
        out["arn"] = arn
    shard: Mapping[str, Any] = next(iter(group.get("NodeGroups") or []), {})
    for name, found in (
        ("primaryEndpoint", shard.get("PrimaryEndpoint")),
        ("readerEndpoint", shard.get("ReaderEndpoint")),
        ("configurationEndpoint", group.get("ConfigurationEndpoint")),
    ):
        if found and found.get("Address") and found.get("Port"):
            out[name] = {"address": found["Address"], "port": found["Port"]}
    return out


def endpoint_port(group: Mapping[str, Any]) -> int | None:
    """The port, which only endpoints show."""
    ends = [group.get("ConfigurationEndpoint")]
    ends += [s.get("PrimaryEndpoint") for s in group.get("NodeGroups") or []]
    return next((int(e["Port"]) for e in ends if e and e.get("Port")), None)


def _logs(configurations: Any, *states: str) -> Doc:
    """Log deliveries by log type: in these states, or all."""
    out: Doc = {}
    for entry in configurations or []:
        if not entry.get("LogType") or (states and entry.get("Status", "active") not in states):
            continue
        details = entry.get("DestinationDetails") or {}
        firehose = details.get("KinesisFirehoseDetails") or {}
        group = details.get("CloudWatchLogsDetails") or {}
        shown = {
            "destinationType": entry.get("DestinationType"),
            "destination": group.get("LogGroup") or firehose.get("DeliveryStream"),
            "logFormat": entry.get("LogFormat"),
        }
        if None not in shown.values():
            out[entry["LogType"]] = shown
    return out


def _statuses(doc: Mapping[str, Any]) -> list[str]:
    return [str(m.get("CacheClusterStatus", "")) for m in doc.get("members") or []]


def _busy_members(doc: Mapping[str, Any], *besides: str) -> str:
    busy = {
        str(m.get("CacheClusterId")): m.get("CacheClusterStatus")
        for m in doc.get("members") or []
        if m.get("CacheClusterStatus") not in ("available", *besides)
    }
    return ", ".join(f"{name} is {status}" for name, status in sorted(busy.items()))


def _reason(status: str) -> str:
    return "".join(word.capitalize() for word in status.split("-")) or "Unknown"
