"""One environment of all sorts of ECS services, converged once and put back for each case.

web       Fargate behind a load balancer, scaled by load, with Service Connect, secrets, three
          containers, and much that AWS reorders or fills in
host      EC2 and a bridge network: links, names, Docker volumes, placement
agent     a DAEMON on the hosts' network
spot      by capacity providers; plain: by the cluster's default strategy
shift     BLUE_GREEN
disk      an EBS volume for each task
codedeploy, external   adopted: other deployment controllers roll out
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from controller.diff import Change
from controller.reconciler import Report
from sandbox.perturb_ecs import instances, task_set
from sandbox.pytest_plugin import new_world
from sandbox.world import CallRecord
from tests.harness import Plant, environment, explain, resource
from tests.perturbation.bench import MemoryStore

Doc = dict[str, Any]
NAME = "litellm-production"
CLUSTER = f"{NAME}-main"
P = "/plumbline/litellm-production"
SSM = "${ssm:" + P
ADOPT = "lifecycle: {adopt: true}\n"
NAMESPACE = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-0123456789abcdef"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret"
AT = 'cluster: "${Cluster.main.name}"'
NETWORK = (
    f'networkConfiguration: {{subnets: "{SSM}/network/private-subnets}}", '
    f'securityGroups: "{SSM}/network/service-security-groups}}"}}'
)
ROLES = f'executionRoleArn: "{SSM}/roles/execution}}", taskRoleArn: "{SSM}/roles/task}}"'
SMALL = "cpu: 256, memory: 512"
BALANCED = (
    f'loadBalancers: [{{targetGroupArn: "{SSM}/target-group/arn}}", containerName: app, '
    "containerPort: 4000}]"
)
SHIFTED = (
    f'loadBalancers: [{{targetGroupArn: "{SSM}/target-group/arn}}", containerName: app, '
    "containerPort: 4000, advancedConfiguration: {alternateTargetGroupArn: OTHERGROUP, "
    "productionListenerRule: RULE, roleArn: arn:aws:iam::123456789012:role/ecs}}]"
)

SERVICES = {
    "web": f"""{AT}, cpu: 1024, memory: 4096, {ROLES}, {NETWORK}, {BALANCED},
        volumes: {{tmp: {{}}, files: {{efsVolumeConfiguration: {{fileSystemId: fs-1,
          authorizationConfig: {{accessPointId: fsap-1}}}}}}}},
        containers: {{
          app: {{image: "app:1", environment: {{MODE: production, LOG: error, EMPTY: ""}},
            secrets: {{KEY: "{SECRET}:key-a1b2c3", TOKEN: "{SECRET}:token-a1b2c3"}},
            portMappings: [{{containerPort: 8080}}, {{containerPort: 4000, name: http,
              appProtocol: http}}, {{containerPort: 443}}],
            healthCheck: {{command: [CMD, healthy]}}, dependsOn: {{init: SUCCESS, router: START}},
            mountPoints: [{{sourceVolume: tmp, containerPath: /tmp}},
              {{sourceVolume: files, containerPath: /files}}],
            dockerLabels: {{com.example.Team: platform, com.example.team: lower}},
            ulimits: {{nofile: {{softLimit: 1024, hardLimit: 4096}}}},
            systemControls: {{net.core.somaxconn: "1024", net.ipv4.tcp_keepalive_time: "600"}},
            logConfiguration: {{logDriver: awsfirelens, options: {{Name: cloudwatch}}}},
            restartPolicy: {{enabled: true}}}},
          init: {{image: "app:1", essential: false, command: [migrate]}},
          router: {{image: "fluent:1", firelensConfiguration: {{type: fluentbit}}}}}},
        serviceConnectConfiguration: {{namespace: "{NAMESPACE}", services: [
          {{portName: http, clientAliases: [{{port: 80, dnsName: web}}]}}]}},
        serviceRegistries: [{{registryArn:
          "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"}}],
        autoscaling: {{minCapacity: 2, maxCapacity: 10, policies: {{
          cpu: {{targetValue: 60, predefinedMetric: ECSServiceAverageCPUUtilization}}}}}}""",
    "host": f"""{AT}, launchType: EC2, requiresCompatibilities: [EC2], networkMode: bridge,
        desiredCount: 2, memory: 512,
        volumes: {{scratch: {{}}, logs: {{host: {{sourcePath: /var/log}}}},
          data: {{dockerVolumeConfiguration: {{driver: local, labels: {{App: app}}}}}},
          kept: {{dockerVolumeConfiguration: {{scope: shared, autoprovision: true}}}}}},
        placementConstraints: [{{type: memberOf, expression: "attribute:ecs.os-type == linux"}},
          {{type: distinctInstance}}],
        placementStrategy: [{{type: spread, field: "attribute:ecs.availability-zone"}},
          {{type: binpack, field: memory}}],
        taskPlacementConstraints: [{{expression: "attribute:ecs.instance-type =~ m7.*"}},
          {{expression: "attribute:ecs.os-type == linux"}}],
        containers: {{
          app: {{image: "app:1", portMappings: [{{containerPort: 80}},
              {{containerPort: 443, hostPort: 8443}}], links: ["log:log", "cache:redis"],
            extraHosts: [{{hostname: zeta, ipAddress: 10.0.0.9}},
              {{hostname: alpha, ipAddress: 10.0.0.8}}],
            dnsServers: [10.0.0.3, 10.0.0.2], dnsSearchDomains: [b.internal, a.internal],
            dockerSecurityOptions: ["label:user:x", "label:role:y"],
            mountPoints: [{{sourceVolume: data, containerPath: /data}}],
            resourceRequirements: [{{type: GPU, value: "1"}}],
            linuxParameters: {{sharedMemorySize: 64, devices: [{{hostPath: /dev/fuse}}],
              tmpfs: [{{containerPath: /run, size: 16, mountOptions: [noexec, nosuid]}}]}},
            volumesFrom: {{log: {{}}, cache: {{readOnly: true}}}}}},
          log: {{image: "log:1", essential: false, hostname: log}},
          cache: {{image: "redis:7", essential: true, cpu: 16}}}}""",
    "agent": f"""{AT}, launchType: EC2, requiresCompatibilities: [EC2], networkMode: host,
        schedulingStrategy: DAEMON, memory: 128, pidMode: host, ipcMode: host,
        containers: {{app: {{image: "agent:1", privileged: true,
          portMappings: [{{containerPort: 9100}}]}}}}""",
    "spot": f"""{AT}, {SMALL}, {NETWORK}, {ROLES}, desiredCount: 2, platformVersion: 1.4.0,
        deploymentController: ECS,
        capacityProviderStrategy: {{FARGATE_SPOT: {{weight: 4}}, FARGATE: {{base: 1}}}},
        containers: {{app: {{image: "app:1", healthCheck: {{command: [CMD-SHELL, "true"],
          interval: 30, timeout: 5, retries: 3, startPeriod: 0}}}}}}""",
    "plain": f"""{AT}, {SMALL}, {NETWORK}, {ROLES}, desiredCount: 1, requiresCompatibilities: [],
        containers: {{app: {{image: "app:1"}}}}""",
    "shift": f"""{AT}, {SMALL}, {NETWORK}, {ROLES}, desiredCount: 2, {SHIFTED},
        deployment: {{strategy: BLUE_GREEN, bakeTimeInMinutes: 5}},
        containers: {{app: {{image: "app:1", portMappings: [{{containerPort: 4000}}]}}}}""",
    "disk": f"""{AT}, {SMALL}, {NETWORK}, {ROLES}, desiredCount: 1,
        volumes: {{data: {{configuredAtLaunch: true}}}},
        volumeConfigurations: {{data: {{managedEBSVolume: {{sizeInGiB: 20,
          roleArn: "arn:aws:iam::123456789012:role/ebs"}}}}}},
        containers: {{app: {{image: "app:1",
          mountPoints: [{{sourceVolume: data, containerPath: /data}}]}}}}""",
}
ADOPTED = {
    "codedeploy": f"""{AT}, {SMALL}, {NETWORK}, {ROLES}, desiredCount: 2, {BALANCED},
        deploymentController: CODE_DEPLOY, enableECSManagedTags: false, propagateTags: NONE,
        deployment: {{circuitBreaker: {{enable: false, rollback: false}}}},
        containers: {{app: {{image: "app:1", portMappings: [{{containerPort: 4000}}]}}}}""",
    "external": f"""{AT}, desiredCount: 2, deploymentController: EXTERNAL, propagateTags: NONE,
        enableECSManagedTags: false""",
}
CLUSTERS = {
    "main": """capacityProviders: [FARGATE_SPOT, FARGATE],
        defaultCapacityProviderStrategy: {FARGATE: {weight: 1}, FARGATE_SPOT: {weight: 2}}""",
    "old": "settings: {}",
}
Deed = Callable[["Estate"], object]


def text(
    adopted: bool = True,
    services: dict[str, str] | None = None,
    clusters: dict[str, str] | None = None,
    *more: str,
) -> str:
    """The environment, with changes to the specs."""
    every = {**SERVICES, **(ADOPTED if adopted else {}), **(services or {})}
    return environment(
        *(resource("Cluster", n, said) for n, said in {**CLUSTERS, **(clusters or {})}.items()),
        *(resource("Service", n, said, ADOPT if n in ADOPTED else "")
          for n, said in every.items()),
        *more,
    )  # fmt: skip


class Kept(Plant):
    """An environment that is converged once and put back for each test, and shortcuts."""

    def __init__(self, said: str) -> None:
        world = new_world(1, max_lag=timedelta(0))
        super().__init__(world, said)
        self.memory = MemoryStore()
        self.store: Any = self.memory
        self.ecs: Any = self.aws.client("ecs")
        self.scaling: Any = self.aws.client("application-autoscaling")
        self.begin()
        self.converge()
        self.later(86_400)
        self.converge()
        self.kept = (
            copy.deepcopy(world._stores), dict(self.memory.objects), world.clock.now(),
            list(world.clock._timers),
        )  # fmt: skip

    def begin(self) -> None:
        """What is made before all converges."""
        self.publish(self.text)

    def arn(self, kind: str) -> str:
        """The beginning of an ARN."""
        return f"arn:aws:ecs:{self.world.region}:{self.world.account}:{kind}"

    def publish(self, text: str) -> None:
        if not isinstance(getattr(self, "store", None), MemoryStore):
            super().publish(text)
            return
        self.text = text
        key = f"environments/{self.name}.yaml"
        held = self.store.get(key)
        self.store.put(key, text.encode(), held.version if held else None)

    def back(self) -> None:
        """Everything as it was when it had converged, the clock too."""
        stores, objects, now, timers = self.kept
        self.world._stores = copy.deepcopy(stores)
        self.world._history.clear()
        self.world.clock._timers = list(timers)
        self.world.clock._now = now
        self.memory.objects = dict(objects)
        self.door.cache.clear()
        self.world.calls.clear()
        self.checkpoint()

    # --- looking, as a bystander ---

    def shown(self, name: str) -> Doc:
        """A service as AWS shows it."""
        found = self.ecs.describe_services(cluster=CLUSTER, services=[f"{NAME}-{name}"])
        return dict(found["services"][0])

    def running(self, name: str) -> Doc:
        """The task definition that it runs."""
        arn = self.shown(name)["taskDefinition"]
        return dict(self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"])

    def container(self, name: str, container: str = "app") -> Doc:
        """One of its containers."""
        held = self.running(name)["containerDefinitions"]
        return dict(next(c for c in held if c["name"] == container))

    def stored(self, name: str) -> Doc:
        """A service as the sandbox keeps it: for what no call changes."""
        found: Doc = self.world.store("ecs")["services"][f"{CLUSTER}/{NAME}-{name}"]
        return found

    def revision(self, name: str) -> Doc:
        """The revision that it runs as the sandbox keeps it; read anew in the next pass."""
        self.door.cache.clear()
        family, _, number = self.stored(name)["taskDefinition"].rpartition("/")[2].partition(":")
        found: Doc = self.world.store("ecs")["families"][family][number]
        return found

    def raw(self, name: str, container: str = "app") -> Doc:
        """One of its containers as the sandbox keeps it."""
        held = self.revision(name)["containerDefinitions"]
        found: Doc = next(c for c in held if c["name"] == container)
        return found

    # --- others' hands ---

    def revise(self, name: str, change: Callable[[Doc], object]) -> None:
        """Somebody registers a changed revision and rolls it out, in AWS's words."""
        task = self.running(name)
        known = self.ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
        task = {k: v for k, v in task.items() if k in known.members}
        change(task)
        made = self.ecs.register_task_definition(**task)["taskDefinition"]
        self.update(name, taskDefinition=made["taskDefinitionArn"])

    def update(self, name: str, **params: Any) -> None:
        """Somebody's UpdateService, and the time it takes."""
        self.ecs.update_service(cluster=CLUSTER, service=f"{NAME}-{name}", **params)
        self.later(1800)

    # --- judging ---

    def calls_made(self) -> list[str]:
        """What we wrote since the checkpoint, refused calls left out."""
        return [c.operation for c in self.writes() if c.error is None]

    def updates(self) -> list[CallRecord]:
        """Our accepted UpdateService calls, in order."""
        return [c for c in self.writes() if c.operation == "UpdateService" and not c.error]

    def quiet(self, passes: int = 2, wait: float = 900) -> Report:
        """Passes that find no drift and write nothing."""
        for _ in range(passes):
            report = self.run()
            assert drift(report) == {}, drift(report)
            assert self.writes() == [], explain(report)
            assert report.plan.steps == (), explain(report)
            self.later(wait)
        return report

    def differs(self) -> dict[tuple[str, str], Change]:
        """What an observing pass calls drift, by resource and path."""
        before = len(self.writes())
        report = self.run(highest_mode="observe")
        assert len(self.writes()) == before
        return drift(report)

    def told(self, name: str) -> dict[str, str]:
        """What a pass says of a service: class by path."""
        report = self.run(highest_mode="observe")
        return {c.path: c.cls for c in report.assessments[f"Service/{name}"].changes}

    def named(self, *paths: str) -> None:
        """Just these differ: `Service/web` is meant unless a path begins with another key."""
        wanted = {p if "#" in p else f"Service/web#{p}" for p in paths}
        assert {f"{key}#{path}" for key, path in self.differs()} == wanted

    def mended(self, passes: int = 20, step: float = 600) -> None:
        """Passes until all is as desired again."""
        self.converge(passes, step)
        assert self.differs() == {}

    def wanting(self, *changed: tuple[str, str], **services: str) -> None:
        """A commit: other specs of some services, or the same with some text replaced in web."""
        web = services.get("web", SERVICES["web"])
        for old, new in changed:
            assert web.count(old) == 1, (old, web.count(old))
            web = web.replace(old, new)
        self.publish(text(services={**services, "web": web}))


