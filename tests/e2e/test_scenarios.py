"""What a deployed control plane promises, each judged by what the emulators hold.

What ministack can't show: events of Parameter Store, CloudTrail, ECS and RDS (it sends those of S3
alone), metrics out of logs (the tests carry EMF to its CloudWatch), alarms in time, and passes side
by side (it runs one batch of a FIFO queue at a time).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox import judge
from sandbox.world import Fault
from tests.e2e.stack import AWAY, HOME, ROOT, Stack
from tests.e2e.together import Story, together
from tests.plane import small

LITELLM = ROOT / "desired_state" / "litellm" / "production.yaml"
AT_ONCE_S = 30
"""Before the next tick, even on a busy machine."""

DATABASE = """\
apiVersion: plumbline.dev/v1
kind: Environment
metadata: {name: creating}
spec: {interval: 12h}
---
apiVersion: plumbline.dev/v1
kind: Secret
metadata: {name: password}
spec: {generate: {length: 40}}
---
apiVersion: plumbline.dev/v1
kind: DBSubnetGroup
metadata: {name: main}
spec:
  description: Of the database that takes its time
  subnetIds: ${ssm:/plumbline/litellm-production/network/private-subnets}
---
apiVersion: plumbline.dev/v1
kind: DBInstance
metadata: {name: main}
spec:
  engineVersion: "16"
  dbInstanceClass: db.t4g.medium
  allocatedStorage: 50
  masterUsername: shop
  masterUserPassword: ${Secret.password.value}
  dbSubnetGroupName: ${DBSubnetGroup.main.name}
  vpcSecurityGroupIds: ${ssm:/plumbline/litellm-production/network/database-security-groups}
"""

LOG_GROUP = """\
---
apiVersion: plumbline.dev/v1
kind: LogGroup
metadata: {name: app}
spec: {retentionInDays: 60}
"""


@together
def test_a_killed_pass_is_recovered(stack: Stack) -> Iterator[None]:
    """The worker dies after AWS made a log group and before it heard of it. The next pass finds it,
    and makes no second one.

    A lease lasts seven minutes: its end is put into the past by hand once it was respected.
    """
    struck: list[str] = []

    def strike(_: str, operation: str, params: dict[str, Any]) -> bool:
        if operation == "CreateLogGroup" and params["logGroupName"] == "killed-app" and not struck:
            struck.append(operation)
            stack.kill("ReconcileFunction")
            time.sleep(1)
        return False

    stack.retry_soon()
    stack.world.faults.append(Fault("lost", strike))
    stack.publish("killed", small("killed"))
    stack.until(lambda: struck, "the pass to be killed", 60)
    yield

    def held() -> bool:
        lines = stack.log("ReconcileFunction")
        put_off = [x for x in lines if x.get("message") == "put off"]
        return any(x["environment"] == "killed" and "held: " in x["reason"] for x in put_off)

    stack.until(held, "the lease to be respected")
    assert not stack.status("killed")
    lease = stack.read("leases/killed.json")
    over = lease | {"expires": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
    stack.write("leases/killed.json", json.dumps(over))
    stack.until(lambda: stack.converged("killed"), "recovery")
    made = [
        c.params["logGroupName"] for c in stack.calls("killed") if c.operation == "CreateLogGroup"
    ]
    assert made == ["killed-app"]
    assert stack.retention("killed-app") == 30


@together
def test_a_change_event_wakes_what_it_touches_within_seconds(stack: Stack) -> None:
    """A record of CloudTrail's, injected on the default bus: forwarded by bootstrap/target.yaml's
    rule to the control plane's bus. The interval is 12 h."""
    stack.publish("heard", small("heard", interval="12h"))
    stack.until(lambda: stack.converged("heard"), "heard to converge")
    stack.tamper("heard-app", 7)
    stack.happen("cloudtrail-put-retention-policy", logGroupName="heard-app")
    stack.until(lambda: stack.retention("heard-app") == 30, "the change to be undone", AT_ONCE_S)
    who = stack.status("heard")["resources"]["LogGroup/app"]["lastDrift"]["by"]
    assert "alice" in who


