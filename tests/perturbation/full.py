"""Rich manifests: for each kind as many optional fields as can go together in one resource.

`FULL`: kind → the documents of its environment; resources of that kind whose name begins with
`full` are perturbed, the others are there because they are referred to.
"""

from __future__ import annotations

from textwrap import dedent, indent

import yaml

from controller.fields import fields_of
from controller.kinds import handler_for
from tests.harness import resource

P = "/plumbline/litellm-production"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-22bb-33cc-44dd-555555eeeeee"
TOPIC = f"${{ssm:{P}/alarms/topic}}"
SUBNETS = f"${{ssm:{P}/network/private-subnets}}"
IP_SET = "arn:aws:wafv2:us-east-1:123456789012:regional/ipset/one/1"
"""Like `KEY` it stands for one that the bench makes."""
ACCOUNT = "111122223333"
"""Like `KEY` it stands for the bench's own."""
ADOPTED = "lifecycle: {adopt: true}\n"
TAGS = "tags: {team: platform, cost-center: '42'}\n"


def manifest(kind: str, name: str, spec: str) -> str:
    """A manifest with a spec in block style, and tags, if AWS keeps them."""
    head = f"apiVersion: plumbline.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
    tags = f"  {TAGS}" if handler_for(kind).held_by == "tags" else ""
    return f"{head}spec:\n{indent(dedent(spec).strip(), '  ')}\n{tags}"


LOG_GROUP = (
    manifest("LogGroup", "full", f"""
        retentionInDays: 30
        kmsKeyId: {KEY}
        logGroupClass: STANDARD
        deletionProtectionEnabled: true
        bearerTokenAuthenticationEnabled: true
        """),
)  # fmt: skip

METRIC_FILTER = (
    resource("LogGroup", "app", ""),
    manifest("MetricFilter", "full", """
        logGroupName: ${LogGroup.app.name}
        filterPattern: '{ $.level = "ERROR" }'
        metricNamespace: Orders
        metricName: Errors
        metricValue: $.count
        unit: Count
        dimensions: {Region: $.region}
        applyOnTransformedLogs: true
        fieldSelectionCriteria: '@aws.region = "us-east-1"'
        emitSystemFieldDimensions: ['@aws.account']
        """),
    manifest("MetricFilter", "full-words", """
        logGroupName: ${LogGroup.app.name}
        filterPattern: timeout
        metricNamespace: Orders
        metricName: Timeouts
        metricValue: 2
        defaultValue: 0
        """),
)  # fmt: skip

ALARM = (
    manifest("Alarm", "full-metric", f"""
        description: The gateway is busy
        namespace: AWS/ECS
        metricName: CPUUtilization
        dimensions: {{ClusterName: main, ServiceName: gateway}}
        statistic: Average
        period: 60
        unit: Percent
        evaluationPeriods: 5
        datapointsToAlarm: 3
        threshold: 80
        comparisonOperator: GreaterThanThreshold
        treatMissingData: breaching
        evaluationWindow: {{type: wallClock, timezone: Europe/Berlin}}
        warmUpConfiguration: {{warmUpPeriodDurationInMinutes: 10,
                              onlyStartEvaluatingAfterWarmUpPeriodEnds: true}}
        actionConfiguration: {{alarmTagsPropagation: {{enabled: true,
                                                     includedTagKeys: [team, cost-center]}}}}
        alarmActions: ['{TOPIC}']
        okActions: ['{TOPIC}']
        insufficientDataActions: ['{TOPIC}']
        """),
    manifest("Alarm", "full-percentile", """
        namespace: AWS/ApplicationELB
        metricName: TargetResponseTime
        extendedStatistic: p95
        evaluateLowSampleCountPercentile: ignore
        period: 300
        evaluationPeriods: 3
        threshold: 1.5
        comparisonOperator: LessThanThreshold
        evaluationWindow: {type: wallClock}
        actionConfiguration: {alarmTagsPropagation: {enabled: true, excludedTagKeys: [team]}}
        actionsEnabled: false
        """),
    manifest("Alarm", "full-math", """
        evaluationPeriods: 2
        threshold: 5
        comparisonOperator: GreaterThanThreshold
        metrics:
          errors:
            namespace: AWS/ApplicationELB
            metricName: HTTPCode_Target_5XX_Count
            dimensions: {LoadBalancer: app/one}
            stat: Sum
            unit: Count
            period: 60
            label: errors
            returnData: false
            accountId: "123456789012"
          requests:
            namespace: AWS/ApplicationELB
            metricName: RequestCount
            stat: Sum
            period: 60
            returnData: false
          share: {expression: 100 * errors / requests, period: 60, label: share}
        """),
    manifest("Alarm", "full-query", """
        evaluationCriteria:
          promQLCriteria: {query: up == 0, pendingPeriod: 120, recoveryPeriod: 60}
        evaluationInterval: 60
        """),
    manifest("Alarm", "full-band", """
        evaluationPeriods: 2
        comparisonOperator: GreaterThanUpperThreshold
        thresholdMetricId: band
        metrics:
          m1: {namespace: AWS/ECS, metricName: CPUUtilization, stat: Average, period: 300}
          band: {expression: "ANOMALY_DETECTION_BAND(m1, 2)", label: expected}
          second: {expression: "ANOMALY_DETECTION_BAND(m1, 3)", label: wide, returnData: false}
        """),
)  # fmt: skip

