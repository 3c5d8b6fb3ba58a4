"""ministack, with what the template needs and it lacks; it ends with whoever started it.

Run by ministack's own Python. Standard input is the line to the starter, and its end ends
everything. Each line is JSON: `{"kill": FUNCTION}`, whose workers are gone at once, as Lambda loses
a machine; or an event, which a service tells on its account's default bus. Callers may not: their
PutEvents are refused for sources of AWS's, here as there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

iam_action = iam_actions.extract_iam_action


def listen() -> None:
    """Do what the starter says, until it is gone."""
    for line in sys.stdin:
        said = json.loads(line)
        if "kill" in said:
            kill(said["kill"])
        else:
            tell(said)
    os.killpg(0, signal.SIGKILL)


def kill(function: str) -> None:
    """End what runs of a function."""
    for worker in [each for every in list(lambda_runtime._workers.values()) for each in every]:
        if worker.func_name == function and worker._proc:
            worker._proc.kill()


def tell(event: dict[str, Any]) -> None:
    """Put an event on the default bus of its account and region."""
    set_request_account_id(event["account"])
    set_request_region(event["region"])
    eventbridge._dispatch_event({
        "EventId": event["id"],
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": "default",
        "Time": time.time(),
        "Resources": event["resources"],
        "Account": event["account"],
        "Region": event["region"],
    })  # fmt: skip


def allow(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    """AWS::Events::EventBusPolicy."""
    statement = properties["Statement"]
    eventbridge._put_permission({
        "EventBusName": properties["EventBusName"],
        "StatementId": properties["StatementId"],
        "Principal": statement["Principal"],
        "Action": statement["Action"],
    })  # fmt: skip
    return f"{stack}-{logical_id}", {}


def permission(*request: Any) -> str | None:
    """The permission that a request needs: a batch of messages needs what a message does.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_sqs.html
    """
    found = iam_action(*request)
    return found.removesuffix("Batch") if found and found.startswith("sqs:") else found


def come_in_secret(source: str, secure: bool) -> None:
    """Callers come by plain HTTP, where on AWS there is TLS: what asks for that is content."""
    del secure
    iam_evaluator.pin_request_origin(source, True)


if __name__ == "__main__":
    app.pin_request_origin = come_in_secret
    iam_actions.extract_iam_action = permission
    policy = {"create": allow, "delete": lambda *_: None}
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = policy
    eventbridge._SCHEDULER_TICK_INTERVAL = 1  # the minute is a minute, not one of 60 to 70 seconds
    threading.Thread(target=listen, daemon=True).start()
    app.main()
