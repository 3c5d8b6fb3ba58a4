"""One resource as a manifest: it fits the model, holds no secret, says no more than it must."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller import scrutiny
from controller.complaints import Complaint, field_at, validate
from controller.diff import Change, Views, diff
from controller.fields import Field, fields_of
from controller.handler import Handler
from controller.importing.finding import Live
from controller.importing.shortening import shorten
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.leaks import in_command, suspect
from controller.manifest import dump, rendered
from controller.policies import Doc, Situation, Unordered
from controller.references import escape

Path = tuple[str | int, ...]
OURS = (ENVIRONMENT_TAG, RESOURCE_TAG)
LEAK = "it looks like a secret in plain text; move it into a Secret"


@dataclass
class Draft:
    """A manifest to be. links: path in `spec` → the text with references to stand there instead.

    removed: rendered path → why it is not written. ignore: the same of what is left alone in AWS
    for it. notes: what a person should know, above it.
    """

    live: Live
    name: str
    spec: Doc
    outputs: Doc
    links: dict[Path, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    ignore: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def handler(self) -> Handler:
        """What knows its kind."""
        return self.live.handler

    @property
    def key(self) -> str:
        """`Kind/name`."""
        return f"{self.handler.kind}/{self.name}"

    @property
    def physical(self) -> str:
        """Its name in AWS."""
        return self.live.target.name

    def linked(self) -> Doc:
        """The spec with its links in place."""
        spec = copy.deepcopy(self.spec)
        for path, text in self.links.items():
            put(spec, path, text)
        return spec


class Unwritable(Exception):
    """The resource can't be written as a manifest; the text says why."""


def draft(live: Live, name: str) -> Draft:
    """The manifest of a resource. Raises `Unwritable`."""
    handler, doc = live.handler, live.present.doc
    root = fields_of(handler.spec)
    view = _View(live)
    notes = [f"{top}: {why}" for top, why in live.present.unknown.items()]
    whole = _as_it_will_be(live)
    whole, secret = _without_secrets(root, whole)
    whole, unfit = _fitting(handler, whole)
    found = Draft(live, name, whole, handler.output(doc), notes=notes)
    before = view.changes(whole)
    found.spec = shorten(
        root, whole, lambda spec: _valid(handler, spec) and view.changes(spec) == before,
        view.situation,
    )  # fmt: skip
    found.removed = {rendered(root, path, view.live): why for path, why in [*secret, *unfit]}
    found.notes += [f"{path} is not written: {why}" for path, why in found.removed.items()]
    return found


def to_ignore(changes: Sequence[Change]) -> list[str]:
    """Paths that would be changed although the file was made from what is there."""
    return [c.path for c in changes if c.cls in ("differs", "immutable", "failed")]


class _View:
    """What a spec would differ in from the resource, were it desired."""

    def __init__(self, live: Live) -> None:
        doc, target = live.present.doc, live.target
        self.handler = live.handler
        self.live: Doc = escape(live.handler.to_spec(doc))
        self.situation = Situation({}, self.live, doc, target.account, target.region)
        self._pending: Doc = escape(live.handler.pending(doc))
        self._failed: Doc = escape(live.handler.failed(doc))
        self._unknown = live.present.unknown
        self._target = target

    def changes(self, spec: Doc) -> set[tuple[str, str]]:
        """(path, class) of each difference."""
        model, wrong = validate(self.handler.spec, spec)
        if model is None:
            return {(str(c.path), "refused") for c in wrong}
        desired = dump(model)
        target = self._target
        views = Views(
            desired, self.live, desired, self._pending, self._failed, self._unknown,
            Situation(desired, self.live, self.situation.raw, target.account, target.region),
        )  # fmt: skip
        return {(c.path, c.cls) for c in diff(fields_of(self.handler.spec), views)}


def _valid(handler: Handler, spec: Doc) -> bool:
    return validate(handler.spec, spec)[0] is not None


def _as_it_will_be(live: Live) -> Doc:
    """What AWS shows, with what it has accepted and not yet put in force, in the model's order."""
    handler, doc = live.handler, live.present.doc
    spec: Doc = _merged(escape(handler.imported(doc)), escape(handler.pending(doc)))
    tags = {k: v for k, v in spec.get("tags", {}).items() if k not in OURS}
    known = [n for n in fields_of(handler.spec).members if n in spec]
    out = {n: spec[n] for n in known if n not in live.present.unknown and spec[n] is not None}
    if "tags" in out:
        out["tags"] = tags
    return {n: _tidy(fields_of(handler.spec).members[n], value) for n, value in out.items()}