COMPOSITE_ALARM = (
    *(
        resource(
            "Alarm", name,
            "namespace: a, metricName: b, statistic: Sum, evaluationPeriods: 1, threshold: 1,"
            " comparisonOperator: GreaterThanThreshold",
        )
        for name in ("errors", "latency", "rollout")
    ),
    manifest("CompositeAlarm", "full", f"""
        description: People notice
        alarmRule: ALARM("${{Alarm.errors.name}}") AND NOT OK("${{Alarm.latency.name}}")
        alarmActions: ['{TOPIC}']
        okActions: ['{TOPIC}']
        insufficientDataActions: ['{TOPIC}']
        actionsSuppressor: ${{Alarm.rollout.name}}
        actionsSuppressorWaitPeriod: 60
        actionsSuppressorExtensionPeriod: 120
        actionConfiguration: {{alarmTagsPropagation: {{enabled: true, includedTagKeys: [team,
                                                                               cost-center]}}}}
        """),
    manifest("CompositeAlarm", "full-excluded", """
        alarmRule: FALSE
        actionsEnabled: false
        actionConfiguration: {alarmTagsPropagation: {enabled: true, excludedTagKeys: [team]}}
        """),
)  # fmt: skip

DASHBOARD = (
    manifest("Dashboard", "full", """
        start: -PT6H
        end: -PT1H
        periodOverride: inherit
        widgets:
          - type: metric
            x: 0
            y: 0
            width: 12
            height: 8
            region: eu-west-1
            properties:
              title: Requests
              view: timeSeries
              metrics:
                - [AWS/ApplicationELB, RequestCount, LoadBalancer, app/one, {stat: Sum}]
                - [., HTTPCode_Target_5XX_Count, ., ., {color: "#d62728"}]
                - [{expression: 100 * m2 / m1, label: share}]
          - {type: text, x: 12, y: 0, width: 12, height: 2, properties: {markdown: "# Gateway"}}
        variables:
          - {type: property, property: region, inputType: select, id: region, label: Region,
             defaultValue: eu-west-1, visible: true, values: [{value: eu-west-1, label: Ireland}]}
          - {type: pattern, pattern: app, inputType: radio, id: app,
             search: "{AWS/ApplicationELB,LoadBalancer}", populateFrom: LoadBalancer}
        """),
)  # fmt: skip

SECRET = (
    manifest("Secret", "full", f"""
        description: What it is for
        kmsKeyId: {KEY}
        generate: {{length: 40, prefix: sk-}}
        rotationEnabled: true
        rotationLambdaARN: arn:aws:lambda:us-east-1:123456789012:function:rotate
        rotationRules: {{scheduleExpression: rate(10 days), duration: 3h}}
        """),
    manifest("Secret", "full-replicated", f"""
        replicaRegions: {{eu-west-1: {{kmsKeyId: {KEY}}}, eu-north-1: {{}}}}
        generate: {{length: 20}}
        """),
    manifest("Secret", "full-daily", """
        generate: {length: 20}
        rotationEnabled: true
        rotationLambdaARN: arn:aws:lambda:us-east-1:123456789012:function:rotate
        rotationRules: {automaticallyAfterDays: 30}
        """),
)  # fmt: skip

CACHE_PARAMETER_GROUP = (
    manifest("CacheParameterGroup", "full", """
        family: redis7
        description: Settings of the cache
        parameters: {maxmemory-policy: allkeys-lfu, timeout: 300}
        """),
)  # fmt: skip

DB_PARAMETER_GROUP = (
    manifest("DBParameterGroup", "full", """
        family: postgres16
        description: Settings of the database
        parameters: {log_min_duration_statement: 1000, rds.force_ssl: 1}
        """),
)  # fmt: skip

