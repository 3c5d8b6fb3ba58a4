"""Application Auto Scaling at work: it moves a service's desired count, within min and max.

`load` lets a test play the load that makes it scale. What it does is AWS's own work: it shows in
the service, in the scaling activities and in the `TargetTracking-…` alarms, not in the call log.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from sandbox.behaviours.ecs_deployments import Place
from sandbox.behaviours.ecs_rollout import set_desired
from sandbox.world import Store, World

SCALE_OUT_AFTER = timedelta(minutes=3)
SCALE_IN_AFTER = timedelta(minutes=15)
"""How long the two alarms of a target-tracking policy must breach (3 and 15 datapoints)."""

SCALE_IN_BELOW = 0.9
"""The low alarm's threshold, as a share of the target value."""

DIMENSION = "ecs:service:DesiredCount"
CPU = "ECSServiceAverageCPUUtilization"


class Scaler:
    """Application Auto Scaling for one ECS service, in one account and region."""

    def __init__(self, world: World, account: str, region: str, resource: str) -> None:
        self.world, self.account, self.region = world, account, region
        self.resource = resource
        self.at = Place(world, account, region, resource.removeprefix("service/"))

    @property
    def store(self) -> Store:
        """Application Auto Scaling's store."""
        return self.world.store("application-autoscaling", self.account, self.region)

    @property
    def target(self) -> dict[str, Any] | None:
        """The scalable target, unless it was deregistered."""
        found: dict[str, Any] | None = self.store.get("targets", {}).get(self.resource)
        return found

    def policies(self) -> list[dict[str, Any]]:
        """The service's scaling policies."""
        found = self.store.get("policies", {}).values()
        return [p for p in found if p["ResourceId"] == self.resource]

    def count(self) -> int | None:
        """The service's desired count, if it is there."""
        service = self.at.service
        return None if service is None or service["status"] != "ACTIVE" else service["desiredCount"]

    def keep_in_range(self) -> None:
        """Bring the desired count into the range (documented: on registering and on schedule)."""
        target, now = self.target, self.count()
        if target is None or now is None:
            return
        if now < target["MinCapacity"]:
            self.scale(
                target["MinCapacity"], f"minimum capacity was set to {target['MinCapacity']}"
            )
        elif now > target["MaxCapacity"]:
            self.scale(
                target["MaxCapacity"], f"maximum capacity was set to {target['MaxCapacity']}"
            )

    def keep_in_range_soon(self) -> None:
        """As `keep_in_range`, some seconds later."""
        pause = timedelta(seconds=self.world.rng.uniform(5, 15))
        self.world.clock.after(pause, self.keep_in_range)

    def scale(self, count: int, cause: str) -> None:
        """Set the desired count, and record the activity."""
        set_desired(self.at, count)
        now = self.world.clock.now()
        ident = "-".join(self.at.token(length=n) for n in (8, 4, 4, 4, 12))
        self.store.setdefault("activities", []).insert(
            0,
            {
                "ActivityId": ident,
                "ServiceNamespace": "ecs",
                "ResourceId": self.resource,
                "ScalableDimension": DIMENSION,
                "Description": f"Setting desired count to {count}.",
                "Cause": cause,
                "StartTime": now,
                "EndTime": now + timedelta(seconds=30),
                "StatusCode": "Successful",
                "StatusMessage": f"Successfully set desired count to {count}. Change successfully "
                "fulfilled by ecs.",
            },
        )

    def follow(self, policy_name: str, metric: float) -> None:
        """What a target-tracking policy does once its alarm has breached for long enough."""
        policy = next((p for p in self.policies() if p["PolicyName"] == policy_name), None)
        target, now = self.target, self.count()
        if policy is None or target is None or now is None:
            return
        config = policy["TargetTrackingScalingPolicyConfiguration"]
        out = metric > config["TargetValue"]
        name = self._alarm(policy, "AlarmHigh" if out else "AlarmLow")
        suspended = target["SuspendedState"]
        kind = "DynamicScalingOutSuspended" if out else "DynamicScalingInSuspended"
        if suspended[kind] or (not out and config.get("DisableScaleIn")):
            return
        wanted = math.ceil(now * metric / config["TargetValue"])
        wanted = min(target["MaxCapacity"], max(target["MinCapacity"], wanted))
        if wanted != now and (wanted > now) == out:
            cause = f"monitor alarm {name} in state ALARM triggered policy {policy_name}"
            self.scale(wanted, cause)

    def _alarm(self, policy: dict[str, Any], side: str) -> str:
        """Set the policy's alarm on that side to ALARM, its other ones to OK; its name."""
        alarms = self.world.store("cloudwatch", self.account, self.region).get("alarms", {})
        chosen = ""
        for ref in policy["Alarms"]:
            mine = f"-{side}-" in ref["AlarmName"]
            chosen = ref["AlarmName"] if mine else chosen
            alarm = alarms.get(ref["AlarmName"])
            state = "ALARM" if mine else "OK"
            if alarm is not None and alarm["StateValue"] != state:
                now = self.world.clock.now()
                alarm.update(
                    StateValue=state,
                    StateReason="Threshold Crossed",
                    StateUpdatedTimestamp=now,
                    StateTransitionedTimestamp=now,
                )
        return chosen


def load(
    world: World,
    cluster: str,
    service: str,
    percent: float,
    *,
    metric: str = CPU,
    account: str | None = None,
    region: str | None = None,
) -> None:
    """Put a load on a service: `percent` of `metric`, averaged over the tasks that run now.

    The policies that track this metric follow: out after three minutes of simulated time, in after
    fifteen, to `ceil(count × percent ÷ target)` within min and max, once. Another load is another
    call.
    """
    scaler = Scaler(
        world, account or world.account, region or world.region, f"service/{cluster}/{service}"
    )
    with world.lock:
        for policy in scaler.policies():
            config = policy.get("TargetTrackingScalingPolicyConfiguration")
            tracked = (config or {}).get("PredefinedMetricSpecification", {})
            if config is None or tracked.get("PredefinedMetricType") != metric:
                continue
            if percent > config["TargetValue"]:
                pause = SCALE_OUT_AFTER
            elif percent < config["TargetValue"] * SCALE_IN_BELOW:
                pause = SCALE_IN_AFTER
            else:
                continue
            world.clock.after(pause, _follow(scaler, policy["PolicyName"], percent))


def _follow(scaler: Scaler, policy: str, percent: float) -> Any:
    return lambda: scaler.follow(policy, percent)
