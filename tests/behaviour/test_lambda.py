"""The Lambda: a tick, from EventBridge's event to a converged environment, log lines, metrics."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from controller import fleet
from controller.kinds import KINDS
from controller.lease import TTL_S, acquire
from controller.manifest import load as load_file
from controller.pause import pause
from controller.store import S3Store, StoreFailure
from controller.telemetry import FLEET, Metric
from handlers import reconcile
from sandbox.inprocess import session
from sandbox.seed import seed
from sandbox.world import CallRecord, Fault, World
from tests.emf import Datum, data, documented, records
from tests.permissions import granted, iam_action
from tests.permissions import load as load_template

ROOT = Path(__file__).parents[2]
EVENT = json.loads((ROOT / "events" / "schedule.json").read_text(encoding="utf-8"))
PLUMBLINE = "AKIAPLUMBLINE"

SMALL = """\
apiVersion: plumbline.dev/v1
kind: Environment
metadata: {{name: {name}}}
spec: {{interval: {interval}, mode: {mode}}}
---
apiVersion: plumbline.dev/v1
kind: LogGroup
metadata: {{name: app}}
spec: {{retentionInDays: {days}}}
---
apiVersion: plumbline.dev/v1
kind: Alarm
metadata: {{name: errors}}
spec:
  namespace: Shop
  metricName: Errors
  statistic: Sum
  period: 60
  evaluationPeriods: 5
  threshold: 1
  comparisonOperator: GreaterThanThreshold
"""


def small(
    name: str = "shop", *, interval: str = "5m", mode: str = "enforce", days: int = 30
) -> str:
    return SMALL.format(name=name, interval=interval, mode=mode, days=days)


class Context:
    """What Lambda hands to a handler.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name = "plumbline-Reconcile-1A2B3C"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    log_group_name = "plumbline-ReconcileLog-1A2B3C"
    log_stream_name = "2026/11/02/[$LATEST]0123456789abcdef"
    identity = None
    client_context = None

    def __init__(self, world: World, left: Callable[[], float]) -> None:
        self.invoked_function_arn = (
            f"arn:aws:lambda:{world.region}:{world.account}:function:{self.function_name}"
        )
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left() * 1000)


