"""Making the planned calls, one at a time, so that a crash at any instruction loses nothing.

Before each call the inventory says what is about to happen (the attempt, and for a create a mark);
after it, what came of it is written with the next mark, or at the end of the pass. A pass that dies
in between leaves AWS and the tags to tell the next one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.approval import token
from controller.assess import SETTLE_S, Assessment, assess
from controller.aws import CALL_BOUND_S, Aws, AwsFailure, NotPermitted, Stale
from controller.guards import judge
from controller.handler import REMARK
from controller.inventory import BORN, FOLLOWS, WHOLE, Inventory, Record, remember
from controller.kindlib.secret_values import secret_value
from controller.lease import Lease
from controller.pause import paused_until
from controller.plan import Plan, Step, fingerprint, plan_one
from controller.policies import Doc
from controller.references import UNRESOLVED, Reference, resolve, unescape
from controller.resolve import lookup, versioned

if TYPE_CHECKING:
    from controller.reconciler import Report, Tools

RE_READS = 2
"""How often a resource found changed under our hands is looked at again within one pass."""

RECORDING_S = 5.0
"""Time kept for writing down what came of a call."""

_FAULTS = ("throttled", "down", "denied", "busy", "stale")
"""Failures that say nothing against the change itself: they are no try of it."""

_DOWN = ("throttled", "down")
"""Failures of a service that is in trouble itself."""

BREAKER = 3
"""Such failures in a row, of one service, after which a pass makes no further call to it."""

_SECRET = re.compile(r"\$\{Secret\.([a-z0-9-]+)\.value@([\w-]+)\}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step. made: AWS took the call. waiting: not made, the next pass will.
    message: why it was not made, or what AWS remarked on a call that it took. approved: who let it
    happen, and why, if somebody had to."""

    step: Step
    made: bool
    message: str = ""
    waiting: bool = False
    approved: str = ""


class NotYet(Exception):
    """A value that the call needs is not known yet."""


def apply(report: Report, aws: Aws, inventory: Inventory, lease: Lease, tools: Tools) -> None:
    """Make every step that no guard vetoes, in order; fill `report.outcomes`.

    A step that fails stops the later steps of its resource and of those that wait for its creation.
    Raises `Conflict` if the inventory was written by another pass: then nothing more is done.
    """
    run = _Run(report, aws, inventory, lease, tools)
    for step in report.plan.steps:
        if step.id not in report.vetoes and not run.over:
            run.make(step)


