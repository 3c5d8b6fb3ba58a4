"""Containers in AWS's words and in ours, and what ECS refuses of them."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from controller.fields import fields_of
from controller.kindlib.container_spec import Container
from controller.kindlib.shapes import (
    by_name,
    not_empty,
    objects,
    objects_by_name,
    pairs,
    project,
)
from controller.policies import Doc
from controller.spec import holds_reference

_SAME = (
    "image", "cpu", "memory", "memoryReservation", "essential", "command", "entryPoint",
    "portMappings", "healthCheck", "startTimeout", "stopTimeout", "restartPolicy", "user",
    "workingDirectory", "readonlyRootFilesystem", "privileged", "linuxParameters", "mountPoints",
    "dockerLabels", "firelensConfiguration", "repositoryCredentials", "interactive",
    "pseudoTerminal",
)  # fmt: skip
"""Members that are the same in AWS's shape."""

_PAIRS = {
    "environment": ("name", "value"),
    "secrets": ("name", "valueFrom"),
    "dependsOn": ("containerName", "condition"),
    "systemControls": ("namespace", "value"),
}
"""AWS's lists of pairs that are maps here."""

_OBJECTS = {"ulimits": "name", "volumesFrom": "sourceContainer"}
"""AWS's lists of objects that are maps here, with the member that becomes the key."""

_SPECIAL = ("environmentFiles", "logConfiguration", "versionConsistency")

CARRIED = (
    "links", "hostname", "disableNetworking", "dnsServers", "dnsSearchDomains", "extraHosts",
    "dockerSecurityOptions", "resourceRequirements", "credentialSpecs",
)  # fmt: skip
"""Members that can't be declared: a new revision takes them over as AWS shows them."""


def container_spec(raw: Mapping[str, Any], network_mode: str) -> Doc:
    """One of AWS's container definitions in our language."""
    out: Doc = {name: raw.get(name) for name in _SAME}
    for name, (key, value) in _PAIRS.items():
        out[name] = by_name(raw.get(name), key, value)
    for name, key in _OBJECTS.items():
        out[name] = objects_by_name(raw.get(name), key)
    out["portMappings"] = [_port(p, network_mode) for p in raw.get("portMappings") or () if p]
    out["environmentFiles"] = [f["value"] for f in raw.get("environmentFiles") or () if f]
    if "versionConsistency" in raw:
        out["versionConsistency"] = raw["versionConsistency"] == "enabled"
    if logs := raw.get("logConfiguration"):
        secret = by_name(logs.get("secretOptions"), "name", "valueFrom")
        out["logConfiguration"] = {**logs, "secretOptions": secret}
    spec: Doc = project(fields_of(Container), out)
    return spec


def _port(raw: Mapping[str, Any], network_mode: str) -> Doc:
    """Case 11: with its own network a task has no host ports; AWS echoes the container's."""
    port = {"protocol": "tcp", **raw}
    if network_mode in ("awsvpc", "host") and port.get("hostPort") == port.get("containerPort"):
        port.pop("hostPort", None)
    return port


def container_request(name: str, spec: Mapping[str, Any], live: Mapping[str, Any]) -> Doc:
    """The container as RegisterTaskDefinition wants it.

    live: the same container of the revision in force (or nothing), whose members that can't be
    declared are taken over.
    """
    out: Doc = {"name": name, **not_empty({m: live.get(m) for m in CARRIED})}
    out |= not_empty({m: spec.get(m) for m in _SAME})
    for member, (key, value) in _PAIRS.items():
        if spec.get(member):
            out[member] = pairs(spec[member], key, value)
    for member, key in _OBJECTS.items():
        if spec.get(member):
            out[member] = objects(spec[member], key)
    if spec.get("environmentFiles"):
        out["environmentFiles"] = [{"type": "s3", "value": v} for v in spec["environmentFiles"]]
    if "versionConsistency" in spec:
        out["versionConsistency"] = "enabled" if spec["versionConsistency"] else "disabled"
    if logs := spec.get("logConfiguration"):
        out["logConfiguration"] = {k: v for k, v in logs.items() if k != "secretOptions"}
        if logs.get("secretOptions"):
            secret = pairs(logs["secretOptions"], "name", "valueFrom")
            out["logConfiguration"]["secretOptions"] = secret
    kernel = not_empty(
        {
            k: v
            for k, v in (live.get("linuxParameters") or {}).items()
            if k not in ("initProcessEnabled", "capabilities")
        }
    )
    if kernel:
        out["linuxParameters"] = {**kernel, **out.get("linuxParameters", {})}
    return out


