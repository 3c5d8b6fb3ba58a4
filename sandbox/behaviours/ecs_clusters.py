"""ECS clusters."""

from __future__ import annotations

import copy
import re
from typing import Any

from sandbox.behaviours.ecs_common import (
    API,
    client,
    cluster,
    cluster_name,
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
from sandbox.errors import AwsError
from sandbox.nested import honour
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.world import Store

NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,254}$")
FARGATE = ("FARGATE", "FARGATE_SPOT")
MOST_PROVIDERS = 20
INSIGHTS = ("enabled", "disabled", "enhanced")
OPTIONAL = ("settings", "tags", "statistics")
"""Members that come back empty or not at all unless `include` asks for them."""


def _settings(raw: list[dict[str, str]] | None) -> list[dict[str, str]]:
    """The account's default unless given (case 54)."""
    settings = {"containerInsights": "disabled"}
    for item in raw or []:
        honour("ecs cluster setting", item, "name value")
        if item.get("value") not in INSIGHTS:
            raise invalid(f"Invalid value for setting containerInsights: {item.get('value')}")
        settings[item["name"]] = item["value"]
    return [{"name": k, "value": v} for k, v in settings.items()]


def _configuration(raw: dict[str, Any] | None) -> dict[str, Any]:
    config = copy.deepcopy(raw or {})
    honour(
        "ecs cluster configuration", config,
        "executeCommandConfiguration managedStorageConfiguration",
    )  # fmt: skip
    honour(
        "managedStorageConfiguration", config.get("managedStorageConfiguration") or {},
        "kmsKeyId fargateEphemeralStorageKmsKeyId",
    )  # fmt: skip
    execute = config.get("executeCommandConfiguration")
    if execute is not None:
        honour("executeCommandConfiguration", execute, "kmsKeyId logging logConfiguration")
        logs = execute.get("logConfiguration")
        if execute.get("logging") == "OVERRIDE" and not logs:
            raise invalid("logConfiguration must be specified when logging is OVERRIDE.")
        if logs is not None:
            if execute.get("logging") != "OVERRIDE":
                raise invalid("logConfiguration can only be specified when logging is OVERRIDE.")
            logs.setdefault("cloudWatchEncryptionEnabled", False)  # recorded: 8104048bbe
            logs.setdefault("s3EncryptionEnabled", False)
    return config


def strategy(raw: list[dict[str, Any]], available: list[str]) -> list[dict[str, Any]]:
    """A capacity provider strategy with ECS's defaults (recorded: base 0), or its refusal."""
    out = []
    for item in raw:
        if item["capacityProvider"] not in available:
            raise invalid(
                f"The specified capacity provider {item['capacityProvider']} is not associated "
                "with the cluster."
            )
        out.append(
            {
                "capacityProvider": item["capacityProvider"],
                "weight": item.get("weight", 0),
                "base": item.get("base", 0),
            }
        )
    if len(out) > MOST_PROVIDERS:
        raise invalid("A capacity provider strategy can contain a maximum of 20 providers.")
    if len({i["capacityProvider"] in FARGATE for i in out}) > 1:
        raise invalid(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto "
            "Scaling groups and Fargate providers."
        )
    if sum(1 for i in out if i["base"] > 0) > 1:
        raise invalid("Only one capacity provider in a strategy can have a base above 0.")
    if out and not any(i["weight"] > 0 for i in out):
        raise invalid("At least one capacity provider must have a weight above 0.")
    return out


def _providers(ctx: Context, raw: list[str]) -> list[str]:
    if len(raw) > MOST_PROVIDERS:
        raise invalid("A cluster can have a maximum of 20 capacity providers.")
    for name in raw:
        if name not in (*FARGATE, *ctx.store.get("providers", {})):
            raise invalid(f"The specified capacity provider {name} was not found.")
    return list(dict.fromkeys(raw))


def namespace_arn(ctx: Context, name: str) -> str:
    """The Cloud Map namespace of that name, made if new; an ARN stays as it is."""
    if name.startswith("arn:"):
        return name
    known = part(ctx.store, "namespaces")
    if name not in known:
        ident = "ns-" + ctx.token("abcdefghijklmnopqrstuvwxyz0123456789", 16)
        known[name] = ctx.arn(f"namespace/{ident}", "servicediscovery")
    arn: str = known[name]
    return arn


def instances(store: Store, name: str) -> int:
    """Container instances of a cluster: `perturb_ecs.instances` sets how many there are."""
    found: int = store.get("clusters", {}).get(name, {}).get("_instances", 0)
    return found


