"""The foundation's templates: what is promised of them, judged as CloudFormation fills them in."""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap import deploy
from controller.references import find
from sandbox.cloudformation_template import Scope, parameters, parse

ROOT = Path(__file__).parents[2]
Doc = dict[str, Any]
ACCOUNT, REGION = "111122223333", "us-east-1"
ZONES = [REGION + zone for zone in "abcdef"]
PSEUDO = {
    "AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws",
    "AWS::StackName": "stack", "AWS::URLSuffix": "amazonaws.com",
}  # fmt: skip
ENVIRONMENTS = ("litellm-production", "n8n-production", "twenty-production")
PREFIX_LIST = "pl-3b927c52"
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
VARIANTS: list[dict[str, dict[str, str]]] = [
    {},
    {"network": {"Zones": "3"}},
    {"network": {"Zones": "3", "NatGateways": "one", "VpcSize": "20", "VpcAddress": "10.9.16.0"}},
    {"network": {"NatGateways": "none", "InterfaceEndpoints": "false"}},
    {
        "network": {"CloudFrontPrefixList": PREFIX_LIST},
        "edge": {"CloudFrontCertificateArn": CERTIFICATE},
    },
]


class Attributes(dict[str, str]):
    """What GetAtt gives of a resource that does not exist."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __contains__(self, path: object) -> bool:
        return True

    def __getitem__(self, path: str) -> str:
        if self.name.endswith("Bucket") and path == "Arn":
            return f"arn:aws:s3:::{self.name}"
        if path == "LoadBalancerFullName":
            return f"app/{self.name}/50dc6c495c0c9188"
        return f"{self.name}.{path}"


def text(name: str) -> str:
    return (ROOT / "bootstrap" / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def plain(name: str) -> Doc:
    """A template without the rules that CloudFormation checks before it begins."""
    document = deploy.template(name)
    body = text(name)
    if "Rules" in document:
        body = re.sub(r"^Rules:\n(?: .*\n|\n)*", "", body, flags=re.M)
    return parse(body)


def rendered(
    environment: str = "litellm-production",
    variant: dict[deploy.Stack, dict[str, str]] | None = None,
) -> dict[str, Doc]:
    """All resources of an environment, `template.LogicalName` → type and properties."""
    said = deploy.read(environment)
    for name, values in (variant or {}).items():
        said.stacks.setdefault(name, {}).update(values)
    found: dict[str, Doc] = {}
    for name in deploy.ORDER:
        document = plain(name)
        given = deploy.parameters(environment, said, name)
        values = parameters(document, given, "<{}>".format)
        scope = Scope(document, values, PSEUDO, ZONES, {})
        scope.resources = {n: (n, Attributes(n)) for n in document["Resources"]}
        for logical, resource in scope.declared().items():
            found[f"{name}.{logical}"] = {
                **{k: v for k, v in resource.items() if k != "Properties"},
                "Properties": scope.value(resource.get("Properties") or {}),
            }
    return found


def of_type(resources: dict[str, Doc], kind: str) -> dict[str, Doc]:
    return {
        n.split(".")[1]: r["Properties"]
        for n, r in resources.items()
        if r["Type"] == f"AWS::{kind}"
    }


def published(resources: dict[str, Doc]) -> dict[str, Doc]:
    return {p["Name"]: p for p in of_type(resources, "SSM::Parameter").values()}


def environment_of(resources: dict[str, Doc]) -> str:
    [environment] = {name.split("/")[2] for name in published(resources)}
    return environment


EVERY = [(e, v) for e in ENVIRONMENTS for v in VARIANTS]
RENDERED = {f"{e}-{i}": rendered(e, v) for i, (e, v) in enumerate(EVERY)}
each_environment = pytest.mark.parametrize("resources", RENDERED.values(), ids=RENDERED)


# --- what desired state reads is written ---


def files() -> list[Path]:
    return sorted((ROOT / "desired_state").rglob("*.yaml"))


def read_by(path: Path) -> tuple[str, set[str]]:
    """The environment that a desired-state file is of, and the parameters that it refers to."""
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    [name] = [d["metadata"]["name"] for d in documents if d.get("kind") == "Environment"]
    refs = (ref for document in documents for _, ref in find(document))
    return name, {ref.parameter for ref in refs if ref.kind == "ssm"}


@pytest.mark.parametrize("path", files(), ids=lambda p: p.parent.name)
def test_every_parameter_that_desired_state_reads_is_written(path: Path) -> None:
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    if not any(isinstance(d, dict) and d.get("kind") == "Environment" for d in documents):
        return
    environment, names = read_by(path)
    assert names - published(rendered(environment)).keys() == set()


def test_the_guide_lists_what_is_written() -> None:
    page = (ROOT / "docs" / "how-to" / "foundation.md").read_text(encoding="utf-8")
    table = page.split("below `/plumbline/<environment>/`")[1].split("## CloudFront")[0]
    told = {n for line in table.splitlines() for n in re.findall(r"`([a-z-]+/[a-z/-]+)`", line)}
    written = {
        "/".join(name.split("/")[3:]) for each in RENDERED.values() for name in published(each)
    }
    assert told == written


def test_lists_are_lists() -> None:
    """A whole `${ssm:…}` of a StringList becomes a list, one of a String a text."""
    held = published(rendered())
    plural = {n for n in held if re.search(r"(subnets|groups)$", n)}
    assert {n for n, p in held.items() if p["Type"] == "StringList"} == plural
    assert len(plural) == 7


def test_tasks_get_the_secrets_that_desired_state_gives_them() -> None:
    path = ROOT / "desired_state" / "litellm" / "production.yaml"
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    used = {
        value.removeprefix("${Secret.").split(".")[0]
        for d in documents
        if d["kind"] in ("Service", "Task")
        for container in d["spec"]["containers"].values()
        for value in container.get("secrets", {}).values()
        if value.startswith("${Secret.")
    }
    assert used == set(deploy.read("litellm-production").secrets)


@each_environment
def test_each_stack_takes_what_those_before_it_write(resources: dict[str, Doc]) -> None:
    written: set[str] = set()
    for name in deploy.ORDER:
        assert set(deploy.inputs(name).values()) <= written
        written |= {
            "/".join(r["Properties"]["Name"].split("/")[3:])
            for key, r in resources.items()
            if key.startswith(f"{name}.") and r["Type"] == "AWS::SSM::Parameter"
        }


@each_environment
def test_nothing_is_written_twice(resources: dict[str, Doc]) -> None:
    names = [p["Name"] for p in of_type(resources, "SSM::Parameter").values()]
    assert len(names) == len(set(names))


# --- who reaches whom ---


def edges(resources: dict[str, Doc], way: str) -> set[tuple[str, str, int]]:
    """(from, to, port) as the security groups' rules of one direction have it."""
    groups = of_type(resources, "EC2::SecurityGroup")
    rules = [
        (name, rule)
        for name, group in groups.items()
        for rule in group.get(f"SecurityGroup{way.title()}", ())
    ]
    rules += [
        (rule["GroupId"], rule)
        for rule in of_type(resources, f"EC2::SecurityGroup{way.title()}").values()
    ]
    found = set()
    for name, rule in rules:
        other = next(
            rule[key]
            for key in (
                "SourceSecurityGroupId", "SourcePrefixListId", "DestinationSecurityGroupId",
                "CidrIp",
            )
            if key in rule
        )  # fmt: skip
        if other == "127.0.0.1/32":
            assert rule["IpProtocol"] == "-1"
            continue
        assert rule["IpProtocol"] == "tcp"
        assert int(rule["FromPort"]) == int(rule["ToPort"])
        pair = (other, name) if way == "ingress" else (name, other)
        found.add((*pair, int(rule["FromPort"])))
    return found


