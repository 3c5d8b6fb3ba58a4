"""Web ACLs of every shape that botocore's model knows: made from the model, by a seeded hand.

What AWS's API reference says beside the model (which members go together) is said here.
"""

from __future__ import annotations

import random
from typing import Any

from botocore.model import Shape

from tests.unit.kinds import kit

ARN = "arn:aws:wafv2:eu-central-1:123456789012:regional/{}/x/1f2e3d4c-0000-4000-8000-000000000002"
NESTED_ONLY = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement", "RateBasedStatement"}
"""Statements that stand at the top of a rule and nowhere else."""
UNIONS = {
    "Statement", "RuleAction", "OverrideAction", "DefaultAction", "FieldToMatch", "Condition",
    "HeaderMatchPattern", "CookieMatchPattern", "JsonMatchPattern", "ManagedRuleGroupConfig",
    "RateBasedStatementCustomKey",
}  # fmt: skip
TEXTS = {
    "EntityName": "entity-{}", "MetricName": "metric-{}", "ResourceArn": ARN.format("ipset"),
    "LabelMatchKey": "a:b{}", "LabelName": "a:b{}", "ForwardedIPHeaderName": "X-Real-{}",
    "CustomHTTPHeaderName": "x-h{}", "CustomHTTPHeaderValue": "v{}", "TokenDomain": "d{}.example",
    "VersionKeyString": "Version_1.{}", "VendorName": "AWS", "FieldToMatchData": "h{}",
    "JsonPointerPath": "/a{}", "CountryCode": "DE", "SearchString": "needle {}",
    "EntityDescription": "All about {}", "LabelNamespace": "ns{}:", "LoginPathString": "/log/{}",
    "ResponseContent": "text {}", "RegexPatternString": "^a{}", "WalletAddress": "0x{:040d}",
    "PriceMultiplier": "{}", "Amount": "0.0{}",
}  # fmt: skip


class Maker:
    """Makes values of shapes. `seed` decides everything."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.count = 0

    def acl(self, rules: int = 4) -> dict[str, Any]:
        """A web ACL of scope CLOUDFRONT as GetWebACL shows it, in botocore's types."""
        shape = kit.service("wafv2").shape_for("WebACL")
        acl = {
            name: self.value(member, 0)
            for name, member in shape.members.items()
            if name not in ("Rules", "PreProcessFirewallManagerRuleGroups",
                            "PostProcessFirewallManagerRuleGroups")
            and (name in shape.required_members or self.rng.random() < 0.5)
        }  # fmt: skip
        rule = kit.service("wafv2").shape_for("Rule")
        acl["Rules"] = [self.rule(rule, number) for number in range(rules)]
        if "Monetize" in _names(acl["Rules"]):
            acl["MonetizationConfig"] = self.value(shape.members["MonetizationConfig"], 0)
        if "ChallengeJavascriptSdkInjection" in _names(acl) and "TARGETED" not in repr(acl):
            del acl["AssociationConfig"]
        acl["CustomResponseBodies"] = {
            key: {"ContentType": "TEXT_PLAIN", "Content": "no"} for key in _bodies(acl)
        }
        return acl

    def rule(self, shape: Shape, number: int) -> dict[str, Any]:
        made: dict[str, Any] = self.value(shape, 0)
        made["Name"], made["Priority"] = f"rule-{number}", number * 10
        group = any(name.endswith(("GroupStatement", "GroupReferenceStatement"))
                    for name in made["Statement"])  # fmt: skip
        for name, member in (("Action", "RuleAction"), ("OverrideAction", "OverrideAction")):
            made.pop(name, None)
            if group == (name == "OverrideAction"):
                made[name] = self.value(kit.service("wafv2").shape_for(member), 0)
        if "RateBasedStatement" in made["Statement"] and "Monetize" in made["Action"]:
            made["Action"] = {"Count": {}}
        if group:
            made.pop("RuleLabels", None)
        return made

    def value(self, shape: Shape, depth: int) -> Any:
        """A value of a shape; `depth`: of statements around it."""
        if shape.type_name == "structure":
            return self._structure(shape, depth)
        if shape.type_name == "list":
            low = max(shape.metadata.get("min", 0), 1)
            return self._several(shape, depth, min(shape.metadata.get("max", 3), max(low, 2)))
        if shape.type_name == "map":
            keys = shape.key.metadata.get("enum") or [f"key-{self._next()}"]
            if shape.name == "ChallengeJavascriptSdkInjection":
                keys = ["CLOUDFRONT"]
            return {self.rng.choice(keys): self.value(shape.value, depth)}
        if shape.type_name == "boolean":
            return self.rng.random() < 0.5
        if shape.type_name in ("integer", "long"):
            low = 300 if shape.name == "TimeWindowSecond" else shape.metadata.get("min", 0)
            return self.rng.randint(low, min(shape.metadata.get("max", low + 500), low + 500))
        if shape.type_name == "float":
            return 1.5
        if shape.type_name == "timestamp":
            raise NotImplementedError(shape.name)
        if enum := shape.metadata.get("enum"):
            return self.rng.choice(enum)
        text = TEXTS.get(shape.name, "text{}").format(self._next())
        text = text.ljust(shape.metadata.get("min", 0), "x")
        return text.encode() if shape.type_name == "blob" else text

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _several(self, shape: Shape, depth: int, most: int) -> list[Any]:
        """Entries that differ."""
        made: list[Any] = []
        for _ in range(most):
            one = self.value(shape.member, depth)
            if one not in made:
                made.append(one)
        if shape.member.name.endswith("TextTransformation"):
            for number, one in enumerate(made):
                one["Priority"] = number
        return made

    def _structure(self, shape: Shape, depth: int) -> dict[str, Any]:
        members = dict(shape.members)
        if shape.name == "Statement":
            depth += 1
            if depth > 1:
                members = {k: v for k, v in members.items() if k not in NESTED_ONLY}
            if depth > 3:
                members = {k: v for k, v in members.items()
                           if k not in ("AndStatement", "OrStatement", "NotStatement")}  # fmt: skip
        if shape.name in UNIONS:
            name = self.rng.choice(sorted(members))
            return {name: self.value(members[name], depth)}
        made = {
            name: self.value(member, depth)
            for name, member in members.items()
            if name in shape.required_members or self.rng.random() < 0.5
        }
        return _consistent(shape.name, made, self)


