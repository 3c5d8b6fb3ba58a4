"""DBParameterGroup: settings of a database engine.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html
One AWS resource, found by its name. Its parameters are set by further calls, 20 at a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from controller.kindlib.parameter_groups import (
    DatabaseValue,
    ParameterGroupHandler,
    ParameterWords,
    lower_names,
)
from controller.policies import AnyWhenUndeclared, CaseInsensitive, CreateOnly, Keyed
from controller.spec import Taggable, holds_reference, text

_FAMILIES = re.compile(
    r"(?:postgres|aurora-postgresql)(?:9\.\d|\d{2})|(?:mysql|aurora-mysql)\d\.\d|mariadb\d+\.\d+"
    r"|aurora5\.6|(?:docdb|neptune)\d[\d.]*|(?:oracle|sqlserver|db2|custom)-[a-z0-9.-]+"
)


class DBParameterGroupSpec(Taggable):
    """Settings of a database engine, for the instances that name this group."""

    family: Annotated[
        str,
        AfterValidator(
            text(
                r"(?i:[a-z][a-z0-9.-]*\d[a-z0-9.-]*)",
                says="must be an engine with its major version, as postgres16",
            )
        ),
        CreateOnly(),
        CaseInsensitive(),
    ]
    """Engine and major version that the parameters belong to, as `postgres16`. Fixed at creation:
    a major upgrade needs a second group."""

    description: Annotated[
        str | None, AnyWhenUndeclared(), CreateOnly(), Field(min_length=1)
    ] = None  # fmt: skip
    """What the group is for, fixed at creation. AWS demands one: ours names the manifest."""

    parameters: Annotated[
        dict[str, DatabaseValue], AfterValidator(lower_names), Keyed(cases=(97, 100))
    ] = Field(default_factory=dict)
    """Parameters by name, in any letter case. Values as text or number, `true` for 1; formulas as
    `{DBInstanceClassMemory/32768}` are passed on. Only these are ours; one taken out of the file is
    reset to the engine's default. A dynamic parameter applies at once, a static one when the
    instance is next rebooted, which Plumbline reports (`NeedsReboot`) and never does."""


class DBParameterGroupHandler(ParameterGroupHandler):
    """Knows DB parameter groups."""

    kind = "DBParameterGroup"
    spec = DBParameterGroupSpec
    words = ParameterWords(
        "rds", "DBParameterGroup", "DBParameterGroupArn", "pg", "DescribeDBParameters",
        "Parameters", methods=True,
    )  # fmt: skip
    name_pattern = r"(?=.{1,255}$)[a-z][a-z0-9]*(-[a-z0-9]+)*"
    name_says = (
        "1-255 lower-case letters, digits or single hyphens (AWS lower-cases it), beginning with a "
        "letter, not ending with a hyphen"
    )
    reads: ClassVar = (
        "rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup",
        "rds:DeleteDBParameterGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource",
    )  # fmt: skip

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        known = _FAMILIES.fullmatch(str(spec["family"]).lower()) or holds_reference(spec["family"])
        return "" if known else f"family: RDS has none like {spec['family']!r}, as postgres16"
