"""What only the nodes of a replication group show (case 101)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller.kindlib.versions import cache_version, parts
from controller.policies import Doc

Members = Sequence[Mapping[str, Any]]


def of_members(members: Members) -> Doc:
    """Settings that AWS shows on nodes. While versions differ (an upgrade), the oldest counts."""
    spec: Doc = {}
    versions = [str(m["EngineVersion"]) for m in members if m.get("EngineVersion")]
    if versions:
        spec["engineVersion"] = cache_version(min(versions, key=parts))
    for field, shown in (
        ("cacheParameterGroupName", _parameter_group),
        ("preferredMaintenanceWindow", lambda m: m.get("PreferredMaintenanceWindow")),
        ("cacheSubnetGroupName", lambda m: m.get("CacheSubnetGroupName")),
        ("notificationTopicArn", _topic),
    ):
        if value := _odd_one(members, shown):
            spec[field] = value
    if groups := security_groups(members, but="adding"):
        spec["securityGroupIds"] = groups
    return spec


def security_groups(members: Members, *, but: str) -> list[str]:
    """Security groups, but those in this state: of others AWS says that they are assigned."""

    def shown(member: Mapping[str, Any]) -> tuple[str, ...]:
        found = member.get("SecurityGroups") or []
        ids = {g.get("SecurityGroupId") for g in found if g.get("Status") != but}
        return tuple(sorted(str(i) for i in ids if i))

    return list(_odd_one(members, shown) or ())


def _odd_one(members: Members, shown: Callable[[Mapping[str, Any]], Any]) -> Any:
    """What all nodes show; where they differ, what the fewest do, so that a single node that
    somebody changed is seen. Nodes on their way count only if there are no others."""
    settled = [m for m in members if m.get("CacheClusterStatus", "available") == "available"]
    values = Counter(shown(m) for m in settled or members)
    return min(values, key=lambda value: (values[value], str(value))) if values else None


def _parameter_group(member: Mapping[str, Any]) -> Any:
    return (member.get("CacheParameterGroup") or {}).get("CacheParameterGroupName")


def _topic(member: Mapping[str, Any]) -> Any:
    topic = member.get("NotificationConfiguration") or {}
    return topic.get("TopicArn") if topic.get("TopicStatus", "active") == "active" else None
