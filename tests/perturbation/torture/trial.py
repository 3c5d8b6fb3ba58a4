"""One life of an environment: passes until it rests, at most one accident, and the judgement."""

from __future__ import annotations

import copy
import re
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from controller.kinds import KINDS, handler_for
from controller.lease import Held
from controller.reconciler import Report, Tools, reconcile
from controller.sources import StoreSource
from controller.store import Conflict, StoreFailure
from sandbox.errors import Killed
from sandbox.inprocess import session
from sandbox.seed import seed
from sandbox.world import CallRecord, Fault
from tests.harness import PLUMBLINE, explain
from tests.perturbation.torture.accidents import Accident
from tests.perturbation.torture.places import Door, Make, Past, Place, State, What
from tests.perturbation.torture.quick import CLOCKS
from tests.perturbation.torture.stories import NEIGHBOUR, E, Story, neighbours
from tests.rewind import end_state, unlike

WAITS = (5.0, 60.0, 60.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds between two passes; from then on as the last. The first is within the time in which AWS
may not show yet what was written."""

AFTER_KILL = 600.0
"""After this the dead pass's lease has ended, and its message is back."""

REST = 7200.0
"""After this nothing is under way any more."""

MORE = 16
"""So many passes more than undisturbed it may take."""

FORESEEN = (Held, StoreFailure, Conflict)
"""What a pass may end with when something went wrong."""


def alike(found: Any, *wanted: Any) -> bool:
    """True if each part is as in one of those that are wanted."""
    if any(found == each for each in wanted):
        return True
    maps = [each for each in wanted if isinstance(each, dict)]
    if not isinstance(found, dict) or not maps:
        return False
    keys = {*found, *(key for each in maps for key in each)}
    return all(alike(found.get(key), *(each.get(key) for each in maps)) for key in keys)


_CHOSEN = re.compile(r"\.[a-z0-9]{6,16}(?=\.([a-z0-9]+\.)?([a-z0-9-]+\.)(rds|cache)\.amazonaws)")
"""What AWS puts into the name of an endpoint."""


_ITS_OWN = frozenset((
    "activities", "_window", "_zone", "PreferredMaintenanceWindow", "PreferredAvailabilityZone",
    "CustomerAvailabilityZone", "AvailabilityZone", "PreferredBackupWindow", "SnapshotWindow",
    "DbiResourceId", "SecondaryAvailabilityZone",
))  # fmt: skip
"""An autoscaler's diary, and hours and places that AWS draws where the file says none; where it
does, another value is a difference, and the story does not end converged."""


def _nameless(state: Any) -> Any:
    """An end state without what AWS chose: names of endpoints, hours, places."""
    if isinstance(state, dict):
        return {key: _nameless(value) for key, value in state.items() if key not in _ITS_OWN}
    if isinstance(state, list):
        return [_nameless(value) for value in state]
    return _CHOSEN.sub(".#", state) if isinstance(state, str) else state


@dataclass(frozen=True)
class End:
    """What became of a life."""

    passes: int
    writes: Counter[str]
    refused: Counter[str]
    state: dict[str, Any]


@dataclass
class Trial:
    """An environment in a simulated AWS, and what is going wrong with it.

    dead: the process of the pass has died; doomed: it dies at the next place. left, skew: seconds
    that the pass has left, and how far its clock is off. explore: called at each place before it is
    gone through.
    """

    story: Story
    account: str
    explore: Callable[[Place], None] = lambda place: None
    accident: Accident | None = None
    dead: bool = False
    doomed: bool = False
    left: float = float("inf")
    skew: timedelta = timedelta(0)
    turn: int = -1
    number: int = 0
    quiet: bool = True
    wrong: list[str] = field(default_factory=list)
    late_writes: int = 0

    def __post_init__(self) -> None:
        self.world = Past(seed=1, account=self.account, max_lag=timedelta(0))
        CLOCKS.append(self.world.clock)
        self.hand = session(self.world)
        seed(self.world, E)
        neighbours(self.hand)
        self.neighbours = self._theirs()
        self.state = State(self._at)
        self.inventory = f"inventory/{E}.json"
        core = session(self.world, access_key=PLUMBLINE)._session
        place = {"region": self.world.region, "account": self.account}
        self.door = Door(core, self._at, **place)
        for service in {call.partition(":")[0] for k in KINDS for call in handler_for(k).reads}:
            self.door.client(service)
        self.other = copy.copy(self.door)
        self.other._at = lambda what, name, make: make()
        self.other.cache = {}
        self._again: Callable[[Place, Make], Any] | None = None
        self._until = 0
        self._excused: set[int] = set()
        self._others: set[int] = set()
        if self.story.before:
            self.publish(self.story.before)
            for _ in range(60):
                converged = self._pass(self.other, "before").converged
                self.later(600)
                if converged and not self.world.clock._timers:
                    break
            self.later(86_400)
            assert self._pass(self.other, "before").converged
        self.publish(self.story.text)
        for deed in self.story.deeds:
            deed(self.hand)
        if self.story.deeds:
            self.later(REST)
        self.begun = len(self.world.calls)
        self.first = _nameless(end_state(self.world))
        self.door.cache.clear()

    def publish(self, text: str) -> None:
        """Commit a revision."""
        self.state.place(f"environments/{E}.yaml", text.encode())

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.world.clock.advance(timedelta(seconds=seconds))

    def another(self) -> None:
        """A pass of another process, from beginning to end; nothing goes wrong with it."""
        faults, self.world.faults = self.world.faults, []
        quiet, self.quiet = self.quiet, True
        begun = len(self.world.calls)
        self.other.cache.clear()
        try:
            self._pass(self.other, "another")
        except FORESEEN:
            pass
        finally:
            self.quiet, self.world.faults = quiet, faults
            self._others.update(range(begun, len(self.world.calls)))

    def rewrite(self, part: str) -> None:
        """Somebody writes the same into an object."""
        for key, (body, _) in list(self.state.objects.items()):
            if key.startswith(f"{part}/"):
                self.state.place(key, body)

    def struck(self, fault: Fault, make: Make) -> Any:
        """Make a call under a fault; what AWS refuses then is not held against anybody."""
        self.world.faults.append(fault)
        begun = len(self.world.calls)
        try:
            return make()
        finally:
            self.world.faults.remove(fault)
            self._excused.update(range(begun, len(self.world.calls)))

    def last(self, again: Callable[[Place, Make], Any], until: int) -> None:
        """From now on until that pass has ended, each place goes through this."""
        self._again, self._until = again, until

    @property
    def lasting(self) -> bool:
        """Something is still going wrong."""
        return self._again is not None and self.turn <= self._until

    def live(self, most: int = 60) -> int:
        """Passes until it has been at rest for two hours and is still; how many."""
        self.quiet = False
        resting = False
        for self.turn in range(most):
            self.left, self.skew, self.late_writes = float("inf"), timedelta(0), 0
            report = self._turn()
            if self.late_writes > 1:
                self.wrong.append(f"{self.late_writes} writes begun without time")
            if self.world.unsimulated:
                raise AssertionError(f"not simulated: {self.world.unsimulated}")
            still = report is not None and report.converged and not self.lasting
            if still and resting:
                return self.turn + 1
            self.later(REST if still else WAITS[min(self.turn, len(WAITS) - 1)])
            resting = still
        found = explain(report) if report else "no report"
        self.wrong.append(f"does not come to rest in {most} passes:\n{found}")
        return most

    def _turn(self) -> Report | None:
        """A pass, whatever may become of it."""
        writes = len(self.world.calls)
        try:
            self._at("pass", "", lambda: None)
            report = self._pass(self.door, "this")
        except Killed:
            self.dead = self.doomed = False
            self.door.cache.clear()
            self.later(AFTER_KILL)
            return None
        except FORESEEN as why:
            if self.accident is None:
                self.wrong.append(f"nothing went wrong, and yet {type(why).__name__}: {why}")
            return None
        except Exception:
            self.wrong.append(f"a pass ended with\n{traceback.format_exc(limit=-6)}")
            self.later(AFTER_KILL)
            return None
        made = [
            call.name
            for number, call in enumerate(self.world.calls[writes:], writes)
            if self._ours(call) and number not in self._others
        ]
        if report.converged and made:
            self.wrong.append(f"called converged, and wrote {made}")
        return report

    def _pass(self, door: Door, holder: str) -> Report:
        mine = door is self.door

        def now() -> datetime:
            return self.world.clock.now() + (self.skew if mine else timedelta(0))

        def connect(permit: Callable[[str], None] | None) -> Door:
            def checked(call: str) -> None:
                if permit is not None:
                    permit(call)
                self._held(holder, call)

            return door.fresh(checked if permit else None)

        def left() -> float:
            return self.left if mine else float("inf")

        source = StoreSource(self.state)
        return reconcile(E, Tools(self.state, source, connect, holder, now=now, seconds_left=left))

    def _held(self, holder: str, call: str) -> None:
        """I10: whoever writes holds the lease, by the true clock."""
        found = self.state.look(f"leases/{E}.json")
        body = found.json if found else {}
        until = datetime.fromisoformat(body["expires"]) if body else self.world.clock.now()
        if body.get("holder") != holder or body.get("released") or until <= self.world.clock.now():
            self.wrong.append(f"{call} without the lease")
        self.late_writes += self.left < float("inf")

    def _at(self, what: What, name: str, make: Make) -> Any:
        if self.quiet:
            return make()
        if self.doomed:
            self.dead = True
        if self.dead:
            raise Killed("dead already")
        before = self.accident
        place = Place(self.number, self.turn, what, name)
        self.number += 1
        self.explore(place)
        if self.accident is not before and self.accident is not None:
            return self.accident.strike(self, place, make)
        if self.lasting and self._again is not None:
            return self._again(place, make)
        return make()

    def _ours(self, call: CallRecord) -> bool:
        return call.writes and call.access_key == PLUMBLINE and call.service != "s3"

    def end(self, passes: int) -> End:
        """How it ended."""
        writes: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for number, call in enumerate(self.world.calls[self.begun :], self.begun):
            if self._ours(call):
                if call.error is None:
                    writes[call.name] += 1
                elif number not in self._excused:
                    refused[call.name] += 1
        return End(passes, writes, refused, _nameless(end_state(self.world)))

    def judge(self, end: End, without: End, place: Place) -> list[str]:
        """What is wrong with this end, if that is how it ends undisturbed."""
        wrong, it = list(self.wrong), self.accident
        assert it is not None
        allowed = [self.first] if it.forgets else []
        if not alike(end.state, without.state, *allowed):
            wrong.append(f"another end state: {unlike(without.state, end.state)}")
        more = end.writes - without.writes
        more -= Counter({place.name: it.again})
        more -= without.writes if it.dated else Counter()
        refused = end.refused - without.refused
        refused -= Counter({place.name: it.refused})
        if more:
            wrong.append(f"written more than undisturbed: {dict(more)}")
        if refused:
            wrong.append(f"refused by AWS, not so undisturbed: {dict(refused)}")
        touched = [
            call.name
            for call in self.world.calls[self.begun :]
            if self._ours(call) and any(name in repr(call.params) for name in self.neighbours)
        ]
        if touched:
            wrong.append(f"calls on what is others': {touched}")
        return wrong

    def told(self) -> tuple[str, ...]:
        """All writes of passes, ours and the other's, for people who look for a mistake."""
        return tuple(
            f"{call.at:%d %H:%M:%S} {call.name} {call.error or ''}"
            f"{' (another)' if number in self._others else ''}"
            for number, call in enumerate(self.world.calls)
            if number >= self.begun and self._ours(call)
        )

    def _theirs(self) -> tuple[str, ...]:
        """What the neighbours are called: no call of ours may say one of these."""
        listed = self.hand.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]
        return (NEIGHBOUR, *(a["Id"] for a in listed if a["Name"] == NEIGHBOUR))
