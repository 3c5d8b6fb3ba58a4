"""ECS service revisions: what each deployment was to roll out, kept when the deployment is gone."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.behaviours.ecs_common import API, invalid, public
from sandbox.behaviours.ecs_deployments import SHOWN
from sandbox.registry import Context, Params, Reply, behaviour


def _content(held: dict[str, Any]) -> dict[str, Any]:
    inside = {SHOWN[k]: copy.deepcopy(v) for k, v in held.items() if v and k in SHOWN}
    return {**public(held), **inside}


@behaviour(
    "ecs", "DescribeServiceRevisions", "serviceRevisionArns",
    evidence="documented", source=API + "API_DescribeServiceRevisions.html",
)  # fmt: skip
def describe_service_revisions(ctx: Context, params: Params) -> Reply:
    wanted = params["serviceRevisionArns"]
    if not 0 < len(wanted) <= 20:
        raise invalid("serviceRevisionArns must have 1 to 20 items.")
    known: dict[str, dict[str, Any]] = {
        entry["targetServiceRevisionArn"]: {
            "serviceArn": service["serviceArn"],
            "clusterArn": service["clusterArn"],
            "createdAt": entry["createdAt"],
            **_content(entry["_content"]),
        }
        for service in ctx.view.get("services", {}).values()
        for entry in service["_log"]
    }
    return {
        "serviceRevisions": [{"serviceRevisionArn": a, **known[a]} for a in wanted if a in known],
        "failures": [{"arn": a, "reason": "MISSING"} for a in wanted if a not in known],
    }
