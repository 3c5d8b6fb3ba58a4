"""Metrics as CloudWatch would take them from a log, and as `docs/reference/metrics.md` has them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"
SETS = {
    "E": frozenset({"Environment"}),
    "EK": frozenset({"Environment", "Kind"}),
    "F": frozenset[str](),
}
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([A-Z, ]+) \|", re.MULTILINE)


@dataclass(frozen=True)
class Documented:
    """A row of the page."""

    unit: str
    dimensions: frozenset[frozenset[str]]


@dataclass(frozen=True)
class Datum:
    """One number that CloudWatch would store."""

    name: str
    unit: str
    value: float
    dimensions: tuple[tuple[str, str], ...]


@cache
def documented() -> dict[str, Documented]:
    """The page's table."""
    rows = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {
        name: Documented(unit, frozenset(SETS[d.strip()] for d in dimensions.split(",")))
        for name, unit, dimensions in rows
    }


def data(log: str) -> list[Datum]:
    """What CloudWatch takes out of these lines.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    found = []
    for line in records(log):
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert directive["Namespace"] == "Plumbline"
            assert isinstance(line["_aws"]["Timestamp"], int)
            assert len(directive["Metrics"]) <= 100
            for names in directive["Dimensions"]:
                dimensions = tuple((name, line[name]) for name in sorted(names))
                for metric in directive["Metrics"]:
                    values = line[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        found.append(Datum(metric["Name"], metric["Unit"], value, dimensions))
    return found


def records(log: str) -> list[dict[str, Any]]:
    """The lines of a log, each a JSON object."""
    return [json.loads(line) for line in log.splitlines() if line.strip()]
