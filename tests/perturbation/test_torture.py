"""I3, I5, I10, I11, I12: some of each sort of accident; `make torture` has them all.

Told in a process of its own: it forks for each accident, and goes through sets in one order.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(("story", "runs"), [("create-all", 100), ("delete-some", 60)])
def test_nothing_comes_of_accidents(story: str, runs: int) -> None:
    command = [
        sys.executable, "-m", "tests.perturbation.torture",
        "--story", story, "--sample", str(runs), "--workers", "1", "--first",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{runs} perturbed runs" in done.stdout
