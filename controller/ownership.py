"""Whose a resource is: told by the tags it carries, or by our memory of having made it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from controller.handler import Target
from controller.inventory import Record
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
