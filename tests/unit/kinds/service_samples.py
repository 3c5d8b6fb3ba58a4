"""A service of ours, as written and as AWS shows it, for the tests of the kind."""

from __future__ import annotations

import copy
from typing import Any

from controller.diff import put
from controller.handler import Absent
from controller.kinds.service import ServiceHandler
from tests.unit.kinds.kit import target

HANDLER = ServiceHandler()
ROLE = "arn:aws:iam::123456789012:role/execution"
GROUP = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/x/0123456789abcdef"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-AbCdEf"
LOGS = {
    "logDriver": "awslogs",
    "options": {
        "awslogs-group": "/x",
        "awslogs-region": "eu-central-1",
        "awslogs-stream-prefix": "app",
    },
}
Doc = dict[str, Any]
ROLL = ["RegisterTaskDefinition", "UpdateService"]


def spec(**more: Any) -> Doc:
    """A gateway as LiteLLM's: a side container that goes first, logs, secrets, autoscaling."""
    base: Doc = {
        "cluster": "main",
        "cpu": 1024,
        "memory": 4096,
        "executionRoleArn": ROLE,
        "containers": {
            "gateway": {
                "image": "litellm@sha256:aaa",
                "environment": {"MODE": "PRODUCTION", "EMPTY": ""},
                "secrets": {"KEY": SECRET},
                "portMappings": [{"containerPort": 4000}, {"containerPort": 4001}],
                "healthCheck": {"command": ["CMD", "python", "-c", "pass"]},
                "dependsOn": {"migrations": "SUCCESS"},
                "logConfiguration": LOGS,
                "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}],
                "ulimits": {"nofile": {"softLimit": 65536, "hardLimit": 65536}},
                "linuxParameters": {"initProcessEnabled": True},
            },
            "migrations": {
                "image": "litellm@sha256:aaa", "essential": False, "command": ["migrations"],
                "logConfiguration": LOGS,
            },
        },
        "volumes": {"tmp": {}},
        "networkConfiguration": {"subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-1"]},
        "loadBalancers": [
            {"targetGroupArn": GROUP, "containerName": "gateway", "containerPort": 4000}
        ],
        "autoscaling": {
            "minCapacity": 2,
            "maxCapacity": 10,
            "policies": {
                "cpu": {"targetValue": 60, "predefinedMetric": "ECSServiceAverageCPUUtilization"}
            },
        },
    }  # fmt: skip
    return {**base, **more}


def with_(path: str, value: Any) -> Doc:
    """`spec()` with the value at a path changed; None removes it."""
    doc = copy.deepcopy(spec())
    put(doc, path.split("/"), value)
    return doc


def shown(desired: Doc | None = None) -> Doc:
    """What AWS shows of a service made as `desired`: with defaults filled in, and shuffled."""
    aim = target(HANDLER, "test-x", desired or spec())
    calls = {a.operation: dict(a.params) for a in HANDLER.plan(aim, Absent(), ())}
    task, made = calls["RegisterTaskDefinition"], calls["CreateService"]
    arn = "arn:aws:ecs:eu-central-1:123456789012:"
    definition = {
        **copy.deepcopy({k: v for k, v in task.items() if k != "tags"}),
        "taskDefinitionArn": f"{arn}task-definition/test-x:1",
        "revision": 1,
        "status": "ACTIVE",
        "placementConstraints": [],
        "compatibilities": ["EC2", "FARGATE"],
    }
    for container in definition["containerDefinitions"]:
        container.setdefault("cpu", 0)
        container.setdefault("essential", True)
        for name in ("volumesFrom", "systemControls", "dnsServers", "links", "mountPoints"):
            container.setdefault(name, [])
        container["environment"] = list(reversed(container.get("environment", [])))
        container["portMappings"] = [
            {**p, "hostPort": p["containerPort"]} for p in container.get("portMappings", [])
        ]
        if "healthCheck" in container:
            container["healthCheck"] |= {"interval": 30, "timeout": 5, "retries": 3}
    for volume in definition.get("volumes", []):
        volume.setdefault("host", {})
    definition["containerDefinitions"].reverse()
    network = copy.deepcopy(made["networkConfiguration"])
    network["awsvpcConfiguration"]["subnets"].reverse()
    service = {
        **{k: v for k, v in made.items() if k not in ("cluster", "taskDefinition")},
        "clusterArn": f"{arn}cluster/{made['cluster']}",
        "serviceArn": f"{arn}service/{made['cluster']}/test-x",
        "taskDefinition": definition["taskDefinitionArn"],
        "status": "ACTIVE",
        "networkConfiguration": network,
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "healthCheckGracePeriodSeconds": 0,
        "availabilityZoneRebalancing": "ENABLED",
        "deploymentController": {"type": "ECS"},
        "serviceRegistries": [],
        "placementStrategy": [],
        "runningCount": made["desiredCount"],
        "deployments": [{"status": "PRIMARY", "rolloutState": "COMPLETED"}],
    }
    service["deploymentConfiguration"] |= {
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        "alarms": {"alarmNames": [], "rollback": False, "enable": False},
    }
    service["deploymentConfiguration"]["deploymentCircuitBreaker"] |= {
        "resetOnHealthyTask": True,
        "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
    }
    doc: Doc = {"service": service, "taskDefinition": definition}
    if "RegisterScalableTarget" in calls:
        off = ("DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling")
        doc["scalableTarget"] = {
            **calls["RegisterScalableTarget"],
            "ResourceId": "service/main/test-x",
            "SuspendedState": {f"{name}Suspended": False for name in off},
        }
        doc["scalingPolicies"] = [
            {**dict(a.params), "ResourceId": "service/main/test-x"}
            for a in HANDLER.plan(aim, Absent(), ())
            if a.operation == "PutScalingPolicy"
        ]
    return doc


def rolled_back(desired: Doc) -> Doc:
    """What AWS shows after it gave `desired` up and went back to `spec()`."""
    doc, tried = shown(), shown(desired)
    tried["taskDefinition"]["taskDefinitionArn"] = doc["service"]["taskDefinition"][:-1] + "2"
    doc["failed"] = {
        "deployment": {"status": "ROLLBACK_SUCCESSFUL", "statusReason": "circuit breaker"},
        "revision": {**tried["service"], "platformVersion": "1.4.0"},
        "taskDefinition": tried["taskDefinition"],
    }
    return doc
