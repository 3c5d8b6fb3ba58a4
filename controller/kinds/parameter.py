"""Parameter: a parameter in Systems Manager's Parameter Store.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
One AWS resource, found by its name. Its value stands in the file, so that it is no secret: a
SecureString is never made, read or shown here. Parameter policies and labels are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, field_validator, model_validator

from controller.aws import Aws, AwsFailure
from controller.batching import in_batches
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
    Unknown,
)
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import tag_list, tag_map, tags_of
from controller.policies import CreateOnly, Doc, OwnedBy, ServerDefault, Situation
from controller.spec import Outputs, Taggable, holds_reference, text

SECRET = "SecureString"
AUTOMATIC = "Intelligent-Tiering"
MOST_BYTES = {"Standard": 4096, "Advanced": 8192, AUTOMATIC: 8192}
WAY_OUT = (
    "a SecureString holds a secret, and secrets never stand in the file: declare a Secret and "
    "refer to it with ${Secret.<name>.arn}"
)

DataType = Literal[
    "text", "aws:ec2:image", "aws:ssm:integration", "aws:region", "aws:account:id", "boolean",
    "integer", "float", "binary", "hostname", "email", "ipv4-address", "ipv6-address", "url",
    "json", "jsonc",
]  # fmt: skip


def _chosen(situation: Situation, wanted: Any, live: Any) -> bool:
    """AWS shows which of the two it came to."""
    return bool(wanted == AUTOMATIC and live in ("Standard", "Advanced"))


def _raised(situation: Situation) -> bool:
    """AWS raises a tier in place, and lowers none."""
    return bool(situation.live.get("tier") != "Advanced" and situation.raw)


def _no_nesting(value: str) -> str:
    if "{{" in value:
        raise ValueError("may not hold {{, which names another parameter")
    return value


Text = Annotated[str, AfterValidator(text(low=1, high=8192)), AfterValidator(_no_nesting)]


def _free(situation: Situation) -> bool:
    """AWS changes no type in a hierarchy."""
    return "/" not in str(situation.raw.get("parameter", {}).get("Name", "/"))


class ParameterSpec(Taggable):
    """A value that others read by its name. It stands in the file: it is no secret."""

    instead: ClassVar[Mapping[str, str]] = {
        "name": "the name is metadata.name, or metadata.externalName (/shop/mode)",
        "keyId": "a key is for SecureString, which a file never holds: declare a Secret",
        "overwrite": "a flag of the call",
        "policies": "parameter policies are left alone",
    }

    type: Annotated[Literal["String", "StringList"], CreateOnly(cases=(619,), unless=_free)] = (
        "String"
    )
    """String, or StringList, whose value is a list. AWS changes it only of a name without a /."""

    value: Text
    """The text, at most 4096 bytes, or 8192 with another tier; a StringList's entries with commas
    between them."""

    description: Annotated[str, AfterValidator(text(high=1024))] | None = None
    """What it is for."""

    tier: Annotated[
        Literal["Standard", "Advanced", "Intelligent-Tiering"] | None,
        ServerDefault("Standard", cases=(618,)),
        OwnedBy("Intelligent-Tiering", _chosen, cases=(618,)),
        CreateOnly(cases=(618,), unless=_raised),
    ] = None
    """Standard, Advanced (larger, charged for), or Intelligent-Tiering, of which AWS shows which of
    the two it came to. AWS's default: the account's, mostly Standard. Advanced can't be lowered."""

    allowed_pattern: Annotated[str, AfterValidator(text(high=1024))] | None = None
    """Regular expression that AWS checks each new value against."""

    data_type: Annotated[DataType | None, ServerDefault("text")] = None
    """What AWS checks the value to be. AWS's default: text, which is anything."""

    @field_validator("type", mode="before")
    @classmethod
    def _no_secret(cls, value: Any) -> Any:
        if value == SECRET:
            raise ValueError(WAY_OUT)
        return value

    @model_validator(mode="after")
    def _fits(self) -> ParameterSpec:
        if holds_reference(self.value):
            return self
        if self.type == "StringList" and "" in self.value.split(","):
            raise ValueError("the entries of a StringList stand between commas, none is empty")
        most = MOST_BYTES.get(self.tier or "Standard", 8192)
        size = len(self.value.encode())
        if size > most:
            raise ValueError(f"a value has at most {most} bytes in this tier, not {size}")
        return self


class ParameterOutputs(Outputs):
    """What others refer to."""

    arn: str
    """The ARN."""

    version: int
    """Number of the newest version: grows with each change."""


VALUES_A_CALL, FILTERED_A_CALL = 10, 50
"""Names that GetParameters and a filter of DescribeParameters take."""


