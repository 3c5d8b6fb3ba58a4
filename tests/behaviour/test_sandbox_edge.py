"""The simulated WAF, alarms, logs, secrets and tagging API, and how the sandbox stays honest."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.errors import NotSimulated
from sandbox.inprocess import session
from sandbox.perturb_edge import inject_firewall_manager_groups, inject_shield_rule
from sandbox.pytest_plugin import new_world
from sandbox.registry import behaviours
from sandbox.waf_capacity import capacity_of
from sandbox.world import World

pytest_plugins = ["pytester"]

VISIBLE = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
ALARM: dict[str, Any] = {
    "AlarmName": "cpu",
    "Namespace": "AWS/ECS",
    "MetricName": "CPUUtilization",
    "Dimensions": [
        {"Name": "ClusterName", "Value": "c"},
        {"Name": "ServiceName", "Value": "s"},
    ],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 80.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture
def world(sandbox_seed: int) -> Iterator[World]:
    """A world whose reads never lag; tests of staleness make their own."""
    made = new_world(sandbox_seed, max_lag=timedelta())
    yield made
    assert made.unsimulated == []


@pytest.fixture
def aws(world: World) -> Callable[[str], Any]:
    return lambda service: client(world, service)


def client(world: World, service: str, region: str | None = None) -> Any:
    return session(world, region=region).client(
        service, config=Config(retries={"total_max_attempts": 1})
    )


@contextmanager
def refused(code: str, saying: str = "") -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert saying in error["Message"]


def rule(name: str, priority: int, statement: dict[str, Any], **more: Any) -> dict[str, Any]:
    group = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"} & set(statement)
    action: dict[str, Any] = (
        {"OverrideAction": {"None": {}}} if group else {"Action": {"Block": {}}}
    )
    visible = VISIBLE | {"MetricName": name}
    return {
        "Name": name, "Priority": priority, "Statement": statement, "VisibilityConfig": visible,
        **action, **more,
    }  # fmt: skip


def managed(name: str, **more: Any) -> dict[str, Any]:
    return {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name, **more}}


def match(text: bytes, field: str, *kinds: str, position: str = "CONTAINS") -> dict[str, Any]:
    return {
        "ByteMatchStatement": {
            "SearchString": text,
            "FieldToMatch": {field: {}},
            "PositionalConstraint": position,
            "TextTransformations": [{"Priority": n, "Type": kind} for n, kind in enumerate(kinds)],
        }
    }


COMMON = rule("common", 1, managed("AWSManagedRulesCommonRuleSet"))
RATE = rule("rate", 2, {"RateBasedStatement": {"Limit": 1000, "AggregateKeyType": "IP"}})


def acl_args(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Name": "acl",
        "Scope": "REGIONAL",
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": VISIBLE,
        "Rules": list(rules),
        **more,
    }


def load_balancer(world: World) -> str:
    ec2, elb = client(world, "ec2"), client(world, "elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]
        for n, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]
    made = elb.create_load_balancer(Name="lb", Subnets=[s["SubnetId"] for s in subnets])
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


class TestHonesty:
    def test_what_is_not_simulated_ends_the_test_through_except_exception(
        self, world: World, aws: Callable[[str], Any]
    ) -> None:
        def swallow() -> None:
            try:
                aws("wafv2").create_regex_pattern_set(
                    Name="x", Scope="REGIONAL", RegularExpressionList=[]
                )
            except Exception:
                pytest.fail("it was only an Exception")

        with pytest.raises(NotSimulated):
            swallow()
        assert world.unsimulated.pop(0) == "wafv2:CreateRegexPatternSet"
        with pytest.raises(NotSimulated):
            aws("cloudwatch").describe_alarms(ChildrenOfAlarmName="x")
        assert "ChildrenOfAlarmName" in world.unsimulated[0]
        world.unsimulated.clear()

    def test_orders_differ_between_seeds_and_repeat_with_a_seed(self) -> None:
        def names(seed: int) -> tuple[str, ...]:
            made = new_world(seed, max_lag=timedelta())
            logs = client(made, "cloudwatch")
            for n in range(6):
                logs.put_metric_alarm(**ALARM | {"AlarmName": f"a{n}"})
            return tuple(a["AlarmName"] for a in logs.describe_alarms()["MetricAlarms"])

        assert len({names(seed) for seed in range(5)}) > 1
        assert names(7) == names(7)

    def test_stale_reads_occur_and_end(self) -> None:
        stale = fresh = 0
        for seed in range(30):
            made = new_world(seed)
            logs = client(made, "logs")
            logs.create_log_group(logGroupName="g")
            for _ in range(4):
                fresh += len(logs.describe_log_groups()["logGroups"])
                stale += 1 - len(logs.describe_log_groups()["logGroups"])
            made.clock.advance(made.max_lag)
            assert all(logs.describe_log_groups()["logGroups"] for _ in range(5))
            if stale and fresh:
                return
        pytest.fail("no read lagged" if fresh else "every read lagged")

    def test_unknown_fields_appear_in_replies(self, world: World) -> None:
        from moto.core.request import Request

        from sandbox.wire import handle

        replies = []
        for _ in range(60):
            headers = {
                "X-Amz-Target": "Logs_20140328.DescribeLogGroups",
                "Authorization": "Credential=A/20260101/us-east-1/logs/aws4_request",
            }
            request = Request.from_primitives("POST", "http://localhost/", headers, b"{}")
            replies.append(set(json.loads(handle(world, request).body)))
        assert {"logGroups"} in replies
        assert any(any(key.startswith("AddedIn") for key in keys) for keys in replies)

    def test_every_behaviour_names_its_evidence(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", "evidence"],
            capture_output=True,
            text=True,
            check=True,
        )
        for (service, operation), behaviour in behaviours().items():
            assert f"| `{service}:{operation}` | {behaviour.evidence} |" in done.stdout
            assert behaviour.source

    def test_the_plugin_fails_a_test_that_swallowed_a_hole(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            def test_it(aws_session):
                try:
                    aws_session.client("sqs").list_queues()
                except BaseException:
                    pass
            def test_seed(world):
                assert world.seed == 0
            """
        )
        result = pytester.runpytest_inprocess("-p", "sandbox.pytest_plugin", "--sandbox-seed=5")
        result.assert_outcomes(passed=1, failed=1, errors=1)
        result.stdout.fnmatch_lines(["*does not simulate: sqs:ListQueues*"])
        result.stdout.fnmatch_lines(["*repeat with --sandbox-seed=5*"])


