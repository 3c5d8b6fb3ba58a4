"""What ElastiCache rejects of replication groups, parameter groups and subnet groups.

All rows are judged on one world with groups in it, put back after each.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import boto3
import pytest

from controller.kinds import handler_for
from controller.manifest import DesiredStateError, load
from sandbox.inprocess import session
from sandbox.pytest_plugin import new_world
from sandbox.seed import seed
from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, check
from tests.harness import environment, resource, shape

API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_"
Doc = dict[str, Any]
Load = tuple[str, str, str] | str
BASE: Doc = {
    "ReplicationGroupId": "new", "ReplicationGroupDescription": "x", "Engine": "redis",
    "EngineVersion": "7.1", "CacheNodeType": "cache.t4g.small", "NumCacheClusters": 2,
    "AutomaticFailoverEnabled": True, "CacheSubnetGroupName": "main",
}  # fmt: skip
SHARDS: Doc = {"NumCacheClusters": None, "NumNodeGroups": 2, "ReplicasPerNodeGroup": 1}
SPEC: Doc = {"cacheNodeType": "cache.t4g.small", "authToken": '"${Secret.db.value}"'}
OPEN: Doc = {"authToken": None, "allowUnauthenticated": "true"}
ALONE: Doc = {"automaticFailoverEnabled": "false", "multiAZ": "false"}
MODE: Doc = {"clusterMode": "enabled"}
VALUE, CLASH = "InvalidParameterValue", "InvalidParameterCombination"
TOKEN = "a-sixteen-letter-token"
SLOW: Doc = {
    "LogType": "slow-log", "DestinationType": "cloudwatch-logs", "LogFormat": "json",
    "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "slow"}},
}  # fmt: skip

NAMES = "names: test_what_may_not_be_a_name_is_refused_at_load"
THERE = "what there is in AWS"
MOVES = "versions come and go"
SECRET = "the value is in a Secret, which nobody opens to validate a file"
STATE = "what state it is in"
NEVER = "Plumbline never asks for that"
FAMILY = "the group's family is another resource's"
PARAMETER = "which parameters a family has, and what they take, only AWS lists"
QUOTA = "quotas differ by account"
NOW = "what it is now; Plumbline takes the steps that AWS wants, or says that there are none"


def loads(says: str, **spec: Any) -> tuple[str, str, str]:
    """A file with this in a ReplicationGroup's spec (None: left out), and what is said of it."""
    flat = {**SPEC, **spec}
    said = ", ".join(f"{k}: {v}" for k, v in flat.items() if v is not None)
    return "ReplicationGroup", said, says


def row(operation: str, why: str, code: str, load: Load, says: str, request: Mapping[str, Any],
        given: Any = None) -> Refusal:  # fmt: skip
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    return Refusal(f"elasticache:{operation}", why, request, code, f"{API}{operation}.html", says,
                   given, **told)  # fmt: skip


def create(why: str, code: str, load: Load, says: str = "", **changes: Any) -> Refusal:
    """A CreateReplicationGroup that differs from a good one by `changes` (None: left out)."""
    request = {k: v for k, v in {**BASE, **changes}.items() if v is not None}
    return row("CreateReplicationGroup", why, code, load, says, request)


def modify(why: str, code: str, load: Load, says: str = "", name: str = "main",
           given: Any = None, **changes: Any) -> Refusal:  # fmt: skip
    """A ModifyReplicationGroup of one of the groups that are there."""
    request = {"ReplicationGroupId": name, **changes}
    return row("ModifyReplicationGroup", why, code, load, says, request, given)


def other(operation: str, why: str, code: str, load: Load, request: Mapping[str, Any],
          says: str = "", given: Any = None) -> Refusal:  # fmt: skip
    """Any other operation."""
    return row(operation, why, code, load, says, request, given)


