# what we clicked together in the first year, as a script so that staging is the same
import boto3

PASSWORDS = {
    "db": "Winter2019!summer",
    "stripe": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "aws": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ftp": "ftp-geheim-123",
}


def main(session):
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="172.20.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    nets = []
    for n, z in (("0", "a"), ("1", "b")):
        r = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"172.20.{n}.0/24", AvailabilityZone="us-east-1" + z
        )
        nets.append(r["Subnet"]["SubnetId"])
    sg = ec2.create_security_group(GroupName="allow all", Description="TODO", VpcId=vpc)["GroupId"]
    role = session.client("iam").create_role(
        RoleName="ecsTaskExecutionRole",
        AssumeRolePolicyDocument="""
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
         "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}""",
    )["Role"]["Arn"]

    rds = session.client("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="default-vpc-172",
        SubnetIds=nets,
        DBSubnetGroupDescription="Created from the RDS Management Console",
    )
    rds.create_db_instance(
        DBInstanceIdentifier="database-1",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        EngineVersion="13",
        AllocatedStorage=20,
        StorageType="gp2",
        MasterUsername="postgres",
        MasterUserPassword=PASSWORDS["db"],
        BackupRetentionPeriod=0,
        PubliclyAccessible=True,
        VpcSecurityGroupIds=[sg],
        DBSubnetGroupName="default-vpc-172",
        AutoMinorVersionUpgrade=False,
    )
    # minimal: all that RDS insists on
    rds.create_db_instance(
        DBInstanceIdentifier="reporting",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=30,
        MasterUsername="reporter",
        MasterUserPassword=PASSWORDS["db"],
        DBSubnetGroupName="default-vpc-172",
    )
    rds.create_db_instance(
        DBInstanceIdentifier="wordpress",
        DBName="WordPress",
        DBInstanceClass="db.t3.medium",
        Engine="mysql",
        EngineVersion="8.0",
        AllocatedStorage=100,
        MaxAllocatedStorage=1000,
        StorageType="gp2",
        MasterUsername="admin",
        MasterUserPassword=PASSWORDS["db"],
        BackupRetentionPeriod=7,
        DBSubnetGroupName="default-vpc-172",
        EnableCloudwatchLogsExports=["error", "slowquery"],
    )
    rds.create_db_parameter_group(
        DBParameterGroupName="unused",
        DBParameterGroupFamily="postgres14",
        Description="Größe ändern?",
    )

    ec = session.client("elasticache")
    ec.create_cache_subnet_group(
        CacheSubnetGroupName="subnets", CacheSubnetGroupDescription=" ", SubnetIds=nets
    )
    ec.create_replication_group(
        ReplicationGroupId="redis",
        ReplicationGroupDescription="Sitzungen (alt)",
        CacheNodeType="cache.t2.micro",
        Engine="redis",
        EngineVersion="6.x",
        NumCacheClusters=1,
        AutomaticFailoverEnabled=False,
        CacheSubnetGroupName="subnets",
        AutoMinorVersionUpgrade=False,
    )
    ec.create_cache_parameter_group(
        CacheParameterGroupName="Redis6",
        CacheParameterGroupFamily="redis6.x",
        Description="never filled in",
    )

    ecs = session.client("ecs")
    ecs.create_cluster(clusterName="Legacy_Cluster")
    ecs.create_cluster()  # "default"
    task = ecs.register_task_definition(
        family="Legacy_App",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu=".25 vCPU",
        memory="512",
        executionRoleArn=role,
        containerDefinitions=[
            {
                "name": "App",
                "image": "example/app",
                "portMappings": [{"containerPort": 80}],
                "environment": [
                    {"name": "DB_PASSWORD", "value": PASSWORDS["db"]},
                    {
                        "name": "DATABASE_URL",
                        "value": "postgres://app:{}@db.example.com:5432/app".format(
                            PASSWORDS["db"]
                        ),
                    },
                    {"name": "StripeApiKey", "value": PASSWORDS["stripe"]},
                    {"name": "jwtSecret", "value": PASSWORDS["jwt"]},
                    {"name": "AWS_SECRET_ACCESS_KEY", "value": PASSWORDS["aws"]},
                    {"name": "PASSWORD_MIN_LENGTH", "value": "8"},
                    {"name": "APP_ENV", "value": "production"},
                ],
                "command": ["serve", "--ftp-password", PASSWORDS["ftp"]],
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(
        cluster="Legacy_Cluster",
        serviceName="Legacy_App",
        taskDefinition=task,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": nets, "assignPublicIp": "ENABLED"}
        },
    )
    ecs.create_service(
        cluster="Legacy_Cluster",
        serviceName="off",
        taskDefinition="Legacy_App",
        desiredCount=0,
        launchType="FARGATE",
        deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100},
        networkConfiguration={"awsvpcConfiguration": {"subnets": nets[:1], "securityGroups": [sg]}},
    )

    # on our own machines
    ecs.register_task_definition(
        family="wordpress",
        containerDefinitions=[
            {
                "name": "php",
                "image": "wordpress:6-apache",
                "memory": 512,
                "memoryReservation": 256,
                "portMappings": [{"containerPort": 80, "hostPort": 8081}, {"containerPort": 443}],
                "links": ["memcached"],
                "extraHosts": [{"hostname": "mail", "ipAddress": "172.20.0.9"}],
                "mountPoints": [{"sourceVolume": "uploads", "containerPath": "/srv/uploads"}],
                "logConfiguration": {
                    "logDriver": "json-file",
                    "options": {"max-size": "10m", "max-file": "3"},
                },
            },
            {"name": "memcached", "image": "memcached", "memory": 64, "essential": False},
        ],
        volumes=[{"name": "uploads", "host": {"sourcePath": "/mnt/uploads"}}],
        placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    )
    ecs.create_service(
        cluster="default",
        serviceName="wordpress",
        taskDefinition="wordpress",
        desiredCount=2,
        placementStrategy=[
            {"type": "spread", "field": "attribute:ecs.availability-zone"},
            {"type": "binpack", "field": "memory"},
        ],
        deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 50},
    )
    ecs.register_task_definition(
        family="node-exporter",
        networkMode="host",
        pidMode="host",
        requiresCompatibilities=["EC2"],
        containerDefinitions=[
            {
                "name": "exporter",
                "image": "quay.io/prometheus/node-exporter:v1.8.2",
                "memoryReservation": 32,
                "portMappings": [{"containerPort": 9100}],
                "privileged": True,
            }
        ],
    )
    ecs.create_service(
        cluster="default",
        serviceName="node-exporter",
        taskDefinition="node-exporter",
        schedulingStrategy="DAEMON",
    )

    logs = session.client("logs")
    for name in ("/aws/lambda/Old_Thing", "/ecs/Legacy_App", "RDSOSMetrics", "test.2019_1"):
        logs.create_log_group(logGroupName=name)

    sm = session.client("secretsmanager")
    sm.create_secret(Name="TODO-fill-me")  # somebody does, later
    sm.create_secret(Name="legacy/cert.pem", SecretBinary=b"-----BEGIN PRIVATE KEY-----")
    sm.create_secret(
        Name="prod/App@v1+x=y", SecretString=PASSWORDS["stripe"], Description="Schlüssel für Löhne"
    )
    sm.create_secret(Name="old", SecretString=PASSWORDS["ftp"])
    sm.delete_secret(SecretId="old", RecoveryWindowInDays=30)

    cw = session.client("cloudwatch")
    cw.put_metric_alarm(
        AlarmName="High CPU!!",
        MetricName="CPUUtilization",
        Namespace="AWS/RDS",
        Statistic="Average",
        Period=300,
        EvaluationPeriods=1,
        Threshold=90,
        ComparisonOperator="GreaterThanThreshold",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "database-1"}],
    )

    waf = session.client("wafv2")
    visible = {
        "SampledRequestsEnabled": False,
        "CloudWatchMetricsEnabled": False,
        "MetricName": "x",
    }
    waf.create_web_acl(
        Name="test_ACL",
        Scope="REGIONAL",
        DefaultAction={"Block": {}},
        Rules=[],
        VisibilityConfig=visible,
    )


if __name__ == "__main__":
    main(boto3.Session())
