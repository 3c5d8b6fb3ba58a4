"""Cases 129 to 150, and what stands between them: web ACLs, what they protect, where they log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.handler import Action
from controller.kinds.web_acl import WebACLHandler
from controller.manifest import DesiredStateError, load
from sandbox import perturb_edge as aws_does
from sandbox.behaviours import wafv2_associations
from tests.fidelity.cases.waf_estate import (
    BARE,
    BARE_ACL,
    FULL,
    Doc,
    Estate,
    estate,
    rule,
    statement,
)
from tests.harness import environment, resource


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


case = pytest.mark.case


# --- what AWS does: no drift, no write ------------------------------------------------------------

Deed = Callable[[Estate], Any]


def nothing(e: Estate) -> None:
    """What AWS made of the creation is echo enough."""


def version_shown(e: Estate) -> None:
    """A rule that follows the default is pinned by hand: which version is right, nobody said."""
    e.put(lambda acl: statement(acl, "bots").update(Version="Version_3.0"))


ECHOES: dict[str, tuple[tuple[int, ...], Deed]] = {
    "Shield's mitigation": ((129,), lambda e: aws_does.inject_shield_rule(e.world, FULL)),
    "Firewall Manager's groups": (
        (130,), lambda e: aws_does.inject_firewall_manager_groups(e.world, FULL)
    ),
    "Firewall Manager's logging": ((130,), lambda e: aws_does.hand_over_logging(e.world, FULL)),
    "orders without meaning": ((131, 144), lambda e: aws_does.reorder(e.world, FULL)),
    "the window filled in, bytes, empty actions, orders kept": ((133, 135, 137, 147), nothing),
    "no logging": ((140,), nothing),
    "a version shown": ((142,), version_shown),
    "capacity and token": ((146,), lambda e: aws_does.inject_shield_rule(e.world, BARE)),
}  # fmt: skip


@pytest.mark.parametrize(
    "deed",
    [pytest.param(deed, id=name, marks=[case(n, "echo") for n in cases])
     for name, (cases, deed) in ECHOES.items()],
)  # fmt: skip
def test_what_aws_does_is_no_drift(e: Estate, deed: Deed) -> None:
    deed(e)
    before = e.state()
    e.undisturbed()
    assert e.state() == before


def test_the_echoes_are_what_they_are_about(e: Estate) -> None:
    """133, 135, 137, 140: AWS did fill in, spell and keep what the cases say."""
    acl, _ = e.shown()
    assert statement(acl, "rate-forwarded")["EvaluationWindowSec"] == 300
    assert statement(acl, "bytes")["SearchString"] == b"/admin"
    assert rule(acl, "common")["OverrideAction"] == {"Count": {}}
    assert rule(acl, "xss")["Action"] == {"Captcha": {}}
    assert [next(iter(k)) for k in statement(acl, "rate")["CustomKeys"]] == ["HTTPMethod", "Header"]
    bare, _ = e.shown(BARE)
    assert statement(bare, "noise")["SearchString"] == b"\xff\x00\x01"
    assert statement(bare, "header")["FieldToMatch"] == {"SingleHeader": {"Name": "user-agent"}}
    with pytest.raises(e.waf.exceptions.WAFNonexistentItemException):
        e.waf.get_logging_configuration(ResourceArn=bare["ARN"])
    fields = [next(iter(f)) for f in e.stored_logging()["RedactedFields"]]
    assert fields == sorted(fields)


# --- what people do: named exactly, and mended ----------------------------------------------------


def swap(items: list[Any]) -> None:
    items.reverse()


MATCHES = "rules[and].and"
CHANGES: dict[str, tuple[tuple[int, ...], str, Callable[[Doc], Any], str]] = {
    "a priority beside Shield's rule": (
        (129, 131), FULL, lambda a: rule(a, "rate").update(Priority=77), "rules[rate].priority"),
    "the metrics beside Firewall Manager's groups": (
        (130,), FULL, lambda a: a["VisibilityConfig"].update(MetricName="x"), "metricName"),
    "the window": (
        (133,), FULL, lambda a: statement(a, "rate-forwarded").update(EvaluationWindowSec=600),
        "rules[rate-forwarded].rateLimit.window"),
    "text sought": (
        (135,), FULL, lambda a: statement(a, "bytes").update(SearchString=b"/admix"),
        "rules[bytes].byteMatch.searchString"),
    "bytes sought": (
        (135,), BARE, lambda a: statement(a, "noise").update(SearchString=b"\xff\x00\x02"),
        "rules[noise].byteMatch.searchBase64"),
    "a group acts that only counted": (
        (137,), FULL, lambda a: rule(a, "common").update(OverrideAction={"None": {}}),
        "rules[common].override"),
    "a rule counts that blocked": (
        (137,), FULL, lambda a: rule(a, "bytes").update(Action={"Count": {}}),
        "rules[bytes].action"),
    "a pinned version": (
        (142,), FULL, lambda a: statement(a, "common").update(Version="Version_1.11"),
        "rules[common].managedGroup.version"),
    "another action for a group's rule": (
        (144,), FULL,
        lambda a: next(o for o in statement(a, "common")["RuleActionOverrides"]
                       if o["Name"] == "GenericLFI_BODY").update(ActionToUse={"Allow": {}}),
        "rules[common].managedGroup.overrides[GenericLFI_BODY]"),
    "the description beside a new capacity": (
        (146,), FULL, lambda a: a.update(Description="By hand"), "description"),
    "the order of custom keys": (
        (147,), FULL, lambda a: swap(statement(a, "rate")["CustomKeys"]),
        "rules[rate].rateLimit.keys"),
    "deep inside": (
        (), FULL,
        lambda a: statement(a, "or")["Statements"][1]["ByteMatchStatement"].update(
            PositionalConstraint="EXACTLY"),
        "rules[or].or[1].byteMatch.positionalConstraint"),
    "a setting of a managed group": (
        (), BARE,
        lambda a: statement(a, "ddos")["ManagedRuleGroupConfigs"][0][
            "AWSManagedRulesAntiDDoSRuleSet"].update(SensitivityToBlock="HIGH"),
        "rules[ddos].managedGroup.config.AWSManagedRulesAntiDDoSRuleSet.SensitivityToBlock"),
    "the order of transformations": (
        (), BARE, lambda a: swap(_numbers_swapped(statement(a, "header")["TextTransformations"])),
        "rules[header].byteMatch.textTransformations"),
    "a header": (
        (), BARE, lambda a: statement(a, "header").update(
            FieldToMatch={"SingleHeader": {"Name": "referer"}}),
        "rules[header].byteMatch.fieldToMatch.singleHeader"),
}  # fmt: skip


def _numbers_swapped(transformations: list[Doc]) -> list[Doc]:
    one, two = transformations
    one["Priority"], two["Priority"] = two["Priority"], one["Priority"]
    return transformations


@pytest.mark.parametrize(
    ("name", "change", "path"),
    [pytest.param(name, change, path, id=what, marks=[case(n, "change") for n in cases])
     for what, (cases, name, change, path) in CHANGES.items()],
)  # fmt: skip
def test_what_people_do_is_named_and_mended(
    e: Estate, name: str, change: Callable[[Doc], Any], path: str
) -> None:
    """Shield's rule and Firewall Manager's groups are there all the while, and stay (129, 130)."""
    shield = aws_does.inject_shield_rule(e.world, name)
    aws_does.inject_firewall_manager_groups(e.world, name)
    before = e.state()
    e.put(change, name)
    found = e.drift()
    assert len(found) == 1, found
    assert next(iter(found)).startswith(path), found
    e.mended("UpdateWebACL")
    e.later()
    assert e.state() == before
    assert shield in [r["Name"] for r in e.shown(name)[0]["Rules"]]
    assert e.shown(name)[0]["PreProcessFirewallManagerRuleGroups"]


LOGGING: dict[str, tuple[int, Callable[[Doc], Any], str]] = {
    "the order of filters' conditions": (
        147, lambda c: swap(c["LoggingFilter"]["Filters"][0]["Conditions"]),
        "logging.filter.filters[0].conditions"),
    "what is redacted": (0, lambda c: c["RedactedFields"].pop(), "logging.redactedFields"),
    "what the filter does": (
        0, lambda c: c["LoggingFilter"].update(DefaultBehavior="KEEP"),
        "logging.filter.defaultBehavior"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "path"),
    [pytest.param(change, path, id=what, marks=[case(n, "change")] if n else [])
     for what, (n, change, path) in LOGGING.items()],
)  # fmt: skip
def test_a_changed_log_is_named_and_mended(
    e: Estate, change: Callable[[Doc], Any], path: str
) -> None:
    before = e.state()
    e.put_logging(change)
    (found,) = e.drift()
    assert found.startswith(path)
    e.mended("PutLoggingConfiguration")
    assert e.state() == before


@case(140, "change")
def test_logging_switched_off_or_on_by_hand(e: Estate) -> None:
    before = e.state()
    acl, _ = e.shown()
    bare, _ = e.shown(BARE)
    config = e.logging()
    e.waf.delete_logging_configuration(ResourceArn=acl["ARN"])
    e.later()
    assert list(e.drift()) == ["logging"]
    e.mended("PutLoggingConfiguration")
    e.waf.put_logging_configuration(LoggingConfiguration={**config, "ResourceArn": bare["ARN"]})
    e.later()
    assert list(e.drift()) == ["logging"]
    e.mended("DeleteLoggingConfiguration")
    e.later()
    assert e.state() == before


@case(138, "refused")
def test_addresses_are_kept_in_ip_sets_and_not_in_rules() -> None:
    spec = "rules: {r: {priority: 1, action: block, ipSet: {addresses: [192.0.2.0/24]}}}"
    with pytest.raises(DesiredStateError, match="addresses"):
        load(environment(resource("WebACL", "main", spec)).encode(), "x.yaml")


# --- calls ----------------------------------------------------------------------------------------


@case(148, "rule")
def test_a_stale_token_is_no_reason_to_try_again_blindly(
    e: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is faster, between our look and our call: look again, compare again, then write."""
    e.put(lambda acl: statement(acl, "bytes").update(SearchString=b"/other"))
    before, apply = e.state(), WebACLHandler.apply
    faster = [lambda acl: acl.update(Description="By hand", CaptchaConfig=_immune(900))]

    def late(self: WebACLHandler, aws: Any, target: Any, action: Action, params: Doc) -> Doc:
        if action.operation == "UpdateWebACL" and faster:
            e.put(faster.pop())
        return apply(self, aws, target, action, params)

    monkeypatch.setattr(WebACLHandler, "apply", late)
    e.checkpoint()
    e.converge()
    updates = [c for c in e.calls() if c.operation in ("UpdateWebACL", "GetWebACL")]
    tries = [c for c in updates if c.operation == "UpdateWebACL"]
    assert [c.error for c in tries] == ["WAFOptimisticLockException", None]
    between = updates[updates.index(tries[0]) + 1 : updates.index(tries[1])]
    assert [c.operation for c in between] == ["GetWebACL"]
    assert tries[0].params["LockToken"] != tries[1].params["LockToken"]
    assert tries[1].params["Description"] == "Before everything", "compared again"
    e.later()
    assert statement(e.shown()[0], "bytes")["SearchString"] == b"/admin"
    assert e.state() != before


