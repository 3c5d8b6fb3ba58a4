"""What is sent to change a replication group, at what risk, and whether at once.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html
Only changed fields are sent: TLS sent unchanged is refused where AUTH is on (case 113).
ApplyImmediately flushes everything that is pending, others' changes too: it is set only where
nothing but our own change would be flushed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from controller.diff import Change
from controller.handler import Action, Risk, Target
from controller.kindlib.elasticache_document import MARK, left_by_others, pending, to_spec
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
}
_WAITS = {
    "automaticFailoverEnabled", "multiAZ", "cacheParameterGroupName", "engine", "engineVersion",
    "cacheNodeType", "ipDiscovery", "clusterMode", "transitEncryptionEnabled",
    "transitEncryptionMode", "userGroupIds",
}  # fmt: skip
"""Fields that wait for the maintenance window unless ApplyImmediately is set."""
_DISRUPTIVE = {"cacheNodeType", "clusterMode", "transitEncryptionEnabled", "transitEncryptionMode",
               "ipDiscovery", "userGroupIds"}  # fmt: skip
_STEP = {
    "safe": "modify",
    "irreversible": "modify-for-good",
    "disruptive": "modify-disruptive",
    "destructive": "modify-destructive",
}
_ORDER: tuple[Risk, ...] = ("safe", "irreversible", "disruptive", "destructive")
_OWN_CALLS = {"tags", "authToken", "numNodeGroups", "replicasPerNodeGroup"}


def modifications(
    target: Target, doc: Mapping[str, Any], changes: Sequence[Change]
) -> list[Action]:
    """The calls that make these changes, tags aside. What no call can make is left out.

    Left out: an engine version that would go down, valkey back to redis, fewer shards, and cluster
    mode from disabled to enabled at once (`compatible` must come between).
    """
    fields = by_field(changes)
    live = to_spec(doc)
    _drop_impossible(fields, target.spec, live)
    groups: dict[Risk, list[str]] = {}
    for name in fields:
        if name not in _OWN_CALLS:
            groups.setdefault(_risk(name, fields, target.spec, live), []).append(name)
    _ride_along(groups)
    grown = _replicas(target, fields.get("replicasPerNodeGroup", []), live)
    available = {"automaticFailoverEnabled", "multiAZ"} & fields.keys()
    actions: list[Action] = []
    if grown and grown.operation == "IncreaseReplicaCount":
        actions.append(grown)
    for risk in _ORDER:
        if groups.get(risk):
            todo = {n: fields[n] for n in groups[risk]}
            after = tuple(a.step for a in actions if a is grown and available & todo.keys())
            action = _action(target, doc, live, risk, todo, after)
            if action.params.keys() - {"ReplicationGroupId", "ApplyImmediately"}:
                actions.append(action)
    if grown and grown.operation == "DecreaseReplicaCount":
        actions.append(grown)
    if "numNodeGroups" in fields:
        actions.append(_shards(target, fields["numNodeGroups"]))
    if "authToken" in fields:
        rotation = _rotation(target, doc, fields["authToken"])
        # The mark first: AWS takes no tags while it modifies the group.
        marks = [a for a in rotation if a.operation == "AddTagsToResource"]
        actions = [*marks, *actions, *(a for a in rotation if a not in marks)]
    return actions


def _drop_impossible(fields: dict[str, list[Change]], spec: Doc, live: Doc) -> None:
    same_engine = spec["engine"] == live.get("engine", spec["engine"])
    if "engineVersion" in fields and (
        same_engine and older(spec["engineVersion"], live.get("engineVersion", ""))
    ):
        del fields["engineVersion"]
    if not same_engine and spec["engine"] == "redis":
        fields.pop("engine", None)
        fields.pop("engineVersion", None)
    shards = spec.get("numNodeGroups")
    if not isinstance(shards, int) or shards < live.get("numNodeGroups", shards):
        fields.pop("numNodeGroups", None)
    step = (live.get("clusterMode"), spec.get("clusterMode"))
    if step in (("disabled", "enabled"), ("enabled", "disabled"), ("enabled", "compatible")):
        fields.pop("clusterMode", None)


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
        if "engineVersion" in names and "cacheParameterGroupName" in groups.get("safe", []):
            groups["safe"].remove("cacheParameterGroupName")
            names.append("cacheParameterGroupName")


def _action(
    target: Target, doc: Mapping[str, Any], live: Doc, risk: Risk, fields: dict[str, list[Change]],
    after: tuple[str, ...],
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
    if "userGroupIds" in fields:
        params |= _users(spec["userGroupIds"], {**live, **pending(doc)}.get("userGroupIds", []))
    if "snapshotRetentionLimit" in fields and (source := _snapshot_source(doc["group"], spec)):
        params["SnapshottingClusterId"] = source
    notes = []
    if _WAITS & fields.keys():
        if others := left_by_others(doc, set(fields)):
            notes.append(f"waits for the maintenance window: {', '.join(others)} is pending, "
                         "and applying ours at once would apply that too")  # fmt: skip
        else:
            params["ApplyImmediately"] = True
    back = [n for n in fields if n in live and spec.get(n) == live[n]]
    if back:
        notes.append(f"takes back what is pending for {', '.join(back)}")
    changes = paths([c for some in fields.values() for c in some])
    return Action(
        "elasticache", "ModifyReplicationGroup", params, changes, risk, _STEP[risk], after=after,
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


def _users(wanted: list[str], held: list[str]) -> Doc:
    add, remove = sorted(set(wanted) - set(held)), sorted(set(held) - set(wanted))
    out = {"UserGroupIdsToAdd": add, "UserGroupIdsToRemove": remove}
    return {name: ids for name, ids in out.items() if ids}


def _snapshot_source(group: Mapping[str, Any], spec: Doc) -> str:
    """The node to take daily snapshots of: AWS wants one named when they are switched on.

    Not in cluster mode, where every shard has its own.
    """
    off = not group.get("SnapshotRetentionLimit") and spec["snapshotRetentionLimit"]
    if not off or group.get("ClusterEnabled") or group.get("SnapshottingClusterId"):
        return ""
    return str(max(group.get("MemberClusters") or [""]))


def _replicas(target: Target, changes: Sequence[Change], live: Doc) -> Action | None:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/increase-decrease-replica-count.html"""
    count = target.spec.get("replicasPerNodeGroup")
    if not changes or not isinstance(count, int):
        return None
    more = count > live.get("replicasPerNodeGroup", 0)
    params: Doc = {
        "ReplicationGroupId": target.name, "NewReplicaCount": count, "ApplyImmediately": True,
    }  # fmt: skip
    return Action(
        "elasticache",
        "IncreaseReplicaCount" if more else "DecreaseReplicaCount",
        params,
        paths(changes),
        "safe" if more else "disruptive",
        "replicas",
    )


