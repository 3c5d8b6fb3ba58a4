"""An AWS that shows what was recorded: it answers the handlers' own reads, and refuses writes.

A reply is put together from the world's parts as AWS would: filtered by what the request names, in
one page, an error where nothing is there. Requests are checked against botocore's model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from controller.aws import Aws, AwsFailure, classify
from controller.rates import Budget
from tests.fidelity.corpus.shapes import model

Doc = dict[str, Any]


class NotReplayed(BaseException):
    """A read that this AWS can't answer, or a write: it ends the test, whoever catches what."""


@dataclass(frozen=True)
class World:
    """What there is. parts: `service:Operation` → the things that it shows, as AWS shows them.
    tags: ARN → tags, of what shows none itself."""

    region: str = "us-east-1"
    account: str = "123456789012"
    parts: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def all(self, call: str) -> tuple[Any, ...]:
        """The things of a part."""
        return self.parts.get(call, ())

    def having(self, call: str, things: tuple[Any, ...]) -> World:
        """The same with other things in a part."""
        return World(self.region, self.account, {**self.parts, call: things}, self.tags)


class Replay(Aws):
    """The door to a world."""

    def __init__(self, world: World) -> None:
        super().__init__(_session(), region=world.region, account=world.account, budget=_NO_LIMIT)
        self.world = world

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """One after the other: nothing is waited for here."""
        answers: list[Any] = []
        for call in calls:
            try:
                answers.append(call())
            except AwsFailure as failure:
                answers.append(failure)
        return answers

    def together(self, *jobs: Callable[[], Any]) -> list[Any]:
        return [job() for job in jobs]

    def _call(self, service: str, operation: str, params: dict[str, Any], by: Any = None) -> Any:
        call = f"{service}:{operation}"
        self.calls[call] += 1
        answer = _ANSWERS.get(call)
        if answer is None:
            raise NotReplayed(f"{call}: no read that tests/fidelity/corpus/replay.py can answer")
        if wrong := _checked(service, operation, params):
            raise NotReplayed(f"{call}: AWS's model does not allow it: {wrong}")
        try:
            return answer(self.world, params)
        except _Refused as refused:
            code = refused.args[0]
            raise AwsFailure(classify(code), code, "replayed", call) from None


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


_NO_LIMIT = Budget(1e9)
_CHECKED: dict[str, str] = {}


def _checked(service: str, operation: str, params: Doc) -> str:
    """What botocore's model says against a request."""
    key = f"{service}:{operation} {params!r}"
    if key not in _CHECKED:
        shape = model(service).operation_model(operation).input_shape
        report = ParamValidator().validate(params, shape) if shape is not None else None
        _CHECKED[key] = report.generate_report() if report and report.has_errors() else ""
    return _CHECKED[key]


class _Refused(Exception):
    """An AWS error code."""


Answer = Callable[[World, Doc], Any]


def _listed(call: str, items: str, *names: tuple[str, str], missing: str = "") -> Answer:
    """A list; names: (parameter, member) that select from it, by a text or a list of texts.

    missing: the error if a text selects nothing.
    """

    def answer(world: World, params: Doc) -> Any:
        found = list(world.all(call))
        for parameter, member in names:
            wanted = params.get(parameter)
            if wanted is None:
                continue
            several = wanted if isinstance(wanted, list) else [wanted]
            low = {str(w).lower() for w in several}
            found = [f for f in found if str(f.get(member)).lower() in low]
            if not found and missing and not isinstance(wanted, list):
                raise _Refused(missing)
        return {items: found}

    return answer


def _rds_instances(world: World, params: Doc) -> Any:
    plain = _listed(
        "rds:DescribeDBInstances", "DBInstances",
        ("DBInstanceIdentifier", "DBInstanceIdentifier"), missing="DBInstanceNotFound",
    )  # fmt: skip
    found = plain(world, params)["DBInstances"]
    for rule in params.get("Filters") or ():
        if rule["Name"] != "db-instance-id":
            raise NotReplayed(f"rds:DescribeDBInstances: filter {rule['Name']}")
        low = {v.lower() for v in rule["Values"]}
        found = [f for f in found if f["DBInstanceIdentifier"].lower() in low]
    return {"DBInstances": found}


def _parameters(service: str, noun: str, read: str) -> Answer:
    """The parameters of the one group that has any."""

    def answer(world: World, params: Doc) -> Any:
        name = params[f"{noun}Name"]
        groups = world.all(f"{service}:Describe{noun}s")
        if not any(g[f"{noun}Name"].lower() == name.lower() for g in groups):
            raise _Refused(f"{noun}NotFound")
        owner = next(g for g in groups if not g[f"{noun}Name"].startswith("default."))
        found = world.all(f"{service}:{read}") if owner[f"{noun}Name"] == name else ()
        source = params.get("Source")
        return {"Parameters": [p for p in found if source in (None, p.get("Source"))]}

    return answer


