"""CloudWatch Logs: log groups, their retention and tags."""

from __future__ import annotations

import re
from typing import Any

from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/"
RETENTION_DAYS = {
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
}  # fmt: skip
NAME = re.compile(r"^[.\-_/#A-Za-z0-9]{1,512}$")


def _group(ctx: Context, name: str) -> dict[str, Any]:
    try:
        group: dict[str, Any] = ctx.store[name]
    except KeyError:
        raise AwsError(
            "ResourceNotFoundException", "The specified log group does not exist."
        ) from None
    return group


@behaviour(
    "logs", "CreateLogGroup", "logGroupName kmsKeyId tags logGroupClass deletionProtectionEnabled",
    evidence="documented", source=API + "API_CreateLogGroup.html",
)  # fmt: skip
def create_log_group(ctx: Context, params: Params) -> Reply:
    name = params["logGroupName"]
    if not NAME.match(name) or name.startswith("aws/"):
        raise AwsError("InvalidParameterException", f"Invalid log group name: {name}")
    if name in ctx.store:
        raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
    group = {
        "logGroupName": name,
        "creationTime": int(ctx.now.timestamp() * 1000),
        "metricFilterCount": 0,
        "arn": ctx.arn(f"log-group:{name}:*"),
        "logGroupArn": ctx.arn(f"log-group:{name}"),
        "storedBytes": 0,
        "logGroupClass": params.get("logGroupClass", "STANDARD"),
        "deletionProtectionEnabled": params.get("deletionProtectionEnabled", False),
        "_tags": dict(params.get("tags") or {}),
    }
    if "kmsKeyId" in params:
        group["kmsKeyId"] = params["kmsKeyId"]
    ctx.store[name] = group
    return {}
