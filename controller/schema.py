"""JSON Schema (draft 2020-12) of one document of a desired-state file, for editors and CI.

Made from the models. Wherever a value is not free text, a reference may stand instead; editors thus
complete and check every field, and leave `${…}` alone. `desired_state/schema.json` is its output.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from controller.envelope import (
    API_VERSION,
    EnvironmentSpec,
    LifecycleSpec,
    Metadata,
    ResourceMetadata,
)
from controller.kindlib.whole import Whole
from controller.kinds import KINDS, handler_for
from controller.spec import _secret_reference
from controller.wording import described, text_rule

Schema = dict[str, Any]

REFERENCE = {"$ref": "#/$defs/Reference"}
_SECRET_VALUE = r"^\$\{Secret\.[a-z0-9-]+\.value\}$"
_HOLDS_REFERENCE = r"\$\{[^{}]+\}"
_PYTHON_ONLY = re.compile(r"\(\?[aiLmsux-]+[:)]|\(\?P")


class _Generator(GenerateJsonSchema):
    """pydantic's, and the rules of our own checks, which it can't see."""

    def function_after_schema(
        self, schema: core_schema.AfterValidatorFunctionSchema
    ) -> JsonSchemaValue:
        made = super().function_after_schema(schema)
        function = schema["function"]["function"]
        if function is _secret_reference:
            return {**made, "pattern": _SECRET_VALUE}
        rule = text_rule(function)
        if rule is None:
            return made
        if rule.pattern and not _PYTHON_ONLY.search(rule.pattern):
            made = {**made, "pattern": f"^(?:{rule.pattern})$"}
        for name, bound in (("minLength", rule.low), ("maxLength", rule.high)):
            if bound:
                made = {**made, name: bound}
        return made

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """A `Whole` with a short form may be that one member alone."""
        made = super().function_before_schema(schema)
        whole = getattr(schema["function"]["function"], "__self__", None)
        if not isinstance(whole, Whole) or not whole.short:
            return made
        arms = (self.resolve_ref_schema(arm) for arm in made.get("anyOf", [made]))
        members = [arm["properties"][whole.short] for arm in arms
                   if whole.short in arm.get("properties", {})]  # fmt: skip
        return {"anyOf": [*members, made]} if members else made

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Keys have their own rule, beside the values': other keys are no free space."""
        made = super().dict_schema(schema)
        patterns: Schema = made.pop("patternProperties", {})
        for pattern, inner in patterns.items():
            made["propertyNames"] = {**made.get("propertyNames", {}), "pattern": pattern}
            made["additionalProperties"] = inner
        return made


def document_schema() -> Schema:
    """The schema of one document: what it may hold depends on its `kind`."""
    definitions: Schema = {
        "Reference": {
            "description": "${Kind.name.output}, ${ssm:/path} or ${Environment.name}",
            "type": "string",
            "pattern": r"^\$\{[^{}]+\}$",
        }
    }
    _add(definitions, "Environment.spec", EnvironmentSpec, references=False)
    _add(definitions, "Environment.metadata", Metadata, references=False)
    _add(definitions, "metadata", ResourceMetadata, references=False)
    _add(definitions, "lifecycle", LifecycleSpec, references=False)
    kinds = ["Environment", *KINDS]
    cases = [_case("Environment", "Environment.metadata", [], {"lifecycle": False})]
    for kind in KINDS:
        spec = handler_for(kind).spec
        _add(definitions, kind, spec, references=True)
        needs_spec = ["spec"] if definitions[kind].get("required") else []
        cases.append(_case(kind, "metadata", needs_spec, {"lifecycle": _ref("lifecycle")}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of a Plumbline desired-state file",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "Version of the language."},
            "kind": {"enum": kinds, "description": "What this document declares."},
            "metadata": {"type": "object"},
            "lifecycle": {"type": "object"},
            "spec": {"type": "object"},
        },
        "allOf": cases,
        "$defs": dict(sorted(definitions.items())),
    }