PORTS = {"litellm": 4000, "n8n": 5678, "twenty": 3000}


@each_environment
def test_reachability(resources: dict[str, Doc]) -> None:
    """Internet → load balancer 443 and 80; it → tasks; they → 5432, 6379; nothing else."""
    environment = environment_of(resources)
    port = PORTS[environment.split("-")[0]]
    interfaces = "EndpointGroup" in of_type(resources, "EC2::SecurityGroup")
    endpoint = {("ApplicationGroup", "EndpointGroup", 443)} if interfaces else set()
    cloudfront = bool(of_type(resources, "CloudFront::Distribution"))
    world = (
        {(PREFIX_LIST, "LoadBalancerGroup", 443)}
        if cloudfront
        else {("0.0.0.0/0", "LoadBalancerGroup", p) for p in (443, 80)}
    )
    inside = {
        ("LoadBalancerGroup", "ApplicationGroup", port),
        ("ApplicationGroup", "DatabaseGroup", 5432),
        ("ApplicationGroup", "CacheGroup", 6379),
    }
    assert edges(resources, "ingress") == world | inside | endpoint
    out = {("ApplicationGroup", "0.0.0.0/0", 443)}
    assert edges(resources, "egress") == inside | out
    target = of_type(resources, "ElasticLoadBalancingV2::TargetGroup")["TargetGroup"]
    assert int(target["Port"]) == port


