"""WAF's rules as they are written in a file.

https://docs.aws.amazon.com/waf/latest/APIReference/API_Rule.html
A rule is one statement and what to do when it matches. Managed groups and rate limits are compared
member by member; match statements as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, WrapValidator, model_validator

from controller.kindlib.aws_shapes import check_shape
from controller.kindlib.waf_codec import RULES, without_defaults
from controller.kindlib.waf_statements import (
    Fingerprint,
    ForwardedIp,
    LabelKey,
    Nested,
    Statement,
    Transformations,
    only_one,
    visible,
)
from controller.kindlib.waf_translate import GROUP_STATEMENTS, statement_from_aws
from controller.kindlib.whole import Whole
from controller.policies import AnyWhenUndeclared, Doc, KeysOf, ServerDefault, Unordered
from controller.spec import Arn, Model, holds_reference, text

EntityName = Annotated[
    str, AfterValidator(text(r"[\w\-]{1,128}", says="1-128 letters, digits, _ or -"))
]
MetricName = Annotated[
    str,
    AfterValidator(
        text(
            r"(?!(?:All|Default_Action)$)[\w#:.\-/]{1,255}",
            says="1-255 letters, digits or _#:.-/, and neither All nor Default_Action",
        )
    ),
]
Headers = Annotated[
    dict[
        Annotated[str, AfterValidator(text(r"[a-zA-Z0-9._$-]{1,64}", says="a header name"))],
        Annotated[str, AfterValidator(text(r".*", low=1, high=255, says="one line of text"))],
    ],
    Field(max_length=10),
]
LabelNamespace = Annotated[
    str,
    AfterValidator(text(r"[0-9A-Za-z_\-:]{1,1023}:", says="letters, digits or _-: up to a colon")),
]
Immunity = Annotated[int, Field(ge=60, le=259200)]
ChallengeImmunity = Annotated[int, Field(ge=300, le=259200)]
OR_NONE = WrapValidator(lambda value, check: value if value == {} else check(value))
"""`{}` says that there is no such part: what AWS shows in its place is drift."""


STATUSES = frozenset(
    (200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409,
     411, 412, 413, 414, 415, 416, 421, 429, 500, 501, 502, 503, 504, 505)
)  # fmt: skip


def _status(code: int) -> int:
    if not holds_reference(code) and code not in STATUSES:
        known = ", ".join(str(c) for c in sorted(STATUSES))
        raise ValueError(f"found the status {code}, allowed: {known}")
    return code


def _not_the_type(headers: dict[str, str]) -> dict[str, str]:
    if any(name.lower() == "content-type" for name in headers):
        raise ValueError("content-type is that of the customResponseBody")
    return headers


class CustomResponse(Model):
    """What a blocked request is answered with, instead of an empty 403.

    https://docs.aws.amazon.com/waf/latest/developerguide/customizing-the-response-status-codes.html
    """

    response_code: Annotated[int, Field(ge=200, le=599), AfterValidator(_status)]
    """HTTP status, of those that WAF sends."""
    custom_response_body_key: EntityName | None = None
    """Which of `customResponseBodies` to send."""
    response_headers: Annotated[Headers, AfterValidator(_not_the_type)] = Field(
        default_factory=dict
    )
    """Headers to add, by name; none is content-type."""


class ActionDetail(Model):
    """What is done with a request."""

    type: Literal["allow", "block", "count", "captcha", "challenge", "monetize"]
    """allow and block end the evaluation; count goes on; captcha and challenge test the client."""
    custom_response: CustomResponse | None = None
    """For `block`: what to answer."""
    insert_headers: Headers = Field(default_factory=dict)
    """For all but `block`: headers to add to the request; WAF prefixes x-amzn-waf-."""
    price_multiplier: (
        Annotated[str, AfterValidator(text(r"[1-9]\d?|100", says='must be "1" to "100"'))] | None
    ) = None
    """For `monetize`: how many times the base price."""

    @model_validator(mode="after")
    def _fits(self) -> ActionDetail:
        if self.custom_response and self.type != "block":
            raise ValueError("only block has a customResponse")
        if self.insert_headers and self.type in ("block", "monetize"):
            raise ValueError(f"{self.type} inserts no headers")
        if self.price_multiplier and self.type != "monetize":
            raise ValueError("only monetize has a priceMultiplier")
        return self


class OverrideDetail(Model):
    """What is done with what a rule group decides."""

    type: Literal["none", "count"]
    """none: the group's rules act. count: they only count."""
    insert_headers: Headers = Field(default_factory=dict)
    """For `count`: headers to add to the request."""


