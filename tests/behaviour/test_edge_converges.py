"""Web ACLs, alarms, secrets and log groups, observed, planned and applied against the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.perturb_edge import inject_firewall_manager_groups, inject_shield_rule
from sandbox.world import World
from tests.harness import Plant, environment, explain, resource

NAME = "litellm-production"
ACL = resource(
    "WebACL", "edge",
    """
      rules: {
        rate: {priority: 150, action: block, rateLimit: {limit: 2000, scopeDown: {byteMatch: {
          fieldToMatch: uriPath, searchString: /v1/, positionalConstraint: STARTS_WITH}}}},
        common: {managedGroup: {count: [SizeRestrictions_BODY]}}},
      associations: ["${ssm:/plumbline/litellm-production/load-balancer/arn}"],
      logging: {destination: "${LogGroup.waf.arn}"}
    """,
)  # fmt: skip
LOG = (
    "apiVersion: plumbline.dev/v1\nkind: LogGroup\n"
    f"metadata: {{name: waf, externalName: aws-waf-logs-{NAME}}}\nspec: {{}}\n"
)
ALARM = resource(
    "Alarm", "cpu",
    """
      namespace: AWS/RDS, metricName: CPUUtilization, statistic: Average, evaluationPeriods: 5,
      dimensions: {DBInstanceIdentifier: main}, threshold: 80,
      comparisonOperator: GreaterThanThreshold,
      alarmActions: ["${ssm:/plumbline/litellm-production/alarms/topic}"]
    """,
)  # fmt: skip
SECRETS = (
    resource("Secret", "master-key", "generate: {prefix: sk-}, description: The master key"),
    resource("Secret", "salt", "generate: {}"),
)


@pytest.fixture
def plant(world: World) -> Plant:
    """All of it, converged."""
    made = Plant(world, environment(ACL, LOG, ALARM, *SECRETS))
    made.converge()
    made.later(600)
    made.checkpoint()
    return made


def acl(plant: Plant) -> dict[str, Any]:
    """The web ACL and its lock token, as a tamperer reads them."""
    waf = plant.aws.client("wafv2")
    listed = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    (found,) = [a for a in listed if a["Name"] == f"{NAME}-edge"]
    return dict(waf.get_web_acl(Name=found["Name"], Scope="REGIONAL", Id=found["Id"]))


def change_acl(plant: Plant, change: Callable[[dict[str, Any]], Any]) -> None:
    """Overwrite the web ACL behind Plumbline's back."""
    reply = acl(plant)
    kept = ("Name", "Id", "DefaultAction", "Description", "Rules", "VisibilityConfig")
    params = {k: v for k, v in reply["WebACL"].items() if k in kept and v != ""}
    change(params)
    waf = plant.aws.client("wafv2")
    waf.update_web_acl(**params, Scope="REGIONAL", LockToken=reply["LockToken"])
    plant.later()


