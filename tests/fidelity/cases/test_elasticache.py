"""Cases 101 to 128, and what stands between them: caches and their parameter groups."""

from __future__ import annotations

from typing import Any

import pytest

from controller.manifest import DesiredStateError, load
from sandbox import perturb_data as aws_does
from tests.fidelity.cases.elasticache_estate import (
    ADOPT,
    GROUPS,
    NAME,
    TOPIC,
    Deed,
    Estate,
    estate,
    spec,
    text,
)
from tests.harness import environment, resource

NODE_ONLY = (
    "EngineVersion", "CacheParameterGroup", "SecurityGroups", "PreferredMaintenanceWindow",
    "NotificationConfiguration", "CacheSubnetGroupName",
)  # fmt: skip


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def stored(name: str, **values: Any) -> Deed:
    """AWS, or whoever else, made this of a group."""
    return lambda e: e.stored(name).update(values)


def node_stored(name: str, **values: Any) -> Deed:
    """The same of all its nodes."""
    return lambda e: [n.update(values) for n in e.stored_nodes(name)]


def by_hand(name: str, **params: Any) -> Deed:
    """Somebody's ModifyReplicationGroup, at once."""
    return lambda e: e.modify(name, **params)


def in_global_datastore(e: Estate) -> None:
    """The global datastore has its own mind (108, 109)."""
    e.stored("global").update(
        GlobalReplicationGroupInfo={
            "GlobalReplicationGroupId": "ldgnf-theirs", "GlobalReplicationGroupMemberRole":
            "SECONDARY",
        },
        AutoMinorVersionUpgrade=False, AutomaticFailover="disabled",
        CacheNodeType="cache.r7g.large",
    )  # fmt: skip
    for node in e.stored_nodes("global"):
        node.update(CacheNodeType="cache.r7g.large", EngineVersion="7.1.0")


def newest(e: Estate) -> None:
    """AWS brings an undeclared version up to date."""
    for node in e.stored_nodes("sharded"):
        node["EngineVersion"] = "9.9.0"


def parameters(**values: str) -> Deed:
    """Somebody sets parameters."""
    said = [{"ParameterName": k.replace("_", "-"), "ParameterValue": v} for k, v in values.items()]
    return lambda e: e.cache.modify_cache_parameter_group(
        CacheParameterGroupName=f"{NAME}-main", ParameterNameValues=said
    )


def reset(name: str) -> Deed:
    """Somebody resets one."""
    said = [{"ParameterName": name, "ParameterValue": ""}]
    return lambda e: e.cache.reset_cache_parameter_group(
        CacheParameterGroupName=f"{NAME}-main", ParameterNameValues=said
    )


def somebody_rotates(e: Estate) -> None:
    """Another token beside ours: AWS shows only when."""
    e.modify("main", AuthToken="another-token-of-somebody-else")
    e.modify("main", AuthToken="another-token-of-somebody-else", AuthTokenUpdateStrategy="SET")