def _consistent(name: str, made: dict[str, Any], maker: Maker) -> dict[str, Any]:
    """What goes together, and what does not."""
    if name == "RateBasedStatement":
        kind = made["AggregateKeyType"]
        keys = made.get("CustomKeys") or [{"IP": {}}]
        made.pop("CustomKeys", None)
        if kind == "CUSTOM_KEYS":
            made["CustomKeys"] = [{"HTTPMethod": {}}, *(k for k in keys if k != {"HTTPMethod": {}})]
        if kind == "FORWARDED_IP" or {"ForwardedIP": {}} in keys:
            made["ForwardedIPConfig"] = {"HeaderName": "X-A", "FallbackBehavior": "MATCH"}
        if kind == "CONSTANT":
            made["ScopeDownStatement"] = {"GeoMatchStatement": {"CountryCodes": ["DE"]}}
        made["EvaluationWindowSec"] = maker.rng.choice([60, 120, 300, 600])
    field = made.get("FieldToMatch", {})
    if field and not {"SingleQueryArgument", "AllQueryArguments"} & set(field):
        made.pop("PreParseTextTransformations", None)
    if {"JA3Fingerprint", "JA4Fingerprint"} & set(field):
        if name == "ByteMatchStatement":
            made["PositionalConstraint"] = "EXACTLY"
        else:
            made["FieldToMatch"] = {"UriPath": {}}
    if name == "CustomResponse":
        made["ResponseCode"] = maker.rng.choice([200, 403, 429])
    if name == "FieldToProtect":
        made.pop("FieldKeys", None)
        if made["FieldType"].startswith("SINGLE_"):
            made["FieldKeys"] = ["one", "two"]
    if name == "GeoMatchStatement":
        made.setdefault("CountryCodes", ["FR"])
    if name in ("RuleGroupReferenceStatement", "ManagedRuleGroupStatement"):
        made.pop("ExcludedRules", None)  # AWS takes one of the two
    if name == "ApplicationAttribute":
        made |= {"Name": f"name-{maker.count}", "Values": ["value"]}
    if name == "MonetizationConfig":
        shape = kit.service("wafv2").shape_for("CryptoConfig")
        made["CryptoConfig"] = maker.value(shape, 0)  # it pays to something
    if name == "MonetizeAction":
        made.setdefault("PriceMultiplier", "2")
    return made


def _names(value: Any) -> set[str]:
    """All names of members in a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set(value if isinstance(value, dict) else ()).union(*map(_names, inner))


def _bodies(value: Any) -> set[str]:
    """Keys of custom response bodies that are referred to."""
    if isinstance(value, dict):
        here = {value["CustomResponseBodyKey"]} if "CustomResponseBodyKey" in value else set()
        return here.union(*(_bodies(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(_bodies(v) for v in value)) if value else set()
    return set()
