"""CompositeAlarm: a CloudWatch alarm on the states of other alarms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
One AWS resource, found by its name, which no alarm on a metric may have beside it. The alarms that
its rule names must exist first: `${Alarm.errors.name}` in the rule sees to that, and a circle of
such references is refused when the file is read. PutCompositeAlarm replaces the whole alarm without
asking what was there (case 645): what is not to change is sent as AWS showed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws
from controller.diff import Change, overlay
from controller.handler import (
    READY,
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
)
from controller.kindlib.alarm_parts import ActionConfiguration, Actions
from controller.kindlib.alarm_reading import alarm_arn, described, observed
from controller.kindlib.alarm_rule import checked, circle, short, spelled
from controller.kindlib.alarm_words import STRUCTURED, UNSAID, configuration
from controller.kindlib.overwriting import marks, unchanged, without_marks
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import tag_list
from controller.policies import Canonical, Doc, ServerDefault
from controller.references import escape
from controller.spec import Outputs, Taggable, holds_reference, text

_PLAIN = {
    "description": "AlarmDescription", "alarmRule": "AlarmRule", "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions", "okActions": "OKActions",
    "insufficientDataActions": "InsufficientDataActions", "actionsSuppressor": "ActionsSuppressor",
    "actionsSuppressorWaitPeriod": "ActionsSuppressorWaitPeriod",
    "actionsSuppressorExtensionPeriod": "ActionsSuppressorExtensionPeriod",
}  # fmt: skip
"""Spec field → member of the same value."""
_PUT = {**_PLAIN, "actionConfiguration": "ActionConfiguration"}
_SUPPRESSION = ("actionsSuppressorWaitPeriod", "actionsSuppressorExtensionPeriod")
_ONLY_METRIC = ("autoscaling", "automate", "swf")
"""Services that alarms on metrics alone can call."""


def _name(value: Any) -> Any:
    return short(value) if isinstance(value, str) else value


class CompositeAlarmSpec(Taggable):
    """When to call somebody, out of several alarms."""

    instead: ClassVar[Mapping[str, str]] = {
        "alarmName": "the name is metadata.name, or metadata.externalName",
        "alarmDescription": "it is called description here",
        "metricName": "this watches other alarms: an alarm on a metric is an Alarm",
        "stateValue": "an alarm's state is what CloudWatch finds, and no drift",
    }

    description: Annotated[str, AfterValidator(text(high=1024))] | None = None
    """What it means and what to do: shown in every notification."""

    alarm_rule: (
        Annotated[
            Annotated[str, AfterValidator(text(low=1, high=10240)), AfterValidator(checked)],
            Canonical(spelled, cases=(646,)),
        ]
        | None
    ) = None
    """When it goes off: `ALARM("${Alarm.errors.name}") AND NOT ALARM("${Alarm.rollout.name}")`.
    ALARM, OK and INSUFFICIENT_DATA of an alarm, AT_LEAST(2, ALARM, (…)) of several, TRUE, FALSE;
    AND, OR, NOT and parentheses; at most 100 alarms."""

    actions_enabled: Annotated[bool, ServerDefault(True, cases=(153,))] = True
    """Whether it calls anybody. Switched off by hand this is drift, and switched on again."""

    alarm_actions: Actions = Field(default_factory=list)
    """ARNs called when it goes off, at most five. Atomic: others are removed."""

    ok_actions: Actions = Field(default_factory=list)
    """ARNs called when all is well again, at most five. Atomic."""

    insufficient_data_actions: Actions = Field(default_factory=list)
    """ARNs called before its first evaluation, at most five. Atomic."""

    actions_suppressor: Annotated[
        Annotated[str, AfterValidator(text(low=1, high=1600))] | None,
        Canonical(_name, cases=(646,)),
    ] = None
    """Name or ARN of an alarm that keeps this one silent while it is in ALARM itself."""

    actions_suppressor_wait_period: Annotated[int, Field(ge=0)] | None = None
    """Seconds for which this one waits for its suppressor before it calls. With it."""

    actions_suppressor_extension_period: Annotated[int, Field(ge=0)] | None = None
    """Seconds for which it keeps silent when its suppressor is well again. With it."""

    action_configuration: ActionConfiguration | None = None
    """What notifications hold besides. AWS's default: none of the alarm's tags."""

    @model_validator(mode="after")
    def _consistent(self) -> CompositeAlarmSpec:
        periods = (self.actions_suppressor_wait_period, self.actions_suppressor_extension_period)
        given = [self.actions_suppressor, *periods]
        if any(g is not None for g in given) and None in given:
            raise ValueError(f"actionsSuppressor, {' and '.join(_SUPPRESSION)} go together")
        for actions in (self.alarm_actions, self.ok_actions, self.insufficient_data_actions):
            for arn in actions:
                service = arn.split(":")[2] if arn.count(":") > 2 else ""
                if service in _ONLY_METRIC and not holds_reference(arn):
                    raise ValueError(f"a composite alarm calls nothing of {service}: {arn}")
        return self


class CompositeAlarmOutputs(Outputs):
    """What others refer to."""

    arn: str
    """The alarm's ARN."""


