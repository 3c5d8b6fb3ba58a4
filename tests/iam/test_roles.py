"""Nothing denied, nothing unused: the roles' policies over the calls of a whole run.

Judged by our own reading of IAM's rules (`evaluate.py`) and of the service authorization reference
(`asked.py`), for no emulator knows either. The templates' text: tests/unit/test_template.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pytest

from controller.kindlib.reading import ENVIRONMENT_TAG
from controller.kinds import KINDS, handler_for
from handlers.bundle import OWN
from tests.fidelity.updates.outcomes import settled
from tests.iam.asked import AT, OWN_KEY, privilege
from tests.iam.evaluate import Request, allowing, met
from tests.iam.run import Call, control_plane, passes, requests
from tests.permissions import (
    ACCOUNT,
    FUNCTIONS,
    REGION,
    Statement,
    iam_action,
    load,
    statements,
)
from tests.plane import Plane

OTHER_NAMES = {
    "function:rotate": "function:{}-rotate",
    "log-group:aws-waf-logs-full": "log-group:aws-waf-logs-{}-full",
}  # fmt: skip
"""Names that the samples take from outside and that would have to begin with the prefix."""

MAPPING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What Lambda does in the function's name.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""

RARE = {
    "logs:ListTagsForResource": {"resourceArn": f"arn:aws:logs:{AT}:log-group:any"},
    "rds:ListTagsForResource": {"ResourceName": f"arn:aws:rds:{AT}:db:any"},
    "ssm:ListTagsForResource": {
        "ResourceType": "Parameter",
        "ResourceId": "litellm-production-full",
    },
    "wafv2:ListTagsForResource": {"ResourceARN": f"arn:aws:wafv2:{AT}:regional/webacl/any/1a2b"},
    "application-autoscaling:DeleteScalingPolicy": {"ServiceNamespace": "ecs"},
    "rds:ModifyDBInstance": {
        "DBInstanceIdentifier": "litellm-production-full",
        "ManageMasterUserPassword": True,
        "Tags": [{"Key": "any"}],
    },
    "secretsmanager:PutSecretValue": {"SecretId": "litellm-production-full"},
    "secretsmanager:RestoreSecret": {"SecretId": "litellm-production-full"},
    "secretsmanager:GetSecretValue": {"SecretId": "litellm-production-full"},
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress": {"GroupId": "sg-0a1b2c3d"},
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress": {"GroupId": "sg-0a1b2c3d"},
    "cloudformation:CreateChangeSet": {
        "StackName": "litellm-production-full",
        "ChangeSetName": "plumbline-1a2b",
        "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/deploys",
    },
    "cloudformation:ExecuteChangeSet": {
        "StackName": "litellm-production-full",
        "ChangeSetName": "plumbline-1a2b",
    },
    "cloudformation:DeleteChangeSet": {
        "StackName": "litellm-production-full",
        "ChangeSetName": "plumbline-1a2b",
    },
}
"""Calls that this run does not come by, or not so: tags that the tag index does not show, a policy
removed alone, a password handed over to RDS, a secret's new version, a secret that was deleted, a
value that a call needs, a rule that is described anew, drift of a stack. Of other reads, all
resources are asked for."""


def shipped(*roles: str) -> list[Statement]:
    return [each for each in statements() if each.role in roles]


def for_the_run(each: Statement) -> Statement:
    """As if the stack had been given the run's prefix, and the roles of its samples."""
    prefix = f"{settled().name}-"
    named = (
        f"arn:aws:iam::{ACCOUNT}:role/*"
        if r.endswith(":role/shop-*")
        else r.replace("shop-", prefix)
        for r in each.resources
    )
    return replace(each, resources=tuple(named))


def named(request: Request) -> Request:
    for theirs, ours in OTHER_NAMES.items():
        if theirs in request.resource:
            new = request.resource.replace(theirs, ours.format(settled().name))
            return replace(request, resource=new)
    return request