CACHE_SUBNET_GROUP = (
    manifest("CacheSubnetGroup", "full", f"""
        description: Private subnets
        subnetIds: {SUBNETS}
        """),
)  # fmt: skip

DB_SUBNET_GROUP = (
    manifest("DBSubnetGroup", "full", f"""
        description: Private subnets
        subnetIds: {SUBNETS}
        """),
)  # fmt: skip

IP_SETS = (
    manifest("IPSet", "full", """
        scope: REGIONAL
        ipAddressVersion: IPV6
        description: Offices and partners
        addresses: ["2001:db8:1::/48", "2001:db8:2::/48"]
        """),
)  # fmt: skip

SECURITY_GROUP = (
    resource("SecurityGroup", "gateway", f"vpcId: '${{ssm:{P}/network/vpc}}'"),
    manifest("SecurityGroup", "full", f"""
        vpcId: ${{ssm:{P}/network/vpc}}
        description: The database of the gateway
        ingress:
          - {{protocol: tcp, ports: 5432, peer: "${{SecurityGroup.gateway.id}}", description: app}}
          - {{protocol: tcp, ports: 6000-6100, peer: self}}
          - {{protocol: icmp, ports: 3/4, peer: 10.0.0.0/8, description: path MTU}}
        egress:
          - {{protocol: tcp, ports: 443, peer: "2001:db8::/56", description: out}}
          - {{protocol: "50", peer: 10.40.0.0/16}}
        """),
)  # fmt: skip

DB_INSTANCE = (
    resource("Secret", "password", "generate: {length: 40}"),
    resource("DBSubnetGroup", "main", f"subnetIds: '{SUBNETS}'"),
    resource("DBParameterGroup", "main", "family: postgres16"),
    resource("Secret", "short", "generate: {length: 24}"),
    manifest("DBInstance", "full", f"""
        engine: postgres
        engineVersion: "16.4"
        dbInstanceClass: db.m7g.large
        allocatedStorage: 400
        maxAllocatedStorage: 800
        storageType: gp3
        iops: 12000
        storageThroughput: 500
        storageEncrypted: true
        kmsKeyId: {KEY}
        multiAZ: true
        publiclyAccessible: false
        networkType: IPV4
        dbSubnetGroupName: ${{DBSubnetGroup.main.name}}
        vpcSecurityGroupIds: ${{ssm:{P}/network/database-security-groups}}
        port: 5433
        dbParameterGroupName: ${{DBParameterGroup.main.name}}
        dbName: litellm
        masterUsername: litellm
        masterUserPassword: ${{Secret.password.value}}
        iamDatabaseAuthentication: true
        backupRetentionPeriod: 7
        preferredBackupWindow: 02:00-03:00
        preferredMaintenanceWindow: sun:04:00-sun:05:00
        deletionProtection: true
        copyTagsToSnapshot: true
        autoMinorVersionUpgrade: false
        performanceInsights: {{enabled: true, retentionPeriod: 465, kmsKeyId: {KEY}}}
        databaseInsightsMode: advanced
        enabledCloudwatchLogsExports: [postgresql, upgrade]
        monitoringInterval: 60
        monitoringRoleArn: arn:aws:iam::123456789012:role/monitoring
        caCertificateIdentifier: rds-ca-rsa2048-g1
        licenseModel: postgresql-license
        dedicatedLogVolume: false
        backupTarget: region
        optionGroupName: default:postgres-16
        engineLifecycleSupport: open-source-rds-extended-support
        """),
    manifest("DBInstance", "full-oracle", f"""
        engine: oracle-se2
        dbInstanceClass: db.m5.xlarge
        allocatedStorage: 200
        multiAZ: false
        licenseModel: license-included
        characterSetName: AL32UTF8
        ncharCharacterSetName: AL16UTF16
        processorFeatures: {{coreCount: 2}}
        domain: d-9067642ac7
        domainIAMRoleName: rds-directory
        masterUserPassword: ${{Secret.short.value}}
        dbSubnetGroupName: ${{DBSubnetGroup.main.name}}
        vpcSecurityGroupIds: ${{ssm:{P}/network/database-security-groups}}
        """),
    manifest("DBInstance", "full-sql", f"""
        engine: sqlserver-se
        dbInstanceClass: db.m5.xlarge
        allocatedStorage: 100
        multiAZ: false
        timezone: GMT Standard Time
        domainFqdn: corp.example.com
        domainOu: OU=databases,DC=corp,DC=example,DC=com
        domainAuthSecretArn: arn:aws:secretsmanager:us-east-1:123456789012:secret:join-a1b2c3
        domainDnsIps: [10.40.0.10, 10.40.0.11]
        masterUserPassword: ${{Secret.short.value}}
        dbSubnetGroupName: ${{DBSubnetGroup.main.name}}
        vpcSecurityGroupIds: ${{ssm:{P}/network/database-security-groups}}
        """),
    manifest("DBInstance", "full-single", f"""
        engineVersion: "16"
        dbInstanceClass: db.t4g.medium
        allocatedStorage: 50
        multiAZ: false
        availabilityZone: us-east-1a
        manageMasterUserPassword: true
        masterUserSecretKmsKeyId: {KEY}
        dbSubnetGroupName: ${{DBSubnetGroup.main.name}}
        vpcSecurityGroupIds: ${{ssm:{P}/network/database-security-groups}}
        """),
)  # fmt: skip

