"""Constraints in botocore's model that its client does not check: maxima, patterns, enums.

AWS refuses such values before it looks at anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from sandbox.errors import AwsError

CODES = {
    "wafv2": "ValidationException",
    "logs": "InvalidParameterException",
    "secretsmanager": "ValidationException",
    "cloudwatch": "ValidationError",
    "resourcegroupstaggingapi": "InvalidParameterException",
}
"""How the services that are checked here refuse; others are not checked."""


def check_limits(service: str, input_shape: Any, params: dict[str, Any]) -> None:
    """Refuse parameters that break a constraint in the service model."""
    code = CODES.get(service)
    if code is None or input_shape is None:
        return
    found = list(_violations(input_shape, params, ""))
    if found:
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
        raise AwsError(code, count + "; ".join(found))


def _violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "structure":
            for name, member in value.items():
                yield from _violations(shape.members[name], member, f"{path}.{name}".lstrip("."))
        case "list":
            yield from _size(value, low, high, path)
            for number, member in enumerate(value, 1):
                yield from _violations(shape.member, member, f"{path}.{number}.member")
        case "map":
            yield from _size(value, low, high, path)
            for key, member in value.items():
                yield from _violations(shape.key, key, f"{path}.{key}.key")
                yield from _violations(shape.value, member, f"{path}.{key}.value")
        case "string":
            yield from _size(value, low, high, path)
            enum, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
            if enum and value not in enum:
                yield _failed(value, path, f"satisfy enum value set: {list(enum)}")
            if pattern and not _compiled(pattern).fullmatch(value):
                yield _failed(value, path, f"satisfy regular expression pattern: {pattern}")
        case "integer" | "long" | "double" | "float":
            if low is not None and value < low:
                yield _failed(value, path, f"have value greater than or equal to {low}")
            if high is not None and value > high:
                yield _failed(value, path, f"have value less than or equal to {high}")
        case _:
            pass


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A Java pattern for Python, which has no classes of characters by their Unicode category."""
    if "\\p{" not in pattern:
        return re.compile(pattern, re.ASCII | re.DOTALL)
    for category, close in (("L", r"\w"), ("N", r"\d"), ("Z", r"\s")):
        pattern = pattern.replace(f"\\p{{{category}}}", close)
    return re.compile(pattern, re.DOTALL)


def _size(value: Any, low: int | None, high: int | None, path: str) -> Iterator[str]:
    if low is not None and len(value) < low:
        yield _failed(value, path, f"have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        yield _failed(value, path, f"have length less than or equal to {high}")


def _failed(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}"
