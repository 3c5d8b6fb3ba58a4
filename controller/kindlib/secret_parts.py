"""What a secret has beside its value: a rotation, replicas, and perhaps another owner.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from controller.diff import Change, overlay
from controller.handler import Action
from controller.kindlib.planning import by_field, entry_key, paths
from controller.policies import Canonical, CreateOnly, Doc, ServerDefault, Situation
from controller.spec import Model, text

OWN_KEY = "alias/aws/secretsmanager"
ROTATION = ("rotationEnabled", "rotationLambdaARN", "rotationRules")
_PLAIN = {"rotationEnabled": "RotationEnabled", "rotationLambdaARN": "RotationLambdaARN"}
_RULES = {
    "automaticallyAfterDays": "AutomaticallyAfterDays",
    "scheduleExpression": "ScheduleExpression",
    "duration": "Duration",
}


def key_id(value: Any) -> Any:
    """`…:key/<id>` and `<id>` are one key, `…:alias/<name>` and `alias/<name>` too (case 67)."""
    return str(value).rsplit(":", 1)[-1].removeprefix("key/")


KmsKey = Annotated[str, AfterValidator(text(low=1, high=2048)), Canonical(key_id, cases=(67,))]
"""ARN, id or alias of a key."""

Region = Annotated[
    str, AfterValidator(text(r"([a-z]+-)+\d+", high=128, says="a region, such as eu-west-1"))
]


def _schedule(value: str) -> str:
    """As AWS's pages on schedules say: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html"""
    rate = re.fullmatch(r"rate\((\d+) (hours?|days?)\)", value)
    if rate:
        number, unit = int(rate[1]), rate[2]
        if number < (4 if unit.startswith("hour") else 1):
            raise ValueError("a secret rotates every four hours at most")
    elif not re.fullmatch(r"cron\(\S+( \S+){5}\)", value):
        raise ValueError("must be rate(10 days), rate(4 hours) or cron(0 16 1 * ? *)")
    return value


def _from_schedule(situation: Situation) -> Any:
    """AWS works the days out of a schedule, and shows both."""
    rules = situation.live.get("rotationRules") or {}
    return rules.get("automaticallyAfterDays") if rules.get("scheduleExpression") else None


class RotationRules(Model):
    """When the secret gets a new value."""

    automatically_after_days: Annotated[
        Annotated[int, Field(ge=1, le=1000)] | None, ServerDefault(_from_schedule, cases=(611,))
    ] = None
    """Days between two rotations. Instead: `scheduleExpression`."""

    schedule_expression: Annotated[str, AfterValidator(_schedule)] | None = None
    """`rate(10 days)`, `rate(4 hours)` or `cron(0 16 1,15 * ? *)`, in UTC."""

    duration: (
        Annotated[str, AfterValidator(text(r"([1-9]|1\d|2[0-4])h", says="hours, 1h to 24h"))] | None
    ) = None
    """How long the window is in which it rotates, such as 3h. AWS's default: an hour for a
    schedule in hours, else the rest of the day."""

    @model_validator(mode="after")
    def _one_of(self) -> RotationRules:
        if self.automatically_after_days is not None and self.schedule_expression is not None:
            raise ValueError("has scheduleExpression, so automaticallyAfterDays has no place")
        return self


class ReplicaRegion(Model):
    """A copy of the secret in another region, kept equal by AWS."""

    kms_key_id: Annotated[KmsKey | None, ServerDefault(OWN_KEY), CreateOnly()] = None
    """Key there. AWS's default: alias/aws/secretsmanager. Another one needs a new replica."""


def parts_from_aws(secret: Mapping[str, Any]) -> Doc:
    """Rotation and replicas in our words. A replica that AWS failed to make is none (case 614)."""
    spec: Doc = {o: secret[a] for o, a in _PLAIN.items() if secret.get(a) not in (None, "")}
    rules = secret.get("RotationRules") or {}
    said = {o: rules[a] for o, a in _RULES.items() if rules.get(a) not in (None, "")}
    if said:
        spec["rotationRules"] = said
    replicas = {
        r["Region"]: {"kmsKeyId": r["KmsKeyId"]} if r.get("KmsKeyId") else {}
        for r in secret.get("ReplicationStatus") or ()
        if r.get("Region") and r.get("Status") != "Failed"
    }
    return spec | ({"replicaRegions": replicas} if replicas else {})