class ParameterHandler(Handler):
    """Knows parameters."""

    kind = "Parameter"
    spec = ParameterSpec
    outputs = ParameterOutputs
    name_pattern = r"(?!/?(?i:aws|ssm))(?=.{1,900}$)([\w.-]+|(/[\w.-]+){1,15})"
    name_says = (
        "1-900 letters, digits or _.-, in up to 15 levels that each begin with a /, not beginning "
        "with aws or ssm"
    )
    named_value = "value"
    reads: ClassVar = (
        "ssm:GetParameters", "ssm:DescribeParameters", "ssm:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "ssm:PutParameter", "ssm:AddTagsToResource", "ssm:RemoveTagsFromResource",
        "ssm:DeleteParameter",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """Values by ten, all else by fifty names a call."""
        names = [t.name for t in targets]
        value, unread = in_batches(aws, names, VALUES_A_CALL, partial(_values, aws))
        shown, unseen = in_batches(aws, names, FILTERED_A_CALL, partial(_described, aws))
        failed = {**unseen, **unread}
        return {
            t.key: Unknown(str(failed[t.name])) if t.name in failed
            else _observed(aws, t, value.get(t.name), shown.get(t.name))
            for t in targets
        }  # fmt: skip

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        shown = doc["parameter"]
        spec: Doc = {"tags": doc.get("tags", {}), "type": shown["Type"]}
        if "Value" in shown:
            spec["value"] = shown["Value"]
        for ours, aws in SHOWN.items():
            if shown.get(aws):
                spec[ours] = shown[aws]
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        shown = doc["parameter"]
        return {"name": shown["Name"], "arn": shown["ARN"], "version": shown["Version"]}

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["parameter"]["ARN"])

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One call for all but the tags: a new version, with what is not to change as AWS shows
        it."""
        if isinstance(observed, Absent):
            params = {**_whole(target.spec), "Name": target.name, "Tags": tag_list(target.tags)}
            return [Action("ssm", "PutParameter", params, step="create", creates=True)]
        fields = by_field(changes)
        actions: list[Action] = []
        if todo := [c for c in changes if c.top != "tags"]:
            live = {k: v for k, v in self.to_spec(observed.doc).items() if k != "tags"}
            merged = live | {c.top: target.spec[c.top] for c in todo}
            if target.spec.get("tier") == AUTOMATIC:
                merged["tier"] = AUTOMATIC
            params = {**_whole(merged), "Name": target.name, "Overwrite": True}
            actions.append(Action("ssm", "PutParameter", params, paths(todo), step="put"))
        return actions + _tag_actions(target.name, fields.get("tags", []))

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        return {"version": reply["Version"]} if reply.get("Version") else {}

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned; the ARN follows from the name."""
        out = super().apply(aws, target, action, params)
        return out | {"name": target.name, "arn": _arn_of(target)} if action.creates else out

    def delete(self, target: Target, observed: Present) -> list[Action]:
        return [
            Action(
                "ssm", "DeleteParameter", {"Name": target.name}, risk="destructive", step="delete",
                deletes=True,
            )
        ]  # fmt: skip

    def discover(self, aws: Aws) -> list[Found]:
        """All but secrets."""
        found = aws.pages("ssm", "DescribeParameters", "Parameters", {"MaxResults": 50})
        return [Found(p["Name"]) for p in found if p["Type"] != SECRET]


SHOWN = {
    "description": "Description",
    "tier": "Tier",
    "allowedPattern": "AllowedPattern",
    "dataType": "DataType",
}
"""Spec field → member that DescribeParameters shows and PutParameter takes."""


def _values(aws: Aws, names: Sequence[str]) -> dict[str, Doc]:
    reply = aws.read("ssm", "GetParameters", {"Names": list(names)})
    return {p["Name"]: p for p in reply["Parameters"]}


def _described(aws: Aws, names: Sequence[str]) -> dict[str, Doc]:
    rule = {"Key": "Name", "Option": "Equals", "Values": list(names)}
    request = {"ParameterFilters": [rule], "MaxResults": 50}
    return {p["Name"]: p for p in aws.pages("ssm", "DescribeParameters", "Parameters", request)}


def _observed(
    aws: Aws, target: Target, value: Mapping[str, Any] | None, shown: Mapping[str, Any] | None
) -> Observation:
    if value is None:
        return Absent()
    if value["Type"] == SECRET:
        return Unknown(f"{target.name} is a SecureString, whose value is nobody's business here")
    if shown is None or shown.get("Version") != value.get("Version"):
        return Unknown(f"{target.name} changes just now: its two descriptions differ")
    arn = value.get("ARN") or _arn_of(target)

    def ask() -> dict[str, str]:
        request = {"ResourceType": "Parameter", "ResourceId": target.name}
        return tag_map(aws.read("ssm", "ListTagsForResource", request).get("TagList"))

    doc: Doc = {"parameter": {**shown, **value, "ARN": arn}}
    try:
        return Present({**doc, "tags": tags_of(aws, target, arn, ask)})
    except AwsFailure as failure:
        return Present(doc, {"tags": str(failure)})


def _arn_of(target: Target) -> str:
    return target.arn("ssm", f"parameter/{target.name.removeprefix('/')}")


def _whole(spec: Mapping[str, Any]) -> Doc:
    """What PutParameter is told of a spec."""
    out: Doc = {"Type": spec["type"], "Value": spec["value"]}
    return out | {aws: spec[ours] for ours, aws in SHOWN.items() if spec.get(ours) is not None}


def _tag_actions(name: str, todo: Sequence[Change]) -> list[Action]:
    put, gone = tag_changes(todo)
    who: Doc = {"ResourceType": "Parameter", "ResourceId": name}
    actions = []
    if put:
        done = paths([c for c in todo if c.wanted is not None])
        params = {**who, "Tags": tag_list(put)}
        actions.append(Action("ssm", "AddTagsToResource", params, done, step="tag"))
    if gone:
        done = paths([c for c in todo if c.wanted is None])
        params = {**who, "TagKeys": gone}
        actions.append(Action("ssm", "RemoveTagsFromResource", params, done, step="untag"))
    return actions
