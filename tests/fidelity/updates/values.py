"""What fields are moved to, and from, where the ordinary ways (one more, another letter) won't do.

VALUES: (kind, field) → a value; or direction → value; or a function of the value that is there.
`<field> more`: the entry that is added, or the whole longer list. ADDED: (kind, field) → a value
for a field that no manifest declares. OPPOSITE: further manifests; what is on elsewhere is off
there. TOGETHER: (kind, field) → direction → the spec with the field and what must move along.
"""

from __future__ import annotations

from typing import Any

from tests.perturbation.full import P, done_once, manifest

VALUES: dict[tuple[str, str], Any] = {
    ("WebACL", "challengeSdkInjection"): ["CLOUDFRONT"],
    ("CompositeAlarm", "alarmRule"): "TRUE",
    ("DBInstance", "engineVersion"): lambda now: {
        "a newer minor version": "16.6",
        "a newer major version": "17",
        "an older minor version": "16.1",
        "an older major version": "15",
    } if "." in now else {},
    ("DBInstance", "allocatedStorage"): lambda now: {"more": now * 2, "less": now // 2},
    ("DBInstance", "iops"): lambda now: {"more": now + 4000, "less": now - 4000},
    ("ReplicationGroup", "engineVersion"): {"newer": "7.1", "older": "6.2"},
}  # fmt: skip
ADDED: dict[tuple[str, str], Any] = {
    ("DBInstance", "dbClusterIdentifier"): "cluster",
    ("DBInstance", "sourceDBInstanceIdentifier"): "primary",
    ("DBInstance", "sourceDBClusterIdentifier"): "primary",
    ("DBInstance", "replicaMode"): "mounted",
    ("DBInstance", "promotionTier"): 2,
    ("DBInstance", "customerOwnedIp"): True,
    ("DBInstance", "multiTenant"): True,
    ("DBInstance", "dbSystemId"): "ORCL",
    ("DBInstance", "customIamInstanceProfile"): "AWSRDSCustom",
    ("DBInstance", "automationMode"): "all-paused",
    ("Service", "serviceRegistries"): [
        {"registryArn": "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"}
    ],
    ("Service", "trustedExecutionConfiguration"): {"isolationMode": "ISOLATED_SANDBOX"},
    ("Task", "trustedExecutionConfiguration"): {"isolationMode": "ISOLATED_SANDBOX"},
    ("Task", "run"): 2,
    ("Service", "vpcLatticeConfigurations"): [
        {
            "targetGroupArn": "arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-1",
            "portName": "http",
            "roleArn": "arn:aws:iam::123456789012:role/lattice",
        }
    ],
    ("Service", "deployment.alarms"): {"alarmNames": ["broken"]},
    ("Service", "deployment.bakeTimeInMinutes"): 5,
    ("Service", "deployment.linearConfiguration"): {"stepPercent": 20},
    ("Service", "deployment.canaryConfiguration"): {"canaryPercent": 20},
    ("Service", "deployment.earlySuccessCriteria"): {
        "enable": True,
        "healthyPercent": 100,
        "sourceServiceRevisionCleanup": "DEFERRED",
    },
}
OPPOSITE: dict[str, tuple[str, ...]] = {
    "LogGroup": (
        manifest("LogGroup", "full-off", """
            retentionInDays: 30
            deletionProtectionEnabled: false
            """),
    ),
    "DBInstance": (
        manifest("DBInstance", "full-off", f"""
            engineVersion: "16.4"
            dbInstanceClass: db.m7g.large
            allocatedStorage: 400
            storageType: gp3
            iops: 20000
            storageThroughput: 1000
            multiAZ: false
            manageMasterUserPassword: true
            dbSubnetGroupName: ${{DBSubnetGroup.main.name}}
            vpcSecurityGroupIds: ${{ssm:{P}/network/database-security-groups}}
            backupRetentionPeriod: 0
            deletionProtection: false
            copyTagsToSnapshot: false
            publiclyAccessible: true
            iamDatabaseAuthentication: false
            autoMinorVersionUpgrade: false
            performanceInsights: {{enabled: false}}
            monitoringInterval: 15
            monitoringRoleArn: arn:aws:iam::123456789012:role/monitoring
            """),
    ),
    "ReplicationGroup": (
        manifest("ReplicationGroup", "full-off", f"""
            engineVersion: "7.0"
            cacheNodeType: cache.m7g.large
            replicasPerNodeGroup: 2
            multiAZ: false
            automaticFailoverEnabled: true
            transitEncryptionEnabled: false
            atRestEncryptionEnabled: false
            allowUnauthenticated: true
            snapshotRetentionLimit: 0
            cacheSubnetGroupName: ${{CacheSubnetGroup.main.name}}
            securityGroupIds: ${{ssm:{P}/network/cache-security-groups}}
            """),
    ),
    "WebACL": (
        manifest("WebACL", "full-edge", """
            scope: CLOUDFRONT
            baseline: false
            defaultAction: allow
            rules:
              bots:
                priority: 1
                managedGroup:
                  name: AWSManagedRulesBotControlRuleSet
                  config: {AWSManagedRulesBotControlRuleSet: {InspectionLevel: TARGETED}}
            """),
    ),
    "Service": (
        manifest("Service", "full-ec2", """
            cluster: ${Cluster.main.name}
            launchType: EC2
            requiresCompatibilities: [EC2]
            networkMode: bridge
            desiredCount: 0
            containers: {app: {image: "busybox:1", memory: 128}}
            """),
        manifest("Service", "full-off", f"""
            cluster: ${{Cluster.main.name}}
            desiredCount: 2
            cpu: 256
            memory: 1024
            executionRoleArn: ${{ssm:{P}/roles/execution}}
            containers: {{app: {{image: "busybox:1"}}}}
            networkConfiguration: {{subnets: "${{ssm:{P}/network/private-subnets}}"}}
            deployment: {{circuitBreaker: {{enable: false, rollback: false}}}}
            enableExecuteCommand: false
            enableECSManagedTags: false
            enableFaultInjection: false
            availabilityZoneRebalancing: false
            """),
    ),
}  # fmt: skip
OPPOSITE["Task"] = done_once(OPPOSITE["Service"][1:])


Spec = dict[str, Any]


def _other_band(spec: Spec) -> dict[str, Spec]:
    """Another band, which then is the one that returns data."""
    if "thresholdMetricId" not in spec:
        return {}
    metrics = {
        name: {**query, "returnData": name in ("m1", "second")}
        for name, query in spec["metrics"].items()
    }
    return {"another value": {**spec, "thresholdMetricId": "second", "metrics": metrics}}


def _groups_for_token(spec: Spec) -> dict[str, Spec]:
    """Access by user groups, which takes the place of the token."""
    if "authToken" not in spec:
        return {}
    rest = {k: v for k, v in spec.items() if k != "authToken"}
    return {"in place of a token": {**rest, "userGroupIds": ["people"]}}


def _to(field: str, how: str, value: Any) -> Any:
    """The field with that value, where it has another one."""
    return lambda spec: {how: {**spec, field: value}} if spec.get(field, value) != value else {}


def _on_ec2(field: str, value: Any) -> Any:
    """What only instances know: a task moves there for it."""

    def moved(spec: Spec) -> dict[str, Spec]:
        kept = {k: v for k, v in spec.items() if k not in ("networkConfiguration", "pidMode")}
        there = {"launchType": "EC2", "requiresCompatibilities": ["EC2"], "networkMode": "bridge"}
        return {"another value": {**kept, **there, field: value}}

    return moved


TOGETHER: dict[tuple[str, str], Any] = {
    ("Task", "networkMode"): _on_ec2("networkMode", "bridge"),
    ("Task", "ipcMode"): _on_ec2("ipcMode", "task"),
    ("Task", "proxyConfiguration"): _on_ec2("proxyConfiguration", {"containerName": "app"}),
    ("Task", "taskPlacementConstraints"): _on_ec2(
        "taskPlacementConstraints", [{"expression": "attribute:a == b"}]
    ),
    ("Alarm", "thresholdMetricId"): _other_band,
    ("LogGroup", "kmsKeyId"): _to("kmsKeyId", "none", "none"),
    ("ReplicationGroup", "userGroupIds"): _groups_for_token,
    ("WebACL", "associations"): _to("associations", "remove an entry", []),
    ("WebACL", "logging"): _to("logging", "none", "none"),
}
