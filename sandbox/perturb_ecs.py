"""What goes on around ECS without Plumbline: instances come, others roll out, work fails.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-types.html
"""

from __future__ import annotations

import copy
from typing import Any

from sandbox.behaviours.ecs_common import part
from sandbox.behaviours.ecs_deployments import Place
from sandbox.behaviours.ecs_rollout import wake
from sandbox.world import World


def instances(world: World, cluster: str, count: int) -> None:
    """So many container instances are registered in the cluster; daemons follow."""
    store = world.store("ecs")
    part(store, "clusters")[cluster]["_instances"] = count
    for key, service in store.get("services", {}).items():
        if key.startswith(f"{cluster}/") and service["status"] == "ACTIVE":
            wake(Place(world, world.account, world.region, key))


def task_set(world: World, cluster: str, service: str, **content: Any) -> dict[str, Any]:
    """A deployment controller of one's own makes its task set PRIMARY (CreateTaskSet and so on)."""
    at = Place(world, world.account, world.region, f"{cluster}/{service}")
    found = at.service
    assert found is not None, f"no service {service}"
    ident = "ecs-svc/" + at.token("0123456789", 19)
    now = world.clock.now()
    made: dict[str, Any] = {
        "id": ident,
        "taskSetArn": f"{found['serviceArn'].replace(':service/', ':task-set/')}/{ident}",
        "serviceArn": found["serviceArn"],
        "clusterArn": found["clusterArn"],
        "status": "PRIMARY",
        "computedDesiredCount": found["desiredCount"],
        "pendingCount": 0,
        "runningCount": found["desiredCount"],
        "createdAt": now,
        "updatedAt": now,
        "scale": {"value": 100.0, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE",
        "stabilityStatusAt": now,
        "loadBalancers": [],
        "serviceRegistries": [],
        "tags": [],
        **copy.deepcopy(content),
    }
    found["taskSets"] = [made]
    found["runningCount"] = found["desiredCount"]
    return made


def code_deploy(world: World, cluster: str, service: str, task_definition: str) -> None:
    """CodeDeploy has rolled a revision out: another task set is PRIMARY, in the other group."""
    found = world.store("ecs")["services"][f"{cluster}/{service}"]
    before = found["taskSets"][0]
    kept = {k: before[k] for k in ("launchType", "networkConfiguration", "platformVersion",
                                   "loadBalancers", "platformFamily") if k in before}  # fmt: skip
    task_set(world, cluster, service, **{**kept, "taskDefinition": task_definition})
    found["taskDefinition"] = task_definition


def exits(world: World, family: str, **codes: int) -> None:
    """From now on these containers of the family's lone tasks end with these exit codes."""
    part(world.store("ecs"), "_exits")[family] = codes


def crowded(world: World, cluster: str, *, full: bool = True) -> None:
    """The cluster's instances have no memory left for one more task; or have some again."""
    part(world.store("ecs"), "clusters")[cluster]["_crowded"] = full
