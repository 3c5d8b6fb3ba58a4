"""WAF rules, their actions and rule groups in AWS's words and in ours, read in both directions.

https://docs.aws.amazon.com/waf/latest/APIReference/API_Rule.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from controller.kindlib.waf_beyond import known
from controller.kindlib.waf_translate import (
    FALLBACK,
    FORWARDED,
    MATCHES,
    NOTHING,
    STATEMENT,
    TRANSFORMED,
    Each,
    M,
    Obj,
    Pairs,
    Raw,
    Union,
    Unmodelled,
    Wrapped,
    said,
    statement_from_aws,
    wire,
)
from controller.policies import Doc

_HEADERS = Wrapped("InsertHeaders", Pairs())
_INSERT = Obj((M("insertHeaders", "CustomRequestHandling", _HEADERS),))
_RESPONSE = Obj(
    (
        M("responseCode", "ResponseCode"),
        M("customResponseBodyKey", "CustomResponseBodyKey"),
        M("responseHeaders", "ResponseHeaders", Pairs(), {}),
    )
)


class ActionCodec:
    """AWS: a union whose empty members have a meaning (case 137). Ours: a word, or `{type: …}`.

    What is newer than this table stays in AWS's words: `{raw: …}`.
    """

    arms = Union(
        {
            "allow": ("Allow", _INSERT),
            "block": ("Block", Obj((M("customResponse", "CustomResponse", _RESPONSE),))),
            "count": ("Count", _INSERT),
            "captcha": ("Captcha", _INSERT),
            "challenge": ("Challenge", _INSERT),
            "monetize": ("Monetize", Obj((M("priceMultiplier", "PriceMultiplier"),))),
            "none": ("None", NOTHING),
        },
        bare=("allow", "block", "count", "captcha", "challenge", "monetize", "none"),
    )

    def to_aws(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.arms.to_aws(value)
        if "raw" in value:
            return Raw().to_aws(value["raw"])
        return self.arms.to_aws({value["type"]: {k: v for k, v in value.items() if k != "type"}})

    def to_ours(self, value: Any) -> Any:
        try:
            found = self.arms.to_ours(value)
        except Unmodelled:
            return {"raw": Raw().to_ours(value)}
        if isinstance(found, str):
            return found
        kind, rest = next(iter(found.items()))
        return {"type": kind} | rest


ACTION = ActionCodec()


class GroupCodec:
    """A group statement. AWS: a list of overrides, once also of excluded rules. Ours: `count`."""

    def __init__(self, *members: M, short: str = "") -> None:
        self.members = members
        self.short = short

    def to_aws(self, value: Any) -> Any:
        if isinstance(value, str):
            value = {self.short: value}
        actions = dict.fromkeys(value.get("count", []), "count") | value.get("overrides", {})
        out = Obj(self.members).to_aws(value)
        if actions:
            out["RuleActionOverrides"] = [
                {"Name": n, "ActionToUse": ACTION.to_aws(a)} for n, a in sorted(actions.items())
            ]
        return out

    def to_ours(self, value: Any) -> Any:
        rest = {k: v for k, v in value.items() if k not in ("RuleActionOverrides", "ExcludedRules")}
        out = Obj(self.members).to_ours(rest)
        actions = {e["Name"]: "count" for e in value.get("ExcludedRules") or []}
        for override in value.get("RuleActionOverrides") or []:
            actions[override["Name"]] = ACTION.to_ours(override["ActionToUse"])
        counted = sorted(n for n, a in actions.items() if a == "count")
        others = {n: a for n, a in actions.items() if a != "count"}
        out |= ({"count": counted} if counted else {}) | ({"overrides": others} if others else {})
        return out


class Merged:
    """ManagedRuleGroupConfigs: a list of objects with one member each. Ours: one map."""

    def to_aws(self, value: Any) -> Any:
        return [{k: Raw().to_aws(v)} for k, v in value.items()]

    def to_ours(self, value: Any) -> Any:
        out: Doc = {}
        for config in value:
            if set(config) & set(out):
                raise Unmodelled(sorted(config))
            out |= config
        return without_defaults(Raw().to_ours(out))


_GROUP_DEFAULTS = {
    "EnableMachineLearning": True, "EnableRegexInPath": False, "SensitivityToBlock": "LOW",
    "Sensitivity": "HIGH", "ExemptUriRegularExpressions": [],
}  # fmt: skip
"""https://docs.aws.amazon.com/waf/latest/APIReference/API_ManagedRuleGroupConfig.html and what it
leads to: Bot Control, ATP and ACFP, Anti-DDoS."""
_SETS = frozenset(
    ("SuccessCodes", "FailureCodes", "SuccessValues", "FailureValues", "SuccessStrings",
     "FailureStrings")
)  # fmt: skip


def without_defaults(config: Any) -> Any:
    """ManagedRuleGroupConfigs in one spelling: no documented defaults, lists without order sorted.

    The fields of addresses and phone numbers stay in order: it says which is which.
    """
    if isinstance(config, list):
        return [without_defaults(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    return {
        name: sorted(inner)
        if name in _SETS and isinstance(inner, list)
        else without_defaults(inner)
        for name, inner in config.items()
        if name not in _GROUP_DEFAULTS or _GROUP_DEFAULTS[name] != inner
    }


_NAMED = Obj((M("name", "Name"), TRANSFORMED))
_PART = Obj((TRANSFORMED,))
_RATE_KEY = Union(
    {
        "ip": ("IP", NOTHING),
        "forwardedIp": ("ForwardedIP", NOTHING),
        "httpMethod": ("HTTPMethod", NOTHING),
        "asn": ("ASN", NOTHING),
        "header": ("Header", _NAMED),
        "cookie": ("Cookie", _NAMED),
        "queryArgument": ("QueryArgument", _NAMED),
        "queryString": ("QueryString", _PART),
        "uriPath": ("UriPath", _PART),
        "labelNamespace": ("LabelNamespace", Wrapped("Namespace", Raw())),
        "ja3Fingerprint": ("JA3Fingerprint", Obj((FALLBACK,))),
        "ja4Fingerprint": ("JA4Fingerprint", Obj((FALLBACK,))),
    },
    bare=("ip", "forwardedIp", "httpMethod", "asn"),
)
_RATE = (
    M("limit", "Limit"),
    M("window", "EvaluationWindowSec"),
    M("by", "AggregateKeyType"),
    M("keys", "CustomKeys", Each(lambda: _RATE_KEY), []),
    M("forwardedIp", "ForwardedIPConfig", FORWARDED, {}),
    M("scopeDown", "ScopeDownStatement", STATEMENT, {}),
)
RULES = Union(
    {
        **MATCHES.arms,
        "rateLimit": ("RateBasedStatement", Obj(_RATE)),
        "ruleGroup": ("RuleGroupReferenceStatement", GroupCodec(M("arn", "ARN"), short="arn")),
        "managedGroup": (
            "ManagedRuleGroupStatement",
            GroupCodec(
                M("vendor", "VendorName"),
                M("name", "Name"),
                M("version", "Version"),
                M("scopeDown", "ScopeDownStatement", STATEMENT, {}),
                M("config", "ManagedRuleGroupConfigs", Merged(), {}),
            ),
        ),
    }
)
"""Statements a rule may have."""

_IMMUNITY = Wrapped("ImmunityTimeProperty", Wrapped("ImmunityTime", Raw()))
IMMUNITIES = (
    M("captchaImmunityTime", "CaptchaConfig", _IMMUNITY, 0),
    M("challengeImmunityTime", "ChallengeConfig", _IMMUNITY, 0),
)
VISIBILITY = (
    M("cloudWatchMetricsEnabled", "CloudWatchMetricsEnabled"),
    M("sampledRequestsEnabled", "SampledRequestsEnabled"),
    M("metricName", "MetricName"),
)


class LabelsCodec:
    """AWS: a list of objects with a name. Ours: the names."""

    def to_aws(self, value: Any) -> Any:
        return [{"Name": name} for name in value]

    def to_ours(self, value: Any) -> Any:
        return [label["Name"] for label in value]


_RULE = (
    M("priority", "Priority"),
    M("action", "Action", ACTION),
    M("override", "OverrideAction", ACTION),
    M("labels", "RuleLabels", LabelsCodec(), []),
    *IMMUNITIES,
)


def statement_of(rule: Mapping[str, Any]) -> Doc:
    """The part of a rule that says what it matches."""
    return {k: v for k, v in rule.items() if k == "raw" or k in RULES.arms}


def _statement_to_aws(statement: Mapping[str, Any]) -> Any:
    return Raw().to_aws(statement["raw"]) if "raw" in statement else RULES.to_aws(statement)


def rule_to_aws(name: str, rule: Mapping[str, Any]) -> Doc:
    """A rule in AWS's words."""
    return {
        "Name": name,
        "Statement": _statement_to_aws(statement_of(rule)),
        "VisibilityConfig": Obj(VISIBILITY).to_aws(rule),
        **Obj(_RULE).to_aws(rule),
    }


