"""Who else may hold a DB instance's fields, and what AWS fills in where we say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from controller.kindlib.rds_document import cluster_of, primary_of
from controller.kindlib.rds_engines import family, in_clusters
from controller.kindlib.rds_storage import autoscaled, rounded_growth
from controller.kindlib.versions import minor_upgrade, older
from controller.policies import OwnedBy, ServerDefault, Situation


def in_cluster(situation: Situation, wanted: Any, live: Any) -> bool:
    """A member of a cluster takes over what that one says (93)."""
    return bool(cluster_of(situation.raw))


def in_multi_az_cluster(situation: Situation, wanted: Any, live: Any) -> bool:
    """A member of a Multi-AZ cluster has no settings of its own at all (93).

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/modify-multi-az-db-cluster.html
    """
    engine = str(situation.raw.get("Engine", ""))
    return bool(cluster_of(situation.raw)) and not in_clusters(engine)


def follows(situation: Situation, wanted: Any, live: Any) -> bool:
    """A member of a cluster, or a replica, which copies its primary as a whole (93, 94)."""
    return bool(cluster_of(situation.raw) or primary_of(situation.raw))


def sized_by_others(situation: Situation, wanted: Any, live: Any) -> bool:
    """Storage that RDS made larger than was asked (68), or a cluster decides."""
    return (
        in_cluster(situation, wanted, live)
        or autoscaled(situation, wanted, live)
        or rounded_growth(situation, wanted, live)
    )


def scaled_by_others(situation: Situation, wanted: Any, live: Any) -> bool:
    """IOPS that RDS rounded up, which it does for all engines but SQL Server."""
    rounds = family(str(situation.live.get("engine", ""))) != "sqlserver"
    return in_cluster(situation, wanted, live) or (
        rounds and rounded_growth(situation, wanted, live)
    )


def upgraded(situation: Situation, wanted: Any, live: Any) -> bool:
    """A version that AWS has moved on (61), or that a cluster or primary has."""
    if in_cluster(situation, wanted, live) or minor_upgrade(situation, wanted, live):
        return True
    return bool(primary_of(situation.raw)) and not older(str(live), str(wanted))


def backed_up_by_others(situation: Situation, wanted: Any, live: Any) -> bool:
    """AWS Backup sets retention and window once it owns continuous backups (64)."""
    return bool(situation.raw.get("AwsBackupRecoveryPointArn")) or follows(situation, wanted, live)


def default_group(situation: Situation) -> Any:
    """AWS's own group, whatever its family: `default.postgres16` (79)."""
    name = situation.live.get("dbParameterGroupName")
    return name if str(name).startswith("default.") else None


def default_options(situation: Situation) -> Any:
    """AWS's own option group, whatever its version: `default:mysql-8-0` (79)."""
    name = situation.live.get("optionGroupName")
    return name if re.match(r"default[:.-]", str(name)) else None


def no_autoscaling(situation: Situation) -> Any:
    """A limit equal to the size means no autoscaling, which AWS shows by showing none."""
    limit = situation.desired.get("maxAllocatedStorage")
    return limit if limit == situation.desired.get("allocatedStorage") else None


def by_engine(table: Mapping[str, Any], *cases: int) -> ServerDefault:
    """AWS's default as it depends on the engine."""

    return ServerDefault(
        lambda s: table.get(family(str(s.live.get("engine") or s.desired.get("engine")))), cases
    )


MEMBER = OwnedBy("the cluster it belongs to", in_cluster, cases=(93,))
"""For what a cluster decides for its members."""
MULTI_AZ_MEMBER = OwnedBy("its Multi-AZ cluster", in_multi_az_cluster, cases=(93,))
"""For what members of Aurora have of their own, but those of Multi-AZ clusters have not."""


def off_or_in_multi_az_cluster(situation: Situation, wanted: Any, live: Any) -> bool:
    """What Performance Insights keep and encrypt by means nothing while they are off."""
    insights = situation.live.get("performanceInsights") or {}
    return not insights.get("enabled") or in_multi_az_cluster(situation, wanted, live)


def without_its_secret(situation: Situation, wanted: Any, live: Any) -> bool:
    """No secret of RDS's own, no key of it; a cluster has its members' secret."""
    owned = situation.live.get("manageMasterUserPassword")
    return not owned or in_cluster(situation, wanted, live)


def without_its_directory(situation: Situation, wanted: Any, live: Any) -> bool:
    """No directory of AWS's, no role to join it."""
    return "domain" not in situation.live or in_cluster(situation, wanted, live)


SECRET_KEY = OwnedBy("nobody, while RDS does not own the password", without_its_secret)
"""For the key of RDS's own secret: it is sent when the secret is made."""
DIRECTORY_ROLE = OwnedBy("nobody, while no directory is joined", without_its_directory)
"""For the role that joins a directory: it is sent with it."""
INSIGHTS = OwnedBy("Performance Insights, which are off", off_or_in_multi_az_cluster)
"""For what comes back with them: all that is declared is sent when they are switched on."""
FOLLOWER = OwnedBy("the cluster or the primary it belongs to", follows, cases=(93, 94))
"""For what a replica copies from its primary, too."""
