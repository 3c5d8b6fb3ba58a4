"""Reads the list of survivors, `survivors.md`: each with the reason why no test need kill it."""

from __future__ import annotations

import re
from pathlib import Path

LIST = Path(__file__).with_name("survivors.md")
_ENTRY = re.compile(r"- `(.+?)`: (\S.*)")
Name = tuple[str, str, str, str]
"""File, function, text of the line, what was changed there."""


def read(text: str) -> dict[Name, str]:
    """The reasons, by name. Raises `ValueError` for what is written in no such form."""
    found: dict[Name, str] = {}
    file = where = line = ""
    begun = False
    for number, row in enumerate(text.splitlines(), 1):
        if row.startswith("## "):
            begun, file, where, line = True, row[3:], "", ""
        elif row.startswith("### "):
            where, line = row[4:], ""
        elif row.startswith("    ") and begun:
            line = row.strip()
        elif row.startswith("- ") and begun:
            entry = _ENTRY.fullmatch(row)
            if not entry or not (file and where and line):
                raise ValueError(f"{LIST.name}:{number}: expected '- `change`: why', found {row!r}")
            if (name := (file, where, line, entry[1])) in found:
                raise ValueError(f"{LIST.name}:{number}: listed twice: {row!r}")
            found[name] = entry[2]
        elif row.strip() and begun:
            raise ValueError(f"{LIST.name}:{number}: unexpected {row!r}")
    return found


def listed() -> dict[Name, str]:
    """What the list says."""
    return read(LIST.read_text(encoding="utf-8"))
