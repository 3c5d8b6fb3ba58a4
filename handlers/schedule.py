"""The tick: every minute, wake the environments whose turn it is. It reads no file and no AWS.

A few LISTs and two objects tell everything: names, intervals and how environments stand, what asked
to be looked at again, and when the last tick was, so that one that was lost is made up for.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from controller import requeue, timetable
from controller.fleet import environments, levels
from controller.messages import INTERVAL, Wake, alone, send
from controller.registry import BadRegistry, Registry
from controller.sessions import session
from controller.store import S3Store
from controller.telemetry import Metric
from handlers.emf import emit
from handlers.settings import Settings

logger = Logger()
tracer = Tracer(auto_patch=False)


class NotWoken(Exception):
    """SQS refused messages: the next tick sends them again."""


@logger.inject_lambda_context(correlation_id_path="id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[str]]:
    """Wake what is due. Raises `BadSettings`, `StoreFailure` or `NotWoken`; the next tick makes up
    for it."""
    settings = Settings.read(os.environ)
    store = S3Store(_client("s3"), settings.bucket)
    now = _now()
    since, version = timetable.last_tick(store, now)
    registry = _registry(store, settings, context)
    elsewhere = registry.in_parameters() if registry else []
    names = sorted({*environments(store), *elsewhere})
    entries = timetable.entries(store)
    known = {name: entries[name] for name in names if name in entries}
    markers = requeue.due(store, now)
    wakes = [Wake(name, "never looked at") for name in names if name not in known]
    wakes += [Wake(name, INTERVAL) for name in timetable.due(known, since, now)]
    again = [Wake(name, "work was under way") for _, name in markers]
    marked = {wake.environment for wake in again}
    wakes = [wake for wake in wakes if wake.environment not in marked]
    emit(levels(known.values(), now))  # even if nobody can be woken
    failed = send(_client("sqs"), settings.queue, again)
    failed += send(_client("sqs"), settings.queue, wakes, registry.place if registry else alone)
    wakes += again
    lost = {wake.environment for wake in failed}
    sent = [key for key, environment in markers if environment not in lost]
    with ThreadPoolExecutor(8) as pool:  # a thousand one by one would outlast the minute
        list(pool.map(partial(requeue.done, store), sent))
    woken = sorted({wake.environment for wake in wakes} - lost)
    emit([Metric("EnvironmentsWoken", "Count", float(len(woken)))])
    logger.info("tick", woken=woken, refused=sorted(lost))
    if failed:
        raise NotWoken(", ".join(sorted(lost)))
    timetable.ticked(store, now, version)
    return {"woken": woken}


def _registry(store: S3Store, settings: Settings, context: LambdaContext) -> Registry | None:
    """Where environments live, and those whose file is not in the bucket."""
    try:
        return Registry.load(store, settings.home(context.invoked_function_arn))
    except BadRegistry as error:  # the passes over the others tell it, too
        logger.error("no registry", reason=str(error))
        return None


@cache
def _client(service: str) -> Any:
    return session().create_client(service)


def _now() -> datetime:
    return datetime.now(UTC)
