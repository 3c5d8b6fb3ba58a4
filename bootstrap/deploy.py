"""`make bootstrap ENV=…`: deploy an environment's foundation, and the control plane, from a file.

The templates beside this file become the stacks `<environment>-<template>`, in order, each by a
change set that is shown before it runs. What one stack writes to Parameter Store is the next one's
input: a template's `Metadata.plumbline.inputs` says which parameter takes which name below
`/plumbline/<environment>/`. A second run finds nothing to change.

The file is `bootstrap/<environment>.json`; `File` says what may stand in it.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import boto3
import click
import yaml
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from bootstrap import configuration
from bootstrap.configuration import Configuration

Doc = dict[str, Any]
HERE = Path(__file__).parent
Stack = Literal["security", "alarms", "storage", "network", "edge", "backup"]
ORDER: tuple[Stack, ...] = get_args(Stack)
"""The templates. Each takes only what those before it write."""

POLL_S = 5.0
sleep = time.sleep
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
REVIEW = "REVIEW_IN_PROGRESS"
"""A stack that has change sets and nothing else."""
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
           "IMPORT_ROLLBACK_COMPLETE")  # fmt: skip
"""States of a stack that an update may begin in."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")]
Values = dict[str, str]


class File(BaseModel):
    """What `bootstrap/<environment>.json` may say.

    account, region: where it is deployed; credentials of another account are refused. secrets:
    names of the Secret resources that tasks read. configuration: the application's configuration
    file, from the repository's root; it goes into the bucket of the stack `storage`. stacks:
    parameters by template. controlPlane: parameters of template.yaml; without it no control plane
    is deployed.
    """

    model_config = ConfigDict(extra="forbid")

    account: Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    application: Literal["litellm", "n8n", "twenty"]
    secrets: list[Name]
    configuration: str | None = None
    stacks: dict[Stack, Values]
    controlPlane: Values | None = None


class Refused(click.ClickException):
    """Something a person must put right; nothing more is done."""


# --- the file and the templates ---


def read(environment: str, folder: Path = HERE) -> File:
    """The environment's file. Raises `Refused`."""
    path = folder / f"{environment}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.json"))) or "none"
        raise Refused(f"there is no {path}; ENV names one of these files: {known}")
    try:
        return File.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise Refused(f"{path}: {where}: {first['msg']}") from None


class _Loader(yaml.SafeLoader):
    """CloudFormation's YAML; what its functions say does not matter here."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: tag)


@cache
def template(name: str) -> Doc:
    """A template's parameters and metadata."""
    text = (HERE / f"{name}.yaml").read_text(encoding="utf-8")
    found: Doc = yaml.load(text, _Loader)
    return found


def inputs(name: str) -> Values:
    """Parameter of a template → what it reads, below `/plumbline/<environment>/`."""
    found: Values = template(name).get("Metadata", {}).get("plumbline", {}).get("inputs", {})
    return found


def parameters(environment: str, said: File, name: Stack, partition: str = "aws") -> Values:
    """What a template is deployed with. Raises `Refused` for what it does not know, or lacks."""
    declared: Doc = template(name)["Parameters"]
    own = {"Environment": environment, "Application": said.application}
    prefix = f"arn:{partition}:secretsmanager:{said.region}:{said.account}:secret:{environment}-"
    if (file := configured(said)) is not None:
        own["ConfigObject"] = file.key
    own["SecretArns"] = ",".join(f"{prefix}{each}-??????" for each in said.secrets)
    own |= {key: f"/plumbline/{environment}/{path}" for key, path in inputs(name).items()}
    given = said.stacks.get(name, {})
    if wrong := sorted(set(given) - (set(declared) - set(own))):
        free = ", ".join(sorted(set(declared) - set(own)))
        raise Refused(f"stacks.{name}: found {', '.join(wrong)}, allowed: {free}")
    values = {key: value for key, value in (own | given).items() if key in declared}
    if lost := sorted(k for k, p in declared.items() if k not in values and "Default" not in p):
        raise Refused(f"stacks.{name}: {', '.join(lost)} must be given")
    return values


def configured(said: File) -> Configuration | None:
    """The application's configuration, if the file names one. Raises `Refused`."""
    if said.configuration is None:
        return None
    try:
        return configuration.load(HERE.parent / said.configuration, said.application)
    except configuration.Wrong as error:
        raise Refused(f"configuration:\n{error}") from None


# --- AWS ---


