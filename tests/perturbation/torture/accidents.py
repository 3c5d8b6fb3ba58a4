"""What can go wrong, where, and how much more may be written because of it.

Each kind strikes at one place. `once` is over with the call (or the pass), `lasting` strikes every
call of that name for three passes more. What a kind is allowed beside what the undisturbed story
writes is argued where the kind is made: nothing, unless it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from controller.aws import ATTEMPTS, AwsFailure
from controller.lease import APART, TTL_S
from controller.store import StoreFailure
from sandbox.errors import Killed
from sandbox.world import Fault
from tests.perturbation.torture.places import Make, Place

if TYPE_CHECKING:
    from tests.perturbation.torture.trial import Trial

LASTS = 3
"""So many passes more a fault stays that lasts."""

UNSEEN = timedelta(seconds=10)
"""So long AWS may not show what was written: within the time that the product allows for it."""

LAG = timedelta(seconds=15)
"""What is older than this no read shows any more."""

LITTLE_S = 20.0
"""Left of a pass whose end is near: less than one call may take."""


@dataclass(frozen=True)
class Accident:
    """One way to go wrong at one place. kind: of which sort; strike: how it comes to happen there.

    again: how often the call that was struck may be made more than undisturbed. refused: how often
    AWS may refuse it, where it would not have undisturbed. forgets: what was to be deleted may
    stay, for nobody knows of it any more. dated: what was written down is not of the time that it
    says: each call may be made once more.
    """

    kind: str
    strike: Callable[[Trial, Place, Make], Any]
    again: int = 0
    refused: int = 0
    forgets: bool = False
    dated: bool = False


def accidents(trial: Trial, place: Place) -> Iterator[Accident]:
    """All that can happen at a place."""
    yield from _anywhere()
    match place.what:
        case "write":
            yield from _writes(place)
            yield from _calls()
        case "read":
            yield from _calls()
            yield from _reads(trial, place)
        case "put":
            yield from _puts(place)
        case "get":
            yield Accident("state: no answer, once", _fails)
            yield Accident("state: no answer, lasting", _state_down)
        case "pass":
            yield from _passes(trial)


def _anywhere() -> Iterator[Accident]:
    # The pass is dead before it did this, and everything else.
    yield Accident("killed before", _killed)
    # The lease keeps the other pass out; where it is free, the other does what this one would have.
    yield Accident("another pass meanwhile", _another)
    # The holder stalls, the lease ends, another pass takes over: this one may do nothing more.
    yield Accident("lease taken over meanwhile", _taken_over)
    yield Accident("lease ended meanwhile", _stalled)
    yield Accident("no time left", _deadline)
    for name, jump in (("back", -APART), ("on", APART)):
        yield Accident(f"clock jumps {name}", _jump(jump))
    # More than clocks may be apart: what AWS has just taken is not known to be so, and set again.
    yield Accident("clock jumps an hour on", _jump(timedelta(hours=1)), dated=True)


def _writes(place: Place) -> Iterator[Accident]:
    # AWS did it, nobody knows: what has a name is found, what has none is found by its content. A
    # call that sets what is set already may be made once more: the pass before wrote nothing down.
    yield Accident("killed, reply lost", _killed_unheard, again=1)
    yield Accident("killed after", _killed_after, again=1)
    # botocore sends it again. What AWS refuses then is part of the accident.
    yield Accident("reply lost", _wire("lost", 1), again=1)
    # All three tries take effect, and the next pass may make it once more, but create nothing.
    yield Accident("no reply", _wire("lost", ATTEMPTS), again=ATTEMPTS)
    yield Accident("reply makes no sense, once", _wire("garbled", 1), again=1)
    # Shown ten seconds late: not a reason to make anything twice. What still shows though it is
    # deleted is deleted once more, and AWS says that it is not there.
    gone = place.name.partition(":")[2].startswith(("Delete", "Deregister"))
    yield Accident("not shown at once", _unseen, refused=int(gone))
    # Both: only what was written down before the call keeps it from being made again.
    yield Accident("no reply, not shown at once", _unheard_unseen, ATTEMPTS, refused=int(gone))


def _calls() -> Iterator[Accident]:
    for name, kind in (
        ("throttled", "throttle"), ("denied", "deny"), ("5xx", "error"), ("time-out", "reset"),
    ):  # fmt: skip
        yield Accident(f"{name}, once", _wire(kind, ATTEMPTS))
        yield Accident(f"{name}, lasting", _lasting(kind))


def _reads(trial: Trial, place: Place) -> Iterator[Accident]:
    yield Accident("reply makes no sense, once", _wire("garbled", ATTEMPTS))
    yield Accident("reply makes no sense, lasting", _lasting("garbled"))
    service = place.name.partition(":")[0]
    for back, kind in ((1, "stale by one version"), (2, "stale by two versions")):
        if trial.world.before(service, back, LAG) is not None:
            yield Accident(kind, _stale(back))


def _puts(place: Place) -> Iterator[Accident]:
    yield Accident("killed, reply lost", _killed_unheard)
    yield Accident("killed after", _killed_after)
    yield Accident("state: refused, once", _fails)
    yield Accident("state: refused, lasting", _state_down)
    yield Accident("state: reply lost", _unheard)
    yield Accident("state: somebody wrote it", _conflict)


def _passes(trial: Trial) -> Iterator[Accident]:
    yield Accident("passes skipped", _skipped)
    for name, body in memories(trial):
        yield Accident(f"inventory {name}", _memory(body), forgets=True)


def memories(trial: Trial) -> Iterator[tuple[str, bytes | None]]:
    """What may stand in the inventory's place: nothing, nonsense, each earlier version."""
    kept = trial.state.versions.get(trial.inventory, [])
    if kept:
        yield "lost", None
        yield "broken", b'{"version": 1, "resources": {"LogGr'
    for number, body in enumerate(kept[:-1]):
        yield f"as of version {number + 1}", body


