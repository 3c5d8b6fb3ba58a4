"""SNS subscriptions: `store["subscriptions"]`, id → what ListSubscriptionsByTopic shows.

Beside that `_arn` (also of one that waits for its confirmation), `_attributes`, and for one that
waits `_token`, which the letter to its endpoint holds, and `_until`, when AWS drops it.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

from sandbox.errors import AwsError
from sandbox.paging import page, steady_rank
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.sns_rules import API, json_object, missing, refusal, topic_of

GUIDE = "https://docs.aws.amazon.com/sns/latest/dg/"
WAITS = "PendingConfirmation"
DELETED = "Deleted"
DROPPED = (
    "https://aws.amazon.com/about-aws/whats-new/2023/05/"
    "amazon-sns-automatic-deletion-unconfirmed-subscriptions/: dropped after 48 hours"
)
KEPT_FOR = timedelta(hours=48)
CONFIRMED_BY_HAND = ("email", "email-json", "http", "https")
_ENDPOINTS = {
    "email": r"[^@\s]+@[^@\s]+", "email-json": r"[^@\s]+@[^@\s]+", "http": r"http://.+",
    "https": r"https://.+", "sms": r"\+?[\d\s-]{5,20}", "sqs": r"arn:aws:sqs:.+",
    "lambda": r"arn:aws:lambda:.+", "firehose": r"arn:aws:firehose:.+",
    "application": r"arn:aws:sns:.+:endpoint/.+",
}  # fmt: skip
_ATTRIBUTES = (
    "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy",
    "SubscriptionRoleArn", "DeliveryPolicy",
)  # fmt: skip
Subscription = dict[str, Any]


def _there(ctx: Context) -> dict[str, Subscription]:
    """All subscriptions, without those that nobody confirmed in time."""
    there: dict[str, Subscription] = ctx.store.get("subscriptions", {})
    for key in [k for k, s in there.items() if s["SubscriptionArn"] == WAITS]:
        if there[key]["_until"] <= ctx.now:
            del there[key]
    return there


@behaviour(
    "sns", "Subscribe", "TopicArn Protocol Endpoint Attributes ReturnSubscriptionArn",
    evidence="documented",
    source=API + "API_Subscribe.html: e-mail, HTTP/S and endpoints of other accounts have to "
    "confirm; a second call sends a new letter, or finds what is there; "
    "https://github.com/localstack/localstack/pull/9167 (checked against AWS): refused where an "
    "attribute that it names is another one there",
)  # fmt: skip
def subscribe(ctx: Context, params: Params) -> Reply:
    arn, protocol, endpoint = params["TopicArn"], params["Protocol"], params.get("Endpoint", "")
    topic = topic_of(ctx.store, arn)
    if protocol not in _ENDPOINTS or not re.fullmatch(_ENDPOINTS[protocol], endpoint):
        raise refusal("Endpoint" if protocol in _ENDPOINTS else "Does not support this protocol")
    if "FifoTopic" in topic and protocol != "sqs":
        raise refusal(f"Invalid protocol type: {protocol}")
    if protocol == "sms":
        endpoint = "+" + re.sub(r"\D", "", endpoint)
    attributes: dict[str, str] = {}
    for name, value in (params.get("Attributes") or {}).items():
        _set(protocol, attributes, name, value)
    if protocol == "firehose" and "SubscriptionRoleArn" not in attributes:
        raise refusal("SubscriptionRoleArn must be set for firehose")
    for found in _there(ctx).values():
        if (found["TopicArn"], found["Protocol"], found["Endpoint"]) != (arn, protocol, endpoint):
            continue
        if found["SubscriptionArn"] == WAITS:
            found |= {"_token": ctx.token(length=32), "_until": ctx.now + KEPT_FOR}
            found["_letters"] += 1
        elif found["SubscriptionArn"] != DELETED and any(
            found["_attributes"].get(name) != attributes.get(name)
            for name in params.get("Attributes") or {}
        ):
            raise refusal(
                "Attributes Reason: Subscription already exists with different attributes"
            )
        if found["SubscriptionArn"] != DELETED:
            return _made(found, params)
    made = _new(ctx, arn, protocol, endpoint, attributes)
    return _made(made, params)


def _new(
    ctx: Context, arn: str, protocol: str, endpoint: str, attributes: dict[str, str]
) -> Subscription:
    key = ctx.uuid()
    elsewhere = endpoint.startswith("arn:") and endpoint.split(":")[4] != ctx.account
    own = f"{arn}:{key}"
    made: Subscription = {
        "SubscriptionArn": own, "Owner": ctx.account, "Protocol": protocol, "Endpoint": endpoint,
        "TopicArn": arn, "_arn": own, "_attributes": attributes, "_letters": 0,
    }  # fmt: skip
    if elsewhere or protocol in CONFIRMED_BY_HAND:
        made |= {"SubscriptionArn": WAITS, "_token": ctx.token(length=32), "_letters": 1,
                 "_until": ctx.now + KEPT_FOR}  # fmt: skip
    ctx.store.setdefault("subscriptions", {})[key] = made
    return made


def _made(subscription: Subscription, params: Params) -> Reply:
    if subscription["SubscriptionArn"] == WAITS and not params.get("ReturnSubscriptionArn"):
        return {"SubscriptionArn": "pending confirmation"}
    return {"SubscriptionArn": subscription["_arn"]}


def _set(protocol: str, attributes: dict[str, str], name: str, value: str) -> None:
    if name not in _ATTRIBUTES:
        raise refusal("AttributeName")
    if name == "RawMessageDelivery" and (
        value not in ("true", "false") or protocol not in ("sqs", "http", "https", "firehose")
    ):
        raise refusal("RawMessageDelivery")
    if name == "FilterPolicyScope" and value not in ("MessageAttributes", "MessageBody"):
        raise refusal("FilterPolicyScope")
    if name in ("FilterPolicy", "RedrivePolicy") and value:
        doc = json_object(name, value)
        if name == "RedrivePolicy" and not doc.get("deadLetterTargetArn"):
            raise refusal("RedrivePolicy: deadLetterTargetArn")
        value = json.dumps(doc) if doc else ""
    if value:
        attributes[name] = value
    else:
        attributes.pop(name, None)


@behaviour(
    "sns", "ConfirmSubscription", "TopicArn Token AuthenticateOnUnsubscribe",
    evidence="documented", source=API + "API_ConfirmSubscription.html",
)  # fmt: skip
def confirm_subscription(ctx: Context, params: Params) -> Reply:
    for found in _there(ctx).values():
        if (found["TopicArn"], found.get("_token")) == (params["TopicArn"], params["Token"]):
            found["SubscriptionArn"] = found["_arn"]
            return {"SubscriptionArn": found["_arn"]}
    raise refusal("Token")


@behaviour(
    "sns", "Unsubscribe", "SubscriptionArn", evidence="documented",
    source=API + "API_Unsubscribe.html; one that waits has no ARN to end it by, and AWS refuses "
    "the attempt: https://github.com/aws/aws-sdk-net/issues/350",
)  # fmt: skip
def unsubscribe(ctx: Context, params: Params) -> Reply:
    if params["SubscriptionArn"] in (WAITS, DELETED):
        raise refusal("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")
    for key, found in list(_there(ctx).items()):
        if found["_arn"] == params["SubscriptionArn"]:
            if found["SubscriptionArn"] == WAITS:
                raise refusal("This subscription is pending confirmation and can't be deleted")
            if ctx.world.seed % 2:  # shown as deleted for a while
                found["SubscriptionArn"] = DELETED
            else:
                del _there(ctx)[key]
    return {}


@behaviour(
    "sns", "ListSubscriptionsByTopic", "TopicArn NextToken", evidence="documented",
    source=API + f"API_ListSubscriptionsByTopic.html; {DROPPED}; "
    "https://github.com/ansible/ansible/pull/20086: ended ones are shown as Deleted for a while",
)  # fmt: skip
def list_subscriptions_by_topic(ctx: Context, params: Params) -> Reply:
    topic_of(ctx.view, params["TopicArn"])
    _there(ctx)
    found = {
        steady_rank(ctx, key): {k: v for k, v in s.items() if not k.startswith("_")}
        for key, s in ctx.view.get("subscriptions", {}).items()
        if s["TopicArn"] == params["TopicArn"]
    }
    some, token = page(found, params.get("NextToken"), 100, refusal("NextToken"))
    return {"Subscriptions": some} | ({"NextToken": token} if token else {})


def _by_arn(ctx: Context, arn: str) -> Subscription:
    if not arn.startswith("arn:"):
        raise refusal("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")
    for found in _there(ctx).values():
        if found["_arn"] == arn and found["SubscriptionArn"] != DELETED:
            return found
    raise missing("Subscription")


@behaviour(
    "sns", "GetSubscriptionAttributes", "SubscriptionArn", evidence="documented",
    source=API + "API_GetSubscriptionAttributes.html",
)  # fmt: skip
def get_subscription_attributes(ctx: Context, params: Params) -> Reply:
    found = _by_arn(ctx, params["SubscriptionArn"])
    shown = {k: v for k, v in found.items() if not k.startswith("_")}
    extra = {"FilterPolicyScope": "MessageAttributes"} if "FilterPolicy" in found[
        "_attributes"] else {}  # fmt: skip
    return {
        "Attributes": {
            **shown, "SubscriptionArn": found["_arn"], "RawMessageDelivery": "false",
            "ConfirmationWasAuthenticated": "true", **extra, **found["_attributes"],
            "PendingConfirmation": str(found["SubscriptionArn"] == WAITS).lower(),
        }
    }  # fmt: skip


@behaviour(
    "sns", "SetSubscriptionAttributes", "SubscriptionArn AttributeName AttributeValue",
    evidence="documented",
    source=API + "API_SetSubscriptionAttributes.html; "
    + GUIDE + "sns-message-filtering.html; assumed: no scope without a filter",
)  # fmt: skip
def set_subscription_attributes(ctx: Context, params: Params) -> Reply:
    found = _by_arn(ctx, params["SubscriptionArn"])
    name, value = params["AttributeName"], params.get("AttributeValue", "")
    if found["SubscriptionArn"] == WAITS:
        raise AwsError("InvalidParameter", "Invalid parameter: the subscription is not confirmed")
    if name == "FilterPolicyScope" and "FilterPolicy" not in found["_attributes"]:
        raise refusal("FilterPolicyScope: there is no FilterPolicy")
    _set(found["Protocol"], found["_attributes"], name, value)
    return {}
