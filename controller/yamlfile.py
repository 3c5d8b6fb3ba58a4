"""YAML text → documents, with a line for every path, and no surprises.

YAML 1.2's core in spirit: `true` and `false` are the only booleans; `on`, `no`, `0755`, `12:30:00`,
`1_000` and dates are text. What only ever bites is refused with one clear sentence: duplicate keys,
tabs, tags, merge keys, nulls, keys that are no text, `.nan`, alias bombs. The document is put
together from the parser's events, not by recursion in C, so nesting is bounded here too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: the same, slower
    from yaml import SafeLoader as Loader  # type: ignore[assignment]  # no common base

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 100_000

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: plain JSON values, and the line (from 1) where each path begins."""

    value: Any
    line: int
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with the text itself: where, and what. `document`: which one, from 0."""

    line: int
    message: str
    path: Path = ()
    document: int = 0


class YamlError(Exception):
    """The text is no YAML that we accept."""

    def __init__(self, flaws: list[Flaw], documents: list[Document] | None = None) -> None:
        super().__init__("; ".join(f"line {f.line}: {f.message}" for f in flaws))
        self.flaws = flaws
        self.documents = documents or []


def read(text: bytes) -> list[Document]:
    """The documents of a file; ones with nothing in them are left out.

    Raises `YamlError` with every flaw found; those of syntax end the search.
    """
    if len(text) > MAX_BYTES:
        raise _fatal(1, f"{len(text):,} bytes: a desired-state file has at most {MAX_BYTES:,}")
    source = _decode(text)
    if bad := _UNPRINTABLE.search(source):
        line = source.count("\n", 0, bad.start()) + 1
        raise _fatal(line, f"the control character U+{ord(bad[0]):04X}: remove it")
    loader = Loader(source)
    try:
        return _Reader(loader, source).documents()
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, source) from None
    except yaml.YAMLError as error:
        raise _fatal(1, f"not valid YAML: {error}") from None
    finally:
        loader.dispose()


def _fatal(line: int, message: str) -> YamlError:
    return YamlError([Flaw(line, message)])


def _decode(text: bytes) -> str:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _fatal(1, "not UTF-8 (it looks like UTF-16): save the file as UTF-8")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _fatal(line, f"not UTF-8: byte 0x{text[error.start]:02x}") from None


def _syntax(error: yaml.MarkedYAMLError, source: str) -> YamlError:
    """A parser's complaint, told as what to do about it."""
    mark = error.problem_mark or error.context_mark
    number = mark.line + 1 if mark else 1
    rows = source.splitlines()
    row = rows[number - 1] if number <= len(rows) else ""
    problem = error.problem or "not understood"
    if "\t" in row and ("cannot start any token" in problem or row.lstrip(" ").startswith("\t")):
        return _fatal(number, "a tab: YAML is indented with spaces only")
    for known, says in _SYNTAX.items():
        if known in problem:
            problem = says
            break
    where = ""
    if error.context and error.context_mark and error.context_mark.line + 1 != number:
        where = f" ({error.context}, begun in line {error.context_mark.line + 1})"
    return _fatal(number, f"not valid YAML: {problem}{where}")


_SYNTAX = {
    "mapping values are not allowed": "a second `:` in one line, or a wrong indentation; "
    "put a text with `: ` in it in quotes",
    "did not find expected key": "wrong indentation, or a bracket or quote that is not closed",
    "could not find expected ':'": "a key without `:`, or a text of several lines without quotes",
    "cannot start any token": "a text that begins with @, `, % or | belongs in quotes",
    "did not find expected '-' indicator": "wrong indentation in a list",
    "found undefined alias": "an alias (*name) without its anchor (&name) before it",
}


