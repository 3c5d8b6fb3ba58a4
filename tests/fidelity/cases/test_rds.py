"""Cases 57 to 100, and what stands between them: databases and their parameter groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from controller.kinds import handler_for
from controller.manifest import DesiredStateError, load
from sandbox import perturb_data as aws_does
from sandbox.rds_others import as_shown
from tests.fidelity.cases.rds_estate import (
    DATABASES,
    NAME,
    PASSWORD,
    Deed,
    Estate,
    estate,
    spec,
    text,
)
from tests.harness import environment, resource
from tests.unit.kinds.kit import recorded


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def stored(name: str, **values: Any) -> Deed:
    """AWS, or whoever else, made this of an instance."""
    return lambda e: e.stored(name).update(values)


def by_hand(name: str, **params: Any) -> Deed:
    """Somebody's ModifyDBInstance, at once."""
    return lambda e: e.modify(name, **params)


def aws(deed: Callable[..., object], name: str, *more: Any) -> Deed:
    """What AWS does to an instance by itself."""
    return lambda e: deed(e.world, f"{NAME}-{name}", *more)


def parameter(name: str, value: str, group: str = "main") -> Deed:
    """Somebody sets a parameter."""
    return lambda e: e.rds.modify_db_parameter_group(
        DBParameterGroupName=f"{NAME}-{group}",
        Parameters=[{"ParameterName": name, "ParameterValue": value,
                     "ApplyMethod": "pending-reboot"}],
    )  # fmt: skip


def reset(name: str) -> Deed:
    """Somebody resets a parameter to its default."""
    return lambda e: e.rds.reset_db_parameter_group(
        DBParameterGroupName=f"{NAME}-main",
        Parameters=[{"ParameterName": name, "ApplyMethod": "pending-reboot"}],
    )  # fmt: skip


def backup_takes_over(e: Estate) -> None:
    """AWS Backup sets retention and window of an instance that declares both."""
    aws_does.rds_owned_by_backup(e.world, f"{NAME}-big", 30)
    e.stored("big")["PreferredBackupWindow"] = "05:00-06:00"


def upgraded_by_hand(e: Estate) -> None:
    """SQL Server, whose version is left to AWS: its default groups are others then (79)."""
    e.modify("sql", EngineVersion="16.00", AllowMajorVersionUpgrade=True)
    shown = e.shown("sql")
    assert shown["DBParameterGroups"][0]["DBParameterGroupName"] == "default.sqlserver-se-16.0"
    assert shown["OptionGroupMemberships"][0]["OptionGroupName"] == "default:sqlserver-se-16-00"


def cluster_changes(e: Estate) -> None:
    """Somebody changes an Aurora cluster, and so all its members."""
    e.stored("member").update(
        AllocatedStorage=7, BackupRetentionPeriod=21, EngineVersion="16.8", StorageEncrypted=False,
        DeletionProtection=True, CopyTagsToSnapshot=True, IAMDatabaseAuthenticationEnabled=True,
        MasterUsername="other", PreferredBackupWindow="06:00-06:30", StorageType="aurora-iopt1",
        VpcSecurityGroups=[], EnabledCloudwatchLogsExports=["postgresql"],
        MasterUserSecret={"SecretArn": "arn:x", "SecretStatus": "active"}, NetworkType="DUAL",
        DatabaseInsightsMode="advanced", EngineLifecycleSupport="whatever", Iops=0,
    )  # fmt: skip


