"""Several passes at once: each finds and does what it would alone, with fewer calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from controller import reconciler
from controller.aws import Aws
from controller.kinds import handler_for
from controller.lease import Held, acquire
from controller.rates import Budget
from controller.reconciler import Report, Tools, reconcile
from controller.round import reconcile_together
from controller.sources import StoreSource
from controller.store import S3Store
from sandbox.inprocess import session
from sandbox.pytest_plugin import new_world
from sandbox.world import Fault, World
from tests.plane import small

NAMES = tuple(f"shop-{letter}" for letter in "abcdef")


class Fleet:
    """Several environments of one account."""

    def __init__(self, seed: int) -> None:
        self.world: World = new_world(seed)
        core = session(self.world, access_key="AKIAPLUMBLINE")._session
        self.hand = session(self.world)
        bucket = f"state-{self.world.account}"
        self.hand.client("s3").create_bucket(Bucket=bucket)
        self.store = S3Store(core.create_client("s3"), bucket)
        place = {"region": self.world.region, "account": self.world.account}
        self.door = Aws(core, **place, budget=Budget(1000))
        for name in NAMES:
            self.store.put(f"environments/{name}.yaml", small(name).encode(), None)

    def tools(self, connect: Callable[..., Aws] | None = None) -> Tools:
        source = StoreSource(self.store)
        connect = connect or self.door.fresh
        return Tools(self.store, source, connect, "a test", now=self.world.clock.now)

    def jobs(self, *names: str) -> dict[str, Tools]:
        return {name: self.tools() for name in names or NAMES}

    def together(self, *names: str) -> dict[str, Report | Exception]:
        return reconcile_together(self.jobs(*names))

    def one_by_one(self) -> dict[str, Report | Exception]:
        return {name: reconcile(name, self.tools()) for name in NAMES}

    def calls(self, begun: int) -> int:
        return sum(c.service != "s3" for c in self.world.calls[begun:])

    def later(self) -> None:
        self.world.clock.advance(timedelta(minutes=10))


def told(found: dict[str, Report | Exception]) -> dict[str, Any]:
    """What a pass found and did, without times."""
    out: dict[str, Any] = {}
    for name, report in found.items():
        assert isinstance(report, Report), report
        assert report.status is not None
        out[name] = (
            report.converged, report.mode, [o.step.call for o in report.outcomes],
            [e["type"] for e in report.status.events],
            {k: (a.in_sync, [c.path for c in a.changes]) for k, a in report.assessments.items()},
        )  # fmt: skip
    return out


def story(fleet: Fleet, look: Callable[[], dict[str, Report | Exception]]) -> list[dict[str, Any]]:
    """Made, converged, drifted in one place, healed."""
    found = []
    for chapter in range(5):
        if chapter == 3:
            logs = fleet.hand.client("logs")
            logs.put_retention_policy(logGroupName="shop-c-app", retentionInDays=7)
            fleet.later()
        found.append(told(look()))
        fleet.later()
    return found


def test_together_is_as_one_by_one() -> None:
    first, second = Fleet(1), Fleet(1)
    alone = story(first, first.one_by_one)
    assert story(second, second.together) == alone
    assert all(row[0] for row in alone[-1].values()), "converged"
    drifted = {name for name, row in alone[3].items() if "DriftDetected" in row[3]}
    assert drifted == {"shop-c"}


@pytest.fixture(scope="module")
def rested() -> Fleet:
    fleet = Fleet(2)
    for _ in range(3):
        fleet.together()
        fleet.later()
    return fleet


def test_reads_are_shared_and_counted_once(rested: Fleet) -> None:
    begun = len(rested.world.calls)
    alone = told(rested.one_by_one())
    apart = rested.calls(begun)
    begun = len(rested.world.calls)
    found = rested.together()
    assert told(found) == alone
    reports = [r for r in found.values() if isinstance(r, Report)]
    assert rested.calls(begun) == sum(sum(r.calls.values()) for r in reports)
    assert rested.calls(begun) <= apart / 3


@pytest.mark.parametrize("when", ["held", "state", "connect", "handler", "judge"])
def test_one_that_fails_fails_no_other(
    rested: Fleet, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = rested.jobs()
    lease = None
    match when:
        case "held":
            lease = acquire(rested.store, "shop-b", "somebody", rested.world.clock.now)
        case "state":
            rested.world.faults.append(Fault("deny", _inventory, times=99))
        case "connect":
            jobs["shop-b"] = rested.tools(partial(_fail, "no door"))
        case "handler":
            kind = type(handler_for("LogGroup"))
            monkeypatch.setattr(kind, "observe", partial(_stumble, handler_for("LogGroup").observe))
        case "judge":
            monkeypatch.setattr(reconciler, "_judge", _stumbling_judge())
    done = reconcile_together(jobs)
    rested.world.faults.clear()
    if lease is not None:
        lease.release()
    assert list(done) == list(NAMES)
    failed = {name: error for name, error in done.items() if isinstance(error, Exception)}
    assert set(failed) == {"shop-b"}
    assert isinstance(failed["shop-b"], Held) == (when == "held")
    for name in set(NAMES) - {"shop-b"}:
        report = done[name]
        assert isinstance(report, Report)
        assert report.converged, name
    for name in NAMES:
        again = acquire(rested.store, name, "the next", rested.world.clock.now)
        again.release()
    rested.later()


def _inventory(service: str, _operation: str, params: dict[str, Any]) -> bool:
    return service == "s3" and "inventory/shop-b.json" in params["Key"]


def _fail(why: str, *_: Any) -> Any:
    raise RuntimeError(why)


def _stumble(observe: Callable[..., Any], aws: Aws, targets: Any) -> Any:
    """A mistake of ours over what one environment has."""
    if any(t.name == "shop-b-app" for t in targets):
        raise KeyError("nobody foresaw this")
    return observe(aws, targets)


def _stumbling_judge() -> Callable[..., None]:
    real = reconciler._judge

    def judge(report: Report, *rest: Any) -> None:
        if report.environment == "shop-b":
            raise KeyError("nobody foresaw this")
        real(report, *rest)

    return judge


def test_nobody_asks_for_nothing() -> None:
    assert reconcile_together({}) == {}
