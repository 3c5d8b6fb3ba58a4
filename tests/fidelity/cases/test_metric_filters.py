"""Cases 649 to 651: metric filters, which carry no tags and are ours by memory alone."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from controller.ownership import Claim
from controller.reconciler import Report
from sandbox.errors import Killed
from sandbox.pytest_plugin import new_world
from sandbox.world import Fault
from tests.behaviour.test_crash import is_write
from tests.harness import Plant, environment, explain, resource, shape
from tests.rewind import Rewind

NAME = "litellm-production"
KEY = "MetricFilter/errors"
GROUP = resource("LogGroup", "app", "")
SPEC = """logGroupName: "${LogGroup.app.name}", filterPattern: '{ $.level = "ERROR" }',
    metricNamespace: Orders, metricName: Errors"""
FILTER = resource("MetricFilter", "errors", SPEC)
TEXT = environment(GROUP, FILTER)
ADOPTING = environment(
    GROUP, resource("MetricFilter", "errors", SPEC, "lifecycle: {adopt: true}\n")
)


class Filters(Plant):
    """A log group, converged, with or without our filter in it."""

    def __init__(self, seed: int = 1, *, made: bool = True) -> None:
        world = new_world(seed, max_lag=timedelta(0))
        super().__init__(world, TEXT if made else environment(GROUP))
        self.logs = self.aws.client("logs")
        self.converge()
        self.later(600)
        self.back = Rewind(self)

    def shown(self) -> dict[str, Any]:
        """All filters, by name."""
        found = self.logs.describe_metric_filters()["metricFilters"]
        return {f["filterName"]: f for f in found}

    def put(self, name: str = f"{NAME}-errors", **changed: Any) -> None:
        """Somebody's PutMetricFilter."""
        metric = {"metricName": "Theirs", "metricNamespace": "Other", "metricValue": "1"}
        self.logs.put_metric_filter(
            **{
                "logGroupName": f"{NAME}-app", "filterName": name, "filterPattern": "theirs",
                "metricTransformations": [metric], **changed,
            }
        )  # fmt: skip

    def forget(self) -> None:
        """The inventory is lost."""
        self.store.delete(f"inventory/{self.name}.json")


@cache
def made() -> Filters:
    """The one of this process, in which all is as desired."""
    return Filters()


@cache
def bare() -> Filters:
    """The one of this process in which the filter is yet to be made."""
    return Filters(made=False)


@pytest.fixture
def it() -> Filters:
    found = made()
    found.back()
    found.checkpoint()
    return found


@pytest.fixture
def before() -> Filters:
    found = bare()
    found.back()
    found.publish(TEXT)
    found.checkpoint()
    return found


def untouched(it: Filters, report: Report) -> None:
    """Nothing was written, and the way out is said."""
    assert it.writes() == []
    assert report.assessments[KEY].claim is Claim.NOBODY
    told = it.status()["resources"][KEY]["conditions"]["Blocked"]
    assert (told["status"], told["reason"]) == ("True", "NotOwned")
    assert "AWS keeps no tags of it" in told["message"]
    assert "lifecycle.adopt: true takes it" in told["message"]


@pytest.mark.case(649, "rule")
def test_an_alarm_refers_to_its_metric(it: Filters) -> None:
    it.publish(
        environment(
            GROUP, FILTER,
            resource("Alarm", "errors", """namespace: "${MetricFilter.errors.metricNamespace}",
                metricName: "${MetricFilter.errors.metricName}", statistic: Sum,
                evaluationPeriods: 1, threshold: 1,
                comparisonOperator: GreaterThanThreshold"""),
        )
    )  # fmt: skip
    it.converge()
    [alarm] = it.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Orders", "Errors")


@pytest.mark.case(649, "rule")
def test_drift_is_mended_and_what_nobody_declared_stays(it: Filters) -> None:
    metric = {"metricName": "Errors", "metricNamespace": "Orders", "metricValue": "1"}
    it.put(filterPattern="theirs", metricTransformations=[{**metric, "unit": "Count"}])
    it.later()
    it.checkpoint()
    report = it.run()
    drift = {c.path for c in report.assessments[KEY].drift}
    assert drift == {"filterPattern"}
    (call,) = it.writes()
    assert call.params["filterPattern"] == '{ $.level = "ERROR" }'
    assert call.params["metricTransformations"] == [{**metric, "unit": "Count"}]


@pytest.mark.case(649, "rule")
def test_killed_at_any_write_it_is_made_once(before: Filters) -> None:
    before.converge()
    end = shape(before.world)
    for kind in ("kill-before", "kill-after", "lost"):
        for at in range(7):
            before.back()
            before.publish(TEXT)
            before.world.faults.append(Fault(kind, is_write, after=at))
            try:
                before.run()
            except Killed:
                before.revive()
            before.world.faults.clear()
            before.later()
            before.converge()
            assert shape(before.world) == end, f"{kind} at write {at}"


def test_somebody_elses_of_our_name_is_never_touched(before: Filters) -> None:
    before.put()
    theirs = before.shown()
    before.later()
    for _ in range(3):
        untouched(before, before.run())
        before.later(600)
    before.publish(environment(GROUP))
    before.converge()
    assert before.shown() == theirs, "and not deleted with its manifest"


