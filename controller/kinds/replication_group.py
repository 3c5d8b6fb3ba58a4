"""ReplicationGroup: Redis or Valkey on Amazon ElastiCache, one primary or several with replicas.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html
One AWS resource, found by its id, and its nodes (cache clusters), which carry the group's id. Its
final snapshot, taken when it is deleted, is named after it and its creation and belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

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
from controller.kindlib import elasticache_document as document
from controller.kindlib.elasticache_create import creation
from controller.kindlib.elasticache_modify import modifications, obstacle
from controller.kindlib.elasticache_observe import arn_of
from controller.kindlib.elasticache_observe import observed as look
from controller.kindlib.elasticache_owners import (
    GLOBAL,
    TOLD_BY_USERS,
    UPGRADED,
    by_engine,
    default_discovery,
    default_group,
    our_words,
    scaled,
)
from controller.kindlib.elasticache_rules import contradictions, demands, unmodelled
from controller.kindlib.elasticache_token import SET_BEFORE, SET_LATER, SET_STEP
from controller.kindlib.kms import KmsKey
from controller.kindlib.reading import all_unknown
from controller.kindlib.resource_tags import tag_actions
from controller.kindlib.values import SecurityGroupId, number
from controller.kindlib.versions import VersionText
from controller.kindlib.windows import HourDaily, HourWeekly
from controller.policies import (
    ActionOption,
    AnyWhenUndeclared,
    Canonical,
    CaseInsensitive,
    CreateOnly,
    Doc,
    ServerDefault,
    Unordered,
    VersionPrefix,
)
from controller.spec import Arn, Model, Outputs, SecretText, Taggable, text

UserGroupId = Annotated[
    str,
    AfterValidator(
        text(r"[a-zA-Z][a-zA-Z0-9-]*", says="must be a user group's id: letters, digits, hyphens")
    ),
]
NodeType = Annotated[
    str,
    AfterValidator(
        text(r"cache\.[a-z0-9-]+\.[a-z0-9-]+", says="must be a node type, as cache.t4g.small")
    ),
]
NodeGroupId = Annotated[
    str, AfterValidator(text(r"\d{1,4}", says='must be a node group\'s id, as "0001"'))
]


def _small(value: Any) -> Any:
    """An engine's name, as AWS spells it."""
    return value.lower() if isinstance(value, str) and not value.startswith("$") else value


class LogDelivery(Model):
    """Where one of the engine's logs goes."""

    destination_type: Literal["cloudwatch-logs", "kinesis-firehose"] = "cloudwatch-logs"
    """CloudWatch Logs or Firehose."""

    destination: str
    """Name of the log group or of the delivery stream: `${LogGroup.redis.name}`."""

    log_format: Literal["json", "text"] = "json"
    """Form of the entries."""


