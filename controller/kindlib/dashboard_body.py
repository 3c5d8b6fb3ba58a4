"""A dashboard's body: widgets on a grid, in AWS's words, as a document instead of a JSON text.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
What AWS keeps is the text that it was sent. Two of its habits are taken apart, on both sides alike:
rows of `metrics` that repeat the row above with `.` and `...` are written out, and a widget's
region stands beside its type, the environment's own being understood.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from controller.policies import Doc, ServerDefault, Situation
from controller.spec import Model, holds_reference

MOST_WIDGETS = 500
MOST_METRICS = 500
"""Rows of one widget."""
MOST_ALARMS = 100
IN_REGION = ("metric", "log")
"""Types of widgets that AWS wants a region of."""
_NEEDED = {
    "text": ("markdown",), "log": ("query",), "alarm": ("alarms",), "custom": ("endpoint",),
}  # fmt: skip
TOP = ("start", "end", "periodOverride", "widgets", "variables")
_BESIDE = ("type", "x", "y", "width", "height")


def _own_region(situation: Situation) -> Any:
    return situation.region


class Widget(Model):
    """One field of the grid, which has 24 columns."""

    type: Literal["metric", "text", "log", "alarm", "explorer", "custom", "chart"]
    """What it shows: metrics, words, a query of logs, the state of alarms, …"""
    x: Annotated[int, Field(ge=0, le=23)] | None = None
    """Column, from the left. AWS's default: the next place that is free."""
    y: Annotated[int, Field(ge=0)] | None = None
    """Row, from the top. AWS's default: the next place that is free."""
    width: Annotated[Annotated[int, Field(ge=1, le=24)] | None, ServerDefault(6)] = None
    """Columns that it takes. AWS's default: 6."""
    height: Annotated[Annotated[int, Field(ge=1, le=1000)] | None, ServerDefault(6)] = None
    """Rows that it takes. AWS's default: 6."""
    region: Annotated[
        Annotated[str, Field(min_length=1, max_length=32)] | None, ServerDefault(_own_region)
    ] = None
    """Where its metrics or logs are. Ours: the environment's region."""
    properties: dict[str, Any] = Field(default_factory=dict)
    """What it shows and how, in AWS's words: `title`, `metrics`, `view`, `stat`, `period`,
    `markdown`, `query`, `alarms`, … A `$` before `{` is doubled in dynamic labels: `$${LAST}`."""

    @model_validator(mode="before")
    @classmethod
    def _plainly(cls, data: Any) -> Any:
        return plainly(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _complete(self) -> Widget:
        if isinstance(self.properties, dict):
            for problem in _problems(self.type, self.properties):
                raise ValueError(problem)
        return self


class VariableValue(Model):
    """One entry of what the reader chooses from."""

    value: str
    """What takes the place."""
    label: str | None = None
    """What the reader sees. AWS's default: the value."""


class Variable(Model):
    """What the reader may choose at the top of the dashboard."""

    type: Literal["property", "pattern"]
    """property: a property of all widgets (a dimension, `region`) is replaced. pattern: a text
    wherever it stands."""
    property: str | None = None
    """Which property, such as FunctionName. With `type: property`."""
    pattern: str | None = None
    """Which text. With `type: pattern`."""
    input_type: Literal["input", "select", "radio"]
    """How it is chosen: typed in, or taken from a list or from buttons."""
    id: Annotated[str, Field(min_length=1)]
    """Its name in the page's address."""
    label: str | None = None
    """What the reader sees before it."""
    default_value: str | None = None
    """What is chosen at first."""
    visible: bool | None = None
    """Whether the reader sees it."""
    search: str | None = None
    """A search expression for metrics, whose dimension gives the choices."""
    populate_from: str | None = None
    """Which dimension of those found. With `search`."""
    values: list[VariableValue] | None = None
    """The choices, where they are fixed."""

    @model_validator(mode="after")
    def _named(self) -> Variable:
        if getattr(self, self.type, None) is None and not holds_reference(self.type):
            raise ValueError(f"a variable of type {self.type} needs {self.type}")
        return self


def plainly(widget: Mapping[str, Any]) -> Doc:
    """The widget with its region beside its type, and its rows of metrics written out."""
    properties = widget.get("properties")
    if not isinstance(properties, Mapping):
        return dict(widget)
    inside = {k: v for k, v in properties.items() if k != "region"}
    if isinstance(inside.get("metrics"), list) and widget.get("type") == "metric":
        inside["metrics"] = rows(inside["metrics"])
    beside = {"region": properties["region"]} if "region" in properties else {}
    return {**beside, **widget, "properties": inside}


def rows(metrics: Sequence[Any]) -> list[Any]:
    """Rows of `metrics` without repetition marks: `.` is the place above, `...` all places above
    but for as many as follow it. A row without names, a calculation, is none to repeat."""
    out: list[Any] = []
    above: list[str] = []
    for row in metrics:
        if not isinstance(row, list):
            out.append(row)
            continue
        names = [x for x in row if isinstance(x, str)]
        rest = [x for x in row if not isinstance(x, str)]
        if "..." in names:
            at = names.index("...")
            after = names[at + 1 :]
            names = [*names[:at], *above[at : max(at, len(above) - len(after))], *after]
        names = [above[i] if x == "." and i < len(above) else x for i, x in enumerate(names)]
        above = names or above
        out.append([*names, *(x for x in rest if x != {})])
    return out


def _problems(kind: Any, properties: Mapping[str, Any]) -> Iterator[str]:
    """What AWS would refuse."""
    for name in _NEEDED.get(str(kind), ()):
        if name not in properties:
            yield f"a widget of type {kind} needs properties.{name}"
    alarms = properties.get("alarms")
    if kind == "alarm" and isinstance(alarms, list) and not 1 <= len(alarms) <= MOST_ALARMS:
        yield f"properties.alarms has 1-{MOST_ALARMS} ARNs, not {len(alarms)}"
    if kind != "metric":
        return
    metrics = properties.get("metrics")
    annotations = properties.get("annotations")
    watched = isinstance(annotations, Mapping) and annotations.get("alarms")
    if metrics is None and not watched:
        yield "a widget of type metric needs properties.metrics, or annotations.alarms"
    if metrics is None or holds_reference(metrics):
        return
    if not isinstance(metrics, list):
        yield "properties.metrics is a list of rows: [namespace, metricName, dimension, value, …]"
        return
    if len(metrics) > MOST_METRICS:
        yield f"properties.metrics has at most {MOST_METRICS} rows, not {len(metrics)}"
    for index, row in enumerate(metrics):
        if holds_reference(row):
            continue
        if not isinstance(row, list) or not row:
            yield f"properties.metrics[{index}] must be a row: [namespace, metricName, …]"
            continue
        names = row[:-1] if isinstance(row[-1], dict) else row
        if not all(isinstance(name, str) for name in names):
            yield (
                f"properties.metrics[{index}] has texts, and at most one map of options at its end"
            )
        elif not names and "expression" not in row[-1]:
            yield f"properties.metrics[{index}] names no metric and has no expression"
        elif len(names) % 2:
            yield (
                f"properties.metrics[{index}] needs a namespace, a metric and pairs of dimensions "
                f"and values, not {len(names)} texts"
            )


def from_aws(text: str) -> Doc:
    """The body as a document. Raises `ValueError` if it is none."""
    body = json.loads(text)
    if not isinstance(body, dict) or not isinstance(body.get("widgets"), list):
        raise ValueError("not a dashboard")
    return body


def to_spec(body: Mapping[str, Any]) -> Doc:
    """What a body says, in our language; members that we don't know are left out."""
    spec: Doc = {name: body[name] for name in TOP if body.get(name) is not None}
    spec["widgets"] = [_known(w) for w in body["widgets"]]
    return spec


def to_aws(spec: Mapping[str, Any], region: str, kept: Mapping[str, Any]) -> Doc:
    """The body that is sent. kept: the body that AWS has: a widget of it that is as it should be
    is sent just so, and of the others what we don't know is sent again. region: of the
    environment, for widgets that name none."""
    before = kept.get("widgets", [])
    declared = spec.get("widgets", [])
    same = len(before) == len(declared)
    as_shown = [(_known(widget), widget) for widget in before]
    widgets = []
    for index, widget in enumerate(declared):
        there = next((shown for known, shown in as_shown if known == widget), None)
        old = before[index] if same else {}
        widgets.append(_widget(widget, region, old) if there is None else there)
    said = {name: spec[name] for name in TOP if name in spec} | {"widgets": widgets}
    return _in_order(kept, {k: v for k, v in kept.items() if k not in TOP} | said)


def _in_order(old: Mapping[str, Any], new: Doc) -> Doc:
    """The members of `new`, those first that `old` has, in its order."""
    return {k: new[k] for k in (*(k for k in old if k in new), *(k for k in new if k not in old))}


def _known(widget: Any) -> Any:
    if not isinstance(widget, Mapping):
        return widget
    found = plainly(widget)
    return {k: found[k] for k in (*_BESIDE, "region", "properties") if found.get(k) is not None}


def _widget(widget: Mapping[str, Any], region: str, before: Mapping[str, Any]) -> Doc:
    out: Doc = {k: v for k, v in before.items() if k not in (*_BESIDE, "region", "properties")}
    out |= {name: widget[name] for name in _BESIDE if name in widget}
    properties = dict(widget.get("properties") or {})
    where = widget.get("region") or (region if widget.get("type") in IN_REGION else None)
    properties |= {"region": where} if where else {}
    out["properties"] = _in_order(before.get("properties", {}), properties)
    return _in_order(before, out)
