"""What pydantic says about a document, in words for the person who wrote it.

One complaint per defect: `found X, allowed: Y`, at the path as it stands in the file. A value that
may be a secret is never shown.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from controller.fields import Field, fields_of
from controller.kindlib.whole import Whole
from controller.leaks import form_of, hide

Path = tuple[str | int, ...]


class Complaint(NamedTuple):
    """One defect: where, and what is wrong."""

    path: Path
    message: str
    kind: str = ""
    """pydantic's type of the error."""


def closest(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?`, or nothing if nothing known is near."""
    by_small = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=0.6)
    return f"did you mean {by_small[near[0]]}?" if near else ""


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """`unknown field foo: did you mean fob?`, or with all that is known."""
    names = sorted(known)
    hint = closest(word, names)
    shown = word if not form_of(word) and len(word) <= 60 else "(not shown)"
    if not hint:
        hint = "allowed: " + ", ".join(names) if names else "nothing may stand here"
    return f"found the unknown {what} {shown}, {hint}"


def show(path: Path, value: Any) -> str:
    """A value as an error message may show it."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, (list, tuple)):
        return "a list" if len(value) != 1 else "a list of one"
    if hide(path, value):
        what = "a text" if isinstance(value, str) else "a number"
        return f"{what} (not shown: it may be a secret)"
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 70 else shown[:68] + '…"'


_FORMS = frozenset(
    ("tuple_type", "set_type", "frozen_set_type", "date_type", "datetime_type", "time_type")
)
"""What strictness refuses although JSON has no other form for it."""


def validate(model: type[BaseModel], doc: Any) -> tuple[BaseModel | None, list[Complaint]]:
    """The model of a document as written, or all complaints about it.

    No coercion: `"5"` is no number and `yes` no boolean. Only what YAML can't write otherwise, a
    tuple or a date, may be made from a list or a text.
    """
    root = fields_of(model)
    try:
        return model.model_validate(doc, strict=True), []
    except ValidationError as error:
        strict = complaints(error, doc, root)
    found = {c.path: c for c in strict if c.kind not in _FORMS}
    if len(found) == len(strict):
        return None, strict
    try:
        made = model.model_validate(doc, strict=False)
    except ValidationError as error:
        made = None
        for each in complaints(error, doc, root):
            found.setdefault(each.path, each)
    return (None if found else made), list(found.values())


class _Error(NamedTuple):
    """One of pydantic's errors, located.

    forks: the unions on the way, as (place, arm). derived: about a member that is not written but
    computed from others; those are what is wrong, if anything is said of them.
    """

    path: Path
    forks: tuple[tuple[Path, str | int], ...]
    detail: Any
    derived: bool = False


def complaints(error: ValidationError, doc: Any, root: Field) -> list[Complaint]:
    """A `ValidationError` about `doc` as complaints, one per defect."""
    errors = [_locate(each, doc, root) for each in error.errors(include_url=False)]
    written = [each for each in errors if not each.derived]
    return _pick(written or errors, 0, root)


def _locate(detail: Any, doc: Any, root: Field) -> _Error:
    path: list[str | int] = []
    forks: list[tuple[Path, str | int]] = []
    derived = False
    node = doc
    loc: Sequence[str | int] = detail["loc"]
    for index, part in enumerate(loc):
        inside = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if inside or (isinstance(node, Mapping) and part in node):
            path.append(part)
            node = node[part]
        elif index == len(loc) - 1 and detail["type"] == "missing":
            path.append(part)
        elif isinstance(node, Mapping) and _is_member(root, tuple(path), part):
            path.append(part)
            node, derived = None, True
        elif part != "[key]":
            forks.append((tuple(path), part))
    return _Error(tuple(path), tuple(forks), detail, derived)


def _is_member(root: Field, path: Path, name: str | int) -> bool:
    field = field_at(root, path)
    return field is not None and name in field.members


def _pick(errors: list[_Error], depth: int, root: Field) -> list[Complaint]:
    """Of every union the arm that the writer most likely meant, from the outermost inwards."""
    plain = [e for e in errors if len(e.forks) <= depth]
    found = [_say(e.path, e.detail, root) for e in plain]
    unions: dict[Path, dict[str | int, list[_Error]]] = {}
    for each in errors:
        if len(each.forks) > depth:
            place, arm = each.forks[depth]
            unions.setdefault(place, {}).setdefault(arm, []).append(each)
    for place, arms in unions.items():
        fitting = [held for held in arms.values() if all(_inside(e, place) for e in held)]
        if len(arms) == 1 or fitting:
            chosen = min(fitting or arms.values(), key=_distance)
            found.extend(_pick(chosen, depth + 1, root))
        else:
            found.append(_merged(place, arms, root))
    return found


def _distance(held: list[_Error]) -> tuple[int, int]:
    """How far an arm is from what was written: by its members first, then by their values."""
    members = sum(1 for e in held if e.detail["type"] in ("missing", "extra_forbidden"))
    return members, len(held)


def _inside(error: _Error, place: Path) -> bool:
    """True if the form at that place was right, and only something in it was not."""
    own = error.detail["type"] in ("value_error", "assertion_error")
    return len(error.path) > len(place) or (own and isinstance(error.detail["input"], Mapping))


def _merged(place: Path, arms: Mapping[str | int, list[_Error]], root: Field) -> Complaint:
    """What all arms of a union allow, where the value fits none of them."""
    says = [_say(e.path, e.detail, root) for held in arms.values() for e in held if e.path == place]
    shown = says[0].message.partition(", allowed: ")[0]
    allowed = dict.fromkeys(s.message.partition(", allowed: ")[2] or s.message for s in says)
    return Complaint(says[0].path, f"{shown}, allowed: {', or '.join(allowed)}", says[0].kind)


def _say(path: Path, error: Any, root: Field) -> Complaint:
    kind: str = error["type"]
    value = error["input"]
    if kind == "extra_forbidden":
        inside = field_at(root, path[:-1])
        name, known = str(path[-1]), inside.members if inside else ()
        why = getattr(inside.model, "instead", {}).get(name) if inside else None
        said = f"found {name}: {why}" if why else unknown("field", name, known)
        return Complaint(path, said, kind)
    if kind == "missing":
        return Complaint(path, "found nothing, but it is required", kind)
    if kind in ("value_error", "assertion_error"):
        return Complaint((*path, *_meant(error)), _own_words(path, error), kind)
    allowed = _allowed(kind, error.get("ctx", {}), value) or _plain_words(error["msg"])
    hint = ""
    if kind in ("literal_error", "enum") and isinstance(value, str) and not hide(path, value):
        names = re.findall(r"'([^']*)'", str(error["ctx"].get("expected", "")))
        hint = closest(value, names)
    found = f"found {show(path, value)}"
    return Complaint(path, f"{found}, {hint or 'allowed: ' + allowed}", kind)


def _own_words(path: Path, error: Any) -> str:
    """The message of one of our own checks."""
    message = str(error.get("ctx", {}).get("error") or error["msg"])
    value = error["input"]
    if isinstance(value, (Mapping, BaseModel)):
        return message
    if isinstance(value, str) and hide(path, value) and value:
        message = message.replace(value, "…")
    message = re.sub(r", not \d+$", "", message)
    message = re.sub(r"^must be (?=\S)", "", message)
    message = re.sub(r"^must match ", "a text that matches ", message)
    return f"found {show(path, value)}, allowed: {message}"


def _meant(error: Any) -> Path:
    """A check of several members complains of them all: the first one that it names is meant."""
    value = error["input"]
    if not isinstance(value, Mapping):
        return ()
    for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", str(error.get("ctx", {}).get("error", ""))):
        if word in value:
            return (word,)
    return ()


def _plain_words(message: str) -> str:
    message = message.removeprefix("Input should be ").removeprefix("Value should ")
    return message[:1].lower() + message[1:]


_TYPES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "none_required": "nothing",
    "date_type": "a date like 2026-12-31",
    "date_parsing": "a date like 2026-12-31",
    "date_from_datetime_parsing": "a date like 2026-12-31",
    "date_from_datetime_inexact": "a date like 2026-12-31",
}

_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def _allowed(kind: str, ctx: Mapping[str, Any], value: Any) -> str:
    if kind == "string_type":
        quotes = isinstance(value, (int, float))
        return "a text (put it in quotes)" if quotes else "a text"
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{words} {ctx[name]}"
    if kind == "string_too_short":
        return f"at least {ctx['min_length']} characters"
    if kind == "string_too_long":
        return f"at most {ctx['max_length']} characters"
    if kind == "string_pattern_mismatch":
        return f"a text that matches {ctx['pattern']}"
    if kind == "too_short":
        return f"at least {ctx['min_length']} entries"
    if kind == "too_long":
        return f"at most {ctx['max_length']} entries, not {ctx['actual_length']}"
    if kind in ("literal_error", "enum"):
        return re.sub(r"'([^']*)'", r"\1", str(ctx["expected"]))
    if kind == "union_tag_invalid":
        return f"as {ctx['discriminator']} one of {ctx['expected_tags']}"
    if kind == "union_tag_not_found":
        return f"a map with {ctx['discriminator']}"
    return ""


def field_at(root: Field, path: Path) -> Field | None:
    """The field that a path of the document leads to; None where there is none."""
    node: Field | None = see_through(root)
    for part in path:
        if node is None:
            return None
        if node.shape == "object":
            member = node.members.get(str(part))
            node = see_through(member) if member else None
        elif node.item is not None:
            inner = get_args(node.annotation)
            node = see_through(
                node.item, inner[-1 if node.shape == "map" else 0] if inner else None
            )
        else:
            node = None
    return node


def see_through(field: Field, annotation: Any = None) -> Field:
    """A field, or what is inside one that is compared as a `Whole` and so shows no members."""
    if field.shape != "scalar":
        return field
    metadata = [] if field.info is None else list(field.info.metadata)
    todo = [annotation, field.annotation if field.info is None else field.info.annotation]
    while todo:
        each = todo.pop()
        metadata += getattr(each, "__metadata__", ())
        todo += get_args(each)
    for each in metadata:
        if isinstance(each, Whole):
            inside = field_of(each.of())
            if inside.shape != "scalar":
                return replace(inside, name=field.name, policies=field.policies, info=field.info)
    return field


def field_of(annotation: Any) -> Field:
    """The field tree of any type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return fields_of(annotation)
    arms = [each for each in get_args(annotation) if each is not type(None)]
    for arm in arms:
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            return fields_of(arm)
    return Field("", "scalar", annotation=annotation)
