"""A web ACL's settings in AWS's words and in ours, and what may be written about them.

https://docs.aws.amazon.com/waf/latest/APIReference/API_WebACL.html
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.kindlib.waf_beyond import known
from controller.kindlib.waf_codec import ACTION, IMMUNITIES, VISIBILITY, of_shield, rule_from_aws
from controller.kindlib.waf_rules import OR_NONE
from controller.kindlib.waf_statements import FieldToMatch, visible
from controller.kindlib.waf_translate import (
    FIELD,
    Each,
    M,
    Obj,
    Pairs,
    Raw,
    Same,
    Sorted,
    Unmodelled,
    Wrapped,
)
from controller.kindlib.whole import Whole
from controller.policies import Canonical, Doc, OwnedBy, Situation, Unordered
from controller.spec import Arn, Model, holds_reference, text


class CustomResponseBody(Model):
    """A text that custom responses may send."""

    content_type: Literal["TEXT_PLAIN", "TEXT_HTML", "APPLICATION_JSON"]
    """What it is."""
    content: Annotated[str, AfterValidator(text(low=1, high=10240))]
    """The text."""


class ProtectedField(Model):
    """A part of requests that appears hashed or replaced wherever WAF shows it."""

    field_type: Literal[
        "SINGLE_HEADER", "SINGLE_COOKIE", "SINGLE_QUERY_ARGUMENT", "QUERY_STRING", "BODY"
    ]
    """Which part."""
    field_keys: Annotated[
        list[Annotated[str, visible(64)]], Field(max_length=100), AfterValidator(sorted)
    ] = Field(default_factory=list)
    """Names of headers, cookies or arguments; their order has no meaning."""
    action: Literal["SUBSTITUTION", "HASH"]
    """Replace it by REDACTED, or by a hash."""
    exclude_rule_match_details: bool = False
    """Show it in the details of what matched all the same."""
    exclude_rate_based_details: bool = False
    """Show it in the details of rate limits all the same."""

    @model_validator(mode="after")
    def _keyed(self) -> ProtectedField:
        if self.field_type.startswith("SINGLE_") != bool(self.field_keys):
            raise ValueError("SINGLE_… needs fieldKeys, and nothing else has them")
        return self


class LogCondition(Model):
    """One of: an action, a label."""

    action: (
        Literal["ALLOW", "BLOCK", "COUNT", "CAPTCHA", "CHALLENGE", "MONETIZE", "EXCLUDED_AS_COUNT"]
        | None
    ) = None
    """Requests on which this action was taken."""
    label: Annotated[str, AfterValidator(text(r"[0-9A-Za-z_\-:]{1,1024}"))] | None = None
    """Requests with this label, written out with its prefix."""
    raw: dict[str, Any] | None = None
    """AWS's own JSON of a condition that this release has no word for. It is not checked."""

    @model_validator(mode="after")
    def _one(self) -> LogCondition:
        if [self.action, self.label, self.raw].count(None) != 2:
            raise ValueError("needs action or label")
        return self


class LogFilter(Model):
    """Which requests to keep or drop."""

    behavior: Literal["KEEP", "DROP"]
    """Keep or drop those that meet the conditions."""
    requirement: Literal["MEETS_ALL", "MEETS_ANY"]
    """All conditions, or one."""
    conditions: Annotated[list[LogCondition], Field(min_length=1)]
    """The conditions."""


class LoggingFilter(Model):
    """Which requests are logged. The first filter that a request meets decides (case 147)."""

    default_behavior: Literal["KEEP", "DROP"]
    """What is done with the others."""
    filters: Annotated[list[LogFilter], Field(min_length=1)]
    """In this order."""


def _destination(arn: str) -> str:
    if holds_reference(arn):
        return arn
    if arn.split(":")[2] not in ("logs", "s3", "firehose"):
        raise ValueError("WAF logs to a log group, bucket or Firehose stream")
    name = arn.removesuffix(":*").rsplit(":", 1)[-1].removeprefix("deliverystream/")
    if not name.startswith("aws-waf-logs-"):
        raise ValueError(
            "the name of a log group, bucket or Firehose stream for WAF begins with aws-waf-logs-"
        )
    return arn


_REDACTABLE = ("uriPath", "queryString", "method")


def _redactable(fields: list[Any]) -> list[Any]:
    for field in fields:
        if field not in _REDACTABLE and not (isinstance(field, dict) and "singleHeader" in field):
            raise ValueError("WAF redacts only uriPath, queryString, method and single headers")
    return fields


REDACTED = ("authorization", "cookie", "x-api-key")
"""Headers that hold credentials: kept out of logs unless said otherwise."""


def _central(situation: Situation, wanted: Any, live: Any) -> bool:
    return bool((situation.raw.get("logging") or {}).get("ManagedByFirewallManager"))


CENTRAL = OwnedBy("Firewall Manager", _central, cases=(130,))
"""Where a web ACL logs to may be Firewall Manager's to say."""


