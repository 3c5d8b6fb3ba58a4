"""Cluster: an ECS cluster.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html
One AWS resource, found by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure
from controller.batching import batches
from controller.diff import Change, Entry, overlay
from controller.fields import fields_of
from controller.handler import (
    READY,
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
    Unknown,
)
from controller.kindlib.kms import key_id
from controller.kindlib.planning import by_field, paths
from controller.kindlib.reading import tag_list, tag_map
from controller.kindlib.service_calls import retag
from controller.kindlib.service_parts import (
    MOST_PROVIDERS,
    Strategy,
    strategy_problems,
    strategy_request,
    strategy_spec,
)
from controller.kindlib.shapes import by_name, pairs, project
from controller.policies import Canonical, Doc, Keyed, ServerDefault, Unordered
from controller.spec import Model, Outputs, Taggable, holds_reference, text


class ExecuteLogs(Model):
    """Where the sessions of ECS Exec are written to."""

    cloud_watch_log_group_name: str | None = None
    """Log group for the sessions' output; it must exist."""

    cloud_watch_encryption_enabled: Annotated[bool | None, ServerDefault(False)] = None
    """Refuse sessions if the log group is not encrypted. AWS's default is false."""

    s3_bucket_name: str | None = Field(default=None, alias="s3BucketName")
    """Bucket for the sessions' output; it must exist."""

    s3_encryption_enabled: Annotated[bool | None, ServerDefault(False)] = Field(
        default=None, alias="s3EncryptionEnabled"
    )
    """Refuse sessions if the bucket is not encrypted. AWS's default is false."""

    s3_key_prefix: str | None = Field(default=None, alias="s3KeyPrefix")
    """Folder of the bucket."""


class ExecuteCommand(Model):
    """ECS Exec: shells in running containers."""

    kms_key_id: str | None = None
    """KMS key that encrypts the session, beside TLS. AWS's default is TLS alone."""

    logging: Annotated[Literal["NONE", "DEFAULT", "OVERRIDE"] | None, ServerDefault("DEFAULT")] = (
        None
    )
    """DEFAULT: the task's own awslogs configuration. OVERRIDE: as `logConfiguration` says."""

    log_configuration: ExecuteLogs | None = None
    """Where sessions are written to, with OVERRIDE."""

    @model_validator(mode="after")
    def _logs_with_override(self) -> ExecuteCommand:
        if holds_reference(self.logging):
            return self
        if (self.logging == "OVERRIDE") != (self.log_configuration is not None):
            raise ValueError("logConfiguration goes with logging OVERRIDE, and that with it")
        return self


class ManagedStorage(Model):
    """Keys for the disks that ECS manages."""

    kms_key_id: str | None = None
    """KMS key for volumes of managed instances."""

    fargate_ephemeral_storage_kms_key_id: Annotated[str | None, Canonical(key_id)] = None
    """KMS key for the scratch disks of Fargate tasks, by id or ARN: one is shown for the other.
    AWS's default is its own key."""


class Configuration(Model):
    """What holds for all tasks of the cluster."""

    execute_command_configuration: ExecuteCommand | None = None
    """ECS Exec. AWS's default logs sessions as the task logs."""

    managed_storage_configuration: ManagedStorage | None = None
    """Keys for the disks that ECS manages."""


class ServiceConnectDefaults(Model):
    """Service Connect of services that say nothing about it."""

    namespace: Annotated[str, AfterValidator(text(low=1, high=1024))]
    """ARN of the Cloud Map namespace. (AWS takes a name too, and may make a namespace of it.)"""


def _insights() -> dict[Literal["containerInsights"], Literal["enhanced", "enabled", "disabled"]]:
    return {"containerInsights": "enabled"}


