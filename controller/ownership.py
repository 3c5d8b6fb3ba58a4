"""Whose a resource is: told by the tags it carries, or by our memory of having made it.

What AWS keeps no tags of is told by memory alone, what only others make by the file
(`Handler.held_by`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from controller.handler import Target
from controller.inventory import BORN, WHOLE, Record
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.policies import Doc


class Claim(Enum):
    """Who holds a resource: we; nobody (it carries no claim); another environment; not told."""

    OURS = "ours"
    NOBODY = "nobody"
    OTHER = "other"
    UNKNOWN = "unknown"


def claim(
    target: Target, live: Doc, unknown: Mapping[str, str], record: Record | None, identity: str
) -> Claim:
    """Who holds it. Tags decide; where ours were taken off, the identity we recorded does."""
    made = (
        record is not None and not record.watched and bool(identity) and record.identity == identity
    )
    if "tags" in unknown:
        return Claim.OURS if made else Claim.UNKNOWN
    tags = live.get("tags", {})
    holder = tags.get(ENVIRONMENT_TAG)
    if holder is None:
        return Claim.OURS if made else Claim.NOBODY
    wanted = (target.tags.get(ENVIRONMENT_TAG), target.tags.get(RESOURCE_TAG))
    if (holder, tags.get(RESOURCE_TAG)) == wanted:
        return Claim.OURS
    if made and holder == wanted[0]:
        return Claim.OURS
    return Claim.OTHER


def remembered(record: Record | None, identity: str, as_marked: Callable[[Doc], bool]) -> Claim:
    """Who holds what carries no tags: we, if we recorded it, or were cut off while we made it.

    as_marked: whether it is what the mark before the create says that it would be. Somebody else
    may have made one of that name since.
    """
    if record is None or record.watched:
        return Claim.NOBODY
    if record.identity:
        return Claim.OURS if record.identity == identity else Claim.NOBODY
    begun = bool({WHOLE, BORN} & set(record.settling)) and record.last is not None
    return Claim.OURS if begun and as_marked(record.last or {}) else Claim.NOBODY
