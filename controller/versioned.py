"""Which version of a secret a text means that names it: `arn:…#<version>@<milliseconds>`.

Only inside Plumbline: what a file says is the ARN, what AWS gets is the ARN. The mark stands in
desired documents and in what was last applied, so that a new version is seen as a change. After
the version stands when AWS last changed anything about the secret: whatever started later has it.
"""

from __future__ import annotations

import re
from typing import Any

_MARK = re.compile(r"(.*)#([A-Za-z0-9-]{32,64})@(\d+)", re.DOTALL)
"""Neither ARNs nor names of secrets hold a `#`; a JSON key may, but a `:` follows it."""


def marked(text: str, version: str, since: int) -> str:
    """The text with the version that is current, and the epoch milliseconds of the last change."""
    return f"{text}#{version}@{since}"


def plain(value: Any) -> Any:
    """The value without the mark; any other value as it is."""
    found = _MARK.fullmatch(value) if isinstance(value, str) and "#" in value else None
    return found[1] if found else value


def version(value: Any) -> str:
    """The version in the mark; empty if there is none."""
    found = _MARK.fullmatch(value) if isinstance(value, str) and "#" in value else None
    return found[2] if found else ""


def since(value: str) -> int:
    """Epoch milliseconds in the mark; 0 if there is none."""
    found = _MARK.fullmatch(value)
    return int(found[3]) if found else 0
