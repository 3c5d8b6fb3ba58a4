"""What makes two planned actions the same intention."""

from __future__ import annotations

from typing import Any

import pytest

from controller.handler import Action
from controller.plan import fingerprint


def of(**params: Any) -> str:
    return fingerprint("WebACL/edge", Action("wafv2", "UpdateWebACL", params))


def test_the_order_of_lists_makes_no_other_intention() -> None:
    """AWS shows lists in any order; what is sent back whole is tried three times, not for ever."""
    one = [{"Name": "a", "Ids": ["x", "y"]}, {"Name": "b"}]
    other = [{"Name": "b"}, {"Ids": ("y", "x"), "Name": "a"}]
    assert of(Rules=one) == of(Rules=other)


@pytest.mark.parametrize(
    "other", [{"Rules": [1]}, {"Rules": [1, 2, 2]}, {"Rules": [[1, 2]]}, {"Rule": [1, 2]}]
)
def test_anything_else_does(other: dict[str, Any]) -> None:
    assert of(Rules=[1, 2]) != of(**other)


def test_tokens_do_not_count() -> None:
    one, other = (
        Action("wafv2", "UpdateWebACL", {"Id": "1"}, volatile={"LockToken": t}) for t in "ab"
    )
    assert fingerprint("WebACL/edge", one) == fingerprint("WebACL/edge", other)
