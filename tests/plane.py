"""The control plane as `template.yaml` wires it, its functions run in this process.

Ticks call Schedule, messages of the queue call Reconcile, uploads call Change. The second hand
publishes, tampers and judges, through public calls.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from controller import roles
from controller.happenings import HAPPENINGS
from controller.store import S3Store
from handlers import change, reconcile, schedule
from sandbox.inprocess import session
from sandbox.world import CallRecord, World
from tests.emf import Datum, data, records
from tests.permissions import load

ROOT = Path(__file__).parents[1]
PLUMBLINE = "AKIAPLUMBLINE"
FUNCTIONS = (schedule, reconcile, change)
VISIBILITY_S = 480
RECEIVES = 5

SMALL = """\
apiVersion: plumbline.dev/v1
kind: Environment
metadata: {{name: {name}}}
spec: {{interval: {interval}, mode: {mode}}}
---
apiVersion: plumbline.dev/v1
kind: LogGroup
metadata: {{name: app}}
spec: {{retentionInDays: {days}}}
---
apiVersion: plumbline.dev/v1
kind: Alarm
metadata: {{name: errors}}
spec:
  namespace: Shop
  metricName: Errors
  statistic: Sum
  period: 60
  evaluationPeriods: 5
  threshold: 1
  comparisonOperator: GreaterThanThreshold
"""


def small(
    name: str = "shop", *, interval: str = "5m", mode: str = "enforce", days: int = 30
) -> str:
    """A desired state of two resources."""
    return SMALL.format(name=name, interval=interval, mode=mode, days=days)


def sample(name: str) -> dict[str, Any]:
    """An event of `events/`."""
    found: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    return found


class Context:
    """What Lambda hands to a handler.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_version = "$LATEST"
    memory_limit_in_mb = 512
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    log_group_name = "plumbline-ReconcileLog-1A2B3C"
    log_stream_name = "2026/11/02/[$LATEST]0123456789abcdef"
    identity = None
    client_context = None

    def __init__(self, world: World, name: str, left: Callable[[], float]) -> None:
        self.function_name = f"plumbline-{name}-1A2B3C"
        self.invoked_function_arn = (
            f"arn:aws:lambda:{world.region}:{world.account}:function:{self.function_name}"
        )
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left() * 1000)


