"""Alarm: what may be written, what is drift and what is none, whole-alarm overwrites."""

from __future__ import annotations

import copy
import re
import time
from typing import Any

import pytest

from controller.aws import Stale
from controller.complaints import validate
from controller.handler import Absent, Present, Unknown
from controller.kinds import handler_for
from tests.unit.kinds import kit

HANDLER = handler_for("Alarm")
RECORDED = [
    (f"{name}-{alarm['AlarmName']}", alarm)
    for name, reply in kit.recorded("monitoring", "cloudwatch", "DescribeAlarms")
    for alarm in reply.get("MetricAlarms", [])
]
ARN = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:cpu"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:{}"
CPU: dict[str, Any] = {
    "namespace": "AWS/RDS",
    "metricName": "CPUUtilization",
    "dimensions": {"DBInstanceIdentifier": "main"},
    "statistic": "Average",
    "evaluationPeriods": 5,
    "threshold": 80,
    "comparisonOperator": "GreaterThanThreshold",
}
ERRORS: dict[str, Any] = {
    "metrics": {
        "errors": {"namespace": "AWS/ApplicationELB", "metricName": "HTTPCode_Target_5XX_Count",
                   "dimensions": {"LoadBalancer": "a"}, "stat": "Sum", "period": 60,
                   "returnData": False},
        "requests": {"namespace": "AWS/ApplicationELB", "metricName": "RequestCount",
                     "stat": "Sum", "period": 60, "returnData": False},
        "rate": {"expression": "100 * errors / requests", "label": "errors in percent"},
    },
    "evaluationPeriods": 3,
    "threshold": 1.5,
    "comparisonOperator": "GreaterThanThreshold",
}  # fmt: skip
BAND: dict[str, Any] = {
    "metrics": {
        "m1": {"namespace": "AWS/ECS", "metricName": "CPUUtilization", "stat": "p90",
               "period": 300},
        "ad1": {"expression": "ANOMALY_DETECTION_BAND(m1, 2)"},
    },
    "thresholdMetricId": "ad1",
    "evaluationPeriods": 3,
    "comparisonOperator": "GreaterThanUpperThreshold",
}  # fmt: skip


QUERY: dict[str, Any] = {
    "evaluationCriteria": {"promQLCriteria": {"query": "up == 0", "pendingPeriod": 300}},
    "evaluationInterval": 60,
}


def spec(doc: dict[str, Any]) -> dict[str, Any]:
    model = HANDLER.spec.model_validate(doc)
    return model.model_dump(by_alias=True, exclude_none=True, warnings=False)


def without(doc: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: v for k, v in doc.items() if k not in names}


def seen(aim: Any, age: float = 0.0, **alarm: Any) -> Present:
    """AWS after the create of `aim`, with changes."""
    (create,) = HANDLER.plan(aim, Absent(), ())
    made = {k: copy.deepcopy(v) for k, v in create.params.items() if k != "Tags"}
    shown = {
        "AlarmArn": ARN, "OKActions": [], "AlarmActions": [], "InsufficientDataActions": [],
        "Dimensions": [], "StateValue": "OK", "StateReason": "fine", **made, **alarm,
    }  # fmt: skip
    shown = {k: v for k, v in shown.items() if v is not None}
    return Present({"alarm": shown, "tags": dict(aim.tags), "observedAt": time.monotonic() - age})


