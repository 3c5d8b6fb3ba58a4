"""RDS: option groups, without options."""

from __future__ import annotations

from typing import Any

from sandbox.data_services import drop_tags, invalid, name_of, page, put_tags
from sandbox.errors import AwsError
from sandbox.rds_engines import Engine, engine
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/"


def option_group(ctx: Context, name: str, kind: Engine, major: str) -> str:
    """The name of the group to use, in lower case: AWS's own, or one of that engine and version."""
    if name.lower() in ("", kind.options(major)):
        return kind.options(major)
    group = _find(ctx.store, name)
    if (group["EngineName"], group["MajorEngineVersion"]) != (kind.name, major):
        raise AwsError(
            "InvalidParameterCombination",
            f"The option group {name} is for {group['EngineName']} {group['MajorEngineVersion']}, "
            f"not for {kind.name} {major}.",
        )
    return str(group["OptionGroupName"])


def _find(store: Store, name: str) -> dict[str, Any]:
    held: dict[str, dict[str, Any]] = store.get("option_groups", {})
    if name.lower() not in held:
        raise AwsError("OptionGroupNotFoundFault", f"Specified OptionGroupName: {name} not found.",
                       404)  # fmt: skip
    return held[name.lower()]


@behaviour(
    "rds", "CreateOptionGroup",
    "OptionGroupName EngineName MajorEngineVersion OptionGroupDescription Tags",
    evidence="documented", source=API + "API_CreateOptionGroup.html",
)  # fmt: skip
def create_option_group(ctx: Context, params: Params) -> Reply:
    name = name_of("OptionGroupName", params["OptionGroupName"], 255)
    kind = engine(params["EngineName"])
    if params["MajorEngineVersion"] not in kind.versions:
        raise invalid(f"{params['MajorEngineVersion']} is no major version of {kind.name}")
    held = ctx.store.setdefault("option_groups", {})
    if name in held:
        raise AwsError("OptionGroupAlreadyExistsFault", f"Option group {name} already exists")
    held[name] = {
        "OptionGroupName": name,
        "OptionGroupDescription": params["OptionGroupDescription"],
        "EngineName": kind.name,
        "MajorEngineVersion": params["MajorEngineVersion"],
        "Options": [],
        "AllowsVpcAndNonVpcInstanceMemberships": True,
        "OptionGroupArn": ctx.arn(f"og:{name}"),
    }
    put_tags(ctx, ctx.arn(f"og:{name}"), params.get("Tags", []))
    return {"OptionGroup": held[name]}


@behaviour(
    "rds", "DescribeOptionGroups", "OptionGroupName MaxRecords Marker",
    evidence="documented", source=API + "API_DescribeOptionGroups.html",
)  # fmt: skip
def describe_option_groups(ctx: Context, params: Params) -> Reply:
    found = list(ctx.view.get("option_groups", {}).values())
    if "OptionGroupName" in params:
        found = [_find(ctx.view, params["OptionGroupName"])]
    shown, marker = page(found, lambda g: str(g["OptionGroupName"]), params)
    return {"OptionGroupsList": shown, **marker}


@behaviour(
    "rds", "DeleteOptionGroup", "OptionGroupName",
    evidence="documented", source=API + "API_DeleteOptionGroup.html",
)  # fmt: skip
def delete_option_group(ctx: Context, params: Params) -> Reply:
    group = _find(ctx.store, params["OptionGroupName"])
    name = group["OptionGroupName"]
    for inst in ctx.store.get("instances", {}).values():
        if name in {m["OptionGroupName"] for m in inst["OptionGroupMemberships"]}:
            raise AwsError(
                "InvalidOptionGroupStateFault", f"The option group {name} is in use and can't be"
                " deleted",
            )  # fmt: skip
    del ctx.store["option_groups"][name]
    drop_tags(ctx, group["OptionGroupArn"])
    return {}
