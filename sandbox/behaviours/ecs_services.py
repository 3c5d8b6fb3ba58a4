"""ECS services: what is declared of them. How they move is in `ecs_rollout`."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.behaviours import ecs_service_rules as rules
from sandbox.behaviours.ecs_clusters import FARGATE, instances
from sandbox.behaviours.ecs_common import (
    API,
    caller,
    cluster,
    cluster_name,
    invalid,
    pages,
    part,
    public,
    read_tags,
    service_key,
    set_tags,
    tag_list,
    tags_of,
    unordered,
)
from sandbox.behaviours.ecs_deployments import deploy, place
from sandbox.behaviours.ecs_rollout import drain, totals, wake
from sandbox.behaviours.ecs_service_deployment_rules import (
    check_traffic,
    deployment_configuration,
)
from sandbox.behaviours.ecs_task_definitions import usable
from sandbox.errors import AwsError
from sandbox.nested import refuse_unless
from sandbox.registry import Context, Params, Reply, behaviour

Service = dict[str, Any]
SIMPLE = ("enableECSManagedTags", "enableExecuteCommand", "propagateTags")
COMMON = (
    "cluster desiredCount taskDefinition capacityProviderStrategy deploymentConfiguration "
    "availabilityZoneRebalancing networkConfiguration placementConstraints placementStrategy "
    "platformVersion healthCheckGracePeriodSeconds deploymentController enableExecuteCommand "
    "enableECSManagedTags loadBalancers propagateTags serviceRegistries "
    "serviceConnectConfiguration volumeConfigurations vpcLatticeConfigurations"
)


def _show(ctx: Context, service: Service) -> Service:
    """A service as AWS sends it, sets in any order (cases 47 and 164)."""
    out = public(service)
    out["deployments"] = [public(d) for d in service["deployments"]]
    for holder in (out, *out["deployments"]):
        vpc = holder.get("networkConfiguration", {}).get("awsvpcConfiguration")
        if vpc:
            vpc["subnets"] = ctx.shuffled(vpc["subnets"])
            vpc["securityGroups"] = ctx.shuffled(vpc["securityGroups"])
    out["loadBalancers"] = ctx.shuffled(out["loadBalancers"])
    if service["_log"]:
        out["currentServiceDeployment"] = service["_log"][0]["serviceDeploymentArn"]
    return out


def _service(ctx: Context, params: Params) -> Service:
    cluster(ctx.store, params.get("cluster"))
    key = service_key(params.get("cluster"), params["service"])
    found: Service | None = ctx.store.get("services", {}).get(key)
    if found is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    return found


@behaviour(
    "ecs", "CreateService",
    COMMON + " serviceName clientToken launchType schedulingStrategy tags",
    evidence="recorded", source="recorded/ecs/DescribeServices; refusals documented, "
    + API + "API_CreateService.html; assumed: equal arguments are idempotent, some wordings",
)  # fmt: skip
def create_service(ctx: Context, params: Params) -> Reply:
    home = cluster(ctx.store, params.get("cluster"))
    rules.check_names(params)
    name = params["serviceName"]
    key = service_key(params.get("cluster"), name)
    request = {k: v for k, v in params.items() if k not in ("clientToken", "cluster")}
    services = part(ctx.store, "services")
    existing = services.get(key)
    if existing is not None and existing["status"] == "DRAINING":
        raise invalid("Unable to Start a service that is still Draining.")
    if existing is not None and existing["status"] == "ACTIVE":
        if existing["_request"] != request:
            raise invalid("Creation of service was not idempotent.")
        return {"service": _show(ctx, existing)}
    used = {s["_token"] for s in services.values() if s["status"] == "ACTIVE" and s.get("_token")}
    if params.get("clientToken") in used:
        raise invalid("Creation of service was not idempotent.")
    tags = read_tags(params.get("tags") or [])
    service = _new(ctx, params, home)
    service["_request"] = copy.deepcopy(request)
    service["_token"] = params.get("clientToken")
    services[key] = service
    set_tags(ctx, service["serviceArn"], tags)
    at = place(ctx, key)
    if service["deploymentController"]["type"] == "ECS":
        deploy(at, service)
        wake(at)
    shown = _show(ctx, service)
    if tags:
        shown["tags"] = tag_list(tags)
    return {"service": shown}


def _new(ctx: Context, params: Params, home: dict[str, Any]) -> Service:
    """A service of these parameters, without any deployment yet."""
    controller = rules.check_controller(params)
    if controller == "EXTERNAL":
        return _external(ctx, params, home)
    capacity = rules.capacity(params, home)
    daemon = params.get("schedulingStrategy") == "DAEMON"
    if daemon:
        rules.check_daemon(params, capacity)
    if not params.get("taskDefinition"):
        raise invalid("TaskDefinition can not be blank.")
    definition = usable(ctx.store, params["taskDefinition"])
    rules.check_definition(definition, capacity)
    rules.check_execute_command(params.get("enableExecuteCommand"), definition)
    where, fargate = home["clusterName"], rules.on_fargate(capacity)
    config = deployment_configuration(ctx, params.get("deploymentConfiguration"), daemon=daemon)
    balancers = rules.load_balancers(ctx, params.get("loadBalancers") or [], definition)
    count = instances(ctx.store, where) if daemon else rules.desired(params.get("desiredCount"))
    service: Service = {
        **_bare(ctx, params, home, count),
        **capacity,
        **rules.platform(params.get("platformVersion"), fargate),
        **rules.placement(params, fargate, daemon),
        "loadBalancers": balancers,
        "serviceRegistries": rules.registries(params.get("serviceRegistries") or [], definition),
        "taskDefinition": definition["taskDefinitionArn"],
        "deploymentConfiguration": config,
        "schedulingStrategy": "DAEMON" if daemon else "REPLICA",
        "availabilityZoneRebalancing": rules.rebalancing(
            params.get("availabilityZoneRebalancing"), config,
            default="DISABLED" if daemon else "ENABLED",
        ),
    }  # fmt: skip
    network = rules.network(ctx, params.get("networkConfiguration"), definition)
    if network is not None:
        service["networkConfiguration"] = network
    if network is not None or balancers:
        service["roleArn"] = (
            f"arn:aws:iam::{ctx.account}:role/aws-service-role/ecs.amazonaws.com/"
            "AWSServiceRoleForECS"  # recorded: absent where ECS needs none
        )
    if balancers or "healthCheckGracePeriodSeconds" in params:
        # Recorded: 0 with a load balancer, absent without.
        service["healthCheckGracePeriodSeconds"] = params.get("healthCheckGracePeriodSeconds", 0)
    connect = rules.service_connect(home, params.get("serviceConnectConfiguration"), definition)
    if connect is not None:
        service["_serviceConnect"] = connect
    service["_volumes"] = rules.volumes(params.get("volumeConfigurations"), definition, daemon)
    service["_lattice"] = rules.lattice(params.get("vpcLatticeConfigurations"), definition)
    check_traffic(config, balancers, connect)
    if controller == "CODE_DEPLOY":
        service["taskSets"] = [_first_task_set(ctx, service)]
        service["runningCount"] = count
    return service


def _bare(ctx: Context, params: Params, home: dict[str, Any], count: int) -> Service:
    """What every service has, whoever rolls it out."""
    name = params["serviceName"]
    return {
        "serviceArn": ctx.arn(f"service/{home['clusterName']}/{name}"),
        "serviceName": name,
        "clusterArn": home["clusterArn"],
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": "ACTIVE",
        "desiredCount": count,
        "runningCount": 0,
        "pendingCount": 0,
        "deployments": [],
        "events": [],
        "createdAt": ctx.now,
        "placementConstraints": [],
        "placementStrategy": [],
        "schedulingStrategy": "REPLICA",
        "deploymentController": {
            "type": (params.get("deploymentController") or {}).get("type", "ECS")
        },
        "createdBy": caller(ctx),
        "enableECSManagedTags": params.get("enableECSManagedTags", False),
        "propagateTags": params.get("propagateTags", "NONE"),
        "enableExecuteCommand": params.get("enableExecuteCommand", False),
        "_log": [],
    }


def _external(ctx: Context, params: Params, home: dict[str, Any]) -> Service:
    """A service whose task sets are somebody else's: it has little of its own (documented)."""
    count = rules.desired(params.get("desiredCount"))
    return {**_bare(ctx, params, home, count), "deploymentConfiguration": {
        "maximumPercent": 200, "minimumHealthyPercent": 100}, "taskSets": []}  # fmt: skip


