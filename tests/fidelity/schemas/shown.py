"""Which fields AWS shows again, and where: requests beside the replies that show the resource.

A member of a reply that is called as the request's (inside what holds one resource) shows its
field. Others are in `shown/<Kind>.yaml`: field → the member of the reply, `- never` for one that no
reply shows, which must then be write-only or an option of a call, or `- how else it is known`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from controller.policies import ActionOption, WriteOnly
from tests.fidelity.schemas import api
from tests.fidelity.schemas.api import inner, model
from tests.fidelity.schemas.places import NAME, Place, place
from tests.fidelity.schemas.said import read

SHOWN: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Alarm": (
        ("cloudwatch", "DescribeAlarms", "MetricAlarms"),
        ("cloudwatch", "ListTagsForResource", ""),
    ),
    "CacheParameterGroup": (
        ("elasticache", "DescribeCacheParameterGroups", "CacheParameterGroups"),
        ("elasticache", "DescribeCacheParameters", "Parameters"),
        ("elasticache", "ListTagsForResource", ""),
    ),
    "CacheSubnetGroup": (
        ("elasticache", "DescribeCacheSubnetGroups", "CacheSubnetGroups"),
        ("elasticache", "ListTagsForResource", ""),
    ),
    "Cluster": (("ecs", "DescribeClusters", "clusters"),),
    "CompositeAlarm": (
        ("cloudwatch", "DescribeAlarms", "CompositeAlarms"),
        ("cloudwatch", "ListTagsForResource", ""),
    ),
    "Dashboard": (("cloudwatch", "GetDashboard", ""), ("cloudwatch", "ListTagsForResource", "")),
    "DBInstance": (("rds", "DescribeDBInstances", "DBInstances"),),
    "DBParameterGroup": (
        ("rds", "DescribeDBParameterGroups", "DBParameterGroups"),
        ("rds", "DescribeDBParameters", "Parameters"),
        ("rds", "ListTagsForResource", ""),
    ),
    "DBSubnetGroup": (
        ("rds", "DescribeDBSubnetGroups", "DBSubnetGroups"),
        ("rds", "ListTagsForResource", ""),
    ),
    "IPSet": (
        ("wafv2", "GetIPSet", "IPSet"),
        ("wafv2", "ListTagsForResource", "TagInfoForResource"),
    ),
    "Stack": (("cloudformation", "DescribeStacks", "Stacks"),),
    "LogGroup": (
        ("logs", "DescribeLogGroups", "logGroups"),
        ("logs", "ListTagsForResource", ""),
    ),
    "MetricFilter": (
        ("logs", "DescribeMetricFilters", "metricFilters"),
        ("logs", "DescribeMetricFilters", "metricFilters.metricTransformations"),
    ),
    "Parameter": (
        ("ssm", "GetParameters", "Parameters"),
        ("ssm", "DescribeParameters", "Parameters"),
        ("ssm", "ListTagsForResource", ""),
    ),
    "ReplicationGroup": (
        ("elasticache", "DescribeReplicationGroups", "ReplicationGroups"),
        ("elasticache", "DescribeCacheClusters", "CacheClusters"),
        ("elasticache", "ListTagsForResource", ""),
    ),
    "Secret": (("secretsmanager", "DescribeSecret", ""),),
    "SecurityGroup": (("ec2", "DescribeSecurityGroups", "SecurityGroups"),),
    "Service": (
        ("ecs", "DescribeServices", "services"),
        ("ecs", "DescribeServices", "services.deployments"),
        ("ecs", "DescribeTaskDefinition", "taskDefinition"),
        ("ecs", "DescribeTaskDefinition", ""),
        ("application-autoscaling", "DescribeScalableTargets", "ScalableTargets"),
        ("application-autoscaling", "DescribeScalingPolicies", "ScalingPolicies"),
        ("application-autoscaling", "DescribeScheduledActions", "ScheduledActions"),
    ),
    "Task": (
        ("ecs", "DescribeTaskDefinition", "taskDefinition"),
        ("ecs", "DescribeTaskDefinition", ""),
        ("ecs", "DescribeTasks", "tasks"),
    ),
    "Topic": (
        ("sns", "GetTopicAttributes", ""),
        ("sns", "ListSubscriptionsByTopic", "Subscriptions"),
        ("sns", "GetSubscriptionAttributes", ""),
        ("sns", "ListTagsForResource", ""),
    ),
    "WebACL": (
        ("wafv2", "GetWebACL", "WebACL"),
        ("wafv2", "GetLoggingConfiguration", ""),
        ("wafv2", "ListTagsForResource", "TagInfoForResource"),
    ),
}
"""Kind → the replies that show its resources, and the member of each that holds one."""


@cache
def members(kind: str) -> dict[str, str]:
    """Member of a reply, inside of what holds one resource, in lower case → how it is called."""
    found: dict[str, str] = {}
    for service, operation, holder in SHOWN[kind]:
        shape = model(service).operation_model(operation).output_shape
        held = shape
        for step in filter(None, holder.split(".")):
            held = inner(held).members[step]
        for way in _below(held, "", ()):
            found.setdefault(way.lower(), f"{service}:{operation}.{way}")
    return found


def _below(shape: Any, way: str, above: tuple[str, ...]) -> Iterator[str]:
    holder = inner(shape)
    if holder.type_name != "structure" or holder.name in above:
        return
    for name, member in holder.members.items():
        here = f"{way}.{name}" if way else name
        yield here
        yield from _below(member, here, (*above, holder.name))


def verdicts(kind: str) -> Iterator[tuple[Place, str, str]]:
    """(field, what differs, source) of every field that a request carries."""
    ways: dict[str, list[str]] = {}
    for member in api.members(kind):
        if member.path is not None and member.path != NAME:
            ways.setdefault(member.path, []).append(member.way)
    told = read("shown", kind)
    there = members(kind)
    for path, carried in ways.items():
        spot = place(kind, path)
        assert spot
        where = told.get(spot.at)
        hidden = spot.policy(WriteOnly, inherited=True) or spot.policy(ActionOption, inherited=True)
        same = [w for w in carried if w.lower() in there]
        if where == "- never":
            yield spot, "" if hidden else "never shown there, compared here", carried[0]
        elif where is not None and where.startswith("- "):
            yield spot, "", where
        elif where is not None:
            known = where.lower() in there
            yield spot, "" if known else f"no reply has a {where}", carried[0]
        elif same:
            yield spot, "shown there, not compared here" if hidden else "", there[same[0].lower()]
        else:
            yield spot, "shown nowhere by this name", carried[0]


def output_only(kind: str) -> list[str]:
    """Members of replies that no request carries: read-only."""
    carried = {m.way.lower() for m in api.members(kind)}
    told = {str(v).lower() for v in read("shown", kind).values()}
    return sorted(call for way, call in members(kind).items() if way not in carried | told)
