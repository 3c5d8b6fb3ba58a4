"""Secret: generated or filled by a person; no value in any plan; what is drift and what is none."""

from __future__ import annotations

import json
import re
import string
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.aws import AwsFailure
from controller.complaints import validate
from controller.handler import Absent, Present, Unknown
from controller.kindlib.generate_secret import generated
from controller.kindlib.secret_values import secret_value
from controller.kinds import handler_for
from tests.unit.kinds import kit

HANDLER = handler_for("Secret")
RECORDED = kit.recorded("secretsmanager", "secretsmanager", "DescribeSecret")
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:master-key-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a0b0c0d-0000-4000-8000-000000000001"
VERSION = "11111111-1111-4111-8111-111111111111"
SPEC: dict[str, Any] = {"generate": {"prefix": "sk-"}, "description": "The master key."}


def spec(doc: dict[str, Any]) -> dict[str, Any]:
    return HANDLER.spec.model_validate(doc).model_dump(by_alias=True, exclude_none=True)


def seen(aim: Any, **secret: Any) -> Present:
    """AWS after the create of `aim`, with changes."""
    shown = {
        "ARN": ARN, "Name": aim.name, "Description": aim.spec.get("description"),
        "KmsKeyId": aim.spec.get("kmsKeyId"), "VersionIdsToStages": {VERSION: ["AWSCURRENT"]},
        "Tags": [{"Key": k, "Value": v} for k, v in aim.tags.items()], **secret,
    }  # fmt: skip
    return Present({"secret": {k: v for k, v in shown.items() if v is not None}})


@pytest.fixture
def aim() -> Any:
    return kit.target(HANDLER, "master-key", SPEC)


