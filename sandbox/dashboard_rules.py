"""What CloudWatch finds wrong in a dashboard's body, in its own words and paths.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
Words and paths as AWS's refusals show them: https://github.com/pulumi/pulumi/issues/13059,
https://github.com/aws-samples/aws-eda-slurm-cluster/issues/116. An error refuses the call; a
warning is told of a call that was taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_WIDGETS = 500
MOST_METRICS = 500
MOST_ALARMS = 100
TYPES = ("metric", "text", "log", "alarm", "explorer", "custom", "chart")
_NEEDED = {
    "text": ("markdown",), "log": ("query", "region"), "alarm": ("alarms",),
    "custom": ("endpoint",), "explorer": ("metrics", "labels"),
}  # fmt: skip
_GRID = {"x": (0, 23), "y": (0, None), "width": (1, 24), "height": (1, 1000)}
_TOP = ("start", "end", "periodOverride", "widgets", "variables")
_ROWS = (
    'Field "metrics" has to be an array of array of strings, with an optional metricRenderer'
    " object as last element"
)
_NO_SOURCE = (
    "The metric widget should have specified a region and a data source or an alarm annotation"
)

Problem = tuple[str, str]
"""(data path, message)."""


def errors(body: Any) -> Iterator[Problem]:
    """What refuses the body."""
    if not isinstance(body, dict):
        yield "", "Should be object"
        return
    widgets = body.get("widgets")
    if not isinstance(widgets, list):
        yield "", "Should have required property 'widgets'"
        return
    if len(widgets) > MOST_WIDGETS:
        yield "/widgets", f"Should NOT have more than {MOST_WIDGETS} items"
    if body.get("periodOverride") not in (None, "auto", "inherit"):
        yield "/periodOverride", "Should be equal to one of the allowed values"
    if "end" in body and "start" not in body:
        yield "", "Should have property start when property end is present"
    for index, widget in enumerate(widgets):
        yield from _of_widget(f"/widgets/{index}", widget)


def warnings(body: dict[str, Any]) -> Iterator[Problem]:
    """What is taken, and may not be shown."""
    for name in body:
        if name not in _TOP:
            yield f"/{name}", "Should NOT have additional properties"
    for index, widget in enumerate(body["widgets"]):
        properties = widget["properties"]
        if widget["type"] == "text":
            for name in properties:
                if name not in ("markdown", "background"):
                    at = f"/widgets/{index}/properties/{name}"
                    yield at, "Should NOT have additional properties"


def _of_widget(at: str, widget: Any) -> Iterator[Problem]:
    if not isinstance(widget, dict):
        yield at, "Should be object"
        return
    for name in ("type", "properties"):
        if name not in widget:
            yield at, f"Should have required property '{name}'"
    if widget.get("type", "text") not in TYPES:
        yield f"{at}/type", "Should be equal to one of the allowed values"
    for name, (low, high) in _GRID.items():
        number = widget.get(name, low)
        if not isinstance(number, int) or isinstance(number, bool):
            yield f"{at}/{name}", "Should be integer"
        elif number < low:
            yield f"{at}/{name}", f"Should be >= {low}"
        elif high is not None and number > high:
            yield f"{at}/{name}", f"Should be <= {high}"
    properties = widget.get("properties", {})
    if not isinstance(properties, dict):
        yield f"{at}/properties", "Should be object"
        return
    kind, here = widget.get("type"), f"{at}/properties"
    for name in _NEEDED.get(str(kind), ()):
        if name not in properties:
            yield here, f"Should have required property '{name}'"
    if kind == "metric":
        yield from _of_metrics(here, properties)
    if kind == "alarm" and isinstance(properties.get("alarms"), list):
        if not properties["alarms"]:
            yield f"{here}/alarms", "Should NOT have less than 1 items"
        if len(properties["alarms"]) > MOST_ALARMS:
            yield f"{here}/alarms", f"Should NOT have more than {MOST_ALARMS} items"


def _of_metrics(here: str, properties: dict[str, Any]) -> Iterator[Problem]:
    annotated = (properties.get("annotations") or {}).get("alarms")
    metrics = properties.get("metrics")
    if metrics is None and not annotated:
        yield here, "Should have required property 'metrics'"
        yield here, "Should have required property 'annotations'"
    if not annotated and (metrics is None or "region" not in properties):
        yield here, _NO_SOURCE
    if metrics is None:
        return
    if not isinstance(metrics, list):
        yield f"{here}/metrics", "Should be array"
        return
    if len(metrics) > MOST_METRICS:
        yield f"{here}/metrics", f"Should NOT have more than {MOST_METRICS} items"
    for index, row in enumerate(metrics):
        at = f"{here}/metrics/{index}"
        if not isinstance(row, list):
            yield at, "Should be array"
            yield at, _ROWS
        elif not all(isinstance(x, str) for x in row[:-1]) or not all(
            isinstance(x, str | dict) for x in row[-1:]
        ):
            yield at, _ROWS
