"""LogGroup: what may be written, what is drift and what is none, one call for each field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.complaints import validate
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


def unless(value: Any, word: str) -> Any:
    return None if value == word else value


def seen(aim: Any, **group: Any) -> Present:
    """AWS after the create of `aim`, with changes."""
    shown = {
        "logGroupName": aim.name, "arn": f"{ARN}:*", "logGroupArn": ARN, "creationTime": 1,
        "metricFilterCount": 0, "storedBytes": 0, "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False, "bearerTokenAuthenticationEnabled": False,
        "retentionInDays": unless(aim.spec["retentionInDays"], "never"),
        "kmsKeyId": unless(aim.spec.get("kmsKeyId"), "none"),
        **group,
    }  # fmt: skip
    shown = {k: v for k, v in shown.items() if v is not None}
    return Present({"group": shown, "tags": dict(aim.tags)})


@pytest.mark.parametrize(("name", "group"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_log_group_is_imported_and_then_plans_nothing(name: str, group: Any) -> None:
    assert_imported(group)


def assert_imported(group: Any) -> dict[str, Any]:
    doc = {"group": group, "tags": {}}
    assert validate(HANDLER.spec, HANDLER.imported(doc))[1] == []
    aim = kit.target(HANDLER, group["logGroupName"], HANDLER.imported(doc))
    state = Present({"group": group, "tags": aim.tags})
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()
    assert not HANDLER.output(doc).get("arn", "").endswith("*")
    return aim.spec


ODD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "never expires": ({}, {"retentionInDays": "never"}),
    "delivery": (
        {"logGroupClass": "DELIVERY", "retentionInDays": 2}, {"logGroupClass": "DELIVERY"},
    ),
    "essentials": ({"logGroupClass": "ESSENTIALS"}, {"logGroupClass": "ESSENTIALS"}),
    "protected": ({"deletionProtectionEnabled": True}, {"deletionProtectionEnabled": True}),
    "bearer token": (
        {"bearerTokenAuthenticationEnabled": True}, {"bearerTokenAuthenticationEnabled": True},
    ),
    "masked": ({"dataProtectionStatus": "ACTIVATED"}, {}),
    "masked for the account": ({"inheritedProperties": ["ACCOUNT_DATA_PROTECTION"]}, {}),
    "under an account policy": (
        {"retentionPolicyName": "all", "retentionInDays": 90}, {"retentionInDays": 90},
    ),
    "its key by an alias": (
        {"kmsKeyId": f"{KEY.rpartition('key/')[0]}alias/logs"},
        {"kmsKeyId": f"{KEY.rpartition('key/')[0]}alias/logs"},
    ),
    "next to nothing": ({"arn": None, "storedBytes": None}, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_whatever_others_made_is_imported(case: str) -> None:
    shown, expected = ODD[case]
    group = {"logGroupName": "/aws/lambda/x", "arn": f"{ARN}:*", "storedBytes": 0, **shown}
    spec = assert_imported({k: v for k, v in group.items() if v is not None})
    assert expected.items() <= spec.items()


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({"retentionInDays": 31}, "Input should be"),
        ({"kmsKeyId": "alias/x"}, "must be the ARN of a KMS key, or none"),
        ({"logGroupClass": "cheap"}, "Input should be"),
        ({"retentionInDays": 2}, "AWS's, for groups of the class DELIVERY"),
        ({"logGroupClass": "DELIVERY", "retentionInDays": 7}, "leave out retentionInDays"),
        ({"logGroupClass": "DELIVERY", "retentionInDays": "never"}, "leave out retentionInDays"),
        ({"tags": {"aws:x": "y"}}, "does not begin with aws:"),
        ({"retention": 30}, "Extra inputs"),
    ],
)
def test_what_may_be_written(doc: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HANDLER.spec.model_validate(doc)


def test_a_class_that_is_new_can_be_adopted_and_not_made() -> None:
    newer = kit.target(HANDLER, "app", {"logGroupClass": "ARCHIVE"})
    assert "STANDARD, INFREQUENT_ACCESS" in HANDLER.incomplete(newer.spec)
    assert kit.reported(kit.changes(HANDLER, newer, seen(newer, logGroupClass="ARCHIVE"))) == set()
    assert HANDLER.incomplete(kit.target(HANDLER, "app", {"logGroupClass": "DELIVERY"}).spec) == ""


def test_create_then_retention() -> None:
    aim = kit.target(HANDLER, "app", {"kmsKeyId": KEY})
    create, retention = kit.planned(HANDLER, aim, Absent())
    assert (create.operation, retention.operation) == ("CreateLogGroup", "PutRetentionPolicy")
    assert create.params["tags"] == aim.tags
    assert retention.after == ("create",)
    assert retention.params["retentionInDays"] == 30


def test_a_create_says_only_what_aws_would_not_do_anyway() -> None:
    plain = {"retentionInDays": "never", "kmsKeyId": "none", "logGroupClass": "ESSENTIALS"}
    aim = kit.target(HANDLER, "app", plain)
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert set(create.params) == {"logGroupName", "tags", "logGroupClass"}
    aim = kit.target(HANDLER, "app", {"logGroupClass": "DELIVERY"})
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert aim.spec["retentionInDays"] == 2
    aim = kit.target(HANDLER, "app", {"bearerTokenAuthenticationEnabled": True})
    calls = [a.operation for a in kit.planned(HANDLER, aim, Absent())]
    assert calls == ["CreateLogGroup", "PutRetentionPolicy", "PutBearerTokenAuthentication"]


def test_a_retention_of_the_account_is_its_own() -> None:
    aim = kit.target(HANDLER, "app", {"retentionInDays": 14})
    found = kit.changes(HANDLER, aim, seen(aim, retentionInDays=90, retentionPolicyName="all"))
    assert [(c.path, c.cls) for c in found] == [("retentionInDays", "owned")]
    found = kit.changes(HANDLER, aim, seen(aim, retentionInDays=90))
    assert [(c.path, c.cls) for c in found] == [("retentionInDays", "differs")]


def test_what_aws_fills_in_is_no_change() -> None:
    aim = kit.target(HANDLER, "app", {})
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim))) == set()
    old = seen(aim, logGroupClass=None, deletionProtectionEnabled=None, logGroupArn=None)
    assert kit.reported(kit.changes(HANDLER, aim, old)) == set()
    for shown in ({"deletionProtectionEnabled": True}, {"kmsKeyId": KEY}):
        found = kit.changes(HANDLER, aim, seen(aim, **shown))
        assert [(c.path, c.cls) for c in found] == [(*shown, "undeclared")]


@pytest.mark.parametrize(
    ("spec", "group", "operation", "path"),
    [
        ({}, {"retentionInDays": 7}, "PutRetentionPolicy", "retentionInDays"),
        ({}, {"retentionInDays": None}, "PutRetentionPolicy", "retentionInDays"),
        (
            {"retentionInDays": "never"},
            {"retentionInDays": 7},
            "DeleteRetentionPolicy",
            "retentionInDays",
        ),
        ({"kmsKeyId": KEY}, {"kmsKeyId": None}, "AssociateKmsKey", "kmsKeyId"),
        ({"kmsKeyId": KEY}, {"kmsKeyId": f"{KEY[:-1]}2"}, "AssociateKmsKey", "kmsKeyId"),
        ({"kmsKeyId": "none"}, {"kmsKeyId": KEY}, "DisassociateKmsKey", "kmsKeyId"),
        ({}, {"bearerTokenAuthenticationEnabled": True}, "", ""),
        (
            {"bearerTokenAuthenticationEnabled": False},
            {"bearerTokenAuthenticationEnabled": True},
            "PutBearerTokenAuthentication",
            "bearerTokenAuthenticationEnabled",
        ),
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
    calls = kit.planned(HANDLER, aim, seen(aim, **{**good, **group}))
    assert [(a.operation, a.changes) for a in calls] == ([(operation, (path,))] if path else [])


@pytest.mark.parametrize(
    ("spec", "group", "risk"),
    [
        ({}, {"retentionInDays": 7}, "safe"),
        ({}, {"retentionInDays": 3653}, "irreversible"),
        ({}, {"retentionInDays": None}, "irreversible"),
        ({"retentionInDays": "never"}, {"retentionInDays": 7}, "safe"),
        (
            {"deletionProtectionEnabled": False},
            {"deletionProtectionEnabled": True},
            "irreversible",
        ),
        ({"deletionProtectionEnabled": True}, {"deletionProtectionEnabled": False}, "safe"),
    ],
)
def test_less_protection_is_for_a_commit_to_ask(
    spec: dict[str, Any], group: dict[str, Any], risk: str
) -> None:
    aim = kit.target(HANDLER, "app", spec)
    (action,) = kit.planned(HANDLER, aim, seen(aim, **group))
    assert action.risk == risk


def test_a_create_cut_short_gets_its_first_retention() -> None:
    aim = kit.target(HANDLER, "app", {})
    state = seen(aim, retentionInDays=None)
    todo = [replace(c, cause="baseline-unknown") for c in kit.changes(HANDLER, aim, state)]
    (action,) = HANDLER.plan(aim, state, todo)
    assert (action.operation, action.risk) == ("PutRetentionPolicy", "safe")


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
