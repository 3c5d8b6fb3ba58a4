"""What AWS fills in where nothing is written, beside what our policies and texts say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import PydanticUndefined

from controller.policies import (
    ActionOption,
    AnyWhenUndeclared,
    OwnedBy,
    ServerDefault,
    Situation,
    WriteOnly,
)
from controller.wording import described
from tests.fidelity.schemas import ours, words
from tests.fidelity.schemas.places import Place, paths, place
from tests.fidelity.schemas.said import Said

OURS = re.compile(r"AWS's (?:own )?default|AWS has no default")


def stated(said: Said, spot: Place) -> Iterator[str]:
    """A schema's `default`."""
    if said.default is not None and spot.info is not None:
        value = {"enabled": True, "disabled": False}.get(str(said.default).lower(), said.default)
        if "switch" not in spot.sort:
            value = said.default
        yield _value(said.kind, spot, value)


def unsaid(kind: str, spot: Place, entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is read of AWS's words."""
    means = entry.get("is", "nothing")
    if means == "nothing" or spot.policy(ActionOption) or spot.policy(WriteOnly):
        return
    if isinstance(means, list) and all(isinstance(c, dict) and "when" in c for c in means):
        wrong = [c for c in means if _value(kind, spot, c["is"], c["when"])]
        for case in wrong:
            yield "default", _value(kind, spot, case["is"], case["when"])
        if not wrong:
            yield "default", ""
    elif means == "chosen":
        yield "default", _chosen(spot)
    elif means is None:
        yield "default", _none(spot)
    else:
        yield "default", _value(kind, spot, means)


def _own(spot: Place) -> Any:
    """What our model puts there; None for nothing."""
    if spot.info is None or spot.info.is_required():
        return None
    value = spot.info.get_default(call_default_factory=True, validated_data={})
    return None if value is PydanticUndefined or value in ([], {}) else value


def _needed(spot: Place) -> bool:
    return spot.info is not None and spot.info.is_required()


def _told(spot: Place) -> bool:
    """Whether our text says what AWS's default is, since ours is another."""
    if spot.owner is None:
        return False
    return OURS.search(" ".join(described(spot.owner, spot.info, spot.path).split())) is not None


def _value(kind: str, spot: Place, value: Any, when: dict[str, Any] | None = None) -> str:
    where = f" with {when}" if when else ""
    if _needed(spot):
        return ""
    own, policy = _own(spot), spot.policy(ServerDefault)
    if own is not None:
        if own == value or _told(spot):
            return ""
        return f"{value!r} there{where}, {own!r} here, and the text doesn't say so"
    if policy is not None:
        said = _said(kind, policy, when)
        return "" if value in said else f"{value!r} there{where}, {said} here"
    if spot.policy(AnyWhenUndeclared) or _owned(spot):
        return f"{value!r} there{where}, anything here"
    return f"{value!r} there{where}, unknown here"


def _said(kind: str, policy: ServerDefault, when: dict[str, Any] | None) -> list[Any]:
    """The values that the policy gives: in that situation, or in those of the rich manifests."""
    if not callable(policy.value):
        return [policy.value]
    if when is not None:
        return [policy.of(Situation(when, when))]
    found: list[Any] = []
    for doc in ({}, *ours.manifests(kind)):
        value = policy.of(Situation(doc, doc))
        if value not in found:
            found.append(value)
    return found


def _owned(spot: Place) -> bool:
    owner = spot.policy(OwnedBy)
    return owner is not None and owner.wanted is not None


def _chosen(spot: Place) -> str:
    policy = spot.policy(ServerDefault)
    if _needed(spot) or spot.policy(AnyWhenUndeclared) or _owned(spot):
        return ""
    if policy is not None and callable(policy.value):
        return ""
    if _own(spot) is not None:
        return ""
    return "AWS's choice there, reported as undeclared here"


def _none(spot: Place) -> str:
    own = _own(spot)
    if own is None or _told(spot):
        return ""
    return f"nothing there, {own!r} here, and the text doesn't say so"


def undocumented(kind: str) -> Iterator[tuple[Place, str]]:
    """Defaults that a policy folds though no schema and no words of AWS's name them."""
    table = words.table(kind)
    seen: set[str] = set()
    for path in paths(kind):
        spot = place(kind, path)
        assert spot
        policy = spot.policy(ServerDefault)
        if policy is None or spot.at in seen:
            continue
        seen.add(spot.at)
        means = table.get(spot.at, {}).get("unsaid", {}).get("is", "nothing")
        if means == "nothing":
            value = "computed" if callable(policy.value) else repr(policy.value)
            yield spot, f"{value} here, not said there"
