"""One control plane for all scenarios, deployed once; a failing test shows what it said last."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import REGISTRY, ROOT, Stack
from tests.e2e.together import Story

_STACK = pytest.StashKey[Stack]()


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The deployed control plane, with nothing in it yet."""
    variables = {"sam": "VENV_SAM", "ministack": "VENV_MINISTACK"}
    defaults = {"sam": ".venv-sam", "ministack": ".venv-ministack"}
    tools = {k: ROOT / Path(os.environ.get(v) or defaults[k]) for k, v in variables.items()}
    made = Stack(tmp_path_factory.mktemp("stack"), tools)
    request.config.stash[_STACK] = made
    say = request.config.pluginmanager.get_plugin("terminalreporter").write_line
    try:
        made.ready()
        say("\nsam build")
        made.build()
        say("sam deploy")
        made.deploy()
        say("judging")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def story(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Story]:
    """All scenarios that this run judges, going on; and the registry they share."""
    stack.upload("registry.yaml", REGISTRY)
    tests = [getattr(item, "function", None) for item in request.session.items]
    made = Story(stack, [t.scenario for t in tests if hasattr(t, "scenario")])
    yield made
    stack.over.set()
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    stack = item.config.stash.get(_STACK, None)
    if report.failed and stack is not None:
        report.sections.append(("what ministack and the functions said last", stack.tail()))
    return report
