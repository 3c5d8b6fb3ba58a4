"""RDS: subnet groups."""

from __future__ import annotations

import re
from typing import Any

from sandbox.data_services import default_subnets, drop_tags, invalid, page, put_tags, subnet
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_state import instances, wire_subnet_group
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/"
NAME = re.compile(r"[a-z][a-z0-9._ -]{0,254}")


def groups(ctx: Context) -> dict[str, dict[str, Any]]:
    """Subnet groups by name; `default` holds the default VPC's subnets, as soon as it is used."""
    held: dict[str, dict[str, Any]] = ctx.store.setdefault("subnet_groups", {})
    return held


def subnet_group(ctx: Context, name: str | None) -> dict[str, Any]:
    """The group of that name, or the default one."""
    name = (name or "default").lower()
    held = groups(ctx)
    if name == "default" and name not in held and default_subnets(ctx):
        held[name] = _made(ctx, name, "default", default_subnets(ctx))
    if name not in held:
        raise AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' not found.", 404)
    return held[name]


def _made(ctx: Context, name: str, description: str, ids: list[str]) -> dict[str, Any]:
    found = {subnet_id: subnet(ctx, subnet_id) for subnet_id in ids}
    vpcs = {vpc for _, vpc in found.values()}
    if len(vpcs) > 1:
        raise AwsError("InvalidSubnet", "The subnets are not all in the same VPC.")
    if len({zone for zone, _ in found.values()}) < 2:
        raise AwsError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current"
            f" AZ coverage: {sorted({zone for zone, _ in found.values()})}. Add subnets to cover at"
            " least 2 AZs.",
        )
    return {
        "DBSubnetGroupName": name,
        "DBSubnetGroupDescription": description,
        "VpcId": vpcs.pop(),
        "SubnetGroupStatus": "Complete",
        "DBSubnetGroupArn": ctx.arn(f"subgrp:{name}"),
        "SupportedNetworkTypes": ["IPV4"],
        "_subnets": {subnet_id: zone for subnet_id, (zone, _) in found.items()},
    }


@behaviour(
    "rds", "CreateDBSubnetGroup", "DBSubnetGroupName DBSubnetGroupDescription SubnetIds Tags",
    evidence="documented", source=API + "API_CreateDBSubnetGroup.html",
)  # fmt: skip
def create_db_subnet_group(ctx: Context, params: Params) -> Reply:
    name = params["DBSubnetGroupName"].lower()
    if not NAME.fullmatch(name) or name == "default":
        raise invalid(f"The parameter DBSubnetGroupName is not valid: {name}")
    if not params["DBSubnetGroupDescription"].strip():
        raise invalid("The parameter DBSubnetGroupDescription must not be blank.")
    if name in groups(ctx):
        raise AwsError("DBSubnetGroupAlreadyExists", f"DB subnet group '{name}' already exists.")
    group = _made(ctx, name, params["DBSubnetGroupDescription"], params["SubnetIds"])
    put_tags(ctx, group["DBSubnetGroupArn"], params.get("Tags", []))
    groups(ctx)[name] = group
    return {"DBSubnetGroup": wire_subnet_group(ctx, group)}


@behaviour(
    "rds", "ModifyDBSubnetGroup", "DBSubnetGroupName DBSubnetGroupDescription SubnetIds",
    evidence="documented", source=API + "API_ModifyDBSubnetGroup.html",
)  # fmt: skip
def modify_db_subnet_group(ctx: Context, params: Params) -> Reply:
    group = subnet_group(ctx, params["DBSubnetGroupName"])
    name = group["DBSubnetGroupName"]
    new = _made(
        ctx,
        name,
        params.get("DBSubnetGroupDescription", group["DBSubnetGroupDescription"]),
        params["SubnetIds"],
    )
    if new["VpcId"] != group["VpcId"]:
        raise AwsError("InvalidSubnet", f"The subnets are not in the group's VPC {group['VpcId']}.")
    for inst in instances(ctx.store).values():
        zones = {inst.get("AvailabilityZone"), inst.get("SecondaryAvailabilityZone")} - {None}
        if inst["_subnet_group"] == name and not zones <= set(new["_subnets"].values()):
            raise AwsError(
                "SubnetAlreadyInUse",
                "Some of the subnets to be deleted are currently in use: "
                + inst["DBInstanceIdentifier"],
            )
    groups(ctx)[name] = new
    return {"DBSubnetGroup": wire_subnet_group(ctx, new)}


@behaviour(
    "rds", "DescribeDBSubnetGroups", "DBSubnetGroupName Filters MaxRecords Marker",
    evidence="recorded", source="shared/recorded/rds/DescribeDBSubnetGroups",
)  # fmt: skip
def describe_db_subnet_groups(ctx: Context, params: Params) -> Reply:
    if params.get("Filters"):
        raise NotSimulated("DescribeDBSubnetGroups with Filters")
    held = ctx.view.get("subnet_groups", {})
    if "DBSubnetGroupName" in params:
        name = params["DBSubnetGroupName"].lower()
        if name not in held:
            raise AwsError(
                "DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", 404
            )
        held = {name: held[name]}
    found, marker = page(held.values(), lambda g: str(g["DBSubnetGroupName"]), params)
    return {"DBSubnetGroups": ctx.shuffled(wire_subnet_group(ctx, g) for g in found), **marker}


@behaviour(
    "rds", "DeleteDBSubnetGroup", "DBSubnetGroupName",
    evidence="documented", source=API + "API_DeleteDBSubnetGroup.html",
)  # fmt: skip
def delete_db_subnet_group(ctx: Context, params: Params) -> Reply:
    group = subnet_group(ctx, params["DBSubnetGroupName"])
    name = group["DBSubnetGroupName"]
    if name == "default":
        raise AwsError(
            "InvalidDBSubnetGroupStateFault", "The default DB subnet group cannot be deleted."
        )
    for inst in instances(ctx.store).values():
        if inst["_subnet_group"] == name:
            raise AwsError(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{name}' because at least one database instance: "
                f"{inst['DBInstanceIdentifier']} is still using it.",
            )
    del groups(ctx)[name]
    drop_tags(ctx, group["DBSubnetGroupArn"])
    return {}
