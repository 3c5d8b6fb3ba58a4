"""Security groups: what AWS makes of their rules is no drift, what people make of them is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.errors import Killed
from sandbox.pytest_plugin import new_world
from sandbox.world import World
from tests.harness import Plant, environment, resource

Doc = dict[str, Any]
P = "/plumbline/litellm-production/network/vpc"
VPC = f"vpcId: '${{ssm:{P}}}'"
NAME = "litellm-production-"
APP = f"""{VPC}, ingress: [{{protocol: tcp, ports: 4000, peer: 10.1.2.3/8}},
  {{protocol: icmp, ports: 3/4, peer: 0.0.0.0/0}}],
  egress: [{{protocol: all, peer: 0.0.0.0/0}}]"""
DATA = f"""{VPC}, ingress: [{{protocol: 6, ports: '5432', peer: '${{SecurityGroup.app.id}}'}},
  {{protocol: 58, peer: '2001:DB8::/32'}}, {{protocol: udp, ports: 53, peer: self}}]"""


class Estate(Plant):
    """Two groups, one of which lets the other in."""

    def __init__(self, world: World, app: str = APP, data: str = DATA) -> None:
        text = environment(
            resource("SecurityGroup", "data", data), resource("SecurityGroup", "app", app)
        )
        super().__init__(world, text)
        self.ec2 = self.aws.client("ec2")

    def group(self, name: str) -> Any:
        filters = [{"Name": "group-name", "Values": [NAME + name]}]
        (found,) = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return found

    def rules(self, name: str, egress: bool = False) -> set[tuple[Any, ...]]:
        """(protocol, from, to, peer, description) of all."""
        found = self.group(name)["IpPermissionsEgress" if egress else "IpPermissions"]
        return {
            (p["IpProtocol"], p.get("FromPort"), p.get("ToPort"), entry[member],
             entry.get("Description"))
            for p in found
            for several, member in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"),
                                    ("UserIdGroupPairs", "GroupId"),
                                    ("PrefixListIds", "PrefixListId"))
            for entry in p[several]
        }  # fmt: skip

    def mended(self) -> tuple[dict[str, str], list[str]]:
        """(path → cause of what the next pass finds, its calls), after which all is as it was."""
        self.later()
        self.checkpoint()
        report = self.run()
        found = {c.path: c.cause for a in report.assessments.values() for c in a.changes}
        calls = [c.operation.replace("SecurityGroup", "") for c in self.writes()]
        self.later()
        assert self.run().converged
        return found, calls


@pytest.fixture
def e(world: World) -> Estate:
    made = Estate(world)
    made.converge()
    return made


@pytest.mark.case(630, 631, 632, 633, "echo")
def test_made_in_one_pass_and_at_rest_in_the_next(world: World) -> None:
    world.max_lag = timedelta(0)
    e = Estate(world)
    e.run()
    e.later()
    assert e.run().converged
    app, data = e.group("app")["GroupId"], e.group("data")["GroupId"]
    assert e.rules("app") == {
        ("tcp", 4000, 4000, "10.0.0.0/8", None), ("icmp", 3, 4, "0.0.0.0/0", None),
    }  # fmt: skip
    assert e.rules("app", egress=True) == {("-1", None, None, "0.0.0.0/0", None)}
    assert e.rules("data") == {
        ("tcp", 5432, 5432, app, None), ("icmpv6", -1, -1, "2001:db8::/32", None),
        ("udp", 53, 53, data, None),
    }  # fmt: skip
    assert e.rules("data", egress=True) == set()
    e.checkpoint()
    assert all(e.run().converged for _ in range(2))
    assert e.writes() == []


SSH: Doc = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}


@pytest.mark.case(630, "change")
def test_a_port_opened_to_the_world_is_closed(e: Estate) -> None:
    group = e.group("data")["GroupId"]
    e.ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{**SSH, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "soon gone"}],
                        "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}],
    )  # fmt: skip
    before = e.rules("app")
    assert e.mended() == (
        {"ingress[tcp/22/0.0.0.0/0]": "drift", "ingress[tcp/22/::/0]": "drift"},
        ["RevokeIngress"],
    )
    assert not [r for r in e.rules("data") if r[1] == 22]
    assert e.rules("app") == before


@pytest.mark.case(631, "change")
def test_a_block_widened_in_the_console_is_narrowed_again_without_a_gap(e: Estate) -> None:
    group = e.group("app")["GroupId"]
    filters = [{"Name": "group-id", "Values": [group]}]
    held = e.ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    (rule,) = [r["SecurityGroupRuleId"] for r in held if r.get("CidrIpv4") == "10.0.0.0/8"]
    wide = {"IpProtocol": "tcp", "FromPort": 4000, "ToPort": 4000, "CidrIpv4": "0.0.0.0/0"}
    e.ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": wide}],
    )
    assert e.mended() == (
        {"ingress[tcp/4000/10.0.0.0/8]": "drift", "ingress[tcp/4000/0.0.0.0/0]": "drift"},
        ["AuthorizeIngress", "RevokeIngress"],
    )


@pytest.mark.case(632, "change")
def test_outbound_traffic_opened_is_closed(e: Estate) -> None:
    group = e.group("data")["GroupId"]
    for block in ({"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}):
        e.ec2.authorize_security_group_egress(
            GroupId=group, IpPermissions=[{"IpProtocol": "-1", **block}]
        )
    assert e.mended() == (
        {"egress[all/0.0.0.0/0]": "drift", "egress[all/::/0]": "drift"}, ["RevokeEgress"],
    )  # fmt: skip


@pytest.mark.case(633, "change")
def test_another_group_let_in_is_shut_out(e: Estate) -> None:
    """And a rule taken away is given back."""
    data, app = e.group("data")["GroupId"], e.group("app")["GroupId"]
    mine = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432,
            "UserIdGroupPairs": [{"GroupId": app}]}  # fmt: skip
    e.ec2.authorize_security_group_ingress(
        GroupId=app, IpPermissions=[{**SSH, "UserIdGroupPairs": [{"GroupId": data}]}]
    )
    e.ec2.revoke_security_group_ingress(GroupId=data, IpPermissions=[mine])
    found, calls = e.mended()
    assert found == {f"ingress[tcp/22/{data}]": "drift", f"ingress[tcp/5432/{app}]": "drift"}
    assert sorted(calls) == ["AuthorizeIngress", "RevokeIngress"]


def test_in_a_vpc_with_ipv6_nothing_is_left_open(world: World) -> None:
    e = Estate(world)
    vpc = e.ec2.create_vpc(CidrBlock="10.9.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    lists = e.ec2.create_managed_prefix_list(
        PrefixListName="x", MaxEntries=5, AddressFamily="IPv4"
    )["PrefixList"]  # fmt: skip
    e.aws.client("ssm").put_parameter(Name=P, Value=vpc["VpcId"], Overwrite=True)
    to = f"{{protocol: tcp, ports: 443, peer: {lists['PrefixListId']}}}"
    e.publish(environment(
        resource("SecurityGroup", "app", f"{VPC}, egress: [{to}]"),
        resource("SecurityGroup", "open", f"{VPC}, egress: [{{protocol: all, peer: '::/0'}}]"),
    ))  # fmt: skip
    reports = e.converge()
    assert e.rules("app", egress=True) == {("tcp", 443, 443, lists["PrefixListId"], None)}
    assert e.rules("open", egress=True) == {("-1", None, None, "::/0", None)}
    assert not [a.drift for r in reports for a in r.assessments.values() if a.drift]


@pytest.mark.parametrize("call", [1, 2, 5])
def test_cut_off_after_any_call_it_ends_the_same(call: int) -> None:
    world = new_world(call)
    e = Estate(world)
    world.fault("kill-after", "ec2:*", after=call)
    with pytest.raises(Killed):
        e.converge()
    e.revive()
    e.converge()
    assert len(e.rules("app")) == 2
    assert len(e.rules("data")) == 3
    assert e.rules("app", egress=True) == {("-1", None, None, "0.0.0.0/0", None)}
    assert e.rules("data", egress=True) == set()


def test_a_commit_swaps_rules_and_a_group_in_use_waits_to_go(e: Estate) -> None:
    """A group that another names is deleted once that other is gone; a default group never is."""
    e.publish(environment(
        resource("SecurityGroup", "app", APP.replace("4000", "4001")),
        resource("SecurityGroup", "data", DATA), spec="prune: delete, limits: {maxDeletes: 2}",
    ))  # fmt: skip
    found, calls = e.mended()
    assert set(found.values()) == {"pending"}
    assert calls == ["AuthorizeIngress", "RevokeIngress"]
    other = e.ec2.create_security_group(
        GroupName="theirs", Description="theirs", VpcId=e.group("app")["VpcId"]
    )["GroupId"]
    pair = [{"GroupId": e.group("data")["GroupId"]}]
    e.ec2.authorize_security_group_ingress(
        GroupId=other, IpPermissions=[{**SSH, "UserIdGroupPairs": pair}]
    )
    e.publish(environment(
        resource("SecurityGroup", "app", APP.replace("4000", "4001")),
        spec="prune: delete, limits: {maxDeletes: 2}",
    ))  # fmt: skip
    e.later()
    assert [o.waiting for o in e.run().outcomes] == [True]
    e.ec2.delete_security_group(GroupId=other)
    e.converge()
    names = {g["GroupName"] for g in e.ec2.describe_security_groups()["SecurityGroups"]}
    assert NAME + "data" not in names
    assert {NAME + "app", "default"} <= names


def test_somebody_elses_group_is_left_as_it_is(world: World) -> None:
    """Until it is adopted: then what nobody declared is revoked."""
    e = Estate(world)
    vpc = e.aws.client("ssm").get_parameter(Name=P)["Parameter"]["Value"]
    made = e.ec2.create_security_group(GroupName=NAME + "app", Description="x", VpcId=vpc)
    e.ec2.authorize_security_group_ingress(
        GroupId=made["GroupId"], IpPermissions=[{**SSH, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    for _ in range(3):
        e.later()
        e.run()
    assert e.rules("app") == {("tcp", 22, 22, "0.0.0.0/0", None)}
    assert "Tags" not in e.group("app")
    adopted = resource("SecurityGroup", "app", APP, "lifecycle: {adopt: true}\n")
    e.publish(environment(adopted, resource("SecurityGroup", "data", DATA)))
    e.converge()
    assert e.group("app")["GroupId"] == made["GroupId"]
    assert not [r for r in e.rules("app") if r[1] == 22]
