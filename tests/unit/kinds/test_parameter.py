"""Parameter: what may be written, secrets refused with the way out, what is drift, one call."""

from __future__ import annotations

from typing import Any

import pytest

from controller.handler import Absent, Present, Unknown
from controller.kinds import handler_for
from controller.manifest import DesiredStateError, load
from tests.harness import environment, resource
from tests.unit.kinds import kit

HANDLER = handler_for("Parameter")
ARN = f"arn:aws:ssm:{kit.REGION}:{kit.ACCOUNT}:parameter/mode"


def seen(aim: Any, **other: Any) -> Present:
    """AWS after the create of `aim`, with changes."""
    shown = {
        "Name": aim.name, "ARN": ARN, "Type": aim.spec["type"], "Version": 1, "DataType": "text",
        "Tier": "Standard", "Value": aim.spec["value"],
        "Description": aim.spec.get("description"), **other,
    }  # fmt: skip
    shown = {k: v for k, v in shown.items() if v is not None}
    return Present({"parameter": shown, "tags": dict(aim.tags)})


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({"type": "SecureString", "value": "x"}, "declare a Secret"),
        ({"keyId": "x", "value": "x"}, "Extra inputs"),
        ({}, "value"),
        ({"value": ""}, "at least 1"),
        ({"value": "a {{ssm:x}}"}, "names another parameter"),
        ({"value": ["a"]}, "valid string"),
        ({"type": "StringList", "value": "a,,b"}, "none is empty"),
        ({"value": "x" * 4097}, "at most 4096 bytes"),
        ({"value": "ü" * 2049}, "at most 4096 bytes"),
        ({"value": "x" * 4097, "tier": "Standard"}, "at most 4096 bytes"),
        ({"value": "ü" * 4097, "tier": "Advanced"}, "at most 8192 bytes"),
        ({"value": "x", "dataType": "number"}, "Input should be"),
        ({"value": "x", "description": "x" * 1025}, "at most 1024"),
    ],
)
def test_what_may_be_written(doc: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HANDLER.spec.model_validate(doc)


def test_what_waits_and_what_is_large() -> None:
    for doc in (
        {"value": "${ssm:/x}", "type": "StringList"}, {"value": "x", "type": "${ssm:/x}"},
        {"value": "x" * 8192, "tier": "Advanced"},
        {"value": "x" * 5000, "tier": "Intelligent-Tiering"},
    ):  # fmt: skip
        HANDLER.spec.model_validate(doc)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("db-password", "hunter2hunter2", True),
        ("api-key", "abcdefgh12345678", True),
        ("mode", "sk-abcdefghijklmnop1234", True),
        ("mode", "live", False),
        ("db-password", "${ssm:/x}", False),
        ("token-file", "/run/token", False),
    ],
)
def test_a_value_that_its_name_or_form_calls_a_secret_is_refused(
    name: str, value: str, secret: bool
) -> None:
    text = environment(resource("Parameter", name, f"value: '{value}'")).encode()
    if not secret:
        load(text, "x.yaml")
        return
    with pytest.raises(DesiredStateError, match="secrets never stand in the file") as caught:
        load(text, "x.yaml")
    assert value not in str(caught.value)


def test_an_external_name_says_it_too() -> None:
    manifest = resource("Parameter", "x", "value: hunter2hunter2").replace(
        "{name: x}", "{name: x, externalName: /shop/DB_PASSWORD}"
    )
    with pytest.raises(DesiredStateError, match="secrets never stand in the file"):
        load(environment(manifest).encode(), "x.yaml")


@pytest.mark.parametrize(
    ("name", "fine"),
    [("mode", True), ("/shop/mode", True), ("/" + "/".join("abcdefghijklmno"), True),
     ("/" + "/".join("abcdefghijklmnop"), False), ("shop/mode", False), ("/aws/x", False),
     ("AWSome", False), ("ssm-x", False), ("/a//b", False), ("a b", False)],
)  # fmt: skip
def test_names(name: str, fine: bool) -> None:
    import re

    assert bool(re.fullmatch(HANDLER.name_pattern, name, re.ASCII)) == fine


def test_a_create_has_the_tags_and_a_change_has_none() -> None:
    aim = kit.target(HANDLER, "mode", {"value": "live", "description": "x"})
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert {t["Key"] for t in create.params["Tags"]} == set(aim.tags)
    assert "Overwrite" not in create.params
    state = seen(aim, Value="test")
    both = Present({**state.doc, "tags": {}})
    put, tag = kit.planned(HANDLER, aim, both)
    assert put.params == {
        "Name": "mode", "Type": "String", "Value": "live", "Description": "x", "Tier": "Standard",
        "DataType": "text", "Overwrite": True,
    }  # fmt: skip
    assert put.changes == ("value",)
    assert tag.operation == "AddTagsToResource"


def test_what_is_not_to_change_is_sent_as_aws_showed_it() -> None:
    aim = kit.target(HANDLER, "mode", {"value": "live", "tier": "Standard"})
    state = seen(aim, Value="test", Tier="Advanced", Description="theirs", AllowedPattern="^.+$")
    (put,) = kit.planned(HANDLER, aim, state)
    sent = {k: put.params[k] for k in ("Value", "Tier", "Description", "AllowedPattern")}
    assert sent == {"Value": "live", "Tier": "Advanced", "Description": "theirs",
                    "AllowedPattern": "^.+$"}  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "live", "cls"),
    [
        (None, "Standard", ""), (None, "Advanced", "undeclared"), ("Standard", "Standard", ""),
        ("Intelligent-Tiering", "Standard", "owned"), ("Intelligent-Tiering", "Advanced", "owned"),
        ("Advanced", "Standard", "differs"), ("Standard", "Advanced", "immutable"),
    ],
)  # fmt: skip
def test_tiers(wanted: str | None, live: str, cls: str) -> None:
    aim = kit.target(HANDLER, "mode", {"value": "x", **({"tier": wanted} if wanted else {})})
    assert [c.cls for c in kit.changes(HANDLER, aim, seen(aim, Tier=live))] == (
        [cls] if cls else []
    )


@pytest.mark.parametrize(("name", "cls"), [("mode", "differs"), ("/shop/mode", "immutable")])
def test_a_type_is_changed_outside_of_hierarchies_only(name: str, cls: str) -> None:
    aim = kit.target(HANDLER, name, {"type": "StringList", "value": "a,b"})
    assert kit.changes(HANDLER, aim, seen(aim)) == []
    assert [c.cls for c in kit.changes(HANDLER, aim, seen(aim, Type="String"))] == [cls]


def test_a_secure_string_is_never_looked_at() -> None:
    aim = kit.target(HANDLER, "mode", {"value": "x"})

    class Told:
        def read(self, service: str, operation: str, params: Any) -> Any:
            if operation == "GetParameters":
                return {"Parameters": [{"Name": "mode", "Type": "SecureString", "Value": "AQIC",
                                        "Version": 1}]}  # fmt: skip
            raise AssertionError(operation)

        def pages(self, *_: Any) -> Any:
            return [{"Name": "mode", "Type": "SecureString", "Version": 1}]

        def gather(self, *calls: Any) -> Any:
            return [call() for call in calls]

    told: Any = Told()
    (found,) = HANDLER.observe(told, [aim]).values()
    assert isinstance(found, Unknown)
    assert "AQIC" not in found.reason


def test_delete() -> None:
    aim = kit.target(HANDLER, "mode", {"value": "x"})
    (gone,) = HANDLER.delete(aim, seen(aim))
    assert (gone.operation, gone.risk, gone.deletes) == ("DeleteParameter", "destructive", True)
