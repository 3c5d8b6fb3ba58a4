"""I1-I12 in any order: random edits, deeds of others, faults, kills, lost memory, and passes.

What holds is checked after every step; when all that stops, a few passes bring what the file says.
`TORTURE_ORDERS=500` tries many more orders than the tests do.
"""

from __future__ import annotations

import copy
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from controller.aws import ATTEMPTS, AwsFailure
from controller.lease import TTL_S, Held
from controller.reconciler import Report, Tools, reconcile
from controller.sources import StoreSource
from controller.store import Conflict, StoreFailure
from sandbox.errors import Killed
from sandbox.inprocess import session
from sandbox.world import Fault
from tests.harness import PLUMBLINE, environment, explain, resource
from tests.perturbation.torture.places import Door, Make, Past, State, What

E = "shop-production"
LONGEST = timedelta(seconds=TTL_S)
"""So long a lease that nobody gave back keeps others out."""

PASSES = 12
"""So many it may take until all is as desired, when nothing goes wrong any more."""

DELETES = 2
"""`maxDeletes`, as it is by default."""

LONG = int(os.environ.get("TORTURE_ORDERS", "0"))
"""How many orders to try; 0: the few of the test suite."""

SPECS: dict[str, tuple[str, ...]] = {
    "LogGroup/a": tuple(f"retentionInDays: {days}" for days in (7, 14, 30)),
    "LogGroup/b": tuple(f"retentionInDays: {days}" for days in (7, 14, 30)),
    "LogGroup/taken": tuple(f"retentionInDays: {days}" for days in (7, 14, 30)),
    "Alarm/busy": tuple(
        "namespace: AWS/ECS, metricName: CPUUtilization, statistic: Average, period: 60, "
        f"evaluationPeriods: 5, comparisonOperator: GreaterThanThreshold, threshold: {limit}"
        for limit in (10, 20, 30)
    ),
    "IPSet/ours": tuple(
        f"scope: REGIONAL, addresses: [{addresses}]"
        for addresses in ("192.0.2.0/24", "192.0.2.0/24, 198.51.100.0/24", "203.0.113.7/32")
    ),
    "DBParameterGroup/main": tuple(
        f"family: postgres16, parameters: {{log_min_duration_statement: {ms}}}"
        for ms in (100, 200, 300)
    ),
    "Cluster/main": tuple(f"tags: {{v: '{n}'}}" for n in range(3)),
    "Secret/key": tuple(f"generate: {{length: 24}}, tags: {{v: '{n}'}}" for n in range(3)),
}
"""What the file may say of each; `LogGroup/taken` bears the name of something that others made."""

FIELD = {
    "LogGroup": "retentionInDays", "Alarm": "threshold", "IPSet": "addresses",
    "DBParameterGroup": "parameters[log_min_duration_statement]", "Cluster": "tags[v]",
    "Secret": "tags[v]",
}  # fmt: skip
"""Which field `spoil` changes."""

KILLS = ("kill-before", "kill-after")
STATE = ("state", "unheard")
CALLS = ("throttle", "deny", "error", "reset", "lost", "garbled", "stale")

KEYS = st.sampled_from(sorted(SPECS))
OURS = st.sampled_from(sorted(set(SPECS) - {"LogGroup/taken"}))


def _name(key: str) -> str:
    return f"{E}-{key.partition('/')[2]}"


class Hand:
    """Public boto3 clients, each made once."""

    def __init__(self, world: Past) -> None:
        self.client = cache(session(world).client)


