"""WAF: which load balancer is protected by which web ACL, and tags."""

from __future__ import annotations

import re

from sandbox.behaviours.wafv2_web_acls import API, public
from sandbox.errors import AwsError, NotSimulated
from sandbox.moto_state import load_balancer_exists
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import from_pairs, put_tags, remove_tags, to_pairs
from sandbox.waf_rules import missing, refusal
from sandbox.waf_store import TAG_CODE, associated, part, still_spreading
from sandbox.world import Store

_LOAD_BALANCER = re.compile(
    r"^arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/app/"
)
_OTHERS = re.compile(
    r"^arn:[a-z-]+:(apigateway:.*/restapis/|appsync:.*:apis/|cognito-idp:.*:userpool/"
    r"|apprunner:.*:service/|ec2:.*:verified-access-instance/|amplify:.*:apps/"
    r"|bedrock-agentcore:.*:gateway/)"
)
_UNAVAILABLE = "AWS WAF couldn’t retrieve the resource that you requested. Retry your request."


def _check_resource(arn: str) -> None:
    if _OTHERS.match(arn):
        raise NotSimulated(f"wafv2: association with {arn}")
    if not _LOAD_BALANCER.match(arn):
        raise refusal("The ARN isn't valid.", "RESOURCE_ARN", arn)


@behaviour(
    "wafv2", "AssociateWebACL", "WebACLArn ResourceArn",
    evidence="documented", source=API + "API_AssociateWebACL.html; assumed: "
    "another web ACL is replaced without a word, a missing load balancer is 'unavailable'",
)  # fmt: skip
def associate_web_acl(ctx: Context, params: Params) -> Reply:
    acl, resource = params["WebACLArn"], params["ResourceArn"]
    _check_resource(resource)
    record = part(ctx.store, "acls").get(acl)
    if record is None:
        raise missing()
    if ":global/" in acl:
        raise refusal("A web ACL of scope CLOUDFRONT can't be associated.", "WEB_ACL", acl)
    if still_spreading(ctx, record) or not load_balancer_exists(ctx.account, ctx.region, resource):
        raise AwsError("WAFUnavailableEntityException", _UNAVAILABLE)
    part(ctx.store, "associations")[resource] = acl
    return {}


@behaviour(
    "wafv2", "DisassociateWebACL", "ResourceArn",
    evidence="documented",
    source=API + "API_DisassociateWebACL.html; "
    "assumed: nothing to disassociate is no error",
)  # fmt: skip
def disassociate_web_acl(ctx: Context, params: Params) -> Reply:
    _check_resource(params["ResourceArn"])
    if not load_balancer_exists(ctx.account, ctx.region, params["ResourceArn"]):
        raise missing()
    part(ctx.store, "associations").pop(params["ResourceArn"], None)
    return {}


@behaviour(
    "wafv2", "GetWebACLForResource", "ResourceArn",
    evidence="documented", source=API + "API_GetWebACLForResource.html",
)  # fmt: skip
def get_web_acl_for_resource(ctx: Context, params: Params) -> Reply:
    _check_resource(params["ResourceArn"])
    if not load_balancer_exists(ctx.account, ctx.region, params["ResourceArn"]):
        raise missing()
    store = ctx.view
    acl = store.get("associations", {}).get(params["ResourceArn"])
    record = store.get("acls", {}).get(acl)
    return {"WebACL": public(ctx, record["entity"])} if record else {}


@behaviour(
    "wafv2", "ListResourcesForWebACL", "WebACLArn ResourceType",
    evidence="documented", source=API + "API_ListResourcesForWebACL.html",
)  # fmt: skip
def list_resources_for_web_acl(ctx: Context, params: Params) -> Reply:
    store = ctx.view
    if params["WebACLArn"] not in store.get("acls", {}):
        raise missing()
    if ":global/" in params["WebACLArn"]:
        raise refusal("Ask CloudFront for its distributions.", "WEB_ACL", params["WebACLArn"])
    if params.get("ResourceType", "APPLICATION_LOAD_BALANCER") != "APPLICATION_LOAD_BALANCER":
        return {"ResourceArns": []}
    return {"ResourceArns": ctx.shuffled(associated(ctx, store, params["WebACLArn"]))}


def _tagged(store: Store, arn: str) -> str:
    if arn not in store.get("acls", {}) and arn not in store.get("ip_sets", {}):
        raise missing()
    return arn


@behaviour(
    "wafv2", "TagResource", "ResourceARN Tags",
    evidence="documented", source=API + "API_TagResource.html",
)  # fmt: skip
def tag_resource(ctx: Context, params: Params) -> Reply:
    arn = _tagged(ctx.store, params["ResourceARN"])
    put_tags(ctx.store, arn, from_pairs(params["Tags"], TAG_CODE), TAG_CODE)
    return {}


@behaviour(
    "wafv2", "UntagResource", "ResourceARN TagKeys",
    evidence="documented", source=API + "API_UntagResource.html",
)  # fmt: skip
def untag_resource(ctx: Context, params: Params) -> Reply:
    arn = _tagged(ctx.store, params["ResourceARN"])
    remove_tags(ctx.store, arn, params["TagKeys"], TAG_CODE)
    return {}


@behaviour(
    "wafv2", "ListTagsForResource", "ResourceARN Limit",
    evidence="documented", source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    store = ctx.view
    arn = _tagged(store, params["ResourceARN"])
    tags = store.get("_tags", {}).get(arn, {})
    if "Limit" in params and params["Limit"] < len(tags):
        raise NotSimulated("wafv2:ListTagsForResource in pages")
    return {"TagInfoForResource": {"ResourceARN": arn, "TagList": to_pairs(ctx, tags)}}