CREATE = [
    create("a name that begins with a digit", VALUE, NAMES, ReplicationGroupId="1a"),
    create("a name that ends with a hyphen", VALUE, NAMES, ReplicationGroupId="a-"),
    create("two hyphens in the name", VALUE, NAMES, ReplicationGroupId="a--b"),
    create("a name of 41 characters", VALUE, NAMES, ReplicationGroupId="a" * 41),
    create("a name that is taken, in other letters", "ReplicationGroupAlreadyExists", THERE,
           ReplicationGroupId="MAIN"),
    create("no description", VALUE, loads("description", description='""'),
           ReplicationGroupDescription=""),
    create("a description of 256 characters", VALUE, loads("at most 255", description="x" * 256),
           ReplicationGroupDescription="x" * 256),
    create("no node type", VALUE, loads("cacheNodeType: is needed", cacheNodeType=None),
           CacheNodeType=None),
    create("no node type, but an instance class", VALUE,
           loads("as cache.t4g.small", cacheNodeType="t4g.small"), CacheNodeType="t4g.small"),
    create("a size of node that there is not", VALUE, MOVES,
           CacheNodeType="cache.t4g.colossal"),
    # engine and version
    create("memcached", VALUE, loads("redis or valkey", engine="memcached"), Engine="memcached"),
    create("a patch of a version", CLASH, loads("AWS takes major.minor", engineVersion="7.1.0"),
           "Specific version selection is not allowed", EngineVersion="7.1.0"),
    create("a major version alone", CLASH, loads("AWS takes major.minor", engineVersion='"7"'),
           "Cannot find version", EngineVersion="7"),
    create("a version that is not offered", CLASH, MOVES, "Cannot find version",
           EngineVersion="7.9"),
    create("a version of the other engine", CLASH,
           loads("valkey begins with 7.2", engine="valkey", engineVersion='"7.1"'),
           "Cannot find version", Engine="valkey"),
    create("a parameter group of another family", CLASH, FAMILY, "of family redis7",
           CacheParameterGroupName="default.redis6.x"),
    create("a parameter group that there is not", "CacheParameterGroupNotFound", THERE,
           CacheParameterGroupName="nope"),
    # nodes and shards
    create("failover with one node", CLASH,
           loads("needs replicasPerNodeGroup of at least 1", replicasPerNodeGroup=0,
                 multiAZ="false"),
           "at least 2 cache clusters", NumCacheClusters=1),
    create("failover of cache.t1", CLASH,
           loads("AWS has none for cache.t1", cacheNodeType="cache.t1.micro",
                 atRestEncryptionEnabled="false", transitEncryptionEnabled="false", **OPEN),
           "not supported for T1", CacheNodeType="cache.t1.micro"),
    create("multi-AZ without failover", CLASH,
           loads("needs automaticFailoverEnabled", automaticFailoverEnabled="false"),
           "automatic failover", AutomaticFailoverEnabled=False, MultiAZEnabled=True),
    create("multi-AZ without replicas", CLASH,
           loads("multiAZ: needs replicasPerNodeGroup", replicasPerNodeGroup=0, **MODE),
           "at least one replica", MultiAZEnabled=True,
           **{**SHARDS, "ReplicasPerNodeGroup": 0}),
    create("six replicas", VALUE, loads("at most 5", replicasPerNodeGroup=6), "0 to 5 replicas",
           **{**SHARDS, "ReplicasPerNodeGroup": 6}),
    create("seven nodes", VALUE, loads("at most 6", numCacheClusters=7), "0 to 5 replicas",
           NumCacheClusters=7),
    create("no shard", VALUE, loads("at least 1", numNodeGroups=0), "1 to 500",
           **{**SHARDS, "NumNodeGroups": 0}),
    create("501 shards", VALUE, loads("at most 500", numNodeGroups=501), "1 to 500",
           **{**SHARDS, "NumNodeGroups": 501}),
    create("more nodes than the account may have",
           "NodeGroupsPerReplicationGroupQuotaExceeded", QUOTA, "quota of 90",
           **{**SHARDS, "NumNodeGroups": 60}),
    create("both ways to say how many nodes", CLASH,
           loads("differ", numCacheClusters=3, replicasPerNodeGroup=1), "can't be used with",
           ReplicasPerNodeGroup=1),
    create("a number of nodes with shards", CLASH,
           loads("only with one shard", numCacheClusters=2, numNodeGroups=2, **MODE),
           "can't be used with", NumNodeGroups=2),
    create("shards without cluster mode", CLASH,
           loads("more than one needs clusterMode: enabled", numNodeGroups=2), "cluster-enabled",
           CacheParameterGroupName="default.redis7", **SHARDS),
    create("shards of a compatible group", CLASH,
           loads("more than one needs clusterMode: enabled", numNodeGroups=2,
                 clusterMode="compatible"),
           "More than one node group", ClusterMode="compatible", **SHARDS),
    create("cluster mode without failover", CLASH,
           loads("can't be false with clusterMode: enabled", **MODE, **ALONE),
           "Turning off automatic failover", AutomaticFailoverEnabled=False, **SHARDS),
    create("a mode that there is not", VALUE, loads("enabled, disabled", clusterMode="on"),
           "Invalid ClusterMode", ClusterMode="on"),
    create("fewer zones than nodes", CLASH,
           loads("one for each node", preferredCacheClusterAZs="[us-east-1a]"), "for each node",
           PreferredCacheClusterAZs=["us-east-1a"]),
    create("a zone without a subnet", CLASH, THERE, "of the subnet group",
           PreferredCacheClusterAZs=["us-east-1a", "us-east-1f"]),
    # data tiering, durability
    create("r6gd without data tiering", CLASH,
           loads("true is demanded of cache.r6gd", cacheNodeType="cache.r6gd.xlarge"),
           "Data tiering", CacheNodeType="cache.r6gd.xlarge"),
    create("data tiering of other nodes", CLASH,
           loads("only for cache.r6gd", dataTieringEnabled="true"), "Data tiering",
           DataTieringEnabled=True),
    create("data tiering of Redis 6.0", CLASH,
           loads("needs engineVersion 6.2", dataTieringEnabled="true", engineVersion='"6.0"',
                 cacheNodeType="cache.r6gd.xlarge"),
           "from Redis 6.2", CacheNodeType="cache.r6gd.xlarge", DataTieringEnabled=True,
           EngineVersion="6.0"),
    create("durable writes of Redis", CLASH, loads("needs valkey 9.0", durability="sync"),
           "from Valkey 9.0", Durability="sync"),
    create("durable writes of Valkey 8", CLASH,
           loads("needs valkey 9.0", durability="async", engine="valkey", engineVersion='"8.0"'),
           "from Valkey 9.0", Durability="async", Engine="valkey", EngineVersion="8.0"),
    # encryption and access
    create("AUTH without TLS", CLASH,
           loads("needs transitEncryptionEnabled", transitEncryptionEnabled="false"),
           "encryption-in-transit", AuthToken=TOKEN),
    create("a token of 15 characters", VALUE, SECRET, "16 to 128", AuthToken="x" * 15,
           TransitEncryptionEnabled=True),
    create("a token of 129 characters", VALUE, SECRET, "16 to 128", AuthToken="x" * 129,
           TransitEncryptionEnabled=True),
    create("a token with an @", VALUE, SECRET, "symbols", AuthToken="x" * 16 + "@",
           TransitEncryptionEnabled=True),
    create("AUTH while TLS is only preferred", CLASH,
           loads("needs transitEncryptionMode: required", transitEncryptionMode="preferred"),
           "mode required", AuthToken=TOKEN, TransitEncryptionEnabled=True,
           TransitEncryptionMode="preferred"),
    create("a mode of TLS without TLS", CLASH,
           loads("means nothing", transitEncryptionEnabled="false", **OPEN,
                 transitEncryptionMode="required"),
           "set encryption-in-transit as enabled", TransitEncryptionMode="required"),
    create("a mode of TLS that there is not", VALUE,
           loads("required or preferred", transitEncryptionMode="maybe", **OPEN), "Invalid",
           TransitEncryptionEnabled=True, TransitEncryptionMode="maybe"),
    create("TLS of cache.m1", CLASH,
           loads("AWS has no TLS", cacheNodeType="cache.m1.small"), "in transit",
           CacheNodeType="cache.m1.small", TransitEncryptionEnabled=True),
    create("encryption at rest of cache.m1", CLASH,
           loads("AWS has none", cacheNodeType="cache.m1.small", **OPEN,
                 transitEncryptionEnabled="false"),
           "at rest", CacheNodeType="cache.m1.small", AtRestEncryptionEnabled=True),
    create("a key without encryption", CLASH,
           loads("means nothing", atRestEncryptionEnabled="false",
                 kmsKeyId="0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"),
           "only with encryption at rest", KmsKeyId="0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"),
    create("a key that there is not", "InvalidKMSKeyFault", THERE, AtRestEncryptionEnabled=True,
           KmsKeyId="0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"),
    create("users without TLS", CLASH,
           loads("userGroupIds: needs transitEncryptionEnabled", authToken=None,
                 userGroupIds="[app]", transitEncryptionEnabled="false"),
           "requires encryption-in-transit", UserGroupIds=["app"]),
    create("users while TLS is only preferred", CLASH,
           loads("userGroupIds: needs transitEncryptionMode", authToken=None,
                 userGroupIds="[app]", transitEncryptionMode="preferred"),
           "mode required", UserGroupIds=["app"], TransitEncryptionEnabled=True,
           TransitEncryptionMode="preferred"),
    create("users and a token", CLASH, loads("exclude each other", userGroupIds="[app]"),
           "together", UserGroupIds=["app"], AuthToken=TOKEN, TransitEncryptionEnabled=True),
    create("two user groups", CLASH, loads("one at most", authToken=None,
                                           userGroupIds="[app, other]"),
           "one user group", UserGroupIds=["app", "other"], TransitEncryptionEnabled=True),
    create("users that there are not", "UserGroupNotFound", THERE, UserGroupIds=["nope"],
           TransitEncryptionEnabled=True),
    create("users that are being made", "InvalidUserGroupState", STATE, UserGroupIds=["fresh"],
           TransitEncryptionEnabled=True),
    create("users of Redis 5", CLASH, MOVES, "from Redis 6.0", UserGroupIds=["app"],
           TransitEncryptionEnabled=True, EngineVersion="5.0.6"),
    create("users of Valkey for Redis", CLASH, THERE, "can't be used with redis",
           UserGroupIds=["of-valkey"], TransitEncryptionEnabled=True),
    # snapshots, windows, topics, logs
    create("snapshots kept for 36 days", VALUE, loads("at most 35", snapshotRetentionLimit=36),
           "between 0 and 35", SnapshotRetentionLimit=36),
    create("a short snapshot window", VALUE,
           loads("at least 60 minutes", snapshotWindow="02:00-02:30"), "at least 60 minutes",
           SnapshotWindow="02:00-02:30"),
    create("no snapshot window", VALUE, loads("hh:mm-hh:mm", snapshotWindow="night"),
           SnapshotWindow="night"),
    create("a short maintenance window", VALUE,
           loads("at least 60 minutes", preferredMaintenanceWindow="sun:02:00-sun:02:30"),
           "at least 60 minutes", PreferredMaintenanceWindow="sun:02:00-sun:02:30"),
    create("no maintenance window", VALUE,
           loads("ddd:hh:mm", preferredMaintenanceWindow="02:00-03:00"),
           PreferredMaintenanceWindow="02:00-03:00"),
    create("windows that overlap", VALUE,
           loads("must not overlap", snapshotWindow="02:00-03:00",
                 preferredMaintenanceWindow="sun:02:30-sun:04:00"),
           "must not overlap", SnapshotWindow="02:00-03:00",
           PreferredMaintenanceWindow="sun:02:30-sun:04:00"),
    create("a topic that is none", VALUE, loads("must be an ARN|an ARN",
                                                notificationTopicArn="alarms"),
           "topic ARN", NotificationTopicArn="alarms"),
    create("a log that there is not", VALUE,
           loads("slow-log or engine-log|slow-log", logDelivery="{audit-log: {destination: x}}"),
           "Invalid log type", LogDeliveryConfigurations=[{**SLOW, "LogType": "audit-log"}]),
    create("a log without a destination", CLASH,
           loads("required", logDelivery="{slow-log: {logFormat: json}}"), "destination",
           LogDeliveryConfigurations=[{**SLOW, "DestinationDetails": {}}]),
    create("a log in a format that there is not", CLASH,
           loads("json or text", logDelivery="{slow-log: {destination: x, logFormat: xml}}"),
           "LogFormat", LogDeliveryConfigurations=[{**SLOW, "LogFormat": "xml"}]),
    create("a log twice", CLASH, "a map holds each log once", "only once",
           LogDeliveryConfigurations=[SLOW, SLOW]),
    # places
    create("subnets that there are not", "CacheSubnetGroupNotFoundFault", THERE,
           CacheSubnetGroupName="nope"),
    create("a security group that there is not", VALUE, THERE, "security group",
           SecurityGroupIds=["sg-0123456789abcdef0"]),
    create("two stacks on subnets with one", CLASH, THERE, "network type dual_stack",
           NetworkType="dual_stack"),
    create("a network that there is not", VALUE, loads("ipv4, ipv6", networkType="ipx"),
           "Invalid NetworkType", NetworkType="ipx"),
    create("to be told of addresses that there are not", CLASH,
           loads("needs networkType: ipv6", ipDiscovery="ipv6"), "IP discovery ipv6",
           IpDiscovery="ipv6"),
    create("51 tags", "TagQuotaPerResourceExceeded",
           loads("at most 40", tags="{" + ", ".join(f"a{n}: b" for n in range(51)) + "}"),
           Tags=[{"Key": f"a{n}", "Value": "b"} for n in range(51)]),
]  # fmt: skip


