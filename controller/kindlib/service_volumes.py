"""EBS volumes and VPC Lattice target groups of an ECS service, shown in its deployments only.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceVolumeConfiguration.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from controller.kindlib.shapes import by_name, not_empty, objects_by_name, pairs
from controller.kindlib.values import number
from controller.kindlib.within import known, mapping
from controller.policies import Doc, ServerDefault
from controller.spec import Arn, Model, TagKey, TagValue, holds_reference


class VolumeTags(Model):
    """Tags of the volumes."""

    tags: Annotated[dict[TagKey, TagValue] | None, Field(max_length=50)] = None
    """Tags, all of them."""

    propagate_tags: Annotated[
        Literal["SERVICE", "TASK_DEFINITION", "NONE"] | None, ServerDefault("NONE")
    ] = None
    """Whose tags the volumes get besides. AWS's default is NONE."""


class ManagedEbsVolume(Model):
    """An EBS volume that each task gets one of."""

    role_arn: Arn
    """Role that ECS manages the volumes with."""

    encrypted: Annotated[bool, ServerDefault(False)] = True
    """Encrypt it. AWS's own default is the account's, which is not to."""

    kms_key_id: str | None = None
    """KMS key. AWS's default is the account's key for EBS."""

    volume_type: Annotated[str | None, ServerDefault("gp3")] = None
    """gp3, gp2, io1, io2, st1, sc1 or standard. AWS's default is gp3."""

    size_in_gib: Annotated[int, Field(ge=1)] | None = Field(default=None, alias="sizeInGiB")
    """GiB; or `snapshotId`."""

    snapshot_id: str | None = None
    """Snapshot that the volumes are made from."""

    volume_initialization_rate: Annotated[int, Field(ge=0)] | None = None
    """MiB a second that a snapshot is fetched with."""

    iops: Annotated[int, Field(ge=1)] | None = None
    """I/O operations a second; needed for io1 and io2. AWS's default for gp3 is 3000."""

    throughput: Annotated[int, Field(ge=1)] | None = None
    """MiB a second, gp3 only. AWS's default is 125."""

    filesystem_type: Annotated[
        Literal["ext3", "ext4", "xfs", "ntfs"] | None, ServerDefault("xfs")
    ] = None
    """File system. AWS's default is xfs."""

    tag_specification: VolumeTags | None = None
    """Tags of the volumes (AWS's `tagSpecifications`, of which there is one)."""


class VolumeConfiguration(Model):
    """What a volume with `configuredAtLaunch` is."""

    managed_ebs_volume: ManagedEbsVolume = Field(alias="managedEBSVolume")
    """An EBS volume that each task gets one of."""


class LatticeAdvanced(Model):
    """How VPC Lattice shifts traffic, with another strategy than ROLLING."""

    alternate_target_group_arn: Arn | None = None
    """ARN of the target group that takes turns with the first one."""

    production_listener_rule: Arn | None = None
    """ARN of the rule of production traffic."""

    test_listener_rule: Arn | None = None
    """ARN of the rule of test traffic."""


class LatticeTarget(Model):
    """A VPC Lattice target group that the tasks are registered in."""

    target_group_arn: Arn
    """ARN of the target group."""

    port_name: str
    """Name of one of the containers' `portMappings`."""

    role_arn: Arn
    """Role that ECS registers them with."""

    advanced_configuration: LatticeAdvanced | None = None
    """How traffic is shifted, with another strategy than ROLLING."""


def volumes_spec(raw: Any) -> Doc:
    """Volume configurations as a map by volume."""
    return {
        name: {"managedEBSVolume": _ebs_spec(volume["managedEBSVolume"])}
        for name, volume in objects_by_name(raw, "name").items()
        if volume.get("managedEBSVolume")
    }


