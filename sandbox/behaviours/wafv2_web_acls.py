"""WAF: web ACLs and what they may cost."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import forget_tags, from_pairs, put_tags
from sandbox.waf_capacity import capacity_of
from sandbox.waf_rewrites import rewritten
from sandbox.waf_rules import check_rules, missing, refusal
from sandbox.waf_settings import SETTINGS, settings_of, surroundings
from sandbox.waf_store import (
    TAG_CODE,
    associated,
    check_lock,
    check_scope,
    find,
    in_scope,
    listed,
    make,
    part,
    summary,
)

API = "https://docs.aws.amazon.com/waf/latest/APIReference/"
_ACCEPTED = "Name Scope " + " ".join(SETTINGS)


@behaviour(
    "wafv2", "CreateWebACL", _ACCEPTED + " Tags",
    evidence="documented", source=API + "API_CreateWebACL.html",
)  # fmt: skip
def create_web_acl(ctx: Context, params: Params) -> Reply:
    tags = from_pairs(params.get("Tags"), TAG_CODE)
    check_scope(ctx, params["Scope"])
    entity = settings_of(ctx, params, []) | {
        "ManagedByFirewallManager": False,
        "RetrofittedByFirewallManager": False,
        "LabelNamespace": f"awswaf:{ctx.account}:webacl:{params['Name']}:",
    }
    record = make(ctx, "acls", "webacl", params, entity)
    put_tags(ctx.store, record["entity"]["ARN"], tags, TAG_CODE)
    return {"Summary": summary(record)}


@behaviour(
    "wafv2", "GetWebACL", "Name Scope Id ARN",
    evidence="recorded", source="wafv2/GetWebACL; " + API + "API_GetWebACL.html",
)  # fmt: skip
def get_web_acl(ctx: Context, params: Params) -> Reply:
    store = ctx.view
    if "ARN" in params:
        if {"Name", "Scope", "Id"} & set(params):
            raise refusal("Specify the ARN or the name, scope and id.", "WEB_ACL", params["ARN"])
        record = store.get("acls", {}).get(params["ARN"])
        if record is None:
            raise missing()
    elif not {"Name", "Scope", "Id"} <= set(params):
        raise refusal("Specify the ARN or the name, scope and id.", "WEB_ACL", sorted(params))
    else:
        record = find(ctx, store, "acls", params)
    return {"WebACL": public(ctx, record["entity"]), "LockToken": record["lock"]}


def public(ctx: Context, entity: dict[str, Any]) -> dict[str, Any]:
    """A web ACL as Get shows it: the order of its rules means nothing."""
    shown = copy.deepcopy(entity)
    shown["Rules"] = ctx.shuffled(shown["Rules"])
    return shown


@behaviour(
    "wafv2", "ListWebACLs", "Scope NextMarker Limit",
    evidence="recorded", source="wafv2/ListWebACLs (a marker also on the last full page)",
)  # fmt: skip
def list_web_acls(ctx: Context, params: Params) -> Reply:
    found = {
        record["entity"]["Name"]: summary(record)
        for arn, record in ctx.view.get("acls", {}).items()
        if in_scope(ctx, arn, params["Scope"])
    }
    check_scope(ctx, params["Scope"])
    acls, marker = listed(ctx, found, params)
    return {"WebACLs": acls} | marker


@behaviour(
    "wafv2", "UpdateWebACL", _ACCEPTED + " Id LockToken",
    evidence="documented", source=API + "API_UpdateWebACL.html",
)  # fmt: skip
def update_web_acl(ctx: Context, params: Params) -> Reply:
    record = find(ctx, ctx.store, "acls", params)
    check_lock(record, params["LockToken"])
    settings = settings_of(ctx, params, record["entity"]["Rules"])
    kept = {key: value for key, value in record["entity"].items() if key not in SETTINGS}
    record["entity"] = kept | settings
    record["lock"] = ctx.uuid()
    return {"NextLockToken": record["lock"]}


@behaviour(
    "wafv2", "DeleteWebACL", "Name Scope Id LockToken",
    evidence="documented", source=API + "API_DeleteWebACL.html",
)  # fmt: skip
def delete_web_acl(ctx: Context, params: Params) -> Reply:
    record = find(ctx, ctx.store, "acls", params)
    check_lock(record, params["LockToken"])
    arn = record["entity"]["ARN"]
    if record["entity"]["ManagedByFirewallManager"]:
        raise AwsError("WAFInvalidOperationException", "Firewall Manager manages this web ACL.")
    if any(associated(ctx, ctx.store, arn)):
        raise AwsError(
            "WAFAssociatedItemException",
            "AWS WAF couldn’t perform the operation because your resource is being used by another"
            " resource or it’s associated with another resource.",
        )
    del part(ctx.store, "acls")[arn]
    part(ctx.store, "logging").pop(arn, None)
    forget_tags(ctx.store, arn)
    return {}


class _AnyBody(tuple[str, ...]):
    """CheckCapacity is not told of the custom response bodies: any key will do."""

    def __contains__(self, key: object) -> bool:
        return True


@behaviour(
    "wafv2", "CheckCapacity", "Scope Rules",
    evidence="recorded", source="the capacity in wafv2/GetWebACL/ecde8910d7.json; "
    "https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html",
)  # fmt: skip
def check_capacity(ctx: Context, params: Params) -> Reply:
    check_scope(ctx, params["Scope"])
    rules = rewritten(copy.deepcopy(params["Rules"]))
    check_rules(rules, surroundings(ctx, params["Scope"], _AnyBody()))
    return {"Capacity": capacity_of(rules, part(ctx.store, "rule_groups"))}
