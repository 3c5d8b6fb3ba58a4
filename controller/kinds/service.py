"""Service: an ECS service with the task it runs and its autoscaling.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
Four kinds of AWS resources behind one manifest, each found again after a crash:
- the task definition: the revision that the service runs, else the newest of the family (named as
  the service) that bears our tags and says what is wanted;
- the service: by cluster and name;
- the scalable target: by the service's resource id, `service/<cluster>/<service>`;
- scaling policies: by their name, `<service>-<key>`.
Old revisions stay when a service is deleted: they cost nothing, and are its history.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from controller.aws import Aws, AwsFailure
from controller.diff import Change, Views, diff
from controller.fields import Field as FieldTree
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
)
from controller.kindlib.autoscaling import Autoscaling, autoscaling_spec, clamp_to_bounds
from controller.kindlib.autoscaling_calls import deregister, not_seen_yet, scaling_actions
from controller.kindlib.planning import by_field, paths
from controller.kindlib.reading import tag_map
from controller.kindlib.service_calls import create, register, retag, update
from controller.kindlib.service_connect import ServiceConnect
from controller.kindlib.service_deployment import DAEMON_PERCENT, Deployment, deployment_spec
from controller.kindlib.service_document import in_force, revision_spec
from controller.kindlib.service_parts import (
    FARGATE,
    LoadBalancer,
    NetworkConfiguration,
    PlacementConstraint,
    PlacementStrategy,
    ServiceRegistry,
    Strategy,
    check_load_balancers,
)
from controller.kindlib.service_reading import (
    ROLLOUT_FIELDS,
    all_clusters,
    cluster_name,
    observe_services,
    resource_id,
)
from controller.kindlib.service_rules import REFUSED, service_problems
from controller.kindlib.service_volumes import LatticeTarget, VolumeConfiguration
from controller.kindlib.shapes import project
from controller.kindlib.task_definition import (
    TASK_FIELDS,
    registered_already,
    task_spec,
    wanted_task,
)
from controller.kindlib.task_spec import TaskSpec
from controller.policies import (
    AnyWhenUndeclared,
    Canonical,
    CreateOnly,
    Doc,
    OwnedBy,
    ServerDefault,
    Situation,
    Unordered,
    Withdrawn,
)
from controller.references import escape
from controller.spec import Outputs


def _count_is_owned(situation: Situation, wanted: Any, live: Any) -> bool:
    """Cases 34 and 35: the autoscaler chooses between its bounds, a daemon runs everywhere."""
    if "DAEMON" in (s.get("schedulingStrategy") for s in (situation.desired, situation.live)):
        return True
    if "autoscaling" in situation.desired:
        return bool(clamp_to_bounds(situation, live) == live)
    return "autoscaling" in situation.live


def _cluster_tail(value: Any) -> Any:
    return value.rpartition("/")[2] if isinstance(value, str) else value


def _way_back(situation: Situation) -> bool:
    """AWS leads back from capacity providers to the launch type that is behind them."""
    providers = situation.live.get("capacityProviderStrategy") or {}
    behind = "FARGATE" if all(p in FARGATE for p in providers) else "EC2"
    return bool(providers) and situation.desired.get("launchType") == behind


def _cluster_default(situation: Situation) -> Any:
    """Case 49: what the cluster says, where the service says neither strategy nor launch type."""
    live = situation.live.get("capacityProviderStrategy")
    if "launchType" in situation.desired:
        return live  # told as a change of the launch type
    known = situation.raw.get("clusterDefault")
    return live if known is None else known


class ServiceSpec(TaskSpec):
    """A number of equal tasks, kept running, replaced without a gap, scaled by load."""

    cluster: Annotated[str, Canonical(_cluster_tail, cases=(32,)), CreateOnly()]
    """Name or ARN of the cluster. A service can't move: in another cluster it is another one."""

    desired_count: Annotated[
        Annotated[int, Field(ge=0)] | None,
        OwnedBy("Application Auto Scaling", _count_is_owned, clamp_to_bounds, cases=(34, 35)),
    ] = None
    """Number of tasks. With `autoscaling`: how many to start with; then the autoscaler decides."""

    autoscaling: Annotated[Autoscaling | None, Withdrawn()] = None
    """Let load decide how many tasks there are. AWS's default is a fixed number: taken out of the
    file, scaling ends."""

    launch_type: Annotated[
        Literal["FARGATE", "EC2", "EXTERNAL", "MANAGED_INSTANCES"] | None,
        AnyWhenUndeclared(cases=(50,)),
        CreateOnly(unless=_way_back),
    ] = None
    """Where tasks run. FARGATE unless `capacityProviderStrategy` says otherwise. A strategy may
    take its place and give it back; from one launch type to another there is no other way."""

    capacity_provider_strategy: Annotated[
        Strategy | None, ServerDefault(_cluster_default, cases=(49,))
    ] = None
    """Instead of `launchType`: how tasks are spread over capacity providers, by name. AWS's
    default, if neither is written, is the cluster's."""

    platform_version: Annotated[str | None, AnyWhenUndeclared(cases=(43,))] = None
    """Version of Fargate to hold on to, such as 1.4.0. AWS's default, LATEST, is left unwritten."""

    network_configuration: NetworkConfiguration | None = None
    """Subnets and security groups of the tasks; needed with `awsvpc`."""

    load_balancers: Annotated[
        list[LoadBalancer],
        Unordered(("targetGroupArn", "loadBalancerName", "containerName"), cases=(40,)),
    ] = Field(default_factory=list)
    """Target groups that the tasks are registered in, all of them, at most 5."""

    service_registries: Annotated[list[ServiceRegistry], Unordered(("registryArn",))] = Field(
        default_factory=list
    )
    """Cloud Map services that the tasks are registered in: one, for AWS."""

    service_connect_configuration: ServiceConnect | None = None
    """Service Connect: names for services, and a proxy in each task. AWS shows it in the
    deployments only: the one in force counts (case 52). AWS's default is none."""

    volume_configurations: dict[str, VolumeConfiguration] | None = None
    """What the volumes with `configuredAtLaunch` are, by name. Each task gets its own."""

    vpc_lattice_configurations: Annotated[
        list[LatticeTarget] | None, Unordered(("targetGroupArn",))
    ] = None
    """VPC Lattice target groups that the tasks are registered in, all of them."""

    placement_constraints: list[PlacementConstraint] | None = None
    """Where tasks may be placed, for EC2 only, all of them, at most 10, in order (case 15)."""

    placement_strategy: list[PlacementStrategy] | None = None
    """How tasks are spread over instances, for EC2 only, in order, at most 5."""

    health_check_grace_period_seconds: Annotated[
        Annotated[int, Field(ge=0, le=2_147_483_647)] | None, ServerDefault(0)
    ] = None
    """Seconds after its start in which a task's failed health checks don't count. An application
    that takes long to start needs it. AWS's default is 0."""

    deployment: Deployment = Field(default_factory=Deployment)
    """How a new revision is rolled out."""

    deployment_controller: Annotated[
        Literal["ECS", "CODE_DEPLOY", "EXTERNAL"] | None,
        ServerDefault("ECS", cases=(39,)),
        CreateOnly(),
    ] = None
    """Who rolls out. With another than ECS, AWS's default, tasks and target groups are theirs."""

    scheduling_strategy: Annotated[
        Literal["REPLICA", "DAEMON"], ServerDefault("REPLICA", cases=(45,)), CreateOnly()
    ] = "REPLICA"
    """REPLICA: a number of tasks. DAEMON: one on each container instance, never on Fargate."""

    enable_execute_command: Annotated[bool, ServerDefault(False, cases=(45,))] = False
    """Allow a shell in running containers (ECS Exec). AWS's default is false."""

    enable_ecs_managed_tags: Annotated[bool, ServerDefault(False, cases=(45,))] = Field(
        default=True, alias="enableECSManagedTags"
    )
    """Tag tasks with cluster and service, so that costs can be told apart. AWS's own default is
    false."""

    propagate_tags: Annotated[
        Literal["SERVICE", "TASK_DEFINITION", "NONE"], ServerDefault("NONE", cases=(42,))
    ] = "SERVICE"
    """Whose tags new tasks get. AWS's own default is NONE."""

    availability_zone_rebalancing: Annotated[bool | None, AnyWhenUndeclared()] = None
    """Move tasks when zones are uneven. AWS's default is true; false for a DAEMON and for services
    made before it existed. Needs `deployment.maximumPercent` above 100."""

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for name in data:
            if name in REFUSED:
                raise ValueError(f"{name}: {REFUSED[name]}")
        said = {"launchType", "capacityProviderStrategy"} & set(data)
        checked = data.get("requiresCompatibilities", ["FARGATE"])
        if not said and "FARGATE" in (checked or ()) and data.get("containers"):
            data = {**data, "launchType": "FARGATE"}
        deployment = data.get("deployment", {})
        if data.get("schedulingStrategy") == "DAEMON" and isinstance(deployment, dict):
            data = {**data, "deployment": {**DAEMON_PERCENT, **deployment}}
        return data

    @model_validator(mode="after")
    def _service_is_possible(self) -> ServiceSpec:
        if self.launch_type is not None and self.capacity_provider_strategy is not None:
            raise ValueError("launchType or capacityProviderStrategy, not both")
        if self.network_mode in ("bridge", "host", "none") and self.network_configuration:
            raise ValueError(f"networkConfiguration: not with networkMode {self.network_mode}")
        if self.scheduling_strategy == "DAEMON" and (
            self.desired_count is not None or self.autoscaling is not None
        ):
            raise ValueError(
                "schedulingStrategy: a DAEMON has neither desiredCount nor autoscaling"
            )
        if self.deployment_controller in (None, "ECS"):
            check_load_balancers(self.load_balancers, self.containers)
        if self.platform_version == "LATEST":
            raise ValueError("platformVersion: leave it out for LATEST")
        return self


class ServiceOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN of the service."""

    task_definition_arn: str
    """ARN of the revision that the service runs."""

    resource_id: str
    """`service/<cluster>/<service>`, as Application Auto Scaling wants it."""


def _outputs(service: Mapping[str, Any]) -> Doc:
    out = {
        "name": service["serviceName"],
        "arn": service["serviceArn"],
        "resourceId": resource_id(service["clusterArn"], service["serviceName"]),
    }
    if service.get("taskDefinition"):
        out["taskDefinitionArn"] = service["taskDefinition"]
    return out


def _apart(target: Target, spec: Doc) -> set[str]:
    """Classes of the differences between the revision that is wanted and the one in `spec`."""
    root = fields_of(ServiceSpec)
    names = (*TASK_FIELDS, *ROLLOUT_FIELDS)
    fields = FieldTree("", "object", members={n: root.members[n] for n in names})
    live = escape(spec)
    views = Views(target.spec, live, None, {}, {}, {}, Situation(target.spec, live))
    return {c.cls for c in diff(fields, views)}


class ServiceHandler(Handler):
    """Knows services, their task definitions and their autoscaling."""

    kind = "Service"
    spec = ServiceSpec
    within = "cluster"
    name_space = "task definition"
    outputs = ServiceOutputs
    name_pattern = r"[A-Za-z0-9_-]{1,255}"
    name_says = "1-255 letters, digits, - or _"
    instant = False
    reads: ClassVar = (
        "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions",
        "ecs:ListServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:ListClusters",
        "ecs:ListServices", "ecs:DescribeClusters",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
    )  # fmt: skip
    writes: ClassVar = (
        "ecs:RegisterTaskDefinition", "ecs:CreateService", "ecs:UpdateService",
        "ecs:DeleteService", "ecs:TagResource", "ecs:UntagResource",
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy", "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:PutScheduledAction",
        "application-autoscaling:DeleteScheduledAction",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        def may_differ(target: Target, doc: Doc) -> bool:
            return bool(_apart(target, self.to_spec(doc)) & {"differs", "immutable", "unknown"})

        observed = observe_services(aws, targets, may_differ)
        for target in targets:
            seen = observed[target.key]
            if not isinstance(seen, Present) or not seen.doc.get("failed"):
                continue
            if _apart(target, self.failed(seen.doc)) & {"differs", "immutable"}:
                # By now something else is wanted: as a whole it has not failed yet.
                observed[target.key] = replace(seen, doc={**seen.doc, "failed": {}})
        return observed

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        service = in_force(doc)
        out: Doc = {
            **service,
            **revision_spec(service),
            "tags": tag_map(service.get("tags"), "key"),
            "cluster": cluster_name(service["clusterArn"]),
            "deployment": deployment_spec(service.get("deploymentConfiguration") or {}),
            "deploymentController": (service.get("deploymentController") or {}).get("type"),
            "enableExecuteCommand": bool(service.get("enableExecuteCommand")),
            "enableECSManagedTags": bool(service.get("enableECSManagedTags")),
            "propagateTags": service.get("propagateTags") or "NONE",
            "schedulingStrategy": service.get("schedulingStrategy") or "REPLICA",
            "availabilityZoneRebalancing": service.get("availabilityZoneRebalancing") == "ENABLED",
        }
        if service.get("capacityProviderStrategy"):
            out.pop("launchType", None)
        if out["schedulingStrategy"] == "DAEMON":
            out.pop("desiredCount", None)
        if target := doc.get("scalableTarget"):
            out["autoscaling"] = autoscaling_spec(
                service["serviceName"], target, doc.get("scalingPolicies") or (),
                doc.get("scheduledActions") or (),
            )  # fmt: skip
        spec: Doc = project(fields_of(ServiceSpec), out)
        return {**spec, **(task_spec(doc["taskDefinition"]) if "taskDefinition" in doc else {})}

    def imported(self, doc: Mapping[str, Any]) -> Doc:
        """As AWS shows it; how many tasks there are is the autoscaler's, if there is one."""
        spec = self.to_spec(doc)
        if "autoscaling" in spec:
            spec.pop("desiredCount", None)
        return spec

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        return "; ".join(service_problems(spec))

    def failed(self, doc: Mapping[str, Any]) -> Doc:
        """The revision that AWS gave up, if it is the one that is wanted.

        Roll-outs fail as a whole: where another revision is wanted, none of its fields has failed,
        not even those that it shares with the one that did (None, against what is remembered).
        """
        if "failed" not in doc:
            return {}
        if not doc["failed"]:
            return dict.fromkeys((*TASK_FIELDS, *ROLLOUT_FIELDS))
        revision = revision_spec(doc["failed"]["revision"])
        spec: Doc = project(fields_of(ServiceSpec), revision)
        return {**spec, **task_spec(doc["failed"]["taskDefinition"])}

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        service = doc["service"]
        if failed := doc.get("failed"):
            arn = failed["taskDefinition"]["taskDefinitionArn"]
            reason = failed["deployment"].get("statusReason") or "its tasks did not start"
            return Readiness(
                "failed", "RolledBack", f"{_cluster_tail(arn)} was rolled back: {reason}"
            )
        primary: Mapping[str, Any] = next(
            (d for d in service.get("deployments") or () if d.get("status") == "PRIMARY"), {}
        )
        running, wanted = service.get("runningCount", 0), service.get("desiredCount", 0)
        tasks = f"{running} of {wanted} tasks run"
        state, said = primary.get("rolloutState"), primary.get("rolloutStateReason", "")
        if state == "FAILED":
            return Readiness("failed", "RolloutFailed", f"{said} {tasks}".strip())
        if state == "IN_PROGRESS":
            return Readiness("in-progress", "RollingOut", f"{said} {tasks}".strip())
        if running != wanted:
            reason = "TasksStarting" if running < wanted else "TasksStopping"
            return Readiness("in-progress", reason, tasks)
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return _outputs(doc["service"])

    def identity(self, doc: Mapping[str, Any]) -> str:
        born = doc["service"].get("createdAt")
        return str(int(born.timestamp())) if born is not None else ""

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """A task definition is never changed: a new revision is registered where the task differs,
        and UpdateService with all that changed starts one roll-out to it. Bounds and policies of
        the autoscaler, then tags. A new version of a secret that tasks read at their start rolls
        out, too. What AWS has rolled back is not tried again until something else is wanted.

        Capacity providers take the launch type's place, and give it back, only with a new
        deployment. A count outside the autoscaler's bounds is brought inside by registering them.
        """
        if isinstance(observed, Absent):
            return create(target)
        doc = escape(observed.doc)
        service = doc["service"]
        live = self.to_spec(doc)
        fields = by_field(changes)
        actions = []
        stale = [c for c in changes if c.cls == "write_only_stale"]
        task = [c for name in TASK_FIELDS for c in fields.get(name, ()) if c not in stale]
        if doc.get("failed"):
            task = []  # what is wanted was rolled back as a whole: no half of it either
        wanted: Doc = {}
        if task:
            shown = {n: live[n] for n in TASK_FIELDS if n in live}
            wanted = wanted_task(target.spec, shown, task)
            actions.append(register(target, wanted, doc.get("taskDefinition") or {}, task))
        where = resource_id(service["clusterArn"], service["serviceName"])
        scaling = scaling_actions(target, where, live, fields.get("autoscaling", ()), after=())
        counted = fields.get("desiredCount", [])
        bounds = next((a for a in scaling if a.operation == "RegisterScalableTarget"), None)
        if counted and bounds:
            # AWS brings the count between the bounds itself when they are registered.
            done = replace(bounds, changes=(*bounds.changes, *paths(counted)))
            scaling[scaling.index(bounds)] = done
            fields.pop("desiredCount")
        rest = {n: [c for c in found if c not in stale] for n, found in fields.items()}
        actions += update(target, service, live, rest, task, stale, wanted)
        actions += scaling
        return actions + retag(service["serviceArn"], fields.get("tags", ()))

    def delete(self, target: Target, observed: Present) -> list[Action]:
        service = observed.doc["service"]
        actions = []
        after: tuple[str, ...] = ()
        if "scalableTarget" in observed.doc:
            where = resource_id(service["clusterArn"], service["serviceName"])
            actions.append(deregister(where))
            after = ("scalable-target",)
        params = {"cluster": service["clusterArn"], "service": target.name, "force": True}
        actions.append(
            Action("ecs", "DeleteService", params, risk="destructive", step="delete",
                   after=after, deletes=True)
        )  # fmt: skip
        return actions

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned; but a task definition that stands already is not registered once more."""
        if action.operation == "RegisterTaskDefinition":
            if arn := registered_already(aws, target, params):
                return {"taskDefinitionArn": arn}
        elif action.operation == "CreateService":
            params = {**params, "clientToken": uuid.uuid4().hex}
        try:
            return super().apply(aws, target, action, params)
        except AwsFailure as failure:
            raise not_seen_yet(action, failure) from None

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        if action.operation == "RegisterTaskDefinition":
            return {"taskDefinitionArn": reply["taskDefinition"]["taskDefinitionArn"]}
        if action.operation in ("CreateService", "UpdateService"):
            return _outputs(reply["service"])
        return {}

    def discover(self, aws: Aws) -> list[Found]:
        return [
            Found(arn.rpartition("/")[2], {"cluster": cluster_name(cluster)})
            for cluster in all_clusters(aws)
            for arn in aws.pages(
                "ecs", "ListServices", "serviceArns", {"cluster": cluster, "maxResults": 100}
            )
        ]
