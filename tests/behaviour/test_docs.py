"""Pages are true: their commands are run in order, exit codes and output compared."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-environment.md"
SECOND = ROOT / "docs" / "tutorial" / "what-exists-already.md"
ADOPT = ROOT / "docs" / "how-to" / "adopt-existing.md"
BLOCK = re.compile(
    r"(?:<!-- (?P<note>not run|exit): (?P<value>[^>]*) -->\n)?"
    r"```sh\n(?P<code>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?",
    re.S,
)
VARIES = (
    (r"\d+ API calls, \d+\.\d s", "N API calls, T s"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "WHEN"),
    (r"WHEN by \S+:", "WHEN by SOMEBODY:"),
    (r"revision [0-9a-f]{12}", "revision R"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  [0-9a-f]{12}", "WHEN  R"),
    (r"RevisionAccepted  [0-9a-f]{12}", "RevisionAccepted  R"),
)
"""What differs from run to run, and what stands for it when two outputs are compared."""

LISTED_S = 2
"""Seconds a reader takes before an import: lists of secrets are late by up to 1.5 s here."""

MAKE = re.compile(r"make bootstrap ENV=(\S+) DRY_RUN=1")
"""It would install the SAM CLI first."""

KEEP = '{ declare -p | grep "^declare -x"; printf "cd %q\\n" "$PWD"; }'
"""Prints what the next block begins with, as if all were typed in one terminal."""


@dataclass(frozen=True)
class Block:
    """Commands of a page. output: what it says they print; `…` stands for any lines."""

    code: str
    output: str
    exit_code: int
    line: int


def blocks(page: Path) -> list[Block]:
    """All commands that are to be run, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found["code"],
            found["output"] or "",
            int(found["value"]) if found["note"] == "exit" else 0,
            text.count("\n", 0, found.start("code")),
        )
        for found in BLOCK.finditer(text)
        if found["note"] != "not run"
    ]


def plain(text: str) -> list[str]:
    """Lines without what differs from run to run."""
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def missing(expected: str, printed: str) -> list[str]:
    """Lines that should have been printed, in this order, and were not."""
    rest = plain(printed)
    lost = []
    for line in plain(expected):
        if line == "…":
            continue
        if line in rest:
            rest = rest[rest.index(line) + 1 :]
        else:
            lost.append(line)
    return lost


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A simulated AWS of its own, faster than the tutorial's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sandbox", "serve", "--port", str(port), "--speed", "200"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urlopen(f"{address}/_sandbox/health").close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.e2e
@pytest.mark.slow
def test_the_tutorial_is_true(endpoint: str, tmp_path: Path) -> None:
    assert len(blocks(TUTORIAL)) >= 12
    follow(TUTORIAL, endpoint, tmp_path, f"cd '{ROOT}'\n")


@pytest.mark.e2e
@pytest.mark.slow
def test_its_second_part_is_true(endpoint: str, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for part in ("bootstrap", "desired_state"):
        shutil.copytree(ROOT / part, clone / part)
    assert len(blocks(SECOND)) >= 15
    follow(SECOND, endpoint, tmp_path, f"cd '{clone}'\n")
    assert not (clone / "bootstrap" / "mine.json").exists()


@pytest.mark.e2e
@pytest.mark.slow
def test_adoption_goes_as_told(endpoint: str, tmp_path: Path) -> None:
    assert len(blocks(ADOPT)) == 8
    access = f"export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION=us-east-1"
    keys = "AWS_ACCESS_KEY_ID=AKIASANDBOX AWS_SECRET_ACCESS_KEY=sandbox"
    follow(ADOPT, endpoint, tmp_path, f"cd '{tmp_path}'\n{access} {keys}\n")


def follow(page: Path, endpoint: str, folder: Path, begin: str) -> None:
    """Type all commands of a page into one terminal that begins with `begin`."""
    saved, script = folder / "environment", folder / "step"
    keep = {"HOME": str(folder), "TMPDIR": str(folder), "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
    identity = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Reader") | dict.fromkeys(
        ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "reader@example.com"
    )
    bin_first = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**keep, **identity, "PATH": bin_first, "PYTHONPATH": str(ROOT)}
    saved.write_text(begin, encoding="utf-8")
    for block in blocks(page):
        code = block.code.replace("http://127.0.0.1:4566", endpoint)
        code = code.replace('"$PWD/.venv/bin:$PATH"', f'"{bin_first}"')
        code = code.replace("plumbline apply ", "plumbline apply --poll 1 ")
        code = code.replace("plumbline import ", f"sleep {LISTED_S}; plumbline import ")
        code = MAKE.sub(rf"{sys.executable} -m bootstrap.deploy \1 --dry-run", code)
        script.write_text(f"set -e\n. '{saved}'\ntrap '{KEEP} > \"{saved}\"' EXIT\n{code}")
        done = subprocess.run(["bash", script], env=env, capture_output=True, text=True)
        where = f"{page.name}:{block.line}:\n{block.code}\n{done.stdout}{done.stderr}"
        assert done.returncode == block.exit_code, where
        assert not missing(block.output, done.stdout + done.stderr), where
