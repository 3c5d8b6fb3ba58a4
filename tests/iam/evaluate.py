"""IAM's evaluation, as far as our policies need it: identity policies that allow.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
An operator that is not known here is an error, never a match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.permissions import Statement, filled


@dataclass(frozen=True)
class Request:
    """What IAM is asked. context: condition keys of the request. why: the call that asks."""

    action: str
    resource: str
    why: str = ""
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}" + (f" ({self.why})" if self.why else "")


def allowing(statements: Iterable[Statement], request: Request) -> list[Statement]:
    """The statements that allow a request; none: it is denied."""
    return [
        each
        for each in statements
        if any(matches(pattern, request.action, case=False) for pattern in each.actions)
        and any(matches(pattern, request.resource) for pattern in each.resources)
        and met(each.conditions, request.context)
    ]


def met(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Whether all conditions hold; a key that the request lacks holds none of ours."""
    return all(
        any(_holds(operator, filled(value), context.get(key)) for value in _several(wanted))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, wanted: str, found: str | None) -> bool:
    if operator == "Null":
        return (found is None) is (wanted == "true")
    if operator not in ("StringEquals", "StringLike", "Bool", "ArnLike"):
        raise ValueError(f"found the operator {operator}, which this judge does not know")
    if found is None:
        return False
    return matches(wanted, found) if operator.endswith("Like") else wanted == found


def matches(pattern: str, text: str, *, case: bool = True) -> bool:
    """Whether a text is of a pattern with `*` and `?`."""
    return bool(_pattern(pattern, case).fullmatch(text))


@cache
def _pattern(pattern: str, case: bool) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.S if case else re.S | re.I)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
