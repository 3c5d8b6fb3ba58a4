"""CloudFormation: stacks made and deleted, and what can be read of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.cloudformation_calls import Caller
from sandbox.cloudformation_stacks import Stack, Worker, exports_of, records, stacks_of
from sandbox.cloudformation_template import Doc, Scope, bad, parameters, parse
from sandbox.errors import AwsError, NotSimulated
from sandbox.nested import refuse_unless
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import from_pairs
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/"
PAGE = 100
NEEDS = {"AWS::IAM::Role": "RoleName"}
"""Types that need a capability, and the property that makes it `CAPABILITY_NAMED_IAM`."""


def find(ctx: Context, store: Store, name: str) -> Stack:
    """A stack by its id, or by its name if it is not deleted."""
    if name in stacks_of(store):
        return stacks_of(store)[name]
    for stack in stacks_of(store).values():
        if stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE":
            return stack
    raise bad(f"Stack with id {name} does not exist")


def worker(ctx: Context, stack: Stack) -> Worker:
    """CloudFormation, to go to work on a stack for the caller."""
    return Worker(Caller(ctx.world, ctx.account, ctx.region, ctx.access_key), stack)


def prepared(ctx: Context, params: Params) -> Stack:
    """The stack that a request describes, checked, nothing of it made yet."""
    if "TemplateURL" in params:
        raise NotSimulated("CloudFormation: TemplateURL")
    if "TemplateBody" not in params:
        raise bad("Either Template URL or Template Body must be specified.")
    if len(params["TemplateBody"].encode()) > 51_200:
        raise bad("1 validation error detected: Value at 'templateBody' failed to satisfy "
                  "constraint: Member must have length less than or equal to 51200")  # fmt: skip
    call = Caller(ctx.world, ctx.account, ctx.region, ctx.access_key)
    template = parse(params["TemplateBody"])
    given = {p["ParameterKey"]: p.get("ParameterValue", "") for p in params.get("Parameters", ())}

    def stored(name: str) -> str:
        return str(call("ssm", "GetParameter", Name=name)["Parameter"]["Value"])

    name, identifier = params["StackName"], ctx.uuid()
    stack_id = ctx.arn(f"stack/{name}/{identifier}")
    values = parameters(template, given, stored)
    zones = call("ec2", "DescribeAvailabilityZones")["AvailabilityZones"]
    tags = from_pairs(params.get("Tags"), "ValidationError")
    stack: Stack = {
        "StackId": stack_id,
        "StackName": name,
        "CreationTime": ctx.now,
        "Parameters": [
            {"ParameterKey": k, "ParameterValue": _shown(template["Parameters"][k], values[k])}
            for k in values
        ],
        "Capabilities": list(params.get("Capabilities", ())),
        "DisableRollback": params.get("DisableRollback", False),
        "EnableTerminationProtection": params.get("EnableTerminationProtection", False),
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "NotificationARNs": list(params.get("NotificationARNs", ())),
        "RollbackConfiguration": {},
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        "_tags": tags,
        "_template": template,
        "_parameters": values,
        "_zones": [z["ZoneName"] for z in zones],
        "_pseudo": {
            "AWS::AccountId": ctx.account,
            "AWS::Region": ctx.region,
            "AWS::StackName": name,
            "AWS::StackId": stack_id,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NotificationARNs": list(params.get("NotificationARNs", ())),
        },
        "_events": [],
    }
    if "Description" in template:
        stack["Description"] = template["Description"]
    scope = Scope(template, values, stack["_pseudo"], stack["_zones"], exports_of(ctx.store))
    scope.assertions()
    stack["_resources"] = records(scope)
    _refuse_without_capability(template, stack)
    return stack


def _shown(declared: Doc, value: Any) -> str:
    text = ",".join(value) if isinstance(value, list) else str(value)
    return "****" if str(declared.get("NoEcho", "")).lower() == "true" else text


def _refuse_without_capability(template: Doc, stack: Stack) -> None:
    kinds = [r for r in template["Resources"].values() if r["Type"] in NEEDS]
    named = any(NEEDS[r["Type"]] in (r.get("Properties") or {}) for r in kinds)
    enough = {"CAPABILITY_NAMED_IAM"} if named else {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}
    if kinds and not enough & set(stack["Capabilities"]):
        needed = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
        raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")


def refuse_second(ctx: Context, name: str) -> None:
    """A name is free again once its stack is deleted."""
    for stack in stacks_of(ctx.store).values():
        if stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE":
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")


@behaviour(
    "cloudformation", "CreateStack",
    "StackName TemplateBody TemplateURL Parameters DisableRollback TimeoutInMinutes Capabilities"
    " OnFailure Tags ClientRequestToken EnableTerminationProtection",
    evidence="documented",
    source=API + "API_CreateStack.html; resources and their tags: https://docs.aws.amazon.com/"
    "AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html and the types' "
    "provider schemas; assumed: how long a look at each resource takes, the random part of names",
)  # fmt: skip
def create_stack(ctx: Context, params: Params) -> Reply:
    refuse_second(ctx, params["StackName"])
    stack = prepared(ctx, params)
    keeps = "DO_NOTHING" if params.get("DisableRollback") else "ROLLBACK"
    stack["_on_failure"] = params.get("OnFailure", keeps)
    stacks_of(ctx.store)[stack["StackId"]] = stack
    worker(ctx, stack).create()
    return {"StackId": stack["StackId"]}


@behaviour(
    "cloudformation", "DeleteStack", "StackName RetainResources ClientRequestToken",
    evidence="documented", source=API + "API_DeleteStack.html",
)  # fmt: skip
def delete_stack(ctx: Context, params: Params) -> Reply:
    refuse_unless("RetainResources", params.get("RetainResources") or None)
    try:
        stack = find(ctx, ctx.store, params["StackName"])
    except AwsError:  # "If the stack doesn't exist, the operation still succeeds" (assumed)
        return {}
    if stack["EnableTerminationProtection"]:
        raise bad(f"Stack [{stack['StackName']}] cannot be deleted while TerminationProtection is "
                  "enabled")  # fmt: skip
    if stack["StackStatus"] in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
        return {}
    worker(ctx, stack).delete()
    return {}


@behaviour(
    "cloudformation", "UpdateTerminationProtection", "EnableTerminationProtection StackName",
    evidence="documented", source=API + "API_UpdateTerminationProtection.html",
)  # fmt: skip
def update_termination_protection(ctx: Context, params: Params) -> Reply:
    stack = find(ctx, ctx.store, params["StackName"])
    stack["EnableTerminationProtection"] = params["EnableTerminationProtection"]
    return {"StackId": stack["StackId"]}


def shown(stack: Stack) -> Doc:
    """A stack as DescribeStacks shows it."""
    return {k: v for k, v in stack.items() if not k.startswith("_")}


@behaviour(
    "cloudformation", "DescribeStacks", "StackName NextToken",
    evidence="documented", source=API + "API_DescribeStacks.html",
)  # fmt: skip
def describe_stacks(ctx: Context, params: Params) -> Reply:
    if "StackName" in params:
        return {"Stacks": [shown(find(ctx, ctx.store, params["StackName"]))]}
    living = [s for s in stacks_of(ctx.store).values() if s["StackStatus"] != "DELETE_COMPLETE"]
    return _page("Stacks", [shown(s) for s in living], params)


@behaviour(
    "cloudformation", "ListStacks", "NextToken StackStatusFilter",
    evidence="documented", source=API + "API_ListStacks.html",
)  # fmt: skip
def list_stacks(ctx: Context, params: Params) -> Reply:
    wanted = params.get("StackStatusFilter")
    kept = ctx.now - timedelta(days=90)
    found = [
        {
            "StackId": s["StackId"],
            "StackName": s["StackName"],
            "CreationTime": s["CreationTime"],
            "StackStatus": s["StackStatus"],
            "DriftInformation": s["DriftInformation"],
            **({"DeletionTime": s["DeletionTime"]} if "DeletionTime" in s else {}),
        }
        for s in stacks_of(ctx.store).values()
        if (not wanted or s["StackStatus"] in wanted) and s.get("DeletionTime", ctx.now) > kept
    ]
    return _page("StackSummaries", found, params)


@behaviour(
    "cloudformation", "DescribeStackEvents", "StackName NextToken",
    evidence="documented", source=API + "API_DescribeStackEvents.html",
)  # fmt: skip
def describe_stack_events(ctx: Context, params: Params) -> Reply:
    stack = find(ctx, ctx.store, params["StackName"])
    return _page("StackEvents", list(reversed(stack["_events"])), params)


def _resource(stack: Stack, name: str, record: Doc, when: str) -> Doc:
    drift = stack.get("_drifts", {}).get(name, {})
    made = {
        "LogicalResourceId": name,
        "ResourceType": record["type"],
        "ResourceStatus": record["status"],
        when: record["at"],
        "DriftInformation": {
            "StackResourceDriftStatus": drift.get("StackResourceDriftStatus", "NOT_CHECKED"),
            **({"LastCheckTimestamp": drift["Timestamp"]} if drift else {}),
        },
    }
    if record.get("physical"):
        made["PhysicalResourceId"] = record["physical"]
    if record["reason"]:
        made["ResourceStatusReason"] = record["reason"]
    return made


@behaviour(
    "cloudformation", "DescribeStackResources", "StackName LogicalResourceId PhysicalResourceId",
    evidence="documented", source=API + "API_DescribeStackResources.html",
)  # fmt: skip
def describe_stack_resources(ctx: Context, params: Params) -> Reply:
    physical, logical = params.get("PhysicalResourceId"), params.get("LogicalResourceId")
    if "StackName" in params:
        stack = find(ctx, ctx.store, params["StackName"])
    else:
        every = (s for s in stacks_of(ctx.store).values() if s["StackStatus"] != "DELETE_COMPLETE")
        held = [s for s in every if any(
            r.get("physical") == physical for r in s["_resources"].values())]  # fmt: skip
        if not held:
            raise bad(f"Stack for {physical} does not exist")
        stack = held[0]
    found = [
        {"StackId": stack["StackId"], "StackName": stack["StackName"]}
        | _resource(stack, name, record, "Timestamp")
        for name, record in stack["_resources"].items()
        if record["status"] and logical in (None, name)
    ]
    return {"StackResources": found}


@behaviour(
    "cloudformation", "ListStackResources", "StackName NextToken",
    evidence="documented", source=API + "API_ListStackResources.html",
)  # fmt: skip
def list_stack_resources(ctx: Context, params: Params) -> Reply:
    stack = find(ctx, ctx.store, params["StackName"])
    found = [
        _resource(stack, name, record, "LastUpdatedTimestamp")
        for name, record in stack["_resources"].items()
        if record["status"]
    ]
    return _page("StackResourceSummaries", found, params)


def _page(noun: str, items: list[Doc], params: Params) -> Reply:
    start = int(params.get("NextToken") or 0)
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(items) else {}
    return {noun: items[start : start + PAGE], **more}
