"""What RDS refuses of an instance's settings, known before the call.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
`always`: what no instance can be. `creation`: what none can be made with today; older ones, members
of clusters and others' may be so all the same.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from controller.kindlib.rds_engines import MADE, RULES, Rules, family
from controller.kindlib.rds_storage import complaints
from controller.kindlib.values import number
from controller.kindlib.windows import overlap
from controller.policies import Doc
from controller.spec import holds_reference

FLAGS = {
    "applyImmediately": "a flag of the call, not of the instance: Plumbline sets it where nothing "
    "but your own change would be applied",
    "allowMajorVersionUpgrade": "a flag of the call: write another major engineVersion, which "
    "waits for your approval",
    "deleteAutomatedBackups": "a flag of the deletion: automated backups are always kept until "
    "they expire",
    "skipFinalSnapshot": "a flag of the deletion: a final snapshot is taken wherever AWS can",
    "finalDBSnapshotIdentifier": "a flag of the deletion: the final snapshot is named after the "
    "instance and its resource id",
    "certificateRotationRestart": "a flag of the call: a new caCertificateIdentifier restarts the "
    "server where the engine needs it",
    "useDefaultProcessorFeatures": "a flag of the call: write processorFeatures: {}",
    "disableDomain": "a flag of the call: write domain: none",
    "rotateMasterUserPassword": "an act, not a property: give the Secret a new version, or let RDS "
    "rotate its own every 7 days",
    "dbSnapshotIdentifier": "a way to make an instance, not a property of it: restore it yourself, "
    "then declare what is there with lifecycle.adopt: true",
    "restoreTime": "a way to make an instance: restore it yourself, then adopt it",
    "useLatestRestorableTime": "a way to make an instance: restore it yourself, then adopt it",
    "newDBInstanceIdentifier": "the name is metadata.externalName; AWS renames with an outage, "
    "which Plumbline leaves to a person",
    "dbInstanceIdentifier": "the name is metadata.name, or metadata.externalName",
    "resumeFullAutomationModeMinutes": "a flag of the call: RDS Custom resumes by itself",
    "tdeCredentialPassword": "Oracle's own key stores, which AWS has retired: storageEncrypted "
    "covers all engines",
    "dbSecurityGroups": "EC2-Classic, which is gone: vpcSecurityGroupIds",
    "tdeCredentialArn": "Oracle's own key stores, which AWS has retired: storageEncrypted covers "
    "all engines",
    "additionalStorageVolumes": "not managed yet: further volumes stay as others made them",
    "associatedRoles": "not managed yet: roles that others gave it stay",
    "dbCapacityReservationIdentifier": "a choice of people for a time, no property to hold an "
    "instance to",
    "masterUserAuthenticationType": "not managed: the master user has a password, in a Secret or "
    "in RDS's own",
    "tagSpecifications": "tags does the same",
}
"""Request parameters that are no property of an instance (84), and what to do instead."""
_PARTS = ("domainFqdn", "domainOu", "domainAuthSecretArn", "domainDnsIps")
RETENTIONS = (7, 731, *(31 * months for months in range(1, 24)))
"""Days that Performance Insights can be kept."""
ADVANCED_DAYS = 465
"""Days that Database Insights' advanced mode demands of Performance Insights."""
_NOT_SQLSERVER = {1234, 1434, 3260, 3343, 3389, 47001, *range(49152, 49157)}
"""Ports that SQL Server can't have."""


def always(spec: Mapping[str, Any]) -> Iterable[str]:
    """What contradicts itself, whoever made the instance."""
    if spec.get("masterUserPassword") and spec.get("manageMasterUserPassword") is True:
        yield "masterUserPassword and manageMasterUserPassword exclude each other"
    if spec.get("masterUserSecretKmsKeyId") and spec.get("manageMasterUserPassword") is not True:
        yield "masterUserSecretKmsKeyId: means nothing without manageMasterUserPassword: true"
    if spec.get("availabilityZone") and spec.get("multiAZ") is True:
        yield "availabilityZone: AWS chooses the zones with multiAZ: true"
    owner = owner_of(spec)
    for name in ("masterUserPassword", "manageMasterUserPassword"):
        if owner and spec.get(name):
            yield f"{name}: is the {owner}'s"
    if spec.get("dbClusterIdentifier") and spec.get("sourceDBInstanceIdentifier"):
        yield "dbClusterIdentifier and sourceDBInstanceIdentifier exclude each other"
    if not owner:
        yield from _windows(spec)


