"""Revisions of desired state that were in force before, from the versions that S3 keeps.

`accepted/<environment>.json` is written at each new revision, wherever the file comes from, and the
control plane's bucket keeps its versions; the history tells which of them have converged.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

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
    """Those that were accepted, the newest first; one that came back, once for each time. client:
    of S3.

    What can't be read as a revision is left out. Raises `ClientError`, `BotoCoreError`.
    """
    key, last = f"accepted/{environment}.json", ""
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
        if found.revision != last:
            last = found.revision
            yield found


def before(found: Sequence[Revision], text: bytes | None) -> list[Revision]:
    """Those to go back to from the text in force, the nearest first. found: as `accepted` has them.

    Where the one in force is itself one that came back, what it came back from is not before it:
    whoever goes back twice goes back further.
    """
    if not found or text is None or found[0].text != text:
        return list(found)
    again = [at for at, each in enumerate(found) if at and each.revision == found[0].revision]
    return [r for r in found[(again or [0])[0] + 1 :] if r.revision != found[0].revision]


class Converged:
    """Which revisions an environment was once as: its history, read as far as is asked for."""

    def __init__(self, store: Store, environment: str) -> None:
        self._known: set[str] = set()
        self._rest = _told(store, environment)

    def __contains__(self, revision: str) -> bool:
        """Raises `StoreFailure`."""
        while revision not in self._known:
            batch = next(self._rest, None)
            if batch is None:
                return False
            self._known |= batch
        return True


def _told(store: Store, environment: str) -> Iterator[set[str]]:
    """Revisions that one object of the history tells of as converged, the newest object first."""
    for key in sorted(store.list(f"history/{environment}/"), reverse=True):
        found = store.get(key)
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            rows = found.json["events"] if found else ()
            yield {str(r.get("revision")) for r in rows if r["type"] == "Converged"}
