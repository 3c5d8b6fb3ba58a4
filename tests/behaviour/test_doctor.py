"""`plumbline doctor`: each thing that can be wrong is named, with what to do; it only reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from controller import checkup
from tests.plane import Plane, small
from tests.stack import PARAMETERS, Person


@pytest.fixture
def person(plane: Plane) -> Person:
    """Of a control plane that is well, and whose clock is AWS's."""
    found = Person(plane)
    plane.publish(small(interval="5m"))
    plane.converge()
    plane.patch.setattr(checkup, "_now", plane.world.clock.now)
    known = found.aws._session.create_client

    def create(service: str, **options: Any) -> Any:
        client = known(service, **options)
        if service == "sts":
            client.meta.events.register("after-call.sts", _dated(plane))
        return client

    plane.patch.setattr(found.aws._session, "create_client", create)
    return found


def _dated(plane: Plane) -> Callable[..., None]:
    """AWS's replies bear a date; the sandbox's come from a simulated clock."""

    def date(parsed: dict[str, Any], **_: Any) -> None:
        now = plane.world.clock.now() + plane.__dict__.get("skew", timedelta())
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = format_datetime(now, usegmt=True)

    return date


def findings(person: Person) -> tuple[int, list[dict[str, str]]]:
    code, out, err = person.types("doctor", "-o", "json")
    assert err == ""
    return code, json.loads(out)


def _public(it: Plane) -> None:
    it.s3.delete_public_access_block(Bucket=it.bucket)


def _versions(it: Plane) -> None:
    suspended = {"Status": "Suspended"}
    it.s3.put_bucket_versioning(Bucket=it.bucket, VersioningConfiguration=suspended)


def _encryption(it: Plane) -> None:
    it.s3.delete_bucket_encryption(Bucket=it.bucket)


def _registry(it: Plane) -> None:
    it.s3.put_object(Bucket=it.bucket, Key="registry.yaml", Body=b"kind: Registree\n")


def _refused(it: Plane) -> None:
    body = b"apiVersion: plumbline.dev/v1\nkind: Registry\nspec: {default: refused}\n"
    it.s3.put_object(Bucket=it.bucket, Key="registry.yaml", Body=body)


def _no_place(it: Plane) -> None:
    del it.world.store("sqs")[it.queue]["attributes"]["RedrivePolicy"]


def _broken(it: Plane) -> None:
    it.publish("a: [")


def _new(it: Plane) -> None:
    it.publish(small("other"), "other")


def _late(it: Plane) -> None:
    it.world.clock.advance(timedelta(hours=3))


def _died(it: Plane) -> None:
    _lease(it, released=False)
    it.world.clock.advance(timedelta(minutes=2))


def _released(it: Plane) -> None:
    _lease(it, released=True)
    it.__dict__["skew"] = timedelta(minutes=3)


def _lease(it: Plane, *, released: bool) -> None:
    found = it.store.get("leases/shop.json")
    assert found is not None
    body = {**found.json, "released": released}
    it.store.put("leases/shop.json", json.dumps(body).encode(), found.version)


def _none(_: Plane) -> None:
    """What was done last says this, too."""


def _role(it: Plane) -> None:
    it.aws.client("iam").delete_role(RoleName=f"plumbline-{it.world.region}-observe")


def _trust(it: Plane) -> None:
    name = f"plumbline-{it.world.region}-converge"
    iam = it.aws.client("iam")
    iam.delete_role(RoleName=name)
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "AROAGONE"},
                             "Action": "sts:AssumeRole"}], "Version": "2012-10-17"}  # fmt: skip
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))


def _poison(it: Plane) -> None:
    entry = {"Id": "1", "MessageBody": "?", "MessageGroupId": "x", "MessageDeduplicationId": "x"}
    it.sqs.send_message_batch(QueueUrl=it.dead, Entries=[entry])


def _alarm(it: Plane) -> None:
    alarm, cloudwatch = "plumbline-NoTickAlarm-1A2B", it.aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm, AlarmDescription="No tick for 15 minutes.",
        Namespace="Plumbline", MetricName="EnvironmentsWoken", Statistic="SampleCount",
        Period=300, EvaluationPeriods=1, Threshold=1, TreatMissingData="breaching",
        ComparisonOperator="LessThanThreshold",
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="seen")
    it.world.clock.advance(timedelta(seconds=5))


