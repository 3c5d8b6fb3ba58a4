"""SQS: FIFO queues with groups, deduplication, visibility and dead letters, on the sandbox's clock.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context, Params, Reply, behaviour

Queue = dict[str, Any]
GUIDE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
API = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/"
DEDUPLICATED_FOR = timedelta(minutes=5)


def _queue(ctx: Context, params: Params) -> Queue:
    found: Queue | None = ctx.store.get(params["QueueUrl"])
    if found is None:
        raise AwsError(
            "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."
        )
    return found


@behaviour(
    "sqs", "CreateQueue", "QueueName Attributes", evidence="documented",
    source=f"{API}API_CreateQueue.html: the name of a FIFO queue ends in .fifo",
)  # fmt: skip
def create_queue(ctx: Context, params: Params) -> Reply:
    """A FIFO queue; others are not simulated."""
    name, attributes = params["QueueName"], dict(params.get("Attributes", {}))
    if attributes.get("FifoQueue") != "true" or not name.endswith(".fifo"):
        raise NotSimulated("sqs:CreateQueue: a queue that is not FIFO")
    url = f"https://sqs.{ctx.region}.amazonaws.com/{ctx.account}/{name}"
    attributes = {"VisibilityTimeout": "30", **attributes, "QueueArn": ctx.arn(name)}
    ctx.store.setdefault(url, {"attributes": attributes, "messages": [], "seen": {}})
    return {"QueueUrl": url}


@behaviour(
    "sqs", "GetQueueAttributes", "QueueUrl AttributeNames", evidence="documented",
    source=f"{API}API_GetQueueAttributes.html",
)  # fmt: skip
def get_queue_attributes(ctx: Context, params: Params) -> Reply:
    """All attributes, with the numbers of messages."""
    queue = _queue(ctx, params)
    hidden = [m for m in queue["messages"] if m["until"] > ctx.now]
    counts = {
        "ApproximateNumberOfMessages": str(len(queue["messages"]) - len(hidden)),
        "ApproximateNumberOfMessagesNotVisible": str(len(hidden)),
    }
    return {"Attributes": {**queue["attributes"], **counts}}


@behaviour(
    "sqs", "SendMessageBatch", "QueueUrl Entries", evidence="documented",
    source=f"{GUIDE}FIFO-queues-exactly-once-processing.html: a message with a deduplication id of "
    "the last five minutes is taken and not delivered; group and id are required",
)  # fmt: skip
def send_message_batch(ctx: Context, params: Params) -> Reply:
    """Each entry's own success or failure."""
    queue = _queue(ctx, params)
    if len(params["Entries"]) > 10:
        raise AwsError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum is 10.")
    done, failed = [], []
    for entry in params["Entries"]:
        missing = [k for k in ("MessageGroupId", "MessageDeduplicationId") if not entry.get(k)]
        if missing:
            said = f"The request must contain the parameter {missing[0]}."
            fault = {"SenderFault": True, "Code": "MissingParameter", "Message": said}
            failed.append({"Id": entry["Id"], **fault})
            continue
        done.append(_sent(ctx, queue, entry))
    return {"Successful": done, "Failed": failed} if failed else {"Successful": done}


def _sent(ctx: Context, queue: Queue, entry: Params) -> dict[str, Any]:
    dedup = (entry["MessageGroupId"], entry["MessageDeduplicationId"])
    before = queue["seen"].get(dedup)
    if before and before[1] + DEDUPLICATED_FOR > ctx.now:
        message_id = before[0]
    else:
        message_id = ctx.uuid()
        queue["seen"][dedup] = (message_id, ctx.now)
        queue["messages"].append({
            "id": message_id, "group": entry["MessageGroupId"], "body": entry["MessageBody"],
            "dedup": dedup[1], "sent": ctx.now, "received": 0, "until": ctx.now, "receipt": "",
        })  # fmt: skip
    digest = hashlib.md5(entry["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"Id": entry["Id"], "MessageId": message_id, "MD5OfMessageBody": digest}


@behaviour(
    "sqs", "ReceiveMessage",
    "QueueUrl MaxNumberOfMessages AttributeNames MessageSystemAttributeNames",
    evidence="documented",
    source=f"{GUIDE}FIFO-queues-understanding-logic.html: while a message of a group is invisible "
    "no other of that group is delivered; sqs-dead-letter-queues.html: one that was received "
    "maxReceiveCount times goes to the dead-letter queue instead",
)  # fmt: skip
def receive_message(ctx: Context, params: Params) -> Reply:
    """Up to ten visible messages, in order within their groups."""
    queue = _queue(ctx, params)
    _bury(ctx, queue)
    blocked = {m["group"] for m in queue["messages"] if m["until"] > ctx.now}
    hide = timedelta(seconds=int(queue["attributes"]["VisibilityTimeout"]))
    free = [m for m in queue["messages"] if m["group"] not in blocked]
    taken = free[: params.get("MaxNumberOfMessages", 1)]
    for message in taken:
        message["received"] += 1
        message["until"], message["receipt"] = ctx.now + hide, ctx.token(length=24)
    return {"Messages": [_shown(m) for m in taken]} if taken else {}


def _bury(ctx: Context, queue: Queue) -> None:
    policy = json.loads(queue["attributes"].get("RedrivePolicy", "{}"))
    if not policy:
        return
    target = policy["deadLetterTargetArn"]
    dead = next(q for q in ctx.store.values() if q["attributes"]["QueueArn"] == target)
    most = int(policy["maxReceiveCount"])
    spent = [m for m in queue["messages"] if m["received"] >= most and m["until"] <= ctx.now]
    for message in spent:
        queue["messages"].remove(message)
        dead["messages"].append({**message, "received": 0, "until": ctx.now})


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.md5(message["body"].encode(), usedforsecurity=False).hexdigest()
    return {
        "MessageId": message["id"], "ReceiptHandle": message["receipt"], "Body": message["body"],
        "MD5OfBody": digest,
        "Attributes": {
            "SentTimestamp": str(int(message["sent"].timestamp() * 1000)),
            "ApproximateReceiveCount": str(message["received"]),
            "MessageGroupId": message["group"], "MessageDeduplicationId": message["dedup"],
        },
    }  # fmt: skip


@behaviour(
    "sqs", "DeleteMessageBatch", "QueueUrl Entries", evidence="documented",
    source=f"{API}API_DeleteMessageBatch.html",
)  # fmt: skip
def delete_message_batch(ctx: Context, params: Params) -> Reply:
    """Forget messages by their newest receipts."""
    queue = _queue(ctx, params)
    receipts = {entry["ReceiptHandle"] for entry in params["Entries"]}
    queue["messages"] = [m for m in queue["messages"] if m["receipt"] not in receipts]
    return {"Successful": [{"Id": entry["Id"]} for entry in params["Entries"]]}
