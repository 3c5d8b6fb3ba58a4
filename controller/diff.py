"""What differs, field by field, and what each difference means.

Pure: documents in, typed changes out. Two axes per change (`docs/reference/classification.md`):
its *class* says what may be done about it, its *cause* who moved, judged from the last applied
document (L), the desired one (D) and the live one (V).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from controller.fields import Field
from controller.policies import (
    Achieved,
    ActionOption,
    AnyWhenUndeclared,
    Canonical,
    CaseInsensitive,
    CreateOnly,
    Doc,
    Keyed,
    KeysOf,
    OwnedBy,
    ServerDefault,
    Situation,
    TakenAtStart,
    Unordered,
    VersionPrefix,
    Withdrawn,
    WriteOnly,
    version_matches,
)
from controller.spec import holds_reference
from controller.versioned import plain, since, version

_VERSIONED = re.compile(r"\$\{Secret\.[a-z0-9-]+\.value@[\w-]+\}")

ROLLED_BACK = "AWS rolled this back"

Class = Literal[
    "differs", "in_flight", "owned", "undeclared", "write_only_stale", "immutable", "failed",
    "unknown",
]  # fmt: skip
"""differs: may be written. in_flight: AWS is on its way there. owned: another actor rightly holds
it. undeclared: not in the spec, reported, left alone. write_only_stale: a newer secret version is
to be sent. immutable: AWS can't change it in place. failed: AWS tried it and rolled it back.
unknown: it could not be read, or the wanted value is not known yet."""

Cause = Literal["drift", "pending", "both", "baseline-unknown", ""]
"""drift: live moved away from what we last applied. pending: desired did. both: each of them.
baseline-unknown: nothing says what was last applied. Empty: the class says it all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A path part: the key of a map, or of a list aligned by key."""

    key: str
    in_list: bool = False


Part = str | Entry | int
"""A member of an object, an entry, or a position in an ordered list."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `was`, `now`, `wanted`: last applied, live, desired; None: not there."""

    parts: tuple[Part, ...]
    was: Any
    now: Any
    wanted: Any
    cls: Class
    cause: Cause = ""
    note: str = ""

    @property
    def path(self) -> str:
        """For people: `rules[rate-limit].priority`."""
        return render(self.parts)

    @property
    def top(self) -> str:
        """The top-level field of the spec it is in."""
        return str(self.parts[0]) if self.parts else ""

    @property
    def is_drift(self) -> bool:
        """True if somebody changed AWS behind our back: counted by the drift metrics."""
        return self.cause in ("drift", "both")


@dataclass(frozen=True, slots=True)
class Views:
    """The documents a diff compares; `last` is None where no baseline is known.

    pending: what AWS has accepted and not yet put in force. failed: what it tried and gave up.
    unknown: top-level fields that could not be read, with the reason.
    """

    desired: Doc
    live: Doc
    last: Doc | None
    pending: Doc
    failed: Doc
    unknown: Mapping[str, str]
    situation: Situation


def render(parts: Iterable[Part]) -> str:
    """Path parts as text: `containers[gateway].environment[MODE]`."""
    out = ""
    for part in parts:
        if isinstance(part, Entry):
            out += f"[{part.key}]"
        elif isinstance(part, int):
            out += f"[{part}]"
        else:
            out += f".{part}" if out else part
    return out


def diff(field: Field, views: Views) -> list[Change]:
    """All changes between desired and live, in the order of the spec model."""
    walk = _Walk(views)
    walk.object(field, (), views.desired, views.live, views.last, views.pending, views.failed)
    return walk.changes


