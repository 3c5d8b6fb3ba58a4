"""A minimal valid spec of every kind, and a rich one where nested parts need values that fit."""

from __future__ import annotations

import copy
from typing import Any

from controller.kinds import handler_for

Doc = dict[str, Any]

SUBNETS = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
ROLE = "arn:aws:iam::123456789012:role/task"

SAMPLES: dict[str, Doc] = {
    "Alarm": {
        "namespace": "AWS/ECS",
        "metricName": "CPUUtilization",
        "statistic": "Average",
        "period": 60,
        "evaluationPeriods": 3,
        "threshold": 80,
        "comparisonOperator": "GreaterThanThreshold",
    },
    "CacheParameterGroup": {"family": "redis7"},
    "CacheSubnetGroup": {"subnetIds": SUBNETS},
    "Cluster": {},
    "DBInstance": {
        "dbInstanceClass": "db.t4g.medium",
        "allocatedStorage": 20,
        "manageMasterUserPassword": True,
    },
    "DBParameterGroup": {"family": "postgres16"},
    "DBSubnetGroup": {"subnetIds": SUBNETS},
    "CompositeAlarm": {"alarmRule": "FALSE"},
    "Dashboard": {"widgets": [{"type": "text", "properties": {"markdown": "# Hello"}}]},
    "IPSet": {"addresses": ["192.0.2.0/24"]},
    "LogGroup": {},
    "MetricFilter": {
        "logGroupName": "/shop/api",
        "filterPattern": "ERROR",
        "metricNamespace": "Shop",
        "metricName": "Errors",
    },
    "Parameter": {"value": "live"},
    "ReplicationGroup": {"cacheNodeType": "cache.t4g.small", "allowUnauthenticated": True},
    "Secret": {},
    "SecurityGroup": {"vpcId": "vpc-0a1b2c3d"},
    "Service": {
        "cluster": "main",
        "desiredCount": 2,
        "cpu": 256,
        "memory": 512,
        "executionRoleArn": ROLE,
        "containers": {"app": {"image": "nginx@sha256:" + "0" * 64}},
        "networkConfiguration": {"subnets": SUBNETS},
    },
    "Stack": {},
    "Task": {
        "cluster": "main",
        "cpu": 256,
        "memory": 512,
        "executionRoleArn": ROLE,
        "containers": {"app": {"image": "nginx@sha256:" + "0" * 64}},
        "networkConfiguration": {"subnets": SUBNETS},
    },
    "Topic": {"kmsMasterKeyId": "alias/alarms"},
    "WebACL": {"scope": "REGIONAL"},
}
"""Kind → the least that its spec must say."""


def sample(kind: str) -> Doc:
    """A minimal spec of a kind, the caller's own."""
    return copy.deepcopy(SAMPLES[kind])


def environment(name: str = "test", **spec: Any) -> Doc:
    """An Environment document."""
    return {
        "apiVersion": "plumbline.dev/v1",
        "kind": "Environment",
        "metadata": {"name": name},
        "spec": spec,
    }


def resource(kind: str, name: str = "sample", spec: Doc | None = None, **more: Any) -> Doc:
    """A resource document; its spec is the kind's sample unless given. What is never made here is
    taken over."""
    if handler_for(kind).held_by == "file":
        more = {"lifecycle": {"adopt": True}, **more}
    return {
        "apiVersion": "plumbline.dev/v1",
        "kind": kind,
        "metadata": {"name": name},
        **more,
        "spec": sample(kind) if spec is None else spec,
    }
