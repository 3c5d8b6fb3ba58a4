"""Secrets as Secrets Manager keeps them: made here, also for the services that manage their own."""

from __future__ import annotations

import string
from datetime import timedelta
from typing import Any

from sandbox.registry import Context
from sandbox.tags import tags_of
from sandbox.world import Store

Secret = dict[str, Any]
LIST_LAG = 150
"""ListSecrets may miss five minutes; other reads here lag by at most `max_lag` (2 s)."""


def secrets_in(store: Store) -> dict[str, Secret]:
    """All secrets by ARN."""
    secrets: dict[str, Secret] = store.setdefault("secrets", {})
    return secrets


def new_secret(ctx: Context, name: str, tags: dict[str, str], **details: Any) -> Secret:
    """Make a secret without a value: AWS adds a hyphen and six random characters to its ARN."""
    suffix = ctx.token(string.ascii_letters + string.digits, 6)
    arn = ctx.arn(f"secret:{name}-{suffix}", "secretsmanager")
    lag = ctx.world.max_lag * LIST_LAG * ctx.world.rng.random()
    secret: Secret = {
        "ARN": arn,
        "Name": name,
        "CreatedDate": ctx.now,
        "LastChangedDate": ctx.now,
        "_versions": {},
        "_listed": ctx.now + (lag if ctx.world.rng.random() < 0.3 else timedelta()),
        **{key: value for key, value in details.items() if value},
    }
    secrets = ctx.other("secretsmanager")
    secrets_in(secrets)[arn] = secret
    tags_of(secrets, arn).update(tags)
    return secret


def add_version(
    ctx: Context, secret: Secret, version_id: str, value: dict[str, Any], stages: list[str]
) -> None:
    """Add a version and move the staging labels to it, AWSPREVIOUS following AWSCURRENT."""
    versions = secret["_versions"]
    stages = list(stages) if versions else sorted({*stages, "AWSCURRENT"})
    before = {stage: vid for vid, version in versions.items() for stage in version["stages"]}
    versions[version_id] = {"stages": [], "CreatedDate": ctx.now, **value}
    for stage in stages:
        move_stage(versions, stage, version_id)
    if "AWSCURRENT" in stages and before.get("AWSCURRENT", version_id) != version_id:
        move_stage(versions, "AWSPREVIOUS", before["AWSCURRENT"])
    secret["LastChangedDate"] = ctx.now


def move_stage(versions: dict[str, Any], stage: str, target: str) -> None:
    """Attach a staging label to one version, taking it from the one that has it."""
    for version in versions.values():
        if stage in version["stages"]:
            version["stages"].remove(stage)
    versions[target]["stages"].append(stage)


def managed_secret(
    ctx: Context, name: str, owner: str, value: str, tags: dict[str, str], key: str | None = None
) -> Secret:
    """A secret that another service owns (`rds!db-…`), with its first value and its aws: tags."""
    tags = {"aws:secretsmanager:owningService": owner, **tags}
    rules = {"AutomaticallyAfterDays": 7}  # RDS rotates every seven days
    secret = new_secret(
        ctx, name, tags, OwningService=owner, KmsKeyId=key, RotationEnabled=True,
        RotationRules=rules,
    )  # fmt: skip
    add_version(ctx, secret, ctx.uuid(), {"SecretString": value}, ["AWSCURRENT"])
    return secret