def spoil(aws: Hand, key: str) -> None:
    """Somebody changes its field."""
    name = _name(key)
    match key.partition("/")[0]:
        case "LogGroup":
            aws.client("logs").put_retention_policy(logGroupName=name, retentionInDays=1)
        case "Alarm":
            if shown(aws, key) is None:  # the call would make one that is nobody's
                raise LookupError(key)
            aws.client("cloudwatch").put_metric_alarm(
                AlarmName=name, Namespace="AWS/ECS", MetricName="CPUUtilization",
                Statistic="Average", Period=60, EvaluationPeriods=5, Threshold=99,
                ComparisonOperator="GreaterThanThreshold",
            )  # fmt: skip
        case "IPSet":
            waf, found = aws.client("wafv2"), _ip_set(aws, name)
            token = waf.get_ip_set(Name=name, Scope="REGIONAL", Id=found["Id"])["LockToken"]
            waf.update_ip_set(
                Name=name, Scope="REGIONAL", Id=found["Id"], LockToken=token,
                Addresses=["0.0.0.0/1"],
            )  # fmt: skip
        case "DBParameterGroup":
            aws.client("rds").modify_db_parameter_group(
                DBParameterGroupName=name,
                Parameters=[{"ParameterName": "log_min_duration_statement",
                             "ParameterValue": "9", "ApplyMethod": "immediate"}],
            )  # fmt: skip
        case "Cluster":
            ecs = aws.client("ecs")
            arn = ecs.describe_clusters(clusters=[name])["clusters"][0]["clusterArn"]
            ecs.tag_resource(resourceArn=arn, tags=[{"key": "v", "value": "spoilt"}])
        case "Secret":
            aws.client("secretsmanager").tag_resource(
                SecretId=name, Tags=[{"Key": "v", "Value": "spoilt"}]
            )


def remove(aws: Hand, key: str) -> None:
    """Somebody deletes it."""
    name = _name(key)
    match key.partition("/")[0]:
        case "LogGroup":
            aws.client("logs").delete_log_group(logGroupName=name)
        case "Alarm":
            aws.client("cloudwatch").delete_alarms(AlarmNames=[name])
        case "IPSet":
            waf, found = aws.client("wafv2"), _ip_set(aws, name)
            token = waf.get_ip_set(Name=name, Scope="REGIONAL", Id=found["Id"])["LockToken"]
            waf.delete_ip_set(Name=name, Scope="REGIONAL", Id=found["Id"], LockToken=token)
        case "DBParameterGroup":
            aws.client("rds").delete_db_parameter_group(DBParameterGroupName=name)
        case "Cluster":
            aws.client("ecs").delete_cluster(cluster=name)


def shown(aws: Hand, key: str) -> Any:
    """The field of `FIELD`, as AWS shows it."""
    name = _name(key)
    match key.partition("/")[0]:
        case "LogGroup":
            found = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            return found[0].get("retentionInDays") if found else None
        case "Alarm":
            alarms = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
            return alarms[0]["Threshold"] if alarms else None
        case "IPSet":
            held = aws.client("wafv2").get_ip_set(
                Name=name, Scope="REGIONAL", Id=_ip_set(aws, name)["Id"]
            )
            return sorted(held["IPSet"]["Addresses"])
        case "DBParameterGroup":
            pages = aws.client("rds").get_paginator("describe_db_parameters")
            return next(
                parameter["ParameterValue"]
                for page in pages.paginate(DBParameterGroupName=name, Source="user")
                for parameter in page["Parameters"]
                if parameter["ParameterName"] == "log_min_duration_statement"
            )
        case "Cluster":
            reply = aws.client("ecs").describe_clusters(clusters=[name], include=["TAGS"])
            return {t["key"]: t["value"] for t in reply["clusters"][0]["tags"]}["v"]
    tags = aws.client("secretsmanager").describe_secret(SecretId=name)["Tags"]
    return {t["Key"]: t["Value"] for t in tags}["v"]


def _wanted(key: str, variant: int) -> Any:
    """The same, as the file says."""
    match key.partition("/")[0]:
        case "LogGroup":
            return (7, 14, 30)[variant]
        case "Alarm":
            return (10, 20, 30)[variant]
        case "IPSet":
            return (
                ["192.0.2.0/24"], ["192.0.2.0/24", "198.51.100.0/24"], ["203.0.113.7/32"]
            )[variant]  # fmt: skip
        case "DBParameterGroup":
            return ("100", "200", "300")[variant]
    return str(variant)


