"""The simulated RDS and ElastiCache keep to AWS's rules, through boto3 only."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox import perturb_data
from sandbox.inprocess import session
from sandbox.pytest_plugin import new_world
from sandbox.seed import Seeded, seed


class Stage:
    """A seeded world with subnet groups, and shortcuts."""

    def __init__(self, number: int) -> None:
        self.world = new_world(number, max_lag=timedelta(0))
        self.seeded: Seeded = seed(self.world)
        self.aws: boto3.Session = session(self.world)
        self.rds: Any = self.aws.client("rds")
        self.cache: Any = self.aws.client("elasticache")
        subnets = self.seeded.values("network/private-subnets")
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="Main", DBSubnetGroupDescription="d", SubnetIds=subnets
        )
        self.cache.create_cache_subnet_group(
            CacheSubnetGroupName="Main", CacheSubnetGroupDescription="d", SubnetIds=subnets
        )

    def wait(self, minutes: float) -> None:
        with self.world.lock:
            self.world.clock.advance(timedelta(minutes=minutes))

    def database(self, **more: Any) -> dict[str, Any]:
        params = {
            "DBInstanceIdentifier": "Main",
            "DBInstanceClass": "db.t4g.micro",
            "Engine": "postgres",
            "EngineVersion": "16",
            "AllocatedStorage": 20,
            "MasterUsername": "app",
            "MasterUserPassword": "correct-horse-battery",
            "DBSubnetGroupName": "main",
            "VpcSecurityGroupIds": self.seeded.values("network/database-security-groups"),
            **more,
        }
        sent = {k: v for k, v in params.items() if v is not None}
        return dict(self.rds.create_db_instance(**sent)["DBInstance"])

    def available_database(self, **more: Any) -> dict[str, Any]:
        self.database(**more)
        self.wait(10)
        return self.instance

    @property
    def instance(self) -> dict[str, Any]:
        found = self.rds.describe_db_instances(DBInstanceIdentifier="main")["DBInstances"]
        return dict(found[0])

    def modify(self, **changes: Any) -> dict[str, Any]:
        reply = self.rds.modify_db_instance(DBInstanceIdentifier="main", **changes)
        return dict(reply["DBInstance"]["PendingModifiedValues"])

    def redis(self, **more: Any) -> dict[str, Any]:
        params = {
            "ReplicationGroupId": "Main",
            "ReplicationGroupDescription": "d",
            "Engine": "redis",
            "EngineVersion": "7.1",
            "CacheNodeType": "cache.t4g.micro",
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "CacheSubnetGroupName": "main",
            "SecurityGroupIds": self.seeded.values("network/cache-security-groups"),
            **more,
        }
        sent = {k: v for k, v in params.items() if v is not None}
        return dict(self.cache.create_replication_group(**sent)["ReplicationGroup"])

    def available_redis(self, **more: Any) -> dict[str, Any]:
        self.redis(**more)
        self.wait(7)
        return self.group

    @property
    def group(self) -> dict[str, Any]:
        found = self.cache.describe_replication_groups(ReplicationGroupId="main")
        return dict(found["ReplicationGroups"][0])

    @property
    def nodes(self) -> list[dict[str, Any]]:
        found = self.cache.describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"]
        return sorted(found, key=lambda c: str(c["CacheClusterId"]))

    def change(self, **changes: Any) -> dict[str, Any]:
        reply = self.cache.modify_replication_group(ReplicationGroupId="main", **changes)
        return dict(reply["ReplicationGroup"])


@pytest.fixture
def stage(sandbox_seed: int) -> Stage:
    print(f"seed {sandbox_seed}")
    return Stage(sandbox_seed)


def refused(code: str, call: Callable[..., Any], **params: Any) -> str:
    """The message of the refusal that this call must meet."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return str(error["Message"])


# --- RDS: life of an instance ---


