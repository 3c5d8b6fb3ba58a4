"""Promise: a broken file gives one clear error per defect, with file, line and field; exit code 1;
and not one call to AWS.

Every constraint of every model is broken in turn (`tests/unit/breaking.py`), and so are the files
in `bad/`, each of which says in its first lines what must be said of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.main import run
from controller.envelope import EnvironmentDocument, ResourceDocument
from controller.kinds import KINDS, handler_for
from tests.unit.blocks import emit
from tests.unit.breaking import Breaker
from tests.unit.samples import environment, resource, sample

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
ARN = "arn:aws:sns:eu-central-1:123456789012:topic"

EXAMPLES = {
    "until": "2026-12-31",
    "interval": "5m",
    "cron": "0 2 * * *",
    "duration": "1h",
    "start": "2026-12-20",
    "command": ["CMD", "true"],
    "conditions": [{"action": "BLOCK"}],
    "countries": ["DE"],
    "destination": "arn:aws:logs:eu-central-1:123456789012:log-group:aws-waf-logs-x",
    "Nested": {"geo": ["DE"]},
    "metricSpecifications": [
        {
            "targetValue": 50,
            "predefinedMetricPairSpecification": {
                "predefinedMetricType": "ECSServiceCPUUtilization"
            },
        }
    ],
}
"""Values for fields and models (by name) whose own checks the schema can't tell."""

OF_KIND = {"SecurityGroup": {"protocol": "tcp", "ports": 443, "peer": "192.0.2.0/24"}}
"""The same for one kind alone."""


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        raise AssertionError("a client of AWS was made")

    monkeypatch.setattr("botocore.session.Session.create_client", refuse)
    monkeypatch.setattr("botocore.client.ClientCreator.create_client", refuse)


def complaint(file: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the command line says of a file; it must exit with 1."""
    code = run(["validate", str(file)])
    out, err = capsys.readouterr()
    assert code == 1, f"exit code {code}: {out}"
    assert out == ""
    return err.splitlines()


def judge(kind: str, breaker: Breaker, tmp_path: Path, capsys: pytest.CaptureFixture[str],
          documents: object) -> tuple[list[str], int]:  # fmt: skip
    """Everything that is not as promised, and how many constraints were broken."""
    wrong: list[str] = []
    count = 0
    file = tmp_path / "broken.yaml"
    for breakage in breaker.all():
        count += 1
        path = breaker.concrete(breakage)
        text, line, label = documents(breakage, path)
        file.write_text(text)
        try:
            said = complaint(file, capsys)
        except AssertionError as error:
            wrong.append(f"{breakage}: {error}")
            continue
        names = [p for p in path if isinstance(p, str)]
        starts = f"{file}:{line}: {label}"
        field = said[0].removeprefix(starts).split(": found")[0]
        if len(said) != 1:
            wrong.append(f"{breakage}: {len(said)} errors: {said}")
        elif not said[0].startswith(starts):
            wrong.append(f"{breakage}: not {starts}: {said[0]}")
        elif names and names[-1] not in field:
            wrong.append(f"{breakage}: names another field: {said[0]}")
        elif re.search(r"pydantic|Traceback|Input should|type=|loc=", said[0]):
            wrong.append(f"{breakage}: jargon: {said[0]}")
    return wrong, count


def line_of(lines: dict[tuple[str | int, ...], int], path: tuple[str | int, ...]) -> int:
    """The line of a path, or of what is around it."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


@pytest.mark.parametrize("kind", KINDS)
def test_every_constraint_of_a_kind(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, _ = emit(environment())
    start = head.count("\n") + 2

    def documents(breakage, path):
        body, lines = emit(resource(kind, spec=breakage.doc), start)
        place = ("spec", *path)
        if not breakage.doc:
            place = ("spec",)
        return f"{head}---\n{body}", line_of(lines, place), f"{kind}/sample: spec."

    breaker = Breaker(handler_for(kind).spec, sample(kind), {**EXAMPLES, **OF_KIND.get(kind, {})})
    wrong, count = judge(kind, breaker, tmp_path, capsys, documents)
    print(f"{kind}: {count} constraints broken, {len(breaker.skipped)} out of reach")
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong)
    assert not breaker.skipped, breaker.skipped
    assert count > 1


def test_every_constraint_of_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nightly = {"cron": "0 2 * * *", "duration": "1h", "timezone": "Europe/Berlin"}
    frozen = {"start": "2026-12-20", "until": "2026-12-24", "reason": "year end"}
    good = environment(interval="5m", limits={"maxChanges": 5}, windows=[nightly], freezes=[frozen])

    def documents(breakage, path):
        text, lines = emit(breakage.doc)
        return text, line_of(lines, path), ""

    breaker = Breaker(EnvironmentDocument, good, EXAMPLES)
    wrong, count = judge("Environment", breaker, tmp_path, capsys, documents)
    assert not wrong, "\n".join(wrong)
    assert not breaker.skipped
    assert count > 20


def test_every_constraint_around_a_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, _ = emit(environment())
    start = head.count("\n") + 2
    rule = {"path": "retentionInDays", "reason": "r"}
    good = resource("LogGroup", lifecycle={"mode": "observe", "ignore": [rule]})

    def documents(breakage, path):
        text, lines = emit(breakage.doc, start)
        return f"{head}---\n{text}", line_of(lines, path), ""

    breaker = Breaker(ResourceDocument, good, EXAMPLES)
    wrong, count = judge("LogGroup", breaker, tmp_path, capsys, documents)
    assert not wrong, "\n".join(wrong)
    assert not breaker.skipped
    assert count > 15


# --- by hand ------------------------------------------------------------------------------


def expected(file: Path) -> Iterator[tuple[int, str, str]]:
    """`# expect <line> | <field> | <part of the message>` comments of a file."""
    for row in file.read_bytes().decode("utf-8", "replace").splitlines():
        if row.startswith("# expect "):
            line, field, message = (part.strip() for part in row[9:].split("|", 2))
            yield int(line), field, message


def test_there_are_thirty_files_by_hand() -> None:
    assert len(BAD) >= 30


@pytest.mark.parametrize("file", BAD, ids=lambda f: f.stem)
def test_file_by_hand(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = sorted(expected(file))
    assert wanted, "the file says nothing of what to expect"
    said = complaint(file, capsys)
    assert len(said) == len(wanted), said
    for row, (line, field, message) in zip(said, wanted, strict=True):
        where = f"{field}: " if field else ""
        assert row.startswith(f"{file}:{line}: {where}"), row
        assert message in row
        assert "hunter2" not in row, "a secret was shown"


def test_an_oversized_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "huge.yaml"
    file.write_bytes(b"a: " + b"x" * 5_000_000)
    assert complaint(file, capsys) == [
        f"{file}:1: 5,000,003 bytes: a desired-state file has at most 1,000,000"
    ]


@pytest.mark.parametrize("what", ["missing", "directory"])
def test_a_file_that_can_not_be_read(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.yaml"
    if what == "directory":
        file.mkdir()
    [said] = complaint(file, capsys)
    assert said.startswith(f"{file}:1: can't be read: ")


@pytest.mark.parametrize("file", [*BAD[:2], Path("/nowhere.yaml")], ids=lambda f: f.stem)
def test_as_a_real_process(file: Path) -> None:
    """No traceback, exit code 1; AWS would be found at an address where nobody answers."""
    unreachable = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "eu-central-1"}
    done = subprocess.run(
        [sys.executable, "-m", "controller.cli.main", "validate", str(file)],
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2],
        env={**os.environ, **unreachable}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"{file}:")
