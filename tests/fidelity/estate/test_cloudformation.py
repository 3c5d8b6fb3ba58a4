"""The sandbox's CloudFormation: what it makes is as if made by AWS's own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.clock import Clock
from sandbox.errors import NotSimulated
from sandbox.inprocess import session
from sandbox.pytest_plugin import new_world
from sandbox.world import World

NETWORK = """
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.9.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.9.0.0/24,
      AvailabilityZone: !Select [0, !GetAZs ""]}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.9.1.0/24,
      AvailabilityZone: !Select [1, !GetAZs ""]}}
"""
LOGS = "  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 7}}\n"


class Stacks:
    """Makes stacks and lets them come about."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.aws = session(world)
        self.client: Any = self.aws.client("cloudformation")

    def make(
        self, resources: str, head: str = "", name: str = "Shop", **more: Any
    ) -> dict[str, Any]:
        """A stack of these resources, at rest."""
        body = f"{head}\nResources:\n{resources}"
        self.client.create_stack(StackName=name, TemplateBody=body, **more)
        return self.rest(name)

    def rest(self, name: str, minutes: int = 20) -> dict[str, Any]:
        """The stack when nothing happens any more."""
        self.world.clock.advance(timedelta(minutes=minutes))
        found: dict[str, Any] = self.client.describe_stacks(StackName=name)["Stacks"][0]
        return found

    def made(self, name: str = "Shop") -> dict[str, str]:
        """Logical → physical id."""
        found = self.client.describe_stack_resources(StackName=name)["StackResources"]
        return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found}


@pytest.fixture
def stacks(world: World) -> Stacks:
    return Stacks(world)


def test_names_and_tags_are_cloudformations(stacks: Stacks) -> None:
    stack = stacks.make(
        NETWORK
        + LOGS
        + """
  Data: {Type: AWS::RDS::DBSubnetGroup, Properties: {DBSubnetGroupDescription: x,
      SubnetIds: [!Ref A, !Ref B]}}
  Cache: {Type: AWS::ElastiCache::SubnetGroup, Properties: {Description: x,
      SubnetIds: [!Ref A, !Ref B], Tags: [{Key: team, Value: mine}]}}
  Secret: {Type: AWS::SecretsManager::Secret, Properties: {GenerateSecretString: {
      SecretStringTemplate: '{"username": "app"}', GenerateStringKey: password,
      PasswordLength: 20}}}
""",
        Tags=[{"Key": "team", "Value": "all"}],
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    made, aws = stacks.made(), stacks.aws
    assert re.fullmatch(r"Shop-Logs-[A-Z0-9]{12}", made["Logs"])
    assert re.fullmatch(r"shop-data-[a-z0-9]{12}", made["Data"])
    own = {
        "aws:cloudformation:stack-name": "Shop",
        "aws:cloudformation:stack-id": stack["StackId"],
    }
    tags = aws.client("logs").list_tags_log_group(logGroupName=made["Logs"])["tags"]
    assert tags == {"team": "all", **own, "aws:cloudformation:logical-id": "Logs"}
    arn = f"arn:aws:elasticache:us-east-1:{stacks.world.account}:subnetgroup:{made['Cache']}"
    found = aws.client("elasticache").list_tags_for_resource(ResourceName=arn)["TagList"]
    assert found == [{"Key": "team", "Value": "mine"}]  # its provider adds no tags of AWS's
    value = aws.client("secretsmanager").get_secret_value(SecretId=made["Secret"])["SecretString"]
    assert re.fullmatch(r'\{"username": "app", "password": ".{20,}"\}', value)


def test_each_value_of_a_list_matches_the_pattern_and_rules_hold(stacks: Stacks) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"""
    head = """
Parameters: {Ids: {Type: CommaDelimitedList, AllowedPattern: "[a-z]+"}, Zone: {Type: String}}
Rules:
  Named:
    RuleCondition: !Equals [!Ref Zone, none]
    Assertions: [{Assert: !Not [!Equals [!Ref Zone, none]], AssertDescription: name a zone}]
"""

    def make(ids: str, zone: str) -> str:
        values = {"Ids": ids, "Zone": zone}
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]
        return str(stacks.make(LOGS, head, Parameters=given)["StackStatus"])

    with pytest.raises(ClientError, match=r"Parameter Ids failed to satisfy constraint"):
        make("one,Two", "a")
    with pytest.raises(ClientError, match="name a zone"):
        make("one", "none")
    assert make("one,two", "a") == "CREATE_COMPLETE"


def test_a_failure_takes_everything_back(stacks: Stacks) -> None:
    stack = stacks.make(
        NETWORK
        + LOGS
        + """
  Bad: {Type: AWS::RDS::DBSubnetGroup, DependsOn: Logs, Properties: {
      DBSubnetGroupDescription: x, SubnetIds: [!Ref A]}}
"""
    )
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = stacks.client.describe_stack_events(StackName="Shop")["StackEvents"]
    [failed] = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Bad"
    assert "DBSubnetGroupDoesNotCoverEnoughAZs" in failed["ResourceStatusReason"]
    assert stacks.aws.client("logs").describe_log_groups()["logGroups"] == []


def test_deleted_but_for_what_is_retained(stacks: Stacks) -> None:
    kept = "  Kept: {Type: AWS::Logs::LogGroup, DeletionPolicy: Retain}\n"
    alarm = """
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {Namespace: N, MetricName: !Ref Logs,
      Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: "1.5",
      ComparisonOperator: GreaterThanThreshold}}