def test_creating_takes_minutes_and_ends_with_a_backup(stage: Stage) -> None:
    made = stage.database(StorageEncrypted=True, Tags=[{"Key": "a", "Value": "b"}])
    assert made["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in made
    assert made["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    seen = []
    for _ in range(80):
        seen.append(stage.instance["DBInstanceStatus"])
        stage.wait(0.1)
    assert list(dict.fromkeys(seen)) == ["creating", "backing-up", "available"]
    inst = stage.instance
    assert inst["Endpoint"]["Port"] == 5432
    assert inst["DbInstancePort"] == 0
    assert inst["EngineVersion"].startswith("16.")
    assert inst["KmsKeyId"].startswith("arn:aws:kms:")
    assert (inst["StorageType"], inst["Iops"], inst["StorageThroughput"]) == ("gp3", 3000, 125)
    assert inst["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres16"
    assert inst["TagList"] == [{"Key": "a", "Value": "b"}]
    assert inst["BackupRetentionPeriod"] == 1
    assert "MasterUserPassword" not in json.dumps(inst, default=str)


def test_create_refusals(stage: Stage) -> None:
    clash, value = "InvalidParameterCombination", "InvalidParameterValue"
    refused(value, stage.database, DBInstanceIdentifier="a--b")
    refused(value, stage.database, MasterUserPassword=None)
    refused(value, stage.database, MasterUserPassword="with/slash")
    refused(clash, stage.database, ManageMasterUserPassword=True)
    refused(clash, stage.database, EngineVersion="16.99")
    refused(clash, stage.database, Iops=3000, StorageType="gp3")
    refused(clash, stage.database, AllocatedStorage=10)
    refused(clash, stage.database, MaxAllocatedStorage=20)
    refused(clash, stage.database, MonitoringInterval=60)
    refused(clash, stage.database, EnableCloudwatchLogsExports=["slowquery"])
    refused(clash, stage.database, MultiAZ=True, AvailabilityZone="us-east-1a")
    refused(
        clash,
        stage.database,
        PreferredBackupWindow="04:00-05:00",
        PreferredMaintenanceWindow="Sun:04:30-Sun:05:30",
    )
    refused(value, stage.database, VpcSecurityGroupIds=["sg-00000000000000000"])
    refused("KMSKeyNotAccessibleFault", stage.database, StorageEncrypted=True, KmsKeyId="nope")
    refused("DBSubnetGroupNotFoundFault", stage.database, DBSubnetGroupName="nope")
    refused("DBParameterGroupNotFound", stage.database, DBParameterGroupName="nope")
    refused(clash, stage.database, DBParameterGroupName="default.postgres15")
    refused("CertificateNotFound", stage.database, CACertificateIdentifier="rds-ca-2015")
    assert not stage.rds.describe_db_instances()["DBInstances"]
    stage.database()
    refused("DBInstanceAlreadyExists", stage.database)


def test_one_change_at_a_time(stage: Stage) -> None:
    refused("DBInstanceNotFound", stage.modify, MultiAZ=True)
    stage.database()
    refused("InvalidDBInstanceState", stage.modify, MultiAZ=True)
    stage.wait(10)
    assert "No modifications" in refused(
        "InvalidParameterCombination", stage.modify, ApplyImmediately=True
    )
    assert stage.modify(DBInstanceClass="db.t4g.small", ApplyImmediately=True)
    assert stage.instance["DBInstanceStatus"] == "available"  # AWS needs a moment to begin
    stage.wait(1)
    assert stage.instance["DBInstanceStatus"] == "modifying"
    refused("InvalidDBInstanceState", stage.modify, MultiAZ=True)
    stage.wait(8)
    assert stage.instance["DBInstanceClass"] == "db.t4g.small"
    assert stage.instance["PendingModifiedValues"] == {}


def test_pending_values_wait_for_the_window(stage: Stage) -> None:
    stage.available_database(PreferredMaintenanceWindow="Tue:09:00-Tue:10:00")
    assert stage.modify(DBInstanceClass="db.t4g.small") == {"DBInstanceClass": "db.t4g.small"}
    stage.wait(23 * 60)
    assert stage.instance["DBInstanceClass"] == "db.t4g.micro"
    assert stage.instance["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.small"}
    stage.wait(55)
    assert stage.instance["DBInstanceStatus"] == "modifying"
    stage.wait(10)
    assert stage.instance["DBInstanceClass"] == "db.t4g.small"
    assert stage.instance["PendingModifiedValues"] == {}


def test_apply_immediately_flushes_what_was_deferred(stage: Stage) -> None:
    stage.available_database()
    stage.modify(DBInstanceClass="db.t4g.small")
    stage.modify(MultiAZ=True, ApplyImmediately=True)
    stage.wait(15)
    inst = stage.instance
    assert (inst["DBInstanceClass"], inst["MultiAZ"]) == ("db.t4g.small", True)
    assert inst["SecondaryAvailabilityZone"] != inst["AvailabilityZone"]


def test_the_present_value_takes_a_pending_change_back(stage: Stage) -> None:
    stage.available_database()
    assert stage.modify(MultiAZ=True, AllocatedStorage=30)
    assert stage.modify(MultiAZ=False) == {"AllocatedStorage": 30}
    assert stage.modify(AllocatedStorage=20) == {}
    stage.wait(8 * 24 * 60)
    assert stage.instance["AllocatedStorage"] == 20


def test_some_settings_do_not_wait(stage: Stage) -> None:
    stage.available_database(EnableCloudwatchLogsExports=["postgresql"])
    pending = stage.modify(
        BackupRetentionPeriod=7,
        MasterUserPassword="another-secret",
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
        MultiAZ=True,
        CloudwatchLogsExportConfiguration={
            "EnableLogTypes": ["upgrade"],
            "DisableLogTypes": ["postgresql"],
        },
    )
    assert pending == {
        "BackupRetentionPeriod": 7,
        "MasterUserPassword": "****",
        "MultiAZ": True,
        # AWS swaps the names (case 58)
        "PendingCloudwatchLogsExports": {
            "LogTypesToDisable": ["upgrade"],
            "LogTypesToEnable": ["postgresql"],
        },
    }
    inst = stage.instance
    assert inst["DeletionProtection"]
    assert inst["CopyTagsToSnapshot"]
    stage.wait(3)
    inst = stage.instance
    assert inst["DBInstanceStatus"] == "available"
    assert inst["BackupRetentionPeriod"] == 7
    assert inst["EnabledCloudwatchLogsExports"] == ["upgrade"]
    assert inst["PendingModifiedValues"] == {"MultiAZ": True}


def test_turning_backups_off_waits_and_on_backs_up(stage: Stage) -> None:
    stage.available_database()
    assert stage.modify(BackupRetentionPeriod=0) == {"BackupRetentionPeriod": 0}
    stage.wait(5)
    assert stage.instance["BackupRetentionPeriod"] == 1
    stage.modify(BackupRetentionPeriod=0, ApplyImmediately=True)
    stage.wait(5)
    assert stage.instance["BackupRetentionPeriod"] == 0
    stage.modify(BackupRetentionPeriod=3, ApplyImmediately=True)
    stage.wait(2.5)
    assert stage.instance["DBInstanceStatus"] == "backing-up"


def test_a_change_during_a_backup_is_queued(stage: Stage) -> None:
    stage.available_database()
    perturb_data.rds_backup(stage.world, "main")
    assert stage.modify(DBInstanceClass="db.t4g.small", ApplyImmediately=True)
    stage.wait(15)
    assert stage.instance["DBInstanceClass"] == "db.t4g.small"


def test_storage_rules(stage: Stage) -> None:
    clash = "InvalidParameterCombination"
    stage.available_database()
    refused(clash, stage.modify, AllocatedStorage=19)
    refused(clash, stage.modify, Iops=3000)  # although it is the present value (case 70)
    assert stage.modify(AllocatedStorage=21) == {"AllocatedStorage": 22}  # at least 10 % more
    refused(clash, stage.modify, AllocatedStorage=500)  # Iops must come along (case 74)
    assert stage.modify(AllocatedStorage=500, Iops=12000, ApplyImmediately=True) == {
        "AllocatedStorage": 500,
        "Iops": 12000,
        "StorageThroughput": 500,
    }
    stage.wait(5)
    assert stage.instance["DBInstanceStatus"] == "storage-optimization"
    grow = {"AllocatedStorage": 600, "Iops": 12000}
    refused(clash, stage.modify, **grow)
    assert stage.modify(DBInstanceClass="db.t4g.small")  # other changes are accepted
    stage.wait(60)
    assert stage.instance["DBInstanceStatus"] == "available"
    refused(clash, stage.modify, **grow)  # six hours between two changes
    stage.wait(6 * 60)
    refused(clash, stage.modify, Iops=13000)
    assert stage.modify(**grow)


def test_upgrades(stage: Stage) -> None:
    clash = "InvalidParameterCombination"
    stage.rds.create_db_parameter_group(
        DBParameterGroupName="Own", DBParameterGroupFamily="postgres16", Description="d"
    )
    stage.available_database(EngineVersion="16.4", DBParameterGroupName="own")
    refused(clash, stage.modify, EngineVersion="16.3")
    refused(clash, stage.modify, EngineVersion="17")
    message = refused(clash, stage.modify, EngineVersion="17", AllowMajorVersionUpgrade=True)
    assert "non-default" in message
    stage.modify(
        EngineVersion="17",
        AllowMajorVersionUpgrade=True,
        DBParameterGroupName="default.postgres17",
        ApplyImmediately=True,
    )
    stage.wait(1)
    assert stage.instance["DBInstanceStatus"] == "upgrading"
    stage.wait(20)
    inst = stage.instance
    assert inst["EngineVersion"].startswith("17.")
    assert inst["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres17"
    assert inst["OptionGroupMemberships"][0]["OptionGroupName"] == "default:postgres-17"


def test_managed_password(stage: Stage) -> None:
    made = stage.database(MasterUserPassword=None, ManageMasterUserPassword=True)
    assert made["MasterUserSecret"]["SecretStatus"] == "creating"
    stage.wait(10)
    secret = stage.instance["MasterUserSecret"]
    assert secret["SecretStatus"] == "active"
    secrets = stage.aws.client("secretsmanager")
    first = json.loads(secrets.get_secret_value(SecretId=secret["SecretArn"])["SecretString"])
    assert first["username"] == "app"
    refused("InvalidParameterCombination", stage.modify, MasterUserPassword="another-one")
    perturb_data.rds_rotate_secret(stage.world, "main")
    second = json.loads(secrets.get_secret_value(SecretId=secret["SecretArn"])["SecretString"])
    assert second != first
    stage.modify(ManageMasterUserPassword=False, MasterUserPassword="another-one")
    assert "MasterUserSecret" not in stage.instance


def test_security_groups_are_added_and_removed_slowly(stage: Stage) -> None:
    stage.available_database()
    new = stage.seeded.values("network/service-security-groups")
    stage.modify(VpcSecurityGroupIds=new)
    states = {g["VpcSecurityGroupId"]: g["Status"] for g in stage.instance["VpcSecurityGroups"]}
    assert sorted(states.values()) == ["adding", "removing"]
    stage.wait(2)
    assert stage.instance["VpcSecurityGroups"] == [
        {"VpcSecurityGroupId": new[0], "Status": "active"}
    ]


def test_deleting(stage: Stage) -> None:
    clash = "InvalidParameterCombination"
    stage.available_database(DeletionProtection=True)

    def delete(**more: Any) -> Any:
        return stage.rds.delete_db_instance(DBInstanceIdentifier="main", **more)

    refused(clash, delete, SkipFinalSnapshot=True)
    stage.modify(DeletionProtection=False)
    refused(clash, delete)
    delete(FinalDBSnapshotIdentifier="last")
    assert stage.instance["DBInstanceStatus"] == "deleting"
    refused("InvalidDBInstanceState", delete, SkipFinalSnapshot=True)
    stage.wait(8)
    refused("DBInstanceNotFound", delete, SkipFinalSnapshot=True)
    stage.available_database()
    refused("DBSnapshotAlreadyExists", delete, FinalDBSnapshotIdentifier="last")


def test_reboot_applies_static_parameters(stage: Stage) -> None:
    stage.rds.create_db_parameter_group(
        DBParameterGroupName="own", DBParameterGroupFamily="postgres16", Description="d"
    )
    stage.available_database(DBParameterGroupName="own")

    def status() -> str:
        return str(stage.instance["DBParameterGroups"][0]["ParameterApplyStatus"])

    def change(name: str, value: str, method: str) -> Any:
        parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        return stage.rds.modify_db_parameter_group(
            DBParameterGroupName="own", Parameters=[parameter]
        )

    change("work_mem", "65536", "immediate")
    assert status() == "applying"
    stage.wait(1)
    assert status() == "in-sync"
    change("max_connections", "200", "pending-reboot")
    stage.wait(1)
    assert status() == "pending-reboot"
    stage.rds.reboot_db_instance(DBInstanceIdentifier="main")
    assert stage.instance["DBInstanceStatus"] == "rebooting"
    stage.wait(3)
    assert status() == "in-sync"


def test_tags_filters_and_pages_of_instances(stage: Stage) -> None:
    for number in range(25):
        stage.database(DBInstanceIdentifier=f"db-{number:02}")
    page = stage.rds.describe_db_instances(MaxRecords=20)
    assert len(page["DBInstances"]) == 20
    pages = stage.rds.get_paginator("describe_db_instances").paginate(
        PaginationConfig={"PageSize": 20}
    )
    names = sorted(i["DBInstanceIdentifier"] for p in pages for i in p["DBInstances"])
    assert names == [f"db-{number:02}" for number in range(25)]
    only = stage.rds.describe_db_instances(
        Filters=[{"Name": "db-instance-id", "Values": ["db-03"]}]
    )["DBInstances"]
    arn = only[0]["DBInstanceArn"]
    stage.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "k", "Value": "v"}])
    assert stage.rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [
        {"Key": "k", "Value": "v"}
    ]
    stage.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["k"])
    assert stage.rds.list_tags_for_resource(ResourceName=arn)["TagList"] == []
    refused("DBInstanceNotFound", stage.rds.list_tags_for_resource, ResourceName=arn + "-nope")
    refused(
        "InvalidParameterValue", stage.rds.add_tags_to_resource, ResourceName=arn,
        Tags=[{"Key": "aws:x", "Value": "y"}],
    )  # fmt: skip


