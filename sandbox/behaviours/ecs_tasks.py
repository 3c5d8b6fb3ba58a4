"""ECS tasks that stand alone: run once, watched while they run, forgotten an hour after.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
The stages are AWS's, their length is assumed. Containers end by themselves (assumed: a task that
stands alone has work to do), with the exit code that `perturb_ecs.exits` has set, else 0;
`perturb_ecs.crowded` leaves no room for one. An image whose name contains `broken` can't be pulled.
Tasks of services are counted, not listed.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from sandbox.behaviours import ecs_service_rules as rules
from sandbox.behaviours.ecs_common import (
    API,
    client,
    cluster,
    invalid,
    pages,
    part,
    public,
    read_tags,
    set_tags,
    tag_list,
    tags_of,
    unordered,
)
from sandbox.behaviours.ecs_deployments import Place, place
from sandbox.behaviours.ecs_task_definitions import usable
from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context, Params, Reply, behaviour

Task = dict[str, Any]

TOKEN_LASTS = timedelta(hours=24)
KEPT_STOPPED = timedelta(hours=1)
STARTING = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")
STOPPING = ("DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED")
FAILED_TO_START = "TaskFailedToStart"


@behaviour(
    "ecs", "RunTask",
    "cluster taskDefinition launchType capacityProviderStrategy platformVersion "
    "networkConfiguration enableExecuteCommand enableECSManagedTags propagateTags tags startedBy "
    "clientToken placementConstraints placementStrategy",
    evidence="documented", source=API + "API_RunTask.html, " + API + "ECS_Idempotency.html; "
    "assumed: some wordings",
)  # fmt: skip
def run_task(ctx: Context, params: Params) -> Reply:
    home = cluster(ctx.store, params.get("cluster"))
    token = params.get("clientToken", "")
    if len(token) > 64 or any(not 33 <= ord(c) <= 126 for c in token):
        raise invalid("clientToken must be up to 64 ASCII characters in the range of 33-126.")
    if known := _answered(ctx, home["clusterName"], token):
        if known["params"] != params:
            raise AwsError(
                "ConflictException",
                "The provided clientToken is already in use with a different RunTask request.",
            )
        return {"tasks": [_show(ctx, known["task"])], "failures": []}
    definition = usable(ctx.store, params["taskDefinition"])
    capacity = rules.capacity(params, home)
    rules.check_definition(definition, capacity)
    rules.check_execute_command(params.get("enableExecuteCommand"), definition)
    if params.get("propagateTags") == "SERVICE":
        raise invalid("propagateTags can't be SERVICE for a task that stands alone.")
    if len(params.get("startedBy", "")) > 128:
        raise invalid("startedBy can be up to 128 characters long.")
    fargate = rules.on_fargate(capacity)
    network = rules.network(ctx, params.get("networkConfiguration"), definition)
    where = rules.platform(params.get("platformVersion"), fargate)
    rules.placement(params, fargate, daemon=False)
    if not fargate and not home.get("_instances"):
        raise invalid("No Container Instances were found in your cluster.")
    if home.get("_crowded"):
        return {"tasks": [], "failures": [{"arn": home["clusterArn"], "reason": "RESOURCE:MEMORY"}]}
    task = _made(ctx, home, definition, {**capacity, **where}, params)
    key = task["taskArn"].rpartition("/")[2]
    part(ctx.store, "tasks")[f"{home['clusterName']}/{key}"] = task
    tags = read_tags(params.get("tags") or [])
    if params.get("propagateTags") == "TASK_DEFINITION":
        tags = {**tags_of(ctx.store, definition["taskDefinitionArn"]), **tags}
    set_tags(ctx, task["taskArn"], tags)
    if network is not None:
        task["attachments"] = [_interface(ctx, network)]
    if token:
        part(ctx.store, "_runs")[f"{home['clusterName']} {token}"] = {
            "params": copy.deepcopy(params), "task": task,
        }  # fmt: skip
    at = place(ctx, f"{home['clusterName']}/{key}")
    ctx.world.clock.after(_seconds(at, 3, 8), lambda: _further(at))
    return {"tasks": [_show(ctx, task)], "failures": []}


def _answered(ctx: Context, where: str, token: str) -> dict[str, Any] | None:
    """The request that a client token stands for (documented: for 24 hours, or as long as its task
    and an hour more, whichever is less)."""
    known: dict[str, Any] | None = ctx.store.get("_runs", {}).get(f"{where} {token}")
    if not token or known is None:
        return None
    born, ended = known["task"]["createdAt"], known["task"].get("stoppedAt")
    over = ctx.now > born + TOKEN_LASTS or (ended and ctx.now > ended + KEPT_STOPPED)
    return None if over else known


def _made(
    ctx: Context, home: dict[str, Any], definition: Task, where: dict[str, Any], params: Params
) -> Task:
    """A task as RunTask answers it."""
    ident = ctx.token(length=32)
    arn = ctx.arn(f"task/{home['clusterName']}/{ident}")
    task: Task = {
        "taskArn": arn,
        "clusterArn": home["clusterArn"],
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": f"family:{definition['family']}",
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "createdAt": ctx.now,
        "attachments": [],
        "enableExecuteCommand": bool(params.get("enableExecuteCommand")),
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
        "version": 1,
        "containers": [_container(ctx, arn, c) for c in definition["containerDefinitions"]],
        "_containers": copy.deepcopy(definition["containerDefinitions"]),
        "_family": definition["family"],
    }
    for member in ("cpu", "memory"):
        if definition.get(member):
            task[member] = definition[member]
    if params.get("startedBy"):
        task["startedBy"] = params["startedBy"]
    providers = where.get("capacityProviderStrategy")
    if providers:
        task["capacityProviderName"] = providers[0]["capacityProvider"]
    task["launchType"] = where.get("launchType") or (
        "FARGATE" if rules.on_fargate(where) else "EC2"
    )
    if where.get("platformVersion"):
        wanted = where["platformVersion"]
        task["platformVersion"] = "1.4.0" if wanted == "LATEST" else wanted
        task["platformFamily"] = where["platformFamily"]
    return task


def _container(ctx: Context, task: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "containerArn": f"{task.replace(':task/', ':container/')}/{ctx.uuid()}",
        "taskArn": task,
        "name": definition["name"],
        "image": definition["image"],
        "lastStatus": "PENDING",
        "networkInterfaces": [],
        "cpu": str(definition.get("cpu", 0)),
    }


def _interface(ctx: Context, network: dict[str, Any]) -> dict[str, Any]:
    subnet = ctx.world.rng.choice(network["awsvpcConfiguration"]["subnets"])
    return {
        "id": ctx.uuid(),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": [{"name": "subnetId", "value": subnet}],
    }


def _show(ctx: Context, task: Task) -> Task:
    shown = public(task)
    shown["containers"] = ctx.shuffled(shown["containers"])
    return {**shown, "tags": []}


def _seconds(at: Place, low: float, high: float) -> timedelta:
    return timedelta(seconds=at.world.rng.uniform(low, high))


def _task(at: Place) -> Task | None:
    found: Task | None = at.store.get("tasks", {}).get(at.key)
    return found


def _further(at: Place) -> None:
    """The next stage of a task that starts or runs."""
    task = _task(at)
    if task is None or task["desiredStatus"] == "STOPPED":
        return
    now = at.world.clock.now()
    stage = STARTING.index(task["lastStatus"])
    task["version"] += 1
    if stage + 1 == len(STARTING):
        _ended(at, task)
        return
    task["lastStatus"] = STARTING[stage + 1]
    if task["lastStatus"] == "PENDING":
        task["pullStartedAt"] = now
        broken = next((c for c in task["_containers"] if "broken" in c["image"]), None)
        if broken is not None:
            reason = (
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed "
                f"to resolve ref {broken['image']}: not found"
            )
            at.world.clock.after(_seconds(at, 5, 20), lambda: _stop(at, FAILED_TO_START, reason))
            return
    if task["lastStatus"] == "RUNNING":
        task.update(pullStoppedAt=now, startedAt=now, connectivity="CONNECTED", connectivityAt=now)
        for container in task["containers"]:
            container["lastStatus"] = "RUNNING"
    low, high = (20, 60) if task["lastStatus"] == "RUNNING" else (4, 12)
    at.world.clock.after(_seconds(at, low, high), lambda: _further(at))


def _ended(at: Place, task: Task) -> None:
    """The containers' work is done: the first essential one to end takes the task with it."""
    codes = at.store.get("_exits", {}).get(task["_family"], {})
    essential = {c["name"] for c in task["_containers"] if c.get("essential", True)}
    for container in task["containers"]:
        name = container["name"]
        # Documented: the others are stopped; assumed: they end on SIGTERM, as asked.
        container["exitCode"] = codes.get(name, 0 if name in essential else 143)
    _stop(at, "EssentialContainerExited", "Essential container in task exited")


