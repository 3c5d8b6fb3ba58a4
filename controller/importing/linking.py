"""Values that are another resource's output become references to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.importing.drafting import Draft, Path

_ALIASES = {"awslogsgroup": "loggroup"}
_ENDINGS = ("", "name", "identifier", "id", "arn")
_ID = re.compile(r"sg-[0-9a-f]{8,17}")
_LEFT_OUT = ("taskDefinitionArn", "versionId")
"""Outputs that change with each roll-out: what holds one means that one."""


def link(drafts: Sequence[Draft]) -> None:
    """Fill in `Draft.links`, without cycles."""
    whole, inside = _offers(drafts)
    times = Counter((d.handler.kind, d.physical) for d in drafts)
    names = {
        (d.handler.kind.lower(), d.physical): d
        for d in drafts
        if times[d.handler.kind, d.physical] == 1
    }
    needs: dict[str, set[str]] = {d.key: set() for d in drafts}
    for draft in drafts:
        for path, text in _texts(draft.spec):
            for written, other in _candidates(draft, path, text, whole, inside, names):
                if draft.key in _reach(needs, other):
                    continue
                draft.links[path] = written
                needs[draft.key].add(other)
                break


def _offers(drafts: Sequence[Draft]) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Output value → (reference, key), for values that say what they are wherever they stand."""
    found: dict[str, tuple[str, str]] = {}
    twice: set[str] = set()
    for draft in drafts:
        for path, value in _leaves(draft.outputs):
            if path == "name" or path in _LEFT_OUT or not _telling(value):
                continue
            if value in found:
                twice.add(value)
            found[value] = (f"${{{draft.handler.kind}.{draft.name}.{path}}}", draft.key)
    for value in twice:
        del found[value]
    return found, {value: reference for value, (reference, _) in found.items()}


def _candidates(
    draft: Draft, path: Path, text: str, whole: Mapping[str, tuple[str, str]],
    inside: Mapping[str, str], names: Mapping[tuple[str, str], Draft],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """(text with a reference in it, key referred to), the best first."""
    if text in whole:
        yield whole[text]
    for kind in _kinds_named(path):
        if other := names.get((kind, text)):
            yield f"${{{other.handler.kind}.{other.name}.name}}", other.key
    for value, reference in inside.items():
        if value in text and value != text:
            longer = r"[\w./-]" if value.startswith("arn:") else r"[\w.-]"
            bounded = rf"(?<![\w.:-]){re.escape(value)}(?!{longer})"
            written, count = re.subn(bounded, reference, text)
            if count:
                yield written, whole[value][1]


def _kinds_named(path: Path) -> Iterator[str]:
    """Kinds, in small letters, of which a field or entry of this name holds the name."""
    last = next((p for p in reversed(path) if isinstance(p, str)), "")
    word = re.sub(r"[^a-z]", "", last.lower())
    word = _ALIASES.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending):
            yield word.removesuffix(ending) if ending else word


def _telling(value: Any) -> bool:
    """True for an ARN, a host name or an id of EC2's: nothing else looks like it."""
    if not isinstance(value, str):
        return False
    return value.startswith("arn:") or value.count(".") >= 2 or bool(_ID.fullmatch(value))


def _reach(needs: Mapping[str, set[str]], key: str) -> set[str]:
    """A key and all that it needs, directly or not."""
    found, todo = {key}, [key]
    while todo:
        new = needs[todo.pop()] - found
        found |= new
        todo += new
    return found


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path, value


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if path or key != "tags":
                yield from _texts(inner, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))
