"""MetricFilter: what turns log events of one log group into a CloudWatch metric.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
One AWS resource, found by its log group and its name. AWS keeps no tags of it: that it is ours is
remembered, not seen (docs/decisions/0027). PutMetricFilter replaces the whole filter without asking
what was there (case 649): everything is sent as AWS showed it but for what is to change.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from controller.aws import Aws, AwsFailure
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
from controller.kindlib.alarm_parts import DimensionName, Unit
from controller.kindlib.overwriting import marks, unchanged, without_marks
from controller.kindlib.planning import paths
from controller.kindlib.reading import common_prefix
from controller.kindlib.within import items, known, mapping
from controller.policies import CreateOnly, Doc, ServerDefault, Unordered
from controller.references import escape
from controller.spec import Outputs, Spec, holds_reference, text

MOST_DIMENSIONS = 3
MOST_EXPRESSIONS = 2
CLOSES = {"{": "}", "[": "]"}
"""How the patterns begin and end that take events apart: JSON, or fields between blanks."""
_QUOTED = re.compile(r'"(\\.|[^"\\])*"')
_EXPRESSION = re.compile(r"%[^%]*%")


def _unquoted(value: Any) -> Any:
    """YAML reads 1 as a number; AWS wants its text."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _pattern(value: str) -> str:
    if holds_reference(value):
        return value
    said = value.strip()
    if said.startswith(tuple(CLOSES)) and not said.endswith(CLOSES[said[0]]):
        raise ValueError(f"begins with {said[0]} and does not end with {CLOSES[said[0]]}")
    if (found := len(_EXPRESSION.findall(_QUOTED.sub("", said)))) > MOST_EXPRESSIONS:
        raise ValueError(f"at most {MOST_EXPRESSIONS} regular expressions (%…%), not {found}")
    return value


Namespace = Annotated[
    str, AfterValidator(text(r"[^:*$]{1,255}", says="1-255 characters, none of them : * or $"))
]
Metric = Annotated[
    str,
    AfterValidator(
        text(r"[ -#%-)+-9;-~]{1,255}", says="1-255 ASCII characters, none of them : * or $")
    ),
]
Selector = Annotated[
    str,
    AfterValidator(
        text(
            r"\$.{1,254}",
            says="a dimension's value is a field of the event ($.field, $field): AWS takes no "
            "other text",
        )
    ),
]


class MetricFilterSpec(Spec):
    """What to count in a log group, and as which metric."""

    instead: ClassVar[Mapping[str, str]] = {
        "filterName": "the name is metadata.name, or metadata.externalName",
        "metricTransformations": "AWS takes one, whose members stand here themselves: "
        "metricNamespace, metricName, metricValue, …",
        "tags": "AWS keeps no tags of metric filters",
    }

    log_group_name: Annotated[
        str,
        AfterValidator(
            text(r"[.\-_/#A-Za-z0-9]{1,512}", says="1-512 letters, digits or .-_/#: a name, no ARN")
        ),
        CreateOnly(),
    ]
    """The log group, of class STANDARD: ${LogGroup.<name>.name}. Filters can't move."""

    filter_pattern: Annotated[str, AfterValidator(text(high=1024)), AfterValidator(_pattern)]
    """Which events count: words, `{ $.level = "ERROR" }` for JSON, `[host, code = 5*]` for fields
    between blanks, %regular expressions% (two at most). Empty: all of them."""

    metric_namespace: Namespace
    """Namespace of the metric, your own: Orders."""

    metric_name: Metric
    """Name of the metric."""

    metric_value: Annotated[
        str,
        BeforeValidator(_unquoted, json_schema_input_type=str | int | float),
        AfterValidator(
            text(
                r"[+-]?(\d+\.?\d*|\.\d+)|\$.+", high=100,
                says="a number, or a field of the event: $.latency, $size",
            )
        ),
    ] = "1"  # fmt: skip
    """What one event adds: a number, or a field of the event that holds one ($.latency). AWS has no
    default; ours is 1: events are counted."""

    default_value: Annotated[
        Annotated[float, Field(allow_inf_nan=False)] | Literal["none"] | None,
        ServerDefault("none", cases=(651,)),
    ] = None
    """What is sent in minutes with events of which none counts: 0 keeps alarms out of
    INSUFFICIENT_DATA. AWS's default: none, nothing is sent. Not with `dimensions`."""

    unit: Annotated[Unit | None, ServerDefault("None", cases=(650,))] = None
    """Unit of the metric. AWS's default: None."""

    dimensions: Annotated[
        dict[DimensionName, Selector], Field(max_length=MOST_DIMENSIONS)
    ] = Field(default_factory=dict)  # fmt: skip
    """Dimension → the field of the event that gives its value. Each value is a metric of its own,
    which costs; AWS switches off filters that make too many. At most three."""

    apply_on_transformed_logs: Annotated[bool | None, ServerDefault(False, cases=(650,))] = None
    """Look at events as the log group's transformer leaves them. AWS's default: as they came in."""

    field_selection_criteria: Annotated[
        Annotated[str, AfterValidator(text(high=2000))] | None, ServerDefault("")
    ] = None
    """Of which accounts and regions, in log groups that gather several: `@aws.region =
    "us-east-1"`. AWS's default: all."""

    emit_system_field_dimensions: Annotated[
        list[Literal["@aws.account", "@aws.region"]], Unordered(), Field(max_length=2)
    ] = Field(default_factory=list)
    """Dimensions that AWS fills in itself. They count among the three."""

    @model_validator(mode="after")
    def _fits(self) -> MetricFilterSpec:
        for problem in self._contradictions():
            raise ValueError(problem)
        return self

    def _contradictions(self) -> Iterator[str]:
        own, emitted = mapping(self.dimensions), items(self.emit_system_field_dimensions)
        if len(set(emitted)) < len(emitted):
            yield "emitSystemFieldDimensions names one twice"
        if len(own) + len(emitted) > MOST_DIMENSIONS:
            yield (
                f"at most {MOST_DIMENSIONS} dimensions with emitSystemFieldDimensions, not "
                f"{len(own) + len(emitted)}"
            )
        if own and self.default_value not in (None, "none"):
            yield "defaultValue and dimensions exclude each other"
        pattern, value = known(self.filter_pattern), known(self.metric_value)
        if pattern is None or pattern.strip().startswith(tuple(CLOSES)):
            return
        if own or (value and value.startswith("$")):
            yield (
                f"{'dimensions' if own else 'metricValue'} can't take fields out of events with "
                "this filterPattern: only { … } and [ … ] name them"
            )


