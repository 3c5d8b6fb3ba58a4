"""What AWS can't have sent is no answer: it is neither an empty list nor the end of a pass."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from controller.aws import Aws, AwsFailure
from sandbox import wire
from sandbox.inprocess import session
from sandbox.world import World

READS = (
    ("logs", "DescribeLogGroups", {}),  # JSON
    ("rds", "DescribeDBParameterGroups", {}),  # query
    ("ec2", "DescribeVpcs", {}),  # ec2
)
SENSELESS = (
    b"<html><body>Please sign in</body></html>",
    b'<?xml version="1.0"?><html/>',
    b"Bad gateway",
    b"",
    b"null",
    b"[]",
    b'{"logGroups": [{"logGroupName": "li',
    b"<DescribeVpcsResponse><vpcSet>",
    b"<DescribeDBParameterGroupsResponse><DescribeDBParameterGroupsResult>",
)


def door(world: World) -> Aws:
    return Aws(session(world)._session, region=world.region, account=world.account)


@pytest.mark.parametrize(("service", "operation", "params"), READS)
@pytest.mark.parametrize("body", SENSELESS)
def test_what_makes_no_sense_is_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch,
    service: str, operation: str, params: dict[str, str], body: bytes,
) -> None:  # fmt: skip
    monkeypatch.setattr(wire, "_PAGE", wire.Reply(200, {}, body))
    world.fault("garbled", f"{service}:{operation}", times=9)
    with pytest.raises(AwsFailure) as failed:
        door(world).read(service, operation, params)
    assert failed.value.failure == "down"


@pytest.mark.parametrize(("service", "operation", "params"), READS)
def test_what_is_empty_and_whole_is_an_answer(
    world: World, service: str, operation: str, params: dict[str, str]
) -> None:
    door(world).read(service, operation, params)


def test_a_call_that_replies_nothing_may_reply_nothing(world: World) -> None:
    aws = Aws(
        session(world)._session,
        region=world.region,
        account=world.account,
        permit=lambda call: None,
    )
    aws.write("logs", "CreateLogGroup", {"logGroupName": "app"})


def test_the_check_is_there_for_both_sorts_of_client(world: World) -> None:
    aws = door(world)
    for once in (False, True):
        client = aws._clients.get("ecs", once=once)
        assert Stubber(client)
        world.fault("garbled", "ecs:ListClusters", times=1)
        with pytest.raises(Exception, match="ListClusters"):
            client.list_clusters()
