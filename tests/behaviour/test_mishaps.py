"""What goes wrong at night with queue, worker and bucket: nobody else is kept from their passes."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller import roles, timetable
from controller import round as round_
from controller.lease import WORKER, Held, acquire
from controller.reconciler import Pass, Report
from controller.registry import SEEN
from controller.sources import StoreSource
from handlers import reconcile
from handlers.doors import MOST, Doors
from handlers.settings import Settings
from sandbox.errors import Killed
from sandbox.inprocess import session
from tests.plane import Plane, sample, small


def register(plane: Plane, spec: str) -> dict[str, Any]:
    """A new registry, and S3's event of it."""
    text = f"apiVersion: plumbline.dev/v1\nkind: Registry\nspec:\n{spec}"
    plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=text.encode())
    return of_the_bucket(plane, "registry.yaml")


def of_the_bucket(plane: Plane, key: str, kind: str = "created") -> dict[str, Any]:
    event = sample(f"s3-object-{kind}")
    event["detail"]["bucket"]["name"] = plane.bucket
    event["detail"]["object"]["key"] = key
    return event


def test_one_that_kills_its_worker_takes_the_others_along_once(plane: Plane) -> None:
    """And ends among the dead letters alone, while rounds go on without it."""
    names = ["e0", "e1", "e2"]
    for name in names:
        plane.publish(small(name, interval="10m"), name)
    plane.converge(*names)
    together, passes, kills = reconcile.reconcile_together, Counter[str](), Counter[str]()

    def out_of_memory(jobs: Any, **more: Any) -> Any:
        taken = []
        for name, tools in jobs.items() if "e1" in jobs else ():
            with suppress(Held):
                acquire(tools.store, name, tools.holder, tools.now)
                taken.append(name)
        if "e1" in taken:  # the runtime kills the process: all leases stay as they are
            kills.update(taken)
            raise Killed
        found = together(jobs, **more)
        passes.update(name for name in found if isinstance(found[name], Report))
        return found

    plane.patch.setattr(reconcile, "reconcile_together", out_of_memory)

    def at_once(name: str, interval: int, at: datetime) -> int:
        return int(at.timestamp() // interval)

    plane.patch.setattr(timetable, "_turn", at_once)  # all are due at the same tick: a round
    for _ in range(60):
        try:
            plane.tick()
        except Killed:
            plane.world.dead = False
    assert {kills[name] for name in names if name != "e1"} == {1}
    assert min(passes[name] for name in names if name != "e1") >= 4
    assert kills["e1"] >= 5
    assert plane.waiting(plane.dead) == 1
    [letter] = plane.sqs.receive_message(QueueUrl=plane.dead)["Messages"]
    assert json.loads(letter["Body"])["environment"] == "e1"
    plane.patch.setattr(reconcile, "reconcile_together", together)
    plane.world.clock.advance(timedelta(hours=1))
    for _ in range(12):
        plane.tick()
    last = plane.store.get("leases/e1.json")
    assert last is not None
    assert last.json["released"]


def test_what_is_published_while_a_pass_begins_wakes_another(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    read = StoreSource.read

    def slowly(self: StoreSource, name: str, known: bytes = b"") -> Any:
        found = read(self, name, known)
        if found and b"retentionInDays: 30" in found.body:
            # somebody publishes, and only then the lease is asked for
            plane.publish(small(interval="24h", days=7))
            plane.send('{"environment": "shop", "reason": "Object Created"}')
            plane.world.clock.advance(timedelta(seconds=4))
        return found

    plane.patch.setattr(StoreSource, "read", slowly)
    plane.send('{"environment": "shop", "reason": "a call"}')
    plane.drain()
    assert plane.retention() == 7


def test_a_clock_that_is_ahead_hides_nothing(plane: Plane) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    now = plane.world.clock.now
    lease = acquire(plane.store, "shop", WORKER, lambda: now() + timedelta(minutes=14))
    lease.release()
    plane.tamper()
    plane.tick()
    assert plane.retention() == 30


def test_a_pass_over_a_file_on_somebodys_disk_has_not_seen_the_published_one(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    plane.publish(small(interval="24h", days=7))
    plane.send('{"environment": "shop", "reason": "Object Created"}')
    plane.world.clock.advance(timedelta(seconds=5))
    acquire(plane.store, "shop", "ada@laptop", plane.world.clock.now).release()
    assert plane.drain()["made"] == 1
    assert plane.retention() == 7


def test_a_registry_that_is_gone_lets_nobody_act(plane: Plane) -> None:
    event = register(plane, "  default: refused\n  environments: {shop: {mode: observe}}\n")
    for name in ("shop", "rogue"):
        plane.publish(small(name), name)
    plane.tick()
    plane.s3.delete_object(Bucket=plane.bucket, Key="registry.yaml")
    plane.change(of_the_bucket(plane, "registry.yaml", "deleted"))
    assert plane.drain()["missed"] == 2
    plane.tick(after=3600)
    assert plane.retention("shop-app") is plane.retention("rogue-app") is None
    assert "delete registry.seen too" in plane.said("no pass")[0]["reason"]
    plane.s3.delete_object(Bucket=plane.bucket, Key=SEEN)  # somebody means it
    plane.change(event)
    plane.drain()
    assert plane.retention("shop-app") == 30


def test_the_stack_in_observe_mode_stops_all(plane: Plane) -> None:
    plane.trust("999988887777", "eu-west-1")
    register(plane, '  environments:\n    shop: {account: "999988887777", region: eu-west-1, '
             "mode: enforce}\n")  # fmt: skip
    plane.patch.setenv("PLUMBLINE_MODE", "observe")
    plane.publish(small())
    plane.tick()
    assert plane.status()["mode"] == "observe"
    assert plane.writes() == []
    assert not any(name.endswith("-converge") for name in plane.assumed())


def test_an_event_that_comes_twice_wakes_although_the_first_could_not(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    plane.tamper()
    plane.world.fault("error", "sqs:SendMessageBatch", times=9)
    with pytest.raises(ClientError):
        plane.change(sample("cloudtrail-put-retention-policy"))
    plane.world.faults.clear()
    assert plane.change(sample("cloudtrail-put-retention-policy")) == {"woken": ["shop"]}
    plane.drain()
    assert plane.retention() == 30


def test_what_can_not_be_looked_at_is_tried_less_and_less_often(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    register(plane, "  environments:\n    shop: {region: eu-west-1, mode: enforce}\n")
    plane.trust(plane.world.account, "eu-west-1")
    plane.send('{"environment": "shop", "reason": "a call"}')
    missed = plane.drain()["missed"] + sum(plane.tick()["missed"] for _ in range(60))
    assert 5 <= missed <= 12


def test_doors_that_are_not_used_are_closed(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "new_session", lambda: session(plane.world)._session)
    settings = Settings("bucket", "queue", "enforce", "us-east-1")
    doors = Doors(session(plane.world)._session, settings, "aws")
    place = reconcile.Binding("123456789012", "us-east-1", "enforce")
    first = doors.door(place, "e0")
    for number in range(1, 2 * MOST):
        doors.door(place, f"e{number}")
        assert doors.door(place, "e0") is first, "it is in use"
    assert len(doors._made) == MOST


def test_the_shortest_name_can_write(plane: Plane) -> None:
    plane.publish(small("a"), "a")
    plane.converge("a")
    assert plane.retention("a-app") == 30


def test_what_is_removed_is_woken_by_nothing(plane: Plane) -> None:
    plane.publish(small())
    plane.converge()
    for key in ("environments/shop.yaml", "accepted/shop.json"):
        plane.s3.delete_object(Bucket=plane.bucket, Key=key)
    assert plane.change(sample("cloudtrail-put-retention-policy")) == {"woken": []}
    assert plane.tick(after=600) == {"made": 0, "missed": 0, "held": 0}


def test_people_are_told_although_the_bus_is_not(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    plane.tamper()
    plane.world.fault("deny", "events:PutEvents", times=9)
    plane.change(sample("cloudtrail-put-retention-policy"))
    plane.drain()
    assert "drift" in plane.news()[0]["Subject"].lower()
    assert plane.value("NotTold") == 1


def test_levels_are_told_while_the_queue_is_out_of_order(plane: Plane) -> None:
    plane.publish(small(mode="observe"))
    plane.tick()
    plane.world.fault("error", "sqs:SendMessageBatch", times=99)
    with pytest.raises(ClientError):
        plane.tick(after=600)
    assert plane.value("DriftedResources") == 0


def test_what_has_ended_is_told_though_another_of_its_round_is_killed(plane: Plane) -> None:
    """Drift that was found and mended, and when to look again."""
    names = ["e0", "e1"]
    for name in names:
        plane.publish(small(name, interval="24h"), name)
    plane.converge(*names)
    plane.tamper("e0-app")
    told, to_its_end = Event(), round_._to_its_end

    def killed(it: Pass) -> Report:
        if it.name == "e0":
            return to_its_end(it)
        told.wait(10)
        raise Killed

    next_ = reconcile.Worker._next

    def then(worker: reconcile.Worker, report: Report) -> None:
        next_(worker, report)
        told.set()

    plane.patch.setattr(round_, "_to_its_end", killed)
    plane.patch.setattr(reconcile.Worker, "_next", then)
    plane.send(json.dumps({"environments": names, "reason": "a change"}))
    with pytest.raises(Killed):
        plane.drain()
    plane.world.dead = False
    assert {"DriftDetected", "DriftCorrected"} <= {each["DetailType"] for each in plane.told()}
    assert [key for key in plane.store.list("requeue/") if key.endswith("/e0")]
