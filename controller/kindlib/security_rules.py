"""Rules of security groups: one traffic, one peer, in the one spelling in which AWS keeps them.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, model_validator

from controller.policies import Doc
from controller.spec import Model, holds_reference, text

PORTED = ("tcp", "udp")
TYPED = ("icmp", "icmpv6")
NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "-1": "all"}
"""What AWS calls protocols, whatever they were called when asked for (case 630)."""
WORDS = r"a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*"
"""What AWS allows in names and descriptions, as the inside of a character class."""

_GROUP = re.compile(r"(\d{12}/)?sg-[0-9a-f]{8,17}")
_LIST = re.compile(r"pl-[0-9a-f]{8,17}")
_PEERS = (
    ("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("UserIdGroupPairs", "GroupId"),
    ("PrefixListIds", "PrefixListId"),
)  # fmt: skip
"""Lists of peers in AWS's permissions, and the member that tells one from the other."""


def _number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _protocol(value: str) -> str:
    if holds_reference(value):
        return value
    name = NUMBERS.get(value.lower(), value.lower())
    if name in (*PORTED, *TYPED, "all") or (name.isdecimal() and int(name) <= 255):
        return str(int(name)) if name.isdecimal() else name
    raise ValueError("must be tcp, udp, icmp, icmpv6, all, or the number of a protocol (0-255)")


def _ports(value: int | str) -> int | str:
    if isinstance(value, str) and not holds_reference(value):
        if value.isdecimal():
            value = int(value)
        elif found := re.fullmatch(r"(\d{1,5})-(\d{1,5})", value):
            low, high = int(found[1]), int(found[2])
            if not low <= high <= 65535:
                raise ValueError("a range of ports is low-high, up to 65535")
            value = low if low == high else f"{low}-{high}"
        elif found := re.fullmatch(r"(\d{1,3})/(\d{1,3})", value):
            if int(found[1]) > 255 or int(found[2]) > 255:
                raise ValueError("a type and a code of ICMP are at most 255")
            value = f"{int(found[1])}/{int(found[2])}"
        else:
            raise ValueError("must be a port, a range (8000-8100), or for ICMP a type or type/code")
    if isinstance(value, int) and not 0 <= value <= 65535:
        raise ValueError("a port is 0-65535")
    return value


def _peer(value: str) -> str:
    """A CIDR block loses its host bits, as AWS stores it (case 631)."""
    if holds_reference(value) or value == "self":
        return value
    if _GROUP.fullmatch(value) or _LIST.fullmatch(value):
        return value
    if "/" in value:
        try:
            return str(ipaddress.ip_network(value, strict=False))
        except ValueError:
            pass
    raise ValueError(
        "must be a CIDR block (10.0.0.0/16, 2001:db8::/56; one address is …/32 or …/128), self, "
        "the id of a security group (sg-…, of another account 123456789012/sg-…) or of a prefix "
        "list (pl-…)"
    )


class SecurityRule(Model):
    """Traffic of one sort with one peer that is let through."""

    protocol: Annotated[str, BeforeValidator(_number), AfterValidator(_protocol)]
    """tcp, udp, icmp, icmpv6, the number of another protocol, or all."""

    ports: Annotated[int | str, AfterValidator(_ports)] | None = None
    """A port, or a range such as 8000-8100; tcp and udp need it (all: 0-65535). For icmp and icmpv6
    the type, or type/code; unset: all. Other protocols have none."""

    peer: Annotated[str, AfterValidator(_peer)]
    """Who: a CIDR block, `self` (whatever is in this group), the id of another group or of a prefix
    list. Where it comes from in `ingress`, where it goes in `egress`."""

    description: (
        Annotated[
            str,
            AfterValidator(
                text(
                    rf"[{WORDS}]*", high=255,
                    says="letters, digits, blanks and ._-:/()#,@[]+=&;{}!$* only",
                )
            ),
        ]
        | None
    ) = None  # fmt: skip
    """What the rule is for."""

    @model_validator(mode="after")
    def _fits(self) -> SecurityRule:
        protocol, ports = self.protocol, self.ports
        if holds_reference(protocol) or holds_reference(ports):
            return self
        icmp = isinstance(ports, str) and "/" in ports
        if protocol in PORTED and (ports is None or icmp):
            raise ValueError(f"{protocol} needs ports (0-65535 for all of them)")
        if protocol in TYPED and not (
            ports is None or icmp or (type(ports) is int and ports < 256)
        ):
            raise ValueError(f"ports of {protocol} are a type, or type/code, up to 255")
        if protocol not in (*PORTED, *TYPED) and ports is not None:
            raise ValueError(f"protocol {protocol} has no ports: leave them out")
        return self


