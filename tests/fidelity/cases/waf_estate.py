"""The web ACLs that the cases are judged on: one with nearly every setting, and one with few."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from controller.reconciler import Report
from tests.harness import explain
from tests.perturbation.bench import Bench
from tests.perturbation.full import manifest

Doc = dict[str, Any]
FULL, BARE = "litellm-production-full", "litellm-production-bare"
BARE_ACL = manifest("WebACL", "bare", """
    baseline: false
    logging: none
    rules:
      header: {priority: 1, action: block, byteMatch: {fieldToMatch: {singleHeader: User-Agent},
        searchString: Bad, positionalConstraint: CONTAINS, textTransformations: [LOWERCASE, TRIM]}}
      noise: {priority: 2, action: count, byteMatch: {fieldToMatch: body, searchBase64: /wAB,
        positionalConstraint: CONTAINS}}
      ddos: {priority: 3, managedGroup: {name: AWSManagedRulesAntiDDoSRuleSet, config: {
        AWSManagedRulesAntiDDoSRuleSet: {ClientSideActionConfig: {Challenge: {
        UsageOfAction: ENABLED, ExemptUriRegularExpressions: [{RegexString: /x}]}}}}}}
""")  # fmt: skip


class Estate(Bench):
    """Two web ACLs, converged; `put` is somebody's UpdateWebACL."""

    def __init__(self) -> None:
        super().__init__("WebACL", BARE_ACL)
        self.first = self.text

    def back(self) -> None:
        super().back()
        self.text = self.first

    @property
    def waf(self) -> Any:
        return self.aws.client("wafv2")

    def shown(self, name: str = FULL) -> tuple[Doc, str]:
        """A web ACL as AWS shows it, and its lock token."""
        listed = {a["Name"]: a["Id"] for a in self.waf.list_web_acls(Scope="REGIONAL")["WebACLs"]}
        reply = self.waf.get_web_acl(Name=name, Id=listed[name], Scope="REGIONAL")
        return reply["WebACL"], reply["LockToken"]

    def put(self, change: Callable[[Doc], Any], name: str = FULL) -> None:
        """Somebody changes a web ACL through the API."""
        acl, token = self.shown(name)
        change(acl)
        members = self.waf.meta.service_model.operation_model("UpdateWebACL").input_shape.members
        sent = {k: v for k, v in acl.items() if k in members and v not in ("", None)}
        self.waf.update_web_acl(**sent, Scope="REGIONAL", LockToken=token)
        self.later()

    def logging(self, name: str = FULL) -> Doc:
        """Where a web ACL logs to."""
        arn = self.shown(name)[0]["ARN"]
        found = self.waf.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]
        return dict(found)

    def put_logging(self, change: Callable[[Doc], Any]) -> None:
        """Somebody changes where it logs to."""
        config = self.logging()
        change(config)
        self.waf.put_logging_configuration(LoggingConfiguration=config)
        self.later()

    def stored(self, name: str = FULL) -> Doc:
        """A web ACL as the sandbox keeps it."""
        records = self.world.store("wafv2")["acls"].values()
        (entity,) = (r["entity"] for r in records if r["entity"]["Name"] == name)
        return dict(entity)

    def stored_logging(self) -> Doc:
        """Where the full web ACL logs to, as the sandbox keeps it."""
        (found,) = self.world.store("wafv2")["logging"].values()
        return dict(found)

    def state(self) -> str:
        """All that is kept of the web ACLs, but for their tokens: alike for alike end states."""
        store = copy.deepcopy(self.world.store("wafv2"))
        for record in store["acls"].values():
            record["lock"] = record["entity"]["Capacity"] = None
            for entry in record["entity"]["Rules"]:
                for body in entry["Statement"].values():
                    body.get("RuleActionOverrides", []).sort(key=lambda o: o["Name"])
            record["entity"]["Rules"].sort(key=lambda r: r["Priority"])
        return json.dumps(store, sort_keys=True, default=repr)

    # --- judging --------------------------------------------------------------------------------

    def drift(self) -> dict[str, Any]:
        """path → (now, wanted) of what a pass that writes nothing calls drift."""
        report = self.observe()
        return {c.path: (c.now, c.wanted) for a in report.assessments.values() for c in a.drift}

    def undisturbed(self) -> Report:
        """A pass finds nothing to do."""
        self.later()
        self.checkpoint()
        report = self.run()
        assert not [c.path for a in report.assessments.values() for c in a.drift]
        assert report.converged, explain(report)
        assert self.writes() == []
        return report

    def mended(self, *calls: str) -> list[Any]:
        """Passes put it right with just these calls; the end state is as it was at first."""
        self.checkpoint()
        self.converge()
        made = [c for c in self.writes() if c.error is None]
        assert [c.operation for c in made] == list(calls)
        return made


@cache
def estate() -> Estate:
    """The one of this process."""
    return Estate()


def rule(acl: Doc, name: str) -> Doc:
    """A rule of a web ACL, by name."""
    found: Doc
    (found,) = (r for r in acl["Rules"] if r["Name"] == name)
    return found


def statement(acl: Doc, name: str) -> Doc:
    """What is in a rule's statement."""
    found: Doc
    (found,) = rule(acl, name)["Statement"].values()
    return found