ECHOES: dict[str, tuple[tuple[int, ...], Deed]] = {
    "a patch of the version": ((102,), lambda e: aws_does.cache_minor_upgrade(
        e.world, f"{NAME}-main", "7.1.9")),
    "a patch of 6.x": ((102,), node_stored("open", EngineVersion="6.2.14")),
    "an undeclared version moves on": ((103,), newest),
    "and its default group": ((123,), lambda e: [n["CacheParameterGroup"].update(
        CacheParameterGroupName="default.valkey10.cluster.on") for n in e.stored_nodes("sharded")]),
    "a minor upgrade that is allowed": ((102,), node_stored("users", EngineVersion="8.2.1")),
    "a global datastore decides": ((108, 109), in_global_datastore),
    "somebody's token": ((111,), somebody_rotates),
    "a failover": ((116,), lambda e: aws_does.cache_failover(e.world, f"{NAME}-main")),
    "a shard's failover": ((116,), lambda e: aws_does.cache_failover(
        e.world, f"{NAME}-sharded", 2)),
    "a node in another zone": ((116,), lambda e: aws_does.cache_replace_node(
        e.world, f"{NAME}-main", "us-east-1c")),
    "a window of AWS's, without snapshots": ((119,), by_hand("open", SnapshotWindow="11:00-12:00")),
    "an undeclared maintenance window": (
        (), by_hand("open", PreferredMaintenanceWindow="wed:11:00-wed:12:00")),
    "a snapshot runs": ((128,), lambda e: aws_does.cache_snapshot(e.world, f"{NAME}-main")),
    "others' parameters": ((124,), parameters(slowlog_max_len="256")),
    "a number written another way": ((124,), parameters(timeout="300")),
    "a parameter that is the default counts as nobody's": ((124,), reset("maxmemory-samples")),
    "another node for snapshots": ((), by_hand("main", SnapshottingClusterId=f"{NAME}-main-001")),
    "logs that can't be delivered": ((), lambda e: e.stored("main")[
        "LogDeliveryConfigurations"][0].update(Status="error", Message="no such log group")),
    "what is newer than this release": ((), stored("main", StorageEncryptionType="sse-quantum")),
    "words for people": ((), stored("sharded", Description=" ")),
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


@pytest.mark.case(101, "echo")
@pytest.mark.case(102, "echo")
@pytest.mark.case(103, "echo")
@pytest.mark.case(105, "echo")
@pytest.mark.case(107, "echo")
@pytest.mark.case(115, "echo")
@pytest.mark.case(118, "echo")
@pytest.mark.case(119, "echo")
@pytest.mark.case(123, "echo")
@pytest.mark.case(124, "echo")
@pytest.mark.case(126, "echo")
def test_as_created_aws_says_it_otherwise_and_nothing_differs(e: Estate) -> None:
    """Much is spelled, filled in, hidden or lower-cased by AWS from the start."""
    main, sharded, users, opened = (e.shown(n) for n in ("main", "sharded", "users", "open"))
    assert not set(NODE_ONLY) & set(main)
    (node, other), (bare,) = e.nodes("main"), e.nodes("open")
    assert set(NODE_ONLY) <= set(node)
    assert [node["EngineVersion"], bare["EngineVersion"]] == ["7.1.0", "6.2.6"]
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == f"{NAME}-main"
    assert node["PreferredMaintenanceWindow"] == "sun:23:45-mon:01:00"
    assert users["UserGroupIds"] == ["app-users"]
    assert "App-Users" in GROUPS["users"]
    assert main["KmsKeyId"].endswith(f"key/{e.key}")
    assert main["KmsKeyId"] != e.key
    sizes = [len(s["NodeGroupMembers"]) for s in sharded["NodeGroups"]]
    assert sizes == [2, 2, 3]
    assert (len(main["MemberClusters"]), other["PreferredAvailabilityZone"]) == (2, "us-east-1b")
    assert (main["ClusterMode"], main["IpDiscovery"], main["NetworkType"]) == (
        "disabled", "ipv4", "ipv4",
    )  # fmt: skip
    assert (opened["SnapshotRetentionLimit"], bool(opened["SnapshotWindow"])) == (0, True)
    group = e.nodes("sharded")[0]["CacheParameterGroup"]["CacheParameterGroupName"]
    assert group == "default.valkey9.cluster.on"
    assert users["AtRestEncryptionEnabled"]
    report = e.quiet()
    theirs = {k: a.changes for k, a in report.assessments.items() if a.changes}
    assert {c.path: c.cls for c in theirs.pop("ReplicationGroup/global")} == {
        "description": "undeclared"
    }
    assert theirs == {}


@pytest.mark.case(107, "echo")
@pytest.mark.case(107, "change")
def test_encryption_at_rest_by_engine(e: Estate) -> None:
    """Made by somebody who said nothing of it: Valkey's default is ours, Redis's is not."""
    e.theirs("v", Engine="valkey", NumCacheClusters=1)
    e.theirs("r", Engine="redis", NumCacheClusters=1)
    e.settle("v")
    e.settle("r")
    said = """engine: ENGINE, cacheNodeType: cache.m7g.large, replicasPerNodeGroup: 0,
        automaticFailoverEnabled: false, multiAZ: false, transitEncryptionEnabled: false,
        allowUnauthenticated: true, snapshotRetentionLimit: 0,
        cacheSubnetGroupName: "${CacheSubnetGroup.main.name}" """
    e.publish(text(True, None, None,
                   resource("ReplicationGroup", "v", said.replace("ENGINE", "valkey"), ADOPT),
                   resource("ReplicationGroup", "r", said.replace("ENGINE", "redis"), ADOPT))
    )  # fmt: skip
    for _ in range(3):
        e.run()
        e.later(60)
    assert e.modified() == []
    hers = {p: c for p, c in e.told("v").items() if c not in ("undeclared",)}
    his = {p: c for p, c in e.told("r").items() if c not in ("undeclared",)}
    assert hers == {}
    assert his == {"atRestEncryptionEnabled": "immutable"}


def another_group(e: Estate) -> None:
    ec2 = e.aws.client("ec2")
    held = [g["SecurityGroupId"] for g in e.nodes("main")[0]["SecurityGroups"]]
    vpc = ec2.describe_security_groups(GroupIds=held)["SecurityGroups"][0]["VpcId"]
    found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    other = next(g["GroupId"] for g in found["SecurityGroups"] if g["GroupId"] not in held)
    e.modify("main", SecurityGroupIds=[*held, other])


def other_users(e: Estate) -> None:
    e.user_group("other-users")
    e.later(60)
    e.modify("users", UserGroupIdsToAdd=["other-users"], UserGroupIdsToRemove=["app-users"])


def token_and_description(e: Estate) -> None:
    """A token, which nobody sees, beside something that everybody does."""
    e.modify("main", AuthToken="another-token-of-somebody-else", ReplicationGroupDescription="x")


def version_and_snapshots(e: Estate) -> None:
    newest(e)
    e.modify("sharded", SnapshotRetentionLimit=1)


def global_and_snapshots(e: Estate) -> None:
    in_global_datastore(e)
    e.modify("global", SnapshotRetentionLimit=0)


MENDED: dict[str, tuple[tuple[int, ...], Deed, str, str]] = {
    "another parameter group": (
        (101, 105), by_hand("main", CacheParameterGroupName="default.redis7"), "main",
        "cacheParameterGroupName",
    ),
    "a security group more": ((101,), another_group, "main", "securityGroupIds"),
    "another maintenance window": (
        (101,), by_hand("main", PreferredMaintenanceWindow="mon:11:00-mon:12:00"), "main",
        "preferredMaintenanceWindow",
    ),
    "a topic that is silent": (
        (101,), by_hand("main", NotificationTopicStatus="inactive"), "main",
        "notificationTopicArn",
    ),
    "another topic": (
        (101,), by_hand("main", NotificationTopicArn=TOPIC.replace("alarms", "other")), "main",
        "notificationTopicArn",
    ),
    "snapshots, beside a version": ((103,), version_and_snapshots, "sharded",
                                    "snapshotRetentionLimit"),
    "other users": ((105,), other_users, "users", "userGroupIds"),
    "minor upgrades": ((108,), by_hand("main", AutoMinorVersionUpgrade=True), "main",
                       "autoMinorVersionUpgrade"),
    "snapshots, in a global datastore": ((108, 109), global_and_snapshots, "global",
                                         "snapshotRetentionLimit"),
    "no Multi-AZ": ((), by_hand("main", MultiAZEnabled=False), "main", "multiAZ"),
    "a description, beside a token": ((111,), token_and_description, "main", "description"),
    "other nodes": ((114,), by_hand("main", CacheNodeType="cache.m7g.xlarge"), "main",
                    "cacheNodeType"),
    "a replica more": ((115, 116), lambda e: e.resize("main", "increase", NewReplicaCount=2),
                       "main", "replicasPerNodeGroup"),
    "a replica more in one shard": (
        (115,), lambda e: e.resize("sharded", "increase", ReplicaConfiguration=[
            {"NodeGroupId": "0002", "NewReplicaCount": 3}]), "sharded",
        "replicaConfiguration[0002]",
    ),
    "a step to cluster mode": (
        (118,), by_hand("main", ClusterMode="compatible",
                        CacheParameterGroupName="default.redis7.cluster.on"), "main",
        "clusterMode",
    ),
    "snapshots of what has none": ((118,), by_hand("open", SnapshotRetentionLimit=3), "open",
                                   "snapshotRetentionLimit"),
    "a declared snapshot window": ((119,), by_hand("main", SnapshotWindow="11:00-12:00"), "main",
                                   "snapshotWindow"),
    "another group for the default": ((123,), by_hand(
        "main", CacheParameterGroupName="default.redis7"), "main", "cacheParameterGroupName"),
    "another destination": ((), by_hand("main", LogDeliveryConfigurations=[
        {"LogType": "slow-log", "DestinationType": "cloudwatch-logs", "LogFormat": "json",
         "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "other"}}}]), "main",
        "logDelivery[slow-log].destination"),
    "a log more": ((), by_hand("main", LogDeliveryConfigurations=[
        {"LogType": "engine-log", "DestinationType": "cloudwatch-logs", "LogFormat": "text",
         "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "other"}}}]), "main",
        "logDelivery[engine-log]"),
}  # fmt: skip
TOGETHER = {
    # cluster mode brings its parameter group along
    "a step to cluster mode": {"cacheParameterGroupName"},
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in MENDED.items()
    ],
)
def test_a_change_beside_it_is_named_exactly_and_mended(e: Estate, name: str) -> None:
    _, deed, group, path = MENDED[name]
    deed(e)
    found = {(k, p) for k, p in e.differs()}
    besides = {(f"ReplicationGroup/{group}", p) for p in TOGETHER.get(name, ())}
    assert found == {(f"ReplicationGroup/{group}", path), *besides}
    if name == "snapshots of what has none":  # fewer snapshots: no drift is worth their loss
        assert "destructive" in e.blocked(group)
        return
    e.mended()
    assert len(e.modified()) == 1
    assert e.done(group)["Status"] == "available"


def upgraded(e: Estate) -> None:
    for node in e.stored_nodes("open"):
        node["EngineVersion"] = "7.1.0"


def other_subnets(e: Estate) -> None:
    e.cache.create_cache_subnet_group(
        CacheSubnetGroupName="other", CacheSubnetGroupDescription="x",
        SubnetIds=[s["SubnetIdentifier"] for s in e.cache.describe_cache_subnet_groups(
            CacheSubnetGroupName=f"{NAME}-main")["CacheSubnetGroups"][0]["Subnets"]],
    )  # fmt: skip
    for node in e.stored_nodes("main"):
        node["CacheSubnetGroupName"] = "other"


BLOCKED: dict[str, tuple[tuple[int, ...], Deed, str, str, str]] = {
    "another major version": ((102,), upgraded, "open", "engineVersion", "never lowered"),
    "a minor upgrade that nobody allowed": (
        (102,), node_stored("main", EngineVersion="7.2.4"), "main", "engineVersion",
        "never lowered"),
    "another engine": ((), lambda e: [stored("main", Engine="valkey")(e),
                                      node_stored("main", Engine="valkey")(e)], "main", "engine",
                       "no way back"),
    "another key": ((126,), lambda e: e.stored("main").update(KmsKeyId=e.other_key), "main",
                    "kmsKeyId", ""),
    "other subnets": ((101, 105), other_subnets, "main", "cacheSubnetGroupName", ""),
    "another port": ((), stored("main", _port=6380), "main", "port", ""),
    "no encryption at rest": ((107,), stored("main", AtRestEncryptionEnabled=False), "main",
                              "atRestEncryptionEnabled", ""),
    "a token where nobody needed one": (
        (111,), stored("open", AuthTokenEnabled=True), "open", "allowUnauthenticated",
        "can't be taken off"),
    "cluster mode, which does not go": (
        (118,), lambda e: e.stored("main").update(ClusterMode="enabled"), "main", "clusterMode",
        "no way back"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in BLOCKED.items()
    ],
)
def test_what_no_call_mends_is_named_exactly_and_left(e: Estate, name: str) -> None:
    _, deed, group, path, why = BLOCKED[name]
    deed(e)
    e.named(group, path)
    if why:
        assert why in e.stuck(group)[path]
    e.blocked(group)


@pytest.mark.case(109, "echo")
@pytest.mark.case(109, "change")
def test_failover_is_on_its_way_then_differs(e: Estate) -> None:
    """`disabling` and `enabling` say where it goes."""
    e.cache.modify_replication_group(
        ReplicationGroupId=f"{NAME}-main", AutomaticFailoverEnabled=False, MultiAZEnabled=False,
        ApplyImmediately=True,
    )  # fmt: skip
    assert e.shown("main")["AutomaticFailover"] == "disabling"
    assert set(e.differs()) == {("ReplicationGroup/main", "automaticFailoverEnabled")}
    e.settle("main")
    assert {p for _, p in e.differs()} == {"automaticFailoverEnabled", "multiAZ"}
    e.run()
    assert e.shown("main")["AutomaticFailover"] == "enabling"
    assert e.told("main") == {"automaticFailoverEnabled": "in_flight", "multiAZ": "in_flight"}
    e.mended()
    assert e.sent() == [
        {"AutomaticFailoverEnabled": True, "MultiAZEnabled": True, "ApplyImmediately": True}
    ]


@pytest.mark.case(118, "change")
def test_undeclared_and_not_the_default_is_reported_and_left(e: Estate) -> None:
    e.stored("users").update(NetworkType="dual_stack", IpDiscovery="ipv6", Durability="async")
    report = e.quiet(1)
    found = report.assessments["ReplicationGroup/users"].changes
    assert {c.path: (c.cls, c.now) for c in found} == {
        "networkType": ("undeclared", "dual_stack"), "ipDiscovery": ("undeclared", "ipv6"),
        "durability": ("undeclared", "async"),
    }  # fmt: skip


@pytest.mark.case(123, "change")
def test_a_group_of_others_where_the_default_is_left_to_aws(e: Estate) -> None:
    e.cache.create_cache_parameter_group(
        CacheParameterGroupName="theirs", CacheParameterGroupFamily="valkey8", Description="x"
    )
    e.modify("users", CacheParameterGroupName="theirs")
    report = e.quiet(1)
    (change,) = report.assessments["ReplicationGroup/users"].changes
    assert (change.path, change.cls, change.now) == (
        "cacheParameterGroupName", "undeclared", "theirs",
    )  # fmt: skip


PARAMETERS: dict[str, tuple[Deed, str]] = {
    "another value": (parameters(timeout="0"), "timeout"),
    "reset": (reset("maxmemory-policy"), "maxmemory-policy"),
    "a switch": (parameters(latency_tracking="no"), "latency-tracking"),
    "away from a default": (parameters(maxmemory_samples="5"), "maxmemory-samples"),
}


@pytest.mark.case(124, "change")
@pytest.mark.parametrize("name", PARAMETERS)
def test_a_changed_parameter_is_named_and_set_back(e: Estate, name: str) -> None:
    deed, path = PARAMETERS[name]
    deed(e)
    e.named("main", f"parameters[{path}]", "CacheParameterGroup")
    e.mended(step=120)
    (call,) = e.writes()
    assert [p["ParameterName"] for p in call.params["ParameterNameValues"]] == [path]


@pytest.mark.case(124, "rule")
def test_parameters_go_twenty_to_a_call(e: Estate) -> None:
    names = [p["ParameterName"] for p in e.cache.describe_cache_parameters(
        CacheParameterGroupName="default.redis7")["Parameters"]
        if p["IsModifiable"] and p["DataType"] == "integer"
        and int(p["AllowedValues"].split("-")[-1]) > 100
        and p["ParameterName"] not in ("timeout", "maxmemory-samples")]  # fmt: skip
    said = ", ".join(f"{n}: {n and 90}" for n in sorted(names) if not n.startswith(
        ("active-defrag-ignore", "proto", "repl-backlog-size", "hll", "maxclients")))  # fmt: skip
    assert said.count(":") > 20
    e.wanting(more=f"family: redis7, parameters: {{{said}}}")
    e.converge()
    sizes = [len(c.params["ParameterNameValues"]) for c in e.writes()
             if c.operation == "ModifyCacheParameterGroup"]  # fmt: skip
    assert max(sizes) == 20
    assert sum(sizes) == said.count(":")


@pytest.mark.case(128, "rule")
def test_ready_and_changed_again_only_when_all_nodes_are(e: Estate) -> None:
    e.wanting(spec("main", ("cache.m7g.large", "cache.m7g.xlarge")))
    e.run()
    while e.shown("main")["Status"] != "available":
        e.later(20)
    assert {n["CacheClusterStatus"] for n in e.nodes("main")} == {"modifying"}
    e.wanting(spec("main", ("cache.m7g.large", "cache.m7g.xlarge"), ("The cache", "Another")))
    report = e.run()
    seen = report.assessments["ReplicationGroup/main"]
    assert (seen.readiness.state, seen.readiness.reason) == ("in-progress", "NodesNotAvailable")
    assert len(e.modified()) == 1
    assert not [c for c in e.writes() if c.error]
    assert e.done("main")["Description"] == "Another"
    assert len(e.modified()) == 2


REFUSED = [
    (116, "ReplicationGroup", 'cacheNodeType: cache.t4g.small, primaryAvailabilityZone: "a"',
     "moves with each failover"),
    (116, "ReplicationGroup", "cacheNodeType: cache.t4g.small, nodeGroupConfiguration: []",
     "AWS spreads slots and nodes"),
    (120, "ReplicationGroup", "cacheNodeType: cache.t4g.small, securityGroupNames: [default]",
     "EC2-Classic is gone"),
    (120, "ReplicationGroup", "cacheNodeType: cache.t4g.small, cacheSecurityGroupNames: [default]",
     "EC2-Classic is gone"),
    (122, "User", "engine: REDIS", "unknown kind User"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "said", "says"),
    [pytest.param(*row, marks=pytest.mark.case(number, "refused")) for number, *row in REFUSED],
)
def test_what_is_not_modelled_is_refused_in_clear_words(kind: str, said: str, says: str) -> None:
    with pytest.raises(DesiredStateError) as caught:
        load(environment(resource(kind, "main", said)).encode(), "refused.yaml")
    (problem,) = [p for p in caught.value.problems if says in p.message]
    assert problem.line
