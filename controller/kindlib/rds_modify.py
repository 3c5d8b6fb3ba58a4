"""What ModifyDBInstance is sent for which change, at what risk, and whether at once.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html
One call per kind of risk. ApplyImmediately is a flag for everything that waits, others' changes
too: it is set only where nothing but our own change would be flushed. It never goes alone (85).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.diff import Change
from controller.handler import Action, Risk, Target
from controller.kindlib.kms import key_id
from controller.kindlib.planning import by_field, paths
from controller.kindlib.rds_document import Instance, left_by_others, pending, to_spec
from controller.kindlib.rds_storage import FIELDS as STORAGE
from controller.kindlib.rds_storage import modify_parameters
from controller.kindlib.versions import major, older
from controller.policies import Doc

_PLAIN = {
    "dbInstanceClass": "DBInstanceClass",
    "multiAZ": "MultiAZ",
    "publiclyAccessible": "PubliclyAccessible",
    "networkType": "NetworkType",
    "vpcSecurityGroupIds": "VpcSecurityGroupIds",
    "dbParameterGroupName": "DBParameterGroupName",
    "port": "DBPortNumber",
    "masterUserPassword": "MasterUserPassword",
    "iamDatabaseAuthentication": "EnableIAMDatabaseAuthentication",
    "backupRetentionPeriod": "BackupRetentionPeriod",
    "preferredBackupWindow": "PreferredBackupWindow",
    "preferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "deletionProtection": "DeletionProtection",
    "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "databaseInsightsMode": "DatabaseInsightsMode",
    "monitoringInterval": "MonitoringInterval",
    "monitoringRoleArn": "MonitoringRoleArn",
    "caCertificateIdentifier": "CACertificateIdentifier",
    "licenseModel": "LicenseModel",
    "optionGroupName": "OptionGroupName",
    "dedicatedLogVolume": "DedicatedLogVolume",
    "customerOwnedIp": "EnableCustomerOwnedIp",
    "replicaMode": "ReplicaMode",
    "promotionTier": "PromotionTier",
    "engineLifecycleSupport": "EngineLifecycleSupport",
    "multiTenant": "MultiTenant",
    "automationMode": "AutomationMode",
}
_DOMAIN = {
    "domain": "Domain",
    "domainIAMRoleName": "DomainIAMRoleName",
    "domainFqdn": "DomainFqdn",
    "domainOu": "DomainOu",
    "domainAuthSecretArn": "DomainAuthSecretArn",
    "domainDnsIps": "DomainDnsIps",
}
"""They say together what is joined, so they go together."""
_DISRUPTIVE = {
    "dbInstanceClass", "port", "networkType", "caCertificateIdentifier", "licenseModel",
    "dedicatedLogVolume", "customerOwnedIp", "replicaMode", "processorFeatures", *_DOMAIN,
}  # fmt: skip
_WAITS = {
    "dbInstanceClass", "engineVersion", "networkType", "caCertificateIdentifier", "licenseModel",
    "multiAZ", "iamDatabaseAuthentication", "optionGroupName", "dedicatedLogVolume",
    "customerOwnedIp", "replicaMode", "processorFeatures", "multiTenant", *_DOMAIN, *STORAGE,
}  # fmt: skip
"""Fields that wait for the maintenance window unless ApplyImmediately is set."""
_ORDER: tuple[Risk, ...] = ("safe", "irreversible", "disruptive", "destructive")
_STEP = {
    "safe": "modify",
    "irreversible": "modify-for-good",
    "disruptive": "modify-disruptive",
    "destructive": "modify-destructive",
}


OBSTACLES = {
    "allocatedStorage": "storage never shrinks: only a new instance has less",
    "engineVersion": "a version is never lowered: only restoring an older snapshot has it",
    "manageMasterUserPassword": "RDS gives the password up only for a new one: declare "
    "masterUserPassword",
    "masterUserSecretKmsKeyId": "the key of RDS's own secret stays while it owns the password",
    "performanceInsights.kmsKeyId": "the key of Performance Insights stays while they are on",
    "multiTenant": "AWS makes no single tenant of it again, and takes the change at once or not at "
    "all: not while others' changes are pending",
}
"""Field → why no call makes a change of it."""


def modifications(target: Target, instance: Instance, changes: Sequence[Change]) -> list[Action]:
    """The calls that make these changes, tags aside. What no call can make is left out.

    Left out: storage that would shrink, an engine version that would go down, another KMS key for
    what is encrypted, a master user without any password, a single tenant again.
    """
    fields = by_field([c for c in changes if c.top != "tags"])
    live = to_spec(instance)
    _drop_impossible(fields, target.spec, instance, live)
    groups: dict[Risk, list[str]] = {}
    for name in fields:
        groups.setdefault(_risk(name, fields, target.spec, live), []).append(name)
    _ride_along(groups, fields, target.spec, live)
    actions = [
        _action(target, instance, live, risk, {n: fields[n] for n in groups[risk]})
        for risk in _ORDER
        if groups.get(risk)
    ]
    return [a for a in actions if a.params.keys() - {"DBInstanceIdentifier", "ApplyImmediately"}]


def _drop_impossible(
    fields: dict[str, list[Change]], spec: Doc, instance: Instance, live: Doc
) -> None:
    size = spec.get("allocatedStorage")
    if "allocatedStorage" in fields and (
        not isinstance(size, int) or size < live.get("allocatedStorage", 0)
    ):
        del fields["allocatedStorage"]
    if "engineVersion" in fields and older(spec["engineVersion"], live.get("engineVersion", "")):
        del fields["engineVersion"]
    if not spec["manageMasterUserPassword"] and "masterUserPassword" not in spec:
        fields.pop("manageMasterUserPassword", None)
    if live["manageMasterUserPassword"] or not spec["manageMasterUserPassword"]:
        fields.pop("masterUserSecretKmsKeyId", None)
    if "multiTenant" in fields and (  # AWS wants it at once or not at all
        not spec["multiTenant"] or left_by_others(instance, set(fields))
    ):
        del fields["multiTenant"]
    insights = spec.get("performanceInsights", {})
    held = live.get("performanceInsights", {}).get("kmsKeyId")
    if held and key_id(insights.get("kmsKeyId", held)) != key_id(held):
        kept = [c for c in fields.pop("performanceInsights", []) if c.parts[-1] != "kmsKeyId"]
        if kept:
            fields["performanceInsights"] = kept


def _risk(name: str, fields: Mapping[str, Any], spec: Doc, live: Doc) -> Risk:
    if name in STORAGE:  # they go together, at the highest risk among them (case 74)
        if "allocatedStorage" in fields and spec["allocatedStorage"] > live.get(
            "allocatedStorage", 0
        ):
            return "irreversible"
        kinds = {spec.get("storageType"), live.get("storageType")}
        return "disruptive" if "standard" in kinds and "storageType" in fields else "safe"
    if name in live and spec.get(name) == live[name]:
        return "safe"  # it takes a pending change back
    if name == "engineVersion":
        engine, before = spec["engine"], live.get("engineVersion", "")
        jump = major(engine, spec[name]) != major(engine, before)
        return "irreversible" if jump else "disruptive"
    if name == "multiTenant":
        return "irreversible"
    if name == "deletionProtection":  # mending drift never takes a protection away
        return "irreversible" if live.get(name) and not spec[name] else "safe"
    if name == "manageMasterUserPassword":  # RDS makes a password: the one in use is gone
        return "irreversible" if spec[name] else "safe"
    if name == "backupRetentionPeriod":
        days, before = spec[name], live.get(name, 0)
        if days < before:
            return "irreversible" if days else "destructive"  # older backups, or all, are deleted
        return "safe" if before else "disruptive"  # switching backups on stops I/O for a while
    return "disruptive" if name in _DISRUPTIVE else "safe"


def _ride_along(groups: dict[Risk, list[str]], fields: Mapping[str, Any], spec: Doc,
                live: Doc) -> None:  # fmt: skip
    """Fields that must go in the same call as another one, whatever their own risk."""
    pairs = []
    if "engineVersion" in fields:  # a major upgrade must name groups of the new family
        engine = spec["engine"]
        if major(engine, spec["engineVersion"]) != major(engine, live.get("engineVersion", "")):
            pairs.append(("dbParameterGroupName", "engineVersion"))
            pairs.append(("optionGroupName", "engineVersion"))
    if "allocatedStorage" in fields:  # the limit may not be below the size
        pairs.append(("maxAllocatedStorage", "allocatedStorage"))
    for rider, horse in pairs:
        home = next((r for r, names in groups.items() if rider in names), None)
        goal = next((r for r, names in groups.items() if horse in names), None)
        if home is not None and goal is not None and home != goal:
            groups[home].remove(rider)
            groups[goal].append(rider)


def _action(
    target: Target, instance: Instance, live: Doc, risk: Risk, fields: dict[str, list[Change]]
) -> Action:
    spec = target.spec
    params: Doc = {"DBInstanceIdentifier": target.name}
    for name in fields:
        if name in _PLAIN:
            params[_PLAIN[name]] = spec[name]
    if stored := {n for n in fields if n in STORAGE}:
        params |= modify_parameters(spec, live, stored)
    if "engineVersion" in fields:
        params["EngineVersion"] = spec["engineVersion"]
        if major(spec["engine"], spec["engineVersion"]) != major(
            spec["engine"], live.get("engineVersion", "")
        ):
            params["AllowMajorVersionUpgrade"] = True
    if "maxAllocatedStorage" in fields:
        off = spec["maxAllocatedStorage"] == spec["allocatedStorage"]
        least = max(spec["allocatedStorage"], live.get("allocatedStorage", 0))
        params["MaxAllocatedStorage"] = least if off else spec["maxAllocatedStorage"]
    if "manageMasterUserPassword" in fields:
        params["ManageMasterUserPassword"] = spec["manageMasterUserPassword"]
        if not spec["manageMasterUserPassword"]:
            params["MasterUserPassword"] = spec["masterUserPassword"]
        if spec["manageMasterUserPassword"] and "masterUserSecretKmsKeyId" in spec:
            params["MasterUserSecretKmsKeyId"] = spec["masterUserSecretKmsKeyId"]
    if _DOMAIN.keys() & fields.keys():
        left = spec.get("domain") == "none"
        given = {"domain"} if left else _DOMAIN.keys() & spec.keys()
        params |= {_DOMAIN[n]: spec[n] for n in sorted(given)}
    if "processorFeatures" in fields:
        features = spec["processorFeatures"]
        params |= (
            {"ProcessorFeatures": processor_features(features)} if features
            else {"UseDefaultProcessorFeatures": True}
        )  # fmt: skip
    if "enabledCloudwatchLogsExports" in fields:
        params["CloudwatchLogsExportConfiguration"] = _exports(spec, {**live, **pending(instance)})
    if "performanceInsights" in fields:
        params |= _insights(fields["performanceInsights"], spec["performanceInsights"], live)
    notes = []
    if _waits(fields, spec, live):
        if others := left_by_others(instance, set(fields)):
            notes.append(f"waits for the maintenance window: {', '.join(others)} is pending, "
                         "and applying ours at once would apply that too")  # fmt: skip
        else:
            params["ApplyImmediately"] = True
    back = [n for n in fields if n in live and spec.get(n) == live[n]]
    if back:
        notes.append(f"takes back what is pending for {', '.join(back)}")
    changes = paths([c for some in fields.values() for c in some])
    return Action(
        "rds", "ModifyDBInstance", params, changes, risk, _STEP[risk], note="; ".join(notes)
    )


def _waits(fields: Mapping[str, Any], spec: Doc, live: Doc) -> bool:
    """True if something of it waits for the maintenance window unless it is told not to."""
    days = "backupRetentionPeriod"
    switched = days in fields and not (spec[days] and live.get(days))  # backups on or off
    return bool(_WAITS & fields.keys()) or switched


def processor_features(features: Doc) -> list[Doc]:
    """Cores and threads as AWS wants them: names and texts."""
    return [{"Name": name, "Value": str(value)} for name, value in sorted(features.items())]


def _exports(spec: Doc, live: Doc) -> Doc:
    wanted = set(spec["enabledCloudwatchLogsExports"])
    held = set(live.get("enabledCloudwatchLogsExports", []))
    out = {"EnableLogTypes": sorted(wanted - held), "DisableLogTypes": sorted(held - wanted)}
    return {name: types for name, types in out.items() if types}


def _insights(changes: Sequence[Change], wanted: Doc, live: Doc) -> Doc:
    """Switching on sends all that is declared; what is on changes field by field."""
    on = live.get("performanceInsights", {}).get("enabled", False)
    if not wanted["enabled"]:
        return {"EnablePerformanceInsights": False}
    params: Doc = {}
    touched = {c.parts[-1] for c in changes}
    if not on:
        params["EnablePerformanceInsights"] = True
    if "retentionPeriod" in wanted and (not on or "retentionPeriod" in touched):
        params["PerformanceInsightsRetentionPeriod"] = wanted["retentionPeriod"]
    if "kmsKeyId" in wanted and not on:
        params["PerformanceInsightsKMSKeyId"] = wanted["kmsKeyId"]
    return params
