"""What CloudWatch Logs rejects of metric filters."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
BAD, GONE, FULL = (
    "InvalidParameterException", "ResourceNotFoundException", "LimitExceededException",
)  # fmt: skip
METRIC = {"metricNamespace": "Orders", "metricName": "Errors", "metricValue": "1"}
SPEC = "logGroupName: there, metricNamespace: Orders"
WORDS = f"{SPEC}, metricName: Errors, filterPattern: ERROR"
JSON = f"{SPEC}, metricName: Errors, filterPattern: '{{ $.a = 1 }}'"
THERE = "what there is in AWS"
NAME = "the name is checked when the file is read: tests/unit/test_manifest.py"
EXPRESSIONS = "[a = %x%, b = %y%, c = %z%]"


def put(why: str, load: Load, says: str = "", code: str = BAD, **request: Any) -> Refusal:
    """load: (spec, what is said of it), or why no file can tell. metric: more of its members."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("MetricFilter", *load)}  # fmt: skip
    metric = {**METRIC, **request.pop("metric", {})}
    whole = {
        "logGroupName": "there", "filterName": "new", "filterPattern": "{ $.a = 1 }",
        "metricTransformations": [metric], **request,
    }  # fmt: skip
    return Refusal("logs:PutMetricFilter", why, whole, code, f"{API}PutMetricFilter.html", says,
                   **told)  # fmt: skip


REFUSALS = (
    put("a group that is not there", THERE, "does not exist", GONE, logGroupName="no"),
    put("a group of another class", THERE, "not supported for log class",
        "InvalidOperationException", logGroupName="cheap"),
    put("the 101st of a group", THERE, "limit", FULL, logGroupName="full"),
    put("the sixth of a group with regex", THERE, "at most 5", FULL, logGroupName="full-regex",
        filterPattern="%x%"),
    put("a name with a colon", NAME, "regular expression", filterName="a:b"),
    put("a group by its ARN",
        (JSON.replace("there", "'arn:aws:logs:us-east-1:123456789012:log-group:x'"), "no ARN"),
        "regular expression", logGroupName="arn:aws:logs:us-east-1:123456789012:log-group:x"),
    put("a pattern too long", (WORDS.replace("ERROR", "E" * 1025), "at most 1024"),
        "less than or equal to 1024", filterPattern="E" * 1025),
    put("JSON that is left open", (WORDS.replace("ERROR", "'{ $.a = 1'"), "does not end with }"),
        "Invalid metric filter pattern", filterPattern="{ $.a = 1"),
    put("three regular expressions", (WORDS.replace("ERROR", f"'{EXPRESSIONS}'"), "at most 2"),
        "at most 2", filterPattern=EXPRESSIONS),
    put("a namespace with a colon", (JSON.replace("Orders", "'a:b'"), "none of them"),
        "regular expression", metric={"metricNamespace": "a:b"}),
    put("a metric with a dollar", (JSON.replace("Errors", "a$b"), "none of them"),
        "regular expression", metric={"metricName": "a$b"}),
    put("a value that is no number", (f"{JSON}, metricValue: one", "a number, or a field"),
        "must be a valid number", metric={"metricValue": "one"}),
    put("a field of words", (f"{WORDS}, metricValue: $.a", "can't take fields"),
        "must be a valid number", filterPattern="ERROR", metric={"metricValue": "$.a"}),
    put("an unknown unit", (f"{JSON}, unit: Apples", "found \"Apples\""), "enum value set",
        metric={"unit": "Apples"}),
    put("a default value and dimensions",
        (f"{JSON}, defaultValue: 0, dimensions: {{a: $.a}}", "exclude each other"),
        "mutually exclusive", metric={"defaultValue": 0.0, "dimensions": {"a": "$.a"}}),
    put("dimensions of words", (f"{WORDS}, dimensions: {{a: $.a}}", "can't take fields"),
        "does not support dimensions", filterPattern="ERROR", metric={"dimensions": {"a": "$.a"}}),
    put("a dimension that is no field", (f"{JSON}, dimensions: {{a: b}}", "a field of the event"),
        "valid selector", metric={"dimensions": {"a": "b"}}),
    put("a dimension that begins with a colon",
        (f"{JSON}, dimensions: {{':a': $.a}}", "does not begin with a colon"),
        "dimension name", metric={"dimensions": {":a": "$.a"}}),
    put("four dimensions", (f"{JSON}, dimensions: {{a: $.a, b: $.b, c: $.c, d: $.d}}", "at most 3"),
        "At most 3", metric={"dimensions": dict.fromkeys("abcd", "$.a")}),
    put("four with AWS's own",
        (f"""{JSON}, dimensions: {{a: $.a, b: $.b}},
         emitSystemFieldDimensions: ['@aws.account', '@aws.region']""", "at most 3"), "At most 3",
        metric={"dimensions": dict.fromkeys("ab", "$.a")},
        emitSystemFieldDimensions=["@aws.account", "@aws.region"]),
    put("an unknown field of AWS's",
        (f"{JSON}, emitSystemFieldDimensions: ['@aws.org']", "aws.org"),
        "Valid system fields", emitSystemFieldDimensions=["@aws.org"]),
    put("criteria too long", (f"{JSON}, fieldSelectionCriteria: {'x' * 2001}", "at most 2000"),
        "less than or equal to 2000", fieldSelectionCriteria="x" * 2001),
    put("two transformations", "the spec holds one", "less than or equal to 1",
        metricTransformations=[METRIC, METRIC]),
    Refusal("logs:DeleteMetricFilter", "one that is not there",
            {"logGroupName": "there", "filterName": "no"}, GONE, f"{API}DeleteMetricFilter.html",
            "filter does not exist", only_aws_knows=THERE),
    Refusal("logs:DeleteMetricFilter", "a group that is not there",
            {"logGroupName": "no", "filterName": "no"}, GONE, f"{API}DeleteMetricFilter.html",
            "group does not exist", only_aws_knows=THERE),
)  # fmt: skip


def groups(aws: boto3.Session, world: World) -> None:
    """Groups that are empty, of another class, full, and full of regular expressions."""
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="there")
    logs.create_log_group(logGroupName="cheap", logGroupClass="INFREQUENT_ACCESS")
    for group, count, pattern in (("full", 100, "x"), ("full-regex", 5, "%x%")):
        logs.create_log_group(logGroupName=group)
        for number in range(count):
            logs.put_metric_filter(
                logGroupName=group, filterName=f"f{number}", filterPattern=pattern,
                metricTransformations=[METRIC],
            )  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("metric filters", groups))


def test_what_the_rows_change_something_of_is_taken() -> None:
    logs = session_of(stage("metric filters", groups)).client("logs")
    metric = {**METRIC, "metricValue": "$.a", "dimensions": {"a": "$.a", "b": "$.b"}}
    logs.put_metric_filter(
        logGroupName="there", filterName="new", filterPattern='{ $.a = %x% || $.b = "5%" }',
        metricTransformations=[metric], emitSystemFieldDimensions=["@aws.region"],
    )  # fmt: skip
    logs.put_metric_filter(
        logGroupName="full", filterName="f7", filterPattern="",
        metricTransformations=[{**METRIC, "defaultValue": 0.0, "unit": "Count"}],
    )  # fmt: skip
    logs.delete_metric_filter(logGroupName="there", filterName="new")


def test_every_write_is_refused_something() -> None:
    assert calls_of("MetricFilter") == {r.call for r in REFUSALS}
