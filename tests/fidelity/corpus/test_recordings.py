"""Every recorded reply of AWS is observed without an error, imported, and its file plans empty."""

from __future__ import annotations

import pytest

from controller.kinds import KINDS
from tests.fidelity.corpus.figures import judged, survey
from tests.fidelity.corpus.recordings import RECORDED, listed_as_skipped

SUBJECTS = survey(RECORDED).subjects
NOT_RECORDED = {
    "CacheParameterGroup",
    "Dashboard",
    "IPSet",
    "MetricFilter",
    "Parameter",
    "SecurityGroup",
    "Stack",
    "Task",
}
"""Kinds of which there is no published reply here, and tasks, which nobody imports."""


@pytest.mark.parametrize("kind", KINDS)
def test_imports_and_plans_empty(kind: str) -> None:
    mine = [j for j in judged(RECORDED) if j.subject.kind == kind]
    wrong = [f"{j.label}: {j.failed}" for j in mine if j.failed]
    assert not wrong, f"{len(wrong)} of {len(mine)}:\n" + "\n".join(wrong)


def test_enough_is_recorded() -> None:
    """A reader that finds nothing would find nothing wrong."""
    assert len(SUBJECTS) >= 200
    assert {subject.kind for _, subject in SUBJECTS} >= set(KINDS) - NOT_RECORDED


def test_what_is_left_out_is_on_its_way_out() -> None:
    left = [j for j in judged(RECORDED) if not j.imported and not j.failed]
    assert {j.subject.may_be_left_out for j in left} <= {
        "it is being deleted", "it is being deleted, or was", "it is scheduled for deletion",
        "an autoscaler's own alarm",
    }  # fmt: skip


def test_skipped_are_those_that_contradict_the_model() -> None:
    found = survey(RECORDED).skipped
    assert set(listed_as_skipped()) == set(found)
    assert {n: w for n, w in listed_as_skipped().items() if w != found[n]} == {}


def test_nothing_is_put_aside_unread() -> None:
    reasons = {aside.reason for _, aside in survey(RECORDED).asides}
    assert reasons <= {
        "AWS's own default group, which nobody can change",
        "autoscaling of something else: ec2:spot-fleet-request:TargetCapacity",
        "an empty reply",
    }