ECHOES: dict[str, tuple[tuple[int, ...], Deed]] = {
    "a password is being reset, masked": (
        (59, 82), lambda e: e.rds.modify_db_instance(
            DBInstanceIdentifier=f"{NAME}-main", MasterUserPassword="somebody-elses"),
    ),
    "a minor upgrade": ((60, 61), aws(aws_does.rds_minor_upgrade, "main")),
    "another window, undeclared": ((63,), by_hand("main", PreferredBackupWindow="11:00-11:30")),
    "another maintenance window, undeclared": (
        (), by_hand("main", PreferredMaintenanceWindow="wed:11:00-wed:11:30")),
    "AWS Backup sets the retention": ((64,), aws(aws_does.rds_owned_by_backup, "main", 35)),
    "AWS Backup sets retention and window": ((64,), backup_takes_over),
    "storage grows by itself": ((68,), aws(aws_does.rds_grow_storage, "main", 75)),
    "default groups of another version": ((79,), upgraded_by_hand),
    "another certificate authority": ((81,), aws(aws_does.rds_rotate_ca, "main")),
    "RDS rotates its password": ((83,), aws(aws_does.rds_rotate_secret, "owned")),
    "support of another era": (
        (87,), stored("main", EngineLifecycleSupport="open-source-rds-extended-support-disabled")),
    "a cluster changes": ((93,), cluster_changes),
    "a replica takes over": (
        (94,), stored("replica", DBName="other", MasterUsername="other", BackupRetentionPeriod=3,
                      PreferredBackupWindow="06:00-06:30"),
    ),
    "a failover": ((95,), aws(aws_does.rds_failover, "main")),
    "a backup runs": ((92,), aws(aws_does.rds_backup, "main")),
    "maintenance is due": ((), aws(aws_does.rds_maintenance_due, "main")),
    "a value that is the default counts as nobody's": ((), reset("rds.force_ssl")),
    "others' parameters": ((97,), parameter("work_mem", "8192")),
    "a number written another way": ((), parameter("checkpoint_timeout", "300")),
    "security groups in another order": (
        (77,), lambda e: e.stored("main")["VpcSecurityGroups"].reverse()),
    "the words of a directory that was left": ((), stored("main", DomainMemberships=[])),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "echo") for n in cases])
        for name, (cases, _) in ECHOES.items()
    ],
)
def test_what_aws_makes_of_it_is_no_drift(e: Estate, name: str) -> None:
    ECHOES[name][1](e)
    e.quiet()


@pytest.mark.case(66, "echo")
@pytest.mark.case(67, "echo")
@pytest.mark.case(70, "echo")
@pytest.mark.case(72, "echo")
@pytest.mark.case(86, "echo")
@pytest.mark.case(89, "echo")
@pytest.mark.case(90, "echo")
@pytest.mark.case(97, "echo")
def test_as_created_aws_says_it_otherwise_and_nothing_differs(e: Estate) -> None:
    """Much is spelled, filled in or rounded by AWS from the start."""
    main, big, oracle, sql = (e.shown(n) for n in ("main", "big", "oracle", "sql"))
    assert (oracle["DBName"], main["DBName"]) == ("APP", "App")
    assert big["KmsKeyId"].endswith(f"key/{e.key}")
    assert main["KmsKeyId"]
    assert [(i["Iops"], i["StorageThroughput"]) for i in (main, big, oracle, sql)] == [
        (3000, 125), (12000, 500), (12000, 500), (3000, 125),
    ]  # fmt: skip
    assert [i["Endpoint"]["Port"] for i in (main, big, oracle, sql)] == [5432, 5433, 1521, 1433]
    assert {i["DbInstancePort"] for i in (main, big)} == {0}
    assert (main["LicenseModel"], sql["LicenseModel"]) == ("postgresql-license", "license-included")
    assert (main["NetworkType"], main["BackupTarget"]) == ("IPV4", "region")
    assert main["DBSubnetGroup"]["DBSubnetGroupName"] == f"{NAME}-main"
    assert big["PreferredMaintenanceWindow"] == "sun:23:45-mon:00:15"
    assert oracle["CharacterSetName"] == "AL32UTF8"
    assert e.shown("mysql")["OptionGroupMemberships"][0]["OptionGroupName"] == "theirs"
    found = e.rds.describe_db_parameters(DBParameterGroupName=f"{NAME}-main", Source="user")
    said = {p["ParameterName"]: p["ParameterValue"] for p in found["Parameters"]}
    assert said["log_min_duration_statement"] == "1000"
    report = e.quiet()
    theirs = {k: a.changes for k, a in report.assessments.items() if a.changes}
    assert set(theirs) == {"DBInstance/member", "DBInstance/replica"}
    assert {c.cls for changes in theirs.values() for c in changes} == {"owned", "undeclared"}


