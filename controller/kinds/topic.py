"""Topic: an SNS topic, and who hears it.

https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
One topic, found by its name, which its ARN is made of, and its subscriptions, found by protocol and
endpoint. Not part of it: delivery logs, data protection and the archive of a FIFO topic, which are
left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure
from controller.diff import Change, overlay
from controller.fields import fields_of
from controller.handler import (
    READY,
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
    Unknown,
)
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.policy_document import meaning, policy_document
from controller.kindlib.reading import tag_list, tag_map, tags_of
from controller.kindlib.shapes import project
from controller.kindlib.topic_subscriptions import (
    WAITS,
    Subscription,
    from_aws,
    held,
    key_of,
    subscribe,
    subscribed,
    subscription_actions,
)
from controller.kindlib.values import number
from controller.kindlib.whole import Whole
from controller.policies import Canonical, CreateOnly, Doc, ServerDefault, Situation, Unordered
from controller.spec import Model, Outputs, Taggable, holds_reference, text

NO_KEY = "none"
SIZE = 262_144


def _key(value: str) -> str:
    """The key's id or alias, whichever way it is written: AWS shows it as it was given."""
    return value.rpartition("key/")[2] if "key/" in value else value.rpartition(":")[2]


KmsMasterKey = Annotated[
    str,
    AfterValidator(
        text(
            r"none|(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:)?alias/[\w/-]+"
            r"|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+"
            r"|mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            high=2048,
            says="must be the ARN, id or alias of a KMS key, or none",
        )
    ),
    Canonical(_key, cases=(616,)),
]


def _default_policy(situation: Situation) -> Any:
    """AWS's own policy, which lets only the owner use the topic; the newer has `Receive`, too."""
    shown = situation.raw.get("attributes", {})
    arn, owner = shown.get("TopicArn", ""), shown.get("Owner") or situation.account
    live = situation.live.get("policy")
    for more in ((), ("SNS:Receive",)):
        own = {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"SNS:{name}" for name in OWNERS] + list(more),
                "Resource": arn,
                "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
            },
        }
        if meaning(own) == meaning(live):
            return live
    return None


OWNERS = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic",
    "Subscribe", "ListSubscriptionsByTopic", "Publish",
)  # fmt: skip
"""Actions that AWS's own policy names."""

Seconds = Annotated[int, Field(ge=1, le=3600)]
Retries = Annotated[int, Field(ge=0, le=100)]


class HealthyRetryPolicy(Model):
    """How often and when a message is sent again to an endpoint that does not answer."""

    min_delay_target: Annotated[Seconds | None, ServerDefault(20)] = None
    """Seconds of the shortest wait."""

    max_delay_target: Annotated[Seconds | None, ServerDefault(20)] = None
    """Seconds of the longest wait."""

    num_retries: Annotated[Retries | None, ServerDefault(3)] = None
    """Retries in all."""

    num_no_delay_retries: Annotated[Retries | None, ServerDefault(0)] = None
    """Of them, those made at once."""

    num_min_delay_retries: Annotated[Retries | None, ServerDefault(0)] = None
    """Of them, those after the shortest wait."""

    num_max_delay_retries: Annotated[Retries | None, ServerDefault(0)] = None
    """Of them, those after the longest wait."""

    backoff_function: Annotated[
        Literal["arithmetic", "exponential", "geometric", "linear"] | None, ServerDefault("linear")
    ] = None
    """How waits grow from the shortest to the longest."""

    @model_validator(mode="after")
    def _in_order(self) -> HealthyRetryPolicy:
        low = number(20 if self.min_delay_target is None else self.min_delay_target)
        high = number(20 if self.max_delay_target is None else self.max_delay_target)
        if low is not None and high is not None and low > high:
            raise ValueError("minDelayTarget may not be above maxDelayTarget")
        return self


class ThrottlePolicy(Model):
    """How fast an endpoint is sent to."""

    max_receives_per_second: Annotated[int, Field(ge=1)]
    """Deliveries a second to each endpoint, at most."""


class RequestPolicy(Model):
    """What requests to endpoints look like."""

    header_content_type: Annotated[str, AfterValidator(text(low=1, high=256))]
    """Their Content-Type, such as application/json."""


