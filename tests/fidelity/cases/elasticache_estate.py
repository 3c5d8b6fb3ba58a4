"""One environment of all sorts of caches, converged once a process and put back for each case.

main     Redis with AUTH, a parameter group, logs, a topic, windows, and much written otherwise than
         AWS keeps it
sharded  Valkey in cluster mode, three shards of different sizes, most of it left to AWS
users    Valkey with a user group
open     Redis 6 without a password, one node, no snapshots
global   adopted: a member of a global datastore
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
from sandbox.world import CallRecord
from tests.harness import Plant, environment, explain, resource
from tests.perturbation.bench import MemoryStore

NAME = "litellm-production"
SSM = "${ssm:/plumbline/litellm-production/network/"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
FLAGS = {"ReplicationGroupId", "ApplyImmediately"}
PLACE = (
    'cacheSubnetGroupName: "${CacheSubnetGroup.main.name}", '
    f'securityGroupIds: "{SSM}cache-security-groups}}"'
)
TOKEN = 'authToken: "${Secret.auth.value}"'
ADOPT = "lifecycle: {adopt: true}\n"

GROUPS = {
    "main": f"""engine: Redis, engineVersion: "7.1", cacheNodeType: cache.m7g.large,
        numCacheClusters: 2, preferredCacheClusterAZs: [us-east-1a, us-east-1b],
        description: The cache, clusterMode: disabled, networkType: ipv4, ipDiscovery: ipv4,
        port: 6379, autoMinorVersionUpgrade: false, kmsKeyId: KEY,
        cacheParameterGroupName: LITELLM-production-Main, snapshotWindow: 02:00-03:00,
        preferredMaintenanceWindow: Sun:23:45-Mon:01:00, durability: default,
        logDelivery: {{slow-log: {{destination: slow}}}}, notificationTopicArn: "{TOPIC}",
        {TOKEN}, {PLACE}""",
    "sharded": f"""engine: valkey, cacheNodeType: cache.m7g.large, clusterMode: enabled,
        numNodeGroups: 3, replicaConfiguration: {{"0003": 2}}, {TOKEN}, {PLACE}""",
    "users": f"""engine: valkey, engineVersion: "8.0", cacheNodeType: cache.t4g.small,
        userGroupIds: [App-Users], {PLACE}""",
    "open": f"""engineVersion: 6.x, cacheNodeType: cache.t4g.small, replicasPerNodeGroup: 0,
        automaticFailoverEnabled: false, multiAZ: false, snapshotRetentionLimit: 0,
        transitEncryptionEnabled: false, allowUnauthenticated: true, {PLACE}""",
}
ADOPTED = {
    "global": f"""engineVersion: "7.0", cacheNodeType: cache.m7g.large, {PLACE},
        atRestEncryptionEnabled: false, transitEncryptionEnabled: false,
        allowUnauthenticated: true, autoMinorVersionUpgrade: true, multiAZ: false,
        snapshotRetentionLimit: 1""",
}
PARAMETERS = {
    "main": """family: redis7, parameters: {MAXMEMORY-policy: noeviction, timeout: "0300",
        latency-tracking: true, maxmemory-samples: 3}""",
}
HOLDS = "LITELLM-production-Main"
"""The parameter group of main is named in capitals, so that no reference orders them."""


def text(
    adopted: bool = True,
    groups: dict[str, str] | None = None,
    parameters: dict[str, str] | None = None,
    *more: str,
) -> str:
    """The environment, with changes to the specs."""
    subnets = f'subnetIds: "{SSM}private-subnets}}"'
    every = {**GROUPS, **(ADOPTED if adopted else {}), **(groups or {})}
    return environment(
        resource("Secret", "auth", "generate: {length: 40}"),
        resource("CacheSubnetGroup", "main", subnets),
        *(resource("CacheParameterGroup", n, said)
          for n, said in {**PARAMETERS, **(parameters or {})}.items()),
        *(resource("ReplicationGroup", n, said, ADOPT if n in ADOPTED else "")
          for n, said in every.items()),
        *more,
    )  # fmt: skip


class Estate(Plant):
    """The environment, and shortcuts."""

    def __init__(self) -> None:
        world = new_world(1, max_lag=timedelta(0))
        super().__init__(world, text(adopted=False))
        self.memory = MemoryStore()
        self.store: Any = self.memory
        self.cache: Any = self.aws.client("elasticache")
        self.user_group("app-users")
        keys = [self.aws.client("kms").create_key()["KeyMetadata"] for _ in range(2)]
        self.key, self.other_key = keys[0]["KeyId"], keys[1]["Arn"]
        self.later(60)
        self.publish(self.text)
        self.run()
        self.theirs("global", Engine="redis", EngineVersion="7.0", SnapshotRetentionLimit=1,
                    NumCacheClusters=2, AutomaticFailoverEnabled=True)  # fmt: skip
        self.converge(step=150)
        self.publish(text())
        self.converge()
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
        self.world.faults.clear()
        self.world.dead = False
        self.memory.objects = dict(objects)
        self.door.cache.clear()
        self.world.calls.clear()
        self.checkpoint()

    def user_group(self, name: str) -> None:
        """Somebody's user group, of the default user alone."""
        self.cache.create_user_group(UserGroupId=name, Engine="redis", UserIds=["default"])

    def theirs(self, name: str, **params: Any) -> None:
        """A group that somebody else makes, in our subnets."""
        found = self.aws.client("ssm").get_parameter(
            Name="/plumbline/litellm-production/network/cache-security-groups"
        )["Parameter"]["Value"]
        self.cache.create_replication_group(
            ReplicationGroupId=f"{NAME}-{name}", ReplicationGroupDescription="theirs",
            CacheNodeType="cache.m7g.large", CacheSubnetGroupName=f"{NAME}-main",
            SecurityGroupIds=found.split(","), **params,
        )  # fmt: skip

    def shown(self, name: str) -> dict[str, Any]:
        """A group as AWS shows it."""
        found = self.cache.describe_replication_groups(ReplicationGroupId=f"{NAME}-{name}")
        return dict(found["ReplicationGroups"][0])

    def nodes(self, name: str) -> list[dict[str, Any]]:
        """Its nodes as AWS shows them."""
        found = self.cache.describe_cache_clusters()["CacheClusters"]
        mine = [n for n in found if n["ReplicationGroupId"] == f"{NAME}-{name}"]
        return sorted(mine, key=lambda n: str(n["CacheClusterId"]))

    def stored(self, name: str) -> dict[str, Any]:
        """A group as the sandbox keeps it: for what no call changes."""
        store = self.world.store("elasticache", self.world.account, self.world.region)
        found: dict[str, Any] = store["groups"][f"{NAME}-{name}"]
        return found

    def stored_nodes(self, name: str) -> list[dict[str, Any]]:
        """Its nodes as the sandbox keeps them."""
        store = self.world.store("elasticache", self.world.account, self.world.region)
        every = store["clusters"].values()
        return [n for n in every if n["ReplicationGroupId"] == f"{NAME}-{name}"]

    def modify(self, name: str, **params: Any) -> None:
        """Somebody else's call, at once, and the time it takes."""
        self.cache.modify_replication_group(
            ReplicationGroupId=f"{NAME}-{name}", **{"ApplyImmediately": True, **params}
        )
        self.settle(name)

    def resize(self, name: str, how: str, **params: Any) -> None:
        """Somebody else's IncreaseReplicaCount or DecreaseReplicaCount."""
        call = getattr(self.cache, f"{how}_replica_count")
        call(ReplicationGroupId=f"{NAME}-{name}", ApplyImmediately=True, **params)
        self.settle(name)

    def settle(self, name: str) -> None:
        """Let what is under way come to its end."""
        for _ in range(30):
            self.later(120)
            busy = [n for n in self.nodes(name) if n["CacheClusterStatus"] != "available"]
            if self.shown(name)["Status"] == "available" and not busy:
                return
        raise AssertionError(f"{name} does not settle: {self.shown(name)}")

    def modified(self) -> list[CallRecord]:
        """Our accepted changes of groups, in order. Flags never go alone (85)."""
        names = ("Modify", "Increase", "Decrease")
        found = [
            c for c in self.writes()
            if c.operation.startswith(names) and not c.error and "ReplicationGroupId" in c.params
        ]  # fmt: skip
        assert all(c.params.keys() - FLAGS for c in found)
        return found

    def sent(self) -> list[dict[str, Any]]:
        """Our accepted changes, without the name."""
        return [{k: v for k, v in c.params.items() if k != "ReplicationGroupId"}
                for c in self.modified()]  # fmt: skip

    def quiet(self, passes: int = 2, wait: float = 1200) -> Report:
        """Passes that find no drift and write nothing."""
        for _ in range(passes):
            report = self.run()
            assert drift(report) == {}, drift(report)
            assert self.writes() == [], explain(report)
            self.later(wait)
        return report

    def differs(self) -> dict[tuple[str, str], Change]:
        """What an observing pass calls drift, by resource and path."""
        before = len(self.writes())
        report = self.run(highest_mode="observe")
        assert len(self.writes()) == before
        return drift(report)

    def named(self, name: str, path: str, kind: str = "ReplicationGroup") -> Change:
        """The one drift there is, which is this."""
        found = self.differs()
        assert list(found) == [(f"{kind}/{name}", path)], found
        return found[f"{kind}/{name}", path]

    def mended(self, passes: int = 20, step: float = 600) -> None:
        """Passes until all is as desired again."""
        self.converge(passes, step)
        assert self.differs() == {}

    def done(self, name: str, passes: int = 30, step: float = 400) -> dict[str, Any]:
        """Converged, and nothing more is written then; what AWS shows."""
        self.converge(passes, step)
        self.settle(name)
        before = len(self.writes())
        report = self.run()
        assert report.converged, explain(report)
        assert len(self.writes()) == before
        return self.shown(name)

    def blocked(self, name: str) -> str:
        """Nothing is written, and the status says why."""
        for _ in range(2):
            self.run()
            self.later(600)
        assert self.writes() == []
        found = self.status()["resources"][f"ReplicationGroup/{name}"]["conditions"]["Blocked"]
        assert found["status"] == "True"
        return str(found["message"])

    def stuck(self, name: str) -> dict[str, str]:
        """What no call makes, by path, with the reason."""
        report = self.run(highest_mode="observe")
        return {c.path: c.note for c in report.plan.stuck.get(f"ReplicationGroup/{name}", ())}

    def told(self, name: str) -> dict[str, str]:
        """What a pass says of a group: path → class."""
        report = self.run(highest_mode="observe")
        return {c.path: c.cls for c in report.assessments[f"ReplicationGroup/{name}"].changes}

    def wanting(self, *groups: dict[str, str], **parameters: str) -> None:
        """A commit: other specs of some groups (`spec`), other parameter groups."""
        every = {name: said for each in groups for name, said in each.items()}
        self.publish(text(groups=every, parameters=parameters))


def drift(report: Report) -> dict[tuple[str, str], Change]:
    """What somebody else changed, by resource and path."""
    return {(k, c.path): c for k, a in report.assessments.items() for c in a.drift}


def spec(name: str, *changes: tuple[str, str], more: str = "") -> dict[str, str]:
    """The spec of one group with parts of its text replaced, and `more` at its end."""
    said = {**GROUPS, **ADOPTED}[name]
    for old, new in changes:
        assert old in said, f"{old!r} is not in {name}"
        said = said.replace(old, new)
    return {name: f"{said}, {more}" if more else said}


@cache
def estate() -> Estate:
    """The one of this process."""
    return Estate()


Deed = Callable[[Estate], object]