def owner_of(spec: Mapping[str, Any]) -> str:
    """`cluster` or `primary`, if the spec says that the instance belongs to one."""
    if spec.get("dbClusterIdentifier"):
        return "cluster"
    source = spec.get("sourceDBInstanceIdentifier") or spec.get("sourceDBClusterIdentifier")
    return "primary" if source else ""


def _windows(spec: Mapping[str, Any]) -> Iterable[str]:
    backup, weekly = spec.get("preferredBackupWindow"), spec.get("preferredMaintenanceWindow")
    known = backup and weekly and not holds_reference(backup) and not holds_reference(weekly)
    if backup and weekly and known and overlap(backup, weekly):
        yield "preferredBackupWindow and preferredMaintenanceWindow overlap"


def creation(spec: Mapping[str, Any]) -> Iterable[str]:
    """What CreateDBInstance would refuse, or Plumbline does not make."""
    engine = str(spec.get("engine", "")).lower()
    if owner := owner_of(spec):
        what = "a cluster's member" if owner == "cluster" else "a read replica"
        yield f"Plumbline makes no {what.partition(' ')[2]}: make it, then adopt it"
        return
    if holds_reference(engine):
        return
    if engine not in MADE:
        near = difflib.get_close_matches(engine, MADE, 1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(MADE)}"
        yield f"engine: Plumbline makes no {engine!r} instance, {hint}"
        return
    rules = RULES[family(engine)]
    if not spec.get("masterUserPassword") and spec.get("manageMasterUserPassword") is False:
        yield "masterUserPassword (or manageMasterUserPassword: true) is needed"
    if spec.get("allocatedStorage") is None:
        yield "allocatedStorage is needed"
    if spec.get("kmsKeyId") and spec.get("storageEncrypted") is False:
        yield "kmsKeyId: means nothing with storageEncrypted: false"
    yield from _storage(spec, engine, rules)
    yield from _user(engine, rules, str(spec.get("masterUsername", "")))
    if spec.get("dbName"):
        yield from _database(engine, rules, spec["dbName"])
    yield from _logs(engine, rules, spec.get("enabledCloudwatchLogsExports"))
    yield from _insights(spec)
    if family(engine) == "sqlserver" and number(spec.get("port")) in _NOT_SQLSERVER:
        yield f"port: SQL Server can't have {spec['port']}"
    yield from _of_one_engine(spec, engine)
    yield from _domain(spec)


def _storage(spec: Mapping[str, Any], engine: str, rules: Rules) -> Iterable[str]:
    size, limit = number(spec.get("allocatedStorage")), number(spec.get("maxAllocatedStorage"))
    if limit is not None and size is not None and limit != size and limit * 10 < size * 11:
        yield (
            f"maxAllocatedStorage: at least 10 % above allocatedStorage ({size}), or equal to "
            f"it for no autoscaling, not {limit}"
        )
    if any(holds_reference(spec.get(n)) for n in ("iops", "storageThroughput", "storageType")):
        return
    yield from complaints(
        engine, str(spec.get("storageType", "")).lower(), size, spec.get("iops"),
        spec.get("storageThroughput"), rules,
    )  # fmt: skip


def _user(engine: str, rules: Rules, user: str) -> Iterable[str]:
    if holds_reference(user):
        return
    longest, reserved = rules.user
    if not re.fullmatch(r"(?a)[A-Za-z]\w*", user) or len(user) > longest:
        yield (
            f"masterUsername: 1-{longest} letters, digits or underscores, beginning with a "
            f"letter, not {user!r}"
        )
    low = user.lower()
    if low in reserved or (engine == "postgres" and low.startswith("pg_")):
        yield f"masterUsername: {user!r} is reserved by {engine}"


def _database(engine: str, rules: Rules, name: str) -> Iterable[str]:
    if holds_reference(name):
        return
    longest, reserved = rules.database
    if not longest:
        yield "dbName: SQL Server takes none; create databases once it runs"
    elif not re.fullmatch(r"(?a)[A-Za-z]\w*", name) or len(name) > longest:
        yield (
            f"dbName: 1-{longest} letters, digits or underscores, beginning with a letter, "
            f"not {name!r}"
        )
    elif name.lower() in reserved:
        yield f"dbName: {name!r} is reserved by {engine}"


def _logs(engine: str, rules: Rules, types: Any) -> Iterable[str]:
    for name in types if isinstance(types, list) else ():
        if not holds_reference(name) and name not in rules.logs:
            yield f"enabledCloudwatchLogsExports: {engine} has {sorted(rules.logs)}, not {name!r}"


