"""CloudFormation: what a drift-aware change set would change, and its execution.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
It compares what is with the template when it is made: what was changed is modified, what was
deleted is made again, and drift of tags that the template doesn't name is left. Assumed: how long
each takes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.behaviours.cloudformation_drift import READER, look
from sandbox.cloudformation_back import put_back, refuse_unknown
from sandbox.cloudformation_calls import Caller
from sandbox.cloudformation_stacks import Stack, Worker
from sandbox.cloudformation_template import Doc
from sandbox.errors import NotSimulated
from sandbox.registry import Context


def _at_work(ctx: Context, stack: Stack) -> Worker:
    ctx.world.accounts[READER] = ctx.account
    return Worker(Caller(ctx.world, ctx.account, ctx.region, READER), stack)


def changes_of_revert(ctx: Context, stack: Stack) -> list[Doc]:
    """`Changes` of the change set, by what CloudFormation reads now."""
    return [
        {"Type": "Resource", "ResourceChange": _change(name, drift)}
        for name, drift in look(_at_work(ctx, stack), stack).items()
        if drift["StackResourceDriftStatus"] in ("MODIFIED", "DELETED")
    ]


def _change(name: str, drift: Doc) -> Doc:
    both = {
        "LogicalResourceId": name,
        "ResourceType": drift["ResourceType"],
        "ResourceDriftStatus": drift["StackResourceDriftStatus"],
    }
    if drift["StackResourceDriftStatus"] == "DELETED":
        return {**both, "Action": "Add", "Scope": [], "Details": []}
    refuse_unknown(drift["ResourceType"], drift["PropertyDifferences"])
    return {
        **both, "Action": "Modify", "PhysicalResourceId": drift["PhysicalResourceId"],
        "Replacement": "False", "Scope": ["Properties"],
        "Details": [
            {
                "Target": {
                    "Attribute": "Properties", "Name": each["PropertyPath"].split("/")[1],
                    "Path": each["PropertyPath"], "RequiresRecreation": "Never",
                    "BeforeValue": each["ActualValue"], "AfterValue": each["ExpectedValue"],
                    "BeforeValueFrom": "ACTUAL_STATE", "AfterValueFrom": "TEMPLATE",
                },
                "Evaluation": "Static", "ChangeSource": "DirectModification",
            }
            for each in drift["PropertyDifferences"]
        ],
    }  # fmt: skip


def begin_revert(
    ctx: Context, stack: Stack, change_set: dict[str, Any], done: Callable[[], None]
) -> None:
    """Execute it, with the role that it names; `done` when the stack is complete.

    The role is the stack's from then on. What is live is compared once more, so that what somebody
    put right in the meantime is no error.
    """
    at_work = _at_work(ctx, stack)
    if not change_set["_role"]:
        raise NotSimulated("a change set that reverts drift with the permissions of its caller")
    stack["RoleARN"] = change_set["_role"]
    stack["LastUpdatedTime"] = ctx.now
    at_work.event(stack["StackName"], "UPDATE_IN_PROGRESS", "User Initiated")
    changes = [each["ResourceChange"] for each in change_set["Changes"]]

    def work() -> None:
        for change in changes:
            name = change["LogicalResourceId"]
            record = stack["_resources"][name]
            if change["Action"] == "Add":
                record.pop("physical", None)
                at_work._make(name, record)
                at_work._look(name, record)
                if record["status"] != "CREATE_COMPLETE":
                    raise NotSimulated(f"a {record['type']} that takes a while to make again")
                continue
            at_work.event(name, "UPDATE_IN_PROGRESS")
            put_back(at_work, name, record)
            at_work.event(name, "UPDATE_COMPLETE")
        at_work.event(stack["StackName"], "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        ctx.world.clock.after(timedelta(seconds=5), ended)

    def ended() -> None:
        at_work.event(stack["StackName"], "UPDATE_COMPLETE")
        done()

    ctx.world.clock.after(timedelta(seconds=ctx.world.rng.uniform(20, 60)), work)
