"""What the roles must be allowed, and what `template.yaml` and `bootstrap/target.yaml` allow them.

    .venv/bin/python -m tests.permissions

prints the actions that are missing from the templates and those that nothing needs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from controller.kinds import KINDS, handler_for

ROOT = Path(__file__).parents[1]
FILES = {"control-plane": "template.yaml", "target": "bootstrap/target.yaml"}

PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
"""botocore's name of a service → its prefix in IAM, where they differ."""

OTHER_NAMES = {"ListObjectsV2": "ListBucket", "SendMessageBatch": "SendMessage"}
"""Operations whose IAM action has another name."""

FUNCTIONS = {
    "Schedule": {
        "logs:CreateLogStream": "the function's own log",
        "logs:PutLogEvents": "the function's own log",
        "xray:PutTelemetryRecords": "traces, which Lambda sends",
        "xray:PutTraceSegments": "traces, which Lambda sends",
        "kms:Decrypt": "the key of state and queue",
        "kms:GenerateDataKey": "the key of state and queue",
        "s3:ListBucket": "which environments there are, and what asks to be looked at again",
        "s3:GetObject": "when the last tick was; the registry",
        "s3:PutObject": "when this tick was",
        "s3:DeleteObject": "markers of what has been woken",
        "sqs:SendMessage": "wake-ups",
    },
    "Reconcile": {
        "logs:CreateLogStream": "the function's own log",
        "logs:PutLogEvents": "the function's own log",
        "xray:PutTelemetryRecords": "traces, which Lambda sends",
        "xray:PutTraceSegments": "traces, which Lambda sends",
        "kms:Decrypt": "the key of state, queue and topic",
        "kms:GenerateDataKey": "the key of state and topic",
        "s3:ListBucket": "the timetable; and 404, not 403, for a missing object",
        "s3:GetObject": "desired state, and every object that a pass looks at",
        "s3:PutObject": "conditional writes",
        "s3:DeleteObject": "entries of the timetable that no longer hold",
        "ssm:GetParameters": "desired state in Parameter Store",
        "sqs:DeleteMessage": "Lambda's event source mapping",
        "sqs:GetQueueAttributes": "Lambda's event source mapping",
        "sqs:ReceiveMessage": "Lambda's event source mapping",
        "events:PutEvents": "typed events",
        "sns:Publish": "what people should know",
        "sts:AssumeRole": "the two roles of bootstrap/target.yaml",
        "sts:SetSourceIdentity": "the environment's name, on the role that writes",
    },
    "Change": {
        "logs:CreateLogStream": "the function's own log",
        "logs:PutLogEvents": "the function's own log",
        "xray:PutTelemetryRecords": "traces, which Lambda sends",
        "xray:PutTraceSegments": "traces, which Lambda sends",
        "kms:Decrypt": "the key of state and queue",
        "kms:GenerateDataKey": "the key of state and queue",
        "s3:ListBucket": "which environments there are; and 404, not 403, for a missing object",
        "s3:GetObject": "the registry, and whose names are whose",
        "s3:PutObject": "who did it",
        "sqs:SendMessage": "wake-ups",
    },
}
"""What each function does under its own role."""

OBSERVE = {
    "cloudformation:BatchDescribeTypeConfigurations": "cloudformation:DetectStackDrift asks for it",
    "cloudformation:DetectStackResourceDrift": "cloudformation:DetectStackDrift asks for it",
    "cloudformation:ListStacks": "cloudformation:DescribeStacks asks for it",
    "elasticloadbalancing:DescribeWebACLAssociation": "wafv2:ListResourcesForWebACL asks for it",
    "elasticloadbalancing:GetLoadBalancerWebACL": "wafv2:GetWebACLForResource asks for it",
}
"""What passes read beside the kinds, and what AWS checks besides when those read."""

CONVERGE = {
    "secretsmanager:GetSecretValue": "the value of a Secret, where a call needs it (apply)",
    "iam:PassRole": "RoleARN in CreateChangeSet, task roles in RegisterTaskDefinition, "
    "infrastructure roles in CreateService, MonitoringRoleArn and DomainIAMRoleName in "
    "CreateDBInstance",
    "iam:CreateServiceLinkedRole": "the first ECS service, scalable target, database, cache, and "
    "WAF logging to Firehose of an account",
    "elasticloadbalancing:SetWebAcl": "wafv2:AssociateWebACL, DisassociateWebACL",
    "elasticloadbalancing:CreateWebACLAssociation": "wafv2:AssociateWebACL",
    "elasticloadbalancing:DeleteWebACLAssociation": "wafv2:DisassociateWebACL",
    "logs:CreateLogDelivery": "wafv2:PutLoggingConfiguration to a log group or bucket",
    "logs:DeleteLogDelivery": "wafv2:DeleteLoggingConfiguration",
    "logs:DescribeResourcePolicies": "wafv2:PutLoggingConfiguration to a log group",
    "logs:PutResourcePolicy": "wafv2:PutLoggingConfiguration to a log group",
    "s3:GetBucketPolicy": "wafv2:PutLoggingConfiguration to a bucket",
    "s3:PutBucketPolicy": "wafv2:PutLoggingConfiguration to a bucket",
    "firehose:ListDeliveryStreams": "wafv2:PutLoggingConfiguration to a Firehose stream",
    "rds:CreateDBSnapshot": "the final snapshot of rds:DeleteDBInstance",
    "lambda:InvokeFunction": "secretsmanager:RotateSecret, which tests the function at once",
    "kms:CreateGrant": "customer keys of databases and caches",
    "kms:Decrypt": "customer keys of secrets, databases",
    "kms:DescribeKey": "customer keys of databases and caches",
    "kms:GenerateDataKey": "customer keys of secrets, databases",
    "ec2:CreateNetworkInterface": "elasticache:CreateReplicationGroup, in the caller's name",
    "ec2:DeleteNetworkInterface": "elasticache:DeleteReplicationGroup, in the caller's name",
    "ec2:DescribeNetworkInterfaces": "elasticache:CreateReplicationGroup, in the caller's name",
    "ec2:DescribeSubnets": "elasticache:CreateReplicationGroup, in the caller's name",
    "ec2:DescribeVpcs": "elasticache:CreateReplicationGroup, in the caller's name",
}
"""What AWS checks besides, when the kinds write: the dependents of the service authorization
reference, and for WAF's logging those of
https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html"""