class Plane:
    """The deployed control plane, and the second hand."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.world = world
        self.capsys = capsys
        self.patch = monkeypatch
        self.aws: boto3.Session = session(world)
        self.bucket = f"plumbline-state-{world.account}-{world.region}"
        self.s3 = self.aws.client("s3")
        self.s3.create_bucket(Bucket=self.bucket)
        self.sqs = self.aws.client("sqs")
        self.store = S3Store(self.s3, self.bucket)
        self.log: list[dict[str, Any]] = []
        self.data: list[Datum] = []
        self.happened: set[str] = set()
        self.left: Callable[[], float] = lambda: 290.0
        self.batch = 1
        self._deploy()
        self.mark = len(world.calls)

    def _deploy(self) -> None:
        world, patch = self.world, self.patch
        fifo = {"FifoQueue": "true"}
        make = self.sqs.create_queue
        self.dead = make(QueueName="plumbline-dead.fifo", Attributes=fifo)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead)["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
        attributes = {**fifo, "VisibilityTimeout": str(VISIBILITY_S), "RedrivePolicy": redrive}
        self.queue = make(QueueName="plumbline.fifo", Attributes=attributes)["QueueUrl"]
        self.aws.client("events").create_event_bus(Name="plumbline-events")
        topic = self.aws.client("sns").create_topic(Name="plumbline-news")["TopicArn"]
        self.trust(world.account, world.region)
        own = session(world, access_key=PLUMBLINE)._session
        patch.setattr(roles, "new_session", lambda: session(world)._session)
        for module in FUNCTIONS:
            patch.setattr(module, "session", lambda: own)
        patch.setattr(reconcile, "_now", world.clock.now)
        patch.setattr(
            reconcile, "_sleep", lambda seconds: world.clock.advance(timedelta(seconds=seconds))
        )
        patch.setattr(schedule, "_now", world.clock.now)
        for name, value in {
            "PLUMBLINE_BUCKET": self.bucket,
            "PLUMBLINE_QUEUE": self.queue,
            "PLUMBLINE_MODE": "enforce",
            "PLUMBLINE_ROLE": "plumbline",
            "PLUMBLINE_EXTERNAL_ID": "only-us",
            "PLUMBLINE_BUS": "plumbline-events",
            "PLUMBLINE_TOPIC": topic,
            "PLUMBLINE_PARAMETERS": "plumbline/",
            "POWERTOOLS_SERVICE_NAME": "plumbline",
            "AWS_REGION": world.region,
        }.items():
            patch.setenv(name, value)

    def trust(self, account: str, region: str) -> None:
        """The two roles of `bootstrap/target.yaml` in an account and region."""
        key = f"AKIA{account}"
        self.world.accounts[key] = account
        iam = session(self.world, access_key=key).client("iam")
        values = {"ExternalId": "only-us", "WorkerRoleArn": "arn:aws:iam::1:role/worker"}
        for which in ("Observe", "Converge"):
            properties = load("target")["Resources"][f"{which}Role"]["Properties"]
            policy = re.sub(
                r'\{"Ref": "(\w+)"\}',
                lambda m: json.dumps(values[m[1]]),
                json.dumps(properties["AssumeRolePolicyDocument"]),
            )
            name = f"plumbline-{region}-{which.lower()}"
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)

    def publish(self, text: str, name: str = "shop") -> None:
        """Upload desired state; the event of it comes later, or never."""
        self.s3.put_object(Bucket=self.bucket, Key=f"environments/{name}.yaml", Body=text.encode())

    def upload(self, text: str, name: str = "shop") -> dict[str, Any]:
        """Upload desired state, and have S3 tell of it."""
        self.publish(text, name)
        event = sample("s3-object-created")
        event["detail"]["bucket"]["name"] = self.bucket
        event["detail"]["object"]["key"] = f"environments/{name}.yaml"
        return self.change(event)

    def change(self, event: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
        """An event arrives at Change, of this account unless it says another. whole: as it is."""
        if not whole:
            event = copy.deepcopy(event)
            if event["account"] == "123456789012":
                event["account"] = self.world.account
        with self._captured():
            return self._call(change, "Change", event)

    def tick(self, *, after: float = 60) -> dict[str, int]:
        """One minute's invocation of Schedule, and what it causes; the numbers of passes."""
        self.world.clock.advance(timedelta(seconds=after))
        self.mark = len(self.world.calls)
        with self._captured():
            self._call(schedule, "Schedule", sample("schedule"))
            self._drain()
        return self.counts

    def drain(self) -> dict[str, int]:
        """Reconcile takes what is in the queue."""
        self.mark = len(self.world.calls)
        with self._captured():
            self._drain()
        return self.counts

    def _drain(self) -> None:
        """As Lambda's event source mapping does it.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        """
        while messages := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=self.batch, AttributeNames=["All"]
        ).get("Messages"):
            event = {"Records": [_record(m) for m in messages]}
            result = self._call(reconcile, "Reconcile", event)
            failed = {each["itemIdentifier"] for each in result["batchItemFailures"]}
            self.sqs.delete_message_batch(
                QueueUrl=self.queue,
                Entries=[
                    {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]}
                    for i, m in enumerate(messages)
                    if m["MessageId"] not in failed
                ]
                or [{"Id": "none", "ReceiptHandle": "none"}],
            )

    def _call(self, module: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = module.handler(event, Context(self.world, name, self.left))
        return result

    @contextmanager
    def _captured(self) -> Iterator[None]:
        self.capsys.readouterr()
        begun = len(self.world.calls)
        for module in FUNCTIONS:  # else it writes where its import did
            for handler in module.logger.handlers:
                self.patch.setattr(handler, "stream", sys.stdout)
        try:
            yield
        finally:
            self.text = self.capsys.readouterr().out
            self.log = [line for line in records(self.text) if "_aws" not in line]
            self.data = data(self.text)
            self._hold_events_to_their_form(self.world.calls[begun:])

    def _hold_events_to_their_form(self, calls: list[CallRecord]) -> None:
        for call in calls:
            for entry in call.params["Entries"] if call.name == "events:PutEvents" else ():
                assert (entry["Source"], entry["EventBusName"]) == ("plumbline", "plumbline-events")
                HAPPENINGS[entry["DetailType"]].model_validate_json(entry["Detail"])
                self.happened.add(entry["DetailType"])

    @property
    def counts(self) -> dict[str, int]:
        """What became of the environments that were woken."""
        made = sum(d.value for d in self.data if d.name == "PassesMade")
        missed = sum(d.value for d in self.data if d.name == "PassesMissed")
        held = [line for line in self.said("put off") if line["reason"].startswith("held")]
        return {"made": int(made), "missed": int(missed), "held": len(held)}

    def calls(self) -> list[CallRecord]:
        """What the last tick asked of managed services."""
        return [c for c in self.world.calls[self.mark :] if c.access_key in self.world.sessions]

    def writes(self) -> list[CallRecord]:
        return [c for c in self.calls() if c.writes]

    def role(self, call: CallRecord) -> str:
        """The name of the role that made a call."""
        return self.world.sessions[call.access_key]["RoleArn"].rpartition("/")[2]

    def assumed(self) -> set[str]:
        """Names of the roles that were ever assumed."""
        return {each["RoleArn"].rpartition("/")[2] for each in self.world.sessions.values()}

    def waiting(self, queue: str = "") -> int:
        """Messages in a queue, hidden ones too."""
        found = self.sqs.get_queue_attributes(QueueUrl=queue or self.queue, AttributeNames=["All"])
        numbers = found["Attributes"]
        return int(numbers["ApproximateNumberOfMessages"]) + int(
            numbers["ApproximateNumberOfMessagesNotVisible"]
        )

    def send(self, body: str, group: str = "shop") -> None:
        """A message of somebody's."""
        entry = {"Id": "1", "MessageBody": body, "MessageGroupId": group}
        dedup = f"{len(self.world.calls)}"
        self.sqs.send_message_batch(
            QueueUrl=self.queue, Entries=[{**entry, "MessageDeduplicationId": dedup}]
        )

    def value(self, name: str, **dimensions: str) -> float:
        """The last value of a metric in the last tick."""
        wanted = tuple(sorted(dimensions.items()))
        return [d for d in self.data if d.name == name and d.dimensions == wanted][-1].value

    def said(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["message"] == message]

    def told(self) -> list[dict[str, Any]]:
        """Entries put on the bus since the last tick began."""
        calls = [c for c in self.world.calls[self.mark :] if c.name == "events:PutEvents"]
        return [entry for call in calls for entry in call.params["Entries"]]

    def news(self) -> list[dict[str, Any]]:
        """What people were told since the last tick began."""
        return [c.params for c in self.world.calls[self.mark :] if c.name == "sns:Publish"]

    def status(self, name: str = "shop") -> dict[str, Any]:
        found = self.store.get(f"status/{name}.json")
        assert found is not None
        document: dict[str, Any] = found.json
        return document

    def retention(self, name: str = "shop-app") -> int | None:
        self.world.clock.advance(timedelta(seconds=5))  # reads may lag behind a write
        groups = self.aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return groups[0].get("retentionInDays") if groups else None

    def tamper(self, name: str = "shop-app", days: int = 7) -> None:
        """Change something behind our back, long enough ago for reads to show it."""
        self.aws.client("logs").put_retention_policy(logGroupName=name, retentionInDays=days)
        self.world.clock.advance(timedelta(seconds=5))

    def converge(self, *names: str, ticks: int = 10) -> None:
        """Ticks until these are converged, and nothing asks to be looked at again."""
        wanted = names or ("shop",)
        for _ in range(ticks):
            self.tick()
            done = all(self.status(name)["converged"] for name in wanted)
            if done and not self.store.list("requeue/"):
                return
        pytest.fail(f"not converged: {[self.status(name) for name in wanted]}")


def _record(message: dict[str, Any]) -> dict[str, Any]:
    """A message as Lambda gets it. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


def forget() -> None:
    """What a process keeps between invocations."""
    for module in FUNCTIONS:
        module._client.cache_clear()
    reconcile._doors.cache_clear()
    reconcile._taught.clear()
    reconcile._remembered.clear()
    reconcile._failed.clear()
