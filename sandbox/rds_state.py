"""RDS instances: what they look like to a reader, and how their changes take time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.data_services import (
    minute_of_week,
    minutes,
    tag_list,
    until_window,
)
from sandbox.errors import AwsError
from sandbox.rds_engines import engine, major
from sandbox.registry import Context
from sandbox.world import Store

Instance = dict[str, Any]

CERTIFICATES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
RUNNING = ("available", "storage-optimization", "storage-full")
"""Statuses in which a change can start."""
STORAGE = ("AllocatedStorage", "StorageType", "Iops", "StorageThroughput")
SWITCHES = ("LogTypesToEnable", "LogTypesToDisable")
_SOON = ("MasterUserPassword", "Port", "PendingCloudwatchLogsExports")
_TAKES = {
    "DBInstanceClass": 6, "EngineVersion": 5, "MultiAZ": 10, "AllocatedStorage": 3,
    "StorageType": 3, "Iops": 3, "StorageThroughput": 3, "MasterUserPassword": 1,
    "IAMDatabaseAuthenticationEnabled": 2, "CACertificateIdentifier": 2, "Port": 2,
    "ProcessorFeatures": 6, "DedicatedLogVolume": 5,
}  # fmt: skip
"""Minutes that a change takes; others take one."""
_STATUS = (
    ({"EngineVersion"}, "upgrading"),
    ({"MasterUserPassword"}, "resetting-master-credentials"),
    ({"PendingCloudwatchLogsExports"}, "configuring-log-exports"),
    ({"IAMDatabaseAuthenticationEnabled"}, "configuring-iam-database-auth"),
)


# --- reading ---


def instances(store: Store) -> dict[str, Instance]:
    """Instances by identifier."""
    found: dict[str, Instance] = store.setdefault("instances", {})
    return found


def find(store: Store, identifier: str) -> Instance:
    """The instance of that identifier or ARN, in any case."""
    name = identifier.rpartition(":")[2].lower()
    held: dict[str, Instance] = store.get("instances", {})
    if name not in held:
        raise AwsError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
    return held[name]


def wire(ctx: Context, store: Store, inst: Instance) -> Instance:
    """The instance as the API shows it."""
    out = {k: copy.deepcopy(v) for k, v in inst.items() if not k.startswith("_")}
    for name in ("VpcSecurityGroups", "EnabledCloudwatchLogsExports"):
        if name in out:
            out[name] = ctx.shuffled(out[name])
    group = store["subnet_groups"][inst["_subnet_group"]]
    out["DBSubnetGroup"] = wire_subnet_group(ctx, group)
    out["DBSubnetGroup"].pop("DBSubnetGroupArn", None)
    out["TagList"] = tag_list(ctx, store, inst["DBInstanceArn"])
    return out


def wire_subnet_group(ctx: Context, group: dict[str, Any]) -> dict[str, Any]:
    """A subnet group as the API shows it."""
    out = {k: copy.deepcopy(v) for k, v in group.items() if not k.startswith("_")}
    out["Subnets"] = ctx.shuffled(
        {
            "SubnetIdentifier": subnet_id,
            "SubnetAvailabilityZone": {"Name": zone},
            "SubnetOutpost": {},
            "SubnetStatus": "Active",
        }
        for subnet_id, zone in group["_subnets"].items()
    )
    return out


# --- time ---


def later(
    ctx: Context, inst: Instance, delay: timedelta, step: Callable[[Context, Instance], None]
) -> None:
    """Do `step` to the instance after `delay`, if it still is the same one by then."""
    name, resource = inst["DBInstanceIdentifier"], inst["DbiResourceId"]

    def run() -> None:
        live = instances(ctx.store).get(name)
        if live is not None and live["DbiResourceId"] == resource:
            step(ctx, live)

    ctx.world.clock.after(delay, run)


def jitter(ctx: Context, minutes_: float) -> timedelta:
    """About so many minutes."""
    return timedelta(minutes=minutes_ * ctx.world.rng.uniform(0.9, 1.1))


def after_create(ctx: Context, inst: Instance) -> None:
    """The instance got its computer: it has an endpoint now, and takes its first backup."""
    name = inst["DBInstanceIdentifier"]
    inst["Endpoint"] = {
        "Address": f"{name}.{ctx.store['_zone']}.{ctx.region}.rds.amazonaws.com",
        "HostedZoneId": "Z2R2ITUGPM61AM",
        "Port": inst.pop("_port"),
    }
    inst["InstanceCreateTime"] = ctx.now
    inst["AvailabilityZone"], inst["_other_zone"] = inst.pop("_zones")
    inst["PendingModifiedValues"] = {}
    if inst["MultiAZ"]:
        inst["SecondaryAvailabilityZone"] = inst["_other_zone"]
    if "MasterUserSecret" in inst:
        inst["MasterUserSecret"]["SecretStatus"] = "active"
    for group in inst["VpcSecurityGroups"]:
        group["Status"] = "active"
    if inst["BackupRetentionPeriod"]:
        back_up(ctx, inst)
    else:
        become_available(ctx, inst)


def back_up(ctx: Context, inst: Instance) -> None:
    """A backup starts; changes asked for meanwhile wait."""
    inst["DBInstanceStatus"] = "backing-up"
    later(ctx, inst, jitter(ctx, 2), _backed_up)


def _backed_up(ctx: Context, inst: Instance) -> None:
    inst["LatestRestorableTime"] = ctx.now
    if inst["MonitoringInterval"] and "EnhancedMonitoringResourceArn" not in inst:
        configure_monitoring(ctx, inst)
    else:
        become_available(ctx, inst)


def configure_monitoring(ctx: Context, inst: Instance) -> None:
    """Enhanced monitoring gets its stream."""
    inst["DBInstanceStatus"] = "configuring-enhanced-monitoring"
    inst["EnhancedMonitoringResourceArn"] = ctx.arn(
        f"log-group:RDSOSMetrics:log-stream:{inst['DbiResourceId']}", "logs"
    )
    later(ctx, inst, timedelta(minutes=1), become_available)


def become_available(ctx: Context, inst: Instance) -> None:
    """A piece of work is done; begin what was asked for meanwhile."""
    if inst["DBInstanceStatus"] == "deleting":
        return
    inst["DBInstanceStatus"] = "available"
    if _batch(inst):
        kick(ctx, inst)


def kick(ctx: Context, inst: Instance) -> None:
    """What does not wait for the window starts half a minute later: until then, `available`."""
    if inst["DBInstanceStatus"] in RUNNING and not inst.get("_kicked"):
        inst["_kicked"] = True
        later(ctx, inst, timedelta(seconds=ctx.world.rng.uniform(20, 40)), _begin)


def at_next_window(ctx: Context, inst: Instance) -> None:
    """Let the next maintenance window apply what is pending."""
    later(ctx, inst, until_window(ctx.now, inst["PreferredMaintenanceWindow"]), _window)


def _window(ctx: Context, inst: Instance) -> None:
    start, _ = minutes(inst["PreferredMaintenanceWindow"])
    if start != minute_of_week(ctx.now):
        return  # the window was moved, which set its own timer
    if inst["PendingModifiedValues"] or inst["_hidden"]:
        inst["_flush"] = True
        _begin(ctx, inst)


def _batch(inst: Instance) -> list[str]:
    pending = inst["PendingModifiedValues"]
    if inst["_flush"]:
        return [*pending, *inst["_hidden"]]
    soon = [*_SOON, *(["BackupRetentionPeriod"] if inst.get("_backup_soon") else [])]
    return [name for name in pending if name in soon]


def _begin(ctx: Context, inst: Instance) -> None:
    inst["_kicked"] = False
    names = _batch(inst)
    if inst["DBInstanceStatus"] not in RUNNING or not names:
        return
    inst["_flush"] = False
    for group in inst["OptionGroupMemberships"]:
        group["Status"] = "in-sync" if group["Status"] == "in-sync" else "applying"
    changed = set(names)
    inst["DBInstanceStatus"] = next((s for n, s in _STATUS if changed <= n), "modifying")
    if "EngineVersion" in changed:
        inst["DBInstanceStatus"] = "upgrading"
    takes = max(_TAKES.get(name, 1) for name in names)
    version = inst["PendingModifiedValues"].get("EngineVersion", inst["EngineVersion"])
    if major(inst["Engine"], version) != major(inst["Engine"], inst["EngineVersion"]):
        takes += 10
    later(ctx, inst, jitter(ctx, takes), _finish)
    inst["_batch"] = names


def _finish(ctx: Context, inst: Instance) -> None:
    names = inst.pop("_batch")
    if inst["DBInstanceStatus"] == "deleting":
        return
    had_backups = inst["BackupRetentionPeriod"] > 0
    for name in names:
        pending = inst["PendingModifiedValues"]
        value = pending.pop(name, None) if name in pending else inst["_hidden"].pop(name, None)
        if value is not None:
            _apply(inst, name, value)
    if {"DBInstanceClass", "EngineVersion", "Port", "ProcessorFeatures"} & set(names):  # restarted
        for group in inst["DBParameterGroups"]:
            group["ParameterApplyStatus"] = "in-sync"
    if set(names) & set(STORAGE):
        told = "allocated storage" if "AllocatedStorage" in names else "storage type"
        tell(ctx, inst, f"Finished applying modification to {told}", "configuration change")
        optimize_storage(ctx, inst)
        if _batch(inst):
            kick(ctx, inst)
    elif not had_backups and inst["BackupRetentionPeriod"] > 0:
        back_up(ctx, inst)
    else:
        become_available(ctx, inst)


def optimize_storage(ctx: Context, inst: Instance) -> None:
    """After a change of its storage: no further one for six hours, and while being optimized."""
    inst["DBInstanceStatus"] = "storage-optimization"
    inst["_storage_until"] = ctx.now + timedelta(hours=6)
    later(ctx, inst, jitter(ctx, 45), _optimized)


def _optimized(ctx: Context, inst: Instance) -> None:
    if inst["DBInstanceStatus"] == "storage-optimization":
        become_available(ctx, inst)


def _apply(inst: Instance, name: str, value: Any) -> None:
    match name:
        case "MasterUserPassword":
            pass
        case "Port":
            inst["Endpoint"]["Port"] = value
        case "PendingCloudwatchLogsExports":  # the names are swapped, as botocore documents
            exports = set(inst["EnabledCloudwatchLogsExports"]) | set(value.get(SWITCHES[1], []))
            inst["EnabledCloudwatchLogsExports"] = sorted(exports - set(value.get(SWITCHES[0], [])))
        case "MultiAZ":
            inst["MultiAZ"] = value
            inst.pop("SecondaryAvailabilityZone", None)
            if value:
                inst["SecondaryAvailabilityZone"] = inst["_other_zone"]
        case "CACertificateIdentifier":
            set_certificate(inst, value)
        case "EngineVersion":
            set_version(inst, value)
        case "StorageType":
            inst["StorageType"] = value
            if value in ("gp2", "standard"):
                inst.pop("Iops", None)
            if value != "gp3":
                inst["StorageThroughput"] = 0
        case "OptionGroupName":
            inst["OptionGroupMemberships"] = [{"OptionGroupName": value, "Status": "in-sync"}]
        case "DBParameterGroupName":
            set_parameter_group(inst, value, "pending-reboot")
        case "BackupRetentionPeriod":
            inst["BackupRetentionPeriod"] = value
            inst.pop("_backup_soon", None)
        case "ProcessorFeatures":
            inst["ProcessorFeatures"] = value
            if not value:  # those of the class are not shown
                del inst["ProcessorFeatures"]
        case "DomainMemberships":
            inst["DomainMemberships"] = [{**m, "Status": "joined"} for m in value]
        case _:
            inst[name] = value


def set_certificate(inst: Instance, name: str) -> None:
    """Give the instance a server certificate of that authority."""
    inst["CACertificateIdentifier"] = name
    inst["CertificateDetails"] = {
        "CAIdentifier": name,
        "ValidTill": datetime(2061, 5, 25, 22, 34, 57, tzinfo=UTC),
    }


def set_version(inst: Instance, version: str) -> None:
    """Upgrade: default groups of the old major version give way to those of the new one."""
    kind = engine(inst["Engine"])
    old, new = major(kind.name, inst["EngineVersion"]), major(kind.name, version)
    inst["EngineVersion"] = version
    for group in inst["DBParameterGroups"]:
        if group["DBParameterGroupName"] == f"default.{kind.family(old)}":
            group["DBParameterGroupName"] = f"default.{kind.family(new)}"
    for group in inst["OptionGroupMemberships"]:
        if group["OptionGroupName"] == kind.options(old):
            group["OptionGroupName"] = kind.options(new)


def tell(ctx: Context, inst: Instance, message: str, category: str) -> None:
    """An event in the instance's history."""
    ctx.store.setdefault("events", []).append({
        "SourceIdentifier": inst["DBInstanceIdentifier"], "SourceType": "db-instance",
        "SourceArn": inst["DBInstanceArn"], "Message": message, "EventCategories": [category],
        "Date": ctx.now,
    })  # fmt: skip


def set_parameter_group(inst: Instance, name: str, status: str) -> None:
    """Associate a parameter group."""
    inst["DBParameterGroups"] = [{"DBParameterGroupName": name, "ParameterApplyStatus": status}]
