"""What subnet groups and parameter groups of RDS and ElastiCache have in common.

Each is one AWS resource found by its name, with a description and tags, ready as soon as it is
there, and the same in both services but for the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from controller.aws import Aws
from controller.handler import READY, Action, Found, Handler, Present, Readiness, Target
from controller.kindlib.reading import tags_of
from controller.kindlib.resource_tags import reader
from controller.policies import Doc
from controller.spec import Outputs


class GroupOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN of the group."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the two services call the same thing. noun: in operations and members."""

    service: str
    noun: str
    arn_member: str
    arn_resource: str

    @property
    def name(self) -> str:
        """The member with the group's name."""
        return f"{self.noun}Name"


class NamedGroupHandler(Handler):
    """Knows one of these kinds."""

    outputs = GroupOutputs
    words: ClassVar[Words]

    def found(self, aws: Aws, one: Doc) -> list[Any]:
        """The groups of that name, or all. Raises `AwsFailure`."""
        noun = self.words.noun
        return aws.pages(self.words.service, f"Describe{noun}s", f"{noun}s", one)

    def by_name(self, groups: list[Any]) -> dict[str, Any]:
        """Groups by name, in lower case as AWS keeps it."""
        return {group[self.words.name].lower(): group for group in groups}

    def one(self, targets: Sequence[Target]) -> Doc:
        """What narrows a read to the only target; nothing if there are several."""
        return {self.words.name: targets[0].name} if len(targets) == 1 else {}

    def arn(self, target: Target, group: Mapping[str, Any]) -> str:
        """As AWS shows it, or as it must be."""
        known = group.get(self.words.arn_member)
        resource = f"{self.words.arn_resource}:{target.name}"
        return str(known or target.arn(self.words.service, resource))

    def tags(self, aws: Aws, target: Target, group: Mapping[str, Any]) -> dict[str, str]:
        """Its tags. Raises `AwsFailure`."""
        arn = self.arn(target, group)
        return tags_of(aws, target, arn, reader(aws, self.words.service, arn))

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        out = {"name": doc["group"][self.words.name]}
        if arn := doc["group"].get(self.words.arn_member):
            out["arn"] = arn
        return out

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
        """All but AWS's own, `default` and `default.…`, which nobody can change."""
        names = [str(g[self.words.name]) for g in self.found(aws, {})]
        return [Found(name) for name in names if not re.match(r"default(\.|$)", name)]
