"""What somebody does behind Plumbline's back, through boto3, as people do: for demo and tests.

Each deed names the resource and the field by which Plumbline must report it, and tells how the
judge sees, by boto3 alone, whether it was mended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

E = "litellm-production"
SERVICE = {"cluster": f"{E}-main", "services": [f"{E}-gateway"]}


@dataclass(frozen=True)
class Deed:
    """One change behind the back.

    field: the path that the report must name; empty if the whole resource is gone. healed: reads
    AWS and tells whether it is as desired.
    """

    title: str
    resource: str
    field: str
    do: Callable[[boto3.Session], None]
    healed: Callable[[boto3.Session], bool]


def alarm(aws: boto3.Session, name: str) -> dict[str, Any]:
    """An alarm as AWS has it; empty if it has none."""
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{E}-{name}"])["MetricAlarms"]
    return dict(found[0]) if found else {}


def service(aws: boto3.Session) -> dict[str, Any]:
    """The gateway service."""
    return dict(aws.client("ecs").describe_services(**SERVICE)["services"][0])


def container(aws: boto3.Session) -> dict[str, Any]:
    """The gateway's container in the revision that the service runs."""
    revision = aws.client("ecs").describe_task_definition(
        taskDefinition=service(aws)["taskDefinition"]
    )
    return dict(revision["taskDefinition"]["containerDefinitions"][0])


def target(aws: boto3.Session) -> dict[str, Any]:
    """The gateway's scalable target."""
    found = aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/{E}-main/{E}-gateway"]
    )["ScalableTargets"]
    return dict(found[0])


def database(aws: boto3.Session) -> dict[str, Any]:
    """The database instance."""
    found = aws.client("rds").describe_db_instances(DBInstanceIdentifier=f"{E}-main")
    return dict(found["DBInstances"][0])


def parameter(aws: boto3.Session, name: str) -> str:
    """A setting of the database's parameter group."""
    pages = aws.client("rds").get_paginator("describe_db_parameters")
    for page in pages.paginate(DBParameterGroupName=f"{E}-main", Source="user"):
        for found in page["Parameters"]:
            if found["ParameterName"] == name:
                return str(found.get("ParameterValue", ""))
    return ""


def cache(aws: boto3.Session) -> dict[str, Any]:
    """The replication group."""
    found = aws.client("elasticache").describe_replication_groups(ReplicationGroupId=f"{E}-cache")
    return dict(found["ReplicationGroups"][0])


def acl(aws: boto3.Session) -> dict[str, Any]:
    """The web ACL and its lock token: the reply of GetWebACL."""
    waf = aws.client("wafv2")
    (summary,) = [
        a for a in waf.list_web_acls(Scope="REGIONAL")["WebACLs"] if a["Name"] == f"{E}-edge"
    ]
    return dict(waf.get_web_acl(Name=summary["Name"], Id=summary["Id"], Scope="REGIONAL"))


def rules(aws: boto3.Session) -> dict[str, dict[str, Any]]:
    """The web ACL's rules by name."""
    return {rule["Name"]: rule for rule in acl(aws)["WebACL"]["Rules"]}


def associated(aws: boto3.Session) -> bool:
    """True if the web ACL stands before the load balancer."""
    found = aws.client("wafv2").list_resources_for_web_acl(WebACLArn=acl(aws)["WebACL"]["ARN"])
    return len(found["ResourceArns"]) == 1


def retention(aws: boto3.Session) -> int:
    """Days that the gateway's log group keeps events."""
    found = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"{E}-gateway")
    return int(found["logGroups"][0].get("retentionInDays", 0))


def cluster_tags(aws: boto3.Session) -> dict[str, str]:
    """Tags of the cluster."""
    found = aws.client("ecs").describe_clusters(clusters=[f"{E}-main"], include=["TAGS"])
    return {t["key"]: t["value"] for t in found["clusters"][0]["tags"]}


