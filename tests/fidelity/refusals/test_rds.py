"""What RDS rejects of databases, parameter groups and subnet groups.

All rows are judged on one world with databases in it, put back after each.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from sandbox import perturb_data
from sandbox.inprocess import session
from sandbox.pytest_plugin import new_world
from sandbox.rds_others import cluster_member
from sandbox.seed import seed
from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, check, session_of
from tests.harness import shape

API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_"
Doc = dict[str, Any]
BASE: Doc = {
    "DBInstanceIdentifier": "db", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres",
    "AllocatedStorage": 20, "MasterUsername": "app", "MasterUserPassword": "correct-horse",
    "DBSubnetGroupName": "main",
}  # fmt: skip
SPEC = {"dbInstanceClass": "db.t4g.micro", "allocatedStorage": "20",
        "manageMasterUserPassword": "true"}  # fmt: skip
VALUE, CLASH = "InvalidParameterValue", "InvalidParameterCombination"
ROLE = "arn:aws:iam::123456789012:role/monitor"

NAMES = "names: physical-name-too-long.yaml, and the names of tests/unit/test_manifest.py"
THERE = "what there is in AWS"
MOVES = "versions, classes and authorities come and go"
SECRET = "the value is in a Secret, which nobody opens to validate a file"
STATE = "what state it is in"
NEVER = "Plumbline never asks for that"
PARAMETER = "which parameters a family has, and what they take, only AWS lists"


def loads(says: str, **spec: Any) -> tuple[str, str, str]:
    """A file with this in a DBInstance's spec (None: left out), and what is said of it."""
    flat = {**SPEC, **spec}
    return "DBInstance", ", ".join(f"{k}: {v}" for k, v in flat.items() if v is not None), says


def create(
    why: str, code: str, load: tuple[str, str, str] | str, says: str = "", **changes: Any
) -> Refusal:
    """A CreateDBInstance that differs from a good one by `changes` (None: left out)."""
    request = {k: v for k, v in {**BASE, **changes}.items() if v is not None}
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    return Refusal("rds:CreateDBInstance", why, request, code, API + "CreateDBInstance.html",
                   says, **told)  # fmt: skip


def modify(
    why: str, code: str, load: tuple[str, str, str] | str, says: str = "", name: str = "main",
    **changes: Any,
) -> Refusal:  # fmt: skip
    """A ModifyDBInstance of one of the instances that are there."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    request = {"DBInstanceIdentifier": name, **changes}
    return Refusal("rds:ModifyDBInstance", why, request, code, API + "ModifyDBInstance.html",
                   says, **told)  # fmt: skip


def other(
    operation: str, why: str, code: str, load: tuple[str, str, str] | str,
    request: Mapping[str, Any], says: str = "", given: Any = None,
) -> Refusal:  # fmt: skip
    """Any other operation."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    return Refusal(f"rds:{operation}", why, request, code, f"{API}{operation}.html", says,
                   given, **told)  # fmt: skip


ORACLE = {"Engine": "oracle-se2", "DBInstanceClass": "db.m5.large"}
MYSQL = {"Engine": "mysql"}
SQL = {"Engine": "sqlserver-se", "DBInstanceClass": "db.m5.large"}

