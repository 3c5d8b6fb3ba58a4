"""What WAF refuses in the rules of a web ACL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.errors import AwsError, NotSimulated
from sandbox.waf_managed_groups import MANAGED_GROUPS

BAD = "WAFInvalidParameterException"
GROUPS = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"}
NOT_NESTABLE = {*GROUPS, "RateBasedStatement"}
WINDOWS = (60, 120, 300, 600)
_RESERVED = {"aws", "waf", "managed", "rulegroup", "webacl", "regexpatternset", "ipset"}


def refusal(reason: str, field: str, parameter: Any) -> AwsError:
    """WAF's way to say which field of a request it dislikes."""
    return AwsError(BAD, f"Error reason: {reason}, field: {field}, parameter: {parameter}")


def missing(what: str = "your resource") -> AwsError:
    """WAF's way to say that something does not exist."""
    return AwsError(
        "WAFNonexistentItemException",
        f"AWS WAF couldn’t perform the operation because {what} doesn’t exist.",
    )


def only(union: dict[str, Any], field: str) -> str:
    """The one member of a union."""
    if len(union) != 1:
        reason = (
            "You have used none or multiple values for a field that requires exactly one value."
        )
        raise refusal(reason, field, sorted(union))
    return next(iter(union))


@dataclass(frozen=True)
class Surroundings:
    """What rules may refer to: ARNs of IP sets and rule groups, keys of custom response bodies."""

    ip_sets: Iterable[str]
    rule_groups: Iterable[str]
    bodies: Iterable[str]


def check_rules(rules: list[dict[str, Any]], around: Surroundings) -> None:
    """Refuse rules that WAF would refuse."""
    _unique([rule["Name"] for rule in rules], "RULE")
    _unique([rule["Priority"] for rule in rules], "RULE")
    for rule in rules:
        kind = only(rule["Statement"], "STATEMENT")
        _check_actions(rule, kind, around)
        _check_labels(rule, kind)
        _check_statement(rule["Statement"], around, top=True)


def check_default_action(action: dict[str, Any], bodies: Iterable[str]) -> None:
    """Refuse a default action that is not exactly Allow or Block."""
    only(action, "DEFAULT_ACTION")
    _check_response(action, bodies)


