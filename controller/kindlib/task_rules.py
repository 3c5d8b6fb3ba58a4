"""What ECS refuses of a task definition, known before the call.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
`containers.check_containers`: what contradicts itself, whoever made it. Here: what can't be
registered today, which older revisions may hold all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.kindlib.values import number
from controller.kindlib.within import items, known, mapping, maps

GIB = 1024
FARGATE_SIZES: dict[int, range | tuple[int, ...]] = {
    256: (512, GIB, 2 * GIB),
    512: range(GIB, 4 * GIB + 1, GIB),
    1024: range(2 * GIB, 8 * GIB + 1, GIB),
    2048: range(4 * GIB, 16 * GIB + 1, GIB),
    4096: range(8 * GIB, 30 * GIB + 1, GIB),
    8192: range(16 * GIB, 60 * GIB + 1, 4 * GIB),
    16384: range(32 * GIB, 120 * GIB + 1, 8 * GIB),
}
"""CPU units → MiB that Fargate has machines for.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"""

Spec = Mapping[str, Any]
_NOT_ON_FARGATE = (
    "dockerSecurityOptions", "dnsServers", "dnsSearchDomains", "disableNetworking",
    "resourceRequirements",
)  # fmt: skip
_KERNEL_NOT_ON_FARGATE = ("devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness")
_VOLUMES_NOT_ON_FARGATE = ("dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration")
_KINDS_OF_VOLUME = (
    "host", "dockerVolumeConfiguration", "efsVolumeConfiguration", "s3filesVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration", "configuredAtLaunch",
)  # fmt: skip
_FARGATE_LOGS = ("awslogs", "awsfirelens", "splunk")
_AWSLOGS = ("awslogs-group", "awslogs-region", "awslogs-stream-prefix")
_LEAST_MEMORY = 6


def task_problems(spec: Spec) -> Iterator[str]:
    """What ECS refuses of the task's part of a service. Texts that wait for references pass."""
    containers = spec.get("containers")
    if known(containers) is None:
        return
    if not containers:
        yield "containers: a task needs at least one"
        return
    fargate = "FARGATE" in items(spec.get("requiresCompatibilities"))
    if fargate:
        yield from _size(spec)
    yield from _platform(spec, fargate)
    each = {n: c for n, c in mapping(containers).items() if isinstance(c, Mapping)}
    for name, container in each.items():
        where = f"containers.{name}"
        yield from _container(where, container, spec)
        yield from _dependencies(where, container, each)
        yield from _ports(where, container, spec.get("networkMode"))
        if fargate:
            yield from _on_fargate(where, container)
    yield from _sums(spec, each)
    yield from _volumes(spec, fargate)


def _size(spec: Spec) -> Iterator[str]:
    if spec.get("cpu") is None or spec.get("memory") is None:
        yield "cpu and memory: Fargate needs both"
        return
    cpu, memory = number(spec["cpu"]), number(spec["memory"])
    if cpu is not None and cpu not in FARGATE_SIZES:
        allowed = ", ".join(str(c) for c in FARGATE_SIZES)
        yield f"cpu: Fargate has {allowed}, not {cpu}"
    elif cpu is not None and memory is not None and memory not in FARGATE_SIZES[cpu]:
        yield f"memory: with cpu {cpu} Fargate has {_said(FARGATE_SIZES[cpu])} MiB, not {memory}"


def _said(sizes: range | tuple[int, ...]) -> str:
    if isinstance(sizes, range):
        return f"{sizes[0]} to {sizes[-1]} in steps of {sizes.step}"
    return ", ".join(str(s) for s in sizes)


