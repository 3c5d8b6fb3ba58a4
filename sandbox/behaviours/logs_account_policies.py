"""CloudWatch Logs: account-level retention policies, which override what a log group says.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sandbox.errors import AwsError, NotSimulated
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/"
RETENTION_DAYS = {
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
}  # fmt: skip
BAD = "InvalidParameterException"


def apply_account_policies(ctx: Context, shown: dict[str, Any]) -> None:
    """Of the account's retention policies that apply, the one that keeps longest is shown."""
    made = shown["creationTime"]
    applying = [
        policy
        for policy in ctx.view.get("retention_policies", {}).values()
        if policy["from"] <= ctx.now and (policy["retroactive"] or made >= policy["made"])
    ]
    if not applying:
        return
    longest = max(applying, key=lambda policy: (policy["days"] or 10**6, -policy["made"]))
    shown["retentionPolicyName"] = longest["name"]
    shown.pop("retentionInDays", None)
    if longest["days"]:
        shown["retentionInDays"] = longest["days"]


@behaviour(
    "logs", "PutAccountPolicy", "policyName policyDocument policyType",
    evidence="documented",
    source=API + "API_PutAccountPolicy.html (retention policies without selection criteria)",
)  # fmt: skip
def put_account_policy(ctx: Context, params: Params) -> Reply:
    if params["policyType"] != "RETENTION_POLICY":
        raise NotSimulated(f"logs: account policies of type {params['policyType']}")
    document = json.loads(params["policyDocument"])
    days = document.get("retentionInDays")
    if days != "NEVER_EXPIRE" and days not in RETENTION_DAYS - {1, 3, 5, 7, 14}:
        raise AwsError(BAD, f"Invalid retention value: {days}")
    policies = ctx.store.setdefault("retention_policies", {})
    policies[params["policyName"]] = {
        "name": params["policyName"],
        "days": None if days == "NEVER_EXPIRE" else days,
        "retroactive": document.get("enforcementMode") == "RETROACTIVE",
        "made": int(ctx.now.timestamp() * 1000),
        "from": ctx.now + timedelta(hours=24),
    }
    names = ("policyName", "policyDocument", "policyType")
    return {"accountPolicy": {name: params[name] for name in names}}


@behaviour(
    "logs", "DeleteAccountPolicy", "policyName policyType",
    evidence="documented", source=API + "API_DeleteAccountPolicy.html",
)  # fmt: skip
def delete_account_policy(ctx: Context, params: Params) -> Reply:
    if ctx.store.get("retention_policies", {}).pop(params["policyName"], None) is None:
        raise AwsError("ResourceNotFoundException", "The specified policy does not exist.")
    return {}
