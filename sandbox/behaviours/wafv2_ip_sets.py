"""WAF: IP sets, and the managed rule groups on offer."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

from sandbox.behaviours.wafv2_web_acls import API
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import forget_tags, from_pairs, put_tags
from sandbox.waf_managed_groups import MANAGED_GROUPS, ManagedGroup
from sandbox.waf_rules import missing, refusal
from sandbox.waf_store import (
    TAG_CODE,
    check_lock,
    check_scope,
    find,
    in_scope,
    listed,
    make,
    part,
    references,
    summary,
)

MAX_ADDRESSES = 10_000


def _canonical(addresses: list[str], version: str) -> list[str]:
    """CIDR blocks as WAF shows them: each once, IPv6 written out in full."""
    wanted = 4 if version == "IPV4" else 6
    found = set()
    for address in addresses:
        try:
            network = ipaddress.ip_network(address, strict=False)
        except ValueError:
            raise refusal("The address is not valid.", "IP_ADDRESS", address) from None
        if "/" not in address or network.prefixlen == 0 or network.version != wanted:
            raise refusal("The address is not valid.", "IP_ADDRESS", address)
        found.add(network.exploded)
    if len(found) > MAX_ADDRESSES:
        raise AwsError("WAFLimitsExceededException", f"At most {MAX_ADDRESSES} addresses.")
    return sorted(found)


@behaviour(
    "wafv2", "CreateIPSet", "Name Scope Description IPAddressVersion Addresses Tags",
    evidence="documented",
    source=API + "API_CreateIPSet.html; "
    "IPv6 written out: terraform, case 138",
)  # fmt: skip
def create_ip_set(ctx: Context, params: Params) -> Reply:
    tags = from_pairs(params.get("Tags"), TAG_CODE)
    entity = {
        "Description": params.get("Description", ""),
        "IPAddressVersion": params["IPAddressVersion"],
        "Addresses": _canonical(params["Addresses"], params["IPAddressVersion"]),
    }
    record = make(ctx, "ip_sets", "ipset", params, entity)
    put_tags(ctx.store, record["entity"]["ARN"], tags, TAG_CODE)
    return {"Summary": summary(record)}


@behaviour(
    "wafv2", "GetIPSet", "Name Scope Id",
    evidence="documented", source=API + "API_GetIPSet.html",
)  # fmt: skip
def get_ip_set(ctx: Context, params: Params) -> Reply:
    record = find(ctx, ctx.view, "ip_sets", params)
    shown = copy.deepcopy(record["entity"])
    shown["Addresses"] = ctx.shuffled(shown["Addresses"])
    return {"IPSet": shown, "LockToken": record["lock"]}


@behaviour(
    "wafv2", "ListIPSets", "Scope NextMarker Limit",
    evidence="documented", source=API + "API_ListIPSets.html",
)  # fmt: skip
def list_ip_sets(ctx: Context, params: Params) -> Reply:
    check_scope(ctx, params["Scope"])
    found = {
        record["entity"]["Name"]: summary(record)
        for arn, record in ctx.view.get("ip_sets", {}).items()
        if in_scope(ctx, arn, params["Scope"])
    }
    ip_sets, marker = listed(ctx, found, params)
    return {"IPSets": ip_sets} | marker


@behaviour(
    "wafv2", "UpdateIPSet", "Name Scope Id Description Addresses LockToken",
    evidence="documented", source=API + "API_UpdateIPSet.html",
)  # fmt: skip
def update_ip_set(ctx: Context, params: Params) -> Reply:
    record = find(ctx, ctx.store, "ip_sets", params)
    check_lock(record, params["LockToken"])
    entity = record["entity"]
    entity["Addresses"] = _canonical(params["Addresses"], entity["IPAddressVersion"])
    entity["Description"] = params.get("Description", "")
    record["lock"] = ctx.uuid()
    return {"NextLockToken": record["lock"]}


@behaviour(
    "wafv2", "DeleteIPSet", "Name Scope Id LockToken",
    evidence="documented", source=API + "API_DeleteIPSet.html",
)  # fmt: skip
def delete_ip_set(ctx: Context, params: Params) -> Reply:
    record = find(ctx, ctx.store, "ip_sets", params)
    check_lock(record, params["LockToken"])
    arn = record["entity"]["ARN"]
    for acl in part(ctx.store, "acls").values():
        if any(arn in references(rule["Statement"]) for rule in acl["entity"]["Rules"]):
            raise AwsError(
                "WAFAssociatedItemException",
                "AWS WAF couldn’t perform the operation because your resource is being used by"
                " another resource or it’s associated with another resource.",
            )
    del part(ctx.store, "ip_sets")[arn]
    forget_tags(ctx.store, arn)
    return {}


@behaviour(
    "wafv2", "ListAvailableManagedRuleGroups", "Scope NextMarker Limit",
    evidence="documented", source=API + "API_ListAvailableManagedRuleGroups.html",
)  # fmt: skip
def list_available_managed_rule_groups(ctx: Context, params: Params) -> Reply:
    check_scope(ctx, params["Scope"])
    found = {
        name: {
            "VendorName": "AWS",
            "Name": name,
            "VersioningSupported": bool(group.versions),
            "Description": f"AWS managed rules: {group.label}",
        }
        for name, group in MANAGED_GROUPS.items()
    }
    groups, marker = listed(ctx, found, params)
    return {"ManagedRuleGroups": groups} | marker


def _managed(ctx: Context, params: Params) -> ManagedGroup:
    check_scope(ctx, params["Scope"])
    group = MANAGED_GROUPS.get(params["Name"])
    if params["VendorName"] != "AWS" or group is None:
        raise missing(f"managed rule group {params['Name']}")
    return group


@behaviour(
    "wafv2", "DescribeManagedRuleGroup", "VendorName Name Scope VersionName",
    evidence="documented",
    source="https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html",
)  # fmt: skip
def describe_managed_rule_group(ctx: Context, params: Params) -> Reply:
    group = _managed(ctx, params)
    version = params.get("VersionName", group.default_version)
    if version is not None and version not in group.versions:
        raise missing(f"version {version} of {params['Name']}")
    rules: list[dict[str, Any]] = [
        {"Name": rule, "Action": {"Count" if rule in group.counted else "Block": {}}}
        for rule in group.rules
    ]
    reply = {
        "Capacity": group.capacity,
        "Rules": ctx.shuffled(rules),
        "LabelNamespace": f"awswaf:managed:aws:{group.label}:",
        "AvailableLabels": [],
        "ConsumedLabels": [],
    }
    return reply | ({"VersionName": version} if version else {})


@behaviour(
    "wafv2", "ListAvailableManagedRuleGroupVersions", "VendorName Name Scope",
    evidence="assumed", source="the shape is documented, the version numbers are examples",
)  # fmt: skip
def list_available_managed_rule_group_versions(ctx: Context, params: Params) -> Reply:
    group = _managed(ctx, params)
    versions = [{"Name": version, "LastUpdateTimestamp": ctx.now} for version in group.versions]
    current = {"CurrentDefaultVersion": group.default_version} if group.versions else {}
    return {"Versions": ctx.shuffled(versions)} | current
