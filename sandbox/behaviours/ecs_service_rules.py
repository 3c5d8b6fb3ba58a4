"""What ECS refuses in a service, and what it writes into one (cases 31 to 54)."""

from __future__ import annotations

import copy
import re
from typing import Any

from sandbox.behaviours.ecs_clusters import strategy
from sandbox.behaviours.ecs_common import check_network, check_target_group, client, invalid
from sandbox.errors import AwsError
from sandbox.nested import honour, refuse_unless
from sandbox.registry import Context

Config = dict[str, Any]

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$")
PLATFORMS = ("LATEST", "1.4.0", "1.3.0")
THRESHOLDS = {"COUNT": (1, 2000), "BOUNDED_PERCENT": (1, 100), "UNBOUNDED_PERCENT": (1, 100)}


def check_names(params: dict[str, Any]) -> None:
    """Refuse a bad service name or client token."""
    if not NAME.match(params["serviceName"]):
        raise invalid("Service name must match [a-zA-Z0-9][a-zA-Z0-9_-]{0,254}.")
    token = params.get("clientToken", "")
    if len(token) > 36 or any(not 33 <= ord(c) <= 126 for c in token):
        raise invalid("clientToken must be up to 36 ASCII characters in the range of 33-126.")


def check_unsimulated(params: dict[str, Any]) -> None:
    """End the test for what the sandbox does not play."""
    where = "ecs service "
    for member in ("serviceRegistries", "placementConstraints", "placementStrategy"):
        refuse_unless(where + member, params.get(member), [])
    refuse_unless(where + "schedulingStrategy", params.get("schedulingStrategy"), "REPLICA")
    refuse_unless(where + "launchType", params.get("launchType"), "FARGATE")
    controller = (params.get("deploymentController") or {}).get("type")
    refuse_unless(where + "deploymentController", controller, "ECS")


def deployment_configuration(
    ctx: Context, raw: Config | None, existing: Config | None = None
) -> Config:
    """The configuration with ECS's defaults; an update changes the members that it names.

    Newer accounts echo more of the circuit breaker, and the alarms (cases 37 and 38).
    """
    given = copy.deepcopy(raw or {})
    honour(
        "deploymentConfiguration", given,
        "deploymentCircuitBreaker maximumPercent minimumHealthyPercent alarms strategy "
        "bakeTimeInMinutes lifecycleHooks",
    )  # fmt: skip
    refuse_unless("deploymentConfiguration.strategy", given.get("strategy"), "ROLLING")
    refuse_unless("deploymentConfiguration.bakeTimeInMinutes", given.get("bakeTimeInMinutes"), 0)
    refuse_unless("deploymentConfiguration.lifecycleHooks", given.pop("lifecycleHooks", None), [])
    refuse_unless("deployment alarms", (given.get("alarms") or {}).get("enable"), False)
    config: Config = {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    }
    if existing is None and ctx.world.rng.random() < 0.5:
        config["alarms"] = {"alarmNames": [], "rollback": False, "enable": False}
        config["deploymentCircuitBreaker"].update(
            resetOnHealthyTask=True,
            thresholdConfiguration={"type": "BOUNDED_PERCENT", "value": 50},
        )
    config.update(copy.deepcopy(existing) if existing else {})
    breaker = given.get("deploymentCircuitBreaker")
    if breaker is not None:
        honour(
            "deploymentCircuitBreaker", breaker,
            "enable rollback resetOnHealthyTask thresholdConfiguration",
        )  # fmt: skip
        refuse_unless("resetOnHealthyTask", breaker.get("resetOnHealthyTask"), True)
        _check_threshold(breaker.get("thresholdConfiguration"))
        given["deploymentCircuitBreaker"] = {**config["deploymentCircuitBreaker"], **breaker}
    config.update(given)
    low, high = config["minimumHealthyPercent"], config["maximumPercent"]
    if low == high == 100:
        raise invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block "
            "deployments."
        )
    if low < 0 or high < 1:
        raise invalid("maximumPercent must be positive and minimumHealthyPercent not negative.")
    if low > high:
        raise invalid("minimumHealthyPercent cannot be larger than maximumPercent.")
    return config


def _check_threshold(config: Config | None) -> None:
    if config is not None:
        low, high = THRESHOLDS[config["type"]]
        if not low <= config["value"] <= high:
            raise invalid(f"The threshold value for {config['type']} must be {low} to {high}.")


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
    for item in raw:
        honour("ecs load balancer", item, "targetGroupArn containerName containerPort")
        check_container(definition, item)
        check_target_group(ctx, item.get("targetGroupArn", ""))
    if len(raw) > 5:
        raise invalid("load balancers can have at most 5 items.")
    return copy.deepcopy(raw)


def check_container(definition: Config, item: Config) -> None:
    """Refuse a load balancer that names a container or port that the task does not have."""
    name, port = item.get("containerName"), item.get("containerPort")
    found = next((c for c in definition["containerDefinitions"] if c["name"] == name), None)
    if found is None:
        raise invalid(f"The container {name} does not exist in the task definition.")
    if port not in [p["containerPort"] for p in found["portMappings"]]:
        raise invalid(f"The container {name} did not have a container port {port} defined.")


def service_connect(cluster: Config, raw: Config | None, definition: Config) -> Config | None:
    """Service Connect as deployments show it; None when switched off."""
    if raw is None:
        return None
    honour("serviceConnectConfiguration", raw, "enabled namespace services logConfiguration")
    out = copy.deepcopy(raw)
    if not out["enabled"]:
        return {"enabled": False}
    if "namespace" not in out:
        default = cluster.get("serviceConnectDefaults")
        if default is None:
            raise invalid("A Service Connect namespace is required: the cluster has no default.")
        out["namespace"] = default["namespace"]
    names = {p.get("name") for c in definition["containerDefinitions"] for p in c["portMappings"]}
    for item in out.get("services") or []:
        honour("service connect service", item, "portName discoveryName clientAliases")
        if item["portName"] not in names:
            raise invalid(
                f"The portName {item['portName']} is not defined in the port mappings of the "
                "task definition."
            )
    return out


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
    launch = params.get("launchType", "EC2")
    refuse_unless("ecs service launchType (EC2 is AWS's default)", launch, "FARGATE")
    return {"launchType": launch}


def platform(raw: str | None) -> str:
    """The Fargate platform version."""
    if raw is not None and raw not in PLATFORMS:
        raise AwsError("PlatformUnknownException", "The specified platform does not exist.")
    return raw or "LATEST"


def check_definition(definition: Config) -> None:
    """Refuse to run on Fargate what does not fit it."""
    if "FARGATE" not in definition["compatibilities"]:
        raise invalid("Task definition does not support launch_type FARGATE.")


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
