"""Orphans: what carries our ownership tags, and neither the file nor our memory tells of it.

Something that was left behind: by a memory that was lost after a removal, by a copy made with all
its tags, by a restored database. They are told and never touched (docs/decisions/0029).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.redact import HIDDEN

LINGERS = timedelta(minutes=15)
"""For so long the index of tags may still show what was deleted."""

MOST = 100
"""Orphans that are told of one environment."""

_TRACES = re.compile(r":ecs:.*:(task-definition|task)/|:(rds|elasticache):.*:(cluster-)?snapshot:")
"""What keeps the tags of what it was made of: revisions and runs of services and tasks, snapshots.
"""


_KEY = re.compile(r"[A-Z][A-Za-z]{1,40}/[a-z][a-z0-9-]{0,39}")
"""What we write into the tag. What else stands there somebody typed, and it may be a secret."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """One of them. key: `Kind/name`, as its tag says; hidden if that says something else. since:
    when it was first seen so."""

    arn: str
    key: str
    since: datetime

    def told(self, now: datetime) -> bool:
        """It counts: what is only about to vanish from the index has done so by now."""
        return now - self.since >= LINGERS


def find(
    environment: str, tags: Mapping[str, Mapping[str, str]], known: Collection[str]
) -> dict[str, str]:
    """Key by ARN of all orphans. tags: the index, by ARN. known: keys of the file and of our
    memory."""
    return {
        arn: marks[RESOURCE_TAG] if _KEY.fullmatch(marks[RESOURCE_TAG]) else HIDDEN
        for arn, marks in sorted(tags.items())
        if marks.get(ENVIRONMENT_TAG) == environment
        and marks.get(RESOURCE_TAG) not in (None, *known)
        and not _TRACES.search(arn)
    }


def row(orphan: Orphan) -> dict[str, str]:
    """An orphan for programs."""
    return {"arn": orphan.arn, "resource": orphan.key, "since": orphan.since.isoformat()}


def rows(
    found: Mapping[str, str] | None, before: Iterable[Mapping[str, Any]], now: datetime
) -> list[dict[str, str]]:
    """What the status says of them. found: None if the index could not be read, or was not needed:
    then what stood there stands. before: rows of the status before."""
    if found is None:
        return [row(each) for each in parse(before)]
    since = {each.arn: each.since for each in parse(before)}
    return [row(Orphan(a, key, since.get(a, now))) for a, key in list(found.items())[:MOST]]


def parse(told: Iterable[Mapping[str, Any]]) -> list[Orphan]:
    """The rows of a status; `earlier` has looked at their form."""
    return [Orphan(r["arn"], r["resource"], datetime.fromisoformat(r["since"])) for r in told]
