"""What SNS refuses, fills in and writes its own way."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.errors import AwsError
from sandbox.registry import Context
from sandbox.world import Store

API = "https://docs.aws.amazon.com/sns/latest/api/"
BAD = "InvalidParameter"
FIFO = ("ContentBasedDeduplication", "FifoThroughputScope")
SETTABLE = (
    "DeliveryPolicy", "DisplayName", "KmsMasterKeyId", "MaximumMessageSize", "Policy",
    "SignatureVersion", "TracingConfig", *FIFO,
)  # fmt: skip
_WORDS = {
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
}
_RETRIES = {
    "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
}  # fmt: skip
_ACTIONS = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic",
    "Subscribe", "ListSubscriptionsByTopic", "Publish",
)  # fmt: skip
_ACCOUNT = re.compile(r"\d{12}")


def refusal(what: str) -> AwsError:
    """How SNS refuses a value."""
    return AwsError(BAD, f"Invalid parameter: {what}")


def missing(what: str, code: str = "NotFound") -> AwsError:
    """How SNS says that there is no such thing."""
    return AwsError(code, f"{what} does not exist", 404)


def topic_of(store: Store, arn: str) -> dict[str, str]:
    """A topic's attributes, to read and change."""
    if not re.fullmatch(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[\w.-]+", arn):
        raise refusal("TopicArn")
    try:
        topic: dict[str, str] = store.get("topics", {})[arn]
    except KeyError:
        raise missing("Topic") from None
    return topic


def default_policy(account: str, arn: str) -> dict[str, Any]:
    """What a topic without a policy shows (recorded): only its owner may use it."""
    return {
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [
            {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"SNS:{name}" for name in _ACTIONS],
                "Resource": arn,
                "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
            }
        ],
    }


def effective(policy: str | None) -> dict[str, Any]:
    """The delivery policy with the system's defaults (recorded)."""
    http = json.loads(policy)["http"] if policy else {}
    return {"http": {"disableSubscriptionOverrides": False, **http,
                     "defaultHealthyRetryPolicy": _RETRIES
                     | http.get("defaultHealthyRetryPolicy", {})}}  # fmt: skip


def checked_attribute(ctx: Context, name: str, value: str) -> str:
    """The value as it is kept. Raises `AwsError`."""
    if name in _WORDS and value not in _WORDS[name]:
        raise refusal(f"{name} Reason: {value} is none of {', '.join(_WORDS[name])}")
    if name == "DisplayName" and len(value) > 100:
        raise refusal("DisplayName Reason: must be less than or equal to 100 characters")
    if name == "MaximumMessageSize" and not 1024 <= int(value) <= 1_048_576:
        raise refusal("MaximumMessageSize")
    if name == "Policy":
        return json.dumps(_policy(ctx, value))
    if name == "DeliveryPolicy":
        return json.dumps(_delivery(value)) if value else ""
    return value


def json_object(name: str, value: str) -> dict[str, Any]:
    """A value that must be a JSON object."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise refusal(f"{name}: failed to parse JSON")
    return found


def _policy(ctx: Context, text: str) -> dict[str, Any]:
    """A policy as SNS keeps it: what means the same may be written otherwise.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    Accounts are shown as ARNs of their root (recorded); assumed: statements in an order of its own,
    a list of one as that one.
    """
    doc = json_object("Policy", text)
    statements = doc.get("Statement")
    if not statements or not isinstance(statements, (list, dict)):
        raise refusal("Policy Error: null")
    listed = statements if isinstance(statements, list) else [statements]
    kept = [_statement(s) for s in listed]
    sids = [s["Sid"] for s in kept if s.get("Sid")]
    if len(sids) != len(set(sids)):
        raise refusal("Policy statement IDs must be unique")
    return {"Version": "2008-10-17", **doc, "Statement": ctx.shuffled(kept)}


def _statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    if statement.get("Effect") not in ("Allow", "Deny") or not statement.get("Resource"):
        raise refusal("Policy Error: null")
    actions = statement.get("Action", statement.get("NotAction"))
    actions = actions if isinstance(actions, list) else [actions]
    if not all(isinstance(a, str) and (a == "*" or a.lower().startswith("sns:")) for a in actions):
        raise refusal("Policy statement action out of service scope!")
    out = {k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in statement.items()}
    who = out.get("Principal")
    if isinstance(who, dict) and "AWS" in who:
        named = who["AWS"] if isinstance(who["AWS"], list) else [who["AWS"]]
        arns = [f"arn:aws:iam::{p}:root" if _ACCOUNT.fullmatch(p) else p for p in named]
        out["Principal"] = {**who, "AWS": arns[0] if len(arns) == 1 else sorted(arns)}
    return out


def _delivery(text: str) -> dict[str, Any]:
    """A delivery policy, for HTTP only; assumed: what is left out of a part is filled in.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
    """
    doc = json_object("DeliveryPolicy", text)
    if set(doc) != {"http"}:
        raise refusal("DeliveryPolicy: Unrecognized protocol")
    http = dict(doc["http"])
    if retries := http.get("defaultHealthyRetryPolicy"):
        retries = _RETRIES | retries
        if not 1 <= retries["minDelayTarget"] <= retries["maxDelayTarget"] <= 3600:
            raise refusal("DeliveryPolicy: minDelayTarget must be less than maxDelayTarget")
        phases = sum(retries[f"num{p}Retries"] for p in ("NoDelay", "MinDelay", "MaxDelay"))
        if not 0 <= retries["numRetries"] <= 100 or phases > retries["numRetries"]:
            raise refusal("DeliveryPolicy: numRetries")
        http["defaultHealthyRetryPolicy"] = retries
    return {"http": {"disableSubscriptionOverrides": False, **http}}
