"""Which resources there are, and what AWS says of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.handler import Found, Handler, Present, Target, Unknown
from controller.kindlib.reading import ENVIRONMENT_TAG
from controller.kinds import KINDS, handler_for


@dataclass(frozen=True)
class Selection:
    """What to import. Empty parts select everything; all parts must hold.

    kinds: of these kinds. names: physical names, `*` standing for anything. tags: carried by the
    resource, AWS's own (`aws:cloudformation:stack-name`) among them; an empty value is met by any.
    """

    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def named(self, name: str) -> bool:
        """Whether a physical name is meant."""
        return not self.names or any(_pattern(each).fullmatch(name) for each in self.names)

    def tagged(self, tags: Mapping[str, str]) -> bool:
        """Whether tags are meant, as far as they are people's: observed tags leave out AWS's."""
        theirs = {k: v for k, v in self.tags.items() if not _is_aws(k)}
        return all(k in tags and v in ("", tags[k]) for k, v in theirs.items())

    def marked(self, aws: Aws) -> frozenset[str] | None:
        """ARNs of what carries AWS's own tags that are asked for; None if none is asked for.

        Raises `AwsFailure`. All filters of a call must be met:
        https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
        """
        own = {k: v for k, v in self.tags.items() if _is_aws(k)}
        if not own:
            return None
        filters = [{"Key": k, "Values": [v] if v else []} for k, v in own.items()]
        found = aws.pages(
            "resourcegroupstaggingapi", "GetResources", "ResourceTagMappingList",
            {"TagFilters": filters, "ResourcesPerPage": 100},
        )  # fmt: skip
        return frozenset(each["ResourceARN"] for each in found)


def _is_aws(tag: str) -> bool:
    return tag.lower().startswith("aws:")


def _pattern(name: str) -> re.Pattern[str]:
    """A name in which `*` stands for anything, and nothing else for anything but itself."""
    return re.compile(re.escape(name).replace(r"\*", ".*"), re.DOTALL)


@dataclass(frozen=True)
class Live:
    """A resource that AWS has: how it was found, and its observed document."""

    handler: Handler
    target: Target
    present: Present

    @property
    def label(self) -> str:
        """`Kind physical-name`, for messages."""
        return f"{self.handler.kind} {self.target.name}"

    @property
    def arn(self) -> str:
        """As AWS's index of tags names it: a log group's without its `:*`."""
        return str(self.handler.output(self.present.doc).get("arn", "")).removesuffix(":*")


class Unreadable(Exception):
    """Nothing that was selected could be read. One reason a line."""


def find(aws: Aws, environment: str, selection: Selection) -> tuple[list[Live], list[str]]:
    """Every selected resource, by kind and name, and what could not be read.

    Raises `Unreadable` if no kind could be.
    """
    kinds = [kind for kind in KINDS if not selection.kinds or kind in selection.kinds]
    try:
        marked = selection.marked(aws)
    except AwsFailure as failure:
        raise Unreadable(f"AWS's own tags can't be read: {failure}") from None
    reasons: list[str] = []
    found: list[Live] = []
    unlisted = 0
    looks = [partial(_of_kind, aws, handler_for(kind), environment, selection) for kind in kinds]
    for kind, (live, wrong) in zip(kinds, aws.together(*looks), strict=True):
        reasons += [f"{kind}: {reason}" for reason in wrong]
        unlisted += bool(wrong and not live)
        found += [each for each in live if marked is None or each.arn in marked]
    if reasons and not found and unlisted == len(kinds):
        raise Unreadable("\n".join(reasons))
    return found, reasons


def _of_kind(
    aws: Aws, handler: Handler, environment: str, selection: Selection
) -> tuple[list[Live], list[str]]:
    try:
        names = [each for each in handler.discover(aws) if selection.named(each.name)]
    except AwsFailure as failure:
        return [], [f"can't be listed: {failure}"]
    names.sort(key=lambda each: (each.name, str(each.spec)))
    targets = [_target(aws, handler, environment, n, each) for n, each in enumerate(names)]
    return _observed(aws, handler, targets, selection)


def _observed(
    aws: Aws, handler: Handler, targets: Sequence[Target], selection: Selection
) -> tuple[list[Live], list[str]]:
    if not targets:
        return [], []
    observed = handler.observe(aws, targets)
    live: list[Live] = []
    wrong: list[str] = []
    for target in targets:
        seen = observed[target.key]
        if isinstance(seen, Unknown):
            wrong.append(f"{target.name} can't be read: {seen.reason}")
        elif isinstance(seen, Present) and selection.tags and "tags" in seen.unknown:
            wrong.append(f"the tags of {target.name} can't be read: {seen.unknown['tags']}")
        elif isinstance(seen, Present) and selection.tagged(_tags(handler, seen)):
            live.append(Live(handler, target, seen))
    return live, wrong


def _tags(handler: Handler, seen: Present) -> dict[str, str]:
    tags: Any = handler.to_spec(seen.doc).get("tags", {})
    return dict(tags)


def _target(aws: Aws, handler: Handler, environment: str, number: int, found: Found) -> Target:
    """As `observe` wants it: what is not known yet is left out of the spec."""
    tags = {ENVIRONMENT_TAG: environment}
    key = f"{handler.kind}/{number}"
    return Target(key, found.name, dict(found.spec), tags, aws.account, aws.region)
