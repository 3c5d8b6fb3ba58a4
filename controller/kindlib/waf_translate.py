"""WAF rules in AWS's words and in ours: one table, read in both directions.

https://docs.aws.amazon.com/waf/latest/APIReference/API_Rule.html
What AWS says and we have no words for (a member newer than this table) raises `Unmodelled` inside;
the statement is then kept as it is, under `raw`, so that every web ACL can be shown and kept.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controller.policies import Doc

GROUP_STATEMENTS = ("ManagedRuleGroupStatement", "RuleGroupReferenceStatement")
BYTES = "base64"
"""The one key of what stands for bytes that are no text: plans must be printable."""


class Unmodelled(Exception):
    """AWS shows something that this table has no words for."""


class Codec(Protocol):
    """Translates one value."""

    def to_aws(self, value: Any) -> Any: ...
    def to_ours(self, value: Any) -> Any: ...


class Same:
    """The same on both sides."""

    def to_aws(self, value: Any) -> Any:
        return value

    def to_ours(self, value: Any) -> Any:
        return value


class Lower(Same):
    """WAF ignores the letter case and shows lower case."""

    def to_ours(self, value: Any) -> Any:
        return value.lower()


class Sorted(Same):
    """A list whose order has no meaning."""

    def to_ours(self, value: Any) -> Any:
        return sorted(set(value))


class Ordered:
    """AWS: objects numbered by Priority. Ours: their types in that order; `[NONE]` is nothing."""

    def to_aws(self, value: Any) -> Any:
        return [{"Priority": i, "Type": kind} for i, kind in enumerate(value or ["NONE"])]

    def to_ours(self, value: Any) -> Any:
        kinds = [t["Type"] for t in sorted(value, key=lambda t: t["Priority"])]
        return [] if kinds == ["NONE"] else kinds


@dataclass(frozen=True)
class Pairs:
    """AWS: a list of objects with a name and a value. Ours: a map."""

    name: str = "Name"
    value: str = "Value"

    def to_aws(self, value: Any) -> Any:
        return [{self.name: k, self.value: v} for k, v in value.items()]

    def to_ours(self, value: Any) -> Any:
        found = {p[self.name]: p[self.value] for p in value}
        if len(found) != len(value):
            raise Unmodelled(sorted(found))
        return found


@dataclass(frozen=True)
class Wrapped:
    """AWS: an object with one member (or two, the other fixed). Ours: the member."""

    name: str
    codec: Codec

    def to_aws(self, value: Any) -> Any:
        return {self.name: self.codec.to_aws(value)}

    def to_ours(self, value: Any) -> Any:
        if not value:
            return None
        if set(value) != {self.name}:
            raise Unmodelled(sorted(value))
        return self.codec.to_ours(value[self.name])


@dataclass(frozen=True)
class Each:
    """A list of the same."""

    codec: Callable[[], Codec]

    def to_aws(self, value: Any) -> Any:
        return [self.codec().to_aws(v) for v in value]

    def to_ours(self, value: Any) -> Any:
        return [self.codec().to_ours(v) for v in value]


@dataclass(frozen=True)
class Late:
    """A codec that is defined further down."""

    codec: Callable[[], Codec]

    def to_aws(self, value: Any) -> Any:
        return self.codec().to_aws(value)

    def to_ours(self, value: Any) -> Any:
        return self.codec().to_ours(value)


@dataclass(frozen=True)
class M:
    """A member: our name, AWS's, how it is translated, its default, whether AWS needs it said."""

    ours: str
    aws: str
    codec: Codec = Same()  # noqa: RUF009 (it has no state)
    default: Any = None
    needed: bool = False


@dataclass(frozen=True)
class Obj:
    """An object. short: the member that may stand for the whole if it is the only one."""

    members: tuple[M, ...]
    short: str = ""

    def to_aws(self, value: Any) -> Any:
        if self.short and not isinstance(value, Mapping):
            value = {self.short: value}
        out = {}
        for member in self.members:
            held = value.get(member.ours, member.default)
            if held is not None and (held != member.default or member.needed):
                out[member.aws] = member.codec.to_aws(held)
        return out

    def to_ours(self, value: Any) -> Any:
        unknown = set(value) - {m.aws for m in self.members}
        if unknown:
            raise Unmodelled(sorted(unknown))
        out = {}
        for member in self.members:
            if value.get(member.aws) is not None:
                held = member.codec.to_ours(value[member.aws])
                if held != member.default and held not in (None, [], {}, ""):
                    out[member.ours] = held
        return out