class ClusterSpec(Taggable):
    """Where services run."""

    settings: Annotated[
        dict[Literal["containerInsights"], Literal["enhanced", "enabled", "disabled"]],
        Keyed(cases=(54,)),
    ] = Field(default_factory=_insights)
    """containerInsights: metrics of tasks and services, enhanced: of containers too. They cost;
    without them a service's restarts and memory are not seen. AWS's default is the account's; one
    taken out of the file is disabled."""

    capacity_providers: Annotated[list[str] | None, Unordered(cases=(55,))] = None
    """Capacity providers that services may use, such as FARGATE and FARGATE_SPOT. AWS's default
    is none: services then say `launchType`."""

    default_capacity_provider_strategy: Strategy | None = None
    """How tasks are spread over the providers if their service doesn't say. AWS's default is
    none."""

    configuration: Configuration | None = None
    """What holds for all tasks of the cluster."""

    service_connect_defaults: ServiceConnectDefaults | None = None
    """Service Connect of services that say nothing about it. AWS's default is none."""


class ClusterOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN of the cluster."""


class ClusterHandler(Handler):
    """Knows clusters."""

    kind = "Cluster"
    spec = ClusterSpec
    outputs = ClusterOutputs
    name_pattern = r"[A-Za-z][A-Za-z0-9_-]{0,254}"
    name_says = "1-255 letters, digits, - or _, beginning with a letter"
    reads: ClassVar = ("ecs:DescribeClusters", "ecs:ListClusters")
    writes: ClassVar = (
        "ecs:CreateCluster", "ecs:UpdateCluster", "ecs:PutClusterCapacityProviders",
        "ecs:DeleteCluster", "ecs:TagResource", "ecs:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        observed: dict[str, Observation] = {}
        for some in batches(targets, 100):
            request = {
                "clusters": [t.name for t in some],
                "include": ["TAGS", "SETTINGS", "CONFIGURATIONS"],
            }
            try:
                reply = aws.read("ecs", "DescribeClusters", request)
            except AwsFailure as failure:
                observed |= {t.key: Unknown(str(failure)) for t in some}
                continue
            found = {c["clusterName"]: c for c in reply.get("clusters") or ()}
            odd = {
                str(f.get("arn", "")).rpartition("/")[2]: str(f.get("reason"))
                for f in reply.get("failures") or ()
                if f.get("reason") != "MISSING"
            }
            observed |= {t.key: _observed(found.get(t.name), odd.get(t.name)) for t in some}
        return observed

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        cluster = doc["cluster"]
        settings = by_name(cluster.get("settings"), "name", "value")
        out: Doc = {
            **cluster,
            "tags": tag_map(cluster.get("tags"), "key"),
            "settings": {k: v for k, v in settings.items() if k == "containerInsights"},
            "defaultCapacityProviderStrategy": strategy_spec(
                cluster.get("defaultCapacityProviderStrategy")
            ),
        }
        spec: Doc = project(fields_of(ClusterSpec), out)
        return spec

    def imported(self, doc: Mapping[str, Any]) -> Doc:
        """As AWS shows it; old clusters say nothing of Container Insights, and nor do we then."""
        return {"settings": {}, **self.to_spec(doc)}

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        return "; ".join(_problems(spec))

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        status = doc["cluster"].get("status")
        if status == "ACTIVE":
            return READY
        if status == "FAILED":
            return Readiness("failed", "Failed", "its capacity providers could not be made")
        return Readiness("in-progress", "Provisioning", f"status {status}")

    def modifiable(self, doc: Mapping[str, Any]) -> str:
        status = doc["cluster"].get("status")
        if status != "ACTIVE":
            return f"status {status}"
        if doc["cluster"].get("attachmentsStatus") == "UPDATE_IN_PROGRESS":
            return "its capacity providers are being changed"
        return ""

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return {"name": doc["cluster"]["clusterName"], "arn": doc["cluster"]["clusterArn"]}

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One UpdateCluster for settings, configuration and Service Connect; one
        PutClusterCapacityProviders for providers and their default strategy, which AWS replaces
        together; tags by calls of their own.
        """
        spec = target.spec
        if isinstance(observed, Absent):
            return [_create(target)]
        cluster = observed.doc["cluster"]
        live = self.to_spec(observed.doc)
        fields = by_field(changes)
        actions = []
        update = [
            c
            for name in ("settings", "configuration", "serviceConnectDefaults")
            for c in fields.get(name, ())
        ]
        if update:
            merged = overlay(live, spec, update)
            params: Doc = {"cluster": target.name}
            for name in {c.top for c in update}:
                params[name] = merged.get(name)
            if "settings" in params:
                entries = ((c.wanted, c.parts[-1]) for c in fields["settings"])
                gone = {
                    part.key: "disabled"
                    for wanted, part in entries
                    if wanted is None and isinstance(part, Entry)
                }
                params["settings"] = pairs({**merged["settings"], **gone}, "name", "value")
            actions.append(
                Action("ecs", "UpdateCluster", params, paths(update), step="settings")
            )  # fmt: skip
        providers = [
            c
            for name in ("capacityProviders", "defaultCapacityProviderStrategy")
            for c in fields.get(name, ())
        ]
        if providers:
            # AWS replaces both: the one that is not changed goes along as it is.
            merged = overlay(live, spec, providers)
            params = {
                "cluster": target.name,
                "capacityProviders": merged.get("capacityProviders") or [],
                "defaultCapacityProviderStrategy": strategy_request(
                    merged.get("defaultCapacityProviderStrategy") or {}
                ),
            }
            actions.append(
                Action("ecs", "PutClusterCapacityProviders", params, paths(providers),
                       step="capacity-providers")
            )  # fmt: skip
        return actions + retag(cluster["clusterArn"], fields.get("tags", ()))

    def delete(self, target: Target, observed: Present) -> list[Action]:
        return [
            Action("ecs", "DeleteCluster", {"cluster": target.name}, risk="destructive",
                   step="delete", deletes=True)
        ]  # fmt: skip

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        return self.output(reply) if action.operation == "CreateCluster" else {}

    def discover(self, aws: Aws) -> list[Found]:
        arns = aws.pages("ecs", "ListClusters", "clusterArns")
        return [Found(arn.rpartition("/")[2]) for arn in arns]


