"""RDS: tags, engine versions and pending maintenance."""

from __future__ import annotations

from typing import Any

from sandbox.behaviours.rds_parameter_groups import parameter_group
from sandbox.data_services import invalid, page, put_tags, tag_list
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_state import CERTIFICATES, VERSIONS, find, full_version, major, rank, versions
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
    if params.get("Engine", "postgres") != "postgres":
        raise NotSimulated(f"rds engine {params['Engine']}")
    every = [version for name in VERSIONS for version in versions(name)]
    asked = params.get("EngineVersion")
    if params.get("DefaultOnly"):
        found = [full_version(asked)]
    else:
        found = [v for v in every if asked in (None, v, major(v))]
    family = params.get("DBParameterGroupFamily")
    found = [v for v in found if family in (None, f"postgres{major(v)}")]

    def shown(version: str) -> dict[str, Any]:
        return {
            "Engine": "postgres",
            "MajorEngineVersion": major(version),
            "EngineVersion": version,
            "DBParameterGroupFamily": f"postgres{major(version)}",
            "DBEngineDescription": "PostgreSQL",
            "DBEngineVersionDescription": f"PostgreSQL {version}-R1",
            "ValidUpgradeTarget": [
                {
                    "Engine": "postgres",
                    "EngineVersion": target,
                    "Description": f"PostgreSQL {target}-R1",
                    "AutoUpgrade": target == full_version(major(version)),
                    "IsMajorVersionUpgrade": major(target) != major(version),
                }
                for target in every
                if rank(target) > rank(version)
            ],
            "ExportableLogTypes": ["postgresql", "upgrade", "iam-db-auth-error"],
            "SupportsLogExportsToCloudwatchLogs": True,
            "SupportsReadReplica": True,
            "SupportedFeatureNames": [],
            "Status": "available",
            "SupportedCACertificateIdentifiers": list(CERTIFICATES),
        }

    items, marker = page(
        map(shown, found), lambda v: f"{int(v['MajorEngineVersion']):03}.{v['EngineVersion']:>6}",
        params,
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
