"""Runs tests against mutants, each in a forked process, so that nothing is imported twice.

A mutant inside a function: the function gets the mutant's code, wherever it was imported to. Any
other (a constant, a default) is imported anew with all that builds on it.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import json
import os
import resource
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]
SLOWEST_S = 3.0
"""A test that takes longer judges no mutant."""
PATIENCE_S = 20.0
"""Tests of a mutant go on so long, fastest first."""
HANG_S = 45.0
"""After that a mutant hangs: killed."""
MEMORY = 6 << 30


@dataclass
class Baseline:
    """What the tests do without a mutant: seconds and lines of the module, by test."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def order(self, lines: range | None) -> list[str]:
        """The tests that run any of these lines (None: all), fastest first."""
        chosen = [
            test
            for test, seconds in self.seconds.items()
            if seconds < SLOWEST_S
            and (lines is None or not set(lines).isdisjoint(self.lines[test]))
        ]
        return sorted(chosen, key=self.seconds.__getitem__)


def in_child(work: Callable[[], Any], limit_s: float | None = None) -> Any:
    """What `work` returns in a forked process, over JSON; None if it died or took too long."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            if limit_s:
                os.setpgid(0, 0)
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            told = json.dumps(work()).encode()
            with os.fdopen(write, "wb") as out:
                out.write(told)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write)
    end = time.monotonic() + (limit_s or 86_400)
    got = b""
    try:
        while (left := end - time.monotonic()) > 0 and select.select([read], [], [], left)[0]:
            if not (piece := os.read(read, 1 << 16)):
                break
            got += piece
    finally:
        os.close(read)
        if limit_s:
            with suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        elif not got:
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    try:
        return json.loads(got)
    except ValueError:
        return None


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


class _Anew(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a mutated tree in the place of the module."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        self.file, self.tree = file, tree

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != _module(self.file):
            return None
        where = str(ROOT / self.file)
        return importlib.machinery.ModuleSpec(name, self, origin=where)

    def exec_module(self, module: Any) -> None:
        module.__file__ = str(ROOT / self.file)
        exec(compile(self.tree, module.__file__, "exec"), module.__dict__)


def _swap(mutant: Mutant, tree: ast.Module) -> None:
    """Give the function that holds a mutant its code."""
    mutant.put()
    code = compile(ast.fix_missing_locations(tree), str(ROOT / mutant.file), "exec")
    held: Any = import_module(_module(mutant.file))
    for name in mutant.function.split("."):
        code = next(
            c for c in reversed(code.co_consts) if isinstance(c, CodeType) and c.co_name == name
        )
        held = vars(held)[name]
    held = getattr(held, "fget", None) or getattr(held, "__func__", held)
    held.__code__ = code


class Loop:
    """In the place of pytest's loop over the tests."""

    def __init__(self, body: Callable[[dict[str, pytest.Item]], Any]) -> None:
        self.body = body
        self.told: Any = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        _hypothesis_is_steady()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise RuntimeError("the tests could not be collected")
        self.told = self.body({item.nodeid: item for item in session.items})
        return True


def session(files: Sequence[str], body: Callable[[dict[str, pytest.Item]], Any]) -> Any:
    """Collect the tests of files, and do something with them."""
    loop = Loop(body)
    out = os.dup(1), os.dup(2)
    _silence()
    try:
        pytest.main(
            ["-q", "-s", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no",
             "--sandbox-seed", "1", "--rootdir", str(ROOT), *files],
            plugins=[loop],
        )  # fmt: skip
    finally:
        os.dup2(out[0], 1)
        os.dup2(out[1], 2)
    return loop.told


def _silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _run(item: pytest.Item, then: pytest.Item | None) -> bool:
    """Whether a test passes, or skips."""
    return not any(r.failed for r in runtestprotocol(item, log=False, nextitem=then))


def _killer(items: dict[str, pytest.Item], order: Sequence[str]) -> str:
    """The first test that fails; empty if none does."""
    begun = time.monotonic()
    for at, test in enumerate(order):
        then = items[order[at + 1]] if at + 1 < len(order) else None
        if not _run(items[test], then):
            return test
        if time.monotonic() - begun > PATIENCE_S:
            break
    return ""


def _measured(file: str, items: dict[str, pytest.Item]) -> Baseline:
    where = str(ROOT / file)
    found = Baseline()
    seen: set[int] = set()

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        seen.add(frame.f_lineno)
        return local

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        return local(frame, event, arg) if frame.f_code.co_filename == where else None

    order = list(items)
    for at, test in enumerate(order):
        seen.clear()
        then = items[order[at + 1]] if at + 1 < len(order) else None
        begun = time.monotonic()
        sys.settrace(trace)
        threading.settrace(trace)
        try:
            passed = _run(items[test], then)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
        found.seconds[test] = time.monotonic() - begun
        found.lines[test] = sorted(seen)
        if not passed:
            found.failed.append(test)
    return found


def _hypothesis_is_steady() -> None:
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, max_examples=25,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    settings.load_profile("mutants")


Report = Callable[[int, str | None], None]
"""Told of each mutant as it is done: its position, and the test that killed it: empty if none did,
None if it hung or died."""


def run(
    file: str, tests: Sequence[str], tree: ast.Module, found: Sequence[Mutant], report: Report
) -> dict[int, str | None]:
    """Which test killed each mutant, by position. Raises `RuntimeError` if tests fail unharmed."""

    def inside(items: dict[str, pytest.Item]) -> Any:
        base = in_child(lambda: vars(_measured(file, items)))
        if base is None or base["failed"]:
            return {"failed": base["failed"] if base else ["nothing could be measured"]}
        baseline = Baseline(**base)
        killers: dict[str, str | None] = {}
        for at, mutant in enumerate(found):
            if mutant.function:
                order = baseline.order(mutant.lines)

                def one(mutant: Mutant = mutant, order: list[str] = order) -> list[str]:
                    _silence()
                    _swap(mutant, tree)
                    return [_killer(items, order)]

                told = in_child(one, HANG_S) if order else [""]
                killers[str(at)] = told[0] if told else None
                report(at, killers[str(at)])
        return {"base": base, "killers": killers}

    told = in_child(lambda: session(tests, inside))
    if told is None or "failed" in told:
        raise RuntimeError(f"unharmed, tests fail: {(told or {}).get('failed', 'none could run')}")
    killers = {int(at): killer for at, killer in told["killers"].items()}
    order = Baseline(**told["base"]).order(None)
    for at, mutant in enumerate(found):
        if not mutant.function:

            def one(mutant: Mutant = mutant) -> list[str]:
                _silence()
                mutant.put()
                sys.meta_path.insert(0, _Anew(file, ast.fix_missing_locations(tree)))
                told = session(tests, lambda items: _killer(items, order))
                return ["it cannot even be imported" if told is None else told]

            anew = in_child(one, HANG_S)
            killers[at] = anew[0] if anew else None
            report(at, killers[at])
    return killers
