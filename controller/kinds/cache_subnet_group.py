"""CacheSubnetGroup: the subnets that ElastiCache may place nodes in.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CacheSubnetGroup.html
One AWS resource, found by its name.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from controller.kindlib.elasticache_owners import our_words
from controller.kindlib.named_groups import Words
from controller.kindlib.subnet_groups import SubnetGroupHandler
from controller.kindlib.values import SubnetId
from controller.policies import Canonical, ServerDefault, Unordered
from controller.spec import Taggable


class CacheSubnetGroupSpec(Taggable):
    """Where in the VPC cache nodes may stand."""

    description: Annotated[
        str | None,
        ServerDefault(our_words),
        Canonical(str.strip),
        Field(min_length=1, max_length=255),
    ] = None
    """What the group is for. AWS demands one: ours names the manifest."""

    subnet_ids: Annotated[list[SubnetId] | None, Unordered()] = None
    """Ids of the subnets, one at least to make a group: private ones, in two availability zones or
    more for multi-AZ."""


class CacheSubnetGroupHandler(SubnetGroupHandler):
    """Knows cache subnet groups."""

    kind = "CacheSubnetGroup"
    spec = CacheSubnetGroupSpec
    words = Words("elasticache", "CacheSubnetGroup", "ARN", "subnetgroup")
    name_pattern = r"(?!default$)[a-z0-9-]{1,255}"
    name_says = "1-255 lower-case letters, digits or hyphens (AWS lower-cases it), not default"
    reads: ClassVar = (
        "elasticache:DescribeCacheSubnetGroups", "elasticache:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "elasticache:CreateCacheSubnetGroup", "elasticache:ModifyCacheSubnetGroup",
        "elasticache:DeleteCacheSubnetGroup", "elasticache:AddTagsToResource",
        "elasticache:RemoveTagsFromResource",
    )  # fmt: skip