class Logging(Model):
    """Where full logs of requests go.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_LoggingConfiguration.html
    """

    destination: Annotated[
        Arn, AfterValidator(_destination), Canonical(lambda arn: arn.removesuffix(":*")), CENTRAL
    ]
    """ARN of a log group, bucket or Firehose stream; its name begins with `aws-waf-logs-`."""
    redacted_fields: Annotated[
        list[FieldToMatch],
        Field(max_length=100),
        AfterValidator(_redactable),
        Unordered(),
        CENTRAL,
    ] = Field(default_factory=lambda: [{"singleHeader": name} for name in REDACTED])
    """What is left out of the logs. AWS's default is nothing; ours are the headers authorization,
    cookie and x-api-key. Redaction covers only rules that look at single headers by name."""
    filter: Annotated[Any, Whole(lambda: LoggingFilter), OR_NONE, CENTRAL] = Field(
        default_factory=dict
    )
    """Which requests are logged. Without it, all."""


_CONDITION = "Conditions"


class _FilterCodec:
    """LoggingFilter; a condition is a union of two objects with one member each."""

    def to_aws(self, value: Any) -> Any:
        return {
            "DefaultBehavior": value["defaultBehavior"],
            "Filters": [
                {
                    "Behavior": f["behavior"],
                    "Requirement": f["requirement"],
                    _CONDITION: [self._condition(c) for c in f["conditions"]],
                }
                for f in value["filters"]
            ],
        }

    @staticmethod
    def _condition(value: Mapping[str, Any]) -> Doc:
        if "raw" in value:
            return dict(value["raw"])
        if "action" in value:
            return {"ActionCondition": {"Action": value["action"]}}
        return {"LabelNameCondition": {"LabelName": value["label"]}}

    def to_ours(self, value: Any) -> Any:
        return {
            "defaultBehavior": value["DefaultBehavior"],
            "filters": [
                {
                    "behavior": f["Behavior"],
                    "requirement": f["Requirement"],
                    "conditions": [self._in_words(c) for c in f[_CONDITION]],
                }
                for f in value["Filters"]
            ],
        }

    @staticmethod
    def _in_words(value: Mapping[str, Any]) -> Doc:
        if "ActionCondition" in value:
            return {"action": value["ActionCondition"]["Action"]}
        if "LabelNameCondition" in value:
            return {"label": value["LabelNameCondition"]["LabelName"]}
        return {"raw": dict(value)}


_FILTER = _FilterCodec()


def _redacted(field: Mapping[str, Any]) -> Any:
    try:
        return FIELD.to_ours(field)
    except Unmodelled:
        return {"raw": dict(field)}


def logging_to_aws(logging: Mapping[str, Any], arn: str, live: Mapping[str, Any] | None) -> Doc:
    """A LoggingConfiguration for the web ACL `arn`; its kind and scope as AWS shows them."""
    out: Doc = {"ResourceArn": arn, "LogDestinationConfigs": [logging["destination"]]}
    if logging.get("redactedFields"):
        out["RedactedFields"] = [FIELD.to_aws(f) for f in logging["redactedFields"]]
    if logging.get("filter"):
        out["LoggingFilter"] = _FILTER.to_aws(logging["filter"])
    return out | {k: live[k] for k in ("LogType", "LogScope") if live and k in live}


def logging_from_aws(raw: Mapping[str, Any]) -> Doc:
    """A LoggingConfiguration in our words."""
    raw = known(raw, "LoggingConfiguration")
    out: Doc = {"destination": next(iter(raw.get("LogDestinationConfigs") or [""]))}
    out["redactedFields"] = [_redacted(f) for f in raw.get("RedactedFields") or []]
    if raw.get("LoggingFilter"):
        out["filter"] = _FILTER.to_ours(raw["LoggingFilter"])
    return out


class _Bodies:
    """CustomResponseBodies: a map on both sides."""

    one = Obj((M("contentType", "ContentType"), M("content", "Content")))

    def to_aws(self, value: Any) -> Any:
        return {k: self.one.to_aws(v) for k, v in value.items()}

    def to_ours(self, value: Any) -> Any:
        return {k: self.one.to_ours(v) for k, v in value.items()}


class _Injection:
    """ChallengeJavascriptSdkInjection: empty objects that have a meaning (as in case 137)."""

    def to_aws(self, value: Any) -> Any:
        return {kind: {} for kind in value}

    def to_ours(self, value: Any) -> Any:
        return sorted(value)


class _RequestBody:
    """How much of a body is inspected, by kind of resource; 16 KB is the default."""

    def to_aws(self, value: Any) -> Any:
        return {k: {"DefaultSizeInspectionLimit": v} for k, v in value.items()}

    def to_ours(self, value: Any) -> Any:
        limits = {k: v.get("DefaultSizeInspectionLimit", "KB_16") for k, v in value.items()}
        return {k: v for k, v in limits.items() if v != "KB_16"}


REAL_MONEY = ("CurrencyMode", "REAL")
"""https://docs.aws.amazon.com/waf/latest/APIReference/API_MonetizationConfig.html: the default."""


class _Monetization(Same):
    """AWS's own words, without the default."""

    def to_ours(self, value: Any) -> Any:
        return {k: v for k, v in value.items() if (k, v) != REAL_MONEY}


