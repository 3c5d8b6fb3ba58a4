"""What AWS's resource-provider schemas say: those of CloudFormation, as cfn-lint ships them.

A property stands for the field that the request's member of the same name stands for; where the
names differ, `names/<Type>.yaml` says which field, or why there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint

from tests.fidelity.schemas import api
from tests.fidelity.schemas.places import KEY, NAME, place
from tests.fidelity.schemas.said import Said, camel, read

TYPES: dict[str, tuple[str, ...]] = {
    "Alarm": ("AWS::CloudWatch::Alarm",),
    "CacheParameterGroup": ("AWS::ElastiCache::ParameterGroup",),
    "CacheSubnetGroup": ("AWS::ElastiCache::SubnetGroup",),
    "Cluster": ("AWS::ECS::Cluster", "AWS::ECS::ClusterCapacityProviderAssociations"),
    "CompositeAlarm": ("AWS::CloudWatch::CompositeAlarm",),
    "Dashboard": ("AWS::CloudWatch::Dashboard",),
    "DBInstance": ("AWS::RDS::DBInstance",),
    "DBParameterGroup": ("AWS::RDS::DBParameterGroup",),
    "DBSubnetGroup": ("AWS::RDS::DBSubnetGroup",),
    "IPSet": ("AWS::WAFv2::IPSet",),
    "LogGroup": ("AWS::Logs::LogGroup",),
    "MetricFilter": ("AWS::Logs::MetricFilter",),
    "Parameter": ("AWS::SSM::Parameter",),
    "ReplicationGroup": ("AWS::ElastiCache::ReplicationGroup",),
    "Secret": ("AWS::SecretsManager::Secret", "AWS::SecretsManager::RotationSchedule"),
    "SecurityGroup": ("AWS::EC2::SecurityGroup",),
    "Stack": ("AWS::CloudFormation::Stack",),
    "Service": (
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
    ),
    "Task": ("AWS::ECS::TaskDefinition",),
    "Topic": ("AWS::SNS::Topic", "AWS::SNS::Subscription"),
    "WebACL": (
        "AWS::WAFv2::WebACL",
        "AWS::WAFv2::WebACLAssociation",
        "AWS::WAFv2::LoggingConfiguration",
    ),
}
FURTHER = (
    "AWS::ECS::ClusterCapacityProviderAssociations", "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::WAFv2::WebACLAssociation",
    "AWS::WAFv2::LoggingConfiguration", "AWS::SecretsManager::RotationSchedule",
    "AWS::SNS::Subscription",
)  # fmt: skip
"""Types that a resource may do without: what they need is needed only with them."""
WRAPPED = {"AWS::WAFv2::LoggingConfiguration": "LoggingConfiguration"}
"""Type → the request's member that its properties are in."""
REQUESTS = {
    "AWS::ECS::TaskDefinition": ("RegisterTaskDefinition",),
    "AWS::ECS::Service": ("CreateService", "UpdateService"),
    "AWS::ECS::Cluster": ("CreateCluster", "UpdateCluster"),
    "AWS::ECS::ClusterCapacityProviderAssociations": ("PutClusterCapacityProviders",),
    "AWS::ApplicationAutoScaling::ScalableTarget": ("RegisterScalableTarget",),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("PutScalingPolicy",),
    "AWS::SNS::Topic": ("CreateTopic", "SetTopicAttributes"),
    "AWS::SNS::Subscription": ("Subscribe", "SetSubscriptionAttributes"),
    "AWS::WAFv2::WebACL": ("CreateWebACL", "UpdateWebACL"),
    "AWS::WAFv2::WebACLAssociation": ("AssociateWebACL",),
    "AWS::WAFv2::LoggingConfiguration": ("PutLoggingConfiguration",),
}
"""Type → the requests whose members are its properties, where not all of the kind's are."""


