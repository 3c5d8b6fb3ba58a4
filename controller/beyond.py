"""What AWS's API has and our botocore has not: shown in replies, and sent back in requests.

botocore drops what its model does not know, and refuses to send it. A call that replaces a whole
resource (UpdateWebACL) would then take away what we never saw. So, for those calls alone, what is
beyond the model is put into the parsed reply where AWS had it, and leaves with a request likewise.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel, Shape

READ = {"wafv2": ("GetWebACL", "GetLoggingConfiguration", "ListLoggingConfigurations")}
WRITTEN = {"wafv2": ("CreateWebACL", "UpdateWebACL", "PutLoggingConfiguration")}
"""Operations by service; all of the JSON protocol."""

_Path = tuple[str | int, ...]
_KEY = "plumbline-beyond"


def attach(client: Any, service: str) -> None:
    """Let a client show and send what is beyond botocore's model, in the operations listed."""
    events = client.meta.events
    for operation in READ.get(service, ()):
        events.register(f"after-call.{service}.{operation}", _show)
    for operation in WRITTEN.get(service, ()):
        events.register(f"provide-client-params.{service}.{operation}", _set_aside)
        events.register(f"before-call.{service}.{operation}", _send)


def _show(http_response: Any, parsed: Any, model: OperationModel, **_: Any) -> None:
    shape = model.output_shape
    if http_response.status_code >= 300 or shape is None:
        return
    body = json.loads(http_response.content or b"{}")
    for name, member in shape.members.items():  # members of the reply itself are no one's setting
        if name in body and name in parsed:
            restore(parsed[name], body[name], member)


def restore(parsed: Any, raw: Any, shape: Shape) -> None:
    """Put into a parsed value what the raw one has beyond the shape."""
    if shape.type_name == "structure" and isinstance(parsed, dict) and isinstance(raw, Mapping):
        for name, value in raw.items():
            if name not in shape.members:
                if value is not None:
                    parsed[name] = value
            elif name in parsed:
                restore(parsed[name], value, shape.members[name])
    elif shape.type_name == "list" and isinstance(parsed, list) and len(parsed) == len(raw):
        for item, value in zip(parsed, raw, strict=True):
            restore(item, value, shape.member)
    elif shape.type_name == "map" and isinstance(parsed, dict):
        for key, item in parsed.items():
            restore(item, raw.get(key), shape.value)


def _set_aside(params: Any, model: OperationModel, context: dict[str, Any], **_: Any) -> Any:
    aside: list[tuple[_Path, Any]] = []
    clean = split(params, model.input_shape, (), aside)
    context[_KEY] = aside
    return clean


def split(value: Any, shape: Shape | None, at: _Path, aside: list[tuple[_Path, Any]]) -> Any:
    """The value without what is beyond the shape; that goes into `aside`, with its path."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, Mapping):
        out = {}
        for name, inner in value.items():
            if name in shape.members:
                out[name] = split(inner, shape.members[name], (*at, name), aside)
            else:
                aside.append(((*at, name), inner))
        return out
    if shape.type_name == "list" and isinstance(value, list):
        return [split(v, shape.member, (*at, i), aside) for i, v in enumerate(value)]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {k: split(v, shape.value, (*at, k), aside) for k, v in value.items()}
    return value


def _send(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    aside = context.get(_KEY)
    if not aside:
        return
    body = json.loads(params["body"])
    for path, value in aside:
        place = body
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    params["body"] = json.dumps(body, default=_base64).encode()


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"no JSON: {type(value).__name__}")