@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
def test_made_by_somebody_else_while_we_were_dead(before: Filters, kind: str) -> None:
    """The mark says that we were about to make it, and what."""
    before.world.fault(kind, "logs:PutMetricFilter")
    with pytest.raises(Killed):
        before.run()
    before.revive()
    before.put()
    theirs = before.shown()
    before.checkpoint()
    untouched(before, before.run())
    assert before.shown() == theirs


def test_made_by_somebody_else_just_before_our_call(before: Filters) -> None:
    def they(key: str, what: str, detail: str) -> None:
        if what == "PutMetricFilter" and not before.shown():
            before.put()

    report = before.run(progress=they)
    assert [v.reason for v in report.vetoes.values()] == ["NotOwned"]
    assert before.shown()[f"{NAME}-errors"]["filterPattern"] == "theirs"


def test_lost_inventory_and_all_as_desired(it: Filters) -> None:
    kept = it.shown()
    it.forget()
    untouched(it, it.run())
    it.publish(environment(GROUP))
    it.converge()
    assert it.shown() == kept


def test_lost_inventory_and_drift(it: Filters) -> None:
    """Told, left alone, and mended when the file says that it is to be taken."""
    it.put()
    it.forget()
    it.later()
    it.checkpoint()
    untouched(it, it.run())
    assert it.shown()[f"{NAME}-errors"]["filterPattern"] == "theirs"
    it.publish(ADOPTING)
    it.converge()
    assert it.shown()[f"{NAME}-errors"]["filterPattern"] == '{ $.level = "ERROR" }'
    it.publish(TEXT)
    it.put()
    it.later()
    it.converge()
    assert it.shown()[f"{NAME}-errors"]["filterPattern"] == '{ $.level = "ERROR" }'


def test_observed_it_is_watched_and_not_ours(before: Filters) -> None:
    before.put()
    before.publish(environment(GROUP, FILTER, spec="mode: observe"))
    before.run()
    before.publish(TEXT)
    before.later()
    before.checkpoint()
    untouched(before, before.run())


def test_its_manifest_gone_it_goes_from_where_it_was(it: Filters) -> None:
    it.put("theirs")
    it.publish(environment(GROUP, spec="prune: delete"))
    report = it.converge()[0]
    assert list(it.shown()) == ["theirs"], explain(report)
    assert [c.operation for c in it.writes()] == ["DeleteMetricFilter"]


def test_it_does_not_move(it: Filters) -> None:
    other = resource("LogGroup", "other", "")
    it.publish(TEXT.replace("LogGroup.app.name", "LogGroup.other.name") + f"---\n{other}")
    it.later()
    report = it.run()
    [change] = [c for c in report.assessments[KEY].changes if c.cls == "immutable"]
    assert change.path == "logGroupName"
    assert [f["logGroupName"] for f in it.shown().values()] == [f"{NAME}-app"]


def test_gone_with_its_log_group_it_is_made_with_the_new_one(it: Filters) -> None:
    it.logs.delete_log_group(logGroupName=f"{NAME}-app")
    assert it.shown() == {}
    it.later(600)
    it.converge()
    assert list(it.shown()) == [f"{NAME}-errors"]


@pytest.mark.case(650, "echo")
@pytest.mark.parametrize("seed", [1, 3])
def test_what_nobody_set_may_be_shown(seed: int) -> None:
    plant = Filters(seed)
    plant.checkpoint()
    assert plant.run().converged
    assert plant.writes() == []


@pytest.mark.case(650, "change")
@pytest.mark.parametrize(
    ("wanted", "changed", "path"),
    [
        ("unit: None", {"unit": "Count"}, "unit"),
        ("applyOnTransformedLogs: false", {"applyOnTransformedLogs": True},
         "applyOnTransformedLogs"),
        ("defaultValue: none", {"defaultValue": 0.0}, "defaultValue"),
    ],
)  # fmt: skip
def test_what_somebody_sets_is_a_change(
    it: Filters, wanted: str, changed: dict[str, Any], path: str
) -> None:
    it.publish(TEXT.replace("metricName: Errors", f"metricName: Errors, {wanted}"))
    it.converge()
    now = it.shown()[f"{NAME}-errors"]
    of = now if path in now else now["metricTransformations"][0]
    of.update(changed)
    del now["creationTime"]
    it.logs.put_metric_filter(**now)
    it.later()
    it.checkpoint()
    report = it.run()
    assert {c.path for c in report.assessments[KEY].drift} == {path}
    assert [c.operation for c in it.writes()] == ["PutMetricFilter"]


@pytest.mark.case(651, "rule")
def test_dimensions_take_the_place_of_a_default_that_is_not_ours(it: Filters) -> None:
    now = it.shown()[f"{NAME}-errors"]
    now["metricTransformations"][0]["defaultValue"] = 0.0
    del now["creationTime"]
    it.logs.put_metric_filter(**now)
    it.later()
    it.publish(
        TEXT.replace("metricName: Errors", "metricName: Errors, dimensions: {Region: $.region}")
    )
    it.converge()
    [metric] = it.shown()[f"{NAME}-errors"]["metricTransformations"]
    assert metric["dimensions"] == {"Region": "$.region"}
    assert "defaultValue" not in metric