@pytest.mark.case(75, "echo")
def test_storage_of_an_older_default_is_adopted_as_it_is(e: Estate) -> None:
    """A recorded instance that nobody chose a type for, of a time when that meant gp2."""
    (instance,) = next(
        reply["DBInstances"]
        for name, reply in recorded("rds", "rds", "DescribeDBInstances")
        if name == "05ee3dddee.json"
    )
    assert instance["StorageType"] == "gp2"
    as_shown(e.world, instance)
    said = {k: v for k, v in handler_for("DBInstance").imported(instance).items() if k != "tags"}
    document = {
        "apiVersion": "plumbline.dev/v1", "kind": "DBInstance", "spec": said,
        "metadata": {"name": "old", "externalName": instance["DBInstanceIdentifier"]},
        "lifecycle": {"adopt": True},
    }  # fmt: skip
    e.publish(f"{text()}---\n{yaml.safe_dump(document)}")
    e.converge(5)
    assert e.modified() == []
    e.checkpoint()
    e.quiet()


def logs_off(e: Estate) -> None:
    """Somebody switches one log off; AWS lists it as being *enabled* (58)."""
    e.rds.modify_db_instance(
        DBInstanceIdentifier=f"{NAME}-main",
        CloudwatchLogsExportConfiguration={"DisableLogTypes": ["upgrade"]},
    )
    waiting = e.shown("main")["PendingModifiedValues"]["PendingCloudwatchLogsExports"]
    assert waiting == {"LogTypesToEnable": ["upgrade"]}


def waits_for_the_window(**params: Any) -> Deed:
    """Somebody's change of main that waits for the maintenance window."""
    return lambda e: e.rds.modify_db_instance(DBInstanceIdentifier=f"{NAME}-main", **params)


def protection_off_and_another_password(e: Estate) -> None:
    e.modify("main", MasterUserPassword="somebody-elses", DeletionProtection=False)


def another_group(e: Estate) -> None:
    ec2 = e.aws.client("ec2")
    held = [g["VpcSecurityGroupId"] for g in e.shown("main")["VpcSecurityGroups"]]
    vpc = ec2.describe_security_groups(GroupIds=held)["SecurityGroups"][0]["VpcId"]
    found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    other = next(
        g["GroupId"] for g in found["SecurityGroups"] if g["GroupId"] not in held
    )  # fmt: skip
    e.modify("main", VpcSecurityGroupIds=[*held, other])


def other_subnets(e: Estate) -> None:
    subnets = e.shown("main")["DBSubnetGroup"]["Subnets"]
    e.rds.create_db_subnet_group(
        DBSubnetGroupName="other", DBSubnetGroupDescription="x",
        SubnetIds=[s["SubnetIdentifier"] for s in subnets],
    )  # fmt: skip
    e.stored("main")["_subnet_group"] = "other"


def next_major(e: Estate) -> None:
    """Somebody upgrades where any 16 would have done."""
    e.wanting(spec("big", ('"16.4"', '"16"')))
    e.quiet(1)
    e.modify("big", EngineVersion="17", AllowMajorVersionUpgrade=True)


