"""RDS: parameter groups."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

from sandbox.data_services import clash, drop_tags, invalid, name_of, page, put_tags
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_engines import of_family
from sandbox.rds_parameters import acceptable, parameters
from sandbox.rds_state import instances, later
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/"
MOST = 20
"""Parameters that one call may change."""


def _groups(ctx: Context) -> dict[str, dict[str, Any]]:
    held: dict[str, dict[str, Any]] = ctx.store.setdefault("parameter_groups", {})
    return held


def _default(ctx: Context, family: str) -> dict[str, Any]:
    return {
        "DBParameterGroupName": f"default.{family}",
        "DBParameterGroupFamily": family,
        "Description": f"Default parameter group for {family}",
        "DBParameterGroupArn": ctx.arn(f"pg:default.{family}"),
        "_values": {},
    }


def parameter_group(ctx: Context, store: Store, name: str) -> dict[str, Any]:
    """The group of that name, in any case. The default groups always exist."""
    name = name.rpartition(":")[2].lower()
    held = store.get("parameter_groups", {})
    family = name.removeprefix("default.")
    if name != family and of_family(family):
        return _default(ctx, family)
    if name not in held:
        raise AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    group: dict[str, Any] = held[name]
    return group


def _wire(group: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in group.items() if not k.startswith("_")}


def _own(ctx: Context, name: str) -> dict[str, Any]:
    group = parameter_group(ctx, ctx.store, name)
    if group["DBParameterGroupName"].startswith("default."):
        raise AwsError(
            "InvalidDBParameterGroupState",
            f"Default DBParameterGroup cannot be changed: {group['DBParameterGroupName']}",
        )
    return group


@behaviour(
    "rds", "CreateDBParameterGroup",
    "DBParameterGroupName DBParameterGroupFamily Description Tags",
    evidence="documented", source=API + "API_CreateDBParameterGroup.html",
)  # fmt: skip
def create_db_parameter_group(ctx: Context, params: Params) -> Reply:
    name = name_of("DBParameterGroupName", params["DBParameterGroupName"], 255)
    family = params["DBParameterGroupFamily"].lower()
    if not of_family(family):
        if family.startswith(("aurora", "custom-", "docdb", "neptune", "db2")):
            raise NotSimulated(f"CreateDBParameterGroup of family {family}")
        raise invalid(f"ParameterGroupFamily {family} is not a valid parameter group family")
    if not params["Description"]:
        raise invalid("The parameter Description must be provided and must not be blank.")
    if name in _groups(ctx):
        raise AwsError("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    group = {
        "DBParameterGroupName": name,
        "DBParameterGroupFamily": family,
        "Description": params["Description"],
        "DBParameterGroupArn": ctx.arn(f"pg:{name}"),
        "_values": {},
    }
    put_tags(ctx, ctx.arn(f"pg:{name}"), params.get("Tags", []))
    _groups(ctx)[name] = group
    return {"DBParameterGroup": _wire(group)}


@behaviour(
    "rds", "DescribeDBParameterGroups", "DBParameterGroupName Filters MaxRecords Marker",
    evidence="recorded", source="shared/recorded/rds/DescribeDBParameterGroups",
)  # fmt: skip
def describe_db_parameter_groups(ctx: Context, params: Params) -> Reply:
    if params.get("Filters"):
        raise NotSimulated("DescribeDBParameterGroups with Filters")
    view = ctx.view
    if "DBParameterGroupName" in params:
        found = [parameter_group(ctx, view, params["DBParameterGroupName"])]
    else:
        used = {
            group["DBParameterGroupName"]
            for inst in view.get("instances", {}).values()
            for group in inst["DBParameterGroups"]
            if group["DBParameterGroupName"].startswith("default.")
        }  # a default group appears once an instance has used it
        found = [*view.get("parameter_groups", {}).values()]
        found += [_default(ctx, name.removeprefix("default.")) for name in sorted(used)]
    shown, marker = page(found, lambda g: str(g["DBParameterGroupName"]), params)
    return {"DBParameterGroups": ctx.shuffled(_wire(g) for g in shown), **marker}


@behaviour(
    "rds", "DescribeDBParameters", "DBParameterGroupName Source Filters MaxRecords Marker",
    evidence="recorded", source="shared/recorded/rds/DescribeDBParameters",
)  # fmt: skip
def describe_db_parameters(ctx: Context, params: Params) -> Reply:
    """Pages are cut first and filtered by Source then: a page may be short and not the last."""
    if params.get("Filters"):
        raise NotSimulated("DescribeDBParameters with Filters")
    source = params.get("Source")
    if source not in (None, "user", "system", "engine-default"):
        raise invalid(f"Invalid source: {source}")
    group = parameter_group(ctx, ctx.view, params["DBParameterGroupName"])
    known = parameters(group["DBParameterGroupFamily"])
    shown, marker = page(known.values(), lambda p: str(p["ParameterName"]), params)
    merged = [{**p, **group["_values"].get(p["ParameterName"], {})} for p in shown]
    if marker and source == "user":
        last = base64.b64decode(marker["Marker"]).decode()
        if not any(name > last for name in group["_values"]):
            marker = {}
    return {
        "Parameters": ctx.shuffled(p for p in merged if source in (None, p["Source"])),
        **marker,
    }


def _using(ctx: Context, group: dict[str, Any]) -> list[dict[str, Any]]:
    name = group["DBParameterGroupName"]
    return [
        inst
        for inst in instances(ctx.store).values()
        if name in {g["DBParameterGroupName"] for g in inst["DBParameterGroups"]}
    ]


def _tell_instances(ctx: Context, group: dict[str, Any], methods: set[str]) -> None:
    """Instances with the group apply dynamic changes within a minute; others await a reboot."""
    name = group["DBParameterGroupName"]

    def settle(_: Context, inst: dict[str, Any]) -> None:
        for member in inst["DBParameterGroups"]:
            if (member["DBParameterGroupName"], member["ParameterApplyStatus"]) == (
                name,
                "applying",
            ):
                member["ParameterApplyStatus"] = inst.pop("_next_apply_status", "in-sync")

    for inst in _using(ctx, group):
        for member in inst["DBParameterGroups"]:
            if "pending-reboot" in methods or member["ParameterApplyStatus"] == "pending-reboot":
                inst["_next_apply_status"] = "pending-reboot"
            member["ParameterApplyStatus"] = "applying"
        later(ctx, inst, timedelta(seconds=45), settle)


def _checked(known: dict[str, dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    name = given.get("ParameterName", "").lower()
    method = given.get("ApplyMethod", "")
    if set(given) - {"ParameterName", "ParameterValue", "ApplyMethod"}:
        raise NotSimulated(f"ModifyDBParameterGroup with {sorted(given)}")
    if name not in known:
        raise invalid(f"Could not find parameter with name: {name}")
    item = known[name]
    if not item["IsModifiable"]:
        raise invalid(f"The parameter {name} cannot be modified.")
    if method not in ("immediate", "pending-reboot"):
        raise invalid(f"ApplyMethod must be immediate or pending-reboot, not {method!r}")
    if method == "immediate" and item["ApplyType"] == "static":
        raise clash("cannot use immediate apply method for static parameter")
    return item


@behaviour(
    "rds", "ModifyDBParameterGroup", "DBParameterGroupName Parameters",
    evidence="documented", source=API + "API_ModifyDBParameterGroup.html",
)  # fmt: skip
def modify_db_parameter_group(ctx: Context, params: Params) -> Reply:
    group = _own(ctx, params["DBParameterGroupName"])
    known = parameters(group["DBParameterGroupFamily"])
    given = params["Parameters"]
    if not 1 <= len(given) <= MOST:
        raise invalid(f"A maximum of {MOST} parameters can be modified in a single request.")
    new = {}
    for parameter in given:
        item = _checked(known, parameter)
        name, value = item["ParameterName"], parameter.get("ParameterValue", "")
        if not acceptable(item, value):
            raise invalid(
                f"Invalid parameter value: {value} for: {name} allowed values are: "
                f"{item.get('AllowedValues')}"
            )
        new[name] = {
            "ParameterValue": value,
            "ApplyMethod": parameter["ApplyMethod"],
            "Source": "user",
        }
    changed = {n: p for n, p in new.items() if group["_values"].get(n) != p}
    group["_values"].update(new)
    if changed:
        _tell_instances(ctx, group, {p["ApplyMethod"] for p in changed.values()})
    return {"DBParameterGroupName": group["DBParameterGroupName"]}


@behaviour(
    "rds", "ResetDBParameterGroup", "DBParameterGroupName ResetAllParameters Parameters",
    evidence="documented", source=API + "API_ResetDBParameterGroup.html",
)  # fmt: skip
def reset_db_parameter_group(ctx: Context, params: Params) -> Reply:
    group = _own(ctx, params["DBParameterGroupName"])
    known = parameters(group["DBParameterGroupFamily"])
    given = params.get("Parameters", [])
    if bool(given) == bool(params.get("ResetAllParameters")):
        raise clash("Either ResetAllParameters or a list of parameters must be given")
    if len(given) > MOST:
        raise invalid(f"A maximum of {MOST} parameters can be modified in a single request.")
    methods = {p.get("ApplyMethod", "") for p in given} or {"pending-reboot"}
    names = [_checked(known, p)["ParameterName"] for p in given] or list(group["_values"])
    gone = [name for name in names if group["_values"].pop(name, None)]
    if gone:
        _tell_instances(ctx, group, methods)
    return {"DBParameterGroupName": group["DBParameterGroupName"]}


@behaviour(
    "rds", "DeleteDBParameterGroup", "DBParameterGroupName",
    evidence="documented", source=API + "API_DeleteDBParameterGroup.html",
)  # fmt: skip
def delete_db_parameter_group(ctx: Context, params: Params) -> Reply:
    group = _own(ctx, params["DBParameterGroupName"])
    name = group["DBParameterGroupName"]
    if _using(ctx, group):
        raise AwsError(
            "InvalidDBParameterGroupState",
            f"One or more database instances are still members of this parameter group {name}, "
            "so the group cannot be deleted",
        )
    del _groups(ctx)[name]
    drop_tags(ctx, group["DBParameterGroupArn"])
    return {}
