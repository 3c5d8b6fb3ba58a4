"""What may be written, told from the models: `plumbline explain` and the reference of all kinds."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel

from controller.complaints import see_through, unknown
from controller.envelope import EnvironmentDocument, ResourceDocument
from controller.fields import Field, fields_of
from controller.handler import Handler
from controller.kinds import KINDS, handler_for
from controller.policies import CreateOnly
from controller.scrutiny import outputs_of
from controller.wording import (
    default_of,
    default_words,
    described,
    first_sentence,
    policy_words,
    type_of,
)

_WIDTH = 88


class NotExplained(LookupError):
    """There is no such kind or field; the text says what was meant."""


def explain(path: str) -> str:
    """A kind, or one of its fields (`DBInstance.backupRetentionPeriod`), as text for a person."""
    kind, _, inside = path.strip().partition(".")
    if kind not in KINDS and kind != "Environment":
        raise NotExplained(unknown("kind", kind, [*KINDS, "Environment"]))
    steps = [step for step in re.split(r"\.|\[[^\]]*\]", inside) if step]
    field, owner, shown = _find(kind, steps)
    if not shown:
        return _kind(kind, field)
    return _field(f"{kind}.{'.'.join(shown)}", field, owner, kind)


def kinds() -> str:
    """All kinds, a line each."""
    rows = {"Environment": first_sentence(inspect.getdoc(EnvironmentDocument) or "")}
    for kind in KINDS:
        handler = handler_for(kind)
        rows[kind] = first_sentence(inspect.getdoc(handler.spec) or "")
    width = max(map(len, rows))
    return "\n".join(f"{kind:<{width}}  {says}" for kind, says in rows.items())


def _root(kind: str, steps: list[str]) -> tuple[Field, type[BaseModel]]:
    """Where a path begins: the spec, unless it names a part of what stands around it."""
    document = EnvironmentDocument if kind == "Environment" else ResourceDocument
    envelope = fields_of(document)
    if steps and steps[0] in envelope.members and steps[0] != "spec":
        return envelope, document
    model = (
        envelope.members["spec"].model if kind == "Environment" else handler_for(kind).spec
    ) or document
    return fields_of(model), model


def _find(kind: str, steps: list[str]) -> tuple[Field, type[BaseModel], list[str]]:
    """(the field, the model it belongs to, its path)."""
    node, owner = _root(kind, steps)
    if steps[:1] == ["spec"]:
        steps = steps[1:]
    for index, step in enumerate(steps):
        node = _inside(node)
        if node.model is not None:
            owner = node.model
        if step not in node.members:
            before = ".".join([kind, *steps[:index]])
            raise NotExplained(f"{before}: {unknown('field', step, node.members)}")
        node = node.members[step]
    return node, owner, steps


def _inside(field: Field) -> Field:
    """A field, or what its list or map holds."""
    field = see_through(field)
    while field.shape in ("list", "map") and field.item is not None:
        held = get_args(field.annotation)[-1 if field.shape == "map" else 0]
        field = see_through(field.item, held)
    return field


def _paragraph(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _kind(kind: str, root: Field) -> str:
    out = [kind, ""]
    if kind == "Environment":
        out += [_paragraph(inspect.getdoc(root.model) or ""), "", "Fields of spec:", ""]
        out += _table(root)
        return "\n".join(out)
    handler = handler_for(kind)
    about = _about(handler)
    out += [_paragraph(inspect.getdoc(handler.spec) or about.says), ""]
    out += [f"Name in AWS: {handler.name_says}."]
    word = "lifecycle.prune" if handler.holds_data else "prune, its own or the environment's,"
    out += [f"Removing the manifest keeps the resource, unless {word} says delete."]
    out += [f"AWS: {page}" for page in about.pages]
    out += ["", "Fields of spec (* required):", "", *_table(root)]
    out += ["", "Outputs:", ""]
    out += [f"  ${{{kind}.<name>.{name}}}" for name in outputs_of(handler)]
    return "\n".join(out)


def _table(field: Field) -> list[str]:
    """One line per member: name, default, first sentence."""
    rows = []
    for name, member in field.members.items():
        required, _ = default_of(member)
        says = first_sentence(described(field.model, member.info, name)) if field.model else ""
        rows.append((f"{name}{'*' if required else ''}", says or type_of(member)))
    width = max((len(name) for name, _ in rows), default=0)
    out = []
    for name, says in rows:
        room = max(_WIDTH - width - 4, 30)
        first, *more = textwrap.wrap(says, room) or [""]
        out.append(f"  {name:<{width}}  {first}".rstrip())
        out += [" " * (width + 4) + line for line in more]
    return out


def _field(path: str, field: Field, owner: type[BaseModel], kind: str) -> str:
    required, _ = default_of(field)
    in_spec = owner.__module__ != EnvironmentDocument.__module__
    facts = [
        ("Type", type_of(field)),
        ("Required", "yes" if required else "no"),
        ("Default", default_words(field, in_spec=in_spec)),
    ]
    if in_spec:
        fixed = field.policy(CreateOnly) is not None
        facts.append(("Changes", "blocked: fixed at creation" if fixed else "made in place"))
    facts += [("AWS" if not i else "", policy_words(p)) for i, p in enumerate(field.policies)]
    out = [path, ""]
    if text := described(owner, field.info, field.name):
        out += [_paragraph(text), ""]
    for name, says in facts:
        first, *more = textwrap.wrap(says, _WIDTH - 12) or [""]
        out.append(f"  {name:<9} {first}")
        out += [" " * 12 + line for line in more]
    inside = _inside(field)
    if inside.members:
        out += ["", "Fields (* required):", "", *_table(inside)]
    if in_spec:
        out += ["", *(f"AWS: {page}" for page in _about(handler_for(kind)).pages)]
    return "\n".join(out).rstrip()


class _about:
    """A kind's module docstring, taken apart."""

    def __init__(self, handler: Handler) -> None:
        text = inspect.getdoc(sys.modules[type(handler).__module__]) or ""
        title, _, rest = text.partition("\n")
        self.pages = re.findall(r"https://\S+", rest)
        self.says = title.partition(": ")[2] or title
        self.more = " ".join(re.sub(r"https://\S+", "", rest).split())


