"""Stack: a CloudFormation stack that somebody else deploys, watched for drift.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
One AWS resource, found by its name; it is neither made nor deleted here. Its template says what its
resources are like, and CloudFormation compares them when it is asked to (`kindlib/stack_drift.py`)
and puts them back where `revert` says so (`kindlib/stack_revert.py`).
Nothing marks it as ours: tags of a stack go to all its resources. So `lifecycle.adopt: true` is
what lets a pass write to it, each time anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from controller.aws import Aws, AwsFailure
from controller.diff import Change
from controller.handler import (
    READY,
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
    Unknown,
)
from controller.kindlib.planning import by_field, paths
from controller.kindlib.stack_drift import RESOURCES, drift_of, found_by_cloudformation, moment
from controller.kindlib.stack_revert import (
    CHANGE_SETS,
    being_made,
    change_sets_of,
    discarding,
    left_over,
    reverting,
    why_not,
)
from controller.policies import ActionOption, Doc
from controller.references import escape
from controller.spec import Arn, Model, Outputs, Spec

OURS = "Plumbline - "
"""How the descriptions of the templates begin that Plumbline itself runs by."""

STANDS = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")

_DEPLOY = "a stack is deployed from its template (make bootstrap, aws cloudformation deploy)"


class Revert(Model):
    """With what CloudFormation puts back what drifted."""

    role_arn: Arn
    """ARN of a role that CloudFormation may assume and that may change what is in the stack. The
    stack keeps it: CloudFormation uses it for every later deployment, too."""


class StackSpec(Spec):
    """A CloudFormation stack, deployed by others. Its drift is compared with its template: paths
    are `resources[<logical id>].<property>`."""

    instead: ClassVar[Mapping[str, str]] = {
        "stackName": "the name is metadata.name, or metadata.externalName",
        "templateBody": _DEPLOY,
        "templateURL": _DEPLOY,
        "parameters": _DEPLOY,
        "tags": f"AWS gives the tags of a stack to all its resources; {_DEPLOY}",
        "resources": f"the template says what they are like; {_DEPLOY}",
    }

    enable_termination_protection: bool = True
    """Refuse to delete the stack. AWS's default is false."""

    revert: Annotated[Revert | None, ActionOption()] = None
    """Have CloudFormation revert the drift of the stack's resources. Without it, it is told."""


class StackOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN of the stack, AWS's `StackId`."""


