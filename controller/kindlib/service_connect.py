"""Service Connect of an ECS service. DescribeServices shows it in the deployments only (case 52).

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectConfiguration.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.kindlib.container_spec import LogConfiguration
from controller.kindlib.containers import logs_request, logs_spec
from controller.kindlib.shapes import not_empty
from controller.kindlib.within import items, mapping, maps
from controller.policies import AnyWhenUndeclared, Doc, ServerDefault, Unordered
from controller.spec import Arn, Model, holds_reference, text

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=0, le=2_147_483_647)]


class HeaderValue(Model):
    """What the header must be."""

    exact: str
    """Just this."""


class TestTrafficHeader(Model):
    """A header that marks test traffic."""

    name: str
    """Name of the header."""

    value: HeaderValue | None = None
    """Its value. AWS's default is any."""


class TestTrafficRules(Model):
    """Which requests go to the new revision before the others do."""

    header: TestTrafficHeader
    """Those with this header."""


class ClientAlias(Model):
    """Where clients find it."""

    port: Port
    """Port that clients connect to."""

    dns_name: Annotated[str, AfterValidator(text(high=127))] | None = None
    """Name that clients connect to. AWS's default is `<discoveryName>.<namespace>`."""

    test_traffic_rules: TestTrafficRules | None = None
    """Which requests go to the new revision first, with another strategy than ROLLING."""


class ConnectTimeout(Model):
    """When the proxy gives up."""

    idle_timeout_seconds: Seconds | None = None
    """Seconds without traffic, 0: never. AWS's default is 5 minutes, for TCP an hour."""

    per_request_timeout_seconds: Seconds | None = None
    """Seconds for a whole answer, 0: any; not for TCP. AWS's default is 15."""


class CertificateAuthority(Model):
    """Who signs the certificates."""

    aws_pca_authority_arn: Arn | None = None
    """ARN of a private certificate authority."""


class ConnectTls(Model):
    """Encryption between the proxies."""

    issuer_certificate_authority: CertificateAuthority
    """Who signs the certificates."""

    kms_key: str | None = None
    """KMS key of the private keys. AWS's default is its own."""

    role_arn: Arn | None = None
    """Role that issues them."""


class ConnectService(Model):
    """A port of the task that others in the namespace can reach."""

    port_name: str
    """Name of one of the containers' `portMappings`."""

    discovery_name: str | None = None
    """Name in Cloud Map. AWS's default is `portName`."""

    client_aliases: Annotated[list[ClientAlias] | None, Unordered(("port",))] = None
    """Where clients find it, at most one."""

    ingress_port_override: Port | None = None
    """Port that the proxy listens on. AWS's default is the container's."""

    timeout: ConnectTimeout | None = None
    """When the proxy gives up."""

    tls: ConnectTls | None = None
    """Encryption between the proxies. AWS's default is none."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("portName"):
            return {"discoveryName": data["portName"], **data}
        return data


class AccessLogs(Model):
    """A log line for each request, into `logConfiguration`."""

    format: Literal["TEXT", "JSON"]
    """For people, or for programs."""

    include_query_parameters: Annotated[bool | None, ServerDefault(False)] = None
    """Log what follows the `?`, which may be personal or secret. AWS's default is false."""


class ServiceConnect(Model):
    """Names for services, and a proxy in each task that balances, retries and measures."""

    enabled: Annotated[bool, ServerDefault(False)] = True
    """Switch it on."""

    namespace: Annotated[str | None, AnyWhenUndeclared()] = None
    """ARN of the Cloud Map namespace. AWS's default is the cluster's."""

    services: Annotated[list[ConnectService] | None, Unordered(("portName",))] = None
    """Ports that others can reach, all of them. None: a client only."""

    log_configuration: LogConfiguration | None = None
    """Where the proxy's output goes."""

    access_log_configuration: AccessLogs | None = None
    """A log line for each request. AWS's default is none."""

    log_level: Annotated[Literal["info", "debug"] | None, ServerDefault("info")] = None
    """How much the proxy says (AWS's `containerConfigurations`). AWS's default is info."""


def connect_spec(raw: Mapping[str, Any]) -> Doc:
    """Service Connect in our language."""
    out = dict(raw)
    out["services"] = [
        {**s, "discoveryName": s.get("discoveryName") or s.get("portName")}
        for s in raw.get("services") or ()
        if s
    ]
    if logs := raw.get("logConfiguration"):
        out["logConfiguration"] = logs_spec(logs)
    if access := raw.get("accessLogConfiguration"):
        query = access.get("includeQueryParameters") == "ENABLED"
        out["accessLogConfiguration"] = {**access, "includeQueryParameters": query}
    for setting in raw.get("containerConfigurations") or ():
        out.update(setting)
    return out


def connect_request(spec: Mapping[str, Any] | None) -> Doc:
    """Service Connect in AWS's words: the whole, or that it is off."""
    if not spec or not spec.get("enabled"):
        return {"enabled": False}
    out = not_empty({k: v for k, v in spec.items() if k != "logLevel"})
    if logs := spec.get("logConfiguration"):
        out["logConfiguration"] = logs_request(logs)
    if access := spec.get("accessLogConfiguration"):
        query = "ENABLED" if access.get("includeQueryParameters") else "DISABLED"
        out["accessLogConfiguration"] = {**access, "includeQueryParameters": query}
    if level := spec.get("logLevel"):
        out["containerConfigurations"] = [{"logLevel": level}]
    return out


def connect_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """What ECS refuses of Service Connect. spec: of the service."""
    connect = mapping(spec.get("serviceConnectConfiguration"))
    if not connect.get("enabled"):
        return
    where = "serviceConnectConfiguration"
    namespace = str(connect.get("namespace") or "arn:")
    if not namespace.startswith("arn:") and not holds_reference(namespace):
        yield f"{where}.namespace: {namespace} must be the ARN: of a name AWS may make another one"
    if spec.get("networkMode") in ("host", "none"):
        yield f"{where}: not with networkMode {spec['networkMode']}"
    if connect.get("accessLogConfiguration") and not connect.get("logConfiguration"):
        yield f"{where}.accessLogConfiguration: needs logConfiguration"
    names = port_names(spec)
    for service in maps(connect.get("services")):
        port = service.get("portName")
        if names is not None and port not in names and not holds_reference(port):
            yield f"{where}.services: no container has a portMapping named {port}"
        aliases = items(service.get("clientAliases"))
        if len(aliases) > 1:
            yield f"{where}.services: at most one clientAlias each, {port} has {len(aliases)}"
        if len(str(service.get("discoveryName", ""))) > 64:
            yield f"{where}.services: a discoveryName has at most 64 characters"


def port_names(spec: Mapping[str, Any]) -> set[str] | None:
    """Names of all port mappings; None while some are not known."""
    names: set[str] = set()
    for container in mapping(spec.get("containers")).values():
        ports = mapping(container).get("portMappings") or []
        if holds_reference(container) or not isinstance(ports, list):
            return None
        names |= {str(p["name"]) for p in maps(ports) if p.get("name")}
    return names
