"""What can't be perturbed like the rest, and why. `test_every_owned_field` keeps it honest."""

from __future__ import annotations

from controller.kindlib.task_definition import TASK_FIELDS
from tests.perturbation.leaves import model_leaves

FIXED = "fixed at creation: no call changes it"

ONE = "AWS wants exactly one entry that returns data beside the band"
HOLE = "the sandbox does not simulate "

STORE: dict[tuple[str, str], str] = {
    ("LogGroup", "logGroupClass"): FIXED,
    ("Parameter", "tier"): "AWS lowers none",
    ("Topic", "fifoTopic"): FIXED,
    ("Topic", "subscriptions[*].protocol"): "another protocol is another subscription",
    ("Topic", "subscriptions[*].endpoint"): "another endpoint is another subscription",
    ("Alarm", "metrics[errors].returnData"): ONE,
    ("Alarm", "metrics[requests].returnData"): ONE,
    ("Alarm", "metrics[share].returnData"): ONE,
    ("Alarm", "metrics[m1].returnData"): ONE,
    ("Alarm", "metrics[second].returnData"): ONE,
    ("Alarm", "metrics[m1] gone"): ONE,
    ("Alarm", "thresholdMetricId"): ONE,
    ("Dashboard", "widgets[*].type"): "a text needs words, and a metric has none",
    ("Dashboard", "widgets[1].properties[markdown] gone"): "a text needs words",
    ("Secret", "replicaRegions[*].kmsKeyId"): "a replica keeps its key",
    ("IPSet", "ipAddressVersion"): FIXED,
    ("SecurityGroup", "description"): FIXED,
    ("Cluster", "capacityProviders"): "one in the strategy stays, others the sandbox has none",
    ("Cluster", "capacityProviders fewer"): "AWS keeps those that the strategy names",
    ("Cluster", "capacityProviders more"): "the sandbox has no other providers",
    ("Cluster", "defaultCapacityProviderStrategy[another] more"): "the sandbox has no others",
    (
        "Cluster",
        "configuration.executeCommandConfiguration.logging",
    ): "AWS takes no logConfiguration with another value",
    **{
        ("ReplicationGroup", name): FIXED
        for name in (
            "atRestEncryptionEnabled",
            "kmsKeyId",
            "cacheSubnetGroupName",
            "port",
            "networkType",
            "dataTieringEnabled",
        )
    },
    ("ReplicationGroup", "ReplicationGroup/full engine"): "AWS wants another parameter group",
    ("ReplicationGroup", "ReplicationGroup/full numNodeGroups"): "one without cluster mode",
    ("ReplicationGroup", "ReplicationGroup/full-open numNodeGroups"): "one without cluster mode",
    ("ReplicationGroup", "clusterMode"): "AWS takes no step past `compatible`, and none back",
    ("ReplicationGroup", "ipDiscovery"): "the nodes have no IPv6",
    ("ReplicationGroup", "durability"): "redis has none",
    ("ReplicationGroup", "allowUnauthenticated"): "AUTH goes only for user groups, comes in steps",
    (
        "ReplicationGroup",
        "ReplicationGroup/full-open cacheNodeType",
    ): "AWS scales from data tiering to no other nodes",
    ("ReplicationGroup", "ReplicationGroup/full automaticFailoverEnabled"): "Multi-AZ needs it",
    (
        "ReplicationGroup",
        "ReplicationGroup/full-sharded automaticFailoverEnabled",
    ): "cluster mode needs it",
    ("ReplicationGroup", "ReplicationGroup/full-open multiAZ"): "needs automatic failover",
    ("ReplicationGroup", "transitEncryptionEnabled"): "switched by way of `preferred` only",
    (
        "Service",
        "containers[app].portMappings[4000/tcp] (containerPort)",
    ): "the load balancer uses it",
    ("Service", "containers[*].dependsOn more"): "there is no further container",
    ("Service", "containers[*].volumesFrom[*] more"): "there is no further container",
    (
        "Service",
        "volumes[shared].efsVolumeConfiguration.transitEncryption",
    ): "AWS demands it with IAM authorization",
    ("Service", "containers[init].essential"): "what is awaited may not be essential",
    ("Service", "networkMode"): "Fargate knows awsvpc only",
    ("Service", "pidMode"): "Fargate knows task only",
    ("Service", "launchType"): FIXED,
    ("Service", "schedulingStrategy"): FIXED,
    ("Service", "deploymentController"): FIXED,
    (
        "Service",
        "Service/full autoscaling.policies[requests].predefinedMetric",
    ): "AWS refuses a resource label with another metric",
    (
        "Service",
        "autoscaling.policies[steps].stepScaling.stepAdjustments[1].metricIntervalLowerBound",
    ): "the steps must meet",
    (
        "Service",
        "autoscaling.policies[*].stepScaling.stepAdjustments[*].metricIntervalUpperBound",
    ): "the steps must meet",
    (
        "Service",
        "autoscaling.policies[*].stepScaling.adjustmentType",
    ): "of percents is the magnitude",
    (
        "Service",
        "autoscaling.policies[*].predictiveScaling.maxCapacityBreachBehavior",
    ): "AWS takes a buffer with one of the two only",
    ("Service", "serviceRegistries[*].containerName"): "no other container has the port",
    ("Service", "loadBalancers[*].containerName"): "no other container has the port",
    ("Service", "capacityProviderStrategy[another] more"): "the sandbox has no other providers",
    ("WebACL", "rules[*].managedGroup.vendor"): "the sandbox has AWS's groups only",
    ("WebACL", "WebACL/full rules[rate].rateLimit.by"): "AWS takes custom keys with no other",
    ("WebACL", "WebACL/full rules[rate-forwarded].rateLimit.keys"): "only with CUSTOM_KEYS",
    ("WebACL", "customResponseBodies[sorry] gone"): "the default action sends it",
    ("WebACL", "rules[bots].managedGroup.name"): "its configuration is of this group",
    ("DBInstance", "storageEncrypted"): FIXED,
    ("DBInstance", "kmsKeyId"): FIXED,
    ("DBInstance", "availabilityZone"): FIXED,
    ("DBInstance", "dbName"): FIXED,
    ("DBInstance", "masterUsername"): FIXED,
    ("DBInstance", "dbSubnetGroupName"): "AWS moves nothing within a VPC",
    ("DBInstance", "engine"): "no call makes another engine of it",
    ("DBInstance", "networkType"): "the subnets have no IPv6",
    ("DBInstance", "DBInstance/full licenseModel"): "PostgreSQL has one",
    ("DBInstance", "backupTarget"): FIXED,
    ("DBInstance", "characterSetName"): FIXED,
    ("DBInstance", "ncharCharacterSetName"): FIXED,
    ("DBInstance", "timezone"): FIXED,
    ("DBInstance", "dedicatedLogVolume"): "only beside io1 and io2",
    ("DBInstance", "optionGroupName"): "PostgreSQL has AWS's own only",
    ("DBInstance", "masterUserSecretKmsKeyId"): "AWS refuses another key while it owns it",
    ("DBInstance", "performanceInsights.enabled"): "AWS demands it with advanced insights",
    ("DBInstance", "performanceInsights.kmsKeyId"): "AWS refuses another key while it is on",
    **{
        ("DBInstance", f"DBInstance/full{which} storageType"): "AWS refuses other types without "
        "other IOPS"
        for which in ("", "-oracle")
    },
    ("CacheParameterGroup", "family"): FIXED,
    ("CacheParameterGroup", "description"): FIXED,
    ("DBParameterGroup", "family"): FIXED,
    ("DBParameterGroup", "description"): FIXED,
}
"""(kind, path) → why no single public call makes this change: the sandbox's store is edited."""

