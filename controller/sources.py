"""Where desired state comes from, and which revision of it is in force."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.envelope import allowed
from controller.manifest import DesiredStateError, Environment, Problem, load
from controller.store import Conflict, Store, StoreFailure, to_body


@dataclass(frozen=True, slots=True)
class Text:
    """A desired-state file as it was found."""

    body: bytes
    file: str


class Source(Protocol):
    """Where the file of an environment is found."""

    def read(self, environment: str) -> Text | None:
        """The file; None if there is none. Raises `StoreFailure` if that can't be told."""


class FileSource:
    """One file of the local disk: what the command line is given."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, environment: str) -> Text | None:
        """The file's text, whatever environment it declares."""
        try:
            return Text(self._path.read_bytes(), str(self._path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFailure(f"{self._path}: {error.strerror}") from None


class StoreSource:
    """`environments/<environment>.yaml` in the state bucket."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, environment: str) -> Text | None:
        """The uploaded file."""
        key = f"environments/{environment}.yaml"
        found = self._store.get(key)
        return Text(found.body, key) if found else None

    def environments(self) -> list[str]:
        """Names of all environments that have a file."""
        keys = self._store.list("environments/")
        return [
            key.removeprefix("environments/").removesuffix(".yaml")
            for key in keys
            if key.endswith(".yaml") and key.count("/") == 1
        ]


@dataclass(frozen=True, slots=True)
class Desired:
    """What is to be enforced.

    environment: None if there is nothing to enforce. refused: why the newest revision is not the
    one in force (empty: it is). problems: what is wrong with it, line by line.
    """

    environment: Environment | None
    refused: str = ""
    problems: tuple[Problem, ...] = ()


def desired_state(
    source: Source, store: Store, environment: str, *, remember: bool, now: str
) -> Desired:
    """The revision in force: the newest, if it is sound, else the last accepted one.

    A missing file is not an empty one; a file with nothing in it, or with much less than the
    accepted one, is refused: it is more likely a mistake than an order to stop managing things.
    remember: store a newly accepted revision. Raises `StoreFailure`.
    """
    found = source.read(environment)
    key = f"accepted/{environment}.json"
    accepted = store.get(key)
    old_text, old_file = _accepted(accepted.body if accepted else None)
    old: Environment | None = None
    if old_text and (found is None or found.body.decode(errors="replace") != old_text):
        try:
            old = load(old_text.encode(), old_file)
        except DesiredStateError:
            old = None
    if found is None:
        return Desired(old, "DesiredStateMissing")
    try:
        new = load(found.body, found.file)
    except DesiredStateError as error:
        return Desired(old, "DesiredStateInvalid", tuple(error.problems))
    if new.name != environment:
        problem = Problem(
            found.file, 1, "metadata.name", f"found {new.name}, allowed {environment}"
        )
        return Desired(old, "DesiredStateInvalid", (problem,))
    if refused := _shrunken(new, old):
        problem = Problem(found.file, 1, "", refused)
        return Desired(old, "DesiredStateShrunken", (problem,))
    if remember and found.body.decode() != old_text:
        body = {
            "text": found.body.decode(),
            "file": found.file,
            "revision": new.revision,
            "at": now,
        }
        try:
            store.put(key, to_body(body), accepted.version if accepted else None)
        except Conflict:
            raise StoreFailure(f"{key} was written by somebody else meanwhile") from None
    return Desired(new)


def _accepted(body: bytes | None) -> tuple[str, str]:
    if body is None:
        return "", ""
    try:
        document = json.loads(body)
        return document["text"], f"{document['file']} (accepted revision)"
    except (ValueError, KeyError, TypeError):
        return "", ""


def _shrunken(new: Environment, old: Environment | None) -> str:
    """Why the new revision may not follow the old one; empty if it may."""
    if old is None or not old.resources:
        return ""
    if not new.resources:
        return f"found no resources, the accepted revision has {len(old.resources)}"
    gone = [key for key in old.resources if key not in new.resources]
    if len(gone) > allowed(new.limits.max_removals, len(old.resources)):
        names = ", ".join(gone[:4]) + (", …" if len(gone) > 4 else "")
        return (
            f"found {len(gone)} of {len(old.resources)} resources removed ({names}), allowed "
            f"{new.limits.max_removals} (spec.limits.maxRemovals)"
        )
    return ""