@dataclass(frozen=True)
class Union:
    """One of several, by AWS an object with one member. bare: those that may be just their name."""

    arms: Mapping[str, tuple[str, Codec]]
    bare: tuple[str, ...] = ()

    def to_aws(self, value: Any) -> Any:
        if isinstance(value, str):
            return {self.arms[value][0]: {}}
        name, inner = next(iter(value.items()))
        aws, codec = self.arms[name]
        return {aws: codec.to_aws(inner)}

    def to_ours(self, value: Any) -> Any:
        if len(value) != 1:
            raise Unmodelled(sorted(value))
        aws, inner = next(iter(value.items()))
        for name, (theirs, codec) in self.arms.items():
            if theirs == aws:
                held = codec.to_ours(inner)
                return name if held == {} and name in self.bare else {name: held}
        raise Unmodelled(aws)


SAME = Same()
NOTHING = Obj(())


def _pattern(kind: str) -> Obj:
    return Obj(
        (
            M("matchScope", "MatchScope"),
            M("oversizeHandling", "OversizeHandling"),
            M(f"included{kind}", f"Included{kind}", Sorted()),
            M(f"excluded{kind}", f"Excluded{kind}", Sorted()),
        )
    )


@dataclass(frozen=True)
class Patterned:
    """AWS: `MatchPattern: {All: {}}` or a list in it. Ours: the list beside the rest, or none."""

    flat: Obj
    lists: tuple[str, ...]

    def to_aws(self, value: Any) -> Any:
        out = self.flat.to_aws(value)
        pattern = {name: out.pop(name) for name in self.lists if name in out}
        return out | {"MatchPattern": pattern or {"All": {}}}

    def to_ours(self, value: Any) -> Any:
        rest = {k: v for k, v in value.items() if k != "MatchPattern"}
        pattern = value.get("MatchPattern", {})
        return self.flat.to_ours(rest | ({} if pattern == {"All": {}} else pattern))


OVERSIZE = M("oversizeHandling", "OversizeHandling", default="CONTINUE", needed=True)
"""The default is sent all the same: without it AWS may answer WAFConfigurationWarningException."""
FALLBACK = M("fallbackBehavior", "FallbackBehavior")
FIELD = Union(
    {
        "uriPath": ("UriPath", NOTHING),
        "queryString": ("QueryString", NOTHING),
        "method": ("Method", NOTHING),
        "allQueryArguments": ("AllQueryArguments", NOTHING),
        "body": ("Body", Obj((OVERSIZE,))),
        "uriFragment": ("UriFragment", Obj((FALLBACK,))),
        "singleHeader": ("SingleHeader", Wrapped("Name", Lower())),
        "singleQueryArgument": ("SingleQueryArgument", Wrapped("Name", Lower())),
        "jsonBody": (
            "JsonBody",
            Patterned(
                Obj(
                    (
                        M("matchScope", "MatchScope"),
                        M("includedPaths", "IncludedPaths", Sorted()),
                        M("invalidFallbackBehavior", "InvalidFallbackBehavior"),
                        OVERSIZE,
                    )
                ),
                ("IncludedPaths",),
            ),
        ),
        "headers": (
            "Headers", Patterned(_pattern("Headers"), ("IncludedHeaders", "ExcludedHeaders"))
        ),
        "cookies": (
            "Cookies", Patterned(_pattern("Cookies"), ("IncludedCookies", "ExcludedCookies"))
        ),
        "headerOrder": ("HeaderOrder", Obj((M("oversizeHandling", "OversizeHandling"),))),
        "ja3Fingerprint": ("JA3Fingerprint", Obj((FALLBACK,))),
        "ja4Fingerprint": ("JA4Fingerprint", Obj((FALLBACK,))),
    },
    bare=("uriPath", "queryString", "method", "allQueryArguments"),
)  # fmt: skip
"""https://docs.aws.amazon.com/waf/latest/APIReference/API_FieldToMatch.html"""

TRANSFORMED = M("textTransformations", "TextTransformations", Ordered(), [], needed=True)
INSPECTED = (
    M("fieldToMatch", "FieldToMatch", FIELD),
    TRANSFORMED,
    M("preParseTextTransformations", "PreParseTextTransformations", Ordered(), []),
)
FORWARDED = Obj((M("headerName", "HeaderName"), FALLBACK))
FORWARDED_SET = Obj((M("headerName", "HeaderName"), FALLBACK, M("position", "Position")))


class Searched:
    """ByteMatchStatement: its SearchString is bytes (case 135)."""

    rest = Obj((*INSPECTED, M("positionalConstraint", "PositionalConstraint")))

    def to_aws(self, value: Any) -> Any:
        sought = value.get("searchString")
        found = {BYTES: value["searchBase64"]} if sought is None else sought
        return {"SearchString": found} | self.rest.to_aws(value)

    def to_ours(self, value: Any) -> Any:
        found = printable({"SearchString": value.get("SearchString", b"")})["SearchString"]
        ours = {"searchBase64": found[BYTES]} if isinstance(found, dict) else {
            "searchString": found
        }  # fmt: skip
        return ours | self.rest.to_ours({k: v for k, v in value.items() if k != "SearchString"})


