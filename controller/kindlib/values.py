"""Small values that specs of several kinds hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from controller.spec import text

SecurityGroupId = Annotated[
    str, AfterValidator(text(r"sg-[0-9a-f]{8,17}", says="must be a security group id (sg-…)"))
]
SubnetId = Annotated[
    str, AfterValidator(text(r"subnet-[0-9a-f]{8,17}", says="must be a subnet id (subnet-…)"))
]


def number(value: Any) -> int | None:
    """A number that is known already; None for a reference or nothing."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
