"""Handing desired state over: to the state bucket, or to Parameter Store.

Readers see the file before or the file after, whatever becomes of the publisher. What is the same
already is left alone.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from controller.batching import batches
from controller.publication import head_of, one_line, pack
from controller.sources import ParameterSource, parameter_name
from controller.store import Conflict, Stored

KEPT = timedelta(hours=1)
"""Parts of an earlier file stay that long: somebody may be reading or writing them."""


def to_bucket(
    client: Any,
    bucket: str,
    environment: str,
    text: bytes,
    before: Stored | None,
    *,
    commit: str,
    author: str,
) -> None:
    """Put the file where the one is that was read, with commit and author beside it.

    client: of S3. before: what was read; None if nothing was. Raises `Conflict` if somebody else
    has published meanwhile, `ClientError`, `BotoCoreError`.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html: US-ASCII alone
    """
    key = f"environments/{environment}.yaml"
    words = {"commit": commit, "author": author}
    metadata = {k: quote(one_line(word), safe=" <>@") for k, word in words.items() if word}
    condition = {"IfMatch": before.version} if before else {"IfNoneMatch": "*"}
    try:
        client.put_object(
            Bucket=bucket, Key=key, Body=text, ContentType="application/yaml", Metadata=metadata,
            **condition,
        )  # fmt: skip
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code not in ("PreconditionFailed", "412", "ConditionalRequestConflict", "NoSuchKey"):
            raise
        held = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if held != text:  # else the first try went well, and its reply was lost
            raise Conflict(key) from None


def to_parameters(
    client: Any, path: str, environment: str, text: bytes, *, commit: str, author: str
) -> None:
    """Parts first, then the head; read back; then the parts of files before the last one go.

    client: of SSM. path: without the slash at the front. Raises `TooLong`, `Refused` if what is
    there now is not what was written, `ClientError`, `BotoCoreError`. Old parts that can't be
    removed now are removed another time.
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
    """
    name = parameter_name(path, environment)
    before = _names(client, name)
    value, parts, head = pack(text, commit, author)
    for part, held in zip(head.names(name), parts, strict=True):
        _put(client, part, held, f"A part of {name}")
    _put(client, name, value, f"Desired state of {environment}, by plumbline publish")
    ParameterSource(client, path, environment).read(environment)
    with suppress(ClientError, BotoCoreError):
        _tidy(client, name, {*before, *head.names(name)})


def _names(client: Any, name: str) -> list[str]:
    """The parts of the file that is there now."""
    held = client.get_parameters(Names=[name])["Parameters"]
    try:
        head = head_of(held[0]["Value"]) if held else None
    except ValueError:
        return []
    return head.names(name) if head else []


def _put(client: Any, name: str, value: str, description: str) -> None:
    """Advanced parameters can't become standard ones again, so the tier is AWS's choice."""
    client.put_parameter(
        Name=name, Value=value, Type="String", Description=description, Overwrite=True,
        Tier="Intelligent-Tiering",
    )  # fmt: skip


def _tidy(client: Any, name: str, needed: set[str]) -> None:
    """Remove old parts, but those that are needed or young."""
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=name, Recursive=True)
    young = datetime.now(UTC) - KEPT
    old = [
        each["Name"]
        for page in pages
        for each in page["Parameters"]
        if each["Name"] not in needed and each["LastModifiedDate"] < young
    ]
    for batch in batches(old, 10):
        client.delete_parameters(Names=list(batch))
