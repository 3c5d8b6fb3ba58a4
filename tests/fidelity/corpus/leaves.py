"""What a change of each leaf of a reply must show: `leaves/<Kind>.yaml`.

A leaf stands under its part (`service:Operation`) by its dotted path, lists and maps without
brackets. What is said of it: a spec path as in `tests/unit/members` (`.*` any entry, `(the key)` a
key of a map), or `- word: reason`, where the word is one of `NOT_SHOWN`. What is said of a leaf
holds for all below it, unless something longer is said. A leaf that the file does not name stands
for what `tests/unit/members` says of the member of the same path in a request that makes it; `=
Member` names that member where it is called otherwise there.
Besides, for paths and what is below them (`**.` in front: wherever they stand):

    ordered           a list whose order AWS keeps and means
    letter case       texts whose letter case means nothing
    values            documented values of a text that botocore has no enumeration for
    may be unset      absence is a value: nobody set it
    silent            where a difference need not be shown: a condition (`expected.py`)
    with              further fields that rightly change along; "*": whatever else
    presence          what it says that a structure or entry is there at all
    one entry         lists that hold one entry, neither more nor less
    never empty       lists that hold at least one
    alike             lists whose entries change together
    names             what a member is called in specs, inside of what is compared leaf by leaf
    not tried         leaves that are not changed

`owned`, beside the parts: spec fields that another actor rightly holds, and on which conditions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore.model import Shape

from controller.fields import Field, fields_of
from controller.kinds import handler_for
from controller.policies import Unordered
from tests.fidelity.corpus.shapes import output_shape

FOLDER = Path(__file__).with_name("leaves")
MEMBERS = Path(__file__).parents[2] / "unit" / "members"
KEY = " (the key)"
ANYWHERE = "**."
"""Begins a path of a section that is meant however deep it stands."""
NOT_SHOWN = {
    "read-only": "only AWS says it",
    "identity": "it says which resource it is: another value, another resource",
    "readiness": "it says how the resource is, not what it should be",
    "undeclared": "AWS's or somebody's choice that the spec has no word for",
    "omitted": "the spec could have a word for it and has none, for the reason given",
}
Steps = tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """Where a part's things are in a reply (`items`: `` for the whole of it), and which requests
    make them: operation, and what their member has in front (`said`) of what is left of a path
    when the reply's own front (`front`) is taken away."""

    items: str
    makers: tuple[str, ...] = ()
    said: str = ""
    front: str = ""


