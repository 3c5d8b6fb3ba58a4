"""Who else may hold a DB instance's fields, and what AWS fills in where we say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.kindlib.rds_document import inherits
from controller.kindlib.rds_rules import family
from controller.kindlib.rds_storage import autoscaled, rounded_growth
from controller.kindlib.versions import minor_upgrade
from controller.policies import OwnedBy, ServerDefault, Situation


def follows(situation: Situation, wanted: Any, live: Any) -> bool:
    """A member of a cluster, or a replica, takes over what that one says (93, 94)."""
    return bool(inherits(situation.raw))


def sized_by_others(situation: Situation, wanted: Any, live: Any) -> bool:
    """Storage that RDS made larger than was asked (68), or a cluster or primary decides."""
    return (
        follows(situation, wanted, live)
        or autoscaled(situation, wanted, live)
        or rounded_growth(situation, wanted, live)
    )


def upgraded(situation: Situation, wanted: Any, live: Any) -> bool:
    """A version that AWS has moved on (61), or that a cluster or primary decides."""
    return follows(situation, wanted, live) or minor_upgrade(situation, wanted, live)


def backed_up_by_others(situation: Situation, wanted: Any, live: Any) -> bool:
    """AWS Backup sets retention and window once it owns continuous backups (64)."""
    return bool(situation.raw.get("AwsBackupRecoveryPointArn")) or follows(situation, wanted, live)


def default_group(situation: Situation) -> Any:
    """AWS's own group, whatever its family: `default.postgres16` (79)."""
    name = situation.live.get("dbParameterGroupName")
    return name if str(name).startswith("default.") else None


def no_autoscaling(situation: Situation) -> Any:
    """A limit equal to the size means no autoscaling, which AWS shows by showing none."""
    limit = situation.desired.get("maxAllocatedStorage")
    return limit if limit == situation.desired.get("allocatedStorage") else None


def by_engine(table: Mapping[str, Any]) -> ServerDefault:
    """AWS's default as it depends on the engine (86)."""

    return ServerDefault(
        lambda s: table.get(family(str(s.live.get("engine") or s.desired.get("engine")))), (86,)
    )


FOLLOWER = OwnedBy("the cluster or the primary it belongs to", follows, cases=(93, 94))
"""For what a cluster or a primary decides for its members."""
