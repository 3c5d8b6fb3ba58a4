"""Alarm: a CloudWatch alarm on a metric, a calculation with several, or a PromQL query.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
One AWS resource, found by its name. PutMetricAlarm replaces the whole alarm without asking what was
there (case 161): everything is sent as AWS showed it but for what is to change. The model behind an
anomaly detection band belongs to its metric: CloudWatch trains one when an alarm wants it and there
is none (https://github.com/aws/aws-cdk/pull/19956). Composite alarms and alarms on logs are other
types, with calls of their own, in the same space of names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws
from controller.diff import Change
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
)
from controller.kindlib.alarm_checks import BAND, WAYS, contradictions
from controller.kindlib.alarm_parts import (
    ActionConfiguration,
    Actions,
    Dimensions,
    EvaluationCriteria,
    EvaluationWindow,
    Extended,
    Metric,
    MetricQuery,
    Namespace,
    Period,
    Unit,
    WarmUpConfiguration,
)
from controller.kindlib.alarm_reading import alarm_arn, described, observed
from controller.kindlib.alarm_request import creation, overwriting, way
from controller.kindlib.alarm_words import PUT, alarm_from_aws, configuration
from controller.kindlib.overwriting import marks, unchanged, without_marks
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import tag_list
from controller.policies import AnyWhenUndeclared, Doc, ServerDefault, Situation
from controller.spec import Outputs, Taggable, text

OUR_PERIOD = 60


def _m_of_n(situation: Situation) -> Any:
    return situation.desired.get("evaluationPeriods")


def _our_period(situation: Situation) -> Any:
    """An alarm on one metric always has a period; a reply that leaves it out does not deny ours."""
    return OUR_PERIOD if way(situation.live) == "metricName" else None


class AlarmSpec(Taggable):
    """When to call somebody."""

    instead: ClassVar[Mapping[str, str]] = {
        "alarmName": "the name is metadata.name, or metadata.externalName",
        "alarmDescription": "it is called description here",
        "alarmRule": "composite alarms, which watch other alarms, are a kind of their own: "
        "CompositeAlarm",
        "scheduledQueryConfiguration": "alarms on log queries are not managed here",
        "stateValue": "an alarm's state is what CloudWatch finds, and no drift",
    }

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

    period: Annotated[Period | None, AnyWhenUndeclared(), ServerDefault(_our_period)] = None
    """Seconds of one period: 10, 20, 30 (for metrics of that resolution) or a multiple of 60.
    AWS has no default; ours is 60."""

    unit: Unit | None = None
    """Only data of this unit (case 159). Unset: whatever unit it has, which is what you want."""

    evaluation_periods: Annotated[int, Field(ge=1)] | None = None
    """Periods looked at. With `period` at most a day, or a week if `period` is an hour or more."""

    datapoints_to_alarm: Annotated[
        Annotated[int, Field(ge=1)] | None, ServerDefault(_m_of_n, cases=(603,))
    ] = None
    """How many of them must be over the threshold. AWS's default: all."""

    threshold: Annotated[float | None, AnyWhenUndeclared()] = None
    """What the number is compared with. Instead: `thresholdMetricId`."""

    threshold_metric_id: Annotated[Metric | None, AnyWhenUndeclared()] = None
    """Entry of `metrics` that holds the anomaly detection band to compare with."""

    comparison_operator: Literal[
        "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
        "LessThanOrEqualToThreshold", "LessThanLowerOrGreaterThanUpperThreshold",
        "LessThanLowerThreshold", "GreaterThanUpperThreshold",
    ] | None = None  # fmt: skip
    """How. The last three compare with an anomaly detection band."""

    treat_missing_data: Annotated[
        Literal["breaching", "notBreaching", "ignore", "missing"],
        ServerDefault("missing", cases=(151,)),
    ] = "missing"
    """What a period without data means. AWS's default and ours: missing, the alarm says
    INSUFFICIENT_DATA; notBreaching suits metrics that are only sent when something happens."""

    evaluate_low_sample_count_percentile: Annotated[
        Literal["evaluate", "ignore"] | None, ServerDefault("evaluate", cases=(607,))
    ] = None
    """Only with percentiles: what too few values mean. AWS's default: evaluate; `ignore` keeps the
    state."""

    metrics: Annotated[dict[str, MetricQuery] | None, AnyWhenUndeclared(cases=(157,))] = None
    """Metrics and calculations by id (case 157: AWS keeps them as a list). Ids begin with a lower
    case letter. One of them returns data: that one is watched."""

    evaluation_criteria: Annotated[EvaluationCriteria | None, AnyWhenUndeclared()] = None
    """A PromQL query that says by itself what is wrong. Instead of a metric, its threshold and
    periods."""

    evaluation_interval: Annotated[
        Annotated[Period, Field(le=3600)] | None, AnyWhenUndeclared()
    ] = None
    """With `evaluationCriteria`: seconds between two looks, 10, 20, 30 or a multiple of 60, an hour
    at most."""

    evaluation_window: EvaluationWindow | None = None
    """Which stretch of time is looked at. AWS's default: a sliding one."""

    warm_up_configuration: WarmUpConfiguration | None = None
    """A grace after the alarm is made or changed. AWS's default: none."""

    actions_enabled: Annotated[bool, ServerDefault(True, cases=(153,))] = True
    """Whether it calls anybody. Switched off by hand (DisableAlarmActions) this is drift, and
    switched on again. In an incident pause the environment, write it here, or let
    `lifecycle.ignore` leave it alone until a day you name."""

    alarm_actions: Actions = Field(default_factory=list)
    """ARNs called when it goes off, at most five. Atomic: others are removed."""

    ok_actions: Actions = Field(default_factory=list)
    """ARNs called when all is well again, at most five. Atomic."""

    insufficient_data_actions: Actions = Field(default_factory=list)
    """ARNs called when there is too little data to tell, at most five. Atomic."""

    action_configuration: ActionConfiguration | None = None
    """What notifications hold besides. AWS's default: none of the alarm's tags."""

    @model_validator(mode="before")
    @classmethod
    def _default_period(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("metricName") and data.get("period") is None:
            return data | {"period": OUR_PERIOD}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> AlarmSpec:
        fields = type(self).model_fields
        values = {str(field.alias): getattr(self, name) for name, field in fields.items()}
        said = {name: value for name, value in values.items() if value not in (None, {}, [])}
        for problem in contradictions(said):
            raise ValueError(problem)
        return self


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
    name_space = "alarm"
    reads: ClassVar = (
        "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "cloudwatch:PutMetricAlarm", "cloudwatch:EnableAlarmActions",
        "cloudwatch:DisableAlarmActions", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        return observed(aws, targets, "MetricAlarm")

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        return alarm_from_aws(doc["alarm"]) | {"tags": doc.get("tags", {})}

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        """AWS makes no alarm without these; what it shows of old ones may lack any."""
        missing = [name for name in _needed(spec) if spec.get(name) is None]
        if not any(spec.get(name) is not None for name in WAYS):
            return f"needs exactly one of {', '.join(WAYS)}, not 0"
        if way(spec) == "metricName" and {"namespace", "metricName"} & set(missing):
            return "needs namespace and metricName"
        return f"needs {', '.join(missing)}" if missing else ""

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY  # case 160: the alarm's state says something of what it watches, not of it

    def output(self, doc: Mapping[str, Any]) -> Doc:
        alarm = doc["alarm"]
        arn = alarm.get("AlarmArn")
        return {"name": alarm["AlarmName"]} | ({"arn": arn} if arn else {})

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["alarm"].get("AlarmArn", ""))  # nothing of an alarm outlives its name

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """PutMetricAlarm overwrites the whole alarm (case 161): what is not changed is sent as AWS
        shows it, and the alarm is looked at once more just before. Tags go by calls of their own:
        it ignores them on an alarm that exists (case 162). Actions alone are switched on and off
        without overwriting anything.
        """
        if isinstance(observed, Absent):
            params = {"AlarmName": target.name, **creation(target.spec)}
            params["Tags"] = tag_list(target.tags)
            return [
                Action(
                    "cloudwatch", "PutMetricAlarm", params, step="create", creates=True,
                    volatile=marks(None, None),
                )
            ]  # fmt: skip
        alarm = observed.doc["alarm"]
        actions = []
        todo = [c for c in changes if c.top in PUT]
        if [c.top for c in todo] == ["actionsEnabled"]:  # the rest need not be overwritten
            switch = "Enable" if target.spec["actionsEnabled"] else "Disable"
            named = {"AlarmNames": [target.name]}
            done = paths(todo)
            actions.append(
                Action("cloudwatch", f"{switch}AlarmActions", named, done, step="actions")
            )
        elif todo:
            params = {"AlarmName": target.name, **overwriting(alarm, target.spec, todo)}
            volatile = marks(observed.doc["observedAt"], configuration(alarm))
            actions.append(
                Action(
                    "cloudwatch", "PutMetricAlarm", params, paths(todo), step="put",
                    volatile=volatile,
                )
            )  # fmt: skip
        arn = alarm.get("AlarmArn") or alarm_arn(target)
        todo = by_field(changes).get("tags", [])
        put, gone = tag_changes(todo)
        if put:  # case 162: PutMetricAlarm ignores tags of an alarm that exists
            params = {"ResourceARN": arn, "Tags": tag_list(put)}
            done = paths([c for c in todo if c.wanted is not None])
            actions.append(Action("cloudwatch", "TagResource", params, done, step="tag"))
        if gone:
            params = {"ResourceARN": arn, "TagKeys": gone}
            done = paths([c for c in todo if c.wanted is None])
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

        def look() -> Doc | None:
            now = described(aws, [target.name]).get(target.name)
            return configuration(now) if now else None

        if action.operation == "PutMetricAlarm":
            unchanged(params, look, f"alarm {target.name}")
        aws.write(action.service, action.operation, without_marks(params))
        if action.creates:
            return {"name": target.name, "arn": alarm_arn(target)}
        return {}

    def discover(self, aws: Aws) -> list[Found]:
        """All but those of autoscalers, which make and delete their own."""
        request = {"AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}
        found = aws.pages("cloudwatch", "DescribeAlarms", "MetricAlarms", request)
        names = [a["AlarmName"] for a in found]
        return [Found(n) for n in names if not n.startswith("TargetTracking-")]


def _needed(spec: Mapping[str, Any]) -> tuple[str, ...]:
    if way(spec) == "evaluationCriteria":
        return ("evaluationInterval",)
    threshold = "thresholdMetricId" if spec.get("comparisonOperator") in BAND else "threshold"
    single = ("namespace", "metricName") if way(spec) == "metricName" else ()
    return (*single, "evaluationPeriods", "comparisonOperator", threshold)
