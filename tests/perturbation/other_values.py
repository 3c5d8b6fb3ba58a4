"""Values to put in place of the declared ones, where one more or one letter more is not legal."""

from __future__ import annotations

from typing import Any

from tests.perturbation.bench import Bench
from tests.perturbation.leaves import Leaf, other
from tests.perturbation.words import ANY, GONE, Raw

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:other-a1b2c3"


def extra(name: str) -> Any:
    """Something else of its sort that is there: a subnet, a security group, a key, …"""
    return lambda bench, leaf: bench.extra[name]


def swapped(name: str) -> Any:
    """The list with its first entry replaced by such a thing."""
    return lambda bench, leaf: [bench.extra[name], *leaf.value[1:]]


def added(name: str) -> Any:
    """The list with such a thing added."""
    return lambda bench, leaf: [*leaf.value, bench.extra[name]]


def plus(number: float) -> Any:
    """The number, greater by so much."""
    return lambda bench, leaf: leaf.value + number


TOPIC = "arn:aws:sns:us-east-1:123456789012:other"
STRATEGY = {"weight": 1}

FROM_FRANCE = {"GeoMatchStatement": {"CountryCodes": ["FR"]}}


def counted(override: Any, prefix: str) -> bool:
    """True for the override of a rule that begins so and is to count only."""
    return "Count" in override["ActionToUse"] and override["Name"].startswith(prefix)


def overrides(keep: Any) -> Raw:
    """The overrides of a managed group that are kept."""
    return Raw(lambda raw: [o for o in raw or [] if keep(o)])