def iam_action(call: str) -> str:
    """`service:Operation` as botocore has it → the IAM action."""
    service, _, operation = call.partition(":")
    return f"{PREFIXES.get(service, service)}:{OTHER_NAMES.get(operation, operation)}"


def declared(what: str) -> set[str]:
    """The actions of all kinds' `reads` or `writes`."""
    return {iam_action(call) for kind in KINDS for call in getattr(handler_for(kind), what)}


def needed(role: str) -> set[str]:
    """All actions that a role needs."""
    if role == "Observe":
        return declared("reads") | OBSERVE.keys()
    if role == "Converge":
        return declared("writes") | CONVERGE.keys()
    return set(FUNCTIONS[role])


ROLES = (*FUNCTIONS, "Observe", "Converge")

ACCOUNT, REGION = "123456789012", "us-east-1"
PARAMETERS = {
    "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT,
    "NamePrefix": "shop-", "ParameterPath": "plumbline/", "TaskRoleNames": "shop-*",
    "RevertRoleName": "deploys",
    "RoleName": "plumbline",
    "StateBucket.Arn": "arn:aws:s3:::state",
    "Queue.Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:plumbline.fifo",
    "Key.Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own",
    "EventBus.Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/plumbline-events",
    "Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:plumbline-news",
}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """One statement of a role's policies, with its names filled in."""

    role: str
    condition: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Any]


@cache
def _parsed(name: str) -> dict[str, Any]:
    template: dict[str, Any] = yaml_parse((ROOT / FILES[name]).read_text(encoding="utf-8"))
    return template


def load(name: str = "control-plane") -> dict[str, Any]:
    """A template, its functions in long form."""
    return copy.deepcopy(_parsed(name))


def statements() -> list[Statement]:
    """What the roles are allowed, but the one that forwards changes."""
    found: list[Statement] = []
    for name in FILES:
        for resource in load(name)["Resources"].values():
            properties, condition = resource.get("Properties", {}), resource.get("Condition", "")
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                [holder] = properties["Roles"]
                document = properties["PolicyDocument"]
                found += _statements(holder["Ref"].removesuffix("Role"), condition, document)
        for role in FUNCTIONS if name == "control-plane" else ():
            [inline] = load()["Resources"][f"{role}Role"]["Properties"]["Policies"]
            found += _statements(role, "", inline["PolicyDocument"])
    return found


def _statements(role: str, condition: str, document: Mapping[str, Any]) -> Iterator[Statement]:
    for each in document["Statement"]:
        assert each["Effect"] == "Allow"
        yield Statement(
            role, condition, each["Sid"], _texts(each["Action"]), _texts(each["Resource"]),
            each.get("Condition", {}),
        )  # fmt: skip


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(filled(each) for each in (value if isinstance(value, list) else [value]))


def filled(value: Any) -> str:
    """A text of a template with `Ref`, `Fn::Sub` and `Fn::GetAtt` filled in."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return PARAMETERS[value["Ref"]]
    if "Fn::GetAtt" in value:
        name = ".".join(value["Fn::GetAtt"])
        log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name.removesuffix('.Arn')}:*"
        return log if name.endswith("Log.Arn") else PARAMETERS[name]
    text: str = value["Fn::Sub"]
    for name, text_of in PARAMETERS.items():
        text = text.replace(f"${{{name}}}", text_of)
    assert "${" not in text, text
    return text


def granted(role: str) -> set[str]:
    """The actions that a role has."""
    return {action for each in statements() if each.role == role for action in each.actions}


def main() -> None:
    """Print what is missing from the templates and what nothing needs."""
    for role in ROLES:
        want, have = needed(role), granted(role)
        print(f"{role}: missing: {', '.join(sorted(want - have)) or 'nothing'}")
        print(f"{role}: unneeded: {', '.join(sorted(have - want)) or 'nothing'}")


if __name__ == "__main__":
    main()
