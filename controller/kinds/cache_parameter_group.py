"""CacheParameterGroup: settings of a cache engine.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.html
One AWS resource, found by its name. Its parameters are set by further calls, 20 at a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from controller.kindlib.elasticache_owners import our_words
from controller.kindlib.parameter_groups import (
    CacheValue,
    ParameterGroupHandler,
    ParameterWords,
    lower_names,
)
from controller.policies import Canonical, CaseInsensitive, CreateOnly, Keyed, ServerDefault
from controller.spec import Taggable, holds_reference, text

_FAMILY_SAYS = "must be redis7, redis6.x, valkey7, valkey8 or the like"
_TODAY = r"redis(?:2\.6|2\.8|3\.2|4\.0|5\.0|6\.x|7)|valkey\d+|memcached1\.[456]"
"""Families that AWS makes groups of."""
_FAMILY = r"(?i:redis|valkey|memcached)\d{1,2}(?:\.(?:x|\d{1,2}))?"


Family = Annotated[str, AfterValidator(text(_FAMILY, says=_FAMILY_SAYS))]


class CacheParameterGroupSpec(Taggable):
    """Settings of a cache engine, for the replication groups that name this group."""

    family: Annotated[Family | None, CreateOnly(), CaseInsensitive()] = None
    """Engine and major version that the parameters belong to, as `redis7`; one that is to be made
    needs it. Fixed at creation."""

    description: Annotated[
        str | None,
        ServerDefault(our_words),
        Canonical(str.strip),
        CreateOnly(),
        Field(min_length=1, max_length=255),
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
    words = ParameterWords(
        "elasticache", "CacheParameterGroup", "ARN", "parametergroup", "DescribeCacheParameters",
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

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        family = spec.get("family")
        known = family and (holds_reference(family) or re.fullmatch(_TODAY, family.lower()))
        return "" if known else f"family: {_FAMILY_SAYS}"
