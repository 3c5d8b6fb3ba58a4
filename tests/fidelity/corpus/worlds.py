"""From a recording to the AWS that shows it, and to the resources of our kinds in it.

Each file is a world of its own: replies to one operation are alternatives, not pages. What a world
must hold besides comes from another recording that is about the same thing, or is made (`minimal`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.fidelity.corpus import minimal
from tests.fidelity.corpus.recordings import Recording
from tests.fidelity.corpus.replay import World, scope_of

Doc = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Things of a world that a recording shows of one resource; several are alike (nodes)."""

    call: str
    indexes: tuple[int, ...]


@dataclass(frozen=True)
class Subject:
    """A recorded resource of one of our kinds. spec: what of it is known beforehand (`Found`).
    may_be_left_out: why an import need not see it, if it does not."""

    kind: str
    name: str
    world: World
    parts: tuple[Part, ...]
    spec: Mapping[str, Any] = field(default_factory=dict)
    may_be_left_out: str = ""


@dataclass(frozen=True)
class Aside:
    """Something recorded that is no resource of our kinds, and why."""

    name: str
    reason: str


class Library:
    """All sound recordings of a directory, to find what one of them leaves unsaid."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = recordings

    def replies(self, call: str) -> Iterator[Doc]:
        """All replies to an operation."""
        return (r.reply for r in self._recordings if r.call == call and not r.skipped)

    @cached_property
    def definitions(self) -> list[Doc]:
        """Replies of DescribeTaskDefinition."""
        return [r for r in self.replies("ecs:DescribeTaskDefinition") if "taskDefinition" in r]

    @cached_property
    def services(self) -> list[Doc]:
        """ECS services."""
        return [s for r in self.replies("ecs:DescribeServices") for s in r.get("services") or ()]

    @cached_property
    def clusters(self) -> dict[str, Doc]:
        """ECS clusters by ARN."""
        found = (c for r in self.replies("ecs:DescribeClusters") for c in r.get("clusters") or ())
        return {c["clusterArn"]: c for c in found}

    @cached_property
    def scalable(self) -> dict[str, Doc]:
        """Scalable targets of ECS services by resource id."""
        call = "application-autoscaling:DescribeScalableTargets"
        found = (t for r in self.replies(call) for t in r.get("ScalableTargets") or ())
        return {t["ResourceId"]: t for t in found if t["ServiceNamespace"] == "ecs"}

    @cached_property
    def groups(self) -> dict[str, Doc]:
        """Replication groups by id."""
        call = "elasticache:DescribeReplicationGroups"
        found = (g for r in self.replies(call) for g in r.get("ReplicationGroups") or ())
        return {g["ReplicationGroupId"]: g for g in found if g.get("NodeGroups")}

    @cached_property
    def nodes(self) -> dict[str, list[Doc]]:
        """Member clusters by replication group."""
        found: dict[str, list[Doc]] = {}
        for reply in self.replies("elasticache:DescribeCacheClusters"):
            here: dict[str, list[Doc]] = {}
            for node in reply.get("CacheClusters") or ():
                if node.get("ReplicationGroupId"):
                    here.setdefault(node["ReplicationGroupId"], []).append(node)
            found = here | found
        return found

    @cached_property
    def acls(self) -> dict[str, Doc]:
        """Replies of GetWebACL by ARN."""
        found = (r for r in self.replies("wafv2:GetWebACL") if "WebACL" in r)
        return {r["WebACL"]["ARN"]: r for r in found}


Found = Iterator[Subject | Aside]


def contents(recording: Recording, library: Library) -> list[Subject | Aside]:
    """What a sound recording shows."""
    if recording.foreign:
        return [Aside(recording.name, f"no kind of ours is made of {recording.service}")]
    builder = _BUILDERS.get(recording.call)
    if builder is None:
        reason = _NO_RESOURCE.get(recording.operation, "an operation that Plumbline does not read")
        return [Aside(recording.name, reason)]
    try:
        found = list(builder(recording.reply, library))
    except KeyError as missing:
        return [Aside(recording.name, f"it does not say its {missing.args[0]}, as AWS does")]
    return found or [Aside(recording.name, "an empty reply")]


def _world(arn: str, parts: Mapping[str, Sequence[Any]], **tags: Any) -> World:
    region, account = minimal.place_of(arn)
    held = {call: tuple(things) for call, things in parts.items()}
    return World(region or "us-east-1", account or "123456789012", held, **tags)


def _plain(
    call: str, items: str, kind: str, name: str, arn: str, aside: Callable[[Doc], str]
) -> Callable[[Doc, Library], Found]:
    """A list of things that are resources each by itself."""

    def build(reply: Doc, library: Library) -> Found:
        things = reply.get(items) or []
        for index, thing in enumerate(things):
            if reason := aside(thing):
                yield Aside(thing[name], reason)
            else:
                world = _world(thing.get(arn, ""), {call: things})
                yield Subject(kind, thing[name], world, (Part(call, (index,)),))

    return build


def _never(thing: Doc) -> str:
    return ""


def _instances(reply: Doc, library: Library) -> Found:
    """Replies of before 2020 lack the list of tags, which AWS shows since, empty or not."""
    call = "rds:DescribeDBInstances"
    things = [{"TagList": []} | instance for instance in reply.get("DBInstances") or []]
    for index, thing in enumerate(things):
        left = "it is being deleted" if thing.get("DBInstanceStatus") == "deleting" else ""
        world = _world(thing.get("DBInstanceArn", ""), {call: things})
        part = Part(call, (index,))
        yield Subject("DBInstance", thing["DBInstanceIdentifier"], world, (part,), {}, left)


def _default_group(name: str) -> Callable[[Doc], str]:
    def aside(thing: Doc) -> str:
        own = thing[name] == "default" or thing[name].startswith("default.")
        return "AWS's own default group, which nobody can change" if own else ""

    return aside


def _clusters(reply: Doc, library: Library) -> Found:
    call = "ecs:DescribeClusters"
    things = reply.get("clusters") or []
    for index, thing in enumerate(things):
        gone = thing.get("status") in ("INACTIVE", "DEPROVISIONING")
        left = "it is being deleted, or was" if gone else ""
        world = _world(thing["clusterArn"], {call: things})
        yield Subject("Cluster", thing["clusterName"], world, (Part(call, (index,)),), {}, left)


def _service_world(
    services: Sequence[Doc], definitions: Sequence[Doc], library: Library, **more: Sequence[Any]
) -> World:
    """Services with their clusters, the revisions that they run, and their autoscaling."""
    arns = dict.fromkeys(s["clusterArn"] for s in services)
    used = {p["capacityProvider"] for s in services for p in s.get("capacityProviderStrategy", ())}
    clusters = [library.clusters.get(a) or minimal.cluster(a, sorted(used)) for a in arns]
    ids = {resource_id(s) for s in services}
    scaled = [t for i, t in library.scalable.items() if i in ids]
    held: dict[str, Sequence[Any]] = {
        "ecs:DescribeClusters": clusters,
        "ecs:DescribeServices": services,
        "ecs:DescribeTaskDefinition": definitions,
        "application-autoscaling:DescribeScalableTargets": scaled,
    }
    held |= {f"application-autoscaling:{name}": things for name, things in more.items()}
    return _world(services[0]["serviceArn"], held)


def resource_id(service: Mapping[str, Any]) -> str:
    """How Application Auto Scaling calls a service."""
    return f"service/{service['clusterArn'].rpartition('/')[2]}/{service['serviceName']}"


def _definition_of(service: Doc, library: Library) -> list[Doc]:
    """The revision that a service runs: recorded, or another recorded one that fits under its
    name, or made."""
    arn = service.get("taskDefinition")
    if not arn:
        return []
    for reply in library.definitions:
        if reply["taskDefinition"]["taskDefinitionArn"] == arn:
            return [reply]
    for reply in library.definitions:
        if _fits(service, reply["taskDefinition"]):
            family, _, revision = arn.rpartition("/")[2].partition(":")
            name = {"taskDefinitionArn": arn, "family": family, "revision": int(revision or 1)}
            return [{**reply, "taskDefinition": {**reply["taskDefinition"], **name}}]
    return [{"taskDefinition": minimal.definition(service), "tags": []}]


def _fits(service: Doc, definition: Doc) -> bool:
    """Whether AWS would let this service run this task."""
    if (definition.get("networkMode") == "awsvpc") != ("networkConfiguration" in service):
        return False
    wanted = definition.get("requiresCompatibilities") or ["EC2"]
    if service.get("launchType", wanted[0]) not in wanted:
        return False
    ports = {
        c["name"]: {p.get("containerPort") for p in c.get("portMappings") or ()}
        for c in definition["containerDefinitions"]
    }
    return all(
        b.get("containerPort") in ports.get(b.get("containerName", ""), ())
        for b in service.get("loadBalancers") or ()
    )


def _service(service: Doc, world: World, *parts: Part) -> Subject:
    cluster = service["clusterArn"].rpartition("/")[2]
    gone = service.get("status") in ("INACTIVE", "DRAINING")
    return Subject(
        "Service", service["serviceName"], world, parts, {"cluster": cluster},
        "it is being deleted, or was" if gone else "",
    )  # fmt: skip


def _services(reply: Doc, library: Library) -> Found:
    services = reply.get("services") or []
    for index, service in enumerate(services):
        world = _service_world(services, _definition_of(service, library), library)
        yield _service(service, world, Part("ecs:DescribeServices", (index,)))


def _definition(reply: Doc, library: Library) -> Found:
    definition = reply["taskDefinition"]
    arn = definition["taskDefinitionArn"]
    service = next((s for s in library.services if s.get("taskDefinition") == arn), None)
    if service is None:
        head = arn.rpartition(":task-definition/")[0]
        name = f"{head}:service/default/{definition['family']}"
        service = minimal.service(name, f"{head}:cluster/default", definition)
    world = _service_world([service], [reply], library)
    yield _service(service, world, Part("ecs:DescribeTaskDefinition", (0,)))


_SCALABLE = "application-autoscaling:DescribeScalableTargets"


def _scaling(call: str, items: str) -> Callable[[Doc, Library], Found]:
    """Autoscaling of an ECS service, recorded or made; of other things it is not ours."""

    def build(reply: Doc, library: Library) -> Found:
        for thing in reply.get(items) or []:
            if thing.get("ScalableDimension") != "ecs:service:DesiredCount":
                what = thing.get("ScalableDimension") or thing.get("ServiceNamespace")
                yield Aside(thing["ResourceId"], f"autoscaling of something else: {what}")
                continue
            yield _scaled(call, thing, library)

    return build


def _scaled(call: str, thing: Doc, library: Library) -> Subject:
    service = next((s for s in library.services if resource_id(s) == thing["ResourceId"]), None)
    if service is None:
        _, cluster, name = thing["ResourceId"].split("/")
        head = f"arn:aws:ecs:us-east-1:{minimal.place_of(thing.get('RoleARN', ''))[1]}"
        service = {
            "taskDefinition": f"{head}:task-definition/{name}:1", "launchType": "FARGATE",
            "networkConfiguration": {},
        }  # fmt: skip
        service = minimal.service(
            f"{head}:service/{cluster}/{name}", f"{head}:cluster/{cluster}",
            minimal.definition(service),
        )  # fmt: skip
    world = _service_world([service], _definition_of(service, library), library)
    held = world.all(_SCALABLE) or (minimal.scalable_target(thing["ResourceId"]),)
    world = world.having(_SCALABLE, held).having(call, (thing,))
    return _service(service, world, Part(call, (0,)))


def _replication_groups(reply: Doc, library: Library) -> Found:
    call, of_nodes = "elasticache:DescribeReplicationGroups", "elasticache:DescribeCacheClusters"
    groups = reply.get("ReplicationGroups") or []
    nodes = [n for g in groups for n in _nodes_of(g, library)]
    for index, group in enumerate(groups):
        world = _world(group.get("ARN", ""), {call: groups, of_nodes: nodes})
        gone = "it is being deleted" if group.get("Status") == "deleting" else ""
        part = Part(call, (index,))
        yield Subject("ReplicationGroup", group["ReplicationGroupId"], world, (part,), {}, gone)


def _nodes_of(group: Doc, library: Library) -> list[Doc]:
    recorded = library.nodes.get(group["ReplicationGroupId"], [])
    if {n["CacheClusterId"] for n in recorded} == set(group.get("MemberClusters") or ()):
        return recorded
    return minimal.nodes(group)


def _cache_clusters(reply: Doc, library: Library) -> Found:
    call, of_groups = "elasticache:DescribeCacheClusters", "elasticache:DescribeReplicationGroups"
    nodes = reply.get("CacheClusters") or []
    members: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        if node.get("ReplicationGroupId"):
            members.setdefault(node["ReplicationGroupId"], []).append(index)
        else:
            what = "memcached" if node.get("Engine") == "memcached" else "of no replication group"
            yield Aside(node["CacheClusterId"], f"a cache cluster {what}, which is another kind")
    for name, indexes in members.items():
        group = library.groups.get(name)
        ids = {nodes[i]["CacheClusterId"] for i in indexes}
        if group is None or set(group.get("MemberClusters") or ()) != ids:
            group = minimal.replication_group(name, [nodes[i] for i in indexes])
        world = _world(group.get("ARN", ""), {of_groups: [group], call: nodes})
        yield Subject("ReplicationGroup", name, world, (Part(call, tuple(indexes)),))


def _parameters(service: str, noun: str, read: str, kind: str) -> Callable[[Doc, Library], Found]:
    """The parameters of a group that the reply does not name: a recorded one, or a made one."""

    def build(reply: Doc, library: Library) -> Found:
        call, of_groups = f"{service}:{read}", f"{service}:Describe{noun}s"
        known = [g for r in library.replies(of_groups) for g in r.get(f"{noun}s") or ()]
        own = [g for g in known if not g[f"{noun}Name"].startswith("default.")]
        group = own[0] if own else minimal.parameter_group(service)
        parameters = reply.get("Parameters") or []
        arn = group.get(f"{noun}Arn") or group.get("ARN", "")
        world = _world(arn, {of_groups: [group], call: parameters})
        parts = tuple(Part(call, (index,)) for index in range(len(parameters)))
        yield Subject(kind, group[f"{noun}Name"], world, parts)

    return build


def _log_tags(reply: Doc, library: Library) -> Found:
    group = minimal.log_group("recorded")
    world = _world(group["arn"], {"logs:DescribeLogGroups": [group]},
                   tags={group["logGroupArn"]: reply.get("tags") or {}})  # fmt: skip
    yield Subject("LogGroup", group["logGroupName"], world, ())


def _alarms(reply: Doc, library: Library) -> Found:
    call = "cloudwatch:DescribeAlarms"
    composite = reply.get("CompositeAlarms") or []
    for index, alarm in enumerate(composite):
        world = _world(alarm["AlarmArn"], {call: composite})
        yield Subject("CompositeAlarm", alarm["AlarmName"], world, (Part(call, (index,)),))
    for alarm in reply.get("LogAlarms") or []:
        yield Aside(alarm["AlarmName"], "an alarm on logs, which is another kind")
    alarms = reply.get("MetricAlarms") or []
    for index, alarm in enumerate(alarms):
        own = alarm["AlarmName"].startswith("TargetTracking-")
        left = "an autoscaler's own alarm" if own else ""
        world = _world(alarm["AlarmArn"], {call: alarms})
        yield Subject("Alarm", alarm["AlarmName"], world, (Part(call, (index,)),), {}, left)


def _secret(reply: Doc, library: Library) -> Found:
    call = "secretsmanager:DescribeSecret"
    left = ""
    if reply.get("DeletedDate"):
        left = "it is scheduled for deletion"
    elif reply.get("OwningService"):
        left = f"it belongs to {reply['OwningService']}"
    world = _world(reply["ARN"], {call: [reply]})
    yield Subject("Secret", reply["Name"], world, (Part(call, (0,)),), {}, left)


def _secrets(reply: Doc, library: Library) -> Found:
    for entry in reply.get("SecretList") or []:
        described = {k: v for k, v in entry.items() if k != "SecretVersionsToStages"}
        described["VersionIdsToStages"] = entry.get("SecretVersionsToStages") or {}
        yield from _secret(described, library)


def _topic(reply: Doc, library: Library) -> Found:
    arn = reply["Attributes"]["TopicArn"]
    world = _world(arn, {"sns:GetTopicAttributes": [reply]})
    yield Subject("Topic", arn.rpartition(":")[2], world, (Part("sns:GetTopicAttributes", (0,)),))


def _acl(reply: Doc, library: Library) -> Found:
    if "WebACL" not in reply:
        return
    yield _acl_subject(reply, {}, recorded=True)


def _acl_subject(reply: Doc, more: Mapping[str, Sequence[Any]], *, recorded: bool) -> Subject:
    call, acl = "wafv2:GetWebACL", reply["WebACL"]
    world = _world(acl["ARN"], {call: [reply], **more})
    parts = (Part(call, (0,)),) if recorded else tuple(Part(c, (0,)) for c in more)
    return Subject("WebACL", acl["Name"], world, parts, {"scope": scope_of(acl["ARN"])})


def _reply_of(arn: str, library: Library) -> Doc:
    return library.acls.get(arn) or {"WebACL": minimal.web_acl(arn), "LockToken": arn[-36:]}


def _acl_list(reply: Doc, library: Library) -> Found:
    """Summaries: the web ACL itself is recorded elsewhere, or made of what the summary says."""
    for summary in reply.get("WebACLs") or []:
        found = dict(_reply_of(summary["ARN"], library))
        said = {k: summary[k] for k in ("Name", "Id", "Description", "ARN") if k in summary}
        found = {**found, "WebACL": {**found["WebACL"], **said}}
        found |= {k: summary[k] for k in ("LockToken",) if k in summary}
        yield _acl_subject(found, {}, recorded=False)


def _acl_logging(reply: Doc, library: Library) -> Found:
    one = reply.get("LoggingConfiguration")
    for shown in reply.get("LoggingConfigurations") or ([one] if one else []):
        held = {"wafv2:GetLoggingConfiguration": [shown]}
        yield _acl_subject(_reply_of(shown["ResourceArn"], library), held, recorded=False)


def _acl_resources(reply: Doc, library: Library) -> Found:
    arns = reply.get("ResourceArns") or []
    if arns:
        arn = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/recorded/0"
        held = {"wafv2:ListResourcesForWebACL": arns}
        yield _acl_subject(_reply_of(arn, library), held, recorded=False)


_BUILDERS: dict[str, Callable[[Doc, Library], Found]] = {
    "ecs:DescribeClusters": _clusters,
    "ecs:DescribeServices": _services,
    "ecs:DescribeTaskDefinition": _definition,
    _SCALABLE: _scaling(_SCALABLE, "ScalableTargets"),
    "application-autoscaling:DescribeScalingPolicies": _scaling(
        "application-autoscaling:DescribeScalingPolicies", "ScalingPolicies"
    ),
    "application-autoscaling:DescribeScheduledActions": _scaling(
        "application-autoscaling:DescribeScheduledActions", "ScheduledActions"
    ),
    "rds:DescribeDBInstances": _instances,
    "rds:DescribeDBSubnetGroups": _plain(
        "rds:DescribeDBSubnetGroups",
        "DBSubnetGroups",
        "DBSubnetGroup",
        "DBSubnetGroupName",
        "DBSubnetGroupArn",
        _default_group("DBSubnetGroupName"),
    ),
    "rds:DescribeDBParameterGroups": _plain(
        "rds:DescribeDBParameterGroups",
        "DBParameterGroups",
        "DBParameterGroup",
        "DBParameterGroupName",
        "DBParameterGroupArn",
        _default_group("DBParameterGroupName"),
    ),
    "rds:DescribeDBParameters": _parameters(
        "rds", "DBParameterGroup", "DescribeDBParameters", "DBParameterGroup"
    ),
    "elasticache:DescribeReplicationGroups": _replication_groups,
    "elasticache:DescribeCacheClusters": _cache_clusters,
    "elasticache:DescribeCacheSubnetGroups": _plain(
        "elasticache:DescribeCacheSubnetGroups",
        "CacheSubnetGroups",
        "CacheSubnetGroup",
        "CacheSubnetGroupName",
        "ARN",
        _default_group("CacheSubnetGroupName"),
    ),
    "elasticache:DescribeCacheParameterGroups": _plain(
        "elasticache:DescribeCacheParameterGroups",
        "CacheParameterGroups",
        "CacheParameterGroup",
        "CacheParameterGroupName",
        "ARN",
        _default_group("CacheParameterGroupName"),
    ),
    "elasticache:DescribeCacheParameters": _parameters(
        "elasticache", "CacheParameterGroup", "DescribeCacheParameters", "CacheParameterGroup"
    ),
    "logs:DescribeLogGroups": _plain(
        "logs:DescribeLogGroups", "logGroups", "LogGroup", "logGroupName", "arn", _never
    ),
    "logs:ListTagsForResource": _log_tags,
    "logs:ListTagsLogGroup": _log_tags,
    "cloudwatch:DescribeAlarms": _alarms,
    "secretsmanager:DescribeSecret": _secret,
    "secretsmanager:ListSecrets": _secrets,
    "sns:GetTopicAttributes": _topic,
    "wafv2:GetWebACL": _acl,
    "wafv2:GetWebACLForResource": _acl,
    "wafv2:ListWebACLs": _acl_list,
    "wafv2:GetLoggingConfiguration": _acl_logging,
    "wafv2:ListLoggingConfigurations": _acl_logging,
    "wafv2:ListResourcesForWebACL": _acl_resources,
}

_NO_RESOURCE = {
    "ListClusters": "names only", "ListServices": "names only", "ListTaskDefinitions": "names only",
    "GetResources": "an index of names and tags",
    "ListTagsForResource": "tags of something that the reply does not name",
}  # fmt: skip
"""Replies of our services that show no resource."""
