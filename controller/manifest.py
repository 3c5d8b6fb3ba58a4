"""Desired state: what a file declares, checked as far as it can be without asking AWS.

`load` reads a file and gives an `Environment`, or raises `DesiredStateError` with all that is wrong
with it. What a reference stands for is known only in a pass, so specs are checked again then, by
`check_resolved`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from controller.complaints import complaints
from controller.envelope import Limits, Mode, Prune, allowed
from controller.fields import Field, fields_of
from controller.handler import Handler
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.kinds import handler_for
from controller.policies import Doc, Unordered
from controller.references import BadReference, parse
from controller.windows import Freeze, Window

Path = tuple[str | int, ...]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What could break a line, or play tricks with a terminal: names come from the file."""

__all__ = [
    "Checked", "DesiredStateError", "Environment", "Ignore", "Lifecycle", "Limits", "Problem",
    "Resource", "allowed", "check_resolved", "load", "rendered",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect. field: `Kind/name: spec.field`, or empty if the file as a whole is meant."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        text = f"{self.file}:{self.line}: {where}{self.message}"
        return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class DesiredStateError(Exception):
    """The file can't be used. `problems`: everything that is wrong with it, by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.line, p.field))
        super().__init__("\n".join(map(str, self.problems)))


class Ignore(NamedTuple):
    """A field that is left alone: its rendered path, why, and the last day of it."""

    path: str
    reason: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How one resource is treated. mode, prune: None follows the environment. says_retain: the
    manifest itself says `prune: retain`, not only its kind. depends_on: keys of the resources that
    hold it back. interval_s: seconds between two changes; 0: whenever it is due.
    """

    mode: Mode | None = None
    prune: Prune | None = None
    says_retain: bool = False
    adopt: bool = False
    ignore: tuple[Ignore, ...] = ()
    depends_on: tuple[str, ...] = ()
    interval_s: int = 0


@dataclass(frozen=True, slots=True)
class Resource:
    """One manifest, checked.

    key: `Kind/name`. physical: its name in AWS. spec: with our defaults and all tags; references
    to what only AWS knows are still in it. written: rendered paths that stand in the file, the
    rest of `spec` being our defaults. raw: the spec as written. lines: rendered path → line.
    depends_on: keys of the resources it refers to or waits for. memo: what `check_resolved` said
    last.
    """

    kind: str
    name: str
    key: str
    physical: str
    spec: Doc
    written: frozenset[str]
    raw: Doc
    lifecycle: Lifecycle
    line: int
    lines: dict[str, int]
    depends_on: tuple[str, ...] = ()
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def handler(self) -> Handler:
        """What knows this kind."""
        return handler_for(self.kind)

    @property
    def declared(self) -> bool:
        """A manifest declares it: it is not one that `removed` made."""
        return self.line > 0

    @property
    def tags(self) -> dict[str, str]:
        """Tags it must carry, ownership included; empty for kinds without tags."""
        tags = self.spec.get("tags")
        return dict(tags) if isinstance(tags, dict) else {}

    @classmethod
    def removed(cls, environment: Environment, key: str, physical: str, prune: Prune) -> Resource:
        """A resource that no manifest declares any more: its tags are all that is known of it."""
        kind, _, name = key.partition("/")
        marks = {ENVIRONMENT_TAG: environment.name, RESOURCE_TAG: key}
        spec: Doc = {"tags": marks} if handler_for(kind).held_by == "tags" else {}
        life = Lifecycle(prune=prune)
        return cls(kind, name, key, physical, spec, frozenset(), {}, life, 0, {})

    def line_of(self, path: str) -> int:
        """The line of a rendered path, or of the nearest thing around it that is written."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, self.line)


@dataclass(frozen=True, slots=True)
class Environment:
    """One desired-state file. resources: in an order in which each follows what it refers to.

    revision: of the file's text. interval_s: seconds between two passes.
    """

    name: str
    mode: Mode
    interval_s: int
    limits: Limits
    tags: dict[str, str]
    resources: dict[str, Resource]
    revision: str
    file: str
    line: int = 1
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    prune: Prune = "retain"

    def limit(self, name: str) -> int:
        """`max_changes`, … as a number of resources."""
        return allowed(getattr(self.limits, name), len(self.resources))


@lru_cache(maxsize=128)
def load(text: bytes, file: str) -> Environment:
    """The environment that a file declares. Raises `DesiredStateError` with all its problems.

    A process that stays warm reads each revision once: nobody may change what he gets.
    """
    from controller.loading import Loading

    return Loading(text, file).environment()


@dataclass(frozen=True, slots=True)
class Checked:
    """A resolved spec: normalized if `problems` is empty, else as it was `given`."""

    doc: Doc
    problems: list[str] = field(default_factory=list)
    given: Doc = field(default_factory=dict)


def check_resolved(resource: Resource, doc: Doc) -> Checked:
    """Check a spec again after `references.resolve`, with the kind's model.

    What came out of a reference is brought to the type of its field: Parameter Store knows only
    text, and an environment variable wants the text of a port. References that are left wait.
    What was checked just so is not checked again: in a steady pass, nothing.
    """
    if doc == resource.spec:
        return Checked(doc)  # it was checked when the file was read
    known: Checked | None = resource.memo.get("checked")
    if known is None or known.given != doc:
        known = resource.memo["checked"] = replace(_check(resource, doc), given=doc)
    return known


def _check(resource: Resource, doc: Doc) -> Checked:
    handler = resource.handler
    root = fields_of(handler.spec)
    try:
        model = handler.spec.model_validate(doc)
    except ValidationError as error:
        found = complaints(error, doc, root)
        cast = doc
        for path, _, kind in found:
            cast = _cast(cast, resource.spec, path, kind)
        if cast is not doc:
            return _check(resource, cast)
        return Checked(doc, [f"spec.{rendered(root, c.path, doc)}: {c.message}" for c in found])
    return Checked(dump(model))


def dump(model: BaseModel) -> Doc:
    """A model as a document: our names, JSON values, only what is declared or defaulted."""
    doc: Doc = model.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    return doc


def rendered(root: Field, path: Path, doc: Any) -> str:
    """A path of a document as `Change.path` shows it: `containers[gateway].environment[MODE]`."""
    node: Field | None = root
    out = ""
    value = doc
    for part in path:
        inner = _at(value, part)
        if node is not None and node.shape == "object":
            out += f".{part}" if out else str(part)
            node = node.members.get(str(part))
        elif node is not None and node.shape == "list" and isinstance(part, int):
            keyed = node.policy(Unordered)
            names = [str(inner[k]) for k in keyed.key if k in inner] if (
                keyed and isinstance(inner, dict)) else []  # fmt: skip
            out += f"[{'/'.join(names) or part}]"
            node = node.item
        elif isinstance(part, str) and (node is None or node.shape == "scalar"):
            out += f".{part}" if out else part
            node = None
        else:
            out += f"[{part}]"
            node = node.item if node else None
        value = inner
    return out


def _at(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
        return value[part]
    return None


def _cast(doc: Doc, unresolved: Doc, path: Path, kind: str) -> Doc:
    """`doc` with the value at `path` in the type its field wants, if a reference gave it."""
    written: Any = unresolved
    value: Any = doc
    for part in path:
        written, value = _at(written, part), _at(value, part)
    if not isinstance(written, str) or not _has_reference(written):
        return doc
    wanted: Any = value
    if kind == "string_type" and isinstance(value, bool):
        wanted = "true" if value else "false"
    elif kind == "string_type" and isinstance(value, (int, float)):
        wanted = str(value)
    elif kind == "literal_error" and isinstance(value, str) and value.lstrip("-").isdigit():
        wanted = int(value)
    return doc if wanted is value else _replaced(doc, path, wanted)


def _replaced(doc: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    head, *rest = path
    if isinstance(doc, dict):
        return {k: _replaced(v, tuple(rest), value) if k == head else v for k, v in doc.items()}
    return [_replaced(v, tuple(rest), value) if i == head else v for i, v in enumerate(doc)]


def _has_reference(text: str) -> bool:
    try:
        return bool(parse(text))
    except BadReference:
        return False
