"""What is not read each time: drift behind it is found at once by evidence, and in time without."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from controller.kept import FLOOR_S, TOKEN_S, TOLD_S
from controller.lease import WORKER, acquire, last
from controller.messages import INTERVAL
from controller.reconciler import Report
from controller.round import reconcile_together
from sandbox.pytest_plugin import new_world
from sandbox.world import World
from tests.harness import Plant, environment, production, resource
from tests.plane import Plane, small
from tests.rewind import Rewind, fast_retries

E = "litellm-production"
TOPIC = f"/plumbline/{E}/alarms/topic"
BEHIND = {
    "associations": "wafv2:ListResourcesForWebACL",
    "database parameters": "rds:DescribeDBParameters",
    "cache parameters": "elasticache:DescribeCacheParameters",
    "referenced values": "ssm:GetParameters",
    "rotation": "elasticache:ListTagsForResource",
}
"""What a pass that its interval alone asked for need not read."""
TIMED = ("associations", "database parameters", "cache parameters")


class Rested:
    """The environment that we ship, converged, with all of it read by this process."""

    def __init__(self) -> None:
        world = new_world(1, max_lag=timedelta(0))
        self.plant = Plant(world, production())
        self.plant.converge()
        self.plant.later(7200)
        self.look()
        self.rewind = Rewind(self.plant)
        self.topic = self.plant.aws.client("ssm").get_parameter(Name=TOPIC)["Parameter"]["Value"]

    def look(self, *, steady: bool = False, **changed: Any) -> Report:
        """A pass, a minute after the one before."""
        self.plant.later(60)
        self.plant.checkpoint()
        return self.plant.run(steady=steady, **changed)

    def start(self) -> Rested:
        """As it was; and a pass of this process has read everything."""
        self.rewind()
        put_topic(self.plant.aws, self.topic)
        self.plant.door.cache.clear()
        assert self.look().converged
        return self

    def read(self) -> set[str]:
        return {c.name for c in self.plant.calls()}


@pytest.fixture(scope="module")
def _made() -> Rested:
    return Rested()


@pytest.fixture
def rested(_made: Rested) -> Rested:
    return _made.start()


def disassociate(aws: boto3.Session) -> None:
    waf = aws.client("wafv2")
    (acl,) = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    (arn,) = waf.list_resources_for_web_acl(WebACLArn=acl["ARN"])["ResourceArns"]
    waf.disassociate_web_acl(ResourceArn=arn)


def associated(aws: boto3.Session) -> Any:
    waf = aws.client("wafv2")
    (acl,) = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    return len(waf.list_resources_for_web_acl(WebACLArn=acl["ARN"])["ResourceArns"])


def set_parameter(aws: boto3.Session) -> None:
    aws.client("rds").modify_db_parameter_group(
        DBParameterGroupName=f"{E}-main",
        Parameters=[{
            "ParameterName": "log_min_duration_statement", "ParameterValue": "5",
            "ApplyMethod": "immediate",
        }],
    )  # fmt: skip


def parameter(aws: boto3.Session) -> Any:
    pages = aws.client("rds").get_paginator("describe_db_parameters")
    found = pages.paginate(DBParameterGroupName=f"{E}-main", Source="user").build_full_result()
    values = {p["ParameterName"]: p["ParameterValue"] for p in found["Parameters"]}
    return values["log_min_duration_statement"]


def set_cache_parameter(aws: boto3.Session) -> None:
    aws.client("elasticache").modify_cache_parameter_group(
        CacheParameterGroupName=f"{E}-cache",
        ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "noeviction"}],
    )


def cache_parameter(aws: boto3.Session) -> Any:
    found = aws.client("elasticache").describe_cache_parameters(
        CacheParameterGroupName=f"{E}-cache", Source="user"
    )
    return {p["ParameterName"]: p["ParameterValue"] for p in found["Parameters"]}


def put_topic(
    aws: boto3.Session, topic: str = "arn:aws:sns:us-east-1:123456789012:another"
) -> None:
    aws.client("ssm").put_parameter(Name=TOPIC, Type="String", Overwrite=True, Value=topic)


def topic(aws: boto3.Session) -> Any:
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{E}-gateway-5xx"])
    return found["MetricAlarms"][0]["AlarmActions"][0].endswith(":another")


DEEDS: dict[str, tuple[Callable[[boto3.Session], None], Callable[[boto3.Session], Any], Any]] = {
    "associations": (disassociate, associated, 1),
    "database parameters": (set_parameter, parameter, "1000"),
    "cache parameters": (
        set_cache_parameter,
        cache_parameter,
        {"maxmemory-policy": "volatile-lru"},
    ),
    "referenced values": (put_topic, topic, True),
}
"""What → how it is changed behind our back, how it stands, and how it is to stand."""


def test_passes_that_their_interval_asks_for_read_less_and_find_the_same(rested: Rested) -> None:
    times: Counter[str] = Counter()
    for _ in range(int(TOLD_S / 60)):
        assert rested.look(steady=True).converged
        assert rested.plant.writes() == []
        times.update(rested.read() & set(BEHIND.values()))
    assert times.pop("ssm:GetParameters") < TOLD_S / 60
    assert set(times.values()) == {TOLD_S / FLOOR_S}
    assert set(times) == set(BEHIND.values()) - {"ssm:GetParameters", BEHIND["rotation"]}
    rested.look()
    assert set(BEHIND.values()) - rested.read() == {BEHIND["rotation"]}


@pytest.mark.parametrize("what", DEEDS)
def test_a_pass_that_anything_else_asks_for_reads_it_all(rested: Rested, what: str) -> None:
    change, stands, wanted = DEEDS[what]
    change(rested.plant.aws)
    rested.look()
    assert BEHIND[what] in rested.read()
    rested.plant.later()
    assert stands(rested.plant.aws) == wanted


@pytest.mark.parametrize("what", DEEDS)
def test_what_has_no_token_is_seen_within_the_floor(rested: Rested, what: str) -> None:
    change, stands, wanted = DEEDS[what]
    change(rested.plant.aws)
    longest = TOLD_S if what == "referenced values" else FLOOR_S
    looked = 0
    while stands(rested.plant.aws) != wanted:
        looked += 1
        assert looked <= longest / 60, f"not seen in {longest / 60:.0f} minutes"
        rested.look(steady=True)
        rested.plant.later(5)


def test_where_intervals_are_long_every_pass_reads_it_all(rested: Rested) -> None:
    rested.plant.publish(production().replace("interval: 1m", "interval: 5m"))
    rested.look()
    assert rested.look(steady=True).converged
    assert {BEHIND[name] for name in (*TIMED, "referenced values")} <= rested.read()


def test_a_token_that_moved_is_followed_at_once(rested: Rested) -> None:
    aws = rested.plant.aws
    arn = f"arn:aws:elasticache:us-east-1:{rested.plant.world.account}:replicationgroup:{E}-cache"
    aws.client("elasticache").remove_tags_from_resource(ResourceName=arn, TagKeys=["stage"])
    waf = aws.client("wafv2")
    (acl,) = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    known = {k: acl[k] for k in ("Name", "Id")}
    held = waf.get_web_acl(Scope="REGIONAL", **known)
    waf.update_web_acl(
        Scope="REGIONAL", **known, LockToken=held["LockToken"], DefaultAction={"Block": {}},
        Description=held["WebACL"]["Description"], Rules=held["WebACL"]["Rules"],
        VisibilityConfig=held["WebACL"]["VisibilityConfig"],
    )  # fmt: skip
    rested.plant.later(600)  # the index of tags has been told
    rested.look(steady=True)
    rested.plant.later()
    tags = aws.client("elasticache").list_tags_for_resource(ResourceName=arn)["TagList"]
    assert {"Key": "stage", "Value": "production"} in tags
    assert waf.get_web_acl(Scope="REGIONAL", **known)["WebACL"]["DefaultAction"] == {"Allow": {}}


def test_no_token_is_trusted_for_ever(rested: Rested) -> None:
    behind = {"elasticache:ListTagsForResource", "wafv2:GetWebACL"}
    rested.look()
    assert rested.read().isdisjoint(behind)
    rested.plant.later(TOKEN_S)
    rested.look(steady=True)
    assert behind <= rested.read()


def test_another_process_goes_by_what_this_one_has_read(rested: Rested) -> None:
    """Workers come and go: what goes by time is handed on with the lease."""
    times: Counter[str] = Counter()
    for _ in range(int(FLOOR_S / 60)):
        assert rested.look(steady=True, connect=rested.plant._door().fresh).converged
        times.update(rested.read() & set(BEHIND.values()))
    assert {times[BEHIND[name]] for name in TIMED} == {1}


@pytest.mark.parametrize("rows", [[1], [["x"]], [[["a"], "never", "", 1]], [[1, 2, 3, 4]]])
def test_what_can_not_be_read_of_it_is_read_anew(rested: Rested, rows: list[Any]) -> None:
    key = f"leases/{rested.plant.name}.json"
    found = rested.plant.store.get(key)
    assert found is not None
    broken = json.dumps({**found.json, "kept": rows}).encode()
    rested.plant.store.put(key, broken, found.version)
    assert rested.look(steady=True, connect=rested.plant._door().fresh).converged
    assert {BEHIND[name] for name in TIMED} <= rested.read()


def test_what_another_process_found_is_not_forgotten_by_this_one(rested: Rested) -> None:
    """Only looked at, the drift stays: no pass may go by how it was before."""
    set_parameter(rested.plant.aws)
    other = rested.plant._door()
    seen = [rested.look(highest_mode="observe", connect=other.fresh)]
    seen += [rested.look(steady=True, highest_mode="observe") for _ in range(3)]
    drifted = [{k for k, a in r.assessments.items() if a.drift} for r in seen]
    assert drifted == [{"DBParameterGroup/main"}] * 4


def test_a_read_that_fails_leaves_nothing_to_go_by(
    rested: Rested, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_retries(monkeypatch)
    rested.plant.world.fault("deny", BEHIND["associations"], times=99)
    report = rested.look()
    rested.plant.world.faults.clear()
    assert [c.cls for c in report.assessments["WebACL/edge"].changes] == ["unknown"]
    assert rested.look(steady=True).converged
    assert BEHIND["associations"] in rested.read()


def acl_only(name: str) -> str:
    log = resource("LogGroup", "firewall", "retentionInDays: 30")
    log = log.replace("{name: firewall}", f"{{name: firewall, externalName: aws-waf-logs-{name}}}")
    acl = resource("WebACL", "edge", "logging: {destination: '${LogGroup.firewall.arn}'}")
    return environment(log, acl, name=name)


@pytest.fixture
def firewalls() -> list[Plant]:
    world: World = new_world(3, max_lag=timedelta(0))
    plants = [Plant(world, acl_only(name), name) for name in ("one", "two", "three")]
    for _ in range(3):
        together(plants)
    return plants


def together(plants: list[Plant]) -> dict[str, Report]:
    """A pass over all, an hour after the one before."""
    plants[0].later(3600)
    plants[0].checkpoint()
    jobs = {p.name: p.tools(connect=plants[0].door.fresh) for p in plants}
    found = reconcile_together(jobs)
    assert all(isinstance(r, Report) for r in found.values()), found
    return {name: r for name, r in found.items() if isinstance(r, Report)}


def test_firewalls_looked_at_together_need_one_list_of_their_logging(
    firewalls: list[Plant],
) -> None:
    first = firewalls[0]
    assert all(r.converged for r in together(firewalls).values())
    asked = [c.operation for c in first.calls()]
    assert "GetLoggingConfiguration" not in asked
    assert asked.count("ListLoggingConfigurations") == 1
    waf = first.aws.client("wafv2")
    arns = {a["Name"]: a["ARN"] for a in waf.list_web_acls(Scope="REGIONAL")["WebACLs"]}
    waf.delete_logging_configuration(ResourceArn=arns["two-edge"])
    found = together(firewalls)
    assert [name for name, r in found.items() if r.outcomes] == ["two"]
    first.later()
    assert waf.get_logging_configuration(ResourceArn=arns["two-edge"])["LoggingConfiguration"]


def test_without_that_list_no_logging_is_known_and_none_is_written(
    firewalls: list[Plant], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_retries(monkeypatch)
    first = firewalls[0]
    first.world.fault("deny", "wafv2:ListLoggingConfigurations", times=99)
    found = together(firewalls)
    first.world.faults.clear()
    for report in found.values():
        [change] = report.assessments["WebACL/edge"].changes
        assert (change.path, change.cls) == ("logging", "unknown")
    assert first.writes() == []
    assert all(r.converged for r in together(firewalls).values())


def test_only_messages_of_the_interval_alone_let_a_pass_read_less(plane: Plane) -> None:
    """Of several about one environment the newest counts, but for this."""
    plane.publish(small(interval="24h"))
    plane.converge()
    plane.batch = 10

    def steady(*reasons: str) -> bool:
        for reason in reasons:
            plane.send(json.dumps({"environment": "shop", "reason": reason}))
            plane.world.clock.advance(timedelta(seconds=3))
        assert plane.drain()["made"] == 1
        found = plane.store.get("leases/shop.json")
        assert found is not None
        return bool(found.json["steady"])

    assert steady(INTERVAL)
    assert steady(INTERVAL, INTERVAL)
    assert not steady("AWS API Call via CloudTrail", INTERVAL)
    assert not steady(INTERVAL, "AWS API Call via CloudTrail")


def test_a_pass_that_read_less_has_not_seen_what_a_change_event_tells(plane: Plane) -> None:
    now = plane.world.clock.now
    before = now() - timedelta(seconds=90)
    for steady in (True, False):
        acquire(plane.store, "shop", f"{WORKER} 1", now, steady=steady).release(well=True)
        seen = last(plane.store, "shop")
        assert seen.saw(before, now(), steady=True)
        assert seen.saw(before, now(), steady=False) != steady