KEY = ("protocol", "ports", "peer")
"""What makes a rule the same rule."""


def key_of(rule: Mapping[str, Any]) -> str:
    """A rule as paths name it: `tcp/22/10.0.0.0/8`."""
    return "/".join(str(rule[k]) for k in KEY if rule.get(k) is not None)


def twice(rules: Iterable[SecurityRule]) -> str:
    """A rule that is there twice; empty if there is none."""
    seen: set[str] = set()
    for rule in rules:
        key = key_of({k: getattr(rule, k) for k in KEY})
        if key in seen:
            return key
        seen.add(key)
    return ""


def from_aws(permissions: Iterable[Mapping[str, Any]], group: Mapping[str, Any]) -> list[Doc]:
    """AWS's permissions as rules, one for each peer."""
    return [rule for each in permissions for rule in _rules(each, group)]


def _rules(permission: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[Doc]:
    said = str(permission.get("IpProtocol", "-1"))
    base: Doc = {"protocol": NUMBERS.get(said, said)}
    ports = _shown(base["protocol"], permission.get("FromPort"), permission.get("ToPort"))
    if ports is not None:
        base["ports"] = ports
    for several, member in _PEERS:
        for entry in permission.get(several) or ():
            peer = str(entry.get(member) or entry.get("GroupName", ""))
            if several == "UserIdGroupPairs":
                owner = entry.get("UserId", group.get("OwnerId"))
                foreign = owner != group.get("OwnerId", owner)
                mine = peer == group.get("GroupId")
                peer = "self" if mine else f"{owner}/{peer}" if foreign else peer
            rule = {**base, "peer": peer}
            if entry.get("Description"):
                rule["description"] = entry["Description"]
            yield rule


def _shown(protocol: str, low: Any, high: Any) -> int | str | None:
    if protocol in PORTED and low is not None:
        return int(low) if low == high else f"{low}-{high}"
    if protocol in TYPED and low not in (None, -1):
        return int(low) if high in (None, -1) else f"{low}/{high}"
    return None


def to_aws(rules: Sequence[Mapping[str, Any]], group_id: str) -> list[Doc]:
    """Rules as AWS's permissions, one for each rule."""
    return [_permission(rule, group_id) for rule in rules]


def _permission(rule: Mapping[str, Any], group_id: str) -> Doc:
    protocol = rule["protocol"]
    entry, several = _entry(str(rule["peer"]), group_id)
    if rule.get("description"):
        entry["Description"] = rule["description"]
    named = "-1" if protocol == "all" else protocol
    return {"IpProtocol": named, **_asked(protocol, rule.get("ports")), several: [entry]}


def _asked(protocol: str, ports: int | str | None) -> Doc:
    if protocol in PORTED:
        low, _, high = str(ports).partition("-")
        return {"FromPort": int(low), "ToPort": int(high or low)}
    if protocol in TYPED:
        kind, _, code = str(-1 if ports is None else ports).partition("/")
        return {"FromPort": int(kind), "ToPort": int(code or -1)}
    return {}


def _entry(peer: str, group_id: str) -> tuple[Doc, str]:
    if peer == "self":
        return {"GroupId": group_id}, "UserIdGroupPairs"
    if _LIST.fullmatch(peer):
        return {"PrefixListId": peer}, "PrefixListIds"
    if _GROUP.fullmatch(peer):
        owner, _, other = peer.rpartition("/")
        return {"GroupId": other, **({"UserId": owner} if owner else {})}, "UserIdGroupPairs"
    if holds_reference(peer):  # only a group that is yet to be made is not known by now
        return {"GroupId": peer}, "UserIdGroupPairs"
    if ":" in peer:
        return {"CidrIpv6": peer}, "Ipv6Ranges"
    return {"CidrIp": peer}, "IpRanges"


def most(rules: Iterable[Mapping[str, Any]]) -> int:
    """How many rules of one address family there are: groups and prefix lists count in both."""
    peers = [str(rule["peer"]) for rule in rules]
    v6 = sum("::" in p or p.count(":") > 1 for p in peers)
    v4 = sum(re.fullmatch(r"[\d.]+/\d+", p) is not None for p in peers)
    return len(peers) - min(v4, v6)