@cache
def schema(kind: str) -> dict[str, Any]:
    """The schema of a resource type, as it is in us-east-1."""
    folder = Path(str(cfnlint.__file__)).parent / "data" / "schemas"
    index = json.loads((folder / "providers" / "us-east-1.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = json.loads(
        (folder / "resources" / f"{index[kind]}.json").read_text(encoding="utf-8")
    )
    return found


@dataclass(frozen=True)
class Property:
    """A property of a resource type, its `$ref` followed.

    way: dotted, lists and maps without brackets. path: None for one that is not modelled. lost:
    nothing says what it is to us.
    """

    type: str
    way: str
    at: str
    body: dict[str, Any]
    needed: bool
    path: str | None
    wrapped: bool
    lost: bool


@cache
def properties(kind: str) -> tuple[Property, ...]:
    """Every property of every type that makes up a kind; a definition inside itself once."""
    return tuple(p for name in TYPES[kind] for p in _of_type(kind, name))


def _of_type(kind: str, name: str) -> Iterator[Property]:
    whole = schema(name)
    members = _by_name(kind, name)
    said = read("names", name.replace("::", "-"))

    def below(body: dict[str, Any], holder: str, way: str, path: str | None,
              above: tuple[str, ...]) -> Iterator[Property]:  # fmt: skip
        for key, raw in body.get("properties", {}).items():
            here = f"{way}.{key}" if way else key
            at = f"{holder}.{key}" if holder else key
            lower = ".".join(p for p in (WRAPPED.get(name), here) if p).lower()
            lost = False
            leads = said.get(here, said.get(at))
            if leads is not None:
                leads = None if leads.startswith("- ") else leads
            elif way and path is None:
                leads = None
            elif lower in members:
                leads = members[lower]
            else:
                leads = _inside(kind, path, key) if path else None
                lost = leads is None and not _listed(whole, "readOnlyProperties", here)
            inner, title = _opened(whole, raw)
            needed = key in body.get("required", ()) and (bool(way) or name not in FURTHER)
            wrapped = bool(way) and leads == path
            yield Property(name, here, at, inner, needed, leads, wrapped, lost)
            item, titled = _item(whole, inner, title)
            if item.get("properties") and titled not in above:
                yield from below(item, titled or at, here, leads, (*above, titled))

    yield from below(whole, "", "", "", ())


def _by_name(kind: str, name: str) -> dict[str, str | None]:
    """Member of the type's requests, in lower case → spec path."""
    only = REQUESTS.get(name)
    found: dict[str, str | None] = {}
    for member in api.members(kind):
        if only is None or member.operation in only:
            found.setdefault(member.way.lower(), member.path)
    return found


def _inside(kind: str, path: str, key: str) -> str | None:
    for found in (f"{path}.{camel(key)}", f"{path}.*.{camel(key)}"):
        if place(kind, found):
            return found
    return None


def _opened(whole: dict[str, Any], body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The body with its `$ref` followed, and the name of what was referred to."""
    title = ""
    while "$ref" in body:
        title = body["$ref"].rpartition("/")[2]
        rest = {k: v for k, v in body.items() if k != "$ref"}
        body = {**whole["definitions"][title], **rest}
    return body, title


def _item(whole: dict[str, Any], body: dict[str, Any], title: str) -> tuple[dict[str, Any], str]:
    """What a list or map holds, at any depth."""
    while True:
        if "items" in body:
            body, title = _opened(whole, body["items"])
        elif body.get("patternProperties"):
            body, title = _opened(whole, next(iter(body["patternProperties"].values())))
        else:
            return body, title


@cache
def said(kind: str) -> tuple[Said, ...]:
    """What the schemas say of the fields that their properties stand for."""
    found = []
    for prop in properties(kind):
        if prop.path is None or (prop.path == NAME and prop.type in FURTHER):
            continue
        spot = place(kind, prop.path)
        assert spot, f"{prop.type}.{prop.way}: no field {prop.path}"
        found.append(_one(kind, prop.path, spot.at, prop))
        items = prop.body.get("items")
        if items:
            item, _ = _opened(schema(prop.type), items)
            held = place(kind, f"{prop.path}.*")
            if held and not item.get("properties") and KEY not in prop.path:
                entry = Property(prop.type, prop.way + "[]", prop.at, item, False, held.path,
                                 False, False)  # fmt: skip
                found.append(_one(kind, held.path, held.at, entry))
    return tuple(found)


def _one(kind: str, path: str, at: str, prop: Property) -> Said:
    body, whole = prop.body, schema(prop.type)
    pointer = "/properties/" + prop.way.replace(".", "/")

    def listed(under: str) -> bool:
        return _listed(whole, under, prop.way)

    sort = body.get("type", "")
    low, high = _bounds(body)
    transform = {k.replace("/*", ""): v for k, v in whole.get("propertyTransform", {}).items()}
    return Said(
        kind, path, f"{prop.type}.{prop.way}", at, _SORTS.get(sort if isinstance(sort, str) else ""
                                                              , ""),
        tuple(body.get("enum", body.get("enumCaseInsensitive", ()))), low, high,
        body.get("pattern", ""), body.get("default"), prop.needed,
        once=listed("createOnlyProperties"),
        sometimes_once=listed("conditionalCreateOnlyProperties"),
        unseen=listed("writeOnlyProperties"), shown=listed("readOnlyProperties"),
        deprecated=listed("deprecatedProperties"), transform=transform.get(pointer, ""),
        ordered=body.get("insertionOrder"), wrapped=prop.wrapped, text=" ".join(
            body.get("description", "").split()),
    )  # fmt: skip


def _listed(whole: dict[str, Any], under: str, way: str) -> bool:
    pointer = "/properties/" + way.replace(".", "/")
    return any(p.replace("/*", "") == pointer for p in whole.get(under, ()))


_SORTS = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "switch",
    "array": "list", "object": "object",
}  # fmt: skip


def _bounds(body: dict[str, Any]) -> tuple[float | None, float | None]:
    lows = ("minimum", "minLength", "minItems", "minProperties")
    highs = ("maximum", "maxLength", "maxItems", "maxProperties")
    return (
        next((body[k] for k in lows if k in body), None),
        next((body[k] for k in highs if k in body), None),
    )