def balancer(plant: Plant) -> str:
    name = f"/plumbline/{NAME}/load-balancer/arn"
    return str(plant.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def rule(params: dict[str, Any], name: str) -> dict[str, Any]:
    return next(r for r in params["Rules"] if r["Name"] == name)


def drift(plant: Plant) -> set[str]:
    """What the pass that repairs it names."""
    report = plant.run()
    return {c.path for a in report.assessments.values() for c in a.drift}


def names(plant: Plant) -> list[str]:
    return [c.name for c in plant.writes()]


def test_converged_means_no_write_and_few_reads(plant: Plant) -> None:
    for _ in range(5):
        report = plant.run()
        assert report.converged, explain(report)
        plant.later(300)  # together less than the hour for which a lock token is trusted
    assert plant.writes() == []
    plant.checkpoint()
    plant.run()
    reads = sorted(c.name for c in plant.calls() if not c.name.startswith(("ssm", "resource")))
    assert reads == [
        "cloudwatch:DescribeAlarms", "logs:DescribeLogGroups", "secretsmanager:ListSecrets",
        "wafv2:GetLoggingConfiguration", "wafv2:ListResourcesForWebACL", "wafv2:ListWebACLs",
    ]  # fmt: skip


TAMPERINGS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "priority": (lambda p: rule(p, "rate").update(Priority=151), "rules[rate].priority"),
    "group only counts": (
        lambda p: rule(p, "common").update(OverrideAction={"Count": {}}), "rules[common].override"
    ),
    "rule gone": (lambda p: p["Rules"].remove(rule(p, "rate")), "rules[rate]"),
    "default": (lambda p: p.update(DefaultAction={"Block": {}}), "defaultAction"),
    "limit": (
        lambda p: rule(p, "rate")["Statement"]["RateBasedStatement"].update(Limit=99999),
        "rules[rate].rateLimit.limit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERINGS)
def test_a_changed_web_acl_is_named_and_put_back(plant: Plant, case: str) -> None:
    tamper, path = TAMPERINGS[case]
    change_acl(plant, tamper)
    assert drift(plant) == {path}
    assert names(plant) == ["wafv2:UpdateWebACL"]
    plant.later()
    assert plant.run().converged
    assert plant.writes() == plant.writes()[:1]


def test_shield_and_firewall_manager_are_left_alone(plant: Plant) -> None:
    shield = inject_shield_rule(plant.world, f"{NAME}-edge")
    inject_firewall_manager_groups(plant.world, f"{NAME}-edge")
    plant.later()
    assert drift(plant) == set()
    assert plant.writes() == []
    change_acl(plant, lambda p: rule(p, "rate").update(Priority=151))
    assert drift(plant) == {"rules[rate].priority"}
    plant.later()
    assert rule(acl(plant)["WebACL"], shield)
    assert rule(acl(plant)["WebACL"], "rate")["Priority"] == 150


def test_associations(plant: Plant) -> None:
    waf = plant.aws.client("wafv2")
    waf.disassociate_web_acl(ResourceArn=balancer(plant))
    plant.later()
    assert drift(plant) == {"associations"}
    assert names(plant) == ["wafv2:AssociateWebACL"]
    plant.later()
    assert plant.run().converged


def test_a_resource_is_not_taken_from_another_web_acl(plant: Plant) -> None:
    waf = plant.aws.client("wafv2")
    visible = {
        "SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "x",
    }  # fmt: skip
    other = waf.create_web_acl(
        Name="other", Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[],
        VisibilityConfig=visible,
    )["Summary"]["ARN"]  # fmt: skip
    plant.later(900)
    waf.associate_web_acl(WebACLArn=other, ResourceArn=balancer(plant))
    plant.later()
    assert drift(plant) == {"associations"}
    plant.later()
    plant.run()
    assert plant.writes() == []
    assert "NoSafeAction" in json.dumps(plant.status())
    held = waf.get_web_acl_for_resource(ResourceArn=balancer(plant))
    assert held["WebACL"]["ARN"] == other


def test_logging_switched_off_is_switched_on(plant: Plant) -> None:
    arn = acl(plant)["WebACL"]["ARN"]
    plant.aws.client("wafv2").delete_logging_configuration(ResourceArn=arn)
    plant.later()
    assert drift(plant) == {"logging"}
    assert names(plant) == ["wafv2:PutLoggingConfiguration"]
    plant.later()
    assert plant.run().converged


def test_an_alarm_overwritten_by_hand_is_put_back(plant: Plant) -> None:
    cloudwatch = plant.aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=f"{NAME}-cpu", Namespace="AWS/RDS", MetricName="CPUUtilization", Period=60,
        Statistic="Average", EvaluationPeriods=5, Threshold=99,
        ComparisonOperator="GreaterThanThreshold",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "main"}],
    )  # fmt: skip
    plant.later()
    assert drift(plant) == {"threshold", "alarmActions"}
    assert names(plant) == ["cloudwatch:PutMetricAlarm"]
    plant.later()
    assert plant.run().converged


def test_alarm_actions_disabled(plant: Plant) -> None:
    plant.aws.client("cloudwatch").disable_alarm_actions(AlarmNames=[f"{NAME}-cpu"])
    plant.later()
    assert drift(plant) == {"actionsEnabled"}


