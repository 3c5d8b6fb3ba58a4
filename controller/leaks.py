"""Secrets pasted into a desired-state file: found by their name or by their form.

Secrets never stand in the file (design, §3). A guess must not stand in the way either: only the end
of a name counts (`DB_PASSWORD` does, `PASSWORD_ENCRYPTION`, `MAX_TOKENS` and `TOKEN_FILE` don't),
and references, ARNs, numbers and booleans are never secrets.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

_END = re.compile(
    r"(PASSWORDS?|PASSWD|PASSPHRASE|SECRETS?|TOKEN|CREDENTIALS?|"
    r"(API|PRIVATE|ACCESS|SECRET|MASTER|SALT|ENCRYPTION|SIGNING|AUTH|SSH|LICENSE)_?KEY(_BASE)?)"
    r"_?[0-9]*"
)
_WORD = re.compile(r"(^|_)(PASS|PWD)_?[0-9]*$")
_SOMEWHERE = re.compile(r"PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL")
_HARMLESS = re.compile(
    r"|true|false|yes|no|on|off|none|null|[-+]?[0-9.]{1,6}|arn:aws[a-z-]*:.*",
    re.IGNORECASE | re.DOTALL,
)
_REFERENCE = re.compile(r"(?<!\$)\$\{")
_PLAIN = re.compile(r"(https?://|\.?/)\S*|[a-z]+([_-][a-z]+)*|[^\s@:]+@[^\s@:]+")
"""A place, a word, an address: what a name with TOKEN or KEY in it often holds."""
_ASSIGNED = re.compile(
    r"(?i)(pass(word|wd)?|pwd|token|secret|(api|access|account|private)_?key)[\"']?\s*[=:]\s*"
    r"[\"']?(?!\$\{)[^\s\"'&;,]{4,}"
)
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_FORMS = {
    "an AWS access key": r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    "an API key (sk-…)": r"\bsk-[A-Za-z0-9_-]{16,}",
    "a GitHub token": r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{16,}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a Google API key": r"\bAIza[A-Za-z0-9_-]{30,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.",
    "a key of a payment service": r"\b[sr]k_(live|test)_[A-Za-z0-9]{10,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{30,}",
    "a SendGrid key": r"\bSG\.[\w-]{16,}\.[\w-]{16,}",
    "a Slack webhook": r"hooks\.slack\.com/services/\S+",
    "a storage account key": r"(?i)\baccountkey=[A-Za-z0-9+/=]{20,}",
    "a Sentry key": r"https://[0-9a-f]{32}@",
    "an authorization header": r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{16,}=*",
    "a connection text with a password": r"(?i)[?&;]\s*(password|passwd|pwd)=(?!\$\{)[^&;\s]+",
    "a database address with a password": r"\b[\w.-]+:[^\s:@/$]+@(tcp|unix)\(",
    "a URL with a password in it": r"://[^/\s:@]*:(?!\$\{)[^/\s@]+@",
}
_VALUES = {what: re.compile(form) for what, form in _FORMS.items()}

ADVICE = (
    "secrets never stand in the file; declare a Secret and refer to it with ${Secret.<name>.arn}"
)


def _words(name: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", _HUMPS.sub("_", name).upper())


def named_like_one(name: str) -> bool:
    """True if something of this name usually holds a secret."""
    words = _words(name)
    return bool(re.search(rf"(^|_|[A-Z0-9]){_END.pattern}$", words) or _WORD.search(words))


def form_of(value: object) -> str:
    """What kind of secret a text has the well-known form of, else empty."""
    if isinstance(value, str):
        for what, form in _VALUES.items():
            if form.search(value):
                return what
    return ""


def pasted(name: str, value: object, *, by_name: bool) -> str:
    """Why a value looks like a pasted secret, in words that don't show it; empty if it doesn't.

    by_name: the name is the user's own choice (an environment variable), so it says something.
    """
    if what := form_of(value):
        return f"found what looks like {what}: {ADVICE}"
    if by_name and isinstance(value, str) and not harmless(value) and named_like_one(name):
        return (
            f"found a literal value for {name}, whose name says it is a secret: {ADVICE} "
            "(if it is none, end its name in _NAME, _PATH, _FILE or _ARN)"
        )
    return ""


_OPTION = re.compile(
    r"(?<![\w-])(?:--?(?P<option>[A-Za-z][\w-]*)(?:=|\s+)|(?P<variable>[A-Za-z_]\w*)=)"
    r"(?=(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"'-]\S*))"
)
_BY_PROGRAM = re.compile(
    r"""
    \bcurl\b[^|;&]*?\s(?:-[uU]|--user|--proxy-user)[ =]?["']?[^\s:"']+:(?P<user>[^\s"']+)
    | \b(?:redis|valkey)-cli\b[^|;&]*?\s-a[ =]?["']?(?P<auth>[^\s"'-][^\s"']*)
    | \b(?:mysql|mysqladmin|mysqldump|mariadb)\b[^|;&]*?\s-p["']?(?P<glued>[^\s"']+)
    | \b(?:sshpass|mongo|mongosh|docker[ ]login)\b[^|;&]*?\s-p[ =]?["']?(?P<p>[^\s"'-][^\s"']*)
    """,
    re.VERBOSE,
)
"""Programs that take a password by an option whose name does not say so."""
_VARIABLE = re.compile(r"\${1,2}(\w+|\{\w+\}|\(\w+\))")
_SHORT = re.compile(r"pass|requirepass|masterauth", re.IGNORECASE)


def in_command(words: Sequence[str]) -> bool:
    """True if a command line seems to hold a secret: `--password …`, `--api-key=…`, `TOKEN=… run`.

    A guess that nobody can be asked to write around, so no reason to refuse a file.
    """
    line = " ".join(words)
    values = [
        value.strip("\"'")
        for option, variable, value in _OPTION.findall(line)
        if (name := option or variable) and (named_like_one(name) or _SHORT.fullmatch(name))
    ]
    values += [found.group(str(found.lastgroup)) for found in _BY_PROGRAM.finditer(line)]
    return any(not _VARIABLE.fullmatch(v) and not _HARMLESS.fullmatch(v) for v in values)


def harmless(value: str) -> bool:
    """True for what is no secret whatever its name: a reference, an ARN, a switch, a number."""
    return bool(_REFERENCE.search(value) or _HARMLESS.fullmatch(value))


def suspect(name: str, value: str) -> bool:
    """True if an import had better leave a value where it is: a guess that costs nobody anything.

    Wider than `pasted`, which refuses files.
    """
    if harmless(value):
        return False
    words = _words(name)
    named = _SOMEWHERE.search(words) or re.search(r"(^|_)(AUTH|DSN)_?[0-9]*$", words)
    return bool(_ASSIGNED.search(value) or (named and not _PLAIN.fullmatch(value)))


def hide(path: tuple[str | int, ...], value: Any) -> bool:
    """True if a value must not be shown: its name or its form may be that of a secret."""
    names = (str(part) for part in path)
    if isinstance(value, list):
        return in_command([item for item in value if isinstance(item, str)])
    return bool(form_of(value)) or (
        isinstance(value, (str, int, float))
        and not isinstance(value, bool)
        and any(_SOMEWHERE.search(_words(name)) or named_like_one(name) for name in names)
    )


def spellings(value: str) -> set[str]:
    """A text as it is, and as it looks quoted in JSON, XML, HTML, a URL, Python or base64."""
    raw = value.encode()
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        escape(value),
        html.escape(value),
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
