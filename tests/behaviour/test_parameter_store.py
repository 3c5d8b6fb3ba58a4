"""Desired state from Parameter Store: whole or not at all, and what was accepted stays in force."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import publication, publishing
from controller.sources import Desired, ParameterSource, desired_state
from controller.store import DirectoryStore, Store
from controller.timetable import Entry, record
from sandbox.errors import Killed
from sandbox.inprocess import session
from sandbox.world import World
from tests.plane import PLUMBLINE, Plane, sample, small

NAME = "/plumbline/environments/shop"
REGISTRY = """\
apiVersion: plumbline.dev/v1
kind: Registry
spec:
  environments:
    shop: {mode: enforce, source: parameterStore}
"""


class Shelf:
    """Parameter Store as a person uses it, and what the environment `shop` is to be by it."""

    def __init__(self, world: World, store: Store) -> None:
        self.world, self.store = world, store
        self.ssm = session(world).client("ssm")
        self.own = session(world, access_key=PLUMBLINE).client("ssm")

    def put(self, value: str, kind: str = "String", name: str = NAME) -> None:
        self.ssm.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)

    def publish(self, text: str, **words: str) -> None:
        said = {"commit": "", "author": "", **words}
        publishing.to_parameters(self.ssm, "plumbline/", "shop", text.encode(), **said)

    def names(self) -> list[str]:
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path=NAME, Recursive=True)
        return sorted(each["Name"] for page in pages for each in page["Parameters"])

    def look(self) -> Desired:
        """What a pass would take for desired."""
        self.mark = len(self.world.calls)
        source = ParameterSource(self.own, "plumbline/", "shop")
        return desired_state(source, self.store, "shop", remember=True, now="2026-11-02")

    def reads(self) -> list[list[str]]:
        """The calls of the last look."""
        calls = self.world.calls[self.mark :]
        return [c.params["Names"] for c in calls if c.name == "ssm:GetParameters"]

    def days(self, told: Desired) -> int:
        """What is in force."""
        assert told.environment is not None
        days: int = told.environment.resources["LogGroup/app"].spec["retentionInDays"]
        return days


class Shop:
    """A control plane whose registry says that the environment is in Parameter Store."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=REGISTRY.encode())
        self.shelf = Shelf(plane.world, plane.store)


@pytest.fixture
def shop(plane: Plane) -> Shop:
    return Shop(plane)


@pytest.fixture
def shelf(world: World, tmp_path: Path) -> Shelf:
    return Shelf(world, DirectoryStore(tmp_path))


def long(**changed: Any) -> str:
    """A desired state that needs parts: what can't be compressed, beside the two resources."""
    noise = "".join(f"# {hashlib.sha512(bytes([n])).hexdigest()}\n" for n in range(110))
    return small(**changed) + noise


# --- a control plane from Parameter Store alone ---


def test_an_environment_converges_though_nobody_tells_of_its_file(shop: Shop) -> None:
    """The registry names it, and the tick finds it. Somebody put YAML there by hand."""
    shop.shelf.put(small())
    shop.plane.converge()
    assert shop.plane.retention() == 30


def test_what_breaks_later_changes_nothing_and_drift_is_healed_on(shop: Shop) -> None:
    plane, shelf = shop.plane, shop.shelf
    shelf.publish(long(interval="1m"), commit="4e711d0")
    plane.converge()
    plane.tick()
    calls = [c for c in plane.world.calls[plane.mark :] if c.name == "ssm:GetParameters"]
    assert [c.params["Names"] for c in calls] == [[NAME]], "a steady pass reads the head alone"
    value, parts, head = publication.pack(long(interval="1m", days=90).encode(), "new", "bob")
    shelf.put(value)
    plane.tamper()
    plane.tick()
    told = plane.status()["desiredState"]
    assert told["reason"] == "DesiredStateInvalid"
    [problem] = told["problems"]
    assert problem.startswith(f"{NAME}:1: 3 of 3 parts are missing")
    assert plane.retention() == 30, "the one before stays in force, and is enforced"
    assert plane.status()["commit"] == "4e711d0"
    assert plane.value("DesiredStateInvalid", Environment="shop") == 1
    for name, part in zip(head.names(NAME), parts, strict=True):
        shelf.put(part, name=name)
    plane.tick()
    assert plane.retention() == 90
    plane.world.fault("deny", "ssm:GetParameters", times=99)
    plane.tamper()
    plane.tick()
    told = plane.status()["desiredState"]
    assert told["reason"] == "DesiredStateUnknown"
    assert told["problems"] == [f"{NAME}:1: Parameter Store does not tell: AccessDeniedException"]
    assert plane.retention() == 90