def _immune(seconds: int) -> Doc:
    return {"ImmunityTimeProperty": {"ImmunityTime": seconds}}


@case(149, "rule")
def test_tags_alone_are_no_update(e: Estate) -> None:
    e.publish(e.text.replace(BARE_ACL, BARE_ACL.replace("team: platform", "team: edge")))
    e.mended("TagResource")
    arn = e.shown(BARE)[0]["ARN"]
    e.waf.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "other"}])
    e.later()
    assert list(e.drift()) == ["tags[team]"]
    e.mended("TagResource")


@case(150, "rule")
def test_an_association_waits_until_aws_knows_of_the_web_acl(
    e: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WAFUnavailableEntityException is no failure: tried again until it is made, once."""
    answers = [True, True, False]
    monkeypatch.setattr(wafv2_associations, "still_spreading", lambda *_: answers.pop(0))
    more = resource("WebACL", "second", f"associations: ['{e.extra['balancer']}']")
    e.publish(f"{e.text}---\n{more}")
    e.checkpoint()
    e.converge(step=20)
    tried = [c for c in e.calls() if c.operation == "AssociateWebACL"]
    assert [c.error for c in tried] == ["WAFUnavailableEntityException"] * 2 + [None]
    held = e.world.store("wafv2")["associations"]
    assert held[e.extra["balancer"]].split("/")[2] == "litellm-production-second"