@dataclass
class Deployment:
    """One run. dry: nothing is changed; replace: what is replaced or removed is not refused."""

    environment: str
    said: File
    aws: boto3.Session
    dry: bool = False
    replace: bool = False

    def __post_init__(self) -> None:
        who = self.aws.client("sts").get_caller_identity()
        if who["Account"] != self.said.account:
            raise Refused(
                f"these credentials are of account {who['Account']}, the file says "
                f"{self.said.account}"
            )
        partition = who["Arn"].split(":")[1]
        self.values = {
            name: parameters(self.environment, self.said, name, partition) for name in ORDER
        }
        self.configuration = configured(self.said)
        self.cfn = self.aws.client("cloudformation")
        self.ssm = self.aws.client("ssm")

    def run(self) -> None:
        """All stacks, then what CloudFormation can't do."""
        for name in ORDER:
            if name == "storage":
                self.configure()  # before the parameter names it
            self.stack(name)
            if name == "storage":
                self.configure()  # the bucket is there now, if it was not
            if name == "network":
                self.close_default_group()

    # --- one stack ---

    def stack(self, name: str) -> None:
        """Deploy one template, or show what that would change."""
        full = f"{self.environment}-{name}"
        if waiting := self.missing(name):
            if not self.dry:
                raise Refused(f"{full} needs {', '.join(waiting)}, which nothing has written")
            click.echo(f"==> {full}: can't tell before there is {', '.join(waiting)}")
            return
        state = self.state(full)
        if state and state not in (*SETTLED, REVIEW):
            raise Refused(f"{full} is {state}. {_advice(full, state, self.said.region)}")
        new = state in (None, REVIEW)
        arn, changes = self.prepare(full, name, state)
        if not changes:
            click.echo(f"==> {full}: nothing to change")
            return
        click.echo(f"==> {full}: {'new, ' if new else ''}{len(changes)} changes")
        for each in changes:
            click.echo(f"    {_line(each)}")
        if self.dry:
            self.forget(arn, full, state)
            return
        lost = [told for each in changes if (told := _loses(each))]
        if lost and not self.replace:
            self.forget(arn, full, state)
            raise Refused(
                f"{full} would replace or remove {', '.join(lost)}; nothing was changed. "
                "REPLACE=1 says that this is meant"
            )
        self.execute(arn, full, new)

    def missing(self, name: str) -> list[str]:
        """The inputs of a template that are not in Parameter Store."""
        names = [self.values[name][key] for key in inputs(name)]
        if not names:
            return []
        return sorted(self.ssm.get_parameters(Names=names)["InvalidParameters"])

    def state(self, full: str) -> str | None:
        """The status of a stack, None if there is none."""
        try:
            status: str = self.cfn.describe_stacks(StackName=full)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return status

    def prepare(self, full: str, name: str, state: str | None) -> tuple[str, list[Doc]]:
        """A change set and its changes. state: the stack's before."""
        made = self.cfn.create_change_set(
            StackName=full,
            ChangeSetName=f"bootstrap-{int(time.time() * 1000)}",
            ChangeSetType="CREATE" if state in (None, REVIEW) else "UPDATE",
            TemplateBody=(HERE / f"{name}.yaml").read_text(encoding="utf-8"),
            Parameters=[
                {"ParameterKey": k, "ParameterValue": v} for k, v in self.values[name].items()
            ],
            Capabilities=CAPABILITIES,
            Tags=[
                {"Key": "application", "Value": self.said.application},
                {"Key": "environment", "Value": self.environment},
            ],
        )
        arn: str = made["Id"]
        while True:
            found = self.cfn.describe_change_set(ChangeSetName=arn)
            if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
            sleep(POLL_S / 2)
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            self.forget(arn, full, state)
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return arn, []
            raise Refused(f"{full}: {reason}")
        changes = list(found["Changes"])
        while "NextToken" in found:
            found = self.cfn.describe_change_set(ChangeSetName=arn, NextToken=found["NextToken"])
            changes += found["Changes"]
        return arn, [each["ResourceChange"] for each in changes]

    def forget(self, arn: str, full: str, state: str | None) -> None:
        """Take back a change set, and the empty stack that it made.

        One that stood before (state) is somebody's, with change sets that wait for review.
        """
        self.cfn.delete_change_set(ChangeSetName=arn)
        if state is None and self.state(full) == REVIEW:
            self.cfn.delete_stack(StackName=full)

    def execute(self, arn: str, full: str, new: bool) -> None:
        """Run a change set and wait. Raises `Refused` with the first failures."""
        began = time.monotonic()
        known = set() if new else {e["EventId"] for e in self.events(full)}
        self.cfn.execute_change_set(ChangeSetName=arn)
        while (state := self.state(full) or "").endswith("IN_PROGRESS"):
            sleep(POLL_S)
        if state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            failed = [
                f"  {e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}"
                for e in reversed(list(self.events(full)))
                if e["EventId"] not in known and e["ResourceStatus"].endswith("_FAILED")
                and "cancelled" not in e.get("ResourceStatusReason", "")
            ]  # fmt: skip
            raise Refused("\n".join([f"{full} is {state}", *failed, _advice(
                full, state, self.said.region)]))  # fmt: skip
        self.cfn.update_termination_protection(StackName=full, EnableTerminationProtection=True)
        click.echo(f"    {state}, {time.monotonic() - began:.0f} s")

    def events(self, full: str) -> Iterator[Doc]:
        """A stack's events, newest first."""
        for page in self.cfn.get_paginator("describe_stack_events").paginate(StackName=full):
            yield from page["StackEvents"]

    # --- what CloudFormation can't do ---

    def configure(self) -> None:
        """Put the application's configuration into its bucket, if that is there."""
        name = f"/plumbline/{self.environment}/config/bucket"
        found = self.ssm.get_parameters(Names=[name])["Parameters"]
        if not found or self.configuration is None:
            return
        bucket, key = found[0]["Value"], self.configuration.key
        if self.dry:
            click.echo(f"    configuration: s3://{bucket}/{key}")
            return
        try:
            new = configuration.put(self.aws.client("s3"), bucket, self.configuration)
        except configuration.Different as error:
            raise Refused(
                f"{error} was overwritten: found another content than its name says. Look who did "
                "it, delete that object (older versions stay), and run this again."
            ) from None
        if new:
            click.echo(f"    + s3://{bucket}/{key}")

    def close_default_group(self) -> None:
        """Take all rules from the VPC's default security group, which nothing is to use.

        https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-2
        """
        name = f"/plumbline/{self.environment}/network/default-security-group"
        found = self.ssm.get_parameters(Names=[name])["Parameters"]
        if not found:
            return
        ec2 = self.aws.client("ec2")
        group = ec2.describe_security_groups(GroupIds=[found[0]["Value"]])["SecurityGroups"][0]
        rules = {
            way: group[key]
            for way, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))
            if group[key]
        }
        if not rules:
            return
        verb = "would lose" if self.dry else "loses"
        click.echo(f"    default security group {group['GroupId']} {verb} all its rules")
        for way, permissions in rules.items():
            if not self.dry:
                revoke = getattr(ec2, f"revoke_security_group_{way}")
                revoke(GroupId=group["GroupId"], IpPermissions=permissions)


