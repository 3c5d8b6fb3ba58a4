"""AWS as a lookup: an environment of any size whose replies cost nothing, to see our own time."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore.session

from controller.aws import Aws
from controller.kindlib.reading import tag_map
from controller.rates import Budget
from controller.reconciler import Report, Tools, reconcile
from controller.sources import StoreSource
from controller.store import Conflict, Stored

NAME = "bench"
REGION, ACCOUNT = "us-east-1", "123456789012"

_HEAD = f"""\
apiVersion: plumbline.dev/v1
kind: Environment
metadata: {{name: {NAME}}}
spec: {{tags: {{team: platform}}, limits: {{maxChanges: 100%}}}}
"""
_ALARM = """\
---
apiVersion: plumbline.dev/v1
kind: Alarm
metadata: {name: alarm-NUMBER}
spec:
  description: The load balancer answers with errors of its own
  namespace: AWS/ApplicationELB
  metricName: HTTPCode_ELB_5XX_Count
  dimensions: {LoadBalancer: "${ssm:/bench/load-balancer}"}
  statistic: Sum
  period: 60
  evaluationPeriods: 5
  datapointsToAlarm: 3
  comparisonOperator: GreaterThanThreshold
  threshold: NUMBER
  alarmActions: ["${ssm:/bench/topic}"]
"""
_LOGS = """\
---
apiVersion: plumbline.dev/v1
kind: LogGroup
metadata: {name: logs-NUMBER}
spec: {retentionInDays: 30}
"""
_PARAMETERS = {
    "/bench/load-balancer": "app/bench/0123456789abcdef",
    "/bench/topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:bench",
}


def text(size: int) -> str:
    """An environment of `size` resources: alarms and log groups, as many of each."""
    kinds = (_ALARM, _LOGS)
    return _HEAD + "".join(kinds[n % 2].replace("NUMBER", str(n)) for n in range(size))


class MemoryStore:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._held: dict[str, Stored] = {}

    def get(self, key: str) -> Stored | None:
        return self._held.get(key)

    def put(self, key: str, body: bytes, expected: str | None) -> str:
        found = self._held.get(key)
        if (found.version if found else None) != expected:
            raise Conflict(key)
        version = str(int(expected or 0) + 1)
        self._held[key] = Stored(body, version)
        return version

    def delete(self, key: str) -> None:
        self._held.pop(key, None)

    def list(self, prefix: str) -> list[str]:
        return sorted(k for k in self._held if k.startswith(prefix))


class Canned(Aws):
    """Answers at once from what was created through it.

    budget: asked before each call, as ever; `wait` is told the seconds (and does not sleep).
    """

    def __init__(self, budget: Budget, wait: Callable[[str, float], None]) -> None:
        session = botocore.session.Session()
        super().__init__(session, region=REGION, account=ACCOUNT, budget=budget)
        self.wait = wait
        self.alarms: dict[str, Any] = {}
        self.groups: dict[str, Any] = {}
        self.tags: dict[str, Any] = {}
        self.indexed = True
        """False: the tag index knows nothing, so that tags are asked one by one."""

    def _call(self, service: str, operation: str, params: dict[str, Any], by: Any = None) -> Any:
        call = f"{service}:{operation}"
        self.wait(call, self._budget.take(call))
        self._count(call, 0)
        return getattr(self, f"_{operation}")(params)

    def _GetParameters(self, params: dict[str, Any]) -> Any:
        found = [
            {"Name": name, "Type": "String", "Value": _PARAMETERS[name]} for name in params["Names"]
        ]
        return {"Parameters": found, "InvalidParameters": []}

    def _DescribeAlarms(self, params: dict[str, Any]) -> Any:
        names = params["AlarmNames"]
        return {"MetricAlarms": [self.alarms[n] for n in names if n in self.alarms]}

    def _DescribeLogGroups(self, params: dict[str, Any]) -> Any:
        prefix, start = params.get("logGroupNamePrefix", ""), int(params.get("nextToken", 0))
        found = [g for name, g in self.groups.items() if name.startswith(prefix)]
        size = params.get("limit", 50)
        more = {"nextToken": str(start + size)} if start + size < len(found) else {}
        return {"logGroups": found[start : start + size], **more}

    def _GetResources(self, params: dict[str, Any]) -> Any:
        start = int(params.get("PaginationToken") or 0)
        found = list(self.tags.items()) if self.indexed else []
        page = [{"ResourceARN": a, "Tags": t} for a, t in found[start : start + 100]]
        token = str(start + 100) if start + 100 < len(found) else ""
        return {"ResourceTagMappingList": page, "PaginationToken": token}

    def _ListTagsForResource(self, params: dict[str, Any]) -> Any:
        arn = params.get("ResourceARN") or params["resourceArn"]
        tags = self.tags[arn]
        return {"Tags": tags, "tags": tag_map(tags)}

    def _PutMetricAlarm(self, params: dict[str, Any]) -> Any:
        given = dict(params)
        name, tags = given["AlarmName"], given.pop("Tags")
        arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
        self.alarms[name] = {"ActionsEnabled": True, **given, "AlarmArn": arn}
        self.tags[arn] = tags
        return {}

    def _CreateLogGroup(self, params: dict[str, Any]) -> Any:
        name = params["logGroupName"]
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
        self.groups[name] = {
            "logGroupName": name, "creationTime": 1, "arn": f"{arn}:*", "logGroupArn": arn,
            "logGroupClass": params.get("logGroupClass", "STANDARD"),
            "deletionProtectionEnabled": params.get("deletionProtectionEnabled", False),
        }  # fmt: skip
        self.tags[arn] = [{"Key": k, "Value": v} for k, v in params["tags"].items()]
        return {}

    def _PutRetentionPolicy(self, params: dict[str, Any]) -> Any:
        self.groups[params["logGroupName"]]["retentionInDays"] = params["retentionInDays"]
        return {}


class Bulk:
    """An environment of `size` resources, converged, ready for steady passes."""

    def __init__(
        self,
        size: int,
        budget: Budget | None = None,
        wait: Callable[[str, float], None] = lambda call, seconds: None,
    ) -> None:
        self.size = size
        self.door = Canned(Budget(1e9), lambda call, seconds: None)
        store = MemoryStore()
        store.put(f"environments/{NAME}.yaml", text(size).encode(), None)
        self.tools = Tools(store, StoreSource(store), self.door.fresh, "bench", now=self._now)
        self.at = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        for _ in range(3):
            self.run()
        self.door._budget, self.door.wait = budget or self.door._budget, wait

    def run(self) -> Report:
        """One pass."""
        self.at += 600
        return reconcile(NAME, self.tools)

    def cpu_per_resource(self, passes: int) -> float:
        """Seconds of our own CPU for each resource: the least of some steady passes."""
        took = []
        for _ in range(passes):
            begun = time.process_time()
            report = self.run()
            took.append((time.process_time() - begun) / self.size)
            assert report.converged, "not a steady pass"
        return min(took)

    def work_per_resource(self) -> float:
        """Python functions called for each resource in a pass: the same on any machine."""
        profile = cProfile.Profile()
        profile.runcall(self.run)
        return float(pstats.Stats(profile).total_calls) / self.size

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)