class _Walk:
    """One comparison: collects changes while it descends the field tree."""

    def __init__(self, views: Views) -> None:
        self.views = views
        self.situation = views.situation
        self.changes: list[Change] = []

    def object(
        self, field: Field, parts: tuple[Part, ...], d: Any, v: Any, last: Any, p: Any, f: Any
    ) -> None:
        for name, member in field.members.items():
            if keys := member.policy(KeysOf):
                d, v, last = _in_the_map(name, keys, d, v, last)
            self.value(
                member, (*parts, name), _at(d, name), _at(v, name), _at(last, name), _at(p, name),
                _at(f, name),
            )  # fmt: skip

    def value(
        self, field: Field, parts: tuple[Part, ...], d: Any, v: Any, last: Any, p: Any, f: Any
    ) -> None:
        if field.policy(ActionOption):
            return
        if (top := str(parts[0])) in self.views.unknown:
            if d is not None:
                why = self.views.unknown[top]
                self.changes.append(Change(parts, last, None, d, "unknown", "", why))
            return
        if field.policy(WriteOnly):
            self.write_only(parts, d, last)
        elif d is None and v and last is not None and field.policy(Withdrawn) is not None:
            cause: Cause = "pending" if self.equal(field, last, v) else "both"
            self.changes.append(Change(parts, last, v, None, "differs", cause))
        elif d is None:
            self.undeclared(field, parts, v)
        elif field.shape == "object" and isinstance(d, dict):
            if v is None:
                self.whole_or_default(field, parts, d, last, p, f)
            else:
                self.object(field, parts, d, v, last, p, f)
        elif field.shape == "map" and isinstance(d, dict):
            self.entries(field, parts, d, v or {}, last, p, f, in_list=False)
        elif isinstance(d, list) and (key := _keyed_by(field)):
            maps = [_by_key(x, key) for x in (d, v, last, p, f)]
            self.entries(field, parts, maps[0], maps[1], maps[2] if last is not None else None,
                         maps[3], maps[4], in_list=True)  # fmt: skip
        elif (
            field.item is not None
            and field.item.shape == "object"
            and isinstance(v, list)
            and isinstance(d, list)
            and len(v) == len(d)
        ):
            past = last if isinstance(last, list) and len(last) == len(d) else [None] * len(d)
            for index, item in enumerate(d):
                self.value(field.item, (*parts, index), item, v[index], past[index], None, None)
        else:
            self.leaf(field, parts, d, v, last, p, f)

    def entries(
        self, field: Field, parts: tuple[Part, ...], d: Doc, v: Doc, last: Any, p: Any, f: Any,
        *, in_list: bool,
    ) -> None:  # fmt: skip
        """A map, or a list aligned by key."""
        item = field.item or _PLAIN
        keyed = field.policy(Keyed) is not None
        form = item.policy(Canonical)
        for key in [*d, *(k for k in v if k not in d)]:
            here = (*parts, Entry(key, in_list))
            was = _at(last, key)
            if key in d:
                if key in v and item.shape == "object":
                    sides = (d[key], v[key], was, _at(p, key), _at(f, key))
                    if form:
                        sides = tuple(form.form(x) if isinstance(x, dict) else x for x in sides)
                    self.object(item, here, *sides)
                else:
                    self.leaf(item, here, d[key], v.get(key), was, _at(p, key), _at(f, key),
                              there=key in v)  # fmt: skip
            elif keyed and was is None:
                self.changes.append(Change(here, None, v[key], None, "undeclared"))
            else:
                cause: Cause = (
                    "baseline-unknown" if self.views.last is None
                    else "pending" if last is None  # newly declared: the whole of it is ours now
                    else "drift" if was is None
                    else "pending" if self.equal(item, was, v[key])
                    else "both"
                )  # fmt: skip
                change = Change(here, was, v[key], None, "differs", cause)
                if f and key not in f:  # AWS tried it without the entry, and went back
                    change = replace(change, cls="failed", note=ROLLED_BACK)
                self.changes.append(change)

    def whole_or_default(
        self, field: Field, parts: tuple[Part, ...], d: Doc, last: Any, p: Any, f: Any
    ) -> None:
        """A declared object that AWS does not show: one change, unless it is all defaults."""
        inner = _Walk(self.views)
        inner.object(field, parts, d, {}, last, p, f)
        if not inner.changes:
            return
        classes = {c.cls for c in inner.changes}
        if classes <= {"in_flight", "failed", "unknown", "immutable", "write_only_stale"}:
            self.changes.extend(inner.changes)
            return
        cause = self.cause(field, d, None, last)
        immutable = self.fixed(field)
        self.changes.append(
            Change(parts, last, None, d, "immutable" if immutable else "differs", cause)
        )

    def fixed(self, field: Field) -> bool:
        """True if AWS can't change it in place."""
        policy = field.policy(CreateOnly)
        return policy is not None and not policy.unless(self.situation)

    def undeclared(self, field: Field, parts: tuple[Part, ...], v: Any) -> None:
        owner = field.policy(OwnedBy)
        if owner and owner.wanted:
            wanted = owner.wanted(self.situation, v)
            if wanted is not None and wanted != v:
                note = f"beyond what {owner.owner} may choose"
                self.changes.append(Change(parts, None, v, wanted, "differs", "drift", note))
                return
            if owner.when(self.situation, None, v):
                return
        if _empty(v) or field.policy(AnyWhenUndeclared) is not None:
            return
        default = field.policy(ServerDefault)
        if default and self.equal(field, default.of(self.situation), v):
            return
        if field.shape == "object" and isinstance(v, dict):
            usual = default.of(self.situation) if default else None
            for name, member in field.members.items():
                if not self.equal(member, _at(usual, name), v.get(name)):
                    self.value(member, (*parts, name), None, v.get(name), None, None, None)
            return
        change = Change(parts, None, v, None, "undeclared")
        if owner and owner.when(self.situation, None, v):
            change = replace(change, cls="owned", note=owner.owner)
        self.changes.append(change)

    def write_only(self, parts: tuple[Part, ...], d: Any, last: Any) -> None:
        if d is None or self.views.last is None or last == d:
            return
        if "@" not in str(d):
            self.changes.append(Change(parts, last, None, d, "unknown", "", "no secret value yet"))
            return
        self.changes.append(
            Change(parts, last, None, d, "write_only_stale", "pending", "new secret version")
        )

    def leaf(
        self, field: Field, parts: tuple[Part, ...], d: Any, v: Any, last: Any, p: Any, f: Any,
        *, there: bool = True,
    ) -> None:  # fmt: skip
        """One value. there: False for an entry that the live map does not have, however empty."""
        if p is not None and not self.equal(field, d, p):
            v = p  # AWS will soon show this: judge that, not the value about to go
        elif there and self.equal(field, d, v):
            if self.stale_start(field, d, last):
                self.changes.append(
                    Change(parts, last, v, d, "write_only_stale", "pending", "new secret version")
                )
            return
        change = Change(parts, last, v, d, "differs", self.cause(field, d, v, last))
        owner = field.policy(OwnedBy)
        if unresolved(d):
            change = replace(change, cls="unknown", cause="", note=f"waits for {d}")
        elif owner and owner.when(self.situation, d, v):
            change = replace(change, cls="owned", cause="", note=owner.owner)
        elif p is not None and self.equal(field, d, p):
            change = replace(change, cls="in_flight", cause="")
        elif f is not None and self.equal(field, d, f):
            change = replace(change, cls="failed", note=ROLLED_BACK)
        elif self.fixed(field):
            change = replace(change, cls="immutable")
        told = change.cls in ("differs", "unknown") and p is None and f is None
        self.changes.extend(self.inside(field, change) if told else [change])

    def inside(self, field: Field, change: Change) -> list[Change]:
        """The same in detail: what differs in a value that no model opens (`Any`: it may hold
        itself, or AWS's words); the change as it is where no more can be told."""
        d, v, last = change.wanted, change.now, change.was
        if field.policy(Canonical) or field.policy(CaseInsensitive) or _empty(d) or _empty(v):
            return [change]
        found: list[Change] = []
        least = len(change.parts)
        if field.policy(Unordered):
            odd = _odd_ones(d, v)
            if odd is None:
                return [change]
            index, wanted, now = odd
            was = next((x for x in (wanted, now) if x in (last or [])), None)
            self.deeper((*change.parts, Entry(str(index), True)), wanted, now, was, found)
            least += 1
        else:
            self.deeper(change.parts, d, v, last, found)
        return found if any(len(c.parts) > least for c in found) else [change]

    def deeper(
        self, parts: tuple[Part, ...], d: Any, v: Any, last: Any, found: list[Change]
    ) -> None:
        """Changes of the members of two values of the same shape, at any depth, into `found`."""
        steps = _same_steps(d, v)
        if steps is None or (self.views.last is not None and type(last) is not type(d)):
            change = Change(
                parts, last, v, d, "differs", self.cause(_PLAIN, d, v, last, there=True)
            )
            if unresolved(d):
                change = replace(change, cls="unknown", cause="", note=f"waits for {d}")
            found.append(change)
            return
        for step in steps:
            wanted, now, was = _step(d, step), _step(v, step), _step(last, step)
            if canonical(_PLAIN, wanted) != canonical(_PLAIN, now):
                self.deeper((*parts, step), wanted, now, was, found)

    def cause(self, field: Field, d: Any, v: Any, last: Any, *, there: bool = False) -> Cause:
        """Who moved it. there: what it is in was declared, so that no `last` is a baseline too."""
        if self.views.last is None:
            return "baseline-unknown"
        if field.policy(Achieved) or (last is None and not there):
            return "pending"
        desired_moved = not self.equal(field, d, last)
        owner = field.policy(OwnedBy)
        theirs = owner is not None and owner.when(self.situation, last, v)
        live_moved = not theirs and not self.equal(field, last, v)
        if desired_moved:
            return "both" if live_moved else "pending"
        return "drift"

    def stale_start(self, field: Field, d: Any, last: Any) -> bool:
        """True if what runs was started with an older version of the secret that `d` names.

        Told from what was last applied; without that, or for another secret, there is no telling.
        """
        taken = field.policy(TakenAtStart)
        if taken is None or not version(last) or not version(d):
            return False
        if plain(last) != plain(d) or version(last) == version(d):
            return False
        started = taken.started(self.situation)
        return started is None or started <= since(d)

    def equal(self, field: Field, declared: Any, live: Any) -> bool:
        """True if AWS's value says what the declared one does, by the field's policies."""
        if live is None:
            default = field.policy(ServerDefault)
            if default is not None:
                live = default.of(self.situation)
        if _empty(declared) and _empty(live):
            return True
        if live is None or declared is None:
            return False
        if field.policy(VersionPrefix):
            return version_matches(declared, live)
        if field.policy(Achieved):
            return bool(live >= declared)
        return bool(canonical(field, declared) == canonical(field, live))


