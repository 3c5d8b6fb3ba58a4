"""I1: converged and unchanged, whatever AWS and others rightly do: no write, no drift.

The production environment that we ship, and 25 random sequences of what goes on around it. Orders
of lists, unknown new fields and stale reads are random in every reply besides.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import perturb_data as data
from sandbox.autoscaler import load
from sandbox.errors import AwsError
from sandbox.perturb_edge import inject_firewall_manager_groups, inject_shield_rule
from sandbox.pytest_plugin import new_world
from tests.harness import Plant, explain, production
from tests.perturbation.bench import MemoryStore

E = "litellm-production"
SEEDS = range(25)
STEPS = 5
Deed = Callable[[Plant, random.Random], object]


class Running(Plant):
    """Production, converged once in a process and put back for each seed."""

    def __init__(self) -> None:
        super().__init__(new_world(1, max_lag=timedelta(0)), production())
        self.memory = MemoryStore()
        self.store: Any = self.memory
        self.memory.put(f"environments/{self.name}.yaml", self.text.encode(), None)
        self.converge()
        self.later(86_400)
        self.converge()
        self.kept = (copy.deepcopy(self.world._stores), dict(self.memory.objects))

    def back(self, seed: int) -> None:
        """As it was when it had converged; what AWS chooses from now on comes from `seed`."""
        stores, objects = self.kept
        self.world._stores = copy.deepcopy(stores)
        self.world._history.clear()
        self.memory.objects = dict(objects)
        self.door.cache.clear()
        self.world.seed = seed
        self.world.rng.seed(seed)
        self.world.max_lag = timedelta(seconds=2)
        self.world.calls.clear()
        self.checkpoint()


@cache
def running() -> Running:
    """The one of this process."""
    return Running()


def schedule(plant: Plant, rng: random.Random) -> None:
    """Somebody's scheduled scaling: it moves the bounds, which are its own then."""
    low = rng.randint(2, 4)
    plant.aws.client("application-autoscaling").put_scheduled_action(
        ServiceNamespace="ecs", ScheduledActionName="office-hours",
        ResourceId=f"service/{E}-main/{E}-gateway", ScalableDimension="ecs:service:DesiredCount",
        Schedule=f"cron(0 {rng.randint(0, 23)} * * ? *)",
        ScalableTargetAction={"MinCapacity": low, "MaxCapacity": low + rng.randint(1, 9)},
    )  # fmt: skip


def others_tags(plant: Plant, rng: random.Random) -> None:
    """Other people's tags, on one of our things of each sort."""
    aws, world = plant.aws, plant.world
    where = f"{world.region}:{world.account}"
    key, value = rng.choice(["owner", "cost", "backup"]), str(rng.randint(1, 99))
    pairs = [{"Key": key, "Value": value}]
    rng.choice([
        lambda: aws.client("rds").add_tags_to_resource(
            ResourceName=f"arn:aws:rds:{where}:db:{E}-main", Tags=pairs),
        lambda: aws.client("elasticache").add_tags_to_resource(
            ResourceName=f"arn:aws:elasticache:{where}:replicationgroup:{E}-cache", Tags=pairs),
        lambda: aws.client("ecs").tag_resource(
            resourceArn=f"arn:aws:ecs:{where}:cluster/{E}-main",
            tags=[{"key": key, "value": value}]),
        lambda: aws.client("ecs").tag_resource(
            resourceArn=f"arn:aws:ecs:{where}:service/{E}-main/{E}-gateway",
            tags=[{"key": key, "value": value}]),
        lambda: aws.client("cloudwatch").tag_resource(
            ResourceARN=f"arn:aws:cloudwatch:{where}:alarm:{E}-gateway-5xx", Tags=pairs),
        lambda: aws.client("logs").tag_resource(
            resourceArn=f"arn:aws:logs:{where}:log-group:{E}-gateway", tags={key: value}),
        lambda: aws.client("secretsmanager").tag_resource(SecretId=f"{E}-master-key", Tags=pairs),
    ])()  # fmt: skip


