"""How an ECS service moves: tasks start, get healthy or fail, deployments finish or roll back.

One chain of timers per service, woken by whatever changes it. Which tasks become healthy is
`World.boots`' to say; by itself an image whose name contains `broken` never does. Sources: the
developer guide on rolling updates, on blue/green deployments and on the deployment circuit breaker;
the messages are those of recorded and published event logs. Played simply, assumed: the stages of
BLUE_GREEN, LINEAR and CANARY are one time of waiting with both revisions whole, hooks succeed at
once, a PAUSE hook waits for its time-out.
"""

from __future__ import annotations

import copy
import math
from datetime import timedelta
from typing import Any

from sandbox.behaviours.ecs_clusters import FARGATE, instances
from sandbox.behaviours.ecs_deployments import (
    REVISION,
    Deployment,
    Place,
    Service,
    deployment,
    event,
)

KEPT_INACTIVE = timedelta(hours=1)


def wake(at: Place, delay: timedelta | None = None) -> None:
    """Start the service's chain of timers anew; a chain already running ends."""
    service = at.service
    if service is None:
        return
    service["_chain"] = chain = service.get("_chain", 0) + 1
    pause = delay or timedelta(seconds=at.world.rng.uniform(5, 10))
    at.world.clock.after(pause, lambda: _step(at, chain))


def set_desired(at: Place, count: int) -> None:
    """Scale the service, as Application Auto Scaling does."""
    service = at.service
    if service is None or service["status"] != "ACTIVE" or service["desiredCount"] == count:
        return
    service["desiredCount"] = count
    wake(at)


def drain(at: Place) -> None:
    """Let a deleted service's tasks stop: DRAINING becomes INACTIVE, and is purged later."""
    service = at.service
    if service is None:
        return
    service["_chain"] = service.get("_chain", 0) + 1
    busy = service["runningCount"] + service["pendingCount"]
    pause = at.world.rng.uniform(20, 60) if busy else at.world.rng.uniform(2, 5)
    born = service["createdAt"]

    def same() -> Service | None:
        now = at.service
        return now if now is not None and now["createdAt"] == born else None

    def gone() -> None:
        if same() is not None:
            del at.store["services"][at.key]

    def stopped() -> None:
        found = same()
        if found is not None and found["status"] == "DRAINING":
            found.update(status="INACTIVE", runningCount=0, pendingCount=0, deployments=[])
            at.world.clock.after(KEPT_INACTIVE, gone)

    at.world.clock.after(timedelta(seconds=pause), stopped)


def _step(at: Place, chain: int) -> None:
    service = at.service
    if service is None or service["status"] != "ACTIVE" or service["_chain"] != chain:
        return
    if not service["deployments"]:
        _scale_sets(service)
        return
    if service["schedulingStrategy"] == "DAEMON":  # case 35: one on each instance
        service["desiredCount"] = instances(at.store, at.key.partition("/")[0])
    primary = service["deployments"][0]
    if primary["rolloutState"] != "FAILED":
        _settle_pending(at, service, primary)
    if primary["rolloutState"] != "FAILED" and _breaks(service, primary):
        _fail(at, service, primary)
        primary = service["deployments"][0]
    elif rings := _alarm(at, service, primary):
        _fail(at, service, primary, f"alarm detected: {rings}")
        primary = service["deployments"][0]
    before = _counts(service)
    _stop(at, service, primary)
    if primary["rolloutState"] != "FAILED":
        _start(at, service, primary)
    service["deployments"] = [
        d
        for d in service["deployments"]
        if d is primary or d["rolloutState"] == "FAILED" or d["runningCount"] + d["pendingCount"]
    ]
    totals(service)
    if _settled(service, primary, before):
        steady = "has reached a steady state."
        if primary["rolloutState"] == "COMPLETED" and steady not in service["events"][0]["message"]:
            event(at, service, steady)
        return
    failures = primary["failedTasks"]
    pause = at.world.rng.uniform(28, 40)
    if (until := primary.get("_until")) and until > at.world.clock.now():
        pause = max(pause, min(300.0, (until - at.world.clock.now()).total_seconds()))
    if failures > 10:  # documented: the scheduler waits ever longer, up to 15 minutes
        pause = min(900.0, pause * 2 ** (failures - 10))
    at.world.clock.after(timedelta(seconds=pause), lambda: _step(at, chain))


