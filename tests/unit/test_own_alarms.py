"""The alarms of an environment on itself: what one field of its file stands for."""

from __future__ import annotations

from typing import Any

import pytest

from controller.manifest import DesiredStateError, load
from tests.emf import SETS, documented

ENVIRONMENT = """\
apiVersion: plumbline.dev/v1
kind: Environment
metadata: {{name: shop}}
spec:
  interval: {interval}
  {alarms}
"""
OWN = """\
---
apiVersion: plumbline.dev/v1
kind: Alarm
metadata: {name: plumbline-drifted}
spec:
  namespace: Shop
  metricName: Errors
  statistic: Sum
  evaluationPeriods: 5
  threshold: 1
  comparisonOperator: GreaterThanThreshold
"""


def alarms(interval: str = "5m", field: str = "alarms: {}") -> dict[str, dict[str, Any]]:
    found = load(ENVIRONMENT.format(interval=interval, alarms=field).encode(), "shop.yaml")
    return {name: resource.spec for name, resource in found.resources.items()}


def test_without_the_field_there_are_none() -> None:
    assert alarms(field="mode: enforce") == {}


@pytest.mark.parametrize("interval", ["1m", "90s", "5m", "7m", "59m", "3599s", "1h", "61m", "24h"])
def test_windows_are_as_long_as_an_interval(interval: str) -> None:
    """Loading holds each to what PutMetricAlarm takes: period times periods is a day at most, a
    week from an hour on."""
    unit = {"s": 1, "m": 60, "h": 3600}[interval[-1]]
    for name, spec in alarms(interval, "alarms: {driftPasses: 7}").items():
        assert spec["period"] >= max(300, int(interval[:-1]) * unit), name
        assert spec["period"] % 60 == 0


def test_each_watches_a_metric_that_is_written_for_the_environment() -> None:
    for name, spec in alarms().items():
        assert spec["dimensions"] == {"Environment": "shop"}
        assert SETS["E"] in documented()[spec["metricName"]].dimensions, name
        assert "shop" in spec["description"]
    missing = {name: spec["treatMissingData"] for name, spec in alarms().items()}
    assert missing.pop("Alarm/plumbline-no-pass") == "breaching"
    assert set(missing.values()) == {"ignore"}


def test_its_settings_arrive() -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:news"
    field = f"alarms: {{actions: ['{topic}'], driftPasses: 2, notConvergedMinutes: 15}}"
    found = alarms(field=field)
    assert all(s["alarmActions"] == s["okActions"] == [topic] for s in found.values())
    assert found["Alarm/plumbline-drifted"]["evaluationPeriods"] == 2
    assert found["Alarm/plumbline-not-converged"]["threshold"] == 15


@pytest.mark.parametrize(
    ("field", "more", "says"),
    [
        ("alarms: {driftPasses: 8}", "", "spec.alarms.driftPasses: found 8, allowed: at most 7"),
        ("alarms: {actions: [news]}", "", 'spec.alarms.actions[0]: found "news", allowed: an ARN'),
        ("alarms: []", "", "spec.alarms: found a list, allowed: a map"),
        ("alarms: {}", OWN, "found a second Alarm/plumbline-drifted (first in line 10)"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(field: str, more: str, says: str) -> None:
    with pytest.raises(DesiredStateError) as told:
        load((ENVIRONMENT.format(interval="5m", alarms=field) + more).encode(), "shop.yaml")
    [problem] = told.value.problems
    assert str(problem).startswith("shop.yaml:6: ")
    assert says in str(problem)
