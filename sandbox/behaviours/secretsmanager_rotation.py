"""Secrets Manager: rotation by a function that always works, and replicas in other regions."""

from __future__ import annotations

import copy
import math
import re
from datetime import timedelta
from typing import Any

from sandbox.behaviours.secretsmanager import API, BAD, STATE, changeable
from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.secret_records import Secret, add_version, secrets_in
from sandbox.secret_replicas import check_regions, remove, replicate


@behaviour(
    "secretsmanager", "RotateSecret",
    "SecretId ClientRequestToken RotationLambdaARN RotationRules RotateImmediately",
    evidence="documented",
    source=API + "API_RotateSecret.html; recorded: secretsmanager/DescribeSecret 64b9b2fd5a (days "
    "that AWS works out of a schedule); assumed: the function works and takes a minute",
)  # fmt: skip
def rotate_secret(ctx: Context, params: Params) -> Reply:
    secret = changeable(ctx, params["SecretId"])
    rules = params.get("RotationRules") or {}
    if {"AutomaticallyAfterDays", "ScheduleExpression"} <= set(rules):
        raise AwsError(BAD, "You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
    _check_schedule(rules.get("ScheduleExpression"))
    function = params.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
    if not function:
        raise AwsError(STATE, "No Lambda rotation function ARN is associated with this secret.")
    if not rules and "RotationRules" not in secret:
        raise NotSimulated("secretsmanager: a rotation without a schedule")
    pending = [v for v in secret["_versions"].values() if "AWSPENDING" in v["stages"]]
    if any("AWSCURRENT" not in version["stages"] for version in pending):
        raise AwsError(
            STATE, "A previous rotation isn't complete. That rotation will be reattempted."
        )
    secret |= {"RotationEnabled": True, "RotationLambdaARN": function, "LastChangedDate": ctx.now}
    if rules:
        secret["RotationRules"] = copy.deepcopy(rules)
    now = params.get("RotateImmediately", True)
    _rotate_after(ctx, secret, timedelta(minutes=1) if now else _interval(secret))
    return {"ARN": secret["ARN"], "Name": secret["Name"]}


def _check_schedule(expression: str | None) -> None:
    if expression is None or re.fullmatch(r"cron\(\S+( \S+){5}\)", expression):
        return
    rate = re.fullmatch(r"rate\((\d+) (hour|day)s?\)", expression)
    if rate is None:
        raise AwsError(BAD, f"Invalid ScheduleExpression: {expression}")
    if int(rate[1]) < (4 if rate[2] == "hour" else 1):
        raise AwsError(BAD, "The rate must be at least four hours.")


def _interval(secret: Secret) -> timedelta:
    rules = secret["RotationRules"]
    rate = re.fullmatch(r"rate\((\d+) (hour|day)s?\)", rules.get("ScheduleExpression", ""))
    if rate:
        return int(rate[1]) * (timedelta(hours=1) if rate[2] == "hour" else timedelta(days=1))
    return timedelta(days=rules.get("AutomaticallyAfterDays", 1))  # of cron: a day at least


def _rotate_after(ctx: Context, secret: Secret, wait: timedelta) -> None:
    """The next rotation, unless what is set changes before."""
    arn, mark = secret["ARN"], ctx.uuid()
    secret["_rotation"] = mark
    secret["NextRotationDate"] = ctx.now + wait

    def rotate() -> None:
        found = secrets_in(ctx.store).get(arn, {})
        if found.get("_rotation") != mark or "DeletedDate" in found:
            return
        ctx.world.remember(ctx.service, ctx.account, ctx.region)
        add_version(ctx, found, ctx.uuid(), {"SecretString": ctx.token(length=32)}, ["AWSCURRENT"])
        found["LastRotatedDate"] = ctx.now
        rules: dict[str, Any] = found["RotationRules"]
        if "ScheduleExpression" in rules:
            rules["AutomaticallyAfterDays"] = max(
                1, math.ceil(_interval(found) / timedelta(days=1))
            )
        _rotate_after(ctx, found, _interval(found))

    ctx.world.clock.after(wait, rotate)


@behaviour(
    "secretsmanager", "CancelRotateSecret", "SecretId",
    evidence="documented",
    source=API + "API_CancelRotateSecret.html; recorded: secretsmanager/DescribeSecret 62c67d0419 "
    "(the function stays)",
)  # fmt: skip
def cancel_rotate_secret(ctx: Context, params: Params) -> Reply:
    secret = changeable(ctx, params["SecretId"])
    if "RotationLambdaARN" not in secret:
        raise NotSimulated("secretsmanager: ending a rotation that was never set up")
    secret |= {"RotationEnabled": False, "LastChangedDate": ctx.now}
    secret.pop("NextRotationDate", None)
    secret.pop("_rotation", None)
    return {"ARN": secret["ARN"], "Name": secret["Name"]}


@behaviour(
    "secretsmanager", "ReplicateSecretToRegions",
    "SecretId AddReplicaRegions ForceOverwriteReplicaSecret",
    evidence="documented", source=API + "API_ReplicateSecretToRegions.html; recorded: "
    "secretsmanager/DescribeSecret 19e8012374; assumed: how a region is refused",
)  # fmt: skip
def replicate_secret_to_regions(ctx: Context, params: Params) -> Reply:
    secret = changeable(ctx, params["SecretId"])
    check_regions(ctx, secret, params["AddReplicaRegions"])
    force = params.get("ForceOverwriteReplicaSecret", False)
    replicate(ctx, secret, params["AddReplicaRegions"], force=force)
    secret["LastChangedDate"] = ctx.now
    return {"ARN": secret["ARN"], "ReplicationStatus": copy.deepcopy(secret["ReplicationStatus"])}


@behaviour(
    "secretsmanager", "RemoveRegionsFromReplication", "SecretId RemoveReplicaRegions",
    evidence="documented", source=API + "API_RemoveRegionsFromReplication.html; assumed: a region "
    "without a replica is refused",
)  # fmt: skip
def remove_regions_from_replication(ctx: Context, params: Params) -> Reply:
    secret = changeable(ctx, params["SecretId"])
    regions = params["RemoveReplicaRegions"]
    check_regions(ctx, secret, [{"Region": region} for region in regions], new=False)
    remove(ctx, secret, regions)
    secret["LastChangedDate"] = ctx.now
    left = copy.deepcopy(secret.get("ReplicationStatus", []))
    return {"ARN": secret["ARN"], "ReplicationStatus": left}
