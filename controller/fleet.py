"""The environments of one control plane together: which there are, which are due, their sum.

All of it is told by the state bucket: nothing here asks AWS, and nothing is kept in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import yaml

from controller.envelope import EnvironmentSpec, seconds
from controller.sources import StoreSource
from controller.store import Store, Stored
from controller.telemetry import FLEET, Metric

SLACK = timedelta(seconds=30)
"""A tick comes early or late by seconds: half a minute short of the interval is due."""

HURRY = timedelta(hours=1)
"""So long after it stopped being converged, an environment is looked at on every tick. Longer is a
matter for a person, and waits for its interval again."""


@dataclass(frozen=True, slots=True)
class Look:
    """An environment, by what its last pass left.

    due: why it is to be looked at now, in words; empty if it is not. last: when its last pass
    began; None if none ever held the lease. status: its status document, empty if there is none.
    """

    environment: str
    due: str
    last: datetime | None = None
    status: Mapping[str, Any] = field(default_factory=dict)


def environments(store: Store) -> list[str]:
    """Names of all environments that have a file, or had one. Raises `StoreFailure`.

    One whose file is gone is still ours to look after: a missing file is not an empty one.
    """
    prefix, suffix = "accepted/", ".json"
    accepted = [
        key.removeprefix(prefix).removesuffix(suffix)
        for key in store.list(prefix)
        if key.endswith(suffix) and key.count("/") == 1
    ]
    return sorted({*StoreSource(store).environments(), *accepted})


def look(store: Store, environment: str, now: datetime) -> Look:
    """Whether an environment is due. Raises `StoreFailure`.

    It is when its interval is over; and at once when its file is not the revision in force: there
    is a new one to take up, or a broken one that somebody is mending.
    """
    status = _document(store.get(f"status/{environment}.json"))
    last = _time(_document(store.get(f"leases/{environment}.json")).get("started"))
    why = _why(store, environment, status, last, now)
    return Look(environment, why, last, status)


def _why(
    store: Store, environment: str, status: Mapping[str, Any], last: datetime | None, now: datetime
) -> str:
    if not status or last is None:
        return "never looked at"
    found = StoreSource(store).read(environment)
    if found is None or revision(found.body) != status.get("revision"):
        return "its file is not the revision in force"
    since = _time(status.get("notConvergedSince"))
    if since is not None and now - since < HURRY:
        return "not converged yet"
    if now - last >= timedelta(seconds=interval_s(found.body)) - SLACK:
        return "its interval is over"
    return ""


def revision(text: bytes) -> str:
    """The revision of a desired-state file, as `Environment.revision` has it."""
    return hashlib.sha256(text).hexdigest()[:12]


def interval_s(text: bytes) -> int:
    """Seconds between two passes, by a file that is known to be sound: only its head is parsed."""
    for head in yaml.safe_load_all(text):
        if isinstance(head, dict) and head.get("kind") == "Environment":
            return seconds(head.get("spec", {}).get("interval", EnvironmentSpec().interval))
    return 0


def standing(status: Mapping[str, Any], now: datetime) -> dict[str, float]:
    """What an environment adds to the fleet in a round that made no pass over it.

    Levels last until the next pass: without them, drift that stays would be seen by an alarm only
    in the minute of a pass. `ActionsFailed` counts happenings and has no level.
    """
    conditions = [r["conditions"] for r in status.get("resources", {}).values()]
    since = _time(status.get("notConvergedSince"))
    return {
        "DriftedResources": sum(1.0 for c in conditions if c["Drifted"]["status"] == "True"),
        "BlockedActions": sum(1.0 for c in conditions if c["Blocked"]["status"] == "True"),
        "UnknownResources": sum(1.0 for c in conditions if c["Observed"]["status"] != "True"),
        "DesiredStateInvalid": 0.0 if status.get("desiredState", {}).get("valid", True) else 1.0,
        "MinutesSinceConverged": (now - since).total_seconds() / 60 if since else 0.0,
    }


def fleet(
    passes: Iterable[Sequence[Metric]], others: Iterable[Mapping[str, Any]], now: datetime
) -> list[Metric]:
    """The metrics of `FLEET` over all environments: sums, and the longest time.

    passes: the metrics of the passes of this round. others: the status documents of the rest.
    """
    units = dict.fromkeys(FLEET, "Count") | {"MinutesSinceConverged": "None"}
    rows = [{m.name: m.value for m in found} for found in passes]
    rows += [standing(status, now) for status in others]
    return [
        Metric(name, unit, (max if name == "MinutesSinceConverged" else sum)(
            [0.0, *(row.get(name, 0.0) for row in rows)]
        ))
        for name, unit in units.items()
    ]  # fmt: skip


def _document(found: Stored | None) -> dict[str, Any]:
    """A stored JSON object; what is missing or broken is as good as never written."""
    try:
        document = found.json if found else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) and text else None
    except ValueError:
        return None
