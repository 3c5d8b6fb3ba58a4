"""WebACL: what AWS makes of each setting is no change; a real change beside it is named.

Written from AWS's API reference (defaults, "not case sensitive", "must be unique") and from what
others met on fresh deploys (cdk-real-drift #433, #440, #876). Each row: what is declared, what AWS
may show of it, and a change with the path that must name it.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import pytest

from controller.handler import Present
from tests.unit.kinds import kit
from tests.unit.kinds.test_web_acl import GROUP, HANDLER, seen

Doc = dict[str, Any]
NONE = [{"Priority": 0, "Type": "NONE"}]
BOTS, ATP, DDOS = (f"AWSManagedRules{name}RuleSet" for name in ("BotControl", "ATP", "AntiDDoS"))


class Row(NamedTuple):
    """declared: of the rule `r`, or of the spec if it has no rule. echo, other: members of AWS's
    statement (or web ACL, or logging) that take the place of those shown; None takes one away."""

    declared: Doc
    echo: Doc
    other: Doc
    path: str


def byte(field: Any, **more: Any) -> Doc:
    return {"action": "block", "byteMatch": {
        "fieldToMatch": field, "searchString": "x", "positionalConstraint": "EXACTLY", **more,
    }}  # fmt: skip


def field(**part: Any) -> Doc:
    return {"FieldToMatch": part}


def headers(*names: str) -> Doc:
    return field(Headers={"MatchPattern": {"IncludedHeaders": list(names)}, "MatchScope": "ALL",
                          "OversizeHandling": "MATCH"})  # fmt: skip


def paths(*names: str, **more: Any) -> Doc:
    pattern: Doc = {"IncludedPaths": list(names)} if names else {"All": {}}
    return field(JsonBody={"MatchPattern": pattern, "MatchScope": "ALL",
                           "OversizeHandling": "CONTINUE", **more})  # fmt: skip


def kinds(*types: str, start: int = 0, step: int = 1) -> Doc:
    numbered = [{"Priority": start + n * step, "Type": kind} for n, kind in enumerate(types)]
    return {"TextTransformations": numbered[::-1]}


def group(name: str, **more: Any) -> Doc:
    return {"managedGroup": {"name": name, **more}}


def overrides(**actions: str) -> Doc:
    return {"RuleActionOverrides": [{"Name": n, "ActionToUse": {a: {}}}
                                    for n, a in actions.items()]}  # fmt: skip


def config(**members: Any) -> Doc:
    return {"ManagedRuleGroupConfigs": [{name: value} for name, value in members.items()]}


def ddos(**more: Any) -> Doc:
    challenge = {"UsageOfAction": "ENABLED", "ExemptUriRegularExpressions": [{"RegexString": "x"}]}
    return {"ClientSideActionConfig": {"Challenge": challenge | more.pop("challenge", {})}, **more}


IN_STATEMENTS = {
    "a header's name in lower case": Row(
        byte({"singleHeader": "User-Agent"}), field(SingleHeader={"Name": "user-agent"}),
        field(SingleHeader={"Name": "referer"}), "byteMatch.fieldToMatch.singleHeader"),
    "an argument's name in lower case": Row(
        byte({"singleQueryArgument": "SessionId"}),
        field(SingleQueryArgument={"Name": "sessionid"}),
        field(SingleQueryArgument={"Name": "other"}),
        "byteMatch.fieldToMatch.singleQueryArgument"),
    "headers in another order": Row(
        byte({"headers": {"includedHeaders": ["b", "a"], "matchScope": "ALL",
                          "oversizeHandling": "MATCH"}}),
        headers("b", "a"), headers("a", "c"), "byteMatch.fieldToMatch.headers.includedHeaders"),
    "JSON pointers in another order": Row(
        byte({"jsonBody": {"includedPaths": ["/b", "/a"], "matchScope": "ALL"}}),
        paths("/b", "/a"), paths("/a"), "byteMatch.fieldToMatch.jsonBody.includedPaths"),
    "all of a JSON body": Row(
        byte({"jsonBody": {"matchScope": "ALL"}}), paths(),
        paths(MatchScope="KEY"), "byteMatch.fieldToMatch.jsonBody.matchScope"),
    "what a long body means, unsaid": Row(
        byte("body"), field(Body={}), field(Body={"OversizeHandling": "MATCH"}),
        "byteMatch.fieldToMatch.body.oversizeHandling"),
    "what a long body means, said": Row(
        byte({"body": {"oversizeHandling": "CONTINUE"}}),
        field(Body={"OversizeHandling": "CONTINUE"}),
        field(Body={"OversizeHandling": "NO_MATCH"}),
        "byteMatch.fieldToMatch.body.oversizeHandling"),
    "transformations with other numbers": Row(
        byte("uriPath", textTransformations=["LOWERCASE", "TRIM"]),
        kinds("LOWERCASE", "TRIM", start=5, step=7), kinds("TRIM", "LOWERCASE"),
        "byteMatch.textTransformations"),
    "no transformation": Row(
        byte("uriPath"), {"TextTransformations": [{"Priority": 9, "Type": "NONE"}]},
        kinds("LOWERCASE"), "byteMatch.textTransformations"),
    "transformations, the last of which does nothing": Row(
        byte("uriPath", textTransformations=["LOWERCASE", "NONE"]), kinds("LOWERCASE", "NONE"),
        kinds("LOWERCASE"), "byteMatch.textTransformations"),
    "countries in another order": Row(
        {"action": "block", "geo": ["FR", "DE"]}, {"CountryCodes": ["FR", "DE"]},
        {"CountryCodes": ["DE", "US"]}, "geo.countries"),
    "networks in another order": Row(
        {"action": "block", "asn": [9, 5]}, {"AsnList": [9, 5]}, {"AsnList": [5]}, "asn.asns"),
    "a low sensitivity, unsaid": Row(
        {"action": "block", "sqli": {"fieldToMatch": "uriPath"}}, {"SensitivityLevel": None},
        {"SensitivityLevel": "HIGH"}, "sqli.sensitivityLevel"),
    "a low sensitivity, said": Row(
        {"action": "block", "sqli": {"fieldToMatch": "uriPath"}}, {"SensitivityLevel": "LOW"},
        {"FieldToMatch": {"Method": {}}}, "sqli.fieldToMatch"),
    "the scope of a label": Row(
        {"action": "block", "label": "a:b"}, {"Scope": "LABEL"}, {"Scope": "NAMESPACE"},
        "label.scope"),
    "the window of a rate limit": Row(
        {"action": "block", "rateLimit": {"limit": 100}}, {"EvaluationWindowSec": None},
        {"EvaluationWindowSec": 60}, "rateLimit.window"),
    "overrides in another order": Row(
        group("AWSManagedRulesCommonRuleSet", count=["A"], overrides={"B": "allow", "C": "block"}),
        overrides(C="Block", A="Count", B="Allow"), overrides(A="Count", B="Allow", C="Allow"),
        "managedGroup.overrides[C]"),
    "rules that count, as they were said once": Row(
        group("AWSManagedRulesCommonRuleSet", count=["B", "A"]),
        {"RuleActionOverrides": None, "ExcludedRules": [{"Name": "A"}, {"Name": "B"}]},
        {"RuleActionOverrides": None, "ExcludedRules": [{"Name": "A"}]}, "managedGroup.count"),
    "a rule that counts no more": Row(
        group("AWSManagedRulesCommonRuleSet", count=["A", "B"], overrides={"C": "block"}),
        overrides(C="Block", B="Count", A="Count"), overrides(A="Count", B="Allow", C="Block"),
        "managedGroup.overrides[B]"),
    "a rule that only counts": Row(
        group("AWSManagedRulesCommonRuleSet", count=["A"], overrides={"B": "allow"}),
        overrides(B="Allow", A="Count"), overrides(A="Count", B="Count"),
        "managedGroup.overrides[B]"),
    "a group with nothing said": Row(
        group("AWSManagedRulesCommonRuleSet"),
        {"RuleActionOverrides": [], "ExcludedRules": [], "ManagedRuleGroupConfigs": []},
        {"VendorName": "Other"}, "managedGroup.vendor"),
    "a version that nobody asked for": Row(
        group("AWSManagedRulesCommonRuleSet"), {"Version": "Version_1.0"},
        {"Name": "AWSManagedRulesSQLiRuleSet"}, "managedGroup.name"),
    "machine learning": Row(
        group(BOTS, config={BOTS: {"InspectionLevel": "TARGETED"}}),
        config(**{BOTS: {"InspectionLevel": "TARGETED", "EnableMachineLearning": True}}),
        config(**{BOTS: {"InspectionLevel": "TARGETED", "EnableMachineLearning": False}}),
        f"managedGroup.config.{BOTS}.EnableMachineLearning"),
    "machine learning, said": Row(
        group(BOTS, config={BOTS: {"InspectionLevel": "TARGETED", "EnableMachineLearning": True}}),
        config(**{BOTS: {"InspectionLevel": "TARGETED"}}),
        config(**{BOTS: {"InspectionLevel": "COMMON"}}),
        f"managedGroup.config.{BOTS}.InspectionLevel"),
    "sensitivities": Row(
        group(DDOS, config={DDOS: ddos()}),
        config(**{DDOS: ddos(SensitivityToBlock="LOW", challenge={"Sensitivity": "HIGH"})}),
        config(**{DDOS: ddos(SensitivityToBlock="LOW", challenge={"Sensitivity": "MEDIUM"})}),
        f"managedGroup.config.{DDOS}.ClientSideActionConfig.Challenge.Sensitivity"),
    "paths that are no expressions": Row(
        group(ATP, config={ATP: {"LoginPath": "/in"}}),
        config(**{ATP: {"LoginPath": "/in", "EnableRegexInPath": False}}),
        config(**{ATP: {"LoginPath": "/in", "EnableRegexInPath": True}}),
        f"managedGroup.config.{ATP}.EnableRegexInPath"),
    "the parts of an old configuration": Row(
        group(ATP, config={"LoginPath": "/in", "PayloadType": "JSON"}),
        config(PayloadType="JSON", LoginPath="/in"), config(PayloadType="JSON", LoginPath="/x"),
        "managedGroup.config.LoginPath"),
}  # fmt: skip
IN_RULES = {
    "labels in another order": Row(
        {"action": "block", "geo": ["DE"], "labels": ["b", "a"]},
        {"RuleLabels": [{"Name": "b"}, {"Name": "a"}]}, {"RuleLabels": [{"Name": "a"}]}, "labels"),
    "no labels": Row(
        {"action": "block", "geo": ["DE"]}, {"RuleLabels": []}, {"RuleLabels": [{"Name": "a"}]},
        "labels"),
    "an action without more": Row(
        {"action": "block", "geo": ["DE"]}, {"Action": {"Block": {}}},
        {"Action": {"Challenge": {}}}, "action"),
    "headers of a response in another order": Row(
        {"geo": ["DE"], "action": {"type": "block", "customResponse": {
            "responseCode": 403, "responseHeaders": {"b": "1", "a": "2"}}}},
        {"Action": {"Block": {"CustomResponse": {"ResponseCode": 403, "ResponseHeaders": [
            {"Name": "a", "Value": "2"}, {"Name": "b", "Value": "1"}]}}}},
        {"Action": {"Block": {"CustomResponse": {"ResponseCode": 403, "ResponseHeaders": [
            {"Name": "a", "Value": "2"}, {"Name": "b", "Value": "3"}]}}}},
        "action.customResponse.responseHeaders.b"),
}  # fmt: skip
IN_ACLS = {
    "an empty description": Row({}, {"Description": ""}, {"Description": "By hand"},
        "description (undeclared)"),
    "no description": Row({}, {"Description": None}, {"Description": "By hand"},
        "description (undeclared)"),
    "nothing of what can be empty": Row(
        {}, {"CustomResponseBodies": {}, "TokenDomains": [], "AssociationConfig": {},
             "DataProtectionConfig": {"DataProtections": []}},
        {"TokenDomains": ["example.org"]}, "tokenDomains"),
    "the default of CAPTCHAs": Row(
        {"captchaImmunityTime": 300}, {"CaptchaConfig": None},
        {"CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 301}}}, "captchaImmunityTime"),
    "the default of CAPTCHAs, unsaid": Row(
        {}, {"CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 300}}},
        {"CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 301}}},
        "captchaImmunityTime (undeclared)"),
    "the default of challenges": Row(
        {"challengeImmunityTime": 300}, {"ChallengeConfig": None},
        {"ChallengeConfig": {"ImmunityTimeProperty": {"ImmunityTime": 301}}},
        "challengeImmunityTime"),
    "the default limit of bodies": Row(
        {}, {"AssociationConfig": {"RequestBody": {"API_GATEWAY": {
            "DefaultSizeInspectionLimit": "KB_16"}}}},
        {"AssociationConfig": {"RequestBody": {"API_GATEWAY": {
            "DefaultSizeInspectionLimit": "KB_64"}}}}, "requestBody[API_GATEWAY]"),
    "the default limit of bodies, said": Row(
        {"requestBody": {"API_GATEWAY": "KB_16"}}, {"AssociationConfig": None},
        {"AssociationConfig": {"RequestBody": {"CLOUDFRONT": {
            "DefaultSizeInspectionLimit": "KB_32"}}}}, "requestBody[CLOUDFRONT]"),
    "protection from bad sources, unsaid": Row(
        {}, {"OnSourceDDoSProtectionConfig": None},
        {"OnSourceDDoSProtectionConfig": {"ALBLowReputationMode": "ALWAYS_ON"}},
        "albLowReputationMode"),
    "domains in another order": Row(
        {"tokenDomains": ["b.example", "a.example"]},
        {"TokenDomains": ["a.example", "b.example"]}, {"TokenDomains": ["a.example"]},
        "tokenDomains"),
    "protected fields in another order, with all their flags": Row(
        {"dataProtection": [
            {"fieldType": "SINGLE_HEADER", "fieldKeys": ["b", "a"], "action": "HASH"},
            {"fieldType": "BODY", "action": "HASH"}]},
        {"DataProtectionConfig": {"DataProtections": [
            {"Field": {"FieldType": "BODY"}, "Action": "HASH", "ExcludeRateBasedDetails": False,
             "ExcludeRuleMatchDetails": False},
            {"Field": {"FieldType": "SINGLE_HEADER", "FieldKeys": ["a", "b"]}, "Action": "HASH"}]}},
        {"DataProtectionConfig": {"DataProtections": [
            {"Field": {"FieldType": "BODY"}, "Action": "SUBSTITUTION"},
            {"Field": {"FieldType": "SINGLE_HEADER", "FieldKeys": ["a", "b"]}, "Action": "HASH"}]}},
        "dataProtection[1].action"),
    "real money": Row(
        {"monetization": {"CryptoConfig": {"PaymentNetworks": [{
            "Chain": "BASE", "WalletAddress": "0x00000000000000000000000000000000000000aa",
            "Prices": [{"Amount": "0.01", "Currency": "USDC"}]}]}}},
        {"MonetizationConfig": {"CurrencyMode": "REAL", "CryptoConfig": {"PaymentNetworks": [{
            "Chain": "BASE", "WalletAddress": "0x00000000000000000000000000000000000000aa",
            "Prices": [{"Amount": "0.01", "Currency": "USDC"}]}]}}},
        {"MonetizationConfig": {"CurrencyMode": "REAL", "CryptoConfig": {"PaymentNetworks": [{
            "Chain": "BASE", "WalletAddress": "0x00000000000000000000000000000000000000bb",
            "Prices": [{"Amount": "0.01", "Currency": "USDC"}]}]}}},
        "monetization.CryptoConfig.PaymentNetworks[0].WalletAddress"),
    "the metric's name": Row(
        {"metricName": "edge"}, {}, {"VisibilityConfig": {
            "MetricName": "other", "SampledRequestsEnabled": True,
            "CloudWatchMetricsEnabled": True}}, "metricName"),
}  # fmt: skip
FIELDS = [{"singleHeader": "Authorization"}, "uriPath", "method"]
IN_LOGGING = {
    "fields sorted and in lower case": Row(
        {"redactedFields": FIELDS},
        {"RedactedFields": [{"Method": {}}, {"SingleHeader": {"Name": "authorization"}},
                            {"UriPath": {}}]},
        {"RedactedFields": [{"Method": {}}, {"SingleHeader": {"Name": "cookie"}},
                            {"UriPath": {}}]}, "logging.redactedFields[0].singleHeader"),
    "nothing redacted": Row(
        {"redactedFields": []}, {"RedactedFields": None}, {"RedactedFields": [{"Method": {}}]},
        "logging.redactedFields"),
    "a log group with or without its ending": Row(
        {}, {"LogDestinationConfigs": [f"{GROUP}:*"]},
        {"LogDestinationConfigs": [f"{GROUP}-other"]},
        "logging.destination"),
    "what AWS adds": Row(
        {}, {"LogType": "WAF_LOGS", "LogScope": "CUSTOMER", "ManagedByFirewallManager": False},
        {"LoggingFilter": {"DefaultBehavior": "DROP", "Filters": [
            {"Behavior": "KEEP", "Requirement": "MEETS_ANY",
             "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}]}]}}, "logging.filter"),
}  # fmt: skip


def put(shown: Doc, members: Doc) -> None:
    for name, value in members.items():
        if value is None:
            shown.pop(name, None)
        else:
            shown[name] = copy.deepcopy(value)


def judge(declared: Doc, place: Any, row: Row) -> None:
    """`place`: where in the document the row's members are."""
    aim = kit.target(HANDLER, "edge", declared)
    before = seen(aim)
    if isinstance(declared.get("logging"), dict):
        (call,) = HANDLER.plan(aim, before, kit.changes(HANDLER, aim, before))
        before = Present({**before.doc, "logging": call.params["LoggingConfiguration"]})
    assert kit.changes(HANDLER, aim, before) == []
    for members in (row.echo, row.other):
        doc = copy.deepcopy(dict(before.doc))
        put(place(doc), members)
        found = [
            c.path if c.cls == "differs" else f"{c.path} ({c.cls})"
            for c in kit.changes(HANDLER, aim, Present(doc))
        ]
        expected = [] if members is row.echo else [row.path]
        assert found == expected


