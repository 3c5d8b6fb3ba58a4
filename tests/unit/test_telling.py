"""What is told of a pass, within what EventBridge and SNS take."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.happenings import HAPPENINGS, schema
from controller.reconciler import Report
from handlers import telling

COMMON = {
    "version": 1, "environment": "shop", "account": "123456789012", "region": "us-east-1",
    "at": "2026-11-02T09:00:00+00:00", "mode": "enforce",
}  # fmt: skip
DRIFT = {
    "type": "DriftDetected", "resource": "LogGroup/app", "path": "retentionInDays", "was": 30,
    "is": 7, "wanted": 30, "class": "differs", "cause": "drift", "note": "",
}  # fmt: skip


class Bus:
    """EventBridge, as far as its limits go: 10 entries and 256 KB a call."""

    def __init__(self, code: str = "") -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.code = code

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert 0 < len(Entries) <= 10
        assert sum(len("".join(e.values()).encode()) for e in Entries) < 256 * 1024
        self.calls.append(Entries)
        one = {"ErrorCode": self.code, "ErrorMessage": "?"} if self.code else {"EventId": "1"}
        return {"FailedEntryCount": len(Entries) * bool(self.code), "Entries": [one] * len(Entries)}


class Topic:
    """SNS, as far as its limits go."""

    def __init__(self) -> None:
        self.texts: list[dict[str, str]] = []

    def publish(self, TopicArn: str, Subject: str, Message: str) -> None:
        assert 0 < len(Subject) < 100
        assert Subject.isascii()
        assert Subject.isprintable()
        assert 0 < len(Message.encode()) < 256 * 1024
        self.texts.append({"Subject": Subject, "Message": Message})


def report(mode: str = "enforce", paused: str = "", *events: dict[str, Any]) -> Report:
    found = SimpleNamespace(
        environment="shop", mode=mode, paused=paused, status=SimpleNamespace(events=events)
    )
    return cast(Report, found)


def news(*rows: dict[str, Any], mode: str = "enforce", paused: str = "") -> str:
    topic = Topic()
    telling.notify(topic, "topic", report(mode, paused), rows)
    return topic.texts[0]["Message"] if topic.texts else ""


def test_events_go_in_as_many_calls_as_they_need() -> None:
    bus = Bus()
    rows = [{**DRIFT, "is": "ä" * 20_000, "path": f"p{n}"} for n in range(23)]
    assert telling.put_events(bus, "bus", COMMON, rows) == []
    sent = [json.loads(e["Detail"])["path"] for call in bus.calls for e in call]
    assert sent == [f"p{n}" for n in range(23)]


def test_an_event_that_is_too_long_is_cut_not_lost() -> None:
    bus = Bus()
    telling.put_events(bus, "bus", COMMON, [{**DRIFT, "is": {"rules": ["x" * 100] * 9_000}}])
    [[entry]] = bus.calls
    found = HAPPENINGS["DriftDetected"].model_validate_json(entry["Detail"])
    assert str(found.model_dump()["is_"]).endswith("…")
    assert found.model_dump()["wanted"] == "30"


def test_what_the_bus_refuses_is_known() -> None:
    refused = telling.put_events(Bus("ThrottlingException"), "bus", COMMON, [DRIFT, DRIFT])
    assert refused == ["ThrottlingException"] * 2


def test_a_text_says_what_changed_who_did_it_and_what_to_do() -> None:
    text = news({**DRIFT, "by": "alice (X, 09:04)"})
    assert text.splitlines() == [
        "DriftDetected LogGroup/app retentionInDays: was 30, is 7, wanted 30; by alice (X, 09:04)",
        "",
        "Drift is put back, unless a guard vetoes it: plumbline drift shop.",
    ]
    assert "Nothing is put back in mode observe" in news(DRIFT, mode="observe")
    assert "Nothing is put back in mode paused" in news(DRIFT, paused="paused until tomorrow")


def test_a_text_stays_short_and_in_its_lines() -> None:
    evil = {**DRIFT, "is": "a\nSubject: b\x1b[2J" + "z" * 9_000, "by": "m\r\nallory"}
    text = news(*[evil] * 200)
    lines = text.splitlines()
    assert len(lines) == telling.MOST_LINES + 3
    assert lines[telling.MOST_LINES] == "and 180 more"
    assert max(map(len, lines)) <= telling.LONGEST_LINE
    assert all(line.isprintable() for line in lines)


def test_nobody_is_told_of_what_goes_as_it_should() -> None:
    assert news({"type": "Converged", "revision": "1"}) == ""


@pytest.mark.parametrize("name", HAPPENINGS)
def test_the_schema_lets_later_fields_through(name: str) -> None:
    found = schema()[name]
    assert found["additionalProperties"] is True
    assert {"version", "environment", "account", "region", "at", "mode"} <= set(found["required"])


def test_every_event_that_people_hear_of_is_one() -> None:
    assert {*telling.NEWS, *telling.WARNINGS, *telling.TO_DO} <= set(HAPPENINGS)