@pytest.mark.parametrize(("name", "alarm"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_alarm_is_imported_and_then_plans_nothing(name: str, alarm: Any) -> None:
    assert_imported(alarm)
    assert HANDLER.output({"alarm": alarm}) == {
        "name": alarm["AlarmName"], "arn": alarm["AlarmArn"],
    }  # fmt: skip


def assert_imported(alarm: Any) -> None:
    doc = {"alarm": alarm, "tags": {}, "observedAt": 0.0}
    said = HANDLER.imported(doc)
    aim = kit.target(HANDLER, alarm["AlarmName"], said)
    assert validate(HANDLER.spec, said)[1] == []
    state = Present({**doc, "tags": aim.tags})
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()
    assert kit.planned(HANDLER, aim, state) == []
    assert HANDLER.readiness(doc).state == "ready"


def metric(name: str, **query: Any) -> dict[str, Any]:
    of = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": []}
    return {"Id": name, "MetricStat": {"Metric": of, "Period": 60, "Stat": "p99.9"}, **query}


BOUNDED = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.5, "EvaluationPeriods": 1}
ONE = {"Namespace": "x", "MetricName": "y", "Period": 60, "Dimensions": []}
ODD: dict[str, dict[str, Any]] = {
    "nothing but its name": {},
    "no statistic": {**ONE, **BOUNDED},
    "no period": {**BOUNDED, "Namespace": "x", "MetricName": "y", "Statistic": "Sum"},
    "no threshold": {**ONE, "Statistic": "Sum", "EvaluationPeriods": 1},
    "ten seconds": {**ONE, **BOUNDED, "Statistic": "Sum", "Period": 10, "Threshold": 1e22},
    "percentile": {**ONE, **BOUNDED, "ExtendedStatistic": "p99.90", "Threshold": -3,
                   "EvaluateLowSampleCountPercentile": "ignore"},
    "trimmed": {**ONE, **BOUNDED, "ExtendedStatistic": "TM(:95%)"},
    "of EC2": {**ONE, **BOUNDED, "Statistic": "Maximum",
               "Dimensions": [{"Name": "InstanceId", "Value": "i-0"}], "AlarmActions": [
        "arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Stop/1.0",
        "arn:aws:automate:us-east-1:ec2:recover"]},
    "calls a function": {**ONE, **BOUNDED, "Statistic": "Sum", "OKActions": [
        "arn:aws:lambda:us-east-1:123456789012:function:page:live"]},
    "opens an incident": {**ONE, **BOUNDED, "Statistic": "Sum", "InsufficientDataActions": [
        "arn:aws:ssm-incidents::123456789012:responseplan/one",
        "arn:aws:ssm:us-east-1:123456789012:opsitem:3#CATEGORY=Security"]},
    "scales": {**ONE, **BOUNDED, "Statistic": "Sum", "AlarmActions": [
        "arn:aws:autoscaling:us-east-1:1234:scalingPolicy:b:autoScalingGroupName/a:policyName/b"]},
    "calculated": {**BOUNDED, "Metrics": [metric("m1", ReturnData=False, Label="one"),
                                          {"Id": "e1", "Expression": "m1 * 2", "Label": "",
                                           "ReturnData": True}]},
    "queried": {**BOUNDED, "Metrics": [{"Id": "q1", "Period": 300, "ReturnData": True, "Expression":
        'SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId) GROUP BY InstanceId'}]},
    "of another account": {**BOUNDED, "Metrics": [
        metric("m1", AccountId="210987654321", ReturnData=True)]},
    "in a band": {"ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
                  "EvaluationPeriods": 2, "ThresholdMetricId": "ad1", "Metrics": [
        metric("m1", ReturnData=True),
        {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "Label": "expected",
         "ReturnData": True}]},
    "of PromQL": {"EvaluationCriteria": {"PromQLCriteria": {
        "Query": "up == 0", "PendingPeriod": 0, "RecoveryPeriod": 60}}, "EvaluationInterval": 30},
    "with all that is new": {**ONE, **BOUNDED, "Statistic": "Sum",
        "EvaluationWindow": {"WallClockWindow": {"Timezone": "Europe/Berlin"}},
        "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5,
                                "OnlyStartEvaluatingAfterWarmUpPeriodEnds": False},
        "ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": True,
                                                         "ExcludedTagKeys": ["b", "a"]}}},
    "sliding": {**ONE, **BOUNDED, "Statistic": "Sum", "EvaluationWindow": {"SlidingWindow": {}}},
    "empty all over": {**ONE, **BOUNDED, "Statistic": "Sum", "AlarmDescription": "", "Metrics": [],
                       "OKActions": [], "EvaluateLowSampleCountPercentile": ""},
    "told twice": {**ONE, **BOUNDED, "Statistic": "Sum", "AlarmActions": [
        TOPIC.format("a"), TOPIC.format("a")]},
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_whatever_others_made_is_imported(case: str) -> None:
    assert_imported({"AlarmName": "odd", **ODD[case]})


