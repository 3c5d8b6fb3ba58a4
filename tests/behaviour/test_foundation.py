"""From an empty account: the foundation's stacks, one after the other, and an environment on them.

In the sandbox, whose CloudFormation checks properties against AWS's schemas and makes what moto
can hold: no backups, no CloudFront, and little of what AWS would refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bootstrap import deploy
from controller.manifest import load
from sandbox.inprocess import session
from sandbox.reachability import Map, promised, wrong
from sandbox.vpc import read
from sandbox.world import World
from tests.harness import Plant, production

ROOT = Path(__file__).parents[2]
NAME = "litellm-production"
CONFIG = ROOT / "desired_state" / "litellm" / "config.yaml"
ZONE = "Z0123456789ABCDEFGHIJ"


@pytest.fixture(autouse=True)
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting moves the simulated clock."""
    monkeypatch.setattr(deploy, "sleep", lambda s: world.clock.advance(timedelta(seconds=10 * s)))


def said(world: World, zone: str = ZONE) -> deploy.File:
    """The sample's file, for the world's account."""
    found = deploy.read(NAME).model_copy(update={"account": world.account})
    found.stacks["edge"] = {"DomainName": "llm.example.com", "HostedZoneId": zone}
    return found


def deployment(world: World, zone: str = ZONE, **options: Any) -> deploy.Deployment:
    return deploy.Deployment(NAME, said(world, zone), session(world), **options)


def stacks(world: World) -> dict[str, str]:
    found = session(world).client("cloudformation").describe_stacks()["Stacks"]
    return {s["StackName"]: s["StackStatus"] for s in found}


def live(aws: Any) -> tuple[dict[str, str], set[tuple[str, str, int]]]:
    """Security groups' names by id, and who reaches whom on which port, as EC2 has it."""
    groups = aws.client("ec2").describe_security_groups()["SecurityGroups"]
    names = {
        g["GroupId"]: t["Value"].removeprefix(f"{NAME}-")
        for g in groups
        for t in g.get("Tags", ())
        if t["Key"] == "Name"
    }
    found = set()
    for group in groups:
        if group["GroupId"] not in names:
            continue
        for rule in group["IpPermissions"]:
            assert rule["FromPort"] == rule["ToPort"]
            others = [r["CidrIp"] for r in rule["IpRanges"]]
            others += [names[p["GroupId"]] for p in rule["UserIdGroupPairs"]]
            found |= {(other, names[group["GroupId"]], rule["FromPort"]) for other in others}
    return names, found


