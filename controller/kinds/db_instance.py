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
from controller.kindlib.rds_cooldown import READ, as_busy, check_cooldown, touches_storage
from controller.kindlib.rds_create import creation
from controller.kindlib.rds_engines import DATABASES, LICENSES, PORTS, Made
from controller.kindlib.rds_modify import OBSTACLES, modifications
from controller.kindlib.rds_owners import (
    DIRECTORY_ROLE,
    FOLLOWER,
    INSIGHTS,
    MEMBER,
    MULTI_AZ_MEMBER,
    SECRET_KEY,
    backed_up_by_others,
    by_engine,
    default_group,
    default_options,
    no_autoscaling,
    scaled_by_others,
    sized_by_others,
    upgraded,
)
from controller.kindlib.rds_rules import FLAGS, always
from controller.kindlib.rds_rules import creation as creation_complaints
from controller.kindlib.rds_storage import default_of
from controller.kindlib.reading import all_unknown
from controller.kindlib.resource_tags import tag_actions
from controller.kindlib.values import SecurityGroupId
from controller.kindlib.versions import VersionText
from controller.kindlib.windows import HalfHourDaily, HalfHourWeekly
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
from controller.spec import Arn, Model, Outputs, SecretText, Taggable, text

Word = Annotated[str, AfterValidator(text(r"[A-Za-z][A-Za-z0-9-]*", says="a word of AWS's"))]
"""What AWS may call a thing that this release has not heard of."""
Name = Annotated[
    str,
    AfterValidator(
        text(r"[A-Za-z0-9][\w.:-]{0,254}", says="must be a name of letters, digits, hyphens or .:")
    ),
]


class PerformanceInsights(Model):
    """Performance Insights: which statements the database spends its time on."""

    enabled: Annotated[bool, ServerDefault(False), MULTI_AZ_MEMBER] = True
    """Whether it is on."""

    retention_period: Annotated[int | None, ServerDefault(7), INSIGHTS] = None
    """Days that data is kept: 7 (free, AWS's default), or 31 times a number of months up to 23,
    or 731."""

    kms_key_id: Annotated[KmsKey | None, AnyWhenUndeclared(cases=(67,)), INSIGHTS] = None
    """ARN or id of the key that encrypts it; by default the account's `aws/rds`. Can't be changed
    while it is on."""


