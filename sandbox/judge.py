"""The demo's judge: boto3 and the sandbox's call log, nothing of Plumbline's.

`python -m sandbox.judge --stage steady|healed|rolled-out --from N`, with the usual AWS settings.
It prints one line a check; exit code 0 only if all of them hold.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import boto3

from sandbox.tamper import DEEDS, E, acl, alarm, cache, container, database, service, target

PLUMBLINE = "AKIAPLUMBLINE"
READS = ("Describe", "List", "Get")
Check = tuple[str, bool]


def calls(since: int) -> list[dict[str, Any]]:
    """Plumbline's own calls to managed services since that position of the log."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/calls?from={since}"
    with urlopen(url) as reply:
        found: list[dict[str, Any]] = json.load(reply)
    return [c for c in found if c["accessKey"] == PLUMBLINE and not c["name"].startswith("s3:")]


def writes(since: int) -> list[str]:
    """Names of Plumbline's writes since then."""
    return [c["name"] for c in calls(since) if c["writes"]]


def converged(aws: boto3.Session) -> Iterator[Check]:
    """The environment stands: everything is there and usable."""
    running = service(aws)
    yield (
        "gateway: tasks run as desired",
        (
            running["runningCount"] == running["desiredCount"] >= 2
            and running["deployments"][0]["rolloutState"] == "COMPLETED"
        ),
    )
    held = database(aws)
    yield "database: available, encrypted, multi-AZ, private, protected", (
        held["DBInstanceStatus"] == "available" and held["StorageEncrypted"] and held["MultiAZ"]
        and held["DeletionProtection"] and not held["PubliclyAccessible"]
    )  # fmt: skip
    redis = cache(aws)
    yield "Redis: available, TLS, AUTH, failover", (
        redis["Status"] == "available" and redis["TransitEncryptionEnabled"]
        and redis["AuthTokenEnabled"] and redis["AutomaticFailover"] == "enabled"
    )  # fmt: skip
    yield "firewall: six rules before the load balancer", len(acl(aws)["WebACL"]["Rules"]) == 6
    pages = aws.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=E)
    found = [a for page in pages for a in page["MetricAlarms"]]
    yield (
        f"{len(found)} alarms, each with an action",
        (len(found) >= 12 and all(a["AlarmActions"] for a in found)),
    )
    variables = json.dumps(container(aws)["environment"])
    yield "no password in the task definition", "PASSWORD" not in variables


def judge(stage: str, since: int) -> Iterator[Check]:
    """The checks of one stage of the demo."""
    aws = boto3.Session()
    if stage == "converged":
        yield from converged(aws)
    elif stage == "steady":
        made = writes(since)
        yield f"0 writes in a pass of {len(calls(since))} calls", not made
    elif stage == "healed":
        for deed in DEEDS:
            yield f"mended: {deed.title}", bool(deed.healed(aws))
        moved = database(aws)["DBSubnetGroup"]["DBSubnetGroupName"] != f"{E}-main"
        yield "refused, not made: the database in another subnet group", not moved
        made = writes(since)
        deleted = [name for name in made if name.startswith(("rds:Delete", "elasticache:Delete"))]
        yield f"{len(made)} writes, none of them a deletion of data", not deleted
    elif stage == "rolled-out":
        revision = aws.client("ecs").describe_task_definition(
            taskDefinition=service(aws)["taskDefinition"]
        )["taskDefinition"]
        yield "the gateway runs with 8 GiB", revision["memory"] == "8192"
        yield "never fewer than three tasks", target(aws)["MinCapacity"] == 3
        running = service(aws)
        yield (
            "the roll-out has ended well",
            (
                running["runningCount"] == running["desiredCount"] >= 3
                and len(running["deployments"]) == 1
            ),
        )
        yield "the alarms are as they were", alarm(aws, "gateway-5xx")["Threshold"] == 10
    else:
        yield f"no stage {stage}", False


def main() -> int:
    """Print the checks of a stage; 0 if all hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--from", dest="since", type=int, default=0)
    options = parser.parse_args()
    held = True
    for title, good in judge(options.stage, options.since):
        print(f"  {'✓' if good else '✗'} {title}")
        held = held and good
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