class _Run:
    """The making of one plan."""

    def __init__(
        self, report: Report, aws: Aws, inventory: Inventory, lease: Lease, tools: Tools
    ) -> None:
        self.report = report
        self.aws = aws
        self.inventory = inventory
        self.lease = lease
        self.tools = tools
        self.over = False
        self.broken: dict[str, str] = {}
        self.replaced: set[str] = set()
        self.unfinished: set[str] = set()
        self.counted: set[str] = set()
        self.faults: Counter[str] = Counter()
        everything = {**report.assessments, **report.removed}
        self.outputs: dict[str, Doc] = {key: dict(a.outputs) for key, a in everything.items()}

    def make(self, step: Step) -> None:
        """Make one step, unless something it builds on failed or time has run out."""
        seen = self._assessment(step.key)
        if step.key in self.replaced:
            return
        if step.key in self.broken:
            self._skip(step, f"after a failure: {self.broken[step.key]}")
            return
        failed = next((k for k in seen.resource.depends_on if k in self.broken), None)
        if failed and step.action.creates:
            self._skip(step, f"waits for {failed}, which failed")
            self.broken[step.key] = f"waits for {failed}"
            return
        if (faults := self.faults[step.action.service]) >= BREAKER:
            why = f"{step.action.service} failed {faults} times in a row: left alone in this pass"
            self._skip(step, why)
            self.broken[step.key] = why
            return
        if self.tools.seconds_left() < CALL_BOUND_S + RECORDING_S:
            self._skip(step, "no time left in this pass")
            self.over = True
            return
        if why := paused_until(
            self.tools.store, self.report.environment, self.tools.now(),
            destroying=self.tools.destroying,
        ):  # fmt: skip
            self._skip(step, why)
            self.over = True
            return
        try:
            self.lease.keep()
            self._call(step, seen)
        except NotPermitted as refusal:
            self._skip(step, str(refusal))
            self.over = True
        except NotYet as wait:
            self._skip(step, str(wait))
            self.broken[step.key] = str(wait)
        except AwsFailure as failure:  # opening a secret; nothing was sent yet
            self._skip(step, str(failure))
            self.broken[step.key] = str(failure)
        except Stale:
            if step.key in self.report.removed:  # what is to go is judged anew by the next pass
                self._skip(step, "it was changed meanwhile")
                self.broken[step.key] = "it was changed meanwhile"
            else:
                self._again(step.key)

    def _call(self, step: Step, seen: Assessment) -> None:
        """Mark, call, note what came of it."""
        record = self.inventory.record(step.key, seen.target.name)
        filled = {**self._params(step), **step.action.volatile}
        before = (record.settling, record.written_at, record.last)
        self._count(step, seen, record)
        used = token(step, seen)
        if approval := self.report.approvals.get(used):  # it may be used once: now
            self.inventory.spent[used] = approval.until.isoformat()
        if step.action.creates:
            record.settling, record.written_at = [WHOLE], self.tools.now().timestamp()
            if seen.handler.held_by == "inventory":  # what it is to be tells it from another's
                record.last = versioned(seen.target.spec, self.outputs)
        self.inventory.save()
        self.tools.progress(step.key, step.action.operation, ", ".join(step.action.changes))
        try:
            outputs = seen.handler.apply(self.aws, seen.target, step.action, filled)
        except AwsFailure as failure:
            if failure.failure not in ("down", "exists"):  # then nothing was made, for certain
                record.settling, record.written_at, record.last = before
                self.inventory.spent.pop(used, None)
            elif not step.action.creates:  # it may have been made, and not be shown yet
                self._settles(step, record)
            self.faults[step.action.service] += failure.failure in _DOWN
            if failure.failure in _FAULTS:
                self._discount(step, record)
            elif step.id not in self.counted:
                record.count(seen.resource.spec, step.fingerprint, self._now)
            self._unfinished(step.key, fault=failure.failure in _FAULTS)
            waiting = failure.failure not in ("denied", "invalid", "not-found")
            if not waiting:
                record.refusal = str(failure)
            self.broken[step.key] = str(failure)
            self.report.outcomes.append(Outcome(step, False, str(failure), waiting))
            return
        except (Stale, NotPermitted):
            self._discount(step, record)
            record.settling, record.written_at, record.last = before
            self.inventory.spent.pop(used, None)
            raise
        self.faults[step.action.service] = 0
        remark = str(outputs.pop(REMARK, ""))
        self.outputs[step.key].update(outputs)
        by = f"{approval.by}: {approval.reason}" if approval else ""
        self.report.outcomes.append(Outcome(step, True, remark, approved=by))
        self._note(step, seen, record)

    def _count(self, step: Step, seen: Assessment, record: Record) -> None:
        """One try more. What only prepares another step counts together with that one.

        For a pass may be cut off between the two, as often as you like: then nothing was tried yet.
        That one may be of a later pass (`tried_as`).
        """
        later = step.action.tried_as or any(_after(s, step) for s in self.report.plan.steps)
        if step.action.prepares and later:
            return
        tried, awaited = [step], set(step.action.after)
        for made in reversed([o.step for o in self.report.outcomes if o.made]):
            if made.key == step.key and made.action.step in awaited:
                awaited.update(made.action.after)
                tried += [made] if made.action.prepares and made.id not in self.counted else []
        for each in tried:
            self.counted.add(each.id)
            record.count(seen.resource.spec, each.fingerprint, self._now)

    @property
    def _now(self) -> float:
        return self.tools.now().timestamp()

    def _discount(self, step: Step, record: Record) -> None:
        if step.id in self.counted:
            self.counted.discard(step.id)
            record.discount(step.fingerprint)

    def _settles(self, step: Step, record: Record) -> None:
        """For a while AWS may not show what the step has set."""
        now = self.tools.now().timestamp()
        if now - record.written_at > SETTLE_S:
            record.settling = []
        record.written_at = now
        record.settling += [WHOLE] if step.action.creates else list(step.action.changes)

    def _note(self, step: Step, seen: Assessment, record: Record) -> None:
        """What the inventory should say of a step that AWS took."""
        self._settles(step, record)
        if step.action.risk != "safe" and _undoes(step, seen):
            record.undid(step.fingerprint, record.written_at)
        made = {o.step.id for o in self.report.outcomes if o.made and o.step.key == step.key}
        rest = [s for s in self.report.plan.steps if s.key == step.key and s.id not in made]
        desired = versioned(seen.target.spec, self.outputs)
        if seen.missing:
            record.last = desired if not rest else None  # of what was there before, it says nothing
            record.prune = seen.resource.lifecycle.prune or FOLLOWS
            record.depends_on = sorted(seen.resource.depends_on)
            record.identity = seen.handler.identity_of(seen.target)
            return
        done = {
            path
            for o in self.report.outcomes
            if o.made and o.step.key == step.key
            for path in o.step.action.changes
        }
        left = [c for c in seen.of_spec if c.path not in done]
        record.last = remember(desired, left, record.last)

    def _again(self, key: str) -> None:
        """AWS changed since we looked: look again at this one, judge it anew, make its steps."""
        from controller.reconciler import judgement

        self.replaced.add(key)
        environment = self.report.desired.environment
        if environment is None:
            return
        for _ in range(RE_READS):
            old = self._assessment(key)
            observed = old.handler.observe(self.aws, [old.target])[key]
            new = assess(
                old.resource, old.target, old.handler, observed,
                self.inventory.records.get(key), now=self.tools.now(), problem=old.problem,
            )  # fmt: skip
            self.report.assessments[key] = new
            steps = tuple(Step(key, a, fingerprint(key, a)) for a in plan_one(new))
            kept = tuple(s for s in self.report.plan.steps if s.key != key)
            self.report.plan = Plan((*kept, *steps), self.report.plan.stuck)
            known = judgement(self.report, environment, self.inventory)
            vetoes = judge(self.report.plan.steps, known)
            self.report.vetoes.update({s.id: vetoes[s.id] for s in steps if s.id in vetoes})
            try:
                for step in steps:
                    if step.id not in vetoes and key not in self.broken:
                        self.lease.keep()
                        self._call(step, new)
            except Stale:
                continue
            except NotPermitted as refusal:
                self._skip(step, str(refusal))
                self.over = True
            except (NotYet, AwsFailure) as wait:
                self._skip(step, str(wait))
            return

    def _params(self, step: Step) -> Doc:
        """The parameters with every reference and secret filled in. Raises `NotYet`."""

        def value(ref: Reference) -> Any:
            if ref.kind == "self":
                ref = replace(ref, resource=step.key)
            found = lookup(ref, self.outputs)
            if found is UNRESOLVED:
                raise NotYet(f"waits for {ref.text}")
            return found

        params = versioned(dict(step.action.params), self.outputs)
        opened = _Opened(self.aws, self.outputs, params)
        return dict(opened.put_back(unescape(resolve(opened.doc, value))))

    def _assessment(self, key: str) -> Assessment:
        return self.report.assessments.get(key) or self.report.removed[key]

    def _unfinished(self, key: str, *, fault: bool) -> None:
        """Some steps of a resource were not made: what they would set is not settling.

        fault: for no reason of their own. Then the steps that were made for their sake, and will be
        again (a task definition for its service; all steps of a create), are no tries either.
        """
        record = self.inventory.records.get(key)
        if record is None:
            return
        record.settling = [BORN if mark == WHOLE else mark for mark in record.settling]
        if not fault or key in self.unfinished:
            return
        self.unfinished.add(key)
        made = [o.step for o in self.report.outcomes if o.made and o.step.key == key]
        done = {step.id for step in made}
        rest = [s for s in self.report.plan.steps if s.key == key and s.id not in done]
        awaited = {name for step in rest for name in step.action.after}
        for step in reversed(made):
            if step.action.step in awaited or self._assessment(key).missing:
                awaited.update(step.action.after)
                self._discount(step, record)

    def _skip(self, step: Step, why: str) -> None:
        self._unfinished(step.key, fault=True)
        self.report.outcomes.append(Outcome(step, False, why, waiting=True))


