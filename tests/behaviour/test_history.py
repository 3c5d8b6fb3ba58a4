"""`plumbline history`: revisions, drift and who made it, actions; and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.cli.main import run
from controller.store import DirectoryStore
from tests.plane import Plane, sample, small
from tests.stack import Person


def test_history_tells_what_happened_and_steady_passes_leave_nothing(plane: Plane) -> None:
    person = Person(plane)
    plane.publish(small(interval="1m"))
    plane.converge()
    revision = plane.status()["revision"]
    kept = plane.store.list("history/shop/")
    for _ in range(3):
        plane.tick()
    assert plane.store.list("history/shop/") == kept, "nothing happened"

    plane.tamper()
    event = sample("cloudtrail-put-retention-policy")
    event["detail"]["eventTime"] = f"{plane.world.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    plane.change(event)
    plane.drain()
    plane.publish("a: [")
    plane.tick()
    plane.publish(small(interval="1m", days=90))
    plane.tick()

    code, out, err = person.types("history", "shop", "--stack", "plumbline")
    assert (code, err) == (0, "")
    told = [line.strip() for line in out.splitlines()]
    happened = [line.split("  ")[0] for line in told if not line.startswith("2")]
    assert happened[0] == "RevisionAccepted"
    assert {"ActionApplied", "Converged", "DriftDetected", "DriftCorrected"} <= set(happened)
    [drift] = [line for line in told if line.startswith("DriftDetected")]
    assert "LogGroup/app retentionInDays  was 30, is 7, wanted 30" in drift
    assert "by alice (PutRetentionPolicy, " in drift
    [broken] = [line for line in told if line.startswith("DesiredStateInvalid")]
    assert "environments/shop.yaml:2: not valid YAML" in broken
    accepted = [line for line in told if line.startswith("RevisionAccepted")]
    assert accepted[0] == f"RevisionAccepted  {revision}"
    assert len(accepted) == 2
    order = [happened.index(each) for each in ("RevisionAccepted", "DriftDetected")]
    assert order == sorted(order), "the newest is last"

    code, out, _ = person.types("history", "shop", "--limit", "1", "-o", "json",
                                "--stack", "plumbline")  # fmt: skip
    [entry] = json.loads(out)
    assert entry["revision"] == plane.status()["revision"]
    assert "RevisionAccepted" in [row["type"] for row in entry["events"]]

    plane.s3.put_object(Bucket=plane.bucket, Key="history/shop/9999.json", Body=b"{")
    assert person.types("history", "shop", "--stack", "plumbline")[0] == 0
    code, _, err = person.types("history", "shops", "--stack", "plumbline")
    assert code == 1
    assert err == "nothing that happened to shops is recorded here\n"


def test_a_year_of_history_is_read_from_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, moment = DirectoryStore(tmp_path), datetime(2026, 11, 2, tzinfo=UTC)
    for day in range(30):
        at = moment + timedelta(days=day)
        body = {"at": at.isoformat(), "revision": f"r{day}", "events": [{"type": "Converged"}]}
        key = f"history/shop/{at:%Y-%m-%dT%H-%M-%S.%fZ}.json"
        store.put(key, json.dumps(body).encode(), None)
    assert run(["history", "shop", "--limit", "3", "--state", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if line[0] == "2"] == ["r27", "r28", "r29"]
