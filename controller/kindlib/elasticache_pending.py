"""What waits on a replication group, and whether ApplyImmediately would flush others' changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from controller.policies import Doc

FIELD_OF = {
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


def left_by_others(doc: Mapping[str, Any], mine: Collection[str]) -> list[str]:
    """Pending values that ApplyImmediately would flush although they are not in `mine`."""
    holders = (doc["group"], *(doc.get("members") or []))
    names = {
        name
        for holder in holders
        for name, value in (holder.get("PendingModifiedValues") or {}).items()
        if value not in (None, "", [], {})
    }
    return sorted(name for name in names if FIELD_OF.get(name) not in mine)


def at_once(doc: Mapping[str, Any], mine: Collection[str]) -> tuple[Doc, str]:
    """ApplyImmediately, if nothing but our own change would go in with it; else the reason."""
    if others := left_by_others(doc, mine):
        return {}, (
            f"waits for the maintenance window: {', '.join(others)} is pending, and applying ours "
            "at once would apply that too"
        )
    return {"ApplyImmediately": True}, ""
