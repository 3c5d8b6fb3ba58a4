"""The only door to AWS: clients, rate budget, counting, and one taxonomy of errors."""

from __future__ import annotations

import copy
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Literal, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from controller import beyond, sense
from controller.kept import Trust
from controller.leaks import spellings
from controller.rates import Budget

ATTEMPTS = 3
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 15.0
CALL_BOUND_S = ATTEMPTS * (CONNECT_TIMEOUT_S + READ_TIMEOUT_S) + 6.0
"""Longest that one call can take, retries and their back-off included, in seconds."""

Failure = Literal["not-found", "exists", "busy", "stale", "throttled", "denied", "invalid", "down"]
"""busy: the resource's state forbids it now. stale: changed since it was read. invalid: AWS refuses
the request itself. down: no answer, or an answer that makes no sense."""


class AwsFailure(Exception):
    """A call that AWS refused or that got no answer. The text holds no secret."""

    def __init__(self, failure: Failure, code: str, message: str, call: str) -> None:
        super().__init__(f"{call}: {code}: {message}")
        self.failure = failure
        self.code = code
        self.message = message
        self.call = call


class Stale(Exception):
    """AWS changed since it was observed: observe, diff and plan this resource again."""


class NotPermitted(Exception):
    """A write was tried where none may be made: no lease, not enough time left, or observe mode."""


_CODES: dict[Failure, tuple[str, ...]] = {
    "not-found": ("NotFound", "Nonexistent", "NoSuch", "ClusterNotFound", "ServiceNotFound"),
    "exists": ("AlreadyExists", "DuplicateItem", "ResourceExists", "AlreadyInUse",
               "InvalidGroup.Duplicate"),
    "stale": ("OptimisticLock",),
    "throttled": ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown",
                  "Rate exceeded"),
    "denied": ("AccessDenied", "NotAuthorized", "Unauthorized", "UnrecognizedClient",
               "InvalidClientTokenId", "ExpiredToken", "RequestExpired", "AuthFailure",
               "SignatureDoesNotMatch"),
    "busy": ("InvalidDBInstanceState", "InvalidReplicationGroupState", "InvalidCacheClusterState",
             "InvalidDBParameterGroupState", "InvalidDBSubnetGroupState",
             "InvalidCacheParameterGroupState", "UpdateInProgress", "ResourceInUse",
             "ServiceNotActive", "UnavailableEntity", "ConcurrentUpdate", "ConcurrentModification",
             "InvalidState", "OperationAborted", "DependencyViolation",
             "AssociatedItem"),
    "down": ("InternalFailure", "InternalServerError", "InternalError", "ServiceException",
             "RequestTimeout", "ServiceUnavailable", "BadGateway", "GatewayTimeout",
             "ServerException", "InternalService"),
}  # fmt: skip


def classify(code: str, status: int = 400) -> Failure:
    """Sort an AWS error code and HTTP status into the taxonomy; what is not known is `invalid`."""
    if code.isdigit():  # no code in the reply: something between us and AWS spoke
        return "down" if int(code) >= 500 else "denied" if code in ("401", "403") else "invalid"
    for failure, marks in _CODES.items():
        if any(mark in code for mark in marks):
            return failure
    return "down" if status >= 500 else "invalid"


