"""The worker: a pass over each environment that a message names; those of one account share reads.

A message says only "look": what is desired and how it went last time are in the state bucket. So
one that is late, doubled or lost costs time and nothing else. It is acknowledged; work under way
asks for the next look by a marker, never by hiding the message. What nobody of ours wrote, and what
kills its worker time and again, ends in the dead-letter queue
(docs/decisions/0022-rounds.md).
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from threading import Lock
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from controller import changes, requeue, timetable
from controller.aws import CALL_BOUND_S, AwsFailure, NotPermitted
from controller.guards import CALENDAR
from controller.handler import Unknown
from controller.lease import TTL_S, WORKER, Held, last
from controller.manifest import Problem
from controller.messages import INTERVAL, Poison, Wake, parse
from controller.reconciler import MODES, Report, Tools, WrongPlace
from controller.registry import KEY, BadRegistry, Binding, Home, NotRegistered, Registry
from controller.round import reconcile_together
from controller.sessions import session
from controller.sources import Desired, ParameterSource, Source, StoreSource
from controller.status import publish
from controller.store import Conflict, S3Store, Store, StoreFailure
from controller.telemetry import Metric
from handlers.doors import Doors
from handlers.emf import emit
from handlers.settings import Settings, partition
from handlers.telling import tell

ENOUGH_S = 2 * CALL_BOUND_S
"""No pass begins with less time than this: one call that takes longest to read, one to write. A
pass that the runtime kills holds its lease until that ends."""

AGAIN = timedelta(minutes=1)
"""When to look again after a pass that could not be made."""

HELD_S, LOOK_S = 10, 1
"""So long a commit or a change waits for the pass that is just under way, and looks so often."""

YOUNG_S = 60
"""No pass is waited for that began longer ago: it has much to do, or was killed."""

_FORESEEN = (
    AwsFailure, BadRegistry, Conflict, NotPermitted, StoreFailure, WrongPlace,
)  # fmt: skip
"""Errors whose text is ours and quotes no value."""

logger = Logger()
tracer = Tracer(auto_patch=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a message asks for. sent: when; of several about one environment, the newest counts.
    steady: none of them says more than that its interval is over. together: it is one of a round.
    """

    wake: Wake
    message: str
    sent: datetime
    steady: bool
    together: bool