def check_containers(
    containers: Mapping[str, Container], *, fargate: bool, network_mode: object, volumes: object
) -> None:
    """Refuse what ECS would refuse of the containers together. Raises `ValueError`."""
    if not containers:
        raise ValueError("containers: a task needs at least one")
    if not any(c.essential is not False for c in containers.values()):
        raise ValueError("containers: at least one must be essential")
    for name, container in containers.items():
        where = f"containers.{name}"
        _check_dependencies(where, container, containers)
        _check_ports(where, container, network_mode)
        both = set(_keys(container.environment)) & set(_keys(container.secrets))
        if both:
            raise ValueError(
                f"{where}: {', '.join(sorted(both))} stands both in environment and in secrets"
            )
        for mount in _items(container.mount_points):
            if isinstance(volumes, Mapping | None) and mount.source_volume not in (volumes or {}):
                raise ValueError(
                    f"{where}.mountPoints: no volume {mount.source_volume}; the task has "
                    f"{_listed(volumes or {})}"
                )
        if fargate:
            _check_fargate(where, container)
    graph = {name: set(_keys(c.depends_on)) for name, c in containers.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        raise ValueError(
            f"containers: dependsOn goes round in a circle: {' → '.join(cycle.args[1])}"
        ) from None


def _check_dependencies(
    where: str, container: Container, containers: Mapping[str, Container]
) -> None:
    for other, condition in _mapping(container.depends_on).items():
        if other not in containers:
            raise ValueError(
                f"{where}.dependsOn: no container {other}; the task has {_listed(containers)}"
            )
        needed = containers[other]
        if condition == "HEALTHY" and needed.health_check is None:
            raise ValueError(f"{where}.dependsOn: {other} has no healthCheck to be HEALTHY by")
        if condition in ("COMPLETE", "SUCCESS") and needed.essential is not False:
            raise ValueError(
                f"{where}.dependsOn: {other} must be `essential: false` to be awaited to end"
            )
    for other in _keys(container.volumes_from):
        if other not in containers:
            raise ValueError(f"{where}.volumesFrom: no container {other}")


def _check_ports(where: str, container: Container, network_mode: object) -> None:
    seen = set()
    for port in _items(container.port_mappings):
        if (port.container_port is None) == (port.container_port_range is None):
            raise ValueError(
                f"{where}.portMappings: containerPort or containerPortRange, exactly one"
            )
        key = (port.container_port, port.container_port_range, port.protocol)
        if key in seen:
            raise ValueError(f"{where}.portMappings: {key[0] or key[1]}/{key[2]} stands twice")
        seen.add(key)
        if network_mode in ("awsvpc", "host") and port.host_port is not None:
            raise ValueError(
                f"{where}.portMappings: leave hostPort out, with networkMode {network_mode} it is "
                "always containerPort"
            )


def _check_fargate(where: str, container: Container) -> None:
    if container.privileged is True:
        raise ValueError(f"{where}.privileged: not on Fargate")
    for member, value in (
        ("startTimeout", known(container.start_timeout)),
        ("stopTimeout", known(container.stop_timeout)),
    ):
        if value is not None and value > 120:
            raise ValueError(f"{where}.{member}: at most 120 seconds on Fargate, not {value}")
    logs = known(container.log_configuration)
    if logs is not None:
        if known(logs.log_driver) not in (None, "awslogs", "awsfirelens", "splunk"):
            raise ValueError(
                f"{where}.logConfiguration.logDriver: Fargate knows awslogs, awsfirelens and "
                f"splunk, not {logs.log_driver}"
            )
        if logs.log_driver == "awslogs":
            wanted = ("awslogs-group", "awslogs-region", "awslogs-stream-prefix")
            missing = [o for o in wanted if o not in _mapping(logs.options)]
            if missing:
                raise ValueError(
                    f"{where}.logConfiguration.options: awslogs on Fargate needs "
                    f"{', '.join(missing)}"
                )
    linux = known(container.linux_parameters)
    if linux is not None and known(linux.capabilities) is not None:
        extra = set(_items(linux.capabilities.add)) - {"SYS_PTRACE"}
        if extra:
            raise ValueError(
                f"{where}.linuxParameters.capabilities.add: Fargate allows SYS_PTRACE only, not "
                f"{', '.join(sorted(extra))}"
            )


def needs_execution_role(container: Container) -> str:
    """Why the agent needs an execution role to start this container; empty if it does not."""
    if _mapping(container.secrets):
        return "secrets"
    if ".dkr.ecr." in container.image:
        return "an image in ECR"
    logs = known(container.log_configuration)
    if logs is not None and logs.log_driver == "awslogs":
        return "logs in CloudWatch"
    return ""


def known(value: Any) -> Any:
    """The value, or None while it is a reference: specs are checked once more when resolved."""
    return None if holds_reference(value) else value


def _mapping(value: Any) -> Mapping[str, Any]:
    """The map; nothing for an absent one or one that is a reference still."""
    return value if isinstance(value, Mapping) else {}


def _keys(value: Any) -> list[str]:
    return list(_mapping(value))


def _items(value: Any) -> list[Any]:
    return [v for v in value if known(v) is not None] if isinstance(value, list) else []


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(names)) or "none"
