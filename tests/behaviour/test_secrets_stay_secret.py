"""I8: no secret value appears in any output, in whatever shape.

Outputs are our state bucket, what passes hand back, the command line's text and JSON, the Lambda's
log and metrics, and the texts of errors, also where AWS quotes the request that it refuses.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest

from controller.cli import main as cli
from controller.cli import tools as cli_tools
from controller.reconciler import Tools
from sandbox.pytest_plugin import new_world
from sandbox.seed import seed
from sandbox.world import Fault, World, on
from tests.harness import Plant, production
from tests.plane import Plane

NASTY = "Typed'by&a<person>%41+\\n0t-to-be-s33n"
"""What a person fills in: every encoding changes it, and RDS takes it."""

TEXT = production().replace("generate: {length: 40}", "tags: {filled: by-a-person}")

SHAPES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64 for URLs": lambda v: base64.urlsafe_b64encode(v.encode()).decode(),
    "URL": lambda v: quote(v, safe=""),
    "form": quote_plus,
    "JSON": lambda v: json.dumps(v)[1:-1],
    "XML": escape,
    "HTML": html.escape,
    "Python": lambda v: repr(v)[1:-1],
}

WITH_SECRETS = (
    "secretsmanager:CreateSecret", "rds:CreateDBInstance", "elasticache:CreateReplicationGroup",
    "elasticache:ModifyReplicationGroup", "rds:ModifyDBInstance",
)  # fmt: skip
MEMBERS = ("SecretString", "MasterUserPassword", "AuthToken")


def quoting(params: dict[str, Any]) -> str:
    """AWS's refusal that quotes the request, in every shape."""
    quoted = [form(str(params[k])) for k in MEMBERS if k in params for form in SHAPES.values()]
    return f"{quoted} failed to satisfy; request: {params}; {json.dumps(params)}"


def refuse(world: World) -> None:
    """Let AWS refuse once each call that carries a secret; the four secrets' creation too."""
    for name in WITH_SECRETS:
        times = 4 if name.endswith("CreateSecret") else 1
        world.faults.append(Fault("invalid", on(name), times, message=quoting))


def values(world: World) -> set[str]:
    """All secret values that the simulated AWS holds, or was ever sent."""
    held = world.store("secretsmanager")["secrets"].values()
    found = {v.get("SecretString") for s in held for v in s["_versions"].values()}
    found |= {call.params.get(member) for call in world.calls for member in MEMBERS}
    return {str(value) for value in found if value}


def fill(plant: Plant, name: str = "database-password", value: str = NASTY) -> None:
    """A person fills a secret in."""
    plant.aws.client("secretsmanager").put_secret_value(
        SecretId=f"{plant.name}-{name}", SecretString=value
    )


def shown(texts: dict[str, str], secrets: set[str]) -> list[str]:
    """Where a secret is seen."""
    needles = {
        (shape, form(secret).rstrip("="))
        for secret in secrets
        for shape, form in SHAPES.items()
    }  # fmt: skip
    return sorted({f"{where}: {shape}" for where, text in texts.items()
                   for shape, needle in needles if needle in text})  # fmt: skip


def state(plant: Plant) -> dict[str, str]:
    """Every object of the state bucket, each version of it."""
    s3 = plant.aws.client("s3")
    found = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=plant.bucket):
        for each in page.get("Versions", ()):
            where = {"Key": each["Key"], "VersionId": each["VersionId"]}
            body = s3.get_object(Bucket=plant.bucket, **where)["Body"].read()
            found[f"{each['Key']} {each['VersionId']}"] = body.decode()
    return found


