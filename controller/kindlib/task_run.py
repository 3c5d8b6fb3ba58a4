"""The run of a task that is done once: where it stands, and how that is kept in mind.

AWS forgets a stopped task after an hour, so its end is written down where it can't be lost: in the
tag `plumbline:run` of the task definition's revision. `1 asked 1795449600`: run 1 is about to be
asked for (seconds of Unix time); `1 succeeded …`, `1 failed …`: how it ended.

That it is never done twice rests on three things. The tag is written before RunTask is called.
RunTask bears a client token made of revision and number; with one token AWS starts one task for as
long as that task lives and an hour more. And a run that was asked for longer ago than that, and of
which nothing is to be seen, may have been: it is not asked for again.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.handler import Absent, Observation, Present, Readiness, Target, Unknown
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.kindlib.task_definition import read_definition, task_changes, task_spec
from controller.kindlib.within import mapping
from controller.policies import Doc
from controller.references import escape
from controller.spec import holds_reference

RUN_TAG = "plumbline:run"
REMOVED = "removed"
"""The tag of revisions whose manifest is gone. They stay, as those of services do: nothing is lost
with them, and IAM could not limit who deregisters what."""

SURE_S = 3300.0
"""Seconds for which a run that was asked for can be told from one that never was: AWS shows a
stopped task, and keeps its token, for an hour. Five minutes less, for whatever is slow."""

_LOOKED_AT = 10
"""So many of a family's newest revisions are looked at."""


def run_of(tags: Mapping[str, str]) -> Doc:
    """What the tag says: `number`, `state` ("": never asked for), `said`."""
    number, _, rest = tags.get(RUN_TAG, "").partition(" ")
    state, _, said = rest.partition(" ")
    if not number.isdigit() or state not in ("asked", "succeeded", "failed"):
        return {"number": 0, "state": "", "said": ""}
    return {"number": int(number), "state": state, "said": said}


def tag_value(number: int, state: str, said: str) -> str:
    """The tag's text, within what AWS takes as the value of a tag."""
    plain = re.sub(r"[^\w .:/=+\-@]", " ", said, flags=re.ASCII)
    return f"{number} {state} {re.sub(' +', ' ', plain)}"[:256].strip()


def token(arn: str, number: int) -> str:
    """Client token and `startedBy` of a run of a revision."""
    return "plumbline-" + hashlib.sha256(f"{arn} {number}".encode()).hexdigest()[:32]


