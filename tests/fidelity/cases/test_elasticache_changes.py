"""Changing caches safely: the smallest sequence of calls that AWS takes, and where it leads."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.errors import Killed
from sandbox.world import READ_PREFIXES, Fault
from tests.fidelity.cases.elasticache_estate import (
    NAME,
    TOKEN,
    Estate,
    estate,
    spec,
    text,
)
from tests.harness import explain, resource

LARGER = ("cache.m7g.large", "cache.m7g.xlarge")
NOW = {"ApplyImmediately": True}
USERS = "userGroupIds: [app-users]"
GROUP = ("LITELLM-production-Main", '"${CacheParameterGroup.next.name}"')
ZONES = ("preferredCacheClusterAZs: [us-east-1a, us-east-1b],", "")
"""Another number of nodes, or cluster mode, goes without them."""
OPEN = "transitEncryptionEnabled: false,\n        allowUnauthenticated: true"


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def calls(e: Estate) -> list[str]:
    """Operations of our accepted writes, in order."""
    return [c.operation for c in e.writes() if not c.error]


def sizes(e: Estate, name: str) -> dict[str, int]:
    """Replicas by shard."""
    return {s["NodeGroupId"]: len(s["NodeGroupMembers"]) - 1 for s in e.shown(name)["NodeGroups"]}


# --- replicas and shards ---


def test_replicas_up_and_down(e: Estate) -> None:
    for nodes in (4, 2):
        e.wanting(spec("main", ("numCacheClusters: 2", f"numCacheClusters: {nodes}"),
                       ZONES))  # fmt: skip
        assert len(e.done("main")["MemberClusters"]) == nodes
    assert calls(e) == ["IncreaseReplicaCount", "DecreaseReplicaCount"]
    assert e.sent() == [{"NewReplicaCount": 3, **NOW}, {"NewReplicaCount": 1, **NOW}]


def test_replicas_of_single_shards(e: Estate) -> None:
    e.wanting(spec("sharded", ('{"0003": 2}', '{"0001": 3, "0003": 1}')))
    e.done("sharded")
    assert sizes(e, "sharded") == {"0001": 3, "0002": 1, "0003": 1}
    assert e.sent() == [
        {"ReplicaConfiguration": [{"NodeGroupId": "0001", "NewReplicaCount": 3}], **NOW},
        {"ReplicaConfiguration": [{"NodeGroupId": "0003", "NewReplicaCount": 1}], **NOW},
    ]


def test_shards_up_and_down(e: Estate) -> None:
    e.wanting(spec("sharded", ("numNodeGroups: 3", "numNodeGroups: 5")))
    e.done("sharded")
    assert sizes(e, "sharded") == {"0001": 1, "0002": 1, "0003": 2, "0004": 1, "0005": 1}
    slots = [s["Slots"] for s in e.shown("sharded")["NodeGroups"]]
    assert (slots[0].split("-")[0], slots[-1].split("-")[1]) == ("0", "16383")
    e.wanting(spec("sharded", ("numNodeGroups: 3", "numNodeGroups: 2"),
                   ('replicaConfiguration: {"0003": 2}, ', "")))  # fmt: skip
    e.done("sharded")
    assert sizes(e, "sharded") == {"0001": 1, "0002": 1}
    assert e.sent() == [
        {"NodeGroupCount": 5, **NOW},
        {"NodeGroupCount": 2, "NodeGroupsToRemove": ["0003", "0004", "0005"], **NOW},
    ]


def test_shards_under_way_are_no_drift(e: Estate) -> None:
    e.wanting(spec("sharded", ("numNodeGroups: 3", "numNodeGroups: 4")))
    e.run()
    e.later(60)
    assert "Resharding" in e.shown("sharded")["PendingModifiedValues"]
    assert set(e.told("sharded").values()) <= {"in_flight"}
    e.done("sharded")
    assert len(e.modified()) == 1


# --- nodes, versions, parameter groups ---


@pytest.mark.case(114, "echo")
@pytest.mark.case(114, "rule")
def test_node_type_up_and_down_one_call_each(e: Estate) -> None:
    """It changes only when the scaling has finished, and pends nowhere on the group."""
    e.wanting(spec("main", LARGER))
    e.run()
    e.later(60)
    assert e.shown("main")["PendingModifiedValues"] == {}
    assert e.shown("main")["CacheNodeType"] == "cache.m7g.large"
    assert e.told("main") == {"cacheNodeType": "in_flight"}
    assert e.done("main")["CacheNodeType"] == "cache.m7g.xlarge"
    e.wanting()
    assert e.done("main")["CacheNodeType"] == "cache.m7g.large"
    assert e.sent() == [{"CacheNodeType": "cache.m7g.xlarge", **NOW},
                        {"CacheNodeType": "cache.m7g.large", **NOW}]  # fmt: skip


NEXT = "family: valkey8, parameters: {maxmemory-policy: noeviction}"


def test_redis_becomes_valkey_with_its_parameter_group(e: Estate) -> None:
    e.wanting(
        spec("main", ("engine: Redis", "engine: valkey"), ('"7.1"', '"8.0"'),
             GROUP),
        next=NEXT,
    )  # fmt: skip
    assert e.done("main")["Engine"] == "valkey"
    (node, _) = e.nodes("main")
    assert node["EngineVersion"] == "8.0.1"
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == f"{NAME}-next"
    assert e.sent() == [{"Engine": "valkey", "EngineVersion": "8.0",
                         "CacheParameterGroupName": f"{NAME}-next", **NOW}]  # fmt: skip
    e.wanting()
    assert e.stuck("main")["engine"] == "there is no way back from valkey"
    for _ in range(3):
        e.run()
        e.later(60)
    assert e.shown("main")["Engine"] == "valkey"


def test_an_upgrade_takes_the_default_group_along(e: Estate) -> None:
    e.wanting(spec("open", ("6.x", '"7.1"')))
    e.done("open")
    (node,) = e.nodes("open")
    assert node["EngineVersion"] == "7.1.0"
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == "default.redis7"
    assert e.sent() == [{"EngineVersion": "7.1", **NOW}]
    e.wanting()
    assert e.stuck("open") == {"engineVersion": "engine versions are never lowered"}


def test_an_upgrade_with_a_group_of_the_old_family_changes_nothing(e: Estate) -> None:
    e.wanting(spec("main", ("engine: Redis", "engine: valkey"), ('"7.1"', '"8.0"')))
    for _ in range(6):
        report = e.run()
        e.later(60)
    assert e.modified() == []
    (veto,) = (v for k, v in report.vetoes.items() if k.startswith("ReplicationGroup/main"))
    assert "family valkey8" in veto.message
    assert e.shown("main")["Engine"] == "redis"


def test_another_parameter_group_is_one_call(e: Estate) -> None:
    e.wanting(
        spec("main", GROUP),
        next="family: redis7, parameters: {timeout: 60}",
    )
    e.done("main")
    assert {n["CacheParameterGroup"]["CacheParameterGroupName"] for n in e.nodes("main")} == {
        f"{NAME}-next"
    }
    assert e.sent() == [{"CacheParameterGroupName": f"{NAME}-next", **NOW}]


def test_cluster_mode_by_way_of_compatible(e: Estate) -> None:
    """Clients change in between: a person says when."""
    on = "default.redis7.cluster.on"
    mode = ("clusterMode: disabled", "clusterMode: enabled")
    group = ("LITELLM-production-Main", on)
    e.wanting(spec("main", mode, ZONES))
    assert "write compatible first" in e.stuck("main")["clusterMode"]
    assert "compatible" in e.blocked("main")
    compatible = ("clusterMode: disabled", "clusterMode: compatible")
    e.wanting(spec("main", compatible, group, LARGER, ZONES))
    e.run()
    e.settle("main")
    shown = e.shown("main")
    assert shown["ClusterMode"] == "compatible"
    assert shown["ConfigurationEndpoint"]
    assert shown["CacheNodeType"] == "cache.m7g.large"  # AWS scales nothing meanwhile
    assert "scales nothing" in e.stuck("main")["cacheNodeType"]
    e.wanting(spec("main", mode, group, LARGER, ZONES))
    shown = e.done("main")
    assert (shown["ClusterMode"], shown["CacheNodeType"]) == ("enabled", "cache.m7g.xlarge")
    assert e.sent() == [
        {
            "ClusterMode": "compatible",
            "CacheParameterGroupName": on,
            **NOW,
        },
        {"ClusterMode": "enabled", **NOW},
        {"CacheNodeType": "cache.m7g.xlarge", **NOW},
    ]


# --- what waits ---


def test_our_change_waits_for_the_window_where_others_wait_for_it(e: Estate) -> None:
    e.modify("main", CacheNodeType="cache.m7g.2xlarge", ApplyImmediately=False)
    e.wanting(spec("main", LARGER))  # ours wins over theirs; a third thing of theirs stays
    e.modify("main", AutomaticFailoverEnabled=False, MultiAZEnabled=False, ApplyImmediately=False)
    waiting = spec("main", LARGER, more="automaticFailoverEnabled: false, multiAZ: false")
    e.wanting(waiting)
    e.checkpoint()
    for _ in range(4):
        e.run()
        e.later(600)
    assert [c.params.get("ApplyImmediately") for c in e.modified()] == [None] * len(e.modified())
    assert e.shown("main")["CacheNodeType"] == "cache.m7g.large"
    assert set(e.told("main").values()) <= {"in_flight", "differs"}
    e.later(8 * 86_400)
    shown = e.done("main")
    assert shown["CacheNodeType"] == "cache.m7g.xlarge"
    assert shown["AutomaticFailover"] == "disabled"


def test_a_pending_change_is_taken_back_by_the_old_value(e: Estate) -> None:
    e.modify("main", CacheNodeType="cache.m7g.2xlarge", ApplyImmediately=False)
    assert e.nodes("main")[0]["PendingModifiedValues"] == {"CacheNodeType": "cache.m7g.2xlarge"}
    found = e.named("main", "cacheNodeType")
    assert found.now == "cache.m7g.2xlarge"
    e.done("main")
    assert e.nodes("main")[0]["PendingModifiedValues"] == {}
    (call,) = e.sent()
    assert call["CacheNodeType"] == "cache.m7g.large"
    e.later(8 * 86_400)
    assert e.shown("main")["CacheNodeType"] == "cache.m7g.large"


@pytest.mark.case(113, "rule")
def test_only_what_changed_is_sent_where_access_is_controlled(e: Estate) -> None:
    """TLS sent unchanged is refused there; so nothing unchanged is sent at all."""
    e.wanting(spec("main", LARGER, ("The cache", "Ours"), ("02:00-03:00", "03:00-04:00")),
              spec("users", more="snapshotRetentionLimit: 14"))  # fmt: skip
    e.done("main")
    e.settle("users")
    assert sorted(map(sorted, e.sent())) == [
        ["ApplyImmediately", "CacheNodeType"],
        ["ReplicationGroupDescription", "SnapshotWindow"],
        ["SnapshotRetentionLimit"],
    ]
    assert not [c for c in e.writes() if c.error and c.error != "InvalidReplicationGroupState"]


def test_logs_change_by_what_differs(e: Estate) -> None:
    e.wanting(spec("main", ("{slow-log: {destination: slow}}",
                            "{engine-log: {destination: engine, logFormat: text}}")))  # fmt: skip
    (log,) = e.done("main")["LogDeliveryConfigurations"]
    assert (log["LogType"], log["LogFormat"]) == ("engine-log", "text")
    (call,) = e.sent()
    slow = {"LogType": "slow-log", "Enabled": False}
    assert slow in call["LogDeliveryConfigurations"]
    assert len(call["LogDeliveryConfigurations"]) == 2


# --- TLS ---


def test_tls_by_way_of_preferred_up_and_down(e: Estate) -> None:
    e.wanting(spec("global", ("transitEncryptionEnabled: false,", "")))
    shown = e.done("global")
    assert (shown["TransitEncryptionEnabled"], shown["TransitEncryptionMode"]) == (True, "required")
    e.wanting()
    assert e.done("global")["TransitEncryptionEnabled"] is False
    on, off = {"TransitEncryptionEnabled": True}, {"TransitEncryptionEnabled": False}
    preferred = {"TransitEncryptionMode": "preferred"}
    assert e.sent() == [
        {**on, **preferred, **NOW},
        {"TransitEncryptionMode": "required", **NOW},
        {**preferred, **NOW},
        {**off, **NOW},
    ]


def test_tls_stays_preferred_as_long_as_the_file_says_so(e: Estate) -> None:
    e.wanting(
        spec("global", ("transitEncryptionEnabled: false", "transitEncryptionMode: preferred"))
    )
    assert e.done("global")["TransitEncryptionMode"] == "preferred"
    assert len(e.modified()) == 1


# --- passwords and users ---


def new_password(e: Estate) -> None:
    """Somebody puts a new version into the secret."""
    e.aws.client("secretsmanager").put_secret_value(
        SecretId=f"{NAME}-auth", SecretString="another-token-of-ours-0001"
    )


ROTATION = ["AddTagsToResource", "ModifyReplicationGroup"] * 2


@pytest.mark.case(111, "change")
@pytest.mark.case(112, "rule")
def test_a_new_token_is_rotated_in_then_set(e: Estate) -> None:
    new_password(e)
    e.run()
    of_main = [c for c in e.writes() if "main" in str(c.params)]
    assert [c.operation for c in of_main if not c.error] == ROTATION[:2]
    assert of_main[1].params["AuthTokenUpdateStrategy"] == "ROTATE"
    e.run()  # still rotating: nothing more is asked
    assert len([c for c in e.writes() if "main" in str(c.params)]) == 2
    e.done("main")
    e.done("sharded")
    for name in ("main", "sharded"):
        made = [c for c in e.writes() if name in str(c.params) and not c.error]
        assert [c.operation for c in made] == ROTATION
        strategies = [c.params.get("AuthTokenUpdateStrategy") for c in made]
        assert strategies == [None, "ROTATE", None, "SET"]
        assert {c.params.get("AuthToken") for c in made} == {None, "another-token-of-ours-0001"}
        assert made[3].at - made[1].at > made[1].at - made[0].at
    assert not e.stored("main")["_rotated"]


def is_write(service: str, operation: str, params: dict[str, Any]) -> bool:
    """A call that changes something of ElastiCache."""
    return service == "elasticache" and not operation.startswith(READ_PREFIXES)


@pytest.mark.case(112, "rule")
@pytest.mark.parametrize("kind", ["kill-before", "kill-after", "lost"])
def test_killed_at_any_call_of_a_rotation_it_ends_alike(e: Estate, kind: str) -> None:
    only_main = text(groups={"sharded": spec("sharded", (TOKEN, USERS))["sharded"]})
    e.publish(only_main)
    e.done("sharded")
    for at in range(4):
        e.checkpoint()
        e.aws.client("secretsmanager").put_secret_value(
            SecretId=f"{NAME}-auth", SecretString=f"another-token-of-ours-{kind[-3:]}-{at}"
        )
        e.world.faults.append(fault := Fault(kind, is_write, after=at))
        try:
            for _ in range(6):
                e.run()
                e.later(400)
        except Killed:
            e.revive()
        assert fault.hits > at
        e.done("main")
        assert not e.stored("main")["_rotated"], f"{kind} at call {at}"
        made = [c for c in e.modified() if "AuthToken" in c.params]
        assert [c.params["AuthTokenUpdateStrategy"] for c in made][-1] == "SET"
        assert len(made) <= 3
        assert not [c for c in e.writes() if c.error == "InvalidParameterCombination"]


def test_the_first_token_of_an_open_group(e: Estate) -> None:
    """TLS preferred, required, then ROTATE and SET: open until the very last, and said so."""
    e.wanting(spec("global", (OPEN, TOKEN)))
    seen = []
    for _ in range(30):
        report = e.run()
        seen.append(e.told("global").get("allowUnauthenticated"))
        if report.converged:
            break
        e.later(400)
    assert report.converged, explain(report)
    strategies = [c.get("AuthTokenUpdateStrategy") or c.get("TransitEncryptionMode")
                  for c in e.sent()]  # fmt: skip
    assert strategies == ["preferred", "required", "ROTATE", "SET"]
    assert e.shown("global")["AuthTokenEnabled"]
    assert not e.stored("global")["_rotated"]
    assert set(seen[:-1]) <= {"differs", "in_flight"}


def test_a_first_token_though_nothing_is_remembered(e: Estate) -> None:
    """Rotated in by a pass whose memory is lost: the tag says that the SET is still due."""
    e.wanting(spec("global", (OPEN, TOKEN)))
    while not any(c.get("AuthTokenUpdateStrategy") for c in e.sent()):
        e.run()
        e.later(400)
    e.settle("global")
    for key in [k for k in e.memory.objects if k.startswith("inventory/")]:
        del e.memory.objects[key]
    e.door.cache.clear()
    assert e.shown("global")["AuthTokenEnabled"]
    e.done("global")
    assert not e.stored("global")["_rotated"]
    assert [c["AuthTokenUpdateStrategy"] for c in e.sent() if "AuthToken" in c] == ["ROTATE", "SET"]


def test_from_a_token_to_users_and_back(e: Estate) -> None:
    e.wanting(spec("main", (TOKEN, USERS)), spec("users", ("userGroupIds: [App-Users]", TOKEN)))
    main = e.done("main")
    e.settle("users")
    users = e.done("users")
    assert (main["AuthTokenEnabled"], main["UserGroupIds"]) == (False, ["app-users"])
    assert (users["AuthTokenEnabled"], users.get("UserGroupIds")) == (True, None)
    to_users, to_token = sorted(e.sent(), key=lambda c: "AuthToken" in c)
    assert to_users == {"UserGroupIdsToAdd": ["app-users"], "AuthTokenUpdateStrategy": "DELETE",
                        **NOW}  # fmt: skip
    assert {k: v for k, v in to_token.items() if k != "AuthToken"} == {
        "RemoveUserGroups": True, "AuthTokenUpdateStrategy": "SET", **NOW,
    }  # fmt: skip


def test_users_are_not_taken_off_for_nothing(e: Estate) -> None:
    """An adopted group whose file says nothing of access keeps its users."""
    said = spec("users", ("userGroupIds: [App-Users], ", ""))["users"]
    every = text(groups={"users": said})
    manifest = resource("ReplicationGroup", "users", said)
    e.publish(every.replace(manifest, manifest + "lifecycle: {adopt: true}\n"))
    assert "takes their place" in e.stuck("users")["userGroupIds"]
    e.blocked("users")
    assert e.shown("users")["UserGroupIds"] == ["app-users"]


def test_it_is_deleted_with_a_last_snapshot(e: Estate) -> None:
    """By a person: what holds data is kept when its manifest goes. Here the plan is looked at."""
    report = e.run()
    seen = report.assessments["ReplicationGroup/main"]
    (action,) = seen.handler.delete(seen.target, seen.observation)  # type: ignore[arg-type]  # it is Present
    assert action.params["FinalSnapshotIdentifier"].startswith(f"{NAME}-main-final-2026")
    e.cache.delete_replication_group(**action.params)
    e.later(1200)
    assert f"{NAME}-main" not in str(e.cache.describe_replication_groups())
