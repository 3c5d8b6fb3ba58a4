"""Draw docs/images/demo.svg from what the demo prints: `.venv/bin/python docs/picture.py`.

It runs the demo, keeps acts 3 and 4 and the last lines, and cuts lines that are too long. Run it
by hand when the demo's words change: its times and counts differ from run to run.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
WIDTH = 104
KEPT = (
    ("3. Behind its back", "refused: "),
    ("healed after", "healed after"),
    ("passes, ", "All of it held."),
)
"""From a line that holds the first text to the next one that holds the second."""

FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg"
  role="img" aria-label="Output of make demo">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own frame without the fonts that it loads from elsewhere."""


def kept(lines: list[Text]) -> Iterator[Text]:
    """The lines that the picture shows."""
    wanted = iter(KEPT)
    start, end = next(wanted)
    inside = False
    for line in lines:
        inside = inside or start in line.plain
        if not inside:
            continue
        line.truncate(WIDTH, overflow="ellipsis")
        yield line
        if end in line.plain:
            inside = False
            start, end = next(wanted, ("\0", "\0"))
            yield Text()


def main() -> int:
    """Run the demo and draw it; its exit code."""
    env = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "200"}
    demo = subprocess.run(
        [sys.executable, "-m", "sandbox", "demo"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    if demo.returncode:
        print(demo.stdout + demo.stderr, file=sys.stderr)
        return demo.returncode
    console = Console(record=True, width=WIDTH, file=io.StringIO(), soft_wrap=True)
    console.print(Text("$ make demo", style="bold"))
    console.print(Text("…", style="dim"))
    for line in kept([Text.from_ansi(each) for each in demo.stdout.splitlines()]):
        console.print(line)
    picture = console.export_svg(title="make demo", code_format=FRAME, unique_id="demo")
    tidy = "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"
    (ROOT / "docs/images/demo.svg").write_text(tidy, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
