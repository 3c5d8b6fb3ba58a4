"""ReplicationGroup: Redis or Valkey on Amazon ElastiCache, one primary or several with replicas.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ReplicationGroup.html
One AWS resource, found by its id, and its nodes (cache clusters), which carry the group's id. Its
final snapshot, taken when it is deleted, is named after it and its creation and belongs to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from functools import partial
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
from controller.kindlib import elasticache_document as document
from controller.kindlib.elasticache_create import creation
from controller.kindlib.elasticache_modify import SET_STEP, modifications
from controller.kindlib.elasticache_observe import arn_of
from controller.kindlib.elasticache_observe import observed as look
from controller.kindlib.kms import KmsKey
from controller.kindlib.reading import all_unknown
from controller.kindlib.resource_tags import tag_actions
from controller.kindlib.values import SecurityGroupId, number
from controller.kindlib.versions import VersionText, minor_upgrade
from controller.kindlib.windows import HourDaily, HourWeekly
from controller.policies import (
    ActionOption,
    AnyWhenUndeclared,
    CaseInsensitive,
    CreateOnly,
    Doc,
    OwnedBy,
    ServerDefault,
    Situation,
    Unordered,
    VersionPrefix,
)
from controller.spec import Arn, Model, Outputs, SecretText, Taggable, holds_reference, text

_GLOBAL = OwnedBy("the global datastore", document.in_global_datastore, cases=(108, 109))


def _upgraded(situation: Situation, wanted: Any, live: Any) -> bool:
    return document.in_global_datastore(situation, wanted, live) or minor_upgrade(
        situation, wanted, live
    )


def _default_group(situation: Situation) -> Any:
    """AWS's own group, whatever its family: `default.redis7.cluster.on` (123)."""
    name = situation.live.get("cacheParameterGroupName")
    return name if str(name).startswith("default.") else None


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

    description: Annotated[str | None, AnyWhenUndeclared(), Field(min_length=1, max_length=255)] = (
        None
    )
    """What it is for. AWS demands one: ours names the manifest."""

    engine: Annotated[Literal["redis", "valkey"], CaseInsensitive(), _GLOBAL] = "redis"
    """Redis OSS, or Valkey, its cheaper successor. From redis to valkey AWS upgrades in place;
    there is no way back."""

    engine_version: Annotated[
        VersionText | None,
        VersionPrefix(cases=(102,)),
        OwnedBy("AWS's minor version upgrades, or a global datastore", _upgraded, cases=(61, 108)),
        AnyWhenUndeclared(cases=(103,)),
    ] = None
    """Version as AWS takes it: `"7.1"`, `"6.x"`; AWS shows 7.1.0. Never lowered. Undeclared: AWS's
    newest at creation (redis: 7.1)."""

    cache_node_type: Annotated[
        str,
        AfterValidator(
            text(r"cache\.[a-z0-9]+\.[a-z0-9]+", says="must be a node type, as cache.t4g.small")
        ),
        _GLOBAL,
    ]
    """CPU and memory of each node. A change fails over."""

    num_node_groups: Annotated[int, Field(ge=1, le=500), _GLOBAL] = 1
    """Shards. More than one needs `clusterMode: enabled` and clients that speak it. Can grow;
    fewer is reported and blocked."""

    replicas_per_node_group: Annotated[int, Field(ge=0, le=5)] = 1
    """Replicas of each shard's primary: the one spelling that is compared and shown (115)."""

    num_cache_clusters: Annotated[int | None, Field(ge=1, le=6), ActionOption(cases=(115,))] = None
    """Nodes of a group with one shard: the primary and its replicas. Another way to write
    `replicasPerNodeGroup`, which is one less, and taken for it."""

    cluster_mode: Annotated[
        Literal["enabled", "disabled", "compatible"] | None, ServerDefault("disabled", cases=(118,))
    ] = None
    """Whether keys are spread over shards. LiteLLM, n8n and Twenty want AWS's default, `disabled`.
    From there to `enabled` the way leads over `compatible`, and not back."""

    automatic_failover_enabled: Annotated[bool, ServerDefault(False), _GLOBAL] = True
    """Promote a replica when the primary fails. AWS's own default is false. Needs a replica."""

    multi_az: bool = Field(default=True, alias="multiAZ")
    """Put replicas into other availability zones. AWS's own default is false. Needs failover."""

    transit_encryption_enabled: bool = True
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

    user_group_ids: Annotated[
        list[str], Unordered(cases=(105,)), CaseInsensitive(), Field(max_length=1)
    ] = Field(default_factory=list)
    """Id of the user group whose users may log in (RBAC), instead of `authToken`."""

    allow_unauthenticated: Annotated[bool, ActionOption()] = False
    """Write true to have neither `authToken` nor `userGroupIds`: whoever reaches the port reads
    and writes. No AWS parameter, only a consent."""

    at_rest_encryption_enabled: Annotated[bool, CreateOnly(cases=(107,))] = True
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
        str | None, CaseInsensitive(cases=(105,)), ServerDefault(_default_group, cases=(123,)),
        _GLOBAL,
    ] = None  # fmt: skip
    """Its settings: `${CacheParameterGroup.main.name}`. Undeclared: AWS's default group."""

    port: Annotated[int | None, Field(ge=1024, le=65535), ServerDefault(6379), CreateOnly()] = None
    """TCP port; AWS's default is 6379. Fixed at creation."""

    auto_minor_version_upgrade: Annotated[bool, ServerDefault(True), _GLOBAL] = True
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

    ip_discovery: Annotated[Literal["ipv4", "ipv6"] | None, ServerDefault("ipv4", (118,))] = None
    """Which addresses clients are told. AWS's default is `ipv4`."""

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data: Any) -> Any:
        """One spelling of the number of nodes, and TLS required where it is on (115)."""
        if not isinstance(data, dict):
            return data
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
        found = [*self._node_complaints(), *self._access_complaints(), *self._version_complaints()]
        if found:
            raise ValueError("; ".join(found))
        return self

    def _node_complaints(self) -> Iterable[str]:
        replicas, shards = number(self.replicas_per_node_group), number(self.num_node_groups)
        failover, clustered = self.automatic_failover_enabled, self.cluster_mode == "enabled"
        if self.multi_az is True and failover is False:
            yield "multiAZ: needs automaticFailoverEnabled: true"
        if replicas == 0 and self.multi_az is True:
            yield "multiAZ: needs replicasPerNodeGroup of at least 1"
        if replicas == 0 and failover is True and not clustered:
            yield "automaticFailoverEnabled: needs replicasPerNodeGroup of at least 1"
        if self.num_cache_clusters is not None and shards != 1:
            yield "numCacheClusters: only with one shard; else write replicasPerNodeGroup"
        if clustered and failover is False:
            yield "automaticFailoverEnabled: can't be false with clusterMode: enabled"
        if shards and shards > 1 and self.cluster_mode in (None, "disabled"):
            yield "numNodeGroups: more than one needs clusterMode: enabled"
        tiered = self.cache_node_type.startswith("cache.r6gd.")
        if tiered != (self.data_tiering_enabled is True) and not holds_reference(
            self.cache_node_type
        ):
            yield "dataTieringEnabled: true for cache.r6gd nodes, and only for them"

    def _access_complaints(self) -> Iterable[str]:
        off = self.transit_encryption_enabled is False
        if off and self.transit_encryption_mode is not None:
            yield "transitEncryptionMode: means nothing with transitEncryptionEnabled: false"
        if self.transit_encryption_mode == "preferred" and self.auth_token:
            yield "authToken: needs transitEncryptionMode: required"
        if off and self.auth_token:
            yield "authToken: needs transitEncryptionEnabled: true"
        if off and self.user_group_ids:
            yield "userGroupIds: needs transitEncryptionEnabled: true"
        if self.auth_token and self.user_group_ids:
            yield "authToken and userGroupIds exclude each other"
        if not (self.auth_token or self.user_group_ids or self.allow_unauthenticated):
            yield (
                "authToken or userGroupIds is needed; without either, whoever reaches the port "
                "may do anything: write allowUnauthenticated: true if that is meant"
            )
        if self.kms_key_id and self.at_rest_encryption_enabled is False:
            yield "kmsKeyId: means nothing with atRestEncryptionEnabled: false"

    def _version_complaints(self) -> Iterable[str]:
        version = self.engine_version
        if version is None or holds_reference(version) or holds_reference(self.engine):
            return
        good = r"[7-9]\.\d+" if self.engine == "valkey" else r"6\.x|[67]\.\d+|[2-5]\.\d+\.\d+"
        if not re.fullmatch(good, version):
            form = "major.minor, as 8.0" if self.engine == "valkey" else "major.minor, as 7.1"
            yield f"engineVersion: AWS takes {form} for {self.engine}, not {version}"


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
        if isinstance(observed, Absent):
            return [creation(target)]
        # Tags first: AWS takes none while it modifies the group.
        tags = [c for c in changes if c.top == "tags"]
        first = tag_actions("elasticache", arn_of(target, observed.doc["group"]), tags)
        return first + modifications(target, observed.doc, changes)

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
        if action.step == SET_STEP:
            found = aws.pages(
                "elasticache", "DescribeReplicationGroups", "ReplicationGroups",
                {"ReplicationGroupId": target.name},
            )  # fmt: skip
            waiting = found[0].get("PendingModifiedValues") or {}
            if found[0].get("Status") != "available" or waiting.get("AuthTokenStatus"):
                raise AwsFailure(
                    "busy", "InvalidReplicationGroupState",
                    "the new token is still being added beside the old one",
                    "elasticache:ModifyReplicationGroup",
                )  # fmt: skip
        return super().apply(aws, target, action, params)

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        return self.output({"group": reply["ReplicationGroup"]}) if action.creates else {}

    def discover(self, aws: Aws) -> list[Found]:
        found = aws.pages("elasticache", "DescribeReplicationGroups", "ReplicationGroups")
        return [Found(g["ReplicationGroupId"]) for g in found]