def _counts(ctx: Context, name: str, *, lagging: bool) -> dict[str, int]:
    store = ctx.view if lagging else ctx.store
    services = store.get("services", {})
    alone = [t["lastStatus"] for k, t in store.get("tasks", {}).items() if k.startswith(f"{name}/")]
    mine = [s for k, s in services.items() if k.startswith(f"{name}/") and s["status"] == "ACTIVE"]
    return {
        "registeredContainerInstancesCount": instances(ctx.store, name),
        "runningTasksCount": sum(s["runningCount"] for s in mine) + alone.count("RUNNING"),
        "pendingTasksCount": sum(s["pendingCount"] for s in mine) + alone.count("PENDING"),
        "activeServicesCount": len(mine),
    }


def _show(ctx: Context, found: dict[str, Any]) -> dict[str, Any]:
    """A cluster as the calls that change it answer."""
    tags = tag_list(tags_of(ctx.store, found["clusterArn"]))
    counts = _counts(ctx, found["clusterName"], lagging=False)
    return {**public(found), **counts, "statistics": [], "tags": tags}


@behaviour(
    "ecs", "CreateCluster",
    "clusterName tags settings capacityProviders defaultCapacityProviderStrategy configuration "
    "serviceConnectDefaults",
    evidence="documented", source=API + "API_CreateCluster.html",
)  # fmt: skip
def create_cluster(ctx: Context, params: Params) -> Reply:
    name = params.get("clusterName") or "default"
    if not NAME.match(name):
        raise invalid("Invalid cluster name: it must match [a-zA-Z][a-zA-Z0-9_-]{0,254}.")
    clusters = part(ctx.store, "clusters")
    existing = clusters.get(name)
    if existing is not None and existing["status"] == "ACTIVE":
        if existing["_request"] != params:
            raise invalid(
                "Arguments on this idempotent request are inconsistent with arguments used in "
                "previous request(s)."
            )
        return {"cluster": _show(ctx, existing)}
    providers = _providers(ctx, params.get("capacityProviders") or [])
    found: dict[str, Any] = {
        "clusterArn": ctx.arn(f"cluster/{name}"),
        "clusterName": name,
        "status": "ACTIVE",
        "settings": _settings(params.get("settings")),
        "configuration": _configuration(params.get("configuration")),
        "capacityProviders": providers,
        "defaultCapacityProviderStrategy": strategy(
            params.get("defaultCapacityProviderStrategy") or [], providers
        ),
        "_request": copy.deepcopy(params),
    }
    tags = read_tags(params.get("tags") or [])
    namespace = (params.get("serviceConnectDefaults") or {}).get("namespace")
    if namespace:
        found["serviceConnectDefaults"] = {"namespace": namespace_arn(ctx, namespace)}
    clusters[name] = found
    set_tags(ctx, found["clusterArn"], tags)
    return {"cluster": _show(ctx, found)}


@behaviour(
    "ecs", "DescribeClusters", "clusters include",
    evidence="recorded", source="recorded/ecs/DescribeClusters",
)  # fmt: skip
def describe_clusters(ctx: Context, params: Params) -> Reply:
    include = set(params.get("include") or [])
    names = params.get("clusters") or ["default"]
    if len(names) > 100:
        raise invalid("Clusters can not have more than 100 elements.")
    found, failures = [], []
    for name in dict.fromkeys(cluster_name(n) for n in names):
        one = ctx.view.get("clusters", {}).get(name)
        if one is None:
            failures.append({"arn": ctx.arn(f"cluster/{name}"), "reason": "MISSING"})
            continue
        shown = {**public(one), **_counts(ctx, name, lagging=True), "statistics": []}
        shown["tags"] = ctx.shuffled(tag_list(tags_of(ctx.view, one["clusterArn"])))
        for member in OPTIONAL:
            if member.upper() not in include:
                # Recordings of different years have these as [] or not at all.
                if ctx.world.rng.random() < 0.5:
                    shown[member] = []
                else:
                    shown.pop(member, None)
        if "CONFIGURATIONS" not in include:
            shown.pop("configuration", None)
        shown["capacityProviders"] = ctx.shuffled(shown["capacityProviders"])
        found.append(shown)
    return {"clusters": ctx.shuffled(found), "failures": failures}


@behaviour(
    "ecs", "ListClusters", "nextToken maxResults",
    evidence="documented", source=API + "API_ListClusters.html",
)  # fmt: skip
def list_clusters(ctx: Context, params: Params) -> Reply:
    arns = [
        c["clusterArn"] for c in ctx.view.get("clusters", {}).values() if c["status"] == "ACTIVE"
    ]
    return pages("clusterArns", params, unordered(ctx, arns), 100)


