"""Change events: each wakes the environments that it touches, and says who it was.

S3's is proven end to end elsewhere; the others are samples in the form of AWS's pages.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from controller import changes
from controller.timetable import Entry, record
from tests.plane import Plane, sample, small

EVENTS = Path(__file__).parents[2] / "events"
SAMPLES = sorted(path.stem for path in EVENTS.glob("*.json"))
CHANGES = [name for name in SAMPLES if name not in ("schedule", "sqs")]


def known(plane: Plane, *names: str) -> None:
    """Environments that have been looked at."""
    for name in names:
        record(plane.store, name, Entry(300))


def test_every_sample_cites_its_page() -> None:
    page = (EVENTS / "README.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    cited = {name for row in rows for name in re.findall(r"`([\w-]+)\.json`", row)}
    assert cited == set(SAMPLES)
    assert all("https://docs.aws.amazon.com/" in row for row in rows)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_wakes_what_it_touches_and_nobody_else(plane: Plane, name: str) -> None:
    known(plane, "shop", "shopping", "other")
    event = sample(name)
    assert plane.change(event) == {"woken": ["shop"]}
    assert plane.value("ChangesHeard") == 1
    [message] = plane.world.store("sqs")[plane.queue]["messages"]
    assert json.loads(message["body"])["environment"] == message["group"] == "shop"
    assert json.loads(message["body"])["reason"] == event["detail-type"]


@pytest.mark.parametrize("name", [n for n in CHANGES if not n.startswith("s3")])
def test_a_change_elsewhere_touches_nobody_here(plane: Plane, name: str) -> None:
    known(plane, "shop")
    elsewhere = sample(name) | {"region": "eu-west-1"}
    assert plane.change(elsewhere) == {"woken": []}
    assert plane.change(sample(name) | {"account": "999988887777"}) == {"woken": []}
    assert plane.value("ChangesHeard") == 0
    assert plane.waiting() == 0


@pytest.mark.parametrize("name", [n for n in CHANGES if n.startswith("cloudtrail")])
def test_who_made_it_is_noted(plane: Plane, name: str) -> None:
    known(plane, "shop")
    event = sample(name)
    plane.change(event)
    plane.change(event)  # AWS sends some twice
    [key] = plane.store.list("changes/shop/")
    found = plane.store.get(key)
    assert found is not None
    assert found.json["who"] == event["detail"]["userIdentity"]["arn"]
    assert found.json["what"] == event["detail"]["eventName"]
    assert found.json["at"] == "2026-11-02T09:04:10+00:00"


def test_our_own_calls_wake_nobody(plane: Plane) -> None:
    """Whatever role the registry names."""
    known(plane, "shop")
    event = sample("cloudtrail-update-service")
    event["detail"]["userIdentity"]["arn"] = "arn:aws:sts::1:assumed-role/theirs/plumbline"
    assert plane.change(event) == {"woken": []}
    assert plane.store.list("changes/") == []


def test_steady_passes_and_their_healing_cause_no_passes(plane: Plane) -> None:
    """What a pass writes to the bucket is no key that the rule of uploads lets through."""
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.tamper()
    begun = len(plane.world.calls)
    for _ in range(3):
        plane.tick()
    calls = [c for c in plane.world.calls[begun:] if (c.service, c.operation) == ("s3", "Put")]
    put = {c.params["Key"].lstrip("/").removeprefix(plane.bucket).lstrip("/") for c in calls}
    assert put
    for key in put:
        event = sample("s3-object-created")
        event["detail"]["object"]["key"] = key
        assert changes.desired_state_of(event, "plumbline/") is None, key


@pytest.mark.parametrize(
    ("key", "whose"),
    [
        ("environments/shop.yaml", "shop"),
        ("pauses/shop.json", "shop"),
        ("registry.yaml", ""),
        ("accepted/shop.json", None),
        ("environments/shop.yaml.bak", None),
        ("environments/deep/shop.yaml", None),
        ("environments/../x.yaml", None),
    ],
)
def test_whose_an_upload_is(key: str, whose: str | None) -> None:
    event = sample("s3-object-created")
    event["detail"]["object"]["key"] = key
    assert changes.desired_state_of(event, "plumbline/") == whose


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("/plumbline/environments/shop", "shop"),
        ("/plumbline/environments/shop/2", "shop"),
        ("/plumbline/shop/network/vpc", None),
        ("/other/environments/shop", None),
    ],
)
def test_whose_a_parameter_is(name: str, whose: str | None) -> None:
    event = sample("ssm-parameter-change")
    event["detail"]["name"] = name
    assert changes.desired_state_of(event, "plumbline/") == whose


def test_a_new_registry_wakes_everybody(plane: Plane) -> None:
    known(plane, "shop", "other")
    event = sample("s3-object-created")
    event["detail"]["object"]["key"] = "registry.yaml"
    assert plane.change(event) == {"woken": ["other", "shop"]}


def named(event: dict[str, Any], name: str) -> dict[str, Any]:
    event = copy.deepcopy(event)
    event["detail"]["requestParameters"]["logGroupName"] = name
    return event


def test_names_of_another_kind_are_learned_and_forgotten(plane: Plane) -> None:
    event = sample("cloudtrail-put-retention-policy")
    text = small().replace("{name: app}", "{name: app, externalName: the-old-log}")
    plane.publish(text)
    plane.converge()
    assert plane.change(named(event, "the-old-log")) == {"woken": ["shop"]}
    assert plane.change(named(event, "the-older-log")) == {"woken": []}
    plane.upload(small())
    plane.drain()
    assert plane.change(named(event, "the-old-log")) == {"woken": []}


def test_two_environments_of_one_account_learn_beside_each_other(plane: Plane) -> None:
    place = ("1", "us-east-1")
    changes.learn(plane.store, *place, "a", {"x", "y"})
    changes.learn(plane.store, *place, "b", {"z"})
    changes.learn(plane.store, *place, "a", {"y"})
    assert changes.names(plane.store, *place) == {"y": "a", "z": "b"}


def test_what_the_queue_refuses_is_tried_again_by_lambda(plane: Plane) -> None:
    known(plane, "shop")
    plane.world.fault("deny", "sqs:SendMessageBatch", times=9)
    with pytest.raises(Exception, match="AccessDenied"):
        plane.change(sample("rds-db-instance"))


@pytest.mark.parametrize("detail", [{}, {"requestParameters": None}, {"userIdentity": "?"}])
def test_an_event_of_a_form_that_nobody_knows_harms_nothing(plane: Plane, detail: Any) -> None:
    known(plane, "shop")
    event = {"source": "aws.new", "account": "123456789012", "region": "us-east-1",
             "detail-type": "New", "id": "1", "time": "then", "detail": detail}  # fmt: skip
    assert plane.change(event) == {"woken": []}
