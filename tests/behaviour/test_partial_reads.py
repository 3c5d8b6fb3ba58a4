"""I5: a failed or partial read never leads to a write that needed it.

Each reading call of a pass that has something to heal, in turn, does not answer; everything else
does. What the pass then writes is compared with what it writes when all is well.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import boto3
import pytest

from controller.aws import AwsFailure
from controller.batching import in_batches
from controller.manifest import Resource
from controller.ownership import Claim
from controller.reconciler import Report
from sandbox.pytest_plugin import new_world
from sandbox.tamper import DEEDS, E
from sandbox.world import Fault
from tests.behaviour.scenario import EIGHT
from tests.harness import Plant, _shape, explain, production
from tests.rewind import Rewind, end_state, fast_retries, small_pages, unlike

KINDS = ("deny", "throttle", "error", "reset", "garbled")

WHOLE = {
    "cloudwatch:DescribeAlarms": "Alarm",
    "cloudwatch:GetDashboard": "Dashboard",
    "ecs:DescribeClusters": "Cluster",
    "ecs:DescribeServices": "Service",
    "ecs:DescribeTaskDefinition": "Task",
    "ecs:ListClusters": "Service",
    "ecs:ListTaskDefinitions": "Task",
    "elasticache:DescribeCacheParameterGroups": "CacheParameterGroup",
    "elasticache:DescribeCacheSubnetGroups": "CacheSubnetGroup",
    "elasticache:DescribeReplicationGroups": "ReplicationGroup",
    "logs:DescribeLogGroups": "LogGroup",
    "rds:DescribeDBInstances": "DBInstance",
    "rds:DescribeDBParameterGroups": "DBParameterGroup",
    "rds:DescribeDBSubnetGroups": "DBSubnetGroup",
    "secretsmanager:DescribeSecret": "Secret",
    "secretsmanager:ListSecrets": "Secret",
    "wafv2:GetWebACL": "WebACL",
    "wafv2:ListWebACLs": "WebACL",
}
"""Call → the kind of which nothing is known without it: not even whether it is there."""

PART = {
    "application-autoscaling:DescribeScalableTargets": "Service",
    "application-autoscaling:DescribeScalingPolicies": "Service",
    "application-autoscaling:DescribeScheduledActions": "Service",
    "ecs:DescribeTaskDefinition": "Service",
    "ecs:ListServiceDeployments": "Service",
    "ecs:ListTaskDefinitions": "Service",
    "elasticache:DescribeCacheClusters": "ReplicationGroup",
    "elasticache:DescribeCacheParameters": "CacheParameterGroup",
    "elasticache:ListTagsForResource": "ReplicationGroup",
    "rds:DescribeDBParameters": "DBParameterGroup",
    "wafv2:GetLoggingConfiguration": "WebACL",
    "wafv2:GetWebACLForResource": "WebACL",
    "wafv2:ListLoggingConfigurations": "WebACL",
    "wafv2:ListResourcesForWebACL": "WebACL",
}
"""Call → the kind of which a part is not known without it, if there is one. A read that a kind
makes anew has to be added to one of the two."""

AT_ONCE = (
    "ecs:DescribeTaskDefinition",
    "ecs:ListTaskDefinitions",
    "ssm:GetParameters",
    "wafv2:GetWebACLForResource",
)
"""Those that are needed before the resource is there, just before the call that makes it."""

TAGS_APART = ("cloudwatch", "elasticache", "logs", "rds", "wafv2")
"""Services that show tags only when asked for them apart."""

HINT = "resourcegroupstaggingapi:GetResources"
"""Without it each resource is asked for its tags, so that all is known."""

ADVICE = "wafv2:CheckCapacity"
"""It only says beforehand what AWS would say of the update itself."""


@dataclass
class Story:
    """A state of things in which a pass has something to do, and what it then does.

    reads: how often each is made. paged: those that go on to a second page, where pages are small.
    writes: the calls; healed: the resources. end: where it ends.
    """

    plant: Plant
    rewind: Rewind
    resources: dict[str, Resource]
    reads: Counter[str]
    healed: set[str]
    paged: set[str] = field(default_factory=set)
    writes: list[tuple[str, Any]] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)

    def of_kind(self, kind: str | None) -> set[str]:
        """The resources of a kind."""
        return {key for key, r in self.resources.items() if r.kind == kind}


def written(plant: Plant) -> list[tuple[str, Any]]:
    """The writes that AWS took, without ids, tokens and generated secrets."""
    return [(c.name, _plain(c.params)) for c in plant.writes() if c.error is None]


def beyond(told: Story) -> list[tuple[str, Any]]:
    """Writes that are not made, nor as a part of a larger one, when all is well."""
    return [
        (name, params)
        for name, params in written(told.plant)
        if not any(name == n and params.items() <= p.items() for n, p in told.writes)
    ]


def _plain(params: dict[str, Any]) -> Any:
    hidden = ("SecretString", "AuthToken", "MasterUserPassword", "LockToken")
    return _shape({k: v for k, v in params.items() if k not in hidden})


def reasons(report: Report, status: dict[str, Any]) -> dict[str, str]:
    """All that a pass says about what it does not know or did not do, by resource."""
    said: dict[str, list[str]] = {}
    for key, resource in status["resources"].items():
        conditions = resource["conditions"].values()
        said[key] = [c["message"] for c in conditions]
        said[key] += [c["note"] for c in resource["changes"] if c["class"] == "unknown"]
    for step in report.plan.steps:
        if veto := report.vetoes.get(step.id):
            said[step.key].append(veto.message)
    for outcome in report.outcomes:
        said[outcome.step.key].append(outcome.message)
    return {key: " | ".join(filter(None, texts)) for key, texts in said.items()}


def change_more(aws: boto3.Session) -> None:
    """Drift in what `sandbox.tamper` leaves alone, so that each kind has something to heal."""
    aws.client("secretsmanager").update_secret(SecretId=f"{E}-salt-key", Description="mine")
    rds, cache = aws.client("rds"), aws.client("elasticache")
    (group,) = rds.describe_db_subnet_groups(DBSubnetGroupName=f"{E}-main")["DBSubnetGroups"]
    rds.modify_db_subnet_group(
        DBSubnetGroupName=f"{E}-main", DBSubnetGroupDescription="mine",
        SubnetIds=[s["SubnetIdentifier"] for s in group["Subnets"]],
    )  # fmt: skip
    cache.modify_cache_subnet_group(
        CacheSubnetGroupName=f"{E}-cache", CacheSubnetGroupDescription="mine"
    )
    cache.modify_cache_parameter_group(
        CacheParameterGroupName=f"{E}-cache",
        ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "noeviction"}],
    )


def remove_most(aws: boto3.Session) -> None:
    """Six of the eight resources vanish; the other two are changed."""
    aws.client("logs").delete_log_group(logGroupName=f"{E}-app")
    aws.client("cloudwatch").delete_alarms(AlarmNames=[f"{E}-busy"])
    aws.client("rds").delete_db_subnet_group(DBSubnetGroupName=f"{E}-main")
    aws.client("rds").delete_db_parameter_group(DBParameterGroupName=f"{E}-main")
    ecs, waf = aws.client("ecs"), aws.client("wafv2")
    ecs.delete_service(cluster=f"{E}-main", service=f"{E}-gateway", force=True)
    (acl,) = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    for arn in waf.list_resources_for_web_acl(WebACLArn=acl["ARN"])["ResourceArns"]:
        waf.disassociate_web_acl(ResourceArn=arn)
    waf.delete_web_acl(Name=acl["Name"], Id=acl["Id"], Scope="REGIONAL", LockToken=acl["LockToken"])
    ecs.update_cluster_settings(
        cluster=f"{E}-main", settings=[{"name": "containerInsights", "value": "disabled"}]
    )
    aws.client("secretsmanager").update_secret(SecretId=f"{E}-key", Description="mine")


@cache
def story(name: str) -> Story:
    """Made once in a process."""
    world = new_world(1, max_lag=timedelta())  # else what a pass can do is a matter of luck
    plant = Plant(world, production() if name == "drifted" else EIGHT)
    if name != "nothing":
        plant.converge()
        plant.later(7200)
        plant.converge()
        if name == "drifted":
            for deed in DEEDS:
                deed.do(plant.aws)
            change_more(plant.aws)
        else:
            remove_most(plant.aws)
        plant.later(7200)
    rewind = Rewind(plant)
    rewind()
    report = plant.run()
    assert report.desired.environment is not None
    told = Story(
        plant,
        rewind,
        report.desired.environment.resources,
        Counter(c.name for c in plant.calls() if not c.writes),
        {o.step.key for o in report.outcomes if o.made},
    )
    assert len(told.healed) >= 7, explain(report)
    told.end = finish(plant)
    told.writes = written(plant)
    with pytest.MonkeyPatch.context() as patch:
        small_pages(patch)
        rewind()
        plant.run()
        told.paged.update(c.name for c in plant.calls() if continues("", "", c.params))
    return told


def finish(plant: Plant) -> dict[str, Any]:
    """Where it ends."""
    plant.later()
    plant.converge(step=1800)
    plant.later(1800)
    plant.converge()
    return end_state(plant.world)


def continues(service: str, operation: str, params: dict[str, Any]) -> bool:
    """True for the request of a second page."""
    tokens = ("NextToken", "nextToken", "Marker", "NextMarker", "PaginationToken")
    return any(params.get(token) for token in tokens)


def a_pass(told: Story, read: str, kind: str) -> list[str]:
    """A pass while `read` fails as `kind`: what is wrong with it."""
    plant = told.plant
    report = plant.run()
    status = plant.status()
    said = reasons(report, status)
    naming = {key for key, text in said.items() if read in text}
    made = [o.step for o in report.outcomes if o.made]
    whole, part = told.of_kind(WHOLE.get(read)), told.of_kind(PART.get(read))
    if read == "ssm:GetParameters":
        part = {k for k, r in told.resources.items() if "${ssm:" in json.dumps(r.spec)}
    elif read == "secretsmanager:ListSecrets" and kind == "deny":
        whole = set()  # then each is asked for
    else:
        assert read in (HINT, ADVICE) or whole | part, "a read that this test does not know"
    if read == "secretsmanager:DescribeSecret":  # only of those that the list does not show well
        whole = (whole & naming) or whole
    part = {k for k in part if not report.assessments[k].missing or read in AT_ONCE}
    needing = whole | part
    wrong = [f"a write that needed it: {name} {params}" for name, params in beyond(told)]
    for key in whole:
        if status["resources"][key]["conditions"]["Observed"]["status"] != "False":
            wrong.append(f"{key} counts as read")
        if key not in naming:
            wrong.append(f"{key} does not say why it is unknown: {said[key]}")
        wrong += [f"{s.id} was made, and nothing is known of it" for s in made if s.key == key]
    if part and not naming & needing:
        wrong.append("nobody says that it failed")
    for key in part:
        rows = status["resources"][key]["changes"]
        dark = {row["path"] for row in rows if row["class"] == "unknown"}
        for step in made:
            tops = {path.split(".")[0].split("[")[0] for path in step.action.changes}
            if step.key == key and tops & dark:
                wrong.append(f"{step.id} was made, and {tops & dark} are unknown")
    waiting = {k for k, r in told.resources.items() if needing & set(r.depends_on)}
    wrong += [f"{key} says so and does not need it" for key in naming - needing - waiting]
    for key in told.healed - {s.key for s in made} - needing - waiting:
        wrong.append(f"{key} was left alone, though nothing of it was unread: {said[key]}")
    return [f"{read} {kind}: {text}" for text in wrong]


def ends_alike(told: Story, read: str, kind: str) -> list[str]:
    """The fault is over: does it end where it would have ended without?"""
    told.plant.world.faults.clear()
    end = finish(told.plant)
    return [] if end == told.end else [f"{read} {kind}: {unlike(told.end, end)}"]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    fast_retries(monkeypatch)


STORIES = [("drifted", 2), ("missing", 1), ("nothing", 1)]


@pytest.mark.parametrize(
    ("name", "chunk", "of"), [(name, n, of) for name, of in STORIES for n in range(of)]
)
def test_without_an_answer_nothing_is_written_that_needed_it(
    name: str, chunk: int, of: int
) -> None:
    """The kinds of failure take turns over the reads."""
    told = story(name)
    wrong: list[str] = []
    for number, read in enumerate(sorted(told.reads)):
        if number % of == chunk:
            kind = KINDS[number // of % len(KINDS)]
            told.rewind()
            told.plant.world.fault(kind, read, times=999)
            wrong += a_pass(told, read, kind)
            wrong += ends_alike(told, read, kind)
    assert "\n".join(wrong) == ""


def test_a_page_that_does_not_come_is_the_whole_list_unread() -> None:
    """Pages of one item: the first comes, the second does not."""
    told = story("drifted")
    assert len(told.paged) >= 6, told.paged
    wrong: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        small_pages(patch)
        for number, read in enumerate(sorted(told.paged)):
            kind = KINDS[number % len(KINDS)]
            told.rewind()
            service, _, operation = read.partition(":")
            fault = Fault(
                kind,
                lambda s, o, p, want=(service, operation): (s, o) == want and continues(s, o, p),
                times=999,
            )
            told.plant.world.faults.append(fault)
            wrong += a_pass(told, read, kind)
            assert fault.hits, read
    assert "\n".join(wrong) == ""


def test_one_answer_of_several_that_does_not_come() -> None:
    """Where a call is made several times in a pass, each in turn fails, the others do not."""
    told = story("drifted")
    several = [read for read, times in sorted(told.reads.items()) if times > 1]
    assert "ssm:GetParameters" in several
    wrong: list[str] = []
    for read in several:
        for number in range(told.reads[read]):
            told.rewind()
            told.plant.world.fault("error", read, after=number, times=3)
            wrong += [w for w in a_pass(told, read, "error") if "a write that needed it" in w]
    assert "\n".join(wrong) == ""


def test_without_tags_and_without_memory_nothing_that_exists_is_changed() -> None:
    """Then nothing says whose it is: what the reads themselves show of tags is all there is."""
    told = story("drifted")
    told.rewind()
    plant = told.plant
    plant.store.delete(f"inventory/{plant.name}.json")
    for name in (HINT, *(f"{s}:ListTagsForResource" for s in TAGS_APART)):
        plant.world.fault("deny", name, times=999)
    report = plant.run()
    unsure = {k for k, a in report.assessments.items() if a.claim is Claim.UNKNOWN}
    assert {told.resources[k].kind for k in unsure} == {
        "Alarm", "CacheParameterGroup", "CacheSubnetGroup", "CompositeAlarm", "DBParameterGroup",
        "DBSubnetGroup", "Dashboard", "LogGroup", "ReplicationGroup", "WebACL",
    }  # fmt: skip
    assert not [o.step.id for o in report.outcomes if o.made and o.step.key in unsure]
    vetoed = {report.vetoes[s.id].reason for s in report.plan.steps if s.key in unsure}
    assert vetoed == {"OwnershipUnknown"}
    assert beyond(told) == []
    assert ends_alike(told, HINT, "deny") == []


def test_a_name_that_may_not_be_read_hides_no_other() -> None:
    """SSM denies a call as a whole for one name that is not allowed."""

    class Denying:
        def gather(self, *jobs: Any) -> list[Any]:
            found = []
            for job in jobs:
                try:
                    found.append(job())
                except AwsFailure as failure:
                    found.append(failure)
            return found

    def ask(names: Sequence[str]) -> dict[str, str]:
        asked.append(len(names))
        if "odd" in names:
            raise AwsFailure(
                "denied", "AccessDeniedException", "parameter/odd", "ssm:GetParameters"
            )
        return dict.fromkeys(names, "there")

    asked: list[int] = []
    names = [f"p{n}" for n in range(24)]
    door: Any = Denying()
    found, failed = in_batches(door, [*names, "odd"], 10, ask)
    assert sorted(found) == sorted(names)
    assert list(failed) == ["odd"]
    assert asked == [10, 10, 5, 1, 1, 1, 1, 1]
