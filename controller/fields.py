"""A spec model as a tree of fields: what `diff`, `explain` and the reference docs walk."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controller.policies import Policy

Shape = Literal["scalar", "object", "list", "map"]
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its shape, its policies and what is inside it.

    name: as written in the file. members: of an object. item: of a list or map.
    """

    name: str
    shape: Shape
    policies: tuple[Policy, ...] = ()
    members: dict[str, Field] = field(default_factory=dict)
    item: Field | None = None
    model: type[BaseModel] | None = None
    info: FieldInfo | None = None
    annotation: Any = None

    def policy(self, of: type[P]) -> P | None:
        """This field's policy of that class, if it has one."""
        for policy in self.policies:
            if isinstance(policy, of):
                return policy
        return None


@cache
def fields_of(model: type[BaseModel]) -> Field:
    """The field tree of a spec model; its root is an object without a name."""
    return _object("", (), model, None)


def _object(
    name: str, policies: tuple[Policy, ...], model: type[BaseModel], info: FieldInfo | None
) -> Field:
    members = {}
    for attribute, member in model.model_fields.items():
        alias = member.alias or attribute
        members[alias] = _field(alias, member.annotation, _policies(member.metadata), member)
    return Field(name, "object", policies, members, None, model, info, model)


def _policies(metadata: Any) -> tuple[Policy, ...]:
    return tuple(m for m in metadata if isinstance(m, Policy))


def _field(
    name: str, annotation: Any, policies: tuple[Policy, ...], info: FieldInfo | None = None
) -> Field:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        return _field(name, inner, policies + _policies(metadata), info)
    if origin in (Union, types.UnionType):
        arms = [arm for arm in get_args(annotation) if arm is not type(None)]
        shaped = [_field(name, arm, policies, info) for arm in arms]
        deep = [f for f in shaped if f.shape != "scalar"]
        return deep[0] if deep else Field(name, "scalar", _merge(shaped), info=info,
                                          annotation=annotation)  # fmt: skip
    if origin in (list, tuple):
        item = _field("", get_args(annotation)[0], ())
        return Field(name, "list", policies, {}, item, None, info, annotation)
    if origin is dict:
        item = _field("", get_args(annotation)[1], ())
        return Field(name, "map", policies, {}, item, None, info, annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _object(name, policies, annotation, info)
    return Field(name, "scalar", policies, info=info, annotation=annotation)


def _merge(arms: list[Field]) -> tuple[Policy, ...]:
    merged: list[Policy] = []
    for arm in arms:
        merged.extend(p for p in arm.policies if p not in merged)
    return tuple(merged)
