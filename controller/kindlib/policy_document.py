"""Resource policies: documents that AWS shows otherwise than they were written, meaning the same.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from controller.spec import holds_reference

_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")
_DOCUMENT = {"Version", "Id", "Statement"}
_STATEMENT = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
    "NotResource", "Condition",
}  # fmt: skip
_VERSIONS = ("2012-10-17", "2008-10-17")


def meaning(document: Any) -> Any:
    """A policy in the one form in which those that mean the same are equal (case 615).

    The order of statements, principals, actions, resources and a condition's values means nothing;
    one entry needs no list; an account is its root; `*` as a principal is everybody of AWS; the
    letter case of actions and condition keys means nothing.
    """
    if not isinstance(document, Mapping):
        return document
    statements = [_statement(s) for s in _listed(document.get("Statement"))]
    return {
        "Version": "2008-10-17",
        **document,
        "Statement": sorted(statements, key=lambda s: json.dumps(s, sort_keys=True)),
    }


def _statement(statement: Any) -> Any:
    if not isinstance(statement, Mapping):
        return statement
    out: dict[str, Any] = {}
    for name, value in statement.items():
        if name in ("Principal", "NotPrincipal"):
            out[name] = _principals(value)
        elif name in ("Action", "NotAction"):
            out[name] = sorted({str(a).lower() for a in _listed(value)})
        elif name in ("Resource", "NotResource"):
            out[name] = sorted({str(r) for r in _listed(value)})
        elif name == "Condition" and isinstance(value, Mapping):
            out[name] = {test: _condition(keys) for test, keys in value.items()}
        elif value != "":
            out[name] = value
    return out


def _principals(value: Any) -> Any:
    if not isinstance(value, Mapping):
        value = {"AWS": value}
    return {
        kind: sorted({_ROOT.sub(r"\1", str(who)) for who in _listed(named)})
        for kind, named in value.items()
    }


def _condition(keys: Any) -> Any:
    if not isinstance(keys, Mapping):
        return keys
    return {str(key).lower(): sorted({_text(v) for v in _listed(vs)}) for key, vs in keys.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def policy_document(service: str) -> Callable[[Any], Any]:
    """A check for a resource policy of one service: its elements, and that actions are its own."""

    def check(document: Any) -> Any:
        if holds_reference(document):
            return document
        if not isinstance(document, dict):
            raise ValueError("must be a policy: a map with Version and Statement")
        _known("a policy", document, _DOCUMENT)
        if document.get("Version") not in _VERSIONS:
            found = document.get("Version", "nothing")
            raise ValueError(f"found Version {found}, allowed: {', '.join(map(repr, _VERSIONS))}")
        statements = _listed(document.get("Statement"))
        if not statements:
            raise ValueError("a policy needs at least one Statement")
        for number, statement in enumerate(statements, 1):
            _check_statement(service, f"statement {number}", statement)
        sids = [s["Sid"] for s in statements if s.get("Sid")]
        if len(sids) != len(set(sids)):
            raise ValueError("each Sid may stand in one statement only")
        return document

    return check


def _check_statement(service: str, which: str, statement: Any) -> None:
    if not isinstance(statement, dict):
        raise ValueError(f"{which} must be a map")
    _known(which, statement, _STATEMENT)
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError(f"{which}: Effect must be Allow or Deny")
    for one, other in (("Principal", "NotPrincipal"), ("Action", "NotAction"),
                       ("Resource", "NotResource")):  # fmt: skip
        if (one in statement) == (other in statement):
            raise ValueError(f"{which} needs {one} or {other}, and not both")
    for action in _listed(statement.get("Action", statement.get("NotAction"))):
        own = isinstance(action, str) and action.lower().startswith(f"{service}:")
        if not (own or action == "*" or holds_reference(action)):
            raise ValueError(f"{which}: {action} is no action of {service}")


def _known(which: str, found: Mapping[str, Any], allowed: set[str]) -> None:
    if odd := sorted(set(found) - allowed):
        raise ValueError(f"{which} has no {odd[0]}, allowed: {', '.join(sorted(allowed))}")
