"""I2: any single change behind our back is named exactly, and repaired or blocked with a reason.

Over every leaf of rich manifests of every kind (`full.py`), generated from the spec models: changed
through public calls (`hands.py`), or in the sandbox's store where AWS has none (`reasons.py`).
"""

from __future__ import annotations

import atexit
import os
from typing import Any

import pytest

from controller.assess import Assessment
from controller.diff import canonical
from controller.fields import fields_of
from controller.kinds import KINDS
from tests.harness import explain
from tests.perturbation.bench import Bench
from tests.perturbation.hands import HANDS, Hand, NoCall, Refused
from tests.perturbation.leaves import Leaf, leaves, model_leaves
from tests.perturbation.other_values import value_for
from tests.perturbation.reasons import NEVER, NOWHERE, STORE, UNHEALED

SLICES = {"Service": 8, "WebACL": 6, "DBInstance": 2, "ReplicationGroup": 2}
MOST_WRITES = 3
LEAST = {
    "Alarm": 42, "CacheParameterGroup": 4, "CacheSubnetGroup": 3, "Cluster": 16,
    "CompositeAlarm": 13, "DBInstance": 53, "DBParameterGroup": 4, "DBSubnetGroup": 3,
    "Dashboard": 26, "IPSet": 4, "LogGroup": 6, "MetricFilter": 10, "Parameter": 7,
    "ReplicationGroup": 34, "Secret": 12, "SecurityGroup": 12, "Service": 162, "Stack": 1,
    "Task": 1, "Topic": 28, "WebACL": 56,
}  # fmt: skip
"""Fields of the model that are perturbed in the sandbox: may grow, never shrink."""
_BENCHES: dict[str, Bench] = {}
_COVERED: list[str] = []


def bench_of(kind: str) -> Bench:
    """The one bench of a kind in this process."""
    if kind not in _BENCHES:
        _BENCHES[kind] = Bench(kind)
    bench = _BENCHES[kind]
    bench.back()
    return bench


def all_leaves(bench: Bench) -> list[tuple[str, Leaf]]:
    """(resource, leaf) of all that can be perturbed, alike in every process."""
    never = NEVER.get(bench.kind, {})
    return [
        (key, leaf)
        for key, seen in sorted(bench.subjects.items())
        for leaf in leaves(bench.kind, seen.target.spec)
        if leaf.general not in never
        and not any((bench.kind, name) in NOWHERE for name in names(key, leaf)[:2])
        and not leaf.path.startswith("tags[plumbline:")
    ]


def chosen(bench: Bench) -> list[tuple[str, Leaf]]:
    """The leaves to perturb: of those that are the same field, and the same entry of it (an option
    in each of fifteen rules) one is enough, unless `EVERY_LEAF` is set."""
    if os.environ.get("EVERY_LEAF"):
        return all_leaves(bench)
    kept: dict[tuple[str, ...], tuple[str, Leaf]] = {}
    for key, leaf in all_leaves(bench):
        listed = next((n for n in names(key, leaf)[:2] if (bench.kind, n) in STORE), "")
        same = (leaf.general, str(leaf.steps[-1]), leaf.deed, listed)
        kept.setdefault(same, (key, leaf))
    return list(kept.values())


@pytest.mark.parametrize(("kind", "part"), [(k, n) for k in KINDS for n in range(SLICES.get(k, 1))])
def test_named_and_healed(kind: str, part: int) -> None:
    bench = bench_of(kind)
    hand = HANDS[kind](bench)
    problems = []
    for key, leaf in chosen(bench)[part :: SLICES.get(kind, 1)]:
        try:
            perturb(bench, hand, key, leaf)
        except (AssertionError, NoCall, Refused, LookupError, TypeError, NotImplementedError) as e:
            problems.append(f"{key} {leaf}: {type(e).__name__} {e}")
        bench.back()
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems)


def perturb(bench: Bench, hand: Hand, key: str, leaf: Leaf) -> None:
    """Change this leaf, see it named, see it healed."""
    before = bench.subjects[key]
    bench.current = before.target.spec
    tamper(bench, hand, key, leaf)
    hand.settle(before.target.name)
    bench.checkpoint()
    named(bench, key, leaf)
    if not any((bench.kind, name) in UNHEALED for name in names(key, leaf)):
        healed(bench, key, before)