class Lambda:
    """The deployed function, and the second hand that publishes, tampers and judges."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.world = world
        self.capsys = capsys
        self.patch = monkeypatch
        self.aws: boto3.Session = session(world)
        self.bucket = seed(world).bucket
        self.s3 = self.aws.client("s3")
        self.store = S3Store(self.s3, self.bucket)
        self.log: list[dict[str, Any]] = []
        self.data: list[Datum] = []
        self.mark = len(world.calls)
        own = session(world, access_key=PLUMBLINE)._session
        monkeypatch.setattr(reconcile, "session", lambda: own)
        monkeypatch.setattr(reconcile, "_now", world.clock.now)
        for name, value in {
            "PLUMBLINE_BUCKET": self.bucket,
            "PLUMBLINE_MODE": "enforce",
            "POWERTOOLS_SERVICE_NAME": "plumbline",
            "AWS_REGION": world.region,
        }.items():
            monkeypatch.setenv(name, value)

    def publish(self, text: str, name: str = "shop") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=f"environments/{name}.yaml", Body=text.encode())

    def tick(self, left: Callable[[], float] = lambda: 290.0, after: float = 60) -> dict[str, int]:
        """One invocation, `after` seconds after the one before."""
        self.world.clock.advance(timedelta(seconds=after))
        self.mark = len(self.world.calls)
        self.capsys.readouterr()
        for handler in reconcile.logger.handlers:  # else it writes where its import did
            self.patch.setattr(handler, "stream", sys.stdout)
        try:
            return reconcile.handler(EVENT, Context(self.world, left))
        finally:
            out = self.capsys.readouterr().out
            self.log = [line for line in records(out) if "_aws" not in line]
            self.data = data(out)

    def calls(self) -> list[CallRecord]:
        """What the last tick asked of managed services."""
        found = self.world.calls[self.mark :]
        return [c for c in found if c.access_key == PLUMBLINE and c.service != "s3"]

    def writes(self) -> list[CallRecord]:
        return [c for c in self.calls() if c.writes]

    def value(self, name: str, **dimensions: str) -> float:
        """The one value of a metric in the last tick."""
        wanted = tuple(sorted(dimensions.items()))
        [found] = [d for d in self.data if d.name == name and d.dimensions == wanted]
        return found.value

    def said(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["message"] == message]

    def status(self, name: str = "shop") -> dict[str, Any]:
        found = self.store.get(f"status/{name}.json")
        assert found is not None
        document: dict[str, Any] = found.json
        return document

    def retention(self, name: str = "shop-app") -> int | None:
        self.world.clock.advance(timedelta(seconds=5))  # reads may lag behind a write
        groups = self.aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return groups[0].get("retentionInDays") if groups else None

    def tamper(self, name: str = "shop-app", days: int = 7) -> None:
        self.aws.client("logs").put_retention_policy(logGroupName=name, retentionInDays=days)


@pytest.fixture
def function(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lambda]:
    reconcile._door.cache_clear()
    yield Lambda(world, monkeypatch, capsys)
    reconcile._door.cache_clear()


def converge(function: Lambda, ticks: int = 6) -> None:
    for _ in range(ticks):
        function.tick()
        if function.status()["converged"]:
            return
    pytest.fail(f"not converged: {function.status()}")


# --- converging, resting, healing ---


def test_ticks_converge_an_environment_and_then_rest(function: Lambda) -> None:
    function.publish(small())
    assert function.tick() == {"made": 1, "held": 0, "failed": 0, "left": 0}
    assert function.retention() == 30
    converge(function)
    for _ in range(6):
        function.tick()
        assert function.writes() == []
    assert function.status()["converged"]


def test_a_steady_environment_is_looked_at_once_in_its_interval(function: Lambda) -> None:
    function.publish(small(interval="5m"))
    converge(function)
    made = [function.tick()["made"] for _ in range(15)]
    assert sum(made) == 3
    quiet = next(i for i, n in enumerate(made) if not n)
    assert made[quiet : quiet + 5].count(1) == 1


def test_between_passes_aws_is_not_asked_for_anything(function: Lambda) -> None:
    function.publish(small(interval="1h"))
    converge(function)
    assert function.tick()["made"] == 0
    assert function.calls() == []


def test_an_interval_of_a_minute_is_kept_though_ticks_jitter(function: Lambda) -> None:
    function.publish(small(interval="1m"))
    converge(function)
    assert [function.tick(after=s)["made"] for s in (60, 58, 61, 59, 60)] == [1] * 5


def test_a_new_revision_is_taken_up_at_once(function: Lambda) -> None:
    function.publish(small(interval="24h"))
    converge(function)
    function.tick()
    function.publish(small(interval="24h", days=90))
    assert function.tick()["made"] == 1
    assert function.retention() == 90


def test_drift_is_told_by_name_and_healed(function: Lambda) -> None:
    function.publish(small(interval="1m"))
    converge(function)
    function.tamper()
    function.tick()
    assert function.retention() == 30
    assert function.value("DriftedResources", Environment="shop") == 1
    assert function.value("DriftedResources", Environment="shop", Kind="LogGroup") == 1
    assert function.value("DriftedResources", Environment="shop", Kind="Alarm") == 0
    [told] = function.said("DriftDetected")
    assert told["level"] == "WARNING"
    assert told["environment"] == "shop"
    event = told["event"]
    assert (event["resource"], event["path"]) == ("LogGroup/app", "retentionInDays")
    assert (event["was"], event["is"], event["wanted"]) == (30, 7, 30)
    [healed] = function.said("DriftCorrected")
    assert healed["event"]["call"] == "logs:PutRetentionPolicy"


@pytest.mark.slow
@pytest.mark.e2e
def test_the_environment_that_we_ship_converges_with_the_role_that_we_ship(
    function: Lambda,
) -> None:
    """Every call is one that `template.yaml` allows; then it rests, with the series we count on."""
    name = "litellm-production"
    text = (ROOT / "desired_state" / "litellm" / "production.yaml").read_text(encoding="utf-8")
    function.publish(text, name)
    used: set[str] = set()
    for _ in range(40):
        function.tick()
        used |= {iam_action(call.name) for call in function.calls()}
        if function.status(name)["converged"]:
            break
    assert function.status(name)["converged"]
    assert sorted(used - granted(load_template(), enforce=True)) == []
    function.tick(after=600)
    assert function.writes() == []
    assert len(function.data) == 13 + len(KINDS) + 8


# --- metrics ---


def test_metrics_are_those_documented_with_all_their_dimensions(function: Lambda) -> None:
    function.publish(small())
    function.tick()
    sets: dict[str, set[frozenset[str]]] = {}
    for datum in function.data:
        sets.setdefault(datum.name, set()).add(frozenset(n for n, _ in datum.dimensions))
        assert datum.unit == documented()[datum.name].unit, datum.name
    assert sets == {name: set(row.dimensions) for name, row in documented().items()}
    once = [(d.name, d.dimensions) for d in function.data]
    assert len(once) == len(set(once))


def test_the_page_counts_the_series_right(function: Lambda) -> None:
    function.publish(small())
    function.tick()
    series = {(d.name, d.dimensions) for d in function.data}
    by_environment = [s for s in series if [n for n, _ in s[1]] == ["Environment"]]
    assert (len(by_environment), len([s for s in series if not s[1]])) == (13, 8)
    assert len(series) == 13 + 8 + 2
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert "Per environment: 13 series" in page
    assert "For the fleet: 8." in page


def test_every_metric_that_an_alarm_names_is_emitted(function: Lambda) -> None:
    function.publish(small())
    function.tick()
    emitted = {(d.name, frozenset(n for n, _ in d.dimensions)) for d in function.data}
    for name, resource in load_template()["Resources"].items():
        properties = resource.get("Properties", {})
        if properties.get("Namespace") == "Plumbline":
            dimensions = frozenset(d["Name"] for d in properties.get("Dimensions", ()))
            assert (properties["MetricName"], dimensions) in emitted, name


def test_the_fleet_counts_what_stays_between_passes(function: Lambda) -> None:
    """Else an alarm on drift would be silent in each minute without a pass."""
    function.publish(small(interval="1h", mode="observe"))
    function.publish(small("other", interval="1h"), "other")
    for _ in range(70):
        function.tick()
    made = function.tick(after=0)["made"]
    assert made == 0
    assert function.value("DriftedResources") == 0
    assert function.value("BlockedActions") == 2, "resources, not made"
    assert function.value("MinutesSinceConverged") > 60
    assert function.value("PassesMade") == 0


def test_fleet_metrics_are_sums_and_the_longest_time() -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    one = [Metric(name, "Count", 2.0) for name in FLEET]
    two = [Metric(name, "Count", 3.0) for name in FLEET]
    found = {m.name: m.value for m in fleet.fleet([one, two], [], now)}
    assert found.pop("MinutesSinceConverged") == 3
    assert set(found.values()) == {5}
    assert set(found) | {"MinutesSinceConverged"} == set(FLEET)
    nothing = {m.name: m.value for m in fleet.fleet([], [], now)}
    assert nothing == dict.fromkeys(FLEET, 0.0)


def test_an_empty_bucket_is_a_quiet_tick(function: Lambda) -> None:
    assert function.tick()["made"] == 0
    assert function.value("PassesMade") == 0
    assert function.value("DriftedResources") == 0


# --- the log ---


def test_log_lines_are_structured_and_carry_the_events_id(function: Lambda) -> None:
    function.publish(small())
    function.tick()
    assert {line["correlation_id"] for line in function.log} == {EVENT["id"]}
    assert all(line["service"] and line["level"] for line in function.log)
    [told] = function.said("pass")
    assert told["environment"] == "shop"
    assert told["due"] == "never looked at"
    assert told["metrics"]["ActionsApplied"] > 0
    [tick] = function.said("tick")
    assert tick["passes"] == {"made": 1, "held": 0, "failed": 0, "left": 0}


# --- bad desired state, modes, pauses ---


def test_a_broken_revision_changes_nothing_and_the_last_good_one_is_enforced(
    function: Lambda,
) -> None:
    function.publish(small())
    converge(function)
    function.publish(small().replace("retentionInDays", "retentionInDay"))
    for _ in range(3):
        function.tamper()
        assert function.tick()["made"] == 1, "each tick, until it is mended"
        assert function.retention() == 30
        assert function.value("DesiredStateInvalid", Environment="shop") == 1
        assert function.value("DesiredStateInvalid") == 1
    function.publish(small())
    function.tick()
    assert function.value("DesiredStateInvalid") == 0


def test_a_file_that_is_gone_is_not_an_empty_one(function: Lambda) -> None:
    function.publish(small())
    converge(function)
    function.s3.delete_object(Bucket=function.bucket, Key="environments/shop.yaml")
    function.tamper()
    function.tick()
    assert function.retention() == 30
    assert function.value("DesiredStateInvalid", Environment="shop") == 1


@pytest.mark.parametrize("who", ["file", "function"])
def test_observe_mode_writes_nothing(
    function: Lambda, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever side says so, and whatever the other says."""
    if who == "function":
        monkeypatch.setenv("PLUMBLINE_MODE", "observe")
    function.publish(small(mode="observe" if who == "file" else "enforce"))
    function.tick()
    assert function.calls() != []
    assert function.writes() == []
    asked = {iam_action(call.name) for call in function.calls()}
    assert sorted(asked - granted(load_template(), enforce=False)) == []
    assert function.retention() is None
    assert function.status()["mode"] == "observe"
    assert function.value("BlockedActions", Environment="shop") == 3


