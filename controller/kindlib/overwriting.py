"""Calls that replace the whole without a token: what is there is looked at again just before.

PutMetricAlarm, PutCompositeAlarm and PutDashboard ask for no version. Between our look and our
call somebody may have changed what we are about to overwrite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from controller.aws import Stale
from controller.policies import Doc

OLD_S = 10.0
"""An observation older than this many seconds is made anew before it is overwritten."""

_MARKS = ("observedAt", "seen")


def marks(at: float | None, seen: Any) -> Doc:
    """What an action remembers of the look it builds on: when (`time.monotonic()`, None: always
    look again), and what was there (None: nothing)."""
    return {"observedAt": at, "seen": seen}


def without_marks(params: Mapping[str, Any]) -> Doc:
    """The parameters without the marks: what AWS is sent."""
    return {k: v for k, v in params.items() if k not in _MARKS}


def unchanged(params: Mapping[str, Any], look: Callable[[], Any], what: str) -> None:
    """Raises `Stale` if AWS no longer has what the call was planned on. look: what it has now, in
    the form of `seen`; only asked if the look is old."""
    at = params.get("observedAt")
    if (at is None or time.monotonic() - at > OLD_S) and look() != params.get("seen"):
        raise Stale(f"{what} changed since it was observed")
