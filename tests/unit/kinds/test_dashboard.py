"""Dashboard: written as a page, read as a document, sent as one text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.complaints import validate
from controller.handler import REMARK, Absent, Present
from controller.kindlib.dashboard_body import rows
from controller.kinds import handler_for
from tests.unit.kinds import kit

HANDLER = handler_for("Dashboard")
ARN = "arn:aws:cloudwatch::123456789012:dashboard/sample"
NAMES = ["AWS/EC2", "CPUUtilization", "InstanceId"]


class FakeAws:
    """Takes writes, and says something of each."""

    def __init__(self, **reply: Any) -> None:
        self.reply = reply
        self.sent: dict[str, Any] = {}

    def read(self, service: str, operation: str, params: Any) -> Any:
        return {"DashboardBody": '{"widgets": []}'}

    def write(self, service: str, operation: str, params: Any) -> Any:
        self.sent = params
        return self.reply


def seen(aim: Any, body: Any) -> Present:
    return Present(
        {"name": aim.name, "arn": ARN, "body": body, "tags": dict(aim.tags), "observedAt": 0.0}
    )


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ([[*NAMES, "i-1"], [".", "DiskReadBytes", ".", "i-2"]],
         [[*NAMES, "i-1"], ["AWS/EC2", "DiskReadBytes", "InstanceId", "i-2"]]),
        ([[*NAMES, "i-1"], ["...", "i-2", {"stat": "p90"}]],
         [[*NAMES, "i-1"], [*NAMES, "i-2", {"stat": "p90"}]]),
        ([[*NAMES, "i-1", {}], [{"expression": "m1 * 2"}], ["...", "i-2"], [".", ".", ".", "."]],
         [[*NAMES, "i-1"], [{"expression": "m1 * 2"}], [*NAMES, "i-2"], [*NAMES, "i-2"]]),
        ([[*NAMES, "i-1"], [".", "Requests", "..."]],
         [[*NAMES, "i-1"], ["AWS/EC2", "Requests", "InstanceId", "i-1"]]),
        ([["..."], ["."], "odd"], [[], ["."], "odd"]),
    ],
)  # fmt: skip
def test_rows_are_written_out(written: Any, plain: Any) -> None:
    assert rows(written) == plain
    assert rows(plain) == plain


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({"widgets": [{"type": "graph"}]}, "allowed: metric, text"),
        ({"widgets": [{"type": "text", "text": "x"}]}, "unknown field text"),
        ({"widgets": [{"type": "metric", "properties": {"metrics": [["a", "b", "c"]]}}]},
         "pairs of dimensions"),
        ({"widgets": [{"type": "metric", "properties": {"metrics": [[{"color": "#fff"}]]}}]},
         "no expression"),
        ({"widgets": [{"type": "metric", "properties": {"metrics": [[]]}}]}, "must be a row"),
        ({"widgets": [], "start": "yesterday"}, "a stretch of time"),
        ({"variables": [{"type": "pattern", "inputType": "input", "id": "a"}]}, "needs pattern"),
        ({"dashboardBody": "{}"}, "stands here itself"),
    ],
)  # fmt: skip
def test_what_may_not_be_written(doc: Any, says: str) -> None:
    (problem,) = validate(HANDLER.spec, doc)[1]
    assert says in problem.message


def test_a_new_one_needs_widgets() -> None:
    assert HANDLER.incomplete({}) == "needs widgets"
    assert HANDLER.incomplete({"widgets": []}) == ""


SOURCE: Any = {
    "widgets": [
        {"type": "metric", "x": 0, "y": 0, "width": 6, "height": 6, "properties": {
            "metrics": [[*NAMES, "i-1", {"label": "${LAST}"}], ["...", "i-2"]],
            "region": kit.REGION, "view": "timeSeries"}},
        {"type": "alarm", "properties": {"alarms": ["arn:aws:cloudwatch:a:b:alarm:c"]}},
    ],
    "start": "-PT3H",
}  # fmt: skip
"""As the console shows it under `View/edit source`."""


def test_a_page_of_the_console_may_be_pasted_and_plans_nothing() -> None:
    spec = json.loads(json.dumps(SOURCE).replace("${LAST}", "$${LAST}"))
    aim = kit.target(HANDLER, "sample", validate(HANDLER.spec, spec)[0].model_dump(
        by_alias=True, exclude_none=True))  # fmt: skip
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim, SOURCE))) == set()


def test_it_is_imported_and_then_plans_nothing() -> None:
    imported = HANDLER.imported({"body": SOURCE, "tags": {}})
    assert validate(HANDLER.spec, imported)[1] == []
    assert imported["widgets"][0]["properties"]["metrics"][1] == [*NAMES, "i-2"]
    assert imported["widgets"][0]["region"] == kit.REGION


def test_the_text_is_made_at_the_call_and_a_label_keeps_its_dollar() -> None:
    from controller.references import unescape

    spec = {"widgets": [{"type": "metric", "properties": {
        "metrics": [[*NAMES, "i-1", {"label": "$${LAST}"}]]}}]}  # fmt: skip
    aim = kit.target(HANDLER, "sample", spec)
    (action,) = HANDLER.plan(aim, Absent(), [])
    assert isinstance(action.params["DashboardBody"], dict)
    aws: Any = FakeAws()
    outputs = HANDLER.apply(
        aws, aim, action, {**unescape(dict(action.params)), "observedAt": 1e12, "seen": None}
    )
    assert outputs == {"name": "sample", "arn": ARN}
    (widget,) = json.loads(aws.sent["DashboardBody"])["widgets"]
    assert widget["properties"] == {
        "metrics": [[*NAMES, "i-1", {"label": "${LAST}"}]], "region": kit.REGION,
    }  # fmt: skip
    assert set(aws.sent) == {"DashboardName", "DashboardBody", "Tags"}


def test_what_cloudwatch_warns_of_is_told() -> None:
    aim = kit.target(HANDLER, "sample", {"widgets": []})
    (action,) = HANDLER.plan(aim, Absent(), [])
    said = [{"DataPath": "/widgets/0", "Message": "Should NOT have additional properties"}]
    params = {**action.params, "observedAt": 1e12, "seen": None}
    aws: Any = FakeAws(DashboardValidationMessages=said)
    outputs = HANDLER.apply(aws, aim, action, params)
    assert outputs[REMARK] == (
        "taken, but may not be shown: /widgets/0: Should NOT have additional properties"
    )
