"""Reading ECS services: the service, the revision it runs, its autoscaling, its failed roll-out.

Two waves of parallel reads: services (ten a call and cluster), scalable targets and policies
first; then, per service, what only the first wave's answer tells to read. In a steady pass the
second wave is empty, since revisions are cached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.batching import batches
from controller.handler import Absent, Observation, Present, Target, Unknown
from controller.kindlib.autoscaling import by_service, policy_reads, read_schedule, read_targets
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG, tag_map
from controller.kindlib.service_parts import strategy_spec
from controller.kindlib.task_definition import TASK_FIELDS, read_definition
from controller.kindlib.within import mapping
from controller.policies import Doc
from controller.spec import holds_reference

ROLLOUT_FIELDS = (
    "networkConfiguration", "loadBalancers", "platformVersion", "capacityProviderStrategy",
    "launchType", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations",
    "vpcLatticeConfigurations",
)  # fmt: skip
"""Fields beside the task's that a service revision holds: a roll-back restores them too."""

_THEIRS = {
    "CODE_DEPLOY": ROLLOUT_FIELDS,
    "EXTERNAL": (*ROLLOUT_FIELDS, "deployment", "enableExecuteCommand"),
}
"""Deployment controller → fields that UpdateService does not change then (case 40)."""

Place = tuple[str, str]
"""A cluster, by name or ARN, and a service's name."""


@dataclass
class _First:
    """What the first wave found. failed: why the services of a cluster could not be read."""

    services: dict[Place, Doc] = field(default_factory=dict)
    failed: dict[Place, str] = field(default_factory=dict)
    targets: dict[str, Doc] = field(default_factory=dict)
    policies: dict[str, list[Doc]] = field(default_factory=dict)
    scaling_failure: str = ""


def cluster_name(cluster: str) -> str:
    """The name of a cluster given by name or ARN (case 32)."""
    return cluster.rpartition("/")[2]


def resource_id(cluster: str, service: str) -> str:
    """How Application Auto Scaling calls the service."""
    return f"service/{cluster_name(cluster)}/{service}"


def observe_services(
    aws: Aws, targets: Sequence[Target], differs: Callable[[Target, Doc], bool]
) -> dict[str, Observation]:
    """Look at all services. differs: whether what a document says may not be what is wanted.

    A service whose cluster is not known (its reference is not filled in yet, or nothing but its
    name is remembered) is looked for in all clusters.
    """
    observed: dict[str, Observation] = {}
    wanted: dict[str, list[Place]] = {}
    for target in targets:
        cluster = target.spec.get("cluster")
        if cluster is not None and not holds_reference(cluster):
            wanted[target.key] = [(place, target.name) for place in _places(target, str(cluster))]
            continue
        try:
            wanted[target.key] = [(c, target.name) for c in all_clusters(aws)]
        except AwsFailure as failure:
            observed[target.key] = Unknown(str(failure))
    first = _first_wave(aws, sorted({p for places in wanted.values() for p in places}))
    jobs: dict[str, Callable[[], Present]] = {}
    for target in targets:
        if target.key not in wanted:
            continue
        answer = _found(target, wanted[target.key], first)
        if isinstance(answer, dict):
            jobs[target.key] = partial(_second_wave, aws, target, answer, first, differs)
        else:
            observed[target.key] = answer
    observed |= zip(jobs, aws.gather(*jobs.values()), strict=True)
    return {t.key: observed[t.key] for t in targets}


def _places(target: Target, cluster: str) -> list[str]:
    """The cluster that is wanted, and the one that the service was last made in: it can't move."""
    before = mapping(target.last).get("cluster")
    if not isinstance(before, str) or cluster_name(before) == cluster_name(cluster):
        return [cluster]
    return [cluster, before]


def all_clusters(aws: Aws) -> list[str]:
    """ARNs of all clusters, listed once in a pass. Raises `AwsFailure`."""
    found: list[str] = aws.once(
        "ecs clusters", lambda: aws.pages("ecs", "ListClusters", "clusterArns")
    )
    return found


