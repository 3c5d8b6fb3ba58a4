"""The benchmark runs. What it measures is never a test: that would fail with the machine."""

from __future__ import annotations

from tests.bench.own_time import limits, own_time
from tests.bench.rows import Row, table


def test_own_time_and_limits_on_a_small_scale() -> None:
    rows = [*own_time((2, 4), passes=1), *limits(4)]
    assert [row.what for row in rows] == [
        "own CPU a resource, 2 of them",
        "own CPU a resource, 4 of them",
        "4 resources at AWS's limits",
    ]
    assert rows[2].met


def test_table_says_what_was_not_met() -> None:
    shown = table([Row("speed", "2 s", "≤ 1 s", False), Row("size", "1 MB", "< 2 MB", True)])
    assert [line.split()[-1] for line in shown.splitlines()[2:]] == ["MET", "met"]
