"""The diff of values that no model opens; what makes two values equal; changes made in a copy."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from controller.diff import Change, Entry, canonical, dig, json_patch, overlay, put, unresolved
from controller.policies import (
    Canonical,
    CaseInsensitive,
    CreateOnly,
    ServerDefault,
    TakenAtStart,
    Unordered,
)
from controller.versioned import marked
from tests.unit.compared import LOST, changes, listed, mapped, scalar, thing, told

ANY = scalar()
BAG = listed(ANY, Unordered())
DRIFT = [("it", "differs", "drift")]


def test_the_member_that_differs_is_told() -> None:
    d = {"a": {"b": 1, "c": 1}}
    [change] = changes(ANY, d=d, v={"a": {"b": 2, "c": 1}}, last=d)
    assert change == Change(("it", "a", "b"), 1, 2, 1, "differs", "drift")
    assert told(ANY, d=d, v={"a": {"b": 2, "c": 1}}, last=LOST) == [
        ("it.a.b", "differs", "baseline-unknown")
    ]
    assert told(ANY, d=d, v={"a": {"b": 2, "c": 1}}) == [("it", "differs", "pending")]
    assert told(mapped(ANY), d={"x": d}, v={"x": {"a": {"b": 2, "c": 1}}}) == [
        ("it[x]", "differs", "pending")
    ]
    assert told(mapped(ANY), d={"x": d}, v={"x": {"a": {"b": 2, "c": 1}}}, last={"x": d}) == [
        ("it[x].a.b", "differs", "drift")
    ]


def test_a_member_that_one_side_lacks() -> None:
    one, two = {"a": 1}, {"a": 1, "b": 2}
    assert told(ANY, d=one, v=two, last=one) == [("it.b", "differs", "drift")]
    assert told(ANY, d=one, v=two, last=two) == [("it.b", "differs", "pending")]
    assert told(ANY, d=two, v=one, last=two) == [("it.b", "differs", "drift")]
    assert told(ANY, d=two, v=one, last=one) == [("it.b", "differs", "pending")]
    assert told(ANY, d=two, v={"a": 1, "b": 3}, last=one) == [("it.b", "differs", "both")]


def test_values_of_another_shape_differ_as_a_whole() -> None:
    for d, v in (
        ({"a": 1, "b": 1}, {"a": 1, "c": 1}),  # another arm of a union
        ({"type": "x", "a": 1}, {"type": "y", "a": 1}),
        ({"a": 1}, [1]), ([1], {"a": 1}), ({"a": 1}, "a"), ("a", {"a": 1}), ([{"a": 1}], "a"),
        ("a", [{"a": 1}]), ({"a": 1}, {}), ({}, {"a": 1}), ([{"a": 1}], [{"a": 2}, {"a": 2}]),
    ):  # fmt: skip
        assert told(ANY, d=d, v=v, last=d) == DRIFT
    same = {"type": "x", "a": 1}
    assert told(ANY, d=same, v={**same, "a": 2}, last=same) == [("it.a", "differs", "drift")]
    assert told(ANY, d=same, v={"a": 1}, last=same) == [("it.type", "differs", "drift")]


def test_null_is_not_what_is_missing_and_is_told_as_a_whole() -> None:
    d = {"a": None, "b": 1}
    assert told(ANY, d=d, v={"b": 1}, last=d) == DRIFT


def test_a_list_of_structures_is_told_by_position() -> None:
    for first in ({"a": 1}, [1], 1):
        d: Any = [first, {"a": 2}]
        v = [first, {"a": 3}]
        assert told(ANY, d=d, v=v, last=d) == [("it[1].a", "differs", "drift")]
        assert told(ANY, d=d, v=v, last=[first]) == [("it[1]", "differs", "both")]
        assert told(ANY, d=d, v=v, last=LOST) == [("it[1].a", "differs", "baseline-unknown")]
    assert told(ANY, d=[1, 2], v=[1, 3], last=[1, 2]) == DRIFT


def test_a_list_in_disorder_is_one_change() -> None:
    one = [{"a": 1}, {"a": 2}]
    two = one[::-1]
    assert told(ANY, d=one, v=two, last=one) == told(ANY, d=two, v=one, last=two) == DRIFT


def test_in_a_list_without_order_the_odd_one_is_opened() -> None:
    d = [{"a": "x", "b": 1}, {"a": "y", "b": 1}]
    v = [{"a": "y", "b": 2}, {"a": "x", "b": 1}]
    [change] = changes(BAG, d=d, v=v, last=d)
    assert change == Change(("it", Entry("1", True), "b"), 1, 2, 1, "differs", "drift")
    assert told(BAG, d=d, v=v, last=v) == [("it[1].b", "differs", "pending")]
    assert told(BAG, d=d, v=v, last=LOST) == [("it[1].b", "differs", "baseline-unknown")]
    assert told(BAG, d=d, v=v) == [("it", "differs", "pending")]
    assert told(BAG, d=d, v=v, last=[]) == [("it", "differs", "both")]


@pytest.mark.parametrize(
    ("d", "v"),
    [
        ([{"a": 1}, {"a": 2}], [{"a": 3}, {"a": 4}]),
        ([{"a": 1}], [{"a": 1}, {"a": 2}]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}]),
        ([{"a": 1}], [{"a": 2}, {"a": 3}]),
        (["a"], ["b"]),
        (["a"], [{"a": 1}]),
        ([{"a": 1}], ["a"]),
        ([{"a": 1}], [{"b": 1}]),
        ([{"a": 1}], 1),
        (1, [{"a": 1}]),
    ],
)
def test_more_than_one_odd_one_is_told_as_a_whole(d: Any, v: Any) -> None:
    assert told(BAG, d=d, v=v, last=d) == DRIFT


def test_what_is_compared_in_a_form_of_its_own_is_not_opened() -> None:
    d, v = {"a": 1, "b": 1}, {"a": 1, "b": 2}
    for policy in (Canonical(lambda x: x), CaseInsensitive()):
        assert told(scalar(policy), d=d, v=v, last=d) == DRIFT


def test_only_what_may_be_written_or_is_waited_for_is_opened() -> None:
    d, v = {"a": 1, "b": 1}, {"a": 1, "b": 2}
    assert told(scalar(CreateOnly()), d=d, v=v, last=d) == [("it", "immutable", "drift")]
    assert told(ANY, d=d, v={"a": 1}, last=d, p=v) == DRIFT
    assert told(ANY, d=d, v=v, last=d, f={"a": 2}) == DRIFT
    waiting = {"a": "${Key.k.arn}", "b": 1}
    [first, second] = changes(ANY, d=waiting, v=v, last=waiting)
    assert (first.path, first.cls, first.cause) == ("it.a", "unknown", "")
    assert first.note == "waits for ${Key.k.arn}"
    assert (second.path, second.cls, second.cause) == ("it.b", "differs", "drift")
    [whole] = changes(ANY, d="${Key.k.arn}", v="x", last="x")
    assert (whole.cls, whole.cause, whole.note) == ("unknown", "", "waits for ${Key.k.arn}")


def test_a_reference_is_found_at_any_depth() -> None:
    for value in ("${Key.k.arn}", ["a", "${Key.k.arn}"], {"a": "b", "c": ["${Key.k.arn}"]}):
        assert unresolved(value)
    for value in (None, 1, "a", "$${a}", ["a"], {"a": 1}, "${Secret.s.value@v-1}"):
        assert not unresolved(value)
    assert unresolved("${Secret.s.value@1}${Key.k.arn}")
    assert unresolved("${Secret.s.value}")


def test_defaults_and_empty_members_are_left_out_of_an_object() -> None:
    """But for a default that depends on the situation: what it is can't be told here."""
    one, situated = scalar(ServerDefault(1)), scalar(ServerDefault(lambda s: 1))
    field = thing(a=one, b=situated, c=ANY, d=scalar(CaseInsensitive()))
    doc = {"a": 1, "b": 1, "c": "", "d": "D", "other": 2, "nothing": None}
    assert canonical(field, doc) == {"b": 1, "d": "d", "other": 2}
    assert canonical(field, {"a": 2}) == {"a": 2}


