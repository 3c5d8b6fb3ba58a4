"""`${…}`: what a text refers to, how it is filled in, and the order it puts resources in.

Three forms: `${Kind.name.output}` (an output of another resource), `${ssm:/path}` (a parameter of
Parameter Store), `${Environment.name|region|account}`. Actions also hold `${self.output}`; a file
may not. `$${` stands for a literal `${`.

Documents keep the escaped form everywhere inside Plumbline, so that a literal `${HOME}` is never
taken for a reference: what AWS shows passes through `escape` when it enters, `unescape` is the last
step before a call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

Path = tuple[str | int, ...]


class _Unresolved:
    """The type of `UNRESOLVED`."""

    def __repr__(self) -> str:
        return "UNRESOLVED"


UNRESOLVED = _Unresolved()
"""What a lookup answers when the value is not known yet: the text stays as it is."""

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")
_RESOURCE = re.compile(r"([A-Z][A-Za-z0-9]*)\.([a-z0-9-]+)\.([A-Za-z0-9_@:.\[\]/-]+)")
_PARAMETER = re.compile(r"ssm:(/?[\w.-]+(?:/[\w.-]+)*)", re.ASCII)
_SELF = re.compile(r"self\.([A-Za-z0-9_.\[\]-]+)")

ENVIRONMENT_OUTPUTS = ("name", "region", "account")


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${…}`.

    text: as written, with its braces. kind: what it refers to. resource: `Kind/name` of a
    resource. output: the path after it (`endpoint.address`), also of `self` and `environment`.
    parameter: the name in Parameter Store. whole: it is all of its value, which then keeps its
    type.
    """

    text: str
    kind: Literal["resource", "ssm", "environment", "self"]
    resource: str = ""
    output: str = ""
    parameter: str = ""
    whole: bool = False


class BadReference(ValueError):
    """A `${…}` that means nothing; the text says what may stand there."""


def parse(text: str) -> list[Reference]:
    """The references in a text, in order. Raises `BadReference`."""
    if "${" not in text:
        return []
    found = []
    for token in _TOKEN.finditer(text):
        if token[1] is None:
            continue
        if not token[2]:
            raise BadReference(
                f"found {_short(token[0], 30)} without its closing }} ($${{ is a literal ${{)"
            )
        found.append(_reference(token[0], token[1], whole=token[0] == text))
    return found


def _reference(text: str, inner: str, *, whole: bool) -> Reference:
    if match := _RESOURCE.fullmatch(inner):
        return Reference(text, "resource", f"{match[1]}/{match[2]}", match[3], whole=whole)
    if match := _PARAMETER.fullmatch(inner):
        return Reference(text, "ssm", parameter=match[1], whole=whole)
    if inner.startswith("Environment."):
        output = inner.removeprefix("Environment.")
        if output in ENVIRONMENT_OUTPUTS:
            return Reference(text, "environment", output=output, whole=whole)
        allowed = ", ".join(f"${{Environment.{name}}}" for name in ENVIRONMENT_OUTPUTS)
        raise BadReference(f"found {_short(text)}, allowed: {allowed}")
    if match := _SELF.fullmatch(inner):
        return Reference(text, "self", output=match[1], whole=whole)
    raise BadReference(
        f"found {_short(text)}, allowed: ${{Kind.name.output}}, ${{ssm:/path}} or "
        "${Environment.name} ($${ is a literal ${)"
    )


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def texts(doc: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in a document with `${` in it, and where it stands."""
    if isinstance(doc, str):
        if "${" in doc:
            yield path, doc
    elif isinstance(doc, Mapping):
        for key, value in doc.items():
            yield from texts(value, (*path, key))
    elif isinstance(doc, (list, tuple)):
        for index, value in enumerate(doc):
            yield from texts(value, (*path, index))


def find(doc: Any) -> list[tuple[Path, Reference]]:
    """Every reference in a document and where it stands. Raises `BadReference`."""
    return [(path, ref) for path, text in texts(doc) for ref in parse(text)]


def resolve(doc: Any, lookup: Callable[[Reference], Any]) -> Any:
    """The document with its references filled in, a new one where anything changed.

    lookup: the value of a reference, or `UNRESOLVED`, which leaves the text as it is. A whole
    reference becomes the value, whatever its type; inside a text it becomes text, so a list there
    raises `BadReference`. Filled-in texts are escaped: nothing is resolved twice.
    """
    if isinstance(doc, str):
        return _fill(doc, lookup) if "${" in doc else doc
    if isinstance(doc, Mapping):
        return {key: resolve(value, lookup) for key, value in doc.items()}
    if isinstance(doc, (list, tuple)):
        return [resolve(value, lookup) for value in doc]
    return doc


def _fill(text: str, lookup: Callable[[Reference], Any]) -> Any:
    refs = parse(text)
    if len(refs) == 1 and refs[0].whole:
        value = lookup(refs[0])
        return text if value is UNRESOLVED else escape(value)
    waiting = iter(refs)

    def replacement(token: re.Match[str]) -> str:
        if token[1] is None:
            return token[0]
        ref = next(waiting)
        value = lookup(ref)
        if value is UNRESOLVED:
            return token[0]
        if isinstance(value, (list, tuple, Mapping)):
            raise BadReference(f"{ref.text} is a list: it can't stand inside a text")
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(escape(str(value)))

    return _TOKEN.sub(replacement, text)


def escape(doc: Any) -> Any:
    """A document from outside (what AWS shows) in our form: a literal `${` becomes `$${`."""
    return _each(doc, lambda text: text.replace("${", "$${"))


def unescape(doc: Any) -> Any:
    """The last step before a call: `$${` becomes a literal `${`."""
    return _each(doc, lambda text: text.replace("$${", "${"))


def _each(doc: Any, change: Callable[[str], str]) -> Any:
    if isinstance(doc, str):
        return change(doc) if "${" in doc else doc
    if isinstance(doc, Mapping):
        return {key: _each(value, change) for key, value in doc.items()}
    if isinstance(doc, (list, tuple)):
        return [_each(value, change) for value in doc]
    return doc


class Cycle(ValueError):
    """Resources that need each other. `keys`: in the order of need, the first one not repeated."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(" → ".join([*keys, keys[0]]))
        self.keys = keys


def order(needs: Mapping[str, Mapping[str, Any] | tuple[str, ...] | list[str]]) -> list[str]:
    """Resource keys, each after all it needs; among equals, as in the file. Raises `Cycle`."""
    position = {key: index for index, key in enumerate(needs)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for key, others in needs.items():
        sorter.add(key, *(other for other in others if other in needs))
    try:
        sorter.prepare()
    except CycleError as error:
        loop = list(error.args[1])[:-1]
        loop.reverse()  # graphlib gives it from needed to needing
        start = loop.index(min(loop, key=position.__getitem__))
        raise Cycle(loop[start:] + loop[:start]) from None
    done: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        done.extend(ready)
        sorter.done(*ready)
    return done
