"""What may be written about an ECS task: its size, roles, volumes and containers.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from controller.kindlib.container_spec import Container, ContainerName
from controller.kindlib.containers import check_containers
from controller.kindlib.task_volumes import Volume, VolumeName
from controller.kindlib.within import known
from controller.policies import ServerDefault, Unordered
from controller.spec import Arn, Model, Taggable

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

    size_in_gib: Annotated[int, Field(ge=20, le=200)] = Field(alias="sizeInGiB")
    """GiB, 21-200. Fargate's default is 20."""


class ProxyConfiguration(Model):
    """The App Mesh proxy of the task. AWS ends App Mesh on 30 September 2026: use Service Connect,
    `serviceConnectConfiguration`."""

    container_name: str
    """Container that is the proxy."""

    type: Annotated[Literal["APPMESH"] | None, ServerDefault("APPMESH")] = None
    """Kind of proxy. There is one."""

    properties: dict[str, str] | None = None
    """What traffic goes through it: IgnoredUID, AppPorts, ProxyIngressPort, …"""


class TaskPlacementConstraint(Model):
    """Where tasks may be placed, for EC2 only."""

    type: Annotated[Literal["memberOf"] | None, ServerDefault("memberOf")] = None
    """Kind of constraint. There is one."""

    expression: str | None = None
    """Expression in the cluster query language."""


class TrustedExecution(Model):
    """How far the task is kept apart from others on the instance, on managed instances only."""

    isolation_mode: Annotated[
        Literal["SHARED", "ISOLATED_SANDBOX", "CONFIDENTIAL_SANDBOX"] | None,
        ServerDefault("SHARED"),
    ] = None
    """SHARED: as usual. The sandboxes are virtual machines of the task's own."""

    attestation_policy: str | None = None
    """What may run, attested; needed with CONFIDENTIAL_SANDBOX."""


class TaskSpec(Taggable):
    """The part of a service that becomes a task definition."""

    containers: dict[ContainerName, Container] = Field(default_factory=dict)
    """The task's containers by name, all of them: one added outside is drift. (None only for an
    adopted service whose tasks are another deployment controller's.)"""

    cpu: int | None = None
    """CPU units of the task: 1024 = one vCPU. Fargate has certain pairs of cpu and memory."""

    memory: int | None = None
    """MiB of the task."""

    execution_role_arn: Arn | None = None
    """Role of the agent: pulls images, reads secrets, creates log streams."""

    task_role_arn: Arn | None = None
    """Role of the application itself. AWS's default is none."""

    network_mode: Annotated[
        Literal["awsvpc", "bridge", "host", "none"], ServerDefault("bridge", cases=(21,))
    ] = "awsvpc"
    """awsvpc: each task has its own interface and security groups. AWS's own default is bridge."""

    requires_compatibilities: Annotated[list[Compatibility], Unordered(cases=(20,))] = Field(
        default_factory=lambda: FARGATE_ONLY
    )
    """What AWS checks the task against. AWS's own default is not to check, written `[]`."""

    runtime_platform: RuntimePlatform | None = None
    """Processor and operating system."""

    ephemeral_storage: Annotated[EphemeralStorage | None, ServerDefault({"sizeInGiB": 20})] = None
    """The task's scratch disk. Fargate's default is 20 GiB."""

    volumes: dict[VolumeName, Volume] = Field(default_factory=dict)
    """Volumes of the task by name, all of them."""

    pid_mode: Literal["task", "host"] | None = None
    """task: containers see each other's processes. AWS's default is that they don't."""

    enable_fault_injection: Annotated[bool | None, ServerDefault(False)] = None
    """Let AWS FIS inject faults into the task. AWS's default is false."""

    ipc_mode: Literal["task", "host", "none"] | None = None
    """Shared memory and semaphores: task: of the containers together. For EC2 only. AWS's default
    is Docker's."""

    proxy_configuration: ProxyConfiguration | None = None
    """The App Mesh proxy of the task. AWS's default is none."""

    task_placement_constraints: list[TaskPlacementConstraint] | None = None
    """Where tasks may be placed, for EC2 only: the task definition's `placementConstraints`, all of
    them, in order (case 15)."""

    trusted_execution_configuration: TrustedExecution | None = None
    """How far the task is kept apart from others, on managed instances only."""

    @model_validator(mode="before")
    @classmethod
    def _no_longer(cls, data: Any) -> Any:
        if isinstance(data, dict) and "inferenceAccelerators" in data:
            raise ValueError(
                "inferenceAccelerators: Elastic Inference is no longer available (case 26); "
                "containers have resourceRequirements for GPUs and Neuron devices"
            )
        return data

    @model_validator(mode="after")
    def _task_is_possible(self) -> TaskSpec:
        fargate = "FARGATE" in self.requires_compatibilities
        if not self.containers:
            return self  # no task definition: its tasks are another controller's
        if fargate:
            if known(self.network_mode) not in (None, "awsvpc"):
                raise ValueError(f"networkMode: Fargate knows awsvpc only, not {self.network_mode}")
            if self.pid_mode == "host":
                raise ValueError("pidMode: Fargate knows task only")
            if self.ipc_mode is not None:
                raise ValueError("ipcMode: not on Fargate")
        if known(self.containers) is not None:
            check_containers(
                self.containers, fargate=fargate, network_mode=self.network_mode,
                volumes=self.volumes,
            )  # fmt: skip
        return self