def test_neither_state_nor_reports_hold_a_secret() -> None:
    """Converging through refusals that quote secrets."""
    plant = Plant(new_world(5), TEXT)
    refuse(plant.world)
    texts: dict[str, str] = {}
    for number in range(60):
        report = plant.run()
        texts[f"report {number}"] = repr(report)
        texts[f"plan {number}"] = repr(report.plan) + str(report.plan)
        if number == 1:
            fill(plant)
        plant.later(120)
        if report.converged:
            break
    assert report.converged
    secrets = values(plant.world)
    assert NASTY in secrets
    assert len(secrets) >= 5
    kept = state(plant)
    kinds = {key.partition("/")[0] for key in kept}
    assert kinds >= {"accepted", "environments", "history", "inventory", "leases", "status"}
    refused = [text for text in kept.values() if "failed to satisfy" in text]
    assert len(refused) >= 2, "AWS's words are told"
    assert shown(kept | texts, secrets) == []


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """Types commands at an environment, and gives what they print."""
    file = tmp_path / "production.yaml"
    file.write_text(TEXT)

    def command(plant: Plant, *words: str) -> str:
        own = plant.own._session
        monkeypatch.setattr(cli_tools, "session", lambda: own)
        monkeypatch.setattr(cli_tools, "Tools", partial(Tools, now=plant.world.clock.now))
        named = [str(file) if word == "FILE" else word for word in words]
        cli.run([*named, "--state", f"s3://{plant.bucket}"])
        out, err = capsys.readouterr()
        assert out + err
        return str(out + err)

    return command


def test_the_command_line_prints_no_secret(terminal: Callable[..., str]) -> None:
    plant = Plant(new_world(6), TEXT)
    texts: dict[str, str] = {}

    def all_commands(moment: str) -> None:
        for words in (
            ("plan", "FILE"), ("plan", "FILE", "-o", "json"), ("drift", "FILE", "-o", "json"),
            ("apply", "FILE", "--once"), ("status", "FILE"), ("status", "FILE", "-o", "json"),
        ):  # fmt: skip
            texts[f"{' '.join(words)}, {moment}"] = terminal(plant, *words)
        plant.later(600)

    refuse(plant.world)
    for number in range(5):
        all_commands(f"pass {number}")
        if number == 1:
            fill(plant)
    plant.world.faults.clear()
    plant.converge()
    fill(plant, "redis-auth", "Rotated-" + "canary0" * 5)
    fill(plant, "database-password", NASTY + "2")
    refuse(plant.world)
    for number in range(2):
        all_commands(f"rotated {number}")
    secrets = values(plant.world)
    assert len(secrets) >= 7
    assert sum("InvalidParameterException" in text for text in texts.values()) >= 3
    assert shown(texts | state(plant), secrets) == []


def test_what_the_functions_tell_holds_no_secret(plane: Plane) -> None:
    """The log, metrics, events on the bus, and what people are sent."""
    name, world = "litellm-production", plane.world
    seed(world)
    plane.publish(TEXT, name)
    refuse(world)
    secretsmanager = plane.aws.client("secretsmanager")
    texts: dict[str, str] = {}
    for number in range(14):
        plane.tick(after=120)
        texts[f"log {number}"] = json.dumps(plane.log, ensure_ascii=False) + repr(plane.log)
        texts[f"metrics {number}"] = repr(plane.data)
        texts[f"told {number}"] = repr(plane.told()) + repr(plane.news())
        if number == 1:
            secretsmanager.put_secret_value(
                SecretId=f"{name}-database-password", SecretString=NASTY
            )
    assert NASTY in values(world)
    assert sum("failed to satisfy" in text for text in texts.values()) >= 4
    assert shown(texts, values(world)) == []


def test_an_error_nobody_foresaw_shows_no_secret(plane: Plane) -> None:
    """Its text may quote anything: the worker's log tells only where it was."""
    seed(plane.world)
    plane.publish(TEXT, "litellm-production")

    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError(f"what is {NASTY}?")

    plane.patch.setattr("controller.kinds.secret.SecretHandler.apply", fail)
    assert plane.tick()["missed"] == 1
    [told] = plane.said("no pass")
    assert told["reason"].startswith("ValueError at fail:")
    assert shown({"log": plane.text}, {NASTY}) == []


def test_secrets_of_different_passes_are_all_blotted_out() -> None:
    """A value opened in one pass may be quoted in the refusal of another."""
    plant = Plant(new_world(5), TEXT)
    plant.run()
    door = plant.door.fresh(None)
    first = next(v for v in values(plant.world) if v.startswith("sk-"))
    assert first not in door._blot(f"about {first}")
