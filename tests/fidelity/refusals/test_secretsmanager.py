"""What Secrets Manager rejects of secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Given, Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
BAD, STATE = "InvalidParameterException", "InvalidRequestException"
GONE, TAKEN, MODEL = "ResourceNotFoundException", "ResourceExistsException", "ValidationException"
TOKEN = "11111111-1111-4111-8111-111111111111"
OTHER = TOKEN.replace("1", "2")
NO_KEY = "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-22bb-33cc-44dd-555555eeeeee"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:rotate"

NAME = "the name is checked when the file is read: tests/unit/test_manifest.py"
THERE = "what there is in AWS"
KEYS = "which keys there are, and what they can"
NEVER = "Plumbline never asks for that"
MAKES = "Plumbline makes the value, 4160 characters at most, when it is called"
TOKENS = "a token is made of the name and the versions that there are"
REGION = "the file does not say in which region it is"
OWN_TAG = ('tags: {"aws:x": y}', "does not begin with aws:")
ROTATES = f"rotationEnabled: true, rotationLambdaARN: {FUNCTION}, rotationRules: {{%s}}"


def row(
    operation: str, why: str, code: str, load: Load, says: str = "", given: Given | None = None,
    **request: Any,
) -> Refusal:  # fmt: skip
    """load: (spec, what is said of it), or why no file can tell."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("Secret", *load)}  # fmt: skip
    return Refusal(f"secretsmanager:{operation}", why, request, code, f"{API}{operation}.html",
                   says, given, **told)  # fmt: skip


def create(why: str, code: str, load: Load, says: str = "", **request: Any) -> Refusal:
    return row("CreateSecret", why, code, load, says, **{"Name": "new", **request})


def on(operation: str, why: str, code: str, load: Load, says: str = "", **request: Any) -> Refusal:
    """A call about the secret that is there."""
    return row(operation, why, code, load, says, **{"SecretId": "there", **request})


def asymmetric(aws: boto3.Session, world: World) -> Doc:
    """A key of the wrong sort."""
    made = aws.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    return {"KmsKeyId": made["KeyMetadata"]["Arn"]}


