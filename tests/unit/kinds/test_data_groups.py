"""Subnet groups and parameter groups of RDS and ElastiCache."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.handler import Absent, Handler, Present, Target
from controller.kindlib.reading import tag_list
from controller.kinds import handler_for
from controller.policies import Doc
from tests.unit.kinds.kit import changes, differing, planned, recorded, reported, target

SUBNETS = ["subnet-11111111", "subnet-22222222"]
PLACES = ("DBSubnetGroup", "CacheSubnetGroup")
SETTINGS = ("DBParameterGroup", "CacheParameterGroup")
FAMILY = {"DBParameterGroup": "postgres16", "CacheParameterGroup": "redis7"}
SERVICE = {"DB": "rds", "Ca": "elasticache"}
STRANGE: dict[str, str] = {}


def aim(kind: str, **spec: Any) -> Target:
    """A target with the fields that its kind must have."""
    must = {"subnetIds": SUBNETS} if kind in PLACES else {"family": FAMILY[kind]}
    return target(handler_for(kind), "test-x", {**must, **spec})


def subnets(kind: str, ids: list[str], description: str = "Plumbline: x") -> Present:
    """A subnet group as AWS shows it."""
    shown = {
        f"{kind}Name": "test-x",
        f"{kind}Description": description,
        "Subnets": [{"SubnetIdentifier": s, "SubnetStatus": "Active"} for s in ids],
    }
    return Present({"group": shown, "tags": aim(kind).tags})


def settings(kind: str, **values: Doc) -> Present:
    """A parameter group as AWS shows it."""
    shown = {f"{kind}Name": "test-x", f"{kind}Family": FAMILY[kind], "Description": "x"}
    known = {n: {"ParameterName": n, **p} for n, p in values.items()}
    return Present({"group": shown, "parameters": known, "tags": aim(kind).tags})


# --- subnet groups ---


@pytest.mark.parametrize("kind", PLACES)
def test_subnet_group_made_and_changed(kind: str) -> None:
    handler = handler_for(kind)
    (create,) = planned(handler, aim(kind), Absent())
    assert create.operation == f"Create{kind}"
    assert create.params == {
        f"{kind}Name": "test-x",
        f"{kind}Description": f"Plumbline: {kind}/x",
        "SubnetIds": SUBNETS,
        "Tags": tag_list(aim(kind).tags),
    }
    assert changes(handler, aim(kind), subnets(kind, SUBNETS[::-1])) == []
    other = subnets(kind, [*SUBNETS, "subnet-66666666"])
    (modify,) = planned(handler, aim(kind), other)
    assert modify.operation == f"Modify{kind}"
    assert modify.params == {f"{kind}Name": "test-x", "SubnetIds": SUBNETS}
    (modify,) = planned(handler, aim(kind, description="new"), subnets(kind, SUBNETS))
    assert modify.params == {
        f"{kind}Name": "test-x", f"{kind}Description": "new", "SubnetIds": SUBNETS,
    }  # fmt: skip
    (delete,) = handler.delete(aim(kind), subnets(kind, SUBNETS))
    assert delete.params == {f"{kind}Name": "test-x"}


@pytest.mark.parametrize(
    ("kind", "ids", "says"),
    [
        ("DBSubnetGroup", ["vpc-1", "vpc-2"], "subnet-"),
    ],
)
def test_subnet_group_refusals(kind: str, ids: list[str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        aim(kind, subnetIds=ids)


@pytest.mark.parametrize(
    ("kind", "spec", "says"),
    [
        ("DBSubnetGroup", {"subnetIds": SUBNETS[:1]}, "at least 2"),
        ("DBSubnetGroup", {"subnetIds": SUBNETS}, ""),
        ("CacheSubnetGroup", {"subnetIds": []}, "at least 1"),
        ("CacheParameterGroup", {"family": "redis7.1"}, "redis7"),
        ("CacheParameterGroup", {"family": None}, "redis7"),
        ("CacheParameterGroup", {"family": "Valkey9"}, ""),
        ("DBParameterGroup", {"family": "redis7"}, "postgres16"),
        ("DBParameterGroup", {"family": "aurora-mysql8.0"}, ""),
    ],
)
def test_what_can_be_taken_over_and_not_made(kind: str, spec: Doc, says: str) -> None:
    said = handler_for(kind).incomplete(aim(kind, **spec).spec)
    assert says in said if says else not said


@pytest.mark.parametrize(
    ("kind", "group"),
    [
        pytest.param(kind, group, id=f"{name}-{group[f'{kind}Name']}")
        for kind in PLACES
        for name, reply in recorded(
            SERVICE[kind[:2]], SERVICE[kind[:2]], f"Describe{kind}s", STRANGE
        )
        for group in reply[f"{kind}s"]
    ],
)
def test_recorded_subnet_groups_import_and_hold_still(kind: str, group: Doc) -> None:
    handler = handler_for(kind)
    seen = Present({"group": group, "tags": {}})
    imported = target(handler, "x", handler.to_spec(seen.doc))
    assert all(p.startswith("tags") for p in reported(changes(handler, imported, seen)))
    assert handler.output(seen.doc)["name"] == group[f"{kind}Name"]


# --- parameter groups ---


@pytest.mark.parametrize("kind", SETTINGS)
def test_parameter_group_made_twenty_parameters_at_a_time(kind: str) -> None:
    """Case 100."""
    handler = handler_for(kind)
    many = aim(kind, parameters={f"p{n:02}": n for n in range(45)})
    create, *sets = planned(handler, many, Absent())
    assert create.operation == f"Create{kind}"
    assert create.params[f"{kind}Family"] == FAMILY[kind]
    member = "Parameters" if kind == "DBParameterGroup" else "ParameterNameValues"
    assert [len(s.params[member]) for s in sets] == [20, 20, 5]
    assert all(s.after == ("create",) for s in sets)
    methods = {i.get("ApplyMethod") for s in sets for i in s.params[member]}
    assert methods == ({"pending-reboot"} if kind == "DBParameterGroup" else {None})


def test_names_in_any_case_and_values_of_any_type() -> None:
    """Cases 97, 124."""
    spec = {"Log_Connections": True, "WORK_MEM": 65536, "ratio": 0.5, "zone": "UTC"}
    wanted = aim("DBParameterGroup", parameters=spec).spec["parameters"]
    assert wanted == {"log_connections": "1", "work_mem": "65536", "ratio": "0.5", "zone": "UTC"}
    cache = aim("CacheParameterGroup", parameters={"activedefrag": True, "x": False})
    assert cache.spec["parameters"] == {"activedefrag": "yes", "x": "no"}
    shown = settings("DBParameterGroup", work_mem={"ParameterValue": "65536"},
                     Ratio={"ParameterValue": "0.50"}, other={"ParameterValue": "1"})  # fmt: skip
    some = aim("DBParameterGroup", parameters={"WORK_MEM": 65536, "zone": "UTC"})
    told = changes(handler_for("DBParameterGroup"), some, shown)
    assert {c.path: c.cls for c in told} == {
        "parameters[zone]": "differs",
        "parameters[Ratio]": "undeclared",
        "parameters[other]": "undeclared",
    }


@pytest.mark.parametrize(
    ("wanted", "live", "same"),
    [
        (1000, "1000", True), ("0.50", "0.5", True), (1000, "1001", False), (10, "1e1", False),
        ("UTC", "utc", False), ("{DBInstanceClassMemory/32768}", "{DBInstanceClassMemory/32768}",
                                True), (-1, "-1", True), ("007", "7", True),
    ],
)  # fmt: skip
def test_values_are_compared_in_one_form(wanted: Any, live: str, same: bool) -> None:
    shown = settings("DBParameterGroup", p={"ParameterValue": live})
    told = changes(handler_for("DBParameterGroup"), aim("DBParameterGroup", parameters={
        "p": wanted}), shown)  # fmt: skip
    assert (told == []) is same


def test_dynamic_at_once_static_at_the_next_reboot() -> None:
    handler = handler_for("DBParameterGroup")
    spec = {"work_mem": 2, "max_connections": 3, "not_known": 4}
    shown = settings(
        "DBParameterGroup",
        work_mem={"ParameterValue": "1", "ApplyType": "dynamic"},
        max_connections={"ApplyType": "static"},
    )
    (action,) = planned(handler, aim("DBParameterGroup", parameters=spec), shown)
    assert {p["ParameterName"]: p["ApplyMethod"] for p in action.params["Parameters"]} == {
        "work_mem": "immediate",
        "max_connections": "pending-reboot",
        "not_known": "pending-reboot",
    }


@pytest.mark.parametrize("kind", SETTINGS)
def test_out_of_the_file_is_reset(kind: str) -> None:
    handler = handler_for(kind)
    shown = settings(kind, gone={"ParameterValue": "1", "ApplyType": "dynamic"},
                     theirs={"ParameterValue": "2"})  # fmt: skip
    last = aim(kind, parameters={"gone": 1}).spec
    todo = [c for c in changes(handler, aim(kind), shown, last) if c.cls == "differs"]
    (reset,) = handler.plan(aim(kind), shown, todo)
    assert reset.operation == f"Reset{kind}"
    items = reset.params.get("Parameters") or reset.params["ParameterNameValues"]
    assert [i["ParameterName"] for i in items] == ["gone"]
    assert reset.changes == ("parameters[gone]",)


@pytest.mark.parametrize("kind", SETTINGS)
def test_fixed_at_creation(kind: str) -> None:
    handler = handler_for(kind)
    other = {"DBParameterGroup": "postgres17", "CacheParameterGroup": "valkey8"}[kind]
    told = changes(handler, aim(kind, family=other, description="new"), settings(kind))
    assert {c.path: c.cls for c in told} == {"family": "immutable", "description": "immutable"}


@pytest.mark.parametrize(
    ("kind", "spec", "says"),
    [
        ("DBParameterGroup", {"family": "postgres"}, "postgres16"),
        ("CacheParameterGroup", {"family": "redis"}, "redis7"),
        ("DBParameterGroup", {"parameters": {"a": 1, "A": 2}}, "named twice"),
        ("DBParameterGroup", {"parameters": {"a b;": 1}}, "no parameter name"),
        ("DBParameterGroup", {"parameters": {"a": [1]}}, "parameters"),
    ],
)
def test_parameter_group_refusals(kind: str, spec: Doc, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        aim(kind, **spec)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (True, "on", True), ("on", "1", True), ("TRUE", "1", True), (0, "off", True),
        ("off", "1", False), ("1.10", "1.1", True), (1, "1.0", True), (10, "1", False),
        ("a, b", "a,b", True), ("a,b", "b,a", False), ("a,b", "a", False),
        ("{DBInstanceClassMemory / 9531392}", "{DBInstanceClassMemory/9531392}", True),
        ("LEAST({DBInstanceClassMemory/9531392},5000)",
         "LEAST({DBInstanceClassMemory/9531392}, 5000)", True),
        ("{DBInstanceClassMemory/2}", "{DBInstanceClassMemory/4}", False),
        ("ISO, MDY", "ISO,MDY", True), (" x ", "x", True), ("UTC", "utc", False),
    ],
)  # fmt: skip
def test_values_that_say_the_same(ours: object, theirs: str, same: bool) -> None:
    """AWS echoes a value as whoever set it wrote it."""
    shown = settings("DBParameterGroup", p={"ParameterValue": theirs, "Source": "user"})
    told = differing(changes(
        handler_for("DBParameterGroup"), aim("DBParameterGroup", parameters={"p": ours}), shown
    ))  # fmt: skip
    assert bool(told) != same


def test_sql_servers_parameters_have_odd_names() -> None:
    names = ["1204", "max server memory (mb)", "rds.force_ssl", "_hidden", "a:b/c"]
    assert list(aim("DBParameterGroup", parameters=dict.fromkeys(names, 1)).spec["parameters"]) == (
        names
    )


@pytest.mark.parametrize(
    ("group", "parameters"),
    [
        pytest.param(group, page["Parameters"], id=f"{group['DBParameterGroupName']}-{name}")
        for _, reply in recorded("rds", "rds", "DescribeDBParameterGroups")
        for group in reply["DBParameterGroups"]
        for name, page in recorded("rds", "rds", "DescribeDBParameters")
    ],
)
def test_recorded_parameter_groups_import_and_hold_still(group: Doc, parameters: Any) -> None:
    handler: Handler = handler_for("DBParameterGroup")
    seen = Present({"group": group, "parameters": {p["ParameterName"]: p for p in parameters},
                    "tags": {}})  # fmt: skip
    imported = target(handler, "x", handler.to_spec(seen.doc))
    told = changes(handler, imported, seen)
    assert differing([c for c in told if c.top != "tags"]) == {}