def _problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """What ECS refuses of a cluster."""
    strategy = spec.get("defaultCapacityProviderStrategy")
    providers = spec.get("capacityProviders")
    yield from strategy_problems(strategy, "defaultCapacityProviderStrategy")
    if isinstance(providers, list) and len(providers) > MOST_PROVIDERS:
        yield f"capacityProviders: at most {MOST_PROVIDERS}, not {len(providers)}"
    if isinstance(strategy, Mapping) and isinstance(providers, list | None):
        missing = set(strategy) - set(providers or ())
        if missing and not any(holds_reference(p) for p in providers or ()):
            yield (
                f"defaultCapacityProviderStrategy: {', '.join(sorted(missing))} must stand in "
                "capacityProviders"
            )
    namespace = str((spec.get("serviceConnectDefaults") or {}).get("namespace") or "arn:")
    if not namespace.startswith("arn:") and not holds_reference(namespace):
        yield (
            f"serviceConnectDefaults.namespace: {namespace} must be the ARN: of a name AWS may "
            "make another one"
        )


def _create(target: Target) -> Action:
    spec = target.spec
    params: Doc = {
        "clusterName": target.name,
        "settings": pairs(spec["settings"], "name", "value"),
        "tags": tag_list(target.tags, "key"),
    }
    for name in ("capacityProviders", "configuration", "serviceConnectDefaults"):
        if name in spec:
            params[name] = spec[name]
    if "defaultCapacityProviderStrategy" in spec:
        params["defaultCapacityProviderStrategy"] = strategy_request(
            spec["defaultCapacityProviderStrategy"]
        )
    return Action("ecs", "CreateCluster", params, step="create", creates=True)


def _observed(cluster: Mapping[str, Any] | None, failure: str | None) -> Observation:
    if failure:
        return Unknown(f"ecs:DescribeClusters: {failure}")
    # A deleted cluster stays visible for a while as INACTIVE.
    if cluster is None or cluster.get("status") == "INACTIVE":
        return Absent()
    return Present({"cluster": cluster})