def _undoes(step: Step, seen: Assessment) -> bool:
    """True if the step undoes what somebody else did."""
    return any(c.is_drift for c in seen.changes if c.path in step.action.changes)


def _after(step: Step, other: Step) -> bool:
    """True if it is made after the other, of the same resource."""
    return step.key == other.key and other.action.step in step.action.after


class _Opened:
    """Parameters whose secrets are held apart until every other reference has been filled in."""

    def __init__(self, aws: Aws, outputs: Mapping[str, Doc], params: Doc) -> None:
        self._values: dict[str, str] = {}
        self.doc = self._take(params, aws, outputs)

    def _take(self, doc: Any, aws: Aws, outputs: Mapping[str, Doc]) -> Any:
        if isinstance(doc, dict):
            return {k: self._take(v, aws, outputs) for k, v in doc.items()}
        if isinstance(doc, list):
            return [self._take(v, aws, outputs) for v in doc]
        if isinstance(doc, str) and (match := _SECRET.fullmatch(doc)):
            arn = outputs.get(f"Secret/{match[1]}", {}).get("arn")
            if not arn:
                raise NotYet(f"waits for Secret/{match[1]}")
            token = f"\0secret {len(self._values)}\0"
            self._values[token] = secret_value(aws, arn, match[2])
            return token
        return doc

    def put_back(self, doc: Any) -> Any:
        """The document with the secrets in it, for the call and nothing else."""
        if isinstance(doc, dict):
            return {k: self.put_back(v) for k, v in doc.items()}
        if isinstance(doc, list):
            return [self.put_back(v) for v in doc]
        return self._values.get(doc, doc) if isinstance(doc, str) else doc
