"""What ECS refuses in a service, and what it writes into one (cases 31 to 54).

How roll-outs are configured is in `ecs_service_deployment_rules`.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from sandbox.behaviours.ecs_clusters import FARGATE, strategy
from sandbox.behaviours.ecs_common import check_network, check_target_group, client, invalid
from sandbox.errors import AwsError
from sandbox.nested import honour
from sandbox.registry import Context

Config = dict[str, Any]

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$")
PLATFORMS = ("LATEST", "1.4.0", "1.3.0")
ADVANCED = "alternateTargetGroupArn productionListenerRule testListenerRule roleArn"
NOT_FOR = {
    "CODE_DEPLOY": {
        "taskDefinition": "task definition", "networkConfiguration": "network parameters",
        "platformVersion": "platform version", "loadBalancers": "load balancers",
        "forceNewDeployment": "deployment", "serviceRegistries": "service registries",
        "capacityProviderStrategy": "capacity provider strategy",
        "serviceConnectConfiguration": "Service Connect", "volumeConfigurations": "volumes",
    },
}  # fmt: skip
NOT_FOR["EXTERNAL"] = {
    **NOT_FOR["CODE_DEPLOY"],
    "deploymentConfiguration": "deployment configuration",
}
"""Deployment controller → what UpdateService does not change then, and AWS's words for it."""


def check_names(params: dict[str, Any]) -> None:
    """Refuse a bad service name or client token."""
    if not NAME.match(params["serviceName"]):
        raise invalid("Service name must match [a-zA-Z0-9][a-zA-Z0-9_-]{0,254}.")
    token = params.get("clientToken", "")
    if len(token) > 36 or any(not 33 <= ord(c) <= 126 for c in token):
        raise invalid("clientToken must be up to 36 ASCII characters in the range of 33-126.")


def check_controller(params: dict[str, Any]) -> str:
    """The deployment controller, or the refusal of what does not go with it."""
    kind: str = (params.get("deploymentController") or {}).get("type", "ECS")
    daemon = params.get("schedulingStrategy") == "DAEMON"
    if kind == "ECS":
        return kind
    if daemon:
        raise invalid(f"The {kind} deployment controller does not support DAEMON.")
    if kind == "CODE_DEPLOY" and not params.get("loadBalancers"):
        raise invalid("A load balancer is required with the CODE_DEPLOY deployment controller.")
    if kind == "EXTERNAL":
        for member in ("taskDefinition", "launchType", "networkConfiguration", "loadBalancers"):
            if params.get(member):
                raise invalid(f"{member} belongs to task sets with the EXTERNAL controller.")
    return kind


def check_update(params: dict[str, Any], controller: str) -> None:
    """Refuse what another deployment controller's services don't let UpdateService change."""
    for member, words in NOT_FOR.get(controller, {}).items():
        if params.get(member):
            raise invalid(
                f"Unable to update {words} on services with a {controller} deployment controller. "
                "Use AWS CodeDeploy to trigger a new deployment."
                if controller == "CODE_DEPLOY"
                else f"Unable to update {words} on services with an {controller} deployment "
                "controller."
            )


def network(ctx: Context, raw: Config | None, definition: Config) -> Config | None:
    """The network configuration with ECS's defaults, checked against the VPC."""
    if definition["networkMode"] != "awsvpc":
        if raw:
            raise invalid(
                "Network Configuration is not valid for the given networkMode of this task "
                "definition."
            )
        return None
    if not raw or "awsvpcConfiguration" not in raw:
        raise invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    vpc = copy.deepcopy(raw["awsvpcConfiguration"])
    if not vpc["subnets"]:
        raise invalid("subnets can not be empty.")
    vpc.setdefault("securityGroups", [])
    vpc.setdefault("assignPublicIp", "DISABLED")
    if len(vpc["subnets"]) > 16 or len(vpc["securityGroups"]) > 5:
        raise invalid("At most 16 subnets and 5 security groups can be specified.")
    check_network(ctx, vpc["subnets"], vpc["securityGroups"])
    return {"awsvpcConfiguration": vpc}


def load_balancers(ctx: Context, raw: list[Config], definition: Config) -> list[Config]:
    """Load balancers, checked against the task definition and the target groups."""
    if len(raw) > 5:
        raise invalid("load balancers can have at most 5 items.")
    for item in raw:
        honour(
            "ecs load balancer", item,
            "targetGroupArn containerName containerPort loadBalancerName advancedConfiguration",
        )  # fmt: skip
        honour("advancedConfiguration", item.get("advancedConfiguration") or {}, ADVANCED)
        check_container(definition, item)
        if bool(item.get("targetGroupArn")) == bool(item.get("loadBalancerName")):
            raise invalid("Either a target group ARN or a load balancer name must be specified.")
        if item.get("loadBalancerName"):
            if definition["networkMode"] == "awsvpc":
                raise invalid("Classic Load Balancers are not supported with awsvpc.")
            continue
        check_target_group(ctx, item["targetGroupArn"], definition["networkMode"])
        if other := (item.get("advancedConfiguration") or {}).get("alternateTargetGroupArn"):
            check_target_group(ctx, other, definition["networkMode"], used=False)
    return copy.deepcopy(raw)


