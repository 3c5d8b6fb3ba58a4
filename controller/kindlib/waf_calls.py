"""The calls that make, change and protect with a web ACL: the smallest set, each with all it needs.

https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateWebACL.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from controller.diff import Change, Entry, overlay
from controller.handler import Action, Target
from controller.kindlib.planning import paths
from controller.kindlib.reading import tag_list
from controller.kindlib.waf_acl import FIELDS, kept, logging_to_aws, settings_to_aws
from controller.kindlib.waf_beyond import carried, unreadable
from controller.kindlib.waf_codec import RULES, in_words, of_shield, rule_to_aws
from controller.kindlib.waf_translate import printable
from controller.policies import Doc
from controller.references import escape


def create(target: Target) -> list[Action]:
    """The web ACL, then what needs its ARN."""
    spec = target.spec
    params: Doc = {"Name": target.name, "Scope": spec["scope"]}
    params |= settings_to_aws(spec, target.name, FIELDS, {})
    params["Rules"] = _in_order(rule_to_aws(n, r) for n, r in spec.get("rules", {}).items())
    params["Tags"] = tag_list(target.tags)
    actions = [Action("wafv2", "CreateWebACL", params, step="create", creates=True)]
    for arn in spec.get("associations") or []:
        actions.append(_associate("${self.arn}", arn, ("associations",), ("create",)))
    logging = spec.get("logging")
    if isinstance(logging, Mapping):
        actions.append(logging_call(logging, "${self.arn}", None, ("logging",), ("create",)))
    return actions


def update(target: Target, doc: Mapping[str, Any], live: Doc, todo: list[Change]) -> list[Action]:
    """UpdateWebACL replaces everything: what is not in `todo` is sent just as AWS showed it.

    None where AWS shows something that it would not take back (`obstacle` says what).
    """
    acl = doc["acl"]
    whole = kept(acl)
    if not todo or unreadable(whole, "WebACL") or _too_much(doc, todo):
        return []
    base: Doc = escape(printable(whole))
    merged = overlay(live, target.spec, todo)
    only = {c.top for c in todo}
    params: Doc = {"Name": acl["Name"], "Scope": doc["scope"], "Id": acl["Id"]}
    params |= settings_to_aws(merged, target.name, only, base)
    params["Rules"] = base.get("Rules", [])
    if "rules" in only:
        params["Rules"] = _rules(target, merged.get("rules", {}), params["Rules"], todo)
    params = carried(params, base, "UpdateWebACLRequest")
    volatile = {"LockToken": doc["lockToken"]}
    units = doc.get("capacity", 0) if "rules" in only else 0
    dear = units > FREE_UNITS and units > acl.get("Capacity", 0)
    note = f"{units} capacity units: AWS charges for those above {FREE_UNITS}" if dear else ""
    return [
        Action("wafv2", "UpdateWebACL", params, paths(todo), step="update", volatile=volatile,
               note=note)
    ]  # fmt: skip


FREE_UNITS, MOST_UNITS = 1500, 5000
"""https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html"""


def _too_much(doc: Mapping[str, Any], todo: Sequence[Change]) -> bool:
    return doc.get("capacity", 0) > MOST_UNITS and any(c.top == "rules" for c in todo)


def obstacle(doc: Mapping[str, Any], change: Change) -> str:
    """What stands in the way of a change."""
    if change.top == "associations":
        return "; ".join(
            f"{arn} is protected by {holder}: take it out there first"
            for arn, holder in sorted(doc.get("elsewhere", {}).items())
            if arn in (change.wanted or [])
        )
    if change.top == "rules" and doc.get("capacity", 0) > MOST_UNITS:
        return f"the rules need {doc['capacity']} capacity units, allowed: {MOST_UNITS}"
    where = unreadable(doc["acl"], "WebACL") if change.top in FIELDS else ""
    return f"AWS shows something in {where} that was read without its name" if where else ""


def _rules(
    target: Target, merged: Mapping[str, Doc], live: Sequence[Doc], todo: Sequence[Change]
) -> list[Doc]:
    """Rules as they are to be: untouched ones and Shield's word for word (case 129)."""
    about = [c for c in todo if c.top == "rules"]
    changed = {part.key for c in about for part in c.parts[1:2] if isinstance(part, Entry)}
    desired = {name: in_words(rule) for name, rule in target.spec.get("rules", {}).items()}
    out = []
    for raw in live:
        if of_shield(raw) or (raw["Name"] in merged and raw["Name"] not in changed):
            out.append(raw)
    for name in sorted(changed & set(merged)):
        out.append(rule_to_aws(name, _one_statement(merged[name], desired.get(name, {}))))
    return _in_order(out)


