"""Secrets Manager: making, changing, tagging and deleting secrets."""

from __future__ import annotations

import copy
import re
import string
from datetime import timedelta
from typing import Any

from sandbox.errors import AwsError
from sandbox.moto_state import kms_key_usable
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.secret_records import Secret, add_version, move_stage, new_secret, secrets_in
from sandbox.secret_replicas import check_regions, replicate
from sandbox.tags import forget_tags, from_pairs, put_tags, remove_tags
from sandbox.world import Store

API = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/"
BAD, STATE = "InvalidParameterException", "InvalidRequestException"


def find(store: Store, identifier: str) -> Secret:
    """A secret by its name, its ARN, or its ARN without the six random characters."""
    for secret in store.get("secrets", {}).values():
        if identifier in (secret["Name"], secret["ARN"], secret["ARN"][:-7]):
            found: Secret = secret
            return found
    raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def living(store: Store, identifier: str) -> Secret:
    """A secret that is not scheduled for deletion."""
    secret = find(store, identifier)
    if "DeletedDate" in secret:
        raise AwsError(
            STATE,
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    return secret


def changeable(ctx: Context, identifier: str) -> Secret:
    """A living secret that neither a service manages nor another region's secret determines."""
    secret = living(ctx.store, identifier)
    if "OwningService" in secret:
        raise AwsError(
            STATE,
            f"The secret is managed by {secret['OwningService']}: use that service to update it.",
        )
    if secret.get("PrimaryRegion", ctx.region) != ctx.region:
        raise AwsError(
            STATE,
            "You can't perform this operation on a replica secret: use the primary secret in"
            f" {secret['PrimaryRegion']}.",
        )
    return secret


def check_key(key: str | None) -> None:
    """Refuse a key that there is not, where that can be told: aliases are not looked up."""
    if key and ":key/" in key and not kms_key_usable(key):
        raise AwsError(
            "EncryptionFailure",
            "Secrets Manager can't encrypt the protected secret text using the provided KMS key.",
        )


def _value(params: Params) -> dict[str, Any]:
    value: dict[str, Any] = {k: params[k] for k in ("SecretString", "SecretBinary") if k in params}
    if len(value) > 1:
        raise AwsError(BAD, "You can't specify both a binary secret value and a string value.")
    return value


def _same(version: dict[str, Any], value: dict[str, Any]) -> bool:
    return {k: version[k] for k in ("SecretString", "SecretBinary") if k in version} == value


@behaviour(
    "secretsmanager", "CreateSecret",
    "Name ClientRequestToken Description KmsKeyId SecretBinary SecretString Tags"
    " AddReplicaRegions ForceOverwriteReplicaSecret",
    evidence="documented", source=API + "API_CreateSecret.html",
)  # fmt: skip
def create_secret(ctx: Context, params: Params) -> Reply:
    name, value = params["Name"], _value(params)
    if not re.fullmatch(r"[A-Za-z0-9/_+=.@!-]{1,512}", name):
        raise AwsError(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of"
            " the following: -/_+=.@!",
        )
    tags = from_pairs(params.get("Tags"), BAD)
    token = params.get("ClientRequestToken") or ctx.uuid()
    for other in secrets_in(ctx.store).values():
        if other["Name"] != name:
            continue
        if "DeletedDate" in other:
            raise AwsError(
                STATE,
                "You can't create this secret because a secret with this name is already"
                " scheduled for deletion.",
            )
        version = other["_versions"].get(token)
        if version is None or not value or not _same(version, value):
            raise AwsError(
                "ResourceExistsException",
                f"The operation failed because the secret {name} already exists.",
            )
        return _names(other) | {"VersionId": token}
    key = params.get("KmsKeyId")
    check_key(key)
    regions = params.get("AddReplicaRegions") or []
    check_regions(ctx, {}, regions)
    secret = new_secret(
        ctx,
        name,
        tags,
        Description=params.get("Description"),
        KmsKeyId=None if key == "alias/aws/secretsmanager" else key,
    )
    reply = _names(secret)
    if value:
        add_version(ctx, secret, token, value, ["AWSCURRENT"])
        reply["VersionId"] = token
    if regions:
        replicate(ctx, secret, regions, force=params.get("ForceOverwriteReplicaSecret", False))
        reply["ReplicationStatus"] = copy.deepcopy(secret["ReplicationStatus"])
    return reply


def _names(secret: Secret) -> Reply:
    return {"ARN": secret["ARN"], "Name": secret["Name"]}


@behaviour(
    "secretsmanager", "PutSecretValue",
    "SecretId ClientRequestToken SecretBinary SecretString VersionStages",
    evidence="documented", source=API + "API_PutSecretValue.html",
)  # fmt: skip
def put_secret_value(ctx: Context, params: Params) -> Reply:
    secret, value = changeable(ctx, params["SecretId"]), _value(params)
    if not value:
        raise AwsError(BAD, "You must provide either SecretString or SecretBinary.")
    token = params.get("ClientRequestToken") or ctx.uuid()
    known = secret["_versions"].get(token)
    if known is None:
        stages = params.get("VersionStages") or ["AWSCURRENT"]
        add_version(ctx, secret, token, value, stages)
    elif not _same(known, value):
        raise AwsError(
            "ResourceExistsException", "You can't modify an existing version of a secret."
        )
    stages = list(secret["_versions"][token]["stages"])
    return _names(secret) | {"VersionId": token, "VersionStages": stages}


@behaviour(
    "secretsmanager", "UpdateSecretVersionStage",
    "SecretId VersionStage RemoveFromVersionId MoveToVersionId",
    evidence="documented", source=API + "API_UpdateSecretVersionStage.html",
)  # fmt: skip
def update_secret_version_stage(ctx: Context, params: Params) -> Reply:
    secret, stage = changeable(ctx, params["SecretId"]), params["VersionStage"]
    versions = secret["_versions"]
    source, goal = params.get("RemoveFromVersionId"), params.get("MoveToVersionId")
    for version_id in (source, goal):
        if version_id is not None and version_id not in versions:
            raise AwsError("ResourceNotFoundException", f"There is no version {version_id}.")
    holder = next((v for v, version in versions.items() if stage in version["stages"]), None)
    if holder not in (source, None if goal is None else goal):
        raise AwsError(
            BAD, f"The parameter RemoveFromVersionId must be the version that has {stage}."
        )
    if goal is not None:
        move_stage(versions, stage, goal)
        if stage == "AWSCURRENT" and holder not in (None, goal):
            move_stage(versions, "AWSPREVIOUS", str(holder))
    elif source is not None:
        versions[source]["stages"].remove(stage)
    secret["LastChangedDate"] = ctx.now
    return _names(secret)


@behaviour(
    "secretsmanager", "UpdateSecret",
    "SecretId ClientRequestToken Description KmsKeyId SecretBinary SecretString",
    evidence="documented", source=API + "API_UpdateSecret.html",
)  # fmt: skip
def update_secret(ctx: Context, params: Params) -> Reply:
    secret, value = changeable(ctx, params["SecretId"]), _value(params)
    token = params.get("ClientRequestToken") or ctx.uuid()
    if value and token in secret["_versions"]:
        raise AwsError(
            "ResourceExistsException", "You can't modify an existing version of a secret."
        )
    check_key(params.get("KmsKeyId"))
    for name in ("Description", "KmsKeyId"):
        if params.get(name) in ("", "alias/aws/secretsmanager"):
            secret.pop(name, None)
        elif name in params:
            secret[name] = params[name]
    secret["LastChangedDate"] = ctx.now
    if not value:
        return _names(secret)
    add_version(ctx, secret, token, value, ["AWSCURRENT"])
    return _names(secret) | {"VersionId": token}


@behaviour(
    "secretsmanager", "DeleteSecret", "SecretId RecoveryWindowInDays ForceDeleteWithoutRecovery",
    evidence="documented",
    source=API + "API_DeleteSecret.html; recorded: DeletedDate is the time of the call; assumed: "
    "a secret scheduled for deletion can be deleted again only by force",
)  # fmt: skip
def delete_secret(ctx: Context, params: Params) -> Reply:
    force, days = params.get("ForceDeleteWithoutRecovery"), params.get("RecoveryWindowInDays")
    if force and days is not None:
        raise AwsError(
            BAD,
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        )
    if days is not None and not 7 <= days <= 30:
        raise AwsError(
            BAD, "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
        )
    try:
        secret = (find if force else living)(ctx.store, params["SecretId"])
    except AwsError as error:
        if not force or error.code != "ResourceNotFoundException":
            raise
        return {"Name": params["SecretId"], "DeletionDate": ctx.now}
    if "OwningService" in secret:
        raise AwsError(STATE, f"The secret is managed by {secret['OwningService']}.")
    if secret.get("ReplicationStatus"):
        raise AwsError(STATE, "You can't delete secret that still has replicas: remove them first.")
    secret["DeletedDate"] = secret["LastChangedDate"] = ctx.now
    wait = timedelta(days=days or 30)
    if force:  # "an asynchronous background process": the name stays taken for a moment
        wait = timedelta(seconds=ctx.world.rng.uniform(0, 20)) if ctx.world.max_lag else timedelta()
    end = ctx.now + wait
    secret["_ends"] = end
    store, arn = ctx.store, secret["ARN"]

    def end_it() -> None:
        if secrets_in(store).get(arn, {}).get("_ends") == end:
            del secrets_in(store)[arn]
            forget_tags(store, arn)

    if wait:
        ctx.world.clock.after(wait, end_it)
    else:
        end_it()
    return _names(secret) | {"DeletionDate": end}


@behaviour(
    "secretsmanager", "RestoreSecret", "SecretId",
    evidence="documented",
    source=API + "API_RestoreSecret.html; "
    "assumed: a living secret may be restored",
)  # fmt: skip
def restore_secret(ctx: Context, params: Params) -> Reply:
    secret = find(ctx.store, params["SecretId"])
    secret.pop("DeletedDate", None)
    secret.pop("_ends", None)
    secret["LastChangedDate"] = ctx.now
    return _names(secret)


@behaviour(
    "secretsmanager", "TagResource", "SecretId Tags",
    evidence="documented", source=API + "API_TagResource.html",
)  # fmt: skip
def tag_resource(ctx: Context, params: Params) -> Reply:
    secret = living(ctx.store, params["SecretId"])
    put_tags(ctx.store, secret["ARN"], from_pairs(params["Tags"], BAD), BAD)
    return {}


@behaviour(
    "secretsmanager", "UntagResource", "SecretId TagKeys",
    evidence="documented", source=API + "API_UntagResource.html",
)  # fmt: skip
def untag_resource(ctx: Context, params: Params) -> Reply:
    secret = living(ctx.store, params["SecretId"])
    remove_tags(ctx.store, secret["ARN"], params["TagKeys"], BAD)
    return {}


@behaviour(
    "secretsmanager", "GetRandomPassword",
    "PasswordLength ExcludeCharacters ExcludeNumbers ExcludePunctuation ExcludeUppercase"
    " ExcludeLowercase IncludeSpace RequireEachIncludedType",
    evidence="documented", source=API + "API_GetRandomPassword.html",
)  # fmt: skip
def get_random_password(ctx: Context, params: Params) -> Reply:
    excluded = set(params.get("ExcludeCharacters", ""))
    classes = [
        sorted(set(characters) - excluded)
        for flag, characters in (
            ("ExcludeLowercase", string.ascii_lowercase),
            ("ExcludeUppercase", string.ascii_uppercase),
            ("ExcludeNumbers", string.digits),
            ("ExcludePunctuation", string.punctuation),
        )
        if not params.get(flag)
    ]
    if params.get("IncludeSpace"):
        classes.append([" "])
    each = params.get("RequireEachIncludedType", True)
    length = params.get("PasswordLength", 32)
    if not any(classes) or (each and not all(classes)):
        raise AwsError(BAD, "The characters left are not enough for a password.")
    if each and length < len(classes):
        raise AwsError(BAD, "Password length is too short based on the required types.")
    rng, everything = ctx.world.rng, [c for characters in classes for c in characters]
    password = [rng.choice(characters) for characters in classes] if each else []
    password += [rng.choice(everything) for _ in range(length - len(password))]
    return {"RandomPassword": "".join(ctx.shuffled(password))}
