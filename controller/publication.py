"""A desired-state file in Parameter Store: the file itself, or a head that stands for it.

A standard parameter holds 4 KB, and a short YAML file fits in there as it is. What
`plumbline publish` writes is a head: a JSON document with the file compressed in it or, where that
is too long, the number of the parameters that hold it. Those lie below the head under a name made
of the file's digest, and are written before it: a reader sees the file before, or the file after.
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from controller.yamlfile import MAX_BYTES

HOLDS = 4096
"""Bytes of a standard parameter, which costs nothing."""

MOST_PARTS = 90
"""Parts of a file: 9 calls to read. 360 KB compressed is more than a file may have."""

MOST_WORDS = 200
"""Characters of commit and author."""

_HEAD = {"apiVersion": "plumbline.dev/v1", "kind": "Publication"}


class Broken(ValueError):
    """A head and its parts don't make a file; the message says why."""


class TooLong(Exception):
    """Even compressed, the file has too many parts."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the head says. digest: SHA-256 of the file. parts: how many parameters hold it; 0:
    `data` does. commit, author: whose revision it is, as the publisher said."""

    digest: str
    parts: int
    data: str
    commit: str
    author: str

    def names(self, head: str) -> list[str]:
        """The parameters that hold the file, in order. head: the name of this one."""
        return [f"{head}/{self.digest[:16]}/{number}" for number in range(1, self.parts + 1)]

    def text(self, parts: Sequence[str]) -> bytes:
        """The file. Raises `Broken`."""
        try:
            packed = base64.b64decode("".join(parts) or self.data, validate=True)
            unpacked = zlib.decompressobj(wbits=31)  # gzip
            text = unpacked.decompress(packed, MAX_BYTES + 1)
        except (binascii.Error, zlib.error, ValueError):
            raise Broken("what it holds is no gzip in base64") from None
        if hashlib.sha256(text).hexdigest() != self.digest:
            raise Broken("what it holds is not what its sha256 says")
        return text


def pack(text: bytes, commit: str, author: str) -> tuple[str, list[str], Head]:
    """The head's value, the values of the parts, and what the head says. Raises `TooLong`."""
    data = base64.b64encode(gzip.compress(text, 9, mtime=0)).decode()
    digest = hashlib.sha256(text).hexdigest()
    words = {"commit": one_line(commit), "author": one_line(author)}
    body = {**_HEAD, "sha256": digest, **words, "parts": 0, "data": data}
    value = json.dumps(body)
    parts: list[str] = []
    if len(value) > HOLDS:
        parts = [data[at : at + HOLDS] for at in range(0, len(data), HOLDS)]
        value = json.dumps({**body, "parts": len(parts), "data": ""})
        data = ""
    if len(parts) > MOST_PARTS:
        raise TooLong(f"compressed it has {len(parts) * HOLDS // 1024} KB")
    return value, parts, Head(digest, len(parts), data, **words)


def head_of(value: str) -> Head | None:
    """What a parameter says if it is a head; None if it is a file itself. Raises `Broken`."""
    try:
        body: Any = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("kind") != _HEAD["kind"]:
        return None
    parts, digest, data = body.get("parts"), body.get("sha256"), body.get("data", "")
    if body.get("apiVersion") != _HEAD["apiVersion"]:
        raise Broken(f"apiVersion: found another one, allowed: {_HEAD['apiVersion']}")
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest) <= _HEX:
        raise Broken("sha256: allowed: 64 hex digits")
    if type(parts) is not int or not 0 <= parts <= MOST_PARTS:
        raise Broken(f"parts: allowed: a number from 0 to {MOST_PARTS}")
    if not isinstance(data, str):
        raise Broken("data: allowed: a text")
    words = (one_line(str(body.get(word) or "")) for word in ("commit", "author"))
    return Head(digest, parts, data, *words)


def one_line(words: str) -> str:
    """What somebody calls a revision or themselves, safe to print and to put into a header."""
    return "".join(c if c.isprintable() else " " for c in words).strip()[:MOST_WORDS]


_HEX = frozenset("0123456789abcdef")
