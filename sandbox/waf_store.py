"""WAF's state: web ACLs, IP sets, associations, logging. Shared by its behaviours.

`acls` and `ip_sets`: ARN → {"entity": as Get returns it, "lock": token, "settled": date};
`associations`: resource ARN → web ACL ARN; `logging`: web ACL ARN → configuration;
`rule_groups`: ARN → capacity, of rule groups that other accounts share with this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.errors import AwsError
from sandbox.moto_state import load_balancer_exists
from sandbox.paging import steady_rank
from sandbox.registry import Context, Params, Reply
from sandbox.waf_rules import missing, refusal
from sandbox.world import Store

GLOBAL_REGION = "us-east-1"
TAG_CODE = "WAFTagOperationException"
SCOPES = {"REGIONAL": "regional", "CLOUDFRONT": "global"}

Record = dict[str, Any]


def part(store: Store, name: str) -> dict[str, Any]:
    """A part of the store, made if it is not there."""
    found: dict[str, Any] = store.setdefault(name, {})
    return found


def check_scope(ctx: Context, scope: str) -> str:
    """The scope as ARNs spell it; CLOUDFRONT lives in us-east-1 only."""
    if scope == "CLOUDFRONT" and ctx.region != GLOBAL_REGION:
        raise refusal("The scope is not valid.", "SCOPE_VALUE", scope)
    return SCOPES[scope]


def in_scope(ctx: Context, arn: str, scope: str) -> bool:
    """Tell whether an ARN belongs to a scope."""
    return arn.split(":", 5)[5].startswith(check_scope(ctx, scope) + "/")


def find(ctx: Context, store: Store, kind: str, params: Params) -> Record:
    """A web ACL or IP set by Name, Id and Scope: all three must fit."""
    check_scope(ctx, params["Scope"])
    for arn, record in store.get(kind, {}).items():
        entity = record["entity"]
        if (entity["Name"], entity["Id"]) == (params["Name"], params["Id"]) and in_scope(
            ctx, arn, params["Scope"]
        ):
            found: Record = record
            return found
    raise missing()


def make(ctx: Context, kind: str, word: str, params: Params, entity: dict[str, Any]) -> Record:
    """Add an entity under a new id; its name must be free in its scope."""
    scope = check_scope(ctx, params["Scope"])
    records, name = part(ctx.store, kind), params["Name"]
    for arn, record in records.items():
        if record["entity"]["Name"] == name and in_scope(ctx, arn, params["Scope"]):
            raise AwsError(
                "WAFDuplicateItemException",
                "AWS WAF couldn’t perform the operation because some resource in your request is"
                " a duplicate of an existing one.",
            )
    if len(records) >= 100:
        raise AwsError("WAFLimitsExceededException", f"At most 100 {kind}.")
    identifier = ctx.uuid()
    arn = ctx.arn(f"{scope}/{word}/{name}/{identifier}")
    record = {
        "entity": {"Name": name, "Id": identifier, "ARN": arn, **entity},
        "lock": ctx.uuid(),
        "settled": ctx.now + ctx.world.max_lag * ctx.world.rng.random(),
    }
    records[arn] = record
    return record


def check_lock(record: Record, token: str) -> None:
    """Refuse a token that is not that of the newest version."""
    if token != record["lock"]:
        raise AwsError(
            "WAFOptimisticLockException",
            "AWS WAF couldn’t save your changes because someone changed the resource after you"
            " started to edit it. Reapply your changes.",
        )


def summary(record: Record) -> Reply:
    """An entity as lists and Create show it."""
    entity = record["entity"]
    names = ("Name", "Id", "ARN", "Description")
    return {name: entity[name] for name in names} | {"LockToken": record["lock"]}


def listed(ctx: Context, items: dict[str, Any], params: Params) -> tuple[list[Any], Reply]:
    """One page of the items, by name; the marker is the last name.

    Recorded: AWS gives a marker also when all has been listed; the page after it is empty and has
    none.
    """
    names = sorted(items, key=lambda name: steady_rank(ctx, name))
    marker = params.get("NextMarker")
    if marker is not None:
        after = steady_rank(ctx, marker)
        names = [name for name in names if steady_rank(ctx, name) > after]
    names = names[: params.get("Limit", 100)]
    return [items[name] for name in names], {"NextMarker": names[-1]} if names else {}


def associated(ctx: Context, store: Store, acl: str) -> Iterator[str]:
    """The resources that a web ACL protects: a deleted resource is no longer one."""
    for resource, arn in store.get("associations", {}).items():
        if arn == acl and load_balancer_exists(ctx.account, ctx.region, resource):
            yield resource


def still_spreading(ctx: Context, record: Record) -> bool:
    """Tell whether a new entity is not known everywhere yet: seconds, in AWS up to minutes."""
    return bool(ctx.now < record["settled"]) and ctx.world.rng.random() < 0.5


def references(statement: dict[str, Any]) -> Iterator[str]:
    """The ARNs that a statement refers to, at any depth."""
    for body in statement.values():
        if "ARN" in body:
            yield body["ARN"]
        for inner in body.get("Statements", []):
            yield from references(inner)
        for name in ("Statement", "ScopeDownStatement"):
            if name in body:
                yield from references(body[name])