def _ebs_spec(raw: Mapping[str, Any]) -> Doc:
    out: Doc = {**raw, "encrypted": bool(raw.get("encrypted"))}
    for tags in raw.get("tagSpecifications") or ():
        named = by_name(tags.get("tags"), "key", "value")
        out["tagSpecification"] = {"tags": named, "propagateTags": tags.get("propagateTags")}
    return out


def volumes_request(spec: Mapping[str, Any] | None) -> list[Doc]:
    """Volume configurations in AWS's words."""
    out = []
    for name, volume in sorted((spec or {}).items()):
        ebs = {k: v for k, v in volume["managedEBSVolume"].items() if k != "tagSpecification"}
        if tags := volume["managedEBSVolume"].get("tagSpecification"):
            ebs["tagSpecifications"] = [
                not_empty(
                    {
                        "resourceType": "volume",
                        "tags": pairs(tags.get("tags") or {}, "key", "value"),
                        "propagateTags": tags.get("propagateTags"),
                    }
                )
            ]
        out.append({"name": name, "managedEBSVolume": ebs})
    return out


_SIZES = {
    "gp2": (1, 16_384), "gp3": (1, 16_384), "io1": (4, 16_384), "io2": (4, 16_384),
    "st1": (125, 16_384), "sc1": (125, 16_384), "standard": (1, 1024),
}  # fmt: skip
_IOPS = {"gp3": (3000, 16_000), "io1": (100, 64_000), "io2": (100, 256_000)}


def volumes_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """What ECS refuses of volume configurations. spec: of the service."""
    if holds_reference(spec.get("volumes")) or holds_reference(spec.get("volumeConfigurations")):
        return
    shelves, launched = mapping(spec.get("volumes")), mapping(spec.get("volumeConfigurations"))
    late = {n for n, v in shelves.items() if mapping(v).get("configuredAtLaunch") is True}
    if len(late) > 1:
        yield f"volumes: one volume may be configuredAtLaunch, not {len(late)}"
    for name in sorted(late - set(launched)):
        yield f"volumes.{name}: configuredAtLaunch needs volumeConfigurations.{name}"
    for name in sorted(set(launched) - late):
        yield f"volumeConfigurations.{name}: no volume {name} with configuredAtLaunch: true"
    if launched and spec.get("schedulingStrategy") == "DAEMON":
        yield "volumeConfigurations: not for a DAEMON"
    for name, volume in launched.items():
        ebs = mapping(mapping(volume).get("managedEBSVolume"))
        yield from (f"volumeConfigurations.{name}: {why}" for why in _ebs_problems(ebs))


def _ebs_problems(ebs: Mapping[str, Any]) -> Iterator[str]:
    kind = known(ebs.get("volumeType") or "gp3")
    size, iops = number(ebs.get("sizeInGiB")), number(ebs.get("iops"))
    if kind is None or not ebs:
        return
    if kind not in _SIZES:
        yield f"volumeType {kind} is none of {', '.join(_SIZES)}"
        return
    if not {"sizeInGiB", "snapshotId"} & set(ebs):
        yield "sizeInGiB or snapshotId is needed"
    low, high = _SIZES[kind]
    if size is not None and not low <= size <= high:
        yield f"a {kind} volume has {low} to {high} GiB, not {size}"
    if kind in ("io1", "io2") and "iops" not in ebs:
        yield f"{kind} needs iops"
    if iops is not None and kind in ("st1", "sc1", "standard"):
        yield f"{kind} has no iops"
    if iops is not None and kind in _IOPS and not _IOPS[kind][0] <= iops <= _IOPS[kind][1]:
        yield f"{kind} has {_IOPS[kind][0]} to {_IOPS[kind][1]} iops, not {iops}"
    if "throughput" in ebs and kind != "gp3":
        yield f"{kind} has no throughput of its own: gp3 has"
    if "volumeInitializationRate" in ebs and "snapshotId" not in ebs:
        yield "volumeInitializationRate goes with snapshotId"


def lattice_spec(raw: Any) -> list[Doc]:
    """VPC Lattice target groups in our language."""
    return [dict(item) for item in raw or () if item]
