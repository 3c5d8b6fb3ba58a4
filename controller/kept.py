"""What was read before and need not be read again, while there is evidence that it still holds.

Evidence is of two kinds. A *token* is what AWS moves with each change: a lock token, a version, a
date of last modification. What was read under it holds while it stands, for `TOKEN_S` at most.
Where AWS gives no token there is *time*: a pass that only its interval asked for, half the floor or
shorter, goes by what was read up to `FLOOR_S` ago; one that a change event, a commit or a person
asked for reads all anew.

Both end with whatever we do ourselves, in this process or another: each write is preceded by one to
the inventory, whose version is part of the evidence. What goes by time is handed from process to
process in the environment's lease, else many workers would read it as often as one each. A read
that fails leaves nothing behind.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from controller.aws import Aws

T = TypeVar("T")

FLOOR_S = 300.0
"""What changes in what AWS gives no token for is seen this late at the latest."""
TOLD_S = 600.0
"""The same where AWS tells of each change by an event of its own, which needs no trail."""
TOKEN_S = 3600.0
"""No token is trusted for longer."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What passes may go by. at: when they began, in seconds of Unix time.

    marks: environment → what tells one state of our own memory of it from another. steady: the
    environments that nothing but their short interval asked for.
    """

    at: float
    marks: Mapping[str, str]
    steady: frozenset[str] = frozenset()

    @classmethod
    def shared(cls, each: list[Trust]) -> Trust:
        """That of several passes together."""
        marks = {name: mark for one in each for name, mark in one.marks.items()}
        steady = frozenset(name for one in each for name in one.steady)
        return cls(min(one.at for one in each), marks, steady)


@dataclass(frozen=True, slots=True)
class Held:
    """Something that was read. at: when the pass began that read it."""

    at: float
    evidence: tuple[Any, ...]
    value: Any


def under_token(
    aws: Aws, environment: str, what: tuple[str, ...], token: Any, read: Callable[[], T]
) -> T:
    """What `read` gave, unless the token has moved since. Raises as `read`.

    environment: one whose own writes may not move the token at once; empty where they do. what:
    service, part and identifier of what is read. Its value is shared: not to be changed.
    """
    if aws.trust is None or (environment and environment not in aws.trust.marks):
        return read()
    evidence = (aws.trust.marks.get(environment), token)
    held = _held(aws, environment, what, evidence, TOKEN_S)
    if held is None:
        held = _of(aws, environment)[what] = Held(aws.trust.at, evidence, read())
    value: T = held.value
    return value


def for_a_while(aws: Aws, environment: str, what: tuple[str, ...], read: Callable[[], T]) -> T:
    """What `read` gave up to `FLOOR_S` ago, unless we wrote something. Raises as `read`."""
    held = recall(aws, environment, what)
    if held is None:
        value = read()
        keep(aws, environment, what, value)
        return value
    known: T = held.value
    return known


def recall(
    aws: Aws, environment: str, what: tuple[str, ...], longest: float = FLOOR_S
) -> Held | None:
    """What was kept up to `longest` ago, if this pass may go by it.

    When its time is up comes from its name: else all would be read anew at once, ever after.
    """
    if aws.trust is None or environment not in aws.trust.steady:
        return None
    held = _held(aws, environment, what, (aws.trust.marks[environment],), longest)
    phase = zlib.crc32(repr((environment, what)).encode()) % longest
    if held is None or (held.at + phase) // longest != (aws.trust.at + phase) // longest:
        return None
    return held


def keep(aws: Aws, environment: str, what: tuple[str, ...], value: Any) -> None:
    """Remember what was read just now."""
    if aws.trust is not None and environment in aws.trust.marks:
        evidence = (aws.trust.marks[environment],)
        _of(aws, environment)[what] = Held(aws.trust.at, evidence, value)


def handed_on(aws: Aws, environment: str) -> list[Any]:
    """What the next pass over it may go by, wherever it runs."""
    return [
        [list(what), held.at, *held.evidence, held.value]
        for what, held in _of(aws, environment).items()
        if len(held.evidence) == 1
    ]


def taken_over(aws: Aws, environment: str, rows: list[Any]) -> None:
    """Go by what was handed on; what can't be read is nothing."""
    for row in rows:
        try:
            what, at, mark, value = row
            key, here = tuple(map(str, what)), _of(aws, environment)
            if key not in here or here[key].at < float(at):
                here[key] = Held(float(at), (str(mark),), value)
        except (TypeError, ValueError):
            continue


def _of(aws: Aws, environment: str) -> dict[tuple[str, ...], Held]:
    found: dict[tuple[str, ...], Held] = aws.cache.setdefault(("kept", environment), {})
    return found


def _held(
    aws: Aws, environment: str, what: tuple[str, ...], evidence: tuple[Any, ...], longest: float
) -> Held | None:
    held = _of(aws, environment).get(what)
    if aws.trust is None or held is None or held.evidence != evidence:
        return None
    return held if 0 <= aws.trust.at - held.at < longest else None