BAD: list[tuple[dict[str, Any], str]] = [
    ({**CPU, "extendedStatistic": "p90"}, "not 2"),
    ({**CPU, "metrics": ERRORS["metrics"]}, "not 2"),
    ({**ERRORS, "namespace": "AWS/ECS"}, "belong into them"),
    ({**CPU, "namespace": ":x"}, "not beginning with a colon"),
    ({**CPU, "statistic": "Median"}, "Input should be"),
    ({**without(CPU, "statistic"), "extendedStatistic": "p101"}, "p90, tm90"),
    ({**CPU, "period": 45}, "10, 20, 30 or a multiple of 60"),
    ({**CPU, "period": 0}, "10, 20, 30 or a multiple of 60"),
    ({**CPU, "period": 300, "evaluationPeriods": 289}, "at most 86400"),
    ({**CPU, "period": 3600, "evaluationPeriods": 169}, "at most 604800"),
    ({**CPU, "evaluationPeriods": 0}, "greater than or equal to 1"),
    ({**CPU, "datapointsToAlarm": 6}, "greater than evaluationPeriods"),
    ({**CPU, "alarmActions": [TOPIC.format(n) for n in range(6)]}, "at most 5"),
    ({**CPU, "alarmActions": ["oncall"]}, "must be an ARN"),
    ({**CPU, "evaluateLowSampleCountPercentile": "ignore"}, "is for a percentile"),
    ({**CPU, "comparisonOperator": "GreaterThanUpperThreshold"}, "do not fit"),
    ({**BAND, "threshold": 1}, "needs threshold, or"),
    ({**BAND, "thresholdMetricId": "x"}, "no x in metrics"),
    ({**CPU, "unit": "Furlongs"}, "Input should be"),
    ({**CPU, "description": "x" * 1025}, "at most 1024"),
    ({**ERRORS, "metrics": {**ERRORS["metrics"], "Rate": {"expression": "1"}}}, "begin with a-z"),
    ({**ERRORS, "metrics": {**ERRORS["metrics"], "r2": {"expression": "1"}}}, "exactly one entry"),
    ({**ERRORS, "metrics": {"m": {"namespace": "x"}}}, "needs expression, or"),
    ({**ERRORS, "metrics": {"m": {"namespace": "x", "expression": "1"}}}, "have no place"),
    (
        {**ERRORS, "metrics": {n: m | {"returnData": False} for n, m in ERRORS["metrics"].items()}},
        "exactly one entry",
    ),
    (
        {
            **ERRORS,
            "metrics": {
                **{f"m{n}": ERRORS["metrics"]["errors"] for n in range(11)},
                "e": {"expression": "m1"},
            },
        },
        "at most 10 metrics, not 11",
    ),
    ({**BAND, "metrics": {**BAND["metrics"], "ad1": {"expression": "m1 * 2"}}}, "no ANOMALY"),
    ({**QUERY, "threshold": 1, "evaluationPeriods": 2}, "so threshold, evaluationPeriods have no"),
    ({**QUERY, "statistic": "Sum"}, "not 2"),
    ({**QUERY, "evaluationInterval": 45}, "10, 20, 30 or a multiple of 60"),
    (
        {**QUERY, "evaluationCriteria": {"promQLCriteria": {"query": "x", "pendingPeriod": 86401}}},
        "less than or equal to 86400",
    ),
    ({**CPU, "evaluationInterval": 60}, "goes with evaluationCriteria"),
    ({**QUERY, "evaluationWindow": {"type": "wallClock"}}, "evaluationWindow have no place"),
    ({**CPU, "evaluationWindow": {"timezone": "UTC"}}, "has no timezone"),
    ({**CPU, "warmUpConfiguration": {"warmUpPeriodDurationInMinutes": 2881}}, "less than or equal"),
    (
        {
            **CPU,
            "actionConfiguration": {
                "alarmTagsPropagation": {
                    "enabled": True,
                    "includedTagKeys": ["a"],
                    "excludedTagKeys": ["b"],
                }
            },
        },
        "excludedTagKeys has no place",
    ),
    ({**CPU, "dimensions": {":x": "y"}}, "does not begin with a colon"),
    ({**CPU, "dimensions": {"x": "ä"}}, "ASCII"),
    ({**CPU, "dimensions": {"x": " "}}, "ASCII"),
]
INCOMPLETE: list[tuple[dict[str, Any], str]] = [
    (without(CPU, "statistic"), "needs exactly one of statistic, .*evaluationCriteria, not 0"),
    (without(CPU, "namespace"), "needs namespace and metricName"),
    (without(CPU, "threshold"), "^needs threshold$"),
    (
        without(CPU, "evaluationPeriods", "comparisonOperator"),
        "^needs evaluationPeriods, comparisonOperator$",
    ),
    (
        without(BAND, "thresholdMetricId", "metrics") | {"metrics": {"m1": BAND["metrics"]["m1"]}},
        "needs thresholdMetricId",
    ),
    (without(QUERY, "evaluationInterval"), "^needs evaluationInterval$"),
]