def test_what_is_in_maps_and_lists_is_brought_into_its_form() -> None:
    lower = scalar(CaseInsensitive())
    assert canonical(mapped(lower), {"A": "B", "C": ""}) == {"A": "b", "C": ""}
    assert canonical(ANY, {"A": "B"}) == {"A": "B"}
    assert canonical(listed(lower), ("B", "a")) == ["b", "a"]
    assert canonical(listed(ANY, CaseInsensitive()), ["B", 1]) == ["b", 1]
    assert canonical(ANY, ["B", 1]) == ["B", 1]
    assert canonical(ANY, None) is None


def test_values_in_their_form() -> None:
    assert canonical(scalar(CaseInsensitive()), "Ab") == "ab"
    assert canonical(ANY, "Ab") == "Ab"
    assert canonical(scalar(CaseInsensitive()), 1) == 1
    assert canonical(scalar(Canonical(abs)), -1) == 1
    assert [str(canonical(ANY, number)) for number in (2.0, 2.5, 2)] == ["2", "2.5", "2"]
    mark = marked("arn", "a" * 32, 1)
    assert canonical(scalar(TakenAtStart()), mark) == "arn"
    assert canonical(ANY, mark) == mark


def test_the_order_of_a_list_without_order() -> None:
    assert canonical(BAG, ["b", "a"]) == ["a", "b"]
    assert canonical(listed(ANY), ["b", "a"]) == ["b", "a"]
    doc = {"x": 1, "y": 2}
    other = {"x": 2, "y": 1}
    turned = dict(reversed(doc.items()))
    assert list(turned) != list(doc)
    assert canonical(BAG, [doc, other]) == canonical(BAG, [other, turned]) == [doc, other]
    strange = {"x": {1, 2}}
    assert canonical(BAG, [other, strange]) == [strange, other]
    assert canonical(BAG, ["b", 1, [2], "a"]) == ["a", "b", 1, [2]]


