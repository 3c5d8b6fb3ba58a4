"""Who hears a topic: its subscriptions in specs, as AWS shows them, and the calls that change them.

https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
Queues, functions, streams and phones of the same account are subscribed at once. E-mail, HTTP/S and
endpoints of other accounts must confirm it by a letter that AWS sends; who does not within 48 hours
is dropped. Until then AWS shows of the subscription that it is there and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, model_validator

from controller.aws import Aws, AwsFailure
from controller.diff import Change, Entry
from controller.handler import Action, Risk, Target
from controller.kindlib.whole import Whole
from controller.policies import Doc, ServerDefault
from controller.spec import Arn, Model, holds_reference, text

Protocol = Literal[
    "sqs", "lambda", "firehose", "email", "email-json", "https", "http", "sms", "application"
]
BY_LETTER = ("email", "email-json", "https", "http")
RAW = ("sqs", "firehose", "https", "http")
WAITS, ENDED = "PendingConfirmation", "Deleted"
_ENDPOINT: dict[str, tuple[str, str]] = {
    "email": (r"[^@\s]+@[^@\s]+", "an address (ops@example.com)"),
    "email-json": (r"[^@\s]+@[^@\s]+", "an address (ops@example.com)"),
    "https": (r"https://[^\s@]+", "a URL (https://…) without a password in it"),
    "http": (r"http://[^\s@]+", "a URL (http://…) without a password in it"),
    "sms": (r"\+[1-9]\d{6,14}", "a phone number as AWS shows it (+4917…, digits only)"),
    "sqs": (r"arn:aws[a-z-]*:sqs:.+", "the ARN of a queue"),
    "lambda": (r"arn:aws[a-z-]*:lambda:.+", "the ARN of a function"),
    "firehose": (r"arn:aws[a-z-]*:firehose:.+", "the ARN of a delivery stream"),
    "application": (r"arn:aws[a-z-]*:sns:.+:endpoint/.+", "the ARN of a platform endpoint"),
}


class RedrivePolicy(Model):
    """Where messages go that can't be delivered."""

    dead_letter_target_arn: Arn
    """ARN of the queue that takes them. Its policy must let the topic send to it."""


class Subscription(Model):
    """One that hears the topic."""

    instead: ClassVar[Mapping[str, str]] = {
        "deliveryPolicy": "one subscriber's own retries are left alone; see the topic's",
        "replayPolicy": "a replay is something to do once, not a state",
        "region": "a queue or function of another region is subscribed by its ARN",
    }

    protocol: Protocol
    """How it is reached. sqs, lambda, firehose, sms and application hear it at once; email,
    email-json, https and http when they have confirmed the letter that AWS sends them."""

    endpoint: Annotated[str, AfterValidator(text(r"\S+", high=2048, says="must hold no spaces"))]
    """Where it is: an ARN, an address, a URL or a phone number."""

    raw_message_delivery: Annotated[bool | None, ServerDefault(False)] = None
    """Whether the message comes as it was sent, without SNS's envelope around it."""

    filter_policy: Annotated[Any, Whole(lambda: dict[str, Any])] = None
    """Which messages it hears: attribute (or member of the message) → values. AWS's default: all;
    `{}` says so, too."""

    filter_policy_scope: Annotated[
        Literal["MessageAttributes", "MessageBody"] | None, ServerDefault("MessageAttributes")
    ] = None
    """What the filter looks at."""

    redrive_policy: RedrivePolicy | None = None
    """Where messages go that can't be delivered to it. AWS's default: they are lost."""

    subscription_role_arn: Arn | None = None
    """Role that writes to the delivery stream; firehose only."""

    @model_validator(mode="after")
    def _fits(self) -> Subscription:
        if holds_reference(self.protocol):
            return self
        form, says = _ENDPOINT[self.protocol]
        if not holds_reference(self.endpoint):
            try:
                text(form)(self.endpoint)
            except ValueError:
                raise ValueError(f"the endpoint of {self.protocol} must be {says}") from None
        if self.raw_message_delivery and self.protocol not in RAW:
            raise ValueError(f"rawMessageDelivery is for {', '.join(RAW)}")
        if (self.protocol == "firehose") != (self.subscription_role_arn is not None):
            raise ValueError("subscriptionRoleArn goes with firehose, and firehose needs it")
        if self.filter_policy_scope == "MessageBody" and not self.filter_policy:
            raise ValueError("filterPolicyScope needs a filterPolicy")
        return self


