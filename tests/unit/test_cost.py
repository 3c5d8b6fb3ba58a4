"""The page on cost says what the code does now: counts, prices and simulation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench import cost, simulation
from tests.bench.measure import state_work
from tests.bench.profile import Profile
from tests.bench.simulation import Setting
from tests.plane import small

PAGE = Path(__file__).parents[2] / cost.PAGE
FAST = (Setting(1), Setting(10), Setting(10, interval_s=60))
"""Those that take no time; `python -m tests.bench --write-cost` writes them all."""


@pytest.fixture(scope="module")
def profile() -> Profile:
    return Profile.load()


def shown(name: str) -> list[list[str]]:
    """The cells of a table of the page."""
    text = PAGE.read_text(encoding="utf-8")
    _, _, rest = text.partition(f"<!-- {name}: begin -->\n")
    body, end, _ = rest.partition(f"\n<!-- {name}: end -->")
    assert end, f"the page has no table {name}"
    return cells(body)


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in
            table.splitlines() if not line.startswith("|---")]  # fmt: skip


def test_the_bill_on_the_page_is_what_the_counts_come_to(profile: Profile) -> None:
    told = {row[0]: dict(zip(shown("cost")[0], row, strict=True)) for row in shown("cost")[1:]}
    made = cells(cost.table(profile, FAST))
    for row in made[1:]:
        for head, cell in zip(made[0], row, strict=True):
            assert told[row[0]][head] == cell, (row[0], head)


def test_the_prices_on_the_page_are_those_reckoned_with() -> None:
    assert shown("prices") == cells(cost.prices())


def test_the_page_shows_how_small_fleets_keep_up_as_they_do(profile: Profile) -> None:
    told = shown("scale")
    for row in cells(simulation.table(profile, FAST))[1:]:
        assert row in told


def test_what_functions_ask_of_s3_and_sqs_is_what_was_measured(profile: Profile) -> None:
    """By small environments: what one holds makes no difference to that."""
    tick, batch, each, _ = state_work(small("NAME", interval="1m"))
    for now, known in ((tick, profile.tick), (batch, profile.batch), (each, profile.each)):
        assert (now.gets, now.puts, now.lists, now.sends) == (
            known.gets, known.puts, known.lists, known.sends
        ), "measure anew: python -m tests.bench --measure --write-cost"  # fmt: skip


def test_the_template_is_the_one_that_is_reckoned_with() -> None:
    text = cost.TEMPLATE.read_text(encoding="utf-8")
    memory = re.search(r"  MemorySize:\n    Type: Number\n    Default: (\d+)", text)
    workers = re.search(r"  MaximumConcurrency:\n    Type: Number\n    Default: (\d+)", text)
    assert memory is not None
    assert workers is not None
    assert int(memory[1]) == simulation.MEMORY_MB
    assert int(workers[1]) == Setting(1).workers
    assert "BatchSize: 1 " in text


def test_the_simulated_control_plane_keeps_aws_rates(profile: Profile) -> None:
    """One account that is asked too much: passes come late, and no call is one too many."""
    late = simulation.Simulation(Setting(300, interval_s=60, workers=2, share=0.1), profile).run()
    assert not late.kept
    assert late.refused == 0
    kept = simulation.Simulation(Setting(300, accounts=6, workers=5), profile).run()
    assert kept.kept
    assert kept.refused == 0
