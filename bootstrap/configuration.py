"""The application's configuration file in S3, under a name made of its content.

Another content is another name, so a changed file is a new revision of whatever names it. What lies
there is never overwritten: older revisions go on finding what they were registered with, and going
back to a file is going back to its name.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from controller.leaks import pasted
from controller.manifest import Problem
from controller.yamlfile import Document, YamlError, read

MAX_BYTES = 256 * 1024
FROM_ENVIRONMENT = "os.environ/"
"""How LiteLLM's configuration refers to a variable, and so to a secret.
https://docs.litellm.ai/docs/proxy/configs"""


class Wrong(Exception):
    """The file can't be used; one line for each problem: file, line, field, found, allowed."""


class Different(Exception):
    """Under the file's name lies something else."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A file, checked. key: its name in the bucket."""

    key: str
    body: bytes


def load(path: Path, application: str) -> Configuration:
    """Read and check a file. Raises `Wrong`."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise Wrong(f"{path}:1: {error.strerror}, allowed: a file") from None
    if problems := list(_problems(body, str(path))):
        raise Wrong("\n".join(map(str, problems)))
    return Configuration(f"{application}/{hashlib.sha256(body).hexdigest()}.yaml", body)


def _problems(body: bytes, file: str) -> Iterator[Problem]:
    if len(body) > MAX_BYTES:
        yield Problem(file, 1, "", f"found {len(body):,} bytes, allowed: {MAX_BYTES:,}")
        return
    try:
        documents = read(body)
    except YamlError as error:
        for flaw in error.flaws:
            yield Problem(file, flaw.line, ".".join(map(str, flaw.path)), flaw.message)
        return
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        yield Problem(file, 1, "", f"found {_kind(documents)}, allowed: one mapping")
        return
    for path in _secrets(documents[0].value):
        told = f"found what looks like a secret, allowed: {FROM_ENVIRONMENT}NAME of a variable"
        yield Problem(file, documents[0].line_of(path), ".".join(map(str, path)), told)


def _kind(documents: list[Document]) -> str:
    if len(documents) == 1:
        return f"a {type(documents[0].value).__name__}"
    return f"{len(documents)} documents"


def _secrets(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where secrets seem to stand, by form and by name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _secrets(inner, (*path, index))
    elif isinstance(value, str) and not value.startswith(FROM_ENVIRONMENT):
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        if pasted(name, value, by_name=True):
            yield path


def put(s3: Any, bucket: str, wanted: Configuration) -> bool:
    """Put the file there, unless it is. True if it was not. Raises `Different`, `ClientError`."""
    try:
        s3.put_object(
            Bucket=bucket, Key=wanted.key, Body=wanted.body, ContentType="application/yaml",
            IfNoneMatch="*",
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
            raise
        if s3.get_object(Bucket=bucket, Key=wanted.key)["Body"].read() != wanted.body:
            raise Different(f"s3://{bucket}/{wanted.key}") from None
        return False
    return True
