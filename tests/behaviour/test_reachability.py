"""Who reaches whom on the foundation, read from AWS by boto3; and what people open by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bootstrap import deploy
from sandbox import reachability
from sandbox.inprocess import session
from sandbox.reachability import INTERNET, Map, promised, wrong
from sandbox.vpc import read
from sandbox.world import World

NAME = "litellm-production"


class Stage:
    """A foundation with a service, a database and a cache on it, made by hand."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.aws = session(world)
        made = self.aws.client("route53").create_hosted_zone(
            Name="example.com", CallerReference="x"
        )
        said = deploy.read(NAME).model_copy(update={"account": world.account})
        zone = made["HostedZone"]["Id"].split("/")[-1]
        said.stacks["edge"] = {"DomainName": "llm.example.com", "HostedZoneId": zone}
        deploy.Deployment(NAME, said, self.aws).run()
        self.ec2 = self.aws.client("ec2")
        self.rds = self.aws.client("rds")
        self.vpc = self.value("network/vpc")
        self._service()
        self._data()
        world.clock.advance(timedelta(minutes=30))

    def value(self, name: str) -> str:
        got = self.aws.client("ssm").get_parameter(Name=f"/plumbline/{NAME}/{name}")
        return str(got["Parameter"]["Value"])

    def values(self, name: str) -> list[str]:
        return self.value(f"network/{name}").split(",")

    def _service(self) -> None:
        ecs = self.aws.client("ecs")
        ecs.create_cluster(clusterName=f"{NAME}-main")
        ecs.register_task_definition(
            family="gateway", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
            cpu="256", memory="512", containerDefinitions=[{"name": "gateway", "image": "x"}],
        )  # fmt: skip
        network = {
            "subnets": self.values("private-subnets"),
            "securityGroups": self.values("service-security-groups"),
        }
        ecs.create_service(
            cluster=f"{NAME}-main", serviceName=f"{NAME}-gateway", taskDefinition="gateway",
            desiredCount=1, launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )  # fmt: skip

    def _data(self) -> None:
        subnets, cache = self.values("data-subnets"), self.aws.client("elasticache")
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="data", DBSubnetGroupDescription="x", SubnetIds=subnets
        )
        self.rds.create_db_instance(
            DBInstanceIdentifier=f"{NAME}-main", Engine="postgres", AllocatedStorage=20,
            DBInstanceClass="db.t4g.micro", MasterUsername="someone", DBSubnetGroupName="data",
            MasterUserPassword="not-a-secret", PubliclyAccessible=False,
            VpcSecurityGroupIds=self.values("database-security-groups"),
        )  # fmt: skip
        cache.create_cache_subnet_group(
            CacheSubnetGroupName="data", CacheSubnetGroupDescription="x", SubnetIds=subnets
        )
        cache.create_replication_group(
            ReplicationGroupId=f"{NAME}-cache", ReplicationGroupDescription="x", Engine="redis",
            CacheNodeType="cache.t4g.micro", NumCacheClusters=1, CacheSubnetGroupName="data",
            SecurityGroupIds=self.values("cache-security-groups"),
        )  # fmt: skip

    def says(self) -> set[str]:
        """What is not as promised, with names for what AWS numbers."""
        self.world.clock.advance(timedelta(minutes=1))  # reads lag behind writes
        vpc, promise = promised(self.aws, NAME, 4000)
        seen = Map(read(self.aws, vpc))
        balancer = self.value("load-balancer/full-name").split("/")[1]
        found = {*wrong(list(seen.paths()), promise), *seen.strays()}
        return {each.replace(balancer, "lb").replace(f"{NAME}-", "") for each in found}

    # --- what people do ---

    def allow(self, group: str, port: int, **peer: Any) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}
        [group_id] = self.values(f"{group}-security-groups")
        self.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])

    def public_database(self) -> None:
        self.rds.modify_db_instance(
            DBInstanceIdentifier=f"{NAME}-main", PubliclyAccessible=True, ApplyImmediately=True
        )
        self.world.clock.advance(timedelta(minutes=30))

    def place_database(self, *kinds: str) -> None:
        subnets = [each for kind in kinds for each in self.values(f"{kind}-subnets")]
        self.rds.modify_db_subnet_group(DBSubnetGroupName="data", SubnetIds=subnets)

    def table(self, kind: str) -> str:
        tables = self.ec2.describe_route_tables(
            Filters=[{"Name": "association.subnet-id", "Values": self.values(f"{kind}-subnets")}]
        )["RouteTables"]
        return str(tables[0]["RouteTableId"])

    def route_to_the_internet(self) -> None:
        [gateway] = self.ec2.describe_internet_gateways(
            Filters=[{"Name": "attachment.vpc-id", "Values": [self.vpc]}]
        )["InternetGateways"]
        self.ec2.create_route(
            RouteTableId=self.table("data"), DestinationCidrBlock="0.0.0.0/0",
            GatewayId=gateway["InternetGatewayId"],
        )  # fmt: skip

    def peer(self) -> None:
        other = self.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
        made = self.ec2.create_vpc_peering_connection(VpcId=self.vpc, PeerVpcId=other)
        self.peering = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=self.peering)

    def route_to_the_peer(self) -> None:
        self.ec2.create_route(
            RouteTableId=self.table("private"), DestinationCidrBlock="10.99.0.0/16",
            VpcPeeringConnectionId=self.peering,
        )  # fmt: skip

    def interface(self) -> None:
        self.ec2.create_network_interface(
            SubnetId=self.values("private-subnets")[0],
            Groups=self.values("database-security-groups"),
        )  # fmt: skip

    def public_service(self) -> None:
        network = {
            "subnets": self.values("public-subnets"), "assignPublicIp": "ENABLED",
            "securityGroups": self.values("service-security-groups"),
        }  # fmt: skip
        self.aws.client("ecs").update_service(
            cluster=f"{NAME}-main", service=f"{NAME}-gateway",
            networkConfiguration={"awsvpcConfiguration": network},
        )  # fmt: skip

    def deny(self) -> None:
        [acl] = self.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])[
            "NetworkAcls"
        ]
        self.ec2.create_network_acl_entry(
            NetworkAclId=acl["NetworkAclId"], RuleNumber=50, Protocol="6", RuleAction="deny",
            Egress=False, CidrBlock="0.0.0.0/0", PortRange={"From": 5432, "To": 5432},
        )  # fmt: skip


