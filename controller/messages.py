"""What a trigger says to the worker: look at this environment. A key, never an event.

A message to the FIFO queue; its group is the environment, so that passes over one of them follow
one another. Ids are unique: content-based deduplication would drop triggers for five minutes.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from controller.batching import batches

NAME = r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,39}"
"""What an environment may be called."""

MOST = 10
"""Messages of one SendMessageBatch."""
INTERVAL = "its interval is over"
"""The one reason that promises nothing new: what was read before may do (controller/kept.py)."""


class Poison(Exception):
    """A message that nobody of ours wrote: no retry will make sense of it."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at an environment. reason: why, for the log."""

    environment: str
    reason: str

    @property
    def body(self) -> str:
        """As it is sent."""
        return json.dumps({"environment": self.environment, "reason": self.reason})


def parse(body: str) -> Wake:
    """A message's body. Raises `Poison`."""
    try:
        document = json.loads(body)
    except ValueError:
        raise Poison("no JSON") from None
    if not isinstance(document, dict):
        raise Poison("no map")
    environment, reason = document.get("environment"), document.get("reason", "")
    if not isinstance(environment, str) or not re.fullmatch(NAME, environment):
        raise Poison("names no environment")
    return Wake(environment, reason if isinstance(reason, str) else "")


def send(sqs: Any, queue_url: str, wakes: Iterable[Wake]) -> list[Wake]:
    """Send them, ten a call, each environment once. Returns those that SQS refused."""
    each = {wake.environment: wake for wake in wakes}
    failed: list[Wake] = []
    for batch in batches(list(each.values()), MOST):
        entries = [
            {
                "Id": str(number),
                "MessageBody": wake.body,
                "MessageGroupId": wake.environment,
                "MessageDeduplicationId": uuid.uuid4().hex,
            }
            for number, wake in enumerate(batch)
        ]
        reply = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        failed += [batch[int(entry["Id"])] for entry in reply.get("Failed", ())]
    return failed
