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
MAX_RATE_RULES, MAX_REFERENCES = 10, 50
_REFERRING = {
    "IPSetReferenceStatement", "RegexPatternSetReferenceStatement", "RuleGroupReferenceStatement"
}  # fmt: skip
STATUSES = {
    200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409,
    411, 412, 413, 414, 415, 416, 421, 429, 500, 501, 502, 503, 504, 505,
}  # fmt: skip
"""https://docs.aws.amazon.com/waf/latest/developerguide/customizing-the-response-status-codes.html"""
_TOO_FEW = (
    "You haven't met a minimum requirement for a threshold setting. Examples include a rule group"
    " capacity setting that's too low and an OR statement with only one nested statement."
)
"""As terraform-provider-aws #34320 quotes it."""


def refusal(reason: str, field: str, parameter: Any) -> AwsError:
    """WAF's way to say which field of a request it dislikes."""
    return AwsError(BAD, f"Error reason: {reason}, field: {field}, parameter: {parameter}")


def missing(what: str = "your resource") -> AwsError:
    """WAF's way to say that something does not exist."""
    return AwsError(
        "WAFNonexistentItemException",
        f"AWS WAF couldn’t perform the operation because {what} doesn’t exist.",
    )


def limit(what: str) -> AwsError:
    """WAF's way to say that there is too much of something."""
    return AwsError(
        "WAFLimitsExceededException",
        f"AWS WAF couldn’t perform the operation because you exceeded your resource limit: {what}.",
    )


def check_metric(visibility: dict[str, Any]) -> None:
    """Refuse the names of metrics that are WAF's own."""
    if visibility["MetricName"] in ("All", "Default_Action"):
        raise refusal("The metric name is reserved.", "METRIC_NAME", visibility["MetricName"])


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
    """What rules may refer to: ARNs of IP sets and rule groups, keys of custom response bodies.

    scope: of the web ACL. others: ARNs of sets of the other scope. kept: rules that it has already.
    expired: (managed group, version) that can't be used any more.
    """

    ip_sets: Iterable[str]
    rule_groups: Iterable[str]
    bodies: Iterable[str]
    scope: str = "REGIONAL"
    others: Iterable[str] = ()
    kept: Iterable[dict[str, Any]] = ()
    expired: Iterable[tuple[str, str | None]] = ()


def check_rules(rules: list[dict[str, Any]], around: Surroundings) -> None:
    """Refuse rules that WAF would refuse."""
    _unique([rule["Name"] for rule in rules], "RULE")
    _unique([rule["Priority"] for rule in rules], "RULE")
    rates = [rule for rule in rules if "RateBasedStatement" in rule["Statement"]]
    if len(rates) > MAX_RATE_RULES:
        raise limit(f"{len(rates)} rate-based rules")
    if sum(_references(rule["Statement"]) for rule in rules) > MAX_REFERENCES:
        raise limit("references to sets and groups")
    for rule in rules:
        kind = only(rule["Statement"], "STATEMENT")
        check_metric(rule["VisibilityConfig"])
        if rule not in around.kept:
            _check_oversize(rule["Statement"])
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
        _check_monetize(rule, kind, around)
    _check_response(rule[needed], around.bodies)


def _check_monetize(rule: dict[str, Any], kind: str, around: Surroundings) -> None:
    if around.scope != "CLOUDFRONT" or kind == "RateBasedStatement":
        raise refusal("This rule can't monetize.", "RULE_ACTION", rule["Name"])
    raise NotSimulated("wafv2: action Monetize of scope CLOUDFRONT")


