"""How a resource provider works: it calls the service's own API, as anybody would.

Most properties have the API's names and shapes, so the request is made by fitting the properties
into the operation's input shape in botocore's model; providers say only what differs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.errors import NotSimulated
from sandbox.inprocess import session
from sandbox.wire import service_model
from sandbox.world import World

Doc = dict[str, Any]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Failed(Exception):
    """The resource can't be made: what the stack's event says of it."""


class Caller:
    """The API, with the credentials of whoever made the stack."""

    def __init__(self, world: World, account: str, region: str, access_key: str) -> None:
        self.world, self.account, self.region = world, account, region
        self.access_key = access_key
        self._session = session(world, region=region, access_key=access_key)
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str, operation: str, /, **params: Any) -> Doc:
        """One call; `ClientError` if AWS refuses it."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        call = getattr(self._clients[service], xform_name(operation))
        reply: Doc = call(**params)
        return reply

    def quietly(self, service: str, operation: str, /, *codes: str, **params: Any) -> Doc | None:
        """One call; None if AWS refuses it with one of these codes."""
        try:
            return self(service, operation, **params)
        except ClientError as error:
            if error.response["Error"]["Code"] in codes:
                return None
            raise


@dataclass
class Job:
    """One resource in the making, or being deleted.

    made: its record in the stack: `physical` (what Ref gives), `attributes` (what GetAtt gives)
    and `arn` (what carries its tags), once it has them. tags: what the stack's tags say.
    """

    call: Caller
    stack: str
    logical: str
    made: Doc
    tags: Doc = field(default_factory=dict)

    @property
    def physical(self) -> str:
        """What Ref gives."""
        return str(self.made["physical"])

    def hold(self, physical: str, attributes: Mapping[str, Any], arn: str = "") -> None:
        """From now on it exists: a roll-back deletes it."""
        known = self.made.get("attributes", {})
        self.made.update(physical=physical, attributes={**known, **attributes})
        if arn:
            self.made["arn"] = arn

    def name(self, longest: int, *, lower: bool = False) -> str:
        """A physical name of CloudFormation's making: stack, logical name, twelve characters.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
        Where that is too long, the service's own limit cuts the readable part (assumed).
        """
        tail = self.token(12)
        head = f"{self.stack}-{self.logical}"[: longest - len(tail) - 1].rstrip("-")
        name = f"{head}-{tail}"
        return name.lower() if lower else name

    def token(self, length: int) -> str:
        """Random letters and digits."""
        return "".join(self.call.world.rng.choice(ALPHABET) for _ in range(length))

    def tagged(self, properties: Mapping[str, Any]) -> list[Doc]:
        """The resource's own tags over those of the stack."""
        own = properties.get("Tags") or []
        if isinstance(own, dict):
            own = [{"Key": k, "Value": v} for k, v in own.items()]
        both = self.tags | {tag["Key"]: str(tag["Value"]) for tag in own}
        return [{"Key": key, "Value": value} for key, value in both.items()]


def fit(
    service: str,
    operation: str,
    properties: Mapping[str, Any],
    *,
    rename: Mapping[str, str] | None = None,
    skip: Iterable[str] = (),
) -> Doc:
    """The request that the properties make. rename: property → parameter, where they differ.

    A property that the operation does not know ends the test, unless it is to be skipped.
    """
    shape = service_model(service).operation_model(operation).input_shape
    left = set(skip)
    named = {
        (rename or {}).get(name, name): value
        for name, value in properties.items()
        if name not in left
    }
    made: Doc = _fit(shape, named, f"CloudFormation: {service}:{operation}")
    return made


def _fit(shape: Any, value: Any, where: str) -> Any:
    match shape.type_name:
        case "structure":
            members = {name.casefold(): name for name in shape.members}
            made: Doc = {}
            for name, inside in value.items():
                member = members.get(name.casefold())
                if member is None and name == "SearchStringBase64":
                    made["SearchString"] = base64.b64decode(inside)
                    continue
                if member is None:
                    raise NotSimulated(f"{where}: property {name}")
                made[member] = _fit(shape.members[member], inside, f"{where}.{member}")
            return made
        case "list":
            return [_fit(shape.member, item, where) for item in value]
        case "map":
            pairs = (
                {item["Key"]: item["Value"] for item in value} if isinstance(value, list) else value
            )
            return {str(k): _fit(shape.value, v, where) for k, v in pairs.items()}
        case "string":
            return str(value).lower() if isinstance(value, bool) else str(value)
        case "integer" | "long":
            return int(float(value))
        case "double" | "float":
            return float(value)
        case "boolean":
            return value if isinstance(value, bool) else str(value).lower() == "true"
        case "blob":
            return value.encode() if isinstance(value, str) else value
        case _:
            return value


def paths(value: Mapping[str, Any], *names: str) -> Doc:
    """Those members of a reply, as GetAtt names them (`Endpoint.Address`); absent ones left out."""
    found = {}
    for name in names:
        here: Any = value
        for step in name.split("."):
            here = here.get(step) if isinstance(here, Mapping) else None
        if here is not None:
            found[name] = here
    return found
