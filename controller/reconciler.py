"""One pass over one environment.

    load → lease → resolve → observe → normalize → diff → classify → plan → guard → apply → record
    → report

Reads come first, then pure judgement, then one mutating call per action. `plumbline plan` is this
very pass with `write=False`: it stops after the guards, and writes nothing, not even our own state.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from controller import lease as leases
from controller import orphans
from controller.apply import Outcome, apply
from controller.approval import Approval, Request, granted, request, tokens
from controller.assess import Assessment, assess
from controller.aws import Aws, AwsFailure
from controller.envelope import Prune
from controller.guards import CALENDAR, Judgement, Veto, judge
from controller.handler import Absent, Observation, Present, Target
from controller.inventory import FOLLOWS, Inventory, Record, digest, remember
from controller.kept import FLOOR_S, Trust, handed_on, taken_over
from controller.kindlib.reading import TAG_INDEX, tags_by_arn, tags_seen
from controller.kinds import handler_for
from controller.lease import Lease
from controller.manifest import Environment, Resource
from controller.ownership import Claim
from controller.pause import paused_until
from controller.plan import Plan, order_for_deletion, plan
from controller.resolve import Bindings, Parameters, bind, hint, read_parameters
from controller.sources import Desired, Source, desired_state
from controller.status import Status, publish
from controller.store import Store, StoreFailure
from controller.windows import Season, season

MODES = ("paused", "observe", "enforce")
"""From the one that may least to the one that may most."""

Progress = Callable[[str, str, str], None]
"""Called as (key, what, detail) while a pass works, for people who watch."""


@dataclass(frozen=True)
class Tools:
    """What a pass works with.

    connect: makes the door to AWS; it is given the function that permits a write, or None where
    none may be made. now: UTC. seconds_left: until the process is stopped (Lambda's deadline).
    highest_mode: what the control plane's side allows, whatever the file says. may_start: whether
    an empty state may take over what carries the environment's tags. steady: nothing but its
    interval asks for this pass. destroying: this pass takes the environment down.
    """

    store: Store
    source: Source
    connect: Callable[[Callable[[str], None] | None], Aws]
    holder: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seconds_left: Callable[[], float] = lambda: float("inf")
    highest_mode: str = "enforce"
    may_start: bool = True
    steady: bool = False
    destroying: bool = False
    progress: Progress = lambda key, what, detail: None


@dataclass
class Report:
    """What one pass found and did. previous: when the pass before this one began, if known.

    asks: what waits for an approval. approvals: those in force for this plan, by step's token.
    season: what the calendar lets happen. orphans: key by ARN of what carries our tags and is not
    known here; None if nobody looked.
    """

    environment: str
    started: datetime
    desired: Desired
    mode: str = "observe"
    paused: str = ""
    assessments: dict[str, Assessment] = field(default_factory=dict)
    removed: dict[str, Assessment] = field(default_factory=dict)
    plan: Plan = field(default_factory=lambda: Plan((), {}))
    vetoes: dict[str, Veto] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    throttles: int = 0
    duration_s: float = 0.0
    status: Status | None = None
    asks: Request = field(default_factory=Request)
    approvals: dict[str, Approval] = field(default_factory=dict)
    season: Season = field(default_factory=Season)
    previous: datetime | None = None
    orphans: dict[str, str] | None = None

    @property
    def converged(self) -> bool:
        """Everything desired is as desired and ready, and nothing is left to do."""
        return (
            not self.desired.refused
            and not self.plan.steps
            and all(a.in_sync and a.readiness.state == "ready" for a in self.assessments.values())
        )

    def watches(self, resource: Resource) -> bool:
        """True for what is only looked at, whoever's it is: drift shows, and nothing is claimed."""
        return "observe" in (self.mode, resource.lifecycle.mode)

    @property
    def waiting(self) -> bool:
        """Work is under way or was done: looking again soon will find something new."""
        moving = any(
            a.readiness.state == "in-progress" or any(c.cls == "in_flight" for c in a.changes)
            for a in self.assessments.values()
        )
        going = any(o.made or o.waiting for o in self.outcomes)
        vetoes = self.vetoes.values()
        return moving or going or any(v.waiting and v.reason not in CALENDAR for v in vetoes)

    @property
    def resting(self) -> bool:
        """Nothing is amiss but what waits for a window to open, or a freeze to end."""
        held = {s.key for s in self.plan.steps if s.id in self.vetoes}
        other = [v for v in self.vetoes.values() if v.reason not in CALENDAR]
        done = all(a.in_sync or k in held for k, a in self.assessments.items())
        well = all(a.readiness.state == "ready" for a in self.assessments.values())
        free = [s for s in self.plan.steps if s.id not in self.vetoes]
        return bool(held) and done and well and not (other or free or self.plan.stuck)


class WrongPlace(Exception):
    """This state is not for that account and region, or not for what was found there."""


def reconcile(environment: str, tools: Tools, *, write: bool = True) -> Report:
    """Make one pass.

    Raises `lease.Held`, `WrongPlace`, `StoreFailure`, `Conflict`; then nothing is half-recorded.
    """
    it = Pass(environment, tools, write=write)
    try:
        it.begin()
        if it.goes_on:
            it.judge(*observe(it.aws, [it]))
            it.act()
    finally:
        it.release()
    return it.finish()


class Pass:
    """One pass over one environment, in the steps of `reconcile`.

    begin: everything from our own memory, and the lease. `observe` reads AWS for one pass, or for
    several of one account at once. judge: what that means and what is to be done. act: do it, and
    remember. release, finish: give the lease back, and tell.
    """

    def __init__(self, environment: str, tools: Tools, *, write: bool) -> None:
        self.name = environment
        self.tools = tools
        self.write = write
        self.begun = time.monotonic()
        self.started = tools.now()
        self.lease: Lease | None = None
        self.goes_on = False
        self.well = False
        self.released = False
        self.report: Report
        self.aws: Aws
        self.environment: Environment
        self.inventory: Inventory
        self.targets: dict[str, Target] = {}
        self.removed: dict[str, Resource] = {}

    def begin(self) -> None:
        """Load the desired state and our memory; take the lease. Raises as `reconcile` does."""
        name, tools, write = self.name, self.tools, self.write
        moment = self.started.isoformat()
        if write:  # before anything is read: what is published from now on wakes another pass
            self.lease = leases.acquire(
                tools.store, name, tools.holder, tools.now,
                started=self.started, steady=tools.steady,
            )  # fmt: skip
        desired = desired_state(tools.source, tools.store, name, remember=write, now=moment)
        self.report = report = Report(name, self.started, desired)
        report.paused = paused_until(tools.store, name, self.started, destroying=tools.destroying)
        if desired.environment is None:
            return
        self.environment = desired.environment
        report.mode = min(desired.environment.mode, tools.highest_mode, key=MODES.index)
        report.previous = self.lease.last_started if self.lease else None
        self.aws = tools.connect(self.lease.permit if self.lease and self.may_write else None)
        self.aws.began = self.started.timestamp()
        self.inventory = Inventory.load(tools.store, name, writable=write)
        _place(self.inventory, self.aws)
        self.aws.trust = self._trust()
        if self.lease:
            taken_over(self.aws, self.name, self.lease.kept)
        self._aim()
        self.goes_on = True

    @property
    def may_write(self) -> bool:
        """Whether this pass may change AWS at all."""
        return self.write and self.report.mode == "enforce" and not self.report.paused

    @property
    def resources(self) -> dict[str, Resource]:
        """What is to be looked at: declared, or ours and no longer declared."""
        return {**self.environment.resources, **self.removed}

    def judge(self, observations: dict[str, Observation], parameters: Parameters) -> None:
        """Normalize, diff, classify, plan, guard."""
        self.look(observations, parameters)
        _judge(self.report, self.environment, self.inventory, self.tools.store)

    def make(self) -> None:
        """Apply what was judged good."""
        self.aws.trust = None  # from here on only what is read anew says how things are
        if self.lease is not None and self.may_write:
            apply(self.report, self.aws, self.inventory, self.lease, self.tools)

    def act(self) -> None:
        """Apply what was judged good, and remember how things were left."""
        self.make()
        _remember(self.report, self.inventory)
        self.inventory.save()
        self.report.calls = dict(Counter(self.report.calls) + Counter(self.aws.calls))
        self.report.throttles += self.aws.throttles
        self.well = self.report.converged
        if self.lease:
            self.lease.kept = handed_on(self.aws, self.name)

    def release(self) -> None:
        """Give the lease back, however the pass went."""
        if self.lease is not None and not self.released:
            self.released = True
            with suppress(StoreFailure):  # it ends by itself
                self.lease.release(well=self.well)

    def finish(self) -> Report:
        """Publish the status. Raises `StoreFailure`."""
        report, tools = self.report, self.tools
        report.duration_s = time.monotonic() - self.begun
        report.status = publish(report, tools.store, tools.now(), write=self.write)
        return report

    def _trust(self) -> Trust:
        """What was read before may count while we have done nothing and want the same."""
        found = self.lease.mark if self.lease else ""
        mark = f"{self.inventory.version} {found} {self.environment.revision}"
        often = 2 * self.environment.interval_s <= FLOOR_S
        steady = {self.name} if self.tools.steady and often else ()
        return Trust(self.started.timestamp(), {self.name: mark}, frozenset(steady))

    def _aim(self) -> None:
        """What to look for: known from names, and from what parameters said last time."""
        known = {k: r.outputs for k, r in self.inventory.records.items()}
        guesses = Bindings(self.inventory.parameters, known, self._own)
        self.targets = {
            key: self._target(r, hint(r, guesses)) for key, r in self.environment.resources.items()
        }
        self.removed = _removed(self.environment, self.inventory)
        for key, resource in self.removed.items():
            self.targets[key] = self._target(resource, dict(resource.spec))

    @property
    def _own(self) -> dict[str, str]:
        """`${Environment.…}`."""
        return {"name": self.name, "region": self.aws.region, "account": self.aws.account}

    def _target(self, resource: Resource, spec: dict[str, Any]) -> Target:
        """What to look for; what was last applied helps to find what has moved."""
        tags = dict(spec.get("tags") or resource.spec.get("tags") or {})
        known = self.inventory.records.get(resource.key)
        return Target(
            resource.key, resource.physical, spec, tags, self.aws.account, self.aws.region,
            known.last if known else None,
        )  # fmt: skip

    def look(self, observations: dict[str, Observation], parameters: Parameters) -> None:
        """Normalize, diff, classify. Raises `WrongPlace`."""
        report, records = self.report, self.inventory.records
        self.inventory.parameters = parameters.values
        bindings = Bindings(parameters.values, {}, self._own)
        now = self.tools.now()
        for key, resource in self.environment.resources.items():
            spec, problem = bind(resource, bindings, parameters)
            seen = assess(
                resource, self._target(resource, spec), handler_for(resource.kind),
                observations[key], records.get(key), now=now, problem=problem,
                watching=report.watches(resource),
            )  # fmt: skip
            report.assessments[key] = seen
            bindings.outputs[key] = seen.outputs
            self.tools.progress(key, "observed", _state(seen))
        for key, resource in self.removed.items():
            seen = assess(
                resource, self.targets[key], handler_for(resource.kind), observations[key],
                records.get(key), now=now,
            )  # fmt: skip
            report.removed[key] = replace(seen, vanished=False)  # gone is what it should be
        _managed_elsewhere(report, self.inventory, self.tools)
        if (tags := tags_seen(self.aws, self.name)) is not None:
            known = {*self.environment.resources, *self.inventory.knows()}
            report.orphans = orphans.find(self.name, tags, known)


def observe(aws: Aws, passes: Sequence[Pass]) -> tuple[dict[str, Observation], Parameters]:
    """What AWS has for one pass: all kinds at once, and the parameters beside them."""
    [found] = observe_together(aws, passes)
    return found


def observe_together(
    aws: Aws, passes: Sequence[Pass]
) -> list[tuple[dict[str, Observation], Parameters]]:
    """The same for several passes over one account and region, whose reads are shared.

    A page of databases holds those of all of them. Keys are unique within an environment only, so
    here they bear its number.
    """
    by_kind: dict[str, list[Target]] = {}
    for number, it in enumerate(passes):
        for key, resource in it.resources.items():
            target = replace(it.targets[key], key=f"{number} {key}")
            by_kind.setdefault(resource.kind, []).append(target)

    def look(kind: str) -> dict[str, Observation]:
        return handler_for(kind).observe(aws, by_kind[kind])

    def index() -> None:
        """The shared index of tags: begun beside the first reads, needed by the second."""
        asking = next((k for k in by_kind if TAG_INDEX in handler_for(k).reads), None)
        for target in by_kind[asking] if asking is not None else ():
            with suppress(AwsFailure):  # whoever needs it asks again, and is told
                tags_by_arn(aws, target)

    wanted = {it.name: it.resources.values() for it in passes}
    parameters, _, *found = aws.together(
        lambda: read_parameters(aws, wanted), index, *(partial(look, kind) for kind in by_kind)
    )
    seen: dict[str, Observation] = {}
    for part in found:
        seen.update(part)
    if len(passes) == 1:
        return [({k: seen[f"0 {k}"] for k in passes[0].resources}, parameters)]
    return [
        ({k: seen[f"{number} {k}"] for k in it.resources}, parameters.of(it.resources.values()))
        for number, it in enumerate(passes)
    ]


def _place(inventory: Inventory, aws: Aws) -> None:
    """The records are about one account and region: looked for elsewhere, all would be gone."""
    here = f"{aws.account}/{aws.region}"
    if inventory.place not in ("", here):
        raise WrongPlace(
            f"the state of {inventory.environment} is about account and region {inventory.place}, "
            f"these credentials are for {here}"
        )
    inventory.place = here


def _managed_elsewhere(report: Report, inventory: Inventory, tools: Tools) -> None:
    """A state without any memory, and resources with our tags: they have a memory elsewhere."""
    if tools.may_start or inventory.found:
        return
    for key, seen in report.assessments.items():
        if isinstance(seen.observation, Present) and seen.claim is Claim.OURS:
            raise WrongPlace(
                f"{key} is managed already, from a state that is not here: name it with --state "
                "(or --take-over, if it is lost)"
            )


def _judge(report: Report, environment: Environment, inventory: Inventory, store: Store) -> None:
    """Plan, and let the guards have their say; where they ask for a person's, look for it."""
    removable = {
        key: a
        for key, a in report.removed.items()
        if a.resource.lifecycle.prune == "delete" and isinstance(a.observation, Present)
    }
    report.season = season(environment.windows, environment.freezes, report.started)
    in_reverse = [removable[key] for key in order_for_deletion(removable, inventory.records)]
    report.plan = plan(report.assessments.values(), in_reverse)
    report.vetoes = judge(report.plan.steps, judgement(report, environment, inventory))
    report.asks = _asks(report)
    if report.asks.steps:
        found = granted(store, report.environment, report.started)
        report.approvals = tokens(found, inventory.spent)
        if report.approvals.keys() & set(report.asks.steps.values()):
            report.vetoes = judge(report.plan.steps, judgement(report, environment, inventory))
            report.asks = _asks(report)


def _asks(report: Report) -> Request:
    """What waits for an approval."""
    reasons = {step: veto.reason for step, veto in report.vetoes.items()}
    return request(report.plan.steps, reasons, {**report.assessments, **report.removed})


def judgement(report: Report, environment: Environment, inventory: Inventory) -> Judgement:
    """What the guards are to know."""
    return Judgement(
        assessments={**report.assessments, **report.removed},
        records=inventory.records,
        limits=environment.limits,
        mode=report.mode,
        paused=report.paused,
        creating=frozenset(s.key for s in report.plan.steps if s.action.creates),
        removed=frozenset(report.removed),
        approved=report.approvals.keys(),
        season=report.season,
        now=report.started.timestamp(),
    )


def _remember(report: Report, inventory: Inventory) -> None:
    """Write into the inventory what this pass knows for certain."""
    planned: dict[str, set[str]] = {}
    inventory.forget_spent(report.started)
    for step in report.plan.steps:
        planned.setdefault(step.key, set()).add(step.fingerprint)
    made = {o.step.key for o in report.outcomes if o.made}
    for key, seen in report.assessments.items():
        known = inventory.records.get(key)
        if known is not None and _settled(seen):
            known.attempts = {f: n for f, n in known.attempts.items() if f in planned.get(key, ())}
            known.tried_at = {f: at for f, at in known.tried_at.items() if f in known.attempts}
        watched = seen.claim is Claim.NOBODY and report.watches(seen.resource)
        if not isinstance(seen.observation, Present) or not (watched or seen.claim is Claim.OURS):
            continue
        record = inventory.record(key, seen.target.name)
        record.watched = watched
        record.failed = _still_failed(seen, record.failed)
        record.outputs = seen.outputs
        record.prune = seen.resource.lifecycle.prune or FOLLOWS
        record.depends_on = sorted(seen.resource.depends_on)
        if seen.in_sync:
            record.synced = digest(seen.resource.raw)
            record.refusal = ""
        if not seen.problem and key not in made:
            fresh = record.identity not in ("", seen.identity)
            record.last = remember(seen.target.spec, seen.of_spec, None if fresh else record.last)
            record.identity = seen.identity
        elif not record.identity:
            record.identity = seen.identity
    gone = [
        key
        for key, seen in report.removed.items()
        if isinstance(seen.observation, Absent) or seen.handler.held_by == "file"
    ]
    left = {*report.assessments, *report.removed}
    for key in [*gone, *(k for k, r in inventory.records.items() if r.watched and k not in left)]:
        inventory.records.pop(key)


def _settled(seen: Assessment) -> bool:
    """True if what this pass saw says whether earlier tries have helped."""
    waiting = any(c.cls in ("in_flight", "unknown") for c in seen.changes)
    return isinstance(seen.observation, Present) and not seen.problem and not waiting


def _still_failed(seen: Assessment, before: dict[str, Any]) -> dict[str, Any]:
    """What AWS rolled back stays known until something else is desired."""
    now = seen.handler.failed(seen.observation.doc) if isinstance(seen.observation, Present) else {}
    if now:
        return dict(now)
    return before if any(c.cls == "failed" for c in seen.changes) else {}


def _prune(environment: Environment, record: Record) -> Prune:
    """What its manifest said last; where that left it to the environment, what that says now."""
    if record.prune == FOLLOWS:
        return environment.prune
    return "delete" if record.prune == "delete" else "retain"


def _removed(environment: Environment, inventory: Inventory) -> dict[str, Resource]:
    """Resources that we manage and that the desired state no longer names."""
    return {
        key: Resource.removed(environment, key, record.physical, _prune(environment, record))
        for key, record in inventory.records.items()
        if key not in environment.resources and not record.watched
    }


def _state(seen: Assessment) -> str:
    """One word for people who watch."""
    if isinstance(seen.observation, Absent):
        return "missing"
    return seen.readiness.state if isinstance(seen.observation, Present) else "unknown"
