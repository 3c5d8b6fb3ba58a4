"""A YAML writer that knows in which line it put what: the loader is judged by it."""

from __future__ import annotations

import json
from typing import Any

Path = tuple[str | int, ...]


def emit(value: Any, first_line: int = 1) -> tuple[str, dict[Path, int]]:
    """A JSON-like value as block-style YAML, and the line of every path."""
    rows: list[str] = []
    lines: dict[Path, int] = {}

    def here() -> int:
        return first_line + len(rows)

    def put(value: Any, path: Path, indent: int, lead: str) -> None:
        lines.setdefault(path, here())
        pad = " " * indent
        if isinstance(value, dict) and value:
            if lead:
                rows.append(lead)
            for key, inner in value.items():
                lines[(*path, key)] = here()
                put(inner, (*path, key), indent + 2, f"{pad}{json.dumps(key, ensure_ascii=False)}:")
        elif isinstance(value, list) and value:
            if lead:
                rows.append(lead)
            for index, inner in enumerate(value):
                at = (*path, index)
                if isinstance(inner, (dict, list)) and inner:
                    lines[at] = here() + 1  # the value begins in the line after its dash
                    rows.append(f"{pad}-")
                    put(inner, at, indent + 2, "")
                else:
                    lines[at] = here()
                    rows.append(f"{pad}- {json.dumps(inner, ensure_ascii=False)}")
        else:
            text = json.dumps(value, ensure_ascii=False)
            rows.append(f"{lead} {text}" if lead else f"{pad}{text}")

    put(value, (), 0, "")
    return "\n".join(rows) + "\n", lines