def _platform(spec: Spec, fargate: bool) -> Iterator[str]:
    storage = number(mapping(spec.get("ephemeralStorage")).get("sizeInGiB"))
    if storage is not None and storage < 21:
        yield f"ephemeralStorage.sizeInGiB: 21 to 200, not {storage}; 20 is what there is without"
    constraints = items(spec.get("taskPlacementConstraints"))
    if fargate and constraints:
        yield "taskPlacementConstraints: not on Fargate"
    if len(constraints) > 10:
        yield f"taskPlacementConstraints: at most 10, not {len(constraints)}"
    proxy = known(mapping(spec.get("proxyConfiguration")).get("containerName"))
    if proxy is not None and proxy not in spec["containers"]:
        yield f"proxyConfiguration.containerName: no container {proxy}"
    for member in ("executionRoleArn", "taskRoleArn"):
        role = known(spec.get(member))
        if str(role).startswith("arn:") and not re.match(
            r"arn:[\w-]+:iam::\d{12}:role/.", str(role)
        ):
            yield f"{member}: {role} is no role"
    trusted = mapping(spec.get("trustedExecutionConfiguration"))
    if trusted and "MANAGED_INSTANCES" not in items(spec.get("requiresCompatibilities")):
        yield "trustedExecutionConfiguration: on managed instances only"
    confidential = trusted.get("isolationMode") == "CONFIDENTIAL_SANDBOX"
    if confidential and not trusted.get("attestationPolicy"):
        yield "trustedExecutionConfiguration: CONFIDENTIAL_SANDBOX needs attestationPolicy"


def _container(where: str, container: Spec, spec: Spec) -> Iterator[str]:
    check = mapping(container.get("healthCheck"))
    command = check.get("command")
    if isinstance(command, list):
        first = known(command[0]) if command else ""
        if first is not None and (first not in ("CMD", "CMD-SHELL") or len(command) < 2):
            yield f"{where}.healthCheck.command: must be [CMD, program, …] or [CMD-SHELL, line]"
    mode = known(spec.get("networkMode"))
    if container.get("links") and mode not in (None, "bridge"):
        yield f"{where}.links: with networkMode bridge only, not {mode}"
    if mode == "awsvpc":
        for member in ("hostname", "extraHosts"):
            if container.get(member):
                yield f"{where}.{member}: not with networkMode awsvpc"
    for member, most in (("environmentFiles", 10), ("credentialSpecs", 1)):
        if len(items(container.get(member))) > most:
            yield f"{where}.{member}: at most {most}, not {len(container[member])}"
    for file in items(container.get("environmentFiles")):
        if not str(file).endswith(".env"):
            yield f"{where}.environmentFiles: {file} must end in .env"
    codes = items(mapping(container.get("restartPolicy")).get("ignoredExitCodes"))
    if len(codes) > 50:
        yield f"{where}.restartPolicy.ignoredExitCodes: at most 50, not {len(codes)}"
    linux = mapping(container.get("linuxParameters"))
    if linux.get("swappiness") is not None and linux.get("maxSwap") is None:
        yield f"{where}.linuxParameters.swappiness: means nothing without maxSwap"
    memory, reserved = number(container.get("memory")), number(container.get("memoryReservation"))
    if memory is not None and memory < _LEAST_MEMORY:
        yield f"{where}.memory: at least {_LEAST_MEMORY} MiB, not {memory}"
    if memory is not None and reserved is not None and reserved > memory:
        yield f"{where}.memoryReservation: {reserved} is more than memory {memory}"
    why = _needs_execution_role(container, spec)
    if why and spec.get("executionRoleArn") is None:
        yield f"executionRoleArn: {where} needs it for {why}"


def _dependencies(where: str, container: Spec, containers: Spec) -> Iterator[str]:
    for other, condition in mapping(container.get("dependsOn")).items():
        needed = mapping(containers.get(other))
        if not needed:
            continue
        if condition == "HEALTHY" and not needed.get("healthCheck"):
            yield f"{where}.dependsOn: {other} has no healthCheck to be HEALTHY by"
        if condition in ("COMPLETE", "SUCCESS") and needed.get("essential") is not False:
            yield f"{where}.dependsOn: {other} must be `essential: false` to be awaited to end"


def _ports(where: str, container: Spec, mode: object) -> Iterator[str]:
    ports = maps(container.get("portMappings"))
    if ports and mode == "none":
        yield f"{where}.portMappings: none with networkMode none"
    numbers = [n for p in ports if (n := number(p.get("containerPort"))) is not None]
    for port in sorted({n for n in numbers if numbers.count(n) > 1}):
        yield f"{where}.portMappings: {port} can't be exposed for several protocols"
    names = [str(p["name"]) for p in ports if known(p.get("name")) is not None]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"{where}.portMappings: the name {name} stands twice"
    if len(ports) > 100:
        yield f"{where}.portMappings: at most 100, not {len(ports)}"