@each_environment
def test_no_group_keeps_the_rule_that_lets_everything_out(resources: dict[str, Doc]) -> None:
    for group in of_type(resources, "EC2::SecurityGroup").values():
        assert group["SecurityGroupEgress"]


def routes(resources: dict[str, Doc]) -> dict[str, set[str]]:
    """Subnet → where its default routes lead."""
    table = {
        a["SubnetId"]: a["RouteTableId"]
        for a in of_type(resources, "EC2::SubnetRouteTableAssociation").values()
    }
    assert table.keys() == of_type(resources, "EC2::Subnet").keys(), "none on the main table"
    leads: dict[str, set[str]] = {subnet: set() for subnet in table}
    for route in of_type(resources, "EC2::Route").values():
        for subnet in table:
            if table[subnet] == route["RouteTableId"]:
                assert route["DestinationCidrBlock"] == "0.0.0.0/0"
                leads[subnet].add(route.get("NatGatewayId") or route["GatewayId"])
    return leads


@each_environment
def test_routes(resources: dict[str, Doc]) -> None:
    """Data subnets have none to the internet, private ones through NAT or none, public ones do."""
    nats = of_type(resources, "EC2::NatGateway")
    for subnet, leads in routes(resources).items():
        zone = subnet[-1]
        if subnet.startswith("Public"):
            assert leads == {"InternetGateway"}
        elif subnet.startswith("Data") or not nats:
            assert leads == set()
        else:
            assert leads == ({f"Nat{zone}"} if len(nats) > 1 else {"NatA"})
    for name, nat in nats.items():
        assert nat["SubnetId"] == f"PublicSubnet{name[-1]}"
    [gateway] = [e for e in of_type(resources, "EC2::VPCEndpoint").values() if "RouteTableIds" in e]
    assert "DataRoutes" not in gateway["RouteTableIds"]


@each_environment
def test_subnets_are_apart_in_two_or_three_zones(resources: dict[str, Doc]) -> None:
    subnets = of_type(resources, "EC2::Subnet")
    zones = {s["AvailabilityZone"] for s in subnets.values()}
    assert len(zones) in (2, 3)
    assert len(subnets) == 3 * len(zones)
    [vpc] = of_type(resources, "EC2::VPC").values()
    blocks = {n: ipaddress.ip_network(s["CidrBlock"]) for n, s in subnets.items()}
    assert all(b.subnet_of(ipaddress.ip_network(vpc["CidrBlock"])) for b in blocks.values())
    assert not any(a.overlaps(b) for a, b in itertools.combinations(blocks.values(), 2))
    for kind in ("Public", "Private", "Data"):
        own = {s["AvailabilityZone"] for n, s in subnets.items() if n.startswith(kind)}
        assert own == zones
        [listed] = [
            p for n, p in published(resources).items() if n.endswith(f"{kind.lower()}-subnets")
        ]
        assert listed["Value"].split(",") == [n for n in sorted(subnets) if n.startswith(kind)]
    assert not any(s["MapPublicIpOnLaunch"] for s in subnets.values())


