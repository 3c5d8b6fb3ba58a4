"""Eight resources of eight kinds, every sort of composite among them; and one whose defaults
another release chose."""

from __future__ import annotations

from controller.store import to_body
from sandbox.world import World
from tests.harness import Plant, environment, resource

PREFIX = "/plumbline/litellm-production"

SERVICE = f"""\
apiVersion: plumbline.dev/v1
kind: Service
metadata: {{name: gateway}}
spec:
  cluster: ${{Cluster.main.name}}
  cpu: 256
  memory: 512
  executionRoleArn: ${{ssm:{PREFIX}/roles/execution}}
  containers:
    gateway:
      image: nginx:1.29
      portMappings: [{{containerPort: 4000}}]
      secrets: {{MASTER_KEY: "${{Secret.key.arn}}"}}
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: ${{LogGroup.app.name}}
          awslogs-region: ${{Environment.region}}
          awslogs-stream-prefix: app
  networkConfiguration:
    subnets: ${{ssm:{PREFIX}/network/private-subnets}}
    securityGroups: ${{ssm:{PREFIX}/network/service-security-groups}}
  autoscaling:
    minCapacity: 1
    maxCapacity: 4
    policies:
      cpu: {{predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}
"""

EIGHT = environment(
    resource("Secret", "key", "generate: {length: 32}"),
    resource("LogGroup", "app", "retentionInDays: 14"),
    resource("Cluster", "main", ""),
    resource("DBParameterGroup", "main", "family: postgres16, parameters: {log_lock_waits: 1}"),
    resource(
        "DBSubnetGroup",
        "main",
        f'description: "private subnets", subnetIds: "${{ssm:{PREFIX}/network/private-subnets}}"',
    ),
    resource("WebACL", "edge", f'associations: ["${{ssm:{PREFIX}/load-balancer/arn}}"]'),
    resource(
        "Alarm",
        "busy",
        "namespace: AWS/ECS, metricName: CPUUtilization, statistic: Average, period: 60, "
        "evaluationPeriods: 5, comparisonOperator: GreaterThanThreshold, threshold: 90, "
        'dimensions: {ClusterName: "${Cluster.main.name}"}',
    ),
    SERVICE,
)


def of_older_defaults(world: World) -> Plant:
    """A converged log group that keeps its events for 7 days, as an older release had it by
    default."""
    plant = Plant(world, environment(resource("LogGroup", "app", "")))
    plant.converge()
    key = f"inventory/{plant.name}.json"
    found = plant.store.get(key)
    assert found is not None
    body = found.json
    body["resources"]["LogGroup/app"]["last"]["retentionInDays"] = 7
    plant.store.put(key, to_body(body), found.version)
    logs = plant.aws.client("logs")
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=7)
    plant.later()
    plant.checkpoint()
    return plant