@pytest.mark.parametrize(("doc", "says"), BAD, ids=[says for _, says in BAD])
def test_what_aws_would_refuse_is_refused_at_load(doc: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        spec(doc)


@pytest.mark.parametrize(("doc", "says"), INCOMPLETE, ids=[says for _, says in INCOMPLETE])
def test_what_a_creation_needs_an_adoption_may_lack(doc: dict[str, Any], says: str) -> None:
    assert re.search(says, HANDLER.incomplete(spec(doc)))


@pytest.mark.parametrize("doc", [CPU, ERRORS, BAND, QUERY])
def test_nothing_is_missing(doc: dict[str, Any]) -> None:
    assert HANDLER.incomplete(spec(doc)) == ""


@pytest.mark.parametrize(
    "name",
    [
        "p0",
        "p90",
        "p99.9",
        "p100",
        "tm90",
        "IQM",
        "PR(0:100)",
        "p0.0",
        "p100.0",
        "TM(10%:90%)",
        "WM(:95%)",
    ],
)
def test_statistics(name: str) -> None:
    spec({**without(CPU, "statistic"), "extendedStatistic": name})


def test_defaults_and_limits() -> None:
    doc = spec(CPU)
    assert (doc["period"], doc["treatMissingData"], doc["actionsEnabled"]) == (60, "missing", True)
    assert spec(doc) == doc
    spec({**CPU, "period": 300, "evaluationPeriods": 288})
    spec({**CPU, "period": 3600, "evaluationPeriods": 168})
    spec({**CPU, "threshold": "${ssm:/x}", "alarmActions": ["${ssm:/topic}"]})


@pytest.mark.parametrize("doc", [CPU, ERRORS, BAND, QUERY])
def test_create_is_one_call_with_tags(doc: dict[str, Any]) -> None:
    aim = kit.target(HANDLER, "cpu", doc)
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert (create.operation, create.creates) == ("PutMetricAlarm", True)
    assert {"Key": "plumbline:environment", "Value": "test"} in create.params["Tags"]
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim))) == set()


ECHOES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "151 treat missing data absent": (CPU, {"TreatMissingData": None}),
    "153 actions enabled absent": (CPU, {"ActionsEnabled": None}),
    "157 empty metrics": (CPU, {"Metrics": []}),
    "160 state": (CPU, {"StateValue": "ALARM", "EvaluationState": "PARTIAL_DATA"}),
    "all of n": (CPU, {"DatapointsToAlarm": 5}),
    "number": (CPU, {"Threshold": 80.0}),
    "percentile": (CPU, {"EvaluateLowSampleCountPercentile": "evaluate"}),
}


@pytest.mark.parametrize("case", ECHOES)
def test_echoes_are_no_change(case: str) -> None:
    doc, alarm = ECHOES[case]
    aim = kit.target(HANDLER, "cpu", doc)
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim, **alarm))) == set()


