"""What ECS rejects of task definitions."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.world import World
from tests.fidelity.refusals.ecs_stage import (
    APP,
    CLIENT,
    CONTAINER,
    FARGATE,
    HOSTS,
    INVALID,
    MAP,
    NAMES,
    ROLE,
    Doc,
    Load,
    loads,
    make,
    row,
)
from tests.fidelity.refusals.kit import Refusal
from tests.fidelity.refusals.stages import judge, stage


def task(why: str, load: Load, says: str = "", app: Doc | None = None, **changes: Any) -> Refusal:
    """A RegisterTaskDefinition that differs from a good one for Fargate (None: left out)."""
    containers = [{**APP, **(app or {})}]
    request = {"family": "new", **FARGATE, "containerDefinitions": containers, **changes}
    return row("RegisterTaskDefinition", why, CLIENT, load, says, request)


def on_host(why: str, load: Load, says: str = "", app: Doc | None = None,
            **changes: Any) -> Refusal:  # fmt: skip
    """The same on instances, in a bridge network."""
    some = {**dict.fromkeys(FARGATE), "memory": "512", **changes}
    return task(why, load, says, app, **some)


def container(why: str, says: str, told: str, **members: Any) -> Refusal:
    """A container on Fargate that says the same here and there."""
    return task(why, loads(told, members), says, members)


REFUSALS = [
    task("a name with a dot", NAMES, "invalid characters", family="a.b"),
    task("a name of 256 characters", NAMES, family="a" * 256),
    # sizes
    *(task(f"{cpu} CPU with {memory} MiB on Fargate", loads("Fargate has", cpu=cpu, memory=memory),
           "No Fargate configuration exists", cpu=str(cpu), memory=str(memory))
      for cpu, memory in ((256, 256), (256, 4096), (512, 512), (512, 1536), (1024, 1024),
                          (2048, 2048), (4096, 4096), (8192, 18432), (16384, 131072), (300, 512),
                          (128, 512))),
    task("no CPU on Fargate", loads("Fargate needs both", cpu=None), "'cpu' be defined", cpu=None),
    task("no memory on Fargate", loads("Fargate needs both", memory=None), "'memory' be defined",
         memory=None),
    task("a size that is no number", loads("cpu", cpu="large"), "Invalid 'cpu'", cpu="large"),
    task("CPU of containers beyond the task's", loads("adds up to 512", {"cpu": 512}),
         "total cpu", {"cpu": 512}),
    task("a container with more memory than the task", loads("more than the task", {
        "memory": 1024}), "more memory", {"memory": 1024}),
    container("more reserved than memory", "memoryReservation", "more than memory",
              memory=128, memoryReservation=256),
    on_host("no memory at all", loads("memory or memoryReservation is needed", **HOSTS | {
        "memory": None}), "At least one of 'memory'", memory=None),
    task("little disk", loads("21 to 200", ephemeralStorage={"sizeInGiB": 20}),
         "21 and 200", ephemeralStorage={"sizeInGiB": 20}),
    task("much disk", loads("200", ephemeralStorage={"sizeInGiB": 201}), "21 and 200",
         ephemeralStorage={"sizeInGiB": 201}),
    # networks
    *(task(f"network mode {mode} on Fargate", loads("awsvpc", networkMode=mode,
                                                    networkConfiguration=None),
           "only supports network mode", networkMode=mode) for mode in ("bridge", "host", "none")),
    # containers
    task("no container", loads("at least one", containers={}), "cannot be empty",
         containerDefinitions=[]),
    task("no image", loads("image", containers={"app": {"cpu": 1}}), "image should not be null",
         containerDefinitions=[{"name": "app"}]),
    task("a container's name with a dot", loads("letters, digits", containers={
        "a.b": CONTAINER}), "invalid characters", {"name": "a.b"}),
    task("two containers of a name", MAP, "must be unique", containerDefinitions=[APP, APP]),
    task("no essential container", loads("essential", {"essential": False}),
         "marked as essential", {"essential": False}),
    # dependencies
    task("to wait for no one", loads("no container nobody", {"dependsOn": {"nobody": "START"}}),
         "Unknown container", {"dependsOn": [{"containerName": "nobody", "condition": "START"}]}),
    task("to wait for itself", loads("itself|circle", {"dependsOn": {"app": "START"}}),
         "circular", {"dependsOn": [{"containerName": "app", "condition": "START"}]}),
    task("to wait in a circle", loads("circle", containers={
        "a": {**CONTAINER, "dependsOn": {"b": "START"}},
        "b": {**CONTAINER, "dependsOn": {"a": "START"}}}), "circular", containerDefinitions=[
            {**APP, "name": one, "dependsOn": [{"containerName": other, "condition": "START"}]}
            for one, other in ("ab", "ba")]),
    task("to wait for health that nobody checks", loads("no healthCheck", containers={
        "app": {**CONTAINER, "dependsOn": {"b": "HEALTHY"}}, "b": CONTAINER}), "health check",
         containerDefinitions=[{**APP, "dependsOn": [
             {"containerName": "b", "condition": "HEALTHY"}]}, {**APP, "name": "b"}]),
    task("to wait for the end of what may not end", loads("essential: false", containers={
        "app": {**CONTAINER, "dependsOn": {"b": "SUCCESS"}}, "b": CONTAINER}), "cannot be awaited",
         containerDefinitions=[{**APP, "dependsOn": [
             {"containerName": "b", "condition": "SUCCESS"}]}, {**APP, "name": "b"}]),
    on_host("a link to no one", loads("nobody", {"links": ["nobody"]}, **HOSTS),
            "Unknown container", {"links": ["nobody"]}),
    task("a link in awsvpc", loads("links", {"links": ["app"]}), "Links are not supported",
         {"links": ["app"]}),
    task("volumes from no one", loads("nobody", {"volumesFrom": {"nobody": {}}}),
         "Unknown container", {"volumesFrom": [{"sourceContainer": "nobody"}]}),
    # ports
    container("another host port in awsvpc", "must match", "hostPort",
              portMappings=[{"containerPort": 80, "hostPort": 8080}]),
    on_host("another host port on the host's network", loads("hostPort", {"portMappings": [
        {"containerPort": 80, "hostPort": 8080}]}, **HOSTS | {"networkMode": "host"}),
            "must match", {"portMappings": [{"containerPort": 80, "hostPort": 8080}]},
            networkMode="host"),
    on_host("a port without a network", loads("none", {"portMappings": [{"containerPort": 80}]},
                                              **HOSTS | {"networkMode": "none"}),
            "not supported when networkMode=none", {"portMappings": [{"containerPort": 80}]},
            networkMode="none"),
    container("port 0", "Invalid container port", "containerPort",
              portMappings=[{"containerPort": 0}]),
    container("port 65536", "Invalid container port", "65535",
              portMappings=[{"containerPort": 65536}]),
    container("no port", "needs a containerPort", "containerPort", portMappings=[{"name": "a"}]),
    container("a port for two protocols", "more than once", "several protocols", portMappings=[
        {"containerPort": 53, "protocol": "tcp"}, {"containerPort": 53, "protocol": "udp"}]),
    container("a port twice", "more than once", "80",
              portMappings=[{"containerPort": 80}, {"containerPort": 80}]),
    container("two ports of a name", "names must be unique", "stands twice", portMappings=[
        {"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]),
    container("a port and a range", "exclude each other", "containerPortRange", portMappings=[
        {"containerPort": 80, "containerPortRange": "80-90"}]),
    container("101 ports", "maximum of 100", "at most 100",
              portMappings=[{"containerPort": n} for n in range(1, 102)]),
    # what is injected
    task("secrets without an execution role", loads("executionRoleArn", {"secrets": {"A": "b"}}),
         "executionRoleArn", {"secrets": [{"name": "A", "valueFrom": "b"}]}),
    task("a secret and a variable of a name", loads("A", {
        "secrets": {"A": "b"}, "environment": {"A": "c"}}, executionRoleArn=ROLE),
         "must be unique and not shared", {"secrets": [{"name": "A", "valueFrom": "b"}],
                                           "environment": [{"name": "A", "value": "c"}]},
         executionRoleArn=ROLE),
    task("a private registry without an execution role", loads("executionRoleArn", {
        "repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:x"}}),
         "private registry", {"repositoryCredentials": {"credentialsParameter": "arn:x"}}),
    container("an image of ECR without an execution role", "ECR images", "executionRoleArn",
              image="123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1"),
    task("11 files of variables", loads("at most 10", {
        "environmentFiles": [f"arn:aws:s3:::b/{n}.env" for n in range(11)]}), "maximum of 10",
         {"environmentFiles": [{"type": "s3", "value": f"arn:aws:s3:::b/{n}.env"}
                               for n in range(11)]}),
    task("a file of variables that is none", loads(r"\.env", {
        "environmentFiles": ["arn:aws:s3:::b/a.txt"]}), r"\.env",
         {"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/a.txt"}]}),
    container("two credential specs", "maximum of 1", "at most 1",
              credentialSpecs=["credentialspec:a", "credentialspec:b"]),
    # logs
    *(container(f"log driver {driver} on Fargate", "not supported by Fargate", "Fargate knows",
                logConfiguration={"logDriver": driver})
      for driver in ("json-file", "syslog", "journald", "gelf", "fluentd")),
    task("logs in CloudWatch without an execution role", loads("executionRoleArn", {
        "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": "a", "awslogs-region": "b", "awslogs-stream-prefix": "c"}}}),
         "awslogs", {"logConfiguration": {"logDriver": "awslogs", "options": {
             "awslogs-group": "a", "awslogs-region": "b", "awslogs-stream-prefix": "c"}}}),
    *(task(f"logs without {option}", loads(option, {"logConfiguration": {
        "logDriver": "awslogs", "options": held}}, executionRoleArn=ROLE), option,
           {"logConfiguration": {"logDriver": "awslogs", "options": held}}, executionRoleArn=ROLE)
      for option, held in (
          ("awslogs-group", {"awslogs-region": "b", "awslogs-stream-prefix": "c"}),
          ("awslogs-region", {"awslogs-group": "b", "awslogs-stream-prefix": "c"}),
          ("awslogs-stream-prefix", {"awslogs-group": "a", "awslogs-region": "b"}))),
    # health and restarts
    container("an empty health check", "must not be empty", "healthCheck.command",
              healthCheck={"command": []}),
    container("a health check without CMD", "CMD or CMD-SHELL", "CMD",
              healthCheck={"command": ["curl", "x"]}),
    *(container(f"a health check's {member} of {value}", f"{member} must be", member,
                healthCheck={"command": ["CMD", "x"], member: value})
      for member, value in (("interval", 4), ("interval", 301), ("timeout", 1), ("timeout", 61),
                            ("retries", 0), ("retries", 11), ("startPeriod", 301))),
    container("51 exit codes to ignore", "maximum of 50", "at most 50", restartPolicy={
        "enabled": True, "ignoredExitCodes": list(range(51))}),
    *(container(f"restarts every {seconds} seconds", "60 and 1800", "restartAttemptPeriod",
                restartPolicy={"enabled": True, "restartAttemptPeriod": seconds})
      for seconds in (59, 1801)),
    # what Fargate has not
    container("privileged on Fargate", "privileged", "privileged", privileged=True),
    container("a long start on Fargate", "120 seconds", "120 seconds", startTimeout=121),
    container("a long stop on Fargate", "120 seconds", "120 seconds", stopTimeout=121),
    *(container(f"{member} on Fargate", member, member, linuxParameters={member: value})
      for member, value in (
          ("devices", [{"hostPath": "/dev/x"}]), ("sharedMemorySize", 64), ("maxSwap", 64),
          ("tmpfs", [{"containerPath": "/x", "size": 8}]))),
    container("a capability on Fargate", "capabilities", "SYS_PTRACE only",
              linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}}),
    *(container(f"{member} on Fargate", member, member, **{member: value})
      for member, value in (
          ("dockerSecurityOptions", ["label:user:x"]), ("dnsServers", ["10.0.0.2"]),
          ("dnsSearchDomains", ["a.b"]), ("disableNetworking", True),
          ("resourceRequirements", [{"type": "GPU", "value": "1"}]))),
    container("another name of the host in awsvpc", "hostname", "hostname", hostname="a"),
    container("other hosts in awsvpc", "Extra hosts", "extraHosts",
              extraHosts=[{"hostname": "a", "ipAddress": "10.0.0.1"}]),
    task("the host's processes on Fargate", loads("pidMode", pidMode="host"), "pidMode",
         pidMode="host"),
    task("shared memory of the host on Fargate", loads("ipcMode", ipcMode="host"), "ipcMode",
         ipcMode="host"),
    task("placement on Fargate", loads("taskPlacementConstraints", taskPlacementConstraints=[
        {"expression": "a == b"}]), "placementConstraints",
         placementConstraints=[{"type": "memberOf", "expression": "a == b"}]),
    on_host("11 constraints", loads("at most 10", **HOSTS, taskPlacementConstraints=[
        {"expression": f"a == {n}"} for n in range(11)]), "maximum of 10", placementConstraints=[
            {"type": "memberOf", "expression": f"a == {n}"} for n in range(11)]),
    task("an operating system that there is not", loads("operatingSystemFamily", runtimePlatform={
        "operatingSystemFamily": "BEOS"}), "operatingSystemFamily",
         runtimePlatform={"operatingSystemFamily": "BEOS"}),
    task("another compatibility", loads("requiresCompatibilities", requiresCompatibilities=[
        "LAMBDA"]), "requiresCompatibilities", requiresCompatibilities=["LAMBDA"]),
    task("Elastic Inference", loads("no longer available", inferenceAccelerators=[
        {"deviceName": "a", "deviceType": "b"}]), "no longer available",
         inferenceAccelerators=[{"deviceName": "a", "deviceType": "b"}]),
    task("trusted execution on Fargate", loads("managed instances", trustedExecutionConfiguration={
        "isolationMode": "ISOLATED_SANDBOX"}), "managed instances",
         trustedExecutionConfiguration={"isolationMode": "ISOLATED_SANDBOX"}),
    task("a proxy that is no container", loads("no container envoy", proxyConfiguration={
        "containerName": "envoy", "type": "APPMESH"}), "proxy container",
         proxyConfiguration={"containerName": "envoy", "type": "APPMESH"}),
    task("a role that is none", loads("taskRoleArn", taskRoleArn="arn:aws:s3:::x"),
         "Role is not valid", taskRoleArn="arn:aws:s3:::x"),
    # volumes
    container("a volume that there is not", "Unknown volume", "data",
              mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}]),
    task("two volumes of a name", MAP, "must be unique", volumes=[{"name": "a"}, {"name": "a"}]),
    task("a volume of two sorts", loads("not several", volumes={"a": {
        "configuredAtLaunch": True, "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}},
        volumeConfigurations={"a": {"managedEBSVolume": {"sizeInGiB": 1, "roleArn": ROLE}}}),
         "only have one", volumes=[{"name": "a", "configuredAtLaunch": True,
                                    "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]),
    task("a Docker volume on Fargate", loads("not on Fargate", volumes={"a": {
        "dockerVolumeConfiguration": {"driver": "local"}}}), "dockerVolumeConfiguration",
         volumes=[{"name": "a", "dockerVolumeConfiguration": {"driver": "local"}}]),
    task("a Windows file system on Fargate", loads("not on Fargate", volumes={"a": {
        "fsxWindowsFileServerVolumeConfiguration": {
            "fileSystemId": "fs-1", "rootDirectory": "/", "authorizationConfig": {
                "credentialsParameter": "arn:aws:secretsmanager:x", "domain": "a.b"}}}}),
         "fsxWindows", volumes=[{"name": "a", "fsxWindowsFileServerVolumeConfiguration": {
             "fileSystemId": "fs-1", "rootDirectory": "/", "authorizationConfig": {
                 "credentialsParameter": "a", "domain": "a.b"}}}]),
    task("a path of the host on Fargate", loads("not on Fargate", volumes={"a": {
        "host": {"sourcePath": "/x"}}}), "sourcePath",
         volumes=[{"name": "a", "host": {"sourcePath": "/x"}}]),
    on_host("to make a volume of the task's beforehand", loads("goes with scope shared", **HOSTS,
                                                               volumes={"a": {
        "dockerVolumeConfiguration": {"autoprovision": True, "scope": "task"}}}), "scope shared",
            volumes=[{"name": "a", "dockerVolumeConfiguration": {
                "autoprovision": True, "scope": "task"}}]),
    task("IAM without TLS for a file system", loads("transitEncryption", volumes={"a": {
        "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": False,
                                   "authorizationConfig": {"iam": True}}}}),
         "Transit encryption", volumes=[{"name": "a", "efsVolumeConfiguration": {
             "fileSystemId": "fs-1", "authorizationConfig": {"iam": "ENABLED"}}}]),
    task("a directory beside an access point", loads("access point", volumes={"a": {
        "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/x",
                                   "transitEncryption": True, "authorizationConfig": {
                                       "accessPointId": "fsap-1"}}}}), "access point",
         volumes=[{"name": "a", "efsVolumeConfiguration": {
             "fileSystemId": "fs-1", "rootDirectory": "/x", "authorizationConfig": {
                 "accessPointId": "fsap-1"}}}]),
    task("two volumes for the service to configure", loads("configuredAtLaunch", volumes={
        n: {"configuredAtLaunch": True} for n in "ab"}), "Only one volume",
         volumes=[{"name": n, "configuredAtLaunch": True} for n in "ab"]),
    # tags
    row("RegisterTaskDefinition", "51 tags", INVALID, "a file may have 40 tags, ours are few",
        "maximum of 50", {"family": "new", **FARGATE, "containerDefinitions": [APP], "tags": [
            {"key": str(n), "value": ""} for n in range(51)]}),
]  # fmt: skip


@pytest.fixture
def there() -> World:
    """What there is."""
    return stage("ecs", make)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal, there: World) -> None:
    judge(refusal, there)


def test_no_two_rows_are_alike() -> None:
    assert len({str(r) for r in REFUSALS}) == len(REFUSALS)
