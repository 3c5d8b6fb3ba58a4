"""The benchmark runs. What it measures is never a test: that would fail with the machine."""

from __future__ import annotations

from pathlib import Path

from controller.kinds import KINDS, handler_for
from tests.bench.floor import EXTRA
from tests.bench.own_time import limits, own_time
from tests.bench.reads import HOW, with_table
from tests.bench.rows import Row, table

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "speed.md"


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


def test_the_table_of_reads_is_that_of_the_handlers() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "python -m tests.bench --write-reads"


def test_every_read_is_explained_and_nothing_else() -> None:
    assert set(HOW) == {call for kind in KINDS for call in handler_for(kind).reads}


def test_what_the_floor_does_not_count_is_a_read_of_a_kind_or_a_reference() -> None:
    assert set(EXTRA) <= {*HOW, "ssm:GetParameters"}
