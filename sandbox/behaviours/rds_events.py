"""RDS: what happened to instances."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.data_services import clash, invalid, page
from sandbox.registry import Context, Params, Reply, behaviour


@behaviour(
    "rds", "DescribeEvents",
    "SourceIdentifier SourceType StartTime EndTime Duration EventCategories MaxRecords Marker",
    evidence="documented",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html",
)  # fmt: skip
def describe_events(ctx: Context, params: Params) -> Reply:
    """Of the last hour unless told, of 14 days at most; only changes of storage are recorded."""
    if "SourceIdentifier" in params and "SourceType" not in params:
        raise clash("SourceType must be supplied with SourceIdentifier.")
    minutes = params.get("Duration", 60)
    if not 1 <= minutes <= 14 * 24 * 60:
        raise invalid(f"Invalid duration: {minutes}")
    since = params.get("StartTime", ctx.now - timedelta(minutes=minutes))
    until = params.get("EndTime", ctx.now)
    wanted = set(params.get("EventCategories", []))

    def fits(event: dict[str, Any]) -> bool:
        return (
            since <= event["Date"] <= until
            and params.get("SourceType", event["SourceType"]) == event["SourceType"]
            and params.get("SourceIdentifier", event["SourceIdentifier"]).lower()
            == event["SourceIdentifier"]
            and (not wanted or bool(wanted & set(event["EventCategories"])))
        )

    found = [event for event in ctx.view.get("events", []) if fits(event)]
    shown, marker = page(found, lambda e: f"{e['Date'].isoformat()} {e['Message']}", params)
    return {"Events": shown, **marker}
