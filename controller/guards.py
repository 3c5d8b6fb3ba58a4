"""What may veto an action, each with a reason that plan, status and events show.

A guard is a function of one step and what is known; the limits judge the whole plan and trip
before its first call. Order matters only for which reason is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controller.approval import token
from controller.assess import OWNERSHIP, Assessment
from controller.diff import unresolved
from controller.envelope import Limits, allowed
from controller.handler import Present, Unknown
from controller.inventory import BORN, Record, digest
from controller.kindlib.reading import ENVIRONMENT_TAG
from controller.manifest import Resource
from controller.ownership import Claim
from controller.plan import Step
from controller.policies import Doc
from controller.versioned import plain
from controller.windows import NO_SEASON, Season

TRIES = 3
"""The same action tried so often without the change having taken: stop, wait for a new desire."""

BETWEEN_TRIES_S = (60.0, 600.0)
"""Seconds to wait after the first and after the second try."""

CONTESTED = 3
"""Drift undone so often within a day is, where that disturbs, not undone at once again."""

CALM_S, LONGEST_CALM_S = 600.0, 21_600.0
"""Seconds to wait then: twice as long each time, up to a limit."""

DISRUPTIVE = ("disruptive", "irreversible")
"""Risks that count against `maxDisruptive` and the one step a pass."""


CALENDAR = ("Frozen", "OutsideWindow")
"""Vetoes that last until the calendar turns: there is no use in looking sooner."""


@dataclass(frozen=True, slots=True)
class Veto:
    """Why an action is not made. waiting: it will be, without anybody's doing."""

    reason: str
    message: str
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What guards look at beside the step.

    paused: why the environment is paused (empty: it is not). mode: of the environment, capped by
    the control plane's. creating: keys that this plan creates. removed: keys no longer declared.
    approved: tokens of steps that a person lets happen. season: what the calendar lets happen. now:
    seconds of Unix time.
    """

    assessments: Mapping[str, Assessment]
    records: Mapping[str, Record]
    limits: Limits
    mode: str
    paused: str
    creating: frozenset[str]
    removed: frozenset[str]
    approved: Collection[str] = ()
    season: Season = NO_SEASON
    now: float = 0.0


Guard = Callable[[Step, Assessment, Judgement], Veto | None]


def pause(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """Nothing is written while an environment or a resource is paused."""
    if known.paused:
        return Veto("Paused", known.paused)
    if it.resource.lifecycle.mode == "paused" or known.mode == "paused":
        return Veto("Paused", "mode: paused")
    return None


def mode(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """In observe mode differences are told, not mended."""
    if "observe" in (known.mode, it.resource.lifecycle.mode):
        return Veto("ObserveMode", "mode: observe")
    return None


def freeze(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """Nothing is changed during a freeze, but for drift where it says so and nobody notices."""
    if not known.season.frozen:
        return None
    mine = [c for c in it.changes if c.path in step.action.changes]
    undoes = it.vanished if it.missing else mine and all(c.cause == "drift" for c in mine)
    if known.season.repairs and step.action.risk == "safe" and undoes:
        return None
    return Veto("Frozen", known.season.frozen, waiting=True)


def window(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """What somebody may notice is done in a window, if there are any."""
    if known.season.closed and step.action.risk != "safe":
        return Veto("OutsideWindow", known.season.closed, waiting=True)
    return None


def ownership(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """What we neither made nor adopted is never changed, nor what its kind forbids."""
    if not isinstance(it.observation, Present):
        return None
    if why := it.handler.forbidden(it.observation.doc):
        return Veto("NotOwned", why)
    if it.claim is Claim.OURS:
        return None
    if it.claim is Claim.UNKNOWN:
        return Veto("OwnershipUnknown", "its tags could not be read", waiting=True)
    if it.claim is Claim.NOBODY and it.resource.lifecycle.adopt:
        return None
    return Veto("NotOwned", not_owned(it))


def not_owned(it: Assessment) -> str:
    """Why what exists is not ours to change, and the way out."""
    if it.claim is Claim.OTHER:
        return "its tags say that another environment or resource owns it"
    made = "was not made here"
    if it.handler.held_by == "inventory":
        made = "nothing here remembers having made it (AWS keeps no tags of it)"
    return f"{it.target.name} exists and {made}; lifecycle.adopt: true takes it"


def evidence(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """No action on a resource that could not be read, nor on a part that could not. What is to go
    must have been read as a whole: who uses it is a part, too."""
    if isinstance(it.observation, Unknown):
        return Veto("ObservationUnknown", it.observation.reason, waiting=True)
    if isinstance(it.observation, Present):
        if step.key in known.removed and it.observation.unknown:
            why = next(iter(it.observation.unknown.values()))
            return Veto("ObservationUnknown", why, waiting=True)
        for path in step.action.changes:
            top = path.split(".")[0].split("[")[0]
            if top in it.observation.unknown:
                return Veto("ObservationUnknown", it.observation.unknown[top], waiting=True)
    return None


def approval(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """What loses data waits for a person; what can't be taken back, for a commit or a person.

    What holds no data goes with its manifest, if `prune: delete` says so, its own or the
    environment's. Mending drift is no reason for a step without return, such as cutting backups
    that somebody made longer by hand.
    """
    pruned = step.key in known.removed and not it.handler.holds_data
    if _approved(step, it, known):
        return None
    if step.action.risk == "destructive" and not pruned:
        return Veto("ApprovalRequired", f"{step.call} is destructive: approve it, or retain it")
    asked = all(c.cause == "pending" for c in it.changes if c.path in step.action.changes)
    if step.action.risk == "irreversible" and not asked:
        return Veto(
            "ApprovalRequired",
            f"{step.call} can't be taken back and no commit asks for it: approve it, or change the "
            "file",
        )
    return None


def _approved(step: Step, it: Assessment, known: Judgement) -> bool:
    return bool(known.approved) and token(step, it) in known.approved


def deletion_protection(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """A protected resource is not deleted, and nothing here switches the protection off."""
    protected = it.live.get("deletionProtection") or it.live.get("deletionProtectionEnabled")
    if step.action.deletes and step.key in known.removed and protected:
        return Veto("DeletionProtected", "deletion protection is on")
    return None


def defaults(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """A new release that reads the same file differently is no licence to act.

    The file was in force and in sync as it stands; what it does not say has another value now.
    """
    record = known.records.get(step.key)
    if record is None or not record.synced or record.synced != digest(it.resource.raw):
        return None
    if _approved(step, it, known):
        return None
    ungiven = ("tags", *it.handler.beside)
    for change in it.changes:
        mine = change.path in step.action.changes and change.top not in ungiven
        if mine and change.cause in ("pending", "both") and not _written(change.path, it.resource):
            return Veto(
                "DefaultsChanged",
                f"{change.path} is not in the file, and this release of Plumbline reads the file "
                "differently: write the value that you want, or approve this one",
            )
    return None


def _written(path: str, resource: Resource) -> bool:
    """True if the file says something at that path, around it or inside it."""
    return any(
        a == b or a.startswith((f"{b}.", f"{b}["))
        for written in resource.written
        for a, b in ((path, written), (written, path))
    )


def dependencies(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """It is made when those it refers to are ready, changed when their outputs are known."""
    for key in it.resource.depends_on:
        other = known.assessments.get(key)
        if other is None:
            continue
        if step.action.creates or it.missing:
            ready = isinstance(other.observation, Present) and other.readiness.state == "ready"
            soon = other.handler.instant and key in known.creating
            if not ready and not soon:
                why = other.readiness.message or "not there yet"
                return Veto("DependencyNotReady", f"waits for {key}: {why}", waiting=True)
        elif unresolved(step.action.params) and not other.outputs:
            return Veto("DependencyNotReady", f"waits for {key}", waiting=True)
    return None


def awaited(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """`lifecycle.dependsOn`: what a commit asks for is made after that. Drift is mended meanwhile,
    and a new version of a secret is taken up: the program stays the one that was there."""
    mine = [c for c in it.changes if c.path in step.action.changes and c.cls == "differs"]
    if not (step.action.creates or it.missing or any(c.cause != "drift" for c in mine)):
        return None
    for key in it.resource.lifecycle.depends_on:
        other = known.assessments.get(key)
        if other is None:
            continue
        ready = isinstance(other.observation, Present) and other.readiness.state == "ready"
        if not ready or not _as_desired(other):
            failed = other.readiness.state == "failed" or bool(other.problem)
            why = other.readiness.message if not ready else "it is to be changed first"
            why = other.problem or why or "not there yet"
            return Veto("DependencyNotReady", f"waits for {key}: {why}", waiting=not failed)
    return None


def _as_desired(it: Assessment) -> bool:
    """True if nothing is left to do but what AWS has taken on."""
    return not it.problem and all(c.cls in ("undeclared", "owned", "in_flight") for c in it.changes)


def modifiable(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """AWS refuses or queues a change while the resource is busy with the last one."""
    if it.busy:
        return Veto("InProgress", it.busy, waiting=True)
    return None


def three_tries(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """An action that has not helped three times will not help a fourth."""
    record = known.records.get(step.key)
    if record and record.tries(it.resource.spec, step.fingerprint) >= TRIES:
        came = f"AWS said: {record.refusal}" if record.refusal else "the difference is still there"
        return Veto(
            "NotConverging",
            f"{step.call} was tried {TRIES} times, {came}: waits for a changed desired state",
        )
    return None


def backoff(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """What AWS refused, or took without effect, is not tried again at once."""
    record = known.records.get(step.key)
    tries = record.tries(it.resource.spec, step.fingerprint) if record else 0
    if record and 0 < tries < TRIES:
        again = record.tried_at.get(step.fingerprint, 0.0) + BETWEEN_TRIES_S[tries - 1]
        if known.now < again:
            tried = f"tried {tries} times, next at {_told(again)}"
            if record.refusal:
                return Veto("BackingOff", f"{tried}; AWS said: {record.refusal}")
            return Veto("BackingOff", tried, waiting=True)
    return None


def contested(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """Undoing the same drift again and again, where that disturbs, is a fight that nobody wins."""
    record = known.records.get(step.key)
    undone = record.recently(step.fingerprint, known.now) if record else []
    if step.action.risk == "safe" or len(undone) < CONTESTED:
        return None
    again = undone[-1] + min(CALM_S * 2 ** (len(undone) - CONTESTED), LONGEST_CALM_S)
    if known.now >= again:
        return None
    return Veto(
        "Contested",
        f"undone {len(undone)} times within a day, and somebody does it again each time: next at "
        f"{_told(again)}",
    )


def interval(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """`lifecycle.interval`: so long between two changes. A create that was cut off goes on."""
    record = known.records.get(step.key)
    wanted = it.resource.lifecycle.interval_s
    if not wanted or record is None or it.missing or BORN in record.settling:
        return None
    again = record.written_at + wanted
    if known.now < again:
        return Veto("TooSoon", f"lifecycle.interval: next at {_told(again)}", waiting=True)
    return None


def rename(step: Step, it: Assessment, known: Judgement) -> Veto | None:
    """A manifest that changed its name makes no second database beside the first."""
    slight = it.handler.instant and not it.handler.holds_data
    if not step.action.creates or slight:
        return None
    for key in sorted(known.removed):
        other, record = known.assessments[key], known.records.get(key)
        same = record and record.last and _nameless(record.last) == _nameless(it.target.spec)
        if same and other.resource.kind == it.resource.kind and other.claim is Claim.OURS:
            environment = it.target.tags.get(ENVIRONMENT_TAG, "ENVIRONMENT")
            return Veto(
                "Renamed",
                f"{key} ({other.target.name}) has just this spec and lost its manifest: call it "
                f"{key.partition('/')[2]} again, or `plumbline release {environment} {key}` first",
            )
    return None


def _nameless(spec: Doc) -> Doc:
    """A spec without what differs between two of one kind that are the same but for their names."""
    return {k: plain(v) for k, v in spec.items() if k != "tags"}


def _told(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M} UTC"


GUARDS: tuple[Guard, ...] = (
    pause, mode, ownership, evidence, deletion_protection, approval, defaults, three_tries,
    rename, freeze, window, backoff, contested, interval, modifiable, awaited, dependencies,
)  # fmt: skip


def judge(steps: Sequence[Step], known: Judgement) -> dict[str, Veto]:
    """The vetoes, by `Step.id`; a step without one may be made."""
    vetoes: dict[str, Veto] = {}
    disrupted: set[str] = set()
    for step in steps:
        it = known.assessments[step.key]
        veto = next((v for guard in GUARDS if (v := guard(step, it, known))), None)
        waits = next((w for w in step.action.after if f"{step.key}#{w}" in vetoes), None)
        if veto is None and waits is not None:
            first = vetoes[f"{step.key}#{waits}"]
            veto = Veto(first.reason, f"comes after {waits}: {first.message}", first.waiting)
        if veto is None and step.action.risk in DISRUPTIVE:
            if step.key in disrupted:
                veto = Veto("OneDisruptiveStep", "one disruptive step a pass", waiting=True)
            disrupted.add(step.key)
        if veto is not None:
            vetoes[step.id] = veto
            if step.action.creates:
                known = replace(known, creating=known.creating - {step.key})
    for step in reversed(steps):  # what prepares another waits for whatever that one waits for
        later = [s for s in steps if s.key == step.key and step.action.step in s.action.after]
        if step.action.prepares and later and all(s.id in vetoes for s in later):
            first = vetoes[later[0].id]
            why = f"comes before {later[0].action.step}: {first.message}"
            vetoes.setdefault(step.id, Veto(first.reason, why, first.waiting))
    vetoes.update(_limits([s for s in steps if s.id not in vetoes], known))
    return vetoes


def _only_marks(step: Step, it: Assessment) -> bool:
    """True for the tags by which a resource of nobody's becomes ours, and nothing besides."""
    changes = set(step.action.changes)
    return it.claim is Claim.NOBODY and bool(changes) and changes <= OWNERSHIP


def _limits(steps: Sequence[Step], known: Judgement) -> dict[str, Veto]:
    """Blast radius: too much at once is more likely a mistake than a wish. Then nothing is done.

    Making what never was there is free, and so are the two tags on what is taken over. Making again
    what vanished counts as a change, since a pass that looks into the wrong account finds
    everything gone.
    """
    total = max(1, len(known.assessments) - len(known.removed))
    changed = {
        s.key
        for s in steps
        if (not known.assessments[s.key].missing or known.assessments[s.key].vanished)
        and not _only_marks(s, known.assessments[s.key])
    }
    deleted = {s.key for s in steps if s.action.deletes and s.key in known.removed}
    disrupted = {s.key for s in steps if s.action.risk in DISRUPTIVE}
    for name, limit, keys in (
        ("maxChanges", known.limits.max_changes, changed - deleted),
        ("maxDeletes", known.limits.max_deletes, deleted),
        ("maxDisruptive", known.limits.max_disruptive, disrupted),
    ):
        if len(keys) > allowed(limit, total):
            message = f"{len(keys)} resources at once, allowed {limit} (spec.limits.{name})"
            return {s.id: Veto("BlastRadius", message) for s in steps}
    return {}