def test_a_pause_stops_writes_and_ends(function: Lambda) -> None:
    function.publish(small(interval="1m"))
    converge(function)
    until = function.world.clock.now() + timedelta(minutes=3)
    pause(function.store, "shop", until, "someone", "maintenance")
    function.tamper()
    function.tick()
    assert function.writes() == []
    assert function.retention() == 7
    assert function.value("DriftedResources", Environment="shop") == 1
    for _ in range(3):
        function.tick()
    assert function.retention() == 30


# --- many environments ---


def _state_of(name: str) -> Any:
    """Matches S3 calls to one environment's lease."""
    return lambda service, _operation, params: (
        service == "s3" and f"leases/{name}.json" in params["Key"]
    )


def test_one_broken_environment_does_not_stop_the_other(function: Lambda) -> None:
    function.publish("kind: [", "broken")
    function.publish(small())
    assert function.tick() == {"made": 2, "held": 0, "failed": 0, "left": 0}
    assert function.retention() == 30
    assert function.value("DesiredStateInvalid", Environment="broken") == 1
    assert function.value("DesiredStateInvalid", Environment="shop") == 0
    assert function.value("DesiredStateInvalid") == 1


def test_state_that_can_not_be_used_fails_its_own_environment(function: Lambda) -> None:
    function.publish(small("damaged"), "damaged")
    function.publish(small())
    function.world.faults.append(Fault("deny", _state_of("damaged"), times=99))
    assert function.tick() == {"made": 1, "held": 0, "failed": 1, "left": 0}
    assert function.retention() == 30
    assert function.value("PassesMissed") == 1
    [told] = function.said("no pass")
    assert (told["level"], told["environment"]) == ("ERROR", "damaged")
    assert "AccessDenied" in told["reason"]


