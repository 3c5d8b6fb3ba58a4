"""CacheParameterGroup: settings of a cache engine.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.html
One AWS resource, found by its name. Its parameters are set by further calls, 20 at a time.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from controller.kindlib.parameter_groups import (
    CacheValue,
    ParameterGroupHandler,
    Words,
    lower_names,
)
from controller.policies import AnyWhenUndeclared, CaseInsensitive, CreateOnly, Keyed
from controller.spec import Taggable, text

_FAMILY = r"redis(?:2\.6|2\.8|3\.2|4\.0|5\.0|6\.x|7)|valkey[7-9]|memcached1\.[456]"
_FAMILY_SAYS = "must be redis7, redis6.x, valkey7, valkey8 or the like"


class CacheParameterGroupSpec(Taggable):
    """Settings of a cache engine, for the replication groups that name this group."""

    family: Annotated[
        str,
        AfterValidator(
            text(_FAMILY, says="must be redis7, redis6.x, valkey7, valkey8 or the like")
        ),
        CreateOnly(),
        CaseInsensitive(),
    ]
    """Engine and major version that the parameters belong to, as `redis7`. Fixed at creation."""

    description: Annotated[
        str | None, AnyWhenUndeclared(), CreateOnly(), Field(min_length=1, max_length=255)
    ] = None
    """What the group is for, fixed at creation. AWS demands one: ours names the manifest."""

    parameters: Annotated[
        dict[str, CacheValue], AfterValidator(lower_names), Keyed(cases=(97, 124))
    ] = Field(default_factory=dict)
    """Parameters by name, in any letter case. Values as text or number, `true` for yes. Only these
    are ours; one taken out of the file is reset to the engine's default. A queue needs
    `maxmemory-policy: noeviction`."""


class CacheParameterGroupHandler(ParameterGroupHandler):
    """Knows cache parameter groups."""

    kind = "CacheParameterGroup"
    spec = CacheParameterGroupSpec
    words = Words(
        "elasticache", "CacheParameterGroup", "DescribeCacheParameters", "ARN", "parametergroup",
        "ParameterNameValues", methods=False,
    )  # fmt: skip
    name_pattern = r"(?=.{1,255}$)[a-z][a-z0-9]*(-[a-z0-9]+)*"
    name_says = (
        "1-255 lower-case letters, digits or single hyphens (AWS lower-cases it), beginning with a "
        "letter, not ending with a hyphen"
    )
    reads: ClassVar = (
        "elasticache:DescribeCacheParameterGroups", "elasticache:DescribeCacheParameters",
        "elasticache:ListTagsForResource", "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "elasticache:CreateCacheParameterGroup", "elasticache:ModifyCacheParameterGroup",
        "elasticache:ResetCacheParameterGroup", "elasticache:DeleteCacheParameterGroup",
        "elasticache:AddTagsToResource", "elasticache:RemoveTagsFromResource",
    )  # fmt: skip