@each_environment
def test_flow_logs_see_all(resources: dict[str, Doc]) -> None:
    [log] = of_type(resources, "EC2::FlowLog").values()
    assert (log["ResourceType"], log["TrafficType"]) == ("VPC", "ALL")


# --- edge ---


@each_environment
def test_a_certificate_that_ends_is_told_of(resources: dict[str, Doc]) -> None:
    alarm = of_type(resources, "CloudWatch::Alarm")["CertificateAlarm"]
    listener = of_type(resources, "ElasticLoadBalancingV2::Listener")["Https"]
    [certificate] = listener["Certificates"]
    assert alarm["Dimensions"] == [
        {"Name": "CertificateArn", "Value": certificate["CertificateArn"]}
    ]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("DaysToExpiry", "Minimum")
    assert 14 <= int(alarm["Threshold"]) < 60, "after ACM's first try, with time for a person"
    assert alarm["AlarmActions"] == [f"</plumbline/{environment_of(resources)}/alarms/topic>"]


@each_environment
def test_listeners(resources: dict[str, Doc]) -> None:
    listeners = of_type(resources, "ElasticLoadBalancingV2::Listener")
    assert sorted(listener["Port"] for listener in listeners.values()) == [80, 443]
    assert listeners["Https"]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    [redirect] = listeners["Http"]["DefaultActions"]
    assert redirect == {
        "Type": "redirect",
        "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
    }
    [rule] = of_type(resources, "ElasticLoadBalancingV2::ListenerRule").values()
    assert rule["Conditions"][0]["PathPatternConfig"] == {"Values": ["/robots.txt"]}
    [action] = rule["Actions"]
    assert action["FixedResponseConfig"] == {
        "StatusCode": "200",
        "ContentType": "text/plain",
        "MessageBody": "User-agent: *\nDisallow: /\n",
    }


@each_environment
def test_the_load_balancer(resources: dict[str, Doc]) -> None:
    [balancer] = of_type(resources, "ElasticLoadBalancingV2::LoadBalancer").values()
    attributes = {a["Key"]: a["Value"] for a in balancer["LoadBalancerAttributes"]}
    for key in (
        "access_logs.s3.enabled", "deletion_protection.enabled",
        "routing.http.drop_invalid_header_fields.enabled",
    ):  # fmt: skip
        assert attributes[key] == "true"
    assert int(attributes["idle_timeout.timeout_seconds"]) >= 300
    behind = bool(of_type(resources, "CloudFront::Distribution"))
    assert balancer["Scheme"] == ("internal" if behind else "internet-facing")
    [subnets] = balancer["Subnets"]
    assert subnets.endswith("/private-subnets>" if behind else "/public-subnets>")


@each_environment
def test_another_load_balancer_is_another_target_group(resources: dict[str, Doc]) -> None:
    """A target group belongs to one load balancer, and the old stands until the new does."""
    group = of_type(resources, "ElasticLoadBalancingV2::TargetGroup")["TargetGroup"]
    assert group["Name"] == "tg-50dc6c495c0c9188"


HEALTH = {"litellm": "/health/liveliness", "n8n": "/healthz", "twenty": "/healthz"}
"""What answers without a database. https://docs.litellm.ai/docs/proxy/health
https://docs.n8n.io/hosting/logging-monitoring/monitoring/"""


@each_environment
def test_an_outage_of_the_database_costs_no_task(resources: dict[str, Doc]) -> None:
    group = of_type(resources, "ElasticLoadBalancingV2::TargetGroup")["TargetGroup"]
    application = environment_of(resources).split("-")[0]
    assert group["HealthCheckPath"] == HEALTH[application]


