"""What CloudWatch Logs rejects of log groups."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Given, Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
BAD, GONE = "InvalidParameterException", "ResourceNotFoundException"
NO_KEY = "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-22bb-33cc-44dd-555555eeeeee"

NAME = "the name is checked when the file is read: tests/unit/test_manifest.py"
THERE = "what there is in AWS"
KEYS = "which keys there are, and what they can"
BY_NAME = "Plumbline names the group by its name"
OWN_TAG = ('tags: {"aws:x": y}', "does not begin with aws:")


def row(
    operation: str, why: str, load: Load, says: str = "", code: str = BAD,
    given: Given | None = None, **request: Any,
) -> Refusal:  # fmt: skip
    """load: (spec, what is said of it), or why no file can tell."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("LogGroup", *load)}  # fmt: skip
    return Refusal(f"logs:{operation}", why, request, code, f"{API}{operation}.html", says, given,
                   **told)  # fmt: skip


def create(why: str, load: Load, says: str = "", code: str = BAD, **request: Any) -> Refusal:
    return row("CreateLogGroup", why, load, says, code, **{"logGroupName": "new", **request})


def arn(name: str) -> Given:
    """The group's ARN, as the tagging calls want it."""
    return lambda aws, world: {
        "resourceArn": f"arn:aws:logs:{world.region}:{world.account}:log-group:{name}"
    }


def asymmetric(aws: boto3.Session, world: World) -> Doc:
    """A key of the wrong sort."""
    made = aws.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    return {"kmsKeyId": made["KeyMetadata"]["Arn"]}