def _line(change: Doc) -> str:
    sign = {"Add": "+", "Modify": "~", "Remove": "-", "Import": ">"}.get(change["Action"], "?")
    again = {"True": ", replaced", "Conditional": ", perhaps replaced"}
    says = again.get(change.get("Replacement", ""), "")
    return f"{sign} {change['LogicalResourceId']} ({change['ResourceType']}{says})"


def _loses(change: Doc) -> str:
    """What goes with a change, empty if nothing does. Conditional: AWS knows while it runs.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    name, replaced = str(change["LogicalResourceId"]), change.get("Replacement")
    if change["Action"] == "Remove" or replaced == "True":
        return name
    return f"{name} (perhaps)" if replaced == "Conditional" else ""


def _advice(full: str, state: str, region: str) -> str:
    if state.endswith("IN_PROGRESS"):
        return "Something else is at work on it: wait, then run this again."
    if state in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        return (f"Delete it and run this again: aws cloudformation delete-stack --region {region} "
                f"--stack-name {full}")  # fmt: skip
    if state == "UPDATE_ROLLBACK_FAILED":
        return (f"aws cloudformation continue-update-rollback --region {region} --stack-name {full}"
                ", then run this again.")  # fmt: skip
    return "It stands as it stood before. Put the cause right and run this again."


# --- the control plane ---


def control_plane(said: Values, region: str, sam: str) -> list[list[str]]:
    """The commands that build and deploy template.yaml."""
    overrides = [f"{key}={value}" for key, value in said.items()]
    return [
        [sam, "build"],
        [
            sam, "deploy", "--stack-name", "plumbline", "--region", region, "--resolve-s3",
            "--no-confirm-changeset", "--no-fail-on-empty-changeset",
            "--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND",
            "--parameter-overrides", *overrides,
        ],
    ]  # fmt: skip


def deploy_control_plane(said: Mapping[str, str], region: str, sam: str, dry: bool) -> None:
    """Build and deploy it; in a dry run say how."""
    for command in control_plane(dict(said), region, sam):
        click.echo(f"==> {' '.join(command)}")
        if dry:
            continue
        if not shutil.which(sam):
            raise Refused(f"there is no {sam}: the AWS SAM CLI deploys the control plane")
        if code := subprocess.run(command, cwd=HERE.parent, check=False).returncode:
            raise Refused(f"{' '.join(command[:2])} ended with {code}")


@click.command()
@click.argument("environment")
@click.option("--dry-run", "dry", is_flag=True, help="Show what would change, change nothing.")
@click.option("--replace", is_flag=True, help="Let stacks replace and remove resources.")
@click.option("--sam", default="sam", show_default=True, help="The AWS SAM CLI.")
def main(environment: str, dry: bool, replace: bool, sam: str) -> None:
    """Deploy the foundation of ENVIRONMENT, as bootstrap/<ENVIRONMENT>.json says."""
    said = read(environment)
    try:
        aws = boto3.Session(region_name=said.region)
        Deployment(environment, said, aws, dry, replace).run()
    except (BotoCoreError, ClientError) as error:
        raise Refused(f"AWS: {error}") from None
    if said.controlPlane is not None:
        deploy_control_plane(said.controlPlane, said.region, sam, dry)


if __name__ == "__main__":
    main()