@dataclass
class Worker:
    """One invocation: its settings and tools, and what became of each environment."""

    settings: Settings
    store: Store
    doors: Doors
    registry: Callable[[], Registry]
    holder: str
    seconds_left: Callable[[], float]
    passes: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, Binding] = field(default_factory=dict)

    def look(self, asked: Mapping[str, Asked]) -> None:
        """Make the passes that are asked for. Raises `StoreFailure` if one could neither be made
        nor put off."""
        seen = {name: each for name, each in asked.items() if self._is_to_be_looked_at(each)}
        held = self._together(seen)
        until = _now() + timedelta(seconds=HELD_S)
        while held and _now() < until and self.seconds_left() > ENOUGH_S + LOOK_S:
            _sleep(LOOK_S)
            held = self._together({name: seen[name] for name in held})
        for name, reason in held.items():
            self._later(name, reason, _now() + AGAIN)

    def _together(self, asked: Mapping[str, Asked]) -> dict[str, str]:
        """Make them at once. Those that another pass holds though there is something new, and by
        whom."""
        jobs = {name: tools for name, each in asked.items() if (tools := self._tools(each))}
        waits: dict[str, str] = {}
        lost: list[StoreFailure] = []
        one_at_a_time = Lock()

        def ended(name: str, found: Report | Exception) -> None:
            with one_at_a_time:
                logger.set_correlation_id(asked[name].message)
                try:
                    waits.update(self._ended(asked[name], found))
                except StoreFailure as failure:
                    lost.append(failure)

        if jobs:
            reconcile_together(jobs, ended=ended)
        if lost:
            raise lost[0]
        return waits

    def _ended(self, asked: Asked, found: Report | Exception) -> dict[str, str]:
        """Tell what became of a pass; the environment, if it is worth to wait for the one that has
        it. Raises `StoreFailure` if it could not be put off."""
        name = asked.wake.environment
        try:
            if isinstance(found, Exception):
                raise found
            self._after(found, asked.wake.reason)
        except Held as held:
            begun = held.until - timedelta(seconds=TTL_S)
            if asked.steady or _now() > begun + timedelta(seconds=YOUNG_S):
                self._later(name, f"held: {held}", _now() + AGAIN)
            else:
                return {name: f"held: {held}"}
        except Exception as error:  # noqa: BLE001 - no environment stops the others
            self._fail(name, error)
        return {}

    def _is_to_be_looked_at(self, asked: Asked) -> bool:
        """Whether no pass has seen it since the message was sent, and nobody else would have to pay
        if it kills its worker once more: what did so is asked for anew, alone."""
        name, now = asked.wake.environment, _now()
        logger.set_correlation_id(asked.message)
        try:
            before = last(self.store, name)
            if asked.together and before.killed(now):
                self._later(name, "its last pass was killed: not together with others", now)
                return False
        except Exception as error:  # noqa: BLE001 - no environment stops the others
            self._fail(name, error)
            return False
        if before.saw(asked.sent, now, steady=asked.steady):
            self.passes[name] = "seen since"
            return False
        return True

    def _tools(self, asked: Asked) -> Tools | None:
        """What a pass works with; None if there is none to make now."""
        name = asked.wake.environment
        logger.set_correlation_id(asked.message)
        try:
            if self.seconds_left() < ENOUGH_S:
                self._later(name, "no time left", _now())
                return None
            registry = self.registry()
            try:
                self.bindings[name] = binding = registry.binding(name)
            except NotRegistered as refusal:
                self._refuse(asked, registry.home, str(refusal))
                return None
        except Exception as error:  # noqa: BLE001 - no environment stops the others
            self._fail(name, error)
            return None
        return Tools(
            store=self.store,
            source=self._source(binding, name),
            connect=self.doors.door(binding, name).fresh,
            holder=self.holder,
            now=_now,
            seconds_left=self.seconds_left,
            highest_mode=min(binding.mode, self.settings.mode, key=MODES.index),
            steady=asked.steady,
        )

    @cached_property
    def parameters(self) -> ParameterSource:
        """Parameter Store, for the environments that are there."""
        return ParameterSource(_client("ssm"), self.settings.parameters)

    def _source(self, binding: Binding, name: str) -> Source:
        if binding.source == "parameterStore":
            return self.parameters.expect(name)
        return StoreSource(self.store)

    def _after(self, report: Report, reason: str) -> None:
        name = report.environment
        self.passes[name] = "made"
        _failed.pop(name, None)
        tell(report, reason, _now(), logger, _client, self.settings, self.bindings[name])
        self._next(report)
        self._teach(report)

    def _refuse(self, asked: Asked, home: Home, why: str) -> None:
        """Tell that an environment has no place. No marker: a new registry wakes everybody."""
        name = asked.wake.environment
        problem = Problem(KEY, 1, "spec.environments", why)
        report = Report(name, _now(), Desired(None, "NotRegistered", (problem,)))
        report.status = publish(report, self.store, _now(), write=True)
        place = Binding(home.account, home.region, "observe")
        tell(report, asked.wake.reason, _now(), logger, _client, self.settings, place)
        self._next(report)
        self.passes[name] = "refused"

    def _next(self, report: Report) -> None:
        """When to look again: at its interval, and sooner while something is under way."""
        name, desired = report.environment, report.desired.environment
        document = report.status.document if report.status else {}
        interval_s = desired.interval_s if desired else timetable.DEFAULT_S
        now, old = _now(), report.status is not None and not report.status.changed
        if not old or timetable.in_doubt(name, report.previous, now):
            timetable.record(self.store, name, timetable.entry(document, interval_s))
        if report.waiting:
            since = document.get("notConvergedSince")
            begun = datetime.fromisoformat(since) if since else now
            requeue.ask(self.store, name, now + requeue.backoff(now - begun))
        turns = report.season.turns
        held = any(veto.reason in CALENDAR for veto in report.vetoes.values())
        if held and turns and turns <= now + timedelta(seconds=interval_s):
            requeue.ask(self.store, name, turns)

    def _teach(self, report: Report) -> None:
        """Let change events find what they don't name after its environment, or name by its id.
        Written when it changed, as far as this process knows."""
        name, desired = report.environment, report.desired.environment
        if desired is None:
            return
        by_id = [it for it in report.assessments.values() if it.handler.events_by_id]
        if any(isinstance(it.observation, Unknown) for it in by_id):
            return  # rather what was learned before
        names = {resource.physical for resource in desired.resources.values()}
        ids = {it.identity for it in by_id if it.identity}
        mine = frozenset({n for n in names if not n.startswith(f"{name}-")} | ids)
        if _taught.get(name, frozenset()) != mine:
            binding = self.bindings[name]
            changes.learn(self.store, binding.account, binding.region, name, mine)
            _taught[name] = mine

    def _later(self, name: str, why: str, due: datetime) -> None:
        self.passes[name] = why
        logger.info("put off", environment=name, reason=why)
        requeue.ask(self.store, name, due)

    def _fail(self, name: str, error: Exception) -> None:
        """Note and log why an environment got no pass, and have it looked at again.

        Of an error that nobody foresaw, the text is kept out of the log: it may quote a value.
        """
        told = isinstance(error, _FORESEEN)
        frames = traceback.extract_tb(error.__traceback__)
        kind = type(error).__name__
        reason = f"{kind}: {error}" if told else f"{kind} at {frames[-1].name}:{frames[-1].lineno}"
        trace = [] if told else [f"{f.filename}:{f.lineno} {f.name}" for f in frames]
        logger.error("no pass", environment=name, reason=reason, trace=trace)
        self.passes[name] = "failed"
        times = _failed[name] = _failed.get(name, 0) + 1
        wait = min(AGAIN * 2 ** (times - 1), requeue.LATEST)
        if isinstance(error, BadRegistry):
            wait = requeue.LATEST  # for all, and the upload of a better one wakes them at once
        requeue.ask(self.store, name, _now() + wait)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Make the passes that a message asks for.

    Returns the messages that are poison, for the dead-letter queue. Raises `BadSettings`, or
    `StoreFailure` if a pass could neither be made nor put off.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    settings = Settings.read(os.environ)
    arn = context.invoked_function_arn
    store = S3Store(_client("s3"), settings.bucket)
    worker = Worker(
        settings, store, _doors(settings, partition(arn)),
        cache(lambda: _registry(store, settings.home(arn))),
        holder=f"{WORKER} {context.aws_request_id}",
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )  # fmt: skip
    asked, poison = _read(SQSEvent(event))
    worker.look(asked)
    tracer.put_metadata("passes", worker.passes)
    done = list(worker.passes.values())
    emit([
        Metric("PassesMade", "Count", float(done.count("made"))),
        Metric("PassesMissed", "Count", float(done.count("failed"))),
    ])  # fmt: skip
    return {"batchItemFailures": [{"itemIdentifier": each} for each in poison]}


