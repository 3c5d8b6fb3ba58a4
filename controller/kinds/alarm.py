"""Alarm: a CloudWatch alarm on a metric, or on a calculation with several.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
One AWS resource, found by its name. PutMetricAlarm replaces the whole alarm without asking what was
there (case 161): everything is sent as AWS showed it but for what is to change.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure, Stale
from controller.diff import Change, overlay
from controller.handler import (
    READY,
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
    Unknown,
)
from controller.kindlib.alarm_words import (
    PUT,
    Unit,
    alarm_from_aws,
    alarm_to_aws,
    configuration,
)
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import batches, tag_list, tag_map, tags_of
from controller.policies import AnyWhenUndeclared, Doc, ServerDefault, Situation, Unordered
from controller.references import escape
from controller.spec import Arn, Model, Outputs, Taggable, holds_reference, text

OLD_S = 10.0
"""An observation older than this many seconds is made anew before an alarm is overwritten."""

Namespace = Annotated[
    str, AfterValidator(text(r"[^:].{0,254}", says="1-255 characters, not beginning with a colon"))
]
Metric = Annotated[str, AfterValidator(text(low=1, high=255))]
_PERCENT = r"(\d{1,2}(\.\d{1,10})?|100)"
_BOUND = r"(\d+(\.\d+)?%?)?"
_EXTENDED = rf"((p|tm|tc|ts|wm){_PERCENT}|IQM|(PR|TC|TM|TS|WM)\({_BOUND}:{_BOUND}\))"
_SIMPLE = r"(SampleCount|Average|Sum|Minimum|Maximum)"
Extended = Annotated[
    str,
    AfterValidator(text(_EXTENDED, says="p90, tm90, tc90, ts90, wm90, IQM, PR(n:m) or TM(n%:m%)")),
]
Stat = Annotated[
    str,
    AfterValidator(text(rf"{_SIMPLE}|{_EXTENDED}", says="a statistic, or p90, tm90, IQM, …")),
]
Dimensions = Annotated[
    dict[
        Annotated[str, AfterValidator(text(low=1, high=255))],
        Annotated[str, AfterValidator(text(low=1, high=1024))],
    ],
    Field(max_length=30),
]
Actions = Annotated[list[Arn], Field(max_length=5), Unordered()]


def _period(seconds: int) -> int:
    if seconds not in (10, 20, 30) and (seconds < 60 or seconds % 60):
        raise ValueError(f"10, 20, 30 or a multiple of 60 seconds, not {seconds}")
    return seconds


Period = Annotated[int, AfterValidator(_period)]
_BAND = (
    "LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
)  # fmt: skip
_DAY, _HOUR = 86_400, 3_600


class MetricQuery(Model):
    """A metric, or a calculation with other entries of `metrics`."""

    namespace: Annotated[Namespace | None, AnyWhenUndeclared()] = None
    """Of a metric: its namespace."""
    metric_name: Annotated[Metric | None, AnyWhenUndeclared()] = None
    """Of a metric: its name."""
    dimensions: Dimensions = Field(default_factory=dict)
    """Of a metric: its dimensions (case 154: AWS keeps them as a list)."""
    stat: Annotated[Stat | None, AnyWhenUndeclared()] = None
    """Of a metric: Average, Sum, p90, …"""
    unit: Unit | None = None
    """Of a metric: only data of this unit. Unset: whatever unit it has."""
    expression: Annotated[
        Annotated[str, AfterValidator(text(low=1, high=2048))] | None, AnyWhenUndeclared()
    ] = None
    """A calculation, such as `errors / requests * 100` or `ANOMALY_DETECTION_BAND(m1, 2)`."""
    period: Period | None = None
    """Seconds of one value: 10, 20, 30 or a multiple of 60. A metric needs it."""
    label: str = ""
    """What it is called in graphs."""
    return_data: Annotated[bool, ServerDefault(True, cases=(157,))] = True
    """Whether the alarm watches it. AWS's default is yes; say no for intermediate entries."""
    account_id: str | None = None
    """Of a metric: the account that it is in, if another."""

    @model_validator(mode="after")
    def _one_of(self) -> MetricQuery:
        metric = (self.namespace, self.metric_name, self.stat, self.period)
        if self.expression is None and None in metric:
            raise ValueError("needs expression, or namespace, metricName, stat and period")
        if self.expression is not None and any(m is not None for m in metric[:3]):
            raise ValueError("has expression, so namespace, metricName and stat have no place")
        return self