@together
def test_a_commit_is_taken_up_at_once_while_a_database_is_creating(stack: Stack) -> Iterator[None]:
    """What is under way is looked at again because a marker asks for it: the interval is 12 h."""

    def database() -> str:
        found = stack.aws().client("rds").describe_db_instances()["DBInstances"]
        mine = [each for each in found if each["DBInstanceIdentifier"] == "creating-main"]
        return str(mine[0]["DBInstanceStatus"]) if mine else ""

    stack.publish("creating", DATABASE)
    stack.until(lambda: stack.status("creating"), "the first pass", AT_ONCE_S)
    stack.until(lambda: database() == "creating", "the database")  # by the next tick at the latest
    stack.until(
        lambda: any(key.endswith("/creating") for key in stack.keys("requeue/")), "its marker", 10
    )
    stack.publish("creating", DATABASE + LOG_GROUP)
    stack.until(lambda: stack.retention("creating-app") == 60, "the commit", AT_ONCE_S)
    assert database() != "available"
    yield
    stack.until(lambda: stack.converged("creating"), "the database")
    stack.until(lambda: database() == "available", "reads to show it", AT_ONCE_S)
    assert not any(key.endswith("/creating") for key in stack.keys("requeue/"))
    passes = stack.until(
        lambda: stack.passes("creating")[2:] and stack.passes("creating"), "its log"
    )
    reasons = [x["reason"] for x in passes]
    assert reasons[0] == "Object Created"
    assert reasons.count("Object Created") == 2
    assert set(reasons) == {"Object Created", "work was under way"}


@together
def test_poison_ends_in_the_dead_letter_queue_and_rings(stack: Stack) -> None:
    """Three tries; then the alarm rings, once CloudWatch has the metric that SQS writes on AWS."""
    stack.retry_soon()
    heard = stack.subscribed()
    stack.send("nobody of ours wrote this")
    stack.until(lambda: stack.waiting("DeadLettersAlarm") == 1, "the message to be given up", 90)
    stack.measure("DeadLettersAlarm", stack.waiting("DeadLettersAlarm"))
    stack.until(lambda: any("DeadLettersAlarm" in text for text in heard()), "the alarm", 30)


@together
def test_what_is_published_converges_by_itself(stack: Stack) -> None:
    """The LiteLLM environment, from one `plumbline publish` and no further command."""
    name, deployed = "litellm-production", ("--stack", "plumbline")
    stack.run("plumbline", "publish", str(LITELLM), "--yes", *deployed, workload=True)
    stack.causes.append(name)
    stack.until(lambda: stack.converged(name), f"{name} to converge", 600)  # a tick a minute
    for title, holds in judge.converged(stack.aws()):
        assert holds, title
    assert "0 actions planned" in stack.run("plumbline", "plan", name, *deployed, workload=True)
    assert "wafv2:AssociateWebACL" in stack.run("plumbline", "history", name, *deployed)
    status = json.loads(stack.run("plumbline", "status", name, "-o", "json", *deployed))
    assert status == stack.status(name)
    assert '"pass"' in stack.run("sam", "logs", "--stack-name", "plumbline")


@together
def test_the_tick_heals_what_was_changed_behind_its_back(stack: Stack) -> None:
    stack.publish("drifting", small("drifting", interval="1m"))
    stack.until(lambda: stack.converged("drifting"), "drifting to converge")
    stack.tamper("drifting-app", 7)
    stack.until(lambda: stack.retention("drifting-app") == 30, "the drift to be healed")

    def healing() -> list[str]:
        found = stack.passes("drifting")
        return [x["reason"] for x in found if x["metrics"]["DriftedResources"]]

    told = set(stack.until(healing, "the log of it", AT_ONCE_S))
    assert told <= {"its interval is over", "work was under way"}, "not woken by a tick"


@together
def test_a_broken_revision_changes_nothing_and_rings(stack: Stack) -> None:
    """Metric, event, news and alarm; and the last good revision is enforced on."""
    heard = stack.subscribed()
    stack.publish("broken", small("broken", interval="1m"))
    stack.until(lambda: stack.converged("broken"), "broken to converge")
    before = len(stack.calls("broken"))
    stack.publish("broken", small("broken", interval="1m").replace("retentionInDays", "retention"))

    def refused() -> bool:
        return not stack.status("broken")["desiredState"]["valid"]

    stack.until(refused, "the revision to be refused", AT_ONCE_S)
    assert len(stack.calls("broken")) == before

    def news() -> set[str]:
        texts = [t for t in heard() if "DesiredStateInvalid" in t and "broken" in t]
        return {"event" if '"detail-type"' in t else "news" for t in texts}

    stack.until(lambda: news() == {"event", "news"}, "event and news", AT_ONCE_S)
    stack.tamper("broken-app", 7)
    stack.until(lambda: stack.retention("broken-app") == 30, "the last good to be enforced")
    level = stack.until(
        lambda: stack.metric("ScheduleFunction", "DesiredStateInvalid"), "the metric"
    )
    stack.measure("DesiredStateInvalidAlarm", level)
    stack.until(lambda: any("DesiredStateInvalidAlarm" in t for t in heard()), "the alarm", 30)