def _first_task_set(ctx: Context, service: Service) -> dict[str, Any]:
    """The PRIMARY task set that ECS makes of a service for CodeDeploy."""
    members = ("taskDefinition", "launchType", "capacityProviderStrategy", "platformVersion",
               "platformFamily", "networkConfiguration", "loadBalancers",
               "serviceRegistries")  # fmt: skip
    ident = "ecs-svc/" + ctx.token("0123456789", 19)
    return {
        "id": ident,
        "taskSetArn": f"{service['serviceArn'].replace(':service/', ':task-set/')}/{ident}",
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "startedBy": "ecs.amazonaws.com",
        "status": "PRIMARY",
        "computedDesiredCount": service["desiredCount"],
        "pendingCount": 0,
        "runningCount": service["desiredCount"],
        "createdAt": ctx.now,
        "updatedAt": ctx.now,
        "scale": {"value": 100.0, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE",
        "stabilityStatusAt": ctx.now,
        "tags": [],
        **{m: copy.deepcopy(service[m]) for m in members if m in service},
    }


@behaviour(
    "ecs", "DescribeServices", "cluster services include",
    evidence="recorded", source="recorded/ecs/DescribeServices",
)  # fmt: skip
def describe_services(ctx: Context, params: Params) -> Reply:
    view = ctx.view
    cluster(view, params.get("cluster"))
    if not params["services"]:
        raise invalid("Services cannot be empty.")
    if len(params["services"]) > 10:
        raise invalid("Services can have at most 10 items.")
    found, failures = [], []
    for key in dict.fromkeys(service_key(params.get("cluster"), s) for s in params["services"]):
        service = view.get("services", {}).get(key)
        if service is None:
            failures.append({"arn": ctx.arn(f"service/{key}"), "reason": "MISSING"})
            continue
        shown = _show(ctx, service)
        if "TAGS" in (params.get("include") or []):
            shown["tags"] = ctx.shuffled(tag_list(tags_of(view, service["serviceArn"])))
        found.append(shown)
    return {"services": ctx.shuffled(found), "failures": failures}


@behaviour(
    "ecs", "ListServices", "cluster nextToken maxResults launchType schedulingStrategy",
    evidence="documented", source=API + "API_ListServices.html",
)  # fmt: skip
def list_services(ctx: Context, params: Params) -> Reply:
    cluster(ctx.view, params.get("cluster"))
    prefix = cluster_name(params.get("cluster")) + "/"
    arns = [
        s["serviceArn"]
        for key, s in ctx.view.get("services", {}).items()
        if key.startswith(prefix)
        and s["status"] == "ACTIVE"
        and params.get("launchType", s.get("launchType")) == s.get("launchType")
        and params.get("schedulingStrategy", s["schedulingStrategy"]) == s["schedulingStrategy"]
    ]
    return pages("serviceArns", params, unordered(ctx, arns), 10)


@behaviour(
    "ecs", "UpdateService", COMMON + " service forceNewDeployment",
    evidence="documented", source=API + "API_UpdateService.html; assumed: "
    "deploymentConfiguration is merged by member, equal values start no deployment",
)  # fmt: skip
def update_service(ctx: Context, params: Params) -> Reply:
    service = _service(ctx, params)
    if service["status"] != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    home = cluster(ctx.store, params.get("cluster"))
    changed = _changed(ctx, service, params, home)
    before = {k: service.get(k) for k in TRIGGERS}
    for member, value in changed.items():
        if value is None:
            service.pop(member, None)
        else:
            service[member] = value
    at = place(ctx, service_key(params.get("cluster"), params["service"]))
    if service["deploymentController"]["type"] != "ECS":
        wake(at)
        return {"service": _show(ctx, service)}
    # Documented for each parameter whether it triggers a deployment; an equal value does not.
    if params.get("forceNewDeployment") or before != {k: service.get(k) for k in TRIGGERS}:
        deploy(at, service)
        totals(service)
    wake(at)
    return {"service": _show(ctx, service)}


TRIGGERS = (
    "taskDefinition", "networkConfiguration", "platformVersion", "loadBalancers",
    "serviceRegistries", "_serviceConnect", "_volumes", "_lattice",
)  # fmt: skip


def _changed(ctx: Context, service: Service, params: Params, home: dict[str, Any]) -> Service:
    """The members that an update sets (None: removes); refuses before anything is changed."""
    controller = service["deploymentController"]["type"]
    asked = (params.get("deploymentController") or {}).get("type", controller)
    refuse_unless("a change of the deployment controller", asked, controller)
    rules.check_update(params, controller)
    out: Service = {k: params[k] for k in SIMPLE if k in params}
    daemon = service["schedulingStrategy"] == "DAEMON"
    if daemon and params.get("desiredCount") is not None:
        raise invalid("The desired count of a DAEMON service can't be changed.")
    if "desiredCount" in params:
        out["desiredCount"] = rules.desired(params["desiredCount"])
    if controller == "EXTERNAL":
        return out
    definition = _running_definition(ctx, service)
    capacity = _capacity(service, params, home)
    runs = {**service, **capacity}
    fargate = rules.on_fargate(runs)
    if params.get("taskDefinition"):
        definition = usable(ctx.store, params["taskDefinition"])
        out["taskDefinition"] = definition["taskDefinitionArn"]
        for balancer in service["loadBalancers"] if "loadBalancers" not in params else []:
            rules.check_container(definition, balancer)
    if params.get("taskDefinition") or capacity:
        rules.check_definition(definition, runs)
    config = deployment_configuration(
        ctx, params.get("deploymentConfiguration"), service["deploymentConfiguration"],
        daemon=daemon,
    )  # fmt: skip
    out["deploymentConfiguration"] = config
    out["availabilityZoneRebalancing"] = rules.rebalancing(
        params.get("availabilityZoneRebalancing"),
        config,
        default=service["availabilityZoneRebalancing"],
    )
    out.update(rules.placement(params, fargate, daemon))
    if "networkConfiguration" in params or params.get("taskDefinition"):
        network = params.get("networkConfiguration", service.get("networkConfiguration"))
        out["networkConfiguration"] = rules.network(ctx, network, definition)
    if "loadBalancers" in params:
        out["loadBalancers"] = rules.load_balancers(ctx, params["loadBalancers"], definition)
        if out["loadBalancers"]:
            out.setdefault(
                "healthCheckGracePeriodSeconds", service.get("healthCheckGracePeriodSeconds", 0)
            )
    if "healthCheckGracePeriodSeconds" in params:
        out["healthCheckGracePeriodSeconds"] = params["healthCheckGracePeriodSeconds"]
    if "serviceRegistries" in params:
        out["serviceRegistries"] = rules.registries(params["serviceRegistries"], definition)
    if "platformVersion" in params or bool(service.get("platformVersion")) != fargate:
        wanted = rules.platform(params.get("platformVersion"), fargate)
        out |= {"platformVersion": None, "platformFamily": None, **wanted}
    if "serviceConnectConfiguration" in params:
        out["_serviceConnect"] = rules.service_connect(
            home, params["serviceConnectConfiguration"], definition
        )
    volumes = params.get("volumeConfigurations", service["_volumes"])
    out["_volumes"] = rules.volumes(volumes, definition, daemon)
    if "vpcLatticeConfigurations" in params:
        out["_lattice"] = rules.lattice(params["vpcLatticeConfigurations"], definition)
    rules.check_execute_command(
        params.get("enableExecuteCommand", service["enableExecuteCommand"]), definition
    )
    after = {**service, **out}
    check_traffic(config, after["loadBalancers"], after.get("_serviceConnect"))
    out.update(capacity)
    return out


def _running_definition(ctx: Context, service: Service) -> dict[str, Any]:
    """The task definition that the service runs, be it INACTIVE by now."""
    family, _, revision = service["taskDefinition"].rpartition("/")[2].partition(":")
    found: dict[str, Any] = ctx.store["families"][family][revision]
    return found


def _capacity(service: Service, params: Params, home: dict[str, Any]) -> Service:
    if "capacityProviderStrategy" not in params:
        return {}
    if not params["capacityProviderStrategy"]:  # documented: back to the launch type
        used = [s["capacityProvider"] for s in service.get("capacityProviderStrategy") or []]
        behind = "FARGATE" if all(p in FARGATE for p in used) else "EC2"  # assumed: which one
        behind = behind if used else service["launchType"]
        new: Service = {"launchType": behind, "capacityProviderStrategy": None}
    else:
        new = {**rules.capacity(params, home), "launchType": None}
    same = all(service.get(k) == v for k, v in new.items())
    if not same and not params.get("forceNewDeployment"):
        raise invalid(
            "When switching from launch type to capacity provider strategy on an existing "
            "service, or making a change to a capacity provider strategy on a service that is "
            "already using one, you must force a new deployment."
        )
    return new


@behaviour(
    "ecs", "DeleteService", "cluster service force",
    evidence="documented", source=API + "API_DeleteService.html; assumed: INACTIVE services are "
    "purged after an hour",
)  # fmt: skip
def delete_service(ctx: Context, params: Params) -> Reply:
    service = _service(ctx, params)
    if service["status"] == "INACTIVE":
        raise AwsError("ServiceNotFoundException", "Service not found.")
    if service["status"] == "DRAINING":
        return {"service": _show(ctx, service)}
    if not params.get("force"):
        if service["desiredCount"] > 0:
            raise invalid("The service cannot be stopped while it is scaled above 0.")
        if len(service["deployments"]) > 1:
            raise invalid("The service cannot be stopped while deployments are active.")
    service["status"] = "DRAINING"
    service["desiredCount"] = 0
    part(ctx.store, "_tags").pop(service["serviceArn"], None)
    drain(place(ctx, service_key(params.get("cluster"), params["service"])))
    return {"service": _show(ctx, service)}