def test_cloudfront_is_the_only_way_in_and_asks_for_tls() -> None:
    resources = rendered(variant=VARIANTS[-1])
    [distribution] = of_type(resources, "CloudFront::Distribution").values()
    config = distribution["DistributionConfig"]
    [origin] = config["Origins"]
    assert origin["VpcOriginConfig"]["VpcOriginId"] == "Origin.Id"
    [vpc_origin] = of_type(resources, "CloudFront::VpcOrigin").values()
    endpoint = vpc_origin["VpcOriginEndpointConfig"]
    assert (endpoint["Arn"], endpoint["OriginProtocolPolicy"]) == ("LoadBalancer", "https-only")
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    records = of_type(resources, "Route53::RecordSet").values()
    assert {r["Type"] for r in records} == {"A", "AAAA"}
    assert {r["AliasTarget"]["DNSName"] for r in records} == {"Distribution.DomainName"}


# --- buckets, images, keys, backups ---


@each_environment
def test_buckets_are_encrypted_closed_versioned_and_take_tls_only(
    resources: dict[str, Doc],
) -> None:
    buckets = of_type(resources, "S3::Bucket")
    policies = {
        p["Bucket"]: p["PolicyDocument"]["Statement"]
        for p in of_type(resources, "S3::BucketPolicy").values()
    }
    assert buckets.keys() == policies.keys() >= {"LogBucket", "ConfigBucket"}
    for name, bucket in buckets.items():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert algorithm == ("AES256" if name == "LogBucket" else "aws:kms")
        closed = bucket["PublicAccessBlockConfiguration"]
        assert len(closed) == 4
        assert set(closed.values()) == {True}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        [tls] = [s for s in policies[name] if s["Effect"] == "Deny"]
        assert (tls["Principal"], tls["Action"]) == ("*", "s3:*")
        assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert tls["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        assert re.fullmatch(r"[a-z0-9-]{3,63}", bucket["BucketName"])
        for statement in policies[name]:
            assert statement["Effect"] == "Deny" or "Service" in statement["Principal"]


@each_environment
def test_what_holds_data_outlives_its_stack(resources: dict[str, Doc]) -> None:
    kinds = ("S3::Bucket", "KMS::Key", "ECR::Repository", "Backup::BackupVault",
             "SecretsManager::Secret")  # fmt: skip
    for name, resource in resources.items():
        if resource["Type"].removeprefix("AWS::") in kinds:
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


@each_environment
def test_images_are_immutable_scanned_encrypted_and_cleaned_up(resources: dict[str, Doc]) -> None:
    for repository in of_type(resources, "ECR::Repository").values():
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert repository["EncryptionConfiguration"]["EncryptionType"] == "KMS"
        rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        assert [r["selection"]["tagStatus"] for r in rules] == ["untagged", "any"]
        assert rules[1]["selection"]["countNumber"] == 30


@each_environment
def test_keys_rotate_and_no_stranger_uses_them(resources: dict[str, Doc]) -> None:
    keys = of_type(resources, "KMS::Key")
    assert keys.keys() == {"DataKey", "TelemetryKey"}
    for key in keys.values():
        assert key["EnableKeyRotation"] is True
        for statement in key["KeyPolicy"]["Statement"]:
            principal = statement["Principal"]
            if "AWS" in principal:
                assert principal["AWS"] == f"arn:aws:iam::{ACCOUNT}:root"
            else:
                assert "kms:*" not in statement["Action"]


@each_environment
def test_backups(resources: dict[str, Doc]) -> None:
    [vault] = of_type(resources, "Backup::BackupVault").values()
    assert int(vault["LockConfiguration"]["MinRetentionDays"]) >= 7
    [plan] = of_type(resources, "Backup::BackupPlan").values()
    alarms = of_type(resources, "CloudWatch::Alarm")
    del alarms["CertificateAlarm"]
    assert {a["MetricName"] for a in alarms.values()} == {
        "NumberOfBackupJobsFailed", "NumberOfBackupJobsCompleted",
    }  # fmt: skip
    for alarm in alarms.values():
        assert alarm["Dimensions"] == [{"Name": "BackupVaultName", "Value": "Vault"}]
        assert alarm["AlarmActions"] == [f"</plumbline/{environment_of(resources)}/alarms/topic>"]
    assert alarms["MissingAlarm"]["TreatMissingData"] == "breaching"
    days = [int(r["Lifecycle"]["DeleteAfterDays"]) for r in plan["BackupPlan"]["BackupPlanRule"]]
    assert days == [35, 365]
    [selection] = of_type(resources, "Backup::BackupSelection").values()
    environment = environment_of(resources)
    chosen = selection["BackupSelection"]["Resources"]
    assert f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{environment}-*" in chosen
    config = of_type(resources, "S3::Bucket")["ConfigBucket"]["BucketName"]
    assert f"arn:aws:s3:::{config}" in chosen


# --- roles ---


def allowed(resources: dict[str, Doc], role: str) -> Iterator[Doc]:
    for policy in of_type(resources, "IAM::Role")[role].get("Policies", ()):
        yield from policy["PolicyDocument"]["Statement"]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@each_environment
def test_roles_say_each_action_and_each_resource(resources: dict[str, Doc]) -> None:
    statements = [s for role in of_type(resources, "IAM::Role") for s in allowed(resources, role)]
    [boundary] = of_type(resources, "IAM::ManagedPolicy").values()
    for statement in [*statements, *boundary["PolicyDocument"]["Statement"]]:
        for action in listed(statement["Action"]):
            assert "*" not in action
            if "*" in listed(statement["Resource"]):
                assert action == "ecr:GetAuthorizationToken", "the only one without resource types"


@each_environment
def test_the_execution_role_reads_named_secrets_only(resources: dict[str, Doc]) -> None:
    environment = environment_of(resources)
    arns = [
        r
        for s in allowed(resources, "ExecutionRole")
        if "secretsmanager:GetSecretValue" in listed(s["Action"])
        for r in listed(s["Resource"])
    ]
    prefix = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{environment}-"
    own = [f"{prefix}{name}-??????" for name in deploy.read(environment).secrets]
    assert arns == own + (["ProviderKey"] if environment.startswith("litellm") else [])


@each_environment
def test_the_task_role_reads_no_secret(resources: dict[str, Doc]) -> None:
    actions = {a for s in allowed(resources, "TaskRole") for a in listed(s["Action"])}
    assert {a.split(":")[0] for a in actions} <= {"s3", "kms"}
    environment = environment_of(resources)
    writes = environment.startswith("twenty")
    assert ("s3:PutObject" in actions) is writes
    assert bool(actions) is not environment.startswith("n8n")


@each_environment
def test_roles_of_tasks_are_bounded_and_trust_ecs_of_this_account(
    resources: dict[str, Doc],
) -> None:
    environment = environment_of(resources)
    roles = of_type(resources, "IAM::Role")
    for name in ("ExecutionRole", "TaskRole"):
        role = roles[name]
        assert role["PermissionsBoundary"] == "Boundary"
        assert role["RoleName"].startswith(f"{environment}-")
    for role in roles.values():
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_the_boundary_holds_what_the_roles_have() -> None:
    """What a role has beyond its boundary it does not have at all."""
    for environment in ENVIRONMENTS:
        resources = rendered(environment)
        [boundary] = of_type(resources, "IAM::ManagedPolicy").values()
        limits = boundary["PolicyDocument"]["Statement"]
        for role in ("ExecutionRole", "TaskRole"):
            for statement in allowed(resources, role):
                for action, resource in itertools.product(
                    listed(statement["Action"]), listed(statement["Resource"])
                ):
                    arn = (
                        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{environment}-azure-x"
                        if resource == "ProviderKey"
                        else resource
                    )
                    assert any(
                        action in listed(limit["Action"]) and covers(limit["Resource"], arn)
                        for limit in limits
                    ), (role, action, arn)


def covers(pattern: str, arn: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), arn))


