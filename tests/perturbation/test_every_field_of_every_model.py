"""I2 where no AWS is needed: literally every field of every model, moved in both directions.

A document that has all fields is compared with itself but for one. What the diff must say follows
from the field's policies alone.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from controller.diff import Change, Views, canonical, diff
from controller.fields import Field, fields_of
from controller.kinds import KINDS, handler_for
from controller.policies import (
    Achieved,
    AnyWhenUndeclared,
    CreateOnly,
    OwnedBy,
    ServerDefault,
    Situation,
    Unordered,
    WriteOnly,
)
from tests.perturbation.documents import documents, values
from tests.perturbation.leaves import Leaf, dig, leaves, model_leaves, other, with_value, without

Doc = dict[str, Any]
LIMITS = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
all_kinds = pytest.mark.parametrize("kind", KINDS)


def compared(kind: str, desired: Doc, live: Doc) -> list[Change]:
    """The changes where all that is desired had been applied."""
    situation = Situation(desired, live)
    root = fields_of(handler_for(kind).spec)
    return diff(root, Views(desired, live, desired, {}, {}, {}, situation))


@all_kinds
@LIMITS
@given(data=st.data())
def test_every_field_is_reached(kind: str, data: st.DataObject) -> None:
    doc = data.draw(documents(fields_of(handler_for(kind).spec), full=True))
    assert {leaf.general for leaf in leaves(kind, doc)} == set(model_leaves(kind))


@all_kinds
@LIMITS
@given(data=st.data())
def test_another_value_is_drift_in_just_that_field(kind: str, data: st.DataObject) -> None:
    doc = data.draw(documents(fields_of(handler_for(kind).spec), full=True))
    for leaf in leaves(kind, doc):
        live = moved(leaf, doc, data)
        changes = compared(kind, doc, live)
        if leaf.field.policy(WriteOnly):
            assert changes == [], f"{leaf} can't be seen"
            continue
        if leaf.rekeyed:  # another key: the entry is gone, and another one is there
            assert {c.wanted is None for c in changes} == {True, False}, leaf
            assert all(c.is_drift for c in changes)
            continue
        if leaf.field.policy(Achieved) and not changes:
            assert dig(live, leaf.steps) > dig(doc, leaf.steps), leaf
            continue
        (change,) = changes
        assert leaf.named_by(change.path), leaf
        if leaf.field.policy(Achieved):
            assert change.cause == "pending", leaf
            continue
        if change.cls == "owned":
            assert leaf.field.policy(OwnedBy), leaf
            assert not change.is_drift
            continue
        assert change.cause == "drift", leaf
        assert change.cls == ("immutable" if leaf.field.policy(CreateOnly) else "differs")
        assert change.was == change.wanted, leaf
        assert change.now != change.wanted, leaf


@all_kinds
@LIMITS
@given(data=st.data())
def test_a_value_that_is_gone_is_drift_unless_it_was_the_default(
    kind: str, data: st.DataObject
) -> None:
    doc = data.draw(documents(fields_of(handler_for(kind).spec), full=True))
    for leaf in leaves(kind, doc):
        if leaf.deed != "other" or leaf.field.policy(WriteOnly) or leaf.rekeyed:
            continue
        if isinstance(leaf.steps[-1], int):
            continue
        live = without(doc, leaf.steps)
        changes = compared(kind, doc, live)
        default = leaf.field.policy(ServerDefault)
        said = default and default.of(Situation(doc, live))
        if default and canonical(leaf.field, said) == canonical(leaf.field, leaf.value):
            assert changes == [], leaf
        elif changes and changes[0].cls == "owned":
            assert leaf.field.policy(OwnedBy), leaf
        else:
            (change,) = changes
            assert leaf.path.startswith(change.path), leaf
            cause = "pending" if leaf.field.policy(Achieved) else "drift"
            assert (change.cause, change.now) == (cause, None), leaf


@all_kinds
@LIMITS
@given(data=st.data())
def test_what_is_not_declared_is_never_drift(kind: str, data: st.DataObject) -> None:
    """Whatever AWS shows in a field outside the spec: reported at most, never drift, no write."""
    full = data.draw(documents(fields_of(handler_for(kind).spec), full=True))
    for leaf in leaves(kind, full):
        if leaf.deed != "other" or isinstance(leaf.steps[-1], int) or in_map(leaf):
            continue
        desired = without(full, leaf.steps)
        changes = compared(kind, desired, full)
        owner = leaf.field.policy(OwnedBy)
        if leaf.field.policy(WriteOnly) or leaf.field.policy(AnyWhenUndeclared):
            assert changes == [], leaf
            continue
        if leaf.rekeyed:
            continue
        if owner and owner.wanted:  # it may overstep its bounds, which is drift
            assert {c.cls for c in changes} <= {"differs", "undeclared"}, leaf
            continue
        theirs = owner and owner.when(Situation(desired, full), None, leaf.value)
        reported = "owned" if theirs else "undeclared"
        assert [c.cls for c in changes] in ([], [reported]), leaf
        default = leaf.field.policy(ServerDefault)
        if default is not None:
            said = default.of(Situation(desired, full))
            if said is not None:
                live = with_value(full, leaf.steps, copy.deepcopy(said))
                assert compared(kind, desired, live) == [], f"{leaf}: the default is in sync"
            if canonical(leaf.field, said) != canonical(leaf.field, leaf.value):
                assert [c.cls for c in changes] == [reported], f"{leaf}: reported"


def in_map(leaf: Leaf) -> bool:
    """True for an entry of a map: it is declared by its map."""
    return str(leaf.steps[-1]) == getattr(leaf.parts[-1], "key", None)


def moved(leaf: Leaf, doc: Doc, data: st.DataObject) -> Doc:
    """The document after the leaf's deed."""
    if leaf.deed == "fewer":
        return with_value(doc, leaf.steps, leaf.value[1:])
    if leaf.deed == "gone":
        return without(doc, leaf.steps)
    if leaf.deed == "more":
        if leaf.field.shape == "list" and leaf.value is not None:
            return with_value(doc, leaf.steps, [*leaf.value, added(leaf.field)])
        return with_value(doc, leaf.steps, data.draw(values(leaf.field, full=True)))
    now = dig(doc, leaf.steps)
    if isinstance(now, list):
        unordered = leaf.field.policy(Unordered)
        assert unordered is None or not unordered.key
    return with_value(doc, leaf.steps, other(leaf.field.annotation, now))


def added(field: Field) -> Any:
    """One more entry for a list of scalars."""
    return 4999 if "int" in str(field.annotation) else "another"