class HttpDelivery(Model):
    """Delivery to HTTP/S endpoints."""

    default_healthy_retry_policy: HealthyRetryPolicy | None = None
    """Retries."""

    default_throttle_policy: ThrottlePolicy | None = None
    """Speed. AWS's default: no limit."""

    default_request_policy: RequestPolicy | None = None
    """Form."""

    disable_subscription_overrides: Annotated[bool | None, ServerDefault(False)] = None
    """Whether subscribers may have policies of their own."""


class DeliveryPolicy(Model):
    """How SNS delivers to endpoints outside AWS."""

    http: HttpDelivery
    """To HTTP/S, the only protocol that has one."""


class TopicSpec(Taggable):
    """Where alarms and events are sent, for whoever hears it."""

    instead: ClassVar[Mapping[str, str]] = {
        "topicName": "the name is metadata.name, or metadata.externalName",
        "subscription": "it is called subscriptions here",
        "archivePolicy": "the archive of a FIFO topic is left alone",
        "dataProtectionPolicy": "a policy is a document of its own, which is left alone",
        "deliveryStatusLogging": "logs of deliveries are left alone",
    }

    kms_master_key_id: KmsMasterKey
    """ARN, id or alias of the KMS key that encrypts messages, or `none`, which must be said. Alarms
    and events can't be sent to a topic with AWS's own key (alias/aws/sns): take one of yours, whose
    policy names cloudwatch.amazonaws.com and events.amazonaws.com."""

    display_name: Annotated[str, AfterValidator(text(high=100))] | None = None
    """Name of the sender of e-mails."""

    policy: Annotated[
        Any,
        Whole(lambda: dict[str, Any]),
        AfterValidator(policy_document("sns")),
        Canonical(meaning, cases=(615,)),
        ServerDefault(_default_policy, cases=(615,)),
    ] = None
    """Who may publish and subscribe: a policy in IAM's language, as a map, compared by what it
    means. AWS's default: the account that owns it."""

    delivery_policy: DeliveryPolicy | None = None
    """How messages are sent again to HTTP/S endpoints that do not answer."""

    signature_version: Literal[1, 2] = 2
    """What messages are signed with: 2 is SHA-256. AWS's own default is 1, SHA-1."""

    tracing_config: Annotated[
        Literal["PassThrough", "Active"] | None, ServerDefault("PassThrough")
    ] = None
    """Active: SNS adds its part to X-Ray traces. Not with `fifoTopic`."""

    maximum_message_size: Annotated[
        Annotated[int, Field(ge=1024, le=1_048_576)] | None, ServerDefault(SIZE)
    ] = None
    """Bytes of a message, 1024 to 1048576. AWS's default: 262144."""

    fifo_topic: Annotated[bool | None, ServerDefault(False), CreateOnly()] = None
    """Messages in order, to queues only, fixed at creation. AWS wants a name that ends in .fifo:
    `externalName: ${Environment.name}-orders.fifo`."""

    content_based_deduplication: Annotated[bool | None, ServerDefault(False)] = None
    """Whether equal messages within five minutes count as one; `fifoTopic` only."""

    fifo_throughput_scope: Annotated[
        Literal["Topic", "MessageGroup"] | None, ServerDefault("Topic")
    ] = None
    """Within what equal messages are looked for; MessageGroup is faster. `fifoTopic` only."""

    subscriptions: Annotated[
        list[Subscription] | None, Unordered(("protocol", "endpoint"), cases=(617,))
    ] = None
    """Who hears it, all of them: one that others add is drift and is ended. Left out: whoever
    subscribes is reported and left alone. One that has yet to confirm counts as subscribed; AWS
    drops it after 48 hours, and then it is asked again."""

    @model_validator(mode="after")
    def _fits(self) -> TopicSpec:
        fifo = self.fifo_topic
        if holds_reference(fifo):
            return self
        if fifo and self.tracing_config == "Active":
            raise ValueError("tracingConfig: Active is for topics that are not fifoTopic")
        if not fifo and self.content_based_deduplication:
            raise ValueError("contentBasedDeduplication needs fifoTopic: true")
        if not fifo and self.fifo_throughput_scope is not None:
            raise ValueError("fifoThroughputScope needs fifoTopic: true")
        named = [] if holds_reference(self.subscriptions) else self.subscriptions or []
        if fifo and (odd := [s.protocol for s in named if s.protocol != "sqs"]):
            raise ValueError(f"a fifoTopic is heard by sqs only, not {odd[0]}")
        keys = [(s.protocol, s.endpoint) for s in named]
        if twice := [e for n, (_, e) in enumerate(keys) if keys[n] in keys[:n]]:
            raise ValueError(f"{twice[0]} is subscribed twice")
        return self


