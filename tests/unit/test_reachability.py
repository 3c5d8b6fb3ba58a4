"""Who reaches whom, computed over VPCs made by hand: one rule that changes, and what follows."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from random import Random
from typing import Any

import pytest

from sandbox.reachability import INTERNET, Map, wrong
from sandbox.traffic import (
    ALL,
    LAST,
    NONE,
    PROTOCOLS,
    Traffic,
    both,
    named,
    told,
    union,
    without,
)  # fmt: skip
from sandbox.vpc import Entry, Group, Rule, Subnet, Thing, Vpc

WEB = named("tcp", 443, 443)
SQL = named("tcp", 5432, 5432)
EVERYWHERE = ip_network("0.0.0.0/0")
OPEN = (Entry(True, EVERYWHERE, ALL), Entry(True, ip_network("::/0"), ALL))


def rule(traffic: Traffic, *names: str, connection: str = "") -> Rule:
    """A rule that names groups (sg-…) and addresses."""
    groups = frozenset(n for n in names if n.startswith("sg-"))
    nets = tuple(ip_network(n) for n in names if not n.startswith("sg-"))
    return Rule(traffic, nets, groups, frozenset({connection} - {""}))


def subnet(name: str, block: str, *routes: tuple[str, str], **changed: Any) -> Subnet:
    leads = tuple((ip_network(net), gateway) for net, gateway in routes)
    made = Subnet(name, name, (ip_network(block),), leads, OPEN, OPEN)
    return replace(made, **changed)


def vpc(**changed: Any) -> Vpc:
    """Public, private and data subnets; a load balancer before a service before a database."""
    subnets = [
        subnet("public", "10.0.0.0/24", ("0.0.0.0/0", "igw-1")),
        subnet("private", "10.0.1.0/24", ("0.0.0.0/0", "nat-1")),
        subnet("data", "10.0.2.0/24"),
    ]
    made = Vpc(
        id="vpc-1",
        nets=(ip_network("10.0.0.0/16"),),
        subnets={each.id: each for each in subnets},
        groups={
            "sg-lb": Group((rule(WEB, "0.0.0.0/0"),), (rule(WEB, "sg-app"),)),
            "sg-app": Group((rule(WEB, "sg-lb"),), (rule(WEB, "0.0.0.0/0"), rule(SQL, "sg-db"))),
            "sg-db": Group((rule(SQL, "sg-app"),), (rule(ALL, "127.0.0.1/32"),)),
        },
        things=(
            Thing("load balancer", "l", frozenset({"public"}), frozenset({"sg-lb"}), public=True),
            Thing("service", "s", frozenset({"private"}), frozenset({"sg-app"})),
            Thing("database", "d", frozenset({"data"}), frozenset({"sg-db"})),
        ),
        gateways=frozenset({"igw-1"}),
        nats={"nat-1": "public"},
    )
    return replace(made, **changed)


def group(name: str, *, into: Rule | None = None, out: Rule | None = None) -> Vpc:
    """With one rule more."""
    base = vpc()
    old = base.groups[name]
    more = Group((*old.into, *filter(None, [into])), (*old.out, *filter(None, [out])))
    return replace(base, groups={**base.groups, name: more})


def in_subnet(name: str, base: Vpc | None = None, **changed: Any) -> Vpc:
    """With a subnet changed."""
    base = base or vpc()
    return replace(base, subnets={**base.subnets, name: replace(base.subnets[name], **changed)})


def thing(kind: str, base: Vpc | None = None, **changed: Any) -> Vpc:
    """With a thing changed."""
    base = base or vpc()
    found = (replace(t, **changed) if t.kind == kind else t for t in base.things)
    return replace(base, things=tuple(found))


PROMISE = {
    (INTERNET, "load balancer l"): WEB, ("load balancer l", "service s"): WEB,
    ("service s", "database d"): SQL, ("service s", INTERNET): WEB,
    ("service s", "load balancer l"): WEB,
}  # fmt: skip


def says(changed: Vpc) -> list[str]:
    """What is not as promised."""
    seen = Map(changed)
    return [*wrong(list(seen.paths()), PROMISE), *seen.strays()]


def test_nothing_but_what_is_meant() -> None:
    assert says(vpc()) == []


def exposed() -> Vpc:
    """The database has an address, a way and a rule."""
    base = thing("database", group("sg-db", into=rule(SQL, "0.0.0.0/0")), public=True)
    return in_subnet("data", base, routes=((EVERYWHERE, "igw-1"),))


def shut(way: str, net: str, traffic: Traffic) -> tuple[Entry, ...]:
    return (Entry(False, ip_network(net), traffic), *OPEN)


NOT_WEB = "icmp, icmpv6, other, tcp 0-442, tcp 444-65535, udp 0-65535"
STRAY = "way: subnet data to 0.0.0.0/0 by igw-1, not needed there"
SIX = (ip_network("10.0.2.0/24"), ip_network("2600:1f18::/64"))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(
            group("sg-lb", into=rule(named("tcp", 22, 22), "0.0.0.0/0")),
            ["open: internet → load balancer l: tcp 22"], id="a port",
        ),
        pytest.param(
            group("sg-lb", into=rule(named("tcp", 22, 22), "203.0.113.7/32")),
            ["open: internet → load balancer l: tcp 22"], id="for one address",
        ),
        pytest.param(group("sg-db", into=rule(SQL, "0.0.0.0/0")), [], id="a rule alone"),
        pytest.param(thing("database", public=True), [], id="an address alone"),
        pytest.param(
            in_subnet("data", routes=((EVERYWHERE, "igw-1"),)), [STRAY], id="a route alone"
        ),
        pytest.param(exposed(), ["open: internet → database d: tcp 5432", STRAY], id="all three"),
        pytest.param(
            replace(exposed(), gateways=frozenset()),
            ["shut: internet → load balancer l: tcp 443", "shut: service s → internet: tcp 443",
             STRAY], id="a gateway that is not attached",
        ),
        pytest.param(
            in_subnet("data", exposed(), into=shut("into", "0.0.0.0/0", SQL)),
            ["shut: service s → database d: tcp 5432", STRAY], id="the network ACL denies all",
        ),
        pytest.param(
            in_subnet("data", exposed(), into=shut("into", "203.0.113.0/24", SQL)),
            ["open: internet → database d: tcp 5432", STRAY], id="it denies some",
        ),
        pytest.param(
            in_subnet("data", exposed(), out=shut("out", "0.0.0.0/0", ALL)),
            ["shut: service s → database d: tcp 5432", STRAY], id="no answers",
        ),
        pytest.param(
            in_subnet("data", group("sg-db", into=rule(SQL, "::/0")), nets=SIX,
                      routes=((ip_network("::/0"), "igw-1"),)),
            ["open: internet → database d: tcp 5432",
             "way: subnet data to ::/0 by igw-1, not needed there"], id="IPv6, no address needed",
        ),
        pytest.param(
            in_subnet("data", group("sg-db", out=rule(WEB, "::/0")), nets=SIX,
                      routes=((ip_network("::/0"), "eigw-1"),)),
            ["open: database d → internet: tcp 443",
             "way: subnet data to ::/0 by eigw-1, not needed there"], id="IPv6, outwards only",
        ),
        pytest.param(
            group("sg-app", into=rule(WEB, "10.0.0.0/16"), out=rule(ALL, "sg-app")),
            ["open: service s → service s: tcp 443"], id="a group that names itself and the VPC",
        ),
        pytest.param(
            group("sg-db", into=rule(ALL, "10.0.0.0/8")),
            ["open: service s → database d: tcp 443"], id="all may come, one may go",
        ),
        pytest.param(
            group("sg-app", out=rule(ALL, "0.0.0.0/0")),
            [f"open: service s → internet: {NOT_WEB}"], id="everything out",
        ),
        pytest.param(
            in_subnet("private", group("sg-app", into=rule(WEB, "172.31.0.0/16")),
                      routes=((EVERYWHERE, "nat-1"), (ip_network("172.31.0.0/16"), "pcx-1"))),
            ["open: pcx-1 → service s: tcp 443", "open: service s → pcx-1: tcp 443",
             "way: subnet private to 172.31.0.0/16 by pcx-1, not needed there"], id="peering",
        ),
        pytest.param(
            in_subnet("data", group("sg-db", into=rule(SQL, "sg-other", connection="pcx-1")),
                      routes=((ip_network("172.31.0.0/16"), "pcx-1"),)),
            ["open: pcx-1 → database d: tcp 5432",
             "way: subnet data to 172.31.0.0/16 by pcx-1, not needed there"],
            id="peering, by a group there",
        ),
        pytest.param(
            thing("load balancer", public=False),
            ["shut: internet → load balancer l: tcp 443"], id="an internal load balancer",
        ),
        pytest.param(
            thing("load balancer", groups=None),
            [f"open: internet → load balancer l: {NOT_WEB}",
             "open: load balancer l → internet: all",
             "open: load balancer l → load balancer l: all",
             "shut: load balancer l → service s: tcp 443"], id="no security group",
        ),
        pytest.param(
            replace(vpc(), nats={"nat-1": "data"}),
            ["shut: service s → internet: tcp 443"], id="NAT without a way out",
        ),
        pytest.param(
            replace(vpc(), things=(*vpc().things, Thing(
                "interface", "eni-1", frozenset({"public"}), frozenset({"sg-lb"}), public=True))),
            ["open: interface eni-1 → service s: tcp 443",
             "open: internet → interface eni-1: tcp 443",
             "open: service s → interface eni-1: tcp 443"], id="a stranger",
        ),
    ],
)  # fmt: skip
def test_what_is_noticed(changed: Vpc, expected: list[str]) -> None:
    assert says(changed) == expected


def test_a_public_service_in_a_public_subnet() -> None:
    moved = thing("service", public=True, subnets=frozenset({"public"}))
    assert says(moved) == ["way: subnet private to 0.0.0.0/0 by nat-1, not needed there"], (
        "its group admits the load balancer alone"
    )
    opened = group("sg-app", into=rule(WEB, "0.0.0.0/0"))
    moved = thing("service", opened, public=True, subnets=frozenset({"public"}))
    assert "open: internet → service s: tcp 443" in says(moved)


# --- sets of traffic ---


def some(rng: Random) -> Traffic:
    """A few ranges of ports, or none."""
    parts = []
    for _ in range(rng.randrange(6)):
        first = rng.choice([0, 1, 79, 80, 1024, LAST, rng.randrange(LAST)])
        last = min(first + rng.choice([0, 0, 1, 100, LAST]), LAST)
        parts.append(frozenset({(rng.choice(PROTOCOLS[:3]), first, last)}))
    return union(parts)


def has(traffic: Traffic, probe: tuple[str, int]) -> bool:
    return any(p == probe[0] and i <= probe[1] <= j for p, i, j in traffic)


@pytest.mark.parametrize("seed", range(5))
def test_sets_of_traffic_are_sets(seed: int) -> None:
    rng = Random(seed)
    for _ in range(40):
        a, b = some(rng), some(rng)
        edges = {
            (p, min(max(0, x + d), LAST)) for p, i, j in a | b for x in (i, j) for d in (-1, 0, 1)
        }
        for probe in edges:
            assert has(both(a, b), probe) == (has(a, probe) and has(b, probe))
            assert has(without(a, b), probe) == (has(a, probe) and not has(b, probe))
            assert has(union([a, b]), probe) == (has(a, probe) or has(b, probe))
        assert without(a, a) == NONE
        assert union([a, without(ALL, a)]) == ALL


@pytest.mark.parametrize(
    ("protocol", "first", "last", "words"),
    [
        ("-1", None, None, "all"), ("tcp", 80, 80, "tcp 80"), ("6", 80, 90, "tcp 80-90"),
        ("17", None, None, "udp 0-65535"), ("icmp", -1, -1, "icmp"), ("50", None, None, "other"),
    ],
)  # fmt: skip
def test_what_rules_name(protocol: str, first: int | None, last: int | None, words: str) -> None:
    assert told(named(protocol, first, last)) == words
