"""How a new revision of an ECS service is rolled out: strategies, circuit breaker, alarms, hooks.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from controller.kindlib.shapes import not_empty
from controller.kindlib.values import number
from controller.kindlib.within import known, mapping, maps
from controller.policies import Doc, ServerDefault, Situation, Unordered
from controller.spec import Arn, Model

DAEMON_PERCENT = {"maximumPercent": 100, "minimumHealthyPercent": 0}
"""AWS's defaults for daemons: a task is stopped before its successor starts (case 36)."""

_WITH = {"linearConfiguration": "LINEAR", "canaryConfiguration": "CANARY"}
"""Member → the one strategy that it goes with."""

SHIFTING = ("BLUE_GREEN", "LINEAR", "CANARY")
"""Strategies that run both revisions and shift traffic between them."""


def _percent(name: str, replica: int) -> Any:
    def default(situation: Situation) -> int:
        daemon = situation.desired.get("schedulingStrategy") == "DAEMON"
        return DAEMON_PERCENT[name] if daemon else replica

    return default


class DeploymentThreshold(Model):
    """When the circuit breaker opens."""

    type: Literal["BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT"]
    """`BOUNDED_PERCENT` (3 to 200 tasks), `UNBOUNDED_PERCENT` or `COUNT`."""

    value: int
    """Percent of the desired tasks, or tasks."""


class CircuitBreaker(Model):
    """Gives a roll-out up whose tasks don't start."""

    enable: Annotated[bool, ServerDefault(False, cases=(38,))] = True
    """Watch roll-outs. AWS's own default is not to: a broken one retries for ever."""

    rollback: Annotated[bool, ServerDefault(False, cases=(38,))] = True
    """Go back to the last revision that worked. AWS's own default is not to."""

    reset_on_healthy_task: Annotated[bool | None, ServerDefault(True, cases=(38,))] = None
    """Start counting anew when a task gets healthy. AWS's default is true."""

    threshold_configuration: Annotated[
        DeploymentThreshold | None,
        ServerDefault({"type": "BOUNDED_PERCENT", "value": 50}, cases=(38,)),
    ] = None
    """Failed tasks after which it opens. AWS's default: half of the desired ones, 3 to 200."""


class DeploymentAlarms(Model):
    """Alarms that give a roll-out up."""

    alarm_names: Annotated[list[str], Unordered(), Field(min_length=1)]
    """Names of CloudWatch alarms."""

    enable: Annotated[bool, ServerDefault(False, cases=(37,))] = True
    """Watch them."""

    rollback: Annotated[bool, ServerDefault(False, cases=(37,))] = True
    """Go back to the last revision that worked when one fires."""


class HookTimeout(Model):
    """How long a hook is waited for."""

    timeout_in_minutes: Annotated[
        Annotated[int, Field(ge=1, le=20160)] | None, ServerDefault(1440)
    ] = None
    """Minutes, at most 20160, two weeks. AWS's default is 1440, a day."""

    action: Annotated[Literal["ROLLBACK", "CONTINUE"] | None, ServerDefault("ROLLBACK")] = None
    """What is done then. AWS's default is ROLLBACK."""


class LifecycleHook(Model):
    """Something that is run, or waited for, at stages of a roll-out."""

    target_type: Annotated[Literal["AWS_LAMBDA", "PAUSE"] | None, ServerDefault("AWS_LAMBDA")] = (
        None
    )
    """AWS_LAMBDA: a function. PAUSE: wait until a person goes on. AWS's default is AWS_LAMBDA."""

    hook_target_arn: Arn | None = None
    """ARN of the Lambda function."""

    role_arn: Arn | None = None
    """Role that ECS calls it with."""

    lifecycle_stages: Annotated[list[str] | None, Unordered()] = None
    """Stages: PRE_SCALE_UP, POST_SCALE_UP, TEST_TRAFFIC_SHIFT, PRODUCTION_TRAFFIC_SHIFT, …"""

    hook_details: dict[str, Any] | None = None
    """What the function is handed besides."""

    timeout_configuration: HookTimeout | None = None
    """How long it is waited for. AWS's default is a day, then back."""