CREATE = [
    create("two hyphens in the name", VALUE, NAMES, DBInstanceIdentifier="a--b"),
    create("a name that ends with a hyphen", VALUE, NAMES, DBInstanceIdentifier="a-"),
    create("a name that begins with a digit", VALUE, NAMES, DBInstanceIdentifier="1a"),
    create("a name of 64 characters", VALUE, NAMES, DBInstanceIdentifier="a" * 64),
    create("a name that is taken, in other letters", "DBInstanceAlreadyExists", THERE,
           DBInstanceIdentifier="MAIN"),
    create("an engine that nobody has", VALUE, loads("did you mean postgres", engine="postgress"),
           Engine="postgress"),
    create("a version that is not offered", CLASH, MOVES, "Cannot find version",
           EngineVersion="16.99"),
    create("no instance class", VALUE, loads("an instance class", dbInstanceClass="t4g.micro"),
           DBInstanceClass="t4g.micro"),
    create("a size of class that there is not", VALUE, MOVES, DBInstanceClass="db.t4g.colossal"),
    # storage
    create("no size", VALUE, loads("allocatedStorage is needed", allocatedStorage=None),
           AllocatedStorage=None),
    create("too small", CLASH, loads("gp3 holds 20-65536", allocatedStorage=10),
           AllocatedStorage=10),
    create("too large", CLASH, loads("gp3 holds 20-65536", allocatedStorage=70000),
           AllocatedStorage=70000),
    create("too large for SQL Server", CLASH,
           loads("gp3 holds 20-16384", engine="sqlserver-se", allocatedStorage=20000),
           AllocatedStorage=20000, **SQL),
    create("magnetic storage too small for Oracle", CLASH,
           loads("standard holds 10-3072", engine="oracle-se2", storageType="standard",
                 allocatedStorage=5),
           AllocatedStorage=5, StorageType="standard", **ORACLE),
    create("a type of storage that there is not", VALUE, loads("not 'gp4'", storageType="gp4"),
           StorageType="gp4"),
    create("IOPS for gp2", CLASH, loads("gp2 takes none", storageType="gp2", iops=3000),
           StorageType="gp2", Iops=3000),
    create("IOPS for a small gp3 volume", CLASH, loads("has 3000, fixed", iops=12000),
           StorageType="gp3", Iops=12000),
    create("IOPS for a gp3 volume of Oracle below 200 GiB", CLASH,
           loads("below 200 GiB", engine="oracle-se2", allocatedStorage=199, iops=12000),
           StorageType="gp3", Iops=12000, AllocatedStorage=199, **ORACLE),
    create("too few IOPS for a striped volume", CLASH,
           loads("takes 12000-64000", allocatedStorage=400, iops=3000),
           StorageType="gp3", AllocatedStorage=400, Iops=3000),
    create("too many IOPS for SQL Server's gp3", CLASH,
           loads("takes 3000-16000", engine="sqlserver-se", allocatedStorage=100, iops=20000),
           StorageType="gp3", AllocatedStorage=100, Iops=20000, **SQL),
    create("throughput above a quarter of the IOPS", CLASH,
           loads("a quarter of iops", allocatedStorage=400, storageThroughput=3500),
           StorageType="gp3", AllocatedStorage=400, StorageThroughput=3500),
    create("throughput for io1", CLASH,
           loads("only gp3", storageType="io1", allocatedStorage=100, iops=1000,
                 storageThroughput=500),
           StorageType="io1", AllocatedStorage=100, Iops=1000, StorageThroughput=500),
    create("io1 without IOPS", CLASH, loads("io1 needs it", storageType="io1",
                                            allocatedStorage=100),
           StorageType="io1", AllocatedStorage=100),
    create("too many IOPS for the size", CLASH,
           loads("0.5 to 50 per GiB", storageType="io1", allocatedStorage=100, iops=6000),
           StorageType="io1", AllocatedStorage=100, Iops=6000),
    create("a limit below the size", CLASH,
           loads("at least 10 % above", allocatedStorage=50, maxAllocatedStorage=40),
           AllocatedStorage=50, MaxAllocatedStorage=40),
    create("a log volume beside gp3", CLASH,
           loads("only with storageType io1", dedicatedLogVolume="true"), DedicatedLogVolume=True),
    create("a key without encryption", CLASH,
           loads("means nothing", storageEncrypted="false",
                 kmsKeyId="0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"),
           KmsKeyId="alias/aws/rds"),
    create("a key that is not there", "KMSKeyNotAccessibleFault", THERE, StorageEncrypted=True,
           KmsKeyId="0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"),
    # users and databases
    create("no user", VALUE, "there is a default: dbadmin", MasterUsername=None),
    create("a reserved user", VALUE, loads("reserved", masterUsername="admin"), "reserved word",
           MasterUsername="admin"),
    create("a user of PostgreSQL's own kind", VALUE, loads("reserved", masterUsername="pg_app"),
           "pg_", MasterUsername="pg_app"),
    create("a user that begins with a digit", VALUE, loads("with a letter", masterUsername="'1a'"),
           MasterUsername="1a"),
    create("a user too long for MySQL", VALUE,
           loads("1-16 letters", engine="mysql", masterUsername="a" * 17), MasterUsername="a" * 17,
           **MYSQL),
    create("SQL Server's own user", VALUE,
           loads("reserved", engine="sqlserver-se", masterUsername="sa"), MasterUsername="sa",
           **SQL),
    create("no password", VALUE, loads("is needed", manageMasterUserPassword=None),
           MasterUserPassword=None),
    create("two owners of the password", CLASH,
           loads("exclude each other", masterUserPassword='"${Secret.db.value}"'),
           ManageMasterUserPassword=True),
    create("a key for no secret", CLASH,
           loads("without manageMasterUserPassword", manageMasterUserPassword="false",
                 masterUserSecretKmsKeyId="0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"),
           MasterUserSecretKmsKeyId="alias/aws/secretsmanager"),
    create("a short password", VALUE, SECRET, MasterUserPassword="seven77"),
    create("a password with @", VALUE, SECRET, MasterUserPassword="correct@horse"),
    create("a password too long for MySQL", VALUE, SECRET, MasterUserPassword="a" * 42, **MYSQL),
    create("a password with & for Oracle", VALUE, SECRET, MasterUserPassword="correct&horse",
           **ORACLE),
    create("a hyphen in the database's name", VALUE,
           loads("letters, digits or underscores", dbName="my-app"), DBName="my-app"),
    create("a reserved database", VALUE, loads("is reserved", dbName="db"), "reserved word",
           DBName="db"),
    create("a database too long for Oracle", VALUE,
           loads("1-8 letters", engine="oracle-se2", dbName="ninechars"), DBName="ninechars",
           **ORACLE),
    create("a database for SQL Server", VALUE,
           loads("SQL Server takes none", engine="sqlserver-se", dbName="app"), "must be null",
           DBName="app", **SQL),
    create("a character set for PostgreSQL", CLASH,
           loads("postgres has none", characterSetName="AL32UTF8"), CharacterSetName="AL32UTF8"),
    create("a time zone for PostgreSQL", CLASH, loads("postgres has none", timezone="UTC"),
           Timezone="UTC"),
    create("cores for PostgreSQL", CLASH,
           loads("postgres has none", processorFeatures="{coreCount: 2}"),
           ProcessorFeatures=[{"Name": "coreCount", "Value": "2"}]),
    create("IAM for Oracle", CLASH,
           loads("oracle-se2 has none", engine="oracle-se2", iamDatabaseAuthentication="true"),
           EnableIAMDatabaseAuthentication=True, **ORACLE),
    create("extended support for Oracle", CLASH,
           loads("oracle-se2 has none", engine="oracle-se2",
                 engineLifecycleSupport="open-source-rds-extended-support"),
           EngineLifecycleSupport="open-source-rds-extended-support", **ORACLE),
    create("support that there is not", VALUE,
           loads("not 'for-ever'", engineLifecycleSupport="for-ever"),
           EngineLifecycleSupport="for-ever"),
    create("a licence of another engine", CLASH,
           loads("postgres has postgresql-license", licenseModel="license-included"),
           LicenseModel="license-included"),
    create("a standby of SQL Server Express", CLASH,
           loads("has no standby", engine="sqlserver-ex", multiAZ="true"),
           MultiAZ=True, Engine="sqlserver-ex", DBInstanceClass="db.t3.small"),
    # place
    create("a zone with a standby", CLASH,
           loads("AWS chooses the zones", availabilityZone="us-east-1a", multiAZ="true"),
           MultiAZ=True, AvailabilityZone="us-east-1a"),
    create("a zone without a subnet", "InvalidVPCNetworkStateFault", THERE,
           AvailabilityZone="us-east-1f"),
    create("no such subnet group", "DBSubnetGroupNotFoundFault",
           loads("DBSubnetGroup", dbSubnetGroupName='"${DBSubnetGroup.gone.name}"'),
           DBSubnetGroupName="gone"),
    create("no such parameter group", "DBParameterGroupNotFound",
           loads("DBParameterGroup", dbParameterGroupName='"${DBParameterGroup.gone.name}"'),
           DBParameterGroupName="gone"),
    create("a parameter group of another family", CLASH, "a reference may lead to either version",
           "Parameter Group", EngineVersion="15", DBParameterGroupName="settings"),
    create("no such option group", "OptionGroupNotFoundFault", THERE, OptionGroupName="gone"),
    create("no security group's id", VALUE, loads("sg-", vpcSecurityGroupIds="[default]"),
           VpcSecurityGroupIds=["default"]),
    create("no such security group", VALUE, THERE, VpcSecurityGroupIds=["sg-00000000"]),
    create("IPv6 without such subnets", "NetworkTypeNotSupported", THERE, NetworkType="DUAL"),
    create("a low port", VALUE, loads("at least 1150", port=80), Port=80),
    create("a port that SQL Server needs", VALUE,
           loads("can't have 1434", engine="sqlserver-se", port=1434), Port=1434, **SQL),
    create("a directory without a role", CLASH, loads("needs domainIAMRoleName", domain="d-1"),
           Domain="d-1"),
    create("one address of a directory", VALUE,
           loads("two addresses", domainFqdn="a.b", domainOu="OU=a", domainAuthSecretArn=ROLE,
                 domainDnsIps="[10.0.0.1]"),
           DomainDnsIps=["10.0.0.1"]),
    # backups, windows, watching
    create("36 days of backups", VALUE, loads("at most 35", backupRetentionPeriod=36),
           BackupRetentionPeriod=36),
    create("a window without its zeros", VALUE, loads("hh:mm", preferredBackupWindow="3:00-4:00"),
           PreferredBackupWindow="3:00-4:00"),
    create("a short backup window", VALUE,
           loads("at least 30 minutes", preferredBackupWindow="03:00-03:20"),
           PreferredBackupWindow="03:00-03:20"),
    create("a short maintenance window", VALUE,
           loads("at least 30 minutes", preferredMaintenanceWindow="sun:03:00-sun:03:20"),
           PreferredMaintenanceWindow="sun:03:00-sun:03:20"),
    create("windows that overlap past midnight", CLASH,
           loads("overlap", preferredBackupWindow="23:30-00:30",
                 preferredMaintenanceWindow="sun:00:00-sun:01:00"),
           PreferredBackupWindow="23:30-00:30", PreferredMaintenanceWindow="sun:00:00-sun:01:00"),
    create("another engine's log", CLASH,
           loads("not 'slowquery'", enabledCloudwatchLogsExports="[slowquery]"),
           EnableCloudwatchLogsExports=["slowquery"]),
    create("monitoring every 7 seconds", VALUE, loads("allowed: 0, 1, 5", monitoringInterval=7),
           MonitoringInterval=7, MonitoringRoleArn=ROLE),
    create("monitoring without a role", CLASH,
           loads("needs monitoringRoleArn", monitoringInterval=60), MonitoringInterval=60),
    create("a role without monitoring", CLASH, loads("means nothing", monitoringRoleArn=ROLE),
           MonitoringRoleArn=ROLE),
    create("insights kept for 94 days", VALUE,
           loads("a multiple of 31", performanceInsights="{retentionPeriod: 94}"),
           EnablePerformanceInsights=True, PerformanceInsightsRetentionPeriod=94),
    create("insights kept while off", CLASH,
           loads("while it is off", performanceInsights="{enabled: false, retentionPeriod: 31}"),
           EnablePerformanceInsights=False, PerformanceInsightsRetentionPeriod=31),
    create("advanced insights that are not kept", CLASH,
           loads("at least 465 days", databaseInsightsMode="advanced"),
           DatabaseInsightsMode="advanced"),
    create("an authority that there is not", "CertificateNotFound", MOVES,
           CACertificateIdentifier="rds-ca-1999"),
    create("a tag of AWS's", VALUE, loads("aws:", tags="{'aws:x': '1'}"),
           Tags=[{"Key": "aws:x", "Value": "1"}]),
    create("a tag's key too long", VALUE, loads("1-128", tags=f"{{{'k' * 129}: '1'}}"),
           Tags=[{"Key": "k" * 129, "Value": "1"}]),
]  # fmt: skip

