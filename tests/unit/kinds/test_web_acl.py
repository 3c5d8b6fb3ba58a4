"""WebACL: the rule language both ways, what is drift and what is none, the smallest call."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from controller.aws import AwsFailure, Stale
from controller.beyond import split
from controller.handler import Absent, Action, Present
from controller.kindlib.waf_codec import rule_from_aws, rule_to_aws, without_defaults
from controller.kindlib.waf_translate import printable, wire
from controller.kinds import handler_for
from controller.manifest import load
from tests.harness import environment, resource
from tests.unit.kinds import kit

HANDLER = handler_for("WebACL")
ID = "1f2e3d4c-0000-4000-8000-000000000001"
ARN = f"arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/edge/{ID}"
ALB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/{}/0123456789abcdef"
GROUP = "arn:aws:logs:eu-central-1:123456789012:log-group:aws-waf-logs-edge"
SET = "arn:aws:wafv2:eu-central-1:123456789012:regional/{}/x/1f2e3d4c-0000-4000-8000-000000000002"
SHIELD = {
    "Name": "ShieldMitigationRuleGroup_123456789012_1f2e3d4c-0000-4000-8000-000000000001_x",
    "Priority": 10_000_000,
    "Statement": {
        "RuleGroupReferenceStatement": {
            "ARN": "arn:aws:wafv2:eu-central-1:153427709519:regional/rulegroup/Shield/1"
        }
    },
    "OverrideAction": {"None": {}},
    "VisibilityConfig": {
        "SampledRequestsEnabled": True,
        "CloudWatchMetricsEnabled": True,
        "MetricName": "Shield",
    },
}
OF_ANOTHER_API = {
    "42c3797652.json": "DefaultAction {Type: BLOCK} and MetricName are of WAF Classic",
    "bb84847b51.json": "DefaultAction {Type: BLOCK} and MetricName are of WAF Classic",
    "c949d4672c.json": "WebACLId and DefaultAction {Type: BLOCK} are of WAF Classic",
}
"""Recordings that contradict botocore's model of wafv2."""
RECORDED = kit.recorded("wafv2", "wafv2", "GetWebACL", OF_ANOTHER_API)
RATE = {
    "priority": 150,
    "action": "block",
    "rateLimit": {
        "limit": 2000,
        "scopeDown": {
            "byteMatch": {
                "fieldToMatch": "uriPath",
                "searchString": "/v1/",
                "positionalConstraint": "STARTS_WITH",
            }
        },
    },
}


def spec(**more: Any) -> dict[str, Any]:
    return HANDLER.spec.model_validate(more).model_dump(by_alias=True, exclude_none=True)


def acl_of(action: Action) -> dict[str, Any]:
    """The web ACL as AWS shows it after this CreateWebACL."""
    params = {k: v for k, v in wire(action.params).items() if k not in ("Tags", "Scope")}
    acl = copy.deepcopy(params)
    for rule in acl["Rules"]:
        _to_bytes(rule["Statement"])
        rate = rule["Statement"].get("RateBasedStatement")
        if rate:
            rate.setdefault("EvaluationWindowSec", 300)
    return {
        "ManagedByFirewallManager": False,
        "OnSourceDDoSProtectionConfig": {"ALBLowReputationMode": "ACTIVE_UNDER_DDOS"},
        **acl,
        "Id": ARN[-36:],
        "ARN": ARN,
        "Capacity": 900,
        "LabelNamespace": "awswaf:123456789012:webacl:edge:",
    }


def _to_bytes(node: Any) -> None:
    for key, value in node.items():
        if key == "SearchString":
            node[key] = value.encode() if isinstance(value, str) else value
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                _to_bytes(inner)


def seen(aim: Any, **doc: Any) -> Present:
    """AWS after the create of `aim`, with changes."""
    acl = acl_of(HANDLER.plan(aim, Absent(), ())[0])
    base = {
        "scope": "REGIONAL", "arn": ARN, "acl": acl, "lockToken": "t1", "tags": dict(aim.tags),
        "logging": None, "resources": [],
    }  # fmt: skip
    return Present({**base, **doc})


def tampered(state: Present, change: Any) -> Present:
    """A copy of what AWS shows, changed by `change(acl)`."""
    doc = copy.deepcopy(dict(state.doc))
    change(doc["acl"])
    return Present(doc, state.unknown)


def rule(acl: dict[str, Any], name: str) -> dict[str, Any]:
    return next(r for r in acl["Rules"] if r["Name"] == name)


# --- recordings -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "reply"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_web_acl_is_imported_and_then_plans_nothing(name: str, reply: Any) -> None:
    acl = reply["WebACL"]
    scope = "CLOUDFRONT" if ":global/" in acl["ARN"] else "REGIONAL"
    doc = {
        "scope": scope, "arn": acl["ARN"], "acl": acl, "lockToken": reply.get("LockToken"),
        "logging": None, "resources": [], "tags": {},
    }  # fmt: skip
    found = HANDLER.to_spec(doc)
    aim = kit.target(HANDLER, acl["Name"], found)
    state = Present({**doc, "tags": aim.tags})
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()
    assert HANDLER.output(doc)["id"] == acl["Id"]
    assert HANDLER.readiness(doc).state == "ready"


