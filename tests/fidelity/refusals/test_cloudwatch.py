"""What CloudWatch rejects of alarms."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
TOPIC = "arn:aws:sns:us-east-1:123456789012:{}"
STOP = "arn:aws:automate:us-east-1:ec2:stop"
SCALE = "arn:aws:autoscaling:us-east-1:1234:scalingPolicy:b:autoScalingGroupName/a:policyName/b"
OVER: Doc = {"EvaluationPeriods": 3, "Threshold": 80.0,
             "ComparisonOperator": "GreaterThanThreshold"}  # fmt: skip
BASE: Doc = {"Namespace": "a", "MetricName": "b", "Statistic": "Sum", "Period": 60, **OVER}
METRIC: Doc = {"MetricStat": {"Metric": {"Namespace": "a", "MetricName": "b"}, "Period": 60,
                              "Stat": "Sum"}}  # fmt: skip
M1 = {"Id": "m1", **METRIC}
MATH: Doc = {**OVER, "Metrics": [{**M1, "ReturnData": False}, {"Id": "e1", "Expression": "m1"}]}
BAND: Doc = {
    "EvaluationPeriods": 3, "ThresholdMetricId": "ad", "ComparisonOperator":
    "GreaterThanUpperThreshold", "Metrics": [M1, {"Id": "ad", "Expression":
                                                  "ANOMALY_DETECTION_BAND(m1, 2)"}],
}  # fmt: skip
QUERY: Doc = {"EvaluationCriteria": {"PromQLCriteria": {"Query": "up == 0"}},
              "EvaluationInterval": 60}  # fmt: skip

SPEC_OVER = "evaluationPeriods: 3, threshold: 80, comparisonOperator: GreaterThanThreshold"
SPEC_OF = "namespace: a, metricName: b, statistic: Sum"
SPEC = f"{SPEC_OF}, {SPEC_OVER}"
S1 = "m1: {namespace: a, metricName: b, period: 60, stat: Sum%s}"
SPEC_QUERY = "evaluationCriteria: {promQLCriteria: {query: up}}, evaluationInterval: 60"
SPEC_BAND = f"""evaluationPeriods: 3, thresholdMetricId: ad, comparisonOperator:
    GreaterThanUpperThreshold, metrics: {{{S1 % ""},
    ad: {{expression: "ANOMALY_DETECTION_BAND(m1, 2)"}}}}"""

MAP = "metrics and dimensions are maps here: a key can't stand in one twice"
NAME = "the name is checked when the file is read: tests/unit/test_manifest.py"
THERE = "what there is in AWS"
REGION = "the file does not say in which region it is"
WORD = "one of a few words"


def put(why: str, base: Doc, load: Load, says: str = "", **changes: Any) -> Refusal:
    """A PutMetricAlarm that differs from a good one by `changes` (None: left out).

    load: (spec, what is said of it), or why no file can tell.
    """
    request = {k: v for k, v in {"AlarmName": "new", **base, **changes}.items() if v is not None}
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("Alarm", *load)}  # fmt: skip
    return Refusal("cloudwatch:PutMetricAlarm", why, request, "ValidationError",
                   f"{API}PutMetricAlarm.html", says, **told)  # fmt: skip


def many(number: int) -> list[Doc]:
    return [{"Id": f"m{n}", **METRIC, "ReturnData": n == 0} for n in range(number)]


def with_metrics(entries: str) -> str:
    return f"{SPEC_OVER}, metrics: {{{entries}}}"


ALARMS = [
    put("two statistics", BASE, (f"{SPEC}, extendedStatistic: p90", "exactly one of"),
        "either Statistic or ExtendedStatistic", ExtendedStatistic="p90"),
    put("no statistic", BASE, (f"namespace: a, metricName: b, {SPEC_OVER}", "exactly one of"),
        "either Statistic or ExtendedStatistic", Statistic=None),
    put("an unknown statistic", BASE, (SPEC.replace("Sum", "Median"), "Median"),
        Statistic="Median"),
    put("a percentile beyond 100", BASE,
        (SPEC.replace("statistic: Sum", "extendedStatistic: p101"), "p90, tm90"),
        "ExtendedStatistic is not supported", Statistic=None, ExtendedStatistic="p101"),
    put("no metric", BASE, (SPEC.replace("metricName: b, ", ""), "namespace and metricName"),
        "MetricName is required", MetricName=None),
    put("no namespace", BASE, (SPEC.replace("namespace: a, ", ""), "namespace and metricName"),
        "Namespace is required", Namespace=None),
    put("a namespace that begins with a colon", BASE, (SPEC.replace("e: a", 'e: ":a"'), "colon"),
        "regular expression", Namespace=":a"),
    put("no period", BASE, "a metric without a period has 60 seconds here", "Period is required",
        Period=None),
    put("a period of 45 seconds", BASE, (f"{SPEC}, period: 45", "10, 20, 30 or a multiple"),
        "Period must be", Period=45),
    put("a range of more than a day", BASE,
        (SPEC.replace("Periods: 3", "Periods: 289, period: 300"), "at most 86400"),
        "more than a day", Period=300, EvaluationPeriods=289),
    put("a range of more than a week", BASE,
        (SPEC.replace("Periods: 3", "Periods: 169, period: 3600"), "at most 604800"),
        "more than 7 days", Period=3600, EvaluationPeriods=169),
    put("more datapoints than periods", BASE, (f"{SPEC}, datapointsToAlarm: 4", "greater than"),
        "less than or equal to EvaluationPeriods", DatapointsToAlarm=4),
    put("no periods to evaluate", BASE, (SPEC.replace("evaluationPeriods: 3, ", ""),
                                         "needs evaluationPeriods"),
        "EvaluationPeriods is required", EvaluationPeriods=None),
    put("no operator", BASE, (SPEC.replace(", comparisonOperator: GreaterThanThreshold", ""),
                              "needs comparisonOperator"),
        "ComparisonOperator is required", ComparisonOperator=None),
    put("an unknown operator", BASE, (SPEC.replace("GreaterThanT", "AboveT"), "AboveThreshold"),
        ComparisonOperator="AboveThreshold"),
    put("no threshold", BASE, (SPEC.replace("threshold: 80, ", ""), "needs threshold"),
        "either Threshold or ThresholdMetricId", Threshold=None),
    put("six actions", BASE,
        (f"{SPEC}, alarmActions: [{', '.join(TOPIC.format(n) for n in range(6))}]", "at most 5"),
        "less than or equal to 5", AlarmActions=[TOPIC.format(n) for n in range(6)]),
    put("an action that is no ARN", BASE, (f"{SPEC}, okActions: [oncall]", "an ARN"),
        "Invalid arn syntax", OKActions=["oncall"]),
    put("a topic of another region", BASE, REGION, "Only us-east-1 is supported",
        AlarmActions=["arn:aws:sns:eu-west-1:123456789012:x"]),
    put("an action of EC2 on no instance", BASE,
        (f'{SPEC}, alarmActions: ["{STOP}"]', "the dimension InstanceId"), "InstanceId",
        AlarmActions=[STOP]),
    put("a description too long", BASE, (f"{SPEC}, description: {'x' * 1025}", "at most 1024"),
        "less than or equal to 1024", AlarmDescription="x" * 1025),
    put("an unknown unit", BASE, (f"{SPEC}, unit: Furlongs", "Furlongs"), Unit="Furlongs"),
    put("an unknown treatment of missing data", BASE,
        (f"{SPEC}, treatMissingData: panic", "panic"), "TreatMissingData",
        TreatMissingData="panic"),
    put("low samples without a percentile", BASE,
        (f"{SPEC}, evaluateLowSampleCountPercentile: ignore", "is for a percentile"),
        "with a percentile", EvaluateLowSampleCountPercentile="ignore"),
    put("an unknown treatment of low samples", BASE,
        (SPEC.replace("statistic: Sum", "extendedStatistic: p90")
         + ", evaluateLowSampleCountPercentile: maybe", "maybe"),
        "not supported", Statistic=None, ExtendedStatistic="p90",
        EvaluateLowSampleCountPercentile="maybe"),
    put("31 dimensions", BASE,
        (f"{SPEC}, dimensions: {{{', '.join(f'd{n}: x' for n in range(31))}}}", "at most 30"),
        "less than or equal to 30",
        Dimensions=[{"Name": f"d{n}", "Value": "x"} for n in range(31)]),
    put("a dimension twice", BASE, MAP, "given twice",
        Dimensions=[{"Name": "d", "Value": v} for v in "ab"]),
    put("a dimension that begins with a colon", BASE, (f'{SPEC}, dimensions: {{":d": x}}', "colon"),
        "Invalid dimension name", Dimensions=[{"Name": ":d", "Value": "x"}]),
    put("a dimension that is not ASCII", BASE, (f"{SPEC}, dimensions: {{d: ä}}", "ASCII"),
        "Invalid value of the dimension", Dimensions=[{"Name": "d", "Value": "ä"}]),
    put("a blank dimension", BASE, (f'{SPEC}, dimensions: {{d: " "}}', "ASCII"),
        "Invalid value of the dimension", Dimensions=[{"Name": "d", "Value": " "}]),
    put("a control character in the name", BASE, NAME, "control characters",
        AlarmName="a\x07"),
    put("a name too long", BASE, NAME, "less than or equal to 255", AlarmName="x" * 256),
    put("a name that a composite alarm has", BASE, THERE, "of another type", AlarmName="both"),
    # --- metrics and calculations ---
    put("a metric beside metrics", MATH, (with_metrics(S1 % "") + ", namespace: a",
                                          "belong into them"),
        "can't be combined", MetricName="b", Namespace="a"),
    put("a statistic beside metrics", MATH, (with_metrics(S1 % "") + ", statistic: Sum",
                                             "exactly one of"),
        "can't be combined", Statistic="Sum"),
    put("a period beside metrics", MATH, (with_metrics(S1 % "") + ", period: 60",
                                          "belong into them"),
        "can't be combined", Period=60),
    put("an id in upper case", MATH, (with_metrics(S1.replace("m1", "M1") % ""), "begin with a-z"),
        "Invalid metric Id", Metrics=[{**M1, "Id": "M1"}]),
    put("an id with a hyphen", MATH, (with_metrics(S1.replace("m1", "m-1") % ""),
                                      "begin with a-z"),
        "Invalid metric Id", Metrics=[{**M1, "Id": "m-1"}]),
    put("one id twice", MATH, MAP, "must be unique", Metrics=[M1, {**M1, "ReturnData": False}]),
    put("two entries that are watched", MATH,
        (with_metrics(f"{S1 % ''}, e1: {{expression: m1}}"), "exactly one entry"),
        "Exactly one", Metrics=[M1, {"Id": "e1", "Expression": "m1"}]),
    put("no entry that is watched", MATH, (with_metrics(S1 % ", returnData: false"),
                                           "exactly one entry"),
        "Exactly one", Metrics=[{**M1, "ReturnData": False}]),
    put("a metric that is a calculation", MATH, (with_metrics(S1 % ", expression: m2"),
                                                 "have no place"),
        "either MetricStat or Expression", Metrics=[{**M1, "Expression": "m2"}]),
    put("an entry of neither sort", MATH, (with_metrics("m1: {}"), "needs expression, or"),
        "either MetricStat or Expression", Metrics=[{"Id": "m1"}]),
    put("eleven metrics", MATH, (with_metrics(", ".join(
        (S1 % (", returnData: false" if n else "")).replace("m1", f"m{n}") for n in range(11))),
        "at most 10 metrics"),
        "more than 10", Metrics=many(11)),
    put("a search", MATH, (with_metrics("""e1: {expression: "SUM(SEARCH('{a}', 'Sum', 60))"}"""),
                           "can watch a SEARCH"),
        "SEARCH", Metrics=[{"Id": "e1", "Expression": "SUM(SEARCH('{a}', 'Sum', 60))"}]),
    put("a metric's period of 45 seconds", MATH, (with_metrics((S1 % "").replace("60", "45")),
                                                  "10, 20, 30 or a multiple"),
        "Period must be", Metrics=[{"Id": "m1", "MetricStat": {**METRIC["MetricStat"],
                                                               "Period": 45}}]),
    put("a metric's range of more than a day", MATH,
        (with_metrics((S1 % "").replace("60", "300")).replace("Periods: 3", "Periods: 289"),
         "at most 86400"),
        "more than a day", EvaluationPeriods=289,
        Metrics=[{"Id": "m1", "MetricStat": {**METRIC["MetricStat"], "Period": 300}}]),
    put("an unknown statistic of a metric", MATH, (with_metrics((S1 % "").replace("Sum", "Mean")),
                                                   "a statistic, or p90"),
        "for Stat is not supported",
        Metrics=[{"Id": "m1", "MetricStat": {**METRIC["MetricStat"], "Stat": "Mean"}}]),
    put("a metric without a name", MATH, (with_metrics((S1 % "").replace("metricName: b, ", "")),
                                          "needs expression, or"),
        "needs Namespace and MetricName",
        Metrics=[{"Id": "m1", "MetricStat": {**METRIC["MetricStat"],
                                             "Metric": {"Namespace": "a"}}}]),
    put("an expression too long", MATH, (with_metrics(f"e1: {{expression: {'x' * 2049}}}"),
                                         "at most 2048"),
        "less than or equal to 2048", Metrics=[{"Id": "e1", "Expression": "x" * 2049}]),
    put("low samples of a calculation", MATH,
        (with_metrics(S1 % "") + ", evaluateLowSampleCountPercentile: ignore", "for a percentile"),
        "with a percentile", EvaluateLowSampleCountPercentile="ignore"),
    # --- bands ---
    put("a threshold beside a band", BAND, (f"{SPEC_BAND}, threshold: 1", "or thresholdMetricId"),
        "either Threshold or ThresholdMetricId", Threshold=1.0),
    put("a band with an operator for numbers", BAND,
        (SPEC_BAND.replace("GreaterThanUpper", "GreaterThan"), "do not fit"), "does not fit",
        ComparisonOperator="GreaterThanThreshold"),
    put("a number with an operator for bands", BASE,
        (SPEC.replace("GreaterThan", "GreaterThanUpper"), "do not fit"), "does not fit",
        ComparisonOperator="GreaterThanUpperThreshold"),
    put("a band that is not there", BAND, (SPEC_BAND.replace("Id: ad", "Id: no"), "no no in"),
        "Id of an ANOMALY", ThresholdMetricId="no"),
    put("a band that is a metric", BAND, (SPEC_BAND.replace("Id: ad", "Id: m1"),
                                          "is no ANOMALY_DETECTION_BAND"),
        "Id of an ANOMALY", ThresholdMetricId="m1"),
    put("a band of a plain metric", BASE,
        (SPEC.replace("threshold: 80", "thresholdMetricId: ad").replace("rThanT", "rThanUpperT"),
         "no ad in metrics"),
        "", Threshold=None, ThresholdMetricId="ad",
        ComparisonOperator="GreaterThanUpperThreshold"),
    put("a band that scales", BAND, (f'{SPEC_BAND}, alarmActions: ["{SCALE}"]', "Auto Scaling"),
        "Auto Scaling", AlarmActions=[SCALE]),
    # --- queries ---
    put("a threshold beside a query", QUERY, (f"{SPEC_QUERY}, threshold: 1", "so threshold have"),
        "can't be combined", Threshold=1.0),
    put("periods beside a query", QUERY, (f"{SPEC_QUERY}, evaluationPeriods: 1",
                                          "so evaluationPeriods have"),
        "can't be combined", EvaluationPeriods=1),
    put("a metric beside a query", QUERY, (f"{SPEC_QUERY}, namespace: a, metricName: b",
                                           "so namespace, metricName"),
        "can't be combined", Namespace="a", MetricName="b"),
    put("metrics beside a query", QUERY, (f"{SPEC_QUERY}, metrics: {{{S1 % ''}}}",
                                          "exactly one of"),
        "can't be combined", Metrics=[M1]),
    put("a window beside a query", QUERY,
        (f"{SPEC_QUERY}, evaluationWindow: {{type: wallClock}}", "so evaluationWindow have"),
        "can't be combined", EvaluationWindow={"WallClockWindow": {}}),
    put("a query without an interval", QUERY, ("evaluationCriteria: {promQLCriteria: {query: up}}",
                                               "needs evaluationInterval"),
        "EvaluationInterval is required", EvaluationInterval=None),
    put("a query every 45 seconds", QUERY, (SPEC_QUERY.replace("60", "45"),
                                            "10, 20, 30 or a multiple"),
        "EvaluationInterval must be", EvaluationInterval=45),
    put("a query every two hours", QUERY, (SPEC_QUERY.replace("60", "7200"), "at most 3600"),
        "less than or equal to 3600", EvaluationInterval=7200),
    put("a query too long", QUERY, (SPEC_QUERY.replace("up}", f"{'x' * 10_001}}}"),
                                    "at most 10000"),
        "less than or equal to 10000",
        EvaluationCriteria={"PromQLCriteria": {"Query": "x" * 10_001}}),
    put("an interval without a query", BASE, (f"{SPEC}, evaluationInterval: 60",
                                              "goes with evaluationCriteria"),
        "only be used with EvaluationCriteria", EvaluationInterval=60),
    # --- windows, warm-ups, notifications ---
    put("a warm-up of three days", BASE,
        (f"{SPEC}, warmUpConfiguration: {{warmUpPeriodDurationInMinutes: 2881}}", "2880"),
        "less than or equal to 2880",
        WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 2881}),
    put("tags in and out", BASE,
        (f"""{SPEC}, actionConfiguration: {{alarmTagsPropagation: {{enabled: true,
         includedTagKeys: [a], excludedTagKeys: [b]}}}}""", "excludedTagKeys has no place"),
        "can't be specified together", ActionConfiguration={"AlarmTagsPropagation": {
            "Enabled": True, "IncludedTagKeys": ["a"], "ExcludedTagKeys": ["b"]}}),
]  # fmt: skip


def other(operation: str, why: str, code: str, load: Load, request: Doc) -> Refusal:
    """Any other operation."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("Alarm", *load)}  # fmt: skip
    return Refusal(f"cloudwatch:{operation}", why, request, code, f"{API}{operation}.html",
                   **told)  # fmt: skip


