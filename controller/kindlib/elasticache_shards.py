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
    """`numNodeGroups`, `replicasPerNodeGroup`, and of shards that are sized otherwise
    `replicaConfiguration`; nothing of what AWS does not show."""
    spec: Doc = {}
    held = sizes(doc["group"])
    if not held:
        return spec
    spec["numNodeGroups"] = len(held)
    counts = {name: nodes - 1 for name, nodes in held.items() if nodes}
    if counts:
        common = _common(list(counts.values()), doc.get("replicas"))
        spec["replicasPerNodeGroup"] = common
        if other := {name: n for name, n in sorted(counts.items()) if n != common}:
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


def _common(counts: list[int], wanted: Any) -> int:
    """The count that stands for all shards: the one that is desired, if any shard has it, else what
    most have."""
    if wanted in counts:
        return int(wanted)
    found = Counter(counts)
    return min(found, key=lambda n: (-found[n], n))
