"""What AWS refuses of a replication group and a file alone can tell.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
`contradictions` hold for every file. `demands` hold for a group that is yet to be made: one that
exists may be otherwise (made in other days, changed by a hand, half way through a change), and its
import must not fail for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from controller.kindlib.values import number
from controller.kindlib.versions import parts
from controller.kindlib.windows import overlap
from controller.policies import Doc
from controller.spec import holds_reference

Complaints = Iterable[str]
LOCAL_DISKS = re.compile(r"cache\.[a-z]+\d+[a-z]*d\.")
"""Node types with local SSDs (r6gd), which AWS offers for data tiering alone."""
NOT_TIERED = re.compile(r"cache\.(?:t|m|r|c)\d+(?:g|gn|i|a)?\.")
OLD_NODES = re.compile(r"cache\.(?:t1|m1|m2|c1)\.")

UNMODELLED = {
    "cacheSecurityGroupNames": "EC2-Classic is gone: write securityGroupIds (case 120)",
    "securityGroupNames": "EC2-Classic is gone: write securityGroupIds (case 120)",
    "primaryAvailabilityZone": "the primary moves with each failover (case 116): "
    "preferredCacheClusterAZs says where nodes are made, multiAZ spreads them",
    "primaryClusterId": "which node is primary changes with each failover (case 116)",
    "nodeGroupConfiguration": "AWS spreads slots and nodes of shards evenly, and moves them "
    "(case 116): write numNodeGroups, replicasPerNodeGroup and replicaConfiguration",
    "globalReplicationGroupId": "joining a global datastore is a person's act (case 108)",
    "snapshotName": "restoring a snapshot is a person's act: restore it, then adopt the group",
    "snapshotArns": "restoring a snapshot is a person's act: restore it, then adopt the group",
    "authTokenUpdateStrategy": "no property of a group: Plumbline rotates, then sets (case 112)",
    "applyImmediately": "no property of a group: it steers how a call is made",
}
"""AWS's members that somebody may write and we do not have, and why."""


def unmodelled(data: Mapping[str, Any]) -> None:
    """Raise `ValueError` for what AWS has and we refuse to take."""
    for name, why in UNMODELLED.items():
        if name in data:
            raise ValueError(f"{name} can't be declared: {why}")


def contradictions(spec: Doc) -> Complaints:
    """What says one thing and its opposite, whatever AWS has."""
    yield from _spellings(spec)
    yield from _access(spec)
    if spec.get("kmsKeyId") and spec.get("atRestEncryptionEnabled") is False:
        yield "kmsKeyId: means nothing with atRestEncryptionEnabled: false"


def demands(spec: Doc) -> Complaints:
    """What AWS, or safety, wants of a group that is yet to be made."""
    if not spec.get("cacheNodeType"):
        yield "cacheNodeType: is needed, as cache.t4g.small"
    if not (spec.get("authToken") or spec.get("userGroupIds") or spec["allowUnauthenticated"]):
        yield (
            "authToken or userGroupIds is needed; without either, whoever reaches the port "
            "may do anything: write allowUnauthenticated: true if that is meant"
        )
    if users := spec.get("userGroupIds"):
        if spec.get("transitEncryptionEnabled") is False:
            yield "userGroupIds: needs transitEncryptionEnabled: true"
        if spec.get("transitEncryptionMode") == "preferred":
            yield "userGroupIds: needs transitEncryptionMode: required"
        if isinstance(users, list) and len(users) > 1:
            yield "userGroupIds: one at most"
    yield from _version(spec)
    yield from _nodes(spec)
    yield from _modes(spec)
    yield from _tiering(spec)
    yield from _durability(spec)
    yield from _networks(spec)
    yield from _windows(spec)


def _spellings(spec: Doc) -> Complaints:
    shards = number(spec.get("numNodeGroups"))
    if spec.get("numCacheClusters") is not None and shards != 1:
        yield "numCacheClusters: only with one shard; else write replicasPerNodeGroup"
    if spec.get("transitEncryptionEnabled") is False and spec.get("transitEncryptionMode"):
        yield "transitEncryptionMode: means nothing with transitEncryptionEnabled: false"


def _access(spec: Doc) -> Complaints:
    token, said = spec.get("authToken"), spec.get("userGroupIds")
    users = said if isinstance(said, list) else []
    if spec.get("transitEncryptionEnabled") is False and token:
        yield "authToken: needs transitEncryptionEnabled: true"
    if spec.get("transitEncryptionMode") == "preferred" and token:
        yield "authToken: needs transitEncryptionMode: required"
    if token and users:
        yield "authToken and userGroupIds exclude each other"
    if spec.get("allowUnauthenticated") is True and (token or users):
        other = "authToken" if token else "userGroupIds"
        yield f"allowUnauthenticated: true and {other} exclude each other"