OURS = "Plumbline names one alarm"
TAG_SPEC = f"{SPEC}, tags: {{%s}}"
OTHERS = [
    other("PutMetricAlarm", "51 tags", "InvalidParameterValue",
          "at most 40 tags: tests/unit/test_manifest.py",
          {"AlarmName": "new", **BASE, "Tags": [{"Key": f"k{n}", "Value": ""}
                                                for n in range(51)]}),
    other("DeleteAlarms", "an alarm that is not there", "ResourceNotFound", THERE,
          {"AlarmNames": ["no"]}),
    other("DeleteAlarms", "one that a composite alarm watches", "ValidationError", THERE,
          {"AlarmNames": ["watched"]}),
    other("DeleteAlarms", "101 alarms", "ValidationError", OURS,
          {"AlarmNames": [f"a{n}" for n in range(101)]}),
    other("EnableAlarmActions", "101 alarms", "ValidationError", OURS,
          {"AlarmNames": [f"a{n}" for n in range(101)]}),
    other("DisableAlarmActions", "101 alarms", "ValidationError", OURS,
          {"AlarmNames": [f"a{n}" for n in range(101)]}),
    other("TagResource", "an alarm that is not there", "ResourceNotFoundException", THERE,
          {"ResourceARN": f"{ARN}no", "Tags": [{"Key": "a", "Value": "b"}]}),
    other("TagResource", "a tag of AWS's own", "InvalidParameterValue",
          (TAG_SPEC % '"aws:x": y', "does not begin with aws:"),
          {"ResourceARN": f"{ARN}there", "Tags": [{"Key": "aws:x", "Value": "y"}]}),
    other("TagResource", "one tag twice", "InvalidParameterValue", "tags are a map here",
          {"ResourceARN": f"{ARN}there", "Tags": [{"Key": "a", "Value": v} for v in "xy"]}),
    other("TagResource", "the 51st tag", "InvalidParameterValue",
          "how many tags others have put on it",
          {"ResourceARN": f"{ARN}there", "Tags": [{"Key": f"k{n}", "Value": ""}
                                                  for n in range(50)]}),
    other("TagResource", "a value too long", "ValidationError",
          (TAG_SPEC % f"a: {'x' * 257}", "at most 256"),
          {"ResourceARN": f"{ARN}there", "Tags": [{"Key": "a", "Value": "x" * 257}]}),
    other("UntagResource", "an alarm that is not there", "ResourceNotFoundException", THERE,
          {"ResourceARN": f"{ARN}no", "TagKeys": ["a"]}),
    other("UntagResource", "a tag of AWS's own", "InvalidParameterValue",
          (TAG_SPEC % '"aws:x": y', "does not begin with aws:"),
          {"ResourceARN": f"{ARN}there", "TagKeys": ["aws:x"]}),
]  # fmt: skip
REFUSALS = (*ALARMS, *OTHERS)


def alarms(aws: boto3.Session, world: World) -> None:
    """One that has a tag, one that a composite alarm watches, and that."""
    cloudwatch = aws.client("cloudwatch")
    for name in ("there", "watched"):
        cloudwatch.put_metric_alarm(AlarmName=name, Tags=[{"Key": "t", "Value": "t"}], **BASE)
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule='ALARM("watched")')


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    world = stage("cloudwatch", alarms)
    given = {k: v.replace("123456789012", world.account) if k == "ResourceARN" else v
             for k, v in refusal.request.items()}  # fmt: skip
    judge(Refusal(**{**vars(refusal), "request": given}), world)


def test_the_good_ones_are_taken() -> None:
    """What the rows change something of is nothing that would be refused anyway."""
    cloudwatch = session_of(stage("cloudwatch", alarms)).client("cloudwatch")
    for number, base in enumerate((BASE, MATH, BAND, QUERY)):
        cloudwatch.put_metric_alarm(AlarmName=f"good-{number}", **base)


def test_every_write_is_refused_something() -> None:
    assert calls_of("Alarm") == {r.call for r in REFUSALS}
