"""Sets up the orders platform. Run once per account: python platform_team.py"""

import json

import boto3

from tests.fidelity.estate.others.platform_apps import COST, Applications, pairs

SERVICE = "ecs-tasks.amazonaws.com"
SECRET_VALUES = {
    "orders/stripe": json.dumps(
        {"key": "sk_live_51Hxyzabcdefghijklmno", "webhook": "whsec_q1w2e3r4"}
    ),
    "orders/smtp": "smtp-Passw0rd-of-the-platform",
}
CACHE_TOKEN = "platform-cache-token-0123456789"


class Platform(Applications):
    def __init__(self, session: boto3.Session, region: str = "us-east-1"):
        self.session = session
        self.region = region
        self.account = session.client("sts").get_caller_identity()["Account"]
        self.registry = f"{self.account}.dkr.ecr.{region}.amazonaws.com"

    def __getattr__(self, service):
        client = self.session.client(service.replace("_", "-"), region_name=self.region)
        setattr(self, service, client)
        return client

    def arn(self, service, resource):
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def network(self):
        ec2 = self.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        self.subnets = [
            ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.20.{i}.0/24", AvailabilityZone=self.region + zone
            )["Subnet"]["SubnetId"]
            for i, zone in enumerate("abc")
        ]
        self.groups = {
            name: ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)[
                "GroupId"
            ]
            for name in ("edge", "orders", "data")
        }
        postgres = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
        for group, way, peer in (("data", "ingress", "orders"), ("orders", "egress", "data")):
            getattr(ec2, f"authorize_security_group_{way}")(
                GroupId=self.groups[group],
                IpPermissions=[
                    {
                        **postgres,
                        "UserIdGroupPairs": [{"GroupId": self.groups[peer], "Description": "SQL"}],
                    }
                ],
            )
        self.key = self.kms.create_key(Description="orders")["KeyMetadata"]["Arn"]
        elb = self.elbv2
        self.balancer = elb.create_load_balancer(
            Name="orders", Subnets=self.subnets, SecurityGroups=[self.groups["edge"]]
        )["LoadBalancers"][0]["LoadBalancerArn"]
        self.targets = elb.create_target_group(
            Name="orders-api", Protocol="HTTP", Port=8080, VpcId=self.vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        elb.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.targets}],
        )
        self.topic = self.sns.create_topic(Name="orders-alarms")["TopicArn"]
        self.ssm.put_parameter(
            Name="/orders/mode", Type="String", Value="live", Description="How it runs"
        )
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}
            ],
        }
        self.roles = {
            name: self.iam.create_role(
                RoleName=f"orders-{name}",
                Path="/platform/",
                AssumeRolePolicyDocument=json.dumps(trust),
            )["Role"]["Arn"]
            for name in ("execution", "task", "monitoring")
        }

    def log_groups(self):
        logs = self.logs
        logs.create_log_group(logGroupName="/platform/orders/api", tags=COST, kmsKeyId=self.key)
        logs.put_retention_policy(logGroupName="/platform/orders/api", retentionInDays=400)
        logs.create_log_group(
            logGroupName="/platform/orders/worker",
            tags={**COST, "Name": "worker"},
            logGroupClass="INFREQUENT_ACCESS",
        )
        logs.put_retention_policy(logGroupName="/platform/orders/worker", retentionInDays=30)
        logs.create_log_group(logGroupName="/platform/orders/cache", deletionProtectionEnabled=True)
        logs.create_log_group(logGroupName="aws-waf-logs-orders", tags=COST)
        metric = {"metricNamespace": "Orders", "metricName": "Timeouts", "metricValue": "1"}
        for group in ("api", "cache"):
            logs.put_metric_filter(
                logGroupName=f"/platform/orders/{group}",
                filterName="timeouts",
                filterPattern="?timeout ?Timeout",
                metricTransformations=[{**metric, "defaultValue": 0}],
            )
        logs.put_metric_filter(
            logGroupName="/platform/orders/api",
            filterName="Latency by route",
            filterPattern="{ $.latency = * }",
            metricTransformations=[
                {
                    **metric,
                    "metricName": "Latency",
                    "metricValue": "$.latency",
                    "unit": "Milliseconds",
                    "dimensions": {"Route": "$.route"},
                }
            ],
        )
        logs.put_retention_policy(logGroupName="aws-waf-logs-orders", retentionInDays=1)

    def secrets(self):
        self.secret_arns = {
            name: self.secretsmanager.create_secret(
                Name=name,
                SecretString=value,
                Tags=pairs(),
                KmsKeyId=self.key,
                Description=f"{name}: ask #platform before you touch it",
            )["ARN"]
            for name, value in SECRET_VALUES.items()
        }

    def database(self):
        rds = self.rds
        rds.create_db_subnet_group(
            DBSubnetGroupName="Orders-Private",
            DBSubnetGroupDescription="orders, private only",
            SubnetIds=self.subnets,
            Tags=pairs({"Name": "Orders-Private"}),
        )
        rds.create_db_parameter_group(
            DBParameterGroupName="orders-pg16",
            DBParameterGroupFamily="postgres16",
            Description="orders: logging and connections",
            Tags=pairs(),
        )
        rds.modify_db_parameter_group(
            DBParameterGroupName="orders-pg16",
            Parameters=[
                {
                    "ParameterName": "log_min_duration_statement",
                    "ParameterValue": "1000",
                    "ApplyMethod": "immediate",
                },
                {
                    "ParameterName": "rds.force_ssl",
                    "ParameterValue": "1",
                    "ApplyMethod": "immediate",
                },
                {
                    "ParameterName": "max_connections",
                    "ParameterValue": "LEAST({DBInstanceClassMemory/9531392},5000)",
                    "ApplyMethod": "pending-reboot",
                },
                {
                    "ParameterName": "shared_preload_libraries",
                    "ParameterValue": "pg_stat_statements,auto_explain",
                    "ApplyMethod": "pending-reboot",
                },
            ],
        )
        rds.create_db_instance(
            DBInstanceIdentifier="Orders-Main",
            DBName="orders",
            Engine="postgres",
            EngineVersion="16",
            DBInstanceClass="db.m7g.large",
            AllocatedStorage=500,
            MaxAllocatedStorage=2000,
            StorageType="gp3",
            Iops=14000,
            StorageThroughput=600,
            StorageEncrypted=True,
            KmsKeyId=self.key,
            MultiAZ=True,
            PubliclyAccessible=False,
            MasterUsername="orders_root",
            ManageMasterUserPassword=True,
            MasterUserSecretKmsKeyId=self.key,
            DBSubnetGroupName="orders-private",
            VpcSecurityGroupIds=[self.groups["data"], self.groups["orders"]],
            DBParameterGroupName="orders-pg16",
            BackupRetentionPeriod=35,
            PreferredBackupWindow="02:00-03:00",
            PreferredMaintenanceWindow="Sun:04:00-Sun:05:30",
            Port=5433,
            AutoMinorVersionUpgrade=True,
            CopyTagsToSnapshot=True,
            EnablePerformanceInsights=True,
            PerformanceInsightsRetentionPeriod=731,
            DatabaseInsightsMode="advanced",
            MonitoringInterval=15,
            MonitoringRoleArn=self.roles["monitoring"],
            EnableIAMDatabaseAuthentication=True,
            EnableCloudwatchLogsExports=["upgrade", "postgresql"],
            DeletionProtection=True,
            CACertificateIdentifier="rds-ca-rsa4096-g1",
            Tags=pairs({"Backup": "daily"}),
        )

    def caches(self):
        cache = self.elasticache
        cache.create_cache_subnet_group(
            CacheSubnetGroupName="orders-cache",
            CacheSubnetGroupDescription="orders",
            SubnetIds=self.subnets,
            Tags=pairs(),
        )
        cache.create_cache_parameter_group(
            CacheParameterGroupName="orders-valkey8",
            CacheParameterGroupFamily="valkey8",
            Description="evict what has not been used",
            Tags=pairs(),
        )
        cache.modify_cache_parameter_group(
            CacheParameterGroupName="orders-valkey8",
            ParameterNameValues=[
                {"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lfu"},
                {"ParameterName": "notify-keyspace-events", "ParameterValue": "Ex"},
            ],
        )
        cache.create_replication_group(
            ReplicationGroupId="Orders-Sessions",
            ReplicationGroupDescription="sessions & baskets",
            Engine="valkey",
            EngineVersion="8.0",
            CacheNodeType="cache.r7g.large",
            NumCacheClusters=3,
            AutomaticFailoverEnabled=True,
            MultiAZEnabled=True,
            Port=6380,
            CacheSubnetGroupName="orders-cache",
            CacheParameterGroupName="orders-valkey8",
            SecurityGroupIds=[self.groups["data"]],
            TransitEncryptionEnabled=True,
            TransitEncryptionMode="required",
            AuthToken=CACHE_TOKEN,
            AtRestEncryptionEnabled=True,
            KmsKeyId=self.key,
            SnapshotRetentionLimit=7,
            SnapshotWindow="01:00-02:00",
            PreferredMaintenanceWindow="mon:03:00-mon:04:00",
            NotificationTopicArn=self.topic,
            LogDeliveryConfigurations=[
                {
                    "LogType": "slow-log",
                    "DestinationType": "cloudwatch-logs",
                    "LogFormat": "json",
                    "DestinationDetails": {
                        "CloudWatchLogsDetails": {"LogGroup": "/platform/orders/cache"}
                    },
                }
            ],
            Tags=pairs({"Name": "sessions"}),
        )
        cache.create_replication_group(
            ReplicationGroupId="orders-shards",
            ReplicationGroupDescription="x",
            Engine="redis",
            EngineVersion="7.1",
            CacheNodeType="cache.m7g.large",
            NumNodeGroups=2,
            ReplicasPerNodeGroup=1,
            AutomaticFailoverEnabled=True,
            CacheParameterGroupName="default.redis7.cluster.on",
            CacheSubnetGroupName="orders-cache",
            TransitEncryptionEnabled=True,
            TransitEncryptionMode="preferred",
            AtRestEncryptionEnabled=True,
        )

    def alarms(self):
        watch = self.cloudwatch
        for name, metric, limit, unit in (
            ("CPU", "CPUUtilization", 80.0, "Percent"),
            ("Storage", "FreeStorageSpace", 20e9, "Bytes"),
            ("Connections", "DatabaseConnections", 450.0, "Count"),
        ):
            operator = "LessThanThreshold" if name == "Storage" else "GreaterThanThreshold"
            watch.put_metric_alarm(
                AlarmName=f"Orders/DB/{name}",
                AlarmDescription=f"see https://wiki.example.com/orders#{name}",
                Namespace="AWS/RDS",
                MetricName=metric,
                Unit=unit,
                Statistic="Average",
                Period=300,
                EvaluationPeriods=3,
                DatapointsToAlarm=2,
                Threshold=limit,
                ComparisonOperator=operator,
                Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "orders-main"}],
                AlarmActions=[self.topic],
                OKActions=[self.topic],
                TreatMissingData="breaching",
                Tags=pairs(),
            )

    def everything(self):
        for step in (
            "network",
            "log_groups",
            "secrets",
            "database",
            "caches",
            "containers",
            "scaling",
            "firewall",
            "alarms",
        ):
            getattr(Platform, step)(self)


if __name__ == "__main__":
    Platform(boto3.Session()).everything()
