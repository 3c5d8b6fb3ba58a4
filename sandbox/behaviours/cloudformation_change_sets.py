"""CloudFormation: change sets, as `aws cloudformation deploy` uses them.

Those that create a stack, those that find nothing to change in one, and those that revert its drift
(`cloudformation_revert.py`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.behaviours.cloudformation import find, prepared, worker
from sandbox.behaviours.cloudformation_revert import begin_revert, changes_of_revert
from sandbox.cloudformation_stacks import stacks_of
from sandbox.cloudformation_template import bad
from sandbox.errors import AwsError, NotSimulated
from sandbox.nested import refuse_unless
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/"
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a "
    "change set."
)


def _sets(ctx: Context) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = ctx.store.setdefault("change_sets", {})
    return found


@behaviour(
    "cloudformation", "CreateChangeSet",
    "StackName TemplateBody TemplateURL Parameters Capabilities Tags ChangeSetName ClientToken"
    " Description ChangeSetType NotificationARNs DeploymentMode UsePreviousTemplate RoleARN",
    evidence="documented",
    source=API + "API_CreateChangeSet.html; only for a stack that is yet to be made, one that "
    "is as the request says, or to revert drift",
)  # fmt: skip
def create_change_set(ctx: Context, params: Params) -> Reply:
    if "DeploymentMode" in params:
        return _to_revert(ctx, params)
    refuse_unless("RoleARN", params.get("RoleARN"))
    refuse_unless("UsePreviousTemplate", params.get("UsePreviousTemplate") or None)
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
        "StatusReason": NO_CHANGES,
        "ExecutionStatus": "UNAVAILABLE",
        "Changes": [],
    }
    return {"Id": key, "StackId": stack["StackId"]}


def _to_revert(ctx: Context, params: Params) -> Reply:
    """A drift-aware change set: CloudFormation reads the resources, and says what it would do."""
    refuse_unless("DeploymentMode", params["DeploymentMode"], "REVERT_DRIFT")
    refuse_unless("UsePreviousTemplate", params.get("UsePreviousTemplate"), True)
    stack = find(ctx, ctx.store, params["StackName"])
    refuse_unless("Tags", params.get("Tags") or None)
    for held in _sets(ctx).values():
        if held["StackId"] == stack["StackId"] and held["ChangeSetName"] == params["ChangeSetName"]:
            raise AwsError("AlreadyExistsException", f"ChangeSet {params['ChangeSetName']} cannot "
                           "be created due to a mismatch with existing attributes")  # fmt: skip
    given = {p["ParameterKey"]: p.get("UsePreviousValue") for p in params.get("Parameters", ())}
    if given != {p["ParameterKey"]: True for p in stack["Parameters"]}:
        raise NotSimulated("a change set that reverts drift, with other parameters")
    if set(stack["Capabilities"]) - set(params.get("Capabilities", ())):
        raise AwsError("InsufficientCapabilitiesException",
                       f"Requires capabilities : {stack['Capabilities']}")  # fmt: skip
    key = ctx.arn(f"changeSet/{params['ChangeSetName']}/{ctx.uuid()}")
    made = _sets(ctx)[key] = {
        "ChangeSetId": key,
        "ChangeSetName": params["ChangeSetName"],
        "StackId": stack["StackId"],
        "StackName": stack["StackName"],
        "CreationTime": ctx.now,
        "Status": "CREATE_PENDING",
        "ExecutionStatus": "UNAVAILABLE",
        "DeploymentMode": "REVERT_DRIFT",
        "Parameters": stack["Parameters"],
        "Capabilities": stack["Capabilities"],
        "Tags": stack["Tags"],
        "Changes": [],
        "_role": params.get("RoleARN"),
    }
    if params.get("Description"):
        made["Description"] = params["Description"]

    def done() -> None:
        if made["ChangeSetId"] not in _sets(ctx):
            return
        made["Changes"] = changes_of_revert(ctx, stack)
        if made["Changes"]:
            made.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE",
                        StackDriftStatus="DRIFTED")  # fmt: skip
        else:
            made.update(Status="FAILED", StatusReason=NO_CHANGES, StackDriftStatus="IN_SYNC")

    ctx.world.clock.after(timedelta(seconds=ctx.world.rng.uniform(20, 60)), done)
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
    return {k: v for k, v in _find(ctx, params).items() if not k.startswith("_")}


@behaviour(
    "cloudformation", "ListChangeSets", "StackName NextToken",
    evidence="documented",
    source=API + "API_ListChangeSets.html: the active ones; one that was executed is not (assumed)",
)  # fmt: skip
def list_change_sets(ctx: Context, params: Params) -> Reply:
    stack = find(ctx, ctx.store, params["StackName"])
    says = (
        "StackId", "StackName", "ChangeSetId", "ChangeSetName", "ExecutionStatus", "Status",
        "StatusReason", "CreationTime", "Description",
    )  # fmt: skip
    return {
        "Summaries": [
            {name: held[name] for name in says if name in held}
            for held in _sets(ctx).values()
            if held["StackId"] == stack["StackId"] and held["ExecutionStatus"] != "EXECUTE_COMPLETE"
        ]
    }


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
    stack = find(ctx, ctx.store, held["StackId"])
    if "DeploymentMode" in held:
        refuse_unless("DisableRollback", params.get("DisableRollback") or None)
        held["ExecutionStatus"] = "EXECUTE_IN_PROGRESS"

        def done() -> None:
            """ "CloudFormation deletes all other change sets": so says ExecuteChangeSet."""
            for key, each in list(_sets(ctx).items()):
                if each["StackId"] == stack["StackId"]:
                    del _sets(ctx)[key]

        begin_revert(ctx, stack, held, done)
        return {}
    held["ExecutionStatus"] = "EXECUTE_COMPLETE"
    stack["DisableRollback"] = bool(params.get("DisableRollback"))
    if params.get("DisableRollback"):
        stack["_on_failure"] = "DO_NOTHING"
    worker(ctx, stack).create()
    return {}
