"""ElastiCache: users and user groups, as far as replication groups need them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.data_services import invalid, name_of, page, put_tags
from sandbox.elasticache_access import user_groups
from sandbox.elasticache_state import groups
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
Item = dict[str, Any]


def _users(ctx: Context) -> dict[str, Item]:
    held: dict[str, Item] = ctx.store.setdefault("users", {})
    held.setdefault("default", {"UserId": "default", "UserName": "default", "Engine": "redis",
                                "AccessString": "on ~* +@all", "Status": "active"})  # fmt: skip
    return held


def _engine(params: Params) -> str:
    engine: str = params.get("Engine", "").lower()
    if engine not in ("redis", "valkey"):
        raise invalid(f"Unknown engine: {params.get('Engine')}")
    return engine


@behaviour(
    "elasticache", "CreateUser",
    "UserId UserName Engine AccessString Passwords NoPasswordRequired AuthenticationMode Tags",
    evidence="documented", source=API + "API_CreateUser.html",
)  # fmt: skip
def create_user(ctx: Context, params: Params) -> Reply:
    """The engine's name is kept in lower case (case 122)."""
    user_id = name_of("UserId", params["UserId"], 40)
    if user_id in _users(ctx):
        raise AwsError("UserAlreadyExists", f"User {user_id} already exists.")
    made = {
        "UserId": user_id,
        "UserName": params["UserName"],
        "Engine": _engine(params),
        "AccessString": params["AccessString"],
        "Status": "active",
        "ARN": ctx.arn(f"user:{user_id}"),
    }
    put_tags(ctx, str(made["ARN"]), params.get("Tags", []), "TagQuotaPerResourceExceeded")
    _users(ctx)[user_id] = made
    return dict(made)


@behaviour(
    "elasticache", "CreateUserGroup", "UserGroupId Engine UserIds Tags",
    evidence="documented", source=API + "API_CreateUserGroup.html",
)  # fmt: skip
def create_user_group(ctx: Context, params: Params) -> Reply:
    """Active half a minute later."""
    group_id = name_of("UserGroupId", params["UserGroupId"], 40)
    held, engine = user_groups(ctx), _engine(params)
    if group_id in held:
        raise AwsError("UserGroupAlreadyExists", f"User group {group_id} already exists.")
    ids = [u.lower() for u in params.get("UserIds", [])]
    if missing := [u for u in ids if u not in _users(ctx)]:
        raise AwsError("UserNotFound", f"User {missing[0]} not found.", 404)
    names = [_users(ctx)[u]["UserName"] for u in ids]
    if len(set(names)) < len(names):
        raise AwsError("DuplicateUserName", "A user name can be in a user group once.")
    if engine == "redis" and "default" not in names:
        raise AwsError(
            "DefaultUserRequired",
            "User group needs to contain a user with the user name default.",
        )
    held[group_id] = {
        "UserGroupId": group_id,
        "Status": "creating",
        "Engine": engine,
        "UserIds": ids,
        "MinimumEngineVersion": "6.0" if engine == "redis" else "7.2",
        "ARN": ctx.arn(f"usergroup:{group_id}"),
    }
    put_tags(ctx, held[group_id]["ARN"], params.get("Tags", []), "TagQuotaPerResourceExceeded")

    def active() -> None:
        if found := user_groups(ctx).get(group_id):
            found["Status"] = "active"

    ctx.world.clock.after(timedelta(seconds=30), active)
    return _wire(ctx, held[group_id])


def _wire(ctx: Context, group: Item) -> Item:
    used = [
        name
        for name, each in groups(ctx.store).items()
        if group["UserGroupId"] in each.get("UserGroupIds", [])
    ]
    return {**group, "ReplicationGroups": sorted(used), "ServerlessCaches": []}


@behaviour(
    "elasticache", "DescribeUserGroups", "UserGroupId MaxRecords Marker",
    evidence="documented", source=API + "API_DescribeUserGroups.html",
)  # fmt: skip
def describe_user_groups(ctx: Context, params: Params) -> Reply:
    held = user_groups(ctx)
    if "UserGroupId" in params:
        name = params["UserGroupId"].lower()
        if name not in held:
            raise AwsError("UserGroupNotFound", f"User group {name} not found.", 404)
        held = {name: held[name]}
    shown, marker = page(held.values(), lambda g: str(g["UserGroupId"]), params)
    return {"UserGroups": [_wire(ctx, g) for g in shown], **marker}


@behaviour(
    "elasticache", "DeleteUserGroup", "UserGroupId",
    evidence="documented", source=API + "API_DeleteUserGroup.html",
)  # fmt: skip
def delete_user_group(ctx: Context, params: Params) -> Reply:
    name = params["UserGroupId"].lower()
    held = user_groups(ctx)
    if name not in held:
        raise AwsError("UserGroupNotFound", f"User group {name} not found.", 404)
    if _wire(ctx, held[name])["ReplicationGroups"]:
        raise AwsError("InvalidUserGroupState", f"User group {name} is in use.")
    return {**_wire(ctx, held.pop(name)), "Status": "deleting"}