def _first_wave(aws: Aws, places: Sequence[Place]) -> _First:
    first = _First()
    if not places:
        return first
    by_cluster: dict[str, list[str]] = {}
    for cluster, name in places:
        by_cluster.setdefault(cluster, []).append(name)
    asked = [(c, list(b)) for c, names in by_cluster.items() for b in batches(names, 10)]
    ids = [resource_id(c, n) for c, n in places]
    answers = aws.gather(
        *(partial(_describe, aws, c, names) for c, names in asked),
        partial(read_targets, aws, ids),
        *policy_reads(aws, ids),
    )
    described, (scalable, *policies) = answers[: len(asked)], answers[len(asked) :]
    for (cluster, names), answer in zip(asked, described, strict=True):
        if isinstance(answer, AwsFailure):
            if answer.failure != "not-found":
                first.failed |= {(cluster, name): str(answer) for name in names}
            continue
        for service in answer.get("services") or ():
            first.services[cluster, service["serviceName"]] = service
        for failure in answer.get("failures") or ():
            if failure.get("reason") != "MISSING":
                name = cluster_name(str(failure.get("arn", "")))
                first.failed[cluster, name] = f"ecs:DescribeServices: {failure.get('reason')}"
    for answer in (scalable, *policies):
        if isinstance(answer, AwsFailure):
            first.scaling_failure = str(answer)
    if not first.scaling_failure:
        first.targets = scalable
        first.policies = by_service(policy for answer in policies for policy in answer)
    return first


def _describe(aws: Aws, cluster: str, names: Sequence[str]) -> Any:
    request = {"cluster": cluster, "services": list(names), "include": ["TAGS"]}
    return aws.read("ecs", "DescribeServices", request)


def _found(target: Target, places: Sequence[Place], first: _First) -> Doc | Absent | Unknown:
    """The one service that a target means, or what else is known of it."""
    for place in places:
        if place in first.failed:
            return Unknown(first.failed[place])
    here = [first.services[p] for p in places if p in first.services]
    alive = [s for s in here if s.get("status") != "INACTIVE"]
    cluster = target.spec.get("cluster")
    if cluster is None or holds_reference(cluster):
        ours = [s for s in alive if _is_ours(target, s)]
        # Others' services of that name elsewhere say nothing of a cluster that is yet to be made.
        alive = ours if ours or cluster is not None else alive
    elif len(places) > 1:  # where it was last counts if it is not where it is wanted
        alive = [first.services[p] for p in places[:1] if first.services.get(p) in alive] or [
            s for s in alive if _is_ours(target, s)
        ]
    if not alive:
        return Absent()
    if len(alive) > 1:
        clusters = ", ".join(sorted(cluster_name(s["clusterArn"]) for s in alive))
        return Unknown(f"{target.name} is in several clusters: {clusters}")
    if alive[0].get("status") == "DRAINING":
        return Unknown(
            "the service is being deleted (DRAINING): it can be made again when its tasks have "
            "stopped"
        )
    return alive[0]


def _is_ours(target: Target, service: Mapping[str, Any]) -> bool:
    tags = tag_map(service.get("tags"), "key")
    return all(tags.get(k) == target.tags.get(k) for k in (ENVIRONMENT_TAG, RESOURCE_TAG))


def _second_wave(
    aws: Aws, target: Target, service: Doc, first: _First, differs: Callable[[Target, Doc], bool]
) -> Present:
    """The service with the revision it runs and, where something differs, why it may."""
    doc: Doc = {"service": service}
    unknown: dict[str, str] = {}
    where = resource_id(service["clusterArn"], service["serviceName"])
    if first.scaling_failure:
        unknown |= dict.fromkeys(("autoscaling", "desiredCount"), first.scaling_failure)
    elif where in first.targets:
        doc["scalableTarget"] = first.targets[where]
        doc["scalingPolicies"] = first.policies.get(where, [])
        try:
            if _schedule_matters(target, doc["scalableTarget"]):
                doc["scheduledActions"] = read_schedule(aws, where)
        except AwsFailure as failure:
            unknown |= dict.fromkeys(("autoscaling", "desiredCount"), str(failure))
    controller = (service.get("deploymentController") or {}).get("type") or "ECS"
    if controller != "ECS":  # case 40
        return _of_another(aws, doc, controller, unknown)
    if _on_default(target, service):
        doc["clusterDefault"] = _cluster_default(aws, service["clusterArn"])
    if not service.get("taskDefinition"):
        return Present(doc, unknown)
    try:
        doc["taskDefinition"] = read_definition(aws, service["taskDefinition"])["taskDefinition"]
    except AwsFailure as failure:
        return Present(doc, unknown | dict.fromkeys(TASK_FIELDS, str(failure)))
    try:
        if differs(target, doc):
            doc["failed"] = _rolled_back(aws, service)
    except AwsFailure as failure:
        unknown |= dict.fromkeys((*TASK_FIELDS, *ROLLOUT_FIELDS), str(failure))
    return Present(doc, unknown)


