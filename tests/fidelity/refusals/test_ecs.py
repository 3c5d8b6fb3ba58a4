"""What ECS rejects of services and clusters. Of task definitions: `test_ecs_tasks`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.manifest import DesiredStateError, load
from sandbox.world import World
from tests.fidelity.refusals import test_ecs_tasks
from tests.fidelity.refusals.ecs_stage import (
    CLIENT,
    HOSTS,
    INVALID,
    NAMES,
    NAMESPACE,
    NEVER,
    ROLE,
    SPEC,
    STATE,
    STEPS,
    THERE,
    TWICE,
    Doc,
    Load,
    loads,
    make,
    row,
)
from tests.fidelity.refusals.kit import Refusal
from tests.fidelity.refusals.stages import calls_of, judge, stage
from tests.harness import environment, resource

GOOD: Doc = {
    "cluster": "main", "serviceName": "new", "taskDefinition": "web", "desiredCount": 1,
    "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": "SUBNETS"}},
}  # fmt: skip
ON_HOST: Doc = {"taskDefinition": "bridge", "launchType": "EC2", "networkConfiguration": None}
PORTS: Doc = {"portMappings": [{"containerPort": 4000, "name": "http"}]}
BALANCER: Doc = {"targetGroupArn": "TARGET", "containerName": "app", "containerPort": 4000}
GROUP_ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/0123456789abcdef"
DECLARED: Doc = {"targetGroupArn": GROUP_ARN, "containerName": "app", "containerPort": 4000}
REGISTRY = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"


def create(why: str, load: Load, says: str = "", code: str = INVALID, **changes: Any) -> Refusal:
    """A CreateService that differs from a good one (None: left out)."""
    return row("CreateService", why, code, load, says, {**GOOD, **changes})


def update(why: str, load: Load, says: str = "", code: str = INVALID, service: str = "web",
           **changes: Any) -> Refusal:  # fmt: skip
    """An UpdateService of one of the services that are there."""
    request = {"cluster": "main", "service": service, **changes}
    return row("UpdateService", why, code, load, says, request)


def both(why: str, load: Load, says: str, **changes: Any) -> list[Refusal]:
    """What both calls refuse."""
    return [create(why, load, says, **changes), update(why, load, says, **changes)]


def deploys(why: str, says: str, told: str, shown: Doc | None = None, **config: Any
            ) -> list[Refusal]:  # fmt: skip
    """A deployment configuration; shown: the same in our language, if it is another one."""
    load = loads(told, deployment=config if shown is None else shown)
    return both(why, load, says, deploymentConfiguration=config)


def balanced(why: str, says: str, load: Load, *balancers: Doc) -> list[Refusal]:
    """Load balancers."""
    return both(why, load, says, loadBalancers=list(balancers))


def connected(why: str, says: str, told: str, **config: Any) -> list[Refusal]:
    """Service Connect."""
    load = loads(told, PORTS, serviceConnectConfiguration=config)
    return both(why, load, says, serviceConnectConfiguration={"enabled": True, **config})


def disk(why: str, says: str, told: str, **ebs: Any) -> Refusal:
    """An EBS volume for each task."""
    ebs = {"roleArn": ROLE, **ebs}
    load = loads(told, volumes={"data": {"configuredAtLaunch": True}},
                 volumeConfigurations={"data": {"managedEBSVolume": ebs}})  # fmt: skip
    return create(why, load, says, taskDefinition="late",
                  volumeConfigurations=[{"name": "data", "managedEBSVolume": ebs}])  # fmt: skip


def placed(why: str, says: str, told: str, member: str, *entries: Doc) -> Refusal:
    """Placement on instances."""
    load = loads(told, **HOSTS, **{member: list(entries)})
    return create(why, load, says, **ON_HOST, **{member: list(entries)})


SHIFT: Doc = {"alternateTargetGroupArn": "LONELY", "productionListenerRule": "arn:a",
              "roleArn": ROLE}  # fmt: skip
STRATEGIES = [
    ("a provider that the cluster has not", "not associated", THERE,
     [{"capacityProvider": "hosts", "weight": 1}]),
    ("Fargate and instances together", "mix of capacity providers|not associated",
     loads("mix|together|both", capacityProviderStrategy={
         "FARGATE": {"weight": 1}, "hosts": {"weight": 1}}),
     [{"capacityProvider": n, "weight": 1} for n in ("FARGATE", "hosts")]),
    ("two bases", "Only one capacity provider", loads("base", capacityProviderStrategy={
        "FARGATE": {"base": 1, "weight": 1}, "FARGATE_SPOT": {"base": 1}}),
     [{"capacityProvider": n, "base": 1, "weight": 1} for n in ("FARGATE", "FARGATE_SPOT")]),
    ("no weight", "weight above 0", loads("weight", capacityProviderStrategy={
        "FARGATE": {"weight": 0}}), [{"capacityProvider": "FARGATE", "weight": 0}]),
]  # fmt: skip

CREATES = [
    create("a name with a dot", NAMES, "must match", serviceName="a.b"),
    create("a name of 256 characters", NAMES, "must match", serviceName="a" * 256),
    create("a name that is in use", THERE, "not idempotent", serviceName="web",
           desiredCount=2),
    create("a name that is being given up", STATE, "still Draining", serviceName="stopping"),
    create("a token of 37 characters", NEVER, "clientToken", clientToken="a" * 37),
    create("a cluster that there is not", THERE, "Cluster not found", "ClusterNotFoundException",
           cluster="nowhere"),
    create("a cluster that is gone", STATE, "inactive", "ClusterNotFoundException", cluster="gone"),
    create("no task definition", loads("containers", containers=None), "can not be blank",
           taskDefinition=None),
    create("a task definition that there is not", THERE, "not found", CLIENT,
           taskDefinition="nothing"),
    create("a revision that there is not", THERE, "not found", CLIENT, taskDefinition="web:99"),
    create("a revision that is no number", NEVER, "Invalid revision number",
           taskDefinition="web:new"),
    create("a revision that was deregistered", STATE, "inactive", CLIENT, taskDefinition="old:1"),
    # where
    create("a launch type and a strategy", loads("not both", launchType="FARGATE",
                                                 capacityProviderStrategy={
        "FARGATE": {"weight": 1}}), "both a launch type",
           capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}]),
    *(create(why, load, says, launchType=None, capacityProviderStrategy=strategy)
      for why, says, load, strategy in STRATEGIES),
    create("managed instances as launch type", loads("capacityProviderStrategy", **HOSTS | {
        "launchType": "MANAGED_INSTANCES", "requiresCompatibilities": ["MANAGED_INSTANCES"]}),
           "capacity provider strategy", launchType="MANAGED_INSTANCES"),
    create("a task on Fargate that does not fit there", loads("not among", **HOSTS | {
        "launchType": "FARGATE"}), "launch_type FARGATE", taskDefinition="bridge",
           networkConfiguration=None),
    create("a task outside of AWS that does not fit there", loads("not among",
                                                                  launchType="EXTERNAL"),
           "launch_type EXTERNAL", launchType="EXTERNAL"),
    create("a platform on instances", loads("platformVersion", **HOSTS, platformVersion="1.4.0"),
           "platform version must be null", **ON_HOST, platformVersion="1.4.0"),
    create("a platform that there is not", "versions come and go", "does not exist",
           "PlatformUnknownException", platformVersion="9.9.9"),
    # how many
    create("no count", loads("desiredCount or autoscaling", desiredCount=None), "desiredCount",
           CLIENT, desiredCount=None),
    create("less than none", loads("at least 0", desiredCount=-1), "non-negative",
           desiredCount=-1),
    create("a daemon with a count", loads("neither desiredCount", **HOSTS,
                                          schedulingStrategy="DAEMON"), "desired count",
           **ON_HOST, schedulingStrategy="DAEMON"),
    create("a daemon on Fargate", loads("not for Fargate", schedulingStrategy="DAEMON",
                                        desiredCount=None), "not supported on Fargate",
           schedulingStrategy="DAEMON", desiredCount=None),
    # the network
    create("no network in awsvpc", loads("needs it", networkConfiguration=None),
           "must be provided", networkConfiguration=None),
    create("a network in bridge mode", loads("not with networkMode bridge", **HOSTS | {
        "networkConfiguration": SPEC["networkConfiguration"]}), "not valid",
           **{**ON_HOST, "networkConfiguration": GOOD["networkConfiguration"]}),
    create("a subnet that there is not", THERE, "subnet-0123456789abcdef0", networkConfiguration={
        "awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}),
    create("a security group that there is not", THERE, "sg-0123456789abcdef0",
           networkConfiguration={"awsvpcConfiguration": {
               "subnets": "SUBNETS", "securityGroups": ["sg-0123456789abcdef0"]}}),
    create("no subnet", loads("subnets", networkConfiguration={"subnets": []}),
           "subnets can not be empty", networkConfiguration={
               "awsvpcConfiguration": {"subnets": []}}),
    create("17 subnets", loads("at most 16", networkConfiguration={
        "subnets": [f"subnet-0123456789abcde{n:02x}" for n in range(17)]}), "At most 16",
           networkConfiguration={"awsvpcConfiguration": {"subnets": ["SUBNET"] * 17}}),
    create("6 security groups", loads("at most 5", networkConfiguration={
        "subnets": ["subnet-0123456789abcdef0"],
        "securityGroups": [f"sg-0123456789abcdef{n}" for n in range(6)]}), "5 security groups",
           networkConfiguration={"awsvpcConfiguration": {
               "subnets": "SUBNETS", "securityGroups": ["GROUP"] * 6}}),
    # placement
    create("constraints on Fargate", loads("not on Fargate", placementConstraints=[
        {"type": "distinctInstance"}]), "not supported with FARGATE",
           placementConstraints=[{"type": "distinctInstance"}]),
    create("a placement strategy on Fargate", loads("not on Fargate", placementStrategy=[
        {"type": "random"}]), "not supported with FARGATE", placementStrategy=[{"type": "random"}]),
    create("a placement strategy for a daemon", loads("runs everywhere", **HOSTS | {
        "desiredCount": None}, schedulingStrategy="DAEMON", placementStrategy=[
            {"type": "random"}]), "not supported with the DAEMON", **ON_HOST, desiredCount=None,
           schedulingStrategy="DAEMON", placementStrategy=[{"type": "random"}]),
    placed("11 constraints", "at most 10", "at most 10", "placementConstraints",
           *({"type": "memberOf", "expression": f"a == {n}"} for n in range(11))),
    placed("6 strategies", "at most 5", "at most 5", "placementStrategy",
           *({"type": "spread", "field": f"attribute:{n}"} for n in range(6))),
    placed("an expression for distinct instances", "can't be specified", "has no expression",
           "placementConstraints", {"type": "distinctInstance", "expression": "a == b"}),
    placed("members of nothing", "must be specified", "needs an expression",
           "placementConstraints", {"type": "memberOf"}),
    placed("to pack by something else", "cpu or memory", "cpu or memory", "placementStrategy",
           {"type": "binpack", "field": "attribute:x"}),
    placed("to spread over nothing", "needs a field", "needs a field", "placementStrategy",
           {"type": "spread"}),
    placed("to be random by a field", "takes no field", "has no field", "placementStrategy",
           {"type": "random", "field": "cpu"}),
    # volumes
    create("nothing said of a volume", loads("data", volumes={
        "data": {"configuredAtLaunch": True}}), "no volume configuration", taskDefinition="late"),
    create("a volume that the task has not", loads("data", volumeConfigurations={
        "data": {"managedEBSVolume": {"sizeInGiB": 1, "roleArn": ROLE}}}), "is named data",
           volumeConfigurations=[{"name": "data", "managedEBSVolume": {
               "sizeInGiB": 1, "roleArn": ROLE}}]),
    disk("neither size nor snapshot", "sizeInGiB or snapshotId", "sizeInGiB or snapshotId"),
    disk("a small disk for HDDs", "not valid for volume type", "st1", volumeType="st1",
         sizeInGiB=100),
    disk("a big magnetic disk", "not valid for volume type", "standard", volumeType="standard",
         sizeInGiB=1025),
    disk("provisioned IOPS without a number", "iops is required", "iops", volumeType="io2",
         sizeInGiB=10),
    disk("IOPS of HDDs", "iops is not supported", "iops", volumeType="sc1", sizeInGiB=125,
         iops=3000),
    disk("throughput of gp2", "throughput is only", "throughput", volumeType="gp2", sizeInGiB=10,
         throughput=250),
    disk("to fill it from nothing", "needs a snapshotId", "snapshotId", sizeInGiB=10,
         volumeInitializationRate=100),
    create("a volume for a daemon", loads("DAEMON", **HOSTS | {
        "desiredCount": None}, schedulingStrategy="DAEMON", volumes={
            "data": {"configuredAtLaunch": True}}, volumeConfigurations={
                "data": {"managedEBSVolume": {"sizeInGiB": 1, "roleArn": ROLE}}}),
           "not supported for DAEMON", **ON_HOST, desiredCount=None, schedulingStrategy="DAEMON",
           volumeConfigurations=[{"name": "data", "managedEBSVolume": {
               "sizeInGiB": 1, "roleArn": ROLE}}]),
    # other controllers
    create("a daemon of CodeDeploy", loads("can be adopted, not made",
                                           deploymentController="CODE_DEPLOY"),
           "does not support DAEMON", deploymentController={"type": "CODE_DEPLOY"},
           schedulingStrategy="DAEMON"),
    create("CodeDeploy without a load balancer", loads("can be adopted, not made",
                                                       deploymentController="CODE_DEPLOY"),
           "load balancer is required", deploymentController={"type": "CODE_DEPLOY"}),
    create("a task definition of the service's for another controller", loads(
        "can be adopted, not made", deploymentController="EXTERNAL"), "belongs to task sets",
           deploymentController={"type": "EXTERNAL"}),
    create("51 tags", "a file may have 40 tags, ours are few", "maximum of 50",
           tags=[{"key": str(n), "value": ""} for n in range(51)]),
    create("a tag of AWS's", loads("aws:", tags={"aws:x": "y"}), "aws: prefixed",
           tags=[{"key": "aws:x", "value": "y"}]),
    create("a key of 129 characters", loads("128", tags={"a" * 129: "y"}), "1 and 128",
           tags=[{"key": "a" * 129, "value": "y"}]),
    create("a value of 257 characters", loads("256", tags={"a": "y" * 257}), "at most 256",
           tags=[{"key": "a", "value": "y" * 257}]),
    create("a tag twice", TWICE, "Duplicate", tags=[{"key": "a", "value": "y"}] * 2),
]  # fmt: skip

EITHER = [
    # roll-outs
    *deploys("no room to replace a task", "will block", "leave no room", maximumPercent=100,
             minimumHealthyPercent=100),
    *deploys("more healthy than there may be", "cannot be larger", "is more than",
             maximumPercent=150, minimumHealthyPercent=160),
    *deploys("none at most", "must be positive", "maximumPercent", maximumPercent=0,
             minimumHealthyPercent=0),
    *deploys("less than none healthy", "not negative", "minimumHealthyPercent",
             minimumHealthyPercent=-1),
    *deploys("a strategy that there is not", "Invalid deployment strategy", "strategy",
             strategy="SLOW"),
    *(refusal for name in ("BLUE_GREEN", "LINEAR", "CANARY") for refusal in deploys(
        f"{name} with nothing to shift traffic by", "load balancer or Service Connect",
        "needs loadBalancers", strategy=name, bakeTimeInMinutes=5)),
    *deploys("blue and green without a bake time", "bakeTimeInMinutes must be", "wants it said",
             strategy="BLUE_GREEN"),
    *deploys("two days of baking", "between 0 and 1440", "1440", strategy="BLUE_GREEN",
             bakeTimeInMinutes=1441),
    *deploys("linear steps of another strategy", "only valid when", "LINEAR only",
             linearConfiguration={"stepPercent": 10}),
    *deploys("a canary of another strategy", "only valid when", "CANARY only",
             canaryConfiguration={"canaryPercent": 10}),
    *deploys("linear steps of 2 percent", "between 3.0", "stepPercent", strategy="LINEAR",
             linearConfiguration={"stepPercent": 2}),
    *deploys("a canary of nothing", "between 0.1", "canaryPercent", strategy="CANARY",
             canaryConfiguration={"canaryPercent": 0}),
    *deploys("a threshold of 101 percent", "threshold value", "1 to", {"circuitBreaker": {
        "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 101}}},
             deploymentCircuitBreaker={"enable": True, "rollback": True, "thresholdConfiguration": {
                 "type": "BOUNDED_PERCENT", "value": 101}}),
    *deploys("an early success with nothing said of it", "must be specified", "are needed",
             earlySuccessCriteria={"enable": True}),
    *deploys("a hook without its function", "are required", "a function needs",
             strategy="BLUE_GREEN", bakeTimeInMinutes=5,
             lifecycleHooks=[{"lifecycleStages": ["POST_SCALE_UP"]}]),
    *both("blue and green without the other group", loads("advancedConfiguration", PORTS,
                                                          loadBalancers=[DECLARED], deployment={
        "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}), "advancedConfiguration is required",
          loadBalancers=[BALANCER], deploymentConfiguration={
              "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}),
    *both("zones evened out with no room for it", loads(
        "maximumPercent above 100", availabilityZoneRebalancing=True,
        deployment={"maximumPercent": 100, "minimumHealthyPercent": 0}), "greater than 100",
          availabilityZoneRebalancing="ENABLED",
          deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 0}),
    # load balancers
    *balanced("6 load balancers", "at most 5", loads("at most 5", PORTS, loadBalancers=[
        {**DECLARED, "targetGroupArn": f"{GROUP_ARN[:-1]}{n}"} for n in range(6)]),
              *[BALANCER] * 6),
    *balanced("a container that there is not", "does not exist", loads(
        "nobody", PORTS, loadBalancers=[{**DECLARED, "containerName": "nobody"}]),
              {**BALANCER, "containerName": "nobody"}),
    *balanced("a port that it has not", "did not have a container port", loads(
        "9", PORTS, loadBalancers=[{**DECLARED, "containerPort": 9}]),
              {**BALANCER, "containerPort": 9}),
    *balanced("neither group nor load balancer", "must be specified", loads(
        "targetGroupArn", PORTS, loadBalancers=[{"containerName": "app", "containerPort": 4000}]),
              {"containerName": "app", "containerPort": 4000}),
    *balanced("a classic load balancer in awsvpc", "not supported with awsvpc", loads(
        "needs target groups", PORTS, loadBalancers=[{
            "loadBalancerName": "a", "containerName": "app", "containerPort": 4000}]),
              {"loadBalancerName": "a", "containerName": "app", "containerPort": 4000}),
    *balanced("a target group that there is not", "does not exist", THERE,
              {**BALANCER, "targetGroupArn": GROUP_ARN}),
    *balanced("a target group of instances", "target type instance", "its type is AWS's to know",
              {**BALANCER, "targetGroupArn": "HOSTS"}),
    *balanced("a target group that no load balancer uses", "associated load balancer", THERE,
              {**BALANCER, "targetGroupArn": "LONELY"}),
    # registries
    *both("two registries", loads("at most one", serviceRegistries=[
        {"registryArn": REGISTRY}, {"registryArn": f"{REGISTRY}2"}]), "at most 1",
          serviceRegistries=[{"registryArn": REGISTRY}] * 2),
    *both("a registry that is none", "an ARN is not looked into", "ARN is not valid",
          serviceRegistries=[{"registryArn": "arn:aws:s3:::x"}]),
    *both("two ports for a registry", loads("not both", PORTS, serviceRegistries=[
        {"registryArn": REGISTRY, "port": 1, "containerPort": 4000, "containerName": "app"}]),
          "not both", serviceRegistries=[{"registryArn": REGISTRY, "port": 1, "containerPort": 4000,
                                          "containerName": "app"}]),
    *both("a container without a port for a registry", loads("go together", serviceRegistries=[
        {"registryArn": REGISTRY, "containerName": "app"}]), "specified together",
          serviceRegistries=[{"registryArn": REGISTRY, "containerName": "app"}]),
    *both("a container that there is not for a registry", loads("nobody", serviceRegistries=[
        {"registryArn": REGISTRY, "containerName": "nobody", "containerPort": 1}]),
          "does not exist", serviceRegistries=[
              {"registryArn": REGISTRY, "containerName": "nobody", "containerPort": 1}]),
    # Service Connect
    *both("no namespace", "the cluster may have a default one", "namespace is required",
          serviceConnectConfiguration={"enabled": True}),
    *connected("a port that there is not", "not defined", "named nothing", namespace=NAMESPACE,
               services=[{"portName": "nothing"}]),
    *connected("two aliases", "at most 1 client alias", "at most one clientAlias",
               namespace=NAMESPACE, services=[{
                   "portName": "http", "clientAliases": [{"port": 80}, {"port": 81}]}]),
    *connected("access logs without a log", "logConfiguration is required",
               "needs logConfiguration", namespace=NAMESPACE,
               accessLogConfiguration={"format": "TEXT"}),
    create("Service Connect on the host's network", loads(
        "not with networkMode host", PORTS, **HOSTS | {"networkMode": "host"},
        serviceConnectConfiguration={"namespace": NAMESPACE}), "not supported with host",
           **{**ON_HOST, "taskDefinition": "host"},
           serviceConnectConfiguration={"enabled": True, "namespace": NAMESPACE}),
    # and besides
    *both("a shell without a task role", loads("needs taskRoleArn", enableExecuteCommand=True),
          "taskRoleArn", enableExecuteCommand=True),
    *both("a port that there is not for VPC Lattice", loads("nothing", vpcLatticeConfigurations=[
        {"roleArn": ROLE, "targetGroupArn": "arn:aws:vpc-lattice:x", "portName": "nothing"}]),
          "is not defined", vpcLatticeConfigurations=[
              {"roleArn": ROLE, "targetGroupArn": "arn:x", "portName": "nothing"}]),
]  # fmt: skip

UPDATES = [
    update("a service that there is not", THERE, "not found", "ServiceNotFoundException",
           service="nothing", desiredCount=1),
    update("a cluster that there is not", THERE, "Cluster not found", "ClusterNotFoundException",
           cluster="nowhere"),
    update("a service that is going", STATE, "not ACTIVE", "ServiceNotActiveException",
           service="stopping", desiredCount=1),
    update("a service that is gone", STATE, "not ACTIVE", "ServiceNotActiveException",
           service="dead", desiredCount=1),
    update("less than none", loads("at least 0", desiredCount=-1), "non-negative",
           desiredCount=-1),
    update("a daemon's count", loads("neither desiredCount", **HOSTS,
                                     schedulingStrategy="DAEMON"), "DAEMON", service="agent",
           desiredCount=3),
    update("a task definition that there is not", THERE, "not found", CLIENT,
           taskDefinition="nothing"),
    update("a revision that was deregistered", STATE, "inactive", CLIENT, taskDefinition="old:1"),
    update("a task that does not fit on Fargate", loads("not among", **HOSTS | {
        "launchType": "FARGATE"}), "launch_type FARGATE", taskDefinition="bridge"),
    *(update(why, load, says, forceNewDeployment=True, capacityProviderStrategy=strategy)
      for why, says, load, strategy in STRATEGIES),
    update("a strategy without a new deployment", STEPS, "force a new deployment",
           capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}]),
    update("back to the launch type without a new deployment", STEPS, "force a new deployment",
           service="spot", capacityProviderStrategy=[]),
    update("other shares without a new deployment", STEPS, "force a new deployment",
           service="spot", capacityProviderStrategy=[
               {"capacityProvider": "FARGATE_SPOT", "weight": 5}]),
    update("a platform on instances", loads("platformVersion", **HOSTS, platformVersion="1.4.0"),
           "platform version must be null", service="agent", platformVersion="1.4.0"),
    update("a platform that there is not", "versions come and go", "does not exist",
           "PlatformUnknownException", platformVersion="9.9.9"),
    update("no subnet", loads("subnets", networkConfiguration={"subnets": []}),
           "subnets can not be empty", networkConfiguration={
               "awsvpcConfiguration": {"subnets": []}}),
    update("a network in bridge mode", loads("not with networkMode bridge", **HOSTS | {
        "networkConfiguration": SPEC["networkConfiguration"]}), "not valid", service="agent",
           networkConfiguration=GOOD["networkConfiguration"]),
    update("a subnet that there is not", THERE, "subnet-0123456789abcdef0", networkConfiguration={
        "awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}),
    update("constraints on Fargate", loads("not on Fargate", placementConstraints=[
        {"type": "distinctInstance"}]), "not supported with FARGATE",
           placementConstraints=[{"type": "distinctInstance"}]),
    update("a volume that the task has not", loads("data", volumeConfigurations={
        "data": {"managedEBSVolume": {"sizeInGiB": 1, "roleArn": ROLE}}}), "is named data",
           volumeConfigurations=[{"name": "data", "managedEBSVolume": {
               "sizeInGiB": 1, "roleArn": ROLE}}]),
    update("a task with a volume of which nothing is said", STEPS, "no volume configuration",
           taskDefinition="late"),
    update("blue and green for a daemon", loads("ROLLING only", **HOSTS | {"desiredCount": None},
                                                schedulingStrategy="DAEMON", deployment={
        "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}), "does not support DAEMON",
           service="agent", deploymentConfiguration={
               "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}),
    *(update(f"CodeDeploy's {member}", "case 40: what another controller rolls out is not ours",
             "CODE_DEPLOY deployment controller", service="theirs", **{member: value})
      for member, value in (
          ("taskDefinition", "web"), ("networkConfiguration", GOOD["networkConfiguration"]),
          ("platformVersion", "1.4.0"), ("loadBalancers", [BALANCER]),
          ("forceNewDeployment", True), ("serviceRegistries", [{"registryArn": REGISTRY}]))),
    *(update(f"another controller's {member}",
             "case 40: what another controller rolls out is not ours",
             "EXTERNAL deployment controller", service="own", **{member: value})
      for member, value in (
          ("taskDefinition", "web"), ("networkConfiguration", GOOD["networkConfiguration"]),
          ("loadBalancers", [BALANCER]), ("forceNewDeployment", True),
          ("deploymentConfiguration", {"maximumPercent": 150}))),
]  # fmt: skip

DELETES = [
    row("DeleteService", "a service that there is not", "ServiceNotFoundException", THERE,
        "not found", {"cluster": "main", "service": "nothing", "force": True}),
    row("DeleteService", "a cluster that there is not", "ClusterNotFoundException", THERE,
        "Cluster not found", {"cluster": "nowhere", "service": "web", "force": True}),
    row("DeleteService", "a service that is gone", "ServiceNotFoundException", STATE, "not found",
        {"cluster": "main", "service": "dead", "force": True}),
    row("DeleteService", "a service that runs, unforced", INVALID, NEVER, "scaled above 0",
        {"cluster": "main", "service": "web"}),
]  # fmt: skip


def cluster(operation: str, why: str, load: Load, says: str, code: str = INVALID,
            **params: Any) -> Refusal:  # fmt: skip
    """A call about clusters."""
    return row(operation, why, code, load, says, params)


def of_cluster(says: str, **spec: Any) -> tuple[str, str, str]:
    """A file with this in a Cluster's spec."""
    return "Cluster", json.dumps(spec)[1:-1], says


