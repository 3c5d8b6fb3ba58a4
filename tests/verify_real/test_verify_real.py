"""`make verify-real` against the simulated AWS over HTTP: refuses, reads, records, redacts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import serve
from sandbox.world import World
from tests.fidelity.corpus.figures import judged, survey
from tests.harness import Plant, production
from tests.verify_real.__main__ import main
from tests.verify_real.redaction import Redactor

ID = "210987654321"
"""The account. No other number of the sandbox's looks like it."""
THEIRS = ("litellm", ID, "10.40.", "hunter2", "kafka.acme")
"""What tells whose the account is, and what nobody should know."""
SECRET = "hunter2-hunter2"


@pytest.fixture(scope="module")
def estate() -> Plant:
    """LiteLLM in production, and a service of somebody careless."""
    world = World(seed=1, account=ID)
    plant = Plant(world, production())
    plant.converge()
    ecs = plant.aws.client("ecs")
    ecs.register_task_definition(
        family="careless", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
        cpu="256", memory="512", executionRoleArn=f"arn:aws:iam::{ID}:role/careless",
        containerDefinitions=[{
            "name": "app", "image": f"{ID}.dkr.ecr.us-east-1.amazonaws.com/app:1",
            "command": ["serve", "--token", SECRET],
            "environment": [
                {"name": "PASSWORD", "value": SECRET}, {"name": "PEER", "value": "10.40.7.9:9092"},
                {"name": "BROKER", "value": "kafka.acme.example"},
            ],
        }],
    )  # fmt: skip
    [cluster] = ecs.list_clusters()["clusterArns"]
    subnets = plant.aws.client("ec2").describe_subnets()["Subnets"]
    ecs.create_service(
        cluster=cluster, serviceName="careless", taskDefinition="careless", desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnets[0]["SubnetId"]]}},
    )  # fmt: skip
    plant.later(3600)
    return plant


@pytest.fixture
def port(estate: Plant, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    server = serve(estate.world, 0)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    number: int = server.server_address[1]
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{number}",
        "AWS_ACCESS_KEY_ID": "AKIASANDBOX",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    yield number
    server.shutdown()
    server.server_close()


def run(monkeypatch: pytest.MonkeyPatch, capsys: Any, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["verify_real", *arguments])
    capsys.readouterr()
    code = main()
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("", "found nothing, allowed: the id of the account to look at, 12 digits"),
        ("prod", "found prod, allowed: the id of the account to look at, 12 digits"),
        ("111122223333", f"names 111122223333, the credentials are of {ID}"),
    ],
)
def test_it_refuses_another_account(
    estate: Plant, port: int, monkeypatch: pytest.MonkeyPatch, capsys: Any, named: str, says: str
) -> None:
    monkeypatch.setenv("PLUMBLINE_VERIFY_REAL", named)
    mark = len(estate.world.calls)
    code, told = run(monkeypatch, capsys)
    assert code == 2
    assert says in told
    assert {call.name for call in estate.world.calls[mark:]} <= {"sts:GetCallerIdentity"}


def test_it_only_reads_and_what_it_records_replays_and_tells_nothing(
    estate: Plant, port: int, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLUMBLINE_VERIFY_REAL", ID)
    mark = len(estate.world.calls)
    code, told = run(monkeypatch, capsys, "--recordings", str(tmp_path))
    assert code == 0, told
    for kind, number in {"Service": 2, "DBInstance": 1, "WebACL": 1, "Secret": 5}.items():
        assert f"ok     {kind}: {number} found, {number} imported, the file plans empty" in told
    calls = estate.world.calls[mark:]
    assert not [call.name for call in calls if call.writes]
    assert "secretsmanager:GetSecretValue" not in {call.name for call in calls}
    files = sorted(tmp_path.rglob("*.json"))
    assert len(files) > 20
    text = "\n".join(f"{path}\n{path.read_text('utf-8')}" for path in files).lower()
    assert [word for word in THEIRS if word in text] == []
    assert not re.search(r"\b(?!192\.0\.2\.)(?!0\.0\.0\.0)\d+\.\d+\.\d+\.\d+\b", text)
    found = survey(tmp_path)
    assert found.skipped == {}
    assert {s.kind for _, s in found.subjects} >= {"Service", "DBInstance", "WebACL", "Secret"}
    assert [f"{j.label}: {j.failed}" for j in judged(tmp_path) if j.failed] == []


def test_the_same_word_becomes_the_same_wherever_it_stands() -> None:
    redact = Redactor(ID).text
    arn = redact(f"arn:aws:rds:eu-west-1:{ID}:db:acme-main")
    host = redact("acme-main.c9akciq32.eu-west-1.rds.amazonaws.com")
    name = redact("acme-main")
    assert arn == f"arn:aws:rds:eu-west-1:123456789012:db:{name}"
    assert host.startswith(f"{name}.")
    assert host.endswith(".eu-west-1.rds.amazonaws.com")
    assert "acme" not in arn + host
    assert redact("10.1.2.3/16") == redact("10.1.2.3") + "/16" == "192.0.2.1/16"
    assert redact("see 10.1.2.3.") == f"{redact('see')} 192.0.2.1."
    assert redact("ip-10-1-2-3.ec2.internal:9092").startswith("ip-192-0-2-1.ec2.")
    assert redact("fd00:ec2::253") == "2001:db8::2"
    assert redact("subnet-0a1b2c3d4e5f60718") != redact("subnet-0a1b2c3d4e5f60719")
    assert re.fullmatch(r"subnet-[0-9a-f]{17}", redact("subnet-0a1b2c3d4e5f60718"))
    assert redact("postgres", silent=True) != "postgres"
