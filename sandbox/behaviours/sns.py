"""SNS topics: `store["topics"]`, ARN → attributes as GetTopicAttributes shows them.

Subscriptions are in `sns_subscriptions`, what AWS refuses and rewrites in `sandbox/sns_rules.py`.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.errors import AwsError, NotSimulated
from sandbox.paging import page
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.sns_rules import (
    API,
    BAD,
    FIFO,
    SETTABLE,
    checked_attribute,
    default_policy,
    effective,
    missing,
    refusal,
    topic_of,
)
from sandbox.tags import (
    check_tags,
    forget_tags,
    from_pairs,
    put_tags,
    remove_tags,
    tags_of,
    to_pairs,
)

LEFT_OUT = "Feedback"
"""In the names of attributes that log deliveries: not simulated."""


@behaviour(
    "sns", "CreateTopic", "Name Attributes Tags", evidence="documented",
    source=API + "API_CreateTopic.html: idempotent; assumed: SignatureVersion is taken only by "
    "SetTopicAttributes, as only its page lists it; "
    "https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-sns: what a "
    "second create with other attributes or tags is refused with",
)  # fmt: skip
def create_topic(ctx: Context, params: Params) -> Reply:
    name, said = params["Name"], dict(params.get("Attributes") or {})
    fifo = said.pop("FifoTopic", "false") == "true"
    stem = name.removesuffix(".fifo") if fifo else name
    if fifo != name.endswith(".fifo") or not stem.replace("-", "").replace("_", "").isalnum():
        raise refusal("Topic Name")
    if len(name) > 256 or not name.isascii():
        raise refusal("Topic Name")
    arn, tags = ctx.arn(name), from_pairs(params.get("Tags"), BAD)
    attributes = _attributes(ctx, arn, said, fifo=fifo)
    there = ctx.store.setdefault("topics", {}).get(arn)
    if there is not None:
        if any(there.get(key) != attributes.get(key) for key in said):
            raise refusal("Attributes Reason: Topic already exists with different attributes")
        if "Tags" in params and tags != tags_of(ctx.store, arn):
            raise refusal("Tags Reason: Topic already exists with different tags")
        return {"TopicArn": arn}
    put_tags(ctx.store, arn, tags, BAD)
    ctx.store["topics"][arn] = attributes
    return {"TopicArn": arn}


def _attributes(ctx: Context, arn: str, said: dict[str, str], *, fifo: bool) -> dict[str, str]:
    """What a new topic has."""
    out = {"Owner": ctx.account, "TopicArn": arn, "DisplayName": "",
           "Policy": json.dumps(default_policy(ctx.account, arn))}  # fmt: skip
    if fifo:
        out |= {"FifoTopic": "true", "ContentBasedDeduplication": "false",
                "FifoThroughputScope": "Topic"}  # fmt: skip
    for name, value in said.items():
        if name == "SignatureVersion":
            raise refusal("AttributeName")
        _set(ctx, out, name, value)
    return out


def _set(ctx: Context, attributes: dict[str, str], name: str, value: str) -> None:
    if LEFT_OUT in name or name in ("ArchivePolicy", "DataProtectionPolicy"):
        raise NotSimulated(f"sns: the attribute {name}")
    if name not in SETTABLE or (name in FIFO and "FifoTopic" not in attributes):
        raise refusal("AttributeName")
    if name == "TracingConfig" and "FifoTopic" in attributes and value == "Active":
        raise refusal("TracingConfig Reason: only standard topics can be traced")
    kept = checked_attribute(ctx, name, value)
    if kept and (name, kept) != ("SignatureVersion", "1"):
        attributes[name] = kept
    elif name == "DisplayName":
        attributes[name] = ""
    else:
        attributes.pop(name, None)


@behaviour(
    "sns", "SetTopicAttributes", "TopicArn AttributeName AttributeValue", evidence="documented",
    source=API + "API_SetTopicAttributes.html; assumed: an empty KmsMasterKeyId switches "
    "encryption off, as CloudFormation and the console do it",
)  # fmt: skip
def set_topic_attributes(ctx: Context, params: Params) -> Reply:
    topic = topic_of(ctx.store, params["TopicArn"])
    _set(ctx, topic, params["AttributeName"], params.get("AttributeValue", ""))
    return {}


@behaviour(
    "sns", "GetTopicAttributes", "TopicArn", evidence="recorded",
    source="sns/GetTopicAttributes; " + API + "API_GetTopicAttributes.html: SignatureVersion is "
    "left out where it is 1, MaximumMessageSize where nobody set it",
)  # fmt: skip
def get_topic_attributes(ctx: Context, params: Params) -> Reply:
    topic = topic_of(ctx.view, params["TopicArn"])
    shown = dict(topic)
    arns = [s["SubscriptionArn"] for s in _subscriptions(ctx, params["TopicArn"])]
    waiting = arns.count("PendingConfirmation")
    shown |= {
        "EffectiveDeliveryPolicy": json.dumps(effective(topic.get("DeliveryPolicy"))),
        "SubscriptionsConfirmed": str(len(arns) - waiting - arns.count("Deleted")),
        "SubscriptionsPending": str(waiting),
        "SubscriptionsDeleted": str(arns.count("Deleted")),
    }
    if ctx.world.seed % 3 == 0:
        shown |= {f"{p}SuccessFeedbackSampleRate": "0" for p in ("HTTP", "SQS", "Lambda")}
    return {"Attributes": shown}


def _subscriptions(ctx: Context, arn: str) -> list[dict[str, Any]]:
    return [s for s in ctx.view.get("subscriptions", {}).values() if s["TopicArn"] == arn]


@behaviour(
    "sns", "ListTopics", "NextToken", evidence="documented",
    source=API + "API_ListTopics.html: up to 100 a page",
)  # fmt: skip
def list_topics(ctx: Context, params: Params) -> Reply:
    found = {arn: {"TopicArn": arn} for arn in ctx.view.get("topics", {})}
    topics, token = page(found, params.get("NextToken"), 100, refusal("NextToken"))
    return {"Topics": topics} | ({"NextToken": token} if token else {})


@behaviour(
    "sns", "DeleteTopic", "TopicArn", evidence="documented",
    source=API + "API_DeleteTopic.html: its subscriptions go with it; idempotent",
)  # fmt: skip
def delete_topic(ctx: Context, params: Params) -> Reply:
    arn = params["TopicArn"]
    if not arn.startswith("arn:"):
        raise refusal("TopicArn")
    ctx.store.get("topics", {}).pop(arn, None)
    forget_tags(ctx.store, arn)
    there = ctx.store.get("subscriptions", {})
    for key in [key for key, s in there.items() if s["TopicArn"] == arn]:
        del there[key]
    return {}


@behaviour(
    "sns", "Publish",
    "TopicArn Message Subject MessageStructure MessageAttributes MessageGroupId "
    "MessageDeduplicationId",
    evidence="documented",
    source=API + "API_Publish.html; nothing is delivered",
)  # fmt: skip
def publish(ctx: Context, params: Params) -> Reply:
    if "TopicArn" not in params:
        raise NotSimulated("sns:Publish to a phone number or an endpoint")
    topic = topic_of(ctx.store, params["TopicArn"])
    if "FifoTopic" in topic and "MessageGroupId" not in params:
        raise refusal("The MessageGroupId parameter is required for FIFO topics")
    return {"MessageId": ctx.uuid()}


def _tagged(ctx: Context, arn: str) -> str:
    if arn not in ctx.store.get("topics", {}):
        raise AwsError("ResourceNotFound", "Resource does not exist", 404)
    return arn


@behaviour(
    "sns", "TagResource", "ResourceArn Tags", evidence="documented",
    source=API + "API_TagResource.html",
)  # fmt: skip
def tag_resource(ctx: Context, params: Params) -> Reply:
    new = from_pairs(params["Tags"], BAD)
    check_tags(new, BAD)
    put_tags(ctx.store, _tagged(ctx, params["ResourceArn"]), new, "TagLimitExceeded")
    return {}


@behaviour(
    "sns", "UntagResource", "ResourceArn TagKeys", evidence="documented",
    source=API + "API_UntagResource.html",
)  # fmt: skip
def untag_resource(ctx: Context, params: Params) -> Reply:
    remove_tags(ctx.store, _tagged(ctx, params["ResourceArn"]), params["TagKeys"], BAD)
    return {}


@behaviour(
    "sns", "ListTagsForResource", "ResourceArn", evidence="documented",
    source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    if params["ResourceArn"] not in ctx.view.get("topics", {}):
        raise missing(params["ResourceArn"], "ResourceNotFound")
    return {"Tags": to_pairs(ctx, ctx.view.get("_tags", {}).get(params["ResourceArn"], {}))}