def strategies(operation: str, providers: list[str], **where: Any) -> list[Refusal]:
    """Capacity providers and the default strategy."""
    one = {"capacityProvider": "FARGATE", "weight": 1}
    two = {**one, "capacityProvider": "FARGATE_SPOT"}
    on: Doc = {"capacityProviders": providers}

    def refused(why: str, load: Load, says: str, **params: Any) -> Refusal:
        default: Doc = {"capacityProviders": providers, "defaultCapacityProviderStrategy": []}
        return cluster(operation, why, load, says, **where, **{**default, **params})

    return [
        refused("a provider that there is not", THERE, "was not found", capacityProviders=["x"]),
        refused("a strategy of what the cluster has not", of_cluster(
            "must stand in capacityProviders", capacityProviders=["FARGATE"],
            defaultCapacityProviderStrategy={"FARGATE_SPOT": {"weight": 1}}), "not associated",
                capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[two]),
        refused("two bases", of_cluster("base", **on, defaultCapacityProviderStrategy={
            "FARGATE": {"base": 1, "weight": 1}, "FARGATE_SPOT": {"base": 1}}),
                "Only one capacity provider",
                defaultCapacityProviderStrategy=[{**one, "base": 1}, {**two, "base": 1}]),
        refused("no weight", of_cluster("weight", **on, defaultCapacityProviderStrategy={
            "FARGATE": {"weight": 0}}), "weight above 0",
                defaultCapacityProviderStrategy=[{**one, "weight": 0}]),
        refused("Fargate and instances together", of_cluster(
            "mix|together|both", capacityProviders=["FARGATE", "hosts"],
            defaultCapacityProviderStrategy={"FARGATE": {"weight": 1}, "hosts": {"weight": 1}}),
                "mix of capacity providers", capacityProviders=["FARGATE", "hosts"],
                defaultCapacityProviderStrategy=[one, {**one, "capacityProvider": "hosts"}]),
        refused("21 providers", of_cluster("at most 20", capacityProviders=[
            f"p{n}" for n in range(21)]), "maximum of 20",
                capacityProviders=[f"p{n}" for n in range(21)]),
    ]  # fmt: skip


