"""The typed events: what stands in each, for those who take them from the bus.

`status.events` makes them, the worker puts them on the bus. The models are their contract: a test
holds every event that is put to them, and `docs/reference/events.md` and its JSON Schema are made
of them. A field may be added at any time; whatever else changes makes another `version`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from controller.telemetry import VERSION


class Happening(BaseModel):
    """What every event has."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", use_attribute_docstrings=True
    )

    version: Annotated[int, Field(ge=VERSION, le=VERSION)]
    """Of this form."""

    environment: str
    """Whose pass it was."""

    account: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    """Where the environment lives."""

    region: str
    """Where the environment lives."""

    at: str
    """When the pass told it, in ISO 8601."""

    mode: Literal["enforce", "observe", "paused"]
    """What that pass was allowed."""


class OfResource(Happening):
    """What events about one resource have besides."""

    resource: str
    """`Kind/name`."""


class DriftDetected(OfResource):
    """Somebody else changed a field of a resource, or removed the resource. Told once, not in each
    pass that sees it."""

    path: str
    """The field; empty if the resource is gone."""

    was: Any = None
    """As last applied."""

    is_: Annotated[Any, Field(alias="is")] = None
    """As AWS shows it."""

    wanted: Any = None
    """As the desired state says."""

    class_: Annotated[str, Field(alias="class")] = ""
    """How the difference is classified: docs/reference/classification.md."""

    cause: str = ""
    """`drift`, or `both` if the desired state changed, too."""

    note: str = ""
    """What is special about it."""

    by: str = ""
    """Who did it, by which call and when, if a change event had told by then."""

    principal: str = ""
    """Their ARN."""


class DriftAttributed(OfResource):
    """A change event told who made drift that was told before."""

    paths: list[str]
    """The fields that had drifted."""

    detected: str
    """When it was found."""

    by: str
    """Who did it, by which call and when."""

    principal: str
    """Their ARN."""


class OfCall(OfResource):
    """What events about a call to AWS have besides."""

    call: str
    """`service:Operation`."""

    paths: list[str]
    """The fields that it sets; empty if it makes or deletes the resource."""

    message: str = ""
    """What AWS remarked on it."""

    approved_by: Annotated[str, Field(alias="approvedBy")] = ""
    """Who let it happen, and why, if it had to wait for that."""


class DriftCorrected(OfCall):
    """A call that AWS took, which put back a field that had drifted."""


class ActionApplied(OfCall):
    """Any other call that AWS took."""


class ActionFailed(OfCall):
    """A call that AWS refused for good."""

    message: str
    """What AWS said."""


class ActionBlocked(OfResource):
    """Something is to be done and a guard vetoes it, or no call can do it."""

    reason: str
    """Which guard: docs/how-to/blocked.md."""

    message: str
    """Why, and what lifts it."""


class Converged(Happening):
    """Everything is as desired and ready, and was not before."""

    revision: str
    """Of the desired state."""


class DesiredStateInvalid(Happening):
    """The newest desired state is broken, missing, much shorter than the last, or not registered.
    The last accepted one stays in force."""

    valid: Literal[False]
    """It is not."""

    reason: str
    """Which of them."""

    problems: list[str]
    """File, line, field, found, allowed."""


class RevisionAccepted(Happening):
    """Another revision of the desired state is in force."""

    revision: str
    """First digits of the text's SHA-256."""

    commit: str = ""
    """As its publisher said."""

    author: str = ""
    """As its publisher said."""


HAPPENINGS: dict[str, type[Happening]] = {
    model.__name__: model
    for model in (
        DriftDetected, DriftAttributed, DriftCorrected, ActionApplied, ActionFailed, ActionBlocked,
        Converged, RevisionAccepted, DesiredStateInvalid,
    )
}  # fmt: skip
"""`detail-type` → what `detail` holds."""


def schema() -> dict[str, Any]:
    """JSON Schema by `detail-type`; it lets fields through that are not there yet."""
    found = {}
    for name, model in HAPPENINGS.items():
        found[name] = model.model_json_schema() | {"additionalProperties": True}
    return found
