"""What AWS's schemas say of each field beside what our model and its policies say.

Each comparison ends in a verdict; one that disagrees needs a reason in `reasons/<Kind>.yaml`, which
names just what differs: a schema that later says something else makes it a new disagreement.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex

from controller.policies import ActionOption, CreateOnly, Unordered, WriteOnly
from tests.fidelity.schemas import api, defaults, ours, provider, shown, spelling, words
from tests.fidelity.schemas.places import KEY, NAME, Place, place
from tests.fidelity.schemas.said import Said

ODD = " \t\né漢_-./:=+@#$%&*!?'\"<>(){},;\\|~^`[]A0"
LEAVES = ("text", "whole number", "number", "switch", "timestamp", "bytes")


@dataclass(frozen=True)
class Verdict:
    """One thing that a schema says of one field. differs: empty if we say the same."""

    kind: str
    at: str
    aspect: str
    differs: str
    source: str
    path: str

    @property
    def key(self) -> tuple[str, str]:
        """By what a reason is found."""
        return self.at, f"{self.aspect}: {self.differs}"


@cache
def verdicts(kind: str) -> tuple[Verdict, ...]:
    """All comparisons of a kind."""
    found = []
    for said in (*api.said(kind), *provider.said(kind)):
        spot = place(kind, said.path)
        assert spot
        for aspect, check in CHECKS.items():
            for differs in check(said, spot):
                found.append(Verdict(kind, said.at, aspect, differs, said.source, said.path))
    for at, entry in words.table(kind).items():
        path = words.paths(kind).get(at)
        if path is None:
            continue  # the models say nothing of it any more: `words.stale` tells
        spot = place(kind, path)
        assert spot
        for name, read_as in (("unsaid", defaults.unsaid), ("limits", _limits)):
            if name in entry:
                for aspect, differs in read_as(kind, spot, entry[name]):
                    source = f"words/{kind}.yaml {name}"
                    found.append(Verdict(kind, at, aspect, differs, source, path))
    for spot, differs in defaults.undocumented(kind):
        found.append(Verdict(kind, spot.at, "default", differs, "", spot.path))
    for spot, differs, source in shown.verdicts(kind):
        found.append(Verdict(kind, spot.at, "shown", differs, source, spot.path))
    return tuple(found)


def _limits(kind: str, spot: Place, entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What words say of a value: as if a schema had said it; and samples."""

    def said(sort: str, low: str, high: str) -> Said:
        return Said(kind, spot.path, "words", spot.at, sort, tuple(entry.get("words", ())),
                    entry.get(low), entry.get(high))  # fmt: skip

    yield from itertools.chain(
        (("words", d) for d in _enum(said("", "", ""), spot)),
        (("bounds", d) for d in _bounds(said("number", "low", "high"), spot)),
        (("bounds", d) for d in _bounds(said("text", "shortest", "longest"), spot)),
        (("bounds", d) for d in _bounds(said("list", "fewest", "most"), spot)),
    )
    refused = [v for v in entry.get("takes", ()) if not ours.takes(kind, spot.path, v)]
    taken = [v for v in entry.get("refuses", ()) if not ours.refuses(kind, spot.path, v)]
    for word, values in (("refused", refused), ("taken", taken)):
        if values:
            yield "samples", f"{word} here: {_words(str(v)[:40] for v in values)}"
    if not refused and not taken and ("takes" in entry or "refuses" in entry):
        yield "samples", ""


def disagreements(kind: str) -> dict[tuple[str, str], list[Verdict]]:
    """Those that differ, by key: the same thing said by several members is one."""
    found: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts(kind):
        if verdict.differs:
            found.setdefault(verdict.key, []).append(verdict)
    return found


def _words(values: Any) -> str:
    return ", ".join(str(v) for v in values)


def _sort(said: Said, spot: Place) -> Iterator[str]:
    """Texts as texts, numbers as numbers."""
    if said.source.startswith("AWS::") or said.sort not in LEAVES or _object(spot):
        return
    same = said.sort in spot.sort.split(" or ") or (
        said.sort == "number" and "whole number" in spot.sort
    )
    pair = spot.sort == "switch" and len(said.enum) == 2
    yield "" if same or pair else f"{said.sort} there, {spot.sort} here"