HIDDEN = "AWS never shows it: only the version that was sent last is known"


def under(kind: str, reason: str, *beginnings: str) -> dict[str, str]:
    """The same reason for all fields of a model whose paths begin so."""
    return {field: reason for field in model_leaves(kind) if field.startswith(beginnings)}


NEVER: dict[str, dict[str, str]] = {
    "DBInstance": {
        "masterUserPassword": HIDDEN,
        **dict.fromkeys(
            ("dbClusterIdentifier", "sourceDBInstanceIdentifier", "sourceDBClusterIdentifier",
             "promotionTier"),
            "of clusters' members and replicas: moved in tests/fidelity/cases/test_rds.py",
        ),
        **dict.fromkeys(
            ("customIamInstanceProfile", "automationMode", "dbSystemId"), HOLE + "RDS Custom"
        ),
        "customerOwnedIp": HOLE + "Outposts",
        "replicaMode": HOLE + "replicas of Oracle",
        "multiTenant": HOLE + "container databases",
    },
    "ReplicationGroup": {"authToken": HIDDEN},
    "Service": {
        "cluster": "in another cluster it is another service",
        **under("Service", "always others', never ours", "autoscaling.foreignPolicies[*]"),
        **under("Service", "not on Fargate: moved in tests/fidelity/cases/test_ecs_task.py",
                "ipcMode", "taskPlacementConstraints[*]", "volumes[*].host",
                "volumes[*].dockerVolumeConfiguration", "containers[*].links",
                "containers[*].privileged", "containers[*].dns", "containers[*].extraHosts[*]",
                "containers[*].hostname", "containers[*].disableNetworking",
                "containers[*].dockerSecurityOptions", "containers[*].resourceRequirements[*]",
                "containers[*].linuxParameters.devices[*]",
                "containers[*].linuxParameters.tmpfs[*]",
                "containers[*].linuxParameters.maxSwap",
                "containers[*].linuxParameters.sharedMemorySize",
                "containers[*].linuxParameters.swappiness",
                "containers[*].portMappings[*].hostPort"),
        **under("Service", "not on Fargate: moved in tests/fidelity/cases/test_ecs_service.py",
                "placementConstraints[*]", "placementStrategy[*]"),
        **under("Service", "one EBS volume a task, of the service's making: moved in "
                "tests/fidelity/cases/test_ecs_service.py",
                "volumes[*].configuredAtLaunch", "volumeConfigurations[*]"),
        **under("Service", "not beside ROLLING: moved in tests/fidelity/cases/test_ecs_changes.py",
                "deployment.strategy", "deployment.bakeTimeInMinutes",
                "deployment.canaryConfiguration", "deployment.linearConfiguration",
                "deployment.lifecycleHooks[*]", "loadBalancers[*].advancedConfiguration",
                "serviceConnectConfiguration.services[*].clientAliases[*].testTrafficRules"),
        **under("Service", "new in botocore, in no manifest of ours: moved by pure functions",
                "deployment.earlySuccessCriteria", "vpcLatticeConfigurations[*]",
                "trustedExecutionConfiguration", "volumes[*].s3filesVolumeConfiguration",
                "autoscaling.policies[*].customizedMetric.metrics"),
        **under("Service", HOLE + "it", "proxyConfiguration",
                "containers[*].credentialSpecs", "volumes[*].fsxWindowsFileServerVolume",
                "containers[*].portMappings[*].containerPortRange"),
        "loadBalancers[*].loadBalancerName": HOLE + "Classic Load Balancers",
        "serviceConnectConfiguration.enabled": "switched off, AWS shows nothing else of it: "
        "tests/fidelity/cases/test_ecs_service.py",
        "serviceRegistries[*].port": "AWS takes the container's port or this one",
    },
    "IPSet": {"scope": "says where to look: of another scope it is another set"},
    "MetricFilter": {
        "logGroupName": "says where to look: in another log group it is another filter",
    },
    "SecurityGroup": {"vpcId": "says where to look: in another VPC it is another group"},
    "Task": {
        **under("Task", "a revision never changes, and a run names its revision", *TASK_FIELDS),
        "run": "what was run was run: tests/behaviour/test_task_runs_once.py",
    },
    "WebACL": {
        "scope": "says where to look: of another scope it is another web ACL",
        "rules[*].regexPatternSet": HOLE + "regex pattern sets",
        "rules[*].ruleGroup": HOLE + "rule groups of one's own",
        "rules[*].raw": "there is no statement in botocore that has no words of ours",
        "challengeSdkInjection": "only of scope CLOUDFRONT",
    },
}  # fmt: skip
"""Kind → field of the model → why it is in no rich manifest, or can't be moved at all. All of them
are moved in `test_every_field_of_every_model`."""

