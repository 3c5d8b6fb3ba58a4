"""Parameter Store: `store["parameters"]`, name → the newest version, with its value.

Values that are ciphertext are not simulated: a SecureString is shown as some text that is none.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.errors import AwsError, NotSimulated
from sandbox.paging import page
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import forget_tags, from_pairs, put_tags, remove_tags, tags_of, to_pairs

API = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/"
GUIDE = "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
BAD = "ValidationException"
SECRET = "SecureString"
LIMITS = {"Standard": 4096, "Advanced": 8192}
DATA_TYPES = (
    "text", "aws:ssm:integration", "aws:region", "aws:account:id", "boolean", "integer", "float",
    "binary", "hostname", "email", "ipv4-address", "ipv6-address", "url", "json", "jsonc",
)  # fmt: skip
_NAME = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_SHOWN = ("Name", "Type", "Value", "Version", "LastModifiedDate", "ARN", "DataType")
Parameter = dict[str, Any]


def _all(ctx: Context, *, late: bool = False) -> dict[str, Parameter]:
    store = ctx.view if late else ctx.store
    found: dict[str, Parameter] = store.setdefault("parameters", {})
    return found


def _arn(ctx: Context, name: str) -> str:
    return ctx.arn(f"parameter/{name.removeprefix('/')}")


@behaviour(
    "ssm", "PutParameter",
    "Name Description Value Type KeyId Overwrite AllowedPattern Tags Tier DataType",
    evidence="documented",
    source=API + "API_PutParameter.html; "
    "https://github.com/aws/aws-cli/issues/5162: no tags beside Overwrite; "
    "https://github.com/go-to-k/cdk-real-drift/pull/408 (seen in AWS): Intelligent-Tiering is "
    "shown as the tier that it came to, Advanced is never lowered; assumed: what is "
    "left out of a later version stays",
)  # fmt: skip
def put_parameter(ctx: Context, params: Params) -> Reply:
    name, overwrite = params["Name"].strip(), params.get("Overwrite", False)
    _check_name(name)
    if overwrite and params.get("Tags"):
        raise AwsError(
            BAD, "Invalid request: tags and overwrite can't be used together. To create a "
            "parameter with tags, please remove overwrite flag.",
        )  # fmt: skip
    old = _all(ctx).get(name)
    if old is not None and not overwrite:
        raise AwsError("ParameterAlreadyExists", "The parameter already exists.")
    if old is None and not params.get("Type"):
        raise AwsError(BAD, "A parameter type is required when you create a parameter.")
    kept = params.get("Type", (old or params).get("Type"))
    if old is not None and kept != old["Type"] and "/" in name:
        raise AwsError(
            "HierarchyTypeMismatchException",
            "Parameter Store does not support changing a parameter type in a hierarchy.",
        )  # fmt: skip
    new = {
        "Description": "", "AllowedPattern": "", "DataType": "text", "Tier": "Standard",
        **(old or {}), **{k: v for k, v in params.items() if k not in ("Overwrite", "Tags")},
    }  # fmt: skip
    _check(new)
    new |= {
        "Name": name, "ARN": _arn(ctx, name), "LastModifiedDate": ctx.now,
        "LastModifiedUser": f"arn:aws:iam::{ctx.account}:root",
        "Version": (old or {"Version": 0})["Version"] + 1,
        "Tier": _tier(new, params.get("Tier"), old),
    }  # fmt: skip
    if new["Type"] != SECRET:
        new.pop("KeyId", None)
    elif "KeyId" not in new:
        new["KeyId"] = "alias/aws/ssm"
    tags = from_pairs(params.get("Tags"), BAD)
    if old is None:
        put_tags(ctx.store, new["ARN"], tags, BAD)
    _all(ctx)[name] = new
    return {"Version": new["Version"], "Tier": new["Tier"]}


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or ("/" in name and not name.startswith("/")):
        raise AwsError(
            BAD, 'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a '
            "path, it can consist of sub-paths divided by slash symbol; each sub-path can be "
            "formed as a mix of letters, numbers and the following 3 symbols .-_",
        )  # fmt: skip
    if name.lower().lstrip("/").startswith(("aws", "ssm")):
        raise AwsError(
            BAD, 'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).'
        )
    if name.count("/") > 15:
        raise AwsError(
            "HierarchyLevelLimitExceededException",
            "A hierarchy can have a maximum of 15 levels.",
        )  # fmt: skip


def _check(new: Parameter) -> None:
    value = new.get("Value", "")
    if not value:
        said = "Value '' at 'value' failed to satisfy constraint: Member must have length"
        raise AwsError(BAD, f"1 validation error detected: {said} greater than or equal to 1.")
    if "{{" in value:
        raise AwsError(BAD, "Parameter value can't nest another parameter.")
    if new["DataType"] == "aws:ec2:image":
        raise NotSimulated("ssm: parameters that are checked later to name an image")
    if new["DataType"] not in DATA_TYPES:
        raise AwsError(BAD, f"The following data type is not supported: {new['DataType']}")
    if new["Type"] not in ("String", "StringList", SECRET):
        raise AwsError("UnsupportedParameterType", f"The type {new['Type']} is not supported.")
    pattern = new["AllowedPattern"]
    try:
        fits = not pattern or re.search(pattern, value)
    except re.error:
        raise AwsError("InvalidAllowedPatternException", "The pattern is not valid.") from None
    if not fits:
        raise AwsError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )  # fmt: skip


def _tier(new: Parameter, asked: str | None, old: Parameter | None) -> str:
    """The tier that it comes to. An advanced one stays so."""
    size = len(new["Value"].encode())
    if asked == "Standard" and old is not None and old["Tier"] == "Advanced":
        raise AwsError(
            BAD, "This parameter uses the advanced-parameter tier. You can't downgrade a parameter "
            "from the advanced-parameter tier to the standard-parameter tier.",
        )  # fmt: skip
    tier: str = asked or (old or new)["Tier"]
    if tier == "Intelligent-Tiering":
        advanced = size > LIMITS["Standard"] or (old is not None and old["Tier"] == "Advanced")
        tier = "Advanced" if advanced else "Standard"
    if size > LIMITS[tier]:
        raise AwsError(
            BAD, f"{tier} tier parameters support a maximum parameter value of {LIMITS[tier]} "
            "characters.",
        )  # fmt: skip
    return tier


def _shown(parameter: Parameter) -> Parameter:
    out = {name: parameter[name] for name in _SHOWN}
    return out | ({"Value": "AQICAHciphertext"} if parameter["Type"] == SECRET else {})


@behaviour(
    "ssm", "GetParameter", "Name WithDecryption",
    evidence="documented", source=API + "API_GetParameter.html",
)  # fmt: skip
def get_parameter(ctx: Context, params: Params) -> Reply:
    found = _all(ctx).get(_plain(ctx, params["Name"]))
    if found is None:
        raise AwsError("ParameterNotFound", f"Parameter {params['Name']} not found.")
    return {"Parameter": _shown(found)}


def _plain(ctx: Context, name: str) -> str:
    """A name, also of one given by its ARN."""
    if not name.startswith("arn:"):
        return name
    tail = name.removeprefix(ctx.arn("parameter"))
    return tail if tail in _all(ctx) else tail.removeprefix("/")


@behaviour(
    "ssm", "GetParameters", "Names WithDecryption",
    evidence="documented", source=API + "API_GetParameters.html: ten names a call",
)  # fmt: skip
def get_parameters(ctx: Context, params: Params) -> Reply:
    names = params["Names"]
    if len(names) > 10:
        raise AwsError(BAD, "Value at 'names' failed to satisfy constraint: Member must have "
                       "length less than or equal to 10")  # fmt: skip
    there = _all(ctx)
    known = [n for n in dict.fromkeys(names) if _plain(ctx, n) in there]
    return {
        "Parameters": ctx.shuffled(_shown(there[_plain(ctx, n)]) for n in known),
        "InvalidParameters": [n for n in names if n not in known],
    }


@behaviour(
    "ssm", "GetParametersByPath",
    "Path Recursive WithDecryption MaxResults NextToken", evidence="documented",
    source=API + "API_GetParametersByPath.html: up to ten a page",
)  # fmt: skip
def get_parameters_by_path(ctx: Context, params: Params) -> Reply:
    path = params["Path"].rstrip("/") + "/"
    deep = params.get("Recursive", False)
    found = {
        name: _shown(p) for name, p in _all(ctx).items()
        if name.startswith(path) and (deep or "/" not in name.removeprefix(path))
    }  # fmt: skip
    refusal = AwsError("InvalidNextToken", "The specified token is not valid.")
    some, token = page(found, params.get("NextToken"), params.get("MaxResults", 10), refusal)
    return {"Parameters": some} | ({"NextToken": token} if token else {})


@behaviour(
    "ssm", "DescribeParameters", "ParameterFilters MaxResults NextToken", evidence="documented",
    source=API + "API_DescribeParameters.html: up to 50 a page, possibly fewer, even none",
)  # fmt: skip
def describe_parameters(ctx: Context, params: Params) -> Reply:
    hidden = ("Value",)
    found = {
        name: {k: v for k, v in p.items() if k not in hidden and v != ""} | {"Policies": []}
        for name, p in _all(ctx, late=True).items()
        if all(_passes(p, rule) for rule in params.get("ParameterFilters") or ())
    }
    refusal = AwsError("InvalidNextToken", "The specified token is not valid.")
    most = params.get("MaxResults", 50)
    if not 1 <= most <= 50:
        raise AwsError(BAD, "MaxResults must be between 1 and 50")
    some, token = page(found, params.get("NextToken"), most, refusal)
    return {"Parameters": some} | ({"NextToken": token} if token else {})


def _passes(parameter: Parameter, rule: dict[str, Any]) -> bool:
    if rule["Key"] not in ("Name", "Type"):
        raise NotSimulated(f"ssm:DescribeParameters: a filter by {rule['Key']}")
    value, wanted = parameter[rule["Key"]], rule.get("Values") or []
    if len(wanted) > 50:
        raise AwsError("InvalidFilterValue", "A filter has at most 50 values.")
    if rule.get("Option", "Equals") == "Equals":
        return value in wanted
    if rule["Option"] == "BeginsWith":
        return any(value.startswith(w) for w in wanted)
    raise NotSimulated(f"ssm:DescribeParameters: the option {rule['Option']}")


@behaviour(
    "ssm", "DeleteParameter", "Name",
    evidence="documented", source=API + "API_DeleteParameter.html",
)  # fmt: skip
def delete_parameter(ctx: Context, params: Params) -> Reply:
    found = _all(ctx).pop(params["Name"], None)
    if found is None:
        raise AwsError("ParameterNotFound", f"Parameter {params['Name']} not found.")
    forget_tags(ctx.store, found["ARN"])
    return {}


@behaviour(
    "ssm", "DeleteParameters", "Names",
    evidence="documented", source=API + "API_DeleteParameters.html: ten names a call",
)  # fmt: skip
def delete_parameters(ctx: Context, params: Params) -> Reply:
    gone = [n for n in params["Names"] if n in _all(ctx)]
    for name in gone:
        forget_tags(ctx.store, _all(ctx).pop(name)["ARN"])
    return {
        "DeletedParameters": gone,
        "InvalidParameters": [n for n in params["Names"] if n not in gone],
    }


def _tagged(ctx: Context, params: Params) -> str:
    """The ARN of the parameter that a tagging call names."""
    if params["ResourceType"] != "Parameter":
        raise NotSimulated(f"ssm: tags of {params['ResourceType']}")
    if params["ResourceId"] not in _all(ctx):
        raise AwsError("InvalidResourceId", "The resource ID is not valid.")
    return _arn(ctx, params["ResourceId"])


@behaviour(
    "ssm", "AddTagsToResource", "ResourceType ResourceId Tags",
    evidence="documented", source=API + "API_AddTagsToResource.html",
)  # fmt: skip
def add_tags_to_resource(ctx: Context, params: Params) -> Reply:
    put_tags(ctx.store, _tagged(ctx, params), from_pairs(params["Tags"], BAD), "TooManyTagsError")
    return {}


@behaviour(
    "ssm", "RemoveTagsFromResource", "ResourceType ResourceId TagKeys",
    evidence="documented", source=API + "API_RemoveTagsFromResource.html",
)  # fmt: skip
def remove_tags_from_resource(ctx: Context, params: Params) -> Reply:
    remove_tags(ctx.store, _tagged(ctx, params), params["TagKeys"], BAD)
    return {}


@behaviour(
    "ssm", "ListTagsForResource", "ResourceType ResourceId",
    evidence="documented", source=API + "API_ListTagsForResource.html",
)  # fmt: skip
def list_tags_for_resource(ctx: Context, params: Params) -> Reply:
    return {"TagList": to_pairs(ctx, tags_of(ctx.store, _tagged(ctx, params)))}