def test_environments_of_a_batch_share_the_call(shop: Shop) -> None:
    plane = shop.plane
    names = [f"shop-{n}" for n in "abc"]
    lines = "".join(f"    {n}: {{mode: enforce, source: parameterStore}}\n" for n in names)
    body = (REGISTRY + lines).encode()
    plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=body)
    for name in names:
        shop.shelf.put(small(name), name=f"/plumbline/environments/{name}")
    shop.shelf.put(small())
    plane.tick()
    [call] = [c for c in plane.world.calls[plane.mark :] if c.name == "ssm:GetParameters"]
    assert len(call.params["Names"]) == 4
    assert plane.counts["made"] == 4


def test_one_publication_wakes_once(shop: Shop) -> None:
    """Parts come first, and wake nobody; nor do those that go."""
    plane, shelf = shop.plane, shop.shelf
    shelf.publish(long(interval="24h"))
    record(plane.store, "shop", Entry(300))
    woken = []
    for name in [*shelf.names(), NAME]:
        event = sample("ssm-parameter-change")
        event["detail"] |= {"name": name, "type": "String"}
        event["resources"] = [f"arn:aws:ssm:us-east-1:123456789012:parameter{name}"]
        woken.append(plane.change(event)["woken"])
    assert woken == [[], [], [], ["shop"]]
    [message] = plane.world.store("sqs")[plane.queue]["messages"]
    assert json.loads(message["body"])["environment"] == "shop"


# --- whole or not at all ---


@pytest.mark.parametrize("text", ["plain", "one", "parts"])
def test_a_file_is_read_as_it_was_written(shelf: Shelf, text: str) -> None:
    if text == "plain":
        shelf.put(small())
    else:
        shelf.publish(small() if text == "one" else long(), commit="4e711d0", author="alice")
    assert len(shelf.names()) == {"plain": 0, "one": 0, "parts": 3}[text]
    told = shelf.look()
    assert shelf.days(told) == 30
    assert len(shelf.reads()) == (2 if text == "parts" else 1)
    assert (told.refused, told.commit, told.author) == (
        ("", "", "") if text == "plain" else ("", "4e711d0", "alice")
    )
    shelf.look()
    assert shelf.reads() == [[NAME]], "what was accepted is not read again"
    accepted = shelf.store.get("accepted/shop.json")
    assert accepted is not None
    assert accepted.json["file"] == NAME


