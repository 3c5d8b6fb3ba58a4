"""The floor: the reads that any tool must make for LiteLLM in production, in plain boto3.

Runs in a process of its own (`python -m tests.bench.floor PASSES [FEW]`) and prints its times as
JSON. Two waves, because some calls need an answer of the first; 16 threads, one session.
FEW: only the calls that `speed.md` counts; else also those for what it does not count.
"""

from __future__ import annotations

import time

BEGUN = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from typing import Any  # noqa: E402

import boto3  # noqa: E402

from tests.bench.memory import peak_mb  # noqa: E402

ENV = "litellm-production"
AT = f"/plumbline/{ENV}"
PARAMETERS = (
    "alarms/topic", "config/bucket", "config/object", "load-balancer/arn",
    "load-balancer/full-name", "network/cache-security-groups", "network/data-subnets",
    "network/database-security-groups", "network/private-subnets",
    "network/service-security-groups", "providers/azure/api-base",
    "providers/azure/api-key-secret", "roles/execution", "roles/task", "target-group/arn",
    "target-group/full-name",
)  # fmt: skip
SERVICE_ID = f"service/{ENV}-main/{ENV}-gateway"

Call = tuple[str, str, dict[str, Any]]

FIRST: tuple[Call, ...] = (
    ("ecs", "DescribeClusters", {
        "clusters": [f"{ENV}-main"], "include": ["TAGS", "SETTINGS", "CONFIGURATIONS"],
    }),
    ("ecs", "DescribeServices", {
        "cluster": f"{ENV}-main", "services": [f"{ENV}-gateway"], "include": ["TAGS"],
    }),
    ("application-autoscaling", "DescribeScalableTargets", {
        "ServiceNamespace": "ecs", "ResourceIds": [SERVICE_ID],
    }),
    ("application-autoscaling", "DescribeScalingPolicies", {"ServiceNamespace": "ecs"}),
    ("rds", "DescribeDBInstances", {"DBInstanceIdentifier": f"{ENV}-main"}),
    ("rds", "DescribeDBSubnetGroups", {"DBSubnetGroupName": f"{ENV}-main"}),
    ("rds", "DescribeDBParameters", {"DBParameterGroupName": f"{ENV}-main", "Source": "user"}),
    ("elasticache", "DescribeReplicationGroups", {"ReplicationGroupId": f"{ENV}-cache"}),
    ("elasticache", "DescribeCacheSubnetGroups", {"CacheSubnetGroupName": f"{ENV}-cache"}),
    ("logs", "DescribeLogGroups", {}),
    ("cloudwatch", "DescribeAlarms", {"AlarmNamePrefix": f"{ENV}-", "MaxRecords": 100}),
    ("wafv2", "ListWebACLs", {"Scope": "REGIONAL", "Limit": 100}),
)  # fmt: skip
"""In speed.md's list and in this environment (which has no dashboard)."""

SECOND: tuple[Call, ...] = (
    ("ecs", "DescribeTaskDefinition", {"taskDefinition": "", "include": ["TAGS"]}),
    ("wafv2", "GetWebACL", {"Name": f"{ENV}-edge", "Scope": "REGIONAL", "Id": ""}),
)
"""What an empty text stands for is in an answer of the first wave."""

MORE_FIRST: tuple[Call, ...] = (
    ("ssm", "GetParameters", {"Names": [f"{AT}/{p}" for p in PARAMETERS[:10]]}),
    ("ssm", "GetParameters", {"Names": [f"{AT}/{p}" for p in PARAMETERS[10:]]}),
    ("secretsmanager", "ListSecrets", {"MaxResults": 100}),
    ("resourcegroupstaggingapi", "GetResources", {
        "TagFilters": [{"Key": "plumbline:environment", "Values": [ENV]}], "ResourcesPerPage": 100,
    }),
    ("rds", "DescribeDBParameterGroups", {"DBParameterGroupName": f"{ENV}-main"}),
    ("elasticache", "DescribeCacheParameterGroups", {"CacheParameterGroupName": f"{ENV}-cache"}),
    ("elasticache", "DescribeCacheParameters", {
        "CacheParameterGroupName": f"{ENV}-cache", "Source": "user",
    }),
    ("elasticache", "DescribeCacheClusters", {}),
    ("elasticache", "ListTagsForResource", {
        "ResourceName": f"arn:aws:elasticache:us-east-1:123456789012:replicationgroup:{ENV}-cache",
    }),
)  # fmt: skip
MORE_SECOND: tuple[Call, ...] = (
    ("wafv2", "GetLoggingConfiguration", {"ResourceArn": ""}),
    ("wafv2", "ListResourcesForWebACL", {
        "WebACLArn": "", "ResourceType": "APPLICATION_LOAD_BALANCER",
    }),
)  # fmt: skip
"""What speed.md does not count, with the reason in `EXTRA`."""

EXTRA = {
    "ssm:GetParameters": "values of references, ten a call",
    "secretsmanager:ListSecrets": "secrets and their versions",
    "resourcegroupstaggingapi:GetResources": "tags and ownership of everything, in one call",
    "rds:DescribeDBParameterGroups": "family and description of a parameter group",
    "elasticache:DescribeCacheParameterGroups": "family and description of a parameter group",
    "elasticache:DescribeCacheParameters": "values of a cache parameter group",
    "elasticache:DescribeCacheClusters": "node type and parameter group, only shown by members",
    "elasticache:ListTagsForResource": "how far an AUTH token's rotation is, by its own record",
    "wafv2:GetLoggingConfiguration": "whether the firewall logs",
    "wafv2:ListResourcesForWebACL": "what the firewall protects",
}


def services(calls: Sequence[Call]) -> list[str]:
    """The services that these calls need a client of, in order."""
    return list(dict.fromkeys(service for service, _, _ in calls))


def run(pool: ThreadPoolExecutor, clients: dict[str, Any], calls: Sequence[Call]) -> list[Any]:
    """One wave."""
    return list(pool.map(lambda c: clients[c[0]]._make_api_call(c[1], c[2]), calls))


def main(passes: int, few: bool) -> dict[str, float]:
    """Make the reads as often as asked, with the same clients. The times, in seconds."""
    first = FIRST if few else FIRST + MORE_FIRST
    second = SECOND if few else SECOND + MORE_SECOND
    session = boto3.Session()
    clients = {name: session.client(name) for name in services(first)}
    out = {"clients_s": time.perf_counter() - BEGUN}
    with ThreadPoolExecutor(16) as pool:
        for number in range(passes):
            at = time.perf_counter()
            answers = run(pool, clients, first)
            acl = answers[len(FIRST) - 1]["WebACLs"][0]
            task = answers[1]["services"][0]["taskDefinition"]
            known = {"Id": acl["Id"], "taskDefinition": task}
            known |= dict.fromkeys(("ResourceArn", "WebACLArn"), acl["ARN"])
            run(pool, clients, [
                (s, o, {k: v or known[k] for k, v in params.items()}) for s, o, params in second
            ])  # fmt: skip
            out[f"pass{number + 1}_s"] = time.perf_counter() - at
    out["peak_mb"] = peak_mb()
    return out


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), "FEW" in sys.argv)))