def check_container(definition: Config, item: Config) -> None:
    """Refuse a load balancer that names a container or port that the task does not have."""
    name, port = item.get("containerName"), item.get("containerPort")
    found = next((c for c in definition["containerDefinitions"] if c["name"] == name), None)
    if found is None:
        raise invalid(f"The container {name} does not exist in the task definition.")
    if port not in [p.get("containerPort") for p in found["portMappings"]]:
        raise invalid(f"The container {name} did not have a container port {port} defined.")


def registries(raw: list[Config], definition: Config) -> list[Config]:
    """Service registries (assumed: that Cloud Map has them is not looked at)."""
    if len(raw) > 1:
        raise invalid("service registries can have at most 1 items.")
    for item in raw:
        honour("ecs service registry", item, "registryArn port containerName containerPort")
        if ":servicediscovery:" not in item.get("registryArn", ""):
            raise invalid("The service registry ARN is not valid.")
        if item.get("port") and item.get("containerPort"):
            raise invalid("Either port or containerPort can be specified, not both.")
        if ("containerName" in item) != ("containerPort" in item):
            raise invalid("containerName and containerPort must be specified together.")
        if "containerName" in item:
            check_container(definition, item)
    return copy.deepcopy(raw)


def placement(params: dict[str, Any], fargate: bool, daemon: bool) -> Config:
    """Placement constraints and strategy; AWS echoes `cpu` and `memory` in capitals."""
    out: Config = {}
    for member, most, words in (
        ("placementConstraints", 10, "Placement constraints"),
        ("placementStrategy", 5, "Placement strategies"),
    ):
        if member not in params:
            continue
        given = copy.deepcopy(params[member]) or []
        if given and fargate:
            raise invalid(f"{words} are not supported with FARGATE launch type.")
        if given and daemon and member == "placementStrategy":
            raise invalid(f"{words} are not supported with the DAEMON scheduling strategy.")
        if len(given) > most:
            raise invalid(f"{member} can have at most {most} items.")
        out[member] = given
    for item in out.get("placementConstraints", []):
        if item["type"] == "distinctInstance" and item.get("expression"):
            raise invalid("An expression can't be specified with distinctInstance.")
        if item["type"] == "memberOf" and not item.get("expression"):
            raise invalid("An expression must be specified with memberOf.")
    for item in out.get("placementStrategy", []):
        field = item.get("field", "")
        if item["type"] == "binpack" and field not in ("cpu", "memory"):
            raise invalid("binpack needs the field cpu or memory.")
        if item["type"] == "spread" and not field:
            raise invalid("spread needs a field.")
        if item["type"] == "random" and field:
            raise invalid("random takes no field.")
        if field:
            item["field"] = {"cpu": "CPU", "memory": "MEMORY", "host": "instanceId"}.get(
                field, field
            )
    return out


def service_connect(cluster: Config, raw: Config | None, definition: Config) -> Config | None:
    """Service Connect as deployments show it; None when switched off."""
    if raw is None:
        return None
    honour(
        "serviceConnectConfiguration", raw,
        "enabled namespace services logConfiguration accessLogConfiguration "
        "containerConfigurations",
    )  # fmt: skip
    out = copy.deepcopy(raw)
    if not out["enabled"]:
        return {"enabled": False}
    if definition["networkMode"] in ("host", "none"):
        raise invalid(f"Service Connect is not supported with {definition['networkMode']}.")
    if "namespace" not in out:
        default = cluster.get("serviceConnectDefaults")
        if default is None:
            raise invalid("A Service Connect namespace is required: the cluster has no default.")
        out["namespace"] = default["namespace"]
    if out.get("accessLogConfiguration") and not out.get("logConfiguration"):
        raise invalid("A logConfiguration is required for access logs.")
    names = {p.get("name") for c in definition["containerDefinitions"] for p in c["portMappings"]}
    for item in out.get("services") or []:
        honour(
            "service connect service", item,
            "portName discoveryName clientAliases ingressPortOverride timeout tls",
        )  # fmt: skip
        if item["portName"] not in names:
            raise invalid(
                f"The portName {item['portName']} is not defined in the port mappings of the "
                "task definition."
            )
        if len(item.get("clientAliases") or []) > 1:
            raise invalid("A Service Connect service can have at most 1 client alias.")
        item.setdefault("discoveryName", item["portName"])  # live: cdk-real-drift
    return out


def volumes(raw: list[Config] | None, definition: Config, daemon: bool) -> list[Config]:
    """Volume configurations as deployments show them: the file system type is filled in."""
    late = {v["name"] for v in definition["volumes"] if v.get("configuredAtLaunch")}
    given = copy.deepcopy(raw) or []
    if given and daemon:
        raise invalid("volumeConfigurations is not supported for DAEMON services.")
    names = {v["name"] for v in given}
    if late - names:
        raise invalid(
            "Task definition has configuredAtLaunch volume but no volume configuration provided "
            "at runtime"
        )
    if names - late:
        raise invalid(f"No configuredAtLaunch volume is named {', '.join(sorted(names - late))}.")
    for item in given:
        ebs = item.get("managedEBSVolume")
        if not ebs:
            raise invalid("managedEBSVolume must be specified.")
        _ebs(ebs)
        ebs.setdefault("filesystemType", "xfs")  # live: cdk-real-drift
    return given


