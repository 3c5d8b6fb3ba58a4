"""What ElastiCache refuses of a replication group's settings, at creation and at changes alike."""

from __future__ import annotations

import re
from typing import Any

from sandbox.data_services import clash, daily, invalid, weekly
from sandbox.errors import NotSimulated
from sandbox.registry import Params

TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")
NODE = re.compile(r"cache\.[a-z][a-z0-9]*\.(micro|small|medium|large|xlarge|\d+xlarge)")
TOPIC = re.compile(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[\w.-]+")
DESTINATIONS = {
    "cloudwatch-logs": "CloudWatchLogsDetails",
    "kinesis-firehose": "KinesisFirehoseDetails",
}
DETAILS = {"CloudWatchLogsDetails": "LogGroup", "KinesisFirehoseDetails": "DeliveryStream"}


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
    if "SnapshotWindow" in params:
        daily(params["SnapshotWindow"], 60)
    if "PreferredMaintenanceWindow" in params:
        weekly(params["PreferredMaintenanceWindow"], 60)
    if not 1024 <= params.get("Port", 6379) <= 65535:
        raise invalid(f"Invalid port: {params['Port']}")
    topic = params.get("NotificationTopicArn")
    if topic and not TOPIC.fullmatch(topic):
        raise invalid(f"Invalid topic ARN: {topic}")
    if params.get("NotificationTopicStatus", "active") not in ("active", "inactive"):
        raise invalid("NotificationTopicStatus must be active or inactive.")
    for name in ("NetworkType", "IpDiscovery"):
        if params.get(name, "ipv4") != "ipv4":
            raise NotSimulated(f"{name} {params[name]}")
    text = params.get("ReplicationGroupDescription", "-")
    if not 1 <= len(text) <= 255:
        raise invalid("ReplicationGroupDescription must have 1 to 255 characters.")


def check_nodes(failover: bool, multi_az: bool, clustered: bool, replicas: int) -> None:
    """Refuse availability settings that do not fit the number of nodes."""
    if clustered and not failover:
        raise clash("Automatic failover must be enabled for cluster mode enabled groups.")
    if failover and replicas < 1 and not clustered:
        raise clash(
            "Automatic failover is not supported when number of cache clusters is less than or"
            " equal to one."
        )
    if multi_az and not failover:
        raise clash("Multi-AZ needs automatic failover to be enabled.")
    if multi_az and replicas < 1:
        raise clash("Multi-AZ needs at least one replica in each node group.")


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
