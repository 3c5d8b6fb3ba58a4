"""RDS: tags, engine versions and pending maintenance."""

from __future__ import annotations

from typing import Any

from sandbox.behaviours.rds_parameter_groups import parameter_group
from sandbox.data_services import invalid, page, put_tags, tag_list
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_engines import engine, full_version, major, rank
from sandbox.rds_state import CERTIFICATES, find
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/"


def _known(ctx: Context, store: Store, arn: str) -> str:
    """The ARN, if it names something; else AWS's refusal, by kind."""
    if not arn.startswith(ctx.arn("")):
        raise invalid(f"The specified resource name does not match an RDS resource: {arn}")
    kind, _, name = arn.removeprefix(ctx.arn("")).partition(":")
    match kind:
        case "db":
            find(store, name)
        case "pg":
            parameter_group(ctx, store, name)
        case "subgrp":
            if name not in store.get("subnet_groups", {}):
                raise AwsError(
                    "DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' not found.", 404
                )
        case other:
            raise NotSimulated(f"tags of rds:{other}")
    return arn


@behaviour(
    "rds", "AddTagsToResource", "ResourceName Tags",
    evidence="documented", source=API + "API_AddTagsToResource.html",
)  # fmt: skip
def add_tags_to_resource(ctx: Context, params: Params) -> Reply:
    put_tags(ctx, _known(ctx, ctx.store, params["ResourceName"]), params["Tags"])
    return {}


@behaviour(
    "rds", "RemoveTagsFromResource", "ResourceName TagKeys",
    evidence="documented", source=API + "API_RemoveTagsFromResource.html",
)  # fmt: skip
def remove_tags_from_resource(ctx: Context, params: Params) -> Reply:
    held = ctx.store.get("_tags", {}).get(_known(ctx, ctx.store, params["ResourceName"]), {})
    for key in params["TagKeys"]:
        held.pop(key, None)
    return {}


@behaviour(
    "rds", "ListTagsForResource", "ResourceName",
    evidence="documented", source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    return {"TagList": tag_list(ctx, view, _known(ctx, view, params["ResourceName"]))}


@behaviour(
    "rds", "DescribeDBEngineVersions",
    "Engine EngineVersion DBParameterGroupFamily DefaultOnly MaxRecords Marker IncludeAll",
    evidence="documented", source=API + "API_DescribeDBEngineVersions.html",
)  # fmt: skip
def describe_db_engine_versions(ctx: Context, params: Params) -> Reply:
    kind = engine(params.get("Engine", "postgres"))
    every = [version for versions in kind.versions.values() for version in versions]
    asked = params.get("EngineVersion")
    if params.get("DefaultOnly"):
        found = [full_version(kind.name, asked)]
    else:
        found = [v for v in every if asked in (None, v, major(kind.name, v))]
    family = params.get("DBParameterGroupFamily")
    found = [v for v in found if family in (None, kind.family(major(kind.name, v)))]

    def shown(version: str) -> dict[str, Any]:
        return {
            "Engine": kind.name,
            "MajorEngineVersion": major(kind.name, version),
            "EngineVersion": version,
            "DBParameterGroupFamily": kind.family(major(kind.name, version)),
            "DBEngineDescription": kind.name,
            "DBEngineVersionDescription": f"{kind.name} {version}",
            "ValidUpgradeTarget": [
                {
                    "Engine": kind.name,
                    "EngineVersion": target,
                    "Description": f"{kind.name} {target}",
                    "AutoUpgrade": target == full_version(kind.name, major(kind.name, version)),
                    "IsMajorVersionUpgrade": major(kind.name, target) != major(kind.name, version),
                }
                for target in every
                if rank(target) > rank(version)
            ],
            "ExportableLogTypes": sorted(kind.logs),
            "SupportsLogExportsToCloudwatchLogs": True,
            "SupportsReadReplica": True,
            "SupportedFeatureNames": [],
            "Status": "available",
            "SupportedCACertificateIdentifiers": list(CERTIFICATES),
        }

    items, marker = page(
        map(shown, found), lambda v: ".".join(f"{n:09}" for n in rank(v["EngineVersion"])), params,
    )  # fmt: skip
    return {"DBEngineVersions": items, **marker}


@behaviour(
    "rds", "DescribePendingMaintenanceActions", "ResourceIdentifier MaxRecords Marker",
    evidence="documented", source=API + "API_DescribePendingMaintenanceActions.html",
)  # fmt: skip
def describe_pending_maintenance_actions(ctx: Context, params: Params) -> Reply:
    """What `sandbox.perturb_data` made due; nothing by itself."""
    view = ctx.view
    actions: dict[str, list[dict[str, Any]]] = view.get("maintenance", {})
    if "ResourceIdentifier" in params:
        arn = _known(ctx, view, params["ResourceIdentifier"])
        actions = {arn: actions[arn]} if arn in actions else {}
    found, marker = page(
        [
            {"ResourceIdentifier": arn, "PendingMaintenanceActionDetails": details}
            for arn, details in actions.items()
        ],
        lambda a: str(a["ResourceIdentifier"]),
        params,
    )
    return {"PendingMaintenanceActions": found, **marker}
