"""Scheduled actions, which move min and max of a scalable target when they are due."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from sandbox.autoscaler import DIMENSION, Scaler
from sandbox.behaviours.autoscaling import (
    API,
    check_quota,
    describe,
    identity,
    invalid,
    not_found,
    scaler,
    selected,
    target,
)
from sandbox.nested import honour
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.schedules import next_time

ACTION = re.compile(r"(?! )[^:/|]{1,256}(?<! )")


def _due(action: dict[str, Any], now: datetime) -> datetime | None:
    """When the action is due next, within its own start and end."""
    start, end = action.get("StartTime"), action.get("EndTime")
    after = max(now, start) if start else now
    due = next_time(action["Schedule"], after, action.get("Timezone"))
    return None if due is None or (end and due > end) else due


def _arm(at: Scaler, key: str) -> None:
    """Set the timer for the action's next time; an older timer of it finds another turn."""
    action = at.store.get("actions", {}).get(key)
    if action is None:
        return
    now = at.world.clock.now()
    due = _due(action, now)
    action["_turn"] = turn = action.get("_turn", 0) + 1
    if due is None:
        return

    def fire() -> None:
        current = at.store.get("actions", {}).get(key)
        if current is None or current["_turn"] != turn or current["_id"] != action["_id"]:
            return
        _apply(at, current)
        _arm(at, key)

    at.world.clock.after(due - now, fire)


def _apply(at: Scaler, action: dict[str, Any]) -> None:
    found = at.target
    if found is None or found["SuspendedState"]["ScheduledScalingSuspended"]:
        return
    new = action["ScalableTargetAction"]
    low = new.get("MinCapacity", found["MinCapacity"])
    high = new.get("MaxCapacity", found["MaxCapacity"])
    if low <= high:
        found["MinCapacity"], found["MaxCapacity"] = low, high
        at.keep_in_range()


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value


@behaviour(
    "application-autoscaling", "PutScheduledAction",
    "ServiceNamespace Schedule Timezone ScheduledActionName ResourceId ScalableDimension StartTime "
    "EndTime ScalableTargetAction",
    evidence="documented", source=API + "API_PutScheduledAction.html",
)  # fmt: skip
def put_scheduled_action(ctx: Context, params: Params) -> Reply:
    resource = target(ctx, params)["ResourceId"]
    key = f"{resource} {params['ScheduledActionName']}"
    actions = ctx.store.setdefault("actions", {})
    old = actions.get(key)
    if not ACTION.fullmatch(params["ScheduledActionName"]):
        raise invalid("A scheduled action's name has 1 to 256 characters but :, / and |.")
    check_quota(ctx, "actions", key, resource)
    if old is None and not {"Schedule", "ScalableTargetAction"} <= set(params):
        raise invalid("Schedule and ScalableTargetAction are required for a new scheduled action.")
    capacity = params.get("ScalableTargetAction") or (old or {}).get("ScalableTargetAction", {})
    honour("ScalableTargetAction", capacity, "MinCapacity MaxCapacity")
    if not capacity:
        raise invalid("At least one of MinCapacity and MaxCapacity must be specified.")
    if capacity.get("MinCapacity", 0) > capacity.get("MaxCapacity", 2**31):
        raise invalid("Maximum capacity cannot be less than minimum capacity")
    ident = (old or {}).get("_id", ctx.uuid())
    action = {
        # Documented: what is not given stays, but StartTime and EndTime are deleted.
        **{k: v for k, v in (old or {}).items() if k not in ("StartTime", "EndTime")},
        **{k: _utc(copy.deepcopy(v)) for k, v in params.items()},
        "ScalableDimension": DIMENSION,
        "ScheduledActionARN": f"arn:aws:autoscaling:{ctx.region}:{ctx.account}:scheduledAction:"
        f"{ident}:resource/ecs/{resource}:scheduledActionName/{params['ScheduledActionName']}",
        "CreationTime": (old or {}).get("CreationTime", ctx.now),
        "_id": ident,
    }
    try:
        due = _due(action, ctx.now)
    except (ValueError, KeyError, ZoneInfoNotFoundError):
        raise invalid(f"Invalid schedule or time zone: {action['Schedule']}") from None
    if due is None and action["Schedule"].startswith("at("):
        raise invalid("The scheduled time is in the past.")
    actions[key] = action
    _arm(scaler(ctx, resource), key)
    return {}


@behaviour(
    "application-autoscaling", "DescribeScheduledActions",
    "ScheduledActionNames ServiceNamespace ResourceId ScalableDimension MaxResults NextToken",
    evidence="documented", source=API + "API_DescribeScheduledActions.html",
)  # fmt: skip
def describe_scheduled_actions(ctx: Context, params: Params) -> Reply:
    wanted = params.get("ScheduledActionNames")
    chosen = {
        a["ScheduledActionARN"]: {k: v for k, v in a.items() if not k.startswith("_")}
        for a in selected(params, ctx.view.get("actions", {}).values())
        if not wanted or a["ScheduledActionName"] in wanted
    }
    return describe(ctx, params, "ScheduledActions", chosen, 50)


@behaviour(
    "application-autoscaling", "DeleteScheduledAction",
    "ServiceNamespace ScheduledActionName ResourceId ScalableDimension",
    evidence="documented", source=API + "API_DeleteScheduledAction.html",
)  # fmt: skip
def delete_scheduled_action(ctx: Context, params: Params) -> Reply:
    name = params["ScheduledActionName"]
    key = f"{identity(params)} {name}"
    if ctx.store.get("actions", {}).pop(key, None) is None:
        raise not_found("No scheduled action found", params, f", scheduled action name: {name}")
    return {}
