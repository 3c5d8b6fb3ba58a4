"""Looking into specs whose parts may still be references: what is not known yet is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.spec import holds_reference


def known(value: Any) -> Any:
    """The value, or None while it is a reference: specs are checked once more when resolved."""
    return None if holds_reference(value) else value


def mapping(value: Any) -> Mapping[str, Any]:
    """The map; nothing for an absent one or one that is a reference still."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """The known entries of a list; none of an absent one or one that is a reference still."""
    return [v for v in value if known(v) is not None] if isinstance(value, list) else []


def maps(value: Any) -> list[Mapping[str, Any]]:
    """The entries of a list of objects that are known."""
    return [v for v in items(value) if isinstance(v, Mapping)]
