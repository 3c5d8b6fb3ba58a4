"""Who else may rightly hold a field of a replication group, and what AWS gives by default."""

from __future__ import annotations

from typing import Any

from controller.kindlib.versions import minor_upgrade
from controller.policies import OwnedBy, Situation

SCALED = {
    "elasticache:replication-group:NodeGroups": "numNodeGroups",
    "elasticache:replication-group:Replicas": "replicasPerNodeGroup",
}
"""Scalable dimension of Application Auto Scaling → the field that it moves."""


def in_global_datastore(situation: Situation, wanted: Any, live: Any) -> bool:
    """True for a member of a global datastore, which decides for it (108, 109)."""
    info = situation.raw.get("group", {}).get("GlobalReplicationGroupInfo") or {}
    return bool(info.get("GlobalReplicationGroupId"))


GLOBAL = OwnedBy("the global datastore", in_global_datastore, cases=(108, 109))


def _upgraded(situation: Situation, wanted: Any, live: Any) -> bool:
    return in_global_datastore(situation, wanted, live) or minor_upgrade(situation, wanted, live)


UPGRADED = OwnedBy(
    "AWS's minor version upgrades, or a global datastore", _upgraded, cases=(61, 108)
)


def scaled(field: str) -> OwnedBy:
    """Application Auto Scaling moves this number, within its bounds.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoScaling.html
    """

    def when(situation: Situation, wanted: Any, live: Any) -> bool:
        if in_global_datastore(situation, wanted, live):
            return True
        bounds = situation.raw.get("scaled", {}).get(field)
        return bool(bounds) and live is not None and bounds[0] <= live <= bounds[1]

    return OwnedBy("Application Auto Scaling, or a global datastore", when, cases=(108,))


def default_group(situation: Situation) -> Any:
    """AWS's own group, whatever its family: `default.redis7.cluster.on` (123)."""
    name = situation.live.get("cacheParameterGroupName")
    return name if str(name).startswith("default.") else None


def default_discovery(situation: Situation) -> str:
    """IPv4, but where there is no other than IPv6 (118)."""
    network = situation.live.get("networkType") or situation.desired.get("networkType")
    return "ipv6" if network == "ipv6" else "ipv4"


def our_words(situation: Situation) -> Any:
    """The description that a creation gives when the file has none. Others' words are reported."""
    text = situation.live.get("description")
    return text if str(text).startswith("Plumbline: ") else None


def _users_differ(situation: Situation, wanted: Any, live: Any) -> bool:
    desired, shown = (
        sorted(str(u).lower() for u in spec.get("userGroupIds") or ())
        for spec in (situation.desired, situation.live)
    )
    waiting = situation.raw.get("group", {}).get("PendingModifiedValues") or {}
    return desired != shown or bool(waiting.get("UserGroups"))


TOLD_BY_USERS = OwnedBy("userGroupIds, which tells it", _users_differ)
"""Whether anybody may log in follows from the user groups, where those differ already."""


def by_engine(situation: Situation) -> bool:
    """Encryption at rest: Valkey's default, not Redis OSS's (107)."""
    engine = situation.live.get("engine") or situation.desired.get("engine")
    return str(engine).lower() == "valkey"
