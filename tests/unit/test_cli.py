"""How every command ends: a clear line, the right exit code, never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from controller.cli import main as cli
from controller.cli.main import COMMANDS, plumbline, run
from controller.cli.render import amount
from tests.unit.blocks import emit
from tests.unit.samples import environment, resource


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "sound.yaml"
    file.write_text("---\n".join(emit(d)[0] for d in (environment(), resource("LogGroup"))))
    return file


def test_every_command_exists_and_says_what_it_does() -> None:
    context = click.Context(plumbline)
    for name, says in COMMANDS.items():
        command = plumbline.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert says.endswith(".")


def test_help_is_fast_to_import() -> None:
    code = (
        "import sys; from controller.cli.main import run; run(['--help'])\n"
        "heavy = {'boto3', 'botocore', 'pydantic', 'rich', 'yaml', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "[]\n"
    assert all(name in done.stdout for name in COMMANDS)


def test_validate_sound_files(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(sound), str(sound)]) == 0
    out, err = capsys.readouterr()
    line = f"{sound}: environment test is valid: 1 resource (1 LogGroup)\n"
    assert (out, err) == (line * 2, "")


def test_validate_as_json(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(emit(environment(mode="x"))[0])
    assert run(["validate", "-o", "json", str(sound), str(broken)]) == 1
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert said["valid"] is False
    assert [e["resources"] for e in said["environments"]] == [["LogGroup/sample"]]
    [problem] = said["problems"]
    assert (problem["file"], problem["line"]) == (str(broken), 6)
    assert problem["field"] == "Environment/test: spec.mode"
    assert err.startswith(f"{broken}:6: ")


@pytest.mark.parametrize("args", [["explan"], ["validate"], ["validate", "--nope"], ["--nope"]])
def test_wrong_usage(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "Error: " in err


def test_a_misspelt_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    run(["validat", "x"])
    assert "unknown command validat, did you mean validate?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "says"), [(0, "0 API calls"), (1, "1 API call"), (2, "2 API calls")]
)
def test_one_is_no_plural(number: int, says: str) -> None:
    assert amount(number, "API call") == says


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
        (cli.Failed("a\nb"), 1, "a\nb\n"),
        (
            ValueError("two\nlines"),
            1,
            "ValueError: two lines (PLUMBLINE_TRACEBACK=1 shows where)\n",
        ),
    ],
)
def test_whatever_goes_wrong_ends_in_a_line(
    raised: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(*_args: object, **_named: object) -> None:
        raise raised

    monkeypatch.delenv("PLUMBLINE_TRACEBACK", raising=False)
    monkeypatch.setattr(plumbline, "main", fail)
    assert run([]) == code
    assert capsys.readouterr().err == says


def test_the_traceback_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_named: object) -> None:
        raise ValueError

    monkeypatch.setenv("PLUMBLINE_TRACEBACK", "1")
    monkeypatch.setattr(plumbline, "main", fail)
    with pytest.raises(ValueError):  # noqa: PT011
        run([])
