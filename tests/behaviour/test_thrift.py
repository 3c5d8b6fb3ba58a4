"""The control plane asks for no more than it must: of its own memory, and of each account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller import timetable
from controller.messages import parse
from controller.timetable import Entry
from tests.plane import Plane, small

HOME, OTHER = "123456789012", "210987654321"


def registry(plane: Plane, places: dict[str, str]) -> None:
    """Say where environments live."""
    region = plane.world.region
    lines = [
        f"    {name}: {{account: '{account}', region: {region}, mode: enforce}}"
        for name, account in places.items()
    ]
    head = "apiVersion: plumbline.dev/v1\nkind: Registry\nspec:\n  environments:\n"
    body = head + "\n".join(lines) + "\n"
    plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=body.encode())


def named(body: str) -> list[str]:
    """The environments of a message."""
    return [wake.environment for wake in parse(body)]


def test_ticks_wake_by_account_so_that_a_batch_shares_its_reads(plane: Plane) -> None:
    plane.trust(OTHER, plane.world.region)
    places = {f"shop{n}": (HOME, OTHER)[n % 2] for n in range(6)}
    places = {k: plane.world.account if v == HOME else v for k, v in places.items()}
    registry(plane, places)
    for name in places:
        plane.publish(small(name, interval="1m"), name)
    plane.tick()
    sent = [
        {places[name] for name in named(entry["MessageBody"])}
        for call in plane.world.calls[plane.mark :]
        if call.name == "sqs:SendMessageBatch"
        for entry in call.params["Entries"]
    ]
    assert sorted(map(len, sent)) == [1, 1], "a round is of one account"


@pytest.fixture
def rested(plane: Plane) -> Plane:
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.tick()
    return plane


def test_a_lost_entry_of_the_timetable_is_found_within_an_hour(rested: Plane) -> None:
    """A pass that changed nothing does not look; one an hour does, for one before may have died."""
    wrong = timetable.PREFIX + "shop/" + Entry(60, drifted=1, since=1).text
    right = timetable.PREFIX + "shop/" + Entry(60).text
    rested.store.delete(right)
    rested.store.put(wrong, b"", None)
    ticks = 0
    while rested.store.list(timetable.PREFIX) != [right]:
        assert ticks < 61, "not mended in an hour"
        ticks += 5
        rested.world.clock.advance(timedelta(minutes=4))
        rested.tick()
    assert rested.value("DriftedResources") == 1
    rested.tick()
    assert rested.value("DriftedResources") == 0


def test_an_entry_that_changes_is_written_at_once(rested: Plane) -> None:
    rested.publish(small(interval="2m"))
    rested.world.clock.advance(timedelta(minutes=1))
    rested.tick()
    assert rested.store.list(timetable.PREFIX) == [f"{timetable.PREFIX}shop/120"]
