"""What may be shown of a value that AWS reports: not what its name or its form says is a secret.

A person may have put one where none belongs (an environment variable typed in the console). That it
differs is told; what it is goes into no status, event, log or terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controller.diff import Change, Entry
from controller.leaks import form_of, harmless, in_command, named_like_one

HIDDEN = "(hidden)"


def shown(names: Sequence[str], value: Any) -> Any:
    """The value as it may be shown, at any depth. names: of the fields and keys around it."""
    if isinstance(value, dict):
        return {key: shown((*names, str(key)), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        words = [inner for inner in value if isinstance(inner, str)]
        return HIDDEN if in_command(words) else [shown(names, inner) for inner in value]
    if form_of(value):
        return HIDDEN
    by_name = isinstance(value, str) and bool(names) and named_like_one(names[-1])
    return HIDDEN if by_name and not harmless(value) else value


def shown_change(change: Change) -> tuple[Any, Any, Any]:
    """`was`, `now` and `wanted` of a change, as they may be shown."""
    names = [part.key if isinstance(part, Entry) else str(part) for part in change.parts]
    return shown(names, change.was), shown(names, change.now), shown(names, change.wanted)
