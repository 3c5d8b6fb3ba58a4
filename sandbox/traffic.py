"""Sets of protocols and ports, as rules of security groups and network ACLs speak of them."""

from __future__ import annotations

from collections.abc import Iterable

Traffic = frozenset[tuple[str, int, int]]
"""(protocol, first port, last port); ports of one protocol neither overlap nor touch."""

LAST = 65535
NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "other")
"""other: all protocols without ports that rules name by number, as if they were one."""

NONE: Traffic = frozenset()
ALL: Traffic = frozenset((p, 0, LAST) for p in PROTOCOLS)
REPLIES: Traffic = frozenset({("tcp", 1024, LAST), ("udp", 1024, LAST)})
"""Where answers go. https://docs.aws.amazon.com/vpc/latest/userguide/nacl-ephemeral-ports.html"""


def named(protocol: str, first: int | None, last: int | None) -> Traffic:
    """What a rule names: a protocol's number or name, -1 for all; ports of TCP and UDP."""
    name = NAMES.get(protocol, protocol)
    if name == "-1":
        return ALL
    if name not in ("tcp", "udp"):
        return frozenset({(name if name in PROTOCOLS else "other", 0, LAST)})
    return frozenset({(name, first or 0, LAST if last is None else last)})


def union(parts: Iterable[Traffic]) -> Traffic:
    """What is in any of them."""
    found: list[tuple[str, int, int]] = []
    for protocol, first, last in sorted(each for part in parts for each in part):
        if found and found[-1][0] == protocol and first <= found[-1][2] + 1:
            found[-1] = (protocol, found[-1][1], max(last, found[-1][2]))
        else:
            found.append((protocol, first, last))
    return frozenset(found)


def both(a: Traffic, b: Traffic) -> Traffic:
    """What is in both."""
    return frozenset(
        (p, max(i, k), min(j, m))
        for p, i, j in a
        for q, k, m in b
        if p == q and max(i, k) <= min(j, m)
    )


def without(a: Traffic, b: Traffic) -> Traffic:
    """What is in the first and not in the second."""
    gaps = []
    for protocol in PROTOCOLS:
        next_port = 0
        for _, first, last in sorted(each for each in b if each[0] == protocol):
            gaps.append((protocol, next_port, first - 1))
            next_port = last + 1
        gaps.append((protocol, next_port, LAST))
    return both(a, frozenset(gap for gap in gaps if gap[1] <= gap[2]))


def told(traffic: Traffic) -> str:
    """In words: `tcp 80, tcp 443`, `udp 0-65535`, `all`."""
    if traffic == ALL:
        return "all"
    words = []
    for protocol, first, last in sorted(traffic):
        ports = f" {first}" if first == last else f" {first}-{last}"
        words.append(protocol + (ports if protocol in ("tcp", "udp") else ""))
    return ", ".join(words)
