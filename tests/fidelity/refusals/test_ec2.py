"""What EC2 rejects of security groups."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Given, Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
BAD, GONE = "InvalidParameterValue", "InvalidGroup.NotFound"
THERE = "what there is in AWS"
NAME = "the name is checked when the file is read: tests/unit/test_manifest.py"
VPC = "vpcId: vpc-0a1b2c3d"
IDS: dict[str, str] = {}
"""What the stage was made with: `vpc`, `default`, and groups by name."""


def row(
    operation: str, why: str, load: Load, says: str, code: str = BAD, **request: Any
) -> Refusal:  # fmt: skip
    """load: (spec, what is said of it), or why no file can tell. Values that begin with `@` are
    ids of what the stage has."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("SecurityGroup", f"{VPC}, {load[0]}", load[1])}  # fmt: skip
    source = f"{API}{operation}.html"
    return Refusal(f"ec2:{operation}", why, {}, code, source, says, filled(request), **told)


def filled(request: Any) -> Given:
    def value(held: Any) -> Any:
        if isinstance(held, dict):
            return {k: value(v) for k, v in held.items()}
        if isinstance(held, list):
            return [value(v) for v in held]
        return IDS[held[1:]] if isinstance(held, str) and held[:1] == "@" else held

    return lambda aws, world: dict(value(request))


def create(why: str, load: Load, says: str, code: str = BAD, **request: Any) -> Refusal:
    whole = {"GroupName": "new", "Description": "new", "VpcId": "@vpc", **request}
    return row("CreateSecurityGroup", why, load, says, code, **whole)


def rule(
    operation: str, why: str, load: Load, says: str, code: str = BAD, group: str = "@there",
    **permission: Any,
) -> Refusal:  # fmt: skip
    whole = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **permission}
    asked = [{k: v for k, v in whole.items() if v is not None}]
    return row(f"{operation}", why, load, says, code, GroupId=group, IpPermissions=asked)


def cidr(block: str, **more: str) -> list[Doc]:
    return [{"CidrIp": block, **more}]


INGRESS, EGRESS = "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"
WORLD = cidr("0.0.0.0/0")

