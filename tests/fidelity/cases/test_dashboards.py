"""Cases 640 to 644: a dashboard is a document, whoever wrote its text."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from controller.kinds.dashboard import DashboardHandler
from sandbox.pytest_plugin import new_world
from sandbox.world import CallRecord
from tests.fidelity.cases.alarm_estate import drift
from tests.harness import Plant, environment, explain, resource
from tests.rewind import Rewind

NAME = "litellm-production-main"
SPEC = """
start: -PT3H, widgets: [
  {type: text, width: 24, height: 1, properties: {markdown: "# Gateway"}},
  {type: metric, properties: {title: Requests, metrics: [
    [AWS/ApplicationELB, RequestCount, LoadBalancer, app/one, {stat: Sum, label: "$${LAST}"}],
    [AWS/ApplicationELB, HTTPCode_ELB_5XX_Count, LoadBalancer, app/one],
    [{expression: m2 / m1}],
    [AWS/ApplicationELB, HTTPCode_ELB_5XX_Count, LoadBalancer, app/two]]}}]
"""


class Page(Plant):
    """An environment of one dashboard, converged."""

    def __init__(self) -> None:
        world = new_world(1, max_lag=timedelta(0))
        super().__init__(world, environment(resource("Dashboard", "main", SPEC)))
        self.client = self.aws.client("cloudwatch")
        self.converge()
        self.later(60)
        self.back = Rewind(self)

    def body(self) -> dict[str, Any]:
        """What AWS has."""
        found = self.client.get_dashboard(DashboardName=NAME)["DashboardBody"]
        body: dict[str, Any] = json.loads(found)
        return body

    def put(self, body: dict[str, Any], **more: Any) -> None:
        """Somebody's PutDashboard."""
        self.client.put_dashboard(DashboardName=NAME, DashboardBody=json.dumps(body), **more)

    def quiet(self) -> None:
        """Passes that find no drift and write nothing."""
        for _ in range(2):
            report = self.run()
            assert drift(report) == {}, explain(report)
            assert self.writes() == []
            assert report.converged, explain(report)
            self.later(300)

    def mended(self) -> list[CallRecord]:
        """The accepted calls until all is as desired again."""
        self.converge()
        made = [c for c in self.writes() if not c.error]
        self.later(300)
        assert self.run().converged
        assert [c for c in self.writes() if not c.error] == made
        return made


@cache
def page() -> Page:
    """The one of this process."""
    return Page()


@pytest.fixture
def it() -> Page:
    """The page, converged."""
    found = page()
    found.back()
    found.checkpoint()
    return found


def saved_by_the_console(body: dict[str, Any]) -> dict[str, Any]:
    """The same page: members in another order, rows with repetition marks, sizes written out."""
    first, second = copy.deepcopy(body["widgets"])
    second = {"height": 6, "width": 6, **second}
    rows = second["properties"]["metrics"]
    rows[1] = [".", "HTTPCode_ELB_5XX_Count", ".", "."]
    rows[3] = ["...", "app/two"]
    return {"widgets": [dict(reversed(first.items())), second], "start": body["start"]}


@pytest.mark.case(641, 642, 643, "echo")
def test_what_the_console_saves_anew_is_no_change(it: Page) -> None:
    it.put(saved_by_the_console(it.body()))
    it.quiet()


CHANGES: dict[str, tuple[tuple[int, ...], Any, str]] = {
    "another title": (
        (641,), lambda b: b["widgets"][1]["properties"].update(title="Mine"),
        "widgets[1].properties[title]",
    ),
    "another metric": (
        (642,), lambda b: b["widgets"][1]["properties"]["metrics"].__setitem__(
            1, [".", "HTTPCode_ELB_4XX_Count", ".", "."]),
        "widgets[1].properties[metrics][1]",
    ),
    "another place to repeat": (
        (642,), lambda b: b["widgets"][1]["properties"]["metrics"].__setitem__(3, ["...", "x"]),
        "widgets[1].properties[metrics][3]",
    ),
    "larger": ((643,), lambda b: b["widgets"][1].update(width=7), ""),
    "smaller": ((643,), lambda b: b["widgets"][0].update(width=7), "widgets[0].width"),
    "a region": (
        (641,), lambda b: b["widgets"][1]["properties"].update(region="eu-north-1"), "",
    ),
    "one more": ((641,), lambda b: b["widgets"].append(b["widgets"][0]), "widgets"),
    "one less": ((641,), lambda b: b["widgets"].pop(), "widgets"),
    "another order": ((641,), lambda b: b["widgets"].reverse(), "widgets"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.case(*row[0], "change")]) for n, row in CHANGES.items()],
)
def test_a_change_is_named(it: Page, name: str) -> None:
    """What the file says; what it leaves to AWS's default is told, and left alone."""
    _, deed, path = CHANGES[name]
    body = it.body()
    deed(body)
    it.put(body)
    report = it.run(highest_mode="observe")
    assert it.writes() == []
    if not path:
        assert drift(report) == {}
        told = [c for a in report.assessments.values() for c in a.changes]
        assert [c.cls for c in told] == ["undeclared"]
        return
    assert {p.split(".")[0].split("[")[0] for _, p in drift(report)} == {"widgets"}
    assert all(p == path or p.startswith((f"{path}[", "widgets[")) for _, p in drift(report))
    (call,) = it.mended()
    assert call.operation == "PutDashboard"


@pytest.mark.case(640, "rule")
def test_an_overwrite_sends_everything_back(it: Page) -> None:
    """What others put there, and the file does not name, is still there; so is what no page of
    AWS's names."""
    body = it.body()
    body |= {"periodOverride": "auto", "newest": {"of": "AWS"}, "start": "-PT1H"}
    body["widgets"][1] |= {"x": 3, "y": 5, "odd": 1}
    it.put(body)
    (call,) = it.mended()
    assert call.operation == "PutDashboard"
    assert it.body() == {**body, "start": "-PT3H"}


@pytest.mark.case(640, "rule")
def test_another_writer_is_not_overwritten_unseen(
    it: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An observation that is older than ten seconds is made anew, and what was found then wins."""
    times = iter(range(0, 100_000, 20))
    monkeypatch.setattr("controller.kindlib.overwriting.time.monotonic", lambda: float(next(times)))
    body = it.body()
    it.put({**body, "start": "-PT1H"})
    late = [lambda: it.put({**body, "start": "-PT1H", "periodOverride": "inherit"})]
    apply = DashboardHandler.apply

    def after_somebody(self: DashboardHandler, *args: Any) -> Any:
        if late:
            late.pop()()
        return apply(self, *args)

    monkeypatch.setattr(DashboardHandler, "apply", after_somebody)
    assert [c.operation for c in it.mended()] == ["PutDashboard"]
    assert it.body() == {**body, "start": "-PT3H", "periodOverride": "inherit"}


@pytest.mark.case(644, "rule")
def test_tags_are_calls_of_their_own(it: Page) -> None:
    arn = it.client.get_dashboard(DashboardName=NAME)["DashboardArn"]
    it.put(it.body(), Tags=[{"Key": "plumbline:environment", "Value": "theirs"}])
    it.quiet()
    it.client.untag_resource(ResourceARN=arn, TagKeys=["plumbline:resource"])
    it.put({**it.body(), "start": "-PT1H"})
    calls = {c.operation: c.params for c in it.mended()}
    assert set(calls) == {"PutDashboard", "TagResource"}
    assert "Tags" not in calls["PutDashboard"]
