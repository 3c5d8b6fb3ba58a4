"""Every sabotage still fits the source, and every test that it names is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.sabotage.entries import SABOTAGES, Sabotage, apply

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda s: f"{s.invariant}: {s.what}")
def test_fits_the_source(sabotage: Sabotage, tmp_path: Path) -> None:
    for edit in sabotage.edits:
        (tmp_path / edit.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / edit.file, tmp_path / edit.file)
    for path in apply(sabotage, tmp_path):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda s: f"{s.invariant}: {s.what}")
def test_names_tests_that_are_there(sabotage: Sabotage) -> None:
    assert sabotage.tests
    for test in sabotage.tests:
        file, _, name = test.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {re.escape(name.partition('[')[0])}\(", text, re.MULTILINE), test


def test_every_invariant_has_one() -> None:
    assert {s.invariant for s in SABOTAGES} >= {f"I{n}" for n in range(1, 13)}
    assert len({s.what for s in SABOTAGES}) == len(SABOTAGES)