class _Reader:
    """Puts documents together from the parser's events, within bounds."""

    def __init__(self, loader: Any, source: str) -> None:
        self.loader = loader
        self.source = source
        self.flaws: list[Flaw] = []
        self.nodes = 0
        self.anchors: dict[str, tuple[Any, dict[Path, int], int]] = {}
        self.open: set[str] = set()
        self.lines: dict[Path, int] = {}
        self.trail: list[Path] = []
        self.count = 0

    def documents(self) -> list[Document]:
        found: list[Document] = []
        while True:
            event = self.loader.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                break
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            self.lines, self.trail, self.anchors, self.open = {}, [], {}, set()
            first = self.loader.get_event()
            flaws = len(self.flaws)
            value = self.node(first, (), 0)
            if value is None and len(self.flaws) == flaws + 1 and _is_nothing(first):
                self.flaws.pop()
                continue
            found.append(Document(value, _line(first), self.lines))
            self.count += 1
        if self.flaws:
            raise YamlError(self.flaws, found)
        if not found:
            raise _fatal(1, "empty: a desired-state file begins with an Environment")
        return found

    def flaw(self, event: Any, path: Path, message: str) -> None:
        self.flaws.append(Flaw(_line(event), message, path, self.count))

    def node(self, event: Any, path: Path, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _fatal(_line(event), f"more than {MAX_NODES:,} values once aliases are expanded")
        if depth > MAX_DEPTH:
            raise _fatal(_line(event), f"nested deeper than {MAX_DEPTH} levels")
        begin = len(self.trail)
        self.mark(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path)
        if event.tag not in (None, "!"):
            self.flaw(event, path, f"the tag {_tag(event.tag)}: tags are not part of the language")
        if event.anchor:
            self.open.add(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(path, depth)
        else:
            value = self.mapping(path, depth)
        if event.anchor:
            self.open.discard(event.anchor)
            inside = {p[len(path) :]: self.lines[p] for p in self.trail[begin:]}
            self.anchors[event.anchor] = (value, inside, len(inside))
        return value

    def alias(self, event: Any, path: Path) -> Any:
        if event.anchor in self.open:
            raise _fatal(_line(event), f"the alias *{event.anchor} stands inside its own anchor")
        if event.anchor not in self.anchors:
            raise _fatal(_line(event), f"the alias *{event.anchor} has no anchor before it")
        value, inside, size = self.anchors[event.anchor]
        self.nodes += size
        if self.nodes > MAX_NODES:
            raise _fatal(_line(event), f"more than {MAX_NODES:,} values once aliases are expanded")
        for below, line in inside.items():
            self.mark(path + below, line)
        return value

    def mark(self, path: Path, line: int) -> None:
        """Note where a path begins; of a key and its value, the key's line counts."""
        self.lines.setdefault(path, line)
        self.trail.append(path)

    def sequence(self, path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self.loader.get_event(), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items)), depth + 1))
        return items

    def mapping(self, path: Path, depth: int) -> dict[str, Any]:
        held: dict[str, Any] = {}
        while not isinstance(event := self.loader.get_event(), yaml.MappingEndEvent):
            key = self.key(event, path, depth)
            here = (*path, key)
            if key in held:
                first = self.lines[here]
                self.flaw(event, here, f"the key {key} is there twice (first in line {first})")
                self.node(self.loader.get_event(), (*path, -1), depth + 1)
                continue
            self.lines[here] = _line(event)
            held[key] = self.node(self.loader.get_event(), here, depth + 1)
        return held

    def key(self, event: Any, path: Path, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.flaw(event, path, "a key that is no text: keys are plain words")
            self.node(event, (*path, -1), depth + 1)
            return f"?{_line(event)}"
        text = str(event.value)
        if not event.implicit[0] or event.tag is not None:
            return text
        if text == "<<":
            self.flaw(event, (*path, text), "a merge key (<<): write the members out")
        elif text in _NULLS or not isinstance(_plain(text), str):
            shown = text or "(nothing)"
            self.flaw(event, (*path, text), f"the key {shown} is no text: put it in quotes")
        return text

    def scalar(self, event: Any, path: Path) -> Any:
        text = str(event.value)
        if not event.implicit[0] or event.style:
            return text
        if text in _NULLS:
            self.flaw(event, path, "found no value (null), allowed: a value; or leave the key out")
            return None
        if _NOT_FINITE.fullmatch(text):
            self.flaw(event, path, f"found {text}, which is no number that AWS knows")
            return 0
        value = _plain(text)
        if isinstance(value, float) and not math.isfinite(value):
            self.flaw(event, path, f"found {text[:40]}, a number too large")
            return 0
        return value


def is_text(text: str) -> bool:
    """True if it is read as this text even without quotes."""
    odd = text in _NULLS or _NOT_FINITE.fullmatch(text)
    return not odd and isinstance(_plain(text), str)


def _plain(text: str) -> Any:
    """A scalar without quotes."""
    if text in ("true", "false"):
        return text == "true"
    if not text or text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _is_nothing(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "" and not event.style