@pytest.mark.parametrize(("name", "reply"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_rule_goes_there_and_back(name: str, reply: Any) -> None:
    for raw in reply["WebACL"]["Rules"]:
        expected = printable(raw)
        group = expected["Statement"].get("ManagedRuleGroupStatement", {})
        if group.get("ManagedRuleGroupConfigs") == [{}]:  # recorded by a boto3 that lacked it
            del group["ManagedRuleGroupConfigs"]
        elif "ManagedRuleGroupConfigs" in group:
            group["ManagedRuleGroupConfigs"] = without_defaults(group["ManagedRuleGroupConfigs"])
        _sort_countries(expected)
        if "RuleActionOverrides" in group:  # a list without an order
            group["RuleActionOverrides"].sort(key=lambda o: o["Name"])
        assert rule_to_aws(raw["Name"], rule_from_aws(raw)) == expected


def _sort_countries(node: Any) -> None:
    """A list without an order."""
    if isinstance(node, dict):
        if "CountryCodes" in node:
            node["CountryCodes"].sort()
        for inner in node.values():
            _sort_countries(inner)


def test_a_group_whose_settings_our_botocore_can_not_see_is_not_overwritten() -> None:
    reply = dict(RECORDED)["ecde8910d7.json"]
    acl = reply["WebACL"]
    doc = {"scope": "REGIONAL", "arn": ARN, "acl": acl, "lockToken": "t", "resources": []}
    found = HANDLER.to_spec(doc)
    aim = kit.target(HANDLER, acl["Name"], {**found, "defaultAction": "block"})
    state = Present({**doc, "tags": aim.tags, "logging": None})
    assert kit.differing(kit.changes(HANDLER, aim, state)) == {"defaultAction": ("allow", "block")}
    assert kit.planned(HANDLER, aim, state) == []  # the engine says NoSafeAction


# --- the language -----------------------------------------------------------------------------

NONE = [{"Priority": 0, "Type": "NONE"}]
FIELD = {"UriPath": {}}
FORWARDED = {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH"}
STATEMENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"byteMatch": {"fieldToMatch": {"singleHeader": "User-Agent"}, "searchString": "bot",
                       "positionalConstraint": "CONTAINS", "textTransformations": ["LOWERCASE"]}},
        {"ByteMatchStatement": {"FieldToMatch": {"SingleHeader": {"Name": "user-agent"}},
                                "SearchString": b"bot", "PositionalConstraint": "CONTAINS",
                                "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}]}},
    ),
    (
        {"byteMatch": {"fieldToMatch": "body", "searchBase64": "/wA=",
                       "positionalConstraint": "EXACTLY"}},
        {"ByteMatchStatement": {"FieldToMatch": {"Body": {"OversizeHandling": "CONTINUE"}},
                                "SearchString": b"\xff\x00", "PositionalConstraint": "EXACTLY",
                                "TextTransformations": NONE}},
    ),
    (
        {"regexMatch": {"fieldToMatch": {"body": {"oversizeHandling": "MATCH"}},
                        "regexString": "a+"}},
        {"RegexMatchStatement": {"FieldToMatch": {"Body": {"OversizeHandling": "MATCH"}},
                                 "RegexString": "a+", "TextTransformations": NONE}},
    ),
    (
        {"regexPatternSet": {"fieldToMatch": "allQueryArguments",
                             "arn": SET.format("regexpatternset"),
                             "preParseTextTransformations": ["URL_DECODE"]}},
        {"RegexPatternSetReferenceStatement": {
            "FieldToMatch": {"AllQueryArguments": {}}, "ARN": SET.format("regexpatternset"),
            "TextTransformations": NONE,
            "PreParseTextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}]}},
    ),
    (
        {"sqli": {"fieldToMatch": {"jsonBody": {"matchScope": "ALL", "includedPaths": ["/a"]}},
                  "sensitivityLevel": "HIGH"}},
        {"SqliMatchStatement": {
            "FieldToMatch": {"JsonBody": {"MatchPattern": {"IncludedPaths": ["/a"]},
                                          "MatchScope": "ALL", "OversizeHandling": "CONTINUE"}},
            "TextTransformations": NONE, "SensitivityLevel": "HIGH"}},
    ),
    (
        {"xss": {"fieldToMatch": {"cookies": {"matchScope": "VALUE",
                                              "oversizeHandling": "NO_MATCH"}},
                 "textTransformations": ["URL_DECODE", "HTML_ENTITY_DECODE"]}},
        {"XssMatchStatement": {
            "FieldToMatch": {"Cookies": {"MatchPattern": {"All": {}}, "MatchScope": "VALUE",
                                         "OversizeHandling": "NO_MATCH"}},
            "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"},
                                    {"Priority": 1, "Type": "HTML_ENTITY_DECODE"}]}},
    ),
    (
        {"size": {"fieldToMatch": {"headers": {"matchScope": "KEY", "oversizeHandling": "MATCH",
                                               "excludedHeaders": ["a"]}},
                  "comparisonOperator": "GT", "size": 0}},
        {"SizeConstraintStatement": {
            "FieldToMatch": {"Headers": {"MatchPattern": {"ExcludedHeaders": ["a"]},
                                         "MatchScope": "KEY", "OversizeHandling": "MATCH"}},
            "ComparisonOperator": "GT", "Size": 0, "TextTransformations": NONE}},
    ),
    (
        {"byteMatch": {"fieldToMatch": {"ja3Fingerprint": {"fallbackBehavior": "MATCH"}},
                       "searchString": "00ff", "positionalConstraint": "EXACTLY"}},
        {"ByteMatchStatement": {
            "FieldToMatch": {"JA3Fingerprint": {"FallbackBehavior": "MATCH"}},
            "SearchString": b"00ff", "PositionalConstraint": "EXACTLY",
            "TextTransformations": NONE}},
    ),
    ({"geo": ["AT", "DE"]}, {"GeoMatchStatement": {"CountryCodes": ["AT", "DE"]}}),
    (
        {"geo": {"countries": ["DE"], "forwardedIp": {"headerName": "X-Forwarded-For",
                                                      "fallbackBehavior": "MATCH"}}},
        {"GeoMatchStatement": {"CountryCodes": ["DE"], "ForwardedIPConfig": FORWARDED}},
    ),
    ({"ipSet": SET.format("ipset")}, {"IPSetReferenceStatement": {"ARN": SET.format("ipset")}}),
    (
        {"ipSet": {"arn": SET.format("ipset"),
                   "forwardedIp": {"headerName": "X-Forwarded-For", "fallbackBehavior": "MATCH",
                                   "position": "ANY"}}},
        {"IPSetReferenceStatement": {"ARN": SET.format("ipset"),
                                     "IPSetForwardedIPConfig": {**FORWARDED, "Position": "ANY"}}},
    ),
    ({"asn": [64496]}, {"AsnMatchStatement": {"AsnList": [64496]}}),
    ({"label": "a:b"}, {"LabelMatchStatement": {"Key": "a:b", "Scope": "LABEL"}}),
    (
        {"label": {"key": "a:", "scope": "NAMESPACE"}},
        {"LabelMatchStatement": {"Key": "a:", "Scope": "NAMESPACE"}},
    ),
    (
        {"and": [{"label": "a"}, {"not": {"or": [{"geo": ["DE"]}, {"geo": ["AT"]}]}}]},
        {"AndStatement": {"Statements": [
            {"LabelMatchStatement": {"Key": "a", "Scope": "LABEL"}},
            {"NotStatement": {"Statement": {"OrStatement": {"Statements": [
                {"GeoMatchStatement": {"CountryCodes": ["DE"]}},
                {"GeoMatchStatement": {"CountryCodes": ["AT"]}}]}}}}]}},
    ),
    (
        {"rateLimit": {"limit": 10, "window": 60, "by": "CUSTOM_KEYS",
                       "keys": ["httpMethod", {"header": {"name": "x-team"}},
                                {"labelNamespace": "a:"}, "forwardedIp"],
                       "forwardedIp": {"headerName": "X-Forwarded-For",
                                       "fallbackBehavior": "MATCH"},
                       "scopeDown": {"geo": ["DE"]}}},
        {"RateBasedStatement": {
            "Limit": 10, "EvaluationWindowSec": 60, "AggregateKeyType": "CUSTOM_KEYS",
            "CustomKeys": [{"HTTPMethod": {}},
                           {"Header": {"Name": "x-team", "TextTransformations": NONE}},
                           {"LabelNamespace": {"Namespace": "a:"}}, {"ForwardedIP": {}}],
            "ForwardedIPConfig": FORWARDED,
            "ScopeDownStatement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}}}},
    ),
]  # fmt: skip
GROUPS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"ruleGroup": SET.format("rulegroup")},
        {"RuleGroupReferenceStatement": {"ARN": SET.format("rulegroup")}},
    ),
    (
        {"ruleGroup": {"arn": SET.format("rulegroup"), "count": ["A"]}},
        {"RuleGroupReferenceStatement": {
            "ARN": SET.format("rulegroup"),
            "RuleActionOverrides": [{"Name": "A", "ActionToUse": {"Count": {}}}]}},
    ),
    (
        {"managedGroup": {
            "name": "AWSManagedRulesBotControlRuleSet", "version": "Version_1.0",
            "count": ["B", "A"], "scopeDown": {"label": "a"},
            "overrides": {"C": "challenge", "D": {"type": "block", "customResponse": {
                "responseCode": 429, "responseHeaders": {"retry-after": "60"}}}},
            "config": {"AWSManagedRulesBotControlRuleSet": {"InspectionLevel": "COMMON"}}}},
        {"ManagedRuleGroupStatement": {
            "VendorName": "AWS", "Name": "AWSManagedRulesBotControlRuleSet",
            "Version": "Version_1.0",
            "ScopeDownStatement": {"LabelMatchStatement": {"Key": "a", "Scope": "LABEL"}},
            "ManagedRuleGroupConfigs": [
                {"AWSManagedRulesBotControlRuleSet": {"InspectionLevel": "COMMON"}}],
            "RuleActionOverrides": [
                {"Name": "A", "ActionToUse": {"Count": {}}},
                {"Name": "B", "ActionToUse": {"Count": {}}},
                {"Name": "C", "ActionToUse": {"Challenge": {}}},
                {"Name": "D", "ActionToUse": {"Block": {"CustomResponse": {
                    "ResponseCode": 429,
                    "ResponseHeaders": [{"Name": "retry-after", "Value": "60"}]}}}}]}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "aws"), STATEMENTS + GROUPS)
def test_each_statement_is_aws_s_and_its_echo_is_no_change(
    ours: dict[str, Any], aws: dict[str, Any]
) -> None:
    action = {} if (ours, aws) in GROUPS else {"action": "count"}
    doc = spec(baseline=False, rules={"r": {"priority": 1, **action, **ours}})
    assert rule_to_aws("r", doc["rules"]["r"])["Statement"] == printable(aws)
    aim = kit.target(HANDLER, "edge", doc)
    raw = {**wire(rule_to_aws("r", doc["rules"]["r"])), "Statement": copy.deepcopy(aws)}
    state = tampered(seen(aim), lambda acl: acl.update(Rules=[raw]))
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()


@pytest.mark.parametrize(("ours", "aws"), STATEMENTS)
def test_aws_s_own_json_means_the_same(ours: dict[str, Any], aws: dict[str, Any]) -> None:
    import base64

    as_json = json.loads(json.dumps(aws, default=lambda b: base64.b64encode(b).decode()))
    rules = [{"r": {"priority": 1, "action": "count", **way}} for way in (ours, {"raw": as_json})]
    assert spec(baseline=False, rules=rules[0]) == spec(baseline=False, rules=rules[1])


def test_what_we_have_no_words_for_is_kept_as_it_is() -> None:
    raw = {
        "Name": "new", "Priority": 1, "Action": {"Count": {}},
        "Statement": {"NotStatement": {"Statement": {"QuantumMatchStatement": {
            "SearchString": b"\xff", "Deep": [{"A": {}}]}}}},
        "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True,
                             "MetricName": "new"},
    }  # fmt: skip
    ours = rule_from_aws(raw)
    assert ours["not"]["raw"]["QuantumMatchStatement"]["SearchString"] == "/w=="
    assert set(rule_to_aws("new", ours)["Statement"]) == {"NotStatement"}
    spec(baseline=False, rules={"new": ours})


def test_plans_hold_no_bytes() -> None:
    doc = spec(rules={"r": {"priority": 1, "action": "count", **STATEMENTS[1][0]}})
    aim = kit.target(HANDLER, "edge", doc)
    for action in HANDLER.plan(aim, Absent(), ()):
        json.dumps(action.params)


GOOD = {"priority": 1, "action": "block", "geo": ["DE"]}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"rules": {"r": {"priority": 1, "action": "block"}}}, "exactly one statement"),
    ({"rules": {"r": {**GOOD, "label": "x"}}}, "exactly one statement"),
    ({"rules": {"r": {"action": "block", "geo": ["DE"]}}}, "needs a priority"),
    ({"rules": {"r": {"priority": 1, "geo": ["DE"]}}}, "needs an action"),
    ({"rules": {"r": {**GOOD, "override": "none"}}}, "override is for groups"),
    ({"rules": {"common": {"action": "block"}}}, "override, not action"),
    ({"rules": {"common": {"labels": ["x"]}}}, "can't add labels"),
    ({"rules": {"r": {**GOOD, "priority": 200}}}, "rules common and r share a priority"),
    ({"rules": {"r s": GOOD}}, "1-128 letters"),
    ({"rules": {"r": {**GOOD, "geo": ["Germany"]}}}, "country code"),
    ({"rules": {"r": {**GOOD, "geo": []}}}, "at least 1"),
    ({"rules": {"r": {**GOOD, "action": "drop"}}}, "Input should be"),
    ({"rules": {"r": {**GOOD, "labels": ["aws:x"]}}}, "may not contain"),
    ({"rules": {"r": {**GOOD, "metricName": "All"}}}, "neither All"),
    ({"rules": {"r": {"priority": 1, "action": "block", "rateLimit": {"limit": 9}}}}, "10"),
    (
        {"rules": {"r": {"priority": 1, "action": "block",
                         "rateLimit": {"limit": 10, "window": 90}}}},
        "60, 120, 300 or 600",
    ),
    (
        {"rules": {"r": {"priority": 1, "action": "block",
                         "rateLimit": {"limit": 10, "by": "CUSTOM_KEYS"}}}},
        "needs keys",
    ),
    (
        {"rules": {"r": {"priority": 1, "action": "block",
                         "rateLimit": {"limit": 10, "by": "CONSTANT"}}}},
        "needs scopeDown",
    ),
    (
        {"rules": {"r": {"priority": 1, "action": "block",
                         "rateLimit": {"limit": 10, "by": "FORWARDED_IP"}}}},
        "needs forwardedIp",
    ),
    ({"rules": {"r": {"priority": 1, "action": "block", "and": [{"geo": ["DE"]}]}}}, "at least 2"),
    (
        {"rules": {"r": {"priority": 1, "action": "block",
                         "not": {"raw": {"RateBasedStatement": {}}}}}},
        "can't be nested",
    ),
    (
        {"rules": {"r": {"priority": 1, "action": {"type": "block", "customResponse": {
            "responseCode": 403, "customResponseBodyKey": "gone"}}, "geo": ["DE"]}}},
        "no customResponseBodies named gone",
    ),
    (
        {"rules": {"common": {"managedGroup": {"config": {"Bogus": {}}}}}},
        "AWS knows no such ManagedRuleGroupConfigs",
    ),
    ({"scope": "CLOUDFRONT", "associations": []}, "has no associations"),
    (
        {"logging": {"destination": "arn:aws:logs:eu-central-1:123456789012:log-group:waf"}},
        "begins with aws-waf-logs-",
    ),
    ({"logging": {"destination": GROUP, "redactedFields": ["body"]}}, "WAF redacts only"),
    ({"description": "ab"}, "3-256"),
    ({"tokenDomains": ["a b"]}, "no domain"),
]  # fmt: skip


