"""How drifted resources are put back as their template says, by the service's own API.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
A type or property that nobody here can put back ends the test.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cloudformation_calls import Caller, Doc
from sandbox.cloudformation_live import attached, says, security_group
from sandbox.cloudformation_stacks import Worker
from sandbox.errors import NotSimulated

KNOWN = {
    "AWS::EC2::SecurityGroup": {"SecurityGroupIngress", "SecurityGroupEgress"},
    "AWS::S3::Bucket": {"PublicAccessBlockConfiguration"},
    "AWS::SSM::Parameter": {"Value"},
}
"""Type → properties that are put back."""


def refuse_unknown(kind: str, differences: Iterable[Doc]) -> None:
    """`NotSimulated` if one of the differences can't be put back."""
    names = {each["PropertyPath"].split("/")[1] for each in differences}
    if beyond := names - KNOWN.get(kind, set()):
        raise NotSimulated(f"CloudFormation: reverting drift of {kind}: {', '.join(beyond)}")


def put_back(at_work: Worker, name: str, record: Doc) -> None:
    """One resource, as the template says."""
    call, physical, wanted = at_work.call, record["physical"], at_work.declared(name)
    if record["type"] == "AWS::SSM::Parameter":
        call("ssm", "PutParameter", Name=physical, Value=wanted["Value"], Overwrite=True)
    elif record["type"] == "AWS::S3::Bucket":
        block = wanted["PublicAccessBlockConfiguration"]
        call(
            "s3", "PutPublicAccessBlock", Bucket=physical, PublicAccessBlockConfiguration=block
        )  # fmt: skip
    else:
        made = {n: r for n, r in at_work.stack["_resources"].items() if r.get("physical")}
        others = [(r["type"], at_work.declared(n)) for n, r in made.items() if n != name]
        _rules(call, physical, wanted, others)


def _rules(call: Caller, group: str, wanted: Doc, others: list[tuple[str, Doc]]) -> None:
    found = security_group(call, group)
    if found is None:
        raise NotSimulated("a security group that goes while its drift is reverted")
    live = attached("AWS::EC2::SecurityGroup", group, others, found)
    for way, side in (("Ingress", "Source"), ("Egress", "Destination")):
        name = f"SecurityGroup{way}"
        if name not in wanted:
            continue
        for rule in live[name]:
            if not any(says(one, rule) for one in wanted[name]):
                call("ec2", f"RevokeSecurityGroup{way}", GroupId=group,
                     IpPermissions=[_permission(rule, side)])  # fmt: skip
        for rule in wanted[name]:
            if not any(says(rule, one) for one in live[name]):
                call("ec2", f"AuthorizeSecurityGroup{way}", GroupId=group,
                     IpPermissions=[_permission(rule, side)])  # fmt: skip


def _permission(rule: Doc, side: str) -> Doc:
    """A rule of a template as EC2's API writes it."""
    made: Doc = {k: rule[k] for k in ("IpProtocol", "FromPort", "ToPort") if k in rule}
    told = {"Description": rule["Description"]} if "Description" in rule else {}
    for name, several, single in (
        ("CidrIp", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        (f"{side}SecurityGroupId", "UserIdGroupPairs", "GroupId"),
        (f"{side}PrefixListId", "PrefixListIds", "PrefixListId"),
    ):
        if name in rule:
            made[several] = [{single: rule[name], **told}]
    return made
