"""RDS: read replicas."""

from __future__ import annotations

import copy
from datetime import timedelta

from sandbox.behaviours.rds_option_groups import option_group
from sandbox.behaviours.rds_parameter_groups import parameter_group
from sandbox.behaviours.rds_subnet_groups import subnet_group
from sandbox.data_services import check_tags, name_of, put_tags, security_groups
from sandbox.errors import AwsError
from sandbox.rds_engines import engine, major
from sandbox.rds_rules import check_settings, storage
from sandbox.rds_state import (
    RUNNING,
    Instance,
    after_create,
    find,
    instances,
    jitter,
    later,
    set_parameter_group,
    wire,
)
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/"
OWN = ("DBInstanceClass", "MultiAZ", "AutoMinorVersionUpgrade", "PubliclyAccessible",
       "CopyTagsToSnapshot", "DeletionProtection", "MaxAllocatedStorage")  # fmt: skip
"""What a replica may have of its own; by default the primary's, but for MultiAZ and protection."""


@behaviour(
    "rds", "CreateDBInstanceReadReplica",
    "DBInstanceIdentifier SourceDBInstanceIdentifier Port StorageType Iops StorageThroughput Tags "
    f"DBParameterGroupName OptionGroupName VpcSecurityGroupIds {' '.join(OWN)}",
    evidence="documented", source=API + "API_CreateDBInstanceReadReplica.html",
)  # fmt: skip
def create_db_instance_read_replica(ctx: Context, params: Params) -> Reply:
    """Made like the primary, with backups off. The primary must be running, with backups on."""
    source = find(ctx.store, params["SourceDBInstanceIdentifier"])
    name = name_of("DBInstanceIdentifier", params["DBInstanceIdentifier"], 63)
    if name in instances(ctx.store):
        raise AwsError("DBInstanceAlreadyExists", f"DB instance already exists: {name}")
    if source["DBInstanceStatus"] not in (*RUNNING, "backing-up"):
        raise AwsError("InvalidDBInstanceState", "The source DB instance is not available.")
    if not source["BackupRetentionPeriod"]:
        raise AwsError(
            "InvalidDBInstanceState",
            "Automated backups are not enabled for this database instance. To enable automated"
            " backups, use ModifyDBInstance to set the backup retention period to a non-zero value",
        )
    kind = engine(source["Engine"])
    check_settings(params, kind)
    check_tags(params.get("Tags", []))
    replica = _like(source, name, ctx)
    group = subnet_group(ctx, source["_subnet_group"])
    edition = major(kind.name, source["EngineVersion"])
    chosen = parameter_group(
        ctx, ctx.store, params.get("DBParameterGroupName", f"default.{kind.family(edition)}")
    )
    set_parameter_group(replica, chosen["DBParameterGroupName"], "in-sync")
    option = option_group(ctx, params.get("OptionGroupName", ""), kind, edition)
    replica["OptionGroupMemberships"] = [{"OptionGroupName": option, "Status": "in-sync"}]
    ids = security_groups(ctx, params.get("VpcSecurityGroupIds", []), group["VpcId"])
    replica["VpcSecurityGroups"] = [{"VpcSecurityGroupId": g, "Status": "active"} for g in ids]
    given = {"Iops": source.get("Iops"), "StorageThroughput": source.get("StorageThroughput")}
    volume = str(params.get("StorageType", source["StorageType"]))
    if "StorageType" in params or not _chosen(source):
        given = {}
    replica |= storage(
        kind, volume, source["AllocatedStorage"],
        {**{k: v for k, v in given.items() if v}, **params},
    )  # fmt: skip
    replica |= {"MultiAZ": False, "DeletionProtection": False}
    replica |= {member: params[member] for member in OWN if member in params}
    replica["_port"] = params.get("Port", source["Endpoint"]["Port"])
    put_tags(ctx, replica["DBInstanceArn"], params.get("Tags", []))
    instances(ctx.store)[name] = replica
    source["ReadReplicaDBInstanceIdentifiers"].append(name)
    later(ctx, replica, jitter(ctx, 6), after_create)
    return {"DBInstance": wire(ctx, ctx.store, replica)}


def _chosen(source: Instance) -> bool:
    kind = engine(source["Engine"])
    size = source["AllocatedStorage"]
    return source["StorageType"] in ("io1", "io2") or (
        source["StorageType"] == "gp3" and (kind.kin == "sqlserver" or size >= kind.striped)
    )


def _like(source: Instance, name: str, ctx: Context) -> Instance:
    zones = sorted(set(subnet_group(ctx, source["_subnet_group"])["_subnets"].values()))
    replica = copy.deepcopy(source)
    for member in ("Endpoint", "InstanceCreateTime", "LatestRestorableTime", "AvailabilityZone",
                   "SecondaryAvailabilityZone", "MasterUserSecret", "AwsBackupRecoveryPointArn",
                   "_storage_until", "_other_zone"):  # fmt: skip
        replica.pop(member, None)
    return replica | {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": ctx.arn(f"db:{name}"),
        "DbiResourceId": "db-" + ctx.token("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26),
        "DBInstanceStatus": "creating",
        "PendingModifiedValues": {},
        "BackupRetentionPeriod": 0,
        "ReadReplicaSourceDBInstanceIdentifier": source["DBInstanceIdentifier"],
        "ReadReplicaDBInstanceIdentifiers": [],
        "StatusInfos": [
            {"StatusType": "read replication", "Normal": True, "Status": "replicating"}
        ],
        "_zones": (zones * 2)[:2],
        "_hidden": {},
        "_flush": False,
    }


@behaviour(
    "rds", "PromoteReadReplica", "DBInstanceIdentifier BackupRetentionPeriod PreferredBackupWindow",
    evidence="documented", source=API + "API_PromoteReadReplica.html",
)  # fmt: skip
def promote_read_replica(ctx: Context, params: Params) -> Reply:
    """It stands alone then, with backups kept for a day unless told."""
    inst = find(ctx.store, params["DBInstanceIdentifier"])
    source = inst.get("ReadReplicaSourceDBInstanceIdentifier")
    if not source:
        raise AwsError("InvalidDBInstanceState", "The DB instance is not a read replica.")
    if inst["DBInstanceStatus"] not in RUNNING:
        raise AwsError("InvalidDBInstanceState", "Database instance is not in available state.")
    inst["DBInstanceStatus"] = "modifying"
    held = instances(ctx.store).get(source, {}).get("ReadReplicaDBInstanceIdentifiers", [])
    if inst["DBInstanceIdentifier"] in held:
        held.remove(inst["DBInstanceIdentifier"])

    def alone(_: Context, live: Instance) -> None:
        for member in ("ReadReplicaSourceDBInstanceIdentifier", "StatusInfos"):
            live.pop(member, None)
        live["BackupRetentionPeriod"] = params.get("BackupRetentionPeriod", 1)
        if "PreferredBackupWindow" in params:
            live["PreferredBackupWindow"] = params["PreferredBackupWindow"]
        live["DBInstanceStatus"] = "available"

    later(ctx, inst, jitter(ctx, 3) + timedelta(seconds=30), alone)
    return {"DBInstance": wire(ctx, ctx.store, inst)}
