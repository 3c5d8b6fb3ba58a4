"""RDS: ModifyDBInstance, with what is applied at once and what waits.

By AWS's table "Settings for DB instances" (User Guide, "Modifying an Amazon RDS DB instance"), each
setting is one of: at once; as soon as possible whatever ApplyImmediately says (pending for a
minute); or pending until the maintenance window or a change with ApplyImmediately, which takes
*everything* that is pending with it.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from sandbox.behaviours.rds_instances import set_insights, wrong_family
from sandbox.behaviours.rds_parameter_groups import parameter_group
from sandbox.behaviours.rds_subnet_groups import subnet_group
from sandbox.data_services import clash, key_arn, security_groups
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_rules import (
    changed_storage,
    check_insights,
    check_logs,
    check_settings,
    check_windows,
)
from sandbox.rds_secrets import drop_secret, make_secret, rotate_secret
from sandbox.rds_state import (
    RUNNING,
    STORAGE,
    VERSIONS,
    at_next_window,
    configure_monitoring,
    find,
    full_version,
    jitter,
    kick,
    later,
    major,
    rank,
    set_parameter_group,
    wire,
)
from sandbox.registry import Context, Params, Reply, behaviour

GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html"
FLAGS = {
    "DBInstanceIdentifier", "ApplyImmediately", "AllowMajorVersionUpgrade",
    "CertificateRotationRestart",
}  # fmt: skip
ACCEPTS = """
    DBInstanceIdentifier ApplyImmediately AllowMajorVersionUpgrade CertificateRotationRestart
    AllocatedStorage DBInstanceClass DBSubnetGroupName VpcSecurityGroupIds MasterUserPassword
    DBParameterGroupName BackupRetentionPeriod PreferredBackupWindow PreferredMaintenanceWindow
    MultiAZ EngineVersion AutoMinorVersionUpgrade LicenseModel Iops StorageThroughput
    OptionGroupName StorageType CACertificateIdentifier CopyTagsToSnapshot MonitoringInterval
    DBPortNumber PubliclyAccessible MonitoringRoleArn EnableIAMDatabaseAuthentication
    DatabaseInsightsMode EnablePerformanceInsights PerformanceInsightsKMSKeyId
    PerformanceInsightsRetentionPeriod CloudwatchLogsExportConfiguration DeletionProtection
    MaxAllocatedStorage NetworkType ManageMasterUserPassword RotateMasterUserPassword
    MasterUserSecretKmsKeyId DedicatedLogVolume EngineLifecycleSupport
