"""Reading helpers: tags, and errors turned into evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from controller.aws import Aws, AwsFailure
from controller.batching import batches
from controller.handler import Observation, Target, Unknown

T = TypeVar("T")

ENVIRONMENT_TAG = "plumbline:environment"
RESOURCE_TAG = "plumbline:resource"
TAG_INDEX = "resourcegroupstaggingapi:GetResources"
MOST_VALUES = 20
"""Values that one tag filter of GetResources takes."""


def environment_of(target: Target) -> str:
    """The environment that a target belongs to; empty for one that is yet to be imported."""
    return target.tags.get(ENVIRONMENT_TAG, "")


def all_unknown(targets: Iterable[Target], failure: AwsFailure) -> dict[str, Observation]:
    """Every target `Unknown` for the same reason."""
    return {t.key: Unknown(str(failure)) for t in targets}


def tag_map(tags: Iterable[Mapping[str, Any]] | None, key: str = "Key") -> dict[str, str]:
    """AWS's list of tags as a map, without AWS's own (case 164)."""
    value = "value" if key == "key" else "Value"
    return {t[key]: t.get(value, "") for t in tags or () if not t[key].lower().startswith("aws:")}


def tag_list(tags: Mapping[str, str], key: str = "Key") -> list[dict[str, str]]:
    """A map of tags as AWS's list, in a stable order."""
    value = "value" if key == "key" else "Value"
    return [{key: k, value: v} for k, v in sorted(tags.items())]


def tags_by_arn(aws: Aws, target: Target) -> dict[str, dict[str, str]]:
    """Tags of all that carries this environment's ownership tag, by ARN, in one paged read.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    The service lags behind: what it says is a hint, good for saying "as it should be".
    """
    together = _together(aws, target.tags[ENVIRONMENT_TAG])

    def read() -> dict[str, dict[str, str]]:
        found = aws.pages(
            "resourcegroupstaggingapi",
            "GetResources",
            "ResourceTagMappingList",
            {
                "TagFilters": [{"Key": ENVIRONMENT_TAG, "Values": list(together)}],
                "ResourcesPerPage": 100,
            },
        )
        return {r["ResourceARN"]: tag_map(r.get("Tags")) for r in found}

    found: dict[str, dict[str, str]] = aws.once(("tags", together), read)
    return found


def tags_seen(aws: Aws, environment: str) -> dict[str, dict[str, str]] | None:
    """What `tags_by_arn` read in this pass already, of all environments that share the read; None
    if nothing needed it or AWS did not answer."""
    found: dict[str, dict[str, str]] | None = aws.made(("tags", _together(aws, environment)))
    return found


def _together(aws: Aws, environment: str) -> Sequence[str]:
    """The environments whose tags are read at once with this one's."""
    runs = batches(aws.environments, MOST_VALUES)
    return next((run for run in runs if environment in run), (environment,))


def tag_hint(aws: Aws, target: Target, arn: str) -> dict[str, str] | None:
    """What the shared index says of one resource's tags; None if nothing."""
    try:
        return tags_by_arn(aws, target).get(arn)
    except AwsFailure:
        return None


def tags_of(
    aws: Aws, target: Target, arn: str, ask: Callable[[], dict[str, str]]
) -> dict[str, str]:
    """The tags of one resource: by the shared hint if it says what we want, else from the source.

    ask: reads them from the resource's own service. Raises `AwsFailure` if neither answers.
    """
    hint = tag_hint(aws, target, arn)
    if hint is not None and target.tags.items() <= hint.items():
        return hint
    return ask()


def common_prefix(names: Sequence[str]) -> str:
    """What all names begin with: the narrowest filter by prefix that finds them all."""
    low, high = min(names), max(names)
    for index, letter in enumerate(low):
        if index >= len(high) or high[index] != letter:
            return low[:index]
    return low
