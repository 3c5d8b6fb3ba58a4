"""Observe, import and plan a recorded resource by the product's own code, and judge what comes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.assess import OWNERSHIP, Assessment, assess
from controller.aws import AwsFailure
from controller.diff import Change
from controller.handler import Found, Handler, Present, Target
from controller.importing.finding import Selection, Unreadable
from controller.importing.importer import import_file
from controller.inventory import Record
from controller.kindlib.reading import ENVIRONMENT_TAG
from controller.kinds import handler_for
from controller.manifest import DesiredStateError, Resource, load
from controller.plan import plan_one
from tests.fidelity.corpus.replay import Replay, World
from tests.fidelity.corpus.worlds import Subject

ENVIRONMENT = "recorded"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SECRETS = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@$]+:[^/\s@$]+@"
    r"|(?i:passw(or)?d|secret_?key|api_?key|auth_?token)\"?: *['\"]?"
    r"(?!\$|:|arn:|true|false|['\"])\S"
)
STEPS = ("observed", "imported", "planned empty")


class Failed(Exception):
    """What went wrong, and at which of the `STEPS`."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"not {step}: {why}")
        self.step = step


@dataclass(frozen=True)
class Imported:
    """A resource as its import declares it, and what the next pass sees of it."""

    subject: Subject
    file: str
    resource: Resource
    seen: Assessment


def imported(subject: Subject) -> Imported | None:
    """Observe, import, plan. None: it need not be seen, and is not. Raises `Failed`."""
    found = _found(subject)
    if found is None:
        return None
    file = _file(subject, found)
    if hit := _SECRETS.search(file):
        raise Failed("imported", f"the file holds what looks like a secret: {hit[0][:24]}…")
    try:
        (resource,) = load(file.encode(), f"{subject.kind}.yaml").resources.values()
    except DesiredStateError as error:
        raise Failed("imported", str(error)) from None
    for rule in resource.lifecycle.ignore:
        if "secret" not in rule.reason:
            raise Failed("imported", f"{rule.path} is left alone: {rule.reason}")
    seen = look(resource, subject.world, None)
    if why := _not_empty(seen, leaving=bool(subject.may_be_left_out)):
        raise Failed("planned empty", why)
    return Imported(subject, file, resource, seen)


def look(resource: Resource, world: World, last: Mapping[str, Any] | None) -> Assessment:
    """One pass's look at a resource; last: as it was left, None if that is not known."""
    handler = resource.handler
    target = Target(
        resource.key, resource.physical, dict(resource.spec), resource.tags, world.account,
        world.region,
    )  # fmt: skip
    observation = handler.observe(Replay(world), [target])[resource.key]
    record = Record(resource.physical, last=dict(last)) if last is not None else None
    return assess(resource, target, handler, observation, record, now=NOW)


def settled(change: Change, *, leaving: bool) -> bool:
    """Whether a plan does nothing about a change, but for the marks of ownership it sets.

    AWS may be on its way to what is declared. leaving: it is being deleted, so that AWS does not
    show all of it.
    """
    quiet = ("undeclared", "owned", "in_flight", *(("unknown",) if leaving else ()))
    return change.cls in quiet or change.path in OWNERSHIP


def _found(subject: Subject) -> Found | None:
    """How `discover` lists it, once `observe` has seen it. None: it may be left out, and is."""
    handler = handler_for(subject.kind)
    try:
        listed = handler.discover(Replay(subject.world))
    except Exception as error:
        raise Failed("observed", f"discover: {type(error).__name__}: {error}") from error
    for found in listed:
        named = found.name.lower() == subject.name.lower()
        if named and subject.spec.items() <= found.spec.items():
            return found if _is_there(handler, subject, found) else None
    if subject.may_be_left_out:
        return None
    raise Failed("observed", f"discover lists {[f.name for f in listed]} only")


def _is_there(handler: Handler, subject: Subject, found: Found) -> bool:
    world, key = subject.world, f"{subject.kind}/x"
    tags = {ENVIRONMENT_TAG: ENVIRONMENT}
    target = Target(key, found.name, dict(found.spec), tags, world.account, world.region)
    try:
        seen = handler.observe(Replay(world), [target])[key]
    except Exception as error:
        raise Failed("observed", f"{type(error).__name__}: {error}") from error
    if isinstance(seen, Present):
        return True
    if subject.may_be_left_out:
        return False
    raise Failed("observed", str(seen))


def _file(subject: Subject, found: Found) -> str:
    """The desired-state file that `plumbline import` writes."""
    selection = Selection((subject.kind,), (found.name,))
    title = "A recording of AWS's"
    try:
        made = import_file(Replay(subject.world), ENVIRONMENT, selection, adopt=True, title=title)
    except (Unreadable, AwsFailure, DesiredStateError) as error:
        raise Failed("imported", str(error)) from error
    except Exception as error:
        raise Failed("imported", f"{type(error).__name__}: {error}") from error
    if len(made.keys) != 1:
        raise Failed("imported", "; ".join(made.left_out) or "it is not in the file")
    return made.text


def _not_empty(seen: Assessment, *, leaving: bool) -> str:
    """What a plan would do, or what keeps it from doing anything; empty for an empty plan."""
    if not isinstance(seen.observation, Present):
        return str(seen.observation)
    left = [c for c in seen.changes if not settled(c, leaving=leaving)]
    if left or seen.problem:
        said = (f"{c.path}: {c.cls}, is {c.now!r}, wanted {c.wanted!r}" for c in left)
        return seen.problem or "; ".join(said)
    for action in plan_one(seen):
        if not action.changes or not set(action.changes) <= OWNERSHIP:
            return f"{action.service}:{action.operation} for {', '.join(action.changes)}"
    return ""
