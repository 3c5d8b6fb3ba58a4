"""What we manage and how we last left it: a memory, never the truth.

`inventory/<environment>.json`. Lost or old, it costs only the distinction between drift and pending
change: ownership stands in tags, and what exists is asked of AWS.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from controller.diff import Change, Entry, Part, dig, put
from controller.kinds import KINDS
from controller.policies import Doc
from controller.store import Store, from_body, to_body

DAY_S = 86_400.0
MOST_UNDONE = 12
"""Times that are remembered of one action that undoes drift."""

WHOLE, BORN = "*", "+"
"""Marks in `Record.settling`: created with all its fields; created, some of them not yet."""

FOLLOWS = "environment"
"""`Record.prune` where the manifest left it to the environment."""


Moment = Annotated[float, Field(ge=0, le=1e11)]
"""Seconds of Unix time."""


@dataclass
class Record:
    """One resource as we last left it.

    last: the desired document as last applied, None if not known. identity: AWS's own id of the
    thing we made. settling: rendered paths written at `written_at` (epoch seconds), which AWS may
    not show yet, or `WHOLE` or `BORN`. attempts: action fingerprint → tries without having
    converged, for the spec whose digest is `wish`; tried_at: when last. undone_at: action
    fingerprint → when drift was undone with it, where that disturbs. synced: digest of the spec as
    written in the file with which it was last in sync. refusal: what AWS said to the last failed
    try. failed: what AWS rolled back, not to be tried again. outputs: as last seen. prune,
    depends_on: for when it is removed; prune `FOLLOWS`: as the environment says then. watched: it
    is nobody's and only looked at (mode: observe): no claim to it.
    """

    physical: str
    identity: str = ""
    last: Doc | None = None
    settling: list[str] = field(default_factory=list)
    written_at: Moment = 0.0
    attempts: dict[str, int] = field(default_factory=dict)
    tried_at: dict[str, Moment] = field(default_factory=dict)
    undone_at: dict[str, list[Moment]] = field(default_factory=dict)
    wish: str = ""
    synced: str = ""
    refusal: str = ""
    failed: Doc = field(default_factory=dict)
    outputs: Doc = field(default_factory=dict)
    prune: str = "retain"
    depends_on: list[str] = field(default_factory=list)
    watched: bool = False

    def tries(self, spec: Doc, fingerprint: str) -> int:
        """How often an action was tried for the sake of this spec, references unresolved."""
        return self.attempts.get(fingerprint, 0) if self.wish == digest(spec) else 0

    def count(self, spec: Doc, fingerprint: str, now: float) -> None:
        """One try more. A changed spec is a new wish: what was tried for the old one is over."""
        if self.wish != digest(spec):
            self.wish, self.attempts, self.tried_at = digest(spec), {}, {}
        self.attempts[fingerprint] = self.attempts.get(fingerprint, 0) + 1
        self.tried_at[fingerprint] = now

    def discount(self, fingerprint: str) -> None:
        """It was no try after all."""
        left = self.attempts.get(fingerprint, 0) - 1
        self.attempts.pop(fingerprint, None)
        if left > 0:
            self.attempts[fingerprint] = left
        else:
            self.tried_at.pop(fingerprint, None)

    def undid(self, fingerprint: str, now: float) -> None:
        """Drift was undone with that action, once more."""
        recent = self.recently(fingerprint, now)
        self.undone_at[fingerprint] = [*recent, now][-MOST_UNDONE:]

    def recently(self, fingerprint: str, now: float) -> list[float]:
        """When drift was undone with that action, within a day before `now`."""
        return [at for at in self.undone_at.get(fingerprint, ()) if now - at < DAY_S]


class Inventory:
    """The records of one environment, with the version of the object they came from."""

    def __init__(self, environment: str, store: Store | None) -> None:
        self.environment = environment
        self.records: dict[str, Record] = {}
        self.parameters: Doc = {}
        """Parameter Store values as last seen: only to guess at what reads will be needed."""
        self.place = ""
        """Account and region that the records are about; empty before the first pass."""
        self.spent: dict[str, str] = {}
        """Approvals that were used: a step's token → until when each would be good."""
        self.found = False
        """True if there was an object to read, whatever stood in it."""
        self._store = store
        self._version: str | None = None
        self._saved = ""
        self._others: dict[str, Record] = {}
        """Of kinds that only a later release knows: kept for it."""

    @classmethod
    def load(cls, store: Store, environment: str, *, writable: bool) -> Inventory:
        """Read it; an object that is missing or broken is an empty inventory."""
        inventory = cls(environment, store if writable else None)
        found = store.get(inventory._key)
        if found is None:
            return inventory
        inventory._version = found.version
        inventory.found = True
        try:
            from_body(found.body)  # depth, and numbers that are none
            body = _Body.model_validate_json(found.body, strict=True)
        except ValueError:
            return inventory
        inventory.place, inventory.parameters = body.place, body.parameters
        for key, record in body.resources.items():
            if key.partition("/")[0] in KINDS:
                inventory.records[key] = record
            else:
                inventory._others[key] = record
        inventory.spent = body.spent
        inventory._saved = _text(inventory._document())
        return inventory

    @property
    def version(self) -> str:
        """Tells what stands in the store from what stood there before; empty: nothing does."""
        return self._version or ""

    def save(self) -> None:
        """Write it if it changed. Raises `Conflict` if another pass wrote it: then stop."""
        if self._store is None:
            return
        document = self._document()
        text = _text(document)
        if text != self._saved:
            self._version = self._store.put(self._key, to_body(document), self._version)
            self._saved = text

    def record(self, key: str, physical: str) -> Record:
        """The record of a resource; a new one if there is none, or for another name."""
        record = self.records.get(key)
        if record is None or record.physical != physical:
            record = self.records[key] = Record(physical)
        return record

    def knows(self) -> set[str]:
        """Keys of all that is remembered, whatever its kind."""
        return {*self.records, *self._others}

    @property
    def strange(self) -> set[str]:
        """Keys of kinds that only another release knows."""
        return set(self._others)

    def forget_spent(self, now: datetime) -> None:
        """What would be good for nothing by now need not be remembered as used."""
        stamp = now.isoformat()
        self.spent = {token: until for token, until in self.spent.items() if until > stamp}

    @property
    def _key(self) -> str:
        return f"inventory/{self.environment}.json"

    def _document(self) -> dict[str, Any]:
        """Not a copy: for writing down at once."""
        everything = {**self._others, **self.records}
        resources = {key: _said(record) for key, record in everything.items()}
        document = {
            "version": 1,
            "place": self.place,
            "parameters": self.parameters,
            "resources": resources,
        }
        return document | ({"spent": self.spent} if self.spent else {})


