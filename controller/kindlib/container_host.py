"""What may be written about a container and the host it runs on: kernel, devices, names.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinuxParameters.html
Most of it is for EC2 only: `container_rules` says what Fargate refuses.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from controller.policies import ServerDefault, Unordered
from controller.spec import Model


class KernelCapabilities(Model):
    """Linux capabilities beside Docker's default set."""

    add: Annotated[list[str] | None, Unordered()] = None
    """Capabilities to give. Fargate allows SYS_PTRACE only."""

    drop: Annotated[list[str] | None, Unordered()] = None
    """Capabilities to take away."""


class Device(Model):
    """A device of the host, made visible in the container."""

    host_path: str
    """Where it is on the host."""

    container_path: str | None = None
    """Where it appears in the container. AWS's default is the same path."""

    permissions: Annotated[
        list[Literal["read", "write", "mknod"]] | None,
        Unordered(),
        ServerDefault(["mknod", "read", "write"]),
    ] = None
    """What the container may do with it. AWS's default is all three."""


class Tmpfs(Model):
    """A file system in memory."""

    container_path: str
    """Where it appears in the container."""

    size: Annotated[int, Field(ge=1)]
    """MiB."""

    mount_options: Annotated[list[str] | None, Unordered()] = None
    """Options such as `noexec`."""


class LinuxParameters(Model):
    """Kernel-level options."""

    init_process_enabled: Annotated[bool | None, ServerDefault(False)] = None
    """Run an init process that reaps children and forwards signals. AWS's default is false."""

    capabilities: KernelCapabilities | None = None
    """Linux capabilities to add or drop."""

    devices: list[Device] | None = None
    """Devices of the host, for EC2 only, all of them."""

    shared_memory_size: Annotated[Annotated[int, Field(ge=0)] | None, ServerDefault(0)] = None
    """MiB of /dev/shm, for EC2 only. AWS's default is Docker's, 64."""

    tmpfs: list[Tmpfs] | None = None
    """File systems in memory, for EC2 only, all of them."""

    max_swap: Annotated[int, Field(ge=0)] | None = None
    """MiB of swap, for EC2 only; 0: none. AWS's default is the host's."""

    swappiness: Annotated[Annotated[int, Field(ge=0, le=100)] | None, ServerDefault(60)] = None
    """How readily memory is swapped out, 0-100, with `maxSwap`. AWS's default is 60."""


class HostEntry(Model):
    """A line of the container's /etc/hosts."""

    hostname: str
    """Name."""

    ip_address: str
    """Its address."""


class NvidiaMps(Model):
    """A share of a GPU by NVIDIA's Multi-Process Service."""

    memory: Annotated[int, Field(ge=1)]
    """MiB of the GPU's memory."""

    max_compute_percent: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None, ServerDefault(100)
    ] = None
    """Most of its computing power, in percent. AWS's default is 100."""


class SharingStrategy(Model):
    """How a GPU is shared with other containers."""

    nvidia_mps: NvidiaMps
    """By NVIDIA's Multi-Process Service."""


class ResourceRequirement(Model):
    """GPUs or Neuron devices for the container, on EC2 and managed instances."""

    type: Literal["GPU", "NeuronDevice"]
    """What."""

    value: str | None = None
    """How many GPUs, or ALL (the only value for Neuron devices)."""

    sharing_strategy: SharingStrategy | None = None
    """A share of one GPU, instead of `value`."""