REPLICATION_GROUP = (
    resource("Secret", "auth", "generate: {length: 64}"),
    resource("CacheSubnetGroup", "main", f"subnetIds: '{SUBNETS}'"),
    resource("CacheParameterGroup", "main", "family: redis7"),
    manifest("ReplicationGroup", "full", f"""
        description: The cache
        engine: redis
        engineVersion: "7.0"
        cacheNodeType: cache.m7g.large
        numNodeGroups: 1
        replicasPerNodeGroup: 1
        clusterMode: disabled
        automaticFailoverEnabled: true
        multiAZ: true
        authToken: ${{Secret.auth.value}}
        atRestEncryptionEnabled: true
        kmsKeyId: {KEY}
        snapshotRetentionLimit: 7
        snapshotWindow: 02:00-03:00
        preferredMaintenanceWindow: sun:04:00-sun:05:00
        cacheSubnetGroupName: ${{CacheSubnetGroup.main.name}}
        cacheParameterGroupName: ${{CacheParameterGroup.main.name}}
        securityGroupIds: ${{ssm:{P}/network/cache-security-groups}}
        port: 6380
        autoMinorVersionUpgrade: false
        logDelivery:
          slow-log: {{destination: slow, logFormat: json}}
        notificationTopicArn: {TOPIC}
        networkType: ipv4
        ipDiscovery: ipv4
        durability: default
        """),
    manifest("ReplicationGroup", "full-open", f"""
        cacheNodeType: cache.r6gd.xlarge
        dataTieringEnabled: true
        replicasPerNodeGroup: 2
        multiAZ: false
        automaticFailoverEnabled: false
        allowUnauthenticated: true
        cacheSubnetGroupName: ${{CacheSubnetGroup.main.name}}
        securityGroupIds: ${{ssm:{P}/network/cache-security-groups}}
        """),
    manifest("ReplicationGroup", "full-sharded", f"""
        cacheNodeType: cache.m7g.large
        numNodeGroups: 2
        replicaConfiguration: {{"0002": 2}}
        clusterMode: enabled
        authToken: ${{Secret.auth.value}}
        cacheSubnetGroupName: ${{CacheSubnetGroup.main.name}}
        securityGroupIds: ${{ssm:{P}/network/cache-security-groups}}
        """),
)  # fmt: skip

CLUSTER = (
    manifest("Cluster", "full", f"""
        settings: {{containerInsights: enhanced}}
        capacityProviders: [FARGATE, FARGATE_SPOT]
        defaultCapacityProviderStrategy:
          FARGATE: {{weight: 1, base: 2}}
          FARGATE_SPOT: {{weight: 3}}
        configuration:
          managedStorageConfiguration: {{kmsKeyId: {KEY}, fargateEphemeralStorageKmsKeyId: {KEY}}}
          executeCommandConfiguration:
            kmsKeyId: {KEY}
            logging: OVERRIDE
            logConfiguration:
              cloudWatchLogGroupName: exec
              cloudWatchEncryptionEnabled: true
              s3BucketName: exec
              s3EncryptionEnabled: true
              s3KeyPrefix: sessions
        serviceConnectDefaults:
          namespace: arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1
        """),
)  # fmt: skip

