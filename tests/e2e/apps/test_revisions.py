"""What becomes of a new revision is what becomes of its process: one that can't reach what it needs
is rolled back, and status says so; one that can runs with what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.apps.authority import Authority
from tests.e2e.apps.estate import CONFIG, Estate, ask
from tests.e2e.apps.task import Task
from tests.e2e.apps.test_litellm import CHAT, hello, text_of
from tests.harness import production


@pytest.fixture
def good(estate: Estate) -> Iterator[str]:
    """The shipped file; afterwards it is in force again, and no task runs."""
    text = production()
    yield text
    estate.stop_tasks()
    estate.plant.publish(text)
    estate.plant.converge()


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old} stands there {text.count(old)} times"
    return text.replace(old, new)


def rolled_back(estate: Estate, running: Task | None) -> str:
    """The events of a roll-out that failed, and of which status tells."""
    assert running is None, "its task got healthy"
    ready = estate.ready()
    assert (ready["status"], ready["reason"]) == ("False", "RolledBack")
    assert "was rolled back" in ready["message"]
    return estate.events()


def test_a_wrong_redis_password_is_never_healthy(estate: Estate, good: str) -> None:
    """LiteLLM itself starts, and is ready by its own account: the check asks the cache, too."""
    wrong = "REDIS_PASSWORD: ${Secret.master-key.arn}"
    estate.plant.publish(changed(good, "REDIS_PASSWORD: ${Secret.redis-auth.arn}", wrong))
    assert "failed container health checks" in rolled_back(estate, estate.roll_out())


def test_a_wrong_database_name_is_never_healthy(estate: Estate, good: str) -> None:
    before, name, after = good.rpartition("DATABASE_NAME: litellm")  # the gateway's
    estate.plant.publish(f"{before}{name.replace('litellm', 'lightllm')}{after}")
    rolled_back(estate, estate.roll_out())


def test_a_failed_migration_keeps_its_gateway_from_starting(estate: Estate, good: str) -> None:
    """A database that is not there, told to both: the work fails, and the gateway waits for it."""
    before = estate.deployment()
    estate.plant.publish(good.replace("DATABASE_NAME: litellm", "DATABASE_NAME: nowhere"))
    estate.passes(8)
    arn, code = estate.work[-1]
    assert code != 0, arn
    told = estate.ready("Task/migrations")
    assert (told["status"], told["reason"]) == ("False", "RunFailed")
    assert f"exited with {code}" in told["message"], told
    held = estate.plant.status()["resources"]["Service/gateway"]["conditions"]["Blocked"]
    assert "Task/migrations" in held["message"], held
    assert estate.deployment() == before


def test_a_wrong_authority_is_never_healthy(estate: Estate, good: str) -> None:
    """An image that does not trust who signed the servers' certificates: S3's and Redis's are
    verified. (PostgreSQL's is not: `DATABASE_SSLMODE: require` encrypts only.)"""
    other = Authority(estate.folder / "somebody", "somebody else")
    estate.plant.publish(changed(good, "LITELLM_LOG: ERROR", "LITELLM_LOG: WARNING"))
    rolled_back(estate, estate.roll_out(estate.image(other.certificate)))


def test_a_secret_that_is_missing_is_told_by_name(estate: Estate, good: str) -> None:
    """The parameter that says which secret holds the provider's key names one that is not there."""
    ssm = estate.aws.client("ssm")
    name = "/plumbline/litellm-production/providers/azure/api-key-secret"
    right = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=f"{right[:-6]}absent", Type="String", Overwrite=True)
    try:
        said = rolled_back(estate, estate.roll_out())
    finally:
        ssm.put_parameter(Name=name, Value=right, Type="String", Overwrite=True)
    assert "ResourceInitializationError: unable to pull secrets" in said
    assert f"{right[:-6]}absent" in said


def test_what_is_changed_is_rolled_out_and_the_process_has_it(
    estate: Estate, good: str, tmp_path: Path
) -> None:
    """First a variable in the desired-state file, then LiteLLM's configuration. The older
    configuration stays for the older revision, and what one process has answered another takes from
    Redis."""
    before = estate.definition()
    estate.plant.publish(changed(good, "LITELLM_LOG: ERROR", "LITELLM_LOG: INFO"))
    first = estate.roll_out()
    assert first is not None, estate.tail()
    assert estate.definition()["revision"] > before["revision"]
    assert first.arn == estate.definition()["taskDefinitionArn"]
    assert first.environ["LITELLM_LOG"] == "INFO"
    assert estate.ready()["status"] == "True"
    master = first.secrets["LITELLM_MASTER_KEY"]
    said = text_of(ask(CHAT, master, hello("for both")))

    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.read_text("utf-8").replace("gpt-4o-mini", "gpt-4o-small"), "utf-8")
    key = estate.configure(file)
    try:
        second = estate.roll_out()
        assert second is not None, estate.tail()
        assert second.environ["LITELLM_CONFIG_BUCKET_OBJECT_KEY"] == key
        models = {each["id"] for each in ask("/v1/models", master).body["data"]}
        assert models == {"gpt-4o", "gpt-4o-small"}
        asked = len(estate.provider.asked)
        assert text_of(ask(CHAT, master, hello("for both"))) == said
        assert len(estate.provider.asked) == asked
        assert first.registered["LITELLM_CONFIG_BUCKET_OBJECT_KEY"] in estate.files()
    finally:
        assert estate.configure(CONFIG) != key


def test_rotated_secrets_are_taken_up_by_themselves(estate: Estate, good: str) -> None:
    """New values of the database's password, Redis's token and the master key are put into their
    secrets, and nothing else is done. The task that runs afterwards has them, and Redis admits
    no other."""
    manager = estate.aws.client("secretsmanager")
    old = {name: estate.secret(name) for name in ("database-password", "redis-auth", "master-key")}
    new = {name: f"{value[:-12]}rotated{len(value)}" for name, value in old.items()}
    for name, value in new.items():
        manager.put_secret_value(SecretId=f"litellm-production-{name}", SecretString=value)
    running = estate.roll_out()
    assert running is not None, estate.tail()
    assert running.environ["DATABASE_PASSWORD"] == new["database-password"]
    assert running.environ["REDIS_PASSWORD"] == new["redis-auth"]
    assert ask("/health/readiness").body["db"] == "connected"
    assert ask("/cache/ping", new["master-key"]).body["status"] == "healthy"
    text_of(ask(CHAT, new["master-key"], hello("still there?")))
    assert ask(CHAT, old["master-key"], hello()).status == 401
    assert estate.cache.admits(new["redis-auth"])
    assert not estate.cache.admits(old["redis-auth"])