@pytest.mark.parametrize("row", IN_STATEMENTS.values(), ids=IN_STATEMENTS)
def test_in_statements(row: Row) -> None:
    rules = {"r": {"priority": 1, **row.declared}}
    judge({"baseline": False, "rules": rules}, lambda doc: next(
        iter(doc["acl"]["Rules"][0]["Statement"].values())), row._replace(
            path=f"rules[r].{row.path}"))  # fmt: skip


@pytest.mark.parametrize("row", IN_RULES.values(), ids=IN_RULES)
def test_in_rules(row: Row) -> None:
    rules = {"r": {"priority": 1, **row.declared}}
    judge({"baseline": False, "rules": rules}, lambda doc: doc["acl"]["Rules"][0],
          row._replace(path=f"rules[r].{row.path}"))  # fmt: skip


@pytest.mark.parametrize("row", IN_ACLS.values(), ids=IN_ACLS)
def test_in_web_acls(row: Row) -> None:
    judge({"baseline": False, **row.declared}, lambda doc: doc["acl"], row)


@pytest.mark.parametrize("row", IN_LOGGING.values(), ids=IN_LOGGING)
def test_in_logging(row: Row) -> None:
    logging = {"destination": GROUP, **row.declared}
    judge({"baseline": False, "logging": logging}, lambda doc: doc["logging"], row)
