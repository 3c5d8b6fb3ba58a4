"""IP sets: addresses as a set, whole calls under a lock token."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.handler import Absent, Present
from controller.kindlib.reading import tag_list
from controller.kinds import handler_for
from controller.policies import Doc
from tests.unit.kinds.kit import changes, differing, planned, reported, target

HANDLER = handler_for("IPSet")
TOKEN = "1111aaaa-22bb-33cc-44dd-555555eeeeee"
ARN = f"arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/test-x/{TOKEN}"


def aim(**spec: Any) -> Any:
    return target(HANDLER, "test-x", {"addresses": [], **spec})


def seen(*addresses: str, version: str = "IPV4", description: str = "") -> Present:
    shown: Doc = {
        "Name": "test-x", "Id": TOKEN, "ARN": ARN, "IPAddressVersion": version,
        "Addresses": list(addresses), "Description": description,
    }  # fmt: skip
    return Present({
        "set": shown, "lockToken": TOKEN, "scope": "REGIONAL", "arn": ARN, "tags": aim().tags,
    })  # fmt: skip


def test_made_in_one_call() -> None:
    (create,) = planned(HANDLER, aim(addresses=["192.0.2.7/24"], description="ours"), Absent())
    assert create.params == {
        "Name": "test-x", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Description": "ours",
        "Addresses": ["192.0.2.0/24"], "Tags": tag_list(aim().tags),
    }  # fmt: skip
    (empty,) = planned(HANDLER, aim(), Absent())
    assert "Description" not in empty.params


@pytest.mark.parametrize(
    ("declared", "shown", "version"),
    [
        (["10.0.0.0/8", "192.0.2.0/24"], ["192.0.2.0/24", "10.0.0.0/8"], "IPV4"),
        (["2001:db8::/32"], ["2001:0db8:0000:0000:0000:0000:0000:0000/32"], "IPV6"),
        (["2001:DB8:0::1/128"], ["2001:0db8:0000:0000:0000:0000:0000:0001/128"], "IPV6"),
        ([], [], "IPV4"),
    ],
)
def test_one_set_in_two_spellings_is_one_set(
    declared: list[str], shown: list[str], version: str
) -> None:
    """Case 138."""
    live = seen(*shown, version=version)
    wanted = aim(addresses=declared, ipAddressVersion=version)
    assert reported(changes(HANDLER, wanted, live)) == set()
    assert reported(changes(HANDLER, aim(**HANDLER.to_spec(live.doc)), live)) == set()


def test_an_address_added_by_hand_is_taken_out_and_the_rest_sent_as_it_was() -> None:
    live = seen("192.0.2.0/24", "203.0.113.7/32", description="theirs")
    found = changes(HANDLER, aim(addresses=["192.0.2.0/24"]), live)
    assert differing(found) == {"addresses": (["192.0.2.0/24", "203.0.113.7/32"], ["192.0.2.0/24"])}
    (update,) = planned(HANDLER, aim(addresses=["192.0.2.0/24"]), live)
    assert (update.operation, update.volatile) == ("UpdateIPSet", {"LockToken": TOKEN})
    assert update.params == {
        "Name": "test-x", "Scope": "REGIONAL", "Id": TOKEN, "Addresses": ["192.0.2.0/24"],
        "Description": "theirs",
    }  # fmt: skip
    (delete,) = HANDLER.delete(aim(), live)
    assert delete.volatile == {"LockToken": TOKEN}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"addresses": ["0.0.0.0/0"]}, "not /0"),
        ({"addresses": ["192.0.2.1"]}, "…/32"),
        ({"addresses": ["192.0.2.0/33"]}, "CIDR block"),
        ({"addresses": ["2001:db8::/32"]}, "is not of ipAddressVersion: IPV4"),
        ({"addresses": ["10.0.0.0/8"], "ipAddressVersion": "IPV6"}, "not of ipAddressVersion"),
        ({"addresses": ["10.0.0.0/32"] * 10_001}, "10000|10,000"),
        ({"description": " x "}, "3-256"),
    ],
)
def test_what_is_no_ip_set(spec: Doc, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        aim(**spec)
