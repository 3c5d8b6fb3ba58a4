"""What the function's role must be allowed, and what `template.yaml` allows it.

    .venv/bin/python -m tests.permissions

prints the actions that are missing from the template and those that nothing needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from controller.kinds import KINDS, handler_for

TEMPLATE = Path(__file__).parents[1] / "template.yaml"

PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
"""botocore's name of a service → its prefix in IAM, where they differ."""

S3_ACTIONS = {"ListObjectsV2": "ListBucket"}
"""S3 operations whose IAM action has another name."""

OWN = {
    "s3:GetObject": "state: every object that a pass looks at",
    "s3:ListBucket": "state: which environments there are; and 404, not 403, for a missing object",
    "s3:PutObject": "state: conditional writes",
    "ssm:GetParameters": "references to Parameter Store (controller/resolve.py)",
    "logs:CreateLogStream": "the function's own log",
    "logs:PutLogEvents": "the function's own log",
}
"""What the pass does beside the kinds."""

OBSERVE = {
    "elasticloadbalancing:DescribeWebACLAssociation": "wafv2:ListResourcesForWebACL asks for it",
    "elasticloadbalancing:GetLoadBalancerWebACL": "wafv2:GetWebACLForResource asks for it",
}
"""What AWS checks besides, when the kinds read."""

CONVERGE = {
    "secretsmanager:GetSecretValue": "the value of a Secret, where a call needs it (apply)",
    "iam:PassRole": "task roles in RegisterTaskDefinition, MonitoringRoleArn in CreateDBInstance",
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
    if service == "s3":
        operation = S3_ACTIONS.get(operation, operation)
    return f"{PREFIXES.get(service, service)}:{operation}"


def declared(what: str) -> set[str]:
    """The actions of all kinds' `reads` or `writes`."""
    return {iam_action(call) for kind in KINDS for call in getattr(handler_for(kind), what)}


def needed(*, enforce: bool) -> set[str]:
    """All actions that the role needs in a mode."""
    found = declared("reads") | OWN.keys() | OBSERVE.keys()
    return found | declared("writes") | CONVERGE.keys() if enforce else found


PARAMETERS = {
    "AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012",
    "NamePrefix": "shop-", "ParameterPath": "plumbline/", "TaskRoleNames": "shop-*",
}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """One statement of the role's policies, with its names filled in."""

    policy: str
    condition: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Any]


def load() -> dict[str, Any]:
    """The template, its functions in long form."""
    template: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return template


def statements(template: Mapping[str, Any]) -> list[Statement]:
    """What the function's role is allowed."""
    found: list[Statement] = []
    for name, resource in template["Resources"].items():
        properties, condition = resource.get("Properties", {}), resource.get("Condition", "")
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            found += _statements(name, condition, properties["PolicyDocument"])
        for inline in properties.get("Policies", ()) if name == "ReconcileRole" else ():
            found += _statements(name, condition, inline["PolicyDocument"])
    return found


def _statements(name: str, condition: str, document: Mapping[str, Any]) -> Iterator[Statement]:
    for each in document["Statement"]:
        assert each["Effect"] == "Allow"
        yield Statement(
            name, condition, each["Sid"], _texts(each["Action"]), _texts(each["Resource"]),
            each.get("Condition", {}),
        )  # fmt: skip


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(filled(each) for each in (value if isinstance(value, list) else [value]))


def filled(value: Any) -> str:
    """A text of the template with `Fn::Sub` and `Fn::GetAtt` filled in."""
    if isinstance(value, str):
        return value
    if "Fn::GetAtt" in value:
        resource = value["Fn::GetAtt"][0]
        return "arn:aws:s3:::state" if "Bucket" in resource else f"arn:aws:logs:::{resource}"
    text: str = value["Fn::Sub"].replace("${StateBucket.Arn}", "arn:aws:s3:::state")
    for name, text_of in PARAMETERS.items():
        text = text.replace(f"${{{name}}}", text_of)
    assert "${" not in text, text
    return text


def granted(template: Mapping[str, Any], *, enforce: bool) -> set[str]:
    """The actions that the role has in a mode."""
    return {
        action
        for each in statements(template)
        if enforce or each.condition != "Enforces"
        for action in each.actions
    }


def main() -> None:
    """Print what is missing from the template and what nothing needs."""
    template = load()
    for enforce in (False, True):
        want, have = needed(enforce=enforce), granted(template, enforce=enforce)
        mode = "enforce" if enforce else "observe"
        print(f"{mode}: missing: {', '.join(sorted(want - have)) or 'nothing'}")
        print(f"{mode}: unneeded: {', '.join(sorted(have - want)) or 'nothing'}")


if __name__ == "__main__":
    main()
