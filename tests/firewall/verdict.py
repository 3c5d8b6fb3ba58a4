"""Rules in the order of their priorities, until one ends it.

https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-processing.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.firewall.managed import GROUPS, Request, label

Doc = Mapping[str, Any]


def verdict(acl: Doc, request: Request) -> tuple[str, str]:
    """What becomes of a request, Allow or Block, and by which rule. Raises `ValueError` for a
    statement that it knows nothing of."""
    labels: set[str] = set()
    for rule in sorted(acl["Rules"], key=lambda r: r["Priority"]):
        name, statement = rule["Name"], rule["Statement"]
        if managed := statement.get("ManagedRuleGroupStatement"):
            assert rule["OverrideAction"] == {"None": {}}, f"{name} is only counted as a whole"
            if blocked := _managed(managed, request, labels):
                return "Block", f"{name}: {blocked}"
            continue
        if "RateBasedStatement" in statement:
            continue  # one request alone exceeds no limit
        if _matches(statement, request, labels):
            (action,) = rule["Action"]
            if action in ("Allow", "Block"):
                return action, name
    (default,) = acl["DefaultAction"]
    return default, "default"


def _managed(statement: Doc, request: Request, labels: set[str]) -> str:
    """The rule that blocks it, if one does. Counted ones leave their label."""
    if "ScopeDownStatement" in statement and not _matches(
        statement["ScopeDownStatement"], request, labels
    ):
        return ""
    group = statement["Name"]
    counted = {
        each["Name"]
        for each in statement.get("RuleActionOverrides", ())
        if "Count" in each["ActionToUse"]
    }
    _, rules = GROUPS[group]
    assert counted <= set(rules), f"{group} has no {counted - set(rules)}"
    for name, matches in rules.items():
        if matches(request):
            labels.add(label(group, name))
            if name not in counted:
                return name
    return ""


def _matches(statement: Doc, request: Request, labels: set[str]) -> bool:
    ((kind, inner),) = statement.items()
    if kind == "AndStatement":
        return all(_matches(each, request, labels) for each in inner["Statements"])
    if kind == "OrStatement":
        return any(_matches(each, request, labels) for each in inner["Statements"])
    if kind == "NotStatement":
        return not _matches(inner["Statement"], request, labels)
    if kind == "LabelMatchStatement" and inner["Scope"] == "LABEL":
        return inner["Key"] in labels
    if kind == "RegexMatchStatement" and inner["FieldToMatch"] == {"UriPath": {}}:
        return re.search(inner["RegexString"], request.path) is not None
    if kind == "ByteMatchStatement" and inner["FieldToMatch"] == {"UriPath": {}}:
        wanted = inner["SearchString"].decode()
        if inner["PositionalConstraint"] == "STARTS_WITH":
            return request.path.startswith(wanted)
        if inner["PositionalConstraint"] == "EXACTLY":
            return request.path == wanted
    raise ValueError(f"nothing is known of {kind} with {inner}")
