"""EC2: what a security group is, as AWS keeps it, and what it refuses.

moto makes VPCs with their default groups and knows which groups there are, since other services
ask it; rules and tags are kept here.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any

from moto.backends import get_backend

from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context
from sandbox.tags import forget_tags, put_tags, tags_of
from sandbox.world import Store

Group = dict[str, Any]
Rule = dict[str, Any]

MAX_RULES = 60
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html (for each direction and
address family; groups and prefix lists of AWS's count in both)."""
TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*")
TAG_CODE = "InvalidParameterValue"
NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
PEERS = {
    "IpRanges": ("CidrIp", "CidrIpv4"),
    "Ipv6Ranges": ("CidrIpv6", "CidrIpv6"),
    "UserIdGroupPairs": ("GroupId", "ReferencedGroupId"),
    "PrefixListIds": ("PrefixListId", "PrefixListId"),
}
"""List of a permission → its member, and the member of a rule that says the same."""


def invalid(message: str) -> AwsError:
    """`InvalidParameterValue`, to be raised."""
    return AwsError("InvalidParameterValue", message)


def backend(ctx: Context) -> Any:
    """moto's EC2 in the caller's account and region."""
    return get_backend("ec2")[ctx.account][ctx.region]


def arn_of(ctx: Context, group_id: str) -> str:
    """ARN of a group."""
    return ctx.arn(f"security-group/{group_id}")


def groups(ctx: Context, store: Store) -> dict[str, Group]:
    """Groups by id in a store, those included that moto made: a VPC's default group."""
    held: dict[str, Group] = store.setdefault("groups", {})
    made = ctx.store.setdefault("made", {})
    there = {g.id: g for by_id in backend(ctx).groups.values() for g in by_id.values() if g.vpc_id}
    for group_id, found in there.items():
        if group_id not in held and group_id not in made:
            held[group_id] = _born(ctx, found)
    if store is ctx.store:
        for gone in [group_id for group_id in held if group_id not in there]:
            forget_tags(ctx.store, arn_of(ctx, gone))
            del held[gone]
    return held


def _born(ctx: Context, found: Any) -> Group:
    group = {
        "GroupId": found.id, "GroupName": found.name, "Description": found.description,
        "VpcId": found.vpc_id, "rules": {},
    }  # fmt: skip
    vpc = backend(ctx).vpcs.get(found.vpc_id)
    add(ctx, group, [{"IsEgress": True, "IpProtocol": "-1", "CidrIpv4": "0.0.0.0/0"}])
    if vpc is not None and vpc.get_cidr_block_association_set(ipv6=True):
        add(ctx, group, [{"IsEgress": True, "IpProtocol": "-1", "CidrIpv6": "::/0"}])
    if found.name == "default":
        own = {"IsEgress": False, "IpProtocol": "-1", "ReferencedGroupId": found.id}
        add(ctx, group, [own])
    return group


def make(ctx: Context, name: str, description: str, vpc: str, tags: dict[str, str]) -> Group:
    """A new group, with the outbound rules that AWS gives each."""
    made = backend(ctx).create_security_group(name, description, vpc_id=vpc, force=True)
    ctx.store.setdefault("made", {})[made.id] = True
    put_tags(ctx.store, arn_of(ctx, made.id), tags, TAG_CODE)
    group = _born(ctx, made)
    ctx.store.setdefault("groups", {})[made.id] = group
    return group


def drop(ctx: Context, group: Group) -> None:
    """Delete a group that nothing uses. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/
    API_DeleteSecurityGroup.html"""
    group_id = group["GroupId"]
    if group["GroupName"] == "default":
        raise AwsError(
            "CannotDelete",
            f'the specified group: "{group_id}" name: "default" cannot be deleted by a user',
        )
    others = (g for g in groups(ctx, ctx.store).values() if g is not group)
    named = {r.get("ReferencedGroupId") for g in others for r in g["rules"].values()}
    if group_id in named or group_id in set(_worn(ctx)):
        raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")
    backend(ctx).delete_security_group(group_id=group_id)
    del ctx.store["groups"][group_id]
    forget_tags(ctx.store, arn_of(ctx, group_id))


