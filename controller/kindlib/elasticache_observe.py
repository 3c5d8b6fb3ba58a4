"""One replication group put together from what AWS says of it, its nodes and its tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.handler import Observation, Present, Target
from controller.kept import under_token
from controller.kindlib import elasticache_document as document
from controller.kindlib.elasticache_owners import SCALED
from controller.kindlib.elasticache_shards import shards
from controller.kindlib.elasticache_token import last_modified
from controller.kindlib.reading import environment_of, tag_hint, tags_of
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
    doc: Doc = {"group": group, "members": [], "wanted": target.spec}
    unknown: dict[str, str] = {}
    why = "its nodes are not shown yet"
    if isinstance(clusters, AwsFailure):
        why = str(clusters)
    else:
        mine = str(group["ReplicationGroupId"]).lower()
        doc["members"] = sorted(
            (c for c in clusters if str(c.get("ReplicationGroupId", "")).lower() == mine),
            key=lambda c: str(c.get("CacheClusterId")),
        )
    spec = document.to_spec(doc)
    if not doc["members"]:
        unknown |= dict.fromkeys(document.OF_MEMBERS, why)
    unknown |= dict.fromkeys((n for n in document.PERHAPS_OF_MEMBERS if n not in spec), why)
    later = "AWS shows it once it is created"
    unknown |= dict.fromkeys((n for n in document.ONCE_CREATED if n not in spec), later)
    wanted = target.spec
    if group.get("Status") == "modifying":
        doc["asked"] = {n: wanted[n] for n in document.SLOW if n in wanted}
    if group.get("Status") == "creating":
        doc["asked"] = {n: wanted[n] for n in document.ASSOCIATED if n in wanted}
    unknown |= _scaled(aws, doc, wanted)
    arn = arn_of(target, group)
    ask = reader(aws, "elasticache", arn)
    try:
        # The shared hint lags, and a token's rotation must not be judged by it. While the group is
        # busy AWS refuses to show tags, and nothing is judged.
        careful = "authToken" in wanted and group.get("Status") == "available"
        doc["tags"] = _tags(aws, target, arn, group) if careful else tags_of(aws, target, arn, ask)
    except AwsFailure as failure:
        unknown["tags"] = str(failure)
    return Present(doc, unknown)


def _tags(aws: Aws, target: Target, arn: str, group: Mapping[str, Any]) -> dict[str, str]:
    """The tags as ElastiCache itself shows them, asked for when they may have changed: the token's
    date moves with each step of a rotation, and the hint with what anybody else writes."""
    token = (last_modified(group), tag_hint(aws, target, arn))
    what = ("elasticache", "tags", arn)
    return under_token(aws, environment_of(target), what, token, reader(aws, "elasticache", arn))


def _scaled(aws: Aws, doc: Doc, wanted: Doc) -> dict[str, str]:
    """Where sizes are not as desired: whether Application Auto Scaling may have chosen them.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoScaling.html (cluster mode only)
    Notes the bounds in `doc`; returns what is unknown because they could not be read.
    """
    now = shards(doc)
    moved = [n for n in SCALED.values() if n in now and n in wanted and now[n] != wanted[n]]
    if not moved or not doc["group"].get("ClusterEnabled"):
        return {}
    name = f"replication-group/{doc['group']['ReplicationGroupId']}"
    try:
        targets = aws.pages(
            "application-autoscaling", "DescribeScalableTargets", "ScalableTargets",
            {"ServiceNamespace": "elasticache", "ResourceIds": [name]},
        )  # fmt: skip
    except AwsFailure as failure:
        return dict.fromkeys(moved, str(failure))
    doc["scaled"] = {
        SCALED[t["ScalableDimension"]]: (t["MinCapacity"], t["MaxCapacity"])
        for t in targets
        if t.get("ScalableDimension") in SCALED
    }
    return {}