@pytest.mark.parametrize(("doc", "says"), BAD, ids=[says for _, says in BAD])
def test_what_aws_would_refuse_is_refused_at_load(doc: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        spec(**doc)


def test_the_baseline_comes_along_and_is_changed_by_name() -> None:
    assert sorted(spec()["rules"]) == ["common", "ip-reputation", "known-bad-inputs"]
    doc = spec(rules={"common": {"managedGroup": {"count": ["B", "A"]}}, "rate": RATE})
    assert doc["rules"]["common"]["priority"] == 200
    assert doc["rules"]["common"]["managedGroup"]["count"] == ["B", "A"]
    assert set(doc["rules"]) == {"common", "ip-reputation", "known-bad-inputs", "rate"}
    assert spec(**doc) == doc  # as resolved, once more
    assert spec(baseline=False)["rules"] == {}
    other = spec(rules={"common": {"priority": 5, "action": "count", "geo": ["DE"]}})
    assert "managedGroup" not in other["rules"]["common"]


def test_references_wait() -> None:
    doc = spec(
        rules={"r": {"priority": 1, "action": "block", "ipSet": "${ssm:/set}"}},
        associations=["${ssm:/alb}"],
        logging={"destination": "${LogGroup.waf.arn}"},
    )
    assert doc["rules"]["r"]["ipSet"] == "${ssm:/set}"


# --- plans ------------------------------------------------------------------------------------


def test_create_then_what_needs_its_arn() -> None:
    aim = kit.target(
        HANDLER, "edge",
        {"associations": [ALB.format("a")], "logging": {"destination": GROUP}},
    )  # fmt: skip
    create, associate, logging = kit.planned(HANDLER, aim, Absent())
    assert (create.operation, create.creates) == ("CreateWebACL", True)
    assert create.params["VisibilityConfig"]["MetricName"] == "edge"
    assert [r["Name"] for r in create.params["Rules"]] == [
        "ip-reputation", "common", "known-bad-inputs"
    ]  # fmt: skip
    assert {"Key": "plumbline:environment", "Value": "test"} in create.params["Tags"]
    assert associate.params == {"WebACLArn": "${self.arn}", "ResourceArn": ALB.format("a")}
    assert associate.after == logging.after == ("create",)
    redacted = logging.params["LoggingConfiguration"]["RedactedFields"]
    assert {"SingleHeader": {"Name": "authorization"}} in redacted


FULL = {
    "description": "The edge.",
    "defaultAction": {"type": "allow", "insertHeaders": {"seen": "1"}},
    "rules": {"rate": RATE, "common": {"managedGroup": {"count": ["SizeRestrictions_BODY"]}}},
    "customResponseBodies": {"slow": {"contentType": "TEXT_PLAIN", "content": "Slow down."}},
    "captchaImmunityTime": 600,
    "tokenDomains": ["example.org", "example.com"],
    "requestBody": {"API_GATEWAY": "KB_64", "CLOUDFRONT": "KB_16"},
    "dataProtection": [
        {"fieldType": "SINGLE_HEADER", "fieldKeys": ["authorization"], "action": "SUBSTITUTION"}
    ],
    "applicationAttributes": {"TrafficSource": ["api"]},
}


@pytest.fixture
def aim() -> Any:
    return kit.target(HANDLER, "edge", FULL)


def test_nothing_to_do(aim: Any) -> None:
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim))) == set()


