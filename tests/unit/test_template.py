"""`template.yaml`: what is promised of it, judged on its text and on what SAM makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data
from samtranslator.translator.transform import transform

from controller.lease import TTL_S
from handlers.reconcile import MODES, Settings
from tests.emf import documented
from tests.permissions import (
    CONVERGE,
    OBSERVE,
    OWN,
    PARAMETERS,
    Statement,
    declared,
    filled,
    granted,
    load,
    needed,
    statements,
)

ROOT = Path(__file__).parents[2]
TEMPLATE = load()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
STATEMENTS = statements(TEMPLATE)
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
    packaged["Resources"]["Reconcile"]["Properties"]["CodeUri"] = "s3://bucket/bundle"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        made: dict[str, Any] = transform(packaged, values, Offline())["Resources"]
    return made


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in resources.values() if r["Type"] == kind]


def default(value: dict[str, str]) -> Any:
    """The default of the parameter that is referred to."""
    return TEMPLATE["Parameters"][value["Ref"]]["Default"]


# --- function and schedule ---


def test_the_schedule_calls_the_function(expanded: dict[str, Any]) -> None:
    [rule] = of_type(expanded, "AWS::Events::Rule")
    assert default(rule["ScheduleExpression"]) == "rate(1 minute)"
    assert default(rule["State"]) == "ENABLED"
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["Reconcile", "Arn"]}
    [permission] = of_type(expanded, "AWS::Lambda::Permission")
    assert permission["Principal"] == "events.amazonaws.com"


def test_nothing_retries_but_the_next_tick(expanded: dict[str, Any]) -> None:
    [rule] = of_type(expanded, "AWS::Events::Rule")
    assert rule["Targets"][0]["RetryPolicy"]["MaximumRetryAttempts"] == 0
    [invoke] = of_type(expanded, "AWS::Lambda::EventInvokeConfig")
    assert invoke["MaximumRetryAttempts"] == 0


def test_the_function(expanded: dict[str, Any]) -> None:
    [function] = of_type(expanded, "AWS::Lambda::Function")
    assert function["Handler"] == "handlers.reconcile.handler"
    assert function["Timeout"] < TTL_S, "a live pass must never lose its lease"
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": "ReconcileLog"}}
    assert "ReservedConcurrentExecutions" not in function, (
        "impossible in accounts with a quota of 10"
    )
    assert RESOURCES["ReconcileLog"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_function_takes_the_settings_it_is_given() -> None:
    given: dict[str, Any] = RESOURCES["Reconcile"]["Properties"]["Environment"]["Variables"]
    modes = TEMPLATE["Parameters"]["Mode"]["AllowedValues"]
    assert sorted(modes) == sorted(MODES)
    variables = dict.fromkeys(given, "x") | {"AWS_REGION": "us-east-1"}
    for mode in modes:
        assert Settings.read({**variables, "PLUMBLINE_MODE": mode}).mode == mode


def test_the_makefile_builds_this_function_for_this_runtime() -> None:
    text = (ROOT / "handlers" / "Makefile").read_text(encoding="utf-8")
    runtime = RESOURCES["Reconcile"]["Properties"]["Runtime"]
    assert "build-Reconcile:" in text
    assert f"RUNTIME := {runtime.removeprefix('python')}\n" in text


def test_every_parameter_is_explained_and_used() -> None:
    text = json.dumps([RESOURCES, TEMPLATE["Conditions"]])
    for name, each in TEMPLATE["Parameters"].items():
        assert len(each["Description"]) > 20, name
        assert f'"Ref": "{name}"' in text or f"${{{name}}}" in text, name


def test_outputs() -> None:
    assert {"StateBucketName", "FunctionName"} <= TEMPLATE["Outputs"].keys()


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
    for prefix in ("leases/", "status/"):
        assert by_prefix[prefix]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    for prefix in ("environments/", "accepted/", "pauses/", ""):
        rule = by_prefix.get(prefix, {})
        assert "ExpirationInDays" not in rule, "desired state never expires"


# --- what the role may do ---


@pytest.mark.parametrize("mode", MODES)
def test_the_role_may_do_what_the_kinds_declare_and_nothing_else(mode: str) -> None:
    enforce = mode == "enforce"
    want, have = needed(enforce=enforce), granted(TEMPLATE, enforce=enforce)
    assert sorted(want - have) == [], "missing: python -m tests.permissions"
    assert sorted(have - want) == [], "needed by nothing: python -m tests.permissions"


def test_what_is_listed_by_hand_is_declared_by_no_kind() -> None:
    by_kinds = declared("reads") | declared("writes")
    lists = [OWN.keys(), OBSERVE.keys(), CONVERGE.keys()]
    assert not by_kinds & set().union(*lists)
    assert sum(map(len, lists)) == len(set().union(*lists))


def test_observe_mode_changes_nothing_but_our_own_state() -> None:
    for each in STATEMENTS:
        if each.condition == "Enforces":
            continue
        for action in each.actions:
            level = get_action_data(*action.split(":"))[action.split(":")[0]][0]["access_level"]
            own = set(each.resources) <= {"arn:aws:logs:::ReconcileLog"} or all(
                r.startswith("arn:aws:s3:::state") for r in each.resources
            )
            assert level in ("Read", "List") or own, action


def by_sid(each: Statement) -> str:
    return f"{each.policy}-{each.sid}"


def resource_types(action: str) -> set[str]:
    """ARN formats of what an action can be limited to, by the service authorization reference."""
    service = action.split(":")[0]
    rows = get_action_data(*action.split(":"))[service]
    return {r["resource_arn_format"] for r in rows if r["action"] == action} - {"*"}


def fits(pattern: str, form: str) -> bool:
    """Whether an ARN of a policy is of the form: the parts before the name are the same."""
    form = form.replace("${Partition}", "aws").replace("${Scope}", "regional")
    form = form.replace("${Region}", "us-east-1").replace("${Account}", "123456789012")
    head = form.split("${")[0]
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
                assert key in known | {"aws:ViaAWSService"}, f"{action}: {key}"


def test_the_prefix_of_names_narrows_every_write_to_what_carries_our_names() -> None:
    """What stays wider is a role, a key, a network, or what a resource is put into."""
    wide = {
        resource.split(":", 5)[5]
        for each in STATEMENTS
        if each.condition == "Enforces"
        for resource in each.resources
        if resource != "*" and PARAMETERS["NamePrefix"] not in resource
    }
    assert wide == {
        "alarm:TargetTracking-service/*", "aws-waf-logs-*", "*/ipset/*", "*/managedruleset/*",
        "*/regexpatternset/*", "*/rulegroup/*", "key/*", "loadbalancer/app/*",
        "network-interface/*", "og:*", "parametergroup:*", "pg:*", "role/aws-service-role/*",
        "scalable-target/*", "secret:rds!*", "security-group/*", "subgrp:*", "subnet/*",
        "subnetgroup:*", "usergroup:*",
    }  # fmt: skip


def test_roles_are_passed_to_two_services_only() -> None:
    [each] = [s for s in STATEMENTS if "iam:PassRole" in s.actions]
    assert each.actions == ("iam:PassRole",)
    assert each.resources == ("arn:aws:iam::123456789012:role/shop-*",)
    services = each.conditions["StringEquals"]["iam:PassedToService"]
    assert services == ["ecs-tasks.amazonaws.com", "monitoring.rds.amazonaws.com"]


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

    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert size(resource["Properties"]["PolicyDocument"]) < 6144
    inline = RESOURCES["ReconcileRole"]["Properties"]["Policies"]
    assert sum(size(p["PolicyDocument"]) for p in inline) < 10_240


# --- alarms ---


def named() -> Iterator[tuple[str, str, frozenset[str]]]:
    for alarm in ALARMS.values():
        dimensions = frozenset(d["Name"] for d in alarm.get("Dimensions", ()))
        yield alarm["Namespace"], alarm["MetricName"], dimensions


def test_the_alarms_that_are_promised() -> None:
    metrics = {metric for _, metric, _ in named()}
    assert {"DriftedResources", "DesiredStateInvalid", "PassesMade", "PassesMissed"} <= metrics
    assert "Errors" in metrics


def test_alarms_name_metrics_that_are_documented_with_these_dimensions() -> None:
    for namespace, metric, dimensions in named():
        if namespace == "Plumbline":
            assert dimensions in documented()[metric].dimensions, metric
        else:
            assert (namespace, metric) == ("AWS/Lambda", "Errors")


def test_missing_ticks_ring_and_other_missing_data_does_not() -> None:
    for name, alarm in ALARMS.items():
        expected = "breaching" if name == "NoTickAlarm" else "notBreaching"
        assert alarm["TreatMissingData"] == expected, name
        assert set(alarm) >= {"AlarmDescription", "AlarmActions", "OKActions"}
    assert RESOURCES["NoTickAlarm"]["Condition"] == "Ticks"


def test_what_bounds_the_role_must_be_said() -> None:
    for name in ("NamePrefix", "TaskRoleNames"):
        parameter = TEMPLATE["Parameters"][name]
        assert "Default" not in parameter
        assert not any(re.fullmatch(parameter["AllowedPattern"], wide) for wide in ("", "*", "a*"))
