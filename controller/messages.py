"""What a trigger says to the worker: look at these environments. Keys, never an event.

A message to the FIFO queue names one environment, or a round: many of one place, which share their
reads. The group of one is its name, that of a round its place and the first of them: what keeps two
passes over one environment apart is the lease, not the queue. Ids are unique: content-based
deduplication would drop triggers for five minutes.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from controller.batching import batches

NAME = r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,39}"
"""What an environment may be called."""

MOST = 10
"""Messages of one SendMessageBatch."""

ROUND = 100
"""Environments of one message. More would share no more reads: that is what most lists take by
name, or what a page holds."""

Place = tuple[str, str]
"""Account and region."""

INTERVAL = "its interval is over"
"""The one reason that promises nothing new: what was read before may do (controller/kept.py)."""


class Poison(Exception):
    """A message that nobody of ours wrote: no retry will make sense of it."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at an environment. reason: why, for the log."""

    environment: str
    reason: str


def parse(body: str) -> list[Wake]:
    """A message's body. Raises `Poison`."""
    try:
        document = json.loads(body)
    except ValueError:
        raise Poison("no JSON") from None
    if not isinstance(document, dict):
        raise Poison("no map")
    one = document.get("environment")
    names = document.get("environments") if one is None else [one]
    if not isinstance(names, list) or not names or not all(map(_is_name, names)):
        raise Poison("names no environment")
    reason = document.get("reason", "")
    return [Wake(name, reason if isinstance(reason, str) else "") for name in names]


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(NAME, name) is not None


def alone(environment: str) -> None:
    """The place of what is to go into no round."""


def send(
    sqs: Any, queue_url: str, wakes: Iterable[Wake], place: Callable[[str], Place | None] = alone
) -> list[Wake]:
    """Send them, each environment once. Returns those that SQS refused.

    place: where an environment is; those of one place go together, those of none alone.
    """
    rounds = list(_rounds({wake.environment: wake for wake in wakes}.values(), place))
    failed: list[Wake] = []
    for batch in batches(rounds, MOST):
        entries = [
            {
                "Id": str(number),
                "MessageBody": _body(each),
                "MessageGroupId": group,
                "MessageDeduplicationId": uuid.uuid4().hex,
            }
            for number, (group, each) in enumerate(batch)
        ]
        reply = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        for entry in reply.get("Failed", ()):
            failed += batch[int(entry["Id"])][1]
    return failed


def _rounds(
    wakes: Iterable[Wake], place: Callable[[str], Place | None]
) -> Iterator[tuple[str, Sequence[Wake]]]:
    """What goes into one message, and its group."""
    together: dict[tuple[Place, str], list[Wake]] = {}
    for wake in wakes:
        there = place(wake.environment)
        if there is None:
            yield wake.environment, [wake]
        else:
            together.setdefault((there, wake.reason), []).append(wake)
    for (there, _), all_there in together.items():
        for each in batches(all_there, ROUND):
            alone = len(each) == 1
            yield each[0].environment if alone else "/".join((*there, each[0].environment)), each


def _body(wakes: Sequence[Wake]) -> str:
    names = [wake.environment for wake in wakes]
    named = {"environment": names[0]} if len(names) == 1 else {"environments": names}
    return json.dumps({**named, "reason": wakes[0].reason})
