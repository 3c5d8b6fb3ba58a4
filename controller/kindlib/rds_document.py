"""A DB instance as AWS describes it, in our language: values, pending values, readiness.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.handler import READY, Readiness
from controller.kindlib.reading import tag_map
from controller.policies import Doc

Instance = Mapping[str, Any]

_PLAIN = {
    "engine": "Engine",
    "engineVersion": "EngineVersion",
    "dbInstanceClass": "DBInstanceClass",
    "allocatedStorage": "AllocatedStorage",
    "maxAllocatedStorage": "MaxAllocatedStorage",
    "storageType": "StorageType",
    "iops": "Iops",
    "storageThroughput": "StorageThroughput",
    "storageEncrypted": "StorageEncrypted",
    "kmsKeyId": "KmsKeyId",
    "multiAZ": "MultiAZ",
    "availabilityZone": "AvailabilityZone",
    "publiclyAccessible": "PubliclyAccessible",
    "networkType": "NetworkType",
    "dbName": "DBName",
    "masterUsername": "MasterUsername",
    "iamDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "backupRetentionPeriod": "BackupRetentionPeriod",
    "preferredBackupWindow": "PreferredBackupWindow",
    "preferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "deletionProtection": "DeletionProtection",
    "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "databaseInsightsMode": "DatabaseInsightsMode",
    "enabledCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
    "monitoringInterval": "MonitoringInterval",
    "monitoringRoleArn": "MonitoringRoleArn",
    "caCertificateIdentifier": "CACertificateIdentifier",
    "licenseModel": "LicenseModel",
    "dbClusterIdentifier": "DBClusterIdentifier",
    "sourceDBInstanceIdentifier": "ReadReplicaSourceDBInstanceIdentifier",
    "sourceDBClusterIdentifier": "ReadReplicaSourceDBClusterIdentifier",
    "replicaMode": "ReplicaMode",
    "promotionTier": "PromotionTier",
    "dedicatedLogVolume": "DedicatedLogVolume",
    "customerOwnedIp": "CustomerOwnedIpEnabled",
    "backupTarget": "BackupTarget",
    "engineLifecycleSupport": "EngineLifecycleSupport",
    "characterSetName": "CharacterSetName",
    "ncharCharacterSetName": "NcharCharacterSetName",
    "timezone": "Timezone",
    "multiTenant": "MultiTenant",
    "dbSystemId": "DBSystemId",
    "customIamInstanceProfile": "CustomIamInstanceProfile",
    "automationMode": "AutomationMode",
}
_NOT_ZERO = ("iops", "maxAllocatedStorage", "storageThroughput")
"""AWS may say 0 where the type of storage has none."""

_OFF_UNLESS_SHOWN = ("storageEncrypted", "multiAZ", "publiclyAccessible", "deletionProtection",
                     "copyTagsToSnapshot")  # fmt: skip
"""Older replies lack what did not exist yet: it was off."""

PENDING = {
    "DBInstanceClass": "dbInstanceClass",
    "AllocatedStorage": "allocatedStorage",
    "Port": "port",
    "BackupRetentionPeriod": "backupRetentionPeriod",
    "MultiAZ": "multiAZ",
    "EngineVersion": "engineVersion",
    "LicenseModel": "licenseModel",
    "Iops": "iops",
    "StorageThroughput": "storageThroughput",
    "StorageType": "storageType",
    "CACertificateIdentifier": "caCertificateIdentifier",
    "DBSubnetGroupName": "dbSubnetGroupName",
    "IAMDatabaseAuthenticationEnabled": "iamDatabaseAuthentication",
    "Engine": "engine",
    "DedicatedLogVolume": "dedicatedLogVolume",
    "MultiTenant": "multiTenant",
    "AutomationMode": "automationMode",
    "ProcessorFeatures": "processorFeatures",
}
"""`PendingModifiedValues` member → spec field (case 57)."""

_SOON = {"MasterUserPassword", "PendingCloudwatchLogsExports", "Port"}
"""Pending values that AWS applies within minutes whatever ApplyImmediately says."""

_USABLE = ("available", "backing-up", "storage-optimization")
_FAILED = {
    "failed": "AWS could not create or recover it",
    "inaccessible-encryption-credentials": "its KMS key can't be used",
    "inaccessible-encryption-credentials-recoverable": "its KMS key can't be used; within 7 days "
    "the key can be given back",
    "insufficient-capacity": "AWS has no capacity for it",
    "restore-error": "restoring it failed",
    "storage-full": "its storage is full",
    "stopped": "somebody stopped it (AWS starts it again after 7 days)",
}


def to_spec(instance: Instance) -> Doc:
    """What is in force now; pending values are in `pending`."""
    spec: Doc = dict.fromkeys(_OFF_UNLESS_SHOWN, False)
    spec |= {
        field: instance[member]
        for field, member in _PLAIN.items()
        if instance.get(member) not in (None, "", [])
    }
    for name in _NOT_ZERO:
        if not spec.get(name, True):
            del spec[name]
    spec["tags"] = tag_map(instance.get("TagList"))
    if port := _port(instance):
        spec["port"] = port
    if instance.get("MultiAZ"):
        spec.pop("availabilityZone", None)  # AWS's choice, and swapped by a failover (95)
    if group := instance.get("DBSubnetGroup"):
        spec["dbSubnetGroupName"] = group["DBSubnetGroupName"]
    if groups := instance.get("DBParameterGroups"):
        spec["dbParameterGroupName"] = groups[0]["DBParameterGroupName"]
    if option := _option_groups(instance)[0]:
        spec["optionGroupName"] = option
    if groups := _security_groups(instance, but="adding"):
        spec["vpcSecurityGroupIds"] = groups
    spec["manageMasterUserPassword"] = _secret_status(instance) not in ("", "creating")
    if spec["manageMasterUserPassword"] and (key := instance["MasterUserSecret"].get("KmsKeyId")):
        spec["masterUserSecretKmsKeyId"] = key
    if (on := instance.get("PerformanceInsightsEnabled")) is not None:
        spec["performanceInsights"] = {"enabled": on, **_insights(instance)}
    if features := _features(instance.get("ProcessorFeatures")):
        spec["processorFeatures"] = features
    return spec | _membership(instance)[0]


def pending(instance: Instance) -> Doc:
    """What AWS has accepted and has yet to put in force (cases 57, 58, 77, 83)."""
    waiting = instance.get("PendingModifiedValues") or {}
    out: Doc = {
        field: waiting[member]
        for member, field in PENDING.items()
        if waiting.get(member) not in (None, "")
    }
    if "processorFeatures" in out:
        out["processorFeatures"] = _features(out["processorFeatures"])
    if exports := waiting.get("PendingCloudwatchLogsExports"):
        # AWS swaps the names: those "to enable" are being deactivated (case 58).
        going = set(exports.get("LogTypesToEnable", []))
        coming = set(exports.get("LogTypesToDisable", []))
        held = set(instance.get("EnabledCloudwatchLogsExports", []))
        out["enabledCloudwatchLogsExports"] = sorted((held - going) | coming)
    now = _security_groups(instance, but="adding")
    soon = _security_groups(instance, but="removing")
    if soon != now:
        out["vpcSecurityGroupIds"] = soon
    if _secret_status(instance) == "creating":
        out["manageMasterUserPassword"] = True
    if option := _option_groups(instance)[1]:
        out["optionGroupName"] = option
    return out | _membership(instance)[1]


def failed(instance: Instance) -> Doc:
    """What AWS tried and gave up on: joining a directory."""
    return _membership(instance)[2]


def left_by_others(instance: Instance, mine: set[str]) -> list[str]:
    """Pending values that ApplyImmediately would flush although they are not in `mine`."""
    waiting = instance.get("PendingModifiedValues") or {}
    soon = set(_SOON)
    if waiting.get("BackupRetentionPeriod") and instance.get("BackupRetentionPeriod"):
        soon.add("BackupRetentionPeriod")  # neither is 0: applied as soon as possible
    found = {m: v for m, v in waiting.items() if v not in (None, "", [], {}) and m not in soon}
    return sorted(m for m in found if PENDING.get(m) not in mine)


def readiness(instance: Instance) -> Readiness:
    """Whether the database can be used now (cases 78, 92)."""
    status = str(instance.get("DBInstanceStatus", ""))
    if status in _FAILED:
        return Readiness("failed", _reason(status), _FAILED[status])
    if status.startswith("incompatible-"):
        return Readiness("failed", _reason(status), f"status {status}")
    if status not in _USABLE or not _port(instance):
        return Readiness("in-progress", _reason(status), f"status {status}")
    if _secret_status(instance) == "creating":
        return Readiness("in-progress", "MasterUserSecretCreating", "its password is being made")
    group: Mapping[str, Any] = next(iter(instance.get("DBParameterGroups") or []), {})
    if group.get("ParameterApplyStatus") == "pending-reboot":
        name = group.get("DBParameterGroupName")
        message = f"static parameters of {name} apply when it is rebooted"
        return Readiness("ready", "NeedsReboot", message)
    return READY


def modifiable(instance: Instance) -> str:
    """Empty if AWS takes a modification now (case 92); a full disk is cured by one."""
    status = str(instance.get("DBInstanceStatus", ""))
    return "" if status in ("available", "storage-full") else f"status {status}"


def cluster_of(instance: Mapping[str, Any]) -> str:
    """The cluster that it is a member of (93)."""
    return str(instance.get("DBClusterIdentifier") or "")


def primary_of(instance: Mapping[str, Any]) -> str:
    """The instance or cluster that it is a replica of (94)."""
    return str(
        instance.get("ReadReplicaSourceDBInstanceIdentifier")
        or instance.get("ReadReplicaSourceDBClusterIdentifier")
        or ""
    )


def output(instance: Instance) -> Doc:
    """What others refer to, as far as it is there."""
    out: Doc = {"name": instance["DBInstanceIdentifier"]}
    if arn := instance.get("DBInstanceArn"):
        out["arn"] = arn
    if resource := instance.get("DbiResourceId"):
        out["resourceId"] = resource
    endpoint = instance.get("Endpoint") or {}
    if endpoint.get("Address") and endpoint.get("Port"):
        out["endpoint"] = {"address": endpoint["Address"], "port": endpoint["Port"]}
    return out


def _port(instance: Instance) -> int | None:
    """In the endpoint; `DbInstancePort` is 0 (case 90)."""
    port = (instance.get("Endpoint") or {}).get("Port")
    return int(port) if port else None


def _security_groups(instance: Instance, *, but: str) -> list[str]:
    """Those it has, but those in this state."""
    return sorted(
        g["VpcSecurityGroupId"]
        for g in instance.get("VpcSecurityGroups") or []
        if g.get("Status") != but
    )


def _option_groups(instance: Instance) -> tuple[str, str]:
    """(in force, coming): a change may show both."""
    now = coming = ""
    for group in instance.get("OptionGroupMemberships") or []:
        status, name = str(group.get("Status", "")), str(group.get("OptionGroupName", ""))
        if status.startswith("pending-") and status.endswith("apply"):
            coming = name
        elif not now or status == "in-sync":
            now = name
    return now or coming, coming if now else ""


def _insights(instance: Instance) -> Doc:
    found = {
        "retentionPeriod": instance.get("PerformanceInsightsRetentionPeriod"),
        "kmsKeyId": instance.get("PerformanceInsightsKMSKeyId"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _features(shown: Any) -> Doc:
    """Cores and threads by name; shown only where they are not the class's own."""
    return {
        f["Name"]: int(f["Value"]) if str(f["Value"]).isdigit() else f["Value"]
        for f in shown or ()
        if f.get("Name") and f.get("Value") is not None
    }


