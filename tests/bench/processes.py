"""Fresh processes, side by side: the machine's noise then meets all alike."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass
class Runs:
    """All runs of one program: what each printed, and the time that it took as a whole."""

    argv: Sequence[str]
    printed: list[dict[str, Any]] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def of(self, name: str) -> float:
        """The median of a figure that the program printed, or of `wall` or `cpu`, of all of it."""
        found = {"wall": self.wall, "cpu": self.cpu}.get(name) or [p[name] for p in self.printed]
        return float(median(found))


def side_by_side(
    programs: Mapping[str, Sequence[str]], environ: Mapping[str, str], rounds: int,
    how: Sequence[str] = ("-m",),
) -> dict[str, Runs]:  # fmt: skip
    """Run each program `rounds` times in turn, after once unmeasured (which compiles them).

    how: Python's options that come before each `argv`.
    """
    runs = {name: Runs(argv) for name, argv in programs.items()}
    for number in range(rounds + 1):
        for one in runs.values():
            begun, spent = time.perf_counter(), _children()
            done = subprocess.run(
                [sys.executable, *how, *one.argv], cwd=ROOT, env=dict(environ), text=True,
                capture_output=True, check=False,
            )  # fmt: skip
            took, spent = time.perf_counter() - begun, _children() - spent
            if done.returncode:
                raise RuntimeError(f"{' '.join(one.argv)}:\n{done.stderr}")
            if number:
                one.printed.append(json.loads(done.stdout.splitlines()[-1]))
                one.wall.append(took)
                one.cpu.append(spent)
    return runs


def _children() -> float:
    """CPU seconds of all processes run so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def settings(port: int, cache: Path) -> dict[str, str]:
    """The environment of a program: our server, credentials, and compiled code kept in `cache`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHON"))}
    return {
        **kept,
        "PYTHONPYCACHEPREFIX": str(cache),
        "PYTHONWARNINGS": "ignore",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "AKIAPLUMBLINE",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
