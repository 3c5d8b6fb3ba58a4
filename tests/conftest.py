"""What all tests share: simulated AWS (`world`, `aws_session`, `--sandbox-seed`), no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from controller import aws
from sandbox.world import World
from tests.plane import Plane, forget
from tests.rewind import fast_retries

pytest_plugins = ["sandbox.pytest_plugin"]


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither botocore between two tries nor our own rate budget sleeps: what they do is tested,
    how long they wait is counted elsewhere (`tests/unit/test_rates.py`, `tests/bench`)."""
    fast_retries(monkeypatch)
    monkeypatch.setattr(aws, "time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture
def plane(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Plane]:
    """A deployed control plane with an empty bucket."""
    forget()
    yield Plane(world, monkeypatch, capsys)
    forget()
