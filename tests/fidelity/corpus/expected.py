"""What a change of one leaf must show, by the tables; and whether what is shown is that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.model import Shape

from controller.assess import Assessment
from controller.diff import Change, Entry
from controller.handler import Present
from tests.fidelity.corpus.leaves import Steps, Table, nodes_of, owners
from tests.fidelity.corpus.mutations import Mutation
from tests.fidelity.corpus.worlds import Subject

Doc = Mapping[str, Any]
BELOW: frozenset[str] = frozenset({"**"})
"""The end of a way that leads on to anything below."""


@dataclass(frozen=True)
class Expected:
    """allowed: spec paths (general) that may be named, and how the way from there on to the leaf is
    called, for what is named deeper. must: something has to be named. elsewhere: it may be another
    resource then. anything: whatever is named is right."""

    allowed: frozenset[tuple[Steps, tuple[frozenset[str], ...]]] = frozenset()
    must: bool = False
    elsewhere: bool = False
    anything: bool = False

    def allows(self, path: Steps) -> bool:
        """Whether this path may be named."""
        return self.anything or any(
            path[: len(node)] == node and _on_the_way(path[len(node) :], way)
            for node, way in self.allowed
        )

    def __str__(self) -> str:
        if not self.allowed:
            return "another resource, or nothing" if self.elsewhere else "nothing"
        names = " or ".join(sorted({".".join(node) for node, _ in self.allowed}))
        return names if self.must else f"{names}, or nothing"


def _on_the_way(deeper: Steps, way: tuple[frozenset[str], ...]) -> bool:
    """Whether the names of a path, positions aside, stand in this order on the way."""
    names = [name.lower() for name in deeper if name != "*"]
    if way and way[-1] is BELOW:
        names = names[:1] if len(way) > 1 else []
    left = iter(way)
    return all(any(name in called or "*" in called for called in left) for name in names)


def expected(
    table: Table, mutation: Mutation, shape: Shape, subject: Subject, before: Any, after: Any
) -> Expected:
    """By the table. shape: of the whole thing, of which before and after are the values."""
    path, deed = mutation.path, mutation.deed
    if deed == "reordered":
        if table.note("ordered", path) is None:
            return Expected()
        return _at(table, [path], must=True, below=True)
    if deed in ("gone", "appears", "removed", "added", "another"):
        return _coming_or_going(table, mutation, subject, before, after)
    said = table.said(path)
    if deed == "letter case" and table.note("letter case", path) is not None:
        return Expected()
    if said.startswith("- "):
        found = _at(table, [path], must=False)
        return replace(found, elsewhere=said.startswith("- identity"))
    quiet = _quiet(table, path, subject, before, after)
    return _at(table, [path], must=not quiet)


def _coming_or_going(
    table: Table, mutation: Mutation, subject: Subject, before: Any, after: Any
) -> Expected:
    path = mutation.path
    presence = (table.notes.get("presence") or {}).get(path) or []
    presence = [presence] if isinstance(presence, str) else presence
    paths = list(_leaves(mutation.entry, path))
    said = presence or [table.said(p) for p in paths]
    elsewhere = any(s.startswith("- identity") for s in said)
    if not any(s and not s.startswith("- ") for s in said):
        return Expected(elsewhere=elsewhere)
    quiet = _quiet(table, path, subject, before, after) or mutation.entry in ({}, [], "")
    # What is gone or appears else may be what an older reply did not show yet.
    sure = mutation.deed in ("removed", "added", "another") or path in (
        table.notes.get("may be unset") or {}
    )
    found = _at(table, [path, *paths], must=sure and not quiet, presence=presence)
    nodes = frozenset((node[:n], way) for node, way in found.allowed
                      for n in range(1, len(node) + 1))  # fmt: skip
    return Expected(nodes, found.must, elsewhere, found.anything)


def _leaves(value: Any, path: str) -> Iterable[str]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path


def _at(
    table: Table, paths: Iterable[str], *, must: bool, presence: Sequence[str] = (),
    below: bool = False,
) -> Expected:  # fmt: skip
    """What may be named for leaves."""
    allowed: set[tuple[Steps, tuple[frozenset[str], ...]]] = set()
    besides = list(presence)
    for path in paths:
        said, rest = table.said_and_rest(path)
        if said and not said.startswith("- "):
            way = tuple(frozenset(table.called(name)) for name in rest)
            way = (*way, BELOW) if below else way
            allowed |= {
                (node, (*(frozenset({name.lower()}) for name in left), *way))
                for node, left in nodes_of(table.kind, said)
            }
        more = table.note("with", path)
        besides += [more] if isinstance(more, str) else list(more or ())
    anything = "*" in besides
    allowed |= {(n, ()) for b in besides if b != "*" for n, _ in nodes_of(table.kind, b)}
    return Expected(frozenset(allowed), must and bool(allowed), anything=anything)


def _quiet(table: Table, path: str, subject: Subject, before: Any, after: Any) -> bool:
    """Whether a difference need not be shown here."""
    condition = table.note("silent", path)
    return condition is not None and CONDITIONS[str(condition).partition(" (")[0]](
        subject, before, after
    )


def shown(seen: Assessment) -> dict[tuple[str, str, str], Steps]:
    """(path, class, live value) → general path, of each difference."""
    return {(c.path, c.cls, repr(c.now)): general(c) for c in seen.changes}


def general(change: Change) -> Steps:
    """The path with `*` for entries and positions."""
    return tuple("*" if isinstance(p, (Entry, int)) else str(p) for p in change.parts)


def problem(
    expectation: Expected, before: Assessment, after: Assessment, holds: Callable[[str], bool]
) -> str:
    """What is wrong with what is shown; empty if nothing is.

    holds: whether another actor rightly holds a spec field (general path) here.
    """
    if not isinstance(after.observation, Present):
        return "" if expectation.elsewhere else f"not there: {after.observation}"
    old, new = shown(before), shown(after)
    named = {k: v for k, v in {**old, **new}.items() if (k in old) != (k in new)}
    odd = sorted({path for (path, _, _), at in named.items() if not expectation.allows(at)})
    if odd:
        return f"{', '.join(odd)} named"
    owned = sorted(
        path for (path, cls, _), at in named.items()
        if cls == "owned" and (path, cls, _) in new and not holds(".".join(at))
    )  # fmt: skip
    if owned:
        return f"{', '.join(owned)} called owned by others"
    return "nothing named" if expectation.must and not named else ""


def holder(kind: str, subject: Subject, before: Any, after: Any) -> Callable[[str], bool]:
    """Whether another actor rightly holds a field, by the conditions that the table names."""
    said = owners(kind)

    def holds(path: str) -> bool:
        named = [*said.get(path, ()), *said.get("*", ())]
        return any(CONDITIONS[c.partition(" (")[0]](subject, before, after) for c in named)

    return holds


# --- conditions: where a difference need not be shown, or is another actor's ---

Condition = Callable[[Subject, Any, Any], bool]


def _group_shows(member: str) -> Condition:
    def shows(subject: Subject, before: Any, after: Any) -> bool:
        groups = subject.world.all("elasticache:DescribeReplicationGroups")
        mine = [g for g in groups if g["ReplicationGroupId"] == subject.name]
        return any(member in g for g in mine)

    return shows


def _scaled(subject: Subject, before: Any, after: Any) -> bool:
    targets = subject.world.all("application-autoscaling:DescribeScalableTargets")
    return bool(targets) or "DAEMON" in [t.get("schedulingStrategy") for t in (before, after)]


def _minor_upgrade(subject: Subject, before: Any, after: Any) -> bool:
    """A higher version of the same major one, while AWS may upgrade."""
    old, new = str(before.get("EngineVersion")), str(after.get("EngineVersion"))
    numbers = [[int(n) for n in re.findall(r"\d+", v)] for v in (old, new)]
    same = numbers[0][:1] == numbers[1][:1]
    return same and numbers[0] < numbers[1] and bool(before.get("AutoMinorVersionUpgrade"))


def _of_global_datastore(subject: Subject, before: Any, after: Any) -> bool:
    groups = subject.world.all("elasticache:DescribeReplicationGroups")
    mine = [g for g in groups if g["ReplicationGroupId"] == subject.name]
    return any((g.get("GlobalReplicationGroupInfo") or {}).get("GlobalReplicationGroupId")
               for g in mine)  # fmt: skip


CONDITIONS: dict[str, Condition] = {
    "always": lambda subject, before, after: True,
    "autoscaled or a daemon": _scaled,
    "instances by name": lambda subject, before, after: any(
        str(s.get("field")).lower() in ("instanceid", "host", "cpu", "memory")
        for s in before.get("placementStrategy") or ()
    ),
    "a cluster's member": lambda subject, before, after: "DBClusterIdentifier" in before,
    "a cluster or a primary decides": lambda subject, before, after: any(
        name in thing
        for thing in (before, after)
        for name in (
            "DBClusterIdentifier", "ReadReplicaSourceDBInstanceIdentifier",
            "ReadReplicaSourceDBClusterIdentifier",
        )
    ),
    "AWS Backup": lambda subject, before, after: "AwsBackupRecoveryPointArn" in before,
    "a minor upgrade": _minor_upgrade,
    "storage autoscaling": lambda subject, before, after: before["AllocatedStorage"]
    < after["AllocatedStorage"] <= before.get("MaxAllocatedStorage", 0),
    "a growth rounded up": lambda subject, before, after: any(
        before.get(name, 0) < after.get(name, 0) < before.get(name, 0) * 1.1
        for name in ("AllocatedStorage", "Iops")
    ),
    "a global datastore": _of_global_datastore,
    "multi-AZ": lambda subject, before, after: any(
        thing.get("MultiAZ") or (thing.get("PendingModifiedValues") or {}).get("MultiAZ")
        for thing in (before, after)
    ),
    "a schedule is shown": lambda subject, before, after: "ScheduleExpression" in (
        before.get("RotationRules") or {}
    ),
    "a capacity provider strategy is shown": lambda subject, before, after: bool(
        before.get("capacityProviderStrategy")
    ),
    "there are no alarms": lambda subject, before, after: not before[
        "deploymentConfiguration"
    ]["alarms"].get("alarmNames"),
    "it was set": lambda subject, before, after: before.get("Source") == "user"
    or "ParameterValue" not in before
    or "user" not in (before.get("Source"), after.get("Source")),
    "no user set it": lambda subject, before, after: "ParameterValue" not in before
    or before.get("Source") != "user",
    "it does nothing": lambda subject, before, after: "'NONE'" in repr(before),
    "ClusterMode is shown": lambda subject, before, after: "ClusterMode" in before,
    "the group shows Engine": _group_shows("Engine"),
    "the group shows AutoMinorVersionUpgrade": _group_shows("AutoMinorVersionUpgrade"),
    "the group shows CacheNodeType": _group_shows("CacheNodeType"),
}  # fmt: skip
"""Words of the `silent` sections, without the reason in brackets."""
