"""Who changed what: taken from the change events that carry it, kept as notes, found by the pass.

CloudTrail writes `userIdentity`; of all that an event holds only that says who. What the caller
wrote into a request (a tag, a description) is no evidence, and a call that AWS refused changed
nothing. Passes look nobody up: without a note nobody is named.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.store import Conflict, Store, StoreFailure, to_body

MOST_NOTES = 50
"""Notes that are read to learn who did something, the newest first."""

MARGIN = timedelta(minutes=1)
"""Reads of AWS may lag behind a call, and clocks differ, by less than this."""

PATIENCE = timedelta(hours=1)
"""For so long after drift was found a pass still looks for who it was: CloudTrail takes minutes."""

MEMBERS = frozenset({
    "alarmname", "alarmnames", "cacheclusterid", "cacheparametergroupname", "cachesubnetgroupname",
    "cluster", "clustername", "dashboardname", "dashboardnames", "dbinstanceidentifier",
    "dbparametergroupname", "dbsubnetgroupname", "family", "filtername", "groupid", "groupname",
    "id", "loggroupidentifier", "loggroupname", "name", "replicationgroupid", "resourcearn",
    "names", "resourceid", "resourceidentifier", "resourcename", "secretid", "service",
    "servicename", "stackname", "subscriptionarn", "topicarn", "webaclarn",
})  # fmt: skip
"""Members of a request that name what it changes, in lower case: CloudTrail writes
`dBInstanceIdentifier`. All others may hold anything that the caller liked."""

_ONLY_USED = {
    "service": {"cluster"}, "servicename": {"cluster"}, "filtername": {"loggroupname"},
    "dbinstanceidentifier": {"dbparametergroupname", "dbsubnetgroupname"},
    "replicationgroupid": {"cacheclusterid", "cacheparametergroupname", "cachesubnetgroupname"},
}  # fmt: skip
"""Beside the one, the others only say where it is or what it uses."""

_MOST_NAMES, _LONGEST = 100, 256
_STAMP = "%Y%m%dT%H%M%SZ"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Author:
    """Who made a call. person: short, for people. principal: the ARN, or what AWS has instead."""

    person: str = ""
    principal: str = ""

    def __bool__(self) -> bool:
        return bool(self.principal)


@dataclass(frozen=True, slots=True)
class Told:
    """What a note says. by: the person, the call and when, in one line."""

    by: str
    principal: str
    at: str


def author(identity: Any) -> Author:
    """CloudTrail's `userIdentity`; nobody, if it tells of none.

    A role's session is called what its caller liked. So the role is always named beside it, and a
    source identity, which a role's trust policy can demand and no later role changes, comes first.
    """
    if not isinstance(identity, Mapping):
        return Author()
    arn = printable(identity.get("arn"))
    by = printable(identity.get("invokedBy"))
    principal = arn or printable(identity.get("principalId")) or by
    context = _map(identity.get("sessionContext"))
    match identity.get("type"):
        case "AssumedRole":
            role, session = role_of(identity)
            source = printable(context.get("sourceIdentity"))
            person = f"{source or session or 'somebody'} as role {role}" if role else source
            if source and session and session != source:
                person += f" (session {session})"
        case "Root":
            person = f"root of {printable(identity.get('accountId'))}"
        case "AWSService":
            person = by
        case "IAMUser" | "SAMLUser" | "WebIdentityUser":
            person = printable(identity.get("userName"))
        case "IdentityCenterUser":
            person = printable(_map(identity.get("onBehalfOf")).get("userId"))
        case _:
            person = ""
    if by and by != person and person:
        person += f" through {by}"
    return Author(person or principal, principal)


def role_of(identity: Mapping[str, Any]) -> tuple[str, str]:
    """(role, session) of an assumed role, as AWS wrote them; empty if it is none.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    arn = printable(identity.get("arn"))
    found = re.fullmatch(r"arn:[\w-]+:sts::[0-9]*:assumed-role/([^/]+)/?(.*)", arn)
    return (found[1], found[2]) if found else ("", "")


