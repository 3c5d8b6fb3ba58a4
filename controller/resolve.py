"""References filled in with what is known: parameters, others' outputs, secret versions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.aws import Aws
from controller.batching import in_batches
from controller.fields import Field, fields_of
from controller.kept import TOLD_S, keep, recall
from controller.manifest import Resource, check_resolved
from controller.policies import Doc, TakenAtStart
from controller.references import UNRESOLVED, BadReference, Path, Reference, find, resolve
from controller.versioned import marked

_EVER = 2**53
"""Later than any start."""

_SECRET = re.compile(r"\$\{Secret\.([a-z0-9-]+)\.value\}")


@dataclass
class Bindings:
    """Values by name: Parameter Store parameters, outputs by `Kind/name`, the environment's own."""

    parameters: Doc
    outputs: dict[str, Doc]
    environment: dict[str, str]


@dataclass
class Parameters:
    """What Parameter Store answered. missing: names without a usable value, with the reason."""

    values: Doc = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, parameter: Doc) -> None:
        """One that AWS showed."""
        name, kind, value = parameter["Name"], parameter["Type"], parameter["Value"]
        if kind == "SecureString":
            self.missing[name] = "is a SecureString; put secrets into a Secret resource"
        else:
            self.values[name] = value.split(",") if kind == "StringList" else value

    def of(self, resources: Iterable[Resource]) -> Parameters:
        """The part of it that these resources refer to."""
        names = _parameters(resources)
        return Parameters(
            {k: v for k, v in self.values.items() if k in names},
            {k: v for k, v in self.missing.items() if k in names},
        )


def read_parameters(aws: Aws, wanted: Mapping[str, Iterable[Resource]]) -> Parameters:
    """All parameters that are referred to, ten a call. wanted: by environment.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
    A StringList becomes a list. A SecureString is refused: secrets never enter desired state.
    """
    names = {name: env for env, resources in wanted.items() for name in _parameters(resources)}
    found = Parameters()
    ask = []
    for name, environment in sorted(names.items()):
        held = recall(aws, environment, ("ssm", name), TOLD_S)
        if held is None:
            ask.append(name)
        else:
            found.add(held.value)

    def read(run: Sequence[str]) -> dict[str, Doc]:
        reply = aws.read("ssm", "GetParameters", {"Names": list(run)})
        return {p["Name"]: p for p in reply["Parameters"]}

    told, failed = in_batches(aws, ask, 10, read)
    for name in ask:
        if name in failed:
            found.missing[name] = f"could not be read: {failed[name]}"
        elif name not in told:
            found.missing[name] = "does not exist"
        else:
            found.add(told[name])
            if told[name]["Type"] != "SecureString":
                kept = {member: told[name][member] for member in ("Name", "Type", "Value")}
                keep(aws, names[name], ("ssm", name), kept)
    return found


def _parameters(resources: Iterable[Resource]) -> set[str]:
    return {ref.parameter for r in resources for _, ref in find(r.spec) if ref.kind == "ssm"}


def hint(resource: Resource, guesses: Bindings) -> Doc:
    """The spec as it will probably be, by what was known last time: only to choose reads."""
    try:
        filled: Doc = resolve(resource.spec, lambda ref: _value(ref, guesses))
    except BadReference:
        return resource.spec
    return dict(versioned(check_resolved(resource, filled).doc, guesses.outputs))


def bind(resource: Resource, known: Bindings, parameters: Parameters) -> tuple[Doc, str]:
    """The spec with every known reference filled in, and what is wrong with it (empty: nothing).

    What is not known yet stays as `${…}`. The filled-in spec is checked by the model again.
    """
    for _, ref in find(resource.spec) if parameters.missing else ():
        if ref.kind == "ssm" and ref.parameter in parameters.missing:
            return resource.spec, f"{ref.text} {parameters.missing[ref.parameter]}"
    try:
        filled: Doc = resolve(resource.spec, lambda ref: _value(ref, known))
    except BadReference as error:
        return resource.spec, str(error)
    checked = check_resolved(resource, filled)
    doc = _marked(versioned(checked.doc, known.outputs), _at_start(resource), known.outputs)
    return doc, "; ".join(checked.problems)


def lookup(ref: Reference, outputs: dict[str, Doc]) -> Any:
    """The output a reference names; `UNRESOLVED` while it is not known, and for secret values."""
    held: Any = outputs.get(ref.resource, {})
    for part in ref.output.split("."):
        held = held.get(part) if isinstance(held, dict) else None
    return UNRESOLVED if held is None else held


def versioned(doc: Any, outputs: dict[str, Doc]) -> Any:
    """`${Secret.x.value}` becomes `${Secret.x.value@<version>}` where the version is known.

    That says which version is meant without saying the value, which only the call that needs it
    opens.
    """
    if isinstance(doc, str):
        if match := _SECRET.fullmatch(doc):
            version = outputs.get(f"Secret/{match[1]}", {}).get("versionId")
            return f"${{Secret.{match[1]}.value@{version}}}" if version else doc
        return doc
    if isinstance(doc, dict):
        return {key: versioned(value, outputs) for key, value in doc.items()}
    if isinstance(doc, list):
        return [versioned(value, outputs) for value in doc]
    return doc


def _at_start(resource: Resource) -> list[tuple[Path, str]]:
    """Where the spec names a secret that is read only when something starts, and which.

    One that is pinned (`…:key:stage:version`) never gets another version.
    """
    known: list[tuple[Path, str]] | None = resource.memo.get("at start")
    if known is None:
        root = fields_of(resource.handler.spec)
        known = resource.memo["at start"] = [
            (path, ref.resource)
            for path, ref in find(resource.spec)
            if ref.resource.startswith("Secret/")
            and ref.output == "arn"
            and _taken_at_start(root, path)
            and not _pinned(str(_dig(resource.spec, path)).removeprefix(ref.text))
        ]
    return known


def _taken_at_start(root: Field, path: Path) -> bool:
    node: Field | None = root
    for part in path:
        if node is not None:
            node = node.members.get(str(part)) if node.shape == "object" else node.item
    return node is not None and node.policy(TakenAtStart) is not None


def _pinned(suffix: str) -> bool:
    _, _, stage, version = (suffix.split(":") + [""] * 4)[:4]
    return stage not in ("", "AWSCURRENT") or version != ""


def _dig(doc: Any, path: Path) -> Any:
    for part in path:
        doc = doc[part]
    return doc


def _marked(doc: Any, places: list[tuple[Path, str]], outputs: dict[str, Doc]) -> Any:
    """The document with the current version marked where such a secret is named."""
    for path, key in places:
        held = outputs.get(key, {})
        text = str(_dig(doc, path))
        if held.get("versionId") and text.startswith(held.get("arn", "?")):
            mark = marked(text, held["versionId"], held.get("changedAt", _EVER))
            doc = _replaced(doc, path, mark)
    return doc


def _replaced(doc: Any, path: Path, value: str) -> Any:
    if not path:
        return value
    head, *rest = path
    inner = _replaced(doc[head], tuple(rest), value)
    if isinstance(doc, dict):
        return {**doc, head: inner}
    return [inner if index == head else item for index, item in enumerate(doc)]


def _value(ref: Reference, known: Bindings) -> Any:
    if ref.kind == "ssm":
        return known.parameters.get(ref.parameter, UNRESOLVED)
    if ref.kind == "resource":
        return lookup(ref, known.outputs)
    if ref.kind == "environment":
        return known.environment.get(ref.output, UNRESOLVED)
    return UNRESOLVED