def _ebs(ebs: Config) -> None:
    kind = ebs.get("volumeType", "gp3")
    if not {"sizeInGiB", "snapshotId"} & set(ebs):
        raise invalid("Either sizeInGiB or snapshotId must be specified.")
    least = {"io1": 4, "io2": 4, "st1": 125, "sc1": 125}.get(kind, 1)
    if not least <= ebs.get("sizeInGiB", least) <= (1024 if kind == "standard" else 16_384):
        raise invalid(f"The size is not valid for volume type {kind}.")
    if kind in ("io1", "io2") and "iops" not in ebs:
        raise invalid(f"iops is required for volume type {kind}.")
    if kind in ("st1", "sc1", "standard") and "iops" in ebs:
        raise invalid(f"iops is not supported for volume type {kind}.")
    if kind != "gp3" and "throughput" in ebs:
        raise invalid("throughput is only supported for volume type gp3.")
    if "volumeInitializationRate" in ebs and "snapshotId" not in ebs:
        raise invalid("volumeInitializationRate needs a snapshotId.")


def lattice(raw: list[Config] | None, definition: Config) -> list[Config]:
    """VPC Lattice target groups (assumed: that they exist is not looked at)."""
    names = {p.get("name") for c in definition["containerDefinitions"] for p in c["portMappings"]}
    for item in raw or []:
        honour("vpcLattice", item, "roleArn targetGroupArn portName advancedConfiguration")
        if item["portName"] not in names:
            raise invalid(f"The portName {item['portName']} is not defined in the task definition.")
    return copy.deepcopy(raw) or []


def capacity(params: dict[str, Any], cluster: Config) -> Config:
    """`launchType` or `capacityProviderStrategy`, by default the cluster's."""
    given = params.get("capacityProviderStrategy") or []
    if given and params.get("launchType"):
        raise invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again."
        )
    if not given and not params.get("launchType"):
        given = cluster["defaultCapacityProviderStrategy"]
    if given:
        return {"capacityProviderStrategy": strategy(given, cluster["capacityProviders"])}
    launch = params.get("launchType") or "EC2"
    if launch == "MANAGED_INSTANCES":
        raise invalid("Managed instances must be used by a capacity provider strategy.")
    return {"launchType": launch}


def on_fargate(capacity: Config) -> bool:
    """Whether tasks run on Fargate."""
    providers = [s["capacityProvider"] for s in capacity.get("capacityProviderStrategy") or []]
    return capacity.get("launchType") == "FARGATE" or any(p in FARGATE for p in providers)


def platform(raw: str | None, fargate: bool) -> Config:
    """The Fargate platform version, and what goes with it."""
    if not fargate:
        if raw:
            raise invalid("The platform version must be null when specifying an EC2 launch type.")
        return {}
    if raw is not None and raw not in PLATFORMS:
        raise AwsError("PlatformUnknownException", "The specified platform does not exist.")
    return {"platformVersion": raw or "LATEST", "platformFamily": "Linux"}


def check_definition(definition: Config, capacity: Config) -> None:
    """Refuse to run where the task does not fit."""
    if on_fargate(capacity) and "FARGATE" not in definition["compatibilities"]:
        raise invalid("Task definition does not support launch_type FARGATE.")
    if capacity.get("launchType") == "EXTERNAL" and (
        "EXTERNAL" not in definition["compatibilities"]
    ):
        raise invalid("Task definition does not support launch_type EXTERNAL.")


def check_execute_command(enabled: bool | None, definition: Config) -> None:
    """ECS Exec needs a task role."""
    if enabled and not definition.get("taskRoleArn"):
        raise invalid(
            "The service couldn't be created because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )


def rebalancing(raw: str | None, config: Config, *, default: str) -> str:
    """Availability Zone rebalancing, which needs room above 100 %."""
    if config["maximumPercent"] <= 100:
        if raw == "ENABLED":
            raise invalid(
                "Availability Zone rebalancing requires a maximumPercent greater than 100."
            )
        return "DISABLED"
    return raw or default


def desired(raw: int | None) -> int:
    """The desired count, which REPLICA services must name."""
    if raw is None:
        raise client("desiredCount is required for services with the REPLICA strategy.")
    if raw < 0:
        raise invalid("Desired count must be non-negative.")
    return raw


def check_daemon(params: dict[str, Any], capacity: Config) -> None:
    """What a daemon can't have."""
    if on_fargate(capacity):
        raise invalid("The daemon scheduling strategy is not supported on Fargate.")
    if params.get("desiredCount") is not None:
        raise invalid(
            "The daemon scheduling strategy does not support a desired count for services. Remove "
            "the desired count value and try again."
        )
