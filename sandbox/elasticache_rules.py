"""What ElastiCache refuses of a replication group's settings, at creation and at changes alike."""

from __future__ import annotations

import re
from typing import Any

from sandbox.data_services import clash, daily, invalid, minutes, overlapping, weekly
from sandbox.errors import AwsError
from sandbox.registry import Params

TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")
NODE = re.compile(r"cache\.[a-z][a-z0-9]*\.(micro|small|medium|large|xlarge|\d+xlarge)")
TOPIC = re.compile(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[\w.-]+")
DESTINATIONS = {
    "cloudwatch-logs": "CloudWatchLogsDetails",
    "kinesis-firehose": "KinesisFirehoseDetails",
}
DETAILS = {"CloudWatchLogsDetails": "LogGroup", "KinesisFirehoseDetails": "DeliveryStream"}
NOT_ENCRYPTED = ("cache.t1.", "cache.m1.", "cache.m2.", "cache.c1.")
"""Node types that AWS's lists of those with encryption do not name."""


def version_of(text: str) -> tuple[int, ...]:
    """`7.1.0` as numbers."""
    return tuple(int(part) for part in text.split("."))


def check_settings(params: Params) -> None:
    """Refuse single values that no replication group may have."""
    token = params.get("AuthToken")
    if token is not None and not TOKEN.fullmatch(token):
        raise invalid(
            "Invalid AuthToken provided. It must have 16 to 128 characters: alphanumeric ones and"
            " the symbols (!, &, #, $, ^, <, >, -)."
        )
    if "CacheNodeType" in params and not NODE.fullmatch(params["CacheNodeType"]):
        raise invalid(f"Invalid Cache Node Type: {params['CacheNodeType']}.")
    if not 0 <= params.get("SnapshotRetentionLimit", 0) <= 35:
        raise invalid("SnapshotRetentionLimit must be between 0 and 35.")
    if "SnapshotWindow" in params and minutes(daily(params["SnapshotWindow"], 0))[1] < 60:
        raise invalid("Snapshot window must be at least 60 minutes.")
    if "PreferredMaintenanceWindow" in params:
        weekly(params["PreferredMaintenanceWindow"], 60)
    if not 1024 <= params.get("Port", 6379) <= 65535:
        raise invalid(f"Invalid port: {params['Port']}")
    topic = params.get("NotificationTopicArn")
    if topic and not TOPIC.fullmatch(topic):
        raise invalid(f"Invalid topic ARN: {topic}")
    for name, known in (
        ("NotificationTopicStatus", ("active", "inactive")),
        ("NetworkType", ("ipv4", "ipv6", "dual_stack")),
        ("IpDiscovery", ("ipv4", "ipv6")),
        ("TransitEncryptionMode", ("preferred", "required")),
        ("ClusterMode", ("enabled", "disabled", "compatible")),
        ("Durability", ("default", "async", "sync", "disabled")),
    ):
        if name in params and params[name] not in known:
            raise invalid(f"Invalid {name}: {params[name]}")
    text = params.get("ReplicationGroupDescription", "-")
    if not 1 <= len(text) <= 255:
        raise invalid("ReplicationGroupDescription must have 1 to 255 characters.")


def check_windows(snapshot: str, maintenance: str) -> None:
    """Refuse a snapshot window that shares a moment with the maintenance window."""
    if overlapping(snapshot, maintenance):
        raise invalid("The snapshot window and maintenance window must not overlap.")


def check_nodes(
    failover: bool, multi_az: bool, clustered: bool, replicas: int, node: str = ""
) -> None:
    """Refuse availability settings that do not fit the number of nodes."""
    if clustered and not failover:
        raise clash(
            "Turning off automatic failover for replication group with cluster mode enabled is not"
            " supported."
        )
    if failover and replicas < 1 and not clustered:
        raise clash(
            "When using automatic failover, there must be at least 2 cache clusters in the"
            " replication group."
        )
    if failover and node.startswith("cache.t1."):
        raise clash("Automatic failover is not supported for T1 cache node types.")
    if multi_az and not failover:
        raise clash("Multi-AZ needs automatic failover to be enabled.")
    if multi_az and replicas < 1:
        raise clash("Multi-AZ needs at least one replica in each node group.")


def check_shape(shards: int, replicas: int) -> None:
    """Refuse numbers of node groups and replicas that no group has, or no account by default."""
    if not 0 <= replicas <= 5:
        raise invalid("A node group has 0 to 5 replicas (NumCacheClusters: 1 to 6).")
    if not 1 <= shards <= 500:
        raise invalid("A replication group has 1 to 500 node groups.")
    check_quota(shards * (1 + replicas))


def check_quota(nodes: int) -> None:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/quota-limits.html"""
    if nodes > 90:
        raise AwsError(
            "NodeGroupsPerReplicationGroupQuotaExceeded",
            "The request would exceed the quota of 90 nodes in a replication group.",
        )


def check_node_type(node: str, tiered: bool, engine: str, version: str) -> None:
    """Refuse data tiering where there is none, and nodes without it that are made for it."""
    if ("gd." in node) != tiered:
        raise clash(
            "Data tiering must be enabled for node types of the r6gd family, and is supported only"
            " by them."
        )
    if tiered and engine == "redis" and version_of(version) < (6, 2):
        raise clash("Data tiering is supported from Redis 6.2 on.")


def check_encryption(node: str, tls: bool, at_rest: bool) -> None:
    """Refuse encryption on node types that have none."""
    if tls and node.startswith(NOT_ENCRYPTED):
        raise clash(f"Encryption in transit is not supported for node type {node}.")
    if at_rest and node.startswith(NOT_ENCRYPTED):
        raise clash(f"Encryption at rest is not supported for node type {node}.")


def check_durability(durability: str, engine: str, version: str) -> None:
    """Refuse durable writes of engines that know none."""
    if durability in ("sync", "async") and (engine != "valkey" or version_of(version) < (9,)):
        raise clash("Durability is supported from Valkey 9.0 on.")


def logs(given: list[dict[str, Any]], held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Log deliveries after the request; `held` is what there is. At most one per log type."""
    out = {entry["LogType"]: {k: v for k, v in entry.items() if k != "Status"} for entry in held}
    if len({entry.get("LogType") for entry in given}) < len(given):
        raise clash("A log type can be configured only once.")
    for entry in given:
        kind = entry.get("LogType")
        if kind not in ("slow-log", "engine-log"):
            raise invalid(f"Invalid log type: {kind}")
        if entry.get("Enabled") is False:
            out.pop(kind, None)
            continue
        destination = entry.get("DestinationType", "")
        details = entry.get("DestinationDetails", {})
        if destination not in DESTINATIONS or list(details) != [DESTINATIONS[destination]]:
            raise clash("DestinationType and DestinationDetails must name one destination.")
        inner = DESTINATIONS[destination]
        if list(details[inner]) != [DETAILS[inner]] or entry.get("LogFormat") not in (
            "text",
            "json",
        ):
            raise clash("LogFormat must be text or json, and the destination must be named.")
        out[kind] = {k: v for k, v in entry.items() if k != "Enabled"}
    return list(out.values())
