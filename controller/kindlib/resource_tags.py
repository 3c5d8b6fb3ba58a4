"""Tags as RDS and ElastiCache keep them: the same three operations in both.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AddTagsToResource.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.aws import Aws
from controller.diff import Change
from controller.handler import Action
from controller.kindlib.planning import paths, tag_changes
from controller.kindlib.reading import tag_list, tag_map


def reader(aws: Aws, service: str, arn: str) -> Callable[[], dict[str, str]]:
    """What asks the service itself for the tags of `arn`."""

    def ask() -> dict[str, str]:
        reply = aws.read(service, "ListTagsForResource", {"ResourceName": arn})
        return tag_map(reply.get("TagList"))

    return ask


def tag_actions(service: str, arn: str, changes: Sequence[Change]) -> list[Action]:
    """The calls that make these changes to `tags`."""
    put, gone = tag_changes(changes)
    actions = []
    if put:
        done = paths([c for c in changes if c.wanted is not None])
        params = {"ResourceName": arn, "Tags": tag_list(put)}
        actions.append(Action(service, "AddTagsToResource", params, done, step="tag"))
    if gone:
        done = paths([c for c in changes if c.wanted is None])
        untag = {"ResourceName": arn, "TagKeys": gone}
        actions.append(Action(service, "RemoveTagsFromResource", untag, done, step="untag"))
    return actions