def test_an_unreadable_lease_is_waited_out(function: Lambda) -> None:
    function.publish(small())
    function.s3.put_object(Bucket=function.bucket, Key="leases/shop.json", Body=b"{}")
    assert function.tick() == {"made": 0, "held": 1, "failed": 0, "left": 0}
    function.world.clock.advance(timedelta(seconds=TTL_S))
    assert function.tick()["made"] == 1


def test_the_function_fails_only_if_nothing_could_be_done(function: Lambda) -> None:
    function.publish(small("damaged"), "damaged")
    function.world.faults.append(Fault("deny", _state_of("damaged"), times=99))
    with pytest.raises(reconcile.NothingDone, match=r"damaged: .*AccessDenied"):
        function.tick()
    assert function.value("PassesMissed") == 1, "told before it fails"


def test_an_environment_that_another_pass_holds_is_no_failure(function: Lambda) -> None:
    function.publish(small())
    lease = acquire(function.store, "shop", "somebody", function.world.clock.now)
    assert function.tick() == {"made": 0, "held": 1, "failed": 0, "left": 0}
    assert function.value("PassesMissed") == 0
    [told] = function.said("held")
    assert "somebody" in told["reason"]
    lease.release()
    assert function.tick()["made"] == 1


def test_what_there_is_no_time_for_goes_first_next_time(function: Lambda) -> None:
    names = ["aa", "bb", "cc"]
    for name in names:
        function.publish(small(name), name)
    world = function.world

    def left() -> float:  # enough until the first environment has been made
        made = any(c.operation == "CreateLogGroup" for c in world.calls[function.mark :])
        return 100.0 if made else 290.0

    order = []
    for tick in range(3):
        function.tick(left)
        [told] = function.said("pass")
        order.append(told["environment"])
        assert function.value("PassesMade") == 1
        assert function.value("PassesMissed") == 2
        assert len(function.said("no time left: the next tick begins with these")) == 1, tick
    assert sorted(order) == names