class TestWebAcls:
    def test_capacity_is_that_of_a_recorded_web_acl(self) -> None:
        """The statements of wafv2/GetWebACL/ecde8910d7.json, which AWS says take 1498 units."""

        def is_method(name: bytes) -> dict[str, Any]:
            return match(name, "Method", "NONE", position="EXACTLY")

        def rate(scope: dict[str, Any]) -> dict[str, Any]:
            key = {"Limit": 100, "AggregateKeyType": "IP"}
            return {"RateBasedStatement": key | ({"ScopeDownStatement": scope} if scope else {})}

        size = {
            "ComparisonOperator": "GT",
            "FieldToMatch": {"Body": {"OversizeHandling": "MATCH"}},
            "Size": 16384,
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        }
        several = [is_method(name) for name in (b"POST", b"PUT", b"DELETE")]
        label = "awswaf:managed:aws:amazon-ip-list:AWSManagedIPDDoSList"
        groups = ("AntiDDoSRuleSet", "AmazonIpReputationList", "AnonymousIpList", "CommonRuleSet",
                  "KnownBadInputsRuleSet", "SQLiRuleSet", "LinuxRuleSet",
                  "BotControlRuleSet")  # fmt: skip
        statements = [
            *(managed(f"AWSManagedRules{group}") for group in groups),
            *({"IPSetReferenceStatement": {"ARN": "a"}} for _ in range(4)),
            {"GeoMatchStatement": {"CountryCodes": ["CU", "IR"]}},
            rate({}),
            rate(is_method(b"GET")),
            rate({"OrStatement": {"Statements": several}}),
            {"SizeConstraintStatement": size},
            rate({"LabelMatchStatement": {"Scope": "LABEL", "Key": label}}),
        ]
        rules = [rule(f"r{n}", n, statement) for n, statement in enumerate(statements)]
        assert capacity_of(rules, {}) == 1498

    def test_a_transformation_costs_once_per_component(self, aws: Callable[[str], Any]) -> None:
        rules = [
            rule("a", 0, match(b"x", "UriPath", "LOWERCASE")),
            rule("b", 1, match(b"y", "UriPath", "LOWERCASE", "URL_DECODE")),
            rule("c", 2, match(b"z", "AllQueryArguments", "NONE")),
        ]
        capacity = aws("wafv2").check_capacity(Scope="REGIONAL", Rules=rules)["Capacity"]
        assert capacity == 10 + 10 + 20 + 10 + 10

    def test_round_trip_defaults_and_empty_objects(self, aws: Callable[[str], Any]) -> None:
        waf = aws("wafv2")
        search = rule("search", 3, {"ByteMatchStatement": {
            "SearchString": b"\x00/v1", "FieldToMatch": {"UriPath": {}},
            "PositionalConstraint": "STARTS_WITH",
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        }})  # fmt: skip
        made = waf.create_web_acl(**acl_args(COMMON, RATE, search))["Summary"]
        assert made["Description"] == ""
        got = waf.get_web_acl(Name="acl", Scope="REGIONAL", Id=made["Id"])
        assert got["LockToken"] == made["LockToken"]
        assert waf.get_web_acl(ARN=made["ARN"])["WebACL"]["Id"] == made["Id"]
        acl = got["WebACL"]
        assert acl["Capacity"] == 704
        assert acl["DefaultAction"] == {"Allow": {}}
        rules = {each["Name"]: each for each in acl["Rules"]}
        assert rules["common"]["OverrideAction"] == {"None": {}}
        assert rules["rate"]["Action"] == {"Block": {}}
        assert rules["rate"]["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] == 300
        assert rules["search"]["Statement"]["ByteMatchStatement"]["SearchString"] == b"\x00/v1"
        assert acl["LabelNamespace"].endswith(":webacl:acl:")

    def test_rules_come_in_any_order(self, aws: Callable[[str], Any]) -> None:
        waf = aws("wafv2")
        rules = [
            rule(f"geo{n}", n, {"GeoMatchStatement": {"CountryCodes": ["NL"]}}) for n in range(6)
        ]
        arn = waf.create_web_acl(**acl_args(*rules))["Summary"]["ARN"]
        orders = {
            tuple(r["Name"] for r in waf.get_web_acl(ARN=arn)["WebACL"]["Rules"]) for _ in range(10)
        }
        assert len(orders) > 1

    def test_update_replaces_all_and_needs_the_newest_token(
        self, aws: Callable[[str], Any]
    ) -> None:
        waf = aws("wafv2")
        made = waf.create_web_acl(
            **acl_args(COMMON, RATE, Description="the old one", TokenDomains=["example.com"])
        )["Summary"]
        who = {"Id": made["Id"], "LockToken": made["LockToken"]}
        changed = waf.update_web_acl(**acl_args(RATE), **who)["NextLockToken"]
        assert changed != made["LockToken"]
        got = waf.get_web_acl(ARN=made["ARN"])
        assert got["LockToken"] == changed
        assert [r["Name"] for r in got["WebACL"]["Rules"]] == ["rate"]
        assert got["WebACL"]["Description"] == ""
        assert "TokenDomains" not in got["WebACL"]
        with refused("WAFOptimisticLockException"):
            waf.update_web_acl(**acl_args(RATE), **who)
        with refused("WAFOptimisticLockException"):
            waf.delete_web_acl(Name="acl", Scope="REGIONAL", **who)
        same = waf.update_web_acl(**acl_args(RATE), Id=made["Id"], LockToken=changed)
        assert same["NextLockToken"] != changed

    @pytest.mark.parametrize(
        ("rules", "code"),
        [
            ([COMMON, COMMON | {"Priority": 9}], "WAFInvalidParameterException"),
            ([COMMON, RATE | {"Priority": 1}], "WAFInvalidParameterException"),
            ([COMMON | {"Action": {"Block": {}}}], "WAFInvalidParameterException"),
            ([RATE | {"Action": {}}], "WAFInvalidParameterException"),
            ([RATE | {"Action": {"Block": {}, "Count": {}}}], "WAFInvalidParameterException"),
            ([RATE | {"OverrideAction": {"None": {}}}], "WAFInvalidParameterException"),
            ([rule("x", 0, {})], "WAFInvalidParameterException"),
            ([rule("x", 0, managed("AWSManagedRulesNoSuch"))], "WAFNonexistentItemException"),
            ([rule("x", 0, managed("AWSManagedRulesSQLiRuleSet", Version="Version_9"))],
             "WAFNonexistentItemException"),
            ([rule("x", 0, {"RateBasedStatement": {
                "Limit": 2_000_000_001, "AggregateKeyType": "IP"}})], "ValidationException"),
            ([rule("x", 0, {"RateBasedStatement": {
                "Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 240}})],
             "WAFInvalidParameterException"),
            ([rule("x", 0, {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "CONSTANT"}})],
             "WAFInvalidParameterException"),
            ([rule("x", 0, {"NotStatement": {"Statement": RATE["Statement"]}})],
             "WAFInvalidParameterException"),
            ([rule("x", 0, {"AndStatement": {"Statements": [
                {"GeoMatchStatement": {"CountryCodes": ["NL"]}}]}})],
             "WAFInvalidParameterException"),
            ([rule("not a name", 0, {"GeoMatchStatement": {"CountryCodes": ["NL"]}})],
             "ValidationException"),
            ([rule("x", 0, {"IPSetReferenceStatement": {
                "ARN": "arn:aws:wafv2:us-east-1:1:regional/ipset/x/y"}})],
             "WAFNonexistentItemException"),
            ([rule(f"c{n}", n, managed("AWSManagedRulesCommonRuleSet")) for n in range(8)],
             "WAFLimitsExceededException"),
            ([rule("x", 0, {"GeoMatchStatement": {"CountryCodes": ["NL"]}}, Action={"Block": {
                "CustomResponse": {"ResponseCode": 403, "CustomResponseBodyKey": "none"}}})],
             "WAFInvalidParameterException"),
        ],
    )  # fmt: skip
    def test_rules_that_aws_refuses(
        self, aws: Callable[[str], Any], rules: list[dict[str, Any]], code: str
    ) -> None:
        with refused(code):
            aws("wafv2").create_web_acl(**acl_args(*rules))
        assert aws("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"] == []

    def test_an_override_of_a_rule_that_does_not_exist_is_ignored(
        self, aws: Callable[[str], Any]
    ) -> None:
        override = {"Name": "NoSuchRule", "ActionToUse": {"Count": {}}}
        statement = managed("AWSManagedRulesCommonRuleSet", RuleActionOverrides=[override])
        aws("wafv2").create_web_acl(**acl_args(rule("x", 0, statement)))
        told = aws("wafv2").describe_managed_rule_group(
            VendorName="AWS", Name="AWSManagedRulesCommonRuleSet", Scope="REGIONAL"
        )
        names = {each["Name"] for each in told["Rules"]}
        assert {"SizeRestrictions_BODY", "NoUserAgent_HEADER"} <= names
        assert "NoSuchRule" not in names
        assert told["Capacity"] == 700

    def test_names_and_scopes(self, world: World, aws: Callable[[str], Any]) -> None:
        waf = aws("wafv2")
        waf.create_web_acl(**acl_args())
        with refused("WAFDuplicateItemException"):
            waf.create_web_acl(**acl_args())
        made = waf.create_web_acl(**acl_args(Scope="CLOUDFRONT"))["Summary"]
        assert ":global/webacl/acl/" in made["ARN"]
        assert len(waf.list_web_acls(Scope="REGIONAL")["WebACLs"]) == 1
        with refused("WAFInvalidParameterException", "SCOPE_VALUE"):
            client(world, "wafv2", "eu-west-1").list_web_acls(Scope="CLOUDFRONT")
        with refused("ValidationException"):
            waf.create_web_acl(**acl_args(Name="b", Description="(no parentheses)"))

    def test_the_marker_comes_also_with_the_last_page(self, aws: Callable[[str], Any]) -> None:
        waf = aws("wafv2")
        for n in range(5):
            waf.create_web_acl(**acl_args(Name=f"acl{n}"))
        names: list[str] = []
        pages, marker = 0, dict[str, str]()
        while True:
            reply = waf.list_web_acls(Scope="REGIONAL", Limit=2, **marker)
            names += [acl["Name"] for acl in reply["WebACLs"]]
            pages += 1
            if "NextMarker" not in reply:
                break
            marker = {"NextMarker": reply["NextMarker"]}
        assert sorted(names) == [f"acl{n}" for n in range(5)]
        assert pages == 4

    def test_associations(self, world: World, aws: Callable[[str], Any]) -> None:
        waf, lb = aws("wafv2"), load_balancer(world)
        first = waf.create_web_acl(**acl_args())["Summary"]
        second = waf.create_web_acl(**acl_args(Name="other"))["Summary"]
        assert "WebACL" not in waf.get_web_acl_for_resource(ResourceArn=lb)
        waf.associate_web_acl(WebACLArn=first["ARN"], ResourceArn=lb)
        waf.associate_web_acl(WebACLArn=second["ARN"], ResourceArn=lb)
        assert waf.get_web_acl_for_resource(ResourceArn=lb)["WebACL"]["Name"] == "other"
        assert waf.list_resources_for_web_acl(WebACLArn=first["ARN"])["ResourceArns"] == []
        assert waf.list_resources_for_web_acl(WebACLArn=second["ARN"])["ResourceArns"] == [lb]
        token = {"Scope": "REGIONAL", "Id": second["Id"], "LockToken": second["LockToken"]}
        with refused("WAFAssociatedItemException"):
            waf.delete_web_acl(Name="other", **token)
        waf.disassociate_web_acl(ResourceArn=lb)
        waf.delete_web_acl(Name="other", **token)
        with refused("WAFNonexistentItemException"):
            waf.associate_web_acl(WebACLArn=second["ARN"], ResourceArn=lb)
        with refused("WAFUnavailableEntityException"):
            waf.associate_web_acl(WebACLArn=first["ARN"], ResourceArn=lb[:-4] + "0000")
        with refused("WAFInvalidParameterException", "RESOURCE_ARN"):
            waf.associate_web_acl(
                WebACLArn=first["ARN"],
                ResourceArn=lb.replace("loadbalancer/app", "loadbalancer/net"),
            )

    def test_a_new_web_acl_may_be_unavailable_for_a_moment(self) -> None:
        codes = set()
        for seed in range(20):
            made = new_world(seed)
            waf, lb = client(made, "wafv2"), load_balancer(made)
            arn = waf.create_web_acl(**acl_args())["Summary"]["ARN"]
            try:
                waf.associate_web_acl(WebACLArn=arn, ResourceArn=lb)
                codes.add("")
            except ClientError as error:
                codes.add(error.response["Error"]["Code"])
            made.clock.advance(made.max_lag)
            waf.associate_web_acl(WebACLArn=arn, ResourceArn=lb)
            if codes == {"", "WAFUnavailableEntityException"}:
                return
        pytest.fail(f"only {codes}")

    def test_shield_and_firewall_manager(self, world: World, aws: Callable[[str], Any]) -> None:
        waf = aws("wafv2")
        made = waf.create_web_acl(**acl_args(RATE))["Summary"]
        name = inject_shield_rule(world, "acl")
        inject_firewall_manager_groups(world, "acl")
        got = waf.get_web_acl(ARN=made["ARN"])
        assert got["WebACL"]["Capacity"] == 152
        who = {"Id": made["Id"]}
        with refused("WAFOptimisticLockException"):
            waf.update_web_acl(**acl_args(RATE), **who, LockToken=made["LockToken"])
        rules = got["WebACL"]["Rules"]
        shield = next(each for each in rules if each["Name"] == name)
        assert shield["Priority"] == 10_000_000
        token = waf.update_web_acl(**acl_args(*rules), **who, LockToken=got["LockToken"])
        assert len(waf.get_web_acl(ARN=made["ARN"])["WebACL"]["Rules"]) == 2
        waf.update_web_acl(**acl_args(RATE), **who, LockToken=token["NextLockToken"])
        acl = waf.get_web_acl(ARN=made["ARN"])["WebACL"]
        assert [each["Name"] for each in acl["Rules"]] == ["rate"]
        assert acl["PreProcessFirewallManagerRuleGroups"]
        assert acl["RetrofittedByFirewallManager"]

    def test_logging(self, aws: Callable[[str], Any]) -> None:
        waf, logs = aws("wafv2"), aws("logs")
        acl = waf.create_web_acl(**acl_args())["Summary"]["ARN"]
        for name in ("aws-waf-logs-x", "other"):
            logs.create_log_group(logGroupName=name)
        groups = {g["logGroupName"]: g for g in logs.describe_log_groups()["logGroups"]}

        def put(*arns: str, **more: Any) -> Any:
            return waf.put_logging_configuration(
                LoggingConfiguration={
                    "ResourceArn": acl,
                    "LogDestinationConfigs": list(arns),
                    **more,
                }
            )["LoggingConfiguration"]

        with refused("WAFNonexistentItemException"):
            waf.get_logging_configuration(ResourceArn=acl)
        with refused("WAFInvalidParameterException", "LOG_DESTINATION"):
            put(groups["other"]["logGroupArn"])
        with refused("WAFNonexistentItemException"):
            put(groups["aws-waf-logs-x"]["logGroupArn"] + "y")
        with refused("WAFInvalidParameterException"):
            put(groups["aws-waf-logs-x"]["logGroupArn"], RedactedFields=[{"Body": {}}])
        put(groups["aws-waf-logs-x"]["arn"], RedactedFields=[{"SingleHeader": {"Name": "cookie"}}])
        kept = waf.get_logging_configuration(ResourceArn=acl)["LoggingConfiguration"]
        assert kept["LogDestinationConfigs"] == [groups["aws-waf-logs-x"]["logGroupArn"]]
        assert kept["LogScope"] == "CUSTOMER"
        assert len(waf.list_logging_configurations(Scope="REGIONAL")["LoggingConfigurations"]) == 1
        waf.delete_logging_configuration(ResourceArn=acl)
        with refused("WAFNonexistentItemException"):
            waf.delete_logging_configuration(ResourceArn=acl)

    def test_ip_sets(self, aws: Callable[[str], Any]) -> None:
        waf = aws("wafv2")
        args = {"Name": "ips", "Scope": "REGIONAL"}
        made = waf.create_ip_set(
            **args, IPAddressVersion="IPV6", Addresses=["2001:DB8::/32", "2001:db8::1/128"]
        )["Summary"]
        got = waf.get_ip_set(**args, Id=made["Id"])
        assert sorted(got["IPSet"]["Addresses"]) == [
            "2001:0db8:0000:0000:0000:0000:0000:0000/32",
            "2001:0db8:0000:0000:0000:0000:0000:0001/128",
        ]
        for bad in ("::/0", "2001:db8::1", "10.0.0.0/8", "x/3"):
            with refused("WAFInvalidParameterException", "IP_ADDRESS"):
                waf.update_ip_set(
                    **args, Id=made["Id"], Addresses=[bad], LockToken=made["LockToken"]
                )
        allow = rule("allow", 0, {"IPSetReferenceStatement": {"ARN": made["ARN"]}})
        waf.create_web_acl(**acl_args(allow))
        token = waf.update_ip_set(**args, Id=made["Id"], Addresses=[], LockToken=made["LockToken"])[
            "NextLockToken"
        ]
        with refused("WAFOptimisticLockException"):
            waf.update_ip_set(**args, Id=made["Id"], Addresses=[], LockToken=made["LockToken"])
        with refused("WAFAssociatedItemException"):
            waf.delete_ip_set(**args, Id=made["Id"], LockToken=token)

    def test_tags(self, aws: Callable[[str], Any]) -> None:
        waf = aws("wafv2")
        arn = waf.create_web_acl(**acl_args(Tags=[{"Key": "a", "Value": "1"}]))["Summary"]["ARN"]
        waf.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
        waf.untag_resource(ResourceARN=arn, TagKeys=["a"])
        told = waf.list_tags_for_resource(ResourceARN=arn)["TagInfoForResource"]
        assert told == {"ResourceARN": arn, "TagList": [{"Key": "b", "Value": "2"}]}
        with refused("WAFTagOperationException"):
            waf.tag_resource(ResourceARN=arn, Tags=[{"Key": "aws:x", "Value": "2"}])


class TestAlarms:
    def test_put_overwrites_everything_but_tags_and_state(
        self, world: World, aws: Callable[[str], Any]
    ) -> None:
        cloudwatch = aws("cloudwatch")

        def alarm() -> dict[str, Any]:
            found: dict[str, Any] = cloudwatch.describe_alarms(AlarmNames=["cpu"])["MetricAlarms"][
                0
            ]
            return found

        cloudwatch.put_metric_alarm(
            **ALARM, AlarmDescription="old", Tags=[{"Key": "a", "Value": "1"}]
        )
        assert alarm()["StateValue"] == "INSUFFICIENT_DATA"
        assert alarm()["ActionsEnabled"] is True
        assert alarm()["OKActions"] == []
        world.clock.advance(timedelta(minutes=6))
        assert alarm()["StateValue"] == "OK"
        cloudwatch.put_metric_alarm(**ALARM | {"Period": 120}, Tags=[{"Key": "b", "Value": "2"}])
        now = alarm()
        assert (now["Period"], now["StateValue"]) == (120, "OK")
        assert "AlarmDescription" not in now
        arn = now["AlarmArn"]
        assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
            {"Key": "a", "Value": "1"}
        ]
        cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
        cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
        assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
            {"Key": "b", "Value": "2"}
        ]

    @pytest.mark.parametrize(
        "change",
        [
            {"Period": 45},
            {"Period": 60, "EvaluationPeriods": 1441},
            {"DatapointsToAlarm": 4},
            {"ExtendedStatistic": "p99"},
            {"Statistic": None},
            {"Statistic": None, "ExtendedStatistic": "99"},
            {"TreatMissingData": "never"},
            {"ComparisonOperator": "Above"},
            {"ComparisonOperator": "GreaterThanUpperThreshold"},
            {"Threshold": None},
            {"Threshold": None, "ThresholdMetricId": "band"},
            {"MetricName": None},
            {"AlarmActions": ["topic"]},
            {"AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:t"]},
            {"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"] * 6},
            {"EvaluateLowSampleCountPercentile": "ignore"},
            {"Metrics": [{"Id": "m", "Expression": "1"}]},
            {"AlarmName": "a\nb"},
            {"Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]},
        ],
    )
    def test_alarms_that_aws_refuses(
        self, aws: Callable[[str], Any], change: dict[str, Any]
    ) -> None:
        args = {k: v for k, v in (ALARM | change).items() if v is not None}
        with refused("ValidationError"):
            aws("cloudwatch").put_metric_alarm(**args)

    def test_math_and_anomaly_alarms(self, aws: Callable[[str], Any]) -> None:
        cloudwatch = aws("cloudwatch")
        metric = {"Namespace": "N", "MetricName": "M"}
        queries: list[dict[str, Any]] = [
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
             "ReturnData": False},
            {"Id": "e1", "Expression": "m1 * 2"},
        ]  # fmt: skip
        base = {"AlarmName": "math", "EvaluationPeriods": 1, "Metrics": queries}
        cloudwatch.put_metric_alarm(**base, Threshold=1, ComparisonOperator="GreaterThanThreshold")
        shown = cloudwatch.describe_alarms()["MetricAlarms"][0]["Metrics"]
        assert {q["Id"]: q["ReturnData"] for q in shown} == {"m1": False, "e1": True}
        band = [
            {**queries[0], "ReturnData": True},
            {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"},
        ]
        anomaly = base | {"AlarmName": "anomaly", "Metrics": band, "ThresholdMetricId": "ad1"}
        cloudwatch.put_metric_alarm(**anomaly, ComparisonOperator="GreaterThanUpperThreshold")
        with refused("ValidationError"):
            cloudwatch.put_metric_alarm(**anomaly, ComparisonOperator="GreaterThanThreshold")
        with refused("ValidationError"):
            cloudwatch.put_metric_alarm(
                **base | {"Metrics": band}, Threshold=1, ComparisonOperator="GreaterThanThreshold"
            )

    def test_describe(self, aws: Callable[[str], Any]) -> None:
        cloudwatch = aws("cloudwatch")
        topic = "arn:aws:sns:us-east-1:123456789012:t"
        for n in range(7):
            actions = [topic] if n == 3 else []
            cloudwatch.put_metric_alarm(**ALARM | {"AlarmName": f"a{n}", "AlarmActions": actions})
        cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule='ALARM("a1") OR OK(a2)')
        names: list[str] = []
        token: dict[str, str] = {}
        while True:
            reply = cloudwatch.describe_alarms(MaxRecords=3, **token)
            names += [alarm["AlarmName"] for alarm in reply["MetricAlarms"]]
            if "NextToken" not in reply:
                break
            token = {"NextToken": reply["NextToken"]}
        assert sorted(names) == [f"a{n}" for n in range(7)]
        both = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        assert [alarm["AlarmName"] for alarm in both["CompositeAlarms"]] == ["all"]
        found = cloudwatch.describe_alarms(ActionPrefix=topic)["MetricAlarms"]
        assert [alarm["AlarmName"] for alarm in found] == ["a3"]
        with refused("ValidationError"):
            cloudwatch.describe_alarms(AlarmNames=["a"], AlarmNamePrefix="a")
        with refused("ValidationError"):
            cloudwatch.describe_alarms(AlarmNames=[f"a{n}" for n in range(101)])
        with refused("InvalidNextToken"):
            cloudwatch.describe_alarms(NextToken="%")
        with refused("ValidationError", "depending on it"):
            cloudwatch.delete_alarms(AlarmNames=["a1"])
        with refused("ValidationError", "do not exist"):
            cloudwatch.put_composite_alarm(AlarmName="none", AlarmRule="ALARM(nobody)")

    def test_delete_removes_what_exists_and_says_what_does_not(
        self, aws: Callable[[str], Any]
    ) -> None:
        cloudwatch = aws("cloudwatch")
        cloudwatch.put_metric_alarm(**ALARM)
        with refused("ResourceNotFound"):
            cloudwatch.delete_alarms(AlarmNames=["cpu", "none"])
        assert cloudwatch.describe_alarms()["MetricAlarms"] == []
        with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
            cloudwatch.delete_alarms(AlarmNames=["none"])

    def test_actions_and_states(self, world: World, aws: Callable[[str], Any]) -> None:
        cloudwatch = aws("cloudwatch")
        cloudwatch.put_metric_alarm(**ALARM)
        cloudwatch.disable_alarm_actions(AlarmNames=["cpu"])
        cloudwatch.set_alarm_state(AlarmName="cpu", StateValue="ALARM", StateReason="a test")
        alarm = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"][0]
        assert alarm["ActionsEnabled"] is False
        world.clock.advance(timedelta(minutes=1))
        assert cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"] == []

    def test_metrics(self, world: World, aws: Callable[[str], Any]) -> None:
        cloudwatch = aws("cloudwatch")
        dimensions = [{"Name": "kind", "Value": "k"}]
        data = {"MetricName": "drift", "Dimensions": dimensions}
        cloudwatch.put_metric_data(
            Namespace="P", MetricData=[data | {"Value": 1.0}, data | {"Values": [2.0, 3.0]}]
        )
        assert cloudwatch.list_metrics(Namespace="P")["Metrics"] == [data | {"Namespace": "P"}]
        now = world.clock.now()
        stat = {"Metric": data | {"Namespace": "P"}, "Period": 60, "Stat": "Sum"}
        told = cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": stat}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
        )
        assert told["MetricDataResults"][0]["Values"] == [6.0]