@cache
def of_passes() -> dict[str, set[Request]]:
    """Role → what it is asked. A read that the run does not come by is asked without parameters."""
    calls = set(passes())
    reads = {c for kind in KINDS for c in handler_for(kind).reads} | {"ssm:GetParameters"}
    looked = {c for c in calls if f"{c.service}:{c.operation}" in reads}
    made = {f"{c.service}:{c.operation}" for c in calls}
    rare = {
        Call.of(*call.split(":"), RARE.get(call, {}), ACCOUNT)
        for call in RARE.keys() | reads - made
    }
    looked |= {c for c in rare if f"{c.service}:{c.operation}" in reads}
    wrote = {c for c in calls | rare if c not in looked and c.service not in ("s3", "sts")}
    return {
        "Observe": {named(r) for r in requests(looked)},
        "Converge": {named(r) for r in requests(wrote)},
    }


def judge(role: str, asks: Iterable[Request], policies: list[Statement]) -> None:
    """Fail with what is denied, and with what nothing used."""
    used: set[tuple[str, str]] = set()
    denied = []
    for request in asks:
        by = allowing(policies, request)
        used |= {(each.sid, request.action) for each in by}
        if not by:
            denied.append(str(request))
    assert sorted(set(denied)) == [], f"{role}: denied"
    granted = {(each.sid, action) for each in policies for action in each.actions}
    assert sorted(granted - used) == [], f"{role}: used by nothing"


@pytest.mark.parametrize("role", ["Observe", "Converge"])
def test_passes_are_denied_nothing_and_use_everything(role: str) -> None:
    policies = [for_the_run(each) for each in shipped(role)]
    judge(role, of_passes()[role], policies)


