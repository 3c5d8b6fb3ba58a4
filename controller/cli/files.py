"""Reading desired-state files for a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from controller.manifest import DesiredStateError, Problem, load

if TYPE_CHECKING:
    from controller.manifest import Environment


def load_file(path: Path) -> Environment:
    """The environment in a file. Raises `DesiredStateError`, also where it can't be read."""
    try:
        text = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise DesiredStateError([Problem(str(path), 1, "", f"can't be read: {reason}")]) from None
    return load(text, str(path))