class CompositeAlarmHandler(Handler):
    """Knows composite alarms."""

    kind = "CompositeAlarm"
    spec = CompositeAlarmSpec
    outputs = CompositeAlarmOutputs
    name_pattern = r"[^\x00-\x1f\x7f]{1,255}"
    name_says = "1-255 printable characters"
    name_space = "alarm"
    reads: ClassVar = (
        "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "cloudwatch:PutCompositeAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """All of them at once; then a circle through their rules shows, whoever wrote it."""
        found = observed(aws, targets, self.kind)
        there = {k: o for k, o in found.items() if isinstance(o, Present)}
        rules = {
            o.doc["alarm"]["AlarmName"]: o.doc["alarm"].get("AlarmRule") for o in there.values()
        }
        for key, seen in there.items():
            if way := circle(seen.doc["alarm"]["AlarmName"], rules):
                found[key] = Present({**seen.doc, "circle": way}, seen.unknown)
        return found

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        return _from_aws(doc["alarm"]) | {"tags": doc.get("tags", {})}

    def incomplete(self, spec: Mapping[str, Any]) -> str:
        """An adopted one may keep the rule that it has."""
        return "" if spec.get("alarmRule") else "needs alarmRule"

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        """An alarm's state says something of what it watches, not of it (case 160)."""
        if way := doc.get("circle"):
            told = f"{' → '.join(way)}: CloudWatch evaluates no rule that leads back to itself"
            return Readiness("failed", "Circular", told)
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        arn = doc["alarm"].get("AlarmArn")
        return {"name": doc["alarm"]["AlarmName"]} | ({"arn": arn} if arn else {})

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """One call for all but the tags, which go by calls of their own: PutCompositeAlarm ignores
        those of an alarm that exists (case 162)."""
        if isinstance(observed, Absent):
            params = {
                "AlarmName": target.name, **_to_aws(target.spec), "Tags": tag_list(target.tags),
            }  # fmt: skip
            return [
                Action(
                    "cloudwatch", "PutCompositeAlarm", params, step="create", creates=True,
                    volatile=marks(None, None),
                )
            ]  # fmt: skip
        alarm = observed.doc["alarm"]
        actions = []
        if todo := [c for c in changes if c.top in _PUT]:
            merged = overlay(escape(_from_aws(alarm)), target.spec, todo)
            changed = {_PUT[c.top] for c in todo}
            kept = {k: v for k, v in escape(_kept(alarm)).items() if k not in changed}
            sent = {k: v for k, v in _to_aws(merged).items() if k in changed}
            params = {"AlarmName": target.name, **kept, **sent}
            volatile = marks(observed.doc["observedAt"], _kept(alarm))
            actions.append(
                Action(
                    "cloudwatch", "PutCompositeAlarm", params, paths(todo), step="put",
                    volatile=volatile,
                )
            )  # fmt: skip
        arn = alarm.get("AlarmArn") or alarm_arn(target)
        todo = by_field(changes).get("tags", [])
        put, gone = tag_changes(todo)
        if put:
            params = {"ResourceARN": arn, "Tags": tag_list(put)}
            done = paths([c for c in todo if c.wanted is not None])
            actions.append(Action("cloudwatch", "TagResource", params, done, step="tag"))
        if gone:
            params = {"ResourceARN": arn, "TagKeys": gone}
            done = paths([c for c in todo if c.wanted is None])
            actions.append(Action("cloudwatch", "UntagResource", params, done, step="untag"))
        return actions

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """AWS deletes one composite alarm a call, and none that another one watches."""
        params = {"AlarmNames": [observed.doc["alarm"]["AlarmName"]]}
        return [
            Action(
                "cloudwatch", "DeleteAlarms", params, risk="destructive", step="delete",
                deletes=True,
            )
        ]  # fmt: skip

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As usual; before an overwrite the alarm is looked at again, unless that was just done."""

        def look() -> Doc | None:
            now = described(aws, [target.name]).get(target.name)
            return _kept(now) if now else None

        if action.operation == "PutCompositeAlarm":
            unchanged(params, look, f"alarm {target.name}")
        aws.write(action.service, action.operation, without_marks(params))
        return {"name": target.name, "arn": alarm_arn(target)} if action.creates else {}

    def discover(self, aws: Aws) -> list[Found]:
        request = {"AlarmTypes": ["CompositeAlarm"], "MaxRecords": 100}
        found = aws.pages("cloudwatch", "DescribeAlarms", "CompositeAlarms", request)
        return [Found(alarm["AlarmName"]) for alarm in found]


def _kept(alarm: Mapping[str, Any]) -> Doc:
    """What of an alarm PutCompositeAlarm replaces, whether we have words for it or not."""
    return configuration(alarm, "PutCompositeAlarm")


def _from_aws(alarm: Mapping[str, Any]) -> Doc:
    out: Doc = {ours: alarm[aws] for ours, aws in _PLAIN.items() if alarm.get(aws) not in UNSAID}
    aws, read, _ = STRUCTURED["actionConfiguration"]
    return out | ({"actionConfiguration": read(alarm[aws])} if alarm.get(aws) else {})


def _to_aws(spec: Mapping[str, Any]) -> Doc:
    out: Doc = {aws: spec[ours] for ours, aws in _PLAIN.items() if spec.get(ours) not in UNSAID}
    aws, _, write = STRUCTURED["actionConfiguration"]
    given = spec.get("actionConfiguration")
    return out | ({aws: write(given)} if given else {})
