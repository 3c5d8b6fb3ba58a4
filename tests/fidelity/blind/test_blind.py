"""The blind cases stay right, also where AWS's doing and the change come together; and the judge
sees what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.fidelity.blind.__main__ import CASES, SCORE, figures
from tests.fidelity.blind.cases import Case, Edit, read
from tests.fidelity.blind.judge import judge

KEPT = read(CASES)
ALARMS = "cloudwatch:DescribeAlarms"
ALARM = {
    "AlarmName": "cpu", "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cpu",
    "ActionsEnabled": True, "OKActions": [], "InsufficientDataActions": [],
    "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:ops"],
    "StateValue": "OK", "StateUpdatedTimestamp": "2025-01-01T00:00:00Z",
    "MetricName": "CPUUtilization", "Namespace": "AWS/ECS", "Statistic": "Average",
    "Dimensions": [{"Name": "ClusterName", "Value": "main"}], "Period": 300,
    "EvaluationPeriods": 2, "Threshold": 80.0, "ComparisonOperator": "GreaterThanThreshold",
}  # fmt: skip


@pytest.mark.parametrize("case", KEPT, ids=[c.id for c in KEPT])
def test_blind_case(case: Case) -> None:
    alone = judge(case)
    assert not alone.invalid
    assert not alone.wrong
    together = judge(replace(case, change=(*case.echo, *case.change)))
    assert not together.wrong


def test_the_kept_score_is_of_these_cases() -> None:
    assert len(KEPT) == 40
    score = yaml.safe_load(SCORE.read_text(encoding="utf-8"))
    for run in ("first run", "after mending"):
        assert {f"{run}, {what}" for what in figures([])} <= set(score)


def edit(member: str, value: Any = None, *, remove: bool = False) -> Edit:
    return Edit(ALARMS, ("MetricAlarms", 0, member), value, remove)


def alarm(echo: tuple[Edit, ...], change: tuple[Edit, ...], *names: str) -> Case:
    return Case("x", "Alarm", "", "", {ALARMS: {"MetricAlarms": [ALARM]}}, echo, change, names)


STATE, PERIOD, THRESHOLD = (
    edit("StateValue", "ALARM"), edit("Period", 60), edit("Threshold", 90.0)
)  # fmt: skip


@pytest.mark.parametrize(("case", "wrong"), [
    pytest.param(alarm((STATE,), (PERIOD,), "Period"), set(), id="right"),
    pytest.param(alarm((edit("StateUpdatedTimestamp", remove=True),), (PERIOD,), "period"),
                 set(), id="removed"),
    pytest.param(alarm((PERIOD,), (PERIOD,), "period"), {"echo"}, id="an echo that is drift"),
    pytest.param(alarm((), (STATE,), "state"), {"change"}, id="nothing differs"),
    pytest.param(alarm((), (PERIOD, THRESHOLD), "period"), {"change"}, id="two fields differ"),
    pytest.param(alarm((), (PERIOD,), "threshold"), {"change"}, id="another field differs"),
    pytest.param(alarm((), (edit("AlarmName", "memory"),), "name"), {"change"}, id="it is gone"),
])  # fmt: skip
def test_the_judge_sees_what_is_wrong(case: Case, wrong: set[str]) -> None:
    verdict = judge(case)
    assert not verdict.invalid
    assert set(verdict.wrong) == wrong


@pytest.mark.parametrize(("change", "why"), [
    ((edit("Period", "sixty"),), "'sixty', where the model has a integer"),
    ((edit("Periods", 60),), "no such member"),
    ((edit("Period", 300),), "changes nothing"),
    ((edit("Unit", remove=True),), "nothing is there"),
])  # fmt: skip
def test_what_is_no_case(change: tuple[Edit, ...], why: str) -> None:
    assert why in judge(alarm((), change, "x")).invalid


def test_paths_and_times(tmp_path: Any) -> None:
    written = [{
        "id": "x", "kind": "alarm", "names": ["x"], "replies": {"monitoring/DescribeAlarms": {
            "MetricAlarms": [{**ALARM, "Dimensions": []}]}},
        "echo": [{"reply": "monitoring/DescribeAlarms", "path": "MetricAlarms[0].Dimensions[0]",
                  "value": {"Name": "a", "Value": "b"}}],
    }]  # fmt: skip
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump(written))
    (case,) = read(file)
    (shown,) = case.shown(case.echo)[ALARMS]["MetricAlarms"]
    assert shown["Dimensions"] == [{"Name": "a", "Value": "b"}]
    assert shown["StateUpdatedTimestamp"] == datetime(2025, 1, 1, tzinfo=UTC)
