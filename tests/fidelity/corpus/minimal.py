"""What a recording does not show and AWS would: as little as makes the reply whole, and nothing in
it that differs from AWS's documented defaults. Made in botocore's shapes; a test checks that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Doc = dict[str, Any]
BORN = datetime(2024, 1, 1, 12, tzinfo=UTC)
SUBNET, GROUP = "subnet-0123456789abcdef0", "sg-0123456789abcdef0"


def place_of(arn: str) -> tuple[str, str]:
    """Region and account of an ARN."""
    parts = arn.split(":")
    return (parts[3], parts[4]) if len(parts) > 5 else ("", "")


def cluster(arn: str, providers: Sequence[str] = ()) -> Doc:
    """An ECS cluster."""
    return {
        "clusterArn": arn, "clusterName": arn.rpartition("/")[2], "status": "ACTIVE",
        "registeredContainerInstancesCount": 0, "runningTasksCount": 0, "pendingTasksCount": 0,
        "activeServicesCount": 1, "statistics": [], "tags": [],
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "capacityProviders": list(providers), "defaultCapacityProviderStrategy": [],
    }  # fmt: skip


def service(arn: str, cluster_arn: str, definition: Mapping[str, Any]) -> Doc:
    """An ECS service that runs a task definition."""
    wanted = definition.get("requiresCompatibilities") or ()
    launch = "EC2" if "FARGATE" not in wanted else "FARGATE"
    where: Doc = {}
    if definition.get("networkMode") == "awsvpc":
        vpc = {"subnets": [SUBNET], "securityGroups": [GROUP], "assignPublicIp": "DISABLED"}
        where = {"networkConfiguration": {"awsvpcConfiguration": vpc}}
    version: Doc = {"platformVersion": "LATEST", "platformFamily": "Linux"}
    primary: Doc = {
        "id": "ecs-svc/1234567890123456789", "status": "PRIMARY", "desiredCount": 1,
        "taskDefinition": definition["taskDefinitionArn"], "runningCount": 1, "pendingCount": 0,
        "failedTasks": 0, "createdAt": BORN, "updatedAt": BORN, "launchType": launch,
        "rolloutState": "COMPLETED", "rolloutStateReason": "deployment completed.",
    }  # fmt: skip
    return {
        "serviceArn": arn, "serviceName": arn.rpartition("/")[2], "clusterArn": cluster_arn,
        "loadBalancers": [], "serviceRegistries": [], "status": "ACTIVE", "desiredCount": 1,
        "runningCount": 1, "pendingCount": 0, "launchType": launch,
        **(version if launch == "FARGATE" else {}),
        "taskDefinition": definition["taskDefinitionArn"],
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
            "maximumPercent": 200, "minimumHealthyPercent": 100,
        },
        "deployments": [{**primary, **where}], "events": [], "createdAt": BORN,
        "placementConstraints": [], "placementStrategy": [], **where,
        "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": False, "propagateTags": "NONE", "enableExecuteCommand": False,
    }  # fmt: skip


def definition(shown: Mapping[str, Any]) -> Doc:
    """A task definition that a service may run, with the containers and ports that it names."""
    arn = str(shown["taskDefinition"])
    family, _, revision = arn.rpartition("/")[2].partition(":")
    awsvpc = "networkConfiguration" in shown
    fargate = shown.get("launchType") == "FARGATE" or any(
        s.get("capacityProvider", "").startswith("FARGATE")
        for s in shown.get("capacityProviderStrategy") or ()
    )
    ports: dict[str, list[int]] = {}
    for entry in (*(shown.get("loadBalancers") or ()), *(shown.get("serviceRegistries") or ())):
        if entry.get("containerName"):
            here = ports.setdefault(entry["containerName"], [])
            if entry.get("containerPort") and entry["containerPort"] not in here:
                here.append(entry["containerPort"])
    containers = [
        {
            "name": name, "image": "public.ecr.aws/nginx/nginx:stable", "cpu": 0,
            "memoryReservation": 128, "essential": True, "environment": [], "mountPoints": [],
            "volumesFrom": [], "systemControls": [],
            "portMappings": [
                {"containerPort": port, "hostPort": port if awsvpc else 0, "protocol": "tcp"}
                for port in found
            ],
        }
        for name, found in (ports or {"app": []}).items()
    ]  # fmt: skip
    sizes: Doc = {"cpu": "256", "memory": "512"} if fargate else {}
    wanted = ["FARGATE" if fargate else "EC2"]
    return {
        "taskDefinitionArn": arn, "family": family, "revision": int(revision or 1),
        "containerDefinitions": containers, "volumes": [], "status": "ACTIVE",
        "networkMode": "awsvpc" if awsvpc else "bridge", "requiresAttributes": [],
        "placementConstraints": [], "compatibilities": wanted, "requiresCompatibilities": wanted,
        "registeredAt": BORN, **sizes,
    }  # fmt: skip


def scalable_target(resource: str) -> Doc:
    """A registered ECS service."""
    return {
        "ServiceNamespace": "ecs", "ResourceId": resource, "MinCapacity": 1, "MaxCapacity": 10,
        "ScalableDimension": "ecs:service:DesiredCount", "CreationTime": BORN,
        "RoleARN": "arn:aws:iam::123456789012:role/aws-service-role/ecs",
    }  # fmt: skip


def nodes(group: Mapping[str, Any]) -> list[Doc]:
    """The member clusters of a replication group."""
    on = ".cluster.on" if group.get("ClusterEnabled") else ""
    engine = str(group.get("Engine") or "redis")
    version, family = ("8.0.1", "valkey8") if engine == "valkey" else ("7.1.0", "redis7")
    shared = {k: group[k] for k in (
        "CacheNodeType", "SnapshotRetentionLimit", "SnapshotWindow", "TransitEncryptionEnabled",
        "AtRestEncryptionEnabled", "AuthTokenEnabled", "AutoMinorVersionUpgrade",
    ) if k in group}  # fmt: skip
    return [
        {
            "CacheClusterId": name, "Engine": engine, "EngineVersion": version,
            "CacheClusterStatus": "available", "NumCacheNodes": 1, "CacheClusterCreateTime": BORN,
            "PreferredMaintenanceWindow": "sun:05:00-sun:06:00", "PendingModifiedValues": {},
            "CacheParameterGroup": {
                "CacheParameterGroupName": f"default.{family}{on}",
                "ParameterApplyStatus": "in-sync", "CacheNodeIdsToReboot": [],
            },
            "CacheSubnetGroupName": "default", "AutoMinorVersionUpgrade": True,
            "SecurityGroups": [{"SecurityGroupId": GROUP, "Status": "active"}],
            "ReplicationGroupId": group["ReplicationGroupId"], **shared,
        }
        for name in group.get("MemberClusters") or ()
    ]  # fmt: skip


def replication_group(name: str, members: Sequence[Mapping[str, Any]]) -> Doc:
    """The group of these member clusters: shards by their numbers (`name-0002-001`)."""
    shards: dict[str, list[Mapping[str, Any]]] = {}
    for member in members:
        parts = str(member["CacheClusterId"]).removeprefix(f"{name}-").split("-")
        shards.setdefault(parts[0] if len(parts) > 1 else "0001", []).append(member)
    first = members[0]
    parameters = first.get("CacheParameterGroup", {}).get("CacheParameterGroupName", "")
    clustered = len(shards) > 1 or parameters.endswith(".cluster.on")
    several = all(len(s) > 1 for s in shards.values())
    end = {"Address": f"{name}.abcdef.ng.0001.use1.cache.amazonaws.com", "Port": 6379}
    shared = {k: first[k] for k in (
        "CacheNodeType", "SnapshotRetentionLimit", "SnapshotWindow", "TransitEncryptionEnabled",
        "AtRestEncryptionEnabled", "AuthTokenEnabled",
    ) if k in first}  # fmt: skip
    return {
        "ReplicationGroupId": name, "Description": name, "Status": "available",
        "PendingModifiedValues": {}, "MemberClusters": [m["CacheClusterId"] for m in members],
        "NodeGroups": [
            {
                "NodeGroupId": number, "Status": "available",
                **({} if clustered else {"PrimaryEndpoint": end}),
                "NodeGroupMembers": [
                    {"CacheClusterId": m["CacheClusterId"], "CacheNodeId": "0001"} for m in found
                ],
            }
            for number, found in sorted(shards.items())
        ],
        "AutomaticFailover": "enabled" if several else "disabled",
        "MultiAZ": "disabled", "ClusterEnabled": clustered,
        **({"ConfigurationEndpoint": end} if clustered else {}), **shared,
    }  # fmt: skip


def parameter_group(service_name: str) -> Doc:
    """A parameter group that somebody made."""
    if service_name == "rds":
        return {
            "DBParameterGroupName": "recorded", "DBParameterGroupFamily": "postgres16",
            "Description": "recorded",
            "DBParameterGroupArn": "arn:aws:rds:us-east-1:123456789012:pg:recorded",
        }  # fmt: skip
    return {
        "CacheParameterGroupName": "recorded", "CacheParameterGroupFamily": "redis7",
        "Description": "recorded", "IsGlobal": False,
        "ARN": "arn:aws:elasticache:us-east-1:123456789012:parametergroup:recorded",
    }  # fmt: skip


def web_acl(arn: str) -> Doc:
    """A web ACL without rules."""
    name, ident = arn.split("/")[-2:]
    return {
        "Name": name, "Id": ident, "ARN": arn, "DefaultAction": {"Allow": {}}, "Rules": [],
        "VisibilityConfig": {
            "SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name,
        },
        "Capacity": 0, "ManagedByFirewallManager": False,
    }  # fmt: skip


def log_group(name: str) -> Doc:
    """A log group."""
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{name}"
    return {
        "logGroupName": name, "creationTime": 1_700_000_000_000, "metricFilterCount": 0,
        "arn": f"{arn}:*", "storedBytes": 0, "logGroupClass": "STANDARD", "logGroupArn": arn,
    }  # fmt: skip