def test_order_means_nothing() -> None:
    """Cases 154 and 157, and actions."""
    doc = {**ERRORS, "alarmActions": [TOPIC.format("a"), TOPIC.format("b")]}
    aim = kit.target(HANDLER, "cpu", doc)
    state = seen(aim)
    state.doc["alarm"]["Metrics"].reverse()
    state.doc["alarm"]["AlarmActions"].reverse()
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()


DRIFT: dict[str, tuple[dict[str, Any], dict[str, tuple[Any, Any]]]] = {
    "153 switched off": ({"ActionsEnabled": False}, {"actionsEnabled": (False, True)}),
    "151": ({"TreatMissingData": "breaching"}, {"treatMissingData": ("breaching", "missing")}),
    "154": (
        {"Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "other"}]},
        {"dimensions[DBInstanceIdentifier]": ("other", "main")},
    ),
    "dimension added": (
        {"Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "main"},
                        {"Name": "Role", "Value": "x"}]},
        {"dimensions[Role]": ("x", None)},
    ),
    "threshold": ({"Threshold": 99.0}, {"threshold": (99.0, 80.0)}),
    "action added": (
        {"AlarmActions": [TOPIC.format("evil")]},
        {"alarmActions": ([TOPIC.format("evil")], [])},
    ),
    "another statistic": (
        {"Statistic": None, "ExtendedStatistic": "p90"}, {"statistic": (None, "Average")},
    ),
    "all of n": (
        {"DatapointsToAlarm": 9, "EvaluationPeriods": 9}, {"evaluationPeriods": (9, 5)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DRIFT)
def test_drift_is_named_and_the_whole_alarm_is_sent(case: str) -> None:
    """Case 161: what is not named goes back as AWS showed it, known to us or not."""
    tamper, expected = DRIFT[case]
    foreign = {"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5}, "Unit": "Percent"}
    aim = kit.target(HANDLER, "cpu", CPU)
    state = seen(aim, **{**foreign, **tamper})
    assert kit.differing(kit.changes(HANDLER, aim, state)) == expected
    (put,) = kit.planned(HANDLER, aim, state)
    assert put.changes == tuple(expected)
    if set(expected) == {"actionsEnabled"}:  # nothing need be overwritten
        assert (put.operation, put.params) == ("EnableAlarmActions", {"AlarmNames": ["cpu"]})
        return
    assert put.operation == "PutMetricAlarm"
    assert "Tags" not in put.params
    healed = seen(aim, **{**dict.fromkeys(tamper), **put.params})
    assert kit.differing(kit.changes(HANDLER, aim, healed)) == {}
    assert foreign.items() <= put.params.items()
    assert not ("Statistic" in put.params and "ExtendedStatistic" in put.params)


def test_a_calculation_replaced_by_a_metric_is_put_back() -> None:
    aim = kit.target(HANDLER, "cpu", ERRORS)
    single = seen(kit.target(HANDLER, "cpu", CPU))
    (put,) = kit.planned(HANDLER, aim, single)
    assert "Metrics" in put.params
    assert not {"MetricName", "Namespace", "Dimensions", "Period", "Statistic"} & set(put.params)
    back = kit.target(HANDLER, "cpu", CPU)
    (put,) = kit.planned(HANDLER, back, seen(aim))
    assert "Metrics" not in put.params
    assert put.params["Statistic"] == "Average"


def test_one_entry_of_metrics() -> None:
    aim = kit.target(HANDLER, "cpu", ERRORS)
    state = seen(aim)
    for query in state.doc["alarm"]["Metrics"]:
        if query["Id"] == "errors":
            query["MetricStat"]["Stat"] = "Average"
        if query["Id"] == "rate":
            query.pop("Expression")
            query["MetricStat"] = {"Metric": {"Namespace": "x", "MetricName": "y"}, "Period": 60,
                                   "Stat": "Sum"}  # fmt: skip
    found = kit.differing(kit.changes(HANDLER, aim, state))
    assert set(found) == {"metrics[errors].stat", "metrics[rate].expression"}
    (put,) = kit.planned(HANDLER, aim, state)
    queries = {q["Id"]: q for q in put.params["Metrics"]}
    assert queries["rate"]["Expression"] == "100 * errors / requests"
    assert "MetricStat" not in queries["rate"]
    assert queries["errors"]["MetricStat"]["Stat"] == "Sum"


def test_tags_are_a_call_of_their_own() -> None:
    """Case 162."""
    aim = kit.target(HANDLER, "cpu", {**CPU, "tags": {"team": "x"}})
    state = seen(aim)
    (tag,) = kit.planned(HANDLER, aim, Present({**state.doc, "tags": {**aim.tags, "team": "y"}}))
    assert (tag.operation, tag.params["ResourceARN"]) == ("TagResource", ARN)


class FakeAws:
    """Shows one alarm, and records writes."""

    def __init__(self, alarm: Any, composite: bool = False) -> None:
        self.alarm, self.reads = alarm, 0
        self.member = "CompositeAlarms" if composite else "MetricAlarms"
        self.sent: list[tuple[str, Any]] = []

    def read(self, service: str, operation: str, params: Any) -> Any:
        self.reads += 1
        return {self.member: [self.alarm]} if self.alarm else {}

    def write(self, service: str, operation: str, params: Any) -> Any:
        self.sent.append((operation, params))
        return {}

    def gather(self, *calls: Any) -> list[Any]:
        return [call() for call in calls]


def put_of(aim: Any, state: Present) -> tuple[Any, dict[str, Any]]:
    (put,) = kit.planned(HANDLER, aim, state)
    return put, {**put.params, **put.volatile}


def test_a_fresh_observation_is_believed() -> None:
    aim = kit.target(HANDLER, "cpu", CPU)
    put, params = put_of(aim, seen(aim, Threshold=1.0))
    aws = FakeAws(None)
    HANDLER.apply(aws, aim, put, params)
    assert (aws.reads, [op for op, _ in aws.sent]) == (0, ["PutMetricAlarm"])
    assert not {"seen", "observedAt"} & set(aws.sent[0][1])


def test_an_old_observation_is_made_anew() -> None:
    aim = kit.target(HANDLER, "cpu", {**CPU, "alarmActions": [TOPIC.format(n) for n in "ab"]})
    state = seen(aim, age=11, Threshold=1.0)
    put, params = put_of(aim, state)
    same = copy.deepcopy(state.doc["alarm"])
    same["AlarmActions"].reverse()
    same["StateValue"] = "ALARM"
    aws = FakeAws(same)
    HANDLER.apply(aws, aim, put, params)
    assert aws.reads == 1
    assert aws.sent
    changed = FakeAws({**same, "Period": 300})
    with pytest.raises(Stale):
        HANDLER.apply(changed, aim, put, params)
    assert changed.sent == []


def test_a_create_never_overwrites() -> None:
    aim = kit.target(HANDLER, "cpu", CPU)
    (create,) = kit.planned(HANDLER, aim, Absent())
    params = {**create.params, **create.volatile}
    taken = FakeAws(seen(aim).doc["alarm"])
    with pytest.raises(Stale):
        HANDLER.apply(taken, aim, create, params)
    assert taken.sent == []
    free = FakeAws(None)
    assert HANDLER.apply(free, aim, create, params)["arn"] == ARN


def test_a_composite_alarm_of_the_name_is_not_ours_to_judge() -> None:
    aim = kit.target(HANDLER, "cpu", CPU)
    aws = FakeAws({"AlarmName": "cpu", "AlarmRule": "TRUE", "AlarmArn": ARN}, composite=True)
    (found,) = HANDLER.observe(aws, [aim]).values()
    assert isinstance(found, Unknown)


def test_delete() -> None:
    aim = kit.target(HANDLER, "cpu", CPU)
    (gone,) = HANDLER.delete(aim, seen(aim))
    assert (gone.operation, gone.deletes) == ("DeleteAlarms", True)
