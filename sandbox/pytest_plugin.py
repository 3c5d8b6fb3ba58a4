"""Fixtures for tests against the sandbox: `world`, `aws_session`.

The seed of each test's world is random, or `--sandbox-seed`; a failing test shows it.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator
from typing import Any

import boto3
import pytest

from sandbox.inprocess import session
from sandbox.world import World

_WORLD = pytest.StashKey[World]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--sandbox-seed`."""
    parser.addoption(
        "--sandbox-seed",
        type=int,
        default=None,
        help="seed of every simulated AWS (default: random, shown when a test fails)",
    )


@pytest.fixture
def sandbox_seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test's world."""
    given: int | None = request.config.getoption("--sandbox-seed")
    return random.SystemRandom().randrange(2**32) if given is None else given


@pytest.fixture
def world(request: pytest.FixtureRequest, sandbox_seed: int) -> Iterator[World]:
    """A simulated AWS of this test's own; what it lacks fails the test, whoever swallowed it."""
    made = new_world(sandbox_seed)
    request.node.stash[_WORLD] = made
    yield made
    if made.unsimulated:
        pytest.fail(f"the sandbox does not simulate: {', '.join(made.unsimulated)}", pytrace=False)


def new_world(seed: int, **options: Any) -> World:
    """A world in an account of its own, so that nothing moto keeps is shared between tests."""
    account = f"{random.SystemRandom().randrange(10**11, 10**12)}"
    return World(seed=seed, account=account, **options)


@pytest.fixture
def aws_session(world: World) -> boto3.Session:
    """A boto3 session whose requests go to `world`."""
    return session(world)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say how to repeat a failure."""
    report = yield
    made = item.stash.get(_WORLD, None)
    if made is not None and report.failed:
        how = f"repeat with --sandbox-seed={made.seed} (account {made.account})"
        report.sections.append(("sandbox", how))
    return report
