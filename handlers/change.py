"""Changes: an event of AWS's wakes the environments that it touches, and says who made it.

Desired state uploaded to the bucket or to Parameter Store, calls that CloudTrail recorded, and what
ECS and RDS tell of themselves. What AWS does not send is in docs/reference/change-events.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from controller import changes, timetable
from controller.attribution import note
from controller.fleet import environments
from controller.messages import Place, Wake, alone, send
from controller.registry import BadRegistry, Registry
from controller.sessions import session
from controller.store import S3Store, Store
from controller.telemetry import Metric
from handlers.emf import emit
from handlers.settings import Settings

logger = Logger()
tracer = Tracer(auto_patch=False)


class NotWoken(Exception):
    """SQS refused messages: Lambda tries once more, then the next interval sees it."""


@logger.inject_lambda_context(correlation_id_path="id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[str]]:
    """Wake what the event touches. Raises `BadSettings`, `StoreFailure` or `NotWoken`."""
    settings = Settings.read(os.environ)
    store = S3Store(_client("s3"), settings.bucket)
    names, change = _touched(event, store, settings, context)
    kind = str(event.get("detail-type", "an event"))
    all_of_them = len(names) > 1 and change is None  # a new registry: many, which share reads
    place = _places(store, settings, context) if all_of_them else alone
    failed = send(_client("sqs"), settings.queue, [Wake(name, kind) for name in names], place)
    emit([Metric("ChangesHeard", "Count", float(bool(names)))])
    logger.info("change", type=kind, woken=names, refused=[w.environment for w in failed])
    if change and change.who:
        for name in names:
            note(store, name, id=change.id, at=change.at, who=change.who, what=change.what,
                 names=change.names)  # fmt: skip
    if failed:
        raise NotWoken(", ".join(wake.environment for wake in failed))
    return {"woken": names}


def _places(
    store: Store, settings: Settings, context: LambdaContext
) -> Callable[[str], Place | None]:
    try:
        return Registry.load(store, settings.home(context.invoked_function_arn)).place
    except BadRegistry:  # the passes tell it
        return alone


def _touched(
    event: dict[str, Any], store: Store, settings: Settings, context: LambdaContext
) -> tuple[list[str], changes.Change | None]:
    """The environments, and the call that touched them if it was one."""
    own = changes.desired_state_of(event, settings.parameters)
    if own:
        return [own], None
    known = sorted(timetable.entries(store))
    if own == "":
        return known, None
    if changes.part(event, settings.parameters):
        return [], None
    try:
        registry = Registry.load(store, settings.home(context.invoked_function_arn))
    except BadRegistry as error:  # trying once more would not help; the passes tell it, too
        logger.error("no registry", reason=str(error))
        return [], None
    change = changes.parse(event)
    place = (change.account, change.region)
    there = {*environments(store), *registry.in_parameters()}  # entries outlast what is removed
    here = {n: registry.binding(n) for n in known if n in there and registry.place(n) == place}
    role = f"{settings.role}-{change.region}-converge"
    if change.refused or changes.ours(event, {b.converge_role or role for b in here.values()}):
        return [], None
    return changes.touched(change, here, changes.names(store, *place)), change


@cache
def _client(service: str) -> Any:
    return session().create_client(service)
