"""How many shards a replication group has, and how many replicas each (case 115).

AWS shows shards once they are there, and the names of all nodes before: `group-0002-001` is a node
of the second shard, `group-001` one of a group that has a single shard.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from controller.policies import Doc

_NODE = re.compile(r"(?:-(?P<shard>\d{1,4}))?-\d{3}")


def shards(doc: Mapping[str, Any]) -> Doc:
    """`numNodeGroups`, `replicasPerNodeGroup`, and `replicaConfiguration` of shards that are sized
    otherwise, or are to be: two spellings of the same sizes, of which the desired one is chosen
    (`wanted`). Nothing of what AWS does not show."""
    spec: Doc = {}
    held = sizes(doc["group"])
    if not held:
        return spec
    spec["numNodeGroups"] = len(doc["group"].get("NodeGroups") or held)
    counts = {name: nodes - 1 for name, nodes in sorted(held.items()) if nodes}
    if counts:
        wanted: Mapping[str, Any] = doc.get("wanted") or {}
        said = wanted.get("replicaConfiguration")
        own = said if isinstance(said, Mapping) else {}
        rest = [n for name, n in counts.items() if name not in own]
        common = _common(rest, wanted.get("replicasPerNodeGroup"), list(counts.values()))
        spec["replicasPerNodeGroup"] = common
        if other := {name: n for name, n in counts.items() if name in own or n != common}:
            spec["replicaConfiguration"] = other
    return spec


def sizes(group: Mapping[str, Any]) -> dict[str, int]:
    """Nodes by shard id; empty if AWS shows neither shards nor nodes."""
    if shown := group.get("NodeGroups"):
        return {
            str(s.get("NodeGroupId") or f"{n:04}"): len(s.get("NodeGroupMembers") or [])
            for n, s in enumerate(shown, 1)
        }
    name, counts = str(group.get("ReplicationGroupId", "")).lower(), Counter[str]()
    for member in group.get("MemberClusters") or []:
        found = _NODE.fullmatch(str(member).lower().removeprefix(name))
        if not found:
            return {}
        counts[found["shard"] or "0001"] += 1
    return dict(counts)


def _common(rest: list[int], wanted: Any, every: list[int]) -> int:
    """The count that stands for the shards that have no entry of their own: the desired one, if any
    of them has it or there are none, else what most have."""
    if isinstance(wanted, int) and (wanted in rest or not rest):
        return wanted
    found = Counter(rest or every)
    return min(found, key=lambda n: (-found[n], n))