def _version(spec: Doc) -> Complaints:
    version, engine = spec.get("engineVersion"), spec.get("engine")
    if version is None or holds_reference(version) or holds_reference(engine):
        return
    good = r"\d+\.\d+" if engine == "valkey" else r"6\.x|(?:[6-9]|\d\d)\.\d+|[2-5]\.\d+\.\d+"
    if not re.fullmatch(good, str(version)):
        form = "major.minor, as 8.0" if engine == "valkey" else "major.minor, as 7.1"
        yield f"engineVersion: AWS takes {form} for {engine}, not {version}"
    elif engine == "valkey" and parts(str(version)) < (7, 2):
        yield f"engineVersion: valkey begins with 7.2, not {version}"


def _nodes(spec: Doc) -> Complaints:
    failover, multi_az = spec.get("automaticFailoverEnabled"), spec.get("multiAZ")
    replicas, clustered = _fewest(spec), spec.get("clusterMode") == "enabled"
    if multi_az is True and failover is False:
        yield "multiAZ: needs automaticFailoverEnabled: true"
    if replicas == 0 and multi_az is True:
        yield "multiAZ: needs replicasPerNodeGroup of at least 1"
    if replicas == 0 and failover is True and not clustered:
        yield "automaticFailoverEnabled: needs replicasPerNodeGroup of at least 1"
    if clustered and failover is False:
        yield "automaticFailoverEnabled: can't be false with clusterMode: enabled"
    if failover is True and str(spec.get("cacheNodeType")).startswith("cache.t1."):
        yield "automaticFailoverEnabled: AWS has none for cache.t1 nodes"
    zones, count = spec.get("preferredCacheClusterAZs"), number(spec.get("replicasPerNodeGroup"))
    if zones and spec.get("clusterMode") in ("enabled", "compatible"):
        yield "preferredCacheClusterAZs: only without cluster mode"
    elif isinstance(zones, list) and count is not None and len(zones) != count + 1:
        yield "preferredCacheClusterAZs: one for each node, replicasPerNodeGroup + 1"


def _fewest(spec: Doc) -> int | None:
    """Replicas of the smallest shard, as far as the file says."""
    counts = [number(spec.get("replicasPerNodeGroup"))]
    own = spec.get("replicaConfiguration")
    counts += [number(n) for n in own.values()] if isinstance(own, dict) else []
    known = [n for n in counts if n is not None]
    return min(known) if known else None


def _modes(spec: Doc) -> Complaints:
    shards, mode = number(spec.get("numNodeGroups")), spec.get("clusterMode")
    without = mode in (None, "disabled", "compatible")
    if shards and shards > 1 and without:
        yield "numNodeGroups: more than one needs clusterMode: enabled"
    if spec.get("replicaConfiguration") and without:
        yield "replicaConfiguration: sizes of single shards need clusterMode: enabled"


def _durability(spec: Doc) -> Complaints:
    wanted, engine, version = (spec.get(n) for n in ("durability", "engine", "engineVersion"))
    if wanted not in ("sync", "async") or holds_reference(engine) or holds_reference(version):
        return
    if engine != "valkey" or (version is not None and parts(str(version)) < (9,)):
        yield f"durability: {wanted} needs valkey 9.0 or later"


def _tiering(spec: Doc) -> Complaints:
    node, tiered = str(spec.get("cacheNodeType", "")), spec.get("dataTieringEnabled") is True
    if LOCAL_DISKS.match(node) and not tiered:
        yield "dataTieringEnabled: true is demanded of cache.r6gd nodes"
    if NOT_TIERED.match(node) and tiered:
        yield "dataTieringEnabled: only for cache.r6gd nodes"
    version, engine = spec.get("engineVersion"), spec.get("engine")
    old = version is not None and not holds_reference(version) and engine == "redis"
    if tiered and old and version != "6.x" and parts(str(version)) < (6, 2):
        yield "dataTieringEnabled: needs engineVersion 6.2 or later"
    if spec.get("transitEncryptionEnabled") is True and OLD_NODES.match(node):
        yield f"transitEncryptionEnabled: AWS has no TLS for {node}"
    if spec.get("atRestEncryptionEnabled") is True and OLD_NODES.match(node):
        yield f"atRestEncryptionEnabled: AWS has none for {node}"


def _networks(spec: Doc) -> Complaints:
    network, told = spec.get("networkType", "ipv4"), spec.get("ipDiscovery")
    if told and not holds_reference(told) and network in ("ipv4", "ipv6") and told != network:
        yield f"ipDiscovery: {told} needs networkType: {told} or dual_stack"


def _windows(spec: Doc) -> Complaints:
    snapshots, upkeep = spec.get("snapshotWindow"), spec.get("preferredMaintenanceWindow")
    if not snapshots or not upkeep or holds_reference(snapshots) or holds_reference(upkeep):
        return
    if overlap(snapshots, upkeep):
        yield "snapshotWindow: must not overlap preferredMaintenanceWindow"