ATTRIBUTES = {
    "rawMessageDelivery": "RawMessageDelivery",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "redrivePolicy": "RedrivePolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}
"""Spec field → the attribute that sets it, in the order in which AWS takes them."""


def subscribed(aws: Aws, topic: str) -> list[Doc]:
    """All subscriptions with their attributes, without ended ones. Raises `AwsFailure`."""
    listed = aws.pages("sns", "ListSubscriptionsByTopic", "Subscriptions", {"TopicArn": topic})
    found = []
    for entry in listed:
        if entry["SubscriptionArn"] == ENDED:
            continue
        if entry["SubscriptionArn"] != WAITS:
            request = {"SubscriptionArn": entry["SubscriptionArn"]}
            try:
                reply = aws.read("sns", "GetSubscriptionAttributes", request)
            except AwsFailure as failure:
                if failure.failure == "not-found":
                    continue  # ended since it was listed
                raise
            entry = entry | {"attributes": reply["Attributes"]}
        found.append(entry)
    return found


def key_of(entry: Mapping[str, Any]) -> str:
    """What tells two subscriptions of a topic apart, as paths show it."""
    return f"{entry['protocol']}/{entry['endpoint']}"


def from_aws(listed: Sequence[Mapping[str, Any]], asked: Mapping[str, Mapping[str, Any]]) -> Any:
    """Subscriptions in our language, in a stable order.

    asked: by key, what was declared of each: of one that waits for its confirmation AWS shows no
    attributes, so those count that it was subscribed with (case 617).
    """
    found = []
    for entry in listed:
        ours: Doc = {"protocol": entry["Protocol"], "endpoint": _endpoint(entry)}
        if "attributes" in entry:
            ours |= _attributes(entry["attributes"])
        else:
            ours = {**asked.get(key_of(ours), {}), **ours}
        found.append(ours)
    return sorted(found, key=key_of)


def _endpoint(entry: Mapping[str, Any]) -> str:
    where = str(entry.get("Endpoint", ""))
    if entry["Protocol"] != "sms":
        return where
    return "+" + "".join(letter for letter in where if letter.isdigit())


def _attributes(shown: Mapping[str, str]) -> Doc:
    out: Doc = {}
    if "RawMessageDelivery" in shown:
        out["rawMessageDelivery"] = shown["RawMessageDelivery"] == "true"
    for ours in ("filterPolicy", "redrivePolicy"):
        if value := json.loads(shown.get(ATTRIBUTES[ours]) or "{}"):
            out[ours] = value
    for ours in ("filterPolicyScope", "subscriptionRoleArn"):
        if shown.get(ATTRIBUTES[ours]):
            out[ours] = shown[ATTRIBUTES[ours]]
    if "redrivePolicy" in out:
        target = out["redrivePolicy"].get("deadLetterTargetArn")
        out["redrivePolicy"] = {"deadLetterTargetArn": target}
    return out


def _sent(value: Any) -> str:
    """An attribute's value as AWS takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)


def subscribe(topic: str, entry: Mapping[str, Any], changes: tuple[str, ...] = ()) -> Action:
    """The call that makes one."""
    params: Doc = {
        "TopicArn": topic,
        "Protocol": entry["protocol"],
        "Endpoint": entry["endpoint"],
        "ReturnSubscriptionArn": True,
    }
    said = {
        aws: _sent(entry[ours]) for ours, aws in ATTRIBUTES.items() if entry.get(ours) is not None
    }
    if not entry.get("filterPolicy"):
        said = {k: v for k, v in said.items() if not k.startswith("FilterPolicy")}
    if said:
        params["Attributes"] = said
    note = "AWS sends a letter that asks to confirm it" if entry["protocol"] in BY_LETTER else ""
    return Action("sns", "Subscribe", params, changes, step=f"subscribe {key_of(entry)}", note=note)


def subscription_actions(
    target: Target, topic: str, listed: Sequence[Mapping[str, Any]], changes: Sequence[Change]
) -> list[Action]:
    """The calls that make the changes to `subscriptions`, one for each attribute of each."""
    declared = {key_of(e): e for e in target.spec.get("subscriptions") or ()}
    unclear = any(holds_reference(e["endpoint"]) for e in declared.values())
    there = {key_of(e): e for e in ({**x, "protocol": x["Protocol"], "endpoint": _endpoint(x)}
                                    for x in listed)}  # fmt: skip
    actions = []
    todo: dict[str, list[Change]] = {}
    for change in changes:
        if len(change.parts) > 1 and isinstance(change.parts[1], Entry):
            todo.setdefault(change.parts[1].key, []).append(change)
    for key, found in todo.items():
        done = tuple(c.path for c in found)
        if key not in there:
            if key in declared:
                actions.append(subscribe(topic, declared[key], done))
        elif key not in declared:
            if not unclear and there[key]["SubscriptionArn"] != WAITS:
                actions.append(_end(there[key], done))
        else:
            actions += _set(there[key]["SubscriptionArn"], key, declared[key], found)
    return actions


def _end(entry: Mapping[str, Any], changes: tuple[str, ...]) -> Action:
    """What a person confirmed can't be had again without that person."""
    risk: Risk = "irreversible" if entry["Protocol"] in BY_LETTER else "disruptive"
    params = {"SubscriptionArn": entry["SubscriptionArn"]}
    return Action(
        "sns", "Unsubscribe", params, changes, risk=risk, step=f"unsubscribe {key_of(entry)}"
    )


def _set(arn: str, key: str, wanted: Mapping[str, Any], changes: Sequence[Change]) -> list[Action]:
    actions, before = [], ""
    fields = {str(c.parts[2]) for c in changes if len(c.parts) > 2}
    for ours, aws in ATTRIBUTES.items():
        if ours not in fields or arn == WAITS:
            continue
        value = wanted.get(ours)
        params = {
            "SubscriptionArn": arn,
            "AttributeName": aws,
            "AttributeValue": "" if value is None else _sent(value),
        }
        done = tuple(c.path for c in changes if len(c.parts) > 2 and c.parts[2] == ours)
        step = f"{ours} of {key}"
        actions.append(
            Action("sns", "SetSubscriptionAttributes", params, done, step=step,
                   after=(before,) if before else ())
        )  # fmt: skip
        before = step
    return actions


def held(change: Change, listed: Sequence[Mapping[str, Any]]) -> str:
    """Why there is no call for a change; empty if there is one."""
    if len(change.parts) < 2 or not isinstance(change.parts[1], Entry):
        return ""
    for entry in listed:
        where = f"{entry['Protocol']}/{_endpoint(entry)}"
        if where == change.parts[1].key and entry["SubscriptionArn"] == WAITS:
            return "AWS ends no subscription that waits for its confirmation: it drops it by itself"
    return ""
