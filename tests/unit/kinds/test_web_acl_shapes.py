"""WebACL: whatever AWS may show is imported and plans nothing; one changed leaf is named, exactly.

Over web ACLs made from botocore's model (`waf_shapes.py`), not from ours.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.model import Shape

from controller.aws import Aws
from controller.beyond import split
from controller.complaints import validate
from controller.diff import Change
from controller.handler import Present, Target
from controller.kindlib.waf_translate import wire
from controller.kinds import handler_for
from controller.manifest import dump
from controller.rates import Budget
from tests.unit.kinds import kit
from tests.unit.kinds.waf_shapes import UNIONS, Maker

HANDLER = handler_for("WebACL")
ACL = kit.service("wafv2").shape_for("WebACL")
UPDATE = kit.service("wafv2").operation_model("UpdateWebACL").input_shape
AWS_S = {
    "Name", "Id", "ARN", "Capacity", "LabelNamespace", "ManagedByFirewallManager",
    "RetrofittedByFirewallManager",
}  # fmt: skip
SEEDS = range(12)
Path = tuple[str | int, ...]


def doc_of(acl: dict[str, Any]) -> dict[str, Any]:
    return {
        "scope": "CLOUDFRONT", "arn": acl["ARN"], "acl": acl, "lockToken": "t1", "logging": None,
        "resources": [], "tags": {},
    }  # fmt: skip


def imported(acl: dict[str, Any]) -> tuple[Target, Present]:
    """The target that an import makes of a web ACL, and the web ACL."""
    doc = doc_of(acl)
    model, wrong = validate(HANDLER.spec, HANDLER.imported(doc))
    assert model is not None, wrong
    aim = kit.target(HANDLER, acl["Name"], dump(model))
    return aim, Present({**doc, "tags": aim.tags})


def places(shape: Shape, value: Any, path: Path = ()) -> Iterator[tuple[Path, Shape, Any]]:
    """Every value in a value, with its shape."""
    yield path, shape, value
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from places(shape.members[name], inner, (*path, name))
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from places(shape.value, inner, (*path, key))
    elif shape.type_name == "list":
        for index, inner in enumerate(value):
            yield from places(shape.member, inner, (*path, index))


def put(doc: Any, path: Path, value: Any) -> Any:
    """A copy with another value at a path."""
    new = copy.deepcopy(doc)
    place = new
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return new


def other(shape: Shape, value: Any, rng: random.Random) -> Any:
    """Another value of the shape."""
    if enum := shape.metadata.get("enum"):
        return rng.choice([v for v in enum if v != value] or [value + "X"])
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return value + (b"x" if isinstance(value, bytes) else "x")


def is_key(path: Path) -> bool:
    """True for what an entry is told apart by: another one is another entry."""
    holder = path[-3] if len(path) > 2 else ""
    return path[-1] == "Name" and holder in (
        "Rules", "RuleActionOverrides", "Attributes", "InsertHeaders", "ResponseHeaders"
    )  # fmt: skip


def is_numbering(path: Path) -> bool:
    """True for the numbers of transformations: only the order they make has a meaning."""
    return path[-1] == "Priority" and "Transformations" in str(path[-3])


@pytest.mark.parametrize("seed", range(60))
def test_any_web_acl_is_imported_and_plans_nothing(seed: int) -> None:
    aim, seen = imported(Maker(seed).acl(5))
    assert kit.changes(HANDLER, aim, seen) == []
    assert kit.changes(HANDLER, aim, seen, last=aim.spec) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_one_changed_leaf_is_one_change_where_it_is_and_one_call_undoes_it(seed: int) -> None:
    rng = random.Random(seed)
    acl = Maker(seed).acl(3)
    aim, seen = imported(acl)
    tried = 0
    for path, shape, value in places(ACL, acl):
        deep = shape.type_name in ("structure", "list", "map")
        if deep or path[0] in AWS_S or is_key(path) or is_numbering(path):
            continue
        state = Present({**seen.doc, "acl": put(acl, path, other(shape, value, rng))})
        (change,) = kit.changes(HANDLER, aim, state)
        assert (change.cls, change.cause) == ("differs", "drift"), path
        assert deep_enough(path, change), f"{path}: {change.path}"
        (call,) = HANDLER.plan(aim, state, [change])
        healed = wire({**call.params, "ARN": acl["ARN"]})
        left = kit.changes(HANDLER, aim, Present({**seen.doc, "acl": healed}))
        assert left == [], f"{path}: {left}"
        tried += 1
    assert tried > 20


def deep_enough(path: Path, change: Change) -> bool:
    """True if the change is named at the leaf, not at something that holds other leaves, too.

    An action is one word in our language, a list of plain values one value.
    """
    value = change.wanted if change.wanted is not None else change.now
    plain = not isinstance(value, (dict, list)) or (
        isinstance(value, list) and not any(isinstance(v, (dict, list)) for v in value)
    )
    rule = path[0] != "Rules" or f"rules[rule-{path[1]}]" in change.path
    return rule and plain


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_newer_than_this_release_neither_stops_an_import_nor_is_lost(seed: int) -> None:
    """A new member anywhere, a new arm of a union in a rule, a new value in a statement."""
    acl = Maker(seed).acl(3)
    new = {"Since": ["2031"], "SearchString": "R0VU"}
    for path, shape, _ in list(places(ACL, acl)):
        if path and (path[0] in AWS_S or "FirewallManager" in str(path[0])):
            continue
        if shape.type_name == "structure":
            odd = put(acl, (*path, "BrandNew"), new)
            unchanged(odd, (*path, "BrandNew"), new)
        if shape.name in UNIONS and path[0] == "Rules":
            unchanged(put(acl, path, {"BrandNew": new}), (*path, "BrandNew"), new)
        if "enum" in shape.metadata and "Statement" in path:
            unchanged(put(acl, path, "BRAND_NEW"), path, "BRAND_NEW")


def unchanged(acl: dict[str, Any], path: Path, value: Any) -> None:
    """It is imported, plans nothing, and is sent back with another change."""
    aim, seen = imported(acl)
    assert kit.changes(HANDLER, aim, seen) == [], path
    moved = Present({**seen.doc, "acl": {**acl, "Description": "changed by hand"}})
    if path[0] == "Rules" and path[2] != "VisibilityConfig":
        index = path[1]
        visible = {**acl["Rules"][index]["VisibilityConfig"], "MetricName": "by-hand"}
        moved = Present(
            {**seen.doc, "acl": put(acl, ("Rules", index, "VisibilityConfig"), visible)}
        )
    (call,) = HANDLER.plan(aim, moved, kit.changes(HANDLER, aim, moved))
    sent = wire(call.params)
    split(sent, UPDATE, (), aside := [])
    if path[-1] == "BrandNew":
        sent_new = [inner for where, inner in aside if where[-1] == "BrandNew"]
        assert sent_new == [{**value, "SearchString": b"GET"}], path
    else:
        assert json.dumps(value) in json.dumps(sent["Rules"], default=repr), path


class Wire:
    """An AWS of one canned reply, as HTTP; keeps what it was sent."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply, self.sent = reply, []

    def door(self) -> Aws:
        session = botocore.session.Session()
        session.set_credentials("AKIATEST", "secret")
        aws = Aws(session, region="eu-central-1", account="123456789012",
                  permit=lambda call: None, budget=Budget(10_000))  # fmt: skip
        aws.client("wafv2").meta.events.register("before-send.wafv2", self._answer)
        return aws

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.sent.append(json.loads(request.body))
        body = json.dumps(self.reply).encode()
        return AWSResponse(request.url, 200, {}, _Body(body))


