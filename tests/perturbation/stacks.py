"""The CloudFormation stack that the rich manifest of `Stack` watches: others deploy it."""

from __future__ import annotations

from tests.harness import Plant

STACK = "litellm-production-full"
TEMPLATE = """\
Resources:
  Address:
    Type: AWS::SSM::Parameter
    Properties: {Name: /shop/address, Type: String, Value: here}
"""


def stand(plant: Plant) -> None:
    """Deploy it, if the environment names one."""
    if "kind: Stack" in plant.text:
        plant.aws.client("cloudformation").create_stack(StackName=STACK, TemplateBody=TEMPLATE)
        plant.later(60)
