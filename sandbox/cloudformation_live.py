"""How resources of a stack are now, in the words of their template: what drift detection compares.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
Each reader looks at the live resource by the service's own API. A type without a reader, and a
resource with a property that its reader doesn't know, is not checked: it is never called in sync.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.cloudformation_calls import Caller, Doc
from sandbox.errors import NotSimulated

Read = Callable[[Caller, str], Doc | None]


@dataclass(frozen=True)
class Reader:
    """covers: the properties that are compared. unmade: those that the sandbox's providers leave
    out; `read` makes sure that nobody else has set them. Tags count for the keys in the template.
    """

    covers: frozenset[str]
    unmade: frozenset[str]
    read: Read


READERS: dict[str, Reader] = {}


def reads(kind: str, covers: str, unmade: str = "") -> Callable[[Read], Read]:
    """Register a reader: (the API, physical id) → properties, None if the resource is gone."""

    def register(read: Read) -> Read:
        READERS[kind] = Reader(frozenset(covers.split()), frozenset(unmade.split()), read)
        return read

    return register


def reader(kind: str, declared: Doc) -> Reader | None:
    """What can look at such a resource; None if it is not checked."""
    found = READERS.get(kind)
    known = found.covers | found.unmade | {"Tags"} if found else frozenset()
    return found if found and set(declared) <= known else None


def _tags(found: Doc) -> list[Doc]:
    return [{"Key": t["Key"], "Value": t["Value"]} for t in found.get("Tags") or ()]


@reads(
    "AWS::EC2::SecurityGroup",
    "GroupDescription GroupName VpcId SecurityGroupIngress SecurityGroupEgress",
)
def security_group(call: Caller, physical: str) -> Doc | None:
    """Rules one by one, as a template writes them."""
    found = call.quietly(
        "ec2", "DescribeSecurityGroups", "InvalidGroup.NotFound", GroupIds=[physical]
    )
    if found is None:
        return None
    [group] = found["SecurityGroups"]
    return {
        "GroupDescription": group["Description"],
        "GroupName": group["GroupName"],
        "VpcId": group["VpcId"],
        "SecurityGroupIngress": list(_rules(group["IpPermissions"], "Source")),
        "SecurityGroupEgress": list(_rules(group["IpPermissionsEgress"], "Destination")),
        "Tags": _tags(group),
    }


def _rules(permissions: list[Doc], way: str) -> Iterator[Doc]:
    for each in permissions:
        ports: Doc = {k: each[k] for k in ("IpProtocol", "FromPort", "ToPort") if k in each}
        for several, single, name in (
            ("IpRanges", "CidrIp", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId", f"{way}SecurityGroupId"),
            ("PrefixListIds", "PrefixListId", f"{way}PrefixListId"),
        ):
            for one in each.get(several) or ():
                says = {"Description": one["Description"]} if one.get("Description") else {}
                yield {**ports, name: one[single], **says}


@reads("AWS::SSM::Parameter", "Name Type Value")
def parameter(call: Caller, physical: str) -> Doc | None:
    """Its value as it is."""
    found = call.quietly("ssm", "GetParameter", "ParameterNotFound", Name=physical)
    return found and {k: found["Parameter"][k] for k in ("Name", "Type", "Value")}


@reads("AWS::Logs::LogGroup", "LogGroupName RetentionInDays")
def log_group(call: Caller, physical: str) -> Doc | None:
    """The group of just that name."""
    found = call("logs", "DescribeLogGroups", logGroupNamePrefix=physical)["logGroups"]
    for group in found:
        if group["logGroupName"] == physical:
            kept = group.get("retentionInDays")
            return {"LogGroupName": physical} | ({"RetentionInDays": kept} if kept else {})
    return None


@reads("AWS::KMS::Key", "Description EnableKeyRotation KeyPolicy", "PendingWindowInDays")
def key(call: Caller, physical: str) -> Doc | None:
    """A key that is to be deleted is gone."""
    shown = call("kms", "DescribeKey", KeyId=physical)["KeyMetadata"]
    if shown["KeyState"] == "PendingDeletion":
        return None
    policy = call("kms", "GetKeyPolicy", KeyId=physical, PolicyName="default")["Policy"]
    rotates = call("kms", "GetKeyRotationStatus", KeyId=physical)["KeyRotationEnabled"]
    return {
        "Description": shown["Description"], "EnableKeyRotation": rotates,
        "KeyPolicy": json.loads(policy),
    }  # fmt: skip


@reads(
    "AWS::IAM::Role",
    "RoleName Description Path AssumeRolePolicyDocument PermissionsBoundary Policies",
    "ManagedPolicyArns",
)
def role(call: Caller, physical: str) -> Doc | None:
    """With its inline policies."""
    found = call.quietly("iam", "GetRole", "NoSuchEntity", RoleName=physical)
    if found is None:
        return None
    shown = found["Role"]
    if call("iam", "ListAttachedRolePolicies", RoleName=physical)["AttachedPolicies"]:
        raise NotSimulated("CloudFormation: drift of the managed policies of a role")
    names = call("iam", "ListRolePolicies", RoleName=physical)["PolicyNames"]
    held = [call("iam", "GetRolePolicy", RoleName=physical, PolicyName=n) for n in names]
    made = {k: shown[k] for k in ("RoleName", "Description", "Path") if shown.get(k)}
    if boundary := shown.get("PermissionsBoundary"):
        made["PermissionsBoundary"] = boundary["PermissionsBoundaryArn"]
    return {
        **made,
        "AssumeRolePolicyDocument": shown["AssumeRolePolicyDocument"],
        "Policies": [
            {"PolicyName": p["PolicyName"], "PolicyDocument": p["PolicyDocument"]} for p in held
        ],
        "Tags": _tags(shown),
    }


@reads(
    "AWS::S3::Bucket",
    "BucketName BucketEncryption PublicAccessBlockConfiguration VersioningConfiguration "
    "OwnershipControls",
    "LifecycleConfiguration LoggingConfiguration",
)
def bucket(call: Caller, physical: str) -> Doc | None:
    """Its settings, one call each."""

    def ask(operation: str, missing: str) -> Doc:
        return call.quietly("s3", operation, missing, Bucket=physical) or {}

    if call.quietly("s3", "HeadBucket", "404", "NoSuchBucket", Bucket=physical) is None:
        return None
    if ask("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration").get("Rules"):
        raise NotSimulated("CloudFormation: drift of a bucket's lifecycle")
    if ask("GetBucketLogging", "").get("LoggingEnabled"):
        raise NotSimulated("CloudFormation: drift of a bucket's log")
    encrypted = ask("GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError")
    rules = encrypted.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    made: Doc = {"BucketName": physical}
    for rule in rules:
        by = rule["ApplyServerSideEncryptionByDefault"]
        told = {"BucketKeyEnabled": rule["BucketKeyEnabled"]} if "BucketKeyEnabled" in rule else {}
        made.setdefault("BucketEncryption", {"ServerSideEncryptionConfiguration": []})[
            "ServerSideEncryptionConfiguration"
        ].append({"ServerSideEncryptionByDefault": by, **told})
    block = ask("GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
    if block:
        made["PublicAccessBlockConfiguration"] = block["PublicAccessBlockConfiguration"]
    if status := ask("GetBucketVersioning", "").get("Status"):
        made["VersioningConfiguration"] = {"Status": status}
    if controls := ask("GetBucketOwnershipControls", "OwnershipControlsNotFoundError"):
        made["OwnershipControls"] = {"Rules": controls["OwnershipControls"]["Rules"]}
    return made


@reads("AWS::S3::BucketPolicy", "Bucket PolicyDocument")
def bucket_policy(call: Caller, physical: str) -> Doc | None:
    """Gone with its bucket, too."""
    found = call.quietly(
        "s3", "GetBucketPolicy", "NoSuchBucketPolicy", "NoSuchBucket", Bucket=physical
    )
    return found and {"Bucket": physical, "PolicyDocument": json.loads(found["Policy"])}


# --- comparing ---


def attached(kind: str, physical: str, others: list[tuple[str, Doc]], live: Doc) -> Doc:
    """Without what other resources of the stack attach: rules of a security group.

    others: types and properties of the stack's other resources.
    """
    if kind != "AWS::EC2::SecurityGroup":
        return live
    made = dict(live)
    for other, said in others:
        way = other.removeprefix("AWS::EC2::SecurityGroup")
        if way in ("Ingress", "Egress") and said.get("GroupId") == physical:
            rule = {k: v for k, v in said.items() if k != "GroupId"}
            name = f"SecurityGroup{way}"
            made[name] = [one for one in made[name] if not says(rule, one)]
    return made


def differences(declared: Doc, live: Doc) -> list[Doc]:
    """`PropertyDifferences`. Only what the template declares counts.

    Documented: paths, the three types and values as text; assumed: where in a list an added entry
    stands (after those of the template), and `null` for a value that is not there.
    """
    found: list[Doc] = []
    for name, wanted in declared.items():
        if name == "Tags":
            keys = {t["Key"] for t in wanted}
            tags = [t for t in live.get("Tags") or () if t["Key"] in keys]
            _compare(f"/{name}", wanted, tags, found)
        else:
            _compare(f"/{name}", wanted, live.get(name), found)
    return found


def says(wanted: Any, live: Any) -> bool:
    """Whether the live value says all that is wanted."""
    found: list[Doc] = []
    _compare("", wanted, live, found)
    return not found


def _compare(path: str, wanted: Any, live: Any, found: list[Doc]) -> None:
    if live is None:
        found.append(_difference(path, wanted, None, "REMOVE"))
    elif isinstance(wanted, dict) and isinstance(live, dict):
        for name, inner in wanted.items():
            _compare(f"{path}/{name}", inner, live.get(name), found)
    elif isinstance(wanted, list) and isinstance(live, list):
        _lists(path, wanted, live, found)
    elif _text(wanted) != _text(live):
        found.append(_difference(path, wanted, live, "NOT_EQUAL"))


def _lists(path: str, wanted: list[Any], live: list[Any], found: list[Doc]) -> None:
    rest, lost = list(live), []
    for index, item in enumerate(wanted):
        same = next((one for one in rest if says(item, one)), None)
        if same is None:
            lost.append((index, item))
        else:
            rest.remove(same)
    if len(lost) == len(rest) == 1:
        _compare(f"{path}/{lost[0][0]}", lost[0][1], rest[0], found)
        return
    found += [_difference(f"{path}/{index}", item, None, "REMOVE") for index, item in lost]
    found += [
        _difference(f"{path}/{len(wanted) + number}", None, item, "ADD")
        for number, item in enumerate(rest)
    ]


def _difference(path: str, wanted: Any, live: Any, kind: str) -> Doc:
    return {
        "PropertyPath": path, "ExpectedValue": _text(wanted), "ActualValue": _text(live),
        "DifferenceType": kind,
    }  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True)
