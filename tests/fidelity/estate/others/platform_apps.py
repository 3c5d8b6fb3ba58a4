"""The applications on the orders platform: used by platform_team.py."""

TEAM = "platform"
COST = {
    "CostCenter": "4711",
    "Team": TEAM,
    "owner": "platform@example.com",
    "aws-cdk:bucket-name": "assets",
    "awsApplication": "orders",
    "Data Classification": "internal / restricted",
    "managed-by": "scripts/platform_team.py",
    "empty": "",
    "größe": "Müller + Söhne",
}


def pairs(more=None, key="Key", value="Value"):
    """The tags, as most services want them."""
    return [{key: k, value: v} for k, v in {**COST, **(more or {})}.items()]


class Applications:
    def containers(self):
        ecs = self.ecs
        ecs.create_cluster(
            clusterName="Orders",
            tags=pairs(key="key", value="value"),
            settings=[{"name": "containerInsights", "value": "enhanced"}],
            capacityProviders=["FARGATE", "FARGATE_SPOT"],
            defaultCapacityProviderStrategy=[
                {"capacityProvider": "FARGATE_SPOT", "weight": 3},
                {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
            ],
            configuration={
                "executeCommandConfiguration": {
                    "kmsKeyId": self.key,
                    "logging": "OVERRIDE",
                    "logConfiguration": {
                        "cloudWatchLogGroupName": "/platform/orders/api",
                        "cloudWatchEncryptionEnabled": True,
                    },
                }
            },
        )
        stripe, smtp = self.secret_arns["orders/stripe"], self.secret_arns["orders/smtp"]
        ecs.register_task_definition(
            family="orders-api",
            networkMode="awsvpc",
            cpu="1 vCPU",
            memory="2 GB",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn=self.roles["execution"],
            taskRoleArn=self.roles["task"],
            pidMode="task",
            ephemeralStorage={"sizeInGiB": 30},
            runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
            tags=pairs(key="key", value="value"),
            volumes=[
                {"name": "scratch"},
                {
                    "name": "shared",
                    "efsVolumeConfiguration": {
                        "fileSystemId": "fs-0123456789abcdef0",
                        "transitEncryption": "ENABLED",
                        "authorizationConfig": {
                            "accessPointId": "fsap-0123456789abcdef0",
                            "iam": "ENABLED",
                        },
                    },
                },
            ],
            containerDefinitions=[
                {
                    "name": "api",
                    "image": f"{self.registry}/orders/api@sha256:{'ab' * 32}",
                    "cpu": 768,
                    "memoryReservation": 1024,
                    "essential": True,
                    "user": "1000:1000",
                    "entryPoint": ["/sbin/tini", "--"],
                    "command": ["./api", "--listen", "0.0.0.0:8080"],
                    "workingDirectory": "/srv",
                    "readonlyRootFilesystem": True,
                    "stopTimeout": 60,
                    "startTimeout": 120,
                    "interactive": False,
                    "pseudoTerminal": False,
                    "portMappings": [
                        {"containerPort": 9090, "name": "metrics"},
                        {
                            "containerPort": 8080,
                            "hostPort": 8080,
                            "protocol": "tcp",
                            "name": "http",
                            "appProtocol": "http",
                        },
                    ],
                    "environment": [
                        {"name": "LOG_LEVEL", "value": "info"},
                        {"name": "TEMPLATE", "value": "Dear ${customer}, thanks for {{ order }}"},
                        {"name": "FEATURES", "value": '{"baskets": true, "limit": 10}'},
                        {"name": "EMPTY", "value": ""},
                        {"name": "REGION", "value": self.region},
                    ],
                    "secrets": [
                        {"name": "STRIPE_KEY", "valueFrom": f"{stripe}:key::"},
                        {"name": "STRIPE_WEBHOOK", "valueFrom": f"{stripe}:webhook:AWSCURRENT:"},
                        {"name": "SMTP", "valueFrom": smtp},
                        {"name": "FLAGS", "valueFrom": "/orders/flags"},
                    ],
                    "healthCheck": {
                        "command": ["CMD-SHELL", "curl -sf localhost:8080/health || exit 1"],
                        "interval": 10,
                        "startPeriod": 90,
                    },
                    "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
                    "mountPoints": [
                        {"sourceVolume": "scratch", "containerPath": "/tmp"},
                        {"sourceVolume": "shared", "containerPath": "/data", "readOnly": True},
                    ],
                    "ulimits": [{"name": "nofile", "softLimit": 65536, "hardLimit": 65536}],
                    "linuxParameters": {
                        "initProcessEnabled": True,
                        "capabilities": {"drop": ["ALL"], "add": []},
                    },
                    "dockerLabels": {
                        "com.example.Owner": "platform",
                        "com.datadoghq.ad.check_names": '["api"]',
                    },
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": "/platform/orders/api",
                            "awslogs-region": self.region,
                            "awslogs-stream-prefix": "api",
                            "mode": "non-blocking",
                            "max-buffer-size": "25m",
                        },
                    },
                },
                {
                    "name": "init",
                    "image": "public.ecr.aws/docker/library/busybox:1.36",
                    "essential": False,
                    "command": ["sh", "-c", "echo $((1+1)) > /tmp/ready"],
                    "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/tmp"}],
                },
                {
                    "name": "otel",
                    "image": "public.ecr.aws/aws-observability/aws-otel-collector:v0.40.0",
                    "essential": False,
                    "cpu": 256,
                    "memory": 256,
                    "restartPolicy": {
                        "enabled": True,
                        "ignoredExitCodes": [0, 143],
                        "restartAttemptPeriod": 120,
                    },
                },
            ],
        )
        ecs.create_service(
            cluster="Orders",
            serviceName="api",
            taskDefinition="orders-api",
            desiredCount=4,
            loadBalancers=[
                {"targetGroupArn": self.targets, "containerName": "api", "containerPort": 8080}
            ],
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": self.subnets,
                    "securityGroups": [self.groups["orders"], self.groups["edge"]],
                    "assignPublicIp": "DISABLED",
                }
            },
            deploymentConfiguration={
                "maximumPercent": 150,
                "minimumHealthyPercent": 75,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
            healthCheckGracePeriodSeconds=120,
            enableExecuteCommand=True,
            enableECSManagedTags=True,
            propagateTags="TASK_DEFINITION",
            platformVersion="1.4.0",
            availabilityZoneRebalancing="ENABLED",
            tags=pairs({"tier": "1"}, "key", "value"),
        )
        ecs.register_task_definition(
            family="orders-worker",
            networkMode="awsvpc",
            cpu="512",
            memory="1024",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn=self.roles["execution"],
            containerDefinitions=[
                {
                    "name": "worker",
                    "image": "ghcr.io/example/orders-worker:2026.10.1",
                    "environment": [{"name": f"QUEUE_{n}", "value": f"orders-{n}"} for n in "cab"],
                }
            ],
        )
        ecs.create_service(
            cluster="Orders",
            serviceName="worker",
            taskDefinition="orders-worker:1",
            desiredCount=2,
            capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": self.subnets[:2]}},
            propagateTags="SERVICE",
        )

    def scaling(self):
        scaling = self.application_autoscaling
        common = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
        api = {**common, "ResourceId": "service/Orders/api"}
        scaling.register_scalable_target(**api, MinCapacity=4, MaxCapacity=40)
        for name, metric, target in (
            ("cpu", "ECSServiceAverageCPUUtilization", 55.5),
            ("memory", "ECSServiceAverageMemoryUtilization", 70.0),
        ):
            scaling.put_scaling_policy(
                **api,
                PolicyName=name,
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": target,
                    "ScaleInCooldown": 300,
                    "ScaleOutCooldown": 30,
                    "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
                },
            )
        worker = {**common, "ResourceId": "service/Orders/worker"}
        scaling.register_scalable_target(**worker, MinCapacity=0, MaxCapacity=10)
        policy = scaling.put_scaling_policy(
            **worker,
            PolicyName="Queue Depth",
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={
                "AdjustmentType": "ChangeInCapacity",
                "Cooldown": 60,
                "MetricAggregationType": "Maximum",
                "StepAdjustments": [
                    {
                        "MetricIntervalLowerBound": 0.0,
                        "MetricIntervalUpperBound": 100.0,
                        "ScalingAdjustment": 1,
                    },
                    {"MetricIntervalLowerBound": 100.0, "ScalingAdjustment": 4},
                ],
            },
        )
        scaling.put_scheduled_action(
            **worker,
            ScheduledActionName="office-hours",
            Schedule="cron(0 8 ? * MON-FRI *)",
            Timezone="Europe/Berlin",
            ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 20},
        )
        self.cloudwatch.put_metric_alarm(
            AlarmName="orders worker: queue depth",
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1000.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Dimensions=[{"Name": "QueueName", "Value": "orders"}],
            AlarmActions=[policy["PolicyARN"]],
        )

    def firewall(self):
        waf = self.wafv2
        office = waf.create_ip_set(
            Name="office",
            Scope="REGIONAL",
            IPAddressVersion="IPV4",
            Addresses=["203.0.113.0/24", "198.51.100.7/32"],
            Tags=pairs(),
        )["Summary"]["ARN"]
        lower = [{"Priority": 0, "Type": "URL_DECODE"}, {"Priority": 1, "Type": "LOWERCASE"}]

        def seen(name):
            return {
                "SampledRequestsEnabled": True,
                "CloudWatchMetricsEnabled": True,
                "MetricName": name,
            }

        admin = {
            "ByteMatchStatement": {
                "SearchString": b"/admin",
                "FieldToMatch": {"UriPath": {}},
                "PositionalConstraint": "STARTS_WITH",
                "TextTransformations": lower,
            }
        }
        rules = [
            {
                "Name": "AWS-Common",
                "Priority": 50,
                "OverrideAction": {"None": {}},
                "VisibilityConfig": seen("common"),
                "Statement": {
                    "ManagedRuleGroupStatement": {
                        "VendorName": "AWS",
                        "Name": "AWSManagedRulesCommonRuleSet",
                        "RuleActionOverrides": [
                            {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}},
                            {"Name": "NoUserAgent_HEADER", "ActionToUse": {"Challenge": {}}},
                        ],
                        "ScopeDownStatement": {"NotStatement": {"Statement": admin}},
                    }
                },
            },
            {
                "Name": "AWS-SQLi",
                "Priority": 60,
                "OverrideAction": {"Count": {}},
                "VisibilityConfig": seen("sqli"),
                "Statement": {
                    "ManagedRuleGroupStatement": {
                        "VendorName": "AWS",
                        "Name": "AWSManagedRulesSQLiRuleSet",
                        "Version": "Version_2.0",
                    }
                },
            },
            {
                "Name": "admin-from-office-only",
                "Priority": 1,
                "VisibilityConfig": seen("admin"),
                "Action": {
                    "Block": {
                        "CustomResponse": {
                            "ResponseCode": 404,
                            "CustomResponseBodyKey": "gone",
                            "ResponseHeaders": [{"Name": "x-blocked", "Value": "admin"}],
                        }
                    }
                },
                "RuleLabels": [{"Name": "orders:admin"}],
                "Statement": {
                    "AndStatement": {
                        "Statements": [
                            admin,
                            {
                                "NotStatement": {
                                    "Statement": {
                                        "IPSetReferenceStatement": {
                                            "ARN": office,
                                            "IPSetForwardedIPConfig": {
                                                "HeaderName": "X-Forwarded-For",
                                                "FallbackBehavior": "NO_MATCH",
                                                "Position": "FIRST",
                                            },
                                        }
                                    }
                                }
                            },
                            {
                                "OrStatement": {
                                    "Statements": [
                                        {"GeoMatchStatement": {"CountryCodes": ["RU", "KP", "BY"]}},
                                        {
                                            "LabelMatchStatement": {
                                                "Scope": "LABEL",
                                                "Key": "awswaf:clientip:geo:region:US-NY",
                                            }
                                        },
                                        {
                                            "SizeConstraintStatement": {
                                                "FieldToMatch": {
                                                    "SingleHeader": {"Name": "cookie"}
                                                },
                                                "ComparisonOperator": "GT",
                                                "Size": 8192,
                                                "TextTransformations": [
                                                    {"Priority": 0, "Type": "NONE"}
                                                ],
                                            }
                                        },
                                    ]
                                }
                            },
                        ]
                    }
                },
            },
            {
                "Name": "login-flood",
                "Priority": 2,
                "Action": {"Captcha": {}},
                "CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 600}},
                "VisibilityConfig": seen("login"),
                "Statement": {
                    "RateBasedStatement": {
                        "Limit": 100,
                        "EvaluationWindowSec": 60,
                        "AggregateKeyType": "CUSTOM_KEYS",
                        "CustomKeys": [
                            {"IP": {}},
                            {
                                "Header": {
                                    "Name": "User-Agent",
                                    "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                                }
                            },
                        ],
                        "ScopeDownStatement": {
                            "RegexMatchStatement": {
                                "RegexString": "^/(login|signin)$",
                                "FieldToMatch": {"UriPath": {}},
                                "TextTransformations": lower,
                            }
                        },
                    }
                },
            },
            {
                "Name": "binary",
                "Priority": 3,
                "Action": {
                    "Count": {
                        "CustomRequestHandling": {
                            "InsertHeaders": [{"Name": "x-suspicious", "Value": "yes"}]
                        }
                    }
                },
                "VisibilityConfig": seen("binary"),
                "Statement": {
                    "ByteMatchStatement": {
                        "SearchString": b"\x00\xff\xfe",
                        "PositionalConstraint": "CONTAINS",
                        "FieldToMatch": {"Body": {"OversizeHandling": "CONTINUE"}},
                        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                    }
                },
            },
            {
                "Name": "json-xss",
                "Priority": 4,
                "Action": {"Block": {}},
                "VisibilityConfig": seen("xss"),
                "Statement": {
                    "XssMatchStatement": {
                        "FieldToMatch": {
                            "JsonBody": {
                                "MatchPattern": {"IncludedPaths": ["/note", "/items/0/name"]},
                                "MatchScope": "VALUE",
                                "InvalidFallbackBehavior": "EVALUATE_AS_STRING",
                                "OversizeHandling": "MATCH",
                            }
                        },
                        "TextTransformations": [{"Priority": 0, "Type": "HTML_ENTITY_DECODE"}],
                    }
                },
            },
        ]
        acl = waf.create_web_acl(
            Name="Orders-Edge",
            Scope="REGIONAL",
            DefaultAction={
                "Allow": {
                    "CustomRequestHandling": {
                        "InsertHeaders": [{"Name": "x-waf", "Value": "passed"}]
                    }
                }
            },
            Description="before the orders load balancer",
            Rules=rules,
            Tags=pairs(),
            VisibilityConfig=seen("orders-edge"),
            TokenDomains=["example.com", "shop.example.com"],
            CustomResponseBodies={
                "gone": {"ContentType": "APPLICATION_JSON", "Content": '{"error": "gone"}'}
            },
            ChallengeConfig={"ImmunityTimeProperty": {"ImmunityTime": 300}},
        )["Summary"]["ARN"]
        waf.associate_web_acl(WebACLArn=acl, ResourceArn=self.balancer)
        own = f"awswaf:{self.account}:webacl:Orders-Edge"
        waf.put_logging_configuration(
            LoggingConfiguration={
                "ResourceArn": acl,
                "LogDestinationConfigs": [self.arn("logs", "log-group:aws-waf-logs-orders")],
                "RedactedFields": [
                    {"SingleHeader": {"Name": "authorization"}},
                    {"QueryString": {}},
                ],
                "LoggingFilter": {
                    "DefaultBehavior": "DROP",
                    "Filters": [
                        {
                            "Behavior": "KEEP",
                            "Requirement": "MEETS_ANY",
                            "Conditions": [
                                {"ActionCondition": {"Action": "BLOCK"}},
                                {"LabelNameCondition": {"LabelName": f"{own}:orders:admin"}},
                            ],
                        }
                    ],
                },
            }
        )
