"""CloudWatch metrics: what was put can be listed and read back, aggregated by period."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.alarm_rules import refusal
from sandbox.errors import NotSimulated
from sandbox.nested import honour
from sandbox.paging import page, steady_rank
from sandbox.registry import Context, Params, Reply, behaviour

API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"
_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
    "Average": lambda values: sum(values) / len(values),
}


def _key(namespace: str, name: str, dimensions: list[dict[str, str]]) -> tuple[Any, ...]:
    return namespace, name, tuple(sorted((d["Name"], d["Value"]) for d in dimensions))


def _utc(moment: Any) -> datetime:
    when: datetime = moment
    return when if when.tzinfo else when.replace(tzinfo=UTC)


@behaviour(
    "cloudwatch", "PutMetricData", "Namespace MetricData",
    evidence="documented", source=API + "API_PutMetricData.html",
)  # fmt: skip
def put_metric_data(ctx: Context, params: Params) -> Reply:
    if params["Namespace"].startswith("AWS/"):
        raise refusal("The value AWS/ for parameter Namespace is invalid.")
    metrics = ctx.store.setdefault("metrics", {})
    for datum in params.get("MetricData", []):
        honour(
            "cloudwatch:PutMetricData", datum,
            "MetricName Dimensions Timestamp Value Values Unit StorageResolution",
        )  # fmt: skip
        if ("Value" in datum) == ("Values" in datum):
            raise refusal(f"{datum['MetricName']}: specify either Value or Values")
        key = _key(params["Namespace"], datum["MetricName"], datum.get("Dimensions", []))
        when = _utc(datum.get("Timestamp", ctx.now))
        for value in datum.get("Values", [datum.get("Value")]):
            metrics.setdefault(key, []).append((when, float(value)))
    return {}


@behaviour(
    "cloudwatch", "ListMetrics", "Namespace MetricName Dimensions NextToken",
    evidence="documented", source=API + "API_ListMetrics.html",
)  # fmt: skip
def list_metrics(ctx: Context, params: Params) -> Reply:
    wanted = {(d["Name"], d.get("Value")) for d in params.get("Dimensions", [])}
    found = {}
    for namespace, name, dimensions in ctx.view.get("metrics", {}):
        has = {*dimensions, *((key, None) for key, _ in dimensions)}
        if (
            params.get("Namespace") in (None, namespace)
            and params.get("MetricName") in (None, name)
            and wanted <= has
        ):
            found[steady_rank(ctx, f"{namespace} {name} {dimensions}")] = {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
            }
    metrics, token = page(found, params.get("NextToken"), 500, refusal("Invalid nextToken"))
    return {"Metrics": metrics} | ({"NextToken": token} if token else {})


@behaviour(
    "cloudwatch", "GetMetricData", "MetricDataQueries StartTime EndTime ScanBy",
    evidence="documented", source=API + "API_GetMetricData.html",
)  # fmt: skip
def get_metric_data(ctx: Context, params: Params) -> Reply:
    start, end = _utc(params["StartTime"]), _utc(params["EndTime"])
    if start >= end:
        raise refusal("The parameter StartTime must be less than the parameter EndTime.")
    results = []
    for query in params["MetricDataQueries"]:
        honour("cloudwatch:GetMetricData", query, "Id MetricStat Label ReturnData")
        stat = query["MetricStat"]
        if stat["Stat"] not in _STATISTICS:
            raise NotSimulated(f"cloudwatch:GetMetricData of {stat['Stat']}")
        if not query.get("ReturnData", True):
            continue
        metric, period = stat["Metric"], timedelta(seconds=stat["Period"])
        key = _key(metric["Namespace"], metric["MetricName"], metric.get("Dimensions", []))
        buckets: dict[datetime, list[float]] = {}
        for when, value in ctx.view.get("metrics", {}).get(key, []):
            if start <= when < end:
                buckets.setdefault(start + (when - start) // period * period, []).append(value)
        stamps = sorted(buckets, reverse=params.get("ScanBy") != "TimestampAscending")
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label", metric["MetricName"]),
                "Timestamps": stamps,
                "Values": [float(_STATISTICS[stat["Stat"]](buckets[when])) for when in stamps],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}
