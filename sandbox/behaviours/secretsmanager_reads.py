"""Secrets Manager: what can be read, all of it eventually consistent."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from sandbox.behaviours.secretsmanager import API, BAD, STATE, find, living
from sandbox.errors import AwsError, NotSimulated
from sandbox.paging import page
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.secret_records import Secret
from sandbox.tags import to_pairs
from sandbox.world import Store


def _public(ctx: Context, store: Store, secret: Secret, versions: str) -> Reply:
    """What is told of a secret; only fields that have a value, but Tags always (recorded)."""
    shown = {k: copy.deepcopy(v) for k, v in secret.items() if not k.startswith("_")}
    if versions == "SecretVersionsToStages":  # a list shows no replicas
        shown.pop("ReplicationStatus", None)
    shown["Tags"] = to_pairs(ctx, store.get("_tags", {}).get(secret["ARN"], {}))
    stages = {
        version_id: list(version["stages"])
        for version_id, version in secret["_versions"].items()
        if version["stages"]
    }
    return shown | ({versions: stages} if stages else {})


@behaviour(
    "secretsmanager", "DescribeSecret", "SecretId",
    evidence="recorded", source="secretsmanager/DescribeSecret; " + API + "API_DescribeSecret.html",
)  # fmt: skip
def describe_secret(ctx: Context, params: Params) -> Reply:
    store = ctx.view
    return _public(ctx, store, find(store, params["SecretId"]), "VersionIdsToStages")


def _read_value(ctx: Context, store: Store, params: Params) -> Reply:
    secret = living(store, params["SecretId"])
    stage, version_id = params.get("VersionStage"), params.get("VersionId")
    if stage is None and version_id is None:
        stage = "AWSCURRENT"
    for key, version in secret["_versions"].items():
        if version_id not in (None, key) or (stage and stage not in version["stages"]):
            continue
        today = ctx.now.replace(hour=0, minute=0, second=0, microsecond=0)
        now = ctx.store.get("secrets", {}).get(secret["ARN"])
        if now is not None:
            now["LastAccessedDate"] = today
        value = {k: version[k] for k in ("SecretString", "SecretBinary") if k in version}
        return {
            "ARN": secret["ARN"],
            "Name": secret["Name"],
            "VersionId": key,
            "VersionStages": list(version["stages"]),
            "CreatedDate": version["CreatedDate"],
        } | value
    looked_for = f"staging label: {stage}" if stage else f"VersionId: {version_id}"
    raise AwsError(
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for {looked_for}",
    )


@behaviour(
    "secretsmanager", "GetSecretValue", "SecretId VersionId VersionStage",
    evidence="documented", source=API + "API_GetSecretValue.html",
)  # fmt: skip
def get_secret_value(ctx: Context, params: Params) -> Reply:
    return _read_value(ctx, ctx.view, params)


@behaviour(
    "secretsmanager", "BatchGetSecretValue", "SecretIdList Filters MaxResults NextToken",
    evidence="documented", source=API + "API_BatchGetSecretValue.html",
)  # fmt: skip
def batch_get_secret_value(ctx: Context, params: Params) -> Reply:
    names, filters = params.get("SecretIdList"), params.get("Filters")
    if (names is None) == (filters is None):
        raise AwsError(BAD, "Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if names is not None and {"MaxResults", "NextToken"} & set(params):
        raise AwsError(BAD, "Paging needs 'Filters'.")
    store, token = ctx.view, None
    if names is None:
        found = {s["ARN"]: s["ARN"] for s in _matching(store, filters or [])}
        refusal = AwsError("InvalidNextTokenException", "Invalid token")
        names, token = page(found, params.get("NextToken"), params.get("MaxResults", 20), refusal)
    values, errors = [], []
    for name in names:
        try:
            values.append(_read_value(ctx, store, {"SecretId": name}))
        except AwsError as error:
            errors.append({"SecretId": name, "ErrorCode": error.code, "Message": error.message})
    reply = {"SecretValues": ctx.shuffled(values), "Errors": errors}
    return reply | ({"NextToken": token} if token else {})


@behaviour(
    "secretsmanager", "ListSecrets",
    "IncludePlannedDeletion MaxResults NextToken Filters SortOrder SortBy",
    evidence="documented", source=API + "API_ListSecrets.html (may miss the last five minutes)",
)  # fmt: skip
def list_secrets(ctx: Context, params: Params) -> Reply:
    if params.get("SortBy", "created-date") != "created-date":
        raise NotSimulated(f"secretsmanager:ListSecrets by {params['SortBy']}")
    store = ctx.view
    found = {
        f"{secret['CreatedDate'].isoformat()} {secret['ARN']}": secret
        for secret in _matching(store, params.get("Filters") or [])
        if secret["_listed"] <= ctx.now
        and (params.get("IncludePlannedDeletion") or "DeletedDate" not in secret)
    }
    refusal = AwsError("InvalidNextTokenException", "Invalid token")
    order = params.get("SortOrder", "desc" if ctx.world.seed % 2 else "asc")
    secrets, token = page(
        found,
        params.get("NextToken"),
        params.get("MaxResults", 100),
        refusal,
        descending=order == "desc",
    )
    shown = [_public(ctx, store, secret, "SecretVersionsToStages") for secret in secrets]
    return {"SecretList": shown} | ({"NextToken": token} if token else {})


def _matching(store: Store, filters: list[dict[str, Any]]) -> Iterable[Secret]:
    for arn, secret in store.get("secrets", {}).items():
        tags = store.get("_tags", {}).get(arn, {})
        if all(_matches(secret, tags, rule["Key"], rule["Values"]) for rule in filters):
            yield secret


def _matches(secret: Secret, tags: dict[str, str], key: str, values: list[str]) -> bool:
    match key:
        case "name":
            texts = [secret["Name"]]
        case "description":
            texts, values = [secret.get("Description", "").lower()], [v.lower() for v in values]
        case "tag-key":
            texts = list(tags)
        case "tag-value":
            texts = list(tags.values())
        case "owning-service":
            texts = [secret.get("OwningService", "")]
        case _:
            raise NotSimulated(f"secretsmanager: filter {key}")
    wanted = [v for v in values if not v.startswith("!")]
    unwanted = [v[1:] for v in values if v.startswith("!")]
    if any(text.startswith(v) for text in texts for v in unwanted):
        return False
    return not wanted or any(text.startswith(v) for text in texts for v in wanted)


@behaviour(
    "secretsmanager", "ListSecretVersionIds", "SecretId IncludeDeprecated",
    evidence="documented", source=API + "API_ListSecretVersionIds.html",
)  # fmt: skip
def list_secret_version_ids(ctx: Context, params: Params) -> Reply:
    secret = find(ctx.view, params["SecretId"])
    if "DeletedDate" in secret:
        raise AwsError(STATE, "The secret was marked for deletion.")
    versions = [
        {"VersionId": key, "VersionStages": list(v["stages"]), "CreatedDate": v["CreatedDate"]}
        if v["stages"]
        else {"VersionId": key, "CreatedDate": v["CreatedDate"]}
        for key, v in secret["_versions"].items()
        if v["stages"] or params.get("IncludeDeprecated")
    ]
    return {"ARN": secret["ARN"], "Name": secret["Name"], "Versions": ctx.shuffled(versions)}