NOWHERE: dict[tuple[str, str], str] = {
    ("Alarm", "Alarm/full-metric evaluationWindow.type"): "a sliding one has no timezone",
    ("Alarm", "Alarm/full-query dimensions[another] more"): "a query has none",
    ("Alarm", "Alarm/full-query treatMissingData"): "a query has none",
    ("Alarm", "Alarm/full-math dimensions[another] more"): "with metrics they are in those",
    ("Alarm", "Alarm/full-band dimensions[another] more"): "with metrics they are in those",
    (
        "ReplicationGroup",
        "replicaConfiguration[another] more",
    ): "no shard is called that; another size of one is in ReplicationGroup/full-sharded",
    ("DBInstance", "DBInstance/full-single engineVersion"): "no call lowers it",
    (
        "DBInstance",
        "DBInstance/full allocatedStorage",
    ): "below maxAllocatedStorage it is storage autoscaling's: not ours (case 68)",
    ("Service", "Service/full-spot schedulingStrategy"): "a DAEMON has no desiredCount either",
    ("Secret", "Secret/full-replicated replicaRegions[another] more"): "no region is called that",
    ("Secret", "Secret/full-replicated deletionScheduled"): "AWS wants the replicas gone first",
    ("WebACL", "rules[common].labels"): "a rule that runs a group has none",
    ("WebACL", "rules[bots].labels"): "a rule that runs a group has none",
    ("Service", "Service/full-spot containers[app] gone"): "a task has a container",
    ("Service", "Service/full-timed containers[app] gone"): "a task has a container",
    **{
        ("Service", f"Service/full-timed autoscaling.{name}"): "scheduled actions move it"
        for name in ("minCapacity", "maxCapacity")
    },
    ("WebACL", "rules[common].managedGroup.overrides[another] more"): "the group has no such rule",
    ("WebACL", "rules[bots].managedGroup.overrides[another] more"): "the group has no such rule",
    ("Alarm", "metrics[share].dimensions[another] more"): "an expression has no dimensions",
    ("Alarm", "metrics[band].dimensions[another] more"): "an expression has no dimensions",
    ("Alarm", "metrics[second].dimensions[another] more"): "an expression has no dimensions",
    ("Cluster", "settings[containerInsights] gone"): "a setting always has a value",
}
"""(kind, leaf) → why AWS has no place where this could be; the same field is moved elsewhere."""

UNHEALED: dict[tuple[str, str], str] = {
    ("ReplicationGroup", "ReplicationGroup/full allowUnauthenticated"): "in two calls and their"
    " marks, in two passes: tests/fidelity/cases/test_elasticache.py",
    ("DBInstance", "optionGroupName"): HOLE + "other option groups of PostgreSQL",
}
"""(kind, path) → why only its naming is tested, not what is done about it."""
