"""What CloudWatch rejects of dashboards."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_"
ARN = "arn:aws:cloudwatch::123456789012:dashboard/"
TEXT = {"type": "text", "properties": {"markdown": "Hello"}}
GRID = {"x": 24, "y": -1, "width": 25, "height": 1001}
ONE = "widgets: [{type: %s, properties: {%s}}]"
THERE = "what there is in AWS"
NAME = "the name is checked when the file is read: tests/unit/test_manifest.py"


def put(why: str, body: Any, load: str | tuple[str, str], says: str = "") -> Refusal:
    """A PutDashboard with that body. load: (spec, what is said of it), or why no file can tell."""
    told: dict[str, Any] = (
        {"only_aws_knows": load} if isinstance(load, str) else {"at_load": ("Dashboard", *load)}
    )
    text = body if isinstance(body, str) else json.dumps(body)
    return Refusal("cloudwatch:PutDashboard", why, {"DashboardName": "new", "DashboardBody": text},
                   "InvalidParameterInput", f"{API}PutDashboard.html", says, **told)  # fmt: skip


def of(kind: str, **properties: Any) -> dict[str, Any]:
    return {"widgets": [{"type": kind, "properties": properties}]}


PUTS = [
    put("no JSON", "{", "the text is made here", "valid JSON"),
    put("no widgets", {"start": "-PT3H"}, "a new one needs widgets: tests/unit/kinds", "widgets"),
    put("501 widgets", {"widgets": [TEXT] * 501},
        (f"widgets: [{', '.join(['{type: text, properties: {markdown: a}}'] * 501)}]", "500"),
        "more than 500"),
    put("an unknown type", of("graph"), (ONE % ("graph", ""), "metric"), "/widgets/0/type"),
    put("a text without words", of("text"), (ONE % ("text", ""), "needs properties.markdown"),
        "'markdown'"),
    put("a query without words", of("log", region="us-east-1"),
        (ONE % ("log", ""), "needs properties.query"), "'query'"),
    put("no alarms", of("alarm", alarms=[]), (ONE % ("alarm", "alarms: []"), "1-100 ARNs, not 0"),
        "less than 1 items"),
    put("no metrics", of("metric", region="us-east-1"),
        (ONE % ("metric", "title: a"), "needs properties.metrics"), "'metrics'"),
    put("no region", of("metric", metrics=[["a", "b"]]), "Plumbline names one", "a region"),
    put("metrics that are no rows", of("metric", region="us-east-1", metrics=["a", "b"]),
        (ONE % ("metric", "metrics: [a, b]"), "must be a row"), "array of array"),
    put("a number in a row", of("metric", region="us-east-1", metrics=[["a", 1, {}]]),
        (ONE % ("metric", "metrics: [[a, 1, {}]]"), "has texts"), "array of array"),
    put("an end without a start", {"widgets": [], "end": "-PT1H"},
        ("widgets: [], end: -PT1H", "end needs start"), "start"),
    put("another override", {"widgets": [], "periodOverride": "no"},
        ("widgets: [], periodOverride: none", "auto"), "periodOverride"),
    *(put(f"{name} beyond the grid", {"widgets": [{**TEXT, name: n}]},
          (f"widgets: [{{type: text, {name}: {n}, properties: {{markdown: a}}}}]", name),
          f"/widgets/0/{name}") for name, n in GRID.items()),
]  # fmt: skip
REFUSALS = (
    *PUTS,
    Refusal("cloudwatch:PutDashboard", "a name with a dot",
            {"DashboardName": "a.b", "DashboardBody": json.dumps({"widgets": []})},
            "InvalidParameterValue", f"{API}PutDashboard.html", only_aws_knows=NAME),
    Refusal("cloudwatch:PutDashboard", "a tag of AWS's own",
            {"DashboardName": "new", "DashboardBody": json.dumps({"widgets": []}),
             "Tags": [{"Key": "aws:x", "Value": "y"}]},
            "InvalidParameterValue", f"{API}PutDashboard.html",
            at_load=("Dashboard", 'widgets: [], tags: {"aws:x": y}', "does not begin with aws:")),
    Refusal("cloudwatch:DeleteDashboards", "one that is not there", {"DashboardNames": ["no"]},
            "ResourceNotFound", f"{API}DeleteDashboards.html", only_aws_knows=THERE),
    Refusal("cloudwatch:TagResource", "a dashboard that is not there",
            {"ResourceARN": f"{ARN}no", "Tags": [{"Key": "a", "Value": "b"}]},
            "ResourceNotFoundException", f"{API}TagResource.html", only_aws_knows=THERE),
    Refusal("cloudwatch:UntagResource", "a dashboard that is not there",
            {"ResourceARN": f"{ARN}no", "TagKeys": ["a"]},
            "ResourceNotFoundException", f"{API}UntagResource.html", only_aws_knows=THERE),
)  # fmt: skip


def dashboards(aws: boto3.Session, world: World) -> None:
    """One."""
    aws.client("cloudwatch").put_dashboard(
        DashboardName="there", DashboardBody=json.dumps({"widgets": [TEXT]})
    )


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("dashboards", dashboards))


def test_every_write_is_refused_something() -> None:
    assert calls_of("Dashboard") == {r.call for r in REFUSALS}
