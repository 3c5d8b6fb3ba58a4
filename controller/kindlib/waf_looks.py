"""Looks beyond a web ACL: who holds what it is to protect, and what its rules would cost.

Only where something differs: a steady pass makes none of these reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.diff import canonical, unresolved
from controller.fields import fields_of
from controller.handler import Observation, Present, Target
from controller.kindlib.waf_acl import settings_from_aws
from controller.kindlib.waf_codec import in_words, of_shield, rule_to_aws
from controller.kindlib.waf_rules import Rule
from controller.kindlib.waf_translate import wire
from controller.policies import Doc
from controller.references import escape
from controller.spec import holds_reference

SHIELD_UNITS = 150
"""https://docs.aws.amazon.com/waf/latest/developerguide/ddos-automatic-app-layer-response-rg.html"""


def holder_of(aws: Aws, resource: str) -> str:
    """ARN of the web ACL that a resource is associated with; empty for none.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_GetWebACLForResource.html
    """
    try:
        reply = aws.read("wafv2", "GetWebACLForResource", {"ResourceArn": resource})
    except AwsFailure as failure:
        if failure.failure == "not-found":
            return ""
        raise
    return str((reply.get("WebACL") or {}).get("ARN", ""))


def look_for_others(aws: Aws, targets: dict[str, Target], found: dict[str, Observation]) -> None:
    """Whether what we would associate now is in the hands of another web ACL."""
    asked: list[tuple[str, str]] = []
    for key, target in targets.items():
        seen = found[key]
        if isinstance(seen, Present) and "resources" in seen.doc:
            wanted = target.spec.get("associations") or []
            missing = set(wanted) - set(seen.doc["resources"])
            asked += [(key, arn) for arn in sorted(missing) if not holds_reference(arn)]
    holders = aws.gather(*(partial(holder_of, aws, arn) for _, arn in asked))
    for (key, arn), holder in zip(asked, holders, strict=True):
        seen = found[key]
        if not isinstance(seen, Present):
            continue
        if isinstance(holder, AwsFailure):
            found[key] = Present(seen.doc, {**seen.unknown, "associations": str(holder)})
        elif holder and holder != seen.doc["arn"]:
            elsewhere = {**seen.doc.get("elsewhere", {}), arn: holder}
            found[key] = Present({**seen.doc, "elsewhere": elsewhere}, seen.unknown)


def look_at_capacity(aws: Aws, targets: dict[str, Target], found: dict[str, Observation]) -> None:
    """What the declared rules come to, in capacity units, where they are not the ones in force.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_CheckCapacity.html
    """
    asked = {}
    for key, target in targets.items():
        seen = found[key]
        rules = target.spec.get("rules", {})
        known = isinstance(seen, Present) and rules and not unresolved(rules)
        if isinstance(seen, Present) and known and not _in_force(aws, seen.doc, rules):
            asked[key] = {"Scope": seen.doc["scope"], "Rules": _as_sent(rules)}
    replies = aws.gather(*(partial(aws.read, "wafv2", "CheckCapacity", p) for p in asked.values()))
    for key, reply in zip(asked, replies, strict=True):
        seen = found[key]
        if isinstance(reply, AwsFailure) or not isinstance(seen, Present):
            continue  # it will say the same of the update, should it come to that
        shields = sum(of_shield(raw) for raw in seen.doc["acl"].get("Rules") or [])
        units = reply["Capacity"] + SHIELD_UNITS * shields
        found[key] = Present({**seen.doc, "capacity": units}, seen.unknown)


def _as_sent(rules: Mapping[str, Doc]) -> list[Any]:
    return [wire(rule_to_aws(name, rule)) for name, rule in rules.items()]


def _in_force(aws: Aws, doc: Mapping[str, Any], rules: Mapping[str, Doc]) -> bool:
    """True if the rules are those that AWS shows. Asked once for each token and set of rules."""
    key, state = ("waf-rules", doc["arn"]), (doc["lockToken"], json.dumps(rules, sort_keys=True))
    known = aws.cache.get(key)
    if known is None or known[0] != state:
        live = escape(settings_from_aws(doc["acl"])).get("rules", {})
        said = {name: _plain(rule) for name, rule in rules.items()}
        shown = {name: _plain(rule) for name, rule in live.items()}
        for name in said.keys() & shown.keys():
            if "version" not in said[name].get("managedGroup", {}):
                shown[name].get("managedGroup", {}).pop("version", None)
        known = aws.cache[key] = (state, said == shown)
    return bool(known[1])


def _plain(rule: Mapping[str, Any]) -> Doc:
    plain: Doc = canonical(fields_of(Rule), dict(in_words(rule)))
    return plain
