"""Tags, which every service keeps alike: `store["_tags"]`, ARN → {key: value}.

That dict is the single source of a resource's tags: the tagging API reads it over all services.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.errors import AwsError
from sandbox.registry import Context
from sandbox.world import Store

MAX_TAGS = 50


def tags_of(store: Store, arn: str) -> dict[str, str]:
    """The tags of one resource, to read and change."""
    tags: dict[str, str] = store.setdefault("_tags", {}).setdefault(arn, {})
    return tags


def put_tags(store: Store, arn: str, new: Mapping[str, str], code: str) -> None:
    """Add or overwrite tags; `code` is how this service refuses bad ones."""
    check_tags(new, code)
    tags = tags_of(store, arn)
    if len(tags | dict(new)) > MAX_TAGS:
        raise AwsError(code, f"A resource can have at most {MAX_TAGS} tags")
    tags.update(new)


def remove_tags(store: Store, arn: str, keys: Iterable[str], code: str) -> None:
    """Remove tags; keys that are not there are ignored, as AWS does."""
    for key in keys:
        if key.lower().startswith("aws:"):
            raise AwsError(code, "aws: prefixed tag key names are not allowed for external use.")
        tags_of(store, arn).pop(key, None)


def forget_tags(store: Store, arn: str) -> None:
    """Drop a deleted resource's tags."""
    store.get("_tags", {}).pop(arn, None)


def check_tags(tags: Mapping[str, str], code: str) -> None:
    """Refuse what only AWS may write, and too many."""
    for key in tags:
        if key.lower().startswith("aws:"):
            raise AwsError(code, "aws: prefixed tag key names are not allowed for external use.")
    if len(tags) > MAX_TAGS:
        raise AwsError(code, f"A resource can have at most {MAX_TAGS} tags")


def from_pairs(pairs: Iterable[Mapping[str, str]] | None, code: str) -> dict[str, str]:
    """`[{"Key": …, "Value": …}]` as a dict; a key given twice is refused."""
    tags: dict[str, str] = {}
    for pair in pairs or ():
        if pair["Key"] in tags:
            raise AwsError(code, f"Duplicate tag key: {pair['Key']}")
        tags[pair["Key"]] = pair.get("Value", "")
    check_tags(tags, code)
    return tags


def to_pairs(ctx: Context, tags: Mapping[str, str]) -> list[Any]:
    """The tags as `[{"Key": …, "Value": …}]`, in an order of AWS's choosing."""
    return ctx.shuffled({"Key": key, "Value": value} for key, value in tags.items())
