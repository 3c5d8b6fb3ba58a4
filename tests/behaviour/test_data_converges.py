"""Databases and caches converge, hold still, are mended, and never take what is others'."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from controller.reconciler import Report
from sandbox import perturb_data as perturb
from sandbox.pytest_plugin import new_world
from sandbox.world import CallRecord, World
from tests.harness import Plant, environment, resource

SSM = "${ssm:/plumbline/litellm-production/network/"
DATABASE = {
    "engineVersion": '"16"',
    "dbInstanceClass": "db.t4g.medium",
    "allocatedStorage": "50",
    "masterUserPassword": "${Secret.db.value}",
    "dbSubnetGroupName": "${DBSubnetGroup.main.name}",
    "vpcSecurityGroupIds": SSM + "database-security-groups}",
    "dbParameterGroupName": "${DBParameterGroup.main.name}",
}
CACHE = {
    "engineVersion": '"7.1"',
    "cacheNodeType": "cache.t4g.small",
    "authToken": "${Secret.redis.value}",
    "cacheSubnetGroupName": "${CacheSubnetGroup.main.name}",
    "securityGroupIds": SSM + "cache-security-groups}",
    "cacheParameterGroupName": "${CacheParameterGroup.main.name}",
}
GROUP = {"family": "postgres16", "parameters": "{log_min_duration_statement: 1000}"}
NAME = "litellm-production"


def flow(spec: dict[str, str]) -> str:
    """A spec in flow style."""
    return ", ".join(
        f'{k}: "{v}"' if v.startswith("${") else f"{k}: {v}" for k, v in spec.items() if v
    )


def text(
    db: dict[str, str] | None = None,
    cache: dict[str, str] | None = None,
    group: dict[str, str] | None = None,
) -> str:
    """The environment, with changes to the specs."""
    subnets = f'subnetIds: "{SSM}private-subnets}}"'
    return environment(
        resource("Secret", "db", "generate: {length: 40}"),
        resource("Secret", "redis", "generate: {length: 40}"),
        resource("DBSubnetGroup", "main", subnets),
        resource("DBParameterGroup", "main", flow({**GROUP, **(group or {})})),
        resource("DBInstance", "main", flow({**DATABASE, **(db or {})})),
        resource("CacheSubnetGroup", "main", subnets),
        resource(
            "CacheParameterGroup", "main",
            "family: redis7, parameters: {maxmemory-policy: noeviction}",
        ),
        resource("ReplicationGroup", "main", flow({**CACHE, **(cache or {})})),
    )  # fmt: skip


class Stage(Plant):
    """A converged environment, and shortcuts."""

    def __init__(self, world: World, **specs: dict[str, str]) -> None:
        super().__init__(world, text(**specs))
        self.rds: Any = self.aws.client("rds")
        self.cache: Any = self.aws.client("elasticache")
        self.converge()
        self.later(1200)  # first backup and its like are over
        self.checkpoint()

    @property
    def instance(self) -> dict[str, Any]:
        """The database."""
        return dict(self.rds.describe_db_instances()["DBInstances"][0])

    @property
    def group(self) -> dict[str, Any]:
        """The cache."""
        return dict(self.cache.describe_replication_groups()["ReplicationGroups"][0])

    def modified(self, kind: str = "ModifyDBInstance") -> list[CallRecord]:
        """Our accepted calls of that operation."""
        return [c for c in self.writes() if c.operation == kind and not c.error]

    def wait(self, minutes: float) -> None:
        """Let simulated time pass."""
        self.world.clock.advance(timedelta(minutes=minutes))


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def changes(report: Report, key: str) -> dict[str, str]:
    """What the pass says of a resource: path → class."""
    return {c.path: c.cls for c in report.assessments[key].changes}


def test_made_secure_and_then_silent(stage: Stage) -> None:
    db, cache = stage.instance, stage.group
    assert db["StorageEncrypted"]
    assert db["MultiAZ"]
    assert db["DeletionProtection"]
    assert db["BackupRetentionPeriod"] == 7
    assert not db["PubliclyAccessible"]
    assert cache["TransitEncryptionEnabled"]
    assert cache["AuthTokenEnabled"]
    assert cache["AtRestEncryptionEnabled"]
    assert (cache["AutomaticFailover"], cache["MultiAZ"]) == ("enabled", "enabled")
    assert cache["SnapshotRetentionLimit"] == 7
    for _ in range(5):
        report = stage.run()
        assert report.converged
        assert not any(a.changes for a in report.assessments.values())
        stage.later()
    assert stage.writes() == []


NOT_OURS: dict[str, Callable[[World], Any]] = {
    "95 failover": lambda w: perturb.rds_failover(w, f"{NAME}-main"),
    "61 minor upgrade": lambda w: perturb.rds_minor_upgrade(w, f"{NAME}-main"),
    "81 certificate authority": lambda w: perturb.rds_rotate_ca(w, f"{NAME}-main"),
    "64 AWS Backup": lambda w: perturb.rds_owned_by_backup(w, f"{NAME}-main"),
    "92 backup": lambda w: perturb.rds_backup(w, f"{NAME}-main"),
    "116 cache failover": lambda w: perturb.cache_failover(w, f"{NAME}-main"),
    "116 node replaced": lambda w: perturb.cache_replace_node(w, f"{NAME}-main", "us-east-1b"),
    "102 patch": lambda w: perturb.cache_minor_upgrade(w, f"{NAME}-main", "7.1.1"),
    "92 snapshot": lambda w: perturb.cache_snapshot(w, f"{NAME}-main"),
}


@pytest.mark.parametrize("perturbation", NOT_OURS)
def test_what_aws_does_is_no_drift(stage: Stage, perturbation: str) -> None:
    NOT_OURS[perturbation](stage.world)
    for _ in range(4):
        report = stage.run()
        assert not any(a.drift for a in report.assessments.values())
        stage.later(300)
    assert stage.writes() == []


def test_storage_autoscaling_is_no_drift(world: World) -> None:
    stage = Stage(world, db={"maxAllocatedStorage": "200"})
    perturb.rds_grow_storage(world, f"{NAME}-main", 75)
    for _ in range(4):
        assert not stage.run().assessments["DBInstance/main"].drift
        stage.later(3600)
    assert stage.writes() == []
    assert stage.instance["AllocatedStorage"] == 75


TAMPERED: dict[str, tuple[str, dict[str, Any], str]] = {
    "retention": ("rds", {"BackupRetentionPeriod": 1}, "backupRetentionPeriod"),
    "protection": ("rds", {"DeletionProtection": False}, "deletionProtection"),
    "multi-AZ": ("rds", {"MultiAZ": False, "ApplyImmediately": True}, "multiAZ"),
    "public": ("rds", {"PubliclyAccessible": True}, "publiclyAccessible"),
    "class": (
        "rds", {"DBInstanceClass": "db.t4g.large", "ApplyImmediately": True}, "dbInstanceClass",
    ),
    "class, in the window": ("rds", {"DBInstanceClass": "db.t4g.large"}, "dbInstanceClass"),
    "default group": ("rds", {"DBParameterGroupName": "default.postgres16"},
                      "dbParameterGroupName"),
    "snapshots": ("elasticache", {"SnapshotRetentionLimit": 1}, "snapshotRetentionLimit"),
    "failover": (
        "elasticache", {"AutomaticFailoverEnabled": False, "MultiAZEnabled": False,
                        "ApplyImmediately": True}, "automaticFailoverEnabled",
    ),
    "node type": (
        "elasticache", {"CacheNodeType": "cache.t4g.medium", "ApplyImmediately": True},
        "cacheNodeType",
    ),
    "TLS": (
        "elasticache", {"TransitEncryptionMode": "preferred", "ApplyImmediately": True},
        "transitEncryptionMode",
    ),
}  # fmt: skip


@pytest.mark.parametrize("tampering", TAMPERED)
def test_drift_is_named_and_mended(stage: Stage, tampering: str) -> None:
    service, params, path = TAMPERED[tampering]
    if service == "rds":
        stage.rds.modify_db_instance(DBInstanceIdentifier=f"{NAME}-main", **params)
    else:
        stage.cache.modify_replication_group(ReplicationGroupId=f"{NAME}-main", **params)
    key = "DBInstance/main" if service == "rds" else "ReplicationGroup/main"
    named = False
    for _ in range(60):
        report = stage.run()
        named = named or path in {c.path for c in report.assessments[key].drift}
        stage.later()
        if named and report.converged:
            break
    assert named
    assert report.converged
    assert len(stage.writes()) <= 2


def test_security_groups_added_by_hand_are_taken_away(stage: Stage) -> None:
    held = [g["VpcSecurityGroupId"] for g in stage.instance["VpcSecurityGroups"]]
    ec2 = stage.aws.client("ec2")
    vpc = ec2.describe_security_groups(GroupIds=held)["SecurityGroups"][0]["VpcId"]
    other = ec2.create_security_group(GroupName="by-hand", Description="x", VpcId=vpc)["GroupId"]
    stage.rds.modify_db_instance(
        DBInstanceIdentifier=f"{NAME}-main", VpcSecurityGroupIds=[*held, other]
    )
    stage.later()
    stage.converge()
    (call,) = stage.modified()
    assert call.params["VpcSecurityGroupIds"] == held
    assert "ApplyImmediately" not in call.params


def test_password_is_sent_once_and_token_rotated_in_two_passes(stage: Stage) -> None:
    secrets = stage.aws.client("secretsmanager")
    for name in ("db", "redis"):
        secrets.put_secret_value(
            SecretId=f"{NAME}-{name}", SecretString=f"another-{name}-password-of-theirs"
        )
    stage.later()
    first = stage.run()
    assert not first.converged
    stage.later()
    stage.converge()
    (call,) = stage.modified()
    assert call.params["MasterUserPassword"] == "another-db-password-of-theirs"
    rotations = stage.modified("ModifyReplicationGroup")
    strategies = [c.params["AuthTokenUpdateStrategy"] for c in rotations]
    assert strategies == ["ROTATE", "SET"]
    assert {c.params["AuthToken"] for c in rotations} == {"another-redis-password-of-theirs"}
    stage.checkpoint()
    stage.later(600)
    assert stage.run().converged
    assert stage.writes() == []
    secrets.put_secret_value(SecretId=f"{NAME}-redis", SecretString="and-yet-another-password")
    stage.later()
    stage.run()
    stage.later()
    stage.converge()
    again = stage.modified("ModifyReplicationGroup")
    assert [c.params["AuthTokenUpdateStrategy"] for c in again] == ["ROTATE", "SET"]


def test_others_pending_changes_are_not_flushed(stage: Stage) -> None:
    """A change that waits for the window stays there when ours goes in (design §5)."""
    stage.rds.modify_db_instance(
        DBInstanceIdentifier=f"{NAME}-main", CACertificateIdentifier="rds-ca-rsa4096-g1"
    )
    stage.rds.modify_db_instance(DBInstanceIdentifier=f"{NAME}-main", DeletionProtection=False)
    stage.publish(text(db={"iamDatabaseAuthentication": "true"}))
    for _ in range(8):
        stage.run()
        stage.later()
    assert not any(c.params.get("ApplyImmediately") for c in stage.modified())
    db = stage.instance
    assert db["DeletionProtection"]
    assert db["PendingModifiedValues"]["CACertificateIdentifier"] == "rds-ca-rsa4096-g1"
    assert db["PendingModifiedValues"]["IAMDatabaseAuthenticationEnabled"]
    assert changes(stage.run(), "DBInstance/main") == {"iamDatabaseAuthentication": "in_flight"}
    stage.wait(8 * 24 * 60)
    stage.converge()
    assert len(stage.modified()) <= 2  # two if a stale read hid one of the two changes at first


def test_storage_grows_and_never_shrinks(stage: Stage) -> None:
    stage.publish(text(db={"allocatedStorage": "52"}))
    stage.run()
    stage.later()
    stage.converge()
    assert stage.instance["AllocatedStorage"] in (55, 56)  # AWS rounds up to 10 %
    assert len(stage.modified()) == 1
    stage.publish(text(db={"allocatedStorage": "40"}))
    report = stage.run()
    assert [c.path for c in report.plan.stuck["DBInstance/main"]] == ["allocatedStorage"]
    assert len(stage.modified()) == 1


def test_a_full_disk_is_cured_by_growing(stage: Stage) -> None:
    perturb.rds_storage_full(stage.world, f"{NAME}-main")
    assert stage.run().assessments["DBInstance/main"].readiness.reason == "StorageFull"
    stage.publish(text(db={"allocatedStorage": "100"}))
    stage.run()
    stage.later()
    stage.converge()
    assert stage.instance["AllocatedStorage"] == 100


def test_big_gp3_volume_and_its_iops(world: World) -> None:
    stage = Stage(world, db={"allocatedStorage": "400", "iops": "12000"})
    stage.publish(text(db={"allocatedStorage": "400", "iops": "16000"}))
    stage.run()
    stage.later()
    stage.converge()
    assert stage.instance["Iops"] == 16000
    (call,) = stage.modified()
    assert call.params["AllocatedStorage"] == 400


def test_parameters_by_commit(stage: Stage) -> None:
    """Dynamic: at once. Static: reported until a person reboots. Out of the file: reset."""
    stage.publish(text(group={"parameters": "{work_mem: 65536, max_connections: 500}"}))
    stage.run()
    stage.later(180)
    report = stage.run()
    assert report.converged
    assert report.assessments["DBInstance/main"].readiness.reason == "NeedsReboot"
    (call,) = stage.modified("ModifyDBParameterGroup")
    methods = {p["ParameterName"]: p["ApplyMethod"] for p in call.params["Parameters"]}
    assert methods == {"work_mem": "immediate", "max_connections": "pending-reboot"}
    (reset,) = stage.modified("ResetDBParameterGroup")
    assert [p["ParameterName"] for p in reset.params["Parameters"]] == [
        "log_min_duration_statement"
    ]
    stage.rds.reboot_db_instance(DBInstanceIdentifier=f"{NAME}-main")
    stage.later(600)
    assert stage.run().assessments["DBInstance/main"].readiness.reason == "Ready"


def test_replicas_follow_the_file(stage: Stage) -> None:
    for count in ("2", "1"):
        stage.publish(text(cache={"replicasPerNodeGroup": count}))
        stage.run()
        stage.later()
        stage.converge()
        assert len(stage.group["MemberClusters"]) == int(count) + 1
    sizes = [c.operation for c in stage.writes()]
    assert sizes == ["IncreaseReplicaCount", "DecreaseReplicaCount"]


def test_a_change_under_way_is_no_drift(stage: Stage) -> None:
    """The node type changes only when scaling has finished (case 114)."""
    stage.publish(text(cache={"cacheNodeType": "cache.t4g.medium"}))
    stage.run()
    seen = set()
    for _ in range(20):
        stage.later(30)
        report = stage.run()
        seen |= set(changes(report, "ReplicationGroup/main").values())
        if report.converged:
            break
    assert report.converged
    assert seen == {"in_flight"}
    assert len(stage.modified("ModifyReplicationGroup")) == 1


def test_major_upgrade_takes_its_parameter_group_along(world: World) -> None:
    spec = {"dbParameterGroupName": ""}
    stage = Stage(world, db=spec)
    stage.publish(text(db={**spec, "engineVersion": '"17"'}))
    stage.run()
    stage.later()
    stage.converge()
    assert stage.instance["EngineVersion"].startswith("17.")
    (call,) = stage.modified()
    assert call.params["AllowMajorVersionUpgrade"]


def test_unprotected_orphan_goes_with_a_final_snapshot_only_by_hand(world: World) -> None:
    """Removing the manifest keeps what holds data; deletion protection stays on."""
    stage = Stage(world)
    stage.publish(text().replace("kind: DBInstance\nmetadata: {name: main}", "kind: LogGroup\n"
                                 "metadata: {name: gone}").split("---\n")[0])  # fmt: skip
    stage.run()
    assert stage.instance["DeletionProtection"]
    assert not [c for c in stage.writes() if c.operation.startswith("Delete")]


def test_unreadable_nodes_are_unknown_not_drift() -> None:
    world = new_world(7)
    stage = Stage(world)
    world.fault("deny", "elasticache:DescribeCacheClusters", times=100)
    report = stage.run()
    found = report.assessments["ReplicationGroup/main"]
    assert {c.cls for c in found.changes} == {"unknown"}
    assert not found.drift
    assert stage.writes() == []


def test_backups_made_longer_by_hand_are_not_cut(world: World) -> None:
    """Mending that drift would delete backups: only a commit may ask for it."""
    stage = Stage(world)
    stage.rds.modify_db_instance(
        DBInstanceIdentifier=f"{NAME}-main", BackupRetentionPeriod=14, ApplyImmediately=True
    )
    stage.later(1800)
    stage.checkpoint()
    report = stage.run()
    assert stage.writes() == []
    assert [v.reason for v in report.vetoes.values()] == ["ApprovalRequired"]
    assert [(c.path, c.now, c.cause) for c in report.assessments["DBInstance/main"].drift] == [
        ("backupRetentionPeriod", 14, "drift")
    ]
    stage.publish(text(db={"backupRetentionPeriod": "14"}))
    stage.later()
    stage.converge()
    assert stage.writes() == []
    stage.publish(text(db={"backupRetentionPeriod": "5"}))
    stage.converge()
    assert len(stage.writes()) == 1
