"""Subnet groups of RDS and ElastiCache: the same resource under two names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

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
)
from controller.kindlib.planning import by_field, paths
from controller.kindlib.reading import all_unknown, tag_list, tags_of
from controller.kindlib.resource_tags import reader, tag_actions
from controller.policies import Doc
from controller.spec import Outputs


class GroupOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN of the group."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the two services call the same thing."""

    service: str
    noun: str
    arn_member: str
    arn_resource: str

    @property
    def name(self) -> str:
        """The member with the group's name."""
        return f"{self.noun}Name"

    @property
    def description(self) -> str:
        """The member with its description."""
        return f"{self.noun}Description"


class SubnetGroupHandler(Handler):
    """Knows one of the two kinds; found by its name."""

    outputs = GroupOutputs
    words: ClassVar[Words]
    needs: ClassVar[int] = 1
    """Subnets that a new group has at least."""

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        subnets = spec.get("subnetIds") or []
        few = isinstance(subnets, list) and len(subnets) < self.needs
        return f"subnetIds: at least {self.needs} are needed" if few else ""

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        words = self.words
        one = {words.name: targets[0].name} if len(targets) == 1 else {}
        try:
            found = aws.pages(words.service, f"Describe{words.noun}s", f"{words.noun}s", one)
        except AwsFailure as failure:
            if one and failure.failure == "not-found":
                return {targets[0].key: Absent()}
            return all_unknown(targets, failure)
        by_name = {group[words.name].lower(): group for group in found}
        present = [t for t in targets if t.name.lower() in by_name]
        seen = aws.gather(
            *(partial(self._with_tags, aws, t, by_name[t.name.lower()]) for t in present)
        )
        out: dict[str, Observation] = {t.key: Absent() for t in targets}
        for target, observation in zip(present, seen, strict=True):
            if isinstance(observation, BaseException):
                raise observation
            out[target.key] = observation
        return out

    def _with_tags(self, aws: Aws, target: Target, group: Mapping[str, Any]) -> Observation:
        arn = self._arn(target, group)
        try:
            tags = tags_of(aws, target, arn, reader(aws, self.words.service, arn))
        except AwsFailure as failure:
            return Present({"group": group}, {"tags": str(failure)})
        return Present({"group": group, "tags": tags})

    def _arn(self, target: Target, group: Mapping[str, Any]) -> str:
        known = group.get(self.words.arn_member)
        return str(known or target.arn(self.words.service, self._resource(target.name)))

    def _resource(self, name: str) -> str:
        return f"{self.words.arn_resource}:{name}"

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        group = doc["group"]
        spec: Doc = {"tags": dict(doc.get("tags", {}))}
        if description := group.get(self.words.description, "").strip():
            spec["description"] = description
        if subnets := group.get("Subnets"):
            spec["subnetIds"] = sorted(s["SubnetIdentifier"] for s in subnets)
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        out = {"name": doc["group"][self.words.name]}
        if arn := doc["group"].get(self.words.arn_member):
            out["arn"] = arn
        return out

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        words, spec = self.words, target.spec
        if isinstance(observed, Absent):
            params: Doc = {
                words.name: target.name,
                words.description: spec.get("description") or f"Plumbline: {target.key}",
                "SubnetIds": spec["subnetIds"],
                "Tags": tag_list(target.tags),
            }
            create = f"Create{words.noun}"
            return [Action(words.service, create, params, step="create", creates=True)]
        fields = by_field(changes)
        actions = []
        todo = [*fields.get("description", []), *fields.get("subnetIds", [])]
        if todo:
            params = {words.name: target.name}
            if "description" in fields:
                params[words.description] = spec["description"]
            if "subnetIds" in fields:
                params["SubnetIds"] = spec["subnetIds"]
            else:  # RDS wants them each time: as AWS showed them
                params["SubnetIds"] = self.to_spec(observed.doc).get("subnetIds", [])
            modify = f"Modify{words.noun}"
            actions.append(Action(words.service, modify, params, paths(todo), step="modify"))
        if todo := fields.get("tags", []):
            actions += tag_actions(words.service, self._arn(target, observed.doc["group"]), todo)
        return actions

    def delete(self, target: Target, observed: Present) -> list[Action]:
        operation, params = f"Delete{self.words.noun}", {self.words.name: target.name}
        return [
            Action(
                self.words.service, operation, params, risk="destructive", step="delete",
                deletes=True,
            )
        ]  # fmt: skip

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        if not action.creates:
            return {}
        return self.output({"group": reply[self.words.noun]})

    def discover(self, aws: Aws) -> list[Found]:
        words = self.words
        found = aws.pages(words.service, f"Describe{words.noun}s", f"{words.noun}s")
        return [Found(g[words.name]) for g in found if g[words.name] != "default"]
