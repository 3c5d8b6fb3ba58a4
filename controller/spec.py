"""The base of all spec models, and the text types they share.

The models are the only source of validation, JSON Schema, `explain`, reference docs and field
policies. Where a value may be a reference (`${…}`) the check waits until it is resolved: specs are
validated once as written and once more as resolved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from controller.policies import Keyed, WriteOnly

REFERENCE = re.compile(r"(?<!\$)\$\{[^}]*\}")
WHOLE_REFERENCE = re.compile(r"^\$\{[^}]*\}$")


def holds_reference(value: object) -> bool:
    """True for a text with at least one unresolved `${…}` in it."""
    return isinstance(value, str) and REFERENCE.search(value) is not None


class Model(BaseModel):
    """A part of the desired-state language: camelCase, closed, immutable."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        frozen=True,
        strict=False,
        coerce_numbers_to_str=False,
        defer_build=True,
        protected_namespaces=(),
    )

    instead: ClassVar[Mapping[str, str]] = {}
    """Names that AWS knows and that may not stand here: why, and what to write instead."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _references_wait(cls, value: Any, check: Callable[[Any], Any]) -> Any:
        if isinstance(value, str) and WHOLE_REFERENCE.match(value):
            return value
        return check(value)


class Spec(Model):
    """A resource's `spec`."""


class Outputs(Model):
    """What a resource offers to `${Kind.name.output}`. Every kind has `name`."""

    name: str
    """The physical name in AWS."""


def text(pattern: str = "", *, low: int = 0, high: int = 0, says: str = "") -> Callable[[str], str]:
    """A check for texts which lets references wait.

    pattern: must match the whole text; `\\w` and `\\d` are ASCII, as in AWS's own patterns. low,
    high: length limits (0: none). says: what is allowed, in words; shown with the value found when
    the check fails.
    """
    compiled = re.compile(pattern, re.ASCII) if pattern else None

    def check(value: str) -> str:
        if holds_reference(value):
            return value
        if low and len(value) < low:
            raise ValueError(f"at least {low} characters, not {len(value)}")
        if high and len(value) > high:
            raise ValueError(f"at most {high} characters, not {len(value)}")
        if compiled and not compiled.fullmatch(value):
            raise ValueError(says or f"must match {pattern}")
        return value

    return check


Arn = Annotated[
    str,
    AfterValidator(
        text(r"arn:aws[a-z-]*:[^:]+:.*", high=2048, says="must be an ARN (arn:aws:service:…)")
    ),
]

SPACES = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What AWS counts as spaces in tags (its `Z` class): neither tabs nor line ends."""

TagKey = Annotated[
    str,
    AfterValidator(
        text(
            rf"(?!(?i:aws:))(?u:[\w{SPACES}.:/=+\-@]){{1,128}}",
            says="a tag key has 1-128 letters, digits, spaces or _.:/=+-@ "
            "and does not begin with aws:",
        )
    ),
]
TagValue = Annotated[
    str,
    AfterValidator(
        text(
            rf"(?u:[\w{SPACES}.:/=+\-@]){{0,256}}",
            says="a tag value has at most 256 letters, digits, spaces or _.:/=+-@",
        )
    ),
]
Tags = Annotated[dict[TagKey, TagValue], Keyed(cases=(164,)), Field(max_length=40)]
"""Only our keys are ours: tags that others add stay. (40 of AWS's 50: ten are left to others.)"""


def _secret_reference(value: str) -> str:
    if not re.fullmatch(r"\$\{Secret\.[a-z0-9-]+\.value(@[\w-]+)?\}", value):
        raise ValueError("must be ${Secret.<name>.value}: secrets never stand in the file")
    return value


SecretText = Annotated[str, AfterValidator(_secret_reference), WriteOnly()]
"""The value of a `Secret` resource, read only at the moment an AWS call needs it."""


class Taggable(Spec):
    """A spec whose resource carries tags."""

    tags: Tags = Field(default_factory=dict)
    """Tags of this resource, added to the environment's. Tags that others put on it are kept."""
