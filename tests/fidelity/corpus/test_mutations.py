"""One leaf of a recorded reply changed alone: exactly the field that stands for it differs.

A seeded sample; `python -m tests.fidelity --only mutations` tries every leaf.
"""

from __future__ import annotations

import random

import pytest

from controller.kinds import KINDS
from tests.fidelity.corpus.figures import different, judged, trials
from tests.fidelity.corpus.recordings import RECORDED

OF_EACH = 10


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_that_field_differs(kind: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    mine = [j for j in judged(RECORDED) if j.subject.kind == kind]
    once = {id(subject) for subject in different(j.subject for j in mine)}
    wrong = [
        f"{trial.label} {trial.mutation}: {trial.problem}; expected {trial.expected}"
        for each in mine if id(each.subject) in once
        for trial in trials(RECORDED, each, rng, OF_EACH) if trial.problem
    ]  # fmt: skip
    assert not wrong, f"seed {seed}, {len(wrong)}:\n" + "\n".join(wrong)