def settings(operation: str, **where: Any) -> list[Refusal]:
    """Settings and configuration, which both calls take."""
    execute: Doc = {"logging": "OVERRIDE"}
    logged: Doc = {"logging": "DEFAULT", "logConfiguration": {"cloudWatchLogGroupName": "a"}}
    return [
        cluster(operation, "a setting that there is not", of_cluster(
            "containerInsights", settings={"containerInsights": "yes"}), "Invalid value", **where,
                settings=[{"name": "containerInsights", "value": "yes"}]),
        cluster(operation, "logs of one's own of which nothing is said", of_cluster(
            "logConfiguration", configuration={"executeCommandConfiguration": execute}),
                "must be specified", **where, configuration={
                    "executeCommandConfiguration": execute}),
        cluster(operation, "logs that are not used", of_cluster(
            "OVERRIDE", configuration={"executeCommandConfiguration": logged}),
                "only be specified when logging is OVERRIDE", **where, configuration={
                    "executeCommandConfiguration": logged}),
    ]  # fmt: skip


CLUSTERS = [
    cluster("CreateCluster", "a name that begins with a digit", NAMES, "Invalid cluster name",
            clusterName="1a"),
    cluster("CreateCluster", "a name of 256 characters", NAMES, "Invalid cluster name",
            clusterName="a" * 256),
    cluster("CreateCluster", "a name that is in use", THERE, "inconsistent with arguments",
            clusterName="main", settings=[{"name": "containerInsights", "value": "enabled"}]),
    *settings("CreateCluster", clusterName="new"),
    *strategies("CreateCluster", ["FARGATE", "FARGATE_SPOT"], clusterName="new"),
    cluster("CreateCluster", "a tag of AWS's", of_cluster("aws:", tags={"aws:x": "y"}),
            "aws: prefixed", clusterName="new", tags=[{"key": "aws:x", "value": "y"}]),
    cluster("CreateCluster", "51 tags", "a file may have 40 tags, ours are few", "maximum of 50",
            clusterName="new", tags=[{"key": str(n), "value": ""} for n in range(51)]),
    *(cluster(operation, f"a cluster {why}", STATE if which == "gone" else THERE, says,
              "ClusterNotFoundException", cluster=which, **more)
      for operation, more in (
          ("UpdateCluster", {}), ("DeleteCluster", {}),
          ("PutClusterCapacityProviders", {
              "capacityProviders": [], "defaultCapacityProviderStrategy": []}))
      for which, why, says in (("nowhere", "that there is not", "not found"),
                               ("gone", "that is gone", "inactive"))),
    *settings("UpdateCluster", cluster="main"),
    *strategies("PutClusterCapacityProviders", ["FARGATE", "FARGATE_SPOT"], cluster="main"),
    cluster("PutClusterCapacityProviders", "a provider that a service uses", THERE, "is in use",
            "ResourceInUseException", cluster="main", capacityProviders=["FARGATE"],
            defaultCapacityProviderStrategy=[]),
    cluster("DeleteCluster", "a cluster with services", "the plan deletes services first",
            "while Services are active", "ClusterContainsServicesException", cluster="main"),
]  # fmt: skip