def _unique(values: list[Any], field: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise refusal("You have used a value twice that must be unique.", field, value)


def _check_actions(rule: dict[str, Any], kind: str, around: Surroundings) -> None:
    needed, other = ("Action", "OverrideAction")[:: -1 if kind in GROUPS else 1]
    if other in rule or needed not in rule:
        field = "OVERRIDE_ACTION" if needed == "OverrideAction" else "RULE_ACTION"
        reason = f"A rule with {kind} needs {needed} and takes no {other}."
        raise refusal(reason, field, rule["Name"])
    if needed == "OverrideAction":
        only(rule[needed], "OVERRIDE_ACTION")
        return
    if only(rule[needed], "RULE_ACTION") == "Monetize":
        raise NotSimulated("wafv2: action Monetize")
    _check_response(rule[needed], around.bodies)


def _check_response(action: dict[str, Any], bodies: Iterable[str]) -> None:
    response = action.get("Block", {}).get("CustomResponse", {})
    key = response.get("CustomResponseBodyKey")
    if key is not None and key not in bodies:
        raise refusal("A reference in your request is not valid.", "CUSTOM_RESPONSE_BODY", key)
    for header in response.get("ResponseHeaders", []):
        if header["Name"].lower() == "content-type":
            raise refusal("The header name is not valid.", "CUSTOM_RESPONSE", header["Name"])


def _check_labels(rule: dict[str, Any], kind: str) -> None:
    labels = [label["Name"] for label in rule.get("RuleLabels", [])]
    if labels and kind in GROUPS:
        raise refusal("A rule that runs a group can't add labels.", "RULE", rule["Name"])
    for label in labels:
        if _RESERVED & set(label.split(":")):
            raise refusal("The label uses a reserved word.", "RULE", label)


def _check_statement(statement: dict[str, Any], around: Surroundings, *, top: bool) -> None:
    kind = only(statement, "STATEMENT")
    body = statement[kind]
    if kind in NOT_NESTABLE and not top:
        raise refusal("You can't nest this statement.", "STATEMENT", kind)
    check = _CHECKS.get(kind)
    if check is not None:
        check(body, around)
    for inner in body.get("Statements", []):
        _check_statement(inner, around, top=False)
    for name in ("Statement", "ScopeDownStatement"):
        if name in body:
            _check_statement(body[name], around, top=False)
    if "FieldToMatch" in body:
        only(body["FieldToMatch"], "FIELD_TO_MATCH")
    if "TextTransformations" in body:
        _unique([t["Priority"] for t in body["TextTransformations"]], "TEXT_TRANSFORMATION")


def _check_several(body: dict[str, Any], _around: Surroundings) -> None:
    if len(body["Statements"]) < 2:
        raise refusal("Provide more than one statement.", "STATEMENT", len(body["Statements"]))


def _check_rate(body: dict[str, Any], _around: Surroundings) -> None:
    field, kind = "RATE_BASED_STATEMENT", body["AggregateKeyType"]
    if body.get("EvaluationWindowSec", 300) not in WINDOWS:
        raise refusal("The window is not valid.", field, body["EvaluationWindowSec"])
    if kind == "CONSTANT" and "ScopeDownStatement" not in body:
        raise refusal("CONSTANT needs a scope-down statement.", "SCOPE_DOWN", kind)
    if (kind == "CUSTOM_KEYS") != bool(body.get("CustomKeys")):
        raise refusal("CUSTOM_KEYS and only that takes custom keys.", "CUSTOM_KEYS", kind)
    if kind == "FORWARDED_IP" and "ForwardedIPConfig" not in body:
        raise refusal("FORWARDED_IP needs its configuration.", "FORWARDED_IP_CONFIG", kind)
    for key in body.get("CustomKeys", []):
        only(key, "CUSTOM_KEYS")


def _check_managed(body: dict[str, Any], _around: Surroundings) -> None:
    if body["VendorName"] != "AWS":
        raise AwsError(
            "WAFSubscriptionNotFoundException", f"No subscription to {body['VendorName']}."
        )
    group = MANAGED_GROUPS.get(body["Name"])
    if group is None:
        raise missing(f"managed rule group {body['Name']}")
    if body.get("Version", group.default_version) not in (*group.versions, group.default_version):
        raise missing(f"version {body['Version']} of {body['Name']}")
    overridden = [override["Name"] for override in body.get("RuleActionOverrides", [])]
    _unique(overridden, "EXCLUDED_RULE")  # a name that the group has not is silently ignored
    for override in body.get("RuleActionOverrides", []):
        only(override["ActionToUse"], "RULE_ACTION")


def _check_ip_set(body: dict[str, Any], around: Surroundings) -> None:
    if body["ARN"] not in around.ip_sets:
        raise missing(f"IP set {body['ARN']}")


def _check_group(body: dict[str, Any], around: Surroundings) -> None:
    if body["ARN"] not in around.rule_groups:
        raise missing(f"rule group {body['ARN']}")


def _check_patterns(body: dict[str, Any], _around: Surroundings) -> None:
    raise missing(f"regex pattern set {body['ARN']}")


_CHECKS: dict[str, Callable[[dict[str, Any], Surroundings], None]] = {
    "AndStatement": _check_several,
    "OrStatement": _check_several,
    "RateBasedStatement": _check_rate,
    "ManagedRuleGroupStatement": _check_managed,
    "IPSetReferenceStatement": _check_ip_set,
    "RuleGroupReferenceStatement": _check_group,
    "RegexPatternSetReferenceStatement": _check_patterns,
}


def with_defaults(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules as WAF keeps them: a rate-based statement always has its window."""
    for rule in rules:
        rate = rule["Statement"].get("RateBasedStatement")
        if rate is not None:
            rate.setdefault("EvaluationWindowSec", 300)
    return rules
