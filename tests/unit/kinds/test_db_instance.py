"""DBInstance: what may be written, what AWS's words mean, and the smallest call for each change."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from controller.diff import Change
from controller.handler import Absent, Action, Present
from controller.kinds.db_instance import DBInstanceHandler
from controller.manifest import dump
from controller.policies import Doc
from tests.unit.kinds.kit import changes, differing, planned, recorded, reported, target

HANDLER = DBInstanceHandler()
SIX_LINES: Doc = {
    "engineVersion": "16",
    "dbInstanceClass": "db.t4g.medium",
    "allocatedStorage": 50,
    "masterUserPassword": "${Secret.db.value@v1}",
    "dbSubnetGroupName": "${DBSubnetGroup.main.name}",
    "vpcSecurityGroupIds": ["sg-11111111"],
}
RESOLVED = {**SIX_LINES, "dbSubnetGroupName": "test-main"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
TAGS = [
    {"Key": "plumbline:environment", "Value": "test"},
    {"Key": "plumbline:resource", "Value": "DBInstance/x"},
]
STRANGE = {"35f35aba42.json": "every text in it is its own name"}


def seen(**more: Any) -> Present:
    """The instance of `SIX_LINES` as AWS shows it, with all that it fills in."""
    shown: Doc = {
        "DBInstanceIdentifier": "test-x",
        "DBInstanceClass": "db.t4g.medium",
        "Engine": "postgres",
        "DBInstanceStatus": "available",
        "MasterUsername": "dbadmin",
        "Endpoint": {"Address": "test-x.abc.rds.amazonaws.com", "Port": 5432, "HostedZoneId": "Z"},
        "AllocatedStorage": 50,
        "PreferredBackupWindow": "04:12-04:42",
        "BackupRetentionPeriod": 7,
        "DBSecurityGroups": [],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-11111111", "Status": "active"}],
        "DBParameterGroups": [
            {"DBParameterGroupName": "default.postgres16", "ParameterApplyStatus": "in-sync"}
        ],
        "AvailabilityZone": "eu-central-1a",
        "SecondaryAvailabilityZone": "eu-central-1b",
        "DBSubnetGroup": {"DBSubnetGroupName": "test-main", "SubnetGroupStatus": "Complete"},
        "PreferredMaintenanceWindow": "tue:01:12-tue:01:42",
        "PendingModifiedValues": {},
        "MultiAZ": True,
        "EngineVersion": "16.4",
        "AutoMinorVersionUpgrade": True,
        "ReadReplicaDBInstanceIdentifiers": [],
        "LicenseModel": "postgresql-license",
        "Iops": 3000,
        "StorageThroughput": 125,
        "OptionGroupMemberships": [{"OptionGroupName": "default:postgres-16", "Status": "in-sync"}],
        "PubliclyAccessible": False,
        "StorageType": "gp3",
        "DbInstancePort": 0,
        "StorageEncrypted": True,
        "KmsKeyId": KEY,
        "DbiResourceId": "db-ABCDEFGHIJKLMNOP",
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "DomainMemberships": [],
        "CopyTagsToSnapshot": True,
        "MonitoringInterval": 0,
        "DBInstanceArn": "arn:aws:rds:eu-central-1:123456789012:db:test-x",
        "IAMDatabaseAuthenticationEnabled": False,
        "DatabaseInsightsMode": "standard",
        "PerformanceInsightsEnabled": False,
        "EnabledCloudwatchLogsExports": [],
        "DeletionProtection": True,
        "AssociatedRoles": [],
        "TagList": TAGS,
        "CustomerOwnedIpEnabled": False,
        "NetworkType": "IPV4",
        "BackupTarget": "region",
        "EngineLifecycleSupport": "open-source-rds-extended-support",
    }
    return Present({**shown, **more})


def aim(**more: Any) -> Any:
    """The target of `SIX_LINES` with changes."""
    return target(HANDLER, "test-x", {**RESOLVED, **more})


def one(spec: Doc, shown: Doc | None = None) -> Action:
    """The one action that a spec asks for."""
    (action,) = planned(HANDLER, aim(**spec), seen(**(shown or {})))
    return action


def sent(action: Action) -> Doc:
    """What an action sends beside the name."""
    return {k: v for k, v in action.params.items() if k != "DBInstanceIdentifier"}


def found(spec: Doc, shown: Doc, last: Doc | None = None) -> dict[str, Change]:
    """Changes by path."""
    return {c.path: c for c in changes(HANDLER, aim(**spec), seen(**shown), last)}


# --- what may be written ---


def test_six_lines_are_a_safe_database() -> None:
    (create,) = planned(HANDLER, target(HANDLER, "test-x", SIX_LINES), Absent())
    assert create.creates
    assert create.params == {
        "DBInstanceIdentifier": "test-x",
        "Engine": "postgres",
        "EngineVersion": "16",
        "DBInstanceClass": "db.t4g.medium",
        "AllocatedStorage": 50,
        "StorageType": "gp3",
        "StorageEncrypted": True,
        "MultiAZ": True,
        "PubliclyAccessible": False,
        "DBSubnetGroupName": "${DBSubnetGroup.main.name}",
        "VpcSecurityGroupIds": ["sg-11111111"],
        "MasterUsername": "dbadmin",
        "MasterUserPassword": "${Secret.db.value@v1}",
        "BackupRetentionPeriod": 7,
        "DeletionProtection": True,
        "CopyTagsToSnapshot": True,
        "AutoMinorVersionUpgrade": True,
        "Tags": TAGS,
    }


def test_everything_that_can_be_sent_is_sent_at_creation() -> None:
    role = "arn:aws:iam::123456789012:role/monitor"
    spec = {
        "iops": 12000, "storageThroughput": 600, "allocatedStorage": 500, "kmsKeyId": KEY,
        "maxAllocatedStorage": 1000, "port": 5433, "dbName": "app", "networkType": "DUAL",
        "dbParameterGroupName": "test-pg", "iamDatabaseAuthentication": True,
        "preferredBackupWindow": "02:00-03:00", "preferredMaintenanceWindow": "sun:03:30-sun:04:30",
        "performanceInsights": {"enabled": True, "retentionPeriod": 465, "kmsKeyId": KEY},
        "databaseInsightsMode": "advanced", "enabledCloudwatchLogsExports": ["postgresql"],
        "monitoringInterval": 60, "monitoringRoleArn": role,
        "caCertificateIdentifier": "rds-ca-rsa4096-g1", "licenseModel": "postgresql-license",
    }  # fmt: skip
    (create,) = planned(HANDLER, aim(**spec), Absent())
    assert create.params["Iops"] == 12000
    assert create.params["MaxAllocatedStorage"] == 1000
    assert create.params["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert create.params["PerformanceInsightsRetentionPeriod"] == 465
    assert create.params["EnableIAMDatabaseAuthentication"] is True


def test_rds_may_own_the_password() -> None:
    spec = {k: v for k, v in RESOLVED.items() if k != "masterUserPassword"}
    managed = target(HANDLER, "test-x", {**spec, "manageMasterUserPassword": True})
    (create,) = planned(HANDLER, managed, Absent())
    assert create.params["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in create.params


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"engine": "aurora-postgresql"}, "makes no 'aurora-postgresql' instance"),
        ({"engine": "postgress"}, "did you mean postgres?"),
        ({"engine": "custom-oracle-ee"}, "makes no 'custom-oracle-ee' instance"),
        ({"dbClusterIdentifier": "c", "masterUserPassword": None}, "make it, then adopt it"),
        ({"sourceDBInstanceIdentifier": "p", "masterUserPassword": None}, "makes no read replica"),
        ({"dbClusterIdentifier": "c"}, "masterUserPassword: is the cluster's"),
        ({"sourceDBInstanceIdentifier": "p"}, "masterUserPassword: is the primary's"),
        ({"engineVersion": 16.4}, "in quotes"),
        ({"engineVersion": "latest"}, "must be a version"),
        ({"dbInstanceClass": "t4g.medium"}, "db.t4g.medium"),
        ({"allocatedStorage": 10}, "gp3 holds 20-65536"),
        ({"allocatedStorage": None}, "allocatedStorage is needed"),
        ({"storageType": "gp4"}, "postgres has standard, gp2, gp3, io1, io2, not 'gp4'"),
        ({"storageType": "io1", "iops": 3000}, "io1 holds 100-65536"),
        ({"storageType": "io1", "allocatedStorage": 100}, "io1 needs it"),
        ({"storageType": "io1", "allocatedStorage": 100, "iops": 6000}, "0.5 to 50 per GiB"),
        ({"storageType": "gp2", "iops": 3000}, "gp2 takes none"),
        ({"storageType": "gp2", "storageThroughput": 125}, "only gp3"),
        ({"iops": 12000}, "gp3 below 400 GiB has 3000"),
        ({"storageThroughput": 500}, "has 125, fixed"),
        ({"allocatedStorage": 400, "iops": 3000}, "takes 12000-64000"),
        ({"allocatedStorage": 400, "storageThroughput": 3500}, "a quarter of iops"),
        ({"maxAllocatedStorage": 52}, "at least 10 % above"),
        ({"storageEncrypted": False, "kmsKeyId": KEY}, "means nothing"),
        ({"kmsKeyId": "alias/mine"}, "not an alias"),
        ({"availabilityZone": "eu-central-1a"}, "AWS chooses the zones"),
        ({"port": 80}, "1150"),
        ({"vpcSecurityGroupIds": []}, "at least 1"),
        ({"vpcSecurityGroupIds": ["default"]}, "sg-"),
        ({"backupRetentionPeriod": 36}, "35"),
        ({"backupRetentionPeriod": -1}, "0"),
        ({"preferredBackupWindow": "3:00-4:00"}, "hh:mm-hh:mm"),
        ({"preferredBackupWindow": "03:00-03:20"}, "at least 30 minutes"),
        ({"preferredMaintenanceWindow": "sunday:03:00-sunday:04:00"}, "ddd:hh:mm"),
        ({"preferredMaintenanceWindow": "sun:03:00-tue:04:00"}, "shorter than 24 hours"),
        ({"preferredBackupWindow": "23:30-00:30", "preferredMaintenanceWindow":
            "sun:00:00-sun:01:00"}, "overlap"),
        ({"masterUsername": "admin"}, "reserved"),
        ({"masterUsername": "rdsadmin"}, "reserved"),
        ({"masterUsername": "pg_app"}, "reserved"),
        ({"masterUsername": "user"}, "reserved"),
        ({"masterUsername": "1st"}, "beginning with a letter"),
        ({"dbName": "my-app"}, "letters, digits or underscores"),
        ({"masterUserPassword": "hunter2"}, "never stand in the file"),
        ({"masterUserPassword": None}, "is needed"),
        ({"manageMasterUserPassword": True}, "exclude each other"),
        ({"enabledCloudwatchLogsExports": ["slowquery"]}, "postgres has"),
        ({"monitoringInterval": 30}, "needs monitoringRoleArn"),
        ({"monitoringInterval": 7}, "60"),
        ({"monitoringRoleArn": "arn:aws:iam::123456789012:role/m"}, "means nothing"),
        ({"databaseInsightsMode": "advanced"}, "465 days"),
        ({"performanceInsights": {"retentionPeriod": 94}}, "multiple of 31"),
        ({"performanceInsights": {"enabled": False, "retentionPeriod": 7}}, "while it is off"),
        ({"finalSnapshot": True}, "Extra inputs"),
    ],
)  # fmt: skip
def test_refuses_at_load_what_aws_would_refuse(spec: Doc, says: str) -> None:
    given = {k: v for k, v in {**RESOLVED, **spec}.items() if v is not None}
    try:
        model = HANDLER.spec.model_validate(given)
    except ValidationError as error:
        said = str(error)
    else:
        said = HANDLER.incomplete(dump(model))
    assert re.search(says, said), said


@pytest.mark.parametrize(
    "spec",
    [
        {"engineVersion": 16},
        {"iops": 3000, "storageThroughput": 125},  # what AWS shows, as an import writes it
        {"allocatedStorage": "${ssm:/size}", "maxAllocatedStorage": 100},
        {"storageType": "io2", "allocatedStorage": 100, "iops": 64000},
        {"engine": "mysql", "masterUsername": "admin"},
        {"engine": "oracle-se2", "allocatedStorage": 200, "iops": 12000},
        {"engine": "sqlserver-se", "allocatedStorage": 100, "iops": 5000},
        {"vpcSecurityGroupIds": "${ssm:/groups}"},
        {"storageType": "${ssm:/type}", "engine": "${ssm:/engine}"},
        {"storageType": "${ssm:/type}", "licenseModel": "${ssm:/x}", "port": "${ssm:/port}",
         "masterUsername": "${ssm:/user}", "dbName": "${ssm:/name}", "multiAZ": "${ssm:/multi}",
         "enabledCloudwatchLogsExports": ["${ssm:/log}"], "networkType": "${ssm:/type}"},
        {"preferredBackupWindow": "23:30-00:30",
         "preferredMaintenanceWindow": "sun:00:30-sun:01:00"},
        {"multiAZ": False, "availabilityZone": "eu-central-1a"},
        {"maxAllocatedStorage": 50},
    ],
)  # fmt: skip
def test_takes_what_aws_takes(spec: Doc) -> None:
    model = HANDLER.spec.model_validate({**RESOLVED, **spec})
    assert HANDLER.incomplete(dump(model)) == ""


# --- what AWS's words mean ---


@pytest.mark.parametrize(
    "instance",
    [
        pytest.param(instance, id=f"{name}-{instance['DBInstanceIdentifier']}")
        for name, reply in recorded("rds", "rds", "DescribeDBInstances", STRANGE)
        for instance in reply["DBInstances"]
    ],
)
def test_recorded_instances_import_and_hold_still(instance: Doc) -> None:
    spec = HANDLER.to_spec(instance)
    assert HANDLER.output(instance)["name"] == instance["DBInstanceIdentifier"]
    HANDLER.readiness(instance)
    HANDLER.modifiable(instance)
    waiting = HANDLER.pending(instance)
    imported = target(HANDLER, instance["DBInstanceIdentifier"], spec)
    told = reported(changes(HANDLER, imported, Present(instance)))
    assert {path for path in told if not path.startswith("tags")} <= set(waiting)


PORT = {"Address": "x.rds.amazonaws.com"}
MEMBER = {"DBClusterIdentifier": "theirs", "AllocatedStorage": 1, "StorageType": "aurora",
          "Iops": None, "StorageThroughput": 0}  # fmt: skip
ODD: dict[str, Doc] = {
    "Neptune": {**MEMBER, "Engine": "neptune", "EngineVersion": "1.2.1.0", "PromotionTier": 15,
                "LicenseModel": "amazon-license", "Endpoint": {**PORT, "Port": 8182}},
    "DocumentDB": {**MEMBER, "Engine": "docdb", "EngineVersion": "5.0.0", "LicenseModel": "na"},
    "Aurora, serverless": {**MEMBER, "Engine": "aurora-postgresql", "StorageType": "aurora-iopt1",
                           "DBInstanceClass": "db.serverless", "EngineVersion": "16.4"},
    "in a Multi-AZ cluster": {**MEMBER, "Engine": "mysql", "EngineVersion": "8.0.39",
                              "StorageType": "io1", "Iops": 3000, "AllocatedStorage": 100},
    "RDS Custom": {
        "Engine": "custom-oracle-ee", "EngineVersion": "19.my_cev1", "AutomationMode": "all-paused",
        "CustomIamInstanceProfile": "AWSRDSCustomX", "DBSystemId": "ORCL", "DBParameterGroups": [],
        "OptionGroupMemberships": [], "CharacterSetName": "AL32UTF8"},
    "Oracle's replica": {
        "Engine": "oracle-ee", "EngineVersion": "19.0.0.0.ru-2023-07.rur-2023-07.r1",
        "ReadReplicaSourceDBInstanceIdentifier": "arn:aws:rds:us-east-1:123456789012:db:primary",
        "ReplicaMode": "mounted", "BackupRetentionPeriod": 0, "DBName": "ORCL",
        "ProcessorFeatures": [{"Name": "coreCount", "Value": "4"}], "MultiTenant": True,
        "NcharCharacterSetName": "AL16UTF16"},
    "SQL Server in a directory": {
        "Engine": "sqlserver-se", "EngineVersion": "15.00.4345.5.v1", "Timezone": "GMT",
        "DomainMemberships": [{"Domain": "d-1", "Status": "joined", "FQDN": "corp.example.com",
                               "IAMRoleName": "rds"}], "Endpoint": {**PORT, "Port": 1433}},
    "Db2": {"Engine": "db2-se", "EngineVersion": "11.5.9.0.sb00000000.r1", "StorageType": "io2",
            "LicenseModel": "marketplace-license", "AllocatedStorage": 100, "Iops": 1000},
    "what nobody has heard of": {
        "Engine": "newdb-x", "StorageType": "gp9", "NetworkType": "IPV6", "LicenseModel": "x",
        "DBInstanceClass": "db.z99.vast", "DatabaseInsightsMode": "extreme",
        "EngineLifecycleSupport": "for-ever", "BackupTarget": "moon"},
    "extended support": {"EngineVersion": "11.22-rds.20240418"},
    "EC2-Classic": {"VpcSecurityGroups": [], "DBSubnetGroup": None, "StorageType": "standard",
                    "AllocatedStorage": 5, "EngineVersion": "9.3.5", "Iops": 0,
                    "DBInstanceClass": "db.m1.small", "StorageThroughput": 0},
    "on an Outpost": {"CustomerOwnedIpEnabled": True, "BackupTarget": "outposts"},
    "RDS owns its password": {"MasterUserSecret": {"SecretStatus": "impaired", "SecretArn": "x",
                                                   "KmsKeyId": KEY}},
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_whatever_others_made_imports_and_holds_still(name: str) -> None:
    shown = seen(**ODD[name])
    shown = Present({k: v for k, v in shown.doc.items() if v is not None})
    spec = HANDLER.imported(shown.doc)
    imported = target(HANDLER, "test-x", spec)
    assert changes(HANDLER, imported, shown) == []
    assert bool(HANDLER.incomplete(imported.spec)) != ("MasterUserSecret" in shown.doc)


def test_instances_of_clusters_are_found_too() -> None:
    class Aws:
        def pages(self, *_: Any) -> list[Doc]:
            return [{"DBInstanceIdentifier": "a", "DBClusterIdentifier": "c"},
                    {"DBInstanceIdentifier": "b"}]  # fmt: skip

    aws: Any = Aws()
    assert [f.name for f in HANDLER.discover(aws)] == ["a", "b"]


def test_as_created_there_is_nothing_to_do() -> None:
    assert changes(HANDLER, aim(), seen()) == []


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        pytest.param({}, {"EngineVersion": "16.9"}, id="60 prefix"),
        pytest.param({"engineVersion": "16.3"}, {"EngineVersion": "16.9"}, id="61 upgraded"),
        pytest.param({}, {"PreferredBackupWindow": "09:00-09:30"}, id="63 window"),
        pytest.param(
            {"preferredBackupWindow": "02:00-03:00"},
            {"AwsBackupRecoveryPointArn": "arn:aws:backup:x", "BackupRetentionPeriod": 35,
             "PreferredBackupWindow": "05:00-06:00"}, id="64 AWS Backup",
        ),
        pytest.param({"dbName": "App"}, {"DBName": "app"}, id="66 case"),
        pytest.param({"kmsKeyId": KEY.rpartition("/")[2]}, {}, id="67 key id"),
        pytest.param(
            {"maxAllocatedStorage": 200}, {"AllocatedStorage": 120, "MaxAllocatedStorage": 200},
            id="68 autoscaled",
        ),
        pytest.param({"maxAllocatedStorage": 50}, {}, id="68 limit equal to size: off"),
        pytest.param({"allocatedStorage": 51}, {"AllocatedStorage": 55}, id="rounded up"),
        pytest.param({"iops": 3000, "storageThroughput": 125}, {}, id="70 fixed"),
        pytest.param(
            {"allocatedStorage": 400},
            {"AllocatedStorage": 400, "Iops": 12000, "StorageThroughput": 500}, id="70 striped",
        ),
        pytest.param(
            {"engine": "oracle-se2", "allocatedStorage": 200},
            {"Engine": "oracle-se2", "AllocatedStorage": 200, "Iops": 12000,
             "StorageThroughput": 500, "LicenseModel": None,
             "Endpoint": {"Address": "x", "Port": 1521}}, id="72 Oracle",
        ),
        pytest.param(
            {"vpcSecurityGroupIds": ["sg-22222222", "sg-11111111"]},
            {"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-11111111", "Status": "active"},
                                   {"VpcSecurityGroupId": "sg-22222222", "Status": "active"}]},
            id="77 order",
        ),
        pytest.param(
            {}, {"DBParameterGroups": [{"DBParameterGroupName": "default.postgres16",
                                        "ParameterApplyStatus": "pending-reboot"}]},
            id="78 needs a reboot",
        ),
        pytest.param({"dbParameterGroupName": "Mine"},
            {"DBParameterGroups": [{"DBParameterGroupName": "mine"}]}, id="79 case"),
        pytest.param({}, {"CACertificateIdentifier": "rds-ca-rsa4096-g1"}, id="81 authority"),
        pytest.param({}, {"PendingModifiedValues": {"MasterUserPassword": "****"}}, id="59 mask"),
        pytest.param({}, {"EngineLifecycleSupport": "whatever"}, id="87"),
        pytest.param({"port": 5432, "networkType": "IPV4", "licenseModel": "postgresql-license",
                      "monitoringInterval": 0}, {}, id="86 defaults written out"),
        pytest.param({}, {"AvailabilityZone": "eu-central-1b",
                          "SecondaryAvailabilityZone": "eu-central-1a"}, id="95 failover"),
        pytest.param(
            {}, {"DBClusterIdentifier": "c", "BackupRetentionPeriod": 1, "MultiAZ": False,
                 "EngineVersion": "15.2", "AllocatedStorage": 1, "CopyTagsToSnapshot": False,
                 "StorageType": "aurora", "Iops": None, "StorageThroughput": 0}, id="93 cluster",
        ),
        pytest.param(
            {"dbName": "app"},
            {"ReadReplicaSourceDBInstanceIdentifier": "p", "BackupRetentionPeriod": 0,
             "DBName": "other", "MasterUsername": "other"}, id="94 replica",
        ),
        pytest.param({"enabledCloudwatchLogsExports": []}, {}, id="165 empty"),
        pytest.param({"preferredMaintenanceWindow": "SUN:23:45-Mon:00:15"},
                     {"PreferredMaintenanceWindow": "sun:23:45-mon:00:15"}, id="window's case"),
        pytest.param({"storageType": "GP3", "engine": "Postgres"}, {}, id="words in upper case"),
        pytest.param({"networkType": "IPV4"}, {"NetworkType": "ipv4"}, id="network type's case"),
        pytest.param({"optionGroupName": "Mine"},
                     {"OptionGroupMemberships": [{"OptionGroupName": "mine", "Status": "in-sync"}]},
                     id="79 option group's case"),
        pytest.param({}, {"OptionGroupMemberships": [
            {"OptionGroupName": "default:postgres-17", "Status": "in-sync"}]}, id="79 options"),
        pytest.param({"domain": "none", "customerOwnedIp": False, "dedicatedLogVolume": False,
                      "backupTarget": "region", "multiTenant": False, "processorFeatures": {}}, {},
                     id="defaults written out"),
        pytest.param({"engineVersion": "16.4"}, {"EngineVersion": "16.4-rds.20260102"},
                     id="60 a patch"),
        pytest.param({"allocatedStorage": 400, "iops": 12500},
                     {"AllocatedStorage": 400, "Iops": 13200, "StorageThroughput": 500},
                     id="IOPS rounded up"),
        pytest.param({"performanceInsights": {"enabled": False}},
                     {"PerformanceInsightsEnabled": False, "PerformanceInsightsKMSKeyId": KEY},
                     id="insights that are off have no key"),
        pytest.param(
            {"engine": "oracle-se2", "engineVersion": "19.0.0.0.ru-2024-01.rur-2024-01.r1"},
            {"Engine": "oracle-se2", "EngineVersion": "19.0.0.0.ru-2024-04.rur-2024-04.r1",
             "LicenseModel": None, "Endpoint": {"Address": "x", "Port": 1521}},
            id="61 Oracle's patches"),
        pytest.param({"engine": "sqlserver-se", "allocatedStorage": 100},
                     {"Engine": "sqlserver-se", "AllocatedStorage": 100, "LicenseModel":
                      "license-included", "Endpoint": {"Address": "x", "Port": 1433}},
                     id="72 SQL Server"),
        pytest.param(
            {"performanceInsights": {"enabled": True}},
            {"PerformanceInsightsEnabled": True, "PerformanceInsightsRetentionPeriod": 7,
             "PerformanceInsightsKMSKeyId": KEY}, id="67 insights' key",
        ),
    ],
)  # fmt: skip
def test_echoes_are_no_difference(spec: Doc, shown: Doc) -> None:
    assert differing(changes(HANDLER, aim(**spec), seen(**shown))) == {}
    assert {c.cls for c in changes(HANDLER, aim(**spec), seen(**shown))} <= {"owned"}


@pytest.mark.parametrize(
    ("spec", "shown", "path"),
    [
        pytest.param({"engineVersion": "1"}, {}, "engineVersion", id="60 whole parts only"),
        pytest.param(
            {"engineVersion": "16.3", "autoMinorVersionUpgrade": False},
            {"AutoMinorVersionUpgrade": False}, "engineVersion", id="61 not asked to",
        ),
        pytest.param({"engineVersion": "16.9"}, {}, "engineVersion", id="61 older"),
        pytest.param(
            {"engine": "oracle-se2", "engineVersion": "19.0.0.0.ru-2024-04.rur-2024-04.r1"},
            {"Engine": "oracle-se2", "EngineVersion": "19.0.0.0.ru-2024-01.rur-2024-01.r1"},
            "engineVersion", id="61 Oracle's older patch"),
        pytest.param({"allocatedStorage": 400, "iops": 12000},
                     {"AllocatedStorage": 400, "Iops": 13200}, "iops", id="IOPS by hand"),
        pytest.param({"domain": "none"}, {"DomainMemberships": [{"Domain": "d-1", "Status":
                     "joined"}]}, "domain", id="a directory joined by hand"),
        pytest.param({"processorFeatures": {}}, {"ProcessorFeatures": [
            {"Name": "coreCount", "Value": "2"}]}, "processorFeatures[coreCount]", id="cores"),
        pytest.param({}, {"BackupRetentionPeriod": 35}, "backupRetentionPeriod", id="64 by hand"),
        pytest.param(
            {"maxAllocatedStorage": 200}, {"AllocatedStorage": 300, "MaxAllocatedStorage": 200},
            "allocatedStorage", id="68 beyond the limit",
        ),
        pytest.param({}, {"AllocatedStorage": 55}, "allocatedStorage", id="no rounding gives 55"),
        pytest.param({"maxAllocatedStorage": 50}, {"MaxAllocatedStorage": 900},
                     "maxAllocatedStorage", id="68 switched on by hand"),
        pytest.param({}, {"DeletionProtection": False}, "deletionProtection", id="protection"),
        pytest.param({}, {"PubliclyAccessible": True}, "publiclyAccessible", id="public"),
        pytest.param({}, {"StorageType": "gp2"}, "storageType", id="75"),
        pytest.param(
            {}, {"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-11111111", "Status": "active"},
                                       {"VpcSecurityGroupId": "sg-66666666", "Status": "active"}]},
            "vpcSecurityGroupIds", id="77 added by hand",
        ),
        pytest.param(
            {}, {"MasterUserSecret": {"SecretStatus": "active"}}, "manageMasterUserPassword",
            id="83 switched on by hand",
        ),
    ],
)  # fmt: skip
def test_what_is_ours_is_a_difference(spec: Doc, shown: Doc, path: str) -> None:
    assert path in differing(changes(HANDLER, aim(**spec), seen(**shown)))


@pytest.mark.parametrize(
    ("spec", "shown", "path"),
    [
        pytest.param({}, {"Iops": 12000}, "iops", id="70 not the default"),
        pytest.param({}, {"DBParameterGroups": [{"DBParameterGroupName": "theirs"}]},
                     "dbParameterGroupName", id="79 not a default group"),
        pytest.param({}, {"IAMDatabaseAuthenticationEnabled": True}, "iamDatabaseAuthentication",
                     id="IAM"),
        pytest.param({}, {"PerformanceInsightsEnabled": True}, "performanceInsights.enabled",
                     id="insights"),
        pytest.param({}, {"MonitoringInterval": 60}, "monitoringInterval", id="86"),
        pytest.param({}, {"BackupTarget": "outposts"}, "backupTarget", id="86 target"),
        pytest.param({}, {"OptionGroupMemberships": [{"OptionGroupName": "theirs",
                     "Status": "in-sync"}]}, "optionGroupName", id="79 options"),
        pytest.param({}, {"DedicatedLogVolume": True}, "dedicatedLogVolume", id="log volume"),
        pytest.param({}, {"DomainMemberships": [{"Domain": "d-1", "Status": "joined"}]}, "domain",
                     id="directory"),
        pytest.param({"performanceInsights": {"enabled": True}},
                     {"PerformanceInsightsEnabled": True,
                      "PerformanceInsightsRetentionPeriod": 731},
                     "performanceInsights.retentionPeriod", id="insights kept for longer"),
        pytest.param({}, {"Endpoint": {"Address": "x", "Port": 5433}}, "port", id="90"),
    ],
)  # fmt: skip
def test_what_others_set_beside_ours_is_reported_and_left(spec: Doc, shown: Doc, path: str) -> None:
    assert found(spec, shown)[path].cls == "undeclared"
    assert planned(HANDLER, aim(**spec), seen(**shown)) == []


def test_what_aws_has_accepted_is_in_flight() -> None:
    waiting = {"DBInstanceClass": "db.m7g.large", "MultiAZ": True, "Port": 5433,
               "EngineVersion": "17.2"}  # fmt: skip
    spec = {"dbInstanceClass": "db.m7g.large", "port": 5433, "engineVersion": "17"}
    shown = {"PendingModifiedValues": waiting, "MultiAZ": False}
    told = found(spec, shown)
    assert {p: c.cls for p, c in told.items()} == dict.fromkeys(
        ("dbInstanceClass", "multiAZ", "port", "engineVersion"), "in_flight"
    )


@pytest.mark.parametrize(
    ("status", "live", "pending", "failed"),
    [
        ("joined", "d-1", None, None),
        ("kerberos-enabled", "d-1", None, None),
        ("pending-join", None, "d-1", None),
        ("pending-maintenance-join", None, "d-1", None),
        ("enabling-kerberos", None, "d-1", None),
        ("pending-removal", "d-1", "none", None),
        ("disabling-kerberos", "d-1", "none", None),
        ("failed", None, None, "d-1"),
        ("enable-kerberos-failed", None, None, "d-1"),
    ],
)
def test_directories_take_time(
    status: str, live: str | None, pending: str | None, failed: str | None
) -> None:
    doc = seen(DomainMemberships=[{"Domain": "d-1", "Status": status}]).doc
    said = [part(doc).get("domain") for part in (HANDLER.to_spec, HANDLER.pending, HANDLER.failed)]
    assert said == [live, pending, failed]


def test_an_option_group_on_its_way_is_in_flight() -> None:
    shown = {
        "OptionGroupMemberships": [
            {"OptionGroupName": "old", "Status": "in-sync"},
            {"OptionGroupName": "new", "Status": "pending-apply"},
        ]
    }
    assert found({"optionGroupName": "new"}, shown)["optionGroupName"].cls == "in_flight"
    assert found({"optionGroupName": "old"}, shown)["optionGroupName"].cls == "differs"


def test_pending_log_types_have_swapped_names() -> None:
    """Case 58: those "to enable" are being switched off."""
    spec = {"enabledCloudwatchLogsExports": ["postgresql"]}
    coming = {"PendingCloudwatchLogsExports": {"LogTypesToDisable": ["postgresql"]}}
    told = found(spec, {"PendingModifiedValues": coming})
    assert told["enabledCloudwatchLogsExports"].cls == "in_flight"
    going = {"PendingCloudwatchLogsExports": {"LogTypesToEnable": ["postgresql", "upgrade"]}}
    both = {"EnabledCloudwatchLogsExports": ["postgresql", "upgrade"]}
    assert HANDLER.pending(seen(**both, PendingModifiedValues=going).doc) == {
        "enabledCloudwatchLogsExports": []
    }


def test_security_groups_on_their_way_are_in_flight() -> None:
    groups = [
        {"VpcSecurityGroupId": "sg-11111111", "Status": "removing"},
        {"VpcSecurityGroupId": "sg-22222222", "Status": "adding"},
    ]
    told = found({"vpcSecurityGroupIds": ["sg-22222222"]}, {"VpcSecurityGroups": groups})
    assert told["vpcSecurityGroupIds"].cls == "in_flight"
    told = found({}, {"VpcSecurityGroups": groups})
    assert told["vpcSecurityGroupIds"].cls == "differs"


def test_a_security_group_in_another_state_is_assigned() -> None:
    groups = [{"VpcSecurityGroupId": "sg-22222222", "Status": "modifying"}]
    declared = {"vpcSecurityGroupIds": ["sg-22222222"]}
    assert "vpcSecurityGroupIds" not in found(declared, {"VpcSecurityGroups": groups})


@pytest.mark.parametrize(
    ("shown", "state", "reason"),
    [
        ({}, "ready", "Ready"),
        ({"DBInstanceStatus": "backing-up"}, "ready", "Ready"),
        ({"DBInstanceStatus": "storage-optimization"}, "ready", "Ready"),
        ({"DBInstanceStatus": "creating", "Endpoint": None}, "in-progress", "Creating"),
        ({"DBInstanceStatus": "modifying"}, "in-progress", "Modifying"),
        ({"DBInstanceStatus": "configuring-log-exports"}, "in-progress", "ConfiguringLogExports"),
        ({"DBInstanceStatus": "storage-full"}, "failed", "StorageFull"),
        ({"DBInstanceStatus": "stopped"}, "failed", "Stopped"),
        ({"DBInstanceStatus": "incompatible-network"}, "failed", "IncompatibleNetwork"),
        ({"DBInstanceStatus": "failed"}, "failed", "Failed"),
        (
            {"DBParameterGroups": [{"DBParameterGroupName": "p", "ParameterApplyStatus":
                                    "pending-reboot"}]},
            "ready", "NeedsReboot",
        ),
        ({"MasterUserSecret": {"SecretStatus": "creating"}}, "in-progress",
         "MasterUserSecretCreating"),
    ],
)  # fmt: skip
def test_readiness(shown: Doc, state: str, reason: str) -> None:
    told = HANDLER.readiness(seen(**shown).doc)
    assert (told.state, told.reason) == (state, reason)


def test_modified_only_when_available_or_full() -> None:
    assert HANDLER.modifiable(seen().doc) == ""
    assert HANDLER.modifiable(seen(DBInstanceStatus="storage-full").doc) == ""
    for status in ("modifying", "backing-up", "upgrading", "storage-optimization", "creating"):
        assert status in HANDLER.modifiable(seen(DBInstanceStatus=status).doc)


def test_outputs() -> None:
    assert HANDLER.output(seen().doc) == {
        "name": "test-x",
        "arn": "arn:aws:rds:eu-central-1:123456789012:db:test-x",
        "resourceId": "db-ABCDEFGHIJKLMNOP",
        "endpoint": {"address": "test-x.abc.rds.amazonaws.com", "port": 5432},
    }
    assert "endpoint" not in HANDLER.output(seen(Endpoint=None).doc)


# --- the smallest call ---


@pytest.mark.parametrize(
    ("spec", "params", "risk"),
    [
        ({"multiAZ": False}, {"MultiAZ": False, "ApplyImmediately": True}, "safe"),
        ({"publiclyAccessible": True}, {"PubliclyAccessible": True}, "safe"),
        ({"deletionProtection": False}, {"DeletionProtection": False}, "irreversible"),
        ({"copyTagsToSnapshot": False}, {"CopyTagsToSnapshot": False}, "safe"),
        ({"autoMinorVersionUpgrade": False}, {"AutoMinorVersionUpgrade": False}, "safe"),
        ({"backupRetentionPeriod": 14}, {"BackupRetentionPeriod": 14}, "safe"),
        ({"backupRetentionPeriod": 3}, {"BackupRetentionPeriod": 3}, "irreversible"),
        ({"backupRetentionPeriod": 0},
         {"BackupRetentionPeriod": 0, "ApplyImmediately": True}, "destructive"),
        ({"preferredBackupWindow": "02:00-03:00"}, {"PreferredBackupWindow": "02:00-03:00"},
         "safe"),
        ({"preferredMaintenanceWindow": "sun:03:30-sun:04:30"},
         {"PreferredMaintenanceWindow": "sun:03:30-sun:04:30"}, "safe"),
        ({"vpcSecurityGroupIds": ["sg-22222222"]}, {"VpcSecurityGroupIds": ["sg-22222222"]},
         "safe"),
        ({"dbParameterGroupName": "mine"}, {"DBParameterGroupName": "mine"}, "safe"),
        ({"maxAllocatedStorage": 200}, {"MaxAllocatedStorage": 200}, "safe"),
        ({"iamDatabaseAuthentication": True},
         {"EnableIAMDatabaseAuthentication": True, "ApplyImmediately": True}, "safe"),
        ({"dbInstanceClass": "db.m7g.large"},
         {"DBInstanceClass": "db.m7g.large", "ApplyImmediately": True}, "disruptive"),
        ({"port": 5433}, {"DBPortNumber": 5433}, "disruptive"),
        ({"networkType": "DUAL"}, {"NetworkType": "DUAL", "ApplyImmediately": True}, "disruptive"),
        ({"caCertificateIdentifier": "rds-ca-rsa4096-g1"},
         {"CACertificateIdentifier": "rds-ca-rsa4096-g1", "ApplyImmediately": True}, "disruptive"),
        ({"engineVersion": "16.9"}, {"EngineVersion": "16.9", "ApplyImmediately": True},
         "disruptive"),
        ({"engineVersion": "17"},
         {"EngineVersion": "17", "AllowMajorVersionUpgrade": True, "ApplyImmediately": True},
         "irreversible"),
        ({"engineVersion": "17", "dbParameterGroupName": "pg17"},
         {"EngineVersion": "17", "AllowMajorVersionUpgrade": True, "ApplyImmediately": True,
          "DBParameterGroupName": "pg17"}, "irreversible"),
        ({"allocatedStorage": 100}, {"AllocatedStorage": 100, "ApplyImmediately": True},
         "irreversible"),
        ({"allocatedStorage": 100, "maxAllocatedStorage": 200},
         {"AllocatedStorage": 100, "MaxAllocatedStorage": 200, "ApplyImmediately": True},
         "irreversible"),
        ({"allocatedStorage": 500},
         {"AllocatedStorage": 500, "Iops": 12000, "ApplyImmediately": True}, "irreversible"),
        ({"storageType": "gp2"}, {"StorageType": "gp2", "ApplyImmediately": True}, "safe"),
        ({"storageType": "io1", "allocatedStorage": 100, "iops": 2000},
         {"StorageType": "io1", "AllocatedStorage": 100, "Iops": 2000, "ApplyImmediately": True},
         "irreversible"),
        ({"enabledCloudwatchLogsExports": ["postgresql"]},
         {"CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["postgresql"]}}, "safe"),
        ({"performanceInsights": {"enabled": True, "retentionPeriod": 31}},
         {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 31}, "safe"),
        ({"monitoringInterval": 60, "monitoringRoleArn": "arn:aws:iam::123456789012:role/m"},
         {"MonitoringInterval": 60, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/m"},
         "safe"),
    ],
)  # fmt: skip
def test_one_change_is_the_smallest_call(spec: Doc, params: Doc, risk: str) -> None:
    action = one(spec)
    assert action.operation == "ModifyDBInstance"
    assert sent(action) == params
    assert action.risk == risk


@pytest.mark.parametrize(
    ("spec", "params"),
    [
        ({"iops": 14000}, {"Iops": 14000, "AllocatedStorage": 500}),
        ({"storageThroughput": 600},
         {"StorageThroughput": 600, "Iops": 12000, "AllocatedStorage": 500}),
        ({"allocatedStorage": 600}, {"AllocatedStorage": 600, "Iops": 12000}),
        ({"storageType": "gp2"}, {"StorageType": "gp2", "AllocatedStorage": 500}),
    ],
)  # fmt: skip
def test_iops_and_size_go_together_where_iops_can_be_chosen(spec: Doc, params: Doc) -> None:
    """Case 74."""
    shown = {"AllocatedStorage": 500, "Iops": 12000, "StorageThroughput": 500}
    action = one({"allocatedStorage": 500, **spec}, shown)
    assert sent(action) == {**params, "ApplyImmediately": True}


@pytest.mark.parametrize(
    "spec", [{"allocatedStorage": 40}, {"engineVersion": "15"}, {"engineVersion": "16.3.1"}]
)
def test_what_no_call_can_make_is_not_planned(spec: Doc) -> None:
    shown = {"EngineVersion": "16.4", "AutoMinorVersionUpgrade": False}
    given = {**spec, "autoMinorVersionUpgrade": False}
    assert differing(changes(HANDLER, aim(**given), seen(**shown)))
    assert planned(HANDLER, aim(**given), seen(**shown)) == []


def test_one_call_for_each_kind_of_risk() -> None:
    spec = {"backupRetentionPeriod": 14, "copyTagsToSnapshot": False, "allocatedStorage": 100,
            "dbInstanceClass": "db.m7g.large", "tags": {"team": "x"}}  # fmt: skip
    actions = planned(HANDLER, aim(**spec), seen())
    assert [(a.operation, a.risk) for a in actions] == [
        ("AddTagsToResource", "safe"),
        ("ModifyDBInstance", "safe"),
        ("ModifyDBInstance", "irreversible"),
        ("ModifyDBInstance", "disruptive"),
    ]
    assert "ApplyImmediately" not in actions[1].params


def test_others_pending_changes_are_not_flushed() -> None:
    shown = {"PendingModifiedValues": {"CACertificateIdentifier": "rds-ca-ecc384-g1"}}
    action = one({"dbInstanceClass": "db.m7g.large"}, shown)
    assert "ApplyImmediately" not in action.params
    assert "CACertificateIdentifier" in action.note
    soon = {"PendingModifiedValues": {"MasterUserPassword": "****", "BackupRetentionPeriod": 3}}
    action = one({"dbInstanceClass": "db.m7g.large", "backupRetentionPeriod": 3}, soon)
    assert action.params["ApplyImmediately"] is True


def test_a_pending_change_that_nobody_wants_is_taken_back() -> None:
    shown = {"PendingModifiedValues": {"DBInstanceClass": "db.m7g.large"}}
    action = one({}, shown)
    assert sent(action) == {"DBInstanceClass": "db.t4g.medium", "ApplyImmediately": True}
    assert action.risk == "safe"
    assert "takes back" in action.note


def test_a_new_version_of_the_password_is_sent_by_reference() -> None:
    last = {**aim().spec, "masterUserPassword": "${Secret.db.value@v0}"}
    todo = [c for c in changes(HANDLER, aim(), seen(), last) if c.cls == "write_only_stale"]
    (action,) = HANDLER.plan(aim(), seen(), todo)
    assert sent(action) == {"MasterUserPassword": "${Secret.db.value@v1}"}
    assert changes(HANDLER, aim(), seen()) == []


def test_a_managed_password_is_given_up_only_with_a_new_one() -> None:
    action = one({}, {"MasterUserSecret": {"SecretStatus": "active", "SecretArn": "arn:x"}})
    assert sent(action) == {
        "ManageMasterUserPassword": False,
        "MasterUserPassword": "${Secret.db.value@v1}",
    }


def test_protection_and_password_go_only_if_a_commit_asks() -> None:
    assert one({"deletionProtection": False}).risk == "irreversible"
    assert one({}, {"DeletionProtection": False}).risk == "safe"
    handed = {**RESOLVED, "manageMasterUserPassword": True}
    del handed["masterUserPassword"]
    (action,) = planned(HANDLER, target(HANDLER, "test-x", handed), seen())
    assert (sent(action), action.risk) == ({"ManageMasterUserPassword": True}, "irreversible")


def test_insights_that_are_on_keep_their_key() -> None:
    shown = {"PerformanceInsightsEnabled": True, "PerformanceInsightsRetentionPeriod": 7,
             "PerformanceInsightsKMSKeyId": KEY}  # fmt: skip
    other = KEY.replace("0a1b2c3d4e5f", "ffffffffffff")
    wanted = {"performanceInsights": {"enabled": True, "kmsKeyId": other, "retentionPeriod": 31}}
    assert sent(one(wanted, shown)) == {"PerformanceInsightsRetentionPeriod": 31}
    only = {"performanceInsights": {"enabled": True, "kmsKeyId": other}}
    assert planned(HANDLER, aim(**only), seen(**shown)) == []
    off = {"performanceInsights": {"enabled": False}}
    assert sent(one(off, shown)) == {"EnablePerformanceInsights": False}


def test_fixed_at_creation_is_never_planned() -> None:
    spec = {"storageEncrypted": False, "dbName": "other", "dbSubnetGroupName": "other",
            "masterUsername": "boss"}  # fmt: skip
    told = found(spec, {})
    assert {c.cls for c in told.values()} == {"immutable"}
    assert set(told) == set(spec)


def test_tags_are_put_and_taken() -> None:
    tagged = aim(tags={"team": "a"})
    last = {**tagged.spec, "tags": {**tagged.spec["tags"], "old": "x"}}
    shown = seen(TagList=[*TAGS, {"Key": "old", "Value": "x"}, {"Key": "theirs", "Value": "y"}])
    todo = [c for c in changes(HANDLER, tagged, shown, last) if c.cls == "differs"]
    put, gone = HANDLER.plan(tagged, shown, todo)
    arn = "arn:aws:rds:eu-central-1:123456789012:db:test-x"
    assert put.params == {"ResourceName": arn, "Tags": [{"Key": "team", "Value": "a"}]}
    assert gone.params == {"ResourceName": arn, "TagKeys": ["old"]}


# --- the end ---


def test_deleted_with_a_final_snapshot() -> None:
    (action,) = HANDLER.delete(aim(), seen(DeletionProtection=False))
    assert action.deletes
    assert action.risk == "destructive"
    assert sent(action) == {
        "SkipFinalSnapshot": False,
        "FinalDBSnapshotIdentifier": "test-x-final-abcdefghijkl",
        "DeleteAutomatedBackups": False,
    }
    assert HANDLER.delete(aim(), seen(DeletionProtection=False)) == [action]


def test_a_replica_has_no_final_snapshot_and_protection_stays() -> None:
    (action,) = HANDLER.delete(aim(), seen(ReadReplicaSourceDBInstanceIdentifier="p"))
    assert action.params["SkipFinalSnapshot"] is True
    assert "protection" in action.note
    assert len(HANDLER.delete(aim(), seen())) == 1
