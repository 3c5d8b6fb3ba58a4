"""What CloudWatch rejects of composite alarms."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_"
ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
SCALE = "arn:aws:autoscaling:us-east-1:1234:scalingPolicy:b:autoScalingGroupName/a:policyName/b"
SUPPRESSED = {"ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1}
THERE = "what there is in AWS"
Load = str | tuple[str, str]


def put(why: str, rule: str, load: Load, says: str = "", code: str = "", **more: Any) -> Refusal:
    """A PutCompositeAlarm. load: (spec, what is said of it), or why no file can tell."""
    told: dict[str, Any] = (
        {"only_aws_knows": load} if isinstance(load, str) else
        {"at_load": ("CompositeAlarm", *load)}
    )  # fmt: skip
    request = {"AlarmName": "new", "AlarmRule": rule, **more}
    return Refusal("cloudwatch:PutCompositeAlarm", why, request, code or "ValidationError",
                   f"{API}PutCompositeAlarm.html", says, **told)  # fmt: skip


REFUSALS = (
    put("a rule that is none", "ALARM(there) XOR TRUE",
        ("alarmRule: ALARM(there) XOR TRUE", "not understood"), "valid rule"),
    put("an operator too many", "ALARM(there) AND", ("alarmRule: ALARM(a) AND", "the end"),
        "valid rule"),
    put("an open parenthesis", "(ALARM(there)", ('alarmRule: "(ALARM(a)"', "not closed"),
        "valid rule"),
    put("an alarm that is not there", "ALARM(no)", THERE, "do not exist"),
    put("one of several that is not there", "AT_LEAST(1, ALARM, (there, no))", THERE,
        "do not exist"),
    put("101 alarms", " OR ".join(f"ALARM(a{n})" for n in range(101)),
        (f"alarmRule: {' OR '.join(f'ALARM(a{n})' for n in range(101))}", "at most 100"),
        "more than 100"),
    put("501 elements", " OR ".join(["TRUE"] * 501),
        (f"alarmRule: {' OR '.join(['TRUE'] * 501)}", "at most 500"), "more than 500"),
    put("a suppressor that is not there", "TRUE", THERE, "suppressor", ActionsSuppressor="no",
        **SUPPRESSED),
    put("a suppressor without its periods", "TRUE",
        ("alarmRule: TRUE, actionsSuppressor: a", "go together"), "specified together",
        ActionsSuppressor="there"),
    put("periods without a suppressor", "TRUE",
        ("alarmRule: TRUE, actionsSuppressorWaitPeriod: 1, actionsSuppressorExtensionPeriod: 1",
         "go together"), "specified together", **SUPPRESSED),
    put("a negative period", "TRUE",
        ("""alarmRule: TRUE, actionsSuppressor: a, actionsSuppressorWaitPeriod: -1,
         actionsSuppressorExtensionPeriod: 1""", "actionsSuppressorWaitPeriod"), "negative",
        ActionsSuppressor="there", ActionsSuppressorWaitPeriod=-1,
        ActionsSuppressorExtensionPeriod=1),
    put("an action of EC2", "TRUE",
        ("alarmRule: TRUE, alarmActions: [arn:aws:automate:us-east-1:ec2:stop]", "automate"),
        "EC2 actions", AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"]),
    put("an action of Auto Scaling", "TRUE",
        (f"alarmRule: TRUE, alarmActions: ['{SCALE}']", "nothing of autoscaling"),
        "Invalid action", AlarmActions=[SCALE]),
    put("tags in and out", "TRUE",
        ("""alarmRule: TRUE, actionConfiguration: {alarmTagsPropagation: {enabled: true,
         includedTagKeys: [a], excludedTagKeys: [b]}}""", "excludedTagKeys has no place"),
        "together", ActionConfiguration={"AlarmTagsPropagation": {
            "Enabled": True, "IncludedTagKeys": ["a"], "ExcludedTagKeys": ["b"]}}),
    put("the name of an alarm on a metric", "TRUE", THERE, "another type", AlarmName="there"),
    Refusal("cloudwatch:DeleteAlarms", "two composite alarms", {"AlarmNames": ["one", "two"]},
            "ValidationError", f"{API}DeleteAlarms.html", only_aws_knows="Plumbline names one"),
    Refusal("cloudwatch:DeleteAlarms", "one that another watches", {"AlarmNames": ["one"]},
            "ValidationError", f"{API}DeleteAlarms.html", "depending", only_aws_knows=THERE),
    Refusal("cloudwatch:TagResource", "a composite alarm that is not there",
            {"ResourceARN": f"{ARN}no", "Tags": [{"Key": "a", "Value": "b"}]},
            "ResourceNotFoundException", f"{API}TagResource.html", only_aws_knows=THERE),
    Refusal("cloudwatch:UntagResource", "a composite alarm that is not there",
            {"ResourceARN": f"{ARN}no", "TagKeys": ["a"]},
            "ResourceNotFoundException", f"{API}UntagResource.html", only_aws_knows=THERE),
)  # fmt: skip


def alarms(aws: boto3.Session, world: World) -> None:
    """One on a metric, one over it, one over that."""
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="there", Namespace="a", MetricName="b", Statistic="Sum", Period=60, Threshold=1.0,
        EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    cloudwatch.put_composite_alarm(AlarmName="one", AlarmRule="ALARM(there)")
    cloudwatch.put_composite_alarm(AlarmName="two", AlarmRule='OK("one")')


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("composite", alarms))


def test_every_write_is_refused_something() -> None:
    assert calls_of("CompositeAlarm") == {r.call for r in REFUSALS}