def _tidy(node: Field, value: Any) -> Any:
    """What has no order in an order for people; `80.0` as 80, which is the same."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict) and node.shape == "object":
        inner = node.members
        return {k: _tidy(inner[k], v) if k in inner else v for k, v in value.items()}
    if isinstance(value, dict) and node.shape == "map" and node.item is not None:
        return {k: _tidy(node.item, v) for k, v in sorted(value.items(), key=_rank)}
    if isinstance(value, list) and node.item is not None:
        tidy = [_tidy(node.item, item) for item in value]
        return sorted(tidy, key=_place) if node.policy(Unordered) is not None else tidy
    return value


def _rank(entry: tuple[str, Any]) -> tuple[int, str]:
    """Entries stand by their priority, if they have one, and else by name."""
    key, value = entry
    first = value.get("priority") if isinstance(value, dict) else None
    return (first if isinstance(first, int) else 0, key)


def _place(item: Any) -> str:
    """Where an item of a list without order stands: by what it says, 80 before 443."""
    text = item if isinstance(item, str) else json.dumps(item, sort_keys=True, default=str)
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), text)


def _merged(live: Any, pending: Any) -> Any:
    if isinstance(live, Mapping) and isinstance(pending, Mapping):
        return {**live, **{k: _merged(live.get(k), v) for k, v in pending.items()}}
    return copy.deepcopy(pending)


def _without_secrets(root: Field, spec: Doc) -> tuple[Doc, list[tuple[Path, str]]]:
    """Taken out: values that look like secrets. They stay in AWS, and are left alone there."""
    found = []
    for path, message in list(scrutiny.secrets(spec, root)):
        if message.startswith("found a reference in a key"):
            continue
        where = _outside_lists(root, path)
        if remove(spec, where):
            found.append((where, LEAK))
    for where in list(_suspects(root, spec)):
        if remove(spec, where):
            found.append((where, LEAK))
    for where in list(_commands_with_secrets(spec)):
        remove(spec, where)
        found.append((where, LEAK))
    return spec, found


def _suspects(node: Field | None, value: Any, path: Path = ()) -> Iterator[Path]:
    """Texts under names of somebody's choice, and what a rule looks for in a secret's header."""
    if not isinstance(value, Mapping):
        return
    header = str(value.get("fieldToMatch", "")) if "searchString" in value else ""
    for key, inner in value.items():
        here = (*path, key)
        chosen = node is None or node.shape != "object"
        told = header if key == "searchString" and "singleHeader" in header else key
        if isinstance(inner, str) and (chosen or told is header) and suspect(told, inner):
            yield here
        elif path[:1] != ("tags",):
            yield from _suspects(field_at(node, (key,)) if node else None, inner, here)


def _commands_with_secrets(value: Any, path: Path = ()) -> Iterator[Path]:
    """Command lines, which are lists of texts, that seem to hold a secret."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _commands_with_secrets(inner, (*path, key))
    elif isinstance(value, list):
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) == len(value) and in_command(texts):
            yield path


def _outside_lists(root: Field, path: Path) -> Path:
    """The nearest thing around a path that can be left alone: not a position in a list."""
    for depth, part in enumerate(path):
        if isinstance(part, int):
            return path[:depth]
    return path


def _fitting(handler: Handler, spec: Doc) -> tuple[Doc, list[tuple[Path, str]]]:
    """Taken out: what the model refuses, so that one odd member does not keep the rest away.

    Raises `Unwritable` if it can't do without.
    """
    root = fields_of(handler.spec)
    gone: list[tuple[Path, str]] = []
    for _ in range(50):
        model, wrong = validate(handler.spec, spec)
        if model is not None:
            return spec, gone
        one = _without_one(handler, root, spec, wrong)
        if one is None:
            break
        gone.append(one)
    raise Unwritable("; ".join(_told(root, c, spec) for c in wrong))


def _without_one(
    handler: Handler, root: Field, spec: Doc, wrong: Sequence[Complaint]
) -> tuple[Path, str] | None:
    """Take out one thing that is complained of; None if nothing of that can go."""
    for complaint in wrong:
        path = _outside_lists(root, complaint.path)
        while path:
            before = copy.deepcopy(spec)
            if remove(spec, path):
                now = {c.path for c in validate(handler.spec, spec)[1]}
                if len(now) < len(wrong):
                    return path, complaint.message
                spec.clear()
                spec.update(before)
            path = path[:-1]
    for name in reversed(list(spec)):  # a rule over several fields: do without the last that helps
        shorter = {k: v for k, v in spec.items() if k != name}
        if len(validate(handler.spec, shorter)[1]) < len(wrong):
            del spec[name]
            return (name,), wrong[0].message
    return None


def _told(root: Field, complaint: Complaint, spec: Doc) -> str:
    where = rendered(root, complaint.path, spec)
    return f"{where}: {complaint.message}" if where else complaint.message


def put(doc: Any, path: Path, value: Any) -> None:
    """Set what stands at a path of a document."""
    for part in path[:-1]:
        doc = doc[part]
    doc[path[-1]] = value


def remove(doc: Any, path: Path) -> bool:
    """Take out what stands at a path; False if nothing does."""
    for part in path[:-1]:
        doc = doc.get(part) if isinstance(doc, dict) else None
    if not isinstance(doc, dict) or path[-1] not in doc:
        return False
    del doc[path[-1]]
    return True
