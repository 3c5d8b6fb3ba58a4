"""AssumeRole: sessions of roles, in the role's own account.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from moto.backends import get_backend
from moto.core.base_backend import BackendDict

from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour

_ID = string.ascii_uppercase + "234567"


@behaviour(
    "sts", "AssumeRole", "RoleArn RoleSessionName ExternalId SourceIdentity DurationSeconds",
    evidence="documented",
    source="https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: the session "
    "is the role's, in the role's account; its trust policy decides, on the external id too, and "
    "a source identity needs sts:SetSourceIdentity (assumed: a role that nobody made in this "
    "sandbox trusts everybody; credentials expire by the caller's clock)",
)  # fmt: skip
def assume_role(ctx: Context, params: Params) -> Reply:
    """Credentials of a session."""
    arn = str(params["RoleArn"])
    _, _, _, _, account, resource = arn.split(":", 5)
    name = resource.rpartition("/")[2]
    role = next((r for r in _roles(account) if r.name == name), None)
    needed = ["sts:AssumeRole", *(["sts:SetSourceIdentity"] if "SourceIdentity" in params else ())]
    if role is not None and not all(_trusts(role, action, params) for action in needed):
        said = f"{ctx.access_key} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        raise AwsError("AccessDenied", f"User: {said}", 403)
    key = "ASIA" + ctx.token(_ID, 16)
    ctx.world.accounts[key] = account
    ctx.world.sessions[key] = {k: str(v) for k, v in params.items()}
    ends = datetime.now(UTC) + timedelta(seconds=params.get("DurationSeconds", 3600))
    session = params["RoleSessionName"]
    reply: Reply = {
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": ctx.token(_ID, 40),
            "SessionToken": ctx.token(_ID, 100),
            "Expiration": ends,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"AROA{ctx.token(_ID, 17)}:{session}",
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        },
        "PackedPolicySize": 6,
    }
    if "SourceIdentity" in params:
        reply["SourceIdentity"] = params["SourceIdentity"]
    return reply


def _roles(account: str) -> list[Any]:
    backends: BackendDict[Any] = get_backend("iam")
    return list(backends[account]["aws"].roles.values())


def _trusts(role: Any, action: str, params: Params) -> bool:
    """Whether a statement of the role's trust policy allows it to these parameters."""
    document = role.assume_role_policy_document
    policy = json.loads(unquote(document) if document.startswith("%") else document)
    for statement in policy["Statement"]:
        actions = statement["Action"]
        wanted = statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
        allowed = action in ([actions] if isinstance(actions, str) else actions)
        principal = "AWS" in statement.get("Principal", {})
        if allowed and principal and wanted in (None, params.get("ExternalId")):
            return bool(statement["Effect"] == "Allow")
    return False