def _worn(ctx: Context) -> Iterator[str]:
    """Groups of what has network interfaces here: databases, caches, tasks, load balancers."""
    for each in ctx.other("rds").get("instances", {}).values():
        yield from (g["VpcSecurityGroupId"] for g in each["VpcSecurityGroups"])
    for each in ctx.other("elasticache").get("clusters", {}).values():
        yield from (g["SecurityGroupId"] for g in each["SecurityGroups"])
    for each in ctx.other("ecs").get("services", {}).values():
        network = each.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        if each["status"] != "INACTIVE":
            yield from network.get("securityGroups", ())
    for each in get_backend("elbv2")[ctx.account][ctx.region].load_balancers.values():
        yield from each.security_groups or ()


def group_of(ctx: Context, group_id: str | None) -> Group:
    """A group by its id."""
    if group_id is None:
        raise AwsError("MissingParameter", "The request must contain the parameter groupId")
    if not re.fullmatch(r"sg-[0-9a-f]{8,17}", group_id):
        raise AwsError("InvalidGroupId.Malformed", f'Invalid id: "{group_id}" (expecting "sg-...")')
    held = groups(ctx, ctx.store)
    if group_id not in held:
        raise AwsError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
    return held[group_id]


# --- rules ---


def key_of(rule: Rule) -> tuple[Any, ...]:
    """What makes a rule the same rule: all but its description."""
    return (
        rule["IsEgress"], rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"),
        *(rule.get(said) for _, said in PEERS.values()),
    )  # fmt: skip


def rules_of(ctx: Context, group: Group, permissions: Iterable[Any], egress: bool) -> list[Rule]:
    """The rules that permissions stand for, one for each peer, as AWS would keep them."""
    found = []
    for permission in permissions:
        base = {"IsEgress": egress, **_traffic(permission)}
        peers = [
            (said, entry.get(member), entry)
            for several, (member, said) in PEERS.items()
            for entry in permission.get(several) or ()
        ]
        if not peers:
            raise AwsError(
                "MissingParameter",
                "Missing source specification: include source security group or CIDR information",
            )
        for said, value, entry in peers:
            rule = {**base, said: _peer(ctx, group, said, value, entry)}
            if entry.get("Description"):
                rule["Description"] = described(entry["Description"])
            found.append(rule)
    return found


def described(text: str) -> str:
    """A rule's description; refused as AWS refuses it."""
    if len(text) > 255 or not TEXT.fullmatch(text):
        raise invalid(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from"
            " the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
        )
    return text


def _traffic(said: dict[str, Any]) -> Rule:
    name = str(said.get("IpProtocol", "-1")).lower()
    name = NUMBERS.get(name, "-1" if name == "all" else name)
    low, high = said.get("FromPort"), said.get("ToPort")
    if name in ("tcp", "udp"):
        if low is None or high is None:
            raise invalid(
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
            )
        if not 0 <= low <= high <= 65535:
            raise invalid(f"Invalid TCP/UDP port range ({low}:{high})")
    elif name in ("icmp", "icmpv6"):
        low, high = (-1 if low is None else low), (-1 if high is None else high)
        if not -1 <= low <= 255 or not -1 <= high <= 255 or (low == -1 and high != -1):
            raise invalid(f"Invalid ICMP type or code ({low}:{high})")
    elif name == "-1" or (name.isdigit() and int(name) <= 255):
        return {"IpProtocol": name}
    else:
        raise invalid(f"Invalid value '{name}' for IP protocol. Unknown protocol.")
    return {"IpProtocol": name, "FromPort": low, "ToPort": high}


def _peer(ctx: Context, group: Group, said: str, value: Any, entry: dict[str, Any]) -> str:
    if said in ("CidrIpv4", "CidrIpv6"):
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise invalid(f"CIDR block {value} is malformed") from None
        if "/" not in value or (network.version == 4) != (said == "CidrIpv4"):
            raise invalid(f"CIDR block {value} is malformed")
        return str(network)
    if said == "PrefixListId":
        if value not in backend(ctx).managed_prefix_lists:
            raise AwsError(
                "InvalidPrefixListID.NotFound", f"The prefix list ID '{value}' does not exist"
            )
        return str(value)
    if entry.get("UserId", ctx.account) != ctx.account or "VpcPeeringConnectionId" in entry:
        raise NotSimulated("security group rules for groups of other accounts")
    if value is None:
        raise NotSimulated("security group rules for groups by name")
    other = group_of(ctx, value)
    if other["VpcId"] != group["VpcId"]:
        raise AwsError(
            "InvalidGroup.NotFound",
            "You have specified two resources that belong to different networks.",
        )
    return str(value)