class _Body:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.body


def test_what_botocore_does_not_know_is_read_and_sent_all_the_same() -> None:
    rule = {
        "Name": "r", "Priority": 1, "Action": {"Tarpit": {"Seconds": 5}}, "Newer": [1],
        "Statement": {"NeitherStatement": {"Statements": [
            {"ByteMatchStatement": {"SearchString": "R0VU"}}]}},
        "VisibilityConfig": {"MetricName": "r", "Sharper": True},
    }  # fmt: skip
    aws = Wire({"WebACL": {"Rules": [rule], "Newest": {"A": 1}}, "LockToken": "t", "Beside": 1})
    reply = aws.door().read("wafv2", "GetWebACL", {"Name": "a", "Id": "i", "Scope": "REGIONAL"})
    assert reply["WebACL"] == {"Rules": [rule], "Newest": {"A": 1}}
    assert "Beside" not in reply
    request = {
        "Name": "a", "Id": "i", "Scope": "REGIONAL", "LockToken": "t",
        "DefaultAction": {"Block": {}},
        "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True,
                             "MetricName": "a"},
        "Rules": [{**rule, "VisibilityConfig": {
            "MetricName": "r", "Sharper": True, "SampledRequestsEnabled": True,
            "CloudWatchMetricsEnabled": True}}],
        "Newest": {"A": 1, "SearchString": b"GET"},
    }  # fmt: skip
    aws.door().write("wafv2", "UpdateWebACL", request)
    assert aws.sent[-1] == {**request, "Newest": {"A": 1, "SearchString": "R0VU"}}
