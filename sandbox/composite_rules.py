"""What CloudWatch refuses in a composite alarm's definition: above all, rules that are none.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.alarm_rules import ACTIONS, refusal

MOST_CHILDREN = 100
MOST_ELEMENTS = 500
_NAME = r"\"[^\"]*\"|[^()\",\s]+"
_CALL = re.compile(
    rf"AT_LEAST\s*\(\s*\d+%?\s*,\s*(?:NOT\s+)?(?:ALARM|OK|INSUFFICIENT_DATA)\s*,"
    rf"\s*\((?P<some>(?:\s*(?:{_NAME})\s*,?)+)\)\s*\)"
    rf"|(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?P<one>{_NAME})\s*\)"
)
_OPERATORS = {"AND", "OR"}


def named_in(rule: str) -> list[str]:
    """The names or ARNs of the alarms in a rule."""
    found = []
    for call in _CALL.finditer(rule):
        found += re.findall(_NAME, call["some"] or call["one"])
    return [name.strip('"') for name in found]


def check_composite(params: dict[str, Any]) -> None:
    """Refuse a composite alarm that CloudWatch would refuse."""
    rule = params["AlarmRule"]
    plain = _CALL.sub(" TRUE ", rule)
    if not _is_rule(re.findall(r"[()]|[^\s()]+", plain)):
        raise refusal(f"AlarmRule is not a valid rule expression: {rule}")
    children = named_in(rule)
    if len(set(children)) > MOST_CHILDREN:
        raise refusal(f"AlarmRule must not contain more than {MOST_CHILDREN} alarms")
    if len(children) + len(re.findall(r"[()]|\b(?:TRUE|FALSE)\b", _CALL.sub(" ", rule))) > (
        MOST_ELEMENTS
    ):
        raise refusal(f"AlarmRule must not contain more than {MOST_ELEMENTS} elements")
    suppression = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod",
                   "ActionsSuppressorExtensionPeriod")  # fmt: skip
    if len({name in params for name in suppression}) > 1:
        raise refusal(f"{', '.join(suppression)} must be specified together")
    for period in suppression[1:]:
        if params.get(period, 0) < 0:
            raise refusal(f"{period} must not be negative")
    for arn in (arn for kind in ACTIONS for arn in params.get(kind, ())):
        if arn.split(":")[2] in ("autoscaling", "automate", "swf"):
            raise refusal(f"Invalid action for a composite alarm: {arn}")
    tags = params.get("ActionConfiguration", {}).get("AlarmTagsPropagation", {})
    if {"IncludedTagKeys", "ExcludedTagKeys"} <= set(tags):
        raise refusal("IncludedTagKeys and ExcludedTagKeys can't be specified together")


def _is_rule(words: list[str]) -> bool:
    """By reduction: TRUE stands for whatever is a rule."""
    text = " ".join("TRUE" if w.upper() in ("TRUE", "FALSE") else w for w in words)
    before = ""
    while text != before:
        before = text
        text = text.replace("NOT TRUE", "TRUE").replace("( TRUE )", "TRUE")
        text = re.sub(r"(?<!NOT )TRUE (AND|OR) TRUE", "TRUE", text)
    return text == "TRUE"