# --- templates as such ---


@pytest.mark.parametrize("name", deploy.ORDER)
def test_parameters_say_what_they_are_and_what_they_take(name: str) -> None:
    for key, parameter in deploy.template(name)["Parameters"].items():
        assert len(parameter["Description"]) > 20, key
        if "AllowedPattern" in parameter or "MinValue" in parameter:
            assert parameter["ConstraintDescription"], key
        assert parameter.keys() & {"AllowedPattern", "AllowedValues", "MinValue"}, key
        if "AllowedPattern" in parameter and "Default" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"]), key


@pytest.mark.parametrize("name", deploy.ORDER)
def test_templates_are_plain_and_alone(name: str) -> None:
    body = text(name)
    assert "\nTransform:" not in body
    assert "AWS::CloudFormation::" not in body, "no nested stacks: their drift is not detected"
    assert "ImportValue" not in body
    assert len(body) < 51_200, "fits into a request"


def test_each_skipped_rule_has_its_reason() -> None:
    templates = [ROOT / "template.yaml", *sorted((ROOT / "bootstrap").glob("*.yaml"))]
    skipped = 0
    for template in templates:
        body = template.read_text(encoding="utf-8")
        for resource in yaml.load(body, deploy._Loader)["Resources"].values():
            metadata = resource.get("Metadata", {})
            assert "cfn-lint" not in metadata
            for skip in metadata.get("checkov", {}).get("skip", ()):
                assert len(skip["comment"]) > 30
                skipped += 1
        assert "checkov:skip" not in body, "only where the reason stands beside it"
    assert skipped == 14, "one more needs a reason, and this number"