def _object(spot: Place) -> bool:
    return any(s in ("object", "anything") for s in spot.sort.split(" or "))


def _enum(said: Said, spot: Place) -> Iterator[str]:
    """A word for each of theirs, and no other."""
    if not said.enum or spot.sort == "switch" or _object(spot):
        return
    if not spot.choices:
        refused = [v for v in said.enum if not ours.takes(said.kind, said.path, v)]
        if refused:
            yield f"refused here: {_words(refused)}"
        elif not ours.refuses(said.kind, said.path, "no-such-word"):
            yield f"any word is taken here, there only {_words(said.enum)}"
        else:
            yield ""
        return
    fold: Callable[[Any], Any] = lambda v: str(v).lower()  # noqa: E731 (some are spelt any way)
    theirs, mine = {fold(v) for v in said.enum}, {fold(v) for v in spot.choices}
    lacks = [v for v in said.enum if fold(v) not in mine]
    more = [v for v in spot.choices if fold(v) not in theirs]
    if lacks:
        yield f"not here: {_words(lacks)}"
    if more:
        yield f"only here: {_words(more)}"
    if not lacks and not more:
        yield ""


def _bounds(said: Said, spot: Place) -> Iterator[str]:
    """Not stricter, not looser."""
    if (said.low is None and said.high is None) or _object(spot):
        return
    if said.sort in ("whole number", "number") and "number" in spot.sort:
        yield from _number(said)
    elif said.sort == "text" and "text" in spot.sort and not spot.choices:
        yield from _length(said)
    elif said.sort in ("list", "map") and ("list" in spot.sort or "map" in spot.sort):
        low, high = ours.lengths(spot)
        if said.low is not None:
            least = low or 0
            absent = said.low == 1 and not said.needed  # an empty one is none, and not sent
            yield "" if least == said.low or absent else (
                f"at least {said.low:g} entries there, {least} here")  # fmt: skip
        if said.high is not None:
            same = high == said.high or _counted(said)
            yield (
                "" if same else f"at most {said.high:g} entries there, {high or 'any number'} here"
            )


def _counted(said: Said) -> bool:
    """True if just so many entries are taken as there are at most, whatever it is that counts."""
    most = int(said.high or 0)
    if most > 1000:
        return False
    for held in ours.values(said.kind, said.path):
        if not held or not isinstance(held, (list, dict)):
            continue
        fits, more = _many(held, most), _many(held, most + 1)
        if ours.refuses(said.kind, said.path, more):
            return not ours.refuses(said.kind, said.path, fits)
    return False


def _many(held: Any, count: int) -> Any:
    if isinstance(held, list):
        return [held[n % len(held)] for n in range(count)]
    entries = list(held.items())
    return {f"{entries[n % len(entries)][0]}{n or ''}": entries[n % len(entries)][1]
            for n in range(count)}  # fmt: skip


def _number(said: Said) -> Iterator[str]:
    for bound, outward in ((said.low, -1), (said.high, 1)):
        if bound is None or abs(bound) >= 2**53:
            continue
        value = int(bound) if float(bound).is_integer() else bound
        word = "least" if outward < 0 else "most"
        if not ours.takes(said.kind, said.path, value):
            yield f"at {word} {value} there, refused here"
        elif not ours.refuses(said.kind, said.path, value + outward):
            yield f"at {word} {value} there, {value + outward} taken here"
        else:
            yield ""


def _length(said: Said) -> Iterator[str]:
    base = _base(said)
    if base is None:
        yield "no value found that both take"
        return
    low, high = said.low, said.high
    if low and not _arn(said, base):
        short = base[: int(low) - 1]
        for_all = ours.refuses(said.kind, said.path, short)
        yield "" if for_all else f"at least {low:g} characters there, {len(short)} taken here"
    if high and high < 100_000:
        fits = _stretched(base, int(high))
        if not ours.takes(said.kind, said.path, fits):
            yield f"at most {high:g} characters there, so many refused here"
        elif not ours.refuses(said.kind, said.path, _stretched(base, int(high) + 1)):
            yield f"at most {high:g} characters there, more taken here"
        else:
            yield ""


