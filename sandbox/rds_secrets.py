"""The secret that RDS makes, rotates and deletes for a master user whose password it manages."""

from __future__ import annotations

import json
import string
from typing import Any

from sandbox.data_services import key_arn
from sandbox.registry import Context, Params
from sandbox.secret_records import add_version, managed_secret, secrets_in
from sandbox.tags import forget_tags


def make_secret(ctx: Context, inst: dict[str, Any], params: Params) -> None:
    """Begin to manage the password: the secret is `creating` for a while."""
    key = key_arn(ctx, params.get("MasterUserSecretKmsKeyId", "alias/aws/secretsmanager"))
    secret = managed_secret(
        ctx, f"rds!db-{ctx.uuid()}", "rds", _value(ctx, inst),
        {"aws:rds:primaryDBInstanceArn": inst["DBInstanceArn"]}, key,
    )  # fmt: skip
    inst["MasterUserSecret"] = {
        "SecretArn": secret["ARN"],
        "SecretStatus": "creating",
        "KmsKeyId": key,
    }


def _value(ctx: Context, inst: dict[str, Any]) -> str:
    password = ctx.token(string.ascii_letters + string.digits, 28)
    return json.dumps({"username": inst["MasterUsername"], "password": password})


def rotate_secret(ctx: Context, inst: dict[str, Any]) -> None:
    """A new password; the secret is `rotating` for a while."""
    secret = secrets_in(ctx.other("secretsmanager"))[inst["MasterUserSecret"]["SecretArn"]]
    add_version(ctx, secret, ctx.uuid(), {"SecretString": _value(ctx, inst)}, ["AWSCURRENT"])
    inst["MasterUserSecret"]["SecretStatus"] = "rotating"


def drop_secret(ctx: Context, inst: dict[str, Any]) -> None:
    """Stop managing the password: RDS deletes the secret."""
    held = inst.pop("MasterUserSecret", None)
    if held is not None:
        store = ctx.other("secretsmanager")
        secrets_in(store).pop(held["SecretArn"], None)
        forget_tags(store, held["SecretArn"])