class DefaultDetail(ActionDetail):
    """What is done with a request that no rule decided on."""

    type: Literal["allow", "block"]
    """allow or block."""


class AsAws(Model):
    """What this release has no word for."""

    raw: dict[str, Any]
    """AWS's own JSON of it. It is not checked."""


Action = Annotated[Any, Whole(lambda: ActionDetail | AsAws, "type", brief=True)]
Override = Annotated[Any, Whole(lambda: OverrideDetail | AsAws, "type", brief=True)]
DefaultAction = Annotated[Any, Whole(lambda: DefaultDetail | AsAws, "type", brief=True)]


def _overrides(data: Any) -> Any:
    """`overrides: {X: count}` is `count: [X]`: one spelling."""
    if not isinstance(data, dict) or not isinstance(data.get("overrides"), dict):
        return data
    counted = [n for n, a in data["overrides"].items() if a in ("count", {"type": "count"})]
    if not counted:
        return data
    rest = {n: a for n, a in data["overrides"].items() if n not in counted}
    return data | {"overrides": rest, "count": sorted({*(data.get("count") or []), *counted})}


Counted = Annotated[list[EntityName], Field(max_length=100)]


class RuleGroup(Model):
    """A rule group of your own, or one shared with you."""

    arn: Arn
    """The group's ARN."""
    count: Annotated[Counted, AfterValidator(lambda v: sorted(set(v)))] = Field(
        default_factory=list
    )
    """Rules of the group that only count."""
    overrides: Annotated[dict[EntityName, Action], Field(max_length=100)] = Field(
        default_factory=dict
    )
    """Other actions for single rules of the group, by rule."""

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data: Any) -> Any:
        return _overrides(data)


def _config(value: dict[str, Any]) -> dict[str, Any]:
    check_shape("wafv2", "ManagedRuleGroupConfigs", [{k: v} for k, v in value.items()])
    return dict(without_defaults(value))


class ManagedGroup(Model):
    """A rule group that AWS or a vendor maintains.

    https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
    """

    vendor: Annotated[str, visible(128)] = "AWS"
    """Who maintains it."""
    name: EntityName | None = None
    """For example AWSManagedRulesCommonRuleSet. Needed, but for the rules of the baseline."""
    version: Annotated[
        Annotated[str, AfterValidator(text(r"[\w#:.\-/]{1,64}", says="a version name"))] | None,
        AnyWhenUndeclared(cases=(142,)),
    ] = None
    """A fixed version. Without one it follows the vendor's default, which moves: any is right."""
    count: Annotated[Counted, Unordered(cases=(144,)), KeysOf("overrides", "count")] = Field(
        default_factory=list
    )
    """Rules of the group that only count: those that would block what your users rightly do."""
    overrides: Annotated[dict[EntityName, Action], Field(max_length=100)] = Field(
        default_factory=dict
    )
    """Other actions for single rules of the group, by rule (case 144: AWS keeps them as a list)."""
    scope_down: Annotated[Any, Whole(lambda: Nested), OR_NONE] = Field(default_factory=dict)
    """Only requests that match this are looked at. None: all are."""
    config: Annotated[Any, Whole(lambda: dict[str, Any]), AfterValidator(_config)] = Field(
        default_factory=dict
    )
    """What some groups must be told, in AWS's own words (`ManagedRuleGroupConfig`), by member."""

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data: Any) -> Any:
        return _overrides(data)

    @model_validator(mode="after")
    def _named(self) -> ManagedGroup:
        if self.name is None:
            raise ValueError("a managed group needs a name")
        return self


class Named(Model):
    """A part of the request, by name."""

    name: Annotated[str, visible(64)]
    """Its name."""
    text_transformations: Transformations = Field(default_factory=list)
    """What is done to its value first."""


class Transformed(Model):
    """A part of the request of which there is one."""

    text_transformations: Transformations = Field(default_factory=list)
    """What is done to it first."""


