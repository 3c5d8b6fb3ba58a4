"""What WAF rejects of web ACLs, their rules, associations, logging and tags.

All rows are judged on one world with web ACLs in it, put back after each.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import boto3
import pytest

from sandbox import perturb_edge
from sandbox.inprocess import session
from sandbox.pytest_plugin import new_world
from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, check, session_of
from tests.harness import shape

API = "https://docs.aws.amazon.com/waf/latest/APIReference/API_"
QUOTAS = "https://docs.aws.amazon.com/waf/latest/developerguide/limits.html"
Doc = dict[str, Any]
BAD, LIMIT = "WAFInvalidParameterException", "WAFLimitsExceededException"
VALIDATION, GONE = "ValidationException", "WAFNonexistentItemException"
NONE = [{"Priority": 0, "Type": "NONE"}]
COMMON = {"ManagedRuleGroupStatement": {"VendorName": "AWS",
                                        "Name": "AWSManagedRulesCommonRuleSet"}}  # fmt: skip
GEO: Doc = {"GeoMatchStatement": {"CountryCodes": ["DE"]}}
RATE: Doc = {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}
THERE, QUOTA = "what there is in AWS", "AWS raises the quota on request"


def seen(name: str) -> Doc:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


def rule(statement: Doc, name: str = "r", priority: int = 1, **more: Any) -> Doc:
    """A rule that blocks, or runs a group."""
    group = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"} & set(statement)
    act: Doc = {"OverrideAction": {"None": {}}} if group else {"Action": {"Block": {}}}
    if {"Action", "OverrideAction"} & set(more):
        act = {}
    return {"Name": name, "Priority": priority, "Statement": statement,
            "VisibilityConfig": seen(name), **act, **more}  # fmt: skip


def acl(*rules: Doc, **more: Any) -> Doc:
    """A CreateWebACL."""
    return {"Name": "new", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}},
            "VisibilityConfig": seen("new"), "Rules": list(rules), **more}  # fmt: skip


def byte(field: Doc, position: str = "EXACTLY", **more: Any) -> Doc:
    return {"ByteMatchStatement": {"SearchString": b"x", "FieldToMatch": field,
                                   "PositionalConstraint": position, "TextTransformations": NONE,
                                   **more}}  # fmt: skip


def loads(spec: str, says: str) -> tuple[str, str, str]:
    """A web ACL with this in its spec, and what is said of it."""
    return "WebACL", spec, says


def one(inner: str, says: str, act: str = "block") -> tuple[str, str, str]:
    """A web ACL with one rule with this in it."""
    return loads(f"rules: {{r: {{priority: 1, action: {act}, {inner}}}}}", says)


def create(
    why: str, request: Doc, code: str, load: tuple[str, str, str] | str, says: str = "",
    given: Any = None, source: str = API + "CreateWebACL.html",
) -> Refusal:  # fmt: skip
    """A CreateWebACL."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    return Refusal("wafv2:CreateWebACL", why, request, code, source, says, given, **told)


