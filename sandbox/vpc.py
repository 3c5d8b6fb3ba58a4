"""A VPC as AWS reports it, by public boto3 calls: what stands in it, and what rules its traffic.

All of these are reads, and none is particular to the simulated AWS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3

from sandbox.traffic import Traffic, named

Doc = dict[str, Any]
Net = ipaddress.IPv4Network | ipaddress.IPv6Network
GATEWAYS = (
    "GatewayId", "NatGatewayId", "EgressOnlyInternetGatewayId", "VpcPeeringConnectionId",
    "TransitGatewayId", "LocalGatewayId", "CarrierGatewayId", "NetworkInterfaceId", "InstanceId",
    "CoreNetworkArn",
)  # fmt: skip
"""Members of a route that say where it leads."""


@dataclass(frozen=True)
class Rule:
    """A rule of a security group. connections: peerings through which it names groups."""

    traffic: Traffic
    nets: tuple[Net, ...]
    groups: frozenset[str]
    connections: frozenset[str]


@dataclass(frozen=True)
class Group:
    """A security group's rules."""

    into: tuple[Rule, ...]
    out: tuple[Rule, ...]


@dataclass(frozen=True)
class Entry:
    """An entry of a network ACL, in the order of their numbers."""

    allow: bool
    net: Net
    traffic: Traffic


@dataclass(frozen=True)
class Subnet:
    """A subnet. routes: destination, gateway; not the local ones. into, out: its network ACL."""

    id: str
    name: str
    nets: tuple[Net, ...]
    routes: tuple[tuple[Net, str], ...]
    into: tuple[Entry, ...]
    out: tuple[Entry, ...]


@dataclass(frozen=True)
class Thing:
    """What has network interfaces. groups: None where no security group applies.

    public: it has a public IPv4 address, or gets one.
    """

    kind: str
    name: str
    subnets: frozenset[str]
    groups: frozenset[str] | None
    public: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Vpc:
    """All of it. nats: NAT gateway → its subnet, for those that lead to the internet."""

    id: str
    nets: tuple[Net, ...]
    subnets: dict[str, Subnet]
    groups: dict[str, Group]
    things: tuple[Thing, ...]
    gateways: frozenset[str]
    nats: dict[str, str]


def read(aws: boto3.Session, vpc_id: str) -> Vpc:
    """Everything about a VPC that decides who reaches whom."""
    ec2 = aws.client("ec2")
    here = [{"Name": "vpc-id", "Values": [vpc_id]}]
    [vpc] = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
    gateways = ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    )["InternetGateways"]
    nats = [
        each
        for each in _all(ec2, "describe_nat_gateways", "NatGateways", Filter=here)
        if each["State"] in ("pending", "available")
    ]
    groups = _all(ec2, "describe_security_groups", "SecurityGroups", Filters=here)
    [default] = [each["GroupId"] for each in groups if each["GroupName"] == "default"]
    subnets = {each.id: each for each in _subnets(ec2, vpc_id, here)}
    return Vpc(
        id=vpc_id,
        nets=_nets_of(vpc),
        subnets=subnets,
        groups={each["GroupId"]: _group(ec2, each) for each in groups},
        things=tuple(_things(aws, vpc_id, set(subnets), nats, default)),
        gateways=frozenset(each["InternetGatewayId"] for each in gateways),
        nats={
            each["NatGatewayId"]: each["SubnetId"]
            for each in nats
            if each.get("ConnectivityType", "public") == "public"
        },
    )


def _all(client: Any, operation: str, member: str, **params: Any) -> list[Doc]:
    pages = client.get_paginator(operation).paginate(**params)
    return [each for page in pages for each in page[member]]


def _nets_of(holder: Doc) -> tuple[Net, ...]:
    """Blocks of addresses of a VPC or a subnet."""
    blocks = {holder["CidrBlock"]} if holder.get("CidrBlock") else set()
    blocks |= {each["CidrBlock"] for each in holder.get("CidrBlockAssociationSet") or ()}
    blocks |= {each["Ipv6CidrBlock"] for each in holder.get("Ipv6CidrBlockAssociationSet") or ()}
    return tuple(ipaddress.ip_network(each) for each in sorted(blocks))


