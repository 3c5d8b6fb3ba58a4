"""A web ACL's settings: what WAF refuses, and what it adds.

https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from sandbox.registry import Context, Params
from sandbox.waf_capacity import MAX_CAPACITY, capacity_of
from sandbox.waf_rewrites import rewritten
from sandbox.waf_rules import (
    LOGIN_GROUPS,
    Surroundings,
    check_default_action,
    check_metric,
    check_rules,
    limit,
    refusal,
)
from sandbox.waf_store import in_scope, part

SETTINGS = (
    "DefaultAction", "Description", "Rules", "VisibilityConfig", "CustomResponseBodies",
    "CaptchaConfig", "ChallengeConfig", "TokenDomains", "AssociationConfig",
    "DataProtectionConfig", "OnSourceDDoSProtectionConfig", "ApplicationConfig",
    "MonetizationConfig",
)  # fmt: skip
"""What UpdateWebACL replaces: what it is not given, it takes away."""
MAX_BODIES, MAX_BODY_BYTES, MAX_HEADERS, MAX_DOMAINS = 50, 50 * 1024, 100, 10
"""Quotas; all but that of the bytes can be raised on request."""
BOTS = "AWSManagedRulesBotControlRuleSet"


def settings_of(ctx: Context, params: Params, kept: list[dict[str, Any]]) -> dict[str, Any]:
    """The checked settings, with what AWS adds. kept: the rules that the web ACL has."""
    settings = copy.deepcopy({name: params[name] for name in SETTINGS if name in params})
    rules = settings.setdefault("Rules", [])
    settings.setdefault("Description", "")
    check_metric(settings["VisibilityConfig"])
    bodies = settings.get("CustomResponseBodies", {})
    check_default_action(settings["DefaultAction"], bodies)
    rewritten(rules)
    check_rules(rules, surroundings(ctx, params["Scope"], bodies, kept))
    _check_quotas(settings)
    _check_protection(settings)
    _check_script(settings, params["Scope"])
    groups = part(ctx.store, "rule_groups")
    capacity = capacity_of(rules, groups)
    if capacity > MAX_CAPACITY:
        raise limit(f"{capacity} of {MAX_CAPACITY} capacity units")
    settings["Capacity"] = capacity
    if ctx.world.seed % 2:  # newer accounts show the documented default, others do not
        default = {"ALBLowReputationMode": "ACTIVE_UNDER_DDOS"}
        settings.setdefault("OnSourceDDoSProtectionConfig", default)
    return settings


def surroundings(
    ctx: Context, scope: str, bodies: Any = (), kept: list[dict[str, Any]] | None = None
) -> Surroundings:
    """What rules of a scope may refer to."""
    sets = part(ctx.store, "ip_sets")
    mine = [arn for arn in sets if in_scope(ctx, arn, scope)]
    return Surroundings(
        mine, part(ctx.store, "rule_groups"), bodies, scope, set(sets) - set(mine), kept or (),
        ctx.store.get("expired", ()),
    )  # fmt: skip


def _headers(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield from inner
            else:
                yield from _headers(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _headers(inner, name)


def _check_quotas(settings: dict[str, Any]) -> None:
    bodies = settings.get("CustomResponseBodies", {})
    if len(bodies) > MAX_BODIES:
        raise limit("custom response bodies")
    if sum(len(body["Content"].encode()) for body in bodies.values()) > MAX_BODY_BYTES:
        raise limit("bytes of custom response bodies")
    if len(settings.get("TokenDomains", [])) > MAX_DOMAINS:
        raise limit("token domains")
    for name in ("InsertHeaders", "ResponseHeaders"):
        if sum(1 for _ in _headers(settings, name)) > MAX_HEADERS:
            raise limit("custom headers")


def _check_protection(settings: dict[str, Any]) -> None:
    for entry in settings.get("DataProtectionConfig", {}).get("DataProtections", []):
        field = entry["Field"]
        if field["FieldType"].startswith("SINGLE_") != bool(field.get("FieldKeys")):
            kind = field["FieldType"]
            raise refusal("SINGLE_… takes keys, and only that.", "DATA_PROTECTION_CONFIG", kind)


def _check_script(settings: dict[str, Any], scope: str) -> None:
    field = "CHALLENGE_JAVASCRIPT_SDK_INJECTION_CONFIG"
    injected = settings.get("AssociationConfig", {}).get("ChallengeJavascriptSdkInjection", {})
    if not injected:
        return
    if scope != "CLOUDFRONT" or set(injected) != {"CLOUDFRONT"}:
        raise refusal("Only distributions insert the script.", field, sorted(injected))
    groups = [r["Statement"].get("ManagedRuleGroupStatement", {}) for r in settings["Rules"]]
    levels = [
        config.get(BOTS, {}).get("InspectionLevel")
        for group in groups for config in group.get("ManagedRuleGroupConfigs", [])
    ]  # fmt: skip
    if "TARGETED" not in levels and not any(g.get("Name") in LOGIN_GROUPS for g in groups):
        raise refusal("No rule group of the web ACL reads tokens.", field, sorted(injected))