PARTS: dict[str, dict[str, Shown]] = {
    "Alarm": {"cloudwatch:DescribeAlarms": Shown("MetricAlarms", ("PutMetricAlarm",))},
    "CacheParameterGroup": {
        "elasticache:DescribeCacheParameterGroups": Shown(
            "CacheParameterGroups", ("CreateCacheParameterGroup",)
        ),
        "elasticache:DescribeCacheParameters": Shown("Parameters"),
    },
    "CacheSubnetGroup": {
        "elasticache:DescribeCacheSubnetGroups": Shown(
            "CacheSubnetGroups", ("CreateCacheSubnetGroup",)
        ),
    },
    "Cluster": {"ecs:DescribeClusters": Shown("clusters", ("CreateCluster",))},
    "CompositeAlarm": {
        "cloudwatch:DescribeAlarms": Shown("CompositeAlarms", ("PutCompositeAlarm",))
    },
    "Dashboard": {"cloudwatch:GetDashboard": Shown("", ("PutDashboard",))},
    "DBInstance": {
        "rds:DescribeDBInstances": Shown("DBInstances", ("CreateDBInstance", "ModifyDBInstance"))
    },
    "DBParameterGroup": {
        "rds:DescribeDBParameterGroups": Shown("DBParameterGroups", ("CreateDBParameterGroup",)),
        "rds:DescribeDBParameters": Shown("Parameters"),
    },
    "DBSubnetGroup": {
        "rds:DescribeDBSubnetGroups": Shown("DBSubnetGroups", ("CreateDBSubnetGroup",))
    },
    "IPSet": {"wafv2:GetIPSet": Shown("IPSet", ("CreateIPSet",))},
    "LogGroup": {"logs:DescribeLogGroups": Shown("logGroups", ("CreateLogGroup",))},
    "MetricFilter": {
        "logs:DescribeMetricFilters": Shown("metricFilters", ("PutMetricFilter",)),
    },
    "Parameter": {
        "ssm:GetParameters": Shown("Parameters", ("PutParameter",)),
        "ssm:DescribeParameters": Shown("Parameters", ("PutParameter",)),
    },
    "ReplicationGroup": {
        "elasticache:DescribeReplicationGroups": Shown(
            "ReplicationGroups", ("CreateReplicationGroup", "ModifyReplicationGroup")
        ),
        "elasticache:DescribeCacheClusters": Shown("CacheClusters", ("CreateReplicationGroup",)),
    },
    "Secret": {"secretsmanager:DescribeSecret": Shown("", ("CreateSecret", "RotateSecret"))},
    "SecurityGroup": {
        "ec2:DescribeSecurityGroups": Shown(
            "SecurityGroups", ("CreateSecurityGroup", "AuthorizeSecurityGroupIngress")
        )
    },
    "Service": {
        "ecs:DescribeServices": Shown("services", ("CreateService",)),
        "ecs:DescribeTaskDefinition": Shown("", ("RegisterTaskDefinition",), "", "taskDefinition."),
        "application-autoscaling:DescribeScalableTargets": Shown(
            "ScalableTargets", ("RegisterScalableTarget",)
        ),
        "application-autoscaling:DescribeScalingPolicies": Shown(
            "ScalingPolicies", ("PutScalingPolicy",)
        ),
    },
    "Stack": {"cloudformation:DescribeStacks": Shown("Stacks", ("UpdateTerminationProtection",))},
    "Task": {
        "ecs:DescribeTaskDefinition": Shown("", ("RegisterTaskDefinition",), "", "taskDefinition.")
    },
    "Topic": {"sns:GetTopicAttributes": Shown("")},
    "WebACL": {
        "wafv2:GetWebACL": Shown("", ("CreateWebACL",), "", "WebACL."),
        "wafv2:GetLoggingConfiguration": Shown(
            "LoggingConfiguration", ("PutLoggingConfiguration",), "LoggingConfiguration."
        ),
    },
}
"""Kind → part → where it is shown."""


def thing_shape(call: str, items: str) -> Shape:
    """The shape of one thing of a part."""
    shape = output_shape(*call.split(":"))
    assert shape is not None, call
    held = shape.members[items] if items else shape
    return held.member if held.type_name == "list" else held


def leaf_paths(shape: Shape, path: str = "", above: Steps = ()) -> Iterator[str]:
    """Every leaf of a shape, dotted; a shape inside itself, and an empty one, is a leaf."""
    if shape.type_name == "list":
        yield from leaf_paths(shape.member, path, above)
    elif shape.type_name == "map":
        yield from leaf_paths(shape.value, path, above)
    elif shape.type_name == "structure" and shape.members and shape.name not in above:
        for name, member in shape.members.items():
            here = f"{path}.{name}" if path else name
            yield from leaf_paths(member, here, (*above, shape.name))
    else:
        yield path