def _of_another(aws: Aws, doc: Doc, controller: str, unknown: dict[str, str]) -> Present:
    """A service whose roll-outs belong to CodeDeploy or others: its tasks are in a task set."""
    service = doc["service"]
    sets = service.get("taskSets") or ()
    primary: Mapping[str, Any] = next((t for t in sets if t.get("status") == "PRIMARY"), {})
    doc["taskSet"] = primary
    owner = f"deployment controller {controller}"
    owned = dict.fromkeys((*TASK_FIELDS, *_THEIRS.get(controller, ROLLOUT_FIELDS)), owner)
    if arn := primary.get("taskDefinition") or service.get("taskDefinition"):
        try:
            doc["taskDefinition"] = read_definition(aws, arn)["taskDefinition"]
        except AwsFailure as failure:
            unknown = unknown | dict.fromkeys(TASK_FIELDS, str(failure))
    return Present(doc, unknown, owned)


def _on_default(target: Target, service: Mapping[str, Any]) -> bool:
    """True where the cluster's default strategy may have been filled in (case 49)."""
    said = {"launchType", "capacityProviderStrategy"} & set(target.spec)
    return bool(service.get("capacityProviderStrategy")) and not said


def _cluster_default(aws: Aws, cluster: str) -> Doc | None:
    """The cluster's default capacity provider strategy; None if it can't be read."""

    def read() -> Any:
        return aws.read("ecs", "DescribeClusters", {"clusters": [cluster]})

    try:
        found = aws.once(("ecs cluster", cluster), read).get("clusters") or [{}]
    except AwsFailure:
        return None
    return strategy_spec(found[0].get("defaultCapacityProviderStrategy"))


def _schedule_matters(target: Target, live: Mapping[str, Any]) -> bool:
    """True where scheduled actions are or were ours, may have moved the bounds, or are to be
    imported."""
    wanted = target.spec.get("autoscaling")
    if not isinstance(wanted, Mapping):
        return True
    had = mapping(mapping(target.last).get("autoscaling")).get("scheduledActions")
    return bool(wanted.get("scheduledActions") or had) or _bounds_moved(target, live)


def _bounds_moved(target: Target, live: Mapping[str, Any]) -> bool:
    wanted = target.spec.get("autoscaling") or {}
    return any(
        wanted.get(ours) is not None and wanted[ours] != live.get(theirs)
        for ours, theirs in (("minCapacity", "MinCapacity"), ("maxCapacity", "MaxCapacity"))
    )


def _rolled_back(aws: Aws, service: Mapping[str, Any]) -> Doc:
    """The service's newest deployment, if AWS gave it up and went back. Raises `AwsFailure`.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
    """
    deployments = aws.pages(
        "ecs",
        "ListServiceDeployments",
        "serviceDeployments",
        {"cluster": service["clusterArn"], "service": service["serviceName"]},
    )
    newest = max(deployments, key=lambda d: d["createdAt"], default=None)
    if newest is None or not str(newest.get("status", "")).startswith("ROLLBACK_"):
        return {}
    reply = aws.read(
        "ecs",
        "DescribeServiceRevisions",
        {"serviceRevisionArns": [newest["targetServiceRevisionArn"]]},
    )
    revisions = reply.get("serviceRevisions") or []
    if not revisions:
        return {}
    revision = revisions[0]
    definition = read_definition(aws, revision["taskDefinition"])["taskDefinition"]
    return {"deployment": newest, "revision": revision, "taskDefinition": definition}
