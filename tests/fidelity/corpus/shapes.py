"""What botocore's models say of a reply, and where a recorded one contradicts them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError, Shape

_FOLDERS = {"monitoring": ("cloudwatch",), "elasticloadbalancing": ("elbv2", "elb")}
"""Where a folder is called by the service's end point, and not as botocore calls the service."""


@cache
def model(service: str) -> Any:
    """botocore's model of a service. Raises `UnknownServiceError`."""
    return _session().get_service_model(service)


@cache
def _session() -> Any:
    return botocore.session.Session()


def services_of(folder: str) -> tuple[str, ...]:
    """What a folder of recordings may be, as botocore calls it."""
    return _FOLDERS.get(folder, (folder,))


def output_shape(service: str, operation: str) -> Shape | None:
    """The shape of an operation's reply; None if botocore knows no such operation."""
    try:
        shape: Shape | None = model(service).operation_model(operation).output_shape
    except (UnknownServiceError, OperationNotFoundError):
        return None
    return shape


def contradictions(shape: Shape, value: Any, where: str = "") -> Iterator[str]:
    """Every place where a recorded value is not what the model says: another type, or a member
    that the shape does not have. A missing member contradicts nothing: AWS leaves out what is new.
    A text that no enumeration lists neither: AWS adds values faster than botocore is released.
    """
    kind = shape.type_name
    at = where or "the reply"
    if kind == "structure":
        if not isinstance(value, dict) or "__class__" in value:
            yield f"{at}: {_said(value)}, where the model has a structure"
            return
        for name, inner in value.items():
            here = f"{where}.{name}" if where else name
            if name in shape.members:
                yield from contradictions(shape.members[name], inner, here)
            elif here != "ResponseMetadata":
                yield f"{here}: the model knows no such member of {shape.name}"
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{at}: {_said(value)}, where the model has a list"
            return
        for index, item in enumerate(value):
            yield from contradictions(shape.member, item, f"{where}[{index}]")
    elif kind == "map":
        if not isinstance(value, dict) or "__class__" in value:
            yield f"{at}: {_said(value)}, where the model has a map"
            return
        for key, item in value.items():
            yield from contradictions(shape.value, item, f"{where}[{key}]")
    elif not _fits(kind, value):
        yield f"{at}: {_said(value)}, where the model has a {kind}"


def skeleton(value: Any) -> str:
    """Why a value is none of AWS's but the documentation's pattern of a reply, in which every text
    is the word `string`; empty if it is none."""
    texts = list(_texts(value))
    words = sum(text == "string" for text in texts)
    if words * 2 > len(texts):
        return f"{words} of its {len(texts)} texts are the word string: a pattern, not a reply"
    return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)) and "__class__" not in value:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _said(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _fits(kind: str, value: Any) -> bool:
    if kind in ("string", "character"):
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "long"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("float", "double"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "timestamp":
        return _date(value) is not None
    return isinstance(value, bytes) or (isinstance(value, str) and _blob(value) is not None)


def _date(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, dict) or value.get("__class__") != "datetime":
        return None
    parts = {k: v for k, v in value.items() if k != "__class__"}
    try:
        return datetime(**parts, tzinfo=UTC)
    except (TypeError, ValueError):
        return None


def _blob(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def parsed(shape: Shape, value: Any) -> Any:
    """A recorded value as botocore's parser gives it. It contradicts nothing."""
    kind = shape.type_name
    if kind == "structure":
        return {k: parsed(shape.members[k], v) for k, v in value.items() if k in shape.members}
    if kind == "list":
        return [parsed(shape.member, item) for item in value]
    if kind == "map":
        return {key: parsed(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        return _date(value)
    return _blob(value) if kind == "blob" and isinstance(value, str) else value