def test_a_secret_scheduled_for_deletion_is_restored(plant: Plant) -> None:
    secrets = plant.aws.client("secretsmanager")
    before = secrets.get_secret_value(SecretId=f"{NAME}-salt")["VersionId"]
    secrets.delete_secret(SecretId=f"{NAME}-salt", RecoveryWindowInDays=7)
    plant.later(600)
    assert drift(plant) == {"deletionScheduled"}
    assert names(plant) == ["secretsmanager:RestoreSecret"]
    plant.later(600)
    assert plant.run().converged
    assert secrets.get_secret_value(SecretId=f"{NAME}-salt")["VersionId"] == before


def test_values_are_made_once_and_stand_nowhere(world: World) -> None:
    plant = Plant(world, environment(*SECRETS))
    reports = plant.converge()
    secrets = plant.aws.client("secretsmanager")
    values = [
        secrets.get_secret_value(SecretId=f"{NAME}-{n}")["SecretString"]
        for n in ("master-key", "salt")
    ]
    assert values[0].startswith("sk-")
    assert len(values[0]) == 51
    texts = [repr(r) for r in reports]
    s3 = plant.aws.client("s3")
    for page in s3.list_objects_v2(Bucket=plant.bucket)["Contents"]:
        texts.append(s3.get_object(Bucket=plant.bucket, Key=page["Key"])["Body"].read().decode())
    assert not [v for v in values for text in texts if v in text]
    for name in ("master-key", "salt"):
        versions = secrets.describe_secret(SecretId=f"{NAME}-{name}")["VersionIdsToStages"]
        assert list(versions.values()) == [["AWSCURRENT"]]


def test_filled_by_a_person(world: World) -> None:
    plant = Plant(world, environment(resource("Secret", "api-key", "description: by hand")))
    plant.run()
    plant.later()
    report = plant.run()
    assert not report.converged
    assert "put-secret-value" in json.dumps(plant.status())
    plant.aws.client("secretsmanager").put_secret_value(
        SecretId=f"{NAME}-api-key", SecretString="from a person"
    )
    plant.later(600)
    assert plant.run().converged


def test_a_lost_race_is_looked_at_again(plant: Plant) -> None:
    """Somebody writes between our look and our call: re-read, re-diff, never a blind retry."""
    change_acl(plant, lambda p: rule(p, "rate").update(Priority=151))
    raced = []

    def meanwhile(key: str, what: str, detail: str) -> None:
        if what == "UpdateWebACL" and not raced:
            raced.append(key)
            change_acl(plant, lambda p: rule(p, "common").update(OverrideAction={"Count": {}}))

    plant.run(progress=meanwhile)
    plant.later()
    plant.run()
    plant.later()
    report = plant.run()
    assert report.converged, explain(report)
    live = acl(plant)["WebACL"]
    assert rule(live, "rate")["Priority"] == 150
    assert rule(live, "common")["OverrideAction"] == {"None": {}}
    errors = [c.error for c in plant.calls() if c.name == "wafv2:UpdateWebACL" and c.error]
    assert errors == ["WAFOptimisticLockException"]


def test_removed_manifests(plant: Plant) -> None:
    """What holds data stays; the rest goes, letting go of the load balancer first."""
    plant.publish(environment(LOG, SECRETS[0], spec="prune: delete, limits: {maxRemovals: 90%}"))
    report = plant.run()
    wanted = [s.action.operation for s in report.plan.steps]
    assert wanted, explain(report)
    assert wanted.index("DisassociateWebACL") < wanted.index("DeleteWebACL")
    assert "DeleteAlarms" in wanted
    assert "DeleteSecret" not in wanted
    plant.later()
    plant.run()
    names = {c.name for c in plant.writes()}
    assert {"wafv2:DeleteWebACL", "cloudwatch:DeleteAlarms"} <= names
    assert not names & {"secretsmanager:DeleteSecret", "logs:DeleteLogGroup"}