SERVICE = (
    manifest("Cluster", "main", "capacityProviders: [FARGATE, FARGATE_SPOT]"),
    manifest("LogGroup", "logs", "retentionInDays: 1"),
    manifest("Service", "full", f"""
        cluster: ${{Cluster.main.name}}
        cpu: 1024
        memory: 4096
        executionRoleArn: ${{ssm:{P}/roles/execution}}
        taskRoleArn: ${{ssm:{P}/roles/task}}
        runtimePlatform: {{cpuArchitecture: ARM64, operatingSystemFamily: LINUX}}
        ephemeralStorage: {{sizeInGiB: 40}}
        pidMode: task
        enableFaultInjection: true
        volumes:
          spare: {{}}
          scratch: {{}}
          shared:
            efsVolumeConfiguration:
              fileSystemId: fs-1
              transitEncryption: true
              transitEncryptionPort: 2999
              authorizationConfig: {{accessPointId: fsap-1, iam: true}}
          plain:
            efsVolumeConfiguration: {{fileSystemId: fs-2, rootDirectory: /data,
                                      transitEncryption: true}}
        containers:
          spare: {{image: "busybox:2", essential: false}}
          app:
            image: ghcr.io/berriai/litellm:v1
            cpu: 512
            memory: 2048
            memoryReservation: 1024
            essential: true
            command: ["--port", "4000"]
            entryPoint: [/bin/app]
            environment: {{MODE: production, LOG: error}}
            secrets: {{KEY: "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-a1b2c3"}}
            environmentFiles: ["arn:aws:s3:::bucket/app.env"]
            portMappings:
              - {{containerPort: 4001, name: more, appProtocol: grpc}}
              - {{containerPort: 4000, name: http, appProtocol: http}}
            healthCheck: {{command: [CMD, healthy], interval: 15, timeout: 4, retries: 2,
                          startPeriod: 60}}
            dependsOn: {{init: SUCCESS, router: START}}
            startTimeout: 100
            stopTimeout: 110
            restartPolicy: {{enabled: true, ignoredExitCodes: [3], restartAttemptPeriod: 120}}
            user: "1000"
            workingDirectory: /app
            readonlyRootFilesystem: true
            linuxParameters:
              initProcessEnabled: true
              capabilities: {{add: [SYS_PTRACE], drop: [NET_RAW]}}
            ulimits: {{nofile: {{softLimit: 1000, hardLimit: 2000}}}}
            mountPoints:
              - {{sourceVolume: scratch, containerPath: /scratch}}
              - {{sourceVolume: shared, containerPath: /shared, readOnly: true}}
            systemControls: {{net.core.somaxconn: "1024"}}
            dockerLabels: {{team: platform}}
            logConfiguration:
              logDriver: awslogs
              options:
                mode: non-blocking
                awslogs-group: ${{LogGroup.logs.name}}
                awslogs-region: us-east-1
                awslogs-stream-prefix: app
              secretOptions:
                token: arn:aws:secretsmanager:us-east-1:123456789012:secret:token-a1b2c3
            repositoryCredentials:
              credentialsParameter: arn:aws:secretsmanager:us-east-1:123456789012:secret:reg-a1b2c3
            interactive: true
            pseudoTerminal: true
            versionConsistency: false
          init:
            image: busybox:1
            essential: false
            volumesFrom: {{router: {{readOnly: true}}}}
          router:
            image: fluent:1
            healthCheck: {{command: [CMD-SHELL, "true"]}}
            firelensConfiguration: {{type: fluentbit, options: {{enable-ecs-log-metadata: "true"}}}}
        networkConfiguration:
          subnets: {SUBNETS}
          securityGroups: ${{ssm:{P}/network/service-security-groups}}
          assignPublicIp: true
        loadBalancers:
          - {{targetGroupArn: "${{ssm:{P}/target-group/arn}}", containerName: app,
              containerPort: 4000}}
        healthCheckGracePeriodSeconds: 120
        deployment:
          maximumPercent: 250
          minimumHealthyPercent: 50
          circuitBreaker:
            enable: true
            rollback: true
            resetOnHealthyTask: true
            thresholdConfiguration: {{type: BOUNDED_PERCENT, value: 40}}
          alarms: {{alarmNames: [errors, latency], enable: true, rollback: true}}
        serviceRegistries:
          - {{registryArn: "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1",
              containerName: app, containerPort: 4000}}
        serviceConnectConfiguration:
          namespace: arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1
          logLevel: debug
          services:
            - portName: http
              discoveryName: web
              ingressPortOverride: 15000
              clientAliases: [{{port: 80, dnsName: web}}]
              timeout: {{idleTimeoutSeconds: 60, perRequestTimeoutSeconds: 30}}
              tls:
                issuerCertificateAuthority:
                  awsPcaAuthorityArn: arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/1
                kmsKey: {KEY}
                roleArn: arn:aws:iam::123456789012:role/tls
          logConfiguration:
            logDriver: awslogs
            options: {{awslogs-group: proxy, awslogs-region: us-east-1,
                       awslogs-stream-prefix: proxy}}
            secretOptions:
              token: arn:aws:secretsmanager:us-east-1:123456789012:secret:token-a1b2c3
          accessLogConfiguration: {{format: JSON, includeQueryParameters: true}}
        deploymentController: ECS
        enableExecuteCommand: true
        availabilityZoneRebalancing: true
        autoscaling:
          minCapacity: 2
          maxCapacity: 10
          suspendedState: {{dynamicScalingInSuspended: true, dynamicScalingOutSuspended: true,
                           scheduledScalingSuspended: true}}
          policies:
            cpu: {{predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60,
                  scaleInCooldown: 120, scaleOutCooldown: 60, disableScaleIn: true}}
            requests:
              predefinedMetric: ALBRequestCountPerTarget
              resourceLabel:
                "${{ssm:{P}/load-balancer/full-name}}/${{ssm:{P}/target-group/full-name}}"
              targetValue: 600
            queue:
              targetValue: 10
              customizedMetric: {{metricName: depth, namespace: app, dimensions: {{Queue: one}},
                                 statistic: Average, unit: Count}}
            steps:
              stepScaling:
                adjustmentType: PercentChangeInCapacity
                minAdjustmentMagnitude: 2
                cooldown: 60
                metricAggregationType: Maximum
                stepAdjustments:
                  - {{metricIntervalLowerBound: 0, metricIntervalUpperBound: 10,
                      scalingAdjustment: 10}}
                  - {{metricIntervalLowerBound: 10, scalingAdjustment: 30}}
            forecast:
              predictiveScaling:
                mode: ForecastAndScale
                schedulingBufferTime: 120
                maxCapacityBreachBehavior: IncreaseMaxCapacity
                maxCapacityBuffer: 10
                metricSpecifications:
                  - {{targetValue: 50, predefinedMetricPairSpecification: {{
                      predefinedMetricType: ECSServiceCPUUtilization}}}}
        """),
    manifest("Service", "full-spot", f"""
        cluster: ${{Cluster.main.name}}
        desiredCount: 2
        cpu: 256
        memory: 1024
        executionRoleArn: ${{ssm:{P}/roles/execution}}
        taskRoleArn: ${{ssm:{P}/roles/task}}
        containers: {{app: {{image: "busybox:1"}}}}
        networkConfiguration: {{subnets: "{SUBNETS}"}}
        capacityProviderStrategy: {{FARGATE: {{base: 1}}, FARGATE_SPOT: {{weight: 4}}}}
        platformVersion: 1.4.0
        """),
    manifest("Service", "full-timed", f"""
        cluster: ${{Cluster.main.name}}
        cpu: 256
        memory: 1024
        executionRoleArn: ${{ssm:{P}/roles/execution}}
        taskRoleArn: ${{ssm:{P}/roles/task}}
        containers: {{app: {{image: "busybox:1"}}}}
        networkConfiguration: {{subnets: "{SUBNETS}"}}
        autoscaling:
          minCapacity: 2
          maxCapacity: 10
          scheduledActions:
            night: {{schedule: "cron(0 2 * * ? *)", timezone: Europe/Paris, minCapacity: 1,
                    maxCapacity: 2, startTime: "2031-01-01T00:00:00Z",
                    endTime: "2032-01-01T00:00:00Z"}}
        """),
)  # fmt: skip