MODIFY = [
    modify("an instance that is not there", "DBInstanceNotFound", THERE, name="gone",
           DeletionProtection=True),
    modify("an instance that is busy", "InvalidDBInstanceState", STATE, name="busy",
           DeletionProtection=True),
    modify("flags alone", CLASH, loads("a flag of the call", applyImmediately="true"),
           "No modifications", ApplyImmediately=True),
    modify("less storage", CLASH, "how large it is", "smaller than", AllocatedStorage=30),
    modify("storage twice in six hours", CLASH, "when it last changed", "optimiz", name="grown",
           AllocatedStorage=200),
    modify("more storage without its IOPS", CLASH, NEVER, "both", name="big",
           AllocatedStorage=500),
    modify("IOPS without storage", CLASH, NEVER, "both", name="big", Iops=16000),
    modify("IOPS on a small volume", CLASH, loads("has 3000, fixed", iops=12000), Iops=12000,
           AllocatedStorage=50),
    modify("a limit below the size", CLASH,
           loads("at least 10 % above", allocatedStorage=50, maxAllocatedStorage=40),
           MaxAllocatedStorage=40),
    modify("an older version", CLASH, "which version it has", "Cannot upgrade",
           EngineVersion="16.1"),
    modify("a version that is not offered", CLASH, MOVES, EngineVersion="16.99"),
    modify("another major version without the flag", CLASH, NEVER, "AllowMajorVersionUpgrade",
           EngineVersion="17", DBParameterGroupName="default.postgres17"),
    modify("another major version with the old group", CLASH,
           "a reference may lead to either version", "Parameter Group", EngineVersion="17",
           AllowMajorVersionUpgrade=True),
    modify("a parameter group of another family", CLASH, "a reference may lead to either version",
           "family|Family", DBParameterGroupName="default.postgres15"),
    modify("no such parameter group", "DBParameterGroupNotFound",
           loads("DBParameterGroup", dbParameterGroupName='"${DBParameterGroup.gone.name}"'),
           DBParameterGroupName="gone"),
    modify("an option group of another engine", CLASH, THERE, "option group",
           OptionGroupName="theirs"),
    modify("no such option group", "OptionGroupNotFoundFault", THERE, OptionGroupName="gone"),
    modify("no such class", VALUE, loads("an instance class", dbInstanceClass="large"),
           DBInstanceClass="large"),
    modify("subnets of the same VPC", "InvalidVPCNetworkStateFault",
           "never sent: it is reported as fixed at creation", DBSubnetGroupName="second"),
    modify("no such security group", VALUE, THERE, VpcSecurityGroupIds=["sg-00000000"]),
    modify("a low port", VALUE, loads("at least 1150", port=80), DBPortNumber=80),
    modify("two owners of the password", CLASH,
           loads("exclude each other", masterUserPassword='"${Secret.db.value}"'),
           ManageMasterUserPassword=True, MasterUserPassword="correct-horse"),
    modify("RDS's password given up for none", CLASH, "whether RDS owns it now", name="owned",
           ManageMasterUserPassword=False),
    modify("another key for RDS's secret", CLASH, "whether RDS owns it now", name="owned",
           MasterUserSecretKmsKeyId="alias/aws/rds"),
    modify("RDS's password rotated at leisure", CLASH,
           loads("an act, not a property", rotateMasterUserPassword="true"), name="owned",
           RotateMasterUserPassword=True),
    modify("a short password", VALUE, SECRET, MasterUserPassword="seven77"),
    modify("36 days of backups", VALUE, loads("at most 35", backupRetentionPeriod=36),
           BackupRetentionPeriod=36),
    modify("a primary's backups off", CLASH, "whether it has replicas", "replicas",
           BackupRetentionPeriod=0),
    modify("windows that overlap", CLASH,
           loads("overlap", preferredBackupWindow="02:00-03:00",
                 preferredMaintenanceWindow="sun:02:30-sun:03:30"),
           PreferredBackupWindow="02:00-03:00", PreferredMaintenanceWindow="sun:02:30-sun:03:30"),
    modify("a log switched on and off", CLASH, NEVER, CloudwatchLogsExportConfiguration={
        "EnableLogTypes": ["upgrade"], "DisableLogTypes": ["upgrade"]}),
    modify("another engine's log", CLASH,
           loads("not 'slowquery'", enabledCloudwatchLogsExports="[slowquery]"),
           CloudwatchLogsExportConfiguration={"EnableLogTypes": ["slowquery"]}),
    modify("monitoring without a role", CLASH,
           loads("needs monitoringRoleArn", monitoringInterval=60), MonitoringInterval=60),
    modify("advanced insights that are not kept", CLASH,
           loads("at least 465 days", databaseInsightsMode="advanced"),
           DatabaseInsightsMode="advanced"),
    modify("another key for insights that are on", CLASH, "whether they are on", name="watched",
           PerformanceInsightsKMSKeyId="alias/other"),
    modify("an authority that there is not", "CertificateNotFound", MOVES,
           CACertificateIdentifier="rds-ca-1999"),
    modify("a licence of another engine", CLASH,
           loads("postgres has postgresql-license", licenseModel="license-included"),
           LicenseModel="license-included"),
    modify("IPv6 without such subnets", "NetworkTypeNotSupported", THERE, NetworkType="DUAL"),
    modify("a log volume beside gp3", CLASH,
           loads("only with storageType io1", dedicatedLogVolume="true"), DedicatedLogVolume=True),
    modify("a directory without a role", CLASH, loads("needs domainIAMRoleName", domain="d-1"),
           Domain="d-1"),
    modify("what a cluster decides", CLASH, "whose member it is, where the file does not say",
           "cluster", name="member", BackupRetentionPeriod=9),
    modify("a replica's password", CLASH,
           loads("is the primary's", sourceDBInstanceIdentifier="main"), name="copy",
           MasterUserPassword="correct-horse"),
    modify("a replica older than its primary", CLASH, "which version the primary has", name="copy",
           EngineVersion="16.1"),
]  # fmt: skip

