"""Checks of a spec that a kind's model can't make: references, pasted secrets, ignored paths.

Each says what is wrong and where; `loading` puts file, line and resource to it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.complaints import Path, closest, field_at, unknown
from controller.envelope import LifecycleSpec
from controller.fields import Field, fields_of
from controller.handler import Handler
from controller.kinds import KINDS, handler_for
from controller.leaks import form_of, pasted
from controller.policies import WriteOnly
from controller.references import Reference


@dataclass
class Known:
    """The resources of a file. unnamed: (kind, name) of documents whose identity is broken, which
    have been complained of; empty means any. References that may mean them are not judged."""

    keys: Collection[str] = ()
    unnamed: set[tuple[str, str]] = field(default_factory=set)

    def broken(self, kind: str, name: str) -> bool:
        """True if a reference may mean a document that has been complained of."""
        return bool({(kind, ""), ("", name), ("", "")} & self.unnamed)


def reference(ref: Reference, key: str, place: Field | None, known: Known) -> str:
    """What is wrong with a reference in the resource `key`, at that field; empty if nothing."""
    secret = place is not None and place.policy(WriteOnly) is not None
    is_value = ref.resource.startswith("Secret/") and ref.output.split("@")[0] == "value"
    if ref.kind == "self":
        return f"found {ref.text}, allowed: references to other resources"
    if secret and not is_value:
        return f"found {ref.text}, allowed: ${{Secret.<name>.value}}"
    if ref.kind != "resource":
        return ""
    kind, _, name = ref.resource.partition("/")
    if kind not in KINDS:
        if known.broken("", name):
            return ""
        return f"found {ref.text}: " + unknown("kind", kind, KINDS).removeprefix("found ")
    if ref.resource not in known.keys:
        return "" if known.broken(kind, name) else _dangling(ref, kind, known)
    if is_value:
        if secret and "@" not in ref.output:
            return ""
        return f"found the value of a secret, allowed here: its ARN, ${{Secret.{name}.arn}}"
    if ref.resource == key and ref.output != "name":
        return f"found {ref.text}, but a resource can't refer to itself"
    return _output(ref, handler_for(kind))


def _dangling(ref: Reference, kind: str, known: Known) -> str:
    of_kind = [key for key in known.keys if key.startswith(f"{kind}/")]
    hint = closest(ref.resource, of_kind) or (
        f"declared are {', '.join(of_kind)}" if of_kind else f"nor any other {kind}"
    )
    return f"found {ref.text}, but there is no {ref.resource} in this file, {hint}"


def _output(ref: Reference, handler: Handler) -> str:
    """What is wrong with the output that a reference names."""
    node: Field | None = fields_of(handler.outputs)
    for part in ref.output.split("."):
        node = field_at(node, (part,)) if node and node.shape != "scalar" else None
        if node is None:
            break
    else:
        if node is None or node.shape != "object":
            return ""
        return f"found {ref.text}, allowed: one of its parts, {', '.join(node.members)}"
    names = outputs_of(handler)
    near = closest(ref.output, names)
    has = f"{handler.kind} has {', '.join(names)}"
    return f"found {ref.text}, {near} {has}" if near else f"found {ref.text}, but {has}"


def awaited(wanted: str, key: str, known: Known) -> str:
    """What is wrong with an entry of `lifecycle.dependsOn` of the resource `key`."""
    kind, _, name = wanted.partition("/")
    if wanted == key:
        return f"found {wanted}, but a resource can't wait for itself"
    if wanted in known.keys or known.broken(kind, name):
        return ""
    near = closest(wanted, list(known.keys))
    return f"found {wanted}, but there is none in this file" + (f", {near}" if near else "")


def outputs_of(handler: Handler) -> list[str]:
    """The output paths of a kind: `endpoint.address`, …"""

    def walk(node: Field, at: str) -> list[str]:
        if node.shape != "object":
            return [at]
        return [p for n, m in node.members.items() for p in walk(m, f"{at}.{n}" if at else n)]

    return walk(fields_of(handler.outputs), "")


def secrets(value: Any, node: Field | None, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Pasted secrets, and references in keys. Only names that the user chose say something."""
    if isinstance(value, dict):
        chosen = node is None or node.shape != "object"
        paired = {"name", "value"} <= value.keys() and isinstance(value["name"], str)
        for key, inner in value.items():
            here = (*path, key)
            name = value["name"] if paired and key == "value" else key
            if why := pasted(str(name), inner, by_name=chosen or (paired and key == "value")):
                yield here, why
            if "${" in key:
                yield here, "found a reference in a key, allowed: plain text"
            yield from secrets(inner, field_at(node, (key,)) if node else None, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if why := pasted("", inner, by_name=False):
                yield (*path, index), why
            below = field_at(node, (index,)) if node else None
            yield from secrets(inner, below, (*path, index))


def named(names: Iterable[str], member: str, raw: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """A value that the resource's own name calls a secret; its form is looked at by `secrets`."""
    value = raw.get(member)
    for name in names:
        if not form_of(value) and (why := pasted(name, value, by_name=True)):
            yield (member,), why
            return


def lacks(missing: str, root: Field) -> Iterator[tuple[Path, str]]:
    """What `Handler.incomplete` says, each at the field it begins with: `memory: …; cpu: …`."""
    for part in missing.split("; "):
        match = re.match(r"([A-Za-z][\w.]*): (.*)", part, re.DOTALL)
        path: Path = tuple(match[1].split(".")) if match else ()
        if match and field_at(root, path) is not None:
            yield path, match[2]
        else:
            yield (), part


def ignored(
    lifecycle: LifecycleSpec, root: Field, beside: Collection[str] = ()
) -> Iterator[tuple[Path, str]]:
    """`lifecycle.ignore` paths that lead nowhere in the kind's spec, nor to what is `beside` it."""
    for index, rule in enumerate(lifecycle.ignore):
        if re.split(r"[.\[]", rule.path)[0] in beside:
            continue
        node: Field = root
        for step in filter(None, re.split(r"\.|\[[^\]]*\]", rule.path)):
            while node.shape in ("list", "map") and node.item:
                node = node.item
            if node.shape == "scalar" and node.annotation is Any:
                break  # no model opens it: what differs in it is named all the same
            if step not in node.members:
                where = ("lifecycle", "ignore", index, "path")
                yield where, unknown("field", step, [*node.members, *beside])
                break
            node = node.members[step]