class ReplicationGroupSpec(Taggable):
    """A cache with replicas. By default it has TLS, a password, failover over two availability
    zones, encryption at rest, and a week of snapshots."""

    description: Annotated[
        str | None,
        ServerDefault(our_words),
        Canonical(str.strip),
        Field(min_length=1, max_length=255),
    ] = None
    """What it is for. AWS demands one: ours names the manifest."""

    engine: Annotated[
        Literal["redis", "valkey"], BeforeValidator(_small), CaseInsensitive(), GLOBAL
    ] = "redis"
    """Redis OSS, or Valkey, its cheaper successor. From redis to valkey AWS upgrades in place;
    there is no way back."""

    engine_version: Annotated[
        VersionText | None, VersionPrefix(cases=(102,)), UPGRADED, AnyWhenUndeclared(cases=(103,))
    ] = None
    """Version as AWS takes it: `"7.1"`, `"6.x"`; AWS shows 7.1.0. Never lowered. Undeclared: AWS's
    newest at creation (redis: 7.1)."""

    cache_node_type: Annotated[NodeType | None, GLOBAL] = None
    """CPU and memory of each node; one that is to be made needs it. A change fails over (114)."""

    num_node_groups: Annotated[int, Field(ge=1, le=500), scaled("numNodeGroups")] = 1
    """Shards. More than one needs `clusterMode: enabled` and clients that speak it. Keys move while
    clients go on; before shards go, AWS makes sure that what they hold fits into the others."""

    replicas_per_node_group: Annotated[
        int, Field(ge=0, le=5), scaled("replicasPerNodeGroup")
    ] = 1  # fmt: skip
    """Replicas of each shard's primary: the one spelling that is compared and shown (115)."""

    replica_configuration: Annotated[
        dict[NodeGroupId, Annotated[int, Field(ge=0, le=5)]], GLOBAL
    ] = Field(default_factory=dict)  # fmt: skip
    """Replicas of single shards that are to have others than `replicasPerNodeGroup`, by the shard's
    id: `"0002": 3`. Set once the shard is there."""

    num_cache_clusters: Annotated[int | None, Field(ge=1, le=6), ActionOption(cases=(115,))] = None
    """Nodes of a group with one shard: the primary and its replicas. Another way to write
    `replicasPerNodeGroup`, which is one less, and taken for it."""

    preferred_cache_cluster_azs: Annotated[
        list[str] | None,
        ActionOption(cases=(116,)),
        Field(alias="preferredCacheClusterAZs", min_length=1, max_length=6),
    ] = None
    """Availability zones in which the nodes of a group with one shard are made, one for each, the
    primary's first. Not compared later: a failover or a replacement moves them."""

    cluster_mode: Annotated[
        Literal["enabled", "disabled", "compatible"] | None, ServerDefault("disabled", cases=(118,))
    ] = None
    """Whether keys are spread over shards. LiteLLM, n8n and Twenty want AWS's default, `disabled`.
    From there to `enabled` the way leads over `compatible`, and not back."""

    automatic_failover_enabled: Annotated[bool, ServerDefault(False), GLOBAL] = True
    """Promote a replica when the primary fails. AWS's own default is false. Needs a replica."""

    multi_az: Annotated[bool, ServerDefault(False), Field(alias="multiAZ")] = True
    """Put replicas into other availability zones. AWS's own default is false. Needs failover."""

    transit_encryption_enabled: Annotated[bool, ServerDefault(False)] = True
    """TLS. AWS's own default is false. Switched on or off later by way of `preferred`, one step a
    pass."""

    transit_encryption_mode: Annotated[
        Literal["required", "preferred"] | None, ServerDefault("required")
    ] = None
    """Whether clients without TLS are refused (`required`, the default where TLS is on) or still
    served (`preferred`, to migrate them)."""

    auth_token: SecretText | None = None
    """Password of all clients: `${Secret.<name>.value}`, 16-128 letters, digits or !&#$^<>-. A new
    version is first accepted beside the old one (ROTATE), then alone (SET, in a later pass). A
    token changed behind our back can't be seen."""

    user_group_ids: Annotated[list[UserGroupId], Unordered(cases=(105,)), CaseInsensitive()] = (
        Field(default_factory=list)
    )
    """Id of the user group whose users may log in (RBAC), instead of `authToken`."""

    allow_unauthenticated: Annotated[bool, TOLD_BY_USERS] = False
    """Write true to have neither `authToken` nor `userGroupIds`: whoever reaches the port reads
    and writes. No AWS parameter: what AWS shows of AUTH and user groups is compared with it."""

    at_rest_encryption_enabled: Annotated[
        bool, ServerDefault(by_engine, cases=(107,)), CreateOnly(cases=(107,))
    ] = True
    """Encrypt disks and snapshots. AWS's own default is false for redis. Fixed at creation."""

    kms_key_id: Annotated[KmsKey | None, CreateOnly(), AnyWhenUndeclared(cases=(126,))] = None
    """ARN or id of the key that encrypts it; by default one that ElastiCache owns. Fixed at
    creation."""

    snapshot_retention_limit: Annotated[int, Field(ge=0, le=35), ServerDefault(0, cases=(118,))] = 7
    """Days that daily snapshots are kept; 0: none, AWS's own default. Lowering it deletes the older
    ones; to 0, all of them, which is left to a person."""

    snapshot_window: Annotated[HourDaily | None, AnyWhenUndeclared(cases=(119,))] = None
    """Daily time for snapshots in UTC, `03:00-04:00`, an hour or more. By default AWS picks."""

    preferred_maintenance_window: Annotated[HourWeekly | None, AnyWhenUndeclared()] = None
    """Weekly time in UTC for what waits and for AWS's patches, `sun:04:00-sun:05:00`, an hour or
    more. By default AWS picks."""

    cache_subnet_group_name: Annotated[
        str | None, CreateOnly(), CaseInsensitive(cases=(105,)), ServerDefault("default")
    ] = None
    """Subnets to stand in: `${CacheSubnetGroup.main.name}`. Undeclared: the default VPC's."""

    security_group_ids: Annotated[
        list[SecurityGroupId] | None, Unordered(), Field(min_length=1)
    ] = None
    """Ids of the security groups, all of them: another one is drift. Undeclared: the VPC's default
    group."""

    cache_parameter_group_name: Annotated[
        str | None, CaseInsensitive(cases=(105,)), ServerDefault(default_group, cases=(123,)),
        GLOBAL,
    ] = None  # fmt: skip
    """Its settings: `${CacheParameterGroup.main.name}`. Undeclared: AWS's default group."""

    port: Annotated[int | None, Field(ge=1024, le=65535), ServerDefault(6379), CreateOnly()] = None
    """TCP port; AWS's default is 6379. Fixed at creation."""

    auto_minor_version_upgrade: Annotated[bool, ServerDefault(True), GLOBAL] = True
    """Let AWS install minor versions in the maintenance window. AWS's default, too."""

    log_delivery: dict[Literal["slow-log", "engine-log"], LogDelivery] | None = None
    """Logs to deliver, by kind: `slow-log` (commands that took long) and `engine-log`."""

    notification_topic_arn: Arn | None = None
    """SNS topic for the group's events: node-based ElastiCache speaks only there."""

    data_tiering_enabled: Annotated[bool | None, CreateOnly(), ServerDefault(False)] = None
    """Keep what is rarely used on local SSD: r6gd nodes only, and demanded of those."""

    network_type: Annotated[
        Literal["ipv4", "ipv6", "dual_stack"] | None, CreateOnly(), ServerDefault("ipv4", (118,))
    ] = None
    """Addresses of the nodes. AWS's default is `ipv4`. Fixed at creation."""

    ip_discovery: Annotated[
        Literal["ipv4", "ipv6"] | None, ServerDefault(default_discovery, (118,))
    ] = None
    """Which addresses clients are told. AWS's default is `ipv4`, if the nodes have any."""

    durability: Annotated[
        Literal["default", "async", "sync", "disabled"] | None, ServerDefault("default")
    ] = None
    """Whether writes are made durable, and whether they wait for it. AWS's default lets the engine
    version and the cluster mode decide."""

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data: Any) -> Any:
        """One spelling of the number of nodes, and TLS required where it is on (115)."""
        if not isinstance(data, dict):
            return data
        unmodelled(data)
        nodes = data.get("numCacheClusters")
        if nodes is not None:
            if number(nodes) is None:
                raise ValueError("numCacheClusters: a number; references: replicasPerNodeGroup")
            if data.get("replicasPerNodeGroup", nodes - 1) != nodes - 1:
                raise ValueError("numCacheClusters and replicasPerNodeGroup (one less) differ")
            data = {**data, "replicasPerNodeGroup": nodes - 1}
        if data.get("transitEncryptionEnabled", True) is True:
            return {"transitEncryptionMode": "required", **data}
        return data

    @model_validator(mode="after")
    def _as_aws_would(self) -> ReplicationGroupSpec:
        """Refuse at load what AWS would refuse at the call."""
        found = list(
            contradictions(self.model_dump(by_alias=True, exclude_none=True, warnings=False))
        )
        if found:
            raise ValueError("; ".join(found))
        return self