class TestLogs:
    def test_groups(self, world: World, aws: Callable[[str], Any]) -> None:
        logs = aws("logs")
        for name in ("/b", "/a", "/c/A"):
            logs.create_log_group(logGroupName=name, tags={"n": name})
        with refused("ResourceAlreadyExistsException"):
            logs.create_log_group(logGroupName="/a")
        with refused("InvalidParameterException"):
            logs.create_log_group(logGroupName="a b")
        with refused("InvalidParameterException"):
            logs.create_log_group(logGroupName="/d", kmsKeyId="alias/x")
        groups = logs.describe_log_groups()["logGroups"]
        assert [group["logGroupName"] for group in groups] == ["/a", "/b", "/c/A"]
        assert groups[0]["arn"] == groups[0]["logGroupArn"] + ":*"
        assert "retentionInDays" not in groups[0]
        brief = logs.describe_log_groups(logGroupNamePattern="A")["logGroups"]
        assert [sorted(group) for group in brief] == [["arn", "creationTime", "logGroupName"]]
        page = logs.describe_log_groups(limit=2)
        rest = logs.describe_log_groups(limit=2, nextToken=page["nextToken"])
        assert [g["logGroupName"] for g in rest["logGroups"]] == ["/c/A"]
        assert "nextToken" not in rest
        with refused("InvalidParameterException"):
            logs.describe_log_groups(logGroupNamePattern="A", logGroupNamePrefix="/")
        with refused("InvalidParameterException"):
            logs.describe_log_groups(limit=51)

    def test_settings(self, aws: Callable[[str], Any]) -> None:
        logs = aws("logs")
        logs.create_log_group(logGroupName="/a", tags={"a": "1"})
        with refused("InvalidParameterException"):
            logs.put_retention_policy(logGroupName="/a", retentionInDays=8)
        with refused("ResourceNotFoundException"):
            logs.put_retention_policy(logGroupName="/b", retentionInDays=7)
        logs.put_retention_policy(logGroupName="/a", retentionInDays=7)
        key = aws("kms").create_key()["KeyMetadata"]["Arn"]
        logs.associate_kms_key(logGroupName="/a", kmsKeyId=key)
        with refused("InvalidParameterException"):
            logs.associate_kms_key(logGroupName="/a", kmsKeyId=key[:-3] + "000")
        (group,) = logs.describe_log_groups(logGroupIdentifiers=["/a"])["logGroups"]
        assert (group["retentionInDays"], group["kmsKeyId"]) == (7, key)
        logs.delete_retention_policy(logGroupName="/a")
        logs.disassociate_kms_key(resourceIdentifier=group["logGroupArn"])
        (group,) = logs.describe_log_groups()["logGroups"]
        assert not {"retentionInDays", "kmsKeyId"} & set(group)
        arn = group["logGroupArn"]
        logs.tag_resource(resourceArn=arn, tags={"b": "2"})
        logs.untag_resource(resourceArn=arn, tagKeys=["a", "never"])
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
        with refused("InvalidParameterException"):
            logs.tag_resource(resourceArn=group["arn"], tags={"b": "2"})
        logs.put_log_group_deletion_protection(
            logGroupIdentifier="/a", deletionProtectionEnabled=True
        )
        with refused("ValidationException"):
            logs.delete_log_group(logGroupName="/a")
        logs.put_log_group_deletion_protection(
            logGroupIdentifier=arn, deletionProtectionEnabled=False
        )
        logs.delete_log_group(logGroupName="/a")
        assert logs.describe_log_groups()["logGroups"] == []


