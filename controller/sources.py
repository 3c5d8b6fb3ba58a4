"""Where desired state comes from, and which revision of it is in force."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from controller.batching import batches
from controller.envelope import allowed
from controller.manifest import DesiredStateError, Environment, Problem, load
from controller.publication import Broken, Head, head_of, one_line
from controller.store import Conflict, Store, StoreFailure, from_body, to_body


@dataclass(frozen=True, slots=True)
class Text:
    """A desired-state file as it was found. commit, author: empty unless its publisher told."""

    body: bytes
    file: str
    commit: str = ""
    author: str = ""


class Refused(Exception):
    """There is something, and it is no file; or nobody can tell. The last one stays in force.

    reason: `DesiredStateInvalid` or `DesiredStateUnknown`.
    """

    def __init__(self, reason: str, problem: Problem) -> None:
        super().__init__(f"{reason}: {problem}")
        self.reason = reason
        self.problem = problem


class Source(Protocol):
    """Where the file of an environment is found."""

    def read(self, environment: str, known: bytes = b"") -> Text | None:
        """The file; None if there is none.

        known: the file accepted last; what is known to be the same need not be read again. Raises
        `StoreFailure`, or `Refused`.
        """


class FileSource:
    """One file of the local disk: what the command line is given."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, environment: str, known: bytes = b"") -> Text | None:
        """The file's text, whatever environment it declares."""
        try:
            return Text(self._path.read_bytes(), str(self._path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFailure(f"{self._path}: {error.strerror}") from None


class GivenSource:
    """A file that is at hand already."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def read(self, environment: str, known: bytes = b"") -> Text | None:
        """The file, whatever environment it declares."""
        return self._text


class StoreSource:
    """`environments/<environment>.yaml` in the state bucket."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, environment: str, known: bytes = b"") -> Text | None:
        """The uploaded file, and what its publisher wrote beside it."""
        key = f"environments/{environment}.yaml"
        found = self._store.get(key)
        if found is None:
            return None
        words = (one_line(unquote(found.metadata.get(k, ""))) for k in ("commit", "author"))
        return Text(found.body, key, *words)

    def environments(self) -> list[str]:
        """Names of all environments that have a file."""
        keys = self._store.list("environments/")
        return [
            key.removeprefix("environments/").removesuffix(".yaml")
            for key in keys
            if key.endswith(".yaml") and key.count("/") == 1
        ]


class ParameterSource:
    """`/<path>environments/<environment>` in Parameter Store, of the control plane's own account.

    A file as somebody put it there, or what `plumbline publish` made of one (`publication`).
    Reading takes one call for up to ten environments; a file in parts one more for ten parts,
    unless it is the one accepted last. client: of SSM. path: without the slash at the front. Lives
    as long as the passes over those environments: what it has read it keeps.
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
    """

    def __init__(self, client: Any, path: str, *environments: str) -> None:
        self._client = client
        self._path = path
        self._names = [parameter_name(path, each) for each in environments]
        self._heads: dict[str, Mapping[str, str]] | None = None
        self._lock = threading.Lock()

    def expect(self, environment: str) -> ParameterSource:
        """This environment will be asked for, too: its head is read with those of the others."""
        self._names.append(parameter_name(self._path, environment))
        return self

    def read(self, environment: str, known: bytes = b"") -> Text | None:
        """The file. One that was published while it was read is read once more."""
        name = parameter_name(self._path, environment)
        with self._lock:
            if self._heads is None:
                self._heads = self._get(self._names)
        try:
            return self._text(name, self._heads.get(name), known)
        except Broken:
            try:
                return self._text(name, self._get([name]).get(name), known)
            except Broken as error:
                raise _invalid(name, "", str(error)) from None

    def _text(self, name: str, held: Mapping[str, str] | None, known: bytes) -> Text | None:
        if held is None:
            return None
        if held["Type"] != "String":
            told = f"found {held['Type']}, allowed String: desired state holds no secrets"
            raise _invalid(name, "Type", told)
        head = head_of(held["Value"])
        if head is None:
            return Text(held["Value"].encode(), name)
        body = known if hashlib.sha256(known).hexdigest() == head.digest else self._body(name, head)
        return Text(body, name, head.commit, head.author)

    def _body(self, name: str, head: Head) -> bytes:
        """The file that a head stands for. Raises `Broken`."""
        names = head.names(name)
        found = self._get(names)
        if missing := [each for each in names if each not in found]:
            raise Broken(
                f"{len(missing)} of {len(names)} parts are missing, the first {missing[0]}"
            )
        return head.text([found[each]["Value"] for each in names])

    def _get(self, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
        found: dict[str, Mapping[str, str]] = {}
        for batch in batches(names, 10):
            try:
                reply = self._client.get_parameters(Names=list(batch))
            except ClientError as error:
                reason = str(error.response.get("Error", {}).get("Code", "Unknown"))
                raise _unknown(batch[0], reason) from None
            except BotoCoreError as error:
                raise _unknown(batch[0], type(error).__name__) from None
            found.update({each["Name"]: each for each in reply["Parameters"]})
        return found


def parameter_name(path: str, environment: str) -> str:
    """The parameter of an environment. path: no slash at the front, one at its end."""
    return f"/{path}environments/{environment}"


def _invalid(name: str, field: str, message: str) -> Refused:
    return Refused("DesiredStateInvalid", Problem(name, 1, field, message))


def _unknown(name: str, why: str) -> Refused:
    message = f"Parameter Store does not tell: {why}"
    return Refused("DesiredStateUnknown", Problem(name, 1, "", message))


@dataclass(frozen=True, slots=True)
class Desired:
    """What is to be enforced.

    environment: None if there is nothing to enforce. refused: why the newest revision is not the
    one in force (empty: it is). problems: what is wrong with it, line by line. commit, author: of
    the one in force, as its publisher told.
    """

    environment: Environment | None
    refused: str = ""
    problems: tuple[Problem, ...] = ()
    commit: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class _Accepted:
    """The revision accepted last, as it is remembered. All empty: none is."""

    text: str = ""
    file: str = ""
    commit: str = ""
    author: str = ""


def desired_state(
    source: Source, store: Store, environment: str, *, remember: bool, now: str
) -> Desired:
    """The revision in force: the newest, if it is sound, else the last accepted one.

    A missing file is not an empty one; a file with nothing in it, or with much less than the
    accepted one, is refused: it is more likely a mistake than an order to stop managing things.
    remember: store a newly accepted revision. Raises `StoreFailure`.
    """
    key = f"accepted/{environment}.json"
    stored = store.get(key)
    old = _accepted(stored.body if stored else None)
    try:
        found = source.read(environment, old.text.encode())
    except Refused as error:
        return _still(old, error.reason, error.problem)
    if found is None:
        return _still(old, "DesiredStateMissing")
    try:
        new = load(found.body, found.file)
    except DesiredStateError as error:
        return _still(old, "DesiredStateInvalid", *error.problems)
    if new.name != environment:
        told = f"found {new.name}, allowed {environment}"
        return _still(old, "DesiredStateInvalid", Problem(found.file, 1, "metadata.name", told))
    same = found.body.decode() == old.text
    if not same and (refused := _shrunken(new, _loaded(old))):
        return _still(old, "DesiredStateShrunken", Problem(found.file, 1, "", refused))
    if remember and not same:
        body = {
            "text": found.body.decode(),
            "file": found.file,
            "revision": new.revision,
            "commit": found.commit,
            "author": found.author,
            "at": now,
        }
        try:
            store.put(key, to_body(body), stored.version if stored else None)
        except Conflict:
            raise StoreFailure(f"{key} was written by somebody else meanwhile") from None
    return Desired(new, commit=found.commit, author=found.author)


def _still(old: _Accepted, reason: str, *problems: Problem) -> Desired:
    """The revision accepted last stays in force, and why."""
    return Desired(_loaded(old), reason, problems, old.commit, old.author)


def _loaded(old: _Accepted) -> Environment | None:
    """None if there is none, or if this release no longer takes it."""
    try:
        return load(old.text.encode(), old.file) if old.text else None
    except DesiredStateError:
        return None


def _accepted(body: bytes | None) -> _Accepted:
    if body is None:
        return _Accepted()
    try:
        held = from_body(body)
        words = (one_line(str(held.get(word, ""))) for word in ("commit", "author"))
        return _Accepted(str(held["text"]), f"{held['file']} (accepted revision)", *words)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _Accepted()


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
