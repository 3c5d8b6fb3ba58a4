"""RDS: creating, reading, rebooting and deleting instances."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from sandbox.behaviours.rds_option_groups import option_group
from sandbox.behaviours.rds_parameter_groups import parameter_group
from sandbox.behaviours.rds_subnet_groups import subnet_group
from sandbox.data_services import (
    check_tags,
    clash,
    drop_tags,
    invalid,
    key_arn,
    name_of,
    page,
    put_tags,
    random_windows,
    security_groups,
)
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_engines import Engine, engine, full_version, major
from sandbox.rds_rules import (
    check_insights,
    check_log_volume,
    check_logs,
    check_settings,
    check_windows,
    storage,
)
from sandbox.rds_secrets import drop_secret, make_secret
from sandbox.rds_state import (
    CERTIFICATES,
    RUNNING,
    after_create,
    become_available,
    find,
    instances,
    jitter,
    later,
    set_certificate,
    set_parameter_group,
    wire,
)
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/"
ACCEPTS = """
    DBInstanceIdentifier DBInstanceClass Engine EngineVersion DBName AllocatedStorage
    MaxAllocatedStorage StorageType Iops StorageThroughput StorageEncrypted KmsKeyId MasterUsername
    MasterUserPassword ManageMasterUserPassword MasterUserSecretKmsKeyId MultiAZ AvailabilityZone
    DBSubnetGroupName VpcSecurityGroupIds PubliclyAccessible Port NetworkType DBParameterGroupName
    OptionGroupName BackupRetentionPeriod PreferredBackupWindow PreferredMaintenanceWindow
    DeletionProtection AutoMinorVersionUpgrade CopyTagsToSnapshot EnablePerformanceInsights
    PerformanceInsightsRetentionPeriod PerformanceInsightsKMSKeyId EnableCloudwatchLogsExports
    MonitoringInterval MonitoringRoleArn EnableIAMDatabaseAuthentication CACertificateIdentifier
    LicenseModel DatabaseInsightsMode EngineLifecycleSupport BackupTarget DedicatedLogVolume Tags
    CharacterSetName NcharCharacterSetName Timezone ProcessorFeatures Domain DomainIAMRoleName
    DomainFqdn DomainOu DomainAuthSecretArn DomainDnsIps