_MEMBERSHIP = {
    "domain": "Domain",
    "domainIAMRoleName": "IAMRoleName",
    "domainFqdn": "FQDN",
    "domainOu": "OU",
    "domainAuthSecretArn": "AuthSecretArn",
    "domainDnsIps": "DnsIps",
}


def _membership(instance: Instance) -> tuple[Doc, Doc, Doc]:
    """(in force, coming, failed) of the directory that it has joined.

    Statuses: joined, kerberos-enabled; pending-join, pending-maintenance-join, joining, enabling-…;
    pending-removal, removing, disabling-…; failed, …-failed.
    """
    for member in instance.get("DomainMemberships") or []:
        shown = {f: member[m] for f, m in _MEMBERSHIP.items() if member.get(m)}
        status = str(member.get("Status", "")).lower()
        if not shown:
            continue
        if "fail" in status:
            return {}, {}, shown
        if any(word in status for word in ("remov", "disabl")):
            return shown, {"domain": "none"}, {}
        if any(word in status for word in ("pending", "joining", "enabling", "enable-")):
            return {}, shown, {}
        return shown, {}, {}
    return {}, {}, {}


def _secret_status(instance: Instance) -> str:
    return str((instance.get("MasterUserSecret") or {}).get("SecretStatus", ""))


def _reason(status: str) -> str:
    """`storage-full` → `StorageFull`."""
    return "".join(word.capitalize() for word in status.split("-")) or "Unknown"
