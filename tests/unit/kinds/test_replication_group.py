"""ReplicationGroup: what may be written, what AWS's words mean, the smallest call for a change."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from controller.aws import Aws, AwsFailure
from controller.diff import Change
from controller.fields import fields_of
from controller.handler import Absent, Action, Present
from controller.kindlib.elasticache_document import MARK, OF_MEMBERS
from controller.kindlib.elasticache_observe import observed
from controller.kinds.replication_group import ReplicationGroupHandler
from controller.manifest import dump
from controller.policies import Doc
from tests.unit.kinds.kit import changes, differing, planned, recorded, target

HANDLER = ReplicationGroupHandler()
SPEC: Doc = {
    "engineVersion": "7.1",
    "cacheNodeType": "cache.t4g.small",
    "authToken": "${Secret.redis.value@v1}",
    "cacheSubnetGroupName": "test-main",
    "securityGroupIds": ["sg-11111111"],
}
ARN = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:test-x"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
BORN = datetime(2026, 11, 1, 12, 0, 5, tzinfo=UTC)
TAGS = {"plumbline:environment": "test", "plumbline:resource": "ReplicationGroup/x"}
ENDPOINT = {"Address": "master.test-x.abc.euc1.cache.amazonaws.com", "Port": 6379}
SLOW_LOG = {"slow-log": {"destination": "slow"}}
SHOWN_LOG = {
    "LogType": "slow-log",
    "DestinationType": "cloudwatch-logs",
    "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "slow"}},
    "LogFormat": "json",
}


def nodes(count: int) -> list[Doc]:
    return [{"CacheClusterId": f"test-x-{n + 1:03}", "CacheNodeId": "0001"} for n in range(count)]


def group(**more: Any) -> Doc:
    """The group of `SPEC` as AWS shows it, with all that it fills in."""
    shown: Doc = {
        "ReplicationGroupId": "test-x",
        "Description": "Plumbline: ReplicationGroup/x",
        "GlobalReplicationGroupInfo": {},
        "Status": "available",
        "PendingModifiedValues": {},
        "MemberClusters": ["test-x-001", "test-x-002"],
        "NodeGroups": [
            {"NodeGroupId": "0001", "Status": "available", "PrimaryEndpoint": ENDPOINT,
             "ReaderEndpoint": {**ENDPOINT, "Address": "replica.test-x"},
             "NodeGroupMembers": nodes(2)}
        ],
        "SnapshottingClusterId": "test-x-002",
        "AutomaticFailover": "enabled",
        "MultiAZ": "enabled",
        "SnapshotRetentionLimit": 7,
        "SnapshotWindow": "09:00-10:00",
        "ClusterEnabled": False,
        "ClusterMode": "disabled",
        "CacheNodeType": "cache.t4g.small",
        "AuthTokenEnabled": True,
        "AuthTokenLastModifiedDate": BORN,
        "TransitEncryptionEnabled": True,
        "TransitEncryptionMode": "required",
        "AtRestEncryptionEnabled": True,
        "ARN": ARN,
        "LogDeliveryConfigurations": [],
        "ReplicationGroupCreateTime": BORN,
        "DataTiering": "disabled",
        "AutoMinorVersionUpgrade": True,
        "NetworkType": "ipv4",
        "IpDiscovery": "ipv4",
        "Engine": "redis",
    }  # fmt: skip
    return {**shown, **more}


def node(name: str, **more: Any) -> Doc:
    shown: Doc = {
        "CacheClusterId": name,
        "ReplicationGroupId": "test-x",
        "CacheClusterStatus": "available",
        "CacheNodeType": "cache.t4g.small",
        "Engine": "redis",
        "EngineVersion": "7.1.0",
        "PreferredMaintenanceWindow": "tue:01:00-tue:02:00",
        "PendingModifiedValues": {},
        "CacheParameterGroup": {"CacheParameterGroupName": "default.redis7",
                                "ParameterApplyStatus": "in-sync", "CacheNodeIdsToReboot": []},
        "CacheSubnetGroupName": "test-main",
        "SecurityGroups": [{"SecurityGroupId": "sg-11111111", "Status": "active"}],
    }  # fmt: skip
    return {**shown, **more}


def seen(member: Doc | None = None, tags: Doc | None = None, asked: Doc | None = None,
         **more: Any) -> Present:  # fmt: skip
    """The group with its two nodes, all of them with the changes in `member`."""
    doc: Doc = {
        "group": group(**more),
        "members": [node(name, **(member or {})) for name in ("test-x-001", "test-x-002")],
        "tags": {**TAGS, **(tags or {})},
    }
    return Present({**doc, "asked": asked} if asked else doc)


def wanting(shown: Present, **spec: Any) -> Present:
    """As observed for a target of that spec."""
    return Present({**shown.doc, "wanted": aim(**spec).spec})


def aim(**more: Any) -> Any:
    """The target of `SPEC` with changes; None takes a field out."""
    return target(HANDLER, "test-x", {k: v for k, v in {**SPEC, **more}.items() if v is not None})


def sent(action: Action) -> Doc:
    """What an action sends beside the name."""
    return {k: v for k, v in action.params.items() if k != "ReplicationGroupId"}


def said_of(spec: Doc) -> str:
    """What is said against making such a group; empty if nothing."""
    try:
        made = HANDLER.spec.model_validate(spec)
    except ValidationError as error:
        return str(error)
    return HANDLER.incomplete(dump(made))


def found(spec: Doc, shown: Present, last: Doc | None = None) -> dict[str, Change]:
    """Changes by path."""
    return {c.path: c for c in changes(HANDLER, aim(**spec), shown, last)}


# --- what may be written ---


def test_a_few_lines_are_a_safe_cache() -> None:
    (create,) = planned(HANDLER, aim(), Absent())
    assert create.creates
    assert create.params == {
        "ReplicationGroupId": "test-x",
        "ReplicationGroupDescription": "Plumbline: ReplicationGroup/x",
        "Engine": "redis",
        "EngineVersion": "7.1",
        "CacheNodeType": "cache.t4g.small",
        "NumCacheClusters": 2,
        "AutomaticFailoverEnabled": True,
        "MultiAZEnabled": True,
        "TransitEncryptionEnabled": True,
        "AtRestEncryptionEnabled": True,
        "AuthToken": "${Secret.redis.value@v1}",
        "SnapshotRetentionLimit": 7,
        "CacheSubnetGroupName": "test-main",
        "SecurityGroupIds": ["sg-11111111"],
        "AutoMinorVersionUpgrade": True,
        "Tags": [{"Key": k, "Value": v} for k, v in sorted(TAGS.items())],
    }


def test_shards_and_logs_at_creation() -> None:
    spec = {"clusterMode": "enabled", "numNodeGroups": 3, "logDelivery": SLOW_LOG,
            "authToken": None, "userGroupIds": ["app"], "port": 6380,
            "notificationTopicArn": TOPIC}  # fmt: skip
    (create,) = planned(HANDLER, aim(**spec), Absent())
    assert create.params["ClusterMode"] == "enabled"
    assert (create.params["NumNodeGroups"], create.params["ReplicasPerNodeGroup"]) == (3, 1)
    assert "NumCacheClusters" not in create.params
    assert create.params["LogDeliveryConfigurations"] == [SHOWN_LOG]
    assert create.params["UserGroupIds"] == ["app"]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"engine": "memcached"}, "redis"),
        ({"engineVersion": "7"}, "major.minor"),
        ({"engineVersion": "7.1.0"}, "major.minor"),
        ({"engineVersion": 7.1}, "in quotes"),
        ({"engine": "valkey", "engineVersion": "8"}, "major.minor, as 8.0"),
        ({"engine": "valkey", "engineVersion": "6.2"}, "valkey begins with 7.2"),
        ({"cacheNodeType": None}, "cacheNodeType: is needed"),
        ({"allowUnauthenticated": True}, "allowUnauthenticated: true and authToken exclude"),
        ({"replicaConfiguration": {"0002": 2}}, "need clusterMode: enabled"),
        ({"replicaConfiguration": {"shard": 2}, "clusterMode": "enabled"}, "node group's id"),
        ({"preferredCacheClusterAZs": ["a"]}, "one for each node"),
        ({"durability": "sync"}, "needs valkey 9.0"),
        ({"ipDiscovery": "ipv6"}, "needs networkType: ipv6"),
        ({"snapshotWindow": "03:00-05:00", "preferredMaintenanceWindow": "sun:04:00-sun:05:00"},
         "must not overlap"),
        ({"cacheSecurityGroupNames": ["default"]}, "EC2-Classic is gone"),
        ({"nodeGroupConfiguration": [{}]}, "AWS spreads slots"),
        ({"cacheNodeType": "t4g.small"}, "cache.t4g.small"),
        ({"cacheNodeType": "cache.r6gd.xlarge"}, "r6gd"),
        ({"dataTieringEnabled": True}, "r6gd"),
        ({"replicasPerNodeGroup": 0}, "at least 1"),
        ({"replicasPerNodeGroup": 6}, "5"),
        ({"numCacheClusters": 3, "replicasPerNodeGroup": 1}, "differ"),
        ({"numCacheClusters": 7}, "6"),
        ({"numCacheClusters": "${ssm:/n}"}, "replicasPerNodeGroup"),
        ({"numCacheClusters": 2, "numNodeGroups": 2, "clusterMode": "enabled"}, "one shard"),
        ({"numNodeGroups": 2}, "clusterMode: enabled"),
        ({"automaticFailoverEnabled": False}, "needs automaticFailoverEnabled"),
        ({"clusterMode": "enabled", "automaticFailoverEnabled": False, "multiAZ": False},
         "can't be false"),
        ({"transitEncryptionEnabled": False}, "authToken: needs transitEncryptionEnabled"),
        ({"transitEncryptionEnabled": False, "authToken": None}, "allowUnauthenticated"),
        ({"transitEncryptionEnabled": False, "transitEncryptionMode": "required",
          "authToken": None, "allowUnauthenticated": True}, "means nothing"),
        ({"transitEncryptionMode": "preferred"}, "needs transitEncryptionMode: required"),
        ({"authToken": None}, "authToken or userGroupIds is needed"),
        ({"authToken": "hunter2"}, "never stand in the file"),
        ({"userGroupIds": ["app"]}, "exclude each other"),
        ({"kmsKeyId": "alias/mine"}, "not an alias"),
        ({"kmsKeyId": "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f", "atRestEncryptionEnabled": False},
         "means nothing"),
        ({"snapshotRetentionLimit": 36}, "35"),
        ({"snapshotWindow": "03:00-03:30"}, "at least 60 minutes"),
        ({"preferredMaintenanceWindow": "sun:03:00-sun:03:30"}, "at least 60 minutes"),
        ({"port": 80}, "1024"),
        ({"logDelivery": {"audit-log": {"destination": "x"}}}, "slow-log"),
        ({"numCacheNodes": 2}, "Extra inputs"),
    ],
)  # fmt: skip
def test_refuses_at_load_what_aws_would_refuse(spec: Doc, says: str) -> None:
    given = {k: v for k, v in {**SPEC, **spec}.items() if v is not None}
    assert re.search(says, said_of(given))


def test_what_a_reference_will_say_is_judged_once_it_is_known() -> None:
    later = {n: "${ssm:/later}" for n in fields_of(HANDLER.spec).members
             if n not in ("authToken", "numCacheClusters", "tags")}  # fmt: skip
    assert said_of(later) == ""
    assert said_of({**later, "authToken": SPEC["authToken"], "allowUnauthenticated": False}) == ""
    known = {**later, "networkType": "ipv4", "multiAZ": True, "automaticFailoverEnabled": False}
    assert said_of(known) == "multiAZ: needs automaticFailoverEnabled: true"
    bare = replace(aim(), spec=dump(HANDLER.spec.model_validate(later)))
    shown = Present({**sharded(2, 3).doc, "wanted": bare.spec})
    assert "numNodeGroups" in HANDLER.to_spec(shown.doc)
    assert {c.cls for c in changes(HANDLER, bare, shown) if c.wanted == "${ssm:/later}"} == {
        "unknown"
    }


def test_two_spellings_of_one_number() -> None:
    """Case 115."""
    assert aim(numCacheClusters=3).spec["replicasPerNodeGroup"] == 2
    again = HANDLER.spec.model_validate(aim(numCacheClusters=3).spec)
    assert again == HANDLER.spec.model_validate({**aim().spec, "numCacheClusters": 3,
                                                 "replicasPerNodeGroup": 2})  # fmt: skip
    alone = {"numCacheClusters": 1, "automaticFailoverEnabled": False, "multiAZ": False}
    assert aim(**alone).spec["replicasPerNodeGroup"] == 0
    assert changes(HANDLER, aim(numCacheClusters=2), seen()) == []


# --- what AWS's words mean ---

MEMBERS = [
    cluster
    for _, reply in recorded("elasticache", "elasticache", "DescribeCacheClusters")
    for cluster in reply["CacheClusters"]
]


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(shown, id=f"{name}-{shown['ReplicationGroupId']}")
        for name, reply in recorded("elasticache", "elasticache", "DescribeReplicationGroups")
        for shown in reply["ReplicationGroups"]
    ],
)
def test_recorded_groups_import_and_hold_still(shown: Doc) -> None:
    members = {c["CacheClusterId"]: c for c in MEMBERS
               if c.get("ReplicationGroupId") == shown["ReplicationGroupId"]}  # fmt: skip
    doc = {"group": shown, "members": list(members.values()), "tags": {}}
    spec = HANDLER.to_spec(doc)
    assert HANDLER.output(doc)["name"] == shown["ReplicationGroupId"]
    HANDLER.readiness(doc)
    HANDLER.pending(doc)
    HANDLER.modifiable(doc)
    if shown["Status"] == "deleting":
        return
    spec["allowUnauthenticated"] = not shown.get("AuthTokenEnabled")
    imported = target(HANDLER, shown["ReplicationGroupId"], spec)
    unknown = {} if members else dict.fromkeys((*OF_MEMBERS, "engine", "autoMinorVersionUpgrade"),
                                               "not recorded")  # fmt: skip
    told = changes(HANDLER, imported, Present(doc, unknown))
    assert {c.path for c in told if c.cls != "unknown" and c.top != "tags"} == set()


def test_as_created_there_is_nothing_to_do() -> None:
    assert changes(HANDLER, aim(), seen()) == []


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        pytest.param({}, seen({"EngineVersion": "7.1.3"}), id="102 prefix"),
        pytest.param({"engineVersion": "6.x"}, seen({"EngineVersion": "6.2.6"}), id="102 x"),
        pytest.param({"engineVersion": "7.0"}, seen(), id="61 minor upgrade"),
        pytest.param({"engineVersion": None}, seen(), id="103 undeclared"),
        pytest.param({"cacheSubnetGroupName": "Test-Main"}, seen(), id="105 subnet group"),
        pytest.param(
            {"authToken": None, "userGroupIds": ["App"]}, seen(UserGroupIds=["app"]),
            id="105 user group",
        ),
        pytest.param(
            {}, seen(AutoMinorVersionUpgrade=False, AutomaticFailover="disabled",
                     CacheNodeType="cache.r6g.large",
                     GlobalReplicationGroupInfo={"GlobalReplicationGroupId": "g"}),
            id="108 109 global datastore",
        ),
        pytest.param(
            {"clusterMode": "disabled", "ipDiscovery": "ipv4", "networkType": "ipv4",
             "dataTieringEnabled": False, "port": 6379}, seen(), id="118 defaults written out",
        ),
        pytest.param({}, seen(SnapshotWindow="01:00-02:00"), id="119 window"),
        pytest.param({"cacheParameterGroupName": "Mine"},
                     seen({"CacheParameterGroup": {"CacheParameterGroupName": "mine"}}),
                     id="105 parameter group"),
        pytest.param({}, seen(ARN=ARN.upper(), Durability="default"), id="unknown members"),
        pytest.param({"logDelivery": SLOW_LOG},
                     seen(LogDeliveryConfigurations=[{**SHOWN_LOG, "Status": "active"}]),
                     id="logs"),
        pytest.param({}, seen(tags={MARK: "v1.1"}), id="our own mark"),
    ],
)  # fmt: skip
def test_echoes_are_no_difference(spec: Doc, shown: Present) -> None:
    assert {c.cls for c in found(spec, shown).values()} <= {"owned"}


@pytest.mark.parametrize(
    ("spec", "shown", "path", "cls"),
    [
        ({}, seen(AutomaticFailover="disabled"), "automaticFailoverEnabled", "differs"),
        ({}, seen(MultiAZ="disabled"), "multiAZ", "differs"),
        ({}, seen(TransitEncryptionMode="preferred"), "transitEncryptionMode", "differs"),
        ({}, seen(SnapshotRetentionLimit=0), "snapshotRetentionLimit", "differs"),
        ({}, seen(UserGroupIds=["theirs"]), "userGroupIds", "differs"),
        ({}, seen({"SecurityGroups": [{"SecurityGroupId": "sg-6", "Status": "active"}]}),
         "securityGroupIds", "differs"),
        ({"engineVersion": "6.2"}, seen(), "engineVersion", "differs"),
        ({}, seen({"CacheParameterGroup": {"CacheParameterGroupName": "theirs"}}),
         "cacheParameterGroupName", "undeclared"),
        ({}, seen({"NotificationConfiguration": {"TopicArn": TOPIC, "TopicStatus": "active"}}),
         "notificationTopicArn", "undeclared"),
        ({"notificationTopicArn": TOPIC},
         seen({"NotificationConfiguration": {"TopicArn": TOPIC, "TopicStatus": "inactive"}}),
         "notificationTopicArn", "differs"),
        ({"logDelivery": {}}, seen(LogDeliveryConfigurations=[SHOWN_LOG]),
         "logDelivery[slow-log]", "differs"),
        ({}, seen(AtRestEncryptionEnabled=False), "atRestEncryptionEnabled", "immutable"),
        ({"port": 6380}, seen(), "port", "immutable"),
    ],
)  # fmt: skip
def test_differences(spec: Doc, shown: Present, path: str, cls: str) -> None:
    assert found(spec, shown)[path].cls == cls


@pytest.mark.parametrize(
    ("spec", "shown", "path"),
    [
        ({}, seen(AutomaticFailover="enabling"), "automaticFailoverEnabled"),
        ({"automaticFailoverEnabled": False, "multiAZ": False},
         seen(AutomaticFailover="disabling", MultiAZ="disabled"), "automaticFailoverEnabled"),
        ({"engineVersion": "7.1"},
         seen({"EngineVersion": "6.2.6", "PendingModifiedValues": {"EngineVersion": "7.1.0"}}),
         "engineVersion"),
        ({}, seen(Status="modifying", CacheNodeType="cache.t4g.micro",
                  asked={"cacheNodeType": "cache.t4g.small"}), "cacheNodeType"),
        ({"authToken": None, "userGroupIds": ["app"]},
         seen(PendingModifiedValues={"UserGroups": {"UserGroupIdsToAdd": ["app"]}}),
         "userGroupIds"),
        ({"logDelivery": SLOW_LOG},
         seen(LogDeliveryConfigurations=[{**SHOWN_LOG, "Status": "enabling"}]),
         "logDelivery[slow-log]"),
    ],
)  # fmt: skip
def test_what_aws_has_accepted_is_in_flight(spec: Doc, shown: Present, path: str) -> None:
    """Cases 57, 109, 114."""
    assert found(spec, shown)[path].cls == "in_flight"


@pytest.mark.parametrize(
    ("shown", "state", "reason"),
    [
        (seen(), "ready", "Ready"),
        (seen(Status="creating"), "in-progress", "Creating"),
        (seen({"CacheClusterStatus": "modifying"}), "in-progress", "NodesNotAvailable"),
        (seen({"CacheClusterStatus": "snapshotting"}, Status="snapshotting"), "ready", "Ready"),
        (seen(Status="create-failed"), "failed", "CreateFailed"),
        (seen({"CacheClusterStatus": "incompatible-network"}), "failed", "IncompatibleNetwork"),
        (seen({"CacheParameterGroup": {"CacheNodeIdsToReboot": ["0001"]}}), "ready", "NeedsReboot"),
        (seen(LogDeliveryConfigurations=[{**SHOWN_LOG, "Status": "error"}]), "ready",
         "LogDeliveryFailed"),
    ],
)  # fmt: skip
def test_readiness(shown: Present, state: str, reason: str) -> None:
    """Case 128: ready when every node is."""
    told = HANDLER.readiness(shown.doc)
    assert (told.state, told.reason) == (state, reason)


def test_modified_only_when_all_are_available() -> None:
    assert HANDLER.modifiable(seen().doc) == ""
    assert "modifying" in HANDLER.modifiable(seen(Status="modifying").doc)
    assert "test-x-001" in HANDLER.modifiable(seen({"CacheClusterStatus": "modifying"}).doc)


def test_outputs() -> None:
    assert HANDLER.output(seen().doc) == {
        "name": "test-x",
        "arn": ARN,
        "primaryEndpoint": {"address": ENDPOINT["Address"], "port": 6379},
        "readerEndpoint": {"address": "replica.test-x", "port": 6379},
    }
    cluster = seen(NodeGroups=[], ConfigurationEndpoint=ENDPOINT)
    assert set(HANDLER.output(cluster.doc)) == {"name", "arn", "configurationEndpoint"}


class Quiet(Aws):
    """An AWS in which only tags can be asked for."""

    environments = ()
    trust = None

    def __init__(self) -> None:
        self.asked: list[str] = []

    def once(self, key: Any, make: Any) -> Any:
        return {}

    def read(self, service: str, operation: str, params: Any = None) -> Any:
        self.asked.append(operation)
        return {"TagList": [{"Key": k, "Value": v} for k, v in TAGS.items()]}


def test_what_only_nodes_show_is_unknown_without_them() -> None:
    """Case 101: absent is not empty."""
    failure = AwsFailure("denied", "AccessDenied", "no", "elasticache:DescribeCacheClusters")
    for clusters in (failure, []):
        present = observed(Quiet(), aim(), group(), clusters)
        assert isinstance(present, Present)
        assert set(OF_MEMBERS) <= set(present.unknown)
        told = changes(HANDLER, aim(), present)
        assert {c.path for c in told} == {"engineVersion", "cacheSubnetGroupName",
                                          "securityGroupIds"}  # fmt: skip
        assert {c.cls for c in told} == {"unknown"}


def test_nodes_are_joined_by_their_group() -> None:
    aws = Quiet()
    clusters = [node("test-x-002"), node("other-001", ReplicationGroupId="other"),
                node("test-x-001"), {"CacheClusterId": "memcached"}]  # fmt: skip
    present = observed(aws, aim(), group(), clusters)
    assert isinstance(present, Present)
    names = [m["CacheClusterId"] for m in present.doc["members"]]
    assert names == ["test-x-001", "test-x-002"]
    assert "asked" not in present.doc
    busy = observed(aws, aim(), group(Status="modifying"), clusters)
    assert isinstance(busy, Present)
    assert busy.doc["asked"]["cacheNodeType"] == "cache.t4g.small"


def test_one_node_that_somebody_changed_is_seen() -> None:
    """Of three: an import of nodes that differ has to hold still, too."""
    theirs = {"PreferredMaintenanceWindow": "sun:03:00-sun:04:00", "SecurityGroups": []}
    shown = {**seen().doc, "members": [node("a"), node("b", **theirs), node("c")]}
    window = {"preferredMaintenanceWindow": "tue:01:00-tue:02:00"}
    told = found(window, Present(shown))
    assert set(told) == {"preferredMaintenanceWindow", "securityGroupIds"}
    busy = [*shown["members"][::2], node("b", **theirs, CacheClusterStatus="creating")]
    assert found(window, Present({**shown, "members": busy})) == {}


class Scaled(Quiet):
    """An AWS in which Application Auto Scaling has a target."""

    def __init__(self, *targets: Doc, failure: AwsFailure | None = None) -> None:
        super().__init__()
        self.targets, self.failure = targets, failure

    def pages(self, service: str, operation: str, items: str, params: Any = None) -> list[Any]:
        self.asked.append(operation)
        assert params == {"ServiceNamespace": "elasticache",
                          "ResourceIds": ["replication-group/test-x"]}  # fmt: skip
        if self.failure:
            raise self.failure
        return list(self.targets)


def scaled(aws: Scaled, **more: Any) -> dict[str, str]:
    """What is said of a group in cluster mode with three shards, where one is desired."""
    shown = sharded(2, 2, 2).doc
    present = observed(aws, aim(**SCALABLE), {**shown["group"], **more}, shown["members"])
    assert isinstance(present, Present)
    return {c.path: c.cls for c in changes(HANDLER, aim(**SCALABLE), present)}


SCALABLE = {"clusterMode": "enabled"}
SHARDS = {"ScalableDimension": "elasticache:replication-group:NodeGroups", "MinCapacity": 1,
          "MaxCapacity": 5}  # fmt: skip


def test_shards_within_the_bounds_of_autoscaling_are_its_own() -> None:
    assert scaled(Scaled(SHARDS)) == {"numNodeGroups": "owned"}
    assert scaled(Scaled({**SHARDS, "MaxCapacity": 2})) == {"numNodeGroups": "differs"}
    assert scaled(Scaled()) == {"numNodeGroups": "differs"}
    denied = AwsFailure("denied", "AccessDenied", "no", "application-autoscaling:Describe")
    assert scaled(Scaled(failure=denied)) == {"numNodeGroups": "unknown"}


def test_autoscaling_is_asked_for_only_where_a_size_differs() -> None:
    aws = Scaled(SHARDS)
    shown = sharded(2).doc
    observed(aws, aim(**SCALABLE), shown["group"], shown["members"])
    observed(aws, aim(), {**shown["group"], "ClusterEnabled": False}, shown["members"])
    assert "DescribeScalableTargets" not in aws.asked


# --- the smallest call ---


@pytest.mark.parametrize(
    ("spec", "params", "risk"),
    [
        ({"description": "cache"}, {"ReplicationGroupDescription": "cache"}, "safe"),
        ({"autoMinorVersionUpgrade": False}, {"AutoMinorVersionUpgrade": False}, "safe"),
        ({"multiAZ": False}, {"MultiAZEnabled": False, "ApplyImmediately": True}, "safe"),
        ({"snapshotRetentionLimit": 14}, {"SnapshotRetentionLimit": 14}, "safe"),
        ({"snapshotRetentionLimit": 3}, {"SnapshotRetentionLimit": 3}, "irreversible"),
        ({"snapshotRetentionLimit": 0}, {"SnapshotRetentionLimit": 0}, "destructive"),
        ({"snapshotWindow": "02:00-03:00"}, {"SnapshotWindow": "02:00-03:00"}, "safe"),
        ({"preferredMaintenanceWindow": "sun:03:00-sun:04:00"},
         {"PreferredMaintenanceWindow": "sun:03:00-sun:04:00"}, "safe"),
        ({"securityGroupIds": ["sg-22222222"]}, {"SecurityGroupIds": ["sg-22222222"]}, "safe"),
        ({"cacheParameterGroupName": "mine"},
         {"CacheParameterGroupName": "mine", "ApplyImmediately": True}, "safe"),
        ({"notificationTopicArn": TOPIC},
         {"NotificationTopicArn": TOPIC, "NotificationTopicStatus": "active"}, "safe"),
        ({"logDelivery": SLOW_LOG}, {"LogDeliveryConfigurations": [SHOWN_LOG]}, "safe"),
        ({"cacheNodeType": "cache.m7g.large"},
         {"CacheNodeType": "cache.m7g.large", "ApplyImmediately": True}, "disruptive"),
        ({"engine": "valkey", "engineVersion": "8.0"},
         {"Engine": "valkey", "EngineVersion": "8.0", "ApplyImmediately": True}, "irreversible"),
        ({"engine": "valkey", "engineVersion": "8.0", "cacheParameterGroupName": "valkey8"},
         {"Engine": "valkey", "EngineVersion": "8.0", "CacheParameterGroupName": "valkey8",
          "ApplyImmediately": True}, "irreversible"),
        ({"clusterMode": "compatible"}, {"ClusterMode": "compatible", "ApplyImmediately": True},
         "disruptive"),
        ({"replicasPerNodeGroup": 2}, {"NewReplicaCount": 2, "ApplyImmediately": True}, "safe"),
    ],
)  # fmt: skip
def test_one_change_is_the_smallest_call(spec: Doc, params: Doc, risk: str) -> None:
    """Case 113: nothing is sent that did not change."""
    (action,) = planned(HANDLER, aim(**spec), seen())
    assert sent(action) == params
    assert action.risk == risk


def test_a_log_of_others_is_switched_off() -> None:
    shown = seen(LogDeliveryConfigurations=[{**SHOWN_LOG, "LogType": "engine-log"}])
    (action,) = planned(HANDLER, aim(logDelivery=SLOW_LOG), shown)
    assert sent(action)["LogDeliveryConfigurations"] == [
        SHOWN_LOG,
        {"LogType": "engine-log", "Enabled": False},
    ]


def test_snapshots_are_switched_on_with_a_source() -> None:
    shown = seen(SnapshotRetentionLimit=0, SnapshottingClusterId=None)
    (action,) = planned(HANDLER, aim(), shown)
    assert sent(action) == {"SnapshotRetentionLimit": 7, "SnapshottingClusterId": "test-x-002"}


def test_replicas_come_before_failover_and_go_by_their_own_call() -> None:
    alone = seen(
        AutomaticFailover="disabled", MultiAZ="disabled",
        NodeGroups=[{"PrimaryEndpoint": ENDPOINT, "NodeGroupMembers": nodes(1)}],
    )  # fmt: skip
    grow, modify = planned(HANDLER, aim(), alone)
    assert grow.operation == "IncreaseReplicaCount"
    assert modify.after == (grow.step,)
    assert sent(modify) == {"AutomaticFailoverEnabled": True, "MultiAZEnabled": True,
                            "ApplyImmediately": True}  # fmt: skip
    many = seen(NodeGroups=[{"PrimaryEndpoint": ENDPOINT, "NodeGroupMembers": nodes(4)}])
    (shrink,) = planned(HANDLER, aim(), many)
    assert (shrink.operation, shrink.risk) == ("DecreaseReplicaCount", "disruptive")
    assert shrink.params["NewReplicaCount"] == 1


def sharded(*sizes: int) -> Present:
    """A group in cluster mode with shards of so many nodes."""
    shown = [
        {"NodeGroupId": f"{n:04}", "NodeGroupMembers": nodes(size)}
        for n, size in enumerate(sizes, 1)
    ]
    return seen(
        ClusterEnabled=True, ClusterMode="enabled", NodeGroups=shown,
        ConfigurationEndpoint=ENDPOINT,
    )  # fmt: skip


def test_more_shards_and_fewer() -> None:
    cluster = {"clusterMode": "enabled"}
    (action,) = planned(HANDLER, aim(**cluster, numNodeGroups=2), sharded(2))
    assert action.operation == "ModifyReplicationGroupShardConfiguration"
    assert sent(action) == {"NodeGroupCount": 2, "ApplyImmediately": True}
    (action,) = planned(HANDLER, aim(**cluster, numNodeGroups=1), sharded(2, 2, 2))
    assert sent(action) == {"NodeGroupCount": 1, "NodeGroupsToRemove": ["0002", "0003"],
                            "ApplyImmediately": True}  # fmt: skip
    assert action.risk == "disruptive"


def test_a_shard_of_another_size_is_named_and_mended_alone() -> None:
    spec = {"clusterMode": "enabled", "numNodeGroups": 3}
    shown = sharded(2, 3, 2)
    assert set(found(spec, shown)) == {"replicaConfiguration[0002]"}
    (action,) = planned(HANDLER, aim(**spec), shown)
    assert action.operation == "DecreaseReplicaCount"
    assert sent(action)["ReplicaConfiguration"] == [{"NodeGroupId": "0002", "NewReplicaCount": 1}]
    assert found({**spec, "replicaConfiguration": {"0002": 2}}, shown) == {}
    two = {**spec, "replicasPerNodeGroup": 2, "replicaConfiguration": {"0001": 1, "0003": 3}}
    assert found(two, wanting(sharded(2, 3, 4), **two)) == {}
    assert set(found(two, wanting(sharded(2, 4, 4), **two))) == {"replicasPerNodeGroup"}
    grow, shrink = planned(HANDLER, aim(**two), wanting(sharded(3, 2, 3), **two))
    assert [a.operation for a in (grow, shrink)] == ["IncreaseReplicaCount", "DecreaseReplicaCount"]
    assert sent(grow)["ReplicaConfiguration"] == [
        {"NodeGroupId": "0002", "NewReplicaCount": 2},
        {"NodeGroupId": "0003", "NewReplicaCount": 3},
    ]
    assert sent(shrink)["ReplicaConfiguration"] == [{"NodeGroupId": "0001", "NewReplicaCount": 1}]


def test_tls_goes_on_and_off_by_way_of_preferred() -> None:
    plain: Doc = {"authToken": None, "allowUnauthenticated": True}
    off = seen(TransitEncryptionEnabled=False, TransitEncryptionMode=None)
    (action,) = planned(HANDLER, aim(**plain), off)
    assert sent(action) == {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred",
                            "ApplyImmediately": True}  # fmt: skip
    (action,) = planned(HANDLER, aim(**plain), seen(TransitEncryptionMode="preferred"))
    assert sent(action) == {"TransitEncryptionMode": "required", "ApplyImmediately": True}
    without = {**plain, "transitEncryptionEnabled": False}
    (action,) = planned(HANDLER, aim(**without), seen())
    assert sent(action) == {"TransitEncryptionMode": "preferred", "ApplyImmediately": True}
    (action,) = planned(HANDLER, aim(**without), seen(TransitEncryptionMode="preferred"))
    assert sent(action) == {"TransitEncryptionEnabled": False, "ApplyImmediately": True}


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ({"engineVersion": "6.2"}, seen()),
        ({"engineVersion": "7.1"}, seen({"Engine": "valkey", "EngineVersion": "8.0.1"},
                                        Engine="valkey")),
        ({"clusterMode": "enabled"}, seen()),
    ],
)  # fmt: skip
def test_what_no_call_can_make_is_not_planned(spec: Doc, shown: Present) -> None:
    assert differing(changes(HANDLER, aim(**spec), shown))
    assert planned(HANDLER, aim(**spec), shown) == []


def test_others_pending_changes_are_not_flushed() -> None:
    shown = seen({"PendingModifiedValues": {"EngineVersion": "7.2.0"}})
    (action,) = planned(HANDLER, aim(cacheNodeType="cache.m7g.large", engineVersion=None), shown)
    assert sent(action) == {"CacheNodeType": "cache.m7g.large"}
    assert "EngineVersion" in action.note


# --- rotating the token ---


def rotation(shown: Present) -> list[Action]:
    """What is planned for version v1 where v0 was last sent."""
    last = {**aim().spec, "authToken": "${Secret.redis.value@v0}"}
    todo = [c for c in changes(HANDLER, aim(), shown, last) if c.cls == "write_only_stale"]
    return HANDLER.plan(aim(), shown, todo)


def test_a_new_token_is_added_then_left_alone() -> None:
    """Case 112: ROTATE, and in a later pass SET, by what a tag remembers."""
    stamp = int(BORN.timestamp())
    mark, rotate, settle = rotation(seen())
    assert mark.params == {"ResourceName": ARN, "Tags": [{"Key": MARK, "Value": f"v1.{stamp}"}]}
    assert sent(rotate) == {"AuthToken": "${Secret.redis.value@v1}", "ApplyImmediately": True,
                            "AuthTokenUpdateStrategy": "ROTATE"}  # fmt: skip
    assert (rotate.after, settle.after) == (("auth-mark",), ("auth-rotate",))
    assert (rotate.changes, settle.changes) == ((), ("authToken",))
    assert (rotate.risk, settle.risk) == ("safe", "disruptive")
    later = BORN.replace(minute=9)
    then = int(later.timestamp())
    mark, settle = rotation(seen(tags={MARK: f"v1.{stamp}"}, AuthTokenLastModifiedDate=later))
    assert mark.params["Tags"] == [{"Key": MARK, "Value": f"v1.{then}.set"}]
    assert settle.params["AuthTokenUpdateStrategy"] == "SET"
    assert settle.after == ("auth-set-mark",)
    (settle,) = rotation(seen(tags={MARK: f"v1.{then}.set"}, AuthTokenLastModifiedDate=later))
    assert (settle.step, settle.after) == ("auth-set", ())


def test_a_set_that_was_made_and_not_noted_is_noted_without_a_call() -> None:
    """AWS takes no second SET."""
    stamp = int(BORN.timestamp())
    later = seen(tags={MARK: f"v1.{stamp}.set"}, AuthTokenLastModifiedDate=BORN.replace(minute=9))
    (settle,) = rotation(later)
    assert (settle.changes, settle.risk) == (("authToken",), "safe")
    aws = Busy()
    assert HANDLER.apply(aws, aim(), settle, dict(settle.params)) == {}
    assert aws.written == []


def test_a_first_token_is_demanded_only_once_it_is_set() -> None:
    """Between ROTATE and SET, AUTH is on and clients without a token still get in."""
    stamp = int(BORN.timestamp())
    nobody = seen(AuthTokenEnabled=False, AuthTokenLastModifiedDate=None)
    assert found({}, nobody)["allowUnauthenticated"].cls == "differs"
    mark, rotate, settle = planned(HANDLER, aim(), nobody)
    assert mark.params["Tags"] == [{"Key": MARK, "Value": "v1.0.open"}]
    assert rotate.params["AuthTokenUpdateStrategy"] == "ROTATE"
    assert settle.changes == ("allowUnauthenticated",)
    rotated = seen(tags={MARK: "v1.0.open"})
    assert [a.step for a in planned(HANDLER, aim(), rotated)] == ["auth-set-mark", "auth-set"]
    marked = seen(tags={MARK: f"v1.{stamp}.set.open"})
    assert [a.step for a in planned(HANDLER, aim(), marked)] == ["auth-set"]
    done = seen(
        tags={MARK: f"v1.{stamp}.set.open"}, AuthTokenLastModifiedDate=BORN.replace(hour=13)
    )
    assert found({}, done) == {}


def test_from_a_token_to_users_and_back() -> None:
    (action,) = planned(HANDLER, aim(authToken=None, userGroupIds=["app"]), seen())
    assert sent(action) == {
        "UserGroupIdsToAdd": ["app"], "AuthTokenUpdateStrategy": "DELETE", "ApplyImmediately": True,
    }  # fmt: skip
    users = seen(AuthTokenEnabled=False, UserGroupIds=["app"])
    (action,) = planned(HANDLER, aim(), users)
    assert sent(action) == {
        "RemoveUserGroups": True, "AuthToken": "${Secret.redis.value@v1}",
        "AuthTokenUpdateStrategy": "SET", "ApplyImmediately": True,
    }  # fmt: skip
    assert action.risk == "disruptive"


def test_users_are_not_taken_off_without_something_in_their_place() -> None:
    users = seen(AuthTokenEnabled=False, UserGroupIds=["app"])
    neither = aim(authToken=None)
    assert differing(changes(HANDLER, neither, users)) == {"userGroupIds": (["app"], [])}
    assert planned(HANDLER, neither, users) == []
    (action,) = planned(HANDLER, aim(authToken=None, allowUnauthenticated=True), users)
    assert sent(action) == {"UserGroupIdsToRemove": ["app"], "ApplyImmediately": True}
    assert set(action.changes) == {"userGroupIds"}
    assert planned(HANDLER, aim(authToken=None, allowUnauthenticated=True), seen()) == []


def test_killed_between_mark_and_rotate_it_rotates() -> None:
    rotate, settle = rotation(seen(tags={MARK: f"v1.{int(BORN.timestamp())}"}))
    assert (rotate.step, settle.step) == ("auth-rotate", "auth-set-later")


def test_the_mark_of_an_earlier_rotation_means_nothing() -> None:
    later = BORN.replace(minute=9)
    old = seen(tags={MARK: f"v0.{int(BORN.timestamp())}"}, AuthTokenLastModifiedDate=later)
    assert [a.step for a in rotation(old)] == ["auth-mark", "auth-rotate", "auth-set-later"]


def test_no_rotation_without_tags_or_before_tls_is_required() -> None:
    doc = {k: v for k, v in seen().doc.items() if k != "tags"}
    assert [a.step for a in rotation(Present(doc, {"tags": "busy"}))] == ["auth-set-later"]
    assert all(a.step == "modify-disruptive" for a in rotation(
        seen(TransitEncryptionMode="preferred")))  # fmt: skip


class Busy(Quiet):
    """An AWS whose group is in a given state."""

    def __init__(self, **shown: Any) -> None:
        super().__init__()
        self.shown = group(**shown)
        self.written: list[Doc] = []

    def pages(self, service: str, operation: str, items: str, params: Any = None) -> list[Any]:
        return [self.shown]

    def write(self, service: str, operation: str, params: Any) -> Any:
        self.written.append(params)
        return {"ReplicationGroup": self.shown}


@pytest.mark.parametrize(
    "shown",
    [{"Status": "modifying"}, {"PendingModifiedValues": {"AuthTokenStatus": "ROTATING"}}],
)
def test_set_is_not_sent_while_rotating(shown: Doc) -> None:
    settle = rotation(seen(tags={MARK: f"v1.{int(BORN.timestamp())}.set"}))[-1]
    aws = Busy(**shown)
    with pytest.raises(AwsFailure) as refusal:
        HANDLER.apply(aws, aim(), settle, dict(settle.params))
    assert refusal.value.failure == "busy"
    assert aws.written == []
    ready = Busy()
    HANDLER.apply(ready, aim(), settle, dict(settle.params))
    assert len(ready.written) == 1
    with pytest.raises(AwsFailure):  # planned beside its ROTATE: a later pass sets
        HANDLER.apply(ready, aim(), rotation(seen())[-1], {})


# --- the end ---


def test_deleted_with_a_final_snapshot() -> None:
    (action,) = HANDLER.delete(aim(), seen())
    assert action.deletes
    assert sent(action) == {"FinalSnapshotIdentifier": "test-x-final-20261101120005"}
    (action,) = HANDLER.delete(aim(), seen(Status="create-failed"))
    assert sent(action) == {}
