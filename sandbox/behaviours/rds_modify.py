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

from sandbox.behaviours.rds_instances import membership, set_insights, wrong_family
from sandbox.behaviours.rds_option_groups import option_group
from sandbox.behaviours.rds_parameter_groups import parameter_group
from sandbox.behaviours.rds_subnet_groups import subnet_group
from sandbox.data_services import clash, key_arn, security_groups
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_engines import engine, full_version, major, rank
from sandbox.rds_rules import (
    changed_storage,
    check_insights,
    check_log_volume,
    check_logs,
    check_settings,
    check_windows,
)
from sandbox.rds_secrets import drop_secret, make_secret, rotate_secret
from sandbox.rds_state import (
    RUNNING,
    STORAGE,
    at_next_window,
    configure_monitoring,
    find,
    instances,
    jitter,
    kick,
    later,
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
    MasterUserSecretKmsKeyId DedicatedLogVolume EngineLifecycleSupport PromotionTier
    ProcessorFeatures UseDefaultProcessorFeatures Domain DomainIAMRoleName DomainFqdn DomainOu
    DomainAuthSecretArn DomainDnsIps DisableDomain
"""
AT_ONCE = {
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "DeletionProtection": "DeletionProtection",
    "PubliclyAccessible": "PubliclyAccessible",
    "EngineLifecycleSupport": "EngineLifecycleSupport",
    "PromotionTier": "PromotionTier",
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
    "LicenseModel": "LicenseModel",
}
CLUSTERS = """
    AllocatedStorage VpcSecurityGroupIds MasterUserPassword BackupRetentionPeriod
    PreferredBackupWindow MultiAZ EngineVersion Iops StorageThroughput OptionGroupName StorageType
    CopyTagsToSnapshot DBPortNumber EnableIAMDatabaseAuthentication DatabaseInsightsMode
    CloudwatchLogsExportConfiguration DeletionProtection MaxAllocatedStorage NetworkType
    ManageMasterUserPassword RotateMasterUserPassword MasterUserSecretKmsKeyId
    EngineLifecycleSupport ProcessorFeatures UseDefaultProcessorFeatures Domain DomainFqdn
    LicenseModel
"""
"""What "doesn't apply to Amazon Aurora", but to the cluster."""
Instance = dict[str, Any]


@behaviour("rds", "ModifyDBInstance", ACCEPTS, evidence="documented", source=GUIDE)
def modify_db_instance(ctx: Context, params: Params) -> Reply:
    """Refused unless running; while backing-up it is accepted and queued (seen, integr8ly #186)."""
    live = find(ctx.store, params["DBInstanceIdentifier"])
    if live["DBInstanceStatus"] not in (*RUNNING, "backing-up"):
        raise AwsError("InvalidDBInstanceState", "Database instance is not in available state.")
    if not set(params) - FLAGS:
        raise clash("No modifications were requested")
    _check_owner(live, params)
    kind = engine(live["Engine"])
    check_settings(params, kind)
    _check_replicas(ctx, live, params)
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


def _check_owner(inst: Instance, params: Params) -> None:
    """A cluster decides for its members, a primary for its replicas."""
    theirs = sorted(set(CLUSTERS.split()) & set(params))
    if inst.get("DBClusterIdentifier") and theirs:
        raise clash(
            f"The specified DB Instance is a member of a cluster. Modify {theirs[0]} for the DB"
            f" cluster {inst['DBClusterIdentifier']} instead."
        )
    if inst.get("ReadReplicaSourceDBInstanceIdentifier") and (
        {"MasterUserPassword", "ManageMasterUserPassword"} & set(params)
    ):
        raise clash("You can't modify the master user password of a read replica.")


def _check_replicas(ctx: Context, inst: Instance, params: Params) -> None:
    if params.get("BackupRetentionPeriod") == 0 and inst["ReadReplicaDBInstanceIdentifiers"]:
        raise clash("Automated backups can't be disabled on a source to read replicas.")
    source = inst.get("ReadReplicaSourceDBInstanceIdentifier")
    primary = instances(ctx.store).get(source or "")
    if primary and "EngineVersion" in params:
        asked = full_version(inst["Engine"], params["EngineVersion"])
        if rank(asked) < rank(primary["EngineVersion"]):
            raise clash("A read replica can't have an older engine version than its source.")


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
    target = changed_storage(
        engine(inst["Engine"]), effective, inst["AllocatedStorage"], params
    )  # fmt: skip
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
    kind = engine(inst["Engine"])
    old = major(kind.name, present)
    target = present if asked == present else full_version(kind.name, asked)
    if asked == old and rank(target) < rank(present):
        target = present
    if rank(target) < rank(present):
        raise clash(f"Cannot upgrade {kind.name} from {present} to {target}")
    group = inst["DBParameterGroups"][0]["DBParameterGroupName"]
    new = major(kind.name, target)
    if "OptionGroupName" in params:
        _pend_options(inst, option_group(ctx, params["OptionGroupName"], kind, new))
    asked_group = params.get("DBParameterGroupName")
    if asked_group is not None:
        chosen = parameter_group(ctx, ctx.store, asked_group)
        if chosen["DBParameterGroupFamily"] != kind.family(new):
            raise clash(wrong_family(chosen, kind.family(new)))
        asked_group = chosen["DBParameterGroupName"]
    if new != old:
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
        options = inst["OptionGroupMemberships"][0]["OptionGroupName"]
        if not options.startswith("default:") and "OptionGroupName" not in params:
            raise clash(
                f"Current Option Group ({options}) is non-default. You need to explicitly specify"
                " a new Option Group in this case (default or custom)"
            )
        if asked_group is not None:
            _put(inst, "DBParameterGroupName", asked_group, now=group, hidden=True)
    elif asked_group is not None and asked_group != group:
        set_parameter_group(inst, asked_group, "pending-reboot")
    if "EngineVersion" in params:
        _put(inst, "EngineVersion", target, now=present)
        if target == present:
            inst["_hidden"].pop("DBParameterGroupName", None)


def _pend_options(inst: Instance, name: str) -> None:
    """A switch waits as the others do, but shows as a second membership."""
    now = next(m for m in inst["OptionGroupMemberships"] if not m["Status"].startswith("pending"))
    inst["OptionGroupMemberships"] = [now]
    _put(inst, "OptionGroupName", name, now=now["OptionGroupName"], hidden=True)
    if name != now["OptionGroupName"]:
        inst["OptionGroupMemberships"].append({"OptionGroupName": name, "Status": "pending-apply"})


def _pend_domain(inst: Instance, params: Params) -> None:
    asked = membership(params)
    now = [{k: v for k, v in m.items() if k != "Status"} for m in inst["DomainMemberships"]]
    if params.get("DisableDomain") or asked.get("Domain") == "none":
        _put(inst, "DomainMemberships", [], now=now, hidden=True)
        inst["DomainMemberships"] = [
            {**m, "Status": "pending-removal"} for m in inst["DomainMemberships"]
        ]
    elif asked:
        if "Domain" in asked and "IAMRoleName" not in asked:
            raise clash("DomainIAMRoleName must be specified with Domain.")
        _put(inst, "DomainMemberships", [asked], now=now, hidden=True)
        if [asked] != now:
            inst["DomainMemberships"] = [{**asked, "Status": "pending-join"}]


def _pend_rest(ctx: Context, inst: Instance, params: Params) -> None:
    for name, field in WAITING.items():
        if name in params:
            _put(inst, field, params[name], now=inst[field])
    check_log_volume(params, str(params.get("StorageType", inst["StorageType"])))
    _pend_domain(inst, params)
    features = sorted(params.get("ProcessorFeatures", []), key=lambda f: str(f["Name"]))
    if features or params.get("UseDefaultProcessorFeatures"):
        now = inst.get("ProcessorFeatures", [])
        _put(inst, "ProcessorFeatures", features, now=now, hidden=not features)
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
    check_logs([*wanted, *unwanted], engine(inst["Engine"]))
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