class _Body(BaseModel):
    """The object as it is written, also by a later release: what this one does not know, it
    leaves."""

    place: str
    parameters: Doc
    resources: dict[str, Record]
    spent: dict[str, str] = {}


def _said(record: Record) -> Doc:
    """As it is written. `watched` only if true: the release before did not know it."""
    said = vars(record)
    return said if record.watched else {k: v for k, v in said.items() if k != "watched"}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, default=str)


def remember(desired: Doc, left: Sequence[Change], last: Doc | None) -> Doc | None:
    """The new last-applied document: as desired, but for the changes that are `left` undone.

    Those keep what was last applied. Without any baseline it stays unknown until nothing is left,
    so that a difference we can't explain is not explained by our own forgetting. An entry that a
    newly declared map is yet to lose is kept as AWS has it: it was not added by anybody since.
    """
    undone = [c for c in left if c.cls not in ("undeclared", "owned")]
    if last is None and undone:
        return None
    if last == desired and not undone:
        return last
    new = copy.deepcopy(desired)
    for change in undone:
        parts: list[Part] = list(change.parts)
        for depth, part in enumerate(parts):
            if isinstance(part, int) or (isinstance(part, Entry) and part.in_list):
                parts = parts[:depth]
                put(new, parts, dig(last, parts))
                break
        else:
            newly = change.cause == "pending" and change.wanted is None and change.was is None
            put(new, parts, change.now if newly else change.was)
    return new


def digest(spec: Doc) -> str:
    """Tells one spec from another."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()[:16]
