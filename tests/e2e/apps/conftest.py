"""One converged environment for all tests, one gateway for all of a module; what it said last."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.e2e.apps.estate import Estate, tools
from tests.e2e.apps.task import HEALTHY, Task

_ESTATE = pytest.StashKey[Estate]()


@pytest.fixture(scope="session")
def estate(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Estate]:
    """Converged in the sandbox; database, cache and provider are there, no task yet."""
    seed = request.config.getoption("--sandbox-seed") or 0
    made = Estate(tmp_path_factory.mktemp("estate"), tools(), seed)
    request.config.stash[_ESTATE] = made
    yield made
    made.close()


@pytest.fixture(scope="module")
def gateway(estate: Estate) -> Iterator[Task]:
    """The gateway as it is registered, healthy."""
    made = estate.run()
    try:
        assert made.health() == HEALTHY, f"{made.why}\n{made.tail()}"
        yield made
    finally:
        made.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    estate = item.config.stash.get(_ESTATE, None)
    if report.failed and estate is not None:
        report.sections.append(("what the tasks said last", estate.tail()))
    return report