LIVE: dict[str, Any] = {
    "name": "n", "part": {"a": 1, "b": 1}, "tags": {"x": "1"},
    "rows": [{"a": 1, "more": 1, "bag": ["y", "z"]}, {"a": 2}],
}  # fmt: skip
DESIRED: dict[str, Any] = {
    "name": "m", "part": {"a": 2}, "tags": {"y": "2"},
    "rows": [{"a": 3, "bag": ["x"]}, {"a": 2}, {"a": 4}],
}  # fmt: skip


def change(*parts: Any, wanted: Any = None) -> Change:
    return Change(parts, None, None, wanted, "differs")


@pytest.mark.parametrize(
    ("made", "at", "expected"),
    [
        (change("name", wanted="m"), "name", "m"),
        (change("name"), "name", None),
        (change("part", "a", wanted=2), "part", {"a": 2, "b": 1}),
        (change("part", "b"), "part", {"a": 1}),
        (change("new", "a", wanted=2), "new", {"a": 2}),
        (change("tags", Entry("y"), wanted="2"), "tags", {"x": "1", "y": "2"}),
        (change("tags", Entry("x")), "tags", {}),
        (change("deep", Entry("x"), "a", wanted=1), "deep", {"x": {"a": 1}}),
        (change("rows", 1, "a", wanted=5), "rows", [LIVE["rows"][0], {"a": 5}]),
        (change("rows", 1, "new", wanted=5), "rows", [LIVE["rows"][0], {"a": 2, "new": 5}]),
        (change("rows", 1, wanted={"b": 5}), "rows", [LIVE["rows"][0], {"b": 5}]),
        (change("rows", 2, "a", wanted=4), "rows", DESIRED["rows"]),
        (change("rows", Entry("x", True), "a", wanted=4), "rows", DESIRED["rows"]),
        (
            change("rows", 0, "bag", Entry("0", True), wanted="x"),
            "rows",
            [{"a": 1, "more": 1, "bag": ["x"]}, {"a": 2}],
        ),
    ],
)
def test_a_change_made_in_the_live_spec(made: Change, at: str, expected: Any) -> None:
    live = copy.deepcopy(LIVE)
    merged = overlay(live, DESIRED, [made])
    assert live == LIVE
    assert merged.get(at) == expected
    assert {k: v for k, v in merged.items() if k != at} == {
        k: v for k, v in LIVE.items() if k != at
    }


def test_what_is_put_is_a_copy() -> None:
    wanted = {"a": 1}
    merged = overlay({}, {}, [change("part", wanted=wanted), change("part", "b", wanted=2)])
    assert (merged, wanted) == ({"part": {"a": 1, "b": 2}}, {"a": 1})


def test_a_patch() -> None:
    assert json_patch(LIVE, DESIRED, []) == []
    assert json_patch(LIVE, DESIRED, [change("name", wanted="m")]) == [
        {"op": "replace", "path": "/name", "value": "m"}
    ]


def test_a_value_at_a_path() -> None:
    assert dig(LIVE, ("rows", 0, "bag")) == ["y", "z"]
    assert dig(LIVE, ("tags", Entry("x"))) == "1"
    assert dig(LIVE, ("name", "x")) is dig(LIVE, ("rows", 2)) is dig(LIVE, ("tags", 0)) is None
    doc: dict[str, Any] = {"rows": [{"a": 1}]}
    put(doc, ("tags", Entry("x")), "1")
    put(doc, ("rows", 0), None)
    assert doc == {"rows": [None], "tags": {"x": "1"}}
    put(doc, iter(("tags", Entry("x"))), None)
    assert doc == {"rows": [None], "tags": {}}
