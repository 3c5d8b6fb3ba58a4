"""Whose revision a file is, as git tells: the commit that changed it last, and its author."""

from __future__ import annotations

import subprocess
from pathlib import Path


def of(path: Path) -> tuple[str, str]:
    """Commit and author; empty outside of a work tree, or where there is no git.

    A file that is not as committed has `-dirty` after the newest commit, and the author that git
    would write now.
    """
    changed = _git(path, "status", "--porcelain", "--", path.name)
    if changed is None:
        return "", ""
    if changed:
        name = _git(path, "config", "user.name") or ""
        return f"{_git(path, 'rev-parse', 'HEAD') or 'no-commit'}-dirty", name
    told = _git(path, "log", "-1", "--format=%H%n%an <%ae>", "--", path.name) or ""
    commit, _, author = told.partition("\n")
    return commit, author


def _git(path: Path, *args: str) -> str | None:
    """What git says; None if it refuses, or is not there."""
    command = ["git", "-C", str(path.resolve().parent), *args]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