def _shards(target: Target, changes: Sequence[Change]) -> Action:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/redis-cluster-resharding-online.html"""
    params: Doc = {
        "ReplicationGroupId": target.name,
        "NodeGroupCount": target.spec["numNodeGroups"],
        "ApplyImmediately": True,
    }
    return Action(
        "elasticache", "ModifyReplicationGroupShardConfiguration", params, paths(changes),
        "disruptive", "shards",
    )  # fmt: skip


def _rotation(target: Target, doc: Mapping[str, Any], changes: Sequence[Change]) -> list[Action]:
    """A new AUTH token in two steps, in two passes (case 112).

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
    ROTATE adds the token beside the old one, SET leaves it alone. AWS shows neither which token is
    in force nor whether a ROTATE awaits its SET. So a tag, written first, says which version is
    being phased in and when the token was last modified before; once AWS shows a later date, the
    ROTATE has happened and SET is due. The change counts as made by SET only. AUTH needs TLS to be
    required first.
    """
    token = target.spec["authToken"]
    version = re.search(r"@([\w-]+)\}", token)
    required = doc["group"].get("TransitEncryptionMode", "required") == "required"
    if "tags" not in doc or version is None or not required:
        return []
    stamp = last_modified(doc["group"])
    marked, _, before = doc["tags"].get(MARK, "").rpartition(".")
    rotated = marked == version[1] and before.isdigit() and stamp > int(before)
    params: Doc = {
        "ReplicationGroupId": target.name, "AuthToken": token, "ApplyImmediately": True,
    }  # fmt: skip
    actions = []
    if not rotated:
        mark = f"{version[1]}.{stamp}"
        if doc["tags"].get(MARK) != mark:
            arn = doc["group"].get("ARN") or target.arn(
                "elasticache", f"replicationgroup:{target.name}"
            )
            tag: Doc = {"ResourceName": arn, "Tags": [{"Key": MARK, "Value": mark}]}
            actions.append(
                Action(
                    "elasticache", "AddTagsToResource", tag, step="auth-mark",
                    note="remembers which token is being phased in",
                )
            )  # fmt: skip
        actions.append(
            Action(
                "elasticache", "ModifyReplicationGroup",
                {**params, "AuthTokenUpdateStrategy": "ROTATE"}, step="auth-rotate",
                after=tuple(a.step for a in actions), note="the old token stays valid",
            )
        )  # fmt: skip
    actions.append(
        Action(
            "elasticache", "ModifyReplicationGroup", {**params, "AuthTokenUpdateStrategy": "SET"},
            paths(changes), "disruptive", SET_STEP, after=() if rotated else ("auth-rotate",),
            note="the old token is no longer accepted" if rotated else
            "in a later pass, once the group is available again",
        )
    )  # fmt: skip
    return actions


SET_STEP = "auth-set"


def last_modified(group: Mapping[str, Any]) -> int:
    """When the AUTH token was last modified, in seconds; 0: never."""
    when = group.get("AuthTokenLastModifiedDate")
    return int(when.timestamp()) if when is not None else 0
