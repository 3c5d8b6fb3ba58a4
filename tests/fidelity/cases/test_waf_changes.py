"""Changing web ACLs safely: the smallest right calls, and none where AWS or others would lose."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import perturb_edge as aws_does
from sandbox.waf_capacity import capacity_of
from tests.fidelity.cases.waf_estate import BARE, BARE_ACL, Doc, Estate, estate, rule, statement
from tests.harness import resource


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def blocked(e: Estate, key: str = "WebACL/bare") -> str:
    """Why a resource is blocked, as status says it; empty if it is not."""
    condition = e.status()["resources"][key]["conditions"]["Blocked"]
    return f"{condition['reason']}: {condition['message']}" if condition["status"] == "True" else ""


def commit(e: Estate, was: str, now: str) -> None:
    """A new revision of the small web ACL."""
    assert was in BARE_ACL
    e.publish(e.text.replace(BARE_ACL, BARE_ACL.replace(was, now)))
    e.checkpoint()


def heavy(count: int) -> str:
    """Rules that look for injections in so many cookies: some 40 units each."""
    return "".join(
        f"  x{n}: {{priority: {100 + n}, action: block, xss: {{fieldToMatch: {{singleHeader: "
        f"h{n}}}, textTransformations: [URL_DECODE, HTML_ENTITY_DECODE, LOWERCASE]}}}}\n  "
        for n in range(count)
    )


class TestCapacity:
    def test_more_than_aws_has_is_blocked_before_any_call(self, e: Estate) -> None:
        commit(e, "header: {priority: 1", f"{heavy(80).lstrip()}  header: {{priority: 1")
        e.run()
        assert e.writes() == []
        assert "NoSafeAction" in blocked(e)
        assert "capacity units, allowed: 5000" in blocked(e)
        assert e.status()["resources"]["WebACL/full"]["conditions"]["Blocked"]["status"] == "False"

    def test_more_than_comes_free_is_said_in_the_plan(self, e: Estate) -> None:
        commit(e, "header: {priority: 1", f"{heavy(25).lstrip()}  header: {{priority: 1")
        (step,) = e.run(write=False).plan.steps
        rules = step.action.params["Rules"]
        units = capacity_of([r for r in rules if r["Name"] != "ddos"], {}) + 50
        assert step.action.note == f"{units} capacity units: AWS charges for those above 1500"
        e.mended("UpdateWebACL")
        assert e.stored(BARE)["Capacity"] == units

    def test_a_steady_pass_does_not_ask(self, e: Estate) -> None:
        e.undisturbed()
        assert "CheckCapacity" not in [c.operation for c in e.calls()]


class TestVersions:
    def test_a_pinned_version_that_expired_blocks_what_leaves_it_in(self, e: Estate) -> None:
        """AWS refuses every update then; the way out is a commit that takes another version."""
        common = "AWSManagedRulesCommonRuleSet"
        aws_does.expire_version(e.world, common, "Version_1.0")
        e.undisturbed()  # by itself it is no difference
        e.back()
        e.put(lambda acl: acl.update(Description="By hand"))
        aws_does.expire_version(e.world, common, "Version_1.0")
        e.later()
        e.checkpoint()
        for _ in range(8):
            e.run()
            e.later()
        assert {c.error for c in e.writes()} == {"WAFExpiredManagedRuleGroupVersionException"}
        assert len(e.writes()) <= 4, "not for ever"
        assert "expired" in blocked(e, "WebACL/full")
        e.publish(e.text.replace("version: Version_1.0", "version: Version_1.16"))
        e.mended("UpdateWebACL")
        assert statement(e.shown()[0], "common")["Version"] == "Version_1.16"
        assert e.shown()[0]["Description"] == "Before everything"

    def test_pinning_and_letting_go(self, e: Estate) -> None:
        e.publish(e.text.replace("              version: Version_1.0\n", ""))
        e.undisturbed()  # any version is right then: what is pinned stays pinned
        e.put(lambda acl: rule(acl, "common").update(Priority=19))
        e.mended("UpdateWebACL")
        assert statement(e.shown()[0], "common")["Version"] == "Version_1.0"


class TestAssociations:
    def test_a_load_balancer_in_another_web_acl_s_hands_is_not_taken(self, e: Estate) -> None:
        """AssociateWebACL would move it without a word."""
        balancer = e.extra["balancer"]
        theirs = e.waf.create_web_acl(
            Name="theirs", Scope="REGIONAL", DefaultAction={"Allow": {}},
            VisibilityConfig={"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True,
                              "MetricName": "theirs"},
        )["Summary"]["ARN"]  # fmt: skip
        e.later(600)
        e.waf.associate_web_acl(WebACLArn=theirs, ResourceArn=balancer)
        commit(e, "logging: none", f"logging: none\n  associations: ['{balancer}']")
        for _ in range(3):
            e.later()
            e.run()
        assert e.writes() == []
        assert blocked(e) == (
            f"NoSafeAction: associations ({balancer} is protected by {theirs}: take it out there "
            "first)"
        )
        e.waf.disassociate_web_acl(ResourceArn=balancer)
        e.later()
        e.mended("AssociateWebACL")
        held = e.world.store("wafv2")["associations"]
        assert held[balancer] == e.stored(BARE)["ARN"]

    def test_taken_away_between_look_and_call_is_seen(
        self, e: Estate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another web ACL takes it while a pass runs: the call is not made."""
        from controller.kinds.web_acl import WebACLHandler

        balancer, theirs = e.extra["balancer"], e.stored()["ARN"]
        apply = WebACLHandler.apply

        def late(self: Any, aws: Any, target: Any, action: Any, params: Doc) -> Doc:
            if action.operation == "AssociateWebACL":
                e.waf.associate_web_acl(WebACLArn=theirs, ResourceArn=balancer)
            return apply(self, aws, target, action, params)

        monkeypatch.setattr(WebACLHandler, "apply", late)
        commit(e, "logging: none", f"logging: none\n  associations: ['{balancer}']")
        e.run()
        assert [c.operation for c in e.writes()] == []
        assert e.world.store("wafv2")["associations"][balancer] == theirs


