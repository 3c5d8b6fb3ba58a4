"""The sandbox inside the caller's own process: boto3 sessions whose requests never leave it."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.request import Request

from sandbox.wire import Dropped, handle
from sandbox.world import World

_LOADER = botocore.loaders.create_loader()
"""Shared, because it keeps the service models it has read: most of what making a client costs."""


def session(
    world: World, *, region: str | None = None, access_key: str = "AKIASANDBOX"
) -> boto3.Session:
    """A boto3 session bound to `world`. Clients made from it behave as real ones, retries too."""
    core = botocore.session.Session()
    core.register_component("data_loader", _LOADER)
    core.set_credentials(access_key, "sandbox")
    core.set_config_variable("region", region or world.region)
    bind(core, world)
    return boto3.Session(botocore_session=core)


def bind(core: botocore.session.Session, world: World) -> None:
    """Let `world` answer all that clients of this botocore session ask."""

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        incoming = Request.from_primitives(
            request.method, request.url, request.headers, request.body
        )
        try:
            reply = handle(world, incoming)
        except Dropped as gone:
            raise ReadTimeoutError(endpoint_url=request.url, error=gone) from gone
        return AWSResponse(request.url, reply.status, reply.headers, MockRawResponse(reply.body))

    core.get_component("event_emitter").register_first("before-send", answer)