CHANGES: dict[str, Doc] = {
    "UpdateSecret": {"Description": "x"},
    "PutSecretValue": {"SecretString": "x"},
    "RotateSecret": {"RotationLambdaARN": FUNCTION, "RotationRules": {"AutomaticallyAfterDays": 7}},
    "CancelRotateSecret": {},
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "eu-west-1"}]},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["eu-west-1"]},
    "TagResource": {"Tags": [{"Key": "a", "Value": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "DeleteSecret": {"RecoveryWindowInDays": 7},
}
"""Every call that changes a secret, with what would be taken of a secret that is there."""
EVERYWHERE = [
    refusal
    for call, request in CHANGES.items()
    for refusal in (
        row(call, "a secret that is not there", GONE, THERE, "can't find", SecretId="no",
            **request),
        row(call, "a secret on its way out", STATE, THERE, "marked for deletion",
            SecretId="going", **request),
    )
]  # fmt: skip
OWNED = [
    row(call, f"a secret that {why}", STATE, "who made it", says, SecretId=name, **request)
    for call, request in CHANGES.items()
    if not call.endswith(("TagResource", "tagResource"))
    for name, why, says in (
        ("rds!db-1", "RDS manages", "managed by rds"),
        ("copied", "is a replica", "on a replica secret"),
    )
    if (call, name) != ("DeleteSecret", "copied")
]  # fmt: skip

VALUES = [
    create("a name that is taken", TAKEN, THERE, "already exists", Name="there"),
    create("a name on its way out", STATE, THERE, "scheduled for deletion", Name="going"),
    create("a name with a blank", MODEL, NAME, "Invalid name", Name="a b"),
    create("a name too long", MODEL, NAME, "less than or equal to 512", Name="x" * 513),
    create("two values", BAD, NEVER, "both a binary", SecretString="x", SecretBinary=b"x"),
    create("a value too long", MODEL, ("generate: {length: 5000}", "4096"),
           "less than or equal to 65536", SecretString="x" * 65_537),
    create("the token of another value", TAKEN, TOKENS, "already exists", Name="there",
           ClientRequestToken=TOKEN, SecretString="other"),
    create("a description too long", MODEL, (f"description: {'x' * 2049}", "at most 2048"),
           "less than or equal to 2048", Description="x" * 2049),
    create("a key that is not there", "EncryptionFailure", KEYS, "can't encrypt",
           KmsKeyId=NO_KEY),
    row("CreateSecret", "an asymmetric key", "EncryptionFailure", KEYS, "can't encrypt",
        asymmetric, Name="new"),
    create("a tag of AWS's own", BAD, OWN_TAG, "aws: prefixed",
           Tags=[{"Key": "aws:x", "Value": "y"}]),
    create("one tag twice", BAD, "tags are a map here", "Duplicate",
           Tags=[{"Key": "a", "Value": v} for v in "xy"]),
    create("51 tags", BAD, (f"tags: {{{', '.join(f'k{n}: x' for n in range(51))}}}", "at most 40"),
           "at most 50", Tags=[{"Key": f"k{n}", "Value": ""} for n in range(51)]),
    create("a replica in its own region", BAD, REGION, "the primary region",
           AddReplicaRegions=[{"Region": "us-east-1"}]),
    create("two replicas in one region", BAD, "replicas are a map here", "given twice",
           AddReplicaRegions=[{"Region": "eu-west-1"}, {"Region": "eu-west-1"}]),
    create("a replica nowhere", MODEL, ("replicaRegions: {Ireland: {}}", "a region"),
           "regular expression", AddReplicaRegions=[{"Region": "Ireland"}]),
    on("UpdateSecret", "a description too long", MODEL,
       (f"description: {'x' * 2049}", "at most 2048"), "less than or equal to 2048",
       Description="x" * 2049),
    on("UpdateSecret", "a key that is not there", "EncryptionFailure", KEYS, "can't encrypt",
       KmsKeyId=NO_KEY),
    on("UpdateSecret", "a version that there is", TAKEN, NEVER, "modify an existing version",
       ClientRequestToken=TOKEN, SecretString="other"),
    on("UpdateSecret", "two values", BAD, NEVER, "both a binary", SecretString="x",
       SecretBinary=b"x"),
    on("PutSecretValue", "no value", BAD, MAKES, "must provide"),
    on("PutSecretValue", "two values", BAD, MAKES, "both a binary", SecretString="x",
       SecretBinary=b"x"),
    on("PutSecretValue", "a value too long", MODEL, MAKES, "less than or equal to 65536",
       SecretString="x" * 65_537),
    on("PutSecretValue", "the token of another value", TAKEN, TOKENS, "modify an existing version",
       ClientRequestToken=TOKEN, SecretString="other"),
    on("PutSecretValue", "21 labels", MODEL, NEVER, "less than or equal to 20", SecretString="x",
       VersionStages=[f"L{n}" for n in range(21)]),
    # --- deletion ---
    on("DeleteSecret", "six days to restore it", BAD, ("recoveryWindowInDays: 6", "7"),
       "between 7 and 30", RecoveryWindowInDays=6),
    on("DeleteSecret", "31 days to restore it", BAD, ("recoveryWindowInDays: 31", "30"),
       "between 7 and 30", RecoveryWindowInDays=31),
    on("DeleteSecret", "a window and none", BAD,
       ("forceDeleteWithoutRecovery: true, recoveryWindowInDays: 7", "never sent"),
       "in conjunction with", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True),
    row("DeleteSecret", "a secret that has replicas", STATE, THERE, "still has replicas",
        SecretId="primary"),
    row("RestoreSecret", "a secret that is not there", GONE, THERE, "can't find", SecretId="no"),
    # --- rotation ---
    on("RotateSecret", "no function", STATE, ("rotationEnabled: true", "needs rotationLambdaARN"),
       "No Lambda rotation function", RotationRules={"AutomaticallyAfterDays": 7}),
    on("RotateSecret", "days and a schedule", BAD,
       (ROTATES % 'automaticallyAfterDays: 7, scheduleExpression: "rate(7 days)"', "no place"),
       "both AutomaticallyAfterDays", RotationLambdaARN=FUNCTION,
       RotationRules={"AutomaticallyAfterDays": 7, "ScheduleExpression": "rate(7 days)"}),
    on("RotateSecret", "1001 days", MODEL, (ROTATES % "automaticallyAfterDays: 1001", "1000"),
       "less than or equal to 1000", RotationLambdaARN=FUNCTION,
       RotationRules={"AutomaticallyAfterDays": 1001}),
    on("RotateSecret", "every three hours", BAD,
       (ROTATES % 'scheduleExpression: "rate(3 hours)"', "every four hours"), "four hours",
       RotationLambdaARN=FUNCTION, RotationRules={"ScheduleExpression": "rate(3 hours)"}),
    on("RotateSecret", "every ten minutes", BAD,
       (ROTATES % 'scheduleExpression: "rate(10 minutes)"', r"rate\(10 days\)"), "Invalid Schedule",
       RotationLambdaARN=FUNCTION, RotationRules={"ScheduleExpression": "rate(10 minutes)"}),
    on("RotateSecret", "a schedule of five fields", BAD,
       (ROTATES % 'scheduleExpression: "cron(0 4 1 * ?)"', r"rate\(10 days\)"), "Invalid Schedule",
       RotationLambdaARN=FUNCTION, RotationRules={"ScheduleExpression": "cron(0 4 1 * ?)"}),
    on("RotateSecret", "a window of minutes", MODEL,
       (ROTATES % 'scheduleExpression: "rate(9 days)", duration: 30m', "1h to 24h"),
       "regular expression", RotationLambdaARN=FUNCTION,
       RotationRules={"ScheduleExpression": "rate(9 days)", "Duration": "30m"}),
    row("RotateSecret", "one that is still rotating", STATE, THERE, "previous rotation",
        SecretId="rotating"),
    # --- replicas ---
    on("ReplicateSecretToRegions", "its own region", BAD, REGION, "the primary region",
       AddReplicaRegions=[{"Region": "us-east-1"}]),
    row("ReplicateSecretToRegions", "a region that has one", BAD, THERE, "already replicated",
        SecretId="primary", AddReplicaRegions=[{"Region": "eu-west-1"}]),
    on("ReplicateSecretToRegions", "a region twice", BAD, "replicas are a map here", "given twice",
       AddReplicaRegions=[{"Region": "eu-north-1"}, {"Region": "eu-north-1"}]),
    on("ReplicateSecretToRegions", "nowhere", MODEL, ("replicaRegions: {Ireland: {}}", "a region"),
       "regular expression", AddReplicaRegions=[{"Region": "Ireland"}]),
    on("RemoveRegionsFromReplication", "a region that has none", BAD, THERE, "not replicated",
       RemoveReplicaRegions=["eu-north-1"]),
    # --- tags ---
    on("TagResource", "a tag of AWS's own", BAD, OWN_TAG, "aws: prefixed",
       Tags=[{"Key": "aws:x", "Value": "y"}]),
    on("TagResource", "one tag twice", BAD, "tags are a map here", "Duplicate",
       Tags=[{"Key": "a", "Value": v} for v in "xy"]),
    on("TagResource", "the 51st tag", BAD, "how many tags others have put on it", "at most 50",
       Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)]),
    on("TagResource", "a value too long", MODEL, (f"tags: {{a: {'x' * 257}}}", "at most 256"),
       "less than or equal to 256", Tags=[{"Key": "a", "Value": "x" * 257}]),
    on("UntagResource", "a tag of AWS's own", BAD, OWN_TAG, "aws: prefixed", TagKeys=["aws:x"]),
]  # fmt: skip
REFUSALS = (*VALUES, *EVERYWHERE, *OWNED)


