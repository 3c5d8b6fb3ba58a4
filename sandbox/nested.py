"""Parameters below the top level that a behaviour does not honour end the test, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.errors import NotSimulated


def honour(where: str, value: Mapping[str, Any], names: str) -> None:
    """End the test unless every member of `value` is one of `names` (separated by blanks)."""
    unknown = set(value) - set(names.split())
    if unknown:
        raise NotSimulated(f"{where} with {sorted(unknown)}")


def refuse_unless(where: str, value: Any, *honoured: Any) -> None:
    """End the test unless `value` is absent or one of the values that are simulated."""
    if value is not None and value not in honoured:
        raise NotSimulated(f"{where}: {value!r}")
