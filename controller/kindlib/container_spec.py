"""What may be written about a container of an ECS task.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
Lists of named things are maps here (`environment`, `secrets`, `dependsOn`, `ulimits`, …).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from controller.kindlib.container_host import HostEntry, LinuxParameters, ResourceRequirement
from controller.kindlib.service_start import SecretArn
from controller.policies import ServerDefault, Unordered
from controller.spec import Arn, Model, text

ContainerName = Annotated[
    str,
    AfterValidator(
        text(
            r"[A-Za-z0-9_-]{1,255}",
            says="a container name has 1-255 letters, digits, _ or -",
        )
    ),
]
VariableName = Annotated[
    str, AfterValidator(text(r"[^=\x00]+", says="a variable name is not empty and holds no ="))
]
Port = Annotated[int, Field(ge=1, le=65535)]


class PortMapping(Model):
    """A port that the container listens on."""

    container_port: Port | None = None
    """Port number inside the container; with `awsvpc` also the one on the task's interface."""

    container_port_range: (
        Annotated[str, AfterValidator(text(r"[1-9]\d{0,4}-[1-9]\d{0,4}", says="as 8000-8010"))]
        | None
    ) = None
    """A range instead of one port, as `first-last`. Not for load balancers."""

    protocol: Annotated[Literal["tcp", "udp"], ServerDefault("tcp", cases=(9,))] = "tcp"
    """Transport. AWS's default is tcp."""

    host_port: Annotated[Annotated[int, Field(ge=0, le=65535)] | None,
                         ServerDefault(0, cases=(10, 11))] = None  # fmt: skip
    """Port on the host, for `bridge` only. AWS's default 0 picks one; `awsvpc` has no choice."""

    name: Annotated[str, AfterValidator(text(high=64))] | None = None
    """Name of the mapping, which Service Connect and VPC Lattice refer to."""

    app_protocol: Literal["http", "http2", "grpc"] | None = None
    """Protocol spoken on the port, for Service Connect. AWS's default is plain TCP."""


class HealthCheck(Model):
    """A command that the container agent runs inside the container."""

    command: list[str]
    """`[CMD, program, argument, …]`, or `[CMD-SHELL, "shell line"]` if the image has a shell."""

    interval: Annotated[
        Annotated[int, Field(ge=5, le=300)] | None, ServerDefault(30, cases=(7,))
    ] = None
    """Seconds between two checks, 5-300. AWS's default is 30."""

    timeout: Annotated[Annotated[int, Field(ge=2, le=60)] | None, ServerDefault(5, cases=(7,))] = (
        None
    )
    """Seconds after which a check counts as failed, 2-60. AWS's default is 5."""

    retries: Annotated[Annotated[int, Field(ge=1, le=10)] | None, ServerDefault(3, cases=(7,))] = (
        None
    )
    """Failed checks in a row until the container is unhealthy, 1-10. AWS's default is 3."""

    start_period: Annotated[Annotated[int, Field(ge=0, le=300)] | None, ServerDefault(0)] = None
    """Seconds after the start in which failures don't count, 0-300. AWS's default is 0."""


class LogConfiguration(Model):
    """Where the container's output goes."""

    log_driver: Literal[
        "awslogs", "awsfirelens", "splunk", "json-file", "syslog", "journald", "gelf", "fluentd"
    ]
    """Fargate knows awslogs, awsfirelens and splunk."""

    options: dict[str, str] = Field(default_factory=dict)
    """Options of the driver; awslogs on Fargate needs awslogs-group, -region, -stream-prefix."""

    secret_options: dict[str, SecretArn] = Field(default_factory=dict)
    """Options whose value is read from a secret: option → ARN of the secret or parameter."""


class Ulimit(Model):
    """A resource limit of the container's processes."""

    soft_limit: int
    """The limit in force; a process may raise it up to `hardLimit`."""

    hard_limit: int
    """The ceiling. On Fargate, nofile is 65535 for both unless set."""


class MountPoint(Model):
    """A volume of the task, made visible in the container."""

    source_volume: str
    """Name of the volume, a key of the task's `volumes`."""

    container_path: str
    """Where it appears in the container."""

    read_only: Annotated[bool | None, ServerDefault(False)] = None
    """True: the container can't write to it. AWS's default is false."""


class VolumesFrom(Model):
    """All volumes of another container."""

    read_only: Annotated[bool | None, ServerDefault(False)] = None
    """True: this container can't write to them. AWS's default is false."""


class RestartPolicy(Model):
    """Restart the container alone instead of replacing the task."""

    enabled: bool
    """Whether the container is restarted when it ends."""

    ignored_exit_codes: Annotated[list[int] | None, Unordered(), Field(max_length=50)] = None
    """Exit codes after which it is not restarted."""

    restart_attempt_period: Annotated[
        Annotated[int, Field(ge=60, le=1800)] | None, ServerDefault(300)
    ] = None
    """Seconds it must have run to be restarted again, 60-1800. AWS's default is 300."""


class RepositoryCredentials(Model):
    """How to log in to a private registry that is not ECR."""

    credentials_parameter: SecretArn
    """ARN of the secret with the registry's user name and password."""


class FirelensConfiguration(Model):
    """Makes this container the log router of the task."""

    type: Literal["fluentbit", "fluentd"]
    """The router in the image."""

    options: dict[str, str] | None = None
    """Options such as `config-file-type`, `enable-ecs-log-metadata`."""


