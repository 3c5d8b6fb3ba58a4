"""The functions together: from a tick to converged environments, log lines, metrics, news."""

from __future__ import annotations

import fnmatch
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.cli import main as cli
from controller.cli import tools
from controller.happenings import HAPPENINGS
from controller.lease import TTL_S, acquire
from controller.pause import pause
from controller.store import StoreFailure
from handlers import reconcile
from handlers.settings import BadSettings
from sandbox.errors import Killed
from sandbox.inprocess import session
from sandbox.seed import seed
from sandbox.world import Fault
from tests.emf import documented
from tests.harness import production
from tests.permissions import granted, iam_action, load, statements
from tests.plane import PLUMBLINE, RECEIVES, VISIBILITY_S, Plane, sample, small

ROOT = Path(__file__).parents[2]
OK = {"made": 1, "missed": 0, "held": 0}
NONE = {"made": 0, "missed": 0, "held": 0}


def _state_of(name: str) -> Any:
    """Matches S3 calls to one environment's lease."""
    return lambda service, _operation, params: (
        service == "s3" and f"leases/{name}.json" in params["Key"]
    )


# --- converging, resting, healing ---


def test_ticks_converge_an_environment_and_then_rest(plane: Plane) -> None:
    plane.publish(small())
    assert plane.tick() == OK
    assert plane.retention() == 30
    plane.converge()
    for _ in range(6):
        plane.tick()
        assert plane.writes() == []
    assert plane.status()["converged"]
    assert plane.waiting() == plane.waiting(plane.dead) == 0


def test_a_steady_environment_is_looked_at_once_in_its_interval(plane: Plane) -> None:
    plane.publish(small(interval="5m"))
    plane.converge()
    made = [plane.tick()["made"] for _ in range(15)]
    assert sum(made) == 3
    first = made.index(1)
    assert [i for i, n in enumerate(made) if n] == [first, first + 5, first + 10]


