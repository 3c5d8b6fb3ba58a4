"""What AWS shows of a web ACL and our botocore has no name for: newer than this release.

It is no part of a spec, and so no drift; a call that replaces everything sends it back as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from botocore.model import Shape

from controller.kindlib.aws_shapes import shape_of

UNIONS = frozenset(
    ("Statement", "RuleAction", "OverrideAction", "DefaultAction", "FieldToMatch", "Condition",
     "HeaderMatchPattern", "CookieMatchPattern", "JsonMatchPattern", "ManagedRuleGroupConfig",
     "RateBasedStatementCustomKey")
)  # fmt: skip
"""Shapes of which a value has just one member: its member is what it is, however new."""


@cache
def _shape(name: str) -> Shape:
    return shape_of("wafv2", name)


def known(value: Any, shape: str) -> Any:
    """A value of a `shape` without the members that botocore does not know."""
    return _known(value, _shape(shape))


def _known(value: Any, shape: Shape) -> Any:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = shape.members
        found = {
            name: _known(inner, members[name]) for name, inner in value.items() if name in members
        }
        return found if found or shape.name not in UNIONS else value
    if shape.type_name == "list" and isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: _known(item, shape.value) for key, item in value.items()}
    return value


def carried(new: Any, old: Any, shape: str) -> Any:
    """`new` with what `old` has beyond botocore's model, wherever both have a place for it."""
    return _carried(new, old, _shape(shape))


def _carried(new: Any, old: Any, shape: Shape) -> Any:
    if shape.type_name == "structure" and isinstance(new, Mapping) and isinstance(old, Mapping):
        members = shape.members
        out = {
            name: _carried(inner, old[name], members[name])
            if name in old and name in members else inner
            for name, inner in new.items()
        }  # fmt: skip
        if shape.name in UNIONS and not new.keys() & old.keys():
            return out  # another thing now
        newer = {
            name: inner
            for name, inner in old.items()
            if name not in members
            or (name not in new and inner and not _known(inner, members[name]))
        }
        return out | newer
    if shape.type_name == "list" and isinstance(new, list) and isinstance(old, list):
        if shape.member.name == "Rule":
            before = {rule.get("Name"): rule for rule in old}
            return [_carried(rule, before.get(rule["Name"]), shape.member) for rule in new]
        if len(new) == len(old):
            pairs = zip(new, old, strict=True)
            return [_carried(item, past, shape.member) for item, past in pairs]
        same = [(_known(past, shape.member), past) for past in old]
        return [
            _carried(item, next((p for k, p in same if k == item), None), shape.member)
            for item in new
        ]
    if shape.type_name == "map" and isinstance(new, Mapping) and isinstance(old, Mapping):
        return {key: _carried(item, old.get(key), shape.value) for key, item in new.items()}
    return new


def unreadable(value: Any, shape: str) -> str:
    """Where AWS shows a union without a member, which it never does: it was read by a botocore that
    lacks the member. Sent back so, it would be refused, or lost. Empty: nowhere."""
    return _unreadable(value, _shape(shape), "")


def _unreadable(value: Any, shape: Shape, at: str) -> str:
    found = ""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        if not value and shape.name in UNIONS:
            return at
        for name in value.keys() & shape.members.keys():
            found = found or _unreadable(
                value[name], shape.members[name], f"{at}.{name}".strip(".")
            )
    elif shape.type_name == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            here = item.get("Name", index) if isinstance(item, Mapping) else index
            found = found or _unreadable(item, shape.member, f"{at}[{here}]")
    return found
