"""What ECS refuses in a task definition, and what it writes into it (cases 1 to 30)."""

from __future__ import annotations

import copy
import re
from typing import Any

from sandbox.behaviours.ecs_common import client
from sandbox.nested import honour
from sandbox.registry import Context

Container = dict[str, Any]

CONTAINER = (
    "name image repositoryCredentials cpu memory memoryReservation links portMappings essential "
    "restartPolicy entryPoint command environment environmentFiles mountPoints volumesFrom "
    "linuxParameters secrets dependsOn startTimeout stopTimeout versionConsistency user "
    "workingDirectory privileged readonlyRootFilesystem dnsServers dnsSearchDomains extraHosts "
    "dockerSecurityOptions interactive pseudoTerminal dockerLabels ulimits logConfiguration "
    "healthCheck systemControls firelensConfiguration hostname disableNetworking "
    "resourceRequirements credentialSpecs"
)
ALWAYS_EMPTY = ("environment", "mountPoints", "volumesFrom", "portMappings", "systemControls")
"""Lists that ECS echoes as [] when they were not given (recorded, all but systemControls)."""

GIB = 1024
FARGATE_SIZES: dict[int, set[int]] = {
    256: {512, GIB, 2 * GIB},
    512: set(range(GIB, 4 * GIB + 1, GIB)),
    1024: set(range(2 * GIB, 8 * GIB + 1, GIB)),
    2048: set(range(4 * GIB, 16 * GIB + 1, GIB)),
    4096: set(range(8 * GIB, 30 * GIB + 1, GIB)),
    8192: set(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16384: set(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
}
HEALTH_DEFAULTS = {"interval": 30, "timeout": 5, "retries": 3}
OTHER_SYSTEMS = re.compile(r"WINDOWS_SERVER_\w+")
KERNEL_EC2_ONLY = ("devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness")
EC2_ONLY = (
    "dockerSecurityOptions", "dnsServers", "dnsSearchDomains", "extraHosts", "links",
    "disableNetworking", "resourceRequirements",
)  # fmt: skip
VOLUME_KINDS = (
    "host", "dockerVolumeConfiguration", "efsVolumeConfiguration", "s3filesVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration", "configuredAtLaunch",
)  # fmt: skip
HEALTH_LIMITS = {
    "interval": (5, 300),
    "timeout": (2, 60),
    "retries": (1, 10),
    "startPeriod": (0, 300),
}


def size(kind: str, raw: str | None) -> str | None:
    """Task-level cpu or memory as ECS stores it: an integer, as a string (case 30)."""
    if raw is None:
        return None
    unit = "vcpu" if kind == "cpu" else "gb"
    found = re.fullmatch(rf"(\d+(?:\.\d+)?|\.\d+)\s*({unit})?", raw.strip().lower())
    if not found or (found[2] is None and not found[1].isdigit()):
        raise client(f"Invalid '{kind}' setting for task.")
    return str(int(float(found[1]) * 1024)) if found[2] else str(int(found[1]))


def check_fargate_size(cpu: str | None, memory: str | None) -> None:
    """Refuse what Fargate has no machine for."""
    if cpu is None:
        raise client("Fargate requires that 'cpu' be defined at the task level.")
    if memory is None:
        raise client("Fargate requires that 'memory' be defined at the task level.")
    if int(memory) not in FARGATE_SIZES.get(int(cpu), ()):
        raise client(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See "
            "the Amazon ECS documentation for the valid values."
        )


def fits_fargate(mode: str, cpu: str | None, memory: str | None) -> bool:
    """Whether `compatibilities` lists FARGATE."""
    return mode == "awsvpc" and int(memory or 0) in FARGATE_SIZES.get(int(cpu or 0), ())


def containers(
    ctx: Context, raw: list[Container], task: dict[str, Any], fargate: bool
) -> list[Container]:
    """The containers as ECS stores them. `task`: the task definition so far."""
    if not raw:
        raise client("Container list cannot be empty.")
    done = [_container(ctx, c, task, fargate) for c in raw]
    names = [c["name"] for c in done]
    if len(set(names)) != len(names):
        raise client("Container.name must be unique within a task definition.")
    if not any(c["essential"] for c in done):
        raise client("At least one container must be marked as essential.")
    if task.get("cpu") and sum(c["cpu"] for c in done) > int(task["cpu"]):
        raise client("The total cpu of the containers exceeds the task-level cpu.")
    _no_circle(done)
    for container in done:
        for name in _others(container):
            if name not in names:
                raise client(f"Unknown container '{name}' referenced by '{container['name']}'.")
        for needed in container.get("dependsOn", []):
            other = next((c for c in done if c["name"] == needed["containerName"]), None)
            if other is None:
                raise client(f"Unknown container '{needed['containerName']}' in dependsOn.")
            if needed["condition"] == "HEALTHY" and "healthCheck" not in other:
                raise client(
                    f"Container '{other['name']}' must have a health check for dependsOn HEALTHY."
                )
            if needed["condition"] in ("COMPLETE", "SUCCESS") and other["essential"]:
                raise client(f"Essential container '{other['name']}' cannot be awaited to end.")
    return done


def _others(container: Container) -> list[str]:
    """Names of containers that one links to, or mounts volumes from."""
    links = [link.partition(":")[0] for link in container.get("links") or []]
    return links + [v["sourceContainer"] for v in container["volumesFrom"]]


def _no_circle(done: list[Container]) -> None:
    needs = {c["name"]: {d["containerName"] for d in c.get("dependsOn", [])} for c in done}
    while needs:
        free = [n for n, on in needs.items() if not on & set(needs)]
        if not free:
            raise client("There is a circular dependency between containers.")
        for name in free:
            del needs[name]


def _container(ctx: Context, raw: Container, task: dict[str, Any], fargate: bool) -> Container:
    honour("ecs container definition", raw, CONTAINER)
    out = copy.deepcopy(raw)
    for member in ("name", "image"):
        if not out.get(member):
            raise client(f"Container.{member} should not be null or empty.")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", out["name"]):
        raise client("Container.name contains invalid characters.")
    if not task.get("memory") and not {"memory", "memoryReservation"} & set(out):
        raise client(
            f"Invalid setting for container '{out['name']}'. At least one of 'memory' or "
            "'memoryReservation' must be specified."
        )
    if task.get("memory") and out.get("memory", 0) > int(task["memory"]):
        raise client(f"Container '{out['name']}' has more memory than the task.")
    if "memory" in out and out.get("memoryReservation", 0) > out["memory"]:
        raise client(
            f"Invalid setting for container '{out['name']}'. 'memoryReservation' must be less "
            "than 'memory'."
        )
    out.setdefault("cpu", 0)
    out.setdefault("essential", True)
    for member in ALWAYS_EMPTY:
        out.setdefault(member, [])
    out["environment"] = [e for e in out["environment"] if e and e.get("name")]  # case 4
    out["portMappings"] = _ports(out["portMappings"], task["networkMode"])
    if "links" in out:
        if task["networkMode"] != "bridge" and out["links"]:
            raise client(f"Links are not supported when networkMode={task['networkMode']}.")
        out["links"] = sorted(out["links"])  # case 14
    out["volumesFrom"] = sorted(out["volumesFrom"], key=lambda v: str(v["sourceContainer"]))
    _host_names(out, task["networkMode"])
    _secrets(out, task, fargate)
    _logs(ctx, out, task, fargate)
    if "healthCheck" in out:
        _health(out["healthCheck"])
    volumes = {v["name"] for v in task["volumes"]}
    for mount in out["mountPoints"]:
        if mount.get("sourceVolume") not in volumes:
            raise client(f"Unknown volume '{mount.get('sourceVolume')}'.")
    if fargate:
        _fargate_only(out)
    return out


def _host_names(out: Container, mode: str) -> None:
    if mode == "awsvpc" and out.get("hostname"):
        raise client("hostname is not supported when networkMode=awsvpc.")
    if mode == "awsvpc" and out.get("extraHosts"):
        raise client("Extra hosts are not supported when networkMode=awsvpc.")
    if len(out.get("environmentFiles") or []) > 10:
        raise client("A maximum of 10 environment files can be specified for a container.")
    for file in out.get("environmentFiles") or []:
        if not file["value"].endswith(".env"):
            raise client("Environment files must have a .env file extension.")
    if len(out.get("credentialSpecs") or []) > 1:
        raise client("A maximum of 1 credential spec can be specified for a container.")
    codes = (out.get("restartPolicy") or {}).get("ignoredExitCodes") or []
    if len(codes) > 50:
        raise client("A maximum of 50 ignored exit codes can be specified.")
    period = (out.get("restartPolicy") or {}).get("restartAttemptPeriod", 300)
    if not 60 <= period <= 1800:
        raise client("restartAttemptPeriod must be between 60 and 1800 seconds.")


def _ports(raw: list[dict[str, Any]], mode: str) -> list[dict[str, Any]]:
    out = []
    if raw and mode == "none":
        raise client("Port mappings are not supported when networkMode=none.")
    for port in raw:
        honour(
            "ecs port mapping", port,
            "containerPort hostPort protocol name appProtocol containerPortRange",
        )  # fmt: skip
        done = {**port}
        if done.get("protocol") not in ("tcp", "udp"):
            done["protocol"] = "tcp"  # documented: "treats any other specified value as tcp"
        if "containerPortRange" in done:
            if "containerPort" in done or "hostPort" in done:
                raise client("containerPort and containerPortRange exclude each other.")
            out.append(done)
            continue
        if "containerPort" not in done:
            raise client("Port mapping needs a containerPort.")
        if mode in ("awsvpc", "host"):
            if done.get("hostPort", done["containerPort"]) != done["containerPort"]:
                raise client(
                    f"When networkMode={mode}, the host ports and container ports in port "
                    "mappings must match."
                )
            done["hostPort"] = done["containerPort"]
        else:
            done.setdefault("hostPort", 0)
        if not 0 < done["containerPort"] < 65536:
            raise client("Invalid container port specified.")
        out.append(done)
    keys = [p["containerPort"] for p in out if "containerPort" in p]
    if len(set(keys)) != len(keys):  # documented: nor for several protocols
        raise client("The same container port can't be exposed more than once.")
    names = [p["name"] for p in out if p.get("name")]
    if len(set(names)) != len(names):
        raise client("Port mapping names must be unique within a task definition.")
    if len(out) > 100:
        raise client("A maximum of 100 port mappings can be specified for a container.")
    return sorted(
        out, key=lambda p: (p.get("containerPort", 0), p.get("containerPortRange", ""))
    )  # case 12


def _secrets(out: Container, task: dict[str, Any], fargate: bool) -> None:
    secrets = out.get("secrets") or []
    if secrets and not task.get("executionRoleArn"):
        raise client(
            "When you are specifying container secrets, you must also specify a value for "
            "'executionRoleArn'."
        )
    names = [s["name"] for s in secrets] + [e["name"] for e in out["environment"]]
    for secret in secrets:
        if names.count(secret["name"]) > 1:
            raise client(
                "The secret name must be unique and not shared with any new or existing "
                f"environment variables set on the container, such as '{secret['name']}'."
            )
    if out.get("repositoryCredentials") and fargate and not task.get("executionRoleArn"):
        raise client(
            "Fargate requires task definition to have execution role ARN to support private "
            "registry authentication."
        )
    if fargate and ".dkr.ecr." in out["image"] and not task.get("executionRoleArn"):
        raise client(
            "Fargate requires task definition to have execution role ARN to support ECR images."
        )


def _logs(ctx: Context, out: Container, task: dict[str, Any], fargate: bool) -> None:
    logs = out.get("logConfiguration")
    if logs is None:
        return
    honour("logConfiguration", logs, "logDriver options secretOptions")
    driver, options = logs["logDriver"], logs.get("options") or {}
    if fargate and driver not in ("awslogs", "splunk", "awsfirelens"):
        raise client(f"Log driver {driver} is not supported by Fargate.")
    if fargate and driver == "awslogs" and not task.get("executionRoleArn"):
        raise client(
            "Fargate requires task definition to have execution role ARN to support log driver "
            "awslogs."
        )
    if driver == "awslogs":
        wanted = ["awslogs-group", "awslogs-region"]
        if fargate:
            wanted.append("awslogs-stream-prefix")
        missing = [o for o in wanted if not options.get(o)]
        if missing:
            raise client(f"Log driver awslogs requires options: {', '.join(missing)}")


def _health(check: dict[str, Any]) -> None:
    if not check["command"]:
        raise client("Health check command must not be empty.")
    if check["command"][0] not in ("CMD", "CMD-SHELL"):
        raise client("Health check command must start with CMD or CMD-SHELL.")
    for member, value in HEALTH_DEFAULTS.items():
        check.setdefault(member, value)  # case 7
    for member, (low, high) in HEALTH_LIMITS.items():
        if member in check and not low <= check[member] <= high:
            raise client(f"Health check {member} must be between {low} and {high}.")


def _fargate_only(out: Container) -> None:
    if out.get("privileged"):
        raise client("Tasks using the Fargate launch type do not support privileged containers.")
    for member in ("startTimeout", "stopTimeout"):
        if out.get(member, 0) > 120:
            raise client(f"Container.{member} must be at most 120 seconds on Fargate.")
    linux = out.get("linuxParameters") or {}
    for member in KERNEL_EC2_ONLY:
        if linux.get(member):
            raise client(f"Fargate does not support linuxParameters.{member}.")
    added = (linux.get("capabilities") or {}).get("add") or []
    if set(added) - {"SYS_PTRACE"}:
        raise client(f"The following added capabilities are not supported on Fargate: {added}")
    for member in EC2_ONLY:
        if out.get(member):
            raise client(f"Fargate does not support {member}.")


def volumes(ctx: Context, raw: list[dict[str, Any]], fargate: bool) -> list[dict[str, Any]]:
    """The volumes as ECS stores them (cases 22 and 23)."""
    out = []
    for volume in raw:
        honour("ecs volume", volume, "name " + " ".join(VOLUME_KINDS))
        done = copy.deepcopy(volume)
        if not done.get("name"):
            raise client("Volume name should not be null or empty.")
        kinds = [k for k in VOLUME_KINDS if done.get(k)]
        if len(kinds) > 1:
            raise client("Volume can only have one of " + ", ".join(kinds))
        for member in ("dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration"):
            if fargate and member in done:
                raise client(f"Fargate does not support {member}.")
        if docker := done.get("dockerVolumeConfiguration"):
            docker.setdefault("scope", "task")
            if docker.get("autoprovision") and docker["scope"] != "shared":
                raise client("autoprovision is only supported for volumes with scope shared.")
        elif efs := done.get("efsVolumeConfiguration"):
            _efs(ctx, efs)
        elif not kinds:
            done.setdefault("host", {})
        if fargate and (done.get("host") or {}).get("sourcePath"):
            raise client("host.sourcePath should not be set for volumes in Fargate.")
        out.append(done)
    if len({v["name"] for v in out}) != len(out):
        raise client("Volume names must be unique within a task definition.")
    if sum(1 for v in out if v.get("configuredAtLaunch")) > 1:
        raise client("Only one volume can be configured at launch.")
    return out


def _efs(ctx: Context, efs: dict[str, Any]) -> None:
    access = efs.get("authorizationConfig") or {}
    if access.get("iam") == "ENABLED" and efs.get("transitEncryption") != "ENABLED":
        raise client("Transit encryption must be enabled if IAM authorization is used.")
    if access.get("accessPointId") and efs.get("rootDirectory", "/") != "/":
        raise client("rootDirectory must be omitted or / when an access point is specified.")
    efs.setdefault("rootDirectory", "/")
    if ctx.world.rng.random() < 0.5:  # assumed: the documented default may be shown
        efs.setdefault("transitEncryption", "DISABLED")


def check_task(params: dict[str, Any], fargate: bool) -> None:
    """Task-level members that Fargate refuses, or nobody has any more."""
    platform = params.get("runtimePlatform") or {}
    honour("runtimePlatform", platform, "cpuArchitecture operatingSystemFamily")
    family = platform.get("operatingSystemFamily", "LINUX")
    if family != "LINUX" and not OTHER_SYSTEMS.fullmatch(family):
        raise client(f"Unknown operatingSystemFamily: {family}")
    known = {"FARGATE", "EC2", "EXTERNAL", "MANAGED_INSTANCES"}
    if set(params.get("requiresCompatibilities") or []) - known:
        raise client("Invalid requiresCompatibilities.")
    if params.get("inferenceAccelerators"):
        raise client("Amazon Elastic Inference is no longer available.")
    if len(params.get("placementConstraints") or []) > 10:
        raise client("A maximum of 10 placement constraints can be specified.")
    storage = (params.get("ephemeralStorage") or {}).get("sizeInGiB")
    if storage is not None and not 21 <= storage <= 200:
        raise client("Ephemeral storage size must be between 21 and 200 GiB.")
    trusted = params.get("trustedExecutionConfiguration") or {}
    if trusted and "MANAGED_INSTANCES" not in (params.get("requiresCompatibilities") or []):
        raise client("Trusted execution is supported on managed instances only.")
    if trusted.get("isolationMode") == "CONFIDENTIAL_SANDBOX" and not trusted.get(
        "attestationPolicy"
    ):
        raise client("attestationPolicy is required for CONFIDENTIAL_SANDBOX.")
    names = [c.get("name") for c in params["containerDefinitions"]]
    proxy = params.get("proxyConfiguration")
    if proxy and proxy["containerName"] not in names:
        raise client("The proxy container does not exist in the task definition.")
    if fargate:
        if params.get("placementConstraints"):
            raise client("Fargate does not support placementConstraints.")
        if params.get("pidMode", "task") != "task":
            raise client("Fargate only supports pidMode 'task'.")
        if params.get("ipcMode"):
            raise client("Fargate does not support ipcMode.")
