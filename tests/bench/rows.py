"""The table's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. target: in words; met: None where there is none."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None


def table(rows: Iterable[Row]) -> str:
    """Rows as aligned text."""
    verdict = {True: "met", False: "NOT MET", None: ""}
    lines: list[Sequence[str]] = [("what", "figure", "target", "")]
    lines += [(r.what, r.figure, r.target, verdict[r.met]) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    lines.insert(1, ["-" * w for w in (*widths, 7)])
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[3]]).rstrip()
        for line in lines
    )