def printable(value: Any) -> Any:
    """AWS's JSON with SearchString as text, or as `{base64: …}` where it is no text."""
    if isinstance(value, Mapping):
        return {k: _sought(v) if k == "SearchString" else printable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [printable(v) for v in value]
    return value


def _sought(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):  # raw JSON, as the command line shows it: Base64
        try:
            value = base64.b64decode(value, validate=True)
        except binascii.Error:
            return value
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return {BYTES: base64.b64encode(value).decode()}


def wire(value: Any) -> Any:
    """`printable` undone, for the call itself."""
    if isinstance(value, Mapping):
        if set(value) == {BYTES}:
            return base64.b64decode(value[BYTES])
        return {
            k: v.encode() if k == "SearchString" and isinstance(v, str) else wire(v)
            for k, v in value.items()
        }
    return [wire(v) for v in value] if isinstance(value, list) else value


class Raw:
    """AWS's own JSON; SearchString in Base64, as AWS's command line writes it."""

    def to_aws(self, value: Any) -> Any:
        return printable(value)

    def to_ours(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: _base64(v) if k == "SearchString" else self.to_ours(v)
                    for k, v in value.items()}  # fmt: skip
        return [self.to_ours(v) for v in value] if isinstance(value, list) else value


def _base64(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value[BYTES]
    return value if isinstance(value, str) else base64.b64encode(value).decode()


class StatementCodec:
    """Statement: ours has a word for each, `raw` for the rest."""

    def to_aws(self, value: Any) -> Any:
        if "raw" in value:
            return Raw().to_aws(value["raw"])
        return MATCHES.to_aws(value)

    def to_ours(self, value: Any) -> Any:
        return statement_from_aws(value, MATCHES)


STATEMENT = StatementCodec()
SEVERAL = Wrapped("Statements", Each(lambda: STATEMENT))
_MATCHES: dict[str, tuple[str, Codec]] = {
    "byteMatch": ("ByteMatchStatement", Searched()),
    "regexMatch": ("RegexMatchStatement", Obj((*INSPECTED, M("regexString", "RegexString")))),
    "regexPatternSet": (
        "RegexPatternSetReferenceStatement", Obj((*INSPECTED, M("arn", "ARN")))
    ),
    "sqli": (
        "SqliMatchStatement",
        Obj((*INSPECTED, M("sensitivityLevel", "SensitivityLevel", default="LOW"))),
    ),
    "xss": ("XssMatchStatement", Obj(INSPECTED)),
    "size": (
        "SizeConstraintStatement",
        Obj((*INSPECTED, M("comparisonOperator", "ComparisonOperator"), M("size", "Size"))),
    ),
    "geo": (
        "GeoMatchStatement",
        Obj(
            (
                M("countries", "CountryCodes", Sorted()),
                M("forwardedIp", "ForwardedIPConfig", FORWARDED),
            ),
            "countries",
        ),
    ),
    "ipSet": (
        "IPSetReferenceStatement",
        Obj((M("arn", "ARN"), M("forwardedIp", "IPSetForwardedIPConfig", FORWARDED_SET)), "arn"),
    ),
    "asn": (
        "AsnMatchStatement",
        Obj(
            (
                M("asns", "AsnList", Sorted()),
                M("forwardedIp", "ForwardedIPConfig", FORWARDED),
            ),
            "asns",
        ),
    ),
    "label": (
        "LabelMatchStatement",
        Obj((M("key", "Key"), M("scope", "Scope", default="LABEL", needed=True)), "key"),
    ),
    "and": ("AndStatement", SEVERAL),
    "or": ("OrStatement", SEVERAL),
    "not": ("NotStatement", Wrapped("Statement", STATEMENT)),
}  # fmt: skip
MATCHES = Union(_MATCHES)
"""Statements that may be nested."""


def statement_from_aws(value: Any, union: Union | None = None) -> Doc:
    """A statement in our words, or under `raw`. Only match statements unless `union` says more."""
    try:
        found: Doc = (union or MATCHES).to_ours(value)
    except (Unmodelled, KeyError, TypeError, AttributeError):
        return {"raw": Raw().to_ours(value)}
    return found


def said(members: Sequence[M], value: Mapping[str, Any]) -> Doc:
    """All members of an object that AWS shows, defaults included."""
    out = Obj(tuple(members)).to_ours(value)
    for member in members:
        if value.get(member.aws) is not None and member.ours not in out:
            held = member.codec.to_ours(value[member.aws])
            if held not in (None, [], {}, ""):
                out[member.ours] = held
    return dict(out)
