"""Passes over several environments at once, which share their reads where they share an account.

Everything but looking is done by each pass for itself, as if it were alone: its lease, its guards,
its limits, its status. One that can't be made keeps none of the others from theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from controller.aws import Aws
from controller.kept import Trust
from controller.reconciler import Pass, Report, Tools, observe_together

THREADS = 8


Found = Report | Exception
Ended = Callable[[str, Found], None]


def reconcile_together(
    jobs: Mapping[str, Tools],
    *,
    write: bool = True,
    ended: Ended = lambda environment, found: None,
) -> dict[str, Found]:
    """A pass for each environment: its report, or what `reconcile` would have raised.

    ended: told of each as soon as it has come to its end, from whatever thread, so that what kills
    the others later does not keep it from being told. It may not raise.
    """
    done: dict[str, Found] = {}

    def settle(name: str, found: Found) -> None:
        done[name] = found
        ended(name, found)

    with ThreadPoolExecutor(THREADS, "pass") as pool:

        def step(act: Callable[[Pass], object], which: Sequence[Pass]) -> list[Pass]:
            """Do it for each, at the same time; those for which it went well."""

            def attempt(it: Pass) -> bool:
                try:
                    act(it)
                except Exception as error:  # noqa: BLE001 - it is told to the caller
                    settle(it.name, error)
                    return False
                return True

            return [it for it, well in zip(which, pool.map(attempt, which), strict=True) if well]

        passes = [Pass(name, tools, write=write) for name, tools in jobs.items()]
        try:
            begun = step(Pass.begin, passes)
            going = [it for it in begun if it.goes_on]
            acting = [it for group in _sharing(going) for it in _looked(group, settle)]
            step(lambda it: settle(it.name, _to_its_end(it)), acting)
        finally:
            list(pool.map(Pass.release, passes))
        well = [it for it in begun if it.name not in done]
        step(lambda it: settle(it.name, it.finish()), well)
    return {name: done[name] for name in jobs}


def _to_its_end(it: Pass) -> Report:
    """Act, give the lease back, tell: none waits for another that has more to do."""
    try:
        it.act()
    finally:
        it.release()
    return it.finish()


def _sharing(passes: Sequence[Pass]) -> list[list[Pass]]:
    """Passes by the door they read through."""
    groups: dict[tuple[str, str, int], list[Pass]] = {}
    for it in passes:
        key = (it.aws.account, it.aws.region, it.aws.reader)
        groups.setdefault(key, []).append(it)
    return list(groups.values())


def _looked(group: list[Pass], settle: Ended) -> list[Pass]:
    """Look for all of a group; those that could be judged."""
    shared = group[0].aws.fresh(None)
    shared.environments = tuple(it.name for it in group) if len(group) > 1 else ()
    shared.trust = Trust.shared([it.aws.trust for it in group if it.aws.trust is not None])
    try:
        found = observe_together(shared, group)
    except Exception as error:  # noqa: BLE001 - it is told to the caller
        if len(group) > 1:  # one of them is at fault, and only that one is to pay for it
            return [it for one in group for it in _looked([one], settle)]
        settle(group[0].name, error)
        return []
    judged = []
    for it, seen in zip(group, found, strict=True):
        try:
            it.judge(*seen)
        except Exception as error:  # noqa: BLE001 - it is told to the caller
            settle(it.name, error)
            continue
        judged.append(it)
    _share(shared, group)
    return judged


def _share(shared: Aws, group: Sequence[Pass]) -> None:
    """Shared reads are counted once over all reports: each gets its part."""
    for call, count in shared.calls.items():
        each, left = divmod(count, len(group))
        for number, it in enumerate(group):
            it.report.calls[call] = each + (number < left)
    group[0].report.throttles += shared.throttles
