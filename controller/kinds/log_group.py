"""LogGroup: a CloudWatch Logs log group.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
One AWS resource, found by its name. Not part of it here: data protection, index and transformer
policies, subscription and metric filters, which are resources of their own in AWS's API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, model_validator

from controller.aws import Aws, AwsFailure
from controller.batching import batches
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
    Risk,
    Target,
)
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import all_unknown, tags_of
from controller.policies import CreateOnly, Doc, OwnedBy, ServerDefault, Situation
from controller.spec import Outputs, Taggable, holds_reference, text

Retention = Literal[
    1, 2, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653, "never",
]  # fmt: skip
Class = Literal["STANDARD", "INFREQUENT_ACCESS", "ESSENTIALS", "DELIVERY"]
NewClass = Annotated[str, AfterValidator(text(r"[A-Z]+(_[A-Z]+)*"))]
DELIVERY = "DELIVERY"
DELIVERY_DAYS = 2
"""What AWS shows of every group of that class (case 609), and takes for no other:
https://github.com/hashicorp/terraform-provider-aws/issues/42657"""

Key = Annotated[
    str,
    AfterValidator(
        text(
            r"none|arn:aws[a-z-]*:kms:[^:]+:\d{12}:(key|alias)/.+",
            high=256,
            says="must be the ARN of a KMS key, or none",
        )
    ),
]


def _by_account_policy(situation: Situation, wanted: Any, live: Any) -> bool:
    """AWS shows what an account-level policy says, and keeps what is set here for later."""
    return bool(situation.raw.get("group", {}).get("retentionPolicyName"))


class LogGroupSpec(Taggable):
    """Where an application's log lines go, and for how long they are kept."""

    instead: ClassVar[Mapping[str, str]] = {
        "logGroupName": "the name is metadata.name, or metadata.externalName",
        "dataProtectionPolicy": "a policy is a document of its own, which is left alone",
        "fieldIndexPolicies": "a policy is a document of its own, which is left alone",
        "resourcePolicyDocument": "a policy is a document of its own, which is left alone",
    }

    retention_in_days: Annotated[
        Retention, OwnedBy("an account-level retention policy", _by_account_policy, cases=(608,))
    ] = 30
    """Days until log events expire, or never. AWS's own default is never; a month bounds the cost.
    With `logGroupClass: DELIVERY` AWS sets it, and nobody can change it: leave it out."""

    kms_key_id: Annotated[Key | None, ServerDefault("none")] = None
    """ARN of the KMS key that encrypts what comes in from now on. AWS's default: none, CloudWatch
    Logs uses a key of its own; `none` takes away a key that others put there."""

    log_group_class: Annotated[
        Class | NewClass | None, ServerDefault("STANDARD", cases=(610,)), CreateOnly()
    ] = None
    """Storage class, fixed at creation. AWS's default: STANDARD. INFREQUENT_ACCESS and ESSENTIALS
    cost less and can less (no metric filters); DELIVERY only hands Lambda's logs on. One of a class
    that AWS has added since can be adopted, not made."""

    deletion_protection_enabled: Annotated[bool | None, ServerDefault(False, cases=(610,))] = None
    """Refuse deletion by anyone until switched off."""

    bearer_token_authentication_enabled: Annotated[
        bool | None, ServerDefault(False, cases=(610,))
    ] = None
    """Let log events be sent with a bearer token instead of AWS's signature."""

    @model_validator(mode="before")
    @classmethod
    def _retention_of_delivery(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("logGroupClass") == DELIVERY:
            return {"retentionInDays": DELIVERY_DAYS} | data
        return data

    @model_validator(mode="after")
    def _retention_fits(self) -> LogGroupSpec:
        days, named = self.retention_in_days, self.log_group_class
        if holds_reference(days) or holds_reference(named):
            return self
        if named == DELIVERY and days not in (1, DELIVERY_DAYS):
            raise ValueError("with DELIVERY AWS sets the retention: leave out retentionInDays")
        if named != DELIVERY and days == DELIVERY_DAYS:
            raise ValueError("retentionInDays: 2 is AWS's, for groups of the class DELIVERY")
        return self


class LogGroupOutputs(Outputs):
    """What others refer to."""

    arn: str
    """ARN without the trailing `:*`, as IAM policies and WAF logging want it."""


MOST_NAMES = 50
"""Log groups that DescribeLogGroups is asked for by name."""


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
        "logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy",
        "logs:AssociateKmsKey", "logs:DisassociateKmsKey", "logs:PutLogGroupDeletionProtection",
        "logs:PutBearerTokenAuthentication", "logs:TagResource", "logs:UntagResource",
        "logs:DeleteLogGroup",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """By name, which costs the same whatever else is in the account.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
        """
        runs = list(batches(targets, MOST_NAMES))
        answers = aws.gather(*(partial(_groups, aws, [t.name for t in run]) for run in runs))
        found: dict[str, Observation] = {}
        for run, answer in zip(runs, answers, strict=True):
            if isinstance(answer, AwsFailure):
                found |= all_unknown(run, answer)
            else:
                found |= {t.key: _observed(aws, t, answer.get(t.name)) for t in run}
        return found

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        group = doc["group"]
        spec: Doc = {"tags": doc.get("tags", {})}
        for name in SHOWN:
            if group.get(name) is not None:
                spec[name] = group[name]
        return {"retentionInDays": "never"} | spec

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        """A class that is not known here may be AWS's newest, or a slip."""
        named, known = spec.get("logGroupClass"), get_args(Class)
        if named is None or named in known or holds_reference(named):
            return ""
        return f"needs a logGroupClass that AWS has: {', '.join(known)}, not {named}"

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        arn = _arn(doc["group"])
        return {"name": doc["group"]["logGroupName"]} | ({"arn": arn} if arn else {})

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["group"].get("creationTime", ""))

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One call for each setting, in any order; retention alone has a call that takes it away,
        too."""
        if isinstance(observed, Absent):
            return self._create(target)
        fields = by_field(changes)
        actions = [
            replace(set_(target), changes=paths(fields[name]), risk=_risk(fields[name][0]))
            for name, set_ in SETTERS.items()
            if name in fields
        ]
        if todo := fields.get("tags"):
            arn = _arn(observed.doc["group"]) or _arn_of(target)
            put, gone = tag_changes(todo)
            if put:
                params: Doc = {"resourceArn": arn, "tags": put}
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
            if spec.get(name) not in (None, "none"):
                params[name] = spec[name]
        actions = [Action("logs", "CreateLogGroup", params, step="create", creates=True)]
        unlike_aws = {
            "retentionInDays": spec["retentionInDays"] != "never"
            and spec.get("logGroupClass") != DELIVERY,
            "bearerTokenAuthenticationEnabled": spec.get("bearerTokenAuthenticationEnabled"),
        }
        for name in (name for name, needed in unlike_aws.items() if needed):
            actions.append(replace(SETTERS[name](target), changes=(name,), after=("create",)))
        return actions

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned; AWS's reply to a create is empty, the ARN follows from the name."""
        aws.write(action.service, action.operation, params)
        if not action.creates:
            return {}
        return {"name": target.name, "arn": _arn_of(target)}

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