def secrets(aws: boto3.Session, world: World) -> None:
    """One with a value and a tag; one on its way out; a primary; a replica; RDS's; one rotating."""
    made = aws.client("secretsmanager")
    made.create_secret(Name="there", SecretString="x", ClientRequestToken=TOKEN,
                       Tags=[{"Key": "t", "Value": "t"}])  # fmt: skip
    made.create_secret(Name="going")
    made.delete_secret(SecretId="going")
    made.create_secret(
        Name="primary", SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}]
    )
    aws.client("secretsmanager", region_name="eu-west-1").create_secret(
        Name="copied", SecretString="x", AddReplicaRegions=[{"Region": "us-east-1"}]
    )
    world.clock.advance(timedelta(minutes=5))  # the replicas are made
    made.create_secret(Name="rds!db-1", SecretString="x")
    made.create_secret(Name="rotating", SecretString="x")
    made.rotate_secret(SecretId="rotating", RotationLambdaARN=FUNCTION, RotateImmediately=False,
                       RotationRules={"AutomaticallyAfterDays": 7})  # fmt: skip
    made.put_secret_value(SecretId="rotating", SecretString="y", VersionStages=["AWSPENDING"],
                          ClientRequestToken=OTHER)  # fmt: skip
    held = world.store("secretsmanager", world.account, world.region)["secrets"]
    for secret in held.values():
        if secret["Name"] == "rds!db-1":
            secret["OwningService"] = "rds"


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("secretsmanager", secrets))


def test_what_the_rows_change_something_of_is_taken() -> None:
    aws = session_of(stage("secretsmanager", secrets))
    made, key = aws.client("secretsmanager"), aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    made.create_secret(Name="new", SecretString="x", KmsKeyId=key, ClientRequestToken=TOKEN)
    again = made.create_secret(Name="new", SecretString="x", ClientRequestToken=TOKEN)
    assert again["VersionId"] == TOKEN, "a repeated call is taken, and makes no second version"
    made.rotate_secret(SecretId="new", **CHANGES["RotateSecret"])
    made.cancel_rotate_secret(SecretId="new")
    made.replicate_secret_to_regions(SecretId="new", AddReplicaRegions=[{"Region": "eu-north-1"}])
    made.remove_regions_from_replication(SecretId="new", RemoveReplicaRegions=["eu-north-1"])
    made.delete_secret(SecretId="new", RecoveryWindowInDays=7)
    made.restore_secret(SecretId="new")


def test_every_write_is_refused_something() -> None:
    assert calls_of("Secret") == {r.call for r in REFUSALS}
