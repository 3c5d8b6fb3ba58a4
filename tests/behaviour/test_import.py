"""`plumbline import`: what others made becomes a file that is short, safe, and plans empty."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.cli import import_ as command
from controller.cli.main import run
from controller.handler import Present, Target
from controller.importing import writing
from controller.importing.drafting import draft
from controller.importing.finding import Live, Selection, Unreadable
from controller.importing.importer import Imported, import_file
from controller.importing.naming import MOST, manifest_name
from controller.kinds import handler_for
from controller.manifest import load
from controller.yamlfile import read
from sandbox.pytest_plugin import new_world
from sandbox.world import World
from tests.harness import Plant, environment, production

NAME = "shop-production"
HIDDEN = "hunter2-never-shown"


class Estate(Plant):
    """An account in which other people made things, and no desired state yet."""

    def __init__(self, world: World) -> None:
        world.max_lag = timedelta(0)
        super().__init__(world, environment(name=NAME), NAME)

    def imported(self, *, adopt: bool = False, **selection: Any) -> Imported:
        """The file; it is put in force."""
        chosen = Selection(**selection)
        made = import_file(self.door.fresh(None), NAME, chosen, adopt=adopt, title="Imported.")
        self.publish(made.text)
        return made


@pytest.fixture
def estate(world: World) -> Estate:
    made = Estate(world)
    aws = made.aws
    logs, alarms, secrets = (aws.client(n) for n in ("logs", "cloudwatch", "secretsmanager"))
    logs.create_log_group(logGroupName="/shop/Web", tags={"team": "shop", "stage": "live"})
    logs.put_retention_policy(logGroupName="/shop/Web", retentionInDays=7)
    logs.create_log_group(logGroupName="/other/jobs", tags={"team": "other"})
    secret = secrets.create_secret(Name="shop/db", SecretString=HIDDEN)["ARN"]
    ec2, ecs = aws.client("ec2"), aws.client("ecs")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="w", Description="w", VpcId=vpc)["GroupId"]
    ecs.create_cluster(clusterName="Shop")
    task = ecs.register_task_definition(
        family="web", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256",
        memory="512", executionRoleArn=f"arn:aws:iam::{made.world.account}:role/shop",
        containerDefinitions=[{
            "name": "web", "image": "nginx:1", "essential": True,
            "environment": [
                {"name": "DB_PASSWORD", "value": HIDDEN},
                {"name": "DB_URL", "value": f"postgres://app:{HIDDEN}@db/x"},
                {"name": "ON", "value": "yes"}, {"name": "SHELL_HOME", "value": "${HOME}/x"},
            ],
            "secrets": [{"name": "DB", "valueFrom": f"{secret}:password::"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/shop/Web", "awslogs-region": made.world.region,
                "awslogs-stream-prefix": "web"}},
        }],
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    ecs.create_service(
        cluster="Shop", serviceName="web", taskDefinition=task, desiredCount=1,
        launchType="FARGATE", networkConfiguration={"awsvpcConfiguration": {
            "subnets": [subnet], "securityGroups": [group]}},
    )  # fmt: skip
    alarms.put_metric_alarm(
        AlarmName="web is slow", Namespace="AWS/ECS", MetricName="CPUUtilization",
        Dimensions=[{"Name": "ServiceName", "Value": "web"},
                    {"Name": "ClusterName", "Value": "Shop"}],
        Statistic="Average", Period=60, EvaluationPeriods=5, Threshold=80.0,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    made.later(900)
    return made


def service_image(estate: Estate) -> dict[str, Any]:
    """The container that runs, as AWS tells."""
    ecs = estate.aws.client("ecs")
    [service] = ecs.describe_services(cluster="Shop", services=["web"])["services"]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    found: dict[str, Any] = task["taskDefinition"]["containerDefinitions"][0]
    return found


def test_plans_empty_and_claims_nothing(estate: Estate) -> None:
    made = estate.imported()
    assert made.left_out == []
    estate.checkpoint()
    report = estate.run()
    assert report.plan.steps == ()
    assert all(a.in_sync for a in report.assessments.values())
    assert estate.writes() == []
    tags = estate.aws.client("logs").list_tags_log_group(logGroupName="/shop/Web")["tags"]
    assert tags == {"team": "shop", "stage": "live"}


def test_is_short_linked_and_readable(estate: Estate) -> None:
    text = estate.imported().text
    assert "cluster: ${Cluster.shop.name}" in text
    assert "awslogs-group: ${LogGroup.shop-web.name}" in text
    assert "DB: '${Secret.shop-db.arn}:password::'" in text
    assert "ServiceName: ${Service.web.name}" in text
    assert "SHELL_HOME: $${HOME}/x" in text
    for default in ("essential", "actionsEnabled", "treatMissingData", "propagateTags: NONE "):
        assert default not in text
    assert max(map(len, text.splitlines())) < 200
    assert "externalName: /shop/Web" in text


def test_holds_no_secret_and_leaves_it_alone(estate: Estate) -> None:
    made = estate.imported(adopt=True)
    assert HIDDEN not in made.text
    assert sorted(made.ignored) == [
        "Service/web: containers[web].environment[DB_PASSWORD]",
        "Service/web: containers[web].environment[DB_URL]",
    ]
    estate.converge()
    estate.publish(estate.text.replace("nginx:1", "nginx:2"))
    estate.converge()
    container = service_image(estate)
    assert container["image"] == "nginx:2"
    kept = {e["name"]: e["value"] for e in container["environment"]}
    assert kept["DB_PASSWORD"] == HIDDEN


def test_observed_without_a_claim_drift_is_drift(estate: Estate) -> None:
    estate.imported()
    estate.run()
    estate.aws.client("logs").put_retention_policy(logGroupName="/shop/Web", retentionInDays=3)
    estate.later()
    estate.checkpoint()
    report = estate.run()
    drift = {k: [c.path for c in a.drift] for k, a in report.assessments.items() if a.drift}
    assert drift == {"LogGroup/shop-web": ["retentionInDays"]}
    assert estate.writes() == []
    told = estate.status()["resources"]
    assert told["LogGroup/shop-web"]["conditions"]["Drifted"]["message"] == "retentionInDays"
    assert told["Secret/shop-db"]["conditions"]["Blocked"]["status"] == "False"


def test_what_was_only_observed_is_not_ours_when_the_mode_changes(estate: Estate) -> None:
    made = estate.imported()
    estate.run()
    estate.publish(made.text.replace("retentionInDays: 7", "retentionInDays: 3").replace(
        "mode: observe", "mode: enforce"))  # fmt: skip
    estate.checkpoint()
    report = estate.run()
    assert estate.writes() == []
    assert {v.reason for v in report.vetoes.values()} == {"NotOwned"}
    estate.publish(environment(name=NAME))  # and removed from the file it is not removed from AWS
    report = estate.run()
    assert estate.writes() == []
    assert not report.removed


def test_taking_over_is_not_bounded_by_what_may_change(estate: Estate) -> None:
    made = estate.imported(adopt=True)
    estate.publish(made.text.replace(
        "metadata: {name: shop-production}",
        "metadata: {name: shop-production}\nspec: {limits: {maxChanges: 0}}"))  # fmt: skip
    report = estate.run()
    assert not [v for v in report.vetoes.values() if v.reason == "BlastRadius"]
    assert {c.operation for c in estate.writes()} <= {"CreateTags", "TagResource", "TagLogGroup"}


def test_adopted_it_is_tagged_and_nothing_else(estate: Estate) -> None:
    estate.imported(adopt=True)
    estate.checkpoint()
    estate.converge()
    assert {c.operation for c in estate.writes()} <= {"CreateTags", "TagResource", "TagLogGroup"}
    estate.checkpoint()
    report = estate.run()
    assert report.converged
    assert estate.writes() == []
    again = estate.imported(adopt=True)  # the file got lost: what is ours keeps its names
    assert set(again.keys) == set(report.assessments)
    assert "externalName: web is slow" in again.text


def test_a_part_of_it(estate: Estate) -> None:
    assert estate.imported(kinds=("Alarm",)).keys == ["Alarm/web-is-slow"]
    assert estate.imported(names=("/shop/*",)).keys == ["LogGroup/shop-web"]
    assert estate.imported(tags={"team": ""}).keys == ["LogGroup/other-jobs", "LogGroup/shop-web"]
    assert estate.imported(tags={"team": "shop"}).keys == ["LogGroup/shop-web"]
    assert estate.imported(tags={"team": "shop"}, kinds=("Alarm",)).keys == []


def test_another_environments_things_stay_there(estate: Estate) -> None:
    estate.imported(adopt=True)
    estate.converge()
    made = import_file(
        estate.door.fresh(None), "other", Selection(kinds=("Secret",)), adopt=True, title="x"
    )
    assert made.keys == []
    assert made.left_out == ["Secret shop/db: the environment shop-production manages it"]
    assert "shop-production manages it" in made.text


def test_what_can_not_be_read_is_told(estate: Estate) -> None:
    estate.world.fault("deny", "logs:DescribeLogGroups", times=99)
    made = estate.imported()
    assert "Service/web" in made.keys
    [unread] = made.unread
    assert "LogGroup: can't be listed" in unread
    assert "LogGroup: can't be listed" in made.text
    with pytest.raises(Unreadable, match="LogGroup: can't be listed"):
        estate.imported(kinds=("LogGroup",))


def test_our_own_production_comes_back_from_aws_alone() -> None:
    plant = Plant(new_world(7, max_lag=timedelta(0)), production())
    plant.converge()
    plant.later(3600)
    declared = load(production().encode(), "production.yaml")
    ours = Selection(kinds=tuple({r.kind for r in declared.resources.values()}))
    made = import_file(plant.door.fresh(None), plant.name, ours, adopt=False, title="x")
    assert made.ignored == []
    told = {key for key, r in declared.resources.items() if r.kind != "Task"}  # to import is to run
    assert {*made.keys} >= told
    assert not re.search(r"(?i)masterUserPassword|authToken|secretString", made.text)
    assert len(made.text) < 1.2 * len(production())


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=8))
def test_names_are_allowed_and_unique(physical: list[str]) -> None:
    taken: set[str] = set()
    for name in physical:
        made = manifest_name(name, NAME, taken)
        assert re.fullmatch(r"[a-z]([a-z0-9]|-(?=[a-z0-9])){0,39}", made)
        assert len(made) <= MOST
        assert made not in taken
        taken.add(made)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([NAME], "say what: --kind"),
        ([NAME, "--all", "--kind", "Alarm"], "--all goes without"),
        (["No_Name", "--all"], "1-40 lower-case letters"),
        ([NAME, "--kind", "Alarms"], "did you mean Alarm?"),
        ([NAME, "--tag", "=x"], "allowed: KEY or KEY=VALUE"),
    ],
)
def test_wrong_usage_is_one_clear_line(
    args: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "connector", lambda: pytest.fail("no AWS for a wrong command"))
    assert run(["import", *args]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_the_command_prints_the_file_and_tells_the_rest(
    estate: Estate, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "connector", lambda: estate.door.fresh)
    assert run(["import", NAME, "--all"]) == 0
    out, err = capsys.readouterr()
    assert load(out.encode(), "x").mode == "observe"
    assert "left alone Service/web: containers[web].environment[DB_PASSWORD]" in err
    assert HIDDEN not in out + err


ODD_NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z", "Cc")),
    min_size=1,
    max_size=12,
)
HIDING = st.sampled_from(
    ["DB_PASSWORD", "DB_PASS", "MYSQL_PWD", "REDIS_AUTH", "A]B_TOKEN", "A[x]_TOKEN"]
)
VALUES = st.sampled_from(
    [
        "Hunter2hunter2", "abc${def", "x$y{z}9", "jdbc:x://h;password=hunter2",
        '{"password":"hunter2"}', "user:hunter2hunter2@tcp(db:3306)/x", "https://u:hunter2@h/",
        "Bearer abcdefghijklmnop1234",
    ]
)  # fmt: skip
HEAD = {"apiVersion": "plumbline.dev/v1", "kind": "Environment", "metadata": {"name": "shop"}}


@settings(max_examples=25, deadline=None)
@given(odd=ODD_NAMES, name=HIDING, value=VALUES)
@example(odd="\x85\U00010000", name="DB_PASS", value="Hunter2hunter2")
def test_whatever_names_and_values_say_the_file_is_what_was_imported(
    odd: str, name: str, value: str
) -> None:
    service = {
        "serviceName": "w",
        "serviceArn": "arn:aws:ecs:eu-central-1:123456789012:service/c/w",
    }
    container = {
        "name": "w", "image": "x:1", "essential": True, "environment": [
            {"name": f"{odd}\u2028---\u2028kind: LogGroup_TOKEN", "value": value},
            {"name": name, "value": value}, {"name": odd, "value": "fine"}],
    }  # fmt: skip
    made = draft_of(service, container)
    text = writing.text(["T", odd], HEAD, [made], adopt=False)
    documents = read(text.encode())
    assert [d.value["kind"] for d in documents] == ["Environment", "Service"]
    assert value not in text


def draft_of(service: dict[str, Any], container: dict[str, Any]) -> Any:
    """The draft of a service as AWS shows it."""
    handler = handler_for("Service")
    arn = "arn:aws:ecs:eu-central-1:123456789012"
    doc = {
        "service": {
            **service, "clusterArn": f"{arn}:cluster/c", "status": "ACTIVE", "desiredCount": 1,
            "runningCount": 1, "pendingCount": 0, "launchType": "EC2", "deployments": [],
            "taskDefinition": f"{arn}:task-definition/w:1", "schedulingStrategy": "REPLICA",
        },
        "taskDefinition": {
            "taskDefinitionArn": f"{arn}:task-definition/w:1", "family": "w", "revision": 1,
            "containerDefinitions": [{**container, "memory": 128}], "networkMode": "bridge",
            "requiresCompatibilities": ["EC2"],
        },
    }  # fmt: skip
    target = Target("Service/0", "w", {}, {}, "123456789012", "eu-central-1")
    return draft(Live(handler, target, Present(doc)), "w")


def test_services_of_one_name_in_two_clusters(estate: Estate) -> None:
    ecs = estate.aws.client("ecs")
    ecs.create_cluster(clusterName="Side")
    [web] = ecs.describe_services(cluster="Shop", services=["web"])["services"]
    ecs.create_service(
        cluster="Side", serviceName="web", taskDefinition=web["taskDefinition"], desiredCount=1,
        launchType="FARGATE", networkConfiguration=web["networkConfiguration"],
    )  # fmt: skip
    estate.later(900)
    text = estate.imported(adopt=True).text
    assert "cluster: ${Cluster.shop.name}" in text
    assert "cluster: ${Cluster.side.name}" in text
    assert "ServiceName: web" in text  # either of the two
    estate.checkpoint()
    report = estate.converge()[-1]
    assert {w.operation for w in estate.writes()} <= {
        "TagResource", "RegisterScalableTarget", "AddTagsToResource", "TagLogGroup",
        "CreateTags",
    }  # fmt: skip
    assert {k for k, a in report.assessments.items() if a.in_sync and "Service/" in k} == {
        "Service/web", "Service/web-2",
    }  # fmt: skip
    ecs.update_service(cluster="Side", service="web", desiredCount=2)
    estate.later()
    report = estate.run()
    assert [k for k, a in report.assessments.items() if a.drift] == ["Service/web-2"]


def test_an_adopted_database_keeps_its_password_until_the_secret_has_a_new_version(
    world: World,
) -> None:
    estate = Estate(world)
    rds, secrets = estate.aws.client("rds"), estate.aws.client("secretsmanager")
    secrets.create_secret(Name=f"{NAME}-db", SecretString=HIDDEN)
    ec2 = estate.aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{z}")
        for n, z in enumerate("ab")
    ]
    rds.create_db_subnet_group(
        DBSubnetGroupName="mine", DBSubnetGroupDescription="x",
        SubnetIds=[s["Subnet"]["SubnetId"] for s in subnets],
    )  # fmt: skip
    rds.create_db_instance(
        DBInstanceIdentifier=f"{NAME}-db", Engine="postgres", DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20, MasterUsername="app", MasterUserPassword="another-one-9",
        DBSubnetGroupName="mine", StorageEncrypted=True,
    )  # fmt: skip
    estate.later(3600)
    text = estate.imported(adopt=True, kinds=("DBInstance", "Secret")).text
    spec = "  masterUserPassword: ${Secret.db.value}\n"
    head, found, rest = text.partition("kind: DBInstance")
    estate.publish(head + found + rest.replace("spec:\n", f"spec:\n{spec}", 1))
    estate.checkpoint()
    estate.converge()
    assert {w.operation for w in estate.writes()} == {"AddTagsToResource", "TagResource"}
    secrets.put_secret_value(SecretId=f"{NAME}-db", SecretString="rotated-value-17")
    estate.later(600)
    estate.checkpoint()
    estate.converge()
    assert [w.operation for w in estate.writes()] == ["ModifyDBInstance"]
    assert estate.writes()[0].params["MasterUserPassword"] == "rotated-value-17"
