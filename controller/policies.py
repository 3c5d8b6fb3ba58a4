"""Field policies: what is known of how AWS treats a field, so that its echo is not called drift.

A spec model annotates its fields with these markers; `diff` alone interprets them. Each names the
case of the case book (`docs/reference/cases.md`) it answers. A policy never folds more than it
must: an unexpected live value of a field we own is drift, whatever AWS calls its default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Doc = dict[str, Any]
"""A document in our language: camelCase keys, JSON values, an absent key for "not declared"."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a policy may look at beside the two values: both whole specs, and AWS's raw words.

    desired: the spec asked for. live: the spec AWS shows (`Handler.to_spec`). raw: the observed
    document. account, region: where the environment lives.
    """

    desired: Doc
    live: Doc
    raw: Mapping[str, Any] = field(default_factory=dict)
    account: str = ""
    region: str = ""


Cases = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServerDefault:
    """Undeclared and live equals `value`: in sync. Any other live value is reported as undeclared.

    value: the documented default, or a function of the situation (engine, size) that gives it.
    """

    value: Any
    cases: Cases = ()

    def of(self, situation: Situation) -> Any:
        """The default that AWS documents for this situation."""
        return self.value(situation) if callable(self.value) else self.value


@dataclass(frozen=True, slots=True)
class AnyWhenUndeclared:
    """Undeclared: the value is AWS's choice and not worth a report. Never on security fields.

    moves: AWS changes it by itself in time (a certificate authority is rotated), so that an import
    does not write it down.
    """

    cases: Cases = ()
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Unordered:
    """A list whose order has no meaning. `key` aligns a list of objects by these members."""

    key: tuple[str, ...] = ()
    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class CaseInsensitive:
    """AWS changes the letter case."""

    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class VersionPrefix:
    """A declared version is met by every live version that it is a prefix of (`16` by `16.4`).

    Whole parts only: `1` is no prefix of `16.4`. `x` stands for any part (`6.x`).
    """

    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class Canonical:
    """Both sides go through `form` before they are compared, because AWS spells values its way."""

    form: Callable[[Any], Any]
    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class OwnedBy:
    """Another actor rightly holds the field now.

    when: (situation, wanted, live) → True while `owner` holds the live value: no drift, no write.
    wanted: what the value should be where `owner` oversteps (the autoscaler's bound); it then
    counts as drift even if the field is undeclared. None: no opinion.
    """

    owner: str
    when: Callable[[Situation, Any, Any], bool]
    wanted: Callable[[Situation, Any], Any] | None = None
    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class CreateOnly:
    """AWS can't change it in place: a difference is `immutable` and blocked, not replaced.

    unless: (situation) → True where AWS can after all.
    """

    cases: Cases = ()
    unless: Callable[[Situation], bool] = lambda situation: False


@dataclass(frozen=True, slots=True)
class WriteOnly:
    """AWS never shows it. It is compared by the recorded version of the secret it comes from."""

    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class TakenAtStart:
    """Names a secret that is read only when the resource starts: a new version wants a restart.

    The engine adds to each `${Secret.x.arn}` here which version is current (`versioned.marked`);
    AWS never shows that, so it is compared with what was last applied.
    started: (situation) → when what runs now was started (epoch milliseconds); None: not told.
    """

    started: Callable[[Situation], int | None] = lambda situation: None
    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class ActionOption:
    """Not a property of the resource: it steers how a call is made and is never compared."""

    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class Keyed:
    """A map of which only our keys are ours: others are undeclared and left alone."""

    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class KeysOf:
    """A list of keys of the map `other` beside it, whose value is `value` for these: what is
    listed on one side and has another value on the other is one difference, in the map."""

    other: str
    value: Any
    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What AWS keeps as a resource of its own: taken out of the file it ends, if it was in it."""

    cases: Cases = ()


@dataclass(frozen=True, slots=True)
class Achieved:
    """A number that AWS reaches only by what we do, never moved by others: while it is behind, that
    is work to do and no drift; further along is as good."""

    cases: Cases = ()


Policy = (
    ServerDefault
    | AnyWhenUndeclared
    | Unordered
    | CaseInsensitive
    | VersionPrefix
    | Canonical
    | OwnedBy
    | CreateOnly
    | WriteOnly
    | TakenAtStart
    | ActionOption
    | Keyed
    | KeysOf
    | Withdrawn
    | Achieved
)


def version_matches(declared: str, live: str) -> bool:
    """True if `declared` is a prefix of `live` by whole parts, `x` standing for any part.

    `5.7.44` is met by `5.7.44-rds.20240408`, too.
    """
    want, have = re.split(r"[.-]", str(declared)), re.split(r"[.-]", str(live))
    return len(want) <= len(have) and all(
        w == "x" or w == h for w, h in zip(want, have, strict=False)
    )
