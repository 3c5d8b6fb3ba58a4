"""LiteLLM, exactly as it is registered, boots on real PostgreSQL and Redis and does its job."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.apps.estate import CONFIG, URL, Answer, Estate, ask
from tests.e2e.apps.task import Task
from tests.e2e.apps.web import TASK_ROLE

CHAT = "/v1/chat/completions"


def hello(text: str = "hello", **more: Any) -> dict[str, Any]:
    """A request for a completion. Another text is another entry in the cache."""
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}


def text_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return str(answer.body["choices"][0]["message"]["content"])


def until(true: Callable[[], Any], seconds: float = 30) -> Any:
    """What this is, once it is true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def master(gateway: Task) -> str:
    """The master key, as the container got it."""
    return gateway.secrets["LITELLM_MASTER_KEY"]


def test_it_boots_from_what_was_registered(estate: Estate, gateway: Task) -> None:
    """Healthy by its own check; command, environment, secrets and version are the registered ones;
    its configuration was read from S3 as the task's role."""
    registered = gateway.registered | gateway.secrets
    assert registered.items() <= gateway.environ.items()
    assert "DATABASE_URL" not in gateway.environ
    assert gateway.told["image"].endswith(f":v{estate.version('litellm')}")
    ready = ask("/health/readiness")
    assert (ready.status, ready.body["db"]) == (200, "connected")
    read = {c.name for c in estate.plant.world.calls if c.access_key == TASK_ROLE}
    assert read == {"s3:Get"}
    configured = gateway.environ["LITELLM_CONFIG_BUCKET_OBJECT_KEY"]
    digest = hashlib.sha256(CONFIG.read_bytes()).hexdigest()
    assert configured == f"litellm/{digest}.yaml"


def test_the_database_has_its_schema_before_the_gateway_is_made(
    estate: Estate, gateway: Task
) -> None:
    """By the task that is registered for it, once and with success; the gateway changes nothing."""
    [(arn, code)] = estate.work
    assert (arn.rpartition("/")[2], code) == ("litellm-production-migrations:1", 0)
    wrote = [c.name for c in estate.plant.writes() if c.error is None]
    assert wrote.index("ecs:RunTask") < wrote.index("ecs:CreateService")
    [(left, last)] = estate.database.sql(
        "SELECT count(*) FILTER (WHERE finished_at IS NULL), max(finished_at) < to_timestamp("
        f"{gateway.began}) FROM _prisma_migrations"
    )
    assert (left, last) == (0, True)
    assert gateway.environ["DISABLE_SCHEMA_UPDATE"] == "True"


def test_a_chat_completion_comes_from_the_provider(estate: Estate, master: str) -> None:
    """Through TLS to the registered address, with the key that lies in Secrets Manager."""
    said = text_of(ask(CHAT, master, hello()))
    asked = estate.provider.asked[-1]
    assert asked["path"].startswith("/openai/deployments/gpt-4o/chat/completions?api-version=2025")
    assert asked["messages"] == hello()["messages"]
    assert said == f"answer {len(estate.provider.asked)}"
    assert ask(CHAT, "sk-wrong", hello()).status == 401
    assert ask(CHAT, "", hello()).status == 401


