"""From AWS's shapes to ours: lists of named things as maps, and only what a spec model knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.fields import Field
from controller.policies import Doc


def project(field: Field, doc: Any) -> Any:
    """The part of a document that the field tree knows, without empty members (case 165).

    What a later AWS adds to its answers is dropped here; entries of maps are kept, empty or not.
    """
    if field.shape == "object" and isinstance(doc, Mapping):
        out = {}
        for name, member in field.members.items():
            value = project(member, doc.get(name))
            if value is not None and value not in ("", [], {}):
                out[name] = value
        return out
    if field.shape == "list" and isinstance(doc, (list, tuple)) and field.item is not None:
        return [project(field.item, value) for value in doc]
    if field.shape == "map" and isinstance(doc, Mapping) and field.item is not None:
        return {key: project(field.item, value) for key, value in doc.items()}
    return doc


def by_name(items: Iterable[Mapping[str, Any] | None] | None, key: str, value: str) -> Doc:
    """A list of pairs as a map: `[{name, value}]` → `{name: value}` (cases 2 and 4)."""
    return {i[key]: i.get(value, "") for i in items or () if i and i.get(key)}


def pairs(named: Mapping[str, Any], key: str, value: str) -> list[Doc]:
    """A map as AWS's list of pairs, in a stable order."""
    return [{key: k, value: v} for k, v in sorted(named.items())]


def objects_by_name(items: Iterable[Mapping[str, Any] | None] | None, key: str) -> dict[str, Doc]:
    """A list of objects as a map keyed by one of their members, which is taken out of them."""
    return {
        i[key]: {k: v for k, v in i.items() if k != key} for i in items or () if i and i.get(key)
    }


def objects(named: Mapping[str, Mapping[str, Any]], key: str) -> list[Doc]:
    """A map of objects as AWS's list, in a stable order."""
    return [{key: k, **v} for k, v in sorted(named.items())]


def not_empty(doc: Mapping[str, Any]) -> Doc:
    """The members that say something."""
    return {k: v for k, v in doc.items() if v is not None and v not in ("", [], {})}