def _killed(trial: Trial, place: Place, make: Make) -> Any:
    trial.dead = True
    raise Killed(str(place))


def _killed_unheard(trial: Trial, place: Place, make: Make) -> Any:
    with suppress(AwsFailure):
        make()
    trial.dead = True
    raise Killed(str(place))


def _killed_after(trial: Trial, place: Place, make: Make) -> Any:
    trial.doomed = True  # the next place is its last
    return make()


def _another(trial: Trial, place: Place, make: Make) -> Any:
    trial.another()
    return make()


def _taken_over(trial: Trial, place: Place, make: Make) -> Any:
    trial.later(TTL_S + 1)
    trial.another()
    return make()


def _stalled(trial: Trial, place: Place, make: Make) -> Any:
    trial.later(TTL_S + 1)
    return make()


def _deadline(trial: Trial, place: Place, make: Make) -> Any:
    trial.left = LITTLE_S
    return make()


def _jump(by: timedelta) -> Callable[[Trial, Place, Make], Any]:
    def strike(trial: Trial, place: Place, make: Make) -> Any:
        trial.skew = by
        return make()

    return strike


def _wire(kind: str, times: int) -> Callable[[Trial, Place, Make], Any]:
    def strike(trial: Trial, place: Place, make: Make) -> Any:
        return trial.struck(Fault(kind, lambda *_: True, times=times), make)

    return strike


def _lasting(kind: str) -> Callable[[Trial, Place, Make], Any]:
    def strike(trial: Trial, place: Place, make: Make) -> Any:
        def again(here: Place, make: Make) -> Any:
            if here.name != place.name:
                return make()
            return trial.struck(Fault(kind, lambda *_: True, times=ATTEMPTS), make)

        trial.last(again, place.turn + LASTS)
        return again(place, make)

    return strike


def _stale(back: int) -> Callable[[Trial, Place, Make], Any]:
    def strike(trial: Trial, place: Place, make: Make) -> Any:
        service = place.name.partition(":")[0]
        store = trial.world.before(service, back, LAG)
        assert store is not None
        return trial.world.seen_as(service, store, make)

    return strike


def _unheard_unseen(trial: Trial, place: Place, make: Make) -> Any:
    return _unseen(trial, place, lambda: _wire("lost", ATTEMPTS)(trial, place, make))


def _unseen(trial: Trial, place: Place, make: Make) -> Any:
    service = place.name.partition(":")[0]
    before = trial.world.writes_to(service)
    try:
        return make()
    finally:
        _hide(trial, place, trial.world.writes_to(service) - before)


def _hide(trial: Trial, place: Place, writes: int) -> None:
    """Reads show for a while what was there before the last so many writes."""
    service = place.name.partition(":")[0]
    store = trial.world.before(service, writes, UNSEEN) if writes else None
    if store is None:  # one that moto answers, or that was not made
        return
    until = trial.world.clock.now() + UNSEEN

    def again(here: Place, make: Make) -> Any:
        late = trial.world.clock.now() >= until
        if late or here.what != "read" or here.name.partition(":")[0] != service:
            return make()
        return trial.world.seen_as(service, store, make)

    trial.last(again, place.turn + LASTS)


def _fails(trial: Trial, place: Place, make: Make) -> Any:
    raise StoreFailure(f"{place}, injected")


def _state_down(trial: Trial, place: Place, make: Make) -> Any:
    def again(here: Place, make: Make) -> Any:
        if (here.what, here.name) != (place.what, place.name):
            return make()
        raise StoreFailure(f"{here}, injected")

    trial.last(again, place.turn + LASTS)
    return again(place, make)


def _unheard(trial: Trial, place: Place, make: Make) -> Any:
    make()
    raise StoreFailure(f"{place}, its reply lost")


def _conflict(trial: Trial, place: Place, make: Make) -> Any:
    trial.rewrite(place.name)
    return make()


def _skipped(trial: Trial, place: Place, make: Make) -> Any:
    trial.later(3600)
    return make()


def _memory(body: bytes | None) -> Callable[[Trial, Place, Make], Any]:
    def strike(trial: Trial, place: Place, make: Make) -> Any:
        trial.state.place(trial.inventory, body)
        return make()

    return strike