# --- the reference of all kinds -----------------------------------------------------------


def reference_docs() -> str:
    """`docs/reference/kinds.md`: every kind with its fields, defaults, policies and outputs."""
    out = [
        "# Kinds",
        "",
        "Generated from the models by `plumbline explain --reference`; a test keeps it true.",
        "",
        *(f"- [{kind}](#{kind.lower()})" for kind in ["Environment", *KINDS]),
        "",
        "Around every `spec` but the Environment's:",
        "",
    ]
    envelope = fields_of(ResourceDocument)
    for part in ("metadata", "lifecycle"):
        out += _rows(envelope.members[part], part)
    out += ["## Environment", ""]
    environment = fields_of(EnvironmentDocument).members["spec"]
    out += [inspect.getdoc(environment.model) or "", "", *_rows(environment, "spec")]
    for kind in KINDS:
        handler = handler_for(kind)
        about = _about(handler)
        out += [f"## {kind}", "", inspect.getdoc(handler.spec) or about.says, ""]
        out += [about.more, ""] if about.more else []
        out += [f"- AWS: <{page}>" for page in about.pages]
        out += [
            f"- Name in AWS: {handler.name_says}.",
            f"- Without a manifest: {'kept' if handler.holds_data else 'deleted'} by default.",
            "- Outputs: " + ", ".join(f"`{name}`" for name in outputs_of(handler)),
            "",
            *_rows(fields_of(handler.spec), ""),
        ]
    return "\n".join(out).rstrip() + "\n"


def _rows(field: Field, at: str) -> list[str]:
    out = ["| Field | Type | Default | |", "| --- | --- | --- | --- |"]
    for path, member, owner, told in _walk(field, at, {}):
        says = [described(owner, member.info, member.name)]
        says += [f"*{policy_words(p)}*" for p in member.policies]
        says += [f"Fields as in `{told}`."] if told else []
        default = default_words(member, in_spec=not at)
        cells = [f"`{path}`", type_of(member), default, " ".join(filter(None, says))]
        out.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return [*out, ""]


def _walk(
    field: Field, at: str, told: dict[type[BaseModel], str]
) -> Iterator[tuple[str, Field, type[BaseModel], str]]:
    """Every field below one, depth first: (path, field, the model it belongs to, where told).

    A model that occurs again (a WAF statement holds statements) is told the first time only.
    """
    inside = _inside(field)
    if inside.model is None:
        return
    told[inside.model] = at
    for name, member in inside.members.items():
        path = f"{at}.{name}" if at else name
        below = path + {"list": "[]", "map": "[…]"}.get(see_through(member).shape, "")
        model = _inside(member).model
        yield path, member, inside.model, told.get(model, "") if model else ""
        if model is not None and model not in told:
            yield from _walk(member, below, told)
