"""What is gone by of the status that an earlier pass left. One that is not as it was written is
none: then all is told anew."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, StrictBool, StrictStr

from controller.store import Stored


class _Condition(BaseModel):
    status: StrictStr
    reason: StrictStr
    message: StrictStr
    last: AwareDatetime = Field(alias="lastTransitionTime")


class _Change(BaseModel):
    path: StrictStr
    now: Any = Field(alias="is")


class _Drift(BaseModel):
    at: AwareDatetime
    since: AwareDatetime | Literal[""]
    paths: list[StrictStr]
    by: StrictStr
    principal: StrictStr


class _Resource(BaseModel):
    conditions: dict[str, _Condition]
    changes: list[_Change]
    drift: _Drift | None = Field(None, alias="lastDrift")


class _Desired(BaseModel):
    valid: StrictBool


class _Orphan(BaseModel):
    arn: StrictStr
    resource: StrictStr
    since: AwareDatetime


class _Status(BaseModel):
    revision: StrictStr
    converged: StrictBool
    since: AwareDatetime | Literal[""] = Field(alias="notConvergedSince")
    desired: _Desired = Field(alias="desiredState")
    resources: dict[str, _Resource]
    orphans: list[_Orphan] = []


def status(found: Stored | None) -> dict[str, Any]:
    """The status as it stands; empty if there is none, or none that can be gone by."""
    try:
        document: dict[str, Any] = found.json if found else {}
        _Status.model_validate(document)
    except ValueError:
        return {}
    return document
