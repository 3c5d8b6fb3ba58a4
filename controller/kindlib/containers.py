"""Containers in AWS's words and in ours, and what no task can be made of."""

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
from controller.kindlib.within import items, mapping
from controller.policies import Doc
from controller.versioned import plain

_SAME = (
    "image", "cpu", "memory", "memoryReservation", "essential", "command", "entryPoint",
    "portMappings", "healthCheck", "startTimeout", "stopTimeout", "restartPolicy", "user",
    "workingDirectory", "readonlyRootFilesystem", "privileged", "linuxParameters", "mountPoints",
    "dockerLabels", "firelensConfiguration", "repositoryCredentials", "interactive",
    "pseudoTerminal", "links", "hostname", "disableNetworking", "dnsServers", "dnsSearchDomains",
    "extraHosts", "dockerSecurityOptions", "resourceRequirements", "credentialSpecs",
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

_ZERO_IS_NONE = ("memory", "memoryReservation")


def container_spec(raw: Mapping[str, Any], network_mode: str) -> Doc:
    """One of AWS's container definitions in our language."""
    out: Doc = {name: raw.get(name) for name in _SAME}
    for name in _ZERO_IS_NONE:
        out[name] = out[name] or None
    for name, (key, value) in _PAIRS.items():
        out[name] = by_name(raw.get(name), key, value)
    for name, key in _OBJECTS.items():
        out[name] = objects_by_name(raw.get(name), key)
    out["portMappings"] = [_port(p, network_mode) for p in raw.get("portMappings") or () if p]
    for name in ("mountPoints", "extraHosts", "resourceRequirements"):
        out[name] = [item for item in raw.get(name) or () if item]  # case 4: empty elements
    out["environmentFiles"] = [f["value"] for f in raw.get("environmentFiles") or () if f]
    if "versionConsistency" in raw:
        out["versionConsistency"] = raw["versionConsistency"] == "enabled"
    if logs := raw.get("logConfiguration"):
        out["logConfiguration"] = logs_spec(logs)
    spec: Doc = project(fields_of(Container), out)
    return spec


def logs_spec(raw: Mapping[str, Any]) -> Doc:
    """A log configuration in our language."""
    return {**raw, "secretOptions": by_name(raw.get("secretOptions"), "name", "valueFrom")}


def logs_request(spec: Mapping[str, Any]) -> Doc:
    """Our log configuration in AWS's words."""
    out = {k: v for k, v in spec.items() if k != "secretOptions"}
    if spec.get("secretOptions"):
        out["secretOptions"] = _secrets(spec["secretOptions"])
    return out


def _secrets(named: Mapping[str, str]) -> list[Doc]:
    return pairs({k: plain(v) for k, v in named.items()}, "name", "valueFrom")


def _port(raw: Mapping[str, Any], network_mode: str) -> Doc:
    """Case 11: with its own network a task has no host ports; AWS echoes the container's."""
    port = {"protocol": "tcp", **raw}
    if network_mode in ("awsvpc", "host") and port.get("hostPort") == port.get("containerPort"):
        port.pop("hostPort", None)
    if port.get("containerPortRange") and not port.get("containerPort"):
        port.pop("containerPort", None)  # 0 where a range stands instead
    return port


def container_request(name: str, spec: Mapping[str, Any]) -> Doc:
    """The container as RegisterTaskDefinition wants it."""
    out: Doc = {"name": name, **not_empty({m: spec.get(m) for m in _SAME})}
    for member, (key, value) in _PAIRS.items():
        if spec.get(member):
            out[member] = pairs(spec[member], key, value)
    if spec.get("secrets"):
        out["secrets"] = _secrets(spec["secrets"])
    if login := spec.get("repositoryCredentials"):
        out["repositoryCredentials"] = {k: plain(v) for k, v in login.items()}
    for member, key in _OBJECTS.items():
        if spec.get(member):
            out[member] = objects(spec[member], key)
    if spec.get("environmentFiles"):
        out["environmentFiles"] = [{"type": "s3", "value": v} for v in spec["environmentFiles"]]
    if "versionConsistency" in spec:
        out["versionConsistency"] = "enabled" if spec["versionConsistency"] else "disabled"
    if logs := spec.get("logConfiguration"):
        out["logConfiguration"] = logs_request(logs)
    return out


def check_containers(
    containers: Mapping[str, Container], *, fargate: bool, network_mode: object, volumes: object
) -> None:
    """Refuse what contradicts itself, whoever made it. Raises `ValueError`."""
    if not any(c.essential is not False for c in containers.values()):
        raise ValueError("containers: at least one must be essential")
    for name, container in containers.items():
        where = f"containers.{name}"
        _check_names(where, container, containers)
        _check_ports(where, container, network_mode)
        both = set(_keys(container.environment)) & set(_keys(container.secrets))
        if both:
            raise ValueError(
                f"{where}: {', '.join(sorted(both))} stands both in environment and in secrets"
            )
        for mount in items(container.mount_points):
            if isinstance(volumes, Mapping | None) and mount.source_volume not in (volumes or {}):
                raise ValueError(
                    f"{where}.mountPoints: no volume {mount.source_volume}; the task has "
                    f"{_listed(volumes or {})}"
                )
        if fargate and container.privileged is True:
            raise ValueError(f"{where}.privileged: not on Fargate")
    graph = {name: set(_keys(c.depends_on)) for name, c in containers.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        raise ValueError(
            f"containers: dependsOn goes round in a circle: {' → '.join(cycle.args[1])}"
        ) from None


def _check_names(where: str, container: Container, containers: Mapping[str, Container]) -> None:
    for other in _keys(container.depends_on):
        if other not in containers:
            raise ValueError(
                f"{where}.dependsOn: no container {other}; the task has {_listed(containers)}"
            )
    for other in _keys(container.volumes_from):
        if other not in containers:
            raise ValueError(f"{where}.volumesFrom: no container {other}")
    for link in items(container.links):
        other = link.partition(":")[0]
        if other not in containers:
            raise ValueError(f"{where}.links: no container {other}")


def _check_ports(where: str, container: Container, network_mode: object) -> None:
    seen = set()
    for port in items(container.port_mappings):
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


def _keys(value: Any) -> list[str]:
    return list(mapping(value))


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(names)) or "none"
