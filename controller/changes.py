"""Which environments a change touches, as an AWS event tells.

Events are hints: AWS sends some late, some twice, and of some services none. They make a pass come
sooner, and say who; nothing is believed of them but names. Whatever else stands in one, however
much and however deep, is no error: an event that nobody understands wakes nobody.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from controller.attribution import Author, author, moment, role_of, subjects
from controller.messages import NAME
from controller.roles import SESSION
from controller.store import Conflict, Store, to_body

MOST_WORDS = 5_000
"""Words of one event that are looked at: one of EventBridge's largest has some more."""

_WORD = re.compile(r"[^\s:/,;\"'{}\[\]]+")
_FILE = re.compile(rf"environments/({NAME})\.yaml|(?:pauses|approvals)/({NAME})\.json")
_PARAMETER = re.compile(rf"environments/({NAME})(/.*)?")
_TOLD = (
    "requestParameters", "responseElements", "resources", "name", "SourceIdentifier", "SourceArn",
    "additionalEventData", "serviceEventDetails",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """An event, in short. words: names that occur in it. names: those of what was changed. who,
    what: empty unless it tells. refused: AWS did not do it."""

    account: str
    region: str
    at: datetime
    words: frozenset[str]
    names: frozenset[str] = frozenset()
    who: Author = field(default_factory=Author)
    what: str = ""
    id: str = ""
    refused: bool = False


def desired_state_of(event: Mapping[str, Any], parameters: str) -> str | None:
    """The environment whose own file, parameter or pause it is about; "" for all, None for none.

    parameters: the path in Parameter Store, without the slash at the front.
    """
    detail = _map(event.get("detail"))
    if event.get("source") == "aws.s3":
        key = str(_map(detail.get("object")).get("key", ""))
        if key == "registry.yaml":
            return ""
        match = _FILE.fullmatch(key)
        return (match[1] or match[2]) if match else None
    match = _parameter(event, parameters)
    return match[1] if match and not match[2] else None


def part(event: Mapping[str, Any], parameters: str) -> bool:
    """Whether it is about a part of a file in Parameter Store: its head, which follows, wakes."""
    match = _parameter(event, parameters)
    return bool(match and match[2])


def _parameter(event: Mapping[str, Any], parameters: str) -> re.Match[str] | None:
    if event.get("source") != "aws.ssm":
        return None
    name = str(_map(event.get("detail")).get("name", ""))
    return _PARAMETER.fullmatch(name.removeprefix("/").removeprefix(parameters))


def parse(event: Mapping[str, Any]) -> Change:
    """An event of AWS's, of whatever type."""
    detail = _map(event.get("detail"))
    told = [*(detail.get(key) for key in _TOLD), event.get("resources")]
    names = subjects(detail)
    return Change(
        str(event.get("account", "")),
        str(event.get("region", "")),
        moment(detail.get("eventTime") or event.get("time")) or datetime.now(UTC),
        names | frozenset(_words(told)),
        names,
        author(detail.get("userIdentity")),
        str(detail.get("eventName") or detail.get("Message") or event.get("detail-type", "")),
        str(event.get("id", "")),
        bool(detail.get("errorCode")),
    )


def ours(event: Mapping[str, Any], roles: Collection[str]) -> bool:
    """Whether one of our own role sessions made the call: passes cause no passes.

    roles: names of those that passes may write with where the event comes from. The rules of
    bootstrap/target.yaml leave out its own; a registry may name another one. The session's name
    alone would prove nothing: whoever assumes a role chooses it.
    """
    identity = _map(_map(event.get("detail")).get("userIdentity"))
    role, session = role_of(identity)
    return session == SESSION and role in {name.rpartition("/")[2] for name in roles}


def touched(change: Change, environments: Collection[str], names: Mapping[str, str]) -> list[str]:
    """The environments that a change may have touched.

    Physical names begin with the environment's; names: those of others, with their environment.
    """
    found = {names[word] for word in change.words if word in names}
    for environment in environments:
        mark = f"{environment}-"
        if any(word.startswith(mark) or word == environment for word in change.words):
            found.add(environment)
    return sorted(found)


def names(store: Store, account: str, region: str) -> dict[str, str]:
    """Physical names that don't begin with their environment's name → environment."""
    found = store.get(names_key(account, region))
    try:
        return dict(found.json["names"]) if found else {}
    except (ValueError, KeyError, TypeError):
        return {}


def names_key(account: str, region: str) -> str:
    """Where the names of one account and region are kept."""
    return f"names/{account}-{region}.json"


def learn(store: Store, account: str, region: str, environment: str, mine: Collection[str]) -> None:
    """Keep an environment's names that don't tell whose they are. Raises `StoreFailure`."""
    key = names_key(account, region)
    for _ in range(3):
        found = store.get(key)
        known = names(store, account, region) if found else {}
        others = {name: env for name, env in known.items() if env != environment}
        wanted = {**others, **dict.fromkeys(sorted(mine), environment)}
        if wanted == known:
            return
        with suppress(Conflict):
            store.put(key, to_body({"names": wanted}), found.version if found else None)
            return


def _words(value: Any) -> Iterator[str]:
    """Texts at any depth, whole and in parts."""
    left, count = [value], 0
    while left and count < MOST_WORDS:
        it = left.pop()
        if isinstance(it, str):
            for word in (it, *_WORD.findall(it)):
                yield word
                count += 1
        elif isinstance(it, Mapping):
            left.extend(it.values())
        elif isinstance(it, (list, tuple)):
            left.extend(it)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
