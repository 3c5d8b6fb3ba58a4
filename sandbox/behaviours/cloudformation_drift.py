"""CloudFormation: drift of stacks, detected when somebody asks for it, and read later."""

from __future__ import annotations

from datetime import timedelta

from sandbox.behaviours.cloudformation import API, find
from sandbox.cloudformation_calls import Caller
from sandbox.cloudformation_live import attached, differences, reader
from sandbox.cloudformation_stacks import Stack, Worker
from sandbox.cloudformation_template import Doc, bad
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour

GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html"
CHECKED_IN = (
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED",
)  # fmt: skip
SECONDS = (60, 180)
"""How long a detection takes: AWS says "up to several minutes"."""
MOST = 100
READER = "AKIACLOUDFORMATION"
"""Who CloudFormation is when it reads. In AWS it has the permissions of whoever asked for the
detection; what it can't read is UNKNOWN. Here it can read all that the sandbox has."""


@behaviour(
    "cloudformation", "DetectStackDrift", "StackName",
    evidence="documented",
    source=API + f"API_DetectStackDrift.html; states of a stack: {GUIDE}; assumed: how long it "
    "takes, the words in which a second one is refused, and that all is read at its end. "
    "LastCheckTimestamp is when it was begun (API_StackDriftInformation.html). What the sandbox "
    "can't read is not checked",
)  # fmt: skip
def detect_stack_drift(ctx: Context, params: Params) -> Reply:
    stack = find(ctx, ctx.store, params["StackName"])
    if stack["StackStatus"] not in CHECKED_IN:
        raise bad(f"Drift detection is not allowed for stacks in {stack['StackStatus']}")
    if stack.get("_detecting"):
        raise bad(f"Drift detection is already in progress for stack {stack['StackId']}")
    detection = {
        "StackId": stack["StackId"],
        "StackDriftDetectionId": ctx.uuid(),
        "DetectionStatus": "DETECTION_IN_PROGRESS",
        "Timestamp": ctx.now,
    }
    ctx.store.setdefault("detections", {})[detection["StackDriftDetectionId"]] = detection
    stack["_detecting"] = detection["StackDriftDetectionId"]
    stack["DriftInformation"] = {**stack["DriftInformation"], "LastCheckTimestamp": ctx.now}
    ctx.world.accounts[READER] = ctx.account
    at_work = Worker(Caller(ctx.world, ctx.account, ctx.region, READER), stack)

    def ended() -> None:
        stack.pop("_detecting", None)
        stack["_drifts"] = look(at_work, stack)
        told = stack["_drifts"].values()
        drifted = [d for d in told if d["StackResourceDriftStatus"] in ("MODIFIED", "DELETED")]
        stack["DriftInformation"] = {
            **stack["DriftInformation"], "StackDriftStatus": "DRIFTED" if drifted else "IN_SYNC",
        }  # fmt: skip
        detection.update(
            DetectionStatus="DETECTION_COMPLETE", DriftedStackResourceCount=len(drifted),
            StackDriftStatus=stack["DriftInformation"]["StackDriftStatus"],
        )  # fmt: skip

    ctx.world.clock.after(timedelta(seconds=ctx.world.rng.uniform(*SECONDS)), ended)
    return {"StackDriftDetectionId": detection["StackDriftDetectionId"]}


def look(at_work: Worker, stack: Stack) -> dict[str, Doc]:
    """Every resource that can be read, compared with its template."""
    now = at_work.call.world.clock.now()
    made = {n: r for n, r in stack["_resources"].items() if r.get("physical")}
    declared = {name: at_work.declared(name) for name in made}
    found: dict[str, Doc] = {}
    for name, record in made.items():
        kind, physical = record["type"], record["physical"]
        knows = reader(kind, declared[name])
        if knows is None:
            continue
        drift = found[name] = {
            "StackId": stack["StackId"], "LogicalResourceId": name, "ResourceType": kind,
            "PhysicalResourceId": physical, "Timestamp": now,
        }  # fmt: skip
        live = knows.read(at_work.call, physical)
        if live is None:
            drift["StackResourceDriftStatus"] = "DELETED"
            continue
        others = [(made[n]["type"], declared[n]) for n in made if n != name]
        wanted = {k: v for k, v in declared[name].items() if k not in knows.unmade}
        differ = differences(wanted, attached(kind, physical, others, live))
        drift["StackResourceDriftStatus"] = "MODIFIED" if differ else "IN_SYNC"
        if differ:
            drift["PropertyDifferences"] = differ
    return found


@behaviour(
    "cloudformation", "DescribeStackDriftDetectionStatus", "StackDriftDetectionId",
    evidence="documented", source=API + "API_DescribeStackDriftDetectionStatus.html",
)  # fmt: skip
def describe_stack_drift_detection_status(ctx: Context, params: Params) -> Reply:
    asked = params["StackDriftDetectionId"]
    try:
        found: Reply = ctx.store.get("detections", {})[asked]
    except KeyError:
        raise bad(f"Drift detection with id {asked} does not exist") from None
    return found


@behaviour(
    "cloudformation", "DescribeStackResourceDrifts",
    "StackName StackResourceDriftStatusFilters NextToken MaxResults",
    evidence="documented",
    source=API + "API_DescribeStackResourceDrifts.html: one for each resource that was checked, "
    "none for others. Expected and actual properties as a whole are left out",
)  # fmt: skip
def describe_stack_resource_drifts(ctx: Context, params: Params) -> Reply:
    stack = find(ctx, ctx.store, params["StackName"])
    asked = params.get("StackResourceDriftStatusFilters")
    found = [
        drift
        for drift in stack.get("_drifts", {}).values()
        if not asked or drift["StackResourceDriftStatus"] in asked
    ]
    start, most = int(params.get("NextToken") or 0), int(params.get("MaxResults") or MOST)
    if not 1 <= most <= MOST:
        raise AwsError("ValidationError", f"MaxResults must be 1 to {MOST}")
    more = {"NextToken": str(start + most)} if start + most < len(found) else {}
    return {"StackResourceDrifts": found[start : start + most], **more}
