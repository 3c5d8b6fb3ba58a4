"""Drift of a stack put right by CloudFormation: a drift-aware change set, made and then executed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
One pass has the change set made, a later one reads what it would do and executes it. Its name says
which drift it is for, values that are told as hidden included, so that it is found again after a
crash, made once, and discarded when CloudFormation has found something else since, or nothing. So
an approval of it is for that drift alone. What it would do beyond putting back, in place, what was
found drifted waits for one. Making and executing it are one try together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.diff import Change, Entry
from controller.handler import Action, Risk
from controller.kindlib.planning import paths
from controller.kindlib.stack_drift import EVERY_S, found_by_cloudformation
from controller.policies import Doc

MARK = "plumbline-"
"""What the names of our change sets begin with; the converge role may make no others."""

DRIFTED = ("MODIFIED", "DELETED")

CHANGE_SETS = "changeSets"
"""What the paths of change sets begin with that are left over."""

_ROUNDS = 50_000
"""Of the hash in names that all may read: nobody finds a short value in one by trying all."""

OVER = ("EXECUTE_COMPLETE", "EXECUTE_FAILED", "OBSOLETE")
"""Change sets that can't be executed any more."""


def name_of(stack: Mapping[str, Any], role: str, drifts: Sequence[Mapping[str, Any]]) -> str:
    """The change set for what was found: the same for the same drift, whenever it was looked at."""
    told = sorted(
        [
            d["LogicalResourceId"], d["StackResourceDriftStatus"],
            sorted([p["PropertyPath"], p["ExpectedValue"], p["ActualValue"]]
                   for p in d.get("PropertyDifferences") or ()),
        ]
        for d in drifts
        if d.get("StackResourceDriftStatus") in DRIFTED
    )  # fmt: skip
    return MARK + _digest(stack, [role, told])


def _digest(stack: Mapping[str, Any], what: Any) -> str:
    """16 hex digits that tell apart what may hold secrets, and tell nothing else of it."""
    text = json.dumps(what, sort_keys=True, default=str).encode()
    salt = str(stack["StackId"]).encode()
    return hashlib.pbkdf2_hmac("sha256", text, salt, _ROUNDS, 8).hex()


def change_sets_of(
    aws: Aws, stack: Mapping[str, Any], role: str, drifts: Sequence[Doc] | None
) -> Doc:
    """Our change sets; looked for without drift, too, since one may be left of what has gone.

    name: of the one for this drift, empty if nothing drifted. changeSets: ours, as AWS lists them.
    revert: the one for this drift, with the changes that it would make. refused: why they could not
    be read.
    """
    drifted = any(d.get("StackResourceDriftStatus") in DRIFTED for d in drifts or ())
    name = name_of(stack, role, drifts or ()) if drifted else ""
    found: Doc = {"name": name, CHANGE_SETS: [], "revert": None, "refused": ""}
    if drifts is None:
        return found
    asked = {"StackName": stack["StackName"]}
    try:
        every = aws.pages("cloudformation", "ListChangeSets", "Summaries", asked)
        ours = [s for s in every if str(s["ChangeSetName"]).startswith(MARK)]
        found["changeSets"] = [{**s, "spent": _spent(aws, s)} for s in ours]
        for each in found["changeSets"]:
            if each["ChangeSetName"] == name and not each["spent"]:
                found["revert"] = {**each, "changes": _changes(aws, each)}
    except AwsFailure as failure:
        found["refused"] = str(failure)
    return found


def _spent(aws: Aws, summary: Mapping[str, Any]) -> bool:
    """It can't be executed any more, or failed so long ago that another try is worth it."""
    if summary["Status"] == "FAILED":
        at = summary.get("CreationTime")
        return at is None or aws.began - at.timestamp() >= EVERY_S
    return summary.get("ExecutionStatus") in OVER


def _changes(aws: Aws, summary: Mapping[str, Any]) -> list[Doc]:
    if summary["Status"] != "CREATE_COMPLETE":
        return []
    asked = {"StackName": summary["StackId"], "ChangeSetName": summary["ChangeSetName"]}
    found = aws.pages("cloudformation", "DescribeChangeSet", "Changes", asked)
    return [each.get("ResourceChange") or {} for each in found]


def left_over(doc: Mapping[str, Any]) -> list[Change]:
    """Change sets of ours that are for no drift of now, or can't be executed: to be discarded."""
    return [
        Change((CHANGE_SETS, Entry(str(s["ChangeSetName"]))), None, s["Status"], None, "differs",
               "pending", "a change set of ours that fits no drift any more")
        for s in doc.get(CHANGE_SETS, ())
        if (s["spent"] or s["ChangeSetName"] != doc["name"])
        and not s["Status"].startswith("DELETE_")
        and s["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS")
        and s.get("ExecutionStatus") != "EXECUTE_IN_PROGRESS"
    ]  # fmt: skip