"""
    stack = stacks.make(LOGS + kept + alarm)
    made = stacks.made()
    [found] = stacks.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert (found["MetricName"], found["Threshold"]) == (made["Logs"], 1.5)
    stacks.client.delete_stack(StackName="Shop")
    assert stacks.rest(stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    groups = stacks.aws.client("logs").describe_log_groups()["logGroups"]
    assert [g["logGroupName"] for g in groups] == [made["Kept"]]
    with pytest.raises(ClientError, match="Stack with id Shop does not exist"):
        stacks.client.describe_stacks(StackName="Shop")


ROLE = """
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
"""


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("Resources: {}", "At least one Resources member must be defined"),
        (f"Resources:\n{LOGS}  Same: &x {{Type: AWS::SNS::Topic}}\n  More: *x", "aliases"),
        ("Resources: {A: {Type: AWS::Logs::Groups}}", "Unrecognized resource types"),
        ("Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref B}}}",
         r"Unresolved resource dependencies \[B\]"),
        ("Resources: {A: {Type: AWS::SNS::Topic, DependsOn: A}}", "Circular dependency"),
        (f"Parameters: {{Name: {{Type: String}}}}\nResources:\n{LOGS}", "must have values"),
        (f"Resources:\n{ROLE}", "CAPABILITY_IAM"),
    ],
)  # fmt: skip
def test_refused_at_once(stacks: Stacks, template: str, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        stacks.client.create_stack(StackName="Shop", TemplateBody=template)
    assert stacks.client.describe_stacks()["Stacks"] == []


def test_a_property_that_its_schema_has_not(stacks: Stacks) -> None:
    stack = stacks.make("  A: {Type: AWS::Logs::LogGroup, Properties: {Retention: 3}}", name="One")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = stacks.client.describe_stack_events(StackName="One")["StackEvents"]
    assert "extraneous key [Retention] is not permitted" in str(events)


def test_what_it_does_not_simulate_ends_the_test() -> None:
    stacks = Stacks(new_world(1))
    with pytest.raises(NotSimulated, match="AWS::Lambda::Function"):
        stacks.make("  F: {Type: AWS::Lambda::Function, Properties: {}}")


def test_parameters_conditions_and_functions(stacks: Stacks) -> None:
    stacks.aws.client("ssm").put_parameter(Name="/days", Value="30", Type="String")
    head = """
Parameters:
  Days: {Type: "AWS::SSM::Parameter::Value<String>", Default: /days}
  Names: {Type: CommaDelimitedList}
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
Mappings: {Words: {dev: {word: try}, prod: {word: live}}}
Conditions:
  Prod: !Equals [!Ref Stage, prod]
  Odd: !Or [!Not [!Condition Prod], !And [!Condition Prod, !Equals [a, b]]]
Outputs:
  Arn: {Value: !GetAtt One.Arn, Export: {Name: !Sub "${AWS::StackName}:arn"}}
  Gone: {Condition: Prod, Value: x}"""
    stack = stacks.make(
        """
  One:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Join ["/", ["", !Select [1, !Ref Names], !FindInMap [Words, !Ref Stage, word]]]
      RetentionInDays: !Ref Days
      KmsKeyId: !If [Prod, "arn:aws:kms:us-east-1:1:key/1", !Ref AWS::NoValue]
  Two: {Type: AWS::SNS::Topic, Condition: Prod}
  Three: {Type: AWS::SNS::Topic, Condition: Odd, Properties: {
      TopicName: !Sub ["${A}-${!B}-${AWS::Region}", {A: !Select [0, [hi, ho]]}]}}
""".replace("${!B}", "b"),
        head,
        Parameters=[{"ParameterKey": "Names", "ParameterValue": "zero, one"}],
    )
    made = stacks.made()
    assert set(made) == {"One", "Three"}
    assert made["Three"].endswith(":hi-b-us-east-1")
    [group] = stacks.aws.client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/one/try", 30)
    assert [o["OutputValue"] for o in stack["Outputs"]] == [f"{group['logGroupArn']}:*"]
    other = stacks.make(
        '  A: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Select [6, !Split [":", '
        '!ImportValue "Shop:arn"]], LogGroupClass: STANDARD}}',
        name="Other",
    )
    assert other["StackStatus"] == "ROLLBACK_COMPLETE"  # there is one of this name


def test_it_comes_about_while_the_clock_runs_by_itself() -> None:
    world = new_world(1, clock=Clock(speed=2000))
    aws: boto3.Session = session(world)
    client = aws.client("cloudformation")
    client.create_stack(StackName="Now", TemplateBody=f"Resources:\n{LOGS}")
    client.get_waiter("stack_create_complete").wait(
        StackName="Now", WaiterConfig={"Delay": 0, "MaxAttempts": 5000}
    )
    assert len(aws.client("logs").describe_log_groups()["logGroups"]) == 1
