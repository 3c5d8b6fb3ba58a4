"""The AUTH token of a replication group: a new one goes in by two calls, in two passes (case 112).

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
ROTATE adds the token beside the old one (or beside no token at all, where there was none), SET
leaves it alone. AWS shows neither which token is in force nor whether a ROTATE awaits its SET, and
refuses a SET without a ROTATE. So a tag, written before each of the two calls, says which version
is being phased in and when the token was last modified before; once AWS shows a later date, the
call has been made. AUTH needs TLS to be required first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.diff import Change
from controller.handler import Action, Target
from controller.kindlib.elasticache_pending import at_once
from controller.kindlib.planning import paths
from controller.policies import Doc

MARK = "plumbline:auth-token"
"""Tag that remembers which AUTH token is being phased in; no tag of the spec."""
SET_STEP = "auth-set"
SET_LATER = "auth-set-later"
"""The SET of a later pass: once the ROTATE is through, and the tags say so."""
SET_BEFORE = "auth-set-before"
"""The SET that a pass made which died before it could note it: AWS would refuse it now."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the tag says. stamp: when the token was last modified before the call.

    sets: the call is the SET. was_open: clients needed no token before the rotation.
    """

    version: str
    stamp: int
    sets: bool = False
    was_open: bool = False

    def __str__(self) -> str:
        words = (".set" if self.sets else "") + (".open" if self.was_open else "")
        return f"{self.version}.{self.stamp}{words}"

    def happened(self, group: Mapping[str, Any]) -> bool:
        """True if AWS has made the announced call."""
        return last_modified(group) > self.stamp


def last_modified(group: Mapping[str, Any]) -> int:
    """When the AUTH token was last modified, in seconds; 0: never."""
    when = group.get("AuthTokenLastModifiedDate")
    return int(when.timestamp()) if when is not None else 0


def mark_of(doc: Mapping[str, Any]) -> Mark | None:
    """The mark on the group, if there is one."""
    text = (doc.get("tags") or {}).get(MARK, "")
    version, _, rest = text.partition(".")
    stamp, *words = rest.split(".")
    return Mark(version, int(stamp), "set" in words, "open" in words) if stamp.isdigit() else None


def still_open(doc: Mapping[str, Any]) -> bool:
    """True while a first token is accepted but not yet demanded: rotated in, and not yet set."""
    mark = mark_of(doc)
    if mark is None or not mark.was_open:
        return False
    return mark.happened(doc["group"]) != mark.sets


def version_of(token: Any) -> str:
    """The secret's version in `${Secret.name.value@version}`; empty where it is not known yet."""
    found = re.search(r"@([\w-]+)\}", str(token))
    return found[1] if found else ""


def rotation(
    target: Target, arn: str, doc: Mapping[str, Any], changes: Sequence[Change]
) -> list[Action]:
    """The calls that put the token of the spec in force; none while that can't be begun.

    The changes count as made by SET only.
    """
    group, token = doc["group"], target.spec["authToken"]
    version = version_of(token)
    if not version:
        return []
    held = mark_of(doc)
    mark = held if held is not None and held.version == version else None
    was_open = mark.was_open if mark else not group.get("AuthTokenEnabled")
    begun = mark is not None and (mark.sets or mark.happened(group))
    waits = (group.get("PendingModifiedValues") or {}).get("AuthTokenStatus") or "tags" not in doc
    now, why = at_once(doc, {"authToken", "userGroupIds"})
    params: Doc = {"ReplicationGroupId": target.name, "AuthToken": token, **now}
    actions = []
    if not begun and not waits:
        announced = Mark(version, last_modified(group), was_open=was_open)
        if mark != announced:
            actions.append(_note(arn, announced, "auth-mark"))
        actions.append(
            Action(
                "elasticache", "ModifyReplicationGroup",
                {**params, "AuthTokenUpdateStrategy": "ROTATE"}, step="auth-rotate",
                after=tuple(a.step for a in actions), note=why or "the old token stays valid",
            )
        )  # fmt: skip
    elif begun and mark is not None and not mark.sets:
        announced = Mark(version, last_modified(group), sets=True, was_open=was_open)
        actions.append(_note(arn, announced, "auth-set-mark"))
    made = mark is not None and mark.sets and mark.happened(group)
    step, note = (
        (SET_BEFORE, "an earlier pass has made it, and is noted now") if made
        else (SET_STEP, why or "the old token is no longer accepted") if begun and not waits
        else (SET_LATER, "in a later pass, once the group is available again")
    )  # fmt: skip
    actions.append(
        Action(
            "elasticache", "ModifyReplicationGroup", {**params, "AuthTokenUpdateStrategy": "SET"},
            paths(changes), "safe" if made else "disruptive", step,
            after=tuple(a.step for a in actions[-1:]), note=note,
        )
    )  # fmt: skip
    return actions


def _note(arn: str, mark: Mark, step: str) -> Action:
    tag: Doc = {"ResourceName": arn, "Tags": [{"Key": MARK, "Value": str(mark)}]}
    return Action(
        "elasticache", "AddTagsToResource", tag, step=step,
        note="remembers which token is being phased in",
    )  # fmt: skip
