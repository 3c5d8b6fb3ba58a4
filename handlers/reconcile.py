"""The tick: every minute, one pass over each environment that is due.

A trigger says only "look": what is desired, how it went last time and whose turn it is are in the
state bucket. So a tick that is lost, doubled or killed costs time and nothing else, and two that
overlap share the work: a lease holds each environment for one of them.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from controller.aws import CALL_BOUND_S, Aws, AwsFailure, NotPermitted
from controller.fleet import Look, environments, fleet, look
from controller.lease import Held
from controller.reconciler import Report, Tools, reconcile
from controller.sessions import session
from controller.sources import StoreSource
from controller.store import Conflict, S3Store, Store, StoreFailure
from controller.telemetry import Metric, drifted_by_kind, metrics
from handlers.emf import emit

ENOUGH_S = 2 * CALL_BOUND_S
"""No pass begins with less time than this: one call that takes longest to read, one to write. A
pass that the runtime kills holds its lease until that ends."""

MODES = ("enforce", "observe")

_WARNINGS = ("ActionBlocked", "ActionFailed", "DesiredStateInvalid", "DriftDetected")

_NEVER = datetime.min.replace(tzinfo=UTC)

logger = Logger()


class BadSettings(Exception):
    """The function's environment variables can't be used."""


class NothingDone(Exception):
    """Passes were due and not one could be made."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `template.yaml` tells the function."""

    bucket: str
    mode: str
    region: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Settings:
        """From environment variables. Raises `BadSettings` with all that is wrong."""
        found = cls(
            variables.get("PLUMBLINE_BUCKET", ""),
            variables.get("PLUMBLINE_MODE", ""),
            variables.get("AWS_REGION", ""),
        )
        wrong = []
        if not found.bucket:
            wrong.append("PLUMBLINE_BUCKET: found nothing, allowed: the state bucket's name")
        if found.mode not in MODES:
            mode = found.mode or "nothing"
            wrong.append(f"PLUMBLINE_MODE: found {mode}, allowed: {' or '.join(MODES)}")
        if not found.region:
            wrong.append("AWS_REGION: found nothing, allowed: a region (Lambda sets it)")
        if wrong:
            raise BadSettings("; ".join(wrong))
        return found


@dataclass
class Round:
    """What one tick came to: environments with the metrics of their pass; those that another pass
    holds; those without a pass and why; those that there was no time for."""

    made: dict[str, list[Metric]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """For the log, and for whoever invokes the function by hand."""
        return {
            "made": len(self.made),
            "held": len(self.held),
            "failed": len(self.failed),
            "left": len(self.left),
        }

    @property
    def metrics(self) -> list[Metric]:
        """How the ticking itself goes. `PassesMissed`: due, and none was made, for whatever reason
        but that another pass is at it."""
        missed = len(self.failed) + len(self.left)
        return [
            Metric("PassesMade", "Count", float(len(self.made))),
            Metric("PassesMissed", "Count", float(missed)),
        ]


@logger.inject_lambda_context(correlation_id_path="id", clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Make one pass over each environment that is due, the longest unseen first.

    Raises `BadSettings`, `StoreFailure` if the bucket can't be listed, or `NothingDone`: then
    Lambda counts an error, and the next tick tries again.
    """
    settings = Settings.read(os.environ)
    account = context.invoked_function_arn.split(":")[4]
    aws = _door(settings.region, account)
    store = S3Store(aws.client("s3"), settings.bucket)
    tools = Tools(
        store=store,
        source=StoreSource(store),
        connect=aws.fresh,
        holder=f"lambda request {context.aws_request_id}",
        now=_now,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        highest_mode=settings.mode,
    )
    done = Round()
    looks = _look_at_all(aws, store, done)
    turns = sorted((x for x in looks if x.due), key=lambda x: x.last or _NEVER)
    for turn in turns:
        if tools.seconds_left() < ENOUGH_S:
            done.left.append(turn.environment)
            continue
        _turn(turn, tools, done)
    if done.left:
        logger.warning("no time left: the next tick begins with these", environments=done.left)
    others = [x.status for x in looks if x.environment not in done.made]
    emit([*fleet(done.made.values(), others, _now()), *done.metrics])
    logger.info("tick", passes=done.counts)
    if done.failed and not done.made and not done.held:
        reasons = "; ".join(f"{name}: {why}" for name, why in done.failed.items())
        raise NothingDone(reasons)
    return done.counts


def _look_at_all(aws: Aws, store: Store, done: Round) -> list[Look]:
    """All environments, many at a time. One that can't be looked at is noted as failed."""

    def one(name: str) -> Look | None:
        try:
            return look(store, name, _now())
        except Exception as error:  # noqa: BLE001 - no environment stops the others
            _fail(name, error, done)
            return None

    names = environments(store)
    looks = aws.together(*(partial(one, name) for name in names))
    return [found for found in looks if found is not None]


def _turn(turn: Look, tools: Tools, done: Round) -> None:
    """One pass, told whatever comes of it."""
    name = turn.environment
    try:
        report = reconcile(name, tools)
        found = metrics(report, tools.now())
        _tell(report, found, turn.due)
        done.made[name] = found
    except Held as held:
        done.held.append(name)
        logger.info("held", environment=name, reason=str(held))
    except Exception as error:  # noqa: BLE001 - no environment stops the others
        _fail(name, error, done)


def _tell(report: Report, found: Sequence[Metric], due: str) -> None:
    """The pass as lines of the log, and its metrics."""
    name = report.environment
    for row in report.status.events if report.status else ():
        say = logger.warning if row["type"] in _WARNINGS else logger.info
        say(row["type"], environment=name, event=row)
    logger.info(
        "pass",
        environment=name,
        due=due,
        mode=report.mode,
        paused=report.paused,
        refused=report.desired.refused,
        converged=report.converged,
        metrics={m.name: m.value for m in found},
    )
    emit(found, Environment=name)
    for kind, count in drifted_by_kind(report).items():
        emit([Metric("DriftedResources", "Count", float(count))], Environment=name, Kind=kind)


def _fail(name: str, error: Exception, done: Round) -> None:
    """Note and log why an environment got no pass.

    Of an error that nobody foresaw, the text is kept out of the log: it may quote a value.
    """
    told = isinstance(error, (AwsFailure, Conflict, NotPermitted, StoreFailure))
    frames = traceback.extract_tb(error.__traceback__)
    kind = type(error).__name__
    reason = f"{kind}: {error}" if told else f"{kind} at {frames[-1].name}:{frames[-1].lineno}"
    done.failed[name] = reason
    trace = [] if told else [f"{f.filename}:{f.lineno} {f.name}" for f in frames]
    logger.error("no pass", environment=name, reason=reason, trace=trace)


@cache
def _door(region: str, account: str) -> Aws:
    """The door to AWS, made once a process: clients and their connections stay warm."""
    return Aws(session(), region=region, account=account)


def _now() -> datetime:
    return datetime.now(UTC)
