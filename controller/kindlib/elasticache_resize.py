"""More or fewer replicas and shards: calls of their own, which always begin at once.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/increase-decrease-replica-count.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/redis-cluster-resharding-online.html
Before shards go, AWS makes sure that their data fits into those that stay, or gives up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.diff import Change
from controller.handler import Action, Risk, Target
from controller.kindlib.elasticache_shards import sizes
from controller.kindlib.planning import entry_key, paths
from controller.kindlib.values import number
from controller.policies import Doc


def replica_counts(
    target: Target, doc: Mapping[str, Any], changes: Sequence[Change]
) -> tuple[Action | None, Action | None]:
    """The call that adds replicas and the one that takes some away, as far as each is needed."""
    base = number(target.spec.get("replicasPerNodeGroup"))
    if not changes or base is None:
        return None, None
    said = target.spec.get("replicaConfiguration")
    own: Doc = said if isinstance(said, dict) else {}
    now = {shard: nodes - 1 for shard, nodes in sizes(doc["group"]).items()}
    entries = {entry_key(c): c for c in changes if c.top == "replicaConfiguration"}
    rest = [c for c in changes if c.top == "replicasPerNodeGroup"]
    wanted = {shard: number(own.get(shard, base)) for shard in now if shard in entries}
    if rest:
        wanted |= {shard: base for shard in now if shard not in own and shard not in entries}
    more = {s: n for s, n in wanted.items() if n is not None and n > now[s]}
    fewer = {s: n for s, n in wanted.items() if n is not None and n < now[s]}

    def call(operation: str, step: str, counts: Mapping[str, int]) -> Action | None:
        if not counts:
            return None
        made = [c for shard, c in entries.items() if shard in counts]
        made += [c for c in rest if any(shard not in entries for shard in counts)]
        alike = len(counts) == len(now) and len(set(counts.values())) == 1
        params: Doc = {"ReplicationGroupId": target.name, "ApplyImmediately": True}
        if alike:
            params["NewReplicaCount"] = next(iter(counts.values()))
        else:
            params["ReplicaConfiguration"] = [
                {"NodeGroupId": shard, "NewReplicaCount": n} for shard, n in sorted(counts.items())
            ]
        risk: Risk = "safe" if operation.startswith("Increase") else "disruptive"
        return Action("elasticache", operation, params, paths(made), risk, step)

    return (
        call("IncreaseReplicaCount", "replicas", more),
        call("DecreaseReplicaCount", "fewer-replicas", fewer),
    )


def shard_count(
    target: Target, doc: Mapping[str, Any], changes: Sequence[Change], resized: Sequence[Change]
) -> tuple[list[Action], list[Change]]:
    """The call that adds shards, or takes away the last ones; and which changes of single shards
    go with those."""
    held, wanted = sorted(sizes(doc["group"])), number(target.spec.get("numNodeGroups"))
    if not changes or not held or wanted is None or not doc["group"].get("ClusterEnabled"):
        return [], []
    gone = [
        c for c in resized if c.top == "replicaConfiguration" and entry_key(c) in held[wanted:]
    ]  # fmt: skip
    params: Doc = {
        "ReplicationGroupId": target.name, "NodeGroupCount": wanted, "ApplyImmediately": True,
    }  # fmt: skip
    note = ""
    if wanted < len(held):
        params["NodeGroupsToRemove"] = held[wanted:]
        note = "their data moves to the shards that stay; AWS gives up if it does not fit"
    return [
        Action(
            "elasticache", "ModifyReplicationGroupShardConfiguration", params,
            paths([*changes, *gone]), "disruptive", "shards", note=note,
        )
    ], gone  # fmt: skip
