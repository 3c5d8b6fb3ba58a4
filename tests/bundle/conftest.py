"""These tests need a bundle, which takes packages from an index: `make bundle` names its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = os.environ.get("PLUMBLINE_BUNDLE", "")

collect_ignore_glob = [] if FOLDER else ["test_*.py"]


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The bundle's folder."""
    return Path(FOLDER).resolve()
