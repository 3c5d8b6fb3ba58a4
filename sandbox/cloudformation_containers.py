"""CloudFormation's ECS and Application Auto Scaling types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECS.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApplicationAutoScaling.html
"""

from __future__ import annotations

from sandbox.cloudformation_calls import Doc, Failed, Job, fit
from sandbox.cloudformation_providers import Named, Provider, provides


@provides("AWS::ECS::Cluster")
class Cluster(Named):
    """A cluster."""

    service, name = "ecs", "ClusterName"
    makes, removes, missing = "CreateCluster", "DeleteCluster", "ClusterNotFoundException"
    noun, arn = "cluster", "clusterArn"
    rename = {"ClusterSettings": "settings"}  # noqa: RUF012 - never changed

    def delete(self, job: Job) -> None:
        """The API calls the parameter `cluster`."""
        job.call.quietly("ecs", "DeleteCluster", self.missing, cluster=job.physical)


@provides("AWS::ECS::TaskDefinition")
class TaskDefinition(Provider):
    """A revision of a family; Ref gives its ARN."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        said = dict(properties)
        said["Family"] = said.get("Family") or job.name(255)
        if tags := job.tagged(properties):
            said["Tags"] = tags
        params = fit("ecs", "RegisterTaskDefinition", said)
        arn = job.call("ecs", "RegisterTaskDefinition", **params)["taskDefinition"][
            "taskDefinitionArn"
        ]
        job.hold(arn, {"TaskDefinitionArn": arn}, arn)

    def delete(self, job: Job) -> None:
        """Deregistered: the revision becomes inactive."""
        job.call("ecs", "DeregisterTaskDefinition", taskDefinition=job.physical)


@provides("AWS::ECS::Service")
class Service(Provider):
    """A service, made once its first deployment is complete; Ref gives its ARN."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call. "If a desired count isn't specified, a default value of 1 is used"."""
        said = {"SchedulingStrategy": "REPLICA", **properties}
        said["ServiceName"] = said.get("ServiceName") or job.name(255)
        if said["SchedulingStrategy"] == "REPLICA":
            said.setdefault("DesiredCount", 1)
        if tags := job.tagged(properties):
            said["Tags"] = tags
        params = fit(
            "ecs", "CreateService", said, rename={"PlacementStrategies": "placementStrategy"},
            skip=("ForceNewDeployment",),
        )  # fmt: skip
        made = job.call("ecs", "CreateService", **params)["service"]
        arn = made["serviceArn"]
        job.made["cluster"] = made["clusterArn"]
        job.hold(arn, {"ServiceArn": arn, "Name": made["serviceName"]}, arn)

    def ready(self, job: Job) -> bool:
        """Once it is steady, as `aws ecs wait services-stable` means it."""
        found = self._found(job)
        if not found:
            return False
        if any(d.get("rolloutState") == "FAILED" for d in found["deployments"]):
            raise Failed("Error occurred during operation 'ECS Deployment Circuit Breaker was"
                         " triggered'.")  # fmt: skip
        return (
            len(found["deployments"]) == 1
            and found["deployments"][0].get("rolloutState", "COMPLETED") == "COMPLETED"
            and found["runningCount"] == found["desiredCount"]
        )

    def _found(self, job: Job) -> Doc | None:
        reply = job.call(
            "ecs", "DescribeServices", cluster=job.made["cluster"], services=[job.physical]
        )
        return next((s for s in reply["services"] if s["status"] != "INACTIVE"), None)

    def delete(self, job: Job) -> None:
        """By force: its tasks are stopped."""
        job.call.quietly(
            "ecs", "DeleteService", "ServiceNotFoundException", "ClusterNotFoundException",
            cluster=job.made["cluster"], service=job.physical, force=True,
        )  # fmt: skip

    def gone(self, job: Job) -> bool:
        """Once its tasks have stopped."""
        return self._found(job) is None


@provides("AWS::ApplicationAutoScaling::ScalableTarget")
class ScalableTarget(Provider):
    """A scalable target; Ref gives `resource id|dimension|namespace`."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call, then one for each scheduled action."""
        said = dict(properties)
        actions = said.pop("ScheduledActions", None) or []
        if tags := job.tagged(properties):
            said["Tags"] = tags
        params = fit("application-autoscaling", "RegisterScalableTarget", said)
        reply = job.call("application-autoscaling", "RegisterScalableTarget", **params)
        names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        key = [params[name] for name in names]
        job.hold("|".join(key), {"Id": "|".join(key)}, reply["ScalableTargetARN"])
        for action in actions:
            said = {**action, **dict(zip(names, key, strict=True))}
            params = fit("application-autoscaling", "PutScheduledAction", said)
            job.call("application-autoscaling", "PutScheduledAction", **params)

    def delete(self, job: Job) -> None:
        """Its policies and schedules go with it."""
        resource, dimension, namespace = job.physical.split("|")
        job.call.quietly(
            "application-autoscaling", "DeregisterScalableTarget", "ObjectNotFoundException",
            ResourceId=resource, ScalableDimension=dimension, ServiceNamespace=namespace,
        )  # fmt: skip


@provides("AWS::ApplicationAutoScaling::ScalingPolicy")
class ScalingPolicy(Provider):
    """A scaling policy; Ref gives its ARN. It names its target, or gives the target's Ref."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        said = dict(properties)
        target = said.pop("ScalingTargetId", None)
        if target is not None:
            names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
            said |= dict(zip(names, target.split("|"), strict=True))
        params = fit("application-autoscaling", "PutScalingPolicy", said)
        arn = job.call("application-autoscaling", "PutScalingPolicy", **params)["PolicyARN"]
        job.made["key"] = {k: params[k] for k in (
            "PolicyName", "ResourceId", "ScalableDimension", "ServiceNamespace")}  # fmt: skip
        job.hold(arn, {"Arn": arn})

    def delete(self, job: Job) -> None:
        """By its name and target."""
        job.call.quietly(
            "application-autoscaling", "DeleteScalingPolicy", "ObjectNotFoundException",
            **job.made["key"],
        )  # fmt: skip