class RateKeyPart(Model):
    """A part of the request to count by that needs parameters. Exactly one."""

    header: Named | None = None
    """A header."""
    cookie: Named | None = None
    """A cookie."""
    query_argument: Named | None = None
    """A query argument."""
    query_string: Transformed | None = None
    """The query string."""
    uri_path: Transformed | None = None
    """The path."""
    label_namespace: LabelNamespace | None = None
    """Labels that begin so."""
    ja3_fingerprint: Fingerprint | None = Field(None, alias="ja3Fingerprint")
    """The JA3 hash of the TLS greeting."""
    ja4_fingerprint: Fingerprint | None = Field(None, alias="ja4Fingerprint")
    """The JA4 hash of the TLS greeting."""

    @model_validator(mode="after")
    def _one(self) -> RateKeyPart:
        only_one(self, "part of the request")
        return self


RateKey = Annotated[
    Any, Whole(lambda: Literal["ip", "forwardedIp", "httpMethod", "asn"] | RateKeyPart)
]


class RateLimit(Model):
    """More requests than so many in a while.

    https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html
    """

    limit: Annotated[int, Field(ge=10, le=2_000_000_000)]
    """Requests within `window`, counted for each value of `by` on its own."""
    window: Annotated[Literal[60, 120, 300, 600], ServerDefault(300, cases=(133,))] = 300
    """Seconds that WAF looks back. AWS's default too."""
    by: Literal["IP", "FORWARDED_IP", "CUSTOM_KEYS", "CONSTANT"] = "IP"
    """What is counted together. CONSTANT: all requests that `scopeDown` matches."""
    keys: Annotated[list[RateKey], Field(max_length=5)] = Field(default_factory=list)
    """For CUSTOM_KEYS: up to five parts of the request; their order is kept (case 147)."""
    forwarded_ip: Annotated[Any, Whole(lambda: ForwardedIp), OR_NONE] = Field(default_factory=dict)
    """Where the client's address is found, for FORWARDED_IP or the key `forwardedIp`."""
    scope_down: Annotated[Any, Whole(lambda: Nested), OR_NONE] = Field(default_factory=dict)
    """Only requests that match this are counted. None: all are."""

    @model_validator(mode="after")
    def _consistent(self) -> RateLimit:
        if (self.by == "CUSTOM_KEYS") != bool(self.keys):
            raise ValueError("by: CUSTOM_KEYS needs keys, and nothing else has them")
        if self.keys in (["ip"], ["forwardedIp"]):
            raise ValueError("for an address alone, by: IP or FORWARDED_IP")
        if (self.by == "FORWARDED_IP" or "forwardedIp" in self.keys) and not self.forwarded_ip:
            raise ValueError("counting by forwarded address needs forwardedIp")
        if self.by == "CONSTANT" and not self.scope_down:
            raise ValueError("by: CONSTANT needs scopeDown")
        return self


_RESERVED = {"aws", "waf", "managed", "rulegroup", "webacl", "regexpatternset", "ipset"}


def _label(value: str) -> str:
    if not holds_reference(value) and _RESERVED & set(value.split(":")):
        raise ValueError(f"a label may not contain {', '.join(sorted(_RESERVED))}")
    parts = value.split(":")
    if not holds_reference(value) and (len(parts) > 6 or max(map(len, parts)) > 128):
        raise ValueError("a label has at most 5 namespaces before its name, of 128 characters each")
    return value


class RuleStatement(Statement):
    """What a rule looks at: as nested statements, or a group or a rate limit."""

    managed_group: Annotated[ManagedGroup | None, AnyWhenUndeclared()] = None
    """A rule group of AWS or a vendor."""
    rule_group: Annotated[Any, Whole(lambda: RuleGroup, "arn"), AnyWhenUndeclared()] = None
    """A rule group of your own: its ARN, or with `count` and `overrides`."""
    rate_limit: Annotated[RateLimit | None, AnyWhenUndeclared()] = None
    """More requests than so many in a while."""

    @classmethod
    def _translated(cls, raw: dict[str, Any]) -> dict[str, Any]:
        return statement_from_aws(raw, RULES)

    @classmethod
    def speaks(cls, words: dict[str, Any]) -> bool:
        """As of any statement."""
        try:
            RuleStatement.model_validate(words)
        except ValidationError:
            return False
        return True