def test_no_action_begins_that_may_not_end_before_the_function_does(function: Lambda) -> None:
    function.publish(small())

    def left() -> float:  # ample, and gone as soon as something has been written
        return 20.0 if any(c.writes for c in function.calls()) else 290.0

    function.tick(left)
    assert len(function.writes()) == 1
    converge(function)


# --- settings ---


def test_settings_that_can_not_be_used_are_told_in_one_error(
    function: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLUMBLINE_BUCKET")
    monkeypatch.setenv("PLUMBLINE_MODE", "force")
    with pytest.raises(reconcile.BadSettings) as caught:
        function.tick()
    assert str(caught.value) == (
        "PLUMBLINE_BUCKET: found nothing, allowed: the state bucket's name; "
        "PLUMBLINE_MODE: found force, allowed: enforce or observe"
    )
    assert function.calls() == []


def test_a_bucket_that_can_not_be_read_fails_the_function(
    function: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_BUCKET", "no-such-bucket")
    with pytest.raises(StoreFailure):
        function.tick()


def test_clients_are_made_once_a_process(function: Lambda) -> None:
    function.publish(small(interval="1m"))
    function.tick()
    door = reconcile._door(function.world.region, function.world.account)
    client = door.client("logs")
    function.tick()
    assert reconcile._door(function.world.region, function.world.account) is door
    assert door.client("logs") is client


# --- being due, told from the file's head ---


def test_revision_and_interval_are_those_of_the_loader() -> None:
    text = small(interval="90s").encode()
    loaded = load_file(text, "x.yaml")
    assert fleet.revision(text) == loaded.revision
    assert fleet.interval_s(text) == loaded.interval_s == 90
    bare = text.replace(b"spec: {interval: 90s, mode: enforce}\n", b"", 1)
    assert fleet.interval_s(bare) == load_file(bare, "x.yaml").interval_s