def authorize(ctx: Context, group: Group, rules: list[Rule]) -> list[Rule]:
    """Add rules, all or none."""
    held = [key_of(rule) for rule in group["rules"].values()]
    for rule in rules:
        if key_of(rule) in held:
            raise AwsError(
                "InvalidPermission.Duplicate", f'the specified rule "{told(rule)}" already exists'
            )
        held.append(key_of(rule))
    check_count([*group["rules"].values(), *rules])
    return add(ctx, group, rules)


def check_count(rules: Iterable[Rule]) -> None:
    """Refuse more rules than a group can have."""
    rules = list(rules)
    for egress in (False, True):
        for other in ("CidrIpv4", "CidrIpv6"):
            family = [r for r in rules if r["IsEgress"] is egress and other not in r]
            if len(family) > MAX_RULES:
                raise AwsError(
                    "RulesPerSecurityGroupLimitExceeded",
                    "The maximum number of rules per security group has been reached.",
                )


def told(rule: Rule) -> str:
    """A rule in AWS's words, as in its errors."""
    peer = next(rule[said] for _, said in PEERS.values() if said in rule)
    name = rule["IpProtocol"]
    ports = (
        f", from port: {rule['FromPort']}, to port: {rule['ToPort']}" if "FromPort" in rule else ""
    )
    return f"peer: {peer}, {'ALL' if name == '-1' else name.upper()}{ports}, ALLOW"


def add(ctx: Context, group: Group, rules: list[Rule]) -> list[Rule]:
    """Keep rules under ids of their own."""
    for rule in rules:
        group["rules"][f"sgr-{ctx.token(length=17)}"] = rule
    return [shown(ctx, group, key) for key in list(group["rules"])[-len(rules) :]]


def shown(ctx: Context, group: Group, rule_id: str) -> Rule:
    """A rule as DescribeSecurityGroupRules shows it."""
    rule = dict(group["rules"][rule_id])
    other = rule.pop("ReferencedGroupId", None)
    if other is not None:
        rule["ReferencedGroupInfo"] = {"GroupId": other, "UserId": ctx.account}
    ports = {"FromPort": rule.get("FromPort", -1), "ToPort": rule.get("ToPort", -1)}
    return {
        **rule, **ports, "SecurityGroupRuleId": rule_id, "GroupId": group["GroupId"],
        "GroupOwnerId": ctx.account, "Tags": [],
    }  # fmt: skip


def permissions(ctx: Context, group: Group, egress: bool) -> list[dict[str, Any]]:
    """The rules of one direction as DescribeSecurityGroups shows them: by protocol and ports."""
    by_traffic: dict[tuple[Any, ...], dict[str, Any]] = {}
    for rule in group["rules"].values():
        if rule["IsEgress"] is not egress:
            continue
        ports = {k: rule[k] for k in ("IpProtocol", "FromPort", "ToPort") if k in rule}
        empty: dict[str, Any] = {several: [] for several in PEERS}
        held = by_traffic.setdefault(tuple(ports.values()), {**ports, **empty})
        for several, (member, said) in PEERS.items():
            if said in rule:
                entry = {member: rule[said]}
                if several == "UserIdGroupPairs":
                    entry["UserId"] = ctx.account
                if "Description" in rule:
                    entry["Description"] = rule["Description"]
                held[several].append(entry)
    for held in by_traffic.values():
        for several in PEERS:
            held[several] = ctx.shuffled(held[several])
    return ctx.shuffled(by_traffic.values())


def whole(ctx: Context, store: Store, group: Group) -> dict[str, Any]:
    """A group as DescribeSecurityGroups shows it."""
    arn = arn_of(ctx, group["GroupId"])
    out: dict[str, Any] = {k: v for k, v in group.items() if k != "rules"}
    tags = store.get("_tags", {}).get(arn, {})
    if tags:
        out["Tags"] = ctx.shuffled({"Key": k, "Value": v} for k, v in tags.items())
    return {
        **out, "OwnerId": ctx.account, "SecurityGroupArn": arn,
        "IpPermissions": permissions(ctx, group, egress=False),
        "IpPermissionsEgress": permissions(ctx, group, egress=True),
    }  # fmt: skip


def tags_to_change(ctx: Context, group_id: str) -> dict[str, str]:
    """The tags of a group, to change."""
    return tags_of(ctx.store, arn_of(ctx, group_of(ctx, group_id)["GroupId"]))
