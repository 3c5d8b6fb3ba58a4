"""Web ACL capacity units, as the developer guide adds them up.

https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html
A text transformation costs 10 once per request component, however often a web ACL uses it.
Recorded: the web ACL in wafv2/GetWebACL/ecde8910d7.json comes to its 1498.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.waf_managed_groups import MANAGED_GROUPS

MAX_CAPACITY = 5000
_BASE = {
    "GeoMatchStatement": 1,
    "AsnMatchStatement": 1,
    "IPSetReferenceStatement": 1,
    "LabelMatchStatement": 1,
    "SizeConstraintStatement": 1,
    "RegexMatchStatement": 3,
    "RegexPatternSetReferenceStatement": 25,
    "XssMatchStatement": 40,
}
_BY_POSITION = {"EXACTLY": 2, "STARTS_WITH": 2, "ENDS_WITH": 2, "CONTAINS": 10, "CONTAINS_WORD": 10}


def capacity_of(rules: list[dict[str, Any]], own_groups: Mapping[str, int]) -> int:
    """The units that these rules need together; `own_groups`: capacity by rule group ARN."""
    transformations: set[str] = set()
    total = sum(_statement(rule["Statement"], own_groups, transformations) for rule in rules)
    return total + 10 * len(transformations)


def _statement(
    statement: dict[str, Any], own_groups: Mapping[str, int], transformations: set[str]
) -> int:
    kind, body = next(iter(statement.items()))

    def nested(inner: dict[str, Any]) -> int:
        return _statement(inner, own_groups, transformations)

    scope_down = nested(body["ScopeDownStatement"]) if "ScopeDownStatement" in body else 0
    match kind:
        case "ManagedRuleGroupStatement":
            return MANAGED_GROUPS[body["Name"]].capacity + scope_down
        case "RuleGroupReferenceStatement":
            return own_groups[body["ARN"]]
        case "RateBasedStatement":
            keys = body.get("CustomKeys", [])
            for key in keys:
                _note(next(iter(key.items())), transformations)
            return 2 + 30 * len(keys) + scope_down
        case "AndStatement" | "OrStatement":
            return sum(nested(inner) for inner in body["Statements"])
        case "NotStatement":
            return nested(body["Statement"])
    if kind == "ByteMatchStatement":
        units = _BY_POSITION[body["PositionalConstraint"]]
    elif kind == "SqliMatchStatement":
        units = 30 if body.get("SensitivityLevel") == "HIGH" else 20
    else:
        units = _BASE[kind]
    if body.get("IPSetForwardedIPConfig", {}).get("Position") == "ANY":
        units += 4
    field = body.get("FieldToMatch", {})
    if "JsonBody" in field:
        units *= 2
    if "AllQueryArguments" in field:
        units += 10
    _note((json.dumps(field, sort_keys=True), body), transformations)
    return units


def _note(component: tuple[str, dict[str, Any]], transformations: set[str]) -> None:
    where, body = component
    for transformation in body.get("TextTransformations", []):
        if transformation["Type"] != "NONE":
            transformations.add(f"{where} {transformation['Type']}")