def as_written(spec: Doc) -> Doc:
    """Without the days that AWS works out of a schedule: RotateSecret takes one of them."""
    rules = spec.get("rotationRules") or {}
    if not rules.get("scheduleExpression"):
        return spec
    own = {k: v for k, v in rules.items() if k != "automaticallyAfterDays"}
    return spec | {"rotationRules": own}


def held_by(secret: Mapping[str, Any]) -> str:
    """Who alone may change the secret: its service, or its primary (case 613). Empty: we may.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
    """
    if owner := secret.get("OwningService"):
        return f"{owner} manages it and alone may change it"
    primary = secret.get("PrimaryRegion")
    region = str(secret.get("ARN", "")).split(":")[3:4]
    if primary and region and region != [primary]:
        return f"it is a replica of the secret in {primary}, and is changed there"
    return ""


def rotation_actions(
    secret: Mapping[str, Any], spec: Doc, changes: Sequence[Change], after: tuple[str, ...]
) -> list[Action]:
    """One call that sets how it rotates and leaves the value alone, or one that ends it.

    There is none for the settings of a rotation that is off: setting them switches it on.
    """
    todo = [c for c in changes if c.top in ROTATION]
    switched = [c for c in todo if c.top == "rotationEnabled"]
    on = spec.get("rotationEnabled", secret.get("RotationEnabled"))
    if todo and on:
        merged = overlay(parts_from_aws(secret), spec, todo)
        if (spec.get("rotationRules") or {}).get("automaticallyAfterDays"):
            merged["rotationRules"].pop("scheduleExpression", None)  # the days are meant now
        merged = as_written(merged)
        return [rotate(str(secret["ARN"]), merged, spec, paths(todo), after)]
    if switched:
        params = {"SecretId": secret["ARN"]}
        done = paths(switched)
        return [
            Action(
                "secretsmanager", "CancelRotateSecret", params, done, step="rotation", after=after
            )
        ]  # fmt: skip
    return []


def rotate(
    arn: str, wanted: Mapping[str, Any], spec: Doc, changes: tuple[str, ...],
    after: tuple[str, ...],
) -> Action:  # fmt: skip
    """RotateSecret; without `rotateImmediately` AWS only tests the function now."""
    params: Doc = {"SecretId": arn, "RotateImmediately": bool(spec.get("rotateImmediately"))}
    if wanted.get("rotationLambdaARN"):
        params["RotationLambdaARN"] = wanted["rotationLambdaARN"]
    rules = wanted.get("rotationRules") or {}
    if rules:
        params["RotationRules"] = {a: rules[o] for o, a in _RULES.items() if o in rules}
    now = params["RotateImmediately"]
    return Action(
        "secretsmanager", "RotateSecret", params, changes, step="rotation", after=after,
        risk="disruptive" if now else "safe", note="the value changes now" if now else "",
    )  # fmt: skip


def replicas_to_aws(replicas: Mapping[str, Any]) -> list[Doc]:
    """Regions to add."""
    return [
        {"Region": region} | ({"KmsKeyId": own["kmsKeyId"]} if own.get("kmsKeyId") else {})
        for region, own in sorted(replicas.items())
    ]


def replica_actions(
    arn: str, spec: Doc, changes: Sequence[Change], after: tuple[str, ...]
) -> list[Action]:
    """The calls that add replicas and take them away, with what is in them."""
    todo = by_field(changes).get("replicaRegions", [])
    new = {entry_key(c) for c in todo if c.wanted is not None}
    gone = sorted(entry_key(c) for c in todo if c.wanted is None)
    actions = []
    if new:
        wanted = {r: own for r, own in (spec.get("replicaRegions") or {}).items() if r in new}
        params: Doc = {"SecretId": arn, "AddReplicaRegions": replicas_to_aws(wanted)}
        done = paths([c for c in todo if c.wanted is not None])
        actions.append(
            Action(
                "secretsmanager", "ReplicateSecretToRegions", params, done, step="replicate",
                after=after,
            )
        )  # fmt: skip
    if gone:
        done = paths([c for c in todo if c.wanted is None])
        actions.append(unreplicate(arn, gone, done, after))
    return actions


def unreplicate(
    arn: str, regions: Sequence[str], changes: tuple[str, ...] = (), after: tuple[str, ...] = ()
) -> Action:
    """RemoveRegionsFromReplication: the replicas are deleted at once, with no way back."""
    return Action(
        "secretsmanager", "RemoveRegionsFromReplication",
        {"SecretId": arn, "RemoveReplicaRegions": list(regions)}, changes, risk="destructive",
        step="unreplicate", after=after, note=f"deletes the replicas in {', '.join(regions)}",
    )  # fmt: skip