def _one_statement(merged: Doc, desired: Mapping[str, Any]) -> Doc:
    """A merged rule has the statement of both sides where its kind changed: the desired one."""
    kinds = {*RULES.arms, "raw"}
    found = [k for k in merged if k in kinds]
    keep = next((k for k in found if k in desired), found[0] if found else "")
    rule = {k: v for k, v in merged.items() if k not in kinds or k == keep}
    if keep == "managedGroup":
        ours, theirs = desired.get(keep, {}), rule[keep]
        if len(found) > 1 or ("version" not in ours and _names(ours) - _names(theirs)):
            rule[keep] = dict(ours)
    for one, other in (("action", "override"), ("override", "action")):
        if one in rule and other in rule and one in desired:
            rule.pop(other)
    return rule


def _names(group: Mapping[str, Any]) -> set[Any]:
    return {(group.get("vendor"), group.get("name"))}


def _in_order(rules: Any) -> list[Doc]:
    return sorted(rules, key=lambda rule: (rule["Priority"], rule["Name"]))


def associations(target: Target, doc: Mapping[str, Any], done: tuple[str, ...]) -> list[Action]:
    """One call for each resource; none for one that another web ACL protects."""
    wanted, have = set(target.spec.get("associations") or []), set(doc["resources"])
    free = wanted - have - set(doc.get("elsewhere", {}))
    actions = [_associate(doc["arn"], arn, done) for arn in sorted(free)]
    return actions + [dissociate(doc["arn"], arn, done) for arn in sorted(have - wanted)]


def _associate(
    acl: str, resource: str, changes: tuple[str, ...], after: tuple[str, ...] = ()
) -> Action:
    """Until AWS knows of a new web ACL everywhere it says WAFUnavailableEntityException, which is
    `busy`: the next passes try again (case 150)."""
    params = {"WebACLArn": acl, "ResourceArn": resource}
    return Action(
        "wafv2", "AssociateWebACL", params, changes, step=f"associate {resource}", after=after
    )


def dissociate(
    acl: str,
    resource: str,
    changes: tuple[str, ...],
    risk: Literal["irreversible", "destructive"] = "irreversible",
) -> Action:
    """Only a commit takes the protection from a resource, not the mending of drift."""
    return Action(
        "wafv2", "DisassociateWebACL", {"ResourceArn": resource}, changes, risk,
        step=f"dissociate {resource}", volatile={"WebACLArn": acl},
        note="it is then unprotected",
    )  # fmt: skip


def logging_call(
    logging: Mapping[str, Any] | None,
    arn: str,
    live: Mapping[str, Any] | None,
    changes: tuple[str, ...],
    after: tuple[str, ...] = (),
) -> Action:
    if logging is None:
        scoped = {k: live[k] for k in ("LogType", "LogScope") if live and k in live}
        params: Doc = {"ResourceArn": arn, **scoped}
        return Action("wafv2", "DeleteLoggingConfiguration", params, changes, step="logging")
    config = logging_to_aws(logging, arn, live)
    params = {"LoggingConfiguration": carried(config, live, "LoggingConfiguration")}
    return Action("wafv2", "PutLoggingConfiguration", params, changes, step="logging", after=after)