MENDED: dict[str, tuple[tuple[int, ...], Deed, str, str]] = {
    "a class that waits for the window": (
        (57,), waits_for_the_window(DBInstanceClass="db.m7g.xlarge"), "main", "dbInstanceClass"),
    "a log switched off": ((58,), logs_off, "main", "enabledCloudwatchLogsExports"),
    "protection, beside a password": (
        (59, 82), protection_off_and_another_password, "main", "deletionProtection"),
    "a declared window": (
        (63,), by_hand("big", PreferredBackupWindow="12:00-13:00"), "big", "preferredBackupWindow"),
    "a declared maintenance window": (
        (), by_hand("big", PreferredMaintenanceWindow="mon:12:00-mon:13:00"), "big",
        "preferredMaintenanceWindow",
    ),
    "retention, with no AWS Backup": (
        (64,), by_hand("main", BackupRetentionPeriod=1), "main", "backupRetentionPeriod"),
    "IOPS that can be chosen": ((70,), by_hand("big", Iops=15000, AllocatedStorage=400), "big",
                                "iops"),
    "another type of volume": ((75,), by_hand("owned", StorageType="gp2"), "owned", "storageType"),
    "a security group more": ((77,), another_group, "main", "vpcSecurityGroupIds"),
    "another parameter group": (
        (78, 79), by_hand("main", DBParameterGroupName="default.postgres16"), "main",
        "dbParameterGroupName",
    ),
    "another option group": (
        (79,), by_hand("mysql", OptionGroupName="default:mysql-8-0"), "mysql", "optionGroupName"),
    "a declared authority": (
        (81,), by_hand("big", CACertificateIdentifier="rds-ca-rsa4096-g1"), "big",
        "caCertificateIdentifier",
    ),
    "RDS takes the password": (
        (83,), by_hand("main", ManageMasterUserPassword=True), "main", "manageMasterUserPassword"),
    "no minor upgrades": (
        (86,), by_hand("main", AutoMinorVersionUpgrade=False), "main", "autoMinorVersionUpgrade"),
    "declared support": (
        (87,), by_hand("mysql", EngineLifecycleSupport="open-source-rds-extended-support"),
        "mysql", "engineLifecycleSupport",
    ),
    "another port": ((90,), by_hand("big", DBPortNumber=5434), "big", "port"),
    "no standby": ((91,), by_hand("main", MultiAZ=False), "main", "multiAZ"),
    "a member's class": (
        (93,), by_hand("member", DBInstanceClass="db.r6g.xlarge"), "member", "dbInstanceClass"),
    "a member's turn": ((93,), by_hand("member", PromotionTier=3), "member", "promotionTier"),
    "a replica's standby": ((94,), by_hand("replica", MultiAZ=True), "replica", "multiAZ"),
    "cores": (
        (), by_hand("oracle", UseDefaultProcessorFeatures=True), "oracle", "processorFeatures"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in MENDED.items()
    ],
)
def test_a_change_beside_it_is_named_exactly_and_mended(e: Estate, name: str) -> None:
    _, deed, instance, path = MENDED[name]
    before = seen(e, instance)
    deed(e)
    found = e.differs()
    told = {(k, p.partition("[")[0]) for k, p in found}
    assert told == {(f"DBInstance/{instance}", path)}, found
    e.mended()
    assert len(e.modified()) == 1
    e.settle(instance)
    assert seen(e, instance) == before


def seen(e: Estate, name: str) -> dict[str, Any]:
    """What an instance is, without what AWS chooses."""
    chosen = ("LatestRestorableTime", "MasterUserSecret", "StatusInfos")
    shown = {k: v for k, v in e.shown(name).items() if k not in chosen}
    for member in ("VpcSecurityGroups", "EnabledCloudwatchLogsExports", "TagList"):
        shown[member] = sorted(shown.get(member, []), key=str)
    shown["DBSubnetGroup"] = shown["DBSubnetGroup"]["DBSubnetGroupName"]
    for group in shown["DBParameterGroups"]:
        del group["ParameterApplyStatus"]
    return shown


BLOCKED: dict[str, tuple[tuple[int, ...], Deed, str, str, str]] = {
    "another major version": ((60,), next_major, "big", "engineVersion", "never lowered"),
    "a minor upgrade that nobody allowed": (
        (61,), aws(aws_does.rds_minor_upgrade, "big"), "big", "engineVersion", "never lowered"),
    "another database name": ((66,), stored("oracle", DBName="OTHER"), "oracle", "dbName", ""),
    "another key": (
        (67,), lambda e: e.stored("big").update(KmsKeyId=e.other_key), "big", "kmsKeyId", ""),
    "storage beyond its limit": (
        (68,), by_hand("main", AllocatedStorage=300), "main", "allocatedStorage", "never shrinks"),
    "other subnets": ((89,), other_subnets, "main", "dbSubnetGroupName", ""),
    "another zone": (
        (95,), stored("big", AvailabilityZone="us-east-1b"), "big", "availabilityZone", ""),
    "another time zone": ((), stored("sql", Timezone="UTC"), "sql", "timezone", ""),
    "another cluster": (
        (), stored("member", DBClusterIdentifier="other"), "member", "dbClusterIdentifier", ""),
    "a replica of another": (
        (94,), stored("replica", ReadReplicaSourceDBInstanceIdentifier="other"), "replica",
        "sourceDBInstanceIdentifier", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in BLOCKED.items()
    ],
)
def test_what_no_call_mends_is_named_exactly_and_left(e: Estate, name: str) -> None:
    _, deed, instance, path, why = BLOCKED[name]
    deed(e)
    e.named(instance, path)
    if why:
        assert why in e.stuck(instance)[path]
    e.blocked(instance)