def _check_response(action: dict[str, Any], bodies: Iterable[str]) -> None:
    response = action.get("Block", {}).get("CustomResponse", {})
    key = response.get("CustomResponseBodyKey")
    if key is not None and key not in bodies:
        raise refusal("A reference in your request is not valid.", "CUSTOM_RESPONSE_BODY", key)
    if response and response["ResponseCode"] not in STATUSES:
        raise refusal("The status is not valid.", "CUSTOM_RESPONSE", response["ResponseCode"])
    for headers in (response.get("ResponseHeaders", []), *_inserted(action)):
        _unique([header["Name"].lower() for header in headers], "HEADER_NAME")
        if len(headers) > 10:
            raise limit("custom headers of one definition")
    for header in response.get("ResponseHeaders", []):
        if header["Name"].lower() == "content-type":
            raise refusal("The header name is not valid.", "CUSTOM_RESPONSE", header["Name"])


def _inserted(action: dict[str, Any]) -> list[list[dict[str, str]]]:
    handling = [body.get("CustomRequestHandling") or {} for body in action.values()]
    return [found["InsertHeaders"] for found in handling if "InsertHeaders" in found]


def _references(statement: dict[str, Any]) -> int:
    """How many sets and rule groups a statement refers to, at any depth."""
    total = 0
    for kind, body in statement.items():
        inner = [*body.get("Statements", []), *(body[n] for n in _NESTING if n in body)]
        total += (kind in _REFERRING) + sum(_references(s) for s in inner)
    return total


_NESTING = ("Statement", "ScopeDownStatement")


