"""LiteLLM, exactly as it is registered, boots on real PostgreSQL and Redis and does its job."""

from __future__ import annotations

from tests.e2e.apps.estate import Estate, ask
from tests.e2e.apps.task import Task
from tests.e2e.apps.web import TASK_ROLE

HELLO = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


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


def test_a_chat_completion_comes_from_the_provider(estate: Estate, gateway: Task) -> None:
    """Through TLS to the registered address, with the key that lies in Secrets Manager."""
    answer = ask("/v1/chat/completions", gateway.secrets["LITELLM_MASTER_KEY"], HELLO)
    assert answer.status == 200, answer.body
    asked = estate.provider.asked[-1]
    assert asked["path"].startswith("/openai/deployments/gpt-4o/chat/completions?api-version=2025")
    assert asked["messages"] == HELLO["messages"]
    assert answer.body["choices"][0]["message"]["content"].startswith("answer ")
    assert ask("/v1/chat/completions", "sk-wrong", HELLO).status == 401