def test_perturbations_of_an_instance(stage: Stage) -> None:
    stage.available_database(MultiAZ=True, MaxAllocatedStorage=100)
    before = stage.instance
    perturb_data.rds_failover(stage.world, "main")
    perturb_data.rds_minor_upgrade(stage.world, "main")
    perturb_data.rds_rotate_ca(stage.world, "main")
    perturb_data.rds_grow_storage(stage.world, "main", 40)
    perturb_data.rds_maintenance_due(stage.world, "main")
    after = stage.instance
    assert after["AvailabilityZone"] == before["SecondaryAvailabilityZone"]
    assert after["EngineVersion"] != before["EngineVersion"]
    assert after["AllocatedStorage"] == 40
    assert after["DBInstanceStatus"] == "storage-optimization"
    due = stage.rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"]
    assert due[0]["PendingMaintenanceActionDetails"][0]["Action"] == "system-update"


# --- RDS: groups ---


def test_db_parameter_groups(stage: Stage) -> None:
    rds, value = stage.rds, "InvalidParameterValue"
    made = rds.create_db_parameter_group(
        DBParameterGroupName="Own", DBParameterGroupFamily="postgres16", Description="d"
    )["DBParameterGroup"]
    assert made["DBParameterGroupName"] == "own"
    refused(
        "DBParameterGroupAlreadyExists", rds.create_db_parameter_group,
        DBParameterGroupName="own", DBParameterGroupFamily="postgres16", Description="d",
    )  # fmt: skip

    def change(*parameters: tuple[str, str, str], group: str = "own") -> Any:
        return rds.modify_db_parameter_group(
            DBParameterGroupName=group,
            Parameters=[
                {"ParameterName": n, "ParameterValue": v, "ApplyMethod": m}
                for n, v, m in parameters
            ],
        )

    def wrong(code: str, *parameters: tuple[str, str, str], group: str = "own") -> None:
        refused(code, lambda: change(*parameters, group=group))

    wrong(value, ("no_such_thing", "1", "immediate"))
    wrong(value, ("max_connections", "1", "pending-reboot"))
    wrong("InvalidParameterCombination", ("max_connections", "200", "immediate"))
    wrong(value, ("fsync", "0", "immediate"))
    wrong(value, *[("work_mem", "64", "immediate")] * 21)
    wrong(
        "InvalidDBParameterGroupState", ("work_mem", "64", "immediate"), group="default.postgres16"
    )
    wrong("DBParameterGroupNotFound", ("work_mem", "64", "immediate"), group="nope")
    change(
        ("Work_Mem", "65536", "immediate"),
        ("max_connections", "{DBInstanceClassMemory/9531392}", "pending-reboot"),
    )
    pages = rds.get_paginator("describe_db_parameters")
    every = [p for page in pages.paginate(DBParameterGroupName="own") for p in page["Parameters"]]
    assert len(every) > 150
    user = [
        p["ParameterName"]
        for page in pages.paginate(DBParameterGroupName="own", Source="user")
        for p in page["Parameters"]
    ]
    assert sorted(user) == ["max_connections", "work_mem"]
    rds.reset_db_parameter_group(DBParameterGroupName="own", ResetAllParameters=True)
    assert not rds.describe_db_parameters(DBParameterGroupName="own", Source="user")["Parameters"]
    stage.database(DBParameterGroupName="own")
    refused(
        "InvalidDBParameterGroupState", rds.delete_db_parameter_group, DBParameterGroupName="own"
    )


