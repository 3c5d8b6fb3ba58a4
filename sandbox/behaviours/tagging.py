"""The Resource Groups Tagging API: all services' tags, each as stale as its service's reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sandbox.errors import AwsError
from sandbox.paging import page, steady_rank
from sandbox.registry import Context, Params, Reply, behaviour, behaviours
from sandbox.tags import check_tags, put_tags, remove_tags, to_pairs

API = "https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/"
BAD = "InvalidParameterException"
_TYPE = re.compile(r"[a-z0-9-]+(:[A-Za-z0-9/_.-]+)?")


def _services() -> Iterator[str]:
    yield from sorted({service for service, _ in behaviours()})


def _all_tags(ctx: Context) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = {}
    for service in _services():
        tags |= ctx.world.lagging(service, ctx.account, ctx.region).get("_tags", {})
    return tags


def _is_of_type(arn: str, wanted: str) -> bool:
    """`service` or `service:type`, both as the ARN spells them; a type may hold slashes."""
    service, _, kind = wanted.partition(":")
    _, _, arn_service, _, _, resource = arn.split(":", 5)
    return arn_service == service and (
        not kind or re.match(rf"(regional/|global/)?{re.escape(kind)}[:/]", resource) is not None
    )


def _has(tags: dict[str, str], rule: dict[str, Any]) -> bool:
    values = rule.get("Values") or ()
    return rule["Key"] in tags and (not values or tags[rule["Key"]] in values)


@behaviour(
    "resourcegroupstaggingapi", "GetResources",
    "PaginationToken TagFilters ResourcesPerPage ResourceTypeFilters ResourceARNList",
    evidence="documented", source=API + "API_GetResources.html",
)  # fmt: skip
def get_resources(ctx: Context, params: Params) -> Reply:
    listed, types = params.get("ResourceARNList"), params.get("ResourceTypeFilters") or ()
    rules, token = params.get("TagFilters") or (), params.get("PaginationToken") or None
    limit = params.get("ResourcesPerPage", 50)
    if listed is not None and (types or rules or token or "ResourcesPerPage" in params):
        raise AwsError(BAD, "ResourceARNList can't be combined with filters or paging")
    if not 1 <= limit <= 100 or len(types) > 100:
        raise AwsError(BAD, "Between 1 and 100 resources per page, at most 100 types")
    for wanted in types:
        if not _TYPE.fullmatch(wanted):
            raise AwsError(BAD, f"Malformed resource type: {wanted}")
    if any("Key" not in rule for rule in rules):
        raise AwsError(BAD, "Each TagFilter must contain a key")
    found = {
        steady_rank(ctx, arn): (arn, tags)
        for arn, tags in _all_tags(ctx).items()
        if (listed is None or arn in listed)
        and (not types or any(_is_of_type(arn, wanted) for wanted in types))
        and all(_has(tags, rule) for rule in rules)
    }
    refusal = AwsError("PaginationTokenExpiredException", "The token is not valid (any more)")
    chosen, following = page(found, token, limit if listed is None else len(found), refusal)
    return {
        "PaginationToken": following or "",
        "ResourceTagMappingList": [
            {"ResourceARN": arn, "Tags": to_pairs(ctx, tags)} for arn, tags in chosen
        ],
    }


def _owner(ctx: Context, arn: str) -> str | None:
    """The service whose store knows the resource."""
    for service in _services():
        if arn in ctx.other(service).get("_tags", {}):
            return service
    return None


def _not_found(arn: str) -> dict[str, Any]:
    return {
        "StatusCode": 400,
        "ErrorCode": BAD,
        "ErrorMessage": f"Resource {arn} can't be found or tagged here",
    }


@behaviour(
    "resourcegroupstaggingapi", "TagResources", "ResourceARNList Tags",
    evidence="documented", source=API + "API_TagResources.html",
)  # fmt: skip
def tag_resources(ctx: Context, params: Params) -> Reply:
    check_tags(params["Tags"], BAD)
    failed = {}
    for arn in params["ResourceARNList"]:
        service = _owner(ctx, arn)
        if service is None:
            failed[arn] = _not_found(arn)
        else:
            ctx.world.remember(service, ctx.account, ctx.region)
            put_tags(ctx.other(service), arn, params["Tags"], BAD)
    return {"FailedResourcesMap": failed}


@behaviour(
    "resourcegroupstaggingapi", "UntagResources", "ResourceARNList TagKeys",
    evidence="documented", source=API + "API_UntagResources.html",
)  # fmt: skip
def untag_resources(ctx: Context, params: Params) -> Reply:
    failed = {}
    for arn in params["ResourceARNList"]:
        service = _owner(ctx, arn)
        if service is None:
            failed[arn] = _not_found(arn)
        else:
            ctx.world.remember(service, ctx.account, ctx.region)
            remove_tags(ctx.other(service), arn, params["TagKeys"], BAD)
    return {"FailedResourcesMap": failed}