def _m_of_n(situation: Situation) -> Any:
    return situation.desired.get("evaluationPeriods")


class AlarmSpec(Taggable):
    """When to call somebody."""

    description: Annotated[str, AfterValidator(text(high=1024))] | None = None
    """What it means and what to do: shown in every notification."""

    namespace: Annotated[Namespace | None, AnyWhenUndeclared()] = None
    """Of the metric it watches, such as AWS/RDS."""

    metric_name: Annotated[Metric | None, AnyWhenUndeclared()] = None
    """The metric it watches. Instead: `metrics`."""

    dimensions: Dimensions = Field(default_factory=dict)
    """Of the metric: all of them, or there is no data (case 154: AWS keeps them as a list)."""

    statistic: Annotated[
        Literal["SampleCount", "Average", "Sum", "Minimum", "Maximum"] | None, AnyWhenUndeclared()
    ] = None
    """How the data of one period become one number. Instead: `extendedStatistic`."""

    extended_statistic: Annotated[Extended | None, AnyWhenUndeclared()] = None
    """A percentile or trimmed statistic: p0 to p100, tm90, IQM, PR(0:100), …"""

    period: Annotated[Period | None, AnyWhenUndeclared()] = None
    """Seconds of one period: 10, 20, 30 (for metrics of that resolution) or a multiple of 60.
    AWS has no default; ours is 60."""

    unit: Unit | None = None
    """Only data of this unit (case 159). Unset: whatever unit it has, which is what you want."""

    evaluation_periods: Annotated[int, Field(ge=1)]
    """Periods looked at. With `period` at most a day, or a week if `period` is an hour or more."""

    datapoints_to_alarm: Annotated[Annotated[int, Field(ge=1)] | None, ServerDefault(_m_of_n)] = (
        None
    )
    """How many of them must be over the threshold. AWS's default: all."""

    threshold: Annotated[float | None, AnyWhenUndeclared()] = None
    """What the number is compared with. Instead: `thresholdMetricId`."""

    threshold_metric_id: Annotated[Metric | None, AnyWhenUndeclared()] = None
    """Entry of `metrics` that holds the anomaly detection band to compare with."""

    comparison_operator: Literal[
        "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
        "LessThanOrEqualToThreshold", "LessThanLowerOrGreaterThanUpperThreshold",
        "LessThanLowerThreshold", "GreaterThanUpperThreshold",
    ]  # fmt: skip
    """How. The last three compare with an anomaly detection band."""

    treat_missing_data: Annotated[
        Literal["breaching", "notBreaching", "ignore", "missing"],
        ServerDefault("missing", cases=(151,)),
    ] = "missing"
    """What a period without data means. AWS's default and ours: missing, the alarm says
    INSUFFICIENT_DATA; notBreaching suits metrics that are only sent when something happens."""

    evaluate_low_sample_count_percentile: Annotated[
        Literal["evaluate", "ignore"] | None, ServerDefault("evaluate")
    ] = None
    """Only with percentiles: what too few values mean. AWS's default: evaluate; `ignore` keeps the
    state."""

    metrics: Annotated[dict[str, MetricQuery] | None, AnyWhenUndeclared(cases=(157,))] = None
    """Metrics and calculations by id (case 157: AWS keeps them as a list). Ids begin with a lower
    case letter. One of them returns data: that one is watched."""

    actions_enabled: Annotated[bool, ServerDefault(True, cases=(153,))] = True
    """Whether it calls anybody. Switched off by hand in an incident this is drift: pause the
    environment, or write it here."""

    alarm_actions: Actions = Field(default_factory=list)
    """ARNs called when it goes off, at most five. Atomic: others are removed."""

    ok_actions: Actions = Field(default_factory=list)
    """ARNs called when all is well again, at most five. Atomic."""

    insufficient_data_actions: Actions = Field(default_factory=list)
    """ARNs called when there is too little data to tell, at most five. Atomic."""

    @model_validator(mode="before")
    @classmethod
    def _default_period(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("metricName") and data.get("period") is None:
            return data | {"period": 60}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> AlarmSpec:
        self._check_watched()
        self._check_threshold()
        periods = self.evaluation_periods
        if holds_reference(periods):
            return self
        datapoints = self.datapoints_to_alarm
        if datapoints is not None and not holds_reference(datapoints) and datapoints > periods:
            raise ValueError("datapointsToAlarm is greater than evaluationPeriods")
        lengths = [self.period, *(m.period for m in (self.metrics or {}).values())]
        longest = max((p for p in lengths if isinstance(p, int)), default=0)
        limit = 7 * _DAY if longest >= _HOUR else _DAY
        if longest * periods > limit:
            raise ValueError(f"period × evaluationPeriods is at most {limit} seconds")
        return self

    def _check_watched(self) -> None:
        ways = {
            "statistic": self.statistic,
            "extendedStatistic": self.extended_statistic,
            "metrics": self.metrics,
        }
        chosen = [name for name, value in ways.items() if value is not None]
        if len(chosen) != 1:
            raise ValueError(f"needs exactly one of {', '.join(ways)}, not {len(chosen)}")
        single = (self.namespace, self.metric_name, self.period, self.unit)
        low = self.evaluate_low_sample_count_percentile
        if low is not None and not str(self.extended_statistic or "").startswith(("p", "$")):
            raise ValueError("evaluateLowSampleCountPercentile is for a percentile (p90, …)")
        if self.metrics is None:
            if self.namespace is None or self.metric_name is None:
                raise ValueError("needs namespace and metricName")
            return
        if any(value is not None for value in single) or self.dimensions:
            raise ValueError("has metrics: namespace, metricName, … belong into them")
        for name in self.metrics:
            text(r"[a-z][a-zA-Z0-9_]{0,254}", says=f"metrics: {name!r} must begin with a-z")(name)
        watched = [n for n, m in self.metrics.items() if m.return_data is True]
        if not watched or (len(watched) > 1 and self.threshold_metric_id is None):
            raise ValueError("metrics: exactly one entry may have returnData: true")

    def _check_threshold(self) -> None:
        band = self.comparison_operator in _BAND
        if holds_reference(self.comparison_operator):
            return
        if band != (self.threshold_metric_id is not None):
            raise ValueError(f"{self.comparison_operator} and thresholdMetricId do not fit")
        if band == (self.threshold is not None):
            raise ValueError("needs threshold, or thresholdMetricId for an anomaly band")
        if band and self.threshold_metric_id not in (self.metrics or {}):
            raise ValueError(f"thresholdMetricId: no {self.threshold_metric_id} in metrics")


class AlarmOutputs(Outputs):
    """What others refer to."""

    arn: str
    """The alarm's ARN."""


class AlarmHandler(Handler):
    """Knows metric alarms."""

    kind = "Alarm"
    spec = AlarmSpec
    outputs = AlarmOutputs
    name_pattern = r"[^\x00-\x1f\x7f]{1,255}"
    name_says = "1-255 printable characters"
    reads: ClassVar = (
        "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        runs = list(batches(targets, 100))
        answers = aws.gather(*(partial(_described, aws, [t.name for t in run]) for run in runs))
        found: dict[str, Observation] = {}
        there: list[tuple[Target, Doc]] = []
        for run, answer in zip(runs, answers, strict=True):
            for target in run:
                if isinstance(answer, AwsFailure):
                    found[target.key] = Unknown(str(answer))
                elif target.name in answer:
                    there.append((target, answer[target.name]))
                else:
                    found[target.key] = Absent()
        seen = aws.gather(*(partial(_observed, aws, t, alarm) for t, alarm in there))
        return found | {t.key: s for (t, _), s in zip(there, seen, strict=True)}

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        return alarm_from_aws(doc["alarm"]) | {"tags": doc.get("tags", {})}

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY  # case 160: the alarm's state says something of what it watches, not of it

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return {"name": doc["alarm"]["AlarmName"], "arn": doc["alarm"]["AlarmArn"]}

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["alarm"]["AlarmArn"])  # AWS gives an alarm nothing that outlives its name

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        if isinstance(observed, Absent):
            params = {"AlarmName": target.name, **alarm_to_aws(target.spec, {}, None)}
            params["Tags"] = tag_list(target.tags)
            return [
                Action(
                    "cloudwatch", "PutMetricAlarm", params, step="create", creates=True,
                    volatile={"observedAt": None, "seen": None},
                )
            ]  # fmt: skip
        alarm, fields = observed.doc["alarm"], by_field(changes)
        actions = []
        if todo := [c for c in changes if c.top in PUT]:
            merged = overlay(escape(alarm_from_aws(alarm)), target.spec, todo)
            kept = escape(configuration(alarm))
            only = {c.top for c in todo}
            params = {"AlarmName": target.name, **alarm_to_aws(merged, target.spec, (kept, only))}
            volatile = {
                "observedAt": observed.doc["observedAt"], "seen": configuration(alarm),
            }  # fmt: skip
            actions.append(
                Action(
                    "cloudwatch", "PutMetricAlarm", params, paths(todo), step="put",
                    volatile=volatile,
                )
            )  # fmt: skip
        put, gone = tag_changes(fields.get("tags", []))
        if put:  # case 162: PutMetricAlarm ignores tags of an alarm that exists
            params = {"ResourceARN": alarm["AlarmArn"], "Tags": tag_list(put)}
            done = paths([c for c in fields["tags"] if c.wanted is not None])
            actions.append(Action("cloudwatch", "TagResource", params, done, step="tag"))
        if gone:
            params = {"ResourceARN": alarm["AlarmArn"], "TagKeys": gone}
            done = paths([c for c in fields["tags"] if c.wanted is None])
            actions.append(Action("cloudwatch", "UntagResource", params, done, step="untag"))
        return actions

    def delete(self, target: Target, observed: Present) -> list[Action]:
        params = {"AlarmNames": [observed.doc["alarm"]["AlarmName"]]}
        return [
            Action(
                "cloudwatch", "DeleteAlarms", params, risk="destructive", step="delete",
                deletes=True,
            )
        ]  # fmt: skip

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As usual; before an overwrite the alarm is looked at again, unless that was just done.

        PutMetricAlarm has no token: `Stale` if it is not as it was when the call was planned.
        """
        request = {k: v for k, v in params.items() if k not in ("observedAt", "seen")}
        if action.operation == "PutMetricAlarm":
            at = params.get("observedAt")
            if at is None or time.monotonic() - at > OLD_S:
                now = _described(aws, [target.name]).get(target.name)
                if (configuration(now) if now else None) != params.get("seen"):
                    raise Stale(f"alarm {target.name} changed since it was observed")
        aws.write(action.service, action.operation, request)
        if action.creates:
            return {"name": target.name, "arn": target.arn("cloudwatch", f"alarm:{target.name}")}
        return {}

    def discover(self, aws: Aws) -> list[Found]:
        """All but those of autoscalers, which make and delete their own."""
        request = {"AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}
        found = aws.pages("cloudwatch", "DescribeAlarms", "MetricAlarms", request)
        names = [a["AlarmName"] for a in found]
        return [Found(n) for n in names if not n.startswith("TargetTracking-")]


def _described(aws: Aws, names: Sequence[str]) -> dict[str, Doc]:
    """At most 100 alarms by name, in one call."""
    request: Doc = {
        "AlarmNames": list(names),
        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
        "MaxRecords": 100,
    }
    found: dict[str, Doc] = {}
    while True:
        reply = aws.read("cloudwatch", "DescribeAlarms", request)
        for member in ("MetricAlarms", "CompositeAlarms"):
            found.update({alarm["AlarmName"]: alarm for alarm in reply.get(member) or []})
        if not reply.get("NextToken"):
            return found
        request["NextToken"] = reply["NextToken"]


def _observed(aws: Aws, target: Target, alarm: Doc) -> Observation:
    at = time.monotonic()
    if "AlarmRule" in alarm:
        return Unknown(f"{target.name} is a composite alarm, not one on a metric")
    arn = alarm["AlarmArn"]

    def ask() -> dict[str, str]:
        reply = aws.read("cloudwatch", "ListTagsForResource", {"ResourceARN": arn})
        return tag_map(reply.get("Tags"))

    doc = {"alarm": alarm, "observedAt": at}
    try:
        return Present({**doc, "tags": tags_of(aws, target, arn, ask)})
    except AwsFailure as failure:
        return Present(doc, {"tags": str(failure)})
