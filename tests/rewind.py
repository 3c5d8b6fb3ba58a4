"""A simulated AWS set back to how it stood: many accidents are tried on one converged environment.

Making and converging the environment takes seconds, setting it back takes milliseconds.
"""

from __future__ import annotations

import base64
import copy
import sys
from typing import Any

import pytest

from sandbox import data_services, paging, waf_store
from sandbox.world import World
from tests.harness import Plant, shape


class Rewind:
    """How everything stands now; only where nothing is under way (no timer is pending)."""

    def __init__(self, plant: Plant) -> None:
        world = plant.world
        assert world.clock._timers == [], "something is still under way"
        self.plant = plant
        self._s3 = plant.aws.client("s3")
        self._stores = copy.deepcopy(world._stores)
        self._now = world.clock.now()
        self._rng = world.rng.getstate()
        self._text = plant.text
        self._state = self._objects()

    def __call__(self) -> None:
        """Set back AWS, its clock and our state; forget what our process had cached."""
        plant, world = self.plant, self.plant.world
        world.faults.clear()
        world.clock._timers.clear()
        world.clock._now = self._now
        world.rng.setstate(self._rng)
        world._history.clear()
        for key, store in world._stores.items():
            store.clear()
            store.update(copy.deepcopy(self._stores.get(key, {})))
        s3, now = self._s3, self._objects()
        for key in now.keys() - self._state.keys():
            s3.delete_object(Bucket=plant.bucket, Key=key)
        for key, body in self._state.items():
            if now.get(key) != body:
                s3.put_object(Bucket=plant.bucket, Key=key, Body=body)
        plant.text = self._text
        plant.door.cache.clear()
        del world.calls[:]
        plant.mark = 0

    def _objects(self) -> dict[str, bytes]:
        s3 = self._s3
        found = s3.list_objects_v2(Bucket=self.plant.bucket).get("Contents", ())
        return {
            o["Key"]: s3.get_object(Bucket=self.plant.bucket, Key=o["Key"])["Body"].read()
            for o in found
        }


def end_state(world: World) -> dict[str, Any]:
    """`shape`, without what the sandbox alone knows of how roll-outs went."""

    def trimmed(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: trimmed(v) for k, v in value.items() if k not in ("_tasks", "_chain")}
        return [trimmed(v) for v in value] if isinstance(value, list) else value

    found: dict[str, Any] = trimmed(shape(world))
    return found


def unlike(one: Any, other: Any, path: str = "") -> str:
    """The first difference of two end states, for the message of a failed test."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                return unlike(one.get(key), other.get(key), f"{path}/{key}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            if a != b:
                return unlike(a, b, f"{path}/{number}")
    return f"{path}: {one!r:.500} became {other!r:.500}"


def fast_retries(patch: pytest.MonkeyPatch) -> None:
    """botocore retries at once: what is tried is whether it does, not how long it waits."""
    patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


def small_pages(patch: pytest.MonkeyPatch, size: int = 1) -> None:
    """AWS gives lists in pages of at most `size`."""

    def smaller(ranked: Any, token: Any, limit: int, *more: Any, **named: Any) -> Any:
        return paging.page(ranked, token, min(limit, size), *more, **named)

    def smaller_data(items: Any, key: Any, params: Any) -> Any:
        found, marker = data_services.page(items, key, params)
        if len(found) <= size:
            return found, marker
        last = base64.b64encode(key(found[size - 1]).encode()).decode()
        return found[:size], {"Marker": last}

    def smaller_waf(ctx: Any, items: Any, params: Any) -> Any:
        return waf_store.listed(
            ctx, items, {**params, "Limit": min(params.get("Limit", 100), size)}
        )

    instead: dict[Any, Any] = {
        paging.page: smaller, data_services.page: smaller_data, waf_store.listed: smaller_waf,
    }  # fmt: skip
    for name, module in list(sys.modules.items()):
        if name.startswith("sandbox.behaviours."):
            for word in ("page", "listed"):
                found = getattr(module, word, None)
                if callable(found) and found in instead:
                    patch.setattr(module, word, instead[found])