class MetricFilterOutputs(Outputs):
    """What others refer to."""

    log_group_name: str
    """The log group."""

    metric_namespace: str
    """Namespace of its metric, for an alarm."""

    metric_name: str
    """Name of its metric, for an alarm."""


class MetricFilterHandler(Handler):
    """Knows metric filters."""

    kind = "MetricFilter"
    spec = MetricFilterSpec
    outputs = MetricFilterOutputs
    name_pattern = r"[^:*\x00-\x1f\x7f]{1,512}"
    name_says = "1-512 printable characters, none of them : or *"
    within = "logGroupName"
    held_by = "inventory"
    reads: ClassVar = ("logs:DescribeMetricFilters",)
    writes: ClassVar = ("logs:PutMetricFilter", "logs:DeleteMetricFilter")

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """By log group and what the names have in common; where no log group is known, all."""
        places = {t.key: _groups(t) for t in targets}
        names: dict[str, set[str]] = {}
        for target in targets:
            for group in places[target.key]:
                names.setdefault(group, set()).add(target.name)
        jobs: dict[str | None, Callable[[], _Seen]] = {
            group: partial(_of_group, aws, group, sorted(wanted)) for group, wanted in names.items()
        }
        if not all(places.values()):
            jobs[None] = partial(_everywhere, aws)
        seen = dict(zip(jobs, aws.gather(*jobs.values()), strict=True))
        return {t.key: _found(t, [seen[g] for g in places[t.key] or (None,)]) for t in targets}

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        shown = doc["filter"]
        [transformation] = shown["metricTransformations"]
        spec: Doc = {"defaultValue": "none"}
        for name in (*OF_FILTER, "logGroupName"):
            if shown.get(name) is not None:
                spec[name] = shown[name]
        for name in OF_TRANSFORMATION:
            if transformation.get(name) is not None:
                spec[name] = transformation[name]
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return _outputs(doc["filter"])

    def identity(self, doc: Mapping[str, Any]) -> str:
        return _place(doc["filter"]["logGroupName"], doc["filter"]["filterName"])

    def identity_of(self, target: Target) -> str:
        group = known(target.spec.get("logGroupName"))
        return _place(group, target.name) if group else ""

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One call for everything."""
        if isinstance(observed, Absent):
            params = _request(target.name, target.spec)
            return [
                Action(
                    "logs", "PutMetricFilter", params, step="create", creates=True,
                    volatile=marks(None, None),
                )
            ]  # fmt: skip
        if not changes:
            return []
        merged = overlay(escape(self.to_spec(observed.doc)), target.spec, changes)
        if merged.get("dimensions") and "defaultValue" not in target.spec:
            merged.pop("defaultValue", None)  # AWS can't keep it beside them
        params = _request(target.name, merged)
        volatile = marks(observed.doc["observedAt"], _configuration(observed.doc["filter"]))
        return [
            Action(
                "logs", "PutMetricFilter", params, paths(changes), step="put", volatile=volatile
            )
        ]  # fmt: skip

    def delete(self, target: Target, observed: Present) -> list[Action]:
        shown = observed.doc["filter"]
        params = {name: shown[name] for name in ("logGroupName", "filterName")}
        return [
            Action(
                "logs", "DeleteMetricFilter", params, risk="destructive", step="delete",
                deletes=True,
            )
        ]  # fmt: skip

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned; before it overwrites or makes one, what is there is looked at again, unless
        that was just done: `Stale` if it is not as it was when the call was planned."""
        if action.operation != "PutMetricFilter":
            return super().apply(aws, target, action, params)

        def look() -> Doc | None:
            there = _of_group(aws, params["logGroupName"], [target.name]).filters
            return next((_configuration(f) for f in there if f["filterName"] == target.name), None)

        unchanged(params, look, f"metric filter {target.name}")
        aws.write(action.service, action.operation, without_marks(params))
        return _outputs(params) if action.creates else {}

    def discover(self, aws: Aws) -> list[Found]:
        return [
            Found(f["filterName"], {"logGroupName": f["logGroupName"]})
            for f in _everywhere(aws).filters
        ]


