"""What a model says of a field, in words: shared by `explain`, the reference docs and the schema.

Only tools import this. Descriptions are the docstrings below the attributes, read from the source
when somebody asks: pydantic could collect them at import, which each cold start would pay for.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from controller.fields import Field
from controller.kindlib.whole import Whole
from controller.policies import (
    Achieved,
    ActionOption,
    AnyWhenUndeclared,
    Canonical,
    CaseInsensitive,
    CreateOnly,
    Keyed,
    KeysOf,
    OwnedBy,
    Policy,
    ServerDefault,
    TakenAtStart,
    Unordered,
    VersionPrefix,
    Withdrawn,
    WriteOnly,
)
from controller.spec import _secret_reference


@dataclass(frozen=True, slots=True)
class TextRule:
    """What `controller.spec.text` was asked to check."""

    pattern: str
    low: int
    high: int
    says: str


def text_rule(validator: Any) -> TextRule | None:
    """The rule inside a validator made by `controller.spec.text`; None for any other."""
    func = validator.func if isinstance(validator, AfterValidator) else validator
    if getattr(func, "__qualname__", "") != "text.<locals>.check":
        return None
    held = inspect.getclosurevars(func).nonlocals
    compiled = held.get("compiled")
    return TextRule(
        compiled.pattern if compiled else "",
        int(held.get("low", 0)),
        int(held.get("high", 0)),
        str(held.get("says", "")),
    )


def words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A type in words: `a whole number from 0 to 35`, `a list of texts`, `one of a, b`."""
    metadata = [m for each in metadata for m in (each.metadata if isinstance(each, FieldInfo)
                                                 else [each])]  # fmt: skip
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return words(inner, [*more, *metadata])
    for each in metadata:
        if isinstance(each, Whole):
            short = f", or its {each.short} alone" if each.short else ""
            return words(each.of(), [m for m in metadata if m is not each]) + short
    if origin in (Union, types.UnionType):
        arms = [words(arm, metadata) for arm in get_args(annotation) if arm is not type(None)]
        return " or ".join(dict.fromkeys(arms))
    if origin is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(annotation))
    if origin in (list, tuple):
        return f"a list{_count(metadata)}; each: {words(get_args(annotation)[0])}"
    if origin is dict:
        return f"a map{_count(metadata)}; each value: {words(get_args(annotation)[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a map of fields"
    return _scalar(annotation, metadata)


def _scalar(annotation: Any, metadata: list[Any]) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text",
             date: "a date like 2026-12-31"}  # fmt: skip
    name = names.get(annotation, getattr(annotation, "__name__", str(annotation)))
    if any(getattr(each, "func", None) is _secret_reference for each in metadata):
        return "${Secret.<name>.value}, the value of a Secret"
    for rule in filter(None, map(text_rule, metadata)):
        if rule.says:
            return rule.says.removeprefix("must be ")
        bounds = _range(rule.low or None, rule.high or None)
        name += f" of {bounds} characters" if bounds else ""
        name += f" that matches {rule.pattern}" if rule.pattern else ""
    low = high = None
    for each in metadata:
        if isinstance(each, (annotated_types.Ge, annotated_types.Gt)):
            low = each.ge if isinstance(each, annotated_types.Ge) else f"above {each.gt}"
        elif isinstance(each, (annotated_types.Le, annotated_types.Lt)):
            high = each.le if isinstance(each, annotated_types.Le) else f"below {each.lt}"
        elif isinstance(each, annotated_types.MultipleOf):
            name += f", a multiple of {each.multiple_of}"
        elif pattern := getattr(each, "pattern", None):
            name += f" that matches {pattern}"
    bounds = _range(low, high)
    if bounds:
        name += f", {bounds}"
    return name + _count(metadata).replace("entries", "characters")