def canonical(field: Field, value: Any) -> Any:
    """The value in the one form in which equal things are equal."""
    if value is None:
        return None
    if field.policy(TakenAtStart):
        value = plain(value)
    if form := field.policy(Canonical):
        value = form.form(value)
    if field.policy(CaseInsensitive) and isinstance(value, str):
        value = value.lower()
    if isinstance(value, dict):
        if field.shape == "object":
            out = {}
            for name, inner in value.items():
                member = field.members.get(name)
                held = canonical(member, inner) if member else inner
                default = member.policy(ServerDefault) if member else None
                if _empty(held) or (default and held == default.value):
                    continue  # a default that depends on the situation is a function: no match
                out[name] = held
            return out
        return {k: canonical(field.item, v) if field.item else v for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [canonical(field.item, v) if field.item else v for v in value]
        if field.policy(CaseInsensitive):
            items = [i.lower() if isinstance(i, str) else i for i in items]
        return sorted(items, key=_order) if field.policy(Unordered) else items
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _order(item: Any) -> str:
    """What equal things are equal in: a text that doesn't depend on the order of a map's keys."""
    plain = not isinstance(item, (dict, list))
    return repr(item) if plain else json.dumps(item, sort_keys=True, default=repr)


_PLAIN = Field("", "scalar")


def _same_steps(d: Any, v: Any) -> list[str | int] | None:
    """The members of two values of the same shape; None if they have none, or differ in shape.

    Objects: one may have members that the other lacks, but not each (a union has another arm then),
    and their `type` is one. Lists: of objects, as long as each other, and not just in disorder.
    """
    if isinstance(d, dict) and isinstance(v, dict):
        common = d.keys() & v.keys()
        swapped = d.keys() - common and v.keys() - common
        if swapped or ("type" in common and d["type"] != v["type"]):
            return None
        return [*d, *(k for k in v if k not in d)]
    if isinstance(d, list) and isinstance(v, list) and len(d) == len(v):
        nested = any(isinstance(item, (dict, list)) for item in (*d, *v))
        moved = sorted(map(_order, d)) == sorted(map(_order, v))
        return list(range(len(d))) if nested and not moved else None
    return None


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return _at(value, step)
    return value[step] if isinstance(value, list) and step < len(value) else None


def _in_the_map(name: str, keys: KeysOf, d: Any, v: Any, last: Any) -> tuple[Any, Any, Any]:
    """Objects in which what `d` lists under `name` and `v` maps, or the reverse, is mapped."""

    def listed(doc: Any) -> list[str]:
        found = _at(doc, name)
        return found if isinstance(found, list) else []

    def mapped(doc: Any) -> Doc:
        return _at(doc, keys.other) or {}

    moved = {k for a, b in ((d, v), (v, d)) for k in listed(a) if k in mapped(b)}

    def told(doc: Any) -> Any:
        said = dict.fromkeys((k for k in listed(doc) if k in moved), keys.value)
        left = [k for k in listed(doc) if k not in moved]
        return {**doc, name: left, keys.other: mapped(doc) | said} if said else doc

    return told(d), told(v), told(last)


def _odd_ones(d: Any, v: Any) -> tuple[int, Doc, Doc] | None:
    """Where two lists without order differ in one object only: its position in `d`, and both."""
    if not isinstance(d, list) or not isinstance(v, list):
        return None
    odd, left = [], list(v)
    for index, item in enumerate(d):
        if item in left:
            left.remove(item)
        else:
            odd.append((index, item))
    match odd, left:
        case [(index, dict(wanted))], [dict(now)]:
            return index, wanted, now
    return None


def unresolved(value: Any) -> bool:
    """True if a reference is left in it, at any depth."""
    if isinstance(value, dict):
        return any(unresolved(v) for v in value.values())
    if isinstance(value, list):
        return any(unresolved(v) for v in value)
    return isinstance(value, str) and holds_reference(_VERSIONED.sub("", value))


def overlay(live: Doc, desired: Doc, changes: Sequence[Change]) -> Doc:
    """The live spec with the changes made in it: what a call that wants the whole must send.

    A change inside a list without places of its own puts the whole desired list there.
    """
    merged = copy.deepcopy(live)
    for change in changes:
        parts = list(change.parts)
        wanted = change.wanted
        for depth, part in enumerate(parts):
            in_list = isinstance(part, int) or (isinstance(part, Entry) and part.in_list)
            if in_list and _dig(merged, parts[: depth + 1]) is None:  # no place of its own there
                parts = parts[:depth]
                wanted = _dig(desired, parts)
                break
        _put(merged, parts, wanted)
    return merged


def json_patch(live: Doc, desired: Doc, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes as an RFC 6902 patch of the live spec, for programs."""
    if not changes:
        return []
    import jsonpatch  # here, because a steady pass needs none

    target = overlay(live, desired, changes)
    patch: list[dict[str, Any]] = jsonpatch.make_patch(live, target).patch
    return patch


def dig(doc: Any, parts: Iterable[Part]) -> Any:
    """The value at a path, None if there is none. Only through objects and maps."""
    return _dig(doc, list(parts))


def put(doc: Doc, parts: Iterable[Part], value: Any) -> None:
    """Set the value at a path (None removes it). Only through objects and maps."""
    _put(doc, list(parts), value)


def _dig(doc: Any, parts: list[Part]) -> Any:
    for part in parts:
        doc = _step(doc, part.key if isinstance(part, Entry) else part)
    return doc


def _put(doc: Any, parts: list[Part], value: Any) -> None:
    for part in parts[:-1]:
        if isinstance(part, int):
            doc = doc[part]
        else:
            doc = doc.setdefault(part.key if isinstance(part, Entry) else part, {})
    last = parts[-1]
    name = last.key if isinstance(last, Entry) else last
    if value is None and isinstance(name, str):
        doc.pop(name, None)
    else:
        doc[name] = copy.deepcopy(value)


def _at(doc: Any, name: Any) -> Any:
    return doc.get(name) if isinstance(doc, dict) else None


def _empty(value: Any) -> bool:
    return value is None or value in ({}, [], "")


def _keyed_by(field: Field) -> tuple[str, ...]:
    policy = field.policy(Unordered)
    return policy.key if policy else ()


def _by_key(items: Any, key: tuple[str, ...]) -> Doc:
    if not isinstance(items, list):
        return {}
    return {"/".join(str(_at(i, k)) for k in key if _at(i, k) is not None): i for i in items}