class TestSecrets:
    def test_life_of_a_secret(self, world: World, aws: Callable[[str], Any]) -> None:
        secrets = aws("secretsmanager")
        token = "t" * 32
        args = {"Name": "app/key", "SecretString": "one", "ClientRequestToken": token}
        made = secrets.create_secret(**args, Tags=[{"Key": "a", "Value": "1"}])
        assert made["ARN"][-7] == "-"
        assert secrets.create_secret(**args)["ARN"] == made["ARN"]
        with refused("ResourceExistsException"):
            secrets.create_secret(**args | {"ClientRequestToken": "u" * 32})
        with refused("ValidationException"):
            secrets.create_secret(Name="a b")
        second = secrets.put_secret_value(SecretId="app/key", SecretString="two")
        assert second["VersionStages"] == ["AWSCURRENT"]
        told = secrets.describe_secret(SecretId=made["ARN"][:-7])
        assert told["VersionIdsToStages"] == {
            token: ["AWSPREVIOUS"], second["VersionId"]: ["AWSCURRENT"],
        }  # fmt: skip
        assert "KmsKeyId" not in told
        assert secrets.get_secret_value(SecretId="app/key")["SecretString"] == "two"
        old = secrets.get_secret_value(SecretId="app/key", VersionStage="AWSPREVIOUS")
        assert old["SecretString"] == "one"
        secrets.update_secret(SecretId="app/key", Description="d")
        assert "LastAccessedDate" in secrets.describe_secret(SecretId="app/key")
        secrets.tag_resource(SecretId="app/key", Tags=[{"Key": "b", "Value": "2"}])
        secrets.untag_resource(SecretId="app/key", TagKeys=["a"])
        assert secrets.describe_secret(SecretId="app/key")["Tags"] == [{"Key": "b", "Value": "2"}]

    def test_deleted_secrets_keep_their_name(self, world: World, aws: Callable[[str], Any]) -> None:
        secrets = aws("secretsmanager")
        secrets.create_secret(Name="s", SecretString="x")
        with refused("InvalidParameterException"):
            secrets.delete_secret(SecretId="s", RecoveryWindowInDays=6)
        reply = secrets.delete_secret(SecretId="s", RecoveryWindowInDays=7)
        assert reply["DeletionDate"] == world.clock.now() + timedelta(days=7)
        assert secrets.describe_secret(SecretId="s")["DeletedDate"] == world.clock.now()
        calls: list[Callable[[], Any]] = [
            lambda: secrets.get_secret_value(SecretId="s"),
            lambda: secrets.create_secret(Name="s", SecretString="x"),
            lambda: secrets.put_secret_value(SecretId="s", SecretString="x"),
            lambda: secrets.tag_resource(SecretId="s", Tags=[{"Key": "a", "Value": "1"}]),
        ]
        for call in calls:
            with refused("InvalidRequestException"):
                call()
        assert secrets.list_secrets()["SecretList"] == []
        assert len(secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]) == 1
        secrets.restore_secret(SecretId="s")
        assert secrets.get_secret_value(SecretId="s")["SecretString"] == "x"
        world.clock.advance(timedelta(days=8))
        secrets.delete_secret(SecretId="s")
        world.clock.advance(timedelta(days=30))
        with refused("ResourceNotFoundException"):
            secrets.describe_secret(SecretId="s")
        secrets.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)

    def test_list_and_batch(self, aws: Callable[[str], Any]) -> None:
        secrets = aws("secretsmanager")
        for n in range(5):
            tags = [{"Key": "env", "Value": f"v{n % 2}"}]
            secrets.create_secret(Name=f"app/{n}", SecretString=str(n), Tags=tags)
        pages = secrets.get_paginator("list_secrets").paginate(
            PaginationConfig={"PageSize": 2}, Filters=[{"Key": "name", "Values": ["app/"]}]
        )
        names = [secret["Name"] for page in pages for secret in page["SecretList"]]
        assert sorted(names) == [f"app/{n}" for n in range(5)]
        for filters, count in (
            ([{"Key": "tag-key", "Values": ["env"]}, {"Key": "tag-value", "Values": ["v1"]}], 2),
            ([{"Key": "name", "Values": ["!app/1"]}], 4),
            ([{"Key": "name", "Values": ["pp"]}], 0),
        ):
            assert len(secrets.list_secrets(Filters=filters)["SecretList"]) == count
        batch = secrets.batch_get_secret_value(SecretIdList=["app/1", "none"])
        assert [value["SecretString"] for value in batch["SecretValues"]] == ["1"]
        assert [error["ErrorCode"] for error in batch["Errors"]] == ["ResourceNotFoundException"]

    def test_listing_may_miss_five_minutes(self) -> None:
        missed = 0
        for seed in range(40):
            made = new_world(seed)
            secrets = client(made, "secretsmanager")
            secrets.create_secret(Name="s", SecretString="x")
            made.clock.advance(timedelta(seconds=5))
            secrets.describe_secret(SecretId="s")
            missed += not secrets.list_secrets()["SecretList"]
            made.clock.advance(timedelta(minutes=5))
            assert secrets.list_secrets()["SecretList"]
            if missed:
                return
        pytest.fail("every list was complete")

    def test_random_passwords(self, aws: Callable[[str], Any]) -> None:
        secrets = aws("secretsmanager")
        password = secrets.get_random_password(ExcludePunctuation=True)["RandomPassword"]
        assert len(password) == 32
        assert password.isalnum()
        assert any(c.isdigit() for c in password)
        only = secrets.get_random_password(
            PasswordLength=8, ExcludeCharacters='"@/\\', ExcludeNumbers=True, ExcludeUppercase=True
        )["RandomPassword"]
        assert not set('"@/\\0123456789ABC') & set(only)
        with refused("InvalidParameterException"):
            secrets.get_random_password(PasswordLength=3)


