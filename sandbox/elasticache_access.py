"""ElastiCache: who may log in to a replication group. AUTH, user groups (RBAC), or nobody asked.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
"""

from __future__ import annotations

from typing import Any

from sandbox.data_services import clash, invalid
from sandbox.elasticache_rules import version_of
from sandbox.errors import AwsError
from sandbox.registry import Context, Params

Item = dict[str, Any]


def user_groups(ctx: Context) -> dict[str, Item]:
    """User groups by id."""
    held: dict[str, Item] = ctx.store.setdefault("user_groups", {})
    return held


def check_users(ctx: Context, ids: list[str], engine: str, version: str) -> list[str]:
    """The ids in lower case; refused unless each is an active group for that engine."""
    if len(ids) > 1:
        raise clash("A replication group can have one user group.")
    for each in ids:
        found = user_groups(ctx).get(each.lower())
        if found is None:
            raise AwsError("UserGroupNotFound", f"User group {each} not found.", 404)
        if found["Status"] != "active":
            raise AwsError("InvalidUserGroupState", f"User group {each} is {found['Status']}.")
        if found["Engine"] == "valkey" and engine == "redis":
            raise clash("A user group of the engine valkey can't be used with redis.")
    if ids and engine == "redis" and version_of(version) < (6,):
        raise clash("User groups are supported from Redis 6.0 on.")
    return [each.lower() for each in ids]


def access_at_creation(
    ctx: Context, params: Params, engine: str, version: str, tls: bool, mode: str
) -> list[str]:
    """The user groups of a new replication group."""
    users = check_users(ctx, params.get("UserGroupIds", []), engine, version)
    if "AuthToken" in params and not tls:
        raise clash("AUTH is only supported when encryption-in-transit is enabled.")
    if users and not tls:
        raise clash(
            "User group based access control requires encryption-in-transit to be enabled on the"
            " replication group."
        )
    if mode == "preferred" and ("AuthToken" in params or users):
        raise clash("Access control needs the transit encryption mode required.")
    if users and "AuthToken" in params:
        raise clash("AuthToken and UserGroupIds can't be given together.")
    return users


def change_access(ctx: Context, group: Item, params: Params, version: str) -> None:
    """Make a change of access pending, or refuse it."""
    _users(ctx, group, params, version)
    _token(group, params)


def _users(ctx: Context, group: Item, params: Params, version: str) -> None:
    held = group.get("UserGroupIds", [])
    add = check_users(ctx, params.get("UserGroupIdsToAdd", []), group["Engine"], version)
    remove = [u.lower() for u in params.get("UserGroupIdsToRemove", [])]
    if params.get("RemoveUserGroups"):
        if remove or add:
            raise clash("RemoveUserGroups can't be given with user groups to add or remove.")
        remove = list(held)
    if not add and not remove:
        return
    if missing := sorted(set(remove) - set(held)):
        raise AwsError("UserGroupNotFound", f"Not a user group of this group: {missing}", 404)
    if len((set(held) - set(remove)) | set(add)) > 1:
        raise clash("A replication group can have one user group.")
    if add and group.get("TransitEncryptionMode") != "required":
        raise clash(
            "User group based access control requires encryption-in-transit to be enabled on the"
            " replication group."
        )
    if add and group["AuthTokenEnabled"] and params.get("AuthTokenUpdateStrategy") != "DELETE":
        raise clash("To use user groups, give AuthTokenUpdateStrategy DELETE for the AUTH token.")
    change = {"UserGroupIdsToAdd": add, "UserGroupIdsToRemove": remove}
    group["PendingModifiedValues"]["UserGroups"] = {k: v for k, v in change.items() if v}


def _token(group: Item, params: Params) -> None:
    strategy = params.get("AuthTokenUpdateStrategy", "ROTATE")
    if strategy not in ("ROTATE", "SET", "DELETE"):
        raise invalid(f"Invalid AuthTokenUpdateStrategy: {strategy}")
    waiting = group["PendingModifiedValues"]
    if "AuthToken" not in params:
        if "AuthTokenUpdateStrategy" not in params:
            return
        if strategy != "DELETE":
            raise clash("AuthTokenUpdateStrategy must be specified with AuthToken.")
        if not params.get("UserGroupIdsToAdd") or not group["AuthTokenEnabled"]:
            raise invalid("Auth token update strategy delete is not supported currently")
        group["_pending"]["AuthTokenGone"] = True
        return
    if not group["TransitEncryptionEnabled"]:
        raise clash("AUTH is only supported when encryption-in-transit is enabled.")
    if group.get("TransitEncryptionMode") != "required":
        raise clash("Access control needs the transit encryption mode required.")
    if strategy == "DELETE":
        raise clash("AuthToken can't be given with the strategy DELETE.")
    from_users = params.get("RemoveUserGroups") and group.get("UserGroupIds")
    if group.get("UserGroupIds") and not from_users:
        raise clash("AuthToken can't be given while user groups control access.")
    if strategy == "SET" and not group["_rotated"] and not from_users:
        raise clash("The strategy SET is allowed only after ROTATE.")
    waiting["AuthTokenStatus"] = "SETTING" if strategy == "SET" else "ROTATING"


def apply_users(group: Item, change: Item) -> None:
    """Put a change of user groups in force."""
    gone, come = change.get("UserGroupIdsToRemove", []), change.get("UserGroupIdsToAdd", [])
    left = [u for u in group.get("UserGroupIds", []) if u not in gone] + come
    group.pop("UserGroupIds", None)
    if left:
        group["UserGroupIds"] = left
