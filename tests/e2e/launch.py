"""ministack, with what the template needs and it lacks; it ends with whoever started it.

Run by ministack's own Python. Standard input is the line to the starter: each line names a function
whose workers are killed at once, as Lambda loses a machine; its end ends everything.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners


def listen() -> None:
    """Do what the starter says, until it is gone."""
    for line in sys.stdin:
        workers = [each for every in list(lambda_runtime._workers.values()) for each in every]
        for worker in workers:
            if worker.func_name == line.strip() and worker._proc:
                worker._proc.kill()
    os.killpg(0, signal.SIGKILL)


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


if __name__ == "__main__":
    policy = {"create": allow, "delete": lambda *_: None}
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = policy
    eventbridge._SCHEDULER_TICK_INTERVAL = 1  # the minute is a minute, not one of 60 to 70 seconds
    threading.Thread(target=listen, daemon=True).start()
    app.main()
