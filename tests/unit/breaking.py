"""Every constraint of a model, each with a document that breaks it and nothing else.

Made from the JSON Schema that pydantic gives, so a constraint added to a model is broken here
without anybody writing a test.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
from pydantic import BaseModel

from controller.schema import _Generator

Path = tuple[str | int, ...]
Schema = dict[str, Any]
ODD = "§ not allowed §"
DROP, EXTRA = object(), object()


@dataclass(frozen=True)
class Breakage:
    """One constraint broken. path: where it is; doc: the whole, broken there."""

    path: Path
    what: str
    doc: Any

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.what}"


class Breaker:
    """Walks the schema of a model."""

    def __init__(self, model: type[BaseModel], good: Any, examples: dict[str, Any]) -> None:
        self.root = model.model_json_schema(by_alias=True, schema_generator=_Generator)
        self.defs = self.root.get("$defs", {})
        self.good = good
        self.examples = examples
        self.skipped: list[str] = []
        self.seen: set[str] = set()

    def all(self) -> Iterator[Breakage]:
        """Every breakage."""
        for path, what, bad in self._walk(self.root, ()):
            try:
                doc = self._reach(path)
            except ValueError as error:
                self.skipped.append(f"{path}: {error}")
                continue
            yield Breakage(path, what, self._broken(doc, path, bad))

    # --- constraints -----------------------------------------------------------------------

    def _walk(self, schema: Schema, path: Path) -> Iterator[tuple[Path, str, Any]]:
        whole = schema
        for arm in self._arms(schema):
            if reference := arm.get("$ref"):
                if reference in self.seen:
                    continue  # the same constraints: once is enough
                self.seen.add(reference)
            for here, what, bad in self._of(self._plain(arm), path):
                if here == path and bad is not DROP and not self._refused(whole, bad):
                    continue  # another arm of the union allows it
                yield here, what, bad
        if path:
            wrong = self._other_type(whole)
            if wrong is not None:
                yield path, "type", wrong

    def _of(self, arm: Schema, path: Path) -> Iterator[tuple[Path, str, Any]]:
        kind = arm.get("type")
        if "properties" in arm:
            if arm.get("additionalProperties") is False:
                yield (*path, "bogusField"), "unknown field", "x"
            for name, inner in arm["properties"].items():
                if (
                    name in arm.get("required", ()) and name != "raw"
                ):  # without it, any arm is meant
                    yield (*path, name), "required", DROP
                yield from self._walk(inner, (*path, name))
        elif kind == "object":
            if (most := arm.get("maxProperties")) is not None:
                yield path, "too many", {f"k{n}": self._any(arm) for n in range(most + 1)}
            names = arm.get("propertyNames")
            if names and self._refused({"type": "string", **self._plain(names)}, ODD):
                yield (*path, ODD), "key", self._any(arm, last=True)
            if isinstance(arm.get("additionalProperties"), dict):
                yield from self._walk(arm["additionalProperties"], (*path, "*"))
        elif kind == "array":
            item = arm.get("items", {})
            if arm.get("minItems"):
                few = [self.example(item) for _ in range(arm["minItems"] - 1)]
                yield path, "too few", few
            if "maxItems" in arm:
                yield path, "too many", [self.example(item)] * (arm["maxItems"] + 1)
            if item:
                yield from self._walk(item, (*path, 0))
        else:
            yield from ((path, what, bad) for what, bad in self._scalar(arm))

    def _scalar(self, arm: Schema) -> Iterator[tuple[str, Any]]:
        if "enum" in arm or "const" in arm:
            yield "not one of", ODD if arm.get("type") == "string" else -987654
        if "minimum" in arm:
            yield "too small", arm["minimum"] - 1
        if "exclusiveMinimum" in arm:
            yield "too small", arm["exclusiveMinimum"]
        if "maximum" in arm:
            yield "too large", arm["maximum"] + 1
        if "exclusiveMaximum" in arm:
            yield "too large", arm["exclusiveMaximum"]
        if arm.get("type") == "string":
            if arm.get("minLength"):
                yield "too short", "a" * (arm["minLength"] - 1)
            if "maxLength" in arm:
                yield "too long", "a" * (arm["maxLength"] + 1)
            if "pattern" in arm and not re.search(arm["pattern"], ODD):
                yield "pattern", ODD

    # --- schemas ---------------------------------------------------------------------------

    def _arms(self, schema: Schema) -> list[Schema]:
        arms = schema.get("anyOf") or schema.get("oneOf") or [schema]
        flat = []
        for arm in arms:
            if arm.get("type") == "null":
                continue
            if ("anyOf" in arm or "oneOf" in arm) and arm is not schema:
                flat += self._arms(arm)
            else:
                flat.append(arm)
        return flat

    def _plain(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self.defs[schema["$ref"].rpartition("/")[2]]
        return schema

    def _refused(self, schema: Schema, value: Any) -> bool:
        checker = jsonschema.Draft202012Validator({**schema, "$defs": self.defs})
        return not checker.is_valid(value)

    def _other_type(self, schema: Schema) -> Any:
        for candidate in (ODD, [ODD], {"bogusField": ODD}, 7):
            if self._refused(schema, candidate) and not self._same_type(schema, candidate):
                return candidate
        return None

    def _same_type(self, schema: Schema, value: Any) -> bool:
        names = {str: "string", int: "integer", list: "array", dict: "object"}
        name = names[type(value)]
        types = {self._plain(arm).get("type", "any") for arm in self._arms(schema)}
        return name in types or (name == "integer" and "number" in types)

    def _any(self, arm: Schema, *, last: bool = False) -> Any:
        inner = arm.get("additionalProperties")
        if last and isinstance(inner, dict) and "enum" in inner:
            return inner["enum"][-1]  # the first is often the default, which may say nothing
        return self.example(inner) if isinstance(inner, dict) else "x"

    def example(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        """A small valid value."""
        if name in self.examples:
            return copy.deepcopy(self.examples[name])
        if depth > 8:
            raise ValueError("too deep")
        named = schema.get("$ref", "").rpartition("/")[2]
        if named in self.examples:
            return copy.deepcopy(self.examples[named])
        if "$ref" not in schema and (arms := self._arms(schema)) != [schema]:
            return self.example(arms[0], name, depth + 1)
        schema = self._plain(schema)
        if (arms := self._arms(schema)) != [schema]:
            return self.example(arms[0], name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "object":
            props = schema.get("properties", {})
            return {n: self.example(props[n], n, depth + 1) for n in schema.get("required", ())}
        if kind == "array":
            return [
                self.example(schema.get("items", {}), name, depth + 1)
                for _ in range(schema.get("minItems", 0))
            ]
        if kind in ("integer", "number"):
            low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            return min(max(low, 1), schema.get("maximum", 10**9)) if low >= 0 else low
        if kind == "boolean":
            return True
        if kind == "string":
            if pattern := schema.get("pattern"):
                return text_like(pattern)
            return "x" * max(schema.get("minLength", 0), 1)
        return "x"

    # --- documents -------------------------------------------------------------------------

    def _reach(self, path: Path) -> Any:
        """The good document, with everything around `path` in it."""
        doc = copy.deepcopy(self.good)
        node, schema = doc, self.root
        for depth, part in enumerate(path[:-1]):
            around, schema = schema, self._down(schema, part, path[: depth + 1])
            key: Any = part
            if part == "*":
                key = next(iter(node), None) or self._key(around)
            elif isinstance(part, int) and not node:
                node.append(None)
            there = key in node if isinstance(node, dict) else node[key] is not None
            if not there or not self._fits(node[key], path[depth + 1]):
                node[key] = self._fitting(schema, str(key), path[depth + 1])
            node = node[key]
        return doc

    def _key(self, schema: Schema) -> str:
        """A key that a map allows."""
        for arm in self._arms(schema):
            for inner in self._arms(self._plain(arm)):
                if names := self._plain(inner).get("propertyNames"):
                    return str(self.example({"type": "string", **names}))
        return "sample"

    @staticmethod
    def _fits(value: Any, next_part: str | int) -> bool:
        return isinstance(value, list if isinstance(next_part, int) else dict)

    def _fitting(self, schema: Schema, name: str, next_part: str | int) -> Any:
        """An example of the union's arm that has the next part."""
        for arm in self._arms(schema):
            plain = self._plain(arm)
            for inner in self._arms(plain):
                inner = self._plain(inner)
                if self._has(inner, next_part):
                    made = self.example(inner, name)
                    if self._fits(made, next_part):
                        return made
                    return self.example(inner)
        raise ValueError(f"nothing that holds {next_part}")

    def _has(self, arm: Schema, part: str | int) -> bool:
        if isinstance(part, int):
            return arm.get("type") == "array"
        if part == "*":
            return arm.get("type") == "object" and "properties" not in arm
        if part == ODD:
            return arm.get("type") == "object" and "properties" not in arm
        return part in arm.get("properties", {}) or (part == "bogusField" and "properties" in arm)

    def _down(self, schema: Schema, part: str | int, path: Path) -> Schema:
        for arm in self._arms(schema):
            plain = self._plain(arm)
            for inner in self._arms(plain):
                inner = self._plain(inner)
                if isinstance(part, int) and inner.get("type") == "array":
                    return dict(inner.get("items", {}))
                if part == "*" and isinstance(inner.get("additionalProperties"), dict):
                    return dict(inner["additionalProperties"])
                if part in inner.get("properties", {}):
                    return dict(inner["properties"][part])
        raise ValueError(f"no schema for {path}")

    def _schema_at(self, path: Path) -> Schema:
        schema = self.root
        for depth, part in enumerate(path):
            schema = self._down(schema, part, path[: depth + 1])
        return schema

    def _broken(self, doc: Any, path: Path, bad: Any) -> Any:
        node = doc
        for part in path[:-1]:
            node = node[next(iter(node)) if part == "*" else part]
        last = path[-1]
        if bad is DROP:
            node.pop(last, None)
        elif isinstance(last, int):
            node[:1] = [bad]
        elif last == "*":
            node[next(iter(node), None) or self._key(self._schema_at(path[:-1]))] = bad
        else:
            node[last] = bad
        return doc

    def concrete(self, breakage: Breakage) -> Path:
        """The path with real keys for `*`."""
        out: list[str | int] = []
        node = breakage.doc
        for part in breakage.path:
            key = next(iter(node)) if part == "*" else part
            out.append(key)
            inside = isinstance(node, list) or (isinstance(node, dict) and key in node)
            node = node[key] if inside else None
        return tuple(out)


def text_like(pattern: str) -> str:
    """A short text that a regular expression matches."""
    import re._parser as parser

    found = "".join(map(_piece, parser.parse(pattern)))
    if not found and re.search(pattern, "x"):
        return "x"  # a text that says something is what most checks want
    if not re.search(pattern, found):
        raise ValueError(f"no example for {pattern}")
    return found


def _piece(token: tuple[Any, Any]) -> str:
    kind, what = str(token[0]), token[1]
    if kind == "LITERAL":
        return chr(what)
    if kind == "IN":
        return _piece(next((t for t in what if str(t[0]) != "NEGATE"), what[0])) if str(
            what[0][0]) != "NEGATE" else "a"  # fmt: skip
    if kind == "RANGE":
        return chr(what[0])
    if kind == "CATEGORY":
        return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " "}.get(str(what), "a")
    if kind in ("ANY", "NOT_LITERAL"):
        return "a"
    if kind == "BRANCH":
        return "".join(map(_piece, what[1][0]))
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return "".join(map(_piece, what[2])) * what[0]
    if kind == "SUBPATTERN":
        return "".join(map(_piece, what[3]))
    return ""
