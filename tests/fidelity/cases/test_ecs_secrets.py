"""A secret's new version: ECS reads secrets when a task starts, so the service is deployed anew.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html: "if the
secret is subsequently updated or rotated, the container will not receive the updated value
automatically": once, crash or not, and never where it can't be told.
"""

from __future__ import annotations

import secrets
from functools import cache

import pytest

from sandbox.errors import Killed
from tests.fidelity.cases.ecs_estate import (
    CLUSTER,
    CLUSTERS,
    NAME,
    NAMESPACE,
    NETWORK,
    ROLES,
    SMALL,
    Doc,
    Kept,
)
from tests.harness import environment, explain, resource

FORCED: Doc = {"forceNewDeployment": True}
ARN = "${Secret.key.arn}"


def web(container: str, image: str = "app:1", more: str = "") -> str:
    """A service whose container says this."""
    return resource(
        "Service", "web",
        f"""cluster: "${{Cluster.main.name}}", desiredCount: 1, {SMALL}, {NETWORK}, {ROLES},
        containers: {{app: {{image: "{image}", {container}}}}}{more}""",
    )  # fmt: skip


def text(service: str) -> str:
    """The environment: a service, two secrets and a cluster."""
    made = "generate: {length: 24}"
    return environment(
        resource("Cluster", "main", CLUSTERS["main"]), resource("Secret", "key", made),
        resource("Secret", "other", made), service,
    )  # fmt: skip


class Rotating(Kept):
    """A service that reads a secret at its start."""

    def __init__(self) -> None:
        super().__init__(text(web(FORMS["all of it"])))
        self.secret = f"{NAME}-key"

    def rotate(self, name: str = "key") -> None:
        """Somebody puts another value."""
        client = self.aws.client("secretsmanager")
        client.put_secret_value(SecretId=f"{NAME}-{name}", SecretString=secrets.token_hex())
        self.later(60)

    def sent(self) -> list[Doc]:
        """What our UpdateService calls hold, without where."""
        return [
            {k: v for k, v in c.params.items() if k not in ("cluster", "service")}
            for c in self.updates()
        ]

    def born(self) -> object:
        """When the deployment in force began."""
        return self.shown("web")["deployments"][0]["createdAt"]

    def done(self) -> list[str]:
        """Passes until all is well and stays so; what we called."""
        self.converge(20, 300)
        made = self.calls_made()
        self.checkpoint()
        self.quiet(2)
        return made


LOGS = (
    "logConfiguration: {logDriver: awslogs, options: {awslogs-group: a, awslogs-region: us-east-1, "
    f'awslogs-stream-prefix: a}}, secretOptions: {{token: "{ARN}"}}}}'
)
FORMS = {
    "all of it": f'secrets: {{KEY: "{ARN}"}}',
    "a key of its JSON": f'secrets: {{KEY: "{ARN}:password::"}}',
    "its current version": f'secrets: {{KEY: "{ARN}::AWSCURRENT:"}}',
    "for the registry": f'repositoryCredentials: {{credentialsParameter: "{ARN}"}}',
    "for the log driver": LOGS,
}


@cache
def estate() -> Rotating:
    """The one of this process."""
    return Rotating()


@pytest.fixture
def e() -> Rotating:
    """The environment, converged."""
    found = estate()
    found.back()
    return found


def test_it_is_shown_as_a_pending_change_and_deployed_once(e: Rotating) -> None:
    e.rotate()
    before = e.born()
    report = e.run(highest_mode="observe")
    (change,) = report.assessments["Service/web"].changes
    assert (change.path, change.cls, change.cause, change.note) == (
        "containers[app].secrets[KEY]", "write_only_stale", "pending", "new secret version",
    )  # fmt: skip
    assert not report.assessments["Service/web"].drift
    assert "new secret version" in explain(report)
    assert e.done() == ["UpdateService"]
    assert e.sent() == []
    assert e.born() != before
    assert e.running("web")["revision"] == 1, "nothing was registered"


