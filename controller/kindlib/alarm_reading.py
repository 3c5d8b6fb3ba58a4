"""Reading alarms of every type: metric and composite ones share one space of names, and one call.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from controller.aws import Aws, AwsFailure
from controller.batching import batches
from controller.handler import Absent, Observation, Present, Target, Unknown
from controller.kindlib.reading import tag_map, tags_of
from controller.policies import Doc

_TYPES = {
    "MetricAlarms": "MetricAlarm", "CompositeAlarms": "CompositeAlarm", "LogAlarms": "LogAlarm",
}  # fmt: skip
"""Member of DescribeAlarms' reply → type that is asked for."""
_WORDS = {
    "MetricAlarm": "an alarm on a metric (kind Alarm)",
    "CompositeAlarm": "a composite alarm (kind CompositeAlarm)",
    "LogAlarm": "an alarm on logs, which is not managed here",
}


def alarm_arn(target: Target) -> str:
    """The ARN that an alarm of that name has."""
    return target.arn("cloudwatch", f"alarm:{target.name}")


def described(aws: Aws, names: Sequence[str]) -> dict[str, Doc]:
    """At most 100 alarms by name, in one call, of all types; their type beside their members."""
    request: Doc = {
        "AlarmNames": list(names),
        "AlarmTypes": list(_TYPES.values()),
        "MaxRecords": 100,
    }
    found: dict[str, Doc] = {}
    while True:
        reply = aws.read("cloudwatch", "DescribeAlarms", request)
        for member, kind in _TYPES.items():
            for alarm in reply.get(member) or []:
                found[alarm["AlarmName"]] = alarm | {"type": kind}
        if not reply.get("NextToken"):
            return found
        request["NextToken"] = reply["NextToken"]


def observed(aws: Aws, targets: Sequence[Target], kind: str) -> dict[str, Observation]:
    """The alarms of that type. One of another type under our name is `Unknown`, and says so: it
    can be neither changed into ours nor made beside it."""
    runs = list(batches(targets, 100))
    answers = aws.gather(*(partial(described, aws, [t.name for t in run]) for run in runs))
    found: dict[str, Observation] = {}
    there: list[tuple[Target, Doc]] = []
    for run, answer in zip(runs, answers, strict=True):
        for target in run:
            if isinstance(answer, AwsFailure):
                found[target.key] = Unknown(str(answer))
            elif target.name in answer:
                there.append((target, answer[target.name]))
            else:
                found[target.key] = Absent()
    seen = aws.gather(*(partial(_with_tags, aws, t, alarm, kind) for t, alarm in there))
    return found | {t.key: s for (t, _), s in zip(there, seen, strict=True)}


def _with_tags(aws: Aws, target: Target, alarm: Doc, kind: str) -> Observation:
    at = time.monotonic()
    if alarm["type"] != kind:
        return Unknown(
            f"there is {_WORDS[alarm['type']]} named {target.name}, not {_WORDS[kind]}: all alarms "
            "of a region share one space of names"
        )
    arn = alarm.get("AlarmArn") or alarm_arn(target)

    def ask() -> dict[str, str]:
        reply = aws.read("cloudwatch", "ListTagsForResource", {"ResourceARN": arn})
        return tag_map(reply.get("Tags"))

    doc = {"alarm": alarm, "observedAt": at}
    try:
        return Present({**doc, "tags": tags_of(aws, target, arn, ask)})
    except AwsFailure as failure:
        return Present(doc, {"tags": str(failure)})