REFUSALS = (
    create("a name that is taken", THERE, "already exists", "InvalidGroup.Duplicate",
           GroupName="There"),
    create("the name of the default group", NAME, "reserved", "InvalidGroup.Reserved",
           GroupName="default"),
    create("a name like an id", NAME, "sg-", GroupName="sg-1"),
    create("a name too long", NAME, "less than 256", GroupName="x" * 256),
    create("a description with an umlaut", ("description: Größe", "letters, digits"),
           "Valid descriptions", Description="Größe"),
    create("a description too long", (f"description: {'x' * 256}", "at most 255"),
           "less than 256", Description="x" * 256),
    create("a VPC that is not there", THERE, "does not exist", "InvalidVpcID.NotFound",
           VpcId="vpc-11111111"),
    create("a tag of AWS's own", ('tags: {"aws:x": y}', "does not begin with aws:"), "aws:",
           TagSpecifications=[{"ResourceType": "security-group",
                               "Tags": [{"Key": "aws:x", "Value": "y"}]}]),
    rule(INGRESS, "a group that is not there", THERE, "does not exist", GONE, "sg-11111111",
         IpRanges=WORLD),
    rule(INGRESS, "a rule that is there", THERE, "already exists", "InvalidPermission.Duplicate",
         FromPort=22, ToPort=22, IpRanges=WORLD),
    row(INGRESS, "a rule twice",
        ("ingress: [{protocol: all, peer: self}, {protocol: -1, peer: self}]", "there twice"),
        "already exists", "InvalidPermission.Duplicate", GroupId="@there",
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": WORLD}] * 2),
    rule(INGRESS, "more than sixty rules", "the account's quota may have been raised",
         "maximum number of rules", "RulesPerSecurityGroupLimitExceeded",
         IpRanges=[c for n in range(60) for c in cidr(f"10.0.{n}.0/24")]),
    rule(INGRESS, "no protocol like that",
         ("ingress: [{protocol: tpc, ports: 80, peer: self}]", "tcp, udp, icmp"),
         "Unknown protocol", IpProtocol="tpc", IpRanges=WORLD),
    rule(INGRESS, "no ports", ("ingress: [{protocol: tcp, peer: self}]", "needs ports"),
         "Must specify both", FromPort=None, ToPort=None, IpRanges=WORLD),
    rule(INGRESS, "ports the wrong way round",
         ("ingress: [{protocol: tcp, ports: 90-80, peer: self}]", "low-high"), "port range",
         FromPort=90, ToPort=80, IpRanges=WORLD),
    rule(INGRESS, "a port too high",
         ("ingress: [{protocol: tcp, ports: 65536, peer: self}]", "0-65535"), "port range",
         ToPort=65536, IpRanges=WORLD),
    rule(INGRESS, "no type of ICMP",
         ("ingress: [{protocol: icmp, ports: 256, peer: self}]", "type/code"), "ICMP",
         IpProtocol="icmp", FromPort=256, ToPort=-1, IpRanges=WORLD),
    rule(INGRESS, "no CIDR block",
         ("ingress: [{protocol: tcp, ports: 80, peer: 10.0.0.0/33}]", "CIDR block"), "malformed",
         IpRanges=cidr("10.0.0.0/33")),
    rule(INGRESS, "an address without its /32",
         ("ingress: [{protocol: tcp, ports: 80, peer: 10.0.0.1}]", "…/32"), "malformed",
         IpRanges=cidr("10.0.0.1")),
    rule(INGRESS, "no peer", ("ingress: [{protocol: tcp, ports: 80}]", "peer"),
         "Missing source", "MissingParameter"),
    rule(INGRESS, "a peer that is not there", THERE, "does not exist", GONE,
         UserIdGroupPairs=[{"GroupId": "sg-11111111"}]),
    rule(INGRESS, "a peer in another VPC", THERE, "different networks", GONE,
         UserIdGroupPairs=[{"GroupId": "@elsewhere"}]),
    rule(INGRESS, "a prefix list that is not there", THERE, "does not exist",
         "InvalidPrefixListID.NotFound", PrefixListIds=[{"PrefixListId": "pl-11111111"}]),
    rule(INGRESS, "a description with an umlaut",
         ("ingress: [{protocol: tcp, ports: 80, peer: self, description: Größe}]",
          "letters, digits"), "Valid descriptions",
         IpRanges=cidr("0.0.0.0/0", Description="Größe")),
    rule(EGRESS, "a group that is not there", THERE, "does not exist", GONE, "sg-11111111",
         IpRanges=WORLD),
    rule(EGRESS, "the rule that AWS gives each group", THERE, "already exists",
         "InvalidPermission.Duplicate", IpProtocol="-1", IpRanges=WORLD),
    rule("RevokeSecurityGroupIngress", "a rule that is not there", THERE, "does not exist",
         "InvalidPermission.NotFound", IpRanges=WORLD),
    rule("RevokeSecurityGroupEgress", "a rule that is not there", THERE, "does not exist",
         "InvalidPermission.NotFound", IpProtocol="-1", Ipv6Ranges=[{"CidrIpv6": "::/0"}]),
    rule("UpdateSecurityGroupRuleDescriptionsIngress", "a rule that is not there", THERE,
         "does not exist", "InvalidPermission.NotFound", IpRanges=cidr("1.1.1.1/32")),
    rule("UpdateSecurityGroupRuleDescriptionsEgress", "a rule that is not there", THERE,
         "does not exist", "InvalidPermission.NotFound", IpRanges=cidr("1.1.1.1/32")),
    row("DeleteSecurityGroup", "a group that another one names", THERE, "dependent object",
        "DependencyViolation", GroupId="@there"),
    row("DeleteSecurityGroup", "a group that something is in", THERE, "dependent object",
        "DependencyViolation", GroupId="@worn"),
    row("DeleteSecurityGroup", "a VPC's default group", NAME, "cannot be deleted", "CannotDelete",
        GroupId="@default"),
    row("DeleteSecurityGroup", "a group that is not there", THERE, "does not exist", GONE,
        GroupId="sg-11111111"),
    row("CreateTags", "a group that is not there", THERE, "does not exist", GONE,
        Resources=["sg-11111111"], Tags=[{"Key": "a", "Value": "b"}]),
    row("CreateTags", "the 51st tag", "how many tags others have put on it", "at most 50",
        "TagLimitExceeded", Resources=["@there"],
        Tags=[{"Key": f"k{n}", "Value": "x"} for n in range(50)]),
    row("DeleteTags", "a tag of AWS's own", ('tags: {"aws:x": y}', "does not begin with aws:"),
        "aws:", Resources=["@there"], Tags=[{"Key": "aws:x"}]),
)  # fmt: skip


def groups(aws: boto3.Session, world: World) -> None:
    """One with a rule and a tag, one that names it, one in use, one in another VPC."""
    ec2 = aws.client("ec2")
    vpcs = [ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
    for name, vpc in zip(("there", "naming", "worn", "elsewhere"), (*vpcs[:1] * 3, vpcs[1]),
                         strict=True):  # fmt: skip
        made = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
        IDS[name] = made["GroupId"]
    IDS["vpc"] = vpcs[0]
    held = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": vpcs[:1]}])
    IDS["default"] = next(
        g["GroupId"] for g in held["SecurityGroups"] if g["GroupName"] == "default"
    )
    ec2.create_tags(Resources=[IDS["there"]], Tags=[{"Key": "t", "Value": "t"}])
    ssh: Doc = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    ec2.authorize_security_group_ingress(
        GroupId=IDS["there"], IpPermissions=[{**ssh, "IpRanges": WORLD}]
    )
    ec2.authorize_security_group_ingress(
        GroupId=IDS["naming"],
        IpPermissions=[{**ssh, "UserIdGroupPairs": [{"GroupId": IDS["there"]}]}],
    )
    subnets = [
        ec2.create_subnet(VpcId=vpcs[0], CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)
        for n, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]
    aws.client("elbv2").create_load_balancer(
        Name="front", Subnets=[s["Subnet"]["SubnetId"] for s in subnets],
        SecurityGroups=[IDS["worn"]],
    )  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("ec2", groups))


def test_what_the_rows_change_something_of_is_taken() -> None:
    world = stage("ec2", groups)
    ec2 = session_of(world).client("ec2")
    made = ec2.create_security_group(GroupName="new", Description="d", VpcId=IDS["vpc"])["GroupId"]
    own: Doc = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": made}]}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[own])
    ec2.authorize_security_group_ingress(
        GroupId=IDS["there"],
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
                        "IpRanges": [c for n in range(59) for c in cidr(f"10.0.{n}.0/24")],
                        "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}],
    )  # fmt: skip
    ec2.create_tags(Resources=[made], Tags=[{"Key": f"k{n}", "Value": "x"} for n in range(50)])
    ec2.delete_security_group(GroupId=made)


def test_every_write_is_refused_something() -> None:
    assert calls_of("SecurityGroup") == {r.call for r in REFUSALS}
