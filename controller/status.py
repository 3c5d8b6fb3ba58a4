"""What people and programs are told: conditions per resource, changes, vetoes; and the history.

`status/<environment>.json` is written when it changed, not at each pass; `history/<environment>/…`
gets an object for each pass that has something to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from controller import earlier, orphans
from controller.assess import Assessment
from controller.attribution import PATIENCE, Notes, moment
from controller.diff import Change, json_patch
from controller.guards import CALENDAR, not_owned
from controller.handler import Absent, Present, Unknown
from controller.ownership import Claim
from controller.redact import shown, shown_change
from controller.store import Conflict, Store, to_body

if TYPE_CHECKING:
    from controller.reconciler import Report

CONDITIONS = ("Observed", "Synced", "Ready", "Drifted", "Blocked")


@dataclass(frozen=True, slots=True)
class Status:
    """The status document, what happened since the one before, and whether it differs from it."""

    document: dict[str, Any]
    events: tuple[dict[str, Any], ...]
    changed: bool = True


def publish(report: Report, store: Store, now: datetime, *, write: bool) -> Status:
    """Make the status of a pass; write it, and a history entry, where there is something new."""
    key = f"status/{report.environment}.json"
    found = store.get(key)
    before = earlier.status(found)
    document = make(report, before, now, Notes(store, report.environment))
    happened = tuple(events(report, before, document))
    changed = {k: v for k, v in before.items() if k != "nonce"} != document
    if write:
        if changed:
            with suppress(Conflict):  # then a later pass has written a later status
                store.put(key, to_body(document), found.version if found else None)
        if happened:
            record(store, report.environment, now, document["revision"], happened)
    return Status(document, happened, changed)


def record(
    store: Store,
    environment: str,
    now: datetime,
    revision: str,
    happened: Sequence[dict[str, Any]],
) -> None:
    """Write a history entry. Raises `StoreFailure`."""
    name = f"history/{environment}/{now:%Y-%m-%dT%H-%M-%S.%fZ}.json"
    entry = {"at": now.isoformat(), "revision": revision, "events": list(happened)}
    with suppress(Conflict):
        store.put(name, to_body(entry), None)


def make(report: Report, before: dict[str, Any], now: datetime, notes: Notes) -> dict[str, Any]:
    """The status document of a pass. notes: who changed what, read where there is drift."""
    old = before.get("resources", {})
    stamp = now.isoformat()
    resources = {
        key: _resource(report, seen, old.get(key, {}), stamp)
        | _last_drift(report, seen, old.get(key, {}), notes, now)
        for key, seen in report.assessments.items()
    }
    for key, gone in report.removed.items():
        resources[key] = _resource(report, gone, old.get(key, {}), stamp, removed=True)
    converged = report.converged
    well = converged or report.resting
    return {
        "environment": report.environment,
        "revision": report.desired.environment.revision if report.desired.environment else "",
        "commit": report.desired.commit,
        "author": report.desired.author,
        "mode": report.mode,
        "paused": report.paused,
        "desiredState": {
            "valid": not report.desired.refused,
            "reason": report.desired.refused,
            "problems": [str(p) for p in report.desired.problems],
        },
        "converged": converged,
        "notConvergedSince": "" if well else before.get("notConvergedSince") or stamp,
        "approval": _approval(report),
        "resources": resources,
        "orphans": orphans.rows(report.orphans, before.get("orphans", ()), now),
    }


def _approval(report: Report) -> dict[str, Any]:
    """What waits for a person, as `plumbline approve` wants it; empty if nothing does."""
    asks = report.asks
    return {"fingerprint": asks.fingerprint, "steps": dict(asks.steps)} if asks.steps else {}


def _resource(
    report: Report, seen: Assessment, old: dict[str, Any], stamp: str, *, removed: bool = False
) -> dict[str, Any]:
    conditions = _conditions(report, seen, removed)
    were = old.get("conditions", {})
    for name, condition in conditions.items():
        was = were.get(name, {})
        same = all(was.get(k) == condition[k] for k in ("status", "reason", "message"))
        condition["lastTransitionTime"] = was.get("lastTransitionTime", stamp) if same else stamp
    return {
        "name": seen.target.name,
        "conditions": conditions,
        "changes": [change_row(c) for c in seen.changes],
        "patch": json_patch(
            shown((), seen.live),
            shown((), seen.target.spec),
            [_shown(c) for c in seen.actionable if c in seen.of_spec],
        ),
    }


def _news(seen: Assessment, old: dict[str, Any]) -> list[dict[str, Any]]:
    """Drift that the status before did not tell, field by field; or that the resource is gone."""
    rows = {(r["path"], str(r["is"])) for r in old.get("changes", ())}
    found = [change_row(change) for change in seen.drift]
    found = [row for row in found if (row["path"], str(row["is"])) not in rows]
    gone = old.get("conditions", {}).get("Drifted", {}).get("reason") == "Vanished"
    if seen.vanished and not gone:
        found.append({"path": "", "is": None, "note": "it was made and is gone"})
    return found


def _last_drift(
    report: Report, seen: Assessment, old: dict[str, Any], notes: Notes, now: datetime
) -> dict[str, Any]:
    """The drift found last on a resource, and who made it: by now, or as soon as an event tells."""
    known = dict(old.get("lastDrift", {}))
    if news := _news(seen, old):
        since = report.previous.isoformat() if report.previous else ""
        known = {"at": now.isoformat(), "since": since, "paths": [row["path"] for row in news],
                 "by": "", "principal": ""}  # fmt: skip
    at = moment(known.get("at"))
    if at is None:
        return {}
    last = moment(known["since"])  # without a pass before, nobody knows since when
    if last and not known["by"] and now - at <= PATIENCE:
        told = notes.of({seen.target.name, seen.identity}, last, at)
        known |= {"by": told.by, "principal": told.principal} if told else {}
    return {"lastDrift": known}


def _shown(change: Change) -> Change:
    was, now, wanted = shown_change(change)
    return replace(change, was=was, now=now, wanted=wanted)


def change_row(change: Change) -> dict[str, Any]:
    """A change for programs."""
    was, now, wanted = shown_change(change)
    return {
        "path": change.path,
        "was": was,
        "is": now,
        "wanted": wanted,
        "class": change.cls,
        "cause": change.cause,
        "note": change.note,
    }


def _stuck(change: Change) -> str:
    return f"{change.path} ({change.note})" if change.note else change.path


def _conditions(report: Report, seen: Assessment, removed: bool) -> dict[str, dict[str, Any]]:
    def condition(status: bool | None, reason: str, message: str = "") -> dict[str, Any]:
        word = "Unknown" if status is None else str(status)
        return {"status": word, "reason": reason, "message": message}

    observation = seen.observation
    vetoes = [
        report.vetoes[s.id]
        for s in report.plan.steps
        if s.key == seen.key and s.id in report.vetoes
    ]
    hard = next((v for v in vetoes if not v.waiting), None)
    soft = next((v for v in vetoes if v.reason in CALENDAR), None)
    refused = next(
        (
            o.message
            for o in report.outcomes
            if o.step.key == seen.key and not (o.made or o.waiting)
        ),
        "",
    )
    stuck = report.plan.stuck.get(seen.key, ())
    immutable = [c for c in seen.changes if c.cls == "immutable"]
    failed = [c for c in seen.changes if c.cls == "failed"]
    out: dict[str, dict[str, Any]] = {}
    out["Observed"] = (
        condition(False, "Unknown", observation.reason)
        if isinstance(observation, Unknown)
        else condition(True, "Present" if isinstance(observation, Present) else "Absent")
    )
    if removed:
        out["Synced"] = condition(
            None, "NoLongerDeclared", f"prune: {seen.resource.lifecycle.prune}"
        )
    elif isinstance(observation, Unknown):
        out["Synced"] = condition(None, "Unknown", observation.reason)
    elif seen.in_sync:
        out["Synced"] = condition(True, "InSync")
    else:
        count = len(seen.changes)
        out["Synced"] = condition(
            False,
            "Absent" if seen.missing else "Differs",
            "" if seen.missing else f"{count} fields",
        )
    if isinstance(observation, Present):
        ready = seen.readiness
        out["Ready"] = condition(ready.state == "ready", ready.reason, ready.message)
    else:
        out["Ready"] = condition(False if isinstance(observation, Absent) else None, "NotThere")
    paths = ", ".join(c.path for c in seen.drift)
    if seen.vanished:
        out["Drifted"] = condition(True, "Vanished", "it was made and is gone")
    else:
        out["Drifted"] = condition(bool(seen.drift), "Drift" if seen.drift else "NoDrift", paths)
    if seen.problem:
        out["Blocked"] = condition(True, "SpecUnusable", seen.problem)
    elif refused:
        out["Blocked"] = condition(True, "ActionFailed", refused)
    elif hard:
        again = hard.reason == "BackingOff"  # no news: the refusal is as it was
        out["Blocked"] = condition(True, "ActionFailed" if again else hard.reason, hard.message)
    elif stuck:
        out["Blocked"] = condition(True, "NoSafeAction", ", ".join(_stuck(c) for c in stuck))
    elif immutable:
        names = ", ".join(c.path for c in immutable)
        out["Blocked"] = condition(True, "Immutable", f"AWS can't change {names} in place")
    elif failed:
        names = ", ".join(c.path for c in failed)
        out["Blocked"] = condition(True, "RolledBack", f"AWS rolled back {names}")
    elif seen.claim is Claim.NOBODY and report.watches(seen.resource):
        out["Blocked"] = condition(False, "NotOwned", "nobody's, and only looked at")
    elif seen.claim in (Claim.NOBODY, Claim.OTHER) and not seen.resource.lifecycle.adopt:
        out["Blocked"] = condition(True, "NotOwned", not_owned(seen))
    elif soft:
        out["Blocked"] = condition(False, soft.reason, soft.message)
    else:
        out["Blocked"] = condition(False, "NotBlocked")
    return out


def events(report: Report, before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What happened since the status before: typed, naming resource, field, was, is and wanted."""
    found: list[dict[str, Any]] = []
    old = before.get("resources", {})
    if after["revision"] and after["revision"] != before.get("revision"):
        what = ("revision", "commit", "author")
        found.append({"type": "RevisionAccepted", **{k: after[k] for k in what if after[k]}})
    for key, seen in report.assessments.items():
        drift = after["resources"][key].get("lastDrift", {})
        who = {k: drift[k] for k in ("by", "principal") if drift.get(k)}
        news = _news(seen, old.get(key, {}))
        found += [{"type": "DriftDetected", "resource": key, **row, **who} for row in news]
        if who and not news and not old.get(key, {}).get("lastDrift", {}).get("by"):
            found.append({"type": "DriftAttributed", "resource": key, "paths": drift["paths"],
                          "detected": drift["at"], **who})  # fmt: skip
    for outcome in report.outcomes:
        step = outcome.step
        row = {"resource": step.key, "call": step.call, "paths": list(step.action.changes)}
        if not outcome.made:
            told = old.get(step.key, {}).get("conditions", {}).get("Blocked", {}).get("message")
            if not outcome.waiting and outcome.message != told:
                found.append({"type": "ActionFailed", **row, "message": outcome.message})
            continue
        drifted = (
            {c.path for c in report.assessments[step.key].drift}
            if (step.key in report.assessments)
            else set()
        )
        healed = [p for p in step.action.changes if p in drifted and not step.action.prepares]
        row |= {"message": outcome.message} if outcome.message else {}
        row |= {"approvedBy": outcome.approved} if outcome.approved else {}
        found.append({"type": "DriftCorrected" if healed else "ActionApplied", **row})
    for key, resource in after["resources"].items():
        now = resource["conditions"]["Blocked"]
        was = old.get(key, {}).get("conditions", {}).get("Blocked", {})
        if now["status"] == "True" and was.get("reason") != now["reason"]:
            found.append({"type": "ActionBlocked", "resource": key, "reason": now["reason"],
                          "message": now["message"]})  # fmt: skip
    news = after["revision"] != before.get("revision")
    if after["converged"] and (news or not before.get("converged")):
        found.append({"type": "Converged", "revision": after["revision"]})
    if not after["desiredState"]["valid"] and before.get("desiredState", {}).get("valid", True):
        found.append({"type": "DesiredStateInvalid", **after["desiredState"]})
    return found
