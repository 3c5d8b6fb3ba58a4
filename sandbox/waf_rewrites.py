"""What WAF makes of what it is told: the defaults it fills in, the spelling it keeps.

Recorded by cdk-real-drift (#433, #440, #876) on fresh deploys: names of single headers and query
arguments in lower case, redacted fields sorted by their kind, rate limits with their window. Kept
as they came: the orders of And and Or statements, custom keys, country codes, filters, conditions.
"""

from __future__ import annotations

from typing import Any

NAMED = ("SingleHeader", "SingleQueryArgument")


def rewritten(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules as WAF keeps them."""
    for rule in rules:
        _statement(rule["Statement"])
    return rules


def _statement(statement: dict[str, Any]) -> None:
    for kind, body in statement.items():
        if kind == "RateBasedStatement":
            body.setdefault("EvaluationWindowSec", 300)
        if "FieldToMatch" in body:
            body["FieldToMatch"] = lowered(body["FieldToMatch"])
        for inner in body.get("Statements", []):
            _statement(inner)
        for name in ("Statement", "ScopeDownStatement"):
            if name in body:
                _statement(body[name])


def lowered(field: dict[str, Any]) -> dict[str, Any]:
    """A field to match with its name in lower case."""
    return {
        part: {**held, "Name": held["Name"].lower()} if part in NAMED else held
        for part, held in field.items()
    }


def redacted(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The redacted fields of a logging configuration."""
    return sorted((lowered(field) for field in fields), key=lambda field: next(iter(field)))