@pytest.mark.case(72, "change")
@pytest.mark.case(86, "change")
def test_what_aws_would_not_fill_in_is_reported_and_left(e: Estate) -> None:
    """A default is folded only while it is the default."""
    e.modify("oracle", Iops=15000, AllocatedStorage=200)
    e.modify("sql", MonitoringInterval=60, MonitoringRoleArn="arn:aws:iam::123456789012:role/m")
    e.modify("owned", EnableIAMDatabaseAuthentication=True)
    report = e.quiet(1)
    told = {
        (k.partition("/")[2], c.path): (c.cls, c.now)
        for k, a in report.assessments.items()
        for c in a.changes
        if k not in ("DBInstance/member", "DBInstance/replica")
    }
    assert told == {
        ("oracle", "iops"): ("undeclared", 15000),
        ("sql", "monitoringInterval"): ("undeclared", 60),
        ("sql", "monitoringRoleArn"): ("undeclared", "arn:aws:iam::123456789012:role/m"),
        ("owned", "iamDatabaseAuthentication"): ("undeclared", True),
    }


PARAMETERS: dict[str, tuple[tuple[int, ...], Deed, str]] = {
    "another value": ((97,), parameter("log_min_duration_statement", "5"),
                      "log_min_duration_statement"),
    "reset": ((), reset("log_min_duration_statement"), "log_min_duration_statement"),
    "a switch": ((), parameter("rds.force_ssl", "0"), "rds.force_ssl"),
    "a formula": ((), parameter("shared_buffers", "{DBInstanceClassMemory/65536}"),
                  "shared_buffers"),
    "one library fewer": ((), parameter("shared_preload_libraries", "pgaudit"),
                          "shared_preload_libraries"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in PARAMETERS.items()
    ],
)
def test_a_changed_parameter_is_named_and_set_back(e: Estate, name: str) -> None:
    _, deed, path = PARAMETERS[name]
    deed(e)
    e.named("main", f"parameters[{path}]", "DBParameterGroup")
    e.mended(step=120)
    (call,) = e.writes()
    assert [p["ParameterName"] for p in call.params["Parameters"]] == [path]


FLAGS = [
    ("applyImmediately: true", "a flag of the call"),
    ("allowMajorVersionUpgrade: true", "write another major engineVersion"),
    ("deleteAutomatedBackups: true", "automated backups are always kept"),
    ("certificateRotationRestart: false", "caCertificateIdentifier"),
    ("useDefaultProcessorFeatures: true", "processorFeatures: {}"),
    ("dbSnapshotIdentifier: mine", "restore it yourself"),
    ("skipFinalSnapshot: true", "a final snapshot is taken"),
    ("newDBInstanceIdentifier: other", "metadata.externalName"),
    ("associatedRoles: []", "not managed yet"),
    ("additionalStorageVolumes: []", "not managed yet"),
]


@pytest.mark.case(84, "refused")
@pytest.mark.parametrize(("flag", "says"), FLAGS)
def test_a_request_flag_says_what_to_write_instead(flag: str, says: str) -> None:
    written = environment(resource("DBInstance", "main", f"dbInstanceClass: db.t4g.small, {flag}"))
    with pytest.raises(DesiredStateError) as caught:
        load(written.encode(), "flags.yaml")
    (problem,) = caught.value.problems
    assert problem.field == f"DBInstance/main: spec.{flag.partition(':')[0]}"
    assert says in problem.message


def test_the_sandbox_has_every_case(e: Estate) -> None:
    """What the estate declares is there: nothing here passes by being absent."""
    names = {i["DBInstanceIdentifier"] for i in e.rds.describe_db_instances()["DBInstances"]}
    assert names == {f"{NAME}-{n}" for n in (*DATABASES, "member", "replica")}
    assert "masterUserPassword" in PASSWORD
    assert text() != text(adopted=False)
