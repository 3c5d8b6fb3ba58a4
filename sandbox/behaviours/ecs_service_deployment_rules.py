"""What ECS refuses in a deployment configuration, and what it writes into one (cases 36 to 38)."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.behaviours.ecs_common import invalid
from sandbox.nested import honour
from sandbox.registry import Context

Config = dict[str, Any]
MEMBERS = (
    "deploymentCircuitBreaker maximumPercent minimumHealthyPercent alarms strategy "
    "bakeTimeInMinutes lifecycleHooks linearConfiguration canaryConfiguration earlySuccessCriteria"
)
THRESHOLDS = {"COUNT": (1, 2000), "BOUNDED_PERCENT": (1, 100), "UNBOUNDED_PERCENT": (1, 100)}
STRATEGIES = ("ROLLING", "BLUE_GREEN", "LINEAR", "CANARY")
STEPS: dict[str, tuple[str, Config]] = {
    "LINEAR": ("linearConfiguration", {"stepPercent": 10.0, "stepBakeTimeInMinutes": 6}),
    "CANARY": ("canaryConfiguration", {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}),
}
"""Strategy → the member that describes it, and its documented defaults."""


def deployment_configuration(
    ctx: Context, raw: Config | None, existing: Config | None = None, *, daemon: bool = False
) -> Config:
    """The configuration with ECS's defaults; an update changes the members that it names.

    Newer accounts echo more of the circuit breaker, and the alarms (cases 37 and 38).
    """
    given = copy.deepcopy(raw or {})
    honour("deploymentConfiguration", given, MEMBERS)
    config: Config = {
        "maximumPercent": 100 if daemon else 200,
        "minimumHealthyPercent": 0 if daemon else 100,
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
    if (breaker := given.get("deploymentCircuitBreaker")) is not None:
        honour(
            "deploymentCircuitBreaker", breaker,
            "enable rollback resetOnHealthyTask thresholdConfiguration",
        )  # fmt: skip
        _check_threshold(breaker.get("thresholdConfiguration"))
        given["deploymentCircuitBreaker"] = {**config["deploymentCircuitBreaker"], **breaker}
    _check_strategy(given, str(given.get("strategy", config["strategy"])), daemon)
    config.update(given)
    for strategy, (member, defaults) in STEPS.items():
        if config["strategy"] == strategy:
            config[member] = {**defaults, **(config.get(member) or {})}
        else:
            config.pop(member, None)
    if config["strategy"] != "ROLLING":
        config.pop("earlySuccessCriteria", None)
    if not config.get("lifecycleHooks"):
        config.pop("lifecycleHooks", None)
    _check_percents(config)
    return config


def _check_percents(config: Config) -> None:
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


def _check_strategy(given: Config, strategy: str, daemon: bool) -> None:
    if strategy not in STRATEGIES:
        raise invalid(f"Invalid deployment strategy: {strategy}")
    if daemon and strategy != "ROLLING":
        raise invalid(f"The {strategy} deployment strategy does not support DAEMON.")
    for needed, (member, _) in STEPS.items():
        if given.get(member) and strategy != needed:
            raise invalid(f"{member} is only valid when the deployment strategy is {needed}.")
    if given.get("strategy") == "BLUE_GREEN" and "bakeTimeInMinutes" not in given:
        raise invalid("bakeTimeInMinutes must be provided with the BLUE_GREEN strategy.")
    if not 0 <= given.get("bakeTimeInMinutes", 0) <= 1440:
        raise invalid("bakeTimeInMinutes must be between 0 and 1440.")
    linear, canary = given.get("linearConfiguration") or {}, given.get("canaryConfiguration") or {}
    if not 3 <= linear.get("stepPercent", 10) <= 100:
        raise invalid("stepPercent must be between 3.0 and 100.0.")
    if not 0.1 <= canary.get("canaryPercent", 5) <= 100:
        raise invalid("canaryPercent must be between 0.1 and 100.0.")
    early = given.get("earlySuccessCriteria") or {}
    if early.get("enable"):
        if strategy != "ROLLING":
            raise invalid("earlySuccessCriteria is only valid with the ROLLING strategy.")
        if not {"healthyPercent", "sourceServiceRevisionCleanup"} <= set(early):
            raise invalid("healthyPercent and sourceServiceRevisionCleanup must be specified.")
        if early["healthyPercent"] < given.get("minimumHealthyPercent", 0):
            raise invalid("healthyPercent cannot be less than minimumHealthyPercent.")
    for hook in given.get("lifecycleHooks") or []:
        if hook.get("targetType", "AWS_LAMBDA") == "AWS_LAMBDA" and not (
            hook.get("hookTargetArn") and hook.get("roleArn")
        ):
            raise invalid("hookTargetArn and roleArn are required for AWS_LAMBDA hooks.")


def check_traffic(config: Config, balancers: list[Config], connect: Config | None) -> None:
    """What shifts traffic needs something to shift it with."""
    strategy = config["strategy"]
    if strategy == "ROLLING":
        return
    if not balancers and not (connect or {}).get("enabled"):
        raise invalid(
            f"The {strategy} deployment strategy needs a load balancer or Service Connect."
        )
    for balancer in balancers:
        how = balancer.get("advancedConfiguration") or {}
        if not {"alternateTargetGroupArn", "productionListenerRule", "roleArn"} <= set(how):
            raise invalid(
                f"advancedConfiguration is required for load balancers with the {strategy} "
                "deployment strategy."
            )


def _check_threshold(config: Config | None) -> None:
    if config is not None:
        low, high = THRESHOLDS[config["type"]]
        if not low <= config["value"] <= high:
            raise invalid(f"The threshold value for {config['type']} must be {low} to {high}.")