def test_a_page_of_parameters_may_be_empty_and_not_the_last(stage: Stage) -> None:
    stage.rds.create_db_parameter_group(
        DBParameterGroupName="own", DBParameterGroupFamily="postgres16", Description="d"
    )
    parameter = {"ParameterName": "work_mem", "ParameterValue": "64", "ApplyMethod": "immediate"}
    stage.rds.modify_db_parameter_group(DBParameterGroupName="own", Parameters=[parameter])
    first = stage.rds.describe_db_parameters(DBParameterGroupName="own", Source="user")
    assert first["Parameters"] == []
    assert first["Marker"]


def test_db_subnet_groups(stage: Stage) -> None:
    rds = stage.rds
    subnets = stage.seeded.values("network/private-subnets")

    def create(name: str, ids: list[str]) -> Any:
        return rds.create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription="d", SubnetIds=ids
        )

    refused("DBSubnetGroupAlreadyExists", create, name="MAIN", ids=subnets)
    refused("InvalidParameterValue", create, name="default", ids=subnets)
    refused("InvalidSubnet", create, name="x", ids=[*subnets, "subnet-0"])
    refused("DBSubnetGroupDoesNotCoverEnoughAZs", create, name="x", ids=subnets[:1])
    stage.available_database(MultiAZ=True)
    refused("InvalidDBSubnetGroupStateFault", rds.delete_db_subnet_group, DBSubnetGroupName="main")
    create("other", subnets)
    refused("InvalidVPCNetworkStateFault", stage.modify, DBSubnetGroupName="other")
    rds.delete_db_subnet_group(DBSubnetGroupName="Other")
    names = [g["DBSubnetGroupName"] for g in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
    assert names == ["main"]


# --- ElastiCache ---


def test_a_replication_group_and_its_members(stage: Stage) -> None:
    made = stage.redis(
        Tags=[{"Key": "a", "Value": "b"}], PreferredMaintenanceWindow="Sun:05:00-Sun:06:00"
    )
    assert (made["ReplicationGroupId"], made["Status"]) == ("main", "creating")
    assert "NodeGroups" not in made
    stage.wait(3)
    assert {n["CacheClusterStatus"] for n in stage.nodes} == {"creating"}
    stage.wait(4)
    group = stage.group
    assert group["Status"] == "available"
    for absent in (
        "EngineVersion",
        "CacheParameterGroup",
        "SecurityGroups",
        "CacheSubnetGroupName",
    ):
        assert absent not in group  # case 101
    node = stage.nodes[0]
    assert node["CacheClusterId"] == "main-001"
    assert node["EngineVersion"] == "7.1.0"
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == "default.redis7"
    assert node["PreferredMaintenanceWindow"] == "sun:05:00-sun:06:00"
    assert node["CacheSubnetGroupName"] == "main"
    assert node["SecurityGroups"][0]["Status"] == "active"
    assert len(node["CacheNodes"]) == 1
    assert sorted(group["MemberClusters"]) == ["main-001", "main-002"]
    for arn in (group["ARN"], node["ARN"]):
        tags = stage.cache.list_tags_for_resource(ResourceName=arn)["TagList"]
        assert tags == [{"Key": "a", "Value": "b"}]


def test_replication_group_refusals(stage: Stage) -> None:
    clash, value = "InvalidParameterCombination", "InvalidParameterValue"
    refused(value, stage.redis, ReplicationGroupId="ends-")
    refused(value, stage.redis, ReplicationGroupId="x" * 41)
    refused(value, stage.redis, ReplicationGroupId="1x")
    refused(clash, stage.redis, AuthToken="a-sixteen-letter-token")
    refused(value, stage.redis, AuthToken="short", TransitEncryptionEnabled=True)
    refused(value, stage.redis, AuthToken="x" * 20 + "@", TransitEncryptionEnabled=True)
    refused(clash, stage.redis, AutomaticFailoverEnabled=False, MultiAZEnabled=True)
    refused(clash, stage.redis, NumCacheClusters=1)
    refused(clash, stage.redis, EngineVersion="7.1.0")
    refused(clash, stage.redis, EngineVersion="9.9")
    refused(clash, stage.redis, CacheParameterGroupName="default.redis6.x")
    refused("CacheParameterGroupNotFound", stage.redis, CacheParameterGroupName="nope")
    refused("CacheSubnetGroupNotFoundFault", stage.redis, CacheSubnetGroupName="nope")
    stage.redis()
    refused("ReplicationGroupAlreadyExists", stage.redis)
    refused("InvalidReplicationGroupState", stage.change, ReplicationGroupDescription="x")
    stage.wait(7)
    refused(clash, stage.change, ApplyImmediately=True)
    refused(clash, stage.change, EngineVersion="7.0")
    refused(clash, stage.change, TransitEncryptionEnabled=True)
    refused(clash, stage.change, AuthToken="a-sixteen-letter-token")


def test_node_changes_show_on_members_only(stage: Stage) -> None:
    stage.available_redis(PreferredMaintenanceWindow="tue:09:00-tue:10:00")
    assert stage.change(CacheNodeType="cache.t4g.small")["PendingModifiedValues"] == {}
    assert stage.nodes[0]["PendingModifiedValues"] == {"CacheNodeType": "cache.t4g.small"}
    stage.wait(24 * 60 + 15)
    assert stage.group["CacheNodeType"] == "cache.t4g.small"
    assert stage.nodes[0]["PendingModifiedValues"] == {}


def test_the_group_is_available_before_its_members(stage: Stage) -> None:
    group = stage.available_redis()
    changed = stage.change(Engine="valkey", EngineVersion="8.0", ApplyImmediately=True)
    assert changed["Status"] == "modifying"
    refused(
        "InvalidReplicationGroupState",
        stage.cache.list_tags_for_resource,
        ResourceName=group["ARN"],
    )
    while stage.group["Status"] == "modifying":
        stage.wait(0.2)
    assert stage.nodes[0]["CacheClusterStatus"] == "modifying"  # case 128
    refused("InvalidCacheClusterState", stage.change, ReplicationGroupDescription="x")
    stage.wait(1)
    node = stage.nodes[0]
    assert (node["CacheClusterStatus"], node["Engine"]) == ("available", "valkey")
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"


def test_auth_tokens_rotate_then_set(stage: Stage) -> None:
    clash = "InvalidParameterCombination"
    stage.available_redis(TransitEncryptionEnabled=True, AuthToken="the-first-token-of-all")
    refused(clash, stage.change, TransitEncryptionEnabled=True)  # unchanged (case 113)
    new = {"AuthToken": "the-second-token-of-all", "ApplyImmediately": True}
    refused(clash, stage.change, AuthTokenUpdateStrategy="SET", **new)
    assert stage.change(**new)["PendingModifiedValues"] == {"AuthTokenStatus": "ROTATING"}
    before = stage.group["AuthTokenLastModifiedDate"]
    stage.wait(5)
    assert stage.group["AuthTokenLastModifiedDate"] > before
    changed = stage.change(AuthTokenUpdateStrategy="SET", **new)
    assert changed["PendingModifiedValues"] == {"AuthTokenStatus": "SETTING"}


def test_tls_in_two_steps(stage: Stage) -> None:
    clash = "InvalidParameterCombination"
    stage.available_redis()
    now = {"ApplyImmediately": True}
    refused(clash, stage.change, TransitEncryptionMode="preferred")
    refused(clash, stage.change, TransitEncryptionEnabled=True, TransitEncryptionMode="required")
    stage.change(TransitEncryptionEnabled=True, TransitEncryptionMode="preferred", **now)
    stage.wait(5)
    assert stage.group["TransitEncryptionMode"] == "preferred"
    stage.change(TransitEncryptionMode="required", **now)
    stage.wait(5)
    assert stage.group["TransitEncryptionMode"] == "required"
    refused(clash, stage.change, TransitEncryptionEnabled=False)


def test_failover_and_log_delivery(stage: Stage) -> None:
    stage.available_redis(AutomaticFailoverEnabled=False)
    changed = stage.change(AutomaticFailoverEnabled=True, ApplyImmediately=True)
    assert changed["AutomaticFailover"] == "enabling"
    assert changed["PendingModifiedValues"] == {"AutomaticFailoverStatus": "enabled"}
    stage.wait(5)
    assert stage.group["AutomaticFailover"] == "enabled"
    delivery = {
        "LogType": "slow-log",
        "DestinationType": "cloudwatch-logs",
        "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "/cache/slow"}},
        "LogFormat": "json",
    }
    stage.change(LogDeliveryConfigurations=[{**delivery, "Enabled": True}])
    stage.wait(5)
    assert stage.group["LogDeliveryConfigurations"] == [{**delivery, "Status": "active"}]
    stage.change(LogDeliveryConfigurations=[{"LogType": "slow-log", "Enabled": False}])
    stage.wait(5)
    assert stage.group["LogDeliveryConfigurations"] == []


def test_replica_count(stage: Stage) -> None:
    stage.available_redis()

    def resize(how: str, count: int, now: bool = True) -> Any:
        call = getattr(stage.cache, f"{how}_replica_count")
        return call(ReplicationGroupId="main", NewReplicaCount=count, ApplyImmediately=now)

    refused("NoOperationFault", resize, how="increase", count=1)
    refused("InvalidParameterCombination", resize, how="increase", count=2, now=False)
    refused("InvalidParameterValue", resize, how="decrease", count=0)
    resize("increase", 2)
    stage.wait(4.5)
    assert stage.group["Status"] == "available"
    assert stage.nodes[2]["CacheClusterStatus"] == "creating"
    refused("InvalidCacheClusterState", stage.change, ReplicationGroupDescription="x")
    stage.wait(1)
    resize("decrease", 1)
    stage.wait(6)
    assert [n["CacheClusterId"] for n in stage.nodes] == ["main-001", "main-002"]


def test_deleting_a_replication_group(stage: Stage) -> None:
    stage.redis()
    delete = stage.cache.delete_replication_group
    refused("InvalidReplicationGroupState", delete, ReplicationGroupId="main")
    stage.wait(7)
    delete(ReplicationGroupId="main", FinalSnapshotIdentifier="last")
    assert stage.group["Status"] == "deleting"
    assert "MemberClusters" not in stage.group  # as recorded
    stage.wait(6)
    assert stage.nodes == []
    refused("ReplicationGroupNotFoundFault", delete, ReplicationGroupId="main")


def test_cluster_mode_and_perturbations(stage: Stage) -> None:
    shards = {"NumNodeGroups": 2, "ReplicasPerNodeGroup": 1, "NumCacheClusters": None}
    group = stage.available_redis(Engine="valkey", EngineVersion="8.0", **shards)
    assert group["ClusterEnabled"]
    assert group["AtRestEncryptionEnabled"]  # valkey's default (case 107)
    assert group["ConfigurationEndpoint"]["Port"] == 6379
    assert stage.nodes[0]["CacheClusterId"] == "main-0001-001"
    assert (
        stage.nodes[0]["CacheParameterGroup"]["CacheParameterGroupName"]
        == "default.valkey8.cluster.on"
    )
    perturb_data.cache_minor_upgrade(stage.world, "main", "8.0.2")
    assert {n["EngineVersion"] for n in stage.nodes} == {"8.0.2"}


def test_failover_changes_the_primary(stage: Stage) -> None:
    stage.available_redis()
    new = perturb_data.cache_failover(stage.world, "main")
    roles = {
        m["CacheClusterId"]: m["CurrentRole"]
        for m in stage.group["NodeGroups"][0]["NodeGroupMembers"]
    }
    assert roles == {"main-001": "replica", "main-002": "primary"}
    assert new == "main-002"
    perturb_data.cache_snapshot(stage.world, "main")
    refused("InvalidReplicationGroupState", stage.change, ReplicationGroupDescription="x")
    stage.wait(3)
    stage.change(ReplicationGroupDescription="x")
    assert stage.group["Description"] == "x"


def test_cache_parameter_groups(stage: Stage) -> None:
    cache = stage.cache
    cache.create_cache_parameter_group(
        CacheParameterGroupName="Own", CacheParameterGroupFamily="redis7", Description="d"
    )

    def change(*pairs: tuple[str, str], group: str = "own") -> Any:
        values = [{"ParameterName": n, "ParameterValue": v} for n, v in pairs]
        return cache.modify_cache_parameter_group(
            CacheParameterGroupName=group, ParameterNameValues=values
        )

    value = "InvalidParameterValue"
    refused(value, lambda: change(("nope", "1")))
    refused(value, lambda: change(("maxmemory-policy", "sometimes")))
    refused(value, lambda: change(("maxclients", "10")))
    refused("InvalidParameterCombination", lambda: change(*[("timeout", "1")] * 21))
    refused(
        "InvalidCacheParameterGroupState", lambda: change(("timeout", "1"), group="default.redis7")
    )
    change(("maxmemory-policy", "allkeys-lru"), ("timeout", "60"))
    user = cache.describe_cache_parameters(CacheParameterGroupName="own", Source="user")
    assert {p["ParameterName"]: p["ParameterValue"] for p in user["Parameters"]} == {
        "maxmemory-policy": "allkeys-lru",
        "timeout": "60",
    }
    stage.available_redis(CacheParameterGroupName="own")
    refused(
        "InvalidCacheParameterGroupState",
        cache.delete_cache_parameter_group,
        CacheParameterGroupName="own",
    )
    change(("databases", "32"))
    stage.wait(1)
    assert stage.nodes[0]["CacheParameterGroup"]["ParameterApplyStatus"] == "pending-reboot"
    cache.reset_cache_parameter_group(CacheParameterGroupName="own", ResetAllParameters=True)
    user = cache.describe_cache_parameters(CacheParameterGroupName="own", Source="user")
    assert user["Parameters"] == []


def test_cache_subnet_groups(stage: Stage) -> None:
    cache = stage.cache
    subnets = stage.seeded.values("network/private-subnets")

    def create(name: str, ids: list[str]) -> Any:
        return cache.create_cache_subnet_group(
            CacheSubnetGroupName=name, CacheSubnetGroupDescription="d", SubnetIds=ids
        )

    refused("CacheSubnetGroupAlreadyExists", create, name="MAIN", ids=subnets)
    refused("InvalidSubnet", create, name="x", ids=["subnet-0"])
    refused("InvalidParameterValue", create, name="default", ids=subnets)
    stage.available_redis(PreferredCacheClusterAZs=["us-east-1a", "us-east-1b"])
    refused("CacheSubnetGroupInUse", cache.delete_cache_subnet_group, CacheSubnetGroupName="main")
    refused(
        "SubnetInUse", cache.modify_cache_subnet_group, CacheSubnetGroupName="main",
        SubnetIds=subnets[:1],
    )  # fmt: skip
    create("other", subnets)
    cache.delete_cache_subnet_group(CacheSubnetGroupName="other")
