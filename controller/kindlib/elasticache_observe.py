"""One replication group put together from what AWS says of it, its nodes and its tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.handler import Observation, Present, Target
from controller.kindlib import elasticache_document as document
from controller.kindlib.reading import tags_of
from controller.kindlib.resource_tags import reader
from controller.policies import Doc


def arn_of(target: Target, group: Mapping[str, Any]) -> str:
    """The group's ARN, which AWS did not always show."""
    known = group.get("ARN")
    return str(known or target.arn("elasticache", f"replicationgroup:{target.name}"))


def observed(
    aws: Aws, target: Target, group: Mapping[str, Any], clusters: list[Any] | AwsFailure
) -> Observation:
    """A replication group with its nodes and tags; what can't be read is unknown by name."""
    doc: Doc = {"group": group, "members": []}
    unknown: dict[str, str] = {}
    why = "its nodes are not shown yet"
    if isinstance(clusters, AwsFailure):
        why = str(clusters)
    else:
        mine = str(group["ReplicationGroupId"]).lower()
        doc["members"] = sorted(
            (c for c in clusters if str(c.get("ReplicationGroupId", "")).lower() == mine),
            key=lambda c: str(c["CacheClusterId"]),
        )
    if not doc["members"]:
        unknown |= dict.fromkeys(document.OF_MEMBERS, why)
        if "Engine" not in group:
            unknown["engine"] = why
        if "AutoMinorVersionUpgrade" not in group:
            unknown["autoMinorVersionUpgrade"] = why
    if not group.get("NodeGroups"):
        shown = "AWS shows it once it is created"
        unknown |= dict.fromkeys(("numNodeGroups", "replicasPerNodeGroup"), shown)
    if not document.endpoint_port(group):
        unknown["port"] = "AWS shows it once there is an endpoint"
    if group.get("Status") == "modifying":
        doc["asked"] = {n: target.spec[n] for n in document.SLOW if n in target.spec}
    arn = arn_of(target, group)
    ask = reader(aws, "elasticache", arn)
    try:
        # The shared hint lags, and a token's rotation must not be judged by it. While the group is
        # busy AWS refuses to show tags, and nothing is judged.
        careful = "authToken" in target.spec and group.get("Status") == "available"
        doc["tags"] = ask() if careful else tags_of(aws, target, arn, ask)
    except AwsFailure as failure:
        unknown["tags"] = str(failure)
    return Present(doc, unknown)