def lower_threshold(aws: boto3.Session) -> None:
    """An alarm that rang too often is made deaf."""
    kept = {
        k: v
        for k, v in alarm(aws, "gateway-5xx").items()
        if not k.startswith(("State", "Alarm")) or k in ("AlarmName", "AlarmActions")
    }
    if found := alarm(aws, "gateway-5xx").get("AlarmDescription"):
        kept["AlarmDescription"] = found
    model = aws.client("cloudwatch").meta.service_model.operation_model("PutMetricAlarm")
    accepted = set(model.input_shape.members)
    kept = {k: v for k, v in kept.items() if k in accepted and v not in ([], "")}
    aws.client("cloudwatch").put_metric_alarm(**{**kept, "Threshold": 10_000.0})


def other_revision(aws: boto3.Session) -> None:
    """A hot fix by hand: another image, another log level."""
    ecs = aws.client("ecs")
    found = ecs.describe_task_definition(taskDefinition=service(aws)["taskDefinition"])
    accepted = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    revision = {k: v for k, v in found["taskDefinition"].items() if k in accepted}
    (mine,) = revision["containerDefinitions"]
    mine["image"] = "ghcr.io/berriai/litellm:main-latest"
    for variable in mine["environment"]:
        if variable["name"] == "LITELLM_LOG":
            variable["value"] = "DEBUG"
    arn = ecs.register_task_definition(**revision)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=f"{E}-main", service=f"{E}-gateway", taskDefinition=arn)


def change_rules(aws: boto3.Session) -> None:
    """In the console: one rule deleted, one added that lets everybody in, one limit raised."""
    found = acl(aws)
    held = found["WebACL"]
    kept = [rule for rule in held["Rules"] if rule["Name"] != "known-bad-inputs"]
    for rule in kept:
        if rule["Name"] == "inference-rate":
            rule["Statement"]["RateBasedStatement"]["Limit"] = 1_000_000
    kept.append(
        {
            "Name": "allow-all",
            "Priority": 0,
            "Statement": {"GeoMatchStatement": {"CountryCodes": ["DE", "US", "FR"]}},
            "Action": {"Allow": {}},
            "VisibilityConfig": {
                "SampledRequestsEnabled": True,
                "CloudWatchMetricsEnabled": True,
                "MetricName": "allow-all",
            },
        }
    )
    request = {
        "Name": held["Name"], "Id": held["Id"], "Scope": "REGIONAL",
        "DefaultAction": held["DefaultAction"], "Rules": kept,
        "VisibilityConfig": held["VisibilityConfig"], "LockToken": found["LockToken"],
    }  # fmt: skip
    if held.get("Description"):
        request["Description"] = held["Description"]
    aws.client("wafv2").update_web_acl(**request)


def breaker_off(aws: boto3.Session) -> None:
    """A rollout that kept failing is forced through."""
    aws.client("ecs").update_service(
        cluster=f"{E}-main", service=f"{E}-gateway",
        deploymentConfiguration={
            "maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        },
    )  # fmt: skip


def weaken_database(aws: boto3.Session) -> None:
    """Backups cut to a day, protection off."""
    aws.client("rds").modify_db_instance(
        DBInstanceIdentifier=f"{E}-main", BackupRetentionPeriod=1, DeletionProtection=False,
        ApplyImmediately=True,
    )  # fmt: skip


def nothing(aws: boto3.Session) -> None:
    """Done by the deed before, in the same call."""


def _register(aws: boto3.Session, most: int) -> None:
    aws.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs", ResourceId=f"service/{E}-main/{E}-gateway",
        ScalableDimension="ecs:service:DesiredCount", MinCapacity=2, MaxCapacity=most,
    )  # fmt: skip


def _too_many(aws: boto3.Session) -> None:
    aws.client("ecs").update_service(cluster=f"{E}-main", service=f"{E}-gateway", desiredCount=25)


def _untag(aws: boto3.Session) -> None:
    arn = aws.client("ecs").describe_clusters(clusters=[f"{E}-main"])["clusters"][0]["clusterArn"]
    aws.client("ecs").tag_resource(
        resourceArn=arn, tags=[{"key": "application", "value": "something-else"}]
    )