def _stop(at: Place, code: str, reason: str) -> None:
    """The task is to end; where nothing was started there is no exit code."""
    task = _task(at)
    if task is None or task["desiredStatus"] == "STOPPED":
        return
    now = at.world.clock.now()
    task.update(desiredStatus="STOPPED", stopCode=code, stoppedReason=reason, stoppingAt=now)
    task["lastStatus"] = STOPPING[0]
    if task.get("startedAt"):
        task["executionStoppedAt"] = now
        for container in task["containers"]:
            container.setdefault("exitCode", 143)  # SIGTERM
    at.world.clock.after(_seconds(at, 2, 6), lambda: _down(at))


def _down(at: Place) -> None:
    task = _task(at)
    if task is None:
        return
    task["version"] += 1
    task["lastStatus"] = STOPPING[STOPPING.index(task["lastStatus"]) + 1]
    if task["lastStatus"] != "STOPPED":
        at.world.clock.after(_seconds(at, 2, 6), lambda: _down(at))
        return
    task["stoppedAt"] = at.world.clock.now()
    for container in task["containers"]:
        container["lastStatus"] = "STOPPED"
    for attachment in task["attachments"]:
        attachment["status"] = "DELETED"
    at.world.clock.after(KEPT_STOPPED + _seconds(at, 0, 900), lambda: _forgotten(at))


