"""Judges the project's own files: what is pinned, what is run, what is listed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
COMPILED = sorted(REQUIREMENTS.glob("*.txt"))
SOURCES = sorted(REQUIREMENTS.glob("*.in"))
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==(\S+)(?: ; [^\\]+)? \\$")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(source: Path) -> set[str]:
    """The requirements that a .in file names, with those of the files it includes."""
    found: set[str] = set()
    for line in source.read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement.startswith("-r "):
            found |= asked(source.parent / requirement.removeprefix("-r "))
        elif requirement:
            found.add(requirement)
    return found


def names(requirements: set[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~; ]", each)[0]) for each in requirements}


def pins(compiled: Path) -> set[tuple[str, str]]:
    lines = compiled.read_text().splitlines()
    return {(match[1], match[2]) for line in lines if (match := PIN.match(line))}


def ids(path: Path) -> str:
    return path.name


def test_every_requirement_file_is_compiled() -> None:
    assert [each.stem for each in SOURCES] == [each.stem for each in COMPILED]
    assert {each.stem for each in SOURCES} == {
        "checkov", "cli", "dev", "litellm", "ministack", "runtime", "sam", "uv"
    }  # fmt: skip


@pytest.mark.parametrize("compiled", COMPILED, ids=ids)
def test_compiled_requirements_hold_pins_and_hashes_only(compiled: Path) -> None:
    """No index, no address, no path of the machine that compiled them."""
    text = compiled.read_text()
    assert "://" not in text
    pinned = ""
    hashed: set[str] = set()
    for line in text.splitlines():
        if line.startswith("#") or re.match(r"^ +#", line):
            assert not re.search(r"(^|[ =])(/|~|\.\.)", line), line
        elif match := PIN.match(line):
            pinned = match[1]
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
            hashed.add(pinned)
    assert hashed == {name for name, _ in pins(compiled)} != set()


@pytest.mark.parametrize("source", SOURCES, ids=ids)
def test_compiled_requirements_pin_what_their_source_asks_for(source: Path) -> None:
    assert names(asked(source)) <= {name for name, _ in pins(source.with_suffix(".txt"))}


def test_the_lambda_gets_nothing_that_only_developers_or_the_cli_need() -> None:
    runtime = {name for name, _ in pins(REQUIREMENTS / "runtime.txt")}
    only_dev = names(asked(REQUIREMENTS / "dev.in")) - names(asked(REQUIREMENTS / "runtime.in"))
    assert {"moto", "pytest", "click", "rich"} <= only_dev
    assert not runtime & only_dev


@pytest.mark.parametrize("name", ["runtime.txt", "cli.txt"])
def test_what_is_tested_is_what_is_shipped(name: str) -> None:
    assert pins(REQUIREMENTS / name) <= pins(REQUIREMENTS / "dev.txt")


def test_the_package_asks_for_what_the_requirement_files_ask_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["dependencies"]) == asked(REQUIREMENTS / "cli.in")
    assert set(project["optional-dependencies"]["sandbox"]) <= asked(REQUIREMENTS / "dev.in")


def test_no_lock_file_that_records_addresses() -> None:
    assert not (ROOT / "uv.lock").exists()


def test_ci_can_run_and_ends_with_the_tests() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    subprocess.run(["bash", "-n", run], check=True)
    assert run.read_text().rstrip().splitlines()[-1] == "make test"


def test_every_decision_is_listed_once_in_order() -> None:
    folder = ROOT / "docs" / "decisions"
    files = sorted(each.name for each in folder.glob("*.md") if each.name != "README.md")
    assert files
    assert [each[:4] for each in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    index = (folder / "README.md").read_text()
    listed = re.findall(r"^\| (\d{4}) \| \[.+\]\((.+)\) \|", index, re.M)
    assert listed == [(each[:4], each) for each in files]
    for each in files:
        text = (folder / each).read_text()
        assert text.startswith(f"# {each[:4]}: ")
        assert re.search(r"^Status: (proposed|accepted|superseded by \d{4})$", text, re.M), each
        for part in ("Context", "Decision", "Alternatives", "Consequences"):
            assert f"## {part}\n" in text, f"{each} lacks {part}"


@pytest.mark.parametrize(
    "target", ["demo", "test", "lint", "e2e", "sabotage", "torture", "bench", "setup"]
)
def test_every_target_sets_itself_up(target: str, tmp_path: Path) -> None:
    """On a bare machine each target first makes the virtual environment."""
    venv = tmp_path / "venv"
    others = (f"VENV_{name}={tmp_path / name}" for name in ("SAM", "CHECKOV", "MINISTACK"))
    command = ["make", "-n", f"VENV={venv}", *others, target]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    plan = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=True
    ).stdout
    first = plan.find("-m venv --clear")
    assert first >= 0
    assert first < plan.find("--require-hashes -r requirements/uv.txt") < plan.find("pip sync")


def test_the_same_words_stand_in_one_order() -> None:
    """`Literal["a", "b"] | None` is kept by Python for `Literal["b", "a"] | None` too: which of
    the two a page shows would depend on which module came first."""
    orders: dict[frozenset[str], set[tuple[str, ...]]] = {}
    for path in sorted((ROOT / "controller").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
                inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                words = tuple(ast.unparse(each) for each in inner)
                orders.setdefault(frozenset(words), set()).add(words)
    assert [found for found in orders.values() if len(found) > 1] == []
