"""Apply every sabotage to a copy of the source, and see that its tests fail there.

    .venv/bin/python -m tests.sabotage [word …]

One line each: invariant, sabotage, the test that caught it. Words choose those that contain one.
First all the tests run on an unharmed copy: one that fails there would catch anything. Exit code 1
if a sabotage survives, does not apply, or breaks so much that no test could run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sabotage.entries import SABOTAGES, NotThere, Sabotage, apply

ROOT = Path(__file__).parents[2]
COPIED = (
    "bootstrap", "controller", "handlers", "sandbox", "tests", "desired_state", "events", "docs",
)  # fmt: skip
FILES = ("pyproject.toml", "template.yaml")
WORKERS = 2
LONGEST_S = 180
_FAILED = re.compile(r"^FAILED (\S+::.+?)(?: - .*)?$", re.MULTILINE)


def copy(to: Path) -> Path:
    """The source, with what Python compiled of it, without anything else."""
    leave = shutil.ignore_patterns(".hypothesis", ".pytest_cache", "sabotage")
    for name in COPIED:
        shutil.copytree(ROOT / name, to / name, ignore=leave)
    for name in FILES:
        shutil.copy2(ROOT / name, to / name)
    return to


def run(root: Path, tests: Sequence[str]) -> tuple[int, str]:
    """pytest's exit code and output."""
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist",
        "-p", "no:hypothesispytest",
        "--sandbox-seed", "1", "-rf", "--tb=no", "-o", "addopts=", *tests,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, f"took longer than {LONGEST_S} s"
    return done.returncode, done.stdout + done.stderr


def attempt(sabotage: Sabotage) -> tuple[bool, str]:
    """Whether it was caught, and by what."""
    with tempfile.TemporaryDirectory(prefix="sabotage-") as place:
        root = copy(Path(place))
        try:
            changed = apply(sabotage, root)
        except NotThere as wrong:
            return False, str(wrong)
        for path in changed:  # compiled anew, whatever the clock says
            for old in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
                old.unlink()
        code, out = run(root, sabotage.tests)
    found = _FAILED.search(out)
    if code == 1 and found:
        return True, found[1]
    if code == 0:
        return False, "SURVIVED"
    return False, f"no test could judge it: {' '.join(out.split())[-300:]}"


def unharmed(chosen: Sequence[Sabotage]) -> str:
    """What fails without any sabotage; empty if nothing does."""
    tests = sorted({test for sabotage in chosen for test in sabotage.tests})

    def part(number: int) -> str:
        with tempfile.TemporaryDirectory(prefix="sabotage-") as place:
            code, out = run(copy(Path(place)), tests[number::WORKERS])
        return "" if code == 0 else out[-2000:]

    with ThreadPoolExecutor(WORKERS) as pool:
        return "\n".join(filter(None, pool.map(part, range(min(WORKERS, len(tests))))))


def main(words: Sequence[str]) -> int:
    """Print a line for each; 0 if all were caught."""
    begun = time.monotonic()
    chosen = [
        s for s in SABOTAGES if not words or any(w in f"{s.invariant} {s.what}" for w in words)
    ]
    if wrong := unharmed(chosen):
        print(f"without any sabotage, tests fail:\n{wrong}")
        return 1
    survived = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        for sabotage, (caught, how) in zip(chosen, pool.map(attempt, chosen), strict=True):
            survived += not caught
            mark = "✓" if caught else "✗"
            print(f"{mark} {sabotage.invariant:4} {sabotage.what}: {how}", flush=True)
    print(
        f"{len(chosen) - survived} of {len(chosen)} sabotages caught, "
        f"{time.monotonic() - begun:.0f} s"
    )
    return 1 if survived or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
