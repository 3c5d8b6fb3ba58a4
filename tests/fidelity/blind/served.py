"""The AWS that gives a case's replies: a world as of a recording, with all replies in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.fidelity.blind.cases import Case, Contradiction
from tests.fidelity.corpus.leaves import PARTS
from tests.fidelity.corpus.recordings import Recording
from tests.fidelity.corpus.replay import World
from tests.fidelity.corpus.worlds import Library, Subject, contents

Doc = dict[str, Any]
_ITEMS = {
    "application-autoscaling:DescribeScalableTargets": "ScalableTargets",
    "application-autoscaling:DescribeScalingPolicies": "ScalingPolicies",
    "application-autoscaling:DescribeScheduledActions": "ScheduledActions",
    "ecs:DescribeClusters": "clusters",
    "ecs:DescribeServiceRevisions": "serviceRevisions",
    "ecs:ListServiceDeployments": "serviceDeployments",
    "elasticache:DescribeCacheClusters": "CacheClusters",
    "elasticache:DescribeCacheParameters": "Parameters",
    "rds:DescribeDBParameters": "Parameters",
    "wafv2:GetLoggingConfiguration": "LoggingConfiguration",
    "wafv2:ListResourcesForWebACL": "ResourceArns",
}
"""What stands beside a resource's first reply, and where its things are."""


@dataclass(frozen=True)
class Served:
    """A resource and its AWS. unserved: operations whose replies nothing here reads."""

    subject: Subject
    unserved: tuple[str, ...]


def served(case: Case, replies: Mapping[str, Doc], name: str = "") -> Served:
    """The resource of a case that replies show; name: which, if it is known.

    Raises `Contradiction` if they show none.
    """
    firsts = dict.fromkeys([*PARTS[case.kind], *replies])
    recorded = [_recording(call, replies[call]) for call in firsts if call in replies]
    library = Library(recorded)
    for recording in recorded:
        for found in contents(recording, library):
            if not isinstance(found, Subject) or found.kind != case.kind:
                continue
            if name.lower() in ("", found.name.lower()):
                return _whole(found, recording.call, replies)
    raise Contradiction(f"no {case.kind} {name} in {', '.join(replies)}".replace("  ", " "))


def _recording(call: str, reply: Doc) -> Recording:
    service, _, operation = call.partition(":")
    return Recording(call, service, operation, reply)


def _whole(subject: Subject, first: str, replies: Mapping[str, Doc]) -> Served:
    """With the replies in its world that its first one does not bring."""
    world, unserved = subject.world, []
    for call, reply in replies.items():
        if call in _ITEMS and call != first:
            things = reply.get(_ITEMS[call]) or []
            world = world.having(call, tuple(things if isinstance(things, list) else [things]))
        elif call.endswith(":ListTagsForResource"):
            tags = {**world.tags, **{arn: _tags(reply) for arn in _arns(world)}}
            world = World(world.region, world.account, world.parts, tags)
        elif call != first and call not in world.parts:
            unserved.append(call)
    return Served(replace(subject, world=world), tuple(unserved))


def _tags(reply: Doc) -> dict[str, str]:
    """However the service writes them."""
    found = reply.get("TagInfoForResource", reply)
    tags = found.get("TagList") or found.get("Tags") or found.get("tags") or {}
    if isinstance(tags, dict):
        return dict(tags)
    return {t.get("Key", t.get("key")): t.get("Value", t.get("value", "")) for t in tags}


def _arns(world: World) -> Iterator[str]:
    """Whatever in a world may carry tags."""
    for things in world.parts.values():
        for thing in things:
            held = thing.get("WebACL", thing) if isinstance(thing, dict) else {}
            for name, value in held.items():
                if name.lower().endswith("arn") and isinstance(value, str):
                    yield value.removesuffix(":*")
