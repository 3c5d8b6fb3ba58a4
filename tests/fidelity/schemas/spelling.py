"""How AWS spells what it was sent: a schema's `propertyTransform`, tried on the diff.

A transform is an expression that makes of the written value what AWS shows (or a pattern of it).
The sorts that there are for our fields are known by their form; a new sort fails until it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from controller.diff import Views, diff
from controller.fields import Field, fields_of
from controller.kinds import handler_for
from controller.policies import Situation
from tests.fidelity.schemas.places import NAME, Place
from tests.fidelity.schemas.said import Said

KEY = "1111aaaa-22bb-33cc-44dd-555555eeeeee"


def samples(transform: str) -> list[tuple[str, str]] | None:
    """(written, shown) for each arm of a transform; None: an unknown sort."""
    found: list[tuple[str, str]] = []
    for arm in transform.split(" $OR "):
        if re.fullmatch(r"\w+", arm):
            continue  # the value as it is
        if re.fullmatch(r"\$lowercase\([\w.]+\)", arm):
            found.append(("Some-Name", "some-name"))
        elif re.fullmatch(r"\$uppercase\([\w.]+\)", arm):
            found.append(("Some-Name", "SOME-NAME"))
        elif re.search(r":kms:.*key", arm):
            found.append((KEY, f"arn:aws:kms:us-east-1:123456789012:key/{KEY}"))
        elif ":iam:" in arm or "role/" in arm:
            found.append(("some-role", "arn:aws:iam::123456789012:role/some-role"))
        elif re.search(r'\$string\(\w+\), "\.\*"', arm):
            found.append(("16", "16.4"))
        elif ":task-definition/" in arm:
            continue  # not a field: the revision is made of the manifest
        else:
            return None
    return found


def same(said: Said, spot: Place) -> Iterator[str]:
    """Each spelling that AWS may show is no drift."""
    if not said.transform or said.path == NAME:
        return
    pairs = samples(said.transform)
    if pairs is None:
        yield f"an unknown transform: {said.transform}"
        return
    for written, shown in pairs:
        if spot.choices:
            written, shown = str(spot.choices[0]), _cased(str(spot.choices[0]), shown)
        changes = _changes(said.kind, said.path, written, shown)
        yield "" if not changes else f"{shown} shown for {written} is drift here"


def _cased(value: str, like: str) -> str:
    return value.upper() if like.isupper() else value.lower()


def _changes(kind: str, path: str, written: str, shown: str) -> list[Any]:
    desired, live = _doc(path, written), _doc(path, shown)
    situation = Situation(desired, live, {}, "123456789012", "us-east-1")
    root: Field = fields_of(handler_for(kind).spec)
    found = diff(root, Views(desired, live, desired, {}, {}, {}, situation))
    return [c for c in found if c.path == path]


def _doc(path: str, value: str) -> dict[str, Any]:
    doc: Any = value
    for step in reversed(path.split(".")):
        doc = {step: doc}
    assert isinstance(doc, dict)
    return doc
