"""Environments of one place are asked for in one message, so that they share what they read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from controller.messages import INTERVAL, ROUND, Place, Wake, send
from tests.plane import Plane, small

HERE, THERE = ("111111111111", "eu-west-1"), ("222222222222", "us-east-1")


def messages(plane: Plane) -> list[tuple[str, list[str]]]:
    """Group and environments of all in the queue."""
    found: list[tuple[str, list[str]]] = []
    while some := plane.sqs.receive_message(
        QueueUrl=plane.queue, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages"):
        for message in some:
            body: dict[str, Any] = json.loads(message["Body"])
            names = body.get("environments") or [body["environment"]]
            found.append((message["Attributes"]["MessageGroupId"], names))
    return found


def sent(plane: Plane) -> list[dict[str, Any]]:
    """Bodies of what the last tick sent."""
    calls = [c for c in plane.world.calls[plane.mark :] if c.name == "sqs:SendMessageBatch"]
    return [json.loads(entry["MessageBody"]) for c in calls for entry in c.params["Entries"]]


def test_a_round_is_of_one_place_and_of_a_hundred_at_most(plane: Plane) -> None:
    names = [f"e{number}" for number in range(2 * ROUND + 7)]

    def place(name: str) -> Place | None:
        number = int(name[1:])
        return None if number == 0 else THERE if number == 1 else HERE

    wakes = [Wake(name, INTERVAL) for name in names]
    assert send(plane.sqs, plane.queue, [*wakes, wakes[5]], place) == []
    found = dict(messages(plane))
    assert found.pop("e0") == ["e0"], "of no place"
    assert found.pop("e1") == ["e1"], "alone in its place"
    assert sorted(found) == [f"{HERE[0]}/{HERE[1]}/{name}" for name in ("e102", "e2", "e202")]
    assert max(len(each) for each in found.values()) == ROUND
    assert sorted(name for each in found.values() for name in each) == sorted(names[2:])


def test_reasons_are_not_mixed(plane: Plane) -> None:
    """A pass that only its interval asked for may go by less than one that a change asked for."""
    wakes = [Wake("a", INTERVAL), Wake("b", "a change"), Wake("c", INTERVAL)]
    send(plane.sqs, plane.queue, wakes, lambda name: HERE)
    assert sorted(names for _, names in messages(plane)) == [["a", "c"], ["b"]]


def test_a_tick_makes_rounds_and_what_is_under_way_goes_alone(plane: Plane) -> None:
    names = [f"shop-{letter}" for letter in "abcde"]
    for name in names:
        plane.publish(small(name), name)
    plane.converge(*names)
    plane.world.clock.advance(timedelta(hours=1))
    plane.tamper("shop-c-app")
    assert plane.tick() == {"made": 5, "missed": 0, "held": 0}
    assert [body["environments"] for body in sent(plane)] == [names]
    assert plane.retention("shop-c-app") == 30
    plane.tick()
    assert [body for body in sent(plane) if "shop-c" in str(body)] == [
        {"environment": "shop-c", "reason": "work was under way"}
    ]


def test_what_sqs_refuses_of_a_round_is_all_of_it(plane: Plane) -> None:
    class Refusing:
        def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:
            return {"Failed": [{"Id": entry["Id"]} for entry in Entries]}

    wakes = [Wake("a", INTERVAL), Wake("b", INTERVAL), Wake("c", INTERVAL)]
    refused = send(Refusing(), plane.queue, wakes, lambda name: HERE if name != "c" else None)
    assert {wake.environment for wake in refused} == {"a", "b", "c"}
