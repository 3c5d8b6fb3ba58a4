"""Revisions of desired state that were in force before, from the versions that S3 keeps.

`accepted/<environment>.json` is written at each new revision, wherever the file comes from, and the
control plane's bucket keeps its versions; the history tells which of them have converged.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controller.batching import batches
from controller.publication import one_line
from controller.store import Store, from_body

MOST = 50
"""Revisions that are looked at, the newest."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One that was in force. revision: as status and history name it. at: since when."""

    revision: str
    text: bytes
    commit: str
    author: str
    at: str


def accepted(client: Any, bucket: str, environment: str) -> Iterator[Revision]:
    """Those that were accepted, the newest first, each once. client: of S3.

    What can't be read as a revision is left out. Raises `ClientError`, `BotoCoreError`.
    """
    key, seen = f"accepted/{environment}.json", set()
    reply = client.list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=MOST)
    for version in reply.get("Versions") or ():
        if version["Key"] != key:
            continue
        held = client.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
        try:
            body = from_body(held["Body"].read())
            words = {
                word: one_line(str(body.get(word) or "")) for word in ("commit", "author", "at")
            }
            found = Revision(str(body["revision"]), str(body["text"]).encode(), **words)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if found.revision not in seen:
            seen.add(found.revision)
            yield found


def converged(store: Store, environment: str, revision: str) -> bool:
    """Whether the environment was once as that revision says. Raises `StoreFailure`."""
    keys = sorted(store.list(f"history/{environment}/"), reverse=True)
    return any(_tells(store, key, revision) for batch in batches(keys, 50) for key in batch)


def _tells(store: Store, key: str, revision: str) -> bool:
    found = store.get(key)
    try:
        rows = found.json["events"] if found else ()
        return any(r["type"] == "Converged" and r.get("revision") == revision for r in rows)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