def done_once(manifests: tuple[str, ...]) -> tuple[str, ...]:
    """The same containers and sizes as of services, in tasks that are run once."""
    found = []
    for text in manifests:
        for name in ("Cluster.main", "LogGroup.logs"):
            text = text.replace(name, f"{name.partition('.')[0]}.once")
        document = yaml.safe_load(text)
        name = "once"
        if document["kind"] == "Service":
            name = document["metadata"]["name"].replace("full", "full-once")
            known = fields_of(handler_for("Task").spec).members
            spec = {k: v for k, v in document["spec"].items() if k in known}
            document |= {"kind": "Task", "spec": spec}
        found.append(yaml.safe_dump({**document, "metadata": {"name": name}}, sort_keys=False))
    return tuple(found)


TASK = done_once(SERVICE)

WEB_ACL = (
    resource("LogGroup", "waf", "", "").replace(
        "metadata: {name: waf}", "metadata: {name: waf, externalName: aws-waf-logs-full}"
    ),
    manifest("WebACL", "full", f"""
        scope: REGIONAL
        description: Before everything
        defaultAction: {{type: block, customResponse: {{responseCode: 403,
          customResponseBodyKey: sorry, responseHeaders: {{x-why: firewall}}}}}}
        baseline: false
        cloudWatchMetricsEnabled: true
        sampledRequestsEnabled: false
        metricName: edge
        customResponseBodies: {{sorry: {{contentType: TEXT_PLAIN, content: Sorry}}}}
        captchaImmunityTime: 600
        challengeImmunityTime: 700
        tokenDomains: [example.com, example.org]
        requestBody: {{API_GATEWAY: KB_32}}
        albLowReputationMode: ALWAYS_ON
        dataProtection:
          - {{fieldType: SINGLE_HEADER, fieldKeys: [authorization], action: HASH,
              excludeRuleMatchDetails: true}}
          - {{fieldType: BODY, action: SUBSTITUTION, excludeRateBasedDetails: true}}
        applicationAttributes: {{language: [python, go], server: [nginx]}}
        monetization: {{CurrencyMode: TEST, CryptoConfig: {{PaymentNetworks: [
          {{Chain: BASE_SEPOLIA, WalletAddress: "0x00000000000000000000000000000000000000aa",
            Prices: [{{Amount: "0.01", Currency: USDC}}]}}]}}}}
        associations: ["${{ssm:{P}/load-balancer/arn}}"]
        logging:
          destination: ${{LogGroup.waf.arn}}
          redactedFields: [{{singleHeader: authorization}}, uriPath]
          filter: {{defaultBehavior: DROP, filters: [{{behavior: KEEP, requirement: MEETS_ANY,
            conditions: [{{action: BLOCK}}, {{label: "awswaf:1:x"}}]}}]}}
        rules:
          bytes: {{priority: 1, action: block, captchaImmunityTime: 100, challengeImmunityTime: 400,
            labels: [seen, known], metricName: bytes-metric, sampledRequestsEnabled: false,
            byteMatch: {{fieldToMatch: uriPath, searchString: /admin,
                        positionalConstraint: STARTS_WITH, textTransformations: [LOWERCASE]}}}}
          regex: {{priority: 2, action: {{type: count, insertHeaders: {{x-seen: regex}}}},
            regexMatch: {{fieldToMatch: {{headers: {{matchScope: KEY, includedHeaders: [a, b],
                         oversizeHandling: CONTINUE}}}}, regexString: "^x"}}}}
          sqli: {{priority: 4, action: block, sqli: {{fieldToMatch: {{jsonBody: {{matchScope: ALL,
            includedPaths: [/a], invalidFallbackBehavior: MATCH}}}}, sensitivityLevel: HIGH}}}}
          xss: {{priority: 5, action: captcha, xss: {{fieldToMatch: {{cookies: {{matchScope: VALUE,
            excludedCookies: [c], oversizeHandling: MATCH}}}}}}}}
          size: {{priority: 6, action: block, size: {{fieldToMatch: {{body: {{oversizeHandling:
            MATCH}}}}, comparisonOperator: GT, size: 8192}}}}
          geo: {{priority: 7, action: challenge, geo: {{countries: [AT, DE], forwardedIp:
            {{headerName: x-forwarded-for, fallbackBehavior: NO_MATCH}}}}}}
          addresses: {{priority: 8, action: block, ipSet: {{arn: "{IP_SET}", forwardedIp:
            {{headerName: x-forwarded-for, fallbackBehavior: MATCH, position: FIRST}}}}}}
          asn: {{priority: 9, action: block, asn: {{asns: [64496, 64497], forwardedIp:
            {{headerName: x-forwarded-for, fallbackBehavior: MATCH}}}}}}
          label: {{priority: 10, action: block, label: {{scope: NAMESPACE, key: "seen:"}}}}
          and: {{priority: 11, action: block, and: [{{geo: [CN]}}, {{xss: {{fieldToMatch:
            {{singleQueryArgument: q}}}}}}]}}
          or: {{priority: 12, action: block, or: [{{geo: [CN]}}, {{byteMatch: {{fieldToMatch:
            {{singleHeader: user-agent}}, searchString: bot, positionalConstraint: CONTAINS}}}}]}}
          not: {{priority: 13, action: block, not: {{geo: [US]}}}}
          common:
            priority: 20
            override: count
            managedGroup:
              name: AWSManagedRulesCommonRuleSet
              version: Version_1.0
              count: [SizeRestrictions_BODY, NoUserAgent_HEADER]
              overrides: {{GenericLFI_BODY: captcha}}
              scopeDown: {{geo: [US]}}
          bots:
            priority: 21
            managedGroup:
              name: AWSManagedRulesBotControlRuleSet
              config: {{AWSManagedRulesBotControlRuleSet: {{InspectionLevel: COMMON}}}}
          rate:
            priority: 30
            action: block
            rateLimit: {{limit: 1000, window: 120, by: CUSTOM_KEYS,
              keys: [httpMethod, {{header: {{name: x-key}}}}], scopeDown: {{geo: [US]}}}}
          rate-forwarded:
            priority: 31
            action: block
            rateLimit: {{limit: 500, by: FORWARDED_IP, forwardedIp: {{headerName: x-forwarded-for,
              fallbackBehavior: MATCH}}}}
        """),
)  # fmt: skip

