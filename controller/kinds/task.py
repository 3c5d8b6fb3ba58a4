"""Task: work that is done once, such as a database migration.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/standalone-tasks.html
Two kinds of AWS resources behind one manifest, each found again after a crash:
- the task definition: the newest revision of the family (named as the task) that bears our tags and
  says what is wanted; it is registered when there is none;
- its run: by the revision's tag `plumbline:run`, and by `startedBy` while AWS shows the task
  (`kindlib/task_run.py` says why it is never done twice).
Revisions stay when a task is removed, as those of services do; their tag says so.
Each definition is run once, and must succeed; what waits for it says so in `lifecycle.dependsOn`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from controller.aws import Aws, AwsFailure, Stale
from controller.diff import Change
from controller.fields import fields_of
from controller.handler import (
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
)
from controller.kindlib.planning import by_field, entry_key, paths
from controller.kindlib.reading import tag_list
from controller.kindlib.service_calls import register, retag
from controller.kindlib.service_parts import (
    NetworkConfiguration,
    PlacementConstraint,
    PlacementStrategy,
    Strategy,
    network_request,
    strategy_request,
)
from controller.kindlib.service_rules import network_problems, placement_problems, where_it_runs
from controller.kindlib.shapes import project
from controller.kindlib.task_definition import (
    TASK_FIELDS,
    registered_already,
    task_spec,
    wanted_task,
)
from controller.kindlib.task_rules import task_problems
from controller.kindlib.task_run import (
    REMOVED,
    RUN_TAG,
    ended,
    fresh_definition,
    observe_runs,
    readiness_of,
    run_of,
    tag_value,
    token,
    under_way,
)
from controller.kindlib.task_spec import TaskSpec
from controller.kindlib.within import mapping
from controller.policies import Achieved, ActionOption, Doc
from controller.references import escape
from controller.spec import Outputs

_REVISION = "${self.taskDefinitionArn}"

_NO_EBS = "work that is done once has `ephemeralStorage`, and EFS for what should stay"

REFUSED = {
    "volumeConfigurations": _NO_EBS,
    "dependsOn": "what it waits for stands beside the spec, in `lifecycle.dependsOn`",
    "taskDefinition": "it is made of `containers` and the task's other fields, and registered when "
    "they change",
    "family": "task definitions are named as the task: metadata.name, or metadata.externalName",
    "containerDefinitions": "it is a map by name here: `containers`",
    "count": "work that is done once is done by one task",
    "desiredCount": "work that is done once is done by one task",
    "overrides": "write it in `containers`: what is run is what is registered",
    "startedBy": "Plumbline finds its run by it",
    "clientToken": "a flag of the call: Plumbline makes one",
}
"""Parameters of the calls that can't be written, and what to do instead."""


class OnceSpec(TaskSpec):
    """A task that is run once for each definition, and must succeed: every essential container ends
    with exit code 0."""

    run: Annotated[int, Achieved(), Field(ge=1, le=1_000_000)] = 1
    """Which run of the definition is wanted. Raise it to have the same definition run once more, or
    again after a failure. A changed definition is run anyhow."""

    cluster: Annotated[str, ActionOption()]
    """Name or ARN of the cluster it runs in."""

    launch_type: Annotated[Literal["FARGATE", "EC2", "EXTERNAL"] | None, ActionOption()] = None
    """Where it runs. FARGATE unless `capacityProviderStrategy` says otherwise."""

    capacity_provider_strategy: Annotated[Strategy | None, ActionOption()] = None
    """Instead of `launchType`: the capacity provider, by name."""

    platform_version: Annotated[str | None, ActionOption()] = None
    """Version of Fargate. AWS's default is LATEST."""

    network_configuration: Annotated[NetworkConfiguration | None, ActionOption()] = None
    """Subnets and security groups of the task; needed with `awsvpc`. Like all that says where it
    runs, and not what, it may change without another run."""

    placement_constraints: Annotated[list[PlacementConstraint] | None, ActionOption()] = None
    """Where it may be placed, for EC2 only, at most 10."""

    placement_strategy: Annotated[list[PlacementStrategy] | None, ActionOption()] = None
    """How an instance is chosen for it, for EC2 only, at most 5."""

    enable_execute_command: Annotated[bool, ActionOption()] = False
    """Allow a shell in the running container (ECS Exec); it needs `taskRoleArn`."""

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for name in data:
            if name in REFUSED:
                raise ValueError(f"{name}: {REFUSED[name]}")
        said = {"launchType", "capacityProviderStrategy"} & set(data)
        if not said and "FARGATE" in (data.get("requiresCompatibilities", ["FARGATE"]) or ()):
            data = {**data, "launchType": "FARGATE"}
        return data

    @model_validator(mode="after")
    def _run_is_possible(self) -> OnceSpec:
        if not self.containers:
            raise ValueError("containers: a task has at least one")
        if self.launch_type is not None and self.capacity_provider_strategy is not None:
            raise ValueError("launchType or capacityProviderStrategy, not both")
        if self.network_mode in ("bridge", "host", "none") and self.network_configuration:
            raise ValueError(f"networkConfiguration: not with networkMode {self.network_mode}")
        if self.platform_version == "LATEST":
            raise ValueError("platformVersion: leave it out for LATEST")
        return self


