"""What AWS's managed rules look for, by what their documentation says of each.

AWS keeps the patterns themselves secret. Where its words are vague these match too much rather than
too little: a prompt that passes here is one that no rule of these names can stop.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

INSPECTED = 8192
"""Bytes of a body that WAF sees of a request to a load balancer."""


@dataclass(frozen=True)
class Request:
    """A request. headers: their names in lower case."""

    path: str
    body: str = ""
    query: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"user-agent": "OpenAI/Python 2.8", "host": "llm.example.com"}
    )

    @property
    def seen(self) -> str:
        """What WAF looks at of the body, decoded as rules do."""
        return unquote_plus(self.body.encode()[:INSPECTED].decode(errors="ignore"))


def _found(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.search(pattern, text, re.IGNORECASE) is not None


_XSS = _found(
    r"<\s*/?\s*(script|img|svg|iframe|body|style|object|a|div|html)\b|javascript:|on\w+\s*="
)
_LFI = _found(r"\.\./|\.\.\\|/etc/|/proc/|boot\.ini")
_RFI = _found(r"(https?|ftps?|file)://(\d{1,3}\.){3}\d{1,3}")
_SSRF = _found(r"169\.254\.169\.254|latest/meta-data|instance-data")
_LOG4J = _found(r"\$\{[^}]*(jndi|:-)")
_JAVA = _found(r"java\.lang\.(Runtime|ProcessBuilder)|getRuntime\(\)|rO0AB")
_EXTENSIONS = _found(r"\.(log|ini|conf|bak|sql|key|pem)\b")
_PATHS = _found(r"web-inf|/\.git|/\.env|wp-admin|/actuator/")
_REACT = _found(r"\$[\w@]+:constructor:constructor|__proto__:then")


def _query(what: Callable[[str], bool]) -> Callable[[Request], bool]:
    return lambda r: what(unquote_plus(r.query))


def _path(what: Callable[[str], bool]) -> Callable[[Request], bool]:
    return lambda r: what(unquote_plus(r.path))


def _body(what: Callable[[str], bool]) -> Callable[[Request], bool]:
    return lambda r: what(r.seen)


def _header(what: Callable[[str], bool], *names: str) -> Callable[[Request], bool]:
    return lambda r: any(what(v) for k, v in r.headers.items() if not names or k in names)


Rules = Mapping[str, Callable[[Request], bool]]

GROUPS: Mapping[str, tuple[str, Rules]] = {
    "AWSManagedRulesAmazonIpReputationList": ("amazon-ip-list", {}),
    "AWSManagedRulesCommonRuleSet": ("core-rule-set", {
        "NoUserAgent_HEADER": lambda r: not r.headers.get("user-agent"),
        "UserAgent_BadBots_HEADER": _header(_found("nessus|nmap|sqlmap"), "user-agent"),
        "SizeRestrictions_QUERYSTRING": lambda r: len(r.query) > 2048,
        "SizeRestrictions_Cookie_HEADER": lambda r: len(r.headers.get("cookie", "")) > 10240,
        "SizeRestrictions_BODY": lambda r: len(r.body.encode()) > INSPECTED,
        "SizeRestrictions_URIPATH": lambda r: len(r.path) > 1024,
        "EC2MetaDataSSRF_BODY": _body(_SSRF),
        "EC2MetaDataSSRF_COOKIE": _header(_SSRF, "cookie"),
        "EC2MetaDataSSRF_URIPATH": _path(_SSRF),
        "EC2MetaDataSSRF_QUERYARGUMENTS": _query(_SSRF),
        "GenericLFI_QUERYARGUMENTS": _query(_LFI),
        "GenericLFI_URIPATH": _path(_LFI),
        "GenericLFI_BODY": _body(_LFI),
        "RestrictedExtensions_URIPATH": _path(_EXTENSIONS),
        "RestrictedExtensions_QUERYARGUMENTS": _query(_EXTENSIONS),
        "GenericRFI_QUERYARGUMENTS": _query(_RFI),
        "GenericRFI_BODY": _body(_RFI),
        "GenericRFI_URIPATH": _path(_RFI),
        "CrossSiteScripting_COOKIE": _header(_XSS, "cookie"),
        "CrossSiteScripting_QUERYARGUMENTS": _query(_XSS),
        "CrossSiteScripting_BODY": _body(_XSS),
        "CrossSiteScripting_URIPATH": _path(_XSS),
    }),
    "AWSManagedRulesKnownBadInputsRuleSet": ("known-bad-inputs", {
        "JavaDeserializationRCE_HEADER": _header(_JAVA),
        "JavaDeserializationRCE_BODY": _body(_JAVA),
        "JavaDeserializationRCE_URIPATH": _path(_JAVA),
        "JavaDeserializationRCE_QUERYSTRING": _query(_JAVA),
        "Host_localhost_HEADER": _header(_found(r"^localhost"), "host"),
        "PROPFIND_METHOD": lambda r: r.method == "PROPFIND",
        "ExploitablePaths_URIPATH": _path(_PATHS),
        "Log4JRCE_HEADER": _header(_LOG4J),
        "Log4JRCE_QUERYSTRING": _query(_LOG4J),
        "Log4JRCE_BODY": _body(_LOG4J),
        "Log4JRCE_URIPATH": _path(_LOG4J),
        "ReactJSRCE_BODY": _body(_REACT),
    }),
}  # fmt: skip
"""Group → the name in its labels, and its rules. Reputation is nothing that a request says."""


def label(group: str, rule: str) -> str:
    """The label that a rule of a group puts on what it matches: the part after the last underscore
    in capitals is written out as a word."""
    stem, _, part = rule.rpartition("_")
    return f"awswaf:managed:aws:{GROUPS[group][0]}:{stem}_{part.capitalize()}"
