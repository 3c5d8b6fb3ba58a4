"""Volumes of an ECS task: what may be written about them, and their shapes in AWS.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.kindlib.service_start import SecretArn
from controller.kindlib.shapes import not_empty
from controller.policies import Doc, ServerDefault
from controller.spec import Arn, Model, text
from controller.versioned import plain

Port = Annotated[int, Field(ge=1, le=65535)]


class HostVolume(Model):
    """A directory of the host."""

    source_path: str | None = None
    """Path on the host, for EC2 only. AWS's default is an empty directory."""


class DockerVolume(Model):
    """A volume of the host's Docker daemon, for EC2 only."""

    scope: Annotated[Literal["task", "shared"] | None, ServerDefault("task", cases=(23,))] = None
    """task: lives with the task. shared: outlives it. AWS's default is task."""

    autoprovision: Annotated[bool | None, ServerDefault(False)] = None
    """Make the volume if it is not there, with scope shared. AWS's default is false."""

    driver: Annotated[str | None, ServerDefault("local")] = None
    """Docker's volume driver. AWS's default is Docker's, local."""

    driver_opts: dict[str, str] | None = None
    """Options of the driver."""

    labels: dict[str, str] | None = None
    """Labels of the volume."""


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

    transit_encryption: Annotated[bool, ServerDefault(False)] = True
    """Encrypt what goes over the network. AWS's own default is not to."""

    transit_encryption_port: Port | None = None
    """Local port of the encrypting proxy. AWS's default is to pick one."""

    authorization_config: EfsAuthorization | None = None
    """Access point and IAM rights."""

    @model_validator(mode="after")
    def _iam_needs_encryption(self) -> EfsVolume:
        iam = self.authorization_config is not None and self.authorization_config.iam is True
        if iam and self.transit_encryption is False:
            raise ValueError("authorizationConfig.iam needs transitEncryption")
        return self


class FsxAuthorization(Model):
    """How a Windows file server is logged in to."""

    credentials_parameter: SecretArn
    """ARN of the secret or parameter with user name and password."""

    domain: str
    """Domain of the Active Directory."""


class FsxVolume(Model):
    """A directory of an FSx for Windows file server, for EC2 only."""

    file_system_id: str
    """Id of the file system, `fs-…`."""

    root_directory: str
    """Directory of the file system."""

    authorization_config: FsxAuthorization
    """Login."""


class S3FilesVolume(Model):
    """A directory of an S3 Files file system."""

    file_system_arn: Arn
    """ARN of the file system."""

    root_directory: Annotated[str | None, ServerDefault("/")] = None
    """Directory of the file system. AWS's default is `/`."""

    transit_encryption_port: Port | None = None
    """Local port of the encrypting proxy. AWS's default is to pick one."""

    access_point_arn: Arn | None = None
    """Access point, which fixes the root directory and the user."""


VolumeName = Annotated[
    str,
    AfterValidator(text(r"[\w-]{1,255}", says="a volume name has 1-255 letters, digits, _ or -")),
]


class Volume(Model):
    """A volume that containers mount. Empty: a scratch directory that lives with the task."""

    efs_volume_configuration: EfsVolume | None = None
    """Outlives the task, shared between tasks."""

    s3files_volume_configuration: S3FilesVolume | None = Field(
        default=None, alias="s3filesVolumeConfiguration"
    )
    """Objects of a bucket as files, shared between tasks."""

    fsx_windows_file_server_volume_configuration: FsxVolume | None = None
    """A Windows share, for EC2 only."""

    docker_volume_configuration: DockerVolume | None = None
    """A volume of the host's Docker daemon, for EC2 only."""

    host: HostVolume | None = None
    """A directory of the host, for EC2 only."""

    configured_at_launch: Annotated[bool | None, ServerDefault(False)] = None
    """An EBS volume, as the service's `volumeConfigurations` describes it; one a task. AWS's
    default is false."""


def volume_spec(raw: Mapping[str, Any]) -> Doc:
    """A volume in our language."""
    out = dict(raw)
    for name in ("efsVolumeConfiguration", "s3filesVolumeConfiguration"):
        if raw.get(name):
            out[name] = {**raw[name], "transitEncryptionPort":
                         raw[name].get("transitEncryptionPort") or None}  # fmt: skip
    if efs := out.get("efsVolumeConfiguration"):
        access = dict(efs.get("authorizationConfig") or {})
        if "iam" in access:
            access["iam"] = access["iam"] == "ENABLED"
        out["efsVolumeConfiguration"] = {
            **efs,
            "transitEncryption": efs.get("transitEncryption") == "ENABLED",
            "authorizationConfig": access,
        }
    return out


def volume_request(name: str, spec: Mapping[str, Any]) -> Doc:
    """The volume as RegisterTaskDefinition wants it."""
    out: Doc = {"name": name, **spec}
    if efs := spec.get("efsVolumeConfiguration"):
        mount = dict(efs)
        mount["transitEncryption"] = _switch(efs.get("transitEncryption"))
        if access := efs.get("authorizationConfig"):
            mount["authorizationConfig"] = dict(access)
            if "iam" in access:
                mount["authorizationConfig"]["iam"] = _switch(access["iam"])
        out["efsVolumeConfiguration"] = mount
    if fsx := spec.get("fsxWindowsFileServerVolumeConfiguration"):
        login = {k: plain(v) for k, v in fsx["authorizationConfig"].items()}
        out["fsxWindowsFileServerVolumeConfiguration"] = {**fsx, "authorizationConfig": login}
    return not_empty(out)


def _switch(value: object) -> str:
    return "ENABLED" if value else "DISABLED"
