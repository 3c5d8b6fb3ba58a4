"""DB instances that other people have: for tests, not API calls.

What DescribeDBInstances shows of them is by shared/recorded/rds/DescribeDBInstances.
"""

from __future__ import annotations

import copy
from typing import Any

from sandbox import rds_state as rds
from sandbox.behaviours.rds_instances import create_db_instance
from sandbox.data_services import context
from sandbox.rds_engines import engine, full_version, major
from sandbox.world import World

CLUSTERS_OWN = {
    "AllocatedStorage": 1, "StorageType": "aurora", "StorageThroughput": 0, "MultiAZ": False,
    "BackupRetentionPeriod": 7, "CopyTagsToSnapshot": False, "DeletionProtection": False,
    "PromotionTier": 1, "MasterUsername": "clusteradmin",
}  # fmt: skip


def cluster_member(
    world: World, identifier: str, cluster: str, name: str = "aurora-postgresql", **more: Any
) -> None:
    """A member of an Aurora cluster, as whoever made the cluster left it (case 93)."""
    ctx = context(world, "rds")
    kind = engine(name)
    create_db_instance(ctx, {
        "DBInstanceIdentifier": identifier, "DBInstanceClass": "db.r6g.large", "Engine": "postgres",
        "AllocatedStorage": 20, "MasterUsername": "app", "MasterUserPassword": "correct-horse",
        "StorageEncrypted": True, **{k: more.pop(k) for k in ("DBSubnetGroupName", "Tags")
                                     if k in more},
    })  # fmt: skip
    inst = rds.find(ctx.store, identifier)
    version = full_version(name, None)
    family = kind.family(major(name, version))
    inst |= {
        "Engine": name, "EngineVersion": version, "DBClusterIdentifier": cluster,
        "LicenseModel": kind.licences[0], "_port": kind.port, **CLUSTERS_OWN, **more,
    }  # fmt: skip
    for gone in ("Iops", "MaxAllocatedStorage"):
        inst.pop(gone, None)
    rds.set_parameter_group(inst, f"default.{family}", "in-sync")
    options = {"OptionGroupName": kind.options(major(name, version)), "Status": "in-sync"}
    inst["OptionGroupMemberships"] = [options]


def as_shown(world: World, shown: dict[str, Any]) -> None:
    """An instance that just shows this, whatever it is: a recording, another engine.

    It can be described and tagged, and modified as far as the sandbox knows its engine.
    """
    ctx = context(world, "rds")
    inst = copy.deepcopy(shown)
    name = inst["DBInstanceIdentifier"]
    group = inst.pop("DBSubnetGroup", None) or {"DBSubnetGroupName": "default"}
    held = ctx.store.setdefault("subnet_groups", {})
    held.setdefault(group["DBSubnetGroupName"], {
        **{k: v for k, v in group.items() if k != "Subnets"},
        "_subnets": {s["SubnetIdentifier"]: s["SubnetAvailabilityZone"]["Name"]
                     for s in group.get("Subnets", [])},
    })  # fmt: skip
    inst["DBInstanceArn"] = ctx.arn(f"db:{name}")
    tags = {t["Key"]: t["Value"] for t in inst.pop("TagList", [])}
    ctx.store.setdefault("_tags", {}).setdefault(inst["DBInstanceArn"], {}).update(tags)
    inst |= {"_subnet_group": group["DBSubnetGroupName"], "_hidden": {}, "_flush": False}
    rds.instances(ctx.store)[name] = inst
