"""One ECS deployment: what it is made of, and the events and log entries that go with it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from sandbox.registry import Context
from sandbox.world import Store, World

Service = dict[str, Any]
Deployment = dict[str, Any]

REVISION = (
    "taskDefinition", "networkConfiguration", "platformVersion", "platformFamily", "launchType",
    "capacityProviderStrategy", "loadBalancers", "serviceRegistries", "_serviceConnect",
    "_volumes", "_lattice",
)  # fmt: skip
"""What a service revision holds: a roll-back restores all of it."""

SHOWN = {
    "_serviceConnect": "serviceConnectConfiguration",
    "_volumes": "volumeConfigurations",
    "_lattice": "vpcLatticeConfigurations",
}
"""What DescribeServices shows in deployments only, under AWS's names (case 52)."""

EVENTS = 100


@dataclass(frozen=True)
class Place:
    """Where a service lives, for timers: they look it up anew each time."""

    world: World
    account: str
    region: str
    key: str

    @property
    def store(self) -> Store:
        """ECS's store."""
        return self.world.store("ecs", self.account, self.region)

    @property
    def service(self) -> Service | None:
        """The service, unless it was purged."""
        found: Service | None = self.store.get("services", {}).get(self.key)
        return found

    def token(self, alphabet: str = "0123456789abcdef", length: int = 32) -> str:
        """A random id part, from the world's seed."""
        return "".join(self.world.rng.choice(alphabet) for _ in range(length))


def place(ctx: Context, key: str) -> Place:
    """The place of a service in the caller's account and region."""
    return Place(ctx.world, ctx.account, ctx.region, key)


def event(at: Place, service: Service, text: str) -> None:
    """Add an event, newest first; ECS keeps the latest hundred."""
    ident = "-".join(at.token(length=n) for n in (8, 4, 4, 4, 12))
    message = f"(service {service['serviceName']}) {text}"
    entry = {"id": ident, "createdAt": at.world.clock.now(), "message": message}
    service["events"] = [entry, *service["events"]][:EVENTS]


def deploy(at: Place, service: Service) -> Deployment:
    """Start a deployment of the service as it now stands; the one before becomes ACTIVE."""
    now = at.world.clock.now()
    for old in service["deployments"]:
        if old["status"] == "PRIMARY":
            old["status"] = "ACTIVE"
            old["updatedAt"] = now
    _supersede(service, now)
    ident = "ecs-svc/" + at.token("123456789", 1) + at.token("0123456789", 18)
    new = deployment(service, ident, now)
    service["deployments"].insert(0, new)
    path = service["serviceArn"].partition(":service/")[2]
    arn = service["serviceArn"].partition(":service/")[0] + f":service-deployment/{path}/"
    revision = arn.replace(":service-deployment/", ":service-revision/")
    new["_revision"] = revision + at.token("0123456789", 19)
    service["_log"].insert(
        0,
        {
            "serviceDeploymentArn": arn + at.token("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij-_", 22),
            "serviceArn": service["serviceArn"],
            "clusterArn": service["clusterArn"],
            "createdAt": now,
            "startedAt": now,
            "updatedAt": now,
            "targetServiceRevisionArn": new["_revision"],
            "status": "IN_PROGRESS",
            "_deployment": ident,
            "_content": new["_revisionOf"],
            "_failures": 0,
        },
    )
    return new


def deployment(service: Service, ident: str, now: Any) -> Deployment:
    """A PRIMARY deployment of the service's present revision, without any task."""
    new: Deployment = {
        "id": ident,
        "status": "PRIMARY",
        "taskDefinition": service["taskDefinition"],
        "desiredCount": 0,  # recorded: 2cc2bc733a, until tasks are started
        "pendingCount": 0,
        "runningCount": 0,
        "failedTasks": 0,
        "createdAt": now,
        "updatedAt": now,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {ident} in progress.",
        "_revisionOf": {k: copy.deepcopy(service[k]) for k in REVISION if k in service},
        "_tasks": [],
    }
    for member in ("networkConfiguration", "launchType", "capacityProviderStrategy"):
        if member in service:
            new[member] = copy.deepcopy(service[member])
    if service.get("platformVersion"):
        wanted = service["platformVersion"]
        new["platformVersion"] = "1.4.0" if wanted == "LATEST" else wanted
        new["platformFamily"] = service["platformFamily"]
    for ours, member in SHOWN.items():
        if service.get(ours):
            new[member] = copy.deepcopy(service[ours])
    return new


def _supersede(service: Service, now: Any) -> None:
    for entry in service["_log"]:
        if entry["status"] in ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
            entry.update(status="STOPPED", finishedAt=now, updatedAt=now)
            entry["statusReason"] = "Stopped by a newer service deployment."