class TestLogging:
    def test_on_moved_and_off(self, e: Estate) -> None:
        """One call each; what AWS holds beside stays."""
        logs = e.aws.client("logs")
        for name in ("aws-waf-logs-one", "aws-waf-logs-two"):
            logs.create_log_group(logGroupName=name)
        e.later()
        place = f"arn:aws:logs:us-east-1:{e.world.account}:log-group:aws-waf-logs-{{}}"
        first = e.text
        for wanted, call in (
            (f"{{destination: '{place.format('one')}'}}", "PutLoggingConfiguration"),
            (f"{{destination: '{place.format('two')}:*'}}", "PutLoggingConfiguration"),
            ("none", "DeleteLoggingConfiguration"),
        ):
            e.publish(
                first.replace(BARE_ACL, BARE_ACL.replace("logging: none", f"logging: {wanted}"))
            )
            e.mended(call)
            e.later()
            e.undisturbed()
        e.publish(first)
        e.undisturbed()


class TestScope:
    def test_a_scope_can_t_be_changed_in_place(self, e: Estate) -> None:
        """It would be another web ACL, and the first one left to itself."""
        commit(e, "baseline: false", "scope: CLOUDFRONT\n  baseline: false")
        for _ in range(2):
            e.later()
            e.run()
        assert e.writes() == []
        assert blocked(e) == "Immutable: AWS can't change scope in place"

    def test_one_of_the_same_name_and_another_scope_is_no_obstacle(self, e: Estate) -> None:
        e.waf.create_web_acl(
            Name="litellm-production-edge", Scope="CLOUDFRONT", DefaultAction={"Allow": {}},
            VisibilityConfig={"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True,
                              "MetricName": "theirs"},
        )  # fmt: skip
        e.publish(f"{e.text}---\n{resource('WebACL', 'edge', '')}")
        e.mended("CreateWebACL")


class TestDeletion:
    def test_what_firewall_manager_made_is_not_deleted(self, e: Estate) -> None:
        """AWS refuses; that is said, and nothing else is touched."""
        for record in e.world.store("wafv2")["acls"].values():
            if record["entity"]["Name"] == BARE:
                record["entity"]["ManagedByFirewallManager"] = True
        e.publish(
            e.text.replace(f"---\n{BARE_ACL}", "").replace("spec: {}", "spec: {prune: delete}", 1)
        )
        e.checkpoint()
        for _ in range(6):
            e.later()
            e.run()
        assert {c.error for c in e.writes()} == {"WAFInvalidOperationException"}
        assert len(e.writes()) <= 3
        assert e.shown(BARE)
