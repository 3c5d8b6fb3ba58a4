"""ECS service deployments: the log of a service's roll-outs, which outlives `deployments[]`."""

from __future__ import annotations

from typing import Any

from sandbox.behaviours.ecs_common import (
    API,
    cluster,
    invalid,
    pages,
    public,
    service_key,
)
from sandbox.behaviours.ecs_rollout import threshold
from sandbox.errors import AwsError
from sandbox.registry import Context, Params, Reply, behaviour


def _circuit_breaker(service: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    enabled = service["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"]
    status = "MONITORING" if entry["status"] == "IN_PROGRESS" else "MONITORING_COMPLETE"
    if entry.get("_tripped"):
        status = "TRIGGERED"
    return {
        "status": status if enabled else "DISABLED",
        "failureCount": entry["_failures"],
        "threshold": threshold(service),
    }


@behaviour(
    "ecs", "ListServiceDeployments", "service cluster status createdAt nextToken maxResults",
    evidence="documented", source=API + "API_ListServiceDeployments.html",
)  # fmt: skip
def list_service_deployments(ctx: Context, params: Params) -> Reply:
    cluster(ctx.view, params.get("cluster"))
    service = ctx.view.get("services", {}).get(
        service_key(params.get("cluster"), params["service"])
    )
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    times = params.get("createdAt") or {}
    found = {
        f"{len(service['_log']) - n:08}": {
            k: v for k, v in public(e).items() if k not in ("updatedAt", "rollback")
        }
        for n, e in enumerate(service["_log"])
        if e["status"] in (params.get("status") or [e["status"]])
        and times.get("after", e["createdAt"]) <= e["createdAt"]
        and times.get("before", e["createdAt"]) >= e["createdAt"]
    }
    return pages("serviceDeployments", params, found, 20, descending=True)


@behaviour(
    "ecs", "DescribeServiceDeployments", "serviceDeploymentArns",
    evidence="documented", source=API + "API_DescribeServiceDeployments.html",
)  # fmt: skip
def describe_service_deployments(ctx: Context, params: Params) -> Reply:
    wanted = params["serviceDeploymentArns"]
    if not 0 < len(wanted) <= 20:
        raise invalid("serviceDeploymentArns must have 1 to 20 items.")
    known = {
        e["serviceDeploymentArn"]: (s, e)
        for s in ctx.view.get("services", {}).values()
        for e in s["_log"]
    }
    found, failures = [], []
    for arn in wanted:
        if arn not in known:
            failures.append({"arn": arn, "reason": "MISSING"})
            continue
        service, entry = known[arn]
        shown = public(entry)
        shown["targetServiceRevision"] = {"arn": shown.pop("targetServiceRevisionArn")}
        shown["deploymentConfiguration"] = public(service["deploymentConfiguration"])
        shown["deploymentCircuitBreaker"] = _circuit_breaker(service, entry)
        found.append(shown)
    return {"serviceDeployments": found, "failures": failures}
