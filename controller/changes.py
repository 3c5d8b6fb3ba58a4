"""Which environments a change touches, and who made it, as an AWS event tells.

Events are hints: AWS sends some late, some twice, and of some services none. They make a pass come
sooner, and say who; nothing is believed of them but names.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.roles import SESSION
from controller.store import Conflict, Store, StoreFailure, to_body

MOST_NOTES = 20
"""Notes that are read to learn who did something, the newest first."""

_STAMP = "%Y%m%dT%H%M%SZ"
_WORD = re.compile(r"[^\s:/,;\"'{}\[\]]+")
_FILE = re.compile(r"environments/([a-z][a-z0-9-]*)\.yaml|pauses/([a-z][a-z0-9-]*)\.json")
_PARAMETER = re.compile(r"environments/([a-z][a-z0-9-]*)(/.*)?")


@dataclass(frozen=True, slots=True)
class Change:
    """An event, in short. words: names that occur in it. who, what: empty unless it tells."""

    account: str
    region: str
    at: datetime
    words: frozenset[str]
    who: str = ""
    what: str = ""
    id: str = ""


def desired_state_of(event: Mapping[str, Any], parameters: str) -> str | None:
    """The environment whose own file, parameter or pause it is about; "" for all, None for none.

    parameters: the path in Parameter Store, without the slash at the front.
    """
    detail = event.get("detail") or {}
    if event.get("source") == "aws.s3":
        key = str((detail.get("object") or {}).get("key", ""))
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
    name = str((event.get("detail") or {}).get("name", ""))
    return _PARAMETER.fullmatch(name.removeprefix("/").removeprefix(parameters))


def parse(event: Mapping[str, Any]) -> Change:
    """An event of AWS's, of whatever type."""
    detail = event.get("detail") or {}
    told = [detail.get(k) for k in ("requestParameters", "responseElements", "resources", "name",
                                    "SourceIdentifier", "SourceArn")]  # fmt: skip
    words = {w for part in (*told, event.get("resources")) for w in _words(part)}
    return Change(
        str(event.get("account", "")),
        str(event.get("region", "")),
        _time(detail.get("eventTime") or event.get("time")),
        frozenset(words),
        _who(detail),
        str(detail.get("eventName") or detail.get("Message") or event.get("detail-type", "")),
        str(event.get("id", "")),
    )


def ours(event: Mapping[str, Any]) -> bool:
    """Whether a role session of ours made the call: passes cause no passes.

    The rules of bootstrap/target.yaml leave out its role; a registry may name another one.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    arn = _who(event.get("detail") or {})
    return ":assumed-role/" in arn and arn.endswith(f"/{SESSION}")


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


def note(store: Store, environment: str, change: Change) -> None:
    """Keep who did what, for the pass that finds the drift. Raises `StoreFailure`."""
    id = re.sub(r"[^A-Za-z0-9-]", "", change.id) or "x"
    key = f"changes/{environment}/{change.at:{_STAMP}}-{id}.json"
    body = {
        "at": change.at.isoformat(), "who": change.who, "what": change.what,
        "words": sorted(change.words),
    }  # fmt: skip
    with suppress(Conflict):  # AWS sent the event twice
        store.put(key, to_body(body), None)


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


def made_by(store: Store, environment: str, physical: str, since: datetime | None = None) -> str:
    """Who changed a resource last, as far as an event told; empty if none did.

    since: nothing older counts; a change of last week did not make the drift of today.
    """
    prefix = f"changes/{environment}/"
    oldest = f"{prefix}{since:{_STAMP}}" if since else prefix
    try:
        keys = [key for key in store.list(prefix) if key >= oldest]
        for key in reversed(keys[-MOST_NOTES:]):
            found = store.get(key)
            body = found.json if found else {}
            if physical in body.get("words", ()) and body.get("who"):
                return f"{body['who']} ({body['what']}, {body['at']})"
    except (StoreFailure, ValueError, KeyError, TypeError, AttributeError):
        return ""  # it is only who: the drift is told all the same
    return ""


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from _WORD.findall(value)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _words(inner)


def _who(detail: Mapping[str, Any]) -> str:
    """CloudTrail's `userIdentity` in one line.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    identity = detail.get("userIdentity")
    if not isinstance(identity, Mapping):
        return ""
    return str(identity.get("arn") or identity.get("invokedBy") or identity.get("principalId", ""))


def _time(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)
