"""WAF's match statements as they are written in a file.

https://docs.aws.amazon.com/waf/latest/APIReference/API_Statement.html
AWS's names in lower camel case. What differs: a statement without parameters is its bare name
(`uriPath` for `{UriPath: {}}`), text transformations are a list of types in the order they run
(AWS: numbered objects), a statement with one parameter may be that parameter (`geo: [DE]`).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from controller.kindlib.waf_translate import GROUP_STATEMENTS, statement_from_aws
from controller.kindlib.whole import Whole
from controller.policies import AnyWhenUndeclared
from controller.spec import Arn, Model, holds_reference, text

Fallback = Literal["MATCH", "NO_MATCH"]
Oversize = Literal["CONTINUE", "MATCH", "NO_MATCH"]
MatchScope = Literal["ALL", "KEY", "VALUE"]
Transformation = Literal[
    "NONE", "COMPRESS_WHITE_SPACE", "HTML_ENTITY_DECODE", "LOWERCASE", "CMD_LINE", "URL_DECODE",
    "BASE64_DECODE", "HEX_DECODE", "MD5", "REPLACE_COMMENTS", "ESCAPE_SEQ_DECODE",
    "SQL_HEX_DECODE", "CSS_DECODE", "JS_DECODE", "NORMALIZE_PATH", "NORMALIZE_PATH_WIN",
    "REMOVE_NULLS", "REPLACE_NULLS", "BASE64_DECODE_EXT", "URL_DECODE_UNI", "UTF8_TO_UNICODE",
    "REMOVE_WHITESPACE", "TRIM", "TRIM_LEFT", "TRIM_RIGHT", "REMOVE_COMMENTS_CHAR", "UPPERCASE",
    "CMD_LINE_WIN", "CMD_LINE_UNIX", "JS_DECODE_EXT", "SHA256",
]  # fmt: skip
PreParse = Literal[
    "NONE", "URL_DECODE", "URL_DECODE_UNI", "COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA",
    "REPLACE_SEMICOLONS_WITH_AMPERSANDS",
]  # fmt: skip


def _transformations(value: list[str]) -> list[str]:
    return [] if value == ["NONE"] else value


Transformations = Annotated[
    list[Transformation], Field(max_length=10), AfterValidator(_transformations)
]
PreParses = Annotated[list[PreParse], Field(max_length=10), AfterValidator(_transformations)]


def visible(high: int) -> AfterValidator:
    """What AWS asks of most names."""
    return AfterValidator(text(r".*\S.*", high=high, says="more than spaces, on one line"))


Lowered = Annotated[str, visible(64), AfterValidator(str.lower)]
"""A name that WAF compares, and shows, in lower case."""
HeaderName = Annotated[
    str,
    AfterValidator(text(r"[a-zA-Z0-9-]{1,255}", says="1-255 letters, digits or -")),
]
LabelKey = Annotated[
    str,
    AfterValidator(text(r"[0-9A-Za-z_\-:]{1,1024}", says="1-1024 letters, digits or _-:")),
]


JsonPath = Annotated[
    str, AfterValidator(text(r"/|/([^~]|~[01])+", high=512, says="must be a JSON pointer: /a/b"))
]
_SORTED = AfterValidator(lambda names: sorted(set(names)))
"""Their order has no meaning."""
HeaderNames = Annotated[list[Annotated[str, visible(64)]], Field(max_length=199), _SORTED]
CookieNames = Annotated[list[Annotated[str, visible(60)]], Field(max_length=199), _SORTED]


class OversizeBody(Model):
    """The request body, as far as WAF sees it (8 KB behind a load balancer)."""

    oversize_handling: Oversize = "CONTINUE"
    """What a longer body means: inspect what fits (AWS's default), a match, or none."""


class JsonBody(Model):
    """The request body, read as JSON."""

    match_scope: MatchScope
    """Inspect keys, values or both."""
    included_paths: Annotated[list[JsonPath], Field(max_length=100), _SORTED] = Field(
        default_factory=list
    )
    """JSON pointers of the parts to inspect. None: all of it."""
    invalid_fallback_behavior: Literal["MATCH", "NO_MATCH", "EVALUATE_AS_STRING"] | None = None
    """What a body that is not JSON means. Unset: WAF inspects up to the first error."""
    oversize_handling: Oversize = "CONTINUE"
    """What a longer body means; AWS's default is to inspect what fits."""


class HeaderPattern(Model):
    """Several headers at once."""

    match_scope: MatchScope
    """Inspect names, values or both."""
    included_headers: HeaderNames = Field(default_factory=list)
    """Only these. Neither this nor `excludedHeaders`: all."""
    excluded_headers: HeaderNames = Field(default_factory=list)
    """All but these."""
    oversize_handling: Oversize
    """What more than 8 KB or 200 headers mean. AWS has no default."""

    @model_validator(mode="after")
    def _one_list(self) -> HeaderPattern:
        if self.included_headers and self.excluded_headers:
            raise ValueError("includedHeaders or excludedHeaders, not both")
        return self


class CookiePattern(Model):
    """Several cookies at once."""

    match_scope: MatchScope
    """Inspect names, values or both."""
    included_cookies: CookieNames = Field(default_factory=list)
    """Only these. Neither this nor `excludedCookies`: all."""
    excluded_cookies: CookieNames = Field(default_factory=list)
    """All but these."""
    oversize_handling: Oversize
    """What more than 8 KB or 200 cookies mean. AWS has no default."""

    @model_validator(mode="after")
    def _one_list(self) -> CookiePattern:
        if self.included_cookies and self.excluded_cookies:
            raise ValueError("includedCookies or excludedCookies, not both")
        return self


class HeaderOrder(Model):
    """The names of the headers in the order they came, joined by colons."""

    oversize_handling: Oversize
    """What more than 8 KB or 200 headers mean. AWS has no default."""


class Fingerprint(Model):
    """A hash of the client's TLS greeting."""

    fallback_behavior: Fallback
    """What a request without one means. AWS has no default."""


class UriFragment(Model):
    """What follows `#` in the address."""

    fallback_behavior: Fallback | None = None
    """What a request without one means."""


class FieldPart(Model):
    """A part of the request that needs parameters. Exactly one."""

    single_header: Lowered | None = None
    """One header by name. WAF ignores its letter case and shows it in lower case."""
    single_query_argument: Lowered | None = None
    """One query argument by name, in lower case."""
    body: OversizeBody | None = None
    """The body, with another handling of long ones than `CONTINUE`."""
    json_body: JsonBody | None = None
    """The body as JSON."""
    headers: HeaderPattern | None = None
    """All headers, or some."""
    cookies: CookiePattern | None = None
    """All cookies, or some."""
    header_order: HeaderOrder | None = None
    """The order of the headers."""
    ja3_fingerprint: Fingerprint | None = Field(None, alias="ja3Fingerprint")
    """The JA3 hash."""
    ja4_fingerprint: Fingerprint | None = Field(None, alias="ja4Fingerprint")
    """The JA4 hash."""
    uri_fragment: UriFragment | None = None
    """The fragment of the address."""

    @model_validator(mode="after")
    def _one(self) -> FieldPart:
        only_one(self, "part of the request")
        return self


BareField = Literal["uriPath", "queryString", "method", "allQueryArguments", "body", "uriFragment"]


def _one_form(value: Any) -> Any:
    """What may have members is held with them, written bare or not: `{body: {}}`."""
    return {value: {}} if value in ("body", "uriFragment") else value


FieldToMatch = Annotated[Any, Whole(lambda: BareField | FieldPart), AfterValidator(_one_form)]


def only_one(model: Model, what: str) -> str:
    """The one member that is set; raises `ValueError` unless there is exactly one."""
    names = {n: f.alias or n for n, f in type(model).model_fields.items()}
    found = [alias for n, alias in names.items() if getattr(model, n) is not None]
    if len(found) != 1:
        raise ValueError(f"needs exactly one {what}, not {', '.join(found) or 'none'}")
    return found[0]


class Inspected(Model):
    """What all statements share that look at a part of the request."""

    field_to_match: FieldToMatch
    """The part of the request: `uriPath`, `{singleHeader: user-agent}`, …"""
    text_transformations: Transformations = Field(default_factory=list)
    """What is done to it before it is inspected, in this order. None: as it came."""
    pre_parse_text_transformations: PreParses = Field(default_factory=list)
    """What is done to the query string before it is taken apart, in this order. Only for query
    arguments."""

    @model_validator(mode="after")
    def _inspectable(self) -> Inspected:
        part = self.field_to_match
        name = next(iter(part)) if isinstance(part, dict) else part
        if self.pre_parse_text_transformations and name not in _ARGUMENTS:
            raise ValueError(f"preParseTextTransformations are for {' and '.join(_ARGUMENTS)}")
        exact = getattr(self, "positional_constraint", "") == "EXACTLY"
        if name in ("ja3Fingerprint", "ja4Fingerprint") and not exact:
            raise ValueError(f"{name} is for byteMatch with positionalConstraint: EXACTLY")
        return self


_ARGUMENTS = ("singleQueryArgument", "allQueryArguments")


class ByteMatch(Inspected):
    """A text in a part of the request."""

    search_string: str | None = None
    """The text to look for, at most 200 bytes."""
    search_base64: str | None = None
    """The same for bytes that are no text, in Base64 (case 135: AWS keeps bytes)."""
    positional_constraint: Literal[
        "EXACTLY", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "CONTAINS_WORD"
    ]
    """Where the text must be."""

    @model_validator(mode="before")
    @classmethod
    def _text_if_text(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("searchBase64"), str):
            try:
                raw = base64.b64decode(data["searchBase64"], validate=True)
            except binascii.Error:
                raise ValueError("searchBase64 is not Base64") from None
            try:
                rest = {k: v for k, v in data.items() if k != "searchBase64"}
                return rest | {"searchString": raw.decode()}
            except UnicodeDecodeError:
                return data
        return data

    @model_validator(mode="after")
    def _searched(self) -> ByteMatch:
        if (self.search_string is None) == (self.search_base64 is None):
            raise ValueError("needs searchString or searchBase64")
        found = self.search_string
        known = found is not None and not holds_reference(found)
        if known and not 1 <= len(str(found).encode()) <= 200:
            raise ValueError("searchString has 1-200 bytes")
        return self


class RegexMatch(Inspected):
    """A regular expression in a part of the request."""

    regex_string: Annotated[str, AfterValidator(text(low=1, high=512))]
    """The expression (PCRE), at most 512 characters."""


class RegexPatternSet(Inspected):
    """One of several regular expressions that are kept in a set of their own."""

    arn: Arn
    """The set's ARN."""


class SqliMatch(Inspected):
    """What looks like SQL injection."""

    sensitivity_level: Literal["LOW", "HIGH"] = "LOW"
    """HIGH finds more, and more that is none. AWS's default is LOW."""


class XssMatch(Inspected):
    """What looks like cross-site scripting."""


class SizeConstraint(Inspected):
    """The size of a part of the request."""

    comparison_operator: Literal["EQ", "NE", "LE", "LT", "GE", "GT"]
    """How the size found is compared with `size`."""
    size: Annotated[int, Field(ge=0, le=21474836480)]
    """Bytes."""


class ForwardedIp(Model):
    """Take the client's address from a header, as set by a proxy that you trust."""

    header_name: HeaderName
    """For example X-Forwarded-For."""
    fallback_behavior: Fallback
    """What a request without a valid address in it means."""


class ForwardedIpSet(ForwardedIp):
    """The same, for a header that may hold several addresses."""

    position: Literal["FIRST", "LAST", "ANY"]
    """Which of them."""


def _countries(codes: list[str]) -> list[str]:
    for code in codes:
        if not holds_reference(code) and not re.fullmatch("[A-Z]{2}", code):
            raise ValueError(f"{code!r} is no two-letter country code in capitals")
    return sorted(set(codes))


class Geo(Model):
    """The country that the client's address is in."""

    countries: Annotated[list[str], Field(min_length=1), AfterValidator(_countries)]
    """Two-letter codes (ISO 3166). Their order has no meaning."""
    forwarded_ip: ForwardedIp | None = None
    """Take the address from a header."""


class IpSet(Model):
    """The client's address is in an IP set."""

    arn: Arn
    """The set's ARN."""
    forwarded_ip: ForwardedIpSet | None = None
    """Take the address from a header."""


class AsnMatch(Model):
    """The network (autonomous system) that the client's address belongs to."""

    asns: Annotated[
        list[Annotated[int, Field(ge=0, le=4294967295)]],
        Field(min_length=1, max_length=100), AfterValidator(lambda v: sorted(set(v))),
    ]  # fmt: skip
    """Numbers of autonomous systems."""
    forwarded_ip: ForwardedIp | None = None
    """Take the address from a header."""


class LabelMatch(Model):
    """A label that an earlier rule of this web ACL put on the request."""

    key: LabelKey
    """The label, or the end of it by whole parts; of a namespace, with the closing colon."""
    scope: Literal["LABEL", "NAMESPACE"] = "LABEL"
    """Whether `key` names a label or all that begin so."""


class Statement(Model):
    """A condition on a request. Exactly one member."""

    byte_match: Annotated[Any, Whole(lambda: ByteMatch), AnyWhenUndeclared()] = None
    """A text in a part of the request."""
    regex_match: Annotated[Any, Whole(lambda: RegexMatch), AnyWhenUndeclared()] = None
    """A regular expression in a part of the request."""
    regex_pattern_set: Annotated[Any, Whole(lambda: RegexPatternSet), AnyWhenUndeclared()] = None
    """One of a set of regular expressions in a part of the request."""
    sqli: Annotated[Any, Whole(lambda: SqliMatch), AnyWhenUndeclared()] = None
    """SQL injection in a part of the request."""
    xss: Annotated[Any, Whole(lambda: XssMatch), AnyWhenUndeclared()] = None
    """Cross-site scripting in a part of the request."""
    size: Annotated[Any, Whole(lambda: SizeConstraint), AnyWhenUndeclared()] = None
    """The size of a part of the request."""
    geo: Annotated[Any, Whole(lambda: Geo, "countries"), AnyWhenUndeclared()] = None
    """Where the client is: `[DE, AT]`, or with `forwardedIp`."""
    ip_set: Annotated[Any, Whole(lambda: IpSet, "arn"), AnyWhenUndeclared()] = None
    """The client's address is in this set: an ARN, or with `forwardedIp`."""
    asn: Annotated[Any, Whole(lambda: AsnMatch, "asns"), AnyWhenUndeclared()] = None
    """The client's network: `[64496]`, or with `forwardedIp`."""
    label: Annotated[Any, Whole(lambda: LabelMatch, "key"), AnyWhenUndeclared()] = None
    """A label from an earlier rule: its name, or `{scope: NAMESPACE, key: …}`."""
    and_: Annotated[Any, Whole(lambda: Several), AnyWhenUndeclared()] = Field(None, alias="and")
    """All of these; at least two."""
    or_: Annotated[Any, Whole(lambda: Several), AnyWhenUndeclared()] = Field(None, alias="or")
    """One of these; at least two."""
    not_: Annotated[Any, Whole(lambda: Nested), AnyWhenUndeclared()] = Field(None, alias="not")
    """Not this."""
    raw: Annotated[dict[str, Any] | None, Whole(lambda: dict[str, Any]), AnyWhenUndeclared()] = None
    """AWS's own JSON of a statement, for what has no member here, or a value that this release
    does not know; SearchString in Base64. It is not checked."""

    @model_validator(mode="before")
    @classmethod
    def _raw_if_needed(cls, data: Any) -> Any:
        """One spelling of each statement: AWS's JSON becomes ours where we have words for it."""
        if isinstance(data, dict) and isinstance(data.get("raw"), dict):
            words = cls._translated(data["raw"])
            if "raw" not in words and cls.speaks(words):
                return {k: v for k, v in data.items() if k != "raw"} | words
        return data

    @classmethod
    def _translated(cls, raw: dict[str, Any]) -> dict[str, Any]:
        return statement_from_aws(raw)

    @classmethod
    def speaks(cls, words: dict[str, Any]) -> bool:
        """True if the model takes the words: of what is newer than it, it takes only `raw`."""
        try:
            Statement.model_validate(words)
        except ValidationError:
            return False
        return True


class Nested(Statement):
    """A condition inside another, or one that narrows a rule down. Exactly one member."""

    @model_validator(mode="after")
    def _one(self) -> Nested:
        only_one(self, "statement")
        if self.raw and set(self.raw) & {*GROUP_STATEMENTS, "RateBasedStatement"}:
            raise ValueError("rule groups and rate limits can't be nested")
        return self


Several = Annotated[list[Nested], Field(min_length=2)]