def test_from_an_empty_account_to_a_converged_environment(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = session(world)
    made = aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")
    zone = made["HostedZone"]["Id"].split("/")[-1]
    deployment(world, zone).run()
    assert stacks(world) == {f"{NAME}-{name}": "CREATE_COMPLETE" for name in deploy.ORDER}
    protected = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert all(s["EnableTerminationProtection"] for s in protected)

    _, reached = live(aws)
    assert reached == {
        ("0.0.0.0/0", "load-balancer", 443), ("0.0.0.0/0", "load-balancer", 80),
        ("load-balancer", "application", 4000),
        ("application", "database", 5432), ("application", "cache", 6379),
        ("application", "endpoints", 443),
    }  # fmt: skip
    ec2 = aws.client("ec2")
    [vpc] = [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if v["CidrBlock"] == "10.40.0.0/16"]
    default = [
        g
        for g in ec2.describe_security_groups()["SecurityGroups"]
        if g["VpcId"] == vpc and g["GroupName"] == "default"
    ]
    assert [(g["IpPermissions"], g["IpPermissionsEgress"]) for g in default] == [([], [])]

    capsys.readouterr()
    deployment(world, zone).run()  # again
    assert capsys.readouterr().out.splitlines() == [
        f"==> {NAME}-{name}: nothing to change" for name in deploy.ORDER
    ]

    configured = aws.client("ssm").get_parameter(Name=f"/plumbline/{NAME}/config/object")
    key = configured["Parameter"]["Value"]
    bucket = f"{NAME}-config-{world.account}-{world.region}"
    assert aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == CONFIG.read_bytes()

    plant = Plant(world, production())
    plant.converge()
    plant.checkpoint()
    plant.run()
    assert plant.writes() == []
    [service] = plant.aws.client("ecs").describe_services(
        cluster=f"{NAME}-main", services=[f"{NAME}-gateway"]
    )["services"]
    assert service["runningCount"] == service["desiredCount"] == 2
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    names, _ = live(aws)
    assert [names[g] for g in network["securityGroups"]] == ["application"]

    vpc, promise = promised(aws, NAME, 4000)
    seen = Map(read(aws, vpc))
    assert wrong(list(seen.paths()), promise) == []
    assert list(seen.strays()) == []

    plant.publish("---\n".join([production(), *watched()]))
    last = plant.converge()[-1]
    assert {key for key in last.assessments if key.startswith("Stack/")} == {
        "Stack/network", "Stack/storage", "Stack/security",
    }  # fmt: skip
    assert [key for key, it in last.assessments.items() if it.drift] == []
    aws.client("s3").put_public_access_block(
        Bucket=f"{NAME}-config-{world.account}-us-east-1",
        PublicAccessBlockConfiguration={"BlockPublicPolicy": False},
    )
    application = next(group for group, name in names.items() if name == "application")
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }
    ec2.authorize_security_group_ingress(GroupId=application, IpPermissions=[rule])
    allowed = '{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}'
    aws.client("iam").put_role_policy(
        RoleName=f"{NAME}-task", PolicyName="more",
        PolicyDocument=f'{{"Version": "2012-10-17", "Statement": [{allowed}]}}',
    )  # fmt: skip
    plant.later(3600)
    plant.run()
    plant.later(300)
    told = {
        f"{key} {change.path}" for key, it in plant.run().assessments.items() for change in it.drift
    }
    assert told == {
        "Stack/network resources[ApplicationGroup].SecurityGroupIngress[1]",
        *(
            f"Stack/storage resources[ConfigBucket].PublicAccessBlockConfiguration.{name}"
            for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls",
                         "RestrictPublicBuckets")
        ),
        "Stack/security resources[TaskRole].Policies[1]",
    }  # fmt: skip

    role = f'spec: {{revert: {{roleArn: "arn:aws:iam::{world.account}:role/deploys"}}}}'
    reverted = [f"{it.strip()}\n{role}\n" for it in watched() if "name: security" not in it]
    plant.publish("---\n".join([production(), *reverted, watched()[-1]]))
    for _ in range(8):
        report = plant.run()
        plant.later(300)
    [*left] = [f"{key} {c.path}" for key, it in report.assessments.items() for c in it.drift]
    assert left == ["Stack/security resources[TaskRole].Policies[1]"]
    assert live(aws)[1] == reached
    block = aws.client("s3").get_public_access_block(
        Bucket=f"{NAME}-config-{world.account}-us-east-1"
    )["PublicAccessBlockConfiguration"]
    assert len(block) == 4
    assert all(block.values())
    assert set(stacks(world).values()) == {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    capsys.readouterr()
    deployment(world, zone).run()  # the stacks' template is what it was
    told = capsys.readouterr().out
    assert f"==> {NAME}-network: nothing to change" in told
    assert f"==> {NAME}-storage: nothing to change" in told


def watched() -> list[str]:
    """The stacks that docs/how-to/foundation.md has people name."""
    page = (ROOT / "docs" / "how-to" / "foundation.md").read_text(encoding="utf-8")
    section = page.split("## Watch it for drift")[1].split("\n## ")[0]
    [block] = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    return [str(each) for each in block.split("---\n")]


@pytest.fixture
def storage(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Deploys the stack with a configuration; the name that the configuration then has in S3."""
    monkeypatch.setattr(deploy, "ORDER", ("security", "storage"))
    file = tmp_path / "config.yaml"

    def deployed(text: str) -> str:
        file.write_text(text, encoding="utf-8")
        changed = said(world).model_copy(update={"configuration": str(file)})
        deploy.Deployment(NAME, changed, session(world)).run()
        ssm = session(world).client("ssm")
        found = ssm.get_parameter(Name=f"/plumbline/{NAME}/config/object")
        return str(found["Parameter"]["Value"])

    return deployed


def held(world: World) -> dict[str, bytes]:
    """What is in the configuration's bucket."""
    s3, bucket = session(world).client("s3"), f"{NAME}-config-{world.account}-{world.region}"
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    return {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found
    }


def test_another_configuration_is_another_file(
    world: World, storage: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there before its name is; the one before stays, and can be gone back to."""
    first = storage("model_list: []\n")
    named: list[str] = []

    def stack(self: deploy.Deployment, name: str) -> None:
        """The sandbox changes no parameters of stacks."""
        if name == "storage":
            named.append(self.values[name]["ConfigObject"])
            assert named[-1] in held(world)

    monkeypatch.setattr(deploy.Deployment, "stack", stack)
    storage("model_list: [] # none\n")
    storage("model_list: []\n")
    assert named[1] == first != named[0]
    assert held(world) == {first: b"model_list: []\n", named[0]: b"model_list: [] # none\n"}


def test_a_configuration_that_was_overwritten_is_not_taken_for_the_file(
    world: World, storage: Callable[[str], str]
) -> None:
    key = storage("model_list: []\n")
    bucket = f"{NAME}-config-{world.account}-{world.region}"
    session(world).client("s3").put_object(Bucket=bucket, Key=key, Body=b"mine: true\n")
    with pytest.raises(deploy.Refused, match=f"s3://{bucket}/{key} was overwritten"):
        storage("model_list: []\n")
    assert held(world) == {key: b"mine: true\n"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "a: 1\nmodel_list:\n  - api_key: 0123456789abcdef\n",
            ":3: model_list.0.api_key: found what looks like a secret, allowed: os.environ/NAME",
        ),
        ("a: 1\nb: sk-0123456789abcdef0123\n", ":2: b: found what looks like a secret"),
        ("a: 1\na: 2\n", ":2: a: "),
        ("- a\n", ":1: found a list, allowed: one mapping"),
        ("a: 1\n---\nb: 1\n", ":1: found 2 documents, allowed: one mapping"),
        ("a: " + "x" * 300_000, ":1: found 300,003 bytes, allowed: 262,144"),
    ],
)
def test_a_configuration_that_is_none_changes_nothing(
    world: World, storage: Callable[[str], str], text: str, says: str
) -> None:
    with pytest.raises(deploy.Refused, match=re.escape(says)) as refused:
        storage(text)
    assert "0123456789abcdef" not in refused.value.message
    assert stacks(world) == {}


def test_what_the_configuration_of_litellm_refers_to_is_there() -> None:
    """Each variable that it names is one of the gateway's; its address of the database LiteLLM
    puts together."""
    text = CONFIG.read_text(encoding="utf-8")
    gateway = load(production().encode(), "f").resources["Service/gateway"].spec["containers"]
    known = gateway["gateway"]["environment"].keys() | gateway["gateway"]["secrets"].keys()
    assert set(re.findall(r"os\.environ/(\w+)", text)) - known == {"DATABASE_URL"}
    assert {"DATABASE_HOST", "DATABASE_USERNAME", "DATABASE_PASSWORD", "DATABASE_NAME"} <= known


def test_a_dry_run_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    deployment(world, dry=True).run()
    assert set(stacks(world).values()) <= {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}
    world.clock.advance(timedelta(minutes=1))
    assert stacks(world) == {}
    assert session(world).client("ssm").describe_parameters()["Parameters"] == []
    out = capsys.readouterr().out
    assert "+ DataKey (AWS::KMS::Key)" in out
    assert f"==> {NAME}-edge: can't tell before there is /plumbline/{NAME}/" in out


@pytest.mark.parametrize(
    ("before", "now", "gone"),
    [
        (None, "REVIEW_IN_PROGRESS", True),
        ("REVIEW_IN_PROGRESS", "REVIEW_IN_PROGRESS", False),  # somebody's, under review
        (None, "CREATE_IN_PROGRESS", False),  # somebody went ahead meanwhile
        ("CREATE_COMPLETE", "CREATE_COMPLETE", False),
    ],
)
def test_only_the_empty_stack_that_the_run_made_is_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch, before: str | None, now: str, gone: bool
) -> None:
    done: list[str] = []

    class Calls:
        def delete_change_set(self, ChangeSetName: str) -> None:
            done.append(ChangeSetName)

        def delete_stack(self, StackName: str) -> None:
            done.append(StackName)

    mine = deployment(world, dry=True)
    states = iter((before, now))
    monkeypatch.setattr(mine, "cfn", Calls())
    monkeypatch.setattr(mine, "state", lambda _: next(states))
    change = {"Action": "Add", "LogicalResourceId": "Key", "ResourceType": "AWS::KMS::Key"}
    monkeypatch.setattr(mine, "prepare", lambda *_: ("mine", [change]))
    mine.stack("security")
    assert done == ["mine", *([f"{NAME}-security"] if gone else [])]


def test_credentials_of_another_account_are_refused(world: World) -> None:
    other = said(world).model_copy(update={"account": "000011112222"})
    with pytest.raises(deploy.Refused, match=f"account {world.account}, the file says 0000"):
        deploy.Deployment(NAME, other, session(world))
    assert stacks(world) == {}


def test_a_name_without_zone_and_certificate_is_refused(world: World) -> None:
    aws = session(world)
    for path in deploy.inputs("edge").values():
        aws.client("ssm").put_parameter(Name=f"/plumbline/{NAME}/{path}", Value="x", Type="String")
    file = said(world)
    del file.stacks["edge"]["HostedZoneId"]
    with pytest.raises(Exception, match="HostedZoneId or CertificateArn must be given"):
        deploy.Deployment(NAME, file, aws).stack("edge")
    assert stacks(world) == {}


def test_a_failure_is_named_with_what_to_do(world: World) -> None:
    """Somebody has written a parameter by hand; the stack does not take it over."""
    aws = session(world)
    taken = f"/plumbline/{NAME}/roles/task"
    aws.client("ssm").put_parameter(Name=taken, Value="by hand", Type="String")
    with pytest.raises(deploy.Refused) as refused:
        deployment(world).run()
    says = refused.value.message
    assert "litellm-production-security is ROLLBACK_COMPLETE" in says
    assert "TaskRoleParameter: " in says
    assert "aws cloudformation delete-stack --region us-east-1" in says
    with pytest.raises(deploy.Refused, match=r"is ROLLBACK_COMPLETE\. Delete it"):
        deployment(world).run()


@pytest.mark.parametrize(
    ("replacement", "lost"), [("True", "Vpc"), ("Conditional", "Vpc (perhaps)")]
)
def test_replacing_must_be_meant(
    world: World, monkeypatch: pytest.MonkeyPatch, replacement: str, lost: str
) -> None:
    done: list[str] = []
    change = {
        "Action": "Modify", "LogicalResourceId": "Vpc", "ResourceType": "AWS::EC2::VPC",
        "Replacement": replacement,
    }  # fmt: skip
    monkeypatch.setattr(deploy.Deployment, "prepare", lambda *_: ("arn", [change]))
    monkeypatch.setattr(deploy.Deployment, "forget", lambda *_: done.append("forgotten"))
    monkeypatch.setattr(deploy.Deployment, "execute", lambda *_: done.append("executed"))
    says = re.escape(f"would replace or remove {lost}; nothing was changed")
    with pytest.raises(deploy.Refused, match=says):
        deployment(world).stack("security")
    deployment(world, replace=True).stack("security")
    assert done == ["forgotten", "executed"]


# --- the command ---


def test_an_environment_without_a_file() -> None:
    result = CliRunner().invoke(deploy.main, ["no-such"])
    assert result.exit_code == 1
    assert "ENV names one of these files: litellm-production, n8n-production" in result.output


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    result = CliRunner().invoke(deploy.main, [NAME])
    assert result.exit_code == 1
    assert result.output == "Error: AWS: Unable to locate credentials\n"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ('{"account": 1}', "account: Input should be a valid string"),
        ("{", "the file: Invalid JSON"),
    ],
)
def test_a_broken_file(tmp_path: Path, found: str, says: str) -> None:
    (tmp_path / "shop.json").write_text(found, encoding="utf-8")
    with pytest.raises(deploy.Refused, match=says):
        deploy.read("shop", tmp_path)


def test_unknown_and_missing_parameters() -> None:
    file = deploy.read(NAME)
    file.stacks["network"] = {"Zonen": "2"}
    with pytest.raises(deploy.Refused, match=r"stacks.network: found Zonen, allowed: .*Zones"):
        deploy.parameters(NAME, file, "network")
    file.stacks["edge"] = {}
    with pytest.raises(deploy.Refused, match=r"stacks.edge: DomainName must be given"):
        deploy.parameters(NAME, file, "edge")


def test_the_control_plane_is_built_and_deployed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sam, log = tmp_path / "sam", tmp_path / "log"
    sam.write_text(f'#!/bin/sh\necho "$@" >> {log}\n', encoding="utf-8")
    sam.chmod(0o755)
    values = {"NamePrefix": "shop", "Mode": "observe"}
    deploy.deploy_control_plane(values, "eu-central-1", str(sam), dry=True)
    assert not log.exists()
    deploy.deploy_control_plane(values, "eu-central-1", str(sam), dry=False)
    build, deployed = log.read_text(encoding="utf-8").splitlines()
    assert build == "build"
    assert deployed.startswith("deploy --stack-name plumbline --region eu-central-1")
    assert deployed.endswith("--parameter-overrides NamePrefix=shop Mode=observe")
    sam.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    with pytest.raises(deploy.Refused, match="sam build ended with 3"):
        deploy.deploy_control_plane(values, "eu-central-1", str(sam), dry=False)
