"""Lists in parts: as many as one call of AWS's takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from controller.aws import Aws, AwsFailure

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def in_batches(
    aws: Aws, names: Sequence[str], size: int, ask: Callable[[Sequence[str]], Mapping[str, T]]
) -> tuple[dict[str, T], dict[str, AwsFailure]]:
    """What `ask` says of names, so many a call, and why nothing is known of others.

    A call is denied as a whole for one name that we may not read: then the others of its run are
    asked for one by one, so that nobody's name hides another's.
    """
    found: dict[str, T] = {}
    failed: dict[str, AwsFailure] = {}
    runs = list(batches(names, size))
    for final in (False, True):
        single: list[Sequence[str]] = []
        for run, answer in zip(runs, aws.gather(*(partial(ask, r) for r in runs)), strict=True):
            if not isinstance(answer, AwsFailure):
                found.update(answer)
            elif answer.failure == "denied" and len(run) > 1 and not final:
                single += [[name] for name in run]
            else:
                failed.update(dict.fromkeys(run, answer))
        runs = single
    return found, failed