@behaviour(
    "ecs", "UpdateCluster", "cluster settings configuration serviceConnectDefaults",
    evidence="documented", source=API + "API_UpdateCluster.html; assumed: configuration "
    "is replaced as a whole",
)  # fmt: skip
def update_cluster(ctx: Context, params: Params) -> Reply:
    found = cluster(ctx.store, params["cluster"])
    if params.get("settings"):
        found["settings"] = _settings(params["settings"])
    if "configuration" in params:
        found["configuration"] = _configuration(params["configuration"])
    if "serviceConnectDefaults" in params:
        namespace = params["serviceConnectDefaults"]["namespace"]
        if namespace:
            arn = namespace_arn(ctx, namespace)
            found["serviceConnectDefaults"] = {"namespace": arn}
        else:  # documented: an empty string removes it
            found.pop("serviceConnectDefaults", None)
    return {"cluster": _show(ctx, found)}


@behaviour(
    "ecs", "UpdateClusterSettings", "cluster settings",
    evidence="documented", source=API + "API_UpdateClusterSettings.html",
)  # fmt: skip
def update_cluster_settings(ctx: Context, params: Params) -> Reply:
    found = cluster(ctx.store, params["cluster"])
    found["settings"] = _settings(params["settings"])
    return {"cluster": _show(ctx, found)}


@behaviour(
    "ecs", "PutClusterCapacityProviders",
    "cluster capacityProviders defaultCapacityProviderStrategy",
    evidence="documented", source=API + "API_PutClusterCapacityProviders.html",
)  # fmt: skip
def put_cluster_capacity_providers(ctx: Context, params: Params) -> Reply:
    found = cluster(ctx.store, params["cluster"])
    providers = _providers(ctx, params["capacityProviders"])
    default = strategy(params["defaultCapacityProviderStrategy"], providers)
    for removed in set(found["capacityProviders"]) - set(providers):
        for key, service in ctx.store.get("services", {}).items():
            used = [s["capacityProvider"] for s in service.get("capacityProviderStrategy", [])]
            mine = key.startswith(f"{found['clusterName']}/") and service["status"] == "ACTIVE"
            if mine and removed in used:
                raise AwsError(
                    "ResourceInUseException",
                    "The specified capacity provider is in use and cannot be removed.",
                )
    found["capacityProviders"] = providers
    found["defaultCapacityProviderStrategy"] = default
    return {"cluster": _show(ctx, found)}


@behaviour(
    "ecs", "CreateCapacityProvider", "name autoScalingGroupProvider tags",
    evidence="documented", source=API + "API_CreateCapacityProvider.html; assumed: the Auto "
    "Scaling group is not looked at",
)  # fmt: skip
def create_capacity_provider(ctx: Context, params: Params) -> Reply:
    name, providers = params["name"], part(ctx.store, "providers")
    if re.match(r"(?i)aws|ecs|fargate", name) or not re.fullmatch(r"[\w-]{1,255}", name):
        raise client(f"The specified capacity provider name is invalid: {name}")
    if name in providers:
        raise client("The specified capacity provider already exists.")
    if not params.get("autoScalingGroupProvider"):
        raise client("An Auto Scaling group provider must be specified.")
    found = {
        "capacityProviderArn": ctx.arn(f"capacity-provider/{name}"),
        "name": name,
        "status": "ACTIVE",
        "autoScalingGroupProvider": copy.deepcopy(params["autoScalingGroupProvider"]),
    }
    providers[name] = found
    set_tags(ctx, found["capacityProviderArn"], read_tags(params.get("tags") or []))
    return {"capacityProvider": copy.deepcopy(found)}


@behaviour(
    "ecs", "DeleteCluster", "cluster",
    evidence="documented", source=API + "API_DeleteCluster.html",
)  # fmt: skip
def delete_cluster(ctx: Context, params: Params) -> Reply:
    if not params.get("cluster"):
        raise client("Cluster can not be blank.")
    found = cluster(ctx.store, params["cluster"])
    name = found["clusterName"]
    if instances(ctx.store, name):
        raise AwsError(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    for key, service in ctx.store.get("services", {}).items():
        if not key.startswith(f"{name}/"):
            continue
        if service["status"] == "ACTIVE":
            raise AwsError(
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
            )
        if service["status"] == "DRAINING":
            raise AwsError(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )
    for key, task in ctx.store.get("tasks", {}).items():
        if key.startswith(f"{name}/") and task["lastStatus"] != "STOPPED":
            raise AwsError(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )
    found["status"] = "INACTIVE"
    shown = _show(ctx, found)
    part(ctx.store, "_tags").pop(found["clusterArn"], None)
    return {"cluster": shown}
