"""Resource providers: what CloudFormation does to make, watch and delete one type of resource."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

from sandbox.cloudformation_calls import Doc, Job, fit


class Provider:
    """One resource type. Calls that AWS refuses (`ClientError`, `Failed`) fail the resource."""

    def create(self, job: Job, properties: Doc) -> None:
        """Make it, and say by `job.hold` what Ref and GetAtt give."""
        raise NotImplementedError

    def ready(self, job: Job) -> bool:
        """Whether it has become usable; may `hold` what is known only now."""
        return True

    def delete(self, job: Job) -> None:
        """Delete it; nothing if it is gone."""
        raise NotImplementedError

    def gone(self, job: Job) -> bool:
        """Whether a deletion has ended."""
        return True


class Named(Provider):
    """A type whose properties are one create call's parameters, found again by its name.

    name: the property that names it; longest, lower: the rules for a name of CloudFormation's
    making. noun: the member of the reply that holds it, "" for the reply itself; arn: where in
    that its ARN is, which GetAtt gives as `arn_attribute`.
    """

    service: ClassVar[str]
    name: ClassVar[str]
    longest: ClassVar[int] = 255
    lower: ClassVar[bool] = False
    makes: ClassVar[str]
    removes: ClassVar[str]
    missing: ClassVar[str]
    noun: ClassVar[str] = ""
    arn: ClassVar[str] = ""
    arn_attribute: ClassVar[str] = "Arn"
    rename: ClassVar[Mapping[str, str]] = {}
    skip: ClassVar[tuple[str, ...]] = ()

    def create(self, job: Job, properties: Doc) -> None:
        """One call, with the stack's tags."""
        name = properties.get(self.name) or job.name(self.longest, lower=self.lower)
        said = properties | {self.name: name}
        if tags := job.tagged(properties):
            said["Tags"] = tags
        params = fit(self.service, self.makes, said, rename=self.rename, skip=self.skip)
        reply = job.call(self.service, self.makes, **params)
        made = reply.get(self.noun, reply)
        arn = str(made.get(self.arn, ""))
        attributes = {self.arn_attribute: arn} if arn else {}
        job.hold(self.physical(name, made), attributes | self.attributes(made), arn)
        self.then(job, properties)

    def physical(self, name: str, made: Doc) -> str:
        """What Ref gives: the name as it was sent, unless said otherwise."""
        return name

    def attributes(self, made: Doc) -> Doc:
        """What GetAtt gives beside the ARN, from the reply."""
        return {}

    def then(self, job: Job, properties: Doc) -> None:
        """The calls that follow the one that made it."""

    def delete(self, job: Job) -> None:
        """One call by name."""
        parameter = self.rename.get(self.name, self.name)
        params = fit(self.service, self.removes, {parameter: job.physical})
        job.call.quietly(self.service, self.removes, self.missing, **params)


PROVIDERS: dict[str, Provider] = {}
T = TypeVar("T", bound=type[Provider])


def provides(*kinds: str) -> Callable[[T], T]:
    """Register a provider for resource types."""

    def register(made: T) -> T:
        PROVIDERS.update(dict.fromkeys(kinds, made()))
        return made

    return register


@cache
def providers() -> dict[str, Provider]:
    """All providers, by resource type."""
    for part in ("containers", "data", "edge", "watch", "network", "foundation"):
        importlib.import_module(f"sandbox.cloudformation_{part}")
    return PROVIDERS


def chunks(items: list[Any], size: int) -> list[list[Any]]:
    """The items in lists of at most `size`."""
    return [items[at : at + size] for at in range(0, len(items), size)]
