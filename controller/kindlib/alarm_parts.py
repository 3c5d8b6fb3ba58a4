"""What the spec of an alarm is made of: its metrics, queries, windows, and the words for them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.policies import (
    AnyWhenUndeclared,
    Canonical,
    ServerDefault,
    Situation,
    Unordered,
)
from controller.spec import Arn, Model, text

Unit = Literal[
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes",
    "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count",
    "Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second",
    "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
    "Terabits/Second", "Count/Second", "None",
]  # fmt: skip

Namespace = Annotated[
    str, AfterValidator(text(r"[^:].{0,254}", says="1-255 characters, not beginning with a colon"))
]
Metric = Annotated[str, AfterValidator(text(low=1, high=255))]
_PERCENT = r"(\d{1,2}(\.\d{1,10})?|100(\.0{1,10})?)"
_BOUND = r"(\d+(\.\d+)?%?)?"
_EXTENDED = rf"((p|tm|tc|ts|wm){_PERCENT}|IQM|(PR|TC|TM|TS|WM)\({_BOUND}:{_BOUND}\))"
_SIMPLE = r"(SampleCount|Average|Sum|Minimum|Maximum)"


def statistic(value: Any) -> Any:
    """`p90.00` is `p90`, and `TM(5.0%:95%)` is `TM(5%:95%)`: one spelling of each number."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\d+(\.\d+)?", lambda n: format(Decimal(n[0]).normalize(), "f"), value)


Extended = Annotated[
    str,
    AfterValidator(text(_EXTENDED, says="p90, tm90, tc90, ts90, wm90, IQM, PR(n:m) or TM(n%:m%)")),
    Canonical(statistic, cases=(602,)),
]
Stat = Annotated[
    str,
    AfterValidator(text(rf"{_SIMPLE}|{_EXTENDED}", says="a statistic, or p90, tm90, IQM, …")),
    Canonical(statistic, cases=(602,)),
]

_SHOWN = r"[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*"
"""ASCII, and not blanks alone."""
DimensionName = Annotated[
    str,
    AfterValidator(
        text(
            rf"(?!:){_SHOWN}",
            high=255,
            says="a dimension's name has 1-255 ASCII characters and does not begin with a colon",
        )
    ),
]
DimensionValue = Annotated[
    str,
    AfterValidator(text(_SHOWN, high=1024, says="a dimension's value has 1-1024 ASCII characters")),
]
Dimensions = Annotated[dict[DimensionName, DimensionValue], Field(max_length=30)]


def _once(actions: Any) -> Any:
    """An action that is named twice is taken once."""
    return list(dict.fromkeys(actions)) if isinstance(actions, list) else actions


Action = Annotated[Arn, AfterValidator(text(high=1024))]
Actions = Annotated[
    list[Action], Field(max_length=5), Unordered(cases=(601,)), Canonical(_once, cases=(601,))
]


def _period(seconds: int) -> int:
    if seconds not in (10, 20, 30) and (seconds < 60 or seconds % 60):
        raise ValueError(f"10, 20, 30 or a multiple of 60 seconds, not {seconds}")
    return seconds


def _query_period(seconds: int) -> int:
    return seconds if seconds in (1, 5) else _period(seconds)


Period = Annotated[int, AfterValidator(_period)]
QueryPeriod = Annotated[int, AfterValidator(_query_period)]


def _own_account(situation: Situation) -> Any:
    return situation.account


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
    """A calculation, such as `errors / requests * 100` or `ANOMALY_DETECTION_BAND(m1, 2)`, or a
    Metrics Insights query (`SELECT …`)."""
    period: QueryPeriod | None = None
    """Seconds of one value: 1, 5, 10, 20, 30 or a multiple of 60. A metric needs it."""
    label: Annotated[str | None, AnyWhenUndeclared(cases=(604,))] = None
    """What it is called in graphs. Unset: CloudWatch chooses."""
    return_data: Annotated[bool, ServerDefault(True, cases=(157,))] = True
    """Whether the alarm watches it. AWS's default is yes; say no for intermediate entries."""
    account_id: Annotated[Metric | None, ServerDefault(_own_account, cases=(605,))] = None
    """The account that the metric is in, if another."""

    @model_validator(mode="after")
    def _one_of(self) -> MetricQuery:
        metric = (self.namespace, self.metric_name, self.stat, self.period)
        if self.expression is None and None in metric:
            raise ValueError("needs expression, or namespace, metricName, stat and period")
        if self.expression is not None and any(m is not None for m in metric[:3]):
            raise ValueError("has expression, so namespace, metricName and stat have no place")
        return self


class EvaluationWindow(Model):
    """Which stretch of time one evaluation looks at."""

    type: Annotated[Literal["sliding", "wallClock"], ServerDefault("sliding", cases=(606,))] = (
        "sliding"
    )
    """sliding: the last periods, moving with each evaluation. wallClock: full hours, days, weeks,
    as long as the alarm's period."""
    timezone: Annotated[
        Annotated[str, AfterValidator(text(low=1, high=50))] | None, ServerDefault("UTC")
    ] = None
    """Whose clock: Europe/Berlin, +05:30 or UTC+05:30. AWS's default: UTC."""

    @model_validator(mode="after")
    def _clock(self) -> EvaluationWindow:
        if self.type == "sliding" and self.timezone is not None:
            raise ValueError("a sliding window has no timezone")
        return self


class WarmUpConfiguration(Model):
    """A grace after the alarm is made or changed, in which it calls nobody."""

    warm_up_period_duration_in_minutes: Annotated[int, Field(ge=1, le=2880)]
    """At most so long."""
    only_start_evaluating_after_warm_up_period_ends: Annotated[
        bool | None, ServerDefault(False)
    ] = None
    """Wait all that time, even if there is enough data before. AWS's default: no."""


_TagKeys = Annotated[
    list[Annotated[str, AfterValidator(text(low=1, high=128))]],
    Field(min_length=1, max_length=50),
    Unordered(),
]


class AlarmTagsPropagation(Model):
    """Which of the alarm's tags its notifications carry."""

    enabled: Annotated[bool, ServerDefault(False)]
    """Whether they carry any."""
    included_tag_keys: _TagKeys | None = None
    """Only these."""
    excluded_tag_keys: _TagKeys | None = None
    """All but these."""

    @model_validator(mode="after")
    def _one_list(self) -> AlarmTagsPropagation:
        if self.included_tag_keys is not None and self.excluded_tag_keys is not None:
            raise ValueError("has includedTagKeys, so excludedTagKeys has no place")
        return self


class ActionConfiguration(Model):
    """What notifications hold."""

    alarm_tags_propagation: AlarmTagsPropagation | None = None
    """Tags in them."""


_Seconds = Annotated[int, Field(ge=0, le=86_400)]


class PromQLCriteria(Model):
    """A PromQL query, each entry of whose result is watched by itself."""

    query: Annotated[str, AfterValidator(text(low=1, high=10_000))]
    """What is watched: entries in its result are breaching."""
    pending_period: Annotated[_Seconds | None, ServerDefault(0)] = None
    """Seconds that an entry must be breaching before the alarm goes off."""
    recovery_period: Annotated[_Seconds | None, ServerDefault(0)] = None
    """Seconds that it must not be before all is well again."""


class EvaluationCriteria(Model):
    """A query that says by itself what is wrong: there is no threshold beside it."""

    prom_ql_criteria: PromQLCriteria = Field(alias="promQLCriteria")
    """The only sort that there is."""
