"""Cases 645 to 648: composite alarms, and what they share with alarms on metrics."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from controller.reconciler import Report
from sandbox.pytest_plugin import new_world
from tests.fidelity.cases.alarm_estate import drift
from tests.harness import Plant, environment, explain, resource
from tests.rewind import Rewind

NAME = "litellm-production"
METRIC = """namespace: a, metricName: b, statistic: Sum, evaluationPeriods: 1, threshold: 1,
    comparisonOperator: GreaterThanThreshold"""
RULE = 'ALARM("${Alarm.errors.name}") AND NOT ALARM("${Alarm.rollout.name}")'
SPEC = f"""alarmRule: '{RULE}', actionsSuppressor: "${{Alarm.rollout.name}}",
    actionsSuppressorWaitPeriod: 60, actionsSuppressorExtensionPeriod: 0"""


class Alarms(Plant):
    """Two alarms on metrics and one over them, converged."""

    def __init__(self) -> None:
        metrics = [resource("Alarm", name, METRIC) for name in ("errors", "rollout")]
        text = environment(*metrics, resource("CompositeAlarm", "down", SPEC))
        super().__init__(new_world(1, max_lag=timedelta(0)), text)
        self.client = self.aws.client("cloudwatch")
        reports = self.converge()
        made = [o.step.id for r in reports for o in r.outcomes if o.made]
        assert made.index("CompositeAlarm/down#create") == 2, "children first"
        self.later(600)
        self.back = Rewind(self)

    def put(self, name: str = "down", **changed: Any) -> None:
        """Somebody's PutCompositeAlarm: as it is, but for some members."""
        found = self.client.describe_alarms(
            AlarmNames=[f"{NAME}-{name}"], AlarmTypes=["CompositeAlarm"]
        )["CompositeAlarms"]
        members = self.client.meta.service_model.operation_model("PutCompositeAlarm").input_shape
        kept = {k: v for k, v in found[0].items() if k in members.members}
        self.client.put_composite_alarm(**{**kept, **changed})

    def seen(self) -> Report:
        """An observing pass."""
        report = self.run(highest_mode="observe")
        assert self.writes() == []
        return report


@cache
def alarms() -> Alarms:
    """The one of this process."""
    return Alarms()


@pytest.fixture
def it() -> Alarms:
    """The alarms, converged."""
    found = alarms()
    found.back()
    found.checkpoint()
    return found


@pytest.mark.case(646, "echo")
@pytest.mark.parametrize(
    "rule",
    [
        f"ALARM({NAME}-errors)  AND NOT ALARM({NAME}-rollout)",
        f'ALARM( "ARN{NAME}-errors" ) AND\nNOT ALARM(ARN{NAME}-rollout)',
    ],
)
def test_another_spelling_is_no_change(it: Alarms, rule: str) -> None:
    arn = f"arn:aws:cloudwatch:us-east-1:{it.world.account}:alarm:"
    it.put(AlarmRule=rule.replace("ARN", arn), ActionsSuppressor=f"{arn}{NAME}-rollout")
    for _ in range(2):
        report = it.run()
        assert report.converged, explain(report)
        assert it.writes() == []
        it.later(300)


@pytest.mark.case(646, "change")
@pytest.mark.parametrize(
    ("member", "value", "path"),
    [
        ("AlarmRule", f"ALARM({NAME}-errors) OR NOT ALARM({NAME}-rollout)", "alarmRule"),
        ("AlarmRule", f"ALARM({NAME}-errors)", "alarmRule"),
        ("AlarmRule", f"OK({NAME}-errors) AND NOT ALARM({NAME}-rollout)", "alarmRule"),
        ("ActionsSuppressor", f"{NAME}-errors", "actionsSuppressor"),
    ],
)
def test_another_rule_is(it: Alarms, member: str, value: str, path: str) -> None:
    it.put(**{member: value})
    assert list(drift(it.seen())) == [("CompositeAlarm/down", path)]
    it.converge()
    assert [c.operation for c in it.writes()] == ["PutCompositeAlarm"]


@pytest.mark.case(645, "rule")
def test_an_overwrite_sends_everything_back_and_no_tags(it: Alarms) -> None:
    it.put(AlarmDescription="theirs", ActionsSuppressorWaitPeriod=5,
           Tags=[{"Key": "plumbline:environment", "Value": "theirs"}])  # fmt: skip
    it.converge()
    (call,) = it.writes()
    assert call.params["AlarmDescription"] == "theirs"
    assert call.params["ActionsSuppressorWaitPeriod"] == 60
    assert "Tags" not in call.params


@pytest.mark.case(647, "rule")
def test_a_name_that_an_alarm_of_another_type_has(it: Alarms) -> None:
    """It is said, nothing is written, and what is there is left alone."""
    it.client.delete_alarms(AlarmNames=[f"{NAME}-down"])
    it.client.put_metric_alarm(
        AlarmName=f"{NAME}-down", Namespace="a", MetricName="b", Statistic="Sum", Period=60,
        Threshold=1.0, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    it.later(60)
    it.run()
    assert it.writes() == []
    told = it.status()["resources"]["CompositeAlarm/down"]["conditions"]["Observed"]
    assert told["status"] == "False"
    assert f"an alarm on a metric (kind Alarm) named {NAME}-down" in told["message"]


@pytest.mark.case(648, "rule")
def test_a_rule_that_was_led_back_to_itself_is_told(it: Alarms) -> None:
    it.client.put_composite_alarm(AlarmName="between", AlarmRule=f"ALARM({NAME}-down)")
    it.put(AlarmRule=f"ALARM({NAME}-down)")
    report = it.seen()
    ready = report.assessments["CompositeAlarm/down"].readiness
    assert (ready.state, ready.reason) == ("failed", "Circular")
    assert list(drift(report)) == [("CompositeAlarm/down", "alarmRule")]
    it.converge()
    assert [c.operation for c in it.writes()] == ["PutCompositeAlarm"]
