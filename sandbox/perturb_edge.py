"""What AWS itself does to web ACLs behind our back: Shield Advanced and Firewall Manager."""

from __future__ import annotations

from typing import Any

from sandbox.registry import Context
from sandbox.waf_capacity import capacity_of
from sandbox.waf_store import Record, in_scope, part
from sandbox.world import World

SHIELD_ACCOUNT = "153427709519"
SHIELD_PRIORITY = 10_000_000
SHIELD_CAPACITY = 150


def _context(world: World, region: str | None) -> Context:
    return Context(world, "wafv2", "", world.account, region or world.region, "")


def _acl(ctx: Context, name: str, scope: str) -> Record:
    for arn, record in part(ctx.store, "acls").items():
        if record["entity"]["Name"] == name and in_scope(ctx, arn, scope):
            found: Record = record
            return found
    raise LookupError(f"no web ACL {name} of scope {scope}")


def _visibility(name: str) -> dict[str, Any]:
    return {
        "SampledRequestsEnabled": True,
        "CloudWatchMetricsEnabled": True,
        "MetricName": name,
    }


def inject_shield_rule(
    world: World, acl_name: str, *, scope: str = "REGIONAL", region: str | None = None
) -> str:
    """Shield Advanced's automatic mitigation adds its rule group last; the rule's name comes back.

    An UpdateWebACL that leaves the rule out takes it away, as in AWS.
    """
    with world.lock:
        ctx = _context(world, region)
        record = _acl(ctx, acl_name, scope)
        world.remember("wafv2", ctx.account, ctx.region)
        group = f"ShieldMitigationRuleGroup_{ctx.account}_{ctx.uuid()}_{ctx.uuid()}"
        kind = record["entity"]["ARN"].split(":", 5)[5].split("/")[0]
        arn = f"arn:aws:wafv2:{ctx.region}:{SHIELD_ACCOUNT}:{kind}/rulegroup/{group}/{ctx.uuid()}"
        part(ctx.store, "rule_groups")[arn] = SHIELD_CAPACITY
        rules = record["entity"]["Rules"]
        rules.append(
            {
                "Name": group,
                "Priority": SHIELD_PRIORITY,
                "Statement": {"RuleGroupReferenceStatement": {"ARN": arn}},
                "OverrideAction": {"None": {}},
                "VisibilityConfig": _visibility(group),
            }
        )
        record["entity"]["Capacity"] = capacity_of(rules, part(ctx.store, "rule_groups"))
        record["lock"] = ctx.uuid()
        return group


def inject_firewall_manager_groups(
    world: World, acl_name: str, *, scope: str = "REGIONAL", region: str | None = None
) -> None:
    """Firewall Manager retrofits the web ACL: a rule group first and one last, kept by updates."""
    with world.lock:
        ctx = _context(world, region)
        record = _acl(ctx, acl_name, scope)
        world.remember("wafv2", ctx.account, ctx.region)
        groups = [
            {
                "Name": f"{place}FMManaged",
                "Priority": 0,
                "FirewallManagerStatement": {
                    "ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name}
                },
                "OverrideAction": {"None": {}},
                "VisibilityConfig": _visibility(f"{place}FMManaged"),
            }
            for place, name in (
                ("PREFMManaged-", "AWSManagedRulesAmazonIpReputationList"),
                ("POSTFMManaged-", "AWSManagedRulesAnonymousIpList"),
            )
        ]
        record["entity"] |= {
            "PreProcessFirewallManagerRuleGroups": groups[:1],
            "PostProcessFirewallManagerRuleGroups": groups[1:],
            "RetrofittedByFirewallManager": True,
        }
        record["lock"] = ctx.uuid()


def expire_version(world: World, group: str, version: str, *, region: str | None = None) -> None:
    """A pinned version of a managed group expires: web ACLs run the default instead, and take no
    update that leaves it in.

    https://docs.aws.amazon.com/waf/latest/developerguide/waf-managed-rule-groups-versioning-lifecycle.html
    """
    with world.lock:
        ctx = _context(world, region)
        world.remember("wafv2", ctx.account, ctx.region)
        ctx.store.setdefault("expired", []).append((group, version))


def hand_over_logging(
    world: World, acl_name: str, *, scope: str = "REGIONAL", region: str | None = None
) -> None:
    """Firewall Manager takes over where the web ACL logs to (case 130)."""
    with world.lock:
        ctx = _context(world, region)
        record = _acl(ctx, acl_name, scope)
        world.remember("wafv2", ctx.account, ctx.region)
        arn = record["entity"]["ARN"]
        part(ctx.store, "logging")[arn] |= {
            "ManagedByFirewallManager": True,
            "LogDestinationConfigs": ["arn:aws:s3:::aws-waf-logs-of-firewall-manager"],
        }


def reorder(
    world: World, acl_name: str, *, scope: str = "REGIONAL", region: str | None = None
) -> None:
    """Lists without a meaning in their order come back in another one (cases 131, 144)."""
    with world.lock:
        ctx = _context(world, region)
        record = _acl(ctx, acl_name, scope)
        world.remember("wafv2", ctx.account, ctx.region)
        entity = record["entity"]
        for name in ("Rules", "TokenDomains"):
            if name in entity:
                entity[name].reverse()
        for rule in entity["Rules"]:
            for body in rule["Statement"].values():
                for name in ("RuleActionOverrides", "CountryCodes", "AsnList"):
                    if name in body:
                        body[name].reverse()
            if "RuleLabels" in rule:
                rule["RuleLabels"].reverse()
        record["lock"] = ctx.uuid()