def rolling(aws: boto3.Session, world: World) -> Doc:
    """Its nodes are still busy when the group is available again."""
    aws.client("elasticache").modify_replication_group(
        ReplicationGroupId="main", CacheNodeType="cache.t4g.medium", ApplyImmediately=True
    )
    for _ in range(100):
        world.clock.advance(timedelta(seconds=15))
        found = aws.client("elasticache").describe_replication_groups(ReplicationGroupId="main")
        if found["ReplicationGroups"][0]["Status"] == "available":
            return {}
    raise AssertionError("never available")


MODIFY = [
    modify("a group that there is not", "ReplicationGroupNotFoundFault", THERE, name="nope",
           AutoMinorVersionUpgrade=False),
    modify("a group that is being made", "InvalidReplicationGroupState", STATE, "available state",
           name="busy", AutoMinorVersionUpgrade=False),
    modify("a group whose nodes are busy", "InvalidCacheClusterState", STATE, given=rolling,
           AutoMinorVersionUpgrade=False),
    modify("nothing", CLASH, "a flag alone is never sent (85)", "No modifications",
           ApplyImmediately=True),
    # engine and version
    modify("an older version", CLASH, NOW, "Cannot downgrade", EngineVersion="7.0"),
    modify("a version that is not offered", CLASH, MOVES, EngineVersion="7.9"),
    modify("valkey back to redis", CLASH, NOW, "Cannot change the engine", name="users",
           Engine="redis", EngineVersion="7.1"),
    modify("an upgrade with a group of the old family", CLASH, FAMILY, "of family valkey8",
           name="own", Engine="valkey", EngineVersion="8.0"),
    modify("a group of another family", CLASH, FAMILY, "of family redis7",
           CacheParameterGroupName="default.valkey8"),
    modify("a group for cluster mode", CLASH, THERE, "cluster-enabled has a different value",
           CacheParameterGroupName="default.redis7.cluster.on"),
    modify("no group for cluster mode", CLASH, THERE, "cluster-enabled has a different value",
           name="sharded", CacheParameterGroupName="default.redis7"),
    modify("a parameter group that there is not", "CacheParameterGroupNotFound", THERE,
           CacheParameterGroupName="nope"),
    modify("nodes with data tiering", CLASH, NOW, "Data tiering",
           CacheNodeType="cache.r6gd.xlarge"),
    modify("nodes without data tiering", CLASH, NOW, "Data tiering", name="tiered",
           CacheNodeType="cache.r6g.xlarge"),
    modify("no node type", VALUE, loads("as cache.t4g.small", cacheNodeType="huge"),
           CacheNodeType="huge"),
    # failover
    modify("no failover under multi-AZ", CLASH,
           loads("needs automaticFailoverEnabled", automaticFailoverEnabled="false"),
           "automatic failover", AutomaticFailoverEnabled=False),
    modify("multi-AZ without failover", CLASH,
           loads("needs automaticFailoverEnabled", automaticFailoverEnabled="false"),
           name="plain", MultiAZEnabled=True),
    modify("failover with one node", CLASH,
           loads("needs replicasPerNodeGroup", replicasPerNodeGroup=0, multiAZ="false"),
           "at least 2 cache clusters", name="plain", AutomaticFailoverEnabled=True),
    modify("no failover in cluster mode", CLASH,
           loads("can't be false with clusterMode", **MODE, **ALONE),
           "Turning off automatic failover", name="sharded", AutomaticFailoverEnabled=False),
    # TLS
    modify("TLS, required at once", CLASH, NOW, "mode preferred", name="plain",
           TransitEncryptionEnabled=True, TransitEncryptionMode="required"),
    modify("no TLS, at once", CLASH, NOW, "preferred first", name="sharded",
           TransitEncryptionEnabled=False),
    modify("a mode of TLS without TLS", CLASH, NOW, "encryption-in-transit as enabled",
           name="plain", TransitEncryptionMode="required"),
    modify("TLS, unchanged, where a token is asked for", CLASH,
           "only what changed is sent (113)", "not supported for access control",
           TransitEncryptionEnabled=True),
    modify("TLS, unchanged, where users log in", CLASH, "only what changed is sent (113)",
           "not supported for access control", name="users", TransitEncryptionEnabled=True),
    modify("TLS of Redis 6", CLASH, NOW, "from Redis 7.0", name="old",
           TransitEncryptionEnabled=True, TransitEncryptionMode="preferred"),
    # access
    modify("a token without TLS", CLASH,
           loads("needs transitEncryptionEnabled", transitEncryptionEnabled="false"),
           "encryption-in-transit", name="plain", AuthToken=TOKEN),
    modify("SET without ROTATE", CLASH, NOW, "only after ROTATE", AuthToken=TOKEN,
           AuthTokenUpdateStrategy="SET"),
    modify("a strategy without a token", CLASH, NEVER, "with AuthToken",
           AuthTokenUpdateStrategy="ROTATE"),
    modify("a strategy that there is not", VALUE, NEVER, "Invalid AuthTokenUpdateStrategy",
           AuthToken=TOKEN, AuthTokenUpdateStrategy="REPLACE"),
    modify("no token, without users", VALUE, NOW, "delete is not supported",
           AuthTokenUpdateStrategy="DELETE"),
    modify("a token of 15 characters", VALUE, SECRET, "16 to 128", AuthToken="x" * 15),
    modify("users beside the token", CLASH, NOW, "strategy DELETE|DELETE",
           UserGroupIdsToAdd=["app"]),
    modify("users without TLS", CLASH,
           loads("userGroupIds: needs transitEncryptionEnabled", authToken=None,
                 userGroupIds="[app]", transitEncryptionEnabled="false"),
           "requires encryption-in-transit", name="plain", UserGroupIdsToAdd=["app"]),
    modify("users that there are not", "UserGroupNotFound", THERE, name="sharded",
           UserGroupIdsToAdd=["nope"]),
    modify("users that are being made", "InvalidUserGroupState", STATE, name="sharded",
           UserGroupIdsToAdd=["fresh"]),
    modify("a second user group", CLASH, loads("one at most", authToken=None,
                                               userGroupIds="[app, other]"),
           "one user group", name="users", UserGroupIdsToAdd=["other"]),
    modify("users taken off who are not there", "UserGroupNotFound", NEVER, name="sharded",
           UserGroupIdsToRemove=["app"]),
    modify("a token while users log in", CLASH, NOW, "user groups control", name="users",
           AuthToken=TOKEN),
    # cluster mode
    modify("cluster mode at once", CLASH, NOW, "leads over compatible", ClusterMode="enabled",
           CacheParameterGroupName="default.redis7.cluster.on"),
    modify("back from cluster mode", CLASH, NOW, "none back", name="sharded",
           ClusterMode="disabled"),
    modify("cluster mode beside something else", CLASH, NOW, "together with the cluster mode",
           ClusterMode="compatible", AutoMinorVersionUpgrade=False),
    modify("cluster mode with one node", CLASH, NOW, "at least one replica", name="plain",
           ClusterMode="compatible"),
    modify("cluster mode of Redis 6", CLASH, NOW, "from Redis 7.0", name="old",
           ClusterMode="compatible"),
    modify("cluster mode with a group of one's own for none", CLASH, THERE,
           "cluster-enabled has a different value", name="own", ClusterMode="compatible"),
    modify("another node type while compatible", CLASH, NOW, "cluster mode compatible",
           name="compatible", CacheNodeType="cache.t4g.medium"),
    # snapshots, windows, topics, logs, durability, addresses
    modify("snapshots kept for 36 days", VALUE, loads("at most 35", snapshotRetentionLimit=36),
           "between 0 and 35", SnapshotRetentionLimit=36),
    modify("a snapshot window in the maintenance window", VALUE,
           loads("must not overlap", snapshotWindow="04:00-05:00",
                 preferredMaintenanceWindow="sun:04:00-sun:05:00"),
           "must not overlap", SnapshotWindow="04:00-05:00"),
    modify("a maintenance window in AWS's snapshot window", VALUE, "AWS chose the other window",
           "must not overlap", PreferredMaintenanceWindow="mon:02:00-mon:05:00"),
    modify("a node for snapshots in cluster mode", CLASH, NEVER, "Cannot set snapshotting cluster",
           name="sharded", SnapshottingClusterId="sharded-0001-001"),
    modify("a node for snapshots that there is not", "CacheClusterNotFound", NEVER,
           SnapshottingClusterId="nope-001"),
    modify("a topic's status without a topic", CLASH, NEVER, "needs a notification topic",
           NotificationTopicStatus="active"),
    modify("a log that there is not", VALUE,
           loads("slow-log", logDelivery="{audit-log: {destination: x}}"), "Invalid log type",
           LogDeliveryConfigurations=[{**SLOW, "LogType": "audit-log"}]),
    modify("durable writes of Redis", CLASH, loads("needs valkey 9.0", durability="sync"),
           "from Valkey 9.0", Durability="sync"),
    modify("to be told of addresses that there are not", CLASH,
           loads("needs networkType: ipv6", ipDiscovery="ipv6"), "IP discovery ipv6",
           IpDiscovery="ipv6"),
    modify("a security group that there is not", VALUE, THERE, "security group",
           SecurityGroupIds=["sg-0123456789abcdef0"]),
]  # fmt: skip


