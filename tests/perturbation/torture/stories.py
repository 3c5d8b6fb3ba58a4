"""What is perturbed: environments that are made, changed, taken down in part, and healed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import boto3

from sandbox.tamper import DEEDS, breaker_off
from tests.behaviour.scenario import EIGHT
from tests.harness import production

E = "litellm-production"
NEIGHBOUR = f"{E}-neighbour"
LIMITS = "{maxRemovals: 8, maxDeletes: 8}"
ROOM = EIGHT.replace(
    "spec: {}", f"spec: {{prune: delete, limits: {LIMITS}, tags: {{stage: test}}}}", 1
)


@dataclass(frozen=True)
class Story:
    """One thing that an environment goes through.

    before: the file with which it converges first; empty: nothing is there. text: the file from
    then on. deeds: what somebody does behind our back. exhaustive: small enough for every accident
    at every place.
    """

    name: str
    before: str
    text: str
    deeds: tuple[Callable[[boto3.Session], object], ...] = ()
    exhaustive: bool = True


def _with(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def _without(text: str, *keys: str) -> str:
    """The file without some manifests."""

    def gone(document: str) -> bool:
        return any(
            f"kind: {kind}\n" in document and f"name: {name}}}" in document
            for kind, _, name in (key.partition("/") for key in keys)
        )

    parts = text.split("---\n")
    kept = [part for part in parts if not gone(part)]
    assert len(kept) == len(parts) - len(keys), keys
    return "---\n".join(kept)


CHANGED = _with(
    ROOM,
    [
        ("tags: {stage: test}", "tags: {stage: live, owner: platform}"),
        ("retentionInDays: 14", "retentionInDays: 30"), ("threshold: 90", "threshold: 80"),
        ("nginx:1.29", "nginx:1.30"), ("maxCapacity: 4", "maxCapacity: 6"),
        ("log_lock_waits: 1", "log_lock_waits: 0"), ("private subnets", "the private subnets"),
    ],
)  # fmt: skip


def _alarm_gone(aws: boto3.Session) -> None:
    aws.client("cloudwatch").delete_alarms(AlarmNames=[f"{E}-busy"])


def _short_retention(aws: boto3.Session) -> None:
    aws.client("logs").put_retention_policy(logGroupName=f"{E}-app", retentionInDays=1)


def _other_tag(aws: boto3.Session) -> None:
    ecs = aws.client("ecs")
    arn = ecs.describe_clusters(clusters=[f"{E}-main"])["clusters"][0]["clusterArn"]
    ecs.untag_resource(resourceArn=arn, tagKeys=["stage"])


def _more_tasks(aws: boto3.Session) -> None:
    aws.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs", ResourceId=f"service/{E}-main/{E}-gateway",
        ScalableDimension="ecs:service:DesiredCount", MinCapacity=1, MaxCapacity=50,
    )  # fmt: skip


def _no_firewall(aws: boto3.Session) -> None:
    waf = aws.client("wafv2")
    found = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    (arn,) = [a["ARN"] for a in found if a["Name"] == f"{E}-edge"]
    for resource in waf.list_resources_for_web_acl(WebACLArn=arn)["ResourceArns"]:
        waf.disassociate_web_acl(ResourceArn=resource)


def _parameter(aws: boto3.Session) -> None:
    aws.client("rds").modify_db_parameter_group(
        DBParameterGroupName=f"{E}-main",
        Parameters=[{"ParameterName": "log_lock_waits", "ParameterValue": "0",
                     "ApplyMethod": "immediate"}],
    )  # fmt: skip


def _no_secret_tags(aws: boto3.Session) -> None:
    aws.client("secretsmanager").untag_resource(SecretId=f"{E}-key", TagKeys=["stage"])


_SHIPPED = production()
_WIDE = _SHIPPED.replace(
    "  interval: 1m\n", f"  interval: 1m\n  prune: delete\n  limits: {LIMITS}\n", 1
)

STORIES = (
    Story("create-all", "", ROOM),
    Story("change-all", ROOM, CHANGED),
    Story("delete-some", ROOM, _without(
        ROOM, "Alarm/busy", "WebACL/edge", "Service/gateway", "DBParameterGroup/main",
        "LogGroup/app",
    )),
    Story("mixed-drift", ROOM, ROOM, (
        _alarm_gone, _short_retention, _other_tag, breaker_off, _more_tasks, _no_firewall,
        _parameter, _no_secret_tags,
    )),
    Story("litellm-create", "", _SHIPPED, exhaustive=False),
    Story("litellm-change", _SHIPPED, _with(_SHIPPED, [
        ("stage: production", "stage: live"), ("retentionInDays: 30", "retentionInDays: 60"),
        ("v1.106.2", "v1.106.3"),
    ]), exhaustive=False),
    Story("litellm-delete", _WIDE, _without(
        _WIDE, "Dashboard/overview", "CompositeAlarm/gateway-down", "Alarm/firewall-blocked",
        "Alarm/cache-evictions",
    ), exhaustive=False),
    Story("litellm-drift", _SHIPPED, _SHIPPED, tuple(deed.do for deed in DEEDS), exhaustive=False),
)  # fmt: skip
"""By name; those of eight resources first."""


def neighbours(aws: boto3.Session) -> None:
    """Things of others, named as ours might be: nobody may touch them."""
    name = NEIGHBOUR
    aws.client("logs").create_log_group(logGroupName=name, tags={"owner": "others"})
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="AWS/ECS", MetricName="CPUUtilization", Statistic="Average",
        Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    aws.client("ecs").create_cluster(clusterName=name)
    aws.client("rds").create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description="others"
    )
    aws.client("secretsmanager").create_secret(Name=name, SecretString="others")
    aws.client("wafv2").create_web_acl(
        Name=name, Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[],
        VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False,
                          "MetricName": "others"},
    )  # fmt: skip