"""
DATABASES = {
    "postgres": {"db", "rdsadmin", "template0", "template1", "select", "user", "table"},
    "mysql": {"mysql", "information_schema", "performance_schema", "sys", "innodb"},
    "mariadb": {"mysql", "information_schema", "performance_schema", "sys", "innodb"},
    "oracle": {"null"},
}
WORD = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}")


BROKEN = ("failed", "incompatible-restore", "incompatible-network")
AS_GIVEN = (
    "DBName", "MaxAllocatedStorage", "MonitoringRoleArn", "CharacterSetName",
    "NcharCharacterSetName", "Timezone", "ProcessorFeatures", "EngineLifecycleSupport",
)  # fmt: skip


@behaviour(
    "rds", "CreateDBInstance", ACCEPTS,
    evidence="documented", source=API + "API_CreateDBInstance.html",
)  # fmt: skip
def create_db_instance(ctx: Context, params: Params) -> Reply:
    """Creating takes 6 to 8 minutes: creating (no endpoint), backing-up, available."""
    kind = engine(params["Engine"])
    if kind.kin.startswith("aurora"):
        raise NotSimulated("CreateDBInstance in a cluster: see sandbox.rds_others")
    name = name_of("DBInstanceIdentifier", params["DBInstanceIdentifier"], 63)
    if name in instances(ctx.store):
        raise AwsError("DBInstanceAlreadyExists", f"DB instance already exists: {name}")
    _check(params, kind)
    group = subnet_group(ctx, params.get("DBSubnetGroupName"))
    zones = sorted(set(group["_subnets"].values()))
    if params.get("AvailabilityZone", zones[0]) not in zones:
        raise AwsError(
            "InvalidVPCNetworkStateFault",
            f"No subnet of {group['DBSubnetGroupName']} is in {params['AvailabilityZone']}.",
        )
    ctx.world.rng.shuffle(zones)
    zones.sort(key=lambda zone: zone != params.get("AvailabilityZone"))
    inst = _instance(ctx, name, params, group, kind)
    inst["_zones"] = zones[:2]
    _insights(ctx, inst, params)
    check_tags(params.get("Tags", []))
    if params.get("ManageMasterUserPassword"):
        make_secret(ctx, inst, params)
    put_tags(ctx, inst["DBInstanceArn"], params.get("Tags", []))
    instances(ctx.store)[name] = inst
    ctx.store.setdefault("_zone", "c" + ctx.token("abcdefghijklmnopqrstuvwxyz0123456789", 11))
    later(ctx, inst, jitter(ctx, 4.5), after_create)
    return {"DBInstance": wire(ctx, ctx.store, inst)}


def _check(params: Params, kind: Engine) -> None:
    check_settings(params, kind)
    for name in ("MasterUsername", "AllocatedStorage"):
        if not params.get(name):
            raise invalid(f"The parameter {name} must be provided and must not be blank.")
    managed = params.get("ManageMasterUserPassword", False)
    if managed and "MasterUserPassword" in params:
        raise clash("You can't specify MasterUserPassword when ManageMasterUserPassword is on.")
    if not managed and "MasterUserPassword" not in params:
        raise invalid("The parameter MasterUserPassword must be provided and must not be blank.")
    if "MasterUserSecretKmsKeyId" in params and not managed:
        raise clash("MasterUserSecretKmsKeyId is valid only with ManageMasterUserPassword.")
    user = params["MasterUsername"]
    if user.lower() in kind.reserved:
        raise invalid(
            f"MasterUsername {user} cannot be used as it is a reserved word used by the engine"
        )
    if kind.kin == "postgres" and user.lower().startswith("pg_"):
        raise invalid(
            f'MasterUsername {user} cannot be used because role names starting with "pg_" are'
            " reserved by the PostgreSQL engine"
        )
    if not WORD.fullmatch(user) or len(user) > kind.user:
        raise invalid("The parameter MasterUsername is not a valid identifier.")
    _check_name(params.get("DBName"), kind)
    if params.get("MultiAZ") and "AvailabilityZone" in params:
        raise clash("Requesting a specific availability zone is not valid for Multi-AZ instances.")
    if "KmsKeyId" in params and not params.get("StorageEncrypted"):
        raise clash("KmsKeyId can be specified only if StorageEncrypted is true.")
    if params.get("MaxAllocatedStorage", 65536) <= params["AllocatedStorage"]:
        raise clash("Max storage size must be greater than storage size")
    check_logs(params.get("EnableCloudwatchLogsExports", []), kind)
    own = {"CharacterSetName": ("oracle", "sqlserver"), "NcharCharacterSetName": ("oracle",),
           "Timezone": ("sqlserver",)}  # fmt: skip
    for name, families in own.items():
        if name in params and kind.kin not in families:
            raise clash(f"{name} isn't supported for engine {kind.name}.")


def _check_name(database: str | None, kind: Engine) -> None:
    if database is None:
        return
    if not kind.database:
        raise invalid("DBName must be null for engine: " + kind.name)
    if not WORD.fullmatch(database):
        raise invalid("DBName must begin with a letter and contain only alphanumeric characters.")
    if len(database) > kind.database:
        raise invalid(f"DBName must have at most {kind.database} characters.")
    if database.lower() in DATABASES.get(kind.kin, ()):
        raise invalid(f"DBName {database} cannot be used. It is a reserved word for this engine.")


def _instance(
    ctx: Context, name: str, params: Params, group: dict[str, Any], engine: Engine
) -> dict[str, Any]:
    version = full_version(engine.name, params.get("EngineVersion"))
    edition = major(engine.name, version)
    family = engine.family(edition)
    chosen = params.get("DBParameterGroupName", f"default.{family}")
    chosen = parameter_group(ctx, ctx.store, chosen)
    if chosen["DBParameterGroupFamily"] != family:
        raise clash(wrong_family(chosen, family))
    backup, maintenance = random_windows(ctx, 30)
    backup = params.get("PreferredBackupWindow", backup)
    maintenance = params.get("PreferredMaintenanceWindow", maintenance).lower()
    if "PreferredBackupWindow" in params and "PreferredMaintenanceWindow" not in params:
        maintenance = _beside(maintenance, backup)
    if "PreferredMaintenanceWindow" in params and "PreferredBackupWindow" not in params:
        backup = _beside(backup, maintenance)
    check_windows(backup, maintenance)
    kind = params.get("StorageType", "io1" if "Iops" in params else "gp3")
    check_log_volume(params, kind)
    option = option_group(ctx, params.get("OptionGroupName", ""), engine, edition)
    encrypted = params.get("StorageEncrypted", False)
    groups = security_groups(ctx, params.get("VpcSecurityGroupIds", []), group["VpcId"])
    inst: dict[str, Any] = {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": params["DBInstanceClass"],
        "Engine": engine.name,
        "EngineVersion": version,
        "DBInstanceStatus": "creating",
        "MasterUsername": params["MasterUsername"],
        **storage(engine, kind, params["AllocatedStorage"], params),
        "PreferredBackupWindow": backup,
        "PreferredMaintenanceWindow": maintenance,
        "BackupRetentionPeriod": params.get("BackupRetentionPeriod", 1),
        "DBSecurityGroups": [],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": g, "Status": "active"} for g in groups],
        "PendingModifiedValues": {},
        "MultiAZ": params.get("MultiAZ", False),
        "AutoMinorVersionUpgrade": params.get("AutoMinorVersionUpgrade", True),
        "ReadReplicaDBInstanceIdentifiers": [],
        "LicenseModel": params.get("LicenseModel", engine.licences[0]),
        "OptionGroupMemberships": [{"OptionGroupName": option, "Status": "in-sync"}],
        "PubliclyAccessible": params.get("PubliclyAccessible", False),
        "DbInstancePort": 0,
        "StorageEncrypted": encrypted,
        "StorageEncryptionType": "sse-kms" if encrypted else "none",
        "DbiResourceId": "db-" + ctx.token("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26),
        "DomainMemberships": [],
        "CopyTagsToSnapshot": params.get("CopyTagsToSnapshot", False),
        "MonitoringInterval": params.get("MonitoringInterval", 0),
        "DBInstanceArn": ctx.arn(f"db:{name}"),
        "IAMDatabaseAuthenticationEnabled": params.get("EnableIAMDatabaseAuthentication", False),
        "PerformanceInsightsEnabled": params.get("EnablePerformanceInsights", False),
        "EnabledCloudwatchLogsExports": sorted(params.get("EnableCloudwatchLogsExports", [])),
        "DeletionProtection": params.get("DeletionProtection", False),
        "AssociatedRoles": [],
        "CustomerOwnedIpEnabled": False,
        "NetworkType": "IPV4",
        "ActivityStreamStatus": "stopped",
        "BackupTarget": "region",
        "DedicatedLogVolume": params.get("DedicatedLogVolume", False),
        "IsStorageConfigUpgradeAvailable": False,
        "_subnet_group": group["DBSubnetGroupName"],
        "_port": params.get("Port", engine.port),
        "_hidden": {},
        "_flush": False,
    }
    set_parameter_group(inst, chosen["DBParameterGroupName"], "in-sync")
    set_certificate(inst, params.get("CACertificateIdentifier", CERTIFICATES[0]))
    inst |= {name: params[name] for name in AS_GIVEN if name in params}
    if engine.kin == "oracle":
        inst["DBName"] = params.get("DBName", "ORCL").upper()
        inst.setdefault("CharacterSetName", "AL32UTF8")
        inst.setdefault("NcharCharacterSetName", "AL16UTF16")
    if engine.kin == "sqlserver":
        inst.setdefault("CharacterSetName", "SQL_Latin1_General_CP1_CI_AS")
    if engine.kin in ("postgres", "mysql"):
        inst.setdefault("EngineLifecycleSupport", "open-source-rds-extended-support")
    if joined := membership(params):
        if "Domain" in joined and "IAMRoleName" not in joined:
            raise clash("DomainIAMRoleName must be specified with Domain.")
        inst["DomainMemberships"] = [{**joined, "Status": "joined"}]
    if encrypted:
        inst["KmsKeyId"] = key_arn(ctx, params.get("KmsKeyId", "alias/aws/rds"))
    if not params.get("ManageMasterUserPassword"):
        inst["PendingModifiedValues"]["MasterUserPassword"] = "****"
    return inst


def membership(params: Params) -> dict[str, Any]:
    """The directory that the parameters say to join, as DescribeDBInstances shows it."""
    names = {"Domain": "Domain", "DomainIAMRoleName": "IAMRoleName", "DomainFqdn": "FQDN",
             "DomainOu": "OU", "DomainAuthSecretArn": "AuthSecretArn",
             "DomainDnsIps": "DnsIps"}  # fmt: skip
    return {shown: params[name] for name, shown in names.items() if name in params}


def _beside(window: str, other: str) -> str:
    """A window that AWS chooses does not overlap the one that was asked for."""
    daily_, weekly_ = (other, window) if window[0].isalpha() else (window, other)
    try:
        check_windows(daily_, weekly_)
    except AwsError:
        return re.sub(r"(\d\d)(?=:\d\d)", lambda h: f"{(int(h[1]) + 12) % 24:02}", window)
    return window


def wrong_family(group: dict[str, Any], family: str) -> str:
    """AWS's message for a parameter group of another family."""
    return (
        f"The Parameter Group {group['DBParameterGroupName']} with DBParameterGroupFamily "
        f"{group['DBParameterGroupFamily']} can't be used for this instance. Please use a Parameter"
        f" Group with DBParameterGroupFamily {family}."
    )