class StackHandler(Handler):
    """Knows stacks."""

    kind = "Stack"
    spec = StackSpec
    outputs = StackOutputs
    name_pattern = r"[A-Za-z][A-Za-z0-9-]{0,127}"
    name_says = "1-128 letters, digits or hyphens, beginning with a letter"
    holds_data = True
    held_by = "file"
    beside = (RESOURCES, CHANGE_SETS)
    reads: ClassVar = (
        "cloudformation:DescribeStacks", "cloudformation:DetectStackDrift",
        "cloudformation:DescribeStackResourceDrifts", "cloudformation:ListChangeSets",
        "cloudformation:DescribeChangeSet",
    )  # fmt: skip
    writes: ClassVar = (
        "cloudformation:UpdateTerminationProtection", "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """One stack by its name, several from the list of all; then what is known of their drift.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
        """
        try:
            stacks = _stacks(aws, sorted({t.name for t in targets}))
        except AwsFailure as failure:
            return {t.key: Unknown(str(failure)) for t in targets}
        names = sorted({t.name for t in targets if t.name in stacks})
        roles = {t.name: t.spec["revert"]["roleArn"] for t in targets if t.spec.get("revert")}
        seen = aws.gather(
            *(partial(_present, aws, stacks[name], role=roles.get(name, "")) for name in names)
        )
        by_name: dict[str, Observation] = {
            name: Unknown(str(each)) if isinstance(each, AwsFailure) else each
            for name, each in zip(names, seen, strict=True)
        }
        return {t.key: by_name.get(t.name, Absent()) for t in targets}

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        return {
            "enableTerminationProtection": bool(doc["stack"].get("EnableTerminationProtection"))
        }

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        return f"Plumbline makes no stacks: {_DEPLOY}, then it is watched"

    def drifted(self, doc: Mapping[str, Any]) -> list[Change]:
        return [*found_by_cloudformation(doc), *left_over(doc)]

    def forbidden(self, doc: Mapping[str, Any]) -> str:
        stack = doc["stack"]
        if stack.get("ParentId"):
            return f"it is nested in {stack['ParentId']}: it changes with that"
        if str(stack.get("Description", "")).startswith(OURS):
            return "Plumbline runs by it, and does not change what it runs by"
        return ""

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        """A rolled-back update is a failure that somebody has to look at, though all stands."""
        stack = doc["stack"]
        status, reason = str(stack["StackStatus"]), str(stack.get("StackStatusReason", ""))
        if status in STANDS:
            checked = moment(stack.get("DriftInformation", {}).get("LastCheckTimestamp"))
            when = f"drift was last looked for at {checked}" if checked else ""
            return Readiness("ready", READY.reason, when)
        if status.endswith("_IN_PROGRESS"):
            return Readiness("in-progress", "InProgress", f"status {status}")
        return Readiness("failed", "Failed", ": ".join(filter(None, (f"status {status}", reason))))

    def modifiable(self, doc: Mapping[str, Any]) -> str:
        status = str(doc["stack"]["StackStatus"])
        return f"status {status}" if status.endswith("_IN_PROGRESS") else being_made(doc)

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return {"name": doc["stack"]["StackName"], "arn": doc["stack"]["StackId"]}

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """Protection at once; of a revert the next call, which the pass after this one follows."""
        if isinstance(observed, Absent):
            return []
        fields, actions = by_field(changes), []
        if protection := fields.get("enableTerminationProtection"):
            params = {
                "StackName": target.name,
                "EnableTerminationProtection": target.spec["enableTerminationProtection"],
            }
            actions.append(
                Action("cloudformation", "UpdateTerminationProtection", params, paths(protection),
                       step="protection")
            )  # fmt: skip
        drift, revert = fields.get(RESOURCES), target.spec.get("revert")
        doc = escape(observed.doc)
        actions += discarding(doc["stack"], fields.get(CHANGE_SETS, ()))
        if drift and revert:
            actions += reverting(doc["stack"], doc, revert["roleArn"], drift)
        return actions

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned. A change set that is there already was made for the same drift."""
        try:
            return super().apply(aws, target, action, params)
        except AwsFailure as failure:
            if action.operation == "CreateChangeSet" and failure.failure == "exists":
                return {}
            raise

    def obstacle(self, observed: Present, change: Change) -> str:
        if change.top != RESOURCES:
            return ""
        if "changeSets" in observed.doc:
            return f"{change.note}; {why_not(observed.doc)}"
        return (
            f"{change.note}; undo it, put it into the template, or have CloudFormation revert it: "
            "`revert.roleArn` here, or aws cloudformation create-change-set "
            "--deployment-mode REVERT_DRIFT "
            f"--use-previous-template --stack-name {observed.doc['stack']['StackName']} …"
        )

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """None: what is only watched is left as it is."""
        return []

    def discover(self, aws: Aws) -> list[Found]:
        """None: an import writes down resources, and those of a stack are written in its template:
        who wants a stack watched names it."""
        return []


def _stacks(aws: Aws, names: list[str]) -> dict[str, Doc]:
    """Stacks by name, those that are there. Raises `AwsFailure`."""
    if len(names) > 1:
        found = aws.pages("cloudformation", "DescribeStacks", "Stacks")
    else:
        try:
            found = aws.read("cloudformation", "DescribeStacks", {"StackName": names[0]})["Stacks"]
        except AwsFailure as failure:
            if failure.code == "ValidationError" and "does not exist" in failure.message:
                return {}
            raise
    return {stack["StackName"]: stack for stack in found if stack["StackName"] in names}


def _present(aws: Aws, stack: Doc, *, role: str) -> Present:
    found = drift_of(aws, stack)
    if role:
        found |= change_sets_of(aws, stack, role, found["drifts"])
    return Present({"stack": stack, **found})
