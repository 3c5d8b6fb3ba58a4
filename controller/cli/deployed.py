"""A deployed control plane, as its stack tells of it: where its state, queue and parameters are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from controller.cli.main import Failed
from controller.envelope import Mode
from controller.registry import BadRegistry, Binding, Home, NotRegistered, Registry
from controller.sources import ParameterSource, Source, StoreSource
from controller.store import S3Store, StoreFailure


@dataclass
class Deployed:
    """One stack of `template.yaml`. outputs, parameters: of the stack, by name."""

    session: botocore.session.Session
    stack: str
    status: str
    account: str
    region: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def bucket(self) -> str:
        """The state bucket. Raises `Failed` if the stack is another one."""
        try:
            return self.outputs["StateBucketName"]
        except KeyError:
            raise Failed(
                f"the stack {self.stack} ({self.status}) has no output StateBucketName: "
                "it is no control plane, or is not made yet"
            ) from None

    @property
    def mode(self) -> Mode:
        """The most that an environment may have which the registry does not name."""
        return "enforce" if self.parameters.get("Mode") == "enforce" else "observe"

    @cached_property
    def store(self) -> S3Store:
        """The state."""
        return S3Store(self.client("s3"), self.bucket)

    @property
    def path(self) -> str:
        """Where desired state may be in Parameter Store."""
        return self.parameters.get("ParameterPath", "plumbline/")

    @cached_property
    def registry(self) -> Registry:
        """The registry. Raises `Failed`."""
        try:
            return Registry.load(self.store, Home(self.account, self.region, self.mode))
        except BadRegistry as error:
            raise Failed(str(error)) from None
        except StoreFailure as error:
            raise Failed(f"state: {error}") from None

    def binding(self, environment: str) -> Binding:
        """Where an environment lives. Raises `Failed`."""
        try:
            return self.registry.binding(environment)
        except NotRegistered as error:
            raise Failed(f"{error}: bind it below spec.environments there") from None

    def source(self, environment: str, binding: Binding) -> Source:
        """Where its desired state is."""
        if binding.source == "parameterStore":
            return ParameterSource(self.client("ssm"), self.path, environment)
        return StoreSource(self.store)

    def client(self, service: str) -> Any:
        """A client in the stack's region."""
        return self.session.create_client(service, region_name=self.region)


def find(session: botocore.session.Session, stack: str) -> Deployed:
    """The control plane of that name, in the session's account and region. Raises `Failed`."""
    region = session.get_config_variable("region")
    try:
        found = session.create_client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        told = error.response.get("Error", {})
        if "does not exist" in str(told.get("Message", "")):
            raise Failed(f"no stack {stack} in {region}: name another one with --stack, or set "
                         "AWS_DEFAULT_REGION") from None  # fmt: skip
        raise Failed(f"the stack {stack} can't be read: {told.get('Code')}") from None
    except BotoCoreError as error:
        raise Failed(f"the stack {stack} can't be read: {error}") from None
    [one] = found["Stacks"]
    return Deployed(
        session, stack, one["StackStatus"],
        account=one["StackId"].split(":")[4],
        region=region,
        outputs={o["OutputKey"]: o["OutputValue"] for o in one.get("Outputs", ())},
        parameters={p["ParameterKey"]: p["ParameterValue"] for p in one.get("Parameters", ())},
    )  # fmt: skip