ODD = "ARNs are those that AWS showed"
TAGS = [
    *(row(operation, f"of {why}", code, load, says, {"resourceArn": arn, **params})
      for operation, params in (
          ("TagResource", {"tags": [{"key": "a", "value": "b"}]}),
          ("UntagResource", {"tagKeys": ["a"]}))
      for why, arn, code, load, says in (
          ("what is no ARN", "main", INVALID, ODD, "ARN provided is invalid"),
          ("a cluster that there is not", "ARN:cluster/nowhere", "ClusterNotFoundException", THERE,
           "not found"),
          ("a service that there is not", "ARN:service/main/nothing", "ServiceNotFoundException",
           THERE, "not found"),
          ("a service that is gone", "ARN:service/main/dead", INVALID, STATE, "inactive"),
          ("something else", "ARN:thing/x", "ResourceNotFoundException", ODD, "not found"))),
    row("TagResource", "a tag of AWS's", INVALID, loads("aws:", tags={"aws:x": "y"}),
        "aws: prefixed", {"resourceArn": "CLUSTER", "tags": [{"key": "AWS:x", "value": "y"}]}),
    row("TagResource", "51 tags", INVALID, "a file may have 40 tags, others' count too",
        "maximum of 50", {"resourceArn": "CLUSTER", "tags": [
            {"key": str(n), "value": ""} for n in range(51)]}),
    row("TagResource", "a key of 129 characters", INVALID, loads("128", tags={"a" * 129: "y"}),
        "1 and 128", {"resourceArn": "CLUSTER", "tags": [{"key": "a" * 129, "value": "y"}]}),
    row("TagResource", "a value of 257 characters", INVALID, loads("256", tags={"a": "y" * 257}),
        "at most 256", {"resourceArn": "CLUSTER", "tags": [{"key": "a", "value": "y" * 257}]}),
    row("TagResource", "a key twice", INVALID, TWICE, "Duplicate", {
        "resourceArn": "CLUSTER", "tags": [{"key": "a", "value": "y"}] * 2}),
    row("UntagResource", "a tag of AWS's", INVALID, "tags of AWS's are not ours", "aws: prefixed",
        {"resourceArn": "CLUSTER", "tagKeys": ["aws:x"]}),
]  # fmt: skip

