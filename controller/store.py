"""Plumbline's own memory: objects with conditional writes, in S3 or a local directory.

Nothing else is kept anywhere. Every body carries a nonce, so that a retried PUT that meets its own
success can tell it from somebody else's write (S3's ETag of equal bodies is equal).
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

CONFLICT_TRIES = 4
"""S3 answers 409 while two conditional writes race: the loser is told to try again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object and the version of it that was read. metadata: what S3 keeps beside it."""

    body: bytes
    version: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` if it is none."""
        return from_body(self.body)


class Conflict(Exception):
    """Somebody else wrote the object since it was read: nothing was written."""


class StoreFailure(Exception):
    """The store did not answer, or refused. Nothing is known of whether a write took effect."""


class Store(Protocol):
    """Objects by key. Keys look like `inventory/<environment>.json`."""

    def get(self, key: str) -> Stored | None:
        """The object, or None if there is none. Raises `StoreFailure`."""

    def put(self, key: str, body: bytes, expected: str | None) -> str:
        """Write if the object's version is still `expected` (None: if there is no object).

        Returns the new version. Raises `Conflict` or `StoreFailure`.
        """

    def delete(self, key: str) -> None:
        """Remove the object, if it is there. Raises `StoreFailure`."""

    def list(self, prefix: str) -> list[str]:
        """Keys that begin with `prefix`, in order. Raises `StoreFailure`."""


def to_body(document: dict[str, Any]) -> bytes:
    """A JSON document as an object's body, with a new nonce.

    On one line: indented, Python would write it ten times as slowly, and once for each create.
    """
    stamped = {**document, "nonce": uuid.uuid4().hex}
    return (json.dumps(stamped, sort_keys=True, default=str) + "\n").encode()


def from_body(body: bytes) -> Any:
    """JSON as it stands in an object. Raises `ValueError` if it is none, or so deep that nobody
    meant it."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class S3Store:
    """Objects in an S3 bucket.

    client: an S3 client. prefix: put before every key (empty, or ends with `/`).
    """

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def get(self, key: str) -> Stored | None:
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            return Stored(reply["Body"].read(), reply["ETag"], reply.get("Metadata", {}))
        except ClientError as error:
            if _code(error) in ("NoSuchKey", "404"):
                return None
            raise StoreFailure(f"reading {key}: {_code(error)}") from None
        except BotoCoreError as error:
            raise StoreFailure(f"reading {key}: {type(error).__name__}") from None

    def put(self, key: str, body: bytes, expected: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        for attempt in range(CONFLICT_TRIES):
            try:
                reply = self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + key, Body=body, **condition
                )
                return str(reply["ETag"])
            except ClientError as error:
                code = _code(error)
                if code == "ConditionalRequestConflict" and attempt < CONFLICT_TRIES - 1:
                    time.sleep(0.05 * 2**attempt)
                    continue
                if code in ("PreconditionFailed", "412", "NoSuchKey", "ConditionalRequestConflict"):
                    return self._own_success(key, body)
                raise StoreFailure(f"writing {key}: {code}") from None
            except BotoCoreError as error:
                raise StoreFailure(f"writing {key}: {type(error).__name__}") from None
        raise Conflict(key)

    def _own_success(self, key: str, body: bytes) -> str:
        """A retry of a PUT whose first reply was lost meets its own object: that is a success."""
        found = self.get(key)
        if found is not None and found.body == body:
            return found.version
        raise Conflict(key)

    def delete(self, key: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except (ClientError, BotoCoreError) as error:
            raise StoreFailure(f"deleting {key}: {type(error).__name__}") from None

    def list(self, prefix: str) -> list[str]:
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            return [
                o["Key"].removeprefix(self._prefix)
                for page in pages
                for o in page.get("Contents", ())
            ]
        except (ClientError, BotoCoreError) as error:
            raise StoreFailure(f"listing {prefix}: {type(error).__name__}") from None


class DirectoryStore:
    """Objects as files below a directory: for the command line, before there is a bucket.

    Safe between processes of one machine (a lock file), and across a crash (write, sync, rename).
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, key: str) -> Stored | None:
        try:
            body = (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFailure(f"reading {key}: {error.strerror}") from None
        return Stored(body, _digest(body))

    def put(self, key: str, body: bytes, expected: str | None) -> str:
        with self._locked():
            found = self.get(key)
            if (found.version if found else None) != expected:
                raise Conflict(key)
            path = self._root / key
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
                with draft.open("wb") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            except OSError as error:
                raise StoreFailure(f"writing {key}: {error.strerror}") from None
        return _digest(body)

    def delete(self, key: str) -> None:
        with self._locked():
            (self._root / key).unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:
        keys = (
            path.relative_to(self._root).as_posix()
            for path in self._root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
        return sorted(key for key in keys if key.startswith(prefix))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with (self._root / ".lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise StoreFailure(f"locking {self._root}: {error.strerror}") from None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