def _scale_sets(service: Service) -> None:
    """Another deployment controller's task sets keep their share of the count (documented)."""
    for held in service.get("taskSets") or []:
        share = round(service["desiredCount"] * held["scale"]["value"] / 100)
        held.update(computedDesiredCount=share, runningCount=share)
    if service.get("taskSets"):
        service["runningCount"] = sum(s["runningCount"] for s in service["taskSets"])


def _counts(service: Service) -> list[tuple[str, int, int]]:
    return [(d["id"], d["runningCount"], d["pendingCount"]) for d in service["deployments"]]


def totals(service: Service) -> None:
    """The service's counts are the sums of its deployments'."""
    for member in ("runningCount", "pendingCount"):
        service[member] = sum(d[member] for d in service["deployments"])


def _settled(service: Service, primary: Deployment, before: list[tuple[str, int, int]]) -> bool:
    """True when nothing is left to do before the next change."""
    if primary["rolloutState"] == "FAILED":
        return before == _counts(service)
    done = primary["runningCount"] == service["desiredCount"] and not primary["pendingCount"]
    return done and len(service["deployments"]) == 1 and primary["rolloutState"] == "COMPLETED"


def _definition(at: Place, deployment: Deployment) -> dict[str, Any]:
    family, _, revision = deployment["taskDefinition"].rpartition("/")[2].partition(":")
    found: dict[str, Any] = at.store["families"][family][revision]
    return found


def _broken(definition: dict[str, Any]) -> str:
    """The event of a task whose image never becomes healthy; empty for any other."""
    containers = definition["containerDefinitions"]
    broken = next((c for c in containers if "broken" in c["image"]), None)
    if broken is None:
        return ""
    if "healthCheck" in broken:
        return "(task {task}) failed container health checks."
    return (
        "was unable to place a task. Reason: CannotPullContainerError: failed to "
        f"resolve ref {broken['image']}: not found."
    )


def _settle_pending(at: Place, service: Service, primary: Deployment) -> None:
    """Tasks that were starting run by now, or have failed; a full deployment is complete."""
    now = at.world.clock.now()
    fails = (at.world.boots or _broken)(_definition(at, primary))
    pending = primary["pendingCount"]
    if pending and fails:
        primary["failedTasks"] += pending
        primary["updatedAt"] = now
        for task in primary["_tasks"][-pending:]:
            event(at, service, fails.replace("{task}", task))
        del primary["_tasks"][-pending:]
        primary["pendingCount"] = 0
        _log(service)["_failures"] = primary["failedTasks"]
        return
    primary["runningCount"] += pending
    primary["pendingCount"] = 0
    if pending:
        breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
        if breaker.get("resetOnHealthyTask", True):
            primary["failedTasks"] = 0  # documented: reset by the first task that runs
        primary["updatedAt"] = now
        for balancer in service["loadBalancers"]:
            target = balancer.get("targetGroupArn", balancer.get("loadBalancerName"))
            event(at, service, f"registered {pending} targets in (target-group {target})")
        return
    full = primary["runningCount"] == service["desiredCount"] == primary["desiredCount"]
    if not full or primary["rolloutState"] != "IN_PROGRESS":
        return
    if now < primary.setdefault("_until", now + _both(service)):
        return
    alone = not any(d["runningCount"] for d in service["deployments"] if d is not primary)
    if alone:
        _complete(at, service, primary)


def _both(service: Service) -> timedelta:
    """How long both revisions are there once the new one is whole: steps, bake time, pauses."""
    if not any(d["runningCount"] for d in service["deployments"] if d["status"] != "PRIMARY"):
        return timedelta(0)
    config = service["deploymentConfiguration"]
    minutes = float(config.get("bakeTimeInMinutes", 0))
    if config["strategy"] == "LINEAR":
        steps = config["linearConfiguration"]
        count = math.ceil(100 / steps["stepPercent"]) - 1  # documented: none after the last
        minutes += count * steps["stepBakeTimeInMinutes"]
    if config["strategy"] == "CANARY":
        minutes += config["canaryConfiguration"]["canaryBakeTimeInMinutes"]
    for hook in config.get("lifecycleHooks", []):
        if hook.get("targetType") == "PAUSE":
            minutes += (hook.get("timeoutConfiguration") or {}).get("timeoutInMinutes", 1440)
    return timedelta(minutes=minutes)