def _risk(change: Change) -> Risk:
    """Fewer days delete what is older; mending drift never takes a protection away.

    What has never had a retention from here, as after a create cut short, is given its first.
    """
    lowered = False
    if change.top == "retentionInDays":
        first = change.now in (None, "never") and change.cause == "baseline-unknown"
        lowered = not first and _days(change.wanted) < _days(change.now)
    elif change.top == "deletionProtectionEnabled":
        lowered = bool(change.now) and not change.wanted
    return "irreversible" if lowered else "safe"


def _days(retention: Any) -> float:
    """AWS shows no number where log events never expire."""
    return inf if retention in (None, "never") else float(retention)


def _retention(target: Target) -> Action:
    days = target.spec["retentionInDays"]
    params: Doc = {"logGroupName": target.name}
    if days == "never":
        return Action("logs", "DeleteRetentionPolicy", params, step="retention")
    params["retentionInDays"] = days
    return Action("logs", "PutRetentionPolicy", params, step="retention")


def _key(target: Target) -> Action:
    """Another key, or none: what was encrypted with the old one still needs that."""
    key = target.spec["kmsKeyId"]
    params: Doc = {"logGroupName": target.name}
    if key == "none":
        return Action("logs", "DisassociateKmsKey", params, step="key")
    params["kmsKeyId"] = key
    return Action("logs", "AssociateKmsKey", params, step="key")


def _switch(operation: str, name: str) -> Callable[[Target], Action]:
    def set_(target: Target) -> Action:
        params = {"logGroupIdentifier": target.name, name: target.spec[name]}
        return Action("logs", operation, params, step=name)

    return set_


SETTERS: dict[str, Callable[[Target], Action]] = {
    "retentionInDays": _retention,
    "kmsKeyId": _key,
    "deletionProtectionEnabled": _switch(
        "PutLogGroupDeletionProtection", "deletionProtectionEnabled"
    ),
    "bearerTokenAuthenticationEnabled": _switch(
        "PutBearerTokenAuthentication", "bearerTokenAuthenticationEnabled"
    ),
}
"""Spec field → the one call that sets it."""

SHOWN = (*SETTERS, "logGroupClass")
"""Spec fields that DescribeLogGroups shows under the same names."""


def _groups(aws: Aws, names: Sequence[str]) -> dict[str, Any]:
    request = {"logGroupIdentifiers": list(names)}
    groups = aws.pages("logs", "DescribeLogGroups", "logGroups", request)
    return {g["logGroupName"]: g for g in groups}


def _observed(aws: Aws, target: Target, group: Mapping[str, Any] | None) -> Observation:
    if group is None:
        return Absent()
    arn = _arn(group) or _arn_of(target)

    def ask() -> dict[str, str]:
        reply = aws.read("logs", "ListTagsForResource", {"resourceArn": arn})
        return {k: v for k, v in reply.get("tags", {}).items() if not k.startswith("aws:")}

    try:
        return Present({"group": group, "tags": tags_of(aws, target, arn, ask)})
    except AwsFailure as failure:
        return Present({"group": group}, {"tags": str(failure)})


def _arn(group: Mapping[str, Any]) -> str:
    """Without the trailing `:*`, which permissions on streams want and tags do not."""
    return str(group.get("logGroupArn") or group.get("arn") or "").removesuffix(":*")


def _arn_of(target: Target) -> str:
    return target.arn("logs", f"log-group:{target.name}")
