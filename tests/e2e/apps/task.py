"""A task of ECS, run for real: the registered definition's command and environment, its secrets as
they are, its own health check. No docker: the image's program lies in a virtual environment.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.e2e.apps.servers import Process

WORK_S = 300
"""How long work that is done once may take."""

SLOWER = 3
"""How much slower than Fargate the machine may be."""

HEALTHY, UNHEALTHY, STOPPED = "HEALTHY", "UNHEALTHY", "STOPPED"


@dataclass(frozen=True)
class Image:
    """What an image brings: its entry point's program, and environment of its own."""

    entrypoint: tuple[str, ...]
    env: Mapping[str, str]


class NotStarted(Exception):
    """ECS could not start the task; the text is its `stoppedReason`."""


def definition(aws: boto3.Session, cluster: str, service: str) -> dict[str, Any]:
    """The task definition that a service runs, as it is registered."""
    ecs = aws.client("ecs")
    (found,) = ecs.describe_services(cluster=cluster, services=[service])["services"]
    return registered(aws, found["taskDefinition"])


def registered(aws: boto3.Session, name: str) -> dict[str, Any]:
    """A task definition by ARN or family."""
    found = aws.client("ecs").describe_task_definition(taskDefinition=name)
    told: dict[str, Any] = found["taskDefinition"]
    return told


def secret(aws: boto3.Session, source: str) -> str:
    """What a container gets for `valueFrom`. Raises `NotStarted` in ECS's words.

    `arn:…:secret:name[:key:stage:version]`, or a parameter's ARN or name.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    try:
        if ":secretsmanager:" not in source:
            name = source.partition(":parameter")[2] or source
            found = aws.client("ssm").get_parameter(Name=name, WithDecryption=True)
            return str(found["Parameter"]["Value"])
        parts = [*source.split(":"), "", "", ""]
        asked = {"SecretId": ":".join(parts[:7]), "VersionStage": parts[8], "VersionId": parts[9]}
        manager = aws.client("secretsmanager")
        text = manager.get_secret_value(**{k: v for k, v in asked.items() if v})["SecretString"]
        return str(json.loads(text)[parts[7]]) if parts[7] else str(text)
    except ClientError as error:
        raise NotStarted(
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to "
            f"retrieve secret from asm: {error.response['Error']['Code']}: {source}"
        ) from error


class Task:
    """A task definition of one container, running.

    aws: as whom secrets are read. folder: where its output goes.
    """

    def __init__(
        self, aws: boto3.Session, told: dict[str, Any], image: Image, folder: Path
    ) -> None:
        self.arn: str = told["taskDefinitionArn"]
        (self.told,) = told["containerDefinitions"]
        secrets, environment = self.told.get("secrets", ()), self.told.get("environment", ())
        self.secrets = {s["name"]: secret(aws, s["valueFrom"]) for s in secrets}
        self.registered = {e["name"]: e["value"] for e in environment}
        self._image = image
        self.env = {
            **image.env,
            **_of_ecs(aws.region_name),
            **self.registered,
            **self.secrets,
        }
        entry = self.told.get("entryPoint") or image.entrypoint
        folder.mkdir(parents=True)
        self.argv = [*entry, *(self.told.get("command") or ())]
        self.began = time.time()
        self._process = Process([*self.argv], folder / "log", self._env_in(folder))
        self.why = ""

    def _env_in(self, folder: Path) -> dict[str, str]:
        self.env = {"HOME": str(folder), "TMPDIR": str(folder), **self.env}
        return self.env

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the running process, as the kernel has it."""
        block = Path(f"/proc/{self._process.pid}/environ").read_bytes().decode()
        return dict(each.split("=", 1) for each in block.split("\0") if "=" in each)

    def health(self) -> str:
        """Wait for what ECS would say: HEALTHY, UNHEALTHY or STOPPED; `why` tells.

        Time is shortened, and nothing else: failures count, `retries` of them, from when the
        program listens, and a check follows the last after a second. A program that never listens
        gets a multiple of its start period, for a busy machine is slower than Fargate.
        """
        how = self.told["healthCheck"]
        end = time.monotonic() + how.get("startPeriod", 0) * SLOWER
        failures = 0
        while failures < how["retries"]:
            if self._process.code is not None:
                self.why = f"Essential container in task exited: {self._process.code}"
                return STOPPED
            listens = self._listens()
            if listens and self.check():
                return HEALTHY
            failures += listens or time.monotonic() > end
            time.sleep(1)
        self.why = f"Task failed container health checks: {self.why}"
        return UNHEALTHY

    def _listens(self) -> bool:
        """Whether the first of its ports is open."""
        port = self.told["portMappings"][0]["containerPort"]
        with socket.socket() as some:
            return some.connect_ex(("127.0.0.1", port)) == 0

    def check(self) -> bool:
        """The registered health check, once, in the container's environment."""
        how, *argv = self.told["healthCheck"]["command"]
        command = ["/bin/sh", "-c", *argv] if how == "CMD-SHELL" else argv
        try:
            done = subprocess.run(
                command, env=self.env, cwd=self._process.log.parent, check=False, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=self.told["healthCheck"]["timeout"],
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            self.why = "timed out"
            return False
        self.why = done.stdout.strip().rpartition("\n")[2]
        return done.returncode == 0

    def memory(self) -> int:
        """Bytes of memory that the task's processes hold now."""
        pages = 0
        for each in Path("/proc").glob("[0-9]*"):
            try:
                if os.getsid(int(each.name)) == self._process.pid:
                    pages += int((each / "statm").read_text("ascii").split()[1])
            except (OSError, ProcessLookupError):
                continue
        return pages * os.sysconf("SC_PAGE_SIZE")

    def finish(self) -> int:
        """Wait until work that ends has ended. The exit code."""
        return self._process.wait(WORK_S)

    def stop(self) -> int:
        """As ECS does: SIGTERM, and SIGKILL after `stopTimeout`. The exit code."""
        return self._process.stop(self.told.get("stopTimeout", 30))

    def tail(self) -> str:
        return self._process.tail()


def _of_ecs(region: str) -> dict[str, str]:
    """What ECS on Fargate puts into each container's environment."""
    return {
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/task",
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": region,
    }