OF_FILTER = (
    "filterPattern", "applyOnTransformedLogs", "fieldSelectionCriteria",
    "emitSystemFieldDimensions",
)  # fmt: skip
OF_TRANSFORMATION = (
    "metricNamespace", "metricName", "metricValue", "defaultValue", "unit", "dimensions",
)  # fmt: skip
"""Spec fields that AWS calls the same, in a filter and in its one transformation."""


class _Seen:
    """Filters that one request showed. at: when it was asked (`time.monotonic()`)."""

    def __init__(self, at: float, filters: list[Doc]) -> None:
        self.at = at
        self.filters = filters


def _groups(target: Target) -> list[str]:
    """Where to look: the log group that it was last made in, since it can't move, and the one that
    is wanted. None is known of what is only remembered by its name."""
    names = (mapping(target.last).get("logGroupName"), target.spec.get("logGroupName"))
    return list(dict.fromkeys(str(name) for name in names if known(name)))


def _of_group(aws: Aws, group: str, names: Sequence[str]) -> _Seen:
    """Filters of a log group that may be called one of these; none if there is no such group.
    Raises `AwsFailure`."""
    at = time.monotonic()
    request: Doc = {"logGroupName": group}
    if prefix := common_prefix(names):
        request["filterNamePrefix"] = prefix
    try:
        return _Seen(at, aws.pages("logs", "DescribeMetricFilters", "metricFilters", request))
    except AwsFailure as failure:
        if failure.failure == "not-found":
            return _Seen(at, [])
        raise


def _everywhere(aws: Aws) -> _Seen:
    """All filters of the region. Raises `AwsFailure`."""
    at = time.monotonic()
    return _Seen(at, aws.pages("logs", "DescribeMetricFilters", "metricFilters"))


def _found(target: Target, seen: Sequence[_Seen | AwsFailure]) -> Observation:
    """The filter that a target means: in the first of the places that has one of its name."""
    for place in seen:
        if isinstance(place, AwsFailure):
            return Unknown(str(place))
        here = [f for f in place.filters if f["filterName"] == target.name]
        if len(here) > 1:
            groups = ", ".join(sorted(f["logGroupName"] for f in here))
            return Unknown(f"{target.name} is in several log groups: {groups}")
        if here and len(here[0].get("metricTransformations") or ()) != 1:
            return Unknown(f"{target.name} is shown without its one transformation")
        if here:
            return Present({"filter": here[0], "observedAt": place.at})
    return Absent()


def _place(group: str, name: str) -> str:
    """What tells a filter from others: AWS gives it neither an ARN nor an id, and does not say
    whether its creation time outlasts a change."""
    return f"{group}:{name}"


def _request(name: str, spec: Mapping[str, Any]) -> Doc:
    """PutMetricFilter of a whole spec. What is left out is as if it had never been set."""
    own = {k: spec[k] for k in OF_TRANSFORMATION if spec.get(k) not in (None, {}, "none")}
    rest = {k: spec[k] for k in OF_FILTER if spec.get(k) not in (None, [], "")}
    return {
        "logGroupName": spec["logGroupName"],
        "filterName": name,
        "filterPattern": "",
        **rest,
        "metricTransformations": [own],
    }


def _configuration(shown: Mapping[str, Any]) -> Doc:
    """What an overwrite would overwrite."""
    return {k: shown.get(k) for k in (*OF_FILTER, "metricTransformations")}


def _outputs(of: Mapping[str, Any]) -> Doc:
    """From what AWS shows, or is sent."""
    [transformation] = of["metricTransformations"]
    return {
        "name": of["filterName"],
        "logGroupName": of["logGroupName"],
        "metricNamespace": transformation.get("metricNamespace"),
        "metricName": transformation.get("metricName"),
    }