def _insights(spec: Mapping[str, Any]) -> Iterable[str]:
    insights: Doc = spec.get("performanceInsights") or {}
    interval, role = spec.get("monitoringInterval"), spec.get("monitoringRoleArn")
    days = number(insights.get("retentionPeriod"))
    if days is not None and days not in RETENTIONS:
        yield f"performanceInsights.retentionPeriod: 7, 731 or a multiple of 31 below, not {days}"
    if insights.get("enabled") is False and len(insights) > 1:
        yield "performanceInsights: retentionPeriod and kmsKeyId mean nothing while it is off"
    advanced = spec.get("databaseInsightsMode") == "advanced"
    if advanced and not (insights.get("enabled") and (days or 0) >= ADVANCED_DAYS):
        yield (
            "databaseInsightsMode: advanced needs performanceInsights enabled with a "
            f"retentionPeriod of at least {ADVANCED_DAYS} days"
        )
    if number(interval) and not role:
        yield "monitoringInterval: needs monitoringRoleArn, the role that writes to CloudWatch"
    if role and not interval:
        yield "monitoringRoleArn: means nothing without a monitoringInterval above 0"


_KNOWN = {
    "networkType": ("IPV4", "DUAL"),
    "databaseInsightsMode": ("standard", "advanced"),
    "engineLifecycleSupport": (
        "open-source-rds-extended-support", "open-source-rds-extended-support-disabled",
    ),
    "backupTarget": ("region", "outposts", "local"),
}  # fmt: skip
"""Field → the words that AWS takes today; what exists may have others."""
_SINGLE = ("sqlserver-ex", "sqlserver-web", "sqlserver-dev-ee")
"""Engines without a standby."""
_ONLY = {
    "iamDatabaseAuthentication": ("postgres", "mysql", "mariadb", "db2"),
    "characterSetName": ("oracle", "sqlserver", "db2"),
    "ncharCharacterSetName": ("oracle",),
    "timezone": ("sqlserver", "db2"),
    "processorFeatures": ("oracle", "sqlserver"),
    "multiTenant": ("oracle",),
    "engineLifecycleSupport": ("postgres", "mysql"),
    "domain": ("postgres", "mysql", "oracle", "sqlserver", "db2"),
}
"""Field → families that have it."""
_NOT_HERE = {
    "replicaMode": "is a read replica's",
    "promotionTier": "is a cluster member's",
    "automationMode": "is RDS Custom's",
    "customIamInstanceProfile": "is RDS Custom's",
    "dbSystemId": "is RDS Custom's",
}
"""Fields of instances that Plumbline doesn't make."""


def _of_one_engine(spec: Mapping[str, Any], engine: str) -> Iterable[str]:
    for name, families in _ONLY.items():
        if spec.get(name) not in (None, False, "none") and family(engine) not in families:
            yield f"{name}: {engine} has none; {', '.join(families)} have"
    for name, words in _KNOWN.items():
        said = spec.get(name)
        if said is not None and not holds_reference(said) and said not in words:
            yield f"{name}: {' or '.join(words)}, not {said!r}"
    licence, licences = spec.get("licenseModel"), RULES[family(engine)].licences
    if licence is not None and not holds_reference(licence) and licence not in licences:
        yield f"licenseModel: {engine} has {' or '.join(licences)}, not {licence!r}"
    if spec.get("multiAZ") is True and engine in _SINGLE:
        yield f"multiAZ: {engine} has no standby, write multiAZ: false"
    for name, whose in _NOT_HERE.items():
        if spec.get(name) is not None:
            yield f"{name}: {whose}"
    if spec.get("multiTenant") and not engine.endswith("-cdb"):
        yield f"multiTenant: container databases only (engine …-cdb), not {engine}"
    if spec.get("dedicatedLogVolume") and str(spec.get("storageType")) not in ("io1", "io2"):
        yield "dedicatedLogVolume: only with storageType io1 or io2"


def _domain(spec: Mapping[str, Any]) -> Iterable[str]:
    domain, parts = spec.get("domain"), [n for n in _PARTS if spec.get(n)]
    if domain not in (None, "none") and parts:
        yield f"{parts[0]}: for a self-managed directory, which has no domain"
    if domain not in (None, "none") and not spec.get("domainIAMRoleName"):
        yield "domain: needs domainIAMRoleName, the role that joins it"
    if parts and len(parts) < len(_PARTS):
        missing = next(n for n in _PARTS if n not in parts)
        yield f"{missing}: a self-managed directory needs {', '.join(_PARTS)}"
    ips = spec.get("domainDnsIps")
    if isinstance(ips, list) and len(ips) != 2:
        yield "domainDnsIps: two addresses, the same twice if there is one controller"