def test_it_streams(master: str) -> None:
    request = urllib.request.Request(
        URL + CHAT, json.dumps(hello("stream it", stream=True)).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {master}"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line.decode().strip() for line in reply]
    events = [line.removeprefix("data: ") for line in lines if line]
    assert events.pop() == "[DONE]"
    words = [c["delta"].get("content") or "" for e in events for c in json.loads(e)["choices"]]
    assert len([word for word in words if word]) == 2
    assert "".join(words).startswith("answer")


def test_parameters_that_the_model_does_not_know_are_dropped(estate: Estate, master: str) -> None:
    """`drop_params`: without it LiteLLM refuses them; if they got through, the provider would."""
    text_of(ask(CHAT, master, hello("think", reasoning_effort="low")))
    assert "reasoning_effort" not in estate.provider.asked[-1]


def test_the_second_answer_comes_from_redis(estate: Estate, master: str) -> None:
    assert ask("/cache/ping", master).body["status"] == "healthy"
    first = text_of(ask(CHAT, master, hello("once")))
    asked, hits = len(estate.provider.asked), estate.cache.hits()
    again = ask(CHAT, master, hello("once"))
    assert text_of(again) == first
    assert len(estate.provider.asked) == asked
    assert estate.cache.hits() > hits
    key = next(value for name, value in again.headers.items() if name == "x-litellm-cache-key")
    assert first in estate.cache.ask("GET", key)


def test_keys_users_and_teams_are_kept_and_what_they_spend(estate: Estate, master: str) -> None:
    """In PostgreSQL, over TLS."""
    team = ask("/team/new", master, {"team_alias": "shop"}).body["team_id"]
    user = ask("/user/new", master, {"user_email": "ada@example.com", "auto_create_key": False})
    owner = user.body["user_id"]
    made = ask("/key/generate", master, {"team_id": team, "user_id": owner, "models": ["gpt-4o"]})
    assert made.status == 200, made.body
    key = made.body["key"]
    text_of(ask(CHAT, key, hello("what does it cost?")))
    assert ask(CHAT, key, hello() | {"model": "gpt-5"}).status in {400, 401, 403}

    def row() -> list[Any]:
        return estate.database.sql(
            f'SELECT model_group, total_tokens, spend FROM "LiteLLM_SpendLogs" '
            f"WHERE team_id = '{team}' AND \"user\" = '{owner}' AND spend > 0"
        )

    assert [each[:2] for each in until(row)] == [["gpt-4o", 12]]
    (spent,) = until(
        lambda: estate.database.sql(
            f"SELECT spend FROM \"LiteLLM_VerificationToken\" WHERE team_id = '{team}' "
            "AND spend > 0"
        )
    )
    assert ask(f"/key/info?key={key}", master).body["info"]["spend"] == pytest.approx(spent[0])
    open_ones = estate.database.sql(
        "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
        "WHERE client_addr IS NOT NULL"
    )
    assert open_ones == [[True]]


def test_a_limit_is_kept(master: str) -> None:
    key = ask("/key/generate", master, {"rpm_limit": 2}).body["key"]
    answers = [ask(CHAT, key, hello(f"hurry {i}")).status for i in range(3)]
    assert answers == [200, 200, 429]


def test_another_model_answers_when_one_fails(estate: Estate, master: str) -> None:
    """As the configuration says: first again, then the fallback; what it costs is that model's."""
    estate.provider.failing.add("gpt-4o")
    try:
        before = len(estate.provider.asked)
        answer = ask(CHAT, master, hello("is anybody there?"))
    finally:
        estate.provider.failing.clear()
    text_of(answer)
    asked = [each["path"].split("/")[3] for each in estate.provider.asked[before:]]
    assert set(asked[:-1]) == {"gpt-4o"}
    assert asked[-1] == "gpt-4o-mini"
    assert float(answer.headers["x-litellm-response-cost"]) > 0


def test_an_outage_of_the_database_is_told_and_costs_no_task(
    estate: Estate, gateway: Task, master: str
) -> None:
    """Readiness says so, the container's own check does not; it mends itself."""
    estate.database.stop()
    until(lambda: ask("/health/readiness").status == 503, 60)
    assert gateway.check(), gateway.why
    estate.database.start()
    until(lambda: ask("/health/readiness").status == 200, 60)
    assert ask("/health/readiness").body["db"] == "connected"
    assert ask("/key/generate", master, {}).status == 200


def test_it_fits_into_its_memory(estate: Estate, gateway: Task) -> None:
    """After all of the above, with Prisma's engine beside it."""
    assert gateway.memory() < int(estate.definition()["memory"]) * 2**20 / 2
