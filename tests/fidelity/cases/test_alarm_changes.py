"""Changing alarms, log groups and secrets: the smallest calls, and nothing left of what was."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from sandbox.world import CallRecord
from tests.fidelity.cases.alarm_estate import (
    ALARMS,
    FUNCTION,
    NAME,
    SECRETS,
    Deed,
    Estate,
    estate,
)
from tests.fidelity.cases.test_alarms_and_all_kinds import settled

OTHER_FUNCTION = f"{FUNCTION}-2"


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def without_name(alarm: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in settled(alarm).items() if k not in ("AlarmName", "AlarmArn")}


@pytest.mark.parametrize(("old", "new"), list(permutations(ALARMS, 2)))
def test_one_call_makes_one_alarm_like_another(e: Estate, old: str, new: str) -> None:
    """From each way of watching to each other: one PutMetricAlarm, and it is as if made so."""
    e.wanting("Alarm", **{old: ALARMS[new]})
    (call,) = e.mended()
    assert call.operation == "PutMetricAlarm"
    assert "Tags" not in call.params
    assert without_name(e.alarm(old)) == without_name(e.alarm(new))


STRAYS: dict[str, dict[str, Any]] = {
    "plain": {"Unit": "Percent", "DatapointsToAlarm": 2, "AlarmDescription": "theirs"},
    "percentile": {"EvaluateLowSampleCountPercentile": "ignore", "DatapointsToAlarm": 3},
    "math": {"EvaluationWindow": {"WallClockWindow": {"Timezone": "Asia/Tokyo"}}},
    "band": {"DatapointsToAlarm": 2, "TreatMissingData": "ignore"},
    "query": {"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 7}},
}


@pytest.mark.parametrize(("old", "new"), list(permutations(ALARMS, 2)))
def test_what_others_added_does_not_stand_in_the_way(e: Estate, old: str, new: str) -> None:
    """Members that AWS takes only with the old way go with it; the others stay."""
    e.put(old, **STRAYS[old])
    if old == "band":  # it is declared by our default: mended before
        e.mended()
        e.checkpoint()
    e.wanting("Alarm", **{old: ALARMS[new]})
    (call,) = e.mended()
    assert call.operation == "PutMetricAlarm"
    for name in ("WarmUpConfiguration", "AlarmDescription"):
        assert e.alarm(old).get(name) == STRAYS[old].get(name)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_entries_that_do_not_change_go_back_as_they_were(e: Estate, seed: int) -> None:
    """Whatever others wrote into them, and whichever defaults AWS shows."""
    e.back(seed)
    queries = e.alarm("math")["Metrics"]
    theirs = {"errors": {"Label": "theirs"}, "all": {"Label": "too", "AccountId": "210987654321"}}
    e.put("math", Metrics=[{**q, **theirs.get(q["Id"], {})} for q in queries])
    e.wanting("Alarm", math=ALARMS["math"].replace("100 * errors", "50 * errors"))
    (call,) = e.mended()
    sent = {q["Id"]: q for q in call.params["Metrics"]}
    assert sent["rate"]["Expression"] == "50 * errors / all"
    for name, added in theirs.items():
        assert added.items() <= sent[name].items()


def test_one_field_is_one_call_that_changes_only_that(e: Estate) -> None:
    before = settled(e.alarm("band"))
    e.wanting("Alarm", band=ALARMS["band"].replace("(m1, 2)", "(m1, 3)"))
    (call,) = e.mended()
    assert call.operation == "PutMetricAlarm"
    after = settled(e.alarm("band"))
    assert {k for k in before if before[k] != after[k]} == {"Metrics"}
    e.back()
    e.wanting("Alarm", plain=f"{ALARMS['plain']}, actionsEnabled: false")
    (call,) = e.mended()
    assert (call.operation, call.params) == (
        "DisableAlarmActions", {"AlarmNames": [f"{NAME}-plain"]},
    )  # fmt: skip
    e.checkpoint()
    e.wanting("Alarm", plain=ALARMS["plain"].replace("threshold: 80", "threshold: 70"))
    (call,) = e.mended()
    assert call.operation == "PutMetricAlarm", "with other changes it goes along"
    shown = e.alarm("plain")
    assert (shown["ActionsEnabled"], shown["Threshold"]) == (True, 70)


GROUPS: dict[str, tuple[str, Deed | None, list[str], dict[str, Any]]] = {
    "a key": ("kmsKeyId: ARN", None, ["AssociateKmsKey"], {"kmsKeyId": "ARN"}),
    "another key": (
        "kmsKeyId: ARN", lambda e: e.logs.associate_kms_key(
            logGroupName=f"{NAME}-app", kmsKeyId=e.other_key),
        ["AssociateKmsKey"], {"kmsKeyId": "ARN"}),
    "no key": (
        "kmsKeyId: none", lambda e: e.logs.associate_kms_key(
            logGroupName=f"{NAME}-app", kmsKeyId=e.other_key),
        ["DisassociateKmsKey"], {"kmsKeyId": None}),
    "no end": (
        "retentionInDays: never", None, ["DeleteRetentionPolicy"], {"retentionInDays": None}),
    "protection": (
        "deletionProtectionEnabled: true", None, ["PutLogGroupDeletionProtection"],
        {"deletionProtectionEnabled": True}),
    "bearer tokens": (
        "bearerTokenAuthenticationEnabled: true", None, ["PutBearerTokenAuthentication"],
        {"bearerTokenAuthenticationEnabled": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPS)
def test_a_log_group_has_one_call_for_each_field(e: Estate, case: str) -> None:
    wanted, deed, calls, shown = GROUPS[case]
    if deed is not None:
        deed(e)
    before = e.group("app")
    days = "" if wanted.startswith("retention") else "retentionInDays: 14, "
    e.wanting("LogGroup", app=days + wanted.replace("ARN", e.key_arn))
    assert [c.operation for c in e.mended()] == calls
    expected = {k: e.key_arn if v == "ARN" else v for k, v in shown.items()}
    found = {k: v for k, v in {**before, **expected}.items() if v is not None}
    assert e.group("app") == found


def test_the_class_of_a_log_group_is_never_changed(e: Estate) -> None:
    e.wanting("LogGroup", app="retentionInDays: 14, logGroupClass: INFREQUENT_ACCESS")
    e.run()
    e.later(60)
    e.run()
    assert e.writes() == []
    assert e.group("app")["logGroupClass"] == "STANDARD"
    assert e.told(e.run())["LogGroup/app", "logGroupClass"] == "immutable"


ROTATED, DAILY = SECRETS["rotated"], SECRETS["daily"]
CHANGED: dict[str, tuple[str, str, list[str], dict[str, Any]]] = {
    "a schedule": (
        "rotated", ROTATED.replace("10 days", "20 days"), ["RotateSecret"],
        {"RotationRules": {"ScheduleExpression": "rate(20 days)"}}),
    "days instead": (
        "rotated", ROTATED.replace('scheduleExpression: "rate(10 days)"',
                                   "automaticallyAfterDays: 9"),
        ["RotateSecret"], {"RotationRules": {"AutomaticallyAfterDays": 9}}),
    "a schedule instead": (
        "daily", DAILY.replace("automaticallyAfterDays: 30",
                               'scheduleExpression: "cron(0 4 1 * ? *)", duration: 2h'),
        ["RotateSecret"],
        {"RotationRules": {"ScheduleExpression": "cron(0 4 1 * ? *)", "Duration": "2h"}}),
    "another function": (
        "daily", DAILY.replace(FUNCTION, OTHER_FUNCTION), ["RotateSecret"],
        {"RotationLambdaARN": OTHER_FUNCTION}),
    "no rotation": (
        "daily", DAILY.replace("rotationEnabled: true", "rotationEnabled: false"),
        ["CancelRotateSecret"], {}),
    "a rotation": (
        "main", f"""{SECRETS["main"]}, rotationEnabled: true, rotationLambdaARN: {FUNCTION},
        rotationRules: {{automaticallyAfterDays: 7}}""", ["RotateSecret"],
        {"RotationLambdaARN": FUNCTION}),
    "a replica more": (
        "copied", "generate: {}, replicaRegions: {eu-west-1: {}, eu-north-1: {}}",
        ["ReplicateSecretToRegions"], {"AddReplicaRegions": [{"Region": "eu-north-1"}]}),
    "description and key": (
        "main", "generate: {}, description: Another, kmsKeyId: alias/aws/secretsmanager",
        ["UpdateSecret"], {"Description": "Another", "KmsKeyId": "alias/aws/secretsmanager"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED)
def test_a_secret_changes_in_one_call_and_keeps_its_value(e: Estate, case: str) -> None:
    name, wanted, calls, params = CHANGED[case]
    versions = e.secret(name)["VersionIdsToStages"]
    e.wanting("Secret", **{name: wanted})
    (call,) = e.mended()
    assert [call.operation] == calls
    assert params.items() <= call.params.items()
    assert call.params.get("RotateImmediately", False) is False
    assert e.secret(name)["VersionIdsToStages"] == versions
    e.quiet_after(call)


def test_a_rotation_at_once_is_asked_for(e: Estate) -> None:
    versions = e.secret("daily")["VersionIdsToStages"]
    e.wanting("Secret", daily=DAILY.replace("30", "40") + ", rotateImmediately: true")
    (call,) = e.mended()
    assert call.params["RotateImmediately"] is True
    assert e.secret("daily")["VersionIdsToStages"] != versions


def test_a_replica_is_not_deleted_without_a_person(e: Estate) -> None:
    """Neither by a commit, nor with its secret: what is in it would be lost."""
    e.wanting("Secret", copied="generate: {}, replicaRegions: {}")
    for _ in range(2):
        e.run()
        e.later(60)
    assert e.writes() == []
    blocked = e.status()["resources"]["Secret/copied"]["conditions"]["Blocked"]
    assert (blocked["status"], blocked["reason"]) == ("True", "ApprovalRequired")
    there = e.aws.client("secretsmanager", region_name="eu-west-1")
    assert there.describe_secret(SecretId=f"{NAME}-copied")["PrimaryRegion"] == "us-east-1"


def test_a_replica_in_the_other_region_is_left_to_its_primary(e: Estate) -> None:
    """Whoever declares it there by its name changes nothing of it."""
    there = e.aws.client("secretsmanager", region_name="eu-west-1")
    shown: dict[str, Any] = there.describe_secret(SecretId=f"{NAME}-copied")
    calls: list[CallRecord] = e.world.calls
    assert shown["ARN"].split(":")[3] == "eu-west-1"
    assert [c for c in calls if c.region == "eu-west-1" and c.writes] == []