"""
AT_ONCE = {
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "DeletionProtection": "DeletionProtection",
    "PubliclyAccessible": "PubliclyAccessible",
    "EngineLifecycleSupport": "EngineLifecycleSupport",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
}
WAITING = {
    "DBInstanceClass": "DBInstanceClass",
    "MultiAZ": "MultiAZ",
    "CACertificateIdentifier": "CACertificateIdentifier",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "DedicatedLogVolume": "DedicatedLogVolume",
}
Instance = dict[str, Any]


@behaviour("rds", "ModifyDBInstance", ACCEPTS, evidence="documented", source=GUIDE)
def modify_db_instance(ctx: Context, params: Params) -> Reply:
    """Refused unless running; while backing-up it is accepted and queued (seen, integr8ly #186)."""
    live = find(ctx.store, params["DBInstanceIdentifier"])
    if live["DBInstanceStatus"] not in (*RUNNING, "backing-up"):
        raise AwsError("InvalidDBInstanceState", "Database instance is not in available state.")
    if not set(params) - FLAGS:
        raise clash("No modifications were requested")
    check_settings(params)
    inst = copy.deepcopy(live)  # kept only if nothing is refused
    inst["_backup_soon"] = bool(inst.get("_backup_soon"))
    _pend_storage(ctx, inst, params)
    _pend_version(ctx, inst, params)
    _pend_rest(ctx, inst, params)
    _do_at_once(ctx, inst, params)
    _switch_secret(ctx, inst, params)  # nothing is refused any more
    window_moved = inst["PreferredMaintenanceWindow"] != live["PreferredMaintenanceWindow"]
    grouped = inst["VpcSecurityGroups"] != live["VpcSecurityGroups"]
    monitored = inst["MonitoringInterval"] and not live["MonitoringInterval"]
    secret = inst.get("MasterUserSecret", {}).get("SecretStatus") in ("creating", "rotating")
    live.clear()
    live.update(inst)
    if params.get("ApplyImmediately"):
        live["_flush"] = True
    pending = live["PendingModifiedValues"] or live["_hidden"]
    if pending:
        kick(ctx, live)
        if not params.get("ApplyImmediately") or window_moved:
            at_next_window(ctx, live)
    else:
        live["_flush"] = False
    if grouped:
        later(ctx, live, jitter(ctx, 1), _groups_done)
    if secret:
        later(ctx, live, jitter(ctx, 2), _secret_done)
    if monitored and not pending and live["DBInstanceStatus"] == "available":
        later(ctx, live, timedelta(seconds=30), _monitor)
    return {"DBInstance": wire(ctx, ctx.store, live)}


def _put(inst: Instance, name: str, value: Any, *, now: Any, hidden: bool = False) -> None:
    """Make a change pending; asking for the present value takes a pending one back."""
    pending = inst["_hidden" if hidden else "PendingModifiedValues"]
    if value == now:
        pending.pop(name, None)
    else:
        pending[name] = value


def _pend_storage(ctx: Context, inst: Instance, params: Params) -> None:
    if not set(STORAGE) & set(params):
        return
    pending = inst["PendingModifiedValues"]
    if params.get("AllocatedStorage") == inst["AllocatedStorage"]:
        for name in set(STORAGE) & set(pending):  # back to the present size
            del pending[name]
    effective = {k: inst[k] for k in STORAGE if k in inst}
    effective |= {k: v for k, v in pending.items() if k in STORAGE}
    target = changed_storage(effective, inst["AllocatedStorage"], params)
    if all(target.get(k, 0) == effective.get(k, 0) for k in STORAGE):
        return
    if inst["DBInstanceStatus"] == "storage-optimization" or ctx.now < inst.get(
        "_storage_until", ctx.now
    ):
        raise clash(
            "You can't currently modify the storage of this DB instance because the previous"
            " storage change is being optimized."
        )
    for name in STORAGE:
        if name == "StorageThroughput" and not target[name]:
            pending.pop(name, None)
            continue
        now = inst.get(name, 0)
        _put(inst, name, target.get(name, now), now=now)


def _pend_version(ctx: Context, inst: Instance, params: Params) -> None:
    present = inst["EngineVersion"]
    asked = params.get("EngineVersion", inst["PendingModifiedValues"].get("EngineVersion", present))
    target = present if asked == present else full_version(asked)
    if asked in VERSIONS and rank(target) < rank(present) and asked == major(present):
        target = present
    if rank(target) < rank(present):
        raise clash(f"Cannot upgrade postgres from {present} to {target}")
    group = inst["DBParameterGroups"][0]["DBParameterGroupName"]
    option = params.get("OptionGroupName")
    new = major(target)
    if option not in (None, f"default:postgres-{new}"):
        raise AwsError("OptionGroupNotFoundFault", f"OptionGroupName: {option} not found.", 404)
    asked_group = params.get("DBParameterGroupName")
    if asked_group is not None:
        chosen = parameter_group(ctx, ctx.store, asked_group)
        if chosen["DBParameterGroupFamily"] != f"postgres{new}":
            raise clash(wrong_family(chosen, f"postgres{new}"))
        asked_group = chosen["DBParameterGroupName"]
    if new != major(present):
        if "EngineVersion" in params and not params.get("AllowMajorVersionUpgrade"):
            raise clash(
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major"
                " version."
            )
        promised = inst["_hidden"].get("DBParameterGroupName", group)
        if asked_group is None and not promised.startswith("default."):
            raise clash(
                f"Current Parameter Group ({group}) is non-default. You need to explicitly specify"
                " a new Parameter Group in this case (default or custom)"
            )
        if asked_group is not None:
            _put(inst, "DBParameterGroupName", asked_group, now=group, hidden=True)
    elif asked_group is not None and asked_group != group:
        set_parameter_group(inst, asked_group, "pending-reboot")
    if "EngineVersion" in params:
        _put(inst, "EngineVersion", target, now=present)
        if target == present:
            inst["_hidden"].pop("DBParameterGroupName", None)


def _pend_rest(ctx: Context, inst: Instance, params: Params) -> None:
    for name, field in WAITING.items():
        if name in params:
            _put(inst, field, params[name], now=inst[field])
    if "NetworkType" in params:
        _put(inst, "NetworkType", params["NetworkType"], now=inst["NetworkType"], hidden=True)
    if "DBPortNumber" in params:
        port = inst.get("Endpoint", {}).get("Port")
        _put(inst, "Port", params["DBPortNumber"], now=port)
    days = params.get("BackupRetentionPeriod")
    if days is not None:
        now = inst["BackupRetentionPeriod"]
        inst["_backup_soon"] = days > 0 and now > 0
        _put(inst, "BackupRetentionPeriod", days, now=now)
    if "CloudwatchLogsExportConfiguration" in params:
        _pend_logs(inst, params["CloudwatchLogsExportConfiguration"])
    if "DBSubnetGroupName" in params:
        group = subnet_group(ctx, params["DBSubnetGroupName"])
        if group["VpcId"] != subnet_group(ctx, inst["_subnet_group"])["VpcId"]:
            raise NotSimulated("moving a DB instance to another VPC")
        if group["DBSubnetGroupName"] != inst["_subnet_group"]:
            raise AwsError(
                "InvalidVPCNetworkStateFault",
                f"You cannot move DB instance {inst['DBInstanceIdentifier']} to subnet group "
                f"{group['DBSubnetGroupName']}. The specified DB subnet group and DB instance are "
                "in the same VPC. Choose a DB subnet group in different VPC than the specified DB "
                "instance and try again.",
            )
    _password(inst, params)


def _pend_logs(inst: Instance, config: Params) -> None:
    wanted = set(config.get("EnableLogTypes", []))
    unwanted = set(config.get("DisableLogTypes", []))
    check_logs([*wanted, *unwanted])
    if wanted & unwanted:
        raise clash("A log type can't be enabled and disabled in the same request.")
    held = set(inst["EnabledCloudwatchLogsExports"])
    switched = {  # the names are swapped, as botocore documents
        "LogTypesToDisable": sorted(wanted - held),
        "LogTypesToEnable": sorted(unwanted & held),
    }
    switched = {name: types for name, types in switched.items() if types}
    _put(inst, "PendingCloudwatchLogsExports", switched, now={})


def _password(inst: Instance, params: Params) -> None:
    managed = "MasterUserSecret" in inst
    manage = params.get("ManageMasterUserPassword", managed)
    password = params.get("MasterUserPassword")
    if manage and password is not None:
        raise clash("You can't specify MasterUserPassword when ManageMasterUserPassword is on.")
    at_once = params.get("ApplyImmediately", False)
    if params.get("RotateMasterUserPassword") and not (managed and at_once):
        raise clash("RotateMasterUserPassword needs a managed password and ApplyImmediately.")
    if "MasterUserSecretKmsKeyId" in params and (managed or not manage):
        raise clash("MasterUserSecretKmsKeyId is valid only when turning on password management.")
    if managed and not manage and password is None:
        raise clash("MasterUserPassword is required to turn off ManageMasterUserPassword.")
    if password is not None:
        inst["PendingModifiedValues"]["MasterUserPassword"] = "****"


def _switch_secret(ctx: Context, inst: Instance, params: Params) -> None:
    managed = "MasterUserSecret" in inst
    manage = params.get("ManageMasterUserPassword", managed)
    if manage and not managed:
        make_secret(ctx, inst, params)
    elif managed and not manage:
        drop_secret(ctx, inst)
    elif params.get("RotateMasterUserPassword"):
        rotate_secret(ctx, inst)


def _do_at_once(ctx: Context, inst: Instance, params: Params) -> None:
    for name, field in AT_ONCE.items():
        if name in params:
            inst[field] = params[name]
    if params.get("MonitoringInterval") == 0:
        for name in ("MonitoringRoleArn", "EnhancedMonitoringResourceArn"):
            inst.pop(name, None)
    asked_key = params.get("PerformanceInsightsKMSKeyId")
    held_key = inst.get("PerformanceInsightsKMSKeyId")
    if asked_key and held_key and key_arn(ctx, asked_key) != held_key:
        raise clash("The Performance Insights KMS key of an instance can't be changed.")
    set_insights(ctx, inst, params)
    check_insights(inst)
    inst["PreferredBackupWindow"] = params.get(
        "PreferredBackupWindow", inst["PreferredBackupWindow"]
    )
    if "PreferredMaintenanceWindow" in params:
        inst["PreferredMaintenanceWindow"] = params["PreferredMaintenanceWindow"].lower()
    check_windows(inst["PreferredBackupWindow"], inst["PreferredMaintenanceWindow"])
    size = inst["PendingModifiedValues"].get("AllocatedStorage", inst["AllocatedStorage"])
    limit = params.get("MaxAllocatedStorage", size + 1)
    if limit < size:
        raise clash("Max storage size must be greater than storage size")
    if limit == size:  # which turns storage autoscaling off
        inst.pop("MaxAllocatedStorage", None)
    elif "MaxAllocatedStorage" in params:
        inst["MaxAllocatedStorage"] = limit
    if params.get("VpcSecurityGroupIds"):
        vpc = subnet_group(ctx, inst["_subnet_group"])["VpcId"]
        wanted = security_groups(ctx, params["VpcSecurityGroupIds"], vpc)
        held = {g["VpcSecurityGroupId"] for g in inst["VpcSecurityGroups"]}
        if set(wanted) != held:
            inst["VpcSecurityGroups"] = [
                {"VpcSecurityGroupId": g, "Status": "active" if g in held else "adding"}
                for g in wanted
            ] + [
                {"VpcSecurityGroupId": g, "Status": "removing"}
                for g in sorted(held - set(wanted))
            ]  # fmt: skip


def _groups_done(_: Context, inst: Instance) -> None:
    inst["VpcSecurityGroups"] = [
        {**group, "Status": "active"}
        for group in inst["VpcSecurityGroups"]
        if group["Status"] != "removing"
    ]


def _secret_done(_: Context, inst: Instance) -> None:
    if "MasterUserSecret" in inst:
        inst["MasterUserSecret"]["SecretStatus"] = "active"


def _monitor(ctx: Context, inst: Instance) -> None:
    if inst["DBInstanceStatus"] == "available" and inst["MonitoringInterval"]:
        configure_monitoring(ctx, inst)
