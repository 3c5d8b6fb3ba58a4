"""What stands around a `spec`: the Environment document, metadata, lifecycle, limits."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from controller.spec import Arn, Model, Tags, text
from controller.windows import Freeze, Window

API_VERSION = "plumbline.dev/v1"

Name = Annotated[
    str,
    AfterValidator(
        text(
            r"[a-z]([a-z0-9]|-(?=[a-z0-9])){0,39}",
            says="1-40 lower-case letters, digits and single hyphens, beginning with a letter "
            "and not ending with a hyphen",
        )
    ),
    Field(json_schema_extra={"pattern": "^[a-z]([a-z0-9]|-(?=[a-z0-9])){0,39}$"}),
]

Mode = Literal["enforce", "observe", "paused"]
Prune = Literal["delete", "retain"]

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds(interval: str) -> int:
    """`5m` as seconds."""
    return int(interval[:-1]) * _SECONDS[interval[-1]]


def _interval(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,4}[smh]", value) or not 60 <= seconds(value) <= 86400:
        raise ValueError("must be a time like 90s, 5m or 1h, from 1m to 24h")
    return value


Interval = Annotated[
    str,
    AfterValidator(_interval),
    Field(json_schema_extra={"pattern": "^[1-9][0-9]{0,4}[smh]$"}),
]

Amount = (
    Annotated[int, Field(ge=0, le=10_000)] | Annotated[str, Field(pattern=r"^(100|[1-9]?[0-9])%$")]
)
"""A number of resources, or a part of the environment's: `"30%"`."""


def allowed(amount: int | str, total: int) -> int:
    """A limit as a number of resources, of `total`; a part rounds up."""
    if isinstance(amount, int):
        return amount
    return math.ceil(total * int(amount[:-1]) / 100)


class Limits(Model):
    """How much one pass may do. Beyond a limit nothing at all is done, and the pass says why."""

    max_changes: Amount = 50
    """Resources that one pass may change, or make again after they vanished. New ones are free."""

    max_deletes: Amount = 2
    """Resources that one pass may delete."""

    max_disruptive: Amount = 3
    """Resources that one pass may disturb: restarts, rollouts, dropped connections."""

    max_removals: Amount = "25%"
    """Resources that a new revision of the file may drop against the last accepted one."""


class OwnAlarms(Model):
    """Alarms on the environment itself. They watch metrics that the control plane writes in its own
    account and region: elsewhere, and without one, they would only say that no pass is made."""

    actions: Annotated[list[Arn], Field(max_length=5)] = Field(default_factory=list)
    """ARNs called when one goes off and when all is well again, at most five: the stack's
    `TopicArn`, for one."""

    drift_passes: Annotated[int, Field(ge=1, le=7)] = 3
    """Successive intervals with drift until `plumbline-drifted` goes off."""

    not_converged_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    """Minutes not as desired until `plumbline-not-converged` goes off."""


class EnvironmentSpec(Model):
    """How an environment is kept."""

    mode: Mode = "enforce"
    """enforce: converge. observe: look and report, change nothing. paused: the same,
    shown as paused."""

    interval: Interval = "5m"
    """Time between two passes, from 1m to 24h."""

    limits: Limits = Field(default_factory=Limits)
    """How much one pass may do."""

    windows: Annotated[list[Window], Field(max_length=20)] = Field(default_factory=list)
    """When steps are made that somebody may notice: restarts, rollouts, dropped connections, and
    all that can't be undone. Without any: whenever they are due. What nobody notices never waits
    for one."""

    freezes: Annotated[list[Freeze], Field(max_length=50)] = Field(default_factory=list)
    """When nothing is changed."""

    prune: Prune = "retain"
    """What becomes, in AWS, of a resource whose manifest is taken out of the file. retain: it stays
    as it is, and is told as no longer declared. delete: it is deleted, unless its kind holds data.
    A resource's `lifecycle.prune` overrides it."""

    tags: Tags = Field(default_factory=dict)
    """Tags of every resource of the environment that can carry tags."""

    alarms: OwnAlarms | None = None
    """If it is there, `{}` is enough, the environment has five more resources: an Alarm each on
    drift, blocked and failed actions, not being converged, and no pass."""


class Metadata(Model):
    """What an environment is called."""

    name: Name
    """Name of the environment. Physical names begin with it."""


class ResourceMetadata(Model):
    """What a resource is called."""

    name: Name
    """Name in this file, unique for its kind. The physical name is `<environment>-<name>`."""

    external_name: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """The physical name in AWS, where it can't be `<environment>-<name>`."""


class IgnoreRule(Model):
    """A field that is left alone for now, and why."""

    path: Annotated[str, Field(min_length=1)]
    """Path in the spec, as drift reports show it: `containers[gateway].image`."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """Why. Shown wherever the difference would have been."""

    until: date | None = None
    """The last day of it (`2026-12-31`). Without one, it lasts until the rule is removed."""


class LifecycleSpec(Model):
    """How one resource is treated. Stands beside `spec`."""

    mode: Mode | None = None
    """Overrides the environment's mode for this resource; it can only be more careful."""

    prune: Prune | None = None
    """What becomes of it in AWS when the manifest is removed. By default `retain` for what holds
    data, else what the environment's `prune` says."""

    adopt: bool = False
    """Take over a resource of this physical name that exists and is nobody's yet."""

    ignore: tuple[IgnoreRule, ...] = ()
    """Fields to leave alone."""

    interval: Interval | None = None
    """Time between two changes of this resource, at least: from 1m to 24h. By default it is changed
    whenever it differs."""

    depends_on: tuple[str, ...] = ()
    """Resources, as `Kind/name`, that must be there, ready and as desired before this one is made
    or a change of the file is made in it: a service waits for its migration. Drift is mended all
    the same. What a `${…}` refers to is waited for anyhow, if only to be made."""


class EnvironmentDocument(Model):
    """The first document of a desired-state file."""

    api_version: Literal["plumbline.dev/v1"]
    """Version of the language. Defaults are frozen for each."""

    kind: Literal["Environment"]
    """Environment."""

    metadata: Metadata
    """Its name."""

    spec: EnvironmentSpec = Field(default_factory=EnvironmentSpec)
    """How it is kept."""


class ResourceDocument(Model):
    """Every further document of a desired-state file."""

    api_version: Literal["plumbline.dev/v1"]
    """Version of the language. Defaults are frozen for each."""

    kind: str
    """One of the kinds (`plumbline explain`)."""

    metadata: ResourceMetadata
    """Its names."""

    lifecycle: LifecycleSpec = Field(default_factory=LifecycleSpec)
    """How it is treated."""

    spec: dict[str, Any] = Field(default_factory=dict)
    """What it should be; the kind says what may stand here."""