def _range(low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"at least {low}" if not isinstance(low, str) else low
    if high is not None:
        return f"at most {high}" if not isinstance(high, str) else high
    return ""


def _count(metadata: Iterable[Any]) -> str:
    low = high = None
    for each in metadata:
        if isinstance(each, annotated_types.MinLen):
            low = each.min_length
        elif isinstance(each, annotated_types.MaxLen):
            high = each.max_length
    bounds = _range(low, high)
    return f" of {bounds} entries" if bounds else ""


def type_of(field: Field) -> str:
    """The type of a field in words."""
    if field.info is not None:
        return words(field.info.annotation, field.info.metadata)
    return words(field.annotation)


def default_of(field: Field) -> tuple[bool, Any]:
    """(required, our default or None)."""
    info = field.info
    if info is None or info.is_required():
        return info is not None, None
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return True, None
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    elif isinstance(value, (list, tuple)):
        value = [
            v.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
            if isinstance(v, BaseModel)
            else v
            for v in value
        ]
    return False, value


def default_words(field: Field, *, in_spec: bool = True) -> str:
    """What holds when the field is not written: our default, AWS's, or nothing.

    in_spec: it says what a resource is, so AWS has a value of its own for it.
    """
    required, value = default_of(field)
    if required:
        return "none: the field is required"
    if value not in (None, {}, [], ()):
        return f"{_literal(value)} (Plumbline's)"
    if policy := field.policy(ServerDefault):
        if not callable(policy.value):
            return f"{_literal(policy.value)} (AWS's)"
        says = first_sentence(inspect.getdoc(policy.value) or "")
        return f"AWS's, which depends on other fields{f': {says}' if says else ''}"
    if field.policy(AnyWhenUndeclared):
        return "AWS chooses; whatever it is, it is left alone and not reported"
    if value in ({}, [], ()):
        return "empty"
    return "none: what AWS has is reported as undeclared and left alone" if in_spec else "none"


def _literal(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_SAYS: dict[type, Callable[[Any], str]] = {
    AnyWhenUndeclared: lambda p: "when not written, AWS's choice is not reported",
    ServerDefault: lambda p: "AWS's default counts as not written",
    Unordered: lambda p: (
        f"the order has no meaning; entries are matched by {', '.join(p.key)}"
        if p.key
        else "the order has no meaning"
    ),
    CaseInsensitive: lambda p: "letter case has no meaning",
    VersionPrefix: lambda p: "a version is met by every later part of it (16 by 16.4)",
    Canonical: lambda p: "spellings that mean the same count as equal",
    OwnedBy: lambda p: f"{p.owner} may hold it: then it is no drift and is not written",
    CreateOnly: lambda p: "fixed when the resource is created: a later change is blocked",
    WriteOnly: lambda p: "AWS never shows it: compared by the version of the secret",
    TakenAtStart: lambda p: "read at start only: a new version of the secret restarts what runs",
    ActionOption: lambda p: "steers how a change is made; it is never compared",
    Keyed: lambda p: "only the keys written here are ours: others are left alone",
    KeysOf: lambda p: f"an entry that moves to or from `{p.other}` is reported there",
    Withdrawn: lambda p: "taken out of the file it ends",
    Achieved: lambda p: "reached by what Plumbline does: behind is work to do, never drift",
}


def policy_words(policy: Policy) -> str:
    """A field policy in words, with its cases of the case book."""
    says = _SAYS[type(policy)](policy)
    cases = ", ".join(str(n) for n in policy.cases)
    return says + (f" ({'case' if len(policy.cases) == 1 else 'cases'} {cases})" if cases else "")


def first_sentence(text: str) -> str:
    """The first sentence of a text, on one line."""
    flat = " ".join(text.split())
    match = re.match(r".+?[.!?](?= [A-Z]|$)", flat)
    return match[0] if match else flat


def described(model: type[BaseModel], info: FieldInfo | None, alias: str) -> str:
    """The docstring of the attribute that has this alias, as plain text."""
    for attribute, member in model.model_fields.items():
        if (member.alias or attribute) == alias or member is info:
            for base in model.__mro__:
                if text := _docstrings(base.__module__).get((base.__name__, attribute)):
                    return text
    return ""


@cache
def _docstrings(module: str) -> dict[tuple[str, str], str]:
    """(class, attribute) → the docstring below the attribute, for a module of ours."""
    import sys

    held = sys.modules.get(module)
    if held is None or not module.startswith("controller"):
        return {}
    found = {}
    for node in ast.walk(ast.parse(inspect.getsource(held))):
        if not isinstance(node, ast.ClassDef):
            continue
        for here, after in pairwise(node.body):
            if (
                isinstance(here, ast.AnnAssign)
                and isinstance(here.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                found[node.name, here.target.id] = " ".join(after.value.value.split())
    return found
