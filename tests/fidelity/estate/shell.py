"""A shell script of `aws` commands, run in this process against a simulated AWS.

It knows what such scripts are made of: comments, continued lines, assignments, `$NAME`, `$(aws …)`,
`aws …`, and `sed "s|A|B|" file > file`. Anything else is an error.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import shlex
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import botocore.waiter
import pytest
from awscli.clidriver import CLIDriver, create_clidriver

from sandbox.inprocess import bind
from sandbox.world import World

_NAME = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_ASSIGNMENT = re.compile(r"([A-Z_]+)=(.*)", re.S)


class Shell:
    """Runs one script. The waits of `aws … wait` and `deploy` let simulated time pass."""

    def __init__(self, world: World, variables: Mapping[str, str]) -> None:
        self.world = world
        self.variables = dict(variables)
        self.count = 0
        logging.getLogger("awscli").propagate = False  # it tells all it does, values and all
        self._driver: CLIDriver = create_clidriver()
        core = self._driver.session
        core.set_credentials("AKIASANDBOX", "sandbox")
        core.set_config_variable("region", world.region)
        bind(core, world)

    def run(self, script: Path) -> None:
        """All of a script's commands."""
        for line in commands(script.read_text(encoding="utf-8")):
            assigned = _ASSIGNMENT.fullmatch(line)
            if assigned is None:
                self._command(line)
                continue
            name, value = assigned.groups()
            inner = re.fullmatch(r"\$\((.*)\)", value, re.S)
            self.variables[name] = self._command(inner[1]) if inner else self._expanded(value)

    def _command(self, line: str) -> str:
        program, *words = shlex.split(self._expanded(line))
        if program == "sed":
            rule, source, into, target = words
            assert into == ">"
            _, old, new, _ = rule.split(rule[1])
            text = Path(source).read_text(encoding="utf-8").replace(old, new)
            Path(target).write_text(text, encoding="utf-8")
            return ""
        assert program == "aws", line
        return self._aws(words)

    def _aws(self, words: list[str]) -> str:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        wrong = io.StringIO()
        sleeps = SimpleNamespace(sleep=self._sleep)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(botocore.waiter, "time", sleeps)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(wrong):
                status = self._driver.main(words)
        out.seek(0)
        assert status == 0, f"aws {shlex.join(words)}\n{wrong.getvalue()}{out.read()}"
        self.count += 1
        return out.read().strip()

    def _sleep(self, seconds: float) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    def _expanded(self, text: str) -> str:
        """Variables filled in, but not between single quotes."""
        parts = re.split(r"('[^']*')", text)
        return "".join(
            part
            if part.startswith("'")
            else _NAME.sub(lambda m: self.variables[m[1] or m[2]], part)
            for part in parts
        )


def commands(text: str) -> Iterator[str]:
    """The commands of a script: without comments, continued lines and open quotes joined."""
    line = ""
    for raw in text.splitlines():
        if not line and (not raw.strip() or raw.startswith(("#", "set -"))):
            continue
        line += raw
        if line.endswith("\\"):
            line = line[:-1]
        elif line.count("'") % 2 == 0 or (line.count('"') and _closed(line)):
            yield line
            line = ""
        else:
            line += "\n"
    assert not line, f"never ends: {line}"


def _closed(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True