def _read(event: SQSEvent) -> tuple[dict[str, Asked], list[str]]:
    """What is asked for, each environment once, and the ids of what makes no sense."""
    asked: dict[str, Asked] = {}
    poison: list[str] = []
    for record in event.records:
        try:
            wakes = parse(record.body)
        except Poison as error:
            logger.error("poison", reason=str(error), message_id=record.message_id)
            poison.append(record.message_id)
            continue
        for wake in wakes:
            before = asked.get(wake.environment)
            steady = wake.reason == INTERVAL and (before is None or before.steady)
            asked[wake.environment] = Asked(
                wake, record.message_id, _sent(record), steady, len(wakes) > 1
            )
    return asked, poison


def _sent(record: SQSRecord) -> datetime:
    return datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, UTC)


def _registry(store: Store, home: Home) -> Registry:
    found = Registry.load(store, home, remember=home not in _remembered)
    if found.written:
        _remembered.add(home)
    return found


@cache
def _doors(settings: Settings, where: str) -> Doors:
    return Doors(session(), settings, where)


@cache
def _client(service: str) -> Any:
    return session().create_client(service)


_taught: dict[str, frozenset[str]] = {}
_remembered: set[Home] = set()
_failed: dict[str, int] = {}
"""Environment → how many passes in a row could not be made, as far as this process knows."""


_sleep = time.sleep


def _now() -> datetime:
    return datetime.now(UTC)