def of(
    call: str, why: str, request: Doc, code: str, load: tuple[str, str, str] | str, says: str = "",
    given: Any = None, source: str = "",
) -> Refusal:  # fmt: skip
    """Any other call."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    page = source or f"{API}{call}.html"
    return Refusal(f"wafv2:{call}", why, request, code, page, says, given, **told)


def block(**response: Any) -> Doc:
    return {"Action": {"Block": {"CustomResponse": {"ResponseCode": 403, **response}}}}


def header(name: str) -> Doc:
    return {"Name": name, "Value": "x"}


ATP = {"VendorName": "AWS", "Name": "AWSManagedRulesATPRuleSet"}
RESPONSES = {"StatusCode": {"SuccessCodes": [200], "FailureCodes": [401]}}
ATP_LOAD = "managedGroup: {name: AWSManagedRulesATPRuleSet"

CREATE = (
    # names and places
    create("a name with a blank", acl(Name="a b"), VALIDATION,
           loads("rules: {a b: {priority: 1, action: block, geo: [DE]}}", "1-128 letters")),
    create("a name that is taken", acl(Name="mine"), "WAFDuplicateItemException", THERE),
    create("a description of two characters", acl(Description="ab"), VALIDATION,
           loads("description: ab", "3-256")),
    create("a description that ends in a blank", acl(Description="abc "), VALIDATION,
           loads("description: 'abc '", "3-256")),
    create("an unknown scope", acl(Scope="GLOBAL"), VALIDATION,
           loads("scope: GLOBAL", "REGIONAL or CLOUDFRONT")),
    # actions
    create("two default actions", acl(DefaultAction={"Allow": {}, "Block": {}}), BAD,
           loads("defaultAction: both", "allow"), "DEFAULT_ACTION"),
    create("a rule without an action", acl({**rule(GEO), "Action": {}}), BAD,
           loads("rules: {r: {priority: 1, geo: [DE]}}", "needs an action"), "RULE_ACTION"),
    create("two actions", acl(rule(GEO, Action={"Allow": {}, "Block": {}})), BAD,
           one("geo: [DE]", "override is for groups", "block, override: none"), "RULE_ACTION"),
    create("a group with an action", acl(rule(COMMON, Action={"Block": {}})), BAD,
           loads("rules: {common: {action: block}}", "override, not action")),
    create("a condition with an override",
           acl(rule(GEO, OverrideAction={"None": {}})), BAD,
           loads("rules: {r: {priority: 1, override: none, geo: [DE]}}", "needs an action")),
    create("a body that is not defined", acl(rule(GEO, **block(CustomResponseBodyKey="gone"))), BAD,
           one("geo: [DE]", "no customResponseBodies named gone",
               "{type: block, customResponse: {responseCode: 403, customResponseBodyKey: gone}}")),
    create("a status that WAF does not send", acl(rule(GEO, **block(ResponseCode=299))), BAD,
           one("geo: [DE]", "found the status 299",
               "{type: block, customResponse: {responseCode: 299}}"), "CUSTOM_RESPONSE",
           source="https://docs.aws.amazon.com/waf/latest/developerguide/"
                  "customizing-the-response-status-codes.html"),
    create("a status that is none", acl(rule(GEO, **block(ResponseCode=99))), VALIDATION,
           one("geo: [DE]", "at least 200", "{type: block, customResponse: {responseCode: 99}}")),
    create("a content type in a header",
           acl(rule(GEO, **block(ResponseHeaders=[header("Content-Type")]))), BAD,
           one("geo: [DE]", "content-type is that", "{type: block, customResponse: "
               "{responseCode: 403, responseHeaders: {Content-Type: x}}}"),
           source=API + "CustomResponse.html"),
    create("a header given twice",
           acl(rule(GEO, **block(ResponseHeaders=[header("a"), header("a")]))), BAD,
           one("geo: [DE]", "twice", "{type: block, customResponse: "
               "{responseCode: 403, responseHeaders: {a: x, a: y}}}"),
           source=API + "CustomResponse.html"),
    create("a header with a blank in its name",
           acl(rule(GEO, **block(ResponseHeaders=[header("a b")]))), VALIDATION,
           one("geo: [DE]", "a header name", "{type: block, customResponse: "
               "{responseCode: 403, responseHeaders: {a b: x}}}")),
    create("a regional web ACL that monetizes",
           acl(rule(GEO, Action={"Monetize": {"PriceMultiplier": "2"}})), BAD,
           one("geo: [DE]", "only web ACLs of scope CLOUDFRONT monetize",
               "{type: monetize, priceMultiplier: '2'}"), source=API + "MonetizeAction.html"),
    create("a price that is no number",
           acl(rule(GEO, Action={"Monetize": {"PriceMultiplier": "1.5"}})), VALIDATION,
           one("geo: [DE]", "priceMultiplier", "{type: monetize, priceMultiplier: '1.5'}")),
    # rules as such
    create("two rules of one name", acl(rule(GEO), rule(GEO, priority=2)), BAD,
           loads("rules: {r: {priority: 1, action: block, geo: [DE]}, "
                 "r: {priority: 2, action: block, geo: [DE]}}", "twice"), "unique"),
    create("two rules of one priority", acl(rule(GEO), rule(GEO, "s")), BAD,
           loads("rules: {r: {priority: 1, action: block, geo: [DE]}, "
                 "s: {priority: 1, action: block, geo: [DE]}}", "share a priority"), "unique"),
    create("a priority below zero", acl(rule(GEO, priority=-1)), VALIDATION,
           loads("rules: {r: {priority: -1, action: block, geo: [DE]}}", "at least 0")),
    create("a metric called All", acl(rule(GEO, VisibilityConfig=seen("All"))), BAD,
           one("metricName: All, geo: [DE]", "neither All nor"), "METRIC_NAME"),
    create("a metric called Default_Action", acl(VisibilityConfig=seen("Default_Action")), BAD,
           loads("metricName: Default_Action", "neither All nor"), "METRIC_NAME"),
    create("a metric with a blank", acl(VisibilityConfig=seen("a b")), VALIDATION,
           loads("metricName: a b", "1-255 letters")),
    create("a label with a reserved word", acl(rule(GEO, RuleLabels=[{"Name": "aws:x"}])), BAD,
           one("labels: ['aws:x'], geo: [DE]", "may not contain")),
    create("a label of seven parts", acl(rule(GEO, RuleLabels=[{"Name": "a:b:c:d:e:f:g"}])), BAD,
           one("labels: ['a:b:c:d:e:f:g'], geo: [DE]", "at most 5 namespaces")),
    create("a label with a long part", acl(rule(GEO, RuleLabels=[{"Name": "x" * 129}])), BAD,
           one(f"labels: [{'x' * 129}], geo: [DE]", "128 characters")),
    create("a label with a blank", acl(rule(GEO, RuleLabels=[{"Name": "a b"}])), VALIDATION,
           one("labels: [a b], geo: [DE]", "1-1024 letters")),
    create("a group that labels", acl(rule(COMMON, RuleLabels=[{"Name": "x"}])), BAD,
           loads("rules: {common: {labels: [x]}}", "can't add labels")),
    create("a CAPTCHA good for longer than three days",
           acl(CaptchaConfig={"ImmunityTimeProperty": {"ImmunityTime": 259201}}), VALIDATION,
           loads("captchaImmunityTime: 259201", "at most 259200")),
    # statements
    create("an empty statement", acl({**rule(GEO), "Statement": {}}), BAD,
           loads("rules: {r: {priority: 1, action: block}}", "exactly one statement"), "STATEMENT"),
    create("two statements in one", acl(rule({**GEO, **RATE})), BAD,
           one("geo: [DE], rateLimit: {limit: 100}", "exactly one statement"), "STATEMENT"),
    create("And of one", acl(rule({"AndStatement": {"Statements": [GEO]}})), BAD,
           one("and: [{geo: [DE]}]", "at least 2"), "AND_STATEMENT"),
    create("Or of one", acl(rule({"OrStatement": {"Statements": [GEO]}})), BAD,
           one("or: [{geo: [DE]}]", "at least 2"), "OR_STATEMENT"),
    create("Not of nothing", acl(rule({"NotStatement": {"Statement": {}}})), BAD,
           one("not: {}", "exactly one statement"), "STATEMENT"),
    create("a nested rate limit", acl(rule({"NotStatement": {"Statement": RATE}})), BAD,
           one("not: {rateLimit: {limit: 100}}", "rateLimit"), "nest"),
    create("a nested managed group", acl(rule({"NotStatement": {"Statement": COMMON}})), BAD,
           one("not: {managedGroup: {name: x}}", "managedGroup"), "nest"),
    create("a rate limit narrowed down by a rate limit",
           acl(rule({"RateBasedStatement": {**RATE["RateBasedStatement"],
                                            "ScopeDownStatement": RATE}})), BAD,
           one("rateLimit: {limit: 100, scopeDown: {rateLimit: {limit: 100}}}", "rateLimit")),
    create("two parts of the request", acl(rule(byte({"Method": {}, "UriPath": {}}))), BAD,
           one("byteMatch: {fieldToMatch: {singleHeader: a, singleQueryArgument: b}, "
               "searchString: x, positionalConstraint: EXACTLY}", "exactly one part"),
           "FIELD_TO_MATCH"),
    create("no part of the request", acl(rule(byte({}))), BAD,
           one("byteMatch: {fieldToMatch: {}, searchString: x, positionalConstraint: EXACTLY}",
               "exactly one part"), "FIELD_TO_MATCH"),
    create("a constraint that there is not", acl(rule(byte({"Method": {}}, "SOMEWHERE"))),
           VALIDATION, one("byteMatch: {fieldToMatch: method, searchString: x, "
                           "positionalConstraint: SOMEWHERE}", "positionalConstraint")),
    create("a text longer than 200 bytes",
           acl(rule(byte({"Method": {}}, SearchString=b"x" * 201))), LIMIT,
           one(f"byteMatch: {{fieldToMatch: method, searchString: {'x' * 201}, "
               "positionalConstraint: EXACTLY}", "1-200 bytes"), source=QUOTAS),
    create("a transformation that there is not",
           acl(rule(byte({"Method": {}}, TextTransformations=[{"Priority": 0, "Type": "ROT13"}]))),
           VALIDATION, one("byteMatch: {fieldToMatch: method, searchString: x, textTransformations:"
                           " [ROT13], positionalConstraint: EXACTLY}", "textTransformations")),
    create("two transformations of one priority",
           acl(rule(byte({"Method": {}}, TextTransformations=[
               {"Priority": 0, "Type": "LOWERCASE"}, {"Priority": 0, "Type": "TRIM"}]))), BAD,
           "in a file their order is that of the list", "TEXT_TRANSFORMATION",
           source=API + "TextTransformation.html"),
    create("eleven transformations",
           acl(rule(byte({"Method": {}}, TextTransformations=[
               {"Priority": n, "Type": "LOWERCASE"} for n in range(11)]))), LIMIT,
           one(f"byteMatch: {{fieldToMatch: method, searchString: x, textTransformations: "
               f"[{', '.join(['TRIM'] * 11)}], positionalConstraint: EXACTLY}}", "at most 10"),
           source=QUOTAS),
    create("a query string parsed that is inspected whole",
           acl(rule(byte({"QueryString": {}}, PreParseTextTransformations=[
               {"Priority": 0, "Type": "URL_DECODE"}]))), BAD,
           one("byteMatch: {fieldToMatch: queryString, searchString: x, positionalConstraint: "
               "EXACTLY, preParseTextTransformations: [URL_DECODE]}", "are for"),
           source=API + "PreParseTextTransformation.html"),
    create("a fingerprint found somewhere",
           acl(rule(byte({"JA3Fingerprint": {"FallbackBehavior": "MATCH"}}, "CONTAINS"))), BAD,
           one("byteMatch: {fieldToMatch: {ja3Fingerprint: {fallbackBehavior: MATCH}}, "
               "searchString: x, positionalConstraint: CONTAINS}", "EXACTLY"),
           source=API + "FieldToMatch.html"),
    create("a body without a word on longer ones", acl(rule(byte({"Body": {}}))),
           "WAFConfigurationWarningException", "the default is sent, CONTINUE"),
    create("headers taken in and left out",
           acl(rule(byte({"Headers": {"MatchScope": "ALL", "OversizeHandling": "CONTINUE",
                                      "MatchPattern": {"IncludedHeaders": ["a"],
                                                       "ExcludedHeaders": ["b"]}}}))), BAD,
           one("byteMatch: {fieldToMatch: {headers: {matchScope: ALL, oversizeHandling: CONTINUE, "
               "includedHeaders: [a], excludedHeaders: [b]}}, searchString: x, "
               "positionalConstraint: EXACTLY}", "not both"), "HEADER_MATCH_PATTERN"),
    create("a JSON pattern of nothing",
           acl(rule(byte({"JsonBody": {"MatchScope": "ALL", "OversizeHandling": "CONTINUE",
                                       "MatchPattern": {}}}))), BAD,
           "without paths, all of the body is meant", "JSON_MATCH_PATTERN"),
    create("a JSON pointer that is none",
           acl(rule(byte({"JsonBody": {"MatchScope": "ALL", "OversizeHandling": "CONTINUE",
                                       "MatchPattern": {"IncludedPaths": ["a"]}}}))), VALIDATION,
           one("byteMatch: {fieldToMatch: {jsonBody: {matchScope: ALL, includedPaths: [a]}}, "
               "searchString: x, positionalConstraint: EXACTLY}", "JSON pointer")),
    create("an empty expression",
           acl(rule({"RegexMatchStatement": {"RegexString": "x" * 513, "FieldToMatch": {
               "Method": {}}, "TextTransformations": NONE}})), VALIDATION,
           one(f"regexMatch: {{fieldToMatch: method, regexString: {'x' * 513}}}", "at most 512")),
    create("a size below zero",
           acl(rule({"SizeConstraintStatement": {
               "Size": -1, "ComparisonOperator": "GT", "FieldToMatch": {"Method": {}},
               "TextTransformations": NONE}})), VALIDATION,
           one("size: {fieldToMatch: method, size: -1, comparisonOperator: GT}", "at least 0")),
    create("a country that there is not",
           acl(rule({"GeoMatchStatement": {"CountryCodes": ["Germany"]}})), VALIDATION,
           one("geo: [Germany]", "country code")),
    create("a forwarded address without a header",
           acl(rule({"GeoMatchStatement": {"CountryCodes": ["DE"], "ForwardedIPConfig": {
               "HeaderName": "a b", "FallbackBehavior": "MATCH"}}})), VALIDATION,
           one("geo: {countries: [DE], forwardedIp: {headerName: a b, fallbackBehavior: MATCH}}",
               "1-255 letters")),
    create("a label to look for that is none",
           acl(rule({"LabelMatchStatement": {"Scope": "LABEL", "Key": "a b"}})), VALIDATION,
           one("label: a b", "1-1024 letters")),
    # rate limits
    create("fewer than ten requests", acl(rule({"RateBasedStatement": {
               "Limit": 9, "AggregateKeyType": "IP"}})), VALIDATION,
           one("rateLimit: {limit: 9}", "at least 10")),
    create("a window of 90 seconds", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "IP", "EvaluationWindowSec": 90}})), BAD,
           one("rateLimit: {limit: 100, window: 90}", "60, 120, 300 or 600")),
    create("custom keys without any", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "CUSTOM_KEYS"}})), BAD,
           one("rateLimit: {limit: 100, by: CUSTOM_KEYS}", "needs keys"), "CUSTOM_KEYS"),
    create("custom keys beside the address", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "IP", "CustomKeys": [{"HTTPMethod": {}}]}})), BAD,
           one("rateLimit: {limit: 100, keys: [httpMethod]}", "needs keys"), "CUSTOM_KEYS"),
    create("the address as only custom key", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": [{"IP": {}}]}})), BAD,
           one("rateLimit: {limit: 100, by: CUSTOM_KEYS, keys: [ip]}", "address alone"),
           source=API + "RateBasedStatement.html"),
    create("six custom keys", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "CUSTOM_KEYS",
               "CustomKeys": [{"Header": {"Name": f"h{n}", "TextTransformations": NONE}}
                              for n in range(6)]}})), VALIDATION,
           one("rateLimit: {limit: 100, by: CUSTOM_KEYS, keys: [ip, httpMethod, asn, "
               "{header: {name: a}}, {header: {name: b}}, {header: {name: c}}]}", "at most 5")),
    create("a forwarded address without its configuration", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "FORWARDED_IP"}})), BAD,
           one("rateLimit: {limit: 100, by: FORWARDED_IP}", "needs forwardedIp"),
           "FORWARDED_IP_CONFIG"),
    create("a forwarded key without its configuration", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "CUSTOM_KEYS",
               "CustomKeys": [{"ForwardedIP": {}}, {"HTTPMethod": {}}]}})), BAD,
           one("rateLimit: {limit: 100, by: CUSTOM_KEYS, keys: [forwardedIp, httpMethod]}",
               "needs forwardedIp"), "FORWARDED_IP_CONFIG"),
    create("all requests, not narrowed down", acl(rule({"RateBasedStatement": {
               "Limit": 100, "AggregateKeyType": "CONSTANT"}})), BAD,
           one("rateLimit: {limit: 100, by: CONSTANT}", "needs scopeDown"), "SCOPE_DOWN"),
    create("eleven rate limits",
           acl(*(rule(RATE, f"r{n}", n) for n in range(11))), LIMIT,
           loads("rules: {" + ", ".join(
               f"r{n}: {{priority: {n}, action: block, rateLimit: {{limit: 100}}}}"
               for n in range(11)) + "}", "11 rules are rate limits"), source=QUOTAS),
    # groups and sets
    create("a managed group that there is not", acl(rule({"ManagedRuleGroupStatement": {
               "VendorName": "AWS", "Name": "AWSManagedRulesNoSuch"}})), GONE, THERE),
    create("a vendor one has no subscription to", acl(rule({"ManagedRuleGroupStatement": {
               "VendorName": "Fortinet", "Name": "x"}})), "WAFSubscriptionNotFoundException",
           THERE),
    create("a version that there is not", acl(rule({"ManagedRuleGroupStatement": {
               **COMMON["ManagedRuleGroupStatement"], "Version": "Version_99.0"}})), GONE, THERE),
    create("a version that expired", acl(rule({"ManagedRuleGroupStatement": {
               **COMMON["ManagedRuleGroupStatement"], "Version": "Version_1.0"}})),
           "WAFExpiredManagedRuleGroupVersionException", THERE,
           given=lambda aws, world: perturb_edge.expire_version(
               world, "AWSManagedRulesCommonRuleSet", "Version_1.0") or {}),
    create("a login group without its login page",
           acl(rule({"ManagedRuleGroupStatement": ATP})), BAD,
           loads(f"rules: {{r: {{priority: 1, {ATP_LOAD}}}}}}}", "needs config"),
           "MANAGED_RULE_GROUP_CONFIG", source=API + "ManagedRuleGroupConfig.html"),
    create("a regional web ACL that inspects responses",
           acl(rule({"ManagedRuleGroupStatement": {**ATP, "ManagedRuleGroupConfigs": [
               {ATP["Name"]: {"LoginPath": "/in", "ResponseInspection": RESPONSES}}]}})), BAD,
           loads(f"rules: {{r: {{priority: 1, {ATP_LOAD}, config: {{{ATP['Name']}: {{LoginPath: "
                 "/in, ResponseInspection: {StatusCode: {SuccessCodes: [200], FailureCodes: [401]}}"
                 "}}}}}", "is for scope CLOUDFRONT"), source=API + "ResponseInspection.html"),
    create("a configuration that there is not",
           acl(rule({"ManagedRuleGroupStatement": {**ATP, "ManagedRuleGroupConfigs": [
               {"LoginPath": "/in", "PayloadType": "JSON"}]}})), BAD,
           loads("rules: {common: {managedGroup: {config: {Bogus: {}}}}}", "AWS knows no such"),
           "MANAGED_RULE_GROUP_CONFIG"),
    create("a rule overridden twice", acl(rule({"ManagedRuleGroupStatement": {
               **COMMON["ManagedRuleGroupStatement"], "RuleActionOverrides": [
                   {"Name": "NoUserAgent_HEADER", "ActionToUse": {"Count": {}}}] * 2}})), BAD,
           loads("rules: {common: {managedGroup: {overrides: {x: allow, x: block}}}}", "twice")),
    create("an override with two actions", acl(rule({"ManagedRuleGroupStatement": {
               **COMMON["ManagedRuleGroupStatement"], "RuleActionOverrides": [
                   {"Name": "NoUserAgent_HEADER",
                    "ActionToUse": {"Count": {}, "Allow": {}}}]}})), BAD,
           loads("rules: {common: {managedGroup: {overrides: {x: both}}}}", "allow"),
           "RULE_ACTION"),
    create("an IP set that there is not", acl(), GONE, THERE,
           given=lambda aws, world: {"Rules": [rule({"IPSetReferenceStatement": {
               "ARN": arns(aws)["set"].replace("/set/", "/other/")}})]}),
    create("an IP set of another scope", acl(), BAD, THERE, "A reference in your rule statement",
           given=lambda aws, world: {"Rules": [rule({"IPSetReferenceStatement": {
               "ARN": arns(aws)["edge-set"]}})]}),
    create("a rule group that there is not", acl(rule({"RuleGroupReferenceStatement": {
               "ARN": "arn:aws:wafv2:us-east-1:123456789012:regional/rulegroup/x/1"}})), GONE,
           THERE),
    create("an ARN that is none", acl(rule({"IPSetReferenceStatement": {"ARN": "x" * 19}})),
           VALIDATION, one("ipSet: set", "an ARN")),
    # settings
    create("a kind of resource with a body that there is not",
           acl(AssociationConfig={"RequestBody": {"NONSENSE": {
               "DefaultSizeInspectionLimit": "KB_16"}}}), VALIDATION,
           loads("requestBody: {NONSENSE: KB_16}", "NONSENSE")),
    create("a limit of bodies that there is not",
           acl(AssociationConfig={"RequestBody": {"API_GATEWAY": {
               "DefaultSizeInspectionLimit": "KB_128"}}}), VALIDATION,
           loads("requestBody: {API_GATEWAY: KB_128}", "KB_128")),
    create("a header to protect without its name",
           acl(DataProtectionConfig={"DataProtections": [
               {"Field": {"FieldType": "SINGLE_HEADER"}, "Action": "HASH"}]}), BAD,
           loads("dataProtection: [{fieldType: SINGLE_HEADER, action: HASH}]", "needs fieldKeys"),
           "DATA_PROTECTION_CONFIG", source=API + "FieldToProtect.html"),
    create("a name of the body to protect",
           acl(DataProtectionConfig={"DataProtections": [
               {"Field": {"FieldType": "BODY", "FieldKeys": ["x"]}, "Action": "HASH"}]}), BAD,
           loads("dataProtection: [{fieldType: BODY, fieldKeys: [x], action: HASH}]",
                 "nothing else has them"), source=API + "FieldToProtect.html"),
    create("the challenge's script of a regional web ACL",
           acl(AssociationConfig={"ChallengeJavascriptSdkInjection": {"CLOUDFRONT": {}}}), BAD,
           loads("challengeSdkInjection: [CLOUDFRONT]", "is for scope CLOUDFRONT"),
           source=API + "AssociationConfig.html"),
    create("the challenge's script without a group that reads tokens",
           acl(Scope="CLOUDFRONT", AssociationConfig={"ChallengeJavascriptSdkInjection": {
               "CLOUDFRONT": {}}}), BAD,
           loads("scope: CLOUDFRONT, challengeSdkInjection: [CLOUDFRONT]", "needs ATP, ACFP"),
           source=API + "AssociationConfig.html"),
    create("a mode that there is not",
           acl(OnSourceDDoSProtectionConfig={"ALBLowReputationMode": "OFF"}), VALIDATION,
           loads("albLowReputationMode: 'OFF'", "ACTIVE_UNDER_DDOS or ALWAYS_ON")),
    create("a text that is too long", acl(CustomResponseBodies={"x": {
               "ContentType": "TEXT_PLAIN", "Content": "x" * 10241}}), VALIDATION,
           loads("customResponseBodies: {x: {contentType: TEXT_PLAIN, content: "
                 f"{'x' * 10241}}}}}", "at most 10240")),
    create("a kind of text that there is not", acl(CustomResponseBodies={"x": {
               "ContentType": "TEXT_XML", "Content": "x"}}), VALIDATION,
           loads("customResponseBodies: {x: {contentType: TEXT_XML, content: x}}", "TEXT_XML")),
    create("a domain with a blank", acl(TokenDomains=["a b"]), VALIDATION,
           loads("tokenDomains: [a b]", "no domain")),
    create("a tag of AWS's", acl(Tags=[{"Key": "aws:x", "Value": "y"}]), "WAFTagOperationException",
           loads("tags: {'aws:x': y}", "aws:")),
    create("a tag given twice", acl(Tags=[{"Key": "x", "Value": "y"}] * 2),
           "WAFTagOperationException", loads("tags: {x: y, x: z}", "twice")),
)  # fmt: skip


def texts(count: int, size: int) -> Doc:
    return {f"b{n}": {"ContentType": "TEXT_PLAIN", "Content": "x" * size} for n in range(count)}


def headers(count: int) -> list[Doc]:
    return [header(f"h{n}") for n in range(count)]


def full_up(aws: boto3.Session, world: World) -> Mapping[str, Any]:
    """As many web ACLs as an account may have."""
    acls = world.store("wafv2")["acls"]
    (record,) = (r for r in acls.values() if r["entity"]["Name"] == "free")
    for n in range(100):
        arn = f"{record['entity']['ARN']}{n}"
        acls[arn] = {**record, "entity": {**record["entity"], "Name": f"n{n}", "ARN": arn}}
    return {}


HEAVY = [
    rule({"XssMatchStatement": {"FieldToMatch": {"SingleHeader": {"Name": f"h{n}"}},
                                "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}]}},
         f"r{n}", n)
    for n in range(101)
]  # fmt: skip
QUOTA_ROWS = (
    create("more web ACLs than the account may have", acl(), LIMIT, QUOTA, given=full_up,
           source=QUOTAS),
    create("more capacity than there is", acl(*HEAVY), LIMIT,
           "AWS counts it; the plan of a change asks it (CheckCapacity)", source=QUOTAS),
    create("51 references", acl(*(rule({"NotStatement": {"Statement": {"IPSetReferenceStatement": {
               "ARN": "arn:aws:wafv2:us-east-1:123456789012:regional/ipset/x/1"}}}}, f"r{n}", n)
               for n in range(51))), LIMIT,
           loads("rules: {" + ", ".join(
               f"r{n}: {{priority: {n}, action: block, ipSet: 'arn:aws:wafv2:us-east-1:"
               f"123456789012:regional/ipset/x/1'}}" for n in range(51)) + "}", "51 references"),
           source=QUOTAS),
    create("more texts than there may be", acl(CustomResponseBodies=texts(51, 1)), LIMIT, QUOTA,
           source=QUOTAS),
    create("longer texts than there may be", acl(CustomResponseBodies=texts(6, 10_000)), LIMIT,
           loads("customResponseBodies: {" + ", ".join(
               f"b{n}: {{contentType: TEXT_PLAIN, content: {'x' * 10_000}}}" for n in range(6))
               + "}", "60000 bytes"), source=QUOTAS),
    create("eleven headers in a response", acl(rule(GEO, **block(ResponseHeaders=headers(11)))),
           LIMIT, one("geo: [DE]", "at most 10", "{type: block, customResponse: {responseCode: "
                      "403, responseHeaders: {" + ", ".join(f"h{n}: x" for n in range(11)) + "}}}"),
           source=QUOTAS),
    create("more headers than there may be",
           acl(*(rule(GEO, f"r{n}", n, Action={"Count": {"CustomRequestHandling": {
               "InsertHeaders": headers(10)}}}) for n in range(11))), LIMIT, QUOTA, source=QUOTAS),
    create("eleven token domains", acl(TokenDomains=[f"d{n}.example" for n in range(11)]), LIMIT,
           QUOTA, source=QUOTAS),
)  # fmt: skip


def arns(aws: boto3.Session) -> dict[str, str]:
    """What there is, by name."""
    waf, elb = aws.client("wafv2"), aws.client("elbv2")
    found = {
        each["Name"]: each["ARN"]
        for scope in ("REGIONAL", "CLOUDFRONT")
        for each in (*waf.list_web_acls(Scope=scope)["WebACLs"],
                     *waf.list_ip_sets(Scope=scope)["IPSets"])
    }  # fmt: skip
    found["lb"] = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    return found


def keys(aws: boto3.Session, name: str, scope: str = "REGIONAL") -> Doc:
    """How a web ACL is named in a call, with its token."""
    listed = aws.client("wafv2").list_web_acls(Scope=scope)["WebACLs"]
    (found,) = (a for a in listed if a["Name"] == name)
    return {"Name": name, "Id": found["Id"], "Scope": scope, "LockToken": found["LockToken"]}


def update(name: str, **more: Any) -> Any:
    """An UpdateWebACL of one that is there."""
    return lambda aws, world: {**keys(aws, name), "DefaultAction": {"Allow": {}},
                               "VisibilityConfig": seen("x"), **more}  # fmt: skip


def log(**more: Any) -> Any:
    def made(aws: boto3.Session, world: World) -> Mapping[str, Any]:
        return {"LoggingConfiguration": {
            "ResourceArn": arns(aws)["free"],
            "LogDestinationConfigs": [group(world, "aws-waf-logs-x")], **more,
        }}  # fmt: skip

    return made


def group(world: World, name: str) -> str:
    return f"arn:aws:logs:us-east-1:{world.account}:log-group:{name}"


def to(destination: str) -> str:
    return f"logging: {{destination: '{destination}'}}"


def firewall_manager(aws: boto3.Session, world: World) -> Mapping[str, Any]:
    for record in world.store("wafv2")["acls"].values():
        if record["entity"]["Name"] == "free":
            record["entity"]["ManagedByFirewallManager"] = True
    return keys(aws, "free")


STALE = "00000000-0000-4000-8000-000000000000"
LB = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/{}/x/0123456789abcdef"
GOOD = "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-x"
OTHERS = (
    of("UpdateWebACL", "a stale token", {}, "WAFOptimisticLockException", THERE,
       given=update("free", LockToken=STALE)),
    of("UpdateWebACL", "one that there is not", {}, GONE, THERE,
       given=update("free", Id=STALE)),
    of("UpdateWebACL", "one of another scope", {}, GONE, THERE,
       given=update("free", Scope="CLOUDFRONT")),
    of("UpdateWebACL", "And of one", {}, BAD, one("and: [{geo: [DE]}]", "at least 2"),
       given=update("free", Rules=[rule({"AndStatement": {"Statements": [GEO]}})])),
    of("UpdateWebACL", "more capacity than there is", {}, LIMIT,
       "AWS counts it; the plan of a change asks it (CheckCapacity)",
       given=update("free", Rules=HEAVY), source=QUOTAS),
    of("UpdateWebACL", "a version left in that expired", {},
       "WAFExpiredManagedRuleGroupVersionException", THERE,
       given=lambda aws, world: perturb_edge.expire_version(
           world, "AWSManagedRulesCommonRuleSet", "Version_1.0") or update(
           "mine", Rules=[rule({"ManagedRuleGroupStatement": {
               **COMMON["ManagedRuleGroupStatement"], "Version": "Version_1.0"}})])(aws, world),
       source="https://docs.aws.amazon.com/waf/latest/developerguide/"
              "waf-managed-rule-groups-versioning-lifecycle.html"),
    of("UpdateWebACL", "a metric called All", {}, BAD, loads("metricName: All", "neither All"),
       given=update("free", VisibilityConfig=seen("All"))),
    of("UpdateWebACL", "a body in use taken away", {}, BAD,
       one("geo: [DE]", "no customResponseBodies named gone",
           "{type: block, customResponse: {responseCode: 403, customResponseBodyKey: gone}}"),
       given=update("free", Rules=[rule(GEO, **block(CustomResponseBodyKey="gone"))])),
    of("DeleteWebACL", "one that protects something", {}, "WAFAssociatedItemException",
       "what it protects is let go first", given=lambda aws, world: keys(aws, "mine")),
    of("DeleteWebACL", "a stale token", {}, "WAFOptimisticLockException", THERE,
       given=lambda aws, world: {**keys(aws, "free"), "LockToken": STALE}),
    of("DeleteWebACL", "one that there is not", {}, GONE, THERE,
       given=lambda aws, world: {**keys(aws, "free"), "Id": STALE}),
    of("DeleteWebACL", "Firewall Manager's", {}, "WAFInvalidOperationException", THERE,
       given=firewall_manager),
    of("AssociateWebACL", "one of scope CLOUDFRONT", {}, BAD,
       loads(f"scope: CLOUDFRONT, associations: ['{LB.format('app')}']", "has no associations"),
       given=lambda aws, world: {"WebACLArn": arns(aws)["edge"], "ResourceArn": arns(aws)["lb"]}),
    of("AssociateWebACL", "a Network Load Balancer", {"ResourceArn": LB.format("net")}, BAD,
       loads(f"associations: ['{LB.format('net')}']", "can't protect"), "RESOURCE_ARN",
       given=lambda aws, world: {"WebACLArn": arns(aws)["free"]}),
    of("AssociateWebACL", "a bucket", {"ResourceArn": "arn:aws:s3:::a-bucket-of-mine"}, BAD,
       loads("associations: ['arn:aws:s3:::a-bucket-of-mine']", "can't protect"), "RESOURCE_ARN",
       given=lambda aws, world: {"WebACLArn": arns(aws)["free"]}),
    of("AssociateWebACL", "a load balancer that there is not",
       {"ResourceArn": LB.format("app")}, "WAFUnavailableEntityException", THERE,
       given=lambda aws, world: {"WebACLArn": arns(aws)["free"]}),
    of("AssociateWebACL", "a web ACL that there is not", {}, GONE, THERE,
       given=lambda aws, world: {"WebACLArn": f"{arns(aws)['free']}0",
                                 "ResourceArn": arns(aws)["lb"]}),
    of("AssociateWebACL", "an ARN that is none", {"ResourceArn": "load-balancer-of-mine"}, BAD,
       loads("associations: [load-balancer-of-mine]", "an ARN"),
       given=lambda aws, world: {"WebACLArn": arns(aws)["free"]}),
    of("DisassociateWebACL", "a Network Load Balancer", {"ResourceArn": LB.format("net")}, BAD,
       loads(f"associations: ['{LB.format('net')}']", "can't protect"), "RESOURCE_ARN"),
    of("DisassociateWebACL", "a load balancer that there is not",
       {"ResourceArn": LB.format("app")}, GONE, THERE),
    of("PutLoggingConfiguration", "a log group of another name", {}, BAD,
       loads(to(GOOD.replace("aws-waf-logs-x", "mine")), "begins with aws-waf-logs-"),
       "LOG_DESTINATION", given=lambda aws, world: log(
           LogDestinationConfigs=[group(world, "mine-and-long-enough")])(aws, world)),
    of("PutLoggingConfiguration", "a bucket of another name", {}, BAD,
       loads(to("arn:aws:s3:::logs-of-mine"), "begins with aws-waf-logs-"), "LOG_DESTINATION",
       given=log(LogDestinationConfigs=["arn:aws:s3:::logs-of-mine"])),
    of("PutLoggingConfiguration", "a stream of another name", {}, BAD,
       loads(to("arn:aws:firehose:us-east-1:123456789012:deliverystream/mine"),
             "begins with aws-waf-logs-"), "LOG_DESTINATION",
       given=log(LogDestinationConfigs=[
           "arn:aws:firehose:us-east-1:123456789012:deliverystream/mine"])),
    of("PutLoggingConfiguration", "a queue", {}, BAD,
       loads(to("arn:aws:sqs:us-east-1:123456789012:aws-waf-logs-x"), "log group, bucket or"),
       "LOG_DESTINATION",
       given=log(LogDestinationConfigs=["arn:aws:sqs:us-east-1:123456789012:aws-waf-logs-x"])),
    of("PutLoggingConfiguration", "a log group that there is not", {}, GONE, THERE,
       given=lambda aws, world: log(
           LogDestinationConfigs=[group(world, "aws-waf-logs-none")])(aws, world)),
    of("PutLoggingConfiguration", "two destinations", {}, BAD,
       loads("logging: {destination: [a, b]}", "destination"), "LOG_DESTINATION",
       given=lambda aws, world: log(LogDestinationConfigs=[
           group(world, "aws-waf-logs-x"), "arn:aws:s3:::aws-waf-logs-y"])(aws, world)),
    of("PutLoggingConfiguration", "a web ACL that there is not", {}, GONE, THERE,
       given=log(ResourceArn="arn:aws:wafv2:us-east-1:123456789012:regional/webacl/x/1")),
    of("PutLoggingConfiguration", "a body redacted", {}, BAD,
       loads(f"logging: {{destination: '{GOOD}', redactedFields: [body]}}", "WAF redacts only"),
       "FIELD_TO_MATCH", given=log(RedactedFields=[{"Body": {}}]),
       source=API + "LoggingConfiguration.html"),
    of("PutLoggingConfiguration", "two fields redacted in one", {}, BAD,
       loads(f"logging: {{destination: '{GOOD}', redactedFields: "
             "[{singleHeader: a, singleQueryArgument: b}]}", "exactly one part"),
       given=log(RedactedFields=[{"Method": {}, "UriPath": {}}])),
    of("PutLoggingConfiguration", "a filter on nothing", {}, BAD,
       loads(f"logging: {{destination: '{GOOD}', filter: {{defaultBehavior: KEEP, filters: "
             "[{behavior: DROP, requirement: MEETS_ANY, conditions: [{}]}]}}", "needs action or"),
       "FILTER_CONDITION", given=log(LoggingFilter={"DefaultBehavior": "KEEP", "Filters": [
           {"Behavior": "DROP", "Requirement": "MEETS_ANY", "Conditions": [{}]}]})),
    of("PutLoggingConfiguration", "a filter on an action that there is not", {}, VALIDATION,
       loads(f"logging: {{destination: '{GOOD}', filter: {{defaultBehavior: KEEP, filters: "
             "[{behavior: DROP, requirement: MEETS_ANY, conditions: [{action: DENY}]}]}}", "ALLOW"),
       given=log(LoggingFilter={"DefaultBehavior": "KEEP", "Filters": [
           {"Behavior": "DROP", "Requirement": "MEETS_ANY",
            "Conditions": [{"ActionCondition": {"Action": "DENY"}}]}]})),
    of("DeleteLoggingConfiguration", "where there is none", {}, GONE, THERE,
       given=lambda aws, world: {"ResourceArn": arns(aws)["free"]}),
    of("TagResource", "what there is not", {"Tags": [{"Key": "a", "Value": "b"}]}, GONE, THERE,
       given=lambda aws, world: {"ResourceARN": f"{arns(aws)['free']}0"}),
    of("TagResource", "a tag of AWS's", {"Tags": [{"Key": "aws:x", "Value": "b"}]},
       "WAFTagOperationException", loads("tags: {'aws:x': y}", "aws:"),
       given=lambda aws, world: {"ResourceARN": arns(aws)["free"]}),
    of("TagResource", "more than fifty",
       {"Tags": [{"Key": f"k{n}", "Value": "b"} for n in range(51)]}, "WAFTagOperationException",
       loads("tags: {" + ", ".join(f"k{n}: x" for n in range(51)) + "}", "at most 40"),
       given=lambda aws, world: {"ResourceARN": arns(aws)["free"]}),
    of("TagResource", "a value that is too long", {"Tags": [{"Key": "a", "Value": "b" * 257}]},
       VALIDATION, loads(f"tags: {{a: {'b' * 257}}}", "at most 256"),
       given=lambda aws, world: {"ResourceARN": arns(aws)["free"]}),
    of("UntagResource", "what there is not", {"TagKeys": ["a"]}, GONE, THERE,
       given=lambda aws, world: {"ResourceARN": f"{arns(aws)['free']}0"}),
    of("UntagResource", "a tag of AWS's", {"TagKeys": ["aws:x"]}, "WAFTagOperationException",
       "Plumbline takes away its own tags only",
       given=lambda aws, world: {"ResourceARN": arns(aws)["free"]}),
)  # fmt: skip
REFUSALS = (*CREATE, *QUOTA_ROWS, *OTHERS)


@cache
def firewalls() -> tuple[World, Doc]:
    """A world with web ACLs in it, and its stores as they are then."""
    world = new_world(7, max_lag=timedelta(0))
    aws = session(world)
    waf, ec2 = aws.client("wafv2"), aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]
        for n, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]
    balancer = aws.client("elbv2").create_load_balancer(
        Name="lb", Subnets=[s["SubnetId"] for s in subnets]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    made = {
        name: waf.create_web_acl(**acl(Name=name, Scope=scope))["Summary"]["ARN"]
        for name, scope in (("mine", "REGIONAL"), ("free", "REGIONAL"), ("edge", "CLOUDFRONT"))
    }
    waf.associate_web_acl(WebACLArn=made["mine"], ResourceArn=balancer)
    for name, scope in (("set", "REGIONAL"), ("edge-set", "CLOUDFRONT")):
        waf.create_ip_set(Name=name, Scope=scope, IPAddressVersion="IPV4",
                          Addresses=["192.0.2.0/24"])  # fmt: skip
    aws.client("logs").create_log_group(logGroupName="aws-waf-logs-x")
    return world, copy.deepcopy(world._stores)


@pytest.fixture
def stage() -> Iterator[World]:
    """That world, put back."""
    world, stores = firewalls()
    world._stores = copy.deepcopy(stores)
    world._history.clear()
    yield world
    assert not world.unsimulated


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal, stage: World) -> None:
    if refusal.given is not None:
        more = refusal.given(session_of(stage), stage)
        refusal = replace(refusal, given=None, request={**refusal.request, **more})
    before = shape(stage)
    check(refusal, stage)
    assert shape(stage) == before, "a refused call changes nothing"


def test_every_write_of_this_kind_is_refused_something() -> None:
    from controller.kinds import handler_for

    assert set(handler_for("WebACL").writes) == {r.call for r in REFUSALS}
    assert len({str(r) for r in REFUSALS}) == len(REFUSALS)


def test_what_is_not_refused_is_taken(stage: World) -> None:
    """The base that the rows differ from is a good one."""
    session_of(stage).client("wafv2").create_web_acl(
        **acl(
            rule(GEO), rule(RATE, "s", 2), rule(COMMON, "t", 3), rule(byte({"Method": {}}), "u", 4)
        )
    )
    assert json.dumps(sorted(arns(session_of(stage)))).count("new") == 1
