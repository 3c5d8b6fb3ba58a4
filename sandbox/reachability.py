"""Who can reach whom in a VPC: each path that routes, network ACLs, security groups and public
addresses leave open, as AWS reports them.

`python -m sandbox.reachability litellm-production`, with the usual AWS settings, prints the paths
of an environment's VPC; exit code 0 only if they are those that are promised. It knows nothing of
Plumbline, reads only, and asks for nothing that the simulated AWS alone has.

Judged is what is allowed, whether or not anything listens. Where a rule can't be told exactly (a
source that is denied in pieces), the path counts as open. Load balancers and services pass on what
they like: a path is one step.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.traffic import ALL, NONE, REPLIES, Traffic, both, named, told, union, without
from sandbox.vpc import Entry, Net, Rule, Subnet, Thing, Vpc, read

NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
        "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
"""Addresses that the internet does not lead to.
https://www.iana.org/assignments/iana-ipv4-special-registry/"""
INTERNET = "internet"


@dataclass(frozen=True)
class Outside:
    """What is not in the VPC: the internet, or networks behind a gateway of another kind.

    nets: its addresses, all of IPv4 or all of IPv6.
    """

    name: str
    nets: tuple[Net, ...]

    def __str__(self) -> str:
        return self.name


Place = Thing | Outside


@dataclass(frozen=True)
class Path:
    """One step that is open, and through which gateways if one end is outside."""

    source: str
    target: str
    traffic: Traffic
    through: tuple[str, ...] = ()


Promise = dict[tuple[str, str], Traffic]
"""(from, to) → what must be open, and nothing else."""


