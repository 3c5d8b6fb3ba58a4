"""What SNS rejects of topics and those who hear them."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Given, Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/sns/latest/api/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
BAD, GONE = "InvalidParameter", "NotFound"
THERE = "what there is in AWS"
NAME = "the name is checked when the file is read: tests/unit/test_manifest.py"
OURS = "Plumbline sends no such thing"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"
TO_QUEUE = f"protocol: sqs, endpoint: '{QUEUE}'"


def row(
    operation: str, why: str, load: Load, says: str = "", code: str = BAD,
    given: Given | None = None, **request: Any,
) -> Refusal:  # fmt: skip
    """load: (spec, what is said of it), or why no file can tell."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("Topic", f"kmsMasterKeyId: none, {load[0]}", load[1])}  # fmt: skip
    return Refusal(f"sns:{operation}", why, request, code, f"{API}{operation}.html", says, given,
                   **told)  # fmt: skip


def arn(name: str, parameter: str = "TopicArn") -> Given:
    """A topic's ARN, as calls want it."""
    return lambda aws, world: {parameter: f"arn:aws:sns:{world.region}:{world.account}:{name}"}


def heard(protocol: str) -> Given:
    """The ARN of a subscription that is there."""

    def given(aws: boto3.Session, world: World) -> Doc:
        there: Any = world.store("sns")["subscriptions"].values()
        return {"SubscriptionArn": next(s["_arn"] for s in there if s["Protocol"] == protocol)}

    return given


def attribute(
    why: str, load: Load, name: str, value: str, says: str = "", topic: str = "there"
) -> Refusal:
    return row("SetTopicAttributes", why, load, says, given=arn(topic), AttributeName=name,
               AttributeValue=value)  # fmt: skip


def subscribe(why: str, load: Load, protocol: str, endpoint: str, **more: Any) -> Refusal:
    topic = arn(more.pop("topic", "there"))
    return row("Subscribe", why, load, given=topic, Protocol=protocol, Endpoint=endpoint, **more)


def policy(**changed: Any) -> Doc:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [{**allow, **changed}]}


def refused(why: str, document: Doc, load: str, says: str = "") -> Refusal:
    text = json.dumps(document)
    return attribute(why, (f"policy: {text}", load), "Policy", text, says)


