"""A CloudFormation stack that is watched: what drifts from its template, when it is looked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import approval
from controller.diff import Change
from controller.kindlib.stack_drift import found_by_cloudformation
from controller.kinds.stack import OURS
from controller.manifest import DesiredStateError, load
from controller.redact import HIDDEN
from sandbox.errors import Killed
from sandbox.world import World
from tests.harness import Plant, environment, resource

NAME = "litellm-production-network"
ROOT = Path(__file__).parents[2]
TEMPLATE = """\
Resources:
  Gateway:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Load balancer
      SecurityGroupIngress:
        - {CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: 443, ToPort: 443}
  Address:
    Type: AWS::SSM::Parameter
    Properties: {Name: /shop/address, Type: String, Value: here}
"""
WHOLE = (
    TEMPLATE
    + """\
  Database:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: Database}
  Files:
    Type: AWS::S3::Bucket
    Properties:
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true}
      VersioningConfiguration: {Status: Enabled}
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
  Alias: # of a type that is not checked
    Type: AWS::KMS::Alias
    Properties: {AliasName: alias/shop, TargetKeyId: !GetAtt Key.Arn}
  Key:
    Type: AWS::KMS::Key
    Properties:
      EnableKeyRotation: true
      KeyPolicy:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {AWS: "*"}, Action: "kms:*", Resource: "*"}]