def test_a_certificate_that_nobody_can_validate_is_refused() -> None:
    [rule] = deploy.template("edge")["Rules"].values()
    assert "HostedZoneId or CertificateArn" in rule["Assertions"][0]["AssertDescription"]


def test_the_control_plane_may_pass_the_roles_and_change_what_is_named_so() -> None:
    said = deploy.read("litellm-production").controlPlane
    assert said
    roles = of_type(rendered(), "IAM::Role")
    pattern = said["TaskRoleNames"].removesuffix("*")
    for name in ("ExecutionRole", "TaskRole", "MonitoringRole"):
        assert roles[name]["RoleName"].startswith(pattern)
    known = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), deploy._Loader)
    assert said.keys() <= known["Parameters"].keys()
    lacking = {k for k, p in known["Parameters"].items() if "Default" not in p} - said.keys()
    assert not lacking


# --- who may be given a role ---

PASSED_TO = {
    "cloudformation": "CloudFormation", "ecs": "ECS", "ecs-tasks": "ECS", "monitoring.rds": "RDS",
    "rds": "RDS", "sns": "SNS",
}  # fmt: skip


@pytest.mark.parametrize("path", ["template.yaml", "bootstrap/target.yaml"])
def test_the_parameters_name_each_service_that_roles_are_passed_to(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    said = ""
    for name in ("RevertRoleName", "TaskRoleNames"):
        about = text.split(f"  {name}:\n")[1].split("Description: >-\n")[1]
        said += re.split(r"\n(?! {6})", about)[0]
    roles = parse((ROOT / "bootstrap" / "target.yaml").read_text(encoding="utf-8"))
    services = set(re.findall(r"'([a-z.-]+)\.amazonaws\.com'", str(list(passed_to(roles)))))
    assert services
    assert {s for s in services if PASSED_TO[s] not in said} == set()


def passed_to(node: Any) -> Iterator[Any]:
    """The services that any statement lets roles be passed to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "iam:PassedToService":
                yield value if isinstance(value, list) else [value]
            else:
                yield from passed_to(value)
    elif isinstance(node, list):
        for each in node:
            yield from passed_to(each)
