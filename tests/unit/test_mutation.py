"""The mutants: what is made of a source, and that the list of survivors names only what is made."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import TESTS, compared
from tests.mutation.mutants import mutants
from tests.mutation.survivors import listed, read

ROOT = Path(__file__).parents[2]
SOURCE = '''
"""A docstring."""
LIMIT = 3

def least(items: list[int], at: int = 0) -> int:
    """Another."""
    for item in items:
        if item < LIMIT and not item == 7:
            continue
        raise ValueError(f"{item} is no good", "some words")
    return min(items)
'''


def test_what_is_made_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "it.py").write_text(SOURCE)
    tree, found = mutants(tmp_path, "it.py")
    assert {(m.where, m.change) for m in found} >= {
        ("module", "3 → 4"), ("module", "0 → -1"), ("least", "< → <="), ("least", "< → >="),
        ("least", "and → or"), ("least", "without not: item == 7"), ("least", "== → !="),
        ("least", "continue → break"), ("least", "statement dropped"), ("least", "min → max"),
        ("least", "returns None"), ("least", "without item < LIMIT"),
    }  # fmt: skip
    assert not [m for m in found if "words" in m.change or "docstring" in m.change]
    harmless = ast.unparse(tree)
    for number in range(len(found)):
        tree, found = mutants(tmp_path, "it.py")
        found[number].put()
        assert ast.unparse(tree) != harmless
        compile(ast.fix_missing_locations(tree), "it.py", "exec")


def test_the_list_names_mutants_that_are_made() -> None:
    made = {m.name for file in TESTS for m in mutants(ROOT, file)[1]}
    assert listed().keys() <= made
    for tests in TESTS.values():
        assert all((ROOT / test).is_file() for test in tests)


def test_what_is_told_of_survivors() -> None:
    a, b, c = (("controller/lease.py", "f", "x", change) for change in "abc")
    assert compared({a}, {a, b}, {a, b}, {}) == ([a], [], [])
    assert compared({a}, {a, b}, {a, b}, {a: "why", b: "why", c: "why"}) == ([], [b], [c])


@pytest.mark.parametrize("row", ["- no why", "- `a`:", "loose words"])
def test_a_list_in_no_such_form_is_refused(row: str) -> None:
    good = "## f.py\n\n### g\n\n    x < 1\n- `a`: why\n"
    assert read(good) == {("f.py", "g", "x < 1", "a"): "why"}
    with pytest.raises(ValueError, match=r"survivors\.md:7"):
        read(good + row)
