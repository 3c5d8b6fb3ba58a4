"""What AWS and others rightly do around an environment, and none of it our business.

`deeds_of` finds what can be done to the resources of any environment; `Running` is one that has
converged, to be put back before each sequence of deeds.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from controller.assess import Assessment
from controller.reconciler import Report
from sandbox import perturb_data as data
from sandbox.autoscaler import load
from sandbox.errors import AwsError
from sandbox.perturb_edge import inject_firewall_manager_groups, inject_shield_rule
from sandbox.pytest_plugin import new_world
from tests.harness import Plant, explain
from tests.perturbation.bench import MemoryStore

Do = Callable[[Plant, random.Random], object]
WAITS = (5, 60, 600, 3600, 40_000)
"""Seconds between two looks."""


@dataclass(frozen=True)
class Deed:
    """Something that AWS or somebody else does. name: what, and to which resource."""

    name: str
    do: Do

    def __str__(self) -> str:
        return self.name


class Running(Plant):
    """An environment, converged once, and put back for each sequence of deeds."""

    def __init__(self, text: str, name: str = "litellm-production") -> None:
        super().__init__(new_world(1, max_lag=timedelta(0)), text, name)
        self.prepare()
        self.memory = MemoryStore()
        self.store: Any = self.memory
        self.memory.put(f"environments/{self.name}.yaml", self.text.encode(), None)
        self.converge()
        self.later(86_400)
        report = self.converge()[-1]
        self.deeds = tuple(deeds_of(report))
        self.kept = (copy.deepcopy(self.world._stores), dict(self.memory.objects))

    def prepare(self) -> None:
        """What must be there before the environment is."""

    def back(self, seed: int) -> None:
        """As it was when it had converged; what AWS chooses from now on comes from `seed`."""
        stores, objects = self.kept
        self.world._stores = copy.deepcopy(stores)
        self.world._history.clear()
        self.world.clock._timers.clear()
        self.memory.objects = dict(objects)
        self.door.cache.clear()
        self.world.seed = seed
        self.world.rng.seed(seed)
        self.world.max_lag = timedelta(seconds=2)
        self.world.calls.clear()
        self.checkpoint()


@dataclass
class Sequence:
    """What came of one sequence of deeds. wrong: what was written or called drift, and why."""

    deeds: list[str] = field(default_factory=list)
    passes: int = 0
    writes: int = 0
    drift: int = 0
    wrong: str = ""


def sequence(plant: Running, seed: int, steps: int, looks: int = 2) -> Sequence:
    """Some deeds one after the other, each looked at a few times; stops at the first wrong."""
    rng, done = random.Random(seed), Sequence()
    plant.back(seed)
    for _ in range(steps):
        deed = rng.choice(plant.deeds)
        try:
            deed.do(plant, rng)
        except (AwsError, ClientError, ValueError) as refused:  # not as AWS stands just now
            done.deeds.append(f"{deed} refused: {refused}")
        else:
            done.deeds.append(str(deed))
        for wait in rng.sample(WAITS, looks):
            plant.later(wait)
            report = plant.run()
            done.passes += 1
            _judge(plant, report, done)
            if done.wrong:
                return done
    return done


def _judge(plant: Running, report: Report, done: Sequence) -> None:
    named = {
        key: [(c.path, c.now, c.wanted) for c in seen.drift]
        for key, seen in report.assessments.items()
        if seen.drift or seen.vanished
    }
    writes = plant.writes()
    done.drift += sum(max(len(found), 1) for found in named.values())
    done.writes += len(writes)
    if named or writes or report.plan.steps:
        calls = [w.name for w in writes]
        done.wrong = f"after {done.deeds}: drift {named}, writes {calls}\n{explain(report)}"


def deeds_of(report: Report) -> Iterator[Deed]:
    """All that can be done around the resources of a converged environment."""
    yield Deed("others make a log group", _log_group)
    yield Deed("others make an alarm", _alarm)
    for key, seen in report.assessments.items():
        kind = seen.resource.kind
        if kind in _OF_KIND:
            yield from (Deed(f"{key}: {what}", do) for what, do in _OF_KIND[kind](seen))
        if kind in _TAGGED:
            yield Deed(f"{key}: others tag it", partial(_tag, kind, seen))


Deeds = Iterator[tuple[str, Do]]


def _instance(seen: Assessment) -> Deeds:
    name, spec = seen.target.name, seen.target.spec
    if spec.get("multiAZ"):
        yield "failover", lambda p, rng: data.rds_failover(p.world, name)
    if spec.get("autoMinorVersionUpgrade"):
        yield "minor upgrade", lambda p, rng: data.rds_minor_upgrade(p.world, name)
    if "caCertificateIdentifier" not in spec:
        yield "another certificate authority", lambda p, rng: data.rds_rotate_ca(p.world, name)
    if spec.get("maxAllocatedStorage"):
        size, most = int(spec["allocatedStorage"]), int(spec["maxAllocatedStorage"])
        yield (
            "storage autoscaling",
            lambda p, rng: data.rds_grow_storage(p.world, name, rng.randint(size + 1, most)),
        )
    if spec.get("manageMasterUserPassword"):
        yield "password rotated", lambda p, rng: data.rds_rotate_secret(p.world, name)
    yield "backup", lambda p, rng: data.rds_backup(p.world, name)
    yield (
        "AWS Backup takes over",
        lambda p, rng: data.rds_owned_by_backup(p.world, name, rng.randint(8, 35)),
    )
    yield "maintenance is due", lambda p, rng: data.rds_maintenance_due(p.world, name)


def _cache(seen: Assessment) -> Deeds:
    name, spec = seen.target.name, seen.target.spec
    version = str(seen.live.get("engineVersion", ""))
    if spec.get("replicasPerNodeGroup") and spec.get("automaticFailoverEnabled"):
        yield "failover", lambda p, rng: data.cache_failover(p.world, name)
    if spec.get("autoMinorVersionUpgrade") and version.count(".") <= 2:
        patch = ".".join(version.split(".")[:2])
        yield (
            "patch",
            lambda p, rng: data.cache_minor_upgrade(p.world, name, f"{patch}.{rng.randint(1, 9)}"),
        )
    yield (
        "node replaced",
        lambda p, rng: data.cache_replace_node(
            p.world, name, f"{p.world.region}{rng.choice('ab')}"
        ),
    )
    yield "snapshot", lambda p, rng: data.cache_snapshot(p.world, name)


def _acl(seen: Assessment) -> Deeds:
    name, scope = seen.target.name, str(seen.target.spec["scope"])
    yield "Shield Advanced's rule", lambda p, rng: inject_shield_rule(p.world, name, scope=scope)
    yield (
        "Firewall Manager's groups",
        lambda p, rng: inject_firewall_manager_groups(p.world, name, scope=scope),
    )


def _service(seen: Assessment) -> Deeds:
    if not seen.target.spec.get("autoscaling"):
        return
    _, cluster, name = seen.outputs["resourceId"].split("/")
    where = {
        "ServiceNamespace": "ecs", "ResourceId": f"service/{cluster}/{name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }  # fmt: skip

    def schedule(plant: Plant, rng: random.Random) -> None:
        low = rng.randint(2, 4)
        plant.aws.client("application-autoscaling").put_scheduled_action(
            ScheduledActionName="office-hours", Schedule=f"cron(0 {rng.randint(0, 23)} * * ? *)",
            ScalableTargetAction={"MinCapacity": low, "MaxCapacity": low + rng.randint(1, 9)},
            **where,
        )  # fmt: skip

    def policy(plant: Plant, rng: random.Random) -> None:
        plant.aws.client("application-autoscaling").put_scaling_policy(
            PolicyName=f"theirs-{rng.randint(0, 999)}", PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 70.0, "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}},
            **where,
        )  # fmt: skip

    yield "load", lambda p, rng: load(p.world, cluster, name, rng.choice([5, 20, 80, 200, 900]))
    yield "somebody's schedule, which moves the bounds", schedule
    yield "somebody's scaling policy", policy


def _alarm_rings(seen: Assessment) -> Deeds:
    """Case 160."""
    name = seen.target.name
    yield (
        "it rings",
        lambda p, rng: p.aws.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue=rng.choice(["ALARM", "OK"]), StateReason="test"
        ),
    )


def _database_parameters(seen: Assessment) -> Deeds:
    name = seen.target.name
    if "log_connections" not in seen.target.spec.get("parameters", {}):
        yield "others set a parameter", lambda p, rng: p.aws.client(
            "rds"
        ).modify_db_parameter_group(
            DBParameterGroupName=name, Parameters=[{
                "ParameterName": "log_connections", "ParameterValue": "1",
                "ApplyMethod": "immediate"}],
        )  # fmt: skip


def _cache_parameters(seen: Assessment) -> Deeds:
    name = seen.target.name
    if "timeout" not in seen.target.spec.get("parameters", {}):
        yield "others set a parameter", lambda p, rng: p.aws.client(
            "elasticache"
        ).modify_cache_parameter_group(
            CacheParameterGroupName=name, ParameterNameValues=[{
                "ParameterName": "timeout", "ParameterValue": str(rng.randint(0, 999))}],
        )  # fmt: skip


_OF_KIND: dict[str, Callable[[Assessment], Deeds]] = {
    "Alarm": _alarm_rings,
    "CacheParameterGroup": _cache_parameters,
    "DBInstance": _instance,
    "DBParameterGroup": _database_parameters,
    "ReplicationGroup": _cache,
    "Service": _service,
    "WebACL": _acl,
}


def _log_group(plant: Plant, rng: random.Random) -> None:
    name = f"{plant.name}-theirs-{rng.randint(0, 999)}"
    plant.aws.client("logs").create_log_group(logGroupName=name)


def _alarm(plant: Plant, rng: random.Random) -> None:
    plant.aws.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{plant.name}-theirs-{rng.randint(0, 999)}", Namespace="a", MetricName="b",
        Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip


_TAGGED: dict[str, tuple[str, str, str]] = {
    "Alarm": ("cloudwatch", "tag_resource", "ResourceARN"),
    "CacheParameterGroup": ("elasticache", "add_tags_to_resource", "ResourceName"),
    "CacheSubnetGroup": ("elasticache", "add_tags_to_resource", "ResourceName"),
    "Cluster": ("ecs", "tag_resource", "resourceArn"),
    "DBInstance": ("rds", "add_tags_to_resource", "ResourceName"),
    "DBParameterGroup": ("rds", "add_tags_to_resource", "ResourceName"),
    "DBSubnetGroup": ("rds", "add_tags_to_resource", "ResourceName"),
    "IPSet": ("wafv2", "tag_resource", "ResourceARN"),
    "LogGroup": ("logs", "tag_resource", "resourceArn"),
    "Parameter": ("ssm", "add_tags_to_resource", "ResourceId"),
    "ReplicationGroup": ("elasticache", "add_tags_to_resource", "ResourceName"),
    "Secret": ("secretsmanager", "tag_resource", "SecretId"),
    "SecurityGroup": ("ec2", "create_tags", "Resources"),
    "Service": ("ecs", "tag_resource", "resourceArn"),
    "Topic": ("sns", "tag_resource", "ResourceArn"),
    "WebACL": ("wafv2", "tag_resource", "ResourceARN"),
}
"""Kind → service, call and parameter by which its resources are tagged."""


def _tag(kind: str, seen: Assessment, plant: Plant, rng: random.Random) -> None:
    service, call, parameter = _TAGGED[kind]
    key, value = rng.choice(["owner", "cost", "backup"]), str(rng.randint(1, 99))
    tags: Any = [{"Key": key, "Value": value}]
    if service == "ecs":
        tags = [{"key": key, "value": value}]
    elif service == "logs":
        tags = {key: value}
    name = "tags" if service in ("ecs", "logs") else "Tags"
    which: dict[str, Any] = {parameter: seen.outputs["arn"]}
    if service == "ec2":
        which = {parameter: [seen.outputs["id"]]}
    elif service == "ssm":
        which = {"ResourceType": "Parameter", parameter: seen.outputs["name"]}
    getattr(plant.aws.client(service), call)(**which, **{name: tags})
