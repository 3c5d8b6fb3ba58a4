"""Every case of the case book is tested both ways; every operation that we call is refused once."""

from __future__ import annotations

from tests.fidelity import covered


def test_every_case_is_covered() -> None:
    missing = covered.uncovered()
    assert not missing, "\n".join(f"case {n}: {field}" for n, field in missing.items())


def test_tests_are_of_cases_that_there_are() -> None:
    assert set(covered.ways()) <= set(covered.applicable())


def test_every_operation_is_refused() -> None:
    rows = covered.refusals()
    missing = [call for call in covered.operations() if not rows[call]]
    assert not missing, "\n".join(missing)


def test_refusals_are_of_operations_that_we_call() -> None:
    assert set(covered.refusals()) <= set(covered.operations())