def test_no_parameter_is_longer_than_a_standard_one_holds(shelf: Shelf) -> None:
    shelf.publish(long())
    puts = [c.params for c in shelf.world.calls if c.name == "ssm:PutParameter"]
    assert [len(each["Value"]) <= 4096 for each in puts] == [True] * 4
    assert [each["Name"] for each in puts][-1] == NAME, "the head comes last"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "1 of 3 parts are missing, the first"),
        ("mixed", "is no gzip in base64"),
        ("garbage", "is no gzip in base64"),
        ("cut", "is not what its sha256 says"),
        ("head", "sha256: allowed: 64 hex digits"),
        ("secure", "Type: found SecureString, allowed String: desired state holds no secrets"),
        ("list", "Type: found StringList, allowed String"),
        ("empty", "DesiredStateInvalid"),
        ("gone", "DesiredStateMissing"),
    ],
)
def test_what_is_not_whole_changes_nothing(shelf: Shelf, kind: str, says: str) -> None:
    shelf.publish(long(), commit="4e711d0", author="alice")
    assert shelf.days(shelf.look()) == 30
    old = [shelf.ssm.get_parameter(Name=n)["Parameter"]["Value"] for n in shelf.names()]
    value, parts, head = publication.pack(long(days=90).encode(), "new", "bob")
    if kind == "mixed":
        parts = [*parts[:2], old[2]]
    if kind == "garbage":
        parts = ["?" * 4000] * 3
    if kind == "cut":
        parts = [*parts[:2], parts[2][:40]]
    for name, part in zip(head.names(NAME), parts, strict=True):
        shelf.put(part, name=name)
    if kind == "missing":
        shelf.ssm.delete_parameter(Name=head.names(NAME)[1])
    if kind in ("secure", "list", "gone"):
        shelf.ssm.delete_parameter(Name=NAME)
    if kind in ("secure", "list"):
        shelf.put("s3cr3t-value", "SecureString" if kind == "secure" else "StringList")
    elif kind != "gone":
        other = {"head": '{"kind": "Publication", "apiVersion": "plumbline.dev/v1"}', "empty": "{}"}
        shelf.put(other.get(kind, value))
    told = shelf.look()
    assert shelf.days(told) == 30, "the one before stays in force"
    assert (told.commit, told.author) == ("4e711d0", "alice")
    assert told.refused == ("DesiredStateMissing" if kind == "gone" else "DesiredStateInvalid")
    lines = [told.refused, *map(str, told.problems)]
    assert any(says in line for line in lines), lines
    assert all(line.startswith(f"{NAME}:1: ") for line in lines[1:])
    assert "s3cr3t" not in str(lines)
    calls = [c.params for c in shelf.world.calls if c.name == "ssm:GetParameters"]
    assert not any(each.get("WithDecryption") for each in calls)


def test_a_parameter_that_never_was_makes_nothing(shelf: Shelf) -> None:
    told = shelf.look()
    assert (told.environment, told.refused) == (None, "DesiredStateMissing")


@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
def test_a_publisher_that_dies_leaves_the_file_before_or_the_file_after(
    shelf: Shelf, call: int, kind: str
) -> None:
    shelf.publish(long())
    shelf.look()
    shelf.world.fault(kind, "ssm:PutParameter", after=call - 1)
    with pytest.raises(Killed):
        shelf.publish(long(days=90))
    shelf.world.dead = False
    shelf.world.faults.clear()
    told = shelf.look()
    assert not told.refused
    assert shelf.days(told) == (90 if (call, kind) == (4, "kill-after") else 30)
    shelf.publish(long(days=90))
    assert shelf.days(shelf.look()) == 90


def test_a_file_that_is_published_while_it_is_read_is_read_once_more(shelf: Shelf) -> None:
    """Its head is read, then its parts go, as an impatient publisher would have it."""
    shelf.publish(long())
    old = shelf.names()
    value, parts, head = publication.pack(long(days=90).encode(), "", "")

    def now(service: str, operation: str, params: dict[str, Any]) -> bool:
        if params.get("Names") == old:
            shelf.world.faults.clear()
            for name, part in zip(head.names(NAME), parts, strict=True):
                shelf.put(part, name=name)
            shelf.put(value)
            shelf.ssm.delete_parameters(Names=old)
        return False

    shelf.world.fault("error", "none:none").match = now
    told = shelf.look()
    assert not told.refused
    assert shelf.days(told) == 90


def test_old_parts_go_when_nobody_can_need_them(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.publish(long())
    shelf.publish(long(days=60))
    assert len(shelf.names()) == 6, "the file before may still be read"
    monkeypatch.setattr(publishing, "KEPT", timedelta())
    shelf.publish(long(days=90))
    assert len(shelf.names()) == 6, "the oldest has gone"
    shelf.publish(small())
    assert len(shelf.names()) == 3
    assert shelf.days(shelf.look()) == 30


def test_a_file_that_is_too_long_even_compressed_is_not_published(shelf: Shelf) -> None:
    text = "".join(hashlib.sha512(b"%d" % n).hexdigest() for n in range(7000))
    with pytest.raises(publication.TooLong, match="compressed it has"):
        shelf.publish(text)
    assert shelf.names() == []


def test_a_compressed_flood_is_not_unpacked() -> None:
    _, parts, head = publication.pack(b"\0" * 20_000_000, "", "")
    with pytest.raises(publication.Broken):
        head.text(parts)