def _ip_set(aws: Hand, name: str) -> Any:
    found = aws.client("wafv2").list_ip_sets(Scope="REGIONAL")["IPSets"]
    return next(each for each in found if each["Name"] == name)


class Account:
    """One simulated AWS for all orders, put back to its beginning before each."""

    def __init__(self) -> None:
        self.at: Callable[[What, str, Make], Any] = lambda what, name, make: make()
        self.world = Past(seed=1, account="100000000003", max_lag=timedelta(0))
        self.hand = Hand(self.world)
        self.hand.client("logs").create_log_group(logGroupName=f"{E}-taken", tags={"of": "others"})
        self.hand.client("ecs").create_cluster(clusterName=f"{E}-main-of-others")
        core = session(self.world, access_key=PLUMBLINE)._session
        place = {"region": self.world.region, "account": self.world.account}
        self.door = Door(core, lambda *each: self.at(*each), **place)
        self._begin = (copy.deepcopy(self.world._stores), self.world.clock.now())

    def back(self) -> State:
        """As it was in the beginning, without any memory of ours."""
        stores, now = self._begin
        world = self.world
        world._stores.clear()
        world._stores.update(copy.deepcopy(stores))
        world.clock._timers.clear()
        world.clock._now = now
        world.versions.clear()
        world.counts.clear()
        world.faults.clear()
        world.calls.clear()
        world.rng.seed(1)
        self.door.cache.clear()
        return State(lambda *each: self.at(*each))

    def theirs(self) -> Any:
        """What others made, as AWS shows it."""
        logs, ecs = self.hand.client("logs"), self.hand.client("ecs")
        (group,) = logs.describe_log_groups(logGroupNamePrefix=f"{E}-taken")["logGroups"]
        (found,) = ecs.describe_clusters(
            clusters=[f"{E}-main-of-others"], include=["TAGS", "SETTINGS"]
        )["clusters"]
        tags = logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"]
        return group.get("retentionInDays"), tags, found["tags"], found["status"]


@cache
def account() -> Account:
    """The one of this process."""
    return Account()


