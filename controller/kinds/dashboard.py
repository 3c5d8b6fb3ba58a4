"""Dashboard: a CloudWatch dashboard, written like the page that it is.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
One AWS resource, found by its name, which is unique in the account: dashboards are of all regions.
Its body is a JSON text; it is compared as a document, so that what the console writes in another
order is no change. PutDashboard replaces the whole body without asking what was there (case 640):
what is not to change is sent as AWS showed it, after one more look.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure
from controller.diff import Change, overlay
from controller.handler import (
    READY,
    REMARK,
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
    Unknown,
)
from controller.kindlib.dashboard_body import (
    MOST_WIDGETS,
    TOP,
    Variable,
    Widget,
    from_aws,
    to_aws,
    to_spec,
)
from controller.kindlib.overwriting import marks, unchanged, without_marks
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import tag_list, tag_map, tags_of
from controller.policies import Doc
from controller.references import escape
from controller.spec import Outputs, Taggable, text

Moment = Annotated[
    str,
    AfterValidator(
        text(
            r"-?P[0-9A-Z.]+|\d{4}-\d\d-\d\dT[0-9:.]+Z?",
            says="a stretch of time (-PT3H, -P7D) or a moment (2026-01-31T06:00:00.000Z)",
        )
    ),
]


class DashboardSpec(Taggable):
    """What people look at: widgets from top to bottom, each with its place on a grid of 24
    columns."""

    instead: ClassVar[Mapping[str, str]] = {
        "dashboardName": "the name is metadata.name, or metadata.externalName",
        "dashboardBody": "what is in it stands here itself: widgets, start, periodOverride, …",
    }

    widgets: Annotated[list[Widget], Field(max_length=MOST_WIDGETS)] | None = None
    """What is on it, in order. Atomic: a widget added by hand is removed."""

    start: Moment | None = None
    """Where its time range begins: -PT3H is three hours ago."""

    end: Moment | None = None
    """Where its time range ends. AWS's default: now. Only with `start`."""

    period_override: Literal["auto", "inherit"] | None = None
    """auto: the period of all graphs follows the time range. inherit: each keeps its own."""

    variables: list[Variable] | None = None
    """What the reader may choose at the top of it."""

    @model_validator(mode="after")
    def _range(self) -> DashboardSpec:
        if self.end is not None and self.start is None:
            raise ValueError("end needs start")
        return self


class DashboardOutputs(Outputs):
    """What others refer to."""

    arn: str
    """The dashboard's ARN, which names no region."""