def _arn(said: Said, base: str) -> bool:
    """True if only ARNs are taken here: that is stricter than any pattern for texts, and meant."""
    return base.startswith("arn:") and not ours.takes(said.kind, said.path, "abc")


def _stretched(base: str, length: int) -> str:
    return base[:length] + base[-1] * (length - len(base))


def _base(said: Said) -> str | None:
    """A text that both take."""
    for value in itertools.chain(_candidates(said), GENERIC):
        if isinstance(value, str) and "${" not in value and value:
            fits = _theirs(said, value) and (said.low or 0) <= len(value)
            if fits and ours.takes(said.kind, said.path, value):
                return value
    return None


def _candidates(said: Said) -> Iterator[Any]:
    path = said.path.removesuffix(KEY)
    for value in ours.values(said.kind, path):
        yield from value if isinstance(value, (dict, list)) else (value,)


GENERIC = (
    "abc", "a", "1", "abc-def", "a.b", "aa", "arn:aws:iam::123456789012:role/one",
    "arn:aws:s3:::bucket/key", "sg-0123456789abcdef0", "subnet-0123456789abcdef0", "/a", "a/b",
    "mon:10:00-mon:11:00", "06:00-07:00", "1.5", "16.4", "^a", "99.9",
    "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-22bb-33cc-44dd-555555eeeeee",
    "arn:aws:wafv2:us-east-1:123456789012:regional/ipset/one/1", "x" * 40,
    "1111aaaa-22bb-33cc-44dd-555555eeeeee", "us-east-1", "us-east-1a", "example.com",
    "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-one", "DE", "p99", "a:",
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/one/0123456789abcdef",
)  # fmt: skip


@cache
def _compiled(pattern: str) -> Any:
    r"""AWS's expressions are Java's: `\w` is ASCII, a class may hold `\w-/`, `$` is the end."""
    out, inside = "", False
    pattern = pattern.replace(SURROGATES, "\U00010000-\U0010ffff")
    for token in regex.findall(r"\\.|.", pattern, regex.DOTALL):
        if token in CLASSES:
            out += CLASSES[token] if inside else f"[{CLASSES[token]}]"
        elif inside and token == "-" and out[-3:] in ("0-9", "_:s"):
            out += r"\-"
        elif token == "$" and not inside:
            out += r"\Z"
        else:
            inside = token == "[" or (inside and token != "]")
            out += token
    return regex.compile(out, regex.V0)


SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF"
CLASSES = {r"\w": "a-zA-Z_0-9", r"\d": "0-9", r"\s": r" \t\n\x0b\f\r"}


def _theirs(said: Said, value: str) -> bool:
    """Whether their pattern takes a text. An API's pattern without anchors is of the whole."""
    if not said.pattern:
        return True
    anchored = said.pattern.startswith("^") or said.source.startswith("AWS::")
    match = _compiled(said.pattern).search if anchored else _compiled(said.pattern).fullmatch
    return match(value) is not None


def _pattern(said: Said, spot: Place) -> Iterator[str]:
    """Letters that one takes and the other doesn't, tried at the start, inside and at the end."""
    if not said.pattern or "text" not in spot.sort or spot.choices or _object(spot):
        return
    base = _base(said)
    if base is None:
        yield "no value found that both take"
        return
    looser, stricter = [], []
    arn = _arn(said, base)
    odd = ODD if "^" in said.pattern else ODD.replace("\n", "")  # `.` is read in several ways
    for where, cut in (("start", 0), ("inside", max(1, len(base) - 1)), ("end", len(base))):
        for char in odd:
            value = base[:cut] + char + base[cut:]
            if said.high and len(value) > said.high:
                continue
            here, there = ours.takes(said.kind, said.path, value), _theirs(said, value)
            if here and not there and not ours.refuses(said.kind, said.path, value):
                looser.append((where, char))
            if there and not here and not arn:
                stricter.append((where, char))
    if looser:
        yield f"taken here: {_chars(looser)}"
    if stricter:
        yield f"refused here: {_chars(stricter)}"
    if not looser and not stricter:
        yield ""


