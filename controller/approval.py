"""What a person lets happen though it loses data: `approvals/<environment>.json`.

A plan asks for an approval with a fingerprint. It stands for exactly those steps on exactly those
things as they are now: the calls with their parameters, AWS's id of each resource, and the values
that the calls replace. An approval names it, ends by itself, and is good for each step once. The
control plane reads approvals and can't write them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from controller.assess import Assessment
from controller.plan import Step, in_any_order
from controller.store import Store, Stored, to_body

REASONS = ("ApprovalRequired", "DefaultsChanged")
"""Vetoes that an approval lifts; all others stand whatever anybody approves."""

LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Request:
    """What waits for an approval: tokens by `Step.id`. Empty: nothing does."""

    steps: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Of all of it: 12 hex digits; empty if nothing waits."""
        return _hash(sorted(self.steps.items()))[:12] if self.steps else ""


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let it happen, and until when. tokens: of the steps."""

    by: str
    reason: str
    until: datetime
    tokens: frozenset[str]


def token(step: Step, it: Assessment) -> str:
    """Stands for one step on one thing as it is now. No secret goes into it: what the step says of
    one is a reference."""
    mine = {c.path: [c.now, c.wanted] for c in it.changes if c.path in step.action.changes}
    return _hash([step.id, step.fingerprint, it.target.name, it.identity, mine])[:16]


def request(
    steps: Iterable[Step], reasons: Mapping[str, str], assessments: Mapping[str, Assessment]
) -> Request:
    """What of a plan waits for an approval. reasons: why a step is vetoed, by `Step.id`."""
    asking = [step for step in steps if reasons.get(step.id) in REASONS]
    return Request({step.id: token(step, assessments[step.key]) for step in asking})


def granted(store: Store, environment: str, now: datetime) -> list[Approval]:
    """The approvals in force. Raises `StoreFailure`. One that can't be understood is none."""
    found = store.get(_key(environment))
    return [a for a in _parse(found) if now < a.until]


def approve(store: Store, environment: str, approval: Approval) -> None:
    """Let it happen, in place of what was approved before for the same steps.

    Raises `StoreFailure`, `Conflict`.
    """
    found = store.get(_key(environment))
    kept = [a for a in _parse(found) if not a.tokens & approval.tokens]
    rows = [_row(a) for a in (*kept, approval)]
    store.put(_key(environment), to_body({"approvals": rows}), found.version if found else None)


def withdraw(store: Store, environment: str) -> None:
    """Take back all approvals. Raises `StoreFailure`."""
    store.delete(_key(environment))


def asked(status: Mapping[str, Any]) -> Request:
    """What waits for an approval, as the last pass left it in its status."""
    return Request(dict((status.get("approval") or {}).get("steps") or {}))


def tokens(approvals: Collection[Approval], spent: Mapping[str, str]) -> dict[str, Approval]:
    """Approval by token, without what was used already. spent: until when the approval was good
    that was used, by token."""
    return {t: a for a in approvals for t in a.tokens if spent.get(t) != a.until.isoformat()}


def _parse(found: Stored | None) -> list[Approval]:
    try:
        return [
            Approval(str(row["by"]), str(row["reason"]), datetime.fromisoformat(row["until"]),
                     frozenset(map(str, row["steps"])))
            for row in (found.json if found else {"approvals": []})["approvals"]
            if datetime.fromisoformat(row["until"]).tzinfo is not None
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _row(a: Approval) -> dict[str, Any]:
    return {"by": a.by, "reason": a.reason, "until": a.until.isoformat(), "steps": sorted(a.tokens)}


def _hash(what: Any) -> str:
    return hashlib.sha256(in_any_order(what).encode()).hexdigest()


def _key(environment: str) -> str:
    return f"approvals/{environment}.json"
