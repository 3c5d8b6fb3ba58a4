"""Planning helpers: changes sorted by the field they are in, and tags."""

from __future__ import annotations

from collections.abc import Sequence

from controller.diff import Change, Entry


def by_field(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """Changes by the top-level field they are in, in the order they came."""
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.top, []).append(change)
    return grouped


def paths(changes: Sequence[Change]) -> tuple[str, ...]:
    """What an action says it changes."""
    return tuple(change.path for change in changes)


def entry_key(change: Change, depth: int = 1) -> str:
    """The map key at `depth` of a change's path: `tags[team]` → `team`."""
    part = change.parts[depth]
    if not isinstance(part, Entry):
        raise TypeError(f"{change.path} has no entry at {depth}")
    return part.key


def tag_changes(changes: Sequence[Change]) -> tuple[dict[str, str], list[str]]:
    """Tags to set and tag keys to remove, from changes to `tags`."""
    put = {entry_key(c): c.wanted for c in changes if c.wanted is not None}
    gone = sorted(entry_key(c) for c in changes if c.wanted is None)
    return put, gone
