"""Who may log in to a replication group: a password for all (AUTH), users (RBAC), or anybody.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
From AUTH to RBAC one call deletes the token and adds the user group; back, one removes the group
and sets the token. AUTH can't be taken off otherwise, and users are taken off without a token in
their place only from a group that the file declares open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.diff import Change
from controller.handler import Action, Target
from controller.kindlib.elasticache_pending import at_once
from controller.kindlib.elasticache_token import rotation, version_of
from controller.kindlib.planning import paths
from controller.policies import Doc

FIELDS = ("userGroupIds", "authToken", "allowUnauthenticated")


def access(
    target: Target, arn: str, doc: Mapping[str, Any], changes: Sequence[Change]
) -> list[Action]:
    """The calls that let in whom the spec says; none where there is no way, or not yet."""
    group, spec = doc["group"], target.spec
    encrypted = bool(group.get("TransitEncryptionEnabled"))
    required = (group.get("TransitEncryptionMode") or "required") == "required"
    if not changes or not encrypted or not required or isinstance(spec.get("userGroupIds"), str):
        return []
    users = {str(u).lower() for u in spec.get("userGroupIds", [])}
    held = {str(u).lower() for u in group.get("UserGroupIds") or []}
    if users and users != held:
        params: Doc = {"UserGroupIdsToAdd": sorted(users - held)}
        if gone := sorted(held - users):
            params["UserGroupIdsToRemove"] = gone
        if group.get("AuthTokenEnabled"):
            params["AuthTokenUpdateStrategy"] = "DELETE"
    elif held and version_of(spec.get("authToken")):
        params = {
            "RemoveUserGroups": True,
            "AuthToken": spec["authToken"],
            "AuthTokenUpdateStrategy": "SET",
        }
    elif held and spec["allowUnauthenticated"]:
        params = {"UserGroupIdsToRemove": sorted(held)}
    elif not users and not held and spec.get("authToken"):
        return rotation(target, arn, doc, changes)
    else:
        return []
    now, note = at_once(doc, {"userGroupIds", "authToken"})
    return [
        Action(
            "elasticache", "ModifyReplicationGroup",
            {"ReplicationGroupId": target.name, **params, **now}, paths(changes), "disruptive",
            "users", note=note,
        )
    ]  # fmt: skip
