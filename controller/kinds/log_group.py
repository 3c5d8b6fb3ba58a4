"""LogGroup: a CloudWatch Logs log group.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
One AWS resource, found by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

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
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import all_unknown, common_prefix, tags_of
from controller.policies import AnyWhenUndeclared, CreateOnly, Doc, ServerDefault
from controller.spec import Arn, Outputs, Taggable

RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
]  # fmt: skip


class LogGroupSpec(Taggable):
    """Where an application's log lines go, and for how long they are kept."""

    retention_in_days: RetentionDays = 30
    """Days until log events expire. AWS's own default is never; a month bounds the cost."""

    kms_key_id: Annotated[Arn | None, AnyWhenUndeclared()] = None
    """ARN of the KMS key that encrypts the group. Without one, CloudWatch Logs uses its own."""

    log_group_class: Annotated[
        Literal["STANDARD", "INFREQUENT_ACCESS"] | None, ServerDefault("STANDARD"), CreateOnly()
    ] = None
    """Storage class, fixed at creation. INFREQUENT_ACCESS has no metric filters."""

    deletion_protection_enabled: Annotated[bool | None, ServerDefault(False)] = None
    """Refuse deletion by anyone until switched off."""


class LogGroupOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN without the trailing `:*`, as IAM policies and WAF logging want it."""


class LogGroupHandler(Handler):
    """Knows log groups."""

    kind = "LogGroup"
    spec = LogGroupSpec
    outputs = LogGroupOutputs
    name_pattern = r"(?!aws/)[.\-_/#A-Za-z0-9]{1,512}"
    name_says = "1-512 letters, digits or .-_/#, not beginning with aws/"
    holds_data = True
    reads: ClassVar = (
        "logs:DescribeLogGroups", "logs:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:AssociateKmsKey",
        "logs:PutLogGroupDeletionProtection", "logs:TagResource", "logs:UntagResource",
        "logs:DeleteLogGroup",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        prefix = common_prefix([t.name for t in targets])
        request = {"logGroupNamePrefix": prefix} if prefix else {}
        try:
            groups = aws.pages("logs", "DescribeLogGroups", "logGroups", request)
        except AwsFailure as failure:
            return all_unknown(targets, failure)
        by_name = {g["logGroupName"]: g for g in groups}
        return {t.key: _observed(aws, t, by_name.get(t.name)) for t in targets}

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        group = doc["group"]
        spec: Doc = {"tags": doc.get("tags", {})}
        for name in ("retentionInDays", "kmsKeyId", "logGroupClass", "deletionProtectionEnabled"):
            if group.get(name) is not None:
                spec[name] = group[name]
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return {"name": doc["group"]["logGroupName"], "arn": _arn(doc["group"])}

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["group"].get("creationTime", ""))

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        spec = target.spec
        if isinstance(observed, Absent):
            return self._create(target)
        arn = _arn(observed.doc["group"])
        fields = by_field(changes)
        actions = []
        if todo := fields.get("retentionInDays"):
            actions.append(_retention(target, paths(todo)))
        if todo := fields.get("kmsKeyId"):
            params: Doc = {"logGroupName": target.name, "kmsKeyId": spec["kmsKeyId"]}
            actions.append(Action("logs", "AssociateKmsKey", params, paths(todo), step="key"))
        if todo := fields.get("deletionProtectionEnabled"):
            params = {
                "logGroupIdentifier": target.name,
                "deletionProtectionEnabled": spec["deletionProtectionEnabled"],
            }
            actions.append(
                Action("logs", "PutLogGroupDeletionProtection", params, paths(todo), step="protect")
            )
        if todo := fields.get("tags"):
            put, gone = tag_changes(todo)
            if put:
                params = {"resourceArn": arn, "tags": put}
                done = paths([c for c in todo if c.wanted is not None])
                actions.append(Action("logs", "TagResource", params, done, step="tag"))
            if gone:
                params = {"resourceArn": arn, "tagKeys": gone}
                done = paths([c for c in todo if c.wanted is None])
                actions.append(Action("logs", "UntagResource", params, done, step="untag"))
        return actions

    def _create(self, target: Target) -> list[Action]:
        spec = target.spec
        params: Doc = {"logGroupName": target.name, "tags": target.tags}
        for name in ("kmsKeyId", "logGroupClass", "deletionProtectionEnabled"):
            if name in spec:
                params[name] = spec[name]
        create = Action("logs", "CreateLogGroup", params, step="create", creates=True)
        return [create, _retention(target, ("retentionInDays",), after=("create",))]

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned; AWS's reply to a create is empty, the ARN follows from the name."""
        aws.write(action.service, action.operation, params)
        if not action.creates:
            return {}
        return {"name": target.name, "arn": target.arn("logs", f"log-group:{target.name}")}

    def delete(self, target: Target, observed: Present) -> list[Action]:
        return [
            Action(
                "logs", "DeleteLogGroup", {"logGroupName": target.name}, risk="destructive",
                step="delete", deletes=True,
            )
        ]  # fmt: skip

    def discover(self, aws: Aws) -> list[Found]:
        groups = aws.pages("logs", "DescribeLogGroups", "logGroups")
        return [Found(group["logGroupName"]) for group in groups]


def _retention(target: Target, changes: Sequence[str], after: tuple[str, ...] = ()) -> Action:
    params = {"logGroupName": target.name, "retentionInDays": target.spec["retentionInDays"]}
    return Action(
        "logs", "PutRetentionPolicy", params, tuple(changes), step="retention", after=after
    )


def _observed(aws: Aws, target: Target, group: Mapping[str, Any] | None) -> Observation:
    if group is None:
        return Absent()
    arn = _arn(group)

    def ask() -> dict[str, str]:
        reply = aws.read("logs", "ListTagsForResource", {"resourceArn": arn})
        return {k: v for k, v in reply.get("tags", {}).items() if not k.startswith("aws:")}

    try:
        return Present({"group": group, "tags": tags_of(aws, target, arn, ask)})
    except AwsFailure as failure:
        return Present({"group": group}, {"tags": str(failure)})


def _arn(group: Mapping[str, Any]) -> str:
    return str(group.get("logGroupArn") or group["arn"].removesuffix(":*"))
