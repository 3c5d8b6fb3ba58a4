"""Copies of secrets in other regions: made by AWS a little later, kept equal from then on.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sandbox.errors import AwsError
from sandbox.registry import Context
from sandbox.secret_records import Secret, secrets_in
from sandbox.world import Store

BAD = "InvalidParameterException"
OWN_KEY = "alias/aws/secretsmanager"
PRIMARY_ONLY = ("ReplicationStatus", "RotationEnabled", "RotationLambdaARN", "RotationRules")


def check_regions(
    ctx: Context, secret: Secret, regions: Sequence[Mapping[str, Any]], *, new: bool = True
) -> None:
    """Refuse the secret's own region, one that is named twice, and one that has a replica."""
    names = [region["Region"] for region in regions]
    held = {replica["Region"] for replica in secret.get("ReplicationStatus", ())
            if replica["Status"] != "Failed"}  # fmt: skip
    for name in names:
        if name == ctx.region:
            raise AwsError(BAD, f"Invalid replica region: {name} is the primary region.")
        if names.count(name) > 1:
            raise AwsError(BAD, f"Region {name} is given twice.")
        if new and name in held:
            raise AwsError(BAD, f"The secret is already replicated to {name}.")
        if not new and not any(r["Region"] == name for r in secret.get("ReplicationStatus", ())):
            raise AwsError(BAD, f"The secret is not replicated to {name}.")


def replicate(
    ctx: Context, secret: Secret, regions: Sequence[Mapping[str, Any]], *, force: bool
) -> None:
    """Begin to copy a secret; a name that is taken there makes it fail."""
    status = [r for r in secret.get("ReplicationStatus", ())
              if r["Region"] not in {region["Region"] for region in regions}]  # fmt: skip
    for region in regions:
        entry = {
            "Region": region["Region"],
            "KmsKeyId": region.get("KmsKeyId") or OWN_KEY,
            "Status": "InProgress",
        }
        status.append(entry)
        _copy_later(ctx, secret["ARN"], region["Region"], force=force)
    secret["ReplicationStatus"] = status
    secret["PrimaryRegion"] = ctx.region


def _copy_later(ctx: Context, arn: str, region: str, *, force: bool) -> None:
    def copy_it() -> None:
        secret = secrets_in(ctx.store).get(arn)
        if secret is None:
            return
        for entry in secret.get("ReplicationStatus", ()):
            if entry["Region"] == region and entry["Status"] == "InProgress":
                _copy(ctx, secret, entry, force=force)

    ctx.world.clock.after(timedelta(seconds=ctx.world.rng.uniform(1, 30)), copy_it)


def _copy(ctx: Context, secret: Secret, entry: dict[str, Any], *, force: bool) -> None:
    there = _store_of(ctx, entry["Region"])
    arn = copy_arn(secret["ARN"], entry["Region"])
    taken = any(other["Name"] == secret["Name"] for other in secrets_in(there).values())
    if taken and not force:
        entry |= {
            "Status": "Failed",
            "StatusMessage": "Replication failed: Secret with this name already exists",
        }
        return
    replica = {k: copy.deepcopy(v) for k, v in secret.items() if k not in PRIMARY_ONLY}
    key = {} if entry["KmsKeyId"] == OWN_KEY else {"KmsKeyId": entry["KmsKeyId"]}
    replica.pop("KmsKeyId", None)
    secrets_in(there)[arn] = replica | {"ARN": arn, "PrimaryRegion": ctx.region} | key
    entry |= {"Status": "InSync", "StatusMessage": "Replication succeeded"}


def remove(ctx: Context, secret: Secret, regions: Sequence[str]) -> None:
    """Delete replicas: at once, and with no way back."""
    for region in regions:
        secrets_in(_store_of(ctx, region)).pop(copy_arn(secret["ARN"], region), None)
    secret["ReplicationStatus"] = [
        entry for entry in secret["ReplicationStatus"] if entry["Region"] not in regions
    ]
    if not secret["ReplicationStatus"]:
        del secret["ReplicationStatus"]


def _store_of(ctx: Context, region: str) -> Store:
    return ctx.world.store("secretsmanager", ctx.account, region)


def copy_arn(arn: str, region: str) -> str:
    """The ARN of a replica is its primary's, but for the region."""
    parts = arn.split(":")
    return ":".join([*parts[:3], region, *parts[4:]])
