"""DBSubnetGroup: the subnets that RDS may place a database in.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSubnetGroup.html
One AWS resource, found by its name.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from controller.kindlib.named_groups import Words
from controller.kindlib.subnet_groups import SubnetGroupHandler
from controller.kindlib.values import SubnetId
from controller.policies import AnyWhenUndeclared, Unordered
from controller.spec import Taggable


class DBSubnetGroupSpec(Taggable):
    """Where in the VPC databases may stand."""

    description: Annotated[str | None, AnyWhenUndeclared(), Field(min_length=1)] = None
    """What the group is for. AWS demands one: ours names the manifest."""

    subnet_ids: Annotated[list[SubnetId] | None, Unordered()] = None
    """Ids of the subnets, in at least two availability zones: two or more, to make one. Private
    ones: a database has no business in a subnet with a route to an internet gateway."""


class DBSubnetGroupHandler(SubnetGroupHandler):
    """Knows DB subnet groups."""

    kind = "DBSubnetGroup"
    spec = DBSubnetGroupSpec
    words = Words("rds", "DBSubnetGroup", "DBSubnetGroupArn", "subgrp")
    name_pattern = r"(?!default$)[a-z][a-z0-9._ -]{0,254}"
    name_says = (
        "1-255 lower-case letters, digits, blanks or ._- (AWS lower-cases it), beginning with a "
        "letter, not default"
    )
    reads: ClassVar = (
        "rds:DescribeDBSubnetGroups", "rds:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    needs = 2
    writes: ClassVar = (
        "rds:CreateDBSubnetGroup", "rds:ModifyDBSubnetGroup", "rds:DeleteDBSubnetGroup",
        "rds:AddTagsToResource", "rds:RemoveTagsFromResource",
    )  # fmt: skip