REFUSALS = (
    row("CreateTopic", "a name with a blank", NAME, "Topic Name", Name="a b"),
    row("CreateTopic", "a FIFO topic without .fifo", NAME, "Topic Name", Name="a",
        Attributes={"FifoTopic": "true"}),
    row("CreateTopic", "one that is there with other attributes", THERE, "different attributes",
        Name="there", Attributes={"DisplayName": "other"}),
    row("CreateTopic", "one that is there with other tags", THERE, "different tags",
        Name="there", Tags=[{"Key": "a", "Value": "b"}]),
    row("CreateTopic", "a tag of AWS's own", ('tags: {"aws:x": y}', "does not begin with aws:"),
        Name="new", Tags=[{"Key": "aws:x", "Value": "b"}]),
    row("SetTopicAttributes", "a topic that is not there", THERE, "does not exist", GONE,
        arn("no"), AttributeName="DisplayName", AttributeValue="x"),
    attribute("an attribute that there is none of", OURS, "Colour", "red"),
    attribute("a name that is too long", (f"displayName: {'x' * 101}", "at most 100"),
              "DisplayName", "x" * 101),
    attribute("an unknown signature", ("signatureVersion: 3", "found 3"), "SignatureVersion", "3"),
    attribute("an unknown tracing", ("tracingConfig: On", "found"), "TracingConfig", "On"),
    attribute("traces of a FIFO topic", ("tracingConfig: Active, fifoTopic: true",
              "not fifoTopic"), "TracingConfig", "Active", topic="there.fifo"),
    attribute("messages too small", ("maximumMessageSize: 10", "found 10"), "MaximumMessageSize",
              "10"),
    attribute("deduplication without FIFO", ("contentBasedDeduplication: true", "needs fifoTopic"),
              "ContentBasedDeduplication", "true"),
    attribute("a scope without FIFO", ("fifoThroughputScope: Topic", "needs fifoTopic"),
              "FifoThroughputScope", "Topic"),
    attribute("a policy that is no JSON", ("policy: none", "allowed: a map"), "Policy", "none"),
    refused("actions of another service", policy(Action="s3:GetObject"), "no action of sns",
            "out of service scope"),
    refused("no effect", policy(Effect="Maybe"), "Effect must be Allow or Deny"),
    refused("no statements", {"Version": "2012-10-17", "Statement": []}, "at least one Statement"),
    attribute("retries too close", (("deliveryPolicy: {http: {defaultHealthyRetryPolicy: "
              "{minDelayTarget: 30}}}"), "above maxDelayTarget"), "DeliveryPolicy", json.dumps(
                  {"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 30}}})),
    row("Subscribe", "a topic that is not there", THERE, "does not exist", GONE, arn("no"),
        Protocol="sqs", Endpoint=QUEUE),
    subscribe("an unknown protocol", ("subscriptions: [{protocol: fax, endpoint: x}]",
              'found "fax"'), "fax", "x"),
    subscribe("an address that is none", ("subscriptions: [{protocol: email, endpoint: ops}]",
              "must be an address"), "email", "ops"),
    subscribe("a mail to a FIFO topic", (("fifoTopic: true, subscriptions: [{protocol: email, "
              "endpoint: a@b.c}]"), "by sqs only"), "email", "a@b.c", topic="there.fifo"),
    subscribe("a stream without a role", (("subscriptions: [{protocol: firehose, endpoint: "
              "'arn:aws:firehose:x:1:deliverystream/y'}]"), "firehose needs it"), "firehose",
              "arn:aws:firehose:x:1:deliverystream/y"),
    subscribe("a raw mail", (("subscriptions: [{protocol: email, endpoint: a@b.c, "
              "rawMessageDelivery: true}]"), "rawMessageDelivery is for"), "email", "a@b.c",
              Attributes={"RawMessageDelivery": "true"}),
    subscribe("one that is there otherwise", THERE, "sms", "+4917012345",
              Attributes={"FilterPolicy": '{"a": ["b"]}'}),
    row("SetSubscriptionAttributes", "a scope without a filter", ((f"subscriptions: [{{{TO_QUEUE}, "
        "filterPolicyScope: MessageBody}]"), "needs a filterPolicy"), given=heard("sms"),
        AttributeName="FilterPolicyScope", AttributeValue="MessageBody"),
    row("SetSubscriptionAttributes", "one that waits", THERE, "not confirmed",
        given=heard("email"), AttributeName="FilterPolicy", AttributeValue="{}"),
    row("Unsubscribe", "one that waits, by the word that is shown", OURS, "at least 6 elements",
        SubscriptionArn="PendingConfirmation"),
    row("Unsubscribe", "one that waits", THERE, "pending confirmation", given=heard("email")),
    row("DeleteTopic", "no ARN", OURS, "TopicArn", TopicArn="there"),
    row("TagResource", "a topic that is not there", THERE, "does not exist", "ResourceNotFound",
        arn("no", "ResourceArn"), Tags=[{"Key": "a", "Value": "b"}]),
    row("UntagResource", "a topic that is not there", THERE, "does not exist", "ResourceNotFound",
        arn("no", "ResourceArn"), TagKeys=["a"]),
)  # fmt: skip


def topics(aws: boto3.Session, world: World) -> None:
    """A plain one, with a phone that hears it and a mail that waits, and a FIFO one."""
    sns = aws.client("sns")
    there = sns.create_topic(Name="there", Tags=[{"Key": "t", "Value": "t"}])["TopicArn"]
    sns.create_topic(Name="there.fifo", Attributes={"FifoTopic": "true"})
    sns.subscribe(TopicArn=there, Protocol="sms", Endpoint="+4917012345")
    sns.subscribe(TopicArn=there, Protocol="email", Endpoint="a@b.c")


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("sns", topics))


def test_what_the_rows_change_something_of_is_taken() -> None:
    world = stage("sns", topics)
    aws = session_of(world)
    sns, there = aws.client("sns"), arn("there")(aws, world)["TopicArn"]
    sns.create_topic(Name="there", Tags=[{"Key": "t", "Value": "t"}])
    sns.set_topic_attributes(
        TopicArn=there, AttributeName="Policy", AttributeValue=json.dumps(policy())
    )
    sns.subscribe(TopicArn=there, Protocol="sms", Endpoint="+4917012345")
    sns.set_subscription_attributes(
        **heard("sms")(aws, world), AttributeName="FilterPolicy", AttributeValue='{"a": ["b"]}'
    )
    sns.unsubscribe(**heard("sms")(aws, world))
    sns.delete_topic(TopicArn=there)


def test_every_write_is_refused_something() -> None:
    assert calls_of("Topic") == {r.call for r in REFUSALS}