class TopicOutputs(Outputs):
    """What others refer to."""

    arn: str
    """The ARN, as alarm actions want it."""


class TopicHandler(Handler):
    """Knows topics."""

    kind = "Topic"
    spec = TopicSpec
    outputs = TopicOutputs
    name_pattern = r"[\w-]{1,256}|[\w-]{1,251}\.fifo"
    name_says = "1-256 letters, digits or _-, with .fifo at the end for a FIFO topic only"
    reads: ClassVar = (
        "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes",
        "sns:ListTagsForResource", "sns:ListTopics", "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "sns:CreateTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:Unsubscribe",
        "sns:SetSubscriptionAttributes", "sns:TagResource", "sns:UntagResource", "sns:DeleteTopic",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """One by one: SNS has no read that shows several."""
        answers = aws.gather(*(partial(_observed, aws, t) for t in targets))
        return {
            t.key: Unknown(str(a)) if isinstance(a, AwsFailure) else a
            for t, a in zip(targets, answers, strict=True)
        }

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        shown = doc["attributes"]
        spec: Doc = {
            "tags": doc.get("tags", {}),
            "kmsMasterKeyId": shown.get("KmsMasterKeyId") or NO_KEY,
            "signatureVersion": int(shown.get("SignatureVersion") or 1),
        }
        for ours in ("displayName", "tracingConfig", "fifoThroughputScope"):
            if value := shown.get(_aws(ours)):
                spec[ours] = value
        for ours in ("fifoTopic", "contentBasedDeduplication"):
            if shown.get(_aws(ours)):
                spec[ours] = shown[_aws(ours)] == "true"
        if size := shown.get("MaximumMessageSize"):
            spec["maximumMessageSize"] = int(size)
        if policy := shown.get("Policy"):
            spec["policy"] = json.loads(policy)
        if delivery := _delivery(shown.get("DeliveryPolicy")):
            spec["deliveryPolicy"] = delivery
        if heard := from_aws(doc.get("subscriptions") or (), doc.get("asked", {})):
            spec["subscriptions"] = heard
        return spec

    def imported(self, doc: Mapping[str, Any]) -> Doc:
        """Without what AWS would say of any topic."""
        spec = self.to_spec(doc)
        situation = Situation(spec, spec, doc, doc["attributes"].get("Owner", ""))
        if "policy" in spec and _default_policy(situation) is not None:
            del spec["policy"]
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        """Usable at once; who has yet to confirm is named."""
        waiting = [s for s in doc.get("subscriptions") or () if s["SubscriptionArn"] == WAITS]
        if not waiting:
            return READY
        names = ", ".join(sorted(str(s["Endpoint"]) for s in waiting))
        return Readiness("ready", "Ready", f"yet to confirm the letter from AWS: {names}")

    def obstacle(self, observed: Present, change: Change) -> str:
        return held(change, observed.doc.get("subscriptions") or ())

    def output(self, doc: Mapping[str, Any]) -> Doc:
        arn = doc["attributes"]["TopicArn"]
        return {"name": arn.rpartition(":")[2], "arn": arn}

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One call for each attribute, each subscription and each of its attributes."""
        if isinstance(observed, Absent):
            return _create(target)
        arn = observed.doc["attributes"]["TopicArn"]
        fields = by_field(changes)
        spec = dict(target.spec)
        if "deliveryPolicy" in fields:  # AWS takes the whole of it
            live = self.to_spec(observed.doc)
            whole = overlay(live, target.spec, fields["deliveryPolicy"])
            spec["deliveryPolicy"] = whole.get("deliveryPolicy", {})
        actions = [_set(spec, arn, name, paths(fields[name])) for name in SET if name in fields]
        listed = observed.doc.get("subscriptions") or ()
        actions += subscription_actions(target, arn, listed, fields.get("subscriptions", []))
        return actions + _tag_actions(arn, fields.get("tags", []))

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned; the ARN follows from the name."""
        aws.write(action.service, action.operation, params)
        return {"name": target.name, "arn": _arn_of(target)} if action.creates else {}

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """Its subscriptions go with it, those that people confirmed, too."""
        params = {"TopicArn": observed.doc["attributes"]["TopicArn"]}
        return [
            Action("sns", "DeleteTopic", params, risk="destructive", step="delete", deletes=True)
        ]

    def discover(self, aws: Aws) -> list[Found]:
        found = aws.pages("sns", "ListTopics", "Topics")
        return [Found(topic["TopicArn"].rpartition(":")[2]) for topic in found]


SET = (
    "kmsMasterKeyId", "displayName", "policy", "deliveryPolicy", "signatureVersion",
    "tracingConfig", "maximumMessageSize", "contentBasedDeduplication", "fifoThroughputScope",
)  # fmt: skip
"""Spec fields that SetTopicAttributes sets, each by a call of its own."""

AT_CREATION = (*(name for name in SET if name != "signatureVersion"), "fifoTopic")
"""What CreateTopic takes: all but the signature's version."""


def _aws(name: str) -> str:
    """AWS's name of an attribute."""
    return name[0].upper() + name[1:]


def _arn_of(target: Target) -> str:
    return target.arn("sns", target.name)


def _observed(aws: Aws, target: Target) -> Observation:
    arn = _arn_of(target)
    try:
        reply = aws.read("sns", "GetTopicAttributes", {"TopicArn": arn})
    except AwsFailure as failure:
        return Absent() if failure.failure == "not-found" else Unknown(str(failure))
    declared = target.spec.get("subscriptions")
    asked = {key_of(s): s for s in declared} if isinstance(declared, list) else {}
    doc: Doc = {"attributes": reply["Attributes"], "asked": asked}
    unknown = {}

    def ask() -> dict[str, str]:
        return tag_map(aws.read("sns", "ListTagsForResource", {"ResourceArn": arn}).get("Tags"))

    try:
        doc["subscriptions"] = subscribed(aws, arn)
    except AwsFailure as failure:
        unknown["subscriptions"] = str(failure)
    try:
        doc["tags"] = tags_of(aws, target, arn, ask)
    except AwsFailure as failure:
        unknown["tags"] = str(failure)
    return Present(doc, unknown)


def _delivery(shown: str | None) -> Doc:
    """What the model knows of a delivery policy; AWS writes null for parts that are not set."""
    http = (json.loads(shown) if shown else {}).get("http") or {}
    known = project(fields_of(HttpDelivery), http)
    return {"http": known} if known else {}


def _value(name: str, value: Any) -> str:
    """An attribute's value as AWS takes it: always a text."""
    if name == "kmsMasterKeyId":
        return "" if value in (None, NO_KEY) else str(value)
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _set(spec: Mapping[str, Any], arn: str, name: str, changes: tuple[str, ...]) -> Action:
    params = {
        "TopicArn": arn,
        "AttributeName": _aws(name),
        "AttributeValue": _value(name, spec[name]),
    }
    return Action("sns", "SetTopicAttributes", params, changes, step=name)


def _create(target: Target) -> list[Action]:
    """The topic with its tags and attributes, then what CreateTopic does not take."""
    spec, arn = target.spec, _arn_of(target)
    params: Doc = {"Name": target.name, "Tags": tag_list(target.tags)}
    attributes = {
        _aws(name): _value(name, spec[name]) for name in AT_CREATION if spec.get(name) is not None
    }
    if said := {name: value for name, value in attributes.items() if value not in ("", "{}")}:
        params["Attributes"] = {k: v for k, v in said.items() if (k, v) != ("FifoTopic", "false")}
    after = ("create",)
    actions = [Action("sns", "CreateTopic", params, step="create", creates=True)]
    if spec["signatureVersion"] != 1:
        actions.append(_after(_set(spec, arn, "signatureVersion", ("signatureVersion",)), after))
    for entry in spec.get("subscriptions") or ():
        done = (f"subscriptions[{key_of(entry)}]",)
        actions.append(_after(subscribe(arn, entry, done), after))
    return actions


def _after(action: Action, steps: tuple[str, ...]) -> Action:
    return replace(action, after=steps)


def _tag_actions(arn: str, todo: Sequence[Change]) -> list[Action]:
    put, gone = tag_changes(todo)
    actions = []
    if put:
        params: Doc = {"ResourceArn": arn, "Tags": tag_list(put)}
        done = paths([c for c in todo if c.wanted is not None])
        actions.append(Action("sns", "TagResource", params, done, step="tag"))
    if gone:
        params = {"ResourceArn": arn, "TagKeys": gone}
        done = paths([c for c in todo if c.wanted is None])
        actions.append(Action("sns", "UntagResource", params, done, step="untag"))
    return actions
