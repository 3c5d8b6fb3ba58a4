"""No waiting, and no work that says nothing here: signatures nobody checks, user agents."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from moto.moto_api._internal import mock_random

from controller import aws
from controller.kindlib import alarm_reading, overwriting
from controller.kinds import dashboard
from sandbox.clock import Clock
from tests.rewind import fast_retries

CLOCKS: list[Clock] = []
"""The last is the one by which observations grow old: a story takes as long as it says."""


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Make what costs time and says nothing cost little; let moto choose the same ids each time."""
    fast_retries(patch)
    patch.setattr(aws, "time", SimpleNamespace(sleep=lambda seconds: None))
    told = SimpleNamespace(monotonic=lambda: CLOCKS[-1].now().timestamp())
    for module in (alarm_reading, dashboard, overwriting):
        patch.setattr(module, "time", told)
    patch.setattr("botocore.auth.SigV4Auth.add_auth", _signed)
    patch.setattr("botocore.useragent.UserAgentString.to_string", lambda self: "torture")
    random.seed(1)
    mock_random.seed(1)


def _signed(self: Any, request: Any) -> None:
    """Who calls, and what: all that the sandbox reads of a signature."""
    scope = f"{self.credentials.access_key}/20261102/{self._region_name}/{self._service_name}"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}/aws4_request"