class TestTagging:
    @pytest.fixture
    def arns(self, aws: Callable[[str], Any]) -> dict[str, str]:
        tags = [{"Key": "env", "Value": "prod"}]
        aws("logs").create_log_group(logGroupName="/a", tags={"env": "prod"})
        aws("cloudwatch").put_metric_alarm(**ALARM, Tags=tags)
        return {
            "logs": aws("logs").describe_log_groups()["logGroups"][0]["logGroupArn"],
            "cloudwatch": aws("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmArn"],
            "secretsmanager": aws("secretsmanager").create_secret(
                Name="s", Tags=[{"Key": "env", "Value": "test"}]
            )["ARN"],
            "wafv2": aws("wafv2").create_web_acl(**acl_args(Tags=tags))["Summary"]["ARN"],
        }

    def test_filters(self, aws: Callable[[str], Any], arns: dict[str, str]) -> None:
        def found(**args: Any) -> set[str]:
            paginator = aws("resourcegroupstaggingapi").get_paginator("get_resources")
            pages = paginator.paginate(ResourcesPerPage=2, **args)
            listed = [r["ResourceARN"] for p in pages for r in p["ResourceTagMappingList"]]
            assert len(listed) == len(set(listed))
            return set(listed)

        everything = set(arns.values())
        assert found(TagFilters=[{"Key": "env"}]) == everything
        prod = [{"Key": "env", "Values": ["prod", "other"]}]
        assert found(TagFilters=prod) == everything - {arns["secretsmanager"]}
        assert found(ResourceTypeFilters=["logs:log-group"]) == {arns["logs"]}
        assert found(ResourceTypeFilters=["cloudwatch:alarm", "wafv2:webacl"]) == {
            arns["cloudwatch"], arns["wafv2"],
        }  # fmt: skip
        assert found(TagFilters=[{"Key": "env"}, {"Key": "none"}]) == set()

    def test_refusals_and_writes(self, aws: Callable[[str], Any], arns: dict[str, str]) -> None:
        api = aws("resourcegroupstaggingapi")
        with refused("InvalidParameterException"):
            api.get_resources(ResourceARNList=[arns["logs"]], TagFilters=[{"Key": "env"}])
        with refused("InvalidParameterException"):
            api.get_resources(ResourcesPerPage=101)
        with refused("PaginationTokenExpiredException"):
            api.get_resources(PaginationToken="x")
        strange = "arn:aws:logs:us-east-1:123456789012:log-group:none"
        reply = api.tag_resources(ResourceARNList=[arns["wafv2"], strange], Tags={"x": "y"})
        assert set(reply["FailedResourcesMap"]) == {strange}
        told = aws("wafv2").list_tags_for_resource(ResourceARN=arns["wafv2"])
        assert {"Key": "x", "Value": "y"} in told["TagInfoForResource"]["TagList"]
        api.untag_resources(ResourceARNList=[arns["logs"]], TagKeys=["env"])
        (shown,) = api.get_resources(ResourceARNList=[arns["logs"]])["ResourceTagMappingList"]
        assert shown["Tags"] == []

    def test_it_lags_like_the_service(self) -> None:
        stale = 0
        for _ in range(20):
            made = new_world(random.randrange(1000))
            logs, api = client(made, "logs"), client(made, "resourcegroupstaggingapi")
            logs.create_log_group(logGroupName="/a", tags={"env": "prod"})
            found = [len(api.get_resources()["ResourceTagMappingList"]) for _ in range(4)]
            stale += found != [1] * 4
            made.clock.advance(made.max_lag)
            assert len(api.get_resources()["ResourceTagMappingList"]) == 1
            if stale:
                return
        pytest.fail("no read lagged")


def test_the_plugin_gives_each_world_an_account_of_its_own(aws_session: boto3.Session) -> None:
    account = aws_session.client("sts").get_caller_identity()["Account"]
    assert len(account) == 12
    assert account != "123456789012"