class Endpoint(Model):
    """Where to connect."""

    address: str
    """DNS name."""
    port: int
    """TCP port."""


class ReplicationGroupOutputs(Outputs):
    """What others refer to. Endpoints are there once it has been created."""

    arn: str
    """ARN of the group."""
    primary_endpoint: Endpoint
    """The primary, wherever it is (not in cluster mode)."""
    reader_endpoint: Endpoint
    """The replicas in turn (not in cluster mode)."""
    configuration_endpoint: Endpoint
    """Where clients find the shards (cluster mode only)."""


class ReplicationGroupHandler(Handler):
    """Knows ElastiCache replication groups."""

    kind = "ReplicationGroup"
    spec = ReplicationGroupSpec
    outputs = ReplicationGroupOutputs
    name_pattern = r"(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*"
    name_says = (
        "1-40 lower-case letters, digits or single hyphens (AWS lower-cases it), beginning with a "
        "letter, not ending with a hyphen"
    )
    holds_data = True
    instant = False
    reads: ClassVar = (
        "elasticache:DescribeReplicationGroups", "elasticache:DescribeCacheClusters",
        "elasticache:ListTagsForResource", "resourcegroupstaggingapi:GetResources",
        "application-autoscaling:DescribeScalableTargets",
    )  # fmt: skip
    writes: ClassVar = (
        "elasticache:CreateReplicationGroup", "elasticache:ModifyReplicationGroup",
        "elasticache:ModifyReplicationGroupShardConfiguration", "elasticache:IncreaseReplicaCount",
        "elasticache:DecreaseReplicaCount", "elasticache:DeleteReplicationGroup",
        "elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        one = {"ReplicationGroupId": targets[0].name} if len(targets) == 1 else {}
        groups, clusters = aws.gather(
            partial(
                aws.pages, "elasticache", "DescribeReplicationGroups", "ReplicationGroups", one
            ),
            partial(aws.pages, "elasticache", "DescribeCacheClusters", "CacheClusters"),
        )
        if isinstance(groups, AwsFailure):
            if one and groups.failure == "not-found":
                return {targets[0].key: Absent()}
            return all_unknown(targets, groups)
        for outcome in (groups, clusters):
            if isinstance(outcome, BaseException) and not isinstance(outcome, AwsFailure):
                raise outcome
        by_name = {g["ReplicationGroupId"].lower(): g for g in groups}
        present = [t for t in targets if t.name.lower() in by_name]
        seen = aws.gather(
            *(partial(look, aws, t, by_name[t.name.lower()], clusters) for t in present)
        )
        out: dict[str, Observation] = {t.key: Absent() for t in targets}
        for target, observation in zip(present, seen, strict=True):
            if isinstance(observation, BaseException):
                raise observation
            out[target.key] = observation
        return out

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        return document.to_spec(doc)

    def imported(self, doc: Mapping[str, Any]) -> Doc:
        return document.imported(doc)

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        return "; ".join(demands(dict(spec)))

    def pending(self, doc: Mapping[str, Any]) -> Doc:
        return document.pending(doc)

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return document.readiness(doc)

    def modifiable(self, doc: Mapping[str, Any]) -> str:
        return document.modifiable(doc)

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return document.output(doc)

    def identity(self, doc: Mapping[str, Any]) -> str:
        born = doc["group"].get("ReplicationGroupCreateTime")
        return born.astimezone(UTC).strftime("%Y%m%d%H%M%S") if born is not None else ""

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """Tags first, since AWS takes none while it modifies the group. Replicas are added before
        failover is switched on, and taken away after it is off. Then one ModifyReplicationGroup for
        each risk, with changed fields only (case 113).

        A new AUTH token goes in by two calls in two passes (case 112): ROTATE makes AWS take both
        the old and the new one, SET leaves the new one alone; a tag remembers how far it is. TLS
        goes on and off by way of `preferred`, cluster mode by way of `compatible`, one step at a
        time: clients are changed in between. From redis to valkey there is no way back, and no
        version is lowered. A new family needs its parameter group in the same call.

        What waits for the maintenance window is applied at once, unless that would put in force
        what others left pending.
        """
        if isinstance(observed, Absent):
            return [creation(target)]
        # Tags first: AWS takes none while it modifies the group.
        tags = [c for c in changes if c.top == "tags"]
        arn = arn_of(target, observed.doc["group"])
        first = tag_actions("elasticache", arn, tags)
        return first + modifications(target, arn, observed.doc, changes)

    def obstacle(self, observed: Present, change: Change) -> str:
        return obstacle(observed.doc, change)

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """With a final snapshot, named after the group and its creation."""
        params: Doc = {"ReplicationGroupId": target.name}
        if observed.doc["group"].get("Status") != "create-failed":
            born = self.identity(observed.doc)
            params["FinalSnapshotIdentifier"] = "-".join(
                p for p in (target.name, "final", born) if p
            )
        return [
            Action(
                "elasticache", "DeleteReplicationGroup", params, risk="destructive",
                step="delete", deletes=True,
            )
        ]  # fmt: skip

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """SET ends the old AUTH token: not while the ROTATE before it is still under way."""
        if action.step == SET_BEFORE:
            return {}
        if action.step == SET_LATER or (action.step == SET_STEP and self._rotating(aws, target)):
            raise AwsFailure(
                "busy", "InvalidReplicationGroupState",
                "the new token is still being added beside the old one",
                "elasticache:ModifyReplicationGroup",
            )  # fmt: skip
        return super().apply(aws, target, action, params)

    @staticmethod
    def _rotating(aws: Aws, target: Target) -> bool:
        found = aws.pages(
            "elasticache", "DescribeReplicationGroups", "ReplicationGroups",
            {"ReplicationGroupId": target.name},
        )  # fmt: skip
        waiting = found[0].get("PendingModifiedValues") or {}
        return found[0].get("Status") != "available" or bool(waiting.get("AuthTokenStatus"))

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        return self.output({"group": reply["ReplicationGroup"]}) if action.creates else {}

    def discover(self, aws: Aws) -> list[Found]:
        found = aws.pages("elasticache", "DescribeReplicationGroups", "ReplicationGroups")
        return [Found(g["ReplicationGroupId"]) for g in found]
