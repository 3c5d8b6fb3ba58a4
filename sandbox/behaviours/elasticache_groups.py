"""ElastiCache: subnet groups and parameter groups."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from typing import Any

from sandbox.data_services import (
    clash,
    default_subnets,
    drop_tags,
    invalid,
    name_of,
    networks,
    page,
    put_tags,
    subnet,
)
from sandbox.elasticache_parameters import acceptable, parameters
from sandbox.elasticache_state import FAMILIES, clusters
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
FULL = "TagQuotaPerResourceExceeded"
NAME = re.compile(r"[a-z0-9](-?[a-z0-9]+| )*")
Item = dict[str, Any]


# --- subnet groups ---


def _subnet_groups(ctx: Context) -> dict[str, Item]:
    held: dict[str, Item] = ctx.store.setdefault("subnet_groups", {})
    return held


def subnet_group(ctx: Context, name: str | None) -> Item:
    """The group of that name, or the default one."""
    name = (name or "default").lower()
    held = _subnet_groups(ctx)
    if name == "default" and name not in held and default_subnets(ctx):
        held[name] = _made(ctx, name, "Default CacheSubnetGroup", default_subnets(ctx))
    if name not in held:
        raise AwsError(
            "CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist."
        )
    return held[name]


def _made(ctx: Context, name: str, description: str, ids: list[str]) -> Item:
    found = {subnet_id: subnet(ctx, subnet_id) for subnet_id in ids}
    vpcs = {vpc for _, vpc in found.values()}
    if not found:
        raise invalid("The parameter SubnetIds must be provided.")
    if len(vpcs) != 1:
        raise AwsError("InvalidSubnet", "The subnets must all be in the same VPC.")
    served = set.intersection(*(set(networks(ctx, subnet_id)) for subnet_id in found))
    return {
        "CacheSubnetGroupName": name,
        "CacheSubnetGroupDescription": description,
        "VpcId": vpcs.pop(),
        "ARN": ctx.arn(f"subnetgroup:{name}"),
        "SupportedNetworkTypes": sorted(served),
        "_subnets": {subnet_id: zone for subnet_id, (zone, _) in found.items()},
    }


def _wire(ctx: Context, group: Item) -> Item:
    out = {k: copy.deepcopy(v) for k, v in group.items() if not k.startswith("_")}
    if "_subnets" in group:
        out["Subnets"] = ctx.shuffled(
            {
                "SubnetIdentifier": subnet_id,
                "SubnetAvailabilityZone": {"Name": zone},
                "SupportedNetworkTypes": networks(ctx, subnet_id),
            }
            for subnet_id, zone in group["_subnets"].items()
        )
    return out


@behaviour(
    "elasticache", "CreateCacheSubnetGroup",
    "CacheSubnetGroupName CacheSubnetGroupDescription SubnetIds Tags",
    evidence="documented", source=API + "API_CreateCacheSubnetGroup.html",
)  # fmt: skip
def create_cache_subnet_group(ctx: Context, params: Params) -> Reply:
    name = params["CacheSubnetGroupName"].lower()
    if not NAME.fullmatch(name) or len(name) > 255 or name == "default":
        raise invalid(f"The parameter CacheSubnetGroupName is not a valid identifier: {name}")
    if name in _subnet_groups(ctx):
        raise AwsError(
            "CacheSubnetGroupAlreadyExists", f"Cache subnet group {name} already exists."
        )
    group = _made(ctx, name, params["CacheSubnetGroupDescription"], params["SubnetIds"])
    put_tags(ctx, group["ARN"], params.get("Tags", []), FULL)
    _subnet_groups(ctx)[name] = group
    return {"CacheSubnetGroup": _wire(ctx, group)}


@behaviour(
    "elasticache", "ModifyCacheSubnetGroup",
    "CacheSubnetGroupName CacheSubnetGroupDescription SubnetIds",
    evidence="documented", source=API + "API_ModifyCacheSubnetGroup.html",
)  # fmt: skip
def modify_cache_subnet_group(ctx: Context, params: Params) -> Reply:
    group = subnet_group(ctx, params["CacheSubnetGroupName"])
    name = group["CacheSubnetGroupName"]
    given = {**group, **params}
    description = given["CacheSubnetGroupDescription"]
    new = _made(ctx, name, description, params.get("SubnetIds") or list(group["_subnets"]))
    if new["VpcId"] != group["VpcId"]:
        raise AwsError("InvalidSubnet", "The subnets must be in the VPC of the subnet group.")
    used = {
        c["PreferredAvailabilityZone"]
        for c in clusters(ctx.store).values()
        if c["CacheSubnetGroupName"] == name
    }
    if not used <= set(new["_subnets"].values()):
        raise AwsError("SubnetInUse", f"A subnet of {sorted(used)} is in use by a cache node.")
    _subnet_groups(ctx)[name] = new
    return {"CacheSubnetGroup": _wire(ctx, new)}


@behaviour(
    "elasticache", "DescribeCacheSubnetGroups", "CacheSubnetGroupName MaxRecords Marker",
    evidence="recorded", source="shared/recorded/elasticache/DescribeCacheSubnetGroups",
)  # fmt: skip
def describe_cache_subnet_groups(ctx: Context, params: Params) -> Reply:
    held = ctx.view.get("subnet_groups", {})
    if "CacheSubnetGroupName" in params:
        name = params["CacheSubnetGroupName"].lower()
        if name not in held:
            raise AwsError(
                "CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist."
            )
        held = {name: held[name]}
    found, marker = page(held.values(), lambda g: str(g["CacheSubnetGroupName"]), params)
    return {"CacheSubnetGroups": ctx.shuffled(_wire(ctx, g) for g in found), **marker}


@behaviour(
    "elasticache", "DeleteCacheSubnetGroup", "CacheSubnetGroupName",
    evidence="documented", source=API + "API_DeleteCacheSubnetGroup.html",
)  # fmt: skip
def delete_cache_subnet_group(ctx: Context, params: Params) -> Reply:
    if params["CacheSubnetGroupName"].lower() == "default":
        raise invalid("The default cache subnet group cannot be deleted.")
    group = subnet_group(ctx, params["CacheSubnetGroupName"])
    name = group["CacheSubnetGroupName"]
    if any(c["CacheSubnetGroupName"] == name for c in clusters(ctx.store).values()):
        raise AwsError(
            "CacheSubnetGroupInUse",
            f"Cache subnet group {name} is currently in use by a cache cluster.",
        )
    del _subnet_groups(ctx)[name]
    drop_tags(ctx, group["ARN"])
    return {}


# --- parameter groups ---


def _parameter_groups(ctx: Context) -> dict[str, Item]:
    held: dict[str, Item] = ctx.store.setdefault("parameter_groups", {})
    return held


def _defaults(ctx: Context) -> dict[str, Item]:
    out = {}
    for family in FAMILIES:
        for suffix, values in (("", {}), (".cluster.on", {"cluster-enabled": "yes"})):
            name = f"default.{family}{suffix}"
            out[name] = {
                "CacheParameterGroupName": name,
                "CacheParameterGroupFamily": family,
                "Description": f"Default parameter group for {family}"
                + (" with cluster mode on" if suffix else ""),
                "IsGlobal": False,
                "ARN": ctx.arn(f"parametergroup:{name}"),
                "_values": values,
            }
    return out


def parameter_group(ctx: Context, store: Store, name: str) -> Item:
    """The group of that name, in any case. The default groups always exist."""
    every: dict[str, Item] = {**_defaults(ctx), **store.get("parameter_groups", {})}
    if name.lower() not in every:
        raise AwsError(
            "CacheParameterGroupNotFound", f"CacheParameterGroup {name.lower()} not found.", 404
        )
    return every[name.lower()]


def cluster_mode(group: Item) -> bool:
    """Whether clusters with this parameter group run in cluster mode."""
    return str(group["_values"].get("cluster-enabled", "no")) == "yes"


def _own(ctx: Context, name: str) -> Item:
    group = parameter_group(ctx, ctx.store, name)
    if group["CacheParameterGroupName"].startswith("default."):
        raise AwsError(
            "InvalidCacheParameterGroupState",
            f"The default parameter group {group['CacheParameterGroupName']} cannot be changed.",
        )
    return group


@behaviour(
    "elasticache", "CreateCacheParameterGroup",
    "CacheParameterGroupName CacheParameterGroupFamily Description Tags",
    evidence="documented", source=API + "API_CreateCacheParameterGroup.html",
)  # fmt: skip
def create_cache_parameter_group(ctx: Context, params: Params) -> Reply:
    name = name_of("CacheParameterGroupName", params["CacheParameterGroupName"], 255)
    family = params["CacheParameterGroupFamily"]
    if family not in FAMILIES:
        raise invalid(f"CacheParameterGroupFamily {family} is not a valid parameter group family.")
    if name in _parameter_groups(ctx):
        raise AwsError(
            "CacheParameterGroupAlreadyExists", f"Cache parameter group {name} already exists."
        )
    group: Item = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": family,
        "Description": params["Description"],
        "IsGlobal": False,
        "ARN": ctx.arn(f"parametergroup:{name}"),
        "_values": {},
    }
    put_tags(ctx, group["ARN"], params.get("Tags", []), FULL)
    _parameter_groups(ctx)[name] = group
    return {"CacheParameterGroup": _wire(ctx, group)}


@behaviour(
    "elasticache", "DescribeCacheParameterGroups", "CacheParameterGroupName MaxRecords Marker",
    evidence="documented", source=API + "API_DescribeCacheParameterGroups.html",
)  # fmt: skip
def describe_cache_parameter_groups(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    if "CacheParameterGroupName" in params:
        found = [parameter_group(ctx, view, params["CacheParameterGroupName"])]
    else:
        found = [*_defaults(ctx).values(), *view.get("parameter_groups", {}).values()]
    shown, marker = page(found, lambda g: str(g["CacheParameterGroupName"]), params)
    return {"CacheParameterGroups": ctx.shuffled(_wire(ctx, g) for g in shown), **marker}


@behaviour(
    "elasticache", "DescribeCacheParameters", "CacheParameterGroupName Source MaxRecords Marker",
    evidence="documented", source=API + "API_DescribeCacheParameters.html",
)  # fmt: skip
def describe_cache_parameters(ctx: Context, params: Params) -> Reply:
    group = parameter_group(ctx, ctx.view, params["CacheParameterGroupName"])
    source = params.get("Source")
    if source not in (None, "user", "system", "engine-default"):
        raise invalid(f"Invalid source: {source}")
    own = not group["CacheParameterGroupName"].startswith("default.")
    merged = []
    for item in parameters(group["CacheParameterGroupFamily"]).values():
        new = dict(item)
        if item["ParameterName"] in group["_values"]:
            new["ParameterValue"] = group["_values"][item["ParameterName"]]
            new["Source"] = "user" if own else "system"
        if source in (None, new["Source"]):
            merged.append(new)
    shown, marker = page(merged, lambda p: str(p["ParameterName"]), params)
    return {"Parameters": ctx.shuffled(shown), "CacheNodeTypeSpecificParameters": [], **marker}


def _using(ctx: Context, group: Item) -> list[Item]:
    name = group["CacheParameterGroupName"]
    return [
        c
        for c in clusters(ctx.store).values()
        if c["CacheParameterGroup"]["CacheParameterGroupName"] == name
    ]


def _checked(group: Item, given: list[Item]) -> dict[str, Item]:
    known = parameters(group["CacheParameterGroupFamily"])
    if len(given) > 20:
        raise clash("A maximum of 20 parameters can be modified in a single request.")
    out = {}
    for parameter in given:
        name = parameter.get("ParameterName", "")
        if name not in known:
            raise invalid(f"The parameter {name} could not be found")
        if not known[name]["IsModifiable"]:
            raise invalid(f"The parameter {name} cannot be modified.")
        out[name] = known[name]
    return out


def _tell_clusters(ctx: Context, group: Item, changed: list[Item]) -> None:
    name = group["CacheParameterGroupName"]
    reboot = any(item["ChangeType"] == "requires-reboot" for item in changed)
    touched = {c["CacheClusterId"] for c in _using(ctx, group)} if changed else set()

    def settle() -> None:
        for cluster in clusters(ctx.store).values():
            status = cluster["CacheParameterGroup"]
            if (
                cluster["CacheClusterId"] in touched
                and status["CacheParameterGroupName"] == name
                and status["ParameterApplyStatus"] == "applying"
            ):
                status["ParameterApplyStatus"] = "pending-reboot" if reboot else "in-sync"
                status["CacheNodeIdsToReboot"] = ["0001"] if reboot else []

    for cluster in _using(ctx, group):
        if changed:
            cluster["CacheParameterGroup"]["ParameterApplyStatus"] = "applying"
    ctx.world.clock.after(timedelta(seconds=45), settle)


@behaviour(
    "elasticache", "ModifyCacheParameterGroup", "CacheParameterGroupName ParameterNameValues",
    evidence="documented", source=API + "API_ModifyCacheParameterGroup.html",
)  # fmt: skip
def modify_cache_parameter_group(ctx: Context, params: Params) -> Reply:
    group = _own(ctx, params["CacheParameterGroupName"])
    known = _checked(group, params["ParameterNameValues"])
    new = {p["ParameterName"]: p.get("ParameterValue", "") for p in params["ParameterNameValues"]}
    for name, value in new.items():
        if not acceptable(known[name], value):
            raise invalid(f"The parameter {name} has an invalid value: {value}")
    if "cluster-enabled" in new and _using(ctx, group):
        raise clash("cluster-enabled cannot be changed while the parameter group is in use.")
    changed = [known[n] for n, value in new.items() if group["_values"].get(n) != value]
    group["_values"].update(new)
    _tell_clusters(ctx, group, changed)
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


@behaviour(
    "elasticache", "ResetCacheParameterGroup",
    "CacheParameterGroupName ResetAllParameters ParameterNameValues",
    evidence="documented", source=API + "API_ResetCacheParameterGroup.html",
)  # fmt: skip
def reset_cache_parameter_group(ctx: Context, params: Params) -> Reply:
    group = _own(ctx, params["CacheParameterGroupName"])
    given = params.get("ParameterNameValues", [])
    if bool(given) == bool(params.get("ResetAllParameters")):
        raise clash("Either ResetAllParameters or a list of parameters must be given.")
    names = list(_checked(group, given)) or list(group["_values"])
    known = parameters(group["CacheParameterGroupFamily"])
    changed = [known[n] for n in names if group["_values"].pop(n, None) is not None]
    _tell_clusters(ctx, group, changed)
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


@behaviour(
    "elasticache", "DeleteCacheParameterGroup", "CacheParameterGroupName",
    evidence="documented", source=API + "API_DeleteCacheParameterGroup.html",
)  # fmt: skip
def delete_cache_parameter_group(ctx: Context, params: Params) -> Reply:
    group = _own(ctx, params["CacheParameterGroupName"])
    name = group["CacheParameterGroupName"]
    if _using(ctx, group):
        raise AwsError(
            "InvalidCacheParameterGroupState",
            f"One or more cache clusters are still members of this parameter group {name}, so the "
            "group cannot be deleted.",
        )
    del _parameter_groups(ctx)[name]
    drop_tags(ctx, group["ARN"])
    return {}