class DashboardHandler(Handler):
    """Knows dashboards."""

    kind = "Dashboard"
    spec = DashboardSpec
    outputs = DashboardOutputs
    name_pattern = r"[A-Za-z0-9_-]{1,255}"
    name_says = "1-255 letters, digits, hyphens or underscores"
    reads: ClassVar = (
        "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards", "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """One by one: ListDashboards shows no body, and its dates not which of us was here."""
        seen = aws.gather(*(partial(_observed, aws, target) for target in targets))
        return {
            target.key: Unknown(str(s)) if isinstance(s, AwsFailure) else s
            for target, s in zip(targets, seen, strict=True)
        }

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        return to_spec(doc["body"]) | {"tags": doc.get("tags", {})}

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        """An adopted one may keep the widgets that it has."""
        return "" if spec.get("widgets") is not None else "needs widgets"

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        return {"name": doc["name"], "arn": doc["arn"]}

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One call for all of the body. In the action it is a document still; `apply` makes the
        text of it, when its references are filled in. Tags of one that exists go by calls of
        their own: PutDashboard ignores them there (case 162)."""
        if isinstance(observed, Absent):
            params: Doc = {
                "DashboardName": target.name,
                "DashboardBody": to_aws(target.spec, target.region, {}),
                "Tags": tag_list(target.tags),
            }
            return [
                Action(
                    "cloudwatch", "PutDashboard", params, step="create", creates=True,
                    volatile=marks(None, None),
                )
            ]  # fmt: skip
        doc, fields = observed.doc, by_field(changes)
        actions = []
        if todo := [c for c in changes if c.top in TOP]:
            merged = overlay(escape(to_spec(doc["body"])), target.spec, todo)
            params = {
                "DashboardName": target.name,
                "DashboardBody": to_aws(merged, target.region, escape(doc["body"])),
            }
            volatile = marks(doc["observedAt"], doc["body"])
            actions.append(
                Action(
                    "cloudwatch", "PutDashboard", params, paths(todo), step="put",
                    volatile=volatile,
                )
            )  # fmt: skip
        todo = fields.get("tags", [])
        put, gone = tag_changes(todo)
        if put:
            params = {"ResourceARN": doc["arn"], "Tags": tag_list(put)}
            done = paths([c for c in todo if c.wanted is not None])
            actions.append(Action("cloudwatch", "TagResource", params, done, step="tag"))
        if gone:
            params = {"ResourceARN": doc["arn"], "TagKeys": gone}
            done = paths([c for c in todo if c.wanted is None])
            actions.append(Action("cloudwatch", "UntagResource", params, done, step="untag"))
        return actions

    def delete(self, target: Target, observed: Present) -> list[Action]:
        params = {"DashboardNames": [observed.doc["name"]]}
        return [
            Action(
                "cloudwatch", "DeleteDashboards", params, risk="destructive", step="delete",
                deletes=True,
            )
        ]  # fmt: skip

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As usual; before an overwrite the dashboard is looked at again, unless that was just
        done. What AWS took and may not show (DashboardValidationMessages) is told."""
        if action.operation != "PutDashboard":
            aws.write(action.service, action.operation, params)
            return {}

        def look() -> Any:
            found = _read(aws, target.name)
            return found["body"] if found else None

        unchanged(params, look, f"dashboard {target.name}")
        sent = without_marks(params)
        sent["DashboardBody"] = json.dumps(sent["DashboardBody"], ensure_ascii=False)
        reply = aws.write(action.service, action.operation, sent)
        outputs = {"name": target.name, "arn": _arn(target)} if action.creates else {}
        said = [
            f"{m.get('DataPath') or '/'}: {m.get('Message', '')}"
            for m in reply.get("DashboardValidationMessages") or ()
        ]
        return outputs | (
            {REMARK: "taken, but may not be shown: " + "; ".join(said)} if said else {}
        )

    def discover(self, aws: Aws) -> list[Found]:
        found = aws.pages("cloudwatch", "ListDashboards", "DashboardEntries")
        return [Found(entry["DashboardName"]) for entry in found]


def _arn(target: Target) -> str:
    """Dashboards are of no region: `arn:aws:cloudwatch::<account>:dashboard/<name>`."""
    return target.arn("cloudwatch", f"dashboard/{target.name}").replace(
        f":{target.region}:", "::", 1
    )


def _read(aws: Aws, name: str) -> Doc | None:
    """Name, ARN and body; None if there is none of that name."""
    try:
        reply = aws.read("cloudwatch", "GetDashboard", {"DashboardName": name})
    except AwsFailure as failure:
        if failure.failure == "not-found":
            return None
        raise
    try:
        body = from_aws(reply["DashboardBody"])
    except (KeyError, ValueError) as error:
        raise AwsFailure(
            "down", type(error).__name__, f"the body of {name} is none", "cloudwatch:GetDashboard"
        ) from None
    return {
        "name": reply.get("DashboardName", name),
        "arn": reply.get("DashboardArn"),
        "body": body,
    }


def _observed(aws: Aws, target: Target) -> Observation:
    at = time.monotonic()
    found = _read(aws, target.name)
    if found is None:
        return Absent()
    arn = found["arn"] = found["arn"] or _arn(target)

    def ask() -> dict[str, str]:
        return tag_map(aws.read("cloudwatch", "ListTagsForResource", {"ResourceARN": arn})["Tags"])

    doc = {**found, "observedAt": at}
    try:
        return Present({**doc, "tags": tags_of(aws, target, arn, ask)})
    except AwsFailure as failure:
        return Present(doc, {"tags": str(failure)})
