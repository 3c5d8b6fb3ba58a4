"""What holds for the diff of any two documents of any kind."""

from __future__ import annotations

import copy
import json
import random
from typing import Annotated, Any, Literal

import jsonpatch
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import Field as PydanticField

from controller.diff import Views, diff, json_patch, overlay
from controller.fields import Field, fields_of
from controller.inventory import remember
from controller.kinds import KINDS, handler_for
from controller.policies import (
    CaseInsensitive,
    CreateOnly,
    Keyed,
    OwnedBy,
    ServerDefault,
    Situation,
    Unordered,
    WriteOnly,
)
from controller.spec import Model, Spec
from tests.perturbation.documents import documents

Doc = dict[str, Any]
LIMITS = settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large,
                           HealthCheck.filter_too_much],
)  # fmt: skip


class Part(Model):
    """An object with one of each."""

    number: Annotated[int | None, ServerDefault(30)] = None
    flag: Annotated[bool, ServerDefault(False)] = False
    names: Annotated[list[str], Unordered()] = PydanticField(default_factory=list)
    words: dict[str, str] = PydanticField(default_factory=dict)


class Sample(Spec):
    """Every shape and every policy, in every place."""

    scalar: str | None = None
    choice: Literal["a", "b", "c"] | None = None
    number: float | None = None
    part: Part | None = None
    atomic: dict[str, str] = PydanticField(default_factory=dict)
    keyed: Annotated[dict[str, str], Keyed()] = PydanticField(default_factory=dict)
    parts: dict[str, Part] = PydanticField(default_factory=dict)
    ordered: list[str] = PydanticField(default_factory=list)
    unordered: Annotated[list[str], Unordered(), CaseInsensitive()] = PydanticField(
        default_factory=list
    )
    rows: Annotated[list[Part], Unordered(("number",))] = PydanticField(default_factory=list)
    steps: list[Part] = PydanticField(default_factory=list)
    fixed: Annotated[str | None, CreateOnly()] = None
    shared: Annotated[str | None, OwnedBy("a robot", lambda s, d, v: v == "aaa")] = None
    hidden: Annotated[str | None, WriteOnly()] = None


MODELS = {"Sample": fields_of(Sample)} | {k: fields_of(handler_for(k).spec) for k in KINDS}
all_models = pytest.mark.parametrize("kind", MODELS)


def views(desired: Doc, live: Doc, last: Doc | None) -> Views:
    return Views(desired, live, last, {}, {}, {}, Situation(desired, live))


def told(changes: Any) -> list[tuple[str, str, str]]:
    return sorted((c.path, c.cls, c.cause) for c in changes)


@all_models
@LIMITS
@given(data=st.data())
def test_nothing_differs_from_itself(kind: str, data: st.DataObject) -> None:
    doc = data.draw(documents(MODELS[kind]))
    assert diff(MODELS[kind], views(doc, copy.deepcopy(doc), doc)) == []


@all_models
@LIMITS
@given(data=st.data())
def test_what_was_made_differs_no_more(kind: str, data: st.DataObject) -> None:
    root = MODELS[kind]
    desired, live = data.draw(documents(root)), data.draw(documents(root))
    made, last = live, live
    for _ in range(3):  # what another field holds back comes after that
        changes = [c for c in diff(root, views(desired, made, last)) if c.cls == "differs"]
        made, last = overlay(made, desired, changes), desired
    left = diff(root, views(desired, made, desired))
    assert [c for c in left if c.cls == "differs"] == []


@all_models
@LIMITS
@given(data=st.data())
def test_the_patch_says_the_same(kind: str, data: st.DataObject) -> None:
    root = MODELS[kind]
    desired, live = data.draw(documents(root)), data.draw(documents(root))
    changes = [c for c in diff(root, views(desired, live, live)) if c.cls == "differs"]
    before = copy.deepcopy(live)
    patch = json_patch(live, desired, changes)
    assert live == before, "not changed in place"
    assert jsonpatch.apply_patch(live, patch) == overlay(live, desired, changes)
    assert bool(patch) == bool(changes) or all(c.wanted is None for c in changes)


@all_models
@LIMITS
@given(data=st.data())
def test_order_means_nothing_where_it_means_nothing(kind: str, data: st.DataObject) -> None:
    root = MODELS[kind]
    doc = data.draw(documents(root))
    rng = random.Random(data.draw(st.integers(0, 99)))
    live = shuffled(root, doc, rng)
    assert diff(root, views(doc, live, doc)) == []


@all_models
@LIMITS
@given(data=st.data())
def test_what_is_left_undone_is_told_alike_the_next_time(kind: str, data: st.DataObject) -> None:
    root = MODELS[kind]
    desired, live = data.draw(documents(root)), data.draw(documents(root))
    last = data.draw(st.none() | documents(root))
    changes = diff(root, views(desired, live, last))
    again = diff(root, views(desired, live, remember(desired, changes, last)))
    assert told(again) == told(changes)


@all_models
@LIMITS
@given(data=st.data())
def test_nobody_but_us_moved_is_no_drift(kind: str, data: st.DataObject) -> None:
    """Whatever a commit changes: as long as AWS is as last applied, nothing counts as drift."""
    root = MODELS[kind]
    desired, live = data.draw(documents(root)), data.draw(documents(root))
    changes = diff(root, views(desired, live, live))
    overstepped = [c for c in changes if c.note.startswith("beyond what")]
    assert [c for c in changes if c.is_drift and c not in overstepped] == []


def test_a_newly_declared_map_is_no_drift_however_long_it_waits() -> None:
    """A commit claims a map: entries that AWS has and lacks are our change, not somebody else's."""
    root = MODELS["Sample"]
    desired, live = {"atomic": {"ours": "a"}}, {"atomic": {"theirs": "b"}}
    changes = diff(root, views(desired, live, {}))
    assert [(c.path, c.cause) for c in changes] == [
        ("atomic[ours]", "pending"), ("atomic[theirs]", "pending"),
    ]  # fmt: skip
    last = remember(desired, changes, {})
    assert told(diff(root, views(desired, live, last))) == told(changes)


def test_unordered_objects_are_equal_however_their_members_are_ordered() -> None:
    root = MODELS["WebACL"]
    one, other = {"fieldType": "BODY", "action": "HASH"}, {"fieldType": "URI", "action": "HASH"}
    doc = {"dataProtection": [one, {"action": "A", "fieldType": "Z"}, other]}
    live = {
        "dataProtection": [other, {"fieldType": "Z", "action": "A"}, dict(reversed(one.items()))]
    }
    assert diff(root, views(doc, live, doc)) == []
    assert diff(root, views(doc, live, json.loads(json.dumps(doc, sort_keys=True)))) == []


def shuffled(field: Field, value: Any, rng: random.Random) -> Any:
    """The value with every list shuffled whose order has no meaning, and every map."""
    if isinstance(value, dict) and field.shape in ("object", "map"):
        names = list(value)
        rng.shuffle(names)
        inner = field.members if field.shape == "object" else dict.fromkeys(names, field.item)
        return {n: shuffled(inner[n], value[n], rng) if inner.get(n) else value[n] for n in names}
    if isinstance(value, list) and field.shape == "list":
        items = [shuffled(field.item, v, rng) if field.item else v for v in value]
        if field.policy(Unordered):
            rng.shuffle(items)
        return items
    if isinstance(value, dict):  # a part compared as a whole
        return dict(sorted(value.items(), reverse=bool(rng.getrandbits(1))))
    return value
