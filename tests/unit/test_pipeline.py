"""The workflow that judges this project, and the role with which others hand over desired state."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.cloudformation_template import Scope, parameters, parse

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yaml"
PAGE = ROOT / "docs" / "how-to" / "pipeline.md"
GIVEN = {
    "Repository": "acme/desired-state", "StateBucket": "state", "Environments": "shop-*",
    "StateKeyArn": "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012",
}  # fmt: skip
PSEUDO = {
    "AWS::AccountId": "111122223333", "AWS::Region": "us-east-1", "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}  # fmt: skip


def workflows() -> dict[str, dict[str, Any]]:
    """Ours, and that of the page."""
    [shown] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    texts = {"ours": WORKFLOW.read_text(encoding="utf-8"), "the page's": shown}
    return {name: yaml.load(text, yaml.BaseLoader) for name, text in texts.items()}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", workflows().values(), ids=workflows())
def test_actions_are_pinned_and_rights_are_few(workflow: dict[str, Any]) -> None:
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
        assert "github.event" not in step.get("run", ""), "texts of others are no code"
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]


def test_ours_runs_what_anybody_runs() -> None:
    ours = workflows()["ours"]
    assert [s["run"] for s in steps(ours) if "run" in s] == [".ci/run"]
    assert not [job for job in ours["jobs"].values() if "permissions" in job], "needs no AWS"
    [job] = ours["jobs"].values()
    assert job["strategy"]["matrix"]["python"][0] == "3.11", "the oldest that is promised"


def test_only_what_is_merged_is_published() -> None:
    jobs = workflows()["the page's"]["jobs"]
    assert [n for n, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]
    assert jobs["publish"]["if"] == "github.event_name == 'push'"
    assert jobs["publish"]["environment"] == "production"


def role(**given: str) -> dict[str, Any]:
    document = parse((ROOT / "bootstrap" / "pipeline.yaml").read_text(encoding="utf-8"))
    scope = Scope(document, parameters(document, {**GIVEN, **given}, str), PSEUDO, [], {})
    scope.resources = {"GitHub": ("arn:made", {}), "Publisher": ("role", {})}
    found: dict[str, Any] = scope.value(scope.declared()["Publisher"]["Properties"])
    return found


def test_one_repository_in_one_environment_of_it() -> None:
    [trust] = role()["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": "arn:made"}
    assert trust["Condition"] == {"StringEquals": {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:acme/desired-state:environment:production",
    }}  # fmt: skip
    other = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    [trust] = role(Provider=other)["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": other}


def test_it_hands_over_and_nothing_else() -> None:
    """What docs/how-to/publish.md asks for, and no more."""
    [policy] = role()["Policies"]
    allowed = {
        (action, resource)
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert allowed == {
        ("cloudformation:DescribeStacks",
         "arn:aws:cloudformation:us-east-1:111122223333:stack/plumbline/*"),
        ("s3:ListBucket", "arn:aws:s3:::state"),
        ("s3:GetObject", "arn:aws:s3:::state/registry.*"),
        ("s3:GetObject", "arn:aws:s3:::state/environments/shop-*.yaml"),
        ("s3:PutObject", "arn:aws:s3:::state/environments/shop-*.yaml"),
        ("kms:Decrypt", GIVEN["StateKeyArn"]), ("kms:GenerateDataKey", GIVEN["StateKeyArn"]),
    }  # fmt: skip
    page = (ROOT / "docs" / "how-to" / "publish.md").read_text(encoding="utf-8")
    assert {a for a, _ in allowed} <= set(re.findall(r"\w+:\w+", page.split("Rights that it")[1]))
    assert "*" not in {resource for _, resource in allowed}, json.dumps(policy)


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