class Map:
    """The paths of a VPC."""

    def __init__(self, vpc: Vpc) -> None:
        self.vpc = vpc
        self.private = (*NOT_PUBLIC, *vpc.nets)
        self.outside = [Outside(INTERNET, (ip_network(net),)) for net in ("0.0.0.0/0", "::/0")]
        found: dict[tuple[str, int], set[Net]] = {}
        for subnet in vpc.subnets.values():
            for net, gateway in subnet.routes:
                if not gateway.startswith(("igw-", "nat-", "eigw-")):
                    found.setdefault((gateway, net.version), set()).add(net)
        self.outside += [Outside(name, tuple(nets)) for (name, _), nets in sorted(found.items())]

    def paths(self) -> Iterator[Path]:
        """All of them."""
        for thing in self.vpc.things:
            for name in sorted({place.name for place in self.outside}):
                places = [place for place in self.outside if place.name == name]
                for out in (False, True):
                    traffic, through = self._beyond(thing, places, out=out)
                    ends = (str(thing), name) if out else (name, str(thing))
                    if traffic:
                        yield Path(*ends, traffic, through)
            for other in self.vpc.things:
                if traffic := self._inside(thing, other):
                    yield Path(str(thing), str(other), traffic)

    # --- paths ---

    def _beyond(
        self, thing: Thing, places: Sequence[Outside], *, out: bool
    ) -> tuple[Traffic, tuple[str, ...]]:
        """What passes between a thing and the outside, one way, and through which gateways."""
        parts, through = [], set()
        way = "out" if out else "into"
        for place in places:
            allowed = self._groups(thing, way, place)
            for subnet in self._subnets(thing):
                gateways = self._ways(place, thing, subnet, out=out)
                traffic = both(allowed, self._crosses(subnet, place.nets, way))
                if gateways and traffic:
                    parts.append(traffic)
                    through |= gateways
        return union(parts), tuple(sorted(through))

    def _inside(self, source: Thing, target: Thing) -> Traffic:
        """Within the VPC, where each subnet has a route to each."""
        allowed = both(self._groups(source, "out", target), self._groups(target, "into", source))
        if not allowed:
            return NONE
        parts = []
        for one in self._subnets(source):
            for two in self._subnets(target):
                crosses = both(
                    self._crosses(one, two.nets, "out"), self._crosses(two, one.nets, "into")
                )  # a network ACL is not asked within a subnet
                parts.append(allowed if one is two else both(allowed, crosses))
        return union(parts)

    # --- what they go through ---

    def _subnets(self, thing: Thing) -> list[Subnet]:
        return [self.vpc.subnets[each] for each in sorted(thing.subnets & self.vpc.subnets.keys())]

    def _groups(self, thing: Thing, way: str, place: Place) -> Traffic:
        """What the security groups of a thing let in from a place, or out to it."""
        if thing.groups is None:
            return ALL
        rules = [rule for g in thing.groups if g in self.vpc.groups
                 for rule in getattr(self.vpc.groups[g], way)]  # fmt: skip
        return union(rule.traffic for rule in rules if self._names(rule, place))

    def _names(self, rule: Rule, place: Place) -> bool:
        if isinstance(place, Outside):
            return place.name in rule.connections or any(
                self._meets(net, place, other) for net in rule.nets for other in place.nets
            )
        nets = [net for subnet in self._subnets(place) for net in subnet.nets]
        return bool(rule.groups & (place.groups or set())) or any(
            a.overlaps(b) for a in rule.nets for b in nets if a.version == b.version
        )

    def _meets(self, net: Net, place: Outside, other: Net) -> bool:
        """Whether a rule's or route's addresses are some of a place's."""
        if net.version != other.version or not net.overlaps(other):
            return False
        return place.name != INTERNET or not any(
            net.subnet_of(block)  # type: ignore[arg-type]  # same version, as asked
            for block in self.private
            if block.version == net.version
        )

    def _ways(self, place: Outside, thing: Thing, subnet: Subnet, *, out: bool) -> set[str]:
        """Gateways by which a place reaches a thing, or is reached (out), in a subnet."""
        found = set()
        for net, gateway in subnet.routes:
            if place.name != INTERNET:
                if gateway == place.name:
                    found.add(gateway)
            elif any(self._meets(net, place, other) for other in place.nets):
                kind = gateway.partition("-")[0]
                has_address = thing.public if net.version == 4 else _has_six(subnet)
                if (kind == "igw" and gateway in self.vpc.gateways and has_address) or (
                    out and (kind == "eigw" or self._translates(gateway))
                ):
                    found.add(gateway)
        return found

    def _translates(self, gateway: str) -> bool:
        """Whether it is a NAT gateway, in a subnet that leads to the internet."""
        subnet = self.vpc.subnets.get(self.vpc.nats.get(gateway, ""))
        return subnet is not None and any(way in self.vpc.gateways for _, way in subnet.routes)

    def _crosses(self, subnet: Subnet, nets: Sequence[Net], way: str) -> Traffic:
        """What the subnet's network ACL lets pass one way, if it lets answers pass the other."""
        there, back = (subnet.into, subnet.out) if way == "into" else (subnet.out, subnet.into)
        answers = {protocol for protocol, _, _ in both(_passes(back, nets), REPLIES)}
        return frozenset(
            each for each in _passes(there, nets)
            if each[0] in answers or each[0] not in ("tcp", "udp")
        )  # fmt: skip

    # --- routes ---

    def strays(self) -> Iterator[str]:
        """Ways out of subnets in which nothing stands that needs them: one setting from a path.

        To the internet: load balancers and NAT gateways. By NAT: services. Elsewhere: nothing.
        Where data stands, nothing: whoever is in a database can't send it away.
        """
        for subnet in sorted(self.vpc.subnets.values(), key=lambda s: s.name):
            here = {each.kind for each in self.vpc.things if subnet.id in each.subnets}
            if subnet.id in self.vpc.nats.values():
                here.add("NAT")
            for net, gateway in subnet.routes:
                kind = gateway.partition("-")[0]
                needs = {"igw": {"load balancer", "NAT"}, "nat": {"service"}}.get(kind, set())
                way = f"way: subnet {subnet.name} to {net} by {gateway}"
                if not needs & here:
                    yield f"{way}, not needed there"
                elif data := sorted({"cache", "database"} & here):
                    yield f"{way}, and a {' and a '.join(data)} there"