@together
def test_observe_mode_writes_nothing_and_never_asks_for_the_role_that_writes(stack: Stack) -> None:
    """The registry says observe; the file says enforce."""
    stack.publish("observed", small("observed", interval="1m"))
    stack.until(lambda: len(stack.passes("observed")) >= 2, "two passes")
    for each in stack.passes("observed"):
        assert each["mode"] == "observe"
        assert each["metrics"]["BlockedActions"] > 0
        assert each["metrics"]["ActionsApplied"] == 0
    assert stack.retention("observed-app") is None
    asked = [c.params for c in stack.world.calls if c.operation == "AssumeRole"]
    assert asked
    assert "observed" not in {each.get("SourceIdentity") for each in asked}


@together
def test_environments_live_in_two_accounts_and_regions(stack: Stack) -> None:
    """The other account has bootstrap/target.yaml, whose roles' trust policies decide."""
    stack.deploy_target(AWAY)
    for name, place, other in (("shop-eu", AWAY, HOME), ("shop-us", HOME, AWAY)):
        stack.publish(name, small(name))
        stack.until(lambda n=name, p=place: stack.retention(f"{n}-app", p) == 30, name, 60)
        assert stack.retention(f"{name}-app", other) is None
        roles = {
            s["RoleArn"] for s in stack.world.sessions.values() if s.get("SourceIdentity") == name
        }
        assert roles == {f"arn:aws:iam::{place[0]}:role/plumbline-{place[1]}-converge"}


@together
def test_parameter_store_is_a_source_like_the_bucket(stack: Stack) -> None:
    """Found and followed by the tick: ministack sends no event of it."""

    def publish(text: str) -> None:
        ssm = stack.aws().client("ssm")
        name = "/plumbline/environments/told"
        ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)

    publish(small("told", interval="1m"))
    stack.until(lambda: stack.retention("told-app") == 30, "the first revision")
    publish(small("told", interval="1m", days=60))
    stack.until(lambda: stack.retention("told-app") == 60, "the second revision")
    publish("no desired state")
    stack.until(
        lambda: not stack.status("told")["desiredState"]["valid"], "the third to be refused"
    )
    assert stack.retention("told-app") == 60


@together
def test_a_second_deploy_changes_nothing(stack: Stack) -> None:
    assert "No changes to deploy" in stack.deploy()


def test_an_upgrade_keeps_the_inventory(story: Story, stack: Stack) -> None:
    """Another bundle is deployed over this one: its first pass finds what the inventory says, and
    has nothing to write."""
    name = "litellm-production"
    known = stack.read(f"inventory/{name}.json")
    assert len(known["resources"]) > 20
    bundle = stack.bundle()
    stack.mark_bundle()
    assert "Successfully created/updated stack" in stack.deploy()
    assert stack.bundle() != bundle
    calls, passes = len(stack.world.calls), len(stack.passes(name))
    stack.publish(name, LITELLM.read_text("utf-8"))
    stack.until(lambda: len(stack.passes(name)) > passes, "a pass of the new bundle", 60)
    assert stack.passes(name)[-1]["converged"]
    assert len(stack.world.calls) > calls
    assert stack.calls(name, calls) == []
    assert stack.read(f"inventory/{name}.json") == known


def test_nothing_that_was_written_woke_anything(story: Story, stack: Stack) -> None:
    """However many passes, and objects of theirs, there were: Change was called for uploads."""
    pages = stack.client("s3").get_paginator("list_object_versions")
    written = [v for p in pages.paginate(Bucket=stack.bucket) for v in p.get("Versions", ())]
    passes = [x for x in stack.log("ReconcileFunction") if x.get("message") == "pass"]
    heard = [x for x in stack.log("ChangeFunction") if x.get("message") == "change"]
    assert len(heard) == len(stack.causes)
    assert len(passes) > 2 * len(heard)
    assert len(written) > 5 * len(heard)
