"""Why a disagreement stands: `reasons/<Kind>.yaml`, and `reasons/all.yaml` for what all share.

port, engine:            the fields
  "bounds: …": why       what differs, to the letter: why
"""

from __future__ import annotations

from functools import cache

from controller.kinds import KINDS
from tests.fidelity.schemas.compare import disagreements
from tests.fidelity.schemas.said import LIKE, read

SHARED = "all"


@cache
def reasons(name: str) -> dict[tuple[str, str], str]:
    """(field, what differs) → why, of a kind or of all."""
    return {
        (at, differs): str(why)
        for fields, listed in read("reasons", name).items()
        for at in fields.split(", ")
        for differs, why in listed.items()
    }


def reason(kind: str, key: tuple[str, str]) -> str:
    """Why it stands; empty if nothing is said."""
    of = (kind, LIKE.get(kind, kind), SHARED)
    return next((why for name in of if (why := reasons(name).get(key))), "")


def without_reason(kind: str) -> list[str]:
    """Disagreements that nobody gave a reason for."""
    return [
        f"{kind} {at}: {differs} (by {some[0].source})"
        for (at, differs), some in disagreements(kind).items()
        if len(reason(kind, (at, differs))) < 8
    ]


def idle() -> list[str]:
    """Reasons for what does not differ (any more)."""
    shared: set[tuple[str, str]] = set()
    found = []
    for kind in KINDS:
        there = set(disagreements(kind))
        shared |= there
        found += [f"{kind} {at}: {d}" for at, d in reasons(kind) if (at, d) not in there]
    return found + [f"all {at}: {d}" for at, d in reasons(SHARED) if (at, d) not in shared]
