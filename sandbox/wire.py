"""From an HTTP request to a behaviour and back.

moto supplies the protocols (parsers, serializers and its own service backends); botocore's models
say what is a valid request. An operation goes to our behaviour if there is one, to moto if it is
on the short list of those that moto does truthfully enough, and else ends the test.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import botocore.session
from botocore.awsrequest import AWSPreparedRequest
from botocore.validate import ParamValidator
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.loaders import create_loader
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.serialize import get_serializer_class

from sandbox.errors import AwsError, Killed, NotSimulated
from sandbox.limits import check_limits
from sandbox.moto_state import true_zone_ids
from sandbox.registry import Context, behaviours
from sandbox.world import CallRecord, World

SIGNING_TO_SERVICE = {
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "elasticloadbalancing": "elbv2",
}
"""Where the name in the signature is not botocore's name of the service."""

MOTO = {
    "s3": {"*"},
    "sts": {"GetCallerIdentity"},
    "ec2": {
        "CreateVpc", "CreateSubnet", "DescribeVpcs", "DescribeSubnets", "CreateInternetGateway",
        "AttachInternetGateway", "DescribeAvailabilityZones", "ModifyVpcAttribute", "DeleteVpc",
        "DeleteSubnet", "CreateManagedPrefixList", "CreateRouteTable", "CreateRoute",
        "AssociateRouteTable", "AllocateAddress", "CreateNatGateway", "CreateVpcEndpoint",
        "CreateFlowLogs", "DescribeRouteTables", "ModifySubnetAttribute",
        "DescribeInternetGateways", "DescribeNatGateways", "DescribeNetworkAcls",
        "DescribeNetworkInterfaces", "DescribeVpcEndpoints", "GetManagedPrefixListEntries",
        "CreateNetworkInterface", "AssociateAddress", "CreateNetworkAclEntry",
        "CreateVpcPeeringConnection", "AcceptVpcPeeringConnection", "AssociateVpcCidrBlock",
        "AssociateSubnetCidrBlock",
    },
    "elbv2": {
        "CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "DescribeLoadBalancers",
        "DescribeTargetGroups", "DescribeListeners", "ModifyLoadBalancerAttributes",
        "ModifyTargetGroupAttributes", "DeleteLoadBalancer", "DeleteTargetGroup", "DeleteListener",
        "CreateRule", "DescribeRules", "DeleteRule",
    },
    "iam": {
        "CreateRole", "GetRole", "ListRoles", "PutRolePolicy", "DeleteRolePolicy", "DeleteRole",
        "CreatePolicy", "DeletePolicy", "GetRolePolicy", "ListRolePolicies",
        "ListAttachedRolePolicies",
    },
    "events": {"CreateEventBus", "PutEvents"},
    "kms": {
        "CreateKey", "DescribeKey", "CreateAlias", "ListAliases", "EnableKeyRotation",
        "ScheduleKeyDeletion", "DeleteAlias", "GetKeyPolicy", "GetKeyRotationStatus",
    },
    "ecr": {"CreateRepository", "PutLifecyclePolicy", "DeleteRepository"},
    "acm": {"RequestCertificate", "DeleteCertificate"},
    "route53": {"*"},
}  # fmt: skip
"""What moto answers: seeds for what Plumbline only refers to, and its own state bucket."""

_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Reply:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


_PAGE = Reply(200, {"Content-Type": "text/html"}, b"<html><body>Please sign in</body></html>")
"""What something between the caller and AWS may answer instead of AWS (fault `garbled`)."""


class Dropped(Exception):
    """The connection ends without a reply (faults `lost` and `reset`)."""


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service, as moto's parsers want it."""
    loader = create_loader()
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


@cache
def _operations(service: str) -> dict[str, OperationModel]:
    model = service_model(service)
    return {name: model.operation_model(name) for name in model.operation_names}