class AnyOrder(RuleBasedStateMachine):
    """One order of events."""

    @initialize()
    def begin(self) -> None:
        """All is declared, and nothing is there but what others made."""
        self.it = account()
        self.state = self.it.back()
        self.it.at = self._at
        self.theirs = self.it.theirs()
        self.file: dict[str, int] = {}
        self.wrong: list[str] = []
        self.accident: tuple[str, int] | None = None
        self.dead = False
        self.left_at = datetime.min.replace(tzinfo=UTC)
        """When a pass last had an accident: it may not have given its lease back."""
        self.calm = False
        """Converged in the last pass, and nobody has done anything since."""
        self.file = dict.fromkeys(SPECS, 0)
        self._publish()

    def _at(self, what: What, name: str, make: Make) -> Any:
        if self.dead:
            raise Killed(name)
        if self.accident is None:
            return make()
        kind, left = self.accident
        mine = ("get", "put") if kind in STATE else ("read", "write")
        if what not in mine and kind not in KILLS:
            return make()
        if left > 0:
            self.accident = (kind, left - 1)
            return make()
        self.accident = None
        match kind:
            case "kill-before":
                self.dead = True
                raise Killed(name)
            case "kill-after":
                with suppress(AwsFailure):
                    make()
                self.dead = True
                raise Killed(name)
            case "state":
                raise StoreFailure("injected")
            case "unheard":
                make()
                raise StoreFailure("injected, but it was done")
            case "stale":
                service = name.partition(":")[0]
                past = self.it.world.before(service, 1, timedelta(seconds=10))
                if what == "write" or past is None:
                    return make()
                return self.it.world.seen_as(service, past, make)
        fault = Fault(kind, lambda *_: True, times=ATTEMPTS)
        self.it.world.faults.append(fault)
        try:
            return make()
        finally:
            self.it.world.faults.remove(fault)

    def _look(self, *, write: bool = True) -> Report:
        def now() -> datetime:
            return self.it.world.clock.now()

        def connect(permit: Callable[[str], None] | None) -> Any:
            def checked(call: str) -> None:
                if permit is not None:
                    permit(call)
                held = self.state.look(f"leases/{E}.json")
                body = held.json if held else {"released": True}
                if body["released"] or datetime.fromisoformat(body["expires"]) <= now():
                    self.wrong.append(f"{call} without the lease")

            return self.it.door.fresh(checked if permit else None)

        tools = Tools(self.state, StoreSource(self.state), connect, "me", now=now)
        return reconcile(E, tools, write=write)

    def _publish(self) -> None:
        parts = [
            resource(*key.split("/"), SPECS[key][variant])
            for key, variant in sorted(self.file.items())
        ]
        text = environment(*parts, name=E, spec="prune: delete, limits: {maxRemovals: 8}")
        self.state.place(f"environments/{E}.yaml", text.encode())

    def _made(self, since: int) -> list[str]:
        return [
            c.name
            for c in self.it.world.calls[since:]
            if c.access_key == PLUMBLINE and c.writes and c.error is None
        ]

    @rule(key=KEYS, variant=st.integers(0, 2))
    def edit(self, key: str, variant: int) -> None:
        """A commit declares it, or changes it."""
        self.file[key] = variant
        self._publish()
        self.calm = False

    @precondition(lambda self: len(self.file) > 1)
    @rule(key=KEYS)
    def drop(self, key: str) -> None:
        """A commit takes it out."""
        if len(self.file) > 1 and self.file.pop(key, None) is not None:
            self._publish()
            self.calm = False

    @rule()
    def break_file(self) -> None:
        """A commit that is none."""
        self.state.place(f"environments/{E}.yaml", b"kind: Nonsense\n")
        self.calm = False

    @rule(key=OURS)
    def spoil(self, key: str) -> None:
        """Somebody changes a field."""
        with suppress(ClientError, LookupError, StopIteration):  # it is not there
            spoil(self.it.hand, key)
            self.calm = False

    @rule(key=OURS)
    def remove(self, key: str) -> None:
        """Somebody deletes it."""
        with suppress(ClientError, LookupError, StopIteration):
            remove(self.it.hand, key)
            self.calm = False

    @rule(version=st.integers(-1, 5))
    def forget(self, version: int) -> None:
        """The inventory is as it was once, or gone."""
        key = f"inventory/{E}.json"
        kept = self.state.versions.get(key, [])
        self.state.place(key, kept[version] if 0 <= version < len(kept) else None)
        self.calm = False

    @rule(seconds=st.sampled_from([5, 60, 600, 86_400]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.it.world.clock.advance(timedelta(seconds=seconds))

    @rule()
    def look(self) -> None:
        """I7: a pass that only looks."""
        before, since = dict(self.state.objects), len(self.it.world.calls)
        with suppress(StoreFailure, Killed):
            self._look(write=False)
        if self.dead:
            self._revive()
        assert self._made(since) == []
        assert self.state.objects == before

    @rule(
        waits=st.lists(st.sampled_from([5, 60, 600]), min_size=1, max_size=3),
        kind=st.sampled_from(["", "", *KILLS, *STATE, *CALLS]),
        after=st.integers(0, 25),
    )
    def passes(self, waits: list[int], kind: str, after: int) -> None:
        """Some passes, and time between them; after so many calls something goes wrong."""
        self.accident = (kind, after) if kind else None
        for seconds in waits:
            self._one_pass()
            self.it.world.clock.advance(timedelta(seconds=seconds))
        self.accident = None

    more_passes = passes

    @rule()
    def settle(self) -> None:
        """Nothing happens for a while."""
        for _ in range(PASSES):
            self._one_pass()
            self.it.world.clock.advance(timedelta(seconds=600))
            if self.calm:
                return

    def _one_pass(self) -> None:
        """Whatever may become of it."""
        armed, since = self.accident is not None, len(self.it.world.calls)
        report = None
        try:
            report = self._look()
        except Killed:
            self._revive()
        except (StoreFailure, Conflict):
            assert armed, "nothing went wrong, and yet the pass did not come to its end"
        except Held:
            held_for = self.it.world.clock.now() - self.left_at
            assert held_for < LONGEST, f"the lease of a pass that ended {held_for} ago is held"
        except Exception:
            self.wrong.append(traceback.format_exc(limit=-6))
        if armed:
            self.left_at = self.it.world.clock.now()
        self._check()
        made = self._made(since)
        deleted = [name for name in made if ":Delete" in name and "Polic" not in name]
        assert len(deleted) <= DELETES, f"I6: {deleted}"
        if report is None:
            return
        if report.converged or self.calm:
            assert made == [], f"I1: {made}"
        left = {key for key, seen in report.assessments.items() if not seen.in_sync}
        quiet = report.converged or (left <= {"LogGroup/taken"} and not made)
        self.calm = self.accident is None and not armed and quiet

    @precondition(lambda self: self.calm)
    @rule(number=st.integers(0, len(SPECS)))
    def spoil_and_look(self, number: int) -> None:
        """I2: a change behind our back is named, and nothing else."""
        ours = sorted(self.file.keys() - {"LogGroup/taken"})
        if not ours:
            return
        key = ours[number % len(ours)]
        self.it.world.clock.advance(timedelta(seconds=600))
        spoil(self.it.hand, key)
        self.calm = False
        report = self._look(write=False)
        named = [(k, c.path) for k, seen in report.assessments.items() for c in seen.drift]
        assert [k for k, _ in named] == [key] * len(named) != [], named
        assert all(path.startswith(FIELD[key.partition("/")[0]]) for _, path in named), named

    def _revive(self) -> None:
        self.dead = False
        self.accident = None
        self.it.door.cache.clear()
        self.it.world.clock.advance(timedelta(seconds=600))

    def _check(self) -> None:
        """I10; I4; I8; no error that nobody foresaw."""
        assert self.wrong == [], "\n".join(self.wrong)
        assert self.it.theirs() == self.theirs, "something of others was changed"
        if "Secret/key" not in self.file:
            return
        with suppress(ClientError):  # not made yet
            secret = self.it.hand.client("secretsmanager").get_secret_value(SecretId=f"{E}-key")
            value = secret["SecretString"].encode()
            assert not [k for k, (body, _) in self.state.objects.items() if value in body]

    def teardown(self) -> None:
        """I11: nothing goes wrong any more, and a few passes bring what the file says."""
        if not hasattr(self, "it"):
            return
        self.accident = None
        self._publish()
        report = None
        for number in range(PASSES):
            self.it.world.clock.advance(timedelta(seconds=600))
            since = len(self.it.world.calls)
            report = self._look()
            left = [
                key
                for key, seen in report.assessments.items()
                if not seen.in_sync or seen.readiness.state != "ready"
            ]
            if not self._made(since) and set(left) <= {"LogGroup/taken"} and number:
                break
        else:
            raise AssertionError(f"not as desired after {PASSES} passes:\n{explain(report)}")
        self._check()
        for key, variant in self.file.items():
            if key != "LogGroup/taken":
                assert shown(self.it.hand, key) == _wanted(key, variant), key


AnyOrder.TestCase.settings = settings(
    max_examples=LONG or 50,
    stateful_step_count=50 if LONG else 20,
    deadline=None,
    derandomize=not LONG,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
TestAnyOrder = AnyOrder.TestCase
