"""LogGroup: what may be written, what is drift and what is none, one call for each field."""

from __future__ import annotations

from typing import Any

import pytest

from controller.handler import Absent, Present
from controller.kinds import handler_for
from tests.unit.kinds import kit

HANDLER = handler_for("LogGroup")
RECORDED = [
    (f"{name}-{index}", group)
    for name, reply in kit.recorded("logs", "logs", "DescribeLogGroups")
    for index, group in enumerate(reply["logGroups"])
]
ARN = "arn:aws:logs:eu-central-1:123456789012:log-group:app"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a0b0c0d-0000-4000-8000-000000000001"


def seen(aim: Any, **group: Any) -> Present:
    """AWS after the create of `aim`, with changes."""
    shown = {
        "logGroupName": aim.name, "arn": f"{ARN}:*", "logGroupArn": ARN, "creationTime": 1,
        "metricFilterCount": 0, "storedBytes": 0, "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False, "retentionInDays": aim.spec["retentionInDays"],
        "kmsKeyId": aim.spec.get("kmsKeyId"), **group,
    }  # fmt: skip
    shown = {k: v for k, v in shown.items() if v is not None}
    return Present({"group": shown, "tags": dict(aim.tags)})


@pytest.mark.parametrize(("name", "group"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_log_group_is_imported(name: str, group: Any) -> None:
    doc = {"group": group, "tags": {}}
    found = HANDLER.to_spec(doc)
    aim = kit.target(HANDLER, group["logGroupName"], found)
    state = Present({"group": group, "tags": aim.tags})
    expected = set() if "retentionInDays" in group else {"retentionInDays"}
    assert kit.reported(kit.changes(HANDLER, aim, state)) == expected
    assert not HANDLER.output(doc)["arn"].endswith("*")


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({"retentionInDays": 31}, "Input should be"),
        ({"kmsKeyId": "alias/x"}, "must be an ARN"),
        ({"logGroupClass": "CHEAP"}, "Input should be"),
        ({"tags": {"aws:x": "y"}}, "does not begin with aws:"),
        ({"retention": 30}, "Extra inputs"),
    ],
)
def test_what_may_be_written(doc: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HANDLER.spec.model_validate(doc)


def test_create_then_retention() -> None:
    aim = kit.target(HANDLER, "app", {"kmsKeyId": KEY})
    create, retention = kit.planned(HANDLER, aim, Absent())
    assert (create.operation, retention.operation) == ("CreateLogGroup", "PutRetentionPolicy")
    assert create.params["tags"] == aim.tags
    assert retention.after == ("create",)
    assert retention.params["retentionInDays"] == 30


def test_what_aws_fills_in_is_no_change() -> None:
    aim = kit.target(HANDLER, "app", {})
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim))) == set()
    old = seen(aim, logGroupClass=None, deletionProtectionEnabled=None, logGroupArn=None)
    assert kit.reported(kit.changes(HANDLER, aim, old)) == set()
    found = kit.changes(HANDLER, aim, seen(aim, deletionProtectionEnabled=True))
    assert [(c.path, c.cls) for c in found] == [("deletionProtectionEnabled", "undeclared")]


@pytest.mark.parametrize(
    ("spec", "group", "operation", "path"),
    [
        ({}, {"retentionInDays": 7}, "PutRetentionPolicy", "retentionInDays"),
        ({}, {"retentionInDays": None}, "PutRetentionPolicy", "retentionInDays"),
        ({"kmsKeyId": KEY}, {"kmsKeyId": None}, "AssociateKmsKey", "kmsKeyId"),
        (
            {"deletionProtectionEnabled": True},
            {"deletionProtectionEnabled": False},
            "PutLogGroupDeletionProtection",
            "deletionProtectionEnabled",
        ),
    ],
)
def test_one_field_is_one_call(
    spec: dict[str, Any], group: dict[str, Any], operation: str, path: str
) -> None:
    aim = kit.target(HANDLER, "app", spec)
    good = {"deletionProtectionEnabled": spec.get("deletionProtectionEnabled", False)}
    assert kit.planned(HANDLER, aim, seen(aim, **good)) == []
    (action,) = kit.planned(HANDLER, aim, seen(aim, **{**good, **group}))
    assert (action.operation, action.changes) == (operation, (path,))


def test_the_class_can_not_be_changed() -> None:
    aim = kit.target(HANDLER, "app", {"logGroupClass": "INFREQUENT_ACCESS"})
    found = kit.changes(HANDLER, aim, seen(aim))
    assert [(c.path, c.cls) for c in found] == [("logGroupClass", "immutable")]


def test_only_our_tags_are_ours() -> None:
    aim = kit.target(HANDLER, "app", {"tags": {"team": "x"}})
    state = Present({**seen(aim).doc, "tags": {**aim.tags, "team": "y", "cost": "1"}})
    (tag,) = kit.planned(HANDLER, aim, state)
    assert (tag.operation, tag.params["tags"]) == ("TagResource", {"team": "x"})


def test_delete() -> None:
    aim = kit.target(HANDLER, "app", {})
    (gone,) = HANDLER.delete(aim, seen(aim))
    assert (gone.operation, gone.risk, HANDLER.holds_data) == (
        "DeleteLogGroup",
        "destructive",
        True,
    )
