"""Cases 615 to 617: policies and keys of topics, and who hears them: letters are sent once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.world import World
from tests.harness import Plant, environment, explain, resource

MAIL = "ops@example.com"


@pytest.fixture
def plant(world: World) -> Plant:
    """A topic that a person and a queue are to hear, converged; the person has not confirmed."""
    queue = f"arn:aws:sqs:{world.region}:{world.account}:audit"
    heard = f"[{{protocol: email, endpoint: {MAIL}}}, {{protocol: sqs, endpoint: '{queue}'}}]"
    topic = resource("Topic", "news", f"kmsMasterKeyId: none, subscriptions: {heard}")
    made = Plant(world, environment(topic))
    made.converge()
    made.checkpoint()
    return made


def kept(plant: Plant, protocol: str = "email") -> dict[str, Any]:
    """What the sandbox keeps of one subscription: its letters and its token."""
    there: Any = plant.world.store("sns")["subscriptions"].values()
    (found,) = (s for s in there if s["Protocol"] == protocol)
    return dict(found)


def arn(plant: Plant) -> str:
    return f"arn:aws:sns:{plant.world.region}:{plant.world.account}:{plant.name}-news"


POLICY = """{Version: "2012-10-17", Statement: [
  {Sid: a, Effect: Allow, Principal: {AWS: ["ACCOUNT"]}, Action: ["sns:Publish", "sns:Subscribe"],
   Resource: ARN},
  {Sid: b, Effect: Deny, Principal: "*", Action: sns:Publish, Resource: ARN,
   Condition: {Bool: {aws:SecureTransport: false}}}]}"""


@pytest.fixture
def guarded(world: World) -> Plant:
    """A topic with a key and a policy, converged."""
    made = Plant(world, environment())
    key = made.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    policy = POLICY.replace("ACCOUNT", world.account).replace("ARN", arn(made))
    made.publish(environment(resource("Topic", "news", f"kmsMasterKeyId: {key}, policy: {policy}")))
    made.converge()
    made.checkpoint()
    return made


def put(plant: Plant, name: str, value: str) -> None:
    sns = plant.aws.client("sns")
    sns.set_topic_attributes(TopicArn=arn(plant), AttributeName=name, AttributeValue=value)
    plant.later()


def shown(plant: Plant, name: str) -> str:
    attributes = plant.aws.client("sns").get_topic_attributes(TopicArn=arn(plant))["Attributes"]
    return str(attributes[name])


@pytest.mark.case(615, 616, "echo")
def test_what_means_the_same_is_no_drift(guarded: Plant) -> None:
    policy = json.loads(shown(guarded, "Policy"))
    assert any(":root" in str(s) for s in policy["Statement"]), "AWS writes it its own way"
    put(guarded, "Policy", json.dumps({**policy, "Statement": policy["Statement"][::-1]}))
    put(guarded, "KmsMasterKeyId", shown(guarded, "KmsMasterKeyId").rpartition("/")[2])
    for _ in range(5):
        report = guarded.run()
        assert report.converged, explain(report)
        guarded.later(600)
    assert guarded.writes() == []


@pytest.mark.case(615, 616, "change")
def test_what_means_something_else_is_named_and_put_back(guarded: Plant) -> None:
    policy = json.loads(shown(guarded, "Policy"))
    put(guarded, "Policy", json.dumps({**policy, "Statement": policy["Statement"][:1]}))
    put(guarded, "KmsMasterKeyId", "alias/aws/sns")
    drift = {c.path for c in guarded.run().assessments["Topic/news"].drift}
    assert drift == {"policy", "kmsMasterKeyId"}
    guarded.later()
    assert guarded.run().converged
    assert len(json.loads(shown(guarded, "Policy"))["Statement"]) == 2


@pytest.mark.case(617, "echo")
def test_one_letter_however_long_nobody_answers_until_aws_drops_it(plant: Plant) -> None:
    for _ in range(20):
        report = plant.run()
        assert report.converged, explain(report)
        plant.later(3600)
    assert plant.writes() == []
    assert kept(plant)["_letters"] == 1
    ready = plant.status()["resources"]["Topic/news"]["conditions"]["Ready"]
    assert ready["status"] == "True"
    assert MAIL in ready["message"]
    plant.later(30 * 3600)
    plant.run()
    assert [c.name for c in plant.writes()] == ["sns:Subscribe"], "AWS had dropped it"
    plant.later(3600)
    assert plant.run().converged


@pytest.mark.case(617, "change")
def test_who_confirms_is_in_sync_and_who_leaves_is_asked_again(plant: Plant) -> None:
    sns = plant.aws.client("sns")
    sns.confirm_subscription(TopicArn=arn(plant), Token=kept(plant)["_token"])
    plant.later()
    assert plant.run().converged
    assert plant.writes() == []
    sns.unsubscribe(SubscriptionArn=kept(plant, "sqs")["_arn"])
    plant.later()
    report = plant.run()
    (change,) = report.assessments["Topic/news"].drift
    assert change.path.startswith("subscriptions[sqs/")
    assert [c.name for c in plant.writes()] == ["sns:Subscribe"]
    plant.later()
    assert plant.run().converged


def test_an_eavesdropper_is_named_and_what_a_person_confirmed_waits_for_one(plant: Plant) -> None:
    sns = plant.aws.client("sns")
    other = f"arn:aws:sqs:{plant.world.region}:{plant.world.account}:theirs"
    sns.subscribe(TopicArn=arn(plant), Protocol="sqs", Endpoint=other)
    plant.later()
    report = plant.run()
    (change,) = report.assessments["Topic/news"].drift
    assert other in change.path
    assert [c.name for c in plant.writes()] == ["sns:Unsubscribe"]
    plant.later()
    assert plant.run().converged
    plant.checkpoint()
    sns.subscribe(TopicArn=arn(plant), Protocol="email", Endpoint="eve@example.com")
    plant.later()
    plant.run()
    assert plant.writes() == [], "AWS ends none that waits"
    blocked = plant.status()["resources"]["Topic/news"]["conditions"]["Blocked"]
    assert (blocked["status"], "waits for its confirmation" in blocked["message"]) == ("True", True)


@pytest.mark.parametrize("lost", ["sns:CreateTopic", "sns:Subscribe", "sns:SetTopicAttributes"])
def test_a_lost_reply_makes_no_second_one(world: World, lost: str) -> None:
    heard = f"[{{protocol: email, endpoint: {MAIL}}}]"
    topic = resource("Topic", "news", f"kmsMasterKeyId: none, subscriptions: {heard}")
    plant = Plant(world, environment(topic))
    world.fault("lost", lost, times=1)
    plant.converge()
    assert len(plant.aws.client("sns").list_topics()["Topics"]) == 1
    assert kept(plant)["Endpoint"] == MAIL