@pytest.mark.parametrize("form", FORMS)
def test_wherever_the_secret_is_named(e: Rotating, form: str) -> None:
    e.publish(text(web(FORMS[form])))
    e.converge(20, 300)
    e.checkpoint()
    e.rotate()
    e.rotate("other")
    e.run()
    assert e.sent() == [FORCED]
    assert e.done() == ["UpdateService"]


def test_in_service_connect(e: Rotating) -> None:
    connect = f", serviceConnectConfiguration: {{namespace: '{NAMESPACE}', {LOGS}}}"
    e.publish(text(web("cpu: 1", more=connect)))
    e.converge(20, 300)
    e.checkpoint()
    e.rotate()
    assert e.done() == ["UpdateService"]


@pytest.mark.parametrize("suffix", [":::0123456789abcdef0123456789abcdef", "::AWSPREVIOUS:"])
def test_a_version_that_is_named_stays(e: Rotating, suffix: str) -> None:
    e.publish(text(web(f'secrets: {{KEY: "{ARN}{suffix}"}}')))
    e.converge(20, 300)
    e.checkpoint()
    e.rotate()
    e.quiet(2)


def test_another_change_brings_it_along(e: Rotating) -> None:
    e.rotate()
    e.publish(text(web(FORMS["all of it"], "app:2")))
    e.run()
    (params,) = e.sent()
    assert set(params) == {"taskDefinition"}
    assert e.done() == ["RegisterTaskDefinition", "UpdateService"]


def test_what_was_deployed_since_has_it(e: Rotating) -> None:
    e.rotate()
    e.ecs.update_service(cluster=CLUSTER, service=f"{NAME}-web", forceNewDeployment=True)
    e.later(900)
    e.quiet(2)
    e.rotate()
    assert e.done() == ["UpdateService"]


def test_two_rotations_before_a_pass_are_one_roll_out(e: Rotating) -> None:
    e.rotate()
    e.rotate()
    assert e.done() == ["UpdateService"]


def test_a_rotation_during_the_roll_out_is_another(e: Rotating) -> None:
    e.rotate()
    e.run()
    e.later(30)
    e.rotate()
    assert e.done() == ["UpdateService", "UpdateService"]


@pytest.mark.parametrize("kind", ["kill-before", "kill-after", "lost"])
def test_killed_there_it_is_deployed_once(e: Rotating, kind: str) -> None:
    e.rotate()
    e.world.fault(kind, "ecs:UpdateService")
    before = e.born()
    if kind == "lost":
        e.run()
    else:
        with pytest.raises(Killed):
            e.run()
    e.revive()
    e.converge(20, 300)
    assert len(e.updates()) == 1
    assert e.born() != before
    e.checkpoint()
    e.quiet(2)


def test_killed_before_the_inventory_is_written(e: Rotating) -> None:
    """What AWS shows tells that it was deployed since."""
    e.rotate()
    remembered = dict(e.memory.objects)
    e.run()
    assert e.sent() == [FORCED]
    e.memory.objects = remembered
    e.later(900)
    e.checkpoint()
    e.quiet(2)


def test_without_memory_nothing_is_deployed(e: Rotating) -> None:
    e.rotate()
    e.memory.delete(f"inventory/{NAME}.json")
    e.quiet(2)
    e.rotate()
    assert e.done() == ["UpdateService"]


def test_another_secret_is_a_change_of_the_task(e: Rotating) -> None:
    e.publish(text(web('secrets: {KEY: "${Secret.other.arn}"}')))
    assert e.done() == ["RegisterTaskDefinition", "UpdateService"]
    e.rotate()
    e.quiet(1)
    e.rotate("other")
    assert e.done() == ["UpdateService"]


def test_no_value_is_in_what_is_kept_or_said(e: Rotating) -> None:
    e.rotate()
    report = e.run()
    value = e.aws.client("secretsmanager").get_secret_value(SecretId=e.secret)["SecretString"]
    kept = b"".join(body for body, _ in e.memory.objects.values()).decode()
    assert value not in kept + explain(report)
    arn = e.container("web")["secrets"][0]["valueFrom"]
    assert arn == e.aws.client("secretsmanager").describe_secret(SecretId=e.secret)["ARN"]
