"""`desired_state/schema.json`: true, a valid schema, and of one mind with the loader."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.cli.main import run
from controller.kinds import KINDS, handler_for
from controller.manifest import load
from controller.schema import document_schema, render
from controller.yamlfile import read
from tests.unit.breaking import Breaker
from tests.unit.samples import environment, resource, sample

ROOT = Path(__file__).parents[2]
SCHEMA = document_schema()
CHECKER = jsonschema.Draft202012Validator(SCHEMA)
FILES = sorted(
    file for file in (ROOT / "desired_state").rglob("*.yaml") if file.name != "config.yaml"
)
"""Without LiteLLM's own, which is no desired state."""
BAD = sorted((ROOT / "tests/behaviour/bad").glob("*.yaml"))


def test_the_file_is_true() -> None:
    """Renew it: plumbline schema > desired_state/schema.json"""
    held = (ROOT / "desired_state/schema.json").read_text()
    assert held == render(), "run: plumbline schema > desired_state/schema.json"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    text = json.dumps(SCHEMA)
    assert '"null"' not in text
    assert "(?i" not in text, "JavaScript has no inline flags"


def test_every_reference_inside_it_leads_somewhere() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                assert node["$ref"].removeprefix("#/$defs/") in SCHEMA["$defs"]
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(SCHEMA)


def test_every_property_is_described() -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in SCHEMA["$defs"].items()
        for field, held in schema.get("properties", {}).items()
        if "description" not in held
    ]
    assert not silent


@pytest.mark.parametrize("kind", KINDS)
def test_samples_pass(kind: str) -> None:
    CHECKER.validate(resource(kind))
    life = {"mode": "observe", "adopt": True, "ignore": [{"path": "x", "reason": "y"}]}
    CHECKER.validate(resource(kind, lifecycle=life))


def test_environments_pass() -> None:
    CHECKER.validate(environment())
    CHECKER.validate(environment(mode="paused", interval="5m", limits={"maxDeletes": "30%"}))


@pytest.mark.parametrize("kind", KINDS)
def test_references_may_stand_anywhere_in_a_spec(kind: str) -> None:
    properties = SCHEMA["$defs"][kind]["properties"]
    for name in properties:
        document = resource(kind)
        document["spec"][name] = "${ssm:/x}"
        found = list(CHECKER.iter_errors(document))
        if name not in ("masterUserPassword", "authToken"):
            assert not found, f"{name}: {found[0].message}"


@pytest.mark.parametrize("kind", KINDS)
def test_broken_specs_fail(kind: str) -> None:
    """Every constraint that the schema states, broken in turn."""
    breaker = Breaker(handler_for(kind).spec, sample(kind), {"Nested": {"geo": ["DE"]}})
    passed = []
    for breakage in breaker.all():
        if CHECKER.is_valid(resource(kind, spec=breakage.doc)):
            passed.append(str(breakage))
    assert not passed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kind",), "LogGrup"),
        (("apiVersion",), "v1"),
        (("metadata",), {}),
        (("metadata", "name"), "Upper"),
        (("metadata", "labels"), {}),
        (("lifecycle",), {"prune": "maybe"}),
        (("lifecycle",), {"ignore": [{"path": "x"}]}),
        (("status",), {}),
    ],
)
def test_broken_envelopes_fail(path: tuple[str, ...], value: Any) -> None:
    document = copy.deepcopy(resource("LogGroup"))
    node = document
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    assert not CHECKER.is_valid(document)


def test_an_environment_has_no_lifecycle() -> None:
    assert not CHECKER.is_valid({**environment(), "lifecycle": {}})


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_our_own_files(file: Path) -> None:
    """They name the schema for editors, pass it, and load."""
    text = file.read_bytes()
    first = text.split(b"\n", 1)[0].decode()
    depth = "../" * (len(file.relative_to(ROOT / "desired_state").parts) - 1) or "./"
    assert first == f"# yaml-language-server: $schema={depth}schema.json"
    for document in read(text):
        CHECKER.validate(document.value)
    load(text, str(file))