def sized(operation: str, why: str, code: str, load: Load, says: str = "", name: str = "main",
          now: bool = True, **changes: Any) -> Refusal:  # fmt: skip
    """One of the calls that change how many nodes there are."""
    request = {"ReplicationGroupId": name, "ApplyImmediately": now, **changes}
    return row(operation, why, code, load, says, request)


MORE, FEWER = "IncreaseReplicaCount", "DecreaseReplicaCount"
SHARD = "ModifyReplicationGroupShardConfiguration"
SIZES = [
    sized(MORE, "a group that is being made", "InvalidReplicationGroupState", STATE, name="busy",
          NewReplicaCount=2),
    sized(MORE, "a group that there is not", "ReplicationGroupNotFoundFault", THERE, name="nope",
          NewReplicaCount=2),
    sized(MORE, "in the maintenance window", CLASH, NEVER, "not currently supported", now=False,
          NewReplicaCount=2),
    sized(MORE, "as many as there are", "NoOperationFault", STATE, NewReplicaCount=1),
    sized(MORE, "fewer than there are", VALUE, STATE, "greater", NewReplicaCount=0),
    sized(MORE, "six replicas", VALUE, loads("at most 5", replicasPerNodeGroup=6),
          "between 0 and 5", NewReplicaCount=6),
    sized(MORE, "for all and for single shards", CLASH, NEVER, "One and only one", name="sharded",
          NewReplicaCount=2, ReplicaConfiguration=[{"NodeGroupId": "0001", "NewReplicaCount": 2}]),
    sized(MORE, "a shard that there is not", VALUE, THERE, "not found", name="sharded",
          ReplicaConfiguration=[{"NodeGroupId": "0009", "NewReplicaCount": 2}]),
    sized(MORE, "six replicas of one shard", VALUE,
          loads("at most 5", replicaConfiguration='{"0001": 6}', **MODE), "between 0 and 5",
          name="sharded",
          ReplicaConfiguration=[{"NodeGroupId": "0001", "NewReplicaCount": 6}]),
    sized(MORE, "while compatible", CLASH, NOW, "not allowed", name="compatible",
          NewReplicaCount=2),
    sized(FEWER, "a group that is being made", "InvalidReplicationGroupState", STATE, name="busy",
          NewReplicaCount=0),
    sized(FEWER, "in the maintenance window", CLASH, NEVER, "not currently supported", now=False,
          NewReplicaCount=0),
    sized(FEWER, "none under failover", VALUE,
          loads("needs replicasPerNodeGroup", replicasPerNodeGroup=0, multiAZ="false"),
          "at least 1 replica", NewReplicaCount=0),
    sized(FEWER, "more than there are", VALUE, STATE, "less", NewReplicaCount=3),
    sized(FEWER, "nothing said", CLASH, NEVER, "One and only one"),
    sized(SHARD, "a group that is being made", "InvalidReplicationGroupState", STATE, name="busy",
          NodeGroupCount=2),
    sized(SHARD, "in the maintenance window", CLASH, NEVER, "not currently supported",
          name="sharded", now=False, NodeGroupCount=3),
    sized(SHARD, "without cluster mode", CLASH,
          loads("more than one needs clusterMode: enabled", numNodeGroups=2), "cluster mode",
          NodeGroupCount=2),
    sized(SHARD, "none at all", VALUE, loads("at least 1", numNodeGroups=0), name="sharded",
          NodeGroupCount=0, NodeGroupsToRemove=["0001", "0002"]),
    sized(SHARD, "501", VALUE, loads("at most 500", numNodeGroups=501), "1 to 500",
          name="sharded", NodeGroupCount=501),
    sized(SHARD, "more nodes than the account may have",
          "NodeGroupsPerReplicationGroupQuotaExceeded", QUOTA, name="sharded", NodeGroupCount=60),
    sized(SHARD, "fewer, without saying which", CLASH, NEVER, "must be specified",
          name="sharded", NodeGroupCount=1),
    sized(SHARD, "fewer, and another number of names", VALUE, NEVER, "do not fit",
          name="sharded", NodeGroupCount=1, NodeGroupsToRemove=["0001", "0002"]),
    sized(SHARD, "fewer, of which one is not there", VALUE, NEVER, "do not fit", name="sharded",
          NodeGroupCount=1, NodeGroupsToRemove=["0009"]),
    sized(SHARD, "more, with names of shards that go", CLASH, NEVER, "fewer node groups",
          name="sharded", NodeGroupCount=3, NodeGroupsToRemove=["0001"]),
]  # fmt: skip


