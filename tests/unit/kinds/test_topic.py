"""Topic: recordings come back unchanged, policies are compared by what they mean, one call each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.complaints import validate
from controller.handler import Absent, Present
from controller.kinds import handler_for
from tests.unit.kinds import kit

HANDLER = handler_for("Topic")
RECORDED = kit.recorded("sns", "sns", "GetTopicAttributes", skip=["ba8e70e293.json"])
ARN = f"arn:aws:sns:{kit.REGION}:{kit.ACCOUNT}:news"
QUEUE = f"arn:aws:sqs:{kit.REGION}:{kit.ACCOUNT}:audit"
KEY = f"arn:aws:kms:{kit.REGION}:{kit.ACCOUNT}:key/0a0b0c0d-0000-4000-8000-000000000001"
BARE: dict[str, Any] = {"kmsMasterKeyId": "none"}
ALLOW = {
    "Sid": "a", "Effect": "Allow", "Principal": {"AWS": kit.ACCOUNT}, "Action": ["sns:Publish"],
    "Resource": ARN, "Condition": {"Bool": {"aws:SecureTransport": True}},
}  # fmt: skip
DENY = {
    "Sid": "b", "Effect": "Deny", "Principal": "*", "Action": "sns:Subscribe", "Resource": [ARN],
}  # fmt: skip
POLICY = {"Version": "2012-10-17", "Statement": [ALLOW, DENY]}


def seen(aim: Any, heard: Any = (), **attributes: Any) -> Present:
    """AWS after the create of `aim`, with other attributes and subscriptions."""
    shown = {
        "TopicArn": ARN, "Owner": kit.ACCOUNT, "DisplayName": "", "SignatureVersion": "2",
        **attributes,
    }  # fmt: skip
    shown = {k: v for k, v in shown.items() if v is not None}
    asked = {f"{s['protocol']}/{s['endpoint']}": s for s in aim.spec.get("subscriptions") or ()}
    return Present({"attributes": shown, "tags": dict(aim.tags), "subscriptions": list(heard),
                    "asked": asked})  # fmt: skip


def entry(protocol: str, endpoint: str, attributes: Any = None, arn: str = "") -> dict[str, Any]:
    known = {"attributes": {"RawMessageDelivery": "false", **(attributes or {})}}
    waits = attributes is None
    return {"Protocol": protocol, "Endpoint": endpoint,
            "SubscriptionArn": "PendingConfirmation" if waits else arn or f"{ARN}:{protocol}",
            **({} if waits else known)}  # fmt: skip


@pytest.mark.parametrize(("name", "reply"), RECORDED, ids=[n for n, _ in RECORDED])
def test_every_recorded_topic_is_imported_and_then_plans_nothing(name: str, reply: Any) -> None:
    doc = {"attributes": reply["Attributes"], "tags": {}, "subscriptions": []}
    spec = HANDLER.imported(doc)
    assert validate(HANDLER.spec, spec)[1] == []
    assert spec["signatureVersion"] == 1, "shown by its absence"
    (of, *others) = json.loads(reply["Attributes"]["Policy"])["Statement"]
    own = of.get("Sid") == "__default_statement_ID" and not others
    assert ("policy" in spec) != own
    aim = kit.target(HANDLER, reply["Attributes"]["TopicArn"].rpartition(":")[2], spec)
    assert kit.reported(kit.changes(HANDLER, aim, Present({**doc, "tags": aim.tags}))) == set()


SAME = {
    "another order": [DENY, ALLOW],
    "its root": [{**ALLOW, "Principal": {"AWS": f"arn:aws:iam::{kit.ACCOUNT}:root"}}, DENY],
    "without lists": [{**ALLOW, "Action": "sns:Publish"}, {**DENY, "Resource": ARN}],
    "other letters": [{**ALLOW, "Action": ["SNS:Publish"]}, DENY],
    "everybody": [ALLOW, {**DENY, "Principal": {"AWS": "*"}}],
    "as texts": [{**ALLOW, "Condition": {"Bool": {"AWS:SecureTransport": "true"}}}, DENY],
}


@pytest.mark.parametrize("case", SAME)
def test_a_policy_that_means_the_same_is_no_drift(case: str) -> None:
    aim = kit.target(HANDLER, "news", {**BARE, "policy": POLICY})
    shown = json.dumps({**POLICY, "Statement": SAME[case]})
    assert kit.reported(kit.changes(HANDLER, aim, seen(aim, Policy=shown))) == set()


OTHER = {
    "one fewer": [ALLOW],
    "anybody": [{**ALLOW, "Principal": "*"}, DENY],
    "more actions": [{**ALLOW, "Action": ["sns:Publish", "sns:Subscribe"]}, DENY],
    "allowed": [ALLOW, {**DENY, "Effect": "Allow"}],
    "whatever the way": [{k: v for k, v in ALLOW.items() if k != "Condition"}, DENY],
    "a role that is gone": [{**ALLOW, "Principal": {"AWS": "AROA1234567890EXAMPLE"}}, DENY],
}


@pytest.mark.parametrize("case", OTHER)
def test_a_policy_that_means_something_else_is_put_back(case: str) -> None:
    aim = kit.target(HANDLER, "news", {**BARE, "policy": POLICY})
    shown = json.dumps({**POLICY, "Statement": OTHER[case]})
    (action,) = kit.planned(HANDLER, aim, seen(aim, Policy=shown))
    assert (action.params["AttributeName"], action.changes) == ("Policy", ("policy",))
    assert json.loads(action.params["AttributeValue"]) == POLICY


def test_somebodys_policy_is_reported_where_none_is_declared() -> None:
    aim = kit.target(HANDLER, "news", BARE)
    (change,) = kit.changes(HANDLER, aim, seen(aim, Policy=json.dumps(POLICY)))
    assert (change.path, change.cls) == ("policy", "undeclared")


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({}, "kmsMasterKeyId"),
        ({"kmsMasterKeyId": "key"}, "ARN, id or alias of a KMS key, or none"),
        ({**BARE, "policy": {"Statement": [ALLOW]}}, "found Version nothing"),
        ({**BARE, "policy": {**POLICY, "Statement": []}}, "at least one Statement"),
        ({**BARE, "policy": {**POLICY, "Statements": []}}, "no Statements, allowed: Id"),
        ({**BARE, "policy": {**POLICY, "Statement": [{**ALLOW, "Action": "s3:GetObject"}]}},
         "s3:GetObject is no action of sns"),
        ({**BARE, "policy": {**POLICY, "Statement": [ALLOW, ALLOW]}}, "one statement only"),
        ({**BARE, "fifoTopic": True, "tracingConfig": "Active"}, "not fifoTopic"),
        ({**BARE, "contentBasedDeduplication": True}, "needs fifoTopic"),
        ({**BARE, "fifoThroughputScope": "Topic"}, "needs fifoTopic"),
        ({**BARE, "deliveryPolicy": {"http": {"defaultHealthyRetryPolicy":
                                              {"minDelayTarget": 30}}}}, "above maxDelayTarget"),
        ({**BARE, "subscriptions": [{"protocol": "email", "endpoint": "ops"}]}, "an address"),
        ({**BARE, "subscriptions": [{"protocol": "https", "endpoint": "https://a:b@c"}]},
         "without a password"),
        ({**BARE, "subscriptions": [{"protocol": "sms", "endpoint": "0170 123"}]}, "no spaces"),
        ({**BARE, "subscriptions": [{"protocol": "email", "endpoint": "a@b.c",
                                     "rawMessageDelivery": True}]}, "rawMessageDelivery is for"),
        ({**BARE, "subscriptions": [{"protocol": "sqs", "endpoint": QUEUE}] * 2}, "twice"),
        ({**BARE, "fifoTopic": True, "subscriptions": [
            {"protocol": "email", "endpoint": "a@b.c"}]}, "by sqs only, not email"),
    ],
)  # fmt: skip
def test_what_may_be_written(doc: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HANDLER.spec.model_validate(doc)


def test_references_wait() -> None:
    doc = {
        "kmsMasterKeyId": "${ssm:/key}", "fifoTopic": "${ssm:/fifo}", "policy": "${ssm:/policy}",
        "tracingConfig": "Active", "subscriptions": [
            {"protocol": "sqs", "endpoint": "${ssm:/queue}"}, {"protocol": "${ssm:/p}",
                                                               "endpoint": "x"}],
    }  # fmt: skip
    HANDLER.spec.model_validate(doc)


def test_a_create_and_what_it_does_not_take() -> None:
    heard = [{"protocol": "sqs", "endpoint": QUEUE, "filterPolicy": {"a": ["b"]}}]
    aim = kit.target(HANDLER, "news", {**BARE, "displayName": "News", "subscriptions": heard})
    create, signature, subscribe = kit.planned(HANDLER, aim, Absent())
    assert create.params["Attributes"] == {"DisplayName": "News"}
    assert {t["Key"] for t in create.params["Tags"]} == set(aim.tags)
    assert signature.params["AttributeName"] == "SignatureVersion"
    assert signature.after == subscribe.after == ("create",)
    assert subscribe.params["Attributes"] == {"FilterPolicy": '{"a": ["b"]}'}
    plain = kit.target(HANDLER, "news", {**BARE, "signatureVersion": 1})
    (create,) = kit.planned(HANDLER, plain, Absent())
    assert set(create.params) == {"Name", "Tags"}


@pytest.mark.parametrize(
    ("spec", "shown", "name", "value"),
    [
        ({"kmsMasterKeyId": KEY}, {"KmsMasterKeyId": None}, "KmsMasterKeyId", KEY),
        ({"kmsMasterKeyId": "none"}, {"KmsMasterKeyId": KEY}, "KmsMasterKeyId", ""),
        ({"displayName": "x"}, {"DisplayName": "y"}, "DisplayName", "x"),
        ({}, {"SignatureVersion": "1"}, "SignatureVersion", "2"),
        ({}, {"SignatureVersion": None}, "SignatureVersion", "2"),
        ({"tracingConfig": "Active"}, {}, "TracingConfig", "Active"),
        ({"maximumMessageSize": 2048}, {}, "MaximumMessageSize", "2048"),
    ],
)
def test_one_attribute_is_one_call(
    spec: dict[str, Any], shown: dict[str, Any], name: str, value: str
) -> None:
    aim = kit.target(HANDLER, "news", {**BARE, **spec})
    (action,) = kit.planned(HANDLER, aim, seen(aim, **shown))
    assert action.params == {"TopicArn": ARN, "AttributeName": name, "AttributeValue": value}
    back = {"none": None}.get(spec.get("kmsMasterKeyId", "none"), spec.get("kmsMasterKeyId"))
    good = {**shown, "KmsMasterKeyId": back, "SignatureVersion": "2", name: value or None}
    assert kit.planned(HANDLER, aim, seen(aim, **good)) == []


@pytest.mark.parametrize(
    ("asked", "shown"),
    [(KEY, KEY.rpartition("/")[2]), (KEY.rpartition("/")[2], KEY),
     ("alias/news", f"{KEY.rpartition('key/')[0]}alias/news")],
)  # fmt: skip
def test_a_key_is_the_same_however_it_is_written(asked: str, shown: str) -> None:
    aim = kit.target(HANDLER, "news", {"kmsMasterKeyId": asked})
    assert kit.changes(HANDLER, aim, seen(aim, KmsMasterKeyId=shown)) == []


def test_what_others_set_of_a_delivery_policy_is_kept() -> None:
    ours = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}
    aim = kit.target(HANDLER, "news", {**BARE, "deliveryPolicy": ours})
    live = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 3, "minDelayTarget": 9},
                     "defaultThrottlePolicy": None}}  # fmt: skip
    (action,) = kit.planned(HANDLER, aim, seen(aim, DeliveryPolicy=json.dumps(live)))
    assert json.loads(action.params["AttributeValue"]) == {
        "http": {"defaultHealthyRetryPolicy": {"numRetries": 5, "minDelayTarget": 9}}
    }


MAIL = {"protocol": "email", "endpoint": "ops@example.com", "filterPolicy": {"a": ["b"]}}


def test_a_mail_that_waits_is_no_drift_and_its_filter_is_looked_at_once_it_can_be() -> None:
    aim = kit.target(HANDLER, "news", {**BARE, "subscriptions": [MAIL]})
    state = seen(aim, [entry("email", "ops@example.com")])
    assert kit.changes(HANDLER, aim, state) == []
    assert "ops@example.com" in HANDLER.readiness(state.doc).message
    confirmed = seen(aim, [entry("email", "ops@example.com", {"FilterPolicy": '{"a": ["c"]}'})])
    (action,) = kit.planned(HANDLER, aim, confirmed)
    assert (action.operation, action.params["AttributeName"]) == (
        "SetSubscriptionAttributes", "FilterPolicy",
    )  # fmt: skip
    assert HANDLER.readiness(confirmed.doc).message == ""


@pytest.mark.parametrize(
    ("found", "risk"),
    [
        (entry("sqs", QUEUE, {}), "disruptive"),
        (entry("email", "eve@example.com", {}), "irreversible"),
        (entry("email", "eve@example.com"), ""),
    ],
)
def test_whoever_is_not_declared_is_ended_as_far_as_aws_can(found: Any, risk: str) -> None:
    aim = kit.target(HANDLER, "news", {**BARE, "subscriptions": []})
    state = seen(aim, [found])
    assert [a.risk for a in kit.planned(HANDLER, aim, state)] == ([risk] if risk else [])
    (change,) = kit.changes(HANDLER, aim, state)
    assert bool(HANDLER.obstacle(state, change)) == (risk == "")
    free = kit.target(HANDLER, "news", BARE)
    assert [c.cls for c in kit.changes(HANDLER, free, seen(free, [found]))] == ["undeclared"]


def test_a_phone_number_is_read_as_it_is_written() -> None:
    aim = kit.target(
        HANDLER, "news",
        {**BARE, "subscriptions": [{"protocol": "sms", "endpoint": "+491701234567"}]},
    )  # fmt: skip
    assert kit.changes(HANDLER, aim, seen(aim, [entry("sms", "491701234567", {})])) == []


def test_delete() -> None:
    aim = kit.target(HANDLER, "news", BARE)
    (gone,) = HANDLER.delete(aim, seen(aim))
    assert (gone.operation, gone.risk, gone.deletes) == ("DeleteTopic", "destructive", True)