ARN = "arn:aws:rds:us-east-1:{account}:db:"


def arn(name: str) -> Any:
    """The ARN of an instance, in the world's account."""
    return lambda aws, world: {"ResourceName": ARN.format(account=world.account) + name}


def full_of_tags(aws: Any, world: World) -> Doc:
    """An instance with 50 tags."""
    name = {"ResourceName": ARN.format(account=world.account) + "main"}
    tags = [{"Key": f"k{n}", "Value": "v"} for n in range(50)]
    aws.client("rds").add_tags_to_resource(**name, Tags=tags)
    return name


def snapshot_there(aws: Any, world: World) -> Doc:
    """A final snapshot of that name is there already."""
    rds = aws.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier="big", FinalDBSnapshotIdentifier="last")
    return {}


def going(aws: Any, world: World) -> Doc:
    """The instance is being deleted."""
    aws.client("rds").delete_db_instance(DBInstanceIdentifier="big", SkipFinalSnapshot=True)
    return {}


LAST = {"FinalDBSnapshotIdentifier": "last"}
MISCONDUCT = "the final snapshot's name is made, never written"
DELETE = [
    other("DeleteDBInstance", "not there", "DBInstanceNotFound", THERE,
          {"DBInstanceIdentifier": "gone", "SkipFinalSnapshot": True}),
    other("DeleteDBInstance", "protected", CLASH, "whether it is protected in AWS",
          {"DBInstanceIdentifier": "main", **LAST}, "protect"),
    other("DeleteDBInstance", "neither a final snapshot nor none", CLASH,
          loads("a flag of the deletion", skipFinalSnapshot="false"),
          {"DBInstanceIdentifier": "big"}),
    other("DeleteDBInstance", "a final snapshot and none", CLASH,
          loads("a flag of the deletion", finalDBSnapshotIdentifier="last"),
          {"DBInstanceIdentifier": "big", "SkipFinalSnapshot": True, **LAST}),
    other("DeleteDBInstance", "a bad name for the snapshot", VALUE, MISCONDUCT,
          {"DBInstanceIdentifier": "big", "FinalDBSnapshotIdentifier": "a--b"}),
    other("DeleteDBInstance", "a snapshot that is there", "DBSnapshotAlreadyExists", MISCONDUCT,
          {"DBInstanceIdentifier": "grown", **LAST}, given=snapshot_there),
    other("DeleteDBInstance", "twice", "InvalidDBInstanceState", STATE,
          {"DBInstanceIdentifier": "big", "SkipFinalSnapshot": True}, given=going),
    other("DeleteDBInstance", "a final snapshot of a replica", CLASH, NEVER,
          {"DBInstanceIdentifier": "copy", **LAST}),
    other("DeleteDBInstance", "a final snapshot of a cluster's member", CLASH, NEVER,
          {"DBInstanceIdentifier": "member", **LAST}),
]  # fmt: skip