def handle(world: World, request: Request) -> Reply:
    """Answer one request. Raises `NotSimulated`, `Killed` or `Dropped`."""
    if world.dead:
        raise Killed("the caller died earlier")
    request.get_data()  # keeps the body, which reading the form would use up
    access_key, region, service = _signature(request)
    account = world.accounts.get(access_key, world.account)
    if service in ("s3", "route53"):  # REST, which moto reads by itself
        return _moto(world, request, service, "", account, region, access_key)
    protocol, operation = _target(request, service)
    model = _operations(service).get(operation)
    if model is None:
        raise NotSimulated(f"{service}:{operation}: no such operation in botocore's model")
    params = PROTOCOL_PARSERS[protocol](model).parse(
        {
            "body": request.get_data(as_text=True),
            "headers": request.headers,
            "method": request.method,
            "url_params": {},
            "url_path": request.path,
            "values": request.values,
        }
    )
    if world.latency:
        time.sleep(world.latency)
    with world.lock:
        world.clock.settle()
        return _call(world, request, model, protocol, params or {}, (access_key, account, region))


def _call(
    world: World,
    request: Request,
    model: OperationModel,
    protocol: str,
    params: dict[str, Any],
    caller: tuple[str, str, str],
) -> Reply:
    service, operation = model.service_model.service_name, model.name
    access_key, account, region = caller
    ctx = Context(world, service, operation, account, region, access_key)
    behaviour = behaviours().get((service, operation))
    reply_is = ""
    error: AwsError | None = None
    result: Any = None
    try:
        reply_is = _strike(world, service, operation, params)
        if behaviour is None:
            if operation not in MOTO.get(service, ()):
                raise NotSimulated(f"{service}:{operation}")
            reply = _moto(world, request, service, operation, account, region, access_key)
            _log(world, ctx, params, None if reply.status < 400 else str(reply.status))
        else:
            _validate(model, params)
            if not operation.startswith(("Describe", "List", "Get")):
                world.remember(service, account, region)
            result = behaviour(ctx, params)
            _log(world, ctx, params, None)
            reply = _serialize(world, model, protocol, result)
    except AwsError as refused:
        error = refused
        _log(world, ctx, params, refused.code)
        reply = _refuse(protocol, refused)
    except NotSimulated as hole:
        world.unsimulated.append(str(hole))
        raise
    if error is None:
        for fault in [f for f in world.faults if f.kind == "kill-after"]:
            if fault.strikes(service, operation, params):
                world.dead = True
                raise Killed(f"after {service}:{operation}")
    if reply_is == "lost":
        raise Dropped(f"{service}:{operation}")
    return _PAGE if reply_is == "garbled" else reply


def _log(world: World, ctx: Context, params: dict[str, Any], error: str | None) -> None:
    world.calls.append(
        CallRecord(
            world.clock.now(), ctx.service, ctx.operation, params, ctx.account, ctx.region,
            ctx.access_key, error,
        )
    )  # fmt: skip


def _strike(world: World, service: str, operation: str, params: dict[str, Any]) -> str:
    """Apply the faults that come before the call; what will become of the reply: `lost`, `garbled`,
    or empty."""
    fate = ""
    for fault in [f for f in world.faults if f.kind != "kill-after"]:
        if not fault.strikes(service, operation, params):
            continue
        match fault.kind:
            case "throttle":
                raise AwsError("ThrottlingException", "Rate exceeded")
            case "error":
                raise AwsError("InternalFailure", "Internal failure, injected", 500)
            case "deny":
                raise AwsError(
                    "AccessDeniedException",
                    f"User is not authorized to perform: {service}:{operation}",
                    403 if service in ("rds", "elasticache") else 400,
                )
            case "invalid":
                raise AwsError("InvalidParameterException", fault.message(params))
            case "kill-before":
                world.dead = True
                raise Killed(f"before {service}:{operation}")
            case "reset":
                raise Dropped(f"{service}:{operation} never arrived")
            case "lost" | "garbled":
                fate = fault.kind
            case other:
                raise ValueError(f"no fault of kind {other}")
    return fate


def _signature(request: Request) -> tuple[str, str, str]:
    found = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    if not found:
        raise NotSimulated(f"unsigned request: {request.method} {request.path}")
    access_key, region, signing_name = found.groups()
    return access_key, region, SIGNING_TO_SERVICE.get(signing_name, signing_name)


def _target(request: Request, service: str) -> tuple[str, str]:
    target = request.headers.get("X-Amz-Target")
    if target:
        return "json", target.rpartition(".")[2]
    action = request.values.get("Action")
    if action:
        return ("ec2" if service == "ec2" else "query"), action
    raise NotSimulated(f"{service}: {request.method} {request.path}: unknown protocol")