class Rule(RuleStatement):
    """One rule: exactly one statement, and what to do when it matches.

    The whole rule is ours: what AWS shows in it and it does not say is removed.
    """

    priority: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    """Rules run from the lowest to the highest; no two share one (case 131). Needed, but for the
    rules of the baseline, which have theirs."""
    action: Annotated[Action, AnyWhenUndeclared()] = None
    """allow, block, count, captcha or challenge; `{type: block, customResponse: …}` for more."""
    override: Annotated[Override, AnyWhenUndeclared()] = None
    """For groups instead of `action`: none (default, the group acts) or count (case 137)."""
    labels: Annotated[
        list[Annotated[LabelKey, AfterValidator(_label)]], Field(max_length=100), Unordered()
    ] = Field(default_factory=list)
    """Labels to put on requests that match, for later rules and the log. Not for groups."""
    cloud_watch_metrics_enabled: bool = True
    """Count matches in CloudWatch. AWS has no default; ours is yes."""
    sampled_requests_enabled: bool = True
    """Keep samples of matching requests, without bodies. AWS has no default; ours is yes."""
    metric_name: MetricName | None = None
    """The metric's name. Default: the rule's name."""
    captcha_immunity_time: Annotated[Literal[0] | Immunity, ServerDefault(0)] = 0
    """Seconds that a solved CAPTCHA is good for; 0: as the web ACL has it."""
    challenge_immunity_time: Annotated[Literal[0] | ChallengeImmunity, ServerDefault(0)] = 0
    """Seconds that a passed challenge is good for; 0: as the web ACL has it."""

    @model_validator(mode="before")
    @classmethod
    def _group_default(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("override") is None and _is_group(data):
            return data | {"override": "none"}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        found = [n for n in RuleStatement.model_fields if getattr(self, n) is not None]
        if len(found) != 1:
            said_so = ", ".join(Rule.model_fields[n].alias or n for n in found) or "none"
            raise ValueError(f"a rule needs exactly one statement, not {said_so}")
        if self.priority is None:
            raise ValueError("a rule needs a priority")
        group = _is_group({Rule.model_fields[n].alias: getattr(self, n) for n in found})
        if self.raw is not None and not set(self.raw) & STATEMENTS:  # newer than this release
            group = self.override is not None
        if group and self.action is not None:
            raise ValueError("a rule that runs a group has override, not action")
        if not group and (self.action is None or self.override is not None):
            raise ValueError("a rule needs an action; override is for groups")
        if group and self.labels:
            raise ValueError("a rule that runs a group can't add labels")
        return self


STATEMENTS = frozenset(aws for aws, _ in RULES.arms.values())
"""Statements by AWS's names."""


def _is_group(rule: Mapping[Any, Any]) -> bool:
    raw = rule.get("raw")
    return (
        rule.get("managedGroup") is not None
        or rule.get("ruleGroup") is not None
        or (isinstance(raw, dict) and bool(set(raw) & set(GROUP_STATEMENTS)))
    )


BASELINE: dict[str, Doc] = {
    "ip-reputation": {
        "priority": 100, "managedGroup": {"name": "AWSManagedRulesAmazonIpReputationList"},
    },
    "common": {"priority": 200, "managedGroup": {"name": "AWSManagedRulesCommonRuleSet"}},
    "known-bad-inputs": {
        "priority": 300, "managedGroup": {"name": "AWSManagedRulesKnownBadInputsRuleSet"},
    },
}  # fmt: skip
"""https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html"""


def with_baseline(rules: Mapping[str, Any]) -> Doc:
    """The declared rules and those of the baseline; a rule of the same name says what differs."""
    merged: Doc = {}
    for name, ours in BASELINE.items():
        theirs = rules.get(name)
        if theirs is None:
            merged[name] = ours
        elif isinstance(theirs, Mapping) and not _other_statement(theirs, ours):
            group = {**ours["managedGroup"], **theirs.get("managedGroup", {})}
            merged[name] = {**ours, **theirs, "managedGroup": group}
        else:
            merged[name] = theirs
    return merged | {n: r for n, r in rules.items() if n not in BASELINE}


def _other_statement(theirs: Mapping[str, Any], ours: Doc) -> bool:
    if set(theirs) & (({*RULES.arms, "raw"}) - {"managedGroup"}):
        return True
    group = theirs.get("managedGroup", {})
    return not isinstance(group, Mapping) or (
        group.get("name", ours["managedGroup"]["name"]) != ours["managedGroup"]["name"]
    )