class Estate(Kept):
    """The environment of all sorts of services."""

    def __init__(self) -> None:
        super().__init__(text(adopted=False))

    def begin(self) -> None:
        """Cluster and services, then the instances and what others make."""
        self._balancer()
        self.publish(self.text)
        self.run()
        instances(self.world, CLUSTER, 3)
        self._theirs()
        self.publish(text())

    def publish(self, text: str) -> None:
        if hasattr(self, "rule"):
            text = text.replace("OTHERGROUP", self.other_group).replace("RULE", self.rule)
        super().publish(text)

    def _balancer(self) -> None:
        """A second target group, and a rule that ECS may shift traffic by."""
        elb, ssm = self.aws.client("elbv2"), self.aws.client("ssm")
        vpc = ssm.get_parameter(Name=f"{P}/network/vpc")["Parameter"]["Value"]
        group = elb.create_target_group(
            Name="other", Protocol="HTTP", Port=4000, VpcId=vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        self.other_group = group
        self.rule = group.replace("targetgroup/", "listener-rule/app/x/")

    def _theirs(self) -> None:
        """Services of other deployment controllers, as others make them."""
        self.register("codedeploy", "web-like", "app:1")
        network = self.shown("spot")["networkConfiguration"]
        balancer = {
            k: v
            for k, v in self.shown("shift")["loadBalancers"][0].items()
            if k != "advancedConfiguration"
        }
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=f"{NAME}-codedeploy", desiredCount=2,
            launchType="FARGATE", deploymentController={"type": "CODE_DEPLOY"},
            taskDefinition=f"{NAME}-codedeploy", networkConfiguration=network,
            loadBalancers=[balancer],
        )  # fmt: skip
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=f"{NAME}-external", desiredCount=2,
            deploymentController={"type": "EXTERNAL"},
        )  # fmt: skip
        self.register("external", "theirs", "theirs:1")
        task_set(
            self.world, CLUSTER, f"{NAME}-external", launchType="FARGATE",
            taskDefinition=f"{self.arn('task-definition')}/{NAME}-external:1",
            networkConfiguration=network,
        )  # fmt: skip

    def register(self, name: str, container: str, image: str) -> str:
        """Somebody registers a task definition for Fargate."""
        role = self.aws.client("ssm").get_parameter(Name=f"{P}/roles/execution")["Parameter"]
        task = self.aws.client("ssm").get_parameter(Name=f"{P}/roles/task")["Parameter"]
        made = self.ecs.register_task_definition(
            family=f"{NAME}-{name}", requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
            cpu="256", memory="512", executionRoleArn=role["Value"], taskRoleArn=task["Value"],
            containerDefinitions=[
                {"name": "app", "image": image, "portMappings": [{"containerPort": 4000}]}
            ],
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])


def drift(report: Report) -> dict[tuple[str, str], Change]:
    """What somebody else changed, by resource and path."""
    return {(k, c.path): c for k, a in report.assessments.items() for c in a.drift}


def spec(name: str, *changed: tuple[str, str]) -> dict[str, str]:
    """The spec of a service with some text replaced, by its name."""
    said = {**SERVICES, **ADOPTED}[name]
    for old, new in changed:
        assert said.count(old) == 1, (old, said.count(old))
        said = said.replace(old, new)
    return {name: said}


@cache
def estate() -> Estate:
    """The one of this process."""
    return Estate()