VALUES: dict[tuple[str, str], Any] = {
    ("LogGroup", "kmsKeyId"): extra("key"),
    ("Parameter", "allowedPattern"): "^[a-z]+$",
    ("Topic", "kmsMasterKeyId"): extra("key"),
    ("Topic", "policy"): lambda bench, leaf: {
        **leaf.value, "Statement": leaf.value["Statement"][:1]},
    ("Topic", "subscriptions[*].endpoint"): lambda bench, leaf: f"{leaf.value}-other",
    ("Topic", "subscriptions[*].protocol"): "lambda",
    ("LogGroup", "retentionInDays"): 7,
    ("Secret", "kmsKeyId"): extra("key"),
    ("Secret", "deletionScheduled"): True,
    ("Secret", "rotationRules.scheduleExpression"): "rate(20 days)",
    ("Secret", "rotationRules.duration"): "4h",
    ("Secret", "replicaRegions[*].kmsKeyId"): extra("key"),
    # --- subnet and parameter groups ---
    ("DBSubnetGroup", "subnetIds fewer"): swapped("subnet"),
    ("DBSubnetGroup", "subnetIds more"): added("subnet"),
    ("DBSubnetGroup", "subnetIds"): swapped("subnet"),
    ("CacheSubnetGroup", "subnetIds fewer"): lambda bench, leaf: leaf.value[1:],
    ("CacheSubnetGroup", "subnetIds more"): added("subnet"),
    ("CacheSubnetGroup", "subnetIds"): swapped("subnet"),
    ("CacheParameterGroup", "parameters[maxmemory-policy] gone"): GONE,
    ("CacheParameterGroup", "parameters[maxmemory-policy]"): "noeviction",
    ("CacheParameterGroup", "parameters[timeout]"): 301,
    ("CacheParameterGroup", "family"): "redis6.x",
    ("DBParameterGroup", "parameters[log_min_duration_statement] gone"): GONE,
    ("DBParameterGroup", "parameters[log_min_duration_statement]"): 1001,
    ("DBParameterGroup", "parameters[rds.force_ssl]"): 0,
    ("DBParameterGroup", "family"): "postgres15",
    ("IPSet", "description"): "Somebody else",
    ("IPSet", "addresses"): lambda bench, leaf: ["2001:db8:9::/48", *leaf.value[1:]],
    ("IPSet", "addresses more"): lambda bench, leaf: [*leaf.value, "2001:db8:9::/48"],
    # --- security groups: what ModifySecurityGroupRules is asked for ---
    **{("SecurityGroup", f"{way}[*].{name}"): (lambda bench, leaf, said=said: lambda rule: said)
       for way in ("ingress", "egress")
       for name, said in (
           ("protocol", {"IpProtocol": "udp", "FromPort": 7, "ToPort": 7}),
           ("ports", {"FromPort": 9, "ToPort": 99}),
           ("description", {"Description": "other"}))},
    ("SecurityGroup", "ingress[*].ports"): lambda bench, leaf: lambda rule: (
        {"FromPort": 8, "ToPort": -1} if rule["IpProtocol"] == "icmp"
        else {"FromPort": 0, "ToPort": 65535}),
    **{("SecurityGroup", f"{way}[*].peer"): lambda bench, leaf: lambda rule: {
        "CidrIpv4": "0.0.0.0/0", "CidrIpv6": None, "ReferencedGroupId": None}
       for way in ("ingress", "egress")},
    # --- metric filters ---
    ("MetricFilter", "filterPattern"): '{ $.level = "FATAL" }',
    ("MetricFilter", "dimensions[another] more"): "$.another",
    ("MetricFilter", "emitSystemFieldDimensions more"): ["@aws.account", "@aws.region"],
    # --- alarms ---
    ("CompositeAlarm", "alarmRule"): "TRUE",
    ("CompositeAlarm", "actionsSuppressor"): "litellm-production-errors",
    **{("CompositeAlarm", f"{name} more"): lambda bench, leaf: [*leaf.value, TOPIC]
       for name in ("alarmActions", "okActions", "insufficientDataActions")},
    **{("Alarm", f"{name} {deed}"): value
       for name in ("alarmActions", "okActions", "insufficientDataActions")
       for deed, value in (
           ("more", lambda bench, leaf: [*leaf.value, TOPIC]),
           ("other", lambda bench, leaf: [TOPIC, *leaf.value[1:]]))},
    ("Alarm", "period"): plus(60),
    ("Alarm", "metrics[*].period"): plus(60),
    ("Alarm", "metrics[*] more"): {"MetricStat": {"Metric": {
        "Namespace": "a", "MetricName": "b"}, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
    ("Alarm", "evaluationInterval"): plus(60),
    ("Alarm", "evaluationWindow.type"): {"SlidingWindow": {}},
    ("Alarm", "evaluationWindow.timezone"): "Europe/Paris",
    ("Alarm", "extendedStatistic"): "p99",
    ("Alarm", "metrics[*].stat"): "p99",
    ("Alarm", "comparisonOperator"): lambda bench, leaf: (
        "LessThanLowerThreshold" if leaf.value.endswith("UpperThreshold")
        else "LessThanOrEqualToThreshold"),
    ("Alarm", "thresholdMetricId"): "second",
    # --- clusters ---
    ("Cluster", "settings[containerInsights] gone"): GONE,
    ("Cluster", "settings[containerInsights]"): "disabled",
    ("Cluster", "defaultCapacityProviderStrategy[*] more"): STRATEGY,
    ("Cluster", "capacityProviders fewer"): ["FARGATE"],
    ("Cluster", "capacityProviders more"): ["FARGATE", "FARGATE_SPOT", "another"],
    ("Cluster", "capacityProviders"): ["FARGATE", "another"],
    # --- databases ---
    ("DBInstance", "engine"): "mysql",
    ("DBInstance", "engineVersion"): lambda bench, leaf: "16.6" if "." in leaf.value else "15.8",
    ("DBInstance", "dbInstanceClass"): "db.r7g.large",
    ("DBInstance", "allocatedStorage"): plus(100),
    ("DBInstance", "maxAllocatedStorage"): plus(100),
    ("DBInstance", "storageType"): lambda bench, leaf: "gp2",
    ("DBInstance", "iops"): plus(1000),
    ("DBInstance", "storageThroughput"): plus(100),
    ("DBInstance", "kmsKeyId"): extra("key"),
    ("DBInstance", "availabilityZone"): "us-east-1b",
    ("DBInstance", "networkType"): "DUAL",
    ("DBInstance", "dbSubnetGroupName"): "another",
    ("DBInstance", "vpcSecurityGroupIds more"): added("group"),
    ("DBInstance", "vpcSecurityGroupIds"): swapped("group"),
    ("DBInstance", "dbParameterGroupName"): "default.postgres16",
    ("DBInstance", "preferredBackupWindow"): "06:00-07:00",
    ("DBInstance", "preferredMaintenanceWindow"): "mon:10:00-mon:11:00",
    ("DBInstance", "performanceInsights.retentionPeriod"): 731,
    ("DBInstance", "performanceInsights.kmsKeyId"): extra("key"),
    ("DBInstance", "enabledCloudwatchLogsExports more"): [
        "postgresql", "upgrade", "iam-db-auth-error"],
    ("DBInstance", "enabledCloudwatchLogsExports fewer"): ["upgrade"],
    ("DBInstance", "enabledCloudwatchLogsExports"): ["postgresql", "iam-db-auth-error"],
    ("DBInstance", "monitoringInterval"): 30,
    ("DBInstance", "caCertificateIdentifier"): "rds-ca-rsa4096-g1",
    ("DBInstance", "masterUserSecretKmsKeyId"): extra("key"),
    ("DBInstance", "licenseModel"): "bring-your-own-license",
    ("DBInstance", "engineLifecycleSupport"): "open-source-rds-extended-support-disabled",
    ("DBInstance", "optionGroupName"): "theirs",
    ("DBInstance", "processorFeatures[coreCount]"): 4,
    ("DBInstance", "domainDnsIps"): ["10.40.0.12", "10.40.0.11"],
    ("DBInstance", "domainDnsIps fewer"): ["10.40.0.12", "10.40.0.12"],
    ("DBInstance", "domainDnsIps more"): ["10.40.0.13", "10.40.0.11"],
    # --- caches ---
    ("ReplicationGroup", "engine"): "valkey",
    ("ReplicationGroup", "engineVersion"): "7.1",
    ("ReplicationGroup", "cacheNodeType"): "cache.r7g.large",
    ("ReplicationGroup", "clusterMode"): lambda bench, leaf: (
        "compatible" if leaf.value == "disabled" else "disabled"),
    ("ReplicationGroup", "kmsKeyId"): extra("key"),
    ("ReplicationGroup", "snapshotWindow"): "06:00-07:00",
    ("ReplicationGroup", "preferredMaintenanceWindow"): "mon:10:00-mon:11:00",
    ("ReplicationGroup", "cacheSubnetGroupName"): "another",
    ("ReplicationGroup", "securityGroupIds more"): added("group"),
    ("ReplicationGroup", "securityGroupIds"): swapped("group"),
    ("ReplicationGroup", "cacheParameterGroupName"): "default.redis7",
    ("ReplicationGroup", "logDelivery[*] more"): {"destination": "engine"},
    ("ReplicationGroup", "logDelivery[*].destinationType"): "kinesis-firehose",
    ("ReplicationGroup", "notificationTopicArn"): TOPIC,
    ("ReplicationGroup", "networkType"): "ipv6",
    # --- services ---
    ("Service", "serviceConnectConfiguration.services[*].portName"): "more",
    ("Service", "serviceRegistries[*].containerName"): "spare",
    ("Service", "serviceRegistries[*].containerPort"): 4001,
    ("Service", "autoscaling.scheduledActions[*].schedule"): "cron(0 3 * * ? *)",
    ("Service", "autoscaling.scheduledActions[*].timezone"): "Europe/Rome",
    ("Service", "autoscaling.scheduledActions[*].startTime"): "2031-02-01T00:00:00Z",
    ("Service", "autoscaling.scheduledActions[*].endTime"): "2032-02-01T00:00:00Z",
    ("Service", "containers[*].healthCheck.command"): ["CMD", "else"],
    ("Service", "containers[*].healthCheck.command fewer"): ["CMD-SHELL", "x"],
    ("Service", "containers[*] more"): {"essential": False},
    ("Service", "volumes[*] more"): {},
    ("Service", "capacityProviderStrategy[*] more"): STRATEGY,
    ("Service", "containers[*].ulimits[*] more"): {"softLimit": 1, "hardLimit": 2},
    ("Service", "containers[*].volumesFrom[*] more"): {"readOnly": True},
    ("Service", "containers[*].environmentFiles"): ["arn:aws:s3:::bucket/other.env"],
    ("Service", "containers[*].environmentFiles more"): [
        "arn:aws:s3:::bucket/app.env", "arn:aws:s3:::bucket/more.env"],
    ("Service", "containers[*].dependsOn[init]"): "COMPLETE",
    ("Service", "containers[*].dependsOn more"): "START",
    ("Service", "containers[app].dependsOn[router]"): "HEALTHY",
    ("Service", "containers[*].mountPoints[*].sourceVolume"): "plain",
    ("Service", "networkMode"): "host",
    ("Service", "requiresCompatibilities more"): ["FARGATE", "EC2"],
    ("Service", "autoscaling.policies[*].resourceLabel"): lambda bench, leaf: "/".join((
        bench.extra["balancer"].partition(":loadbalancer/")[2],
        bench.extra["target"].rpartition(":")[2])),
    ("Service", "deployment.circuitBreaker.thresholdConfiguration.type"): "COUNT",
    ("Service", "loadBalancers[*].targetGroupArn"): extra("target"),
    ("Service", "loadBalancers[*].containerName"): "spare",
    ("Service", "cluster"): "other",
    ("Service", "containers[*].memory"): plus(-64),
    ("Service", "containers[*].restartPolicy.ignoredExitCodes more"): [3, 4],
    ("Service", "containers[*].linuxParameters.capabilities.add"): [],
    ("Service", "cpu"): lambda bench, leaf: leaf.value * 2,
    ("Service", "memory"): lambda bench, leaf: 5120 if leaf.value == 4096 else 2048,
    ("Service", "executionRoleArn"): "arn:aws:iam::123456789012:role/other",
    ("Service", "taskRoleArn"): "arn:aws:iam::123456789012:role/other",
    ("Service", "networkConfiguration.subnets more"): added("subnet"),
    ("Service", "networkConfiguration.subnets"): swapped("subnet"),
    ("Service", "networkConfiguration.securityGroups more"): added("group"),
    ("Service", "networkConfiguration.securityGroups"): swapped("group"),
    ("Service", "platformVersion"): "1.3.0",
    ("Service", "containers[*].portMappings[*].name"): "other",
    ("Service", "containers[*].portMappings[*].containerPort"): 4002,
    ("Service", "loadBalancers[*].containerPort"): 4001,
    ("Service", "autoscaling.policies[*].predefinedMetric"): (
        "ECSServiceAverageMemoryUtilization"),
    ("Service", "autoscaling.minCapacity"): 3,
    ("Service", "desiredCount"): 3,
    # --- web ACLs: in AWS's words where a part is compared as a whole ---
    ("WebACL", "defaultAction"): ANY,
    ("WebACL", "monetization"): ANY,
    **{("WebACL", f"rules[*].{kind}"): ANY for kind in (
        "byteMatch", "regexMatch", "sqli", "xss", "size", "geo", "ipSet", "asn", "label", "and",
        "or", "not")},
    ("WebACL", "rules[*].priority"): plus(1000),
    ("WebACL", "rules[*].action"): {"Allow": {}},
    ("WebACL", "rules[*].override"): lambda bench, leaf: {
        "Count" if leaf.value == "none" else "None": {}},
    ("WebACL", "rules[*].labels fewer"): Raw(lambda raw: raw[1:]),
    ("WebACL", "rules[*].labels more"): Raw(lambda raw: [*raw, {"Name": "more"}]),
    ("WebACL", "rules[*].labels"): Raw(lambda raw: [{"Name": "x"}, *(raw or [])[1:]]),
    ("WebACL", "rules[*].captchaImmunityTime"): 90,
    ("WebACL", "rules[*].challengeImmunityTime"): 390,
    ("WebACL", "rules[*].managedGroup.name"): "AWSManagedRulesSQLiRuleSet",
    ("WebACL", "rules[*].managedGroup.version"): "Version_1.16",
    ("WebACL", "rules[*].managedGroup.count fewer"): overrides(lambda o: not counted(o, "No")),
    ("WebACL", "rules[*].managedGroup.count more"): Raw(lambda raw: [
        *raw, {"Name": "GenericRFI_BODY", "ActionToUse": {"Count": {}}}]),
    ("WebACL", "rules[*].managedGroup.count"): Raw(lambda raw: [
        *(o for o in raw or [] if not counted(o, "No")),
        {"Name": "GenericRFI_BODY" if raw else "CategoryAI", "ActionToUse": {"Count": {}}}]),
    ("WebACL", "rules[*].managedGroup.overrides gone"): overrides(
        lambda o: "Count" in o["ActionToUse"]),
    ("WebACL", "rules[common].managedGroup.overrides[another] more"): GONE,
    ("WebACL", "rules[*].managedGroup.overrides"): Raw(lambda raw: [
        *(o for o in raw if "Count" in o["ActionToUse"]),
        {"Name": "GenericLFI_BODY", "ActionToUse": {"Challenge": {}}}]),
    ("WebACL", "rules[*].managedGroup.scopeDown"): FROM_FRANCE,
    ("WebACL", "rules[common].managedGroup.config"): [{"LoginPath": "/x"}],
    ("WebACL", "rules[bots].managedGroup.config"): [
        {"AWSManagedRulesBotControlRuleSet": {"InspectionLevel": "TARGETED"}}],
    ("WebACL", "rules[*].rateLimit.window"): 600,
    ("WebACL", "rules[*].rateLimit.keys fewer"): Raw(lambda raw: raw[:1]),
    ("WebACL", "rules[*].rateLimit.keys more"): Raw(lambda raw: [*raw, {"IP": {}}]),
    ("WebACL", "rules[*].rateLimit.keys"): Raw(lambda raw: [{"IP": {}}, *(raw or [])[1:]]),
    ("WebACL", "rules[*].rateLimit.forwardedIp"): {
        "HeaderName": "x-other", "FallbackBehavior": "MATCH"},
    ("WebACL", "rules[*].rateLimit.scopeDown"): FROM_FRANCE,
    ("WebACL", "rules[*] more"): {
        "Priority": 999, "Statement": FROM_FRANCE, "Action": {"Allow": {}},
        "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True,
                             "MetricName": "another"}},
    ("WebACL", "customResponseBodies[*] more"): {"ContentType": "TEXT_PLAIN", "Content": "x"},
    ("WebACL", "requestBody more"): "KB_64",
    ("WebACL", "dataProtection fewer"): Raw(lambda raw: raw[1:]),
    ("WebACL", "dataProtection more"): Raw(lambda raw: [
        *raw, {"Field": {"FieldType": "QUERY_STRING"}, "Action": "HASH"}]),
    ("WebACL", "dataProtection"): Raw(lambda raw: [
        {**raw[0], "Action": "HASH" if raw[0]["Action"] != "HASH" else "SUBSTITUTION"},
        *raw[1:]]),
    ("WebACL", "applicationAttributes[*] gone"): GONE,
    ("WebACL", "applicationAttributes[another] more"): ["x"],
    ("WebACL", "associations more"): added("balancer"),
    ("WebACL", "associations"): swapped("balancer"),
    ("WebACL", "logging.destination"): lambda bench, leaf: leaf.value + "-other",
    ("WebACL", "logging.redactedFields fewer"): Raw(lambda raw: raw[1:]),
    ("WebACL", "logging.redactedFields more"): Raw(lambda raw: [*raw, {"Method": {}}]),
    ("WebACL", "logging.redactedFields"): Raw(lambda raw: [{"Method": {}}, *raw[1:]]),
    ("WebACL", "logging.filter"): Raw(lambda raw: {**raw, "DefaultBehavior": "KEEP"}),
}  # fmt: skip


def value_for(bench: Bench, leaf: Leaf) -> Any:
    """What somebody else would put there."""
    kind = bench.kind
    for path in (str(leaf), leaf.path, f"{leaf.general} {leaf.deed}", leaf.general):
        if (kind, path) in VALUES:
            found = VALUES[kind, path]
            return found(bench, leaf) if callable(found) else found
    if leaf.deed == "fewer":
        return leaf.value[1:]
    if leaf.deed == "gone":
        return GONE
    if leaf.deed == "more":
        return [*leaf.value, "another"] if leaf.value is not None else "x"
    return other(leaf.field.annotation, leaf.value)
