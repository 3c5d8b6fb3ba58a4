"""Secrets that stand in command lines, as other people write them."""

from __future__ import annotations

import pytest

from controller.leaks import hide, in_command
from controller.redact import HIDDEN, shown


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "--ftp-password", "open-sesame"],
        ["sh", "-c", "DB_PASSWORD=abcd1234 ./run"],
        ["docker", "run", "--env", "API_TOKEN=abc-def"],
        ["--api-key=abcdefg"],
        ["run", "--token", "'a b c'"],
        ["redis-server", "--requirepass", "abcdef1"],
        ["CMD-SHELL", "curl -sf -u admin:s3cr3t localhost:8080/health || exit 1"],
        ["curl", "--user", "admin:s3cr3t", "http://localhost"],
        ["CMD-SHELL", "redis-cli -a s3cr3t ping | grep PONG"],
        ["valkey-cli", "-h", "cache", "-a", "s3cr3t", "ping"],
        ["mysqladmin", "ping", "-uroot", "-ps3cr3t"],
        ["CMD-SHELL", "sshpass -p s3cr3t ssh host"],
    ],
    ids=" ".join,
)
def test_found_in_a_command(words: list[str]) -> None:
    assert in_command(words)
    assert hide(("command",), words)
    assert shown(["command"], {"command": words}) == {"command": HIDDEN}


@pytest.mark.parametrize(
    "words",
    [
        ["--password-file", "/run/secrets/x"],
        ["--password", "$PASSWORD"],
        ["sh", "-c", "TOKEN=${T} run"],
        ["--token", "--verbose"],
        ["--secret-id", "prod/x"],
        ["--password", "8"],
        ["worker", "--concurrency=10"],
        ["CMD-SHELL", "curl -sf localhost:8080/health || exit 1"],
        ["redis-server", "--requirepass"],
        ["make", "pass"],
        ["CMD-SHELL", "curl -u admin:$PASSWORD localhost"],
        ["CMD-SHELL", "redis-cli -a $AUTH ping"],
        ["CMD-SHELL", "redis-cli ping && ls -a /data"],
        ["mysqladmin", "ping", "-uroot", "-p$${ROOT}"],
        ["sh", "-c", "mkdir -p /data && mongo --quiet"],
        [],
    ],
    ids=" ".join,
)
def test_nothing_to_be_found_in_a_command(words: list[str]) -> None:
    assert not in_command(words)
    assert not hide(("command",), words)
    assert shown(["command"], words) == words