def _check_oversize(statement: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateWebACL.html: a body must say
    what a longer one means. Assumed: rules that were there before are not asked."""
    for kind, body in statement.items():
        part = body.get("FieldToMatch", {})
        for name in ("Body", "JsonBody"):
            asked = kind != "SizeConstraintStatement" and "OversizeHandling" not in part.get(
                name, {}
            )
            if name in part and asked:
                raise AwsError(
                    "WAFConfigurationWarningException",
                    "AWS WAF couldn’t perform the operation because you are inspecting the web"
                    " request body without specifying how to handle oversize components.",
                )
        for inner in [*body.get("Statements", []), *(body[n] for n in _NESTING if n in body)]:
            _check_oversize(inner)


def _check_labels(rule: dict[str, Any], kind: str) -> None:
    labels = [label["Name"] for label in rule.get("RuleLabels", [])]
    if labels and kind in GROUPS:
        raise refusal("A rule that runs a group can't add labels.", "RULE", rule["Name"])
    for label in labels:
        parts = label.split(":")
        if _RESERVED & set(parts):
            raise refusal("The label uses a reserved word.", "RULE", label)
        if len(parts) > 6 or max(map(len, parts)) > 128:
            raise refusal("The label has too many or too long parts.", "RULE", label)


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
        _check_field(kind, body)
    if "TextTransformations" in body:
        _unique([t["Priority"] for t in body["TextTransformations"]], "TEXT_TRANSFORMATION")


def _check_field(kind: str, body: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_FieldToMatch.html"""
    part = only(body["FieldToMatch"], "FIELD_TO_MATCH")
    held = body["FieldToMatch"][part]
    exact = kind == "ByteMatchStatement" and body["PositionalConstraint"] == "EXACTLY"
    if part in ("JA3Fingerprint", "JA4Fingerprint") and not exact:
        raise refusal("Fingerprints are matched exactly.", "FIELD_TO_MATCH", part)
    arguments = part in ("SingleQueryArgument", "AllQueryArguments")
    if body.get("PreParseTextTransformations") and not arguments:
        field = "PRE_PARSE_TEXT_TRANSFORMATION"
        raise refusal("Only query arguments are parsed.", field, part)
    if "MatchPattern" in held:
        field = {"Headers": "HEADER", "Cookies": "COOKIE"}.get(part, "JSON")
        only(held["MatchPattern"], f"{field}_MATCH_PATTERN")
    if len(body["TextTransformations"]) > 10:
        raise limit("text transformations in a statement")
    if len(body.get("SearchString", b"")) > 200:
        raise limit("characters in a string match statement")


def _check_and(body: dict[str, Any], _around: Surroundings) -> None:
    if len(body["Statements"]) < 2:
        raise refusal(_TOO_FEW, "AND_STATEMENT", "AndStatement")


def _check_or(body: dict[str, Any], _around: Surroundings) -> None:
    if len(body["Statements"]) < 2:
        raise refusal(_TOO_FEW, "OR_STATEMENT", "OrStatement")


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
    if body.get("CustomKeys") in ([{"IP": {}}], [{"ForwardedIP": {}}]):
        raise refusal("For an address alone, use IP or FORWARDED_IP.", "CUSTOM_KEYS", kind)
    if {"ForwardedIP": {}} in body.get("CustomKeys", []) and "ForwardedIPConfig" not in body:
        raise refusal("A forwarded address needs its configuration.", "FORWARDED_IP_CONFIG", kind)


def _check_managed(body: dict[str, Any], around: Surroundings) -> None:
    if body["VendorName"] != "AWS":
        raise AwsError(
            "WAFSubscriptionNotFoundException", f"No subscription to {body['VendorName']}."
        )
    group = MANAGED_GROUPS.get(body["Name"])
    if group is None:
        raise missing(f"managed rule group {body['Name']}")
    if body.get("Version", group.default_version) not in (*group.versions, group.default_version):
        raise missing(f"version {body['Version']} of {body['Name']}")
    if (body["Name"], body.get("Version")) in around.expired:
        raise AwsError(
            "WAFExpiredManagedRuleGroupVersionException",
            "AWS WAF couldn’t perform the operation because the specified version for the managed"
            " rule group has expired.",
        )
    configs = body.get("ManagedRuleGroupConfigs", [])
    for config in configs:
        only(config, "MANAGED_RULE_GROUP_CONFIG")
    _check_config(body["Name"], {k: v for config in configs for k, v in config.items()}, around)
    if "RuleActionOverrides" in body and "ExcludedRules" in body:
        raise refusal("Use RuleActionOverrides alone.", "EXCLUDED_RULE", body["Name"])
    overridden = [override["Name"] for override in body.get("RuleActionOverrides", [])]
    _unique(overridden, "EXCLUDED_RULE")  # a name that the group has not is silently ignored
    for override in body.get("RuleActionOverrides", []):
        only(override["ActionToUse"], "RULE_ACTION")


def _check_config(name: str, config: dict[str, Any], around: Surroundings) -> None:
    field = "MANAGED_RULE_GROUP_CONFIG"
    if name in LOGIN_GROUPS and name not in config and "LoginPath" not in config:
        raise refusal("The rule group needs its configuration.", field, name)
    if any(key.startswith("AWSManagedRules") and key != name for key in config):
        raise refusal("The configuration is of another rule group.", field, name)
    responses = [c["ResponseInspection"] for c in config.values() if "ResponseInspection" in c]
    if responses and around.scope != "CLOUDFRONT":
        raise refusal("Responses are inspected in scope CLOUDFRONT.", field, name)


LOGIN_GROUPS = ("AWSManagedRulesATPRuleSet", "AWSManagedRulesACFPRuleSet")


def _check_ip_set(body: dict[str, Any], around: Surroundings) -> None:
    if body["ARN"] in around.others:  # as pulumi-aws #4070 quotes it
        raise refusal("A reference in your rule statement is not valid.", "RULE", "Statement")
    if body["ARN"] not in around.ip_sets:
        raise missing(f"IP set {body['ARN']}")


def _check_group(body: dict[str, Any], around: Surroundings) -> None:
    if body["ARN"] not in around.rule_groups:
        raise missing(f"rule group {body['ARN']}")


def _check_patterns(body: dict[str, Any], _around: Surroundings) -> None:
    raise missing(f"regex pattern set {body['ARN']}")


_CHECKS: dict[str, Callable[[dict[str, Any], Surroundings], None]] = {
    "AndStatement": _check_and,
    "OrStatement": _check_or,
    "RateBasedStatement": _check_rate,
    "ManagedRuleGroupStatement": _check_managed,
    "IPSetReferenceStatement": _check_ip_set,
    "RuleGroupReferenceStatement": _check_group,
    "RegexPatternSetReferenceStatement": _check_patterns,
}