RUN: Doc = {"cluster": "main", "taskDefinition": "web", "launchType": "FARGATE"}
RUNS = [
    row("RunTask", "without a network", INVALID, (
        "Task", 'cluster: main, cpu: 256, memory: 512, containers: {app: {image: "app:1"}}',
        "networkMode awsvpc needs it"), "Network Configuration must", RUN),
    row("RunTask", "in a cluster that is not there", "ClusterNotFoundException", THERE, "not found",
        {**RUN, "cluster": "nowhere"}),
    row("RunTask", "of a revision that was deregistered", CLIENT, STATE, "inactive",
        {**RUN, "taskDefinition": "old:1"}),
    row("RunTask", "on instances where there are none", INVALID, THERE, "No Container Instances",
        {"cluster": "main", "taskDefinition": "bridge", "launchType": "EC2"}),
]  # fmt: skip

REFUSALS = (*CREATES, *EITHER, *UPDATES, *DELETES, *CLUSTERS, *TAGS, *RUNS)


@pytest.fixture
def there() -> World:
    """What there is."""
    return stage("ecs", make)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal, there: World) -> None:
    judge(refusal, there)


@pytest.mark.parametrize("kind", ["Service", "Cluster"])
@pytest.mark.parametrize("name", ["a.b", "a" * 256, "a b"])
def test_what_may_not_be_a_name_is_refused_at_load(kind: str, name: str) -> None:
    said = loads("")[1] if kind == "Service" else ""
    written = resource(kind, "main", said).replace(
        "{name: main}", f'{{name: main, externalName: "{name}"}}'
    )
    with pytest.raises(DesiredStateError, match="as the name in AWS"):
        load(environment(written).encode(), "names.yaml")


def test_a_good_file_is_not_refused() -> None:
    load(environment(resource("Service", "main", loads("")[1])).encode(), "good.yaml")


def test_every_write_of_these_kinds_is_refused_something() -> None:
    calls = {
        c for kind in ("Cluster", "Service", "Task") for c in calls_of(kind) if c.startswith("ecs:")
    }
    assert calls == {r.call for r in (*REFUSALS, *test_ecs_tasks.REFUSALS)}


def test_no_two_rows_are_alike() -> None:
    assert len({str(r) for r in REFUSALS}) == len(REFUSALS)