def _disassociate(aws: boto3.Session) -> None:
    waf = aws.client("wafv2")
    arn = acl(aws)["WebACL"]["ARN"]
    for resource in waf.list_resources_for_web_acl(WebACLArn=arn)["ResourceArns"]:
        waf.disassociate_web_acl(ResourceArn=resource)


def _parameter(aws: boto3.Session) -> None:
    aws.client("rds").modify_db_parameter_group(
        DBParameterGroupName=f"{E}-main",
        Parameters=[{"ParameterName": "log_min_duration_statement", "ParameterValue": "60000",
                     "ApplyMethod": "immediate"}],
    )  # fmt: skip


DEEDS = (
    Deed("alarm threshold raised", "Alarm/gateway-5xx", "threshold", lower_threshold,
         lambda a: alarm(a, "gateway-5xx").get("Threshold") == 10),
    Deed("alarm deleted", "Alarm/cache-cpu", "",
         lambda a: a.client("cloudwatch").delete_alarms(AlarmNames=[f"{E}-cache-cpu"]) and None,
         lambda a: alarm(a, "cache-cpu").get("Threshold") == 80),
    Deed("autoscaling maximum raised", "Service/gateway", "autoscaling.maxCapacity",
         lambda a: _register(a, 50), lambda a: target(a)["MaxCapacity"] == 10),
    Deed("task count beyond the autoscaler's bounds", "Service/gateway", "desiredCount",
         _too_many, lambda a: 2 <= service(a)["desiredCount"] <= 10),
    Deed("image replaced", "Service/gateway", "containers[gateway].image", other_revision,
         lambda a: container(a)["image"].endswith("v1.106.2")),
    Deed("environment variable changed", "Service/gateway",
         "containers[gateway].environment[LITELLM_LOG]", nothing,
         lambda a: {"name": "LITELLM_LOG", "value": "ERROR"} in container(a)["environment"]),
    Deed("circuit breaker off", "Service/gateway", "deployment.circuitBreaker.enable", breaker_off,
         lambda a: service(a)["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"]),
    Deed("database backups cut to a day", "DBInstance/main", "backupRetentionPeriod",
         weaken_database, lambda a: database(a)["BackupRetentionPeriod"] == 7),
    Deed("database deletion protection off", "DBInstance/main", "deletionProtection", nothing,
         lambda a: database(a)["DeletionProtection"]),
    Deed("database parameter changed", "DBParameterGroup/main",
         "parameters[log_min_duration_statement]", _parameter,
         lambda a: parameter(a, "log_min_duration_statement") == "1000"),
    Deed("Redis snapshots cut", "ReplicationGroup/cache", "snapshotRetentionLimit",
         lambda a: a.client("elasticache").modify_replication_group(
             ReplicationGroupId=f"{E}-cache", SnapshotRetentionLimit=1, ApplyImmediately=True
         ) and None,
         lambda a: cache(a)["SnapshotRetentionLimit"] == 7),
    Deed("firewall rule removed", "WebACL/edge", "rules[known-bad-inputs]", change_rules,
         lambda a: "known-bad-inputs" in rules(a)),
    Deed("allow-all rule on top", "WebACL/edge", "rules[allow-all]", nothing,
         lambda a: "allow-all" not in rules(a)),
    Deed("rate limit raised", "WebACL/edge", "rules[inference-rate].rateLimit.limit", nothing,
         lambda a: rules(a)["inference-rate"]["Statement"]["RateBasedStatement"]["Limit"] == 2000),
    Deed("firewall taken off the load balancer", "WebACL/edge", "associations", _disassociate,
         associated),
    Deed("log retention cut", "LogGroup/gateway", "retentionInDays",
         lambda a: a.client("logs").put_retention_policy(
             logGroupName=f"{E}-gateway", retentionInDays=1) and None,
         lambda a: retention(a) == 30),
    Deed("tag changed", "Cluster/main", "tags[application]", _untag,
         lambda a: cluster_tags(a)["application"] == "litellm"),
)  # fmt: skip
"""In the order in which they are done."""
