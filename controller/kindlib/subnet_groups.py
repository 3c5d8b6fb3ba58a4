"""Subnet groups of RDS and ElastiCache: the same resource under two names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from controller.aws import Aws, AwsFailure
from controller.diff import Change
from controller.handler import Absent, Action, Observation, Present, Target
from controller.kindlib.named_groups import NamedGroupHandler
from controller.kindlib.planning import by_field, paths
from controller.kindlib.reading import all_unknown, tag_list
from controller.kindlib.resource_tags import tag_actions
from controller.policies import Doc


class SubnetGroupHandler(NamedGroupHandler):
    """Knows one of the two kinds; found by its name."""

    needs: ClassVar[int] = 1
    """Subnets that a new group has at least."""

    @property
    def _description(self) -> str:
        return f"{self.words.noun}Description"

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        subnets = spec.get("subnetIds") or []
        few = isinstance(subnets, list) and len(subnets) < self.needs
        return f"subnetIds: at least {self.needs} are needed" if few else ""

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        one = self.one(targets)
        try:
            by_name = self.by_name(self.found(aws, one))
        except AwsFailure as failure:
            if one and failure.failure == "not-found":
                return {targets[0].key: Absent()}
            return all_unknown(targets, failure)
        present = [t for t in targets if t.name.lower() in by_name]
        seen = aws.gather(
            *(partial(self._with_tags, aws, t, by_name[t.name.lower()]) for t in present)
        )
        out: dict[str, Observation] = {t.key: Absent() for t in targets}
        return out | {t.key: whole for t, whole in zip(present, seen, strict=True)}

    def _with_tags(self, aws: Aws, target: Target, group: Mapping[str, Any]) -> Observation:
        try:
            return Present({"group": group, "tags": self.tags(aws, target, group)})
        except AwsFailure as failure:
            return Present({"group": group}, {"tags": str(failure)})

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        group = doc["group"]
        spec: Doc = {"tags": dict(doc.get("tags", {}))}
        if description := group.get(self._description, "").strip():
            spec["description"] = description
        if subnets := group.get("Subnets"):
            spec["subnetIds"] = sorted(s["SubnetIdentifier"] for s in subnets)
        return spec

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One call with the description, the subnets or both: AWS replaces the list of subnets."""
        words, spec = self.words, target.spec
        if isinstance(observed, Absent):
            params: Doc = {
                words.name: target.name,
                self._description: spec.get("description") or f"Plumbline: {target.key}",
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
                params[self._description] = spec["description"]
            if "subnetIds" in fields:
                params["SubnetIds"] = spec["subnetIds"]
            else:  # RDS wants them each time: as AWS showed them
                params["SubnetIds"] = self.to_spec(observed.doc).get("subnetIds", [])
            modify = f"Modify{words.noun}"
            actions.append(Action(words.service, modify, params, paths(todo), step="modify"))
        if todo := fields.get("tags", []):
            actions += tag_actions(words.service, self.arn(target, observed.doc["group"]), todo)
        return actions
