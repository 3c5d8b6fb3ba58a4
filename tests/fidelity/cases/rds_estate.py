"""One environment of all sorts of databases, converged once a process and put back for each case.

main      PostgreSQL as we advise it, with a parameter group, on a small gp3 volume
big       PostgreSQL on a striped gp3 volume, single-AZ, windows and versions written out
oracle, sql, mysql   the other engines; mysql with an option group of somebody else's
member, replica      adopted: an Aurora cluster's instance, and a read replica of main
owned     PostgreSQL whose password RDS owns
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from controller.diff import Change
from controller.reconciler import Report
from sandbox.pytest_plugin import new_world
from sandbox.rds_others import cluster_member
from sandbox.world import CallRecord
from tests.harness import Plant, environment, explain, resource
from tests.perturbation.bench import MemoryStore

NAME = "litellm-production"
SSM = "${ssm:/plumbline/litellm-production/network/"
FLAGS = {"DBInstanceIdentifier", "ApplyImmediately", "AllowMajorVersionUpgrade"}
PLACE = f'vpcSecurityGroupIds: "{SSM}database-security-groups}}"'
IN = 'dbSubnetGroupName: "${DBSubnetGroup.main.name}", ' + PLACE
PASSWORD = 'masterUserPassword: "${Secret.db.value}"'
ADOPT = "lifecycle: {adopt: true}\n"

DATABASES = {
    "main": f"""engineVersion: 16, dbInstanceClass: db.m7g.large, allocatedStorage: 50,
        maxAllocatedStorage: 200, iops: 3000, storageThroughput: 125, dbName: App,
        dbParameterGroupName: "${{DBParameterGroup.main.name}}",
        enabledCloudwatchLogsExports: [postgresql, upgrade], {PASSWORD}, {IN}""",
    "big": f"""engineVersion: "16.4", dbInstanceClass: db.m7g.large, allocatedStorage: 400,
        iops: 12000, multiAZ: false, availabilityZone: us-east-1a, port: 5433, kmsKeyId: KEY,
        autoMinorVersionUpgrade: false, preferredBackupWindow: 02:00-03:00,
        preferredMaintenanceWindow: Sun:23:45-Mon:00:15, caCertificateIdentifier: rds-ca-rsa2048-g1,
        {PASSWORD}, {IN}""",
    "oracle": f"""engine: oracle-se2, engineVersion: 19, dbInstanceClass: db.m5.xlarge,
        licenseModel: license-included, allocatedStorage: 200, dbName: app,
        processorFeatures: {{coreCount: 2, threadsPerCore: 1}}, {PASSWORD}, {IN}""",
    "sql": f"""engine: sqlserver-se, dbInstanceClass: db.m5.xlarge, allocatedStorage: 100,
        timezone: GMT Standard Time, {PASSWORD}, {IN}""",
    "mysql": f"""engine: mysql, engineVersion: "8.0", dbInstanceClass: db.m7g.large,
        allocatedStorage: 50, optionGroupName: Theirs, multiAZ: false,
        engineLifecycleSupport: open-source-rds-extended-support-disabled,
        dbParameterGroupName: "${{DBParameterGroup.mysql.name}}", {PASSWORD}, {IN}""",
    "owned": f"""dbInstanceClass: db.m7g.large, allocatedStorage: 50, multiAZ: false,
        manageMasterUserPassword: true, {IN}""",
}
ADOPTED = {
    "member": """engine: aurora-postgresql, dbClusterIdentifier: theirs, promotionTier: 1,
        dbInstanceClass: db.r6g.large""",
    "replica": f"""engineVersion: 16, sourceDBInstanceIdentifier: {NAME}-main, multiAZ: false,
        dbInstanceClass: db.m7g.large, allocatedStorage: 50, maxAllocatedStorage: 200,
        deletionProtection: false, {PLACE}""",
}
PARAMETERS = {
    "main": """family: postgres16, parameters: {LOG_min_duration_statement: 1000,
        rds.force_ssl: true, shared_buffers: "{DBInstanceClassMemory/32768}",
        shared_preload_libraries: "pg_stat_statements,pgaudit", random_page_cost: 1.10,
        checkpoint_timeout: 0300}""".replace("0300", '"0300"'),
    "mysql": "family: mysql8.0, parameters: {sql_mode: ANSI_QUOTES, general_log: false}",
}


def text(
    adopted: bool = True,
    databases: dict[str, str] | None = None,
    parameters: dict[str, str] | None = None,
) -> str:
    """The environment, with changes to the specs."""
    subnets = f'subnetIds: "{SSM}private-subnets}}"'
    return environment(
        resource("Secret", "db", "generate: {length: 24}"),
        resource("DBSubnetGroup", "main", subnets),
        *(resource("DBParameterGroup", n, spec)
          for n, spec in {**PARAMETERS, **(parameters or {})}.items()),
        *(resource("DBInstance", n, spec, ADOPT if n in ADOPTED else "")
          for n, spec in {**DATABASES, **(ADOPTED if adopted else {}),
                          **(databases or {})}.items()),
    )  # fmt: skip


class Estate(Plant):
    """The environment, and shortcuts."""

    def __init__(self) -> None:
        world = new_world(1, max_lag=timedelta(0))
        super().__init__(world, text(adopted=False))
        self.memory = MemoryStore()
        self.store: Any = self.memory
        self.rds: Any = self.aws.client("rds")
        self.rds.create_option_group(
            OptionGroupName="theirs", EngineName="mysql", MajorEngineVersion="8.0",
            OptionGroupDescription="theirs",
        )  # fmt: skip
        keys = [self.aws.client("kms").create_key()["KeyMetadata"] for _ in range(2)]
        self.key, self.other_key = keys[0]["KeyId"], keys[1]["Arn"]
        self.publish(self.text)
        self.converge(step=150)
        cluster_member(
            world, f"{NAME}-member", "theirs", DBSubnetGroupName=f"{NAME}-main"
        )  # fmt: skip
        self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier=f"{NAME}-replica", SourceDBInstanceIdentifier=f"{NAME}-main",
            VpcSecurityGroupIds=[
                g["VpcSecurityGroupId"] for g in self.shown("main")["VpcSecurityGroups"]
            ],
        )  # fmt: skip
        self.later(1200)
        self.publish(text())
        self.reports = self.converge()
        self.later(86_400)
        self.reports = self.converge()
        self.kept = (
            copy.deepcopy(world._stores), dict(self.memory.objects), world.clock.now(),
            list(world.clock._timers),
        )  # fmt: skip

    def publish(self, text: str) -> None:
        if not isinstance(getattr(self, "store", None), MemoryStore):
            super().publish(text)
            return
        self.text = text = text.replace("KEY", self.key)
        key = f"environments/{self.name}.yaml"
        held = self.store.get(key)
        self.store.put(key, text.encode(), held.version if held else None)

    def back(self) -> None:
        """Everything as it was when it had converged, the clock too."""
        stores, objects, now, timers = self.kept
        self.world._stores = copy.deepcopy(stores)
        self.world._history.clear()
        self.world.clock._timers = list(timers)
        self.world.clock._now = now
        self.memory.objects = dict(objects)
        self.door.cache.clear()
        self.world.calls.clear()
        self.checkpoint()

    def shown(self, name: str) -> dict[str, Any]:
        """An instance as AWS shows it."""
        found = self.rds.describe_db_instances(DBInstanceIdentifier=f"{NAME}-{name}")
        return dict(found["DBInstances"][0])

    def stored(self, name: str) -> dict[str, Any]:
        """An instance as the sandbox keeps it: for what no call changes."""
        store = self.world.store("rds", self.world.account, self.world.region)
        found: dict[str, Any] = store["instances"][f"{NAME}-{name}"]
        return found

    def modify(self, name: str, **params: Any) -> None:
        """Somebody else's call, at once, and the time it takes."""
        self.rds.modify_db_instance(
            DBInstanceIdentifier=f"{NAME}-{name}", ApplyImmediately=True, **params
        )
        self.settle(name)

    def settle(self, name: str) -> None:
        """Let what is under way come to its end."""
        for _ in range(30):
            self.later(240)
            seen = self.shown(name)
            if seen["DBInstanceStatus"] == "available" and not seen["PendingModifiedValues"]:
                return
        raise AssertionError(f"{name} does not settle: {seen}")

    def modified(self) -> list[CallRecord]:
        """Our accepted changes of instances, in order. Flags never go alone (85)."""
        found = [c for c in self.writes() if c.operation == "ModifyDBInstance" and not c.error]
        assert all(c.params.keys() - FLAGS for c in found)
        return found

    def quiet(self, passes: int = 2, wait: float = 1200) -> Report:
        """Passes that find no drift and write nothing."""
        for _ in range(passes):
            report = self.run()
            assert drift(report) == {}, drift(report)
            assert self.writes() == [], explain(report)
            assert report.plan.steps == (), explain(report)
            self.later(wait)
        return report

    def quiet_after(self) -> None:
        """Further passes write nothing more."""
        before = len(self.writes())
        report = self.run()
        assert report.converged, explain(report)
        assert len(self.writes()) == before

    def differs(self) -> dict[tuple[str, str], Change]:
        """What an observing pass calls drift, by resource and path."""
        before = len(self.writes())
        report = self.run(highest_mode="observe")
        assert len(self.writes()) == before
        return drift(report)

    def named(self, name: str, path: str, kind: str = "DBInstance") -> Change:
        """The one drift there is, which is this."""
        found = self.differs()
        assert list(found) == [(f"{kind}/{name}", path)], found
        return found[f"{kind}/{name}", path]

    def mended(self, passes: int = 20, step: float = 2400) -> None:
        """Passes until all is as desired again."""
        self.converge(passes, step)
        assert self.differs() == {}

    def blocked(self, name: str) -> str:
        """Nothing is written, and the status says why."""
        for _ in range(2):
            self.run()
            self.later(600)
        assert self.writes() == []
        condition = self.status()["resources"][f"DBInstance/{name}"]["conditions"]["Blocked"]
        assert condition["status"] == "True"
        return str(condition["message"])

    def stuck(self, name: str) -> dict[str, str]:
        """What no call makes, by path, with the reason."""
        report = self.run(highest_mode="observe")
        return {c.path: c.note for c in report.plan.stuck.get(f"DBInstance/{name}", ())}

    def wanting(self, *databases: dict[str, str]) -> None:
        """A commit: other specs of some instances (`spec`)."""
        every = {name: said for each in databases for name, said in each.items()}
        self.publish(text(databases=every))


def drift(report: Report) -> dict[tuple[str, str], Change]:
    """What somebody else changed, by resource and path."""
    return {(k, c.path): c for k, a in report.assessments.items() for c in a.drift}


def spec(name: str, *changes: tuple[str, str], more: str = "") -> dict[str, str]:
    """The spec of one instance with parts of its text replaced, and `more` at its end."""
    said = {**DATABASES, **ADOPTED}[name]
    for old, new in changes:
        assert old in said, f"{old!r} is not in {name}"
        said = said.replace(old, new)
    return {name: f"{said}, {more}" if more else said}


@cache
def estate() -> Estate:
    """The one of this process."""
    return Estate()


Deed = Callable[[Estate], object]
