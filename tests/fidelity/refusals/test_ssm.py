"""What Systems Manager rejects of parameters."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
BAD = "ValidationException"
THERE = "what there is in AWS"
NAME = "the name is checked when the file is read: tests/unit/kinds/test_parameter.py"
OURS = "Plumbline sends no such thing"
WHO = {"ResourceType": "Parameter"}


def row(
    operation: str, why: str, load: Load, says: str = "", code: str = BAD, **request: Any
) -> Refusal:
    """load: (spec, what is said of it), or why no file can tell."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("Parameter", *load)}  # fmt: skip
    return Refusal(f"ssm:{operation}", why, request, code, f"{API}{operation}.html", says, None,
                   **told)  # fmt: skip


def put(why: str, load: Load, says: str = "", code: str = BAD, **request: Any) -> Refusal:
    asked = {"Name": "new", "Type": "String", "Value": "x", **request}
    return row("PutParameter", why, load, says, code, **asked)


def over(why: str, load: Load, says: str = "", code: str = BAD, **request: Any) -> Refusal:
    return put(why, load, says, code, **{"Name": "there", "Overwrite": True, **request})


REFUSALS = (
    put("a name that is taken", THERE, "already exists", "ParameterAlreadyExists", Name="there"),
    put("a name of AWS's", NAME, "can't be prefixed", Name="/aws/x"),
    put("a name with a blank", NAME, "sub-path", Name="a b"),
    put("sixteen levels", NAME, "15 levels", "HierarchyLevelLimitExceededException",
        Name="/x" * 16),
    put("no value", ("value: ''", "at least 1"), "greater than or equal to 1", Value=""),
    put("a value in a value", ("value: '{{ssm:x}}'", "names another parameter"), "nest",
        Value="{{ssm:x}}"),
    put("a value too long", (f"value: {'x' * 4097}", "at most 4096 bytes"), "maximum",
        Value="x" * 4097, Tier="Standard"),
    put("an advanced value too long", (f"value: {'x' * 8193}, tier: Advanced", "at most 8192"),
        "maximum", Value="x" * 8193, Tier="Advanced"),
    put("an unknown sort of data", ("value: x, dataType: number", 'found "number"'),
        "not supported", DataType="number"),
    put("an unknown type", ("value: x, type: Number", 'found "Number"'), "",
        "UnsupportedParameterType", Type="Number"),
    put("a pattern that is none", "AWS's expressions are not Python's", "not valid",
        "InvalidAllowedPatternException", AllowedPattern="["),
    put("a value that the pattern does not allow", "AWS's expressions are not Python's",
        "cannot be validated", "ParameterPatternMismatchException", AllowedPattern="^[0-9]+$"),
    put("a tag of AWS's own", ('value: x, tags: {"aws:x": y}', "does not begin with aws:"),
        Tags=[{"Key": "aws:x", "Value": "y"}]),
    over("tags beside a change", OURS, "can't be used together",
         Tags=[{"Key": "a", "Value": "b"}]),
    over("a lower tier", THERE, "can't downgrade", Name="large", Tier="Standard"),
    over("another type in a hierarchy", THERE, "changing a parameter type",
         "HierarchyTypeMismatchException", Name="/deep/there", Type="StringList"),
    row("DeleteParameter", "one that is not there", THERE, "not found", "ParameterNotFound",
        Name="no"),
    row("AddTagsToResource", "one that is not there", THERE, "not valid", "InvalidResourceId",
        **WHO, ResourceId="no", Tags=[{"Key": "a", "Value": "b"}]),
    row("RemoveTagsFromResource", "one that is not there", THERE, "not valid",
        "InvalidResourceId", **WHO, ResourceId="no", TagKeys=["a"]),
)  # fmt: skip


def parameters(aws: boto3.Session, world: World) -> None:
    """A plain one, one in a hierarchy, and one of the advanced tier."""
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="there", Type="String", Value="x", Tags=[{"Key": "t", "Value": "t"}])
    ssm.put_parameter(Name="/deep/there", Type="String", Value="x")
    ssm.put_parameter(Name="large", Type="String", Value="x" * 5000, Tier="Intelligent-Tiering")


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("ssm", parameters))


def test_what_the_rows_change_something_of_is_taken() -> None:
    world = stage("ssm", parameters)
    ssm = session_of(world).client("ssm")
    ssm.put_parameter(Name="new", Type="String", Value="7", AllowedPattern="^[0-9]+$")
    ssm.put_parameter(Name="there", Type="StringList", Value="a,b", Overwrite=True)
    ssm.put_parameter(Name="large", Value="y", Overwrite=True)
    ssm.add_tags_to_resource(**WHO, ResourceId="there", Tags=[{"Key": "a", "Value": "b"}])
    ssm.remove_tags_from_resource(**WHO, ResourceId="there", TagKeys=["a"])
    ssm.delete_parameter(Name="there")


def test_every_write_is_refused_something() -> None:
    assert calls_of("Parameter") == {r.call for r in REFUSALS}