@pytest.fixture
def stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(deploy, "sleep", lambda s: world.clock.advance(timedelta(seconds=10 * s)))
    return Stage(world)


ANYBODY = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
PEER = {"IpRanges": [{"CidrIp": "10.99.0.0/16"}]}
BESIDE = {f"way: subnet private-{zone} to 0.0.0.0/0 by nat, and a database there" for zone in "ab"}
DEEDS: list[tuple[str, Callable[[Stage], None], set[str], set[str]]] = [
    ("the database may move to the tasks", lambda s: s.place_database("data", "private"),
     BESIDE, set()),
    ("and stays away", lambda s: s.place_database("data"), set(), BESIDE),
    ("a port is opened", lambda s: s.allow("load-balancer", 22, **ANYBODY),
     {"open: internet → load balancer lb: tcp 22"}, set()),
    ("the database's too, but nothing leads there",
     lambda s: s.allow("database", 5432, **ANYBODY), set(), set()),
    ("the database gets an address", Stage.public_database, set(), set()),
    ("and a way", Stage.route_to_the_internet,
     {"open: internet → database main: tcp 5432",
      "way: subnet data-a to 0.0.0.0/0 by igw, not needed there",
      "way: subnet data-b to 0.0.0.0/0 by igw, not needed there"}, set()),
    ("a network ACL denies it", Stage.deny,
     {"shut: service gateway → database main: tcp 5432"},
     {"open: internet → database main: tcp 5432"}),
    ("a peering alone", Stage.peer, set(), set()),
    ("its addresses are let in", lambda s: s.allow("service", 4000, **PEER), set(), set()),
    ("and routed", Stage.route_to_the_peer,
     {"open: pcx → service gateway: tcp 4000", "open: service gateway → pcx: tcp 443",
      "way: subnet private-a to 10.99.0.0/16 by pcx, not needed there"}, set()),
    ("a stranger wears the database's group, beside the tasks", Stage.interface,
     {"open: service gateway → interface eni: tcp 5432"}, set()),
    ("the service moves into the open", Stage.public_service,
     {"way: subnet private-a to 0.0.0.0/0 by nat, not needed there",
      "way: subnet private-b to 0.0.0.0/0 by nat, not needed there"},
     {"open: pcx → service gateway: tcp 4000", "open: service gateway → pcx: tcp 443",
      "open: service gateway → interface eni: tcp 5432"}),
    ("and opens its port", lambda s: s.allow("service", 4000, **ANYBODY),
     {"open: internet → service gateway: tcp 4000"}, set()),
]  # fmt: skip
"""What is done, one after the other; what is said from then on, and what no longer."""


def test_what_people_open_is_noticed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stage.says()
    assert before == set()
    monkeypatch.setattr("boto3.Session", lambda: stage.aws)
    assert reachability.main([NAME]) == 0
    assert "✓ nothing else in vpc-" in capsys.readouterr().out
    for title, deed, more, less in DEEDS:
        deed(stage)
        now = {plain(each) for each in stage.says()}
        assert (now - before, before - now) == (more, less), title
        before = now
    assert reachability.main([NAME]) == 1
    out = capsys.readouterr().out
    assert "✗ open: internet → service litellm-production-gateway: tcp 4000" in out
    assert [line for line in out.splitlines() if line.startswith(f"✗  {INTERNET} ")]


def plain(said: str) -> str:
    """Gateways and interfaces by their kind."""
    return re.sub(r"\b(eni|igw|nat|pcx)-[0-9a-f]+", r"\1", said)
