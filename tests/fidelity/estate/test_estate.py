"""An account that others made comes under Plumbline: imported, looked at, taken over, kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from controller.cli import import_ as import_command
from controller.cli import tools
from controller.cli.main import run
from controller.importing.importer import Imported
from controller.kinds import KINDS, handler_for
from controller.manifest import load
from controller.reconciler import Report
from tests.fidelity.estate.build import NAME, Estate, estate, secret_values
from tests.harness import PLUMBLINE, explain, shape
from tests.rewind import Rewind, unlike

OURS = ("plumbline:environment", "plumbline:resource")
NOT_IMPORTED = {"Stack", "Task"}
"""Nothing tells what is run once from what a schedule or a pipeline runs (docs/decisions); of a
stack, its resources are imported."""
ROOM = "metadata: {name: acme}\nspec: {limits: {maxChanges: 100}}"
"""Taking over more than fifty at once is more than a pass may change by itself."""


@pytest.fixture
def made() -> Iterator[Estate]:
    """The estate as others left it."""
    estate().back()
    estate().world.calls.clear()
    estate().checkpoint()
    yield estate()
    assert estate().world.unsimulated == []


@dataclass
class Adopted:
    """The estate under Plumbline. before: AWS as it was; reports: the passes that took it over."""

    estate: Estate
    file: Imported
    before: dict[str, Any]
    after: dict[str, Any]
    writes: list[str]
    reports: list[Report]
    back: Rewind


@cache
def taken_over() -> Adopted:
    """Import with --adopt, publish, passes until converged."""
    it = estate()
    it.back()
    it.aws.client("secretsmanager").put_secret_value(
        SecretId="TODO-fill-me", SecretString="its owner has done so"
    )
    file = it.imported(adopt=True)
    before = shape(it.world)
    it.publish(file.text.replace("metadata: {name: acme}", ROOM, 1))
    it.checkpoint()
    reports = it.converge()
    writes = [c.name for c in it.writes()]
    it.later(86_400)
    reports += it.converge()
    return Adopted(it, file, before, shape(it.world), writes, reports, it.rewind())


@pytest.fixture
def adopted() -> Adopted:
    """The estate taken over, as it was right after."""
    it = taken_over()
    it.back()
    it.estate.checkpoint()
    return it


def physical(report: Report) -> dict[tuple[str, str], str]:
    """(kind, name in AWS) → `Kind/name`."""
    return {(key.partition("/")[0], a.target.name): key for key, a in report.assessments.items()}


def kinds(keys: list[str]) -> Counter[str]:
    """How many of each kind."""
    return Counter(key.partition("/")[0] for key in keys)


def test_three_ways_made_it(made: Estate) -> None:
    stacks = made.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert {s["StackName"]: s["StackStatus"] for s in stacks} == {
        "automation": "CREATE_COMPLETE", "Twenty": "CREATE_COMPLETE",
    }  # fmt: skip
    assert made.shell.count >= 20
    tags = made.aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
    found = [t for page in tags.paginate() for t in page["ResourceTagMappingList"]]
    assert not [t for t in found if set(OURS) & {tag["Key"] for tag in t["Tags"]}]


def test_all_of_it_is_imported_and_plans_empty(
    made: Estate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(import_command, "connector", lambda *_: made.door.fresh)
    monkeypatch.setattr(tools, "connector", lambda *_: made.door.fresh)
    before = shape(made.world)
    assert run(["import", NAME, "--all"]) == 0
    text, told = capsys.readouterr()
    file = tmp_path / "estate.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = load(text.encode(), "estate.yaml")
    counted = kinds(list(loaded.resources))
    assert set(counted) == set(KINDS) - NOT_IMPORTED
    assert counted.total() >= 60, counted
    assert "left out" not in told
    assert "rds!" not in text, "a secret that RDS keeps is its own"
    left_alone = [line for line in told.splitlines() if line.startswith("left alone")]
    assert all(".environment[" in line or ".command" in line for line in left_alone), left_alone

    status = run(["plan", str(file), "--state", str(tmp_path / "state"), "-o", "json"])
    out, err = capsys.readouterr()
    assert status == 0, out + err
    plan = json.loads(out)
    assert plan["actions"] == []
    changes = [(k, c) for k, r in plan["resources"].items() for c in r["changes"]]
    assert {c["class"] for _, c in changes} <= {"undeclared", "owned"}, changes
    assert not [c for c in made.world.calls if c.access_key == PLUMBLINE and c.writes]
    assert shape(made.world) == before
    assert_no_secret(made, text, told, out, err)


def assert_no_secret(made: Estate, *texts: str) -> None:
    """None of the values that were made is in any of the texts."""
    found = [value for value in secret_values(made) for text in texts if value in text]
    assert found == []


def test_a_part_of_it(made: Estate) -> None:
    assert kinds(made.imported(kinds=("Alarm", "Secret")).keys).keys() == {"Alarm", "Secret"}
    web = made.imported(tags={"Owner": "web"}).keys
    assert web == ["WebACL/website"]
    team = kinds(made.imported(tags={"team": "automation", "stage": ""}).keys)
    assert team["Service"] == 2, team
    assert team["DBInstance"] == team["WebACL"] == team["Cluster"] == 1, team
    named = made.imported(names=("orders*", "Orders*"))
    assert {"DBInstance/orders-main", "ReplicationGroup/orders-sessions"} <= set(named.keys)
    assert not [k for k in named.keys if "orders" not in k]
    for part in (named.text, made.imported(tags={"Owner": "jobs"}).text):
        made.publish(part)
        assert not made.run().plan.steps


def test_adopting_only_adds_tags(adopted: Adopted) -> None:
    tagging = {"AddTagsToResource", "CreateTags", "TagResource", "TagResources", "TagLogGroup"}
    assert {call.partition(":")[2] for call in adopted.writes} <= tagging
    tagged = [k for k in adopted.file.keys if handler_for(k.partition("/")[0]).held_by == "tags"]
    assert len(adopted.writes) >= len(tagged) < len(adopted.file.keys)
    before, after = without_ours(adopted.before), without_ours(adopted.after)
    assert before == after, unlike(before, after)
    assert adopted.reports[-1].converged, explain(adopted.reports[-1])
    adopted.estate.checkpoint()
    assert adopted.estate.run().converged
    assert adopted.estate.writes() == []


def test_looked_at_first_then_adopted_it_has_not_drifted(made: Estate) -> None:
    """Its ownership tags are new, not lost."""
    chosen = {"names": ("jobs*", "/jobs/*")}
    made.publish(made.imported(**chosen).text)
    assert made.run().converged
    made.publish(made.imported(adopt=True, **chosen).text)
    report = made.run()
    found = [c for a in report.assessments.values() for c in a.changes if c.path.startswith("tags")]
    assert {c.cause for c in found} == {"pending"}
    assert made.converge()[-1].converged


def without_ours(world: dict[str, Any]) -> dict[str, Any]:
    """A shape without the tags that mark what is ours."""

    def bare(value: Any) -> Any:
        if not isinstance(value, dict):
            return [bare(v) for v in value] if isinstance(value, list) else value
        kept = {k: bare(v) for k, v in value.items() if k not in OURS}
        if "_tags" in kept:
            kept["_tags"] = {arn: tags for arn, tags in kept["_tags"].items() if tags}
        return kept

    found: dict[str, Any] = bare(world)
    return found


def test_changes_behind_its_back_are_named_and_healed(adopted: Adopted) -> None:
    it = adopted.estate
    held = physical(it.run())
    for deed, *_ in DEEDS.values():
        deed(it.aws)
    it.later(900)
    report = it.run()
    named = {(key, c.path) for key, a in report.assessments.items() for c in a.drift}
    expected = {
        (held[kind.partition(" ")[0], name], path) for kind, (_, name, path) in DEEDS.items()
    }
    assert named == expected
    it.converge()
    it.later(7200)
    report = it.converge()[-1]
    assert not [key for key, a in report.assessments.items() if a.drift]
    assert_put_back(it, adopted)


def assert_put_back(it: Estate, adopted: Adopted) -> None:
    """What others made is as it was; RDS, roll-outs and versions remember that it was not."""
    now, then = without_ours(shape(it.world)), without_ours(adopted.after)
    for store in (now, then):
        for parameter in store[f"ssm/{it.world.region}"]["parameters"].values():
            parameter.pop("Version", None)
        for service in ("ecs", "rds", "elasticache"):
            store.pop(f"{service}/{it.world.region}", None)
    assert then == now, unlike(then, now)


def log_group(aws: Any) -> None:
    aws.client("logs").put_retention_policy(logGroupName="/platform/orders/api", retentionInDays=3)


def metric_filter(aws: Any) -> None:
    client = aws.client("logs")
    shown = client.describe_metric_filters(
        logGroupName="/platform/orders/api", filterNamePrefix="Latency"
    )
    [found] = shown["metricFilters"]
    known = client.meta.service_model.operation_model("PutMetricFilter").input_shape.members
    mine = {k: v for k, v in found.items() if k in known} | {"filterPattern": "{ $.latency > 9 }"}
    client.put_metric_filter(**mine)


def secret(aws: Any) -> None:
    aws.client("secretsmanager").update_secret(SecretId="orders/smtp", Description="mine now")


def parameter(aws: Any) -> None:
    aws.client("ssm").put_parameter(Name="/orders/mode", Value="mine", Overwrite=True)


def topic(aws: Any) -> None:
    client = aws.client("sns")
    [arn] = [t["TopicArn"] for t in client.list_topics()["Topics"] if "orders" in t["TopicArn"]]
    client.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="2")


def alarm(aws: Any) -> None:
    client = aws.client("cloudwatch")
    found = client.describe_alarms(AlarmNames=["Orders/DB/CPU"])["MetricAlarms"][0]
    known = client.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    said = {k: v for k, v in found.items() if k in known and v != []}
    client.put_metric_alarm(**said | {"Threshold": 99.0})


def composite_alarm(aws: Any) -> None:
    client = aws.client("cloudwatch")
    client.put_composite_alarm(AlarmName="orders is down", AlarmRule='ALARM("5xx share")')


def dashboard(aws: Any) -> None:
    client = aws.client("cloudwatch")
    text = client.get_dashboard(DashboardName="Orders")["DashboardBody"]
    client.put_dashboard(DashboardName="Orders", DashboardBody=text.replace("## Orders", "## Mine"))


def cluster(aws: Any) -> None:
    aws.client("ecs").update_cluster_settings(
        cluster="Orders", settings=[{"name": "containerInsights", "value": "disabled"}]
    )


def service(aws: Any) -> None:
    aws.client("ecs").update_service(
        cluster="Orders", service="api", healthCheckGracePeriodSeconds=5
    )


def service_of_a_stack(aws: Any) -> None:
    [arn] = [
        a for a in aws.client("ecs").list_services(cluster="jobs")["serviceArns"] if "nightly" in a
    ]
    aws.client("ecs").update_service(cluster="jobs", service=arn, desiredCount=3)


def db_subnet_group(aws: Any) -> None:
    client = aws.client("rds")
    [group] = client.describe_db_subnet_groups(DBSubnetGroupName="jobs")["DBSubnetGroups"]
    client.modify_db_subnet_group(
        DBSubnetGroupName="jobs", DBSubnetGroupDescription="not the jobs'",
        SubnetIds=[s["SubnetIdentifier"] for s in group["Subnets"]],
    )  # fmt: skip


def db_parameter_group(aws: Any) -> None:
    aws.client("rds").modify_db_parameter_group(
        DBParameterGroupName="orders-pg16",
        Parameters=[{"ParameterName": "log_min_duration_statement", "ParameterValue": "1",
                     "ApplyMethod": "immediate"}],
    )  # fmt: skip


def db_instance(aws: Any) -> None:
    aws.client("rds").modify_db_instance(
        DBInstanceIdentifier="orders-main", BackupRetentionPeriod=8, ApplyImmediately=True
    )


def cache_subnet_group(aws: Any) -> None:
    client = aws.client("elasticache")
    client.modify_cache_subnet_group(CacheSubnetGroupName="jobs", CacheSubnetGroupDescription="no")


def cache_parameter_group(aws: Any) -> None:
    aws.client("elasticache").modify_cache_parameter_group(
        CacheParameterGroupName="orders-valkey8",
        ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "noeviction"}],
    )


def replication_group(aws: Any) -> None:
    aws.client("elasticache").modify_replication_group(
        ReplicationGroupId="orders-sessions", SnapshotRetentionLimit=2, ApplyImmediately=True
    )


def web_acl(aws: Any, name: str, scope: str, **changed: Any) -> None:
    client = aws.client("wafv2")
    [found] = [a for a in client.list_web_acls(Scope=scope)["WebACLs"] if a["Name"] == name]
    read = client.get_web_acl(Name=name, Scope=scope, Id=found["Id"])
    known = client.meta.service_model.operation_model("UpdateWebACL").input_shape.members
    params = {k: v for k, v in read["WebACL"].items() if k in known}
    drop = changed.pop("drop", "")
    params["Rules"] = [r for r in params["Rules"] if r["Name"] != drop]
    params |= changed
    client.update_web_acl(Scope=scope, LockToken=read["LockToken"], **params)


def security_group(aws: Any) -> None:
    client = aws.client("ec2")
    filters = [{"Name": "group-name", "Values": ["data"]}]
    [group] = client.describe_security_groups(Filters=filters)["SecurityGroups"]
    client.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )


def ip_set(aws: Any) -> None:
    waf = aws.client("wafv2")
    [found] = [s for s in waf.list_ip_sets(Scope="REGIONAL")["IPSets"] if s["Name"] == "office"]
    waf.update_ip_set(
        Name="office", Scope="REGIONAL", Id=found["Id"], LockToken=found["LockToken"],
        Addresses=["0.0.0.0/1"],
    )  # fmt: skip


DEEDS = {
    "IPSet": (ip_set, "office", "addresses"),
    "SecurityGroup": (security_group, "data", "ingress[tcp/22/0.0.0.0/0]"),
    "LogGroup": (log_group, "/platform/orders/api", "retentionInDays"),
    "MetricFilter": (metric_filter, "Latency by route", "filterPattern"),
    "Secret": (secret, "orders/smtp", "description"),
    "Parameter": (parameter, "/orders/mode", "value"),
    "Topic": (topic, "orders-alarms", "signatureVersion"),
    "Alarm": (alarm, "Orders/DB/CPU", "threshold"),
    "CompositeAlarm": (composite_alarm, "orders is down", "alarmRule"),
    "Dashboard": (dashboard, "Orders", "widgets[0].properties[markdown]"),
    "Cluster": (cluster, "Orders", "settings[containerInsights]"),
    "Service": (service, "api", "healthCheckGracePeriodSeconds"),
    "Service by hand": (service_of_a_stack, "nightly", "desiredCount"),
    "DBSubnetGroup": (db_subnet_group, "jobs", "description"),
    "DBParameterGroup": (
        db_parameter_group, "orders-pg16", "parameters[log_min_duration_statement]",
    ),
    "DBInstance": (db_instance, "orders-main", "backupRetentionPeriod"),
    "CacheSubnetGroup": (cache_subnet_group, "jobs", "description"),
    "CacheParameterGroup": (
        cache_parameter_group, "orders-valkey8", "parameters[maxmemory-policy]",
    ),
    "ReplicationGroup": (replication_group, "orders-sessions", "snapshotRetentionLimit"),
    "WebACL": (
        lambda aws: web_acl(aws, "Orders-Edge", "REGIONAL", drop="login-flood"),
        "Orders-Edge", "rules[login-flood]",
    ),
    "WebACL of CloudFront": (
        lambda aws: web_acl(aws, "website", "CLOUDFRONT", Description="gone"),
        "website", "description",
    ),
}  # fmt: skip
"""Kind → what is done behind Plumbline's back, to what, and the path it is named by."""


def test_every_kind_is_changed() -> None:
    assert {kind.partition(" ")[0] for kind in DEEDS} == set(KINDS) - NOT_IMPORTED


def test_imported_again_it_is_the_same(adopted: Adopted) -> None:
    again = adopted.estate.imported(adopt=True)
    assert again.keys == adopted.file.keys
    assert again.text.splitlines() == adopted.file.text.splitlines()
    adopted.estate.publish(again.text.replace("metadata: {name: acme}", ROOM, 1))
    adopted.estate.checkpoint()
    assert adopted.estate.run().converged
    assert adopted.estate.writes() == []


def test_a_stack_is_imported_by_the_tags_that_cloudformation_gives(made: Estate) -> None:
    made.later(60)
    file = made.imported(tags={"aws:cloudformation:stack-name": "Twenty"})
    found = load(file.text.encode(), "twenty.yaml").resources
    stack = made.aws.client("cloudformation").describe_stack_resources(StackName="Twenty")
    ids = " ".join(r["PhysicalResourceId"] for r in stack["StackResources"])
    assert len(found) >= 5
    assert [r.key for r in found.values() if r.physical not in ids] == []
    made.publish(file.text)
    assert made.run().plan.steps == ()