ONE = [{"Key": "a", "Value": "b"}]
TAGS = [
    other("AddTagsToResource", "to what is not there", "DBInstanceNotFound", THERE,
          {"Tags": ONE}, given=arn("gone")),
    other("AddTagsToResource", "to no resource of RDS", VALUE, NEVER,
          {"ResourceName": "arn:aws:s3:::bucket", "Tags": ONE}),
    other("AddTagsToResource", "AWS's own", VALUE, loads("aws:", tags="{'aws:x': '1'}"),
          {"Tags": [{"Key": "aws:x", "Value": "1"}]}, given=arn("main")),
    other("AddTagsToResource", "more than 50", VALUE,
          loads("at most 40", tags="{" + ", ".join(f"k{n}: v" for n in range(51)) + "}"),
          {"Tags": ONE}, given=full_of_tags),
    other("AddTagsToResource", "a value too long", VALUE,
          loads("at most 256", tags=f"{{k: {'v' * 257}}}"),
          {"Tags": [{"Key": "k", "Value": "v" * 257}]}, given=arn("main")),
    other("RemoveTagsFromResource", "from what is not there", "DBInstanceNotFound", THERE,
          {"TagKeys": ["a"]}, given=arn("gone")),
]  # fmt: skip

GROUP = {"DBParameterGroupName": "new", "DBParameterGroupFamily": "postgres16", "Description": "x"}