class DBInstanceSpec(Taggable):
    """A database server. Six lines make one that is encrypted, private, multi-AZ, backed up for a
    week and protected from deletion."""

    instead = FLAGS

    engine: Annotated[Made | Word, CreateOnly(), CaseInsensitive()] = "postgres"
    """Database engine. An instance of another one (`aurora-postgresql`, `custom-oracle-ee`) can be
    adopted, not made."""

    engine_version: Annotated[
        VersionText | None,
        VersionPrefix(cases=(60,)),
        OwnedBy("AWS's minor version upgrades, or cluster or primary", upgraded,
                cases=(61, 93, 94)),
        AnyWhenUndeclared(),
    ] = None  # fmt: skip
    """Version, as far as it matters to you: `"16"` is met by every 16.x, and minor upgrades that
    AWS makes are its own business while `autoMinorVersionUpgrade` is on. Never lowered. Undeclared:
    AWS's default version at creation. Another major version can't be taken back."""

    db_instance_class: Annotated[
        str,
        AfterValidator(
            text(r"db\.[a-z0-9][a-z0-9.-]*", says="must be an instance class, as db.t4g.medium")
        ),
        MULTI_AZ_MEMBER,
    ]
    """CPU and memory, as `db.m7g.large`. A change fails over: minutes of interruption."""

    allocated_storage: Annotated[
        int | None,
        Field(ge=0),
        OwnedBy(
            "RDS: storage autoscaling, rounding up to 10 %, or its cluster",
            sized_by_others,
            cases=(68, 93),
        ),
    ] = None
    """GiB of storage, needed to make one. Can grow (not more often than every six hours, by at
    least 10 %: AWS rounds up) and never shrink: a smaller value is reported and blocked."""

    max_allocated_storage: Annotated[
        int | None, ServerDefault(no_autoscaling, cases=(68,)), MEMBER
    ] = None
    """GiB up to which RDS may grow the storage by itself: at least 10 % above `allocatedStorage`.
    Equal to it: no autoscaling. AWS's default: none."""

    storage_type: Annotated[
        Literal["gp3", "gp2", "io1", "io2", "standard"] | Word, CaseInsensitive(), MEMBER
    ] = "gp3"
    """Kind of volume. gp3 is AWS's general choice at present; gp2 was its default before (75)."""

    iops: Annotated[
        int | None, ServerDefault(lambda s: default_of("iops", s), cases=(70, 72)),
        OwnedBy("RDS, rounding up to 10 %, or its cluster", scaled_by_others, cases=(74, 93)),
    ] = None  # fmt: skip
    """Provisioned I/O operations per second: for io1 and io2, and for gp3 from 400 GiB on (Oracle:
    200). Smaller gp3 volumes have 3000. Grows by at least 10 %: AWS rounds up."""

    storage_throughput: Annotated[
        int | None,
        ServerDefault(lambda s: default_of("storageThroughput", s), cases=(70, 72)),
        MEMBER,
    ] = None
    """MiB/s, gp3 only, from 400 GiB on (Oracle: 200). Smaller gp3 volumes have 125."""

    dedicated_log_volume: Annotated[bool | None, ServerDefault(False), MEMBER] = None
    """Keep the transaction log on a volume of its own: io1 and io2, best from 5 TiB on. A change
    needs a reboot, which AWS does. AWS's default is false."""

    storage_encrypted: Annotated[bool, CreateOnly(), MEMBER] = True
    """Encrypt data, backups and snapshots at rest. AWS's own default is false, and it can't be
    changed later."""

    kms_key_id: Annotated[
        KmsKey | None, CreateOnly(), AnyWhenUndeclared(cases=(67,)), MEMBER
    ] = None  # fmt: skip
    """ARN or id of the key that encrypts it; by default the account's `aws/rds`. A key of yours is
    needed to share snapshots with another account. Fixed at creation."""

    multi_az: Annotated[bool, MEMBER] = Field(default=True, alias="multiAZ")
    """Keep a synchronous standby in a second availability zone. AWS's own default is false."""

    availability_zone: Annotated[
        str | None,
        CreateOnly(),
        AnyWhenUndeclared(cases=(95,)),
        OwnedBy("RDS, while it is multi-AZ", lambda s, *_: s.live.get("multiAZ") is True),
    ] = None
    """Zone of a single-AZ instance, fixed at creation. With `multiAZ` AWS chooses, and a failover
    swaps the zones."""

    db_cluster_identifier: Annotated[
        Name | None, CreateOnly(), CaseInsensitive(), AnyWhenUndeclared(cases=(93,))
    ] = None
    """Cluster that it is a member of (Aurora, Neptune, DocumentDB, Multi-AZ), which decides about
    storage, version, backups, passwords and more: what is declared of those here is owned by the
    cluster. Such an instance can be adopted, not made."""

    source_db_instance_identifier: Annotated[
        Name | None, CreateOnly(), CaseInsensitive(), AnyWhenUndeclared(cases=(94,))
    ] = Field(default=None, alias="sourceDBInstanceIdentifier")
    """Instance that it is a read replica of: its name, or its ARN in another region. It decides
    about the master user, the first database and the major version. A replica can be adopted, not
    made."""

    source_db_cluster_identifier: Annotated[
        Name | None, CreateOnly(), CaseInsensitive(), AnyWhenUndeclared(cases=(94,))
    ] = Field(default=None, alias="sourceDBClusterIdentifier")
    """Multi-AZ cluster that it is a read replica of."""

    replica_mode: Annotated[
        Literal["open-read-only", "mounted"] | Word | None, ServerDefault("open-read-only")
    ] = None
    """Whether a replica of Oracle or Db2 can be read from. AWS's default is `open-read-only`."""

    promotion_tier: Annotated[
        Annotated[int, Field(ge=0, le=15)] | None, ServerDefault(1), MULTI_AZ_MEMBER
    ] = None
    """Turn in which an Aurora instance takes over when its writer fails: 0 is first, 15 last. AWS's
    default is 1."""

    publicly_accessible: Annotated[bool, MULTI_AZ_MEMBER] = False
    """Give it a public address. A database has no business with one."""

    network_type: Annotated[
        Literal["IPV4", "DUAL"] | Word | None, ServerDefault("IPV4", cases=(86,)),
        CaseInsensitive(), MEMBER,
    ] = None  # fmt: skip
    """Addresses: IPv4 (AWS's default), or both (`DUAL`), which the subnet group must support."""

    customer_owned_ip: Annotated[bool | None, ServerDefault(False), MEMBER] = None
    """Give an instance on an Outpost an address of the local network. AWS's default is false."""

    db_subnet_group_name: Annotated[
        str | None, CreateOnly(cases=(89,)), CaseInsensitive(), ServerDefault("default"), MEMBER
    ] = None
    """Subnets to stand in: `${DBSubnetGroup.main.name}`. Undeclared: those of the default VPC."""

    vpc_security_group_ids: Annotated[
        list[SecurityGroupId] | None, Unordered(cases=(77,)), MEMBER, Field(min_length=1)
    ] = None
    """Ids of the security groups, all of them: another one is drift. Undeclared: the VPC's default
    group. Can't be emptied."""

    port: Annotated[int | None, Field(ge=1150, le=65535), by_engine(PORTS, 86), MEMBER] = None
    """TCP port; AWS's default is the engine's (PostgreSQL: 5432). A change restarts it at once."""

    db_parameter_group_name: Annotated[
        str | None, ServerDefault(default_group, cases=(79,)), CaseInsensitive(), MULTI_AZ_MEMBER
    ] = None
    """Its settings: `${DBParameterGroup.main.name}`. Undeclared: AWS's default group. A switch
    applies at the next reboot, which Plumbline reports and never does (78)."""

    option_group_name: Annotated[
        Name | None, ServerDefault(default_options, cases=(79,)), CaseInsensitive(), MEMBER
    ] = None
    """Its options (Oracle, SQL Server, MySQL, MariaDB): the name of a group that is there.
    Undeclared: AWS's default group of the version."""

    db_name: Annotated[
        str | None, CreateOnly(cases=(66,)), CaseInsensitive(), by_engine(DATABASES, 66), FOLLOWER
    ] = None
    """Database to create inside. Undeclared: none but the engine's own (`postgres`)."""

    master_username: Annotated[str, CreateOnly(), FOLLOWER] = "dbadmin"
    """Name of the administrator, fixed at creation. AWS has no default."""

    master_user_password: SecretText | None = None
    """The administrator's password: `${Secret.<name>.value}`. Sent again when the secret has a new
    version; a password changed behind our back can't be seen. Either this or
    `manageMasterUserPassword` makes an instance; one that is adopted keeps its own without."""

    manage_master_user_password: Annotated[bool, ServerDefault(False, cases=(83,)), MEMBER] = False
    """Let RDS own the password, in a secret that it rotates every 7 days. Tasks that got it at
    their start keep the old one: not for an application's credentials."""

    master_user_secret_kms_key_id: Annotated[
        KmsKey | None, AnyWhenUndeclared(cases=(67,)), SECRET_KEY
    ] = None  # fmt: skip
    """ARN or id of the key that encrypts the secret of `manageMasterUserPassword`; by default the
    account's `aws/secretsmanager`. Can't be changed while RDS owns the password."""

    iam_database_authentication: Annotated[bool | None, ServerDefault(False), MEMBER] = None
    """Let IAM identities log in with tokens. AWS's default is false."""

    domain: Annotated[
        Name | None, ServerDefault("none"), CaseInsensitive(), MEMBER
    ] = None  # fmt: skip
    """Directory of AWS's that it has joined (`d-…`), so that its users can log in; `none` leaves
    it. AWS's default is none."""

    domain_iam_role_name: Annotated[str | None, AnyWhenUndeclared(), DIRECTORY_ROLE] = Field(
        default=None, alias="domainIAMRoleName"
    )
    """Role by which RDS joins `domain`."""

    domain_fqdn: Annotated[str | None, CaseInsensitive(), AnyWhenUndeclared(), MEMBER] = None
    """Domain name of a directory of your own. Of AWS's, it is AWS's to say."""

    domain_ou: Annotated[str | None, AnyWhenUndeclared(), MEMBER] = None
    """Organizational unit to join there, `OU=…,DC=…`."""

    domain_auth_secret_arn: Annotated[Arn | None, AnyWhenUndeclared(), MEMBER] = None
    """Secret with the credentials to join with."""

    domain_dns_ips: Annotated[list[str] | None, AnyWhenUndeclared(), MEMBER] = None
    """Addresses of its two domain controllers."""

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

    backup_target: Annotated[
        Literal["region", "outposts", "local"] | Word | None,
        CreateOnly(),
        ServerDefault("region", cases=(86,)),
    ] = None
    """Where backups are kept; elsewhere than in the region (AWS's default) only for an instance
    that is not in the region itself. Fixed at creation."""

    preferred_maintenance_window: Annotated[
        HalfHourWeekly | None, AnyWhenUndeclared(), MULTI_AZ_MEMBER
    ] = None
    """Weekly time in UTC for what waits and for AWS's patches, `sun:04:30-sun:05:30`, 30 minutes
    or more, apart from the backup window. By default AWS picks."""

    deletion_protection: Annotated[bool, MEMBER] = True
    """Refuse deletion by anyone. AWS's own default is false. It is switched off only if `false` is
    written here, never to make a deletion possible."""

    copy_tags_to_snapshot: Annotated[bool, MEMBER] = True
    """Give snapshots the instance's tags. AWS's own default is false."""

    auto_minor_version_upgrade: Annotated[bool, MULTI_AZ_MEMBER] = True
    """Let AWS install minor versions in the maintenance window. AWS's default, too (86)."""

    engine_lifecycle_support: Annotated[
        Literal["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"]
        | Word
        | None,
        AnyWhenUndeclared(cases=(87,)),
        MEMBER,
    ] = None
    """What happens once a major version is past its standard support: paid patches
    (`open-source-rds-extended-support`), or an upgrade by AWS (`…-disabled`). PostgreSQL and MySQL
    only. AWS's default depends on when the instance was made, so it is AWS's to choose if it is not
    written here."""

    performance_insights: PerformanceInsights | None = None
    """Performance Insights. AWS's default is off; the small burstable classes may not have it."""

    database_insights_mode: Annotated[
        Literal["standard", "advanced"] | Word | None, ServerDefault("standard"), MEMBER
    ] = None
    """Database Insights. `advanced` costs per vCPU and needs Performance Insights kept for 465 days
    or more. AWS's default is `standard`."""

    enabled_cloudwatch_logs_exports: Annotated[
        list[str] | None, Unordered(cases=(58,)), ServerDefault([]), MEMBER
    ] = None
    """Logs to send to CloudWatch (PostgreSQL: `postgresql`, `upgrade`), into the log group
    `/aws/rds/instance/<name>/<log>`, which keeps them for ever unless a LogGroup says otherwise."""

    monitoring_interval: Annotated[
        Literal[0, 1, 5, 10, 15, 30, 60] | None, ServerDefault(0, cases=(86,)), MULTI_AZ_MEMBER
    ] = None
    """Seconds between Enhanced Monitoring samples; 0, AWS's default: off."""

    monitoring_role_arn: Annotated[Arn | None, MULTI_AZ_MEMBER] = None
    """Role that Enhanced Monitoring writes to CloudWatch Logs as."""

    ca_certificate_identifier: Annotated[
        str | None, AnyWhenUndeclared(cases=(81,), moves=True), MULTI_AZ_MEMBER
    ] = None
    """Authority of the server's certificate, as `rds-ca-rsa2048-g1`. Undeclared: AWS's, which it
    rotates. A change may restart the server."""

    license_model: Annotated[str | None, by_engine(LICENSES, 86), CaseInsensitive(), MEMBER] = None
    """Licence, where the engine has a choice (Oracle, SQL Server, Db2)."""

    character_set_name: Annotated[
        str | None, CreateOnly(), AnyWhenUndeclared(), CaseInsensitive(), FOLLOWER
    ] = None
    """Character set of Oracle (AWS's default: AL32UTF8) or Db2, or SQL Server's collation. Fixed at
    creation."""

    nchar_character_set_name: Annotated[
        str | None, CreateOnly(), AnyWhenUndeclared(), CaseInsensitive(), FOLLOWER
    ] = None
    """National character set of Oracle (AWS's default: AL16UTF16). Fixed at creation."""

    timezone: Annotated[str | None, CreateOnly(), FOLLOWER] = None
    """Time zone of SQL Server or Db2, as they name it. AWS's default is UTC. Fixed at creation."""

    processor_features: Annotated[
        dict[Literal["coreCount", "threadsPerCore"] | Word, int] | None, MEMBER
    ] = None
    """Cores and threads a core in use, where licences are counted by core (Oracle, SQL Server):
    `{coreCount: 4, threadsPerCore: 1}`; `{}` for those of the class. A change fails over."""

    multi_tenant: Annotated[bool | None, ServerDefault(False)] = None
    """Let an Oracle container database (`…-cdb`) hold several tenant databases. AWS's default is
    false; it can't be taken back."""

    db_system_id: Annotated[
        str | None, CreateOnly(), CaseInsensitive(), AnyWhenUndeclared()
    ] = None  # fmt: skip
    """Oracle's system identifier in RDS Custom. Fixed at creation."""

    custom_iam_instance_profile: Annotated[str | None, CreateOnly()] = None
    """Instance profile of an RDS Custom instance. Fixed at creation."""

    automation_mode: Annotated[
        Literal["full", "all-paused"] | Word | None, ServerDefault("full")
    ] = None
    """Whether RDS Custom looks after the instance, or pauses for an hour. AWS's default is
    `full`."""

    @model_validator(mode="after")
    def _as_aws_would(self) -> DBInstanceSpec:
        """Refuse what contradicts itself; what only a creation needs is in `incomplete`."""
        found = list(always(self.model_dump(by_alias=True, exclude_none=True, warnings=False)))
        if found:
            raise ValueError("; ".join(found))
        return self


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
    reads: ClassVar = ("rds:DescribeDBInstances", READ)
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

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        return "; ".join(creation_complaints(spec))

    def pending(self, doc: Mapping[str, Any]) -> Doc:
        return rds_document.pending(doc)

    def failed(self, doc: Mapping[str, Any]) -> Doc:
        return rds_document.failed(doc)

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
        """ModifyDBInstance with what is changed and what must go with it, one call for each risk:
        what is safe first, then what can't be undone, then what interrupts.

        Storage only grows, by 10 % at least, and not within six hours of its last change. IOPS,
        throughput, size and type go in one call (case 74). A major upgrade takes its new parameter
        and option group along; a version is never lowered. Another parameter group takes effect at
        the next reboot, which is reported and left to a person (case 78). Log exports are sent as
        what to add and what to take away. The password is sent when its secret has a new version.

        What waits for the maintenance window is applied at once, unless that would put in force
        what others left pending: then it waits with it. A pending change is taken back by sending
        the old value. Flags never go alone (case 85).
        """
        if isinstance(observed, Absent):
            return [creation(target)]
        tags = [c for c in changes if c.top == "tags"]
        arn = observed.doc.get("DBInstanceArn") or target.arn("rds", f"db:{target.name}")
        return tag_actions("rds", arn, tags) + modifications(target, observed.doc, changes)

    def obstacle(self, observed: Present, change: Change) -> str:
        return OBSTACLES.get(change.top, OBSTACLES.get(change.path, ""))

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """With a final snapshot, named after the instance, and its automated backups kept.

        AWS takes no final snapshot of a replica, a cluster's member or a broken instance. Deletion
        protection stays as it is: while it is on, AWS refuses the call.
        """
        doc = observed.doc
        status = str(doc.get("DBInstanceStatus"))
        params: Doc = {"DBInstanceIdentifier": target.name, "DeleteAutomatedBackups": False}
        broken = status in ("failed", "incompatible-restore", "incompatible-network", "creating")
        if broken or rds_document.cluster_of(doc) or rds_document.primary_of(doc):
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

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As usual; a change of storage within six hours of the last one waits (74)."""
        storing = action.operation == "ModifyDBInstance" and touches_storage(params)
        if storing:
            check_cooldown(aws, target.name, "rds:ModifyDBInstance")
        try:
            return super().apply(aws, target, action, params)
        except AwsFailure as failure:
            raise (as_busy(failure) if storing else failure) from None

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        return self.output(reply["DBInstance"]) if action.creates else {}

    def discover(self, aws: Aws) -> list[Found]:
        found = aws.pages("rds", "DescribeDBInstances", "DBInstances")
        return [Found(i["DBInstanceIdentifier"]) for i in found]


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
