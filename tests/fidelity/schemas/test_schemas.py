"""AWS's schemas and our policies agree, or somebody said why not. See the package's docstring."""

from __future__ import annotations

import pytest

from controller.handler import Absent, Target
from controller.kinds import KINDS, handler_for
from tests.fidelity.schemas import api, ours, provider, shown, words
from tests.fidelity.schemas.compare import verdicts
from tests.fidelity.schemas.places import paths
from tests.fidelity.schemas.reasons import idle, without_reason
from tests.fidelity.schemas.said import read
from tests.unit.kinds.kit import request_problems

LEAST = 5000
"""Comparisons made: what is compared may grow, never shrink unseen."""
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_every_disagreement_has_a_reason(kind: str) -> None:
    problems = without_reason(kind)
    assert not problems, f"{len(problems)} disagreements:\n" + "\n".join(problems)


def test_every_reason_has_its_disagreement() -> None:
    assert idle() == []
    assert sum(len(verdicts(kind)) for kind in KINDS) >= LEAST


@kinds
def test_everything_there_is_known(kind: str) -> None:
    """No member of a request and no property of a schema is left out unseen."""
    lost = [f"{m.service}:{m.operation}.{m.way}" for m in api.members(kind) if m.lost]
    lost += [f"{p.type}.{p.way}" for p in provider.properties(kind) if p.lost]
    assert lost == []


@kinds
def test_what_is_said_in_words_has_been_read(kind: str) -> None:
    problems = words.stale(kind)
    assert not problems, "\n".join([*problems, "run: python -m tests.fidelity.schemas --write"])


@kinds
def test_every_line_of_the_tables_is_of_use(kind: str) -> None:
    fields = {said.at for said in (*api.said(kind), *provider.said(kind))}
    assert set(read("shown", kind)) <= fields
    for name in provider.TYPES[kind]:
        known = {x for p in provider.properties(kind) if p.type == name for x in (p.way, p.at)}
        assert set(read("names", name.replace("::", "-"))) <= known
    for service in {m.service for m in api.members(kind)}:
        ways = {m.at for k in KINDS for m in api.members(k) if m.service == service}
        assert set(read("names", service)) <= ways


@kinds
def test_every_field_is_spoken_of_or_is_ours(kind: str) -> None:
    """A field that neither source knows is of our own making: `ours` in the reasons says what."""
    known = {said.path for said in (*api.said(kind), *provider.said(kind))}
    covered = {p for p in paths(kind) if any(k == p or k.startswith(f"{p}.") for k in known)}
    inside = {p for p in paths(kind) if any(p.startswith(f"{k}.") for k in known)}
    own = [p for p in paths(kind) if p not in covered | inside and not p.endswith(".*")]
    top = [p for p in own if not any(p.startswith(f"{o}.") for o in own)]
    assert sorted(top) == sorted(read("reasons", "ours").get(kind, {}))


def test_what_only_replies_have_is_no_field() -> None:
    assert sum(len(shown.output_only(kind)) for kind in KINDS) > 200


def test_an_empty_list_is_none() -> None:
    """Where AWS wants one entry at least, a list without any is not sent: what `_bounds` counts on.

    Tried on everything in the rich manifests that may be empty.
    """
    problems, tried = [], 0
    for kind in KINDS:
        handler = handler_for(kind)
        for said in api.said(kind):
            if said.sort not in ("list", "map") or said.low != 1 or said.needed:
                continue
            for spec in ours.emptied(kind, said.path):
                tried += 1
                target = Target(f"{kind}/x", "x", spec, {"team": "a"}, "123456789012", "us-east-1")
                for action in handler.plan(target, Absent(), ()):
                    why = request_problems(action)
                    if "length: 0" in why:
                        problems.append(f"{kind} {said.path}: {action.operation} {why}")
    assert not problems, "\n".join(problems)
    assert tried >= 8
