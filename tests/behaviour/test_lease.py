"""I10: one pass at a time, and no action outside a held lease."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import lease as leases
from controller.aws import CALL_BOUND_S, NotPermitted
from controller.store import DirectoryStore, S3Store, Store
from sandbox.inprocess import session
from sandbox.world import World
from tests.harness import Plant, environment, resource


@pytest.fixture(params=["s3", "directory"])
def store(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Store:
    """Both stores keep the same promises."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "state")
    client = session(world).client("s3")
    bucket = f"plumbline-leases-{world.account}"
    client.create_bucket(Bucket=bucket)
    return S3Store(client, bucket)


def test_the_second_is_refused_until_the_first_gives_it_back(store: Store, world: World) -> None:
    first = leases.acquire(store, "env", "first", world.clock.now)
    with pytest.raises(leases.Held, match="first"):
        leases.acquire(store, "env", "second", world.clock.now)
    leases.acquire(store, "other", "second", world.clock.now)
    first.release()
    second = leases.acquire(store, "env", "second", world.clock.now)
    assert second.last_started == first.started


def test_a_dead_holder_is_waited_out(store: Store, world: World) -> None:
    leases.acquire(store, "env", "dead", world.clock.now)
    world.clock.advance(timedelta(seconds=leases.TTL_S - 1))
    with pytest.raises(leases.Held):
        leases.acquire(store, "env", "next", world.clock.now)
    world.clock.advance(timedelta(seconds=1))
    leases.acquire(store, "env", "next", world.clock.now)


def test_a_released_lease_is_free_though_its_clock_was_ahead(store: Store, world: World) -> None:
    ahead = leases.acquire(store, "env", "ahead", lambda: world.clock.now() + timedelta(minutes=4))
    ahead.release()
    leases.acquire(store, "env", "next", world.clock.now)


def test_one_winner_of_a_race(store: Store, world: World) -> None:
    won: list[Any] = []
    ready = threading.Barrier(8)

    def run(name: str) -> None:
        ready.wait()
        try:
            won.append(leases.acquire(store, "env", name, world.clock.now))
        except leases.Held:
            return

    threads = [threading.Thread(target=run, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_nothing_starts_that_may_outlast_the_lease(store: Store, world: World) -> None:
    lease = leases.acquire(store, "env", "me", world.clock.now)
    lease.permit("any:Call")
    world.clock.advance(timedelta(seconds=leases.TTL_S - CALL_BOUND_S))
    with pytest.raises(NotPermitted):
        lease.permit("any:Call")
    lease.keep()
    lease.permit("any:Call")


def test_a_lease_taken_over_permits_nothing(store: Store, world: World) -> None:
    lease = leases.acquire(store, "env", "slow", world.clock.now)
    world.clock.advance(timedelta(seconds=leases.TTL_S))
    leases.acquire(store, "env", "next", world.clock.now)
    with pytest.raises(NotPermitted):
        lease.keep()
    with pytest.raises(NotPermitted):
        lease.permit("any:Call")
    lease.release()
    with pytest.raises(leases.Held, match="next"):
        leases.acquire(store, "env", "third", world.clock.now)


def test_every_write_of_a_pass_lies_inside_its_lease(world: World) -> None:
    """A pass so slow that its lease would end: it renews it, and each write finds it held."""
    groups = [resource("LogGroup", f"g{n}", "retentionInDays: 14") for n in range(8)]
    plant = Plant(world, environment(*groups))
    held: list[float] = []

    def slow(key: str, what: str, detail: str) -> None:
        if what != "observed":
            body = plant.store.get(f"leases/{plant.name}.json")
            assert body is not None
            held.append(_ends(body.json) - plant.world.clock.now().timestamp())
            plant.later(50)

    plant.run(progress=slow)
    assert len(held) == 16
    assert min(held) > CALL_BOUND_S


def test_a_pass_that_loses_its_lease_writes_no_more(world: World) -> None:
    groups = [resource("LogGroup", f"g{n}", "retentionInDays: 14") for n in range(4)]
    plant = Plant(world, environment(*groups))

    def stall(key: str, what: str, detail: str) -> None:
        if what != "observed" and len(plant.writes()) == 2:
            plant.later(leases.TTL_S + 1)
            leases.acquire(plant.store, plant.name, "thief", plant.world.clock.now)

    report = plant.run(progress=stall)
    assert len(plant.writes()) == 2
    assert not all(o.made for o in report.outcomes)


def _ends(body: dict[str, str]) -> float:
    from datetime import datetime

    return datetime.fromisoformat(body["expires"]).timestamp()