class Aws:
    """One account and region, as one pass sees it.

    session: botocore session with credentials. permit: called before every write with
    `service:Operation`; raises `NotPermitted`. cache: lives as long as the process; holds only
    what can never be wrong (documents under immutable keys, or under AWS's own change tokens).
    environments: those that share this door's reads, where several are looked at together. trust:
    what of earlier reads may be gone by; None: nothing.
    """

    def __init__(
        self,
        session: botocore.session.Session,
        *,
        region: str,
        account: str,
        permit: Callable[[str], None] | None = None,
        budget: Budget | None = None,
        cache: dict[Any, Any] | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        self.region = region
        self.account = account
        self.began = datetime.now(UTC).timestamp()
        """When the pass began, in seconds of Unix time."""
        self.calls: Counter[str] = Counter()
        self.throttles = 0
        self.cache = {} if cache is None else cache
        self.environments: tuple[str, ...] = ()
        self.trust: Trust | None = None
        self._permit = permit
        self._budget = budget or Budget()
        self._clients = _Clients(session, region, endpoint_url)
        self._writers = self._clients
        self._lock = threading.Lock()
        self._memo: dict[Any, Future[Any]] = {}
        self._secrets: set[str] = set()

    @property
    def reader(self) -> int:
        """Tells doors apart that read by different sessions."""
        return id(self._clients)

    def fresh(self, permit: Callable[[str], None] | None) -> Self:
        """For the next pass: counters and memo are new; clients, threads, cache, budget stay."""
        new = copy.copy(self)
        new.calls, new.throttles, new._memo, new._permit = Counter(), 0, {}, permit
        new.trust = None
        new._lock = threading.Lock()
        return new

    def written_by(self, writer: botocore.session.Session) -> Aws:
        """The same door, written through by another session. Clients that read are shared."""
        new = self.fresh(None)
        new._writers = _Clients(writer, self.region, self._clients.endpoint)
        return new

    def read(self, service: str, operation: str, params: Mapping[str, Any] | None = None) -> Any:
        """Make one reading call. Raises `AwsFailure`."""
        return self._call(service, operation, dict(params or {}))

    def write(self, service: str, operation: str, params: Mapping[str, Any]) -> Any:
        """Make one mutating call. Raises `AwsFailure`, or `NotPermitted` with nothing sent."""
        if self._permit is None:
            raise NotPermitted(f"{service}:{operation}: read-only")
        self._permit(f"{service}:{operation}")
        return self._call(service, operation, dict(params), self._writers)

    def reveal(self, service: str, operation: str, params: Mapping[str, Any]) -> Any:
        """Read what only a write needs (a secret's value), as the one who writes."""
        return self._call(service, operation, dict(params), self._writers)

    def pages(
        self, service: str, operation: str, items: str, params: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """All items of a paged read, by botocore's paginator model (`NextToken`, `Marker`, …)."""
        token_in, token_out = _TOKENS.get(service, ("NextToken", "NextToken"))
        request = dict(params or {})
        found: list[Any] = []
        while True:
            reply = self._call(service, operation, request)
            found.extend(reply.get(items) or [])
            token = reply.get(token_out)
            if not token or token == request.get(token_in):
                return found
            request[token_in] = token

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run reads at the same time; their results in order. An `AwsFailure` is returned instead.

        Not to be nested: a gathered call must not gather.
        """

        def guarded(call: Callable[[], Any]) -> Any:
            try:
                return call()
            except AwsFailure as failure:
                return failure

        if len(calls) == 1:
            return [guarded(calls[0])]
        return list(self._clients.inner.map(guarded, calls))

    def together(self, *jobs: Callable[[], Any]) -> list[Any]:
        """Run whole observations at the same time; each may `gather`. Exceptions are raised."""
        return list(self._clients.outer.map(lambda job: job(), jobs))

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """The value of `make()`, made once in this pass whoever asks first."""
        with self._lock:
            mine = key not in self._memo
            future: Future[Any] = self._memo.setdefault(key, Future())
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def made(self, key: Any) -> Any:
        """What `once` made in this pass; None if nobody asked for it, or it failed."""
        with self._lock:
            future = self._memo.get(key)
        done = future is not None and future.done() and future.exception() is None
        return future.result() if future is not None and done else None

    def keep_secret(self, value: str) -> None:
        """Blot this value out of any error text from now on, however it is written there."""
        if value:
            self._secrets |= spellings(value)

    def client(self, service: str) -> Any:
        """The botocore client of a service, made when first asked for."""
        return self._clients.get(service)

    def _call(
        self, service: str, operation: str, params: dict[str, Any], by: _Clients | None = None
    ) -> Any:
        call = f"{service}:{operation}"
        once = call in ONCE or bool(params.get(FORCED))
        client = (by or self._clients).get(service, once=once)
        waited = self._budget.take(call)
        if waited:
            time.sleep(waited)
        try:
            reply = client._make_api_call(operation, params)
        except ClientError as error:
            meta = error.response.get("ResponseMetadata", {})
            self._count(call, meta.get("RetryAttempts", 0))
            code = error.response.get("Error", {}).get("Code", "Unknown")
            failure = classify(code, int(meta.get("HTTPStatusCode", 400)))
            if failure == "throttled":
                self.throttles += 1
            message = str(error.response.get("Error", {}).get("Message", ""))
            raise AwsFailure(failure, code, self._blot(message), call) from None
        except (BotoCoreError, ResponseParserError) as error:
            self._count(call, ATTEMPTS - 1)
            kind: Failure = "invalid" if "Validation" in type(error).__name__ else "down"
            raise AwsFailure(kind, type(error).__name__, self._blot(str(error)), call) from None
        self._count(call, reply.get("ResponseMetadata", {}).get("RetryAttempts", 0))
        return reply

    def _count(self, call: str, retries: int) -> None:
        with self._lock:
            self.calls[call] += 1 + retries

    def _blot(self, message: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            message = message.replace(secret, "***")
        return message


class _Clients:
    """Clients and threads, which live as long as the process: making a client takes 15-40 ms."""

    def __init__(
        self, session: botocore.session.Session, region: str, endpoint: str | None
    ) -> None:
        self._session = session
        self._region = region
        self.endpoint = endpoint
        self._made: dict[tuple[str, bool], Any] = {}
        self._lock = threading.Lock()
        self.inner = ThreadPoolExecutor(16, "aws-call")
        self.outer = ThreadPoolExecutor(32, "aws-observe")

    def get(self, service: str, *, once: bool = False) -> Any:
        """Creation is not thread-safe in botocore, and no faster in threads: one at a time.

        once: a client that never sends a request again by itself.
        """
        with self._lock:
            client = self._made.get((service, once))
            if client is None:
                client = self._made[service, once] = self._session.create_client(
                    service,
                    region_name=self._region,
                    endpoint_url=self.endpoint,
                    config=_CONFIG.merge(_ONCE) if once else _CONFIG,
                )
                beyond.attach(client, service)
                sense.attach(client)
            return client


_TOKENS = {
    "rds": ("Marker", "Marker"),
    "elasticache": ("Marker", "Marker"),
    "wafv2": ("NextMarker", "NextMarker"),
    "logs": ("nextToken", "nextToken"),
    "ecs": ("nextToken", "nextToken"),
    "resourcegroupstaggingapi": ("PaginationToken", "PaginationToken"),
}
"""Names of the paging members, where they are not NextToken."""

_CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT_S,
    read_timeout=READ_TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    max_pool_connections=24,
    user_agent_extra="plumbline",
    parameter_validation=True,
)

_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})

ONCE = frozenset({"ecs:RegisterTaskDefinition"})
"""Calls without name or token: sent again after a lost reply, they would make a second thing. The
next pass finds what the first one made."""
FORCED = "forceNewDeployment"
"""A parameter that makes such a call of an UpdateService: a second deployment."""