@dataclass(frozen=True)
class Table:
    """All that is said of one part of a kind."""

    kind: str
    call: str
    by_hand: dict[str, str]
    notes: dict[str, dict[str, Any]]

    def said(self, path: str) -> str:
        """What is said of a leaf, or of what it is in; empty if nothing is."""
        return self.said_and_rest(path)[0]

    def said_and_rest(self, path: str) -> tuple[str, Steps]:
        """What is said of a leaf or of what it is in, and the way from there to the leaf."""
        for here, rest in _prefixes(path):
            own = self.by_hand.get(here)
            if own is not None and own.startswith("= "):
                return self.derived(".".join((own[2:], *rest)))
            if own is not None:
                return own, rest
        return self.derived(path)

    def derived(self, path: str) -> tuple[str, Steps]:
        """What `tests/unit/members` says of the member of that path."""
        if tag := _tag(path):
            return tag, ()
        shown = PARTS[self.kind][self.call]
        if shown.front and not path.startswith(shown.front):
            return "", ()
        service, member = self.call.split(":")[0], shown.said + path.removeprefix(shown.front)
        found: list[tuple[str, Steps]] = []
        for maker in shown.makers:
            members = listed(service).get(maker, {})
            near = next(((h, r) for h, r in _prefixes(member) if h in members), None)
            if near is not None:
                found.append((_as_said(members[near[0]]), near[1]))
        modelled = [each for each in found if not each[0].startswith("- ")]
        return (modelled or found or [("", ())])[0]

    def called(self, member: str) -> set[str]:
        """What a member may be called in a spec, in lower case."""
        plain = {member, member.removesuffix("Statement")}
        arms = listed(self.call.split(":")[0]).get("CreateWebACL", {})
        for front in ("Rules.Statement.", "Rules.Action."):
            if found := arms.get(front + member):
                plain.add(found.rpartition(".")[2])
        plain |= {str((self.notes.get("names") or {}).get(member, member))}
        return {name.lower() for name in plain}

    def note(self, sort: str, path: str) -> Any:
        """What a section (`ordered`, …) says of a leaf, or of what it is in; None if nothing."""
        said = self.notes.get(sort) or {}
        for here, _ in _prefixes(path):
            if here in said:
                return said[here]
            for end in (key for key in said if key.startswith(ANYWHERE)):
                if here.endswith(end.removeprefix(ANYWHERE)):
                    return said[end]
        return None


@cache
def listed(service: str) -> dict[str, dict[str, str]]:
    """What `tests/unit/members` says: operation → member → spec path, or `- reason`."""
    text = (MEMBERS / f"{service}.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)
    return found


def _tag(path: str) -> str:
    head, _, last = path.rpartition(".")
    if head in ("TagList", "Tags", "tags") and last.lower() in ("key", "value"):
        return "tags" + (KEY if last.lower() == "key" else ".*")
    return ""


def _as_said(found: str) -> str:
    if found == "metadata.name":
        return "- identity: its name"
    return f"- omitted: {found[2:]}" if found.startswith("- ") else found


def _prefixes(path: str) -> Iterator[tuple[str, Steps]]:
    """A dotted path and what it is in, each with the rest of the way."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length]), tuple(parts[length:])


@cache
def tables(kind: str) -> dict[str, Table]:
    """Part → what is said of it."""
    body = yaml.safe_load((FOLDER / f"{kind}.yaml").read_text(encoding="utf-8"))
    found = {}
    for call in PARTS[kind]:
        said = dict(body.get(call) or {})
        leaves = said.pop("leaves", None) or {}
        found[call] = Table(kind, call, leaves, said)
    return found


@cache
def owners(kind: str) -> dict[str, list[str]]:
    """Spec field (`*`: any) → the conditions on which another actor rightly holds it."""
    body = yaml.safe_load((FOLDER / f"{kind}.yaml").read_text(encoding="utf-8"))
    return dict(body.get("owned") or {})


def nodes_of(kind: str, path: str) -> frozenset[tuple[Steps, Steps]]:
    """Where a difference at a spec path is reported, and what of the path is left there: as deep as
    the model goes; of a map or a list that is aligned by key, at the entry or at the whole.

    `containers.*.environment (the key)` and `containers.*.environment.*` are one entry.
    """
    field: Field | None = fields_of(handler_for(kind).spec)
    steps = [*path.removesuffix(KEY).split("."), *(["*"] if path.endswith(KEY) else [])]
    out: list[str] = []
    while field is not None:
        if field.shape == "object" and steps:
            name = steps.pop(0)
            out.append(name)
            field = field.members[name]
        elif field.item is not None and (field.shape == "map" or _aligned(field)) and steps:
            if steps[0] == "*":
                steps.pop(0)
            out.append("*")
            keyed = field.policy(Unordered)
            if keyed and steps and steps[0] in keyed.key:
                return frozenset({(tuple(out), ())})  # with another key it is another entry
            field = field.item
        else:
            break
    found, left = tuple(out), tuple(steps)
    entries = field is not None and (field.shape == "map" or _aligned(field))
    return frozenset({(found, left), *({((*found, "*"), left)} if entries else ())})


def _aligned(field: Field) -> bool:
    """Whether a list's entries are compared one by one."""
    keyed = field.policy(Unordered)
    return bool(keyed and keyed.key) or (field.item is not None and field.item.shape == "object")
