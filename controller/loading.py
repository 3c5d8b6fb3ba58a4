"""From the text of a desired-state file to an `Environment`: every check that needs no AWS.

Each check adds to one list of problems and goes on, so that one run tells all; but where one defect
would show in several places, only the first is told.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from controller import own_alarms, scrutiny
from controller.complaints import Path, field_at, show, unknown, validate
from controller.envelope import (
    EnvironmentDocument,
    LifecycleSpec,
    ResourceDocument,
    seconds,
)
from controller.fields import Field, fields_of
from controller.handler import Handler
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.kinds import KINDS, handler_for
from controller.leaks import hide
from controller.manifest import (
    DesiredStateError,
    Environment,
    Ignore,
    Lifecycle,
    Problem,
    Resource,
    dump,
    rendered,
)
from controller.policies import Doc
from controller.references import (
    UNRESOLVED,
    BadReference,
    Cycle,
    Reference,
    order,
    parse,
    resolve,
    texts,
)
from controller.spec import Taggable
from controller.yamlfile import Document, YamlError, read

MAX_TAGS = 40
_IDENTITY = ("apiVersion", "kind", "metadata")


@dataclass
class _Draft:
    """A resource on its way from document to `Resource`."""

    source: Document
    kind: str
    name: str
    handler: Handler
    raw: Doc
    envelope: ResourceDocument | None
    physical: str = ""
    spec: Doc | None = None
    needs: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.name}"


class Loading:
    """One file being loaded."""

    def __init__(self, text: bytes, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: dict[tuple[int, Path], Problem] = {}
        self.drafts: dict[str, _Draft] = {}
        self.name = ""
        self.mode = "enforce"
        self.tags: dict[str, str] = {}
        self.tag_lines: dict[str, int] = {}
        self.read_as_environment: Document | None = None
        self.known = scrutiny.Known(self.drafts.keys())

    def environment(self) -> Environment:
        """Everything, or `DesiredStateError`."""
        try:
            documents = read(self.text)
        except YamlError as error:
            raise DesiredStateError(self._flaws(error)) from None
        declared = self._environment(documents)
        for document in documents:
            if document is not self.read_as_environment:
                self._register(document)
        for document in self._own_alarms(declared):
            self._register(document)
        for draft in self.drafts.values():
            self._name(draft)
        self._same_physical()
        for draft in self.drafts.values():
            self._check(draft)
        sequence = self._order()
        if self.problems or declared is None:
            raise DesiredStateError(self.problems.values())
        spec = declared.spec
        return Environment(
            name=self.name,
            mode=spec.mode,
            interval_s=seconds(spec.interval),
            limits=spec.limits,
            windows=tuple(spec.windows),
            freezes=tuple(spec.freezes),
            prune=spec.prune,
            tags=self.tags,
            resources={key: self._resource(self.drafts[key]) for key in sequence},
            revision=hashlib.sha256(self.text).hexdigest()[:12],
            file=self.file,
            line=documents[0].line,
        )

    # --- telling ---------------------------------------------------------------------------

    def tell(self, document: Document, path: Path, message: str, label: str = "") -> None:
        """One problem at a path of a document; a second one at the same path is not told."""
        place = (document.line, path)
        shown = label or _label(document.value)
        where = f"{shown}: {_dotted(document.value, path)}" if path else shown
        problem = Problem(self.file, document.line_of(path), where.strip(": "), message)
        self.problems.setdefault(place, problem)

    def told(self, document: Document, path: Path = ()) -> bool:
        """True if something at or under that path has been complained of."""
        return any(line == document.line and p[: len(path)] == path for line, p in self.problems)

    def _flaws(self, error: YamlError) -> list[Problem]:
        problems = []
        for flaw in error.flaws:
            where = ""
            if flaw.path and flaw.document < len(error.documents):
                value = error.documents[flaw.document].value
                where = f"{_label(value)}: {_dotted(value, flaw.path)}".strip(": ")
            problems.append(Problem(self.file, flaw.line, where, flaw.message))
        return problems

    # --- the environment -------------------------------------------------------------------

    def _environment(self, documents: list[Document]) -> EnvironmentDocument | None:
        first = documents[0]
        kind = first.value.get("kind") if isinstance(first.value, dict) else None
        if _is_environment(first) or (isinstance(first.value, dict) and not _is_kind(kind)):
            return self._read_environment(first)
        later = [d for d in documents[1:] if _is_environment(d)]
        if later:
            message = "the Environment must be the first document of the file"
            self.tell(later[0], (), message, "Environment")
            self._read_environment(later[0])
        else:
            message = "found no Environment: the first document of a file is one"
            self.tell(first, (), message, "Environment")
        return None

    def _read_environment(self, document: Document) -> EnvironmentDocument | None:
        self.read_as_environment = document
        for path, _ in texts(document.value):
            self.tell(document, path, "found a reference, allowed: a literal value here")
        for path, message in scrutiny.secrets(document.value, fields_of(EnvironmentDocument)):
            self.tell(document, path, message)
        model = self._model(document, EnvironmentDocument, document.value)
        named = document.value.get("metadata")
        name = named.get("name") if isinstance(named, dict) else None
        self.name = name if isinstance(name, str) and not self.told(document, _NAME) else ""
        if not isinstance(model, EnvironmentDocument):
            return None
        self.mode = model.spec.mode
        self.tags = dict(model.spec.tags)
        for key in self.tags:
            self.tag_lines[f"tags[{key}]"] = document.line_of(("spec", "tags", key))
            self._own_tag(document, ("spec", "tags", key), key)
        return model

    def _own_alarms(self, declared: EnvironmentDocument | None) -> list[Document]:
        """Documents that nobody wrote: what `spec.alarms` stands for."""
        source = self.read_as_environment
        alarms = declared.spec.alarms if declared else None
        if declared is None or source is None or alarms is None:
            return []
        line = source.line_of(("spec", "alarms"))
        return list(own_alarms.documents(self.name, alarms, declared.spec.interval, line))

    def _own_tag(self, document: Document, path: Path, key: str) -> None:
        if key.startswith("plumbline:"):
            self.tell(document, path, f"found the tag {key}, allowed: any that does not begin "
                      "with plumbline:, which marks ownership")  # fmt: skip

    def _model(
        self, document: Document, model: type[BaseModel], value: Any, at: Path = ()
    ) -> BaseModel | None:
        found, wrong = validate(model, value)
        for path, message, _ in wrong:
            self.tell(document, at + path, message)
        return found

    # --- identity --------------------------------------------------------------------------

    def _register(self, document: Document) -> None:
        value = document.value
        if not isinstance(value, dict):
            self.tell(document, (), f"found {show((), value)}, allowed: a document with "
                      "apiVersion, kind, metadata and spec", "document")  # fmt: skip
            self.known.unnamed.add(("", ""))
            return
        kind = value.get("kind")
        if kind == "Environment":
            self.tell(document, ("kind",), "found a second Environment, allowed: one a file")
            return
        if isinstance(kind, str) and kind not in KINDS:
            self.tell(document, ("kind",), unknown("kind", kind, KINDS))
        for path, _ in texts({k: v for k, v in value.items() if k != "spec"}):
            if path != ("metadata", "externalName"):
                self.tell(document, path, "found a reference, allowed: a literal value here")
        envelope = self._model(document, ResourceDocument, value)
        metadata = value.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        bad_kind = not isinstance(kind, str) or kind not in KINDS
        bad_name = not isinstance(name, str) or self.told(document, _NAME)
        if bad_kind or bad_name:
            self.known.unnamed.add(("" if bad_kind else str(kind), "" if bad_name else str(name)))
            return
        spec = value.get("spec", {})
        draft = _Draft(
            document, str(kind), str(name), handler_for(str(kind)),
            spec if isinstance(spec, dict) else {},
            envelope if isinstance(envelope, ResourceDocument) else None,
        )  # fmt: skip
        if draft.key in self.drafts:
            first = self.drafts[draft.key].source.line_of(_NAME)
            self.tell(document, _NAME, f"found a second {draft.key} (first in line {first}), "
                      "allowed: one of each kind and name")  # fmt: skip
            return
        self.drafts[draft.key] = draft

    def _name(self, draft: _Draft) -> None:
        """The physical name, within what AWS allows."""
        path: Path = _NAME
        draft.physical = f"{self.name}-{draft.name}" if self.name else ""
        metadata = draft.source.value["metadata"]
        external = metadata.get("externalName")
        if isinstance(external, str):
            path = ("metadata", "externalName")
            try:
                draft.physical = str(resolve(external, self._names))
                left = parse(draft.physical)
            except BadReference as error:
                self.tell(draft.source, path, str(error))
                return
            if left:
                if self.name:
                    self.tell(draft.source, path, f"found {left[0].text}, allowed: "
                              "${Environment.name} and ${Kind.name.name} only")  # fmt: skip
                return
        if not self.name and path == _NAME:
            return
        if not re.fullmatch(draft.handler.name_pattern, draft.physical, re.ASCII):
            self.tell(draft.source, path, f'found "{draft.physical}" as the name in AWS '
                      f"({len(draft.physical)} characters), allowed: "
                      f"{draft.handler.name_says}")  # fmt: skip

    def _same_physical(self) -> None:
        """No two of a kind, or of kinds that share their names (alarms, task definitions), may have
        one name in AWS, unless they are of one kind and stand in places known to differ: services
        in two clusters, web ACLs of two scopes."""
        seen: dict[tuple[str, str], list[_Draft]] = {}
        for draft in self.drafts.values():
            space = draft.handler.name_space or draft.kind
            namesakes = seen.setdefault((space, draft.physical), [])
            here = self._within(draft)
            other = next(
                (
                    n
                    for n in namesakes
                    if n.kind != draft.kind or self._within(n) in (here, None) or not here
                ),
                None,
            )
            namesakes.append(draft)
            if other and draft.physical:
                path: Path = ("metadata", "externalName")
                path = path if path in draft.source.lines else _NAME
                kinds = " or ".join(sorted({draft.kind, other.kind}))
                space = f" as name of its {draft.handler.name_space}" * (draft.kind != other.kind)
                self.tell(draft.source, path, f'found the name "{draft.physical}", which '
                          f"{other.key} (line {other.source.line}) has in AWS{space}, allowed: "
                          f"one that no other {kinds} has")  # fmt: skip

    def _within(self, draft: _Draft) -> str | None:
        """Where a name has to be unique, in small; None if a reference hides it."""
        field_name = draft.handler.within
        if not field_name:
            return "the region"
        field = fields_of(draft.handler.spec).members[field_name]
        default = field.info.get_default() if field.info else None
        text = str(draft.raw.get(field_name, default))
        try:
            references = parse(text)
        except BadReference:
            return None
        if not references:
            return text.rpartition("/")[2] if text.startswith("arn:") else text
        other = self.drafts.get(references[0].resource)
        return other.physical if other and references[0].whole else None

    def _names(self, reference: Reference) -> Any:
        """What is known at load: the environment's name and physical names."""
        if reference.kind == "environment" and reference.output == "name":
            return self.name or UNRESOLVED
        if reference.kind == "resource" and reference.output == "name":
            other = self.drafts.get(reference.resource)
            return other.physical if other and other.physical else UNRESOLVED
        return UNRESOLVED

    # --- the spec --------------------------------------------------------------------------

    def _check(self, draft: _Draft) -> None:
        source, root = draft.source, fields_of(draft.handler.spec)
        self._references(draft, root)
        for path, message in scrutiny.secrets(draft.raw, root, ("spec",)):
            self.tell(source, path, message)
        if named := draft.handler.named_value:
            for path, message in scrutiny.named((draft.name, draft.physical), named, draft.raw):
                self.tell(source, ("spec", *path), message)
        if not self.told(source, ("spec",)) or draft.raw:
            known = _resolved(draft.raw, self._names)
            model = self._model(source, draft.handler.spec, known, ("spec",))
            draft.spec = dump(model) if model else None
        if issubclass(draft.handler.spec, Taggable) and draft.spec is not None:
            self._merge_tags(draft)
        if draft.envelope:
            for path, message in scrutiny.ignored(
                draft.envelope.lifecycle, root, draft.handler.beside
            ):
                self.tell(source, path, message)
            self._depends_on(draft, draft.envelope.lifecycle)
            if draft.handler.held_by == "file" and draft.envelope.lifecycle.prune == "delete":
                says = f"found delete, allowed: retain (a {draft.kind} is never deleted here)"
                self.tell(source, ("lifecycle", "prune"), says)
        spec = draft.spec if self._may_be_made(draft) else None
        if spec and (missing := draft.handler.incomplete(spec)):
            for path, message in scrutiny.lacks(missing, root):
                said = f"{message} (unless lifecycle.adopt: true)"
                self.tell(source, ("spec", *path), said)

    def _may_be_made(self, draft: _Draft) -> bool:
        """False for what is only looked at, and for what is taken over: that exists already."""
        life = draft.envelope.lifecycle if draft.envelope else LifecycleSpec()
        return (life.mode or self.mode) == self.mode == "enforce" and not life.adopt

    def _merge_tags(self, draft: _Draft) -> None:
        own = draft.spec.get("tags", {}) if draft.spec is not None else {}
        if not isinstance(own, dict) or draft.spec is None:
            return
        for key in own:
            self._own_tag(draft.source, ("spec", "tags", key), key)
        merged = {**self.tags, **own, ENVIRONMENT_TAG: self.name, RESOURCE_TAG: draft.key}
        if len(merged) > MAX_TAGS:
            self.tell(draft.source, ("spec", "tags"), f"found {len(merged)} tags with the "
                      f"environment's and Plumbline's own 2, allowed: {MAX_TAGS}")  # fmt: skip
        draft.spec["tags"] = merged

    def _references(self, draft: _Draft, root: Field) -> None:
        for path, text in texts(draft.raw):
            try:
                refs = parse(text)
            except BadReference as error:
                unseen = "found a ${…} that means nothing (not shown: it may be a secret)"
                message = unseen if hide(path, text) else str(error)
                self.tell(draft.source, ("spec", *path), message)
                continue
            place = field_at(root, path)
            for ref in refs:
                if message := scrutiny.reference(ref, draft.key, place, self.known):
                    self.tell(draft.source, ("spec", *path), message)
                elif ref.kind == "resource" and ref.resource != draft.key:
                    line = draft.source.line_of(("spec", *path))
                    draft.needs.setdefault(ref.resource, (line, _dotted({}, ("spec", *path))))

    def _depends_on(self, draft: _Draft, life: LifecycleSpec) -> None:
        """`lifecycle.dependsOn`: others of this file."""
        for index, key in enumerate(life.depends_on):
            path: Path = ("lifecycle", "dependsOn", index)
            if message := scrutiny.awaited(key, draft.key, self.known):
                self.tell(draft.source, path, message)
            elif key in self.drafts:
                where = (draft.source.line_of(path), _dotted({}, path))
                draft.needs.setdefault(key, where)

    # --- putting together ------------------------------------------------------------------

    def _order(self) -> list[str]:
        """Keys in the order of need; every cycle is a problem of its own."""
        needs = {key: dict(draft.needs) for key, draft in self.drafts.items()}
        while True:
            try:
                return order(needs)
            except Cycle as cycle:
                first, second = cycle.keys[0], cycle.keys[1]
                draft = self.drafts[first]
                _, at = draft.needs[second]
                steps = [*cycle.keys, first]
                told = [first]
                for one, other in pairwise(steps):
                    told.append(f"{other} (line {self.drafts[one].needs[other][0]})")
                line, where = draft.needs[second][0], f"{first}: {at}"
                message = "found a cycle of references: " + " needs ".join(told)
                place = (draft.source.line, ("cycle", *cycle.keys))
                self.problems.setdefault(place, Problem(self.file, line, where, message))
                needs[first].pop(second)

    def _resource(self, draft: _Draft) -> Resource:
        root = fields_of(draft.handler.spec)
        lines = {
            rendered(root, path[1:], draft.raw): line
            for path, line in draft.source.lines.items()
            if len(path) > 1 and path[0] == "spec"
        }
        if issubclass(draft.handler.spec, Taggable):
            lines = {**self.tag_lines, **lines}
        life = draft.envelope.lifecycle if draft.envelope else LifecycleSpec()
        holds = draft.handler.holds_data
        return Resource(
            kind=draft.kind,
            name=draft.name,
            key=draft.key,
            physical=draft.physical,
            spec=draft.spec or {},
            written=frozenset(lines),
            raw=draft.raw,
            lifecycle=Lifecycle(
                mode=life.mode,
                prune=life.prune or ("retain" if holds else None),
                says_retain=life.prune == "retain",
                adopt=life.adopt,
                ignore=tuple(Ignore(r.path, r.reason, r.until) for r in life.ignore),
                depends_on=life.depends_on,
                interval_s=seconds(life.interval) if life.interval else 0,
            ),
            line=draft.source.line,
            lines=lines,
            depends_on=tuple(draft.needs),
        )


_NAME: Path = ("metadata", "name")


def _is_kind(kind: object) -> bool:
    return isinstance(kind, str) and kind in KINDS


def _is_environment(document: Document) -> bool:
    return isinstance(document.value, dict) and document.value.get("kind") == "Environment"


def _resolved(raw: Any, names: Any) -> Any:
    """`raw` with what is known filled in; a text with a bad reference stays (it has been told)."""
    if isinstance(raw, dict):
        return {key: _resolved(value, names) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_resolved(value, names) for value in raw]
    try:
        return resolve(raw, names)
    except BadReference:
        return raw


def _label(value: Any) -> str:
    """`Kind/name` of a document, as far as it says so."""
    if not isinstance(value, dict):
        return ""
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = value.get("kind")
    parts = [p for p in (kind, name) if isinstance(p, str) and len(p) < 100]
    return "/".join(parts)


def _dotted(value: Any, path: Path) -> str:
    """A path of a whole document: `spec.rules[0].priority`."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if path[:1] == ("spec",) and isinstance(kind, str) and kind in KINDS and len(path) > 1:
        root = fields_of(handler_for(kind).spec)
        return f"spec.{rendered(root, path[1:], value.get('spec'))}"
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out