def _forgotten(at: Place) -> None:
    task = at.store["tasks"].pop(at.key)
    at.store.get("_tags", {}).pop(task["taskArn"], None)


@behaviour(
    "ecs", "ListTasks", "cluster family startedBy desiredStatus nextToken maxResults",
    evidence="documented", source=API + "API_ListTasks.html",
)  # fmt: skip
def list_tasks(ctx: Context, params: Params) -> Reply:
    view, where = ctx.view, cluster(ctx.store, params.get("cluster"))["clusterName"]
    family, by = params.get("family"), params.get("startedBy")
    if by and (family or "desiredStatus" in params):
        raise invalid("startedBy must be the only filter.")
    for key, service in view.get("services", {}).items():
        runs = str(service.get("taskDefinition", "")).rpartition("/")[2].partition(":")[0]
        if key.startswith(f"{where}/") and not by and family in (None, runs):
            raise NotSimulated("ecs:ListTasks of a service's tasks")
    wanted = params.get("desiredStatus", "RUNNING")
    found = [
        task["taskArn"]
        for key, task in view.get("tasks", {}).items()
        if key.startswith(f"{where}/")
        and family in (None, task["_family"])
        and by in (None, task.get("startedBy"))
        and task["desiredStatus"] == wanted
    ]
    return pages("taskArns", params, unordered(ctx, found), 100)


@behaviour(
    "ecs", "DescribeTasks", "cluster tasks include",
    evidence="documented", source=API + "API_DescribeTasks.html",
)  # fmt: skip
def describe_tasks(ctx: Context, params: Params) -> Reply:
    view, where = ctx.view, cluster(ctx.store, params.get("cluster"))["clusterName"]
    if not 1 <= len(params["tasks"]) <= 100:
        raise invalid("Tasks can have between 1 and 100 items.")
    found, missing = [], []
    for ident in params["tasks"]:
        task = view.get("tasks", {}).get(f"{where}/{ident.rpartition('/')[2]}")
        if task is None:
            arn = ctx.arn(f"task/{where}/{ident.rpartition('/')[2]}")
            missing.append({"arn": arn, "reason": "MISSING"})
            continue
        shown = _show(ctx, task)
        if "TAGS" in (params.get("include") or []):
            shown["tags"] = tag_list(tags_of(view, task["taskArn"]))
        found.append(shown)
    return {"tasks": ctx.shuffled(found), "failures": missing}


@behaviour(
    "ecs", "StopTask", "cluster task reason",
    evidence="documented", source=API + "API_StopTask.html",
)  # fmt: skip
def stop_task(ctx: Context, params: Params) -> Reply:
    where = cluster(ctx.store, params.get("cluster"))["clusterName"]
    at = place(ctx, f"{where}/{params['task'].rpartition('/')[2]}")
    task = _task(at)
    if task is None:
        raise invalid("The referenced task was not found.")
    if task["desiredStatus"] == "STOPPED":
        raise client("The task is stopping or has stopped.")
    _stop(at, "UserInitiated", params.get("reason") or "Task stopped by user")
    return {"task": _show(ctx, task)}