def _shifting(service: Service) -> bool:
    """Whether roll-outs keep all old tasks until traffic is shifted."""
    return bool(service["deploymentConfiguration"]["strategy"] != "ROLLING")


def _log(service: Service) -> dict[str, Any]:
    """The service deployment that is under way."""
    entry: dict[str, Any] = service["_log"][0]
    return entry


def _complete(at: Place, service: Service, primary: Deployment) -> None:
    now = at.world.clock.now()
    primary["rolloutState"] = "COMPLETED"
    primary["rolloutStateReason"] = f"ECS deployment {primary['id']} completed."
    primary["updatedAt"] = now
    service["deployments"] = [primary]
    service["_completed"] = {"id": primary["id"], **copy.deepcopy(primary["_revisionOf"])}
    entry = _log(service)
    rolled_back = entry["status"] == "ROLLBACK_IN_PROGRESS"
    entry["status"] = "ROLLBACK_SUCCESSFUL" if rolled_back else "SUCCESSFUL"
    entry.update(finishedAt=now, updatedAt=now)
    event(at, service, f"(deployment {primary['id']}) deployment completed.")
    event(at, service, "has reached a steady state.")


def threshold(service: Service) -> int:
    """Failed tasks at which the circuit breaker opens (documented: half of desired, 3 to 200)."""
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    config = breaker.get("thresholdConfiguration", {"type": "BOUNDED_PERCENT", "value": 50})
    if config["type"] == "COUNT":
        return int(config["value"])
    share: int = math.ceil(service["desiredCount"] * config["value"] / 100)
    return min(200, max(3, share)) if config["type"] == "BOUNDED_PERCENT" else max(1, share)


def _breaks(service: Service, primary: Deployment) -> bool:
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    return (
        bool(breaker["enable"])
        and primary["rolloutState"] == "IN_PROGRESS"
        and primary["failedTasks"] >= threshold(service)
    )


def _alarm(at: Place, service: Service, primary: Deployment) -> str:
    """The name of a deployment alarm that rings while a roll-out is under way."""
    alarms = service["deploymentConfiguration"].get("alarms") or {}
    if not alarms.get("enable") or primary["rolloutState"] != "IN_PROGRESS":
        return ""
    known = at.world.store("cloudwatch", at.account, at.region).get("alarms", {})
    for name in alarms["alarmNames"]:
        if known.get(name, {}).get("StateValue") == "ALARM":
            return str(name)
    return ""


def _fail(at: Place, service: Service, primary: Deployment, alarm: str = "") -> None:
    """The circuit breaker opens, or an alarm rings. With roll-back the last completed revision

    becomes PRIMARY, under the id of its deployment; without, or without any, the deployment is
    stalled.
    """
    now = at.world.clock.now()
    why = alarm or "tasks failed to start"
    primary["rolloutState"] = "FAILED"
    primary["rolloutStateReason"] = f"ECS deployment circuit breaker: {why}."
    primary["updatedAt"] = now
    event(at, service, f"(deployment {primary['id']}) deployment failed: {why}.")
    entry = _log(service)
    entry["updatedAt"] = now
    entry["_tripped"] = True
    last = service.get("_completed")
    config = service["deploymentConfiguration"]
    back_again = config["alarms" if alarm else "deploymentCircuitBreaker"]["rollback"]
    if not back_again or last is None or last["id"] == primary["id"]:
        entry.update(status="STOPPED", finishedAt=now)
        entry["statusReason"] = "Service deployment failed because the circuit breaker threshold "
        entry["statusReason"] += "was exceeded."
        return
    ident = last["id"]
    event(at, service, f"rolling back to deployment {ident}.")
    entry["status"] = "ROLLBACK_IN_PROGRESS"
    entry["statusReason"] = "Service deployment rolled back because the circuit breaker threshold "
    entry["statusReason"] += "was exceeded."
    primary["status"] = "ACTIVE"
    for member in REVISION:
        if member in last:
            service[member] = copy.deepcopy(last[member])
        else:
            service.pop(member, None)
    running = next((d for d in service["deployments"] if d["id"] == ident), None)
    back = deployment(service, ident, now)
    if running is not None:
        service["deployments"].remove(running)
        back["runningCount"], back["_tasks"] = running["runningCount"], running["_tasks"]
        back["_revision"] = running["_revision"]
    back["_revision"] = back.get("_revision", service["_log"][-1]["targetServiceRevisionArn"])
    entry["rollback"] = {
        "reason": entry["statusReason"],
        "startedAt": now,
        "serviceRevisionArn": back["_revision"],
    }
    back["rolloutStateReason"] = (
        f"ECS deployment circuit breaker: rolling back to deploymentId {ident}."
    )
    service["deployments"].insert(0, back)


