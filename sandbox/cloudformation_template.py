"""A CloudFormation template: read, its parameters filled in, its functions evaluated.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from sandbox.errors import AwsError, NotSimulated

Doc = dict[str, Any]
SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions",
    "Rules", "Resources", "Outputs",
}  # fmt: skip
ATTRIBUTES = {
    "Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy",
    "Metadata",
}  # fmt: skip
NO_VALUE = object()
"""What `AWS::NoValue` stands for: the property is as if it had not been written."""

_SUBSTITUTE = re.compile(r"\$\{(!?)([^}]*)\}")


def bad(message: str) -> AwsError:
    """CloudFormation's refusal of a template, to be raised."""
    return AwsError("ValidationError", message)


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of functions (`!Ref x`), dates left as they are written."""


def _function(loader: _Loader, tag: str, node: yaml.Node) -> Doc:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


def _as_written(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _function)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_written)


def _yaml(text: str) -> Any:
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
        raise bad("Template error: YAML aliases are not allowed in CloudFormation templates")
    return yaml.load(text, _Loader)


def parse(text: str) -> Doc:
    """The template as a document, from YAML or JSON; refused if it is none."""
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise bad(f"Template format error: {error}") from None
    if not isinstance(found, dict) or not (
        isinstance(found.get("Resources"), dict) and found["Resources"]
    ):
        raise bad("Template format error: At least one Resources member must be defined.")
    if unknown := set(found) - SECTIONS:
        if unknown & {"Transform", "Hooks"}:
            raise NotSimulated(f"CloudFormation templates with {sorted(unknown)}")
        raise bad(f"Invalid template property or properties {sorted(unknown)}")
    for name, resource in found["Resources"].items():
        if not re.fullmatch(r"[A-Za-z0-9]{1,255}", name):
            raise bad(f"Template format error: Resource name {name} is non alphanumeric.")
        if "Type" not in resource:
            raise bad(f"Template format error: [/Resources/{name}] Every object must contain Type")
        if unknown := set(resource) - ATTRIBUTES:
            raise NotSimulated(f"CloudFormation resource attributes {sorted(unknown)}")
    return found


# --- parameters ---


def parameters(template: Doc, given: Mapping[str, str], stored: Callable[[str], str]) -> Doc:
    """The value of each parameter, lists as lists. stored: a value of Parameter Store by name."""
    declared: Doc = template.get("Parameters") or {}
    if unknown := sorted(set(given) - set(declared)):
        raise bad(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [n for n, p in declared.items() if n not in given and "Default" not in p]
    if missing:
        raise bad(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        name: _parameter(name, p, str(given.get(name, p.get("Default"))), stored)
        for name, p in declared.items()
    }


def _parameter(name: str, declared: Doc, value: str, stored: Callable[[str], str]) -> Any:
    allowed, pattern = declared.get("AllowedValues"), declared.get("AllowedPattern")
    says = declared.get("ConstraintDescription")
    if allowed is not None and value not in [_text(v) for v in allowed]:
        raise bad(f"Parameter '{name}' must be one of AllowedValues" if not says else
                  f"Parameter {name} failed to satisfy constraint: {says}")  # fmt: skip
    items = value.split(",") if declared["Type"] == "CommaDelimitedList" else [value]
    if pattern is not None and not all(re.fullmatch(pattern, item.strip()) for item in items):
        raise bad(f"Parameter {name} failed to satisfy constraint: {says or pattern}")
    kind = declared["Type"]
    if kind == "Number":
        try:
            number = float(value)
        except ValueError:
            raise bad(f"Template validation error: Parameter '{name}' must be a number.") from None
        low, high = declared.get("MinValue", number), declared.get("MaxValue", number)
        if not float(low) <= number <= float(high):
            raise bad(f"Parameter '{name}' must be between {low} and {high}")
        return value
    if not declared.get("MinLength", 0) <= len(value) <= declared.get("MaxLength", len(value)):
        raise bad(f"Parameter '{name}' has a length that is not allowed")
    if kind.startswith("AWS::SSM::Parameter::Value<"):
        value, kind = stored(value), kind.removeprefix("AWS::SSM::Parameter::Value<")[:-1]
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in value.split(",")]
    return value


# --- functions ---


@dataclass
class Scope:
    """What a template's functions are evaluated against.

    resources: logical name → (what Ref gives, the attributes) of those that are made. exports:
    name → value, of the other stacks in the region. zones: the region's Availability Zones.
    """

    template: Doc
    parameters: Doc
    pseudo: Doc
    zones: list[str]
    exports: Mapping[str, str]
    resources: dict[str, tuple[str, Doc]] = field(default_factory=dict)

    def condition(self, name: str) -> bool:
        """The value of a condition."""
        try:
            return bool(self.test(self.template.get("Conditions", {})[name]))
        except KeyError:
            raise bad(f"Template format error: Unresolved condition dependency {name}") from None

    def test(self, rule: Any) -> bool:
        """The value of a condition's function."""
        if not isinstance(rule, dict) or len(rule) != 1:
            raise bad("Template format error: Conditions can only be boolean operations")
        ((function, value),) = rule.items()
        match function:
            case "Condition":
                return self.condition(value)
            case "Fn::Equals":
                one, other = (_text(self.value(v)) for v in value)
                return one == other
            case "Fn::Not":
                return not self.test(value[0])
            case "Fn::And":
                return all(self.test(v) for v in value)
            case "Fn::Or":
                return any(self.test(v) for v in value)
            case _:
                raise NotSimulated(f"CloudFormation condition {function}")

    def assertions(self) -> None:
        """Refuse parameters that a rule of the template forbids. How AWS words it is assumed.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
        """
        for name, rule in (self.template.get("Rules") or {}).items():
            if "RuleCondition" in rule and not self.test(rule["RuleCondition"]):
                continue
            for each in rule["Assertions"]:
                if not self.test(each["Assert"]):
                    raise bad(f"Template validation error: Template error: rule {name}: "
                              f"{each.get('AssertDescription', 'assertion failed')}")  # fmt: skip

    def declared(self) -> dict[str, Doc]:
        """The resources whose condition holds, with what each of them waits for in `DependsOn`."""
        found = {
            name: resource
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }
        made: dict[str, Doc] = {}
        for name, resource in found.items():
            explicit = resource.get("DependsOn") or []
            explicit = [explicit] if isinstance(explicit, str) else explicit
            named = {*explicit, *self.names(resource.get("Properties") or {})}
            if lost := sorted(named - set(self.template["Resources"]) - set(self.parameters)):
                raise bad(
                    "Template format error: Unresolved resource dependencies "
                    f"[{', '.join(lost)}] in the Resources block of the template"
                )
            made[name] = {**resource, "DependsOn": sorted(named & set(found))}
        return made

    def names(self, value: Any) -> Iterator[str]:
        """The parameters and resources that a value names, in the branches that count."""
        if isinstance(value, list):
            for item in value:
                yield from self.names(item)
        if not isinstance(value, dict):
            return
        function, inside = _function_of(value)
        if function == "Ref":
            if not str(inside).startswith("AWS::"):
                yield str(inside)
        elif function == "Fn::GetAtt":
            yield str(inside.split(".")[0] if isinstance(inside, str) else inside[0])
        elif function == "Fn::If":
            yield from self.names(inside[1 if self.condition(inside[0]) else 2])
        elif function == "Fn::Sub":
            text, own = inside if isinstance(inside, list) else (inside, {})
            yield from self.names(own)
            for literal, name in _SUBSTITUTE.findall(text):
                if not literal and name.strip() not in own and not name.startswith("AWS::"):
                    yield name.strip().split(".")[0]
        else:
            for item in value.values():
                yield from self.names(item)

    def value(self, value: Any) -> Any:
        """A value with its functions evaluated; properties of no value are left out."""
        if isinstance(value, list):
            items = [self.value(v) for v in value]
            return [v for v in items if v is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        function, inside = _function_of(value)
        if function == "Ref":
            return self._ref(inside)
        if function.startswith("Fn::"):
            return self._call(function, inside)
        made = {k: self.value(v) for k, v in value.items()}
        return {k: v for k, v in made.items() if v is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        for known in (self.parameters, self.pseudo):
            if name in known:
                return known[name]
        if name not in self.resources:
            raise bad(f"Template format error: Unresolved resource dependencies [{name}]")
        return self.resources[name][0]

    def _attribute(self, name: str, path: str) -> Any:
        if name not in self.resources:
            raise bad(f"Template format error: Unresolved resource dependencies [{name}]")
        found: Any = self.resources[name][1]
        if path in found:
            return found[path]
        raise bad(f"Template error: resource {name} does not support attribute type {path}")

    def _call(self, function: str, inside: Any) -> Any:
        match function:
            case "Fn::GetAtt":
                name, path = inside.split(".", 1) if isinstance(inside, str) else inside
                return self._attribute(name, self.value(path))
            case "Fn::Sub":
                return self._substitute(inside)
            case "Fn::Join":
                glue, items = inside
                return str(glue).join(_text(v) for v in self.value(items))
            case "Fn::If":
                return self.value(inside[1 if self.condition(inside[0]) else 2])
            case "Fn::Select":
                return self.value(inside[1])[int(self.value(inside[0]))]
            case "Fn::Split":
                return str(self.value(inside[1])).split(inside[0])
            case "Fn::FindInMap":
                name, first, second = (self.value(v) for v in inside)
                try:
                    return self.template["Mappings"][name][_text(first)][_text(second)]
                except KeyError:
                    raise bad(f"Template error: Unable to get mapping for {name}") from None
            case "Fn::Base64":
                return base64.b64encode(str(self.value(inside)).encode()).decode()
            case "Fn::GetAZs":
                return list(self.zones)
            case "Fn::Cidr":
                block, count, bits = (self.value(v) for v in inside)
                every = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
                return [str(next(every)) for _ in range(int(count))]
            case "Fn::ImportValue":
                name = self.value(inside)
                if name not in self.exports:
                    raise bad(f"No export named {name} found.")
                return self.exports[name]
            case _:
                raise NotSimulated(f"CloudFormation function {function}")

    def _substitute(self, inside: Any) -> str:
        text, own = inside if isinstance(inside, list) else (inside, {})
        values = self.value(own)

        def filled(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            if literal:
                return "${" + name + "}"
            if name in values:
                return _text(values[name])
            resource, dot, path = name.partition(".")
            return _text(self._attribute(resource, path) if dot else self._ref(name))

        return _SUBSTITUTE.sub(filled, str(text))


def _function_of(value: Doc) -> tuple[str, Any]:
    """The function that a document of one member is, and its argument."""
    return next(iter(value.items())) if len(value) == 1 else ("", None)


def _text(value: Any) -> str:
    """A value as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