class Container(Model):
    """One container of the task."""

    image: str = Field(min_length=1, max_length=4096)
    """`registry/repository@sha256:…`, or `:tag`. A digest can't be moved under a running task."""

    cpu: Annotated[Annotated[int, Field(ge=0)] | None, ServerDefault(0, cases=(6,))] = None
    """CPU units (1024 = one vCPU) reserved of the task's. AWS's default 0 shares what is left."""

    memory: Annotated[int, Field(ge=1)] | None = None
    """MiB beyond which the container is killed, at least 6. AWS's default: all the task has."""

    memory_reservation: Annotated[int, Field(ge=1)] | None = None
    """MiB reserved; the container may use more while there is some."""

    essential: Annotated[bool | None, ServerDefault(True, cases=(5,))] = None
    """True: the task stops when this container does. AWS's default is true."""

    command: list[str] | None = None
    """Arguments, instead of the image's CMD."""

    entry_point: list[str] | None = None
    """Program, instead of the image's ENTRYPOINT."""

    environment: dict[VariableName, str] = Field(default_factory=dict)
    """Environment variables, all of them: one added outside is drift. Never secrets."""

    secrets: dict[VariableName, SecretArn] = Field(default_factory=dict)
    """Environment variables read at task start: name → ARN of a secret (`:key::` picks a JSON
    member) or of a parameter. A new version reaches only new tasks: where a `Secret` of this file
    is named, the service is deployed anew once it has one."""

    environment_files: list[Arn] | None = None
    """S3 ARNs of `.env` files, in order; `environment` wins over them."""

    port_mappings: Annotated[
        list[PortMapping],
        Unordered(("containerPort", "containerPortRange", "protocol"), cases=(12,)),
    ] = Field(default_factory=list)
    """Ports that the container listens on, all of them."""

    health_check: HealthCheck | None = None
    """Command that tells whether the container works. AWS's default: the image's, not shown."""

    depends_on: dict[str, Literal["START", "COMPLETE", "SUCCESS", "HEALTHY"]] = Field(
        default_factory=dict
    )
    """Containers to wait for before this one starts: name → condition."""

    start_timeout: Annotated[int, Field(ge=0)] | None = None
    """Seconds that others wait for this one's condition, at most 120 on Fargate."""

    stop_timeout: Annotated[Annotated[int, Field(ge=0)] | None, ServerDefault(30)] = None
    """Seconds from SIGTERM to SIGKILL, at most 120 on Fargate. AWS's default is 30."""

    restart_policy: RestartPolicy | None = None
    """Restart this container without replacing the task. AWS's default is not to."""

    user: str | None = None
    """`user`, `uid` or `uid:gid`. AWS's default is the image's."""

    working_directory: str | None = None
    """Directory that the command starts in. AWS's default is the image's."""

    readonly_root_filesystem: Annotated[bool | None, ServerDefault(False)] = None
    """True: only volumes can be written to. AWS's default is false."""

    privileged: Annotated[bool | None, ServerDefault(False)] = None
    """Root on the host, for EC2 only. AWS's default is false."""

    linux_parameters: LinuxParameters | None = None
    """Kernel-level options, such as an init process."""

    resource_requirements: Annotated[
        list[ResourceRequirement] | None, Unordered(("type",), cases=(16,))
    ] = None
    """GPUs or Neuron devices, on EC2 and managed instances, all of them."""

    ulimits: dict[str, Ulimit] | None = None
    """Resource limits by name, such as `nofile`."""

    mount_points: list[MountPoint] = Field(default_factory=list)
    """Volumes of the task that this container sees, all of them, in order (case 15)."""

    volumes_from: dict[str, VolumesFrom] | None = None
    """Containers whose volumes this one also sees: name → options."""

    system_controls: dict[str, str] | None = None
    """Kernel parameters of the container: `net.core.somaxconn: "1024"`."""

    docker_labels: dict[str, str] | None = None
    """Labels of the container, as metadata for agents in it. Case counts in keys (case 18)."""

    docker_security_options: list[str] | None = None
    """SELinux, AppArmor and credential specs, for EC2 only, in order (case 15)."""

    credential_specs: Annotated[list[str] | None, Field(max_length=1)] = None
    """ARN of a credential spec for Active Directory, at most one."""

    links: Annotated[list[str] | None, Unordered(cases=(14,))] = None
    """Containers to be reached by name, `name:alias`, with `bridge` only. AWS sorts them."""

    hostname: str | None = None
    """Host name of the container, not with `awsvpc`. AWS's default is the container's id."""

    extra_hosts: list[HostEntry] | None = None
    """Lines added to /etc/hosts, not with `awsvpc`, in order (case 15)."""

    dns_servers: list[str] | None = None
    """Name servers, for EC2 only, in order (case 15). AWS's default is the host's."""

    dns_search_domains: list[str] | None = None
    """Domains that names are looked for in, for EC2 only, in order. AWS's default is none."""

    disable_networking: Annotated[bool | None, ServerDefault(False)] = None
    """True: the container has no network; for EC2 only. AWS's default is false."""

    log_configuration: LogConfiguration | None = None
    """Where the container's output goes. AWS's default on Fargate is nowhere."""

    firelens_configuration: FirelensConfiguration | None = None
    """Makes this container the log router of the task."""

    repository_credentials: RepositoryCredentials | None = None
    """Login for a private registry other than ECR."""

    interactive: Annotated[bool | None, ServerDefault(False)] = None
    """Keep standard input open. AWS's default is false."""

    pseudo_terminal: Annotated[bool | None, ServerDefault(False)] = None
    """Allocate a terminal. AWS's default is false."""

    version_consistency: Annotated[bool | None, ServerDefault(True, cases=(28,))] = None
    """Resolve the tag to a digest once per deployment, so that all its tasks run the same image.
    AWS's default is true."""
