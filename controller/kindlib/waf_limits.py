"""What AWS refuses of a web ACL as a whole, as far as a file can tell.

https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
Quotas that AWS raises on request are no part of it: a file does not know the account's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.policies import Doc
from controller.spec import holds_reference, text

RATE_RULES = 10
REFERENCES = 50
BODY_BYTES = 50 * 1024
REFERRING = ("ipSet", "regexPatternSet", "ruleGroup")
LOGIN_GROUPS = ("AWSManagedRulesATPRuleSet", "AWSManagedRulesACFPRuleSet")
"""Groups that must be told of the pages they look at; those read tokens, too."""
BOTS = "AWSManagedRulesBotControlRuleSet"
DESCRIPTION = text(
    r"[\w+=:#@/\-,.][\w+=:#@/\-,.\s]+[\w+=:#@/\-,.]",
    high=256,
    says="3-256 letters, digits, spaces or +=:#@/-,. and no space at either end",
)


def problem(spec: Mapping[str, Any]) -> str:
    """The first thing that AWS would refuse; empty if a file tells of none."""
    rules: dict[str, Doc] = spec.get("rules", {})
    return next(
        (found for check in _CHECKS for found in check(spec, rules)),
        "",
    )


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _values(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from _values(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, name)


def _counts(spec: Mapping[str, Any], rules: Mapping[str, Doc]) -> Iterator[str]:
    rates = [name for name, rule in rules.items() if "rateLimit" in rule]
    if len(rates) > RATE_RULES:
        yield f"{len(rates)} rules are rate limits, allowed: {RATE_RULES}"
    references = sum(key in REFERRING for rule in rules.values() for key in _keys(rule))
    if references > REFERENCES:
        yield f"{references} references to sets and groups, allowed: {REFERENCES}"
    bodies = spec.get("customResponseBodies", {})
    size = sum(len(str(body.get("content", "")).encode()) for body in bodies.values())
    if size > BODY_BYTES:
        yield f"customResponseBodies hold {size} bytes, allowed: {BODY_BYTES} together"


def _money(spec: Mapping[str, Any], rules: Mapping[str, Doc]) -> Iterator[str]:
    for name, rule in rules.items():
        action = rule.get("action")
        if (action["type"] if isinstance(action, dict) and "type" in action else action) != (
            "monetize"
        ):
            continue
        if spec.get("scope") != "CLOUDFRONT":
            yield f"rule {name}: only web ACLs of scope CLOUDFRONT monetize"
        if not spec.get("monetization"):
            yield f"rule {name}: monetize needs monetization"
        if "rateLimit" in rule:
            yield f"rule {name}: a rate limit can't monetize"


def _groups(spec: Mapping[str, Any], rules: Mapping[str, Doc]) -> Iterator[str]:
    for name, rule in rules.items():
        group = rule.get("managedGroup")
        if not isinstance(group, dict) or group.get("vendor") != "AWS":
            continue
        config = group.get("config", {})
        told = group.get("name") in config or "LoginPath" in config
        if group.get("name") in LOGIN_GROUPS and not told and not holds_reference(config):
            yield f"rule {name}: {group['name']} needs config, to know the pages it looks at"
        if spec.get("scope") != "CLOUDFRONT" and any(_values(config, "ResponseInspection")):
            yield f"rule {name}: ResponseInspection is for scope CLOUDFRONT"


def _script(spec: Mapping[str, Any], rules: Mapping[str, Doc]) -> Iterator[str]:
    if not spec.get("challengeSdkInjection"):
        return
    if spec.get("scope") != "CLOUDFRONT":
        yield "challengeSdkInjection is for scope CLOUDFRONT"
    groups = [r["managedGroup"] for r in rules.values() if isinstance(r.get("managedGroup"), dict)]
    reads_tokens = any(
        g.get("name") in LOGIN_GROUPS
        or g.get("config", {}).get(BOTS, {}).get("InspectionLevel") == "TARGETED"
        for g in groups
    )
    if not reads_tokens:
        yield "challengeSdkInjection needs ATP, ACFP, or Bot Control that is TARGETED"


_CHECKS = (_counts, _money, _groups, _script)
