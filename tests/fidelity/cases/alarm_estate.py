"""One environment of alarms, log groups and secrets, converged once a process and put back.

plain, percentile, math, band, query   an alarm of each way of watching
app, forever, delivery                 log groups: bounded, without end, and of AWS's own retention
main, rotated, daily, copied           secrets: with a key; rotated by a schedule, by days; in two
                                       regions
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from controller.diff import Change
from controller.reconciler import Report
from sandbox.pytest_plugin import new_world
from sandbox.world import CallRecord
from tests.harness import Plant, environment, explain, resource
from tests.perturbation.bench import MemoryStore

NAME = "litellm-production"
TOPIC = "arn:aws:sns:us-east-1:123456789012:{}"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
OVER = "evaluationPeriods: 3, threshold: 80, comparisonOperator: GreaterThanThreshold"
M1 = "namespace: AWS/ECS, metricName: CPUUtilization, period: 300"

ALARMS = {
    "plain": f"""namespace: AWS/ECS, metricName: CPUUtilization, statistic: Average,
        dimensions: {{ClusterName: main, ServiceName: gateway}}, {OVER},
        alarmActions: ["{TOPIC.format("b")}", "{TOPIC.format("a")}"]""",
    "percentile": f"""namespace: AWS/ApplicationELB, metricName: TargetResponseTime, period: 60,
        extendedStatistic: p90.00, unit: Seconds, treatMissingData: notBreaching, {OVER}""",
    "math": f"""metrics: {{errors: {{{M1}, stat: Sum, returnData: false,
                           accountId: "${{Environment.account}}"}},
        all: {{{M1}, stat: p95.0, returnData: false, dimensions: {{A: a, B: b}}}},
        rate: {{expression: 100 * errors / all, label: share}}}}, {OVER}""",
    "band": f"""metrics: {{m1: {{{M1}, stat: Average}},
        band: {{expression: "ANOMALY_DETECTION_BAND(m1, 2)"}}}}, thresholdMetricId: band,
        evaluationPeriods: 2, comparisonOperator: GreaterThanUpperThreshold""",
    "query": """evaluationCriteria: {promQLCriteria: {query: up == 0, pendingPeriod: 120}},
        evaluationInterval: 60""",
}
GROUPS = {
    "app": "retentionInDays: 14",
    "forever": "retentionInDays: never, logGroupClass: INFREQUENT_ACCESS",
    "delivery": "logGroupClass: DELIVERY",
}
ROTATED = f"generate: {{}}, rotationEnabled: true, rotationLambdaARN: {FUNCTION}"
SECRETS = {
    "main": "generate: {}, description: The key, kmsKeyId: KEY",
    "rotated": f'{ROTATED}, rotationRules: {{scheduleExpression: "rate(10 days)"}}',
    "daily": f"{ROTATED}, rotationRules: {{automaticallyAfterDays: 30}}",
    "copied": "generate: {}, replicaRegions: {eu-west-1: {}}",
}
KINDS = {"Alarm": ALARMS, "LogGroup": GROUPS, "Secret": SECRETS}


def text(**changed: dict[str, str]) -> str:
    """The environment, with other specs of some resources, by kind."""
    return environment(
        *(
            resource(kind, name, spec)
            for kind, specs in KINDS.items()
            for name, spec in {**specs, **changed.get(kind, {})}.items()
        )
    )


class Estate(Plant):
    """The environment, and shortcuts."""

    def __init__(self) -> None:
        world = new_world(1, max_lag=timedelta(0))
        super().__init__(world, text())
        self.memory = MemoryStore()
        self.store: Any = self.memory
        keys = [self.aws.client("kms").create_key()["KeyMetadata"] for _ in range(2)]
        self.key, self.other_key = keys[0]["KeyId"], keys[1]["Arn"]
        self.key_arn = keys[0]["Arn"]
        self.cloudwatch: Any = self.aws.client("cloudwatch")
        self.logs: Any = self.aws.client("logs")
        self.secrets: Any = self.aws.client("secretsmanager")
        self.publish(self.text)
        self.converge()
        self.later(86_400)
        self.converge()
        self.kept = (
            copy.deepcopy(world._stores), dict(self.memory.objects), world.clock.now(),
            list(world.clock._timers),
        )  # fmt: skip

    def publish(self, text: str) -> None:
        if not isinstance(getattr(self, "store", None), MemoryStore):
            super().publish(text)
            return
        self.text = text = text.replace("KEY", self.key)
        key = f"environments/{self.name}.yaml"
        held = self.store.get(key)
        self.store.put(key, text.encode(), held.version if held else None)

    def back(self, seed: int = 1) -> None:
        """Everything as it was when it had converged; `seed` decides which defaults AWS shows."""
        stores, objects, now, timers = self.kept
        self.world._stores = copy.deepcopy(stores)
        self.world._history.clear()
        self.world.clock._timers = list(timers)
        self.world.clock._now = now
        self.world.seed = seed
        self.memory.objects = dict(objects)
        self.door.cache.clear()
        self.world.calls.clear()
        self.checkpoint()

    def alarm(self, name: str) -> dict[str, Any]:
        """An alarm as AWS shows it."""
        found = self.cloudwatch.describe_alarms(AlarmNames=[f"{NAME}-{name}"])
        return dict(found["MetricAlarms"][0])

    def put(self, name: str, *gone: str, **changed: Any) -> None:
        """Somebody's PutMetricAlarm: as it is, but for some members."""
        members = self.cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape
        shown = {k: v for k, v in self.alarm(name).items() if k in members.members and v != []}
        kept = {k: v for k, v in shown.items() if k not in gone}
        self.cloudwatch.put_metric_alarm(**{**kept, **changed})

    def group(self, name: str) -> dict[str, Any]:
        """A log group as AWS shows it."""
        found = self.logs.describe_log_groups(logGroupNamePrefix=f"{NAME}-{name}")
        return dict(found["logGroups"][0])

    def secret(self, name: str) -> dict[str, Any]:
        """A secret as AWS shows it."""
        return dict(self.secrets.describe_secret(SecretId=f"{NAME}-{name}"))

    def stored(self, kind: str, name: str) -> dict[str, Any]:
        """A thing as the sandbox keeps it: for what no call changes."""
        service, part = {
            "Alarm": ("cloudwatch", "alarms"), "LogGroup": ("logs", "groups"),
            "Secret": ("secretsmanager", "secrets"),
        }[kind]  # fmt: skip
        held = self.world.store(service, self.world.account, self.world.region)[part]
        physical = f"{NAME}-{name}"
        found: dict[str, Any] = held[physical] if physical in held else next(
            s for s in held.values() if s["Name"] == physical)  # fmt: skip
        return found

    def shown(self, kind: str, name: str) -> dict[str, Any]:
        """A thing as AWS shows it."""
        look = {"Alarm": self.alarm, "LogGroup": self.group, "Secret": self.secret}
        return look[kind](name)

    def quiet(self, passes: int = 2, wait: float = 1200) -> Report:
        """Passes that find no drift and write nothing."""
        for _ in range(passes):
            report = self.run()
            assert drift(report) == {}, drift(report)
            assert self.writes() == [], explain(report)
            assert report.plan.steps == (), explain(report)
            self.later(wait)
        return report

    def told(self, report: Report) -> dict[tuple[str, str], str]:
        """Everything that a pass tells of, with its class."""
        return {
            (key, c.path): c.cls for key, seen in report.assessments.items() for c in seen.changes
        }

    def named(self, key: str, path: str) -> Change:
        """The one drift that an observing pass finds, which is this."""
        report = self.run(highest_mode="observe")
        assert self.writes() == []
        found = drift(report)
        assert list(found) == [(key, path)], found
        return found[key, path]

    def mended(self) -> list[CallRecord]:
        """All is as desired again, and stays so: the accepted calls that it took."""
        self.converge(12, 300)
        made = [c for c in self.writes() if not c.error]
        for _ in range(2):
            assert self.run().converged
            self.later(600)
        assert [c for c in self.writes() if not c.error] == made
        return made

    def quiet_after(self, last: CallRecord) -> None:
        """Further passes write nothing after this call."""
        for _ in range(2):
            assert self.run().converged
            self.later(3600)
        assert [c for c in self.writes() if not c.error][-1] == last

    def wanting(self, kind: str, **specs: str) -> None:
        """A commit: other specs of some resources of a kind."""
        self.publish(text(**{kind: specs}))


def drift(report: Report) -> dict[tuple[str, str], Change]:
    """What somebody else changed, by resource and path."""
    return {(k, c.path): c for k, a in report.assessments.items() for c in a.drift}


@cache
def estate() -> Estate:
    """The one of this process."""
    return Estate()


Deed = Callable[[Estate], object]