def _has_six(subnet: Subnet) -> bool:
    return any(net.version == 6 for net in subnet.nets)


def _passes(entries: Sequence[Entry], nets: Sequence[Net]) -> Traffic:
    """What a network ACL's entries let pass: the first that names it decides."""
    parts = []
    for net in nets:
        left = ALL
        for entry in entries:
            if entry.net.version != net.version or not entry.net.overlaps(net):
                continue
            if entry.allow:
                parts.append(both(left, entry.traffic))
            if net.subnet_of(entry.net):  # type: ignore[arg-type]  # same version, as asked
                left = without(left, entry.traffic)
    return union(parts)


# --- the promise ---


def promised(aws: boto3.Session, environment: str, port: int) -> tuple[str, Promise]:
    """The VPC of an environment on `bootstrap/`, and what may be open in it."""
    ssm = aws.client("ssm")
    prefix = f"/plumbline/{environment}/"

    def value(name: str) -> str:
        return str(ssm.get_parameter(Name=prefix + name)["Parameter"]["Value"])

    def tcp(*ports: int) -> Traffic:
        return union(named("tcp", each, each) for each in ports)

    vpc = value("network/vpc")
    balancer = f"load balancer {value('load-balancer/full-name').split('/')[1]}"
    service, cache = f"service {environment}-gateway", f"cache {environment}-cache"
    database = f"database {environment}-main"
    promise: Promise = {
        (INTERNET, balancer): tcp(80, 443),
        (balancer, service): tcp(port),
        (service, database): tcp(5432),
        (service, cache): tcp(6379),
        (service, INTERNET): tcp(443),
        (service, balancer): tcp(443),  # as everybody may
    }
    found = aws.client("ec2").describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "VpcEndpoints"
    ]
    for each in found:
        if each["VpcEndpointType"] == "Interface":
            name = each["ServiceName"].partition(f"{aws.region_name}.")[2]
            promise[service, f"endpoint {name}"] = tcp(443)
    return vpc, promise


def wrong(found: Sequence[Path], promise: Promise) -> list[str]:
    """What is open and not promised, and what is promised and shut."""
    opened = {(path.source, path.target): path.traffic for path in found}
    says = []
    for source, target in sorted(opened.keys() | promise.keys()):
        is_open = opened.get((source, target), NONE)
        may = promise.get((source, target), NONE)
        if more := without(is_open, may):
            says.append(f"open: {source} → {target}: {told(more)}")
        if less := without(may, is_open):
            says.append(f"shut: {source} → {target}: {told(less)}")
    return says


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the paths of an environment and judge them; 0 if they are those promised."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.reachability", description=__doc__)
    parser.add_argument("environment")
    parser.add_argument("--port", type=int, default=4000, help="of the application")
    options = parser.parse_args(arguments)
    aws = boto3.Session()
    try:
        vpc, promise = promised(aws, options.environment, options.port)
        seen = Map(read(aws, vpc))
    except (BotoCoreError, ClientError) as error:
        print(f"Error: AWS: {error}", file=sys.stderr)
        return 1
    found = sorted(seen.paths(), key=lambda path: (path.source != INTERNET, path.source))
    says = [*wrong(found, promise), *seen.strays()]
    rows = [("", "from", "to", "open", "through")]
    for path in found:
        more = without(path.traffic, promise.get((path.source, path.target), NONE))
        rows.append(
            ("✗" if more else "✓", path.source, path.target, told(path.traffic),
             ", ".join(path.through))
        )  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
    for each in says:
        print(f"✗ {each}")
    if not says:
        print(f"✓ nothing else in {vpc} reaches anything, or is reached")
    return 1 if says else 0


if __name__ == "__main__":
    sys.exit(main())