class LinearConfiguration(Model):
    """LINEAR: traffic is shifted in equal steps."""

    step_percent: Annotated[Annotated[float, Field(ge=3, le=100)] | None, ServerDefault(10)] = None
    """Percent of the traffic in each step, 3-100. AWS's default is 10."""

    step_bake_time_in_minutes: Annotated[
        Annotated[int, Field(ge=0, le=1440)] | None, ServerDefault(6)
    ] = None
    """Minutes between two steps, 0-1440. AWS's default is 6."""


class CanaryConfiguration(Model):
    """CANARY: a little of the traffic is shifted first."""

    canary_percent: Annotated[Annotated[float, Field(ge=0.1, le=100)] | None, ServerDefault(5)] = (
        None
    )
    """Percent of the traffic that is shifted first, 0.1-100. AWS's default is 5."""

    canary_bake_time_in_minutes: Annotated[
        Annotated[int, Field(ge=0, le=1440)] | None, ServerDefault(10)
    ] = None
    """Minutes until the rest is shifted, 0-1440. AWS's default is 10."""


class EarlySuccess(Model):
    """ROLLING: when a roll-out counts as done before all of it is."""

    enable: Annotated[bool, ServerDefault(False)] = True
    """Do not wait for the whole roll-out. AWS's own default is to wait."""

    healthy_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Percent of the desired tasks that must be healthy, not below `minimumHealthyPercent`."""

    source_service_revision_cleanup: Literal["BLOCKING", "DEFERRED"] | None = None
    """BLOCKING: the old tasks are stopped first. DEFERRED: afterwards."""


class Deployment(Model):
    """How a new revision is rolled out (AWS's `deploymentConfiguration`)."""

    strategy: Annotated[
        Literal["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"] | None,
        ServerDefault("ROLLING", cases=(37,)),
    ] = None
    """ROLLING: task by task. BLUE_GREEN: all new tasks beside the old ones, then all traffic at
    once; LINEAR, CANARY: traffic in steps. AWS's default is ROLLING."""

    maximum_percent: Annotated[
        int, ServerDefault(_percent("maximumPercent", 200), cases=(36,)), Field(ge=0)
    ] = 200
    """Most tasks during a roll-out, in percent of the desired ones. AWS's default is 200, for a
    DAEMON 100."""

    minimum_healthy_percent: Annotated[
        int, ServerDefault(_percent("minimumHealthyPercent", 100), cases=(36,)), Field(ge=0)
    ] = 100
    """Fewest healthy tasks during a roll-out, in percent. AWS's default is 100, for a DAEMON 0."""

    circuit_breaker: CircuitBreaker = Field(default_factory=CircuitBreaker)
    """Gives a roll-out up whose tasks don't start (case 38: AWS adds the whole object)."""

    alarms: DeploymentAlarms | None = None
    """Alarms that give a roll-out up. AWS's default is none."""

    bake_time_in_minutes: Annotated[
        Annotated[int, Field(ge=0, le=1440)] | None, ServerDefault(0, cases=(37,))
    ] = None
    """Minutes that both revisions run on after a roll-out; BLUE_GREEN wants it said. AWS's default
    is 0."""

    linear_configuration: LinearConfiguration | None = None
    """Steps of LINEAR."""

    canary_configuration: CanaryConfiguration | None = None
    """Steps of CANARY."""

    lifecycle_hooks: list[LifecycleHook] | None = None
    """What is run, or waited for, at stages of a roll-out, all of it. AWS's default is nothing."""

    early_success_criteria: EarlySuccess | None = None
    """ROLLING: when a roll-out counts as done. AWS's default: when all of it is."""


def deployment_spec(raw: Mapping[str, Any]) -> Doc:
    """AWS's deployment configuration in our language."""
    breaker = raw.get("deploymentCircuitBreaker") or {}
    out: Doc = {**raw, "circuitBreaker": {"enable": False, "rollback": False, **breaker}}
    alarms = raw.get("alarms") or {}
    if alarms.get("alarmNames"):
        out["alarms"] = {"enable": False, "rollback": False, **alarms}
    else:
        out.pop("alarms", None)  # case 37: AWS's way to say none
    if early := raw.get("earlySuccessCriteria"):
        out["earlySuccessCriteria"] = {"enable": False, **early}
    return out


def deployment_request(spec: Mapping[str, Any]) -> Doc:
    """Our deployment configuration in AWS's words: the whole of it."""
    out = {k: v for k, v in spec.items() if k != "circuitBreaker"}
    out["deploymentCircuitBreaker"] = dict(spec["circuitBreaker"])
    strategy = spec.get("strategy") or "ROLLING"
    for member, needed in _WITH.items():
        if strategy != needed:
            out.pop(member, None)
    if strategy != "ROLLING":
        out.pop("earlySuccessCriteria", None)
    if "earlySuccessCriteria" in out:
        out["earlySuccessCriteria"] = not_empty(out["earlySuccessCriteria"])
    return out


def deployment_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """What ECS refuses of a service's deployment configuration. spec: of the service."""
    deployment = mapping(spec.get("deployment"))
    low = number(deployment.get("minimumHealthyPercent"))
    high = number(deployment.get("maximumPercent"))
    strategy = known(deployment.get("strategy") or "ROLLING")
    if strategy is None:
        return
    if low is not None and high is not None:
        if low >= 100 and high <= 100:
            yield (
                f"deployment: minimumHealthyPercent {low} and maximumPercent {high} leave no room "
                "to replace a task"
            )
        elif low > high:
            yield f"deployment.minimumHealthyPercent: {low} is more than maximumPercent {high}"
        if high < 1:
            yield "deployment.maximumPercent: must be positive"
        if spec.get("availabilityZoneRebalancing") is True and high <= 100:
            yield "availabilityZoneRebalancing: needs deployment.maximumPercent above 100"
    for member, needed in _WITH.items():
        if deployment.get(member) and strategy != needed:
            yield f"deployment.{member}: goes with strategy {needed} only"
    yield from _shifting(spec, deployment, strategy)
    yield from _breaker(deployment)
    early = mapping(deployment.get("earlySuccessCriteria"))
    if early.get("enable"):
        if strategy != "ROLLING":
            yield "deployment.earlySuccessCriteria: goes with strategy ROLLING only"
        if "healthyPercent" not in early or "sourceServiceRevisionCleanup" not in early:
            yield (
                "deployment.earlySuccessCriteria: healthyPercent and "
                "sourceServiceRevisionCleanup are needed"
            )
        healthy = number(early.get("healthyPercent"))
        if healthy is not None and low is not None and healthy < low:
            yield (
                f"deployment.earlySuccessCriteria.healthyPercent: {healthy} is below "
                f"minimumHealthyPercent {low}"
            )
    for hook in maps(deployment.get("lifecycleHooks")):
        if (hook.get("targetType") or "AWS_LAMBDA") == "AWS_LAMBDA":
            missing = [n for n in ("hookTargetArn", "roleArn", "lifecycleStages") if n not in hook]
            if missing:
                yield f"deployment.lifecycleHooks: a function needs {', '.join(missing)}"


def _shifting(
    spec: Mapping[str, Any], deployment: Mapping[str, Any], strategy: str
) -> Iterator[str]:
    if strategy not in SHIFTING:
        return
    if spec.get("schedulingStrategy") == "DAEMON":
        yield f"deployment.strategy: a DAEMON is replaced by ROLLING only, not {strategy}"
    if strategy == "BLUE_GREEN" and "bakeTimeInMinutes" not in deployment:
        yield "deployment.bakeTimeInMinutes: strategy BLUE_GREEN wants it said"
    connect = mapping(spec.get("serviceConnectConfiguration")).get("enabled")
    if not spec.get("loadBalancers") and not connect:
        yield f"deployment.strategy: {strategy} needs loadBalancers or serviceConnectConfiguration"
    needed = ("alternateTargetGroupArn", "productionListenerRule", "roleArn")
    for balancer in maps(spec.get("loadBalancers")):
        how = mapping(balancer.get("advancedConfiguration"))
        if missing := [n for n in needed if n not in how]:
            yield (
                f"loadBalancers.advancedConfiguration: strategy {strategy} needs "
                f"{', '.join(missing)}"
            )


_BOUNDS = {"COUNT": (1, 2000), "BOUNDED_PERCENT": (1, 100), "UNBOUNDED_PERCENT": (1, 100)}


def _breaker(deployment: Mapping[str, Any]) -> Iterator[str]:
    threshold = mapping(mapping(deployment.get("circuitBreaker")).get("thresholdConfiguration"))
    value = number(threshold.get("value"))
    low, high = _BOUNDS.get(str(threshold.get("type")), (1, 2000))
    if value is not None and not low <= value <= high:
        yield (
            f"deployment.circuitBreaker.thresholdConfiguration: {threshold['type']} is {low} to "
            f"{high}, not {value}"
        )
