"""CloudWatch dashboards: `store["dashboards"]`, name → its body as it was sent, and when.

They are of the account, not of a region: all regions see those that are kept here in us-east-1.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from sandbox.dashboard_rules import errors, warnings
from sandbox.errors import AwsError
from sandbox.paging import page
from sandbox.registry import Context, Params, Reply, behaviour
from sandbox.tags import forget_tags, from_pairs, put_tags
from sandbox.world import Store

API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"
BAD_VALUE = "InvalidParameterValue"
HOME = "us-east-1"
MOST_LISTED = 1000


def kept(ctx: Context) -> Store:
    """The store of the account's dashboards, to read and change."""
    return ctx.world.store("cloudwatch", ctx.account, HOME)


def seen(ctx: Context) -> Store:
    """The same as an eventually consistent read sees it."""
    return ctx.world.lagging("cloudwatch", ctx.account, HOME)


def dashboard_arn(ctx: Context, name: str) -> str:
    """Without a region."""
    return f"arn:aws:cloudwatch::{ctx.account}:dashboard/{name}"


def _missing(name: str) -> AwsError:
    return AwsError("ResourceNotFound", f"Dashboard {name} does not exist", 404)


@behaviour(
    "cloudwatch", "PutDashboard", "DashboardName DashboardBody Tags",
    evidence="documented",
    source=API + "API_PutDashboard.html; "
    + API + "CloudWatch-Dashboard-Body-Structure.html; "
    "https://github.com/pulumi/pulumi/issues/13059 (words of a refusal); "
    "assumed: which slips are only warned of",
)  # fmt: skip
def put_dashboard(ctx: Context, params: Params) -> Reply:
    name, text = params["DashboardName"], params["DashboardBody"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise AwsError(BAD_VALUE, f"The value {name} for parameter DashboardName is invalid")
    try:
        body: Any = json.loads(text)
    except ValueError:
        raise AwsError(
            "InvalidParameterInput", "The field DashboardBody must be a valid JSON object"
        ) from None
    wrong = [{"dataPath": at, "message": message} for at, message in errors(body)]
    if wrong:
        raise AwsError(
            "InvalidParameterInput",
            f"The dashboard body is invalid, there are {len(wrong)} validation errors:\n"
            + json.dumps(wrong, indent=2),
        )
    store = kept(ctx)
    dashboards: dict[str, dict[str, Any]] = store.setdefault("dashboards", {})
    tags = from_pairs(params.get("Tags"), BAD_VALUE)
    if name not in dashboards:  # tags count only at creation
        put_tags(store, dashboard_arn(ctx, name), tags, BAD_VALUE)
    dashboards[name] = {"body": text, "modified": ctx.now}
    return {
        "DashboardValidationMessages": [
            {"DataPath": at, "Message": message} for at, message in warnings(body)
        ]
    }


@behaviour(
    "cloudwatch", "GetDashboard", "DashboardName",
    evidence="documented", source=API + "API_GetDashboard.html",
)  # fmt: skip
def get_dashboard(ctx: Context, params: Params) -> Reply:
    name = params["DashboardName"]
    found = seen(ctx).get("dashboards", {}).get(name)
    if found is None:
        raise _missing(name)
    return {
        "DashboardArn": dashboard_arn(ctx, name),
        "DashboardBody": found["body"],
        "DashboardName": name,
    }


@behaviour(
    "cloudwatch", "ListDashboards", "DashboardNamePrefix NextToken",
    evidence="documented", source=API + "API_ListDashboards.html",
)  # fmt: skip
def list_dashboards(ctx: Context, params: Params) -> Reply:
    prefix = params.get("DashboardNamePrefix") or ""
    found = {k: (k, v) for k, v in seen(ctx).get("dashboards", {}).items() if k.startswith(prefix)}
    refused = AwsError(BAD_VALUE, "The value for parameter NextToken is invalid")
    listed, token = page(found, params.get("NextToken"), MOST_LISTED, refused)
    entries = [_entry(ctx, name, dashboard["body"], dashboard["modified"])
               for name, dashboard in listed]  # fmt: skip
    return {"DashboardEntries": entries} | ({"NextToken": token} if token else {})


def _entry(ctx: Context, name: str, body: str, modified: datetime) -> dict[str, Any]:
    return {
        "DashboardName": name,
        "DashboardArn": dashboard_arn(ctx, name),
        "LastModified": modified,
        "Size": len(body.encode()),
    }


@behaviour(
    "cloudwatch", "DeleteDashboards", "DashboardNames",
    evidence="documented",
    source=API + "API_DeleteDashboards.html; "
    "assumed: those missing are refused after the others went",
)  # fmt: skip
def delete_dashboards(ctx: Context, params: Params) -> Reply:
    store, names = kept(ctx), params["DashboardNames"]
    if len(names) > 100:
        raise AwsError(BAD_VALUE, "At most 100 dashboards can be deleted in one call")
    missing = []
    for name in names:
        if store.get("dashboards", {}).pop(name, None) is None:
            missing.append(name)
        forget_tags(store, dashboard_arn(ctx, name))
    if missing:
        raise _missing(", ".join(missing))
    return {}
