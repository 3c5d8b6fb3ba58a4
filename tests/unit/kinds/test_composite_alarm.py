"""CompositeAlarm: its rule taken apart, circles, and the name that no other alarm may have."""

from __future__ import annotations

from typing import Any

import pytest

from controller.complaints import validate
from controller.handler import Absent, Present, Unknown
from controller.kindlib.alarm_rule import checked, circle, spelled, taken_apart
from controller.kinds import handler_for
from controller.manifest import DesiredStateError, load
from tests.harness import environment, resource
from tests.unit.kinds import kit

HANDLER = handler_for("CompositeAlarm")
ARN = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"
RECORDED = [
    (name, alarm)
    for name, reply in kit.recorded("monitoring", "cloudwatch", "DescribeAlarms")
    for alarm in reply.get("CompositeAlarms") or []
]


@pytest.mark.parametrize(
    "said",
    [
        'ALARM("a") AND NOT OK("b c")',
        'ALARM(a)   AND NOT\n OK( "b c" )',
        f'ALARM({ARN}a) AND NOT OK("{ARN}b c")',
    ],
)
def test_one_rule_has_one_spelling(said: str) -> None:
    assert spelled(said) == 'ALARM("a") AND NOT OK("b c")'
    assert taken_apart(said).children == ("a", "b c")


@pytest.mark.parametrize(
    ("said", "elements"),
    [
        ("TRUE", 1),
        ("NOT false", 1),
        ("(ALARM(a) OR OK(b)) AND INSUFFICIENT_DATA(c)", 5),
        ('AT_LEAST(2, ALARM, (a, "b", c)) OR AT_LEAST( 60% , NOT OK , (a,b) )', 5),
        ('ALARM(${Alarm.errors.name}) OR ALARM("${Alarm.x.name}-y")', 2),
    ],
)
def test_what_is_a_rule(said: str, elements: int) -> None:
    assert taken_apart(said).elements == elements
    assert spelled(spelled(said)) == spelled(said)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("ALARM(a) ALARM(b)", "where the rule should end"),
        ("ALARM(a) AND", "found the end"),
        ("AND ALARM(a)", "found AND"),
        ("(ALARM(a)", "not closed"),
        ("ALARM(a))", "where the rule should end"),
        ("alarm(a)", 'not understood from "alarm(a)"'),
        ("ALARM()", 'not understood from "ALARM()"'),
        ("ALARM(a) XOR ALARM(b)", 'not understood from "XOR'),
        (" OR ".join(f"ALARM(a{n})" for n in range(101)), "at most 100 alarms"),
        (" OR ".join(["TRUE"] * 501), "at most 500 elements"),
    ],
)
def test_what_is_none(said: str, says: str) -> None:
    (problem,) = validate(HANDLER.spec, {"alarmRule": said})[1]
    assert says in problem.message
    assert spelled(said) == said


def test_it_is_sent_on_one_line_and_names_keep_their_blanks() -> None:
    assert checked(' ALARM("a  b")\n  OR TRUE\n') == 'ALARM("a  b") OR TRUE'


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({"actionsSuppressor": "a"}, "go together"),
        ({"actionsSuppressorWaitPeriod": 1}, "go together"),
        ({"alarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "nothing of automate"),
        ({"metricName": "a"}, "is an Alarm"),
    ],
)
def test_what_may_not_be_written(doc: Any, says: str) -> None:
    (problem,) = validate(HANDLER.spec, {"alarmRule": "TRUE", **doc})[1]
    assert says in problem.message


def test_a_circle_is_found_by_names() -> None:
    rules = {"a": "ALARM(b) OR ALARM(x)", "b": "NOT OK(c)", "c": "ALARM(a)", "d": "ALARM(a)"}
    assert circle("a", rules) == ["a", "b", "c", "a"]
    assert circle("d", rules) == []
    assert circle("x", rules) == []


