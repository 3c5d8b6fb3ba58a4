"""Whatever AWS may show of a replication group, an import of it is a file that plans empty.

Groups are drawn from botocore's shape of the reply: each member there or not, with any value of its
enumeration or of those that real groups have, half-way states among them.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from controller.assess import Assessment, assess
from controller.handler import Present, Target
from controller.importing.drafting import draft, to_ignore
from controller.importing.finding import Live
from controller.kindlib.elasticache_observe import observed
from controller.kinds.replication_group import ReplicationGroupHandler
from controller.manifest import load
from controller.policies import Doc
from tests.harness import environment
from tests.unit.kinds.kit import service
from tests.unit.kinds.test_replication_group import ARN, BORN, Quiet

HANDLER = ReplicationGroupHandler()
NAME = "theirs"
TEXTS: dict[str, list[str]] = {
    "Description": [" ", "", "cache of ours ", 'Demonstrates "correct" ${behaviour}', "x" * 255],
    "Status": ["creating", "available", "modifying", "deleting", "create-failed", "snapshotting"],
    "CacheClusterStatus": [
        "available", "creating", "modifying", "snapshotting", "rebooting cluster nodes",
        "incompatible-network", "restore-failed",
    ],
    "CacheNodeType": [
        "cache.t2.micro", "cache.m3.medium", "cache.r6gd.xlarge", "cache.r7g.16xlarge",
        "cache.c8gn.large", "cache.r9gd.metal-24xl",
    ],
    "Engine": ["redis", "valkey", "Redis"],
    "EngineVersion": ["2.8.24", "3.2.10", "5.0.6", "6.0.5", "6.2.6", "7.1.0", "8.2.1", "10.0.1"],
    "SnapshotWindow": ["05:00-09:00", "23:30-00:30", "01:00-02:00"],
    "PreferredMaintenanceWindow": ["sun:23:00-mon:01:30", "sat:06:00-sat:07:00"],
    "KmsKeyId": [
        "arn:aws:kms:us-east-1:644160558196:key/2e5d2f9a-6b1e-4c5f-9d4e-0a1b2c3d4e5f",
        "2e5d2f9a-6b1e-4c5f-9d4e-0a1b2c3d4e5f", "mrk-0123456789abcdef0123456789abcdef",
    ],
    "CacheParameterGroupName": ["default.redis3.2.cluster.on", "mine", "default.valkey9"],
    "CacheSubnetGroupName": ["default", "Their-Group", "their.group_1"],
    "TopicArn": ["arn:aws:sns:us-east-1:644160558196:topic"],
    "TopicStatus": ["active", "inactive"],
    "SecurityGroupId": ["sg-7a3fcb13", "sg-0123456789abcdef0"],
    "GlobalReplicationGroupId": ["ldgnf-theirs"],
    "NodeGroupId": ["0001", "0002", "0500"],
    "UserGroupIds": ["Their-Users"],
    "ARN": [ARN],
}  # fmt: skip
NUMBERS = {"SnapshotRetentionLimit": [0, 1, 35], "Port": [6379, 6380, 11211]}
LISTS = {"UserGroupIds": 1, "NodeGroups": 3, "NodeGroupMembers": 6}
WHOLE = (
    "LogDeliveryConfiguration", "PendingLogDeliveryConfiguration", "DestinationDetails",
    "CloudWatchLogsDestinationDetails", "KinesisFirehoseDestinationDetails",
    "SecurityGroupMembership", "NodeGroup",
)  # fmt: skip
"""Structures of which AWS shows all members."""
UNHEARD = "of-a-later-release"


class Draw:
    """Values of a shape. unheard: the share of texts that botocore knows nothing of."""

    def __init__(self, seed: int, unheard: float) -> None:
        self.rng = random.Random(seed)
        self.unheard = unheard

    def value(self, shape: Any, name: str = "") -> Any:
        rng = self.rng
        if shape.type_name == "structure":
            there = 1.0 if shape.name in WHOLE else 0.75
            members = shape.members.items()
            return {n: self.value(inner, n) for n, inner in members if rng.random() < there}
        if shape.type_name == "list":
            most = LISTS.get(name, 2)
            return [self.value(shape.member, name) for _ in range(rng.randint(0, most))]
        if shape.type_name == "boolean":
            return rng.random() < 0.5
        if shape.type_name == "timestamp":
            return BORN
        if shape.type_name in ("integer", "double"):
            return rng.choice(NUMBERS.get(name, [1, 50]))
        if rng.random() < self.unheard:
            return UNHEARD
        return rng.choice(TEXTS.get(name) or list(getattr(shape, "enum", [])) or ["text-1"])

    def reply(self) -> tuple[Doc, list[Doc]]:
        """A group and its nodes, which AWS may not show."""
        model, rng = service("elasticache"), self.rng
        group = self.value(model.shape_for("ReplicationGroup"))
        stem = f"{NAME}-0001" if group.get("ClusterEnabled") else NAME
        names = [f"{stem}-{n:03}" for n in range(1, rng.randint(2, 5))]
        group |= {"ReplicationGroupId": NAME, "MemberClusters": names}
        shape = model.shape_for("CacheCluster")
        own = {"ReplicationGroupId": NAME}
        members = [self.value(shape) | own | {"CacheClusterId": name} for name in names]
        return group, members if rng.random() < 0.8 else []


def judged(group: Doc, members: list[Doc]) -> tuple[Assessment, list[str]]:
    """What a pass says of it, once it stands in a file by import; and the import's notes."""
    place = ("644160558196", "us-east-1")
    bare = Target("ReplicationGroup/0", NAME, {}, {"plumbline:environment": NAME}, *place)
    seen = observed(Quiet(), bare, group, members)
    assert isinstance(seen, Present)
    made = draft(Live(HANDLER, bare, seen), NAME)
    manifest = {
        "apiVersion": "plumbline.dev/v1", "kind": "ReplicationGroup", "spec": made.spec,
        "metadata": {"name": NAME}, "lifecycle": {"adopt": True},
    }  # fmt: skip
    loaded = load(environment(yaml.safe_dump(manifest)).encode(), "theirs.yaml")
    it = loaded.resources[f"ReplicationGroup/{NAME}"]
    aim = Target(it.key, NAME, it.spec, dict(it.spec["tags"]), *place)
    again = observed(Quiet(), aim, group, members)
    return assess(it, aim, HANDLER, again, None, now=datetime.now(UTC)), made.notes


def acted_on(found: Assessment) -> list[str]:
    """Paths that would be changed or blocked, tags aside."""
    return [p for p in to_ignore(found.changes) if not p.startswith("tags")]


@pytest.mark.parametrize("part", range(4))
def test_any_group_imports_and_plans_empty(part: int) -> None:
    for seed in range(part * 50, part * 50 + 50):
        group, members = Draw(seed, 0).reply()
        found, _ = judged(group, members)
        assert not acted_on(found), f"seed {seed}: {acted_on(found)}"


def test_values_of_a_later_release_are_left_out_with_a_note() -> None:
    for seed in range(1000, 1060):
        group, members = Draw(seed, 0.05).reply()
        found, notes = judged(group, members)
        told = " ".join(notes)
        left = [p for p in acted_on(found) if p.partition("[")[0] not in told]
        assert not left, f"seed {seed}: {left}"
