"""I1: converged and unchanged, whatever AWS and others rightly do: no write, no drift.

The production environment that we ship, and 15 random sequences of what goes on around it. Orders
of lists, unknown new fields and stale reads are random in every reply besides. `make fidelity` does
the same 200 times on every environment.
"""

from __future__ import annotations

import random
from functools import cache

import pytest

from tests.harness import production
from tests.perturbation.deeds import Running, sequence

SEEDS = range(15)
STEPS = 5


@cache
def running() -> Running:
    """The one of this process."""
    return Running(production())


@pytest.mark.parametrize("seed", SEEDS)
def test_no_write_and_no_drift(seed: int) -> None:
    assert not sequence(running(), seed, STEPS).wrong


def test_every_deed_can_be_done() -> None:
    plant = running()
    done = set()
    for number, deed in enumerate(plant.deeds):
        what = deed.name.rpartition(": ")[2]
        if what not in done:
            plant.back(number)
            deed.do(plant, random.Random(number))
            done.add(what)
    assert len(done) >= 20, sorted(done)