def subjects(detail: Mapping[str, Any]) -> frozenset[str]:
    """Physical names of what a call changed, by the members that identify it."""
    request = _map(detail.get("requestParameters"))
    told = [request, _map(request.get("loggingConfiguration"))]
    told.append(_map(request.get(f"{detail.get('eventName')}Request")))  # EC2's newer calls
    members = {str(key).lower(): value for part in told for key, value in part.items()}
    for key in ("additionalEventData", "serviceEventDetails"):  # of a service's own doing
        about = {str(k).lower(): v for k, v in _map(detail.get(key)).items()}
        members |= {"secretid": about["secretid"]} if "secretid" in about else {}
    resources = _map(request.get("resourcesSet")).get("items")  # EC2's tags
    if isinstance(resources, list):
        members["resourceid"] = [_map(it).get("resourceId") for it in resources[:_MOST_NAMES]]
    used = {each for key in members.keys() & _ONLY_USED.keys() for each in _ONLY_USED[key]}
    found: set[str] = set()
    for key in (members.keys() & MEMBERS) - used:
        values = members[key] if isinstance(members[key], (list, tuple)) else [members[key]]
        for value in values[:_MOST_NAMES]:
            if isinstance(value, str) and len(value) <= 2048:
                found.update(names_in(value))
    return frozenset(sorted(found)[:_MOST_NAMES])


def names_in(value: str) -> Iterator[str]:
    """What a name, an ARN or a resource id may be the name of.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    yield value
    if value.startswith("arn:"):
        tail = value.split(":", 5)[-1].removesuffix(":*")
        kind, colon, rest = tail.partition(":")
        yield rest if colon and "/" not in kind else tail.rpartition("/")[2]
        if kind == "secret":  # Secrets Manager adds six characters
            yield re.sub(r"-[A-Za-z0-9]{6}$", "", rest)
        elif value.split(":")[2] == "sns":  # a subscription's: <topic>:<id>
            yield kind
        elif "/webacl/" in tail:  # regional/webacl/<name>/<id>
            yield tail.split("/")[-2]
        elif tail.startswith("stack/"):  # stack/<name>/<id>
            yield tail.split("/")[1]
    elif value.startswith("service/"):  # Application Auto Scaling's service/<cluster>/<service>
        yield value.rpartition("/")[2]


def note(
    store: Store, environment: str, *, id: str, at: datetime, who: Author, what: str,
    names: frozenset[str],
) -> None:  # fmt: skip
    """Keep who did what, for the pass that finds the drift. Raises `StoreFailure`."""
    id = re.sub(r"[^A-Za-z0-9-]", "", id)[:64] or "x"
    body = {
        "at": at.isoformat(), "who": who.person, "principal": who.principal,
        "what": printable(what), "names": sorted(names),
    }  # fmt: skip
    with suppress(Conflict):  # AWS sent the event twice
        store.put(f"{_prefix(environment)}{at:{_STAMP}}-{id}.json", to_body(body), None)


class Notes:
    """The notes of one environment, listed when somebody first asks."""

    def __init__(self, store: Store, environment: str) -> None:
        self._store = store
        self._prefix = _prefix(environment)
        self._keys: list[str] | None = None
        self._bodies: dict[str, Mapping[str, Any]] = {}

    def of(self, names: Set[str], since: datetime, until: datetime) -> Told | None:
        """Who changed a resource last within that time, as far as an event told.

        names: its own and, where events name it by that, its identity.
        since: when it was last seen as it should be; a change of last week did not make the drift
        of today. What can't be read names nobody: the drift is told all the same.
        """
        try:
            if self._keys is None:
                self._keys = sorted(self._store.list(self._prefix))
            oldest = f"{self._prefix}{since - MARGIN:{_STAMP}}"
            newest = f"{self._prefix}{until + MARGIN:{_STAMP}}~"
            keys = [key for key in self._keys if oldest <= key <= newest]
            for key in reversed(keys[-MOST_NOTES:]):
                body = self._body(key)
                if not names.isdisjoint(body.get("names", ())) and body.get("principal"):
                    by = f"{body['who']} ({body['what']}, {body['at']})"
                    return Told(by, str(body["principal"]), str(body["at"]))
        except (StoreFailure, ValueError, KeyError, TypeError, AttributeError):
            return None
        return None

    def _body(self, key: str) -> Mapping[str, Any]:
        if key not in self._bodies:
            found = self._store.get(key)
            self._bodies[key] = found.json if found else {}
        return self._bodies[key]


def moment(value: Any) -> datetime | None:
    """A time as AWS and we write it, in UTC; None if it is none."""
    try:
        found = datetime.fromisoformat(str(value))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _prefix(environment: str) -> str:
    return f"changes/{environment}/"


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def printable(value: Any, longest: int = _LONGEST) -> str:
    """A text fit for a line of a terminal, a log or a mail."""
    return _UNPRINTABLE.sub("?", value)[:longest] if isinstance(value, str) else ""
