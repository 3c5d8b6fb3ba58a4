"""Desired state from Parameter Store: whole or not at all, and what was accepted stays in force."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from controller import publication, publishing
from sandbox.errors import Killed
from tests.plane import Plane, sample, small

NAME = "/plumbline/environments/shop"
REGISTRY = """\
apiVersion: plumbline.dev/v1
kind: Registry
spec:
  environments:
    shop: {mode: enforce, source: parameterStore}
"""


class Shelf:
    """Parameter Store as a person uses it, beside the control plane."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.ssm = plane.aws.client("ssm")
        key = {"Bucket": plane.bucket, "Key": "registry.yaml"}
        plane.s3.put_object(**key, Body=REGISTRY.encode())

    def put(self, value: str, kind: str = "String", name: str = NAME) -> None:
        self.ssm.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)

    def publish(self, text: str, **words: str) -> None:
        said = {"commit": "", "author": "", **words}
        publishing.to_parameters(self.ssm, "plumbline/", "shop", text.encode(), **said)

    def names(self) -> list[str]:
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path=NAME, Recursive=True)
        return sorted(each["Name"] for page in pages for each in page["Parameters"])

    def reads(self) -> list[list[str]]:
        """The calls of the last tick for desired state."""
        calls = self.plane.world.calls[self.plane.mark :]
        return [c.params["Names"] for c in calls if c.name == "ssm:GetParameters"]

    def refused(self) -> dict[str, Any]:
        """What the status says of a newest revision that is not in force."""
        told: dict[str, Any] = self.plane.status()["desiredState"]
        assert not told["valid"]
        return told


@pytest.fixture
def shelf(plane: Plane) -> Shelf:
    return Shelf(plane)


def long(**changed: Any) -> str:
    """A desired state that needs parts: what can't be compressed, beside the two resources."""
    noise = "".join(f"# {hashlib.sha512(bytes([n])).hexdigest()}\n" for n in range(110))
    return small(**changed) + noise


@pytest.mark.parametrize("text", ["plain", "one", "parts"])
def test_an_environment_converges_from_parameter_store_alone(shelf: Shelf, text: str) -> None:
    """Nobody tells of it: the registry names it, and the tick finds it."""
    if text == "plain":
        shelf.put(small())
    else:
        shelf.publish(small() if text == "one" else long(), commit="4e711d0", author="alice")
    assert len(shelf.names()) == {"plain": 0, "one": 0, "parts": 3}[text]
    shelf.plane.converge()
    assert shelf.plane.retention() == 30
    accepted = shelf.plane.store.get("accepted/shop.json")
    assert accepted is not None
    assert accepted.json["file"] == NAME
    assert accepted.json["commit"] == ("" if text == "plain" else "4e711d0")
    assert accepted.json["author"] == ("" if text == "plain" else "alice")


def test_no_parameter_is_longer_than_a_standard_one_holds(shelf: Shelf) -> None:
    shelf.publish(long())
    puts = [c.params for c in shelf.plane.world.calls if c.name == "ssm:PutParameter"]
    assert [len(each["Value"]) <= 4096 for each in puts] == [True] * 4
    assert [each["Name"] for each in puts][-1] == NAME, "the head comes last"


def test_a_steady_pass_reads_the_head_alone(shelf: Shelf) -> None:
    shelf.publish(long(interval="1m"))
    shelf.plane.converge()
    shelf.plane.tick()
    assert shelf.reads() == [[NAME]]
    assert shelf.plane.writes() == []


def test_environments_of_a_batch_share_the_call(shelf: Shelf) -> None:
    names = [f"shop-{n}" for n in "abc"]
    lines = "".join(f"    {n}: {{mode: enforce, source: parameterStore}}\n" for n in names)
    body = (REGISTRY + lines).encode()
    shelf.plane.s3.put_object(Bucket=shelf.plane.bucket, Key="registry.yaml", Body=body)
    for name in names:
        shelf.put(small(name), name=f"/plumbline/environments/{name}")
    shelf.put(small())
    shelf.plane.tick()
    [call] = shelf.reads()
    assert len(call) == 4
    assert shelf.plane.counts["made"] == 4


@pytest.mark.parametrize("kind", ["missing", "mixed", "garbage", "head", "secure", "list", "gone"])
def test_what_is_not_whole_changes_nothing_and_drift_is_healed_on(shelf: Shelf, kind: str) -> None:
    plane = shelf.plane
    shelf.publish(long(interval="1m"), commit="4e711d0")
    plane.converge()
    value, parts, head = publication.pack(long(interval="1m", days=90).encode(), "new", "bob")
    for name, part in zip(head.names(NAME), parts, strict=True):
        shelf.put("A" * 4000 if kind == "garbage" else part, name=name)
    if kind == "missing":
        shelf.ssm.delete_parameter(Name=head.names(NAME)[1])
    if kind == "mixed":
        shelf.put(shelf.ssm.get_parameter(Name=shelf.names()[0])["Parameter"]["Value"],
                  name=head.names(NAME)[0])  # fmt: skip
        shelf.put(parts[1], name=head.names(NAME)[0])
    if kind == "gone":
        shelf.ssm.delete_parameter(Name=NAME)
    elif kind in ("secure", "list"):
        shelf.ssm.delete_parameter(Name=NAME)
        shelf.put(small(), "SecureString" if kind == "secure" else "StringList")
    else:
        shelf.put('{"kind": "Publication", "parts": "many"}' if kind == "head" else value)
    plane.tamper()
    plane.tick()
    told = shelf.refused()
    assert told["reason"] == ("DesiredStateMissing" if kind == "gone" else "DesiredStateInvalid")
    if kind != "gone":
        assert told["problems"][0].startswith(f"{NAME}:1: ")
    assert plane.retention() == 30, "the one before stays in force, and is enforced"
    assert plane.status()["commit"] == "4e711d0"
    assert plane.value("DesiredStateInvalid", Environment="shop") == 1


