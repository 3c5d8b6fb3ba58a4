"""MetricFilter: where it is looked for, what is compared, and whose it is taken for."""

from __future__ import annotations

from typing import Any

import pytest

from controller.aws import AwsFailure, Failure
from controller.complaints import validate
from controller.handler import Absent, Present, Target, Unknown
from controller.inventory import BORN, WHOLE, Record
from controller.kinds import KINDS, handler_for
from controller.manifest import load
from controller.ownership import Claim, remembered
from controller.spec import Taggable
from tests.harness import environment, resource

HANDLER = handler_for("MetricFilter")
METRIC = {"metricNamespace": "Orders", "metricName": "Errors", "metricValue": "1"}


def shown(name: str, group: str = "app", **more: Any) -> dict[str, Any]:
    """A filter as AWS shows it."""
    return {
        "filterName": name, "logGroupName": group, "filterPattern": "ERROR",
        "creationTime": 1, "metricTransformations": [METRIC], **more,
    }  # fmt: skip


class FakeAws:
    """Has these filters, and log groups that may not be read."""

    def __init__(self, *filters: dict[str, Any], failing: dict[str, Failure] | None = None) -> None:
        self.filters = filters
        self.failing = failing or {}
        self.asked: list[dict[str, Any]] = []

    def pages(self, service: str, operation: str, items: str, params: Any = None) -> list[Any]:
        asked = params or {}
        self.asked.append(asked)
        group = asked.get("logGroupName")
        if group in self.failing:
            raise AwsFailure(self.failing[group], "x", "y", "z")
        prefix = asked.get("filterNamePrefix", "")
        return [
            f for f in self.filters
            if group in (None, f["logGroupName"]) and f["filterName"].startswith(prefix)
        ]  # fmt: skip

    def gather(self, *calls: Any) -> list[Any]:
        found = []
        for call in calls:
            try:
                found.append(call())
            except AwsFailure as failure:
                found.append(failure)
        return found


def target(name: str, group: Any = "app", last: Any = None) -> Target:
    spec = {"logGroupName": group} if group else {}
    return Target(f"MetricFilter/{name}-{group}", name, spec, {}, "123456789012", "us-east-1", last)


def seen(aws: Any, *targets: Target) -> list[Any]:
    return list(HANDLER.observe(aws, targets).values())


def test_filters_of_a_group_are_read_together() -> None:
    aws = FakeAws(shown("shop-a"), shown("shop-b"), shown("shop-a", "web"))
    one, two, three = seen(aws, target("shop-a"), target("shop-c"), target("shop-a", "web"))
    assert isinstance(one, Present)
    assert one.doc["filter"]["logGroupName"] == "app"
    assert isinstance(two, Absent)
    assert isinstance(three, Present)
    assert aws.asked == [
        {"logGroupName": "app", "filterNamePrefix": "shop-"},
        {"logGroupName": "web", "filterNamePrefix": "shop-a"},
    ]


@pytest.mark.parametrize(
    ("failure", "found"), [("not-found", Absent), ("denied", Unknown), ("throttled", Unknown)]
)
def test_only_a_group_that_is_not_there_has_none(failure: str, found: type) -> None:
    [one] = seen(FakeAws(failing={"app": failure}), target("a"))
    assert isinstance(one, found)


def test_where_it_was_last_comes_first() -> None:
    last = {"logGroupName": "old"}
    [one] = seen(FakeAws(shown("a", "old"), shown("a")), target("a", "app", last))
    assert one.doc["filter"]["logGroupName"] == "old"
    [one] = seen(FakeAws(shown("a")), target("a", "app", last))
    assert one.doc["filter"]["logGroupName"] == "app"
    [one] = seen(FakeAws(shown("a"), failing={"old": "denied"}), target("a", "app", last))
    assert isinstance(one, Unknown)


@pytest.mark.parametrize("group", [None, "${ssm:/group}"])
def test_without_a_group_it_is_looked_for_in_all(group: str | None) -> None:
    [one] = seen(FakeAws(shown("a"), shown("b")), target("a", group))
    assert isinstance(one, Present)
    [one] = seen(FakeAws(shown("a"), shown("a", "web")), target("a", group))
    assert isinstance(one, Unknown)
    assert "in several log groups: app, web" in one.reason


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"metricTransformations": []}, "whose members stand here themselves"),
        ({"tags": {}}, "AWS keeps no tags"),
        ({"emitSystemFieldDimensions": ["@aws.region"] * 2}, "names one twice"),
        ({"defaultValue": "no"}, "defaultValue"),
        ({"defaultValue": float("inf")}, "Infinity"),
    ],
)
def test_what_may_not_be_written(more: Any, says: str) -> None:
    whole = {**METRIC, "logGroupName": "app", "filterPattern": "", **more}
    problems = validate(HANDLER.spec, whole)[1]
    assert any(says in f"{p.path} {p.message}" for p in problems), problems


@pytest.mark.parametrize(("said", "kept"), [(1, "1"), (0.5, "0.5"), ("$.a", "$.a"), ("-3", "-3")])
def test_numbers_need_no_quotes(said: Any, kept: str) -> None:
    whole = {**METRIC, "logGroupName": "app", "filterPattern": "{ $.a = * }", "metricValue": said}
    model, problems = validate(HANDLER.spec, whole)
    assert problems == []
    assert model is not None
    assert model.model_dump(by_alias=True)["metricValue"] == kept


def test_one_name_in_two_groups() -> None:
    """Log groups are told apart by their whole names."""
    spec = "filterPattern: '', metricNamespace: a, metricName: b, logGroupName"
    both = [
        resource("MetricFilter", name, f"{spec}: /{name}/api").replace(
            f"{{name: {name}}}", f"{{name: {name}, externalName: errors}}"
        )
        for name in ("one", "two")
    ]
    assert len(load(environment(*both).encode(), "two.yaml").resources) == 2


@pytest.mark.parametrize(
    ("record", "claim"),
    [
        (None, Claim.NOBODY),
        (Record("a"), Claim.NOBODY),
        (Record("a", identity="app:a"), Claim.OURS),
        (Record("a", identity="app:a", watched=True), Claim.NOBODY),
        (Record("a", identity="web:a"), Claim.NOBODY),
        (Record("a", settling=[WHOLE]), Claim.NOBODY),
        (Record("a", settling=[WHOLE], last={"x": 1}), Claim.OURS),
        (Record("a", settling=[BORN], last={"x": 1}), Claim.OURS),
        (Record("a", settling=[WHOLE], last={"x": 2}), Claim.NOBODY),
        (Record("a", settling=["x"], last={"x": 1}), Claim.NOBODY),
        (Record("a", identity="web:a", settling=[WHOLE], last={"x": 1}), Claim.NOBODY),
    ],
)
def test_whose_it_is(record: Record | None, claim: Claim) -> None:
    assert remembered(record, "app:a", lambda made: made == {"x": 1}) is claim


def test_all_other_kinds_carry_tags_or_are_named_as_ours() -> None:
    """And what says whose it is fits what AWS keeps of it."""
    handlers = {kind: handler_for(kind) for kind in KINDS}
    untagged = {kind: it.held_by for kind, it in handlers.items() if it.held_by != "tags"}
    assert untagged == {"MetricFilter": "inventory", "Stack": "file"}
    for kind, it in handlers.items():
        assert issubclass(it.spec, Taggable) is (it.held_by == "tags"), kind
