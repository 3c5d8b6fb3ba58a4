"""Documents of any kind, made from its field tree: every optional part present or not."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st

from controller.fields import Field
from controller.policies import Unordered

Doc = dict[str, Any]

WORDS = st.text("abcdefgh", min_size=1, max_size=6)
KEYS = st.sampled_from(["one", "two", "three"])


def scalars(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a scalar's type: enum members, numbers, texts."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return scalars(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        arms = [a for a in get_args(annotation) if a is not type(None)]
        return st.one_of(*(scalars(a) for a in arms))
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(1, 5000)
    if annotation is float:
        return st.integers(1, 5000).map(float)
    if annotation is Any:  # a part compared as a whole
        return st.dictionaries(KEYS, WORDS | st.integers(1, 9), min_size=1, max_size=2)
    return WORDS


def values(field: Field, *, full: bool = False) -> st.SearchStrategy[Any]:
    """Values of a field, never empty ones. full: with every optional part in them."""
    if field.shape == "object":
        members = {name: values(member, full=full) for name, member in field.members.items()}
        if full:
            return st.fixed_dictionaries(members)
        return st.fixed_dictionaries({}, optional=members).filter(bool)
    item = values(field.item, full=full) if field.item else WORDS
    if field.shape == "map":
        return st.dictionaries(KEYS, item, min_size=1, max_size=2 if not full else 1)
    if field.shape == "list":
        unordered = field.policy(Unordered)
        if unordered and unordered.key:
            keys = unordered.key
            return st.lists(
                item, min_size=1, max_size=2, unique_by=lambda i: "/".join(
                    str(i[k]) for k in keys if isinstance(i, dict) and k in i
                ),
            )  # fmt: skip
        return st.lists(item, min_size=1, max_size=3, unique_by=repr)
    return scalars(field.annotation)


def documents(root: Field, *, full: bool = False) -> st.SearchStrategy[Doc]:
    """Whole specs of a kind; `full` has every field, else any subset."""
    members = {name: values(member, full=full) for name, member in root.members.items()}
    if full:
        return st.fixed_dictionaries(members)
    return st.fixed_dictionaries({}, optional=members)
