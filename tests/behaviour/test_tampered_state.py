"""I8, I9, I12: whatever somebody wrote into our own objects, a pass ends in words, changes nothing
of what is as desired, and shows no traceback."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from controller import pause as pauses
from controller.lease import Held
from controller.reconciler import WrongPlace
from controller.sources import StoreSource
from sandbox.world import World
from tests.harness import Plant, environment, resource

ALARM = (
    "namespace: Shop, metricName: Errors, statistic: Sum, period: 60, evaluationPeriods: 5, "
    "threshold: 1, comparisonOperator: GreaterThanThreshold"
)
FILE = environment(
    resource("LogGroup", "app", "retentionInDays: 14"),
    resource("Secret", "key", "generate: {length: 32}"),
    resource("Alarm", "errors", ALARM),
)
OBJECTS = ("inventory", "leases", "status", "accepted", "pauses", "approvals")
ODD: tuple[Any, ...] = (
    None, True, -1, 10**30, float("nan"), "", "x" * 10_000, "2026-13-45T99:99:99Z", [], [[]], {},
    {"x": {"y": []}},
)  # fmt: skip
RAW = (
    b"", b"\x00\xff\xfe", b"null", b"[]", b'"text"', b"{", b"[" * 50_000, b'{"a":' * 5_000,
    b'{"resources": []}', b"9" * 5_000,
)  # fmt: skip
SAMPLE = 60
"""Odd values a kind of object; which, by the sandbox's printed seed."""


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*at, index))


def with_odd(document: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The document with another value there."""
    changed = copy.deepcopy(document)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = odd
    return changed


@pytest.mark.parametrize("name", OBJECTS)
def test_what_somebody_wrote_into_our_objects_harms_nothing(world: World, name: str) -> None:
    plant = Plant(world, FILE)
    plant.converge()
    plant.later()
    now = plant.world.clock.now()
    key = f"{name}/{plant.name}.json"
    if name == "pauses":
        pauses.pause(plant.store, plant.name, now, "ann", "over by now")
    if name == "approvals":
        row = {"by": "ann", "reason": "x", "until": now.isoformat(), "steps": ["0123456789abcdef"]}
        s3 = plant.aws.client("s3")
        s3.put_object(Bucket=plant.bucket, Key=key, Body=json.dumps({"approvals": [row]}).encode())
    found = plant.store.get(key)
    assert found is not None
    good = found.json
    cases = [json.dumps(with_odd(good, p, o)).encode() for p in paths(good) for o in ODD]
    chosen = random.Random(world.seed).sample(cases, min(SAMPLE, len(cases)))
    plant.checkpoint()
    for body in (*RAW, *chosen):
        plant.aws.client("s3").put_object(Bucket=plant.bucket, Key=key, Body=body)
        plant.door.cache.clear()
        plant.later(600)
        shown = f"{key}: {body[:200]!r}"
        for write in (False, True):
            try:
                report = plant.run(write=write, source=StoreSource(plant.store))
            except (Held, WrongPlace):
                continue
            assert not report.desired.problems, shown
        assert [c.name for c in plant.writes()] == [], shown
    s3 = plant.aws.client("s3")
    for other in OBJECTS:  # with all of it thrown away, everything is known again
        s3.delete_object(Bucket=plant.bucket, Key=f"{other}/{plant.name}.json")
    plant.later(600)
    assert plant.run().converged
    assert plant.writes() == []