def snapshot_there(aws: boto3.Session, world: World) -> Doc:
    """A snapshot of that name, from another group."""
    aws.client("elasticache").delete_replication_group(
        ReplicationGroupId="old", FinalSnapshotIdentifier="last"
    )
    return {}


def of(name: str) -> Any:
    """What gives the ARN of a group."""

    def given(aws: boto3.Session, world: World) -> Doc:
        place = f"{world.region}:{world.account}"
        return {"ResourceName": f"arn:aws:elasticache:{place}:replicationgroup:{name}"}

    return given


TAGS = [{"Key": f"a{n}", "Value": "b"} for n in range(51)]
REST = [
    other("DeleteReplicationGroup", "a group that there is not", "ReplicationGroupNotFoundFault",
          THERE, {"ReplicationGroupId": "nope"}),
    other("DeleteReplicationGroup", "a group that is being made", "InvalidReplicationGroupState",
          STATE, {"ReplicationGroupId": "busy"}),
    other("DeleteReplicationGroup", "a snapshot whose name is none", VALUE,
          "Plumbline makes the name",
          {"ReplicationGroupId": "main", "FinalSnapshotIdentifier": "1-"}),
    other("DeleteReplicationGroup", "a snapshot that there is already",
          "SnapshotAlreadyExistsFault", THERE,
          {"ReplicationGroupId": "main", "FinalSnapshotIdentifier": "last"},
          given=snapshot_there),
    other("AddTagsToResource", "51 tags", "TagQuotaPerResourceExceeded",
          loads("at most 40", tags="{" + ", ".join(f"a{n}: b" for n in range(51)) + "}"),
          {"Tags": TAGS}, given=of("main")),
    other("AddTagsToResource", "a key of 129 characters", VALUE,
          loads("1-128", tags="{" + "x" * 129 + ": b}"),
          {"Tags": [{"Key": "x" * 129, "Value": "b"}]}, given=of("main")),
    other("AddTagsToResource", "a group that is busy", "InvalidReplicationGroupState", STATE,
          {"Tags": TAGS[:1]}, "tagging", given=of("busy")),
    other("AddTagsToResource", "a group that there is not", "ReplicationGroupNotFoundFault", THERE,
          {"Tags": TAGS[:1]}, given=of("nope")),
    other("AddTagsToResource", "no ARN", "InvalidARN", NEVER,
          {"ResourceName": "main", "Tags": TAGS[:1]}),
    other("RemoveTagsFromResource", "a tag that is not there", "TagNotFound", NEVER,
          {"TagKeys": ["nope"]}, given=of("main")),
    other("RemoveTagsFromResource", "a group that is busy", "InvalidReplicationGroupState", STATE,
          {"TagKeys": ["a"]}, given=of("busy")),
]  # fmt: skip