TOPIC_FULL = (
    manifest("Topic", "full", f"""
        kmsMasterKeyId: {KEY}
        displayName: Gateway
        policy:
          Version: "2012-10-17"
          Statement:
            - Sid: Alarms
              Effect: Allow
              Principal: {{Service: [events.amazonaws.com, cloudwatch.amazonaws.com]}}
              Action: sns:Publish
              Resource: arn:aws:sns:us-east-1:{ACCOUNT}:litellm-production-full
            - Sid: Owner
              Effect: Allow
              Principal: {{AWS: "{ACCOUNT}"}}
              Action: [sns:Publish, sns:Subscribe]
              Resource: arn:aws:sns:us-east-1:{ACCOUNT}:litellm-production-full
              Condition: {{Bool: {{aws:SecureTransport: true}}}}
        deliveryPolicy:
          http:
            defaultHealthyRetryPolicy: {{minDelayTarget: 5, maxDelayTarget: 60, numRetries: 20,
              numNoDelayRetries: 2, numMinDelayRetries: 3, numMaxDelayRetries: 4,
              backoffFunction: exponential}}
            defaultThrottlePolicy: {{maxReceivesPerSecond: 10}}
            defaultRequestPolicy: {{headerContentType: application/json}}
            disableSubscriptionOverrides: true
        signatureVersion: 2
        tracingConfig: Active
        maximumMessageSize: 131072
        subscriptions:
          - protocol: sqs
            endpoint: arn:aws:sqs:us-east-1:{ACCOUNT}:audit
            rawMessageDelivery: true
            filterPolicy: {{severity: [high, critical]}}
            filterPolicyScope: MessageBody
            redrivePolicy: {{deadLetterTargetArn: "arn:aws:sqs:us-east-1:{ACCOUNT}:lost"}}
          - protocol: firehose
            endpoint: arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/archive
            subscriptionRoleArn: arn:aws:iam::{ACCOUNT}:role/archive
        """),
    manifest("Topic", "full-fifo", """
        kmsMasterKeyId: none
        fifoTopic: true
        contentBasedDeduplication: true
        fifoThroughputScope: MessageGroup
        """).replace(
        "metadata: {name: full-fifo}",
        "metadata: {name: full-fifo, externalName: litellm-production-full.fifo}",
    ),
)  # fmt: skip