@pytest.mark.parametrize(("name", "reply"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_secret_is_imported_and_then_plans_nothing(name: str, reply: Any) -> None:
    assert_imported(reply)


def assert_imported(reply: Any) -> dict[str, Any]:
    doc = {"secret": reply}
    said = HANDLER.imported(doc)
    assert validate(HANDLER.spec, said)[1] == []
    assert "generate" not in said
    aim = kit.target(HANDLER, reply["Name"], said)
    tags = [{"Key": k, "Value": v} for k, v in aim.tags.items()]
    state = Present({"secret": {**reply, "Tags": tags}})
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()
    assert HANDLER.output(doc)["arn"] == reply["ARN"]
    assert HANDLER.readiness(doc).state in ("ready", "in-progress", "failed")
    assert re.fullmatch(HANDLER.name_pattern, reply["Name"])
    return aim.spec


FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:rotate"
ODD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing but its name": ({}, {}),
    "made by RDS": (
        {"Name": "rds!db-1", "OwningService": "rds", "RotationEnabled": True,
         "RotationRules": {"AutomaticallyAfterDays": 7},
         "Tags": [{"Key": "aws:rds:primaryDBInstanceArn", "Value": "x"}]},
        {"rotationEnabled": True, "rotationRules": {"automaticallyAfterDays": 7}},
    ),
    "rotates by the clock": (
        {"RotationEnabled": True, "RotationLambdaARN": FUNCTION, "RotationRules": {
            "AutomaticallyAfterDays": 15, "Duration": "2h",
            "ScheduleExpression": "cron(0 8 1/15 * ? *)"}},
        {"rotationRules": {"scheduleExpression": "cron(0 8 1/15 * ? *)", "duration": "2h"}},
    ),
    "rotated once": (
        {"RotationEnabled": False, "RotationLambdaARN": FUNCTION},
        {"rotationEnabled": False, "rotationLambdaARN": FUNCTION},
    ),
    "replicated": (
        {"PrimaryRegion": "eu-central-1", "ReplicationStatus": [
            {"Region": "eu-west-1", "Status": "InSync", "KmsKeyId": "alias/aws/secretsmanager"},
            {"Region": "us-east-1", "Status": "Failed", "StatusMessage": "taken"},
            {"Region": "us-gov-west-1", "Status": "Pending"}]},
        {"replicaRegions": {"eu-west-1": {"kmsKeyId": "alias/aws/secretsmanager"},
                            "us-gov-west-1": {}}},
    ),
    "a replica": ({"PrimaryRegion": "us-east-1"}, {}),
    "of a partner": ({"Type": "SalesforceClientSecret", "ExternalSecretRotationMetadata": []}, {}),
    "of another account": ({"CrossAccountPrimary": {"PrimarySecretARN": ARN}}, {}),
    "never given a value": ({"VersionIdsToStages": {}}, {}),
    "in the middle of a rotation": ({"VersionIdsToStages": {VERSION: ["AWSPENDING"]}}, {}),
    "going": ({"DeletedDate": datetime(2026, 1, 1, tzinfo=UTC)}, {"deletionScheduled": True}),
    "its key by its alias's ARN": (
        {"KmsKeyId": "arn:aws:kms:eu-central-1:123456789012:alias/x"}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_whatever_others_made_is_imported(case: str) -> None:
    shown, expected = ODD[case]
    spec = assert_imported({"ARN": ARN, "Name": "odd", **shown})
    assert {k: v for k, v in spec.items() if k in expected} == expected


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({"generate": {"length": 15}}, "greater than or equal to 16"),
        ({"generate": {"length": 5000}}, "less than or equal to 4096"),
        ({"generate": {"excludeCharacters": string.ascii_letters}}, "fewer than 16"),
        ({"recoveryWindowInDays": 6}, "greater than or equal to 7"),
        ({"recoveryWindowInDays": 31}, "less than or equal to 30"),
        ({"description": "x" * 2049}, "at most 2048"),
        ({"value": "hunter2"}, "Extra inputs"),
        ({"rotationRules": {"automaticallyAfterDays": 0}}, "greater than or equal to 1"),
        ({"rotationRules": {"automaticallyAfterDays": 1001}}, "less than or equal to 1000"),
        ({"rotationRules": {"scheduleExpression": "rate(3 hours)"}}, "every four hours at most"),
        ({"rotationRules": {"scheduleExpression": "rate(0 days)"}}, "every four hours at most"),
        ({"rotationRules": {"scheduleExpression": "daily"}}, "must be rate"),
        (
            {"rotationRules": {"scheduleExpression": "rate(9 days)", "automaticallyAfterDays": 9}},
            "automaticallyAfterDays has no place",
        ),
        ({"rotationRules": {"duration": "25h"}}, "1h to 24h"),
        ({"rotationLambdaARN": "rotate"}, "must be an ARN"),
        ({"replicaRegions": {"Ireland": {}}}, "a region"),
    ],
)
def test_what_may_be_written(doc: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        spec(doc)


def test_values_are_random_and_as_asked() -> None:
    rules = spec({"generate": {"length": 64, "prefix": "sk-"}})["generate"]
    values = {generated(rules) for _ in range(20)}
    assert len(values) == 20
    for value in values:
        assert value.startswith("sk-")
        assert len(value) == 67
        rest = set(value[3:])
        assert rest <= set(string.ascii_letters + string.digits)
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert rest & set(kind)
    loud = generated({"excludePunctuation": False, "excludeCharacters": "/@\" '", "length": 200})
    assert set(loud) & set(string.punctuation)
    assert not set(loud) & set("/@\" '")


ROTATING = {"rotationEnabled": True, "rotationLambdaARN": FUNCTION,
            "rotationRules": {"scheduleExpression": "rate(10 days)"}}  # fmt: skip
ROTATES = {"RotationEnabled": True, "RotationLambdaARN": FUNCTION, "RotationRules": {
    "ScheduleExpression": "rate(10 days)", "AutomaticallyAfterDays": 10}}  # fmt: skip
REPLICAS = [{"Region": r, "Status": "InSync"} for r in ("eu-west-1", "us-east-1")]


def test_a_rotation_needs_a_function() -> None:
    assert "rotationLambdaARN" in HANDLER.incomplete(spec({"rotationEnabled": True}))
    unscheduled = {k: v for k, v in ROTATING.items() if k != "rotationRules"}
    assert "rotationRules" in HANDLER.incomplete(spec(unscheduled))
    assert HANDLER.incomplete(spec(ROTATING)) == ""
    assert HANDLER.incomplete(spec({})) == ""


def test_a_create_rotates_and_replicates_once_there_is_a_value() -> None:
    doc = {**SPEC, **ROTATING, "replicaRegions": {"eu-west-1": {"kmsKeyId": KEY}}}
    create, rotation = kit.planned(HANDLER, kit.target(HANDLER, "x", doc), Absent())
    assert create.params["AddReplicaRegions"] == [{"Region": "eu-west-1", "KmsKeyId": KEY}]
    assert (rotation.operation, rotation.after) == ("RotateSecret", ("create",))
    assert rotation.params["RotateImmediately"] is False
    (create,) = kit.planned(HANDLER, kit.target(HANDLER, "x", ROTATING), Absent())
    assert create.operation == "CreateSecret"


@pytest.mark.parametrize(
    ("doc", "shown", "calls"),
    [
        (ROTATING, ROTATES, {}),
        (ROTATING, {**ROTATES, "RotationRules": {"ScheduleExpression": "rate(10 days)"}}, {}),
        (ROTATING, {**ROTATES, "RotationRules": {"AutomaticallyAfterDays": 10}},
         {"RotateSecret": {"RotationRules": {"ScheduleExpression": "rate(10 days)"}}}),
        (ROTATING, {**ROTATES, "RotationEnabled": False},
         {"RotateSecret": {"RotationLambdaARN": FUNCTION, "RotateImmediately": False,
                           "RotationRules": {"ScheduleExpression": "rate(10 days)"}}}),
        ({"rotationEnabled": False}, ROTATES, {"CancelRotateSecret": {"SecretId": ARN}}),
        ({**ROTATING, "rotationEnabled": False}, {**ROTATES, "RotationEnabled": False,
         "RotationLambdaARN": f"{FUNCTION}-2"}, {}),
        ({"replicaRegions": {"eu-west-1": {}, "us-east-1": {}}}, {"ReplicationStatus": REPLICAS},
         {}),
        ({"replicaRegions": {"eu-west-1": {}, "us-west-1": {"kmsKeyId": KEY}}},
         {"ReplicationStatus": REPLICAS},
         {"ReplicateSecretToRegions": {
             "AddReplicaRegions": [{"Region": "us-west-1", "KmsKeyId": KEY}]},
          "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["us-east-1"]}}),
        ({"replicaRegions": {}}, {"ReplicationStatus": REPLICAS[:1]},
         {"RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["eu-west-1"]}}),
        ({"replicaRegions": {"eu-west-1": {"kmsKeyId": KEY}}},
         {"ReplicationStatus": REPLICAS[:1]}, {}),
    ],
)  # fmt: skip
def test_rotation_and_replicas_have_calls_of_their_own(
    doc: dict[str, Any], shown: dict[str, Any], calls: dict[str, Any]
) -> None:
    aim = kit.target(HANDLER, "x", doc)
    found = {a.operation: a for a in kit.planned(HANDLER, aim, seen(aim, **shown))}
    assert set(found) == set(calls)
    for operation, params in calls.items():
        assert params.items() <= found[operation].params.items()
        removes = operation == "RemoveRegionsFromReplication"
        assert found[operation].risk == ("destructive" if removes else "safe")


def test_what_stands_in_the_way_is_told() -> None:
    """A rotation that is off can't be set, a replica keeps its key, a service keeps its secret."""
    off = kit.target(HANDLER, "x", {**ROTATING, "rotationEnabled": False})
    state = seen(off, **{**ROTATES, "RotationEnabled": False, "RotationLambdaARN": f"{FUNCTION}-2"})
    (change,) = kit.changes(HANDLER, off, state)
    assert HANDLER.obstacle(state, change) == "to set it switches rotation on"
    empty = seen(off, VersionIdsToStages=None)
    assert "no value yet" in HANDLER.obstacle(empty, change)
    aim = kit.target(HANDLER, "x", {"description": "ours"})
    for shown, says in (
        ({"OwningService": "rds"}, "rds manages it"),
        ({"PrimaryRegion": "us-east-1"}, "a replica of the secret in us-east-1"),
    ):
        state = seen(aim, Description="theirs", **shown)
        (change,) = kit.changes(HANDLER, aim, state)
        assert kit.planned(HANDLER, aim, state) == []
        assert says in HANDLER.obstacle(state, change)
        assert HANDLER.delete(aim, state) == []


def test_replicas_go_before_their_secret(aim: Any) -> None:
    first, then = HANDLER.delete(aim, seen(aim, ReplicationStatus=REPLICAS))
    assert (first.operation, first.risk) == ("RemoveRegionsFromReplication", "destructive")
    assert first.params["RemoveReplicaRegions"] == ["eu-west-1", "us-east-1"]
    assert (then.operation, then.after) == ("DeleteSecret", ("unreplicate",))


def test_discover_leaves_alone_what_others_manage() -> None:
    named = [
        {"Name": "ours", "ARN": ARN},
        {"Name": "primary", "ARN": ARN, "PrimaryRegion": "eu-central-1"},
        {"Name": "replica", "ARN": ARN, "PrimaryRegion": "us-east-1"},
        {"Name": "rds!db-1", "ARN": ARN, "OwningService": "rds"},
        {"Name": "going", "ARN": ARN, "DeletedDate": datetime(2026, 1, 1, tzinfo=UTC)},
    ]
    found = HANDLER.discover(FakeAws(ListSecrets={"SecretList": named}))
    assert [each.name for each in found] == ["ours", "primary"]


def test_no_value_is_in_the_plan(aim: Any) -> None:
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert "SecretString" not in create.params | create.volatile
    assert create.volatile["generate"] == aim.spec["generate"]
    (again,) = kit.planned(HANDLER, aim, Absent())
    token = create.volatile["ClientRequestToken"]
    assert token == again.volatile["ClientRequestToken"]
    other = kit.target(HANDLER, "other-key", SPEC)
    assert kit.planned(HANDLER, other, Absent())[0].volatile["ClientRequestToken"] != token


class FakeAws:
    """Remembers what is written and what is to be blotted out; answers reads by operation."""

    def __init__(self, **replies: Any) -> None:
        self.replies, self.sent, self.secrets, self.asked = replies, [], [], []

    def write(self, service: str, operation: str, params: Any) -> Any:
        assert params.get("SecretString") in (None, *self.secrets)
        self.sent.append((operation, params))
        return {"Name": "master-key", "ARN": ARN, "VersionId": VERSION}

    def read(self, service: str, operation: str, params: Any) -> Any:
        self.asked.append(operation)
        reply = self.replies[operation]
        if isinstance(reply, AwsFailure):
            raise reply
        return reply[params["SecretId"]] if operation == "DescribeSecret" else reply

    def reveal(self, service: str, operation: str, params: Any = None) -> Any:
        return self.read(service, operation, params)

    def pages(self, service: str, operation: str, items: str, params: Any) -> Any:
        return self.read(service, operation, params)[items]

    def gather(self, *calls: Any) -> list[Any]:
        return [call() for call in calls]

    def keep_secret(self, value: str) -> None:
        self.secrets.append(value)


def test_the_value_is_made_at_the_moment_of_the_call(aim: Any) -> None:
    (create,) = kit.planned(HANDLER, aim, Absent())
    aws = FakeAws()
    out = HANDLER.apply(aws, aim, create, {**create.params, **create.volatile})
    ((operation, params),) = aws.sent
    assert operation == "CreateSecret"
    assert params["SecretString"].startswith("sk-")
    assert aws.secrets == [params["SecretString"]]
    assert "generate" not in params
    assert out == {"name": "master-key", "arn": ARN, "versionId": VERSION}
    assert params["SecretString"] not in json.dumps([out, dict(create.params)])


def test_filled_by_a_person() -> None:
    aim = kit.target(HANDLER, "api-key", {})
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert create.volatile == {}
    empty = seen(aim, VersionIdsToStages=None)
    assert kit.reported(kit.changes(HANDLER, aim, empty)) == set()
    assert HANDLER.readiness(empty.doc).state == "in-progress"
    assert "versionId" not in HANDLER.output(empty.doc)
    pending = seen(aim, VersionIdsToStages={VERSION: ["AWSPENDING"]})
    assert HANDLER.readiness(pending.doc).state == "in-progress"
    filled = seen(aim)
    assert HANDLER.readiness(filled.doc).state == "ready"
    assert HANDLER.output(filled.doc) == {"name": "api-key", "arn": ARN, "versionId": VERSION}
    assert "value" not in HANDLER.output(filled.doc)


def test_a_value_that_is_there_is_never_made_again(aim: Any) -> None:
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim))) == set()
    longer = kit.target(HANDLER, "master-key", {**SPEC, "generate": {"length": 99}})
    assert kit.reported(kit.changes(HANDLER, longer, seen(longer))) == set()


def test_a_generated_secret_without_a_value_gets_one(aim: Any) -> None:
    state = seen(aim, VersionIdsToStages={VERSION: ["AWSPREVIOUS"]})
    assert set(kit.differing(kit.changes(HANDLER, aim, state))) == {"generate"}
    (put,) = kit.planned(HANDLER, aim, state)
    assert put.operation == "PutSecretValue"
    assert "SecretString" not in put.params | put.volatile
    (create,) = kit.planned(HANDLER, aim, Absent())
    assert put.volatile["ClientRequestToken"] != create.volatile["ClientRequestToken"]


def test_description_and_key_are_one_call() -> None:
    aim = kit.target(HANDLER, "master-key", {**SPEC, "kmsKeyId": KEY})
    assert kit.planned(HANDLER, aim, seen(aim, KmsKeyId=KEY.rpartition("/")[2])) == []
    state = seen(aim, KmsKeyId="alias/other", Description="x")
    (update,) = kit.planned(HANDLER, aim, state)
    assert update.operation == "UpdateSecret"
    assert update.params == {"SecretId": ARN, "KmsKeyId": KEY, "Description": "The master key."}
    (update,) = kit.planned(HANDLER, aim, seen(aim, Description=None))
    assert update.params == {"SecretId": ARN, "Description": "The master key."}


def test_a_key_that_nobody_declared_is_reported(aim: Any) -> None:
    found = kit.changes(HANDLER, aim, seen(aim, KmsKeyId=KEY))
    assert [(c.path, c.cls) for c in found] == [("kmsKeyId", "undeclared")]
    assert not kit.reported(
        kit.changes(HANDLER, aim, seen(aim, KmsKeyId="alias/aws/secretsmanager"))
    )


def test_scheduled_for_deletion_is_restored_first(aim: Any) -> None:
    state = seen(aim, DeletedDate=datetime(2026, 1, 1, tzinfo=UTC), Description="x")
    assert HANDLER.readiness(state.doc).reason == "ScheduledForDeletion"
    restore, update = kit.planned(HANDLER, aim, state)
    assert (restore.operation, restore.changes) == ("RestoreSecret", ("deletionScheduled",))
    assert update.after == ("restore",)
    assert HANDLER.delete(aim, state) == []
    going = kit.target(HANDLER, "master-key", {**SPEC, "deletionScheduled": True})
    assert (
        kit.planned(HANDLER, going, seen(going, DeletedDate=state.doc["secret"]["DeletedDate"]))
        == []
    )
    (gone,) = kit.planned(HANDLER, going, seen(going))
    assert (gone.operation, gone.risk) == ("DeleteSecret", "destructive")


def test_delete_leaves_a_way_back(aim: Any) -> None:
    week = kit.target(HANDLER, "master-key", {**SPEC, "recoveryWindowInDays": 7})
    (gone,) = HANDLER.delete(week, seen(week))
    assert gone.params == {"SecretId": ARN, "RecoveryWindowInDays": 7}
    assert kit.reported(kit.changes(HANDLER, week, seen(week))) == set()
    assert HANDLER.holds_data


def test_tags(aim: Any) -> None:
    state = seen(aim, Tags=[{"Key": "aws:x", "Value": "y"}, {"Key": "other", "Value": "z"}])
    (tag,) = kit.planned(HANDLER, aim, state)
    assert (tag.operation, len(tag.params["Tags"])) == ("TagResource", 2)


def listed(aim: Any, **secret: Any) -> Any:
    shown = dict(seen(aim, **secret).doc["secret"])
    shown["SecretVersionsToStages"] = shown.pop("VersionIdsToStages", None)
    return {k: v for k, v in shown.items() if v is not None}


NOT_FOUND = AwsFailure("not-found", "ResourceNotFoundException", "", "x")


def test_one_list_is_believed_only_where_all_is_as_declared() -> None:
    good, other, lagging = (
        kit.target(HANDLER, n, SPEC) for n in ("master-key", "other-key", "lagging")
    )
    targets = []
    for each in (good, other, lagging):
        targets.append(type(each)(f"Secret/{each.name}", *[getattr(each, f) for f in (
            "name", "spec", "tags", "account", "region")]))  # fmt: skip
    replies = {
        "ListSecrets": {"SecretList": [listed(good), listed(other, Description="old")]},
        "DescribeSecret": {
            "other-key": dict(seen(other).doc["secret"]),
            "lagging": dict(seen(lagging).doc["secret"]),
        },
    }
    aws = FakeAws(**replies)
    found = HANDLER.observe(aws, targets)
    assert sorted(aws.asked) == ["DescribeSecret", "DescribeSecret", "ListSecrets"]
    for each in targets:
        state = found[each.key]
        assert isinstance(state, Present)
        assert HANDLER.output(state.doc)["versionId"] == VERSION


@pytest.mark.parametrize(("failure", "kind"), [("not-found", Absent), ("throttled", Unknown),
                                               ("denied", Unknown), ("down", Unknown)])  # fmt: skip
def test_only_an_answer_makes_it_absent(aim: Any, failure: Any, kind: type) -> None:
    aws = FakeAws(DescribeSecret=AwsFailure(failure, "X", "", "x"))
    assert isinstance(HANDLER.observe(aws, [aim])[aim.key], kind)


def test_a_removed_secret_on_its_way_out_is_as_good_as_gone(aim: Any) -> None:
    removed = type(aim)(aim.key, aim.name, {"tags": aim.tags}, aim.tags, aim.account, aim.region)
    secret = dict(seen(aim, DeletedDate=datetime(2026, 1, 1, tzinfo=UTC)).doc["secret"])
    aws = FakeAws(DescribeSecret={aim.name: secret})
    assert isinstance(HANDLER.observe(aws, [removed])[aim.key], Absent)


def test_opening_a_secret_blots_it_out() -> None:
    reply = {"SecretString": "hunter2", "VersionStages": ["AWSCURRENT"]}
    aws = FakeAws(GetSecretValue=reply)
    assert secret_value(aws, ARN, VERSION) == "hunter2"
    assert aws.secrets == ["hunter2"]


def test_a_version_that_is_no_longer_current_is_not_sent() -> None:
    """A list that lags behind would set a rotated password back."""
    aws = FakeAws(GetSecretValue={"SecretString": "old", "VersionStages": ["AWSPREVIOUS"]})
    with pytest.raises(AwsFailure, match="not the current one") as refused:
        secret_value(aws, ARN, VERSION)
    assert refused.value.failure == "stale"
    assert aws.secrets == ["old"]