def settings(*pairs: tuple[str, str], name: str = "own") -> Doc:
    """Parameters of a group."""
    items = [{"ParameterName": n, "ParameterValue": v} for n, v in pairs]
    return {"CacheParameterGroupName": name, "ParameterNameValues": items}


MAKE, SET, RESET = (f"{verb}CacheParameterGroup" for verb in ("Create", "Modify", "Reset"))
NEW: Doc = {
    "CacheParameterGroupName": "new", "CacheParameterGroupFamily": "redis7", "Description": "x"
}  # fmt: skip
DEFAULT = "a name of AWS's: test_what_may_not_be_a_name_is_refused_at_load"
PARAMETERS = [
    other(MAKE, "a family that there is not", VALUE,
          ("CacheParameterGroup", "family: redis7.1", "redis7, redis6.x"),
          {**NEW, "CacheParameterGroupFamily": "redis7.1"}),
    other(MAKE, "no family", VALUE, ("CacheParameterGroup", "description: x", "family"),
          {**NEW, "CacheParameterGroupFamily": ""}),
    other(MAKE, "a name that begins with a digit", VALUE, NAMES,
          {**NEW, "CacheParameterGroupName": "1a"}),
    other(MAKE, "a name of AWS's", VALUE, NAMES,
          {**NEW, "CacheParameterGroupName": "default.redis7"}),
    other(MAKE, "a name that is taken, in other letters", "CacheParameterGroupAlreadyExists",
          THERE, {**NEW, "CacheParameterGroupName": "OWN"}),
    other(MAKE, "51 tags", "TagQuotaPerResourceExceeded",
          ("CacheParameterGroup", "family: redis7, tags: {"
           + ", ".join(f"a{n}: b" for n in range(51)) + "}", "at most 40"),
          {**NEW, "Tags": TAGS}),
    other(SET, "a group that there is not", "CacheParameterGroupNotFound", THERE,
          settings(("timeout", "1"), name="nope")),
    other(SET, "AWS's default group", "InvalidCacheParameterGroupState", DEFAULT,
          settings(("timeout", "1"), name="default.redis7")),
    other(SET, "a parameter that there is not", VALUE, PARAMETER, settings(("nope", "1")),
          "could not be found"),
    other(SET, "a parameter that is fixed", VALUE, PARAMETER, settings(("appendonly", "yes")),
          "cannot be modified"),
    other(SET, "a value that it does not take", VALUE, PARAMETER,
          settings(("maxmemory-policy", "sometimes")), "invalid value"),
    other(SET, "a text for a number", VALUE, PARAMETER, settings(("timeout", "soon")),
          "invalid value"),
    other(SET, "21 parameters", CLASH, "twenty go to a call (124)",
          settings(*[("timeout", "1")] * 21), "maximum of 20"),
    other(SET, "cluster mode of a group in use", CLASH, THERE,
          settings(("cluster-enabled", "yes")), "in use"),
    other(RESET, "AWS's default group", "InvalidCacheParameterGroupState", DEFAULT,
          {"CacheParameterGroupName": "default.redis7", "ResetAllParameters": True}),
    other(RESET, "all and some", CLASH, NEVER,
          {**settings(("timeout", "0")), "ResetAllParameters": True}, "Either"),
    other(RESET, "21 parameters", CLASH, "twenty go to a call (124)",
          settings(*[("timeout", "0")] * 21), "maximum of 20"),
    other(RESET, "a parameter that there is not", VALUE, PARAMETER, settings(("nope", ""))),
    other("DeleteCacheParameterGroup", "a group in use", "InvalidCacheParameterGroupState", THERE,
          {"CacheParameterGroupName": "own"}, "still members"),
    other("DeleteCacheParameterGroup", "AWS's default group", "InvalidCacheParameterGroupState",
          DEFAULT, {"CacheParameterGroupName": "default.redis7"}),
    other("DeleteCacheParameterGroup", "a group that there is not", "CacheParameterGroupNotFound",
          THERE, {"CacheParameterGroupName": "nope"}),
]  # fmt: skip


