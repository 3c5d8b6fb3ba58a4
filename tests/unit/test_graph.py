"""The picture of a file has what the file has: each resource, each need, nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from controller.cli.main import run
from tests.harness import environment, resource

ROOT = Path(__file__).parents[2]
LITELLM = ROOT / "desired_state" / "litellm" / "production.yaml"
FILE = environment(
    resource("LogGroup", "web", "tags: {see: '${LogGroup.old.name}'}"),
    resource("LogGroup", "old", "kmsKeyId: '${ssm:/plumbline/shop/keys/telemetry}'"),
    resource("LogGroup", "late", "retentionInDays: 7", "lifecycle: {dependsOn: [LogGroup/web]}\n"),
    name="shop",
)
MERMAID = """\
flowchart LR
  subgraph environment["shop"]
    r0["LogGroup/old"]
    r1["LogGroup/web"]
    r2["LogGroup/late"]
  end
  p0[("/plumbline/shop/keys")]
  r2 -.-> r1
  r0 --> p0
  r1 --> r0
"""
DOT = """\
digraph "shop" {
  rankdir=LR
  node [shape=box]
  subgraph cluster_environment {
    label="shop"
    "LogGroup/old"
    "LogGroup/web"
    "LogGroup/late"
  }
  "/plumbline/shop/keys" [shape=cylinder]
  "LogGroup/late" -> "LogGroup/web" [style=dashed]
  "LogGroup/old" -> "/plumbline/shop/keys"
  "LogGroup/web" -> "LogGroup/old"
}
"""


def drawn(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["graph", *arguments]) == 0
    return capsys.readouterr().out


def test_a_small_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(FILE, encoding="utf-8")
    assert drawn(capsys, str(file)) == MERMAID
    assert drawn(capsys, str(file), "-o", "dot") == DOT
    found = json.loads(drawn(capsys, str(file), "-o", "json"))
    assert found["references"] == [
        {"from": "LogGroup/web", "field": "tags[see]", "to": "LogGroup/old", "output": "name"}
    ]
    assert found["waits"] == [{"from": "LogGroup/late", "to": "LogGroup/web"}]
    assert found["parameters"] == [
        {"from": "LogGroup/old", "field": "kmsKeyId",
         "parameter": "/plumbline/shop/keys/telemetry"}
    ]  # fmt: skip


def test_all_that_litellm_refers_to(capsys: pytest.CaptureFixture[str]) -> None:
    """Held against the text of the file, read by nothing of ours."""
    found = json.loads(drawn(capsys, str(LITELLM), "-o", "json"))
    lines = [line.partition(" #")[0] for line in LITELLM.read_text(encoding="utf-8").splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("#"))
    named = set(re.findall(r"(?<!\$)\$\{([A-Z]\w+)\.([a-z0-9-]+)\.([^}]+)\}", text))
    named = {each for each in named if each[0] != "Environment"}
    drawn_ = {(*e["to"].split("/"), e["output"]) for e in found["references"]}
    assert named == drawn_ != set()
    assert set(re.findall(r"\$\{ssm:([^}]+)\}", text)) == {
        e["parameter"] for e in found["parameters"]
    }
    assert len(found["resources"]) == len(re.findall(r"^kind: (?!Environment)", text, re.M))
    picture = drawn(capsys, str(LITELLM))
    assert picture.count('["') == len(found["resources"]) + 1
    ends = re.findall(r"^  (\w+) -.*> (\w+)$", picture, re.M)
    boxes = set(re.findall(r"^ +(\w+)\[", picture, re.M))
    assert {each for pair in ends for each in pair} <= boxes


def test_a_broken_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(FILE.replace("LogGroup.old.name", "LogGroup.gone.name"), encoding="utf-8")
    assert run(["graph", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"broken\.yaml:\d+: LogGroup/web: spec\.tags\[see\]: .*gone", err)
