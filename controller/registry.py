"""Which account and region an environment lives in, and the most it may do: not the file's say.

`registry.yaml` in the state bucket. A desired-state file can't choose its place: a commit to one
environment can't act as another. Who may write this object decides where Plumbline acts; give that
right to fewer than may write `environments/`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from controller.complaints import validate
from controller.envelope import Mode, Name
from controller.spec import Model, text
from controller.store import Conflict, Store
from controller.yamlfile import YamlError, read

KEY = "registry.yaml"
SEEN = "registry.seen"
"""Says that there was a registry: that it is gone is then no reason to do without one."""

AccountId = Annotated[
    str, AfterValidator(text(r"[0-9]{12}", says='must be 12 digits in quotes, as "123456789012"'))
]
Region = Annotated[
    str, AfterValidator(text(r"[a-z]{2}(-[a-z]+)+-[0-9]", says="must be a region, as eu-central-1"))
]
RoleName = Annotated[
    str, AfterValidator(text(r"[\w+=,.@/-]{1,512}", says="must be the name of an IAM role"))
]


SourceName = Literal["bucket", "parameterStore"]


class Place(Model):
    """Where environments live, and how much they may do there."""

    account: AccountId | None = None
    """Account, in quotes. By default the control plane's own."""

    region: Region | None = None
    """Region. By default the control plane's own."""

    mode: Mode = "observe"
    """The most that the environment may have, whatever its file says."""

    observe_role: RoleName | None = None
    """Name of the role that reads there. By default the one that `bootstrap/target.yaml` makes."""

    converge_role: RoleName | None = None
    """Name of the role that writes there. By default the one that `bootstrap/target.yaml` makes."""


class NamedPlace(Place):
    """Where one environment lives, and where its file is."""

    source: SourceName = "bucket"
    """Where its desired state is: `environments/<environment>.yaml` in the state bucket, or the
    parameter of that name in Parameter Store, in the control plane's own account and region."""


class RegistrySpec(Model):
    """All environments of a control plane."""

    default: Place | Literal["refused"] = Field(default_factory=Place)
    """For environments that are not named: a place, or `refused`. By default the control plane's
    own account and region. No environment has a higher mode than the stack was deployed with."""

    environments: dict[Name, NamedPlace] = Field(default_factory=dict)
    """Name of an environment → its place."""


class RegistryDocument(Model):
    """The file `registry.yaml`."""

    api_version: Literal["plumbline.dev/v1"]
    """Version of the language."""

    kind: Literal["Registry"]
    """Registry."""

    spec: RegistrySpec = Field(default_factory=RegistrySpec)
    """Environments and their places."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What is bound for one environment. Role names are empty for the stack's own roles."""

    account: str
    region: str
    mode: Mode
    observe_role: str = ""
    converge_role: str = ""
    source: SourceName = "bucket"


class BadRegistry(Exception):
    """The registry can't be used: nothing may act. One problem a line."""


class NotRegistered(Exception):
    """The registry refuses the environment a place."""


@dataclass(frozen=True)
class Home:
    """The control plane's own account and region, and the mode it was deployed with."""

    account: str
    region: str
    mode: Mode


class Registry:
    """The bindings. Without a file every environment lives at home, in the mode of the stack."""

    def __init__(self, home: Home, spec: RegistrySpec | None = None) -> None:
        self.home = home
        self.written = spec is not None
        self._spec = spec or RegistrySpec(default=Place(mode=home.mode))

    @classmethod
    def load(cls, store: Store, home: Home, *, remember: bool = False) -> Registry:
        """Read it; remember that there is one. Raises `BadRegistry`, also where there is none any
        more, and `StoreFailure` if the bucket does not answer."""
        found = store.get(KEY)
        if found is None:
            if store.get(SEEN) is not None:
                raise BadRegistry(
                    f"{KEY}:1: found nothing where a registry was, allowed: one document (to do "
                    f"without one from now on, delete {SEEN} too)"
                )
            return cls(home)
        if remember:
            with suppress(Conflict):
                store.put(SEEN, b"", None)
        return cls(home, parse(found.body))

    def binding(self, environment: str) -> Binding:
        """Where an environment lives. Raises `NotRegistered`."""
        place = self._spec.environments.get(environment, self._spec.default)
        if isinstance(place, str):
            raise NotRegistered(
                f"found no environment {environment}, and default: refused; allowed: "
                + (", ".join(sorted(self._spec.environments)) or "none")
            )
        return Binding(
            place.account or self.home.account,
            place.region or self.home.region,
            place.mode,
            place.observe_role or "",
            place.converge_role or "",
            place.source if isinstance(place, NamedPlace) else "bucket",
        )

    def in_parameters(self) -> list[str]:
        """Environments whose desired state is in Parameter Store."""
        named = self._spec.environments.items()
        return sorted(name for name, place in named if place.source == "parameterStore")

    def place(self, environment: str) -> tuple[str, str] | None:
        """(account, region) of an environment; None if it has none."""
        try:
            binding = self.binding(environment)
        except NotRegistered:
            return None
        return binding.account, binding.region


def parse(body: bytes) -> RegistrySpec:
    """The registry in a text. Raises `BadRegistry` with file, line, field, found and allowed."""
    if not body.strip():
        raise BadRegistry(f"{KEY}:1: found nothing, allowed: one document")
    try:
        documents = read(body)
    except YamlError as error:
        told = [(f.line, f"{_dotted(f.path)}: " * bool(f.path), f.message) for f in error.flaws]
        text = "\n".join(f"{KEY}:{line}: {path}{says}" for line, path, says in told)
        raise BadRegistry(text) from None
    if len(documents) != 1:
        raise BadRegistry(f"{KEY}:1: found {len(documents)} documents, allowed: one")
    model, wrong = validate(RegistryDocument, documents[0].value)
    if wrong or not isinstance(model, RegistryDocument):
        lines = [
            f"{KEY}:{documents[0].line_of(c.path)}: {_dotted(c.path)}: {c.message}" for c in wrong
        ]
        raise BadRegistry("\n".join(lines))
    return model.spec


def _dotted(path: tuple[Any, ...]) -> str:
    return re.sub(r"^\.", "", "".join(f".{part}" for part in path))