def _insights(ctx: Context, inst: dict[str, Any], params: Params) -> None:
    inst["DatabaseInsightsMode"] = params.get("DatabaseInsightsMode", "standard")
    set_insights(ctx, inst, params)
    check_insights(inst)
    if inst.get("MonitoringRoleArn") and not inst["MonitoringInterval"]:
        raise clash("MonitoringInterval must not be 0 if MonitoringRoleArn is specified.")


def set_insights(ctx: Context, inst: dict[str, Any], params: Params) -> None:
    """Performance Insights: retention and key exist only while it is on."""
    names = ("PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod")
    if not inst["PerformanceInsightsEnabled"]:
        if set(names) & set(params):
            raise clash(f"{' and '.join(names)} are valid only with Performance Insights enabled.")
        for name in names:
            inst.pop(name, None)
        return
    key = params.get(names[0], inst.get(names[0], "alias/aws/rds"))
    inst[names[0]] = key_arn(ctx, key)
    inst[names[1]] = params.get(names[1], inst.get(names[1], 7))


@behaviour(
    "rds", "DescribeDBInstances", "DBInstanceIdentifier Filters MaxRecords Marker",
    evidence="recorded", source="shared/recorded/rds/DescribeDBInstances",
)  # fmt: skip
def describe_db_instances(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    if "DBInstanceIdentifier" in params:
        found = [find(view, params["DBInstanceIdentifier"])]
    else:
        found = list(view.get("instances", {}).values())
    for item in params.get("Filters", []):
        values = set(item["Values"])
        match item["Name"]:
            case "db-instance-id":
                found = [
                    i for i in found
                    if {i["DBInstanceIdentifier"], i["DBInstanceArn"]} & values
                ]  # fmt: skip
            case "dbi-resource-id":
                found = [i for i in found if i["DbiResourceId"] in values]
            case "engine":
                found = [i for i in found if i["Engine"] in values]
            case "db-cluster-id":
                found = [i for i in found if i.get("DBClusterIdentifier") in values]
            case "domain":
                found = [
                    i for i in found if values & {m.get("Domain") for m in i["DomainMemberships"]}
                ]
            case other:
                raise invalid(f"Unrecognized filter name: {other}")
    shown, marker = page(found, lambda i: str(i["DBInstanceIdentifier"]), params)
    return {"DBInstances": ctx.shuffled(wire(ctx, view, i) for i in shown), **marker}


@behaviour(
    "rds", "RebootDBInstance", "DBInstanceIdentifier ForceFailover",
    evidence="documented", source=API + "API_RebootDBInstance.html",
)  # fmt: skip
def reboot_db_instance(ctx: Context, params: Params) -> Reply:
    inst = find(ctx.store, params["DBInstanceIdentifier"])
    if inst["DBInstanceStatus"] not in RUNNING:
        raise AwsError(
            "InvalidDBInstanceState",
            f"Database instance {inst['DBInstanceIdentifier']} is not in available state.",
        )
    failover = params.get("ForceFailover", False)
    if failover and not inst["MultiAZ"]:
        raise clash("You cannot use a failover reboot on an instance that is not Multi-AZ.")
    inst["DBInstanceStatus"] = "rebooting"

    def back(_: Context, live: dict[str, Any]) -> None:
        if failover:
            swap_zones(live)
        else:
            for group in live["DBParameterGroups"]:
                group["ParameterApplyStatus"] = "in-sync"
        become_available(ctx, live)

    later(ctx, inst, jitter(ctx, 2), back)
    return {"DBInstance": wire(ctx, ctx.store, inst)}


def swap_zones(inst: dict[str, Any]) -> None:
    """A failover: primary and standby change places."""
    inst["AvailabilityZone"], inst["SecondaryAvailabilityZone"] = (
        inst["SecondaryAvailabilityZone"],
        inst["AvailabilityZone"],
    )
    inst["_other_zone"] = inst["SecondaryAvailabilityZone"]


@behaviour(
    "rds", "DeleteDBInstance",
    "DBInstanceIdentifier SkipFinalSnapshot FinalDBSnapshotIdentifier DeleteAutomatedBackups",
    evidence="documented", source=API + "API_DeleteDBInstance.html",
)  # fmt: skip
def delete_db_instance(ctx: Context, params: Params) -> Reply:
    inst = find(ctx.store, params["DBInstanceIdentifier"])
    name, status = inst["DBInstanceIdentifier"], inst["DBInstanceStatus"]
    snapshot = params.get("FinalDBSnapshotIdentifier")
    if status == "deleting":
        raise AwsError("InvalidDBInstanceState", f"Instance {name} is already being deleted.")
    if inst["DeletionProtection"]:
        raise clash(
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    alone = not {"DBClusterIdentifier", "ReadReplicaSourceDBInstanceIdentifier"} & set(inst)
    if snapshot is not None and (not alone or status in BROKEN):
        raise clash(
            f"FinalDBSnapshotIdentifier can't be specified when deleting {name}: no final snapshot"
            " is taken of a read replica, a cluster's member or a broken instance."
        )
    if params.get("SkipFinalSnapshot", False) == (snapshot is not None):
        raise clash("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
    if snapshot is not None:
        snapshot = name_of("FinalDBSnapshotIdentifier", snapshot, 255)
        snapshots = ctx.store.setdefault("snapshots", {})
        if snapshot in snapshots:
            raise AwsError("DBSnapshotAlreadyExists", f"Cannot create {snapshot}: it exists.")
        if status == "creating":
            raise AwsError(
                "InvalidDBInstanceState",
                f"Instance {name} is currently creating - a final snapshot cannot be taken.",
            )
        snapshots[snapshot] = {"DBInstanceIdentifier": name, "SnapshotCreateTime": ctx.now}
    inst["DBInstanceStatus"] = "deleting"

    def gone(_: Context, live: dict[str, Any]) -> None:
        del instances(ctx.store)[name]
        drop_tags(ctx, live["DBInstanceArn"])
        drop_secret(ctx, live)

    later(ctx, inst, jitter(ctx, 4) + timedelta(minutes=2 if snapshot else 0), gone)
    return {"DBInstance": wire(ctx, ctx.store, inst)}