def _list(ec2: Any, prefix_list: str) -> tuple[Net, ...]:
    """The addresses of a prefix list."""
    found = _all(ec2, "get_managed_prefix_list_entries", "Entries", PrefixListId=prefix_list)
    return tuple(ipaddress.ip_network(each["Cidr"]) for each in found)


# --- security groups ---


def _group(ec2: Any, found: Doc) -> Group:
    into, out = (
        tuple(_rule(ec2, each) for each in found[member])
        for member in ("IpPermissions", "IpPermissionsEgress")
    )
    return Group(into, out)


def _rule(ec2: Any, found: Doc) -> Rule:
    nets = [ipaddress.ip_network(each["CidrIp"]) for each in found.get("IpRanges", ())]
    six = [ipaddress.ip_network(each["CidrIpv6"]) for each in found.get("Ipv6Ranges", ())]
    lists = [_list(ec2, each["PrefixListId"]) for each in found.get("PrefixListIds", ())]
    pairs = found.get("UserIdGroupPairs", ())
    return Rule(
        traffic=named(found["IpProtocol"], found.get("FromPort"), found.get("ToPort")),
        nets=(*nets, *six, *(net for each in lists for net in each)),
        groups=frozenset(each["GroupId"] for each in pairs if "GroupId" in each),
        connections=frozenset(filter(None, (e.get("VpcPeeringConnectionId") for e in pairs))),
    )


# --- subnets ---


def _subnets(ec2: Any, vpc_id: str, here: list[Doc]) -> Iterator[Subnet]:
    """Subnets with the routes and the network ACL that hold for them."""
    tables = _all(ec2, "describe_route_tables", "RouteTables", Filters=here)
    acls = _all(ec2, "describe_network_acls", "NetworkAcls", Filters=here)
    table_of = {
        held.get("SubnetId", "main" if held.get("Main") else ""): each
        for each in tables
        for held in each["Associations"]
    }
    acl_of = {held["SubnetId"]: each for each in acls for held in each["Associations"]}
    for each in _all(ec2, "describe_subnets", "Subnets", Filters=here):
        subnet = each["SubnetId"]
        names = [tag["Value"] for tag in each.get("Tags", ()) if tag["Key"] == "Name"]
        yield Subnet(
            id=subnet,
            name=names[0] if names else subnet,
            nets=_nets_of(each),
            routes=tuple(_routes(ec2, table_of.get(subnet) or table_of["main"])),
            into=tuple(_entries(acl_of[subnet], egress=False)),
            out=tuple(_entries(acl_of[subnet], egress=True)),
        )


def _routes(ec2: Any, table: Doc) -> Iterator[tuple[Net, str]]:
    """Routes that lead somewhere, but the local ones and those to gateway endpoints: these lead to
    S3 and DynamoDB alone."""
    for route in table["Routes"]:
        target = next((route[name] for name in GATEWAYS if route.get(name)), "")
        listed = route.get("DestinationPrefixListId")
        endpoint = target.startswith("vpce-") and listed
        if route.get("State") == "blackhole" or target in ("", "local") or endpoint:
            continue
        cidr = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
        for net in (ipaddress.ip_network(cidr),) if cidr else _list(ec2, str(listed)):
            yield net, target


def _entries(acl: Doc, *, egress: bool) -> Iterator[Entry]:
    for each in sorted(acl["Entries"], key=lambda entry: int(entry["RuleNumber"])):
        if each["Egress"] is egress:
            ports = each.get("PortRange", {})
            yield Entry(
                each["RuleAction"] == "allow",
                ipaddress.ip_network(each.get("CidrBlock") or each["Ipv6CidrBlock"]),
                named(str(each["Protocol"]), ports.get("From"), ports.get("To")),
            )


# --- what stands in it ---