def test_between_passes_aws_is_not_asked_for_anything(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    assert plane.tick() == NONE
    assert plane.calls() == []


def test_an_interval_of_a_minute_is_kept_though_ticks_jitter(plane: Plane) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    made = [plane.tick(after=s)["made"] for s in (60, 58, 61, 59, 60, 62)]
    assert sum(made) >= 5
    assert max(made) == 1


def test_a_tick_that_was_lost_is_made_up_for(plane: Plane) -> None:
    plane.publish(small(interval="5m"))
    plane.converge()
    plane.tick(after=60)
    assert plane.tick(after=300) == OK, "its turn was in one of the lost ticks"


def test_a_new_revision_is_taken_up_when_s3_tells_of_it(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    assert plane.upload(small(interval="24h", days=90)) == {"woken": ["shop"]}
    assert plane.drain() == OK
    assert plane.retention() == 90


def test_a_new_revision_that_nobody_tells_of_waits_for_its_interval(plane: Plane) -> None:
    plane.publish(small(interval="5m"))
    plane.converge()
    plane.publish(small(interval="5m", days=90))
    assert sum(plane.tick()["made"] for _ in range(6)) >= 1
    assert plane.retention() == 90


def test_drift_is_told_by_name_and_healed(plane: Plane) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.tamper()
    plane.tick()
    [told] = plane.said("DriftDetected")
    assert told["level"] == "WARNING"
    assert told["environment"] == "shop"
    event = told["event"]
    assert (event["resource"], event["path"]) == ("LogGroup/app", "retentionInDays")
    assert (event["was"], event["is"], event["wanted"]) == (30, 7, 30)
    assert "by" not in event, "nobody told who"
    [healed] = plane.said("DriftCorrected")
    assert healed["event"]["call"] == "logs:PutRetentionPolicy"
    assert plane.value("DriftedResources", Environment="shop") == 1
    assert plane.value("DriftedResources", Environment="shop", Kind="LogGroup") == 1
    assert plane.value("DriftedResources", Environment="shop", Kind="Alarm") == 0
    types = [entry["DetailType"] for entry in plane.told()]
    assert {"DriftDetected", "DriftCorrected"} <= set(types)
    [entry] = [e for e in plane.told() if e["DetailType"] == "DriftDetected"]
    assert (entry["Source"], entry["EventBusName"]) == ("plumbline", "plumbline-events")
    detail = json.loads(entry["Detail"])
    assert (detail["environment"], detail["is"], detail["wanted"]) == ("shop", 7, 30)
    [news] = plane.news()
    assert news["Subject"] == "Plumbline: shop: DriftDetected"
    assert "LogGroup/app retentionInDays: was 30, is 7, wanted 30" in news["Message"]
    assert plane.retention() == 30


def test_people_hear_of_nothing_that_goes_as_it_should(plane: Plane) -> None:
    plane.publish(small())
    plane.mark = len(plane.world.calls)
    start = plane.mark
    plane.converge()
    plane.mark = start
    assert "Converged" in {entry["DetailType"] for entry in plane.told()}
    assert plane.news() == []


def test_what_can_not_be_told_fails_no_pass(plane: Plane) -> None:
    plane.publish(small())
    plane.world.fault("deny", "events:PutEvents", times=99)
    assert plane.tick() == OK
    assert plane.retention() == 30
    [line] = plane.said("not told")
    assert (line["level"], line["environment"]) == ("ERROR", "shop")


def test_events_of_every_type_have_the_form_that_is_documented(plane: Plane) -> None:
    """`Plane` holds each that is put on the bus to its model."""
    plane.publish(small(interval="1m"))
    plane.publish(small("watched", interval="1m", mode="observe"), "watched")
    plane.converge()
    plane.tamper()
    plane.world.fault("deny", "logs:PutRetentionPolicy", times=1)
    event = call(plane.world.clock.now())
    plane.tick()
    plane.change(event)
    for _ in range(3):
        plane.tick()
    plane.aws.client("cloudwatch").delete_alarms(AlarmNames=["shop-errors"])
    plane.publish("kind: [")
    plane.world.clock.advance(timedelta(seconds=5))
    plane.tick()
    assert plane.happened == set(HAPPENINGS)


@pytest.mark.slow
@pytest.mark.e2e
def test_the_environment_that_we_ship_converges_with_the_roles_that_we_ship(plane: Plane) -> None:
    """Every call is one that the templates allow its role; then it rests, with the series we
    count on."""
    name = "litellm-production"
    seed(plane.world)
    text = (ROOT / "desired_state" / "litellm" / "production.yaml").read_text(encoding="utf-8")
    plane.publish(text, name)
    used: dict[str, set[str]] = {}
    for _ in range(60):
        plane.tick()
        for call in plane.calls():
            used.setdefault(plane.role(call).rpartition("-")[2].title(), set()).add(
                iam_action(call.name)
            )
        if plane.status(name)["converged"] and not plane.store.list("requeue/"):
            break
    assert plane.status(name)["converged"]
    assert set(used) == {"Observe", "Converge"}
    for role, actions in used.items():
        assert sorted(actions - granted(role)) == [], role
    assert plane.tick(after=900)["made"] == 1
    assert plane.writes() == []
    series = {(d.name, d.dimensions) for d in plane.data}
    kinds = set(re.findall(r"^kind: (\w+)", production(), re.M)) - {"Environment"}
    assert len(series) == 14 + len(kinds) + 10


# --- what the functions do under their own roles ---


def test_state_is_reached_as_the_policies_of_the_functions_allow(plane: Plane) -> None:
    """Every key that a function touched in the bucket, against its role's statements."""
    names = {"Get": "s3:GetObject", "Put": "s3:PutObject", "Delete": "s3:DeleteObject"}
    allowed = {role: [s for s in statements() if s.role == role]
               for role in ("Schedule", "Reconcile", "Change")}  # fmt: skip
    asked: list[tuple[str, str, str]] = []

    def note(role: str, begun: int) -> None:
        for call in plane.world.calls[begun:]:
            if call.service == "s3" and call.access_key == PLUMBLINE:
                key = call.params["Key"].lstrip("/").removeprefix(plane.bucket).lstrip("/")
                action = names[call.operation] if key else "s3:ListBucket"
                asked.append((role, action, f"arn:aws:s3:::state/{key}".rstrip("/")))

    def call(module: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
        begun = len(plane.world.calls)
        result = inner(module, name, event)
        note(name, begun)
        return result

    inner = plane._call
    plane.patch.setattr(plane, "_call", call)
    plane.publish(small().replace("{name: app}", "{name: app, externalName: logs}"))
    plane.publish(small("other"), "other")
    plane.converge("shop", "other")
    plane.tamper("logs")
    event = sample("cloudtrail-put-retention-policy")
    event["detail"]["requestParameters"]["logGroupName"] = "logs"
    assert plane.change(event) == {"woken": ["shop"]}
    plane.upload(small(interval="10m"))
    plane.tick()
    for role, action, resource in asked:
        assert any(
            action in s.actions and any(fnmatch.fnmatchcase(resource, r) for r in s.resources)
            for s in allowed[role]
        ), (role, action, resource)
    did = {role: {a for r, a, _ in asked if r == role} for role in allowed}
    for role, actions in did.items():
        assert {a for a in granted(role) if a.startswith("s3:")} == actions, role


# --- metrics ---


def watched(text: str) -> str:
    """The same environment, with alarms on itself."""
    return text.replace("spec: {interval", "spec: {alarms: {}, interval", 1)


def everything(plane: Plane) -> None:
    """A tick with passes, and a change."""
    plane.publish(watched(small()))
    plane.tick()
    found = list(plane.data)
    plane.change(sample("cloudtrail-put-retention-policy"))
    plane.data += found


def test_metrics_are_those_documented_with_all_their_dimensions(plane: Plane) -> None:
    everything(plane)
    sets: dict[str, set[frozenset[str]]] = {}
    for datum in plane.data:
        sets.setdefault(datum.name, set()).add(frozenset(n for n, _ in datum.dimensions))
        assert datum.unit == documented()[datum.name].unit, datum.name
    assert sets == {name: set(row.dimensions) for name, row in documented().items()}


def test_the_page_counts_the_series_right(plane: Plane) -> None:
    everything(plane)
    series = {(d.name, d.dimensions) for d in plane.data}
    by_environment = [s for s in series if [n for n, _ in s[1]] == ["Environment"]]
    assert (len(by_environment), len([s for s in series if not s[1]])) == (14, 11)
    assert len(series) == 14 + 11 + 2
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert "Per environment: 14 series" in page
    assert "For the fleet: 11." in page


def widget_metrics(rows: list[list[Any]]) -> list[list[str]]:
    """Metrics of a widget, written out: namespace, name, then dimensions by name and value.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    found: list[list[str]] = []
    for row in rows:
        words = [part for part in row if isinstance(part, str)]
        last = found[-1] if found else []
        if words[0] == "...":
            rest = words[1:]
            words = [*last[: len(last) - len(rest)], *rest]
        found.append([last[i] if part == "." else part for i, part in enumerate(words)])
    return found


def test_every_metric_of_an_alarm_or_widget_is_emitted(plane: Plane) -> None:
    everything(plane)
    emitted = {(d.name, frozenset(n for n, _ in d.dimensions)) for d in plane.data}
    plane.world.clock.advance(timedelta(seconds=5))
    own = plane.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="shop-plumbline-")
    series = {(d.name, d.dimensions) for d in plane.data}
    for alarm in own["MetricAlarms"]:
        dimensions = tuple((each["Name"], each["Value"]) for each in alarm["Dimensions"])
        assert alarm["Namespace"] == "Plumbline"
        assert (alarm["MetricName"], dimensions) in series, alarm["AlarmName"]
    assert len(own["MetricAlarms"]) == 5
    named = set()
    for resource in load()["Resources"].values():
        properties = resource.get("Properties", {})
        if properties.get("Namespace") == "Plumbline":
            dimensions = frozenset(d["Name"] for d in properties.get("Dimensions", ()))
            named.add((properties["MetricName"], dimensions))
    body = load()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for widget in json.loads(body)["widgets"]:
        named |= {
            (row[1], frozenset(row[2::2]))
            for row in widget_metrics(widget["properties"]["metrics"])
            if row[0] == "Plumbline"
        }
    assert len(named) >= 8
    assert named <= emitted


def test_an_environments_own_alarms_are_kept_like_all_it_has(plane: Plane) -> None:
    topic = f"arn:aws:sns:{plane.world.region}:{plane.world.account}:news"
    text = small(interval="1m").replace("spec: {", f"spec: {{alarms: {{actions: ['{topic}']}}, ", 1)
    plane.publish(text)
    plane.converge()
    cloudwatch = plane.aws.client("cloudwatch")
    names = ["shop-plumbline-drifted", "shop-plumbline-no-pass"]
    cloudwatch.delete_alarms(AlarmNames=names[:1])
    cloudwatch.disable_alarm_actions(AlarmNames=names[1:])
    plane.world.clock.advance(timedelta(seconds=5))
    plane.tick()
    told = {line["event"]["resource"] for line in plane.said("DriftDetected")}
    assert told == {"Alarm/plumbline-drifted", "Alarm/plumbline-no-pass"}
    plane.world.clock.advance(timedelta(seconds=5))
    alarms = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert [a["ActionsEnabled"] for a in alarms] == [True, True]
    assert all(a["AlarmActions"] == a["OKActions"] == [topic] for a in alarms)


def test_the_fleet_counts_what_stays_between_passes(plane: Plane) -> None:
    """Else an alarm on drift would be silent in each minute without a pass."""
    plane.publish(small(interval="24h"))
    plane.publish(small("other", interval="24h", mode="observe"), "other")
    plane.publish("kind: [", "broken")
    for _ in range(4):
        plane.tick()
    plane.tick(after=3660)
    assert plane.tick() == NONE
    assert plane.value("DriftedResources") == 0
    assert plane.value("DesiredStateInvalid") == 1
    assert plane.value("BlockedActions") == 0, "what nobody wants to be done"
    assert plane.value("MinutesSinceConverged") == 0
    plane.tamper()
    changed = sample("cloudtrail-put-retention-policy")
    assert plane.change(changed) == {"woken": ["shop"]}
    plane.patch.setenv("PLUMBLINE_MODE", "observe")
    plane.drain()
    for _ in range(3):
        assert plane.tick() == NONE
        assert plane.value("DriftedResources") == 1


def test_an_empty_bucket_is_a_quiet_tick(plane: Plane) -> None:
    assert plane.tick() == NONE
    assert plane.value("EnvironmentsWoken") == 0
    assert plane.value("DriftedResources") == 0


# --- the log ---


def test_log_lines_are_structured_and_tell_what_caused_them(plane: Plane) -> None:
    plane.publish(small())
    plane.tick()
    assert all(line["service"] and line["level"] for line in plane.log)
    [tick] = plane.said("tick")
    assert tick["correlation_id"] == sample("schedule")["id"]
    assert tick["woken"] == ["shop"]
    [told] = plane.said("pass")
    assert told["environment"] == "shop"
    assert told["reason"] == "never looked at"
    assert told["metrics"]["ActionsApplied"] > 0
    [sent] = [c for c in plane.world.calls if c.name == "sqs:SendMessageBatch"][-1:]
    assert told["correlation_id"] != tick["correlation_id"]
    assert told["correlation_id"] in {
        v[0] for v in plane.world.store("sqs")[plane.queue]["seen"].values()
    }
    assert sent.error is None


# --- bad desired state, modes, pauses ---


def test_a_broken_revision_changes_nothing_and_the_last_good_one_is_enforced(plane: Plane) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.upload(small(interval="1m").replace("retentionInDays", "retentionInDay"))
    plane.drain()
    assert [entry["DetailType"] for entry in plane.told()] == ["DesiredStateInvalid"]
    assert "DesiredStateInvalid" in plane.news()[0]["Subject"]
    for _ in range(2):
        plane.tamper()
        assert plane.tick()["made"] == 1
        assert plane.value("DesiredStateInvalid", Environment="shop") == 1
        assert plane.value("DesiredStateInvalid") == 1
        assert plane.retention() == 30
    plane.upload(small(interval="1m"))
    plane.drain()
    plane.tick()
    assert plane.value("DesiredStateInvalid") == 0


def test_a_file_that_is_gone_is_not_an_empty_one(plane: Plane) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.s3.delete_object(Bucket=plane.bucket, Key="environments/shop.yaml")
    plane.tamper()
    plane.tick()
    assert plane.retention() == 30
    assert plane.value("DesiredStateInvalid", Environment="shop") == 1


@pytest.mark.parametrize("who", ["file", "stack", "registry"])
def test_observe_mode_writes_nothing_and_never_assumes_the_role_that_could(
    plane: Plane, who: str
) -> None:
    """Whichever side says so, and whatever the others say."""
    if who == "stack":
        plane.patch.setenv("PLUMBLINE_MODE", "observe")
    if who == "registry":
        registry = (
            "apiVersion: plumbline.dev/v1\nkind: Registry\nspec: {default: {mode: observe}}\n"
        )
        plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=registry.encode())
    plane.publish(small(mode="observe" if who == "file" else "enforce"))
    plane.tick()
    assert plane.calls() != []
    assert plane.writes() == []
    assert plane.assumed() == {f"plumbline-{plane.world.region}-observe"}
    asked = {iam_action(call.name) for call in plane.calls()}
    assert sorted(asked - granted("Observe")) == []
    assert plane.value("BlockedActions", Environment="shop") == 3
    assert plane.retention() is None
    assert plane.status()["mode"] == "observe"


def test_reads_and_writes_go_by_different_roles(plane: Plane) -> None:
    plane.publish(small())
    plane.tick()
    region = plane.world.region
    assert {plane.role(c) for c in plane.calls() if not c.writes} == {f"plumbline-{region}-observe"}
    assert {plane.role(c) for c in plane.writes()} == {f"plumbline-{region}-converge"}
    sessions = list(plane.world.sessions.values())
    assert {s["ExternalId"] for s in sessions} == {"only-us"}
    identities = {s["RoleArn"].rpartition("-")[2]: s.get("SourceIdentity") for s in sessions}
    assert identities == {"observe": None, "converge": "shop"}


def test_without_the_external_id_no_role_is_assumed(plane: Plane) -> None:
    plane.patch.setenv("PLUMBLINE_EXTERNAL_ID", "somebody-else")
    plane.publish(small())
    plane.tick()
    assert plane.assumed() == set()
    assert plane.retention() is None
    unknown = plane.status()["resources"]["LogGroup/app"]["conditions"]["Observed"]
    assert unknown["status"] == "False"


def test_a_pause_stops_writes_and_ends(plane: Plane) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    until = plane.world.clock.now() + timedelta(minutes=3)
    pause(plane.store, "shop", until, "someone", "maintenance")
    plane.tamper()
    plane.tick()
    assert plane.writes() == []
    assert plane.value("DriftedResources", Environment="shop") == 1
    assert plane.retention() == 7
    for _ in range(3):
        plane.tick()
    assert plane.retention() == 30


# --- the queue ---


def test_a_message_that_a_finished_pass_has_seen_is_acknowledged_without_one(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    plane.send('{"environment": "shop", "reason": "a trigger"}')
    hidden = plane.sqs.receive_message(QueueUrl=plane.queue, AttributeNames=["All"])["Messages"]
    plane.world.clock.advance(timedelta(seconds=VISIBILITY_S + 5))
    plane.send('{"environment": "shop", "reason": "a later one"}', group="shop2")
    plane.world.clock.advance(timedelta(seconds=3))
    assert plane.drain()["made"] == 1
    assert hidden
    assert plane.waiting() == 0
    plane.send('{"environment": "shop", "reason": "news"}')
    plane.world.clock.advance(timedelta(seconds=10))
    assert plane.drain() == OK, "what came after the pass is not seen yet"
    before = int((plane.world.clock.now().timestamp() - 90) * 1000)
    event = {"Records": [{
        "messageId": "late", "receiptHandle": "r", "body": '{"environment": "shop"}',
        "attributes": {"SentTimestamp": str(before), "ApproximateReceiveCount": "1"},
        "messageAttributes": {}, "eventSource": "aws:sqs",
    }]}  # fmt: skip
    plane.mark = len(plane.world.calls)
    with plane._captured():
        assert plane._call(reconcile, "Reconcile", event) == {"batchItemFailures": []}
    assert plane.counts == NONE
    assert plane.calls() == []


def test_poison_reaches_the_dead_letters_and_stops_nobody(plane: Plane) -> None:
    plane.publish(small())
    poison = (
        "no JSON", "[]", "{}", '{"environment": "../x"}', '"shop"', '{"environments": []}',
        '{"environments": ["shop", "../x"]}', '{"environments": "shop"}',
    )  # fmt: skip
    for number, body in enumerate(poison):
        plane.send(body, group=f"somebody-{number}")
    assert plane.tick() == OK
    assert plane.retention() == 30
    assert len(plane.said("poison")) == len(poison)
    for _ in range(RECEIVES + 1):
        plane.world.clock.advance(timedelta(seconds=VISIBILITY_S + 1))
        plane.drain()
    assert (plane.waiting(), plane.waiting(plane.dead)) == (0, len(poison))


def test_a_pass_killed_midway_is_recovered_by_the_next(plane: Plane) -> None:
    plane.publish(small())
    plane.world.fault("kill-after", "logs:CreateLogGroup")
    with pytest.raises(Killed):
        plane.tick()
    plane.world.dead = False
    plane.world.faults.clear()
    assert plane.waiting() == 1, "not acknowledged"
    for _ in range(12):
        plane.tick()
    assert plane.status()["converged"]
    assert plane.retention() == 30
    made = [c for c in plane.world.calls if c.name == "logs:CreateLogGroup"]
    assert len(made) == 1
    assert plane.waiting() == plane.waiting(plane.dead) == 0


def test_work_in_flight_is_looked_at_again_soon(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.tick()
    [marker] = plane.store.list("requeue/")
    assert marker.endswith("/shop")
    passes = [plane.tick()["made"] for _ in range(3)]
    assert 1 in passes
    plane.converge()
    assert plane.store.list("requeue/") == []


def test_what_the_queue_refuses_keeps_its_marker(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.tick()
    [marker] = plane.store.list("requeue/")
    plane.world.clock.advance(timedelta(minutes=10))
    plane.world.fault("deny", "sqs:SendMessageBatch", times=9)
    with pytest.raises(Exception, match="AccessDenied"):
        plane.tick()
    assert plane.store.list("requeue/") == [marker]
    plane.world.faults.clear()
    assert plane.tick() == OK


# --- many environments ---


def test_one_broken_environment_does_not_stop_the_other(plane: Plane) -> None:
    plane.publish("kind: [", "broken")
    plane.publish(small())
    assert plane.tick() == {"made": 2, "missed": 0, "held": 0}
    assert plane.value("DesiredStateInvalid", Environment="broken") == 1
    assert plane.value("DesiredStateInvalid", Environment="shop") == 0
    assert plane.retention() == 30
    plane.tick()
    assert plane.value("DesiredStateInvalid") == 1


def test_state_that_can_not_be_used_fails_its_own_environment(plane: Plane) -> None:
    plane.publish(small("damaged"), "damaged")
    plane.publish(small())
    plane.world.faults.append(Fault("deny", _state_of("damaged"), times=99))
    assert plane.tick() == {"made": 1, "missed": 1, "held": 0}
    [told] = plane.said("no pass")
    assert (told["level"], told["environment"]) == ("ERROR", "damaged")
    assert "AccessDenied" in told["reason"]
    assert plane.retention() == 30
    assert plane.waiting() == 0, "acknowledged, and asked for again"
    plane.world.faults.clear()
    plane.tick()
    assert plane.retention("damaged-app") == 30


def test_environments_of_one_account_share_their_reads(plane: Plane) -> None:
    names = [f"shop{n}" for n in range(5)]
    for name in names:
        plane.publish(small(name, interval="1m"), name)
    plane.converge(*names)
    assert plane.tick()["made"] == 5
    assert len(plane.calls()) < 5 * 3
    assert plane.writes() == []
    plane.tamper("shop3-app")
    plane.tick()
    assert [line["environment"] for line in plane.said("DriftDetected")] == ["shop3"]
    assert plane.retention("shop3-app") == 30


def test_an_unreadable_lease_is_waited_out(plane: Plane) -> None:
    plane.publish(small())
    plane.s3.put_object(Bucket=plane.bucket, Key="leases/shop.json", Body=b"{}")
    assert plane.tick() == {"made": 0, "missed": 0, "held": 1}
    plane.world.clock.advance(timedelta(seconds=TTL_S))
    assert plane.tick()["made"] == 1


def test_an_environment_that_another_pass_holds_is_put_off(plane: Plane) -> None:
    plane.publish(small())
    lease = acquire(plane.store, "shop", "somebody", plane.world.clock.now)
    assert plane.tick() == {"made": 0, "missed": 0, "held": 1}
    [told] = plane.said("put off")
    assert "somebody" in told["reason"]
    assert plane.waiting() == 0, "never by hiding the message"
    [_] = plane.store.list("requeue/")
    lease.release()
    assert plane.tick()["made"] == 1


def test_a_change_waits_for_the_pass_that_is_just_under_way(plane: Plane) -> None:
    """A commit that arrives meanwhile is taken up as soon as it ends, not minutes later."""
    plane.publish(small(interval="24h"))
    plane.converge()
    lease = acquire(plane.store, "shop", "another pass", plane.world.clock.now)
    plane.upload(small(interval="24h", days=90))
    sleep = reconcile._sleep

    def until_it_ends(seconds: float) -> None:
        sleep(seconds)
        lease.release()

    plane.patch.setattr(reconcile, "_sleep", until_it_ends)
    assert plane.drain() == OK
    assert plane.retention() == 90


def test_what_there_is_no_time_for_is_put_off(plane: Plane) -> None:
    plane.publish(small())
    plane.left = lambda: 10.0
    assert plane.tick() == NONE
    assert plane.calls() == []
    [told] = plane.said("put off")
    assert told["reason"] == "no time left"
    plane.left = lambda: 290.0
    assert plane.tick()["made"] == 1


def test_no_action_begins_that_may_not_end_before_the_function_does(plane: Plane) -> None:
    plane.publish(small())
    # ample, and gone as soon as something has been written
    plane.left = lambda: 20.0 if any(c.writes for c in plane.calls()) else 290.0
    plane.tick()
    assert len(plane.writes()) == 1
    plane.left = lambda: 290.0
    plane.converge()


# --- the registry ---


def register(plane: Plane, text: str) -> None:
    body = f"apiVersion: plumbline.dev/v1\nkind: Registry\nspec:\n{text}"
    plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=body.encode())


def test_an_environment_lives_where_the_registry_says(plane: Plane) -> None:
    account = "999988887777"
    plane.trust(account, "eu-central-1")
    register(
        plane,
        f"""
  default: {{mode: enforce}}
  environments:
    shop-eu: {{account: "{account}", region: eu-central-1, mode: enforce}}
""",
    )
    plane.publish(small())
    plane.publish(small("shop-eu"), "shop-eu")
    plane.converge("shop", "shop-eu")
    groups = {
        (c.account, c.region): c.params["logGroupName"]
        for c in plane.world.calls
        if c.name == "logs:CreateLogGroup"
    }
    assert groups == {
        (plane.world.account, plane.world.region): "shop-app",
        (account, "eu-central-1"): "shop-eu-app",
    }
    event = sample("cloudtrail-put-retention-policy")
    event |= {"account": account, "region": "eu-central-1"}
    event["detail"]["requestParameters"]["logGroupName"] = "shop-eu-app"
    assert plane.change(event) == {"woken": ["shop-eu"]}


@pytest.mark.parametrize("text", ["  default: {mod: enforce}\n", "  environments: [shop]\n"])
def test_while_the_registry_is_broken_nothing_acts(plane: Plane, text: str) -> None:
    register(plane, text)
    plane.publish(small())
    assert plane.tick()["missed"] == 1
    assert plane.calls() == []
    assert plane.assumed() == set()
    [told] = plane.said("no pass")
    assert "registry.yaml:4: spec." in told["reason"]
    assert plane.retention() is None
    assert plane.store.list("requeue/") != [], "looked at again by itself"


def test_what_the_registry_does_not_name_acts_nowhere_and_says_so(plane: Plane) -> None:
    """And what is taken out of it stops, with all that asked for it."""
    plane.publish(small(interval="24h"))
    plane.tick()
    assert plane.store.list("requeue/") != [], "work is under way"
    register(plane, "  default: refused\n  environments: {other: {mode: enforce}}\n")
    plane.change(upload("registry.yaml"))
    plane.tamper()
    assert plane.drain() == NONE
    status = plane.status()
    assert (status["converged"], status["desiredState"]["reason"]) == (False, "NotRegistered")
    [problem] = status["desiredState"]["problems"]
    assert problem.startswith("registry.yaml:1: spec.environments: found no environment shop, and ")
    assert problem.endswith("default: refused; allowed: other")
    assert "found no environment shop" in plane.news()[0]["Message"]
    for _ in range(6):
        plane.tick()
        assert plane.calls() == []
        assert plane.news() == [], "told once"
    assert plane.store.list("requeue/") == []
    assert plane.value("DesiredStateInvalid") == 1
    assert plane.retention() == 7, "nothing acts"
    register(plane, "  default: {mode: enforce}\n")
    plane.change(upload("registry.yaml"))
    plane.drain()
    assert plane.retention() == 30
    plane.converge()


def upload(key: str) -> dict[str, Any]:
    event = sample("s3-object-created")
    event["detail"]["object"]["key"] = key
    return event


def test_a_file_that_no_environment_can_be_called_after_is_none(plane: Plane) -> None:
    """Else each tick would send poison."""
    plane.publish(small(), "two--hyphens")
    plane.publish(small(), "a" * 41)
    plane.publish(small(), "Shop")
    assert plane.tick() == NONE
    assert plane.waiting() == plane.waiting(plane.dead) == 0


@pytest.mark.parametrize(
    ("stack", "registry", "file", "effective"),
    [
        ("enforce", "observe", "enforce", "observe"),
        ("observe", "enforce", "enforce", "observe"),
        ("enforce", "enforce", "paused", "paused"),
        ("enforce", "paused", "enforce", "paused"),
    ],
)
def test_registry_and_stack_cap_the_file(
    plane: Plane, stack: str, registry: str, file: str, effective: str
) -> None:
    plane.patch.setenv("PLUMBLINE_MODE", stack)
    register(plane, f"  environments: {{shop: {{mode: {registry}}}}}\n")
    plane.publish(small(mode=file))
    plane.tick()
    assert plane.status()["mode"] == effective
    assert bool(plane.writes()) == (effective == "enforce")


# --- settings ---


def test_settings_that_can_not_be_used_are_told_in_one_error(plane: Plane) -> None:
    plane.patch.delenv("PLUMBLINE_BUCKET")
    plane.patch.setenv("PLUMBLINE_MODE", "force")
    plane.patch.setenv("PLUMBLINE_RATE_SHARE", "2")
    with pytest.raises(BadSettings) as caught:
        plane.tick()
    assert str(caught.value) == (
        "PLUMBLINE_BUCKET: found nothing, allowed: the state bucket's name; "
        "PLUMBLINE_MODE: found force, allowed: observe or enforce; "
        "PLUMBLINE_RATE_SHARE: found 2, allowed: above 0 and up to 1"
    )
    assert plane.calls() == []


def test_a_bucket_that_can_not_be_read_fails_the_function(plane: Plane) -> None:
    plane.patch.setenv("PLUMBLINE_BUCKET", "no-such-bucket")
    with pytest.raises(StoreFailure):
        plane.tick()


def test_clients_and_sessions_are_made_once_a_process(plane: Plane) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    sessions = len(plane.world.sessions)
    for _ in range(3):
        plane.tick()
    assert len(plane.world.sessions) == sessions == 2


# --- who did it ---


def told_by(plane: Plane, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one event of a kind, as it is in the log and on the bus."""
    [line] = plane.said(kind)
    [entry] = [e for e in plane.told() if e["DetailType"] == kind]
    event: dict[str, Any] = line["event"]
    return event, json.loads(entry["Detail"])


def test_drift_names_who_made_it_if_an_event_told(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    plane.tamper()
    now = plane.world.clock.now()
    assert plane.change(call(now)) == {"woken": ["shop"]}
    assert plane.drain() == OK
    line, detail = told_by(plane, "DriftDetected")
    assert line["by"] == detail["by"]
    assert line["by"].startswith("alice (PutRetentionPolicy, ")
    assert line["principal"] == "arn:aws:iam::123456789012:user/alice"
    assert "; by alice (PutRetentionPolicy, " in plane.news()[0]["Message"]
    drift = plane.status()["resources"]["LogGroup/app"]["lastDrift"]
    assert (drift["by"], drift["paths"]) == (line["by"], ["retentionInDays"])
    assert plane.retention() == 30


def call(at: datetime) -> dict[str, Any]:
    """A person's call, recorded at some time."""
    event = sample("cloudtrail-put-retention-policy")
    event["detail"]["eventTime"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return event


def test_who_made_drift_is_told_later_if_the_event_comes_later(plane: Plane) -> None:
    """CloudTrail takes minutes, and by then the drift has been told and mended."""
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.tamper()
    event = call(plane.world.clock.now())
    plane.tick()
    assert "by" not in told_by(plane, "DriftDetected")[0]
    assert plane.retention() == 30
    for _ in range(4):
        plane.tick()
    assert plane.change(event) == {"woken": ["shop"]}
    assert plane.drain() == OK
    line, detail = told_by(plane, "DriftAttributed")
    assert (line["resource"], line["paths"]) == ("LogGroup/app", ["retentionInDays"])
    assert detail["by"].startswith("alice (PutRetentionPolicy, ")
    [news] = plane.news()
    assert news["Subject"] == "Plumbline: shop: DriftAttributed"
    assert "LogGroup/app: retentionInDays; by alice (" in news["Message"]
    assert plane.status()["resources"]["LogGroup/app"]["lastDrift"]["by"] == line["by"]
    plane.change(event)
    plane.drain()
    assert plane.said("DriftAttributed") == [], "once"


def test_status_and_drift_say_who_while_it_lasts(
    plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.publish(small(interval="1m", mode="observe"))
    plane.tick()
    plane.tamper()
    plane.change(call(plane.world.clock.now()))
    plane.drain()
    plane.patch.setattr(tools, "session", lambda: session(plane.world)._session)
    state = f"s3://{plane.bucket}"
    for command in ("status", "drift"):
        capsys.readouterr()
        assert cli.run([command, "shop", "--state", state]) == 2
        text = " ".join(capsys.readouterr().out.split())
        assert "changed by alice (PutRetentionPolicy, 20" in text, command
    assert cli.run(["drift", "shop", "--state", state, "-o", "json"]) == 2
    [row] = json.loads(capsys.readouterr().out)
    assert row["by"].startswith("alice (")


def test_an_old_change_did_not_make_the_drift_of_today(plane: Plane) -> None:
    plane.publish(small(interval="24h"))
    plane.converge()
    plane.change(call(plane.world.clock.now() - timedelta(days=3)))
    plane.drain()
    plane.tamper()
    plane.send('{"environment": "shop"}')
    plane.drain()
    assert "by" not in told_by(plane, "DriftDetected")[0]
