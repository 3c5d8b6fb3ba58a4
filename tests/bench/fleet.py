"""Many environments of one account, converged in the sandbox, and what joint passes ask of AWS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller import aws as door
from controller.messages import ROUND
from controller.reconciler import Report
from controller.round import reconcile_together
from sandbox.pytest_plugin import new_world
from tests.bench.floor import EXTRA
from tests.bench.profile import anew, steady
from tests.bench.rows import Row
from tests.harness import Plant, production

MOST, MOST_WITH_TOKENS = 7, 3


class Fleet:
    """`size` times LiteLLM in production, all at rest."""

    def __init__(self, size: int) -> None:
        self.world = new_world(1, max_lag=timedelta(0))
        names = [f"litellm-p{number}" for number in range(size)]
        text = production()
        self.plants = [
            Plant(self.world, text.replace("litellm-production", name), name) for name in names
        ]
        self.door = self.plants[0].door
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(door.time, "sleep", lambda seconds: None)
            for _ in range(60):
                if self.look(size):
                    break
            else:
                raise RuntimeError("the fleet does not converge")
        self.world.clock.advance(timedelta(hours=2))

    def look(self, batch: int, *, steady: bool = False, new: bool = False) -> bool:
        """A pass over all, `batch` environments at a time; whether all is as it should be.

        new: by a process that has read nothing yet.
        """
        self.world.clock.advance(timedelta(minutes=1))
        self.mark = len(self.world.calls)
        if new:
            self.door.cache.clear()
        good = True
        for begun in range(0, len(self.plants), batch):
            jobs = {
                plant.name: replace(plant.tools(connect=self.door.fresh), steady=steady)
                for plant in self.plants[begun : begun + batch]
            }
            for report in reconcile_together(jobs).values():
                good &= isinstance(report, Report) and report.converged
        return good

    @property
    def calls(self) -> Counter[str]:
        """What the last look asked of AWS."""
        return Counter(c.name for c in self.world.calls[self.mark :] if c.service != "s3")

    @property
    def state_calls(self) -> int:
        """And of the state bucket."""
        return sum(c.service == "s3" for c in self.world.calls[self.mark :])


def shared(size: int) -> Iterator[Row]:
    """Calls for each environment, looked at in rounds as the queue delivers them."""
    fleet = Fleet(size)

    def each(calls: Counter[str]) -> float:
        return sum(calls.values()) / size

    assert fleet.look(size, new=True)
    cold = fleet.calls
    extra = Counter({call: n for call, n in cold.items() if call in EXTRA})
    yield Row(f"calls an environment, {size} of one account, a new process",
              f"{each(cold - extra):.2f} + {each(extra):.2f} that speed.md does not count",
              f"≤ {MOST} + those", each(cold - extra) <= MOST)  # fmt: skip
    assert fleet.look(size)
    made = fleet.calls
    yield Row("  a pass that reads it all", f"{each(made):.2f} in all")
    items = counted(fleet)
    model = steady(items, size, size) + anew(items, size)
    assert model == made, f"the model is wrong: {model - made} too many, {made - model} missing"
    assert fleet.look(size // 5)
    yield Row("  the same, a fifth of them due each minute (5m, the default)",
              f"{each(fleet.calls):.2f} in all")  # fmt: skip
    found: Counter[str] = Counter()
    for _ in range(5):
        assert fleet.look(ROUND, steady=True)
        found += fleet.calls
    yield Row("  with change tokens, in rounds as the queue gives them",
              f"{each(found) / 5:.2f} in all, mean of five passes a minute apart",
              f"≤ {MOST_WITH_TOKENS}", each(found) / 5 <= MOST_WITH_TOKENS)  # fmt: skip
    yield Row("  calls on the state bucket", f"{fleet.state_calls / size:.2f}")


def counted(fleet: Fleet) -> dict[str, int]:
    """What one environment has, by what lists it, and what AWS itself has of each."""
    plant = fleet.plants[0]

    def of(service: str, operation: str, items: str, name: str, **asked: Any) -> tuple[int, int]:
        pages = plant.aws.client(service).get_paginator(operation).paginate(**asked)
        names = [str(item[name]) for page in pages for item in page[items]]
        mine = sum(n.startswith(f"{plant.name}-") for n in names)
        return mine, sum(n.startswith("default") for n in names)

    found: dict[str, int] = {"environments": 1, "pages of database parameters": 2}
    for what, *asked in LISTS:
        found[what], found[f"AWS's {what}"] = of(*asked)
    tagged = plant.aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
    mine = [{"Key": "plumbline:environment", "Values": [plant.name]}]
    acls = plant.aws.client("wafv2").list_web_acls(Scope="REGIONAL", Limit=100)["WebACLs"]
    policies = plant.aws.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="ecs", ResourceId=f"service/{plant.name}-main/{plant.name}-gateway"
    )
    return found | {
        "services": 1,
        "clusters": 1,
        "log groups": plant.text.count("kind: LogGroup"),
        "web ACLs": sum(acl["Name"].startswith(f"{plant.name}-") for acl in acls),
        "scaling policies": len(policies["ScalingPolicies"]),
        "tagged": sum(
            len(page["ResourceTagMappingList"]) for page in tagged.paginate(TagFilters=mine)
        ),
        "parameters": len(set(re.findall(r"\$\{ssm:(/[^}]+)\}", plant.text))),
    }


LISTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("alarms", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("databases", "rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("database subnet groups", "rds", "describe_db_subnet_groups", "DBSubnetGroups",
     "DBSubnetGroupName"),
    ("database parameter groups", "rds", "describe_db_parameter_groups", "DBParameterGroups",
     "DBParameterGroupName"),
    ("cache subnet groups", "elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups",
     "CacheSubnetGroupName"),
    ("cache parameter groups", "elasticache", "describe_cache_parameter_groups",
     "CacheParameterGroups", "CacheParameterGroupName"),
    ("replication groups", "elasticache", "describe_replication_groups", "ReplicationGroups",
     "ReplicationGroupId"),
    ("cache nodes", "elasticache", "describe_cache_clusters", "CacheClusters", "CacheClusterId"),
)  # fmt: skip
"""What is counted, and how it is listed: service, paginator, items, the member with the name."""