"""
)
ADOPT = "lifecycle: {adopt: true}\n"


def manifest(more: str = ADOPT, spec: str = "", name: str = "network") -> str:
    return resource("Stack", name, spec, more)


def plant(world: World, *documents: str, text: str = TEMPLATE) -> Plant:
    """An environment over one stack, which stands."""
    made = Plant(world, environment(*(documents or (manifest(),))))
    deploy(made, text=text)
    return made


def deploy(it: Plant, name: str = NAME, text: str = TEMPLATE) -> Any:
    made = it.aws.client("cloudformation").create_stack(StackName=name, TemplateBody=text)
    it.later(120)
    stack = shown(it, name)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return made


def shown(it: Plant, name: str = NAME) -> Any:
    return it.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]


def physical(it: Plant, logical: str) -> str:
    found = it.aws.client("cloudformation").describe_stack_resources(StackName=NAME)
    return next(
        r["PhysicalResourceId"]
        for r in found["StackResources"]
        if r["LogicalResourceId"] == logical
    )


def open_port(it: Plant) -> None:
    it.aws.client("ec2").authorize_security_group_ingress(
        GroupId=physical(it, "Gateway"),
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                        "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )  # fmt: skip


def close_port(it: Plant) -> None:
    it.aws.client("ec2").revoke_security_group_ingress(
        GroupId=physical(it, "Gateway"),
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                        "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )  # fmt: skip


def drift(report: Any, key: str = "Stack/network") -> dict[str, Change]:
    return {c.path: c for c in report.assessments[key].drift}


def detections(it: Plant) -> int:
    return sum(c.operation == "DetectStackDrift" for c in it.calls())


def test_what_is_changed_by_hand_is_told_when_cloudformation_has_looked(world: World) -> None:
    it = plant(world, text=WHOLE)
    it.converge()
    assert shown(it)["EnableTerminationProtection"] is True
    open_port(it)
    it.aws.client("ssm").put_parameter(Name="/shop/address", Value="there", Overwrite=True)
    it.aws.client("ec2").delete_security_group(GroupId=physical(it, "Database"))
    it.aws.client("s3").delete_public_access_block(Bucket=physical(it, "Files"))
    it.checkpoint()
    assert drift(it.run()) == {}, "nothing is known before CloudFormation has looked"
    it.later(3600)
    it.run()
    it.later(300)
    report = it.run()
    found = drift(report)
    assert set(found) == {
        "resources[Gateway].SecurityGroupIngress[1]",
        "resources[Database]",
        "resources[Address].Value",
        "resources[Files].PublicAccessBlockConfiguration",
    }
    opened = found["resources[Gateway].SecurityGroupIngress[1]"]
    assert (opened.was, opened.wanted, opened.cls, opened.cause) == (None, None, "differs", "drift")
    assert opened.now["CidrIp"] == "0.0.0.0/0"
    assert opened.now["FromPort"] == 22
    value = found["resources[Address].Value"]
    assert (value.was, value.now, value.wanted) == (HIDDEN, HIDDEN, HIDDEN)
    assert value.note.startswith("as CloudFormation saw it at 20")
    assert detections(it) == 1
    assert it.writes() == []
    status = it.status()["resources"]["Stack/network"]
    assert status["conditions"]["Drifted"]["status"] == "True"
    assert status["conditions"]["Blocked"]["reason"] == "NoSafeAction"
    assert "--deployment-mode REVERT_DRIFT" in status["conditions"]["Blocked"]["message"]
    assert status["patch"] == []


def test_what_is_put_right_is_in_sync_after_the_next_look(world: World) -> None:
    it = plant(world)
    it.aws.client("ssm").put_parameter(Name="/shop/address", Value="there", Overwrite=True)
    it.run()
    it.later(300)
    assert set(drift(it.run())) == {"resources[Address].Value"}
    it.aws.client("ssm").put_parameter(Name="/shop/address", Value="here", Overwrite=True)
    it.later(600)
    assert set(drift(it.run())) == {"resources[Address].Value"}, "as it was when it was looked at"
    it.later(3000)
    it.run()
    it.later(300)
    report = it.run()
    assert drift(report) == {}
    assert report.converged


def test_one_look_an_hour_and_no_read_more_than_needed(world: World) -> None:
    it = plant(world)
    it.converge()
    it.later(3600)
    it.checkpoint()
    for _ in range(24):  # two hours
        it.run()
        it.later(300)
    calls = [c.operation for c in it.calls() if c.service == "cloudformation"]
    assert calls.count("DetectStackDrift") == 2
    assert calls.count("DescribeStackResourceDrifts") == 0, "a stack in sync has none to read"
    assert calls.count("DescribeStacks") == 24
    open_port(it)
    it.later(300)
    it.checkpoint()
    for _ in range(12):
        it.run()
        it.later(300)
    calls = [c.operation for c in it.calls() if c.service == "cloudformation"]
    assert calls.count("DescribeStackResourceDrifts") <= 4


def test_before_the_first_look_nothing_is_called_in_sync(world: World) -> None:
    it = plant(world, manifest("lifecycle: {mode: observe}\n"))
    first = it.run()
    [change] = [c for c in first.assessments["Stack/network"].changes if c.top == "resources"]
    assert (change.cls, change.note) == ("unknown", "CloudFormation has not looked for drift yet")
    assert not first.converged


def test_results_from_before_an_update_say_nothing(world: World) -> None:
    it = plant(world)
    open_port(it)
    it.run()
    it.later(300)
    assert drift(it.run())
    store = world.store("cloudformation")["stacks"][shown(it)["StackId"]]
    store["LastUpdatedTime"] = world.clock.now()
    it.later(60)
    it.checkpoint()
    assert drift(it.run()) == {}
    assert detections(it) == 1


def test_only_what_is_adopted_is_written_to(world: World) -> None:
    it = plant(world, manifest("lifecycle: {mode: observe}\n"))
    open_port(it)
    it.run()
    it.later(300)
    report = it.run()
    assert "resources[Gateway].SecurityGroupIngress[1]" in drift(report)
    assert it.writes() == []
    assert shown(it)["EnableTerminationProtection"] is False
    with pytest.raises(DesiredStateError, match=r"Plumbline makes no stacks: .*unless lifecycle"):
        load(environment(manifest("")).encode(), "x.yaml")


def test_a_manifest_that_goes_leaves_the_stack_as_it_is(world: World) -> None:
    it = plant(world, manifest(), resource("LogGroup", "web", ""))
    it.converge()
    it.publish(environment(resource("LogGroup", "web", "")))
    it.checkpoint()
    it.run()
    it.run()
    assert it.writes() == []
    assert "Stack/network" not in it.run().removed
    assert shown(it)["EnableTerminationProtection"] is True


def test_protection_that_is_switched_off_is_drift_and_healed(world: World) -> None:
    it = plant(world)
    it.converge()
    it.aws.client("cloudformation").update_termination_protection(
        StackName=NAME, EnableTerminationProtection=False
    )
    report = it.run()
    assert set(drift(report)) == {"enableTerminationProtection"}
    assert shown(it)["EnableTerminationProtection"] is True


def test_a_difference_may_be_ignored(world: World) -> None:
    rule = '{path: "resources[Gateway].SecurityGroupIngress[1]", reason: the auditor}'
    it = plant(world, manifest(f"lifecycle: {{adopt: true, ignore: [{rule}]}}\n"))
    open_port(it)
    it.run()
    it.later(300)
    report = it.run()
    assert drift(report) == {}
    assert report.converged


def test_a_stack_that_is_not_there_says_how_it_comes_to_be(world: World) -> None:
    it = Plant(world, environment(manifest()))
    seen = it.run().assessments["Stack/network"]
    assert seen.missing
    assert "Plumbline makes no stacks" in seen.problem
    assert "make bootstrap" in seen.problem


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"ParentId": "arn:aws:cloudformation:us-east-1:1:stack/all/1"}, "it is nested in arn:"),
        ({"Description": "Plumbline - the control plane."}, "Plumbline runs by it"),
    ],
)
def test_nested_stacks_and_our_own_are_never_written_to(
    world: World, more: dict[str, str], says: str
) -> None:
    it = plant(world)
    world.store("cloudformation")["stacks"][shown(it)["StackId"]].update(more)
    it.checkpoint()
    report = it.run()
    [veto] = report.vetoes.values()
    assert veto.reason == "NotOwned"
    assert says in veto.message
    assert it.writes() == []


def test_what_plumbline_runs_by_is_known_by_its_description_and_no_foundation_is() -> None:
    found = {
        path.name
        for path in (ROOT / "template.yaml", *(ROOT / "bootstrap").glob("*.yaml"))
        if f"\nDescription: {OURS}" in path.read_text(encoding="utf-8")
    }
    assert found == {"template.yaml", "target.yaml", "pipeline.yaml"}


def test_a_detection_that_is_refused_leaves_what_was_known(world: World) -> None:
    it = plant(world)
    it.converge()
    it.later(3600)
    world.fault("deny", "cloudformation:DetectStackDrift")
    report = it.run()
    seen = report.assessments["Stack/network"]
    [change] = seen.changes
    assert (change.cls, change.path) == ("unknown", "resources")
    assert "AccessDenied" in change.note
    assert it.run().assessments["Stack/network"].changes == ()


def test_somebody_elses_detection_is_waited_for(world: World) -> None:
    it = plant(world)
    it.aws.client("cloudformation").detect_stack_drift(StackName=NAME)
    world.store("cloudformation")["stacks"][shown(it)["StackId"]]["DriftInformation"].pop(
        "LastCheckTimestamp"
    )
    seen = it.run().assessments["Stack/network"]
    assert [c.note for c in seen.changes if c.cls == "unknown"] == [
        "CloudFormation has not looked for drift yet"
    ]


def test_drift_that_can_not_be_read_is_unknown_not_in_sync(world: World) -> None:
    it = plant(world)
    open_port(it)
    it.run()
    it.later(300)
    world.fault("throttle", "cloudformation:DescribeStackResourceDrifts", times=9)
    report = it.run()
    assert "DescribeStackResourceDrifts" in report.assessments["Stack/network"].observation.reason


def test_several_stacks_share_one_list(world: World) -> None:
    it = Plant(world, environment(manifest(), manifest(name="storage")))
    deploy(it)
    deploy(it, "litellm-production-storage",
           "Resources: {One: {Type: AWS::SSM::Parameter, Properties: "
           "{Name: /one, Type: String, Value: x}}}")  # fmt: skip
    deploy(it, "somebody-elses",
           "Resources: {Two: {Type: AWS::SSM::Parameter, Properties: "
           "{Name: /two, Type: String, Value: x}}}")  # fmt: skip
    it.converge()
    it.checkpoint()
    it.run()
    calls = [c.operation for c in it.calls() if c.service == "cloudformation"]
    assert calls == ["DescribeStacks"]


def test_the_statuses_of_a_stack() -> None:
    from controller.kinds import handler_for

    def ready(status: str, **more: Any) -> tuple[str, str]:
        said = handler_for("Stack").readiness({"stack": {"StackStatus": status, **more}})
        return said.state, said.message

    at = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    checked = {"DriftInformation": {"LastCheckTimestamp": at}}
    assert ready("UPDATE_COMPLETE", **checked) == (
        "ready", "drift was last looked for at 2026-11-23T19:00:00Z"
    )  # fmt: skip
    assert ready("UPDATE_IN_PROGRESS")[0] == "in-progress"
    assert ready("UPDATE_ROLLBACK_COMPLETE", StackStatusReason="No capacity") == (
        "failed", "status UPDATE_ROLLBACK_COMPLETE: No capacity"
    )  # fmt: skip


TYPED = "hunter2-Xk93jQ"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/ContainerDefinitions/0/Environment/1/Value", TYPED),
        ("/ContainerDefinitions/0/Environment/1/Value", "12345678"),
        ("/ContainerDefinitions/0/Environment", f'[{{"Name":"DB_PASSWORD","Value":"{TYPED}"}}]'),
        ("/ContainerDefinitions", f'[{{"Environment":[{{"Name":"A","Value":"{TYPED}"}}]}}]'),
        ("/ContainerDefinitions/0/Command/1", TYPED),
        ("/ContainerDefinitions/0/Command/1", "12345678"),
        ("/Environment/Variables/PIN", "1234"),
        ("/Parameters/max_connections", "100"),
        ("/MasterUserPassword", "12345678"),
        ("/SecretString", '{"pin":12345678}'),
        ("/Items", '[{"Key":"pin","Value":12345678},{"Name":"pin","StringValue":"1"}]'),
        ("/AuthTokenValue", "arn:aws:sns:us-east-1:123456789012:hunter2"),
        ("/UserData", "aHVudGVyMg=="),
        ("/Description", "enabled by Ann"),
        ("/Endpoint", "arn:aws:sns:us-east-1:123456789012:a sk-0123456789abcdef0123"),
        ("/Document", '{"not": json'),
    ],
)
def test_what_people_may_have_typed_into_a_resource_is_not_shown(path: str, value: str) -> None:
    [change] = found_by_cloudformation(differing(path, value, "null"))
    assert change.path.startswith("resources[One].")
    assert change.now is None, "that it is not there is no secret"
    told = repr((change.was, change.wanted))
    assert HIDDEN in told
    assert all(each not in told for each in (TYPED, "1234", "100", "hunter2", "enabled", "json"))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("/EnableKeyRotation", "true", "true"),
        ("/SecurityGroupIngress/1/FromPort", "22", "22"),
        ("/SecurityGroupIngress/1/CidrIp", "10.0.0.0/8", "10.0.0.0/8"),
        ("/SecurityGroupIngress/1/CidrIpv6", "::/0", "::/0"),
        ("/VersioningConfiguration/Status", "Suspended", "Suspended"),
        ("/RoleArn", "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/a"),
        ("/Rules", '[{"Ports":[22,443],"On":true,"Why":"mine","Who":null}]',
         [{"Ports": [22, 443], "On": True, "Why": HIDDEN, "Who": None}]),
    ],
)  # fmt: skip
def test_what_nobody_can_have_typed_a_secret_into_is_shown(
    path: str, value: str, told: object
) -> None:
    [change] = found_by_cloudformation(differing(path, value, value))
    assert (change.was, change.now, change.wanted) == (told, told, told)


def differing(path: str, was: str, now: str) -> dict[str, Any]:
    """What is known of a stack one of whose properties differs."""
    differs = {"PropertyPath": path, "ExpectedValue": was, "ActualValue": now}
    drift = {"LogicalResourceId": "One", "StackResourceDriftStatus": "MODIFIED",
             "PropertyDifferences": [differs]}  # fmt: skip
    return {"drifts": [drift], "problem": ""}


def test_a_value_typed_in_the_console_is_in_no_output(world: World) -> None:
    it = plant(world)
    it.aws.client("ssm").put_parameter(Name="/shop/address", Value=TYPED, Overwrite=True)
    it.run()
    it.later(300)
    assert set(drift(it.run())) == {"resources[Address].Value"}
    s3 = it.aws.client("s3")
    versions = s3.list_object_versions(Bucket=it.bucket)["Versions"]
    assert len(versions) > 3
    for each in versions:
        where = {"Key": each["Key"], "VersionId": each["VersionId"]}
        assert TYPED not in s3.get_object(Bucket=it.bucket, **where)["Body"].read().decode()


ROLE = "arn:aws:iam::123456789012:role/deploys"
REVERT = f'revert: {{roleArn: "{ROLE}"}}'
PORT = "resources[Gateway].SecurityGroupIngress[1]"


def open_ports(it: Plant) -> list[int]:
    groups = it.aws.client("ec2").describe_security_groups(GroupIds=[physical(it, "Gateway")])
    return sorted(rule["FromPort"] for rule in groups["SecurityGroups"][0]["IpPermissions"])


def made(it: Plant) -> list[str]:
    return [c.operation for c in it.writes()]


def drifted(world: World, *, spec: str = REVERT, more: str = ADOPT, text: str = TEMPLATE) -> Plant:
    """An environment whose stack has a port opened by hand, which CloudFormation has found."""
    it = plant(world, manifest(more, spec), text=text)
    if "adopt" in more:
        it.converge()
    open_port(it)
    it.later(3600)
    it.run()
    it.later(300)
    it.checkpoint()
    return it


def change_sets(it: Plant) -> list[Any]:
    return it.aws.client("cloudformation").list_change_sets(StackName=NAME)["Summaries"]


def test_a_port_opened_by_hand_is_closed_by_a_change_set(world: World) -> None:
    it = drifted(world)
    assert set(drift(it.run())) == {PORT}
    assert made(it) == ["CreateChangeSet"]
    assert open_ports(it) == [22, 443], "nothing is changed before its changes are read"
    [call] = it.writes()
    assert call.params["DeploymentMode"] == "REVERT_DRIFT"
    assert call.params["RoleARN"] == ROLE
    it.later(16)
    report = it.run()
    [veto] = report.vetoes.values()
    assert (veto.reason, veto.waiting) == ("InProgress", True)
    it.later(120)
    it.run()
    it.later(300)
    assert open_ports(it) == [443]
    assert shown(it)["StackStatus"] == "UPDATE_COMPLETE"
    it.run()
    assert not it.run().converged, "what was found before says nothing any more"
    it.later(300)
    report = it.run()
    assert report.converged, report.assessments["Stack/network"].changes
    assert made(it) == ["CreateChangeSet", "ExecuteChangeSet"]
    assert change_sets(it) == []


def test_only_what_is_executed_counts_as_correction(world: World) -> None:
    it = drifted(world)
    calls = {"DriftCorrected": "cloudformation:ExecuteChangeSet",
             "ActionApplied": "cloudformation:CreateChangeSet"}  # fmt: skip
    told = {}
    for _ in range(2):
        events = it.run().status.events
        told |= {e["type"]: e["call"] for e in events if e["type"] in calls}
        it.later(120)
    assert told == calls


def test_without_a_role_nothing_is_written(world: World) -> None:
    it = drifted(world, spec="")
    for _ in range(4):
        it.run()
        it.later(300)
    assert made(it) == []
    assert open_ports(it) == [22, 443]
    blocked = it.status()["resources"]["Stack/network"]["conditions"]["Blocked"]
    assert "revert.roleArn" in blocked["message"]


def test_in_observe_mode_nothing_is_written(world: World) -> None:
    it = drifted(world, more="lifecycle: {mode: observe}\n")
    for _ in range(4):
        assert PORT in drift(it.run())
        it.later(300)
    assert made(it) == []
    assert open_ports(it) == [22, 443]


@pytest.mark.parametrize("call", ["CreateChangeSet", "ExecuteChangeSet"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_a_call_it_is_reverted_once(world: World, call: str, *, after: bool) -> None:
    it = drifted(world)
    world.fault("kill-after" if after else "kill-before", f"cloudformation:{call}")
    if call == "ExecuteChangeSet":
        it.run()
        it.later(120)
    with pytest.raises(Killed):
        it.run()
    it.revive()
    for _ in range(6):
        it.run()
        it.later(300)
    assert open_ports(it) == [443]
    assert made(it).count("ExecuteChangeSet") <= 2
    assert it.run().converged
    events = it.aws.client("cloudformation").describe_stack_events(StackName=NAME)["StackEvents"]
    begun = [e for e in events if (e["LogicalResourceId"], e["ResourceStatus"]) == (
        NAME, "UPDATE_IN_PROGRESS")]  # fmt: skip
    assert len(begun) == 1


def test_what_is_made_again_or_replaced_waits_for_a_person(world: World) -> None:
    it = drifted(world, text=WHOLE)
    it.run()
    it.later(120)
    sets = world.store("cloudformation")["change_sets"]
    [held] = sets.values()
    held["Changes"][0]["ResourceChange"]["Replacement"] = "Conditional"
    for _ in range(2):
        report = it.run()
        [veto] = report.vetoes.values()
        assert veto.reason == "ApprovalRequired"
        it.later(300)
    assert open_ports(it) == [22, 443]
    asked = approval.asked(it.status())
    until = world.clock.now() + timedelta(hours=1)
    approval.approve(
        it.store, it.name,
        approval.Approval("ops", "looked at", until, frozenset(asked.steps.values())),
    )  # fmt: skip
    held["Changes"][0]["ResourceChange"]["Replacement"] = "True"
    it.run()
    assert open_ports(it) == [22, 443], "approved was another one"
    held["Changes"][0]["ResourceChange"]["Replacement"] = "Conditional"
    it.run()
    it.later(300)
    assert open_ports(it) == [443]


def test_a_group_that_was_deleted_is_made_again_when_a_person_says_so(world: World) -> None:
    it = plant(world, manifest(spec=REVERT), text=WHOLE)
    it.aws.client("ec2").delete_security_group(GroupId=physical(it, "Database"))
    it.run()
    it.later(300)
    it.run()
    it.later(120)
    [veto] = it.run().vetoes.values()
    assert veto.reason == "ApprovalRequired"
    assert made(it).count("ExecuteChangeSet") == 0


def test_what_is_to_be_left_is_not_reverted_with_the_rest(world: World) -> None:
    rule = '{path: "resources[Address].Value", reason: moved by hand}'
    more = f"lifecycle: {{adopt: true, ignore: [{rule}]}}\n"
    it = plant(world, manifest(more, REVERT))
    it.aws.client("ssm").put_parameter(Name="/shop/address", Value="there", Overwrite=True)
    open_port(it)
    it.run()
    it.later(300)
    it.run()
    it.later(120)
    [veto] = it.run().vetoes.values()
    assert veto.reason == "ApprovalRequired"
    held = it.aws.client("ssm").get_parameter(Name="/shop/address")["Parameter"]
    assert held["Value"] == "there"


def test_a_change_set_that_failed_is_told_and_not_made_again_at_once(world: World) -> None:
    it = drifted(world)
    it.run()
    close_port(it)
    for _ in range(3):
        it.later(300)
        it.run()
    blocked = it.status()["resources"]["Stack/network"]["conditions"]["Blocked"]
    assert blocked["reason"] == "NoSafeAction"
    assert "didn't contain changes" in blocked["message"]
    assert made(it) == ["CreateChangeSet"]
    it.later(3600)
    it.run()
    it.later(300)
    it.run()
    assert it.run().converged, "the next look has found nothing"
    assert change_sets(it) == []
    assert made(it).count("ExecuteChangeSet") == 0


def test_a_change_set_whose_drift_has_gone_is_dropped(world: World) -> None:
    it = drifted(world, text=WHOLE)
    it.run()
    assert len(change_sets(it)) == 1
    it.later(60)
    frozen = "freezes: [{start: 2026-01-01, until: 2027-01-01, reason: a year of rest}]"
    it.publish(environment(manifest(spec=REVERT), spec=frozen))
    close_port(it)
    it.later(3600)
    it.run()
    it.later(300)
    assert not it.run().converged, "in a freeze it stays, and is told"
    assert len(change_sets(it)) == 1
    it.publish(environment(manifest(spec=REVERT)))
    it.run()
    assert change_sets(it) == []
    assert it.run().converged
    assert made(it) == ["CreateChangeSet", "DeleteChangeSet"]


def test_what_comes_back_each_time_is_reverted_three_times(world: World) -> None:
    """Making and executing a change set are one try, though each is of a pass of its own."""
    it = drifted(world)
    reasons: set[str] = set()
    for _ in range(60):
        report = it.run()
        reasons |= {v.reason for v in report.vetoes.values() if not v.waiting}
        it.later(300)
        if 22 not in open_ports(it):
            open_port(it)
    assert made(it).count("ExecuteChangeSet") == 3
    assert made(it).count("CreateChangeSet") == 3
    assert "NotConverging" in reasons


def test_an_approval_is_for_the_values_that_are_hidden_too(world: World) -> None:
    """What a person let be overwritten was something else, though both are told as hidden."""
    rule = '{path: "resources[Gateway].SecurityGroupIngress[1]", reason: opened by hand}'
    it = plant(world, manifest(f"lifecycle: {{adopt: true, ignore: [{rule}]}}\n", REVERT))
    open_port(it)

    def typed(value: str) -> dict[str, str]:
        it.aws.client("ssm").put_parameter(Name="/shop/address", Value=value, Overwrite=True)
        it.later(3600)
        for _ in range(3):
            it.run()
            it.later(300)
        assert {v.reason for v in it.run().vetoes.values()} == {"ApprovalRequired"}
        return dict(approval.asked(it.status()).steps)

    first = typed("there")
    shown_first = it.run().assessments["Stack/network"].drift
    second = typed("elsewhere")
    values = [[(c.path, c.was, c.now) for c in drift if "Address" in c.path]
              for drift in (shown_first, it.run().assessments["Stack/network"].drift)]  # fmt: skip
    assert values[0] == values[1] != []
    assert set(first.values()).isdisjoint(second.values())
    until = world.clock.now() + timedelta(hours=1)
    approval.approve(
        it.store, it.name, approval.Approval("ops", "looked", until, frozenset(first.values()))
    )
    it.run()
    assert "ExecuteChangeSet" not in made(it)
    names = " ".join(c["ChangeSetName"] for c in change_sets(it))
    assert "there" not in names


def test_a_change_set_for_other_drift_is_discarded(world: World) -> None:
    it = drifted(world)
    world.fault("deny", "cloudformation:ExecuteChangeSet", times=99)
    it.run()
    [first] = change_sets(it)
    it.aws.client("ssm").put_parameter(Name="/shop/address", Value="there", Overwrite=True)
    it.later(3600)
    it.run()
    it.later(300)
    it.run()
    assert first["ChangeSetName"] not in [c["ChangeSetName"] for c in change_sets(it)]
    assert made(it)[-2:] == ["DeleteChangeSet", "CreateChangeSet"]


def test_it_waits_for_the_window(world: World) -> None:
    it = drifted(world)
    hour = (world.clock.now() + timedelta(hours=3)).hour
    it.publish(environment(
        manifest(spec=REVERT),
        spec=f'windows: [{{cron: "0 {hour} * * *", duration: 1h}}]',
    ))  # fmt: skip
    it.run()
    it.later(300)
    report = it.run()
    assert {v.reason for v in report.vetoes.values()} == {"OutsideWindow"}
    assert open_ports(it) == [22, 443]