def render() -> str:
    """The schema as the text of `desired_state/schema.json`."""
    return json.dumps(document_schema(), indent=1, ensure_ascii=False) + "\n"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _case(kind: str, metadata: str, required: list[str], more: Schema) -> Schema:
    spec = "Environment.spec" if kind == "Environment" else kind
    then: Schema = {"properties": {"metadata": _ref(metadata), "spec": _ref(spec), **more}}
    if required:
        then["required"] = required
    return {
        "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
        "then": then,
    }


def _add(definitions: Schema, name: str, model: type[BaseModel], *, references: bool) -> None:
    """Put a model and all it is made of into the definitions, its parts under `name.`."""
    made = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    parts: Schema = made.pop("$defs", {})
    models = {each.__name__: each for each in _models(model)}
    names = {part: f"{name}.{part}" for part in parts}
    for part, schema in [(model.__name__, made), *parts.items()]:
        finished = _finish(schema, names, references=references)
        if (of := models.get(part)) and "properties" in finished:
            _describe(finished, of)
        definitions[name if schema is made else names[part]] = finished


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and every model inside it."""
    found: list[type[BaseModel]] = []

    def visit(annotation: Any, metadata: Sequence[Any] = ()) -> None:
        for each in (*metadata, *getattr(annotation, "__metadata__", ())):
            if isinstance(each, Whole):
                visit(each.of())
        is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        if is_model and annotation not in found:
            found.append(annotation)
            for info in annotation.model_fields.values():
                visit(info.annotation, info.metadata)
        for inner in get_args(annotation):
            visit(inner)

    visit(model)
    return found


def _describe(schema: Schema, model: type[BaseModel]) -> None:
    schema["description"] = " ".join((inspect.getdoc(model) or "").split())
    for alias, member in schema["properties"].items():
        if text := described(model, None, alias):
            member.pop("description", None)
            schema["properties"][alias] = {"description": text, **member}


def _finish(schema: Any, names: Mapping[str, str], *, references: bool) -> Any:
    """One schema without titles and nulls, its parts renamed, references let in."""
    if not isinstance(schema, dict):
        return schema
    out: Schema = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and value is None:
            continue
        if key == "$ref":
            out[key] = f"#/$defs/{names[value.rpartition('/')[2]]}"
        elif key == "properties":
            out[key] = {n: _value(v, names, references=references) for n, v in value.items()}
        elif key in ("additionalProperties", "items"):
            out[key] = _value(value, names, references=references)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            out[key] = [_finish(v, names, references=references) for v in value]
        elif key == "discriminator":
            continue
        else:
            out[key] = value
    return _without_null(out)


def _value(schema: Any, names: Mapping[str, str], *, references: bool) -> Any:
    """The schema of a value: what the model says, or a reference."""
    made = _finish(schema, names, references=references)
    if not isinstance(made, dict) or not references or not made:
        return made
    if made.get("type") == "string" and not (
        {"pattern", "maxLength", "enum", "const"} & made.keys()
    ):
        return made
    if made.get("pattern") == _SECRET_VALUE:
        return made
    outside = {k: made.pop(k) for k in ("default", "description") if k in made}
    text = _free_text(made)
    inner = made["anyOf"] if made.keys() == {"anyOf"} else [made]
    return {**outside, "anyOf": [*inner, text]}


def _free_text(made: Schema) -> Schema:
    """What a reference may look like there: in a text, a part of it; else all of it."""
    arms = made.get("anyOf", [made])
    if any(arm.get("type") == "string" and "enum" not in arm for arm in arms):
        return {"type": "string", "pattern": _HOLDS_REFERENCE}
    return dict(REFERENCE)


def _without_null(schema: Schema) -> Schema:
    """`X or null` is X: null never stands in a file."""
    arms = schema.get("anyOf")
    if not arms:
        return schema
    kept = [arm for arm in arms if arm != {"type": "null"}]
    if len(kept) == 1:
        rest = {k: v for k, v in schema.items() if k != "anyOf"}
        return {**kept[0], **rest}
    return {**schema, "anyOf": kept}


if __name__ == "__main__":
    print(render(), end="")