def _chars(found: list[tuple[str, str]]) -> str:
    by: dict[str, str] = {}
    for where, char in found:
        by[where] = by.get(where, "") + char
    same: dict[str, list[str]] = {}
    for where, chars in by.items():
        same.setdefault(chars, []).append(where)
    return "; ".join(f"{'/'.join(w)} {_printed(c)}" for c, w in same.items())


def _printed(chars: str) -> str:
    missing = [c for c in ODD if c not in chars]
    if len(missing) < 8:
        return "anything" + (f" but {''.join(missing)!r}" if missing else "")
    return repr(chars)


def _needed(said: Said, spot: Place) -> Iterator[str]:
    """What AWS can't do without, nothing here may leave out; and the other way round."""
    if spot.info is None or said.wrapped or said.source.endswith("[]") or _is_update(said):
        return
    if said.needed:
        left_out = not spot.info.is_required() and spot.info.get_default(
            call_default_factory=True, validated_data={}) is None  # fmt: skip
        without = left_out and not ours.demands(said.kind, said.path)
        yield "needed there, not here" if without else ""
    elif spot.info.is_required():
        yield "needed here, not there"


def _is_update(said: Said) -> bool:
    operation = said.source.partition(":")[2].partition(".")[0]
    return operation.startswith(("Modify", "Update", "Increase", "Decrease"))


def _hidden(said: Said, spot: Place) -> Iterator[str]:
    """A secret is written by reference only, and never shown."""
    if said.hidden:
        yield "" if spot.policy(WriteOnly, inherited=True) else "a secret there"


def _once(said: Said, spot: Place) -> Iterator[str]:
    """Set at creation and never again."""
    if not said.source.startswith("AWS::") or said.path == NAME:
        return
    fixed = spot.policy(CreateOnly, inherited=True) is not None
    if said.once:
        yield "" if fixed else "only at creation there"
    elif said.sometimes_once:
        yield "" if fixed else "in some states only at creation there"
    elif spot.policy(CreateOnly):
        yield "only at creation here"


def _unseen(said: Said, spot: Place) -> Iterator[str]:
    """AWS never shows it."""
    if not said.source.startswith("AWS::"):
        return
    ignored = spot.policy(WriteOnly, inherited=True) or spot.policy(ActionOption, inherited=True)
    if said.unseen:
        yield "" if ignored else "never shown there, compared here"
    elif spot.policy(WriteOnly) or spot.policy(ActionOption):
        yield "shown there, not compared here"


def _shown(said: Said, spot: Place) -> Iterator[str]:
    """What AWS only shows can't be written."""
    if said.shown:
        yield "read-only there"


def _token(said: Said, spot: Place) -> Iterator[str]:
    """What makes a call idempotent is made for each call."""
    if said.token:
        yield "a token there"


def _deprecated(said: Said, spot: Place) -> Iterator[str]:
    """What AWS gave up is not modelled."""
    if said.deprecated:
        yield "deprecated there"


def _unordered(said: Said, spot: Place) -> Iterator[str]:
    """Whether the order of its entries means anything."""
    if said.sort != "list" or not said.source.startswith("AWS::") or "list" not in spot.sort:
        return
    free = spot.policy(Unordered) is not None
    if said.ordered is not None:
        yield "" if free != said.ordered else (
            "ordered there, not here" if free else "ordered here, not there")  # fmt: skip


CHECKS: dict[str, Callable[[Said, Place], Iterator[str]]] = {
    "type": _sort,
    "words": _enum,
    "bounds": _bounds,
    "letters": _pattern,
    "needed": _needed,
    "secret": _hidden,
    "create-only": _once,
    "write-only": _unseen,
    "read-only": _shown,
    "deprecated": _deprecated,
    "token": _token,
    "order": _unordered,
    "default": defaults.stated,
    "spelling": spelling.same,
}
"""Aspect → what compares it: yields nothing if not said, an empty text if the same."""
