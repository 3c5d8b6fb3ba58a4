"""What an environment refers to but does not declare: network, load balancer, roles, topic, bucket.

Everything is made through public boto3 calls, as a platform team would, and published in
Parameter Store under `/plumbline/<environment>/`. An environment that is published already is left
as it is: the part of the sandbox that moto answers is shared by all worlds of a process.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import boto3

from sandbox.inprocess import session
from sandbox.world import World

ENVIRONMENT = "litellm-production"
PORT = 4000
"""Where the service listens, and so the target group."""

LISTS = (
    "network/private-subnets",
    "network/data-subnets",
    "network/service-security-groups",
    "network/database-security-groups",
    "network/cache-security-groups",
)
"""The parameters that are of type StringList."""


@dataclass(frozen=True)
class Seeded:
    """What was made. `parameters`: name without the prefix → value, as in Parameter Store."""

    prefix: str
    bucket: str
    parameters: dict[str, str]

    def values(self, name: str) -> list[str]:
        """The value of a StringList parameter."""
        return self.parameters[name].split(",")


def seed(
    world: World,
    environment: str = ENVIRONMENT,
    *,
    region: str | None = None,
    access_key: str = "AKIASANDBOX",
) -> Seeded:
    """Make what `environment` refers to, in the account of `access_key`.

    The calls are taken out of the log again: it shows what comes after the seed.
    """
    log = len(world.calls)
    aws = session(world, region=region, access_key=access_key)
    account = world.accounts.get(access_key, world.account)
    where = region or world.region
    prefix = f"/plumbline/{environment}/"
    bucket = f"plumbline-state-{account}-{where}"
    _bucket(aws, bucket, where)
    parameters = _published(aws, prefix)
    if not parameters:
        vpc, public, parameters = _network(aws, environment, where)
        parameters |= _load_balancer(aws, environment, vpc, public)
        parameters |= _roles(aws, environment)
        topic = aws.client("sns").create_topic(Name=f"{environment}-alarms")
        parameters["alarms/topic"] = topic["TopicArn"]
        parameters |= _application(aws, environment, bucket)
        ssm = aws.client("ssm")
        for name, value in sorted(parameters.items()):
            kind = "StringList" if name in LISTS else "String"
            ssm.put_parameter(Name=prefix + name, Value=value, Type=kind)
    del world.calls[log:]
    return Seeded(prefix, bucket, parameters)


def _published(aws: boto3.Session, prefix: str) -> dict[str, str]:
    pages = aws.client("ssm").get_paginator("get_parameters_by_path")
    return {
        p["Name"].removeprefix(prefix): p["Value"]
        for page in pages.paginate(Path=prefix, Recursive=True)
        for p in page["Parameters"]
    }


def _bucket(aws: boto3.Session, bucket: str, region: str) -> None:
    s3 = aws.client("s3")
    if bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]:
        return
    if region == "us-east-1":
        s3.create_bucket(Bucket=bucket)
    else:
        s3.create_bucket(
            Bucket=bucket,
            CreateBucketConfiguration={"LocationConstraint": region},
        )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _network(
    aws: boto3.Session, environment: str, region: str
) -> tuple[str, list[str], dict[str, str]]:
    """The VPC, the public subnets, and the parameters."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.40.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)

    def subnet(zone: str, third: int) -> str:
        made = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.40.{third}.0/24", AvailabilityZone=region + zone
        )
        return str(made["Subnet"]["SubnetId"])

    def group(purpose: str) -> str:
        made = ec2.create_security_group(
            GroupName=f"{environment}-{purpose}", Description=f"{purpose} of {environment}",
            VpcId=vpc,
        )  # fmt: skip
        return str(made["GroupId"])

    public = [subnet("a", 0), subnet("b", 1)]
    private = [subnet("a", 10), subnet("b", 11)]
    data = [subnet("a", 20), subnet("b", 21)]
    return (
        vpc,
        public,
        {
            "network/vpc": vpc,
            "network/private-subnets": ",".join(private),
            "network/data-subnets": ",".join(data),
            "network/service-security-groups": group("service"),
            "network/database-security-groups": group("database"),
            "network/cache-security-groups": group("cache"),
        },
    )


def _load_balancer(
    aws: boto3.Session, environment: str, vpc: str, public: list[str]
) -> dict[str, str]:
    elb = aws.client("elbv2")
    balancer = elb.create_load_balancer(
        Name=environment[:32], Subnets=public, Scheme="internet-facing", Type="application"
    )["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(
        Name=environment[:32], Protocol="HTTP", Port=PORT, VpcId=vpc, TargetType="ip",
        HealthCheckPath="/health/liveliness",
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    return {
        "load-balancer/arn": balancer,
        "load-balancer/full-name": balancer.partition(":loadbalancer/")[2],
        "target-group/arn": group,
        "target-group/full-name": group.rpartition(":")[2],
    }


def _roles(aws: boto3.Session, environment: str) -> dict[str, str]:
    iam = aws.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    made = {}
    for purpose in ("execution", "task"):
        name = f"{environment}-{purpose}"
        try:
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        except iam.exceptions.EntityAlreadyExistsException:  # seeded in another region
            role = iam.get_role(RoleName=name)
        made[f"roles/{purpose}"] = role["Role"]["Arn"]
    return made


def _application(aws: boto3.Session, environment: str, bucket: str) -> dict[str, str]:
    """What the application's owners keep: its configuration file and a provider's credentials."""
    key = aws.client("secretsmanager").create_secret(
        Name=f"{environment}/providers/azure", SecretString="an API key that only Azure gives"
    )
    return {
        "config/bucket": bucket.replace("plumbline-state", f"{environment}-config"),
        "config/object": "litellm/config.yaml",
        "providers/azure/api-base": "https://gateway.openai.azure.com",
        "providers/azure/api-key-secret": key["ARN"],
    }