ECHOES = {
    "131 order of rules": lambda acl: acl["Rules"].reverse(),
    "129 Shield's rule": lambda acl: acl["Rules"].append(SHIELD),
    "130 Firewall Manager's groups": lambda acl: acl.update(
        PreProcessFirewallManagerRuleGroups=[{"Name": "x"}], RetrofittedByFirewallManager=True
    ),
    "133 window": lambda acl: rule(acl, "rate")["Statement"]["RateBasedStatement"].pop(
        "EvaluationWindowSec"
    ),
    "142 version": lambda acl: rule(acl, "common")["Statement"]["ManagedRuleGroupStatement"].update(
        Version="Version_1.9"
    ),
    "146 capacity": lambda acl: acl.update(Capacity=1, LabelNamespace="x"),
    "165 empty": lambda acl: acl.pop("OnSourceDDoSProtectionConfig"),
    "token domains": lambda acl: acl["TokenDomains"].reverse(),
}


@pytest.mark.parametrize("case", ECHOES)
def test_echoes_are_no_change(aim: Any, case: str) -> None:
    state = tampered(seen(aim), ECHOES[case])
    assert kit.reported(kit.changes(HANDLER, aim, state)) == set()


DRIFT: dict[str, tuple[Any, dict[str, Any]]] = {
    "131 priority": (
        lambda acl: rule(acl, "rate").update(Priority=151),
        {"rules[rate].priority": (151, 150)},
    ),
    "129 only a name like Shield's": (
        lambda acl: acl["Rules"].append(
            {**SHIELD, "Statement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}},
             "Action": {"Allow": {}}}
        ),
        {f"rules[{SHIELD['Name']}]": ...},
    ),
    "133 window": (
        lambda acl: rule(acl, "rate")["Statement"]["RateBasedStatement"].update(
            EvaluationWindowSec=600
        ),
        {"rules[rate].rateLimit.window": (600, 300)},
    ),
    "135 search string": (
        lambda acl: rule(acl, "rate")["Statement"]["RateBasedStatement"]["ScopeDownStatement"][
            "ByteMatchStatement"
        ].update(SearchString=b"/v2/"),
        {"rules[rate].rateLimit.scopeDown.byteMatch.searchString": ("/v2/", "/v1/")},
    ),
    "137 group switched to count": (
        lambda acl: rule(acl, "common").update(OverrideAction={"Count": {}}),
        {"rules[common].override": ("count", "none")},
    ),
    "137 action": (
        lambda acl: rule(acl, "rate").update(Action={"Count": {}}),
        {"rules[rate].action": ("count", "block")},
    ),
    "144 rule of a group overridden": (
        lambda acl: rule(acl, "common")["Statement"]["ManagedRuleGroupStatement"][
            "RuleActionOverrides"
        ].append({"Name": "X", "ActionToUse": {"Allow": {}}}),
        {"rules[common].managedGroup.overrides[X]": ("allow", None)},
    ),
    "group narrowed down": (
        lambda acl: rule(acl, "common")["Statement"]["ManagedRuleGroupStatement"].update(
            ScopeDownStatement={"GeoMatchStatement": {"CountryCodes": ["DE"]}}
        ),
        {"rules[common].managedGroup.scopeDown": ({"geo": {"countries": ["DE"]}}, {})},
    ),
    "rule added": (
        lambda acl: acl["Rules"].append(
            {"Name": "hole", "Priority": 0, "Action": {"Allow": {}},
             "Statement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}},
             "VisibilityConfig": SHIELD["VisibilityConfig"]}
        ),
        {"rules[hole]": ...},
    ),
    "rule removed": (
        lambda acl: acl["Rules"].remove(rule(acl, "rate")),
        {"rules[rate]": ...},
    ),
    "another statement": (
        lambda acl: rule(acl, "rate").update(
            Statement={"GeoMatchStatement": {"CountryCodes": ["DE"]}}
        ),
        {"rules[rate].rateLimit": ...},
    ),
    "default action": (
        lambda acl: acl.update(DefaultAction={"Block": {}}),
        {"defaultAction": ("block", {"type": "allow", "insertHeaders": {"seen": "1"}})},
    ),
    "metrics": (
        lambda acl: acl["VisibilityConfig"].update(SampledRequestsEnabled=False),
        {"sampledRequestsEnabled": (False, True)},
    ),
    "metric name": (
        lambda acl: acl["VisibilityConfig"].update(MetricName="x"),
        {"metricName": ("x", "edge")},
    ),
    "description": (lambda acl: acl.update(Description="New."), {"description": ...}),
    "bodies": (
        lambda acl: acl["CustomResponseBodies"]["slow"].update(Content="No."),
        {"customResponseBodies[slow].content": ("No.", "Slow down.")},
    ),
    "captcha": (
        lambda acl: acl.pop("CaptchaConfig"), {"captchaImmunityTime": (None, 600)},
    ),
    "body limit": (
        lambda acl: acl.pop("AssociationConfig"), {"requestBody[API_GATEWAY]": (None, "KB_64")},
    ),
    "protection": (
        lambda acl: acl.pop("DataProtectionConfig"), {"dataProtection": ...},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DRIFT)
def test_drift_is_named_and_one_call_repairs_it_and_nothing_else(aim: Any, case: str) -> None:
    """The request is what AWS showed, but for what is named: nothing foreign is lost."""
    good = tampered(seen(aim), lambda acl: (_newer(acl), acl["Rules"].append(SHIELD)))
    tamper, expected = DRIFT[case]
    state = tampered(good, tamper)
    found = kit.differing(kit.changes(HANDLER, aim, state))
    assert set(found) == set(expected)
    assert all(expected[path] in (..., found[path]) for path in expected)
    assert set(found) == kit.reported(kit.changes(HANDLER, aim, state))
    (update,) = HANDLER.plan(aim, state, kit.changes(HANDLER, aim, state))
    assert update.operation == "UpdateWebACL"
    assert update.changes == tuple(found)
    assert update.volatile == {"LockToken": "t1"}
    shape = kit.service("wafv2").operation_model("UpdateWebACL").input_shape
    aside: list[Any] = []
    params = split({**update.params, **update.volatile}, shape, (), aside)
    assert not kit.request_problems(Action("wafv2", "UpdateWebACL", params))
    assert {path[-1] for path, _ in aside} >= {"Newer", "NewerOfACondition"} - (
        {"NewerOfACondition"} if case in ("another statement", "rule removed") else set()
    )
    sent = {**wire(update.params), "Tags": [], "Scope": "REGIONAL"}
    healed = tampered(good, lambda acl: acl.update(acl_of(Action("wafv2", "x", sent))))
    assert kit.reported(kit.changes(HANDLER, aim, healed)) == set()
    if "129" not in case:
        assert SHIELD in sent["Rules"]
    before = {r["Name"]: r for r in printable(state.doc["acl"]["Rules"])}
    touched = {path.split("[")[1].split("]")[0] for path in found if path.startswith("rules[")}
    for raw in update.params["Rules"]:
        if raw["Name"] not in touched:
            assert raw == before[raw["Name"]]


def _newer(acl: dict[str, Any]) -> None:
    """What our botocore has no name for."""
    acl["Newer"] = {"Since": 2031}
    acl["VisibilityConfig"]["Newer"] = True
    limit = rule(acl, "rate")["Statement"]["RateBasedStatement"]
    limit["ScopeDownStatement"]["ByteMatchStatement"]["NewerOfACondition"] = ["x"]


def test_an_ignored_change_beside_another_is_sent_as_aws_shows_it(aim: Any) -> None:
    def tamper(acl: Any) -> None:
        rule(acl, "rate").update(Priority=151, Action={"Count": {}})

    state = tampered(seen(aim), tamper)
    todo = [c for c in kit.changes(HANDLER, aim, state) if c.path == "rules[rate].action"]
    (update,) = HANDLER.plan(aim, state, todo)
    sent = rule(dict(update.params), "rate")
    assert (sent["Priority"], sent["Action"]) == (151, {"Block": {}})


def test_an_ignored_leaf_deep_inside_is_sent_as_aws_shows_it() -> None:
    match = {"searchString": "x", "positionalConstraint": "CONTAINS", "fieldToMatch": "uriPath"}
    wanted = {"priority": 1, "action": "block", "or": [{"geo": ["DE"]}, {"byteMatch": match}]}
    aim = kit.target(HANDLER, "edge", {"baseline": False, "rules": {"r": wanted}})

    def tamper(acl: Any) -> None:
        found = rule(acl, "r")["Statement"]["OrStatement"]["Statements"][1]["ByteMatchStatement"]
        found.update(SearchString=b"by hand", PositionalConstraint="EXACTLY")

    state = tampered(seen(aim), tamper)
    found = kit.changes(HANDLER, aim, state)
    sought, place = "rules[r].or[1].byteMatch.searchString", "positionalConstraint"
    assert sorted(c.path for c in found) == [sought.replace("searchString", place), sought]
    (update,) = HANDLER.plan(aim, state, [c for c in found if c.path != sought])
    sent = rule(dict(update.params), "r")["Statement"]["OrStatement"]["Statements"][1]
    assert sent["ByteMatchStatement"]["SearchString"] == "by hand"
    assert sent["ByteMatchStatement"]["PositionalConstraint"] == "CONTAINS"
    spec_text = "baseline: false, rules: {r: {priority: 1, action: block, geo: [DE]}}"
    ignore = f"lifecycle: {{ignore: [{{path: '{sought}', reason: theirs}}]}}\n"
    load(environment(resource("WebACL", "main", spec_text, ignore)).encode(), "x.yaml")


def test_a_pinned_version_survives_another_change(aim: Any) -> None:
    def tamper(acl: Any) -> None:
        common = rule(acl, "common")
        common["Statement"]["ManagedRuleGroupStatement"]["Version"] = "Version_1.9"
        common["OverrideAction"] = {"Count": {}}

    (update,) = kit.planned(HANDLER, aim, tampered(seen(aim), tamper))
    group = rule(dict(update.params), "common")["Statement"]["ManagedRuleGroupStatement"]
    assert group["Version"] == "Version_1.9"


def test_what_aws_shows_of_a_dollar_brace_stays_literal() -> None:
    rules = {"r": {"priority": 1, "action": "block",
                   "regexMatch": {"fieldToMatch": "body", "regexString": "$${jndi:"}}}  # fmt: skip
    aim = kit.target(HANDLER, "edge", {"rules": rules})
    state = tampered(
        seen(aim),
        lambda acl: (
            rule(acl, "r")["Statement"]["RegexMatchStatement"].update(RegexString="${jndi:"),
            acl.update(Description="changed by hand"),
        ),
    )
    assert kit.reported(kit.changes(HANDLER, aim, state)) == {"description"}
    aim = kit.target(HANDLER, "edge", {"rules": rules, "description": "as it was"})
    todo = kit.changes(HANDLER, aim, state)
    (update,) = HANDLER.plan(aim, state, todo)
    sent = rule(dict(update.params), "r")["Statement"]["RegexMatchStatement"]["RegexString"]
    assert sent == "$${jndi:"  # the engine makes it ${jndi: with the last step before the call


def test_associations_one_call_each_and_none_for_another_s() -> None:
    a, b, c = (ALB.format(x) for x in "abc")
    aim = kit.target(HANDLER, "edge", {"associations": [a, b]})
    state = seen(aim, resources=[c], elsewhere={b: ARN.replace("edge", "other")})
    actions = kit.planned(HANDLER, aim, state)
    assert [(x.operation, x.params["ResourceArn"], x.risk, x.note) for x in actions] == [
        ("AssociateWebACL", a, "safe", ""),
        ("DisassociateWebACL", c, "irreversible", "it is then unprotected"),
    ]
    blocked = seen(aim, resources=[a], elsewhere={b: ARN.replace("edge", "other")})
    assert kit.planned(HANDLER, aim, blocked) == []  # the engine says NoSafeAction
    assert kit.planned(HANDLER, aim, seen(aim, resources=[b, a])) == []
    undeclared = kit.target(HANDLER, "edge", {})
    found = kit.changes(HANDLER, undeclared, seen(undeclared, resources=[c]))
    assert [(x.path, x.cls) for x in found] == [("associations", "undeclared")]


def test_logging() -> None:
    aim = kit.target(HANDLER, "edge", {"logging": {"destination": GROUP}})
    (put,) = kit.planned(HANDLER, aim, seen(aim))
    config = put.params["LoggingConfiguration"]
    assert put.operation == "PutLoggingConfiguration"
    assert kit.planned(HANDLER, aim, seen(aim, logging=config)) == []
    config = {**config, "RedactedFields": config["RedactedFields"][::-1], "LogScope": "CUSTOMER"}
    assert kit.planned(HANDLER, aim, seen(aim, logging=config)) == []
    bare = {**config, "RedactedFields": config["RedactedFields"][:1]}
    (put,) = kit.planned(HANDLER, aim, seen(aim, logging=bare))
    assert put.changes == ("logging.redactedFields",)
    assert put.params["LoggingConfiguration"]["LogScope"] == "CUSTOMER"
    none = kit.target(HANDLER, "edge", {"logging": "none"})
    assert kit.planned(HANDLER, none, seen(none)) == []
    (gone,) = kit.planned(HANDLER, none, seen(none, logging=config))
    assert gone.operation == "DeleteLoggingConfiguration"
    filtered = kit.target(HANDLER, "edge", {"logging": {"destination": GROUP, "filter": {
        "defaultBehavior": "DROP", "filters": [{"behavior": "KEEP", "requirement": "MEETS_ANY",
        "conditions": [{"action": "BLOCK"}, {"label": "awswaf:x"}]}]}}})  # fmt: skip
    (put,) = kit.planned(HANDLER, filtered, seen(filtered))
    echo = put.params["LoggingConfiguration"]
    assert kit.planned(HANDLER, filtered, seen(filtered, logging=echo)) == []


def test_tags_by_their_own_calls() -> None:
    aim = kit.target(HANDLER, "edge", {"tags": {"team": "x"}})
    (tag,) = kit.planned(HANDLER, aim, seen(aim, tags={**aim.tags, "team": "y", "other": "z"}))
    assert tag.operation == "TagResource"
    assert tag.params["Tags"] == [{"Key": "team", "Value": "x"}]


def test_delete_lets_go_first() -> None:
    aim = kit.target(HANDLER, "edge", {})
    release, gone = HANDLER.delete(aim, seen(aim, resources=[ALB.format("a")]))
    assert (release.operation, gone.operation) == ("DisassociateWebACL", "DeleteWebACL")
    assert gone.after == (release.step,)
    assert gone.risk == "destructive"


class FakeAws:
    """Answers GetWebACLForResource with one holder, and records or refuses writes."""

    def __init__(self, holder: str = "", refuse: str = "") -> None:
        self.holder, self.refuse, self.sent = holder, refuse, []

    def read(self, service: str, operation: str, params: Any) -> Any:
        assert operation == "GetWebACLForResource"
        return {"WebACL": {"ARN": self.holder}} if self.holder else {}

    def write(self, service: str, operation: str, params: Any) -> Any:
        if self.refuse:
            raise AwsFailure("stale", self.refuse, "", operation)
        self.sent.append((operation, params))
        return {}


def test_a_lost_race_is_stale_never_a_blind_retry(aim: Any) -> None:
    state = tampered(seen(aim), lambda acl: acl.update(Description="New."))
    (update,) = kit.planned(HANDLER, aim, state)
    params = {**update.params, **update.volatile}
    with pytest.raises(Stale):
        HANDLER.apply(FakeAws(refuse="WAFOptimisticLockException"), aim, update, params)


@pytest.mark.parametrize("operation", ["AssociateWebACL", "DisassociateWebACL"])
def test_what_another_web_acl_holds_is_not_touched(operation: str) -> None:
    aim = kit.target(HANDLER, "edge", {"associations": [ALB.format("a")]})
    state = seen(aim, resources=[ALB.format("b")])
    action = next(a for a in kit.planned(HANDLER, aim, state) if a.operation == operation)
    params = {**action.params, **action.volatile}
    aws = FakeAws(holder=ARN.replace("edge", "other"))
    with pytest.raises(Stale):
        HANDLER.apply(aws, aim, action, params)
    assert aws.sent == []
    mine = FakeAws(holder=ARN if operation == "DisassociateWebACL" else "")
    HANDLER.apply(mine, aim, action, params)
    assert [op for op, _ in mine.sent] == [operation]
