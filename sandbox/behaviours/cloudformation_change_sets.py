"""CloudFormation: change sets, as `aws cloudformation deploy` uses them.

Those that create a stack, and those that find nothing to change in one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.behaviours.cloudformation import find, prepared, worker
from sandbox.cloudformation_stacks import stacks_of
from sandbox.cloudformation_template import bad
from sandbox.errors import AwsError, NotSimulated
from sandbox.nested import refuse_unless
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/"


def _sets(ctx: Context) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = ctx.store.setdefault("change_sets", {})
    return found


@behaviour(
    "cloudformation", "CreateChangeSet",
    "StackName TemplateBody TemplateURL Parameters Capabilities Tags ChangeSetName ClientToken"
    " Description ChangeSetType NotificationARNs",
    evidence="documented",
    source=API + "API_CreateChangeSet.html; only for a stack that is yet to be made, or one that "
    "is as the request says",
)  # fmt: skip
def create_change_set(ctx: Context, params: Params) -> Reply:
    if params.get("ChangeSetType", "UPDATE") == "UPDATE":
        return _nothing_to_change(ctx, params)
    refuse_unless("ChangeSetType", params["ChangeSetType"], "CREATE")
    for held in stacks_of(ctx.store).values():
        if held["StackName"] == params["StackName"] and held["StackStatus"] not in (
            "DELETE_COMPLETE", "REVIEW_IN_PROGRESS",
        ):  # fmt: skip
            raise bad(f"Stack [{params['StackName']}] already exists and cannot be created again "
                      f"with the changeSet [{params['ChangeSetName']}].")  # fmt: skip
    stack = prepared(ctx, params) | {"_on_failure": "ROLLBACK"}
    under_review = [
        s for s in stacks_of(ctx.store).values()
        if s["StackName"] == params["StackName"] and s["StackStatus"] == "REVIEW_IN_PROGRESS"
    ]  # fmt: skip
    if under_review:
        raise NotSimulated("a second change set for a stack under review")
    stacks_of(ctx.store)[stack["StackId"]] = stack
    worker(ctx, stack).event(stack["StackName"], "REVIEW_IN_PROGRESS", "User Initiated")
    key = ctx.arn(f"changeSet/{params['ChangeSetName']}/{ctx.uuid()}")
    made = _sets(ctx)[key] = {
        "ChangeSetId": key,
        "ChangeSetName": params["ChangeSetName"],
        "StackId": stack["StackId"],
        "StackName": stack["StackName"],
        "CreationTime": ctx.now,
        "Status": "CREATE_IN_PROGRESS",
        "ExecutionStatus": "UNAVAILABLE",
        "Parameters": stack["Parameters"],
        "Capabilities": stack["Capabilities"],
        "Tags": stack["Tags"],
        "Changes": [
            {
                "Type": "Resource",
                "ResourceChange": {
                    "Action": "Add", "LogicalResourceId": name, "ResourceType": record["type"],
                    "Scope": [], "Details": [],
                },
            }
            for name, record in stack["_resources"].items()
        ],
    }  # fmt: skip
    if params.get("Description"):
        made["Description"] = params["Description"]

    def done() -> None:
        made.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE")

    ctx.world.clock.after(timedelta(seconds=ctx.world.rng.uniform(1, 5)), done)
    return {"Id": key, "StackId": stack["StackId"]}


def _nothing_to_change(ctx: Context, params: Params) -> Reply:
    """A change set for a stack that is as the request says: it fails, which is how AWS says so."""
    stack = find(ctx, ctx.store, params["StackName"])
    wanted = prepared(ctx, params)
    for part in ("_template", "_parameters", "_tags"):
        if stack[part] != wanted[part]:
            raise NotSimulated(f"change sets that change a stack ({part.strip('_')})")
    key = ctx.arn(f"changeSet/{params['ChangeSetName']}/{ctx.uuid()}")
    _sets(ctx)[key] = {
        "ChangeSetId": key,
        "ChangeSetName": params["ChangeSetName"],
        "StackId": stack["StackId"],
        "StackName": stack["StackName"],
        "CreationTime": ctx.now,
        "Status": "FAILED",
        "StatusReason": "The submitted information didn't contain changes. Submit different "
        "information to create a change set.",
        "ExecutionStatus": "UNAVAILABLE",
        "Changes": [],
    }
    return {"Id": key, "StackId": stack["StackId"]}


@behaviour(
    "cloudformation", "DeleteChangeSet", "ChangeSetName StackName",
    evidence="documented",
    source=API + "API_DeleteChangeSet.html: a stack under review stays, to be deleted by itself",
)  # fmt: skip
def delete_change_set(ctx: Context, params: Params) -> Reply:
    _sets(ctx).pop(_find(ctx, params)["ChangeSetId"])
    return {}


def _find(ctx: Context, params: Params) -> dict[str, Any]:
    name = params["ChangeSetName"]
    if name in _sets(ctx):
        return _sets(ctx)[name]
    stack = find(ctx, ctx.store, params["StackName"])
    for held in _sets(ctx).values():
        if held["StackId"] == stack["StackId"] and held["ChangeSetName"] == name:
            return held
    raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


@behaviour(
    "cloudformation", "DescribeChangeSet", "ChangeSetName StackName NextToken",
    evidence="documented", source=API + "API_DescribeChangeSet.html",
)  # fmt: skip
def describe_change_set(ctx: Context, params: Params) -> Reply:
    return _find(ctx, params)


@behaviour(
    "cloudformation", "ExecuteChangeSet",
    "ChangeSetName StackName ClientRequestToken DisableRollback",
    evidence="documented", source=API + "API_ExecuteChangeSet.html",
)  # fmt: skip
def execute_change_set(ctx: Context, params: Params) -> Reply:
    held = _find(ctx, params)
    if held["ExecutionStatus"] != "AVAILABLE":
        raise AwsError(
            "InvalidChangeSetStatus",
            f"ChangeSet [{held['ChangeSetId']}] cannot be executed in its current status of "
            f"[{held['Status']}]",
        )
    held["ExecutionStatus"] = "EXECUTE_COMPLETE"
    stack = find(ctx, ctx.store, held["StackId"])
    stack["DisableRollback"] = bool(params.get("DisableRollback"))
    if params.get("DisableRollback"):
        stack["_on_failure"] = "DO_NOTHING"
    worker(ctx, stack).create()
    return {}