def _limits(service: Service) -> tuple[int, int]:
    """How many tasks must run, and how many may exist (documented: rounded up, rounded down)."""
    config = service["deploymentConfiguration"]
    desired = service["desiredCount"]
    low = math.ceil(desired * config["minimumHealthyPercent"] / 100)
    return low, math.floor(desired * config["maximumPercent"] / 100)


def _stop(at: Place, service: Service, primary: Deployment) -> None:
    """Stop what is too much: tasks of older deployments, then those beyond the desired count.

    Fewer than the desired count only where the limits leave no other way to start new ones.
    """
    low, high = _limits(service)
    desired = service["desiredCount"]
    if _shifting(service) and primary["rolloutState"] == "IN_PROGRESS":
        until = primary.get("_until")
        if until is None or at.world.clock.now() < until:
            return  # all old tasks stay until traffic is shifted and the bake time is over
    healthy = sum(d["runningCount"] for d in service["deployments"])
    total = healthy + sum(d["pendingCount"] for d in service["deployments"])
    missing = desired - primary["runningCount"] - primary["pendingCount"]
    squeezed = primary["rolloutState"] != "FAILED" and missing > high - total
    stopped = 0
    for old in reversed(service["deployments"]):
        if old is primary:
            continue
        if old["pendingCount"]:
            event(at, service, f"stopped {old['pendingCount']} pending tasks.")
            old["pendingCount"] = 0
        spare = min(old["runningCount"], max(0, healthy - (low if squeezed else desired)))
        old["runningCount"] -= spare
        healthy -= spare
        stopped += spare
    spare = max(0, primary["runningCount"] - desired)
    primary["runningCount"] -= spare
    stopped += spare
    if stopped:
        tasks = " ".join(f"(task {at.token()})" for _ in range(stopped))
        event(at, service, f"has stopped {stopped} running tasks: {tasks}.")


def _has_room(at: Place, service: Service) -> bool:
    """Whether tasks can be placed: on Fargate always, else where there are instances."""
    used = [s["capacityProvider"] for s in service.get("capacityProviderStrategy") or []]
    if service.get("launchType") == "FARGATE" or any(p in FARGATE for p in used):
        return True
    return service["desiredCount"] == 0 or instances(at.store, at.key.partition("/")[0]) > 0


def _start(at: Place, service: Service, primary: Deployment) -> None:
    """Start as many tasks as are missing and as may exist."""
    _, high = _limits(service)
    if _shifting(service):
        high = 2 * max(high, service["desiredCount"])  # documented: both revisions, whole
    primary["desiredCount"] = service["desiredCount"]
    if not _has_room(at, service):
        event(
            at, service,
            "was unable to place a task because no container instance met all of its "
            "requirements. Reason: No Container Instances were found in your cluster.",
        )  # fmt: skip
        return
    total = sum(d["runningCount"] + d["pendingCount"] for d in service["deployments"])
    missing = service["desiredCount"] - primary["runningCount"] - primary["pendingCount"]
    count = max(0, min(missing, high - total))
    if count:
        started = [at.token() for _ in range(count)]
        primary["_tasks"].extend(started)
        primary["pendingCount"] += count
        primary["updatedAt"] = at.world.clock.now()
        shown = " ".join(f"(task {t})" for t in started)
        event(at, service, f"has started {count} tasks: {shown}.")
    elif missing > 0 and not primary["pendingCount"] and primary["rolloutState"] != "COMPLETED":
        text = (
            "was unable to stop or start tasks during a deployment because of the service "
            "deployment configuration. Update the minimumHealthyPercent or maximumPercent value "
            "and try again."
        )
        if not service["events"] or text not in service["events"][0]["message"]:
            event(at, service, text)