def settings(says: str, spec: str) -> tuple[str, str, str]:
    """A file with that DBParameterGroup."""
    return "DBParameterGroup", spec, says


def setting(why: str, code: str, load: tuple[str, str, str] | str, says: str = "",
            group: str = "settings", **item: str) -> Refusal:  # fmt: skip
    """A ModifyDBParameterGroup with one parameter."""
    parameter = {"ParameterName": "work_mem", "ParameterValue": "8192",
                 "ApplyMethod": "immediate"} | item  # fmt: skip
    return other("ModifyDBParameterGroup", why, code, load,
                 {"DBParameterGroupName": group, "Parameters": [parameter]}, says)  # fmt: skip


MANY = [{"ParameterName": f"p{n}", "ParameterValue": "1", "ApplyMethod": "immediate"}
        for n in range(21)]  # fmt: skip
RESET = {"DBParameterGroupName": "settings"}
PARAMETERS = [
    other("CreateDBParameterGroup", "a dot in the name", VALUE, NAMES,
          {**GROUP, "DBParameterGroupName": "default.mine"}),
    other("CreateDBParameterGroup", "a name that is taken", "DBParameterGroupAlreadyExists", THERE,
          {**GROUP, "DBParameterGroupName": "SETTINGS"}),
    other("CreateDBParameterGroup", "a family that there is not", VALUE,
          settings("RDS has none like", "family: redis7"),
          {**GROUP, "DBParameterGroupFamily": "redis7"}),
    other("CreateDBParameterGroup", "a family without a version", VALUE,
          settings("major version", "family: postgres"),
          {**GROUP, "DBParameterGroupFamily": "postgres"}),
    other("CreateDBParameterGroup", "no description", VALUE,
          settings("at least 1", "family: postgres16, description: ''"),
          {**GROUP, "Description": ""}),
    setting("a group that is not there", "DBParameterGroupNotFound", THERE, group="gone"),
    setting("AWS's own group", "InvalidDBParameterGroupState",
            "names: no group of ours is called default.…", group="default.postgres16"),
    setting("a parameter that there is not", VALUE, PARAMETER, "Could not find",
            ParameterName="work_memory"),
    setting("no parameter's name", VALUE,
            settings("is no parameter name", "family: postgres16, parameters: {'a;b': 1}"),
            ParameterName="a;b"),
    setting("a parameter that is AWS's", VALUE, PARAMETER, "cannot be modified",
            ParameterName="fsync", ParameterValue="0"),
    setting("a static parameter at once", CLASH, NEVER, "static",
            ParameterName="max_connections", ParameterValue="500"),
    setting("a value out of range", VALUE, PARAMETER, "Invalid parameter value",
            ParameterValue="1"),
    setting("a unit", VALUE, PARAMETER, "Invalid parameter value", ParameterValue="64MB"),
    setting("no such library", VALUE, PARAMETER, "Invalid parameter value",
            ParameterName="shared_preload_libraries", ParameterValue="mine",
            ApplyMethod="pending-reboot"),
    setting("a method that there is not", VALUE, NEVER, ApplyMethod="later"),
    other("ModifyDBParameterGroup", "21 at once", VALUE, NEVER,
          {**RESET, "Parameters": MANY}, "20"),
    other("ResetDBParameterGroup", "neither all nor some", CLASH, NEVER, RESET),
    other("ResetDBParameterGroup", "21 at once", VALUE, NEVER, {**RESET, "Parameters": MANY}, "20"),
    other("ResetDBParameterGroup", "a parameter that there is not", VALUE, PARAMETER,
          {**RESET, "Parameters": MANY[:1]}),
    other("ResetDBParameterGroup", "AWS's own group", "InvalidDBParameterGroupState",
          "names: no group of ours is called default.…",
          {"DBParameterGroupName": "default.postgres16", "ResetAllParameters": True}),
    other("DeleteDBParameterGroup", "in use", "InvalidDBParameterGroupState",
          "who else uses it in AWS", {"DBParameterGroupName": "settings"}, "still members"),
    other("DeleteDBParameterGroup", "AWS's own", "InvalidDBParameterGroupState",
          "names: no group of ours is called default.…",
          {"DBParameterGroupName": "default.postgres16"}),
    other("DeleteDBParameterGroup", "not there", "DBParameterGroupNotFound", THERE,
          {"DBParameterGroupName": "gone"}),
]  # fmt: skip


