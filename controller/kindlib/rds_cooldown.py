"""Six hours between two changes of an instance's storage, known before AWS has to refuse.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.html
(Where a newer page allows four changes a day, six hours between two of them keep within that.)
DescribeDBInstances does not say when storage was last changed; the instance's events do, those of
storage autoscaling, too:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.kindlib.rds_storage import PARAMETERS

WAIT = timedelta(hours=6)
READ = "rds:DescribeEvents"
_DONE = re.compile(r"(?i)finished applying .*\b(storage|iops)\b")
_REFUSED = re.compile(r"(?i)storage.*\b(optimiz|being modified|6 hours|six hours)")


def touches_storage(params: Mapping[str, Any]) -> bool:
    """True for a ModifyDBInstance that changes storage."""
    return not params.keys().isdisjoint(PARAMETERS.values())


def check_cooldown(aws: Aws, name: str, call: str) -> None:
    """Raises `AwsFailure` (busy) within six hours of the last change of storage.

    Where the events can't be read, AWS itself will have to say so.
    """
    request = {
        "SourceIdentifier": name,
        "SourceType": "db-instance",
        "EventCategories": ["configuration change"],
        "Duration": int(WAIT.total_seconds() // 60),
    }
    try:
        events = aws.pages("rds", "DescribeEvents", "Events", request)
    except AwsFailure:
        return
    dates = [e["Date"] for e in events if e.get("Date") and _DONE.search(e.get("Message", ""))]
    if dates:
        last, free = max(dates), max(dates) + WAIT
        raise AwsFailure(
            "busy",
            "StorageCooldown",
            f"its storage was changed at {last:%Y-%m-%d %H:%M} UTC, and AWS takes the next change "
            f"six hours later, from {free:%H:%M} on",
            call,
        )


def as_busy(failure: AwsFailure) -> AwsFailure:
    """The same failure, as one that passes by itself if it is about storage just changed."""
    if failure.failure == "invalid" and _REFUSED.search(failure.message):
        return AwsFailure("busy", failure.code, failure.message, failure.call)
    return failure