def observe_runs(aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
    """Look at all of them, each by itself: AWS has no call for several families."""
    found = aws.gather(*(partial(_observe, aws, target) for target in targets))
    return {
        t.key: Unknown(str(seen)) if isinstance(seen, AwsFailure) else seen
        for t, seen in zip(targets, found, strict=True)
    }


def _observe(aws: Aws, target: Target) -> Present | Absent:
    declared = "containers" in target.spec
    request: Doc = {"familyPrefix": target.name, "status": "ACTIVE", "sort": "DESC"}
    if declared:
        request["maxResults"] = _LOOKED_AT
        arns = aws.read("ecs", "ListTaskDefinitions", request).get("taskDefinitionArns") or []
    else:
        arns = aws.pages("ecs", "ListTaskDefinitions", "taskDefinitionArns", request)
    if not arns:
        return Absent()
    chosen = _chosen(aws, target, arns)
    if chosen is None:
        return Absent()
    doc: Doc = {**chosen, "run": run_of(chosen["tags"]), "task": None, "lost": False}
    if not declared:
        doc["revisions"] = [a for a in arns if _stands(target, fresh_definition(aws, a))]
    run = doc["run"]
    if run["state"] != "asked":
        return Present(doc)
    where = _cluster(target)
    if not where or holds_reference(where):
        return Present(doc, {"run": "which cluster it runs in is not known yet"})
    doc["task"] = _task(aws, where, target.name, doc["taskDefinition"]["taskDefinitionArn"], run)
    asked = float(run["said"]) if run["said"].isdigit() else 0.0
    doc["lost"] = doc["task"] is None and aws.began - asked > SURE_S
    return Present(doc)


def _chosen(aws: Aws, target: Target, arns: Sequence[str]) -> Doc | None:
    """The newest revision of ours that says what is wanted; else the newest of ours; else of all.

    So what others register in the family changes nothing: a run names its revision. None if all of
    them were ours and were removed.
    """
    ours: list[str] = []
    others: list[Doc] = []
    for arn in arns:
        found = (read_definition if ours or others else fresh_definition)(aws, arn)
        if not _is_ours(target, found):
            others += [] if ours else [found]
        elif _stands(target, found):
            ours.append(arn)
            if _says(found["taskDefinition"], target.spec):
                found = fresh_definition(aws, arn) if arn != arns[0] else found
                if _stands(target, found):
                    return found
    newer = next((found for found in others if _unmarked(found)), None)
    if ours and newer and _says(newer["taskDefinition"], target.spec):
        return newer  # its tags were taken off, and what is older is not what is wanted
    if ours:
        return (
            read_definition(aws, ours[0]) if ours[0] == arns[0] else fresh_definition(aws, ours[0])
        )
    return others[0] if others else None


def fresh_definition(aws: Aws, arn: str) -> Doc:
    """As `read_definition`, with the tags of this moment. Raises `AwsFailure`."""
    aws.cache.pop(("task-definition", arn), None)
    return read_definition(aws, arn)


def _says(raw: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    if "containers" not in spec:
        return False
    return all(c.cls == "unknown" for c in task_changes(spec, escape(task_spec(raw))))


def _is_ours(target: Target, found: Mapping[str, Any]) -> bool:
    tags = found["tags"]
    return all(tags.get(k) == target.tags.get(k) for k in (ENVIRONMENT_TAG, RESOURCE_TAG))


def _unmarked(found: Mapping[str, Any]) -> bool:
    return ENVIRONMENT_TAG not in found["tags"]


def _stands(target: Target, found: Mapping[str, Any]) -> bool:
    return _is_ours(target, found) and found["tags"].get(RUN_TAG) != REMOVED


def _cluster(target: Target) -> str:
    for spec in (target.spec, mapping(target.last)):
        if isinstance(spec.get("cluster"), str):
            return str(spec["cluster"])
    return ""


def _task(aws: Aws, cluster: str, family: str, arn: str, run: Doc) -> Doc | None:
    """The task of a run, if AWS still knows it. Raises `AwsFailure`."""
    try:
        arns = [
            found
            for status in ("RUNNING", "STOPPED")
            for found in aws.pages(
                "ecs", "ListTasks", "taskArns",
                {"cluster": cluster, "family": family, "desiredStatus": status},
            )
        ]  # fmt: skip
        tasks: list[Doc] = []
        for start in range(0, len(arns), 100):
            some = {"cluster": cluster, "tasks": arns[start : start + 100]}
            tasks += aws.read("ecs", "DescribeTasks", some).get("tasks") or []
    except AwsFailure as failure:
        if failure.failure == "not-found":  # the cluster
            return None
        raise
    mine = token(arn, run["number"])
    return next((t for t in tasks if t.get("startedBy") == mine), None)


def under_way(doc: Mapping[str, Any]) -> bool:
    """True while the run's task has not stopped."""
    return doc["task"] is not None and doc["task"].get("lastStatus") != "STOPPED"


def ended(doc: Mapping[str, Any]) -> tuple[str, str] | None:
    """How a run ended that is not written down yet: state and words; None if there is none."""
    task = doc["task"]
    if task is None or under_way(doc):
        return None
    essential = {
        c["name"]
        for c in doc["taskDefinition"].get("containerDefinitions") or ()
        if c.get("essential", True)
    }
    codes = {c["name"]: c.get("exitCode") for c in task.get("containers") or ()}
    ident = task["taskArn"].rpartition("/")[2]
    if essential and all(codes.get(name) == 0 for name in essential):
        return "succeeded", f"task {ident}"
    bad = ", ".join(
        f"{name} exited with {codes[name]}"
        for name in sorted(codes)
        if codes[name] is not None and codes[name] != 0
    )
    why = task.get("stoppedReason") or task.get("stopCode") or "stopped"
    return "failed", f"task {ident}: {bad + ': ' if bad else ''}{why}"


AGAIN = "it is not run again before its definition changes or spec.run is raised"


def readiness_of(doc: Mapping[str, Any]) -> Readiness:
    """Ready once it has succeeded."""
    run, end = doc["run"], ended(doc)
    number = run["number"]
    if run["state"] == "succeeded":
        return Readiness("ready", "Succeeded", f"run {number}: {run['said']}")
    if run["state"] == "failed" or (end is not None and end[0] == "failed"):
        said = run["said"] if end is None else end[1]
        return Readiness("failed", "RunFailed", f"run {number} failed: {said}; {AGAIN}")
    if doc["lost"]:
        return Readiness(
            "failed",
            "OutcomeUnknown",
            f"run {number} was asked for more than an hour ago and AWS shows no task: see its log, "
            f"whether it was done; {AGAIN}",
        )
    if run["state"] == "":
        return Readiness("in-progress", "NotRunYet", "registered, not run yet")
    if end is not None:
        return Readiness("in-progress", "Ended", f"run {number} succeeded, to be written down")
    stage = doc["task"].get("lastStatus", "") if doc["task"] else "asked for"
    return Readiness("in-progress", "Running", f"run {number}: {stage}")