def rule_from_aws(raw: Mapping[str, Any]) -> Doc:
    """A rule of what botocore knows (`waf_beyond.known`), in our words, without its name."""
    rest = {k: raw[k] for k in ("Priority", "RuleLabels", "CaptchaConfig", "ChallengeConfig")
            if k in raw}  # fmt: skip
    out = said(_RULE, rest)
    for ours, aws in (("action", "Action"), ("override", "OverrideAction")):
        if raw.get(aws):
            out[ours] = ACTION.to_ours(raw[aws])
    out |= said(VISIBILITY, raw.get("VisibilityConfig", {}))
    return out | statement_from_aws(raw.get("Statement", {}), RULES)


def in_words(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule of a spec without `raw`, wherever this table has words: so are both sides compared.

    A file has `raw` where the model would refuse the words (a value newer than this release).
    """
    statement = statement_of(rule)
    if len(statement) != 1 or not _has_raw(statement):
        return rule
    try:
        said = known(wire(_statement_to_aws(statement)), "Statement")
        words = statement_from_aws(said, RULES)
    except (KeyError, TypeError, AttributeError, ValueError):
        return rule  # a reference stands where the table looks for more
    return {k: v for k, v in rule.items() if k not in statement} | words


def in_raw(rule: Mapping[str, Any], statement: Mapping[str, Any]) -> Doc:
    """A rule of a spec with its statement in AWS's own words."""
    rest = {k: v for k, v in rule.items() if k not in RULES.arms}
    return rest | {"raw": Raw().to_ours(known(statement, "Statement"))}


_SHORT = {"geo": "countries", "ipSet": "arn", "asn": "asns", "label": "key", "ruleGroup": "arn"}


def in_short(value: Any) -> Any:
    """A rule of a spec as one would write it: `geo: [DE]`, `fieldToMatch: body`."""
    if isinstance(value, list):
        return [in_short(v) for v in value]
    if not isinstance(value, Mapping):
        return value
    out = {}
    for name, inner in value.items():
        member = _SHORT.get(name, "")
        if name == "raw":
            out[name] = inner
        elif name == "fieldToMatch" and isinstance(inner, Mapping) and {} in inner.values():
            (out[name],) = inner
        elif member and isinstance(inner, Mapping) and set(inner) == {member}:
            out[name] = inner[member]
        else:
            out[name] = in_short(inner)
    return out


def _has_raw(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "raw" in value or any(_has_raw(v) for v in value.values())
    return isinstance(value, list) and any(_has_raw(v) for v in value)


_SHIELD = re.compile(
    r"ShieldMitigationRuleGroup_\d{12}_[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}_.+"
)


def of_shield(raw: Mapping[str, Any]) -> bool:
    """True for a rule that Shield Advanced put in (case 129): its name, and that it runs a group.

    https://docs.aws.amazon.com/waf/latest/developerguide/ddos-automatic-app-layer-response-rg.html
    """
    named = _SHIELD.fullmatch(str(raw.get("Name", ""))) is not None
    return named and "RuleGroupReferenceStatement" in raw.get("Statement", {})