def others_things(plant: Plant, rng: random.Random) -> None:
    """Things of others beside ours: alarms, groups, policies, parameters not in the file."""
    aws, tail = plant.aws, rng.randint(0, 999)
    rng.choice([
        lambda: aws.client("logs").create_log_group(logGroupName=f"{E}-theirs-{tail}"),
        lambda: aws.client("cloudwatch").put_metric_alarm(
            AlarmName=f"{E}-theirs-{tail}", Namespace="a", MetricName="b", Statistic="Sum",
            Period=60, EvaluationPeriods=1, Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold"),
        lambda: aws.client("rds").modify_db_parameter_group(
            DBParameterGroupName=f"{E}-main", Parameters=[{
                "ParameterName": "log_connections", "ParameterValue": "1",
                "ApplyMethod": "immediate"}]),
        lambda: aws.client("elasticache").modify_cache_parameter_group(
            CacheParameterGroupName=f"{E}-cache", ParameterNameValues=[{
                "ParameterName": "timeout", "ParameterValue": str(tail)}]),
        lambda: aws.client("application-autoscaling").put_scaling_policy(
            PolicyName=f"theirs-{tail}", ServiceNamespace="ecs",
            ResourceId=f"service/{E}-main/{E}-gateway",
            ScalableDimension="ecs:service:DesiredCount", PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 70.0, "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}}),
    ])()  # fmt: skip


def alarm_rings(plant: Plant, rng: random.Random) -> None:
    """An alarm changes its state (case 160)."""
    name = rng.choice(["gateway-5xx", "database-cpu", "cache-memory"])
    plant.aws.client("cloudwatch").set_alarm_state(
        AlarmName=f"{E}-{name}", StateValue=rng.choice(["ALARM", "OK"]), StateReason="test"
    )


DEEDS: tuple[Deed, ...] = (
    lambda p, rng: data.rds_failover(p.world, f"{E}-main"),
    lambda p, rng: data.rds_minor_upgrade(p.world, f"{E}-main"),
    lambda p, rng: data.rds_rotate_ca(p.world, f"{E}-main"),
    lambda p, rng: data.rds_grow_storage(p.world, f"{E}-main", rng.randint(60, 200)),
    lambda p, rng: data.rds_backup(p.world, f"{E}-main"),
    lambda p, rng: data.rds_owned_by_backup(p.world, f"{E}-main", rng.randint(8, 35)),
    lambda p, rng: data.rds_maintenance_due(p.world, f"{E}-main"),
    lambda p, rng: data.cache_failover(p.world, f"{E}-cache"),
    lambda p, rng: data.cache_replace_node(p.world, f"{E}-cache", f"us-east-1{rng.choice('ab')}"),
    lambda p, rng: data.cache_minor_upgrade(p.world, f"{E}-cache", f"7.1.{rng.randint(1, 9)}"),
    lambda p, rng: data.cache_snapshot(p.world, f"{E}-cache"),
    lambda p, rng: inject_shield_rule(p.world, f"{E}-edge"),
    lambda p, rng: inject_firewall_manager_groups(p.world, f"{E}-edge"),
    lambda p, rng: load(p.world, f"{E}-main", f"{E}-gateway", rng.choice([5, 20, 80, 200, 900])),
    schedule,
    others_tags,
    others_things,
    alarm_rings,
)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_write_and_no_drift(seed: int) -> None:
    rng, plant = random.Random(seed), running()
    plant.back(seed)
    done = []
    for _ in range(STEPS):
        deed = rng.randrange(len(DEEDS))
        try:
            DEEDS[deed](plant, rng)
        except (AwsError, ClientError, ValueError) as refused:  # not as AWS stands just now
            done.append(f"{deed} refused: {refused}")
        else:
            done.append(str(deed))
        for wait in rng.sample([5, 60, 600, 3600, 40_000], 2):
            plant.later(wait)
            report = plant.run()
            drift = {
                k: [(c.path, c.now, c.wanted) for c in a.drift]
                for k, a in report.assessments.items()
                if a.drift or a.vanished
            }
            assert drift == {}, f"after {done}"
            assert plant.writes() == [], f"after {done}: {explain(report)}"
            assert report.plan.steps == (), f"after {done}: {explain(report)}"


def test_every_deed_can_be_done() -> None:
    plant = running()
    for number, deed in enumerate(DEEDS):
        plant.back(number)
        deed(plant, random.Random(number))
