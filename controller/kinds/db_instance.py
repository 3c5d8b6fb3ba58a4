"""DBInstance: a database on Amazon RDS.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
One AWS resource, found by its identifier. Its final snapshot, taken when it is deleted, is named
after it and its resource id and belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure
from controller.diff import Change
from controller.handler import (
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
)
from controller.kindlib import rds_document
from controller.kindlib.kms import KmsKey
from controller.kindlib.rds_create import creation
from controller.kindlib.rds_modify import modifications
from controller.kindlib.rds_owners import (
    FOLLOWER,
    backed_up_by_others,
    by_engine,
    default_group,
    no_autoscaling,
    sized_by_others,
    upgraded,
)
from controller.kindlib.rds_rules import (
    LICENSES,
    PORTS,
    Engine,
    database_complaints,
    insight_complaints,
    log_complaints,
    user_complaints,
)
from controller.kindlib.rds_storage import complaints, default_of
from controller.kindlib.reading import all_unknown
from controller.kindlib.resource_tags import tag_actions
from controller.kindlib.values import SecurityGroupId, number
from controller.kindlib.versions import VersionText
from controller.kindlib.windows import HalfHourDaily, HalfHourWeekly, overlap
from controller.policies import (
    AnyWhenUndeclared,
    CaseInsensitive,
    CreateOnly,
    Doc,
    OwnedBy,
    ServerDefault,
    Unordered,
    VersionPrefix,
)
from controller.spec import Arn, Model, Outputs, SecretText, Taggable, holds_reference, text


class PerformanceInsights(Model):
    """Performance Insights: which statements the database spends its time on."""

    enabled: Annotated[bool, ServerDefault(False)] = True
    """Whether it is on."""

    retention_period: Annotated[int | None, ServerDefault(7), AnyWhenUndeclared()] = None
    """Days that data is kept: 7 (free, AWS's default), or 31 times a number of months up to 23,
    or 731."""

    kms_key_id: Annotated[KmsKey | None, AnyWhenUndeclared(cases=(67,))] = None
    """ARN or id of the key that encrypts it; by default the account's `aws/rds`. Can't be changed
    while it is on."""


class DBInstanceSpec(Taggable):
    """A database server. Six lines make one that is encrypted, private, multi-AZ, backed up for a
    week and protected from deletion."""

    engine: Annotated[Engine, CreateOnly(), CaseInsensitive()] = "postgres"
    """Database engine. Aurora is none of these: its instances belong to clusters."""

    engine_version: Annotated[
        VersionText | None,
        VersionPrefix(cases=(60,)),
        OwnedBy("AWS's minor version upgrades, or cluster or primary", upgraded, cases=(61, 93)),
        AnyWhenUndeclared(),
    ] = None
    """Version, as far as it matters to you: `"16"` is met by every 16.x, and minor upgrades that
    AWS makes are its own business while `autoMinorVersionUpgrade` is on. Never lowered. Undeclared:
    AWS's default version at creation. Another major version can't be taken
    back."""

    db_instance_class: Annotated[
        str,
        AfterValidator(
            text(r"db\.[a-z0-9-]+\.[a-z0-9.]+", says="must be an instance class, as db.t4g.medium")
        ),
    ]
    """CPU and memory, as `db.m7g.large`. A change fails over: minutes of interruption."""

    allocated_storage: Annotated[
        int,
        OwnedBy(
            "RDS: storage autoscaling, rounding up to 10 %, or cluster or primary",
            sized_by_others,
            cases=(68, 93),
        ),
    ]
    """GiB of storage. Can grow (not more often than every six hours, by at least 10 %: AWS rounds
    up) and never shrink: a smaller value is reported and blocked."""

    max_allocated_storage: Annotated[int | None, ServerDefault(no_autoscaling, cases=(68,))] = None
    """GiB up to which RDS may grow the storage by itself: at least 10 % above `allocatedStorage`.
    Equal to it: no autoscaling. AWS's default: none."""

    storage_type: Annotated[Literal["gp3", "gp2", "io1", "io2", "standard"], FOLLOWER] = "gp3"
    """Kind of volume. gp3 is AWS's general choice at present; gp2 was its default before (75)."""

    iops: Annotated[
        int | None, ServerDefault(lambda s: default_of("iops", s), cases=(70, 72)),
        FOLLOWER,
    ] = None  # fmt: skip
    """Provisioned I/O operations per second: for io1 and io2, and for gp3 from 400 GiB on (Oracle:
    200). Smaller gp3 volumes have 3000."""

    storage_throughput: Annotated[
        int | None,
        ServerDefault(lambda s: default_of("storageThroughput", s), cases=(70, 72)),
        FOLLOWER,
    ] = None
    """MiB/s, gp3 only, from 400 GiB on (Oracle: 200). Smaller gp3 volumes have 125."""

    storage_encrypted: Annotated[bool, CreateOnly()] = True
    """Encrypt data, backups and snapshots at rest. AWS's own default is false, and it can't be
    changed later."""

    kms_key_id: Annotated[KmsKey | None, CreateOnly(), AnyWhenUndeclared(cases=(67,))] = None
    """ARN or id of the key that encrypts it; by default the account's `aws/rds`. A key of yours is
    needed to share snapshots with another account. Fixed at creation."""

    multi_az: Annotated[bool, FOLLOWER] = Field(default=True, alias="multiAZ")
    """Keep a synchronous standby in a second availability zone. AWS's own default is false."""

    availability_zone: Annotated[
        str | None,
        CreateOnly(),
        AnyWhenUndeclared(cases=(95,)),
        OwnedBy("RDS, while it is multi-AZ", lambda s, *_: s.live.get("multiAZ") is True),
    ] = None
    """Zone of a single-AZ instance, fixed at creation. With `multiAZ` AWS chooses, and a failover
    swaps the zones."""

    publicly_accessible: bool = False
    """Give it a public address. A database has no business with one."""

    network_type: Annotated[Literal["IPV4", "DUAL"] | None, ServerDefault("IPV4", cases=(86,))] = (
        None
    )
    """Addresses: IPv4 (AWS's default), or both (`DUAL`), which the subnet group must support."""

    db_subnet_group_name: Annotated[
        str | None, CreateOnly(cases=(89,)), CaseInsensitive(), ServerDefault("default")
    ] = None
    """Subnets to stand in: `${DBSubnetGroup.main.name}`. Undeclared: those of the default VPC."""

    vpc_security_group_ids: Annotated[
        list[SecurityGroupId] | None, Unordered(cases=(77,)), Field(min_length=1)
    ] = None
    """Ids of the security groups, all of them: another one is drift. Undeclared: the VPC's default
    group. Can't be emptied."""

    port: Annotated[int | None, Field(ge=1150, le=65535), by_engine(PORTS)] = None
    """TCP port; AWS's default is the engine's (PostgreSQL: 5432). A change restarts it at once."""

    db_parameter_group_name: Annotated[
        str | None, ServerDefault(default_group, cases=(79,)), CaseInsensitive()
    ] = None
    """Its settings: `${DBParameterGroup.main.name}`. Undeclared: AWS's default group. A switch
    applies at the next reboot, which Plumbline reports and never does (78)."""

    db_name: Annotated[str | None, CreateOnly(cases=(66,)), CaseInsensitive(), FOLLOWER] = None
    """Database to create inside. Undeclared: none but the engine's own (`postgres`)."""

    master_username: Annotated[str, CreateOnly(), FOLLOWER] = "dbadmin"
    """Name of the administrator, fixed at creation. AWS has no default."""

    master_user_password: SecretText | None = None
    """The administrator's password: `${Secret.<name>.value}`. Sent again when the secret has a new
    version; a password changed behind our back can't be seen. Either this or
    `manageMasterUserPassword`."""

    manage_master_user_password: Annotated[bool, ServerDefault(False, cases=(83,))] = False
    """Let RDS own the password, in a secret that it rotates every 7 days. Tasks that got it at
    their start keep the old one: not for an application's credentials."""

    iam_database_authentication: Annotated[bool | None, ServerDefault(False)] = None
    """Let IAM identities log in with tokens. AWS's default is false."""

    backup_retention_period: Annotated[
        int, Field(ge=0, le=35), OwnedBy("AWS Backup, or cluster or primary",
                                         backed_up_by_others, cases=(64, 93, 94)),
    ] = 7  # fmt: skip
    """Days that automated backups are kept: how far back a point-in-time restore reaches. AWS's own
    default is 1. Lowering it deletes the older backups. 0 switches them off and deletes all there
    are: at creation that is as you like, later it is left to a person."""

    preferred_backup_window: Annotated[
        HalfHourDaily | None, AnyWhenUndeclared(cases=(63,)),
        OwnedBy("AWS Backup, or cluster or primary", backed_up_by_others, cases=(64, 93, 94)),
    ] = None  # fmt: skip
    """Daily time for backups in UTC, `03:00-04:00`, 30 minutes or more. By default AWS picks."""

    preferred_maintenance_window: Annotated[HalfHourWeekly | None, AnyWhenUndeclared()] = None
    """Weekly time in UTC for what waits and for AWS's patches, `sun:04:30-sun:05:30`, 30 minutes
    or more, apart from the backup window. By default AWS picks."""

    deletion_protection: bool = True
    """Refuse deletion by anyone. AWS's own default is false. It is switched off only if `false` is
    written here, never to make a deletion possible."""

    copy_tags_to_snapshot: Annotated[bool, FOLLOWER] = True
    """Give snapshots the instance's tags. AWS's own default is false."""

    auto_minor_version_upgrade: Annotated[bool, FOLLOWER] = True
    """Let AWS install minor versions in the maintenance window. AWS's default, too (86)."""

    performance_insights: PerformanceInsights | None = None
    """Performance Insights. AWS's default is off; the small burstable classes may not have it."""

    database_insights_mode: Annotated[
        Literal["standard", "advanced"] | None, ServerDefault("standard")
    ] = None
    """Database Insights. `advanced` costs per vCPU and needs Performance Insights kept for 465 days
    or more. AWS's default is `standard`."""

    enabled_cloudwatch_logs_exports: Annotated[
        list[str] | None, Unordered(cases=(58,)), ServerDefault([])
    ] = None
    """Logs to send to CloudWatch (PostgreSQL: `postgresql`, `upgrade`), into the log group
    `/aws/rds/instance/<name>/<log>`, which keeps them for ever unless a LogGroup says otherwise."""

    monitoring_interval: Annotated[
        Literal[0, 1, 5, 10, 15, 30, 60] | None, ServerDefault(0, cases=(86,))
    ] = None
    """Seconds between Enhanced Monitoring samples; 0, AWS's default: off."""

    monitoring_role_arn: Arn | None = None
    """Role that Enhanced Monitoring writes to CloudWatch Logs as."""

    ca_certificate_identifier: Annotated[str | None, AnyWhenUndeclared(cases=(81,))] = None
    """Authority of the server's certificate, as `rds-ca-rsa2048-g1`. Undeclared: AWS's, which it
    rotates. A change may restart the server."""

    license_model: Annotated[str | None, by_engine(LICENSES)] = None
    """Licence, where the engine has a choice (Oracle, Db2)."""

    @model_validator(mode="after")
    def _as_aws_would(self) -> DBInstanceSpec:
        """Refuse at load what AWS would refuse at the call."""
        found = list(self._complaints())
        if found:
            raise ValueError("; ".join(found))
        return self

    def _complaints(self) -> Any:
        if self.master_user_password and self.manage_master_user_password is True:
            yield "masterUserPassword and manageMasterUserPassword exclude each other"
        if not self.master_user_password and self.manage_master_user_password is False:
            yield "masterUserPassword (or manageMasterUserPassword: true) is needed"
        if self.kms_key_id and self.storage_encrypted is False:
            yield "kmsKeyId: means nothing with storageEncrypted: false"
        if self.availability_zone and self.multi_az is True:
            yield "availabilityZone: AWS chooses the zones with multiAZ: true"
        size, limit = number(self.allocated_storage), number(self.max_allocated_storage)
        if limit is not None and size is not None and limit != size and limit * 10 < size * 11:
            yield (
                f"maxAllocatedStorage: at least 10 % above allocatedStorage ({size}), or equal to "
                f"it for no autoscaling, not {limit}"
            )
        if not holds_reference(self.iops) and not holds_reference(self.storage_throughput):
            yield from complaints(
                self.engine, self.storage_type, size, self.iops, self.storage_throughput
            )
        backup, weekly = self.preferred_backup_window, self.preferred_maintenance_window
        known = backup and weekly and not holds_reference(backup) and not holds_reference(weekly)
        if backup and weekly and known and overlap(backup, weekly):
            yield "preferredBackupWindow and preferredMaintenanceWindow overlap"
        yield from user_complaints(self.engine, self.master_username)
        if self.db_name:
            yield from database_complaints(self.engine, self.db_name)
        yield from log_complaints(self.engine, self.enabled_cloudwatch_logs_exports)
        insights = self.performance_insights
        yield from insight_complaints(
            self.database_insights_mode,
            insights.model_dump(by_alias=True, exclude_none=True)
            if isinstance(insights, PerformanceInsights)
            else None,
            self.monitoring_interval,
            self.monitoring_role_arn,
        )


class Endpoint(Model):
    """Where to connect."""

    address: str
    """DNS name."""
    port: int
    """TCP port."""


class DBInstanceOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN of the instance."""
    endpoint: Endpoint
    """Where to connect. There once it has been created."""
    resource_id: str
    """Id that stays when it is renamed (`db-…`), as IAM database authentication names it."""


class DBInstanceHandler(Handler):
    """Knows RDS DB instances."""

    kind = "DBInstance"
    spec = DBInstanceSpec
    outputs = DBInstanceOutputs
    name_pattern = r"(?=.{1,63}$)[a-z][a-z0-9]*(-[a-z0-9]+)*"
    name_says = (
        "1-63 lower-case letters, digits or single hyphens (AWS lower-cases it), beginning with a "
        "letter, not ending with a hyphen"
    )
    holds_data = True
    instant = False
    reads: ClassVar = ("rds:DescribeDBInstances",)
    writes: ClassVar = (
        "rds:CreateDBInstance", "rds:ModifyDBInstance", "rds:DeleteDBInstance",
        "rds:AddTagsToResource", "rds:RemoveTagsFromResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        names = [t.name for t in targets]
        request: Doc = {"Filters": [{"Name": "db-instance-id", "Values": names}]}
        if len(targets) == 1:
            request = {"DBInstanceIdentifier": names[0]}
        try:
            found = aws.pages("rds", "DescribeDBInstances", "DBInstances", request)
        except AwsFailure as failure:
            if len(targets) == 1 and failure.failure == "not-found":
                return {targets[0].key: Absent()}
            return all_unknown(targets, failure)
        by_name = {i["DBInstanceIdentifier"].lower(): i for i in found}
        return {t.key: _observed(by_name.get(t.name.lower())) for t in targets}

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        return rds_document.to_spec(doc)

    def pending(self, doc: Mapping[str, Any]) -> Doc:
        return rds_document.pending(doc)

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return rds_document.readiness(doc)

    def modifiable(self, doc: Mapping[str, Any]) -> str:
        return rds_document.modifiable(doc)

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return rds_document.output(doc)

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc.get("DbiResourceId", ""))

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        if isinstance(observed, Absent):
            return [creation(target)]
        tags = [c for c in changes if c.top == "tags"]
        arn = observed.doc.get("DBInstanceArn") or target.arn("rds", f"db:{target.name}")
        return tag_actions("rds", arn, tags) + modifications(target, observed.doc, changes)

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """With a final snapshot, named after the instance, and its automated backups kept.

        AWS takes no final snapshot of a replica, a cluster's member or a broken instance. Deletion
        protection stays as it is: while it is on, AWS refuses the call.
        """
        doc = observed.doc
        status = str(doc.get("DBInstanceStatus"))
        params: Doc = {"DBInstanceIdentifier": target.name, "DeleteAutomatedBackups": False}
        broken = status in ("failed", "incompatible-restore", "incompatible-network", "creating")
        if broken or rds_document.inherits(doc):
            params["SkipFinalSnapshot"] = True
        else:
            params["SkipFinalSnapshot"] = False
            params["FinalDBSnapshotIdentifier"] = final_snapshot(target.name, self.identity(doc))
        note = "deletion protection is on: AWS refuses" if doc.get("DeletionProtection") else ""
        return [
            Action(
                "rds", "DeleteDBInstance", params, risk="destructive", step="delete",
                deletes=True, note=note,
            )
        ]  # fmt: skip

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        return self.output(reply["DBInstance"]) if action.creates else {}

    def discover(self, aws: Aws) -> list[Found]:
        found = aws.pages("rds", "DescribeDBInstances", "DBInstances")
        return [Found(i["DBInstanceIdentifier"]) for i in found if not i.get("DBClusterIdentifier")]


def final_snapshot(name: str, resource_id: str) -> str:
    """The same name each time for the same instance, another one for its successor."""
    suffix = resource_id.removeprefix("db-")[:12].lower()
    return f"{name}-final-{suffix}" if suffix else f"{name}-final"


def _observed(instance: Mapping[str, Any] | None) -> Observation:
    if instance is None:
        return Absent()
    unknown = {}
    if not (instance.get("Endpoint") or {}).get("Port"):
        unknown["port"] = "AWS shows it once there is an endpoint"
    if "TagList" not in instance:
        unknown["tags"] = "DescribeDBInstances did not show them"
    return Present(instance, unknown)
