"""What may be written about an ECS task: its size, roles, volumes and containers.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from controller.kindlib.container_spec import Container, ContainerName
from controller.kindlib.containers import check_containers, known, needs_execution_role
from controller.policies import ServerDefault, Unordered
from controller.spec import Arn, Model, Taggable

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

Compatibility = Literal["FARGATE", "EC2", "EXTERNAL", "MANAGED_INSTANCES"]
FARGATE_ONLY: list[Compatibility] = ["FARGATE"]


class RuntimePlatform(Model):
    """What the task runs on."""

    cpu_architecture: Annotated[Literal["X86_64", "ARM64"] | None, ServerDefault("X86_64")] = None
    """Processor; the image must be built for it. AWS's default is X86_64."""

    operating_system_family: Annotated[
        Literal[
            "LINUX", "WINDOWS_SERVER_2016_FULL", "WINDOWS_SERVER_2004_CORE",
            "WINDOWS_SERVER_20H2_CORE", "WINDOWS_SERVER_2019_CORE", "WINDOWS_SERVER_2019_FULL",
            "WINDOWS_SERVER_2022_CORE", "WINDOWS_SERVER_2022_FULL", "WINDOWS_SERVER_2025_CORE",
            "WINDOWS_SERVER_2025_FULL",
        ]
        | None,
        ServerDefault("LINUX"),
    ] = None  # fmt: skip
    """Operating system. AWS's default is LINUX."""


class EphemeralStorage(Model):
    """The task's scratch disk."""

    size_in_gib: Annotated[int, Field(ge=21, le=200)] = Field(alias="sizeInGiB")
    """GiB, 21-200. Fargate's default is 20."""


class HostVolume(Model):
    """A directory of the host."""

    source_path: str | None = None
    """Path on the host, for EC2 only. AWS's default is an empty directory."""


class EfsAuthorization(Model):
    """How a file system is mounted."""

    access_point_id: str | None = None
    """Access point, which fixes the root directory and the user."""

    iam: Annotated[bool | None, ServerDefault(False)] = None
    """Mount with the task role's rights; needs `transitEncryption`. AWS's default is false."""


class EfsVolume(Model):
    """A directory of an EFS file system."""

    file_system_id: str
    """Id of the file system, `fs-…`."""

    root_directory: Annotated[str | None, ServerDefault("/")] = None
    """Directory of the file system. AWS's default is `/`."""

    transit_encryption: bool = True
    """Encrypt what goes over the network. AWS's own default is not to."""

    transit_encryption_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Local port of the encrypting proxy. AWS's default is to pick one."""

    authorization_config: EfsAuthorization | None = None
    """Access point and IAM rights."""

    @model_validator(mode="after")
    def _iam_needs_encryption(self) -> EfsVolume:
        iam = self.authorization_config is not None and self.authorization_config.iam is True
        if iam and self.transit_encryption is False:
            raise ValueError("authorizationConfig.iam needs transitEncryption")
        return self


class Volume(Model):
    """A volume that containers mount. Empty: a scratch directory that lives with the task."""

    efs_volume_configuration: EfsVolume | None = None
    """Outlives the task, shared between tasks."""

    host: HostVolume | None = None
    """A directory of the host, for EC2 only."""

    configured_at_launch: Annotated[bool | None, ServerDefault(False)] = None
    """An EBS volume that the service configures. AWS's default is false."""


class TaskSpec(Taggable):
    """The part of a service that becomes a task definition."""

    containers: dict[ContainerName, Container]
    """The task's containers by name, all of them: one added outside is drift."""

    cpu: int | None = None
    """CPU units of the task: 1024 = one vCPU. Fargate has certain pairs of cpu and memory."""

    memory: int | None = None
    """MiB of the task."""

    execution_role_arn: Arn | None = None
    """Role of the agent: pulls images, reads secrets, creates log streams."""

    task_role_arn: Arn | None = None
    """Role of the application itself. AWS's default is none."""

    network_mode: Literal["awsvpc", "bridge", "host", "none"] = "awsvpc"
    """awsvpc: each task has its own interface and security groups. AWS's own default is bridge."""

    requires_compatibilities: Annotated[list[Compatibility], Unordered(cases=(20,))] = Field(
        default_factory=lambda: FARGATE_ONLY
    )
    """What AWS checks the task against. AWS's own default is not to check, written `[]`."""

    runtime_platform: RuntimePlatform | None = None
    """Processor and operating system."""

    ephemeral_storage: EphemeralStorage | None = None
    """The task's scratch disk. Fargate's default is 20 GiB."""

    volumes: dict[str, Volume] = Field(default_factory=dict)
    """Volumes of the task by name, all of them."""

    pid_mode: Literal["task", "host"] | None = None
    """task: containers see each other's processes. AWS's default is that they don't."""

    enable_fault_injection: Annotated[bool | None, ServerDefault(False)] = None
    """Let AWS FIS inject faults into the task. AWS's default is false."""

    @model_validator(mode="after")
    def _task_is_possible(self) -> TaskSpec:
        fargate = "FARGATE" in self.requires_compatibilities
        if fargate:
            self._check_fargate()
        if known(self.containers) is not None:
            check_containers(
                self.containers, fargate=fargate, network_mode=self.network_mode,
                volumes=self.volumes,
            )  # fmt: skip
            self._check_sums()
            if fargate and self.execution_role_arn is None:
                for name, container in self.containers.items():
                    if why := needs_execution_role(container):
                        raise ValueError(f"executionRoleArn: containers.{name} needs it for {why}")
        return self

    def _check_fargate(self) -> None:
        if known(self.network_mode) not in (None, "awsvpc"):
            raise ValueError(f"networkMode: Fargate knows awsvpc only, not {self.network_mode}")
        if self.cpu is None or self.memory is None:
            raise ValueError("cpu and memory: Fargate needs both")
        cpu, memory = known(self.cpu), known(self.memory)
        if cpu is not None and cpu not in FARGATE_SIZES:
            allowed = ", ".join(str(c) for c in FARGATE_SIZES)
            raise ValueError(f"cpu: Fargate has {allowed}, not {cpu}")
        if cpu is not None and memory is not None and memory not in FARGATE_SIZES[cpu]:
            raise ValueError(
                f"memory: with cpu {cpu} Fargate has {_said(FARGATE_SIZES[cpu])} MiB, not {memory}"
            )
        if self.pid_mode == "host":
            raise ValueError("pidMode: Fargate knows task only")

    def _check_sums(self) -> None:
        total, most = known(self.cpu), known(self.memory)
        for name, container in self.containers.items():
            memory = known(container.memory)
            if (self.memory, container.memory, container.memory_reservation) == (None, None, None):
                raise ValueError(
                    f"containers.{name}: memory or memoryReservation is needed, or the task's "
                    "memory"
                )
            if None not in (most, memory) and memory > most:
                raise ValueError(
                    f"containers.{name}.memory: {memory} is more than the task's {most}"
                )
        used = sum(known(c.cpu) or 0 for c in self.containers.values())
        if total is not None and used > total:
            raise ValueError(f"containers: their cpu adds up to {used}, the task has {total}")


def _said(sizes: range | tuple[int, ...]) -> str:
    if isinstance(sizes, range):
        return f"{sizes[0]} to {sizes[-1]} in steps of {sizes.step}"
    return ", ".join(str(s) for s in sizes)
