"""Drift of a stack's resources: asked for once an hour, read when CloudFormation has found it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html
A detection takes minutes and no pass waits for it: one pass begins it, a later one reads what came
of it. Until then the last results hold, each with the time at which CloudFormation looked. What was
found before the stack's last update says nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.diff import Change, Entry, Part
from controller.kept import under_token
from controller.kindlib.stack_values import shown
from controller.policies import Doc

RESOURCES = "resources"
"""What paths of drift begin with."""

EVERY_S = 3600.0
"""So long after a detection began, the next one does."""

TAKES_S = 900.0
"""So long after a detection began, its results may still come in."""

CHECKED_IN = (
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED",
)  # fmt: skip
"""States of a stack in which CloudFormation looks for drift."""


def drift_of(aws: Aws, stack: Mapping[str, Any]) -> Doc:
    """What is known of the drift of a stack, beginning a detection if it is time for one.

    drifts: what CloudFormation says of each resource, None if it has not said anything yet.
    problem: why it could not be asked. Raises `AwsFailure` if what it found can't be read.
    """
    told = stack.get("DriftInformation") or {}
    last: datetime | None = told.get("LastCheckTimestamp")
    updated: datetime | None = stack.get("LastUpdatedTime")
    stale = last is None or (updated is not None and updated > last)
    due = last is None or stale or aws.began - last.timestamp() >= EVERY_S
    problem = ""
    if due and stack["StackStatus"] in CHECKED_IN:
        problem = _begin(aws, stack)
    if last is None or stale:
        return {"drifts": None, "problem": problem}
    status = told.get("StackDriftStatus")
    fresh = aws.began - last.timestamp() < TAKES_S
    if status == "IN_SYNC" and not (fresh and updated):
        return {"drifts": [], "problem": problem}

    def read() -> list[Doc]:
        asked = {"StackName": stack["StackId"]}
        return aws.pages(
            "cloudformation", "DescribeStackResourceDrifts", "StackResourceDrifts", asked
        )

    if fresh:
        drifts = read()
    else:
        what = ("cloudformation", "drifts", str(stack["StackId"]))
        drifts = under_token(aws, "", what, f"{last.isoformat()} {status}", read)
    unsaid = status == "NOT_CHECKED" and not drifts
    if updated is not None:  # the last results, while a detection after it is under way
        unsaid |= any(d["Timestamp"] < updated for d in drifts)
    return {"drifts": None if unsaid else drifts, "problem": problem}


def _begin(aws: Aws, stack: Mapping[str, Any]) -> str:
    """Ask for a detection, unless one is under way; why that was refused."""
    try:
        aws.read("cloudformation", "DetectStackDrift", {"StackName": stack["StackName"]})
    except AwsFailure as failure:
        return "" if "in progress" in failure.message else str(failure)
    return ""


def found_by_cloudformation(doc: Mapping[str, Any]) -> list[Change]:
    """The drift that was found, as changes; and what could not be found out, as unknown."""
    changes = [change for drift in doc["drifts"] or () for change in _changes(drift)]
    unknown = doc["problem"] or (
        "CloudFormation has not looked for drift yet" if doc["drifts"] is None else ""
    )
    if unknown:
        changes.append(Change((RESOURCES,), None, None, None, "unknown", "", unknown))
    return changes


def _changes(drift: Mapping[str, Any]) -> Iterator[Change]:
    here: tuple[Part, ...] = (RESOURCES, Entry(str(drift["LogicalResourceId"])))
    note = f"as CloudFormation saw it at {moment(drift.get('Timestamp'))}"
    status = drift.get("StackResourceDriftStatus")
    if status == "DELETED":
        was = str(drift.get("PhysicalResourceId") or drift["ResourceType"])
        yield Change(here, was, None, was, "differs", "drift", note)
    elif status == "UNKNOWN":
        why = str(drift.get("DriftStatusReason") or "CloudFormation could not look at it")
        yield Change(here, None, None, None, "unknown", "", why)
    elif status == "MODIFIED":
        for each in drift.get("PropertyDifferences") or ():
            steps = list(_steps(each["PropertyPath"]))
            was, now = (shown(steps, _value(each[it])) for it in ("ExpectedValue", "ActualValue"))
            yield Change((*here, *steps), was, now, was, "differs", "drift", note)


def _steps(path: str) -> Iterator[str | int]:
    """`/SecurityGroupIngress/1/CidrIp` → its parts; `~1` and `~0` as in JSON pointers."""
    for step in path.removeprefix("/").split("/"):
        yield int(step) if step.isdigit() else step.replace("~1", "/").replace("~0", "~")


def _value(text: str) -> Any:
    """A property's value; documents and lists are told as JSON."""
    if text[:1] in "{[" or text == "null":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def moment(at: datetime | None) -> str:
    """A time of AWS's, to the second; empty if there is none."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
