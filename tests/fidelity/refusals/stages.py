"""Worlds in which many rows are judged one after the other, each put back before the next."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3

from controller.kinds import handler_for
from sandbox.pytest_plugin import new_world
from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, check, session_of
from tests.harness import shape

_STAGES: dict[str, tuple[World, Any]] = {}


def stage(name: str, make: Callable[[boto3.Session, World], None]) -> World:
    """The world of that name, as `make` left it."""
    if name not in _STAGES:
        world = new_world(1, max_lag=timedelta(0))
        make(session_of(world), world)
        _STAGES[name] = world, copy.deepcopy(world._stores)
    world, stores = _STAGES[name]
    world._stores = copy.deepcopy(stores)
    world._history.clear()
    return world


def judge(refusal: Refusal, world: World) -> None:
    """Refused as the row says, and nothing has changed."""
    if refusal.given is not None:
        more = refusal.given(session_of(world), world)
        refusal = replace(refusal, given=None, request={**refusal.request, **more})
    before = shape(world)
    check(refusal, world)
    assert shape(world) == before, "a refused call changes nothing"
    assert not world.unsimulated


def calls_of(kind: str) -> set[str]:
    """Every operation that a plan of this kind may hold."""
    return set(handler_for(kind).writes)
