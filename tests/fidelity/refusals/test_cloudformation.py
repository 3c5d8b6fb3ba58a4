"""What CloudFormation rejects of what the kind Stack asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_"
TEMPLATE = """\
Resources:
  Address:
    Type: AWS::SSM::Parameter
    Properties: {Name: /shop/address, Type: String, Value: here}
"""
STACK, FRESH = {"StackName": "shop"}, "fresh"
REVERT = {"DeploymentMode": "REVERT_DRIFT", "UsePreviousTemplate": True}
THERE = "what there is in AWS"
GONE = {"StackName": "no"}


def row(operation: str, why: str, code: str, says: str, **request: Any) -> Refusal:
    return Refusal(f"cloudformation:{operation}", why, request, code, f"{API}{operation}.html",
                   says, only_aws_knows=THERE)  # fmt: skip


REFUSALS = (
    row("CreateChangeSet", "of a stack that is not there", "ValidationError", "does not exist",
        **GONE, **REVERT, ChangeSetName="new"),
    row("CreateChangeSet", "a name that is taken", "AlreadyExistsException", "cannot be created",
        **STACK, **REVERT, ChangeSetName=FRESH),
    row("ExecuteChangeSet", "one that is not there", "ChangeSetNotFound", "does not exist",
        **STACK, ChangeSetName="no"),
    row("ExecuteChangeSet", "one that is still being made", "InvalidChangeSetStatus",
        "cannot be executed", **STACK, ChangeSetName=FRESH),
    row("DeleteChangeSet", "of a stack that is not there", "ValidationError", "does not exist",
        **GONE, ChangeSetName=FRESH),
    row("UpdateTerminationProtection", "of a stack that is not there", "ValidationError",
        "does not exist", **GONE, EnableTerminationProtection=True),
)  # fmt: skip


def stacks(aws: boto3.Session, world: World) -> None:
    """A stack that has ended, and a change set that has only begun."""
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(**STACK, TemplateBody=TEMPLATE)
    world.clock.advance(timedelta(minutes=5))
    cloudformation.create_change_set(**STACK, **REVERT, ChangeSetName=FRESH)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("stacks", stacks))


def test_what_the_rows_change_something_of_is_taken() -> None:
    cloudformation = session_of(stage("stacks", stacks)).client("cloudformation")
    cloudformation.create_change_set(**STACK, **REVERT, ChangeSetName="new")
    cloudformation.delete_change_set(**STACK, ChangeSetName=FRESH)
    cloudformation.update_termination_protection(**STACK, EnableTerminationProtection=True)


def test_every_write_is_refused_something() -> None:
    assert calls_of("Stack") == {r.call for r in REFUSALS}