def _things(
    aws: boto3.Session, vpc_id: str, subnets: set[str], nats: list[Doc], default: str
) -> Iterator[Thing]:
    known = [
        *_load_balancers(aws, vpc_id), *_services(aws, subnets, default),
        *_databases(aws, vpc_id), *_caches(aws, vpc_id),
    ]  # fmt: skip
    ec2 = aws.client("ec2")
    here = [{"Name": "vpc-id", "Values": [vpc_id]}]
    told = {a.get("NetworkInterfaceId") for nat in nats for a in nat["NatGatewayAddresses"]}
    for each in _all(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=here):
        told |= set(each.get("NetworkInterfaceIds", ()))
        if each["VpcEndpointType"] != "Gateway":
            service = each["ServiceName"].partition(aws.region_name + ".")[2]
            known.append(Thing("endpoint", service or each["ServiceName"],
                               frozenset(each["SubnetIds"]), _ids(each["Groups"])))  # fmt: skip
    yield from known
    for each in _all(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=here):
        found = Thing(
            "interface", each["NetworkInterfaceId"], frozenset({each["SubnetId"]}),
            _ids(each["Groups"]), "PublicIp" in each.get("Association", {}),
        )  # fmt: skip
        if found.name not in told and not any(_covers(thing, found) for thing in known):
            yield found


def _ids(groups: Iterable[Doc]) -> frozenset[str]:
    return frozenset(each["GroupId"] for each in groups)


def _covers(thing: Thing, interface: Thing) -> bool:
    """Whether an interface reaches nothing, and is reached by nothing, that the thing is not."""
    return (
        interface.subnets <= thing.subnets
        and interface.groups == thing.groups
        and thing.public >= interface.public
    )


def _load_balancers(aws: boto3.Session, vpc_id: str) -> Iterator[Thing]:
    """Network load balancers may have no security group."""
    for each in _all(aws.client("elbv2"), "describe_load_balancers", "LoadBalancers"):
        if each["VpcId"] == vpc_id:
            yield Thing(
                "load balancer",
                each["LoadBalancerName"],
                frozenset(zone["SubnetId"] for zone in each["AvailabilityZones"]),
                frozenset(each.get("SecurityGroups") or ()) or None,
                each["Scheme"] == "internet-facing",
            )


def _services(aws: boto3.Session, subnets: set[str], default: str) -> Iterator[Thing]:
    """Services of ECS with interfaces of their own, in the VPC's default group if in no other."""
    ecs = aws.client("ecs")
    for cluster in _all_arns(ecs, "list_clusters", "clusterArns"):
        arns = _all_arns(ecs, "list_services", "serviceArns", cluster=cluster)
        for start in range(0, len(arns), 10):  # as many as one call takes
            some = arns[start : start + 10]
            for each in ecs.describe_services(cluster=cluster, services=some)["services"]:
                network = each.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
                if subnets & set(network.get("subnets", ())):
                    yield Thing(
                        "service", each["serviceName"], frozenset(network["subnets"]),
                        frozenset(network.get("securityGroups") or {default}),
                        network.get("assignPublicIp") == "ENABLED",
                    )  # fmt: skip


def _all_arns(client: Any, operation: str, member: str, **params: Any) -> list[str]:
    pages = client.get_paginator(operation).paginate(**params)
    return [arn for page in pages for arn in page[member]]


def _databases(aws: boto3.Session, vpc_id: str) -> Iterator[Thing]:
    """Instances of RDS; in any subnet of their group, where a failover may take them."""
    for each in _all(aws.client("rds"), "describe_db_instances", "DBInstances"):
        if each["DBSubnetGroup"]["VpcId"] == vpc_id:
            held = each["DBSubnetGroup"]["Subnets"]
            yield Thing(
                "database",
                each["DBInstanceIdentifier"],
                frozenset(subnet["SubnetIdentifier"] for subnet in held),
                frozenset(g["VpcSecurityGroupId"] for g in each["VpcSecurityGroups"]),
                each["PubliclyAccessible"],
            )


def _caches(aws: boto3.Session, vpc_id: str) -> Iterator[Thing]:
    """Caches of ElastiCache, which never have public addresses: once for a group's nodes."""
    cache = aws.client("elasticache")
    groups = {
        each["CacheSubnetGroupName"]: each
        for each in _all(cache, "describe_cache_subnet_groups", "CacheSubnetGroups")
        if each["VpcId"] == vpc_id
    }
    found = {}
    for each in _all(cache, "describe_cache_clusters", "CacheClusters"):
        if group := groups.get(each.get("CacheSubnetGroupName", "")):
            worn = frozenset(g["SecurityGroupId"] for g in each["SecurityGroups"])
            stands = frozenset(subnet["SubnetIdentifier"] for subnet in group["Subnets"])
            name = each.get("ReplicationGroupId") or each["CacheClusterId"]
            found[name, worn] = Thing("cache", name, stands, worn)
    yield from found.values()
