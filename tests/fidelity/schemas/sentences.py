"""What AWS's reference says in words of defaults and limits: the sentences, as in the models.

Requests, replies and resource-provider schemas often say the same with other spelling: it is kept
once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*¶(])|\s*¶\s*|\s+\+\s+|(?<=\w)\s*\n")
UNSAID = re.compile(
    r"\bdefaults? (?:\w+ )*(?:to|is|are|value|of)\b|\bby default\b|\bis the default\b"
    r"|\bdefault(?: value)?\s*:|\(default\)|\bthe default\b"
    r"|\b(?:omit\w*|unspecified|not specified|not provided)\b"
    r"|\b(?:don't|do not|doesn't|isn't|aren't|no) (?:\w+ ){0,6}(?:specif|provid|includ|set)",
    re.I,
)
LIMIT = re.compile(
    r"\b(?:valid|possible|allowed|supported) (?:values?|range)\b"
    r"|\bmust be (?:a |an )?(?:value|integer|number|set|between|from)\b"
    r"|\bmust contain\b|\bbetween `*\d|\bfrom `*\d[\d,]*`* (?:to|through)\b"
    r"|\b(?:maximum|minimum|max|at least|at most|up to|no more than)\b[^.]*\d|\bconstraints?:"
    r"|`\s*\|\s*`|\brange\b[^.]*\d|^\W*\d[\d,]* *[-–] *\d",
    re.I,
)


def sentences(text: str) -> list[str]:
    """The sentences and items of a description; `Default: ¶ x` is one."""
    text = re.sub(r":\s*(?:¶\s*)+", ": ", text)
    text = text.replace("``", "`")
    return [s.strip(" *+-") for s in END.split(text) if s and s.strip(" *+-")]


def of_defaults(texts: list[str]) -> list[str]:
    """Those that say what happens when nothing is said."""
    return list(_once(texts, lambda s: UNSAID.search(s) is not None))


def of_limits(texts: list[str]) -> list[str]:
    """Those that say what a value may be."""
    return list(_once(texts, lambda s: LIMIT.search(s) is not None))


def _once(texts: list[str], wanted: Callable[[str], bool]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        for sentence in sentences(text):
            plain = re.sub(r"\W+", "", sentence).lower()
            if plain not in seen and wanted(sentence):
                seen.add(plain)
                yield sentence