WRONG = [
    [
        (_died, "shop", "its last pass died", "the worker's log"),
        (_alarm, "alarms", "plumbline-NoTickAlarm-1A2B rings", "No tick for 15 minutes."),
    ],
    [
        (_released, "clock", "180 s apart", "set this machine's clock"),
        (_poison, "dead letters", "1 messages", "the worker's log says why"),
        (_broken, "shop", "environments/shop.yaml:2: ", "plumbline validate"),
        (_new, "other", "it never had a pass", "the worker's log"),
        (_role, "roles", "-observe in", "deploy bootstrap/target.yaml"),
        (_trust, "roles", "does not trust the worker", "deploy bootstrap/target.yaml"),
        (_late, "shop", "its last pass was 3 h ago, its interval is 5 min", "the worker's log"),
        (_none, "tick", "the last was 3 h ago", "the log of the function Schedule"),
        (_public, "bucket", "public access is not blocked", "deploy the template again"),
        (_versions, "bucket", "versioning: Suspended", "deploy the template again"),
        (_encryption, "bucket", "not encrypted with the stack's key", "deploy the template again"),
    ],
    [(_refused, "shop", "no environment shop", "bind it in registry.yaml")],
    [
        (_registry, "registry", "registry.yaml:1: ", "nothing acts until then"),
        (_no_place, "dead letters", "the queue has no place for them", "deploy the template again"),
    ],
]
"""What somebody does, one after the other, and what is told of it; all of a list at once."""


def test_what_is_wrong_is_named_with_what_to_do(person: Person) -> None:
    """Of a control plane that is well nothing is said; what may not be read is unknown."""
    begun = len(person.plane.world.calls)
    code, found = findings(person)
    assert [each for each in found if each["verdict"] != "ok"] == []
    assert code == 0
    assert not [c for c in person.plane.world.calls[begun:] if c.writes], "it only reads"
    checked = {each["check"] for each in found}
    assert checked >= {"clock", "stack", "bucket", "key", "registry", "tick", "environments",
                       "roles", "queue", "dead letters", "alarms"}  # fmt: skip
    code, out, _ = person.types("doctor")
    assert code == 0
    assert "ok       environments: 1 of 1 have a sound file and a pass in time" in out

    for call in ("iam:GetRole", "cloudwatch:DescribeAlarms", "sqs:GetQueueAttributes"):
        person.plane.world.fault("deny", call, times=99)
    code, found = findings(person)
    assert code == 0
    unknown = {each["check"]: each["says"] for each in found if each["verdict"] == "unknown"}
    assert unknown == {
        "roles": "can't be checked: GetRole: AccessDeniedException",
        "queue": "can't be checked: GetQueueAttributes: AccessDeniedException",
        "alarms": "can't be checked: DescribeAlarms: AccessDeniedException",
    }
    person.plane.world.faults.clear()

    for stage in WRONG:
        for harm, *_ in stage:
            harm(person.plane)
        code, found = findings(person)
        assert code == 1
        for _, check, says, advice in stage:
            told = [it for it in found if (it["verdict"], it["check"]) == ("wrong", check)]
            assert any(says in it["says"] and advice in it["advice"] for it in told), (check, told)


def test_a_stack_that_is_none_of_ours(plane: Plane) -> None:
    person = Person(plane, ScheduleState="DISABLED")
    code, _, err = person.types("doctor", "--stack", "nowhere")
    assert code == 1
    assert err.startswith("no stack nowhere in us-east-1: ")
    code, out, _ = person.types("doctor")
    assert code == 1
    assert "ScheduleState is DISABLED: only changes cause passes" in out
    assert "there is none" in out
    person.make(PARAMETERS, "older", lacking="QueueUrl")
    _, out, _ = person.types("doctor", "--stack", "older")
    assert "unknown  queue: can't be checked: AWS or the stack tells no 'QueueUrl'" in out
    person.make(PARAMETERS, "other", lacking="StateBucketName")
    code, _, err = person.types("doctor", "--stack", "other")
    assert code == 1
    assert "has no output StateBucketName: it is no control plane" in err