def _on_fargate(where: str, container: Spec) -> Iterator[str]:
    for member in ("startTimeout", "stopTimeout"):
        value = number(container.get(member))
        if value is not None and value > 120:
            yield f"{where}.{member}: at most 120 seconds on Fargate, not {value}"
    for member in _NOT_ON_FARGATE:
        if container.get(member):
            yield f"{where}.{member}: not on Fargate"
    logs = mapping(container.get("logConfiguration"))
    driver, options = known(logs.get("logDriver")), logs.get("options")
    if driver not in (None, *_FARGATE_LOGS):
        yield (
            f"{where}.logConfiguration.logDriver: Fargate knows awslogs, awsfirelens and splunk, "
            f"not {driver}"
        )
    if driver == "awslogs" and isinstance(options, Mapping | None):
        missing = [o for o in _AWSLOGS if o not in (options or {})]
        if missing:
            yield f"{where}.logConfiguration.options: awslogs on Fargate needs {', '.join(missing)}"
    linux = mapping(container.get("linuxParameters"))
    for member in _KERNEL_NOT_ON_FARGATE:
        if linux.get(member):
            yield f"{where}.linuxParameters.{member}: not on Fargate"
    extra = set(items(mapping(linux.get("capabilities")).get("add"))) - {"SYS_PTRACE"}
    if extra:
        yield (
            f"{where}.linuxParameters.capabilities.add: Fargate allows SYS_PTRACE only, not "
            f"{', '.join(sorted(extra))}"
        )


def _needs_execution_role(container: Spec, spec: Spec) -> str:
    """Why the agent needs an execution role to start this container; empty if it does not."""
    if container.get("secrets"):
        return "secrets"
    if "FARGATE" not in items(spec.get("requiresCompatibilities")):
        return ""
    if ".dkr.ecr." in str(container.get("image")):
        return "an image in ECR"
    if container.get("repositoryCredentials"):
        return "a private registry"
    logs = mapping(container.get("logConfiguration"))
    return "logs in CloudWatch" if logs.get("logDriver") == "awslogs" else ""


def _sums(spec: Spec, containers: Spec) -> Iterator[str]:
    total, most = number(spec.get("cpu")), number(spec.get("memory"))
    for name, container in containers.items():
        memory, reserved = container.get("memory"), container.get("memoryReservation")
        if (spec.get("memory"), memory, reserved) == (None, None, None):
            yield (
                f"containers.{name}: memory or memoryReservation is needed, or the task's memory"
            )
        size = number(memory)
        if most is not None and size is not None and size > most:
            yield f"containers.{name}.memory: {size} is more than the task's {most}"
    used = sum(number(c.get("cpu")) or 0 for c in containers.values())
    if total is not None and used > total:
        yield f"containers: their cpu adds up to {used}, the task has {total}"


def _volumes(spec: Spec, fargate: bool) -> Iterator[str]:
    for name, volume in mapping(spec.get("volumes")).items():
        if not isinstance(volume, Mapping):
            continue
        where = f"volumes.{name}"
        kinds = [k for k in _KINDS_OF_VOLUME if volume.get(k)]
        if len(kinds) > 1:
            yield f"{where}: one of {', '.join(kinds)}, not several"
        if fargate:
            for member in _VOLUMES_NOT_ON_FARGATE:
                if volume.get(member):
                    yield f"{where}.{member}: not on Fargate"
            if mapping(volume.get("host")).get("sourcePath"):
                yield f"{where}.host.sourcePath: not on Fargate"
        docker = mapping(volume.get("dockerVolumeConfiguration"))
        if docker.get("autoprovision") is True and docker.get("scope") in (None, "task"):
            yield f"{where}.dockerVolumeConfiguration.autoprovision: goes with scope shared"
        efs = mapping(volume.get("efsVolumeConfiguration"))
        point = mapping(efs.get("authorizationConfig")).get("accessPointId")
        if point and known(efs.get("rootDirectory")) not in (None, "/"):
            yield f"{where}.efsVolumeConfiguration.rootDirectory: the access point fixes it"
