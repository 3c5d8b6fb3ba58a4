"""Changes: an event of AWS's wakes the environments that it touches, and says who made it.

Desired state uploaded to the bucket or to Parameter Store, calls that CloudTrail recorded, and what
ECS and RDS tell of themselves. What AWS does not send is in docs/reference/change-events.md.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from controller import changes, timetable
from controller.messages import Wake, send
from controller.registry import Registry
from controller.sessions import session
from controller.store import S3Store, Store
from controller.telemetry import Metric
from handlers.emf import emit
from handlers.settings import Settings

logger = Logger()


class NotWoken(Exception):
    """SQS refused messages: Lambda tries once more, then the next interval sees it."""


@logger.inject_lambda_context(correlation_id_path="id", clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[str]]:
    """Wake what the event touches. Raises `BadSettings`, `StoreFailure` or `NotWoken`."""
    settings = Settings.read(os.environ)
    store = S3Store(_client("s3"), settings.bucket)
    names = _touched(event, store, settings, context)
    kind = str(event.get("detail-type", "an event"))
    failed = send(_client("sqs"), settings.queue, [Wake(name, kind) for name in names])
    emit([Metric("ChangesHeard", "Count", float(bool(names)))])
    logger.info("change", type=kind, woken=names, refused=[w.environment for w in failed])
    if failed:
        raise NotWoken(", ".join(wake.environment for wake in failed))
    return {"woken": names}


def _touched(
    event: dict[str, Any], store: Store, settings: Settings, context: LambdaContext
) -> list[str]:
    own = changes.desired_state_of(event, settings.parameters)
    if own:
        return [own]
    known = sorted(timetable.entries(store))
    if own == "":
        return known
    if changes.ours(event) or changes.part(event, settings.parameters):
        return []
    change = changes.parse(event)
    registry = Registry.load(store, settings.home(context.invoked_function_arn))
    place = (change.account, change.region)
    here = [name for name in known if registry.place(name) == place]
    found = changes.touched(change, here, changes.names(store, *place))
    if change.who:
        for name in found:
            changes.note(store, name, change)
    return found


@cache
def _client(service: str) -> Any:
    return session().create_client(service)