def test_functions_are_denied_nothing_and_use_everything(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = control_plane(plane, monkeypatch)
    assert made.keys() == FUNCTIONS.keys()
    assert {f"{c.service}:{c.operation}" for calls in made.values() for c in calls} == set(OWN)
    for role, calls in made.items():
        asks = requests(calls)
        log = f"arn:aws:logs:{AT}:log-group:{role}Log:*"
        asks |= {Request(f"logs:{name}", log) for name in ("CreateLogStream", "PutLogEvents")}
        asks |= {
            Request(f"xray:{name}", "*") for name in ("PutTraceSegments", "PutTelemetryRecords")
        }
        asks.add(Request("kms:Decrypt", OWN_KEY, "the function's variables"))
        if role == "Reconcile":
            queue = f"arn:aws:sqs:{AT}:plumbline.fifo"
            asks |= {Request(action, queue, "event source mapping") for action in MAPPING}
        judge(role, asks, shipped(role))


def test_a_request_is_denied_where_a_policy_is_narrower() -> None:
    """The judge can say no: of action, resource and condition."""
    policies = shipped("Converge")
    cluster = f"arn:aws:ecs:{AT}:cluster"
    assert allowing(policies, Request("ecs:CreateCluster", f"{cluster}/shop-main"))
    assert not allowing(policies, Request("ecs:CreateCluster", f"{cluster}/other-main"))
    assert not allowing(policies, Request("ecs:StartTask", f"{cluster}/shop-main"))
    role = f"arn:aws:iam::{ACCOUNT}:role/shop-task"
    to = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    assert allowing(policies, Request("iam:PassRole", role, context=to))
    for wrong in ({}, {"iam:PassedToService": "lambda.amazonaws.com"}):
        assert not allowing(policies, Request("iam:PassRole", role, context=wrong))
    with pytest.raises(ValueError, match="StringNotLike, which this judge does not know"):
        met({"StringNotLike": {"aws:RequestTag/x": "y"}}, {})
    stack, made = (
        f"arn:aws:cloudformation:{AT}:stack/shop-network/1",
        "cloudformation:ChangeSetName",
    )
    with_role = {
        made: "plumbline-1",
        "cloudformation:RoleArn": role.replace("shop-task", "deploys"),
    }
    for context, may in (
        (with_role, True),
        ({made: "plumbline-1"}, False),
        ({**with_role, "cloudformation:RoleArn": role}, False),
        ({**with_role, made: "release"}, False),
    ):
        request = Request("cloudformation:CreateChangeSet", stack, context=context)
        assert bool(allowing(policies, request)) is may


def test_only_groups_that_bear_our_tag_are_changed_or_become_ours() -> None:
    policies = shipped("Converge")
    group = f"arn:aws:ec2:{AT}:security-group/sg-0a1b2c3d"
    borne = {f"aws:ResourceTag/{ENVIRONMENT_TAG}": "shop"}
    given = {f"aws:RequestTag/{ENVIRONMENT_TAG}": "shop"}
    changing = {
        iam_action(call)
        for call in handler_for("SecurityGroup").writes
        if call not in ("ec2:CreateSecurityGroup", "ec2:CreateTags")
    }
    for action in changing:
        assert allowing(policies, Request(action, group, context=borne)), action
        for wrong in ({}, given, {"aws:ResourceTag/team": "shop"}):
            assert not allowing(policies, Request(action, group, context=wrong)), action
    assert allowing(policies, Request("ec2:CreateTags", group, context=borne))
    for action in ("ec2:CreateTags", "ec2:CreateSecurityGroup"):
        assert allowing(policies, Request(action, group, context=given))
        for wrong in ({}, {"aws:RequestTag/team": "shop"}):
            assert not allowing(policies, Request(action, group, context=wrong)), action


NEVER = {
    "application-autoscaling:TagResource": "scalable targets are given no tags",
    "rds:CreateTenantDatabase": "no multi-tenant database is made",
    "rds:DeleteTenantDatabase": "no multi-tenant database is made",
    "s3:GetObject": "no cache is filled from a snapshot in S3",
    **dict.fromkeys(
        ("wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy"),
        "no rule group is shared with other accounts",
    ),
    **dict.fromkeys(
        ("sns:CreateTopic: iam:PassRole", "sns:SetTopicAttributes: iam:PassRole"),
        "a topic is given no role to log deliveries with",
    ),
}
"""Dependent actions that our calls never need, and why."""
UNPROTECTED = ("amplify", "apigateway", "apprunner", "appsync", "cognito-idp", "ec2")
"""Services whose resources a `WebACL` does not protect."""


UNTAGGED = "ec2:AuthorizeSecurityGroup"
"""Calls that would tag single rules; ours give tags to groups only."""


def test_no_dependent_action_of_the_reference_is_forgotten() -> None:
    """What it says that AWS checks besides is asked for, or said above to be never needed."""
    asks = {(r.why, r.action) for r in of_passes()["Converge"] | of_passes()["Observe"]}
    forgotten = {
        f"{call}: {action}"
        for kind in KINDS
        for call in (*handler_for(kind).reads, *handler_for(kind).writes)
        for row in privilege(iam_action(call))["resource_types"].values()
        for action in row["dependent_actions"]
        if (call, action) not in asks and not {action, f"{call}: {action}"} & NEVER.keys()
        if not (call.startswith("wafv2:") and action.startswith(UNPROTECTED))
        if not (call.startswith(UNTAGGED) and action == "ec2:CreateTags")
    }
    assert sorted(forgotten) == []
    assert not NEVER.keys() & {action for _, action in asks}


def test_the_key_is_used_by_whom_its_policy_names() -> None:
    """By the account's own roles through IAM; by services that publish or log, for this account."""
    policy = load()["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
    by = {each["Sid"]: each for each in policy}
    assert by.keys() == {"Account", "Publishers", "Logs"}
    topic = load()["Resources"]["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    publish = {str(each["Principal"]["Service"]) for each in topic if each["Effect"] == "Allow"}
    assert publish == {"cloudwatch.amazonaws.com"}
    services = by["Publishers"]["Principal"]["Service"]
    assert publish <= set([services] if isinstance(services, str) else services)
    here = {"aws:SourceAccount": ACCOUNT}
    conditions = by["Publishers"]["Condition"]
    assert met(conditions, here)
    assert not met(conditions, {"aws:SourceAccount": "999988887777"})
    assert not met(conditions, {})
    groups = "kms:EncryptionContext:aws:logs:arn"
    logs = by["Logs"]["Condition"]
    assert met(logs, {groups: f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:plumbline-ReconcileLog"})
    assert not met(logs, {groups: f"arn:aws:logs:{REGION}:999988887777:log-group:other"})