def subnets(number: int, zone: str = "") -> Any:
    """The ids of so many private subnets."""

    def given(aws: Any, world: World) -> Doc:
        return {"SubnetIds": _subnets(aws)[:number]}

    return given


def of_two_networks(aws: Any, world: World) -> Doc:
    """Subnets of two VPCs."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    theirs = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24")["Subnet"]["SubnetId"]
    return {"SubnetIds": [*_subnets(aws), theirs]}


def all_in_one_zone(aws: Any, world: World) -> Doc:
    """Two subnets of one zone."""
    first = _subnets(aws)[0]
    ec2 = aws.client("ec2")
    here = ec2.describe_subnets(SubnetIds=[first])["Subnets"][0]
    more = ec2.create_subnet(VpcId=here["VpcId"], CidrBlock="10.40.98.0/24",
                             AvailabilityZone=here["AvailabilityZone"])  # fmt: skip
    return {"SubnetIds": [first, more["Subnet"]["SubnetId"]]}


def away_from_them(aws: Any, world: World) -> Doc:
    """Subnets in two zones, of which the databases stand in neither."""
    ec2 = aws.client("ec2")
    vpc = ec2.describe_subnets(SubnetIds=_subnets(aws)[:1])["Subnets"][0]["VpcId"]
    return {"SubnetIds": [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.40.9{n}.0/24",
                          AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("de")
    ]}  # fmt: skip


def _subnets(aws: Any) -> list[str]:
    group = aws.client("rds").describe_db_subnet_groups(DBSubnetGroupName="main")
    found = group["DBSubnetGroups"][0]["Subnets"]
    return sorted(s["SubnetIdentifier"] for s in found)


PLACE = {"DBSubnetGroupName": "new", "DBSubnetGroupDescription": "x"}


def place(says: str, spec: str) -> tuple[str, str, str]:
    """A file with that DBSubnetGroup."""
    return "DBSubnetGroup", spec, says


PLACES = [
    other("CreateDBSubnetGroup", "called default", VALUE, NAMES,
          {**PLACE, "DBSubnetGroupName": "Default"}, given=subnets(2)),
    other("CreateDBSubnetGroup", "a name that is taken", "DBSubnetGroupAlreadyExists", THERE,
          {**PLACE, "DBSubnetGroupName": "MAIN"}, given=subnets(2)),
    other("CreateDBSubnetGroup", "no description", VALUE,
          place("at least 1", "subnetIds: [subnet-0a1b2c3d, subnet-1a1b2c3d], description: ''"),
          {**PLACE, "DBSubnetGroupDescription": ""}, given=subnets(2)),
    other("CreateDBSubnetGroup", "one subnet", "DBSubnetGroupDoesNotCoverEnoughAZs",
          place("at least 2", "subnetIds: [subnet-0a1b2c3d]"), PLACE, given=subnets(1)),
    other("CreateDBSubnetGroup", "two subnets of one zone", "DBSubnetGroupDoesNotCoverEnoughAZs",
          "which zone a subnet is in", PLACE, given=all_in_one_zone),
    other("CreateDBSubnetGroup", "no subnet's id", "InvalidSubnet",
          place("subnet-", "subnetIds: [vpc-1, vpc-2]"), {**PLACE, "SubnetIds": ["vpc-1"]}),
    other("CreateDBSubnetGroup", "a subnet that is not there", "InvalidSubnet", THERE,
          {**PLACE, "SubnetIds": ["subnet-00000000", "subnet-11111111"]}),
    other("CreateDBSubnetGroup", "two networks", "InvalidSubnet", "which VPC a subnet is in", PLACE,
          given=of_two_networks),
    other("ModifyDBSubnetGroup", "not there", "DBSubnetGroupNotFoundFault", THERE,
          {"DBSubnetGroupName": "gone"}, given=subnets(2)),
    other("ModifyDBSubnetGroup", "subnets in use", "SubnetAlreadyInUse", "what stands in them",
          {"DBSubnetGroupName": "main"}, given=away_from_them),
    other("ModifyDBSubnetGroup", "one subnet", "DBSubnetGroupDoesNotCoverEnoughAZs",
          place("at least 2", "subnetIds: [subnet-0a1b2c3d]"), {"DBSubnetGroupName": "second"},
          given=subnets(1)),
    other("DeleteDBSubnetGroup", "in use", "InvalidDBSubnetGroupStateFault",
          "what stands in it", {"DBSubnetGroupName": "main"}, "still using"),
    other("DeleteDBSubnetGroup", "not there", "DBSubnetGroupNotFoundFault", THERE,
          {"DBSubnetGroupName": "gone"}),
]  # fmt: skip

REFUSALS = (*CREATE, *MODIFY, *DELETE, *TAGS, *PARAMETERS, *PLACES)


@cache
def databases() -> tuple[World, Any]:
    """A world with databases, and how it stands."""
    world = new_world(3, max_lag=timedelta(0))
    seeded, aws = seed(world), session(world)
    rds = aws.client("rds")
    ids = seeded.values("network/private-subnets")
    for name in ("main", "second"):
        rds.create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription="x", SubnetIds=ids
        )
    rds.create_db_parameter_group(DBParameterGroupName="settings",
                                  DBParameterGroupFamily="postgres16", Description="x")  # fmt: skip
    rds.create_option_group(OptionGroupName="theirs", EngineName="mysql", MajorEngineVersion="8.0",
                            OptionGroupDescription="x")  # fmt: skip
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    aws.client("kms").create_alias(AliasName="alias/other", TargetKeyId=key)
    own: dict[str, Doc] = {
        "main": {"DBParameterGroupName": "settings", "DeletionProtection": True,
                 "AllocatedStorage": 50},
        "big": {"AllocatedStorage": 400}, "grown": {"MaxAllocatedStorage": 300},
        "owned": {"ManageMasterUserPassword": True, "MasterUserPassword": None},
        "watched": {"EnablePerformanceInsights": True},
    }  # fmt: skip
    for name, more in own.items():
        request = {**BASE, "DBInstanceIdentifier": name, "EngineVersion": "16", **more}
        rds.create_db_instance(**{k: v for k, v in request.items() if v is not None})
    cluster_member(world, "member", "theirs", DBSubnetGroupName="main")
    world.clock.advance(timedelta(hours=1))
    rds.create_db_instance_read_replica(
        DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="main"
    )
    world.clock.advance(timedelta(hours=1))
    perturb_data.rds_grow_storage(world, "grown", 100)
    world.clock.advance(timedelta(hours=2))
    rds.create_db_instance(**{**BASE, "DBInstanceIdentifier": "busy"})
    return world, copy.deepcopy(world._stores)


@pytest.fixture
def stage() -> Iterator[World]:
    """That world, put back."""
    world, stores = databases()
    world._stores = copy.deepcopy(stores)
    world._history.clear()
    yield world
    assert not world.unsimulated


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal, stage: World) -> None:
    if refusal.given is not None:
        more = refusal.given(session_of(stage), stage)
        refusal = replace(refusal, given=None, request={**refusal.request, **more})
    before = shape(stage)
    check(refusal, stage)
    assert shape(stage) == before, "a refused call changes nothing"


def test_every_write_of_these_kinds_is_refused_something() -> None:
    from controller.kinds import handler_for

    calls = {c for k in ("DBInstance", "DBParameterGroup", "DBSubnetGroup")
             for c in handler_for(k).writes}  # fmt: skip
    assert calls == {r.call for r in REFUSALS}