def tamper(bench: Bench, hand: Hand, key: str, leaf: Leaf) -> None:
    """By a public call, or else in the store: as the table says."""
    name, value = bench.subjects[key].target.name, value_for(bench, leaf)
    listed = next(
        (STORE[bench.kind, p] for p in names(key, leaf)
         if (bench.kind, p) in STORE), "",
    )  # fmt: skip
    refused = ""
    try:
        hand.do(name, leaf, value)
    except (NoCall, Refused) as why:
        refused = f"{type(why).__name__}: {why}"
    if refused:
        assert listed, f"{refused}; list it in STORE"
        hand.edit_store(name, leaf, value)
    else:
        assert not listed, "can be changed by a public call: take it out of STORE"


def names(key: str, leaf: Leaf) -> tuple[str, ...]:
    """How the tables of reasons may call a leaf, from the narrowest to the widest."""
    return f"{key} {leaf}", str(leaf), f"{leaf.general} {leaf.deed}", leaf.general


def named(bench: Bench, key: str, leaf: Leaf) -> None:
    """One pass without a write names just this field, as drift."""
    report = bench.observe()
    assert bench.writes() == [], "an observing pass wrote"
    drift = {(k, c.path): c for k, a in report.assessments.items() for c in a.drift}
    if leaf.rekeyed:  # the entry is gone, and another one is there
        assert len(drift) == 2, f"named: {sorted(drift)}"
        assert {c.parts[:-1] for c in drift.values()} == {leaf.parts[:-1]}
        change = drift[key, leaf.path]
    else:
        named_it = [c for (k, path), c in drift.items() if k == key and leaf.named_by(path)]
        assert len(named_it) == len(drift) == 1, f"named: {sorted(drift)}"
        (change,) = named_it
    assert change.cause == "drift"
    assert change.was == change.wanted
    assert change.now != change.wanted
    odd = [
        c.path
        for a in report.assessments.values()
        for c in a.changes
        if (a.key, c.path) not in drift and c.cls not in ("undeclared", "owned")
        and not (leaf.general == "deploymentController" and c.cls == "unknown")
    ]  # fmt: skip
    assert odd == [], f"and besides: {odd}"
    rows = bench.status()["resources"][key]["changes"]
    (row,) = (r for r in rows if r["path"] == change.path)
    assert (row["was"], row["is"], row["wanted"], row["cause"]) == (
        change.was, change.now, change.wanted, "drift",
    )  # fmt: skip


def healed(bench: Bench, key: str, before: Assessment) -> None:
    """It is as before after few writes, or what could not be written is blocked with a reason."""
    for _ in range(12):
        report = bench.run()
        if report.converged:
            break
        if not report.outcomes and not report.waiting:
            break
        bench.later(300)
    writes = [c for c in bench.writes() if c.error is None]
    if report.converged:
        kind = before.handler
        after = report.assessments[key]
        root = fields_of(kind.spec)
        assert plain(root, after) == plain(root, before), "not as before"
        assert 0 < len(writes) <= MOST_WRITES, [c.name for c in writes]
        assert {c.name for c in writes} <= set(kind.writes)
        return
    condition = bench.status()["resources"][key]["conditions"]["Blocked"]
    assert condition["status"] == "True", f"neither healed nor blocked: {explain(report)}"
    assert condition["reason"], condition
    assert condition["message"], condition
    blocked = {s.call for s in report.plan.steps if s.id in report.vetoes}
    assert not blocked & {c.name for c in writes}, "what was blocked was written"
    assert blocked or writes == [], [c.name for c in writes]


def plain(root: Any, seen: Assessment) -> Any:
    """What AWS shows, but for what others own, in the one form in which equal things are equal."""
    owned = {"desiredCount"} if "autoscaling" in seen.target.spec else set()
    return canonical(root, {k: v for k, v in seen.live.items() if k not in owned})


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_model_is_perturbed_or_has_a_reason(kind: str) -> None:
    bench = bench_of(kind)
    fields = set(model_leaves(kind))
    done = {leaf.general for _, leaf in all_leaves(bench)}
    never = NEVER.get(kind, {})
    assert done <= fields
    assert set(never) <= fields, "a reason for a field that the model has not"
    assert fields - done == set(never), "no manifest has it, and no reason is given"
    every, some = all_leaves(bench), chosen(bench)
    assert {leaf.general for _, leaf in some} == done
    assert all(reason for reason in never.values())
    told = (
        f"I2 {kind}: {len(done)} of {len(fields)} fields of the model perturbed in the sandbox "
        f"({len(some)} leaves of {len(every)}), the others by pure functions"
    )
    print(told)
    _COVERED.append(told)
    assert len(done) >= LEAST[kind], "fewer fields are perturbed than there were"


def test_reasons_are_for_what_is_there() -> None:
    assert {kind for kind, _ in STORE} | set(NEVER) <= set(KINDS)


@atexit.register
def _told() -> None:
    for line in _COVERED:
        print(line)
