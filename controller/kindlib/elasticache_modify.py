"""What is sent to change a replication group, at what risk, and whether at once.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html
Only changed fields are sent: TLS sent unchanged is refused where AUTH is on (case 113).
ApplyImmediately flushes everything that is pending, others' changes too: it is set only where
nothing but our own change would be flushed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.diff import Change
from controller.handler import Action, Risk, Target
from controller.kindlib import elasticache_access as access
from controller.kindlib.elasticache_document import to_spec
from controller.kindlib.elasticache_pending import at_once
from controller.kindlib.elasticache_resize import replica_counts, shard_count
from controller.kindlib.elasticache_rules import LOCAL_DISKS
from controller.kindlib.planning import by_field, entry_key, paths
from controller.kindlib.versions import major, older
from controller.policies import Doc

_PLAIN = {
    "description": "ReplicationGroupDescription",
    "automaticFailoverEnabled": "AutomaticFailoverEnabled",
    "multiAZ": "MultiAZEnabled",
    "securityGroupIds": "SecurityGroupIds",
    "preferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "cacheParameterGroupName": "CacheParameterGroupName",
    "engine": "Engine",
    "engineVersion": "EngineVersion",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "snapshotRetentionLimit": "SnapshotRetentionLimit",
    "snapshotWindow": "SnapshotWindow",
    "cacheNodeType": "CacheNodeType",
    "ipDiscovery": "IpDiscovery",
    "clusterMode": "ClusterMode",
    "durability": "Durability",
}
_WAITS = {
    "automaticFailoverEnabled", "multiAZ", "cacheParameterGroupName", "engine", "engineVersion",
    "cacheNodeType", "ipDiscovery", "clusterMode", "transitEncryptionEnabled",
    "transitEncryptionMode", "durability",
}  # fmt: skip
"""Fields that wait for the maintenance window unless ApplyImmediately is set."""
_DISRUPTIVE = {
    "cacheNodeType", "clusterMode", "transitEncryptionEnabled", "transitEncryptionMode",
    "ipDiscovery", "durability",
}  # fmt: skip
_STEP = {
    "safe": "modify",
    "irreversible": "modify-for-good",
    "disruptive": "modify-disruptive",
    "destructive": "modify-destructive",
}
_ORDER: tuple[Risk, ...] = ("safe", "irreversible", "disruptive", "destructive")
_RESIZED = ("numNodeGroups", "replicasPerNodeGroup", "replicaConfiguration")
_OWN_CALLS = {"tags", "clusterMode", *access.FIELDS, *_RESIZED}


def modifications(
    target: Target, arn: str, doc: Mapping[str, Any], changes: Sequence[Change]
) -> list[Action]:
    """The calls that make these changes, tags aside. What no call can make is left out.

    Left out: an engine version that would go down, valkey back to redis, cluster mode from disabled
    to enabled at once (`compatible` must come between, while clients are changed), and back; data
    tiering's nodes for others; nearly everything while the cluster mode is `compatible`.
    """
    fields = by_field(changes)
    live = to_spec(doc)
    _drop_impossible(fields, target.spec, live)
    groups: dict[Risk, list[str]] = {}
    for name in fields:
        if name not in _OWN_CALLS:
            groups.setdefault(_risk(name, fields, target.spec, live), []).append(name)
    _ride_along(groups)
    resized = [c for n in _RESIZED[1:] for c in fields.get(n, [])]
    shards, with_them = shard_count(target, doc, fields.get("numNodeGroups", []), resized)
    more, fewer = replica_counts(target, doc, [c for c in resized if c not in with_them])
    available = {"automaticFailoverEnabled", "multiAZ"} & fields.keys()
    actions = [more] if more else []
    if "clusterMode" in fields:  # AWS takes nothing else with it but its parameter group
        alone: list[str] = [n for n in ("clusterMode", "cacheParameterGroupName") if n in fields]
        todo = {n: fields[n] for n in alone}
        actions.append(_action(target, doc, live, "disruptive", todo, (), "cluster-mode"))
        for names in groups.values():
            names[:] = [n for n in names if n not in alone]
    for risk in _ORDER:
        if groups.get(risk):
            todo = {n: fields[n] for n in groups[risk]}
            after = tuple(a.step for a in actions if a is more and available & todo.keys())
            action = _action(target, doc, live, risk, todo, after, _STEP[risk])
            if action.params.keys() - {"ReplicationGroupId", "ApplyImmediately"}:
                actions.append(action)
    if fewer:
        actions.append(fewer)
    actions += shards
    mine = [c for n in access.FIELDS for c in fields.get(n, [])]
    logins = access.access(target, arn, doc, mine)
    # The marks first: AWS takes no tags while it modifies the group.
    marks = [a for a in logins if a.operation == "AddTagsToResource"]
    return [*marks, *actions, *(a for a in logins if a not in marks)]


def _drop_impossible(fields: dict[str, list[Change]], spec: Doc, live: Doc) -> None:
    same_engine = spec["engine"] == live.get("engine", spec["engine"])
    if "engineVersion" in fields and (
        same_engine and older(spec["engineVersion"], live.get("engineVersion", ""))
    ):
        del fields["engineVersion"]
    if not same_engine and spec["engine"] == "redis":
        fields.pop("engine", None)
        fields.pop("engineVersion", None)
    step = (live.get("clusterMode"), spec.get("clusterMode", "disabled"))
    if step in (("disabled", "enabled"), ("enabled", "disabled"), ("enabled", "compatible")):
        fields.pop("clusterMode", None)
    if live.get("clusterMode") == "compatible":
        for name in ("engine", "engineVersion", "cacheNodeType", *_RESIZED):
            fields.pop(name, None)
    disks = [LOCAL_DISKS.match(str(s.get("cacheNodeType"))) is not None for s in (spec, live)]
    if disks[0] != disks[1]:
        fields.pop("cacheNodeType", None)


def obstacle(doc: Mapping[str, Any], change: Change) -> str:
    """Why no call makes a change; empty if there is nothing to say."""
    group, wanted, now = doc["group"], change.wanted, change.now
    compatible = group.get("ClusterMode") == "compatible"
    match change.top:
        case "engine":
            return "there is no way back from valkey"
        case "engineVersion":
            return "engine versions are never lowered"
        case "clusterMode" if (now, wanted) == ("disabled", "enabled"):
            return "write compatible first; enabled once all clients speak cluster mode"
        case "clusterMode":
            return "there is no way back from cluster mode: only a new group is without"
        case "cacheNodeType" if not compatible:
            return "between nodes with data tiering and others AWS does not scale"
        case "cacheNodeType" | "numNodeGroups" | "replicasPerNodeGroup" if compatible:
            return "AWS scales nothing in the cluster mode compatible"
        case "numNodeGroups":
            return "without cluster mode a group has one shard"
        case "replicaConfiguration":
            return "there is no such shard"
        case "allowUnauthenticated" if wanted:
            return "AUTH can't be taken off, but for user groups: only a new group is without"
        case "userGroupIds" if not wanted:
            return "users go when an authToken or allowUnauthenticated: true takes their place"
        case "allowUnauthenticated":
            return "declare an authToken or userGroupIds: nobody is asked for a password"
        case "authToken" | "userGroupIds":
            return "first TLS must be on, and required"
    return ""


def _risk(name: str, fields: Mapping[str, Any], spec: Doc, live: Doc) -> Risk:
    if name in live and spec.get(name) == live[name]:
        return "safe"  # it takes a pending change back
    if name == "engine":
        return "irreversible"
    if name == "engineVersion":
        if "engine" in fields:
            return "irreversible"
        before = live.get("engineVersion", "")
        jump = major(spec["engine"], spec[name]) != major(spec["engine"], before)
        return "irreversible" if jump else "disruptive"
    if name == "snapshotRetentionLimit" and spec[name] < live.get(name, 0):
        return "irreversible" if spec[name] else "destructive"  # older snapshots, or all, go
    return "disruptive" if name in _DISRUPTIVE else "safe"


def _ride_along(groups: dict[Risk, list[str]]) -> None:
    """A parameter group goes with the engine version that it belongs to."""
    for risk in ("irreversible", "disruptive"):
        names = groups.get(risk, [])
        if {"engine", "engineVersion"} & set(names) and "cacheParameterGroupName" in groups.get(
            "safe", []
        ):
            groups["safe"].remove("cacheParameterGroupName")
            names.append("cacheParameterGroupName")


def _action(
    target: Target, doc: Mapping[str, Any], live: Doc, risk: Risk, fields: dict[str, list[Change]],
    after: tuple[str, ...], step: str,
) -> Action:  # fmt: skip
    spec = target.spec
    params: Doc = {"ReplicationGroupId": target.name}
    params |= {_PLAIN[name]: spec[name] for name in fields if name in _PLAIN}
    params |= _tls(fields, spec, live)
    if "notificationTopicArn" in fields:
        params["NotificationTopicArn"] = spec["notificationTopicArn"]
        params["NotificationTopicStatus"] = "active"
    if "logDelivery" in fields:
        params["LogDeliveryConfigurations"] = _logs(fields["logDelivery"], spec["logDelivery"])
    if "snapshotRetentionLimit" in fields and (source := _snapshot_source(doc["group"], spec)):
        params["SnapshottingClusterId"] = source
    notes = []
    if _WAITS & fields.keys():
        now, why = at_once(doc, set(fields))
        params |= now
        notes += [why] if why else []
    back = [n for n in fields if n in live and spec.get(n) == live[n]]
    if back:
        notes.append(f"takes back what is pending for {', '.join(back)}")
    changes = paths([c for some in fields.values() for c in some])
    return Action(
        "elasticache", "ModifyReplicationGroup", params, changes, risk, step, after=after,
        note="; ".join(notes),
    )  # fmt: skip


def _tls(fields: Mapping[str, Any], spec: Doc, live: Doc) -> Doc:
    """TLS goes on and off by way of `preferred`, one step a call.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-enable.html
    """
    if "transitEncryptionEnabled" in fields:
        if spec["transitEncryptionEnabled"]:
            return {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"}
        if live.get("transitEncryptionMode") == "required":
            return {"TransitEncryptionMode": "preferred"}
        return {"TransitEncryptionEnabled": False}
    if "transitEncryptionMode" in fields:
        return {"TransitEncryptionMode": spec["transitEncryptionMode"]}
    return {}


def log_delivery(kind: str, wanted: Doc) -> Doc:
    """One log delivery, in AWS's shape."""
    inner = (
        {"CloudWatchLogsDetails": {"LogGroup": wanted["destination"]}}
        if wanted["destinationType"] == "cloudwatch-logs"
        else {"KinesisFirehoseDetails": {"DeliveryStream": wanted["destination"]}}
    )
    return {
        "LogType": kind,
        "DestinationType": wanted["destinationType"],
        "DestinationDetails": inner,
        "LogFormat": wanted["logFormat"],
    }


def _logs(changes: Sequence[Change], wanted: Doc) -> list[Doc]:
    """The log types that changed: each as a whole, or switched off."""
    return [
        log_delivery(kind, wanted[kind]) if kind in wanted else {"LogType": kind, "Enabled": False}
        for kind in dict.fromkeys(entry_key(c) for c in changes)
    ]


def _snapshot_source(group: Mapping[str, Any], spec: Doc) -> str:
    """The node to take daily snapshots of: AWS wants one named when they are switched on.

    Not in cluster mode, where every shard has its own.
    """
    off = not group.get("SnapshotRetentionLimit") and spec["snapshotRetentionLimit"]
    if not off or group.get("ClusterEnabled") or group.get("SnapshottingClusterId"):
        return ""
    return str(max(group.get("MemberClusters") or [""]))
