"""The diff by itself: where in a document a difference is told, what it is called, and who moved.

The causes of single values stand in `docs/reference/classification.md`, run by
`test_classification.py`; values that no model opens are in `test_diff_inside_alone.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from controller.diff import ROLLED_BACK, Change, Entry, render
from controller.fields import Field
from controller.policies import (
    Achieved,
    ActionOption,
    AnyWhenUndeclared,
    Canonical,
    CreateOnly,
    Keyed,
    KeysOf,
    OwnedBy,
    ServerDefault,
    TakenAtStart,
    Unordered,
    VersionPrefix,
    Withdrawn,
    WriteOnly,
)
from controller.versioned import marked
from tests.unit.compared import LOST, changes, listed, mapped, scalar, thing, told

ANY = scalar()
PAIR = thing(a=ANY, b=ANY)
UNDECLARED = [("it", "undeclared", "")]
DRIFT, PENDING = [("it", "differs", "drift")], [("it", "differs", "pending")]


def test_a_path_for_people() -> None:
    parts = ("rules", Entry("limit", True), "steps", 0, "tags", Entry("a"))
    assert render(parts) == "rules[limit].steps[0].tags[a]"
    assert Change(parts, 1, 2, 3, "differs").top == "rules"
    assert Change((), 1, 2, 3, "differs").top == ""
    assert Change(parts, 1, 2, 3, "differs").cause == ""


def test_what_could_not_be_read_is_unknown_if_it_is_declared() -> None:
    [change] = changes(PAIR, d={"a": 1}, v={"a": 2}, last={"a": 0}, unknown={"it": "denied"})
    assert change == Change(("it",), {"a": 0}, None, {"a": 1}, "unknown", "", "denied")
    assert told(PAIR, v={"a": 2}, unknown={"it": "denied"}) == []


def test_only_whole_fields_of_the_spec_are_unreadable() -> None:
    """A member that is called like one of those is compared."""
    assert told(PAIR, d={"a": 1}, v={"a": 2}, unknown={"a": "denied"}) == [
        ("it.a", "differs", "pending")
    ]


def test_how_a_call_is_made_is_never_compared() -> None:
    assert told(scalar(ActionOption()), d=1, v=2, last=1) == []


def test_members_of_an_object() -> None:
    assert told(PAIR, d={"a": 1, "b": 1}, v={"a": 1, "b": 2}, last={"b": 2}) == [
        ("it.b", "differs", "pending")
    ]
    assert told(PAIR, d={"a": 1, "b": 1}, v={"a": 2}, last={"a": 1, "b": 1}) == [
        ("it.a", "differs", "drift"), ("it.b", "differs", "drift"),
    ]  # fmt: skip
    assert told(PAIR, d={"a": 1}, v={"a": 2}, p={"a": 1}) == [("it.a", "in_flight", "")]
    assert told(PAIR, d={"a": 1}, v={"a": 2}, f={"a": 1}) == [("it.a", "failed", "pending")]


@pytest.mark.parametrize(
    "field", [PAIR, mapped(ANY), listed(PAIR), listed(PAIR, Unordered(("a",)))]
)
def test_a_text_where_a_structure_should_be_differs_as_a_whole(field: Field) -> None:
    """A reference that is not resolved yet, or something that nobody foresaw in AWS."""
    structure: Any = [{"a": 1}, {"a": 2}] if field.shape == "list" else {"a": 1}
    assert told(field, d="no", v=structure, last="no") == DRIFT
    assert told(field, v="no", last=structure) == UNDECLARED
    if field.shape == "list" and not field.policies:
        assert told(field, d=structure, v="no", last=structure) == DRIFT


def test_a_declared_object_that_is_not_there_is_one_change() -> None:
    d = {"a": 1, "b": 1}
    [change] = changes(PAIR, d=d, last=d)
    assert change == Change(("it",), d, None, d, "differs", "drift")
    assert told(PAIR, d=d) == PENDING
    assert told(thing(CreateOnly(), a=ANY), d={"a": 1}) == [("it", "immutable", "pending")]


def test_an_object_of_defaults_need_not_be_there() -> None:
    field = thing(a=scalar(ServerDefault(1)))
    assert told(field, d={"a": 1}) == []
    assert told(field, d={"a": 2}) == PENDING


MEMBERS: dict[str, tuple[Field, Any, str]] = {
    "moving": (ANY, 1, "in_flight"),
    "undone": (ANY, 1, "failed"),
    "waits": (ANY, "${Secret.s.arn}", "unknown"),
    "fixed": (scalar(CreateOnly()), 1, "immutable"),
    "hidden": (scalar(WriteOnly()), "s@2", "write_only_stale"),
}
"""What is not for us to write now: the member, its desired value, its class."""


@pytest.mark.parametrize("names", [*([name] for name in MEMBERS), list(MEMBERS)], ids=",".join)
def test_an_object_that_is_not_there_is_not_written_where_none_of_it_may_be(
    names: list[str],
) -> None:
    field = thing(plain=ANY, **{name: MEMBERS[name][0] for name in names})
    d = {name: MEMBERS[name][1] for name in names}
    more: Any = {"last": {"hidden": "s@1"}, "p": {"moving": 1}, "f": {"undone": 1}}
    assert [(path, cls) for path, cls, _ in told(field, d=d, **more)] == [
        (f"it.{name}", MEMBERS[name][2]) for name in names
    ]
    assert [c[:2] for c in told(field, d={**d, "plain": 1}, **more)] == [("it", "differs")]


def test_entries_of_a_map() -> None:
    field = mapped(ANY)
    [change] = changes(field, d={"a": 1, "b": 2}, v={"a": 1, "b": 3}, last={"a": 1, "b": 2})
    assert change == Change(("it", Entry("b", in_list=False)), 2, 3, 2, "differs", "drift")
    assert Entry("b") == Entry("b", in_list=False)
    assert told(field, d={"a": 1}) == [("it[a]", "differs", "pending")]
    assert told(field, d={"a": 1}, v={"b": 2}, last={}) == [
        ("it[a]", "differs", "pending"), ("it[b]", "differs", "drift"),
    ]  # fmt: skip
    assert told(field, d={"a": 1}, v={"a": 2}, p={"a": 1}) == [("it[a]", "in_flight", "")]
    assert told(field, d={"a": 1}, v={"a": 2}, f={"a": 1}) == [("it[a]", "failed", "pending")]
    assert told(Field("", "map"), d={"a": 1}, v={"a": 2}) == [("it[a]", "differs", "pending")]


def test_a_newly_declared_map_is_all_ours_with_that_commit() -> None:
    for field, v in ((mapped(ANY), {"b": 2}), (listed(PAIR, Unordered(("a",))), [{"a": "b"}])):
        empty: Any = type(v)()
        assert told(field, d=empty, v=v) == [("it[b]", "differs", "pending")]
        assert told(field, d=empty, v=v, last=empty) == [("it[b]", "differs", "drift")]
        assert told(field, d=empty, v=v, last=v) == [("it[b]", "differs", "pending")]
        assert told(field, d=empty, v=v, last=LOST) == [("it[b]", "differs", "baseline-unknown")]


def test_an_entry_that_aws_spells_its_way_is_the_one_we_dropped() -> None:
    field = mapped(thing(a=ANY, spare=scalar(ServerDefault(0))))
    assert told(field, d={}, v={"x": {"a": 1, "spare": 0}}, last={"x": {"a": 1}}) == [
        ("it[x]", "differs", "pending")
    ]
    assert told(field, d={}, v={"x": {"a": 2}}, last={"x": {"a": 1}}) == [
        ("it[x]", "differs", "both")
    ]


def test_an_entry_that_aws_tried_to_drop_and_put_back() -> None:
    sides: Any = {"d": {}, "v": {"a": 1}, "last": {"a": 1}}
    [change] = changes(mapped(ANY), **sides, f={"b": 1})
    assert (change.cls, change.note) == ("failed", "AWS rolled this back")
    assert ROLLED_BACK == "AWS rolled this back"
    assert told(mapped(ANY), **sides, f={"a": 1}) == [("it[a]", "differs", "pending")]


def test_of_a_keyed_map_only_our_keys_are_ours() -> None:
    field = mapped(ANY, Keyed())
    assert told(field, d={}, v={"a": 1}, last={}) == [("it[a]", "undeclared", "")]
    assert told(field, d={}, v={"a": 1}, last={"a": 1}) == [("it[a]", "differs", "pending")]


def test_entries_that_are_objects() -> None:
    field = mapped(PAIR)
    assert told(field, d={"x": {"a": 1}}, v={"x": {"a": 2}}, last={"x": {"a": 1}}) == [
        ("it[x].a", "differs", "drift")
    ]
    assert told(field, d={"x": {"a": 1}}, v={}) == [("it[x]", "differs", "pending")]
    sides: Any = {"d": {"x": {"a": 1}}, "v": {"x": {"a": 2}}}
    assert told(field, **sides, p={"x": {"a": 1}}) == [("it[x].a", "in_flight", "")]
    assert told(field, **sides, f={"x": {"a": 1}}) == [("it[x].a", "failed", "pending")]


def test_entries_in_a_form_of_their_own() -> None:
    field = mapped(Field("", "object", (Canonical(lambda x: {"a": abs(x["a"])}),), {"a": ANY}))
    assert told(field, d={"x": {"a": -1}}, v={"x": {"a": 1}}) == []
    assert told(field, d={"x": {"a": -1}}, v={"x": {"a": 2}}, last={"x": {"a": -2}}) == [
        ("it[x].a", "differs", "pending")
    ]


def test_a_list_of_objects_is_compared_by_position() -> None:
    field = listed(PAIR)
    sides: Any = {"d": [{"a": 1}, {"a": 2}], "v": [{"a": 1}, {"a": 3}]}
    [change] = changes(field, **sides, last=sides["d"])
    assert change == Change(("it", 1, "a"), 2, 3, 2, "differs", "drift")
    for unlike in (None, [{"a": 2}], [{"a": 1}, {"a": 2}, {"a": 2}]):
        assert told(field, **sides, last=unlike) == [("it[1].a", "differs", "pending")]
    assert told(field, d=[{"a": 1}], v=[{"a": 1}, {"a": 2}], last=[{"a": 1}]) == DRIFT
    assert told(field, d=[{"a": 1}], last=[{"a": 1}]) == DRIFT


def test_a_list_of_values_differs_as_a_whole() -> None:
    assert told(listed(ANY), d=["a", "b"], v=["a", "c"], last=["a", "b"]) == DRIFT


def test_a_list_without_order_is_aligned_by_key() -> None:
    field = listed(PAIR, Unordered(("a",)))
    d = [{"a": "x", "b": 1}, {"a": "y", "b": 1}]
    [change] = changes(field, d=d, v=[{"a": "y", "b": 2}, {"a": "x", "b": 1}], last=d)
    assert change == Change(("it", Entry("y", in_list=True), "b"), 1, 2, 1, "differs", "drift")
    sides: Any = {"d": [{"a": "x", "b": 1}], "v": [{"a": "x", "b": 2}]}
    assert told(field, **sides) == [("it[x].b", "differs", "pending")]
    for pending, cls in ((1, "in_flight"), (3, "differs")):
        assert [c[1] for c in told(field, **sides, p=[{"a": "x", "b": pending}])] == [cls]
    for failed, cls in ((1, "failed"), (3, "differs")):
        assert [c[1] for c in told(field, **sides, f=[{"a": "x", "b": failed}])] == [cls]


def test_a_key_of_several_members() -> None:
    field = listed(PAIR, Unordered(("a", "b")))
    d = [{"a": "x", "b": "y"}, {"a": "z"}]
    assert [path for path, _, _ in told(field, d=d)] == ["it[x/y]", "it[z]"]


def test_what_is_listed_on_one_side_and_mapped_on_the_other_differs_once() -> None:
    count = listed(ANY, Unordered(), KeysOf("actions", "count"))
    field = thing(count=count, actions=mapped(ANY))
    counted, mapping = {"count": ["x", "y"]}, {"count": ["y"], "actions": {"x": "block"}}
    for d, v in ((counted, mapping), (mapping, counted)):
        [change] = changes(field, d=d, v=v, last=d)
        assert (change.path, change.cause) == ("it.actions[x]", "drift")
        assert [change.wanted, change.now] == [
            side.get("actions", {}).get("x", "count") for side in (d, v)
        ]
    assert told(field, d=counted, v={**mapping, "count": ["z"]}, last=counted) == [
        ("it.count", "differs", "drift"), ("it.actions[x]", "differs", "drift"),
    ]  # fmt: skip
    more = {**mapping, "actions": {"x": "block", "z": "allow"}}
    assert told(field, d={**counted, "actions": {"z": "allow"}}, v=more, last=more) == [
        ("it.actions[x]", "differs", "pending")
    ]


def test_a_part_that_ends_with_its_words_in_the_file() -> None:
    field = thing(Withdrawn(), a=ANY)
    assert told(field, v={"a": 1}, last={"a": 1}) == PENDING
    assert told(field, d={"a": 1}, v={"a": 2}, last={"a": 1}) == [("it.a", "differs", "drift")]


def test_what_may_be_anything_where_nobody_says() -> None:
    assert told(scalar(AnyWhenUndeclared()), v=1) == []
    assert told(ANY, v=1) == UNDECLARED
    assert told(ANY, v=[]) == []


def test_undeclared_only_what_is_not_the_default_is_told() -> None:
    assert told(scalar(ServerDefault(5)), v=5) == []
    assert told(scalar(ServerDefault(5)), v=6) == UNDECLARED
    field = thing(ServerDefault({"a": 1}), a=ANY, b=ANY)
    assert told(field, v={"a": 1}) == []
    assert told(field, v={"a": 1, "b": 2}) == [("it.b", "undeclared", "")]
    assert told(field, v={"a": 2}) == [("it.a", "undeclared", "")]
    assert told(PAIR, v={"b": 2}) == [("it.b", "undeclared", "")]
    assert told(ANY, v={"a": 1}) == UNDECLARED


def robot(*, holds: bool, wanted: Any) -> Field:
    """A field of another actor, who may choose up to a bound."""
    return scalar(OwnedBy("a robot", lambda s, d, v: holds, lambda s, v: wanted))


def test_another_actor_oversteps() -> None:
    [change] = changes(robot(holds=True, wanted=10), v=12)
    assert change == Change(
        ("it",), None, 12, 10, "differs", "drift", "beyond what a robot may choose"
    )
    for wanted in (12, None):
        assert told(robot(holds=True, wanted=wanted), v=12) == []
        assert told(robot(holds=False, wanted=wanted), v=12) == UNDECLARED


def test_what_another_actor_chose_is_not_somebody_s_drift() -> None:
    field = scalar(OwnedBy("a robot", lambda s, d, v: d == "auto"))
    assert told(field, d="x", v="y", last="auto") == PENDING
    assert told(field, d="x", v="y", last="z") == [("it", "differs", "both")]
    assert told(field, d="auto", v="y", last="auto") == [("it", "owned", "")]


def test_a_secret_is_sent_when_a_newer_version_is_known() -> None:
    field = scalar(WriteOnly())
    assert told(field, d="s@2", last="s@1") == [("it", "write_only_stale", "pending")]
    assert told(field, last="s@1") == []
    [change] = changes(field, d="s", last="s@1")
    assert change == Change(("it",), "s@1", None, "s", "unknown", "", "no secret value yet")


def test_what_aws_is_about_to_show_is_what_counts() -> None:
    [change] = changes(ANY, d=1, v=2, last=1, p=1)
    assert (change.now, change.cls, change.cause) == (2, "in_flight", "")
    [change] = changes(ANY, d=1, v=2, last=1, p=3)
    assert (change.now, change.cls, change.cause) == (3, "differs", "drift")
    assert told(ANY, d=1, v=1, last=1, p=1) == []


def test_what_aws_gave_up_is_failed_if_it_is_what_we_want() -> None:
    [change] = changes(ANY, d=1, v=2, last=1, f=1)
    assert (change.cls, change.cause, change.note) == ("failed", "drift", "AWS rolled this back")
    assert told(ANY, d=1, v=2, last=1, f=3) == DRIFT
    assert told(scalar(ServerDefault(1)), d=1, v=2, last=1) == DRIFT


def test_what_aws_can_change_after_all_is_not_immutable() -> None:
    assert told(scalar(CreateOnly(unless=lambda s: True)), d=1, v=2, last=1) == DRIFT


def test_what_was_started_with_an_older_secret_is_stale() -> None:
    field = scalar(TakenAtStart(lambda s: s.raw.get("started")))
    one, two = marked("arn", "a" * 32, 1000), marked("arn", "b" * 32, 1000)
    stale = [("it", "write_only_stale", "pending")]
    for started, found in ((None, stale), (999, stale), (1000, stale), (1001, [])):
        assert told(field, d=two, v="arn", last=one, raw={"started": started}) == found
    for last in (None, "arn", two, marked("other", "a" * 32, 1000)):
        assert told(field, d=two, v="arn", last=last) == []
    assert told(field, d="arn", v="arn", last=one) == []
    assert told(ANY, d=two, v=two, last=one) == []


def test_a_version_is_met_by_what_it_is_a_prefix_of() -> None:
    field = scalar(VersionPrefix())
    assert told(field, d="16", v="16.4", last="15") == []
    assert told(field, d="16", v="15.4", last="16") == DRIFT
    assert told(field, d="16", last="16") == DRIFT


def test_a_default_is_met_by_nothing() -> None:
    assert told(scalar(ServerDefault(5)), d=5, last=5) == []
    assert told(scalar(ServerDefault(lambda s: s.raw["usual"])), d=5, raw={"usual": 5}) == []
    assert told(ANY, d="", v=[]) == []


def test_a_number_that_is_reached_is_work_and_never_drift() -> None:
    field = scalar(Achieved())
    assert told(field, d=5, v=7, last=5) == told(field, d=5, v=5, last=5) == []
    assert told(field, d=5, v=4, last=5) == told(field, d=5, last=5) == PENDING
    assert told(thing(a=field), v={"a": 4}) == [("it.a", "undeclared", "")]