def _clusters(world: World, params: Doc) -> Any:
    asked = params.get("clusters") or ["default"]
    by_name = {c["clusterName"]: c for c in world.all("ecs:DescribeClusters")}
    found, failures = [], []
    for each in asked:
        cluster = by_name.get(each.rpartition("/")[2])
        if cluster is None:
            failures.append({"arn": _cluster_arn(world, each), "reason": "MISSING"})
        else:
            found.append(_included(cluster, params, {
                "TAGS": "tags", "SETTINGS": "settings", "CONFIGURATIONS": "configuration",
                "ATTACHMENTS": "attachments", "STATISTICS": "statistics",
            }))  # fmt: skip
    return {"clusters": found, "failures": failures}


def _included(thing: Doc, params: Doc, optional: Mapping[str, str]) -> Doc:
    """Members that AWS shows only where they are asked for."""
    asked = set(params.get("include") or ())
    hidden = {member for name, member in optional.items() if name not in asked}
    return {k: v for k, v in thing.items() if k not in hidden}


def _cluster_arn(world: World, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return f"arn:aws:ecs:{world.region}:{world.account}:cluster/{name}"


def _named(cluster: Doc) -> str:
    """A cluster's ARN, which ends in its name, whatever was made of one of them for secrecy."""
    return f"{cluster['clusterArn'].rpartition('/')[0]}/{cluster['clusterName']}"


def _services_of(world: World, params: Doc) -> dict[str, Doc]:
    cluster = str(params.get("cluster", "default")).rpartition("/")[2]
    clusters = {c["clusterName"] for c in world.all("ecs:DescribeClusters")}
    if cluster not in clusters:
        raise _Refused("ClusterNotFoundException")
    return {
        s["serviceName"]: s for s in world.all("ecs:DescribeServices")
        if s["clusterArn"].rpartition("/")[2] == cluster
    }  # fmt: skip


def _services(world: World, params: Doc) -> Any:
    here = _services_of(world, params)
    found, failures = [], []
    for each in params["services"]:
        service = here.get(each.rpartition("/")[2])
        if service is None:
            failures.append({"arn": each, "reason": "MISSING"})
        else:
            found.append(_included(service, params, {"TAGS": "tags"}))
    return {"services": found, "failures": failures}


def _definition(world: World, params: Doc) -> Any:
    asked = params["taskDefinition"]
    for reply in world.all("ecs:DescribeTaskDefinition"):
        arn = reply["taskDefinition"]["taskDefinitionArn"]
        family = arn.rpartition("/")[2]
        if asked in (arn, family, family.partition(":")[0]):
            shown = {"tags": []} | reply
            return _included(shown, params, {"TAGS": "tags"})
    raise _Refused("ClientException")


def _definitions(world: World, params: Doc) -> Any:
    arns = [
        reply["taskDefinition"]["taskDefinitionArn"]
        for reply in world.all("ecs:DescribeTaskDefinition")
        if params.get("familyPrefix") in (None, reply["taskDefinition"]["family"])
    ]
    return {"taskDefinitionArns": arns}


def _scaling(call: str, items: str, ids: str) -> Answer:
    """Things of Application Auto Scaling, of which a request names the namespace and more."""

    def answer(world: World, params: Doc) -> Any:
        wanted = params.get(ids)
        several = wanted if isinstance(wanted, list) or wanted is None else [wanted]
        found = [
            f for f in world.all(call)
            if f["ServiceNamespace"] == params["ServiceNamespace"]
            and (several is None or f["ResourceId"] in several)
            and params.get("ScalableDimension") in (None, f["ScalableDimension"])
        ]  # fmt: skip
        return {items: found}

    return answer


def _alarms(world: World, params: Doc) -> Any:
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix", "")
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    out: Doc = {"MetricAlarms": [], "CompositeAlarms": []}
    for alarm in world.all("cloudwatch:DescribeAlarms"):
        member = "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm"
        named = alarm["AlarmName"] in names if names else alarm["AlarmName"].startswith(prefix)
        if member in types and named:
            out[f"{member}s"].append(alarm)
    return out


def _log_groups(world: World, params: Doc) -> Any:
    prefix = params.get("logGroupNamePrefix", "")
    found = world.all("logs:DescribeLogGroups")
    return {"logGroups": [g for g in found if g["logGroupName"].startswith(prefix)]}


def _secret(world: World, params: Doc) -> Any:
    for secret in world.all("secretsmanager:DescribeSecret"):
        if params["SecretId"] in (secret["Name"], secret["ARN"]):
            return secret
    raise _Refused("ResourceNotFoundException")


def _topic(world: World, params: Doc) -> Any:
    for topic in world.all("sns:GetTopicAttributes"):
        if topic["Attributes"]["TopicArn"] == params["TopicArn"]:
            return topic
    raise _Refused("NotFound")


_NOT_LISTED = {"VersionIdsToStages", "ReplicationStatus"}


def _secrets(world: World, params: Doc) -> Any:
    planned = params.get("IncludePlannedDeletion")
    found = []
    for secret in world.all("secretsmanager:DescribeSecret"):
        if secret.get("DeletedDate") and not planned:
            continue
        if not all(_filtered(rule, secret) for rule in params.get("Filters") or ()):
            continue
        entry = {k: v for k, v in secret.items() if k not in _NOT_LISTED}
        if "VersionIdsToStages" in secret:
            entry["SecretVersionsToStages"] = secret["VersionIdsToStages"]
        found.append(entry)
    return {"SecretList": found}


def _filtered(rule: Doc, secret: Doc) -> bool:
    if rule["Key"] != "name":
        raise NotReplayed(f"secretsmanager:ListSecrets: filter {rule['Key']}")
    return any(secret["Name"].startswith(v) for v in rule["Values"])


def scope_of(arn: str) -> str:
    """The scope of a web ACL, as its ARN says it."""
    return "CLOUDFRONT" if ":global/" in arn else "REGIONAL"


def _acls(world: World, params: Doc) -> Any:
    found = []
    for reply in world.all("wafv2:GetWebACL"):
        acl = reply["WebACL"]
        if scope_of(acl["ARN"]) == params["Scope"]:
            summary = {k: acl[k] for k in ("Name", "Id", "Description", "ARN") if k in acl}
            found.append(summary | {k: reply[k] for k in ("LockToken",) if k in reply})
    return {"WebACLs": found}


def _acl(world: World, params: Doc) -> Any:
    for reply in world.all("wafv2:GetWebACL"):
        acl = reply["WebACL"]
        named = (params.get("Name"), params.get("Id"), params.get("Scope"))
        if named == (acl["Name"], acl["Id"], scope_of(acl["ARN"])) or (
            params.get("ARN") == acl["ARN"]
        ):
            return reply
    raise _Refused("WAFNonexistentItemException")


def _logging(world: World, params: Doc) -> Any:
    for configuration in world.all("wafv2:GetLoggingConfiguration"):
        if configuration["ResourceArn"] == params["ResourceArn"]:
            return {"LoggingConfiguration": configuration}
    raise _Refused("WAFNonexistentItemException")


def _capacity(world: World, params: Doc) -> Any:
    """What the recorded web ACL takes: it is AWS's to reckon, and here nothing is judged by it."""
    acls = [reply["WebACL"] for reply in world.all("wafv2:GetWebACL")]
    return {"Capacity": acls[0].get("Capacity", 1) if acls else 1}


def _protected(world: World, params: Doc) -> Any:
    """Load balancers, where a recording lists what a web ACL protects; it does not say the kind."""
    kind = params.get("ResourceType", "APPLICATION_LOAD_BALANCER")
    found = world.all("wafv2:ListResourcesForWebACL")
    return {"ResourceArns": list(found) if kind == "APPLICATION_LOAD_BALANCER" else []}


def _holder(world: World, params: Doc) -> Any:
    if params["ResourceArn"] in world.all("wafv2:ListResourcesForWebACL"):
        return {"WebACL": world.all("wafv2:GetWebACL")[0]["WebACL"]}
    return {}


def _tags(parameter: str, form: Callable[[str, Mapping[str, str]], Any]) -> Answer:
    def answer(world: World, params: Doc) -> Any:
        arn = params[parameter]
        return form(arn, world.tags.get(arn, {}))

    return answer


def _pairs(tags: Mapping[str, str]) -> list[Doc]:
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def _waf_tags(arn: str, tags: Mapping[str, str]) -> Doc:
    return {"TagInfoForResource": {"ResourceARN": arn, "TagList": _pairs(tags)}}


_ANSWERS: dict[str, Answer] = {
    "rds:DescribeDBInstances": _rds_instances,
    "rds:DescribeDBSubnetGroups": _listed(
        "rds:DescribeDBSubnetGroups", "DBSubnetGroups", ("DBSubnetGroupName", "DBSubnetGroupName"),
        missing="DBSubnetGroupNotFoundFault",
    ),
    "rds:DescribeDBParameterGroups": _listed(
        "rds:DescribeDBParameterGroups", "DBParameterGroups",
        ("DBParameterGroupName", "DBParameterGroupName"), missing="DBParameterGroupNotFound",
    ),
    "rds:DescribeDBParameters": _parameters("rds", "DBParameterGroup", "DescribeDBParameters"),
    "rds:ListTagsForResource": _tags("ResourceName", lambda arn, tags: {"TagList": _pairs(tags)}),
    "elasticache:DescribeReplicationGroups": _listed(
        "elasticache:DescribeReplicationGroups", "ReplicationGroups",
        ("ReplicationGroupId", "ReplicationGroupId"), missing="ReplicationGroupNotFoundFault",
    ),
    "elasticache:DescribeCacheClusters": _listed(
        "elasticache:DescribeCacheClusters", "CacheClusters", ("CacheClusterId", "CacheClusterId"),
        missing="CacheClusterNotFound",
    ),
    "elasticache:DescribeCacheSubnetGroups": _listed(
        "elasticache:DescribeCacheSubnetGroups", "CacheSubnetGroups",
        ("CacheSubnetGroupName", "CacheSubnetGroupName"), missing="CacheSubnetGroupNotFoundFault",
    ),
    "elasticache:DescribeCacheParameterGroups": _listed(
        "elasticache:DescribeCacheParameterGroups", "CacheParameterGroups",
        ("CacheParameterGroupName", "CacheParameterGroupName"),
        missing="CacheParameterGroupNotFound",
    ),
    "elasticache:DescribeCacheParameters": _parameters(
        "elasticache", "CacheParameterGroup", "DescribeCacheParameters"
    ),
    "elasticache:ListTagsForResource": _tags(
        "ResourceName", lambda arn, tags: {"TagList": _pairs(tags)}
    ),
    "ecs:ListClusters": lambda world, params: {
        "clusterArns": [_named(c) for c in world.all("ecs:DescribeClusters")]
    },
    "ecs:DescribeClusters": _clusters,
    "ecs:ListServices": lambda world, params: {
        "serviceArns": [s["serviceArn"] for s in _services_of(world, params).values()]
    },
    "ecs:DescribeServices": _services,
    "ecs:DescribeTaskDefinition": _definition,
    "ecs:ListTaskDefinitions": _definitions,
    "ecs:ListServiceDeployments": lambda world, params: {
        "serviceDeployments": list(world.all("ecs:ListServiceDeployments"))
    },
    "ecs:DescribeServiceRevisions": lambda world, params: {
        "serviceRevisions": [
            r for r in world.all("ecs:DescribeServiceRevisions")
            if r["serviceRevisionArn"] in params["serviceRevisionArns"]
        ]
    },
    "application-autoscaling:DescribeScalableTargets": _scaling(
        "application-autoscaling:DescribeScalableTargets", "ScalableTargets", "ResourceIds"
    ),
    "application-autoscaling:DescribeScalingPolicies": _scaling(
        "application-autoscaling:DescribeScalingPolicies", "ScalingPolicies", "ResourceId"
    ),
    "application-autoscaling:DescribeScheduledActions": _scaling(
        "application-autoscaling:DescribeScheduledActions", "ScheduledActions", "ResourceId"
    ),
    "cloudwatch:DescribeAlarms": _alarms,
    "cloudwatch:ListTagsForResource": _tags(
        "ResourceARN", lambda arn, tags: {"Tags": _pairs(tags)}
    ),
    "logs:DescribeLogGroups": _log_groups,
    "logs:ListTagsForResource": _tags("resourceArn", lambda arn, tags: {"tags": dict(tags)}),
    "secretsmanager:DescribeSecret": _secret,
    "secretsmanager:ListSecrets": _secrets,
    "sns:GetTopicAttributes": _topic,
    "sns:ListSubscriptionsByTopic": lambda world, params: {"Subscriptions": []},
    "sns:ListTagsForResource": _tags("ResourceArn", lambda arn, tags: {"Tags": _pairs(tags)}),
    "sns:ListTopics": lambda world, params: {
        "Topics": [
            {"TopicArn": t["Attributes"]["TopicArn"]} for t in world.all("sns:GetTopicAttributes")
        ]
    },
    "wafv2:ListWebACLs": _acls,
    "wafv2:GetWebACL": _acl,
    "wafv2:CheckCapacity": _capacity,
    "wafv2:GetLoggingConfiguration": _logging,
    "wafv2:ListResourcesForWebACL": _protected,
    "wafv2:GetWebACLForResource": _holder,
    "wafv2:ListTagsForResource": _tags("ResourceARN", _waf_tags),
    "resourcegroupstaggingapi:GetResources": lambda world, params: {
        "ResourceTagMappingList": []
    },
}  # fmt: skip
"""Every read there is an answer to. The tag index is always empty: it may lag, so nothing follows.
"""
