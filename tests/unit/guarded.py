"""What guards look at, with nothing in it that would stop a step: each test puts one thing in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from controller.diff import Change
from controller.envelope import Limits
from controller.guards import Guard, Judgement, Veto
from controller.handler import Absent, Action, Observation, Present, Readiness
from controller.ownership import Claim
from controller.plan import Step

KEY = "DBInstance/main"
THERE = Present({})
CHANGE = Action("rds", "ModifyDBInstance", {"X": 1}, ("port",), step="modify")
CREATE = Action("rds", "CreateDBInstance", {"X": 1}, step="create", creates=True)
DELETE = Action("rds", "DeleteDBInstance", {"X": 1}, step="delete", deletes=True)


def resource(observation: Observation = THERE, **more: Any) -> Any:
    """What guards look at of a resource.

    lifecycle, handler, manifest, target: what of these is otherwise.
    """
    lifecycle = {
        "mode": "enforce", "adopt": False, "depends_on": (), "interval_s": 0,
    } | more.pop("lifecycle", {})  # fmt: skip
    handler = {
        "holds_data": True, "instant": False, "held_by": "tags", "beside": (),
        "forbidden": lambda doc: doc.get("forbidden", ""),
    } | more.pop("handler", {})  # fmt: skip
    manifest = {
        "kind": "DBInstance", "lifecycle": SimpleNamespace(**lifecycle), "depends_on": (),
        "spec": {}, "raw": {}, "written": frozenset(),
    } | more.pop("manifest", {})  # fmt: skip
    target = {"name": "env-main", "spec": {}, "tags": {}} | more.pop("target", {})
    found = {
        "observation": observation, "claim": Claim.OURS, "live": {}, "busy": "", "changes": (),
        "missing": isinstance(observation, Absent), "vanished": False, "outputs": {},
        "readiness": Readiness("ready"), "problem": "", "identity": "db-1",
        "handler": SimpleNamespace(**handler), "resource": SimpleNamespace(**manifest),
        "target": SimpleNamespace(**target),
    }  # fmt: skip
    return SimpleNamespace(**{**found, **more})


def judgement(assessments: dict[str, Any], **more: Any) -> Judgement:
    """What is known besides."""
    found: dict[str, Any] = {
        "assessments": assessments, "records": {}, "limits": Limits(), "mode": "enforce",
        "paused": "", "creating": frozenset(), "removed": frozenset(),
    }  # fmt: skip
    return Judgement(**{**found, **more})


def step(action: Action = CHANGE, key: str = KEY) -> Step:
    """A step whose fingerprint is `f`."""
    return Step(key, action, "f")


def says(
    guard: Guard, it: Any = None, action: Action = CHANGE, others: Any = None, **known: Any
) -> Veto | None:
    """What one guard says, whatever the others would."""
    it = it or resource()
    return guard(step(action), it, judgement({KEY: it, **(others or {})}, **known))


def change(path: str = "port", cause: Any = "drift", cls: Any = "differs") -> Change:
    """A change of a field at the top."""
    return Change((path,), 1, 2, 3, cls, cause)