def test_a_secure_string_is_never_opened_and_never_quoted(shelf: Shelf) -> None:
    shelf.put("s3cr3t-value", "SecureString")
    shelf.plane.tick()
    [problem] = shelf.refused()["problems"]
    assert "found SecureString, allowed String: desired state holds no secrets" in problem
    calls = [c.params for c in shelf.plane.world.calls if c.name == "ssm:GetParameters"]
    assert not any(each.get("WithDecryption") for each in calls)
    assert "s3cr3t" not in shelf.plane.text


def test_a_parameter_store_that_does_not_answer_is_unknown_not_empty(shelf: Shelf) -> None:
    plane = shelf.plane
    shelf.put(small(interval="1m"))
    plane.converge()
    plane.tamper()
    plane.world.fault("deny", "ssm:GetParameters", times=99)
    plane.tick()
    told = shelf.refused()
    assert told["reason"] == "DesiredStateUnknown"
    assert told["problems"] == [f"{NAME}:1: Parameter Store does not tell: AccessDeniedException"]
    assert plane.retention() == 30
    plane.world.faults.clear()
    plane.tick()
    assert plane.status()["desiredState"]["valid"]


def test_a_parameter_that_never_was_makes_nothing(shelf: Shelf) -> None:
    shelf.plane.tick()
    assert shelf.plane.calls() == []
    assert shelf.refused()["reason"] == "DesiredStateMissing"


@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
def test_a_publisher_that_dies_leaves_the_file_before_or_the_file_after(
    shelf: Shelf, call: int, kind: str
) -> None:
    plane = shelf.plane
    shelf.publish(long(interval="1m"))
    plane.converge()
    plane.world.fault(kind, "ssm:PutParameter", after=call - 1)
    with pytest.raises(Killed):
        shelf.publish(long(interval="1m", days=90))
    plane.world.dead = False
    plane.world.faults.clear()
    plane.tick()
    assert plane.status()["desiredState"]["valid"]
    after = (call, kind) == (4, "kill-after")
    assert plane.retention() == (90 if after else 30)
    shelf.publish(long(interval="1m", days=90))
    plane.tick()
    assert plane.retention() == 90


def test_a_file_that_is_published_while_it_is_read_is_read_once_more(shelf: Shelf) -> None:
    """Its head is read, then its parts go, as an impatient publisher would have it."""
    plane = shelf.plane
    shelf.publish(long(interval="1m"))
    old = shelf.names()
    value, parts, head = publication.pack(long(interval="1m", days=90).encode(), "", "")

    def now(service: str, operation: str, params: dict[str, Any]) -> bool:
        if params.get("Names") == old:
            plane.world.faults.clear()
            for name, part in zip(head.names(NAME), parts, strict=True):
                shelf.put(part, name=name)
            shelf.put(value)
            shelf.ssm.delete_parameters(Names=old)
        return False

    plane.world.fault("error", "none:none").match = now
    plane.tick()
    assert plane.status()["desiredState"]["valid"]
    assert plane.retention() == 90


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
    shelf.plane.converge()
    assert shelf.plane.retention() == 30


def test_one_publication_wakes_once(shelf: Shelf) -> None:
    """Parts come first, and wake nobody; nor do those that go."""
    plane = shelf.plane
    shelf.publish(long(interval="24h"))
    plane.converge()
    woken = []
    for name in [*shelf.names(), NAME]:
        event = sample("ssm-parameter-change")
        event["detail"] |= {"name": name, "type": "String"}
        event["resources"] = [f"arn:aws:ssm:us-east-1:123456789012:parameter{name}"]
        woken.append(plane.change(event)["woken"])
    assert woken == [[], [], [], ["shop"]]
    [message] = plane.world.store("sqs")[plane.queue]["messages"]
    assert json.loads(message["body"])["environment"] == "shop"


def test_a_file_that_is_too_long_even_compressed_is_not_published(shelf: Shelf) -> None:
    text = "".join(hashlib.sha512(b"%d" % n).hexdigest() for n in range(7000))
    with pytest.raises(publication.TooLong, match="compressed it has"):
        shelf.publish(text)
    assert shelf.names() == []


def test_a_compressed_flood_is_not_unpacked() -> None:
    value, _, head = publication.pack(b"\0" * 50_000_000, "", "")
    assert len(value) > 0
    packed = publication.pack(b"\0" * 50_000_000, "", "")[1]
    with pytest.raises(publication.Broken):
        head.text(packed)
