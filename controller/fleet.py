"""The environments of one control plane together: which there are, and their sum.

All of it is told by the state bucket: nothing here asks AWS, and nothing is kept in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from controller.messages import NAME
from controller.store import Store
from controller.telemetry import Metric
from controller.timetable import Entry


def environments(store: Store) -> list[str]:
    """Names of all environments that have a file, or had one. Raises `StoreFailure`.

    One whose file is gone is still ours to look after: a missing file is not an empty one. A file
    whose name no environment may have is none.
    """
    named = {*_named(store, "environments/", ".yaml"), *_named(store, "accepted/", ".json")}
    return sorted(name for name in named if re.fullmatch(NAME, name))


def _named(store: Store, prefix: str, suffix: str) -> list[str]:
    return [
        key.removeprefix(prefix).removesuffix(suffix)
        for key in store.list(prefix)
        if key.endswith(suffix) and key.count("/") == 1
    ]


def levels(entries: Iterable[Entry], now: datetime) -> list[Metric]:
    """How all environments stand: sums, and the longest time without convergence.

    Levels last until the next pass: if only passes told them, drift that stays would be unseen by
    an alarm in every minute without a pass.
    """
    each = list(entries)
    moment = now.timestamp()
    minutes = [(moment - e.since) / 60 for e in each if e.since]
    sums = {
        "DriftedResources": sum(e.drifted for e in each),
        "BlockedActions": sum(e.blocked for e in each),
        "UnknownResources": sum(e.unknown for e in each),
        "DesiredStateInvalid": sum(e.invalid for e in each),
    }
    found = [Metric(name, "Count", float(value)) for name, value in sums.items()]
    return [*found, Metric("MinutesSinceConverged", "None", max([0.0, *minutes]))]