PARAMETER = (
    manifest("Parameter", "full", """
        type: String
        value: live
        description: Which way it runs
        tier: Advanced
        allowedPattern: ^[a-z,]+$
        dataType: hostname
        """),
)  # fmt: skip

STACK = (
    manifest("Stack", "full", """
        enableTerminationProtection: true
        revert: {roleArn: "arn:aws:iam::123456789012:role/r"}
        """) + ADOPTED,
)  # fmt: skip

FULL: dict[str, tuple[str, ...]] = {
    "Alarm": ALARM,
    "CacheParameterGroup": CACHE_PARAMETER_GROUP,
    "CacheSubnetGroup": CACHE_SUBNET_GROUP,
    "Cluster": CLUSTER,
    "CompositeAlarm": COMPOSITE_ALARM,
    "Dashboard": DASHBOARD,
    "DBInstance": DB_INSTANCE,
    "DBParameterGroup": DB_PARAMETER_GROUP,
    "DBSubnetGroup": DB_SUBNET_GROUP,
    "IPSet": IP_SETS,
    "LogGroup": LOG_GROUP,
    "MetricFilter": METRIC_FILTER,
    "Parameter": PARAMETER,
    "ReplicationGroup": REPLICATION_GROUP,
    "Secret": SECRET,
    "SecurityGroup": SECURITY_GROUP,
    "Service": SERVICE,
    "Stack": STACK,
    "Task": TASK,
    "Topic": TOPIC_FULL,
    "WebACL": WEB_ACL,
}
