"""The LiteLLM environment, converged in the sandbox, and what its resources stand for, running.

Of what runs, the sandbox decides everything: names, ports, passwords as RDS and ElastiCache were
told them, database, parameters, roles' buckets. Nothing is handed to the application but what the
registered task definition says.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bootstrap import configuration
from sandbox.perturb_ecs import exits
from sandbox.pytest_plugin import new_world
from tests.e2e.apps import task, web
from tests.e2e.apps.authority import Authority
from tests.e2e.apps.install import image
from tests.e2e.apps.servers import Postgres, Redis
from tests.harness import Plant, production

CONFIG = Path(__file__).parents[3] / "desired_state" / "litellm" / "config.yaml"
URL = "http://127.0.0.1:4000"
NAME = "litellm-production"


@dataclass(frozen=True)
class Answer:
    """What LiteLLM answered. body: parsed, if it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any


class Estate:
    """folder: where everything is kept. tools: the virtual environment with LiteLLM in it."""

    def __init__(self, folder: Path, tools: Path, seed: int) -> None:
        self.folder, self.tools = folder, tools
        self.plant = Plant(new_world(seed), production())
        self.aws = self.plant.aws
        parameters = self.aws.client("ssm").get_parameters_by_path(
            Path=f"/plumbline/{NAME}/config", Recursive=True
        )["Parameters"]
        place = {p["Name"].rpartition("/")[2]: p["Value"] for p in parameters}
        self.bucket = place["bucket"]
        self.aws.client("s3").create_bucket(Bucket=self.bucket)
        self.configure(CONFIG)
        self.authority = Authority(folder / "authority")
        self._database_server: Postgres | None = None
        self._servers: list[web.Server | web.Provider] = []
        self._tasks: list[task.Task] = []
        self._fails: dict[str, str] = {}
        self.work: list[tuple[str, int]] = []
        """Definitions that were run once, and their exit codes."""
        self._heard = 0
        self.plant.world.boots = lambda told: self._fails.get(told["taskDefinitionArn"], "")
        self.passes()
        self.cache = self._cache()
        told = self.definition()
        key = next(
            s["valueFrom"] for s in _container(told)["secrets"] if s["name"] == "AZURE_API_KEY"
        )
        base = _environment(told)["AZURE_API_BASE"]
        self.provider = web.Provider(
            self.authority, str(urlsplit(base).hostname), task.secret(self.aws, key)
        )
        self._servers += [
            web.aws(self.plant.world, self.authority, self.bucket),
            web.credentials(),
            self.provider,
        ]

    def configure(self, file: Path) -> str:
        """As `make bootstrap` does: LiteLLM's configuration into its bucket, then the name of it,
        which is made of its content, into Parameter Store. That name."""
        found = configuration.load(file, "litellm")
        configuration.put(self.aws.client("s3"), self.bucket, found)
        self.aws.client("ssm").put_parameter(
            Name=f"/plumbline/{NAME}/config/object", Value=found.key, Type="String", Overwrite=True
        )
        return found.key

    def files(self) -> set[str]:
        """Names of all that is in the configuration's bucket."""
        found = self.aws.client("s3").list_objects_v2(Bucket=self.bucket)
        return {each["Key"] for each in found["Contents"]}

    def passes(self, most: int = 60) -> None:
        """So many passes, or until the environment is as desired; what it is to run once is run
        meanwhile."""
        for _ in range(most):
            report = self.plant.run()
            self._pass_on()
            self.plant.later()
            if report.converged:
                return

    @property
    def database(self) -> Postgres:
        """What RDS was asked for; it comes up when somebody first needs it."""
        if self._database_server is None:
            self._database_server = self._database()
        return self._database_server

    def _database(self) -> Postgres:
        (found,) = self.aws.client("rds").describe_db_instances()["DBInstances"]
        made = Postgres(
            self.folder / "postgres", self.tools, self.authority, found["Endpoint"]["Address"]
        )
        password = self._told("CreateDBInstance", "MasterUserPassword")
        made.create(found["MasterUsername"], password, found["DBName"])
        return made

    def _cache(self) -> Redis:
        elasticache = self.aws.client("elasticache")
        (found,) = elasticache.describe_replication_groups()["ReplicationGroups"]
        assert found["TransitEncryptionEnabled"]
        groups = elasticache.describe_cache_clusters()["CacheClusters"]
        parameters = elasticache.describe_cache_parameters(
            CacheParameterGroupName=groups[0]["CacheParameterGroup"]["CacheParameterGroupName"],
            Source="user",
        )["Parameters"]
        made = Redis(
            self.folder / "redis", self.tools, self.authority,
            found["NodeGroups"][0]["PrimaryEndpoint"]["Address"],
            self._told("CreateReplicationGroup", "AuthToken"),
            {p["ParameterName"]: p["ParameterValue"] for p in parameters},
        )  # fmt: skip
        made.start()
        return made

    def _told(self, operation: str, parameter: str) -> str:
        """What AWS was told in the last such call: the service itself never shows it again."""
        told = [c.params[parameter] for c in self.plant.world.calls if c.operation == operation]
        return str(told[-1])

    def close(self) -> None:
        self.stop_tasks()
        for each in self._servers:
            each.close()
        self.database.stop()
        self.cache.stop()

    def definition(self) -> dict[str, Any]:
        """The task definition that the gateway runs."""
        return task.definition(self.aws, f"{NAME}-main", f"{NAME}-gateway")

    def image(self, authority: Path | None = None) -> task.Image:
        """LiteLLM's image, which trusts an authority.

        It trusts Amazon's as any image does, and by nothing that is registered.
        """
        trusted = str(authority or self.authority.certificate)
        trust = {"SSL_CERT_FILE": trusted, "AWS_CA_BUNDLE": trusted}
        return task.Image((str(self.tools / "bin" / "litellm"),), {**image(self.tools), **trust})

    def run(
        self, told: dict[str, Any] | None = None, *, image: task.Image | None = None
    ) -> task.Task:
        """Start a task of a definition: the one that the gateway runs, if not another."""
        folder = self.folder / f"task-{len(self._tasks)}"
        made = task.Task(self.aws, told or self.definition(), image or self.image(), folder)
        self._tasks.append(made)
        return made

    def secret(self, name: str) -> str:
        """The value of a secret of the environment."""
        found = self.aws.client("secretsmanager").get_secret_value(SecretId=f"{NAME}-{name}")
        return str(found["SecretString"])

    def deployment(self) -> str:
        """The id of the gateway's newest deployment."""
        (found,) = self.aws.client("ecs").describe_services(
            cluster=f"{NAME}-main", services=[f"{NAME}-gateway"]
        )["services"]
        return str(found["deployments"][0]["id"])

    def roll_out(self, image: task.Image | None = None) -> task.Task | None:
        """Passes until the environment is as desired, or its newest revision was rolled back.

        A task of each deployment is started for real, and what becomes of it is what the sandbox's
        ECS is told. The last goes on running; None if it failed.
        """
        running: task.Task | None = None
        known = self.deployment()
        failed = len(self._fails)
        for _ in range(30):
            report = self.plant.run()
            self.plant.later(5)  # reads may lag behind a write
            self._pass_on()
            if self.deployment() != known:
                known = self.deployment()
                if len(self._fails) == failed:  # else that is the way back
                    running = self._replace(image)
            ready = self.ready()
            if ready["reason"] == "RolledBack" or (report.converged and ready["status"] == "True"):
                return running
            self.plant.later(55)
        raise AssertionError(f"neither converged nor rolled back: {ready}")

    def _replace(self, image: task.Image | None) -> task.Task | None:
        """Start what the newest deployment runs in place of what ran; None if it failed."""
        self.stop_tasks()  # here all tasks have one address
        told = self.definition()
        why = ""
        try:
            new = self.run(told, image=image)
        except task.NotStarted as error:
            why = f"was unable to start a task. Reason: {error}"
        else:
            if new.health() == task.HEALTHY:
                return new
            new.stop()
            why = f"(task {{task}}) {new.why}"
        self._fails[told["taskDefinitionArn"]] = why
        return None

    def ready(self, key: str = "Service/gateway") -> dict[str, str]:
        """What `plumbline status` says of a resource's readiness."""
        found: dict[str, str] = self.plant.status()["resources"][key]["conditions"]["Ready"]
        return found

    def events(self) -> str:
        """What ECS tells of the gateway, newest first."""
        (found,) = self.aws.client("ecs").describe_services(
            cluster=f"{NAME}-main", services=[f"{NAME}-gateway"]
        )["services"]
        return "\n".join(event["message"] for event in found["events"])

    def _pass_on(self) -> None:
        """What AWS was told since the last time and the sandbox does not do: passwords, to the
        servers; work that ECS was to run once."""
        calls = self.plant.world.calls[self._heard :]
        self._heard = len(self.plant.world.calls)
        for call in calls:
            if call.error is not None:
                continue
            if call.operation == "ModifyDBInstance" and "MasterUserPassword" in call.params:
                self.database.set_password(call.params["MasterUserPassword"])
            if call.operation == "ModifyReplicationGroup" and "AuthToken" in call.params:
                alone = call.params.get("AuthTokenUpdateStrategy") == "SET"
                self.cache.admit(call.params["AuthToken"], alone=alone)
            if call.name == "ecs:RunTask":
                self._work(task.registered(self.aws, call.params["taskDefinition"]))

    def _work(self, told: dict[str, Any]) -> None:
        """Run for real what ECS was asked to run once, and let it end there as it ended here."""
        self.database.sql("SELECT 1")  # it is up
        code = self.run(told).finish()
        (container,) = told["containerDefinitions"]
        exits(self.plant.world, told["family"], **{container["name"]: code})
        self.work.append((told["taskDefinitionArn"], code))

    def stop_tasks(self) -> None:
        for each in self._tasks:
            each.stop()

    def tail(self) -> str:
        """What the last task printed last."""
        return self._tasks[-1].tail() if self._tasks else ""

    def version(self, package: str) -> str:
        """Which version of a Python package the image has."""
        (found,) = self.tools.glob(f"lib/python3*/site-packages/{package}-*.dist-info")
        return found.name.removeprefix(f"{package}-").removesuffix(".dist-info")


def _container(told: dict[str, Any]) -> dict[str, Any]:
    (found,) = [c for c in told["containerDefinitions"] if c["name"] == "gateway"]
    return dict(found)


def _environment(told: dict[str, Any]) -> dict[str, str]:
    return {e["name"]: e["value"] for e in _container(told)["environment"]}


def ask(path: str, key: str = "", body: object = None, *, timeout: float = 30) -> Answer:
    """Ask LiteLLM; a POST if there is a body."""
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {key}"} if key else {}
    )
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            status, told, text = reply.status, dict(reply.headers), reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, told, text = error.code, dict(error.headers), error.read().decode()
    try:
        return Answer(status, told, json.loads(text))
    except ValueError:
        return Answer(status, told, text)


def tools() -> Path:
    """The virtual environment that `make e2e-litellm` made."""
    return Path(os.environ.get("VENV_LITELLM") or ".venv-litellm").absolute()