class TaskOutputs(Outputs):
    """What others refer to."""

    task_definition_arn: str
    """ARN of the revision that is run."""


class TaskHandler(Handler):
    """Knows task definitions that are run once, and their runs."""

    kind = "Task"
    spec = OnceSpec
    outputs = TaskOutputs
    name_pattern = r"[A-Za-z0-9_-]{1,255}"
    name_says = "1-255 letters, digits, - or _"
    name_space = "task definition"
    instant = False
    reads: ClassVar = (
        "ecs:ListTaskDefinitions", "ecs:DescribeTaskDefinition", "ecs:ListTasks",
        "ecs:DescribeTasks",
    )  # fmt: skip
    writes: ClassVar = (
        "ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:TagResource", "ecs:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        return observe_runs(aws, targets)

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        run = doc["run"]
        done = run["state"] in ("succeeded", "failed") or doc["lost"]
        out: Doc = {
            "tags": {k: v for k, v in doc["tags"].items() if k != RUN_TAG},
            "run": run["number"] if done else None,
        }
        spec: Doc = project(fields_of(OnceSpec), out)
        return {**spec, **task_spec(doc["taskDefinition"])}

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        return "; ".join(_problems(spec))

    def pending(self, doc: Mapping[str, Any]) -> Doc:
        return {"run": doc["run"]["number"]} if under_way(doc) else {}

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return readiness_of(doc)

    def modifiable(self, doc: Mapping[str, Any]) -> str:
        return f"run {doc['run']['number']} is under way" if under_way(doc) else ""

    def output(self, doc: Mapping[str, Any]) -> Doc:
        definition = doc["taskDefinition"]
        return {
            "name": definition["family"],
            "taskDefinitionArn": definition["taskDefinitionArn"],
        }

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["taskDefinition"]["family"])

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """A changed definition is registered and run; a run that has ended is written down; one
        that was not asked for is. What is marked as asked for, and not to be seen yet, is asked for
        with the same token: AWS starts no second one.
        """
        if isinstance(observed, Absent):
            return [register(target, target.spec, {}), *_start(target, _REVISION, new=True)]
        doc = escape(observed.doc)
        arn = doc["taskDefinition"]["taskDefinitionArn"]
        fields = by_field(changes)
        task = [c for name in TASK_FIELDS for c in fields.get(name, ())]
        if task:
            live = self.to_spec(doc)
            shown = {n: live[n] for n in TASK_FIELDS if n in live}
            wanted = wanted_task(target.spec, shown, task)
            told = [*task, *fields.get("tags", ())]
            new = register(target, wanted, doc["taskDefinition"], told)
            return [new, *_start(target, _REVISION, new=True)]
        actions = retag(arn, fields.get("tags", ()))
        if "run" not in fields:
            return actions
        if end := ended(doc):
            return [_record(arn, doc["run"]["number"], *end), *actions]
        marked = doc["run"]["state"] == "asked" and not doc["lost"]
        return [*_start(target, arn, marked=marked), *actions]

    def let_go(
        self, aws: Aws, target: Target, observed: Present, marks: Sequence[Change]
    ) -> list[Action]:
        """Every revision of ours: an older one would be taken for the newest else, and run."""
        bare = replace(target, spec={"tags": target.tags})
        whole = self.observe(aws, [bare])[target.key]
        if not isinstance(whole, Present):
            raise AwsFailure("down", "Unread", "its revisions could not be read", "ecs")
        tags = [entry_key(change) for change in marks]
        return [
            Action("ecs", "UntagResource", {"resourceArn": arn, "tagKeys": tags}, paths(marks),
                   step=f"let-go-{arn.rpartition(':')[2]}")
            for arn in whole.doc["revisions"]
        ]  # fmt: skip

    def delete(self, target: Target, observed: Present) -> list[Action]:
        own = observed.doc["taskDefinition"]["taskDefinitionArn"]
        tags = [{"key": RUN_TAG, "value": REMOVED}]
        return [
            Action("ecs", "TagResource", {"resourceArn": arn, "tags": tags},
                   step=f"remove-{arn.rpartition(':')[2]}", deletes=True, note="the revision stays")
            for arn in observed.doc.get("revisions") or [own]
        ]  # fmt: skip

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned. What stands already is neither registered nor run once more, and what AWS
        refuses to run loses its mark: it was not run, for certain.
        """
        if action.operation == "RegisterTaskDefinition":
            if arn := registered_already(aws, target, params):
                if run_of(fresh_definition(aws, arn)["tags"])["state"]:
                    raise Stale(f"{arn} stands and was run by now")
                return {"taskDefinitionArn": arn}
        elif action.step == "mark":
            value = tag_value(target.spec["run"], "asked", str(int(aws.began)))
            params = {**params, "tags": [{"key": RUN_TAG, "value": value}]}
        elif action.operation == "RunTask":
            return self._run(aws, target, action, params)
        return super().apply(aws, target, action, params)

    def _run(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        arn = params["taskDefinition"]
        mine = token(arn, target.spec["run"])
        try:
            reply = aws.write("ecs", "RunTask", {**params, "startedBy": mine, "clientToken": mine})
            _none_failed(reply)
        except AwsFailure as failure:
            if failure.failure != "down" and failure.code != "ConflictException":
                with suppress(AwsFailure):  # then it counts as asked for, which is no harm
                    aws.write("ecs", "UntagResource", {"resourceArn": arn, "tagKeys": [RUN_TAG]})
            if "apacity is unavailable" in failure.message:
                raise AwsFailure("busy", failure.code, failure.message, failure.call) from None
            raise
        return {}

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        if action.operation == "RegisterTaskDefinition":
            return {"taskDefinitionArn": reply["taskDefinition"]["taskDefinitionArn"]}
        return {}

    def discover(self, aws: Aws) -> list[Found]:
        """None: nothing tells a family whose tasks are run once from one that a service, a schedule
        or a pipeline runs, and to manage it is to run it."""
        return []


def _problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """What ECS refuses of a task definition and of a run."""
    yield from task_problems(spec)
    yield from where_it_runs(spec)
    yield from network_problems(spec)
    yield from placement_problems(spec)
    for name, volume in mapping(spec.get("volumes")).items():
        if mapping(volume).get("configuredAtLaunch") is True:
            yield f"volumes.{name}: configuredAtLaunch is for services; {_NO_EBS}"
    if spec.get("enableExecuteCommand") is True and spec.get("taskRoleArn") is None:
        yield "enableExecuteCommand: ECS Exec needs taskRoleArn"


def _start(target: Target, arn: str, *, new: bool = False, marked: bool = False) -> list[Action]:
    """The calls that run a revision: the mark, unless it stands, then RunTask."""
    spec = target.spec
    params: Doc = {
        "cluster": spec["cluster"],
        "taskDefinition": arn,
        "enableECSManagedTags": True,
        "tags": tag_list(target.tags, "key"),
    }
    for name in ("launchType", "platformVersion", "placementConstraints", "placementStrategy"):
        if spec.get(name):
            params[name] = spec[name]
    if spec.get("enableExecuteCommand"):
        params["enableExecuteCommand"] = True
    if spec.get("capacityProviderStrategy"):
        params["capacityProviderStrategy"] = strategy_request(spec["capacityProviderStrategy"])
    if spec.get("networkConfiguration"):
        params["networkConfiguration"] = network_request(spec["networkConfiguration"])
    # Both create: they wait until what the task refers to is ready, whatever else may go on.
    mark = Action(
        "ecs", "TagResource", {"resourceArn": arn, "tags": [{"key": RUN_TAG, "value": "asked"}]},
        prepares=True, step="mark", after=("task-definition",) if new else (), creates=True,
    )  # fmt: skip
    run = Action(
        "ecs", "RunTask", params, () if new else ("run",), step="run",
        after=() if marked else ("mark",), creates=True,
        note="with a client token: it is never started twice",
    )  # fmt: skip
    return [run] if marked else [mark, run]


def _record(arn: str, number: int, state: str, said: str) -> Action:
    """How a run ended, written down before AWS forgets it."""
    tags = [{"key": RUN_TAG, "value": tag_value(number, state, said)}]
    return Action(
        "ecs", "TagResource", {"resourceArn": arn, "tags": tags}, ("run",), step="record",
        note=f"run {number} {state}",
    )  # fmt: skip


def _none_failed(reply: Mapping[str, Any]) -> None:
    """RunTask tells in its reply of tasks that it could not place. Raises `AwsFailure`.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
    """
    for failure in reply.get("failures") or ():
        reason = str(failure.get("reason"))
        said = f"{reason} {failure.get('detail') or ''}".strip()
        raise AwsFailure("busy", reason, f"the task could not be placed: {said}", "ecs:RunTask")