def test_a_circle_of_references_is_refused_when_the_file_is_read() -> None:
    one = resource("CompositeAlarm", "one", 'alarmRule: "ALARM(${CompositeAlarm.two.name})"')
    two = resource("CompositeAlarm", "two", 'alarmRule: "ALARM(${CompositeAlarm.one.name})"')
    with pytest.raises(DesiredStateError, match="CompositeAlarm/one"):
        load(environment(one, two).encode(), "circle.yaml")


def test_two_alarms_of_one_name_are_refused_when_the_file_is_read() -> None:
    metric = resource(
        "Alarm", "down",
        "namespace: a, metricName: b, statistic: Sum, evaluationPeriods: 1, threshold: 1,"
        " comparisonOperator: GreaterThanThreshold",
    )  # fmt: skip
    composite = resource("CompositeAlarm", "down", "alarmRule: TRUE")
    with pytest.raises(DesiredStateError, match="which Alarm/down"):
        load(environment(metric, composite).encode(), "names.yaml")


@pytest.mark.parametrize(("name", "alarm"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_one_is_imported_and_then_plans_nothing(name: str, alarm: Any) -> None:
    doc = {"alarm": alarm, "tags": {}}
    assert validate(HANDLER.spec, HANDLER.imported(doc))[1] == []
    aim = kit.target(HANDLER, alarm["AlarmName"], HANDLER.imported(doc))
    state = Present({"alarm": alarm, "tags": aim.tags, "observedAt": 0.0})
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()


class FakeAws:
    """Shows these alarms."""

    def __init__(self, **shown: Any) -> None:
        self.shown = shown
        self.environments = ()

    def read(self, service: str, operation: str, params: Any) -> Any:
        return self.shown if operation == "DescribeAlarms" else {"Tags": []}

    def once(self, key: Any, make: Any) -> Any:
        return {}

    def gather(self, *calls: Any) -> list[Any]:
        return [call() for call in calls]


def test_an_alarm_of_another_type_under_our_name_is_said_to_be_one() -> None:
    aim = kit.target(HANDLER, "down", {"alarmRule": "TRUE"})
    aws: Any = FakeAws(MetricAlarms=[{"AlarmName": "down", "AlarmArn": f"{ARN}down"}])
    (found,) = HANDLER.observe(aws, [aim]).values()
    assert isinstance(found, Unknown)
    assert "there is an alarm on a metric (kind Alarm) named down" in found.reason


def test_a_rule_that_leads_back_to_itself_is_no_alarm_that_works() -> None:
    aim = kit.target(HANDLER, "down", {"alarmRule": "ALARM(down)"})
    shown = {"AlarmName": "down", "AlarmArn": f"{ARN}down", "AlarmRule": "ALARM(down)"}
    aws: Any = FakeAws(CompositeAlarms=[shown])
    (found,) = HANDLER.observe(aws, [aim]).values()
    assert isinstance(found, Present)
    ready = HANDLER.readiness(found.doc)
    assert (ready.state, ready.reason) == ("failed", "Circular")
    assert ready.message.startswith("down → down")


def test_what_is_not_to_change_is_sent_as_it_is_shown() -> None:
    aim = kit.target(HANDLER, "down", {"alarmRule": "ALARM(a)", "description": "new"})
    shown = {
        "AlarmName": "down", "AlarmArn": f"{ARN}down", "AlarmRule": f"ALARM({ARN}a)",
        "ActionsEnabled": True, "ActionsSuppressor": "quiet", "ActionsSuppressorWaitPeriod": 0,
        "ActionsSuppressorExtensionPeriod": 60, "StateValue": "OK", "AlarmActions": [],
    }  # fmt: skip
    state = Present({"alarm": shown, "tags": dict(aim.tags), "observedAt": 0.0})
    (put,) = kit.planned(HANDLER, aim, state)
    assert put.operation == "PutCompositeAlarm"
    assert put.params == {
        "AlarmName": "down", "AlarmRule": f"ALARM({ARN}a)", "ActionsEnabled": True,
        "ActionsSuppressor": "quiet", "ActionsSuppressorWaitPeriod": 0,
        "ActionsSuppressorExtensionPeriod": 60, "AlarmDescription": "new",
    }  # fmt: skip
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert create.params["AlarmRule"] == "ALARM(a)"
    assert create.creates