def _validate(model: OperationModel, params: dict[str, Any]) -> None:
    if model.input_shape is None:
        return
    report = ParamValidator().validate(params, model.input_shape)
    if report.has_errors():
        protocols = model.service_model.metadata.get("protocols") or [model.service_model.protocol]
        code = "ValidationError" if "query" in protocols else "ValidationException"
        code = "MissingParameter" if "ec2" in protocols else code
        raise AwsError(code, report.generate_report())
    check_limits(model.service_model.service_name, model.input_shape, params)


def _serialize(world: World, model: OperationModel, protocol: str, result: Any) -> Reply:
    serializer = get_serializer_class(model.service_model.service_name, protocol)
    out = serializer(operation_model=model).serialize(result)
    body = out["body"]
    headers = {k: str(v) for k, v in out["headers"].items()}
    raw = body.encode() if isinstance(body, str) else body
    if protocol == "json" and raw and world.rng.random() < 0.2:
        raw = json.dumps(json.loads(raw) | _unknown_field(world)).encode()
        headers = {k: v for k, v in headers.items() if k.lower() != "content-length"}
    return Reply(out["status_code"], headers, raw)


def _unknown_field(world: World) -> dict[str, Any]:
    """A field that AWS adds one day, which no client may stumble over."""
    value: Any = world.rng.choice([None, True, 7, "new", [], {"Nested": ["new"]}])
    return {f"AddedIn{world.rng.randint(2027, 2040)}": value}


def _refuse(protocol: str, error: AwsError) -> Reply:
    if protocol == "json":
        body = json.dumps(
            {"__type": error.code, "message": error.message, "Message": error.message}
        )
        return Reply(error.status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode())
    if protocol == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error></Errors>"
            "<RequestID>sandbox</RequestID></Response>"
        )
        return Reply(error.status, {"Content-Type": "text/xml"}, body.encode())
    body = (
        "<ErrorResponse><Error><Type>Sender</Type>"
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        "</Error><RequestId>sandbox</RequestId></ErrorResponse>"
    )
    return Reply(error.status, {"Content-Type": "text/xml"}, body.encode())


@cache
def _endpoint_prefix(service: str) -> str:
    model = botocore.session.get_session().get_service_model(service)
    return str(model.endpoint_prefix)


def _moto(
    world: World,
    request: Request,
    service: str,
    operation: str,
    account: str,
    region: str,
    access_key: str,
) -> Reply:
    """Let moto answer, in the caller's account, whatever host the request was sent to."""
    parts = urlsplit(request.raw_url)
    host = urlsplit(request.url).netloc
    if not host.endswith(".amazonaws.com"):
        host = f"{_endpoint_prefix(service)}.{region}.amazonaws.com"
    query = request.query_string.decode()
    url = f"https://{host}{parts.path}" + (f"?{query}" if query else "")
    headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
    headers["host"] = host
    headers["x-moto-account-id"] = account
    if service == "s3":
        operation = {"GET": "Get", "HEAD": "Head"}.get(request.method, request.method.title())
        if world.latency:
            time.sleep(world.latency)
    elif service == "route53":
        true_zone_ids()
    prepared = AWSPreparedRequest(request.method, url, headers, request.get_data(), False)
    with world.lock:
        if service == "s3":
            params = {"Key": parts.path, "Query": query}
            ctx = Context(world, service, operation, account, region, access_key)
            try:
                reply_is = _strike(world, service, operation, params)
            except AwsError as error:
                return _refuse("query", error)
        answer = BotocoreStubber().process_request(prepared)
        if answer is None:
            raise NotSimulated(f"{service}:{operation}: moto does not know {url}")
        if service == "s3":
            _log(world, ctx, params, None if int(answer[0]) < 400 else str(answer[0]))
            for fault in [f for f in world.faults if f.kind == "kill-after"]:
                if fault.strikes(service, operation, params):
                    world.dead = True
                    raise Killed(f"after {service}:{operation}")
            if reply_is == "lost":
                raise Dropped(f"{service}:{operation}")
    status, reply_headers, body = answer
    flat = {str(k): str(v) for k, v in reply_headers.items()}
    return Reply(int(status), flat, body.encode() if isinstance(body, str) else body)