_PROTECTION = Obj(
    (
        M("fieldType", "FieldType"),
        M("fieldKeys", "FieldKeys", Sorted(), []),
        M("action", "Action"),
        M("excludeRuleMatchDetails", "ExcludeRuleMatchDetails", Raw(), False),
        M("excludeRateBasedDetails", "ExcludeRateBasedDetails", Raw(), False),
    )
)


class _Protection:
    """DataProtections: AWS nests the field's type and keys."""

    def to_aws(self, value: Any) -> Any:
        flat = _PROTECTION.to_aws(value)
        field = {k: flat.pop(k) for k in ("FieldType", "FieldKeys") if k in flat}
        return {"Field": field} | flat

    def to_ours(self, value: Any) -> Any:
        return _PROTECTION.to_ours(
            {k: v for k, v in value.items() if k != "Field"} | dict(value["Field"])
        )


SETTINGS = (
    M("defaultAction", "DefaultAction", ACTION),
    M("description", "Description"),
    M("customResponseBodies", "CustomResponseBodies", _Bodies(), {}),
    *IMMUNITIES,
    M("tokenDomains", "TokenDomains", Raw(), []),
    M(
        "albLowReputationMode",
        "OnSourceDDoSProtectionConfig",
        Wrapped("ALBLowReputationMode", Raw()),
        "ACTIVE_UNDER_DDOS",
    ),
    M(
        "dataProtection",
        "DataProtectionConfig",
        Wrapped("DataProtections", Each(_Protection)),
        [],
    ),
    M(
        "applicationAttributes",
        "ApplicationConfig",
        Wrapped("Attributes", Pairs(value="Values")),
    ),
    M("monetization", "MonetizationConfig", _Monetization(), {}),
)
"""Settings that are one member on both sides."""

_VISIBILITY = {m.ours for m in VISIBILITY}
_ASSOCIATION = (
    M("requestBody", "RequestBody", _RequestBody(), {}),
    M("challengeSdkInjection", "ChallengeJavascriptSdkInjection", _Injection(), []),
)
"""Parts of AssociationConfig."""
FIELDS = {*(m.ours for m in (*SETTINGS, *_ASSOCIATION)), *_VISIBILITY, "rules"}
"""Spec fields that Create- and UpdateWebACL carry."""
_AWS_S = frozenset(
    ("Name", "Id", "ARN", "Capacity", "LabelNamespace", "PreProcessFirewallManagerRuleGroups",
     "PostProcessFirewallManagerRuleGroups", "ManagedByFirewallManager",
     "RetrofittedByFirewallManager")
)  # fmt: skip
"""What GetWebACL shows and UpdateWebACL does not take (cases 130, 146)."""


def kept(acl: Mapping[str, Any]) -> Doc:
    """What UpdateWebACL must be told, changed or not, since it replaces everything: all that AWS
    shows, what is newer than this release included, but for what is AWS's own."""
    empty: tuple[Any, ...] = (None, "", [], {})
    return {name: v for name, v in acl.items() if name not in _AWS_S and v not in empty}


UNREADABLE = (Unmodelled, KeyError, TypeError, AttributeError)
"""What a codec raises that meets something else than AWS documents."""


def settings_from_aws(acl: Mapping[str, Any]) -> Doc:
    """A web ACL's settings in our words. Shield's rules are not shown (case 129)."""
    out: Doc = {}
    acl = known(acl, "WebACL")
    for members, holder in ((SETTINGS, acl), (_ASSOCIATION, acl.get("AssociationConfig") or {})):
        for member in members:
            raw = holder.get(member.aws)
            if raw not in (None, "", [], {}):
                with suppress(*UNREADABLE):  # no words for it: nothing is said, nothing is changed
                    out |= Obj((member,)).to_ours({member.aws: raw})
    visible = acl.get("VisibilityConfig") or {}
    out |= Obj(VISIBILITY).to_ours(visible)
    if out.get("metricName") == acl.get("Name"):
        out.pop("metricName", None)
    rules = sorted(acl.get("Rules") or [], key=lambda rule: rule.get("Priority", 0))
    shown = {rule["Name"]: rule_from_aws(rule) for rule in rules if not of_shield(rule)}
    return out | ({"rules": shown} if shown else {})


def settings_to_aws(spec: Mapping[str, Any], name: str, only: set[str], base: Doc) -> Doc:
    """`base` with the settings `only` (our names) as the spec has them; empty ones left out."""
    out = dict(base)
    for member in SETTINGS:
        if member.ours in only:
            out.pop(member.aws, None)
            out |= Obj((member,)).to_aws(spec)
    if only & _VISIBILITY:
        out["VisibilityConfig"] = Obj(VISIBILITY).to_aws({"metricName": name} | dict(spec))
    todo = tuple(m for m in _ASSOCIATION if m.ours in only)
    if todo:
        said = {m.aws for m in todo}
        rest = {k: v for k, v in out.pop("AssociationConfig", {}).items() if k not in said}
        if config := rest | Obj(todo).to_aws(spec):
            out["AssociationConfig"] = config
    return out
