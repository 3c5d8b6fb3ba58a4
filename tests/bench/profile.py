"""What passes cost, measured: what the simulation and the costs are reckoned from.

`python -m tests.bench --measure` lets the three functions and joint passes work in the sandbox and
writes down what they asked for (`profile.json`); tests hold it to what they do now. Nothing here is
an estimate but for what `AT_AWS` says.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("profile.json")

AT_AWS = {
    "latency_s": 0.060,
    "state_latency_s": 0.015,
    "cpu_s_a_call": 0.00115,
}
"""Seconds that a call takes (shared/speed.md counts with 60 ms), that one to S3 takes, and of CPU
that boto3 needs for each (measured there on one whole processor)."""

WHOLE_CPU_MB = 1769
"""Memory with which a function has one processor.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""


@dataclass(frozen=True)
class Work:
    """What a tick, an invocation or a pass costs beside its reads of AWS."""

    gets: float = 0.0
    puts: float = 0.0
    lists: float = 0.0
    sends: float = 0.0
    log_bytes: float = 0.0

    @property
    def state_calls(self) -> float:
        """Calls on the state bucket."""
        return self.gets + self.puts + self.lists


@dataclass(frozen=True)
class Profile:
    """tick: one that wakes nobody. batch: an invocation of the worker. each: a pass in it, the
    message that asks for it included. items: what one environment has, by what lists it. series:
    metric series of one environment, and of the fleet. cpu_s: of our own, for one pass.
    """

    tick: Work
    batch: Work
    each: Work
    items: Mapping[str, int]
    series: int
    fleet_series: int
    cpu_s: float

    @classmethod
    def load(cls) -> Profile:
        """As measured last."""
        told = json.loads(FILE.read_text(encoding="utf-8"))
        for name in ("tick", "batch", "each"):
            told[name] = Work(**told[name])
        return cls(**told)

    def save(self) -> None:
        """For the next time."""
        FILE.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


NAMED = {
    "cloudwatch:DescribeAlarms": ("alarms", 100),
    "ecs:DescribeClusters": ("clusters", 100),
    "logs:DescribeLogGroups": ("log groups", 50),
    "rds:DescribeDBInstances": ("databases", 100),
    "application-autoscaling:DescribeScalableTargets": ("services", 50),
    "secretsmanager:ListSecrets": ("environments", 10),
}
"""Call → what it is asked for by name, and how many of them a call takes."""

WIDE = {
    "rds:DescribeDBSubnetGroups": ("database subnet groups", 100),
    "rds:DescribeDBParameterGroups": ("database parameter groups", 100),
    "elasticache:DescribeCacheSubnetGroups": ("cache subnet groups", 100),
    "elasticache:DescribeCacheParameterGroups": ("cache parameter groups", 100),
    "elasticache:DescribeReplicationGroups": ("replication groups", 100),
    "elasticache:DescribeCacheClusters": ("cache nodes", 100),
    "wafv2:ListWebACLs": ("web ACLs", 100),
    "wafv2:ListLoggingConfigurations": ("web ACLs", 100),
}
"""Call → what of the whole account it lists, and how many a page has."""

TAG_VALUES, TAGS_A_PAGE, POLICIES_A_PAGE, PARAMETERS_A_CALL = 20, 100, 10, 10

TIMED = {
    "rds:DescribeDBParameters": "pages of database parameters",
    "elasticache:DescribeCacheParameters": "cache parameter groups",
    "wafv2:ListResourcesForWebACL": "web ACLs",
}
"""Call → what it is made for, once in `controller.kept.FLOOR_S` at least."""


def steady(items: Mapping[str, int], batch: int, account: int) -> Counter[str]:
    """Calls of a joint pass that goes by what was read before, over `batch` environments of an
    account that has `account` of them."""
    calls = Counter({"ecs:DescribeServices": batch * items["services"]})
    for call, (what, most) in NAMED.items():
        calls[call] = ceil(batch * items[what] / most)
    for call, (what, page) in WIDE.items():
        calls[call] = ceil((account * items[what] + items.get(f"AWS's {what}", 0)) / page)
    runs = [min(TAG_VALUES, batch - begun) for begun in range(0, batch, TAG_VALUES)]
    tags = sum(ceil(run * items["tagged"] / TAGS_A_PAGE) for run in runs)
    calls["resourcegroupstaggingapi:GetResources"] = tags
    pages = ceil(account * items["scaling policies"] / POLICIES_A_PAGE)
    calls["application-autoscaling:DescribeScalingPolicies"] = min(pages, batch * items["services"])
    return calls


def anew(items: Mapping[str, int], batch: int) -> Counter[str]:
    """What is asked for besides, where all that goes by time is read anew."""
    calls = Counter({call: batch * items[what] for call, what in TIMED.items()})
    calls["ssm:GetParameters"] = ceil(batch * items["parameters"] / PARAMETERS_A_CALL)
    return calls


def text(profile: Profile) -> Mapping[str, Any]:
    """For a message."""
    return asdict(profile)
