"""Fields made by hand, and what the diff says of one."""

from __future__ import annotations

from typing import Any

from controller.diff import Change, Views, diff
from controller.fields import Field
from controller.policies import Policy, Situation

LOST: Any = object()
"""As `last`: nothing says what was last applied."""


def scalar(*policies: Policy) -> Field:
    """A value that no model opens."""
    return Field("", "scalar", policies)


def thing(*policies: Policy, **members: Field) -> Field:
    """An object of these members."""
    return Field("", "object", policies, members)


def listed(item: Field, *policies: Policy) -> Field:
    """A list of items."""
    return Field("", "list", policies, {}, item)


def mapped(item: Field, *policies: Policy) -> Field:
    """A map of items."""
    return Field("", "map", policies, {}, item)


def changes(
    field: Field, *, d: Any = None, v: Any = None, last: Any = None, p: Any = None, f: Any = None,
    unknown: dict[str, str] | None = None, raw: dict[str, Any] | None = None,
) -> list[Change]:  # fmt: skip
    """What differs in a document with this one field, `it`: desired, live, last applied, pending,
    failed; None: not there."""

    def doc(value: Any) -> dict[str, Any]:
        return {} if value is None else {"it": value}

    views = Views(
        doc(d), doc(v), None if last is LOST else doc(last), doc(p), doc(f), unknown or {},
        Situation(doc(d), doc(v), raw or {}),
    )  # fmt: skip
    return diff(thing(it=field), views)


def told(field: Field, **sides: Any) -> list[tuple[str, str, str]]:
    """Path, class and cause of each."""
    return [(c.path, c.cls, c.cause) for c in changes(field, **sides)]
