"""EC2: security groups, their rules and their tags."""

from __future__ import annotations

from typing import Any

from sandbox.ec2_groups import (
    TAG_CODE,
    TEXT,
    Group,
    Rule,
    arn_of,
    authorize,
    backend,
    check_count,
    drop,
    group_of,
    groups,
    invalid,
    key_of,
    make,
    rules_of,
    shown,
    tags_to_change,
    whole,
)
from sandbox.errors import AwsError, NotSimulated
from sandbox.paging import page, steady_rank
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import check_tags, from_pairs, put_tags

API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"
SINGLE = ("IpProtocol", "FromPort", "ToPort", "CidrIp")


@behaviour(
    "ec2", "CreateSecurityGroup", "GroupName Description VpcId TagSpecifications",
    evidence="documented", source=API + "API_CreateSecurityGroup.html; assumed: wordings",
)  # fmt: skip
def create_security_group(ctx: Context, params: Params) -> Reply:
    name, description = params["GroupName"].rstrip(), params["Description"]
    for said, text in (("name", name), ("description", description)):
        if not text or len(text) > 255 or not TEXT.fullmatch(text):
            raise invalid(
                f"Invalid security group {said}. Valid {said}s are strings less than 256 characters"
                " from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
            )
    if name.startswith("sg-"):
        raise invalid(
            f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the "
            "format sg-*."
        )
    if name.lower() == "default":
        raise AwsError("InvalidGroup.Reserved", "The security group 'default' is reserved")
    vpc = params.get("VpcId")
    if vpc is None:
        default = backend(ctx).get_default_vpc()
        if default is None:
            raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
        vpc = default.id
    if vpc not in backend(ctx).vpcs:
        raise AwsError("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
    there = {(g["VpcId"], g["GroupName"].lower()) for g in groups(ctx, ctx.store).values()}
    if (vpc, name.lower()) in there:
        raise AwsError(
            "InvalidGroup.Duplicate",
            f"The security group '{name}' already exists for VPC '{vpc}'",
        )
    tags: dict[str, str] = {}
    for specification in params.get("TagSpecifications") or ():
        if specification.get("ResourceType") != "security-group":
            raise invalid(f"{specification.get('ResourceType')} is not a valid taggable resource")
        tags |= from_pairs(specification.get("Tags"), TAG_CODE)
    made = make(ctx, name, description, vpc, tags)
    listed = [{"Key": k, "Value": v} for k, v in tags.items()]
    arn = arn_of(ctx, made["GroupId"])
    return {"GroupId": made["GroupId"], "SecurityGroupArn": arn, "Tags": listed}


@behaviour(
    "ec2", "DeleteSecurityGroup", "GroupId",
    evidence="documented", source=API + "API_DeleteSecurityGroup.html; assumed: wordings",
)  # fmt: skip
def delete_security_group(ctx: Context, params: Params) -> Reply:
    group = group_of(ctx, params.get("GroupId"))
    drop(ctx, group)
    return {"Return": True, "GroupId": group["GroupId"]}


@behaviour(
    "ec2", "DescribeSecurityGroups", "GroupIds Filters MaxResults NextToken",
    evidence="documented", source=API + "API_DescribeSecurityGroups.html",
)  # fmt: skip
def describe_security_groups(ctx: Context, params: Params) -> Reply:
    ids, limit = params.get("GroupIds"), params.get("MaxResults", 1000)
    if ids and "MaxResults" in params:
        raise AwsError("InvalidParameterCombination", "MaxResults can't be combined with GroupIds")
    if not 5 <= limit <= 1000:
        raise invalid(f"Value ( {limit} ) for parameter maxResults is invalid.")
    groups(ctx, ctx.store)
    store = ctx.view
    held = groups(ctx, store)
    for group_id in ids or ():
        if group_id not in held:
            group_of(ctx, group_id)  # says what is wrong with it
            raise AwsError(
                "InvalidGroup.NotFound", f"The security group '{group_id}' does not exist"
            )
    ranked = {
        steady_rank(ctx, group_id): whole(ctx, store, group)
        for group_id, group in held.items()
        if (not ids or group_id in ids)
        and all(_meets(ctx, store, group, each) for each in params.get("Filters") or ())
    }
    refusal = invalid("Invalid value for parameter nextToken")
    chosen, following = page(ranked, params.get("NextToken"), limit, refusal)
    return {"SecurityGroups": chosen} | ({"NextToken": following} if following else {})


def _meets(ctx: Context, store: Any, group: Group, wanted: dict[str, Any]) -> bool:
    name, values = wanted["Name"], wanted["Values"]
    if len(values) > 200:
        raise AwsError("FilterLimitExceeded", "The maximum number of filter values is 200")
    if name.startswith("tag:"):
        tags = store.get("_tags", {}).get(arn_of(ctx, group["GroupId"]), {})
        return tags.get(name.removeprefix("tag:")) in values
    member = {"group-name": "GroupName", "vpc-id": "VpcId", "group-id": "GroupId"}.get(name)
    if member is None or any("*" in value or "?" in value for value in values):
        raise NotSimulated(f"ec2:DescribeSecurityGroups by {name} {values}")
    return group[member] in values


def _permissions(params: Params) -> list[Any]:
    """The rules of a request: listed, or the one that it spells out."""
    single = {k: params[k] for k in SINGLE if k in params}
    if not single:
        return list(params.get("IpPermissions") or ())
    if params.get("IpPermissions"):
        raise AwsError("InvalidParameterCombination", "IpPermissions can't be combined with others")
    cidr = single.pop("CidrIp", None)
    return [{**single, "IpRanges": [{"CidrIp": cidr}] if cidr else []}]


def _authorize(ctx: Context, params: Params, egress: bool) -> Reply:
    group = group_of(ctx, params.get("GroupId"))
    said = _permissions(params)
    if not said:
        raise AwsError("MissingParameter", "The request must contain the parameter ipPermissions")
    return {
        "Return": True,
        "SecurityGroupRules": authorize(ctx, group, rules_of(ctx, group, said, egress)),
    }


@behaviour(
    "ec2", "AuthorizeSecurityGroupIngress", "GroupId IpPermissions " + " ".join(SINGLE),
    evidence="documented",
    source=API + "API_AuthorizeSecurityGroupIngress.html; assumed: wordings",
)  # fmt: skip
def authorize_security_group_ingress(ctx: Context, params: Params) -> Reply:
    return _authorize(ctx, params, egress=False)


@behaviour(
    "ec2", "AuthorizeSecurityGroupEgress", "GroupId IpPermissions",
    evidence="documented",
    source=API + "API_AuthorizeSecurityGroupEgress.html; assumed: wordings",
)  # fmt: skip
def authorize_security_group_egress(ctx: Context, params: Params) -> Reply:
    return _authorize(ctx, params, egress=True)


def _revoke(ctx: Context, params: Params, egress: bool) -> Reply:
    group = group_of(ctx, params.get("GroupId"))
    held = group["rules"]
    wanted = rules_of(ctx, group, _permissions(params), egress)
    by_key = {key_of(rule): rule_id for rule_id, rule in held.items()}
    ids = [by_key.get(key_of(rule), "") for rule in wanted]
    ids += params.get("SecurityGroupRuleIds") or []
    here = [i for i in ids if i in held and held[i]["IsEgress"] is egress]
    default = backend(ctx).get_default_vpc()
    lenient = default is not None and default.id == group["VpcId"]
    if len(here) < len(ids) and not lenient:
        raise AwsError(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        )
    revoked = [shown(ctx, group, rule_id) for rule_id in here]
    for rule_id in here:
        del held[rule_id]
    return {"Return": True, "RevokedSecurityGroupRules": revoked}


@behaviour(
    "ec2", "RevokeSecurityGroupIngress",
    "GroupId IpPermissions SecurityGroupRuleIds " + " ".join(SINGLE),
    evidence="documented", source=API + "API_RevokeSecurityGroupIngress.html; assumed: wordings",
)  # fmt: skip
def revoke_security_group_ingress(ctx: Context, params: Params) -> Reply:
    return _revoke(ctx, params, egress=False)


@behaviour(
    "ec2", "RevokeSecurityGroupEgress", "GroupId IpPermissions SecurityGroupRuleIds",
    evidence="documented", source=API + "API_RevokeSecurityGroupEgress.html; assumed: wordings",
)  # fmt: skip
def revoke_security_group_egress(ctx: Context, params: Params) -> Reply:
    return _revoke(ctx, params, egress=True)


def _describe(ctx: Context, params: Params, egress: bool) -> Reply:
    group = group_of(ctx, params.get("GroupId"))
    held = {key_of(rule): rule for rule in group["rules"].values()}
    wanted = rules_of(ctx, group, params.get("IpPermissions") or (), egress)
    if any(key_of(rule) not in held for rule in wanted):
        raise AwsError(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        )
    for rule in wanted:
        held[key_of(rule)].pop("Description", None)
        if "Description" in rule:
            held[key_of(rule)]["Description"] = rule["Description"]
    return {"Return": True}


@behaviour(
    "ec2", "UpdateSecurityGroupRuleDescriptionsIngress", "GroupId IpPermissions",
    evidence="documented",
    source=API + "API_UpdateSecurityGroupRuleDescriptionsIngress.html; assumed: wordings",
)  # fmt: skip
def update_security_group_rule_descriptions_ingress(ctx: Context, params: Params) -> Reply:
    return _describe(ctx, params, egress=False)


@behaviour(
    "ec2", "UpdateSecurityGroupRuleDescriptionsEgress", "GroupId IpPermissions",
    evidence="documented",
    source=API + "API_UpdateSecurityGroupRuleDescriptionsEgress.html; assumed: wordings",
)  # fmt: skip
def update_security_group_rule_descriptions_egress(ctx: Context, params: Params) -> Reply:
    return _describe(ctx, params, egress=True)


@behaviour(
    "ec2", "DescribeSecurityGroupRules", "Filters",
    evidence="documented", source=API + "API_DescribeSecurityGroupRules.html",
)  # fmt: skip
def describe_security_group_rules(ctx: Context, params: Params) -> Reply:
    [wanted] = params.get("Filters") or [{}]
    if wanted.get("Name") != "group-id":
        raise NotSimulated(f"ec2:DescribeSecurityGroupRules with {wanted}")
    groups(ctx, ctx.store)
    held = groups(ctx, ctx.view)
    found = [
        shown(ctx, held[group_id], rule_id)
        for group_id in wanted["Values"]
        if group_id in held
        for rule_id in held[group_id]["rules"]
    ]
    return {"SecurityGroupRules": ctx.shuffled(found)}


@behaviour(
    "ec2", "ModifySecurityGroupRules", "GroupId SecurityGroupRules",
    evidence="documented", source=API + "API_ModifySecurityGroupRules.html; assumed: wordings",
)  # fmt: skip
def modify_security_group_rules(ctx: Context, params: Params) -> Reply:
    group = group_of(ctx, params["GroupId"])
    held: dict[str, Rule] = group["rules"]
    new = dict(held)
    for each in params["SecurityGroupRules"]:
        rule_id = each["SecurityGroupRuleId"]
        if rule_id not in held:
            raise AwsError(
                "InvalidSecurityGroupRuleId.NotFound",
                f"The security group rule ID '{rule_id}' does not exist",
            )
        new[rule_id] = _requested(ctx, group, each["SecurityGroupRule"], held[rule_id]["IsEgress"])
    keys = [key_of(rule) for rule in new.values()]
    if len(set(keys)) < len(keys):
        raise AwsError("InvalidPermission.Duplicate", "the specified rule already exists")
    check_count(new.values())
    group["rules"] = new
    return {"Return": True}


def _requested(ctx: Context, group: Group, said: dict[str, Any], egress: bool) -> Rule:
    peers = {
        "CidrIpv4": ("IpRanges", "CidrIp"), "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "ReferencedGroupId": ("UserIdGroupPairs", "GroupId"),
        "PrefixListId": ("PrefixListIds", "PrefixListId"),
    }  # fmt: skip
    permission: Params = {k: said[k] for k in ("IpProtocol", "FromPort", "ToPort") if k in said}
    for member, (several, name) in peers.items():
        if member in said:
            about = {"Description": said["Description"]} if said.get("Description") else {}
            permission[several] = [{name: said[member], **about}]
    [rule] = rules_of(ctx, group, [permission], egress)
    return rule


@behaviour(
    "ec2", "CreateTags", "Resources Tags",
    evidence="documented", source=API + "API_CreateTags.html",
)  # fmt: skip
def create_tags(ctx: Context, params: Params) -> Reply:
    new = from_pairs(params["Tags"], TAG_CODE)
    for resource in _groups_only(params):
        group = group_of(ctx, resource)
        put_tags(ctx.store, arn_of(ctx, group["GroupId"]), new, "TagLimitExceeded")
    return {}


@behaviour(
    "ec2", "DeleteTags", "Resources Tags",
    evidence="documented", source=API + "API_DeleteTags.html",
)  # fmt: skip
def delete_tags(ctx: Context, params: Params) -> Reply:
    gone = params.get("Tags") or []
    check_tags({tag["Key"]: "" for tag in gone}, TAG_CODE)
    for resource in _groups_only(params):
        tags = tags_to_change(ctx, resource)
        for tag in gone:
            if "Value" not in tag or tags.get(tag["Key"]) == tag["Value"]:
                tags.pop(tag["Key"], None)
        if not gone:
            tags.clear()
    return {}


def _groups_only(params: Params) -> list[str]:
    others = [r for r in params["Resources"] if not r.startswith("sg-")]
    if others:
        raise NotSimulated(f"ec2: tags of {others}")
    return list(params["Resources"])