REFUSALS = (
    create("a name that is taken", THERE, "already exists", "ResourceAlreadyExistsException",
           logGroupName="there"),
    create("a name that begins with aws/", NAME, "Invalid log group name", logGroupName="aws/x"),
    create("a name with a blank", NAME, "regular expression", logGroupName="a b"),
    create("a name too long", NAME, "less than or equal to 512", logGroupName="x" * 513),
    create("an unknown class", ("logGroupClass: CHEAP", "needs a logGroupClass that AWS has"),
           "enum value set", logGroupClass="CHEAP"),
    create("a key that is not there", KEYS, "does not exist", kmsKeyId=NO_KEY),
    create("a key by its alias", ("kmsKeyId: alias/x", "the ARN of a KMS key"), "by its ARN",
           kmsKeyId="alias/x"),
    create("a key by its id", (f"kmsKeyId: {NO_KEY.rpartition('/')[2]}", "the ARN of a KMS key"),
           "by its ARN", kmsKeyId=NO_KEY.rpartition("/")[2]),
    create("a key too long", (f"kmsKeyId: {NO_KEY}{'0' * 200}", "at most 256"),
           "less than or equal to 256", kmsKeyId=NO_KEY + "0" * 200),
    row("CreateLogGroup", "an asymmetric key", KEYS, "not allowed to be used", given=asymmetric,
        logGroupName="new"),
    create("a tag of AWS's own", OWN_TAG, "aws: prefixed", tags={"aws:x": "y"}),
    create("a tag with a comma", ('tags: {"a,b": c}', "a tag key has"), "regular expression",
           tags={"a,b": "c"}),
    create("a tag's value too long", (f"tags: {{a: {'x' * 257}}}", "at most 256"),
           "less than or equal to 256", tags={"a": "x" * 257}),
    create("51 tags", (f"tags: {{{', '.join(f'k{n}: x' for n in range(51))}}}", "at most 40"),
           "less than or equal to 50", tags={f"k{n}": "x" for n in range(51)}),
    row("PutRetentionPolicy", "a group that is not there", THERE, "does not exist", GONE,
        logGroupName="no", retentionInDays=7),
    row("PutRetentionPolicy", "eight days", ("retentionInDays: 8", "found 8"), "Invalid retention",
        logGroupName="there", retentionInDays=8),
    row("PutRetentionPolicy", "no days", ("retentionInDays: 0", "found 0"), "Invalid retention",
        logGroupName="there", retentionInDays=0),
    row("PutRetentionPolicy", "two days", ("retentionInDays: 2", "of the class DELIVERY"),
        "Invalid retention", logGroupName="there", retentionInDays=2),
    row("PutRetentionPolicy", "a group of the class DELIVERY",
        ("logGroupClass: DELIVERY, retentionInDays: 7", "leave out retentionInDays"),
        "not supported for Delivery", "ValidationException", logGroupName="delivery",
        retentionInDays=7),
    row("DeleteRetentionPolicy", "a group that is not there", THERE, "does not exist", GONE,
        logGroupName="no"),
    row("DeleteRetentionPolicy", "a group of the class DELIVERY",
        ("logGroupClass: DELIVERY, retentionInDays: never", "leave out retentionInDays"),
        "not supported for Delivery", "ValidationException", logGroupName="delivery"),
    row("AssociateKmsKey", "a group that is not there", THERE, "does not exist", GONE,
        logGroupName="no", kmsKeyId=NO_KEY),
    row("AssociateKmsKey", "a key that is not there", KEYS, "does not exist",
        logGroupName="there", kmsKeyId=NO_KEY),
    row("AssociateKmsKey", "an asymmetric key", KEYS, "not allowed to be used", given=asymmetric,
        logGroupName="there"),
    row("AssociateKmsKey", "a key by its alias", ("kmsKeyId: alias/x", "the ARN of a KMS key"),
        "by its ARN", logGroupName="there", kmsKeyId="alias/x"),
    row("AssociateKmsKey", "a group named twice", BY_NAME, "either logGroupName or",
        logGroupName="there", resourceIdentifier="there", kmsKeyId=NO_KEY),
    row("AssociateKmsKey", "no group", BY_NAME, "either logGroupName or", kmsKeyId=NO_KEY),
    row("DisassociateKmsKey", "a group that is not there", THERE, "does not exist", GONE,
        logGroupName="no"),
    row("DisassociateKmsKey", "no group", BY_NAME, "either logGroupName or"),
    row("PutLogGroupDeletionProtection", "a group that is not there", THERE, "does not exist",
        GONE, logGroupIdentifier="no", deletionProtectionEnabled=True),
    row("PutBearerTokenAuthentication", "a group that is not there", THERE, "does not exist",
        GONE, logGroupIdentifier="no", bearerTokenAuthenticationEnabled=True),
    row("DeleteLogGroup", "a group that is not there", THERE, "does not exist", GONE,
        logGroupName="no"),
    row("DeleteLogGroup", "a protected group", "protection stops Plumbline before AWS is asked",
        "Deletion protection", "ValidationException", logGroupName="protected"),
    row("TagResource", "a group that is not there", THERE, "does not exist", GONE, arn("no"),
        tags={"a": "b"}),
    row("TagResource", "a tag of AWS's own", OWN_TAG, "aws: prefixed", given=arn("there"),
        tags={"aws:x": "y"}),
    row("TagResource", "the 51st tag", "how many tags others have put on it", "at most 50",
        "TooManyTagsException", arn("there"), tags={f"k{n}": "x" for n in range(50)}),
    row("TagResource", "the ARN that ends in an asterisk", BY_NAME, "regular expression",
        given=lambda aws, world: {"resourceArn": arn("there")(aws, world)["resourceArn"] + ":*"},
        tags={"a": "b"}),
    row("UntagResource", "a group that is not there", THERE, "does not exist", GONE, arn("no"),
        tagKeys=["a"]),
    row("UntagResource", "a tag of AWS's own", OWN_TAG, "aws: prefixed", given=arn("there"),
        tagKeys=["aws:x"]),
)  # fmt: skip


def groups(aws: boto3.Session, world: World) -> None:
    """A plain one with a tag, a protected one, and one of the class DELIVERY."""
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="there", tags={"t": "t"})
    logs.create_log_group(logGroupName="protected", deletionProtectionEnabled=True)
    logs.create_log_group(logGroupName="delivery", logGroupClass="DELIVERY")


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("logs", groups))


def test_what_the_rows_change_something_of_is_taken() -> None:
    world = stage("logs", groups)
    aws = session_of(world)
    logs, key = aws.client("logs"), aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName="new", kmsKeyId=key, logGroupClass="ESSENTIALS")
    logs.put_retention_policy(logGroupName="new", retentionInDays=7)
    logs.disassociate_kms_key(logGroupName="new")
    logs.tag_resource(**arn("there")(aws, world), tags={f"k{n}": "x" for n in range(49)})
    logs.delete_log_group(logGroupName="new")


def test_every_write_is_refused_something() -> None:
    assert calls_of("LogGroup") == {r.call for r in REFUSALS}
