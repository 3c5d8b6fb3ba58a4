"""AWS's own resource-provider schemas, as cfn-lint ships them: what a type's properties may be.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.errors import NotSimulated

Doc = dict[str, Any]


@cache
def _folder() -> Path:
    found = importlib.util.find_spec("cfnlint")
    if found is None or found.origin is None:
        raise NotSimulated("CloudFormation without cfn-lint, which moto[server] brings")
    return Path(found.origin).parent / "data" / "schemas"


@cache
def _types() -> dict[str, str]:
    known = (_folder() / "providers" / "us-east-1.json").read_text(encoding="utf-8")
    types: dict[str, str] = json.loads(known)
    return types


@cache
def schema(kind: str) -> Doc | None:
    """The schema of a resource type, None if AWS has no such type."""
    name = _types().get(kind)
    if name is None:
        return None
    text = (_folder() / "resources" / f"{name}.json").read_text(encoding="utf-8")
    found: Doc = json.loads(text, object_hook=_without_java)
    return found


def _without_java(part: Doc) -> Doc:
    """Java's patterns of Unicode categories are left out: the API checks them, too."""
    return {k: v for k, v in part.items() if not (k == "pattern" and "\\p{" in str(v))}


def system_tags(kind: str) -> bool:
    """Whether CloudFormation puts its `aws:cloudformation:…` tags on resources of this type."""
    return bool(((schema(kind) or {}).get("tagging") or {}).get("cloudFormationSystemTags"))


def taggable(kind: str) -> bool:
    """Whether resources of this type get the stack's tags."""
    return bool(((schema(kind) or {}).get("tagging") or {}).get("taggable"))


def typed(kind: str, properties: Doc) -> Doc:
    """The properties with numbers and booleans made of the texts that a template may write."""
    whole = schema(kind) or {}
    made: Doc = _typed(whole, whole, properties)
    return made


def complaints(kind: str, properties: Doc) -> list[str]:
    """What the schema has against the properties, as CloudFormation words it."""
    import jsonschema  # here, because it takes long to import

    whole = schema(kind) or {}
    found = []
    for error in jsonschema.Draft7Validator(whole).iter_errors(properties):
        where = "/".join(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties":
            known = set(error.schema.get("properties", {}))
            extra = sorted(set(error.instance) - known)
            found.append(f"#/{where}: extraneous key [{', '.join(extra)}] is not permitted")
        else:
            found.append(f"#/{where}: {error.message}")
    return sorted(found)


def _typed(whole: Doc, part: Doc, value: Any) -> Any:
    while "$ref" in part:
        target: Any = whole
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    if isinstance(value, dict):
        known = part.get("properties", {})
        others: Doc = next(iter(part.get("patternProperties", {}).values()), {})
        return {k: _typed(whole, known.get(k, others), v) for k, v in value.items()}
    if isinstance(value, list):
        return [_typed(whole, part.get("items", {}), v) for v in value]
    return _scalar(part.get("type"), value)


def _scalar(kind: Any, value: Any) -> Any:
    match kind:
        case "boolean" if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        case "integer" | "number" if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                return value
            return int(number) if kind == "integer" or number.is_integer() else number
        case "string" if isinstance(value, bool):
            return str(value).lower()
        case "string" if isinstance(value, (int, float)):
            return str(value)
        case _:
            return value