def elsewhere(aws: boto3.Session, world: World) -> Doc:
    """A subnet of another VPC."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="172.16.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="172.16.0.0/24")["Subnet"]["SubnetId"]
    held = aws.client("elasticache").describe_cache_subnet_groups(CacheSubnetGroupName="main")
    subnets = held["CacheSubnetGroups"][0]["Subnets"]
    return {"SubnetIds": [made, *(s["SubnetIdentifier"] for s in subnets)]}


def one_less(aws: boto3.Session, world: World) -> Doc:
    """The subnets without those of a zone in which a node stands."""
    client = aws.client("elasticache")
    node = client.describe_cache_clusters(CacheClusterId="plain-001")["CacheClusters"][0]
    held = client.describe_cache_subnet_groups(CacheSubnetGroupName="main")
    return {"SubnetIds": [
        s["SubnetIdentifier"] for s in held["CacheSubnetGroups"][0]["Subnets"]
        if s["SubnetAvailabilityZone"]["Name"] != node["PreferredAvailabilityZone"]
    ]}  # fmt: skip


PLACE: Doc = {"CacheSubnetGroupName": "new", "CacheSubnetGroupDescription": "x"}
PLACES = [
    other("CreateCacheSubnetGroup", "no subnets", VALUE,
          ("CacheSubnetGroup", "subnetIds: []", "at least 1"), {**PLACE, "SubnetIds": []}),
    other("CreateCacheSubnetGroup", "a subnet that is none", "InvalidSubnet",
          ("CacheSubnetGroup", "subnetIds: [vpc-0123456789abcdef0]", "subnet id"),
          {**PLACE, "SubnetIds": ["vpc-0123456789abcdef0"]}),
    other("CreateCacheSubnetGroup", "a subnet that there is not", "InvalidSubnet", THERE,
          {**PLACE, "SubnetIds": ["subnet-0123456789abcdef0"]}),
    other("CreateCacheSubnetGroup", "subnets of two VPCs", "InvalidSubnet", THERE, PLACE,
          "same VPC", elsewhere),
    other("CreateCacheSubnetGroup", "the name default", VALUE, NAMES,
          {**PLACE, "CacheSubnetGroupName": "Default", "SubnetIds": ["subnet-1"]}),
    other("CreateCacheSubnetGroup", "a name that is taken, in other letters",
          "CacheSubnetGroupAlreadyExists", THERE,
          {**PLACE, "CacheSubnetGroupName": "MAIN", "SubnetIds": ["subnet-1"]}),
    other("ModifyCacheSubnetGroup", "a group that there is not", "CacheSubnetGroupNotFoundFault",
          THERE, {"CacheSubnetGroupName": "nope", "SubnetIds": ["subnet-1"]}),
    other("ModifyCacheSubnetGroup", "subnets of two VPCs", "InvalidSubnet", THERE,
          {"CacheSubnetGroupName": "main"}, "same VPC", elsewhere),
    other("ModifyCacheSubnetGroup", "a subnet that there is not", "InvalidSubnet", THERE,
          {"CacheSubnetGroupName": "main", "SubnetIds": ["subnet-0123456789abcdef0"]}),
    other("ModifyCacheSubnetGroup", "without a subnet in use", "SubnetInUse", THERE,
          {"CacheSubnetGroupName": "main"}, "in use", one_less),
    other("DeleteCacheSubnetGroup", "a group in use", "CacheSubnetGroupInUse", THERE,
          {"CacheSubnetGroupName": "main"}),
    other("DeleteCacheSubnetGroup", "the default group", VALUE, NAMES,
          {"CacheSubnetGroupName": "default"}),
    other("DeleteCacheSubnetGroup", "a group that there is not", "CacheSubnetGroupNotFoundFault",
          THERE, {"CacheSubnetGroupName": "nope"}),
]  # fmt: skip

REFUSALS = (*CREATE, *MODIFY, *SIZES, *REST, *PARAMETERS, *PLACES)


@cache
def caches() -> tuple[World, Any]:
    """A world with groups of all sorts, and how it stands."""
    world = new_world(3, max_lag=timedelta(0))
    seeded, aws = seed(world), session(world)
    client = aws.client("elasticache")
    client.create_cache_subnet_group(
        CacheSubnetGroupName="main", CacheSubnetGroupDescription="x",
        SubnetIds=seeded.values("network/private-subnets"),
    )  # fmt: skip
    client.create_cache_parameter_group(**{**NEW, "CacheParameterGroupName": "own"})
    for name, engine in (("app", "redis"), ("other", "redis"), ("of-valkey", "valkey")):
        client.create_user_group(UserGroupId=name, Engine=engine, UserIds=["default"])
    world.clock.advance(timedelta(minutes=1))
    tls = {"TransitEncryptionEnabled": True}
    alone = {"NumCacheClusters": 1, "AutomaticFailoverEnabled": False}
    own: dict[str, Doc] = {
        "main": {**tls, "AuthToken": TOKEN, "MultiAZEnabled": True, "SnapshotWindow": "02:30-03:30",
                 "PreferredMaintenanceWindow": "sun:04:00-sun:05:00"},
        "own": {"CacheParameterGroupName": "own"},
        "plain": alone,
        "old": {"EngineVersion": "6.2"},
        "sharded": {**tls, **SHARDS},
        "users": {**tls, "UserGroupIds": ["app"], "Engine": "valkey", "EngineVersion": "8.0"},
        "tiered": {"CacheNodeType": "cache.r6gd.xlarge", "DataTieringEnabled": True},
        "compatible": {"ClusterMode": "compatible"},
    }  # fmt: skip
    for name, more in own.items():
        request = {**BASE, "ReplicationGroupId": name, **more}
        client.create_replication_group(**{k: v for k, v in request.items() if v is not None})
    world.clock.advance(timedelta(hours=1))
    client.create_replication_group(**{**BASE, "ReplicationGroupId": "busy"})
    client.create_user_group(UserGroupId="fresh", Engine="redis", UserIds=["default"])
    kept = (copy.deepcopy(world._stores), world.clock.now(), list(world.clock._timers))
    return world, kept


@pytest.fixture
def stage() -> Iterator[World]:
    """That world, put back, the clock too."""
    world, (stores, now, timers) = caches()
    world._stores = copy.deepcopy(stores)
    world._history.clear()
    world.clock._now, world.clock._timers = now, list(timers)
    yield world
    assert not world.unsimulated


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal, stage: World) -> None:
    before = None if refusal.given else shape(stage)
    check(refusal, stage)
    assert before in (None, shape(stage)), "a refused call changes nothing"


NAMED = [
    ("ReplicationGroup", name) for name in ("1a", "a-", "a--b", "a" * 41, "a_b", "Main")
] + [
    ("CacheParameterGroup", name) for name in ("1a", "a-", "a--b", "a" * 256, "default.redis7")
] + [("CacheSubnetGroup", name) for name in ("default", "a" * 256, "a.b", "Main")]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), NAMED)
def test_what_may_not_be_a_name_is_refused_at_load(kind: str, name: str) -> None:
    said = {"ReplicationGroup": "cacheNodeType: cache.t4g.small, allowUnauthenticated: true",
            "CacheParameterGroup": "family: redis7",
            "CacheSubnetGroup": "subnetIds: [subnet-0123456789abcdef0]"}[kind]  # fmt: skip
    written = resource(kind, "main", said).replace(
        "{name: main}", f'{{name: main, externalName: "{name}"}}'
    )
    with pytest.raises(DesiredStateError, match="as the name in AWS"):
        load(environment(written).encode(), "names.yaml")


def test_every_write_of_these_kinds_is_refused_something() -> None:
    kinds = ("ReplicationGroup", "CacheParameterGroup", "CacheSubnetGroup")
    calls = {call for kind in kinds for call in handler_for(kind).writes}
    assert calls == {r.call for r in REFUSALS}


def test_no_two_rows_are_alike() -> None:
    assert len({str(r) for r in REFUSALS}) == len(REFUSALS)
