"""A replication group and its nodes as AWS describes them, in our language.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html
The group itself shows neither engine version nor parameter group, security groups, maintenance
window, topic or subnet group: its member clusters do (case 101). Without them these are unknown.

`doc`: `group`, `members`, `tags`, and `asked`: the spec's slow fields, while AWS is modifying the
group; it does not say which change it works on, so ours is taken to be under way (case 114).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.handler import READY, Readiness
from controller.kindlib.versions import cache_version, parts
from controller.policies import Doc, Situation

OF_MEMBERS = (
    "engineVersion", "cacheParameterGroupName", "securityGroupIds", "preferredMaintenanceWindow",
    "notificationTopicArn", "cacheSubnetGroupName",
)  # fmt: skip
SLOW = ("cacheNodeType", "engine", "engineVersion", "numNodeGroups", "replicasPerNodeGroup")
MARK = "plumbline:auth-token"
"""Tag that remembers which AUTH token is being phased in; no tag of the spec."""

_PLAIN = {
    "cacheNodeType": "CacheNodeType",
    "transitEncryptionEnabled": "TransitEncryptionEnabled",
    "atRestEncryptionEnabled": "AtRestEncryptionEnabled",
    "kmsKeyId": "KmsKeyId",
    "snapshotRetentionLimit": "SnapshotRetentionLimit",
    "snapshotWindow": "SnapshotWindow",
    "networkType": "NetworkType",
    "ipDiscovery": "IpDiscovery",
}
_OFF_UNLESS_SHOWN = ("transitEncryptionEnabled", "atRestEncryptionEnabled", "multiAZ")
"""Older replies lack what did not exist yet: it was off."""

PENDING = {
    "AutomaticFailoverStatus": "automaticFailoverEnabled",
    "TransitEncryptionEnabled": "transitEncryptionEnabled",
    "TransitEncryptionMode": "transitEncryptionMode",
    "ClusterMode": "clusterMode",
    "LogDeliveryConfigurations": "logDelivery",
    "UserGroups": "userGroupIds",
    "AuthTokenStatus": "authToken",
    "EngineVersion": "engineVersion",
    "CacheNodeType": "cacheNodeType",
}
"""Pending member, of the group or of a node → spec field."""


def to_spec(doc: Mapping[str, Any]) -> Doc:
    """What is in force now; pending values are in `pending`."""
    group, members = doc["group"], doc.get("members") or []
    spec: Doc = dict.fromkeys(_OFF_UNLESS_SHOWN, False)
    spec |= {
        field: group[member]
        for field, member in _PLAIN.items()
        if group.get(member) not in (None, "", [])
    }
    spec["tags"] = {k: v for k, v in doc.get("tags", {}).items() if k != MARK}
    if description := group.get("Description", "").strip():
        spec["description"] = description
    if engine := group.get("Engine") or next((m.get("Engine") for m in members), None):
        spec["engine"] = engine
    if node := next((m["CacheNodeType"] for m in members if m.get("CacheNodeType")), None):
        spec.setdefault("cacheNodeType", node)
    if "AutomaticFailover" in group:
        spec["automaticFailoverEnabled"] = group["AutomaticFailover"] in ("enabled", "disabling")
    if "MultiAZ" in group:
        spec["multiAZ"] = group["MultiAZ"] == "enabled"
    if group.get("TransitEncryptionEnabled"):
        spec["transitEncryptionMode"] = group.get("TransitEncryptionMode", "required")
    if "DataTiering" in group:
        spec["dataTieringEnabled"] = group["DataTiering"] == "enabled"
    if "ClusterMode" in group or "ClusterEnabled" in group:
        by_flag = "enabled" if group.get("ClusterEnabled") else "disabled"
        spec["clusterMode"] = group.get("ClusterMode", by_flag)
    upgrades = [d["AutoMinorVersionUpgrade"] for d in (group, *members)
                if "AutoMinorVersionUpgrade" in d]  # fmt: skip
    if upgrades:
        spec["autoMinorVersionUpgrade"] = upgrades[0]
    if users := group.get("UserGroupIds"):
        spec["userGroupIds"] = sorted(users)
    if shards := group.get("NodeGroups"):
        spec["numNodeGroups"] = len(shards)
        sizes = [len(s["NodeGroupMembers"]) for s in shards if s.get("NodeGroupMembers")]
        if sizes:
            spec["replicasPerNodeGroup"] = min(sizes) - 1
    if port := endpoint_port(group):
        spec["port"] = port
    if logs := _logs(group.get("LogDeliveryConfigurations"), "active", "modifying", "error"):
        spec["logDelivery"] = logs
    return {**spec, **_of_members(members)}


def _of_members(members: Sequence[Mapping[str, Any]]) -> Doc:
    """What only nodes show. While they differ (a rolling upgrade), the oldest version counts."""
    spec: Doc = {}
    if not members:
        return spec
    versions = [m["EngineVersion"] for m in members if m.get("EngineVersion")]
    if versions:
        spec["engineVersion"] = cache_version(min(versions, key=parts))
    first = members[0]
    if group := first.get("CacheParameterGroup", {}).get("CacheParameterGroupName"):
        spec["cacheParameterGroupName"] = group
    for field, member in (
        ("preferredMaintenanceWindow", "PreferredMaintenanceWindow"),
        ("cacheSubnetGroupName", "CacheSubnetGroupName"),
    ):
        if first.get(member):
            spec[field] = first[member]
    topic = first.get("NotificationConfiguration") or {}
    if topic.get("TopicArn") and topic.get("TopicStatus", "active") == "active":
        spec["notificationTopicArn"] = topic["TopicArn"]
    if groups := _security_groups(members, "active", "removing"):
        spec["securityGroupIds"] = groups
    return spec


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
        if name in waiting:
            out[PENDING[name]] = waiting[name]
    if users := waiting.get("UserGroups"):
        now = set(group.get("UserGroupIds") or [])
        gone = set(users.get("UserGroupIdsToRemove") or [])
        out["userGroupIds"] = sorted((now - gone) | set(users.get("UserGroupIdsToAdd") or []))
    logs = _logs(group.get("LogDeliveryConfigurations"), "enabling", "modifying")
    if coming := {**logs, **_logs(waiting.get("LogDeliveryConfigurations"))}:
        out["logDelivery"] = coming
    soon = _security_groups(members, "active", "adding")
    if soon != _security_groups(members, "active", "removing"):
        out["securityGroupIds"] = soon
    return out


def left_by_others(doc: Mapping[str, Any], mine: set[str]) -> list[str]:
    """Pending values that ApplyImmediately would flush although they are not in `mine`."""
    holders = (doc["group"], *(doc.get("members") or []))
    names = {
        name
        for holder in holders
        for name, value in (holder.get("PendingModifiedValues") or {}).items()
        if value not in (None, "", [], {})
    }
    return sorted(name for name in names if PENDING.get(name) not in mine)


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
            message = f"{log['LogType']}: {log.get('Message', 'not delivered')}"
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


def in_global_datastore(situation: Situation, wanted: Any, live: Any) -> bool:
    """True for a member of a global datastore, which decides for it (108, 109)."""
    info = situation.raw.get("group", {}).get("GlobalReplicationGroupInfo") or {}
    return bool(info.get("GlobalReplicationGroupId"))


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
        if states and entry.get("Status", "active") not in states:
            continue
        details = entry.get("DestinationDetails") or {}
        firehose = details.get("KinesisFirehoseDetails") or {}
        group = details.get("CloudWatchLogsDetails") or {}
        out[entry["LogType"]] = {
            "destinationType": entry.get("DestinationType"),
            "destination": group.get("LogGroup") or firehose.get("DeliveryStream"),
            "logFormat": entry.get("LogFormat"),
        }
    return out


def _security_groups(members: Sequence[Mapping[str, Any]], *states: str) -> list[str]:
    return sorted(
        {
            g["SecurityGroupId"]
            for m in members
            for g in m.get("SecurityGroups") or []
            if g.get("Status", "active") in states
        }
    )


def _statuses(doc: Mapping[str, Any]) -> list[str]:
    return [str(m.get("CacheClusterStatus", "")) for m in doc.get("members") or []]


def _busy_members(doc: Mapping[str, Any], *besides: str) -> str:
    busy = {
        m["CacheClusterId"]: m.get("CacheClusterStatus")
        for m in doc.get("members") or []
        if m.get("CacheClusterStatus") not in ("available", *besides)
    }
    return ", ".join(f"{name} is {status}" for name, status in sorted(busy.items()))


def _reason(status: str) -> str:
    return "".join(word.capitalize() for word in status.split("-")) or "Unknown"