def being_made(doc: Mapping[str, Any]) -> str:
    """Why the change set can't be executed yet; empty if nothing of it is under way."""
    one = doc.get("revert")
    if one and one["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        return f"change set {one['ChangeSetName']} is being made"
    return ""


def why_not(doc: Mapping[str, Any]) -> str:
    """What keeps CloudFormation from reverting; empty if nothing does."""
    if doc.get("refused"):
        return f"its change sets could not be read: {doc['refused']}"
    one = doc.get("revert")
    if one and one["Status"] == "FAILED":
        said = one.get("StatusReason", "no reason given")
        return (
            f"change set {one['ChangeSetName']} failed: {said}; tried again an hour after it, or "
            "once it is deleted"
        )
    return ""


def discarding(stack: Doc, changes: Sequence[Change]) -> list[Action]:
    """The calls that drop what is `left_over`."""
    names = [str(c.parts[1].key) for c in changes if isinstance(c.parts[1], Entry)]
    return [
        Action("cloudformation", "DeleteChangeSet",
               {"StackName": stack["StackName"], "ChangeSetName": name}, (change.path,),
               step=f"discard-{name}", note=change.note)
        for name, change in zip(names, changes, strict=True)
    ]  # fmt: skip


def reverting(stack: Doc, doc: Doc, role: str, changes: Sequence[Change]) -> list[Action]:
    """The next call towards having `changes` reverted, all of them drift of the resources."""
    if doc["refused"]:
        return []
    name, done, one = doc["name"], paths(changes), doc["revert"]
    if one is None:
        again = tuple(f"discard-{name}" for s in doc[CHANGE_SETS] if s["ChangeSetName"] == name)
        return [_make(stack, name, role, done, again)]
    if one["Status"] == "FAILED":
        return []
    risk, step, note = _risk(doc, one["changes"], changes)
    params = {"StackName": stack["StackName"], "ChangeSetName": name}
    return [Action("cloudformation", "ExecuteChangeSet", params, done, risk=risk, step=step,
                   tried_as=name, note=note)]  # fmt: skip


def _make(
    stack: Doc, name: str, role: str, done: tuple[str, ...], after: tuple[str, ...]
) -> Action:
    params: Doc = {
        "StackName": stack["StackName"],
        "ChangeSetName": name,
        "DeploymentMode": "REVERT_DRIFT",
        "UsePreviousTemplate": True,
        "Parameters": [
            {"ParameterKey": p["ParameterKey"], "UsePreviousValue": True}
            for p in stack.get("Parameters") or ()
        ],
        "Capabilities": list(stack.get("Capabilities") or ()),
        "RoleARN": role,
        "Description": "Plumbline reverts drift",
    }
    return Action("cloudformation", "CreateChangeSet", params, done, step="change-set",
                  after=after, prepares=True, tried_as=name,
                  note="changes nothing yet")  # fmt: skip


def _risk(doc: Doc, listed: Sequence[Doc], changes: Sequence[Change]) -> tuple[Risk, str, str]:
    """How grave executing it is, the step's name, and why. An approval names the step, and so the
    changes that were approved."""
    why = list(_beyond(doc, listed, changes))
    if not why:
        return "disruptive", "revert", "CloudFormation puts back what its template says"
    listing = sorted(json.dumps(c, sort_keys=True, default=str) for c in listed)
    return "destructive", f"revert-{_digest(doc['stack'], listing)}", "; ".join(why)


def _beyond(doc: Doc, listed: Sequence[Doc], changes: Sequence[Change]) -> Iterator[str]:
    """What it would do beyond putting back, in place, what is to be put back."""
    meant = {c.path for c in changes}
    drifted = {c.parts[1].key for c in changes if isinstance(c.parts[1], Entry)}
    for change in found_by_cloudformation(doc):
        if change.cls == "differs" and change.path not in meant:
            yield f"it would revert {change.path} as well, which is to be left"
    for each in listed:
        action, logical = each.get("Action"), each.get("LogicalResourceId")
        if action == "SyncWithActual":
            continue
        if action != "Modify":
            yield f"{action} of {logical}"
        elif each.get("Replacement") not in (None, "False"):
            yield f"{logical} would be replaced ({each['Replacement']})"
        elif logical not in drifted:
            yield f"{logical} would be changed, which was not found drifted"
