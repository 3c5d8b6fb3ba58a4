"""A reply that AWS can't have sent is no answer: not an empty list, and not the end of the pass.

botocore reads a page of HTML from something in between, or a body cut short, as a reply in which
nothing stands (JSON, EC2), or stumbles over it (XML). "No log groups" would be made of it then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.model import OperationModel

_ROOT = re.compile(rb"<(?![?!])(?:\w+:)?(\w+)")


class Senseless(BotoCoreError):  # type: ignore[misc]  # botocore ships no types
    """What came back is not what the operation replies."""

    fmt = "the reply to {operation} is not one of AWS's"


def attach(client: Any) -> None:
    """Let a client raise `Senseless` instead of reading what makes no sense."""
    client.meta.events.register("before-parse", _check)


def _check(operation_model: OperationModel, response_dict: Mapping[str, Any], **_: Any) -> None:
    shape = operation_model.output_shape
    if response_dict["status_code"] >= 300 or shape is None or not shape.members:
        return
    body: bytes = response_dict["body"]
    protocol = operation_model.service_model.resolved_protocol
    if protocol == "json":
        whole = body.strip()
        sound = whole.startswith(b"{") and whole.endswith(b"}")
    elif protocol in ("query", "ec2"):
        root = _ROOT.search(body)
        sound = root is not None and root[1].endswith(b"Response")
    else:
        sound = True
    if not sound:
        raise Senseless(operation=operation_model.name)
