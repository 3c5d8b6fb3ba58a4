"""The rate budget: bursts pass, what comes faster waits, and AWS's limits are kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import aws as door
from controller.aws import Aws
from controller.rates import Budget, rate_of
from sandbox.inprocess import session
from sandbox.world import World

CALLS = ("cloudwatch:PutMetricAlarm", "wafv2:GetWebACL", "wafv2:UpdateWebACL", "rds:AnyOther")


@given(st.sampled_from(CALLS), st.floats(0.05, 1.0), st.lists(st.floats(0, 2), max_size=60))
def test_no_second_is_given_more_than_burst_and_rate(
    call: str, share: float, gaps: list[float]
) -> None:
    now = 0.0
    budget = Budget(share, clock=lambda: now)
    sent: list[float] = []
    for gap in gaps:
        now += gap
        sent.append(now + budget.take(call))
    burst, rate = rate_of(call)
    burst, rate = max(1.0, burst * share), rate * share
    for first, begin in enumerate(sent):
        for last, end in enumerate(sent[first:], first):
            assert last - first + 1 <= burst + 1 + rate * (end - begin) + 1e-6


def test_each_operation_has_a_bucket_of_its_own() -> None:
    budget = Budget(clock=lambda: 0.0)
    assert [budget.take("wafv2:UpdateWebACL") for _ in range(3)] == [0.0, 1.0, 2.0]
    assert budget.take("wafv2:CreateWebACL") == 0.0


def test_the_door_waits_as_long_as_the_budget_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(door, "time", SimpleNamespace(sleep=slept.append))
    core: Any = session(world)._session
    budget = Budget(clock=lambda: 0.0)
    aws = Aws(core, region=world.region, account=world.account, budget=budget)
    for _ in range(7):
        aws.read("wafv2", "ListWebACLs", {"Scope": "REGIONAL"})
    assert slept == [pytest.approx(0.2), pytest.approx(0.4)]
